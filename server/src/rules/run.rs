//! One reconciliation: evidence, rules, money, bands, stored as one run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use datafusion::error::DataFusionError;
use muster_hours::policy::{PayMode, Policy};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::engine::{Engine, Hit};
use super::header::{Grade, Rule, RuleError};
use super::money::{self, Cause, Claim};
use crate::evidence::claimed::{self, Logged, Planned};
use crate::evidence::tables::{Row, Val};
use crate::evidence::{self, EvidenceError, imported};
use crate::store::{Store, StoreError, checkpoints, findings};

/// Why a run could not be made. The run before it stands.
#[derive(Debug, Error)]
pub enum ReconcileError {
    /// Evidence.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine.
    #[error("the rule engine: {0}")]
    Engine(#[from] DataFusionError),
    /// A worker died.
    #[error("a worker died")]
    Worker,
}

/// A run: what it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Run {
    /// Its number.
    pub run: i64,
    /// When, by the server's clock.
    pub at: String,
    /// The rule set, by hash.
    pub rules_sha256: String,
    /// The central log's size it was made at.
    pub log_size: u64,
    /// Rules that were refused, and why.
    pub refused: Vec<String>,
}

/// Records that prove a finding, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Proof {
    /// Which device.
    pub device: String,
    /// Which session counter.
    pub counter: i64,
    /// First record.
    pub seq_from: i64,
    /// Last record.
    pub seq_to: i64,
}

/// One rule's suspicion, with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Finding {
    /// `<rule>/<class>/<trainee or ->`.
    pub finding: String,
    /// Which rule.
    pub rule: String,
    /// `certain`, `strong` or `weak`.
    #[schema(value_type = String)]
    pub grade: Grade,
    /// Which family it counts in.
    pub family: String,
    /// Does it suspect, or only adjust?
    pub suspect: bool,
    /// Which class.
    pub class: String,
    /// Whose.
    pub institution: String,
    /// Where.
    pub region: String,
    /// Whom it is about; empty when it is about the class.
    pub trainee: String,
    /// How many claimed hours it points at.
    pub cells: i64,
    /// Fen at risk that this finding takes; hours that an earlier cause took are not in it.
    pub at_risk_fen: i64,
    /// Fen of exposure, for weak findings.
    pub exposure_fen: i64,
    /// Title, explanation, innocent explanation and next step, in Chinese.
    pub zh: Words,
    /// The same in English.
    pub en: Words,
    /// The legal basis.
    pub basis: String,
    /// The lessons it points at.
    pub lessons: Vec<String>,
    /// The records that prove it.
    pub proofs: Vec<Proof>,
}

/// A finding in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Words {
    /// What it is called.
    pub title: String,
    /// What was found.
    pub explanation: String,
    /// What else could explain it.
    pub innocent: String,
    /// What to do next.
    pub next: String,
}

/// What a run says of one class's claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ClassResult {
    /// Which class.
    pub class: String,
    /// Whose.
    pub institution: String,
    /// Where.
    pub region: String,
    /// Trainees claimed.
    pub trainees: i64,
    /// Class hours claimed.
    pub hours: i64,
    /// Of these, attested.
    pub attested: i64,
    /// Of these, unproven: something was recorded as down.
    pub unproven: i64,
    /// Fen claimed.
    pub amount_fen: i64,
    /// Fen that certain findings take away.
    pub certain_fen: i64,
    /// Fen that only strong findings hold.
    pub strong_fen: i64,
    /// Fen that weak findings point at; in no sum with the others.
    pub exposure_fen: i64,
    /// `red`, `amber` or `green`.
    pub band: String,
    /// The policy it was counted by.
    pub policy: String,
}

/// A run with all it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Report {
    /// What it was made from.
    pub run: Run,
    /// One for each class with claims.
    pub classes: Vec<ClassResult>,
    /// All findings.
    pub findings: Vec<Finding>,
}

struct Imported {
    claims: Vec<Row>,
    roster: Vec<Row>,
    schedule: Vec<Row>,
    policies: BTreeMap<String, Policy>,
    log_size: u64,
}

/// Reconciles everything: writes missing evidence, runs the rules, stores the run. Gives its report.
///
/// # Errors
/// [`ReconcileError`]; the run before it stands.
pub async fn reconcile(store: &Store, data_dir: &Path, now: &str) -> Result<Report, ReconcileError> {
    let (worker, dir) = (store.clone(), data_dir.to_owned());
    let (imported, set) = tokio::task::spawn_blocking(move || {
        evidence::build(&worker)?;
        Ok::<_, ReconcileError>((read(&worker)?, super::load(&dir)))
    })
    .await
    .map_err(|_| ReconcileError::Worker)??;

    let mut rows: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
    rows.insert("claims", imported.claims.clone());
    rows.insert("roster", imported.roster.clone());
    rows.insert("schedule", imported.schedule.clone());
    let base = Engine::over(data_dir, &rows).await?;
    rows.insert("claimed_cells", claimed_cells(&base, &imported).await?);
    let engine = Engine::over(data_dir, &rows).await?;

    let mut refused: Vec<RuleError> = set.refused;
    let mut found: Vec<(&Rule, Vec<Hit>)> = Vec::new();
    for rule in &set.rules {
        match engine.run(rule).await {
            Ok(hits) => found.push((rule, hits)),
            Err(error) => refused.push(error),
        }
    }
    let sessions = sessions_of(&engine).await?;
    let run = Run {
        run: 0,
        at: now.to_owned(),
        rules_sha256: set.sha256,
        log_size: imported.log_size,
        refused: refused.iter().map(ToString::to_string).collect(),
    };
    let report = judge(run, &imported, &rows["claimed_cells"], &found, &sessions);
    let worker = store.clone();
    let stored = tokio::task::spawn_blocking(move || findings::put(&worker, report));
    Ok(stored.await.map_err(|_| ReconcileError::Worker)??)
}

fn read(store: &Store) -> Result<Imported, StoreError> {
    store.read(|conn| {
        let mut get = conn.prepare("SELECT class, document FROM class c JOIN policy p ON p.version = c.policy")?;
        let rows = get.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let mut policies = BTreeMap::new();
        for row in rows {
            let (class, document) = row?;
            policies.insert(class, serde_json::from_str(&document).map_err(|_| StoreError::Corrupt("a policy"))?);
        }
        Ok(Imported {
            claims: imported::claims(conn)?,
            roster: imported::roster(conn)?,
            schedule: imported::schedule(conn)?,
            policies,
            log_size: checkpoints::head(conn)?.map_or(0, |head| head.edge.size()),
        })
    })
}

fn text(row: &Row, i: usize) -> &str {
    if let Some(Val::Text(text)) = row.get(i) { text } else { "" }
}

fn int(row: &Row, i: usize) -> i64 {
    if let Some(Val::Int(n)) = row.get(i) { *n } else { 0 }
}

async fn claimed_cells(engine: &Engine, imported: &Imported) -> Result<Vec<Row>, ReconcileError> {
    let sql =
        "SELECT l.class, l.trainee, l.lesson, l.shape, l.reason, l.assurance, l.device, l.counter, l.seq_from, l.seq_to
               FROM lessons l JOIN claims c ON c.class = l.class AND c.trainee = l.trainee
               ORDER BY l.class, l.trainee, l.lesson, l.device, l.counter";
    let columns =
        ["class", "trainee", "lesson", "shape", "reason", "assurance", "device", "counter", "seq_from", "seq_to"];
    let rows = engine.query(sql, &columns).await?;
    let mut logged: BTreeMap<(&str, &str), BTreeMap<&str, Logged>> = BTreeMap::new();
    for row in &rows {
        let seq = |i| matches!(row[i], Val::Int(_)).then(|| int(row, i));
        let cell = Logged {
            shape: text(row, 3).to_owned(),
            reason: matches!(row[4], Val::Text(_)).then(|| text(row, 4).to_owned()),
            level: int(row, 5),
            device: text(row, 6).to_owned(),
            counter: int(row, 7),
            seqs: seq(8).zip(seq(9)),
        };
        let of = logged.entry((text(row, 0), text(row, 1))).or_default();
        let cell = match of.remove(text(row, 2)) {
            Some(other) => claimed::better(other, cell),
            None => cell,
        };
        of.insert(text(row, 2), cell);
    }
    let mut plans: BTreeMap<&str, Vec<Planned>> = BTreeMap::new();
    for row in &imported.schedule {
        plans.entry(text(row, 0)).or_default().push(Planned {
            session: text(row, 1).to_owned(),
            lesson: text(row, 2).to_owned(),
            day: int(row, 5),
            start: int(row, 6),
            end: int(row, 7),
        });
    }
    let none = BTreeMap::new();
    let cells = imported.claims.iter().flat_map(|claim| {
        let (class, trainee) = (text(claim, 0), text(claim, 1));
        let plan = plans.get(class).map_or(&[][..], Vec::as_slice);
        let cap = imported.policies.get(class).map_or(8, |p| p.daily_cap);
        claimed::cells(class, trainee, int(claim, 4), plan, logged.get(&(class, trainee)).unwrap_or(&none), cap)
    });
    Ok(cells.collect())
}

async fn sessions_of(engine: &Engine) -> Result<BTreeMap<String, i64>, DataFusionError> {
    let sql = "SELECT class, COUNT(DISTINCT session) AS n FROM sessions GROUP BY class";
    let rows = engine.query(sql, &["class", "n"]).await?;
    Ok(rows.iter().map(|row| (text(row, 0).to_owned(), int(row, 1))).collect())
}

/// From rows to findings, money and bands. Pure.
fn judge(
    run: Run,
    imported: &Imported,
    cells: &[Row],
    found: &[(&Rule, Vec<Hit>)],
    sessions: &BTreeMap<String, i64>,
) -> Report {
    // Columns of claimed_cells: class, trainee, cell, hours, …, shape at 10.
    let mut shapes: BTreeMap<(&str, &str), BTreeMap<&str, i64>> = BTreeMap::new();
    for row in cells {
        *shapes.entry((text(row, 0), text(row, 1))).or_default().entry(text(row, 10)).or_default() += 1;
    }
    let of = |class: &str, trainee: &str, shape: &str| -> i64 {
        shapes.get(&(class, trainee)).and_then(|s| s.get(shape)).copied().unwrap_or(0)
    };
    let mut planned: BTreeMap<&str, i64> = BTreeMap::new();
    for row in &imported.schedule {
        *planned.entry(text(row, 0)).or_default() += 1;
    }
    let mut claims = BTreeMap::new();
    for row in &imported.claims {
        let (class, trainee) = (text(row, 0), text(row, 1));
        let policy = imported.policies.get(class).cloned().unwrap_or_default();
        claims.insert(
            (class.to_owned(), trainee.to_owned()),
            Claim {
                amount: int(row, 5),
                hours: int(row, 4),
                lump_rate: (policy.pay_mode == PayMode::Lump).then_some(i64::from(policy.rate_permille)),
                planned: planned.get(class).copied().unwrap_or(0),
                standing: of(class, trainee, "attested") + of(class, trainee, "unproven"),
            },
        );
    }
    let mut groups: BTreeMap<(usize, &str, &str), Vec<&Hit>> = BTreeMap::new();
    for (i, (_, hits)) in found.iter().enumerate() {
        for hit in hits {
            groups.entry((i, &hit.class, &hit.subject)).or_default().push(hit);
        }
    }
    let cell = |h: &&&Hit| (h.cell > 0).then(|| (h.class.clone(), h.trainee.clone(), h.cell));
    let causes: Vec<Cause> = groups
        .iter()
        .map(|((i, ..), hits)| Cause {
            rule: found[*i].0.id.clone(),
            grade: found[*i].0.grade,
            cells: hits.iter().filter_map(|h| cell(&h)).collect(),
        })
        .collect();
    let allotted = money::allot(&claims, &causes);
    let mut findings = Vec::new();
    for (n, ((i, class, subject), hits)) in groups.iter().enumerate() {
        let rule = found[*i].0;
        let of_class = imported.claims.iter().find(|c| text(c, 0) == *class);
        let count = |kind: &str| hits.iter().filter(|h| h.kind == kind).count() as i64;
        let lessons: BTreeSet<&str> = hits.iter().map(|h| h.lesson.as_str()).filter(|l| !l.is_empty()).collect();
        let claimed = claims.get(&((*class).to_owned(), (*subject).to_owned())).map_or(0, |c| c.hours);
        let values = [
            ("hours", claimed),
            ("attested", of(class, subject, "attested")),
            ("cells", causes[n].cells.len() as i64),
            ("blank", count("blank")),
            ("tail", count("tail")),
            ("lessons", lessons.len() as i64),
            ("sessions", sessions.get(*class).copied().unwrap_or(0)),
        ];
        let words = |lang: &str| Words {
            title: rule.text(&format!("title_{lang}")).to_owned(),
            explanation: fill(rule.text(&format!("explain_{lang}")), &values),
            innocent: rule.text(&format!("innocent_{lang}")).to_owned(),
            next: rule.text(&format!("next_{lang}")).to_owned(),
        };
        let proofs: BTreeSet<Proof> = hits
            .iter()
            .filter(|h| !h.device.is_empty())
            .map(|h| Proof { device: h.device.clone(), counter: h.counter, seq_from: h.seq_from, seq_to: h.seq_to })
            .collect();
        let about = if subject.is_empty() { "-" } else { subject };
        findings.push(Finding {
            finding: format!("{}/{class}/{about}", rule.id),
            rule: rule.id.clone(),
            grade: rule.grade,
            family: rule.family.clone(),
            suspect: hits.iter().any(|h| h.suspect),
            class: (*class).to_owned(),
            institution: of_class.map_or("", |c| text(c, 2)).to_owned(),
            region: of_class.map_or("", |c| text(c, 3)).to_owned(),
            trainee: (*subject).to_owned(),
            cells: causes[n].cells.len() as i64,
            at_risk_fen: allotted.at_risk[n],
            exposure_fen: allotted.exposure[n],
            zh: words("zh"),
            en: words("en"),
            basis: rule.text("basis").to_owned(),
            lessons: lessons.into_iter().map(str::to_owned).collect(),
            proofs: proofs.into_iter().collect(),
        });
    }
    // The gravest first: what takes most, then what is surest.
    findings.sort_by(|a, b| {
        let key = |f: &Finding| (f.suspect, f.at_risk_fen, f.grade);
        key(b).cmp(&key(a)).then_with(|| a.finding.cmp(&b.finding))
    });
    let classes = classes(imported, &claims, &of, &findings);
    Report { run, classes, findings }
}

fn fill(template: &str, values: &[(&str, i64)]) -> String {
    values
        .iter()
        .fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), &value.to_string()))
}

fn classes(
    imported: &Imported,
    claims: &BTreeMap<(String, String), Claim>,
    of: &impl Fn(&str, &str, &str) -> i64,
    findings: &[Finding],
) -> Vec<ClassResult> {
    let mut results: BTreeMap<&str, ClassResult> = BTreeMap::new();
    for row in &imported.claims {
        let (class, trainee) = (text(row, 0), text(row, 1));
        let claim = &claims[&(class.to_owned(), trainee.to_owned())];
        let result = results.entry(class).or_insert_with(|| ClassResult {
            class: class.to_owned(),
            institution: text(row, 2).to_owned(),
            region: text(row, 3).to_owned(),
            trainees: 0,
            hours: 0,
            attested: 0,
            unproven: 0,
            amount_fen: 0,
            certain_fen: 0,
            strong_fen: 0,
            exposure_fen: 0,
            band: String::new(),
            policy: imported.policies.get(class).map(|p| p.version.clone()).unwrap_or_default(),
        });
        result.trainees += 1;
        result.hours += claim.hours;
        result.attested += of(class, trainee, "attested");
        result.unproven += of(class, trainee, "unproven");
        result.amount_fen += claim.amount;
    }
    for result in results.values_mut() {
        let mine: Vec<&Finding> = findings.iter().filter(|f| f.class == result.class).collect();
        let sum = |grade| mine.iter().filter(|f| f.grade == grade).map(|f| f.at_risk_fen).sum::<i64>();
        (result.certain_fen, result.strong_fen) = (sum(Grade::Certain), sum(Grade::Strong));
        result.exposure_fen = mine.iter().map(|f| f.exposure_fen).sum::<i64>().min(result.amount_fen);
        result.band = band(&mine).to_owned();
    }
    results.into_values().collect()
}

/// Red, amber or green: the catalogue's section 12.5, with the caps as weights until labelled data gives better ones.
fn band(findings: &[&Finding]) -> &'static str {
    let suspects = || findings.iter().filter(|f| f.suspect);
    if suspects().any(|f| f.grade == Grade::Certain) {
        return "red";
    }
    // Base-10 logarithms in thousandths: prior odds 0.02 / 0.98, strong 2, weak 0.7; each family once.
    let mut families: BTreeMap<&str, i64> = BTreeMap::new();
    for finding in suspects() {
        let weight = if finding.grade == Grade::Strong { 2000 } else { 700 };
        let best = families.entry(&finding.family).or_default();
        *best = weight.max(*best);
    }
    let log_odds = -1690 + families.values().sum::<i64>();
    let strong = families.values().filter(|w| **w == 2000).count();
    // Odds of 19 to 1 are a probability of 0.95.
    match log_odds {
        n if n >= 1279 && strong >= 2 => "red",
        n if n >= 0 => "amber",
        _ => "green",
    }
}
