//! From a card's number to the line on disk: what a trainee waits for beside the camera. The way is the agent's own: whose
//! card it is, what the tap is for, card, face and present as records, and one commit of the real store.
//!
//! The peer is the least that could be called recorded: one row of the same bytes, committed by a bare SQLite with the same
//! pragmas, on the same disk. Both take turns tap by tap, so that a busy disk slows both. `size` is how many records the
//! log has in the end. Not measured: the reader, the camera, the kiosk's picture.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

#[path = "../../benches/table.rs"]
mod table;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use muster_edge::camera::{FaceOutcome, Sighting};
use muster_edge::checkin::outcome::Outcome;
use muster_edge::checkin::{Reading, Rules, Whose, whose};
use muster_edge::clock::Clock;
use muster_edge::identity::Identity;
use muster_edge::session::{Hands, Kit, Session};
use muster_edge::store::Store;
use muster_edge::store::assignment::Offer;
use muster_hours::policy::Policy;
use muster_hours::schedule::{Assignment, Lesson};
use muster_seal::key::{DeviceKey, Signer};
use muster_seal::merkle::sha256;
use muster_wire::assignment::{Assigned, Person, Template, card_hash};
use rusqlite::{Connection, params};
use table::{Row, percentile, publish};

/// Trainees on the roster.
const ROSTER: usize = 40;
/// How many taps a case is measured over at least: ten lie above the 99th per cent.
const TAPS: usize = 1000;
/// Records a tap makes.
const RECORDS: usize = 3;
/// Nobody stays: the second tap of a card is its check-out.
const RULES: Rules = Rules { level: 2, min_stay_ms: 0 };
const CARD_KEY: [u8; 32] = [7; 32];

fn main() -> Result<()> {
    let mut rows = Vec::new();
    for (name, templates, records) in [
        ("no templates", false, 2 * ROSTER * RECORDS),
        ("templates", true, 2 * ROSTER * RECORDS),
        ("templates", true, 20 * ROSTER * RECORDS),
    ] {
        let (ours, peer) = case(templates, records / RECORDS)?;
        for per_cent in [50, 99] {
            rows.push(Row {
                name: format!("{name}, p{per_cent}"),
                size: records,
                ours: percentile(&ours, per_cent),
                peers: vec![("sqlite", percentile(&peer, per_cent))],
                unit: "us",
            });
        }
    }
    Ok(publish("checkin", &rows)?)
}

/// Whole sessions of so many taps, each in a store of its own, until there are enough taps.
fn case(templates: bool, taps: usize) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    while ours.len() < TAPS {
        // Under the build folder: a disk, where /tmp may be memory.
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let mut site = Site::open(&dir.path().join("edge"), templates)?;
        let bare = Bare::open(&dir.path().join("bare.sqlite"))?;
        let mut written = site.tap(0)?.1; // what is prepared at a first tap is prepared
        bare.put(&written)?;
        for i in 1..taps {
            let peer_first = i % 2 == 0;
            if peer_first {
                peer.push(bare.put(&written)?);
            }
            let (time, bytes) = site.tap(i)?;
            ours.push(time);
            written = bytes;
            if !peer_first {
                peer.push(bare.put(&written)?);
            }
        }
    }
    Ok((ours, peer))
}

/// A device in the middle of a session.
struct Site {
    store: Store,
    session: Session,
    clock: Clock,
    // Another's view of the store: it sees nothing but what was committed.
    reader: Connection,
}

impl Site {
    fn open(dir: &Path, templates: bool) -> Result<Self> {
        let mut store = Store::open(dir)?;
        let clock = Clock::new(8)?;
        let key = DeviceKey::from_seed([1; 32]);
        let me = Identity {
            device: "d1".to_owned(),
            domain: "muster.example".to_owned(),
            log_key: DeviceKey::from_seed([2; 32]).public().named("muster.example/log"),
            site: "s1".to_owned(),
            second: None,
        };
        let offer = Offer::read(assigned(templates)?).context("an assignment that cannot be used")?;
        let hands = Hands { key: &key, me: &me, clock: &clock };
        let session = Session::open(&mut store, hands, offer, &Kit::default(), String::new())?;
        let reader = Connection::open(dir.join("edge.sqlite"))?;
        Ok(Self { store, session, clock, reader })
    }

    /// One tap, as the agent takes it when the camera has answered. Gives how long it took and what was written.
    fn tap(&mut self, i: usize) -> Result<(Duration, Vec<u8>)> {
        let (number, seen) = (number(i % ROSTER), sighting(i % ROSTER));
        let first = self.session.next_seq();
        let start = Instant::now();
        let Whose::Trainee(person) = whose(&self.session.offer.assigned, &number, None) else { bail!("nobody's card") };
        let up_ms = self.clock.up_ms()?;
        let purpose = self.session.attendance.purpose(&person, RULES, up_ms);
        let reading = Reading { reader: "door", layout: "resident", seq: first };
        let (bodies, outcome) = self.session.attendance.trainee(&person, &reading, purpose, Some(&seen), RULES);
        self.session.write(&mut self.store, &self.clock, bodies)?;
        let time = start.elapsed();
        let lines = self.committed(first)?;
        if lines.len() != RECORDS || !matches!(outcome, Outcome::In | Outcome::Out) {
            bail!("a tap wrote {} records and came out as {outcome:?}", lines.len());
        }
        Ok((time, lines.into_iter().flat_map(|line| line.into_iter().chain([b'\n'])).collect()))
    }

    fn committed(&self, from: u64) -> Result<Vec<Vec<u8>>> {
        let sql = "SELECT line FROM line WHERE counter = ? AND seq >= ? ORDER BY seq";
        let mut get = self.reader.prepare_cached(sql)?;
        let rows = get.query_map(params![self.session.counter() as i64, from as i64], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// A bare SQLite.
struct Bare(Connection);

impl Bare {
    fn open(path: &Path) -> Result<Self> {
        let conn = Connection::open(path)?;
        // As the store has them.
        for (name, value) in [
            ("journal_mode", "WAL"),
            ("synchronous", "FULL"),
            ("foreign_keys", "ON"),
            ("trusted_schema", "OFF"),
            ("secure_delete", "ON"),
        ] {
            conn.pragma_update(None, name, value)?;
        }
        conn.execute_batch("CREATE TABLE row (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT")?;
        Ok(Self(conn))
    }

    fn put(&self, bytes: &[u8]) -> Result<Duration> {
        let start = Instant::now();
        self.0.prepare_cached("INSERT INTO row (bytes) VALUES (?)")?.execute([bytes])?;
        Ok(start.elapsed())
    }
}

fn number(i: usize) -> String {
    format!("11010119900101{i:04}")
}

/// Numbers as an embedding has them, the same for the same trainee and unlike any other's.
fn embedding(i: usize) -> Vec<f32> {
    let bytes = (0..4u8).flat_map(|part| sha256(&[i as u8, part]));
    bytes.map(|byte| (f32::from(byte) - 127.5) / 1000.0).collect()
}

fn sighting(i: usize) -> Sighting {
    Sighting {
        frames: 5,
        outcome: FaceOutcome::Match,
        score: Some(712),
        other: Some((format!("t{}", (i + 1) % ROSTER), 204)),
        live: Some(990),
        quality: 870,
        frame_sha256: Some(sha256(&[i as u8])),
        detector: "yunet-2023",
        embedding: Some(embedding(i)),
    }
}

/// A class with everybody's card, and with everybody's template where there is a recogniser.
fn assigned(templates: bool) -> Result<Assigned> {
    let person = |i: usize| Person {
        id: format!("t{i}"),
        instructor: false,
        card: card_hash(&CARD_KEY, &number(i)),
        shown: "王**".to_owned(),
        template: templates.then(|| Template { model: hex::encode(sha256(b"model")), values: embedding(i) }),
        declined: false,
    };
    let lesson = Lesson {
        lesson: "l1".to_owned(),
        start: "2026-03-02T08:00:00+08:00".to_owned(),
        end: "2026-03-02T08:45:00+08:00".to_owned(),
    };
    let assignment = Assignment {
        region: "110101".to_owned(),
        institution: "i1".to_owned(),
        site: "s1".to_owned(),
        class: "c1".to_owned(),
        session: "1".to_owned(),
        lessons: vec![lesson],
        trainees: (0..ROSTER).map(|i| format!("t{i}")).collect(),
        instructors: vec!["i1".to_owned()],
        policy: Policy::default(),
    };
    Ok(Assigned {
        document: serde_json::to_string(&assignment)?,
        title: "养老护理员 五级".to_owned(),
        card_key: hex::encode(CARD_KEY),
        people: (0..ROSTER).map(person).collect(),
    })
}
