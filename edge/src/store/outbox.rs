//! What the bureau does not have yet: sessions and contacts, in the order of their counters.

use rusqlite::params;

use super::{Store, StoreError};

/// A session on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// Its counter.
    pub counter: u64,
    /// Bytes that the bureau holds, as far as is known.
    pub sent: u64,
    /// The newest seal.
    pub seal: String,
    /// How many records it covers.
    pub sealed: u64,
    /// How many records the bureau has witnessed a seal over.
    pub witnessed: u64,
    /// Is the log closed and this its final seal?
    pub is_final: bool,
}

/// What waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// A session.
    Session(Unsent),
    /// A contact: its counter and its note.
    Contact(u64, String),
}

/// One thing in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What.
    pub what: Waiting,
    /// What the bureau said against it when it was sent last.
    pub refused: Option<String>,
}

impl Item {
    /// Its counter.
    pub fn counter(&self) -> u64 {
        match &self.what {
            Waiting::Session(session) => session.counter,
            Waiting::Contact(counter, _) => *counter,
        }
    }
}

/// A session as `muster-edge sessions` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its counter.
    pub counter: u64,
    /// The class; empty for a contact.
    pub class: String,
    /// The session of the class.
    pub session: String,
    /// `running`, `waiting`, `refused` or `done`.
    pub state: &'static str,
    /// Why it is refused.
    pub reason: String,
}

impl Store {
    /// What has no receipt yet, oldest first: the chain is taken in order, so nothing overtakes what is refused.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn outbox(&self) -> Result<Vec<Item>, StoreError> {
        let sql = "SELECT counter, sent, seal, sealed, witnessed, closed = 1 AND sealed = size, refused FROM session
                   WHERE receipt IS NULL";
        let mut get = self.conn.prepare_cached(sql)?;
        let sessions = get.query_map([], |r| {
            let session = Unsent {
                counter: r.get::<_, i64>(0)? as u64,
                sent: r.get::<_, i64>(1)? as u64,
                seal: r.get(2)?,
                sealed: r.get::<_, i64>(3)? as u64,
                witnessed: r.get::<_, i64>(4)? as u64,
                is_final: r.get(5)?,
            };
            Ok(Item { what: Waiting::Session(session), refused: r.get(6)? })
        })?;
        let mut all: Vec<Item> = sessions.collect::<Result<_, _>>()?;
        let mut get = self.conn.prepare_cached("SELECT counter, note, refused FROM contact WHERE accepted = 0")?;
        let contacts = get.query_map([], |r| {
            Ok(Item { what: Waiting::Contact(r.get::<_, i64>(0)? as u64, r.get(1)?), refused: r.get(2)? })
        })?;
        for contact in contacts {
            all.push(contact?);
        }
        all.sort_by_key(Item::counter);
        Ok(all)
    }

    /// Records that no witnessed seal covers, over all sessions.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn backlog(&self) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(sum(size - witnessed), 0) FROM session WHERE receipt IS NULL";
        Ok(self.conn.query_row(sql, [], |r| Ok(r.get::<_, i64>(0)? as u64))?)
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
        let sql = "UPDATE session SET receipt = ?, witnessed = size, refused = NULL WHERE counter = ?";
        self.conn.execute(sql, params![receipt, counter as i64])?;
        Ok(())
    }

    /// Notes what the bureau says against a session or a contact; `None` to try it again at once.
    /// Gives whether there is such a counter.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_refused(&self, counter: u64, why: Option<&str>) -> Result<bool, StoreError> {
        let mut changed = 0;
        for table in ["session", "contact"] {
            let sql = format!("UPDATE {table} SET refused = ? WHERE counter = ?");
            changed += self.conn.execute(&sql, params![why, counter as i64])?;
        }
        Ok(changed > 0)
    }

    /// Every session and contact, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn listed(&self) -> Result<Vec<Listed>, StoreError> {
        let sql = "SELECT counter, class, session, CASE WHEN receipt IS NOT NULL THEN 'done' WHEN refused IS NOT NULL
                   THEN 'refused' WHEN closed = 0 THEN 'running' ELSE 'waiting' END, coalesce(refused, '') FROM session
                   UNION ALL SELECT counter, '', '', CASE WHEN accepted = 1 THEN 'done' WHEN refused IS NOT NULL THEN
                   'refused' ELSE 'waiting' END, coalesce(refused, '') FROM contact ORDER BY counter DESC";
        let mut get = self.conn.prepare(sql)?;
        let rows = get.query_map([], |r| {
            let state = match r.get::<_, String>(3)?.as_str() {
                "done" => "done",
                "refused" => "refused",
                "running" => "running",
                _ => "waiting",
            };
            let counter = r.get::<_, i64>(0)? as u64;
            Ok(Listed { counter, class: r.get(1)?, session: r.get(2)?, state, reason: r.get(4)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A session's seal and lines, for export.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn exported(&self, counter: u64) -> Result<(String, Vec<Vec<u8>>), StoreError> {
        let sql = "SELECT seal FROM session WHERE counter = ?";
        let seal = self.conn.query_row(sql, [counter as i64], |row| row.get(0))?;
        Ok((seal, self.lines(counter)?))
    }
}
