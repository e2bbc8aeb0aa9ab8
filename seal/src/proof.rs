//! The receipt: `c2sp.org/tlog-proof` (draft v1), an entry's index, its inclusion proof and the checkpoint it leads to.
//! Beside it the plain list of hashes that a consistency proof is written as.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::checkpoint::Checkpoint;
use crate::error::{NoteError, ProofError};
use crate::key::Verifier;
use crate::merkle::{Hash, leaf_hash, verify_inclusion};

const HEADER: &str = "c2sp.org/tlog-proof@v1\n";
/// A proof in a log of 2^63 entries has at most this many hashes; `tlog-proof` and `tlog-witness` allow no more.
const MAX_HASHES: usize = 63;

/// A receipt, parsed and not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The entry's index, from 0.
    pub index: u64,
    /// The inclusion proof, leaf first.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: String,
}

/// Why a receipt does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The checkpoint.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The inclusion proof.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl Receipt {
    /// The receipt's text.
    pub fn text(&self) -> String {
        format!("{HEADER}index {}\n{}\n{}", self.index, write_hashes(&self.hashes), self.checkpoint)
    }

    /// Parses a receipt. The optional `extra` line of the draft is refused: Muster has no use for it.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let bad = NoteError::Malformed;
        let text = std::str::from_utf8(bytes).map_err(|_| bad("not UTF-8"))?;
        let rest = text.strip_prefix(HEADER).ok_or(bad("the first line is not c2sp.org/tlog-proof@v1"))?;
        let rest = rest.strip_prefix("index ").ok_or(bad("no index line"))?;
        let (index, rest) = rest.split_once('\n').ok_or(bad("no index line"))?;
        let number = index.parse::<u64>().ok().filter(|n| n.to_string() == index);
        let index = number.ok_or(bad("the index is no whole number in its shortest form"))?;
        let (hashes, checkpoint) = match rest.strip_prefix('\n') {
            Some(checkpoint) => ("", checkpoint),
            None => rest.split_once("\n\n").ok_or(bad("no empty line before the checkpoint"))?,
        };
        let hashes = if hashes.is_empty() { Vec::new() } else { read_hashes(&format!("{hashes}\n"))? };
        Ok(Self { index, hashes, checkpoint: checkpoint.to_owned() })
    }

    /// Checks that `leaf` is the entry this receipt speaks of, in the log that `key` signs for.
    ///
    /// # Errors
    /// [`ReceiptError`]: the checkpoint's signature or the proof.
    pub fn verify(&self, leaf: &[u8], key: &impl Verifier) -> Result<Checkpoint, ReceiptError> {
        let checkpoint = Checkpoint::open(self.checkpoint.as_bytes(), key)?;
        verify_inclusion(&leaf_hash(leaf), self.index, checkpoint.size, &self.hashes, &checkpoint.root)?;
        Ok(checkpoint)
    }
}

/// Writes hashes in base64, one a line.
pub fn write_hashes(hashes: &[Hash]) -> String {
    hashes.iter().map(|hash| STANDARD.encode(hash) + "\n").collect()
}

/// Reads hashes in base64, one a line; nothing at all is an empty proof.
///
/// # Errors
/// [`NoteError::Malformed`].
pub fn read_hashes(text: &str) -> Result<Vec<Hash>, NoteError> {
    let bad = NoteError::Malformed;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let mut hashes = Vec::new();
    for line in text.strip_suffix('\n').ok_or(bad("no newline after the last hash"))?.split('\n') {
        let raw = STANDARD.decode(line).map_err(|_| bad("a hash is not base64"))?;
        hashes.push(raw.try_into().map_err(|_| bad("a hash is not 32 bytes"))?);
        if hashes.len() > MAX_HASHES {
            return Err(bad("more than 63 hashes"));
        }
    }
    Ok(hashes)
}
