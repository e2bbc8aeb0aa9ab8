//! One reconciliation: evidence, rules, money, bands, stored as one run.

use std::collections::BTreeMap;
use std::path::Path;

use datafusion::error::DataFusionError;
use muster_hours::policy::Policy;
use muster_seal::central::{DocumentLeaf, Leaf};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::engine::{Engine, Hit};
use super::header::{Grade, Rule, RuleError};
use super::judge;
use crate::central;
use crate::evidence::claimed::{self, Asked, Facts, Logged, Planned, Shut, Standing};
use crate::evidence::tables::{CLAIMED_CELLS, CLAIMS, Row, Val};
use crate::evidence::{self, EvidenceError, brackets, imported};
use crate::store::{Store, StoreError, checkpoints, findings, put_setting, setting};

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
    /// Rules that were refused, and sessions whose evidence could not be made, and why.
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
    /// Whom it is about; empty when it is about the class or a device.
    pub trainee: String,
    /// The device, when it is about one; `class` may then be empty.
    #[serde(default)]
    pub device: String,
    /// Is it of the gravest kind, shown before all others?
    #[serde(default)]
    pub gravest: bool,
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
    /// Fen that rest on unproven hours and that no finding takes: a third sum.
    #[serde(default)]
    pub unproven_fen: i64,
    /// Fen that weak findings point at; in no sum with the others.
    pub exposure_fen: i64,
    /// `red`, `amber` or `green`.
    pub band: String,
    /// The policy it was counted by.
    pub policy: String,
}

/// What a run says of one claim.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TraineeResult {
    /// Which class.
    pub class: String,
    /// For whom.
    pub trainee: String,
    /// Class hours claimed.
    pub hours: i64,
    /// Of these, attested.
    pub attested: i64,
    /// Of these, unproven.
    pub unproven: i64,
    /// Of these, of lessons that no log has.
    pub not_held: i64,
    /// Of these, above the schedule.
    pub beyond: i64,
    /// Fen claimed.
    pub amount_fen: i64,
    /// Fen that certain and strong findings take or hold.
    pub at_risk_fen: i64,
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
    /// One for each claim.
    #[serde(default)]
    pub trainees: Vec<TraineeResult>,
}

/// What the bureau imported and what the store knows, all of one moment.
pub(super) struct Imported {
    pub claims: Vec<Row>,
    pub roster: Vec<Row>,
    pub schedule: Vec<Row>,
    pub calendar: Vec<Row>,
    pub devices: Vec<Row>,
    /// All tables that are not made from logs, those above too, until the engine took them.
    pub rows: BTreeMap<&'static str, Vec<Row>>,
    pub policies: BTreeMap<String, Policy>,
    pub log_size: u64,
}

/// A rule set that was not in force before leaves its hash in the central log.
fn in_force(store: &Store, sha256: &str, at: &str) -> Result<(), StoreError> {
    let known = store.read(|conn| setting::<String>(conn, "rules_in_force"))?;
    if known.as_deref() == Some(sha256) {
        return Ok(());
    }
    store.write(|tx| {
        let (what, name) = ("rules".to_owned(), sha256[..12].to_owned());
        let leaf = DocumentLeaf { what, name, sha256: sha256.to_owned(), at: at.to_owned() };
        checkpoints::append(tx, &[Leaf::Document(leaf).line()])?;
        put_setting(tx, "rules_in_force", sha256.as_bytes())
    })?;
    match central::settle(store) {
        Err(StoreError::NoQuorum(why)) => {
            tracing::warn!(%why, "the rule set's leaf waits for the witnesses");
            Ok(())
        }
        settled => settled,
    }
}

/// Reconciles everything: writes missing evidence, runs the rules, stores the run. Gives its report.
///
/// # Errors
/// [`ReconcileError`]; the run before it stands.
pub async fn reconcile(store: &Store, data_dir: &Path, now: &str) -> Result<Report, ReconcileError> {
    let (worker, dir, at) = (store.clone(), data_dir.to_owned(), now.to_owned());
    let (built, mut imported, set) = tokio::task::spawn_blocking(move || {
        let built = evidence::build(&worker)?;
        let set = super::load(&dir);
        in_force(&worker, &set.sha256, &at)?;
        brackets::settle(&worker)?;
        Ok::<_, ReconcileError>((built, read(&worker, &at)?, set))
    })
    .await
    .map_err(|_| ReconcileError::Worker)??;

    let engine = Engine::over(data_dir, &std::mem::take(&mut imported.rows)).await?;
    let facts = facts(&engine, &imported).await?;
    let (imported, cells, standing) = tokio::task::spawn_blocking(move || {
        let (cells, standing) = claimed::cells(&asked(&imported), &facts);
        stand(&mut imported.claims, &standing);
        (imported, cells, standing)
    })
    .await
    .map_err(|_| ReconcileError::Worker)?;
    engine.replace(&CLAIMS, &imported.claims)?;
    engine.replace(&CLAIMED_CELLS, &cells)?;

    let mut refused: Vec<RuleError> = set.refused;
    let mut found: Vec<(Rule, Vec<Hit>)> = Vec::new();
    for rule in set.rules {
        match engine.run(&rule).await {
            Ok(hits) => found.push((rule, hits)),
            Err(error) => refused.push(error),
        }
    }
    let run = Run {
        run: 0,
        at: now.to_owned(),
        rules_sha256: set.sha256,
        log_size: imported.log_size,
        refused: refused.iter().map(ToString::to_string).chain(built.refused).collect(),
    };
    let worker = store.clone();
    let stored = tokio::task::spawn_blocking(move || {
        let report = judge::judge(run, &imported, &cells, &standing, &found);
        findings::put(&worker, report)
    });
    Ok(stored.await.map_err(|_| ReconcileError::Worker)??)
}

/// One read transaction, so that a file that is imported meanwhile is in all of it or in none.
fn read(store: &Store, now: &str) -> Result<Imported, StoreError> {
    store.read(|conn| {
        let tx = conn.unchecked_transaction()?;
        let mut get = tx.prepare("SELECT class, document FROM class c JOIN policy p ON p.version = c.policy")?;
        let rows = get.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let mut policies = BTreeMap::new();
        for row in rows {
            let (class, document) = row?;
            policies.insert(class, serde_json::from_str(&document).map_err(|_| StoreError::Corrupt("a policy"))?);
        }
        let rows = imported::all(&tx, now, None)?;
        let of = |name: &str| rows.get(name).cloned().unwrap_or_default();
        Ok(Imported {
            claims: of("claims"),
            roster: of("roster"),
            schedule: of("schedule"),
            calendar: of("calendar"),
            devices: of("devices"),
            rows,
            policies,
            log_size: checkpoints::head(&tx)?.map_or(0, |head| head.edge.size()),
        })
    })
}

pub(super) fn text(row: &Row, i: usize) -> &str {
    if let Some(Val::Text(text)) = row.get(i) { text } else { "" }
}

pub(super) fn int(row: &Row, i: usize) -> i64 {
    if let Some(Val::Int(n)) = row.get(i) { *n } else { 0 }
}

/// What is asked to be paid, one for each claim and in their order.
fn asked(imported: &Imported) -> Vec<Asked> {
    let persons: BTreeMap<(&str, &str), &str> =
        imported.roster.iter().map(|row| ((text(row, 0), text(row, 1)), text(row, 2))).collect();
    let asked = imported.claims.iter().map(|claim| {
        let (class, trainee) = (text(claim, 0), text(claim, 1));
        Asked {
            class: class.to_owned(),
            trainee: trainee.to_owned(),
            person: persons.get(&(class, trainee)).map_or_else(|| format!("{class}/{trainee}"), |p| (*p).to_owned()),
            hours: int(claim, 4),
            cap: imported.policies.get(class).map_or(8, |p| p.daily_cap),
        }
    });
    asked.collect()
}

/// Writes into `claims` what stands of each.
fn stand(claims: &mut [Row], standing: &[Standing]) {
    let at = |name: &str| CLAIMS.columns.iter().position(|(column, _)| *column == name).unwrap_or(usize::MAX);
    let places = [at("planned"), at("attested"), at("unproven")];
    for (row, standing) in claims.iter_mut().zip(standing) {
        for (place, value) in places.iter().zip([standing.planned, standing.attested, standing.unproven]) {
            if let Some(cell) = row.get_mut(*place) {
                *cell = value.into();
            }
        }
    }
}

async fn facts(engine: &Engine, imported: &Imported) -> Result<Facts, DataFusionError> {
    let mut facts = Facts::default();
    let sql = "SELECT l.class, l.trainee, l.lesson, l.shape, l.reason, l.assurance, l.device, l.counter, l.seq_from,
                      l.seq_to, s.open
               FROM lessons l JOIN claims c ON c.class = l.class AND c.trainee = l.trainee
               LEFT JOIN sessions s ON s.device = l.device AND s.counter = l.counter
               ORDER BY l.class, l.trainee, l.lesson, l.device, l.counter";
    let columns = [
        "class",
        "trainee",
        "lesson",
        "shape",
        "reason",
        "assurance",
        "device",
        "counter",
        "seq_from",
        "seq_to",
        "open",
    ];
    for row in engine.query(sql, &columns).await? {
        let seq = |i| matches!(row[i], Val::Int(_)).then(|| int(&row, i));
        let cell = Logged {
            shape: text(&row, 3).to_owned(),
            reason: matches!(row[4], Val::Text(_)).then(|| text(&row, 4).to_owned()),
            level: int(&row, 5),
            device: text(&row, 6).to_owned(),
            counter: int(&row, 7),
            seqs: seq(8).zip(seq(9)),
            open: int(&row, 10),
        };
        let of = facts.logged.entry((text(&row, 0).to_owned(), text(&row, 1).to_owned())).or_default();
        let cell = match of.remove(text(&row, 2)) {
            Some(other) => claimed::better(other, cell),
            None => cell,
        };
        of.insert(text(&row, 2).to_owned(), cell);
    }
    for row in engine.query("SELECT DISTINCT class, lesson FROM lessons", &["class", "lesson"]).await? {
        facts.held.insert((text(&row, 0).to_owned(), text(&row, 1).to_owned()));
    }
    for row in engine.query("SELECT class, open, close FROM sessions", &["class", "open", "close"]).await? {
        facts.met.entry(text(&row, 0).to_owned()).or_default().push((int(&row, 1), int(&row, 2)));
    }
    for row in &imported.schedule {
        facts.plans.entry(text(row, 0).to_owned()).or_default().push(Planned {
            session: text(row, 1).to_owned(),
            lesson: text(row, 2).to_owned(),
            region: text(row, 4).to_owned(),
            day: int(row, 5),
            start: int(row, 6),
            end: int(row, 7),
        });
    }
    facts.shut = imported
        .calendar
        .iter()
        .map(|row| Shut {
            region: text(row, 0).to_owned(),
            from: int(row, 1),
            to: int(row, 2),
            why: text(row, 5).to_owned(),
        })
        .collect();
    Ok(facts)
}
