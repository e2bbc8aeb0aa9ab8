//! What must hold for whatever bytes a parser is given, one function a parser; they panic where it does not.
//! `parsers.rs` feeds them what chance bends, `seal/fuzz` what coverage finds.

use muster_seal::bundle::Bundle;
use muster_seal::central::Leaf;
use muster_seal::chain::Contact;
use muster_seal::checkpoint::Checkpoint;
use muster_seal::cosignature::{self, WitnessKey, cosign};
use muster_seal::key::{DeviceKey, NamedKey, Signer};
use muster_seal::merkle::{Hash, leaf_hash, root};
use muster_seal::note::{self, Note, Signature};
use muster_seal::policy::Policy;
use muster_seal::proof::{Receipt, read_hashes, write_hashes};
use muster_seal::record::Record;
use muster_seal::tile::{self, Tile};
use muster_seal::witness::{self, Request, decide};
use muster_seal::{line, session};

pub const ORIGIN: &str = "muster.example/log";

pub fn key(seed: u8) -> DeviceKey {
    DeviceKey::from_seed([seed; 32])
}

pub fn leaves(n: u64) -> Vec<Hash> {
    (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
}

pub fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint { origin: ORIGIN.into(), size, root: root(&leaves(size)) }
}

pub fn cosigned(size: u64) -> String {
    let at = checkpoint(size);
    at.sign(&key(1)) + &cosign(&at.text(), "a.example", &key(2), 5) + &cosign(&at.text(), "b.example", &key(3), 6)
}

pub fn note(bytes: &[u8]) {
    let Ok(note) = Note::parse(bytes) else { return };
    let lines: String = note.signatures().iter().map(Signature::line).collect();
    assert_eq!(format!("{}\n{lines}", note.text()).as_bytes(), bytes);
    let _ = note.verify(&key(1).public().named(ORIGIN));
    let _ = cosignature::verify(&note, &key(2).public().witness("a.example"));
}

pub fn checkpoint_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(read) = Checkpoint::parse(text) {
        assert_eq!(read.text(), text);
    }
}

pub fn proof(bytes: &[u8]) {
    if let Ok(receipt) = Receipt::parse(bytes) {
        assert_eq!(receipt.text().as_bytes(), bytes);
        let _ = receipt.verify(b"leaf", &key(1).public().named(ORIGIN));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(hashes) = read_hashes(text) {
        assert_eq!(write_hashes(&hashes), text);
    }
}

pub fn tile_path(bytes: &[u8]) {
    if let Some(tile) = std::str::from_utf8(bytes).ok().and_then(Tile::parse) {
        assert_eq!(tile.path().as_bytes(), bytes);
    }
    if let Some(entries) = tile::read_entries(bytes) {
        assert_eq!(tile::write_entries(entries), bytes);
    }
}

pub fn policy(bytes: &[u8]) {
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

pub fn witness_request(bytes: &[u8]) {
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

pub fn record(bytes: &[u8]) {
    if let Ok(record) = Record::parse(bytes) {
        assert_eq!(record.line(), bytes);
    }
    if let Ok(fields) = line::parse(bytes) {
        assert_eq!(line::write(&fields), bytes);
    }
}

pub fn leaf(bytes: &[u8]) {
    if let Ok(leaf) = Leaf::parse(bytes) {
        assert_eq!(leaf.line(), bytes);
    }
}

pub fn bundle(bytes: &[u8]) {
    if let Ok(bundle) = Bundle::read(bytes) {
        assert_eq!(bundle.write().unwrap(), bytes);
    }
}

/// The text of a contact, signed as a device would; whether it was one.
pub fn contact(bytes: &[u8]) -> bool {
    let (domain, device, counter) = ("muster.example", "d1", 8);
    let name = Contact::origin(domain, device, counter);
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| text.ends_with('\n')) else { return false };
    let signed = note::sign(text, &name, &key(1));
    match Contact::open(signed.as_bytes(), domain, device, counter, &key(1).public()) {
        Ok(contact) => {
            assert_eq!(contact.sign(domain, &key(1)), signed);
            true
        }
        Err(_) => false,
    }
}

pub fn log(bytes: &[u8]) {
    if let Ok(log) = session::parse(bytes) {
        let lines: Vec<u8> = log.records().iter().flat_map(|record| [record.line(), b"\n".to_vec()].concat()).collect();
        assert_eq!(lines, bytes);
    }
}

pub fn vkey(bytes: &[u8]) {
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
