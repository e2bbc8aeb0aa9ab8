//! Intervals to class hours: one cell for each trainee and lesson, attested or with the one reason why not.

use std::collections::{BTreeMap, BTreeSet};

use muster_seal::record::{Body, Record};
use muster_seal::session::VerifiedLog;

use crate::error::CountError;
pub use crate::outage::Outage;
use crate::outage::{Excuses, outages};
use crate::presence::{Interval, SETTLE_MS, Sure, intervals, intervals_without_misses, times_by};
use crate::schedule::Plan;

/// Why a cell does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Never seen in this session.
    NotSeen,
    /// Seen in this session, and not for enough of this lesson.
    TooShort,
    /// Seen for long enough, with less assurance than the policy asks for.
    LowAssurance,
    /// A missed spot check voided the time.
    MissedSpot,
    /// The reader, the camera or the power was recorded as down, and that took what was missing.
    Unproven,
    /// Above the day's cap.
    DailyCap,
}

impl Reason {
    /// As the evidence tables say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSeen => "not-seen",
            Self::TooShort => "too-short",
            Self::LowAssurance => "low-assurance",
            Self::MissedSpot => "missed-spot",
            Self::Unproven => "unproven",
            Self::DailyCap => "daily-cap",
        }
    }
}

/// What a cell looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// It counts.
    Attested,
    /// It does not, and the trainee was seen in that session: what a forgotten check-out looks like.
    Tail,
    /// It does not, and the trainee was never seen in it: what an invented hour looks like.
    Blank,
    /// It does not, and something was recorded as down.
    Unproven,
}

impl Shape {
    /// As the evidence tables say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attested => "attested",
            Self::Tail => "tail",
            Self::Blank => "blank",
            Self::Unproven => "unproven",
        }
    }
}

/// One trainee in one lesson. Times are milliseconds since 1970-01-01T00:00Z.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Who.
    pub trainee: String,
    /// Which lesson.
    pub lesson: String,
    /// Its start.
    pub start: i64,
    /// Its end.
    pub end: i64,
    /// How much of it presence covers, in milliseconds; presence of the assurance that the policy asks for.
    pub covered_ms: i64,
    /// The lowest assurance of the presence that carries it; 0 where there is none or it is a manual entry.
    pub level: u8,
    /// Is it carried by an instructor's manual entry?
    pub manual: bool,
    /// What it looks like.
    pub shape: Shape,
    /// Why it does not count; `None` when it does.
    pub reason: Option<Reason>,
    /// `seq` of the first and last record that carry it, or of those that say why not.
    pub seqs: Option<(u64, u64)>,
}

/// What a session is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// One cell for each trainee and lesson, by trainee in the roster's order and then by lesson.
    pub cells: Vec<Cell>,
    /// All presence, of any assurance, by trainee.
    pub presence: Vec<Interval>,
    /// What was down, and when.
    pub outages: Vec<Outage>,
    /// When each record was made.
    pub times: Vec<i64>,
    /// How far the clock had to be put right while it settled, in milliseconds: see [`crate::presence::times`].
    pub rebased_ms: i64,
}

impl Counted {
    /// Attested class hours by trainee; everybody on the roster is there.
    pub fn hours(&self) -> BTreeMap<&str, u32> {
        let mut hours = BTreeMap::new();
        for cell in &self.cells {
            *hours.entry(cell.trainee.as_str()).or_default() += u32::from(cell.shape == Shape::Attested);
        }
        hours
    }
}

/// Counts a verified log under its assignment.
///
/// # Errors
/// [`CountError`] when the log was not made under this assignment, or names somebody who is not on its roster.
pub fn count(log: &VerifiedLog, plan: &Plan) -> Result<Counted, CountError> {
    count_by(log, plan, SETTLE_MS)
}

/// How many class hours more are attested because a boot's clock was put right than there would be had it been left as it
/// was; negative when fewer are. 0 where no step was followed: see [`crate::presence::times`].
///
/// # Errors
/// As [`count`].
pub fn gained(log: &VerifiedLog, plan: &Plan, counted: &Counted) -> Result<i64, CountError> {
    if counted.rebased_ms == 0 {
        return Ok(0);
    }
    let attested = |counted: &Counted| counted.cells.iter().filter(|c| c.shape == Shape::Attested).count() as i64;
    Ok(attested(counted) - attested(&count_by(log, plan, 0)?))
}

fn count_by(log: &VerifiedLog, plan: &Plan, settle_ms: u64) -> Result<Counted, CountError> {
    check(log, plan)?;
    let records = log.records();
    let policy = &plan.assignment.policy;
    let (times, rebased_ms) = times_by(records, settle_ms)?;
    let outages = outages(records, &times, i64::from(policy.power_gap_s) * 1000);
    let excuses = Excuses::of(&outages, log.open().readers.len());
    let mut sure = Sure { level: policy.level, manual: policy.manual, blind: &[] };
    let good = intervals(records, &times, sure);
    sure.blind = &excuses.camera;
    let blind = if excuses.camera.is_empty() { good.clone() } else { intervals(records, &times, sure) };
    let presence = intervals(records, &times, Sure::ANY);
    // An entry by hand that counts nothing excuses nothing either.
    let card = Sure { manual: policy.manual, ..Sure::ANY };
    let by_card = if excuses.camera.is_empty() { Vec::new() } else { intervals(records, &times, card) };
    let missed = missed(records, &times);
    let unvoided = if missed.is_empty() { Vec::new() } else { intervals_without_misses(records, &times) };
    let mut cells = Vec::with_capacity(plan.assignment.trainees.len() * plan.times.len());
    for trainee in &plan.assignment.trainees {
        let of = |all: &[Interval]| all.iter().filter(|i| i.trainee == *trainee).cloned().collect::<Vec<_>>();
        let seen = Seen {
            good: of(&good),
            blind: of(&blind),
            any: of(&presence),
            by_card: of(&by_card),
            unvoided: of(&unvoided),
            missed: missed.get(trainee.as_str()).map_or(&[], Vec::as_slice),
        };
        for (lesson, (start, end)) in plan.assignment.lessons.iter().zip(&plan.times) {
            let need = (end - start) * i64::from(policy.share_permille);
            let mut cell = seen.cell(*start, *end, need, &excuses);
            cell.trainee.clone_from(trainee);
            cell.lesson.clone_from(&lesson.lesson);
            cells.push(cell);
        }
    }
    Ok(Counted { cells, presence, outages, times, rebased_ms })
}

struct Seen<'a> {
    good: Vec<Interval>,
    /// What `good` would be if a card that was read while the camera was down had been sure.
    blind: Vec<Interval>,
    any: Vec<Interval>,
    /// Who was there by the card, while the camera was down: of any assurance, and by hand only where that counts.
    by_card: Vec<Interval>,
    /// What `any` would be without the missed calls.
    unvoided: Vec<Interval>,
    missed: &'a [(i64, u64)],
}

impl Seen<'_> {
    fn cell(&self, start: i64, end: i64, need_permille: i64, excuses: &Excuses) -> Cell {
        let enough = |covered: i64| covered * 1000 >= need_permille;
        let covered_ms = covered(&self.good, start, end);
        let carried = |all: &[Interval]| {
            let hits: Vec<&Interval> = all.iter().filter(|i| i.from < end && i.to > start).collect();
            let seqs = hits.iter().map(|i| i.seq_from).min().zip(hits.iter().map(|i| i.seq_to).max());
            (seqs, hits.iter().map(|i| i.level).min().unwrap_or(0), hits.iter().any(|i| i.manual))
        };
        let cell = |shape, reason, (seqs, level, manual): (Option<(u64, u64)>, u8, bool)| Cell {
            trainee: String::new(),
            lesson: String::new(),
            start,
            end,
            covered_ms,
            level,
            manual,
            shape,
            reason,
            seqs,
        };
        if enough(covered_ms) {
            return cell(Shape::Attested, None, carried(&self.good));
        }
        if let Some(seq) = self.excused(start, end, &enough, excuses) {
            return cell(Shape::Unproven, Some(Reason::Unproven), (Some((seq, seq)), 0, false));
        }
        if self.any.is_empty() {
            return cell(Shape::Blank, Some(Reason::NotSeen), (None, 0, false));
        }
        if enough(covered(&self.any, start, end)) {
            return cell(Shape::Tail, Some(Reason::LowAssurance), carried(&self.any));
        }
        if let Some(seq) = self.voided(start, end, enough(covered(&self.unvoided, start, end))) {
            return cell(Shape::Tail, Some(Reason::MissedSpot), (Some((seq, seq)), 0, false));
        }
        let (seqs, level, manual) = carried(&self.any);
        let all = self.any.first().zip(self.any.last()).map(|(a, b)| (a.seq_from, b.seq_to));
        cell(Shape::Tail, Some(Reason::TooShort), (seqs.or(all), level, manual))
    }

    /// The outage that took what could have made the lesson count: then nothing is disproved. Time that was seen was not taken.
    ///
    /// With no reader, or no agent, nobody could have come. With no camera a card could still be read: only who was there by
    /// the card is excused for not having been seen.
    fn excused(&self, start: i64, end: i64, enough: &impl Fn(i64) -> bool, excuses: &Excuses) -> Option<u64> {
        let in_lesson = |from: i64, to: i64| (from.max(start), to.min(end));
        let dead = excuses.dead.iter().map(|(from, to, _)| (*from, *to));
        let by_card = self
            .by_card
            .iter()
            .flat_map(|i| excuses.camera.iter().map(|(from, to)| (i.from.max(*from), i.to.min(*to))));
        let seen = self.good.iter().chain(&self.blind).map(|i| (i.from, i.to));
        let taken = union(dead.chain(by_card).chain(seen).map(|(from, to)| in_lesson(from, to)));
        let of_lesson = |all: &[(i64, i64, u64)]| all.iter().find(|o| o.0 < end && o.1 > start).map(|o| o.2);
        let camera = || {
            // The camera's outage may lie before the lesson: at the check-in of the stay that carries it.
            let is_it = |(from, to): (i64, i64)| {
                let mut stays = self.blind.iter().filter(|i| i.from < end && i.to > start);
                from < end && to > start || stays.any(|i| i.from <= to && i.to >= from)
            };
            let mut all = excuses.camera.iter().zip(&excuses.camera_seqs);
            all.find(|(outage, _)| is_it(**outage)).map(|(_, seq)| *seq)
        };
        enough(taken).then(|| of_lesson(&excuses.dead).or_else(camera)).flatten()
    }

    /// The missed call that voided a lesson: one that was called in it, or, when it would count `otherwise`, the first in the
    /// stretch that would carry it.
    fn voided(&self, start: i64, end: i64, otherwise: bool) -> Option<u64> {
        let carrying = |at: i64| {
            let mut carrying = self.unvoided.iter().filter(|i| i.from < end && i.to > start);
            otherwise && carrying.any(|i| (i.from..=i.to).contains(&at))
        };
        let called = self.missed.iter().find(|(at, _)| (start..=end).contains(at));
        called.or_else(|| self.missed.iter().find(|(at, _)| carrying(*at))).map(|(_, seq)| *seq)
    }
}

fn covered(intervals: &[Interval], start: i64, end: i64) -> i64 {
    union(intervals.iter().map(|i| (i.from.max(start), i.to.min(end))))
}

/// The length of the union of intervals; those that end before they start are empty.
fn union(intervals: impl Iterator<Item = (i64, i64)>) -> i64 {
    let mut all: Vec<(i64, i64)> = intervals.filter(|(from, to)| from < to).collect();
    all.sort_unstable();
    let (mut sum, mut until) = (0, i64::MIN);
    for (from, to) in all {
        sum += (to - from.max(until)).max(0);
        until = until.max(to);
    }
    sum
}

fn missed<'a>(records: &'a [Record], times: &[i64]) -> BTreeMap<&'a str, Vec<(i64, u64)>> {
    let mut missed: BTreeMap<&str, Vec<(i64, u64)>> = BTreeMap::new();
    for (record, at) in records.iter().zip(times) {
        if let Body::Spot(spot) = &record.body
            && spot.phase == "missed"
        {
            missed.entry(&spot.trainee).or_default().push((*at, record.seq));
        }
    }
    missed
}

fn check(log: &VerifiedLog, plan: &Plan) -> Result<(), CountError> {
    let (open, a) = (log.open(), &plan.assignment);
    for (field, found, want) in [
        ("site", &open.site, &a.site),
        ("class", &open.class, &a.class),
        ("session", &open.session, &a.session),
        ("policy", &open.policy, &a.policy.version),
    ] {
        if found != want {
            return Err(CountError::Mismatch { field, found: found.clone(), want: want.clone() });
        }
    }
    let roster: BTreeSet<&str> = a.trainees.iter().map(String::as_str).collect();
    for record in log.records() {
        let trainee = match &record.body {
            Body::Card(c) => &c.trainee,
            Body::Face(f) => &f.trainee,
            Body::Present(p) => &p.trainee,
            Body::Spot(s) => &s.trainee,
            Body::Manual(m) => &m.trainee,
            _ => continue,
        };
        if !roster.contains(trainee.as_str()) {
            return Err(CountError::OffRoster { line: record.seq + 1, trainee: trainee.clone() });
        }
    }
    Ok(())
}
