//! The program `muster-sim`: plays stories with the real programs. `make demo` calls it.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// 真学时 Muster：演示与模拟 / demo and simulation.
#[derive(Debug, Parser)]
#[command(name = "muster-sim", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// 端到端演示 / the main job, end to end
    Demo {
        /// 输出目录 / where results go
        #[arg(long, default_value = "target/demo")]
        out: PathBuf,
        /// 运行一次后结束 / end instead of leaving the pages up
        #[arg(long)]
        once: bool,
    },
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Demo { out, once } => muster_tests::demo::run_demo(&out, once),
    }
}
