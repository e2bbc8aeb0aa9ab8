//! The files in `seal/vectors`, each against the code that speaks of the same thing. Where they come from stands there.

use base64::{Engine, engine::general_purpose::STANDARD};
use muster_seal::central::{DocumentLeaf, EnrolLeaf, Leaf, RevokeLeaf, SealLeaf};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::error::{NoteError, ProofError};
use muster_seal::key::{DeviceKey, NamedKey, PublicKey, Signer, Verifier};
use muster_seal::merkle::{self, Edge, Hash, sha256};
use muster_seal::note::{self, Note};
use muster_seal::proof::Receipt;
use muster_seal::record::Record;
use muster_seal::tile::Tile;

use crate::made::{self, Made};

/// The lines of a vector file as words.
fn words(file: &'static str) -> Vec<Vec<&'static str>> {
    file.lines().filter(|l| !l.starts_with('#')).map(|l| l.split(' ').collect()).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    if text == "-" { Vec::new() } else { hex::decode(text).unwrap() }
}

fn hash(text: &str) -> Hash {
    unhex(text).try_into().unwrap()
}

#[test]
fn ed25519_is_that_of_rfc_8032() {
    let all = words(include_str!("../../vectors/ed25519.txt"));
    assert_eq!(all.len(), 3);
    for test in all {
        let [secret, public, message, signature] = test[..] else { panic!("{test:?}") };
        let key = DeviceKey::from_seed(hash(secret));
        assert_eq!(key.public(), PublicKey(hash(public)));
        assert_eq!(PublicKey::from_base64(&key.public().to_base64()), Ok(key.public()));
        let (message, mut signature) = (unhex(message), unhex(signature));
        assert_eq!(key.sign(&message), signature);
        assert!(key.public().verify(&message, &signature));
        assert!(!key.public().verify(&[&message[..], b"x"].concat(), &signature));
        signature[40] ^= 1;
        assert!(!key.public().verify(&message, &signature));
        assert!(!key.public().verify(&message, &signature[..63]));
    }
}

/// Where RFC 6962 splits a list of `n` entries: the largest power of two below.
fn k(n: usize) -> usize {
    (0..).map(|i| 1 << i).take_while(|k| *k < n).last().unwrap()
}

/// MTH of section 2.1.
fn mth(d: &[Vec<u8>]) -> Hash {
    match d {
        [] => sha256(b""),
        [one] => sha256(&[&[0], &one[..]].concat()),
        _ => sha256(&[&[1], &mth(&d[..k(d.len())])[..], &mth(&d[k(d.len())..])].concat()),
    }
}

/// PATH of section 2.1.1.
fn path(m: usize, d: &[Vec<u8>]) -> Vec<Hash> {
    match d.len() {
        1 => Vec::new(),
        n if m < k(n) => [path(m, &d[..k(n)]), vec![mth(&d[k(n)..])]].concat(),
        n => [path(m - k(n), &d[k(n)..]), vec![mth(&d[..k(n)])]].concat(),
    }
}

/// SUBPROOF of section 2.1.2.
fn subproof(m: usize, d: &[Vec<u8>], whole: bool) -> Vec<Hash> {
    match d.len() {
        n if m == n => {
            if whole {
                Vec::new()
            } else {
                vec![mth(d)]
            }
        }
        n if m <= k(n) => [subproof(m, &d[..k(n)], whole), vec![mth(&d[k(n)..])]].concat(),
        n => [subproof(m - k(n), &d[k(n)..], false), vec![mth(&d[..k(n)])]].concat(),
    }
}

#[test]
fn the_tree_is_that_of_rfc_6962() {
    let all = words(include_str!("../../vectors/merkle.txt"));
    let of = |kind: &'static str| all.iter().filter(move |w| w[0] == kind).map(|w| &w[1..]);
    let number = |text: &str| text.parse::<u64>().unwrap();
    let entries: Vec<Vec<u8>> = of("leaf").map(|w| unhex(w[0])).collect();
    let leaves: Vec<Hash> = entries.iter().map(|e| merkle::leaf_hash(e)).collect();
    let roots: Vec<Hash> = of("root").map(|w| hash(w[1])).collect();
    assert_eq!((leaves.len(), roots.len()), (8, 9));
    let mut edge = Edge::default();
    for n in 0..=8 {
        assert_eq!(mth(&entries[..n]), roots[n], "the definition, {n}");
        assert_eq!(merkle::root(&leaves[..n]), roots[n], "{n}");
        assert_eq!((edge.size(), edge.root()), (n as u64, roots[n]), "{n}");
        if n < 8 {
            edge.push(leaves[n]);
        }
    }

    let inclusion = |i: u64, n: u64| merkle::inclusion_proof::<ProofError>(i, n, merkle::node_of(&leaves)).unwrap();
    let consistency = |o: u64, n: u64| merkle::consistency_proof::<ProofError>(o, n, merkle::node_of(&leaves)).unwrap();
    for w in of("inclusion") {
        let (index, size, want) = (number(w[0]), number(w[1]), w[2..].iter().map(|h| hash(h)).collect::<Vec<_>>());
        assert_eq!(inclusion(index, size), want, "{w:?}");
        merkle::verify_inclusion(&leaves[index as usize], index, size, &want, &roots[size as usize]).unwrap();
    }
    for w in of("consistency") {
        let (old, new, want) = (number(w[0]), number(w[1]), w[2..].iter().map(|h| hash(h)).collect::<Vec<_>>());
        assert_eq!(consistency(old, new), want, "{w:?}");
        merkle::verify_consistency(old, &roots[old as usize], new, &roots[new as usize], &want).unwrap();
    }
    assert_eq!((of("inclusion").count(), of("consistency").count()), (5, 4));
    // All the others are held to the definition, in order of hashes too.
    for size in 1..=8u64 {
        for i in 0..size {
            assert_eq!(inclusion(i, size), path(i as usize, &entries[..size as usize]), "{i} in {size}");
        }
        for old in 1..=size {
            assert_eq!(
                consistency(old, size),
                subproof(old as usize, &entries[..size as usize], true),
                "{old}, {size}"
            );
        }
    }
}

#[test]
fn notes_are_those_of_the_go_checksum_database() {
    let text = include_str!("../../vectors/example.note");
    let keys = words(include_str!("../../vectors/example.key"));
    let key = NamedKey::parse(keys[0][0]).unwrap();
    assert_eq!((key.name(), hex::encode(key.id()).as_str()), ("PeterNeumann", "c74f20a3"));
    assert_eq!(key.to_string(), keys[0][0]);
    let parsed = Note::parse(text.as_bytes()).unwrap();
    parsed.verify(&key).unwrap();
    assert_eq!(parsed.signatures()[0].line(), text.split_once("\n\n").unwrap().1);

    let secret = STANDARD.decode(keys[1][0].splitn(5, '+').last().unwrap()).unwrap();
    let signer = DeviceKey::from_seed(secret[1..].try_into().unwrap());
    assert_eq!(signer.public(), key.key());
    assert_eq!(note::sign(parsed.text(), "PeterNeumann", &signer), text);
    // Another text under the same signature.
    let bent = text.replacen("answer", "Answer", 1);
    let wrong = Note::parse(bent.as_bytes()).unwrap().verify(&key);
    assert_eq!(wrong, Err(NoteError::BadSignature { name: "PeterNeumann".to_owned() }));
}

#[test]
fn the_examples_of_the_specifications_have_the_shape_that_is_read() {
    let text = include_str!("../../vectors/c2sp.note");
    let parsed = Note::parse(text.as_bytes()).unwrap();
    let [line] = parsed.signatures() else { panic!() };
    // The text is divided from the signatures by the last empty line, not the first.
    assert_eq!((parsed.text().lines().count(), line.bytes.len()), (4, 64));
    assert_eq!((line.name.as_str(), hex::encode(line.id).as_str()), ("quasimodo.example/salvatore", "367ba04b"));
    assert_eq!(format!("{}\n{}", parsed.text(), line.line()), text);

    let text = include_str!("../../vectors/c2sp.checkpoint");
    let parsed = Note::parse(text.as_bytes()).unwrap();
    let checkpoint = Checkpoint::parse(parsed.text()).unwrap();
    assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(STANDARD.encode(checkpoint.root), "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=");
    assert_eq!(checkpoint.text(), parsed.text());
    let stranger = made::key().public().named(&checkpoint.origin);
    let name = checkpoint.origin;
    assert_eq!(Checkpoint::open(text.as_bytes(), &stranger), Err(NoteError::NoKnownSignature { name }));
}

#[test]
fn tiles_lie_where_tlog_tiles_says() {
    for w in words(include_str!("../../vectors/tiles.txt")) {
        match w[..] {
            ["path", level, index, width, path] => {
                let (level, index, width) = (level.parse().ok(), index.parse().unwrap(), width.parse().unwrap());
                let tile = Tile { level, index, width };
                assert_eq!(tile.path(), path);
                assert_eq!(Tile::parse(path), Some(tile));
            }
            ["bad", path] => assert_eq!(Tile::parse(path), None, "{path}"),
            ["tree", size, level, full, partial] => {
                // Pushing that many leaves completes that many nodes at each eighth level.
                let (size, level) = (size.parse::<u64>().unwrap(), level.parse::<u32>().unwrap());
                let (mut edge, mut nodes) = (Edge::default(), 0);
                for i in 0..size {
                    edge.push_with(sha256(&i.to_be_bytes()), |at, _, _| nodes += u64::from(at == 8 * level));
                }
                assert_eq!((nodes / 256, nodes % 256), (full.parse().unwrap(), partial.parse().unwrap()), "{w:?}");
            }
            _ => panic!("{w:?}"),
        }
    }
}

#[test]
fn a_session_log_is_these_bytes() {
    let made = Made::of(made::every_kind());
    let (log, seal) =
        (include_str!("../../vectors/session/log.jsonl"), include_str!("../../vectors/session/seal.note"));
    assert_eq!(String::from_utf8(made.bytes()).unwrap(), log);
    assert_eq!(made.seal, seal);
    let verified = made::verify(log.as_bytes(), seal).unwrap();
    assert_eq!(hex::encode(verified.seal().root), include_str!("../../vectors/session/root.hex").trim_end());
    let kinds: std::collections::BTreeSet<&str> = verified.records().iter().map(|r| r.body.kind()).collect();
    assert_eq!(kinds.len(), 12, "{kinds:?}");
    for (record, line) in verified.records().iter().zip(log.lines()) {
        assert_eq!(record.line(), line.as_bytes());
        assert_eq!(Record::parse(line.as_bytes()).as_ref(), Ok(record));
    }
}

#[test]
fn leaves_and_receipts_are_these_bytes() {
    let text = |word: &str| word.to_owned();
    let (device, at) = (|| text("d1"), || text("2026-03-02T12:00:00.000+08:00"));
    let leaves = [
        Leaf::Enrol(EnrolLeaf {
            device: device(),
            key: made::key().public().to_base64(),
            site: text("s1"),
            institution: text("i1"),
            sm2: None,
            at: at(),
        }),
        Leaf::Document(DocumentLeaf {
            what: text("policy"),
            name: text("nm-2026-1"),
            sha256: "ab".repeat(32),
            at: at(),
        }),
        Leaf::Seal(SealLeaf { device: device(), counter: 1, seal: Made::of(made::every_kind()).seal, received: at() }),
        Leaf::Revoke(RevokeLeaf { device: device(), counter: 1, reason: text("lost"), at: at() }),
    ];
    let lines: Vec<Vec<u8>> = leaves.iter().map(Leaf::line).collect();
    let all: String = lines.iter().map(|l| String::from_utf8(l.clone()).unwrap() + "\n").collect();
    assert_eq!(all, include_str!("../../vectors/central/leaves.jsonl"));
    let hashes: Vec<Hash> = lines.iter().map(|l| merkle::leaf_hash(l)).collect();
    let (key, origin) = (made::key(), text("muster.example/log"));
    let checkpoint = Checkpoint { origin: origin.clone(), size: 4, root: merkle::root(&hashes) }.sign(&key);
    let files = [
        include_str!("../../vectors/central/0.tlog-proof"),
        include_str!("../../vectors/central/1.tlog-proof"),
        include_str!("../../vectors/central/2.tlog-proof"),
        include_str!("../../vectors/central/3.tlog-proof"),
    ];
    for (i, file) in files.into_iter().enumerate() {
        let hashes = merkle::inclusion_proof::<ProofError>(i as u64, 4, merkle::node_of(&hashes)).unwrap();
        assert_eq!(Receipt { index: i as u64, hashes, checkpoint: checkpoint.clone() }.text(), file);
        let receipt = Receipt::parse(file.as_bytes()).unwrap();
        assert_eq!(receipt.verify(&lines[i], &key.public().named(&origin)).unwrap().size, 4);
        receipt.verify(&lines[(i + 1) % 4], &key.public().named(&origin)).unwrap_err();
        assert_eq!(Leaf::parse(&lines[i]).as_ref(), Ok(&leaves[i]));
    }
}
