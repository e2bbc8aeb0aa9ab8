//! What a session log costs beside the bare cryptography under it: `ring` making the same hashes over the same bytes,
//! and the one signature. Nobody can be faster than that, so `ratio` says how much of the time is not format.
//!
//! Prints a table, and writes it to `target/bench/seal.json` in the workspace. Ours and the peer take turns in one run,
//! and each number is the median of its rounds, so that a busy machine slows both; not always alike.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]
#![allow(clippy::disallowed_methods, reason = "a benchmark needs the clock and one file; the library has neither")]

use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use muster_seal::error::{LogError, ProofError};
use muster_seal::key::{DeviceKey, Signer};
use muster_seal::merkle::{self, Edge, Hash};
use muster_seal::record::{Body, Card, Face, Open, Present, Stamp, Way};
use muster_seal::session::{self, SessionLog};
use ring::digest::{Context, SHA256, digest};
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};

const ROUNDS: usize = 9;
/// How long one round of one side takes at least.
const ROUND: Duration = Duration::from_millis(40);
const SEED: [u8; 32] = [7; 32];
const SIZES: [usize; 3] = [100, 1_000, 10_000];

/// One line of the table: things a second, ours and the peer's.
struct Row {
    name: &'static str,
    size: usize,
    ours: f64,
    peer: f64,
    unit: &'static str,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut rows = Vec::new();
    for size in SIZES {
        rows.extend(logs(size)?);
    }
    rows.extend(proofs(10_000)?);
    println!("{:<22} {:>6} {:>12} {:>12}  {:<10} {:>6}", "", "size", "muster", "ring", "unit", "ratio");
    for r in &rows {
        let ratio = r.ours / r.peer;
        println!("{:<22} {:>6} {:>12.0} {:>12.0}  {:<10} {ratio:>6.3}", r.name, r.size, r.ours, r.peer, r.unit);
    }
    if let Ok(pressure) = std::fs::read_to_string("/proc/pressure/cpu") {
        let some = pressure.split_whitespace().find(|word| word.starts_with("avg10=")).unwrap_or("avg10=unknown");
        println!(
            "CPU pressure {some}: above 10 others were running, so trust the ratios roughly and the numbers not at all"
        );
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("seal.json"), json(&rows))?;
    Ok(())
}

/// Writing and reading one log of `size` records.
fn logs(size: usize) -> Result<[Row; 2], LogError> {
    let key = DeviceKey::from_seed(SEED);
    let origin = session::origin("muster.example", "d1", 1);
    let records = class(size, &key)?;
    let log = write(records.clone())?;
    let (bytes, seal) = (log.bytes(), log.seal(&origin, &key));
    let lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').take(size).collect();
    let (text, signature) = signed(&seal);
    let pair = raw_key();

    let mut inputs = Vec::new();
    let (ours, peer) = race(
        || {
            // The records are somebody else's work: they are made before the clock starts.
            inputs.push(records.clone());
            timed(|| inputs.pop().map(|records| write(records).map(|log| log.seal(&origin, &key))))
        },
        || timed(|| (raw_root(&lines), pair.as_ref().map(|pair| pair.sign(text.as_bytes())))),
    );
    let append = Row { name: "append and seal", size, ours, peer, unit: "records/s" };

    let public = key.public();
    session::verify(&bytes, &seal, &origin, &public)?;
    let (ours, peer) = race(
        || timed(|| session::verify(&bytes, &seal, &origin, &public)),
        || {
            timed(|| {
                let holds = UnparsedPublicKey::new(&ED25519, &public.0).verify(text.as_bytes(), &signature);
                (raw_root(&lines), holds)
            })
        },
    );
    let verify = Row { name: "parse and verify", size, ours, peer, unit: "records/s" };
    let by_record = |row: Row| Row { ours: row.ours * size as f64, peer: row.peer * size as f64, ..row };
    Ok([by_record(append), by_record(verify)])
}

/// Inclusion proofs in one tree of `size` leaves, against as many bare node hashes.
fn proofs(size: usize) -> Result<[Row; 3], ProofError> {
    let leaves: Vec<Hash> = (0..size).map(|i| merkle::leaf_hash(&i.to_be_bytes())).collect();
    let root = merkle::root(&leaves);
    let node = merkle::node_of(&leaves);
    // What a server keeps: every perfect subtree's root, by level.
    let mut stored: Vec<Vec<Hash>> = Vec::new();
    let mut edge = Edge::default();
    for leaf in &leaves {
        edge.push_with(*leaf, |level, _, hash| {
            let level = level as usize;
            stored.resize_with(stored.len().max(level + 1), Vec::new);
            stored[level].push(hash);
        });
    }
    let kept = |level: u32, index: u64| {
        stored.get(level as usize).and_then(|nodes| nodes.get(index as usize)).copied().ok_or(ProofError::Root)
    };
    // A leaf in the middle, whose siblings on the right are not all perfect subtrees.
    let (index, n) = (size as u64 / 3, size as u64);
    let proof = merkle::inclusion_proof(index, n, &node)?;
    let mut looked_up = 0;
    merkle::inclusion_proof(index, n, |_, _| {
        looked_up += 1;
        Ok::<Hash, ProofError>([0; 32])
    })?;
    let row = |name, (ours, peer)| Row { name, size, ours, peer, unit: "proofs/s" };
    merkle::verify_inclusion(&leaves[index as usize], index, n, &proof, &root)?;
    // All leaves but one are hashed into as many roots as the proof has hashes.
    let from_leaves = size - 1 - proof.len();
    let leaf = leaves[index as usize];
    Ok([
        row(
            "prove from leaves",
            race(|| timed(|| merkle::inclusion_proof(index, n, &node)), || timed(|| raw_nodes(&leaf, from_leaves))),
        ),
        row(
            "prove from nodes",
            race(
                || timed(|| merkle::inclusion_proof(index, n, kept)),
                || timed(|| raw_nodes(&leaf, looked_up - proof.len())),
            ),
        ),
        row(
            "verify a proof",
            race(
                || timed(|| merkle::verify_inclusion(&leaf, index, n, &proof, &root)),
                || timed(|| raw_nodes(&leaf, proof.len())),
            ),
        ),
    ])
}

/// The records of a class as a kiosk writes them: a card, the camera's verdict, and what that makes of the trainee.
fn class(size: usize, key: &DeviceKey) -> Result<Vec<(Stamp, Body)>, LogError> {
    let open = Open {
        device: "d1".to_owned(),
        key: key.public().id(),
        counter: 1,
        site: "s1".to_owned(),
        class: "c1".to_owned(),
        session: "1".to_owned(),
        ..Open::default()
    };
    let mut log = SessionLog::default();
    let mut records = Vec::with_capacity(size);
    let mut add = |log: &mut SessionLog, body: Body| {
        let i = records.len() as u64;
        let wall = format!("2026-03-02T08:{:02}:{:02}.{:03}+08:00", i / 60_000 % 60, i / 1_000 % 60, i % 1_000);
        let salt = merkle::sha256(&i.to_be_bytes());
        let stamp = Stamp { wall, boot: "0".repeat(32), up_ms: i, salt: salt[..16].try_into().unwrap_or_default() };
        records.push((stamp.clone(), body.clone()));
        log.append(stamp, body).map(|_| i)
    };
    add(&mut log, Body::Open(Box::new(open)))?;
    let mut tap = 0;
    for i in 1..size - 1 {
        let trainee = format!("t{}", (i - 1) / 3 % 40);
        let body = match i % 3 {
            1 => Body::Card(Card { reader: "door".to_owned(), trainee, layout: "resident".to_owned() }),
            2 => Body::Face(Face {
                tap,
                trainee,
                outcome: "match".to_owned(),
                detector: "yunet-2023".to_owned(),
                frames: 5,
                quality: 870,
                frame: hex::encode(merkle::sha256(&i.to_be_bytes())),
                score: Some(712),
                other: "t41".to_owned(),
                other_score: Some(204),
                live: Some(990),
                group: Some(i as u64 % 40),
            }),
            _ => Body::Present(Present { trainee, way: Way::In, level: 4, tap, face: Some(tap + 1) }),
        };
        let is_card = matches!(body, Body::Card(_));
        let seq = add(&mut log, body)?;
        tap = if is_card { seq } else { tap };
    }
    let close = Body::Close(log.closing("schedule"));
    add(&mut log, close)?;
    Ok(records)
}

fn write(records: Vec<(Stamp, Body)>) -> Result<SessionLog, LogError> {
    let mut log = SessionLog::default();
    for (stamp, body) in records {
        log.append(stamp, body)?;
    }
    Ok(log)
}

/// The text of a seal, and its signature's bytes.
fn signed(seal: &str) -> (String, Vec<u8>) {
    let note = muster_seal::note::Note::parse(seal.as_bytes()).ok();
    let text = note.as_ref().map(|note| note.text().to_owned()).unwrap_or_default();
    (text, note.and_then(|note| Some(note.signatures().first()?.bytes.clone())).unwrap_or_default())
}

fn raw_key() -> Option<Ed25519KeyPair> {
    Ed25519KeyPair::from_seed_unchecked(&SEED).ok()
}

/// The tree's root by nothing but `ring`: each leaf, then level by level.
fn raw_root(lines: &[&[u8]]) -> Hash {
    let mut level: Vec<Hash> = lines
        .iter()
        .map(|line| {
            let mut context = Context::new(&SHA256);
            context.update(&[0]);
            context.update(line);
            bytes(context.finish())
        })
        .collect();
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| if let [a, b] = pair { raw_node(a, b) } else { pair[0] }).collect();
    }
    level.first().copied().unwrap_or_default()
}

fn raw_node(left: &Hash, right: &Hash) -> Hash {
    let mut block = [1; 65];
    block[1..33].copy_from_slice(left);
    block[33..].copy_from_slice(right);
    bytes(digest(&SHA256, &block))
}

fn raw_nodes(leaf: &Hash, n: usize) -> Hash {
    (0..n).fold(*leaf, |hash, _| raw_node(&hash, leaf))
}

fn bytes(digest: ring::digest::Digest) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

/// Runs both in turns; times a second of each, the median of the rounds.
fn race(mut ours: impl FnMut() -> Duration, mut peer: impl FnMut() -> Duration) -> (f64, f64) {
    let mut rates = [Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS)];
    for _ in 0..ROUNDS {
        rates[0].push(round(&mut ours));
        rates[1].push(round(&mut peer));
    }
    let [ours, peer] = rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[ROUNDS / 2]
    });
    (ours, peer)
}

fn round(work: &mut impl FnMut() -> Duration) -> f64 {
    let (mut spent, mut times) = (Duration::ZERO, 0);
    while spent < ROUND {
        spent += work();
        times += 1;
    }
    f64::from(times) / spent.as_secs_f64()
}

fn json(rows: &[Row]) -> String {
    let mut out = String::from("[\n");
    for (i, r) in rows.iter().enumerate() {
        let comma = if i + 1 < rows.len() { "," } else { "" };
        let _ = writeln!(
            out,
            r#"  {{"name":"{}","size":{},"ours":{:.1},"peers":{{"ring":{:.1}}},"unit":"{}","ratio":{:.4}}}{comma}"#,
            r.name,
            r.size,
            r.ours,
            r.peer,
            r.unit,
            r.ours / r.peer
        );
    }
    out + "]\n"
}
