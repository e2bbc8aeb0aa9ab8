//! Does a log with its seal hold? One pure decision over the log, the device, the assignment and the chain.

use muster_hours::error::{AssignmentError, CountError};
use muster_hours::schedule::Assignment;
use muster_seal::chain::{ChainError, Link};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::error::{LogError, NoteError};
use muster_seal::key::{NamedKey, PublicKey};
use muster_seal::merkle::Hash;
use muster_seal::record::{Body, Open, Record};
use muster_seal::second::{self, Point, SecondError};
use muster_seal::session::{self, ParsedLog, VerifiedLog};
use muster_wire::problem::Kind;
use thiserror::Error;

use crate::error::ApiError;

/// What the server knows of the device and its past.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The origin that the seal must have.
    pub origin: String,
    /// The device's key for this session.
    pub key: PublicKey,
    /// The SM2 key that must have signed beside it; `None` where the deployment has no second signature.
    pub second: Option<Point>,
    /// Its id.
    pub device: &'a str,
    /// Its site.
    pub site: &'a str,
    /// Where its chain stands.
    pub link: Link,
    /// The central log's key.
    pub log_key: NamedKey,
}

/// What was admitted.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// Leaf 0.
    pub open: Open,
    /// How many records the seal covers.
    pub size: u64,
    /// Their root.
    pub root: Hash,
    /// The size that the beacon names; 0 without one.
    pub beacon: u64,
    /// Is the log closed, and was it counted? Then the times of its first and last record, in milliseconds.
    pub closed: Option<(i64, i64)>,
}

/// Why a log is not taken.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The log or its seal.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The seal's second line.
    #[error("the seal: {0}")]
    Second(#[from] SecondError),
    /// The beacon is none of ours.
    #[error("line 1: the beacon: {0}")]
    Beacon(NoteError),
    /// The beacon is signed by us and was never our log.
    #[error("line 1: the beacon names a central log that never was")]
    BeaconRoot,
    /// It does not follow the session before.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The seal covers more than was sent.
    #[error("the seal covers {sealed} records and {held} were sent")]
    Short {
        /// What the seal says.
        sealed: u64,
        /// What is here.
        held: u64,
    },
    /// The device is enrolled at another site.
    #[error("line 1: site {found:?} is not the device's site {want:?}")]
    Site {
        /// What `open` says.
        found: String,
        /// Where the device is enrolled.
        want: String,
    },
    /// No such assignment was given out.
    #[error("line 1: no device was ever given this assignment")]
    Assignment,
    /// The assignment cannot be read: ours to mend.
    #[error(transparent)]
    Plan(#[from] AssignmentError),
    /// The log does not fit its assignment.
    #[error(transparent)]
    Count(#[from] CountError),
    /// The store failed meanwhile.
    #[error("{0}")]
    Store(String),
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Store(why) => Self::internal(why),
            other => Self::new(Kind::BadLog, other.to_string()),
        }
    }
}

/// Admits a log at a seal. `assignment` finds a document by its hash; `was` says whether the central log ever had that size
/// with that root.
///
/// # Errors
/// [`Refusal`], the first that holds.
pub fn admit(
    log: &[u8],
    seal: &str,
    facts: &Facts<'_>,
    assignment: impl FnOnce(&str) -> Result<Option<String>, Refusal>,
    was: impl FnOnce(u64, &Hash) -> Result<bool, Refusal>,
) -> Result<Admitted, Refusal> {
    let checkpoint = Checkpoint::open(seal.as_bytes(), &facts.key.named(&facts.origin)).map_err(LogError::from)?;
    if let Some(point) = &facts.second {
        second::check(seal.as_bytes(), &facts.origin, &facts.key, point)?;
    }
    let log = covered(log, checkpoint.size)?;
    let held = Held::check(log, seal, facts)?;
    let open = held.open().clone();
    if open.site != facts.site {
        return Err(Refusal::Site { found: open.site, want: facts.site.to_owned() });
    }
    let beacon = match open.beacon.as_str() {
        "" => 0,
        note => {
            let beacon = Checkpoint::open(note.as_bytes(), &facts.log_key).map_err(Refusal::Beacon)?;
            if !was(beacon.size, &beacon.root)? {
                return Err(Refusal::BeaconRoot);
            }
            beacon.size
        }
    };
    facts.link.check(&open, beacon)?;
    let document = assignment(&open.assignment)?.ok_or(Refusal::Assignment)?;
    let plan = Assignment::parse(document.as_bytes())?;
    let closed = match &held {
        Held::Closed(verified) => {
            let times = muster_hours::count(verified, &plan)?.times;
            times.first().copied().zip(times.last().copied())
        }
        Held::Growing(_) => None,
    };
    Ok(Admitted { open, size: checkpoint.size, root: checkpoint.root, beacon, closed })
}

/// A log that its seal holds over.
enum Held {
    /// Closed: it can be counted.
    Closed(VerifiedLog),
    /// Still growing.
    Growing(ParsedLog),
}

impl Held {
    /// Parses once: what the last line claims to be decides how, and either way checks that it is.
    fn check(log: &[u8], seal: &str, facts: &Facts<'_>) -> Result<Self, LogError> {
        let line = log.strip_suffix(b"\n").and_then(|log| log.rsplit(|b| *b == b'\n').next()).unwrap_or_default();
        if Record::parse(line).is_ok_and(|last| matches!(last.body, Body::Close(_))) {
            return session::verify(log, seal, &facts.origin, &facts.key).map(Self::Closed);
        }
        let parsed = session::parse(log)?;
        parsed.check_seal(seal, &facts.origin, &facts.key)?;
        Ok(Self::Growing(parsed))
    }

    fn open(&self) -> &Open {
        match self {
            Self::Closed(log) => log.open(),
            Self::Growing(log) => log.open(),
        }
    }
}

/// The bytes of the first `size` lines.
fn covered(log: &[u8], size: u64) -> Result<&[u8], Refusal> {
    let mut ends = log.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i + 1);
    let held = ends.clone().count() as u64;
    // A seal over everything is checked with what follows its last newline too, so that a cut line is named.
    if size == held {
        return Ok(log);
    }
    match size.checked_sub(1).and_then(|n| ends.nth(n as usize)) {
        Some(end) => Ok(&log[..end]),
        None => Err(Refusal::Short { sealed: size, held }),
    }
}
