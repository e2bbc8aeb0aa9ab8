//! End-to-end tests: the shipped binaries, real pseudo-terminals, real video, the real database.

mod bad_input;
mod classes;
mod judges;
mod reader;
mod recovery;
mod tampered;
mod tidy;
mod video;
