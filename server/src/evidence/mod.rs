//! Evidence: rows made once, when a log has been verified, and never again from raw events.
//!
//! What comes from logs is Parquet under `DATA/evidence/<table>/region=R/month=YYYY-MM/<part>.parquet`, or in another folder or storage that
//! speaks S3 instead of `DATA/evidence`, the same bytes for the same logs; the store says which parts are in force. What the bureau imported is read from its store at each run. Rules see
//! these tables alone.

pub mod brackets;
pub mod build;
pub mod claimed;
pub mod compact;
pub mod direct;
pub mod gather;
pub mod imported;
pub mod journeys;
pub mod place;
pub mod session;
pub mod sheet;
pub mod tables;

use muster_hours::error::{AssignmentError, CountError};
use muster_seal::error::LogError;
use thiserror::Error;

use crate::central::sequencer;
use crate::store::{Store, StoreError, parts, put_setting, setting};
use place::{FOLDER, Place, SETTING};

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
    build::sweep(&Place::of(store)?, &gone)?;
    let built = build::build(store, progress)?;
    compact::compact(store, 1)?;
    Ok(built)
}

/// A file that is written and removed to see whether a place takes any.
const TRIED: &str = "muster-tried";

/// Keeps evidence where it is asked for: in [`FOLDER`], in a folder of its own by its whole path, or at an address
/// `s3://bucket/prefix`. What lay elsewhere is removed there, and made anew by the next run. Where nothing is asked for it stays where it is.
///
/// # Errors
/// [`StoreError`]; where this program cannot reach the new place, or the old, nothing has changed.
pub fn keep_at(store: &Store, asked: Option<&str>) -> Result<(), StoreError> {
    let Some(asked) = asked else { return Ok(()) };
    let is_there = || {
        Ok::<_, StoreError>(store.read(|conn| setting::<String>(conn, SETTING))?.as_deref().unwrap_or(FOLDER) == asked)
    };
    if is_there()? {
        return Ok(());
    }
    let _alone = sequencer::lock(store.dir(), "reconcile.lock")?;
    if is_there()? {
        return Ok(());
    }
    let old = Place::of(store)?;
    old.sizes()?;
    if asked != FOLDER {
        let new = Place::at(asked)?;
        new.put(TRIED, b"Muster".to_vec())?;
        new.delete(TRIED)?;
    }
    let gone = store.write(|tx| {
        put_setting(tx, SETTING, asked.as_bytes())?;
        parts::reset_all(tx)
    })?;
    build::sweep(&old, &gone)
}
