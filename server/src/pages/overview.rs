//! The first page: classes with claims, and findings.

use askama::Template;
use rusqlite::Connection;

use super::Words;
use super::format::yuan;
use crate::api::findings::{Filter, Sort};
use crate::desk::Desk;
use crate::rules::Conduct;
use crate::rules::run::{ClassResult, Finding, Proof, Run};
use crate::store::StoreError;
use crate::store::findings::{self, Sums};

/// A line of the claims table.
#[derive(Debug)]
pub struct ClassLine {
    /// What the run says.
    pub result: ClassResult,
    /// The class's title.
    pub title: String,
    /// The institution's name.
    pub institution: String,
}

/// A finding with the name of whom it is about.
#[derive(Debug)]
pub struct FindingLine {
    /// The finding.
    pub finding: Finding,
    /// The trainee's name; empty when it is about the class.
    pub name: String,
}

impl FindingLine {
    /// Its words in a language.
    pub fn words(&self, w: &Words) -> &crate::rules::run::Words {
        if w.zh() { &self.finding.zh } else { &self.finding.en }
    }

    /// Its grade's name.
    pub fn grade(&self) -> String {
        format!("{:?}", self.finding.grade).to_lowercase()
    }

    /// The address of its page, without what comes before it at each desk.
    pub fn path(&self) -> String {
        super::proof::path(&self.finding.finding)
    }

    /// The first of the records that prove it; its page has all.
    pub fn first_proofs(&self) -> &[Proof] {
        &self.finding.proofs[..self.finding.proofs.len().min(PROOFS)]
    }

    /// Where one of them is shown.
    pub fn record(&self, proof: &Proof) -> String {
        let Proof { device, counter, seq_from, seq_to } = proof;
        super::session::path(device, *counter, (*seq_from, *seq_to), &self.finding.trainee)
    }

    /// Is it about something that has no page and no name?
    pub fn other(&self) -> bool {
        matches!(self.finding.about.as_str(), "institution" | "instructor" | "official" | "site")
    }

    /// Money at risk or exposure.
    pub fn money(&self) -> String {
        yuan(self.finding.at_risk_fen.max(self.finding.exposure_fen))
    }
}

/// So many records a finding shows in a list.
const PROOFS: usize = 12;

/// How many classes the page shows; the files hold all of them.
const CLASSES: u64 = 200;

/// How many findings a page holds.
pub const PER_PAGE: u64 = 50;

/// A part of the findings, and the way to its neighbours.
#[derive(Debug, Default)]
pub struct Pages {
    /// Which page this is, from 1.
    pub page: u64,
    /// How many there are, at least 1.
    pub pages: u64,
    /// How many findings there are on all of them.
    pub total: u64,
    /// The page before; empty on the first.
    pub before: String,
    /// The page after; empty on the last.
    pub after: String,
}

impl Pages {
    /// Page `page` of `total` findings; one past the end is the last.
    pub fn new(total: u64, page: u64, path: &str, filter: &Filter) -> Self {
        let pages = total.div_ceil(PER_PAGE).max(1);
        let page = page.clamp(1, pages);
        let link = |n: u64| format!("{path}?{}page={n}#findings", query(filter));
        let before = if page > 1 { link(page - 1) } else { String::new() };
        let after = if page < pages { link(page + 1) } else { String::new() };
        Self { page, pages, total, before, after }
    }

    /// How many findings come before this page.
    pub fn offset(&self) -> u64 {
        (self.page - 1) * PER_PAGE
    }
}

/// A filter as the beginning of a query; each of its parts ends with `&`.
pub fn query(filter: &Filter) -> String {
    let sort = if filter.sort == Sort::Weight { "" } else { filter.sort.as_str() };
    let least = if filter.least_fen > 0 { filter.least_fen.to_string() } else { String::new() };
    let pairs = [
        ("region", filter.region.as_str()),
        ("institution", &filter.institution),
        ("rule", &filter.rule),
        ("class", &filter.class),
        ("band", &filter.band),
        ("least_fen", &least),
        ("sort", sort),
    ];
    pairs.iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| format!("{k}={}&", escape(v))).collect()
}

/// A value of a query, for an address.
pub fn escape(value: &str) -> String {
    let byte = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(b).to_string(),
        _ => format!("%{b:02X}"),
    };
    value.bytes().map(byte).collect()
}

/// What the page was asked for.
#[derive(Debug)]
pub struct Asked {
    /// Which findings.
    pub filter: Filter,
    /// Which page of them.
    pub page: u64,
    /// The page in the other language.
    pub here: String,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "overview.html")]
pub struct Overview {
    w: Words,
    here: String,
    desk: Desk,
    running: bool,
    run: Option<Run>,
    when: String,
    classes: Vec<ClassLine>,
    findings: Vec<FindingLine>,
    pages: Pages,
    filter: Filter,
    rules: Vec<(String, String)>,
    sums: Sums,
    suspects: u64,
    query: String,
}

impl Overview {
    fn money(&self, fen: &i64) -> String {
        yuan(*fen)
    }

    fn sorts(&self) -> [(&'static str, bool); 5] {
        Sort::ALL.map(|sort| (sort.as_str(), sort == self.filter.sort))
    }

    fn bands(&self) -> [(&'static str, bool); 3] {
        ["red", "amber", "green"].map(|band| (band, band == self.filter.band))
    }

    fn least_yuan(&self) -> String {
        if self.filter.least_fen > 0 { (self.filter.least_fen / 100).to_string() } else { String::new() }
    }
}

/// The view. What the rules about officials (`conduct`) lack is said at their desk alone.
///
/// # Errors
/// [`StoreError`].
pub fn view(
    conn: &Connection,
    asked: Asked,
    conduct: &Conduct,
    running: bool,
    w: Words,
) -> Result<Overview, StoreError> {
    let Asked { filter, page, here } = asked;
    let mut run = findings::newest_run(conn)?;
    if let Some(run) = &mut run {
        run.untestable.retain(|rule, _| !conduct.titles.contains_key(rule));
    }
    let n = run.as_ref().map_or(0, |run| run.run);
    let sums = findings::sums(conn, n, &filter)?;
    let classes = findings::classes_page(conn, n, &filter, CLASSES, 0)?;
    let rules = findings::one_of_each_rule(conn, n, filter.desk)?;
    let rules = rules.into_iter().map(|f| (f.rule, if w.zh() { f.zh.title } else { f.en.title })).collect();
    let classes = classes
        .into_iter()
        .map(|result| {
            let sql = "SELECT c.title, i.name FROM class c JOIN institution i USING (institution) WHERE c.class = ?";
            let mut get = conn.prepare_cached(sql)?;
            let (title, institution) = get.query_row([&result.class], |r| Ok((r.get(0)?, r.get(1)?)))?;
            Ok(ClassLine { result, title, institution })
        })
        .collect::<Result<_, StoreError>>()?;
    let (total, suspects) = findings::count(conn, n, &filter)?;
    let pages = Pages::new(total, page, "/", &filter);
    let findings = lines(conn, findings::page(conn, n, &filter, PER_PAGE, pages.offset())?)?;
    let query = query(&filter);
    let when = run.as_ref().map(|r| r.at.replace('T', " ").chars().take(19).collect()).unwrap_or_default();
    let desk = Desk::Claims;
    Ok(Overview { w, here, desk, running, run, when, classes, findings, pages, filter, rules, sums, suspects, query })
}

/// Findings with names.
///
/// # Errors
/// [`StoreError`].
pub fn lines(conn: &Connection, findings: Vec<Finding>) -> Result<Vec<FindingLine>, StoreError> {
    let mut get = conn.prepare("SELECT name FROM roster WHERE class = ? AND id = ?")?;
    findings
        .into_iter()
        .map(|finding| {
            let name = match finding.trainee.as_str() {
                "" => String::new(),
                id => get.query_row([&finding.class, id], |row| row.get(0)).unwrap_or_default(),
            };
            Ok(FindingLine { finding, name })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_know_their_neighbours_and_keep_the_filter() {
        let filter = Filter { region: "1504".to_owned(), rule: "a&b".to_owned(), ..Filter::default() };
        let middle = Pages::new(120, 2, "/", &filter);
        assert_eq!((middle.pages, middle.offset()), (3, 50));
        assert_eq!(middle.before, "/?region=1504&rule=a%26b&page=1#findings");
        assert_eq!(middle.after, "/?region=1504&rule=a%26b&page=3#findings");
        let past = Pages::new(120, 99, "/", &filter);
        assert_eq!((past.page, past.after.as_str()), (3, ""));
        let none = Pages::new(0, 1, "/", &filter);
        assert_eq!((none.page, none.pages, none.offset(), none.before.as_str()), (1, 1, 0, ""));
    }
}
