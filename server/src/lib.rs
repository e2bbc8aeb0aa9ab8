//! The central service at the bureau: verifies session logs, keeps them in a witnessed log, and reconciles them with claims.
//!
//! One direction: `ingest` -> `central` -> `evidence` -> `rules` -> findings -> `pages`. [`pipeline`] and the binary join
//! the steps; a step knows the data on both sides of it and not its neighbours.

pub mod api;
pub mod app;
pub mod bundle;
pub mod central;
pub mod cli;
pub mod clock;
pub mod config;
pub mod desk;
pub mod error;
pub mod evidence;
pub mod fault;
pub mod import;
pub mod ingest;
pub mod job;
pub mod openapi;
pub mod pages;
pub mod pipeline;
pub mod proof;
pub mod router;
pub mod rules;
pub mod second;
pub mod store;
pub mod text;
