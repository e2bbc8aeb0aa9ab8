//! Verifiers that are not ours judge what we make: Go's `sumdb/note` and `sumdb/tlog`, and `openssl`.

use std::path::Path;
use std::process::Command;

use muster_seal::checkpoint::Checkpoint;
use muster_seal::error::ProofError;
use muster_seal::key::{DeviceKey, Signer};
use muster_seal::merkle::{Edge, consistency_proof, inclusion_proof, leaf_hash, node_of};
use muster_seal::note::Note;
use muster_seal::proof::write_hashes;

const GOPATH: &str = "/usr/share/gocode";

fn have(program: &str, file: Option<&str>) -> bool {
    let runs = Command::new(program).arg("version").output().is_ok_and(|o| o.status.success());
    let there = file.is_none_or(|f| Path::new(f).exists());
    if !(runs && there) {
        eprintln!("skipped: this judge needs {program} {}", file.unwrap_or_default());
    }
    runs && there
}

#[test]
fn go_accepts_our_notes_and_proofs_and_no_bent_ones() {
    if !have("go", Some("/usr/share/gocode/src/golang.org/x/mod/sumdb/note")) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let judge = dir.path().join("judge");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("judges/judge.go");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&judge)
        .arg(source)
        .env("GO111MODULE", "off")
        .env("GOPATH", GOPATH)
        .env("GOCACHE", dir.path().join("cache"))
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let key = DeviceKey::from_seed([5; 32]);
    let origin = "muster.example/d/d1/s/1";
    let leaves: Vec<_> = (0..300u32).map(|n| leaf_hash(&n.to_be_bytes())).collect();
    let mut edges = vec![Edge::default()];
    for leaf in &leaves {
        let mut next = edges[edges.len() - 1].clone();
        next.push(*leaf);
        edges.push(next);
    }
    let seal =
        |size: usize| Checkpoint { origin: origin.into(), size: size as u64, root: edges[size].root() }.sign(&key);
    for (size, old, index) in
        [(1usize, 1usize, 0u64), (2, 1, 1), (7, 3, 4), (255, 128, 200), (256, 255, 0), (257, 256, 256), (300, 64, 299)]
    {
        let node = node_of(&leaves[..size]);
        let files = [
            ("key", key.public().named(origin).to_string()),
            ("new", seal(size)),
            ("old", seal(old)),
            ("leaf", hex::encode(leaves[index as usize])),
            ("index", index.to_string()),
            ("inclusion", write_hashes(&inclusion_proof::<ProofError>(index, size as u64, &node).unwrap())),
            ("consistency", write_hashes(&consistency_proof::<ProofError>(old as u64, size as u64, &node).unwrap())),
        ];
        let run = || Command::new(&judge).arg(dir.path()).output().unwrap();
        for (name, text) in &files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let out = run();
        assert!(out.status.success(), "{size}: {}", String::from_utf8_lossy(&out.stderr));
        // One step of the root's digest, one of the leaf's: refused.
        let bent = files[3].1.replacen(|c: char| c.is_ascii_digit(), "e", 1);
        std::fs::write(dir.path().join("leaf"), bent).unwrap();
        assert!(!run().status.success(), "{size}: a bent leaf was accepted");
        std::fs::write(dir.path().join("leaf"), &files[3].1).unwrap();
        std::fs::write(dir.path().join("new"), files[1].1.replacen("/s/1", "/s/2", 1)).unwrap();
        assert!(!run().status.success(), "{size}: a bent seal was accepted");
    }
}

#[test]
fn openssl_accepts_our_signature_and_no_bent_one() {
    if !have("openssl", None) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let key = DeviceKey::from_seed([6; 32]);
    let seal = Checkpoint { origin: "muster.example/d/d1/s/1".into(), size: 9, root: [3; 32] }.sign(&key);
    let note = Note::parse(seal.as_bytes()).unwrap();
    // SubjectPublicKeyInfo of an Ed25519 key, RFC 8410: a fixed head and the raw key.
    let mut der = hex::decode("302a300506032b6570032100").unwrap();
    der.extend(key.public().0);
    std::fs::write(path("key.der"), der).unwrap();
    std::fs::write(path("signature"), &note.signatures()[0].bytes).unwrap();
    let verify = |text: &str| {
        std::fs::write(path("text"), text).unwrap();
        let run = Command::new("openssl")
            .args(["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-rawin", "-inkey"])
            .arg(path("key.der"))
            .arg("-sigfile")
            .arg(path("signature"))
            .arg("-in")
            .arg(path("text"))
            .output();
        run.unwrap().status.success()
    };
    assert!(verify(note.text()));
    assert!(!verify(&note.text().replace("\n9\n", "\n8\n")));
}
