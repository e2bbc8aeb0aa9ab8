//! The agent without threads: cards and ticks in, what it holds and says out.

use std::sync::mpsc::channel;

use muster_wire::assignment::{Assignments, Person, card_hash};
use rusqlite::Connection;

use super::*;
use crate::kiosk::view::Phase;
use crate::reader::sam::card::{Card, TEXT_LEN};
use crate::session::tests::Device;
use crate::store::assignment::tests::offer;

/// GB 11643's own example.
const NUMBER: &str = "11010519491231002X";
const HOUR: i64 = 3_600_000;

struct Bench {
    agent: Agent,
    _dir: tempfile::TempDir,
    _woken: std::sync::mpsc::Receiver<()>,
    _events: Receiver<Event>,
}

fn card(until: &str) -> Card {
    let mut block: Vec<u8> = [0x20, 0].repeat(TEXT_LEN / 2);
    for (at, text) in [(122, NUMBER), (204, until)] {
        for (i, unit) in text.encode_utf16().enumerate() {
            block[at + 2 * i..at + 2 * i + 2].copy_from_slice(&unit.to_le_bytes());
        }
    }
    Card::from_text(&block).unwrap()
}

fn person(id: &str, instructor: bool) -> Person {
    let card = card_hash(&[0], NUMBER);
    Person { id: id.into(), instructor, card, shown: format!("{id}*"), template: None, declined: false }
}

/// An offer with this one person on it.
fn with(mut offer: Offer, person: Person) -> Offer {
    offer.assigned.people.push(person);
    offer
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

impl Bench {
    fn new(offers: &[Offer]) -> Self {
        let Device { dir, mut store, key, me, clock } = Device::new();
        let sessions = offers.iter().map(|o| o.assigned.clone()).collect();
        store.put_assignments(&Assignments { sessions, beacon: String::new(), counter: 0 }, None).unwrap();
        let config = "server = \"x\"\nclose_after_s = 3600\n[[reader]]\nname = \"door\"\npath = \"x\"\n";
        let (config, camera, kiosk) = (toml::from_str(config).unwrap(), None, Kiosk::default());
        let ((events, inbox), (wake, woken)) = (channel(), channel());
        let (me, kit) = (Some(me), Kit::default());
        let agent = Agent::start(Parts { config, store, key, me, clock, kit, camera, kiosk, events, wake }).unwrap();
        Self { agent, _dir: dir, _woken: woken, _events: inbox }
    }

    fn tick(&mut self) {
        self.agent.handle(Event::Tick).unwrap();
    }

    fn tap(&mut self, until: &str) -> Outcome {
        self.agent.card("door", &card(until)).unwrap();
        self.agent.last.as_ref().unwrap().outcome
    }

    fn class(&self) -> Option<&str> {
        self.agent.session.as_ref().map(|s| s.offer.plan.assignment.class.as_str())
    }

    fn view(&self) -> crate::kiosk::view::View {
        self.agent.show();
        self.agent.kiosk.shown()
    }

    /// Another hand on the same file.
    fn sql(&self, sql: &str) {
        let path = self.agent.store.dir().join("edge.sqlite");
        Connection::open(path).unwrap().execute_batch(sql).unwrap();
    }

    fn kinds(&self) -> Vec<&'static str> {
        let lines = self.agent.store.lines(1).unwrap();
        lines.iter().map(|l| muster_seal::record::Record::parse(l).unwrap().body.kind()).collect()
    }
}

#[test]
fn of_several_classes_the_first_rostered_card_decides() {
    let (now, t1) = (now_ms(), person("t1", false));
    let offers = [offer("a", "am", now, now + HOUR), with(offer("b", "am", now, now + HOUR), t1)];
    let mut bench = Bench::new(&offers);
    bench.tick();
    assert_eq!((bench.class(), bench.view().phase), (None, Phase::Choosing));
    assert_eq!(bench.tap("长期"), Outcome::CardOnly);
    assert_eq!((bench.class(), bench.view().phase), (Some("b"), Phase::Running));
}

#[test]
fn a_card_of_the_class_next_door_ends_nothing_and_that_of_the_next_class_does() {
    let (now, t1) = (now_ms(), person("t1", false));
    let next_door = with(offer("b", "am", now - 1_000, now + HOUR), t1);
    let mut bench = Bench::new(&[offer("a", "am", now - HOUR, now + HOUR), next_door.clone()]);
    bench.agent.refresh().unwrap();
    bench.agent.open(0).unwrap();
    let stranger = crate::checkin::Attendance::default().instructor(&person("i9", true)).0;
    bench.agent.session.as_mut().unwrap().write(&mut bench.agent.store, &bench.agent.clock, stranger).unwrap();
    assert_eq!(bench.tap("长期"), Outcome::OtherClass);
    assert_eq!(bench.class(), Some("a"));
    // The lessons here are over: the next class takes the room, by itself once it has begun.
    let mut bench = Bench::new(&[offer("a", "am", now - HOUR, now - 2_000), next_door]);
    bench.agent.refresh().unwrap();
    bench.agent.open(0).unwrap();
    bench.tick();
    assert_eq!(bench.class(), Some("b"));
    assert_eq!(bench.kinds().last(), Some(&"close"));
}

#[test]
fn a_session_that_nobody_used_gives_way_and_may_be_opened_again() {
    let (now, t1) = (now_ms(), person("t1", false));
    let b = with(offer("b", "am", now, now + HOUR), t1);
    let mut bench = Bench::new(&[offer("a", "am", now, now + HOUR), b]);
    bench.agent.refresh().unwrap();
    bench.agent.open(0).unwrap();
    assert_eq!(bench.tap("长期"), Outcome::CardOnly);
    assert_eq!(bench.class(), Some("b"));
    assert!(!bench.agent.store.was_held("a", "am").unwrap() && bench.agent.store.was_held("b", "am").unwrap());
}

#[test]
fn an_expired_card_is_recorded_and_spoken_of() {
    let now = now_ms();
    for (until, also) in [("20200101", "expired"), ("长期", ""), ("20991231", "")] {
        let mut bench = Bench::new(&[with(offer("a", "am", now, now + HOUR), person("t1", false))]);
        assert_eq!(bench.tap(until), Outcome::CardOnly);
        assert_eq!(bench.agent.last.as_ref().unwrap().also, also);
        assert!(bench.kinds().contains(&"present"));
    }
}

#[test]
fn a_wall_clock_that_steps_does_not_close_the_class() {
    let now = now_ms();
    let mut bench = Bench::new(&[with(offer("a", "am", now - HOUR / 2, now + HOUR), person("t1", false))]);
    bench.tick();
    // As if the class were three days ago and the clock had stepped since: past its end, and past erasing its roster.
    let session = bench.agent.session.as_mut().unwrap();
    session.began.0 -= 72 * HOUR;
    session.offer = with(offer("a", "am", now - 72 * HOUR - HOUR / 2, now - 71 * HOUR), person("t1", false));
    bench.sql("UPDATE assignment SET last_ms = last_ms - 71 * 3600000");
    bench.agent.floor_ms = now - 100 * HOUR;
    (bench.agent.forgot_up_ms, bench.agent.offers.0) = (None, None);
    bench.tick();
    assert_eq!(bench.class(), Some("a"));
    assert!(bench.view().clock_wrong);
    assert_eq!(bench.agent.store.offers().unwrap().len(), 1, "the roster was erased by a wrong clock");
    // The bureau says that the clock is right: the class is over.
    bench.agent.bureau_offset_ms = Some(bench.agent.clock.offset_ms().unwrap());
    bench.tick();
    assert_eq!(bench.class(), None);
}

#[test]
fn a_clock_that_is_hours_off_opens_nothing_and_says_so() {
    let now = now_ms();
    let mut bench = Bench::new(&[offer("a", "am", now, now + HOUR)]);
    bench.agent.bureau_offset_ms = Some(bench.agent.clock.offset_ms().unwrap() + 8 * HOUR);
    bench.tick();
    assert_eq!(bench.class(), None);
    assert!(bench.view().clock_wrong);
    bench.agent.bureau_offset_ms = None;
    bench.tick();
    assert_eq!(bench.class(), Some("a"));
}

#[test]
fn a_fault_that_could_not_be_written_is_written_later_and_nobody_is_told_to_tap_again() {
    let now = now_ms();
    let mut bench = Bench::new(&[offer("a", "am", now, now + HOUR)]);
    bench.tick();
    bench.sql("CREATE TRIGGER t BEFORE INSERT ON line BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    let up = || Event::Reader(ReaderEvent::Up { reader: "door".into(), sam_id: None });
    assert!(bench.agent.handle(up()).is_err());
    bench.agent.doubt();
    assert!(bench.agent.session.is_some(), "the disk agrees: the session goes on");
    bench.sql("DROP TRIGGER t");
    bench.tick();
    // The reader was down when the session opened, and came up.
    assert_eq!(bench.kinds(), ["open", "fault", "fault"]);
    bench.tick();
    assert_eq!(bench.kinds().len(), 3);
}

#[test]
fn where_disk_and_memory_differ_the_disk_is_right() {
    let now = now_ms();
    let mut bench = Bench::new(&[with(offer("a", "am", now, now + HOUR), person("t1", false))]);
    bench.tick();
    // A write whose answer was lost: the disk has more than memory knows of.
    let hands = Hands { key: &bench.agent.key, me: bench.agent.me.as_ref().unwrap(), clock: &bench.agent.clock };
    let mut other = bench.agent.store.again().unwrap();
    Session::resume(&mut other, hands).unwrap().unwrap();
    bench.agent.doubt();
    assert!(bench.agent.session.is_none());
    bench.tick();
    assert_eq!(bench.class(), Some("a"));
    assert_eq!(bench.kinds(), ["open", "fault", "restart", "restart"]);
}

#[test]
fn an_instructor_who_comes_too_late_for_what_was_asked_is_not_sent_out() {
    let now = now_ms();
    let mut bench = Bench::new(&[with(offer("a", "am", now, now + HOUR), person("i1", true))]);
    assert_eq!(bench.tap("长期"), Outcome::InstructorIn);
    bench.agent.command(Command::Close).unwrap();
    assert_eq!(bench.agent.last.as_ref().unwrap().outcome, Outcome::AskClose);
    let up_ms = bench.agent.clock.up_ms().unwrap();
    let desk = &mut bench.agent.session.as_mut().unwrap().desk;
    desk.ask(crate::checkin::ask::Ask::Close, up_ms - crate::checkin::ask::WAIT_MS);
    bench.tick();
    assert!(bench.agent.last.is_none(), "what expired stays on the screen");
    assert_eq!(bench.tap("长期"), Outcome::TooLate);
    assert!(bench.agent.session.as_ref().unwrap().attendance.taught());
}

#[test]
fn on_a_disk_that_may_not_go_on_nothing_is_recorded() {
    let now = now_ms();
    let mut bench = Bench::new(&[with(offer("a", "am", now, now + HOUR), person("t1", false))]);
    bench.tick();
    bench.agent.store.put_stale(Some("fork")).unwrap();
    let before = bench.kinds();
    bench.agent.handle(Event::Sync(sync::Report { online: true, ..sync::Report::default() })).unwrap();
    assert_eq!(bench.tap("长期"), Outcome::Stale);
    bench.tick();
    assert_eq!((bench.class(), bench.view().stale.as_str()), (None, "fork"));
    assert_eq!(bench.kinds(), before);
}
