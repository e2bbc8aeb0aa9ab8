//! The auditor's side, against bundles of a town in memory.

mod cases;
mod corpus;
mod good;
#[cfg(feature = "witness")]
mod interop;
mod sets;
mod town;
#[cfg(feature = "witness")]
mod witness;
