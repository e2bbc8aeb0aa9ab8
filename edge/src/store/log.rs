//! A session's lines: each is one transaction with its leaf hash and the tree's right edge. The first line and the last
//! come with their seal in that same transaction, so that no session is ever open or closed without one.

use muster_seal::chain::seal_id;
use muster_seal::merkle::{Edge, Hash, leaf_hash};
use muster_seal::record::{Body, Record, Stamp};
use muster_seal::session::Check;
use rusqlite::{Connection, OptionalExtension, params};

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

/// A session that was not finished, with what it was assigned under and its records.
#[derive(Debug)]
pub struct Unfinished {
    /// Where it stands.
    pub running: Running,
    /// JSON of what it was assigned under.
    pub assigned: String,
    /// Its records.
    pub records: Vec<Record>,
}

/// Makes the seal over a tree.
pub type Sealer<'a> = &'a dyn Fn(&Edge) -> String;

fn roots(edge: &Edge) -> Vec<u8> {
    edge.roots().concat()
}

/// The counter that comes next, and the id of the seal or contact before it; empty before the first.
pub(super) fn next_link(conn: &Connection) -> Result<(u64, String), StoreError> {
    let sql =
        "SELECT counter, seal FROM session UNION ALL SELECT counter, note FROM contact ORDER BY counter DESC LIMIT 1";
    let last = conn.query_row(sql, [], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?))).optional()?;
    Ok(last.map_or((1, String::new()), |(counter, note)| (counter as u64 + 1, seal_id(&note))))
}

/// Nothing may follow a session without its final seal: what follows names that seal.
pub(super) fn all_sealed(conn: &Connection) -> Result<(), StoreError> {
    let sql = "SELECT counter FROM session WHERE closed = 0 OR sealed < size ORDER BY counter LIMIT 1";
    match conn.query_row(sql, [], |r| r.get::<_, i64>(0)).optional()? {
        Some(counter) => Err(StoreError::Unfinished(counter as u64)),
        None => Ok(()),
    }
}

impl Store {
    /// The counter that the next session or contact must have, and the id of the seal or contact before it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn next_counter(&self) -> Result<(u64, String), StoreError> {
        next_link(&self.conn)
    }

    /// Begins a session with its first record and the seal over it. `assigned` is kept with it as JSON.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is written then. [`StoreError::Unfinished`] while an older session has no final seal.
    pub fn begin(
        &mut self,
        stamp: Stamp,
        open: Body,
        assigned: &str,
        seal: Sealer<'_>,
    ) -> Result<(Running, Record), StoreError> {
        let Body::Open(facts) = &open else {
            return Err(StoreError::Corrupt("a session that does not begin with open"));
        };
        let (counter, prev) = (facts.counter, facts.prev.clone());
        let (class, session) = (facts.class.clone(), facts.session.clone());
        let mut running = Running { counter, edge: Edge::default(), check: Check::default(), sealed: 1 };
        let record = Record { seq: 0, stamp, body: open };
        let line = running.check.admit(&record)?;
        let hash = leaf_hash(&line);
        running.edge.push(hash);
        let tx = self.conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        all_sealed(&tx)?;
        if next_link(&tx)? != (counter, prev) {
            return Err(StoreError::Corrupt("a session that does not follow the one before"));
        }
        tx.execute(
            "INSERT INTO session (counter, class, session, assigned, size, edge, closed, seal, sealed, sent, witnessed)
             VALUES (?, ?, ?, ?, 1, ?, 0, ?, 1, 0, 0)",
            params![counter as i64, class, session, assigned, roots(&running.edge), seal(&running.edge)],
        )?;
        tx.execute("INSERT INTO line VALUES (?, 0, ?, ?)", params![counter as i64, line, &hash[..]])?;
        tx.commit()?;
        Ok((running, record))
    }

    /// Appends records: all of them or none, on disk when this returns. Gives them with their numbers.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is written and `running` is as it was then.
    pub fn append(&mut self, running: &mut Running, stamped: Vec<(Stamp, Body)>) -> Result<Vec<Record>, StoreError> {
        self.put(running, stamped, None)
    }

    /// Appends records and keeps the seal over all, in one step: how a session is closed.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn append_sealed(
        &mut self,
        running: &mut Running,
        stamped: Vec<(Stamp, Body)>,
        seal: Sealer<'_>,
    ) -> Result<Vec<Record>, StoreError> {
        self.put(running, stamped, Some(seal))
    }

    fn put(
        &mut self,
        running: &mut Running,
        stamped: Vec<(Stamp, Body)>,
        seal: Option<Sealer<'_>>,
    ) -> Result<Vec<Record>, StoreError> {
        let (mut edge, mut check) = (running.edge.clone(), running.check.clone());
        let mut written = Vec::with_capacity(stamped.len());
        let (counter, mut sealed) = (running.counter as i64, running.sealed);
        let tx = self.conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        {
            let mut put = tx.prepare_cached("INSERT INTO line (counter, seq, line, hash) VALUES (?, ?, ?, ?)")?;
            for (stamp, body) in stamped {
                let record = Record { seq: edge.size(), stamp, body };
                let line = check.admit(&record)?;
                let hash = leaf_hash(&line);
                put.execute(params![counter, record.seq as i64, line, &hash[..]])?;
                edge.push(hash);
                written.push(record);
            }
            tx.prepare_cached("UPDATE session SET size = ?, edge = ?, closed = ? WHERE counter = ?")?
                .execute(params![edge.size() as i64, roots(&edge), check.is_closed(), counter])?;
            if let Some(seal) = seal {
                sealed = edge.size();
                tx.prepare_cached("UPDATE session SET seal = ?, sealed = size WHERE counter = ?")?
                    .execute(params![seal(&edge), counter])?;
            }
        }
        tx.commit()?;
        (running.edge, running.check, running.sealed) = (edge, check, sealed);
        Ok(written)
    }

    /// Keeps a seal over the records as they stand.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_seal(&self, running: &mut Running, seal: Sealer<'_>) -> Result<(), StoreError> {
        let (size, counter) = (running.size(), running.counter);
        let sql = "UPDATE session SET seal = ?, sealed = ? WHERE counter = ?";
        self.conn.execute(sql, params![seal(&running.edge), size as i64, counter as i64])?;
        running.sealed = size;
        Ok(())
    }

    /// Notes that nobody came before a session was closed for another class.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_unused(&self, counter: u64) -> Result<(), StoreError> {
        self.conn.execute("UPDATE session SET unused = 1 WHERE counter = ?", [counter as i64])?;
        Ok(())
    }

    /// Does the disk hold what the caller believes? After an error it may not be known whether a write arrived.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn agrees(&self, running: &Running) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM session WHERE counter = ? AND size = ? AND closed = ?";
        let is_closed = running.check.is_closed();
        Ok(self.conn.prepare_cached(sql)?.exists(params![running.counter as i64, running.size() as i64, is_closed])?)
    }

    /// The sessions that were not finished, oldest first: not closed, or closed and without their final seal.
    ///
    /// # Errors
    /// [`StoreError`]: also when the stored lines do not fit the stored edge.
    pub fn unfinished(&self) -> Result<Vec<Unfinished>, StoreError> {
        let sql = "SELECT counter, assigned, size, edge, sealed FROM session WHERE closed = 0 OR sealed < size
                   ORDER BY counter";
        let mut get = self.conn.prepare(sql)?;
        let rows = get.query_map([], |r| {
            let (size, sealed) = (r.get::<_, i64>(2)? as u64, r.get::<_, i64>(4)? as u64);
            Ok((r.get::<_, i64>(0)? as u64, r.get(1)?, size, r.get::<_, Vec<u8>>(3)?, sealed))
        })?;
        let rows: Vec<(u64, String, u64, Vec<u8>, u64)> = rows.collect::<Result<_, _>>()?;
        rows.into_iter()
            .map(|(counter, assigned, size, stored, sealed)| {
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
                Ok(Unfinished { running: Running { counter, edge, check, sealed }, assigned, records })
            })
            .collect()
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

    /// The leaf hashes of a session's first `size` lines, for proofs.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn hashes(&self, counter: u64, size: u64) -> Result<Vec<Hash>, StoreError> {
        let sql = "SELECT hash FROM line WHERE counter = ? AND seq < ? ORDER BY seq";
        let mut get = self.conn.prepare_cached(sql)?;
        let rows: Vec<Vec<u8>> =
            get.query_map(params![counter as i64, size as i64], |row| row.get(0))?.collect::<Result<_, _>>()?;
        rows.into_iter().map(|h| h.try_into().map_err(|_| StoreError::Corrupt("a leaf hash"))).collect()
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
