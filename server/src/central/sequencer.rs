//! Publishing: tiles, entry bundles and the checkpoint as files under `DATA/log/`, in the layout of `tlog-tiles`.
//!
//! A file appears whole or not at all: it is written aside, synced, renamed, and its folder synced. The checkpoint
//! comes last, so it never speaks of a tile that is not there. Publishing again writes the same bytes.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use muster_seal::checkpoint::Checkpoint;
use muster_seal::tile::{self, Tile, WIDTH};
use rusqlite::Connection;

use crate::fault;
use crate::store::{Store, StoreError, checkpoints};

/// Publishes the tiles that the store has and the folder has not; gives up to where, `None` before the first leaf. The
/// checkpoint is shown once a quorum stands for it ([`put_cosigned`]), so that nobody is ever shown less than before.
///
/// # Errors
/// [`StoreError`]; whatever was written is right, and the next call goes on.
pub fn publish(store: &Store) -> Result<Option<checkpoints::Head>, StoreError> {
    let folder = store.dir().join("log");
    // One publisher at a time, in this process and others: a slower one must not put back an older checkpoint.
    let lock = lock(&folder, ".lock")?;
    let Some(head) = store.read(checkpoints::head)? else { return Ok(None) };
    // A folder that was lost, or put back from an older copy, is made anew from where it stands.
    let (from, to) = (head.published.min(on_disk(store, &folder)?), head.edge.size());
    if from < to {
        fault::before("tiles")?;
        store.read(|conn| write_tiles(conn, &folder, from, to))?;
        fault::after("tiles")?;
    }
    drop(lock);
    Ok(Some(head))
}

/// Shows a checkpoint, unless it is shown already, with more signatures or fewer.
fn show(folder: &Path, note: &str) -> Result<(), StoreError> {
    let path = folder.join("checkpoint");
    if fs::read(&path).is_ok_and(|shown| shown.starts_with(note.as_bytes())) {
        return Ok(());
    }
    fault::before("checkpoint")?;
    write_file(&path, note.as_bytes())?;
    fault::after("checkpoint")
}

/// How far the folder has come. What it once showed the world must be a part of this log: a database that was put back from
/// an older copy is not published over it.
pub(super) fn on_disk(store: &Store, folder: &Path) -> Result<u64, StoreError> {
    let path = folder.join("checkpoint");
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(source) => return Err(StoreError::Io { path, source }),
    };
    let key = store.read(checkpoints::verifier)?;
    let forked = |what: String| StoreError::Forked { witness: path.display().to_string(), what };
    let shown = Checkpoint::open(&bytes, &key).map_err(|e| forked(format!("is none of ours ({e})")))?;
    if !store.read(|conn| super::was(conn, shown.size, &shown.root))? {
        return Err(forked(format!("shows {} entries that this database does not have", shown.size)));
    }
    Ok(shown.size)
}

/// Shows a checkpoint that a quorum stands for, unless a larger one is shown.
///
/// # Errors
/// [`StoreError`].
pub fn put_cosigned(store: &Store, note: &str) -> Result<(), StoreError> {
    let folder = store.dir().join("log");
    let lock = lock(&folder, ".lock")?;
    let (size, before) = (super::size_of(note)?, on_disk(store, &folder)?);
    if size >= before {
        show(&folder, note)?;
    }
    // Files that nobody needs any more are no reason to refuse an answer.
    if size > before
        && let Err(error) = super::sweep::sweep(&folder, before)
    {
        tracing::warn!(%error, "partial tiles are left over");
    }
    drop(lock);
    Ok(())
}

/// Holds a lock file against other threads and programs until it is dropped.
///
/// # Errors
/// [`StoreError::Io`].
pub(crate) fn lock(folder: &Path, name: &str) -> Result<File, StoreError> {
    fs::create_dir_all(folder).map_err(|source| StoreError::Io { path: folder.to_owned(), source })?;
    let path = folder.join(name);
    let lock = File::options().create(true).append(true).open(&path);
    lock.and_then(|file| file.lock().map(|()| file)).map_err(|source| StoreError::Io { path, source })
}

fn write_tiles(conn: &Connection, folder: &Path, from: u64, to: u64) -> Result<(), StoreError> {
    for index in from / WIDTH..to.div_ceil(WIDTH) {
        let end = to.min((index + 1) * WIDTH);
        let leaves = checkpoints::leaves(conn, index * WIDTH, end)?;
        let tile = Tile { level: None, index, width: (end - index * WIDTH) as u16 };
        write_file(&folder.join(tile.path()), &tile::write_entries(leaves.iter().map(Vec::as_slice)))?;
    }
    for level in 0..8u8 {
        // A tile of level L holds the roots of perfect subtrees of 256^L leaves.
        let shift = 8 * u32::from(level);
        let (from, to) = (from >> shift, to >> shift);
        if to == 0 {
            break;
        }
        for index in from / WIDTH..to.div_ceil(WIDTH) {
            let end = to.min((index + 1) * WIDTH);
            let nodes = (index * WIDTH..end).map(|i| checkpoints::node(conn, shift, i));
            let hashes = nodes.collect::<Result<Vec<_>, _>>()?;
            let tile = Tile { level: Some(level), index, width: (end - index * WIDTH) as u16 };
            write_file(&folder.join(tile.path()), &tile::write_hashes(&hashes))?;
        }
    }
    Ok(())
}

/// Writes a file so that it is there whole after the plug is pulled, or not there.
///
/// # Errors
/// [`StoreError::Io`] with the path.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let io = |source| StoreError::Io { path: path.to_owned(), source };
    // A bare file's name has a parent, which is empty.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(io)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    // A name of its own, for what is written aside at the same time by another thread or program.
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    name.push(format!(".{}-{}.tmp", std::process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed)));
    let aside = folder.join(name);
    let mut file = File::create(&aside).map_err(io)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&aside, path).map_err(io)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
}
