//! Records to intervals: from a check-in to the check-out, or to the last positive verification where there is none.

use std::collections::BTreeMap;

use muster_seal::record::{Body, Record, Way};
use muster_seal::time::record_ms;

use crate::error::CountError;

/// Why an interval ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedBy {
    /// A check-out.
    Out,
    /// No check-out: the last positive verification.
    LastSeen,
    /// A spot check was missed.
    MissedSpot,
}

impl ClosedBy {
    /// As the evidence tables say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::LastSeen => "last-seen",
            Self::MissedSpot => "missed-spot",
        }
    }
}

/// A time during which a trainee is attested. Milliseconds since 1970-01-01T00:00Z.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interval {
    /// Who.
    pub trainee: String,
    /// From.
    pub from: i64,
    /// To; equal to `from` when one verification is all there is.
    pub to: i64,
    /// The lowest assurance among the verifications that carry it; 0 for a manual entry.
    pub level: u8,
    /// Does an instructor's manual entry carry it, at its start, its end or between?
    pub manual: bool,
    /// `seq` of the first record that carries it.
    pub seq_from: u64,
    /// `seq` of the last one.
    pub seq_to: u64,
    /// Why it ended.
    pub closed_by: ClosedBy,
}

/// One positive verification, or a missed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    In,
    Out,
    Seen,
    Missed,
    /// A check-out that proves nothing: not sure enough, or by hand where that does not count.
    Left,
}

#[derive(Debug, Clone, Copy)]
struct Event {
    at: i64,
    seq: u64,
    mark: Mark,
    level: u8,
    manual: bool,
}

/// How long after the first record of a boot a step of the wall clock is the clock being put right, in milliseconds of boot
/// time: the network comes up, the time service answers, and a clock whose battery is dead learns the time. A later
/// step is somebody's hand, and moves nothing.
pub const SETTLE_MS: u64 = 600_000;

/// When each record was made, and how far the clock had to be put right, in milliseconds, all boots together.
///
/// The wall clock of the first record of a boot, put right by the steps that were recorded while it settled
/// ([`SETTLE_MS`]), and boot time from there on, so that a later step inside a session moves nothing. Never backwards.
/// Milliseconds since 1970-01-01T00:00Z.
///
/// # Errors
/// [`CountError::Wall`].
pub fn times(records: &[Record]) -> Result<(Vec<i64>, i64), CountError> {
    times_by(records, SETTLE_MS)
}

/// As [`times`], with the steps followed that were recorded within so many milliseconds of a boot's first record.
pub(crate) fn times_by(records: &[Record], settle_ms: u64) -> Result<(Vec<i64>, i64), CountError> {
    let mut times = Vec::with_capacity(records.len());
    let (mut last, mut rebased) = (i64::MIN, 0_i64);
    for of_boot in records.chunk_by(|a, b| a.stamp.boot == b.stamp.boot) {
        let first = &of_boot[0];
        let wall = record_ms(&first.stamp.wall).ok_or(CountError::Wall { line: first.seq + 1 })?;
        let settled = first.stamp.up_ms.saturating_add(settle_ms);
        let steps =
            of_boot.iter().take_while(|r| settle_ms > 0 && r.stamp.up_ms <= settled).filter_map(|r| match &r.body {
                Body::Clock(clock) => Some(clock.step_ms),
                _ => None,
            });
        let step = steps.fold(0, i64::saturating_add);
        rebased = rebased.saturating_add(step.saturating_abs());
        let base = wall.saturating_add(step).max(last).saturating_sub(first.stamp.up_ms as i64);
        for record in of_boot {
            last = last.max(base.saturating_add(record.stamp.up_ms as i64));
            times.push(last);
        }
    }
    Ok((times, rebased))
}

/// Which verifications are sure enough.
#[derive(Debug, Clone, Copy)]
pub struct Sure<'a> {
    /// Those of at least this level.
    pub level: u8,
    /// Do manual entries count?
    pub manual: bool,
    /// When the camera was down: a card read then counts as if it had been sure, since nobody could have been seen.
    pub blind: &'a [(i64, i64)],
}

impl Sure<'_> {
    /// All verifications, of any assurance.
    pub const ANY: Self = Self { level: 1, manual: true, blind: &[] };

    fn enough(&self, level: u64, at: i64) -> bool {
        level >= u64::from(self.level) || self.blind.iter().any(|(from, to)| (*from..=*to).contains(&at))
    }
}

/// The intervals of every trainee, carried by verifications that are `sure`.
/// A check-out that does not count ends an interval all the same, at the last verification that does.
pub fn intervals(records: &[Record], times: &[i64], sure: Sure<'_>) -> Vec<Interval> {
    let events = events(records, times, sure);
    events.into_iter().flat_map(|(trainee, events)| of_trainee(trainee, &events)).collect()
}

/// All presence, of any assurance, as it would be had nobody missed a call: what the missed ones voided is the difference.
pub fn intervals_without_misses(records: &[Record], times: &[i64]) -> Vec<Interval> {
    let mut events = events(records, times, Sure::ANY);
    events.values_mut().for_each(|events| events.retain(|e| e.mark != Mark::Missed));
    events.into_iter().flat_map(|(trainee, events)| of_trainee(trainee, &events)).collect()
}

fn events<'a>(records: &'a [Record], times: &[i64], sure: Sure<'_>) -> BTreeMap<&'a str, Vec<Event>> {
    let mut events: BTreeMap<&str, Vec<Event>> = BTreeMap::new();
    for (record, at) in records.iter().zip(times) {
        let (trainee, mark, event_level, by_hand) = match &record.body {
            Body::Present(p) => {
                let mark = match (p.way, sure.enough(p.level, *at)) {
                    (Way::In, true) => Mark::In,
                    (Way::Out, true) => Mark::Out,
                    (Way::Spot, true) => Mark::Seen,
                    (Way::Out, false) => Mark::Left,
                    (_, false) => continue,
                };
                (&p.trainee, mark, p.level as u8, false)
            }
            Body::Manual(m) => {
                let mark = match (m.way == Way::Out, sure.manual) {
                    (false, true) => Mark::In,
                    (true, true) => Mark::Out,
                    (true, false) => Mark::Left,
                    (false, false) => continue,
                };
                (&m.trainee, mark, m.level as u8, true)
            }
            Body::Spot(s) if s.phase == "missed" => (&s.trainee, Mark::Missed, 0, false),
            _ => continue,
        };
        let event = Event { at: *at, seq: record.seq, mark, level: event_level, manual: by_hand };
        events.entry(trainee).or_default().push(event);
    }
    events
}

fn of_trainee(trainee: &str, events: &[Event]) -> Vec<Interval> {
    let mut done = Vec::new();
    let mut open: Option<Interval> = None;
    for event in events {
        match (event.mark, &mut open) {
            // A missed call voids from the verification before it, where the interval already ends, to the one after.
            (Mark::Missed, Some(interval)) => {
                interval.closed_by = ClosedBy::MissedSpot;
                done.extend(open.take());
            }
            // Who left was not there until seen again; that they were there until then is what the record cannot prove.
            (Mark::Left, Some(_)) => done.extend(open.take()),
            (Mark::Missed | Mark::Out | Mark::Left, None) => {}
            (mark, Some(interval)) => {
                interval.to = event.at;
                interval.seq_to = event.seq;
                interval.level = interval.level.min(event.level);
                interval.manual |= event.manual;
                if mark == Mark::Out {
                    interval.closed_by = ClosedBy::Out;
                    done.extend(open.take());
                }
            }
            (_, None) => {
                open = Some(Interval {
                    trainee: trainee.to_owned(),
                    from: event.at,
                    to: event.at,
                    level: event.level,
                    manual: event.manual,
                    seq_from: event.seq,
                    seq_to: event.seq,
                    closed_by: ClosedBy::LastSeen,
                });
            }
        }
    }
    done.extend(open);
    done
}
