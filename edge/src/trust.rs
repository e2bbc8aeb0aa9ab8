//! May the wall clock be believed? It is compared with what the bureau said in this boot, with the session's own first
//! record of this boot, and with times that cannot be in the future. Pure.

/// How far the wall clock may be off before it is called wrong, in milliseconds.
pub const TOLERANCE_MS: i64 = 5 * 60 * 1000;
/// A clock that is off by more than this opens no session: its times would be worth nothing.
const OPEN_TOLERANCE_MS: i64 = 60 * 60 * 1000;

/// When this program was built, in milliseconds since 1970-01-01T00:00Z.
pub fn built_ms() -> i64 {
    env!("MUSTER_BUILD_S").parse::<i64>().unwrap_or(0) * 1000
}

/// What is known of the time without the wall clock. Offsets are wall minus boot time, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known {
    /// By the bureau's `Date`, in this boot.
    pub bureau: Option<i64>,
    /// By the running session's first record of this boot.
    pub record: Option<i64>,
    /// The latest of what was certainly before now: the build, the bureau's `Date` in an earlier boot, the last record.
    pub floor_ms: i64,
}

/// The time, as well as it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The best guess; `None` when the wall clock is wrong and there is nothing else.
    pub best_ms: Option<i64>,
    /// How far the wall clock is off, where it is wrong: positive when it is ahead.
    pub wrong_ms: Option<i64>,
}

impl Now {
    /// May a session be opened by this clock?
    pub fn may_open(&self) -> bool {
        self.best_ms.is_some() && self.wrong_ms.is_none_or(|by| by.abs() <= OPEN_TOLERANCE_MS)
    }
}

/// Judges the wall clock.
pub fn judge(wall_ms: i64, up_ms: u64, known: Known) -> Now {
    // A record that was made when the clock had lost the time says nothing of it.
    let record = known.record.filter(|offset| up_ms as i64 + offset >= known.floor_ms - TOLERANCE_MS);
    if let Some(offset) = known.bureau.or(record) {
        let best = up_ms as i64 + offset;
        let by = wall_ms - best;
        return match by.abs() > TOLERANCE_MS {
            true => Now { best_ms: Some(best), wrong_ms: Some(by) },
            false => Now { best_ms: Some(wall_ms), wrong_ms: None },
        };
    }
    match wall_ms - known.floor_ms {
        by if by < -TOLERANCE_MS => Now { best_ms: None, wrong_ms: Some(by) },
        _ => Now { best_ms: Some(wall_ms), wrong_ms: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const NOW: i64 = 1_800_000_000_000;

    #[test]
    fn a_clock_in_1970_is_wrong_and_opens_nothing() {
        let known = Known { floor_ms: built_ms(), ..Known::default() };
        let now = judge(60_000, 60_000, known);
        assert_eq!((now.best_ms, now.may_open()), (None, false));
        assert!(now.wrong_ms.unwrap() < -TOLERANCE_MS);
        assert!(judge(built_ms() + HOUR, 60_000, known).may_open());
        // Nor is it right because the session went on after a restart with that clock.
        assert_eq!(judge(60_000, 60_000, Known { record: Some(0), ..known }), now);
    }

    #[test]
    fn a_step_within_a_session_does_not_move_its_time() {
        let known = Known { record: Some(NOW - 1_000), ..Known::default() };
        let now = judge(NOW + 24 * HOUR, 61_000, known);
        assert_eq!((now.best_ms, now.wrong_ms), (Some(NOW + 60_000), Some(24 * HOUR - 60_000)));
        // The bureau knows better than the record: the step was a correction.
        let known = Known { bureau: Some(NOW + 24 * HOUR - 61_000), ..known };
        assert_eq!(judge(NOW + 24 * HOUR, 61_000, known), Now { best_ms: Some(NOW + 24 * HOUR), wrong_ms: None });
    }

    #[test]
    fn what_the_bureau_says_now_outweighs_what_was_believed_before() {
        let known = Known { bureau: Some(NOW), record: None, floor_ms: NOW + 900 * HOUR };
        assert_eq!(judge(NOW + 1_000, 1_000, known).wrong_ms, None);
        let off = |by: i64| judge(NOW + by, 0, known);
        assert!(off(TOLERANCE_MS).wrong_ms.is_none() && off(-TOLERANCE_MS - 1).wrong_ms.is_some());
        assert!(off(HOUR).may_open() && !off(8 * HOUR).may_open());
    }
}
