//! The program `muster-cluster`: Ballista's own scheduler and executor, of the version that `muster-server` speaks to, with the
//! evidence's storage made known to them through Ballista's own hooks.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use ballista_core::RuntimeProducer;
use ballista_core::extension::SessionConfigExt;
use ballista_core::utils::default_session_builder;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_executor::health::spawn_health_server;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::start_server;
use clap::{Parser, Subcommand};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::SessionConfig;
use muster_server::evidence::place::Place;
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Planning recurses as deep as a query is nested; so much room Ballista's own scheduler gives it.
const STACK: usize = 32 << 20;

/// 真学时 Muster：运行规则的集群 / the cluster that rules are run on.
#[derive(Debug, Parser)]
#[command(name = "muster-cluster", version)]
struct Cli {
    /// 证据表存放处 s3://桶/前缀；在共享路径上则不需要 / where evidence is kept, s3://bucket/prefix; not needed for a path that all see
    #[arg(long, global = true, env = "MUSTER_EVIDENCE")]
    evidence: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// 调度程序，选项与 Ballista 相同 / the scheduler, with Ballista's options
    Scheduler(Box<ballista_scheduler::config::Config>),
    /// 执行程序，选项与 Ballista 相同 / an executor, with Ballista's options
    Executor(Box<ballista_executor::config::Config>),
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,datafusion=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stderr).init();
    let storage = storage(cli.evidence.as_deref().map(Place::bucket).transpose()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK).build()?;
    runtime.block_on(async {
        match cli.command {
            Command::Scheduler(options) => scheduler(*options, storage).await,
            Command::Executor(options) => executor(*options, storage).await,
        }
    })
}

/// What Ballista calls for an environment to plan or to work in: one that knows the evidence's storage.
fn storage(place: Option<Place>) -> RuntimeProducer {
    Arc::new(move |_| {
        let runtime = RuntimeEnvBuilder::new().build_arc()?;
        if let Some(place) = &place {
            place.register(&runtime)?;
        }
        Ok(runtime)
    })
}

async fn scheduler(options: ballista_scheduler::config::Config, storage: RuntimeProducer) -> Result<()> {
    let at = format!("{}:{}", options.bind_host, options.bind_port);
    let at: SocketAddr = at.parse().with_context(|| format!("{at} is no address"))?;
    let session = move |config: SessionConfig| {
        let runtime = storage(&config)?;
        let state = default_session_builder(config)?;
        Ok(SessionStateBuilder::new_from_existing(state).with_runtime_env(runtime).build())
    };
    let config = SchedulerConfig::try_from(options)?
        .with_override_config_producer(Arc::new(SessionConfig::new_with_ballista))
        .with_override_session_builder(Arc::new(session));
    let cluster = BallistaCluster::new_from_config(&config).await?;
    Ok(start_server(cluster, at, Arc::new(config)).await?)
}

async fn executor(options: ballista_executor::config::Config, storage: RuntimeProducer) -> Result<()> {
    let health = format!("{}:{}", options.bind_host, options.bind_health_port);
    let health: SocketAddr = health.parse().with_context(|| format!("{health} is no address"))?;
    let mut config = ExecutorProcessConfig::try_from(options)?;
    config.override_config_producer = Some(Arc::new(SessionConfig::new_with_ballista));
    config.override_runtime_producer = Some(storage);
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let probes = spawn_health_server(health, config.health.clone(), stopped);
    let ended = start_executor_process(Arc::new(config)).await;
    drop(stop);
    ended?;
    Ok(probes.await??)
}
