//! Witnesses that the bureau does not run, and the bureau as the witness of its devices.

use std::path::PathBuf;
use std::process::Command;

use muster_seal::chain::seal_id;
use muster_seal::checkpoint::Checkpoint;
use muster_seal::error::ProofError;
use muster_seal::key::Signer;
use muster_seal::merkle::{consistency_proof, leaf_hash, node_of};
use muster_seal::note::Note;
use muster_seal::session::{SessionLog, origin};
use muster_seal::witness::{Request, read_answer};
use muster_tests::bureau::{Bureau, program};
use muster_tests::forge::Forger;
use muster_tests::office::{Office, policy};
use muster_tests::story::{self, Class, Part};

fn town(name: &str) -> (PathBuf, Bureau) {
    let dir = story::folder(name).unwrap();
    let bureau = story::bureau(&dir).unwrap();
    let mut class = Class::new("W1", "s1", 600, &[Part::Attends, Part::Attends]);
    class.lesson_s = 60;
    class.plan(&bureau).unwrap();
    (dir, bureau)
}

fn audit(dir: &std::path::Path) -> (Option<i32>, String) {
    let out = Command::new(program("muster-audit").unwrap())
        .args(["verify", "--trust"])
        .arg(dir.join("trust.toml"))
        .arg(dir.join("bundles"))
        .output()
        .unwrap();
    (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned())
}

type Bracket = (i64, Option<i64>, Option<i64>);

/// Of each session: counter, not before, not after, in milliseconds.
fn brackets(bureau: &Bureau) -> Vec<Bracket> {
    let db = rusqlite::Connection::open(bureau.data.join("muster.sqlite")).unwrap();
    let mut get = db.prepare("SELECT counter, not_before_ms, not_after_ms FROM bracket ORDER BY counter").unwrap();
    let rows = get.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap();
    let brackets: Vec<Bracket> = rows.collect::<Result<_, _>>().unwrap();
    assert!(brackets.iter().all(|(_, after, before)| after.is_some() && before.is_some()), "{brackets:?}");
    brackets
}

fn brackets_by_the_auditor(dir: &std::path::Path) -> Vec<Bracket> {
    let mut verify = Command::new(program("muster-audit").unwrap());
    verify.args(["verify", "--json", "--trust"]).arg(dir.join("trust.toml")).arg(dir.join("bundles"));
    let all: serde_json::Value = serde_json::from_slice(&verify.output().unwrap().stdout).unwrap();
    let time = |facts: &serde_json::Value, key: &str| facts[key].as_str().and_then(muster_hours::schedule::time_ms);
    let bracket = |report: &serde_json::Value| {
        let facts = &report["what"];
        (facts["counter"].as_i64().unwrap(), time(facts, "after"), time(facts, "before"))
    };
    let mut brackets: Vec<Bracket> = all["bundles"].as_array().unwrap().iter().map(bracket).collect();
    brackets.sort();
    brackets
}

#[test]
fn no_receipt_before_a_quorum_and_no_quorum_for_a_log_that_was_rolled_back() {
    let (dir, mut bureau) = town("witness");
    let mut offices: Vec<Office> =
        ["audit", "finance"].iter().map(|name| Office::start(&dir, name, &bureau).unwrap()).collect();
    policy(&bureau, &[&offices[0], &offices[1]], "all").unwrap();
    let forger = Forger::enrol(&bureau, "s1", 21).unwrap();

    // A final seal: its receipt is under a checkpoint that both offices cosigned.
    let first = forger.log(1, "").unwrap();
    let seal = forger.seal(&first, 1);
    let (status, answer) = forger.send(1, &first.bytes(), &seal).unwrap();
    assert_eq!(status, 200, "{answer}");
    let receipt = answer["receipt"].as_str().unwrap().to_owned();
    assert!(receipt.contains("\u{2014} audit.example/w1 ") && receipt.contains("\u{2014} finance.example/w1 "));
    let copy = dir.join("older.sqlite");
    let db = rusqlite::Connection::open(bureau.data.join("muster.sqlite")).unwrap();
    db.execute("VACUUM INTO ?", [copy.to_str().unwrap()]).unwrap();
    drop(db);

    // One office is away: the log is kept, and nothing is promised.
    offices[1].kill();
    let second = forger.log(2, &seal_id(&seal)).unwrap();
    let (status, answer) = forger.send(2, &second.bytes(), &forger.seal(&second, 2)).unwrap();
    assert_eq!((status, answer["type"].as_str()), (503, Some("unavailable")), "{answer}");
    assert_eq!(answer["kept"], true, "{answer}");
    let path = muster_wire::session(&forger.me.device, 2);
    let (_, state) = forger.call("GET", &path, b"").unwrap();
    assert!(state["receipt"].is_null() && state["sealed"].as_u64() > Some(0), "{state}");
    assert!(bureau.cli(&["bundle", "--out", dir.join("bundles").to_str().unwrap()]).is_err());
    // It comes back, after its own plug was pulled, and stands for all of it.
    offices[1].restart().unwrap();
    let receipt = (0..40)
        .find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(250));
            let (_, answer) = forger
                .call("POST", &muster_wire::seal(&forger.me.device, 2), forger.seal(&second, 2).as_bytes())
                .unwrap();
            answer["receipt"].as_str().map(str::to_owned)
        })
        .expect("no receipt after the office came back");
    assert!(receipt.contains("finance.example/w1"));

    // The auditor, by their own file: both offices, and a bracket with times on both ends.
    std::fs::write(dir.join("trust.toml"), bureau.cli(&["trust"]).unwrap()).unwrap();
    bureau.cli(&["bundle", "--out", dir.join("bundles").to_str().unwrap()]).unwrap();
    let (status, said) = audit(&dir);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("audit, finance"), "{said}");
    // The bureau's rules see the same brackets as the auditor.
    bureau.reconcile().unwrap();
    assert_eq!(brackets(&bureau), brackets_by_the_auditor(&dir));
    // Without one of the two lines the quorum does not stand.
    let name = format!("{}-1.tar", forger.me.device);
    let bundle = std::fs::read(dir.join("bundles").join(&name)).unwrap();
    let at = bundle.windows(19).position(|w| w == b" finance.example/w1").unwrap();
    let mut bent = bundle.clone();
    bent[at + 1] = b'F';
    std::fs::write(dir.join("bundles").join(&name), bent).unwrap();
    let (status, said) = audit(&dir);
    assert!(status == Some(1) && said.contains("quorum not met: 1 of the needed 2"), "{said}");

    // The database is put back to what it was before session 2, with its folder of tiles: the witnesses know better.
    bureau.kill();
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(bureau.data.join(format!("muster.sqlite{suffix}")));
    }
    std::fs::copy(&copy, bureau.data.join("muster.sqlite")).unwrap();
    std::fs::remove_dir_all(bureau.data.join("log")).unwrap();
    bureau.kill_and_restart(story::DOMAIN).unwrap();
    let other = forger.log(2, &seal_id(&seal)).unwrap();
    let (status, answer) = forger.send(2, &other.bytes(), &forger.seal(&other, 2)).unwrap();
    assert_eq!(status, 503, "{answer}");
    let trace = std::fs::read_to_string(bureau.data.with_extension("log")).unwrap();
    assert!(trace.contains("this database was rolled back or bent"), "{trace}");
    std::fs::remove_dir_all(dir).unwrap();
}

fn request(forger: &Forger, log: &SessionLog, old: u64, size: u64) -> Request {
    let bytes = log.bytes();
    let leaves: Vec<_> = bytes.split_inclusive(|b| *b == b'\n').map(|l| leaf_hash(&l[..l.len() - 1])).collect();
    let proof = consistency_proof::<ProofError>(old, size, node_of(&leaves[..size as usize])).unwrap();
    let root = muster_seal::merkle::root(&leaves[..size as usize]);
    let origin = origin(&forger.me.domain, &forger.me.device, 1);
    Request { old_size: old, proof, checkpoint: Checkpoint { origin, size, root }.sign(&forger.key) }
}

#[test]
fn the_bureau_witnesses_growing_seals_by_the_standard() {
    let (dir, bureau) = town("add-checkpoint");
    let forger = Forger::enrol(&bureau, "s1", 22).unwrap();
    let log = forger.log(1, "").unwrap();
    let ask = |request: &Request| forger.plain("/add-checkpoint", request.text().as_bytes()).unwrap();
    let key = muster_seal::cosignature::WitnessKey::parse(bureau.cli(&["witness-key"]).unwrap().trim()).unwrap();

    for (old, size) in [(0, 1), (1, 1), (1, 4), (4, 9)] {
        let request = request(&forger, &log, old, size);
        let (status, line) = ask(&request);
        assert_eq!(status, 200, "{line}");
        read_answer(&request.checkpoint, line.as_bytes(), &key).unwrap();
    }
    // A device that was rolled back, or does not know what the bureau has.
    let (status, body) = ask(&request(&forger, &log, 4, 5));
    assert_eq!((status, body.as_str()), (409, "9\n"));
    // Another history: the same size with another root, and a larger one that does not extend.
    let other = forger.log(1, &"0".repeat(64)).unwrap();
    assert_eq!(ask(&request(&forger, &other, 9, 9)).0, 409);
    assert_eq!(ask(&request(&forger, &other, 9, 10)).0, 422);
    // Not its key, not its log, no form.
    let mut stolen = request(&forger, &log, 9, 10);
    let text = Note::parse(stolen.checkpoint.as_bytes()).unwrap().text().to_owned();
    let thief = muster_seal::key::DeviceKey::from_seed([23; 32]);
    assert_ne!(thief.public(), forger.key.public());
    stolen.checkpoint = muster_seal::note::sign(&text, &origin(&forger.me.domain, &forger.me.device, 1), &thief);
    assert_eq!(ask(&stolen).0, 403);
    let mut unknown = request(&forger, &log, 9, 10);
    unknown.checkpoint = unknown.checkpoint.replacen("/s/1\n", "/x/1\n", 1);
    assert_eq!(ask(&unknown).0, 404);
    assert_eq!(forger.plain("/add-checkpoint", b"old 9\n").unwrap().0, 400);
    assert_eq!(ask(&request(&forger, &log, 9, 9)).0, 200);

    // The two seals of one size are kept as proof, and shown as the gravest kind of finding.
    let db = rusqlite::Connection::open(bureau.data.join("muster.sqlite")).unwrap();
    let forks: i64 = db.query_row("SELECT count(*) FROM fork", [], |r| r.get(0)).unwrap();
    assert_eq!(forks, 1);
    // And bytes that are not what was witnessed are refused with their seal.
    let (status, answer) = forger.send(1, &other.bytes(), &forger.seal(&other, 1)).unwrap();
    assert_eq!((status, answer["type"].as_str()), (409, Some("fork")), "{answer}");
    let (status, answer) = forger.send(1, &log.bytes(), &forger.seal(&log, 1)).unwrap();
    assert_eq!(status, 200, "{answer}");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_counter_that_a_growing_seal_used_is_not_used_again_by_a_contact() {
    let (dir, bureau) = town("used");
    let forger = Forger::enrol(&bureau, "s1", 24).unwrap();
    let log = forger.log(1, "").unwrap();
    // Opened, witnessed, and thrown away: the counter is gone all the same.
    let (status, line) = forger.plain("/add-checkpoint", request(&forger, &log, 0, 1).text().as_bytes()).unwrap();
    assert_eq!(status, 200, "{line}");
    let beacon = forger.assignments().unwrap().beacon;
    let key = muster_seal::key::NamedKey::parse(&forger.me.log_key).unwrap();
    let beacon = Checkpoint::open(beacon.as_bytes(), &key).unwrap();
    let contact = muster_seal::chain::Contact {
        device: forger.me.device.clone(),
        counter: 1,
        prev: String::new(),
        beacon: beacon.size,
        root: beacon.root,
    };
    let note = contact.sign(&forger.me.domain, &forger.key);
    let path = muster_wire::contact(&forger.me.device, 1);
    let (status, answer) = forger.call("POST", &path, note.as_bytes()).unwrap();
    assert_eq!((status, answer["type"].as_str()), (409, Some("fork")), "{answer}");
    let db = rusqlite::Connection::open(bureau.data.join("muster.sqlite")).unwrap();
    let forks: i64 = db.query_row("SELECT count(*) FROM fork", [], |r| r.get(0)).unwrap();
    assert_eq!(forks, 1);
    // Counters that nobody could have reached are no logs of ours.
    let mut ahead = request(&forger, &log, 0, 1);
    let origin = origin(&forger.me.domain, &forger.me.device, 1_000_000_000);
    let root = Checkpoint::parse(Note::parse(ahead.checkpoint.as_bytes()).unwrap().text()).unwrap().root;
    ahead.checkpoint = Checkpoint { origin, size: 1, root }.sign(&forger.key);
    assert_eq!(forger.plain("/add-checkpoint", ahead.text().as_bytes()).unwrap().0, 404);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_quorum_that_is_asked_for_later_stands_for_what_was_sealed_before() {
    let (dir, bureau) = town("later");
    // Without a beacon, as a device's first session is that was opened before its first answer.
    let forger = Forger::enrol(&bureau, "s1", 25).unwrap();
    let log = forger.log_without_beacon(1).unwrap();
    assert_eq!(forger.send(1, &log.bytes(), &forger.seal(&log, 1)).unwrap().0, 200);
    let office = Office::start(&dir, "audit", &bureau).unwrap();
    policy(&bureau, &[&office], "all").unwrap();
    bureau.cli(&["enrol-code", "--site", "s1"]).unwrap();
    let (status, answer) =
        forger.call("POST", &muster_wire::seal(&forger.me.device, 1), forger.seal(&log, 1).as_bytes()).unwrap();
    assert!(status == 200 && answer["receipt"].as_str().unwrap().contains("audit.example/w1"), "{answer}");
    std::fs::write(dir.join("trust.toml"), bureau.cli(&["trust"]).unwrap()).unwrap();
    bureau.cli(&["bundle", "--out", dir.join("bundles").to_str().unwrap()]).unwrap();
    let (status, said) = audit(&dir);
    assert_eq!(status, Some(0), "{said}");
    // And the checkpoint that the world is shown carries the office's line.
    let shown = std::fs::read_to_string(bureau.data.join("log/checkpoint")).unwrap();
    assert!(shown.contains("audit.example/w1"), "{shown}");
    std::fs::remove_dir_all(dir).unwrap();
}
