//! Whole classes: honest, padded, and with two kinds of phantom.

use muster_tests::bureau::Bureau;
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
    let thresholds = "[phantom-trainee]\nmin_sessions = 1\n[card-no-face]\nmin_sessions = 1\n";
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
    for part in ["<svg class=\"timeline\"", "cell attested", "cell blank", "虚报学员", "#seq-"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(bureau.get("/?lang=en").unwrap().contains("Phantom trainee"));
    let record = card_only[0]["proofs"][0].clone();
    let session = format!("/sessions/{}/{}", record["device"].as_str().unwrap(), record["counter"]);
    assert!(bureau.get(&session).unwrap().contains(&format!("id=\"seq-{}\"", record["seq_from"])));
    let traces = std::fs::read_to_string(bureau.data.with_extension("log")).unwrap();
    for (person, _) in &honest.people {
        assert!(!traces.contains(&person.number) && !traces.contains(&person.name));
    }
    std::fs::remove_dir_all(dir).unwrap();
}
