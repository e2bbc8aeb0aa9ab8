//! One class's claim: totals, findings in plain words, and each trainee's presence against the lessons.

use std::collections::BTreeMap;

use askama::Template;
use muster_hours::schedule::Assignment;
use rusqlite::{Connection, OptionalExtension};

use super::Words;
use super::format::{time, yuan};
use super::overview::{FindingLine, lines};
use super::timeline::{self, Bar, Block, Track};
use crate::rules::run::ClassResult;
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
    /// Hours claimed.
    pub hours: i64,
    /// Hours attested, of all lessons.
    pub attested: i64,
    /// Yuan claimed.
    pub amount: String,
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
    sessions: Vec<Drawn>,
    people: Vec<Claimed>,
}

impl Claim {
    fn money(&self, fen: &i64) -> String {
        yuan(*fen)
    }
}

/// The view; `None` when there is no such class.
///
/// # Errors
/// [`StoreError`].
pub fn view(conn: &Connection, class: &str, w: Words) -> Result<Option<Claim>, StoreError> {
    let sql =
        "SELECT c.title, i.name, s.name FROM class c JOIN institution i USING (institution) JOIN site s USING (site)
               WHERE c.class = ?";
    let found = conn.query_row(sql, [class], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional()?;
    let Some((title, institution, site)) = found else { return Ok(None) };
    let report = findings::newest(conn)?;
    let (result, mine) = match report {
        Some(report) => (
            report.classes.into_iter().find(|c| c.class == class),
            report.findings.into_iter().filter(|f| f.class == class).collect(),
        ),
        None => (None, Vec::new()),
    };
    let names: BTreeMap<String, String> = {
        let mut get = conn.prepare("SELECT id, name FROM roster WHERE class = ? AND instructor = 0")?;
        let rows = get.query_map([class], |r| Ok((r.get(0)?, r.get(1)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    let mut attested: BTreeMap<String, i64> = BTreeMap::new();
    let sessions = drawn(conn, class, &names, &mut attested, w)?;
    let mut get = conn.prepare("SELECT trainee, hours, amount_fen FROM claim WHERE class = ? ORDER BY trainee")?;
    let rows = get.query_map([class], |r| Ok((r.get::<_, String>(0)?, r.get(1)?, r.get::<_, i64>(2)?)))?;
    let mut people = Vec::new();
    for row in rows {
        let (id, hours, fen) = row?;
        let name = names.get(&id).cloned().unwrap_or_default();
        people.push(Claimed { attested: attested.get(&id).copied().unwrap_or(0), name, hours, amount: yuan(fen), id });
    }
    let here = format!("/classes/{class}");
    let (class, findings) = (class.to_owned(), lines(conn, Vec::into_iter(mine))?);
    Ok(Some(Claim { w, here, class, title, institution, site, result, findings, sessions, people }))
}

fn drawn(
    conn: &Connection,
    class: &str,
    names: &BTreeMap<String, String>,
    attested: &mut BTreeMap<String, i64>,
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
        for (id, hours) in counted.hours() {
            *attested.entry(id.to_owned()).or_default() += i64::from(hours);
        }
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
        conn.prepare("SELECT session, min(start_ms) FROM lesson WHERE class = ? GROUP BY session ORDER BY 2")?;
    let rows = get.query_map([class], |r| Ok((r.get::<_, String>(0)?, r.get(1)?)))?;
    for row in rows {
        let (session, start) = row?;
        if !held.contains(&session) {
            let (link, bundle, svg) = Default::default();
            out.push(Drawn { session, when: time(start), link, bundle, svg });
        }
    }
    Ok(out)
}
