//! Every parser against bytes that nobody meant: it never panics, and where a format has one way to write a value,
//! whatever it reads it writes back as the same bytes.
//!
//! A long run is one command: `PROPTEST_CASES=2000000 cargo test --release -p muster-seal --test it parsers`.
//! `seal/fuzz` steers the same bodies by coverage, where `cargo fuzz` is installed.

use muster_seal::bundle::{Bundle, PARTS};
use muster_seal::central::{DocumentLeaf, EnrolLeaf, Leaf, RevokeLeaf, SealLeaf};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::cosignature::{WitnessKey, cosign};
use muster_seal::error::ProofError;
use muster_seal::key::{DeviceKey, NamedKey, Signer};
use muster_seal::merkle::{Hash, consistency_proof, inclusion_proof, leaf_hash, node_of, root};
use muster_seal::note::{Note, Signature};
use muster_seal::policy::{Policy, PolicyError};
use muster_seal::proof::{Receipt, read_hashes, write_hashes};
use muster_seal::record::Record;
use muster_seal::tile::{self, Tile};
use muster_seal::witness::{self, Request, decide};
use muster_seal::{line, session};
use proptest::prelude::*;
use proptest::sample::Index;

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

const ORIGIN: &str = "muster.example/log";

fn key(seed: u8) -> DeviceKey {
    DeviceKey::from_seed([seed; 32])
}

fn leaves(n: u64) -> Vec<Hash> {
    (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
}

fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint { origin: ORIGIN.into(), size, root: root(&leaves(size)) }
}

fn cosigned(size: u64) -> String {
    let at = checkpoint(size);
    at.sign(&key(1)) + &cosign(&at.text(), "a.example", &key(2), 5) + &cosign(&at.text(), "b.example", &key(3), 6)
}

fn policy_text() -> String {
    let (log, a, b) = (key(1).public().named(ORIGIN), key(2).public(), key(3).public());
    format!(
        "# 审计\nlog {log} https://log.example/\nwitness A {}\nwitness B\t{} u\ngroup G 1 A\ngroup H all G B\nquorum H\n",
        a.witness("a.example"),
        b.witness("b.example"),
    )
}

fn note(bytes: &[u8]) {
    let Ok(note) = Note::parse(bytes) else { return };
    let lines: String = note.signatures().iter().map(Signature::line).collect();
    assert_eq!(format!("{}\n{lines}", note.text()).as_bytes(), bytes);
    let _ = note.verify(&key(1).public().named(ORIGIN));
    let _ = muster_seal::cosignature::verify(&note, &key(2).public().witness("a.example"));
}

fn checkpoint_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(read) = Checkpoint::parse(text) {
        assert_eq!(read.text(), text);
    }
}

fn proof(bytes: &[u8]) {
    if let Ok(receipt) = Receipt::parse(bytes) {
        assert_eq!(receipt.text().as_bytes(), bytes);
        let _ = receipt.verify(b"leaf", &key(1).public().named(ORIGIN));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(hashes) = read_hashes(text) {
        assert_eq!(write_hashes(&hashes), text);
    }
}

fn tile_path(bytes: &[u8]) {
    if let Some(tile) = std::str::from_utf8(bytes).ok().and_then(Tile::parse) {
        assert_eq!(tile.path().as_bytes(), bytes);
    }
    if let Some(entries) = tile::read_entries(bytes) {
        assert_eq!(tile::write_entries(entries), bytes);
    }
}

fn policy(bytes: &[u8]) {
    let Ok(policy) = Policy::parse(bytes) else { return };
    // One space between words and no white space elsewhere is the same policy.
    let mut plain = Vec::new();
    for line in bytes.split(|b| *b == b'\n') {
        let words: Vec<&[u8]> = line.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
        plain.extend(words.join(&b' '));
        plain.push(b'\n');
    }
    plain.pop();
    assert_eq!(Policy::parse(&plain).as_ref(), Ok(&policy));
    let _ = policy.check(cosigned(3).as_bytes());
    // Who has everybody has the quorum.
    assert!(policy.quorum_met(|_| true));
}

fn witness_request(bytes: &[u8]) {
    if let Ok(request) = Request::parse(bytes, witness::MAX_REQUEST) {
        assert_eq!(request.text().as_bytes(), bytes);
        assert!(request.signed_text().unwrap().starts_with(&format!("{}\n", request.origin())));
        if let Ok(next) = decide(&request, Some((3, root(&leaves(3)))), &key(1).public().named(ORIGIN)) {
            // Only what the key signed passes, and it signed nothing but these.
            assert!(next == checkpoint(3) || next == checkpoint(7));
        }
    }
    if let Ok((cosignature, line)) = witness::read_answer(&cosigned(3), bytes, &key(2).public().witness("a.example")) {
        assert_eq!((cosignature.time_s, line), (5, cosign(&checkpoint(3).text(), "a.example", &key(2), 5)));
    }
    if let Some(size) = witness::read_size(bytes) {
        assert_eq!(format!("{size}\n").as_bytes(), bytes);
    }
}

fn record(bytes: &[u8]) {
    if let Ok(record) = Record::parse(bytes) {
        assert_eq!(record.line(), bytes);
    }
    if let Ok(fields) = line::parse(bytes) {
        assert_eq!(line::write(&fields), bytes);
    }
}

fn leaf(bytes: &[u8]) {
    if let Ok(leaf) = Leaf::parse(bytes) {
        assert_eq!(leaf.line(), bytes);
    }
}

fn bundle(bytes: &[u8]) {
    if let Ok(bundle) = Bundle::read(bytes) {
        assert_eq!(bundle.write().unwrap(), bytes);
    }
}

fn log(bytes: &[u8]) {
    if let Ok(log) = session::parse(bytes) {
        let lines: Vec<u8> = log.records().iter().flat_map(|record| [record.line(), b"\n".to_vec()].concat()).collect();
        assert_eq!(lines, bytes);
    }
}

fn vkey(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = NamedKey::parse(text) {
        assert_eq!(key.to_string(), text);
        assert!(WitnessKey::parse(text).is_err());
    }
    if let Ok(key) = WitnessKey::parse(text) {
        assert_eq!(key.to_string(), text);
    }
    #[cfg(feature = "sm2")]
    if let Ok(key) = muster_seal::sm2::Sm2NamedKey::parse(text) {
        assert_eq!(key.to_string(), text);
    }
}

fn notes() -> Vec<Vec<u8>> {
    vec![cosigned(3).into_bytes(), checkpoint(0).sign(&key(1)).into_bytes()]
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
    let at = "2026-03-02T08:00:00.000+08:00".to_owned();
    let (device, site, institution) = ("d1".to_owned(), "s1".to_owned(), "i1".to_owned());
    let seal = SealLeaf { device: device.clone(), counter: 7, seal: cosigned(3), received: at.clone() };
    let key = key(1).public().to_base64();
    let enrol = EnrolLeaf { device: device.clone(), key, site, institution, at: at.clone() };
    let revoke = RevokeLeaf { device, counter: 0, reason: "遗失\n\"x\"\\".into(), at: at.clone() };
    let document = DocumentLeaf { what: "policy".into(), name: "2026".into(), sha256: "0a".repeat(32), at };
    [Leaf::Seal(seal), Leaf::Enrol(enrol), Leaf::Revoke(revoke), Leaf::Document(document)]
        .iter()
        .map(Leaf::line)
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
    fn notes_hold_up(bytes in near(notes())) { note(&bytes); }

    #[test]
    fn checkpoints_hold_up(bytes in near(vec![checkpoint(0).text().into(), checkpoint(257).text().into()])) {
        checkpoint_text(&bytes);
    }

    #[test]
    fn proofs_hold_up(bytes in near(receipts())) { proof(&bytes); }

    #[test]
    fn tile_paths_hold_up(bytes in near(paths())) { tile_path(&bytes); }

    #[test]
    fn policies_hold_up(bytes in near(vec![policy_text().into(), b"quorum none\n".to_vec()])) { policy(&bytes); }

    #[test]
    fn witness_requests_hold_up(bytes in near(requests())) { witness_request(&bytes); }

    #[test]
    fn records_hold_up(bytes in near(lines())) { record(&bytes); }

    #[test]
    fn central_leaves_hold_up(bytes in near(central_leaves())) { leaf(&bytes); }

    #[test]
    fn bundles_hold_up(bytes in near(bundles())) { bundle(&bytes); }

    #[test]
    fn logs_hold_up(bytes in near(vec![Made::of(every_kind()).bytes()])) { log(&bytes); }

    #[test]
    fn keys_hold_up(bytes in near(vkeys())) { vkey(&bytes); }

    #[test]
    fn proofs_of_any_size_are_refused_without_a_panic(
        index: u64, old: u64, size: u64, proof in prop::collection::vec(any::<Hash>(), 0..66), root: Hash,
    ) {
        use muster_seal::merkle::{verify_consistency, verify_inclusion};
        prop_assert!(verify_inclusion(&root, index, size, &proof, &[1; 32]).is_err());
        prop_assert!(verify_consistency(old, &root, size, &[1; 32], &proof).is_err());
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
    let text = policy_text();
    assert_eq!(Policy::parse(text.as_bytes()).unwrap().check(cosigned(3).as_bytes()).unwrap().quorum_at, Some(6));
    assert_eq!(Policy::parse(&text.as_bytes()[..10]), Err(PolicyError::Cut { line: 2 }));
    let answer = &requests()[3];
    witness::read_answer(&cosigned(3), answer, &key(2).public().witness("a.example")).unwrap();
}
