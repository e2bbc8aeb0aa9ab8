//! A session's lines: each is one transaction with its leaf hash and the tree's right edge.

use muster_seal::chain::seal_id;
use muster_seal::merkle::{Edge, leaf_hash};
use muster_seal::record::{Body, Record, Stamp};
use muster_seal::session::Check;
use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError};

/// A session that is being written: what the next record is checked against.
#[derive(Debug)]
pub struct Running {
    /// Its counter.
    pub counter: u64,
    edge: Edge,
    check: Check,
    /// How many records the newest seal covers.
    pub sealed: u64,
}

impl Running {
    /// How many records there are.
    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    /// The tree's right edge.
    pub fn edge(&self) -> &Edge {
        &self.edge
    }

    /// The body that `close` must have now.
    pub fn closing(&self, reason: &str) -> Body {
        Body::Close(self.check.closing(reason))
    }
}

fn roots(edge: &Edge) -> Vec<u8> {
    edge.roots().concat()
}

impl Store {
    /// The counter that the next session must have, and the id of the seal before it; empty before the first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn next_counter(&self) -> Result<(u64, String), StoreError> {
        let sql = "SELECT counter, seal FROM session ORDER BY counter DESC LIMIT 1";
        let last = self.conn.query_row(sql, [], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?))).optional()?;
        Ok(last.map_or((1, String::new()), |(counter, seal)| (counter as u64 + 1, seal_id(&seal))))
    }

    /// Begins a session with its first record. `assigned` is kept with it as JSON.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is written then.
    pub fn begin(&mut self, stamp: Stamp, open: Body, assigned: &str) -> Result<(Running, Record), StoreError> {
        let Body::Open(facts) = &open else {
            return Err(StoreError::Corrupt("a session that does not begin with open"));
        };
        let (counter, class, session) = (facts.counter, facts.class.clone(), facts.session.clone());
        let mut running = Running { counter, edge: Edge::default(), check: Check::default(), sealed: 0 };
        let record = Record { seq: 0, stamp, body: open };
        let line = running.check.admit(&record)?;
        let hash = leaf_hash(&line);
        running.edge.push(hash);
        let tx = self.conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        tx.execute(
            "INSERT INTO session (counter, class, session, assigned, size, edge, closed, seal, sealed, sent, witnessed)
             VALUES (?, ?, ?, ?, 1, ?, 0, '', 0, 0, 0)",
            params![counter as i64, class, session, assigned, roots(&running.edge)],
        )?;
        tx.execute("INSERT INTO line VALUES (?, 0, ?, ?)", params![counter as i64, line, &hash[..]])?;
        tx.commit()?;
        Ok((running, record))
    }

    /// Appends records: all of them or none, on disk when this returns. Gives them with their numbers.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is written then, and `running` is as it was.
    pub fn append(&mut self, running: &mut Running, records: Vec<(Stamp, Body)>) -> Result<Vec<Record>, StoreError> {
        let (mut edge, mut check) = (running.edge.clone(), running.check.clone());
        let mut written = Vec::with_capacity(records.len());
        let tx = self.conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        {
            let mut put = tx.prepare_cached("INSERT INTO line VALUES (?, ?, ?, ?)")?;
            for (stamp, body) in records {
                let record = Record { seq: edge.size(), stamp, body };
                let line = check.admit(&record)?;
                let hash = leaf_hash(&line);
                put.execute(params![running.counter as i64, record.seq as i64, line, &hash[..]])?;
                edge.push(hash);
                written.push(record);
            }
            tx.prepare_cached("UPDATE session SET size = ?, edge = ?, closed = ? WHERE counter = ?")?
                .execute(params![edge.size() as i64, roots(&edge), check.is_closed(), running.counter as i64])?;
        }
        tx.commit()?;
        (running.edge, running.check) = (edge, check);
        Ok(written)
    }

    /// Keeps a seal over the first `size` records.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_seal(&self, counter: u64, seal: &str, size: u64) -> Result<(), StoreError> {
        let sql = "UPDATE session SET seal = ?, sealed = ? WHERE counter = ?";
        self.conn.execute(sql, params![seal, size as i64, counter as i64])?;
        Ok(())
    }

    /// The session that was not finished: not closed, or closed and without its final seal. With what it was assigned
    /// under, and its records.
    ///
    /// # Errors
    /// [`StoreError`]: also when the stored lines do not fit the stored edge.
    pub fn unfinished(&self) -> Result<Option<(Running, String, Vec<Record>)>, StoreError> {
        let sql = "SELECT counter, assigned, size, edge, sealed FROM session WHERE closed = 0 OR sealed < size
                   ORDER BY counter DESC LIMIT 1";
        let row = self
            .conn
            .query_row(sql, [], |r| {
                Ok((
                    r.get::<_, i64>(0)? as u64,
                    r.get(1)?,
                    r.get::<_, i64>(2)? as u64,
                    r.get::<_, Vec<u8>>(3)?,
                    r.get::<_, i64>(4)?,
                ))
            })
            .optional()?;
        let Some((counter, assigned, size, stored, sealed)) = row else { return Ok(None) };
        let (mut edge, mut check, mut records) = (Edge::default(), Check::default(), Vec::new());
        for line in self.lines(counter)? {
            let source = |source| muster_seal::error::LogError::Line { line: edge.size() + 1, source };
            let record = Record::parse(&line).map_err(source)?;
            check.next(&record)?;
            edge.push(leaf_hash(&line));
            records.push(record);
        }
        if edge.size() != size || roots(&edge) != stored {
            return Err(StoreError::Corrupt("a session's lines are not those it was built from"));
        }
        Ok(Some((Running { counter, edge, check, sealed: sealed as u64 }, assigned, records)))
    }

    /// A session's lines, without newlines.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn lines(&self, counter: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut get = self.conn.prepare_cached("SELECT line FROM line WHERE counter = ? ORDER BY seq")?;
        let rows = get.query_map([counter as i64], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
