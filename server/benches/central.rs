//! Additions to the central log, from the leaf to the published and settled checkpoint that covers it: how many a second
//! and how long each waits, by so many callers at once (`size`). Rounds of publishing are shared by all who wait.
//!
//! The peer is what a bureau would keep instead of a log: one row in a bare SQLite, committed with the same pragmas by the
//! same number of callers. Both take turns in one run. Not measured: HTTP, and outside witnesses.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

#[path = "../../benches/table.rs"]
mod table;

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use muster_seal::central::{DocumentLeaf, Leaf};
use muster_server::central;
use muster_server::store::{Store, checkpoints};
use rusqlite::Connection;
use table::{Row, percentile, publish};

const CALLS: usize = 256;
const ROUNDS: usize = 4;

fn main() -> Result<()> {
    let mut rows = Vec::new();
    for callers in [1, 8, 32] {
        rows.extend(case(callers)?);
    }
    Ok(publish("central", &rows)?)
}

/// How long it took in all, and each addition alone.
type Run = (Duration, Vec<Duration>);

fn case(callers: usize) -> Result<Vec<Row>> {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let store = Store::open(&dir.path().join("bureau"), Some("muster.example"))?;
    let conn = Connection::open(dir.path().join("bare.sqlite"))?;
    for (name, value) in [("journal_mode", "WAL"), ("synchronous", "FULL")] {
        conn.pragma_update(None, name, value)?;
    }
    conn.execute_batch("CREATE TABLE leaf (idx INTEGER PRIMARY KEY, line BLOB)")?;
    let conn = Mutex::new(conn);

    let line = |n: usize| {
        let (what, name) = ("claims".to_owned(), n.to_string());
        Leaf::Document(DocumentLeaf { what, name, sha256: "ab".repeat(32), at: "2026-03-02".to_owned() }).line()
    };
    let ours = |n: usize| -> Result<()> {
        store.write(|tx| checkpoints::append(tx, &[line(n)]))?;
        Ok(central::settle(&store)?)
    };
    let bare = |n: usize| -> Result<()> {
        let conn = conn.lock().map_err(|_| anyhow!("a caller panicked"))?;
        conn.execute("INSERT INTO leaf (line) VALUES (?)", [line(n)]).context("the peer")?;
        Ok(())
    };
    let contenders: [&(dyn Fn(usize) -> Result<()> + Sync); 2] = [&ours, &bare];
    let mut runs: [Run; 2] = Default::default();
    for round in 0..ROUNDS {
        for turn in 0..2 {
            let who = (round + turn) % 2;
            let start = Instant::now();
            let times = all_at_once(callers, contenders[who])?;
            runs[who].0 += start.elapsed();
            runs[who].1.extend(times);
        }
    }
    let row = |what: &str, unit, of: &dyn Fn(&Run) -> f64| Row {
        name: what.to_owned(),
        size: callers,
        ours: of(&runs[0]),
        peers: vec![("sqlite", of(&runs[1]))],
        unit,
    };
    Ok(vec![
        row("additions", "leaves/s", &|(wall, times)| times.len() as f64 / wall.as_secs_f64()),
        row("additions, p50", "us", &|(_, times)| percentile(times, 50)),
        row("additions, p99", "us", &|(_, times)| percentile(times, 99)),
    ])
}

fn all_at_once(callers: usize, take: &(dyn Fn(usize) -> Result<()> + Sync)) -> Result<Vec<Duration>> {
    thread::scope(|scope| {
        let work = move || -> Result<Vec<Duration>> {
            (0..CALLS / callers)
                .map(|n| {
                    let start = Instant::now();
                    take(n).map(|()| start.elapsed())
                })
                .collect()
        };
        let threads: Vec<_> = (0..callers).map(|_| scope.spawn(work)).collect();
        let done = threads.into_iter().map(|t| t.join().map_err(|_| anyhow!("a caller panicked"))?);
        Ok(done.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    })
}
