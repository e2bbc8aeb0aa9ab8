//! Does a bundle hold? One pure decision over its bytes and what the auditor trusts. The first defect ends it.

use std::collections::BTreeMap;

use muster_hours::count::Counted;
use muster_hours::error::{AssignmentError, CountError};
use muster_hours::schedule::{Assignment, Plan};
use muster_seal::bundle::{self, Bundle};
use muster_seal::central::{Leaf, SealLeaf};
use muster_seal::chain::{ChainError, Link, seal_id};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::error::{BundleError, LineError, LogError, NoteError, ProofError};
use muster_seal::key::PublicKey;
use muster_seal::merkle::{sha256, verify_consistency};
use muster_seal::proof::{Receipt, ReceiptError, read_hashes};
use muster_seal::session::{self, VerifiedLog};
use thiserror::Error;

use crate::trust::Trust;

/// What is wrong with a bundle. Each rule has one of its own.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Defect {
    /// The file is no bundle.
    #[error("the file: {0}")]
    Bundle(#[from] BundleError),
    /// The central log's leaf about the seal cannot be read.
    #[error("entry.json: {0}")]
    Entry(LineError),
    /// It is a leaf about something else.
    #[error("entry.json is not about a seal")]
    EntryKind,
    /// It holds another seal than the bundle.
    #[error("entry.json holds another seal than seal.note")]
    EntrySeal,
    /// The receipt.
    #[error("entry.tlog-proof: {0}")]
    Receipt(ReceiptError),
    /// The leaf about the device cannot be read.
    #[error("enrol.json: {0}")]
    Enrol(LineError),
    /// It is about something else, or another device.
    #[error("enrol.json does not enrol the seal's device")]
    EnrolDevice,
    /// Its receipt.
    #[error("enrol.tlog-proof: {0}")]
    EnrolReceipt(ReceiptError),
    /// Its receipt is under another checkpoint than the seal's.
    #[error("enrol.tlog-proof is under another checkpoint than entry.tlog-proof")]
    EnrolCheckpoint,
    /// The device was enrolled after it sealed.
    #[error("the device was enrolled at {enrolled}, after its seal at {sealed}")]
    EnrolLate {
        /// Index of the enrolment.
        enrolled: u64,
        /// Index of the seal.
        sealed: u64,
    },
    /// The log or the seal.
    #[error("log.jsonl: {0}")]
    Log(#[from] LogError),
    /// The beacon is not signed by the central log.
    #[error("line 1: the beacon: {0}")]
    Beacon(NoteError),
    /// The beacon names a log that is larger than it was when the seal came.
    #[error("line 1: the beacon names {beacon} entries, and the seal is entry {sealed}")]
    BeaconLate {
        /// What the beacon says.
        beacon: u64,
        /// Index of the seal.
        sealed: u64,
    },
    /// The beacon's proof cannot be read.
    #[error("beacon.consistency: {0}")]
    BeaconForm(NoteError),
    /// The beacon is no prefix of the receipt's checkpoint: the bureau shows two histories.
    #[error("beacon.consistency: {0}: the beacon is no prefix of the checkpoint")]
    BeaconProof(ProofError),
    /// The assignment is not the one that leaf 0 names.
    #[error("assignment.json is not the document that line 1 names by its hash")]
    AssignmentHash,
    /// It cannot be read.
    #[error("assignment.json: {0}")]
    Assignment(#[from] AssignmentError),
    /// Its policy is none of the auditor's.
    #[error("policy {0:?} is not in your trust file, or has other numbers there")]
    Policy(String),
    /// The log does not fit the assignment.
    #[error("log.jsonl: {0}")]
    Count(#[from] CountError),
    /// It does not follow the device's session before.
    #[error("the device's chain: {0}")]
    Chain(#[from] ChainError),
    /// The same session was given twice.
    #[error("session {counter} of {device} was given twice")]
    Twice {
        /// Which device.
        device: String,
        /// Which counter.
        counter: u64,
    },
}

/// A bundle that holds.
#[derive(Debug, Clone)]
pub struct Held {
    /// Which device.
    pub device: String,
    /// Which counter.
    pub counter: u64,
    /// The leaf about the seal.
    pub entry: SealLeaf,
    /// Its index in the central log.
    pub index: u64,
    /// The size of the central log that the beacon names; 0 without one: then nothing bounds the session's beginning.
    pub beacon: u64,
    /// The checkpoint that covers it all.
    pub checkpoint: Checkpoint,
    /// The log.
    pub log: VerifiedLog,
    /// The plan.
    pub plan: Plan,
    /// What it is worth.
    pub counted: Counted,
}

/// Verifies a bundle.
///
/// # Errors
/// [`Defect`], the first that holds.
pub fn verify(bytes: &[u8], trust: &Trust) -> Result<Held, Defect> {
    let bundle = Bundle::read(bytes)?;
    let seal = bundle.part(bundle::SEAL)?;
    let leaf = bundle.part(bundle::ENTRY)?;
    let Leaf::Seal(entry) = Leaf::parse(leaf).map_err(Defect::Entry)? else { return Err(Defect::EntryKind) };
    if entry.seal.as_bytes() != seal {
        return Err(Defect::EntrySeal);
    }
    let receipt = Receipt::parse(bundle.part(bundle::RECEIPT)?).map_err(|e| Defect::Receipt(e.into()))?;
    let checkpoint = receipt.verify(leaf, &trust.log).map_err(Defect::Receipt)?;
    let key = enrolled(&bundle, &entry.device, &receipt, trust)?;

    let origin = session::origin(&trust.domain, &entry.device, entry.counter);
    let log = session::verify(bundle.part(bundle::LOG)?, &entry.seal, &origin, &key)?;
    let beacon = beacon(&bundle, &log, receipt.index, &checkpoint, trust)?;

    let document = bundle.part(bundle::ASSIGNMENT)?;
    if hex::encode(sha256(document)) != log.open().assignment {
        return Err(Defect::AssignmentHash);
    }
    let plan = Assignment::parse(document)?;
    if !trust.policies.contains(&plan.assignment.policy) {
        return Err(Defect::Policy(plan.assignment.policy.version));
    }
    let counted = muster_hours::count(&log, &plan)?;
    let (device, counter, index) = (entry.device.clone(), entry.counter, receipt.index);
    Ok(Held { device, counter, entry, index, beacon, checkpoint, log, plan, counted })
}

/// The device's key, from its leaf in the central log.
fn enrolled(bundle: &Bundle, device: &str, entry: &Receipt, trust: &Trust) -> Result<PublicKey, Defect> {
    let leaf = bundle.part(bundle::ENROL)?;
    let Leaf::Enrol(enrol) = Leaf::parse(leaf).map_err(Defect::Enrol)? else { return Err(Defect::EnrolDevice) };
    if enrol.device != device {
        return Err(Defect::EnrolDevice);
    }
    let receipt = Receipt::parse(bundle.part(bundle::ENROL_RECEIPT)?).map_err(|e| Defect::EnrolReceipt(e.into()))?;
    receipt.verify(leaf, &trust.log).map_err(Defect::EnrolReceipt)?;
    if receipt.checkpoint != entry.checkpoint {
        return Err(Defect::EnrolCheckpoint);
    }
    if receipt.index >= entry.index {
        return Err(Defect::EnrolLate { enrolled: receipt.index, sealed: entry.index });
    }
    PublicKey::from_base64(&enrol.key).map_err(|_| Defect::EnrolDevice)
}

fn beacon(bundle: &Bundle, log: &VerifiedLog, index: u64, covering: &Checkpoint, trust: &Trust) -> Result<u64, Defect> {
    let text = std::str::from_utf8(bundle.part(bundle::BEACON_PROOF)?);
    let hashes =
        text.map_err(|_| NoteError::Malformed("not UTF-8")).and_then(read_hashes).map_err(Defect::BeaconForm)?;
    let note = log.open().beacon.as_str();
    if note.is_empty() {
        return if hashes.is_empty() {
            Ok(0)
        } else {
            Err(Defect::BeaconForm(NoteError::Malformed("a proof without a beacon")))
        };
    }
    let beacon = Checkpoint::open(note.as_bytes(), &trust.log).map_err(Defect::Beacon)?;
    if beacon.size > index {
        return Err(Defect::BeaconLate { beacon: beacon.size, sealed: index });
    }
    verify_consistency(beacon.size, &beacon.root, covering.size, &covering.root, &hashes)
        .map_err(Defect::BeaconProof)?;
    Ok(beacon.size)
}

/// Checks that the sessions of each device follow each other. With `sample`, gaps between those given are allowed.
/// Gives the place in the list and the defect of each that does not.
pub fn chain(held: &[&Held], sample: bool) -> Vec<(usize, Defect)> {
    let mut order: Vec<usize> = (0..held.len()).collect();
    order.sort_by_key(|i| (&held[*i].device, held[*i].counter));
    let mut links: BTreeMap<&str, Link> = BTreeMap::new();
    let mut defects = Vec::new();
    for i in order {
        let h = held[i];
        let next = Link { counter: h.counter, seal: seal_id(&h.entry.seal), beacon: h.beacon };
        if let Some(link) = links.insert(&h.device, next) {
            let (device, counter) = (h.device.clone(), h.counter);
            if link.counter == counter {
                defects.push((i, Defect::Twice { device, counter }));
            } else if let Err(e) = link.check(h.log.open(), h.beacon)
                && !(sample && matches!(e, ChainError::Counter { .. }))
            {
                defects.push((i, e.into()));
            }
        } else if h.counter > 1 && !sample {
            defects.push((i, ChainError::Counter { found: h.counter, want: 1 }.into()));
        }
    }
    defects
}
