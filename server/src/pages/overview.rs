//! The first page: classes with claims, and findings.

use askama::Template;
use rusqlite::Connection;

use super::Words;
use super::format::yuan;
use crate::api::findings::Filter;
use crate::rules::run::{ClassResult, Finding, Run};
use crate::store::{StoreError, findings};

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
    /// Where its first proof stands.
    pub proof: String,
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

    /// Money at risk or exposure.
    pub fn money(&self) -> String {
        yuan(self.finding.at_risk_fen.max(self.finding.exposure_fen))
    }
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "overview.html")]
pub struct Overview {
    w: Words,
    here: String,
    run: Option<Run>,
    when: String,
    classes: Vec<ClassLine>,
    findings: Vec<FindingLine>,
    filter: Filter,
    rules: Vec<(String, String)>,
    amount: String,
    certain: String,
    strong: String,
    suspects: usize,
}

/// The view.
///
/// # Errors
/// [`StoreError`].
pub fn view(conn: &Connection, filter: &Filter, w: Words) -> Result<Overview, StoreError> {
    let report = findings::newest(conn)?;
    let (run, classes, all) = match report {
        Some(report) => (Some(report.run), report.classes, report.findings),
        None => (None, Vec::new(), Vec::new()),
    };
    let sum = |money: fn(&ClassResult) -> i64| yuan(classes.iter().map(money).sum());
    let (amount, certain, strong) = (sum(|c| c.amount_fen), sum(|c| c.certain_fen), sum(|c| c.strong_fen));
    let mut rules: Vec<(String, String)> =
        all.iter().map(|f| (f.rule.clone(), if w.zh() { f.zh.title.clone() } else { f.en.title.clone() })).collect();
    rules.sort();
    rules.dedup();
    let classes = classes
        .into_iter()
        .map(|result| {
            let sql = "SELECT c.title, i.name FROM class c JOIN institution i USING (institution) WHERE c.class = ?";
            let (title, institution) = conn.query_row(sql, [&result.class], |r| Ok((r.get(0)?, r.get(1)?)))?;
            Ok(ClassLine { result, title, institution })
        })
        .collect::<Result<_, StoreError>>()?;
    let findings = lines(conn, all.into_iter().filter(|f| filter.passes(f)))?;
    let suspects = findings.iter().filter(|f| f.finding.suspect).count();
    let when = run.as_ref().map(|r| r.at.replace('T', " ").chars().take(19).collect()).unwrap_or_default();
    let here = "/".to_owned();
    Ok(Overview {
        w,
        here,
        run,
        when,
        classes,
        findings,
        filter: filter.clone(),
        rules,
        amount,
        certain,
        strong,
        suspects,
    })
}

/// Findings with names and a link to the first record that proves each.
///
/// # Errors
/// [`StoreError`].
pub fn lines(conn: &Connection, findings: impl Iterator<Item = Finding>) -> Result<Vec<FindingLine>, StoreError> {
    let mut get = conn.prepare("SELECT name FROM roster WHERE class = ? AND id = ?")?;
    findings
        .map(|finding| {
            let name = match finding.trainee.as_str() {
                "" => String::new(),
                id => get.query_row([&finding.class, id], |row| row.get(0)).unwrap_or_default(),
            };
            let proof = finding
                .proofs
                .first()
                .map_or_else(String::new, |p| format!("/sessions/{}/{}#seq-{}", p.device, p.counter, p.seq_from));
            Ok(FindingLine { finding, name, proof })
        })
        .collect()
}
