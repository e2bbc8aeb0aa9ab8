//! `muster-server serve`: two listeners over one store.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::AppState;
use crate::config::Config;
use crate::job::Extent;
use crate::store::{Store, StoreError};
use crate::{central, evidence, router, second};

/// What can be said on the command line; the rest is in the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// 配置文件 / a configuration file
    #[arg(long)]
    config: Option<PathBuf>,
    /// 数据目录 / the data directory
    #[arg(long, env = "MUSTER_DATA")]
    data: Option<PathBuf>,
    /// 主管部门的域名 / the bureau's domain
    #[arg(long)]
    domain: Option<String>,
    /// 终端接入地址 / where devices connect
    #[arg(long)]
    devices: Option<SocketAddr>,
    /// 工作人员访问地址 / where officials connect
    #[arg(long)]
    bureau: Option<SocketAddr>,
}

impl Serve {
    /// Serves until it is told to stop.
    ///
    /// # Errors
    /// A bad configuration, a store that cannot be opened, an address in use.
    pub(super) fn run(self) -> Result<()> {
        let file = self.config.as_deref().map(Config::read).transpose()?;
        let stated = self.domain.clone().or(file.as_ref().map(|c| c.domain.clone()));
        let mut config = file.unwrap_or_default();
        config.data = self.data.unwrap_or(config.data);
        config.devices = self.devices.unwrap_or(config.devices);
        config.bureau = self.bureau.unwrap_or(config.bureau);
        let passwords = config.passwords()?;
        let store = Store::open(&config.data, stated.as_deref())
            .with_context(|| format!("cannot open {}", config.data.display()))?;
        second::settle(&store, config.second_signature.as_deref())?;
        evidence::keep_at(&store, config.evidence.as_deref())?;
        // What a crash kept from being published is published before anybody is answered.
        match central::settle(&store) {
            // Witnesses may be away for a while: devices keep what has no receipt, and ask again.
            Err(error @ StoreError::NoQuorum(_)) => tracing::warn!(%error, "no receipts until a quorum stands"),
            settled => settled?,
        }
        tokio::runtime::Runtime::new()?.block_on(serve(config, AppState::new(store, passwords)))
    }
}

async fn serve(config: Config, state: AppState) -> Result<()> {
    let bind = |at: SocketAddr| async move {
        TcpListener::bind(at).await.with_context(|| format!("cannot listen on {at}: is it in use?"))
    };
    let (devices, bureau) = (bind(config.devices).await?, bind(config.bureau).await?);
    {
        let mut out = std::io::stdout().lock();
        writeln!(out, "devices http://{}", devices.local_addr()?)?;
        writeln!(out, "bureau http://{}", bureau.local_addr()?)?;
        out.flush()?;
    }
    if config.reconcile_every_s > 0 {
        let (state, every) = (state.clone(), Duration::from_secs(config.reconcile_every_s));
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(every);
            loop {
                tick.tick().await;
                // What fails has been said by the job; the results before it stand.
                let begun = state.reconcile(Extent::New);
                state.job.wait(begun.job).await;
            }
        });
    }
    let stop = || async {
        let term = signal(SignalKind::terminate());
        match term {
            Ok(mut term) => {
                tokio::select! { _ = tokio::signal::ctrl_c() => {}, _ = term.recv() => {} }
            }
            Err(_) => drop(tokio::signal::ctrl_c().await),
        }
    };
    let devices = axum::serve(devices, router::devices(state.clone())).with_graceful_shutdown(stop());
    let bureau = axum::serve(bureau, router::bureau(state)).with_graceful_shutdown(stop());
    tokio::try_join!(async { devices.await }, async { bureau.await })?;
    Ok(())
}
