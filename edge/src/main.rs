//! The program `muster-edge`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use clap::{Parser, Subcommand};
use muster_edge::agent::{Agent, Event, Parts};
use muster_edge::camera::models::{ModelSet, opencv_version};
use muster_edge::camera::profile::CameraProfile;
use muster_edge::camera::{self, CameraHandle};
use muster_edge::clock::Clock;
use muster_edge::config::Config;
use muster_edge::kiosk::Kiosk;
use muster_edge::reader::profile::ReaderProfile;
use muster_edge::rotate::{self, Rotated};
use muster_edge::session::Kit;
use muster_edge::store::Store;
use muster_edge::sync::{self, Client, Pace};
use muster_edge::{doctor, identity, reader, second, text};
use tracing_subscriber::EnvFilter;

/// 真学时 Muster：培训点考勤终端 / the agent at a training site.
#[derive(Debug, Parser)]
#[command(name = "muster-edge", version)]
struct Cli {
    /// 配置文件 / the configuration file
    #[arg(long, global = true, default_value = "/etc/muster/edge.toml", env = "MUSTER_EDGE_CONFIG")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// 运行 / run
    Run,
    /// 用一次性注册码注册 / enrol with a one-time code
    Enrol {
        /// 主管部门给的注册码 / the code that the bureau gave
        #[arg(long)]
        code: String,
    },
    /// 自检 / look at everything and say what to do
    Doctor,
    /// 由照片生成人脸模板（一行 CSV） / make a face template from a photo, as a line of CSV
    Template {
        /// 照片 / the photo
        photo: PathBuf,
    },
    /// 导出记录与封签，供 U 盘采集 / export a log and its seal for collection by USB stick
    Export {
        /// 课次计数 / the session counter
        #[arg(long)]
        counter: u64,
        /// 输出目录 / the folder to write to
        #[arg(long)]
        out: PathBuf,
    },
    /// 离线导入课表与名册 / take assignments from a file, without a network
    ImportAssignment {
        /// JSON 文件 / the JSON file
        file: PathBuf,
    },
    /// 列出课次与上传状态 / list sessions and what became of them
    Sessions,
    /// 立即重试被拒绝的课次 / try a session that was refused again now
    Retry {
        /// 课次计数 / the session counter
        #[arg(long)]
        counter: u64,
    },
    /// 更换终端密钥（须先停止运行） / another key for this device; stop the agent first
    Rotate,
}

#[allow(clippy::print_stdout, reason = "what a command prints is its result")]
fn main() -> Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let cli = Cli::parse();
    let config = Config::read(&cli.config)?;
    match cli.command {
        Command::Run => run(config),
        Command::Enrol { code } => enrol(&config, &code),
        Command::Doctor => {
            let found = doctor::look(&config);
            for line in &found.lines {
                println!("{line}");
            }
            std::process::exit(i32::from(found.to_do));
        }
        Command::Template { photo } => template(&config, &photo),
        Command::Export { counter, out } => export(&config, counter, &out),
        Command::ImportAssignment { file } => {
            let sent = serde_json::from_slice(&std::fs::read(&file)?)
                .with_context(|| format!("{} holds no assignments", file.display()))?;
            let mut store = Store::open(&config.data_dir)?;
            let me = identity::load(&store)?;
            let taken = store.put_assignments(&sent, me.as_ref().map(|me| &me.log_key))?;
            println!("{}", taken.kept);
            ensure!(taken.dropped == 0, "{} sessions of {} cannot be used", taken.dropped, file.display());
            Ok(())
        }
        Command::Sessions => {
            for s in Store::look(&config.data_dir)?.listed()? {
                println!("{}\t{}\t{}\t{}\t{}", s.counter, s.class, s.session, s.state, s.reason);
            }
            Ok(())
        }
        Command::Retry { counter } => {
            let known = Store::open(&config.data_dir)?.put_refused(counter, None)?;
            ensure!(known, "there is no session or contact {counter}: see `muster-edge sessions`");
            Ok(())
        }
        Command::Rotate => rotate(&config),
    }
}

fn run(config: Config) -> Result<()> {
    let store = Store::open(&config.data_dir)?;
    let _lock = store.lock()?;
    let key = identity::key(&store)?;
    let me = identity::load_to_sign(&store)?;
    if let Some(me) = &me {
        second::agrees(me, config.second_signature.is_some())?;
    }
    let clock = Clock::new(config.utc_offset_hours)?;
    let (events, inbox) = mpsc::channel();
    let (wake, woken) = mpsc::channel();

    let kiosk = Kiosk::default();
    let at = kiosk.serve(config.kiosk, events.clone())?;
    tracing::info!(%at, "kiosk page");

    let mut kit = Kit::default();
    let mut readers = Vec::new();
    for r in &config.reader {
        let profile = ReaderProfile::find(&r.profile)?;
        kit.readers.insert(r.name.clone(), profile.id.clone());
        readers.push(reader::spawn(r.name.clone(), r.path.clone(), profile, events.clone(), Event::Reader));
    }
    let mut eyes = None;
    if let Some(c) = &config.camera {
        let profile = CameraProfile::find(&c.profile, c.source.as_deref())?;
        let models = ModelSet::load(config.models_dir.as_deref(), opencv_version())?;
        tracing::info!(capability = models.capability().as_str(), "camera");
        kit.camera = profile.id.clone();
        eyes = Some(Arc::new(CameraHandle::spawn(c.name.clone(), profile, models, events.clone(), Event::Camera)));
    }
    match &me {
        Some(me) => {
            let client = Client::new(&config.server, identity::key(&store)?, config.ca_file.as_deref())?;
            let (me, store) = (me.clone(), store.again()?);
            let pace = Pace {
                every: Duration::from_secs(config.sync_every_s),
                longest: Duration::from_secs(config.back_off_max_s),
                retry_longest: Duration::from_secs(config.retry_max_s),
            };
            let (reports, told) = mpsc::channel();
            std::thread::spawn(move || sync::run(&client, &me, store, pace, &woken, &reports));
            let out = events.clone();
            std::thread::spawn(move || while told.recv().is_ok_and(|r| out.send(Event::Sync(r)).is_ok()) {});
        }
        None => tracing::warn!("not enrolled: ask the bureau for a code, then run `muster-edge enrol --code CODE`"),
    }
    let ticks = events.clone();
    std::thread::spawn(move || {
        while ticks.send(Event::Tick).is_ok() {
            std::thread::sleep(Duration::from_millis(500));
        }
    });
    let stop = events.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime.map(|runtime| runtime.block_on(told_to_stop())) {
            Ok(Ok(())) => drop(stop.send(Event::Stop)),
            other => tracing::error!(?other, "signals cannot be listened for: the program ends without goodbye"),
        }
    });
    Agent::start(Parts { config, store, key, me, clock, kit, camera: eyes, kiosk, events, wake })?.run(&inbox);
    drop(readers);
    Ok(())
}

/// Waits for SIGINT or SIGTERM.
async fn told_to_stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[allow(clippy::print_stdout, reason = "what a command prints is its result")]
fn enrol(config: &Config, code: &str) -> Result<()> {
    let store = Store::open(&config.data_dir)?;
    if let Some(me) = identity::load(&store)? {
        bail!("this device is enrolled already, as {} at {}", me.device, me.site);
    }
    let client = Client::new(&config.server, identity::key(&store)?, config.ca_file.as_deref())?;
    let sm2 = second::to_enrol(&store, config.second_signature.is_some())?;
    let given = client.enrol(code.trim(), sm2.as_ref())?;
    second::keep(&store, sm2.as_ref())?;
    identity::keep(&store, &identity::key(&store)?, &given)?;
    println!("{} @ {}", given.device, given.site);
    Ok(())
}

#[allow(clippy::print_stdout, reason = "what a command prints is its result")]
fn rotate(config: &Config) -> Result<()> {
    let store = Store::open(&config.data_dir)?;
    let _lock = store.lock()?;
    let me = identity::load_to_sign(&store)?.context("this device is not enrolled")?;
    let key = identity::key(&store)?;
    let client = Client::new(&config.server, identity::key(&store)?, config.ca_file.as_deref())?;
    let sm2 = config.second_signature.is_some();
    if !sm2 {
        second::agrees(&me, false)?;
    }
    match rotate::rotate(&store, &client, &me, &key, sm2)? {
        Rotated::Done => println!("{}", text::both("rotate.done")),
        Rotated::Pending => println!("{}", text::both("rotate.pending")),
    }
    Ok(())
}

#[allow(clippy::print_stdout, reason = "what a command prints is its result")]
fn template(config: &Config, photo: &Path) -> Result<()> {
    let models = ModelSet::load(config.models_dir.as_deref(), opencv_version())?;
    let values = camera::template_of_image(photo, &models)?;
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let model = models.recogniser.map(|(m, _)| m.sha256).unwrap_or_default();
    println!("model,template\n{model},{}", STANDARD.encode(bytes));
    Ok(())
}

fn export(config: &Config, counter: u64, out: &Path) -> Result<()> {
    let store = Store::open(&config.data_dir)?;
    let (seal, lines) = store.exported(counter).with_context(|| format!("there is no session {counter}"))?;
    let log: Vec<u8> = lines
        .into_iter()
        .flat_map(|mut line| {
            line.push(b'\n');
            line
        })
        .collect();
    std::fs::create_dir_all(out)?;
    std::fs::write(out.join(format!("{counter}.jsonl")), log)?;
    std::fs::write(out.join(format!("{counter}.seal.note")), seal)?;
    Ok(())
}
