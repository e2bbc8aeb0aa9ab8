//! Which session is to be held now: by the schedule, and where that leaves a choice, by whose card is put down. Pure.

use crate::store::assignment::Offer;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Go on as it is.
    Stay,
    /// Open this offer, after closing what runs.
    Open(usize),
    /// Several may be held: the first card that is on a roster decides.
    Choose,
}

/// The session that runs, as far as this decision asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// When its last lesson ends, in milliseconds since 1970-01-01T00:00Z.
    pub last_ms: i64,
    /// Did anybody come yet?
    pub used: bool,
}

/// The offers that may be held at this site now, by index. One whose lessons are over stands back for one that is not.
pub fn due(
    offers: &[Offer],
    site: &str,
    now_ms: i64,
    before_ms: i64,
    after_ms: i64,
    was_held: impl Fn(&Offer) -> bool,
) -> Vec<usize> {
    let open = |offer: &Offer| {
        let (first, last) = offer.span();
        (first - before_ms..last + after_ms).contains(&now_ms)
    };
    let here = |(_, offer): &(usize, &Offer)| offer.plan.assignment.site == site && open(offer) && !was_held(offer);
    let all: Vec<usize> = offers.iter().enumerate().filter(here).map(|(i, _)| i).collect();
    let going: Vec<usize> = all.iter().copied().filter(|i| offers[*i].span().1 > now_ms).collect();
    if going.is_empty() { all } else { going }
}

/// What the schedule alone says.
pub fn on_tick(offers: &[Offer], due: &[usize], running: Option<Held>, now_ms: i64) -> Next {
    match running {
        // A class in the next room does not end the one here; the next one here does, once this one's lessons are over.
        Some(held) if held.last_ms <= now_ms => {
            due.iter().find(|i| offers[**i].span().0 <= now_ms).map_or(Next::Stay, |i| Next::Open(*i))
        }
        Some(_) => Next::Stay,
        None => match due {
            [] => Next::Stay,
            [only] => Next::Open(*only),
            _ => Next::Choose,
        },
    }
}

/// What a card says that is not on the running roster: `rostered` tells on which offers it is.
pub fn on_card(due: &[usize], running: Option<Held>, now_ms: i64, rostered: impl Fn(usize) -> bool) -> Next {
    let free = running.is_none_or(|held| held.last_ms <= now_ms || !held.used);
    match due.iter().find(|i| rostered(**i)) {
        Some(i) if free => Next::Open(*i),
        _ => Next::Stay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::assignment::tests::offer;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn one_class_opens_by_itself_and_two_wait_for_a_card() {
        let offers = [offer("a", "am", 10 * HOUR, 12 * HOUR), offer("b", "am", 10 * HOUR, 12 * HOUR)];
        let at = |now| due(&offers, "s1", now, HOUR, HOUR / 6, |_| false);
        assert!(at(8 * HOUR).is_empty());
        assert_eq!(on_tick(&offers, &at(9 * HOUR), None, 9 * HOUR), Next::Choose);
        assert_eq!(on_tick(&offers[..1], &[0], None, 9 * HOUR), Next::Open(0));
        assert_eq!(on_card(&at(9 * HOUR), None, 9 * HOUR, |i| i == 1), Next::Open(1));
        assert_eq!(on_card(&at(9 * HOUR), None, 9 * HOUR, |_| false), Next::Stay);
        assert!(due(&offers, "s2", 9 * HOUR, HOUR, 0, |_| false).is_empty());
        assert_eq!(due(&offers, "s1", 9 * HOUR, HOUR, 0, |o| o.plan.assignment.class == "a"), [1]);
    }

    #[test]
    fn the_next_class_takes_over_once_the_lessons_here_are_over() {
        let offers = [offer("a", "pm", 13 * HOUR, 15 * HOUR)];
        let held = |last_ms| Some(Held { last_ms, used: true });
        let due = [0];
        assert_eq!(on_tick(&offers, &due, held(12 * HOUR), 13 * HOUR), Next::Open(0));
        // Before its first lesson the one here keeps its time to check out, unless a card of the next one comes.
        assert_eq!(on_tick(&offers, &due, held(12 * HOUR), 13 * HOUR - 1), Next::Stay);
        assert_eq!(on_card(&due, held(12 * HOUR), 13 * HOUR - 1, |_| true), Next::Open(0));
        // A class in the next room, or a card of it, does not end a class that is going on.
        assert_eq!(on_tick(&offers, &due, held(14 * HOUR), 13 * HOUR), Next::Stay);
        assert_eq!(on_card(&due, held(14 * HOUR), 13 * HOUR, |_| true), Next::Stay);
        let empty = Some(Held { last_ms: 14 * HOUR, used: false });
        assert_eq!(on_card(&due, empty, 13 * HOUR, |_| true), Next::Open(0));
    }

    #[test]
    fn a_class_that_is_over_stands_back() {
        let offers = [offer("a", "am", 8 * HOUR, 10 * HOUR), offer("a", "pm", 10 * HOUR + 1_000, 12 * HOUR)];
        assert_eq!(due(&offers, "s1", 10 * HOUR, HOUR, HOUR, |_| false), [1]);
        assert_eq!(due(&offers[..1], "s1", 10 * HOUR, HOUR, HOUR, |_| false), [0]);
    }
}
