//! The plug is pulled at the bureau: at every durable step, before and after it persisted, and at random under load.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use muster_seal::central::Leaf;
use muster_seal::chain::seal_id;
use muster_tests::bureau::Bureau;
use muster_tests::forge::Forger;
use muster_tests::story::{self, Class, Part};

/// The durable steps of `server/src/fault.rs`.
const POINTS: [&str; 4] = ["commit", "tiles", "checkpoint", "cosigned"];

fn town(name: &str) -> (PathBuf, Bureau) {
    let dir = story::folder(name).unwrap();
    let bureau = story::bureau(&dir).unwrap();
    let mut class = Class::new("P1", "s1", 800, &[Part::Attends]);
    class.lesson_s = 60;
    class.plan(&bureau).unwrap();
    (dir, bureau)
}

/// The counters with a seal leaf, from the central log's own bytes; each at most once, or it panics.
fn sealed(bureau: &Bureau) -> BTreeMap<(String, u64), u64> {
    let db = rusqlite::Connection::open(bureau.data.join("muster.sqlite")).unwrap();
    let mut get = db.prepare("SELECT idx, line FROM leaf ORDER BY idx").unwrap();
    let rows = get.query_map([], |r| Ok((r.get::<_, i64>(0)? as u64, r.get::<_, Vec<u8>>(1)?))).unwrap();
    let mut found = BTreeMap::new();
    for row in rows {
        let (index, line) = row.unwrap();
        if let Leaf::Seal(leaf) = Leaf::parse(&line).unwrap() {
            let before = found.insert((leaf.device, leaf.counter), index);
            assert_eq!(before, None, "a session has two leaves");
        }
    }
    found
}

/// Each step fails with an error, and with the process: the same session sent again is taken once, and all holds together.
#[test]
fn every_durable_step_fails_before_and_after_it_persisted_and_nothing_is_lost_or_doubled() {
    let (dir, mut bureau) = town("faults");
    let forger = Forger::enrol(&bureau, "s1", 41).unwrap();
    let (mut counter, mut prev) = (0, String::new());
    for point in POINTS {
        for when in ["before", "after"] {
            for abort in [false, true] {
                counter += 1;
                let log = forger.log(counter, &prev).unwrap();
                let seal = forger.seal(&log, counter);
                // The bytes are committed first; the seal's commit is the first or second that is passed from here.
                let n = if point == "commit" { 2 } else { 1 };
                let fault = format!("{point}:{when}:{n}{}", if abort { ":abort" } else { "" });
                bureau.restart_with(story::DOMAIN, &fault).unwrap();
                let failed = forger.send(counter, &log.bytes(), &seal);
                let receipt = failed.as_ref().is_ok_and(|(_, answer)| answer["receipt"].is_string());
                // Where the step came before the fault, an answer may be right; it never comes before the step persisted.
                if receipt {
                    assert!(when == "after" && !abort, "{fault}: answered before it was durable: {failed:?}");
                }
                bureau.kill_and_restart(story::DOMAIN).unwrap();
                let (status, answer) = forger.send(counter, &log.bytes(), &seal).unwrap();
                assert_eq!(status, 200, "{fault}: {answer}");
                assert!(answer["receipt"].is_string(), "{fault}: {answer}");
                assert_eq!(sealed(&bureau).len() as u64, counter, "{fault}");
                prev = seal_id(&seal);
            }
        }
    }
    let checked = bureau.cli(&["log", "fsck"]).unwrap();
    assert!(checked.contains(&format!("logs {counter}")), "{checked}");
    std::fs::remove_dir_all(dir).unwrap();
}

/// Devices send without pause while the bureau is killed and started again, `MUSTER_KILLS` times (8 unless set).
#[test]
fn killed_at_random_under_load_nothing_answered_is_missing_and_the_log_never_forks() {
    let kills: u32 = std::env::var("MUSTER_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let (dir, mut bureau) = town("kills");
    let forgers: Vec<Forger> = (0..3).map(|n| Forger::enrol(&bureau, "s1", 50 + n).unwrap()).collect();
    let (stop, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut seen: Vec<(String, u64, u64, String)> = Vec::new();
    let mut checkpoints: Vec<String> = Vec::new();
    std::thread::scope(|scope| {
        let senders: Vec<_> = forgers
            .iter()
            .map(|forger| {
                scope.spawn(|| {
                    let (mut receipts, mut counter, mut prev) = (Vec::new(), 1, String::new());
                    while !stop.load(Ordering::Relaxed) {
                        // Whatever goes wrong on the way is tried again: the bureau is down half of the time.
                        let Ok(log) = forger.log(counter, &prev) else { continue };
                        let seal = forger.seal(&log, counter);
                        while !stop.load(Ordering::Relaxed) {
                            let Ok((200, answer)) = forger.send(counter, &log.bytes(), &seal) else {
                                std::thread::sleep(Duration::from_millis(20));
                                continue;
                            };
                            let receipt = answer["receipt"].as_str().expect("an answer without a receipt").to_owned();
                            let index = receipt.lines().nth(1).unwrap()["index ".len()..].parse().unwrap();
                            receipts.push((forger.me.device.clone(), counter, index, receipt));
                            answered.fetch_add(1, Ordering::Relaxed);
                            prev = seal_id(&seal);
                            counter += 1;
                            break;
                        }
                    }
                    receipts
                })
            })
            .collect();
        let mut dice: u64 = 0x9E37_79B9_7F4A_7C15;
        for _ in 0..kills {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            std::thread::sleep(Duration::from_millis(dice % 400));
            bureau.kill_and_restart(story::DOMAIN).unwrap();
            checkpoints.extend(std::fs::read_to_string(bureau.data.join("log/checkpoint")).ok());
        }
        // The last life is long enough for everybody to be answered once.
        let before = answered.load(Ordering::Relaxed);
        for _ in 0..400 {
            if answered.load(Ordering::Relaxed) >= before + 3 {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        stop.store(true, Ordering::Relaxed);
        seen = senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect();
    });
    let sealed = sealed(&bureau);
    assert!(!seen.is_empty(), "nothing was ever answered");
    for (device, counter, index, receipt) in &seen {
        assert_eq!(sealed.get(&(device.clone(), *counter)), Some(index), "what was answered is missing");
        checkpoints.push(receipt[receipt.find("\n\n").unwrap() + 2..].to_owned());
    }
    // Every checkpoint that was ever shown is a prefix of the log as it is now: fsck has the root of each size.
    let db = rusqlite::Connection::open(bureau.data.join("muster.sqlite")).unwrap();
    for note in &checkpoints {
        let (size, root) = (note.lines().nth(1).unwrap(), note.lines().nth(2).unwrap());
        let kept: Option<String> =
            db.query_row("SELECT note FROM cosigned WHERE size = ?", [size.parse::<i64>().unwrap()], |r| r.get(0)).ok();
        if let Some(kept) = kept {
            assert_eq!(kept.lines().nth(2), Some(root), "two checkpoints of {size} entries");
        }
    }
    let checked = bureau.cli(&["log", "fsck"]).unwrap();
    eprintln!("{kills} kills, {} sessions answered; {}", seen.len(), checked.trim());
    std::fs::remove_dir_all(dir).unwrap();
}
