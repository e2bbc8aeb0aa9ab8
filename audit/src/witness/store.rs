//! What a witness must not forget: one row a log, changed in one step that is on disk before anybody is answered.

use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use anyhow::{Context, Result, bail, ensure};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::key::{NamedKey, Verifier};
use muster_seal::merkle::{Edge, Hash};
use muster_seal::witness::{Refusal, Request, decide};
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};

const FILE: &str = "witness.sqlite";
/// The most kept for one log, of each kind: one fork is enough for ever, and nobody fills a disk.
const MAX_KEPT: i64 = 16;
/// Two checkpoints of one size and two roots, both signed by the log: a fork, whoever looks at it.
const FORK: &str = "fork";
/// A checkpoint that was not shown to extend the one cosigned. It may be a fork, or a good one with a proof that anybody bent:
/// whoever reads the log can tell. These take no room from the others.
const UNPROVEN: &str = "unproven";

/// The database.
pub struct Store(Mutex<Connection>);

/// A log that is witnessed.
pub struct Log {
    /// Its origin.
    pub origin: String,
    /// The size cosigned last; 0 before the first.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// How many proofs of a fork are kept.
    pub forks: u64,
    /// How many checkpoints are kept that were not shown to extend the one cosigned.
    pub unproven: u64,
}

impl Store {
    /// Makes the database of a new witness.
    pub fn create(dir: &Path, name: &str) -> Result<()> {
        let conn = connect(dir, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        // `size` and `root` are those of the newest checkpoint cosigned, `note` is it, whole. A fork is two notes by one key.
        conn.execute_batch(
            "BEGIN IMMEDIATE;
             CREATE TABLE me (name TEXT NOT NULL);
             CREATE TABLE log (
                 origin TEXT PRIMARY KEY, key TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL
             ) STRICT;
             CREATE TABLE fork (origin TEXT NOT NULL, kept TEXT NOT NULL, refused TEXT NOT NULL UNIQUE, why TEXT NOT NULL) STRICT;
             COMMIT;",
        )?;
        migrate(&conn)?;
        conn.execute("INSERT INTO me (name) VALUES (?)", [name])?;
        Ok(())
    }

    /// Opens it.
    pub fn open(dir: &Path) -> Result<Self> {
        let conn = connect(dir, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        migrate(&conn)?;
        Ok(Self(Mutex::new(conn)))
    }

    fn conn(&self) -> MutexGuard<'_, Connection> {
        // A panic inside a transaction rolled it back: the connection is as good as before.
        self.0.lock().unwrap_or_else(|broken| broken.into_inner())
    }

    /// The witness's name.
    pub fn name(&self) -> Result<String> {
        Ok(self.conn().query_row("SELECT name FROM me", [], |row| row.get(0))?)
    }

    /// Witnesses a log from now on.
    pub fn add(&self, key: &NamedKey) -> Result<()> {
        let mut conn = self.conn();
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let known: Option<String> =
            tx.query_row("SELECT key FROM log WHERE origin = ?", [key.name()], |row| row.get(0)).optional()?;
        match known {
            Some(known) if known == key.to_string() => return Ok(()),
            Some(known) => bail!("{} is witnessed already, under the key {known}", key.name()),
            None => {}
        }
        let sql = "INSERT INTO log (origin, key, size, root, note) VALUES (?, ?, 0, ?, '')";
        tx.execute(sql, params![key.name(), key.to_string(), Edge::default().root()])?;
        Ok(tx.commit()?)
    }

    /// All logs.
    pub fn logs(&self) -> Result<Vec<Log>> {
        let conn = self.conn();
        let sql =
            "SELECT origin, size, root, (SELECT count(*) FROM fork f WHERE f.origin = log.origin AND f.kind = ?1),
                          (SELECT count(*) FROM fork f WHERE f.origin = log.origin AND f.kind = ?2)
                   FROM log ORDER BY origin";
        let mut rows = conn.prepare(sql)?;
        let logs = rows.query_map([FORK, UNPROVEN], |row| {
            let count = |i: usize| row.get::<_, i64>(i).map(i64::unsigned_abs);
            Ok(Log { origin: row.get(0)?, size: count(1)?, root: row.get(2)?, forks: count(3)?, unproven: count(4)? })
        })?;
        Ok(logs.collect::<Result<_, _>>()?)
    }

    /// Decides on a request and persists what was decided, in one transaction that is on disk when this returns. What comes
    /// back may be cosigned.
    pub fn take(&self, request: &Request) -> Result<Result<Checkpoint, Refusal>> {
        let mut conn = self.conn();
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "SELECT key, size, root, note FROM log WHERE origin = ?";
        let row: Option<(String, i64, Hash, String)> = tx
            .query_row(sql, [request.origin()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        let Some((key, size, root, kept)) = row else {
            return Ok(Err(Refusal::UnknownOrigin { origin: request.origin().to_owned() }));
        };
        let key = NamedKey::parse(&key).context("a log's key in the database")?;
        let new = match decide(request, Some((size.unsigned_abs(), root)), &key) {
            Ok(new) => new,
            Err(refusal) => {
                let kind = match refusal {
                    Refusal::Fork { .. } => Some(FORK),
                    Refusal::Proof(_) => Some(UNPROVEN),
                    _ => None,
                };
                if let Some(kind) = kind {
                    let sql = "INSERT INTO fork (origin, kept, refused, why, kind) SELECT ?1, ?2, ?3, ?4, ?5
                               WHERE (SELECT count(*) FROM fork WHERE origin = ?1 AND kind = ?5) < ?6
                               ON CONFLICT (refused) DO UPDATE SET kept = ?2, why = ?4, kind = ?5 WHERE ?5 = ?7";
                    let why = refusal.to_string();
                    let of = (request.origin(), &kept, &request.checkpoint);
                    tx.execute(sql, params![of.0, of.1, of.2, why, kind, MAX_KEPT, FORK])?;
                    tx.commit()?;
                }
                return Ok(Err(refusal));
            }
        };
        let Ok(new_size) = i64::try_from(new.size) else {
            return Ok(Err(Refusal::Malformed("a size above 2^63 - 1")));
        };
        let swapped = tx.execute(
            "UPDATE log SET size = ?, root = ?, note = ? WHERE origin = ? AND size = ? AND root = ?",
            params![new_size, new.root, request.checkpoint, request.origin(), size, root],
        )?;
        ensure!(swapped == 1, "the row of {} changed under a transaction that holds it", request.origin());
        tx.commit()?;
        Ok(Ok(new))
    }
}

/// A folder made before the two kinds were told apart: what is of one size on both sides is a fork.
fn migrate(conn: &Connection) -> Result<()> {
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version < 1 {
        conn.execute_batch(
            "BEGIN IMMEDIATE;
             ALTER TABLE fork ADD COLUMN kind TEXT NOT NULL DEFAULT 'unproven';
             UPDATE fork SET kind = 'fork' WHERE why LIKE 'a checkpoint of size %';
             PRAGMA user_version = 1;
             COMMIT;",
        )?;
    }
    Ok(())
}

fn connect(dir: &Path, flags: OpenFlags) -> Result<Connection> {
    let path = dir.join(FILE);
    let conn = Connection::open_with_flags(&path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    let conn = conn.with_context(|| format!("cannot open {}", path.display()))?;
    conn.busy_timeout(std::time::Duration::from_secs(5))?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    // An answer that a power cut takes back is a fork waiting to be cosigned.
    conn.pragma_update(None, "synchronous", "FULL")?;
    Ok(conn)
}
