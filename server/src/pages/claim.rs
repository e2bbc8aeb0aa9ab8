//! One class's claim: totals, findings in plain words, and each trainee's presence against the lessons.

use std::collections::BTreeMap;

use askama::Template;
use muster_hours::schedule::Assignment;
use rusqlite::{Connection, OptionalExtension};

use super::Words;
use super::format::{time, yuan};
use super::overview::{FindingLine, PER_PAGE, Pages, lines};
use super::timeline::{self, Bar, Block, Track};
use crate::api::findings::Filter;
use crate::rules::run::{ClassResult, TraineeResult};
use crate::store::{StoreError, devices, findings, sessions, setting};

/// One session of the class, drawn.
#[derive(Debug)]
pub struct Drawn {
    /// Which session.
    pub session: String,
    /// When it began.
    pub when: String,
    /// Where its log is; empty when there is none.
    pub link: String,
    /// Its bundle; empty when there is none.
    pub bundle: String,
    /// The picture.
    pub svg: String,
}

/// A claimed trainee.
#[derive(Debug)]
pub struct Claimed {
    /// Opaque id.
    pub id: String,
    /// Name.
    pub name: String,
    /// What the run says of the claim.
    pub result: TraineeResult,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "claim.html")]
pub struct Claim {
    w: Words,
    here: String,
    class: String,
    title: String,
    institution: String,
    site: String,
    result: Option<ClassResult>,
    findings: Vec<FindingLine>,
    pages: Pages,
    sessions: Vec<Drawn>,
    people: Vec<Claimed>,
}

impl Claim {
    fn money(&self, fen: &i64) -> String {
        yuan(*fen)
    }
}

/// The view; `None` when there is no such class. Reads this class alone.
///
/// # Errors
/// [`StoreError`].
pub fn view(conn: &Connection, class: &str, page: u64, here: String, w: Words) -> Result<Option<Claim>, StoreError> {
    let sql =
        "SELECT c.title, i.name, s.name FROM class c JOIN institution i USING (institution) JOIN site s USING (site)
               WHERE c.class = ?";
    let found = conn.query_row(sql, [class], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional()?;
    let Some((title, institution, site)) = found else { return Ok(None) };
    let run = findings::newest_run(conn)?.map_or(0, |run| run.run);
    let filter = Filter { class: class.to_owned(), ..Filter::default() };
    let (total, _) = findings::count(conn, run, &filter)?;
    let pages = Pages::new(total, page, &format!("/classes/{class}"), &Filter::default());
    let mine = findings::page(conn, run, &filter, PER_PAGE, pages.offset())?;
    let names: BTreeMap<String, String> = {
        let mut get = conn.prepare("SELECT id, name FROM roster WHERE class = ? AND instructor = 0")?;
        let rows = get.query_map([class], |r| Ok((r.get(0)?, r.get(1)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    // What the run counted, which holds cap, overlap and calendar; a claim that came after it has no result yet.
    let mut results: BTreeMap<String, TraineeResult> =
        findings::trainees(conn, run, class)?.into_iter().map(|t| (t.trainee.clone(), t)).collect();
    let mut get = conn.prepare("SELECT trainee, hours, amount_fen FROM claim WHERE class = ? ORDER BY trainee")?;
    let rows = get.query_map([class], |r| Ok((r.get::<_, String>(0)?, r.get(1)?, r.get(2)?)))?;
    let mut people = Vec::new();
    for row in rows {
        let (id, hours, amount_fen) = row?;
        let result = results.remove(&id).filter(|r| (r.hours, r.amount_fen) == (hours, amount_fen));
        let result = result.unwrap_or_else(|| TraineeResult { hours, amount_fen, ..TraineeResult::default() });
        people.push(Claimed { name: names.get(&id).cloned().unwrap_or_default(), result, id });
    }
    let sessions = drawn(conn, class, &names, &people, w)?;
    let result = findings::class(conn, run, class)?;
    let (class, findings) = (class.to_owned(), lines(conn, mine)?);
    Ok(Some(Claim { w, here, class, title, institution, site, result, findings, pages, sessions, people }))
}

fn drawn(
    conn: &Connection,
    class: &str,
    names: &BTreeMap<String, String>,
    claimed: &[Claimed],
    w: Words,
) -> Result<Vec<Drawn>, StoreError> {
    let mut out = Vec::new();
    let mut held = Vec::new();
    let mut get =
        conn.prepare("SELECT device, counter FROM session WHERE class = ? AND final = 1 ORDER BY log_index")?;
    let rows = get.query_map([class], |r| Ok((r.get::<_, String>(0)?, r.get::<_, i64>(1)? as u64)))?;
    let keys: Vec<(String, u64)> = rows.collect::<Result<_, _>>()?;
    let corrupt = || StoreError::Corrupt("a final session");
    let domain: String = setting(conn, "domain")?.ok_or_else(corrupt)?;
    for (device, counter) in keys {
        let stored = sessions::session(conn, &device, counter)?.ok_or_else(corrupt)?;
        let document = sessions::assignment(conn, &stored.assignment)?.ok_or_else(corrupt)?;
        // What a device signed past its end attests nothing, and is not drawn.
        let Ok(key) = devices::device(conn, &device)?.ok_or_else(corrupt)?.life.key_at(counter) else { continue };
        let origin = muster_seal::session::origin(&domain, &device, counter);
        let log = muster_seal::session::verify(&stored.log, &stored.seal, &origin, &key).map_err(|_| corrupt())?;
        let plan = Assignment::parse(document.as_bytes()).map_err(|_| corrupt())?;
        let counted = muster_hours::count(&log, &plan).map_err(|_| corrupt())?;
        let link = format!("/sessions/{device}/{counter}");
        let lessons = &plan.assignment.lessons;
        let blocks = lessons.iter().zip(&plan.times);
        let blocks =
            blocks.map(|(l, (start, end))| Block { name: l.lesson.clone(), start: *start, end: *end }).collect();
        let tracks = plan.assignment.trainees.iter().map(|id| Track {
            name: format!("{} {id}", names.get(id).map_or("", String::as_str)),
            cells: counted
                .cells
                .iter()
                .filter(|c| c.trainee == *id)
                .map(|c| (c.shape.as_str(), c.reason.map(|r| r.as_str())))
                .collect(),
            bars: counted
                .presence
                .iter()
                .filter(|p| p.trainee == *id)
                .map(|p| Bar { from: p.from, to: p.to, level: p.level, link: format!("{link}#seq-{}", p.seq_from) })
                .collect(),
        });
        let outages = counted.outages.iter().map(|o| (o.from, o.to, o.part.clone())).collect();
        let svg = timeline::svg(blocks, &tracks.collect::<Vec<_>>(), outages, &|key| w.of(key));
        held.push(plan.assignment.session.clone());
        out.push(Drawn {
            session: plan.assignment.session,
            when: time(plan.times.first().map_or(0, |t| t.0)),
            bundle: format!("/bundles/{}", crate::bundle::file_name(&device, counter)),
            link,
            svg,
        });
    }
    let mut get =
        conn.prepare("SELECT session, lesson, start_ms, end_ms FROM lesson WHERE class = ? ORDER BY start_ms, lesson")?;
    let rows = get.query_map([class], |r| {
        Ok((r.get::<_, String>(0)?, Block { name: r.get(1)?, start: r.get(2)?, end: r.get(3)? }))
    })?;
    let mut planned: Vec<(String, Vec<Block>)> = Vec::new();
    for row in rows {
        let (session, block) = row?;
        match planned.iter_mut().find(|(known, _)| *known == session) {
            Some((_, blocks)) => blocks.push(block),
            None => planned.push((session, vec![block])),
        }
    }
    for (session, blocks) in planned.into_iter().filter(|(session, _)| !held.contains(session)) {
        // Nobody logged it: whoever is claimed for it is claimed for nothing that was seen. What is still to come is no news.
        let when = time(blocks.first().map_or(0, |b| b.start));
        let over = blocks.iter().all(|b| b.end < crate::clock::now_ms());
        let tracks: Vec<Track> = claimed
            .iter()
            .filter(|_| over)
            .map(|c| Track {
                name: format!("{} {}", c.name, c.id),
                cells: vec![("not-held", Some("not-logged")); blocks.len()],
                bars: Vec::new(),
            })
            .collect();
        let drawn = (!tracks.is_empty()).then(|| timeline::svg(blocks, &tracks, Vec::new(), &|key| w.of(key)));
        let (link, bundle, svg) = (String::new(), String::new(), drawn.unwrap_or_default());
        out.push(Drawn { session, when, link, bundle, svg });
    }
    Ok(out)
}
