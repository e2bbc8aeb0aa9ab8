//! Whole classes: honest, padded, and with two kinds of phantom.

use std::path::Path;
use std::process::Command;

use muster_tests::bureau::{Bureau, program, run};
use muster_tests::forge::Forger;
use muster_tests::site::Site;
use muster_tests::story::{self, CLAIMS_HEAD, Class, Part};
use muster_tests::video::Scene;
use serde_json::Value;

fn site(bureau: &Bureau, id: &str) -> Site {
    let code = bureau.cli(&["enrol-code", "--site", id]).unwrap();
    let dir = bureau.data.parent().unwrap().join(id);
    Site::start(&dir, &bureau.devices, code.trim(), Some(Scene::Empty), None).unwrap()
}

fn findings<'a>(report: &'a Value, class: &str) -> Vec<&'a Value> {
    report["findings"].as_array().unwrap().iter().filter(|f| f["class"] == class).collect()
}

/// Two classes at two sites at once: one as it should be, one with everything that goes wrong in classes.
#[test]
fn an_honest_class_has_no_finding_and_a_dishonest_one_has_its_own() {
    let dir = story::folder("classes").unwrap();
    let bureau = story::bureau(&dir).unwrap();
    std::fs::create_dir_all(bureau.data.join("rules")).unwrap();
    // Classes are held now, which may be at night.
    let thresholds = "[phantom-trainee]\nmin_sessions = 1\n[card-no-face]\nmin_sessions = 1\n\
                      [night-or-closed]\nopen_min = 0\nclose_min = 2880\n";
    std::fs::write(bureau.data.join("rules/thresholds.toml"), thresholds).unwrap();
    let honest = Class::new("H1", "s1", 100, &[Part::Attends, Part::Attends, Part::Attends]);
    let bent = Class::new("B1", "s2", 200, &[Part::Attends, Part::Absent, Part::CardOnly]);
    std::thread::scope(|s| {
        for class in [&honest, &bent] {
            s.spawn(|| {
                let site = site(&bureau, &class.site);
                let start = class.plan(&bureau).unwrap();
                class.hold(&site, start).unwrap();
            });
        }
    });
    // The honest class claims what was held; the other claims twice as much for everybody.
    bureau.import("claims", &format!("{CLAIMS_HEAD}{}{}", honest.claims(4), bent.claims(8))).unwrap();
    let report = bureau.reconcile().unwrap();

    assert!(findings(&report, "H1").is_empty(), "{report:#}");
    let class = |id| report["classes"].as_array().unwrap().iter().find(|c| c["class"] == id).unwrap().clone();
    assert_eq!((class("H1")["band"].as_str(), class("H1")["attested"].as_i64()), (Some("green"), Some(12)));
    assert_eq!((class("B1")["band"].as_str(), class("B1")["attested"].as_i64()), (Some("red"), Some(4)));

    let bent = findings(&report, "B1");
    let of = |rule: &str| bent.iter().filter(|f| f["rule"] == rule).collect::<Vec<_>>();
    // Four hours beyond the schedule for the one who attended: fabricated, with the money they would have cost.
    let padded = of("hours-over-attested").into_iter().find(|f| f["cells"] == 4).unwrap();
    assert_eq!((padded["suspect"].as_bool(), padded["at_risk_fen"].as_i64()), (Some(true), Some(8_000)));
    let said = padded["en"]["explanation"].as_str().unwrap();
    assert!(said.contains("in 0 the class met") && said.contains("4 are above the schedule"), "{said}");
    let phantom = of("phantom-trainee");
    assert_eq!(phantom.len(), 1);
    assert_eq!(phantom[0]["at_risk_fen"], 16_000);
    let card_only = of("card-no-face");
    assert_eq!(card_only.len(), 1, "{report:#}");
    assert_ne!(card_only[0]["trainee"], phantom[0]["trainee"]);
    assert!(!card_only[0]["proofs"].as_array().unwrap().is_empty());
    // Each claimed hour counts once: 8 of 24 hours stand at most, so 16,000 + 16,000 + 8,000 fen are at risk, not more.
    assert_eq!(class("B1")["certain_fen"], 40_000);

    // The same again gives the same, run after run, and a claim file taken twice is taken once.
    bureau.import("claims", &format!("{CLAIMS_HEAD}{}", honest.claims(4))).unwrap();
    let again = bureau.reconcile().unwrap();
    assert_eq!(report["findings"], again["findings"]);
    assert_eq!(report["classes"], again["classes"]);

    let page = bureau.get("/classes/B1").unwrap();
    // What the page says of each claim is what the run counted.
    let attended =
        report["trainees"].as_array().unwrap().iter().find(|t| t["class"] == "B1" && t["attested"] == 4).unwrap();
    assert_eq!((attended["beyond"].as_i64(), attended["at_risk_fen"].as_i64()), (Some(4), Some(8_000)));
    for part in ["<svg class=\"timeline\"", "cell attested", "cell blank", "虚报学员", "#seq-"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(bureau.get("/?lang=en").unwrap().contains("Phantom trainee"));
    let record = card_only[0]["proofs"][0].clone();
    let session = format!("/sessions/{}/{}", record["device"].as_str().unwrap(), record["counter"]);
    assert!(bureau.get(&session).unwrap().contains(&format!("id=\"seq-{}\"", record["seq_from"])));
    // What disproved hours is in the picture, and each claimed hour is a row of the sheet.
    assert!(page.contains("class=\"gone\"") && page.contains("已被疑点否定: 虚报学员"));
    let hours = bureau.get("/export/cells.csv?class=B1&lang=en").unwrap();
    assert_eq!((hours.lines().count(), hours.matches("phantom-trainee").count()), (25, 8));
    proof_is_verified(&bureau, &dir, &card_only[0]["finding"]);
    let traces = std::fs::read_to_string(bureau.data.with_extension("log")).unwrap();
    for (person, _) in &honest.people {
        assert!(!traces.contains(&person.number) && !traces.contains(&person.name));
    }
    std::fs::remove_dir_all(dir).unwrap();
}

/// A finding leads to its rows, and to one download whose bundles the auditor's program verifies.
fn proof_is_verified(bureau: &Bureau, dir: &Path, finding: &Value) {
    let at = format!("finding={}", finding.as_str().unwrap().replace('/', "%2F"));
    let page = bureau.get(&format!("/proof?{at}")).unwrap();
    assert!(page.contains(&format!("/proof.tar?{at}")) && page.contains("#seq-"), "{page}");
    let tar = dir.join("proof.tar");
    let url = format!("{}/proof.tar?{at}", bureau.pages.trim_end_matches('/'));
    std::fs::write(&tar, ureq::get(url).call().unwrap().body_mut().read_to_vec().unwrap()).unwrap();
    run(Command::new("tar").arg("-xf").arg(&tar).arg("-C").arg(dir)).unwrap();
    let trust = dir.join("trust.toml");
    std::fs::write(&trust, bureau.cli(&["trust"]).unwrap()).unwrap();
    let audit = program("muster-audit").unwrap();
    let verify = ["verify", "--sample", "--trust"];
    run(Command::new(audit).args(verify).arg(&trust).arg(dir.join("bundles"))).unwrap();
    let said: Value = serde_json::from_slice(&std::fs::read(dir.join("finding.json")).unwrap()).unwrap();
    assert_eq!(&said["finding"]["finding"], finding);
    assert!(!said["rows"].as_array().unwrap().is_empty() && !said["bundles"].as_array().unwrap().is_empty());
}

fn status(bureau: &Bureau, path: &str) -> (u16, String, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent.get(format!("{}{path}", bureau.pages.trim_end_matches('/'))).call().unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (answer.status().as_u16(), kind, answer.body_mut().read_to_string().unwrap())
}

/// A device with two histories: the finding that comes first, and evidence that is made again when it is gone or broken.
#[test]
fn a_forked_device_comes_first_and_its_evidence_can_be_made_again() {
    let dir = story::folder("forked").unwrap();
    let bureau = story::bureau(&dir).unwrap();
    let mut class = Class::new("F1", "s1", 700, &[Part::Attends, Part::Attends]);
    class.lesson_s = 60;
    class.plan(&bureau).unwrap();
    let forger = Forger::enrol(&bureau, "s1", 9).unwrap();
    let device = forger.me.device.clone();
    let good = forger.log(1, "").unwrap();
    assert_eq!(forger.send(1, &good.bytes(), &forger.seal(&good, 1)).unwrap().0, 200);
    bureau.import("claims", &format!("{CLAIMS_HEAD}{}", class.claims(4))).unwrap();
    let before = bureau.reconcile().unwrap();
    assert!(findings(&before, "F1").iter().all(|f| f["rule"] != "device-fork"), "{before:#}");

    let other = forger.log(1, &"0".repeat(64)).unwrap();
    let (first, second) = (forger.seal(&good, 1), forger.seal(&other, 1));
    let answer = forger.call("POST", &muster_wire::seal(&device, 1), second.as_bytes()).unwrap();
    assert_eq!(answer.0, 409, "{answer:?}");
    let report = bureau.reconcile().unwrap();
    let fork = &report["findings"][0];
    assert_eq!((fork["rule"].as_str(), fork["device"].as_str()), (Some("device-fork"), Some(device.as_str())));
    assert_eq!((fork["gravest"].as_bool(), fork["suspect"].as_bool()), (Some(true), Some(true)));
    // All hours of both claims hang on this device, and each counts once.
    assert_eq!((fork["cells"].as_i64(), fork["at_risk_fen"].as_i64()), (Some(8), Some(16_000)));
    assert_eq!(
        (report["classes"][0]["band"].as_str(), report["classes"][0]["certain_fen"].as_i64()),
        (Some("red"), Some(16_000))
    );

    let page = bureau.get("/?lang=en&rule=device-fork").unwrap();
    assert!(page.contains(&format!("href=\"/devices/{device}\"")) && page.contains("Two histories of one terminal"));
    assert!(
        page.contains("href=\"/?rule=device-fork&#38;lang=zh\"")
            || page.contains("href=\"/?rule=device-fork&amp;lang=zh\"")
    );
    let page = bureau.get(&format!("/devices/{device}")).unwrap();
    for part in
        ["分叉", "\"kind\":\"enrol\"", &format!("/devices/{device}/forks/1/a"), &format!("/sessions/{device}/1")]
    {
        let escaped = part.replace('"', "&#34;");
        assert!(page.contains(part) || page.contains(&escaped), "{part}");
    }
    assert_eq!(bureau.get(&format!("/devices/{device}/forks/1/a")).unwrap(), first);
    assert_eq!(bureau.get(&format!("/devices/{device}/forks/1/b")).unwrap(), second);
    for none in [
        "/classes/none",
        "/devices/none",
        "/sessions/none/1",
        "/sessions/none/x",
        &format!("/devices/{device}/forks/2/a"),
    ] {
        let (code, kind, body) = status(&bureau, none);
        assert_eq!((code, kind.as_str()), (404, "text/html; charset=utf-8"), "{none}");
        assert!(body.contains("<!doctype html>"), "{none}");
    }
    assert!(status(&bureau, "/assets/icon.svg").2.contains("<svg"));

    // A file that is gone is noticed, and made again byte for byte.
    let files = || {
        let out =
            std::process::Command::new("find").arg(bureau.data.join("evidence")).args(["-type", "f"]).output().unwrap();
        let mut files: Vec<String> = String::from_utf8(out.stdout).unwrap().lines().map(str::to_owned).collect();
        files.sort();
        files
    };
    let made = files();
    // Lessons, presence, sessions and taps: a table without rows has no file.
    assert_eq!(made.len(), 4, "{made:?}");
    let bytes = std::fs::read(&made[0]).unwrap();
    std::fs::remove_file(&made[0]).unwrap();
    assert_eq!(bureau.reconcile().unwrap()["findings"], report["findings"]);
    assert_eq!(std::fs::read(&made[0]).unwrap(), bytes);
    std::fs::write(&made[0], b"no parquet").unwrap();
    assert!(bureau.cli(&["evidence", "rebuild"]).unwrap().contains("1 个课次"));
    assert_eq!(std::fs::read(&made[0]).unwrap(), bytes);

    // A session that cannot be read any more says so, and ends no run.
    let db = rusqlite::Connection::open(bureau.data.join("muster.sqlite")).unwrap();
    db.execute("UPDATE session SET log = substr(log, 1, 100), evidence = 0", []).unwrap();
    let broken = bureau.reconcile().unwrap();
    let refused = broken["run"]["refused"].as_array().unwrap();
    assert!(refused.iter().any(|r| r.as_str().unwrap().starts_with(&format!("{device}/1: "))), "{refused:?}");
    assert!(files().is_empty(), "what cannot be verified must not count");
    // Nothing of the class is logged now: cut, and nobody is accused for a log that the bureau lost.
    assert!(findings(&broken, "F1").iter().all(|f| f["suspect"] == false), "{broken:#}");
    std::fs::remove_dir_all(dir).unwrap();
}
