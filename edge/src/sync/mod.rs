//! The way up: reads the store, never the session's memory. Resumable, idempotent, patient.
//!
//! One round brings each unsent session and contact as far as it goes, in the order of their counters: bytes from the
//! offset that the bureau holds, growing seals for it to witness, and for the final seal the receipt, which is verified
//! before it is kept. Then it asks what may be held. What is refused stays first in the row and is tried again.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use muster_wire::problem::{Kind, Problem};
use thiserror::Error;

use crate::identity::Identity;
use crate::store::{Store, StoreError};

pub mod client;
pub mod push;

pub use client::Client;
pub use push::Patience;

/// Why a round ended early.
#[derive(Debug, Error)]
pub enum SyncError {
    /// No answer: offline, or the bureau is down. Not worth a word each time.
    #[error("the bureau does not answer: {0}")]
    Offline(String),
    /// It answers, and cannot now.
    #[error("the bureau cannot now: {detail}")]
    Unavailable {
        /// What it says.
        detail: String,
        /// Is what was sent on its disk all the same?
        kept: bool,
    },
    /// The bureau refused.
    #[error("{} {}: {}", .0.title, .0.title_en, .0.detail)]
    Refused(Box<Problem>),
    /// An answer that is none of this protocol's.
    #[error("the bureau's answer cannot be understood: {0}")]
    Answer(String),
    /// A receipt that does not verify under the key that was enrolled, or is for something else.
    #[error("the bureau's receipt for session {0} does not hold")]
    Receipt(u64),
    /// What the bureau witnessed is not what this disk holds.
    #[error("session {0} is not the log that the bureau witnessed: it is forked")]
    Fork(u64),
    /// The bureau witnessed more than this disk holds.
    #[error("the bureau has seen what this disk has not: it is an old copy")]
    Copy,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SyncError {
    /// What to write beside the session, and whether a person must mend it; `None` when it is not about the session.
    fn refusal(&self) -> Option<(String, bool)> {
        match self {
            Self::Refused(problem) => Some((self.to_string(), problem.kind.is_final())),
            Self::Receipt(_) => Some((self.to_string(), false)),
            Self::Fork(_) | Self::Copy => Some((self.to_string(), true)),
            Self::Offline(_) | Self::Unavailable { .. } | Self::Answer(_) | Self::Store(_) => None,
        }
    }

    fn is_fork(&self) -> bool {
        matches!(self, Self::Fork(_)) || matches!(self, Self::Refused(p) if p.kind == Kind::Fork)
    }
}

/// What the sync thread tells the agent after each round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Did the bureau answer?
    pub online: bool,
    /// What is wrong, for a person; empty when nothing is.
    pub trouble: String,
    /// The bureau's time minus boot time, in milliseconds, by its newest answer in this boot.
    pub offset_ms: Option<i64>,
    /// Sessions that the bureau planned and that cannot be used.
    pub dropped: usize,
}

/// How often, and how patiently.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two rounds, when all is well.
    pub every: Duration,
    /// The longest pause when the bureau does not answer.
    pub longest: Duration,
    /// The longest pause before something refused is tried again.
    pub retry_longest: Duration,
}

/// Runs rounds until the other end of `wake` is gone. `wake` makes the next round start at once, unless the bureau does
/// not answer: a storm of taps must not become a storm of calls.
pub fn run(client: &Client, me: &Identity, mut store: Store, pace: Pace, wake: &Receiver<()>, report: &Sender<Report>) {
    let shortest = Duration::from_secs(1).min(pace.longest);
    let mut pause = shortest;
    let mut patience = Patience::new(pace.every, pace.retry_longest);
    let mut dropped = 0;
    loop {
        let (online, trouble) = match client.round(me, &mut store, &mut patience) {
            Ok(taken) => {
                dropped = taken.dropped;
                (true, String::new())
            }
            Err(SyncError::Offline(_)) => (false, String::new()),
            Err(e) => (true, e.to_string()),
        };
        let good = online && trouble.is_empty();
        let wait = if good { pace.every } else { jitter(pause) };
        pause = if good { shortest } else { (pause * 2).min(pace.longest) };
        if report.send(Report { online, trouble, offset_ms: client.offset_ms(), dropped }).is_err() {
            return;
        }
        if !rest(wake, wait, good) {
            return;
        }
    }
}

/// Waits so long, or until woken where that is allowed; `false` when nobody is there any more.
fn rest(wake: &Receiver<()>, wait: Duration, may_wake: bool) -> bool {
    let until = Instant::now() + wait;
    loop {
        match wake.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => return true,
            Ok(()) if may_wake => {
                while wake.try_recv().is_ok() {}
                return true;
            }
            Ok(()) => {}
        }
    }
}

/// Between half and the whole of a pause, so that a hundred sites do not come back in one second.
fn jitter(pause: Duration) -> Duration {
    use ring::rand::{SecureRandom, SystemRandom};
    let mut byte = [128];
    let _ = SystemRandom::new().fill(&mut byte);
    pause / 2 + pause * u32::from(byte[0]) / 512
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn a_wake_ends_a_rest_only_where_the_bureau_answers() {
        let (out, wake) = channel();
        out.send(()).unwrap();
        // Far longer than a test may last: it ends because it was woken.
        assert!(rest(&wake, Duration::from_secs(3600), true));
        out.send(()).unwrap();
        // It took both and did not end at the first.
        out.send(()).unwrap();
        assert!(rest(&wake, Duration::from_millis(300), false));
        assert!(wake.try_recv().is_err(), "a wake made the pause shorter");
        drop(out);
        assert!(!rest(&wake, Duration::from_secs(3600), false));
    }
}
