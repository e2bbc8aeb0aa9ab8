//! The life of an upload: bytes from an offset, a seal over them, and for the final one the central log and a receipt.
//!
//! Every step is safe to repeat. What was witnessed is never replaced; what was not may be sent anew, since a device that
//! crashed before its first seal left no trace worth keeping.

pub mod admit;
pub mod bulk;

use muster_seal::central::{ContactLeaf, Leaf, SealLeaf};
use muster_seal::chain::{Contact, Link};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::cosignature::cosign;
use muster_seal::key::PublicKey;
use muster_seal::line::MAX_LINE;
use muster_seal::policy::Policy;
use muster_seal::record::is_id;
use muster_seal::second::{SecondError, check};
use muster_seal::witness::{MAX_REQUEST, Refusal, Request, decide};
use muster_wire::problem::Kind;
use muster_wire::upload::{MAX_LOG, SessionState};
use rusqlite::Connection;

use crate::central;
use crate::error::ApiError;
use crate::second;
use crate::store::devices::{self, Device};
use crate::store::sessions::Fork;
use crate::store::witness::Witnessed;
use crate::store::{Store, StoreError, checkpoints, sessions, witness};

impl From<crate::store::StoreError> for admit::Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

/// How many sessions of a device may wait for an earlier one.
const MAX_AHEAD: u64 = 64;

/// Where a session stands.
///
/// # Errors
/// [`ApiError`].
pub fn state(store: &Store, device: &str, counter: u64) -> Result<SessionState, ApiError> {
    let policy = central::witness::policy(store)?;
    store.read(|conn| state_of(conn, policy.as_ref(), device, counter))
}

fn state_of(conn: &Connection, policy: Option<&Policy>, device: &str, counter: u64) -> Result<SessionState, ApiError> {
    let stored = sessions::session(conn, device, counter)?.unwrap_or_default();
    let receipt = match stored.log_index.filter(|_| stored.is_final) {
        Some(index) => receipt(conn, index, policy)?,
        None => None,
    };
    let entry = match stored.log_index.filter(|_| receipt.is_some()) {
        Some(index) => String::from_utf8(checkpoints::leaves(conn, index, index + 1)?.concat()).ok(),
        None => None,
    };
    let beacon = witness::newest(conn)?;
    Ok(SessionState { bytes: stored.log.len() as u64, sealed: stored.sealed, receipt, entry, beacon })
}

/// The receipt for a leaf: under the first checkpoint that a quorum stood for, since that one says the most about when.
/// `None` until there is one.
fn receipt(conn: &Connection, index: u64, policy: Option<&Policy>) -> Result<Option<String>, StoreError> {
    let checkpoint = witness::cosigned_under(conn, index + 1, policy)?;
    checkpoint.map(|note| Ok(central::receipt(conn, index, note)?.text())).transpose()
}

/// Takes bytes of a log from `from` on; `now_ms` is when, by the server's clock.
///
/// # Errors
/// [`ApiError`]: an offset to go on from, a log other than the one witnessed, or one that is too large.
pub fn take_bytes(
    store: &Store,
    device: &Device,
    counter: u64,
    from: u64,
    bytes: &[u8],
    now_ms: i64,
) -> Result<SessionState, ApiError> {
    if from + bytes.len() as u64 > MAX_LOG {
        return Err(ApiError::new(Kind::TooLarge, format!("a log has at most {MAX_LOG} bytes")));
    }
    let policy = central::witness::policy(store)?;
    store.write(|tx| {
        // Sessions may come in any order of arrival, but nobody fills the disk with counters that never were.
        let last = witness::link_before(tx, &device.device, counter)?.counter;
        if counter > last + MAX_AHEAD {
            return Err(ApiError::new(Kind::BadLog, format!("session {counter} is too far ahead of {last}")));
        }
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
            sessions::put_log(tx, &device.device, counter, &stored.log, now_ms)?;
        }
        state_of(tx, policy.as_ref(), &device.device, counter)
    })
}

/// Takes a seal: witnesses it, and if it is the final one puts it into the central log. When this returns, all of that is
/// on disk and published, and a quorum stands for it.
///
/// # Errors
/// [`ApiError`]: the log, its seal, its chain or its roster does not hold; two seals fork; the device had ended; or no
/// quorum stands yet, though the seal is kept.
pub fn take_seal(
    store: &Store,
    device: &Device,
    counter: u64,
    seal: &str,
    now: &str,
) -> Result<SessionState, ApiError> {
    let origin = muster_seal::session::origin(&store.domain()?, &device.device, counter);
    let key = key_at(device, counter)?;
    // Whether a fork is kept must not hang on the answer being a refusal, so it is decided first and kept by itself.
    if let Some(first) = store.read(|conn| fork(conn, device, counter, &origin, &key, seal))? {
        store.write(|tx| keep_fork(tx, device, counter, &first, seal, now))?;
        return Err(forked());
    }
    // A large log is verified and counted beside the writer; what it was verified against must still hold when it is written.
    for _ in 0..ROUNDS {
        let judged = store.read(|conn| judge(conn, device, counter, &origin, key, seal))?;
        let Some(judged) = judged else { break };
        if store.write(|tx| admit_into(tx, device, counter, seal, now, &origin, judged))? {
            break;
        }
    }
    central::settle(store)?;
    state(store, &device.device, counter)
}

/// How often a seal is judged anew when something was written meanwhile; then it waits for the next call.
const ROUNDS: usize = 5;

/// A log that was judged, and what it was judged against.
#[derive(Debug)]
struct Judged {
    admitted: admit::Admitted,
    held: usize,
    link: Link,
}

/// Judges a log at a seal; `None` when there is nothing to do: the same seal again, or an older one.
fn judge(
    conn: &Connection,
    device: &Device,
    counter: u64,
    origin: &str,
    key: PublicKey,
    seal: &str,
) -> Result<Option<Judged>, ApiError> {
    let Some(stored) = sessions::session(conn, &device.device, counter)? else {
        return Err(ApiError::offset(0));
    };
    if stored.is_final && stored.seal == seal {
        return Ok(None);
    }
    let link = witness::link_before(conn, &device.device, counter)?;
    let facts = admit::Facts {
        origin: origin.to_owned(),
        key,
        second: second::demanded(conn, &device.life, counter)?,
        device: &device.device,
        site: &device.site,
        link: link.clone(),
        log_key: checkpoints::verifier(conn)?,
    };
    let admitted = admit::admit(
        &stored.log,
        seal,
        &facts,
        |sha256| Ok(sessions::assignment(conn, sha256)?),
        |size, root| Ok(central::was(conn, size, root)?),
    )?;
    // An older seal of the same log, late, or after its final one.
    let late = stored.is_final || admitted.size < stored.sealed;
    Ok((!late).then_some(Judged { admitted, held: stored.log.len(), link }))
}

/// Writes what was judged; false when something was written meanwhile and it must be judged anew.
fn admit_into(
    tx: &rusqlite::Transaction<'_>,
    device: &Device,
    counter: u64,
    seal: &str,
    now: &str,
    origin: &str,
    judged: Judged,
) -> Result<bool, ApiError> {
    let Judged { admitted, held, link } = judged;
    let Some(mut stored) = sessions::session(tx, &device.device, counter)? else { return Ok(false) };
    let moved = stored.is_final || stored.log.len() != held || stored.sealed > admitted.size;
    if moved || witness::link_before(tx, &device.device, counter)? != link {
        return Ok(false);
    }
    stored.seal = seal.to_owned();
    stored.sealed = admitted.size;
    if admitted.closed.is_some() {
        let (device, seal, received) = (device.device.clone(), seal.to_owned(), now.to_owned());
        let leaf = Leaf::Seal(SealLeaf { device, counter, seal, received });
        stored.log_index = Some(checkpoints::append(tx, &[leaf.line()])?);
        stored.is_final = true;
        stored.received = now.to_owned();
    }
    sessions::witness(tx, &stored, &admitted.open, admitted.beacon, admitted.closed)?;
    if witness::witnessed(tx, origin)?.is_none_or(|known| known.size < admitted.size) {
        let (size, note) = (admitted.size, seal.to_owned());
        witness::put_witnessed(tx, origin, &Witnessed { size, root: admitted.root, note })?;
    }
    Ok(true)
}

/// The key that signs what has this counter.
fn key_at(device: &Device, counter: u64) -> Result<PublicKey, ApiError> {
    device.life.key_at(counter).map_err(|e| ApiError::new(Kind::Revoked, e.to_string()))
}

fn keep_fork(
    tx: &rusqlite::Transaction<'_>,
    device: &Device,
    counter: u64,
    first: &str,
    second: &str,
    now: &str,
) -> Result<(), StoreError> {
    let after_end = device.life.end().is_some();
    sessions::put_fork(tx, &device.device, counter, Fork { first, second, after_end }, now)
}

fn forked() -> ApiError {
    ApiError::new(Kind::Fork, "this seal and the one witnessed before do not extend each other; both are kept")
}

/// The seal witnessed before, when this one is truly signed and yet cannot be of the same log.
fn fork(
    conn: &Connection,
    device: &Device,
    counter: u64,
    origin: &str,
    key: &PublicKey,
    seal: &str,
) -> Result<Option<String>, ApiError> {
    let Ok(new) = Checkpoint::open(seal.as_bytes(), &key.named(origin)) else {
        return Ok(None); // refused for its signature later
    };
    // A counter is used once: by a session or by a contact.
    if let Some(contact) = witness::contact(conn, &device.device, counter)? {
        return Ok(Some(contact.note));
    }
    let stored = sessions::session(conn, &device.device, counter)?.unwrap_or_default();
    let log = muster_seal::session::parse(&stored.log).ok();
    let leaves = log.as_ref().map_or(&[][..], |log| log.leaves());
    let root = |size: u64| leaves.get(..size as usize).map(muster_seal::merkle::root);
    if let Some(known) = witness::witnessed(conn, origin)? {
        // What was witnessed by its proofs alone must be what the bytes now say, and a closed log does not grow.
        let other_root = known.size == new.size && known.root != new.root;
        let other_past = root(new.size) == Some(new.root) && root(known.size).is_some_and(|root| root != known.root);
        let closed = log.as_ref().is_some_and(|log| log.is_closed()) && leaves.len() as u64 == new.size;
        if other_root || other_past || (closed && known.size > new.size) {
            return Ok(Some(known.note));
        }
    }
    // Nothing is sealed after the final seal but what that seal covers.
    if stored.is_final && new.size > stored.sealed {
        return Ok(Some(stored.seal));
    }
    Ok(match root(new.size).filter(|_| stored.sealed > 0) {
        // An older seal of the same log, sent late, is no fork; a closed log cannot have been sealed shorter afterwards,
        // but a seal taken before its close may well arrive after it.
        Some(root) if root != new.root => Some(stored.seal),
        // Or larger than what was sent: its bytes come first.
        _ => None,
    })
}

/// Takes a contact: a device signs the beacon it holds, and uses up a counter. Safe to repeat.
///
/// # Errors
/// [`ApiError`]: it does not follow what came before, or names a central log that never was.
pub fn take_contact(store: &Store, device: &Device, counter: u64, note: &str, now: &str) -> Result<(), ApiError> {
    let key = key_at(device, counter)?;
    let bad = |e: &dyn std::fmt::Display| ApiError::new(Kind::BadLog, e.to_string());
    let domain = store.domain()?;
    let contact = Contact::open(note.as_bytes(), &domain, &device.device, counter, &key).map_err(|e| bad(&e))?;
    store.write(|tx| contact_into(tx, device, &domain, (&contact, &key), note, now))?;
    let kept = store.read(|conn| witness::contact(conn, &device.device, counter))?;
    if kept.is_none_or(|kept| kept.note != note) {
        return Err(forked());
    }
    Ok(central::settle(store)?)
}

/// Writes a contact that was opened with the device's key, and its leaf. Safe to repeat; one that is not the one kept is kept
/// as a fork, and changes nothing else.
fn contact_into(
    tx: &rusqlite::Transaction<'_>,
    device: &Device,
    domain: &str,
    (contact, key): (&Contact, &PublicKey),
    note: &str,
    now: &str,
) -> Result<(), ApiError> {
    let bad = |e: &dyn std::fmt::Display| ApiError::new(Kind::BadLog, e.to_string());
    let counter = contact.counter;
    if let Some(kept) = witness::contact(tx, &device.device, counter)? {
        return if kept.note == note { Ok(()) } else { Ok(keep_fork(tx, device, counter, &kept.note, note, now)?) };
    }
    if let Some(point) = second::demanded(tx, &device.life, counter)? {
        let origin = Contact::origin(domain, &device.device, counter);
        check(note.as_bytes(), &origin, key, &point).map_err(|e| bad(&e))?;
    }
    // A growing seal that was witnessed by its proofs alone uses its counter up as well.
    let origin = muster_seal::session::origin(domain, &device.device, counter);
    let sealed = sessions::session(tx, &device.device, counter)?.filter(|s| s.sealed > 0).map(|s| s.seal);
    if let Some(first) = sealed.or(witness::witnessed(tx, &origin)?.map(|w| w.note)) {
        return Ok(keep_fork(tx, device, counter, &first, note, now)?);
    }
    witness::link_before(tx, &device.device, counter)?.after(contact, note).map_err(|e| bad(&e))?;
    if !central::was(tx, contact.beacon, &contact.root)? {
        return Err(bad(&admit::Refusal::BeaconRoot));
    }
    let (id, note, received) = (device.device.clone(), note.to_owned(), now.to_owned());
    let leaf = Leaf::Contact(ContactLeaf { device: id, counter, note: note.clone(), received });
    let index = checkpoints::append(tx, &[leaf.line()])?;
    Ok(witness::put_contact(tx, &device.device, counter, &note, contact.beacon, index)?)
}

/// What `add-checkpoint` answers for a session log: the cosignature line of this server.
///
/// # Errors
/// [`Refusal`] by the standard, or [`StoreError`] on the inside.
pub fn add_checkpoint(
    store: &Store,
    body: &[u8],
    now_s: u64,
    now: &str,
) -> Result<Result<String, Refusal>, StoreError> {
    let request = match Request::parse(body, MAX_REQUEST) {
        Ok(request) => request,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let unknown = || Ok(Err(Refusal::UnknownOrigin { origin: request.origin().to_owned() }));
    let Some((id, counter)) = log_of(&store.domain()?, request.origin()) else { return unknown() };
    let Some(device) = store.read(|conn| devices::device(conn, id))? else { return unknown() };
    // Nothing grows any more under a key that was rotated away, or on a device that has ended. Whoever holds such a key can
    // neither take a counter from the device before its own seal arrives, nor leave a fork that would seem to be its doing.
    if device.life.end().is_some() || device.life.signer(counter) != device.key {
        return unknown();
    }
    let (raw, key) = (device.key, device.key.named(request.origin()));
    store.write(|tx| {
        if crate::store::second::is_on(tx)? {
            let point = device.life.second(counter).ok_or(SecondError::NoKey { counter });
            let held = point.and_then(|p| check(request.checkpoint.as_bytes(), request.origin(), &raw, &p));
            if let Err(why) = held {
                return Ok(Err(Refusal::Second(why)));
            }
        }
        let known = witness::witnessed(tx, request.origin())?;
        // What was closed, or used up by a contact, does not grow; and nobody fills the disk with logs that never were.
        let used = witness::contact(tx, id, counter)?.is_some();
        let last = witness::link_before(tx, id, counter)?.counter;
        if known.is_none() && (used || counter > last + MAX_AHEAD) {
            return Ok(Err(Refusal::UnknownOrigin { origin: request.origin().to_owned() }));
        }
        let closed = sessions::session(tx, id, counter)?.filter(|session| session.is_final);
        let fork = |first: &str| keep_fork(tx, &device, counter, first, &request.checkpoint, now);
        let new = match decide(&request, known.as_ref().map(|k| (k.size, k.root)), &key) {
            Ok(new) => new,
            Err(refusal @ Refusal::Fork { .. }) => {
                fork(&known.map(|k| k.note).unwrap_or_default())?;
                return Ok(Err(refusal));
            }
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Some(closed) = closed.filter(|closed| new.size > closed.sealed) {
            fork(&closed.seal)?;
            return Ok(Err(Refusal::Fork { size: closed.sealed }));
        }
        let (size, root, note) = (new.size, new.root, request.checkpoint.clone());
        witness::put_witnessed(tx, request.origin(), &Witnessed { size, root, note })?;
        Ok(Ok(cosign(&new.text(), &witness::name(tx)?, &witness::signer(tx)?, now_s)))
    })
}

/// The device and counter that an origin of this domain names.
fn log_of<'a>(domain: &str, origin: &'a str) -> Option<(&'a str, u64)> {
    let (device, counter) = origin.strip_prefix(domain)?.strip_prefix("/d/")?.split_once("/s/")?;
    let number = counter.parse::<u64>().ok().filter(|n| *n > 0 && n.to_string() == counter)?;
    is_id(device).then_some((device, number))
}
