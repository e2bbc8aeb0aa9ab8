//! What officials decided on findings, with their reasons; the central log holds only a salted hash of a reason.

use rusqlite::{Connection, OptionalExtension, Params, Transaction, params};
use serde::Serialize;

use super::StoreError;
use crate::desk::Desk;

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Disposition {
    /// The finding's id.
    pub finding: String,
    /// `uphold`, `dismiss` or `investigate`.
    pub decision: String,
    /// Who decided, by the bureau's opaque id for the official.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
    /// 32 hex digits, before the reason under the hash in the leaf.
    pub salt: String,
    /// When, by the server's clock.
    pub at: String,
    /// The leaf's index.
    pub log_index: u64,
}

impl Disposition {
    /// Is it this decision, by this official, in these words?
    pub fn is(&self, decision: &str, by: &str, reason: &str) -> bool {
        (self.decision.as_str(), self.by.as_str(), self.reason.as_str()) == (decision, by, reason)
    }
}

/// Keeps a decision. Nothing is ever replaced: a later one stands beside it.
///
/// # Errors
/// [`StoreError`].
pub fn put(tx: &Transaction<'_>, d: &Disposition) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO disposition (finding, decision, by, reason, salt, at, log_index) VALUES (?, ?, ?, ?, ?, ?, ?)",
        params![d.finding, d.decision, d.by, d.reason, d.salt, d.at, d.log_index as i64],
    )?;
    Ok(())
}

/// The decisions on a finding, oldest first; on all of them where none is named.
///
/// # Errors
/// [`StoreError`].
pub fn list(conn: &Connection, finding: Option<&str>) -> Result<Vec<Disposition>, StoreError> {
    some(conn, "?1 IS NULL OR finding = ?1", params![finding])
}

/// The same, of the findings of one desk alone.
///
/// # Errors
/// [`StoreError`].
pub fn of_desk(conn: &Connection, finding: Option<&str>, desk: Desk) -> Result<Vec<Disposition>, StoreError> {
    let at = "(?1 IS NULL OR d.finding = ?1)
              AND EXISTS (SELECT 1 FROM finding f WHERE f.finding = d.finding AND f.desk = ?2)";
    some(conn, at, params![finding, desk.as_str()])
}

fn some(conn: &Connection, which: &str, with: impl Params) -> Result<Vec<Disposition>, StoreError> {
    let sql = format!(
        "SELECT finding, decision, by, reason, salt, at, log_index FROM disposition d WHERE {which} ORDER BY log_index"
    );
    let mut get = conn.prepare_cached(&sql)?;
    let rows = get.query_map(with, |row| {
        Ok(Disposition {
            finding: row.get(0)?,
            decision: row.get(1)?,
            by: row.get(2)?,
            reason: row.get(3)?,
            salt: row.get(4)?,
            at: row.get(5)?,
            log_index: row.get::<_, i64>(6)? as u64,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Was there ever such a finding of a desk?
///
/// # Errors
/// [`StoreError`].
pub fn finding_exists(conn: &Connection, finding: &str, desk: Desk) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM finding WHERE finding = ? AND desk = ? LIMIT 1";
    Ok(conn.query_row(sql, [finding, desk.as_str()], |_| Ok(())).optional()?.is_some())
}
