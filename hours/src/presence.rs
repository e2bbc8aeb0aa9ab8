//! Records to intervals: from a check-in to the check-out, or to the last positive verification where there is none.

use std::collections::BTreeMap;

use muster_seal::record::{Body, Record, Way};

use crate::error::CountError;
use crate::schedule::time_ms;

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

/// When each record was made: the wall clock of the first record of a boot, and boot time from there on, so that a step of
/// the wall clock inside a session moves nothing. Never backwards. Milliseconds since 1970-01-01T00:00Z.
///
/// # Errors
/// [`CountError::Wall`].
pub fn times(records: &[Record]) -> Result<Vec<i64>, CountError> {
    let mut times = Vec::with_capacity(records.len());
    let (mut boot, mut base, mut last) = ("", 0, i64::MIN);
    for record in records {
        if record.stamp.boot != boot {
            let wall = time_ms(&record.stamp.wall).ok_or(CountError::Wall { line: record.seq + 1 })?;
            boot = &record.stamp.boot;
            base = wall.max(last) - record.stamp.up_ms as i64;
        }
        last = last.max(base + record.stamp.up_ms as i64);
        times.push(last);
    }
    Ok(times)
}

/// The intervals of every trainee. Only verifications of at least `level` count; manual entries count when `manual` is set.
/// A check-out that does not count ends an interval all the same, at the last verification that does.
pub fn intervals(records: &[Record], times: &[i64], level: u8, manual: bool) -> Vec<Interval> {
    let events = events(records, times, level, manual);
    events.into_iter().flat_map(|(trainee, events)| of_trainee(trainee, &events)).collect()
}

/// All presence, of any assurance, as it would be had nobody missed a call: what the missed ones voided is the difference.
pub fn intervals_without_misses(records: &[Record], times: &[i64]) -> Vec<Interval> {
    let mut events = events(records, times, 1, true);
    events.values_mut().for_each(|events| events.retain(|e| e.mark != Mark::Missed));
    events.into_iter().flat_map(|(trainee, events)| of_trainee(trainee, &events)).collect()
}

fn events<'a>(records: &'a [Record], times: &[i64], level: u8, manual: bool) -> BTreeMap<&'a str, Vec<Event>> {
    let mut events: BTreeMap<&str, Vec<Event>> = BTreeMap::new();
    for (record, at) in records.iter().zip(times) {
        let (trainee, mark, event_level, by_hand) = match &record.body {
            Body::Present(p) => {
                let mark = match (p.way, p.level >= u64::from(level)) {
                    (Way::In, true) => Mark::In,
                    (Way::Out, true) => Mark::Out,
                    (Way::Spot, true) => Mark::Seen,
                    (Way::Out, false) => Mark::Left,
                    (_, false) => continue,
                };
                (&p.trainee, mark, p.level as u8, false)
            }
            Body::Manual(m) => {
                let mark = match (m.way == Way::Out, manual) {
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
