//! One finding with the rows that made it: each leads to its records, and all that proves it is one download.

use askama::Template;
use rusqlite::Connection;

use super::Words;
use super::overview::{FindingLine, Pages, escape, lines};
use super::session;
use crate::desk::Desk;
use crate::proof::{self, Proved};
use crate::rules::engine::Hit;
use crate::store::StoreError;

/// The page shows so many rows; the file has all.
const ROWS: usize = 500;

/// A row that a rule yielded.
#[derive(Debug)]
pub struct Row {
    /// The row.
    pub hit: Hit,
    /// Its records, in words.
    pub record: String,
    /// Where they are shown; empty where there are none.
    pub link: String,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "proof.html")]
pub struct Proof {
    w: Words,
    here: String,
    desk: Desk,
    findings: Vec<FindingLine>,
    pages: Pages,
    rows: Vec<Row>,
    all: usize,
    sessions: usize,
    files: Vec<String>,
}

/// The address of a finding's page, without what comes before it at each desk.
pub fn path(finding: &str) -> String {
    format!("/proof?finding={}", escape(finding))
}

/// The view; `None` when the newest run has no such finding for this desk.
///
/// # Errors
/// [`StoreError`].
pub fn view(conn: &Connection, finding: &str, desk: Desk, here: String, w: Words) -> Result<Option<Proof>, StoreError> {
    let Some(proved) = proof::find(conn, finding, desk)? else { return Ok(None) };
    let (sessions, files) = (proved.sessions.len(), proved.files());
    let file = |n: usize| format!("{}/proof.tar?finding={}&part={n}", desk.prefix(), escape(finding));
    let Proved { finding, .. } = proved;
    let rows = finding.hits.iter().take(ROWS).map(|hit| row(hit, desk)).collect();
    let all = finding.hits.len();
    Ok(Some(Proof {
        w,
        here,
        desk,
        findings: lines(conn, vec![finding])?,
        pages: Pages::default(),
        rows,
        all,
        sessions,
        files: (1..=files).map(file).collect(),
    }))
}

fn row(hit: &Hit, desk: Desk) -> Row {
    let Hit { device, counter, seq_from, seq_to, .. } = hit;
    let to = if seq_to == seq_from { String::new() } else { format!("–{seq_to}") };
    let path = session::path(device, *counter, (*seq_from, *seq_to), &hit.trainee);
    let (record, link) = match device.as_str() {
        "" => (String::new(), String::new()),
        _ => (format!("{device}/{counter} #{seq_from}{to}"), format!("{}{path}", desk.prefix())),
    };
    Row { hit: hit.clone(), record, link }
}
