//! What the bureau does not have yet.

use rusqlite::params;

use super::{Store, StoreError};

/// A session on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// Its counter.
    pub counter: u64,
    /// Bytes that the bureau holds, as far as is known.
    pub sent: u64,
    /// The newest seal; empty before the first.
    pub seal: String,
    /// How many records it covers.
    pub sealed: u64,
    /// How many records the bureau has witnessed a seal over.
    pub witnessed: u64,
    /// Is the log closed and this its final seal?
    pub is_final: bool,
}

impl Store {
    /// Sessions without a receipt that are not refused, oldest first: the chain is taken in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn unsent(&self) -> Result<Vec<Unsent>, StoreError> {
        let sql = "SELECT counter, sent, seal, sealed, witnessed, closed = 1 AND sealed = size FROM session
                   WHERE receipt IS NULL AND refused IS NULL ORDER BY counter";
        let mut get = self.conn.prepare_cached(sql)?;
        let rows = get.query_map([], |r| {
            Ok(Unsent {
                counter: r.get::<_, i64>(0)? as u64,
                sent: r.get::<_, i64>(1)? as u64,
                seal: r.get(2)?,
                sealed: r.get::<_, i64>(3)? as u64,
                witnessed: r.get::<_, i64>(4)? as u64,
                is_final: r.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Records that no witnessed seal covers, over all sessions, and sessions that the bureau refused.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn backlog(&self) -> Result<(u64, u64), StoreError> {
        let sql = "SELECT coalesce(sum(CASE WHEN receipt IS NULL THEN size - witnessed ELSE 0 END), 0), count(refused) FROM session";
        Ok(self.conn.query_row(sql, [], |r| Ok((r.get::<_, i64>(0)? as u64, r.get::<_, i64>(1)? as u64)))?)
    }

    /// Notes how much the bureau holds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_progress(&self, counter: u64, sent: u64, witnessed: u64) -> Result<(), StoreError> {
        let sql = "UPDATE session SET sent = ?, witnessed = ? WHERE counter = ?";
        self.conn.execute(sql, params![sent as i64, witnessed as i64, counter as i64])?;
        Ok(())
    }

    /// Keeps the receipt: the session is done.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_receipt(&self, counter: u64, receipt: &str) -> Result<(), StoreError> {
        let sql = "UPDATE session SET receipt = ?, witnessed = size WHERE counter = ?";
        self.conn.execute(sql, params![receipt, counter as i64])?;
        Ok(())
    }

    /// Notes that the bureau will not take a session: a person must look.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_refused(&self, counter: u64, why: &str) -> Result<(), StoreError> {
        self.conn.execute("UPDATE session SET refused = ? WHERE counter = ?", params![why, counter as i64])?;
        Ok(())
    }

    /// A session's seal, receipt and lines, for export.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn exported(&self, counter: u64) -> Result<(String, Vec<Vec<u8>>), StoreError> {
        let sql = "SELECT seal FROM session WHERE counter = ?";
        let seal = self.conn.query_row(sql, [counter as i64], |row| row.get(0))?;
        Ok((seal, self.lines(counter)?))
    }
}
