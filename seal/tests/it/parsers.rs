//! Every parser against bytes that nobody meant: it never panics, and where a format has one way to write a value,
//! whatever it reads it writes back as the same bytes.
//!
//! A long run is one command: `PROPTEST_CASES=2000000 cargo test --release -p muster-seal --test it parsers`.
//! `seal/fuzz` steers the same bodies by coverage, where `cargo fuzz` is installed.

use muster_seal::bundle::{Bundle, PARTS};
use muster_seal::central::{
    ContactLeaf, DispositionLeaf, DocumentLeaf, EnrolLeaf, Leaf, ReplaceLeaf, RevokeLeaf, RotateLeaf, SealLeaf,
};
use muster_seal::chain::Contact;
use muster_seal::cosignature::cosign;
use muster_seal::error::ProofError;
use muster_seal::key::Signer;
use muster_seal::merkle::{Hash, consistency_proof, inclusion_proof, node_of};
use muster_seal::note::Note;
use muster_seal::policy::{Policy, PolicyError};
use muster_seal::proof::{Receipt, write_hashes};
use muster_seal::record::Record;
use muster_seal::tile::{self, Tile};
use muster_seal::witness::{self, Request};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::bodies::{self, ORIGIN, checkpoint, cosigned, key, leaves};
use crate::made::{Made, every_kind};

/// One thing that goes wrong with bytes on their way.
#[derive(Debug, Clone)]
pub enum Edit {
    Set(Index, u8),
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
    Cut(Index),
}

pub fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let at = any::<Index>;
    // Bytes that mean something in one of the formats, and any other.
    let byte = || prop_oneof![prop::sample::select(b" \n+0129/=-_{}[]\",:.#\t\r\x00\x7f\xff".to_vec()), any::<u8>()];
    let edit = prop_oneof![
        (at(), byte()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        (at(), 0..8u8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        (at(), prop::collection::vec(byte(), 1..5)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (at(), 1..80usize).prop_map(|(at, n)| Edit::Remove(at, n)),
        (at(), 1..200usize).prop_map(|(at, n)| Edit::Repeat(at, n)),
        at().prop_map(Edit::Cut),
    ];
    prop::collection::vec(edit, 0..4)
}

pub fn bend(bytes: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for edit in edits {
        let (len, at) = (out.len(), |at: &Index, len: usize| at.index(len.max(1)));
        match edit {
            Edit::Set(i, byte) if len > 0 => out[at(i, len)] = *byte,
            Edit::Flip(i, bit) if len > 0 => out[at(i, len)] ^= 1 << bit,
            Edit::Set(..) | Edit::Flip(..) => {}
            Edit::Insert(i, more) => drop(out.splice(at(i, len + 1)..at(i, len + 1), more.iter().copied())),
            Edit::Remove(i, n) => drop(out.drain(at(i, len).min(len)..(at(i, len) + n).min(len))),
            Edit::Repeat(i, n) => {
                let part = out[at(i, len).min(len)..(at(i, len) + n).min(len)].to_vec();
                let end = (at(i, len) + n).min(len);
                drop(out.splice(end..end, part));
            }
            Edit::Cut(i) => out.truncate(at(i, len)),
        }
    }
    out
}

/// Arbitrary bytes, or one of these bent.
fn near(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..600),
        4 => (prop::sample::select(seeds), edits()).prop_map(|(seed, edits)| bend(&seed, &edits)),
    ]
}

fn policy_text() -> String {
    let (log, a, b) = (key(1).public().named(ORIGIN), key(2).public(), key(3).public());
    format!(
        "# 审计\nlog {log} https://log.example/\nwitness A {}\nwitness B\t{} u\ngroup G 1 A\ngroup H all G B\nquorum H\n",
        a.witness("a.example"),
        b.witness("b.example"),
    )
}

fn notes() -> Vec<Vec<u8>> {
    vec![cosigned(3).into_bytes(), checkpoint(0).sign(&key(1)).into_bytes()]
}

fn checkpoints() -> Vec<Vec<u8>> {
    [0, 257].map(|size| checkpoint(size).text().into_bytes()).into()
}

fn policies() -> Vec<Vec<u8>> {
    vec![policy_text().into_bytes(), b"quorum none\n".to_vec()]
}

fn logs() -> Vec<Vec<u8>> {
    vec![Made::of(every_kind()).bytes()]
}

fn receipts() -> Vec<Vec<u8>> {
    let made = |index: u64, size: u64| {
        let hashes = inclusion_proof::<ProofError>(index, size, node_of(&leaves(size))).unwrap();
        Receipt { index, hashes, checkpoint: cosigned(size) }.text().into_bytes()
    };
    vec![made(0, 1), made(5, 7), made(256, 257), write_hashes(&leaves(9)).into_bytes()]
}

fn requests() -> Vec<Vec<u8>> {
    let made = |old: u64, new: u64| {
        let proof = consistency_proof::<ProofError>(old, new, node_of(&leaves(new))).unwrap();
        Request { old_size: old, proof, checkpoint: checkpoint(new).sign(&key(1)) }.text().into_bytes()
    };
    let answer = cosign(&checkpoint(3).text(), "a.example", &key(2), 5);
    vec![made(0, 3), made(3, 3), made(3, 7), answer.into_bytes(), b"17\n".to_vec()]
}

fn lines() -> Vec<Vec<u8>> {
    Made::of(every_kind()).lines
}

fn central_leaves() -> Vec<Vec<u8>> {
    let at = || "2026-03-02T08:00:00.000+08:00".to_owned();
    let (device, site, institution) = (|| "d1".to_owned(), "s1".to_owned(), "i1".to_owned());
    let (key, reason) = (|| key(1).public().to_base64(), || "lost".to_owned());
    let (by_old, by_new) = (key(), key());
    let (note, by, decision) = (contact().sign("muster.example", &bodies::key(1)), "o1".into(), "uphold".into());
    let hash = || "0a".repeat(32);
    [
        Leaf::Seal(SealLeaf { device: device(), counter: 7, seal: cosigned(3), received: at() }),
        Leaf::Enrol(EnrolLeaf { device: device(), key: key(), site, institution, sm2: None, at: at() }),
        Leaf::Revoke(RevokeLeaf { device: device(), counter: 0, reason: reason(), at: at() }),
        Leaf::Rotate(RotateLeaf { device: device(), counter: 7, key: key(), by_old, by_new, sm2: None, at: at() }),
        Leaf::Replace(ReplaceLeaf { device: device(), old: "d0".into(), counter: 7, reason: reason(), at: at() }),
        Leaf::Contact(ContactLeaf { device: device(), counter: 8, note, received: at() }),
        Leaf::Disposition(DispositionLeaf { finding: "r/c/-".into(), decision, by, reason_sha256: hash(), at: at() }),
        Leaf::Document(DocumentLeaf { what: "policy".into(), name: "2026".into(), sha256: hash(), at: at() }),
    ]
    .iter()
    .map(Leaf::line)
    .collect()
}

fn contact() -> Contact {
    Contact { device: "d1".into(), counter: 8, prev: "0a".repeat(32), beacon: 3, root: checkpoint(3).root }
}

fn contacts() -> Vec<Vec<u8>> {
    [contact(), Contact { prev: String::new(), ..contact() }]
        .iter()
        .map(|c| Note::parse(c.sign("muster.example", &key(1)).as_bytes()).unwrap().text().into())
        .collect()
}

fn bundles() -> Vec<Vec<u8>> {
    let made = |len: usize| {
        let mut bundle = Bundle::default();
        for (i, name) in PARTS.into_iter().enumerate() {
            bundle.put(name, vec![b'x'; len * i]).unwrap();
            bundle.push_life(vec![b'y'; len], vec![b'z'; len * i]);
        }
        bundle.write().unwrap()
    };
    vec![made(0), made(171)]
}

fn vkeys() -> Vec<Vec<u8>> {
    let public = key(1).public();
    let mut made = vec![public.named(ORIGIN).to_string(), public.witness(ORIGIN).to_string()];
    #[cfg(feature = "sm2")]
    made.push(muster_seal::sm2::Sm2Key::from_number(&[7; 32]).unwrap().named(ORIGIN).to_string());
    made.extend([String::new(), "++".into()]);
    made.into_iter().map(String::into_bytes).collect()
}

fn paths() -> Vec<Vec<u8>> {
    let tile = |level, index, width| Tile { level, index, width }.path().into_bytes();
    vec![
        tile(Some(0), 0, 256),
        tile(Some(63), u64::MAX, 255),
        tile(None, 1_234_067, 7),
        tile::write_entries([&b"a"[..], b"", b"xyz"]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn notes_hold_up(bytes in near(notes())) { bodies::note(&bytes); }

    #[test]
    fn checkpoints_hold_up(bytes in near(checkpoints())) {
        bodies::checkpoint_text(&bytes);
    }

    #[test]
    fn proofs_hold_up(bytes in near(receipts())) { bodies::proof(&bytes); }

    #[test]
    fn tile_paths_hold_up(bytes in near(paths())) { bodies::tile_path(&bytes); }

    #[test]
    fn policies_hold_up(bytes in near(policies())) { bodies::policy(&bytes); }

    #[test]
    fn witness_requests_hold_up(bytes in near(requests())) { bodies::witness_request(&bytes); }

    #[test]
    fn records_hold_up(bytes in near(lines())) { bodies::record(&bytes); }

    #[test]
    fn central_leaves_hold_up(bytes in near(central_leaves())) { bodies::leaf(&bytes); }

    #[test]
    fn bundles_hold_up(bytes in near(bundles())) { bodies::bundle(&bytes); }

    #[test]
    fn logs_hold_up(bytes in near(logs())) { bodies::log(&bytes); }

    #[test]
    fn contacts_hold_up(bytes in near(contacts())) { bodies::contact(&bytes); }

    #[test]
    fn keys_hold_up(bytes in near(vkeys())) { bodies::vkey(&bytes); }

    #[test]
    fn proofs_of_any_size_are_refused_without_a_panic(
        index: u64, old: u64, size: u64, proof in prop::collection::vec(any::<Hash>(), 0..66), root: Hash,
    ) {
        use muster_seal::merkle::{verify_consistency, verify_inclusion};
        prop_assert!(verify_inclusion(&root, index, size, &proof, &[1; 32]).is_err());
        prop_assert!(verify_consistency(old, &root, size, &[1; 32], &proof).is_err());
    }
}

/// Seeds for `seal/fuzz`, one file each.
#[test]
#[ignore = "writes files for cargo fuzz, where MUSTER_SEEDS says"]
#[allow(clippy::disallowed_methods, reason = "files for cargo fuzz")]
fn seeds() {
    let dir = std::path::PathBuf::from(std::env::var_os("MUSTER_SEEDS").expect("MUSTER_SEEDS names no folder"));
    for (target, seeds) in [
        ("note", notes()),
        ("checkpoint", checkpoints()),
        ("proof", receipts()),
        ("tile_path", paths()),
        ("bundle", bundles()),
        ("record", lines()),
        ("leaf", central_leaves()),
        ("contact", contacts()),
        ("log", logs()),
        ("policy", policies()),
        ("witness_request", requests()),
        ("vkey", vkeys()),
    ] {
        std::fs::create_dir_all(dir.join(target)).unwrap();
        for (i, seed) in seeds.iter().enumerate() {
            std::fs::write(dir.join(target).join(format!("seed-{i}")), seed).unwrap();
        }
    }
}

#[test]
fn what_is_bent_here_was_straight() {
    // A seed that no longer parses would leave its parser untested without a word.
    notes().iter().for_each(|bytes| drop(Note::parse(bytes).unwrap()));
    receipts()[..3].iter().for_each(|bytes| drop(Receipt::parse(bytes).unwrap()));
    requests()[..3].iter().for_each(|bytes| drop(Request::parse(bytes, witness::MAX_REQUEST).unwrap()));
    lines().iter().for_each(|bytes| drop(Record::parse(bytes).unwrap()));
    central_leaves().iter().for_each(|bytes| drop(Leaf::parse(bytes).unwrap()));
    bundles().iter().for_each(|bytes| drop(Bundle::read(bytes).unwrap()));
    contacts().iter().for_each(|bytes| assert!(bodies::contact(bytes)));
    let text = policy_text();
    assert_eq!(Policy::parse(text.as_bytes()).unwrap().check(cosigned(3).as_bytes()).unwrap().quorum_at, Some(6));
    assert_eq!(Policy::parse(&text.as_bytes()[..10]), Err(PolicyError::Cut { line: 2 }));
    let answer = &requests()[3];
    witness::read_answer(&cosigned(3), answer, &key(2).public().witness("a.example")).unwrap();
}
