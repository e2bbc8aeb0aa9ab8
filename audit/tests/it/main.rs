//! The auditor's side, against bundles of a town in memory.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as a test may")]

mod bulk;
mod cases;
mod corpus;
mod good;
#[cfg(feature = "witness")]
mod interop;
mod mirror;
mod page;
mod profile;
mod program;
mod sets;
mod sized;
mod strict;
mod town;
#[cfg(feature = "witness")]
mod witness;
