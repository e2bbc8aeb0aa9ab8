//! The agent at a training site: reads cards, looks at faces, and writes a signed, append-only log per session.
//!
//! Reader and camera only emit what they saw. [`checkin`] decides what to record, [`session`] and [`store`] put it on disk,
//! and only then does [`kiosk`] say so. [`sync`] reads the store and nothing else. [`agent`] joins the steps.

pub mod agenda;
pub mod agent;
pub mod camera;
pub mod checkin;
pub mod clock;
pub mod config;
pub mod doctor;
pub mod identity;
pub mod kiosk;
pub mod reader;
pub mod rotate;
pub mod second;
pub mod session;
pub mod store;
pub mod sync;
pub mod text;
pub mod trust;
