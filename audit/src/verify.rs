//! Does a bundle hold? One pure decision over its bytes and what the auditor trusts. The first defect ends it.

use std::collections::BTreeMap;

use muster_hours::count::Counted;
use muster_hours::error::{AssignmentError, CountError};
use muster_hours::schedule::{Assignment, Plan};
use muster_seal::bracket::{Bracket, BracketError};
use muster_seal::bundle::{self, Bundle};
use muster_seal::central::{Leaf, SealLeaf};
use muster_seal::chain::{ChainError, Contact, Link, seal_id};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::error::{BundleError, LineError, LogError, NoteError, ProofError};
use muster_seal::key::Verifier;
use muster_seal::life::{Life, LifeError};
use muster_seal::merkle::{Hash, leaf_hash, sha256, verify_consistency};
use muster_seal::note::{Note, Signature};
use muster_seal::policy::{TrustError, Witnessed};
use muster_seal::proof::{Receipt, ReceiptError, read_hashes};
use muster_seal::record::Open;
use muster_seal::second::SecondError;
use muster_seal::session::{self, VerifiedLog};
use thiserror::Error;

use crate::second;
use crate::trust::{MAX_SIZE, Trust};

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
    /// The receipt's checkpoint is not signed by the log, or too few witnesses stand for it.
    #[error("entry.tlog-proof: {0}")]
    Covering(TrustError),
    /// A line under a checkpoint that nobody can judge by this trust file.
    #[error(
        "{part}: a signature by {name:?} is by no key in your trust file: add the witness to `tlog_policy`, whether or not \
         your quorum needs it"
    )]
    UnknownLine {
        /// Which part.
        part: &'static str,
        /// Whose it says it is.
        name: String,
    },
    /// A leaf about the device cannot be read.
    #[error("device-{n:03}.json: {source}")]
    Life {
        /// Which part.
        n: usize,
        /// Why.
        source: LineError,
    },
    /// Its receipt.
    #[error("device-{n:03}.tlog-proof: {source}")]
    LifeReceipt {
        /// Which part.
        n: usize,
        /// Why.
        source: ReceiptError,
    },
    /// The newest checkpoint is not signed by the log, or too few witnesses stand for it.
    #[error("device-000.tlog-proof: {0}")]
    Newest(TrustError),
    /// The newest checkpoint is of before the witnesses that the trust file asks for last.
    #[error(
        "device-000.tlog-proof: the newest checkpoint has {size} entries, and your trust file asks for witnesses from {from} on: \
         ask for a newer bundle"
    )]
    NewestSmall {
        /// Its size.
        size: u64,
        /// The last `from_size` of the trust file.
        from: u64,
    },
    /// A receipt is under another checkpoint than the first one.
    #[error("device-{n:03}.tlog-proof is under another checkpoint than device-000.tlog-proof")]
    LifeCheckpoint {
        /// Which part.
        n: usize,
    },
    /// The leaves make no life, or the session is outside it.
    #[error("the device's life: {0}")]
    Device(#[from] LifeError),
    /// The device was enrolled after it sealed.
    #[error("the device was enrolled at {enrolled}, after its seal at {sealed}")]
    EnrolLate {
        /// Index of the enrolment.
        enrolled: u64,
        /// Index of the seal.
        sealed: u64,
    },
    /// The device is enrolled at another site than the session was held at.
    #[error("line 1: site {found:?} is not the device's site {want:?}")]
    Site {
        /// What `open` says.
        found: String,
        /// Where the device is enrolled.
        want: String,
    },
    /// The proof to the newest checkpoint cannot be read.
    #[error("newest.consistency: {0}")]
    NewestForm(NoteError),
    /// The receipt's checkpoint is no prefix of the newest one: the bureau shows two histories.
    #[error("newest.consistency: {0}: the receipt's checkpoint is no prefix of the newest")]
    NewestProof(ProofError),
    /// A contact cannot be read, or is none of this device's.
    #[error("contacts.jsonl: line {line}: {why}")]
    Contact {
        /// Which line, from 1.
        line: usize,
        /// Why.
        why: String,
    },
    /// The log or the seal.
    #[error("log.jsonl: {0}")]
    Log(#[from] LogError),
    /// The beacon is not signed by the central log, or too few witnesses stand for it.
    #[error("line 1: the beacon: {0}")]
    Beacon(TrustError),
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
    /// The cosignatures on beacon and checkpoint cannot be in this order.
    #[error("the bracket: {0}")]
    Bracket(#[from] BracketError),
    /// The trust file demands second lines, and one does not hold.
    #[error("{part}: {source}")]
    Second {
        /// Which part.
        part: String,
        /// Why.
        source: SecondError,
    },
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
    /// Two bundles hold signed checkpoints of one size and two roots: the bureau shows two central logs.
    #[error("another bundle holds a central log of {size} entries with another root: the bureau shows two logs")]
    TwoLogs {
        /// The size of both.
        size: u64,
    },
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
    /// When the session was held, as far as others vouch for it.
    pub bracket: Bracket,
    /// The checkpoint that covers the seal, and who stands for it.
    pub covering: Witnessed,
    /// The newest checkpoint in the bundle, which the device's life is proved under.
    pub newest: Witnessed,
    /// The device's life up to there.
    pub life: Life,
    /// The leaves that it was read from: index and hash.
    pub life_leaves: LifeLeaves,
    /// Where the device's chain stands just before the session, by the contacts in the bundle; `None` without contacts.
    pub contacts: Option<Contacts>,
    /// The log.
    pub log: VerifiedLog,
    /// The plan.
    pub plan: Plan,
    /// What it is worth.
    pub counted: Counted,
}

/// The contacts between the session before and this one, in order and each linked to the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contacts {
    /// The first.
    pub first: Contact,
    /// Where the chain stands after the last.
    pub link: Link,
    /// The counter and the leaf's hash of each. No receipt is in the bundle for these leaves: what holds them is the device's
    /// signature, and a mirror of the log.
    pub leaves: Vec<(u64, Hash)>,
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
    receipt.verify(leaf, &trust.log).map_err(Defect::Receipt)?;
    let covering = trust.check(receipt.checkpoint.as_bytes()).map_err(Defect::Covering)?;
    known(&receipt.checkpoint, bundle::RECEIPT, trust).map_err(Defect::Covering)??;
    let (life, life_leaves, newest) = life(&bundle, &entry.device, trust)?;
    if life.enrolled >= receipt.index {
        return Err(Defect::EnrolLate { enrolled: life.enrolled, sealed: receipt.index });
    }
    let proof = hashes(bundle.part(bundle::NEWEST_PROOF)?).map_err(Defect::NewestForm)?;
    extends(&covering.checkpoint, &newest.checkpoint, &proof).map_err(Defect::NewestProof)?;
    let key = life.key_at(entry.counter)?;

    let origin = session::origin(&trust.domain, &entry.device, entry.counter);
    let log = session::verify(bundle.part(bundle::LOG)?, &entry.seal, &origin, &key)?;
    if log.open().site != life.site {
        return Err(Defect::Site { found: log.open().site.clone(), want: life.site });
    }
    let beacon = beacon(&bundle, &log, receipt.index, &covering.checkpoint, trust)?;
    let bracket = Bracket::between(beacon.as_ref(), &covering)?;
    let contacts = contacts(&bundle, &entry.device, &life, trust)?;
    if let Some(contacts) = &contacts {
        contacts.link.check(log.open(), bracket.after_size)?;
    }

    if let Some(log) = &trust.second {
        second::check(&bundle, &entry, (&life, &life_leaves), log, trust)?;
    }
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
    Ok(Held {
        device,
        counter,
        entry,
        index,
        bracket,
        covering,
        newest,
        life,
        life_leaves,
        contacts,
        log,
        plan,
        counted,
    })
}

/// A note ignores lines by unknown keys. A bundle has none: no byte of it is without meaning, so that whoever changes one is
/// seen, and an auditor knows of every witness that is said to stand for it.
fn known(checkpoint: &str, part: &'static str, trust: &Trust) -> Result<Result<(), Defect>, TrustError> {
    let note = Note::parse(checkpoint.as_bytes())?;
    let log = |line: &Signature| line.name == trust.log.name() && line.id == trust.log.id();
    let witnesses = trust.witnesses(Checkpoint::parse(note.text())?.size).witnesses();
    let witness = |line: &Signature| witnesses.iter().any(|w| w.key.made(line));
    let mut seen = false;
    let strange = |line: &&Signature| !log(line) && !witness(line) && !second::stands(line, trust, &mut seen);
    Ok(match note.signatures().iter().find(strange) {
        Some(line) => Err(Defect::UnknownLine { part, name: line.name.clone() }),
        None => Ok(()),
    })
}

fn hashes(bytes: &[u8]) -> Result<Vec<Hash>, NoteError> {
    std::str::from_utf8(bytes).map_err(|_| NoteError::Malformed("not UTF-8")).and_then(read_hashes)
}

fn extends(old: &Checkpoint, new: &Checkpoint, proof: &[Hash]) -> Result<(), ProofError> {
    verify_consistency(old.size, &old.root, new.size, &new.root, proof)
}

/// Index and hash of each leaf about a device's life.
pub type LifeLeaves = Vec<(u64, Hash)>;

/// The device's life, from its leaves in the central log, and the checkpoint they are proved under.
fn life(bundle: &Bundle, device: &str, trust: &Trust) -> Result<(Life, LifeLeaves, Witnessed), Defect> {
    let (mut leaves, mut hashes) = (Vec::new(), Vec::new());
    let mut checkpoint: Option<String> = None;
    for (n, (line, receipt)) in bundle.life().enumerate() {
        let leaf = Leaf::parse(line).map_err(|source| Defect::Life { n, source })?;
        let broken = |source| Defect::LifeReceipt { n, source };
        let receipt = Receipt::parse(receipt).map_err(|e| broken(e.into()))?;
        receipt.verify(line, &trust.log).map_err(broken)?;
        if *checkpoint.get_or_insert_with(|| receipt.checkpoint.clone()) != receipt.checkpoint {
            return Err(Defect::LifeCheckpoint { n });
        }
        leaves.push((receipt.index, leaf));
        hashes.push((receipt.index, leaf_hash(line)));
    }
    let checkpoint = checkpoint.unwrap_or_default();
    let newest = trust.check(checkpoint.as_bytes()).map_err(Defect::Newest)?;
    known(&checkpoint, "device-000.tlog-proof", trust).map_err(Defect::Newest)??;
    if newest.checkpoint.size < trust.last_from() {
        return Err(Defect::NewestSmall { size: newest.checkpoint.size, from: trust.last_from() });
    }
    let life = Life::read(device, leaves.iter().map(|(index, leaf)| (*index, leaf)))?;
    Ok((life, hashes, newest))
}

fn beacon(
    bundle: &Bundle,
    log: &VerifiedLog,
    index: u64,
    covering: &Checkpoint,
    trust: &Trust,
) -> Result<Option<Witnessed>, Defect> {
    let proof = hashes(bundle.part(bundle::BEACON_PROOF)?).map_err(Defect::BeaconForm)?;
    let note = log.open().beacon.as_str();
    if note.is_empty() {
        return match proof.len() {
            0 => Ok(None),
            _ => Err(Defect::BeaconForm(NoteError::Malformed("a proof without a beacon"))),
        };
    }
    let beacon = trust.check(note.as_bytes()).map_err(Defect::Beacon)?;
    if beacon.checkpoint.size > index {
        return Err(Defect::BeaconLate { beacon: beacon.checkpoint.size, sealed: index });
    }
    extends(&beacon.checkpoint, covering, &proof).map_err(Defect::BeaconProof)?;
    Ok(Some(beacon))
}

/// The contacts in the bundle, linked to each other. What the first of them follows, [`chain`] checks.
fn contacts(bundle: &Bundle, device: &str, life: &Life, trust: &Trust) -> Result<Option<Contacts>, Defect> {
    let mut found: Option<Contacts> = None;
    let bytes = bundle.part(bundle::CONTACTS)?;
    for (i, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
        let bad = |why: String| Defect::Contact { line: i + 1, why };
        let line = line.strip_suffix(b"\n").ok_or_else(|| bad("it has no newline".to_owned()))?;
        let Leaf::Contact(leaf) = Leaf::parse(line).map_err(|e| bad(e.to_string()))? else {
            return Err(bad("not about a contact".to_owned()));
        };
        if leaf.device != device {
            return Err(bad("of another device".to_owned()));
        }
        let key = life.key_at(leaf.counter)?;
        let contact = Contact::open(leaf.note.as_bytes(), &trust.domain, device, leaf.counter, &key);
        let contact = contact.map_err(|e| bad(e.to_string()))?;
        if contact.beacon > MAX_SIZE {
            return Err(bad("its beacon's size is 2^53 or more".to_owned()));
        }
        let before = match &found {
            Some(contacts) => contacts.link.clone(),
            // Only what is between contacts is checked here: the first one names the session before, which is elsewhere.
            None => Link { counter: contact.counter - 1, seal: contact.prev.clone(), beacon: 0 },
        };
        let link = before.after(&contact, &leaf.note).map_err(|e| bad(e.to_string()))?;
        let (first, mut leaves) = found.map_or((contact, Vec::new()), |contacts| (contacts.first, contacts.leaves));
        leaves.push((leaf.counter, leaf_hash(line)));
        found = Some(Contacts { first, link, leaves });
    }
    Ok(found)
}

/// What one session leaves for [`chain`] to check it with the others by; much smaller than [`Held`].
#[derive(Debug, Clone)]
pub struct Place {
    /// Which device.
    pub device: String,
    /// Which counter.
    pub counter: u64,
    // What it follows: the first contact since the session before, or `open` itself.
    follows: (u64, String, u64),
    after: Link,
    ends: [Checkpoint; 2],
}

impl Held {
    /// Index of the leaf that first ended the device, where the central log took the seal after it. The counter is one that still
    /// counts, so the session holds; but whoever had the device by then could have made it.
    pub fn after_end(&self) -> Option<u64> {
        self.life.end().map(|end| end.first).filter(|first| *first < self.index)
    }

    /// Its place among the others.
    pub fn place(&self) -> Place {
        let open = self.log.open();
        let follows = match &self.contacts {
            Some(contacts) => (contacts.first.counter, contacts.first.prev.clone(), contacts.first.beacon),
            None => (open.counter, open.prev.clone(), self.bracket.after_size),
        };
        Place {
            device: self.device.clone(),
            counter: self.counter,
            follows,
            after: Link { counter: self.counter, seal: seal_id(&self.entry.seal), beacon: self.bracket.after_size },
            ends: [self.covering.checkpoint.clone(), self.newest.checkpoint.clone()],
        }
    }
}

/// Checks that the sessions of each device follow each other, and that no two bundles show two central logs of one size.
/// With `sample`, gaps between those given are allowed; beacons do not go back over a gap either. Gives the place in the list and the defect of each that does not.
pub fn chain(held: &[Place], sample: bool) -> Vec<(usize, Defect)> {
    let mut order: Vec<usize> = (0..held.len()).collect();
    order.sort_by_key(|i| (&held[*i].device, held[*i].counter));
    let mut links: BTreeMap<&str, Link> = BTreeMap::new();
    let mut roots: BTreeMap<u64, Hash> = BTreeMap::new();
    let mut defects = Vec::new();
    for i in order {
        let h = &held[i];
        if let Some(end) = h.ends.iter().find(|end| *roots.entry(end.size).or_insert(end.root) != end.root) {
            defects.push((i, Defect::TwoLogs { size: end.size }));
            continue;
        }
        let (counter, prev, beacon) = &h.follows;
        match links.insert(&h.device, h.after.clone()) {
            Some(link) if link.counter == h.counter => {
                defects.push((i, Defect::Twice { device: h.device.clone(), counter: h.counter }));
            }
            Some(link) => {
                let open = Open { counter: *counter, prev: prev.clone(), ..Open::default() };
                match link.check(&open, *beacon) {
                    // A gap is a sample's own; that a counter is used again, or a beacon goes back over it, is none.
                    Err(ChainError::Counter { .. }) if sample && *counter > link.counter => {
                        if *beacon < link.beacon {
                            let back = ChainError::Beacon { found: *beacon, before: link.beacon };
                            defects.push((i, back.into()));
                        }
                    }
                    Err(e) => defects.push((i, e.into())),
                    Ok(()) => {}
                }
            }
            None if *counter > 1 && !sample => {
                defects.push((i, ChainError::Counter { found: *counter, want: 1 }.into()));
            }
            None => {}
        }
    }
    defects
}
