//! The examples of `FORMAT.md` are what it says they are.

use muster_seal::checkpoint::Checkpoint;
use muster_seal::cosignature::WitnessKey;
use muster_seal::key::{DeviceKey, NamedKey, Signer};
use muster_seal::merkle::{leaf_hash, node_hash, root};
use muster_seal::policy::Policy;
use muster_seal::proof::Receipt;
use muster_seal::witness::{MAX_REQUEST, Request, decide};

const PAGE: &str = include_str!("../../FORMAT.md");

/// The block with this word after its fence.
fn example(what: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("\n```{what}\n")).unwrap();
    &rest[..=rest.find("\n```\n").unwrap()]
}

fn leaves() -> [[u8; 32]; 3] {
    ["alpha", "beta", "gamma"].map(|leaf| leaf_hash(leaf.as_bytes()))
}

#[test]
fn the_keys_are_those_of_the_seeds() {
    let (log, witness) = example("keys").split_once('\n').unwrap();
    let key = |seed| DeviceKey::from_seed([seed; 32]).public();
    assert_eq!(NamedKey::parse(log), Ok(key(1).named("muster.example/log")));
    assert_eq!(WitnessKey::parse(witness.trim_end()), Ok(key(2).witness("audit.example/w")));
}

#[test]
fn the_checkpoint_holds_under_the_policy_since_the_time_it_says() {
    let policy = Policy::parse(example("policy").as_bytes()).unwrap();
    let witnessed = policy.check(example("note").as_bytes()).unwrap();
    assert_eq!(witnessed.quorum_at, Some(1_772_400_000));
    assert!(PAGE.contains("cosigned at 1772400000, 2026-03-01T21:20:00Z"));
    assert_eq!(witnessed.checkpoint.root, root(&leaves()));
    let [alpha, beta, gamma] = leaves();
    for hash in [alpha, beta, gamma, node_hash(&alpha, &beta), root(&leaves())] {
        assert!(PAGE.contains(&hex::encode(hash)), "{}", hex::encode(hash));
    }
}

#[test]
fn the_receipt_is_for_beta_and_the_witness_takes_the_request() {
    let key = NamedKey::parse(example("keys").lines().next().unwrap()).unwrap();
    let receipt = Receipt::parse(example("receipt").as_bytes()).unwrap();
    let want = Checkpoint { origin: "muster.example/log".into(), size: 3, root: root(&leaves()) };
    assert_eq!(receipt.verify(b"beta", &key).as_ref(), Ok(&want));
    receipt.verify(b"alpha", &key).unwrap_err();
    let request = Request::parse(example("request").as_bytes(), MAX_REQUEST).unwrap();
    assert_eq!(decide(&request, Some((2, root(&leaves()[..2]))), &key), Ok(want));
}

#[cfg(feature = "sm2")]
#[test]
fn the_third_line_is_by_the_sm2_key() {
    use muster_seal::note::Note;
    use muster_seal::sm2::{SM2_TYPE, Sm2Key, Sm2NamedKey};

    let key = Sm2NamedKey::parse(example("sm2").trim_end()).unwrap();
    assert_eq!(key, Sm2Key::from_number(&[7; 32]).unwrap().named("muster.example/log"));
    Note::parse(example("note").as_bytes()).unwrap().verify(&key).unwrap();
    assert!(PAGE.contains(&hex::encode(&key.spki()[..26])));
    let spelled: Vec<String> = SM2_TYPE.iter().map(|byte| format!("{byte:02X}")).collect();
    assert!(PAGE.contains(&spelled.join(" ")));
}
