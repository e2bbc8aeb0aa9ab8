//! What records are worth: presence, attested lessons, and one reason for each cell that does not count.
//!
//! Pure: a verified log and the assignment it was held under go in, a [`count::Counted`] comes out. The server counts at
//! ingest and the auditor counts again with this same code, so there is nothing to disagree about but the records. `COUNTING.md` beside this folder says the rules in words, with
//! examples that are run as tests.

pub mod assurance;
pub mod cap;
pub mod count;
pub mod error;
mod outage;
pub mod policy;
pub mod presence;
pub mod schedule;

pub use count::count;
