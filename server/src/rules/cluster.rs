//! Rules on other machines: a Ballista cluster runs the same SQL over the same files.
//!
//! What is sent there are plans and the files' addresses: a table that is made of rows is put down as a file of the run first.
//! The cluster is not trusted to be there: a query that it cannot answer fails the run, and is never taken for one that found
//! nothing.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::physical_plan::collect;
use datafusion::prelude::SessionContext;

use super::reconcile::RUNS;
use super::run::ReconcileError;
use crate::evidence::build;
use crate::evidence::place::Place;
use crate::store;

/// How an address of a cluster begins.
pub const SCHEME: &str = "df://";
/// Where a scheduler listens when nothing else is said.
const PORT: u16 = 50050;
/// Into so many parts a query is cut when nothing else is said.
const PARTITIONS: usize = 16;
/// So often a query is begun before the cluster is given up: an executor may die after the work and before its rows are fetched.
const TRIES: usize = 3;
/// So long a scheduler may take to say that it is there.
const WAIT: Duration = Duration::from_secs(10);
/// Before a query is begun again.
const PAUSE: Duration = Duration::from_secs(2);

/// A cluster during one run.
pub struct Cluster {
    context: SessionContext,
    place: Place,
    /// The folder of the run's own files.
    folder: String,
    files: AtomicUsize,
    lost: OnceLock<String>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("place", &self.place).field("lost", &self.lost).finish_non_exhaustive()
    }
}

/// Is there a scheduler at this address, with somebody to work, and can this program speak to it? Asked before the work, not after it.
///
/// # Errors
/// [`ReconcileError::Cluster`].
pub async fn check(url: &str) -> Result<(), ReconcileError> {
    let bad = |what: String| Err(ReconcileError::Cluster(what));
    let Some((at, _)) = parse(url) else {
        return bad(format!("{url}: 请写 df://主机:端口[?partitions=份数] / write df://host:port[?partitions=number]"));
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

/// The scheduler's host and port, and into how many parts a query is cut.
fn parse(url: &str) -> Option<(String, usize)> {
    let rest = url.strip_prefix(SCHEME)?;
    let (at, partitions) = match rest.split_once("?partitions=") {
        Some((at, number)) => (at, number.parse().ok().filter(|n| (1..=4096).contains(n))?),
        None => (rest, PARTITIONS),
    };
    let at = at.trim_end_matches('/');
    let whole = !at.is_empty() && !at.contains(['/', '?']);
    whole.then(|| (if at.contains(':') { at.to_owned() } else { format!("{at}:{PORT}") }, partitions))
}

impl Cluster {
    /// A cluster that knows the tables of `state`, also those that are registered later.
    ///
    /// # Errors
    /// [`DataFusionError`]: no address, or a program that was built without clusters.
    pub async fn new(url: &str, state: SessionState, place: &Place) -> Result<Self, DataFusionError> {
        let run = store::random::<8>().map_err(|e| DataFusionError::External(Box::new(e)))?;
        Ok(Self {
            context: remote(url, state).await?,
            place: place.clone(),
            folder: format!("{RUNS}/{}", hex::encode(run)),
            files: AtomicUsize::new(0),
            lost: OnceLock::new(),
        })
    }

    /// Puts rows down where executors find them. Gives the file's address.
    ///
    /// # Errors
    /// [`DataFusionError`].
    pub fn put(&self, table: &str, schema: &SchemaRef, rows: &[RecordBatch]) -> Result<String, DataFusionError> {
        let key = format!("{}/{table}-{}.parquet", self.folder, self.files.fetch_add(1, Ordering::Relaxed));
        // Storage is waited for, which a thread of a runtime may not do.
        let written = std::thread::scope(|scope| {
            scope.spawn(|| self.place.put_unsynced(&key, build::parquet_of(Arc::clone(schema), rows)?)).join()
        });
        let died = || DataFusionError::Execution("a worker died".to_owned());
        written.map_err(|_| died())?.map_err(|e| DataFusionError::External(Box::new(e)))?;
        Ok(self.place.url(&key))
    }

    /// A query's rows, and what they are.
    ///
    /// # Errors
    /// [`DataFusionError`]: the query is none; or the cluster was lost, which [`Self::lost`] says then.
    pub async fn collect(&self, sql: &str) -> Result<(SchemaRef, Vec<RecordBatch>), DataFusionError> {
        let frame = self.context.sql(sql).await?;
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let plan = frame.create_physical_plan().await?;
        let mut tries = 1;
        loop {
            match collect(plan.clone(), self.context.task_ctx()).await {
                Ok(rows) => return Ok((schema, rows)),
                Err(error) if tries < TRIES => tracing::warn!(%error, tries, "the cluster is asked again"),
                Err(error) => {
                    let _ = self.lost.set(error.strip_backtrace());
                    return Err(error);
                }
            }
            tokio::time::sleep(PAUSE).await;
            tries += 1;
        }
    }

    /// Why the cluster was given up.
    pub fn lost(&self) -> Option<&str> {
        self.lost.get().map(String::as_str)
    }
}

#[cfg(feature = "cluster")]
async fn remote(url: &str, state: SessionState) -> Result<SessionContext, DataFusionError> {
    use ballista::prelude::{SessionConfigExt, SessionContextExt};
    use datafusion::execution::SessionStateBuilder;
    use datafusion::prelude::SessionConfig;

    // The tables and the storage are those of the engine here; all else is as Ballista has it.
    let config = SessionConfig::new_with_ballista()
        .with_information_schema(false)
        .with_target_partitions(parse(url).map_or(PARTITIONS, |(_, partitions)| partitions))
        .with_create_default_catalog_and_schema(false)
        // Plans that change while they run are new in Ballista 55: some of our queries never end with them.
        .with_ballista_adaptive_query_planner(false)
        .with_ballista_job_name("muster");
    let state = SessionStateBuilder::new_from_existing(state).with_config(config).build();
    SessionContext::remote_with_state(url, state).await
}

#[cfg(not(feature = "cluster"))]
async fn remote(_url: &str, _state: SessionState) -> Result<SessionContext, DataFusionError> {
    Err(DataFusionError::Configuration("this program was built without clusters".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_cluster_is_refused_before_the_work() {
        for url in ["localhost:50050", "df:///", "df://a:1?partitions=0", "df://a:1/x", "df://a:1?threads=2"] {
            let said = check(url).await.unwrap_err().to_string();
            assert!(said.contains("df://host:port"), "{said}");
        }
        assert_eq!(parse("df://a"), Some(("a:50050".to_owned(), 16)));
        assert_eq!(parse("df://a:1?partitions=40"), Some(("a:1".to_owned(), 40)));
        // A port that was given back: nobody listens there.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let said = check(&format!("df://127.0.0.1:{port}")).await.unwrap_err().to_string();
        let what = if cfg!(feature = "cluster") { "does the scheduler run?" } else { "`make cluster`" };
        assert!(said.contains(what), "{said}");
    }
}
