//! The program `muster-server`; see [`muster_server::cli`].

use clap::Parser;
use tracing_subscriber::EnvFilter;

/// Rules take and give back memory in small pieces, on all cores at once: a third of a run went into that with the system's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,ballista=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    muster_server::cli::Cli::parse().run()
}
