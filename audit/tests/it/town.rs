//! A town in memory: a bureau with its central log and three witnesses, devices with their keys, classes and contacts. Keys,
//! salts and times are fixed, so that every run makes the same bytes.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use muster_hours::policy::Policy;
use muster_hours::schedule::{Assignment, Lesson};
use muster_seal::bundle::{self, Bundle};
use muster_seal::central::{ContactLeaf, DocumentLeaf, EnrolLeaf, Leaf, RotateLeaf, SealLeaf, rotate_message};
use muster_seal::chain::{Contact, seal_id};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::cosignature::cosign;
use muster_seal::error::ProofError;
use muster_seal::key::{DeviceKey, Signer};
use muster_seal::merkle::{Edge, Hash, consistency_proof, inclusion_proof, leaf_hash, sha256};
use muster_seal::proof::{Receipt, write_hashes};
use muster_seal::record::{Body, Card, Face, Instructor, Manual, Open, Present, Stamp, Stranger, Way};
use muster_seal::second::{self, SecondKey};
use muster_seal::session::{self, SessionLog};

pub const DOMAIN: &str = "muster.example";
pub const LOG: &str = "muster.example/log";
/// Name in the trust file, name of the key, seed of the key.
pub const WITNESSES: [(&str, &str, u8); 3] = [
    ("audit", "audit.example.gov.cn/w1", 31),
    ("finance", "finance.example.gov.cn/w", 32),
    ("university", "university.example.edu.cn/w", 33),
];
/// 2026-03-02T07:00:00+08:00, before class.
pub const MORNING: u64 = 1_772_406_000;
/// Three hours later, when the seal is in.
pub const NOON: u64 = MORNING + 3 * 3600;
/// That evening.
pub const EVENING: u64 = MORNING + 12 * 3600;
const RECEIVED: &str = "2026-03-02T10:00:00.000+08:00";

pub fn key(seed: u8) -> DeviceKey {
    DeviceKey::from_seed([seed; 32])
}

/// An SM2 key.
pub fn sm2_key(seed: u8) -> SecondKey {
    SecondKey::from_pkcs8(&second::document::<second::SecondError>(|| Ok([seed; 32])).unwrap()).unwrap()
}

/// The central log's key.
pub fn log_key() -> DeviceKey {
    key(1)
}

pub fn policy() -> Policy {
    Policy { version: "nm-2026-1".into(), ..Policy::default() }
}

/// The auditor's file: one of the two offices, and the university.
pub fn trust() -> String {
    let log = log_key().public().named(LOG);
    let mut text = format!("# The auditor's trust file for these bundles.\ndomain = \"{DOMAIN}\"\nlog = \"{log}\"\n");
    text += &format!("tlog_policy = \"\"\"\nlog {log}\n");
    for (name, key_name, seed) in WITNESSES {
        text += &format!("witness {name} {}\n", key(seed).public().witness(key_name));
    }
    text +=
        "group offices any audit finance\ngroup enough all offices university\nquorum enough\n\"\"\"\n\n[[policy]]\n";
    text + &toml::to_string(&policy()).unwrap()
}

/// The class's plan, as the server would send it.
pub fn assignment(site: &str, policy: Policy) -> String {
    let lesson = |lesson: &str, start: &str, end: &str| Lesson {
        lesson: lesson.into(),
        start: format!("2026-03-02T{start}:00+08:00"),
        end: format!("2026-03-02T{end}:00+08:00"),
    };
    let assignment = Assignment {
        region: "150422".into(),
        institution: "i1".into(),
        site: site.into(),
        class: "c1".into(),
        session: "2026-03-02-am".into(),
        lessons: vec![lesson("l1", "08:00", "08:45"), lesson("l2", "08:50", "09:35")],
        trainees: vec!["t1".into(), "t2".into(), "t3".into()],
        instructors: vec!["teacher1".into()],
        policy,
    };
    serde_json::to_string(&assignment).unwrap()
}

/// Signs a checkpoint as the central log, with cosignatures by witnesses (by place in [`WITNESSES`]) at times.
pub fn stand(checkpoint: &Checkpoint, cosigners: &[(usize, u64)]) -> String {
    stand_with(checkpoint, None, cosigners)
}

/// The same with the log's SM2 line, by a key of this seed.
pub fn stand_with(checkpoint: &Checkpoint, sm2: Option<u8>, cosigners: &[(usize, u64)]) -> String {
    let mut note = second::under(checkpoint.sign(&log_key()), LOG, sm2.map(sm2_key).as_ref());
    for (who, time) in cosigners {
        let (_, name, seed) = WITNESSES[*who];
        note += &cosign(&checkpoint.text(), name, &key(seed), *time);
    }
    note
}

/// The bureau's central log.
#[derive(Clone, Default)]
pub struct Town {
    pub leaves: Vec<Vec<u8>>,
    edge: Edge,
    /// The roots of the perfect subtrees, level by level.
    levels: Vec<Vec<Hash>>,
    /// The seed of its SM2 key, where the deployment has the profile.
    pub sm2: Option<u8>,
}

impl Town {
    pub fn of(leaves: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut town = Self::default();
        for leaf in leaves {
            town.push(leaf);
        }
        town
    }

    fn push(&mut self, leaf: Vec<u8>) -> u64 {
        let levels = &mut self.levels;
        self.edge.push_with(leaf_hash(&leaf), |level, _, hash| {
            levels.resize_with(levels.len().max(level as usize + 1), Vec::new);
            levels[level as usize].push(hash);
        });
        self.leaves.push(leaf);
        self.size() - 1
    }

    pub fn add(&mut self, leaf: &Leaf) -> u64 {
        self.push(leaf.line())
    }

    /// Adds what a bureau adds, until the log has so many entries.
    pub fn fill_to(&mut self, size: u64) {
        while self.size() < size {
            let name = format!("claims-{}", self.leaves.len());
            let sha256 = hex::encode(sha256(name.as_bytes()));
            self.add(&Leaf::Document(DocumentLeaf { what: "claims".into(), name, sha256, at: RECEIVED.into() }));
        }
    }

    pub fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    fn node(&self, level: u32, index: u64) -> Result<Hash, ProofError> {
        Ok(self.levels[level as usize][index as usize])
    }

    pub fn checkpoint(&self, size: u64) -> Checkpoint {
        // The perfect subtrees that tile the first `size` leaves, largest first.
        let tiles = (0..64).rev().filter(|level| size >> level & 1 == 1);
        let roots = tiles.map(|level| self.levels[level][(size >> level) as usize - 1]).collect();
        Checkpoint { origin: LOG.into(), size, root: Edge::from_parts(size, roots).unwrap().root() }
    }

    /// The checkpoint of a size, with every witness at a time.
    pub fn note(&self, size: u64, time: u64) -> String {
        stand_with(&self.checkpoint(size), self.sm2, &[(0, time), (1, time + 2), (2, time + 1)])
    }

    /// The receipt of an entry under a checkpoint's note of a size.
    pub fn receipt(&self, index: u64, size: u64, note: &str) -> Receipt {
        let hashes = inclusion_proof(index, size, |level, index| self.node(level, index)).unwrap();
        Receipt { index, hashes, checkpoint: note.to_owned() }
    }

    pub fn consistency(&self, old: u64, new: u64) -> Vec<Hash> {
        consistency_proof(old, new, |level, index| self.node(level, index)).unwrap()
    }
}

/// A device, where its chain stands, and its leaves in the central log.
pub struct Device {
    pub id: String,
    pub key: DeviceKey,
    /// The seed of its SM2 key, where it has one.
    pub sm2: Option<u8>,
    pub site: String,
    pub counter: u64,
    pub prev: String,
    pub life: Vec<u64>,
    /// The contacts since the last session.
    pub contacts: Vec<u64>,
}

impl Device {
    pub fn enrol(town: &mut Town, id: &str, seed: u8, site: &str) -> Self {
        Self::enrol_with(town, id, seed, None, site)
    }

    /// Enrols it with an SM2 key of a seed, too.
    pub fn enrol_with(town: &mut Town, id: &str, seed: u8, sm2: Option<u8>, site: &str) -> Self {
        let key = key(seed);
        let leaf = Leaf::Enrol(EnrolLeaf {
            device: id.into(),
            key: key.public().to_base64(),
            site: site.into(),
            institution: "i1".into(),
            sm2: sm2.map(|seed| sm2_key(seed).public().to_base64()),
            at: RECEIVED.into(),
        });
        let life = vec![town.add(&leaf)];
        Self { id: id.into(), key, sm2, site: site.into(), counter: 0, prev: String::new(), life, contacts: Vec::new() }
    }

    /// The `open` of its next session.
    pub fn open(&self, beacon: &str) -> Open {
        Open {
            device: self.id.clone(),
            key: self.key.public().id(),
            counter: self.counter + 1,
            prev: self.prev.clone(),
            site: self.site.clone(),
            class: "c1".into(),
            session: "2026-03-02-am".into(),
            assignment: hex::encode(sha256(assignment(&self.site, policy()).as_bytes())),
            agent: "muster-edge 0.1.0".into(),
            policy: policy().version,
            models: BTreeMap::from([("yunet-2023".into(), "cd".repeat(32))]),
            readers: BTreeMap::from([("door".into(), "sam-115200".into())]),
            camera: "uvc".into(),
            beacon: beacon.into(),
        }
    }

    /// Holds a class with so many records.
    pub fn hold(&mut self, records: usize, beacon: &str) -> Session {
        let session = Session::of(self.open(beacon), records);
        self.seals(session)
    }

    /// Seals a session, however it was made.
    pub fn seals(&mut self, mut session: Session) -> Session {
        self.counter += 1;
        let origin = session::origin(DOMAIN, &self.id, self.counter);
        let seal = session::seal_at(&origin, &edge(&session.lines), &self.key);
        session.seal = self.second(seal, &origin);
        session.counter = self.counter;
        self.prev = seal_id(&session.seal);
        session
    }

    /// Says that it is there, with the beacon it holds.
    pub fn contact(&mut self, town: &mut Town, beacon: u64) -> Contact {
        self.counter += 1;
        let root = town.checkpoint(beacon).root;
        let prev = self.prev.clone();
        let contact = Contact { device: self.id.clone(), counter: self.counter, prev, beacon, root };
        let origin = Contact::origin(DOMAIN, &self.id, self.counter);
        let note = self.second(contact.sign(DOMAIN, &self.key), &origin);
        self.prev = seal_id(&note);
        self.contacts.push(town.add(&contact_leaf(&self.id, self.counter, note)));
        contact
    }

    fn second(&self, note: String, origin: &str) -> String {
        second::under(note, origin, self.sm2.map(sm2_key).as_ref())
    }

    /// Signs with another key from now on.
    pub fn rotate(&mut self, town: &mut Town, seed: u8) {
        let leaf = rotation(&self.id, self.counter, &self.key, &key(seed));
        self.life.push(town.add(&leaf));
        self.key = key(seed);
    }
}

pub fn contact_leaf(device: &str, counter: u64, note: String) -> Leaf {
    Leaf::Contact(ContactLeaf { device: device.into(), counter, note, received: RECEIVED.into() })
}

pub fn rotation(device: &str, counter: u64, old: &DeviceKey, new: &DeviceKey) -> Leaf {
    let key = new.public().to_base64();
    let message = rotate_message(device, counter, &key);
    let sign = |key: &DeviceKey| STANDARD.encode(key.sign(&message));
    let (by_old, by_new) = (sign(old), sign(new));
    Leaf::Rotate(RotateLeaf { device: device.into(), counter, key, by_old, by_new, sm2: None, at: RECEIVED.into() })
}

fn edge(lines: &[Vec<u8>]) -> Edge {
    let mut edge = Edge::default();
    lines.iter().for_each(|line| edge.push(leaf_hash(line)));
    edge
}

/// A session as it lies on the device: its lines, without newlines, and its seal.
#[derive(Clone)]
pub struct Session {
    pub lines: Vec<Vec<u8>>,
    pub seal: String,
    pub counter: u64,
}

impl Session {
    /// A class of so many records: 2 and 3 are one that nobody came to; from 14 on t1 is attested by card and face, t2 by hand,
    /// t3 never comes, and cards fill up the rest.
    pub fn of(open: Open, records: usize) -> Self {
        let (device, counter) = (open.device.clone(), open.counter);
        let mut log = SessionLog::default();
        let bodies = bodies(open, records);
        let late = bodies.len().saturating_sub(4);
        let stamp = |seq: usize, late: bool| {
            let second = if late { 6600 + seq as u64 } else { seq as u64 };
            let (hour, minute, second_of) = ((28_200 + second) / 3600, (28_200 + second) / 60 % 60, second % 60);
            let salt = sha256(format!("{device}/{counter}/{seq}").as_bytes());
            Stamp {
                wall: format!("2026-03-02T{hour:02}:{minute:02}:{second_of:02}.000+08:00"),
                boot: "0123456789abcdef".repeat(2),
                up_ms: 60_000 + second * 1000,
                salt: salt[..16].try_into().unwrap(),
            }
        };
        let n = bodies.len();
        for (seq, body) in bodies.into_iter().enumerate() {
            log.append(stamp(seq, seq >= late), body).unwrap();
        }
        log.append(stamp(n, true), Body::Close(log.closing("schedule"))).unwrap();
        let lines = log.bytes().split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(<[u8]>::to_vec).collect();
        Self { lines, seal: String::new(), counter: 0 }
    }

    /// With one part of one line, counted from 1, written differently.
    pub fn with(mut self, line: usize, from: &str, to: &str) -> Self {
        let text = String::from_utf8(self.lines[line - 1].clone()).unwrap();
        assert!(text.contains(from), "line {line} has no {from}: {text}");
        self.lines[line - 1] = text.replacen(from, to, 1).into_bytes();
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect()
    }
}

fn bodies(open: Open, records: usize) -> Vec<Body> {
    let (t1, door) = (|| "t1".to_owned(), || "door".to_owned());
    let card = || Body::Card(Card { reader: door(), trainee: t1(), layout: "resident".into() });
    let mut all = vec![Body::Open(Box::new(open))];
    if records < 14 {
        all.extend((2..records).map(|_| card()));
        return all;
    }
    let face = |tap| {
        Body::Face(Face {
            tap,
            trainee: t1(),
            outcome: "match".into(),
            detector: "yunet-2023".into(),
            frames: 5,
            quality: 870,
            frame: "ef".repeat(32),
            score: Some(712),
            other: "t2".into(),
            other_score: Some(-31),
            live: Some(998),
            group: Some(0),
        })
    };
    let present = |way, tap| Body::Present(Present { trainee: t1(), way, level: 4, tap, face: Some(tap + 1) });
    let teacher = |way| Body::Instructor(Instructor { instructor: "teacher1".into(), way, by: "card".into() });
    let manual = |way| {
        Body::Manual(Manual { trainee: "t2".into(), way, by: "teacher1".into(), reason: "no-chip".into(), level: 0 })
    };
    all.extend([teacher(Way::In), card(), face(2), present(Way::In, 2), manual(Way::In)]);
    all.push(Body::Stranger(Stranger { reader: door() }));
    while all.len() < records - 6 {
        all.push(card());
    }
    let tap = all.len() as u64;
    all.extend([card(), face(tap), present(Way::Out, tap), manual(Way::Out), teacher(Way::Out)]);
    all
}

/// What a bundle is made of, before it is one: whatever is not as it should be is changed here.
#[derive(Clone)]
pub struct Parts {
    pub assignment: Vec<u8>,
    pub beacon_proof: Vec<Hash>,
    pub contacts: Vec<Vec<u8>>,
    pub entry: Vec<u8>,
    pub receipt: Receipt,
    pub session: Session,
    pub newest_proof: Vec<Hash>,
    pub seal: String,
    pub life: Vec<(Vec<u8>, Receipt)>,
}

/// The sizes of the checkpoints that a bundle is made under, and when their witnesses stood.
#[derive(Clone, Copy)]
pub struct Under {
    pub beacon: u64,
    pub covering: (u64, u64),
    pub newest: (u64, u64),
}

pub fn seal_leaf(device: &Device, session: &Session) -> Leaf {
    let (device, counter, seal) = (device.id.clone(), session.counter, session.seal.clone());
    Leaf::Seal(SealLeaf { device, counter, seal, received: RECEIVED.into() })
}

impl Parts {
    /// The bundle of a session whose leaf stands at an index. The device's leaves are those up to the newest checkpoint.
    pub fn of(town: &Town, device: &Device, session: &Session, index: u64, under: Under) -> Self {
        let (covering, newest) =
            (town.note(under.covering.0, under.covering.1), town.note(under.newest.0, under.newest.1));
        let told = device.life.iter().filter(|at| **at < under.newest.0);
        let beacon = under.beacon;
        Self {
            assignment: assignment(&device.site, policy()).into_bytes(),
            beacon_proof: if beacon == 0 { Vec::new() } else { town.consistency(beacon, under.covering.0) },
            contacts: Vec::new(),
            entry: town.leaves[index as usize].clone(),
            receipt: town.receipt(index, under.covering.0, &covering),
            session: session.clone(),
            newest_proof: town.consistency(under.covering.0, under.newest.0),
            seal: session.seal.clone(),
            life: told
                .map(|at| (town.leaves[*at as usize].clone(), town.receipt(*at, under.newest.0, &newest)))
                .collect(),
        }
    }

    pub fn with_contacts(mut self, town: &Town, contacts: &[u64]) -> Self {
        self.contacts = contacts.iter().map(|at| town.leaves[*at as usize].clone()).collect();
        self
    }

    /// The file.
    pub fn tar(&self) -> Vec<u8> {
        let contacts: Vec<u8> = self.contacts.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect();
        let mut bundle = Bundle::default();
        for (name, bytes) in [
            (bundle::ASSIGNMENT, self.assignment.clone()),
            (bundle::BEACON_PROOF, write_hashes(&self.beacon_proof).into_bytes()),
            (bundle::CONTACTS, contacts),
            (bundle::ENTRY, self.entry.clone()),
            (bundle::RECEIPT, self.receipt.text().into_bytes()),
            (bundle::LOG, self.session.bytes()),
            (bundle::NEWEST_PROOF, write_hashes(&self.newest_proof).into_bytes()),
            (bundle::SEAL, self.seal.clone().into_bytes()),
        ] {
            bundle.put(name, bytes).unwrap();
        }
        for (leaf, receipt) in &self.life {
            bundle.push_life(leaf.clone(), receipt.text().into_bytes());
        }
        bundle.write().unwrap()
    }
}
