//! End-to-end tests: the shipped binaries, real pseudo-terminals, real video, the real database.
