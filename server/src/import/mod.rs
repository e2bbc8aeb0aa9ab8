//! What the bureau brings in as files: CSV in UTF-8 or GB 18030 (which Excel in China writes), all or nothing.
//!
//! An error names file, line and column and says what to do. It never repeats what stands in the cell: that may be a name
//! or a citizen number. Every file that is taken leaves its hash in the central log.

pub mod cells;
mod claims;
mod decisions;
pub(crate) mod keys;
mod rosters;
pub mod rows;
mod schedules;
pub mod tables;
mod values;

pub use rosters::{roster_id, set_card_key};

use std::fmt;

use muster_hours::policy::Policy;
use muster_hours::schedule::is_plain;
use muster_seal::central::{DocumentLeaf, Leaf};
use muster_seal::merkle::sha256;
use rusqlite::{OptionalExtension, Transaction, params};
use thiserror::Error;

use crate::store::{Store, StoreError, checkpoints};

/// What can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Who trains.
    Institutions,
    /// Where.
    Sites,
    /// A counting policy, as TOML or JSON.
    Policy,
    /// Runs of courses.
    Classes,
    /// Their lessons.
    Schedules,
    /// Their people.
    Rosters,
    /// Their face templates.
    Templates,
    /// What is asked to be paid.
    Claims,
    /// When a region had no class, no power or no network.
    Calendar,
    /// What officials decided elsewhere.
    Decisions,
    /// A whole evidence table that is filled by import alone, by its name.
    Table(&'static str),
}

impl What {
    /// All but the tables.
    pub const ALL: [Self; 10] = [
        Self::Institutions,
        Self::Sites,
        Self::Policy,
        Self::Classes,
        Self::Schedules,
        Self::Rosters,
        Self::Templates,
        Self::Claims,
        Self::Calendar,
        Self::Decisions,
    ];

    /// As the central log names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Institutions => "institutions",
            Self::Sites => "sites",
            Self::Policy => "policy",
            Self::Classes => "classes",
            Self::Schedules => "schedules",
            Self::Rosters => "rosters",
            Self::Templates => "templates",
            Self::Claims => "claims",
            Self::Calendar => "calendar",
            Self::Decisions => "decisions",
            Self::Table(_) => "table",
        }
    }

    /// From its name; tables are not among these.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|w| w.as_str() == name)
    }

    /// A table, from its name.
    pub fn table(name: &str) -> Option<Self> {
        tables::file(name).map(|file| Self::Table(file.name))
    }
}

/// One thing wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// The line, from 1; the header is line 1.
    pub line: u64,
    /// The column's name, as the documentation has it; empty when it is about the whole line.
    pub column: &'static str,
    /// What is wrong and what to do.
    pub what: String,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            "" => write!(f, "line {}: {}", self.line, self.what),
            column => write!(f, "line {}, {column}: {}", self.line, self.what),
        }
    }
}

/// Why a file was not taken. Nothing of it was.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The file holds errors.
    #[error("{}", list(.file, .errors))]
    Rows {
        /// The file's name.
        file: String,
        /// All that is wrong, in order.
        errors: Vec<RowError>,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for ImportError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// At most so many errors are told; a file in the wrong shape has one for each line.
const TOLD: usize = 50;

fn list(file: &str, errors: &[RowError]) -> String {
    let mut text: Vec<String> = errors.iter().take(TOLD).map(|e| format!("{file}: {e}")).collect();
    if errors.len() > TOLD {
        text.push(format!("{file}: and {} more", errors.len() - TOLD));
    }
    text.join("\n")
}

/// What was taken.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Taken {
    /// How many rows.
    pub rows: usize,
    /// Where the central log says so.
    pub log_index: u64,
    /// Does the very same file stand already? Then nothing was done.
    pub again: bool,
}

/// Imports a file: all of it in one transaction, with its leaf, or nothing.
///
/// # Errors
/// [`ImportError`].
pub fn import(store: &Store, what: What, file: &str, bytes: &[u8], now: &str) -> Result<Taken, ImportError> {
    let taken = store.write(|tx| take(tx, what, file, bytes, now))?;
    match crate::central::settle(store) {
        // The file is taken; its leaf waits for the witnesses as those of others do.
        Err(StoreError::NoQuorum(why)) => {
            tracing::warn!(%why, "the file is taken, and no quorum stands for its leaf yet")
        }
        settled => settled?,
    }
    Ok(taken)
}

/// The same within the caller's transaction, which is to be given up when this fails, and settled once it is committed:
/// for many files at once.
///
/// # Errors
/// [`ImportError`].
pub fn take(tx: &Transaction<'_>, what: What, file: &str, bytes: &[u8], now: &str) -> Result<Taken, ImportError> {
    let rows = |errors| ImportError::Rows { file: file.to_owned(), errors };
    let hash = hex::encode(sha256(bytes));
    if what == What::Claims
        && let Some((rows, index)) = in_force(tx, &hash)?
    {
        return Ok(Taken { rows, log_index: index, again: true });
    }
    let leaf = Leaf::Document(DocumentLeaf {
        what: what.as_str().to_owned(),
        // The log is public, and a file's name may hold a person's. A table's is ours.
        name: if let What::Table(name) = what { name.to_owned() } else { String::new() },
        sha256: hash.clone(),
        at: now.to_owned(),
    });
    let log_index = checkpoints::append(tx, &[leaf.line()])?;
    let count = if what == What::Policy {
        policy(tx, bytes, now)?.map_err(|e| rows(vec![e]))?;
        1
    } else {
        let table = cells::Table::read(bytes, &rows::columns(what)).map_err(rows)?;
        if what == What::Claims {
            let sql = "INSERT INTO claim_file (sha256, name, at, rows, log_index) VALUES (?1, ?2, ?3, ?4, ?5)
                           ON CONFLICT DO UPDATE SET name = ?2, at = ?3, rows = ?4, log_index = ?5";
            tx.execute(sql, params![hash, file, now, table.rows.len() as i64, log_index as i64])?;
        }
        let errors = rows::apply(tx, what, &table, &rows::Of { now, file: &hash })?;
        if !errors.is_empty() {
            return Err(rows(errors));
        }
        table.rows.len()
    };
    Ok(Taken { rows: count, log_index, again: false })
}

/// A claim file that was taken before, of which every row still stands. One that another file took the place of is taken
/// again: what is imported last is what is asked to be paid.
fn in_force(tx: &Transaction<'_>, hash: &str) -> Result<Option<(usize, u64)>, StoreError> {
    let sql = "SELECT rows, log_index FROM claim_file f
               WHERE sha256 = ? AND rows = (SELECT count(*) FROM claim WHERE file = f.sha256)";
    let row = tx.query_row(sql, [hash], |row| Ok((row.get::<_, i64>(0)? as usize, row.get::<_, i64>(1)? as u64)));
    Ok(row.optional()?)
}

/// What a policy's file holds.
const POLICY_KEYS: &str = "no key of a policy, or not its kind of value: version = \"text\"; class_hour_s, share_permille, \
                           daily_cap, level, rate_permille and power_gap_s = whole numbers; manual = true or false; \
                           pay_mode = \"per_hour\" or \"lump\"";

/// A policy is never changed: another one takes another version.
fn policy(tx: &Transaction<'_>, bytes: &[u8], now: &str) -> Result<Result<(), RowError>, ImportError> {
    let wrong = |line, what: String| Ok(Err(RowError { line, column: "", what }));
    let Ok(text) = std::str::from_utf8(bytes) else { return wrong(1, "not UTF-8".to_owned()) };
    let policy: Policy = match toml::from_str(text) {
        Ok(policy) => policy,
        Err(e) => match serde_json::from_str(text) {
            Ok(policy) => policy,
            Err(_) => {
                let line = e.span().map_or(1, |span| text[..span.start].matches('\n').count() as u64 + 1);
                // What a key lacks is ours to name; anything else in the message may stand in the file.
                let said = Some(e.message()).filter(|m| m.starts_with("missing field `"));
                return wrong(line, said.unwrap_or(POLICY_KEYS).to_owned());
            }
        },
    };
    if !is_plain(&policy.version) {
        return wrong(1, "a version has no quote, backslash or control character".to_owned());
    }
    let document = serde_json::to_string(&policy).map_err(|_| StoreError::Corrupt("a policy"))?;
    let sql = "SELECT document FROM policy WHERE version = ?";
    let found: Option<String> = tx.query_row(sql, [&policy.version], |row| row.get(0)).optional()?;
    let found: Option<Policy> = match found {
        Some(text) => Some(serde_json::from_str(&text).map_err(|_| StoreError::Corrupt("a policy"))?),
        None => None,
    };
    if found.as_ref().is_some_and(|found| *found != policy) {
        return wrong(1, "this version is in force with other numbers: give this one another version".to_owned());
    }
    if found.is_none() {
        let sql = "INSERT INTO policy (version, document, sha256, at) VALUES (?, ?, ?, ?)";
        tx.execute(sql, params![policy.version, document, hex::encode(sha256(document.as_bytes())), now])?;
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests;
