//! The program `muster-audit`. Exit status: 0 when every bundle holds, 1 when one does not, 2 when it could not be told.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use muster_audit::report::Report;
use muster_audit::text::both;
use muster_audit::trust::Trust;
use muster_audit::verify::{chain, verify};

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
    Verify {
        /// 审计方自己的信任文件 / the auditor's own trust file
        #[arg(long)]
        trust: PathBuf,
        /// 输出 JSON / print JSON
        #[arg(long)]
        json: bool,
        /// 抽样：允许课次之间有缺口 / a sample: gaps between sessions are allowed
        #[arg(long)]
        sample: bool,
        /// 审计包，或含审计包的目录 / bundles, or folders of them
        #[arg(required = true)]
        bundles: Vec<PathBuf>,
    },
}

#[allow(clippy::print_stdout, reason = "the report is the result")]
fn main() -> ExitCode {
    let Command::Verify { trust, json, sample, bundles } = Cli::parse().command;
    match run(&trust, json, sample, &bundles) {
        Ok((text, holds)) => {
            println!("{text}");
            ExitCode::from(u8::from(!holds))
        }
        Err(error) => {
            println!("✗ {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(trust: &Path, json: bool, sample: bool, bundles: &[PathBuf]) -> Result<(String, bool)> {
    let trust = Trust::read(trust)?;
    let files = files(bundles)?;
    ensure!(!files.is_empty(), "there is no bundle (*.tar) here");
    let mut verdicts = Vec::new();
    for file in &files {
        let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        verdicts.push(verify(&bytes, &trust));
    }
    // Those that hold by themselves must hold together.
    let whole: Vec<usize> = (0..verdicts.len()).filter(|i| verdicts[*i].is_ok()).collect();
    let held: Vec<_> = whole.iter().filter_map(|i| Some(verdicts[*i].as_ref().ok()?.place())).collect();
    for (place, defect) in chain(&held, sample) {
        verdicts[whole[place]] = Err(defect);
    }
    let names = files.iter().map(|f| f.display().to_string());
    let reports: Vec<Report> = names.zip(&verdicts).map(|(name, verdict)| Report::of(name, verdict)).collect();
    let holds = reports.iter().all(|r| r.holds);
    if json {
        return Ok((serde_json::to_string_pretty(&reports)?, holds));
    }
    let mut text: String = reports.iter().map(Report::text).collect();
    let count = |holds| reports.iter().filter(|r| r.holds == holds).count();
    let (zh, en) = both("verdict.summary");
    text += &format!("{zh} / {en}: {} ✓, {} ✗", count(true), count(false));
    Ok((text, holds))
}

fn files(given: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in given {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
            for entry in entries {
                let path = entry?.path();
                if path.extension().is_some_and(|e| e == "tar") {
                    files.push(path);
                }
            }
        } else {
            files.push(path.clone());
        }
    }
    files.sort();
    Ok(files)
}
