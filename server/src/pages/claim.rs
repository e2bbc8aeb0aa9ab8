//! One class's claim: totals, each claimed hour as a picture, findings in plain words, and a session's presence against the lessons.

use std::collections::{BTreeMap, HashMap};

use askama::Template;
use rusqlite::{Connection, OptionalExtension};

use super::Words;
use super::drawn::{self, About, Drawn, Sitting};
use super::format::{time, yuan};
use super::grid;
use super::overview::{FindingLine, PER_PAGE, Pages, escape, lines};
use crate::api::findings::Filter;
use crate::desk::Desk;
use crate::evidence::claimed::Shape;
use crate::rules::cells::{Cells, Person};
use crate::rules::run::{ClassResult, TraineeResult};
use crate::store::{StoreError, findings};

/// A class of so many sessions shows them all; of a longer one it shows the session that was asked for.
const FEW: usize = 3;

/// A claimed trainee.
#[derive(Debug)]
pub struct Claimed {
    /// Opaque id.
    pub id: String,
    /// Name.
    pub name: String,
    /// What the run says of the claim.
    pub result: TraineeResult,
    /// Claimed hours of a session where the trainee was seen, of one where not, and those that findings disproved.
    pub counts: [usize; 3],
}

/// The way to a session.
#[derive(Debug)]
pub struct Way {
    /// Which session.
    pub session: String,
    /// When it begins.
    pub when: String,
    /// The page with it; empty when it is there.
    pub link: String,
    /// Has it a log?
    pub logged: bool,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "claim.html")]
pub struct Claim {
    w: Words,
    here: String,
    desk: Desk,
    class: String,
    title: String,
    institution: String,
    site: String,
    result: Option<ClassResult>,
    grid: String,
    unreadable: bool,
    findings: Vec<FindingLine>,
    pages: Pages,
    ways: Vec<Way>,
    sessions: Vec<Drawn>,
    people: Vec<Claimed>,
}

impl Claim {
    fn money(&self, fen: &i64) -> String {
        yuan(*fen)
    }
}

/// What the page was asked for.
#[derive(Debug)]
pub struct Asked {
    /// Which class.
    pub class: String,
    /// Which page of its findings.
    pub page: u64,
    /// Which session is drawn; empty for the first.
    pub session: String,
    /// The page in the other language.
    pub here: String,
}

/// The view; `None` when there is no such class. Reads this class alone. `cells` is `None` where the evidence could not be read.
///
/// # Errors
/// [`StoreError`].
pub fn view(conn: &Connection, asked: Asked, cells: Option<&Cells>, w: Words) -> Result<Option<Claim>, StoreError> {
    let Asked { class, page, session, here } = asked;
    let sql =
        "SELECT c.title, i.name, s.name FROM class c JOIN institution i USING (institution) JOIN site s USING (site)
               WHERE c.class = ?";
    let found = conn.query_row(sql, [&class], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional()?;
    let Some((title, institution, site)) = found else { return Ok(None) };
    let run = findings::newest_run(conn)?.map_or(0, |run| run.run);
    let filter = Filter { class: class.clone(), ..Filter::default() };
    let (total, _) = findings::count(conn, run, &filter)?;
    let pages = Pages::new(total, page, &format!("/classes/{class}"), &Filter::default());
    let findings = lines(conn, findings::page(conn, run, &filter, PER_PAGE, pages.offset())?)?;
    let titles: HashMap<String, String> = findings::titles(conn, run, &class)?
        .into_iter()
        .map(|(rule, (zh, en))| (rule, if w.zh() { zh } else { en }))
        .collect();
    let names = names(conn, &class)?;
    let people = people(conn, run, &class, &names, cells)?;
    let claimed: Vec<String> = people.iter().map(|p| p.id.clone()).collect();
    let about = About { claimed: &claimed, names: &names, cells, titles: &titles, w };
    let (sittings, mut sessions) = (drawn::sittings(conn, &class)?, Vec::new());
    let shown = shown(&sittings, &session);
    for sitting in shown {
        sessions.extend(drawn::draw(conn, sitting, &about)?);
    }
    let ways = if sittings.len() > FEW { ways(&sittings, &class, shown) } else { Vec::new() };
    let drawn = cells.filter(|cells| !cells.people.is_empty());
    let grid = drawn.map(|cells| grid::svg(cells, &names, &titles, &|key| w.of(key))).unwrap_or_default();
    let (result, unreadable) = (findings::class(conn, run, &class)?, cells.is_none());
    Ok(Some(Claim {
        w,
        here,
        desk: Desk::Claims,
        class,
        title,
        institution,
        site,
        result,
        grid,
        unreadable,
        findings,
        pages,
        ways,
        sessions,
        people,
    }))
}

fn names(conn: &Connection, class: &str) -> Result<BTreeMap<String, String>, StoreError> {
    let mut get = conn.prepare("SELECT id, name FROM roster WHERE class = ? AND instructor = 0")?;
    let rows = get.query_map([class], |r| Ok((r.get(0)?, r.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn people(
    conn: &Connection,
    run: i64,
    class: &str,
    names: &BTreeMap<String, String>,
    cells: Option<&Cells>,
) -> Result<Vec<Claimed>, StoreError> {
    // What the run counted, which holds cap, overlap and calendar; a claim that came after it has no result yet.
    let mut results: BTreeMap<String, TraineeResult> =
        findings::trainees(conn, run, class)?.into_iter().map(|t| (t.trainee.clone(), t)).collect();
    let decided: HashMap<&str, &Person> =
        cells.iter().flat_map(|c| &c.people).map(|p| (p.trainee.as_str(), p)).collect();
    let mut get = conn.prepare("SELECT trainee, hours, amount_fen FROM claim WHERE class = ? ORDER BY trainee")?;
    let rows = get.query_map([class], |r| Ok((r.get::<_, String>(0)?, r.get(1)?, r.get(2)?)))?;
    let mut people = Vec::new();
    for row in rows {
        let (id, hours, amount_fen) = row?;
        let result = results.remove(&id).filter(|r| (r.hours, r.amount_fen) == (hours, amount_fen));
        let result = result.unwrap_or_else(|| TraineeResult { hours, amount_fen, ..TraineeResult::default() });
        let counts = decided.get(id.as_str()).map_or([0; 3], |person| counts(person));
        people.push(Claimed { name: names.get(&id).cloned().unwrap_or_default(), result, counts, id });
    }
    Ok(people)
}

fn counts(person: &Person) -> [usize; 3] {
    let claimed = || person.cells.iter().filter(|c| c.n.is_some());
    let of = |shape| claimed().filter(|c| c.shape == shape).count();
    [of(Shape::Tail), of(Shape::Blank), claimed().filter(|c| !c.disproved.is_empty()).count()]
}

/// The sessions that are drawn: few, or the one that was asked for, or the first.
fn shown<'a>(sittings: &'a [Sitting], asked: &str) -> &'a [Sitting] {
    match sittings.iter().position(|s| s.session == asked) {
        Some(at) => &sittings[at..=at],
        None if sittings.len() <= FEW => sittings,
        None => &sittings[..1],
    }
}

fn ways(sittings: &[Sitting], class: &str, shown: &[Sitting]) -> Vec<Way> {
    let way = |s: &Sitting| {
        let there = shown.iter().any(|shown| shown.session == s.session);
        let link = format!("/classes/{class}?session={}#sessions", escape(&s.session));
        Way {
            session: s.session.clone(),
            when: s.blocks.first().map_or(String::new(), |b| time(b.start)[5..16].to_owned()),
            link: if there { String::new() } else { link },
            logged: !s.logs.is_empty(),
        }
    };
    sittings.iter().map(way).collect()
}
