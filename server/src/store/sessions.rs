//! Session logs as they came, what was witnessed of them, and the documents they were held under.

use muster_hours::schedule::time_ms;
use muster_seal::record::{Body, Record};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::StoreError;

/// One session's row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// Which device.
    pub device: String,
    /// Which counter.
    pub counter: u64,
    /// The lines as they came.
    pub log: Vec<u8>,
    /// The newest seal witnessed; empty before the first.
    pub seal: String,
    /// How many records it covers.
    pub sealed: u64,
    /// Is the final seal in the central log?
    pub is_final: bool,
    /// The assignment's hash, once a seal was accepted.
    pub assignment: String,
    /// The seal leaf's index, once final.
    pub log_index: Option<u64>,
    /// When the final seal was accepted; empty before.
    pub received: String,
}

const COLUMNS: &str =
    "device, counter, log, seal, sealed, final, coalesce(assignment, ''), log_index, coalesce(received, '')";

fn of_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        device: row.get(0)?,
        counter: row.get::<_, i64>(1)? as u64,
        log: row.get(2)?,
        seal: row.get(3)?,
        sealed: row.get::<_, i64>(4)? as u64,
        is_final: row.get(5)?,
        assignment: row.get(6)?,
        log_index: row.get::<_, Option<i64>>(7)?.map(|n| n as u64),
        received: row.get(8)?,
    })
}

/// One session.
///
/// # Errors
/// [`StoreError`].
pub fn session(conn: &Connection, device: &str, counter: u64) -> Result<Option<Stored>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM session WHERE device = ? AND counter = ?");
    Ok(conn.prepare_cached(&sql)?.query_row(params![device, counter as i64], of_row).optional()?)
}

/// The sessions whose final seal is in the central log, by device and counter.
///
/// # Errors
/// [`StoreError`].
pub fn finals(conn: &Connection) -> Result<Vec<(String, u64)>, StoreError> {
    let mut get = conn.prepare("SELECT device, counter FROM session WHERE final = 1 ORDER BY device, counter")?;
    let rows = get.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Has the evidence of a device's sessions above a counter looked at again: they count no longer.
///
/// # Errors
/// [`StoreError`].
pub fn reset_evidence(tx: &Transaction<'_>, device: &str, above: u64) -> Result<(), StoreError> {
    let sql = "UPDATE session SET evidence = 0 WHERE device = ? AND counter > ?";
    tx.execute(sql, params![device, above as i64])?;
    Ok(())
}

/// Puts the whole of a log as it stands now, at `now_ms` by the server's clock.
///
/// # Errors
/// [`StoreError`].
pub fn put_log(tx: &Transaction<'_>, device: &str, counter: u64, log: &[u8], now_ms: i64) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO session (device, counter, log, seal, sealed, final, came_ms) VALUES (?1, ?2, ?3, '', 0, 0, ?4)
         ON CONFLICT (device, counter) DO UPDATE SET log = ?3, came_ms = ?4",
    )?
    .execute(params![device, counter as i64, log, now_ms])?;
    Ok(())
}

/// Witnesses a seal: it and what leaf 0 says. Final sessions carry the leaf's index, the time, and the times of their
/// first and last record in milliseconds.
///
/// # Errors
/// [`StoreError`].
pub fn witness(
    tx: &Transaction<'_>,
    stored: &Stored,
    open: &muster_seal::record::Open,
    beacon_size: u64,
    times: Option<(i64, i64)>,
) -> Result<(), StoreError> {
    let beacon = put_beacon(tx, &open.beacon)?;
    tx.execute(
        "UPDATE session SET seal = ?, sealed = ?, final = ?, class = ?, session = ?, site = ?, assignment = ?,
         log_index = ?, received = ?, beacon_size = ?, beacon = ?, open_ms = ?, close_ms = ?
         WHERE device = ? AND counter = ?",
        params![
            stored.seal,
            stored.sealed as i64,
            stored.is_final,
            open.class,
            open.session,
            open.site,
            open.assignment,
            stored.log_index.map(|n| n as i64),
            stored.received,
            beacon_size as i64,
            beacon,
            times.map(|t| t.0),
            times.map(|t| t.1),
            stored.device,
            stored.counter as i64,
        ],
    )?;
    Ok(())
}

/// Keeps a beacon once; `None` when there is none.
fn put_beacon(tx: &Transaction<'_>, note: &str) -> Result<Option<i64>, StoreError> {
    if note.is_empty() {
        return Ok(None);
    }
    let mut get = tx.prepare_cached("SELECT beacon FROM beacon WHERE note = ?")?;
    if let Some(known) = get.query_row([note], |row| row.get(0)).optional()? {
        return Ok(Some(known));
    }
    tx.prepare_cached("INSERT INTO beacon (note) VALUES (?)")?.execute([note])?;
    Ok(Some(tx.last_insert_rowid()))
}

/// What stands in the first and last line of a log: the beacon, and when each was written by the wall clock, in milliseconds.
/// `None` when it is not whole.
pub fn ends(log: &[u8]) -> Option<Ends> {
    let lines = log.strip_suffix(b"\n")?;
    let first = Record::parse(lines.split(|b| *b == b'\n').next()?).ok()?;
    let last = Record::parse(lines.rsplit(|b| *b == b'\n').next()?).ok()?;
    let Body::Open(open) = &first.body else { return None };
    Some(Ends {
        beacon: open.beacon.clone(),
        open_ms: time_ms(&first.stamp.wall)?,
        close_ms: time_ms(&last.stamp.wall)?,
        closed: matches!(last.body, Body::Close(_)),
    })
}

/// What [`ends`] gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    /// The beacon; empty where the device held none.
    pub beacon: String,
    /// The first record, ms.
    pub open_ms: i64,
    /// The last record, ms.
    pub close_ms: i64,
    /// Is the last record a close?
    pub closed: bool,
}

/// Fills in what is kept beside a log, for the final ones that came before it was. Wall clocks that were put right
/// early in a session are not looked for here: this happens once, for logs of before.
///
/// # Errors
/// [`StoreError`].
pub(super) fn fill_times(tx: &Transaction<'_>) -> Result<(), StoreError> {
    let sql = "UPDATE session SET beacon = ?, open_ms = ?, close_ms = ? WHERE device = ? AND counter = ?";
    let mut get = tx.prepare("SELECT log FROM session WHERE device = ? AND counter = ?")?;
    for (device, counter) in finals(tx)? {
        let log: Vec<u8> = get.query_row(params![device, counter as i64], |row| row.get(0))?;
        if let Some(ends) = ends(&log) {
            let beacon = put_beacon(tx, &ends.beacon)?;
            tx.execute(sql, params![beacon, ends.open_ms, ends.close_ms, device, counter as i64])?;
        }
    }
    Ok(())
}

/// Two notes by a device under one counter that cannot both be of one history.
#[derive(Debug, Clone, Copy)]
pub struct Fork<'a> {
    /// The one that was there first.
    pub first: &'a str,
    /// The one that came now.
    pub second: &'a str,
    /// Had the device ended by then? Such a fork is by whoever holds it, and stands apart.
    pub after_end: bool,
}

/// Keeps a fork; the same pair is kept once.
///
/// # Errors
/// [`StoreError`].
pub fn put_fork(tx: &Transaction<'_>, device: &str, counter: u64, fork: Fork<'_>, at: &str) -> Result<(), StoreError> {
    let Fork { first, second, after_end } = fork;
    // One pair proves it; a few more may tell something; a thousand would only fill the disk. What a thief sends takes no
    // room from what the site did.
    tx.execute(
        "INSERT INTO fork (device, counter, seal_a, seal_b, at, after_end) SELECT ?1, ?2, ?3, ?4, ?5, ?6
         WHERE NOT EXISTS (SELECT 1 FROM fork WHERE device = ?1 AND counter = ?2 AND seal_a = ?3 AND seal_b = ?4)
         AND (SELECT count(*) FROM fork WHERE device = ?1 AND counter = ?2 AND after_end = ?6) < 16",
        params![device, counter as i64, first, second, at, after_end],
    )?;
    Ok(())
}

/// The assignment document with a hash.
///
/// # Errors
/// [`StoreError`].
pub fn assignment(conn: &Connection, sha256: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT document FROM assignment WHERE sha256 = ?";
    Ok(conn.prepare_cached(sql)?.query_row([sha256], |row| row.get(0)).optional()?)
}

/// Keeps an assignment document.
///
/// # Errors
/// [`StoreError`].
pub fn put_assignment(tx: &Transaction<'_>, sha256: &str, document: &str, at: &str) -> Result<(), StoreError> {
    let sql = "INSERT INTO assignment (sha256, document, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    tx.execute(sql, params![sha256, document, at])?;
    Ok(())
}
