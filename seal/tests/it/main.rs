//! The formats from outside: shared vectors, and every way to bend what was sealed.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as a test may")]

mod errors;
mod line_errors;
mod made;
mod note_errors;
mod proofs;
mod round_trips;
mod tamper;
mod vectors;
