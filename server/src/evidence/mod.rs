//! Evidence: rows made once, when a log has been verified, and never again from raw events.
//!
//! What comes from a log is Parquet under `DATA/evidence/<table>/region=R/month=YYYY-MM/<device>-<counter>.parquet`, the
//! same bytes for the same log. What the bureau imported is read from its store at each run. Rules see these tables alone.

pub mod claimed;
pub mod imported;
pub mod session;
pub mod tables;

use std::path::Path;

use datafusion::arrow::error::ArrowError;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::errors::ParquetError;
use muster_hours::error::{AssignmentError, CountError};
use muster_hours::schedule::Assignment;
use muster_seal::error::LogError;
use thiserror::Error;

use crate::central::sequencer::write_file;
use crate::store::{Store, StoreError, devices, sessions, setting};
use tables::{Row, Table};

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
    /// The rows cannot be made a table.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// The table cannot be written.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
}

/// Writes the evidence of every final session that has none yet; gives how many there were.
///
/// # Errors
/// [`EvidenceError`]; what was written stays, and the next call goes on.
pub fn build(store: &Store) -> Result<usize, EvidenceError> {
    let pending = store.read(sessions::without_evidence)?;
    for (device, counter) in &pending {
        one(store, device, *counter)?;
        store.write(|tx| sessions::set_evidence(tx, device, *counter))?;
    }
    Ok(pending.len())
}

fn one(store: &Store, device: &str, counter: u64) -> Result<(), EvidenceError> {
    let lost = |what| EvidenceError::Store(StoreError::Corrupt(what));
    let (stored, enrolled, domain, document) = store.read(|conn| {
        let stored = sessions::session(conn, device, counter)?.ok_or_else(|| lost("a final session"))?;
        let enrolled = devices::device(conn, device)?.ok_or_else(|| lost("a session of no device"))?;
        let domain: String = setting(conn, "domain")?.ok_or_else(|| lost("no domain"))?;
        let document = sessions::assignment(conn, &stored.assignment)?.ok_or_else(|| lost("a lost assignment"))?;
        Ok::<_, EvidenceError>((stored, enrolled, domain, document))
    })?;
    let origin = muster_seal::session::origin(&domain, device, counter);
    let key = enrolled.life.signer(counter);
    let log = muster_seal::session::verify(&stored.log, &stored.seal, &origin, &key)
        .map_err(|source| EvidenceError::Log { device: device.to_owned(), counter, source })?;
    let plan = Assignment::parse(document.as_bytes())?;
    let counted = muster_hours::count(&log, &plan)?;
    let start = plan.times.first().map_or(0, |(start, _)| *start);
    let month = crate::clock::rfc3339(start)[..7].to_owned();
    for (table, rows) in session::rows(&log, &plan, &counted, &stored) {
        let path = store.dir().join("evidence").join(table.name);
        let path = path.join(format!("region={}", plan.assignment.region)).join(format!("month={month}"));
        let path = path.join(format!("{device}-{counter}.parquet"));
        // A device that was ended at an earlier counter since then attests nothing with this session.
        if enrolled.life.key_at(counter).is_err() {
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StoreError::Io { path, source }.into());
                }
                _ => continue,
            }
        }
        write(&path, table, &rows)?;
    }
    Ok(())
}

fn write(path: &Path, table: &Table, rows: &[Row]) -> Result<(), EvidenceError> {
    let batch = table.batch(rows)?;
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None)?;
    writer.write(&batch)?;
    Ok(write_file(path, &writer.into_inner()?)?)
}
