//! The formats from outside: shared vectors, and every way to bend what was sealed.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as a test may")]

mod bodies;
mod cosign;
mod errors;
mod format;
mod line_errors;
mod made;
mod note_errors;
mod oracle;
mod parsers;
mod proofs;
mod round_trips;
#[cfg(feature = "sm2")]
mod second;
#[cfg(feature = "sm2")]
mod sm2;
mod tamper;
mod vectors;
