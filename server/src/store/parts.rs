//! Which evidence files are in force: parts, and the sessions in each.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction, params};

use super::StoreError;

/// Sessions whose evidence was written together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// A hash of which sessions it holds.
    pub part: String,
    /// GB/T 2260 code.
    pub region: String,
    /// `YYYY-MM`.
    pub month: String,
    /// How many sessions it holds.
    pub sessions: u64,
    /// The bytes of each table's file; a table without rows has none.
    pub tables: BTreeMap<String, u64>,
}

impl Part {
    /// Where the file of a table lies.
    pub fn key(&self, table: &str) -> String {
        format!("{table}/region={}/month={}/{}.parquet", self.region, self.month, self.part)
    }
}

/// A final session whose evidence is to be made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pending {
    /// GB/T 2260 code of its site, by which work is cut into pieces; the log's assignment has the last word.
    pub region: String,
    /// Month of its first lesson, likewise; empty when the schedule has none.
    pub month: String,
    /// The class.
    pub class: String,
    /// The session of the class.
    pub session: String,
    /// Which device.
    pub device: String,
    /// Which counter.
    pub counter: u64,
    /// The part it is in now.
    pub part: Option<String>,
}

/// All parts.
///
/// # Errors
/// [`StoreError`].
pub fn all(conn: &Connection) -> Result<Vec<Part>, StoreError> {
    some(conn, "ORDER BY region, month, part", &[])
}

/// The parts that hold sessions of a class.
///
/// # Errors
/// [`StoreError`].
pub fn of_class(conn: &Connection, class: &str) -> Result<Vec<Part>, StoreError> {
    let of = "WHERE part IN (SELECT part FROM session WHERE final = 1 AND evidence = 1 AND class = ?)";
    some(conn, of, &[class])
}

/// Which parts hold sessions of each class, and how many; in order of the classes' ids.
///
/// # Errors
/// [`StoreError`].
pub fn by_class(conn: &Connection) -> Result<Vec<(String, String, u64)>, StoreError> {
    let mut get = conn.prepare_cached(
        "SELECT coalesce(class, '') AS of_class, part, count(*) FROM session WHERE final = 1 AND part IS NOT NULL
         GROUP BY of_class, part ORDER BY of_class, part",
    )?;
    let rows = get.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get::<_, i64>(2)? as u64)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn some(conn: &Connection, which: &str, with: &[&str]) -> Result<Vec<Part>, StoreError> {
    let sql = format!("SELECT part, region, month, sessions, tables FROM part {which}");
    let mut get = conn.prepare_cached(&sql)?;
    let rows = get.query_map(rusqlite::params_from_iter(with), |r| {
        Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get::<_, i64>(3)? as u64, r.get::<_, String>(4)?))
    })?;
    rows.map(|row| {
        let (part, region, month, sessions, tables) = row?;
        let tables = serde_json::from_str(&tables).map_err(|_| StoreError::Corrupt("a part"))?;
        Ok(Part { part, region, month, sessions, tables })
    })
    .collect()
}

/// The sessions whose evidence is to be made, by region, month, class and session. Those that share a part with one of them
/// are among them: a part is made anew as a whole.
///
/// # Errors
/// [`StoreError`].
pub fn pending(conn: &Connection) -> Result<Vec<Pending>, StoreError> {
    let sql = "SELECT coalesce(p.region, i.region, ''), coalesce(p.month, (SELECT strftime('%Y-%m', min(l.start_ms) / 1000, 'unixepoch')
                        FROM lesson l WHERE l.class = s.class AND l.session = s.session), ''),
                      coalesce(s.class, ''), coalesce(s.session, ''), s.device, s.counter, s.part
               FROM session s LEFT JOIN part p ON p.part = s.part LEFT JOIN site i ON i.site = s.site
               WHERE s.final = 1 AND (s.evidence = 0 OR s.part IN (SELECT part FROM session WHERE final = 1 AND evidence = 0))
               ORDER BY 1, 2, 3, 4, 5, 6";
    let mut get = conn.prepare(sql)?;
    let rows = get.query_map([], |r| {
        Ok(Pending {
            region: r.get(0)?,
            month: r.get(1)?,
            class: r.get(2)?,
            session: r.get(3)?,
            device: r.get(4)?,
            counter: r.get::<_, i64>(5)? as u64,
            part: r.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Puts a part in force for its sessions, in place of the parts they were in.
///
/// # Errors
/// [`StoreError`].
pub fn put(tx: &Transaction<'_>, part: &Part, sessions: &[(String, u64)]) -> Result<(), StoreError> {
    let tables = serde_json::to_string(&part.tables).map_err(|_| StoreError::Corrupt("a part"))?;
    let sql = "INSERT OR REPLACE INTO part (part, region, month, sessions, tables) VALUES (?, ?, ?, ?, ?)";
    tx.execute(sql, params![part.part, part.region, part.month, part.sessions as i64, tables])?;
    let mut set = tx.prepare_cached("UPDATE session SET evidence = 1, part = ? WHERE device = ? AND counter = ?")?;
    for (device, counter) in sessions {
        set.execute(params![part.part, device, *counter as i64])?;
    }
    Ok(())
}

/// Notes that a session was looked at and attests nothing (`settled`), or could not be read.
///
/// # Errors
/// [`StoreError`].
pub fn none(tx: &Transaction<'_>, device: &str, counter: u64, settled: bool) -> Result<(), StoreError> {
    let sql = "UPDATE session SET evidence = ?, part = NULL WHERE device = ? AND counter = ?";
    tx.prepare_cached(sql)?.execute(params![settled, device, counter as i64])?;
    Ok(())
}

/// Takes out the parts that no session is in, and gives them back.
///
/// # Errors
/// [`StoreError`].
pub fn drop_empty(tx: &Transaction<'_>) -> Result<Vec<Part>, StoreError> {
    let empty = some(tx, "WHERE part NOT IN (SELECT part FROM session WHERE part IS NOT NULL)", &[])?;
    for part in &empty {
        tx.execute("DELETE FROM part WHERE part = ?", [&part.part])?;
    }
    Ok(empty)
}

/// Has the sessions of a part looked at again: a file of it is gone or has another length.
///
/// # Errors
/// [`StoreError`].
pub fn reset(tx: &Transaction<'_>, part: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE session SET evidence = 0, part = NULL WHERE part = ?", [part])?;
    Ok(())
}

/// Has all sessions looked at again, and gives back the parts, of which none is in force then.
///
/// # Errors
/// [`StoreError`].
pub fn reset_all(tx: &Transaction<'_>) -> Result<Vec<Part>, StoreError> {
    tx.execute("UPDATE session SET evidence = 0, part = NULL", [])?;
    drop_empty(tx)
}

/// The sessions of some parts, in the order of the rows that the parts would have as one.
///
/// # Errors
/// [`StoreError`].
pub fn sessions(conn: &Connection, parts: &[Part]) -> Result<Vec<(String, u64)>, StoreError> {
    let mut get = conn.prepare_cached("SELECT class, session, device, counter FROM session WHERE part = ?")?;
    let mut all: Vec<(Option<String>, Option<String>, String, u64)> = Vec::new();
    for part in parts {
        let rows =
            get.query_map([&part.part], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get::<_, i64>(3)? as u64)))?;
        all.extend(rows.collect::<Result<Vec<_>, _>>()?);
    }
    all.sort();
    Ok(all.into_iter().map(|(_, _, device, counter)| (device, counter)).collect())
}
