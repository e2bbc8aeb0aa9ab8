//! One verified log as evidence rows. Pure.

use std::collections::{BTreeMap, BTreeSet};

use muster_hours::count::{Counted, gained};
use muster_hours::error::CountError;
use muster_hours::schedule::{Plan, time_ms};
use muster_seal::record::{Body, Record};
use muster_seal::session::VerifiedLog;

use super::sheet::Sheet;
use super::tables::{CLOCKS, FACES, FAULTS, INSTRUCTORS, LESSONS, MANUALS, PRESENCE, SESSIONS, TAPS, Table};
use crate::store::sessions::Stored;

/// Milliseconds from which China's days are counted: it has one time zone, eight hours ahead.
const CHINA_MS: i64 = 8 * 3600 * 1000;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// The tables that a log makes, in one order.
pub const TABLES: [&Table; 9] =
    [&LESSONS, &PRESENCE, &TAPS, &FACES, &MANUALS, &INSTRUCTORS, &FAULTS, &CLOCKS, &SESSIONS];

/// What rows are written into: one sheet for each of [`TABLES`].
pub struct Sheets {
    /// In the order of [`TABLES`].
    pub all: [Sheet; 9],
}

impl Default for Sheets {
    fn default() -> Self {
        Self { all: TABLES.map(Sheet::new) }
    }
}

/// The day in China of a moment.
pub fn day(ms: i64) -> i64 {
    (ms + CHINA_MS).div_euclid(DAY_MS)
}

struct Of<'a> {
    log: &'a VerifiedLog,
    plan: &'a Plan,
    counted: &'a Counted,
    stored: &'a Stored,
}

impl<'a> Of<'a> {
    fn key<'s>(&self, sheet: &'s mut Sheet) -> &'s mut Sheet {
        let a = &self.plan.assignment;
        sheet.text(&*a.class).text(&*a.session).text(&*self.stored.device).count(self.stored.counter)
    }

    fn records(&self) -> impl Iterator<Item = (&'a Record, i64)> {
        self.log.records().iter().zip(self.counted.times.iter().copied())
    }
}

/// Adds the rows of one log. `stored` names it; its bytes are not looked at.
///
/// # Errors
/// [`CountError`].
pub fn rows(
    sheets: &mut Sheets,
    log: &VerifiedLog,
    plan: &Plan,
    counted: &Counted,
    stored: &Stored,
) -> Result<(), CountError> {
    let of = Of { log, plan, counted, stored };
    let [lessons_to, presence_to, taps_to, faces_to, manuals_to, instructors_to, faults_to, clocks_to, sessions_to] =
        &mut sheets.all;
    lessons(&of, lessons_to);
    presence(&of, presence_to);
    taps(&of, taps_to);
    faces(&of, faces_to);
    manuals(&of, manuals_to);
    instructors(&of, instructors_to);
    for o in &counted.outages {
        of.key(faults_to).count(o.seq).text(&*o.part).text(&*o.name).text(&*o.reason).int(o.from).int(o.to);
    }
    let gain = gained(log, plan, counted)?;
    for (record, at) in of.records() {
        if let Body::Clock(clock) = &record.body {
            of.key(clocks_to).count(record.seq).int(at).int(clock.step_ms).int(gain);
        }
    }
    session(&of, sessions_to);
    Ok(())
}

fn lessons(of: &Of<'_>, to: &mut Sheet) {
    for c in &of.counted.cells {
        let row = of.key(to).text(&*c.trainee).text(&*c.lesson).int(day(c.start)).int(c.start).int(c.end);
        row.int(c.covered_ms / 1000).bool(c.reason.is_none()).int(i64::from(c.level)).bool(c.manual);
        row.text(c.shape.as_str()).text(c.reason.map(|r| r.as_str()));
        row.int(c.seqs.map(|s| s.0 as i64)).int(c.seqs.map(|s| s.1 as i64));
    }
}

fn presence(of: &Of<'_>, to: &mut Sheet) {
    let mut spots: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for record in of.log.records() {
        if let Body::Spot(spot) = &record.body {
            let (due, met) = spots.entry(&spot.trainee).or_default();
            *due += i64::from(spot.phase == "call");
            *met += i64::from(spot.phase == "met");
        }
    }
    for p in &of.counted.presence {
        let (due, met) = spots.get(p.trainee.as_str()).copied().unwrap_or_default();
        let row = of.key(to).text(&*p.trainee).int(p.from).int(p.to).text(p.closed_by.as_str()).int(i64::from(p.level));
        row.bool(p.manual).count(p.seq_from).count(p.seq_to).int(due).int(met);
    }
}

fn taps(of: &Of<'_>, to: &mut Sheet) {
    let mut purposes: BTreeMap<u64, (&str, u64)> = BTreeMap::new();
    for record in of.log.records() {
        if let Body::Present(p) = &record.body {
            purposes.insert(p.tap, (p.way.as_str(), p.level));
        }
    }
    for (record, at) in of.records() {
        let (reader, trainee) = match &record.body {
            Body::Card(card) => (&card.reader, Some(card.trainee.as_str())),
            Body::Stranger(stranger) => (&stranger.reader, None),
            _ => continue,
        };
        let purpose = purposes.get(&record.seq);
        let row = of.key(to).count(record.seq).int(at).count(record.stamp.up_ms).text(reader.as_str()).text(trainee);
        row.text(purpose.map(|p| p.0)).int(purpose.map(|p| p.1 as i64));
    }
}

fn faces(of: &Of<'_>, to: &mut Sheet) {
    let some = |text: &'_ str| !text.is_empty();
    for (record, at) in of.records() {
        let Body::Face(f) = &record.body else { continue };
        let row = of.key(to).count(record.seq).int(at).count(f.tap).text(&*f.trainee).text(&*f.outcome).int(f.score);
        row.text(Some(f.other.as_str()).filter(|t| some(t))).int(f.other_score).int(f.live).count(f.quality);
        row.text(Some(f.frame.as_str()).filter(|t| some(t))).int(f.group.map(|n| n as i64));
        row.bool(f.outcome == "declined");
    }
}

fn manuals(of: &Of<'_>, to: &mut Sheet) {
    let matched: BTreeSet<&str> = of
        .log
        .records()
        .iter()
        .filter_map(|r| if let Body::Face(f) = &r.body { Some(f).filter(|f| f.outcome == "match") } else { None })
        .map(|f| f.trainee.as_str())
        .collect();
    for (record, at) in of.records() {
        let Body::Manual(m) = &record.body else { continue };
        let down = of.counted.outages.iter().any(|o| o.part == "reader" && (o.from..=o.to).contains(&at));
        let row = of.key(to).count(record.seq).int(at).text(&*m.trainee).text(m.way.as_str()).text(&*m.by);
        row.text(&*m.reason).count(m.level).bool(down || matched.contains(m.trainee.as_str()));
    }
}

fn instructors(of: &Of<'_>, to: &mut Sheet) {
    for (record, at) in of.records() {
        if let Body::Instructor(i) = &record.body {
            of.key(to).count(record.seq).int(at).text(&*i.instructor).text(i.way.as_str()).text(&*i.by);
        }
    }
}

fn session(of: &Of<'_>, to: &mut Sheet) {
    let records = of.log.records();
    let down = |part: &str| -> i64 {
        of.counted.outages.iter().filter(|o| o.part == part).map(|o| (o.to - o.from + 999) / 1000).sum()
    };
    let count = |kind: &str| records.iter().filter(|r| r.body.kind() == kind).count() as u64;
    let steps = records.iter().map(|r| if let Body::Clock(c) = &r.body { c.step_ms.saturating_abs() } else { 0 });
    let closed = match records.last().map(|r| &r.body) {
        Some(Body::Close(close)) => close.reason.as_str(),
        _ => "",
    };
    let a = &of.plan.assignment;
    let (open, close) = (of.counted.times.first().copied(), of.counted.times.last().copied());
    let row = of.key(to).text(&*a.site).text(&*a.institution).int(open.map(day)).int(open).int(close);
    row.int(time_ms(&of.stored.received)).int(steps.max().unwrap_or(0) / 1000).int(of.counted.rebased_ms / 1000);
    row.count(count("restart")).int(down("reader")).int(down("camera")).count(count("manual"));
    row.count(count("stranger")).count(a.trainees.len() as u64).text(closed);
    row.int(of.stored.log_index.map(|n| n as i64)).bool(!of.log.open().camera.is_empty());
}
