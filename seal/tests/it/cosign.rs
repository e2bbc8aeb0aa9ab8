//! A log, witnesses that the bureau does not run, and an auditor's policy, end to end over bytes.

use std::collections::BTreeMap;

use muster_seal::checkpoint::Checkpoint;
use muster_seal::cosignature::cosign;
use muster_seal::error::{NoteError, ProofError};
use muster_seal::key::{DeviceKey, NamedKey, Signer};
use muster_seal::merkle::{Hash, consistency_proof, leaf_hash, node_of, root};
use muster_seal::policy::{Policy, PolicyError};
use muster_seal::witness::{MAX_REQUEST, Refusal, Request, decide, read_answer, read_size};
use proptest::prelude::*;

const ORIGIN: &str = "muster.example/log";

fn key(seed: u8) -> DeviceKey {
    DeviceKey::from_seed([seed; 32])
}

/// The entries of the log as it is told to some; another branch differs from entry `from` on.
fn leaves(n: u64, branch: u8, from: u64) -> Vec<Hash> {
    (0..n).map(|i| leaf_hash(format!("{i} {}", if i < from { 0 } else { branch }).as_bytes())).collect()
}

fn checkpoint(leaves: &[Hash]) -> Checkpoint {
    Checkpoint { origin: ORIGIN.into(), size: leaves.len() as u64, root: root(leaves) }
}

fn request(leaves: &[Hash], old: u64) -> Request {
    let proof = consistency_proof::<ProofError>(old.min(leaves.len() as u64), leaves.len() as u64, node_of(leaves));
    Request { old_size: old, proof: proof.unwrap(), checkpoint: checkpoint(leaves).sign(&key(1)) }
}

/// A witness as a program would be around the pure parts: a table of logs, a key, a clock.
struct Witness {
    name: &'static str,
    key: DeviceKey,
    logs: BTreeMap<String, (NamedKey, Option<(u64, Hash)>)>,
    cosigned: Vec<Checkpoint>,
}

impl Witness {
    fn new(name: &'static str, seed: u8) -> Self {
        let logs = [(ORIGIN.to_owned(), (key(1).public().named(ORIGIN), None))].into();
        Self { name, key: key(seed), logs, cosigned: Vec::new() }
    }

    fn post(&mut self, body: &[u8], now_s: u64) -> Result<String, Refusal> {
        let request = Request::parse(body, MAX_REQUEST)?;
        let origin = request.origin().to_owned();
        let (key, known) = self.logs.get_mut(&origin).ok_or(Refusal::UnknownOrigin { origin })?;
        let next = decide(&request, *known, key)?;
        *known = Some((next.size, next.root));
        self.cosigned.push(next);
        Ok(cosign(&request.signed_text().unwrap(), self.name, &self.key, now_s))
    }
}

fn policy() -> Policy {
    let text = format!(
        "log {}\nwitness audit {}\nwitness finance {}\ngroup offices all audit finance\nquorum offices\n",
        key(1).public().named(ORIGIN),
        key(2).public().witness("audit.example/w"),
        key(3).public().witness("finance.example/w"),
    );
    Policy::parse(text.as_bytes()).unwrap()
}

#[test]
fn a_checkpoint_gathers_the_cosignatures_that_the_auditor_asks_for() {
    let policy = policy();
    let mut offices = [Witness::new("audit.example/w", 2), Witness::new("finance.example/w", 3)];
    let tree = leaves(7, 0, 9);
    let mut note = checkpoint(&tree).sign(&key(1));
    assert_eq!(
        policy.check(note.as_bytes()).unwrap_err().to_string(),
        "quorum not met: 0 of the needed 2 cosigned (missing: audit, finance)"
    );
    for (office, now_s) in offices.iter_mut().zip([1_772_400_000, 1_772_400_007]) {
        let answer = office.post(request(&tree, 0).text().as_bytes(), now_s).unwrap();
        let known = policy.witnesses().iter().find(|w| w.key.name() == office.name).unwrap();
        let (cosignature, line) = read_answer(&note, answer.as_bytes(), &known.key).unwrap();
        assert_eq!(cosignature.time_s, now_s);
        note += &line;
        if office.name.starts_with("audit") {
            assert_eq!(
                policy.check(note.as_bytes()).unwrap_err().to_string(),
                "quorum not met: 1 of the needed 2 cosigned (missing: finance)"
            );
        }
    }
    let witnessed = policy.check(note.as_bytes()).unwrap();
    assert_eq!(witnessed.quorum_at, Some(1_772_400_007));
    assert_eq!(witnessed.cosignatures, [("audit".into(), 1_772_400_000), ("finance".into(), 1_772_400_007)]);
    // An auditor may know the log's key alone, and ignores the witnesses' lines.
    assert_eq!(Checkpoint::open(note.as_bytes(), &key(1).public().named(ORIGIN)), Ok(witnessed.checkpoint));
}

#[test]
fn a_log_that_lost_count_is_told_the_size_and_catches_up() {
    let mut office = Witness::new("audit.example/w", 2);
    let tree = leaves(9, 0, 9);
    office.post(request(&tree[..5], 0).text().as_bytes(), 1).unwrap();
    let refusal = office.post(request(&tree, 3).text().as_bytes(), 2).unwrap_err();
    assert_eq!((refusal.status(), refusal.content_type()), (409, "text/x.tlog.size"));
    let size = read_size(refusal.body().as_bytes()).unwrap();
    office.post(request(&tree, size).text().as_bytes(), 3).unwrap();
}

#[test]
fn a_database_from_yesterday_is_refused_and_so_is_the_log_that_goes_on_from_it() {
    let mut office = Witness::new("audit.example/w", 2);
    office.post(request(&leaves(9, 0, 9), 0).text().as_bytes(), 1).unwrap();
    // Restored at size 6, its next checkpoint has other entries from there.
    let restored = leaves(8, 1, 6);
    let refusal = office.post(request(&restored, 6).text().as_bytes(), 2).unwrap_err();
    assert_eq!(refusal.to_string(), "the old size is 6; the newest checkpoint cosigned here has size 9");
    // When it has grown past what the witness saw, no proof leads there.
    let grown = leaves(11, 1, 6);
    let refusal = office.post(request(&grown, 9).text().as_bytes(), 3).unwrap_err();
    assert_eq!(
        (refusal.status(), refusal.to_string().as_str()),
        (422, "the consistency proof does not hold: the proof leads to another root")
    );
    let same = office.post(request(&leaves(9, 1, 6), 9).text().as_bytes(), 4).unwrap_err();
    assert_eq!(same, Refusal::Fork { size: 9 });
}

#[test]
fn a_witness_knows_the_logs_it_was_told_of_and_no_other() {
    let mut office = Witness::new("audit.example/w", 2);
    let other = Checkpoint { origin: "other.example".into(), size: 1, root: [1; 32] };
    let body = Request { old_size: 0, proof: Vec::new(), checkpoint: other.sign(&key(1)) }.text();
    let refusal = office.post(body.as_bytes(), 1).unwrap_err();
    assert_eq!((refusal.status(), refusal.to_string().as_str()), (404, "no log \"other.example\" is known here"));
    // A cosignature where the log's signature belongs is none, even under the log's name and by its own key.
    let text = checkpoint(&leaves(2, 0, 9)).text();
    let posing = format!("{text}\n{}", cosign(&text, ORIGIN, &key(1), 5));
    let body = Request { old_size: 0, proof: Vec::new(), checkpoint: posing }.text();
    let refusal = office.post(body.as_bytes(), 1).unwrap_err();
    assert_eq!(refusal, Refusal::Signature(NoteError::NoKnownSignature { name: ORIGIN.into() }));
    assert_eq!(refusal.status(), 403);
}

#[test]
fn a_witness_key_offered_as_log_key_is_named_as_one() {
    let line = format!("log {}\nquorum none\n", key(2).public().witness(ORIGIN));
    let refused = Policy::parse(line.as_bytes()).unwrap_err();
    assert_eq!(refused, PolicyError::Key { line: 1, source: NoteError::WitnessKey { name: ORIGIN.into() } });
    assert_eq!(
        refused.to_string(),
        "line 1: the key of muster.example/log is a witness key (type 0x04): it cosigns checkpoints and cannot sign as a log"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a log with two faces asks for, in whatever order, the witness vouches for one of them only.
    #[test]
    fn a_witness_never_cosigns_both_sides_of_a_fork(
        from in 0..12u64,
        asked in prop::collection::vec((0..2u8, 0..14u64, 0..16u64, any::<bool>()), 1..40),
    ) {
        let mut office = Witness::new("audit.example/w", 2);
        for (branch, new, old, honest) in asked {
            // A log that knows what it does asks from the size the witness has.
            let known = office.cosigned.last().map_or(0, |c| c.size);
            let body = request(&leaves(new, branch, from), if honest { known } else { old }).text();
            let before = office.cosigned.len();
            match office.post(body.as_bytes(), 1) {
                Ok(_) => prop_assert!(new >= known),
                Err(refusal) => {
                    prop_assert!(matches!(refusal.status(), 400 | 409 | 422), "{}", refusal);
                    prop_assert_eq!(office.cosigned.len(), before);
                }
            }
        }
        let is_on = |branch: u8| office.cosigned.iter().all(|c| *c == checkpoint(&leaves(c.size, branch, from)));
        prop_assert!(is_on(0) || is_on(1));
        prop_assert!(office.cosigned.is_sorted_by_key(|c| c.size));
    }
}
