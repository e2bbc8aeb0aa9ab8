//! The cases that rules carry: small tables with the findings that must come of them. `<rule>.cases.toml` beside each rule.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::engine::Engine;
use super::header::{self, Grade};
use crate::evidence::tables::{ALL, Row, Type, Val};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    #[serde(rename = "case")]
    cases: Vec<Case>,
}

/// What a case shows; every rule has one of each of the first three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Shows {
    Fires,
    NearMiss,
    AtThreshold,
    Missing,
    HonestHabit,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    shows: Shows,
    /// Rows by table; a column that is not given is null. `repeat` copies a row, counting `cell` and `lesson` up.
    #[serde(default)]
    tables: BTreeMap<String, Vec<BTreeMap<String, toml::Value>>>,
    /// What must come out: subject -> number of cells and whether it suspects.
    expect: BTreeMap<String, (i64, bool)>,
    /// And how sure, where it is not the header's grade.
    #[serde(default)]
    grades: BTreeMap<String, Grade>,
}

/// How it went.
#[derive(Debug, Default)]
pub struct CaseReport {
    /// A line for each case.
    pub lines: Vec<String>,
    /// How many did not come out as they must.
    pub failed: usize,
}

/// Runs all cases of the shipped rules.
///
/// # Errors
/// A rule or a case file that cannot be read, or a rule that lacks a kind of case.
pub async fn run_all() -> Result<CaseReport> {
    let mut report = CaseReport::default();
    for (name, sql, cases) in super::SHIPPED {
        let rule = header::parse(name, sql)?;
        let cases: Cases = toml::from_str(cases).with_context(|| format!("{name}.cases.toml"))?;
        for shows in [Shows::Fires, Shows::NearMiss, Shows::AtThreshold, Shows::Missing, Shows::HonestHabit] {
            if !cases.cases.iter().any(|c| c.shows == shows) {
                bail!("{name}.cases.toml has no case that shows {shows:?}");
            }
        }
        for case in &cases.cases {
            let tables = rows(case).with_context(|| format!("{name}: {}", case.name))?;
            let tables: BTreeMap<&str, Vec<Row>> = tables.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
            let hits = Engine::of_rows(&tables)?.run(&rule).await?;
            let mut got: BTreeMap<String, (i64, bool)> = BTreeMap::new();
            for hit in &hits {
                let subject = if hit.subject.is_empty() { "-" } else { &hit.subject };
                let entry = got.entry(subject.to_owned()).or_default();
                *entry = (entry.0 + i64::from(hit.cell > 0), entry.1 || hit.suspect);
            }
            let mut grades: BTreeMap<String, Grade> = BTreeMap::new();
            for (hit, grade) in hits.iter().filter_map(|hit| Some((hit, hit.grade?))) {
                grades.insert(if hit.subject.is_empty() { "-" } else { &hit.subject }.to_owned(), grade);
            }
            let good = got == case.expect && (case.grades.is_empty() || grades == case.grades);
            report.failed += usize::from(!good);
            let mark = if good { "ok" } else { "FAILED" };
            report.lines.push(format!("{mark:6} {name}: {:?}: {}", case.shows, case.name));
            if !good {
                report.lines.push(format!("       expected {:?}, got {got:?}", case.expect));
            }
        }
    }
    Ok(report)
}

fn rows(case: &Case) -> Result<BTreeMap<String, Vec<Row>>> {
    let mut tables = BTreeMap::new();
    for (name, given) in &case.tables {
        let table = ALL.into_iter().find(|t| t.name == name).with_context(|| format!("there is no table {name}"))?;
        let mut rows = Vec::new();
        for row in given {
            if let Some(key) = row.keys().find(|k| *k != "repeat" && !table.columns.iter().any(|(c, _)| c == k)) {
                bail!("table {name} has no column {key}");
            }
            let times = row.get("repeat").and_then(toml::Value::as_integer).unwrap_or(1);
            for n in 0..times {
                let value = |(column, kind): &(&str, Type)| -> Val {
                    match (row.get(*column), kind) {
                        (Some(toml::Value::Integer(i)), Type::Int) if *column == "cell" => Val::Int(i + n),
                        (Some(toml::Value::Integer(i)), Type::Int) => Val::Int(*i),
                        (Some(toml::Value::String(t)), Type::Text) if *column == "lesson" && times > 1 => {
                            Val::Text(format!("{t}{n}"))
                        }
                        (Some(toml::Value::String(t)), Type::Text) => Val::Text(t.clone()),
                        (Some(toml::Value::Boolean(b)), Type::Bool) => Val::Bool(*b),
                        _ => Val::Null,
                    }
                };
                rows.push(table.columns.iter().map(value).collect());
            }
        }
        tables.insert(name.clone(), rows);
    }
    Ok(tables)
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn every_rules_cases_come_out_as_they_must() {
        let report = super::run_all().await.unwrap();
        assert_eq!(report.failed, 0, "{}", report.lines.join("\n"));
        assert!(report.lines.len() >= 20);
    }
}
