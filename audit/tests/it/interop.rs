//! Witnesses and logs that are not ours: PyPI's `aics-witness`, both ways. Skipped where no Python has it; `MUSTER_AICS_PYTHON` names
//! one that does.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use muster_seal::cosignature::WitnessKey;
use muster_seal::key::Signer;
use muster_seal::witness::{Request, read_answer, read_size};

use crate::good::other_root;
use crate::town::{LOG, Town, log_key};
use crate::witness::{ask, init, serve};

/// A Python with `aics-witness`.
fn python() -> Option<String> {
    let python = std::env::var("MUSTER_AICS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import aics_witness"]).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    eprintln!("skipped: {python} has no aics-witness (pip install aics-witness, Python 3.12 or newer)");
    None
}

fn town() -> Town {
    let mut town = Town::default();
    town.fill_to(20);
    town
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn our_log_is_cosigned_by_a_witness_that_is_not_ours() {
    let Some(python) = python() else { return };
    let (dir, town) = (tempfile::tempdir().unwrap(), town());
    let config = dir.path().join("witness.json");
    let run = |args: &[&str]| {
        let mut command = Command::new(&python);
        command.args(["-m", "aics_witness", args[0], "--config"]).arg(&config).args(&args[1..]);
        command
    };
    let made = run(&["init", "--name", "other.example/w"]).output().unwrap();
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    let vkey = said.split_whitespace().find_map(|word| WitnessKey::parse(word).ok());
    let vkey = vkey.unwrap_or_else(|| panic!("{said} {}", String::from_utf8_lossy(&made.stderr)));
    let log = log_key().public().named(LOG).to_string();
    assert!(run(&["add-log", "--origin", LOG, "--vkey", &log]).stdout(Stdio::null()).status().unwrap().success());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let at = format!("127.0.0.1:{port}");
    let mut served = run(&["serve", "--listen", &at, "--log-level", "ERROR"]);
    let _served = Killed(served.stdout(Stdio::null()).spawn().unwrap());
    while TcpStream::connect(&at).is_err() {
        thread::sleep(Duration::from_millis(50));
    }

    let request = |old, new| {
        let checkpoint = town.checkpoint(new).sign(&log_key());
        Request { old_size: old, proof: town.consistency(old, new), checkpoint }
    };
    let post = |request: &Request| ask(&at, "POST", "/add-checkpoint", request.text().as_bytes());
    for (old, new) in [(0, 3), (3, 8), (8, 20)] {
        let asked = request(old, new);
        let answer = post(&asked);
        assert_eq!(answer.status, 200, "{answer:?}");
        let (cosignature, line) = read_answer(&asked.checkpoint, answer.body.as_bytes(), &vkey).unwrap();
        assert_eq!((cosignature.name.as_str(), line), ("other.example/w", answer.body));
    }
    let stale = post(&request(3, 20));
    assert_eq!((stale.status, read_size(stale.body.as_bytes())), (409, Some(20)));
    let fork = Request { checkpoint: other_root(&town.checkpoint(20)).sign(&log_key()), ..request(20, 20) };
    // v1.0.0 says 409 here and v1.1.0 says 422.
    assert!(matches!(post(&fork).status, 409 | 422));
}

/// A log's side: what to submit comes in as JSON, a line goes out for each cosignature.
const CLIENT: &str = r#"
import json, sys
from aics_witness.feeder import FeederError, WitnessClient
asked = json.load(sys.stdin)
def proofs(old, new):
    return [bytes.fromhex(h) for h in asked["proofs"][f"{old} {new}"]]
for notes in asked["clients"]:
    with WitnessClient(asked["url"], asked["vkey"]) as client:
        for note in notes:
            print(client.submit(note, proofs).strip())
with WitnessClient(asked["url"], asked["vkey"]) as client:
    try:
        client.submit(asked["fork"], proofs)
        sys.exit("the fork was cosigned")
    except FeederError:
        print("refused")
"#;

#[test]
fn a_log_that_is_not_ours_is_cosigned_by_our_witness() {
    let Some(python) = python() else { return };
    let (dir, town) = (tempfile::tempdir().unwrap(), town());
    init(dir.path());
    let served = serve(dir.path());
    let mut proofs = serde_json::Map::new();
    for new in 0..=20 {
        for old in 0..=new {
            let hashes: Vec<String> = town.consistency(old, new).iter().map(hex::encode).collect();
            proofs.insert(format!("{old} {new}"), hashes.into());
        }
    }
    let note = |size| town.checkpoint(size).sign(&log_key());
    let asked = serde_json::json!({
        "url": format!("http://{}", served.at),
        "vkey": served.key.to_string(),
        "proofs": proofs,
        // The second client knows nothing: it begins at 0, is told the size, and goes on from there.
        "clients": [[note(3), note(8)], [note(15), note(20)]],
        "fork": other_root(&town.checkpoint(20)).sign(&log_key()),
    });
    let mut client = Command::new(python);
    let mut client = client.args(["-c", CLIENT]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    client.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let out = client.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let lines: Vec<&str> = said.lines().collect();
    assert!(out.status.success() && lines.len() == 5, "{said}");
    for (line, size) in lines.iter().zip([3, 8, 15, 20]) {
        read_answer(&note(size), format!("{line}\n").as_bytes(), &served.key).unwrap();
    }
    // Our 409 says why and names no size, since there is none to try again from; this client would rather have one.
    assert_eq!(lines[4], "refused");
}
