//! Rounds against a bureau that says what a test wants it to.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use muster_seal::central::SealLeaf;
use muster_seal::key::Signer;
use muster_seal::merkle::leaf_hash;
use muster_wire::assignment::Assignments;
use muster_wire::problem::Problem;

use super::*;
use crate::session::tests::{Device, log_key};

type Says = Box<dyn FnMut(&str, &str, &[u8]) -> (u16, &'static str, Vec<u8>) + Send>;

/// A bureau: what it was asked, and a function that answers.
struct Bureau {
    client: Client,
    asked: Arc<Mutex<Vec<String>>>,
    says: Arc<Mutex<Says>>,
}

fn answer(stream: &mut std::net::TcpStream, asked: &Mutex<Vec<String>>, says: &Mutex<Says>) -> Option<()> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    let head = loop {
        let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&buffer[..n]);
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let length = text.lines().find_map(|l| l.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    while bytes.len() < head + length.unwrap_or(0) {
        let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&buffer[..n]);
    }
    let mut first = text.split(' ');
    let (method, path) = (first.next()?, first.next()?);
    asked.lock().unwrap().push(format!("{method} {path}"));
    let (status, kind, body) = says.lock().unwrap()(method, path, &bytes[head..]);
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n",
        body.len()
    );
    stream.write_all(format!("{head}date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n").as_bytes()).ok()?;
    stream.write_all(&body).ok()
}

impl Bureau {
    fn new(says: impl FnMut(&str, &str, &[u8]) -> (u16, &'static str, Vec<u8>) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()), key(), None).unwrap();
        let (asked, says): (Arc<Mutex<Vec<String>>>, Arc<Mutex<Says>>) =
            (Arc::default(), Arc::new(Mutex::new(Box::new(says))));
        let (to, from) = (asked.clone(), says.clone());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                answer(&mut stream, &to, &from);
            }
        });
        Self { client, asked, says }
    }

    fn now_says(&self, says: impl FnMut(&str, &str, &[u8]) -> (u16, &'static str, Vec<u8>) + Send + 'static) {
        *self.says.lock().unwrap() = Box::new(says);
    }

    /// What it was asked since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn round(&self, device: &mut Device, patience: &mut Patience) -> Result<Taken, SyncError> {
        self.client.round(&device.me, &mut device.store, patience)
    }
}

fn key() -> muster_seal::key::DeviceKey {
    muster_seal::key::DeviceKey::from_seed([1; 32])
}

fn long() -> Patience {
    Patience::new(Duration::from_secs(3_600), Duration::from_secs(3_600))
}

fn good(body: impl serde::Serialize) -> (u16, &'static str, Vec<u8>) {
    (200, "application/json", serde_json::to_vec(&body).unwrap())
}

fn no(kind: Kind) -> (u16, &'static str, Vec<u8>) {
    let (title, title_en, detail) = ("不".to_owned(), "no".to_owned(), "mend me".to_owned());
    let problem = Problem { kind, status: 400, title, title_en, detail, bytes: None, now_ms: None, kept: false };
    (400, "application/problem+json", serde_json::to_vec(&problem).unwrap())
}

fn no_quorum(kept: bool) -> (u16, &'static str, Vec<u8>) {
    let (_, kind, body) = no(Kind::Unavailable);
    let problem = Problem { kept, ..serde_json::from_slice(&body).unwrap() };
    (503, kind, serde_json::to_vec(&problem).unwrap())
}

fn assigned(counter: u64) -> (u16, &'static str, Vec<u8>) {
    good(Assignments { sessions: Vec::new(), beacon: String::new(), counter })
}

/// A state with the receipt for a seal, in a central log that has this entry alone.
fn received(counter: u64, seal: &[u8], bent: impl Fn(&mut SealLeaf)) -> SessionState {
    let seal = String::from_utf8(seal.to_vec()).unwrap();
    let mut leaf = SealLeaf { device: "d1".into(), counter, seal, received: "now".into() };
    bent(&mut leaf);
    let entry = Leaf::Seal(leaf).line();
    let origin = "muster.example".to_owned();
    let checkpoint = Checkpoint { origin, size: 1, root: leaf_hash(&entry) }.sign(&log_key());
    let receipt = Receipt { index: 0, hashes: Vec::new(), checkpoint: checkpoint.clone() };
    SessionState {
        receipt: Some(receipt.text()),
        entry: String::from_utf8(entry).ok(),
        beacon: checkpoint,
        ..SessionState::default()
    }
}

fn counter_of(path: &str) -> u64 {
    path.split('/').find_map(|part| part.parse().ok()).unwrap()
}

/// Takes everything.
fn takes(_: &str, path: &str, body: &[u8]) -> (u16, &'static str, Vec<u8>) {
    match path {
        p if p.ends_with("/assignments") => assigned(0),
        p if p.ends_with("/seal") => good(received(counter_of(p), body, |_| {})),
        "/add-checkpoint" => (200, "text/plain", Vec::new()),
        p if p.ends_with("/rotate") => (204, "text/plain", Vec::new()),
        _ => good(SessionState::default()),
    }
}

fn two_sessions() -> Device {
    let mut device = Device::new();
    for class in ["a", "b"] {
        let mut session = device.open(class).unwrap();
        device.close(&mut session).unwrap();
    }
    device
}

fn has(asked: &[String], what: &str) -> bool {
    asked.iter().any(|a| a.contains(what))
}

#[test]
fn a_refusal_stops_what_follows_until_it_is_mended_and_nothing_overtakes() {
    for kind in [Kind::NotAuthentic, Kind::NotFound, Kind::BadRequest, Kind::Revoked] {
        let mut device = two_sessions();
        let bureau = Bureau::new(move |m, path, b| if path.ends_with("1/seal") { no(kind) } else { takes(m, path, b) });
        let mut patience = long();
        assert!(matches!(bureau.round(&mut device, &mut patience), Err(SyncError::Refused(_))));
        let asked = bureau.asked();
        assert!(!has(&asked, "/sessions/2/") && has(&asked, "/assignments"), "{asked:?}");
        let listed = device.store.listed().unwrap();
        assert_eq!((listed[0].state, listed[1].state), ("waiting", "refused"));
        assert!(listed[1].reason.contains("mend me"));
        // Its time has not come: it is left alone, and so is what follows it.
        bureau.round(&mut device, &mut patience).unwrap();
        assert_eq!(bureau.asked(), ["GET /v1/devices/d1/assignments"]);
        // Mended, and somebody asks for a try.
        bureau.now_says(takes);
        assert!(device.store.put_refused(1, None).unwrap());
        bureau.round(&mut device, &mut patience).unwrap();
        assert!(device.store.listed().unwrap().iter().all(|s| s.state == "done" && s.reason.is_empty()));
    }
}

#[test]
fn a_missing_quorum_holds_up_no_later_session_and_no_growing_seal() {
    let mut device = two_sessions();
    device.open("c").unwrap();
    let answers = |kept| {
        move |m: &str, path: &str, b: &[u8]| {
            if path.ends_with("/seal") { no_quorum(kept) } else { takes(m, path, b) }
        }
    };
    let bureau = Bureau::new(answers(true));
    let mut patience = long();
    let refused = bureau.round(&mut device, &mut patience).unwrap_err();
    assert!(matches!(refused, SyncError::Unavailable { kept: true, .. }), "{refused}");
    let asked = bureau.asked();
    assert!(has(&asked, "1/seal") && has(&asked, "2/seal") && has(&asked, "add-checkpoint"), "{asked:?}");
    // No receipt, so both wait; and nothing is refused.
    let states = |device: &Device| device.store.listed().unwrap().iter().map(|s| s.state).collect::<Vec<_>>();
    assert_eq!(states(&device), ["running", "waiting", "waiting"]);
    bureau.now_says(takes);
    bureau.round(&mut device, &mut patience).unwrap();
    assert_eq!(states(&device), ["running", "done", "done"]);
    // Where the bureau does not say that it holds the seal, what follows would have no place behind it.
    let mut device = two_sessions();
    let bureau = Bureau::new(answers(false));
    bureau.round(&mut device, &mut long()).unwrap_err();
    assert!(!has(&bureau.asked(), "/sessions/2/"));
}

#[test]
fn a_running_session_that_was_refused_is_well_again_once_it_is_taken() {
    let mut device = Device::new();
    device.open("a").unwrap();
    let bureau =
        Bureau::new(|m, path, b| if path.contains("/log") { no(Kind::NotAuthentic) } else { takes(m, path, b) });
    let mut patience = Patience::new(Duration::ZERO, Duration::ZERO);
    bureau.round(&mut device, &mut patience).unwrap_err();
    assert_eq!(device.store.listed().unwrap()[0].state, "refused");
    bureau.now_says(takes);
    bureau.round(&mut device, &mut patience).unwrap();
    assert_eq!(device.store.listed().unwrap()[0].state, "running");
}

#[test]
fn patience_grows_and_is_not_spent_on_what_a_person_must_mend() {
    let (mut patience, now) = (Patience::new(Duration::from_secs(15), Duration::from_secs(40)), Instant::now());
    let after = |s| now + Duration::from_secs(s);
    assert!(patience.may_try(1, true, now), "not tried yet since the start");
    patience.refused(1, false, now);
    assert!(!patience.may_try(1, true, after(14)) && patience.may_try(1, true, after(15)));
    patience.refused(1, false, after(15));
    assert!(!patience.may_try(1, true, after(44)) && patience.may_try(1, true, after(45)));
    patience.refused(1, false, after(45));
    assert!(!patience.may_try(1, true, after(84)) && patience.may_try(1, true, after(85)), "the longest");
    patience.refused(2, true, now);
    assert!(!patience.may_try(2, true, after(39)) && patience.may_try(2, false, now));
}

#[test]
fn a_bureau_that_holds_less_than_it_said_is_sent_the_rest() {
    let mut device = two_sessions();
    // As after the bureau's database was rolled back: this device believes that all was sent.
    let size: usize = device.store.lines(1).unwrap().iter().map(|l| l.len() + 1).sum();
    device.store.put_progress(1, size as u64, 0).unwrap();
    let mut held = 10;
    let bureau = Bureau::new(move |m, path, b| match path {
        p if p.ends_with("1/seal") && held < size => no(Kind::BadLog),
        p if p.ends_with("sessions/1") => good(SessionState { bytes: held as u64, ..SessionState::default() }),
        p if p.contains("1/log?from=10") => {
            held += b.len();
            takes(m, path, b)
        }
        _ => takes(m, path, b),
    });
    bureau.round(&mut device, &mut long()).unwrap();
    assert!(device.store.outbox().unwrap().is_empty());
}

#[test]
fn a_receipt_for_anything_but_this_seal_is_not_kept() {
    type Bend = fn(&mut SealLeaf);
    let bends: [Bend; 3] = [|l| l.device = "d2".into(), |l| l.counter = 9, |l| l.seal.push('x')];
    for bend in bends {
        let mut device = two_sessions();
        let bureau = Bureau::new(move |m, path, b| match path {
            p if p.ends_with("1/seal") => good(received(1, b, bend)),
            _ => takes(m, path, b),
        });
        assert!(matches!(bureau.round(&mut device, &mut long()), Err(SyncError::Receipt(1))));
        assert_eq!(device.store.outbox().unwrap().len(), 2);
    }
    // Nor one without the entry, or for an entry that is not in the log.
    let bents: [fn(&mut SessionState); 2] =
        [|s| s.entry = None, |s| s.entry = s.entry.take().map(|e| e.replace("\"now\"", "\"then\""))];
    for bent in bents {
        let mut device = two_sessions();
        let bureau = Bureau::new(move |m, path, b| match path {
            p if p.ends_with("1/seal") => {
                let mut state = received(1, b, |_| {});
                bent(&mut state);
                good(state)
            }
            _ => takes(m, path, b),
        });
        assert!(matches!(bureau.round(&mut device, &mut long()), Err(SyncError::Receipt(1))));
    }
}

#[test]
fn a_growing_seal_is_witnessed_with_its_proof() {
    let mut device = Device::new();
    let session = device.open("a").unwrap();
    let known = device.key.public().named("muster.example/d/d1/s/1");
    type Known = Arc<Mutex<Option<(u64, [u8; 32])>>>;
    let state = Known::default();
    let witness = |state: Known, size: u64| {
        let known = known.clone();
        move |m: &str, path: &str, body: &[u8]| {
            if path != "/add-checkpoint" {
                return takes(m, path, body);
            }
            let request = witness::Request::parse(body, witness::MAX_REQUEST).unwrap();
            let mut state = state.lock().unwrap();
            match witness::decide(&request, *state, &known) {
                Ok(new) => {
                    assert_eq!(new.size, size);
                    *state = Some((new.size, new.root));
                    (200, "text/plain", Vec::new())
                }
                Err(r) => (r.status(), r.content_type(), r.body().into_bytes()),
            }
        }
    };
    let bureau = Bureau::new(witness(state.clone(), 1));
    bureau.round(&mut device, &mut long()).unwrap();
    let asked = bureau.asked();
    assert!(has(&asked, "add-checkpoint") && !has(&asked, "/seal"), "{asked:?}");
    assert_eq!(device.store.backlog().unwrap(), 0);
    // The answer was lost: what the bureau witnessed is asked for, and gone on from.
    device.store.put_progress(1, 0, 0).unwrap();
    drop(session);
    let hands = crate::session::Hands { key: &device.key, me: &device.me, clock: &device.clock };
    crate::session::Session::resume(&mut device.store, hands).unwrap().unwrap();
    bureau.now_says(witness(state.clone(), 2));
    bureau.round(&mut device, &mut long()).unwrap();
    assert_eq!(device.store.backlog().unwrap(), 0);
    assert_eq!(bureau.asked().iter().filter(|a| a.contains("add-checkpoint")).count(), 2);
    assert_eq!(device.store.stale().unwrap(), None);
}

#[test]
fn a_fork_or_a_bureau_that_knows_more_stops_this_disk() {
    let size: (u16, &str, Vec<u8>) = (409, witness::SIZE_TYPE, b"9\n".to_vec());
    let root: (u16, &str, Vec<u8>) = (409, "text/plain; charset=utf-8", b"forked\n".to_vec());
    let proof: (u16, &str, Vec<u8>) = (422, "text/plain; charset=utf-8", b"forked\n".to_vec());
    for (says, want) in [(size, "copy"), (root, "fork"), (proof, "fork")] {
        let mut device = Device::new();
        device.open("a").unwrap();
        let bureau =
            Bureau::new(move |m, path, b| if path == "/add-checkpoint" { says.clone() } else { takes(m, path, b) });
        bureau.round(&mut device, &mut long()).unwrap_err();
        assert_eq!(device.store.stale().unwrap().as_deref(), Some(want));
        bureau.asked();
        let _ = bureau.round(&mut device, &mut long());
        assert_eq!(bureau.asked(), ["GET /v1/devices/d1/assignments"], "nothing is sent from such a disk");
        assert_eq!(device.store.stale().unwrap().as_deref(), Some(want));
        assert_eq!(device.store.lines(1).unwrap().len(), 1, "everything is kept");
    }
}

#[test]
fn a_disk_that_knows_less_than_the_bureau_is_an_old_copy() {
    let mut device = two_sessions();
    let says = |counter| {
        move |m: &str, path: &str, b: &[u8]| {
            if path.ends_with("/assignments") { assigned(counter) } else { takes(m, path, b) }
        }
    };
    let bureau = Bureau::new(says(2));
    bureau.round(&mut device, &mut long()).unwrap();
    assert_eq!(device.store.stale().unwrap(), None);
    bureau.now_says(says(3));
    bureau.round(&mut device, &mut long()).unwrap();
    assert_eq!(device.store.stale().unwrap().as_deref(), Some("behind"));
    // The bureau itself was restored, and says so.
    bureau.now_says(says(2));
    bureau.round(&mut device, &mut long()).unwrap();
    assert_eq!(device.store.stale().unwrap(), None);
}

#[test]
fn a_contact_is_sent_as_it_was_kept_until_it_is_taken_and_sessions_wait_for_it() {
    let mut device = Device::new();
    let beacon = Checkpoint { origin: "muster.example".into(), size: 7, root: [9; 32] }.sign(&log_key());
    device.store.put_beacon(&beacon, &device.me.log_key).unwrap();
    device.store.put_contact(&device.me, &device.key).unwrap();
    let mut session = device.open("a").unwrap();
    device.close(&mut session).unwrap();
    let notes: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let (kept, mut answers) = (notes.clone(), vec![true, false]);
    let bureau = Bureau::new(move |m, path, b| match path {
        p if p.contains("/contacts/1") => {
            kept.lock().unwrap().push(b.to_vec());
            if answers.pop() == Some(false) { (502, "text/html", Vec::new()) } else { takes(m, path, b) }
        }
        _ => takes(m, path, b),
    });
    assert!(matches!(bureau.round(&mut device, &mut long()), Err(SyncError::Offline(_))));
    assert!(!has(&bureau.asked(), "/sessions/"));
    bureau.round(&mut device, &mut long()).unwrap();
    let notes = notes.lock().unwrap();
    assert!(notes.len() == 2 && notes[0] == notes[1]);
    assert!(device.store.outbox().unwrap().is_empty() && device.store.heard_ms().unwrap().is_some());
}

#[test]
fn a_rotation_that_was_noted_goes_before_all_else() {
    let mut device = two_sessions();
    let request = RotateRequest { counter: 2, key: "k".into(), by_old: "o".into(), by_new: "n".into(), sm2: None };
    device.store.set_fact(ROTATION, &serde_json::to_string(&request).unwrap()).unwrap();
    let bureau = Bureau::new(|_, _, _| (502, "text/html", Vec::new()));
    bureau.round(&mut device, &mut long()).unwrap_err();
    assert_eq!(bureau.asked(), ["POST /v1/devices/d1/rotate"]);
    bureau.now_says(takes);
    bureau.round(&mut device, &mut long()).unwrap();
    assert_eq!(bureau.asked()[0], "POST /v1/devices/d1/rotate");
    bureau.round(&mut device, &mut long()).unwrap();
    assert!(!has(&bureau.asked(), "rotate"));
}

#[test]
fn a_rotation_holds_where_its_answer_is_lost_and_not_where_it_is_refused() {
    use crate::identity;
    use crate::rotate::{Rotated, rotate};
    let device = Device::new();
    let old = identity::key(&device.store).unwrap();
    device.store.set_fact("key_id", &old.public().id()).unwrap();
    let turn = |bureau: &Bureau| {
        let key = identity::key(&device.store).unwrap();
        rotate(&device.store, &bureau.client, &device.me, &key, false)
    };
    let signer = || identity::key(&device.store).unwrap().public();
    let bureau = Bureau::new(|_, _, _| no(Kind::NotAuthentic));
    turn(&bureau).unwrap_err();
    assert_eq!(signer(), old.public(), "the bureau did not want it");
    assert!(!device.dir.path().join("device.key.next").exists());

    bureau.now_says(|_, _, _| (502, "text/html", Vec::new()));
    assert_eq!(turn(&bureau).unwrap(), Rotated::Pending);
    let new = signer();
    assert_ne!(new, old.public());
    let asked: Arc<Mutex<Vec<RotateRequest>>> = Arc::default();
    let kept = asked.clone();
    bureau.now_says(move |_, _, body| {
        kept.lock().unwrap().push(serde_json::from_slice(body).unwrap());
        (204, "text/plain", Vec::new())
    });
    // The same request again, and with it the end.
    assert_eq!(turn(&bureau).unwrap(), Rotated::Done);
    assert_eq!(asked.lock().unwrap()[0].key, new.to_base64());
    assert_eq!((signer(), device.store.fact(ROTATION).unwrap().as_deref()), (new, Some("")));
    // A second rotation follows the first.
    assert_eq!(turn(&bureau).unwrap(), Rotated::Done);
    assert_ne!(signer(), new);
}
