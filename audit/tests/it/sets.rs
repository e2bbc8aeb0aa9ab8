//! Bundles that hold one by one and not together, in `seal/vectors/bundles/sets/`; and trust files that are none.

use muster_audit::verify::Place;
use muster_seal::key::Signer;

use crate::good::Story;
use crate::town::{Device, EVENING, MORNING, NOON, Parts, Town, Under, WITNESSES, key, seal_leaf, trust};

/// A name, what the verifier says of the last bundle, and the files.
pub type Set = (&'static str, &'static str, Vec<Vec<u8>>);

/// Two sessions of d1, one after the other, `second` as it says.
fn two(beacons: [u64; 2], second: impl FnOnce(&mut Device)) -> Vec<Vec<u8>> {
    let mut town = Town::default();
    town.fill_to(1);
    let mut d1 = Device::enrol(&mut town, "d1", 11, "s1");
    town.fill_to(5);
    let mut held = Vec::new();
    let mut second = Some(second);
    for beacon in beacons {
        if !held.is_empty() {
            second.take().unwrap()(&mut d1);
        }
        let session = d1.hold(14, &town.note(beacon, MORNING + beacon));
        let index = town.add(&seal_leaf(&d1, &session));
        held.push((session, index, beacon, town.size()));
    }
    let end = (town.size(), EVENING);
    let parts = held.into_iter().map(|(session, index, beacon, size)| {
        let under = Under { beacon, covering: (size, NOON + size), newest: end };
        Parts::of(&town, &d1, &session, index, under).tar()
    });
    parts.collect()
}

pub fn sets(story: &Story) -> Vec<Set> {
    let without_contacts = {
        let mut parts = story.contacts.clone();
        parts.contacts.clear();
        parts.tar()
    };
    let other_history = {
        // Another history of the very same sizes, under the same key and the same witnesses.
        let mut town = Town::default();
        let mut d9 = Device::enrol(&mut town, "d9", 19, "s9");
        town.fill_to(4);
        let session = d9.hold(14, &town.note(4, MORNING));
        let index = town.add(&seal_leaf(&d9, &session));
        let size = town.size();
        let under = Under { beacon: 4, covering: (size, NOON), newest: (size, NOON) };
        Parts::of(&town, &d9, &session, index, under).tar()
    };
    let again = story.first.tar();
    vec![
        (
            "beacon-going-backwards",
            "the device's chain: the beacon names a central log of 4 entries; the session before named one of 5",
            two([5, 4], |_| {}),
        ),
        (
            "session-missing-between",
            "the device's chain: the session counter is 3, not 2: a session is missing or was replayed",
            two([4, 5], |device| device.counter += 1),
        ),
        (
            "previous-seal-not-named",
            "the device's chain: `prev` does not name the seal of session 1",
            two([4, 5], |device| device.prev = "ab".repeat(32)),
        ),
        (
            "contacts-left-out",
            "the device's chain: the session counter is 4, not 2: a session is missing or was replayed",
            vec![again.clone(), without_contacts],
        ),
        ("session-given-twice", "session 1 of d1 was given twice", vec![again.clone(), again.clone()]),
        (
            "two-central-logs-of-one-size",
            "another bundle holds a central log of 5 entries with another root: the bureau shows two logs",
            vec![again, other_history],
        ),
    ]
}

/// The defects that `chain` gives, as words, for the places of a set.
pub fn together(places: &[Place]) -> Vec<(usize, String)> {
    muster_audit::verify::chain(places, false).into_iter().map(|(at, defect)| (at, defect.to_string())).collect()
}

#[test]
fn a_sample_may_have_gaps_and_no_beacon_that_goes_back_over_one() {
    let trust = muster_audit::trust::Trust::parse(&trust()).unwrap();
    let said = |tars: Vec<Vec<u8>>| {
        let places: Vec<_> =
            tars.iter().map(|tar| muster_audit::verify::verify(tar, &trust).unwrap().place()).collect();
        muster_audit::verify::chain(&places, true)
            .into_iter()
            .map(|(at, said)| (at, said.to_string()))
            .collect::<Vec<_>>()
    };
    assert_eq!(said(two([4, 5], |device| device.counter += 1)), []);
    let back = "the device's chain: the beacon names a central log of 4 entries; the session before named one of 5";
    assert_eq!(said(two([5, 4], |device| device.counter += 1)), [(1, back.to_owned())]);
}

/// Trust files that no verifier takes: the name, and the end of what is said.
pub fn trusts() -> Vec<(&'static str, &'static str, String)> {
    let good = trust();
    let log = key(1).public().named(crate::town::LOG).to_string();
    let (_, name, seed) = WITNESSES[0];
    let witness = key(seed).public().witness(name).to_string();
    let as_log = key(1).public().witness(crate::town::LOG).to_string();
    let late = format!("tlog_policy = \"\"\"\nlog {log}\nquorum none\n\"\"\"");
    let as_witness = key(seed).public().named(name).to_string();
    vec![
        (
            "witness-key-as-log-key",
            "the key of muster.example/log is a witness key (type 0x04): it cosigns checkpoints and cannot sign as a log",
            good.replace(&log, &as_log),
        ),
        (
            "log-key-as-witness-key",
            "line 2: the key of audit.example.gov.cn/w1 is a log key (type 0x01): it signs checkpoints and cannot cosign as a witness",
            good.replace(&witness, &as_witness),
        ),
        (
            "log-of-another-domain",
            "`log` is not the key of other.example/log",
            good.replace("domain = \"muster.example\"", "domain = \"other.example\""),
        ),
        (
            "key-id-of-another-key",
            "malformed key: the id is not that of name and key",
            good.replacen(&log.split('+').nth(1).unwrap().to_owned(), "00000000", 1),
        ),
        (
            "log-key-as-its-own-witness",
            "line 3: the same public key is on line 1",
            good.replacen("witness finance", &format!("witness bureau {as_log}\nwitness finance"), 1),
        ),
        (
            "one-key-for-two-witnesses",
            "line 3: the same public key is on line 2",
            good.replacen(
                "witness finance",
                &format!("witness again {}\nwitness finance", key(seed).public().witness("other.example/w")),
                1,
            ),
        ),
        (
            "witnesses-from-no-size",
            "missing field `from_size`\n",
            good.replacen("\n[[policy]]", &format!("\n[[witnesses]]\n{late}\n[[policy]]"), 1),
        ),
        (
            "witnesses-from-two-sizes-in-the-wrong-order",
            "[[witnesses]]: `from_size` must ascend, from 1 on",
            good.replacen(
                "\n[[policy]]",
                &format!("\n[[witnesses]]\nfrom_size = 9\n{late}\n[[witnesses]]\nfrom_size = 9\n{late}\n[[policy]]"),
                1,
            ),
        ),
        (
            "witnesses-without-a-quorum",
            "no `quorum` line: say who must cosign, or `quorum none`",
            good.replacen(
                "\n[[policy]]",
                &format!("\n[[witnesses]]\nfrom_size = 9\n{}\n[[policy]]", late.replace("quorum none\n", "")),
                1,
            ),
        ),
        (
            "quorum-of-nobody-known",
            "line 7: no line before this one defines \"everybody\"",
            good.replace("quorum enough", "quorum everybody"),
        ),
        (
            "quorum-missing",
            "no `quorum` line: say who must cosign, or `quorum none`",
            good.replace("quorum enough\n", ""),
        ),
    ]
}
