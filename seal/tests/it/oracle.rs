//! Judges that are not ours, in the same process: Cloudflare's `signed_note` and `tlog_tiles`, over another Ed25519 and
//! another SHA-256. What one side makes the other must accept, byte for byte, and refuse alike. They have no cosignatures of
//! their own; theirs are built here from their note, their key ids and their Ed25519.

use base64::{Engine, engine::general_purpose::STANDARD};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::cosignature::{self, WitnessKey, cosign};
use muster_seal::error::ProofError;
use muster_seal::key::{DeviceKey, NamedKey, Signer, Verifier};
use muster_seal::merkle::{
    Edge, Hash, consistency_proof, inclusion_proof, leaf_hash, node_of, root, verify_consistency, verify_inclusion,
};
use muster_seal::note::{self, Note};
use muster_seal::tile::{self, Tile};
use proptest::prelude::*;
use signed_note::{StandardSigner, StandardVerifier, VerifierList};
use tlog_tiles::HashReader;

use crate::parsers::{bend, edits};

fn ours(seed: u8) -> DeviceKey {
    DeviceKey::from_seed([seed; 32])
}

/// The same secret key in their hands.
fn theirs(seed: u8, name: &str) -> StandardSigner {
    let id = hex::encode(ours(seed).public().named(name).id());
    let raw = [&[1][..], &[seed; 32]].concat();
    StandardSigner::new(&format!("PRIVATE+KEY+{name}+{id}+{}", STANDARD.encode(raw))).unwrap()
}

fn known(keys: &[&NamedKey]) -> VerifierList {
    let boxed = |key: &&NamedKey| Box::new(StandardVerifier::new(&key.to_string()).unwrap()) as Box<_>;
    VerifierList::new(keys.iter().map(boxed).collect())
}

/// A cosigning key as their traits want it: their key id, their Ed25519 under a key of plain type, our wire form.
struct Cosigner {
    name: String,
    id: u32,
    signer: StandardSigner,
    plain: StandardVerifier,
    time_s: u64,
}

impl Cosigner {
    fn new(seed: u8, name: &str, time_s: u64) -> Self {
        let public = ours(seed).public();
        let id = signed_note::key_id(name, &[&[4][..], &public.0].concat());
        let plain = StandardVerifier::new(&public.named(name).to_string()).unwrap();
        Self { name: name.to_owned(), id, signer: theirs(seed, name), plain, time_s }
    }

    fn message(time_s: u64, text: &[u8]) -> Vec<u8> {
        [format!("cosignature/v1\ntime {time_s}\n").as_bytes(), text].concat()
    }

    fn line(&self, text: &str) -> signed_note::Signature {
        use signed_note::Signer;
        let signature = self.signer.sign(&Self::message(self.time_s, text.as_bytes())).unwrap();
        let bytes = [&self.time_s.to_be_bytes()[..], &signature].concat();
        signed_note::Signature::new(self.name.clone(), self.id, bytes).unwrap()
    }
}

impl signed_note::Verifier for Cosigner {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        self.id
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        let Some((time, signature)) = signature.split_first_chunk::<8>() else { return false };
        let time_s = u64::from_be_bytes(*time);
        time_s == self.time_s && self.plain.verify(&Self::message(time_s, text), signature)
    }
}

fn name() -> impl Strategy<Value = String> {
    "[a-z一-十\u{7f}/.-]{1,20}"
}

fn text() -> impl Strategy<Value = String> {
    "([ -~\u{7f}-\u{ff}课时]{0,9}\n){1,5}"
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn notes_are_the_same_bytes_and_verify_both_ways(text in text(), name in name(), seed: u8) {
        let made = note::sign(&text, &name, &ours(seed));
        let mut other = signed_note::Note::new(text.as_bytes(), &[]).unwrap();
        other.add_sigs(&[&theirs(seed, &name)]).unwrap();
        prop_assert_eq!(&other.to_bytes(), made.as_bytes());

        let key = ours(seed).public().named(&name);
        let read = signed_note::Note::from_bytes(made.as_bytes()).unwrap();
        prop_assert_eq!(read.text(), text.as_bytes());
        prop_assert_eq!(read.verify(&known(&[&key])).unwrap().0.len(), 1);
        let stranger = ours(seed.wrapping_add(1)).public().named(&name);
        prop_assert!(read.verify(&known(&[&stranger])).is_err());
        prop_assert!(Note::parse(made.as_bytes()).unwrap().verify(&key).is_ok());
    }

    #[test]
    fn bent_notes_are_read_and_believed_by_both_or_by_neither(text in text(), name in name(), edits in edits()) {
        let two = note::countersign(&note::sign(&text, &name, &ours(1)), "w.example", &ours(2)).unwrap();
        let bytes = bend(two.as_bytes(), &edits);
        let key = ours(1).public().named(&name);
        match (Note::parse(&bytes), signed_note::Note::from_bytes(&bytes)) {
            (Ok(our), Ok(other)) => {
                prop_assert_eq!(our.text().as_bytes(), other.text());
                // They look at the first of several lines by one key; we want all of them to hold.
                let lines = our.signatures().iter().filter(|s| s.name == key.name() && s.id == key.id()).count();
                if lines < 2 {
                    prop_assert_eq!(our.verify(&key).is_ok(), other.verify(&known(&[&key])).is_ok());
                }
            }
            (our, other) => prop_assert_eq!(our.is_ok(), other.is_ok(), "{:?}", our.err()),
        }
    }

    #[test]
    fn checkpoints_are_the_same_bytes(origin in name(), size: u64, root: Hash) {
        let checkpoint = Checkpoint { origin: origin.clone(), size, root };
        let other = tlog_tiles::Checkpoint::new(&origin, size, tlog_tiles::Hash(root), "").unwrap();
        prop_assert_eq!(other.to_bytes(), checkpoint.text().into_bytes());
        let read = tlog_tiles::Checkpoint::from_bytes(checkpoint.text().as_bytes()).unwrap();
        prop_assert_eq!((read.origin(), read.size(), read.hash().0, read.extension()), (&origin[..], size, root, ""));
    }

    #[test]
    fn bent_checkpoints_that_we_read_they_read_too(size: u64, root: Hash, edits in edits()) {
        let text = Checkpoint { origin: "muster.example/log".into(), size, root }.text();
        let bytes = bend(text.as_bytes(), &edits);
        let our = std::str::from_utf8(&bytes).ok().and_then(|text| Checkpoint::parse(text).ok());
        let other = tlog_tiles::Checkpoint::from_bytes(&bytes).ok().filter(|c| c.extension().is_empty());
        if let Some(our) = our {
            let other = other.ok_or_else(|| TestCaseError::fail("they refuse it"))?;
            prop_assert_eq!((other.origin(), other.size(), other.hash().0), (&our.origin[..], our.size, our.root));
        }
    }

    #[test]
    fn cosignatures_are_the_same_line_and_verify_both_ways(
        name in name(), seed: u8, time_s in 1..=cosignature::MAX_TIME, size: u64, root: Hash,
    ) {
        let checkpoint = Checkpoint { origin: "muster.example/log".into(), size, root };
        let signed = checkpoint.sign(&ours(200));
        let line = cosign(&checkpoint.text(), &name, &ours(seed), time_s);
        let cosigner = Cosigner::new(seed, &name, time_s);
        prop_assert_eq!(cosigner.line(&checkpoint.text()).to_bytes(), line.as_bytes());

        let key = ours(seed).public().witness(&name);
        let note = Note::parse(format!("{signed}{line}").as_bytes()).unwrap();
        let ours_of_it = cosignature::verify(&note, &key).unwrap();
        prop_assert_eq!(ours_of_it.map(|c| c.time_s), Some(time_s));
        let trusted = VerifierList::new(vec![Box::new(cosigner)]);
        let read = signed_note::Note::from_bytes(format!("{signed}{line}").as_bytes()).unwrap();
        prop_assert_eq!(read.verify(&trusted).unwrap().0.len(), 1);
        prop_assert_eq!(WitnessKey::parse(&key.to_string()), Ok(key));
    }

    #[test]
    fn tile_paths_are_theirs_without_the_height(level in prop::option::of(0..64u8), index: u64, width in 1..=256u16) {
        let made = Tile { level, index, width };
        let other = tlog_tiles::Tile::new(8, level.unwrap_or(0), index, width.into(), level.is_none());
        let their_path = other.path();
        prop_assert_eq!(made.path(), their_path.replacen("tile/8/", "tile/", 1).replacen("/data/", "/entries/", 1));
        prop_assert_eq!(tlog_tiles::Tile::from_path(&their_path).unwrap(), other);
        prop_assert_eq!(Tile::parse(&made.path()), Some(made));
    }

    #[test]
    fn bent_tile_paths_that_we_read_they_read_too(index: u64, width in 1..=256u16, edits in edits()) {
        let path = Tile { level: Some(1), index, width }.path();
        let bytes = bend(path.as_bytes(), &edits);
        if let Some(tile) = std::str::from_utf8(&bytes).ok().and_then(Tile::parse) {
            let their_path = tile.path().replacen("tile/", "tile/8/", 1).replacen("/entries/", "/data/", 1);
            let other = tlog_tiles::Tile::from_path(&their_path).unwrap();
            prop_assert_eq!((other.level_index(), other.width()), (tile.index, u32::from(tile.width)));
        }
    }
}

/// Their store of a tree: every perfect subtree's hash in their order.
struct Stored(Vec<tlog_tiles::Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        Ok(indexes.iter().map(|i| self.0[usize::try_from(*i).unwrap()]).collect())
    }
}

const SIZES: [u64; 13] = [0, 1, 2, 3, 4, 7, 8, 255, 256, 257, 65_535, 65_536, 65_537];

fn forest() -> (Vec<Hash>, Stored) {
    let mut stored = Stored(Vec::new());
    let mut leaves = Vec::new();
    for n in 0..SIZES[SIZES.len() - 1] {
        let entry = format!("{{\"entry\":{n}}}");
        let more = tlog_tiles::stored_hashes(n, entry.as_bytes(), &stored).unwrap();
        stored.0.extend(more);
        leaves.push(leaf_hash(entry.as_bytes()));
    }
    (leaves, stored)
}

fn wrap(hashes: &[Hash]) -> Vec<tlog_tiles::Hash> {
    hashes.iter().map(|hash| tlog_tiles::Hash(*hash)).collect()
}

/// Places in a tree where something changes: its ends and the edges of its perfect subtrees.
fn places(size: u64) -> Vec<u64> {
    let mut found: Vec<u64> = [0, 1, 2, 3, 254, 255, 256, 511, 4095, 32_767, 32_768, 65_279, 65_280, 65_534, 65_535]
        .into_iter()
        .chain([size.saturating_sub(2), size.saturating_sub(1)])
        .filter(|place| *place < size)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[test]
fn roots_proofs_and_tiles_are_theirs_at_every_size_where_a_tree_changes_its_shape() {
    let (leaves, stored) = forest();
    let roots: Vec<Hash> = SIZES.iter().map(|n| root(&leaves[..*n as usize])).collect();
    // Every perfect subtree as our edge makes it, so that a proof costs its hashes and not the whole tree.
    let mut nodes = std::collections::HashMap::new();
    let mut edge = Edge::default();
    for leaf in &leaves {
        edge.push_with(*leaf, |level, index, hash| {
            nodes.insert((level, index), hash);
        });
    }
    let node = |level, index| Ok::<Hash, ProofError>(nodes[&(level, index)]);
    for (size, root) in SIZES.into_iter().zip(&roots) {
        assert_eq!(tlog_tiles::tree_hash(size, &stored).unwrap().0, *root, "root of {size}");
        for index in places(size) {
            let leaf = leaves[index as usize];
            let proof = inclusion_proof(index, size, node).unwrap();
            let other = tlog_tiles::prove_record(size, index, &stored).unwrap();
            assert_eq!(wrap(&proof), other, "leaf {index} of {size}");
            let (their_root, their_leaf) = (tlog_tiles::Hash(*root), tlog_tiles::Hash(leaf));
            tlog_tiles::check_record(&wrap(&proof), size, their_root, index, their_leaf).unwrap();
            verify_inclusion(&leaf, index, size, &proof, root).unwrap();
        }
        for (old, old_root) in SIZES.into_iter().zip(&roots).filter(|(old, _)| (1..=size).contains(old)) {
            let proof = consistency_proof(old, size, node).unwrap();
            let other = tlog_tiles::prove_tree(size, old, &stored).unwrap();
            assert_eq!(wrap(&proof), other, "{old} in {size}");
            let (new_root, before) = (tlog_tiles::Hash(*root), tlog_tiles::Hash(*old_root));
            tlog_tiles::check_tree(&wrap(&proof), size, new_root, old, before).unwrap();
            verify_consistency(old, old_root, size, root, &proof).unwrap();
            // Both refuse the same proof for the wrong older tree.
            assert!(tlog_tiles::check_tree(&wrap(&proof), size, new_root, old, tlog_tiles::Hash([9; 32])).is_err());
            assert!(verify_consistency(old, &[9; 32], size, root, &proof).is_err());
        }
        for other in tlog_tiles::Tile::new_tiles(8, size.saturating_sub(1), size) {
            let (level, index, width) = (u32::from(other.level()), other.level_index(), u64::from(other.width()));
            let hashes: Vec<Hash> = (0..width).map(|i| nodes[&(8 * level, index * tile::WIDTH + i)]).collect();
            assert_eq!(tile::write_hashes(&hashes), other.read_data(&stored).unwrap(), "{}", other.path());
        }
    }
    // The slow way, from leaves alone, gives the same proofs as the edge's nodes.
    let from_leaves = node_of(&leaves[..257]);
    for index in places(257) {
        let quick = inclusion_proof(index, 257, node).unwrap();
        assert_eq!(inclusion_proof::<ProofError>(index, 257, &from_leaves).unwrap(), quick);
    }
}
