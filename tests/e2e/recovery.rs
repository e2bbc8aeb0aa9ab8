//! The network cut for the whole session; the agent killed in the middle; the bureau killed; an upload sent again.

use muster_seal::record::{Body, Record};
use muster_tests::net::Cable;
use muster_tests::site::Site;
use muster_tests::story::{self, CLAIMS_HEAD, Class, Part};
use muster_tests::video::Scene;
use rusqlite::Connection;

#[test]
fn offline_for_the_whole_session_and_killed_in_the_middle_loses_nothing() {
    let dir = story::folder("recovery").unwrap();
    let mut bureau = story::bureau(&dir).unwrap();
    let cable = Cable::lay(&bureau.devices).unwrap();
    let code = bureau.cli(&["enrol-code", "--site", "s1"]).unwrap();
    let mut site = Site::start(&dir.join("s1"), &cable.url, code.trim(), Some(Scene::Empty), None).unwrap();
    let mut class = Class::new("K1", "s1", 300, &[Part::Attends, Part::Attends]);
    class.lesson_s = 6;
    let start = class.plan(&bureau).unwrap();
    site.wait_open().unwrap();
    cable.cut();
    class.check_in(&site).unwrap();

    // Both check-ins were acknowledged: pull the plug.
    site.kill();
    site.boot().unwrap();
    let view = site.wait("the session goes on", |v| v["phase"] == "running").unwrap();
    let here = view["seats"].as_array().unwrap().iter().filter(|s| !s["level"].is_null()).count();
    assert_eq!(here, 2, "an acknowledged check-in is missing: {view}");
    site.wait("the cut is seen", |v| v["online"] == false && v["unsent"].as_u64() > Some(0)).unwrap();

    class.check_out(&site, start).unwrap();
    site.close().unwrap();
    // The bureau dies and comes back while the cable is still cut; then the cable is mended.
    bureau.kill_and_restart(story::DOMAIN).unwrap();
    cable.mend();
    site.wait_sent().unwrap();

    let log: Vec<u8> = {
        let db = Connection::open(bureau.data.join("muster.sqlite")).unwrap();
        db.query_row("SELECT log FROM session WHERE final = 1", [], |r| r.get(0)).unwrap()
    };
    let lines = || log.split(|b| *b == b'\n').filter(|l| !l.is_empty());
    let records: Vec<Record> = lines().map(|l| Record::parse(l).unwrap()).collect();
    let count = |kind: &str| records.iter().filter(|r| r.body.kind() == kind).count();
    assert_eq!((count("restart"), count("present"), count("close")), (1, 4, 1));
    let text = String::from_utf8(log.clone()).unwrap();
    for (person, _) in &class.people {
        assert!(!text.contains(&person.number) && !text.contains(&person.name));
    }

    bureau.import("claims", &format!("{CLAIMS_HEAD}{}", class.claims(4))).unwrap();
    let report = bureau.reconcile().unwrap();
    let accused = report["findings"].as_array().unwrap().iter().filter(|f| f["suspect"] == true).count();
    assert_eq!(accused, 0, "a power cut is no fraud: {report:#}");

    // What was sent is sent again from the beginning, as a device does whose progress was lost: nothing changes.
    let before = leaves(&bureau.data);
    site.kill();
    {
        let db = Connection::open(site.data.join("edge.sqlite")).unwrap();
        db.execute("UPDATE session SET sent = 0, witnessed = 0, receipt = NULL", []).unwrap();
    }
    site.boot().unwrap();
    site.wait_sent().unwrap();
    assert_eq!(leaves(&bureau.data), before, "a replay left a trace in the central log");
    assert!(matches!(records[0].body, Body::Open(_)));
    std::fs::remove_dir_all(dir).unwrap();
}

fn leaves(data: &std::path::Path) -> i64 {
    let db = Connection::open(data.join("muster.sqlite")).unwrap();
    db.query_row("SELECT count(*) FROM leaf", [], |r| r.get(0)).unwrap()
}

/// Kills the agent at many instants while cards are tapped; what was acknowledged is there each time.
#[test]
fn killed_at_any_instant_no_acknowledged_check_in_is_missing() {
    let dir = story::folder("instants").unwrap();
    let bureau = story::bureau(&dir).unwrap();
    let code = bureau.cli(&["enrol-code", "--site", "s2"]).unwrap();
    // No camera: a tap is a tap, and quick.
    let mut site = Site::start(&dir.join("s2"), &bureau.devices, code.trim(), None, None).unwrap();
    let mut class = Class::new("K2", "s2", 400, &[Part::Attends; 6]);
    class.lesson_s = 300;
    class.plan(&bureau).unwrap();
    site.wait_open().unwrap();
    for (n, (person, _)) in class.people.iter().enumerate() {
        let outcome = site.tap(person).unwrap();
        assert_eq!(outcome, "look-again", "a card alone is less than this policy asks for");
        // The next card is already down when the plug is pulled, a little later each time.
        if let Some((next, _)) = class.people.get(n + 1) {
            site.reader.place(next);
            std::thread::sleep(std::time::Duration::from_millis(60 * n as u64));
        }
        site.kill();
        site.reader.lift();
        site.boot().unwrap();
        let view = site.wait("the session goes on", |v| v["phase"] == "running").unwrap();
        let here = view["seats"].as_array().unwrap().iter().filter(|s| !s["level"].is_null()).count();
        assert!(here > n, "{here} of {} acknowledged are here", n + 1);
    }
    std::fs::remove_dir_all(dir).unwrap();
}
