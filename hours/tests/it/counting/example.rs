//! A worked example: what was planned, what a log says, and what comes of it.

use muster_hours::policy::Policy;
use muster_hours::schedule::{Lesson, Plan};

use super::page::{Block, Line, Table, Wrong, paragraphs, wrong};

/// An example, read.
pub struct Example<'a> {
    pub line: usize,
    pub plan: Plan,
    /// The log's records.
    pub records: Table<'a>,
    /// Expected: the cells; the stays; what was down.
    pub cells: Option<Table<'a>>,
    pub stays: Option<Table<'a>>,
    pub down: Option<Table<'a>>,
    /// Expected: that the log is not counted at all, and the words that say why.
    pub refused: Option<Line<'a>>,
}

/// Reads a number that stands there.
pub fn number<T: std::str::FromStr>(line: usize, text: &str) -> Result<T, Wrong> {
    text.parse().or_else(|_| wrong(line, format!("{text:?} is no such number")))
}

/// Sets one thing of a policy, as `share 800`.
pub fn set(policy: &mut Policy, line: usize, name: &str, value: &str) -> Result<(), Wrong> {
    match name {
        "share" => policy.share_permille = number(line, value)?,
        "level" => policy.level = number(line, value)?,
        "manual" if matches!(value, "yes" | "no") => policy.manual = value == "yes",
        "cap" => policy.daily_cap = number(line, value)?,
        "gap" => policy.power_gap_s = number(line, value)?,
        _ => return wrong(line, format!("a policy has no {name} {value}")),
    }
    Ok(())
}

impl<'a> Example<'a> {
    /// Reads a block.
    pub fn read(block: &Block<'a>) -> Result<Self, Wrong> {
        let mut policy = Policy::default();
        let (mut lessons, mut roster, mut refused) = (Vec::new(), None, None);
        let (mut records, mut cells, mut stays, mut down) = (None, None, None, None);
        for part in paragraphs(&block.lines) {
            let (line, head) = part[0];
            if head.contains('|') {
                let table = Table::read(&part)?;
                let place = match table.columns[..] {
                    ["seq", ..] => &mut records,
                    ["who", "lesson", ..] => &mut cells,
                    ["who", "from", ..] => &mut stays,
                    ["down", ..] => &mut down,
                    _ => return wrong(line, "a table of nothing that examples have"),
                };
                *place = Some(table);
                continue;
            }
            for (line, text) in part {
                let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
                let rest = rest.trim();
                match name {
                    "policy" if rest == "usual" => {}
                    "policy" => {
                        for one in rest.split(", ") {
                            let (name, value) = one.split_once(' ').unwrap_or((one, ""));
                            set(&mut policy, line, name, value)?;
                        }
                    }
                    "lesson" => lessons.push(lesson(line, rest)?),
                    "roster" => roster = Some(rest.split(", ").map(str::to_owned).collect::<Vec<_>>()),
                    "refused" => refused = Some((line, rest)),
                    _ => return wrong(line, format!("an example has no line {name:?}")),
                }
            }
        }
        let Some(records) = records else { return wrong(block.line, "an example without records") };
        if cells.is_none() && refused.is_none() {
            return wrong(block.line, "an example without cells");
        }
        let trainees = roster.unwrap_or_else(|| trainees(cells.as_ref()));
        let plan =
            crate::log::assignment(lessons, trainees, policy).plan().or_else(|e| wrong(block.line, e.to_string()))?;
        Ok(Self { line: block.line, plan, records, cells, stays, down, refused })
    }
}

/// The roster is whom the cells name, in their order.
fn trainees(cells: Option<&Table<'_>>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for row in cells.iter().flat_map(|cells| &cells.rows) {
        if all.last().is_none_or(|last| last != row.get("who")) {
            all.push(row.get("who").to_owned());
        }
    }
    all
}

/// `1  08:00-08:45`
fn lesson(line: usize, text: &str) -> Result<Lesson, Wrong> {
    let parts = text.split_once(' ').and_then(|(name, span)| Some((name, span.trim().split_once('-')?)));
    let Some((name, (start, end))) = parts else { return wrong(line, "a lesson is a name and a time from-to") };
    let time = |text: &str| format!("2026-03-02T{text}:00+08:00");
    Ok(Lesson { lesson: name.to_owned(), start: time(start), end: time(end) })
}
