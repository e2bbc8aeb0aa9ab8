//! Evidence: rows made once, when a log has been verified, and never again from raw events.
//!
//! What comes from logs is Parquet under `DATA/evidence/<table>/region=R/month=YYYY-MM/<part>.parquet`, the same bytes for the
//! same logs; the store says which parts are in force. What the bureau imported is read from its store at each run. Rules see
//! these tables alone.

pub mod brackets;
pub mod build;
pub mod claimed;
pub mod compact;
pub mod direct;
pub mod imported;
pub mod journeys;
pub mod place;
pub mod session;
pub mod sheet;
pub mod tables;

use muster_hours::error::{AssignmentError, CountError};
use muster_seal::error::LogError;
use thiserror::Error;

use crate::store::{Store, StoreError, parts};

/// Why evidence could not be written.
#[derive(Debug, Error)]
pub enum EvidenceError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A log that was verified at ingest does not verify now.
    #[error("session {counter} of {device} no longer verifies: {source}")]
    Log {
        /// Which device.
        device: String,
        /// Which counter.
        counter: u64,
        /// Why.
        source: LogError,
    },
    /// Its assignment cannot be read.
    #[error(transparent)]
    Plan(#[from] AssignmentError),
    /// It cannot be counted.
    #[error(transparent)]
    Count(#[from] CountError),
}

/// What [`build::build`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Built {
    /// How many sessions' evidence was written.
    pub written: usize,
    /// Why that of others could not be, one line each; they are tried again the next time.
    pub refused: Vec<String>,
    /// The classes of all of them.
    pub classes: std::collections::BTreeSet<String>,
}

/// Makes all evidence anew from the stored logs.
///
/// # Errors
/// [`StoreError`].
pub fn rebuild(store: &Store, progress: build::Progress<'_>) -> Result<Built, StoreError> {
    let gone = store.write(parts::reset_all)?;
    build::sweep(&place::Place::folder(&store.dir().join("evidence"))?, &gone)?;
    let built = build::build(store, progress)?;
    compact::compact(store, 1)?;
    Ok(built)
}
