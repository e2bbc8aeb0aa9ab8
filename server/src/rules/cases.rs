//! The cases that rules carry: small tables with the findings that must come of them. `<rule>.cases.toml` beside each rule.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::engine::{Count, Engine, Hit};
use super::header::{self, Grade, Rule};
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
    /// Must the rule say that it cannot be tested on these tables?
    #[serde(default)]
    not_testable: bool,
    /// What the rule's `counts` must yield: unit -> tries and hits. Not looked at when it is empty.
    #[serde(default)]
    counts: BTreeMap<String, (i64, i64)>,
}

/// How it went.
#[derive(Debug, Default)]
pub struct CaseReport {
    /// A line for each case.
    pub lines: Vec<String>,
    /// How many did not come out as they must.
    pub failed: usize,
}

/// One case's rows, for another engine to be compared with.
#[derive(Debug, Serialize)]
struct Rows<'a> {
    rule: &'a str,
    /// The case's place in its file, from 1.
    case: usize,
    /// Is every table there that the rule needs?
    testable: bool,
    /// Each row with all columns, sorted.
    rows: Vec<Hit>,
    /// What the rule counts: unit, institution, region, day, kind, size, n, k.
    counts: Vec<Count>,
}

/// Runs all cases: of the shipped rules, or of those in a folder (`<rule>.sql`, `<rule>.cases.toml`). Where asked, writes the
/// rows that came out, one JSON object a line.
///
/// # Errors
/// A rule or a case file that cannot be read, or a rule that lacks a kind of case.
pub async fn run_all(folder: Option<&Path>, to: Option<&Path>) -> Result<CaseReport> {
    let shipped = |(name, sql, cases): (&str, &str, &str)| (name.to_owned(), sql.to_owned(), cases.to_owned());
    let rules = match folder {
        Some(folder) => in_folder(folder)?,
        None => super::SHIPPED.into_iter().map(shipped).collect(),
    };
    // Planning a query is work for one core: rules side by side.
    let runs: Vec<_> = rules.into_iter().map(|(name, sql, cases)| tokio::spawn(of_rule(name, sql, cases))).collect();
    let mut report = CaseReport::default();
    let mut written = String::new();
    for run in runs {
        let (of_rule, rows) = run.await??;
        report.failed += of_rule.failed;
        report.lines.extend(of_rule.lines);
        written += &rows;
    }
    if let Some(to) = to {
        std::fs::write(to, written).with_context(|| to.display().to_string())?;
    }
    Ok(report)
}

async fn of_rule(name: String, sql: String, cases: String) -> Result<(CaseReport, String)> {
    let rule = header::parse(&name, &sql)?;
    let cases: Cases = toml::from_str(&cases).with_context(|| format!("{name}.cases.toml"))?;
    for shows in [Shows::Fires, Shows::NearMiss, Shows::AtThreshold, Shows::Missing, Shows::HonestHabit] {
        if !cases.cases.iter().any(|c| c.shows == shows) {
            bail!("{name}.cases.toml has no case that shows {shows:?}");
        }
    }
    let (mut report, mut written) = (CaseReport::default(), String::new());
    let engine = Engine::standing()?;
    for (number, case) in cases.cases.iter().enumerate() {
        let (wrong, rows, counts) =
            one(&engine, &rule, case).await.with_context(|| format!("{name}: {}", case.name))?;
        report.failed += usize::from(wrong.is_some());
        let mark = if wrong.is_none() { "ok" } else { "FAILED" };
        report.lines.push(format!("{mark:6} {name}: {:?}: {}", case.shows, case.name));
        report.lines.extend(wrong);
        let testable = !case.not_testable;
        written += &serde_json::to_string(&Rows { rule: &name, case: number + 1, testable, rows, counts })?;
        written.push('\n');
    }
    Ok((report, written))
}

fn in_folder(folder: &Path) -> Result<Vec<(String, String, String)>> {
    let mut rules = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "sql") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let read = |path: &Path| std::fs::read_to_string(path).with_context(|| path.display().to_string());
            rules.push((name, read(&path)?, read(&path.with_extension("cases.toml"))?));
        }
    }
    rules.sort();
    Ok(rules)
}

/// What is wrong with how a case came out, and what came out.
async fn one(engine: &Engine, rule: &Rule, case: &Case) -> Result<(Option<String>, Vec<Hit>, Vec<Count>)> {
    let tables = rows(case)?;
    let tables: BTreeMap<&str, Vec<Row>> = tables.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
    let lacks = rule.needs.iter().any(|need| tables.get(need.as_str()).is_none_or(Vec::is_empty));
    if lacks != case.not_testable {
        let what = "       expected it to be not testable, or testable: see `needs` and `not_testable`";
        return Ok((Some(what.to_owned()), Vec::new(), Vec::new()));
    }
    if lacks {
        return Ok((None, Vec::new(), Vec::new()));
    }
    engine.fill(&tables)?;
    let hits = engine.run(rule).await?;
    let mut got: BTreeMap<String, (i64, bool)> = BTreeMap::new();
    let mut grades: BTreeMap<String, Grade> = BTreeMap::new();
    for hit in &hits {
        let subject = if hit.subject.is_empty() { "-" } else { &hit.subject };
        let entry = got.entry(subject.to_owned()).or_default();
        *entry = (entry.0 + i64::from(hit.cell > 0), entry.1 || hit.suspect);
        if let Some(grade) = hit.grade {
            grades.insert(subject.to_owned(), grade);
        }
    }
    let counts = engine.counts(rule).await?;
    let counted: BTreeMap<String, (i64, i64)> = counts.iter().map(|c| (c.unit.clone(), (c.n, c.k))).collect();
    let wrong = if got != case.expect || !case.grades.is_empty() && grades != case.grades {
        Some(format!("       expected {:?}, got {got:?}, {grades:?}", case.expect))
    } else if !case.counts.is_empty() && counted != case.counts {
        Some(format!("       expected counts {:?}, got {counted:?}", case.counts))
    } else {
        None
    };
    Ok((wrong, hits, counts))
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
                        (Some(toml::Value::String(t)), Type::Text | Type::Key) if *column == "lesson" && times > 1 => {
                            Val::Text(format!("{t}{n}"))
                        }
                        (Some(toml::Value::String(t)), Type::Text | Type::Key) => Val::Text(t.clone()),
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
    use std::collections::BTreeSet;

    use super::super::header::Scope;
    use super::*;
    use crate::evidence::tables::{Source, Table};

    #[tokio::test(flavor = "multi_thread")]
    async fn every_rules_cases_come_out_as_they_must() {
        let report = run_all(None, None).await.unwrap();
        assert_eq!(report.failed, 0, "{}", report.lines.join("\n"));
        assert!(report.lines.len() >= 20);
    }

    /// The class of a row, where its table is cut by class.
    fn class<'a>(table: &Table, row: &'a Row) -> Option<&'a str> {
        let at =
            table.columns.iter().position(|(name, _)| *name == "class").filter(|_| table.source != Source::Import)?;
        match row.get(at) {
            Some(Val::Text(class)) => Some(class),
            _ => None,
        }
    }

    /// The rows, and again for another class whose logs come from the same terminals.
    fn twice(table: &Table, rows: &[Row]) -> Vec<Row> {
        let at = |wanted: &str| table.columns.iter().position(|(name, _)| *name == wanted);
        let other = |row: &Row| -> Row {
            let mut row = row.clone();
            if let Some(Val::Text(class)) = at("class").and_then(|i| row.get_mut(i)) {
                class.push_str("-other");
            }
            for name in ["counter", "from_counter", "to_counter"] {
                if let Some(Val::Int(counter)) = at(name).and_then(|i| row.get_mut(i)) {
                    *counter += 1000;
                }
            }
            row
        };
        let again = at("class").is_some() || at("counter").is_some();
        rows.iter().cloned().chain(rows.iter().filter(|_| again).map(other)).collect()
    }

    #[tokio::test]
    async fn a_rule_of_scope_class_says_the_same_of_a_class_whoever_else_is_there() {
        let engine = Engine::standing().unwrap();
        let table = |name: &str| ALL.into_iter().find(|table| table.name == name).unwrap();
        let mut several = 0;
        for (name, sql, cases) in super::super::SHIPPED {
            let rule = header::parse(name, sql).unwrap();
            if rule.scope != Scope::Class {
                continue;
            }
            for case in toml::from_str::<Cases>(cases).unwrap().cases {
                let tables = rows(&case).unwrap();
                let all: BTreeMap<&str, Vec<Row>> =
                    tables.iter().map(|(name, rows)| (name.as_str(), twice(table(name), rows))).collect();
                engine.fill(&all).unwrap();
                let whole = engine.run(&rule).await.unwrap();
                let classes: BTreeSet<&str> =
                    all.iter().flat_map(|(name, rows)| rows.iter().filter_map(|row| class(table(name), row))).collect();
                let mut each: Vec<Hit> = Vec::new();
                for one in &classes {
                    let mine = |name: &str, rows: &[Row]| -> Vec<Row> {
                        let of = |row: &&Row| class(table(name), row).is_none_or(|class| class == *one);
                        rows.iter().filter(of).cloned().collect()
                    };
                    engine.fill(&all.iter().map(|(name, rows)| (*name, mine(name, rows))).collect()).unwrap();
                    each.extend(engine.run(&rule).await.unwrap());
                }
                each.sort();
                each.dedup();
                assert_eq!(each, whole, "{name}: {}", case.name);
                several += usize::from(each.iter().any(|hit| hit.class.ends_with("-other")));
            }
        }
        assert!(several > 20, "only {several} cases find something in two classes");
    }
}
