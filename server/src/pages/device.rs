//! One device: its life in the central log, its contacts, its sessions, and its forks with both notes.

use askama::Template;
use rusqlite::{Connection, OptionalExtension, params};

use super::Words;
use crate::store::{StoreError, devices, witness};

/// A leaf about the device's life.
#[derive(Debug)]
pub struct LeafLine {
    /// Its index in the central log.
    pub index: u64,
    /// The line, as it stands there.
    pub line: String,
}

/// A session or a contact.
#[derive(Debug)]
pub struct Used {
    /// The counter that it used up.
    pub counter: u64,
    /// The central log's index; `None` before the final seal.
    pub log_index: Option<u64>,
    /// The session's page; empty for a contact.
    pub link: String,
}

/// Two notes that cannot both be of one history.
#[derive(Debug)]
pub struct ForkLine {
    /// Its number, from 1.
    pub n: usize,
    /// The counter that was used twice.
    pub counter: u64,
    /// When the second came.
    pub at: String,
    /// The first note.
    pub a: String,
    /// The second.
    pub b: String,
    /// Had the device ended when the second came?
    pub after_end: bool,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "device.html")]
pub struct Device {
    w: Words,
    here: String,
    device: String,
    name: String,
    site: String,
    institution: String,
    ended: Option<u64>,
    leaves: Vec<LeafLine>,
    used: Vec<Used>,
    forks: Vec<ForkLine>,
}

/// The view; `None` when there is no such device.
///
/// # Errors
/// [`StoreError`].
pub fn view(conn: &Connection, id: &str, here: String, w: Words) -> Result<Option<Device>, StoreError> {
    let Some(known) = devices::device(conn, id)? else { return Ok(None) };
    let sql =
        "SELECT d.name, s.name, i.name FROM device d JOIN site s USING (site) JOIN institution i USING (institution)
               WHERE d.device = ?";
    let (name, site, institution) = conn.query_row(sql, [id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
    let leaves = devices::leaves(conn, id)?.into_iter();
    let leaves = leaves.map(|(index, _, line)| LeafLine { index, line: String::from_utf8_lossy(&line).into_owned() });
    let sql = "SELECT counter, log_index FROM session WHERE device = ? AND sealed > 0";
    let mut get = conn.prepare(sql)?;
    let sessions = get.query_map([id], |r| Ok((r.get::<_, i64>(0)? as u64, r.get::<_, Option<i64>>(1)?)))?;
    let mut used = Vec::new();
    for row in sessions {
        let (counter, index) = row?;
        let log_index = index.map(|n| n as u64);
        used.push(Used { counter, log_index, link: format!("/sessions/{id}/{counter}") });
    }
    for kept in witness::contacts(conn, id, 0, i64::MAX as u64)? {
        used.push(Used { counter: kept.counter, log_index: Some(kept.log_index), link: String::new() });
    }
    used.sort_by_key(|u| u.counter);
    Ok(Some(Device {
        w,
        here,
        device: id.to_owned(),
        name,
        site,
        institution,
        ended: known.life.end().map(|end| end.counter),
        leaves: leaves.collect(),
        used,
        forks: forks(conn, id)?,
    }))
}

fn forks(conn: &Connection, id: &str) -> Result<Vec<ForkLine>, StoreError> {
    let mut get =
        conn.prepare("SELECT counter, at, seal_a, seal_b, after_end FROM fork WHERE device = ? ORDER BY rowid")?;
    let rows = get.query_map([id], |r| {
        Ok(ForkLine {
            n: 0,
            counter: r.get::<_, i64>(0)? as u64,
            at: r.get::<_, String>(1)?.replace('T', " ").chars().take(19).collect(),
            a: r.get(2)?,
            b: r.get(3)?,
            after_end: r.get(4)?,
        })
    })?;
    let fork = |(i, row): (usize, rusqlite::Result<ForkLine>)| Ok(ForkLine { n: i + 1, ..row? });
    rows.enumerate().map(fork).collect()
}

/// How many forks a device has.
///
/// # Errors
/// [`StoreError`].
pub fn fork_count(conn: &Connection, device: &str) -> Result<usize, StoreError> {
    let count = conn.query_row("SELECT count(*) FROM fork WHERE device = ?", [device], |r| r.get::<_, i64>(0))?;
    Ok(count as usize)
}

/// One note of a device's fork by its number and side, `a` or `b`; `None` when there is no such.
///
/// # Errors
/// [`StoreError`].
pub fn note(conn: &Connection, device: &str, fork: &str, side: &str) -> Result<Option<String>, StoreError> {
    let column = match side {
        "a" => "seal_a",
        "b" => "seal_b",
        _ => return Ok(None),
    };
    let Some(before) = fork.parse::<u32>().ok().and_then(|n| n.checked_sub(1)) else { return Ok(None) };
    let sql = format!("SELECT {column} FROM fork WHERE device = ? ORDER BY rowid LIMIT 1 OFFSET ?");
    Ok(conn.query_row(&sql, params![device, before], |row| row.get(0)).optional()?)
}
