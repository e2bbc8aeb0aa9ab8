//! The program `muster-edge`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
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
use muster_edge::session::Kit;
use muster_edge::store::Store;
use muster_edge::sync::{self, Client};
use muster_edge::{doctor, identity, reader};
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
            let me = identity::load(&store, &identity::key(&config.data_dir)?)?;
            println!("{}", store.put_assignments(&sent, me.as_ref().map(|me| &me.log_key))?);
            Ok(())
        }
    }
}

fn run(config: Config) -> Result<()> {
    let store = Store::open(&config.data_dir)?;
    let key = identity::key(&config.data_dir)?;
    let me = identity::load(&store, &key)?;
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
            let (client, me, store) =
                (Client::new(&config.server, identity::key(&config.data_dir)?), me.clone(), store.again()?);
            let (every, longest) =
                (Duration::from_secs(config.sync_every_s), Duration::from_secs(config.back_off_max_s));
            let (reports, told) = mpsc::channel();
            std::thread::spawn(move || sync::run(&client, &me, store, every, longest, &woken, &reports));
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
        if let Ok(runtime) = runtime
            && runtime.block_on(tokio::signal::ctrl_c()).is_ok()
        {
            let _ = stop.send(Event::Stop);
        }
    });
    Agent::start(Parts { config, store, key, me, clock, kit, camera: eyes, kiosk, events, wake })?.run(&inbox);
    drop(readers);
    Ok(())
}

#[allow(clippy::print_stdout, reason = "what a command prints is its result")]
fn enrol(config: &Config, code: &str) -> Result<()> {
    let store = Store::open(&config.data_dir)?;
    let key = identity::key(&config.data_dir)?;
    if let Some(me) = identity::load(&store, &key)? {
        bail!("this device is enrolled already, as {} at {}", me.device, me.site);
    }
    let client = Client::new(&config.server, identity::key(&config.data_dir)?);
    let given = client.enrol(code.trim())?;
    identity::keep(&store, &key, &given)?;
    println!("{} @ {}", given.device, given.site);
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
