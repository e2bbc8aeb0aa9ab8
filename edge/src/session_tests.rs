//! A session's life, with faults put into the store's way.

use muster_seal::chain::seal_id;
use muster_seal::checkpoint::Checkpoint;
use rusqlite::Connection;

use super::*;
use crate::store::StoreError;
use crate::store::assignment::tests::offer;

/// A device with a store of its own, for tests.
pub(crate) struct Device {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) key: DeviceKey,
    pub(crate) me: Identity,
    pub(crate) clock: Clock,
}

/// The key of the tests' central log.
pub(crate) fn log_key() -> DeviceKey {
    DeviceKey::from_seed([77; 32])
}

impl Device {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let log_key = log_key().public().named("muster.example");
        let me =
            Identity { device: "d1".into(), domain: "muster.example".into(), log_key, site: "s1".into(), second: None };
        Self { dir, store, key: DeviceKey::from_seed([1; 32]), me, clock: Clock::new(8).unwrap() }
    }

    pub(crate) fn open(&mut self, class: &str) -> Result<Session> {
        let hands = Hands { key: &self.key, me: &self.me, clock: &self.clock };
        Session::open(&mut self.store, hands, offer(class, "am", 0, 1_000), &Kit::default(), String::new())
    }

    pub(crate) fn close(&mut self, session: &mut Session) -> Result<()> {
        session.close(&mut self.store, Hands { key: &self.key, me: &self.me, clock: &self.clock }, "schedule")
    }

    fn resume(&mut self) -> Result<Option<Session>> {
        Session::resume(&mut self.store, Hands { key: &self.key, me: &self.me, clock: &self.clock })
    }

    /// Another hand on the same file.
    fn sql(&self, sql: &str) {
        Connection::open(self.dir.path().join("edge.sqlite")).unwrap().execute_batch(sql).unwrap();
    }

    fn seals(&self) -> Vec<(u64, u64, u64, String)> {
        let conn = Connection::open(self.dir.path().join("edge.sqlite")).unwrap();
        let mut get = conn.prepare("SELECT counter, size, sealed, seal FROM session ORDER BY counter").unwrap();
        let rows = get.query_map([], |r| {
            Ok((r.get::<_, i64>(0)? as u64, r.get::<_, i64>(1)? as u64, r.get::<_, i64>(2)? as u64, r.get(3)?))
        });
        rows.unwrap().map(|r| r.unwrap()).collect()
    }

    /// Every session sealed whole, and each naming the seal before.
    fn check_chain(&self) {
        let mut prev = String::new();
        for (counter, size, sealed, seal) in self.seals() {
            assert_eq!(size, sealed, "session {counter}");
            let name = origin("muster.example", "d1", counter);
            let seal_says = Checkpoint::open(seal.as_bytes(), &self.key.public().named(&name)).unwrap();
            assert_eq!(seal_says.size, size);
            let lines = self.store.lines(counter).unwrap();
            match Record::parse(&lines[0]).unwrap().body {
                Body::Open(open) => assert_eq!(open.prev, prev, "session {counter}"),
                other => panic!("{other:?}"),
            }
            prev = seal_id(&seal);
        }
    }
}

#[test]
fn first_and_last_line_come_with_their_seal_or_not_at_all() {
    let mut device = Device::new();
    // No seal can be written: neither can the line that it would cover.
    device.sql("CREATE TRIGGER t BEFORE INSERT ON session BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    assert!(device.open("a").is_err());
    device.sql("DROP TRIGGER t");
    assert_eq!(device.seals(), []);
    let mut session = device.open("a").unwrap();
    assert_eq!(device.seals()[0].2, 1, "the first record is sealed");

    device.sql("CREATE TRIGGER t BEFORE UPDATE OF seal ON session BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    assert!(device.close(&mut session).is_err());
    device.sql("DROP TRIGGER t");
    assert_eq!(device.seals()[0].1, 1, "the close stands there without its seal");
    assert!(session.agrees(&device.store).unwrap(), "the session goes on");
    device.close(&mut session).unwrap();
    device.open("b").unwrap();
    device.check_chain();
}

#[test]
fn nothing_follows_a_session_without_its_final_seal() {
    let mut device = Device::new();
    let mut session = device.open("a").unwrap();
    let error = device.open("b").unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(StoreError::Unfinished(1))), "{error:#}");
    assert!(matches!(device.store.put_contact(&device.me, &device.key), Ok(None)), "there is no beacon yet");
    device.close(&mut session).unwrap();
    // As an older version may have left it: closed, and without the seal over all of it.
    device.sql("UPDATE session SET sealed = 1");
    assert!(device.open("b").is_err());
    assert!(device.resume().unwrap().is_none());
    device.open("b").unwrap();
    device.check_chain();
}

#[test]
fn what_was_interrupted_is_taken_up_in_order() {
    let mut device = Device::new();
    let mut first = device.open("a").unwrap();
    device.close(&mut first).unwrap();
    device.open("b").unwrap();
    device.sql("UPDATE session SET sealed = 1 WHERE counter = 1");
    let session = device.resume().unwrap().unwrap();
    assert_eq!((session.counter(), session.next_seq()), (2, 2));
    device.check_chain();
    // Its assignment is lost: it cannot go on, and it does not stay in the way.
    device.sql("UPDATE session SET assigned = ''");
    assert!(device.resume().unwrap().is_none());
    device.open("c").unwrap();
    device.check_chain();
}

#[test]
fn a_session_ends_by_boot_time_when_nobody_knows_the_time() {
    let mut device = Device::new();
    let session = device.open("a").unwrap();
    let began = session.began.1;
    assert!(!session.is_over_by_boot_time(began + 1_599, 500, 100));
    assert!(session.is_over_by_boot_time(began + 1_600, 500, 100));
}
