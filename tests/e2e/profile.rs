//! A deployment with the profile `sm2-sm3`: device, bureau and auditor, each by its own configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::{Engine, engine::general_purpose::STANDARD};
use muster_seal::central::{Leaf, RotateLeaf, RotateSm2};
use muster_seal::chain::{Contact, seal_id};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::key::{DeviceKey, NamedKey, Signer};
use muster_seal::note::Note;
use muster_seal::witness::Request;
use muster_tests::bureau::{Bureau, program};
use muster_tests::card::Person;
use muster_tests::forge::{Answer, Forger, sm2_key};
use muster_tests::office::{Office, policy};
use muster_tests::site::Site;
use muster_tests::story::{self, Class, Part};

const ON: &str = "second_signature = \"sm2-sm3\"\n";
const OFF: &str = "second_signature = \"none\"\n";

fn town(name: &str, lines: &str) -> (PathBuf, Bureau) {
    let dir = story::folder(name).unwrap();
    let mut bureau = story::bureau(&dir).unwrap();
    if !lines.is_empty() {
        bureau.restart_configured(story::DOMAIN, lines).unwrap();
    }
    (dir, bureau)
}

fn class(bureau: &Bureau) {
    let mut class = Class::new("P1", "s1", 800, &[Part::Attends, Part::Attends]);
    class.lesson_s = 60;
    class.plan(bureau).unwrap();
}

/// The trust file as the bureau gives it, and without the profile.
fn trusts(dir: &Path, bureau: &Bureau) -> (PathBuf, PathBuf) {
    let (with, without) = (dir.join("trust.toml"), dir.join("plain.toml"));
    let text = bureau.cli(&["trust"]).unwrap();
    let plain = text.lines().filter(|l| !l.starts_with("profile") && !l.starts_with("log_sm2"));
    fs::write(&without, plain.map(|l| format!("{l}\n")).collect::<String>()).unwrap();
    fs::write(&with, text).unwrap();
    (with, without)
}

fn bundles(dir: &Path, bureau: &Bureau) -> PathBuf {
    let out = dir.join("bundles");
    let _ = fs::remove_dir_all(&out);
    bureau.cli(&["bundle", "--out", out.to_str().unwrap()]).unwrap();
    out
}

fn audit(trust: &Path, bundles: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(program("muster-audit").unwrap());
    let out = command.args(["verify", "--trust"]).arg(trust).arg("--sample").arg(bundles).output().unwrap();
    (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned())
}

fn script(trust: &Path, bundles: &Path) -> (Option<i32>, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../audit/verify.sh");
    let mut files: Vec<_> = fs::read_dir(bundles).unwrap().flatten().map(|e| e.path()).collect();
    files.sort();
    let out = Command::new("sh").arg(script).arg("--trust").arg(trust).args(files).output().unwrap();
    (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned())
}

fn openssl_has_sm2() -> bool {
    let here = Command::new("openssl").args(["list", "-public-key-algorithms"]).output();
    here.is_ok_and(|o| String::from_utf8_lossy(&o.stdout).to_lowercase().contains("sm2"))
}

fn refused(answer: &Answer, kind: &str, says: &str) {
    assert!(answer.1["type"] == kind && answer.1["detail"].as_str().unwrap_or_default().contains(says), "{answer:?}");
}

/// How many lines of a note are under this name.
fn lines(note: &str, name: &str) -> usize {
    Note::parse(note.as_bytes()).unwrap().signatures().iter().filter(|line| line.name == name).count()
}

#[test]
fn a_site_a_bureau_and_an_auditor_of_the_profile() {
    let (dir, bureau) = town("profile", ON);
    let code = bureau.cli(&["enrol-code", "--site", "s1"]).unwrap();
    // A device that was not told is told now, and its code is not used up.
    let start =
        |folder: &str, more: &str| Site::start_with(&dir.join(folder), &bureau.devices, code.trim(), None, None, more);
    let plain = start("plain", "").unwrap_err().to_string();
    assert!(plain.contains("asks for a second signature"), "{plain}");
    let mut site = start("s1", &format!("{ON}contact_every_s = 1\n")).unwrap();
    let key = site.data.join("device.sm2.key");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&key).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    // It is heard of, changes both keys, and holds a class.
    site.wait("the bureau has heard of the device", |v| v["online"] == true && v["unsent"] == 0).unwrap();
    assert!(site.terminate().unwrap());
    let before = fs::read(&key).unwrap();
    assert!(site.cli(&["rotate"]).unwrap().contains("已更换密钥"));
    assert_ne!(fs::read(&key).unwrap(), before);
    site.boot().unwrap();
    let mut class = Class::new("P2", "s1", 820, &[Part::Attends]);
    class.teacher = Some(Person::made_up(821));
    let at = class.plan(&bureau).unwrap();
    class.hold(&site, at).unwrap();

    let (with, without) = trusts(&dir, &bureau);
    assert!(fs::read_to_string(&with).unwrap().contains("profile = \"sm2-sm3\""));
    let bundles = bundles(&dir, &bureau);
    for trust in [&with, &without] {
        let (status, said) = audit(trust, &bundles);
        assert_eq!(status, Some(0), "{said}");
    }
    if openssl_has_sm2() {
        let (status, said) = script(&with, &bundles);
        assert_eq!(status, Some(0), "{said}");
    } else {
        eprintln!("skipped: verify.sh needs an openssl with SM2");
    }
    // Another SM2 key of the log's than the auditor's own is none.
    let other = sm2_key(90).unwrap().public().named("muster.example/log");
    let text = fs::read_to_string(&with).unwrap();
    let bent: Vec<String> = text
        .lines()
        .map(|l| if l.starts_with("log_sm2") { format!("log_sm2 = \"{other}\"") } else { l.to_owned() })
        .collect();
    fs::write(&with, bent.join("\n")).unwrap();
    let (status, said) = audit(&with, &bundles);
    assert!(status == Some(1) && said.contains("is by no key in your trust file"), "{said}");
    assert!(bureau.cli(&["log", "fsck"]).unwrap().contains("logs 1"));
    drop((site, bureau));
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn what_lacks_its_second_line_is_refused() {
    let (dir, mut bureau) = town("profile-refusals", ON);
    class(&bureau);
    let code = ["enrol-code", "--site", "s1"];
    let mut forger = Forger::enrol_keys(&bureau, 41, Some(42), &code).unwrap();
    let name = format!("{}/d/{}/s/1", forger.me.domain, forger.me.device);
    let first = forger.log(1, "").unwrap();
    let good = forger.seal(&first, 1);
    assert_eq!(lines(&good, &name), 2);
    let second = forger.second.take();
    let bare = forger.seal(&first, 1);
    refused(&forger.send(1, &first.bytes(), &bare).unwrap(), "bad-log", &format!("the seal: no SM2 line by {name}"));
    forger.second = Some(sm2_key(43).unwrap());
    let foreign = forger.seal(&first, 1);
    refused(&forger.send(1, &first.bytes(), &foreign).unwrap(), "bad-log", "is by another key than its SM2 key");
    // As a witness of the growing log the bureau asks for it as well.
    let witness = |checkpoint: &str| {
        let request = Request { old_size: 0, proof: Vec::new(), checkpoint: checkpoint.to_owned() };
        forger.plain("/add-checkpoint", request.text().as_bytes()).unwrap()
    };
    let (status, said) = witness(&bare);
    assert!(status == 403 && said.contains("no SM2 line"), "{status} {said}");
    assert_eq!(witness(&good).0, 200);
    assert_eq!(forger.send(1, &first.bytes(), &good).unwrap().0, 200);

    // So it does of contacts and rotations.
    let sent = forger.assignments().unwrap();
    let log = NamedKey::parse(&forger.me.log_key).unwrap();
    let beacon = Checkpoint::open(sent.beacon.as_bytes(), &log).unwrap();
    assert_eq!(lines(&sent.beacon, "muster.example/log"), 2, "the log signs its checkpoints twice");
    let (device, prev) = (forger.me.device.clone(), seal_id(&good));
    let contact = Contact { device, counter: 2, prev, beacon: beacon.size, root: beacon.root };
    let contact = contact.sign(&forger.me.domain, &forger.key);
    let path = muster_wire::contact(&forger.me.device, 2);
    refused(&forger.call("POST", &path, contact.as_bytes()).unwrap(), "bad-log", "no SM2 line");
    forger.second = second;
    let said = rotate(&forger, 1, None);
    assert!(said.0 == 400 && said.1.contains("asks for a second signature"), "{said:?}");
    let both = forger.second.as_ref().unwrap().under(contact, &format!("muster.example/d/{}/c/2", forger.me.device));
    assert_eq!(forger.call("POST", &path, both.as_bytes()).unwrap().0, 200);

    // Off again: the line is nobody's, and nothing is asked for.
    bureau.restart_configured(story::DOMAIN, OFF).unwrap();
    let third = forger.log(3, &seal_id(&both)).unwrap();
    forger.second = Some(sm2_key(44).unwrap());
    assert_eq!(forger.send(3, &third.bytes(), &forger.seal(&third, 3)).unwrap().0, 200);
    let refusal = Forger::enrol_keys(&bureau, 45, Some(46), &code).unwrap_err().to_string();
    assert!(refusal.contains("has no second signature"), "{refusal}");
    assert!(!bureau.cli(&["trust"]).unwrap().contains("sm2"));
    fs::remove_dir_all(dir).unwrap();
}

/// Asks for a rotation to the key of seed 51, with an SM2 key of this seed.
fn rotate(forger: &Forger, counter: u64, sm2: Option<u8>) -> (u16, String) {
    let new = DeviceKey::from_seed([51; 32]);
    let mut leaf = RotateLeaf {
        device: forger.me.device.clone(),
        counter,
        key: new.public().to_base64(),
        by_old: String::new(),
        by_new: String::new(),
        sm2: None,
        at: String::new(),
    };
    let mut body = serde_json::json!({ "counter": counter, "key": leaf.key });
    if let Some(seed) = sm2 {
        let key = sm2_key(seed).unwrap().public().to_base64();
        leaf.sm2 = Some(RotateSm2 { key: key.clone(), by_old: None, by_new: String::new() });
        let text = String::from_utf8(leaf.message()).unwrap();
        body["sm2"] = serde_json::json!({ "key": key, "by_new": sm2_key(seed).unwrap().sign(&text) });
        if let Some(old) = &forger.second {
            body["sm2"]["by_old"] = old.sign(&text).into();
        }
    }
    for (name, key) in [("by_old", &forger.key), ("by_new", &new)] {
        body[name] = STANDARD.encode(key.sign(&leaf.message())).into();
    }
    forger.plain(&muster_wire::rotate(&forger.me.device), body.to_string().as_bytes()).unwrap()
}

#[test]
fn a_deployment_that_takes_up_the_profile_later() {
    let (dir, mut bureau) = town("profile-later", "");
    class(&bureau);
    // A witness knows Ed25519 alone, and cosigns a checkpoint with two lines as it did one with one.
    let office = Office::start(&dir, "audit", &bureau).unwrap();
    policy(&bureau, &[&office], "all").unwrap();
    let mut forger = Forger::enrol(&bureau, "s1", 31).unwrap();
    let first = forger.log(1, "").unwrap();
    let seal = forger.seal(&first, 1);
    assert_eq!(forger.send(1, &first.bytes(), &seal).unwrap().0, 200);
    let enrolled = |bureau: &Bureau| -> Vec<String> {
        let db = rusqlite::Connection::open(bureau.data.join("muster.sqlite")).unwrap();
        let mut get = db.prepare("SELECT CAST(line AS TEXT) FROM leaf ORDER BY idx").unwrap();
        get.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let plain = enrolled(&bureau).into_iter().find(|l| l.contains("\"kind\":\"enrol\"")).unwrap();
    let Leaf::Enrol(leaf) = Leaf::parse(plain.as_bytes()).unwrap() else { panic!("{plain}") };
    let (at, key) = (leaf.at, leaf.key);
    let device = &forger.me.device;
    let want = format!(
        "{{\"at\":\"{at}\",\"device\":\"{device}\",\"institution\":\"hq\",\"key\":\"{key}\",\"kind\":\"enrol\",\"site\":\"s1\"}}"
    );
    assert_eq!(plain, want, "without the profile a leaf is as it always was");

    bureau.restart_configured(story::DOMAIN, ON).unwrap();
    let said = enrolled(&bureau).last().unwrap().clone();
    assert!(said.contains("\"what\":\"signatures\"") && said.contains("\"name\":\"sm2-sm3\""), "{said}");
    // The device has no key for it until it rotates; what it sealed before stays as it is.
    let second = forger.log(2, &seal_id(&seal)).unwrap();
    refused(&forger.send(2, &second.bytes(), &forger.seal(&second, 2)).unwrap(), "bad-log", "run `muster-edge rotate`");
    let bare = rotate(&forger, 1, None);
    assert!(bare.0 == 400 && bare.1.contains("asks for a second signature"), "{bare:?}");
    assert_eq!(rotate(&forger, 1, Some(52)).0, 204);
    (forger.key, forger.second) = (DeviceKey::from_seed([51; 32]), Some(sm2_key(52).unwrap()));
    let second = forger.log(2, &seal_id(&seal)).unwrap();
    assert_eq!(forger.send(2, &second.bytes(), &forger.seal(&second, 2)).unwrap().0, 200);

    // It is so after a restart that says nothing of it.
    bureau.kill_and_restart(story::DOMAIN).unwrap();
    let (with, without) = trusts(&dir, &bureau);
    let bundles = bundles(&dir, &bureau);
    assert_eq!(audit(&without, &bundles).0, Some(0));
    let (status, said) = audit(&with, &bundles);
    let held = said.lines().filter(|l| l.starts_with('✓')).count();
    assert!(status == Some(1) && held == 1 && said.contains("no SM2 line by muster.example/"), "{said}");
    fs::remove_dir_all(dir).unwrap();
}
