//! The auditor's side, against bundles of a town in memory.

mod cases;
mod corpus;
mod good;
mod sets;
mod town;
#[cfg(feature = "witness")]
mod witness;
