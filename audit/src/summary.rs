//! All reports together, as text, JSON or CSV, with what no bundle can show.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::batch::Options;
use crate::report::{Report, Verdict};
use crate::text::both;

/// What was found, and how far that goes.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Do all bundles hold?
    pub holds: bool,
    /// How many hold, do not, and could not be read.
    pub counts: [usize; 3],
    /// How many of those that hold were made in a wide bracket.
    pub wide: usize,
    /// What was not checked and why, in Chinese and in English.
    pub not_checked: Vec<(&'static str, &'static str)>,
    /// One a bundle.
    pub bundles: Vec<Report>,
}

impl Summary {
    /// Sums up.
    pub fn of(bundles: Vec<Report>, options: &Options) -> Self {
        let count = |of: fn(&Verdict) -> bool| bundles.iter().filter(|report| of(&report.verdict)).count();
        let counts = [
            count(|v| matches!(v, Verdict::Holds(_))),
            count(|v| matches!(v, Verdict::Fails(_))),
            count(|v| matches!(v, Verdict::Unreadable(_))),
        ];
        let facts = || bundles.iter().filter_map(Report::facts);
        let wide = facts().filter(|f| f.wide).count();
        let unwitnessed = facts().any(|f| f.before.is_none());
        let not_checked = [
            ("not_checked.life", options.mirror.is_none()),
            ("not_checked.later", true),
            ("not_checked.tail", true),
            ("not_checked.sample", options.sample),
            ("not_checked.witness", unwitnessed),
            ("not_checked.cap", true),
            ("not_checked.people", true),
        ];
        let not_checked = not_checked.into_iter().filter(|(_, said)| *said).map(|(key, _)| both(key)).collect();
        Self { holds: counts[0] == bundles.len(), counts, wide, not_checked, bundles }
    }

    /// The exit status: 0 where all hold, 1 where one does not, 2 where it could not be told of one.
    pub fn status(&self) -> u8 {
        match self.counts {
            [_, 0, 0] => 0,
            [_, 0, _] => 2,
            _ => 1,
        }
    }

    /// For a person.
    pub fn text(&self) -> String {
        let mut out: String = self.bundles.iter().map(Report::text).collect();
        let mut say = |(zh, en): (&str, &str), rest: String| out += &format!("{zh} / {en}{rest}\n");
        say(both("not_checked.title"), ":".to_owned());
        for (zh, en) in &self.not_checked {
            say((&format!("  - {zh}"), en), String::new());
        }
        let [holds, fails, unreadable] = self.counts;
        let wide = if self.wide > 0 { format!(", {} ⚠", self.wide) } else { String::new() };
        say(both("verdict.summary"), format!(": {holds} ✓, {fails} ✗, {unreadable} ?{wide}"));
        out
    }

    /// For programs.
    ///
    /// # Errors
    /// Never for what this type holds; the writer's signature has one.
    pub fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// For a spreadsheet: RFC 4180, UTF-8 with the mark that makes Excel read Chinese, one row a bundle.
    pub fn csv(&self) -> String {
        let mut out = "\u{feff}".to_owned() + &CSV_HEAD.join(",") + "\r\n";
        for report in &self.bundles {
            let verdict = match &report.verdict {
                Verdict::Holds(_) => "holds",
                Verdict::Fails(_) => "fails",
                Verdict::Unreadable(_) => "unreadable",
            };
            let mut row = vec![report.file.clone(), verdict.to_owned()];
            match &report.verdict {
                Verdict::Fails(why) | Verdict::Unreadable(why) => row.push(why.clone()),
                Verdict::Holds(f) => {
                    let or_empty = |time: &Option<String>| time.clone().unwrap_or_default();
                    let hours: u32 = f.attested_hours.values().sum();
                    let width = f.width_s.map(|s| s.to_string()).unwrap_or_default();
                    let (device, site, session) = (f.device.clone(), f.site.clone(), f.session.clone());
                    row.extend([String::new(), device, f.counter.to_string(), site, f.institution.clone()]);
                    row.extend([f.class.clone(), session, f.records.to_string(), f.log_index.to_string()]);
                    row.extend([or_empty(&f.after), or_empty(&f.before), width, f.wide.to_string()]);
                    row.extend([f.cosigned_by.join(" "), f.newest_log_size.to_string(), f.policy.clone()]);
                    row.extend([f.attested_hours.len().to_string(), hours.to_string()]);
                    // Empty but where the seal came after the device's end: the index of the leaf that ended it.
                    row.push(f.after_end.map(|index| index.to_string()).unwrap_or_default());
                }
            }
            row.resize(CSV_HEAD.len(), String::new());
            out += &row.iter().map(|field| quoted(field)).collect::<Vec<_>>().join(",");
            out += "\r\n";
        }
        out
    }

    /// Writes the file in the form that its ending asks for.
    ///
    /// # Errors
    /// Another ending than `txt`, `json` or `csv`, or a file that cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        let text = match form(file)? {
            Form::Text => self.text(),
            Form::Json => self.json()?,
            Form::Csv => self.csv(),
        };
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }
}

const CSV_HEAD: [&str; 21] = [
    "file",
    "verdict",
    "defect",
    "device",
    "counter",
    "site",
    "institution",
    "class",
    "session",
    "records",
    "log_index",
    "after",
    "before",
    "width_s",
    "wide",
    "cosigned_by",
    "newest_log_size",
    "policy",
    "trainees",
    "attested_hours",
    "ended_by",
];

/// A form of summary.
pub enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For spreadsheets.
    Csv,
}

/// The form that a file's ending asks for.
///
/// # Errors
/// Any other ending.
pub fn form(file: &Path) -> Result<Form> {
    match file.extension().and_then(|e| e.to_str()) {
        Some("txt") => Ok(Form::Text),
        Some("json") => Ok(Form::Json),
        Some("csv") => Ok(Form::Csv),
        _ => bail!("{}: a summary ends in .txt, .json or .csv", file.display()),
    }
}

/// A field in quotes where it needs them. What a spreadsheet would take for a formula gets an apostrophe: file names and
/// defects hold what others wrote.
fn quoted(field: &str) -> String {
    let formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let field = if formula { format!("'{field}") } else { field.to_owned() };
    if field.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_stays_a_field() {
        for (field, want) in [
            ("a b", "a b"),
            ("a,b", "\"a,b\""),
            ("a \"b\"", "\"a \"\"b\"\"\""),
            ("=1+1", "'=1+1"),
            ("-1\n", "\"'-1\n\""),
        ] {
            assert_eq!(quoted(field), want);
        }
    }
}
