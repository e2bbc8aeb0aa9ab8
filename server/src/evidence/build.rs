//! Verified logs to parts: the sessions of one region and month together, two pieces of work at a time.
//!
//! Files are written first and put in force by one transaction, so that a run that is killed leaves nothing half read: what it
//! finished counts, what it did not is made the next time. The same sessions give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use muster_hours::schedule::Assignment;
use muster_seal::merkle::sha256;

use super::session::{Sheets, rows};
use super::{Built, EvidenceError};
use crate::evidence::place::Place;
use crate::store::parts::{self, Part, Pending};
use crate::store::{Store, StoreError, devices, sessions, setting};

/// How many pieces of work are done at once.
pub(crate) fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Where the work is told how far it has come: sessions done, and sessions in all.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Writes the evidence of every final session that has none yet, or whose files are gone. A session that cannot be
/// read keeps none of the others from being counted.
///
/// # Errors
/// [`StoreError`].
pub fn build(store: &Store, progress: Progress<'_>) -> Result<Built, StoreError> {
    for part in lost(store, &Place::of(store)?)? {
        store.write(|tx| parts::reset(tx, &part))?;
    }
    build_new(store, progress)
}

/// The same for logs that came since, without looking whether all files are still there: of a country there are many.
///
/// # Errors
/// [`StoreError`].
pub fn build_new(store: &Store, progress: Progress<'_>) -> Result<Built, StoreError> {
    let place = Place::of(store)?;
    let pending = store.read(parts::pending)?;
    let all = pending.len();
    let pieces: Vec<&[Pending]> = pending.chunk_by(|a, b| a.region == b.region && a.month == b.month).collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let built: Mutex<Built> = Mutex::default();
    let work = || -> Result<(), StoreError> {
        while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            let of_piece = one_piece(store, &place, piece)?;
            let mut built = built.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            built.written += of_piece.written;
            built.refused.extend(of_piece.refused);
            built.classes.extend(of_piece.classes);
            progress(done.fetch_add(piece.len(), Ordering::Relaxed) + piece.len(), all);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers().min(pieces.len())).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|t| t.join().unwrap_or(Err(StoreError::Corrupt("a worker died"))))
    })?;
    let mut built = built.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    built.refused.sort();
    Ok(built)
}

/// The parts that lack a file, or have one of another length than was written.
fn lost(store: &Store, place: &Place) -> Result<Vec<String>, StoreError> {
    let (mut lost, there) = (Vec::new(), place.sizes()?);
    for part in store.read(parts::all)? {
        for (table, bytes) in &part.tables {
            if there.get(&part.key(table)) != Some(bytes) {
                lost.push(part.part.clone());
                break;
            }
        }
    }
    Ok(lost)
}

/// What a worker keeps between sessions.
#[derive(Default)]
struct Known {
    domain: String,
    devices: BTreeMap<String, devices::Device>,
    assignment: Option<(String, muster_hours::schedule::Plan)>,
}

/// Rows and their sessions, by region and month as the assignments say.
type Made = BTreeMap<(String, String), (Sheets, Vec<(String, u64)>)>;

fn one_piece(store: &Store, place: &Place, piece: &[Pending]) -> Result<Built, StoreError> {
    let mut built = Built::default();
    built.classes.extend(piece.iter().filter(|p| !p.class.is_empty()).map(|p| p.class.clone()));
    let mut known = Known::default();
    let mut made = Made::new();
    let mut none: Vec<(&Pending, bool)> = Vec::new();
    for pending in piece {
        match one(store, pending, &mut known, &mut made) {
            Ok(true) => built.written += 1,
            Ok(false) => none.push((pending, true)),
            Err(error) => {
                let (device, counter) = (&pending.device, pending.counter);
                tracing::error!(%device, counter, %error, "no evidence of a session");
                built.refused.push(format!("{device}/{counter}: {error}"));
                none.push((pending, false));
            }
        }
    }
    let mut new = Vec::new();
    for ((region, month), (sheets, sessions)) in made {
        new.push((write(place, region, month, sheets, &sessions)?, sessions));
    }
    let empty = store.write(|tx| {
        for (pending, settled) in &none {
            parts::none(tx, &pending.device, pending.counter, *settled)?;
        }
        new.iter().try_for_each(|(part, sessions)| parts::put(tx, part, sessions))?;
        let before: BTreeSet<&str> = piece.iter().filter_map(|p| p.part.as_deref()).collect();
        if before.is_empty() { Ok(Vec::new()) } else { parts::drop_empty(tx) }
    })?;
    sweep(place, &empty)?;
    Ok(built)
}

/// Removes the files of parts that are no longer in force.
pub(super) fn sweep(place: &Place, parts: &[Part]) -> Result<(), StoreError> {
    parts.iter().flat_map(|part| part.tables.keys().map(|table| part.key(table))).try_for_each(|key| place.delete(&key))
}

/// Adds a session's rows; `false` when it attests nothing: its device was ended at an earlier counter since then.
fn one(store: &Store, pending: &Pending, known: &mut Known, made: &mut Made) -> Result<bool, EvidenceError> {
    let lost = |what| EvidenceError::Store(StoreError::Corrupt(what));
    let (device, counter) = (pending.device.as_str(), pending.counter);
    let stored = store.read(|conn| {
        if known.domain.is_empty() {
            known.domain = setting(conn, "domain")?.ok_or_else(|| lost("no domain"))?;
        }
        if !known.devices.contains_key(device) {
            let found = devices::device(conn, device)?.ok_or_else(|| lost("a session of no device"))?;
            known.devices.insert(device.to_owned(), found);
        }
        let stored = sessions::session(conn, device, counter)?.ok_or_else(|| lost("a final session"))?;
        if known.assignment.as_ref().is_none_or(|(hash, _)| *hash != stored.assignment) {
            let document = sessions::assignment(conn, &stored.assignment)?.ok_or_else(|| lost("a lost assignment"))?;
            known.assignment = Some((stored.assignment.clone(), Assignment::parse(document.as_bytes())?));
        }
        Ok::<_, EvidenceError>(stored)
    })?;
    let life = &known.devices[device].life;
    if life.key_at(counter).is_err() {
        return Ok(false);
    }
    let Some((_, plan)) = &known.assignment else { return Err(lost("a lost assignment")) };
    let origin = muster_seal::session::origin(&known.domain, device, counter);
    let log = muster_seal::session::verify(&stored.log, &stored.seal, &origin, &life.signer(counter))
        .map_err(|source| EvidenceError::Log { device: device.to_owned(), counter, source })?;
    let counted = muster_hours::count(&log, plan)?;
    let start = plan.times.first().map_or(0, |(start, _)| *start);
    let key = (plan.assignment.region.clone(), crate::clock::rfc3339(start)[..7].to_owned());
    let (sheets, sessions) = made.entry(key).or_default();
    rows(sheets, &log, plan, &counted, &stored)?;
    sessions.push((device.to_owned(), counter));
    Ok(true)
}

/// A part's name: which sessions it holds, in the order of its rows.
pub(super) fn name(sessions: &[(String, u64)]) -> String {
    let list: String = sessions.iter().map(|(device, counter)| format!("{device}/{counter}\n")).collect();
    hex::encode(&sha256(list.as_bytes())[..8])
}

fn write(
    place: &Place,
    region: String,
    month: String,
    mut sheets: Sheets,
    sessions: &[(String, u64)],
) -> Result<Part, StoreError> {
    let mut part =
        Part { part: name(sessions), region, month, sessions: sessions.len() as u64, tables: BTreeMap::new() };
    for sheet in sheets.all.iter_mut().filter(|sheet| sheet.rows() > 0) {
        let batch = sheet.batch().map_err(|_| StoreError::Corrupt("rows that do not fit their table"))?;
        put(place, &mut part, sheet.table().name, &batch)?;
    }
    Ok(part)
}

/// Puts the file of one table of a part.
pub(super) fn put(place: &Place, part: &mut Part, table: &str, batch: &RecordBatch) -> Result<(), StoreError> {
    let bytes = parquet(batch)?;
    part.tables.insert(table.to_owned(), bytes.len() as u64);
    place.put(&part.key(table), bytes)
}

/// Rows as a Parquet file: the same rows, the same bytes.
pub(crate) fn parquet(batch: &RecordBatch) -> Result<Vec<u8>, StoreError> {
    parquet_of(batch.schema(), std::slice::from_ref(batch))
}

/// Rows of one schema as one Parquet file.
pub(crate) fn parquet_of(schema: SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, StoreError> {
    let properties = WriterProperties::builder()
        .set_created_by("muster evidence 1".to_owned())
        // Rows are in order of their classes: a page says which it holds, and one class is read without the others.
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(128 * 1024))
        .build();
    let write = || {
        let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties))?;
        batches.iter().try_for_each(|batch| writer.write(batch))?;
        writer.into_inner()
    };
    write().map_err(|_| StoreError::Corrupt("rows that cannot be written as Parquet"))
}
