//! What the kiosk shows, as plain data. It names people by shortened names alone.

use std::time::Instant;

use serde::Serialize;

use crate::checkin::outcome::Outcome;

/// Is a class held now?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// No.
    #[default]
    Idle,
    /// Several may be: the first card decides.
    Choosing,
    /// Yes.
    Running,
}

/// The page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct View {
    /// Is a class held now?
    pub phase: Phase,
    /// Is the device enrolled?
    pub enrolled: bool,
    /// The class's name.
    pub title: String,
    /// The class.
    pub class: String,
    /// The session.
    pub session: String,
    /// The device's session counter.
    pub counter: u64,
    /// Is an instructor in?
    pub taught: bool,
    /// The assurance that a check-in needs.
    pub needed: u64,
    /// Starts and ends of the lessons, ms since 1970-01-01T00:00Z.
    pub lessons: Vec<(i64, i64)>,
    /// What the instructor is asked for: `declined`, `close`, `manual`, `entry`; empty when for nothing.
    pub asking: &'static str,
    /// The roster, and who of it is here.
    pub seats: Vec<Seat>,
    /// The class that comes next.
    pub next: Option<Coming>,
    /// The last thing that happened.
    pub last: Option<Last>,
    /// Readers and camera.
    pub hardware: Vec<Hardware>,
    /// What the camera can tell: `card`, `presence`, `identity`.
    pub assurance: String,
    /// Does the bureau answer? `None` before the first try.
    pub online: Option<bool>,
    /// Records that the bureau has not witnessed.
    pub unsent: u64,
    /// What the bureau says against the oldest thing it does not take; empty when it takes all.
    pub refused: String,
    /// What the bureau said is wrong; empty when nothing is.
    pub trouble: String,
    /// Sessions that the bureau planned and that cannot be used.
    pub dropped: u64,
    /// Why nothing may be recorded here any more: `behind`, `copy`, `fork`; empty when it may.
    pub stale: String,
    /// Is the wall clock wrong?
    pub clock_wrong: bool,
}

impl View {
    /// As it is sent now: the last thing that happened with its age.
    pub fn aged(mut self) -> Self {
        if let Some(last) = &mut self.last {
            last.age_ms = last.at.elapsed().as_millis() as u64;
        }
        self
    }
}

/// A trainee on the roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seat {
    /// Opaque id.
    pub id: String,
    /// Shortened name.
    pub shown: String,
    /// Assurance of the check-in; `None` when not here.
    pub level: Option<u64>,
    /// Declined the face: card and instructor are enough.
    pub declined: bool,
}

/// A class that comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coming {
    /// Its name.
    pub title: String,
    /// When its first lesson starts, ms since 1970-01-01T00:00Z.
    pub at_ms: i64,
}

/// The last thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Last {
    /// Counts up with each.
    pub n: u64,
    /// What.
    pub outcome: Outcome,
    /// To whom, by shortened name; empty when that is not known.
    pub shown: String,
    /// What else is to be said: `expired`; empty when nothing is.
    pub also: &'static str,
    /// How long ago, when it was sent: a page that is loaded later must not show it as new.
    pub age_ms: u64,
    /// When.
    #[serde(skip)]
    pub at: Instant,
}

/// A reader or the camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hardware {
    /// `reader` or `camera`.
    pub part: &'static str,
    /// Its name.
    pub name: String,
    /// Why it is down; empty when it works.
    pub down: String,
}
