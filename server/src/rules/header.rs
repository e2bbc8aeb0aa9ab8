//! A rule file's header: comment lines `-- key: value` before the SQL.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::evidence::tables::ALL;

/// How sure a rule's facts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// Only in company.
    Weak,
    /// Hard to explain honestly.
    Strong,
    /// Two records contradict each other, or arithmetic does.
    Certain,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its id, the file's name.
    pub id: String,
    /// How sure.
    pub grade: Grade,
    /// Which family it counts in, once.
    pub family: String,
    /// Texts by key: `title_zh`, `title_en`, `explain_…`, `innocent_…`, `next_…`, `basis`.
    pub texts: BTreeMap<String, String>,
    /// Thresholds by name.
    pub thresholds: BTreeMap<String, i64>,
    /// The query, with `$name` where a threshold stands.
    pub sql: String,
    /// The line of the file that the query starts at, from 1.
    pub sql_line: usize,
    /// What the rule counts, for the `nulls` table: the query and the line it starts at.
    pub counts: Option<(String, usize)>,
    /// Tables without which the rule cannot be tested.
    pub needs: Vec<String>,
    /// How far it looks for what it says of one class.
    pub scope: Scope,
}

/// How far a rule looks for what it says of one class: what a new log can change of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// That class alone.
    Class,
    /// Its trainees in all their classes.
    Person,
    /// Anywhere: such a rule runs when everything is looked at.
    Wide,
}

/// A file that is no rule.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{file}:{line}:{column}: {what}")]
pub struct RuleError {
    /// Which file.
    pub file: String,
    /// Where, from 1.
    pub line: usize,
    /// Where, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
}

impl RuleError {
    /// An error somewhere in a file.
    pub fn at(file: &str, line: usize, column: usize, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, column, what: what.into() }
    }
}

/// The texts a rule must have. An empty legal basis is refused.
const TEXTS: [&str; 9] =
    ["title_zh", "title_en", "basis", "explain_zh", "explain_en", "innocent_zh", "innocent_en", "next_zh", "next_en"];

/// Parses a rule file.
///
/// # Errors
/// [`RuleError`] with line and column.
pub fn parse(name: &str, text: &str) -> Result<Rule, RuleError> {
    let mut texts = BTreeMap::new();
    let mut thresholds = BTreeMap::new();
    let mut sql_line = 1;
    let mut sql = text;
    for (i, line) in text.lines().enumerate() {
        let Some(comment) = line.strip_prefix("--") else { break };
        sql = sql.split_once('\n').map_or("", |(_, rest)| rest);
        sql_line = i + 2;
        let bad = |what: &str| RuleError::at(name, i + 1, 3, what);
        let (key, value) = comment.split_once(':').ok_or_else(|| bad("a header line is `-- key: value`"))?;
        let (key, value) = (key.trim().to_owned(), value.trim());
        if key == "threshold" {
            let (threshold, rest) = value.split_once('=').ok_or_else(|| bad("a threshold is `name = number (why)`"))?;
            let number = rest.split_whitespace().next().unwrap_or_default();
            let number = number.parse().map_err(|_| bad("a threshold's default is a whole number"))?;
            thresholds.insert(threshold.trim().to_owned(), number);
        } else if texts.insert(key, value.to_owned()).is_some() {
            return Err(bad("the key stands there twice"));
        }
    }
    let missing = |key: &str| RuleError::at(name, 1, 1, format!("the header has no `{key}`"));
    for key in TEXTS {
        if texts.get(key).is_none_or(String::is_empty) {
            return Err(missing(key));
        }
    }
    if texts.get("id").is_none_or(|id| id != name) {
        return Err(RuleError::at(name, 1, 1, "`id` is not the file's name"));
    }
    let grade = match texts.get("grade").map(String::as_str) {
        Some("certain") => Grade::Certain,
        Some("strong") => Grade::Strong,
        Some("weak") => Grade::Weak,
        _ => return Err(RuleError::at(name, 1, 1, "`grade` is certain, strong or weak")),
    };
    let scope = match texts.get("scope").map(String::as_str) {
        Some("class") => Scope::Class,
        Some("person") => Scope::Person,
        // Who does not say looks everywhere: slower, and never wrong.
        Some("wide") | None => Scope::Wide,
        Some(_) => return Err(RuleError::at(name, 1, 1, "`scope` is class, person or wide")),
    };
    let family = texts.get("family").cloned().ok_or_else(|| missing("family"))?;
    let needs: Vec<String> =
        texts.get("needs").into_iter().flat_map(|t| t.split(',')).map(|t| t.trim().to_owned()).collect();
    if let Some(need) = needs.iter().find(|need| ALL.iter().all(|table| table.name != **need)) {
        return Err(RuleError::at(name, 1, 1, format!("`needs` names {need}, which is no table")));
    }
    let (sql, counts) = match sql.split_once("\n-- counts:\n") {
        Some((sql, counts)) => (sql, Some((counts.to_owned(), sql_line + sql.matches('\n').count() + 2))),
        None => (sql, None),
    };
    if sql.trim().is_empty() {
        return Err(RuleError::at(name, sql_line, 1, "there is no query after the header"));
    }
    Ok(Rule {
        id: name.to_owned(),
        grade,
        family,
        texts,
        thresholds,
        sql: sql.to_owned(),
        sql_line,
        counts,
        needs,
        scope,
    })
}

impl Rule {
    /// A text; empty when there is none.
    pub fn text(&self, key: &str) -> &str {
        self.texts.get(key).map_or("", String::as_str)
    }

    /// The query with the thresholds in it.
    ///
    /// # Errors
    /// [`RuleError`] at a `$name` that is no threshold of the rule.
    pub fn query(&self) -> Result<String, RuleError> {
        self.filled(&self.sql, self.sql_line)
    }

    /// The query that counts, with the thresholds in it; `None` when the rule does not count.
    ///
    /// # Errors
    /// [`RuleError`] at a `$name` that is no threshold of the rule.
    pub fn counting(&self) -> Result<Option<String>, RuleError> {
        self.counts.as_ref().map(|(sql, line)| self.filled(sql, *line)).transpose()
    }

    fn filled(&self, sql: &str, first: usize) -> Result<String, RuleError> {
        let mut out = String::new();
        for (i, line) in sql.lines().enumerate() {
            let mut rest = line;
            while let Some(at) = rest.find('$') {
                let name: String =
                    rest[at + 1..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                let column = line.len() - rest.len() + at + 1;
                let value = self.thresholds.get(&name).ok_or_else(|| {
                    RuleError::at(&self.id, first + i, column, format!("${name} is no threshold of this rule"))
                })?;
                out += &rest[..at];
                out += &value.to_string();
                rest = &rest[at + 1 + name.len()..];
            }
            out += rest;
            out.push('\n');
        }
        Ok(out)
    }
}
