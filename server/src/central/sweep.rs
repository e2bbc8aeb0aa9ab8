//! Clearing away: partial tiles whose full tile is there, as `tlog-tiles` permits. A partial tile goes once both the
//! checkpoint that is shown and the one before it have left its index behind, so nobody who reads either misses a file.

use std::fs;
use std::path::Path;

use muster_seal::tile::{Tile, WIDTH};

use super::sequencer::write_file;
use crate::store::StoreError;

/// Up to which size all was cleared. Written when it is done: a crash before that has it done again.
const MARK: &str = ".swept";

/// Clears away the partial tiles of indices that a log of `before` entries, the checkpoint shown before the newest, has full.
///
/// # Errors
/// [`StoreError::Io`]; what is left goes the next time.
pub(super) fn sweep(folder: &Path, before: u64) -> Result<(), StoreError> {
    let mark = fs::read_to_string(folder.join(MARK)).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0u64);
    if mark / WIDTH >= before / WIDTH {
        return Ok(());
    }
    for level in std::iter::once(None).chain((0..8).map(Some)) {
        let shift = 8 * u32::from(level.unwrap_or(0));
        for index in (mark >> shift) / WIDTH..(before >> shift) / WIDTH {
            let full = Tile { level, index, width: WIDTH as u16 }.path();
            let partial = folder.join(format!("{full}.p"));
            if !folder.join(&full).exists() {
                continue;
            }
            match fs::remove_dir_all(&partial) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StoreError::Io { path: partial, source });
                }
                _ => {}
            }
        }
    }
    write_file(&folder.join(MARK), format!("{before}\n").as_bytes())
}
