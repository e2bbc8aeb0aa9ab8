//! Between which two times logs were made, as it was reckoned under the policy in force.

use rusqlite::{Connection, Transaction, params};

use super::{StoreError, put_setting};

/// A final session whose bracket is not settled under a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbracketed {
    /// Which device.
    pub device: String,
    /// Which counter.
    pub counter: u64,
    /// Its seal's leaf.
    pub log_index: u64,
    /// Its beacon, where it has one: see [`beacon`].
    pub beacon: Option<i64>,
}

/// A session's bracket under a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bracketed {
    /// Which device.
    pub device: String,
    /// Which counter.
    pub counter: u64,
    /// The size of the checkpoint that covers its seal; `None` while no quorum stands for one, and it is asked again.
    pub covered: Option<u64>,
    /// Not before this, ms by the witnesses' clocks.
    pub not_before_ms: Option<i64>,
    /// Not after this.
    pub not_after_ms: Option<i64>,
}

/// The final sessions whose bracket is not settled under a policy, in the order of the central log.
///
/// # Errors
/// [`StoreError`].
pub fn unbracketed(conn: &Connection, policy: &str) -> Result<Vec<Unbracketed>, StoreError> {
    let sql = "SELECT s.device, s.counter, s.log_index, s.beacon
               FROM session s LEFT JOIN bracket b ON b.device = s.device AND b.counter = s.counter
               WHERE s.final = 1 AND s.log_index IS NOT NULL AND (b.covered IS NULL OR b.policy <> ?)
               ORDER BY s.log_index";
    let mut get = conn.prepare_cached(sql)?;
    let rows = get.query_map([policy], |row| {
        let (counter, log_index): (i64, i64) = (row.get(1)?, row.get(2)?);
        let (counter, log_index) = (counter as u64, log_index as u64);
        Ok(Unbracketed { device: row.get(0)?, counter, log_index, beacon: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A beacon as it stands in first records.
///
/// # Errors
/// [`StoreError`].
pub fn beacon(conn: &Connection, id: i64) -> Result<String, StoreError> {
    Ok(conn.prepare_cached("SELECT note FROM beacon WHERE beacon = ?")?.query_row([id], |row| row.get(0))?)
}

/// Keeps brackets under a policy, which is the one in force from now on.
///
/// # Errors
/// [`StoreError`].
pub fn put(tx: &Transaction<'_>, policy: &str, brackets: &[Bracketed]) -> Result<(), StoreError> {
    let mut put = tx.prepare_cached(
        "INSERT OR REPLACE INTO bracket (device, counter, policy, covered, not_before_ms, not_after_ms)
         VALUES (?, ?, ?, ?, ?, ?)",
    )?;
    for b in brackets {
        let covered = b.covered.map(|size| size as i64);
        put.execute(params![b.device, b.counter as i64, policy, covered, b.not_before_ms, b.not_after_ms])?;
    }
    put_setting(tx, "bracket_policy", policy.as_bytes())
}
