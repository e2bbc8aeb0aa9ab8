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
