//! Many sessions at once: of a bureau that moves its history in, or of a world that was made up to measure by. Each log is
//! judged beside the store, on as many threads as there are, and written with thousands of others in one transaction.
//! Nothing is taken that [`super::take_seal`] would not take: what it rests on is looked at again when it is written.

use muster_hours::count::Counted;
use muster_hours::schedule::{Plan, time_ms};
use muster_seal::chain::{Contact, Link};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::merkle::sha256;
use muster_seal::session::verify;
use rusqlite::Transaction;

use super::admit::{Admitted, Facts, Refusal};
use super::{Judged, admit_into, contact_into, key_at};
use crate::central;
use crate::error::ApiError;
use crate::store::{StoreError, devices, sessions, setting};
use muster_seal::key::PublicKey;
use muster_wire::problem::Kind;

/// A closed log that was judged, and waits to be written.
#[derive(Debug)]
pub struct Ready {
    device: String,
    counter: u64,
    log: Vec<u8>,
    seal: String,
    origin: String,
    key: PublicKey,
    document: String,
    judged: Judged,
}

/// Judges a closed log under the document that it was held under. `facts.link` is where the device's chain stands before
/// it; gives where it stands after it, and what the log is worth.
///
/// # Errors
/// [`Refusal`], the first that holds.
pub fn judge(
    log: Vec<u8>,
    seal: String,
    facts: &Facts<'_>,
    plan: &Plan,
    document: String,
) -> Result<(Ready, Counted), Refusal> {
    let verified = verify(&log, &seal, &facts.origin, &facts.key)?;
    let open = verified.open().clone();
    if open.site != facts.site {
        return Err(Refusal::Site { found: open.site, want: facts.site.to_owned() });
    }
    let beacon = match open.beacon.as_str() {
        "" => 0,
        note => Checkpoint::open(note.as_bytes(), &facts.log_key).map_err(Refusal::Beacon)?.size,
    };
    facts.link.check(&open, beacon)?;
    if hex::encode(sha256(document.as_bytes())) != open.assignment {
        return Err(Refusal::Assignment);
    }
    let counted = muster_hours::count(&verified, plan)?;
    let sealed = verified.seal();
    let (device, counter, held) = (facts.device.to_owned(), open.counter, log.len());
    let closed = counted.times.first().copied().zip(counted.times.last().copied());
    let admitted = Admitted { open, size: sealed.size, root: sealed.root, beacon, closed };
    let judged = Judged { admitted, held, link: facts.link.clone() };
    let (origin, key) = (facts.origin.clone(), facts.key);
    Ok((Ready { device, counter, log, seal, origin, key, document, judged }, counted))
}

/// Writes within the caller's transaction, one after the other.
#[derive(Debug)]
pub struct Writer<'a> {
    tx: &'a Transaction<'a>,
    domain: String,
    // The last beacon that was found to be of this log: most sessions share one.
    beacon: String,
}

impl<'a> Writer<'a> {
    /// In a transaction.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn new(tx: &'a Transaction<'a>) -> Result<Self, StoreError> {
        let domain = setting(tx, "domain")?.ok_or(StoreError::Corrupt("no domain"))?;
        Ok(Self { tx, domain, beacon: String::new() })
    }

    /// Writes a log with its leaf, received at a time. Sessions of one device come in the order of their counters.
    ///
    /// # Errors
    /// [`ApiError`]: no such device, one that had ended or has another key, a beacon that never was, or a chain that stands
    /// elsewhere by now.
    pub fn session(&mut self, ready: Ready, received: &str) -> Result<(), ApiError> {
        let Ready { device, counter, log, seal, origin, key, document, judged } = ready;
        let known = self.device(&device)?;
        if key_at(&known, counter)? != key || known.site != judged.admitted.open.site {
            return Err(ApiError::new(Kind::BadLog, "the device has another key or site"));
        }
        let beacon = &judged.admitted.open.beacon;
        if !beacon.is_empty() && *beacon != self.beacon {
            let verifier = crate::store::checkpoints::verifier(self.tx)?;
            let opened = Checkpoint::open(beacon.as_bytes(), &verifier).map_err(Refusal::Beacon)?;
            if !central::was(self.tx, opened.size, &opened.root)? {
                return Err(Refusal::BeaconRoot.into());
            }
            self.beacon.clone_from(beacon);
        }
        let assignment = judged.admitted.open.assignment.clone();
        sessions::put_assignment(self.tx, &assignment, &document, received)?;
        let came_ms = time_ms(received).ok_or_else(|| ApiError::new(Kind::BadRequest, "no time of receipt"))?;
        sessions::put_log(self.tx, &device, counter, &log, came_ms)?;
        match admit_into(self.tx, &known, counter, &seal, received, &origin, judged)? {
            true => Ok(()),
            false => Err(ApiError::new(Kind::BadLog, "the device's chain stands elsewhere by now")),
        }
    }

    /// Writes a contact with its leaf, received at a time.
    ///
    /// # Errors
    /// [`ApiError`]: it does not follow what came before, or names a central log that never was.
    pub fn contact(&mut self, device: &str, counter: u64, note: &str, received: &str) -> Result<(), ApiError> {
        let known = self.device(device)?;
        let key = key_at(&known, counter)?;
        let contact = Contact::open(note.as_bytes(), &self.domain, device, counter, &key)
            .map_err(|e| ApiError::new(Kind::BadLog, e.to_string()))?;
        contact_into(self.tx, &known, &self.domain, (&contact, &key), note, received)
    }

    fn device(&self, id: &str) -> Result<devices::Device, ApiError> {
        devices::device(self.tx, id)?.ok_or_else(|| ApiError::new(Kind::NotFound, "no such device"))
    }
}

/// Where a device's chain stands after a session that was judged.
pub fn after(ready: &Ready) -> Link {
    Link {
        counter: ready.counter,
        seal: muster_seal::chain::seal_id(&ready.seal),
        beacon: ready.judged.admitted.beacon,
    }
}
