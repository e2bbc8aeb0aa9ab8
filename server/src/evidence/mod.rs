//! Evidence: rows made once, when a log has been verified, and never again from raw events.
//!
//! What comes from a log is Parquet under `DATA/evidence/<table>/region=R/month=YYYY-MM/<device>-<counter>.parquet`, the
//! same bytes for the same log. What the bureau imported is read from its store at each run. Rules see these tables alone.

pub mod brackets;
pub mod claimed;
pub mod imported;
pub mod session;
pub mod sheet;
pub mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use datafusion::arrow::error::ArrowError;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::errors::ParquetError;
use muster_hours::error::{AssignmentError, CountError};
use muster_hours::schedule::Assignment;
use muster_seal::error::LogError;
use muster_seal::life::Life;
use thiserror::Error;

use crate::central::sequencer::write_file;
use crate::store::{Store, StoreError, devices, sessions, setting};
use sheet::Sheet;
use tables::{ALL, Source, Table};

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

/// What [`build`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Built {
    /// How many sessions' evidence was written.
    pub written: usize,
    /// Why that of others could not be, one line each; they are tried again the next time.
    pub refused: Vec<String>,
}

/// Writes the evidence of every final session that has none yet, or whose files are gone. A session that cannot be
/// read keeps none of the others from being counted.
///
/// # Errors
/// [`StoreError`].
pub fn build(store: &Store) -> Result<Built, StoreError> {
    let files = files(store);
    let mut pending: BTreeSet<(String, u64)> = store.read(sessions::without_evidence)?.into_iter().collect();
    pending.extend(lost(store, &files)?);
    let mut built = Built::default();
    for (device, counter) in pending {
        match one(store, &device, counter, &files) {
            Ok(()) => {
                store.write(|tx| sessions::set_evidence(tx, &device, counter))?;
                built.written += 1;
            }
            Err(error) => {
                tracing::error!(%device, counter, %error, "no evidence of a session");
                // What an earlier version made of it must not count either.
                remove(&files, &device, counter)?;
                built.refused.push(format!("{device}/{counter}: {error}"));
            }
        }
    }
    Ok(built)
}

/// Makes all evidence anew from the stored logs.
///
/// # Errors
/// [`StoreError`].
pub fn rebuild(store: &Store) -> Result<Built, StoreError> {
    let finals = store.read(sessions::finals)?;
    let ids: BTreeSet<&str> = finals.iter().map(|(device, _)| device.as_str()).collect();
    store.write(|tx| ids.iter().try_for_each(|device| sessions::reset_evidence(tx, device, 0)))?;
    build(store)
}

/// The files of each table, by `<device>-<counter>`.
type Files = BTreeMap<&'static str, BTreeMap<String, PathBuf>>;

fn files(store: &Store) -> Files {
    // A folder that is not there holds nothing.
    let list = |folder: &Path| {
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let of = |table: &'static Table| {
        let regions = list(&store.dir().join("evidence").join(table.name));
        let files = regions.iter().flat_map(|region| list(region)).flat_map(|month| list(&month));
        let named = files.filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)));
        (table.name, named.collect())
    };
    ALL.into_iter().filter(|table| table.source == Source::Logs).map(of).collect()
}

/// The sessions that had evidence, and lack a file of it now.
fn lost(store: &Store, files: &Files) -> Result<Vec<(String, u64)>, StoreError> {
    let gone = |device: &str, counter: u64| {
        let name = format!("{device}-{counter}");
        files.values().any(|of_table| !of_table.contains_key(&name))
    };
    store.read(|conn| {
        let mut lives: BTreeMap<String, Option<Life>> = BTreeMap::new();
        let mut lost = Vec::new();
        for (device, counter) in sessions::finals(conn)?.into_iter().filter(|(device, counter)| gone(device, *counter))
        {
            if !lives.contains_key(&device) {
                lives.insert(device.clone(), devices::device(conn, &device)?.map(|d| d.life));
            }
            // What a device signed past its end has no evidence.
            if lives[&device].as_ref().is_some_and(|life| life.key_at(counter).is_ok()) {
                lost.push((device, counter));
            }
        }
        Ok(lost)
    })
}

fn remove(files: &Files, device: &str, counter: u64) -> Result<(), StoreError> {
    let name = format!("{device}-{counter}");
    for path in files.values().filter_map(|of_table| of_table.get(&name)) {
        match std::fs::remove_file(path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::Io { path: path.clone(), source });
            }
            _ => {}
        }
    }
    Ok(())
}

fn one(store: &Store, device: &str, counter: u64, files: &Files) -> Result<(), EvidenceError> {
    let lost = |what| EvidenceError::Store(StoreError::Corrupt(what));
    let (stored, enrolled, domain, document) = store.read(|conn| {
        let stored = sessions::session(conn, device, counter)?.ok_or_else(|| lost("a final session"))?;
        let enrolled = devices::device(conn, device)?.ok_or_else(|| lost("a session of no device"))?;
        let domain: String = setting(conn, "domain")?.ok_or_else(|| lost("no domain"))?;
        let document = sessions::assignment(conn, &stored.assignment)?.ok_or_else(|| lost("a lost assignment"))?;
        Ok::<_, EvidenceError>((stored, enrolled, domain, document))
    })?;
    // A device that was ended at an earlier counter since then attests nothing with this session.
    if enrolled.life.key_at(counter).is_err() {
        return Ok(remove(files, device, counter)?);
    }
    let origin = muster_seal::session::origin(&domain, device, counter);
    let key = enrolled.life.signer(counter);
    let log = muster_seal::session::verify(&stored.log, &stored.seal, &origin, &key)
        .map_err(|source| EvidenceError::Log { device: device.to_owned(), counter, source })?;
    let plan = Assignment::parse(document.as_bytes())?;
    let counted = muster_hours::count(&log, &plan)?;
    let start = plan.times.first().map_or(0, |(start, _)| *start);
    let month = crate::clock::rfc3339(start)[..7].to_owned();
    let mut sheets = session::Sheets::default();
    session::rows(&mut sheets, &log, &plan, &counted, &stored)?;
    for sheet in &mut sheets.all {
        let path = store.dir().join("evidence").join(sheet.table().name);
        let path = path.join(format!("region={}", plan.assignment.region)).join(format!("month={month}"));
        let path = path.join(format!("{device}-{counter}.parquet"));
        write(&path, sheet)?;
    }
    Ok(())
}

fn write(path: &Path, sheet: &mut Sheet) -> Result<(), EvidenceError> {
    let batch = sheet.batch()?;
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None)?;
    writer.write(&batch)?;
    Ok(write_file(path, &writer.into_inner()?)?)
}
