//! What waits for the instructor's card: for a while, and then no longer. Pure; time is milliseconds of boot time.

use muster_seal::record::Way;

/// How long the kiosk waits for the instructor.
pub const WAIT_MS: u64 = 30_000;
/// How long an instructor has to choose whom to enter by hand.
pub const ENTRY_MS: u64 = 60_000;
/// A card that comes so soon after the wait was over was meant for it, and is not the instructor's own coming or going.
const LATE_MS: u64 = 5_000;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// To attest a trainee who declines the face.
    Declined {
        /// Who.
        trainee: String,
        /// Shortened name.
        shown: String,
        /// In or out.
        way: Way,
    },
    /// To end the session before its time.
    Close,
    /// To enter somebody by hand.
    Manual,
    /// The card came: whom, and why?
    Entry {
        /// Which instructor.
        by: String,
    },
}

impl Ask {
    /// As the page knows it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Declined { .. } => "declined",
            Self::Close => "close",
            Self::Manual => "manual",
            Self::Entry { .. } => "entry",
        }
    }
}

/// What an instructor's card is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// For what was asked.
    To(Ask),
    /// For what was asked until a moment ago.
    TooLate,
    /// The instructor's own coming or going.
    Own,
}

/// Asks one thing at a time.
#[derive(Debug, Clone, Default)]
pub struct Desk {
    asking: Option<(Ask, u64)>,
    expired: Option<u64>,
}

impl Desk {
    /// Asks; what was asked before is dropped.
    pub fn ask(&mut self, what: Ask, up_ms: u64) {
        let wait = if matches!(what, Ask::Entry { .. }) { ENTRY_MS } else { WAIT_MS };
        (self.asking, self.expired) = (Some((what, up_ms + wait)), None);
    }

    /// What is asked now.
    pub fn asking(&self) -> Option<&Ask> {
        self.asking.as_ref().map(|(ask, _)| ask)
    }

    /// Lets what waited too long go; says whether that happened now.
    pub fn tick(&mut self, up_ms: u64) -> bool {
        match &self.asking {
            Some((ask, until)) if up_ms >= *until => {
                // Choosing from a list needs no card, so no card can come late for it.
                self.expired = (!matches!(ask, Ask::Entry { .. })).then_some(*until);
                self.asking = None;
                true
            }
            _ => false,
        }
    }

    /// An instructor's card came.
    pub fn card(&mut self, up_ms: u64) -> Answer {
        self.tick(up_ms);
        if self.expired.take().is_some_and(|at| up_ms < at + LATE_MS) {
            return Answer::TooLate;
        }
        match self.asking.take() {
            None | Some((Ask::Entry { .. }, _)) => Answer::Own,
            Some((ask, _)) => Answer::To(ask),
        }
    }

    /// Somebody was chosen to be entered by hand: who vouches, once for each card.
    pub fn entry(&mut self, up_ms: u64) -> Option<String> {
        self.tick(up_ms);
        match self.asking.take() {
            Some((Ask::Entry { by }, _)) => Some(by),
            other => {
                self.asking = other;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_answered_in_time_or_not_at_all() {
        let mut desk = Desk::default();
        assert_eq!(desk.card(0), Answer::Own);
        desk.ask(Ask::Close, 1_000);
        assert!(!desk.tick(1_000 + WAIT_MS - 1));
        assert_eq!(desk.card(1_000 + WAIT_MS - 1), Answer::To(Ask::Close));
        assert_eq!(desk.card(40_000), Answer::Own);

        desk.ask(Ask::Close, 50_000);
        assert!(desk.tick(50_000 + WAIT_MS) && desk.asking().is_none());
        assert_eq!(desk.card(50_000 + WAIT_MS + LATE_MS - 1), Answer::TooLate);
        assert_eq!(desk.card(50_000 + WAIT_MS + LATE_MS), Answer::Own);
        desk.ask(Ask::Close, 100_000);
        assert_eq!(desk.card(100_000 + WAIT_MS + LATE_MS), Answer::Own, "nobody waits for this one any more");
    }

    #[test]
    fn each_entry_by_hand_has_a_card_of_its_own() {
        let mut desk = Desk::default();
        desk.ask(Ask::Manual, 0);
        assert_eq!(desk.entry(1), None);
        assert_eq!(desk.card(2), Answer::To(Ask::Manual));
        desk.ask(Ask::Entry { by: "i1".into() }, 3);
        assert_eq!(desk.entry(4), Some("i1".into()));
        assert_eq!(desk.entry(5), None);
        desk.ask(Ask::Entry { by: "i1".into() }, 10);
        assert_eq!(desk.entry(10 + ENTRY_MS), None);
        assert_eq!(desk.card(10 + ENTRY_MS + 1), Answer::Own);
    }
}
