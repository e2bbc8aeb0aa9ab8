//! What to ask next: find, select, read, each with its deadline. A plain state machine over time and answers.
//!
//! A card that lies on the reader is told once. Readers differ in what `find` answers for a card that was read and
//! still lies there; both are right here, because the same card counts as new only after it was not read for a while.

use muster_seal::merkle::{Hash, sha256};

use super::card::{Card, CardError};
use super::command::{Command, Remedy, SamId, Sw3};
use super::frame::Frame;

/// How long the same card must not have been read before it counts as put down again, in milliseconds.
pub const SAME_CARD_MS: u64 = 3_000;
/// The same, when the module said in between that there was no card: longer than a card takes to be laid straight.
pub const LIFTED_MS: u64 = 700;
/// So many failures in a row and something is done about it.
const PATIENCE: u32 = 3;
/// So many commands in a row without an answer, and the module is silent.
const SILENT_AFTER: u32 = 3;

/// How long each step may take, in milliseconds, without the time on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Between two searches for a card; reader makers advise 300 or more.
    pub poll_ms: u64,
    /// Status and module number.
    pub status_ms: u64,
    /// Find and select.
    pub find_ms: u64,
    /// Read.
    pub read_ms: u64,
    /// The line's rate, bits per second.
    pub baud: u32,
}

impl Timing {
    /// How long to wait for an answer: the step's own time and the time on the wire, ten bits a byte.
    pub fn deadline(&self, command: Command) -> u64 {
        let own = match command {
            Command::Reset | Command::Status | Command::SamId => self.status_ms,
            Command::Find | Command::Select => self.find_ms,
            _ => self.read_ms,
        };
        own + command.longest_answer() as u64 * 10_000 / u64::from(self.baud.max(1))
    }
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this.
    Send(Command),
    /// Listen until then.
    Listen(u64),
}

/// Why a read failed, for the person at the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFailure {
    /// Lift the card and put it down again.
    PlaceAgain,
    /// Not an identity card, or one that is not known.
    NotACard,
    /// The module gave a status that says nothing about the card.
    Module(u8),
}

/// What came of an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Happening {
    /// The module is well; its number, where it told it.
    Up(Option<String>),
    /// A card was put down.
    Card(Box<Card>),
    /// A card could not be read.
    ReadFailed(ReadFailure),
    /// The module says of itself that it is broken (60) or not authorised (66).
    Faulty,
    /// The module does not answer.
    Silent,
}

/// The state of one module.
#[derive(Debug)]
pub struct Exchange {
    timing: Timing,
    next: Command,
    waiting: Option<u64>,
    not_before: u64,
    resent: bool,
    unanswered: u32,
    up: bool,
    complained: bool,
    // Answers in a row that the module failed (24, unknown) and that the card was not to be had (81, 47).
    failures: u32,
    misses: u32,
    was_reset: bool,
    odd: Option<u8>,
    last: Option<(Hash, u64)>,
    // Since the last good read: was there no card in between?
    lifted: bool,
}

impl Exchange {
    /// A module of which nothing is known yet.
    pub fn new(timing: Timing) -> Self {
        Self {
            timing,
            next: Command::Status,
            waiting: None,
            not_before: 0,
            resent: false,
            unanswered: 0,
            up: false,
            complained: false,
            failures: 0,
            misses: 0,
            was_reset: false,
            odd: None,
            last: None,
            lifted: true,
        }
    }

    /// What to do at this time.
    pub fn action(&mut self, now: u64) -> Action {
        match self.waiting {
            Some(until) => Action::Listen(until),
            None if now < self.not_before => Action::Listen(self.not_before),
            None => {
                self.waiting = Some(now + self.timing.deadline(self.next));
                Action::Send(self.next)
            }
        }
    }

    /// Nothing came in time.
    pub fn timeout(&mut self, now: u64) -> Option<Happening> {
        self.waiting.filter(|until| now >= *until)?;
        self.unanswered += 1;
        let silent = self.unanswered >= SILENT_AFTER;
        let restart = if self.up && !silent { Command::Find } else { Command::Status };
        self.go(restart, now + self.timing.poll_ms);
        silent.then(|| {
            self.up = false;
            self.unanswered = 0;
            Happening::Silent
        })
    }

    /// An answer whose bytes were broken: asked for once more, then from the beginning.
    pub fn broken(&mut self, now: u64) {
        if self.waiting.is_some() {
            self.again(now);
        }
    }

    /// Takes an answer.
    pub fn answer(&mut self, frame: &Frame, now: u64) -> Option<Happening> {
        let sw3 = Sw3::from(frame.sw3());
        // An answer that nobody asked for, or that was late for another question.
        if self.waiting.is_none() || !self.next.can_be_answered_by(sw3, frame.data().len()) {
            return None;
        }
        self.unanswered = 0;
        match (self.next, sw3) {
            (Command::Reset, Sw3::Success) => self.go(Command::Status, now + self.timing.poll_ms),
            (Command::Status, Sw3::Success) => self.go(Command::SamId, now),
            (Command::SamId, _) => {
                let id = SamId::from_answer(frame.data()).map(|id| id.hex());
                self.go(Command::Find, now);
                if !std::mem::replace(&mut self.up, true) {
                    return Some(Happening::Up(id));
                }
            }
            (Command::Find, Sw3::CardFound) => self.go(Command::Select, now),
            (Command::Select, Sw3::Success) => self.go(Command::Read, now),
            (Command::Read, Sw3::Success) => return self.card(frame.data(), now),
            (_, status) => return self.failed(status, now),
        }
        None
    }

    fn card(&mut self, data: &[u8], now: u64) -> Option<Happening> {
        self.go(Command::Find, now + self.timing.poll_ms);
        match Card::from_answer(data) {
            Ok(card) => {
                (self.complained, self.odd) = (false, None);
                self.well();
                let identity = sha256(card.number().as_bytes());
                let before = self.last.replace((identity, now));
                let lifted = std::mem::replace(&mut self.lifted, false);
                let again = if lifted { LIFTED_MS } else { SAME_CARD_MS };
                let same = before.is_some_and(|(was, at)| was == identity && now < at + again);
                (!same).then(|| Happening::Card(Box::new(card)))
            }
            Err(CardError::Lengths) => self.complain(ReadFailure::PlaceAgain),
            Err(_) => self.complain(ReadFailure::NotACard),
        }
    }

    /// The module did what it was asked.
    fn well(&mut self) {
        (self.failures, self.misses, self.was_reset) = (0, 0, false);
    }

    fn failed(&mut self, status: Sw3, now: u64) -> Option<Happening> {
        let poll = now + self.timing.poll_ms;
        if status.remedy() == Remedy::ResendOnce {
            self.again(now);
            return None;
        }
        self.go(Command::Find, poll);
        match status.remedy() {
            Remedy::Idle => {
                self.complained = false;
                self.lifted = true;
                self.well();
            }
            // Of a card that was read and still lies there some modules say that it cannot be read.
            Remedy::LiftAndPlace if status == Sw3::ReadFailed && !self.lifted => {}
            Remedy::LiftAndPlace => return self.complain(ReadFailure::PlaceAgain),
            Remedy::NotACard => return self.complain(ReadFailure::NotACard),
            Remedy::DeviceFault => return self.faulty(now),
            Remedy::RetryFromFind => {
                self.misses += 1;
                if self.misses >= PATIENCE {
                    self.misses = 0;
                    return self.complain(ReadFailure::PlaceAgain);
                }
            }
            Remedy::RetryThenReset => {
                self.failures += 1;
                if self.failures >= PATIENCE {
                    self.failures = 0;
                    if std::mem::replace(&mut self.was_reset, true) {
                        return self.faulty(now);
                    }
                    self.go(Command::Reset, poll);
                }
                return self.odd(status);
            }
            Remedy::DoNotRetry => return self.odd(status),
            Remedy::Proceed | Remedy::ResendOnce => {}
        }
        None
    }

    /// The module is broken: asked from time to time whether it still is.
    fn faulty(&mut self, now: u64) -> Option<Happening> {
        self.up = false;
        self.well();
        self.go(Command::Status, now + 10 * self.timing.poll_ms);
        Some(Happening::Faulty)
    }

    /// Says a status that tells nothing of the card, once until a card is read.
    fn odd(&mut self, status: Sw3) -> Option<Happening> {
        let code = status.code();
        (self.odd.replace(code) != Some(code)).then_some(Happening::ReadFailed(ReadFailure::Module(code)))
    }

    /// Says once for each card that it could not be read.
    fn complain(&mut self, why: ReadFailure) -> Option<Happening> {
        (!std::mem::replace(&mut self.complained, true)).then_some(Happening::ReadFailed(why))
    }

    fn again(&mut self, now: u64) {
        if std::mem::replace(&mut self.resent, true) {
            self.go(if self.up { Command::Find } else { Command::Status }, now + self.timing.poll_ms);
        } else {
            self.waiting = None;
            self.not_before = now;
        }
    }

    fn go(&mut self, next: Command, not_before: u64) {
        self.next = next;
        self.waiting = None;
        self.not_before = not_before;
        self.resent = false;
    }
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
