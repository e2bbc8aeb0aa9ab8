//! End-to-end tests: the shipped binaries, real pseudo-terminals, real video, the real database.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop there and then")]

mod bad_input;
mod classes;
#[cfg(feature = "cluster")]
mod cluster;
mod firmware;
mod fsck;
mod judges;
mod life;
mod oracle;
mod plug;
mod profile;
mod reader;
mod recovery;
mod tampered;
mod tidy;
mod video;
mod witness;
mod world;
