//! What is written is read again as the same thing, and what is read is written again as the same bytes.

use muster_seal::bundle::{Bundle, PARTS};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::key::Signer;
use muster_seal::merkle::Hash;
use muster_seal::note::{self, Note};
use muster_seal::proof::{Receipt, read_hashes, write_hashes};
use muster_seal::record::{Body, Record};
use muster_seal::tile::{self, Tile};
use proptest::prelude::*;

use crate::made::{Made, every_kind, key, logs};

fn hashes() -> impl Strategy<Value = Vec<Hash>> {
    prop::collection::vec(any::<Hash>(), 0..=63)
}

/// A text that a note may carry, with empty lines in it too.
fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<String>(), 1..5)
        .prop_map(|lines| lines.iter().map(|l| l.chars().filter(|c| *c >= ' ').collect::<String>() + "\n").collect())
}

/// A name that a key may have, or an origin.
fn name() -> impl Strategy<Value = String> {
    any::<String>()
        .prop_map(|s| s.chars().filter(|c| !c.is_control() && !c.is_whitespace() && *c != '+').collect())
        .prop_map(|s: String| if s.is_empty() { "muster.example".to_owned() } else { s })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn records(made in logs()) {
        for (line, record) in made.lines.iter().zip(made.verify().unwrap().records()) {
            prop_assert_eq!(&record.line(), line);
            prop_assert_eq!(&Record::parse(line).unwrap(), record);
        }
    }

    #[test]
    fn what_parses_as_a_record_is_the_canonical_line(made in logs(), at in any::<prop::sample::Index>(), byte: u8) {
        for line in &made.lines {
            let mut bent = line.clone();
            bent[at.index(line.len())] = byte;
            if let Ok(record) = Record::parse(&bent) {
                prop_assert_eq!(record.line(), bent);
            }
        }
    }

    #[test]
    fn checkpoints(origin in name(), size: u64, root: Hash) {
        let checkpoint = Checkpoint { origin: origin.clone(), size, root };
        prop_assert_eq!(&Checkpoint::parse(&checkpoint.text()).unwrap(), &checkpoint);
        let signed = checkpoint.sign(&key());
        prop_assert_eq!(&Checkpoint::open(signed.as_bytes(), &key().public().named(&origin)).unwrap(), &checkpoint);
    }

    #[test]
    fn notes(text in text(), name in name()) {
        let signed = note::sign(&text, &name, &key());
        let parsed = Note::parse(signed.as_bytes()).unwrap();
        prop_assert_eq!(parsed.text(), &text);
        prop_assert!(parsed.verify(&key().public().named(&name)).is_ok());
        let lines: String = parsed.signatures().iter().map(note::Signature::line).collect();
        prop_assert_eq!(format!("{}\n{lines}", parsed.text()), signed);
    }

    #[test]
    fn receipts(index: u64, hashes in hashes(), checkpoint in text()) {
        let receipt = Receipt { index, hashes, checkpoint };
        prop_assert_eq!(&Receipt::parse(receipt.text().as_bytes()).unwrap(), &receipt);
    }

    #[test]
    fn what_parses_as_a_receipt_is_its_text(hashes in hashes(), at in any::<prop::sample::Index>(), byte in 0..0x80u8) {
        let mut bytes = Receipt { index: 7, hashes, checkpoint: "x\n".to_owned() }.text().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(receipt) = Receipt::parse(&bytes) {
            prop_assert_eq!(receipt.text().into_bytes(), bytes);
        }
    }

    #[test]
    fn lists_of_hashes(hashes in hashes()) {
        prop_assert_eq!(read_hashes(&write_hashes(&hashes)).unwrap(), hashes);
    }

    #[test]
    fn bundles(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1200), PARTS.len())) {
        let mut bundle = Bundle::default();
        for (name, part) in PARTS.into_iter().zip(&parts) {
            prop_assert_eq!(bundle.put(name, part.clone()), Some(()));
        }
        bundle.push_life(parts[0].clone(), parts[1].clone());
        let bytes = bundle.write().unwrap();
        prop_assert_eq!(bytes.len() % 512, 0);
        let read = Bundle::read(&bytes).unwrap();
        for (name, part) in PARTS.into_iter().zip(&parts) {
            prop_assert_eq!(read.part(name).unwrap(), &part[..]);
        }
        prop_assert_eq!(read.write().unwrap(), bytes);
    }

    #[test]
    fn tiles(level in prop::option::of(0..64u8), index: u64, width in 1..=256u16) {
        let tile = Tile { level, index, width };
        prop_assert_eq!(Tile::parse(&tile.path()), Some(tile));
    }

    #[test]
    fn entries(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20)) {
        let bytes = tile::write_entries(entries.iter().map(Vec::as_slice));
        prop_assert_eq!(tile::read_entries(&bytes).unwrap(), entries);
    }
}

#[test]
fn the_longest_entry_comes_back_too() {
    let long = vec![7; tile::MAX_ENTRY];
    let bytes = tile::write_entries([&long[..], b"x"]);
    assert_eq!(tile::read_entries(&bytes).unwrap(), [&long[..], b"x"]);
}

#[test]
fn a_reader_may_have_any_name_that_is_an_id() {
    // `open` and `close` use the names of readers and reasons as keys: what may be read must be able to be counted.
    let mut records = every_kind();
    for (_, body) in &mut records {
        match body {
            Body::Open(open) => open.readers = [("Front-Door_1.A".to_owned(), "sam-115200".to_owned())].into(),
            Body::Card(card) => card.reader = "Front-Door_1.A".to_owned(),
            Body::Manual(manual) => manual.reason = "No-Chip".to_owned(),
            _ => {}
        }
    }
    let verified = Made::of(records).verify().unwrap();
    let Some(Body::Close(close)) = verified.records().last().map(|r| &r.body) else { panic!() };
    assert_eq!((close.readers["Front-Door_1.A"], close.reasons["No-Chip"]), (4, 1));
}
