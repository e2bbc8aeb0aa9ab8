//! What may be held here, and the beacon: as the bureau sent them.

use muster_hours::schedule::{Assignment, Plan};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::key::NamedKey;
use muster_wire::assignment::{Assigned, Assignments};
use rusqlite::params;

use super::{Store, StoreError};

/// Names and templates of a session that is over are erased after this long. Milliseconds.
const KEEP_MS: i64 = 24 * 3600 * 1000;

/// A session that may be held.
#[derive(Debug, Clone)]
pub struct Offer {
    /// As it was sent.
    pub assigned: Assigned,
    /// Its document, read.
    pub plan: Plan,
}

impl Offer {
    /// Reads what was sent; `None` when its document cannot be used.
    pub fn read(assigned: Assigned) -> Option<Self> {
        let plan = Assignment::parse(assigned.document.as_bytes()).ok()?;
        (!plan.times.is_empty()).then_some(Self { assigned, plan })
    }

    /// First start and last end, in milliseconds since 1970-01-01T00:00Z.
    pub fn span(&self) -> (i64, i64) {
        let first = self.plan.times.first().map_or(0, |t| t.0);
        (first, self.plan.times.last().map_or(0, |t| t.1))
    }
}

impl Store {
    /// Puts what the bureau sent in place of what it sent before, and takes its beacon if that does not go backwards.
    /// Gives how many sessions there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_assignments(&mut self, sent: &Assignments, log_key: Option<&NamedKey>) -> Result<usize, StoreError> {
        let offers: Vec<Offer> = sent.sessions.iter().cloned().filter_map(Offer::read).collect();
        let tx = self.conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        tx.execute("DELETE FROM assignment", [])?;
        for offer in &offers {
            let (first, last) = offer.span();
            let json = serde_json::to_string(&offer.assigned).map_err(|_| StoreError::Corrupt("an assignment"))?;
            let a = &offer.plan.assignment;
            tx.execute(
                "INSERT INTO assignment (class, session, first_ms, last_ms, document) VALUES (?, ?, ?, ?, ?)",
                params![a.class, a.session, first, last, json],
            )?;
        }
        tx.commit()?;
        if let Some(key) = log_key {
            self.put_beacon(&sent.beacon, key)?;
        }
        Ok(offers.len())
    }

    /// The sessions that may be held, soonest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn offers(&self) -> Result<Vec<Offer>, StoreError> {
        let mut get = self.conn.prepare_cached("SELECT document FROM assignment ORDER BY first_ms, class, session")?;
        let texts: Vec<String> = get.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(texts.iter().filter_map(|t| serde_json::from_str(t).ok()).filter_map(Offer::read).collect())
    }

    /// Was this session of this class held here already?
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn was_held(&self, class: &str, session: &str) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM session WHERE class = ? AND session = ?";
        Ok(self.conn.prepare_cached(sql)?.exists([class, session])?)
    }

    /// Erases what names people in sessions that are over and sent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn forget(&self, now_ms: i64) -> Result<(), StoreError> {
        self.conn.execute("DELETE FROM assignment WHERE last_ms < ?", [now_ms - KEEP_MS])?;
        self.conn
            .execute("UPDATE session SET assigned = '' WHERE closed = 1 AND sealed = size AND assigned <> ''", [])?;
        Ok(())
    }

    /// The newest central checkpoint that the device holds; empty when it never held one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn beacon(&self) -> Result<String, StoreError> {
        Ok(self.fact("beacon")?.unwrap_or_default())
    }

    /// Takes a beacon that the log's key signed and that is larger than the one before. Another is left.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_beacon(&self, note: &str, key: &NamedKey) -> Result<(), StoreError> {
        let size = |note: &str| Checkpoint::open(note.as_bytes(), key).map_or(0, |c| c.size);
        if size(note) > size(&self.beacon()?) { self.set_fact("beacon", note) } else { Ok(()) }
    }
}
