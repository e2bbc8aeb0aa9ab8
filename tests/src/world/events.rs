//! Records as raw events: one row each, for engines that scan them.

use muster_seal::record::{Body, Way};
use muster_server::evidence::sheet::Sheet;
use muster_server::evidence::tables::Type::{Int, Text};
use muster_server::evidence::tables::{Source, Table};

/// A record of a session log.
pub static EVENTS: Table = Table {
    name: "events",
    source: Source::Logs,
    columns: &[
        ("device", Text),
        ("counter", Int),
        ("institution", Text),
        ("site", Text),
        ("region", Text),
        ("class", Text),
        ("session", Text),
        ("seq", Int),
        ("kind", Text),
        ("at", Int),
        ("up_ms", Int),
        ("trainee", Text),
        ("instructor", Text),
        ("way", Text),
        ("level", Int),
        ("tap", Int),
        ("face", Int),
        ("reader", Text),
        ("outcome", Text),
        ("score", Int),
        ("other", Text),
        ("other_score", Int),
        ("live", Int),
        ("quality", Int),
        ("frame", Text),
        ("face_group", Int),
        ("call", Int),
        ("phase", Text),
        ("reason", Text),
        ("part", Text),
        ("state", Text),
        ("step_ms", Int),
    ],
};

/// Whose log it is.
#[derive(Debug, Clone, Copy)]
pub struct Of<'a> {
    /// Which device.
    pub device: &'a str,
    /// Which counter.
    pub counter: u64,
    /// Whose.
    pub institution: &'a str,
    /// Where.
    pub site: &'a str,
    /// GB/T 2260 code.
    pub region: &'a str,
    /// Which class.
    pub class: &'a str,
    /// Which session.
    pub session: &'a str,
}

/// What a kind of record has of the columns that not all have.
#[derive(Default)]
struct Rest<'a> {
    trainee: Option<&'a str>,
    instructor: Option<&'a str>,
    way: Option<&'static str>,
    level: Option<i64>,
    tap: Option<i64>,
    face: Option<i64>,
    reader: Option<&'a str>,
    outcome: Option<&'a str>,
    score: Option<i64>,
    other: Option<&'a str>,
    other_score: Option<i64>,
    live: Option<i64>,
    quality: Option<i64>,
    frame: Option<&'a str>,
    group: Option<i64>,
    call: Option<i64>,
    phase: Option<&'a str>,
    reason: Option<&'a str>,
    part: Option<&'a str>,
    state: Option<&'a str>,
    step_ms: Option<i64>,
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|t| !t.is_empty())
}

fn rest(body: &Body) -> Rest<'_> {
    let way = |way: Way| Some(way.as_str());
    let whole = |n: u64| Some(n as i64);
    match body {
        Body::Open(_) => Rest::default(),
        Body::Card(c) => Rest { trainee: some(&c.trainee), reader: some(&c.reader), ..Rest::default() },
        Body::Face(f) => Rest {
            trainee: some(&f.trainee),
            tap: whole(f.tap),
            outcome: some(&f.outcome),
            score: f.score,
            other: some(&f.other),
            other_score: f.other_score,
            live: f.live,
            quality: whole(f.quality),
            frame: some(&f.frame),
            group: f.group.and_then(whole),
            ..Rest::default()
        },
        Body::Present(p) => Rest {
            trainee: some(&p.trainee),
            way: way(p.way),
            level: whole(p.level),
            tap: whole(p.tap),
            face: p.face.and_then(whole),
            ..Rest::default()
        },
        Body::Spot(s) => {
            Rest { trainee: some(&s.trainee), call: whole(s.call), phase: some(&s.phase), ..Rest::default() }
        }
        Body::Instructor(i) => Rest { instructor: some(&i.instructor), way: way(i.way), ..Rest::default() },
        Body::Manual(m) => Rest {
            trainee: some(&m.trainee),
            instructor: some(&m.by),
            way: way(m.way),
            level: whole(m.level),
            reason: some(&m.reason),
            ..Rest::default()
        },
        Body::Stranger(s) => Rest { reader: some(&s.reader), ..Rest::default() },
        Body::Clock(c) => Rest { step_ms: Some(c.step_ms), ..Rest::default() },
        Body::Fault(f) => {
            Rest { reason: some(&f.reason), part: some(&f.part), state: some(&f.state), ..Rest::default() }
        }
        Body::Restart(_) => Rest::default(),
        Body::Close(c) => Rest { reason: some(&c.reason), ..Rest::default() },
    }
}

/// Adds the records of a log: wall clock, boot time and body of each.
pub fn add(sheet: &mut Sheet, of: &Of<'_>, written: &[(i64, u64, Body)]) {
    for (seq, (at, up_ms, body)) in written.iter().enumerate() {
        let r = rest(body);
        let row = sheet.text(of.device).count(of.counter).text(of.institution).text(of.site).text(of.region);
        row.text(of.class).text(of.session).count(seq as u64).text(body.kind()).int(*at).count(*up_ms);
        row.text(r.trainee).text(r.instructor).text(r.way).int(r.level).int(r.tap).int(r.face).text(r.reader);
        row.text(r.outcome).int(r.score).text(r.other).int(r.other_score).int(r.live).int(r.quality).text(r.frame);
        row.int(r.group).int(r.call).text(r.phase).text(r.reason).text(r.part).text(r.state).int(r.step_ms);
    }
}
