//! What holds of any day that a site has, clocks, cuts and all; the laws of `laws.rs` are about what may come in any order.
//!
//! Who takes a record away takes a fact away, and can gain by it in two ways only: a *break* that is gone joins the stretches on its
//! two sides, and a record that dates others (a clock put right, the last one before a boot whose clock is slow) moves them.
//! Both are named here: the first has its own law, the second is what [`Day::only`] leaves out.

use std::collections::BTreeMap;

use muster_hours::count::{Cell, Reason, Shape};
use muster_seal::record::{Body, Record, Way};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::days::{Counting, WHO, attested, day, is_break, whose};
use crate::log::Act;

/// What a cell is worth, whatever records say so.
fn worth(c: &Cell) -> (Shape, Option<Reason>, i64, u8, bool) {
    (c.shape, c.reason, c.covered_ms, c.level, c.manual)
}

fn worths(all: &Counting) -> Vec<(Shape, Option<Reason>, i64, u8, bool)> {
    all.counted.cells.iter().map(worth).collect()
}

/// Holds that no cell is worth more in `less` than in `more`.
fn never_more(less: &Counting, more: &Counting) -> Result<(), TestCaseError> {
    prop_assert_eq!(less.counted.cells.len(), more.counted.cells.len());
    for (a, b) in less.counted.cells.iter().zip(&more.counted.cells) {
        prop_assert!(a.covered_ms <= b.covered_ms, "{a:?}\n{b:?}");
        prop_assert!(!attested(a) || attested(b), "{a:?}\n{b:?}");
    }
    Ok(())
}

/// Is this a verification of the trainee, of that level or by hand?
fn verifies(record: &Record, trainee: &str, level: u8) -> bool {
    match &record.body {
        Body::Present(p) => p.trainee == trainee && p.level >= u64::from(level),
        Body::Manual(m) => m.trainee == trainee,
        _ => false,
    }
}

/// The cells of one trainee.
fn of<'a>(all: &'a Counting, who: &'a str) -> impl Iterator<Item = &'a Cell> {
    all.counted.cells.iter().filter(move |c| c.trainee == who)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_counts_and_what_does_not_are_the_plan_and_nobody_has_more_than_it(day in day()) {
        let all = day.count();
        let mut by_reason = BTreeMap::<Option<Reason>, usize>::new();
        for cell in &all.counted.cells {
            *by_reason.entry(cell.reason).or_default() += 1;
        }
        prop_assert_eq!(by_reason.values().sum::<usize>(), WHO.len() * day.lessons.len());
        let hours = all.counted.hours();
        prop_assert_eq!(hours.values().sum::<u32>() as usize, by_reason.get(&None).copied().unwrap_or(0));
        prop_assert!(hours.values().all(|n| *n as usize <= day.lessons.len()));
        for cell in &all.counted.cells {
            prop_assert!((0..=cell.end - cell.start).contains(&cell.covered_ms), "{cell:?}");
            // A policy that takes no entry by hand is never told of one that attests.
            prop_assert!(!attested(cell) || day.policy.manual || !cell.manual && cell.level >= day.policy.level);
        }
    }

    #[test]
    fn whatever_a_cell_says_the_records_it_names_show_it(day in day()) {
        let all = day.count();
        let records = all.log.records();
        for cell in &all.counted.cells {
            let Some((from, to)) = cell.seqs else {
                prop_assert_eq!(cell.shape, Shape::Blank);
                continue;
            };
            prop_assert!(from <= to && to < records.len() as u64, "{cell:?}");
            let (first, last) = (&records[from as usize], &records[to as usize]);
            let (begun, ended) = (all.counted.times[from as usize], all.counted.times[to as usize]);
            let level = if attested(cell) { day.policy.level } else { 1 };
            match cell.reason {
                None | Some(Reason::LowAssurance) => {
                    for record in [first, last] {
                        prop_assert!(verifies(record, &cell.trainee, level), "{cell:?}\n{record:?}");
                    }
                    prop_assert!(begun < cell.end && ended > cell.start, "{cell:?}");
                }
                Some(Reason::TooShort) => {
                    for record in [first, last] {
                        prop_assert!(verifies(record, &cell.trainee, 1), "{cell:?}\n{record:?}");
                    }
                }
                Some(Reason::MissedSpot) => {
                    prop_assert_eq!(from, to);
                    let is_call = matches!(&first.body, Body::Spot(s) if s.phase == "missed" && s.trainee == cell.trainee);
                    prop_assert!(is_call, "{cell:?}\n{first:?}");
                }
                Some(Reason::Unproven) => {
                    prop_assert_eq!(from, to);
                    let outage = all.counted.outages.iter().find(|o| o.seq == from);
                    let Some(outage) = outage else { return Err(TestCaseError::fail(format!("{cell:?}"))) };
                    prop_assert!(outage.part != "network", "{outage:?}");
                    // It lies in the lesson; or, of a camera, in a stay that does.
                    let touches = |from, to| outage.from <= to && outage.to >= from;
                    let there = |i: &muster_hours::presence::Interval| {
                        i.trainee == cell.trainee && i.from < cell.end && i.to > cell.start && touches(i.from, i.to)
                    };
                    let at_stay = outage.part == "camera" && all.counted.presence.iter().any(there);
                    prop_assert!(at_stay || outage.from < cell.end && outage.to > cell.start, "{cell:?}\n{outage:?}");
                }
                Some(Reason::NotSeen | Reason::DailyCap) => return Err(TestCaseError::fail(format!("{cell:?}"))),
            }
        }
    }

    #[test]
    fn what_attests_a_lesson_lies_between_the_two_records_that_it_names(day in day()) {
        let all = day.count();
        for cell in all.counted.cells.iter().filter(|c| attested(c)).take(3) {
            let Some((from, to)) = cell.seqs else { return Err(TestCaseError::fail(format!("{cell:?}"))) };
            let between = (all.counted.times[from as usize], all.counted.times[to as usize]);
            let is_within = |i: usize| (between.0..=between.1).contains(&all.times[i]);
            let kept = |i, act: &Act| whose(act).is_none_or(|who| who == cell.trainee && is_within(i));
            let Some(less) = day.only(&all, kept) else { continue };
            let same = of(&less, &cell.trainee).find(|c| c.lesson == cell.lesson);
            prop_assert_eq!(same.map(worth), Some(worth(cell)));
        }
    }

    #[test]
    fn a_log_that_ends_sooner_is_never_worth_more(day in day(), cut in any::<Index>()) {
        let all = day.count();
        let cut = cut.index(day.events.len() + 1);
        if let Some(less) = day.only(&all, |i, _| i < cut) {
            never_more(&less, &all)?;
        }
    }

    #[test]
    fn one_record_less_that_is_no_break_is_never_worth_more(day in day(), gone in any::<Index>()) {
        let all = day.count();
        let others: Vec<usize> = (0..day.events.len()).filter(|i| !is_break(&day.events[*i].act)).collect();
        prop_assume!(!others.is_empty());
        let gone = others[gone.index(others.len())];
        if let Some(less) = day.only(&all, |i, _| i != gone) {
            never_more(&less, &all)?;
        }
    }

    #[test]
    fn a_break_less_joins_what_lies_on_its_two_sides_and_nothing_else(day in day(), gone in any::<Index>()) {
        let all = day.count();
        let breaks: Vec<usize> = (0..day.events.len()).filter(|i| is_break(&day.events[*i].act)).collect();
        prop_assume!(!breaks.is_empty());
        let gone = breaks[gone.index(breaks.len())];
        let Some(less) = day.only(&all, |i, _| i != gone) else { return Ok(()) };
        let who = whose(&day.events[gone].act).unwrap_or_default();
        // From the sure verification before it to the one after it; nothing is gained where one of them is missing.
        let is_seen = |i: &usize| match &day.events[*i].act {
            Act::Present(t, _, level) => t == who && *level >= u64::from(day.policy.level),
            Act::Manual(t, ..) => t == who && day.policy.manual,
            _ => false,
        };
        let before = (0..gone).rev().find(is_seen).map(|i| all.times[i]);
        let after = (gone + 1..day.events.len()).find(is_seen).map(|i| all.times[i]);
        let gap = before.zip(after);
        for (now, then) in less.counted.cells.iter().zip(&all.counted.cells) {
            if now.trainee != who {
                // Only how far back a power cut is believed hangs on others' records.
                prop_assert_eq!((attested(now), now.covered_ms), (attested(then), then.covered_ms));
                continue;
            }
            let most = gap.map_or(0, |(from, to)| (to.min(now.end) - from.max(now.start)).max(0));
            prop_assert!(now.covered_ms <= then.covered_ms + most, "{now:?}\n{then:?}\n{gap:?}");
        }
    }

    #[test]
    fn nobody_s_hours_hang_on_another_s_records(day in day()) {
        let all = day.count();
        if let Some(less) = day.only(&all, |_, act| whose(act).is_none_or(|who| who == WHO[0])) {
            // But for how far back a power cut is believed, which ends at the last record.
            let hours = |all: &Counting| of(all, WHO[0]).map(|c| (attested(c), c.covered_ms)).collect::<Vec<_>>();
            prop_assert_eq!(hours(&less), hours(&all));
        }
    }

    #[test]
    fn what_an_instructor_writes_in_excuses_nothing_where_it_counts_nothing(day in day()) {
        let mut day = day;
        day.policy.manual = false;
        let all = day.count();
        let Some(less) = day.only(&all, |_, act| !matches!(act, Act::Manual(_, Way::In, _))) else { return Ok(()) };
        for (with, without) in all.counted.cells.iter().zip(&less.counted.cells) {
            prop_assert_eq!(attested(with), attested(without));
            prop_assert!(with.shape != Shape::Unproven || without.shape == Shape::Unproven, "{with:?}\n{without:?}");
        }
    }

    #[test]
    fn what_is_told_twice_at_once_is_told_once(day in day(), again in any::<Index>()) {
        prop_assume!(!day.events.is_empty());
        let i = again.index(day.events.len());
        // Two steps of a clock are two steps, and a second boot has a wall clock of its own.
        prop_assume!(!matches!(day.events[i].act, Act::Clock(_) | Act::Restart(true)));
        let mut twice = day.clone();
        twice.events.insert(i, day.events[i].clone());
        prop_assert_eq!(worths(&twice.count()), worths(&day.count()));
    }
}
