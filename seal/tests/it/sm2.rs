//! The SM2 line, beside an Ed25519 line that it must not disturb, and before a judge that is not ours: OpenSSL 3.
#![allow(clippy::disallowed_methods, reason = "files for openssl, in a folder of the test's own")]

use std::path::Path;
use std::process::{Command, Output};

use muster_seal::checkpoint::Checkpoint;
use muster_seal::error::NoteError;
use muster_seal::key::{DeviceKey, Signer};
use muster_seal::note::{Note, countersign};
use muster_seal::sm2::{DISTINGUISHING_ID, Sm2Key, Sm2NamedKey};

const ORIGIN: &str = "muster.example/log";

fn sm2() -> Sm2Key {
    Sm2Key::from_number(&[7; 32]).unwrap()
}

fn checkpoint() -> Checkpoint {
    Checkpoint { origin: ORIGIN.into(), size: 7, root: [3; 32] }
}

fn both() -> String {
    countersign(&checkpoint().sign(&DeviceKey::from_seed([1; 32])), ORIGIN, &sm2()).unwrap()
}

fn read(note: &str) -> Note {
    Note::parse(note.as_bytes()).unwrap()
}

#[test]
fn each_verifier_takes_its_own_line_and_ignores_the_other() {
    let ed25519 = DeviceKey::from_seed([1; 32]).public().named(ORIGIN);
    assert_eq!(Checkpoint::open(both().as_bytes(), &ed25519), Ok(checkpoint()));
    assert_eq!(Checkpoint::open(both().as_bytes(), &sm2().named(ORIGIN)), Ok(checkpoint()));

    let missing = Err(NoteError::NoKnownSignature { name: ORIGIN.into() });
    let plain = checkpoint().sign(&DeviceKey::from_seed([1; 32]));
    assert_eq!(read(&plain).verify(&sm2().named(ORIGIN)), missing);
    let alone = muster_seal::note::sign(&checkpoint().text(), ORIGIN, &sm2());
    assert_eq!(read(&alone).verify(&ed25519), missing);
    assert_eq!(
        read(&both()).verify(&sm2().named("other.example")).unwrap_err().to_string(),
        "no signature by other.example"
    );

    let changed = both().replacen("\n7\n", "\n8\n", 1);
    let wrong = Err(NoteError::BadSignature { name: ORIGIN.into() });
    assert_eq!(read(&changed).verify(&sm2().named(ORIGIN)), wrong);
    assert_eq!(read(&changed).verify(&ed25519), wrong);
}

#[test]
fn a_signature_in_any_other_encoding_is_none() {
    let key = sm2().named(ORIGIN);
    let line = read(&both()).signatures()[1].clone();
    let verify = |bytes: Vec<u8>| {
        let mut bent = line.clone();
        bent.bytes = bytes;
        read(&format!("{}\n{}", checkpoint().text(), bent.line())).verify(&key)
    };
    assert_eq!(verify(line.bytes.clone()), Ok(()));
    for i in 0..line.bytes.len() {
        let mut bent = line.bytes.clone();
        bent[i] ^= 1;
        assert!(verify(bent).is_err(), "byte {i}");
    }
    assert!(verify([&line.bytes[..], &[0]].concat()).is_err(), "a byte after the signature");
    assert!(verify(line.bytes[..line.bytes.len() - 1].to_vec()).is_err(), "a byte too few");
    assert!(verify(vec![0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00]).is_err(), "zero and zero");
}

#[test]
fn keys_come_back_and_what_is_none_is_told_why() {
    let key = sm2().named(ORIGIN);
    let text = key.to_string();
    assert_eq!(Sm2NamedKey::parse(&text), Ok(key));
    let ed25519 = DeviceKey::from_seed([1; 32]).public().named(ORIGIN).to_string();
    assert_eq!(Sm2NamedKey::parse(&ed25519), Err(NoteError::Key("not an SM2 key")));
    assert_eq!(muster_seal::key::NamedKey::parse(&text), Err(NoteError::Key("not an Ed25519 key")));
    let other = text.replacen(ORIGIN, "other.example", 1);
    assert_eq!(Sm2NamedKey::parse(&other), Err(NoteError::Key("the id is not that of name and key")));
    assert_eq!(Sm2Key::from_number(&[0; 32]).unwrap_err(), NoteError::Key("not an SM2 private key"));
    assert_eq!(Sm2Key::from_number(&[0xff; 32]).unwrap_err(), NoteError::Key("not an SM2 private key"));
    // The order less 1 is a number of the field with which nothing can be signed.
    let order = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54122";
    let last: [u8; 32] = hex::decode(order).unwrap().try_into().unwrap();
    assert_eq!(Sm2Key::from_number(&last).unwrap_err(), NoteError::Key("not an SM2 private key"));
    assert_eq!(Sm2Key::from_pkcs8(b"x").unwrap_err(), NoteError::Key("not an SM2 key in PKCS#8"));
}

/// Runs openssl in a folder, or says that it is not here (or is too old to know SM2).
fn openssl(dir: &Path, args: &[&str]) -> Output {
    Command::new("openssl").current_dir(dir).args(args).output().unwrap()
}

pub fn has_sm2() -> bool {
    let here = Command::new("openssl").args(["list", "-public-key-algorithms"]).output();
    let has = here.is_ok_and(|o| String::from_utf8_lossy(&o.stdout).to_lowercase().contains("sm2"));
    if !has {
        eprintln!("skipped: this judge needs openssl 3 with SM2");
    }
    has
}

/// Puts a note's text and the bytes of its SM2 signature where openssl can read them, and asks it.
fn openssl_verifies(dir: &Path, note: &str, key: &Sm2NamedKey) -> bool {
    let note = read(note);
    let line = &note.signatures()[1];
    std::fs::write(dir.join("text"), note.text()).unwrap();
    std::fs::write(dir.join("signature"), &line.bytes).unwrap();
    std::fs::write(dir.join("key.der"), key.spki()).unwrap();
    let id = format!("distid:{DISTINGUISHING_ID}");
    let args = ["pkeyutl", "-verify", "-rawin", "-digest", "sm3", "-pkeyopt", &id, "-pubin", "-keyform", "DER"];
    let files = ["-inkey", "key.der", "-in", "text", "-sigfile", "signature"];
    openssl(dir, &[&args[..], &files].concat()).status.success()
}

#[test]
fn openssl_verifies_our_line_and_no_bent_one() {
    if !has_sm2() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let key = sm2().named(ORIGIN);
    assert!(openssl_verifies(dir.path(), &both(), &key));
    assert!(!openssl_verifies(dir.path(), &both().replacen("\n7\n", "\n8\n", 1), &key));
    let other = Sm2Key::from_number(&[8; 32]).unwrap().named(ORIGIN);
    assert!(!openssl_verifies(dir.path(), &both(), &other));
}

#[test]
fn we_verify_what_openssl_signs_and_sign_with_its_key() {
    if !has_sm2() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let out = openssl(dir.path(), args);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    };
    // Asked for DER, genpkey writes another form than PKCS#8.
    run(&["genpkey", "-algorithm", "SM2", "-out", "secret.pem"]);
    run(&["pkcs8", "-topk8", "-nocrypt", "-in", "secret.pem", "-outform", "DER", "-out", "secret.der"]);
    let key = Sm2Key::from_pkcs8(&std::fs::read(dir.path().join("secret.der")).unwrap()).unwrap();
    run(&["pkey", "-inform", "DER", "-in", "secret.der", "-pubout", "-outform", "DER", "-out", "public.der"]);
    assert_eq!(std::fs::read(dir.path().join("public.der")).unwrap(), key.named(ORIGIN).spki());

    let note = countersign(&checkpoint().sign(&DeviceKey::from_seed([1; 32])), ORIGIN, &key).unwrap();
    assert!(openssl_verifies(dir.path(), &note, &key.named(ORIGIN)));
    let id = format!("distid:{DISTINGUISHING_ID}");
    let args = ["pkeyutl", "-sign", "-rawin", "-digest", "sm3", "-pkeyopt", &id, "-keyform", "DER"];
    run(&[&args[..], &["-inkey", "secret.der", "-in", "text", "-out", "theirs"]].concat());
    let mut line = read(&note).signatures()[1].clone();
    line.bytes = std::fs::read(dir.path().join("theirs")).unwrap();
    let theirs = format!("{}\n{}", checkpoint().text(), line.line());
    assert_eq!(read(&theirs).verify(&key.named(ORIGIN)), Ok(()));
}
