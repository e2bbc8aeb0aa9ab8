//! The program `muster-cluster`: Ballista's own scheduler and executor, of the version that `muster-server` speaks to, with the
//! evidence's storage and the function that runs a rule made known to them through Ballista's own hooks.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use ballista_core::extension::SessionConfigExt;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_core::utils::default_session_builder;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_executor::health::spawn_health_server;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::start_server;
use clap::{Parser, Subcommand};
use datafusion::execution::{FunctionRegistry, SessionStateBuilder};
use datafusion::prelude::SessionConfig;
use muster_server::evidence::place::Place;
use muster_server::rules::{engine, share};
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
    let place = cli.evidence.as_deref().map(Place::bucket).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK).build()?;
    runtime.block_on(async {
        match cli.command {
            Command::Scheduler(options) => scheduler(*options, place).await,
            Command::Executor(options) => executor(*options, place).await,
        }
    })
}

async fn scheduler(options: ballista_scheduler::config::Config, place: Option<Place>) -> Result<()> {
    let at = format!("{}:{}", options.bind_host, options.bind_port);
    let at: SocketAddr = at.parse().with_context(|| format!("{at} is no address"))?;
    // It plans, and runs nothing.
    let runtime = engine::runtime(place.as_ref(), 0)?;
    let session = move |config: SessionConfig| {
        let state = default_session_builder(config)?;
        let mut state = SessionStateBuilder::new_from_existing(state).with_runtime_env(Arc::clone(&runtime)).build();
        state.register_udf(Arc::new(share::function(Arc::clone(&runtime))))?;
        Ok(state)
    };
    let config = SchedulerConfig::try_from(options)?
        .with_override_config_producer(Arc::new(SessionConfig::new_with_ballista))
        .with_override_session_builder(Arc::new(session));
    let cluster = BallistaCluster::new_from_config(&config).await?;
    Ok(start_server(cluster, at, Arc::new(config)).await?)
}

async fn executor(options: ballista_executor::config::Config, place: Option<Place>) -> Result<()> {
    let health = format!("{}:{}", options.bind_host, options.bind_health_port);
    let health: SocketAddr = health.parse().with_context(|| format!("{health} is no address"))?;
    let memory = match options.memory_pool_size {
        // As Ballista has it.
        Some(0) => usize::MAX,
        Some(bytes) => usize::try_from(bytes)?,
        None => (machine_bytes()? as f64 * options.memory_pool_fraction) as usize,
    };
    let runtime = engine::runtime(place.as_ref(), memory)?;
    let mut functions = BallistaFunctionRegistry::default();
    functions.scalar_functions.insert(share::NAME.to_owned(), Arc::new(share::function(Arc::clone(&runtime))));
    let mut config = ExecutorProcessConfig::try_from(options)?;
    config.override_config_producer = Some(Arc::new(SessionConfig::new_with_ballista));
    config.override_runtime_producer = Some(Arc::new(move |_| Ok(Arc::clone(&runtime))));
    config.override_function_registry = Some(Arc::new(functions));
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let probes = spawn_health_server(health, config.health.clone(), stopped);
    let ended = start_executor_process(Arc::new(config)).await;
    drop(stop);
    ended?;
    Ok(probes.await??)
}

/// The machine's memory (proc(5), `MemTotal` in kibibytes).
fn machine_bytes() -> Result<u64> {
    let about = std::fs::read_to_string("/proc/meminfo").context("cannot read /proc/meminfo")?;
    let total = about.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok());
    total.map(|kib: u64| kib * 1024).context("/proc/meminfo says no MemTotal: give --memory-pool-size")
}
