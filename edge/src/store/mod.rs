//! Opening the device's store. One way to open, upgrade step by step; a damaged file is set aside, never deleted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use thiserror::Error;

pub mod assignment;
pub mod contact;
pub mod log;
pub mod outbox;

const MIGRATIONS: [&str; 2] = [include_str!("migrations/0001_spine.sql"), include_str!("migrations/0002_contact.sql")];

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
    #[error("{0} was made by a newer version: update muster-edge")]
    Newer(PathBuf),
    /// Another program holds it.
    #[error("the agent is running on {0}: stop it first, `systemctl stop muster-edge`")]
    Busy(PathBuf),
    /// Made by an older version, and only to be looked at.
    #[error("{0} was made by an older version: start the agent once, it brings the file up to date")]
    Older(PathBuf),
    /// The file is damaged; it was set aside as evidence.
    #[error("{path} is damaged and was set aside as {aside}: tell the bureau before this device is used again")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Where it is now.
        aside: PathBuf,
    },
    /// A stored value that cannot be: a bug or a hand in the file.
    #[error("the store holds something that cannot be: {0}")]
    Corrupt(&'static str),
    /// An older session has no final seal yet: nothing may follow it.
    #[error("session {0} has no final seal yet: nothing can follow it")]
    Unfinished(u64),
    /// A record may not stand where it was to be put.
    #[error(transparent)]
    Log(#[from] muster_seal::error::LogError),
}

/// The store. Each thread has its own.
#[derive(Debug)]
pub struct Store {
    conn: Connection,
    dir: PathBuf,
}

impl Store {
    /// Opens the store in a folder, making both where they are not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let io = |source| StoreError::Io { path: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(io)?;
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(io)?;
        let path = dir.join("edge.sqlite");
        match Self::connect(&path) {
            Ok(conn) => Ok(Self { conn, dir: dir.to_owned() }),
            Err(StoreError::Sqlite(rusqlite::Error::SqliteFailure(e, _)))
                if matches!(e.code, rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) =>
            {
                let aside = set_aside(&path)?;
                Err(StoreError::Damaged { path, aside })
            }
            Err(e) => Err(e),
        }
    }

    /// Opens the store to look at it and no more: nothing is made, upgraded or written.
    ///
    /// # Errors
    /// [`StoreError`]: also when there is none, or an older version made it.
    pub fn look(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("edge.sqlite");
        let missing = |source| StoreError::Io { path: path.clone(), source };
        fs::metadata(&path).map_err(missing)?;
        let conn = Connection::open_with_flags(&path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        conn.busy_timeout(Duration::from_secs(2))?;
        match conn.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? as usize {
            found if found > MIGRATIONS.len() => Err(StoreError::Newer(path)),
            found if found < MIGRATIONS.len() => Err(StoreError::Older(path)),
            _ => Ok(Self { conn, dir: dir.to_owned() }),
        }
    }

    fn connect(path: &Path) -> Result<Connection, StoreError> {
        let mut conn = Connection::open(path)?;
        conn.busy_timeout(Duration::from_secs(10))?;
        conn.pragma_update(None, "journal_mode", "WAL")?; // the kiosk reads while the agent writes
        conn.pragma_update(None, "synchronous", "FULL")?; // a commit is on disk before success is shown
        conn.pragma_update(None, "foreign_keys", "ON")?;
        conn.pragma_update(None, "trusted_schema", "OFF")?;
        // What is erased at the end of an assignment is overwritten, not only unlinked.
        conn.pragma_update(None, "secure_delete", "ON")?;
        let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let found = tx.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? as usize;
        if found > MIGRATIONS.len() {
            return Err(StoreError::Newer(path.to_owned()));
        }
        for migration in &MIGRATIONS[found..] {
            tx.execute_batch(migration)?;
        }
        tx.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
        tx.commit()?;
        Ok(conn)
    }

    /// Another connection to the same store, for another thread.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn again(&self) -> Result<Self, StoreError> {
        Self::open(&self.dir)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A fact by its name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT value FROM fact WHERE name = ?";
        Ok(self.conn.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional()?)
    }

    /// Sets a fact.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_fact(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO fact (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2";
        self.conn.execute(sql, params![name, value])?;
        Ok(())
    }
}

impl Store {
    /// Held by the one program that may write sessions or change the key, until what this gives is dropped.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while another holds it.
    pub fn lock(&self) -> Result<fs::File, StoreError> {
        let path = self.dir.join("agent.lock");
        let file = fs::File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|source| StoreError::Io { path: path.clone(), source })?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => Err(StoreError::Busy(self.dir.clone())),
            Err(fs::TryLockError::Error(source)) => Err(StoreError::Io { path, source }),
        }
    }

    /// Is no session running, and has every one its final seal?
    ///
    /// # Errors
    /// [`StoreError::Unfinished`].
    pub fn check_between_sessions(&self) -> Result<(), StoreError> {
        log::all_sealed(&self.conn)
    }

    /// A number that changes when another connection has written: whether what was read is still what stands there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn version(&self) -> Result<i64, StoreError> {
        Ok(self.conn.pragma_query_value(None, "data_version", |row| row.get(0))?)
    }
}

/// Moves a damaged file and its journals aside.
fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let mut n = 1;
    let name = |suffix: &str, n: u32| PathBuf::from(format!("{}{suffix}.damaged-{n}", path.display()));
    while name("", n).exists() {
        n += 1;
    }
    for suffix in ["", "-wal", "-shm"] {
        let from = PathBuf::from(format!("{}{suffix}", path.display()));
        if from.exists() {
            fs::rename(&from, name(suffix, n)).map_err(|source| StoreError::Io { path: from, source })?;
        }
    }
    Ok(name("", n))
}
