//! Many bundles: every core at work, one file each in memory, and of each bundle only what the report and the checks across
//! bundles need.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};

use crate::cap::{self, Lessons};
use crate::mirror::Mirror;
use crate::report::{Facts, Report, Verdict};
use crate::trust::Trust;
use crate::verify::{Place, chain, verify};

/// The longest bundle read, in bytes. A session of a whole day is below 2 MiB.
pub const MAX_BUNDLE: u64 = 64 * 1024 * 1024;

/// What to check beyond each bundle by itself, and what to call wide.
#[derive(Debug, Default)]
pub struct Options {
    /// Only some of a device's sessions were given: gaps between them are allowed.
    pub sample: bool,
    /// A bracket wider than so many seconds is marked.
    pub wide_s: u64,
    /// A copy of the central log, to see by that no leaf about a device was left out.
    pub mirror: Option<Mirror>,
}

/// What remains of a bundle that holds.
struct Kept {
    facts: Facts,
    place: Place,
    lessons: Lessons,
}

/// A bundle's outcome: kept, or why not. An `Err` in the outer place: it could not be told.
type Outcome = Result<Result<Kept, String>, String>;

/// Verifies the files, each by itself and then together. One report for each, in their order.
pub fn run(files: &[PathBuf], trust: &Trust, options: &Options) -> Vec<Report> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Outcome>>> = Mutex::new(files.iter().map(|_| None).collect());
    let progress = Progress::new(files.len());
    let work = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(i) else { return };
            let outcome = one(file, trust, options);
            // A panic in another thread ends the whole through `scope`; what it held is a list of finished outcomes.
            done.lock().unwrap_or_else(|broken| broken.into_inner())[i] = Some(outcome);
            progress.step();
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from).min(files.len()) {
            scope.spawn(work);
        }
    });
    progress.end();
    let done = done.into_inner().unwrap_or_else(|broken| broken.into_inner());
    together(files, done.into_iter().flatten().collect(), options)
}

fn one(file: &Path, trust: &Trust, options: &Options) -> Outcome {
    let bytes = read(file).map_err(|e| format!("{e:#}"))?;
    let held = match verify(&bytes, trust) {
        Ok(held) => held,
        Err(defect) => return Ok(Err(defect.to_string())),
    };
    if let Some(mirror) = &options.mirror
        && let Err(defect) = mirror.holds(&held)
    {
        return Ok(Err(defect.to_string()));
    }
    let facts = Facts::of(&held, options.wide_s, options.mirror.as_ref().map(Mirror::size));
    Ok(Ok(Kept { facts, place: held.place(), lessons: Lessons::of(&held) }))
}

/// A whole file of at most [`MAX_BUNDLE`] bytes.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>> {
    let name = || format!("cannot read {}", file.display());
    let mut bytes = Vec::new();
    File::open(file).and_then(|f| f.take(MAX_BUNDLE + 1).read_to_end(&mut bytes)).with_context(name)?;
    ensure!(bytes.len() as u64 <= MAX_BUNDLE, "{} is longer than {MAX_BUNDLE} bytes: no bundle is", file.display());
    Ok(bytes)
}

/// Those that hold by themselves must hold together; then the daily cap is held over those that do.
fn together(files: &[PathBuf], mut outcomes: Vec<Outcome>, options: &Options) -> Vec<Report> {
    let whole: Vec<usize> = (0..outcomes.len()).filter(|i| matches!(outcomes[*i], Ok(Ok(_)))).collect();
    let kept = |i: &usize| outcomes[*i].as_ref().ok()?.as_ref().ok();
    let places: Vec<Place> = whole.iter().filter_map(kept).map(|kept| kept.place.clone()).collect();
    for (place, defect) in chain(&places, options.sample) {
        outcomes[whole[place]] = Ok(Err(defect.to_string()));
    }
    let mut counted: Vec<(&Lessons, &mut Facts)> = outcomes
        .iter_mut()
        .filter_map(|outcome| outcome.as_mut().ok()?.as_mut().ok())
        .map(|kept| (&kept.lessons, &mut kept.facts))
        .collect();
    cap::hold(&mut counted);
    let reports = files.iter().zip(outcomes).map(|(file, outcome)| Report {
        file: file.display().to_string(),
        verdict: match outcome {
            Ok(Ok(kept)) => Verdict::Holds(Box::new(kept.facts)),
            Ok(Err(defect)) => Verdict::Fails(defect),
            Err(why) => Verdict::Unreadable(why),
        },
    });
    reports.collect()
}

/// The bundles under what was given: files as they are, of a folder every `*.tar` in it.
///
/// # Errors
/// A folder that cannot be read, or nothing at all to check.
pub fn files(given: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in given {
        if path.is_dir() {
            let name = || format!("cannot read {}", path.display());
            for entry in std::fs::read_dir(path).with_context(name)? {
                let path = entry.with_context(name)?.path();
                if path.extension().is_some_and(|e| e == "tar") {
                    files.push(path);
                }
            }
        } else {
            files.push(path.clone());
        }
    }
    ensure!(!files.is_empty(), "there is no bundle (*.tar) here");
    files.sort();
    Ok(files)
}

/// A bar on the terminal, where there is one.
struct Progress {
    all: usize,
    done: AtomicUsize,
    shown: bool,
}

impl Progress {
    fn new(all: usize) -> Self {
        Self { all, done: AtomicUsize::new(0), shown: all > 1 && io::stderr().is_terminal() }
    }

    fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        // A hundred steps are enough to see it move.
        if self.shown && (done == self.all || done.is_multiple_of(self.all.div_ceil(100))) {
            let full = done * 40 / self.all;
            let bar = format!("\r[{}{}] {done}/{}", "#".repeat(full), " ".repeat(40 - full), self.all);
            let _ = io::stderr().lock().write_all(bar.as_bytes());
        }
    }

    fn end(&self) {
        if self.shown {
            let _ = io::stderr().lock().write_all(b"\n");
        }
    }
}
