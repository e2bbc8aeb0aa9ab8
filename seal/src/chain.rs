//! One device over time: each session names the seal before it, counters leave no gap, and beacons never go backwards.

use thiserror::Error;

use crate::merkle::sha256;
use crate::record::Open;

/// Where a device's chain stands after a session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Link {
    /// The last counter used; 0 before the first session.
    pub counter: u64,
    /// SHA-256 in hex of the last final seal; empty before the first session.
    pub seal: String,
    /// The size of the central log that the last session's beacon names; 0 without one.
    pub beacon: u64,
}

/// A session that does not follow the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChainError {
    /// Counters are used once each, in order.
    #[error("the session counter is {found}, not {want}: a session is missing or was replayed")]
    Counter {
        /// What `open` says.
        found: u64,
        /// What it must say.
        want: u64,
    },
    /// `prev` is not the hash of the seal before.
    #[error("`prev` does not name the seal of session {counter}")]
    Previous {
        /// The counter of the session before.
        counter: u64,
    },
    /// The beacon is older than the session's before.
    #[error("the beacon names a central log of {found} entries; the session before named one of {before}")]
    Beacon {
        /// This session's.
        found: u64,
        /// The one before.
        before: u64,
    },
}

/// SHA-256 of a whole signed note in hex: how the next session names a seal.
pub fn seal_id(seal: &str) -> String {
    hex::encode(sha256(seal.as_bytes()))
}

impl Link {
    /// Checks that a session follows; `beacon` is the size that its beacon names, 0 without one.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn check(&self, open: &Open, beacon: u64) -> Result<(), ChainError> {
        if open.counter != self.counter + 1 {
            return Err(ChainError::Counter { found: open.counter, want: self.counter + 1 });
        }
        if open.prev != self.seal {
            return Err(ChainError::Previous { counter: self.counter });
        }
        if beacon < self.beacon {
            return Err(ChainError::Beacon { found: beacon, before: self.beacon });
        }
        Ok(())
    }
}
