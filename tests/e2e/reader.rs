//! The agent's reader against the simulated module, over real pseudo-terminals.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use muster_edge::reader::profile::ReaderProfile;
use muster_edge::reader::sam::exchange::ReadFailure;
use muster_edge::reader::{DownReason, ReaderEvent, ReaderHandle, probe, spawn};
use muster_tests::card::Person;
use muster_tests::reader::{Fault, SimReader};

/// Long enough for a busy machine; nothing is asserted about time.
const PATIENCE: Duration = Duration::from_secs(20);

struct Bench {
    sim: SimReader,
    events: Receiver<ReaderEvent>,
    _reader: ReaderHandle,
    _dir: tempfile::TempDir,
    link: PathBuf,
}

fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("reader");
    let sim = SimReader::start(&link).unwrap();
    let (out, events) = channel();
    let path = link.to_str().unwrap().to_owned();
    let reader = spawn("door".into(), path, ReaderProfile::find("sam-115200").unwrap(), out, |event| event);
    let bench = Bench { sim, events, _reader: reader, _dir: dir, link };
    match bench.next() {
        ReaderEvent::Up { sam_id: Some(id), .. } => assert_eq!(id.len(), 32),
        other => panic!("{other:?}"),
    }
    bench
}

impl Bench {
    fn next(&self) -> ReaderEvent {
        self.events.recv_timeout(PATIENCE).expect("the reader said nothing")
    }

    fn reads(&self, n: usize) {
        let person = Person::made_up(n);
        self.sim.place(&person);
        match self.next() {
            ReaderEvent::Card { card, .. } => {
                assert_eq!((card.number(), card.name()), (person.number.as_str(), person.name.as_str()));
            }
            other => panic!("{other:?}"),
        }
        self.sim.lift();
    }
}

#[test]
fn reads_cards_through_everything_a_line_does_to_bytes() {
    let bench = bench();
    bench.reads(1);
    for (n, fault) in [
        Fault::BadChecksum,
        Fault::Noise,
        Fault::Split(1),
        Fault::Split(7),
        Fault::Split(300),
        Fault::Merged,
        Fault::Slow(Duration::from_millis(150)),
        Fault::Status(0x47),
        Fault::Silent,
    ]
    .into_iter()
    .enumerate()
    {
        bench.sim.fail(std::slice::from_ref(&fault));
        bench.reads(n + 2);
    }
}

#[test]
fn a_card_pulled_too_soon_is_asked_for_again() {
    let bench = bench();
    bench.sim.fail(&[Fault::PulledMidRead]);
    bench.sim.place(&Person::made_up(50));
    match bench.next() {
        ReaderEvent::ReadFailed { why, .. } => assert_eq!(why, ReadFailure::PlaceAgain),
        other => panic!("{other:?}"),
    }
    bench.reads(50);
}

#[test]
fn a_card_left_on_the_reader_is_told_once_whatever_the_module_answers() {
    for hides in [false, true] {
        let bench = bench();
        bench.sim.hide_read_card(hides);
        bench.sim.place(&Person::made_up(60));
        assert!(matches!(bench.next(), ReaderEvent::Card { .. }));
        // The next event must be of the next card, after the first was asked about a few times more.
        let wait = if hides { 1 } else { 3 };
        while bench.sim.reads() < wait {
            std::thread::sleep(Duration::from_millis(50));
        }
        bench.reads(61);
    }
}

#[test]
fn a_card_lifted_and_put_back_at_once_is_a_new_tap() {
    let bench = bench();
    bench.reads(80);
    for _ in 0..2 {
        let before = bench.sim.nothings();
        while bench.sim.nothings() < before + 2 {
            std::thread::sleep(Duration::from_millis(20));
        }
        bench.reads(80);
    }
}

#[test]
fn a_module_that_fails_again_and_again_is_reset_and_then_called_broken() {
    let bench = bench();
    bench.sim.fail(&vec![Fault::Status(0x24); 6]);
    bench.sim.place(&Person::made_up(90));
    assert!(matches!(bench.next(), ReaderEvent::ReadFailed { why: ReadFailure::Module(0x24), .. }));
    assert!(matches!(bench.next(), ReaderEvent::Down { reason: DownReason::Fault, .. }));
    assert!(matches!(bench.next(), ReaderEvent::Up { .. }), "it is asked from time to time whether it is well again");
    assert!(matches!(bench.next(), ReaderEvent::Card { .. }));
}

#[test]
fn a_cable_pulled_and_put_back_is_told_each_time_once() {
    let mut bench = bench();
    bench.sim.unplug();
    match bench.next() {
        ReaderEvent::Down { reason, .. } => assert!(matches!(reason, DownReason::Unplugged | DownReason::NotFound)),
        other => panic!("{other:?}"),
    }
    bench.sim.plug().unwrap();
    assert!(matches!(bench.next(), ReaderEvent::Up { .. }));
    bench.reads(70);
}

#[test]
fn doctor_tells_a_reader_from_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let profile = ReaderProfile::find("sam-115200").unwrap();
    let nothing = dir.path().join("nothing");
    assert_eq!(probe(nothing.to_str().unwrap(), &profile).unwrap_err(), "port-missing");
    let bench = bench();
    drop(bench._reader);
    assert_eq!(probe(bench.link.to_str().unwrap(), &profile).unwrap().len(), 32);
}
