//! One reconciliation: evidence, claimed cells, rules, money, bands, stored as one run.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use muster_hours::policy::Policy;
use muster_seal::central::{DocumentLeaf, Leaf};
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::again::Kept;
use super::cluster::{self, Cluster};
use super::engine::{Count, Engine, Hit};
use super::header::{Rule, RuleError};
use super::run::{ReconcileError, Report, Run};
use super::{judge, nulls, tables};
use crate::central::{self, sequencer};
use crate::evidence::build;
use crate::evidence::claimed::load::Loader;
use crate::evidence::claimed::{self, Asked, Class, Facts, Permit, Planned, Shape, Shut, Standing};
use crate::evidence::gather;
use crate::evidence::place::Place;
use crate::evidence::sheet::Sheet;
use crate::evidence::tables::{ALL, CLAIMED_CELLS, CLAIMS, NULLS, Row, Table, int, text};
use crate::evidence::{Built, brackets, compact, imported, journeys};
use crate::store::{Store, StoreError, checkpoints, findings, parts, put_setting, setting};

/// Who is told how far a run has come: the step, what is done of it, and all of it.
pub type Progress = &'static (dyn Fn(&str, usize, usize) + Sync);

/// How a run is made, where not as usual.
#[derive(Debug, Clone, Default)]
pub struct How {
    /// A folder that does not exist yet: every table of the run is left there as Parquet, with `tables.json`, for other engines.
    pub tables: Option<PathBuf>,
    /// The cluster that runs the rules, `df://host:port`, instead of this process.
    pub engine: Option<String>,
    /// What a process that lives on keeps for its next run.
    pub kept: Kept,
}

/// Imported tables, by name.
pub(super) type Imports = BTreeMap<&'static str, Vec<Row>>;

/// What the bureau imported and what the store knows, all of one moment.
pub(super) struct Imported {
    /// What the store knows, by table.
    pub rows: BTreeMap<&'static str, Vec<Row>>,
    /// What was imported as it is.
    pub imports: Arc<Imports>,
    /// The policy of each class.
    pub policies: BTreeMap<String, Policy>,
    /// The central log's size.
    pub log_size: u64,
}

impl Imported {
    pub fn table(&self, name: &str) -> &[Row] {
        self.rows.get(name).or_else(|| self.imports.get(name)).map_or(&[], Vec::as_slice)
    }
}

/// A rule set that was not in force before leaves its hash in the central log.
fn in_force(store: &Store, sha256: &str, at: &str) -> Result<(), StoreError> {
    let known = store.read(|conn| setting::<String>(conn, "rules_in_force"))?;
    if known.as_deref() == Some(sha256) {
        return Ok(());
    }
    store.write(|tx| {
        let (what, name) = ("rules".to_owned(), sha256[..12].to_owned());
        let leaf = DocumentLeaf { what, name, sha256: sha256.to_owned(), at: at.to_owned() };
        checkpoints::append(tx, &[Leaf::Document(leaf).line()])?;
        put_setting(tx, "rules_in_force", sha256.as_bytes())
    })?;
    match central::settle(store) {
        Err(StoreError::NoQuorum(why)) => {
            tracing::warn!(%why, "the rule set's leaf waits for the witnesses");
            Ok(())
        }
        settled => settled,
    }
}

/// Reconciles everything: writes missing evidence, runs the rules, stores the run. Gives its report.
///
/// # Errors
/// [`ReconcileError`]; the run before it stands.
pub async fn reconcile(
    store: &Store,
    data_dir: &Path,
    now: &str,
    progress: Progress,
    how: &How,
) -> Result<Report, ReconcileError> {
    if let Some(url) = &how.engine {
        cluster::check(url).await?;
    }
    let (worker, dir, at) = (store.clone(), data_dir.to_owned(), now.to_owned());
    let here = how.engine.is_none();
    let built = tokio::task::spawn_blocking(move || {
        let alone = alone(&worker)?;
        begin(&worker, Some(&at))?;
        let mut steps = Steps::begin();
        let built = build::build(&worker, &|done, all| progress("evidence", done, all))?;
        steps.done("evidence");
        compact::compact(&worker, compact::FEW)?;
        steps.done("compact");
        brackets::settle(&worker)?;
        let set = super::load(&dir);
        in_force(&worker, &set.sha256, &at)?;
        steps.done("brackets");
        let mut prepared = prepare(&worker, &at, None, None)?;
        steps.done("prepare");
        if here {
            prepared.gathered = gather::gather(&prepared.place, &prepared.files, RUNS)?;
            steps.done("gather");
        }
        Ok::<_, ReconcileError>((alone, built, set, prepared))
    });
    let (alone, built, set, prepared) = built.await.map_err(|_| ReconcileError::Worker)??;

    let engine = Engine::over(&prepared.place, &prepared.gathered, |table| prepared.imported.table(table.name))?;
    let cluster = match &how.engine {
        Some(url) => Some(Cluster::begin(url, store, &prepared.place).await?),
        None => None,
    };
    let (found, mut refused, untestable) = run_rules(&engine, cluster, &prepared.files, set.rules, progress).await?;
    refused.extend(set.refused);
    if let Some(folder) = &how.tables {
        tables::write(&engine, &prepared.files, folder).await?;
    }
    let run = Run {
        run: 0,
        at: now.to_owned(),
        rules_sha256: set.sha256,
        log_size: prepared.imported.log_size,
        refused: refused.iter().map(ToString::to_string).chain(built.refused).collect(),
        untestable,
    };
    let worker = store.clone();
    let stored = tokio::task::spawn_blocking(move || {
        let mut steps = Steps::begin();
        let report = judge::judge(run, &prepared.imported, &prepared.shapes, &prepared.standing, &found);
        prepared.clean()?;
        steps.done("judge");
        let stored = findings::put(&worker, report, &findings::Scope::Whole)?;
        begin(&worker, None)?;
        steps.done("store");
        drop(alone);
        Ok::<_, StoreError>(stored)
    });
    Ok(stored.await.map_err(|_| ReconcileError::Worker)??)
}

/// The setting that says that evidence was made which no run has judged yet.
const BEGUN: &str = "evidence_unjudged";

/// Was evidence made that no run has judged, by a run that was killed or by `evidence rebuild`?
pub(super) fn unjudged(store: &Store) -> Result<bool, StoreError> {
    Ok(store.read(|conn| setting::<String>(conn, BEGUN))?.is_some_and(|begun| !begun.is_empty()))
}

/// Says that evidence is made now, or, with `None`, that all of it is judged.
pub(super) fn begin(store: &Store, at: Option<&str>) -> Result<(), StoreError> {
    store.write(|tx| put_setting(tx, BEGUN, at.unwrap_or_default().as_bytes()))
}

/// Makes all evidence anew; what it says is judged by the next run, which looks at everything.
///
/// # Errors
/// [`StoreError`].
pub fn rebuild(store: &Store, now: &str, progress: build::Progress<'_>) -> Result<Built, StoreError> {
    let _alone = alone(store)?;
    begin(store, Some(now))?;
    crate::evidence::rebuild(store, progress)
}

/// The folder for what runs make for themselves: there is one run at a time.
pub(super) const RUNS: &str = "muster-run";

/// One reconciliation at a time, in whatever program; and what one that was killed left behind is removed.
pub(super) fn alone(store: &Store) -> Result<File, StoreError> {
    let lock = sequencer::lock(store.dir(), "reconcile.lock")?;
    Place::of(store)?.clear(RUNS)?;
    Ok(lock)
}

/// All that rules are run over.
pub(super) struct Prepared {
    pub place: Place,
    pub imported: Imported,
    /// The files of each table.
    pub files: BTreeMap<String, Vec<String>>,
    /// The same rows in fewer files, where that was made.
    gathered: BTreeMap<String, Vec<String>>,
    /// One for each claim: the shape of each claimed hour.
    pub shapes: Vec<Vec<Shape>>,
    /// One for each claim.
    pub standing: Vec<Standing>,
    facts: Facts,
    marks: Vec<claimed::Marks>,
}

impl Drop for Prepared {
    /// A run that failed leaves nothing behind, either; what a killed one left the next removes.
    fn drop(&mut self) {
        let _ = self.place.clear(RUNS);
    }
}

impl Prepared {
    /// Removes the files that the run made for itself.
    pub fn clean(&self) -> Result<(), StoreError> {
        self.place.clear(RUNS)
    }

    /// The number that a lesson has among the hours of a claim; `None` when none of them is of it.
    pub fn cell(&self, class: &str, trainee: &str, lesson: &str) -> Option<i64> {
        let c = self.facts.classes.binary_search_by(|c| c.class.as_str().cmp(class)).ok()?;
        let class = &self.facts.classes[c];
        let (row, column) = (class.trainee(trainee)?, class.lesson(lesson)?);
        let n = claimed::order(class.row(&self.marks[c], row)).iter().position(|i| *i == column)? as i64 + 1;
        (n <= class.asked[row].hours).then_some(n)
    }
}

/// Reads what rules are run over: of all classes, or of some.
pub(super) fn prepare(
    store: &Store,
    now: &str,
    only: Option<&BTreeSet<String>>,
    imports: Option<Arc<Imports>>,
) -> Result<Prepared, ReconcileError> {
    let mut imported = read(store, now, only, imports)?;
    let place = Place::of(store)?;
    let parts = store.read(|conn| in_force_for(conn, only))?;
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for part in &parts {
        for table in part.tables.keys() {
            files.entry(table.clone()).or_default().push(place.url(&part.key(table)));
        }
    }
    let facts = logged(&place, &parts, &imported)?;
    let marks = claimed::decide(&facts);
    let (mut shapes, mut standing) = (Vec::new(), Vec::new());
    for (class, marks) in facts.classes.iter().zip(&marks) {
        for (row, asked) in class.asked.iter().enumerate() {
            let mine = class.row(marks, row);
            let order = claimed::order(mine);
            let hours = usize::try_from(asked.hours).unwrap_or(0);
            shapes.push((0..hours).map(|n| order.get(n).map_or(Shape::Beyond, |i| mine[*i].shape)).collect());
            standing.push(claimed::standing(mine));
        }
    }
    let own = write_cells(&place, &facts, &marks)?;
    files.insert(CLAIMED_CELLS.name.to_owned(), own.iter().map(|key| place.url(key)).collect());
    if let Some(claims) = imported.rows.get_mut(CLAIMS.name) {
        stand(claims, &standing);
    }
    Ok(Prepared { place, imported, gathered: files.clone(), files, shapes, standing, facts, marks })
}

/// The evidence of some classes, or all that is in force.
fn in_force_for(conn: &Connection, only: Option<&BTreeSet<String>>) -> Result<Vec<parts::Part>, StoreError> {
    let Some(classes) = only else { return parts::all(conn) };
    let mut some: BTreeMap<String, parts::Part> = BTreeMap::new();
    for class in classes {
        some.extend(parts::of_class(conn, class)?.into_iter().map(|part| (part.part.clone(), part)));
    }
    Ok(some.into_values().collect())
}

/// The classes that are claimed for, with what logs say of them.
fn logged(place: &Place, parts: &[parts::Part], imported: &Imported) -> Result<Facts, StoreError> {
    let mut facts = facts(imported);
    let mut sessions = Vec::new();
    for part in parts.iter().filter(|part| part.tables.contains_key("sessions")) {
        sessions.extend(compact::read(place, &part.key("sessions"), &claimed::load::SESSIONS)?);
    }
    let mut loader = Loader::new(&mut facts, &sessions)?;
    for part in parts.iter().filter(|part| part.tables.contains_key("lessons")) {
        for batch in compact::read(place, &part.key("lessons"), &claimed::load::LESSONS)? {
            loader.lessons(&batch)?;
        }
    }
    Ok(facts)
}

/// What cells are decided from, of some classes: imports as they are now, and the evidence in force.
pub(super) fn facts_of(store: &Store, classes: &BTreeSet<String>) -> Result<Facts, StoreError> {
    let place = Place::of(store)?;
    store.read(|conn| {
        let tx = conn.unchecked_transaction()?;
        let rows = imported::claimed(&tx, classes)?;
        let imported = Imported { rows, imports: Arc::default(), policies: policies(&tx)?, log_size: 0 };
        logged(&place, &in_force_for(&tx, Some(classes))?, &imported)
    })
}

/// So many rows of claimed cells are held before they are written.
const ROWS: usize = 1 << 20;

/// Writes the cells, half of the classes by each of two threads. Gives the files.
fn write_cells(place: &Place, facts: &Facts, marks: &[claimed::Marks]) -> Result<Vec<String>, ReconcileError> {
    let run = hex::encode(crate::store::random::<8>()?);
    let half = |which: usize| -> Result<Vec<String>, StoreError> {
        let (mut keys, mut sheet) = (Vec::new(), Sheet::new(&CLAIMED_CELLS));
        let middle = facts.classes.len() / 2;
        let mine = if which == 0 { 0..middle } else { middle..facts.classes.len() };
        let mut flush = |sheet: &mut Sheet| -> Result<(), StoreError> {
            let batch = sheet.batch().map_err(|_| StoreError::Corrupt("claimed cells that do not fit their table"))?;
            let key = format!("{RUNS}/{run}/claimed_cells-{which}-{}.parquet", keys.len());
            place.put_unsynced(&key, build::parquet(&batch)?)?;
            keys.push(key);
            Ok(())
        };
        for i in mine {
            claimed::sheet::rows(facts, &facts.classes[i], &marks[i], &mut sheet);
            if sheet.rows() >= ROWS {
                flush(&mut sheet)?;
            }
        }
        if sheet.rows() > 0 {
            flush(&mut sheet)?;
        }
        Ok(keys)
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let mut keys = half(0)?;
        keys.extend(other.join().map_err(|_| ReconcileError::Worker)??);
        Ok(keys)
    })
}

/// Rules with what they found, those that were refused, and why others could not be tested.
type Found = (Vec<(Rule, Vec<Hit>)>, Vec<RuleError>, BTreeMap<String, Vec<String>>);

async fn run_rules(
    engine: &Engine,
    mut cluster: Option<Cluster>,
    files: &BTreeMap<String, Vec<String>>,
    rules: Vec<Rule>,
    progress: Progress,
) -> Result<Found, ReconcileError> {
    let mut steps = Steps::begin();
    journeys::put(engine).await?;
    steps.done("journeys");
    if let Some(cluster) = &mut cluster {
        cluster.tell(engine, files, ALL.into_iter().filter(|table| table.name != NULLS.name)).await?;
        steps.done("shares");
    }
    let runner = Runner { engine: engine.clone(), cluster: cluster.map(Arc::new) };
    let (mut refused, mut found, mut untestable) = (Vec::new(), Vec::new(), BTreeMap::new());
    let counting: Vec<Rule> = rules.iter().filter(|rule| rule.counts.is_some()).cloned().collect();
    let counted = side_by_side(runner.at_once(), counting, |rule| {
        let runner = runner.clone();
        async move {
            let begun = Instant::now();
            let counted = runner.counts(&rule).await;
            tracing::debug!(rule = %rule.id, ms = begun.elapsed().as_millis() as u64, "counted");
            Ok::<_, ReconcileError>(counted?.map(|counted| (rule.id, counted)))
        }
    });
    let mut counts = Vec::new();
    for counted in counted.await? {
        match counted? {
            Ok(counted) => counts.push(counted),
            Err(error) => refused.push(error),
        }
    }
    steps.done("counts");
    nulls::put(engine, &counts)?;
    let runner = runner.with(&NULLS).await?;
    steps.done("nulls");
    let (all, done) = (rules.len(), Arc::new(AtomicUsize::new(0)));
    let ran = side_by_side(runner.at_once(), rules, |rule| {
        let (runner, done) = (runner.clone(), Arc::clone(&done));
        async move {
            let ran = run_rule(&runner, rule).await;
            progress("rules", done.fetch_add(1, Ordering::Relaxed) + 1, all);
            ran
        }
    });
    for ran in ran.await? {
        match ran? {
            Ran::Found(rule, hits) => found.push((rule, hits)),
            Ran::Untestable(rule, lacks) => drop(untestable.insert(rule.id, lacks)),
            Ran::Refused(error) => refused.push(error),
        }
    }
    steps.done("rules");
    Ok((found, refused, untestable))
}

/// Who runs rules: this process, or a cluster that has been told of the same tables.
#[derive(Clone)]
struct Runner {
    engine: Engine,
    cluster: Option<Arc<Cluster>>,
}

impl Runner {
    /// How many rules are run at once: a cluster has more hands than this machine.
    fn at_once(&self) -> usize {
        self.cluster.as_ref().map_or_else(build::workers, |cluster| cluster.shares.max(build::workers()))
    }

    /// With a table whose rows have changed.
    async fn with(mut self, table: &'static Table) -> Result<Self, ReconcileError> {
        if let Some(cluster) = self.cluster.take() {
            let mut cluster = Arc::try_unwrap(cluster).map_err(|_| ReconcileError::Worker)?;
            cluster.tell(&self.engine, &BTreeMap::new(), std::iter::once(table)).await?;
            self.cluster = Some(Arc::new(cluster));
        }
        Ok(self)
    }

    async fn run(&self, rule: &Rule) -> Result<Result<Vec<Hit>, RuleError>, ReconcileError> {
        match &self.cluster {
            Some(cluster) => cluster.run(rule).await,
            None => Ok(self.engine.run(rule).await),
        }
    }

    async fn counts(&self, rule: &Rule) -> Result<Result<Vec<Count>, RuleError>, ReconcileError> {
        match &self.cluster {
            Some(cluster) => cluster.counts(rule).await,
            None => Ok(self.engine.counts(rule).await),
        }
    }
}

/// What came of a rule.
enum Ran {
    Found(Rule, Vec<Hit>),
    /// These tables are empty.
    Untestable(Rule, Vec<String>),
    Refused(RuleError),
}

async fn run_rule(runner: &Runner, rule: Rule) -> Result<Ran, ReconcileError> {
    let mut lacks = Vec::new();
    for need in &rule.needs {
        if runner.engine.is_empty(need).await? {
            lacks.push(need.clone());
        }
    }
    if !lacks.is_empty() {
        return Ok(Ran::Untestable(rule, lacks));
    }
    let begun = Instant::now();
    Ok(match runner.run(&rule).await? {
        Ok(hits) => {
            tracing::debug!(rule = %rule.id, hits = hits.len(), ms = begun.elapsed().as_millis() as u64, "ran");
            Ran::Found(rule, hits)
        }
        Err(error) => Ran::Refused(error),
    })
}

/// Does work for each rule, so many at once. Gives the outcomes in the rules' order.
pub(super) async fn side_by_side<T, W>(
    at_once: usize,
    rules: Vec<Rule>,
    work: impl Fn(Rule) -> W,
) -> Result<Vec<T>, ReconcileError>
where
    T: Send + 'static,
    W: Future<Output = T> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(at_once));
    let begin = |work: W| {
        let places = Arc::clone(&places);
        tokio::spawn(async move {
            let _place = places.acquire_owned().await;
            work.await
        })
    };
    let begun: Vec<_> = rules.into_iter().map(|rule| begin(work(rule))).collect();
    let mut out = Vec::with_capacity(begun.len());
    for one in begun {
        out.push(one.await.map_err(|_| ReconcileError::Worker)?);
    }
    Ok(out)
}

/// Says how long each step took, to whoever looks for what is slow.
pub(super) struct Steps(Instant);

impl Steps {
    pub fn begin() -> Self {
        Self(Instant::now())
    }

    /// What came since the step before was this.
    pub fn done(&mut self, step: &str) {
        tracing::debug!(step, ms = self.0.elapsed().as_millis() as u64, "step");
        self.0 = Instant::now();
    }
}

/// One read transaction, so that a file that is imported meanwhile is in all of it or in none.
fn read(
    store: &Store,
    now: &str,
    only: Option<&BTreeSet<String>>,
    imports: Option<Arc<Imports>>,
) -> Result<Imported, StoreError> {
    store.read(|conn| {
        let tx = conn.unchecked_transaction()?;
        Ok(Imported {
            rows: imported::of_store(&tx, now, only)?,
            imports: imports.map_or_else(|| Ok::<_, StoreError>(Arc::new(imported::imports(&tx)?)), Ok)?,
            policies: policies(&tx)?,
            log_size: checkpoints::head(&tx)?.map_or(0, |head| head.edge.size()),
        })
    })
}

/// The classes that are claimed for, with what was imported about them.
fn facts(imported: &Imported) -> Facts {
    let persons: HashMap<(&str, &str), &str> =
        imported.table("roster").iter().map(|row| ((text(row, 0), text(row, 1)), text(row, 2))).collect();
    let mut asked: BTreeMap<&str, Vec<Asked>> = BTreeMap::new();
    for claim in imported.table("claims") {
        let (class, trainee) = (text(claim, 0), text(claim, 1));
        asked.entry(class).or_default().push(Asked {
            trainee: trainee.to_owned(),
            person: persons.get(&(class, trainee)).map_or_else(|| format!("{class}/{trainee}"), |p| (*p).to_owned()),
            hours: int(claim, 4),
            cap: imported.policies.get(class).map_or(8, |p| p.daily_cap),
        });
    }
    let mut plans: HashMap<&str, Vec<Planned>> = HashMap::new();
    for row in imported.table("schedule") {
        plans.entry(text(row, 0)).or_default().push(Planned {
            session: text(row, 1).to_owned(),
            lesson: text(row, 2).to_owned(),
            region: text(row, 4).to_owned(),
            day: int(row, 5),
            start: int(row, 6),
            end: int(row, 7),
        });
    }
    let mut classes: Vec<Class> = asked
        .into_iter()
        .map(|(class, asked)| Class::new(class, plans.remove(class).unwrap_or_default(), asked))
        .collect();
    for permit in imported.table("permits") {
        let why = match text(permit, 0) {
            "swap" => "swapped",
            "move" => "moved",
            _ => continue,
        };
        let class = text(permit, 1);
        if let Ok(c) = classes.binary_search_by(|c| c.class.as_str().cmp(class)) {
            classes[c].permits.push(Permit {
                why,
                trainee: text(permit, 2).to_owned(),
                lesson: text(permit, 3).to_owned(),
                from: int(permit, 6),
                to: int(permit, 7),
            });
        }
    }
    let shut = |row: &Row| Shut {
        region: text(row, 0).to_owned(),
        from: int(row, 1),
        to: int(row, 2),
        why: text(row, 5).to_owned(),
    };
    Facts { classes, shut: imported.table("calendar").iter().map(shut).collect(), ..Facts::default() }
}

/// The policy of each class.
fn policies(conn: &Connection) -> Result<BTreeMap<String, Policy>, StoreError> {
    let mut get = conn.prepare("SELECT class, document FROM class c JOIN policy p ON p.version = c.policy")?;
    let rows = get.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut policies = BTreeMap::new();
    for row in rows {
        let (class, document) = row?;
        policies.insert(class, serde_json::from_str(&document).map_err(|_| StoreError::Corrupt("a policy"))?);
    }
    Ok(policies)
}

/// Writes into `claims` what stands of each.
fn stand(claims: &mut [Row], standing: &[Standing]) {
    let at = |name: &str| CLAIMS.columns.iter().position(|(column, _)| *column == name).unwrap_or(usize::MAX);
    let places = [at("planned"), at("attested"), at("unproven")];
    for (row, standing) in claims.iter_mut().zip(standing) {
        for (place, value) in places.iter().zip([standing.planned, standing.attested, standing.unproven]) {
            if let Some(cell) = row.get_mut(*place) {
                *cell = value.into();
            }
        }
    }
}

/// Tells nobody how far a run has come.
pub fn quiet(_step: &str, _done: usize, _all: usize) {}
