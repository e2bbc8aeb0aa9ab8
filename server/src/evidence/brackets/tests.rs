use muster_seal::central::{EnrolLeaf, Leaf};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::cosignature::cosign;
use muster_seal::key::{DeviceKey, Signer};
use rusqlite::params;

use super::*;
use crate::evidence::imported;
use crate::evidence::tables::Val;
use crate::store::devices::Code;
use crate::store::{checkpoints, devices};

const LOG: &str = "muster.example/log";

struct Bureau {
    store: Store,
    dir: tempfile::TempDir,
    key: DeviceKey,
}

impl Bureau {
    /// A bureau whose log is signed by a key that the tests have, under a policy of two witnesses that must both stand.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Some("muster.example")).unwrap();
        let key = DeviceKey::from_seed([1; 32]);
        let bureau = Self { store, dir, key };
        bureau.policy("all");
        bureau
    }

    fn policy(&self, need: &str) {
        let own = self.store.read(checkpoints::verifier).unwrap();
        let mut text = format!("log {own}\nlog {}\n", self.key.public().named(LOG));
        for (name, seed) in [("a", 10), ("b", 11)] {
            let key = DeviceKey::from_seed([seed; 32]).public().witness(&format!("{name}.example"));
            text += &format!("witness {name} {key} http://127.0.0.1:1\n");
        }
        text += &format!("group g {need} a b\nquorum g\n");
        std::fs::write(self.dir.path().join(central::witness::FILE), text).unwrap();
    }

    fn note(&self, size: u64, a: Option<u64>, b: Option<u64>) -> String {
        let checkpoint = Checkpoint { origin: LOG.into(), size, root: [size as u8; 32] };
        let mut note = checkpoint.sign(&self.key);
        for (name, seed, time) in [("a.example", 10, a), ("b.example", 11, b)] {
            let line = time.map(|time| cosign(&checkpoint.text(), name, &DeviceKey::from_seed([seed; 32]), time));
            note += &line.unwrap_or_default();
        }
        note
    }

    fn write(&self, sql: &str, params: impl rusqlite::Params) {
        let off = "PRAGMA defer_foreign_keys = ON";
        let work = |tx: &rusqlite::Transaction<'_>| {
            tx.execute_batch(off)?;
            tx.execute(sql, params).map_err(StoreError::from)
        };
        self.store.write(work).unwrap();
    }

    fn device(&self) {
        self.write("INSERT INTO institution VALUES ('hq', '', '')", []);
        self.write("INSERT INTO site VALUES ('s1', 'hq', '', '', '')", []);
        let (key, at) = (DeviceKey::from_seed([2; 32]).public(), String::new());
        let code = Code { site: "s1".into(), name: String::new(), expires_ms: 0, replaces: None, used_by: None };
        let (device, site, institution) = ("d".to_owned(), "s1".to_owned(), "hq".to_owned());
        let leaf = Leaf::Enrol(EnrolLeaf { device, key: key.to_base64(), sm2: None, site, institution, at });
        let enrol = |tx: &rusqlite::Transaction<'_>| {
            let index = checkpoints::append(tx, &[leaf.line()])?;
            devices::enrol(tx, "d", key, &code, "", index, "")
        };
        self.store.write(enrol).unwrap();
    }

    fn cosigned(&self, size: u64, a: Option<u64>, b: Option<u64>) {
        self.write("INSERT OR REPLACE INTO cosigned VALUES (?, ?)", params![size as i64, self.note(size, a, b)]);
    }

    fn session(&self, counter: i64, log_index: i64, beacon: Option<&str>) {
        let beacon = beacon.map(|note| {
            self.write("INSERT OR IGNORE INTO beacon (note) VALUES (?)", [note]);
            let get = |conn: &Connection| {
                Ok::<_, StoreError>(
                    conn.query_row("SELECT beacon FROM beacon WHERE note = ?", [note], |r| r.get::<_, i64>(0))?,
                )
            };
            self.store.read(get).unwrap()
        });
        self.write(
            "INSERT INTO session (device, counter, log, seal, sealed, final, log_index, beacon, received, close_ms)
             VALUES ('d', ?, x'', '', 2, 1, ?, ?, '2026-03-02T00:00:10Z', 1772409600000)",
            params![counter, log_index, beacon],
        );
    }

    /// Counter, not before, not after, in seconds.
    fn brackets(&self) -> Vec<(i64, Option<i64>, Option<i64>)> {
        settle(&self.store).unwrap();
        let rows = self.store.read(|conn| imported::of_store(conn, "2026-03-02T00:00:10Z", None)).unwrap();
        let int = |value: &Val| if let Val::Int(n) = value { Some(*n) } else { None };
        let row =
            |row: &Vec<Val>| (int(&row[1]).unwrap(), int(&row[2]).map(|n| n / 1000), int(&row[3]).map(|n| n / 1000));
        rows["brackets"].iter().map(row).collect()
    }
}

#[test]
fn a_bracket_is_from_the_beacon_to_the_first_checkpoint_that_the_quorum_stands_for() {
    let bureau = Bureau::new();
    bureau.device();
    let beacon = bureau.note(3, Some(95), Some(90));
    bureau.session(1, 4, Some(&beacon));
    bureau.session(2, 6, None);
    bureau.session(3, 9, Some(&beacon));
    bureau.cosigned(5, Some(100), None);
    bureau.cosigned(6, Some(110), Some(120));
    bureau.cosigned(8, Some(130), Some(125));
    // The first at size 5 lacks a witness; nothing covers the last one yet.
    assert_eq!(bureau.brackets(), [(1, Some(90), Some(120)), (2, None, Some(130)), (3, Some(90), None)]);
    bureau.cosigned(10, Some(150), Some(151));
    assert_eq!(bureau.brackets()[2], (3, Some(90), Some(151)));
    // What is settled is not reckoned again, until another policy is in force.
    bureau.write("DELETE FROM cosigned WHERE size < 10", []);
    assert_eq!(bureau.brackets()[0], (1, Some(90), Some(120)));
    bureau.policy("any");
    assert_eq!(bureau.brackets(), [(1, Some(90), Some(150)), (2, None, Some(150)), (3, Some(90), Some(150))]);
    std::fs::remove_file(bureau.dir.path().join(central::witness::FILE)).unwrap();
    assert_eq!(bureau.brackets(), [(1, None, None), (2, None, None), (3, None, None)]);
}

#[test]
fn cosignatures_that_are_forged_or_contradict_each_other_vouch_for_nothing() {
    let bureau = Bureau::new();
    bureau.device();
    // A device says that its beacon was cosigned long ago; the line is of another checkpoint.
    let other = bureau.note(2, Some(1), Some(1));
    let lines = other.split_once("\n\n").unwrap().1.lines().skip(1).map(|line| format!("{line}\n"));
    let forged = bureau.note(3, None, None) + &lines.collect::<String>();
    bureau.session(1, 4, Some(&forged));
    // And one whose witness dates the beacon after the checkpoint over the seal.
    bureau.session(2, 4, Some(&bureau.note(3, Some(500), Some(500))));
    bureau.cosigned(5, Some(100), Some(100));
    assert_eq!(bureau.brackets(), [(1, None, Some(100)), (2, None, None)]);
}

#[test]
fn sessions_that_are_reckoned_in_pieces_find_their_own_rounds() {
    let bureau = Bureau::new();
    bureau.device();
    let (sessions, rounds) = (scale(), scale() / 10);
    bureau
        .store
        .write(|tx| {
            for n in 0..rounds {
                let size = (n + 1) * 10;
                let note = bureau.note(size, Some(1_000 + n), Some(1_000 + n));
                tx.execute("INSERT INTO cosigned VALUES (?, ?)", params![size as i64, note])?;
                tx.execute("INSERT INTO beacon VALUES (?, ?)", params![n as i64 + 1, note])?;
            }
            let mut put = tx.prepare(
                "INSERT INTO session (device, counter, log, seal, sealed, final, log_index, beacon, received, close_ms)
                 VALUES ('d', ?1 + 1, zeroblob(20000), '', 2, 1, ?1, nullif(?1 / 10, 0), '2026-03-02T00:00:10Z', 0)",
            )?;
            for n in 0..sessions {
                put.execute([n as i64])?;
            }
            Ok::<_, StoreError>(())
        })
        .unwrap();
    let begun = std::time::Instant::now();
    settle(&bureau.store).unwrap();
    let first = begun.elapsed();
    let found = bureau.brackets();
    println!(
        "{sessions} sessions, {rounds} checkpoints and beacons: {first:?}; all again {:?}",
        begun.elapsed() - first
    );
    for (n, bracket) in found.iter().enumerate() {
        let round = n as i64 / 10;
        let before = if round > 0 { Some(999 + round) } else { None };
        assert_eq!(*bracket, (n as i64 + 1, before, Some(1_000 + round)));
    }
}

/// How many sessions; more are asked for when it is measured.
fn scale() -> u64 {
    std::env::var("MUSTER_SESSIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000)
}
