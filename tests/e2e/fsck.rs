//! `muster-server log fsck` over a bureau that did everything once: what it holds agrees, and whatever a hand changes in it is named.

use base64::{Engine, engine::general_purpose::STANDARD};
use muster_seal::central::rotate_message;
use muster_seal::chain::{Contact, seal_id};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::key::{DeviceKey, NamedKey, Signer};
use muster_tests::bureau::Bureau;
use muster_tests::forge::Forger;
use muster_tests::story::{self, CLAIMS_HEAD, Class, Part};
use rusqlite::Connection;

/// A session, a contact, another key, a device that ended, claims, a run and a decision on what it found.
fn busy(bureau: &Bureau) -> String {
    let mut class = Class::new("F1", "s1", 800, &[Part::Attends, Part::Attends]);
    class.lesson_s = 60;
    class.plan(bureau).unwrap();
    let forger = Forger::enrol(bureau, "s1", 51).unwrap();
    let device = forger.me.device.clone();
    let log = forger.log(1, "").unwrap();
    let seal = forger.seal(&log, 1);
    assert_eq!(forger.send(1, &log.bytes(), &seal).unwrap().0, 200);
    let key = NamedKey::parse(&forger.me.log_key).unwrap();
    let beacon = Checkpoint::open(forger.assignments().unwrap().beacon.as_bytes(), &key).unwrap();
    let contact =
        Contact { device: device.clone(), counter: 2, prev: seal_id(&seal), beacon: beacon.size, root: beacon.root };
    let note = contact.sign(&forger.me.domain, &forger.key);
    assert_eq!(forger.call("POST", &muster_wire::contact(&device, 2), note.as_bytes()).unwrap().0, 200);
    let new = DeviceKey::from_seed([52; 32]);
    let public = new.public().to_base64();
    let message = rotate_message(&device, 2, &public);
    let sign = |key: &DeviceKey| STANDARD.encode(key.sign(&message));
    let body = serde_json::json!({"counter": 2, "key": public, "by_old": sign(&forger.key), "by_new": sign(&new)});
    assert_eq!(forger.plain(&muster_wire::rotate(&device), body.to_string().as_bytes()).unwrap().0, 204);
    let lost = Forger::enrol(bureau, "s1", 53).unwrap();
    bureau.cli(&["revoke", "--device", &lost.me.device, "--reason", "lost"]).unwrap();
    bureau.import("claims", &format!("{CLAIMS_HEAD}{}", class.claims(12))).unwrap();
    bureau.reconcile().unwrap();
    decide(bureau);
    device
}

/// The same decision twice is one leaf; other words are another.
fn decide(bureau: &Bureau) {
    let db = Connection::open(bureau.data.join("muster.sqlite")).unwrap();
    let finding: String = db.query_row("SELECT finding FROM finding LIMIT 1", [], |r| r.get(0)).unwrap();
    let decide = |reason: &str| -> u64 {
        let body = serde_json::json!({"finding": finding, "decision": "uphold", "by": "o7", "reason": reason});
        let url = format!("{}/api/v1/dispositions", bureau.pages.trim_end_matches('/'));
        let answer: serde_json::Value = ureq::post(&url).send_json(&body).unwrap().body_mut().read_json().unwrap();
        answer["log_index"].as_u64().unwrap()
    };
    let first = decide("seen on site");
    assert_eq!(decide("seen on site"), first);
    let second = decide("seen on site, twice");
    assert!(second > first && decide("seen on site, twice") == second);
    assert!(decide("seen on site") > second, "what was decided in between is taken back by a decision of its own");
}

#[test]
fn every_row_has_its_leaf_and_each_that_has_not_is_named() {
    let dir = story::folder("fsck").unwrap();
    let mut bureau = story::bureau(&dir).unwrap();
    let device = busy(&bureau);
    bureau.kill();
    let file = bureau.data.join("muster.sqlite");
    let good = dir.join("good.sqlite");
    Connection::open(&file).unwrap().execute("VACUUM INTO ?", [good.to_str().unwrap()]).unwrap();
    let fsck = |sql: &str| {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(bureau.data.join(format!("muster.sqlite{suffix}")));
        }
        std::fs::copy(&good, &file).unwrap();
        Connection::open(&file).unwrap().execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}")).unwrap();
        bureau.cli(&["log", "fsck"]).map_err(|e| e.to_string())
    };
    let sound = fsck("").unwrap();
    assert!(!sound.contains('✗') && !sound.contains("· entries"), "{sound}");

    let (session, decision) =
        (format!("session 1 of {device} is final, and no leaf holds"), "is another one in the store");
    let named = |what: &str| format!("device {device}: the store {what}");
    for (sql, says) in [
        ("UPDATE session SET received = '2026-01-01T00:00:00Z'", session.as_str()),
        ("UPDATE session SET log_index = NULL", &session),
        ("UPDATE session SET log_index = 0", &session),
        (
            "INSERT INTO session (device, counter, log, seal, sealed, final, log_index, received)
             SELECT device, 9, log, seal, sealed, 1, log_index, received FROM session",
            &format!("session 9 of {device} is final, and no leaf holds"),
        ),
        (
            "INSERT INTO contact SELECT device, 9, note, beacon_size, log_index FROM contact",
            &format!("contact 9 of {device} is kept, and no leaf holds it"),
        ),
        ("UPDATE disposition SET decision = 'dismiss'", decision),
        ("UPDATE disposition SET reason = 'never mind'", decision),
        ("UPDATE disposition SET by = 'o8'", decision),
        ("UPDATE run SET rules_sha256 = '00'", "run 1 was made under a rule set that no leaf names"),
        ("UPDATE setting SET value = CAST('00' AS BLOB) WHERE name = 'rules_in_force'", "the rule set in force is one"),
        ("UPDATE policy SET at = 'then'", "is in force, and no leaf is of its time"),
        ("UPDATE claim_file SET sha256 = '00'", "claim file 00 is taken, and no leaf names it"),
        (
            "UPDATE device SET key = replace(key, substr(key, 1, 4), 'AAAA')",
            &named("holds another key than its leaves"),
        ),
        ("UPDATE device SET site = 's2'", &named("has it enrolled elsewhere")),
        ("UPDATE device SET log_index = log_index + 1", &named("has it enrolled elsewhere")),
        (
            "INSERT INTO device (device, key, site, enrolled, log_index) VALUES ('dx', 'k', 's1', '', 1)",
            "device dx is in the store, and no leaf enrols it",
        ),
        (
            &format!("INSERT INTO device_leaf VALUES ('{device}', 0)"),
            &named("names leaf #0 as about it, which it is not"),
        ),
        (
            &format!("INSERT INTO device_leaf VALUES ('{device}', 9999)"),
            &named("names leaf #9999 as about it, which it is not"),
        ),
        (
            &format!(
                "DELETE FROM device_leaf WHERE device = '{device}' AND log_index = (SELECT max(log_index) FROM device_leaf WHERE device = '{device}')"
            ),
            &named("lists other leaves about it"),
        ),
    ] {
        let said = fsck(sql).expect_err(sql);
        assert!(said.lines().any(|line| line.starts_with('✗') && line.contains(says)), "{sql}\n{says}\n{said}");
    }

    // What is on its way is told, and is no fault.
    let said = fsck("UPDATE checkpoint SET published = 0").unwrap();
    assert!(said.contains("· entries 1 to ") && said.contains(" are committed and not published"), "{said}");

    // What the world is shown is what the store says.
    let shown = bureau.data.join("log/checkpoint");
    let newest = std::fs::read(&shown).unwrap();
    let said = fsck("DELETE FROM cosigned WHERE size = (SELECT max(size) FROM cosigned)").unwrap_err();
    assert!(said.contains("wait for a quorum of witnesses") && said.contains("is not the newest"), "{said}");
    std::fs::write(&shown, &newest[..newest.len() - 2]).unwrap();
    let said = fsck("").unwrap_err();
    assert!(said.contains("log/checkpoint: is not the newest that the store holds"), "{said}");
    std::fs::remove_file(&shown).unwrap();
    assert!(fsck("").unwrap_err().contains("log/checkpoint: No such file"));
    std::fs::write(&shown, [&newest[..], b"\xe2\x80\x94 later.example/w1 AAAA\n"].concat()).unwrap();
    fsck("").unwrap();
    std::fs::remove_dir_all(dir).unwrap();
}
