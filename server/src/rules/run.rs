//! What a run leaves: findings, classes, claims, and what it was made from.

use datafusion::error::DataFusionError;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::engine::Hit;
use super::header::Grade;
use crate::evidence::EvidenceError;
use crate::store::StoreError;

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
    /// The cluster that was asked to run the rules.
    #[error("集群 / cluster: {0}")]
    Cluster(String),
    /// A worker died.
    #[error("a worker died")]
    Worker,
}

/// A run: what it was made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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
    /// Rules that could not be tested, and the tables that nobody has filled yet.
    #[serde(default)]
    pub untestable: std::collections::BTreeMap<String, Vec<String>>,
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
    /// What it is about: class, trainee, device, institution, instructor, official or site.
    #[serde(default)]
    pub about: String,
    /// Whom or what, by id; empty for the class.
    #[serde(default)]
    pub subject: String,
    /// For rules that compare with what is usual: −1000 × log10 of the chance of it in an honest unit.
    #[serde(default)]
    pub score: i64,
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
    /// The rows that made it; kept beside it, not shown with it.
    #[serde(skip)]
    pub hits: Vec<Hit>,
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
    /// `red`, `amber` or `green`, by the findings on these hours alone; empty in runs from before there was one.
    #[serde(default)]
    pub band: String,
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
