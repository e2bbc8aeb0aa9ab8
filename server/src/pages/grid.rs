//! A claim as a picture: a row for each trainee, a box for each lesson of the schedule, and what is claimed beyond it.
//!
//! Boxes of one session that are alike are one mark with one title, and lead to the records that say so. Their shapes are those of
//! [`super::timeline`]; what is not claimed is an empty box.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use super::format::{date, short_date};
use super::session;
use super::timeline::{Mark, PATTERNS, escape};
use crate::evidence::claimed::{Planned, Shape};
use crate::rules::cells::{Cell, Cells, Person, Source};

const LEFT: f64 = 96.0;
const TOP: f64 = 22.0;
const ROW: f64 = 19.0;
const WIDE: f64 = 9.0;
const HIGH: f64 = 14.0;
const STEP: f64 = 10.5;
/// Between two sessions, and before what is beyond the schedule.
const GAP: f64 = 5.0;
/// As wide as the page has room for.
const ROOM: f64 = 1000.0;
/// A date under the one before it must not touch it.
const LABEL: f64 = 36.0;

/// What a cell says, for drawing: rules by their titles.
pub fn mark(cell: &Cell, titles: &HashMap<String, String>) -> Mark {
    let title = |rule: &String| titles.get(rule).unwrap_or(rule).clone();
    let disproved = cell.disproved.iter().map(title).collect::<Vec<_>>().join(", ");
    Mark { shape: cell.shape.as_str(), reason: reason(cell), disproved }
}

/// Why a cell does not count, as the catalogue names it: a lesson moved with leave is another thing than one moved without.
pub fn reason(cell: &Cell) -> &'static str {
    if (cell.shape, cell.reason) == (Shape::Unproven, "moved") { "permitted" } else { cell.reason }
}

/// Where the records of a cell are shown.
fn link(source: &Source, trainee: &str) -> String {
    let Source { device, counter, seqs } = source;
    match seqs {
        Some((from, to)) => session::path(device, *counter, (i64::from(*from), i64::from(*to)), trainee),
        None => format!("/sessions/{device}/{counter}"),
    }
}

/// Draws a claim. `names` by trainee, `titles` by rule, `word` gives the text for a key of the catalogue.
pub fn svg(
    cells: &Cells,
    names: &BTreeMap<String, String>,
    titles: &HashMap<String, String>,
    word: &impl Fn(&str) -> String,
) -> String {
    let places = places(&cells.plan);
    let end = places.last().map_or(LEFT, |x| x + STEP + GAP);
    let beyond = cells.people.iter().map(|p| p.cells.len().saturating_sub(cells.plan.len())).max().unwrap_or(0);
    let (width, height) = (end + STEP * beyond as f64, TOP + ROW * cells.people.len() as f64 + 2.0);
    // A short schedule is drawn larger.
    let scale = (ROOM / width).clamp(1.0, 1.4);
    let mut s = format!(
        "<svg class=\"grid\" width=\"{:.0}\" height=\"{:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"group\" aria-label=\"{}\">{PATTERNS}",
        width * scale,
        height * scale,
        escape(&word("grid.label"))
    );
    let mut free = 0.0;
    for (x, lesson) in places.iter().zip(&cells.plan) {
        if *x >= free {
            let _ = write!(s, "<text x=\"{x:.1}\" y=\"13\" class=\"tick\">{}</text>", short_date(lesson.start));
            free = x + LABEL;
        }
    }
    for (i, person) in cells.people.iter().enumerate() {
        let name = names.get(&person.trainee).filter(|name| !name.is_empty()).unwrap_or(&person.trainee);
        let y = TOP + ROW * i as f64;
        let (id, shown) = (escape(&person.trainee), escape(name));
        let _ = write!(s, "<text x=\"0\" y=\"{:.1}\" class=\"who\">{shown}<title>{id}</title></text>", y + 12.0);
        row(&mut s, y, person, (cells, &places, end), (name, titles), word);
    }
    s.push_str("</svg>");
    s
}

/// Where the box of each lesson begins.
fn places(plan: &[Planned]) -> Vec<f64> {
    let mut x = LEFT;
    let mut places: Vec<f64> = Vec::with_capacity(plan.len());
    for (i, lesson) in plan.iter().enumerate() {
        if i > 0 {
            x += if plan[i - 1].session == lesson.session { STEP } else { STEP + GAP };
        }
        places.push(x);
    }
    places
}

fn row(
    s: &mut String,
    y: f64,
    person: &Person,
    (cells, places, end): (&Cells, &[f64], f64),
    (name, titles): (&str, &HashMap<String, String>),
    word: &impl Fn(&str) -> String,
) {
    let session = |cell: &Cell| cell.column.map(|i| cells.plan[i].session.as_str());
    let log = |cell: &Cell| cell.source.as_ref().map(|s| (s.device.clone(), s.counter));
    let key = |cell: &Cell| {
        let what = (cell.n.is_some(), cell.shape, cell.reason, cell.disproved.clone());
        (session(cell).map(str::to_owned), what, log(cell))
    };
    let mut at = 0;
    for alike in person.cells.chunk_by(|a, b| key(a) == key(b)) {
        let x =
            |k: usize| places.get(at + k).copied().unwrap_or(end + STEP * (at + k).saturating_sub(places.len()) as f64);
        let xs: Vec<f64> = (0..alike.len()).map(x).collect();
        at += alike.len();
        run(s, y, &xs, alike, (cells, &person.trainee, name, titles), word);
    }
}

/// Boxes that are alike.
fn run(
    s: &mut String,
    y: f64,
    xs: &[f64],
    alike: &[Cell],
    (cells, trainee, name, titles): (&Cells, &str, &str, &HashMap<String, String>),
    word: &impl Fn(&str) -> String,
) {
    let (Some(first), Some(last)) = (alike.first(), alike.last()) else { return };
    let mut mark = mark(first, titles);
    let mut said = mark.says(word);
    if first.n.is_none() {
        said = format!("{}; {said}", word("shape.unclaimed"));
        mark = Mark { shape: "unclaimed", reason: "", disproved: String::new() };
    }
    let lesson = |cell: &Cell| cell.column.map(|i| &cells.plan[i]);
    let when = match (lesson(first), lesson(last)) {
        (Some(a), Some(b)) if a.lesson == b.lesson => format!("{} {}", date(a.start), a.lesson),
        (Some(a), Some(b)) => format!("{} {}–{}", date(a.start), a.lesson, b.lesson),
        _ => format!("+{}", alike.len()),
    };
    let boxes: String = xs.iter().map(|x| format!("M{x:.1} {y:.1}h{WIDE}v{HIGH}h-{WIDE}z")).collect();
    let over: String = xs.iter().map(|x| mark.over(*x, y, WIDE, HIGH)).collect();
    let drawn = format!(
        "<g><title>{}</title><path d=\"{boxes}\" class=\"cell {}\"/>{over}</g>",
        escape(&format!("{name}, {when}: {said}")),
        mark.shape
    );
    let source = first.source.as_ref().map(|source| {
        let seqs = alike.iter().filter_map(|c| c.source.as_ref()?.seqs);
        Source { seqs: seqs.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))), ..source.clone() }
    });
    let _ = match source {
        Some(source) => write!(s, "<a href=\"{}\">{drawn}</a>", escape(&link(&source, trainee))),
        None => write!(s, "{drawn}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_cell_is_has_words() {
        let reasons =
            ["not-seen", "too-short", "low-assurance", "missed-spot", "unproven", "daily-cap", "overlap", "closed"];
        let others = ["outage", "swapped", "permitted", "moved", "not-on-roster", "not-logged", "beyond-schedule"];
        let keys = reasons.iter().chain(&others).map(|r| format!("reason.{r}"));
        let keys = keys.chain(Shape::ALL.map(|s| format!("shape.{}", s.as_str())));
        for key in keys.chain(super::super::timeline::LEGEND.map(|(shape, _)| format!("shape.{shape}"))) {
            assert_ne!(crate::text::text(crate::text::Lang::Zh, &key), key);
        }
    }

    #[test]
    fn alike_hours_of_a_session_are_one_mark_that_leads_to_its_records() {
        let planned = |session: &str, lesson: &str| Planned {
            session: session.to_owned(),
            lesson: lesson.to_owned(),
            ..Planned::default()
        };
        let cell = |n, column, shape, reason, seqs: Option<(u32, u32)>| Cell {
            n,
            column,
            shape,
            reason,
            source: seqs.map(|seqs| Source { device: "d".to_owned(), counter: 2, seqs: Some(seqs) }),
            disproved: Vec::new(),
        };
        let mut gone = cell(Some(4), None, Shape::Beyond, "beyond-schedule", None);
        gone.disproved.push("hours-over-attested".to_owned());
        let cells = Cells {
            plan: vec![planned("1", "1-1"), planned("1", "1-2"), planned("2", "2-1"), planned("2", "2-2")],
            people: vec![Person {
                trainee: "t1".to_owned(),
                cells: vec![
                    cell(Some(1), Some(0), Shape::Attested, "", Some((3, 8))),
                    cell(Some(2), Some(1), Shape::Attested, "", Some((2, 9))),
                    cell(Some(3), Some(2), Shape::Blank, "not-seen", None),
                    cell(None, Some(3), Shape::Blank, "not-seen", None),
                    gone,
                ],
            }],
        };
        let names = BTreeMap::from([("t1".to_owned(), "<王>".to_owned())]);
        let titles = HashMap::from([("hours-over-attested".to_owned(), "超出".to_owned())]);
        let svg = svg(&cells, &names, &titles, &|key| key.to_owned());
        assert_eq!(
            (svg.matches("class=\"cell attested\"").count(), svg.matches("class=\"cell blank\"").count()),
            (1, 1)
        );
        for part in [
            "/sessions/d/2?from=2&amp;to=9&amp;of=t1#seq-2",
            "&lt;王&gt;, 1970-01-01 1-1–1-2: shape.attested",
            "shape.unclaimed; shape.blank",
            "class=\"cell unclaimed\"",
            "+1: shape.beyond: reason.beyond-schedule · shape.disproved: 超出",
        ] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
    }
}
