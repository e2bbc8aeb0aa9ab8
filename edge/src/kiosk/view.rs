//! What the kiosk shows, as plain data. It names people by shortened names alone.

use serde::Serialize;

use crate::checkin::Outcome;

/// Is a class held now?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// No.
    #[default]
    Idle,
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
    /// The roster, and who of it is here.
    pub seats: Vec<Seat>,
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
    /// Sessions that the bureau will not take.
    pub refused: u64,
    /// What the bureau said is wrong; empty when nothing is.
    pub trouble: String,
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
