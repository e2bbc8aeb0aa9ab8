//! The central log: what is published is what was committed, whatever is bent, lost or put back.

use std::fs;
use std::path::Path;

use muster_seal::central::{DocumentLeaf, Leaf};
use muster_server::central::{self, fsck};
use muster_server::store::{Store, StoreError, checkpoints};
use tempfile::TempDir;

fn leaf(n: u64) -> Vec<u8> {
    let (what, at) = ("claims".to_owned(), String::new());
    Leaf::Document(DocumentLeaf { what, name: n.to_string(), sha256: "0".repeat(64), at }).line()
}

fn grow(store: &Store, count: u64) {
    store
        .write(|tx| {
            let leaves: Vec<Vec<u8>> = (0..count).map(leaf).collect();
            checkpoints::append(tx, &leaves)
        })
        .unwrap();
    central::settle(store).unwrap();
}

fn open() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Some("muster.example")).unwrap();
    (dir, store)
}

fn wrong(store: &Store) -> Vec<String> {
    fsck::check(store).unwrap().wrong
}

#[test]
fn whatever_size_it_grows_through_the_log_holds_together() {
    let (_dir, store) = open();
    for step in [1, 1, 1, 252, 1, 1, 300, 512] {
        grow(&store, step);
        let checked = fsck::check(&store).unwrap();
        assert_eq!(checked.wrong, Vec::<String>::new());
        assert!(checked.tiles >= 2 && checked.checkpoints >= 2);
    }
    assert_eq!(fsck::check(&store).unwrap().leaves, 1069);
}

#[test]
fn a_bit_flipped_in_any_file_is_found() {
    let (dir, store) = open();
    grow(&store, 300);
    let mut files = Vec::new();
    walk(&dir.path().join("log"), &mut files);
    assert!(files.len() >= 4);
    for file in files {
        let good = fs::read(&file).unwrap();
        for at in [0, good.len() / 2, good.len() - 1] {
            let mut bent = good.clone();
            bent[at] ^= 4;
            fs::write(&file, bent).unwrap();
            if file.ends_with("checkpoint") {
                // What it shows the world is compared before anything is published over it.
                let refused = central::sequencer::publish(&store).unwrap_err();
                assert!(matches!(refused, StoreError::Forked { .. }), "{refused}");
            } else {
                let found = wrong(&store);
                assert!(found.len() == 1 && found[0].contains("is not what its leaves make"), "{file:?}: {found:?}");
            }
        }
        fs::write(&file, good).unwrap();
    }
    assert_eq!(wrong(&store), Vec::<String>::new());
}

#[test]
fn a_bit_flipped_in_any_row_of_the_log_is_found() {
    let (dir, store) = open();
    grow(&store, 20);
    let db = rusqlite::Connection::open(dir.path().join("muster.sqlite")).unwrap();
    for (bend, mend, says) in [
        (
            "UPDATE leaf SET line = CAST(replace(CAST(line AS TEXT), '\"7\"', '\"8\"') AS BLOB) WHERE idx = 7",
            "UPDATE leaf SET line = CAST(replace(CAST(line AS TEXT), '\"8\"', '\"7\"') AS BLOB) WHERE idx = 7",
            "is not what its leaves",
        ),
        (
            "UPDATE node SET hash = zeroblob(32) WHERE level = 1 AND idx = 3",
            "",
            "node 3 at level 1 is not what its leaves hash to",
        ),
    ] {
        db.execute(bend, []).unwrap();
        let found = wrong(&store);
        assert!(!found.is_empty() && found.iter().any(|f| f.contains(says)), "{found:?}");
        if !mend.is_empty() {
            db.execute(mend, []).unwrap();
            assert_eq!(wrong(&store), Vec::<String>::new());
        }
    }
}

#[test]
fn a_lost_folder_is_made_anew_and_an_old_database_is_not_published_over_a_newer_one() {
    let (dir, store) = open();
    grow(&store, 10);
    let old = fs::read(dir.path().join("log/checkpoint")).unwrap();
    let copy = dir.path().join("copy.sqlite");
    let db = rusqlite::Connection::open(dir.path().join("muster.sqlite")).unwrap();
    db.backup("main", &copy, None::<fn(rusqlite::backup::Progress)>).unwrap();
    grow(&store, 290);
    fs::remove_dir_all(dir.path().join("log")).unwrap();
    central::settle(&store).unwrap();
    assert_eq!(wrong(&store), Vec::<String>::new());
    // An older folder put back: its holes are filled.
    fs::remove_dir_all(dir.path().join("log/tile")).unwrap();
    fs::write(dir.path().join("log/checkpoint"), old).unwrap();
    central::settle(&store).unwrap();
    let missing = wrong(&store);
    assert!(missing.iter().all(|w| w.contains("/000.p/10")) || missing.is_empty(), "{missing:?}");

    // An older database put back under a folder that has shown more: refused, and nothing is overwritten.
    let (newer, _) = (fs::read(dir.path().join("log/checkpoint")).unwrap(), drop(store));
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(dir.path().join(format!("muster.sqlite{suffix}")));
    }
    fs::rename(&copy, dir.path().join("muster.sqlite")).unwrap();
    let store = Store::open(dir.path(), None).unwrap();
    store.write(|tx| checkpoints::append(tx, &[leaf(99)])).unwrap();
    let refused = central::settle(&store).unwrap_err().to_string();
    assert!(refused.contains("shows 300 entries that this database does not have"), "{refused}");
    assert_eq!(fs::read(dir.path().join("log/checkpoint")).unwrap(), newer);
}

#[test]
fn partial_tiles_go_when_their_full_tile_is_there_and_no_shown_checkpoint_needs_them() {
    let (dir, store) = open();
    let log = dir.path().join("log");
    let widths = |index: &str| -> Vec<String> {
        let mut all: Vec<String> = ["0", "entries"]
            .iter()
            .filter_map(|kind| fs::read_dir(log.join("tile").join(kind).join(index)).ok())
            .flat_map(|folder| folder.flatten().map(|f| f.file_name().to_string_lossy().into_owned()))
            .collect();
        all.sort();
        all
    };
    grow(&store, 10);
    grow(&store, 50);
    grow(&store, 250);
    // Whoever was shown 60 still finds what it needs, and so does whoever has not asked for the full tile yet.
    assert_eq!(widths("000.p"), ["10", "10", "60", "60"]);
    central::settle(&store).unwrap();
    assert_eq!(widths("000.p").len(), 4, "the same checkpoint again leaves the one before it where it was");
    grow(&store, 5);
    assert_eq!((widths("000.p"), widths("001.p")), (Vec::new(), ["54", "54", "59", "59"].map(String::from).to_vec()));
    assert!(log.join("tile/1/000.p/1").exists(), "no full tile is there for it");
    // Cleared by halves when the plug was pulled: the next time the rest goes, across any number of tiles.
    fs::create_dir_all(log.join("tile/0/000.p")).unwrap();
    fs::write(log.join("tile/0/000.p/10"), "").unwrap();
    fs::remove_file(log.join(".swept")).unwrap();
    grow(&store, 1_000);
    assert_eq!((widths("000.p").len(), widths("001.p").len()), (0, 4));
    grow(&store, 1);
    assert_eq!((widths("000.p").len(), widths("001.p").len()), (0, 0));
    assert_eq!(wrong(&store), Vec::<String>::new());
    // A partial tile without its full one is left alone.
    fs::rename(log.join("tile/0/002"), log.join("aside")).unwrap();
    fs::create_dir_all(log.join("tile/0/002.p")).unwrap();
    fs::write(log.join("tile/0/002.p/7"), "").unwrap();
    fs::remove_file(log.join(".swept")).unwrap();
    grow(&store, 1);
    assert_eq!(widths("002.p"), ["7"]);
}

fn walk(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')) {
            files.push(path);
        }
    }
}
