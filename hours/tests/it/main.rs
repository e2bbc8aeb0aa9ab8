//! What records are worth: cases that a person can check by hand, and laws that hold for any class.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as a test may")]

mod cap_laws;
mod cases;
mod counting;
mod day_laws;
mod days;
mod laws;
mod log;
mod refusals;
