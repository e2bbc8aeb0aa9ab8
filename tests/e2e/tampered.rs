//! Logs that were bent, and who sends them: the bureau refuses each with its own words, and the auditor too.

use std::path::Path;
use std::process::Command;

use muster_seal::chain::seal_id;
use muster_seal::key::DeviceKey;
use muster_tests::bureau::{Bureau, program};
use muster_tests::forge::{Answer, Forger};
use muster_tests::story::{self, Class, Part};

fn refused(answer: &Answer, status: u16, kind: &str, says: &str) {
    assert_eq!(answer.0, status, "{answer:?}");
    assert_eq!(answer.1["type"], kind, "{answer:?}");
    assert!(answer.1["detail"].as_str().unwrap_or_default().contains(says), "{answer:?}");
}

fn town(name: &str) -> (std::path::PathBuf, Bureau) {
    let dir = story::folder(name).unwrap();
    let bureau = story::bureau(&dir).unwrap();
    let mut class = Class::new("T1", "s1", 500, &[Part::Attends, Part::Attends, Part::Attends]);
    class.lesson_s = 60;
    class.plan(&bureau).unwrap();
    (dir, bureau)
}

fn lines(log: &[u8]) -> Vec<Vec<u8>> {
    log.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
}

#[test]
fn every_way_to_bend_a_log_is_refused_by_name() {
    let (dir, bureau) = town("tampered");
    let forger = Forger::enrol(&bureau, "s1", 7).unwrap();
    let good = forger.log(1, "").unwrap();
    let (bytes, seal) = (good.bytes(), forger.seal(&good, 1));
    let all = lines(&bytes);
    let send = |log: &[u8], seal: &str| forger.send(1, log, seal).unwrap();
    let without =
        |n: usize| all.iter().enumerate().filter(|(i, _)| *i != n).flat_map(|(_, l)| l.clone()).collect::<Vec<u8>>();

    // An edit that leaves the form alone: the level of one check-in.
    let edited = String::from_utf8(bytes.clone()).unwrap().replacen("\"level\":2", "\"level\":4", 1);
    refused(&send(edited.as_bytes(), &seal), 422, "bad-log", "do not hash to the sealed root");
    refused(&send(&without(3), &seal), 422, "bad-log", "covers 14 records and 13 were sent");
    let mut swapped = all.clone();
    swapped.swap(2, 3);
    refused(&send(&swapped.concat(), &seal), 422, "bad-log", "line 3: seq is 3, not 2");
    let mut twice = all.clone();
    twice.insert(4, all[3].clone());
    refused(&send(&twice.concat(), &seal), 422, "bad-log", "line 5: seq is 3, not 4");
    refused(&send(&bytes[..bytes.len() / 2], &seal), 422, "bad-log", "records and");
    let mut invalid = bytes.clone();
    invalid[40] = 0xFF;
    refused(&send(&invalid, &seal), 422, "bad-log", "line 1: not UTF-8 at byte 40");
    // A line without an end: refused before it fills the disk, or the memory.
    let endless = vec![b'x'; 100 * 1024 * 1024];
    // The bureau may answer, or hang up on what it will not read.
    match forger.send(1, &endless, &seal) {
        Ok(answer) => refused(&answer, 413, "too-large", "at most 1048576 bytes"),
        Err(e) => assert!(e.downcast_ref::<ureq::Error>().is_some(), "{e:?}"),
    }
    refused(&send(&endless[..1024 * 1024], &seal), 413, "too-large", "line 1 is longer than 16384 bytes");

    // The seal of another log, another counter, another key.
    let other = forger.log(2, "").unwrap();
    refused(&send(&bytes, &forger.seal(&other, 1)), 422, "bad-log", "do not hash to the sealed root");
    refused(&send(&bytes, &forger.seal(&good, 2)), 422, "bad-log", "the origin is");
    let mut stranger = Forger::enrol(&bureau, "s1", 8).unwrap();
    stranger.key = DeviceKey::from_seed([99; 32]);
    let foreign = good.seal(&format!("{}/d/{}/s/1", story::DOMAIN, forger.me.device), &stranger.key);
    refused(&send(&bytes, &foreign), 422, "bad-log", "no signature by");
    // A device that nobody enrolled, and one that speaks for another.
    refused(
        &stranger.call_as("dffffffffffff", "PUT", "/v1/devices/dffffffffffff/sessions/1/log?from=0", &bytes).unwrap(),
        401,
        "not-authentic",
        "unknown device",
    );
    let path = muster_wire::log(&forger.me.device, 1, 0);
    refused(&stranger.call_as(&forger.me.device, "PUT", &path, &bytes).unwrap(), 401, "not-authentic", "signature");
    // A gap in the counters.
    refused(
        &forger.send(2, &other.bytes(), &forger.seal(&other, 2)).unwrap(),
        422,
        "bad-log",
        "the session counter is 2, not 1",
    );

    // After all that the good log is taken, and taken again, with one receipt.
    let (status, first) = send(&bytes, &seal);
    assert_eq!(status, 200, "{first:?}");
    let index = |answer: &serde_json::Value| answer["receipt"].as_str().unwrap().lines().nth(1).unwrap().to_owned();
    let (status, again) = send(&bytes, &seal);
    assert_eq!((status, index(&again)), (200, index(&first)));
    // The next session must name this seal.
    let next = forger.log(2, &"0".repeat(64)).unwrap();
    refused(&forger.send(2, &next.bytes(), &forger.seal(&next, 2)).unwrap(), 422, "bad-log", "`prev` does not name");
    let next = forger.log(2, &seal_id(&seal)).unwrap();
    assert_eq!(forger.send(2, &next.bytes(), &forger.seal(&next, 2)).unwrap().0, 200);

    // A second history of session 1, signed by the device itself: proof of a fork, kept.
    let fork = forger.log(1, &"0".repeat(64)).unwrap();
    refused(
        &forger.call("POST", &muster_wire::seal(&forger.me.device, 1), forger.seal(&fork, 1).as_bytes()).unwrap(),
        409,
        "fork",
        "both are kept",
    );
    let db = rusqlite::Connection::open(bureau.data.join("muster.sqlite")).unwrap();
    let kept: (String, String) =
        db.query_row("SELECT seal_a, seal_b FROM fork", [], |r| Ok((r.get(0)?, r.get(1)?))).unwrap();
    assert_eq!(kept, (seal, forger.seal(&fork, 1)));
    std::fs::remove_dir_all(dir).unwrap();
}

fn audit(trust: &Path, bundle: &Path) -> (Option<i32>, String) {
    let out = Command::new(program("muster-audit").unwrap())
        .args(["verify", "--trust"])
        .arg(trust)
        .arg(bundle)
        .output()
        .unwrap();
    (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned())
}

#[test]
fn the_auditor_refuses_a_bundle_with_any_one_byte_changed() {
    let (dir, bureau) = town("bundle");
    let forger = Forger::enrol(&bureau, "s1", 9).unwrap();
    let log = forger.log(1, "").unwrap();
    assert_eq!(forger.send(1, &log.bytes(), &forger.seal(&log, 1)).unwrap().0, 200);
    bureau.cli(&["bundle", "--out", dir.to_str().unwrap()]).unwrap();
    let trust = dir.join("trust.toml");
    std::fs::write(&trust, bureau.cli(&["trust"]).unwrap()).unwrap();
    let bundle = dir.join(format!("{}-1.tar", forger.me.device));
    let (status, said) = audit(&trust, &bundle);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("核验通过"));

    // Every byte in the process, against the library that the program is made of.
    let bytes = std::fs::read(&bundle).unwrap();
    let trusted = muster_audit::trust::Trust::read(&trust).unwrap();
    for at in 0..bytes.len() {
        let mut bent = bytes.clone();
        bent[at] ^= 1 << (at % 8);
        assert!(muster_audit::verify::verify(&bent, &trusted).is_err(), "byte {at} may be changed");
    }
    // And the program itself, at a few places: a record, the seal, the proof.
    for part in ["\"level\":2", "muster.example/d/", "c2sp.org/tlog-proof"] {
        let at = bytes.windows(part.len()).position(|w| w == part.as_bytes()).unwrap();
        let mut bent = bytes.clone();
        bent[at + part.len() - 1] ^= 1;
        let file = dir.join("bent.tar");
        std::fs::write(&file, bent).unwrap();
        let (status, said) = audit(&trust, &file);
        assert_eq!(status, Some(1), "{part}: {said}");
        assert!(said.contains('✗'));
    }
    // The same bundle under another auditor's key, and twice.
    let other = std::fs::read_to_string(&trust).unwrap().replace("share_permille = 800", "share_permille = 700");
    std::fs::write(dir.join("other.toml"), other).unwrap();
    let (status, said) = audit(&dir.join("other.toml"), &bundle);
    assert!(status == Some(1) && said.contains("not in your trust file"), "{said}");
    std::fs::remove_dir_all(dir).unwrap();
}
