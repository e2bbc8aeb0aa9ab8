//! The subcommands of `muster-server`.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand};

use crate::import::{What, tables};
use crate::pipeline::CodeFor;
use crate::store::{Store, StoreError, sessions};
use crate::{bundle, central, clock, openapi, pipeline, rules};

mod explain;
mod findings;
mod serve;

/// 真学时 Muster：主管部门的中心服务 / the central service at the bureau.
#[derive(Debug, Parser)]
#[command(name = "muster-server", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
struct Data {
    /// 数据目录 / the data directory
    #[arg(long, default_value = "muster-data", env = "MUSTER_DATA")]
    data: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// 启动服务 / start the service
    Serve(serve::Serve),
    /// 导入文件 / import a file
    Import {
        /// 文件种类；table 之后写表名 / the kind of file; after `table` comes the table's name
        #[arg(value_parser = kinds())]
        what: String,
        /// [表名] 文件 / [NAME] FILE
        #[arg(num_args = 1..=2, required = true, value_name = "FILE")]
        file: Vec<PathBuf>,
        #[command(flatten)]
        data: Data,
    },
    /// 生成一次性注册码 / make a one-time enrolment code
    EnrolCode {
        /// 培训点 / the site
        #[arg(long)]
        site: String,
        /// 终端名称 / what the device is called there
        #[arg(long, default_value = "")]
        name: String,
        /// 被替换的终端（硬盘损坏或丢失） / the device whose place it takes: its disk was lost
        #[arg(long)]
        replaces: Option<String>,
        /// 旧终端最后仍有效的课次计数，默认为本局见过的最后一个 / the old device's last session counter that still counts; the last one seen unless given
        #[arg(long, requires = "replaces")]
        counter: Option<u64>,
        #[command(flatten)]
        data: Data,
    },
    /// 吊销终端：截止计数以内、尚未送达的课次仍可送达 / revoke a device; what it sealed up to the counter may still be delivered
    Revoke {
        #[arg(long)]
        device: String,
        /// 最后仍有效的课次计数，默认为本局见过的最后一个；若失窃后还有活动，请给更小的值
        /// / the last session counter that still counts: the last one seen unless given, and never above it; give a smaller one
        /// where something was seen after the theft
        #[arg(long)]
        counter: Option<u64>,
        /// 原因代码（进入公开日志）：lost stolen damaged misused retired other / why, as a code: it goes into the public log
        #[arg(long, value_parser = ["lost", "stolen", "damaged", "misused", "retired", "other"])]
        reason: String,
        #[command(flatten)]
        data: Data,
    },
    /// 核对申领与核验课时 / reconcile claims with attested hours
    Reconcile {
        /// 写入 JSON / write the findings as JSON
        #[arg(long)]
        json: Option<PathBuf>,
        /// 只核对新到记录可能改变的班期 / look again only at what new logs can have changed
        #[arg(long)]
        new: bool,
        /// 将本次用到的全部表写成 Parquet，供其他引擎查询 / leave every table of the run there as Parquet, for other engines
        #[arg(long, conflicts_with = "new", value_name = "FOLDER")]
        tables: Option<PathBuf>,
        /// 由 Ballista 集群运行规则 / have the rules run by a Ballista cluster
        #[arg(long, env = "MUSTER_ENGINE", value_name = "df://HOST:PORT")]
        engine: Option<String>,
        /// 证据表存放处：s3://桶/前缀、绝对路径，或 folder（数据目录内）；不给则不变
        /// / where evidence is kept from now on: s3://bucket/prefix, a whole path, or folder, which is in the data directory
        #[arg(long, value_name = "PLACE")]
        evidence: Option<String>,
        #[command(flatten)]
        data: Data,
    },
    /// 显示最近一次的疑点 / show the last run's findings
    Findings {
        /// 写入 JSON / write the findings as JSON
        #[arg(long)]
        json: Option<PathBuf>,
        #[command(flatten)]
        data: Data,
    },
    /// 导出审计包 / export audit bundles
    Bundle {
        /// 输出目录 / the folder to write to
        #[arg(long)]
        out: PathBuf,
        /// 只导出此终端 / of this device alone
        #[arg(long, requires = "counter")]
        device: Option<String>,
        /// 只导出此课次 / of this session alone
        #[arg(long, requires = "device")]
        counter: Option<u64>,
        #[command(flatten)]
        data: Data,
    },
    /// 打印审计方信任文件 / print the auditor's trust file
    Trust(Data),
    /// 打印中心日志公钥 / print the central log's verifier key
    LogKey(Data),
    /// 打印本服务器作为见证人的公钥 / print the key with which this server witnesses its devices
    WitnessKey(Data),
    /// 中心日志 / the central log
    Log {
        #[command(subcommand)]
        command: Log,
    },
    /// 规则 / rules
    Rules {
        #[command(subcommand)]
        command: Rules,
    },
    /// 核验证据表 / the evidence tables
    Evidence {
        #[command(subcommand)]
        command: Evidence,
    },
    /// 打印 OpenAPI 文档 / print the OpenAPI document
    Openapi,
}

#[derive(Debug, Subcommand)]
enum Log {
    /// 逐条重新推导并核对：日志、封签、瓦片、记录 / derive everything again from the bytes, and compare
    Fsck(Data),
    /// 见证人的状态 / how far each witness has come
    Witnesses(Data),
}

#[derive(Debug, Subcommand)]
enum Rules {
    /// 运行规则自带的用例 / run the cases that the rules carry
    Test {
        /// 规则所在目录，默认为程序自带的规则 / a folder of rules and their cases instead of those shipped
        folder: Option<PathBuf>,
        /// 把每个用例得出的行写入此文件（JSON Lines）/ write the rows that each case yields to this file
        #[arg(long)]
        rows: Option<PathBuf>,
    },
    /// 说明一个疑点：得出它的行与查询 / show a finding with the rows and the query that made it
    Explain {
        /// 疑点编号 / the finding's id
        finding: String,
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Debug, Subcommand)]
enum Evidence {
    /// 由已存的记录重新生成全部证据表 / make all evidence tables anew from the stored logs
    Rebuild(Data),
}

impl Data {
    fn open(&self) -> Result<Store> {
        Store::open(&self.data, None).with_context(|| format!("cannot open {}", self.data.display()))
    }
}

/// The kinds of files that `import` takes.
fn kinds() -> clap::builder::PossibleValuesParser {
    What::ALL.into_iter().map(What::as_str).chain(["table"]).collect::<Vec<_>>().into()
}

/// What is imported, and the file: `table` takes two words.
fn named(what: &str, mut words: Vec<PathBuf>) -> Result<(What, PathBuf)> {
    let file = words.pop().context("no file")?;
    match (what, words.pop()) {
        ("table", Some(name)) => {
            let names: Vec<&str> = tables::FILES.iter().map(|file| file.name).collect();
            let found = name.to_str().and_then(What::table);
            Ok((found.with_context(|| format!("there is no such table; these are: {}", names.join(", ")))?, file))
        }
        ("table", None) => bail!("after `table` come the table's name and the file"),
        (what, None) => Ok((What::parse(what).context("nothing of this name is imported")?, file)),
        (what, Some(_)) => bail!("`import {what}` takes one file"),
    }
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// What went wrong, with what to do.
    #[allow(clippy::print_stdout, reason = "what a command prints is its result")]
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Serve(serve) => serve.run(),
            Command::Import { what, file, data } => {
                let (what, file) = named(&what, file)?;
                let store = data.open()?;
                let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                let taken = crate::import::import(&store, what, &name, &bytes, &clock::now())?;
                let again = if taken.again { "（此前已导入 / taken before）" } else { "" };
                println!("{}: {} 行 rows, #{}{again}", what.as_str(), taken.rows, taken.log_index);
                Ok(())
            }
            Command::EnrolCode { site, name, replaces, counter, data } => {
                let for_ = CodeFor { site: site.clone(), name, replaces: replaces.map(|old| (old, counter)) };
                let code = pipeline::enrol_code(&data.open()?, for_);
                let hint = |e: StoreError| match e {
                    StoreError::Sqlite(_) => {
                        anyhow::Error::new(e).context(format!("is there a site {site}? import sites first"))
                    }
                    other => other.into(),
                };
                println!("{}", code.map_err(hint)?);
                Ok(())
            }
            Command::Revoke { device, counter, reason, data } => {
                let ended = pipeline::revoke(&data.open()?, &device, counter, &reason)?;
                println!("{device} > {}: #{}", ended.counter, ended.index);
                for open in &ended.open {
                    println!(
                        "课次 {0}：见过 {1} 条记录，尚未送达，仍可送达 / session {0}: {1} records seen, not delivered, and still may be",
                        open.counter, open.records
                    );
                }
                Ok(())
            }
            Command::Reconcile { json, new, tables, engine, evidence, data } => {
                let store = data.open()?;
                crate::evidence::keep_at(&store, evidence.as_deref())?;
                let runtime = tokio::runtime::Runtime::new()?;
                let (dir, now) = (&data.data, clock::now());
                let how = rules::reconcile::How { tables, engine, ..Default::default() };
                if new {
                    runtime.block_on(rules::again::reconcile(&store, dir, &now, &progress, &how))?;
                } else {
                    runtime.block_on(rules::reconcile::reconcile(&store, dir, &now, &progress, &how))?;
                }
                findings::show(&store, json.as_deref())
            }
            Command::Findings { json, data } => findings::show(&data.open()?, json.as_deref()),
            Command::Bundle { out, device, counter, data } => bundles(&data.open()?, &out, device.zip(counter)),
            Command::Trust(data) => {
                print!("{}", pipeline::trust(&data.open()?)?);
                Ok(())
            }
            Command::LogKey(data) => {
                println!("{}", data.open()?.read(crate::store::checkpoints::verifier)?);
                Ok(())
            }
            Command::WitnessKey(data) => {
                println!("{}", data.open()?.read(crate::store::witness::verifier)?);
                Ok(())
            }
            Command::Log { command: Log::Fsck(data) } => fsck(&data.open()?),
            Command::Log { command: Log::Witnesses(data) } => {
                let store = data.open()?;
                let size = store.read(crate::store::witness::newest_size)?;
                println!("法定数量见证至 / a quorum stands for: {size}");
                for w in store.read(crate::store::witness::outside)? {
                    println!("{} {} {} {}", w.name, w.size, w.at, w.trouble);
                }
                Ok(())
            }
            Command::Rules { command: Rules::Explain { finding, data } } => explain::explain(&data.open()?, &finding),
            Command::Rules { command: Rules::Test { folder, rows } } => {
                let runtime = tokio::runtime::Runtime::new()?;
                let report = runtime.block_on(rules::cases::run_all(folder.as_deref(), rows.as_deref()))?;
                for line in &report.lines {
                    println!("{line}");
                }
                if report.failed > 0 { bail!("{} cases failed", report.failed) } else { Ok(()) }
            }
            Command::Evidence { command: Evidence::Rebuild(data) } => {
                let told = |done, all| progress("evidence", done, all);
                let built = rules::reconcile::rebuild(&data.open()?, &clock::now(), &told)?;
                for refused in &built.refused {
                    println!("{refused}");
                }
                println!("{} 个课次 sessions", built.written);
                if built.refused.is_empty() {
                    Ok(())
                } else {
                    bail!("{} sessions gave no evidence", built.refused.len())
                }
            }
            Command::Openapi => {
                println!("{}", serde_json::to_string_pretty(&openapi::document())?);
                Ok(())
            }
        }
    }
}

#[allow(clippy::print_stdout, reason = "what a command prints is its result")]
fn fsck(store: &Store) -> Result<()> {
    let checked = central::fsck::check(store)?;
    for wrong in &checked.wrong {
        println!("✗ {wrong}");
    }
    for told in &checked.told {
        println!("· {told}");
    }
    let central::fsck::Checked { leaves, tiles, checkpoints, logs, erased, wrong, .. } = checked;
    println!(
        "叶 leaves {leaves} · 瓦片 tiles {tiles} · 检查点 checkpoints {checkpoints} · 记录 logs {logs} · 已到期 erased {erased}"
    );
    ensure!(
        wrong.is_empty(),
        "{} 处不符 / things do not agree; change nothing, and restore a copy beside it",
        wrong.len()
    );
    Ok(())
}

#[allow(clippy::print_stdout, reason = "what a command prints is its result")]
fn bundles(store: &Store, out: &Path, one: Option<(String, u64)>) -> Result<()> {
    let sessions = match one {
        Some(one) => vec![one],
        None => store.read(sessions::finals)?,
    };
    let policy = central::witness::policy(store)?;
    for (device, counter) in sessions {
        let made = store.read(|conn| bundle::make(conn, policy.as_ref(), &device, counter))?;
        let Some(bytes) = made else { bail!("session {counter} of {device} is not there, or not sealed yet") };
        let path = out.join(bundle::file_name(&device, counter));
        crate::central::sequencer::write_file(&path, &bytes)?;
        println!("{}", path.display());
    }
    Ok(())
}

/// How far a long run has come, on a terminal alone.
fn progress(step: &str, done: usize, all: usize) {
    let mut err = std::io::stderr();
    if err.is_terminal() {
        let end = if done == all { "\n" } else { "" };
        let _ = write!(err, "\r{step}: {done}/{all}{end}");
    }
}
