//! Verifying a bundle, beside the bare cost of its hashes and signatures with `ring`: every record's leaf, the tree over
//! them, and as many Ed25519 verifications as the bundle's seal, checkpoints and cosignatures need. `size` is records.
//!
//! Both take turns in one run. Not measured: reading the file.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

#[path = "../../benches/table.rs"]
mod table;

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use muster_audit::trust::Trust;
use muster_audit::verify::verify;
use muster_seal::bundle::{Bundle, LOG, RECEIPT, SEAL};
use muster_seal::note::Note;
use muster_seal::proof::Receipt;
use ring::digest::{Context as Digest, SHA256};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use table::{Row, percentile, publish};

const ROUNDS: usize = 40;

fn main() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../seal/vectors/bundles");
    let trust = Trust::read(&folder.join("trust.toml"))?;
    let mut rows = Vec::new();
    for name in ["d4-2-of-3-records.tar", "d4-5-of-257-records.tar"] {
        rows.extend(case(&folder.join("good").join(name), &trust)?);
    }
    Ok(publish("verify", &rows)?)
}

fn case(path: &Path, trust: &Trust) -> Result<[Row; 2]> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let held = verify(&bytes, trust).map_err(|e| anyhow!("{}: {e}", path.display()))?;
    let size = held.log.records().len();
    let bundle = Bundle::read(&bytes)?;
    let log = bundle.part(LOG)?.to_vec();
    // A log's and a witness's line under the receipt's checkpoint, under the newest one, and under the beacon; and the seal.
    let receipt = Receipt::parse(bundle.part(RECEIPT)?)?;
    let lines = Note::parse(receipt.checkpoint.as_bytes())?.signatures().len();
    let signatures = 3 * lines + Note::parse(bundle.part(SEAL)?)?.signatures().len();
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).map_err(|_| anyhow!("a key"))?;
    let signature = pair.sign(receipt.checkpoint.as_bytes());
    let key = UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref().to_vec());

    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        black_box(verify(black_box(&bytes), trust).is_ok());
        ours.push(start.elapsed());
        let start = Instant::now();
        black_box(root(black_box(&log)));
        for _ in 0..signatures {
            black_box(key.verify(black_box(receipt.checkpoint.as_bytes()), signature.as_ref()).is_ok());
        }
        bare.push(start.elapsed());
    }
    let rate = |times: &[Duration]| (size * ROUNDS) as f64 / times.iter().sum::<Duration>().as_secs_f64();
    let row = |what: &str, unit, of: &dyn Fn(&[Duration]) -> f64| Row {
        name: format!("bundle verification{what}"),
        size,
        ours: of(&ours),
        peers: vec![("ring", of(&bare))],
        unit,
    };
    Ok([row("", "records/s", &rate), row(", p50", "us", &|times| percentile(times, 50))])
}

fn root(log: &[u8]) -> Vec<[u8; 32]> {
    let hash = |parts: [&[u8]; 3]| {
        let mut digest = Digest::new(&SHA256);
        parts.iter().for_each(|part| digest.update(part));
        <[u8; 32]>::try_from(digest.finish().as_ref()).unwrap_or_default()
    };
    let lines = log.strip_suffix(b"\n").unwrap_or(log).split(|b| *b == b'\n');
    let mut level: Vec<[u8; 32]> = lines.map(|line| hash([&[0], line, &[]])).collect();
    while level.len() > 1 {
        level = level.chunks(2).map(|two| if let [a, b] = two { hash([&[1], a, b]) } else { two[0] }).collect();
    }
    level
}
