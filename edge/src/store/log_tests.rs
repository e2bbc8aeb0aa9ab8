//! The chain over sessions and contacts, and proofs from what is stored.

use muster_seal::chain::{Contact, seal_id};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::key::Signer;

use crate::session::tests::{Device, log_key};
use crate::store::outbox::Waiting;

#[test]
fn contacts_and_sessions_share_one_chain() {
    let mut device = Device::new();
    let beacon = Checkpoint { origin: "muster.example".into(), size: 7, root: [9; 32] }.sign(&log_key());
    device.store.put_beacon(&beacon, &device.me.log_key).unwrap();
    assert_eq!(device.store.put_contact(&device.me, &device.key).unwrap(), Some(1));
    assert_eq!(device.store.named_beacon(&device.me).unwrap(), 7);
    let mut session = device.open("a").unwrap();
    assert_eq!(session.counter(), 2);
    assert!(device.store.put_contact(&device.me, &device.key).is_err(), "a session runs");
    device.close(&mut session).unwrap();
    assert_eq!(device.store.put_contact(&device.me, &device.key).unwrap(), Some(3));

    let all = device.store.outbox().unwrap();
    assert_eq!(all.iter().map(|item| item.counter()).collect::<Vec<_>>(), [1, 2, 3]);
    let (Waiting::Contact(_, first), Waiting::Session(second), Waiting::Contact(_, third)) =
        (&all[0].what, &all[1].what, &all[2].what)
    else {
        panic!("{all:?}")
    };
    let open = |note: &str, n| Contact::open(note.as_bytes(), "muster.example", "d1", n, &device.key.public()).unwrap();
    assert_eq!((open(first, 1).prev.as_str(), open(first, 1).beacon), ("", 7));
    assert_eq!(open(third, 3).prev, seal_id(&second.seal));
    device.store.put_accepted(1).unwrap();
    assert_eq!(device.store.outbox().unwrap().len(), 2);
}

#[test]
fn the_stored_hashes_are_those_of_the_lines() {
    let mut device = Device::new();
    let mut session = device.open("a").unwrap();
    device.close(&mut session).unwrap();
    let lines = device.store.lines(1).unwrap();
    let hashes: Vec<_> = lines.iter().map(|line| muster_seal::merkle::leaf_hash(line)).collect();
    assert_eq!(device.store.hashes(1, 2).unwrap(), hashes);
    assert_eq!(device.store.hashes(1, 1).unwrap(), hashes[..1]);
}
