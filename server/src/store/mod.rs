//! Opening the operational store, and the two ways in: many readers, one writer.
//!
//! Several processes may use one data directory: the running server and a command beside it. SQLite's write lock, taken at
//! the start of every writing transaction, keeps them apart. All SQL of a domain lives in a file of this folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::Ed25519KeyPair;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use thiserror::Error;

use crate::fault;

pub mod brackets;
pub mod checkpoints;
pub mod claims;
pub mod devices;
pub mod dispositions;
pub mod findings;
pub mod parts;
pub mod pools;
pub mod rosters;
pub mod second;
pub mod sessions;
pub mod witness;

/// The domain of a data directory that was given none.
pub const DEFAULT_DOMAIN: &str = "muster.localhost";

const MIGRATIONS: [&str; 8] = [
    include_str!("migrations/0001_spine.sql"),
    include_str!("migrations/0002_findings.sql"),
    include_str!("migrations/0003_witness.sql"),
    include_str!("migrations/0004_reconcile.sql"),
    include_str!("migrations/0005_forks.sql"),
    include_str!("migrations/0006_imports.sql"),
    include_str!("migrations/0007_parts.sql"),
    include_str!("migrations/0008_results.sql"),
];

/// The migration after which what it keeps beside a log is read from the logs that are there.
const SESSION_TIMES: usize = 5;

/// What can go wrong with the store.
#[derive(Debug, Error)]
pub enum StoreError {
    /// SQLite. Its messages name tables and columns, never values.
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A file or folder.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What.
        source: std::io::Error,
    },
    /// Made by a newer version.
    #[error("{path} was made by a newer version (schema {found}, this one knows {known}): update muster-server")]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its schema version.
        found: usize,
        /// The newest known.
        known: usize,
    },
    /// The file is damaged. It is evidence: nothing was changed.
    #[error("{path} is damaged and was left as it is: restore a copy beside it, then run `muster-server log fsck`")]
    Damaged {
        /// Which.
        path: PathBuf,
    },
    /// Asked to be another domain than it was made for.
    #[error("{path} belongs to {found}, not {asked}: every origin in its log says so")]
    Domain {
        /// Which.
        path: PathBuf,
        /// What it was made for.
        found: String,
        /// What was asked.
        asked: String,
    },
    /// A stored value that cannot be: a bug or a hand in the file.
    #[error("the store holds something that cannot be: {0}")]
    Corrupt(&'static str),
    /// A witness knows a longer or another central log than this one.
    #[error("{witness} {what}: this database was rolled back or bent; stop, and restore the newest copy")]
    Forked {
        /// Which.
        witness: String,
        /// What it said.
        what: String,
    },
    /// Too few witnesses stand for the central log now: nothing is promised before they do.
    #[error("no quorum of witnesses yet: {0}")]
    NoQuorum(String),
    /// The file with the witnesses is none.
    #[error("{path}: {what}")]
    Policy {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A device's leaves in the central log make no life.
    #[error(transparent)]
    Life(#[from] muster_seal::life::LifeError),
    /// A device was to end at a counter that nobody has seen.
    #[error(
        "计数 {counter} 超出本局见过的最后计数 {seen}：持有终端者可在其间补造课次。请用 {seen} 或更小的值；若离线办过班，先让终端送达，再吊销 \
         / counter {counter} is ahead of {seen}, the last ever seen of this device: whoever holds it could fill what lies between \
         with classes that never met. Give {seen} or less, or nothing at all; where classes were held offline, let the device deliver them first"
    )]
    Ahead {
        /// What was asked for.
        counter: u64,
        /// The last that was seen.
        seen: u64,
    },
    /// Where evidence was to lie is no place, or none that this program can reach.
    #[error("evidence: {0}")]
    Place(String),
    /// The second signature line of the profile `sm2-sm3`.
    #[error("second_signature: {0}")]
    Second(#[from] muster_seal::second::SecondError),
    /// A fault that a test asked for.
    #[error("a test asked for this fault: {0}")]
    Asked(&'static str),
    /// The system's randomness failed.
    #[error("no random bytes to be had from the system")]
    Random,
}

/// The store; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

/// `count` random bytes.
///
/// # Errors
/// [`StoreError::Random`].
pub fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| StoreError::Random)?;
    Ok(bytes)
}

impl Store {
    /// Opens the data directory, making it first where there is none. `domain` is checked against what is there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(dir: &Path, domain: Option<&str>) -> Result<Self, StoreError> {
        let io = |source| StoreError::Io { path: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(io)?;
        // Names and keys are in there.
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(io)?;
        let path = dir.join("muster.sqlite");
        let mut writer = connect(&path)?;
        migrate(&mut writer, &path)?;
        let store = Self {
            inner: Arc::new(Inner { dir: dir.to_owned(), writer: Mutex::new(writer), readers: Mutex::default() }),
        };
        store.initialise(&path, domain)?;
        Ok(store)
    }

    /// The data directory.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// Reads.
    ///
    /// # Errors
    /// What the work returns, or that no connection could be made.
    pub fn read<T, E: From<StoreError>>(&self, work: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        let idle = self.inner.readers.lock().ok().and_then(|mut idle| idle.pop());
        let conn = match idle {
            Some(conn) => conn,
            None => connect(&self.inner.dir.join("muster.sqlite"))?,
        };
        let result = work(&conn);
        if let Ok(mut idle) = self.inner.readers.lock() {
            idle.push(conn);
        }
        result
    }

    /// Writes: all or nothing, on disk when this returns.
    ///
    /// # Errors
    /// What the work returns, and nothing is written then; or that the commit failed.
    pub fn write<T, E: From<StoreError>>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut conn = self.inner.writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreError::from)?;
        let result = work(&tx)?;
        fault::before("commit")?;
        tx.commit().map_err(StoreError::from)?;
        fault::after("commit")?;
        Ok(result)
    }

    fn initialise(&self, path: &Path, domain: Option<&str>) -> Result<(), StoreError> {
        let found = self.write(|tx| -> Result<String, StoreError> {
            let put = "INSERT INTO setting (name, value) VALUES (?, CAST(? AS BLOB))";
            // A key of its own: a cosignature does not name its cosigner, so no key may serve two.
            if setting::<Vec<u8>>(tx, "witness_seed")?.is_none() {
                tx.execute(put, params!["witness_seed", &random::<32>()?[..]])?;
            }
            if let Some(domain) = setting::<String>(tx, "domain")? {
                return Ok(domain);
            }
            let domain = domain.unwrap_or(DEFAULT_DOMAIN);
            let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| StoreError::Random)?;
            tx.execute(put, params!["domain", domain.as_bytes()])?;
            tx.execute(put, params!["log_key", key.as_ref()])?;
            tx.execute(put, params!["person_key", &random::<32>()?[..]])?;
            Ok(domain.to_owned())
        })?;
        match domain {
            Some(asked) if asked != found => {
                Err(StoreError::Domain { path: path.to_owned(), found, asked: asked.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// The bureau's domain.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn domain(&self) -> Result<String, StoreError> {
        self.read(|conn| setting::<String>(conn, "domain")?.ok_or(StoreError::Corrupt("no domain")))
    }
}

/// A fact of this server from table `setting`.
///
/// # Errors
/// [`StoreError`].
pub fn setting<T: FromSetting>(conn: &Connection, name: &str) -> Result<Option<T>, StoreError> {
    let value: Option<Vec<u8>> =
        conn.query_row("SELECT value FROM setting WHERE name = ?", [name], |row| row.get(0)).optional()?;
    value.map(|value| T::from_setting(value).ok_or(StoreError::Corrupt("a setting"))).transpose()
}

/// Sets a fact of this server.
///
/// # Errors
/// [`StoreError`].
pub fn put_setting(tx: &Transaction<'_>, name: &str, value: &[u8]) -> Result<(), StoreError> {
    let sql = "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2";
    tx.execute(sql, params![name, value])?;
    Ok(())
}

/// What a setting can be.
pub trait FromSetting: Sized {
    /// From its bytes; `None` when they are not of this type.
    fn from_setting(bytes: Vec<u8>) -> Option<Self>;
}

impl FromSetting for String {
    fn from_setting(bytes: Vec<u8>) -> Option<Self> {
        Self::from_utf8(bytes).ok()
    }
}

impl FromSetting for Vec<u8> {
    fn from_setting(bytes: Vec<u8>) -> Option<Self> {
        Some(bytes)
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let conn = Connection::open(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .map_err(|source| StoreError::Io { path: path.to_owned(), source })?;
    conn.busy_timeout(Duration::from_secs(10))?;
    let pragmas = [
        ("journal_mode", "WAL"),   // readers go on while one writes
        ("synchronous", "FULL"),   // a commit is on disk before anybody is answered
        ("foreign_keys", "ON"),    // a session of no device is a bug
        ("trusted_schema", "OFF"), // the file is evidence, not code
    ];
    for (name, value) in pragmas {
        let set = conn.pragma_update(None, name, value);
        if let Err(rusqlite::Error::SqliteFailure(e, _)) = &set
            && matches!(e.code, rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt)
        {
            return Err(StoreError::Damaged { path: path.to_owned() });
        }
        set?;
    }
    Ok(conn)
}

fn migrate(conn: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: usize = tx.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?.try_into().unwrap_or(0);
    let known = MIGRATIONS.len();
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    for (n, migration) in MIGRATIONS.iter().enumerate().skip(found) {
        tx.execute_batch(migration)?;
        if n == SESSION_TIMES {
            sessions::fill_times(&tx)?;
        }
    }
    tx.pragma_update(None, "user_version", known as i64)?;
    Ok(tx.commit()?)
}

#[cfg(test)]
mod tests;
