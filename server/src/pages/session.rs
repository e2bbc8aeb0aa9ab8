//! One session's log, record by record, with its seal and its place in the central log.

use askama::Template;
use muster_seal::policy::Policy;
use muster_seal::record::{Body, Record};
use rusqlite::Connection;

use super::Words;
use super::overview::escape;
use crate::desk::Desk;
use crate::store::{StoreError, sessions, witness};

/// A record as a line of the page.
#[derive(Debug)]
pub struct Line {
    /// Its number.
    pub seq: u64,
    /// The wall clock.
    pub wall: String,
    /// Its kind, in words.
    pub kind: String,
    /// What it says.
    pub what: String,
    /// `asked` when it is one of the records that were asked for, `asked own` when it is about the trainee that was, too.
    pub class: &'static str,
}

/// Records that a page of a session points at.
#[derive(Debug, Clone, Default)]
pub struct Pointed {
    /// The first and the last; `None` for none in particular.
    pub records: Option<(u64, u64)>,
    /// A trainee, by opaque id; empty for nobody in particular.
    pub trainee: String,
}

/// The address of a session's page at some of its records, without what comes before it at each desk.
pub fn path(device: &str, counter: i64, (from, to): (i64, i64), trainee: &str) -> String {
    let of = if trainee.is_empty() { String::new() } else { format!("&of={}", escape(trainee)) };
    format!("/sessions/{device}/{counter}?from={from}&to={to}{of}#seq-{from}")
}

/// Whom a record is about.
fn trainee(body: &Body) -> &str {
    match body {
        Body::Card(c) => &c.trainee,
        Body::Face(f) => &f.trainee,
        Body::Present(p) => &p.trainee,
        Body::Spot(s) => &s.trainee,
        Body::Manual(m) => &m.trainee,
        _ => "",
    }
}

impl Pointed {
    fn class(&self, record: &Record) -> &'static str {
        let there = self.records.is_some_and(|(from, to)| (from..=to).contains(&record.seq));
        match there {
            true if !self.trainee.is_empty() && trainee(&record.body) == self.trainee => "asked own",
            true => "asked",
            false => "",
        }
    }
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "session.html")]
pub struct Session {
    w: Words,
    here: String,
    desk: Desk,
    device: String,
    counter: u64,
    class: String,
    log_index: Option<u64>,
    received: String,
    seal: String,
    bundle: String,
    rebased_s: i64,
    standing: Vec<String>,
    lines: Vec<Line>,
}

/// Who stands for the first checkpoint that covers a seal, and when, by the witnesses' clocks. Empty where none is asked.
fn standing(conn: &Connection, index: u64, policy: Option<&Policy>) -> Result<Vec<String>, StoreError> {
    let (Some(policy), Some(note)) = (policy, witness::cosigned_under(conn, index + 1, policy)?) else {
        return Ok(Vec::new());
    };
    let cosigned = policy.cosigned(note.as_bytes()).map_err(|_| StoreError::Corrupt("a cosigned checkpoint"))?.1;
    Ok(cosigned.iter().map(|(name, s)| format!("{name} {}", super::format::time(*s as i64 * 1000))).collect())
}

/// What the page was asked for.
#[derive(Debug)]
pub struct Asked {
    /// Which device.
    pub device: String,
    /// Which session counter.
    pub counter: u64,
    /// What it points at.
    pub pointed: Pointed,
    /// At which desk.
    pub desk: Desk,
    /// The page in the other language.
    pub here: String,
}

/// The view; `None` when there is no such session, or nothing of it was sealed.
///
/// # Errors
/// [`StoreError`].
pub fn view(conn: &Connection, asked: Asked, policy: Option<&Policy>, w: Words) -> Result<Option<Session>, StoreError> {
    let Asked { device, counter, pointed, desk, here } = asked;
    let Some(stored) = sessions::session(conn, &device, counter)?.filter(|s| s.sealed > 0) else { return Ok(None) };
    let log = muster_seal::session::parse(&stored.log).map_err(|_| StoreError::Corrupt("a witnessed log"))?;
    // A clock that was put right after opening moved the times that are counted, and that is said.
    let rebased_s = muster_hours::presence::times(log.records()).map_or(0, |(_, ms)| ms / 1000);
    let lines = log.records().iter().map(|r| Line { class: pointed.class(r), ..line(r, &w) }).collect();
    Ok(Some(Session {
        here,
        desk,
        counter,
        class: log.open().class.clone(),
        log_index: stored.log_index,
        received: stored.received.replace('T', " ").chars().take(19).collect(),
        seal: stored.seal,
        bundle: match stored.is_final {
            true => format!("{}/bundles/{}", desk.prefix(), crate::bundle::file_name(&device, counter)),
            false => String::new(),
        },
        device,
        rebased_s,
        standing: match stored.log_index {
            Some(index) => standing(conn, index, policy)?,
            None => Vec::new(),
        },
        lines,
        w,
    }))
}

fn line(record: &Record, w: &Words) -> Line {
    let level = |n: u64| format!("{} {n}", w.of("timeline.level"));
    let what = match &record.body {
        Body::Open(o) => format!("{} · {} · {}", o.class, o.session, o.agent),
        Body::Card(c) => format!("{} · {}", c.trainee, c.reader),
        Body::Face(f) => {
            let score = f.score.map_or(String::new(), |s| format!(" · {}.{:03}", s / 1000, s.rem_euclid(1000)));
            format!("{} · {}{score} · {}", f.trainee, w.in_("outcome", &f.outcome), f.detector)
        }
        Body::Present(p) => format!("{} · {} · {}", p.trainee, w.in_("way", p.way.as_str()), level(p.level)),
        Body::Spot(s) => format!("{} · {}", s.trainee, w.in_("spot", &s.phase)),
        Body::Instructor(i) => format!("{} · {}", i.instructor, w.in_("way", i.way.as_str())),
        Body::Manual(m) => format!("{} · {} · {} · {}", m.trainee, w.in_("way", m.way.as_str()), m.by, m.reason),
        Body::Stranger(s) => s.reader.clone(),
        Body::Clock(c) => format!("{} ms", c.step_ms),
        Body::Fault(f) => {
            format!("{} {} · {} · {}", w.in_("part", &f.part), f.name, w.in_("state", &f.state), f.reason)
        }
        Body::Restart(r) => r.agent.clone(),
        Body::Close(c) => w.in_("close", &c.reason),
    };
    Line {
        seq: record.seq,
        wall: record.stamp.wall.replace('T', " "),
        kind: w.in_("kind", record.body.kind()),
        what,
        class: "",
    }
}
