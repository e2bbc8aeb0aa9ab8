//! The network cut for the whole session; the agent killed in the middle; the bureau killed; an upload sent again.

use std::io::{Read, Write};
use std::path::Path;

use muster_seal::record::{Body, Record};
use muster_tests::card::Person;
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
        assert_eq!(outcome, "card-only", "a card alone is less than this policy asks for");
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

/// The records of a session that the bureau has, by its counter.
fn records(data: &Path, counter: i64) -> Vec<Record> {
    let db = Connection::open(data.join("muster.sqlite")).unwrap();
    let log: Vec<u8> =
        db.query_row("SELECT log FROM session WHERE counter = ? AND final = 1", [counter], |r| r.get(0)).unwrap();
    log.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| Record::parse(l).unwrap()).collect()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// One device over its life: heard of between sessions, its key changed, a class ended early and one entered by hand, and
/// last an old copy of its disk.
#[test]
fn a_device_over_its_life_is_one_chain_that_an_old_copy_cannot_go_on_with() {
    let dir = story::folder("life").unwrap();
    let bureau = story::bureau(&dir).unwrap();
    let code = bureau.cli(&["enrol-code", "--site", "s1"]).unwrap();
    let more = "contact_every_s = 1\n";
    let mut site = Site::start_with(&dir.join("s1"), &bureau.devices, code.trim(), None, None, more).unwrap();
    let contacts = |want: usize| {
        for _ in 0..1_000 {
            let done = site_lists(&site).iter().filter(|l| l.1.is_empty() && l.2 == "done").count();
            if done >= want {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(40));
        }
        panic!("the bureau never heard of the device: {:?}", site_lists(&site));
    };
    contacts(2);

    // The key cannot be changed under a running agent; it can between two sessions.
    let busy = site.cli(&["rotate"]).unwrap_err().to_string();
    assert!(busy.contains("stop it first"), "{busy}");
    assert!(site.terminate().unwrap(), "SIGTERM is no crash");
    let before = std::fs::read(site.data.join("device.key")).unwrap();
    assert!(site.cli(&["rotate"]).unwrap().contains("已更换密钥"));
    assert_ne!(std::fs::read(site.data.join("device.key")).unwrap(), before);
    site.cli(&["rotate"]).unwrap();
    copy(&site.data, &dir.join("copy"));
    site.boot().unwrap();

    let (trainee, teacher) = (Person::made_up(600), Person::made_up(601));
    let mut class = Class::new("L1", "s1", 600, &[Part::Attends]);
    (class.teacher, class.lesson_s) = (Some(teacher.clone()), 300);
    class.plan(&bureau).unwrap();
    site.wait_open().unwrap();
    let counter = site.view().unwrap()["counter"].as_i64().unwrap();
    assert!(counter > 2, "contacts use up counters");
    assert_eq!(site.tap(&trainee).unwrap(), "card-only");

    // No chip that can be read: the instructor's card, then whom and why.
    let id = site.view().unwrap()["seats"][0]["id"].as_str().unwrap().to_owned();
    site.enter(&id, "no-chip").unwrap();
    site.wait("nobody vouches", |v| v["last"]["outcome"] == "too-late").unwrap();
    site.press("manual").unwrap();
    site.wait("the instructor is asked for", |v| v["asking"] == "manual").unwrap();
    assert_eq!(site.tap(&teacher).unwrap(), "choose");
    site.enter(&id, "no-chip").unwrap();
    site.wait("the entry is made", |v| v["last"]["outcome"] == "manual-out").unwrap();

    // Before its time the class ends by the instructor's card alone.
    site.press("close").unwrap();
    site.wait("the instructor is asked for", |v| v["asking"] == "close").unwrap();
    assert_eq!(site.tap(&trainee).unwrap(), "card-only");
    assert_eq!(site.view().unwrap()["phase"], "running");
    site.reader.place(&teacher);
    site.wait("the session has ended", |v| v["phase"] == "idle").unwrap();
    site.reader.lift();
    site.wait_sent().unwrap();
    let told = records(&bureau.data, counter);
    let by: Vec<&str> = told.iter().map(|r| r.body.kind()).collect();
    assert_eq!(by, ["open", "card", "present", "manual", "card", "present", "instructor", "close"]);
    assert!(matches!(&told[3].body, Body::Manual(m) if m.level == 0 && m.reason == "no-chip"));
    assert!(matches!(&told[7].body, Body::Close(c) if c.reason == "operator"));

    // Another page may not ask, whatever name it uses for this machine.
    for (host, origin) in [("evil.example", ""), ("", "Origin: http://evil.example\r\n")] {
        let at = site.kiosk.trim_start_matches("http://");
        let host = if host.is_empty() { at } else { host };
        let mut line = std::net::TcpStream::connect(at).unwrap();
        write!(line, "GET /view.json HTTP/1.1\r\nHost: {host}\r\n{origin}Connection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        line.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 403"), "{host} {origin}: {answer}");
    }

    // Yesterday's disk is put back.
    assert!(site.terminate().unwrap());
    std::fs::rename(&site.data, dir.join("newest")).unwrap();
    copy(&dir.join("copy"), &site.data);
    let before = leaves(&bureau.data);
    site.boot().unwrap();
    site.wait("it is an old copy", |v| v["stale"] == "behind").unwrap();
    let mut next = Class::new("L2", "s1", 610, &[Part::Attends]);
    next.lesson_s = 300;
    next.plan(&bureau).unwrap();
    assert_eq!(site.tap(&next.people[0].0).unwrap(), "stale");
    assert_eq!(site.view().unwrap()["phase"], "idle");
    let doctor = site.cli(&["doctor"]).unwrap_err().to_string();
    assert!(
        doctor.contains("本机数据是旧副本") && doctor.contains("ask the bureau for a replacement code"),
        "{doctor}"
    );
    let db = Connection::open(site.data.join("edge.sqlite")).unwrap();
    let sessions: i64 = db.query_row("SELECT count(*) FROM session", [], |r| r.get(0)).unwrap();
    assert_eq!(sessions, 0, "an old copy recorded something");
    let documents = |data: &Path| -> i64 {
        let db = Connection::open(data.join("muster.sqlite")).unwrap();
        db.query_row("SELECT count(*) FROM contact", [], |r| r.get(0)).unwrap()
    };
    assert!(leaves(&bureau.data) >= before && documents(&bureau.data) > 0);
    std::fs::remove_dir_all(dir).unwrap();
}

/// What `muster-edge sessions` lists: counter, class, state.
fn site_lists(site: &Site) -> Vec<(String, String, String)> {
    let listed = site.cli(&["sessions"]).unwrap();
    let rows = listed.lines().map(|l| l.split('\t').map(str::to_owned).collect::<Vec<_>>());
    rows.map(|r| (r[0].clone(), r[1].clone(), r[3].clone())).collect()
}

/// A bureau behind a private certificate: trusted with its authority's file, and without it no bureau at all.
#[test]
fn a_private_authority_is_trusted_by_its_file_alone() {
    let dir = tempfile::tempdir().unwrap();
    let openssl = |args: &str| {
        let run = std::process::Command::new("openssl").args(args.split(' ')).current_dir(dir.path()).output();
        run.is_ok_and(|run| run.status.success())
    };
    if !openssl("version") {
        eprintln!("skipped: this test needs openssl");
        return;
    }
    std::fs::write(dir.path().join("leaf.cnf"), "subjectAltName = IP:127.0.0.1\nbasicConstraints = CA:FALSE\n")
        .unwrap();
    for args in [
        "req -x509 -newkey ed25519 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca",
        "req -newkey ed25519 -nodes -keyout leaf.key -out leaf.csr -subj /CN=leaf",
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile leaf.cnf -out leaf.pem",
    ] {
        assert!(openssl(args), "{args}");
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = std::process::Command::new("openssl")
        .args([
            "s_server",
            "-www",
            "-quiet",
            "-cert",
            "leaf.pem",
            "-key",
            "leaf.key",
            "-accept",
            &format!("127.0.0.1:{port}"),
        ])
        .current_dir(dir.path())
        .stdin(std::process::Stdio::null())
        .spawn();
    let _server = muster_tests::bureau::Owned(server.unwrap());
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let ca = dir.path().join("ca.pem");
    let asks = |ca: Option<&Path>| {
        let key = muster_seal::key::DeviceKey::from_seed([1; 32]);
        muster_edge::sync::Client::new(&format!("https://127.0.0.1:{port}"), key, ca)
            .unwrap()
            .enrol("x", None)
            .unwrap_err()
    };
    // It speaks to the server, which has nothing to say that a bureau would.
    let trusted = asks(Some(&ca)).to_string();
    assert!(!trusted.contains("certificate") && !trusted.contains("UnknownIssuer"), "{trusted}");
    let strange = asks(None).to_string();
    assert!(strange.contains("UnknownIssuer"), "{strange}");
}
