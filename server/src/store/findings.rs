//! Runs and what they found: whole for a report, page by page for whoever looks.

use std::collections::{BTreeSet, HashMap};

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Params, Transaction, params, params_from_iter};

use super::{Store, StoreError};
use crate::api::findings::{Filter, Sort};
use crate::desk::Desk;
use crate::rules::engine::Hit;
use crate::rules::header::Grade;
use crate::rules::run::{ClassResult, Finding, Report, Run, TraineeResult};

fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Corrupt("a result"))
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt("a result"))
}

fn documents<T: serde::de::DeserializeOwned>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Vec<T>, StoreError> {
    let mut get = conn.prepare_cached(sql)?;
    let rows = get.query_map(params, |row| row.get::<_, String>(0))?;
    rows.map(|text| parse(&text?)).collect()
}

/// What of the results a run looked at again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    Whole,
    /// What is said of these classes.
    Classes(BTreeSet<String>),
}

/// Stores a run; gives it back with its number. What it says as the run before did is not written again.
///
/// # Errors
/// [`StoreError`].
pub fn put(store: &Store, mut report: Report, scope: &Scope) -> Result<Report, StoreError> {
    store.write(|tx| {
        let run = &report.run;
        tx.execute(
            "INSERT INTO run (at, rules_sha256, log_size, refused, untestable, whole) VALUES (?, ?, ?, ?, ?, ?)",
            params![
                run.at,
                run.rules_sha256,
                run.log_size as i64,
                json(&run.refused)?,
                json(&run.untestable)?,
                *scope == Scope::Whole
            ],
        )?;
        report.run.run = tx.last_insert_rowid();
        put_findings(tx, &report, scope)?;
        put_classes(tx, &report, scope)?;
        put_trainees(tx, &report, scope)
    })?;
    Ok(report)
}

/// The rows of a table that stand, of the classes that were looked at.
fn open_rows(
    tx: &Transaction<'_>,
    columns: &str,
    table: &str,
    scope: &Scope,
    mut each: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<()>,
) -> Result<(), StoreError> {
    let mut ask = |with: &str, params: &[&String]| -> Result<(), StoreError> {
        let mut get = tx.prepare_cached(&format!("SELECT {columns} FROM {table} WHERE until IS NULL{with}"))?;
        let mut rows = get.query(params_from_iter(params))?;
        while let Some(row) = rows.next()? {
            each(row)?;
        }
        Ok(())
    };
    match scope {
        Scope::Whole => ask("", &[]),
        Scope::Classes(classes) => classes.iter().try_for_each(|class| ask(" AND class = ?", &[class])),
    }
}

fn put_findings(tx: &Transaction<'_>, report: &Report, scope: &Scope) -> Result<(), StoreError> {
    let run = report.run.run;
    let mut open: HashMap<String, (String, String)> = HashMap::new();
    open_rows(tx, "finding, document, hits", "finding", scope, |r| {
        open.insert(r.get(0)?, (r.get(1)?, r.get(2)?));
        Ok(())
    })?;
    let mut close = tx.prepare("UPDATE finding SET until = ? WHERE finding = ? AND until IS NULL")?;
    let mut add = tx.prepare(
        "INSERT INTO finding (finding, since, rule, class, institution, region, subject, desk, gravest, suspect, grade,
                              fen, exposure, document, hits) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    for f in &report.findings {
        let said = (json(f)?, json(&f.hits)?);
        match open.remove(&f.finding) {
            Some(before) if before == said => continue,
            Some(_) => drop(close.execute(params![run, f.finding])?),
            None => {}
        }
        let grade = f.grade as i64;
        add.execute(params![
            f.finding,
            run,
            f.rule,
            f.class,
            f.institution,
            f.region,
            f.subject,
            Desk::of_family(&f.family).as_str(),
            f.gravest,
            f.suspect,
            grade,
            f.at_risk_fen,
            f.exposure_fen,
            said.0,
            said.1
        ])?;
    }
    // A finding that no longer holds closes by itself, and its history stays.
    open.keys().try_for_each(|finding| close.execute(params![run, finding]).map(drop))?;
    Ok(())
}

fn put_classes(tx: &Transaction<'_>, report: &Report, scope: &Scope) -> Result<(), StoreError> {
    let run = report.run.run;
    let mut open: HashMap<String, String> = HashMap::new();
    open_rows(tx, "class, document", "claim_result", scope, |r| {
        open.insert(r.get(0)?, r.get(1)?);
        Ok(())
    })?;
    let mut close = tx.prepare("UPDATE claim_result SET until = ? WHERE class = ? AND until IS NULL")?;
    let mut add = tx.prepare(
        "INSERT INTO claim_result (class, since, institution, region, band, amount, certain, strong, unproven,
                                   unproven_hours, document) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    for c in &report.classes {
        let document = json(c)?;
        match open.remove(&c.class) {
            Some(before) if before == document => continue,
            Some(_) => drop(close.execute(params![run, c.class])?),
            None => {}
        }
        add.execute(params![
            c.class,
            run,
            c.institution,
            c.region,
            c.band,
            c.amount_fen,
            c.certain_fen,
            c.strong_fen,
            c.unproven_fen,
            c.unproven,
            document
        ])?;
    }
    open.keys().try_for_each(|class| close.execute(params![run, class]).map(drop))?;
    Ok(())
}

fn put_trainees(tx: &Transaction<'_>, report: &Report, scope: &Scope) -> Result<(), StoreError> {
    let run = report.run.run;
    let mut open: HashMap<(String, String), String> = HashMap::new();
    open_rows(tx, "class, trainee, document", "trainee_result", scope, |r| {
        open.insert((r.get(0)?, r.get(1)?), r.get(2)?);
        Ok(())
    })?;
    let mut close =
        tx.prepare("UPDATE trainee_result SET until = ? WHERE class = ? AND trainee = ? AND until IS NULL")?;
    let mut add = tx.prepare("INSERT INTO trainee_result (class, trainee, since, document) VALUES (?, ?, ?, ?)")?;
    for t in &report.trainees {
        let document = json(t)?;
        let key = (t.class.clone(), t.trainee.clone());
        match open.remove(&key) {
            Some(before) if before == document => continue,
            Some(_) => drop(close.execute(params![run, key.0, key.1])?),
            None => {}
        }
        add.execute(params![key.0, key.1, run, document])?;
    }
    open.keys().try_for_each(|(class, trainee)| close.execute(params![run, class, trainee]).map(drop))?;
    Ok(())
}

/// A finding that stands, with the rows that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The rule.
    pub rule: String,
    /// The rows.
    pub hits: Vec<Hit>,
}

/// The findings about some classes that stand now.
///
/// # Errors
/// [`StoreError`].
pub fn stored(conn: &Connection, classes: &BTreeSet<String>) -> Result<Vec<Stored>, StoreError> {
    let mut get = conn.prepare_cached("SELECT rule, hits FROM finding WHERE class = ? AND until IS NULL")?;
    let mut all = Vec::new();
    for class in classes {
        for row in get.query_map([class], |r| Ok((r.get(0)?, r.get::<_, String>(1)?)))? {
            let (rule, hits) = row?;
            all.push(Stored { rule, hits: parse(&hits)? });
        }
    }
    Ok(all)
}

/// A certain or strong finding that suspects, with the rows that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspecting {
    /// The rule.
    pub rule: String,
    /// How sure.
    pub grade: Grade,
    /// The rows.
    pub hits: Vec<Hit>,
}

/// What disproved hours of a class by a run; what is about officials disproves nobody's.
///
/// # Errors
/// [`StoreError`].
pub fn suspecting(conn: &Connection, run: i64, class: &str) -> Result<Vec<Suspecting>, StoreError> {
    let sql = format!(
        "SELECT rule, grade = 2, hits FROM finding
         WHERE class = ?2 AND {STOOD} AND suspect = 1 AND grade >= 1 AND desk = 'claims'"
    );
    let mut get = conn.prepare_cached(&sql)?;
    let rows = get.query_map(params![run, class], |r| Ok((r.get(0)?, r.get(1)?, r.get::<_, String>(2)?)))?;
    rows.map(|row| {
        let (rule, certain, hits) = row?;
        let grade = if certain { Grade::Certain } else { Grade::Strong };
        Ok(Suspecting { rule, grade, hits: parse(&hits)? })
    })
    .collect()
}

/// The Chinese and the English title of each rule that found something in a class by a run.
///
/// # Errors
/// [`StoreError`].
pub fn titles(conn: &Connection, run: i64, class: &str) -> Result<HashMap<String, (String, String)>, StoreError> {
    let sql = format!(
        "SELECT rule, json_extract(document, '$.zh.title'), json_extract(document, '$.en.title') FROM finding
         WHERE class = ?2 AND {STOOD} AND desk = 'claims' GROUP BY rule"
    );
    let mut get = conn.prepare_cached(&sql)?;
    let rows = get.query_map(params![run, class], |r| Ok((r.get(0)?, (r.get(1)?, r.get(2)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A finding that stood by a run, with the rows that made it.
///
/// # Errors
/// [`StoreError`].
pub fn one(conn: &Connection, run: i64, finding: &str) -> Result<Option<Finding>, StoreError> {
    let sql = format!("SELECT document, hits FROM finding WHERE {STOOD} AND finding = ?2");
    let row = conn
        .query_row(&sql, params![run, finding], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)))
        .optional()?;
    row.map(|(document, hits)| Ok(Finding { hits: parse(&hits)?, ..parse(&document)? })).transpose()
}

/// The newest run; `None` before the first.
///
/// # Errors
/// [`StoreError`].
pub fn newest_run(conn: &Connection) -> Result<Option<Run>, StoreError> {
    match conn.query_row("SELECT max(run) FROM run", [], |r| r.get::<_, Option<i64>>(0))? {
        Some(newest) => run(conn, newest),
        None => Ok(None),
    }
}

/// A run by its number.
///
/// # Errors
/// [`StoreError`].
pub fn run(conn: &Connection, run: i64) -> Result<Option<Run>, StoreError> {
    let sql = "SELECT run, at, rules_sha256, log_size, refused, untestable FROM run WHERE run = ?";
    let run = conn
        .query_row(sql, [run], |row| {
            let (refused, untestable): (String, String) = (row.get(4)?, row.get(5)?);
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, i64>(3)? as u64, refused, untestable))
        })
        .optional()?;
    run.map(|(run, at, rules_sha256, log_size, refused, untestable)| {
        Ok(Run { run, at, rules_sha256, log_size, refused: parse(&refused)?, untestable: parse(&untestable)? })
    })
    .transpose()
}

/// What a run said: had begun by it, and had not ended.
const STOOD: &str = "since <= ?1 AND (until IS NULL OR until > ?1)";
/// The gravest first: what voids a device, then who is suspected, what takes most, and what is surest.
const ORDER: &str = "gravest DESC, suspect DESC, fen DESC, grade DESC, finding";

/// The newest run with all that stands by it; `None` before the first.
///
/// # Errors
/// [`StoreError`].
pub fn newest(conn: &Connection) -> Result<Option<Report>, StoreError> {
    let Some(run) = newest_run(conn)? else { return Ok(None) };
    let of = |table: &str, order: &str| format!("SELECT document FROM {table} WHERE {STOOD} ORDER BY {order}");
    Ok(Some(Report {
        classes: classes(conn, run.run)?,
        findings: documents(conn, &of("finding", ORDER), [run.run])?,
        trainees: documents(conn, &of("trainee_result", "class, trainee"), [run.run])?,
        run,
    }))
}

/// What a run says of all classes.
///
/// # Errors
/// [`StoreError`].
pub fn classes(conn: &Connection, run: i64) -> Result<Vec<ClassResult>, StoreError> {
    documents(conn, &format!("SELECT document FROM claim_result WHERE {STOOD} ORDER BY class"), [run])
}

/// Sums over classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// How many classes.
    pub classes: u64,
    /// Fen claimed.
    pub amount: i64,
    /// Fen that certain findings take away.
    pub certain: i64,
    /// Fen that only strong findings hold.
    pub strong: i64,
    /// Fen that rest on unproven hours.
    pub unproven: i64,
    /// These hours.
    pub unproven_hours: i64,
}

/// The classes that pass a filter, from parameter 2 on.
const CLASSES: &str = "since <= ?1 AND (until IS NULL OR until > ?1)
                       AND substr(region, 1, length(?2)) = ?2 AND (?3 = '' OR institution = ?3)
                       AND (?4 = '' OR class = ?4) AND (?5 = '' OR band = ?5)";

/// A part of what a run says of the classes that pass a filter: most money at risk first, unless the filter sorts otherwise.
///
/// # Errors
/// [`StoreError`].
pub fn classes_page(
    conn: &Connection,
    run: i64,
    filter: &Filter,
    limit: u64,
    offset: u64,
) -> Result<Vec<ClassResult>, StoreError> {
    let order = match filter.sort {
        Sort::Weight => "CASE band WHEN 'red' THEN 0 WHEN 'amber' THEN 1 ELSE 2 END, certain + strong DESC, class",
        Sort::Money => "certain + strong DESC, class",
        Sort::Region => "region, class",
        Sort::Institution => "institution, class",
        Sort::Rule => "class",
    };
    let sql = format!("SELECT document FROM claim_result WHERE {CLASSES} ORDER BY {order} LIMIT ?6 OFFSET ?7");
    let Filter { region, institution, class, band, .. } = filter;
    documents(conn, &sql, params![run, region, institution, class, band, at_most(limit), at_most(offset)])
}

/// What the classes that pass a filter come to.
///
/// # Errors
/// [`StoreError`].
pub fn sums(conn: &Connection, run: i64, filter: &Filter) -> Result<Sums, StoreError> {
    let sql = format!(
        "SELECT count(*), sum(amount), sum(certain), sum(strong), sum(unproven), sum(unproven_hours)
         FROM claim_result WHERE {CLASSES}"
    );
    let Filter { region, institution, class, band, .. } = filter;
    let row = conn.prepare_cached(&sql)?.query_row(params![run, region, institution, class, band], |r| {
        let sum = |i| r.get::<_, Option<i64>>(i).map(Option::unwrap_or_default);
        Ok(Sums {
            classes: r.get::<_, i64>(0)? as u64,
            amount: sum(1)?,
            certain: sum(2)?,
            strong: sum(3)?,
            unproven: sum(4)?,
            unproven_hours: sum(5)?,
        })
    })?;
    Ok(row)
}

/// SQLite counts in signed numbers, and takes a negative limit for none.
fn at_most(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// What a run says of one class.
///
/// # Errors
/// [`StoreError`].
pub fn class(conn: &Connection, run: i64, class: &str) -> Result<Option<ClassResult>, StoreError> {
    let sql = format!("SELECT document FROM claim_result WHERE {STOOD} AND class = ?2");
    Ok(documents(conn, &sql, params![run, class])?.pop())
}

/// What a run says of each claim of one class.
///
/// # Errors
/// [`StoreError`].
pub fn trainees(conn: &Connection, run: i64, class: &str) -> Result<Vec<TraineeResult>, StoreError> {
    let sql = format!("SELECT document FROM trainee_result WHERE {STOOD} AND class = ?2 ORDER BY trainee");
    documents(conn, &sql, params![run, class])
}

/// The filter in SQL, with its parameters from 2 on: what is empty does not restrict.
const PASSES: &str = "since <= ?1 AND (until IS NULL OR until > ?1)
    AND substr(region, 1, length(?2)) = ?2 AND (?3 = '' OR institution = ?3) AND (?4 = '' OR rule = ?4)
    AND (?5 = '' OR class = ?5) AND max(fen, exposure) >= ?6 AND desk = ?7
    AND (?8 = '' OR class IN (SELECT class FROM claim_result
                              WHERE band = ?8 AND since <= ?1 AND (until IS NULL OR until > ?1)))";

/// The parameters of [`PASSES`].
fn passes(run: i64, filter: &Filter) -> Vec<Value> {
    let Filter { region, institution, rule, class, band, least_fen, desk, .. } = filter;
    let text = |text: &str| Value::from(text.to_owned());
    vec![
        run.into(),
        text(region),
        text(institution),
        text(rule),
        text(class),
        (*least_fen).into(),
        text(desk.as_str()),
        text(band),
    ]
}

/// A run's findings that pass a filter, in its order: at most `limit` of them, after the first `offset`.
///
/// # Errors
/// [`StoreError`].
pub fn page(conn: &Connection, run: i64, filter: &Filter, limit: u64, offset: u64) -> Result<Vec<Finding>, StoreError> {
    let order = match filter.sort {
        Sort::Weight => ORDER,
        Sort::Money => "max(fen, exposure) DESC, finding",
        Sort::Region => "region, finding",
        Sort::Institution => "institution, finding",
        Sort::Rule => "rule, fen DESC, finding",
    };
    let sql = format!("SELECT document FROM finding WHERE {PASSES} ORDER BY {order} LIMIT ?9 OFFSET ?10");
    let mut with = passes(run, filter);
    with.extend([at_most(limit).into(), at_most(offset).into()]);
    documents(conn, &sql, params_from_iter(with))
}

/// How many findings of a run pass a filter, and how many of these suspect.
///
/// # Errors
/// [`StoreError`].
pub fn count(conn: &Connection, run: i64, filter: &Filter) -> Result<(u64, u64), StoreError> {
    let sql = format!("SELECT count(*), coalesce(sum(suspect), 0) FROM finding WHERE {PASSES}");
    let counts = conn.prepare_cached(&sql)?.query_row(params_from_iter(passes(run, filter)), |row| {
        Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64))
    })?;
    Ok(counts)
}

/// One finding of each rule that found something for a desk in a run, by rule.
///
/// # Errors
/// [`StoreError`].
pub fn one_of_each_rule(conn: &Connection, run: i64, desk: Desk) -> Result<Vec<Finding>, StoreError> {
    let sql = format!(
        "SELECT document FROM finding
         WHERE rowid IN (SELECT min(rowid) FROM finding WHERE {STOOD} AND desk = ?2 GROUP BY rule) ORDER BY rule"
    );
    documents(conn, &sql, params![run, desk.as_str()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::header::Grade;
    use crate::rules::run::Words;

    fn finding(n: i64, rule: &str, region: &str, class: &str) -> Finding {
        let words =
            || Words { title: String::new(), explanation: n.to_string(), innocent: String::new(), next: String::new() };
        Finding {
            finding: format!("{rule}/{class}/t{n}"),
            rule: rule.to_owned(),
            grade: Grade::Certain,
            family: String::new(),
            suspect: n % 2 == 0,
            class: class.to_owned(),
            institution: "i".to_owned(),
            region: region.to_owned(),
            trainee: format!("t{n}"),
            about: "trainee".to_owned(),
            subject: format!("t{n}"),
            score: 0,
            device: String::new(),
            gravest: false,
            cells: 0,
            at_risk_fen: 100 - n,
            exposure_fen: 0,
            zh: words(),
            en: words(),
            basis: String::new(),
            lessons: Vec::new(),
            proofs: Vec::new(),
            hits: Vec::new(),
        }
    }

    #[test]
    fn pages_of_findings_are_cut_and_filtered_where_they_are_stored() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Some("muster.example")).unwrap();
        let run = Run::default();
        let findings = (0..10).map(|n| finding(n, ["a", "b"][n as usize % 2], "150422", "c1"));
        let findings = findings.chain([finding(10, "a", "150501", "c2")]).collect();
        let report = Report { run, classes: Vec::new(), findings, trainees: Vec::new() };
        // The run before is not looked at.
        let mut before = report.clone();
        before.findings.retain(|f| f.trainee != "t3");
        before.findings.push(finding(11, "c", "150422", "c1"));
        let before = put(&store, before, &Scope::Whole).unwrap().run.run;
        let run = put(&store, report.clone(), &Scope::Whole).unwrap().run.run;
        let page = |filter: &Filter, limit, offset| {
            let found = store.read(|conn| page(conn, run, filter, limit, offset)).unwrap();
            found.into_iter().map(|f| f.trainee).collect::<Vec<_>>()
        };
        let all = Filter::default();
        assert_eq!(page(&all, 3, 0), ["t0", "t2", "t4"]);
        assert_eq!(page(&all, 3, 9), ["t7", "t9"]);
        assert_eq!(page(&all, 3, 11), [""; 0]);
        assert_eq!(page(&all, u64::MAX, u64::MAX), [""; 0]);
        let b = Filter { rule: "b".to_owned(), ..Filter::default() };
        assert_eq!(page(&b, 2, 1), ["t3", "t5"]);
        // A run that found the same wrote nothing again, and what the one before said can still be asked.
        let rows = |sql: &str| store.read(|conn| Ok::<_, StoreError>(conn.query_row(sql, [], |r| r.get::<_, i64>(0))?));
        assert_eq!(rows("SELECT count(*) FROM finding").unwrap(), 12);
        let said = store.read(|conn| super::page(conn, before, &all, 100, 0)).unwrap();
        assert_eq!(said.iter().filter(|f| f.trainee == "t11").count(), 1);
        assert_eq!((said.len(), said.iter().filter(|f| f.trainee == "t3").count()), (11, 0));
        let there = Filter { region: "1505".to_owned(), ..Filter::default() };
        assert_eq!(page(&there, 10, 0), ["t10"]);
        let count = |filter: &Filter| store.read(|conn| count(conn, run, filter)).unwrap();
        assert_eq!((count(&all), count(&b), count(&there)), ((11, 6), (5, 0), (1, 1)));
        let rules = store.read(|conn| one_of_each_rule(conn, run, Desk::Claims)).unwrap();
        assert_eq!(rules.iter().map(|f| f.rule.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        // A run that looked at one class again leaves all others as they were.
        let one = |s: &str| BTreeSet::from([s.to_owned()]);
        let scope = Scope::Classes(one("c2"));
        let some = Report { run: Run::default(), classes: Vec::new(), findings: Vec::new(), trainees: Vec::new() };
        let run = put(&store, some, &scope).unwrap().run.run;
        let left = store.read(|conn| super::count(conn, run, &all)).unwrap();
        assert_eq!(left, (10, 5));
    }
}
