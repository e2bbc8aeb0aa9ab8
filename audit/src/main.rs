//! The program `muster-audit`. Exit status: 0 when every bundle holds, 1 when one does not, 2 when it could not be told.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use muster_audit::batch::{self, Options};
use muster_audit::mirror::{Mirror, Source};
use muster_audit::summary::{Summary, form};
use muster_audit::text::both;
use muster_audit::trust::Trust;

/// 真学时 Muster：离线核验审计包 / verifies audit bundles offline.
#[derive(Debug, Parser)]
#[command(name = "muster-audit", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// 核验审计包 / verify bundles
    Verify(Verify),
    /// 与今天的中心日志对照 / compare what was saved with today's central log
    Diff(Diff),
    /// 为中心日志做见证 / witness logs
    #[cfg(feature = "witness")]
    Witness(muster_audit::witness::Args),
}

#[derive(Debug, clap::Args)]
struct Verify {
    /// 审计方自己的信任文件 / the auditor's own trust file
    #[arg(long)]
    trust: PathBuf,
    /// 输出 JSON / print JSON
    #[arg(long)]
    json: bool,
    /// 另存汇总：.txt、.json 或 .csv / write a summary, too: .txt, .json or .csv
    #[arg(long, value_name = "FILE")]
    summary: Vec<PathBuf>,
    /// 抽样：允许课次之间有缺口 / a sample: gaps between sessions are allowed
    #[arg(long)]
    sample: bool,
    /// 时间范围宽于此小时数即标出 / mark brackets wider than so many hours
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    wide: u32,
    /// 中心日志的镜像：证明没有遗漏终端的条目 / a mirror of the central log: proves that no leaf about a device was left out
    #[arg(long, value_name = "DIR|URL")]
    log: Option<String>,
    /// 审计包，或含审计包的目录 / bundles, or folders of them
    #[arg(required = true)]
    bundles: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Diff {
    /// 审计方自己的信任文件 / the auditor's own trust file
    #[arg(long)]
    trust: PathBuf,
    /// 当初保存的审计包与检查点 / the bundles and checkpoints saved once
    #[arg(long, value_name = "DIR")]
    saved: PathBuf,
    /// 今天的中心日志 / today's central log
    #[arg(long, value_name = "DIR|URL")]
    log: String,
    /// 输出 JSON / print JSON
    #[arg(long)]
    json: bool,
}

#[allow(clippy::print_stdout, reason = "the report is the result")]
fn main() -> ExitCode {
    let (json, result) = match Cli::parse().command {
        Command::Verify(args) => (args.json, verify(&args)),
        Command::Diff(args) => (args.json, diff(&args)),
        #[cfg(feature = "witness")]
        Command::Witness(args) => (false, muster_audit::witness::run(args).map(|()| (String::new(), 0))),
    };
    match result {
        Ok((text, status)) => {
            print!("{text}");
            ExitCode::from(status)
        }
        Err(error) => {
            let (zh, en) = both("verdict.error");
            if json {
                println!("{}", serde_json::json!({ "holds": false, "error": format!("{error:#}") }));
            } else {
                println!("✗ {zh} / {en}: {error:#}");
            }
            ExitCode::from(2)
        }
    }
}

fn verify(args: &Verify) -> Result<(String, u8)> {
    let trust = Trust::read(&args.trust)?;
    // A wrong ending is told before the work, not after it.
    args.summary.iter().try_for_each(|file| form(file).map(drop))?;
    let mirror = args.log.as_deref().map(|log| Mirror::read(&Source::parse(log)?, &trust)).transpose()?;
    let files = batch::files(&args.bundles)?;
    let options = Options { sample: args.sample, wide_s: u64::from(args.wide) * 3600, mirror };
    let summary = Summary::of(batch::run(&files, &trust, &options), &options);
    args.summary.iter().try_for_each(|file| summary.write(file))?;
    let text = if args.json { summary.json()? } else { summary.text() };
    Ok((text, summary.status()))
}

fn diff(args: &Diff) -> Result<(String, u8)> {
    let trust = Trust::read(&args.trust)?;
    let mirror = Mirror::read(&Source::parse(&args.log)?, &trust)?;
    let found = muster_audit::diff::diff(&args.saved, &mirror, &trust)?;
    let text = if args.json { serde_json::to_string_pretty(&found)? + "\n" } else { found.text() };
    Ok((text, found.status()))
}
