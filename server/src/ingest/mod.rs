//! The life of an upload: bytes from an offset, a seal over them, and for the final one the central log and a receipt.
//!
//! Every step is safe to repeat. What was witnessed is never replaced; what was not may be sent anew, since a device that
//! crashed before its first seal left no trace worth keeping.

pub mod admit;

use muster_seal::central::{Leaf, SealLeaf};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::line::MAX_LINE;
use muster_wire::problem::Kind;
use muster_wire::upload::{MAX_LOG, SessionState};
use rusqlite::Connection;

use crate::central;
use crate::error::ApiError;
use crate::store::devices::Device;
use crate::store::{Store, StoreError, checkpoints, sessions};

impl From<crate::store::StoreError> for admit::Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

/// Where a session stands.
///
/// # Errors
/// [`ApiError`].
pub fn state(store: &Store, device: &str, counter: u64) -> Result<SessionState, ApiError> {
    store.read(|conn| state_of(conn, device, counter))
}

fn state_of(conn: &Connection, device: &str, counter: u64) -> Result<SessionState, ApiError> {
    let stored = sessions::session(conn, device, counter)?.unwrap_or_default();
    let receipt = match stored.log_index {
        Some(index) if stored.is_final => Some(central::receipt(conn, index)?.text()),
        _ => None,
    };
    let beacon = checkpoints::newest(conn)?;
    Ok(SessionState { bytes: stored.log.len() as u64, sealed: stored.sealed, receipt, beacon })
}

/// Takes bytes of a log from `from` on.
///
/// # Errors
/// [`ApiError`]: an offset to go on from, a log other than the one witnessed, or one that is too large.
pub fn take_bytes(
    store: &Store,
    device: &Device,
    counter: u64,
    from: u64,
    bytes: &[u8],
) -> Result<SessionState, ApiError> {
    if from + bytes.len() as u64 > MAX_LOG {
        return Err(ApiError::new(Kind::TooLarge, format!("a log has at most {MAX_LOG} bytes")));
    }
    store.write(|tx| {
        let mut stored = sessions::session(tx, &device.device, counter)?.unwrap_or_default();
        let (held, start) = (stored.log.len(), from as usize);
        if start > held {
            return Err(ApiError::offset(held as u64));
        }
        let overlap = bytes.len().min(held - start);
        if stored.log[start..start + overlap] != bytes[..overlap] {
            if stored.sealed > 0 {
                let what = "these bytes differ from those that a seal was already witnessed over";
                return Err(ApiError::new(Kind::Fork, what));
            }
            stored.log.truncate(start);
        }
        if stored.is_final && start + bytes.len() > stored.log.len() {
            return Err(ApiError::new(Kind::BadLog, "the session is closed and sealed: nothing can follow"));
        }
        let kept = stored.log.len().max(start) - start;
        if kept < bytes.len() {
            stored.log.extend_from_slice(&bytes[kept..]);
            let tail = stored.log.iter().rev().take_while(|b| **b != b'\n').count();
            if tail > MAX_LINE {
                let line = stored.log.iter().filter(|b| **b == b'\n').count() + 1;
                return Err(ApiError::new(Kind::TooLarge, format!("line {line} is longer than {MAX_LINE} bytes")));
            }
            sessions::put_log(tx, &device.device, counter, &stored.log)?;
        }
        state_of(tx, &device.device, counter)
    })
}

/// Takes a seal: witnesses it, and if it is the final one puts it into the central log. When this returns, all of that is
/// on disk and published.
///
/// # Errors
/// [`ApiError`]: the log, its seal, its chain or its roster does not hold; two seals fork; or the device was revoked.
pub fn take_seal(
    store: &Store,
    device: &Device,
    counter: u64,
    seal: &str,
    now: &str,
) -> Result<SessionState, ApiError> {
    // Whether a fork is kept must not hang on the answer being a refusal, so it is decided first and kept by itself.
    if let Some(first) = store.read(|conn| fork(conn, device, counter, seal))? {
        store.write(|tx| sessions::put_fork(tx, &device.device, counter, &first, seal, now))?;
        return Err(ApiError::new(
            Kind::Fork,
            "this seal and the one witnessed before do not extend each other; both are kept",
        ));
    }
    store.write(|tx| {
        let Some(mut stored) = sessions::session(tx, &device.device, counter)? else {
            return Err(ApiError::offset(0));
        };
        if stored.is_final {
            return Ok(()); // the same seal again: another would have been a fork
        }
        if device.revoked_at.is_some_and(|last| counter > last) {
            return Err(ApiError::new(Kind::Revoked, "the device was revoked before this session"));
        }
        let facts = admit::Facts {
            origin: muster_seal::session::origin(&store_domain(tx)?, &device.device, counter),
            key: device.key,
            device: &device.device,
            site: &device.site,
            link: sessions::link_before(tx, &device.device, counter)?,
            log_key: checkpoints::verifier(tx)?,
        };
        let admitted = admit::admit(
            &stored.log,
            seal,
            &facts,
            |sha256| Ok(sessions::assignment(tx, sha256)?),
            |size| match checkpoints::head(tx)? {
                Some(head) if size <= head.edge.size() => Ok(Some(central::root_at(tx, size)?)),
                _ => Ok(None),
            },
        )?;
        if admitted.size < stored.sealed {
            return Ok(()); // an older seal of the same log, late
        }
        stored.seal = seal.to_owned();
        stored.sealed = admitted.size;
        if admitted.closed {
            let (device, seal, received) = (device.device.clone(), seal.to_owned(), now.to_owned());
            let leaf = Leaf::Seal(SealLeaf { device, counter, seal, received });
            stored.log_index = Some(checkpoints::append(tx, &[leaf.line()])?);
            stored.is_final = true;
            stored.received = now.to_owned();
        }
        sessions::witness(tx, &stored, &admitted.open, admitted.beacon)?;
        Ok(())
    })?;
    central::sequencer::publish(store)?;
    state(store, &device.device, counter)
}

fn store_domain(conn: &Connection) -> Result<String, StoreError> {
    crate::store::setting(conn, "domain")?.ok_or(StoreError::Corrupt("no domain"))
}

/// The seal witnessed before, when this one is truly signed and yet cannot be of the same log.
fn fork(conn: &Connection, device: &Device, counter: u64, seal: &str) -> Result<Option<String>, ApiError> {
    let Some(stored) = sessions::session(conn, &device.device, counter)?.filter(|s| s.sealed > 0) else {
        return Ok(None);
    };
    let origin = muster_seal::session::origin(&store_domain(conn)?, &device.device, counter);
    let key = device.key.named(&origin);
    let Ok(new) = Checkpoint::open(seal.as_bytes(), &key) else { return Ok(None) }; // refused for its signature later
    let leaves = muster_seal::session::parse(&stored.log).map(|log| log.leaves().to_vec()).unwrap_or_default();
    let prefix = leaves.get(..new.size as usize).map(muster_seal::merkle::root);
    Ok(match prefix {
        // An older seal of the same log, sent late, is no fork; a closed log cannot have been sealed shorter afterwards,
        // but a seal taken before its close may well arrive after it.
        Some(root) if root == new.root => None,
        Some(_) => Some(stored.seal),
        None => None, // larger than what was sent: its bytes come first
    })
}
