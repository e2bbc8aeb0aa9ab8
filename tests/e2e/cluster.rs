//! The rules on a cluster of separate processes give what they give in one, row for row; also when a process is killed meanwhile,
//! and when the evidence lies in storage that speaks S3 and is not ours.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use muster_tests::bureau::{Owned, program, run};
use muster_tests::world::rates::Rates;
use muster_tests::world::{self, Spec, generate};
use serde_json::Value;

/// Looked at so often while something is waited for.
const TICK: Duration = Duration::from_millis(50);

/// Free ports; taken together, so that no two are the same.
fn ports<const N: usize>() -> [u16; N] {
    let taken = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    taken.map(|listener| listener.local_addr().unwrap().port())
}

/// A bureau's data, and the environment that all its programs have.
struct World {
    dir: tempfile::TempDir,
    environment: Vec<(&'static str, String)>,
}

impl World {
    /// A few classes, with frauds far more often than they are.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let often: String = world::frauds().iter().map(|id| format!("[{id}]\nclasses = 0.1\n")).collect();
        let frauds = Rates::frauds(Some(&often)).unwrap();
        let spec = Spec { classes: Some(6), frauds, ..Spec::new(0, 11).unwrap() };
        generate(&spec, &dir.path().join("world")).unwrap();
        Self { dir, environment: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// One of our programs, its log in a file of this name.
    fn program(&self, program_: &str, log: &str) -> Command {
        let mut command = Command::new(program(program_).unwrap());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(self.path(log)).unwrap());
        command
    }

    fn log(&self, log: &str) -> String {
        fs::read_to_string(self.path(log)).unwrap_or_default()
    }

    fn reconcile(&self, args: &[&str]) -> Command {
        let mut command = self.program("muster-server", "reconcile.log");
        command.arg("reconcile").args(args).arg("--data").arg(self.path("world/data"));
        command
    }

    /// What the newest run says, but for its number and its time.
    fn found(&self) -> Value {
        let json = self.path("findings.json");
        let data = self.path("world/data");
        run(Command::new(program("muster-server").unwrap())
            .args(["findings", "--json"])
            .arg(&json)
            .arg("--data")
            .arg(data))
        .unwrap();
        let mut found: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
        let run = found["run"].as_object_mut().unwrap();
        assert_eq!(run["refused"].as_array().map(Vec::len), Some(0), "{run:?}");
        run.remove("run");
        run.remove("at");
        assert!(found["findings"].as_array().unwrap().len() > 10);
        found
    }

    fn run(&self, args: &[&str]) -> Value {
        let status = self.reconcile(args).status().unwrap();
        assert!(status.success(), "{}", self.log("reconcile.log"));
        self.found()
    }
}

/// A scheduler and two executors.
struct Cluster {
    url: String,
    scheduler: Owned,
    executors: Vec<Owned>,
}

impl Cluster {
    fn start(world: &World) -> Self {
        let [port] = ports();
        let at = port.to_string();
        let mut scheduler = world.program("muster-cluster", "scheduler.log");
        scheduler.args(["scheduler", "--bind-host", "127.0.0.1", "--external-host", "127.0.0.1", "--bind-port", &at]);
        scheduler.args(["--executor-timeout-seconds", "5", "--expire-dead-executor-interval-seconds", "1"]);
        let scheduler = Owned(scheduler.spawn().unwrap());
        let mut cluster = Self { url: format!("df://127.0.0.1:{port}?shares=4"), scheduler, executors: Vec::new() };
        for n in 0..2 {
            cluster.executor(world, n, &at);
        }
        cluster
    }

    fn executor(&mut self, world: &World, n: usize, scheduler: &str) {
        let [flight, grpc, health] = ports();
        let log = format!("executor-{n}.log");
        let mut executor = world.program("muster-cluster", &log);
        executor.args(["executor", "--bind-host", "127.0.0.1", "--external-host", "127.0.0.1", "--vcores", "2"]);
        executor.args(["--scheduler-host", "127.0.0.1", "--scheduler-port", scheduler]);
        executor.args(["--scheduler-connect-timeout-seconds", "60", "--executor-heartbeat-interval-seconds", "1"]);
        executor.args(["--bind-port", &flight.to_string(), "--bind-grpc-port", &grpc.to_string()]);
        executor.args(["--bind-health-port", &health.to_string(), "--memory-pool-size", "1GB", "--work-dir"]);
        fs::create_dir_all(world.path(&n.to_string())).unwrap();
        let mut child = Owned(executor.arg(world.path(&n.to_string())).spawn().unwrap());
        let ready = format!("http://127.0.0.1:{health}/readyz");
        while ureq::get(&ready).call().is_err() {
            assert!(child.0.try_wait().unwrap().is_none(), "{}", world.log(&log));
            sleep(TICK);
        }
        self.executors.push(child);
    }
}

/// Has an executor done something?
fn has_worked(world: &World, n: usize) -> bool {
    fs::read_dir(world.path(&n.to_string())).unwrap().next().is_some()
}

/// Begins a run on the cluster, and comes back when executors have worked on it.
fn under_way(world: &World, cluster: &Cluster, args: &[&str]) -> Owned {
    let mut child = Owned(world.reconcile(&[args, &["--engine", &cluster.url]].concat()).spawn().unwrap());
    while !(0..2).all(|n| has_worked(world, n)) {
        assert!(
            child.0.try_wait().unwrap().is_none(),
            "it ended before both had worked: {}",
            world.log("reconcile.log")
        );
        sleep(TICK);
    }
    child
}

#[test]
fn a_cluster_gives_the_rows_of_one_process_also_when_an_executor_is_killed_and_fails_without_its_scheduler() {
    let world = World::new();
    let alone = world.run(&[]);
    let mut cluster = Cluster::start(&world);
    assert_eq!(world.run(&["--engine", &cluster.url]), alone);
    assert!((0..2).all(|n| has_worked(&world, n)), "both executors have worked");

    // Nothing that a run made for itself is left.
    assert!(!world.path("world/data/evidence/muster-run").exists());

    // What an executor held when it died is made again by the other.
    for n in 0..2 {
        fs::remove_dir_all(world.path(&n.to_string())).unwrap();
        fs::create_dir(world.path(&n.to_string())).unwrap();
    }
    let mut run = under_way(&world, &cluster, &[]);
    cluster.executors[1].kill();
    assert!(run.0.try_wait().unwrap().is_none(), "the run ended before the executor was killed");
    assert!(run.0.wait().unwrap().success(), "{}", world.log("reconcile.log"));
    assert_eq!(world.found(), alone);

    // Without its scheduler a run fails as a whole, and what was found before stands.
    let mut run = world.reconcile(&["--engine", &cluster.url]);
    fs::remove_dir_all(world.path("0")).unwrap();
    fs::create_dir(world.path("0")).unwrap();
    let mut run = Owned(run.spawn().unwrap());
    while !has_worked(&world, 0) {
        assert!(run.0.try_wait().unwrap().is_none(), "{}", world.log("reconcile.log"));
        sleep(TICK);
    }
    cluster.scheduler.kill();
    assert!(!run.0.wait().unwrap().success());
    assert!(world.log("reconcile.log").contains("cluster"), "{}", world.log("reconcile.log"));
    assert_eq!(world.found(), alone);
    // And one that is begun while it is down says so before it has worked.
    assert!(!world.reconcile(&["--engine", &cluster.url]).status().unwrap().success());
    assert!(world.log("reconcile.log").contains("does the scheduler run?"), "{}", world.log("reconcile.log"));
}

/// Where `make test-cluster` installs it.
fn s3s() -> Option<PathBuf> {
    let tools = std::env::var_os("MUSTER_TOOLS").map(|dir| Path::new(&dir).join("bin/s3s-fs"));
    let found = tools.filter(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: this test needs s3s-fs in the folder MUSTER_TOOLS/bin");
    }
    found
}

#[test]
fn evidence_in_storage_that_speaks_s3_gives_the_same_rows_in_one_process_and_on_a_cluster() {
    let Some(s3s) = s3s() else { return };
    let mut world = World::new();
    let alone = world.run(&[]);
    let [port] = ports();
    fs::create_dir_all(world.path("s3/bureau")).unwrap();
    let (key, secret) = ("muster-test-key", "muster-test-secret");
    let storage = Command::new(s3s)
        .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--access-key", key, "--secret-key", secret])
        .arg(world.path("s3"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(world.path("s3.log")).unwrap())
        .spawn();
    let _storage = Owned(storage.unwrap());
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        sleep(TICK);
    }
    let at = "s3://bureau/evidence/a";
    world.environment = vec![
        ("AWS_ACCESS_KEY_ID", key.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", secret.to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ENDPOINT", format!("http://127.0.0.1:{port}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("MUSTER_EVIDENCE", at.to_owned()),
    ];
    // The files move with the first run, and leave the data directory.
    assert_eq!(world.run(&["--evidence", at]), alone);
    assert!(world.path("s3/bureau/evidence/a/taps").is_dir());
    let mut left = vec![world.path("world/data/evidence")];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            assert!(entry.path().is_dir(), "{} was left behind", entry.path().display());
            left.push(entry.path());
        }
    }
    let mut cluster = Cluster::start(&world);
    assert_eq!(world.run(&["--engine", &cluster.url]), alone);
    for n in 0..2 {
        fs::remove_dir_all(world.path(&n.to_string())).unwrap();
        fs::create_dir(world.path(&n.to_string())).unwrap();
    }
    let mut run = under_way(&world, &cluster, &[]);
    cluster.executors[1].kill();
    assert!(run.0.wait().unwrap().success(), "{}", world.log("reconcile.log"));
    assert_eq!(world.found(), alone);
    // And back again.
    assert_eq!(world.run(&["--evidence", "folder"]), alone);
}
