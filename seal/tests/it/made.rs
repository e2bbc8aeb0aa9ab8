//! Session logs to test with: one fixed, with every kind of record, and generated ones.

use std::collections::BTreeMap;

use muster_seal::error::LogError;
use muster_seal::key::{DeviceKey, Signer};
use muster_seal::merkle::{Edge, leaf_hash};
use muster_seal::record::{
    Body, Card, Clock, Face, Fault, Instructor, Manual, Open, Present, Restart, Spot, Stamp, Stranger, Way,
};
use muster_seal::session::{self, SessionLog, VerifiedLog};
use proptest::prelude::*;

pub const ORIGIN: &str = "muster.example/d/d1/s/1";

pub fn key() -> DeviceKey {
    DeviceKey::from_seed([7; 32])
}

/// A log as it lies in a file, line by line without newlines, and its seal.
#[derive(Debug, Clone)]
pub struct Made {
    pub lines: Vec<Vec<u8>>,
    pub seal: String,
}

impl Made {
    /// A log of these records, closed and sealed.
    pub fn of(records: Vec<(Stamp, Body)>) -> Self {
        let mut log = SessionLog::default();
        let mut end = Stamp::default();
        for (stamp, body) in records {
            end.clone_from(&stamp);
            log.append(stamp, body).unwrap();
        }
        log.append(end, Body::Close(log.closing("schedule"))).unwrap();
        let lines = log.bytes().split(|b| *b == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
        let (last, lines) = lines.split_last().unwrap();
        assert!(last.is_empty());
        Self { lines: lines.to_vec(), seal: log.seal(ORIGIN, &key()) }
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect()
    }

    /// What a device that means harm can do and nobody else: its own key over whatever lines there are now.
    pub fn sealed_again(mut self) -> Self {
        let mut edge = Edge::default();
        self.lines.iter().for_each(|line| edge.push(leaf_hash(line)));
        self.seal = session::seal_at(ORIGIN, &edge, &key());
        self
    }

    pub fn verify(&self) -> Result<VerifiedLog, LogError> {
        verify(&self.bytes(), &self.seal)
    }

    /// The log with one part of one line, counted from 1, written differently.
    pub fn with(&self, line: usize, from: &str, to: &str) -> Self {
        let mut made = self.clone();
        let text = String::from_utf8(made.lines[line - 1].clone()).unwrap();
        assert!(text.contains(from), "line {line} has no {from}: {text}");
        made.lines[line - 1] = text.replacen(from, to, 1).into_bytes();
        made
    }
}

pub fn verify(bytes: &[u8], seal: &str) -> Result<VerifiedLog, LogError> {
    session::verify(bytes, seal, ORIGIN, &key().public())
}

/// A stamp whose every part follows from where the record stands.
pub fn stamp(seq: u64, up_ms: u64) -> Stamp {
    let wall = format!("2026-03-02T08:{:02}:{:02}.000+08:00", seq / 60 % 60, seq % 60);
    Stamp { wall, boot: "0123456789abcdef".repeat(2), up_ms, salt: [seq as u8; 16] }
}

pub fn open() -> Open {
    Open {
        device: "d1".to_owned(),
        key: key().public().id(),
        counter: 1,
        site: "s1".to_owned(),
        class: "c1".to_owned(),
        session: "2026-03-02-am".to_owned(),
        assignment: "ab".repeat(32),
        agent: "muster-edge 0.1.0".to_owned(),
        policy: "nm-2026-1".to_owned(),
        models: BTreeMap::from([("yunet-2023".to_owned(), "cd".repeat(32))]),
        readers: BTreeMap::from([("door".to_owned(), "sam-115200".to_owned())]),
        camera: "uvc".to_owned(),
        ..Open::default()
    }
}

/// A short class in which everything happens once: line 1 is `open`, the last `close`.
pub fn every_kind() -> Vec<(Stamp, Body)> {
    let (t1, t2, door) = (|| "t1".to_owned(), || "t2".to_owned(), || "door".to_owned());
    let card = |trainee| Body::Card(Card { reader: door(), trainee, layout: "resident".to_owned() });
    let present = |trainee, way, level, tap, face| Body::Present(Present { trainee, way, level, tap, face });
    let fault = |state: &str, reason: &str| {
        let (part, name) = ("camera".to_owned(), "front".to_owned());
        Body::Fault(Fault { part, name, state: state.to_owned(), reason: reason.to_owned() })
    };
    let spot = |phase: &str| Body::Spot(Spot { call: 1, phase: phase.to_owned(), trainee: t1() });
    let instructor =
        |way, by: &str| Body::Instructor(Instructor { instructor: "i1".to_owned(), way, by: by.to_owned() });
    let matched = Face {
        tap: 2,
        trainee: t1(),
        outcome: "match".to_owned(),
        detector: "yunet-2023".to_owned(),
        frames: 5,
        quality: 870,
        frame: "ef".repeat(32),
        score: Some(712),
        other: t2(),
        other_score: Some(-31),
        live: Some(998),
        group: Some(0),
    };
    let declined = Face { tap: 5, trainee: t2(), outcome: "declined".to_owned(), ..Face::default() };
    let manual = Manual { trainee: t2(), way: Way::In, by: "i1".to_owned(), reason: "declined".to_owned(), level: 1 };
    let bodies = vec![
        Body::Open(Box::new(open())),
        instructor(Way::In, "card"),
        card(t1()),
        Body::Face(matched),
        present(t1(), Way::In, 4, 2, Some(3)),
        card(t2()),
        Body::Face(declined),
        Body::Manual(manual),
        Body::Stranger(Stranger { reader: door() }),
        fault("down", "covered"),
        fault("up", "back"),
        Body::Clock(Clock { step_ms: -1500 }),
        spot("call"),
        card(t1()),
        present(t1(), Way::Spot, 1, 13, None),
        spot("met"),
        Body::Restart(Restart { agent: "muster-edge \"0.1.0\"\u{1}包".to_owned() }),
        card(t1()),
        present(t1(), Way::Out, 1, 17, None),
        instructor(Way::Out, "pin"),
    ];
    bodies.into_iter().enumerate().map(|(i, body)| (stamp(i as u64, 1_000 * i as u64), body)).collect()
}

/// What happens at a desk; a tap's records point at each other once their places are known.
#[derive(Debug, Clone)]
pub enum Step {
    Tap(Card, Option<Face>, Option<(Way, u64)>),
    Other(Body),
    Reboot,
}

/// Whole logs of any kinds of record, in any order that the rules allow.
pub fn logs() -> impl Strategy<Value = Made> {
    let steps = prop::collection::vec((step(), 0..100_000u64, any::<[u8; 16]>()), 0..12);
    (steps, any::<String>(), any::<[u8; 16]>()).prop_map(|(steps, agent, salt)| {
        let mut records = vec![(Stamp { salt, ..stamp(0, 0) }, Body::Open(Box::new(Open { agent, ..open() })))];
        let (mut up_ms, mut boot) = (0, 0u128);
        for (step, later, salt) in steps {
            up_ms += later;
            let seq = records.len() as u64;
            let bodies = match step {
                Step::Other(body) => vec![body],
                Step::Reboot => {
                    (up_ms, boot) = (later, boot + 1);
                    vec![Body::Restart(Restart { agent: "again".to_owned() })]
                }
                Step::Tap(card, face, way) => {
                    let trainee = card.trainee.clone();
                    let at = face.as_ref().map(|_| seq + 1);
                    let face = face.map(|f| Body::Face(Face { tap: seq, trainee: trainee.clone(), ..f }));
                    let present = |(way, level)| Body::Present(Present { trainee, way, level, tap: seq, face: at });
                    [Some(Body::Card(card)), face, way.map(present)].into_iter().flatten().collect()
                }
            };
            for body in bodies {
                let stamp = Stamp { boot: format!("{boot:032x}"), salt, ..stamp(records.len() as u64, up_ms) };
                records.push((stamp, body));
            }
        }
        Made::of(records)
    })
}

fn step() -> impl Strategy<Value = Step> {
    let of = |words: &'static [&'static str]| prop::sample::select(words).prop_map(str::to_owned);
    let who = || of(&["t1", "t2", "T-3", "t_4.a"]);
    let reader = || of(&["door", "Desk.2"]);
    let way = || prop::sample::select(&[Way::In, Way::Out, Way::Spot][..]);
    let there = || prop::sample::select(&[Way::In, Way::Out][..]);
    let permille = || prop::option::of(-1000..=1000i64);
    let outcome = of(&["match", "face", "again", "mismatch", "poor", "none", "no-camera", "declined"]);
    let face = (outcome, any::<String>(), 0..9u64, 0..1001u64, permille(), permille(), any::<bool>()).prop_map(
        |(outcome, detector, frames, quality, score, live, seen)| {
            let (frame, group) = (if seen { "0f".repeat(32) } else { String::new() }, seen.then_some(frames));
            Face { outcome, detector, frames, quality, frame, score, live, group, ..Face::default() }
        },
    );
    let card = (reader(), who(), of(&["resident", "hmt"])).prop_map(|(reader, trainee, layout)| Card {
        reader,
        trainee,
        layout,
    });
    prop_oneof![
        4 => (card, prop::option::of(face), prop::option::of((way(), 1..=4u64)))
            .prop_map(|(card, face, way)| Step::Tap(card, face, way)),
        1 => (1..4u64, of(&["call", "met", "missed"]), who())
            .prop_map(|(call, phase, trainee)| Step::Other(Body::Spot(Spot { call, phase, trainee }))),
        1 => (there(), of(&["card", "pin"])).prop_map(|(way, by)| {
            Step::Other(Body::Instructor(Instructor { instructor: "i1".to_owned(), way, by }))
        }),
        1 => (who(), there(), of(&["no-chip", "declined", "Other"]), 0..=1u64).prop_map(|(trainee, way, reason, level)| {
            Step::Other(Body::Manual(Manual { trainee, way, by: "i1".to_owned(), reason, level }))
        }),
        1 => reader().prop_map(|reader| Step::Other(Body::Stranger(Stranger { reader }))),
        1 => any::<i32>().prop_map(|step| Step::Other(Body::Clock(Clock { step_ms: step.into() }))),
        1 => (of(&["reader", "camera", "power", "network"]), of(&["down", "up"])).prop_map(|(part, state)| {
            Step::Other(Body::Fault(Fault { part, name: "front".to_owned(), state, reason: "lost".to_owned() }))
        }),
        1 => any::<String>().prop_map(|agent| Step::Other(Body::Restart(Restart { agent }))),
        1 => Just(Step::Reboot),
    ]
}
