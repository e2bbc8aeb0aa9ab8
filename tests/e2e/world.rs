//! A made-up world is a real one to the server and the auditor, is the same twice, and its truth is what the logs say where
//! nobody lied.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use datafusion::arrow::array::{Array, BooleanArray, Int64Array, RecordBatch, StringArray};
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use muster_hours::count::Shape;
use muster_hours::schedule::Assignment;
use muster_server::rules::reconcile::How;
use muster_server::rules::{again, reconcile};
use muster_server::store::{Store, devices, sessions};
use muster_tests::bureau::{program, run};
use muster_tests::world::rates::Rates;
use muster_tests::world::{self, Spec, Truth, generate};

fn folder(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("muster-world-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    dir
}

/// A few classes, with frauds far more often than they are.
fn spec(seed: u64, classes: usize) -> Spec {
    let rate = |id: &str| match id {
        // Frauds of two classes are tried more often: the first class of a town has no other to pair with.
        "two-places" | "overlapping-claims" | "same-level-twice" => 0.25,
        _ => 0.03,
    };
    let often: String = world::frauds().iter().map(|id| format!("[{id}]\nclasses = {}\n", rate(id))).collect();
    let frauds = Rates::frauds(Some(&often)).unwrap();
    Spec { classes: Some(classes), frauds, ..Spec::new(0, seed).unwrap() }
}

/// The world that most tests look at; nobody changes it.
fn shared() -> (&'static Path, Truth) {
    static WORLD: OnceLock<(PathBuf, Truth)> = OnceLock::new();
    let (dir, truth) = WORLD.get_or_init(|| {
        let dir = folder("shared");
        let truth = generate(&spec(11, 8), &dir).unwrap();
        (dir, truth)
    });
    (dir, *truth)
}

/// All files below a folder, with their bytes.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut all, mut folders) = (BTreeMap::new(), vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => drop(all.insert(path.strip_prefix(dir).unwrap().to_owned(), fs::read(&path).unwrap())),
            }
        }
    }
    all
}

fn table(path: &Path) -> Vec<RecordBatch> {
    let file = fs::File::open(path).unwrap();
    ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap).collect()
}

fn text<'a>(batch: &'a RecordBatch, column: &str, row: usize) -> &'a str {
    let column: &StringArray = batch.column_by_name(column).unwrap().as_any().downcast_ref().unwrap();
    if column.is_null(row) { "" } else { column.value(row) }
}

fn flag(batch: &RecordBatch, column: &str, row: usize) -> bool {
    batch.column_by_name(column).unwrap().as_any().downcast_ref::<BooleanArray>().unwrap().value(row)
}

#[test]
fn the_same_seed_makes_the_same_bytes_and_another_does_not() {
    let [a, b, c] = [("a", 4), ("b", 4), ("c", 5)].map(|(name, seed)| {
        let dir = folder(name);
        generate(&spec(seed, 3), &dir).unwrap();
        let made = files(&dir);
        fs::remove_dir_all(dir).unwrap();
        made
    });
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (path, bytes) in &a {
        assert!(b[path] == *bytes, "{} differs", path.display());
    }
    assert_ne!(a[Path::new("truth/cells.parquet")], c[Path::new("truth/cells.parquet")]);
    assert_ne!(a[Path::new("data/log/checkpoint")], c[Path::new("data/log/checkpoint")]);
}

#[test]
fn fsck_finds_nothing_and_the_truth_is_what_the_logs_say_where_nobody_lied() {
    let (dir, truth) = shared();
    let store = Store::open(&dir.join("data"), None).unwrap();
    let checked = muster_server::central::fsck::check(&store).unwrap();
    assert_eq!(checked.wrong, Vec::<String>::new());
    assert_eq!(checked.logs, truth.sessions);

    // Counted again from the stored bytes alone.
    let mut counted: BTreeMap<(String, String, String), bool> = BTreeMap::new();
    let mut records = 0;
    for (device, counter) in store.read(sessions::finals).unwrap() {
        store
            .read(|conn| {
                let stored = sessions::session(conn, &device, counter)?.unwrap();
                let known = devices::device(conn, &device)?.unwrap();
                let domain: String = muster_server::store::setting(conn, "domain")?.unwrap();
                let origin = muster_seal::session::origin(&domain, &device, counter);
                let log = muster_seal::session::verify(&stored.log, &stored.seal, &origin, &known.life.signer(counter))
                    .unwrap();
                records += log.records().len() as u64;
                let document = sessions::assignment(conn, &stored.assignment)?.unwrap();
                let plan = Assignment::parse(document.as_bytes()).unwrap();
                for cell in muster_hours::count(&log, &plan).unwrap().cells {
                    let key = (plan.assignment.class.clone(), cell.trainee, cell.lesson);
                    counted.insert(key, cell.shape == Shape::Attested);
                }
                Ok::<_, muster_server::store::StoreError>(())
            })
            .unwrap();
    }
    assert_eq!(records, truth.records);
    let (mut attested, mut unproven, mut fabricated) = (0, 0, 0);
    for batch in table(&dir.join("truth/cells.parquet")) {
        for row in 0..batch.num_rows() {
            let key = ["class", "trainee", "lesson"].map(|c| text(&batch, c, row).to_owned());
            let [class, trainee, lesson] = key;
            let counts = counted.remove(&(class, trainee, lesson)).unwrap_or(false);
            assert_eq!(flag(&batch, "logged", row), counts);
            match text(&batch, "truth", row) {
                "attested" => attested += u64::from(counts),
                "unproven" => unproven += u64::from(!counts && !text(&batch, "cause", row).is_empty()),
                "fabricated" => fabricated += u64::from(world::frauds().contains(&text(&batch, "cause", row))),
                other => panic!("{other}"),
            }
        }
    }
    assert_eq!((attested, unproven, fabricated), (truth.attested, truth.unproven, truth.fabricated));
    assert!(attested > 5 * unproven && unproven > 0 && fabricated > 0);
    // What counts and is no cell of the truth is nobody's: nothing is claimed for these trainees.
    let claims = |class: &str, trainee: &str| {
        let sql = "SELECT count(*) FROM claim WHERE class = ? AND trainee = ?";
        let count = |conn: &rusqlite::Connection| {
            Ok::<_, muster_server::store::StoreError>(conn.query_row(sql, [class, trainee], |r| r.get::<_, i64>(0))?)
        };
        store.read(count).unwrap()
    };
    let counts = counted.iter().filter(|(_, counts)| **counts).map(|(cell, _)| cell);
    let claimed: Vec<_> = counts.filter(|(class, trainee, _)| claims(class, trainee) > 0).collect();
    assert!(claimed.is_empty(), "{claimed:?}");
}

#[test]
fn honest_classes_have_nothing_fabricated_and_events_are_the_logs_records() {
    let (dir, truth) = shared();
    let (mut honest, mut bad) = (0, 0);
    for batch in table(&dir.join("truth/classes.parquet")) {
        let fabricated: &Int64Array = batch.column_by_name("fabricated").unwrap().as_any().downcast_ref().unwrap();
        for row in 0..batch.num_rows() {
            assert_eq!(flag(&batch, "honest", row), text(&batch, "frauds", row).is_empty());
            if flag(&batch, "honest", row) {
                assert_eq!(fabricated.value(row), 0);
                honest += 1;
            } else {
                bad += 1;
            }
        }
    }
    assert_eq!((honest + bad, bad), (truth.classes, truth.bad_classes));
    assert!(honest > 0 && bad > 0);
    let events = table(&dir.join("raw/events-00000.parquet"));
    assert_eq!(events.iter().map(|b| b.num_rows() as u64).sum::<u64>(), truth.records);
}

#[test]
fn the_auditor_verifies_a_session_and_the_server_reconciles_and_imports_the_lists() {
    let (shared, _) = shared();
    let dir = folder("reconciled");
    fs::create_dir_all(&dir).unwrap();
    let data = dir.join("data");
    run(Command::new("cp").arg("-r").arg(shared.join("data")).arg(&data)).unwrap();
    let server =
        |args: &[&str]| run(Command::new(program("muster-server").unwrap()).args(args).arg("--data").arg(&data));
    fs::write(dir.join("trust.toml"), server(&["trust"]).unwrap()).unwrap();
    let store = Store::open(&data, None).unwrap();
    let finals = store.read(sessions::finals).unwrap();
    let (device, counter) = finals.iter().max_by_key(|(_, counter)| *counter).unwrap();
    let bundles = dir.join("bundles");
    let out = bundles.to_str().unwrap();
    server(&["bundle", "--out", out, "--device", device, "--counter", &counter.to_string()]).unwrap();
    let said = run(Command::new(program("muster-audit").unwrap())
        .args(["verify", "--sample", "--trust"])
        .arg(dir.join("trust.toml"))
        .arg(&bundles))
    .unwrap();
    assert!(said.contains("核验通过"), "{said}");

    let json = dir.join("findings.json");
    server(&["reconcile", "--json", json.to_str().unwrap()]).unwrap();
    let found: serde_json::Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let rules: Vec<&str> = found["findings"].as_array().unwrap().iter().filter_map(|f| f["rule"].as_str()).collect();
    assert!(rules.contains(&"hours-over-attested"), "{rules:?}");
    assert_eq!(found["run"]["refused"].as_array().map(Vec::len), Some(0), "{}", found["run"]);
    fs::remove_dir_all(dir).unwrap();
}

/// A copy of the shared world's data, in which the last session of a class can come later than the others.
struct Late {
    dir: PathBuf,
    data: PathBuf,
    db: rusqlite::Connection,
    session: (String, i64),
}

impl Late {
    fn new(name: &str) -> Self {
        let (shared, _) = shared();
        let dir = folder(name);
        fs::create_dir_all(&dir).unwrap();
        let data = dir.join("data");
        run(Command::new("cp").arg("-r").arg(shared.join("data")).arg(&data)).unwrap();
        let db = rusqlite::Connection::open(data.join("muster.sqlite")).unwrap();
        let last = "SELECT device, counter FROM session WHERE final = 1 ORDER BY class, session DESC LIMIT 1";
        let session = db.query_row(last, [], |r| Ok((r.get(0)?, r.get(1)?))).unwrap();
        Self { dir, data, db, session }
    }

    fn come(&self, here: i64) {
        let sql = "UPDATE session SET final = ? WHERE device = ? AND counter = ?";
        self.db.execute(sql, (here, &self.session.0, self.session.1)).unwrap();
    }

    fn server(&self, args: &[&str]) -> String {
        run(Command::new(program("muster-server").unwrap()).args(args).arg("--data").arg(&self.data)).unwrap()
    }

    fn results(&self, args: &[&str]) -> serde_json::Value {
        let json = self.dir.join("findings.json");
        self.server(&[args, &["--json", json.to_str().unwrap()]].concat());
        serde_json::from_slice(&fs::read(&json).unwrap()).unwrap()
    }
}

/// A run that is killed when it has made evidence leaves nothing that is not judged: the next looks at everything, also where it
/// was asked to look at what is new.
#[test]
fn evidence_that_no_run_has_judged_is_judged_by_the_next() {
    let late = Late::new("unjudged");
    late.come(0);
    let before = late.results(&["reconcile"]);
    late.come(1);
    late.server(&["evidence", "rebuild"]);
    let next = late.results(&["reconcile", "--new"]);
    assert_ne!(next["trainees"], before["trainees"], "the log was never judged");
    let whole = late.results(&["reconcile"]);
    assert_eq!(next["trainees"], whole["trainees"]);
    assert_eq!(next["findings"], whole["findings"]);
    fs::remove_dir_all(late.dir).unwrap();
}

/// Logs that come one by one to a process that lives on, which plans rules once and keeps what was imported, give what a whole run
/// over everything gives.
#[test]
fn logs_that_come_one_by_one_to_one_process_give_what_a_whole_run_gives() {
    let late = Late::new("kept");
    let last =
        "SELECT device, counter FROM (SELECT *, row_number() OVER (PARTITION BY class ORDER BY session DESC) AS n
                FROM session WHERE final = 1) WHERE n = 1 ORDER BY class LIMIT 3";
    let mut get = late.db.prepare(last).unwrap();
    let sessions = get.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap();
    let sessions: Vec<(String, i64)> = sessions.collect::<Result<_, _>>().unwrap();
    assert_eq!(sessions.len(), 3);
    drop(get);
    let come = |session: &(String, i64), here: i64| {
        let sql = "UPDATE session SET final = ? WHERE device = ? AND counter = ?";
        late.db.execute(sql, (here, &session.0, session.1)).unwrap();
    };
    sessions.iter().for_each(|session| come(session, 0));
    let store = Store::open(&late.data, None).unwrap();
    let (how, runtime) = (How::default(), tokio::runtime::Runtime::new().unwrap());
    let now = muster_server::clock::now;
    runtime.block_on(reconcile::reconcile(&store, &late.data, &now(), &|_, _, _| {}, &how)).unwrap();
    for session in &sessions {
        come(session, 1);
        let at = now();
        let run = again::reconcile(&store, &late.data, &at, &|_, _, _| {}, &how);
        let run = runtime.block_on(run).unwrap().expect("a log came");
        assert!(run.refused.is_empty(), "{:?}", run.refused);
    }
    let new = late.results(&["findings"]);
    assert_eq!(new["run"]["run"].as_i64(), Some(4), "a look for each log");
    let whole = late.results(&["reconcile"]);
    assert_eq!(counted(&new), counted(&whole));
    assert_eq!(of_classes(&new), of_classes(&whole));
    fs::remove_dir_all(late.dir).unwrap();
}

/// What is counted of each trainee, without the money and the band, which weigh what all rules say.
fn counted(report: &serde_json::Value) -> Vec<serde_json::Value> {
    let mut trainees = report["trainees"].as_array().unwrap().clone();
    for trainee in trainees.iter_mut().filter_map(|trainee| trainee.as_object_mut()) {
        assert!(trainee.remove("at_risk_fen").is_some() && trainee.remove("band").is_some());
    }
    trainees
}

/// The findings of rules that look no further than a class or its people: those that compare widely wait for the whole run.
fn of_classes(report: &serde_json::Value) -> Vec<serde_json::Value> {
    let wide: Vec<&str> = muster_server::rules::SHIPPED
        .iter()
        .filter(|(_, sql, _)| !sql.contains("-- scope: class") && !sql.contains("-- scope: person"))
        .map(|(name, ..)| *name)
        .collect();
    let all = report["findings"].as_array().unwrap().iter();
    let mut mine: Vec<_> = all.filter(|f| !wide.contains(&f["rule"].as_str().unwrap())).cloned().collect();
    mine.sort_by_key(|finding| finding["finding"].to_string());
    // An hour that a wide rule holds is not in the money of another.
    for finding in mine.iter_mut().filter_map(|finding| finding.as_object_mut()) {
        assert!(["at_risk_fen", "exposure_fen", "gravest"].iter().all(|key| finding.remove(*key).is_some()));
    }
    mine
}

/// A log that comes after a whole run, looked at by itself, gives what a whole run over everything gives. And evidence that came
/// bit by bit is, made one, byte for byte what is made of all logs at once.
#[test]
fn a_new_log_looked_at_by_itself_gives_what_a_whole_run_gives() {
    let late = Late::new("again");
    let (come, results, server) =
        (|here| late.come(here), |args: &[&str]| late.results(args), |args: &[&str]| late.server(args));
    let (dir, data) = (&late.dir, &late.data);
    come(0);
    let before = results(&["reconcile"]);
    come(1);
    let again = results(&["reconcile", "--new"]);
    assert_eq!(again["run"]["run"].as_i64(), Some(2));
    assert_ne!(again["trainees"], before["trainees"], "the log changed nothing");
    let whole = results(&["reconcile"]);
    assert_eq!(counted(&again), counted(&whole));
    assert_eq!(of_classes(&again), of_classes(&whole));

    let evidence = || {
        let mut made = files(&data.join("evidence"));
        made.retain(|path, _| path.extension().is_some_and(|e| e == "parquet"));
        made
    };
    server(&["evidence", "rebuild"]);
    let at_once = evidence();
    late.db
        .execute("UPDATE session SET evidence = 0, part = NULL WHERE part IN (SELECT part FROM part LIMIT 2)", [])
        .unwrap();
    server(&["reconcile"]);
    server(&["evidence", "rebuild"]);
    assert!(at_once == evidence(), "the same logs, other bytes");
    fs::remove_dir_all(dir).unwrap();
}
