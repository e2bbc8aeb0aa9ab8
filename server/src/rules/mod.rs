//! Rules: one SQL file each, with a header that says all about it; run by DataFusion over evidence tables alone.

pub mod again;
pub mod cases;
pub mod cells;
pub mod cluster;
pub mod engine;
pub mod header;
pub(crate) mod judge;
pub mod money;
pub mod nulls;
pub mod reconcile;
pub mod run;
pub mod share;
mod standing;
mod tables;
mod written;

use std::collections::BTreeMap;
use std::path::Path;

use muster_seal::merkle::sha256;

use header::{Rule, RuleError};

use crate::store::pools::Least;

include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// What the desk for officials' conduct has of the rules in force.
#[derive(Debug)]
pub struct Conduct {
    /// Its rules: the id, and the title in Chinese and English.
    pub titles: BTreeMap<String, (String, String)>,
    /// What its statistical rules need at least.
    pub least: Least,
}

/// The rules about officials. What [`pools`](crate::store::pools) need is what `reviewer-affinity` asks for.
pub fn conduct(data_dir: &Path) -> Conduct {
    let rules = load(data_dir).rules;
    let threshold = |name: &str, default| {
        let rule = rules.iter().find(|rule| rule.id == "reviewer-affinity");
        rule.and_then(|rule| rule.thresholds.get(name)).copied().unwrap_or(default)
    };
    // Below these the catalogue calls a pool not testable.
    let least = Least { officials: threshold("min_pool", 3), acts: threshold("min_decisions", 30) };
    let of = rules.iter().filter(|rule| rule.family == judge::CONDUCT);
    let title = |rule: &Rule| (rule.text("title_zh").to_owned(), rule.text("title_en").to_owned());
    Conduct { titles: of.map(|rule| (rule.id.clone(), title(rule))).collect(), least }
}

/// The rules in force, those that were refused, and the hash of it all.
#[derive(Debug)]
pub struct RuleSet {
    /// In order of their ids.
    pub rules: Vec<Rule>,
    /// Why a file is no rule; the others still run.
    pub refused: Vec<RuleError>,
    /// SHA-256, in hex, over every file and the thresholds.
    pub sha256: String,
}

/// Loads the shipped rules, those that an analyst dropped into `DATA/rules/*.sql` (one of a shipped rule's name takes its
/// place), and `DATA/rules/thresholds.toml` (rule, threshold, whole number) over their defaults.
pub fn load(data_dir: &Path) -> RuleSet {
    let mut files: BTreeMap<String, String> =
        SHIPPED.iter().map(|(name, sql, _)| ((*name).to_owned(), (*sql).to_owned())).collect();
    let mut refused = Vec::new();
    let folder = data_dir.join("rules");
    for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|e| e == "sql") {
            match std::fs::read_to_string(&path) {
                Ok(sql) => drop(files.insert(name, sql)),
                Err(e) => refused.push(RuleError::at(&name, 1, 1, e.to_string())),
            }
        }
    }
    let thresholds = std::fs::read_to_string(folder.join("thresholds.toml")).unwrap_or_default();
    let mut all = Vec::new();
    for (name, sql) in &files {
        all.extend_from_slice(format!("{name}\n{}\n{sql}\n", sql.len()).as_bytes());
    }
    all.extend_from_slice(thresholds.as_bytes());
    let mut rules = Vec::new();
    for (name, sql) in &files {
        match header::parse(name, sql) {
            Ok(rule) => rules.push(rule),
            Err(error) => refused.push(error),
        }
    }
    match toml::from_str::<BTreeMap<String, BTreeMap<String, i64>>>(&thresholds) {
        Ok(set) => {
            for (rule, values) in set {
                for (name, value) in values {
                    let found = rules.iter_mut().find(|r| r.id == rule).and_then(|r| r.thresholds.get_mut(&name));
                    match found {
                        Some(threshold) => *threshold = value,
                        None => {
                            refused.push(RuleError::at("thresholds.toml", 1, 1, "names a threshold that no rule has"))
                        }
                    }
                }
            }
        }
        Err(e) => {
            let line = e.span().map_or(1, |span| thresholds[..span.start].matches('\n').count() + 1);
            let what = "not a threshold: write `[rule-id]`, then `name = whole number`";
            refused.push(RuleError::at("thresholds.toml", line, 1, what));
        }
    }
    RuleSet { rules, refused, sha256: hex::encode(sha256(&all)) }
}
