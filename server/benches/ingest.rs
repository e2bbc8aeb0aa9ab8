//! Whole session logs through the server's own path: bytes, then the final seal, until it is verified, counted, in the
//! central log and published, and the receipt is there. Forged in memory before the clock starts, by real keys.
//!
//! The peers take the same bytes and seal. `bare` is the least that could be called verified: `ring` hashes the lines and
//! the tree over them and checks the one signature, and a bare SQLite commits the row with the same pragmas. `unverified`
//! is that commit alone. All take turns in one run. `size` is records in a log. Not measured: HTTP, and the signature on
//! each request.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

#[path = "ingest/forge.rs"]
mod forge;
#[path = "../../benches/table.rs"]
mod table;

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use forge::{Plan, Sent};
use muster_seal::key::{DeviceKey, PublicKey, Signer};
use muster_seal::merkle::{Hash, sha256};
use muster_server::error::ApiError;
use muster_server::import::{What, import};
use muster_server::store::devices::{Device, device};
use muster_server::store::{Store, sessions};
use muster_server::{ingest, pipeline};
use muster_wire::enrol::{EnrolRequest, proof_message};
use muster_wire::upload::MAX_CHUNK;
use ring::digest;
use ring::signature::{ED25519, UnparsedPublicKey};
use rusqlite::{Connection, params};
use table::{Row, percentile, publish};

/// How many logs a case is measured over.
const LOGS: usize = 200;
/// How many of them a device sends before another contender has its turn.
const BATCH: usize = 5;
const NOW: &str = "2026-03-02T12:00:00.000+08:00";

fn main() -> Result<()> {
    let mut rows = Vec::new();
    for devices in [1, 8] {
        for size in [100, 1000] {
            rows.extend(case(devices, size)?);
        }
    }
    Ok(publish("ingest", &rows)?)
}

/// So many devices at once, each sending logs of so many records.
fn case(devices: usize, size: usize) -> Result<Vec<Row>> {
    // Under the build folder: a disk, where /tmp may be memory.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let bureau = Bureau::open(&dir.path().join("bureau"), devices)?;
    let bare = Bare::open(&dir.path().join("bare.sqlite"))?;
    let unverified = Bare::open(&dir.path().join("unverified.sqlite"))?;
    let forge = |(key, of): &(DeviceKey, Device)| bureau.plan.forge(key, &of.device, size, LOGS / devices);
    let sent: Vec<Vec<Sent>> = bureau.devices.iter().map(forge).collect::<Result<_>>()?;

    let contenders: [&Contender<'_>; 3] = [
        &|d, log| bureau.take(d, log),
        &|d, log| bare.verify(log, &bureau.devices[d].1.key).and_then(|()| bare.keep(d, log)),
        &|d, log| unverified.keep(d, log),
    ];
    let mut runs: [Run; 3] = Default::default();
    for round in 0..LOGS / devices / BATCH {
        for turn in 0..contenders.len() {
            let who = (round + turn) % contenders.len();
            runs[who].round(contenders[who], &sent, round * BATCH)?;
        }
    }
    let [ours, bare, unverified] = &runs;
    let name = |what: &str| format!("{devices} device{}, {what}", if devices == 1 { "" } else { "s" });
    let row = |what: &str, unit, of: &dyn Fn(&Run) -> f64| Row {
        name: name(what),
        size,
        ours: of(ours),
        peers: vec![("bare", of(bare)), ("unverified", of(unverified))],
        unit,
    };
    Ok(vec![
        row("rate", "logs/s", &|run| run.times.len() as f64 / run.wall.as_secs_f64()),
        row("p50", "us", &|run| percentile(&run.times, 50)),
        row("p99", "us", &|run| percentile(&run.times, 99)),
    ])
}

/// Takes one log of the device with this number, and has it on disk when it returns.
type Contender<'a> = dyn Fn(usize, &Sent) -> Result<()> + Sync + 'a;

/// What was measured of one contender.
#[derive(Default)]
struct Run {
    wall: Duration,
    times: Vec<Duration>,
}

impl Run {
    /// All devices at once send their next batch, one log after the other.
    fn round(&mut self, take: &Contender<'_>, sent: &[Vec<Sent>], from: usize) -> Result<()> {
        let start = Instant::now();
        let times = thread::scope(|scope| {
            let work = |(d, logs): (usize, &'_ Vec<Sent>)| {
                let batch = logs[from..from + BATCH].iter().map(|log| {
                    let start = Instant::now();
                    take(d, log).map(|()| start.elapsed())
                });
                batch.collect::<Result<Vec<Duration>>>()
            };
            let threads: Vec<_> = sent.iter().enumerate().map(|one| scope.spawn(move || work(one))).collect();
            threads.into_iter().map(|t| t.join().map_err(|_| anyhow!("a device panicked"))?).collect::<Result<Vec<_>>>()
        })?;
        self.wall += start.elapsed();
        self.times.extend(times.into_iter().flatten());
        Ok(())
    }
}

/// The server with its devices.
struct Bureau {
    store: Store,
    devices: Vec<(DeviceKey, Device)>,
    plan: Plan,
}

impl Bureau {
    fn open(dir: &Path, devices: usize) -> Result<Self> {
        let store = Store::open(dir, Some("muster.example"))?;
        let institutions = "institution,name,region\nhq,样本职业培训学校,150422\n";
        let sites = "site,institution,region,name,address\ns1,hq,150422,样本学校一楼教室,样本路 1 号\n";
        import(&store, What::Institutions, "institutions.csv", institutions.as_bytes(), NOW)?;
        import(&store, What::Sites, "sites.csv", sites.as_bytes(), NOW)?;
        let devices = (0..devices).map(|d| enrol(&store, [d as u8 + 1; 32])).collect::<Result<_>>()?;
        let plan = Plan::new("s1", store.read(muster_server::store::witness::newest)?)?;
        let sha256 = hex::encode(sha256(plan.document.as_bytes()));
        store.write(|tx| sessions::put_assignment(tx, &sha256, &plan.document, NOW))?;
        Ok(Self { store, devices, plan })
    }

    fn take(&self, d: usize, log: &Sent) -> Result<()> {
        let device = &self.devices[d].1;
        for (i, chunk) in log.bytes.chunks(MAX_CHUNK).enumerate() {
            let from = (i * MAX_CHUNK) as u64;
            ingest::take_bytes(&self.store, device, log.counter, from, chunk, 0).map_err(|e| refused(&e))?;
        }
        let state = ingest::take_seal(&self.store, device, log.counter, &log.seal, NOW).map_err(|e| refused(&e))?;
        ensure!(state.receipt.is_some(), "a final seal was taken without a receipt");
        Ok(())
    }
}

fn refused(error: &ApiError) -> anyhow::Error {
    anyhow!("{:?}: {}", error.0.kind, error.0.detail)
}

/// A bare SQLite.
struct Bare(Mutex<Connection>);

impl Bare {
    fn open(path: &Path) -> Result<Self> {
        let conn = Connection::open(path)?;
        // As the store has them.
        for (name, value) in
            [("journal_mode", "WAL"), ("synchronous", "FULL"), ("foreign_keys", "ON"), ("trusted_schema", "OFF")]
        {
            conn.pragma_update(None, name, value)?;
        }
        conn.execute_batch("CREATE TABLE log (device INTEGER, counter INTEGER, log BLOB, seal TEXT) STRICT")?;
        Ok(Self(Mutex::new(conn)))
    }

    fn verify(&self, log: &Sent, key: &PublicKey) -> Result<()> {
        let holds = UnparsedPublicKey::new(&ED25519, &key.0).verify(log.text.as_bytes(), &log.signature);
        ensure!(holds.is_ok() && raw_root(&log.bytes) == log.root, "a log that does not hold");
        Ok(())
    }

    fn keep(&self, d: usize, log: &Sent) -> Result<()> {
        let conn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut put = conn.prepare_cached("INSERT INTO log VALUES (?, ?, ?, ?)")?;
        put.execute(params![d as i64, log.counter as i64, log.bytes, log.seal])?;
        Ok(())
    }
}

/// The root of RFC 6962 by nothing but `ring`: each line's leaf, then level by level.
fn raw_root(bytes: &[u8]) -> Hash {
    let hash = |parts: [&[u8]; 3]| {
        let mut context = digest::Context::new(&digest::SHA256);
        parts.iter().for_each(|part| context.update(part));
        Hash::try_from(context.finish().as_ref()).unwrap_or_default()
    };
    let lines = bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|b| *b == b'\n');
    let mut level: Vec<Hash> = lines.map(|line| hash([&[0], line, &[]])).collect();
    while level.len() > 1 {
        let pairs = level.chunks(2);
        level = pairs.map(|pair| if let [a, b] = pair { hash([&[1], a, b]) } else { pair[0] }).collect();
    }
    level.first().copied().unwrap_or_default()
}

fn enrol(store: &Store, seed: [u8; 32]) -> Result<(DeviceKey, Device)> {
    let key = DeviceKey::from_seed(seed);
    let code = pipeline::enrol_code(store, pipeline::CodeFor { site: "s1".to_owned(), ..Default::default() })?;
    let public = key.public().to_base64();
    let proof = STANDARD.encode(key.sign(&proof_message(&code, &public)));
    let me = pipeline::enrol(store, &EnrolRequest { code, key: public, proof, sm2: None }).map_err(|e| refused(&e))?;
    let device = store.read(|conn| device(conn, &me.device))?.context("an enrolled device is not there")?;
    Ok((key, device))
}
