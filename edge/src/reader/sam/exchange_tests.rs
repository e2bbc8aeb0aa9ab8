//! A module told as a list of answers, each 350 ms after the one before.

use super::*;
use crate::reader::sam::frame::Deframer;

const TIMING: Timing = Timing { poll_ms: 350, status_ms: 500, find_ms: 300, read_ms: 2000, baud: 115_200 };

struct Bench {
    exchange: Exchange,
    now: u64,
}

fn frame(sw3: u8, data: &[u8]) -> Frame {
    let mut body = ((data.len() + 4) as u16).to_be_bytes().to_vec();
    body.extend([0, 0, sw3]);
    body.extend(data);
    body.push(body.iter().fold(0, |sum, b| sum ^ b));
    let mut deframer = Deframer::new();
    deframer.push(&[&[0xAA, 0xAA, 0xAA, 0x96, 0x69][..], &body].concat());
    deframer.next_frame().unwrap().unwrap()
}

/// The answer to read of GB 11643's own example card.
fn card() -> Vec<u8> {
    let mut block = [0x20, 0].repeat(128);
    for (i, unit) in "11010519491231002X".encode_utf16().enumerate() {
        block[122 + 2 * i..124 + 2 * i].copy_from_slice(&unit.to_le_bytes());
    }
    [&[1, 0, 4, 0][..], &block, &[0; 1024]].concat()
}

impl Bench {
    fn new() -> Self {
        let mut bench = Self { exchange: Exchange::new(TIMING), now: 10_000 };
        assert_eq!(bench.asked(), Command::Status);
        assert_eq!(bench.answer(0x90, &[]), None);
        assert_eq!(bench.asked(), Command::SamId);
        assert!(matches!(bench.answer(0x90, &[7; 16]), Some(Happening::Up(Some(_)))));
        bench
    }

    /// What is asked next, whenever that is.
    fn asked(&mut self) -> Command {
        loop {
            match self.exchange.action(self.now) {
                Action::Send(command) => return command,
                Action::Listen(until) => self.now = until,
            }
        }
    }

    fn answer(&mut self, sw3: u8, data: &[u8]) -> Option<Happening> {
        self.exchange.answer(&frame(sw3, data), self.now)
    }

    /// A find that finds nothing.
    fn nothing(&mut self) {
        assert_eq!(self.asked(), Command::Find);
        assert_eq!(self.answer(0x80, &[]), None);
    }

    /// Find and select; then what came of reading.
    fn read(&mut self, sw3: u8, data: &[u8]) -> Option<Happening> {
        assert_eq!(self.asked(), Command::Find);
        self.answer(0x9F, &[0; 4]);
        assert_eq!(self.asked(), Command::Select);
        self.answer(0x90, &[0; 8]);
        assert_eq!(self.asked(), Command::Read);
        self.answer(sw3, data)
    }

    fn reads_a_card(&mut self) -> bool {
        matches!(self.read(0x90, &card()), Some(Happening::Card(_)))
    }
}

#[test]
fn a_card_lifted_and_put_back_is_a_new_tap() {
    let mut bench = Bench::new();
    assert!(bench.reads_a_card());
    assert!(!bench.reads_a_card(), "it lies there still");
    bench.nothing();
    bench.nothing();
    assert!(bench.reads_a_card(), "it was lifted");
    assert!(!bench.reads_a_card());
    // One odd answer while it is laid straight is no lifting.
    bench.nothing();
    bench.exchange.last = bench.exchange.last.map(|(card, at)| (card, at + 100));
    assert!(!bench.reads_a_card());
}

#[test]
fn of_a_card_that_was_read_nothing_is_said_until_it_is_lifted() {
    let mut bench = Bench::new();
    assert!(bench.reads_a_card());
    assert_eq!(bench.read(0x41, &[]), None);
    assert_eq!(bench.read(0x41, &[]), None);
    bench.nothing();
    assert_eq!(bench.read(0x41, &[]), Some(Happening::ReadFailed(ReadFailure::PlaceAgain)));
    assert_eq!(bench.read(0x41, &[]), None, "it was said");
}

#[test]
fn a_card_that_cannot_be_had_three_times_is_to_be_placed_again() {
    for status in [0x81, 0x47] {
        let mut bench = Bench::new();
        let told: Vec<_> = (0..3).map(|_| bench.read(status, &[])).collect();
        assert_eq!(told, [None, None, Some(Happening::ReadFailed(ReadFailure::PlaceAgain))], "{status:02X}");
    }
}

#[test]
fn a_module_that_fails_is_reset_and_then_called_broken() {
    let mut bench = Bench::new();
    let odd = Some(Happening::ReadFailed(ReadFailure::Module(0x24)));
    assert_eq!([bench.read(0x24, &[]), bench.read(0x24, &[]), bench.read(0x24, &[])], [odd, None, None]);
    assert_eq!(bench.asked(), Command::Reset);
    assert_eq!(bench.answer(0x90, &[]), None);
    assert_eq!(bench.asked(), Command::Status);
    bench.answer(0x90, &[]);
    assert_eq!(bench.asked(), Command::SamId);
    bench.answer(0x90, &[7; 16]);
    assert_eq!([bench.read(0x24, &[]), bench.read(0x24, &[])], [None, None]);
    assert_eq!(bench.read(0x24, &[]), Some(Happening::Faulty));
    // Well again, it is told as such.
    assert_eq!(bench.asked(), Command::Status);
    bench.answer(0x90, &[]);
    assert_eq!(bench.asked(), Command::SamId);
    assert!(matches!(bench.answer(0x90, &[7; 16]), Some(Happening::Up(_))));
}

#[test]
fn failures_that_are_not_in_a_row_reset_nothing() {
    let mut bench = Bench::new();
    for _ in 0..5 {
        bench.read(0x24, &[]);
        bench.nothing();
    }
    assert_eq!(bench.asked(), Command::Find);
}

#[test]
fn a_status_that_says_nothing_of_the_card_is_told_once() {
    for status in [0x21, 0x23, 0x77] {
        let mut bench = Bench::new();
        let told: Vec<_> = (0..2).map(|_| bench.read(status, &[])).collect();
        assert_eq!(told, [Some(Happening::ReadFailed(ReadFailure::Module(status))), None], "{status:02X}");
        bench.nothing();
        assert!(bench.reads_a_card());
        assert!(bench.read(status, &[]).is_some());
    }
}
