//! What holds for any class, whatever happened in it.
//!
//! The law of removal: a trainee's presence is a row of verifications, cut by *breaks*: each check-out, sure enough or not, and
//! each missed call. Between two breaks it reaches from the first verification to the last, or to the check-out. So who can
//! make records vanish and keeps every break can never gain: a stretch shrinks or goes. Who removes a break can, because
//! two stretches become one; that is why a missed call is a record of its own, and why every line is under the seal.

use muster_hours::count::{Cell, Counted, Outage, Reason, Shape};
use muster_hours::policy::Policy;
use muster_hours::schedule::Plan;
use muster_seal::record::Way;
use proptest::prelude::*;
use proptest::sample::select;

use crate::log::{Act, Event, plan, verified};

const EIGHT: i64 = 8 * 3_600_000;
const NOON: i64 = 12 * 3_600_000;
const WHO: [&str; 3] = ["t1", "t2", "t3"];

/// A class: its lessons, what happened, and how it counts.
#[derive(Debug, Clone)]
struct Class {
    lessons: Vec<(i64, i64)>,
    events: Vec<Event>,
    policy: Policy,
}

impl Class {
    fn plan(&self) -> Plan {
        plan(&self.lessons, &WHO.map(str::to_owned), self.policy.clone())
    }

    fn count(&self) -> Counted {
        let plan = self.plan();
        let last = self.events.last().map_or(NOON, |e| e.at.max(NOON));
        muster_hours::count(&verified(&plan, &self.events, last), &plan).unwrap()
    }

    /// The class without some of what happened.
    fn without(&self, gone: impl Fn(usize, &Act) -> bool) -> Self {
        let mut class = self.clone();
        let kept = self.events.iter().enumerate().filter(|(i, e)| !gone(*i, &e.act));
        class.events = kept.map(|(_, e)| e.clone()).collect();
        class
    }
}

fn act() -> impl Strategy<Value = Act> {
    let who = || select(&WHO[..]).prop_map(str::to_owned);
    let way = select(&[Way::In, Way::In, Way::Spot, Way::Out][..]);
    prop_oneof![
        6 => (who(), way, 1..=4u64).prop_map(|(who, way, level)| Act::Present(who, way, level)),
        2 => (who(), select(&[Way::In, Way::Out][..]), 0..=1u64).prop_map(|(who, way, level)| Act::Manual(who, way, level)),
        2 => (who(), select(&["call", "met", "missed", "missed"][..])).prop_map(|(who, phase)| Act::Spot(who, phase)),
        1 => (select(&["reader", "camera", "power", "network"][..]), select(&["down", "up"][..]))
            .prop_map(|(part, state)| Act::Fault(part, state)),
        1 => any::<bool>().prop_map(Act::Restart),
    ]
}

fn class() -> impl Strategy<Value = Class> {
    // Lessons begin and end at whole seconds, as an assignment has them.
    let lessons = prop::collection::vec((0..1_200i64, 1..3_600i64), 1..6);
    let events = prop::collection::vec((0..1_800_000i64, act()), 0..24);
    (lessons, events, 1..=1000u32, 1..=4u8, any::<bool>()).prop_map(
        |(lessons, events, share_permille, level, manual)| {
            let mut at = EIGHT;
            let lessons = lessons.into_iter().map(|(pause, length)| {
                let start = at + pause * 1_000;
                at = start + length * 1_000;
                (start, at)
            });
            let lessons = lessons.collect();
            let mut at = EIGHT - 1_800_000;
            let events = events.into_iter().map(|(later, act)| {
                at += later;
                Event { at, act }
            });
            let events = events.collect();
            Class { lessons, events, policy: Policy { share_permille, level, manual, ..Policy::default() } }
        },
    )
}

/// Does this cut a trainee's presence in two?
fn is_break(act: &Act) -> bool {
    matches!(act, Act::Present(_, Way::Out, _) | Act::Manual(_, Way::Out, _) | Act::Spot(_, "missed"))
}

/// Is this nobody's verification and no break, so that it may explain a cell but attests none?
fn is_bystander(act: &Act) -> bool {
    matches!(act, Act::Fault(..) | Act::Restart(_) | Act::Clock(_) | Act::Spot(_, "call" | "met"))
}

fn attested(cell: &Cell) -> bool {
    cell.shape == Shape::Attested
}

/// Holds that no cell is worth more in `less` than in `more`.
fn never_more(less: &Counted, more: &Counted) -> Result<(), TestCaseError> {
    prop_assert_eq!(less.cells.len(), more.cells.len());
    for (a, b) in less.cells.iter().zip(&more.cells) {
        prop_assert!(a.covered_ms <= b.covered_ms, "{a:?}\n{b:?}");
        prop_assert!(!attested(a) || attested(b), "{a:?}\n{b:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn there_is_one_cell_for_each_trainee_and_lesson_and_one_reason_for_each_that_does_not_count(class in class()) {
        let counted = class.count();
        let names: Vec<(&str, &str)> = counted.cells.iter().map(|c| (c.trainee.as_str(), c.lesson.as_str())).collect();
        let lessons: Vec<String> = (1..=class.lessons.len()).map(|n| n.to_string()).collect();
        let all: Vec<(&str, &str)> = WHO.iter().flat_map(|t| lessons.iter().map(|l| (*t, l.as_str()))).collect();
        prop_assert_eq!(names, all);
        for c in &counted.cells {
            let fits = match c.reason {
                None => c.shape == Shape::Attested,
                Some(Reason::NotSeen) => c.shape == Shape::Blank,
                Some(Reason::Unproven) => c.shape == Shape::Unproven,
                Some(_) => c.shape == Shape::Tail,
            };
            prop_assert!(fits, "{c:?}");
            let (length, share) = (c.end - c.start, i64::from(class.policy.share_permille));
            prop_assert!((0..=length).contains(&c.covered_ms), "{c:?}");
            prop_assert_eq!(attested(c), c.covered_ms * 1000 >= length * share, "{:?}", c);
            // A blank is nobody's: no presence at all, of any assurance.
            let seen = counted.presence.iter().any(|p| p.trainee == c.trainee);
            prop_assert!(c.shape != Shape::Blank || !seen, "{c:?}");
            prop_assert!(c.shape != Shape::Tail || seen, "{c:?}");
            // Whatever a cell says, a record shows it.
            prop_assert_eq!(c.seqs.is_none(), c.shape == Shape::Blank, "{:?}", c);
            prop_assert!(c.seqs.is_none_or(|(a, b)| a <= b && b < counted.times.len() as u64), "{c:?}");
        }
        // An excuse points at what was down then, and the network excuses nothing.
        for c in counted.cells.iter().filter(|c| c.shape == Shape::Unproven) {
            // The camera may have been down at the check-in, and the lesson later.
            let then = |o: &&Outage| o.part != "network" && (o.part == "camera" || o.from < c.end && o.to > c.start);
            let named = counted.outages.iter().filter(then).any(|o| c.seqs == Some((o.seq, o.seq)));
            prop_assert!(named, "{c:?}");
        }
        let hours = counted.hours();
        prop_assert_eq!(hours.keys().copied().collect::<Vec<_>>(), WHO);
        prop_assert!(hours.values().all(|n| *n as usize <= class.lessons.len()));
    }

    #[test]
    fn counting_twice_is_counting_once(class in class()) {
        let plan = class.plan();
        let last = class.events.last().map_or(NOON, |e| e.at.max(NOON));
        let log = verified(&plan, &class.events, last);
        let once = muster_hours::count(&log, &plan).unwrap();
        prop_assert_eq!(&muster_hours::count(&log, &plan).unwrap(), &once);
        prop_assert_eq!(&class.count(), &once);
    }

    #[test]
    fn what_vanishes_without_a_break_never_adds(class in class(), gone in prop::collection::vec(any::<bool>(), 24)) {
        let less = class.without(|i, act| gone[i] && !is_break(act));
        never_more(&less.count(), &class.count())?;
    }

    #[test]
    fn what_is_nobody_s_verification_attests_nothing(class in class(), gone in prop::collection::vec(any::<bool>(), 24)) {
        let (all, less) = (class.count(), class.without(|i, act| gone[i] && is_bystander(act)).count());
        never_more(&less, &all)?;
        never_more(&all, &less)?;
        // Nor does it change who was there.
        let there = |c: &Counted| c.presence.iter().map(|p| (p.trainee.clone(), p.from, p.to, p.level)).collect::<Vec<_>>();
        prop_assert_eq!(there(&all), there(&less));
    }

    #[test]
    fn a_fault_excuses_and_nothing_else(class in class()) {
        let (all, none) = (class.count(), class.without(|_, act| matches!(act, Act::Fault(..) | Act::Restart(_))).count());
        for (with, without) in all.cells.iter().zip(&none.cells) {
            let same = with.shape == without.shape && with.reason == without.reason;
            prop_assert!(same || with.shape == Shape::Unproven && !attested(without), "{with:?}\n{without:?}");
            prop_assert!(without.shape != Shape::Unproven, "{without:?}");
        }
    }

    #[test]
    fn a_missed_call_never_adds(class in class(), gone in prop::collection::vec(any::<bool>(), 24)) {
        let forgiven = class.without(|i, act| gone[i] && matches!(act, Act::Spot(_, "missed")));
        never_more(&class.count(), &forgiven.count())?;
        // Nobody is voided who missed no call.
        let none = class.without(|_, act| matches!(act, Act::Spot(_, "missed"))).count();
        prop_assert!(none.cells.iter().all(|c| c.reason != Some(Reason::MissedSpot)));
    }

    #[test]
    fn a_stricter_policy_never_adds(class in class(), share in 1..=1000u32, level in 1..=4u8) {
        let p = &class.policy;
        let (share_permille, level) = (p.share_permille.max(share), p.level.max(level));
        let strict = Class { policy: Policy { share_permille, level, manual: false, ..p.clone() }, ..class.clone() };
        never_more(&strict.count(), &class.count())?;
    }

    #[test]
    fn setting_the_clock_once_it_has_settled_moves_nothing(
        class in class(),
        steps in prop::collection::vec((any::<prop::sample::Index>(), -25_000_000..25_000_000i64), 1..4),
    ) {
        let quiet = class.without(|_, act| matches!(act, Act::Restart(true)));
        let mut set = quiet.clone();
        for (at, step) in steps.iter().filter(|_| !quiet.events.is_empty()) {
            // After some event, at its own time: the first record of a boot is the one that says when it is.
            let i = at.index(set.events.len());
            if set.events[i].at <= set.events[0].at + 600_000 {
                continue;
            }
            set.events.insert(i + 1, Event { at: set.events[i].at, act: Act::Clock(*step) });
        }
        let worth = |c: Counted| c.cells.into_iter().map(|c| Cell { seqs: None, ..c }).collect::<Vec<_>>();
        prop_assert_eq!(worth(quiet.count()), worth(set.count()));
    }

    #[test]
    fn the_cap_leaves_the_earliest_and_no_more(class in class(), cap in 0..6u32) {
        let mut counted = class.count();
        let before: Vec<bool> = counted.cells.iter().map(attested).collect();
        counted.cells.reverse();
        crate::cases::hold_daily_cap(&mut counted.cells, cap);
        counted.cells.reverse();
        for trainee in WHO {
            let cells = counted.cells.iter().zip(&before).filter(|(c, _)| c.trainee == trainee);
            for (nth, (c, _)) in cells.filter(|(_, before)| **before).enumerate() {
                prop_assert_eq!(attested(c), (nth as u32) < cap, "{:?}", c);
                prop_assert_eq!(c.reason == Some(Reason::DailyCap), nth as u32 >= cap, "{:?}", c);
            }
        }
        let others = counted.cells.iter().zip(&before).filter(|(_, before)| !**before);
        prop_assert!(others.into_iter().all(|(c, _)| !attested(c) && c.reason != Some(Reason::DailyCap)));
    }
}
