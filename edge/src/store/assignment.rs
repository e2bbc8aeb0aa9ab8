//! What may be held here, and the beacon: as the bureau sent them.

use muster_hours::schedule::{Assignment, Plan};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::key::NamedKey;
use muster_wire::assignment::{Assigned, Assignments};
use rusqlite::params;

use super::{Store, StoreError};

/// Names and templates of a session that is over are erased after this long. Milliseconds.
const KEEP_MS: i64 = 24 * 3600 * 1000;

/// What became of assignments that were sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// Sessions that may be held.
    pub kept: usize,
    /// Sessions that cannot be: their documents have no lessons, or cannot be read.
    pub dropped: usize,
}

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
    /// Gives how many sessions were taken, and how many were left because their documents cannot be used.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_assignments(&mut self, sent: &Assignments, log_key: Option<&NamedKey>) -> Result<Taken, StoreError> {
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
        Ok(Taken { kept: offers.len(), dropped: sent.sessions.len() - offers.len() })
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

    /// Was this session of this class held here already? One that was closed before anybody came was not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn was_held(&self, class: &str, session: &str) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM session WHERE class = ? AND session = ? AND unused = 0";
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
        // What was erased is still in the journal until that is folded in. A reader in the way means later.
        let _ = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
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

#[cfg(test)]
pub(crate) mod tests {
    use muster_hours::schedule::Lesson;

    use super::*;

    /// Lessons have whole seconds.
    fn time(ms: i64) -> String {
        let ms = ms.div_euclid(1_000) * 1_000;
        muster_hours::schedule::lesson_time(ms).unwrap()
    }

    /// An offer of one lesson at site `s1`, for tests.
    pub(crate) fn offer(class: &str, session: &str, first_ms: i64, last_ms: i64) -> Offer {
        let assignment = muster_hours::schedule::Assignment {
            region: "150422".into(),
            institution: "i1".into(),
            site: "s1".into(),
            class: class.into(),
            session: session.into(),
            lessons: vec![Lesson { lesson: "l1".into(), start: time(first_ms), end: time(last_ms) }],
            trainees: vec!["t1".into()],
            instructors: vec!["i1".into()],
            policy: muster_hours::policy::Policy::default(),
        };
        let (title, card_key) = (String::new(), "00".to_owned());
        let document = serde_json::to_string(&assignment).unwrap();
        Offer::read(Assigned { document, title, card_key, people: Vec::new() }).unwrap()
    }

    #[test]
    fn what_cannot_be_used_is_counted_and_what_is_over_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path()).unwrap();
        let bad = Assigned { document: "{}".into(), ..offer("a", "am", 0, 1_000).assigned };
        let sessions = vec![offer("a", "am", 0, 1_000).assigned, bad, offer("a", "pm", 2_000, 9_000).assigned];
        let sent = Assignments { sessions, beacon: String::new(), counter: 0 };
        assert_eq!(store.put_assignments(&sent, None).unwrap(), Taken { kept: 2, dropped: 1 });
        store.forget(KEEP_MS + 1_001).unwrap();
        assert_eq!(store.offers().unwrap().len(), 1);
        // Nothing of it is left in the journal either.
        assert_eq!(std::fs::metadata(dir.path().join("edge.sqlite-wal")).unwrap().len(), 0);
    }
}
