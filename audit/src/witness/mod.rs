//! `muster-audit witness`: a `tlog-witness` that an office runs for itself. It cosigns a log's checkpoint when that log has only
//! grown since the last one, and remembers one row a log.

mod http;
mod store;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use muster_seal::cosignature::WitnessKey;
use muster_seal::key::{DeviceKey, NamedKey, Signer};
use muster_seal::note::is_name;
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;

use crate::text::both;
use store::Store;

/// What to do, in this order.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// 见证人的数据目录 / the witness's folder
    #[arg(long)]
    dir: PathBuf,
    /// 新建密钥 / make the key
    #[arg(long, requires = "name")]
    init: bool,
    /// 见证人的名称，例如 audit.example.gov.cn/w1 / its name
    #[arg(long, requires = "init")]
    name: Option<String>,
    /// 为此日志见证：日志的公钥 / witness this log: its verifier key
    #[arg(long, value_name = "VKEY")]
    add_log: Vec<String>,
    /// 在此地址上提供服务 / serve on this address
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

/// Runs the subcommand.
///
/// # Errors
/// A folder that is none of a witness's, a key that others may read, a name or key that is none, an address in use.
#[allow(clippy::print_stdout, reason = "the verifier key is the result")]
pub fn run(args: Args) -> Result<()> {
    if let (true, Some(name)) = (args.init, &args.name) {
        init(&args.dir, name)?;
    }
    let witness = Witness::open(&args.dir)?;
    for vkey in &args.add_log {
        let key = NamedKey::parse(vkey).with_context(|| format!("--add-log {vkey}"))?;
        witness.store.add(&key)?;
    }
    let (zh, en) = both("witness.key");
    println!("{zh} / {en}:\n{}", witness.key());
    match args.listen {
        Some(at) => http::serve(witness, at),
        None => {
            print!("{}", witness.page()?);
            Ok(())
        }
    }
}

/// A witness: its key, its name, and what it cosigned.
pub struct Witness {
    name: String,
    key: DeviceKey,
    store: Store,
}

const KEY: &str = "witness.key";

fn init(dir: &Path, name: &str) -> Result<()> {
    ensure!(is_name(name), "--name {name:?}: a name is not empty and has no space and no plus sign");
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let path = dir.join(KEY);
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok().context("no random bytes to be had")?;
    // A second witness under one key could cosign what the first refused: a key is made once.
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let mut file = made.with_context(|| format!("cannot make {}: is there a witness already?", path.display()))?;
    file.write_all(document.as_ref()).and_then(|()| file.sync_all()).context("cannot keep the key")?;
    fs::File::open(dir).and_then(|dir| dir.sync_all()).context("cannot keep the key")?;
    Store::create(dir, name)
}

impl Witness {
    /// Opens a witness's folder.
    ///
    /// # Errors
    /// As [`run`].
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join(KEY);
        let document = fs::read(&path);
        let document = document.with_context(|| format!("cannot read {}: make it with --init", path.display()))?;
        let mode = fs::metadata(&path)?.permissions().mode();
        ensure!(mode & 0o077 == 0, "others may read {}: chmod 600, or make a new witness", path.display());
        let key = DeviceKey::from_pkcs8(&document).with_context(|| path.display().to_string())?;
        let store = Store::open(dir)?;
        Ok(Self { name: store.name()?, key, store })
    }

    /// Its verifier key, of type 0x04: what a log and an auditor put into their policies.
    pub fn key(&self) -> WitnessKey {
        self.key.public().witness(&self.name)
    }

    /// What it witnesses, as text.
    fn page(&self) -> Result<String> {
        let mut text = format!("{}\n\n", self.key());
        for log in self.store.logs()? {
            let kept = |what: &str, n: u64| if n == 0 { String::new() } else { format!(" {what} {n}") };
            let kept = kept("forks", log.forks) + &kept("unproven", log.unproven);
            text += &format!("{} size {} root {}{kept}\n", log.origin, log.size, hex::encode(log.root));
        }
        Ok(text)
    }
}
