//! The central log as a folder of tiles: `diff`, and `verify --log`.

use std::fs;
use std::path::Path;

use muster_audit::diff::diff;
use muster_audit::mirror::{Mirror, Source};
use muster_seal::central::{DocumentLeaf, Leaf, RevokeLeaf};
use muster_seal::tile::{Tile, WIDTH, write_entries};

use crate::corpus::CORPUS;
use crate::good::other_root;
use crate::town::{MORNING, Town, log_key};

/// Writes what a mirror of the log at its size has: the checkpoint, and the entries.
fn tiles(town: &Town, dir: &Path) {
    let size = town.size();
    fs::write(dir.join("checkpoint"), town.note(size, MORNING + 30 * 86_400)).unwrap();
    for index in 0..size.div_ceil(WIDTH) {
        let width = (size - index * WIDTH).min(WIDTH);
        let from = (index * WIDTH) as usize;
        let path = dir.join(Tile { level: None, index, width: width as u16 }.path());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let leaves = town.leaves[from..from + width as usize].iter().map(Vec::as_slice);
        fs::write(path, write_entries(leaves)).unwrap();
    }
}

fn mirror(town: &Town) -> Result<Mirror, String> {
    let dir = tempfile::tempdir().unwrap();
    tiles(town, dir.path());
    Mirror::read(&Source::Folder(dir.path().to_owned()), &CORPUS.trust).map_err(|e| format!("{e:#}"))
}

fn revoke(device: &str, counter: u64) -> Leaf {
    Leaf::Revoke(RevokeLeaf { device: device.into(), counter, reason: "misused".into(), at: String::new() })
}

fn document(name: &str) -> Leaf {
    let sha256 = "ab".repeat(32);
    Leaf::Document(DocumentLeaf { what: "claims".into(), name: name.into(), sha256, at: String::new() })
}

/// Saved: every good bundle, a checkpoint with no witness yet, and one that the bureau showed to somebody.
fn saved(dir: &Path, town: &Town) {
    for (name, tar) in &CORPUS.good {
        fs::write(dir.join(format!("{name}.tar")), tar).unwrap();
    }
    fs::write(dir.join("old.checkpoint"), town.checkpoint(300).sign(&log_key())).unwrap();
}

/// The file names that do not hold, with what is said.
fn said(dir: &Path, town: &Town) -> Vec<(String, String)> {
    let found = diff(dir, &mirror(town).unwrap(), &CORPUS.trust).unwrap();
    let name = |file: &str| Path::new(file).file_stem().unwrap().to_str().unwrap().to_owned();
    found.saved.into_iter().filter_map(|row| Some((name(&row.file), row.defect?))).collect()
}

#[test]
fn a_log_that_only_grew_holds_all_that_was_saved_and_tells_the_news() {
    let dir = tempfile::tempdir().unwrap();
    let mut town = CORPUS.town.clone();
    saved(dir.path(), &town);
    town.add(&document("later"));
    let index = town.add(&revoke("d4", 5));
    let found = diff(dir.path(), &mirror(&town).unwrap(), &CORPUS.trust).unwrap();
    assert!(found.holds && found.status() == 0, "{}", found.text());
    let news: Vec<_> = found.saved.iter().filter(|row| !row.since.is_empty()).collect();
    assert_eq!(news.len(), 5, "the five sessions of d4: {}", found.text());
    assert_eq!(news[0].since, [(index, "revoked after counter 5".to_owned())]);
    // A revocation that takes sessions back is a difference.
    town.add(&revoke("d4", 3));
    let said = said(dir.path(), &town);
    let names: Vec<&str> = said.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["d4-4-of-256-records", "d4-5-of-257-records"]);
    let want = "by the mirror: the device was revoked after session 3 (leaf #65544): session 4 does not count";
    assert_eq!(said[0].1, want);
}

#[test]
fn a_log_that_was_bent_does_not_hold_what_was_saved() {
    let dir = tempfile::tempdir().unwrap();
    let town = CORPUS.town.clone();
    saved(dir.path(), &town);
    // The bureau writes its history anew with one leaf changed: its own signature and colluding witnesses do not help.
    let mut bent = Town::default();
    for (i, leaf) in town.leaves.iter().enumerate() {
        bent.add(&if i == 3 { document("another") } else { Leaf::parse(leaf).unwrap() });
    }
    let found = said(dir.path(), &bent);
    assert_eq!(found.len(), 14, "{found:?}");
    let want = "the central log at 300 entries is another one in the mirror: the bureau shows two histories";
    assert!(found.contains(&("old".to_owned(), want.to_owned())), "{found:?}");
    // A shorter log is an older one.
    let short = Town::of(town.leaves[..250].iter().cloned());
    let (_, why) = said(dir.path(), &short).pop().unwrap();
    assert!(why.starts_with("the mirror has 250 entries and this needs 300: "), "{why}");
    // A checkpoint of another log, signed by the same key, saved by somebody else.
    fs::write(dir.path().join("theirs.checkpoint"), other_root(&town.checkpoint(300)).sign(&log_key())).unwrap();
    assert_eq!(said(dir.path(), &town), [("theirs".to_owned(), want.to_owned())]);
}

#[test]
fn a_leaf_about_the_device_that_was_left_out_is_found() {
    // A revocation stands in the log before the newest checkpoint, and the bundle keeps silent about it.
    let story = crate::good::story();
    let mut parts = story.revoked;
    parts.life.pop();
    let held = muster_audit::verify::verify(&parts.tar(), &CORPUS.trust).unwrap();
    let said = mirror(&CORPUS.town).unwrap().holds(&held).unwrap_err().to_string();
    assert_eq!(said, "entry #13 is about device d1 and was left out of the bundle");
}

#[test]
fn a_contacts_time_of_receipt_is_held_by_the_mirror() {
    let (_, tar) = &CORPUS.good[1];
    let at = tar.windows(11).position(|w| w == b"\"received\":").unwrap() + 12;
    let mut bent = tar.clone();
    bent[at] = b'3';
    let held = muster_audit::verify::verify(&bent, &CORPUS.trust).unwrap();
    let said = mirror(&CORPUS.town).unwrap().holds(&held).unwrap_err().to_string();
    assert_eq!(said, "the contact with counter 2 does not stand in the mirror as it stands in the bundle");
}

#[test]
fn a_mirror_that_is_no_log_is_told_why() {
    let town = CORPUS.town.clone();
    let broken = |change: &dyn Fn(&Path)| {
        let dir = tempfile::tempdir().unwrap();
        tiles(&town, dir.path());
        change(dir.path());
        let read = Mirror::read(&Source::Folder(dir.path().to_owned()), &CORPUS.trust);
        format!("{:#}", read.unwrap_err())
    };
    let tile = |dir: &Path| dir.join("tile/entries/003");
    assert_eq!(
        broken(&|dir| fs::remove_file(dir.join("checkpoint")).unwrap()),
        "there is no file `checkpoint`: this is no log"
    );
    assert_eq!(broken(&|dir| fs::remove_file(tile(dir)).unwrap()), "tile/entries/003 is missing");
    let cut = |dir: &Path| fs::write(tile(dir), &fs::read(tile(dir)).unwrap()[..100]).unwrap();
    assert_eq!(broken(&cut), "tile/entries/003 is cut short");
    let swap = |dir: &Path| {
        fs::copy(dir.join("tile/entries/004"), tile(dir)).unwrap();
    };
    let want = "the entries do not hash to the root that the checkpoint signs: some file is not the log's";
    assert_eq!(broken(&swap), want);
    let unsigned =
        |dir: &Path| fs::write(dir.join("checkpoint"), town.checkpoint(town.size()).sign(&log_key())).unwrap();
    assert!(broken(&unsigned).starts_with("checkpoint: quorum not met"));
}

/// Serves a folder's files over HTTP, until the test ends.
#[cfg(feature = "online")]
fn serve(dir: std::path::PathBuf) -> String {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let asked = lines.next().unwrap().unwrap();
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let path = asked.split(' ').nth(1).unwrap().trim_start_matches("/log/");
            let (status, body) = fs::read(dir.join(path)).map_or(("404 Not Found", Vec::new()), |b| ("200 OK", b));
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        }
    });
    format!("http://{at}/log/")
}

#[cfg(feature = "online")]
#[test]
fn the_log_is_read_from_its_address_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut town = Town::default();
    town.fill_to(300);
    tiles(&town, dir.path());
    // The log grew to a full tile meanwhile, and the partial one is gone.
    let partial = dir.path().join("tile/entries/001.p/44");
    let mut grown = town.clone();
    grown.fill_to(512);
    let full = write_entries(grown.leaves[256..].iter().map(Vec::as_slice));
    fs::remove_dir_all(partial.parent().unwrap()).unwrap();
    fs::write(dir.path().join("tile/entries/001"), full).unwrap();
    let source = Source::parse(&serve(dir.path().to_owned())).unwrap();
    let read = Mirror::read(&source, &CORPUS.trust).unwrap();
    assert_eq!((read.size(), read.root_at(300)), (300, Some(town.checkpoint(300).root)));
    assert_eq!((read.root_at(7), read.root_at(301)), (Some(town.checkpoint(7).root), None));
}
