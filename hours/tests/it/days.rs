//! Days as sites have them: lessons of one morning, who comes and goes around their bells, and what breaks meanwhile.
//!
//! Chance alone seldom meets a lesson's share, a call that voids or a power cut that matters. So a story here is told around the
//! bells, to the millisecond at times, and [`every_worth_and_every_mishap_is_met`] holds that nothing is left out.

use std::collections::{BTreeMap, BTreeSet};

use muster_hours::count::{Cell, Counted, Shape};
use muster_hours::policy::Policy;
use muster_hours::schedule::Plan;
use muster_seal::record::Way;
use muster_seal::session::VerifiedLog;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::log::{Act, Event, Span, plan, written};

const MINUTE: i64 = 60_000;
const EIGHT: i64 = 480 * MINUTE;
/// The roster.
pub const WHO: [&str; 3] = ["t1", "t2", "t3"];

/// A session: its lessons, what happened, and how it counts.
#[derive(Debug, Clone)]
pub struct Day {
    pub lessons: Vec<(i64, i64)>,
    pub events: Vec<Event>,
    pub policy: Policy,
    /// How wrong the wall clock is when the session opens.
    pub wrong_ms: i64,
}

/// A day that was logged and counted.
pub struct Counting {
    pub log: VerifiedLog,
    pub counted: Counted,
    /// When each event was, by the count.
    pub times: Vec<i64>,
}

impl Day {
    /// Its assignment.
    pub fn plan(&self) -> Plan {
        plan(&self.lessons, &WHO.map(str::to_owned), self.policy.clone())
    }

    /// Its log, counted.
    pub fn count(&self) -> Counting {
        let span = Span { open: EIGHT - 120 * MINUTE, close: EIGHT + 360 * MINUTE, wrong_ms: self.wrong_ms };
        let plan = self.plan();
        let (log, seqs) = written(&plan, &self.events, span);
        let counted = muster_hours::count(&log, &plan).unwrap();
        let times = seqs.iter().map(|seq| counted.times[*seq as usize]).collect();
        Counting { log, counted, times }
    }

    /// The day with those events alone that are kept, counted; `None` where what is left would be dated otherwise: a record that
    /// is gone may be one that put the clock right, or one that a boot with a slow clock was put behind.
    pub fn only(&self, all: &Counting, kept: impl Fn(usize, &Act) -> bool) -> Option<Counting> {
        let mut less = self.clone();
        let is_kept: Vec<bool> = self.events.iter().enumerate().map(|(i, e)| kept(i, &e.act)).collect();
        let mut keep = is_kept.iter();
        less.events.retain(|_| *keep.next().unwrap_or(&false));
        let less = less.count();
        let times = all.times.iter().zip(&is_kept).filter(|(_, kept)| **kept).map(|(at, _)| *at);
        (times.collect::<Vec<_>>() == less.times).then_some(less)
    }
}

/// Whom an event is about; `None` for what happens to the device.
pub fn whose(act: &Act) -> Option<&str> {
    match act {
        Act::Present(who, ..) | Act::Manual(who, ..) | Act::Spot(who, _) => Some(who),
        _ => None,
    }
}

/// Does this cut a trainee's presence in two?
pub fn is_break(act: &Act) -> bool {
    matches!(act, Act::Present(_, Way::Out, _) | Act::Manual(_, Way::Out, _) | Act::Spot(_, "missed"))
}

/// Does it count?
pub fn attested(cell: &Cell) -> bool {
    cell.shape == Shape::Attested
}

/// A place in time: a bell of the day, and how far from it.
type When = (prop::sample::Index, i64);

fn when() -> impl Strategy<Value = When> {
    let beside = prop_oneof![2 => Just(0), 1 => select(&[-1, 1][..]), 6 => -20 * MINUTE..20 * MINUTE];
    (any::<prop::sample::Index>(), beside)
}

/// What somebody does: acts that belong together, at one time.
fn deed() -> impl Strategy<Value = Vec<Act>> {
    let level = || select(&[1, 2, 2, 2, 3, 4][..]);
    let me = String::new;
    prop_oneof![
        4 => level().prop_map(move |level| vec![Act::Present(me(), Way::In, level)]),
        3 => level().prop_map(move |level| vec![Act::Present(me(), Way::Out, level)]),
        2 => level().prop_map(move |level| {
            vec![Act::Spot(me(), "call"), Act::Present(me(), Way::Spot, level), Act::Spot(me(), "met")]
        }),
        2 => Just(vec![Act::Spot(me(), "call"), Act::Spot(me(), "missed")]),
        1 => (select(&[Way::In, Way::Out][..]), 0..=1u64)
            .prop_map(move |(way, level)| vec![Act::Manual(me(), way, level)]),
    ]
}

/// What one trainee does: mostly comes before the first bell and leaves after the last, and something in between.
fn story() -> impl Strategy<Value = (u8, Vec<(When, Vec<Act>)>, u64)> {
    let between = prop::collection::vec((when(), deed()), 0..4);
    (0..10u8, between, select(&[1, 2, 2, 2, 3, 4][..]))
}

/// What happens to the device.
fn mishap() -> impl Strategy<Value = Vec<(When, Act)>> {
    let part = select(&["reader", "reader", "camera", "camera", "camera", "power", "network"][..]);
    let step = select(&[-86_400_000, -7_200_000, -45 * MINUTE, 45 * MINUTE, 7_200_000][..]);
    prop_oneof![
        4 => (part, when(), when(), 0..4u8).prop_map(|(part, from, to, back)| {
            let mut both = vec![(from, Act::Fault(part, "down"))];
            both.extend((back > 0).then_some((to, Act::Fault(part, "up"))));
            both
        }),
        3 => (when(), any::<bool>()).prop_map(|(at, reboot)| vec![(at, Act::Restart(reboot))]),
        1 => (when(), step).prop_map(|(at, step)| vec![(at, Act::Clock(step))]),
    ]
}

fn lessons() -> impl Strategy<Value = Vec<(i64, i64)>> {
    // 45 minutes, with a break of ten or none; or of any length, as an assignment may have them.
    let bells = (1..=4usize, select(&[0, 10 * MINUTE][..])).prop_map(|(n, pause)| vec![(pause, 45 * MINUTE); n]);
    let any = prop::collection::vec((0..1_200i64, 1..3_600i64), 1..5);
    let any = any.prop_map(|all| all.into_iter().map(|(pause, length)| (pause * 1_000, length * 1_000)).collect());
    prop_oneof![3 => bells, 1 => any].prop_map(|all: Vec<(i64, i64)>| {
        let mut at = EIGHT;
        let lesson = |(pause, length): (i64, i64)| {
            let start = at + pause;
            at = start + length;
            (start, at)
        };
        all.into_iter().map(lesson).collect()
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let share = prop_oneof![3 => Just(800), 1 => Just(1000), 1 => 1..=1000u32];
    let (level, cap) = (select(&[1, 2, 2, 2, 3, 4][..]), select(&[0, 1, 2, 3, 8][..]));
    (share, level, any::<bool>(), cap, select(&[600, 600, 0, 3_600][..])).prop_map(
        |(share_permille, level, manual, daily_cap, power_gap_s)| Policy {
            share_permille,
            level,
            manual,
            daily_cap,
            power_gap_s,
            ..Policy::default()
        },
    )
}

/// A wall clock that is wrong when the session opens, and when it is put right, if ever: in minutes after opening.
fn wrong() -> impl Strategy<Value = (i64, Option<i64>)> {
    let wrong = select(&[-86_400_000, -7_200_000, -45 * MINUTE, 45 * MINUTE, 7_200_000][..]);
    prop_oneof![4 => Just((0, None)), 1 => (wrong, prop::option::of(0..20i64))]
}

/// Any day.
pub fn day() -> impl Strategy<Value = Day> {
    let stories = [story(), story(), story()];
    (lessons(), policy(), stories, prop::collection::vec(mishap(), 0..4), wrong()).prop_map(
        |(lessons, policy, stories, mishaps, (wrong_ms, right))| {
            let bells: Vec<i64> = lessons.iter().flat_map(|(start, end)| [*start, *end]).collect();
            let time = |(bell, beside): When| bells[bell.index(bells.len())] + beside;
            let (first, last) = (bells[0], bells[bells.len() - 1]);
            let mut events = Vec::new();
            for (who, (habit, between, level)) in WHO.into_iter().zip(stories) {
                let mut put = |at: i64, act: Act| events.push(Event { at, act: named(act, who) });
                // One in ten never comes, one does only what chance tells, two forget to check out.
                if habit > 1 {
                    put(first - 5 * MINUTE, Act::Present(String::new(), Way::In, level));
                }
                if habit > 3 {
                    put(last + 5 * MINUTE, Act::Present(String::new(), Way::Out, level));
                }
                for (when, acts) in between.into_iter().filter(|_| habit > 0) {
                    acts.into_iter().for_each(|act| put(time(when), act));
                }
            }
            events.extend(mishaps.into_iter().flatten().map(|(when, act)| Event { at: time(when), act }));
            events.extend(
                right.map(|minutes| Event { at: EIGHT - (120 - minutes) * MINUTE, act: Act::Clock(-wrong_ms) }),
            );
            events.sort_by_key(|e| e.at);
            Day { lessons, events, policy, wrong_ms }
        },
    )
}

fn named(act: Act, who: &str) -> Act {
    match act {
        Act::Present(_, way, level) => Act::Present(who.to_owned(), way, level),
        Act::Manual(_, way, level) => Act::Manual(who.to_owned(), way, level),
        Act::Spot(_, phase) => Act::Spot(who.to_owned(), phase),
        other => other,
    }
}

/// What a day has in it that a law may be about.
fn met(day: &Day) -> BTreeSet<String> {
    let all = day.count();
    let mut met = BTreeSet::new();
    met.extend(day.only(&all, |i, _| i > 0).map(|_| "dated as before with a record less".to_owned()));
    let counted = all.counted;
    for cell in &counted.cells {
        met.insert(cell.shape.as_str().to_owned());
        met.extend(cell.reason.map(|reason| reason.as_str().to_owned()));
        met.extend((attested(cell) && cell.manual).then(|| "attested by hand".to_owned()));
        met.extend((attested(cell) && cell.level == 4).then(|| "attested at level 4".to_owned()));
        let outage =
            counted.outages.iter().find(|o| cell.shape == Shape::Unproven && cell.seqs == Some((o.seq, o.seq)));
        met.extend(outage.map(|o| format!("unproven by {}", o.part)));
    }
    let closed = counted.presence.iter().map(|p| format!("closed by {}", p.closed_by.as_str()));
    met.extend(closed);
    met.extend(counted.outages.iter().filter(|o| o.from < o.to).map(|o| format!("{} down", o.part)));
    let has = |act: fn(&Act) -> bool| day.events.iter().any(|e| act(&e.act));
    met.extend((counted.rebased_ms > 0).then(|| "clock put right".to_owned()));
    met.extend((counted.rebased_ms == 0 && has(|act| matches!(act, Act::Clock(_)))).then(|| "clock set".to_owned()));
    met.extend(has(|act| *act == Act::Restart(true)).then(|| "new boot".to_owned()));
    let mut capped = counted.cells.clone();
    crate::cases::hold_daily_cap(&mut capped, day.policy.daily_cap);
    met.extend((capped != counted.cells).then(|| "daily-cap".to_owned()));
    met
}

/// A law over days that never meet what it is about would say nothing.
#[test]
fn every_worth_and_every_mishap_is_met() {
    let mut runner = TestRunner::deterministic();
    let mut days = BTreeMap::<String, u32>::new();
    for _ in 0..400 {
        let day = day().new_tree(&mut runner).unwrap().current();
        met(&day).into_iter().for_each(|what| *days.entry(what).or_default() += 1);
    }
    let shapes = ["attested", "blank", "tail", "unproven"];
    let reasons = ["daily-cap", "low-assurance", "missed-spot", "not-seen", "too-short"];
    let kinds =
        ["attested at level 4", "attested by hand", "unproven by camera", "unproven by power", "unproven by reader"];
    let ends = ["dated as before with a record less", "closed by last-seen", "closed by missed-spot", "closed by out"];
    let mishaps =
        ["camera down", "clock put right", "clock set", "network down", "new boot", "power down", "reader down"];
    let all: BTreeSet<&str> = [&shapes[..], &reasons, &kinds, &ends, &mishaps].concat().into_iter().collect();
    assert_eq!(days.keys().map(String::as_str).collect::<BTreeSet<_>>(), all);
    assert!(days.values().all(|days| *days >= 8), "{days:?}");
}
