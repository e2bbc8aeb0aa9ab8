//! A device's life: contacts between sessions, another key, the end of a stolen one, a new one in the place of a lost one.

use base64::{Engine, engine::general_purpose::STANDARD};
use muster_seal::central::rotate_message;
use muster_seal::chain::{Contact, seal_id};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::key::{DeviceKey, NamedKey, Signer};
use muster_tests::bureau::{Bureau, program};
use muster_tests::forge::{Answer, Forger};
use muster_tests::story::{self, Class, Part};

fn town(name: &str) -> (std::path::PathBuf, Bureau) {
    let dir = story::folder(name).unwrap();
    let bureau = story::bureau(&dir).unwrap();
    let mut class = Class::new("L1", "s1", 700, &[Part::Attends, Part::Attends]);
    class.lesson_s = 60;
    class.plan(&bureau).unwrap();
    (dir, bureau)
}

fn contact(forger: &Forger, counter: u64, prev: &str, beacon: &str) -> String {
    let key = NamedKey::parse(&forger.me.log_key).unwrap();
    let beacon = Checkpoint::open(beacon.as_bytes(), &key).unwrap();
    let (device, prev) = (forger.me.device.clone(), prev.to_owned());
    Contact { device, counter, prev, beacon: beacon.size, root: beacon.root }.sign(&forger.me.domain, &forger.key)
}

fn say(forger: &Forger, counter: u64, note: &str) -> Answer {
    forger.call("POST", &muster_wire::contact(&forger.me.device, counter), note.as_bytes()).unwrap()
}

fn refused(answer: &Answer, kind: &str, says: &str) {
    assert!(answer.1["type"] == kind && answer.1["detail"].as_str().unwrap_or_default().contains(says), "{answer:?}");
}

fn audit(bureau: &Bureau, sample: bool) -> (Option<i32>, String) {
    let dir = bureau.data.parent().unwrap();
    let bundles = dir.join("bundles");
    let _ = std::fs::remove_dir_all(&bundles);
    bureau.cli(&["bundle", "--out", bundles.to_str().unwrap()]).unwrap();
    std::fs::write(dir.join("trust.toml"), bureau.cli(&["trust"]).unwrap()).unwrap();
    let mut command = std::process::Command::new(program("muster-audit").unwrap());
    command.arg("verify").arg("--trust").arg(dir.join("trust.toml")).arg(&bundles);
    if sample {
        command.arg("--sample");
    }
    let out = command.output().unwrap();
    (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned())
}

#[test]
fn contacts_use_up_counters_and_a_session_cannot_reach_back_behind_them() {
    let (dir, bureau) = town("contacts");
    let forger = Forger::enrol(&bureau, "s1", 31).unwrap();
    let first = forger.log(1, "").unwrap();
    let seal = forger.seal(&first, 1);
    // Made on the eve, with the beacon of then, and kept in a drawer.
    let saved = forger.log(2, &seal_id(&seal)).unwrap();
    assert_eq!(forger.send(1, &first.bytes(), &seal).unwrap().0, 200);

    let beacon = || forger.assignments().unwrap().beacon;
    let one = contact(&forger, 2, &seal_id(&seal), &beacon());
    assert_eq!(say(&forger, 2, &one).0, 200);
    assert_eq!(say(&forger, 2, &one).0, 200, "a lost answer is asked for again");
    let two = contact(&forger, 3, &seal_id(&one), &beacon());
    assert_eq!(say(&forger, 3, &two).0, 200);
    assert_eq!(forger.assignments().unwrap().counter, 3);

    // The drawer is opened: its counter is used up. Under the next counter it must name the contact, and its beacon is
    // older than the contact's.
    refused(&forger.send(2, &saved.bytes(), &forger.seal(&saved, 2)).unwrap(), "fork", "both are kept");
    refused(&say(&forger, 5, &contact(&forger, 5, &seal_id(&two), &beacon())), "bad-log", "counter is 5, not 4");
    refused(&say(&forger, 4, &contact(&forger, 4, &seal_id(&one), &beacon())), "bad-log", "`prev` does not name");
    let late = forger.log(4, &seal_id(&two)).unwrap();
    assert_eq!(forger.send(4, &late.bytes(), &forger.seal(&late, 4)).unwrap().0, 200);

    let (status, said) = audit(&bureau, false);
    assert_eq!(status, Some(0), "{said}");
    assert!(bureau.cli(&["log", "fsck"]).unwrap().contains("logs 2"));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_key_is_rotated_by_both_keys_and_a_revoked_or_replaced_device_ends_at_its_counter() {
    let (dir, bureau) = town("life");
    let mut forger = Forger::enrol(&bureau, "s1", 32).unwrap();
    let first = forger.log(1, "").unwrap();
    let seal = forger.seal(&first, 1);
    assert_eq!(forger.send(1, &first.bytes(), &seal).unwrap().0, 200);

    // A rotation that the key before did not sign, one that the new one did not, and a good one, twice.
    let (new, thief) = (DeviceKey::from_seed([33; 32]), DeviceKey::from_seed([34; 32]));
    let ask = |forger: &Forger, counter: u64, old: &DeviceKey, by: &DeviceKey| {
        let key = new.public().to_base64();
        let message = rotate_message(&forger.me.device, counter, &key);
        let sign = |key: &DeviceKey| STANDARD.encode(key.sign(&message));
        let body = serde_json::json!({"counter": counter, "key": key, "by_old": sign(old), "by_new": sign(by)});
        forger.plain(&muster_wire::rotate(&forger.me.device), body.to_string().as_bytes()).unwrap()
    };
    assert_eq!(ask(&forger, 1, &thief, &new).0, 401);
    assert_eq!(ask(&forger, 1, &forger.key, &thief).0, 401);
    assert_eq!(ask(&forger, 0, &forger.key, &new).0, 400, "a counter that was used stays with the key before");
    assert_eq!(ask(&forger, 1, &forger.key, &new).0, 204);
    assert_eq!(ask(&forger, 1, &forger.key, &new).0, 204);
    let old = std::mem::replace(&mut forger.key, new);
    let second = forger.log(2, &seal_id(&seal)).unwrap();
    let second_seal = forger.seal(&second, 2);
    assert_eq!(forger.send(2, &second.bytes(), &second_seal).unwrap().0, 200);
    let (status, said) = audit(&bureau, false);
    assert_eq!(status, Some(0), "{said}");
    // The key before signs nothing any more.
    forger.key = old;
    assert_eq!(forger.call("GET", &muster_wire::assignments(&forger.me.device), b"").unwrap().0, 401);
    forger.key = DeviceKey::from_seed([33; 32]);

    // The disk dies: a new device takes its place at counter 1; what came after that counts no longer.
    let device = forger.me.device.clone();
    let heir = Forger::enrol_with(
        &bureau,
        35,
        &["enrol-code", "--site", "s1", "--name", "front door", "--replaces", &device, "--counter", "1"],
    )
    .unwrap();
    let answer = forger.call("GET", &muster_wire::assignments(&device), b"").unwrap();
    refused(&answer, "revoked", "ended at session 1");
    let (status, said) = audit(&bureau, false);
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains("the device was replaced after session 1") && said.contains("session 2 does not count"),
        "{said}"
    );
    let log = heir.log(1, "").unwrap();
    assert_eq!(heir.send(1, &log.bytes(), &heir.seal(&log, 1)).unwrap().0, 200);

    // An end is not taken back, and may come earlier still.
    assert!(bureau.cli(&["revoke", "--device", &device, "--counter", "5", "--reason", "lost"]).is_err());
    bureau.cli(&["revoke", "--device", &device, "--counter", "0", "--reason", "stolen"]).unwrap();
    let (_, said) = audit(&bureau, true);
    assert!(said.contains("revoked after session 0"), "{said}");
    assert!(bureau.cli(&["log", "fsck"]).unwrap().contains("logs 3"));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_stolen_terminal_delivers_what_it_sealed_before_its_end_and_nothing_else() {
    let (dir, bureau) = town("stolen");
    let forger = Forger::enrol(&bureau, "s1", 36).unwrap();
    let device = forger.me.device.clone();
    let beacon = forger.assignments().unwrap().beacon;
    let first = forger.log(1, "").unwrap();
    let seal = forger.seal(&first, 1);
    // A class that ended before the network came, a contact, and one whose opening was witnessed.
    let note = contact(&forger, 2, &seal_id(&seal), &beacon);
    let third = forger.log(3, &seal_id(&note)).unwrap();
    let fourth = forger.log(4, &seal_id(&forger.seal(&third, 3))).unwrap();
    let bytes = third.bytes();
    let line = bytes.split(|b| *b == b'\n').next().unwrap();
    let opened = |key: &DeviceKey| {
        let origin = muster_seal::session::origin(&forger.me.domain, &device, 3);
        let checkpoint = Checkpoint { origin, size: 1, root: muster_seal::merkle::leaf_hash(line) }.sign(key);
        let request = muster_seal::witness::Request { old_size: 0, proof: Vec::new(), checkpoint };
        forger.plain("/add-checkpoint", request.text().as_bytes()).unwrap().0
    };
    assert_eq!(opened(&forger.key), 200);

    // It cannot be ended where nobody ever saw it: what lies between could be made up.
    let revoke =
        |more: &[&str]| bureau.cli(&[&["revoke", "--device", device.as_str(), "--reason", "stolen"], more].concat());
    let ahead = revoke(&["--counter", "9"]).unwrap_err().to_string();
    assert!(ahead.contains("counter 9 is ahead of 3, the last ever seen of this device"), "{ahead}");
    let code = bureau.cli(&["enrol-code", "--site", "s1", "--replaces", &device, "--counter", "4"]).unwrap_err();
    assert!(code.to_string().contains("counter 4 is ahead of 3"), "{code}");
    let said = revoke(&[]).unwrap();
    assert!(said.contains(&format!("{device} > 3: #")) && said.contains("session 3: 1 records seen"), "{said}");
    // Safe to repeat.
    let leaf = said.lines().next().unwrap().to_owned();
    assert!(revoke(&[]).unwrap().starts_with(&leaf) && revoke(&["--counter", "3"]).unwrap().starts_with(&leaf));

    // It learns nothing more of anybody, witnesses nothing more and cannot change its key.
    refused(&forger.call("GET", &muster_wire::assignments(&device), b"").unwrap(), "revoked", "ended at session 3");
    assert_eq!(opened(&forger.key), 404);
    // What it sealed up to the end arrives, in the order of its chain.
    assert_eq!(forger.send(1, &first.bytes(), &seal).unwrap().0, 200);
    assert_eq!(say(&forger, 2, &note).0, 200);
    assert_eq!(forger.call("GET", &muster_wire::session(&device, 3), b"").unwrap().0, 200);
    let (status, answer) = forger.send(3, &bytes, &forger.seal(&third, 3)).unwrap();
    assert!(status == 200 && answer["receipt"].is_string(), "{answer}");
    // Nothing beyond it: no bytes, no seal, no contact, no word about it.
    let beyond = |answer: &Answer| refused(answer, "revoked", "revoked after session 3");
    beyond(&forger.send(4, &fourth.bytes(), &forger.seal(&fourth, 4)).unwrap());
    beyond(&forger.call("POST", &muster_wire::seal(&device, 4), forger.seal(&fourth, 4).as_bytes()).unwrap());
    beyond(&say(&forger, 4, &contact(&forger, 4, &seal_id(&forger.seal(&third, 3)), &beacon)));
    beyond(&forger.call("GET", &muster_wire::session(&device, 4), b"").unwrap());
    // Nor by another key, up to the end or not.
    let mut thief = Forger::enrol(&bureau, "s1", 37).unwrap();
    thief.me.device.clone_from(&device);
    assert_eq!(thief.send(1, &first.bytes(), &seal).unwrap().0, 401);

    // A second history, sent after the end, is kept apart: it is by whoever holds the terminal.
    let other = forger.seal(&fourth, 3);
    refused(&forger.call("POST", &muster_wire::seal(&device, 3), other.as_bytes()).unwrap(), "fork", "both are kept");
    let db = rusqlite::Connection::open(bureau.data.join("muster.sqlite")).unwrap();
    let forks: Vec<bool> = db
        .prepare("SELECT after_end FROM fork")
        .and_then(|mut get| get.query_map([], |r| r.get(0))?.collect())
        .unwrap();
    assert_eq!(forks, [true]);
    let findings = bureau.reconcile().unwrap().to_string();
    assert!(!findings.contains("device-fork"), "{findings}");
    assert!(bureau.get(&format!("/devices/{device}")).unwrap().contains("之后才送达"));

    let (status, said) = audit(&bureau, false);
    assert_eq!(status, Some(0), "{said}");
    assert!(bureau.cli(&["log", "fsck"]).unwrap().contains("logs 2"));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_key_that_was_rotated_away_takes_no_counter_and_leaves_no_fork() {
    let (dir, bureau) = town("rotated");
    let mut forger = Forger::enrol(&bureau, "s1", 38).unwrap();
    let device = forger.me.device.clone();
    // Two classes held offline under the first key, then another key.
    let first = forger.log(1, "").unwrap();
    let seal = forger.seal(&first, 1);
    let second = forger.log(2, &seal_id(&seal)).unwrap();
    let second_seal = forger.seal(&second, 2);
    assert_eq!(forger.send(1, &first.bytes(), &seal).unwrap().0, 200);
    let new = DeviceKey::from_seed([39; 32]);
    let key = new.public().to_base64();
    let message = rotate_message(&device, 2, &key);
    let sign = |key: &DeviceKey| STANDARD.encode(key.sign(&message));
    let body = serde_json::json!({"counter": 2, "key": key, "by_old": sign(&forger.key), "by_new": sign(&new)});
    assert_eq!(forger.plain(&muster_wire::rotate(&device), body.to_string().as_bytes()).unwrap().0, 204);

    // Whoever has the first key makes up another past for both counters: nothing of it is witnessed, or kept.
    let old = std::mem::replace(&mut forger.key, new);
    for (counter, from) in [(1, first.bytes()), (2, second.bytes())] {
        let size = from.iter().filter(|b| **b == b'\n').count() as u64;
        let origin = muster_seal::session::origin(&forger.me.domain, &device, counter);
        let checkpoint = Checkpoint { origin, size, root: [7; 32] }.sign(&old);
        let known = if counter == 1 { size } else { 0 };
        let request = muster_seal::witness::Request { old_size: known, proof: Vec::new(), checkpoint };
        assert_eq!(forger.plain("/add-checkpoint", request.text().as_bytes()).unwrap().0, 404);
    }
    let db = rusqlite::Connection::open(bureau.data.join("muster.sqlite")).unwrap();
    let forks: i64 = db.query_row("SELECT count(*) FROM fork", [], |r| r.get(0)).unwrap();
    assert_eq!(forks, 0);
    // The device brings its own under the new key, sealed with the first.
    assert_eq!(forger.send(2, &second.bytes(), &second_seal).unwrap().0, 200);
    // A closed log does not grow: who signs more of it has two histories.
    let third = forger.log(3, &seal_id(&second_seal)).unwrap();
    let third_seal = forger.seal(&third, 3);
    assert_eq!(forger.send(3, &third.bytes(), &third_seal).unwrap().0, 200);
    let mut longer: Vec<_> = third
        .bytes()
        .split_inclusive(|b| *b == b'\n')
        .map(|line| muster_seal::merkle::leaf_hash(&line[..line.len() - 1]))
        .collect();
    let size = longer.len() as u64;
    longer.push([7; 32]);
    let proof = muster_seal::merkle::consistency_proof::<muster_seal::error::ProofError>(
        size,
        size + 1,
        muster_seal::merkle::node_of(&longer),
    );
    let origin = muster_seal::session::origin(&forger.me.domain, &device, 3);
    let checkpoint = Checkpoint { origin, size: size + 1, root: muster_seal::merkle::root(&longer) }.sign(&forger.key);
    let request = muster_seal::witness::Request { old_size: size, proof: proof.unwrap(), checkpoint };
    assert_eq!(forger.plain("/add-checkpoint", request.text().as_bytes()).unwrap().0, 409);
    assert_eq!(forger.send(3, &third.bytes(), &third_seal).unwrap().0, 200, "the honest seal is as good as before");
    let forks: i64 = db.query_row("SELECT count(*) FROM fork WHERE NOT after_end", [], |r| r.get(0)).unwrap();
    assert_eq!(forks, 1);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_replacement_succeeds_where_the_old_device_was_ended_meanwhile() {
    let (dir, bureau) = town("meanwhile");
    let forger = Forger::enrol(&bureau, "s1", 40).unwrap();
    let device = forger.me.device.clone();
    let first = forger.log(1, "").unwrap();
    assert_eq!(forger.send(1, &first.bytes(), &forger.seal(&first, 1)).unwrap().0, 200);
    let code = bureau.cli(&["enrol-code", "--site", "s1", "--replaces", &device]).unwrap();
    bureau.cli(&["revoke", "--device", &device, "--reason", "lost"]).unwrap();
    let key = DeviceKey::from_seed([41; 32]);
    let (code, public) = (code.trim().to_owned(), key.public().to_base64());
    let proof = STANDARD.encode(key.sign(&muster_wire::enrol::proof_message(&code, &public)));
    let request = serde_json::json!({"code": code, "key": public, "proof": proof}).to_string();
    for _ in 0..2 {
        let (status, answer) = forger.plain(muster_wire::ENROL, request.as_bytes()).unwrap();
        assert_eq!(status, 200, "{answer}");
    }
    let (status, said) = audit(&bureau, false);
    assert_eq!(status, Some(0), "{said}");
    bureau.cli(&["log", "fsck"]).unwrap();
    std::fs::remove_dir_all(dir).unwrap();
}
