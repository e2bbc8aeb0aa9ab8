//! Runs and what they found.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Store, StoreError};
use crate::rules::run::{ClassResult, Finding, Report, Run};

fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Corrupt("a result"))
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt("a result"))
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
        let mut finding = tx.prepare(
            "INSERT INTO finding (run, finding, rule, class, institution, region, trainee, document)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        for f in &report.findings {
            let run = report.run.run;
            finding.execute(params![run, f.finding, f.rule, f.class, f.institution, f.region, f.trainee, json(f)?])?;
        }
        let mut result = tx.prepare("INSERT INTO claim_result (run, class, document) VALUES (?, ?, ?)")?;
        for class in &report.classes {
            result.execute(params![report.run.run, class.class, json(class)?])?;
        }
        Ok::<_, StoreError>(())
    })?;
    Ok(report)
}

/// The newest run with all it found; `None` before the first.
///
/// # Errors
/// [`StoreError`].
pub fn newest(conn: &Connection) -> Result<Option<Report>, StoreError> {
    let sql = "SELECT run, at, rules_sha256, log_size, refused FROM run ORDER BY run DESC LIMIT 1";
    let run = conn
        .query_row(sql, [], |row| {
            let refused: String = row.get(4)?;
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, i64>(3)? as u64, refused))
        })
        .optional()?;
    let Some((run, at, rules_sha256, log_size, refused)) = run else { return Ok(None) };
    let texts = |sql: &str| -> Result<Vec<String>, StoreError> {
        let mut get = conn.prepare(sql)?;
        let rows = get.query_map([run], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    let findings = texts("SELECT document FROM finding WHERE run = ? ORDER BY rowid")?;
    let classes = texts("SELECT document FROM claim_result WHERE run = ? ORDER BY class")?;
    Ok(Some(Report {
        run: Run { run, at, rules_sha256, log_size, refused: parse(&refused)? },
        classes: classes.iter().map(|t| parse::<ClassResult>(t)).collect::<Result<_, _>>()?,
        findings: findings.iter().map(|t| parse::<Finding>(t)).collect::<Result<_, _>>()?,
    }))
}
