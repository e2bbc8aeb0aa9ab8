//! `muster-audit verify`, the program: many files, every form of summary, and the exit status.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::corpus::folder;
use crate::town::{Device, MORNING, NOON, Parts, Town, Under, policy, seal_leaf, trust};

fn verify(args: &[&str]) -> (i32, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_muster-audit")).arg("verify").args(args).output().unwrap();
    (out.status.code().unwrap(), String::from_utf8(out.stdout).unwrap())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn path(name: &str) -> String {
    folder().join(name).to_str().unwrap().to_owned()
}

#[test]
fn a_folder_is_verified_and_says_how_far_that_goes() {
    let (trust, good) = (path("trust.toml"), path("good"));
    let (status, said) = verify(&["--trust", &trust, &good]);
    assert_eq!(status, 0, "{said}");
    for line in [
        "made between, by the witnesses' clocks, and how wide that is: 2026-03-02T07:00:00+08:00 – 2026-03-02T10:00:01+08:00 (3 h 0 min)",
        "site and institution: s1 · i1",
        "witnesses that stand for the central log: audit, finance, university",
        "a wide bracket: find out why",
        "the device held no beacon: nothing bounds the beginning (a wide bracket)",
        "not checked:",
        "what happened after the newest checkpoint in the bundle, say a later revocation",
        "the seal came to the central log after the device was revoked or replaced: find out why: #65540 > #65539",
        "13 ✓, 0 ✗, 0 ?, 2 ⚠",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    // What is wide, the auditor says.
    let (_, said) = verify(&["--trust", &trust, "--wide", "2", &path("good/d1-1.tar")]);
    assert!(said.contains("1 ✓, 0 ✗, 0 ?, 1 ⚠"), "{said}");
    let (_, said) = verify(&["--trust", &trust, "--wide", "3000", &path("good/d3-1-saved-beacon-is-wide.tar")]);
    assert!(said.ends_with("1 ✓, 0 ✗, 0 ?\n"), "{said}");
}

#[test]
fn a_file_that_cannot_be_read_is_a_row_and_not_the_end() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(path("good/d1-1.tar"), dir.path().join("a.tar")).unwrap();
    fs::create_dir(dir.path().join("b.tar")).unwrap();
    let trust = path("trust.toml");
    let csv = dir.path().join("out.csv");
    let json = dir.path().join("out.json");
    let (status, said) =
        verify(&["--trust", &trust, "--summary", text(&csv), "--summary", text(&json), text(dir.path())]);
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("1 ✓, 0 ✗, 1 ?") && said.contains("could not be read"), "{said}");
    let rows = fs::read_to_string(&csv).unwrap();
    let rows: Vec<&str> = rows.trim_start_matches('\u{feff}').split("\r\n").collect();
    assert!(rows.len() == 4 && rows[1].contains(",holds,,d1,1,s1,i1,c1,2026-03-02-am,16,4,"), "{rows:?}");
    assert!(rows[2].contains(",unreadable,"), "{rows:?}");
    let all: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!((&all["holds"], &all["counts"]), (&false.into(), &serde_json::json!([1, 0, 1])));
    assert_eq!(all["bundles"][0]["what"]["attested_hours"], serde_json::json!({ "t1": 2, "t2": 2, "t3": 0 }));
    // One that does not hold outweighs one that cannot be read.
    fs::copy(path("bad/record-edited.tar"), dir.path().join("c.tar")).unwrap();
    assert_eq!(verify(&["--trust", &trust, text(dir.path())]).0, 1);
}

#[test]
fn programs_are_answered_in_json_whatever_happens() {
    let (status, said) = verify(&["--json", "--trust", &path("trust.toml"), &path("sets/session-given-twice")]);
    let all: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((status, &all["counts"]), (1, &serde_json::json!([1, 1, 0])));
    assert_eq!(all["bundles"][1]["what"], "session 1 of d1 was given twice");
    let empty = tempfile::tempdir().unwrap();
    for (args, why) in [
        (["--trust", "/nowhere/trust.toml", "x.tar"], "cannot read /nowhere/trust.toml: "),
        (["--trust", &path("trust.toml"), text(empty.path())], "there is no bundle (*.tar) here"),
        (["--trust", &path("trust/quorum-missing.toml"), "x.tar"], "is no trust file: `tlog_policy`: no `quorum` line"),
    ] {
        let (status, said) = verify(&[&["--json"], &args[..]].concat());
        let all: Value = serde_json::from_str(&said).unwrap();
        assert!(status == 2 && all["error"].as_str().unwrap().contains(why), "{said}");
    }
    let (status, said) = verify(&["--trust", &path("trust.toml"), "--summary", "x.pdf", &path("good")]);
    assert!(status == 2 && said.contains("x.pdf: a summary ends in .txt, .json or .csv"), "{said}");
}

#[test]
fn the_daily_cap_holds_across_sessions() {
    // Three sessions of one class on one day, two class hours each for t1 and t2, under a cap of five.
    let dir = tempfile::tempdir().unwrap();
    let mut town = Town::default();
    town.fill_to(1);
    let mut device = Device::enrol(&mut town, "d1", 11, "s1");
    town.fill_to(4);
    let capped = muster_hours::policy::Policy { daily_cap: 5, ..policy() };
    let document = crate::town::assignment("s1", capped.clone());
    let beacon = town.note(4, MORNING);
    for n in 1..=3 {
        let hash = hex::encode(muster_seal::merkle::sha256(document.as_bytes()));
        let open = muster_seal::record::Open { assignment: hash, ..device.open(&beacon) };
        let session = device.seals(crate::town::Session::of(open, 16));
        let index = town.add(&seal_leaf(&device, &session));
        let end = (town.size(), NOON + n);
        let mut parts = Parts::of(&town, &device, &session, index, Under { beacon: 4, covering: end, newest: end });
        parts.assignment = document.clone().into_bytes();
        fs::write(dir.path().join(format!("{n}.tar")), parts.tar()).unwrap();
    }
    let own = dir.path().join("trust.toml");
    fs::write(&own, trust().replace("daily_cap = 8", "daily_cap = 5")).unwrap();
    let (status, said) = verify(&["--json", "--trust", text(&own), text(dir.path())]);
    let all: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(status, 0, "{said}");
    let hours = |who: &str| -> u64 {
        let bundles = all["bundles"].as_array().unwrap();
        bundles.iter().map(|b| b["what"]["attested_hours"][who].as_u64().unwrap()).sum()
    };
    assert_eq!((hours("t1"), hours("t2"), hours("t3")), (5, 5, 0));
    assert_eq!(said.matches("daily-cap").count(), 2, "{said}");
}
