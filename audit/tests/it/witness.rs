//! `muster-audit witness`, the program itself on a port of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use muster_seal::checkpoint::Checkpoint;
use muster_seal::cosignature::WitnessKey;
use muster_seal::key::Signer;
use muster_seal::witness::{Request, SIZE_TYPE, read_answer, read_size};

use crate::good::other_root;
use crate::town::{LOG, Town, key, log_key};

pub const NAME: &str = "audit.example.gov.cn/w1";

fn program(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster-audit"));
    command.args(["witness", "--dir"]).arg(dir).args(args);
    command
}

/// A witness that serves; ended with the value.
pub struct Served {
    child: Child,
    pub at: String,
    pub key: WitnessKey,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a witness of the town's central log in a folder.
pub fn init(dir: &Path) {
    let log = log_key().public().named(LOG).to_string();
    let made = program(dir, &["--init", "--name", NAME, "--add-log", &log]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
}

pub fn serve(dir: &Path) -> Served {
    let mut child =
        program(dir, &["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let key = WitnessKey::parse(&said.nth(1).unwrap().unwrap()).unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let url = lines.next().unwrap().unwrap();
    // Whatever else it says is read away, so that it never waits for a reader.
    thread::spawn(move || lines.for_each(drop));
    Served { child, at: url.trim_start_matches("http://").trim_end_matches('/').to_owned(), key }
}

/// Status, content type and body of an answer.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub kind: String,
    pub body: String,
}

/// A request as it goes over the wire, and nothing more clever.
pub fn ask(at: &str, method: &str, path: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(at).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // A server may answer and close before it has read all of what is too long.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let kind = head.lines().find_map(|l| l.to_lowercase().strip_prefix("content-type: ").map(str::to_owned));
    Answer { status: head[9..12].parse().unwrap(), kind: kind.unwrap_or_default(), body: body.to_owned() }
}

fn town() -> Town {
    let mut town = Town::default();
    town.fill_to(20);
    town
}

fn request(town: &Town, old: u64, new: u64) -> Request {
    Request { old_size: old, proof: town.consistency(old, new), checkpoint: town.checkpoint(new).sign(&log_key()) }
}

impl Served {
    fn add(&self, request: &Request) -> Answer {
        ask(&self.at, "POST", "/add-checkpoint", request.text().as_bytes())
    }

    /// Grows the log, which must be cosigned.
    pub fn grow(&self, town: &Town, old: u64, new: u64) -> String {
        let asked = request(town, old, new);
        let answer = self.add(&asked);
        assert_eq!(answer.status, 200, "{answer:?}");
        let (cosignature, line) = read_answer(&asked.checkpoint, answer.body.as_bytes(), &self.key).unwrap();
        assert_eq!(cosignature.name, NAME);
        line
    }
}

fn conflict(size: u64) -> Answer {
    Answer { status: 409, kind: SIZE_TYPE.into(), body: format!("{size}\n") }
}

#[test]
fn growth_is_cosigned_and_everything_else_is_refused_by_its_status() {
    let (dir, town) = (tempfile::tempdir().unwrap(), town());
    init(dir.path());
    assert_eq!(std::fs::metadata(dir.path().join("witness.key")).unwrap().permissions().mode() & 0o777, 0o600);
    let served = serve(dir.path());
    served.grow(&town, 0, 5);
    served.grow(&town, 5, 5);
    served.grow(&town, 5, 9);

    assert_eq!(served.add(&request(&town, 5, 12)), conflict(9));
    assert_eq!(read_size(served.add(&request(&town, 0, 12)).body.as_bytes()), Some(9));
    let fork = Request { checkpoint: other_root(&town.checkpoint(9)).sign(&log_key()), ..request(&town, 9, 9) };
    let refused = served.add(&fork);
    assert_eq!((refused.status, refused.kind.as_str()), (409, "text/plain; charset=utf-8"));
    assert_eq!(refused.body, "a checkpoint of size 9 with another root was cosigned here: the log is forked\n");
    let mut bent = request(&town, 9, 12);
    bent.proof[0][0] ^= 1;
    let refused = served.add(&bent);
    assert_eq!((refused.status, refused.body.contains("leads to another root")), (422, true), "{refused:?}");
    let stranger = Request { checkpoint: town.checkpoint(12).sign(&key(9)), ..request(&town, 9, 12) };
    assert_eq!(served.add(&stranger).status, 403);
    let checkpoint = Checkpoint { origin: "other.example/log".into(), ..town.checkpoint(12) };
    let unknown = Request { checkpoint: checkpoint.sign(&log_key()), ..request(&town, 9, 12) };
    let refused = served.add(&unknown);
    assert_eq!((refused.status, refused.body.as_str()), (404, "no log \"other.example/log\" is known here\n"));
    let shrunk = Request { old_size: 12, proof: Vec::new(), ..request(&town, 9, 9) };
    assert_eq!(served.add(&shrunk).status, 400);
    assert_eq!(ask(&served.at, "POST", "/add-checkpoint", b"old 9\n").status, 400);
    assert_eq!(ask(&served.at, "POST", "/add-checkpoint", &[b'a'; 200_000]).status, 400);
    assert_eq!(ask(&served.at, "GET", "/add-checkpoint", b"").status, 405);

    // After all that it is where it was, and says so; the fork is kept, and apart from it what was not shown to extend it.
    let page = ask(&served.at, "GET", "/", b"").body;
    let root = hex::encode(town.checkpoint(9).root);
    assert!(
        page.contains(&format!("{LOG} size 9 root {root} forks 1 unproven 1\n"))
            && page.contains(&served.key.to_string()),
        "{page}"
    );
    served.grow(&town, 9, 20);
}

#[test]
fn killed_at_any_moment_it_remembers_what_it_cosigned() {
    let (dir, town) = (tempfile::tempdir().unwrap(), town());
    init(dir.path());
    let served = serve(dir.path());
    let before = served.key.clone();
    served.grow(&town, 0, 7);
    drop(served); // SIGKILL
    let served = serve(dir.path());
    assert_eq!(served.key, before);
    assert_eq!(served.add(&request(&town, 0, 5)), conflict(7));
    let other = Request { checkpoint: other_root(&town.checkpoint(7)).sign(&log_key()), ..request(&town, 7, 7) };
    assert_eq!(served.add(&other).status, 409);
    served.grow(&town, 7, 12);
}

#[test]
fn of_racing_requests_from_one_size_one_alone_is_cosigned() {
    let (dir, town) = (tempfile::tempdir().unwrap(), town());
    init(dir.path());
    let served = serve(dir.path());
    served.grow(&town, 0, 4);
    let mut answers = Vec::new();
    thread::scope(|scope| {
        let racers: Vec<_> = (5..=20)
            .map(|new| {
                let (served, town) = (&served, &town);
                scope.spawn(move || served.add(&request(town, 4, new)))
            })
            .collect();
        answers = racers.into_iter().map(|racer| racer.join().unwrap()).collect();
    });
    let won: Vec<usize> = (0..answers.len()).filter(|i| answers[*i].status == 200).collect();
    let [won] = won[..] else { panic!("{answers:?}") };
    let size = 5 + won as u64;
    for (i, answer) in answers.iter().enumerate().filter(|(i, _)| *i != won) {
        assert_eq!(*answer, conflict(size), "{i}");
    }
}

#[test]
fn a_witness_is_made_once_and_its_key_is_its_own() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path());
    let said = |args: &[&str]| {
        let out = program(dir.path(), args).output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned())
    };
    let (status, text) = said(&["--init", "--name", NAME]);
    assert!(status == Some(2) && text.contains("is there a witness already?"), "{text}");
    let other = key(9).public().named(LOG).to_string();
    let (status, text) = said(&["--add-log", &other]);
    assert!(status == Some(2) && text.contains("is witnessed already, under the key"), "{text}");
    let witness = key(9).public().witness(LOG).to_string();
    let (status, text) = said(&["--add-log", &witness]);
    assert!(status == Some(2) && text.contains("is a witness key (type 0x04)"), "{text}");
    let file = dir.path().join("witness.key");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let (status, text) = said(&[]);
    assert!(status == Some(2) && text.contains("others may read"), "{text}");
}

#[test]
fn requests_without_a_proof_take_no_room_from_a_fork() {
    let (dir, town) = (tempfile::tempdir().unwrap(), town());
    init(dir.path());
    let served = serve(dir.path());
    served.grow(&town, 0, 3);
    // The log's own later checkpoints, which anybody can read, each with a proof that anybody can bend.
    let bent = |size: u64| Request { proof: vec![[7; 32]; 64 - 1], ..request(&town, 3, size) };
    for size in 4..=20 {
        assert_eq!(served.add(&bent(size)).status, 422);
    }
    let says = || ask(&served.at, "GET", "/", b"").body;
    assert!(says().contains(" unproven 16\n"), "{}", says());
    let fork = Request { checkpoint: other_root(&town.checkpoint(3)).sign(&log_key()), ..request(&town, 3, 3) };
    assert_eq!(served.add(&fork).status, 409);
    assert!(says().contains(" forks 1 unproven 16\n"), "{}", says());
    // A checkpoint that was kept without proof and turns out to be of a size that is cosigned with another root.
    let other = Request { checkpoint: other_root(&town.checkpoint(9)).sign(&log_key()), ..request(&town, 3, 9) };
    assert_eq!(served.add(&other).status, 422);
    served.grow(&town, 3, 9);
    assert_eq!(served.add(&Request { old_size: 9, proof: Vec::new(), ..other }).status, 409);
    assert!(says().contains(" forks 2 unproven 16\n"), "{}", says());
}
