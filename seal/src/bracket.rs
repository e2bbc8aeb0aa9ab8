//! When a session was held, as far as others vouch for it: after the beacon in its first record, and before the first
//! checkpoint of the central log that covers its seal. A bracket, not a stamp: the site's own clock is not in it.

use thiserror::Error;

use crate::policy::Witnessed;

/// A bracket. Times are seconds since 1970 by the witnesses' clocks; `None` where no witness vouches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bracket {
    /// Not before this: the earliest cosignature on the beacon.
    pub after_s: Option<u64>,
    /// Not after this: when the quorum stood for the checkpoint that covers the seal.
    pub before_s: Option<u64>,
    /// The size of the central log that the beacon names; 0 without one.
    pub after_size: u64,
    /// The size of the covering checkpoint.
    pub before_size: u64,
}

/// Cosignatures that cannot be in this order.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BracketError {
    /// A witness dates the covering checkpoint before the beacon that is inside it.
    #[error(
        "the cosignature by {witness} over the covering checkpoint is older than its cosignature over the beacon \
             ({covering} < {beacon}, seconds since 1970)"
    )]
    Backwards {
        /// Which witness, as the policy names it.
        witness: String,
        /// Its time on the beacon.
        beacon: u64,
        /// Its time on the covering checkpoint.
        covering: u64,
    },
    /// No order of events fits the times.
    #[error("the covering checkpoint is older than the beacon ({before} < {after}, seconds since 1970)")]
    Empty {
        /// Not before this.
        after: u64,
        /// Not after this.
        before: u64,
    },
}

impl Bracket {
    /// The bracket between a beacon, where there is one, and the covering checkpoint. That the one is a prefix of the other
    /// the caller has verified.
    ///
    /// # Errors
    /// [`BracketError`].
    pub fn between(beacon: Option<&Witnessed>, covering: &Witnessed) -> Result<Self, BracketError> {
        let on_beacon = beacon.map_or(&[][..], |b| &b.cosignatures);
        for (name, time) in on_beacon {
            if let Some((_, later)) = covering.cosignatures.iter().find(|(other, _)| other == name)
                && later < time
            {
                return Err(BracketError::Backwards { witness: name.to_string(), beacon: *time, covering: *later });
            }
        }
        let after_s = on_beacon.iter().map(|(_, time)| *time).min();
        let before_s = covering.quorum_at;
        if let (Some(after), Some(before)) = (after_s, before_s)
            && before < after
        {
            return Err(BracketError::Empty { after, before });
        }
        let after_size = beacon.map_or(0, |b| b.checkpoint.size);
        Ok(Self { after_s, before_s, after_size, before_size: covering.checkpoint.size })
    }

    /// How wide it is, in seconds; `None` where one of its ends is open.
    pub fn width_s(&self) -> Option<u64> {
        self.after_s.zip(self.before_s).map(|(after, before)| before.saturating_sub(after))
    }

    /// Is it wider than a limit in seconds, or open at an end?
    pub fn is_wide(&self, limit_s: u64) -> bool {
        self.width_s().is_none_or(|width| width > limit_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Checkpoint;

    fn witnessed(size: u64, cosignatures: &[(&str, u64)], quorum_at: Option<u64>) -> Witnessed {
        let cosignatures = cosignatures.iter().map(|(name, time)| ((*name).into(), *time)).collect();
        let checkpoint = Checkpoint { origin: "muster.example/log".into(), size, root: [0; 32] };
        Witnessed { checkpoint, cosignatures, quorum_at }
    }

    #[test]
    fn a_bracket_runs_from_the_earliest_word_on_the_beacon_to_the_quorum_over_the_seal() {
        let beacon = witnessed(4, &[("audit", 100), ("finance", 90)], Some(100));
        let covering = witnessed(9, &[("audit", 160), ("finance", 150)], Some(160));
        let bracket = Bracket::between(Some(&beacon), &covering).unwrap();
        let want = Bracket { after_s: Some(90), before_s: Some(160), after_size: 4, before_size: 9 };
        assert_eq!((bracket, bracket.width_s()), (want, Some(70)));
        assert!(!bracket.is_wide(70) && bracket.is_wide(69));
        let open = Bracket::between(None, &covering).unwrap();
        assert!(open.after_s.is_none() && open.is_wide(u64::MAX));
    }

    #[test]
    fn times_that_run_backwards_are_no_bracket() {
        let beacon = witnessed(4, &[("audit", 100)], Some(100));
        let covering = witnessed(9, &[("audit", 99)], Some(99));
        let wrong = Bracket::between(Some(&beacon), &covering).unwrap_err();
        assert_eq!(wrong, BracketError::Backwards { witness: "audit".into(), beacon: 100, covering: 99 });
        let other = witnessed(9, &[("finance", 99)], Some(99));
        let wrong = Bracket::between(Some(&beacon), &other).unwrap_err();
        assert_eq!(wrong, BracketError::Empty { after: 100, before: 99 });
    }
}
