//! The sessions of a class, and one of them drawn: who was there against the lessons, from the log itself.

use std::collections::{BTreeMap, HashMap};

use muster_hours::schedule::Assignment;
use rusqlite::Connection;

use super::Words;
use super::format::time;
use super::grid;
use super::session;
use super::timeline::{self, Bar, Block, Mark, Track};
use crate::evidence::claimed::Shape;
use crate::rules::cells::{Cell, Cells};
use crate::store::{StoreError, devices, sessions, setting};

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
    /// The picture; empty for a session that is still to come.
    pub svg: String,
}

/// A session of a class: planned, logged, or both.
#[derive(Debug, Default)]
pub struct Sitting {
    /// Which session.
    pub session: String,
    /// Its lessons by the schedule, in order of time.
    pub blocks: Vec<Block>,
    /// Its logs, by device and counter.
    pub logs: Vec<(String, u64)>,
}

/// The sessions of a class in order of time; those that the schedule does not have come last.
///
/// # Errors
/// [`StoreError`].
pub fn sittings(conn: &Connection, class: &str) -> Result<Vec<Sitting>, StoreError> {
    let mut all: Vec<Sitting> = Vec::new();
    let of = |all: &mut Vec<Sitting>, session: String| -> usize {
        all.iter().position(|s| s.session == session).unwrap_or_else(|| {
            all.push(Sitting { session, ..Sitting::default() });
            all.len() - 1
        })
    };
    let mut get =
        conn.prepare("SELECT session, lesson, start_ms, end_ms FROM lesson WHERE class = ? ORDER BY start_ms, lesson")?;
    let rows = get.query_map([class], |r| {
        Ok((r.get::<_, String>(0)?, Block { name: r.get(1)?, start: r.get(2)?, end: r.get(3)? }))
    })?;
    for row in rows {
        let (session, block) = row?;
        let at = of(&mut all, session);
        all[at].blocks.push(block);
    }
    let sql =
        "SELECT coalesce(session, ''), device, counter FROM session WHERE class = ? AND final = 1 ORDER BY log_index";
    let mut get = conn.prepare(sql)?;
    let rows =
        get.query_map([class], |r| Ok((r.get::<_, String>(0)?, (r.get::<_, String>(1)?, r.get::<_, i64>(2)? as u64))))?;
    for row in rows {
        let (session, log) = row?;
        let at = of(&mut all, session);
        all[at].logs.push(log);
    }
    Ok(all)
}

/// What is known of a class, whatever session is drawn.
pub struct About<'a> {
    /// Who is claimed for, by opaque id.
    pub claimed: &'a [String],
    /// Names by opaque id.
    pub names: &'a BTreeMap<String, String>,
    /// What the claimed hours are; `None` where the evidence could not be read.
    pub cells: Option<&'a Cells>,
    /// Titles of rules.
    pub titles: &'a HashMap<String, String>,
    /// The words.
    pub w: Words,
}

impl About<'_> {
    /// A decided cell.
    fn cell(&self, trainee: &str, lesson: &str) -> Option<&Cell> {
        let cells = self.cells?;
        let person = cells.people.binary_search_by(|p| p.trainee.as_str().cmp(trainee)).ok()?;
        let column = cells.plan.iter().position(|p| p.lesson == lesson)?;
        cells.people[person].cells.get(column)
    }

    /// What a cell is: as it was decided over all classes and the calendar, or else as this log alone has it.
    fn mark(&self, trainee: &str, lesson: &str, logged: Option<(&'static str, &'static str)>) -> Mark {
        let (shape, reason) = logged.unwrap_or(("not-held", "not-logged"));
        match self.cell(trainee, lesson) {
            // A log whose evidence is not made yet says more than its absence.
            Some(cell) if logged.is_none() || cell.shape != Shape::NotHeld => grid::mark(cell, self.titles),
            _ => Mark { shape, reason, disproved: String::new() },
        }
    }

    fn name(&self, id: &str) -> String {
        format!("{} {id}", self.names.get(id).map_or("", String::as_str))
    }
}

/// Draws a session: each of its logs, or that there is none.
///
/// # Errors
/// [`StoreError`].
pub fn draw(conn: &Connection, sitting: &Sitting, about: &About<'_>) -> Result<Vec<Drawn>, StoreError> {
    let mut out = Vec::new();
    for (device, counter) in &sitting.logs {
        out.extend(log(conn, device, *counter, about)?);
    }
    if out.is_empty() && !sitting.blocks.is_empty() {
        out.push(not_held(sitting, about));
    }
    Ok(out)
}

fn log(conn: &Connection, device: &str, counter: u64, about: &About<'_>) -> Result<Option<Drawn>, StoreError> {
    let corrupt = || StoreError::Corrupt("a final session");
    let domain: String = setting(conn, "domain")?.ok_or_else(corrupt)?;
    let stored = sessions::session(conn, device, counter)?.ok_or_else(corrupt)?;
    let document = sessions::assignment(conn, &stored.assignment)?.ok_or_else(corrupt)?;
    // What a device signed past its end attests nothing, and is not drawn.
    let Ok(key) = devices::device(conn, device)?.ok_or_else(corrupt)?.life.key_at(counter) else { return Ok(None) };
    let origin = muster_seal::session::origin(&domain, device, counter);
    let log = muster_seal::session::verify(&stored.log, &stored.seal, &origin, &key).map_err(|_| corrupt())?;
    let plan = Assignment::parse(document.as_bytes()).map_err(|_| corrupt())?;
    let counted = muster_hours::count(&log, &plan).map_err(|_| corrupt())?;
    let link = format!("/sessions/{device}/{counter}");
    let lessons = &plan.assignment.lessons;
    let blocks = lessons.iter().zip(&plan.times);
    let blocks = blocks.map(|(l, (start, end))| Block { name: l.lesson.clone(), start: *start, end: *end }).collect();
    let tracks = plan.assignment.trainees.iter().map(|id| {
        let mine = counted.cells.iter().filter(|c| c.trainee == *id);
        let logged = mine.map(|c| (c.shape.as_str(), c.reason.map_or("", |r| r.as_str())));
        let presence = counted.presence.iter().filter(|p| p.trainee == *id);
        Track {
            name: about.name(id),
            cells: lessons.iter().zip(logged).map(|(l, logged)| about.mark(id, &l.lesson, Some(logged))).collect(),
            bars: presence
                .map(|p| {
                    let link = session::path(device, counter as i64, (p.seq_from as i64, p.seq_to as i64), id);
                    Bar { from: p.from, to: p.to, level: p.level, link }
                })
                .collect(),
        }
    });
    let outages = counted.outages.iter().map(|o| (o.from, o.to, o.part.clone())).collect();
    let svg = timeline::svg(blocks, &tracks.collect::<Vec<_>>(), outages, &|key| about.w.of(key));
    Ok(Some(Drawn {
        when: time(plan.times.first().map_or(0, |t| t.0)),
        session: plan.assignment.session,
        bundle: format!("/bundles/{}", crate::bundle::file_name(device, counter)),
        link,
        svg,
    }))
}

/// Nobody logged it: whoever is claimed for it is claimed for nothing that was seen. What is still to come is no news.
fn not_held(sitting: &Sitting, about: &About<'_>) -> Drawn {
    let over = sitting.blocks.iter().all(|b| b.end < crate::clock::now_ms());
    let track = |id: &String| Track {
        name: about.name(id),
        cells: sitting.blocks.iter().map(|b| about.mark(id, &b.name, None)).collect(),
        bars: Vec::new(),
    };
    let tracks: Vec<Track> = about.claimed.iter().filter(|_| over).map(track).collect();
    let svg = (!tracks.is_empty())
        .then(|| timeline::svg(sitting.blocks.clone(), &tracks, Vec::new(), &|key| about.w.of(key)));
    Drawn {
        session: sitting.session.clone(),
        when: time(sitting.blocks.first().map_or(0, |b| b.start)),
        link: String::new(),
        bundle: String::new(),
        svg: svg.unwrap_or_default(),
    }
}
