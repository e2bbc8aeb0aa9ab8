//! One verified log as evidence rows. Pure.

use std::collections::BTreeMap;

use muster_hours::count::Counted;
use muster_hours::schedule::{Plan, time_ms};
use muster_seal::record::Body;
use muster_seal::session::VerifiedLog;

use super::tables::{FACES, LESSONS, PRESENCE, Row, SESSIONS, TAPS, Table, Val};
use crate::store::sessions::Stored;

/// The rows of the five tables that a log makes.
pub fn rows(log: &VerifiedLog, plan: &Plan, counted: &Counted, stored: &Stored) -> [(&'static Table, Vec<Row>); 5] {
    let key = || -> Row {
        let a = &plan.assignment;
        vec![a.class.as_str().into(), a.session.as_str().into(), stored.device.as_str().into(), stored.counter.into()]
    };
    let row = |values: Vec<Val>| key().into_iter().chain(values).collect::<Row>();
    let lessons = counted.cells.iter().map(|c| {
        row(vec![
            c.trainee.as_str().into(),
            c.lesson.as_str().into(),
            c.start.into(),
            c.end.into(),
            (c.covered_ms / 1000).into(),
            c.reason.is_none().into(),
            i64::from(c.level).into(),
            c.manual.into(),
            c.shape.as_str().into(),
            c.reason.map(|r| r.as_str()).into(),
            c.seqs.map(|s| s.0).into(),
            c.seqs.map(|s| s.1).into(),
        ])
    });
    let mut spots: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for record in log.records() {
        if let Body::Spot(spot) = &record.body {
            let (due, met) = spots.entry(&spot.trainee).or_default();
            *due += i64::from(spot.phase == "call");
            *met += i64::from(spot.phase == "met");
        }
    }
    let presence = counted.presence.iter().map(|p| {
        let (due, met) = spots.get(p.trainee.as_str()).copied().unwrap_or_default();
        row(vec![
            p.trainee.as_str().into(),
            p.from.into(),
            p.to.into(),
            p.closed_by.as_str().into(),
            i64::from(p.level).into(),
            p.manual.into(),
            p.seq_from.into(),
            p.seq_to.into(),
            due.into(),
            met.into(),
        ])
    });
    [
        (&LESSONS, lessons.collect()),
        (&PRESENCE, presence.collect()),
        (&TAPS, taps(log, counted).into_iter().map(row).collect()),
        (&FACES, faces(log).into_iter().map(row).collect()),
        (&SESSIONS, vec![row(session(log, plan, counted, stored))]),
    ]
}

fn taps(log: &VerifiedLog, counted: &Counted) -> Vec<Row> {
    let mut purposes: BTreeMap<u64, (&str, u64)> = BTreeMap::new();
    for record in log.records() {
        if let Body::Present(p) = &record.body {
            purposes.insert(p.tap, (p.way.as_str(), p.level));
        }
    }
    let tap = |(record, at): (&muster_seal::record::Record, &i64)| -> Option<Row> {
        let (reader, trainee) = match &record.body {
            Body::Card(card) => (&card.reader, Some(card.trainee.as_str())),
            Body::Stranger(stranger) => (&stranger.reader, None),
            _ => return None,
        };
        let purpose = purposes.get(&record.seq);
        Some(vec![
            record.seq.into(),
            (*at).into(),
            record.stamp.up_ms.into(),
            reader.as_str().into(),
            trainee.into(),
            purpose.map(|p| p.0).into(),
            purpose.map(|p| p.1).into(),
        ])
    };
    log.records().iter().zip(&counted.times).filter_map(tap).collect()
}

fn faces(log: &VerifiedLog) -> Vec<Row> {
    let face = |record: &muster_seal::record::Record| -> Option<Row> {
        let Body::Face(f) = &record.body else { return None };
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Some(vec![
            record.seq.into(),
            f.tap.into(),
            f.trainee.as_str().into(),
            f.outcome.as_str().into(),
            f.score.into(),
            some(&f.other).into(),
            f.other_score.into(),
            f.live.into(),
            f.quality.into(),
            some(&f.frame).into(),
            f.group.into(),
            (f.outcome == "declined").into(),
        ])
    };
    log.records().iter().filter_map(face).collect()
}

fn session(log: &VerifiedLog, plan: &Plan, counted: &Counted, stored: &Stored) -> Row {
    let down = |part: &str| -> i64 {
        counted.outages.iter().filter(|o| o.part == part).map(|o| (o.to - o.from + 999) / 1000).sum()
    };
    let count = |kind: &str| log.records().iter().filter(|r| r.body.kind() == kind).count() as u64;
    let steps = log.records().iter().map(|r| if let Body::Clock(c) = &r.body { c.step_ms.abs() } else { 0 });
    let closed = match log.records().last().map(|r| &r.body) {
        Some(Body::Close(close)) => close.reason.clone(),
        _ => String::new(),
    };
    vec![
        plan.assignment.site.as_str().into(),
        plan.assignment.institution.as_str().into(),
        counted.times.first().copied().into(),
        counted.times.last().copied().into(),
        time_ms(&stored.received).into(),
        (steps.max().unwrap_or(0) / 1000).into(),
        (counted.rebased_ms / 1000).into(),
        count("restart").into(),
        down("reader").into(),
        down("camera").into(),
        count("manual").into(),
        count("stranger").into(),
        closed.into(),
        stored.log_index.into(),
        (!log.open().camera.is_empty()).into(),
    ]
}
