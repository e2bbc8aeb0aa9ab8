//! What holds of the daily cap, whoever asks in whatever order: the server over all classes, an auditor over the bundles at hand.

use std::collections::BTreeMap;

use muster_hours::cap::{Hour, above_cap};
use muster_hours::count::Cell;
use proptest::prelude::*;
use proptest::sample::select;

use crate::days::{attested, day};

/// A person's hour, as owned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Own {
    person: &'static str,
    day: i64,
    start: i64,
    lesson: &'static str,
    cap: u32,
}

impl Own {
    fn hour(&self) -> Hour<'_> {
        Hour { person: self.person, day: self.day, start: self.start, lesson: self.lesson, cap: self.cap }
    }
}

fn own() -> impl Strategy<Value = Own> {
    let lesson = select(&["1", "2", "3", "4"][..]);
    (select(&["p", "q"][..]), 0..2i64, 0..5i64, lesson, 0..4u32).prop_map(|(person, day, start, lesson, cap)| Own {
        person,
        day,
        start: day * 100 + start,
        lesson,
        cap,
    })
}

fn above(hours: &[Own]) -> Vec<bool> {
    above_cap(&hours.iter().map(Own::hour).collect::<Vec<_>>())
}

/// Hours with what became of them, in an order of their own.
fn fates(hours: &[Own]) -> Vec<(Own, bool)> {
    let mut fates: Vec<(Own, bool)> = hours.iter().cloned().zip(above(hours)).collect();
    fates.sort();
    fates
}

/// A person's day.
type Of<'a> = (&'a str, i64);

/// A lesson: its start, its name, and the cap that it is under.
type Under<'a> = (i64, &'a str, u32);

/// The lessons of a person's day that count.
fn counting(hours: &[Own]) -> BTreeMap<Of<'_>, Vec<Under<'_>>> {
    let mut days: BTreeMap<Of<'_>, Vec<Under<'_>>> = BTreeMap::new();
    for (hour, _) in fates(hours).into_iter().filter(|(_, above)| !above) {
        days.entry((hour.person, hour.day)).or_default().push((hour.start, hour.lesson, hour.cap));
    }
    days
}

/// A counted session: its name, its cells and its policy's cap.
type Session<'a> = (usize, &'a [Cell], u32);

/// Holds the cap over sessions in the order they are given in: each cell, and is it above?
fn held(sessions: &[Session<'_>]) -> BTreeMap<(usize, String, String), (Cell, bool)> {
    let mut cells: Vec<(usize, Cell, u32)> = Vec::new();
    for (name, of_session, cap) in sessions {
        cells.extend(of_session.iter().map(|cell| (*name, cell.clone(), *cap)));
    }
    let hour = |(_, c, cap): &'_ (usize, Cell, u32)| (c.trainee.clone(), c.start, c.lesson.clone(), *cap);
    let hours: Vec<_> = cells.iter().filter(|(_, c, _)| attested(c)).map(hour).collect();
    let hours: Vec<Hour<'_>> = hours
        .iter()
        .map(|(person, start, lesson, cap)| Hour { person, day: 0, start: *start, lesson, cap: *cap })
        .collect();
    let mut above = above_cap(&hours).into_iter();
    let fate = |(name, cell, _): (usize, Cell, u32)| {
        let above = attested(&cell) && above.next().unwrap_or(false);
        ((name, cell.trainee.clone(), cell.lesson.clone()), (cell, above))
    };
    cells.into_iter().map(fate).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_hours_changes_nothing(hours in prop::collection::vec(own(), 0..16).prop_shuffle(), turn in 0..16usize) {
        let mut other = hours.clone();
        other.rotate_left(turn % hours.len().max(1));
        prop_assert_eq!(fates(&hours), fates(&other));
        other.reverse();
        prop_assert_eq!(fates(&hours), fates(&other));
    }

    #[test]
    fn no_day_has_more_than_its_cap(hours in prop::collection::vec(own(), 0..16)) {
        for (day, lessons) in counting(&hours) {
            // Where policies differ each hour is under its own: it found fewer than that before it.
            let most = lessons.iter().map(|(_, _, cap)| *cap).max().unwrap_or(0);
            prop_assert!(lessons.len() <= most as usize, "{day:?} {lessons:?}");
        }
        // And none is cut that would fit: of one cap so many count as there are, or as it lets.
        let one: Vec<Own> = hours.iter().map(|hour| Own { cap: 2, ..hour.clone() }).collect();
        let mut days: BTreeMap<Of<'_>, Vec<(i64, &str)>> = BTreeMap::new();
        for hour in &one {
            days.entry((hour.person, hour.day)).or_default().push((hour.start, hour.lesson));
        }
        for (day, mut lessons) in days {
            lessons.sort_unstable();
            let first: Vec<_> = lessons.into_iter().take(2).collect();
            let counts = counting(&one).remove(&day).unwrap_or_default();
            prop_assert_eq!(counts.into_iter().map(|(start, lesson, _)| (start, lesson)).collect::<Vec<_>>(), first);
        }
    }

    #[test]
    fn another_person_or_day_changes_nothing(hours in prop::collection::vec(own(), 0..16)) {
        let of = |person: &str, day: i64| -> Vec<Own> {
            hours.iter().filter(|h| h.person == person && h.day == day).cloned().collect()
        };
        let alone: Vec<_> = ["p", "q"].iter().flat_map(|p| [0, 1].map(|day| of(p, day))).flat_map(|h| fates(&h)).collect();
        let mut alone = alone;
        alone.sort();
        prop_assert_eq!(alone, fates(&hours));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_in_which_logs_arrive_changes_nothing(days in [day(), day(), day()]) {
        // Each of its own lessons: no two logs have one.
        let mut n = 0;
        let counted = days.map(|day| {
            let mut cells = day.count().counted.cells;
            n += 1;
            cells.iter_mut().for_each(|cell| cell.lesson = format!("{n}.{}", cell.lesson));
            (cells, day.policy.daily_cap)
        });
        let session = |n: usize| (n, &counted[n].0[..], counted[n].1);
        let once = held(&[0, 1, 2].map(session));
        for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            prop_assert_eq!(&held(&order.map(session)), &once);
        }
    }
}
