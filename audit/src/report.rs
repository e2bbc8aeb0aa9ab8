//! What was checked, what holds, and the attested hours: for a person, and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde::Serialize;

use crate::text::both;
use crate::verify::{Defect, Held};

/// One bundle's report.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The file.
    pub file: String,
    /// Does everything hold?
    pub holds: bool,
    /// The first thing that does not.
    pub defect: Option<String>,
    /// What was verified; absent where the bundle does not hold.
    pub session: Option<Facts>,
}

/// What a verified session says.
#[derive(Debug, Serialize)]
pub struct Facts {
    /// Which device.
    pub device: String,
    /// Its session counter.
    pub counter: u64,
    /// Where.
    pub site: String,
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
    /// Is that wider than a day, or open at an end?
    pub wide: bool,
    /// The witnesses that stand for the covering checkpoint, by the names in the trust file.
    pub cosigned_by: Vec<String>,
    /// The policy it was counted by.
    pub policy: String,
    /// Attested class hours by trainee.
    pub attested_hours: BTreeMap<String, u32>,
    /// Cells that do not count, by trainee: lesson and reason.
    pub not_counted: BTreeMap<String, Vec<(String, String)>>,
}

/// A bracket wider than this is marked: a session is uploaded the same day where there is a network.
const WIDE_S: u64 = 24 * 3600;

fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|s| Timestamp::from_second(s).ok());
    time.unwrap_or(Timestamp::MAX)
        .to_zoned_datetime(TimeZone::fixed(Offset::constant(8)))
        .strftime("%Y-%m-%dT%H:%M:%S%:z")
        .to_string()
}

impl Facts {
    fn of(held: &Held) -> Self {
        let open = held.log.open();
        let mut not_counted: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for cell in &held.counted.cells {
            if let Some(reason) = cell.reason {
                let why = (cell.lesson.clone(), reason.as_str().to_owned());
                not_counted.entry(cell.trainee.clone()).or_default().push(why);
            }
        }
        Self {
            device: held.device.clone(),
            counter: held.counter,
            site: open.site.clone(),
            class: open.class.clone(),
            session: open.session.clone(),
            records: held.log.seal().size,
            log_index: held.index,
            after_log_size: held.bracket.after_size,
            before_log_size: held.bracket.before_size,
            after: held.bracket.after_s.map(time),
            before: held.bracket.before_s.map(time),
            wide: held.bracket.is_wide(WIDE_S),
            cosigned_by: held.covering.cosignatures.iter().map(|(name, _)| name.to_string()).collect(),
            policy: held.plan.assignment.policy.version.clone(),
            attested_hours: held.counted.hours().into_iter().map(|(t, h)| (t.to_owned(), h)).collect(),
            not_counted,
        }
    }
}

impl Report {
    /// The report of one file.
    pub fn of(file: String, verdict: &Result<Held, Defect>) -> Self {
        match verdict {
            Ok(held) => Self { file, holds: true, defect: None, session: Some(Facts::of(held)) },
            Err(defect) => Self { file, holds: false, defect: Some(defect.to_string()), session: None },
        }
    }

    /// For a person.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let (zh, en) = both(if self.holds { "verdict.holds" } else { "verdict.fails" });
        let _ = writeln!(out, "{} {}: {zh} / {en}", if self.holds { "✓" } else { "✗" }, self.file);
        if let Some(defect) = &self.defect {
            let _ = writeln!(out, "    {defect}");
        }
        let Some(f) = &self.session else { return out };
        let mut line = |key: &str, value: String| {
            let (zh, en) = both(key);
            let _ = writeln!(out, "    {zh} / {en}: {value}");
        };
        line("fact.session", format!("{} {} · {} · {}/{}", f.class, f.session, f.site, f.device, f.counter));
        line("fact.records", format!("{}, #0–#{}", f.records, f.records.saturating_sub(1)));
        line("fact.sealed", format!("#{} (≤ {})", f.log_index, f.before_log_size));
        match f.after_log_size {
            0 => line("fact.no_beacon", String::new()),
            size => line("fact.bracket", format!("#{size} < … < #{}", f.log_index)),
        }
        match (&f.after, &f.before) {
            (None, None) => {}
            (after, before) => {
                let end = |end: &Option<String>| end.clone().unwrap_or_else(|| "…".to_owned());
                line("fact.between", format!("{} – {}", end(after), end(before)));
            }
        }
        if f.wide && !f.cosigned_by.is_empty() {
            line("fact.wide", String::new());
        }
        let by = if f.cosigned_by.is_empty() { "—".to_owned() } else { f.cosigned_by.join(", ") };
        line("fact.cosigned", by);
        line("fact.policy", f.policy.clone());
        for (trainee, hours) in &f.attested_hours {
            let _ = write!(out, "      {trainee:20} {hours:>3}");
            let missing = f.not_counted.get(trainee).map_or(&[][..], Vec::as_slice);
            for (lesson, reason) in missing {
                let (zh, en) = both(&format!("reason.{reason}"));
                let _ = write!(out, "  {lesson}: {zh} / {en}");
            }
            out.push('\n');
        }
        out
    }
}
