//! Looking again at what new logs can have changed, and at nothing else.
//!
//! A log changes the cells of its class, and of the other classes of its trainees: one person is in one place, and has one day.
//! For these classes evidence is read whole, the rules that look no further than a class are run, and those that look at people
//! for the people of the classes whose logs came. What the others said is taken from the run before, its hours found again by their
//! lessons; and then these classes are judged as in a whole run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use muster_seal::central::Leaf;
use rusqlite::Connection;

use super::engine::{Engine, Hit};
use super::header::{Rule, Scope};
use super::reconcile::{self, How, Imports, Prepared, Progress, Steps};
use super::run::{ReconcileError, Report, Run};
use super::{RuleSet, judge};
use crate::evidence::tables::{Source, Table};
use crate::evidence::{brackets, build};
use crate::store::findings::{self, Stored};
use crate::store::{Store, StoreError, checkpoints};

/// Up to so many classes are looked at by themselves; more are looked at with all others.
pub const CLASSES: usize = 100;
/// After so long everything is looked at again, for the rules that compare widely.
const WHOLE_MS: i64 = 24 * 3600 * 1000;

/// What a process keeps between runs: what rules were planned as, and what was imported, neither of which changes without a run
/// that looks at everything.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<Option<Desk>>>);

struct Desk {
    /// The run that looked at everything.
    since: i64,
    engine: Engine,
    imports: Arc<Imports>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

impl Kept {
    fn with<T>(&self, work: impl FnOnce(&mut Option<Desk>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was imported, if that is known since this run.
    fn imports(&self, since: i64) -> Option<Arc<Imports>> {
        self.with(|desk| desk.as_ref().filter(|desk| desk.since == since).map(|desk| Arc::clone(&desk.imports)))
    }

    /// The engine that has planned rules and holds what was imported since this run. It is put back by whoever has done with it.
    fn take(&self, since: i64) -> Option<Engine> {
        self.with(|desk| desk.take().filter(|desk| desk.since == since).map(|desk| desk.engine))
    }
}

/// Reconciles what has changed since the last run; everything where that cannot be told apart, or the rules, a file or a
/// device's life did, as `how` says then. Gives the whole report, or `None` when nothing has changed.
///
/// # Errors
/// [`ReconcileError`]; the run before it stands.
pub async fn reconcile(
    store: &Store,
    data_dir: &Path,
    now: &str,
    progress: Progress,
    how: &How,
) -> Result<Option<Run>, ReconcileError> {
    let whole = async || Ok(Some(reconcile::reconcile(store, data_dir, now, progress, how).await?.run));
    match new(store, data_dir, now, &how.kept).await {
        Ok(New::None) => Ok(None),
        Ok(New::Run(run)) => Ok(Some(run)),
        Ok(New::Whole) => whole().await,
        // A file of evidence that is gone is made anew, and a rule that cannot be run is named, by a run that looks at everything.
        Err(error) => {
            tracing::warn!(%error, "what is new could not be looked at by itself");
            whole().await
        }
    }
}

/// What came of a look at what is new.
enum New {
    None,
    Run(Run),
    /// Everything must be looked at.
    Whole,
}

async fn new(store: &Store, data_dir: &Path, now: &str, kept: &Kept) -> Result<New, ReconcileError> {
    let (worker, dir, at, imports) = (store.clone(), data_dir.to_owned(), now.to_owned(), kept.clone());
    let work = tokio::task::spawn_blocking(move || some(&worker, &dir, &at, &imports));
    match work.await.map_err(|_| ReconcileError::Worker)?? {
        Work::None => Ok(New::None),
        Work::Whole => Ok(New::Whole),
        Work::Some(some) => Ok(look(store, *some, now, kept).await?.map_or(New::Whole, |report| New::Run(report.run))),
    }
}

enum Work {
    None,
    Whole,
    Some(Box<Looked>),
}

/// Classes to look at again.
struct Looked {
    /// The last run that looked at everything.
    since: i64,
    set: RuleSet,
    refused: Vec<String>,
    untestable: BTreeMap<String, Vec<String>>,
    /// All that are judged.
    classes: BTreeSet<String>,
    /// Class and trainee of the people of the classes whose logs came, in all their classes.
    people: BTreeSet<(String, String)>,
    before: Vec<Stored>,
    prepared: Prepared,
    alone: File,
}

fn some(store: &Store, data_dir: &Path, now: &str, kept: &Kept) -> Result<Work, ReconcileError> {
    let Some(last) = store.read(last_whole)? else { return Ok(Work::Whole) };
    let set = super::load(data_dir);
    let old = muster_hours::schedule::time_ms(now).zip(muster_hours::schedule::time_ms(&last.at));
    if set.sha256 != last.rules_sha256
        || old.is_none_or(|(now, at)| now - at >= WHOLE_MS)
        || store.read(|conn| other_leaves(conn, last.log_size))?
    {
        return Ok(Work::Whole);
    }
    let mut steps = Steps::begin();
    let alone = reconcile::alone(store)?;
    if reconcile::unjudged(store)? {
        return Ok(Work::Whole);
    }
    reconcile::begin(store, Some(now))?;
    let built = build::build_new(store, &|_, _| {})?;
    if built.classes.is_empty() {
        reconcile::begin(store, None)?;
        return Ok(Work::None);
    }
    steps.done("evidence");
    brackets::settle(store)?;
    steps.done("brackets");
    let (classes, people) = store.read(|conn| neighbours(conn, &built.classes))?;
    if classes.len() > CLASSES {
        return Ok(Work::Whole);
    }
    let before = store.read(|conn| findings::stored(conn, &classes))?;
    let prepared = reconcile::prepare(store, now, Some(&classes), kept.imports(last.run))?;
    steps.done("prepare");
    let refused = last.refused.into_iter().chain(built.refused).collect();
    let (since, untestable) = (last.run, last.untestable);
    Ok(Work::Some(Box::new(Looked { since, set, refused, untestable, classes, people, before, prepared, alone })))
}

/// The newest run that looked at everything.
fn last_whole(conn: &Connection) -> Result<Option<Run>, StoreError> {
    match conn.query_row("SELECT max(run) FROM run WHERE whole = 1", [], |r| r.get::<_, Option<i64>>(0))? {
        Some(run) => findings::run(conn, run),
        None => Ok(None),
    }
}

/// Did anything come into the central log since then that is no seal, contact or decision? An import, another rule set or a
/// device's life can change anything.
fn other_leaves(conn: &Connection, since: u64) -> Result<bool, StoreError> {
    let size = checkpoints::head(conn)?.map_or(0, |head| head.edge.size());
    let quiet =
        |line: &Vec<u8>| matches!(Leaf::parse(line), Ok(Leaf::Seal(_) | Leaf::Contact(_) | Leaf::Disposition(_)));
    Ok(!checkpoints::leaves(conn, since, size)?.iter().all(quiet))
}

/// The classes of all trainees of some classes, and these trainees in each of them.
pub(super) type Neighbours = (BTreeSet<String>, BTreeSet<(String, String)>);

pub(super) fn neighbours(conn: &Connection, classes: &BTreeSet<String>) -> Result<Neighbours, StoreError> {
    let mut get = conn.prepare_cached(
        "SELECT o.class, o.id FROM roster r JOIN roster o ON o.person = r.person AND o.instructor = 0
         WHERE r.class = ? AND r.instructor = 0",
    )?;
    let (mut all, mut people) = (classes.clone(), BTreeSet::new());
    for class in classes {
        for row in get.query_map([class], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)))? {
            let (class, trainee) = row?;
            all.insert(class.clone());
            people.insert((class, trainee));
        }
    }
    Ok((all, people))
}

async fn look(store: &Store, some: Looked, now: &str, kept_here: &Kept) -> Result<Option<Report>, ReconcileError> {
    let Looked { since, set, refused, untestable, classes, people, before, prepared, alone } = some;
    let mut steps = Steps::begin();
    let has_imports = kept_here.take(since);
    let engine = match &has_imports {
        Some(engine) => engine.clone(),
        None => Engine::standing()?,
    };
    let rows = |table: &Table| match table.source {
        Source::Import if has_imports.is_some() => None,
        _ => Some(prepared.imported.table(table.name)),
    };
    engine.fill_of_classes(&prepared.place, &prepared.files, rows, &classes).await?;
    steps.done("read");
    let mut before = by_rule(before, &prepared);
    // What the whole could not run is not tried again by each log: its place in its file stands behind its id.
    let could_not = |rule: &Rule| refused.iter().any(|why| why.split(':').next() == Some(rule.id.as_str()));
    let rules = set.rules.into_iter().filter(|rule| !untestable.contains_key(&rule.id) && !could_not(rule));
    let (again, kept): (Vec<Rule>, Vec<Rule>) = rules.partition(|rule| rule.scope != Scope::Wide);
    let mut found: Vec<(Rule, Vec<Hit>)> = Vec::new();
    crate::evidence::journeys::put(&engine).await?;
    steps.done("journeys");
    let runs = reconcile::side_by_side(build::workers(), again, |rule| {
        let engine = engine.clone();
        async move { engine.run(&rule).await.map(|hits| (rule, hits)) }
    });
    for run in runs.await? {
        // A rule that ran over everything runs over a part of it; where it does not, the whole says why.
        let Ok((rule, mut hits)) = run else { return Ok(None) };
        if rule.scope == Scope::Person {
            let of = |hit: &Hit| people.contains(&(hit.class.clone(), hit.trainee.clone()));
            hits.retain(of);
            hits.extend(before.remove(&rule.id).unwrap_or_default().into_iter().filter(|hit| !of(hit)));
        }
        hits.retain(|hit| classes.contains(&hit.class));
        found.push((rule, hits));
    }
    for rule in kept {
        if let Some(hits) = before.remove(&rule.id) {
            found.push((rule, hits));
        }
    }
    // The rows are let go; what was planned is kept.
    engine.empty(|table| table.source != Source::Import)?;
    kept_here.with(|desk| *desk = Some(Desk { since, engine, imports: Arc::clone(&prepared.imported.imports) }));
    steps.done("rules");
    found.sort_by(|a, b| a.0.id.cmp(&b.0.id));
    let run = Run {
        run: 0,
        at: now.to_owned(),
        rules_sha256: set.sha256,
        log_size: prepared.imported.log_size,
        refused,
        untestable,
    };
    let worker = store.clone();
    let stored = tokio::task::spawn_blocking(move || {
        let judged = judge::judge(run, &prepared.imported, &prepared.shapes, &prepared.standing, &found);
        prepared.clean()?;
        let stored = findings::put(&worker, judged, &findings::Scope::Classes(classes))?;
        reconcile::begin(&worker, None)?;
        steps.done("store");
        drop(alone);
        Ok::<_, StoreError>(stored)
    });
    Ok(Some(stored.await.map_err(|_| ReconcileError::Worker)??))
}

/// What was found before, by rule, its hours by the numbers that their lessons have now.
fn by_rule(before: Vec<Stored>, prepared: &Prepared) -> BTreeMap<String, Vec<Hit>> {
    let mut by_rule: BTreeMap<String, Vec<Hit>> = BTreeMap::new();
    for stored in before {
        let hits = stored.hits.into_iter().filter_map(|mut hit| {
            if hit.cell > 0 && !hit.lesson.is_empty() {
                hit.cell = prepared.cell(&hit.class, &hit.trainee, &hit.lesson)?;
            }
            Some(hit)
        });
        by_rule.entry(stored.rule).or_default().extend(hits);
    }
    by_rule
}
