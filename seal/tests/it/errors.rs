//! One case for each rule of a log, a proof and a bundle that can be broken: the variant, and the words a person reads.

use muster_seal::bundle::{Bundle, LOG, PARTS, SEAL};
use muster_seal::chain::{ChainError, Link, seal_id};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::error::{BundleError, LineError, LogError, NoteError, ProofError};
use muster_seal::key::{DeviceKey, Signer};
use muster_seal::merkle::{Edge, consistency_proof, inclusion_proof, leaf_hash, verify_consistency, verify_inclusion};
use muster_seal::proof::{Receipt, ReceiptError};
use muster_seal::record::Open;
use muster_seal::session;

use crate::made::{Made, ORIGIN, every_kind, key, open};

/// Holds an error to its variant and to its words.
#[track_caller]
fn says<E: std::error::Error + PartialEq>(found: E, want: E, words: &str) {
    assert_eq!(found, want);
    assert_eq!(found.to_string(), words);
}

#[track_caller]
fn refused(made: &Made, want: LogError, words: &str) {
    says(made.verify().unwrap_err(), want, words);
}

fn good() -> Made {
    Made::of(every_kind())
}

/// A line of the log as it stands, under another `seq`.
fn again(made: &Made, line: usize, seq: usize) -> Vec<u8> {
    made.with(line, &format!("\"seq\":{}", line - 1), &format!("\"seq\":{seq}")).lines[line - 1].clone()
}

#[test]
fn a_log_that_is_empty_cut_or_not_closed() {
    let made = good();
    let verify = |bytes: &[u8]| session::verify(bytes, &made.seal, ORIGIN, &key().public()).unwrap_err();
    says(verify(b""), LogError::Empty, "the log is empty");
    let bytes = made.bytes();
    let cut = verify(&bytes[..bytes.len() - 1]);
    says(cut, LogError::Cut { line: 21 }, "line 21 is cut short: it has no newline");
    let mut open = made.clone();
    open.lines.truncate(20);
    refused(&open.sealed_again(), LogError::NotClosed { line: 20 }, "line 20: the log does not end with `close`");
    let mut more = made.clone();
    more.lines.push(again(&made, 9, 21));
    refused(&more.sealed_again(), LogError::AfterClose { line: 22 }, "line 22: a record after `close`");
}

#[test]
fn a_line_that_breaks_the_format() {
    let source = LineError::MissingField { field: "reader" };
    let bent = good().with(9, "\"reader\":\"door\",", "");
    refused(&bent, LogError::Line { line: 9, source }, "line 9: field \"reader\" is missing");
}

#[test]
fn lines_out_of_order() {
    let made = good();
    let words = "line 5: seq is 5, not 4: a record is missing, doubled or out of order";
    let want = || LogError::Seq { line: 5, found: 5, want: 4 };
    let mut dropped = made.clone();
    dropped.lines.remove(4);
    refused(&dropped.sealed_again(), want(), words);
    let mut swapped = made.clone();
    swapped.lines.swap(4, 5);
    refused(&swapped.sealed_again(), want(), words);
    let mut doubled = made.clone();
    doubled.lines.insert(4, made.lines[3].clone());
    let words = "line 5: seq is 3, not 4: a record is missing, doubled or out of order";
    refused(&doubled.sealed_again(), LogError::Seq { line: 5, found: 3, want: 4 }, words);

    let words = |line| format!("line {line}: `open` is the first record of a log and of no other place");
    let mut headless = made.clone();
    headless.lines[0] = again(&made, 9, 0);
    refused(&headless.sealed_again(), LogError::Open { line: 1 }, &words(1));
    let mut twice = made.clone();
    twice.lines[8] = again(&made, 1, 8);
    refused(&twice.sealed_again(), LogError::Open { line: 9 }, &words(9));

    let back = made.with(9, "\"up_ms\":8000", "\"up_ms\":6999").sealed_again();
    refused(&back, LogError::Backwards { line: 9 }, "line 9: up_ms goes backwards within one boot");
    // Boot time starts again with a boot, and with nothing else.
    let mut boots = made;
    for line in 9..=21 {
        boots = boots.with(line, "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdee");
    }
    boots.with(9, "\"up_ms\":8000", "\"up_ms\":0").sealed_again().verify().unwrap();
}

#[test]
fn counts_that_are_not_the_log_s() {
    for (from, to, field) in [
        ("\"card\":4", "\"card\":3", "kinds"),
        ("\"stranger\":1", "\"stranger\":1,\"zz\":0", "kinds"),
        ("\"door\":5", "\"door\":4", "readers"),
        ("\"declined\":1", "", "reasons"),
    ] {
        let bent = good().with(21, from, to).sealed_again();
        let want = LogError::Counts { line: 21, field: field.to_owned() };
        refused(&bent, want, &format!("line 21: `close` counts {field} wrongly"));
    }
}

#[test]
fn records_that_point_at_the_wrong_record() {
    // The camera's verdict on the other card, on no card, on a card that comes later; another's face; another's card.
    for (line, from, to, field, seq, want) in [
        (4, "\"tap\":2", "\"tap\":5", "tap", 5, "card"),
        (4, "\"tap\":2", "\"tap\":1", "tap", 1, "card"),
        (5, "\"tap\":2", "\"tap\":13", "tap", 13, "card"),
        (5, "\"face\":3", "\"face\":6", "face", 6, "face"),
        (5, "\"face\":3", "\"face\":2", "face", 2, "face"),
        (15, "\"tap\":13", "\"tap\":5", "tap", 5, "card"),
        (7, "\"trainee\":\"t2\"", "\"trainee\":\"t1\"", "tap", 5, "card"),
    ] {
        let bent = good().with(line, from, to).sealed_again();
        let words =
            format!("line {line}: {field} points at seq {seq}, which is no earlier {want} record of the same trainee");
        refused(&bent, LogError::Reference { line: line as u64, field, seq, want }, &words);
    }
    // A face of the same trainee at another tap.
    let bent = good().with(15, "\"kind\":\"present\"", "\"face\":3,\"kind\":\"present\"").sealed_again();
    assert!(matches!(bent.verify(), Err(LogError::Reference { line: 15, field: "face", seq: 3, .. })));
}

#[test]
fn a_seal_over_something_else() {
    let made = good();
    let bent = made.with(5, "\"level\":4", "\"level\":3");
    let words = "the records do not hash to the sealed root: lines 1 to 21 are not what was sealed";
    refused(&bent, LogError::Root { found: 21 }, words);
    let mut edge = Edge::default();
    made.lines[..20].iter().for_each(|line| edge.push(leaf_hash(line)));
    let early = Made { seal: session::seal_at(ORIGIN, &edge, &key()), ..made.clone() };
    refused(&early, LogError::Size { sealed: 20, found: 21 }, "the seal covers 20 records and the log has 21");

    let other = DeviceKey::from_seed([8; 32]);
    edge.push(leaf_hash(&made.lines[20]));
    let foreign = Made { seal: session::seal_at(ORIGIN, &edge, &other), ..made.clone() };
    let source = NoteError::NoKnownSignature { name: ORIGIN.to_owned() };
    refused(&foreign, LogError::Seal(source), "seal: no signature by muster.example/d/d1/s/1");
    // The seal is by the key that the caller trusts, and the log says that another made it.
    let seal = session::seal_at(ORIGIN, &edge, &other);
    let said = session::verify(&made.bytes(), &seal, ORIGIN, &other.public()).unwrap_err();
    let (found, want) = (key().public().id(), other.public().id());
    let words = format!("line 1: `open` says key \"{found}\" and the seal \"{want}\"");
    says(said, LogError::Identity { field: "key", found, want }, &words);
    // Another counter's origin, and a device whose name ends like this one's.
    for origin in ["muster.example/d/d1/s/2", "muster.example/d/xd1/s/1", "muster.example/d/d1/s/11"] {
        let seal = session::seal_at(origin, &edge, &key());
        let said = session::verify(&made.bytes(), &seal, origin, &key().public()).unwrap_err();
        let found = "/d/d1/s/1".to_owned();
        let words = format!("line 1: `open` says device and counter \"{found}\" and the seal \"{origin}\"");
        says(said, LogError::Identity { field: "device and counter", found, want: origin.to_owned() }, &words);
    }
}

#[test]
fn proofs_that_do_not_hold() {
    let leaves: Vec<_> = (0..5u8).map(|i| leaf_hash(&[i])).collect();
    let node = muster_seal::merkle::node_of(&leaves);
    let (root, old) = (muster_seal::merkle::root(&leaves), muster_seal::merkle::root(&leaves[..3]));
    let mut proof = inclusion_proof::<ProofError>(2, 5, &node).unwrap();
    let index = ProofError::Index { index: 5, size: 5 };
    says(verify_inclusion(&leaves[2], 5, 5, &proof, &root).unwrap_err(), index, "index 5 is outside a tree of size 5");
    assert_eq!(inclusion_proof::<ProofError>(5, 5, &node), Err(index));
    let short = verify_inclusion(&leaves[2], 2, 5, &proof[1..], &root).unwrap_err();
    says(short, ProofError::Length { found: 2, want: 3 }, "the proof has 2 hashes, not 3");
    proof[0][0] ^= 1;
    let bent = verify_inclusion(&leaves[2], 2, 5, &proof, &root).unwrap_err();
    says(bent, ProofError::Root, "the proof leads to another root");

    let proof = consistency_proof::<ProofError>(3, 5, &node).unwrap();
    verify_consistency(3, &old, 5, &root, &proof).unwrap();
    let shrinks = ProofError::Shrinks { old: 5, new: 3 };
    let said = verify_consistency(5, &root, 3, &old, &proof).unwrap_err();
    says(said, shrinks, "a tree of size 5 is no prefix of one of size 3");
    assert_eq!(consistency_proof::<ProofError>(5, 3, &node), Err(shrinks));
    assert_eq!(verify_consistency(3, &root, 5, &root, &proof), Err(ProofError::Root));
    let long = [&proof[..], &[[0; 32]]].concat();
    assert_eq!(verify_consistency(3, &old, 5, &root, &long), Err(ProofError::Length { found: 5, want: 4 }));
    // From nothing, and to itself: no hashes, and the roots must be those.
    let empty = muster_seal::merkle::root(&[]);
    assert_eq!(verify_consistency(0, &empty, 5, &root, &[]), Ok(()));
    assert_eq!(verify_consistency(0, &old, 5, &root, &[]), Err(ProofError::Root));
    assert_eq!(verify_consistency(5, &root, 5, &old, &[]), Err(ProofError::Root));
    assert_eq!(verify_consistency(5, &root, 5, &root, &proof), Err(ProofError::Length { found: 4, want: 0 }));
    assert_eq!(Edge::from_parts(5, leaves[..3].to_vec()), Err(ProofError::Length { found: 3, want: 2 }));
}

#[test]
fn receipts_for_another_leaf_or_by_another_log() {
    let (leaf, origin) = (b"entry", "muster.example/log");
    let checkpoint = Checkpoint { origin: origin.to_owned(), size: 1, root: leaf_hash(leaf) }.sign(&key());
    let receipt = Receipt { index: 0, hashes: Vec::new(), checkpoint };
    let log = key().public().named(origin);
    assert_eq!(receipt.verify(leaf, &log).unwrap().size, 1);
    says(receipt.verify(b"other", &log).unwrap_err(), ProofError::Root.into(), "the proof leads to another root");
    let origin = NoteError::Origin { found: origin.to_owned(), want: "other.example/log".to_owned() };
    let said = receipt.verify(leaf, &key().public().named("other.example/log")).unwrap_err();
    let words = "the origin is \"muster.example/log\", not \"other.example/log\"";
    says(said, ReceiptError::from(origin), words);
}

#[test]
fn sessions_that_do_not_follow() {
    let link = Link { counter: 4, seal: seal_id("seal 4"), beacon: 100 };
    let open = |counter, prev: &str| Open { counter, prev: prev.to_owned(), ..open() };
    link.check(&open(5, &link.seal), 100).unwrap();
    let said = |counter, prev: &str, beacon| link.check(&open(counter, prev), beacon).unwrap_err();
    let words = "the session counter is 6, not 5: a session is missing or was replayed";
    says(said(6, &link.seal, 100), ChainError::Counter { found: 6, want: 5 }, words);
    assert_eq!(said(4, &link.seal, 100), ChainError::Counter { found: 4, want: 5 });
    let words = "`prev` does not name the seal of session 4";
    says(said(5, &seal_id("seal 3"), 100), ChainError::Previous { counter: 4 }, words);
    let words = "the beacon names a central log of 99 entries; the session before named one of 100";
    says(said(5, &link.seal, 99), ChainError::Beacon { found: 99, before: 100 }, words);
}

#[test]
fn bundles_that_nobody_wrote() {
    let missing = |name: &str| BundleError::Missing(name.to_owned());
    let mut bundle = Bundle::default();
    assert_eq!(bundle.put("../etc/passwd", Vec::new()), None);
    let words = "0 leaves about the device's life: a bundle has 1 to 999";
    says(bundle.write().unwrap_err(), BundleError::Life(0), words);
    bundle.push_life(b"x".to_vec(), b"x".to_vec());
    says(bundle.write().unwrap_err(), missing("assignment.json"), "assignment.json is missing");
    assert_eq!(bundle.part(SEAL), Err(missing(SEAL)));
    PARTS.into_iter().for_each(|part| bundle.put(part, b"x".to_vec()).unwrap());
    let bytes = bundle.write().unwrap();
    let read = |bytes: &[u8]| Bundle::read(bytes).unwrap_err();
    let bent = |at: usize, to: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + to.len()].copy_from_slice(to);
        read(&bytes)
    };
    let tar = |offset, what, words: &str, said| says(said, BundleError::Tar { offset, what }, words);

    says(bent(0, b"evil.sh\0"), BundleError::Unknown("evil.sh".into()), "\"evil.sh\" does not belong in a bundle");
    says(bent(0, b"log.jsonl\0"), missing("assignment.json"), "assignment.json is missing");
    // Without its log: the parts before, two of them about the device, and those after, and nothing between.
    let at = (PARTS.iter().position(|part| *part == LOG).unwrap() + 2) * 1024;
    let without = [&bytes[..at], &bytes[at + 1024..]].concat();
    says(read(&without), missing("log.jsonl"), "log.jsonl is missing");
    // Without the device's leaf, or its receipt.
    let without = |at: usize| read(&[&bytes[..at], &bytes[at + 1024..]].concat());
    says(without(3 * 1024), missing("device-000.json"), "device-000.json is missing");
    says(without(4 * 1024), missing("device-000.tlog-proof"), "device-000.tlog-proof is missing");
    tar(1024, "the file is cut short", "byte 1024: the file is cut short", read(&bytes[..1200]));
    tar(0, "the file is cut short", "byte 0: the file is cut short", read(b""));
    tar(0, "a size is not octal", "byte 0: a size is not octal", bent(124, b"8"));
    let what = "the header is not written as bundles write it";
    tar(1024, what, "byte 1024: the header is not written as bundles write it", bent(1024 + 100, b"0000755"));
    tar(513, "bytes between two parts", "byte 513: bytes between two parts", bent(600, b"\n"));
    let more = [&bytes[..], b"\0"].concat();
    tar(10240, "bytes after the last part", "byte 10240: bytes after the last part", read(&more));
}
