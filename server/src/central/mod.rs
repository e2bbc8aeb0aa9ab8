//! The central log: proofs from the store, its tiles on disk, and the witnesses that stand for it.
//!
//! [`crate::store::checkpoints::append`] commits leaves inside the transaction that makes them true. [`settle`] then writes
//! tiles and checkpoint to `DATA/log/` ([`sequencer`]), where any mirror or monitor reads them, and gathers cosignatures
//! ([`witness`]); what a crash kept from being done is done at the next start. Only then is anybody answered.

pub mod fsck;
pub mod sequencer;
mod sweep;
pub mod witness;

use muster_seal::checkpoint::Checkpoint;
use muster_seal::error::ProofError;
use muster_seal::merkle::{Hash, consistency_proof, inclusion_proof};
use muster_seal::note::Note;
use muster_seal::proof::Receipt;
use rusqlite::Connection;

use crate::store::{Store, StoreError, checkpoints};

impl From<ProofError> for StoreError {
    fn from(_: ProofError) -> Self {
        Self::Corrupt("a leaf or a size outside the central log")
    }
}

/// Publishes the central log as it stands and gathers cosignatures over it, so that a quorum stands for every leaf that was
/// committed before the call. Calls at the same time share one round.
///
/// # Errors
/// [`StoreError`]; [`StoreError::NoQuorum`] when too few witnesses answered: what was committed stays, and the next call
/// goes on.
pub fn settle(store: &Store) -> Result<(), StoreError> {
    let size = store.read(|conn| Ok::<_, StoreError>(checkpoints::head(conn)?.map_or(0, |head| head.edge.size())))?;
    witness::settle(store, size)
}

/// The size that a checkpoint of our own names; its signature is ours.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub fn size_of(note: &str) -> Result<u64, StoreError> {
    let corrupt = |_| StoreError::Corrupt("a checkpoint");
    Ok(Checkpoint::parse(Note::parse(note.as_bytes()).map_err(corrupt)?.text()).map_err(corrupt)?.size)
}

/// The receipt for a leaf under a checkpoint of ours.
///
/// # Errors
/// [`StoreError`], also when the leaf is not under it.
pub fn receipt(conn: &Connection, index: u64, checkpoint: String) -> Result<Receipt, StoreError> {
    let hashes = inclusion_proof(index, size_of(&checkpoint)?, |level, i| checkpoints::node(conn, level, i))?;
    Ok(Receipt { index, hashes, checkpoint })
}

/// The proof that the log at `old` entries is a prefix of a checkpoint of ours.
///
/// # Errors
/// [`StoreError`], also when the log was never that large.
pub fn consistency(conn: &Connection, old: u64, checkpoint: &str) -> Result<Vec<Hash>, StoreError> {
    consistency_proof(old, size_of(checkpoint)?, |level, i| checkpoints::node(conn, level, i))
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

/// Was the log ever that large, with that root?
///
/// # Errors
/// [`StoreError`].
pub fn was(conn: &Connection, size: u64, root: &Hash) -> Result<bool, StoreError> {
    match checkpoints::head(conn)? {
        Some(head) if size <= head.edge.size() => Ok(root_at(conn, size)? == *root),
        _ => Ok(false),
    }
}
