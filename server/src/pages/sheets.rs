//! Which sheets there are, and what stands in each. Ids alone; no name leaves the pages by a file.

use rusqlite::Connection;

use super::Words;
use super::export::{Cell, Sheet};
use super::format::time;
use super::grid;
use crate::api::findings::Filter;
use crate::desk::Desk;
use crate::evidence::claimed::Planned;
use crate::rules::cells::Cells;
use crate::rules::run::Proof;
use crate::store::pools::{self, Least};
use crate::store::{StoreError, findings};

/// What can be had as a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// What is said of each class.
    Classes,
    /// What is said of each claim.
    Claims,
    /// All findings of a desk.
    Findings,
    /// Each claimed hour of one class.
    Cells,
    /// The pools of officials of which something cannot be tested.
    Pools,
}

impl What {
    /// From a file's name without its ending; `None` for what is not handed out at the filter's desk. Cells are of one class.
    pub fn parse(name: &str, filter: &Filter) -> Option<Self> {
        match (name, filter.desk) {
            ("findings", _) => Some(Self::Findings),
            ("classes", Desk::Claims) => Some(Self::Classes),
            ("claims", Desk::Claims) => Some(Self::Claims),
            ("cells", Desk::Claims) => (!filter.class.is_empty()).then_some(Self::Cells),
            ("pools", Desk::Conduct) => Some(Self::Pools),
            _ => None,
        }
    }
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

/// A sheet whose columns are named by keys of the catalogue.
fn headed(w: Words, keys: &str) -> Sheet {
    Sheet { head: keys.split_whitespace().map(|key| w.of(key)).collect(), rows: Vec::new() }
}

/// A word of a section, where there is one.
fn word(w: Words, section: &str, key: &str) -> Cell {
    Cell::Text(if key.is_empty() { String::new() } else { w.in_(section, key) })
}

/// What the newest run says of each class.
///
/// # Errors
/// [`StoreError`].
pub fn classes(conn: &Connection, filter: &Filter, w: Words) -> Result<Sheet, StoreError> {
    let mut sheet = headed(
        w,
        "claims.class claims.institution claims.region claims.band claims.trainees claims.hours claims.attested
         claims.unproven claims.amount total.certain total.strong total.unproven finding.exposure",
    );
    let run = findings::newest_run(conn)?.map_or(0, |run| run.run);
    sheet.rows.extend(findings::classes_page(conn, run, filter, u64::MAX, 0)?.iter().map(|c| {
        let numbers = [c.trainees, c.hours, c.attested, c.unproven].map(Cell::Number);
        let money = [c.amount_fen, c.certain_fen, c.strong_fen, c.unproven_fen, c.exposure_fen].map(Cell::Money);
        let words = [text(&c.class), text(&c.institution), text(&c.region), word(w, "band", &c.band)];
        words.into_iter().chain(numbers).chain(money).collect()
    }));
    Ok(sheet)
}

/// What the newest run says of each claim.
///
/// # Errors
/// [`StoreError`].
pub fn claims(conn: &Connection, filter: &Filter, w: Words) -> Result<Sheet, StoreError> {
    let mut sheet = headed(
        w,
        "claims.class claim.id claims.band claims.hours claims.attested claims.unproven shape.not-held shape.beyond
         claims.amount claims.at_risk",
    );
    let run = findings::newest_run(conn)?.map_or(0, |run| run.run);
    for class in findings::classes_page(conn, run, filter, u64::MAX, 0)? {
        sheet.rows.extend(findings::trainees(conn, run, &class.class)?.iter().map(|t| {
            let numbers = [t.hours, t.attested, t.unproven, t.not_held, t.beyond].map(Cell::Number);
            let money = [t.amount_fen, t.at_risk_fen].map(Cell::Money);
            let words = [text(&t.class), text(&t.trainee), word(w, "band", &t.band)];
            words.into_iter().chain(numbers).chain(money).collect()
        }));
    }
    Ok(sheet)
}

/// The newest run's findings for the filter's desk.
///
/// # Errors
/// [`StoreError`].
pub fn findings(conn: &Connection, filter: &Filter, w: Words) -> Result<Sheet, StoreError> {
    let mut sheet = headed(
        w,
        "findings.id findings.title findings.rule finding.grade claims.class claims.institution claims.region finding.about
         claims.hours finding.at_risk finding.exposure findings.said finding.innocent finding.next finding.basis
         finding.proof",
    );
    let run = findings::newest_run(conn)?.map_or(0, |run| run.run);
    for f in findings::page(conn, run, filter, u64::MAX, 0)? {
        let words = if w.zh() { &f.zh } else { &f.en };
        let record = |p: &Proof| format!("{}/{} #{}-{}", p.device, p.counter, p.seq_from, p.seq_to);
        let proofs: Vec<String> = f.proofs.iter().map(record).collect();
        sheet.rows.push(vec![
            text(&f.finding),
            text(&words.title),
            text(&f.rule),
            word(w, "grade", &format!("{:?}", f.grade).to_lowercase()),
            text(&f.class),
            text(&f.institution),
            text(&f.region),
            text(&f.subject),
            Cell::Number(f.cells),
            Cell::Money(f.at_risk_fen),
            Cell::Money(f.exposure_fen),
            text(&words.explanation),
            text(&words.innocent),
            text(&words.next),
            text(&f.basis),
            Cell::Text(proofs.join(" ")),
        ]);
    }
    Ok(sheet)
}

/// The claimed hours of a class, one a row.
pub fn cells(cells: &Cells, class: &str, w: Words) -> Sheet {
    let mut sheet = headed(
        w,
        "claims.class claim.id cells.n claim.session cells.lesson cells.start cells.shape cells.reason finding.device
         device.counter cells.seq_from cells.seq_to shape.disproved",
    );
    let number = |n: Option<i64>| n.map_or(Cell::Text(String::new()), Cell::Number);
    for person in &cells.people {
        let mut claimed: Vec<_> = person.cells.iter().filter_map(|cell| Some((cell.n?, cell))).collect();
        claimed.sort_by_key(|(n, _)| *n);
        for (n, cell) in claimed {
            let lesson = cell.column.map(|i| &cells.plan[i]);
            let of = |what: fn(&Planned) -> &str| text(lesson.map_or("", what));
            let seqs = cell.source.as_ref().and_then(|s| s.seqs);
            sheet.rows.push(vec![
                text(class),
                text(&person.trainee),
                Cell::Number(n),
                of(|l| &l.session),
                of(|l| &l.lesson),
                Cell::Text(lesson.map_or(String::new(), |l| time(l.start))),
                word(w, "shape", cell.shape.as_str()),
                word(w, "reason", grid::reason(cell)),
                text(cell.source.as_ref().map_or("", |s| &s.device)),
                number(cell.source.as_ref().map(|s| s.counter)),
                number(seqs.map(|s| i64::from(s.0))),
                number(seqs.map(|s| i64::from(s.1))),
                Cell::Text(cell.disproved.join(" ")),
            ]);
        }
    }
    sheet
}

/// The pools of officials of which something cannot be tested.
///
/// # Errors
/// [`StoreError`].
pub fn pools(conn: &Connection, least: Least, w: Words) -> Result<Sheet, StoreError> {
    let mut sheet = headed(w, "pool.unit pool.role pool.officials pool.acts pool.few finding.next");
    sheet.rows.extend(pools::too_small(conn, least)?.iter().map(|p| {
        let next = word(w, "pool", if p.rotate { "rotate" } else { "wait" });
        let words = [text(&p.unit), word(w, "role", &p.role)];
        words.into_iter().chain([p.officials, p.acts, p.few].map(Cell::Number)).chain([next]).collect()
    }));
    Ok(sheet)
}
