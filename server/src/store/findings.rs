//! Runs and what they found: whole for a report, page by page for whoever looks.

use rusqlite::{Connection, OptionalExtension, Params, params};

use super::{Store, StoreError};
use crate::api::findings::Filter;
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

/// Stores a run whole; gives it back with its number.
///
/// # Errors
/// [`StoreError`].
pub fn put(store: &Store, mut report: Report) -> Result<Report, StoreError> {
    store.write(|tx| {
        let run = &report.run;
        tx.execute(
            "INSERT INTO run (at, rules_sha256, log_size, refused) VALUES (?, ?, ?, ?)",
            params![run.at, run.rules_sha256, run.log_size as i64, json(&run.refused)?],
        )?;
        report.run.run = tx.last_insert_rowid();
        let run = report.run.run;
        let mut finding = tx.prepare(
            "INSERT INTO finding (run, finding, rule, class, institution, region, trainee, document)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        for f in &report.findings {
            finding.execute(params![run, f.finding, f.rule, f.class, f.institution, f.region, f.trainee, json(f)?])?;
        }
        let mut result = tx.prepare("INSERT INTO claim_result (run, class, document) VALUES (?, ?, ?)")?;
        for class in &report.classes {
            result.execute(params![run, class.class, json(class)?])?;
        }
        let mut result =
            tx.prepare("INSERT INTO trainee_result (run, class, trainee, document) VALUES (?, ?, ?, ?)")?;
        for t in &report.trainees {
            result.execute(params![run, t.class, t.trainee, json(t)?])?;
        }
        Ok::<_, StoreError>(())
    })?;
    Ok(report)
}

/// The newest run; `None` before the first.
///
/// # Errors
/// [`StoreError`].
pub fn newest_run(conn: &Connection) -> Result<Option<Run>, StoreError> {
    let sql = "SELECT run, at, rules_sha256, log_size, refused FROM run ORDER BY run DESC LIMIT 1";
    let run = conn
        .query_row(sql, [], |row| {
            let refused: String = row.get(4)?;
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, i64>(3)? as u64, refused))
        })
        .optional()?;
    run.map(|(run, at, rules_sha256, log_size, refused)| {
        Ok(Run { run, at, rules_sha256, log_size, refused: parse(&refused)? })
    })
    .transpose()
}

/// The newest run with all it found; `None` before the first.
///
/// # Errors
/// [`StoreError`].
pub fn newest(conn: &Connection) -> Result<Option<Report>, StoreError> {
    let Some(run) = newest_run(conn)? else { return Ok(None) };
    let of = |table: &str, order: &str| format!("SELECT document FROM {table} WHERE run = ? ORDER BY {order}");
    Ok(Some(Report {
        classes: classes(conn, run.run)?,
        findings: documents(conn, &of("finding", "rowid"), [run.run])?,
        trainees: documents(conn, &of("trainee_result", "class, trainee"), [run.run])?,
        run,
    }))
}

/// What a run says of all classes.
///
/// # Errors
/// [`StoreError`].
pub fn classes(conn: &Connection, run: i64) -> Result<Vec<ClassResult>, StoreError> {
    documents(conn, "SELECT document FROM claim_result WHERE run = ? ORDER BY class", [run])
}

/// What a run says of one class.
///
/// # Errors
/// [`StoreError`].
pub fn class(conn: &Connection, run: i64, class: &str) -> Result<Option<ClassResult>, StoreError> {
    let sql = "SELECT document FROM claim_result WHERE run = ? AND class = ?";
    Ok(documents(conn, sql, params![run, class])?.pop())
}

/// What a run says of each claim of one class.
///
/// # Errors
/// [`StoreError`].
pub fn trainees(conn: &Connection, run: i64, class: &str) -> Result<Vec<TraineeResult>, StoreError> {
    let sql = "SELECT document FROM trainee_result WHERE run = ? AND class = ? ORDER BY trainee";
    documents(conn, sql, params![run, class])
}

/// The filter in SQL, with its parameters from 2 on: what is empty does not restrict.
const PASSES: &str = "run = ?1 AND substr(region, 1, length(?2)) = ?2 AND (?3 = '' OR institution = ?3)
                      AND (?4 = '' OR rule = ?4) AND (?5 = '' OR class = ?5)";

/// A run's findings that pass a filter, the gravest first: at most `limit` of them, after the first `offset`.
///
/// # Errors
/// [`StoreError`].
pub fn page(conn: &Connection, run: i64, filter: &Filter, limit: u64, offset: u64) -> Result<Vec<Finding>, StoreError> {
    let sql = format!("SELECT document FROM finding WHERE {PASSES} ORDER BY rowid LIMIT ?6 OFFSET ?7");
    let Filter { region, institution, rule, class } = filter;
    // SQLite counts in signed numbers, and takes a negative limit for none.
    let at_most = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    documents(conn, &sql, params![run, region, institution, rule, class, at_most(limit), at_most(offset)])
}

/// How many findings of a run pass a filter, and how many of these suspect.
///
/// # Errors
/// [`StoreError`].
pub fn count(conn: &Connection, run: i64, filter: &Filter) -> Result<(u64, u64), StoreError> {
    let sql =
        format!("SELECT count(*), coalesce(sum(json_extract(document, '$.suspect')), 0) FROM finding WHERE {PASSES}");
    let Filter { region, institution, rule, class } = filter;
    let counts = conn.prepare_cached(&sql)?.query_row(params![run, region, institution, rule, class], |row| {
        Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64))
    })?;
    Ok(counts)
}

/// One finding of each rule that found something in a run, by rule.
///
/// # Errors
/// [`StoreError`].
pub fn one_of_each_rule(conn: &Connection, run: i64) -> Result<Vec<Finding>, StoreError> {
    let sql = "SELECT document FROM finding WHERE rowid IN (SELECT min(rowid) FROM finding WHERE run = ? GROUP BY rule)
               ORDER BY rule";
    documents(conn, sql, [run])
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
            device: String::new(),
            gravest: false,
            cells: 0,
            at_risk_fen: 0,
            exposure_fen: 0,
            zh: words(),
            en: words(),
            basis: String::new(),
            lessons: Vec::new(),
            proofs: Vec::new(),
        }
    }

    #[test]
    fn pages_of_findings_are_cut_and_filtered_where_they_are_stored() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Some("muster.example")).unwrap();
        let run = Run { run: 0, at: String::new(), rules_sha256: String::new(), log_size: 0, refused: Vec::new() };
        let findings = (0..10).map(|n| finding(n, ["a", "b"][n as usize % 2], "150422", "c1"));
        let findings = findings.chain([finding(10, "a", "150501", "c2")]).collect();
        let report = Report { run, classes: Vec::new(), findings, trainees: Vec::new() };
        // The run before is not looked at.
        put(&store, report.clone()).unwrap();
        let run = put(&store, report).unwrap().run.run;
        let page = |filter: &Filter, limit, offset| {
            let found = store.read(|conn| page(conn, run, filter, limit, offset)).unwrap();
            found.into_iter().map(|f| f.trainee).collect::<Vec<_>>()
        };
        let all = Filter::default();
        assert_eq!(page(&all, 3, 0), ["t0", "t1", "t2"]);
        assert_eq!(page(&all, 3, 9), ["t9", "t10"]);
        assert_eq!(page(&all, 3, 11), [""; 0]);
        assert_eq!(page(&all, u64::MAX, u64::MAX), [""; 0]);
        let b = Filter { rule: "b".to_owned(), ..Filter::default() };
        assert_eq!(page(&b, 2, 1), ["t3", "t5"]);
        let there = Filter { region: "1505".to_owned(), ..Filter::default() };
        assert_eq!(page(&there, 10, 0), ["t10"]);
        let count = |filter: &Filter| store.read(|conn| count(conn, run, filter)).unwrap();
        assert_eq!((count(&all), count(&b), count(&there)), ((11, 6), (5, 0), (1, 1)));
        let rules = store.read(|conn| one_of_each_rule(conn, run)).unwrap();
        assert_eq!(rules.iter().map(|f| f.rule.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }
}
