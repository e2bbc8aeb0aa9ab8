//! The central log: proofs from the store, and its tiles on disk.
//!
//! [`crate::store::checkpoints::append`] commits leaves inside the transaction that makes them true. [`sequencer::publish`]
//! then writes tiles and checkpoint to `DATA/log/`, where any mirror or monitor reads them; what a crash kept from being
//! published is published at the next start. Only then is anybody answered.

pub mod sequencer;

use muster_seal::error::ProofError;
use muster_seal::merkle::{Hash, consistency_proof, inclusion_proof};
use muster_seal::proof::Receipt;
use rusqlite::Connection;

use crate::store::{StoreError, checkpoints};

impl From<ProofError> for StoreError {
    fn from(_: ProofError) -> Self {
        Self::Corrupt("a leaf or a size outside the central log")
    }
}

/// The receipt for a leaf under the newest checkpoint.
///
/// # Errors
/// [`StoreError`], also when there is no such leaf.
pub fn receipt(conn: &Connection, index: u64) -> Result<Receipt, StoreError> {
    let head = checkpoints::head(conn)?.ok_or(StoreError::Corrupt("an empty central log"))?;
    let hashes = inclusion_proof(index, head.edge.size(), |level, i| checkpoints::node(conn, level, i))?;
    Ok(Receipt { index, hashes, checkpoint: head.note })
}

/// The proof that the log at `size` is a prefix of the newest one.
///
/// # Errors
/// [`StoreError`], also when the log was never that large.
pub fn consistency(conn: &Connection, size: u64) -> Result<Vec<Hash>, StoreError> {
    let head = checkpoints::head(conn)?.ok_or(StoreError::Corrupt("an empty central log"))?;
    consistency_proof(size, head.edge.size(), |level, i| checkpoints::node(conn, level, i))
}

/// The log's root when it had `size` leaves.
///
/// # Errors
/// [`StoreError`], also when it was never that large.
pub fn root_at(conn: &Connection, size: u64) -> Result<Hash, StoreError> {
    let mut roots = Vec::new();
    let mut start = 0;
    for level in (0..64).rev() {
        if size >> level & 1 == 1 {
            roots.push(checkpoints::node(conn, level, start >> level)?);
            start += 1 << level;
        }
    }
    Ok(muster_seal::merkle::Edge::from_parts(size, roots)?.root())
}
