//! One bundle's report: what holds, when it was made as far as others vouch for it, and the attested hours.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use muster_hours::count::Reason;
use serde::Serialize;

use crate::text::both;
use crate::verify::Held;

/// One bundle's report.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The file.
    pub file: String,
    /// What came of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What came of one bundle.
#[derive(Debug, Serialize)]
#[serde(tag = "verdict", content = "what", rename_all = "snake_case")]
pub enum Verdict {
    /// All of it holds.
    Holds(Box<Facts>),
    /// The first thing that does not.
    Fails(String),
    /// It could not be told.
    Unreadable(String),
}

/// What a verified session says.
#[derive(Debug, Serialize)]
pub struct Facts {
    /// Which device.
    pub device: String,
    /// Its session counter.
    pub counter: u64,
    /// Where, by the device's enrolment and by the log.
    pub site: String,
    /// Whose device it is.
    pub institution: String,
    /// Which class.
    pub class: String,
    /// Which session of it.
    pub session: String,
    /// How many records.
    pub records: u64,
    /// Index of the seal in the central log.
    pub log_index: u64,
    /// Size of the central log that the session began with; 0 where the device held no checkpoint.
    pub after_log_size: u64,
    /// Size of the central log that covers it.
    pub before_log_size: u64,
    /// Made after this, by the earliest cosignature on the beacon; RFC 3339. Absent where no witness vouches.
    pub after: Option<String>,
    /// Made before this, when the quorum stood for the checkpoint that covers the seal.
    pub before: Option<String>,
    /// The seconds between the two; absent where one is.
    pub width_s: Option<u64>,
    /// Is that wider than the auditor's limit, or open at an end?
    pub wide: bool,
    /// The witnesses that stand for the covering checkpoint, by the names in the trust file.
    pub cosigned_by: Vec<String>,
    /// Size of the central log up to which the device's life is known.
    pub newest_log_size: u64,
    /// When the quorum stood for that.
    pub newest: Option<String>,
    /// Size of the mirror by which no leaf about the device is left out; absent without a mirror.
    pub whole_up_to: Option<u64>,
    /// The last counter that counts, where the device was revoked or replaced since.
    pub ended_after: Option<u64>,
    /// Index of the leaf that ended the device, where the seal came to the central log after it.
    pub after_end: Option<u64>,
    /// The device that this one replaced.
    pub replaces: Option<String>,
    /// The policy it was counted by.
    pub policy: String,
    /// Attested class hours by trainee.
    pub attested_hours: BTreeMap<String, u32>,
    /// Cells that do not count, by trainee: lesson and reason.
    pub not_counted: BTreeMap<String, Vec<(String, &'static str)>>,
}

fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|s| Timestamp::from_second(s).ok());
    time.unwrap_or(Timestamp::MAX)
        .to_zoned_datetime(TimeZone::fixed(Offset::constant(8)))
        .strftime("%Y-%m-%dT%H:%M:%S%:z")
        .to_string()
}

/// A width for people: the two largest units that say something.
fn width(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min {} s", seconds % 60),
        (0, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

impl Facts {
    /// The facts of a session that holds. A bracket wider than `wide_s` seconds is marked; `mirror` is the size of the mirror that
    /// the device's leaves were compared with.
    pub fn of(held: &Held, wide_s: u64, mirror: Option<u64>) -> Self {
        let open = held.log.open();
        let mut not_counted: BTreeMap<String, Vec<(String, &'static str)>> = BTreeMap::new();
        for cell in &held.counted.cells {
            if let Some(reason) = cell.reason {
                not_counted.entry(cell.trainee.clone()).or_default().push((cell.lesson.clone(), reason.as_str()));
            }
        }
        Self {
            device: held.device.clone(),
            counter: held.counter,
            site: open.site.clone(),
            institution: held.life.institution.clone(),
            class: open.class.clone(),
            session: open.session.clone(),
            records: held.log.seal().size,
            log_index: held.index,
            after_log_size: held.bracket.after_size,
            before_log_size: held.bracket.before_size,
            after: held.bracket.after_s.map(time),
            before: held.bracket.before_s.map(time),
            width_s: held.bracket.width_s(),
            wide: held.bracket.is_wide(wide_s),
            cosigned_by: held.covering.cosignatures.iter().map(|(name, _)| name.to_string()).collect(),
            newest_log_size: held.newest.checkpoint.size,
            newest: held.newest.quorum_at.map(time),
            whole_up_to: mirror,
            ended_after: held.life.end().map(|end| end.counter),
            after_end: held.after_end(),
            replaces: held.life.replaces.clone(),
            policy: held.plan.assignment.policy.version.clone(),
            attested_hours: held.counted.hours().into_iter().map(|(t, h)| (t.to_owned(), h)).collect(),
            not_counted,
        }
    }

    /// One of the attested hours turned out to be above the day's cap.
    pub(crate) fn above_cap(&mut self, trainee: &str, lesson: &str) {
        if let Some(hours) = self.attested_hours.get_mut(trainee) {
            *hours = hours.saturating_sub(1);
        }
        let why = (lesson.to_owned(), Reason::DailyCap.as_str());
        self.not_counted.entry(trainee.to_owned()).or_default().push(why);
    }
}

impl Report {
    /// The session, where the bundle holds.
    pub fn facts(&self) -> Option<&Facts> {
        match &self.verdict {
            Verdict::Holds(facts) => Some(facts),
            Verdict::Fails(_) | Verdict::Unreadable(_) => None,
        }
    }

    /// For a person.
    pub fn text(&self) -> String {
        let (mark, key, why) = match &self.verdict {
            Verdict::Holds(_) => ("✓", "verdict.holds", None),
            Verdict::Fails(defect) => ("✗", "verdict.fails", Some(defect)),
            Verdict::Unreadable(why) => ("?", "verdict.unreadable", Some(why)),
        };
        let (zh, en) = both(key);
        let mut out = format!("{mark} {}: {zh} / {en}\n", self.file);
        if let Some(why) = why {
            let _ = writeln!(out, "    {why}");
        }
        if let Some(facts) = self.facts() {
            facts.write(&mut out);
        }
        out
    }
}

impl Facts {
    fn write(&self, out: &mut String) {
        let mut line = |key: &str, value: &str| {
            let (zh, en) = both(key);
            let _ = writeln!(out, "    {zh} / {en}{}{value}", if value.is_empty() { "" } else { ": " });
        };
        line("fact.site", &format!("{} · {}", self.site, self.institution));
        line("fact.device", &format!("{} / {}", self.device, self.counter));
        line("fact.session", &format!("{} · {}", self.class, self.session));
        line("fact.records", &format!("{}, #0–#{}", self.records, self.records.saturating_sub(1)));
        let end = |time: &Option<String>| time.clone().unwrap_or_else(|| "…".to_owned());
        let width = self.width_s.map_or_else(|| "∞".to_owned(), width);
        line("fact.between", &format!("{} – {} ({width})", end(&self.after), end(&self.before)));
        let (from, to, seal) = (self.after_log_size, self.before_log_size, self.log_index);
        line("fact.sealed", &format!("#{seal} ({from} ≤ #{seal} < {to})"));
        if self.wide {
            let why = match (&self.after, &self.before) {
                (Some(_), Some(_)) => "fact.wide",
                (_, None) => "fact.no_witness",
                (None, Some(_)) if self.after_log_size == 0 => "fact.no_beacon",
                (None, Some(_)) => "fact.bare_beacon",
            };
            line(why, "");
        }
        let by = self.cosigned_by.join(", ");
        line("fact.cosigned", if by.is_empty() { "—" } else { &by });
        line("fact.newest", &format!("{} ({})", self.newest_log_size, end(&self.newest)));
        if let Some(size) = self.whole_up_to {
            line("fact.whole", &size.to_string());
        }
        if let Some(counter) = self.ended_after {
            line("fact.ended", &counter.to_string());
        }
        if let Some(index) = self.after_end {
            line("fact.after_end", &format!("#{} > #{index}", self.log_index));
        }
        if let Some(old) = &self.replaces {
            line("fact.replaces", old);
        }
        line("fact.policy", &self.policy);
        for (trainee, hours) in &self.attested_hours {
            let _ = write!(out, "      {trainee:20} {hours:>3}");
            for (lesson, reason) in self.not_counted.get(trainee).map_or(&[][..], Vec::as_slice) {
                let key = format!("reason.{reason}");
                let (zh, en) = both(&key);
                let _ = write!(out, "  {lesson}: {zh} / {en}");
            }
            out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_say_what_matters() {
        for (seconds, text) in [(0, "0 min 0 s"), (3599, "59 min 59 s"), (3600, "1 h 0 min"), (90_000, "1 d 1 h")] {
            assert_eq!(width(seconds), text);
        }
        assert_eq!(time(1_772_400_000), "2026-03-02T05:20:00+08:00");
    }
}
