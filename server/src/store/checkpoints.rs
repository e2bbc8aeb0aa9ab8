//! The central log's tables: leaves, nodes, and the one row whose swap is the commit point.

use muster_seal::checkpoint::Checkpoint;
use muster_seal::key::{DeviceKey, NamedKey, Signer};
use muster_seal::merkle::{Edge, Hash, leaf_hash};
use muster_seal::second::under;
use muster_seal::tile::MAX_ENTRY;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{StoreError, second, setting};

/// The central log's newest state.
#[derive(Debug, Clone)]
pub struct Head {
    /// Its right edge.
    pub edge: Edge,
    /// The signed checkpoint.
    pub note: String,
    /// Up to which size the tiles are on disk.
    pub published: u64,
}

/// The central log's origin and key name.
///
/// # Errors
/// [`StoreError`].
pub fn origin(conn: &Connection) -> Result<String, StoreError> {
    let domain: String = setting(conn, "domain")?.ok_or(StoreError::Corrupt("no domain"))?;
    Ok(format!("{domain}/log"))
}

fn signer(conn: &Connection) -> Result<DeviceKey, StoreError> {
    let document: Vec<u8> = setting(conn, "log_key")?.ok_or(StoreError::Corrupt("no log key"))?;
    DeviceKey::from_pkcs8(&document).map_err(|_| StoreError::Corrupt("the log key"))
}

/// The central log's verifier key.
///
/// # Errors
/// [`StoreError`].
pub fn verifier(conn: &Connection) -> Result<NamedKey, StoreError> {
    Ok(signer(conn)?.public().named(&origin(conn)?))
}

/// The newest state; `None` before the first leaf.
///
/// # Errors
/// [`StoreError`].
pub fn head(conn: &Connection) -> Result<Option<Head>, StoreError> {
    let row = conn
        .query_row("SELECT size, edge, note, published FROM checkpoint", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get(2)?, row.get::<_, i64>(3)?))
        })
        .optional()?;
    row.map(|(size, edge, note, published)| {
        let roots = edge.chunks_exact(32).map(|c| c.try_into().unwrap_or_default()).collect();
        let edge = Edge::from_parts(size as u64, roots).map_err(|_| StoreError::Corrupt("the central log's edge"))?;
        Ok(Head { edge, note, published: published as u64 })
    })
    .transpose()
}

/// Appends leaves and swaps the checkpoint, within the caller's transaction: its commit is the commit point.
/// Gives the index of the first.
///
/// # Errors
/// [`StoreError`].
pub fn append(tx: &Transaction<'_>, leaves: &[Vec<u8>]) -> Result<u64, StoreError> {
    let head = head(tx)?;
    let mut edge = head.as_ref().map(|h| h.edge.clone()).unwrap_or_default();
    let first = edge.size();
    let mut put_leaf = tx.prepare_cached("INSERT INTO leaf (idx, line) VALUES (?, ?)")?;
    let mut put_node = tx.prepare_cached("INSERT INTO node (level, idx, hash) VALUES (?, ?, ?)")?;
    for leaf in leaves {
        if leaf.len() > MAX_ENTRY {
            return Err(StoreError::Corrupt("a leaf above 65,535 bytes"));
        }
        put_leaf.execute(params![edge.size() as i64, leaf])?;
        let mut nodes = Vec::new();
        edge.push_with(leaf_hash(leaf), |level, index, hash| nodes.push((level, index, hash)));
        for (level, index, hash) in nodes {
            put_node.execute(params![level, index as i64, &hash[..]])?;
        }
    }
    let checkpoint = Checkpoint { origin: origin(tx)?, size: edge.size(), root: edge.root() };
    let note = under(checkpoint.sign(&signer(tx)?), &checkpoint.origin, second::signer(tx)?.as_ref());
    tx.execute(
        "INSERT INTO checkpoint (one, size, edge, note, published) VALUES (1, ?1, ?2, ?3, 0)
         ON CONFLICT (one) DO UPDATE SET size = ?1, edge = ?2, note = ?3",
        params![edge.size() as i64, edge.roots().concat(), note],
    )?;
    Ok(first)
}

/// The root of the perfect subtree at a level and index.
///
/// # Errors
/// [`StoreError`].
pub fn node(conn: &Connection, level: u32, index: u64) -> Result<Hash, StoreError> {
    let mut get = conn.prepare_cached("SELECT hash FROM node WHERE level = ? AND idx = ?")?;
    let hash: Vec<u8> = get.query_row(params![level, index as i64], |row| row.get(0))?;
    hash.try_into().map_err(|_| StoreError::Corrupt("a node"))
}

/// Leaves `from..to`, in order.
///
/// # Errors
/// [`StoreError`].
pub fn leaves(conn: &Connection, from: u64, to: u64) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut get = conn.prepare_cached("SELECT line FROM leaf WHERE idx >= ? AND idx < ? ORDER BY idx")?;
    let rows = get.query_map(params![from as i64, to as i64], |row| row.get(0))?;
    let leaves: Vec<Vec<u8>> = rows.collect::<Result<_, _>>()?;
    if leaves.len() as u64 == to - from { Ok(leaves) } else { Err(StoreError::Corrupt("a leaf is missing")) }
}

/// Notes that the tiles are on disk up to a size.
///
/// # Errors
/// [`StoreError`].
pub fn set_published(tx: &Transaction<'_>, size: u64) -> Result<(), StoreError> {
    tx.execute("UPDATE checkpoint SET published = max(published, ?)", [size as i64])?;
    Ok(())
}
