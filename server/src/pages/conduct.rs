//! The desk that looks at officials' conduct: patterns and their records, and what could not be tested. No page of the other desk
//! leads here, and this one leads to none of theirs.

use askama::Template;
use rusqlite::Connection;

use super::Words;
use super::overview::{Asked, FindingLine, PER_PAGE, Pages, lines, query};
use crate::api::findings::Filter;
use crate::desk::Desk;
use crate::rules;
use crate::rules::run::Run;
use crate::store::pools::{self, Pool};
use crate::store::{StoreError, findings};

/// The page shows so many pools; the file has all.
const POOLS: usize = 100;

/// A rule that could not be tested.
#[derive(Debug)]
pub struct Untested {
    /// The rule.
    pub rule: String,
    /// What it is called.
    pub title: String,
    /// The tables that nobody has filled yet.
    pub lacks: Vec<String>,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "conduct.html")]
pub struct Conduct {
    w: Words,
    here: String,
    desk: Desk,
    run: Option<Run>,
    when: String,
    findings: Vec<FindingLine>,
    pages: Pages,
    filter: Filter,
    rules: Vec<(String, String)>,
    query: String,
    untested: Vec<Untested>,
    pools: Vec<Pool>,
    all: usize,
}

/// The view. `known` are the rules about officials that are in force.
///
/// # Errors
/// [`StoreError`].
pub fn view(conn: &Connection, asked: Asked, known: &rules::Conduct, w: Words) -> Result<Conduct, StoreError> {
    let Asked { filter, page, here } = asked;
    let filter = Filter { desk: Desk::Conduct, ..filter };
    let run = findings::newest_run(conn)?;
    let n = run.as_ref().map_or(0, |run| run.run);
    let (total, _) = findings::count(conn, n, &filter)?;
    let pages = Pages::new(total, page, "/conduct", &filter);
    let findings = lines(conn, findings::page(conn, n, &filter, PER_PAGE, pages.offset())?)?;
    let title = |rule: &str| known.titles.get(rule).map(|(zh, en)| if w.zh() { zh.clone() } else { en.clone() });
    let untested = run.iter().flat_map(|run| &run.untestable);
    let untested = untested
        .filter_map(|(rule, lacks)| Some(Untested { title: title(rule)?, rule: rule.clone(), lacks: lacks.clone() }));
    let mut pools = pools::too_small(conn, known.least)?;
    let all = pools.len();
    pools.truncate(POOLS);
    Ok(Conduct {
        w,
        here,
        desk: Desk::Conduct,
        when: run.as_ref().map(|r| r.at.replace('T', " ").chars().take(19).collect()).unwrap_or_default(),
        findings,
        pages,
        rules: known.titles.keys().map(|rule| (rule.clone(), title(rule).unwrap_or_default())).collect(),
        query: query(&filter),
        filter,
        untested: untested.collect(),
        run,
        pools,
        all,
    })
}
