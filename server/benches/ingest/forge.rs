//! Devices' logs as a class leaves them, made in memory by real keys.

use anyhow::{Context, Result};
use muster_hours::policy::Policy;
use muster_hours::schedule::{Assignment, Lesson};
use muster_seal::chain::seal_id;
use muster_seal::key::{DeviceKey, Signer};
use muster_seal::merkle::{Hash, sha256};
use muster_seal::note::Note;
use muster_seal::record::{Body, Card, Face, Open, Present, Stamp, Way};
use muster_seal::session::{SessionLog, origin};

/// One session as a device sends it, and what a bare verifier would have taken out of its seal beforehand.
pub struct Sent {
    /// Its counter.
    pub counter: u64,
    /// The lines.
    pub bytes: Vec<u8>,
    /// The final seal.
    pub seal: String,
    /// The seal's signed text.
    pub text: String,
    /// The signature over it.
    pub signature: Vec<u8>,
    /// The root that the text names.
    pub root: Hash,
}

/// What all sessions of a class are held under.
pub struct Plan {
    /// Roster and lessons.
    pub assignment: Assignment,
    /// The assignment as devices are given it.
    pub document: String,
    /// The central checkpoint that the devices hold.
    pub beacon: String,
}

impl Plan {
    /// Four lessons for a class of forty at `site`.
    ///
    /// # Errors
    /// When the assignment is no JSON.
    pub fn new(site: &str, beacon: String) -> Result<Self> {
        let lesson = |n: u32| Lesson {
            lesson: format!("l{n}"),
            start: format!("2026-03-02T{:02}:00:00+08:00", 7 + n),
            end: format!("2026-03-02T{:02}:45:00+08:00", 7 + n),
        };
        let assignment = Assignment {
            region: "150422".to_owned(),
            institution: "hq".to_owned(),
            site: site.to_owned(),
            class: "c1".to_owned(),
            session: "1".to_owned(),
            lessons: (1..=4).map(lesson).collect(),
            trainees: (0..40).map(|i| format!("t{i}")).collect(),
            instructors: vec!["i1".to_owned()],
            policy: Policy::default(),
        };
        let document = serde_json::to_string(&assignment)?;
        Ok(Self { assignment, document, beacon })
    }

    /// So many sessions of one device, from its first on, each naming the seal before.
    ///
    /// # Errors
    /// When a record may not stand where it was put.
    pub fn forge(&self, key: &DeviceKey, device: &str, records: usize, sessions: usize) -> Result<Vec<Sent>> {
        let mut prev = String::new();
        let forged = (1..=sessions as u64).map(|counter| {
            let open = Open {
                device: device.to_owned(),
                key: key.public().id(),
                counter,
                prev: prev.clone(),
                site: self.assignment.site.clone(),
                class: self.assignment.class.clone(),
                session: self.assignment.session.clone(),
                assignment: hex::encode(sha256(self.document.as_bytes())),
                agent: "bench/1".to_owned(),
                policy: self.assignment.policy.version.clone(),
                beacon: self.beacon.clone(),
                ..Open::default()
            };
            let log = log(open, &self.assignment.trainees, records as u64)?;
            let seal = log.seal(&origin("muster.example", device, counter), key);
            prev = seal_id(&seal);
            let note = Note::parse(seal.as_bytes())?;
            let signature = note.signatures().first().context("a seal without a signature")?.bytes.clone();
            let (text, root) = (note.text().to_owned(), log.edge().root());
            Ok(Sent { counter, bytes: log.bytes(), seal, text, signature, root })
        });
        forged.collect()
    }
}

/// A class as a kiosk writes it: a card, the camera's verdict, and what that makes of the trainee; everybody in, then
/// everybody out, and again.
fn log(open: Open, trainees: &[String], records: u64) -> Result<SessionLog> {
    let counter = open.counter;
    let mut log = SessionLog::default();
    log.append(stamp(counter, 0)?, Body::Open(Box::new(open)))?;
    for i in 1..records - 1 {
        let (nth, part) = ((i as usize - 1) / 3, (i - 1) % 3);
        let (tap, trainee) = (i - part, trainees[nth % trainees.len()].clone());
        let body = match part {
            0 => Body::Card(Card { reader: "door".to_owned(), trainee, layout: "resident".to_owned() }),
            1 => Body::Face(face(tap, trainee)),
            _ => {
                let way = if (nth / trainees.len()).is_multiple_of(2) { Way::In } else { Way::Out };
                Body::Present(Present { trainee, way, level: 4, tap, face: Some(tap + 1) })
            }
        };
        log.append(stamp(counter, i)?, body)?;
    }
    let close = Body::Close(log.closing("schedule"));
    log.append(stamp(counter, records)?, close)?;
    Ok(log)
}

fn face(tap: u64, trainee: String) -> Face {
    Face {
        tap,
        trainee,
        outcome: "match".to_owned(),
        detector: "yunet-2023".to_owned(),
        frames: 5,
        quality: 870,
        frame: hex::encode(sha256(&tap.to_be_bytes())),
        score: Some(712),
        other: "t0".to_owned(),
        other_score: Some(204),
        live: Some(990),
        group: Some(tap % 40),
    }
}

fn stamp(counter: u64, i: u64) -> Result<Stamp> {
    let salt = sha256(&[counter.to_be_bytes(), i.to_be_bytes()].concat())[..16].try_into()?;
    let wall = format!("2026-03-02T08:{:02}:{:02}.000+08:00", i / 60, i % 60);
    Ok(Stamp { wall, boot: "0".repeat(32), up_ms: i * 1000, salt })
}
