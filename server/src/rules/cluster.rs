//! Rules on other machines: a Ballista cluster, whose executors run them as [shares](super::share) of the work.
//!
//! What is sent there is which rule and which files; a table that is made of rows is put down as a file of the run first. A rule
//! that looks at one class alone is run over shares of the classes, any other over all of them by one executor. Ballista sends the
//! shares out, sends again what a lost executor had, and brings the answers back; how a query is planned it does not decide.
//! The cluster is not trusted to be there: a question that it cannot answer fails the run, and is never taken for a rule that
//! found nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use super::engine::{self, Count, Engine, Hit};
use super::header::{Rule, RuleError};
use super::reconcile::RUNS;
use super::run::ReconcileError;
use super::share::{self, Answer, Classes, Question, Share, What};
use crate::evidence::build;
use crate::evidence::place::Place;
use crate::evidence::tables::Table;
use crate::store::{self, Store, StoreError, parts};

/// How an address of a cluster begins.
pub const SCHEME: &str = "df://";
/// Where a scheduler listens when nothing else is said.
const PORT: u16 = 50050;
/// Into so many shares classes are divided when nothing else is said; so many rules are asked at once.
const SHARES: usize = 16;
/// So often a question is asked before the cluster is given up: an executor may die after the work and before its rows are fetched.
const TRIES: usize = 3;
/// So long a scheduler may take to say that it is there.
const WAIT: Duration = Duration::from_secs(10);
/// So long a question may take, waiting for its turn with it: a cluster that has lost sight of a task would be waited for without end.
const LONGEST: Duration = Duration::from_secs(3 * 3600);
/// Before a question is asked again.
const PAUSE: Duration = Duration::from_secs(2);

/// A cluster during one run.
pub struct Cluster {
    context: SessionContext,
    place: Place,
    /// The folder of the run's own files.
    folder: String,
    /// How many shares there are at most.
    pub shares: usize,
    /// Which parts hold sessions of each class.
    of: Vec<(String, String, u64)>,
    /// The files of each table that all shares have.
    files: BTreeMap<String, Vec<String>>,
    /// The files of each part, by table.
    parts: BTreeMap<String, BTreeMap<String, String>>,
    /// How many shares there are.
    divided: usize,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("place", &self.place).field("shares", &self.shares).finish_non_exhaustive()
    }
}

/// Is there a scheduler at this address, with somebody to work, and can this program speak to it? Asked before the work, not after it.
///
/// # Errors
/// [`ReconcileError::Cluster`].
pub async fn check(url: &str) -> Result<(), ReconcileError> {
    let bad = |what: String| Err(ReconcileError::Cluster(what));
    let Some((at, _)) = parse(url) else {
        return bad(format!("{url}: 请写 df://主机:端口[?shares=份数] / write df://host:port[?shares=number]"));
    };
    if !cfg!(feature = "cluster") {
        return bad(
            "此程序未含集群：请用 `make cluster` 构建 / this program was built without clusters: build it with \
                    `make cluster`"
                .to_owned(),
        );
    }
    let ready = format!("http://{at}/readyz");
    let ask = move || ureq::get(&ready).config().proxy(None).timeout_global(Some(WAIT)).build().call().map(drop);
    match tokio::task::spawn_blocking(ask).await.map_err(|_| ReconcileError::Worker)? {
        Ok(()) => Ok(()),
        Err(ureq::Error::StatusCode(503)) => bad(format!("{at}: 尚无执行程序 / no executor has come to it yet")),
        Err(e) => bad(format!("{at}: {e}（调度程序是否在运行？ / does the scheduler run?）")),
    }
}

/// The scheduler's host and port, and into how many shares classes are divided.
fn parse(url: &str) -> Option<(String, usize)> {
    let rest = url.strip_prefix(SCHEME)?;
    let (at, shares) = match rest.split_once("?shares=") {
        Some((at, number)) => (at, number.parse().ok().filter(|n| (1..=4096).contains(n))?),
        None => (rest, SHARES),
    };
    let at = at.trim_end_matches('/');
    let whole = !at.is_empty() && !at.contains(['/', '?']);
    whole.then(|| (if at.contains(':') { at.to_owned() } else { format!("{at}:{PORT}") }, shares))
}

impl Cluster {
    /// A cluster that shares out what is in force; tables that no log made it is [told](Self::tell) of.
    ///
    /// # Errors
    /// [`ReconcileError`]: no address, or a program that was built without clusters.
    pub async fn begin(url: &str, store: &Store, place: &Place) -> Result<Self, ReconcileError> {
        let run = store::random::<8>()?;
        let (of, all) = store.read(|conn| Ok::<_, StoreError>((parts::by_class(conn)?, parts::all(conn)?)))?;
        let shares = parse(url).map_or(SHARES, |(_, shares)| shares);
        let files = |part: &parts::Part| -> BTreeMap<String, String> {
            part.tables.keys().map(|table| (table.clone(), place.url(&part.key(table)))).collect()
        };
        Ok(Self {
            context: remote(url).await?,
            place: place.clone(),
            folder: format!("{RUNS}/{}", hex::encode(run)),
            files: BTreeMap::new(),
            divided: share::divide(&of, shares).len(),
            shares,
            of,
            parts: all.iter().map(|part| (part.part.clone(), files(part))).collect(),
        })
    }

    /// Tells it of tables that are no evidence in parts: their files, or their rows, which are put down where executors find them.
    ///
    /// # Errors
    /// [`ReconcileError`].
    pub async fn tell(
        &mut self,
        engine: &Engine,
        made: &BTreeMap<String, Vec<String>>,
        tables: impl Iterator<Item = &'static Table>,
    ) -> Result<(), ReconcileError> {
        let in_parts = |table: &Table| self.parts.values().any(|files| files.contains_key(table.name));
        for table in tables.filter(|table| !in_parts(table)).collect::<Vec<_>>() {
            let files = match made.get(table.name) {
                Some(files) => files.clone(),
                None => self.put(table.name, engine.batches(table.name).await?).await?,
            };
            self.files.insert(table.name.to_owned(), files);
        }
        self.offer().await
    }

    async fn put(&self, name: &str, batches: Vec<RecordBatch>) -> Result<Vec<String>, ReconcileError> {
        let (place, folder, name) = (self.place.clone(), self.folder.clone(), name.to_owned());
        let work = tokio::task::spawn_blocking(move || {
            let batches = batches.into_iter().filter(|batch| batch.num_rows() > 0).enumerate();
            let put = batches.map(|(n, batch)| {
                let key = format!("{folder}/{name}-{n}.parquet");
                place.put_unsynced(&key, build::parquet(&batch)?)?;
                Ok(place.url(&key))
            });
            put.collect::<Result<Vec<_>, ReconcileError>>()
        });
        work.await.map_err(|_| ReconcileError::Worker)?
    }

    /// Puts down what the shares are, as tables that questions are asked of.
    async fn offer(&self) -> Result<(), ReconcileError> {
        for (name, shares) in [(WHOLE, 1), (DIVIDED, self.shares)] {
            let (mut files, schema) =
                (Vec::new(), Arc::new(Schema::new(vec![Field::new("share", DataType::Utf8, false)])));
            for (n, (classes, parts)) in share::divide(&self.of, shares).into_iter().enumerate() {
                let text =
                    serde_json::to_string(&self.share(n, classes, parts.iter())).map_err(|_| ReconcileError::Worker)?;
                let column: ArrayRef = Arc::new(StringArray::from(vec![text]));
                let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column]).map_err(DataFusionError::from)?;
                files.extend(self.put(&format!("{name}-{n}"), vec![batch]).await?);
            }
            self.context.deregister_table(name)?;
            self.context.register_table(name, Arc::new(engine::listing(&files, schema)?))?;
        }
        Ok(())
    }

    fn share<'a>(&self, number: usize, classes: Classes, parts: impl Iterator<Item = &'a String>) -> Share {
        let mut files = self.files.clone();
        for (table, file) in parts.filter_map(|part| self.parts.get(part)).flatten() {
            files.entry(table.clone()).or_default().push(file.clone());
        }
        files.retain(|_, files| !files.is_empty());
        Share { files, classes, number, version: share::version() }
    }

    /// A rule's rows.
    ///
    /// # Errors
    /// [`ReconcileError::Cluster`]; what is wrong with the rule is the error within.
    pub async fn run(&self, rule: &Rule) -> Result<Result<Vec<Hit>, RuleError>, ReconcileError> {
        let mut hits = Vec::new();
        for answer in self.ask(rule, What::Hits).await? {
            match answer {
                Answer::Hits(some) => hits.extend(some),
                Answer::Refused(error) => return Ok(Err(error)),
                Answer::Counts(_) | Answer::End(_) => return Err(odd(rule)),
            }
        }
        hits.sort();
        hits.dedup();
        Ok(Ok(hits))
    }

    /// What a rule counts.
    ///
    /// # Errors
    /// [`ReconcileError::Cluster`]; what is wrong with the rule is the error within.
    pub async fn counts(&self, rule: &Rule) -> Result<Result<Vec<Count>, RuleError>, ReconcileError> {
        let mut counts = Vec::new();
        for answer in self.ask(rule, What::Counts).await? {
            match answer {
                Answer::Counts(some) => counts.extend(some),
                Answer::Refused(error) => return Ok(Err(error)),
                Answer::Hits(_) | Answer::End(_) => return Err(odd(rule)),
            }
        }
        counts.sort();
        Ok(Ok(counts))
    }

    async fn ask(&self, rule: &Rule, what: What) -> Result<Vec<Answer>, ReconcileError> {
        let question = Question { rule: Rule { texts: BTreeMap::new(), ..rule.clone() }, what };
        let table = if question.divides() { DIVIDED } else { WHOLE };
        let text = serde_json::to_string(&question).map_err(|_| ReconcileError::Worker)?.replace('\'', "''");
        let sql = format!("SELECT unnest({}(share, '{text}')) AS answer FROM {table}", share::NAME);
        let mut tries = 1;
        loop {
            let work = async { self.context.sql(&sql).await?.collect().await };
            let late = || DataFusionError::Execution(format!("no answer within {} s", LONGEST.as_secs()));
            match tokio::time::timeout(LONGEST, work).await.unwrap_or_else(|_| Err(late())) {
                Ok(rows) => return answers(rule, &rows, if question.divides() { self.divided } else { 1 }),
                Err(error) if tries < TRIES => {
                    tracing::warn!(rule = %rule.id, error = error.strip_backtrace(), tries, "the cluster is asked again");
                }
                Err(error) => return Err(ReconcileError::Cluster(format!("{}: {}", rule.id, error.strip_backtrace()))),
            }
            tokio::time::sleep(PAUSE).await;
            tries += 1;
        }
    }
}

/// The tables of shares: one of everything, and all classes divided.
const WHOLE: &str = "whole";
const DIVIDED: &str = "divided";

/// What all shares said, each of them once and to its end.
fn answers(rule: &Rule, rows: &[RecordBatch], shares: usize) -> Result<Vec<Answer>, ReconcileError> {
    let texts = rows.iter().flat_map(|batch| batch.column(0).as_string_opt::<i32>().into_iter().flatten().flatten());
    let said: Vec<Answer> = texts.map(serde_json::from_str).collect::<Result<_, _>>().map_err(|_| odd(rule))?;
    let number: usize = rows.iter().map(RecordBatch::num_rows).sum();
    let (ends, answers): (Vec<Answer>, Vec<Answer>) = said.into_iter().partition(|a| matches!(a, Answer::End(_)));
    let mut ended: Vec<usize> =
        ends.iter().filter_map(|a| if let Answer::End(n) = a { Some(*n) } else { None }).collect();
    ended.sort_unstable();
    let whole = ended.iter().copied().eq(0..shares) && answers.len() + ends.len() == number;
    if whole { Ok(answers) } else { Err(odd(rule)) }
}

fn odd(rule: &Rule) -> ReconcileError {
    ReconcileError::Cluster(format!("{}: 回答不完整 / an answer that is not whole", rule.id))
}

#[cfg(feature = "cluster")]
async fn remote(url: &str) -> Result<SessionContext, DataFusionError> {
    use ballista::prelude::{SessionConfigExt, SessionContextExt};
    use datafusion::execution::SessionStateBuilder;
    use datafusion::prelude::SessionConfig;

    let config = SessionConfig::new_with_ballista()
        .with_information_schema(false)
        .with_target_partitions(parse(url).map_or(SHARES, |(_, shares)| shares))
        // Plans that change while they run are new in Ballista 55; there is nothing here to change.
        .with_ballista_adaptive_query_planner(false)
        .with_ballista_job_name("muster");
    let function = share::function(engine::runtime(None, 0)?);
    let state = SessionStateBuilder::new().with_default_features().with_config(config).build();
    let context = SessionContext::remote_with_state(url.split('?').next().unwrap_or(url), state).await?;
    context.register_udf(function);
    Ok(context)
}

#[cfg(not(feature = "cluster"))]
async fn remote(_url: &str) -> Result<SessionContext, DataFusionError> {
    let _ = (engine::runtime, share::function);
    Err(DataFusionError::Configuration("this program was built without clusters".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_cluster_is_refused_before_the_work() {
        for url in ["localhost:50050", "df:///", "df://a:1?shares=0", "df://a:1/x", "df://a:1?threads=2"] {
            let said = check(url).await.unwrap_err().to_string();
            assert!(said.contains("df://host:port"), "{said}");
        }
        assert_eq!(parse("df://a"), Some(("a:50050".to_owned(), 16)));
        assert_eq!(parse("df://a:1?shares=40"), Some(("a:1".to_owned(), 40)));
        // A port that was given back: nobody listens there.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let said = check(&format!("df://127.0.0.1:{port}")).await.unwrap_err().to_string();
        let what = if cfg!(feature = "cluster") { "does the scheduler run?" } else { "`make cluster`" };
        assert!(said.contains(what), "{said}");
    }
}
