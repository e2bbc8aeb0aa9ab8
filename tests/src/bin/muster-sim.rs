//! The program `muster-sim`: plays stories with the real programs. `make demo` calls it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use muster_tests::world::rates::{FRAUDS, HABITS, Rates};
use muster_tests::world::{Spec, generate};

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
    /// 生成带真值的数据 / make a world with the truth beside it
    Gen(Gen),
}

#[derive(Debug, clap::Args)]
struct Gen {
    /// 输出目录，须不存在 / where it goes: a folder that is not there yet
    #[arg(long, required_unless_present = "print_defaults")]
    out: Option<PathBuf>,
    /// 记录条数（约） / about so many records
    #[arg(long, default_value_t = 100_000)]
    records: u64,
    /// 随机种子 / the seed: the same makes the same bytes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// 班期数，代替记录条数 / so many classes, whatever number of records they make
    #[arg(long)]
    classes: Option<usize>,
    /// 诚实习惯的发生率 / rates of honest habits, as TOML
    #[arg(long)]
    habits: Option<PathBuf>,
    /// 造假的发生率 / rates of frauds, as TOML
    #[arg(long)]
    frauds: Option<PathBuf>,
    /// 不生成服务器数据目录 / make no data directory of the server
    #[arg(long)]
    without_data: bool,
    /// 线程数 / threads that make towns
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// 打印两个默认文件 / print both files of default rates
    #[arg(long)]
    print_defaults: bool,
}

impl Gen {
    #[allow(clippy::print_stdout, reason = "what a command prints is its result")]
    fn run(self) -> Result<()> {
        let Some(out) = self.out.filter(|_| !self.print_defaults) else {
            println!("# --habits\n{HABITS}\n# --frauds\n{FRAUDS}");
            return Ok(());
        };
        let read = |path: Option<&Path>| {
            path.map(|p| std::fs::read_to_string(p).with_context(|| format!("cannot read {}", p.display()))).transpose()
        };
        let (habits, frauds) = (read(self.habits.as_deref())?, read(self.frauds.as_deref())?);
        let spec = Spec {
            classes: self.classes,
            habits: Rates::habits(habits.as_deref()).context("--habits")?,
            frauds: Rates::frauds(frauds.as_deref()).context("--frauds")?,
            data: !self.without_data,
            workers: self.workers,
            ..Spec::new(self.records, self.seed)?
        };
        let start = Instant::now();
        let truth = generate(&spec, &out)?;
        let took = start.elapsed().as_secs_f64();
        println!("{truth:#?}");
        let million = took / (truth.records as f64 / 1e6);
        println!("{took:.1} s · 每百万条 {million:.1} s a million records · {}", out.display());
        Ok(())
    }
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Demo { out, once } => muster_tests::demo::run_demo(&out, once),
        Command::Gen(gen_) => gen_.run(),
    }
}
