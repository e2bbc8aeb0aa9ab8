//! The bad bundles of `seal/vectors/bundles/bad/`: the reason in the name, what the verifier says beside it, and how it is made.

use muster_hours::policy::Policy;
use muster_seal::central::{DocumentLeaf, EnrolLeaf, Leaf, RevokeLeaf};
use muster_seal::key::Signer;
use muster_seal::merkle::sha256;
use muster_seal::session;

use crate::good::{Story, other_root};
use crate::town::{
    DOMAIN, Device, EVENING, MORNING, NOON, Parts, Session, Town, Under, WITNESSES, assignment, contact_leaf, key,
    policy, rotation, seal_leaf, stand,
};

/// A name, what the verifier says, and the file.
pub type Case = (&'static str, &'static str, Vec<u8>);

pub const UNDER: Under = Under { beacon: 4, covering: (5, NOON), newest: (6, EVENING) };

/// A town in which d1 holds one session as `hold` says, and everybody else is honest.
pub fn town(hold: impl FnOnce(&mut Device, &str) -> Session) -> (Town, Device, Session) {
    let mut town = Town::default();
    town.fill_to(1);
    let mut d1 = Device::enrol(&mut town, "d1", 11, "s1");
    town.fill_to(4);
    let beacon = town.note(4, MORNING);
    let session = hold(&mut d1, &beacon);
    town.add(&seal_leaf(&d1, &session));
    town.fill_to(6);
    (town, d1, session)
}

/// A bundle of a session that the device itself made wrong and sealed.
pub fn sealed(hold: impl FnOnce(&mut Device, &str) -> Session) -> Parts {
    let (town, d1, session) = town(hold);
    Parts::of(&town, &d1, &session, 4, UNDER)
}

/// The same for one whose lines were changed before it was sealed.
pub fn lines(change: impl FnOnce(Session) -> Session) -> Parts {
    sealed(|device, beacon| {
        let session = change(Session::of(device.open(beacon), 14));
        device.seals(session)
    })
}

pub fn honest() -> Parts {
    lines(|session| session)
}

pub fn but(parts: &Parts, change: impl FnOnce(&mut Parts)) -> Vec<u8> {
    let mut parts = parts.clone();
    change(&mut parts);
    parts.tar()
}

/// The covering checkpoint's note made anew, by these witnesses at these times.
fn covered_by(parts: &mut Parts, cosigners: &[(usize, u64)]) {
    let (town, ..) = town(|device, beacon| device.hold(14, beacon));
    parts.receipt.checkpoint = stand(&town.checkpoint(5), cosigners);
}

pub fn bad(story: &Story) -> Vec<Case> {
    [
        file(),
        records(),
        seals(),
        receipts(),
        checkpoints(),
        times(),
        devices(story),
        contacts(story),
        plans(),
        crate::strict::bad(),
    ]
    .concat()
}

/// The file itself.
fn file() -> Vec<Case> {
    let tar = honest().tar();
    let at = |name: &str| tar.windows(name.len()).position(|w| w == name.as_bytes()).unwrap();
    let bent = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut tar = tar.clone();
        change(&mut tar);
        tar
    };
    // A header changed and its checksum with it, so that any tar takes it.
    let mode = bent(&|tar| {
        tar[106] = b'0';
        tar[154] = 0;
        tar[148..156].fill(b' ');
        let sum: u32 = tar[..512].iter().map(|b| u32::from(*b)).sum();
        tar[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    });
    let (entry, contacts) = (at("entry.json"), at("contacts.jsonl"));
    let swapped = bent(&|tar| {
        let empty: Vec<u8> = tar.drain(contacts..contacts + 512).collect();
        tar.splice(entry - 512..entry - 512, empty);
    });
    let gone = bent(&|tar| drop(tar.drain(contacts..contacts + 512)));
    let foreign = bent(&|tar| {
        tar[contacts..contacts + 14].copy_from_slice(b"contacts.jsonx");
    });
    vec![
        (
            "extra-bytes-at-the-end",
            "the file: byte 14848: bytes after the last part",
            bent(&|tar| tar.extend([0; 512])),
        ),
        (
            "file-cut-short",
            "the file: byte 14848: bytes after the last part",
            bent(&|tar| tar.truncate(tar.len() - 512)),
        ),
        ("file-cut-in-a-part", "the file: byte 7680: the file is cut short", bent(&|tar| tar.truncate(8000))),
        ("bytes-between-two-parts", "the file: byte 4850: bytes between two parts", bent(&|tar| tar[entry - 1] = 1)),
        ("header-of-another-tar", "the file: byte 0: the header is not written as bundles write it", mode),
        ("parts-in-another-order", "the file: contacts.jsonl is missing", swapped),
        ("part-missing", "the file: contacts.jsonl is missing", gone),
        ("part-that-does-not-belong", "the file: \"contacts.jsonx\" does not belong in a bundle", foreign),
    ]
}

/// Records changed after the seal, and records that the device itself wrote wrongly.
fn records() -> Vec<Case> {
    let after = |change: &dyn Fn(&mut Vec<Vec<u8>>)| but(&honest(), |parts| change(&mut parts.session.lines));
    let card = |session: &Session| session.lines[7].clone();
    let before = |change: &dyn Fn(Session) -> Session| lines(change).tar();
    let drop_close = |mut session: Session| {
        session.lines.pop();
        session
    };
    vec![
        (
            "record-edited",
            "log.jsonl: the records do not hash to the sealed root: lines 1 to 14 are not what was sealed",
            but(&honest(), |p| p.session = p.session.clone().with(5, "\"level\":4", "\"level\":3")),
        ),
        (
            "record-dropped",
            "log.jsonl: line 7: seq is 7, not 6: a record is missing, doubled or out of order",
            after(&|lines| drop(lines.remove(6))),
        ),
        (
            "record-inserted",
            "log.jsonl: line 8: seq is 6, not 7: a record is missing, doubled or out of order",
            after(&|lines| {
                let line = String::from_utf8(lines[7].clone()).unwrap().replace("\"seq\":7", "\"seq\":6");
                lines.insert(7, line.into_bytes());
            }),
        ),
        (
            "records-reordered",
            "log.jsonl: line 7: seq is 7, not 6: a record is missing, doubled or out of order",
            after(&|lines| lines.swap(6, 7)),
        ),
        (
            "record-duplicated",
            "log.jsonl: line 9: seq is 7, not 8: a record is missing, doubled or out of order",
            after(&|lines| lines.insert(8, lines[7].clone())),
        ),
        ("log-truncated", "log.jsonl: line 13: the log does not end with `close`", after(&|lines| drop(lines.pop()))),
        ("log-cut-in-a-line", "log.jsonl: line 14 is cut short: it has no newline", cut_in_a_line()),
        ("sealed-missing-close", "log.jsonl: line 13: the log does not end with `close`", before(&drop_close)),
        (
            "sealed-record-after-close",
            "log.jsonl: line 15: a record after `close`",
            before(&|mut s| {
                let line = String::from_utf8(card(&s)).unwrap().replace("\"seq\":7", "\"seq\":14");
                s.lines.push(line.into_bytes());
                s
            }),
        ),
        (
            "sealed-seq-gap",
            "log.jsonl: line 7: seq is 7, not 6: a record is missing, doubled or out of order",
            before(&|mut s| {
                s.lines.remove(6);
                s
            }),
        ),
        (
            "sealed-open-twice",
            "log.jsonl: line 2: `open` is the first record of a log and of no other place",
            before(&|mut s| {
                let line = String::from_utf8(s.lines[0].clone()).unwrap().replace("\"seq\":0", "\"seq\":1");
                s.lines[1] = line.into_bytes();
                s
            }),
        ),
        (
            "sealed-up-ms-backwards",
            "log.jsonl: line 5: up_ms goes backwards within one boot",
            before(&|s| s.with(5, "\"up_ms\":64000", "\"up_ms\":1")),
        ),
        (
            "sealed-close-counts-kinds-wrongly",
            "log.jsonl: line 14: `close` counts kinds wrongly",
            before(&|s| s.with(14, "\"card\":3", "\"card\":4")),
        ),
        (
            "sealed-close-counts-readers-wrongly",
            "log.jsonl: line 14: `close` counts readers wrongly",
            before(&|s| s.with(14, "\"door\":4", "\"door\":5")),
        ),
        (
            "sealed-close-counts-reasons-wrongly",
            "log.jsonl: line 14: `close` counts reasons wrongly",
            before(&|s| s.with(14, "\"no-chip\":2", "\"no-chip\":3")),
        ),
        (
            "sealed-tap-of-nobody",
            "log.jsonl: line 5: tap points at seq 1, which is no earlier card record of the same trainee",
            before(&|s| s.with(5, "\"tap\":2", "\"tap\":1")),
        ),
        (
            "sealed-face-of-nobody",
            "log.jsonl: line 5: face points at seq 1, which is no earlier face record of the same trainee",
            before(&|s| s.with(5, "\"face\":3", "\"face\":1")),
        ),
        (
            "sealed-unknown-field",
            "log.jsonl: line 8: a card record has no field \"name\"",
            before(&|s| s.with(8, "\"reader\"", "\"name\":\"x\",\"reader\"")),
        ),
        (
            "sealed-trainee-off-the-roster",
            "log.jsonl: line 7: trainee t9 is not on the roster",
            before(&|s| {
                let stranger = "\"kind\":\"stranger\",\"reader\":\"door\"";
                let card = "\"kind\":\"card\",\"layout\":\"resident\",\"reader\":\"door\"";
                s.with(7, stranger, card)
                    .with(7, "\"up_ms\":66000", "\"trainee\":\"t9\",\"up_ms\":66000")
                    .with(14, "\"card\":3", "\"card\":4")
                    .with(14, ",\"stranger\":1", "")
            }),
        ),
    ]
}

fn cut_in_a_line() -> Vec<u8> {
    let mut tar = honest().tar();
    let log = honest().session.bytes();
    let at = tar.windows(log.len()).position(|w| w == log.as_slice()).unwrap();
    let size = |n: usize| format!("{n:011o}\0");
    tar[at + log.len() - 1] = 0;
    tar[at - 512 + 124..at - 512 + 136].copy_from_slice(size(log.len() - 1).as_bytes());
    tar[at - 512 + 148..at - 512 + 156].fill(b' ');
    let sum: u32 = tar[at - 512..at].iter().map(|b| u32::from(*b)).sum();
    tar[at - 512 + 148..at - 512 + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar
}

/// Seals of something else.
fn seals() -> Vec<Case> {
    let origin = |device: &str, counter| session::origin(DOMAIN, device, counter);
    let sealed_as = |origin: String, seed: u8| {
        sealed(|device, beacon| {
            let mut made = device.hold(14, beacon);
            let mut edge = muster_seal::merkle::Edge::default();
            made.lines.iter().for_each(|line| edge.push(muster_seal::merkle::leaf_hash(line)));
            made.seal = session::seal_at(&origin, &edge, &key(seed));
            made
        })
        .tar()
    };
    let other_session = {
        let mut parts = honest();
        let mut device = Device::enrol(&mut Town::default(), "d1", 11, "s1");
        parts.session = device.hold(14, "");
        parts.tar()
    };
    vec![
        (
            "seal-edited",
            "entry.json holds another seal than seal.note",
            but(&honest(), |p| p.seal = p.seal.replace("\n14\n", "\n15\n")),
        ),
        (
            "seal-edited-in-both-places",
            "entry.tlog-proof: the proof leads to another root",
            but(&honest(), |p| {
                p.seal = p.seal.replace("\n14\n", "\n15\n");
                let entry = String::from_utf8(p.entry.clone()).unwrap();
                p.entry = entry.replace("\\u000a14\\u000a", "\\u000a15\\u000a").into_bytes();
            }),
        ),
        (
            "seal-of-another-device",
            "log.jsonl: seal: the origin is \"muster.example/d/d2/s/1\", not \"muster.example/d/d1/s/1\"",
            sealed_as(origin("d2", 1), 12),
        ),
        (
            "seal-of-another-counter",
            "log.jsonl: seal: the origin is \"muster.example/d/d1/s/9\", not \"muster.example/d/d1/s/1\"",
            sealed_as(origin("d1", 9), 11),
        ),
        (
            "seal-by-another-key",
            "log.jsonl: seal: no signature by muster.example/d/d1/s/1",
            sealed_as(origin("d1", 1), 12),
        ),
        (
            "seal-of-another-session",
            "log.jsonl: the records do not hash to the sealed root: lines 1 to 14 are not what was sealed",
            other_session,
        ),
        (
            "sealed-open-of-another-counter",
            "log.jsonl: line 1: `open` says device and counter \"/d/d1/s/7\" and the seal \"muster.example/d/d1/s/1\"",
            lines(|s| s.with(1, "\"counter\":1", "\"counter\":7")).tar(),
        ),
        (
            "sealed-open-of-another-device",
            "log.jsonl: line 1: `open` says device and counter \"/d/d9/s/1\" and the seal \"muster.example/d/d1/s/1\"",
            lines(|s| s.with(1, "\"device\":\"d1\"", "\"device\":\"d9\"")).tar(),
        ),
        (
            "sealed-open-with-another-key",
            "log.jsonl: line 1: `open` says key \"ed23d853125a3acff2782dddf84e018ebc85942ebf328ff1287202a479964207\" and the seal \
             \"fdf72a088f18f7399e8c52bce448441501f759a595a86980e5d9a422a01e5d55\"",
            lines(|s| {
                let (from, to) = (key(11).public().id(), key(12).public().id());
                s.with(1, &from, &to)
            })
            .tar(),
        ),
        (
            "seal-covers-fewer-records",
            "log.jsonl: the seal covers 13 records and the log has 14",
            sealed(|device, beacon| {
                let whole = Session::of(device.open(beacon), 14);
                let mut short = whole.clone();
                short.lines.pop();
                let short = device.seals(short);
                Session { lines: whole.lines, ..short }
            })
            .tar(),
        ),
    ]
}

/// Receipts that lead elsewhere.
fn receipts() -> Vec<Case> {
    let good = honest();
    let (town, ..) = town(|device, beacon| device.hold(14, beacon));
    let document = Leaf::Document(DocumentLeaf {
        what: "claims".into(),
        name: "claims-5".into(),
        sha256: hex::encode(sha256(b"claims-5")),
        at: String::new(),
    });
    let of_document = {
        let mut town = town.clone();
        town.add(&document);
        let d1 = Device::enrol(&mut Town::default(), "d1", 11, "s1");
        let mut parts = honest();
        let other = Parts::of(&town, &d1, &parts.session, 6, Under { covering: (7, NOON), newest: (7, NOON), ..UNDER });
        (parts.entry, parts.receipt) = (other.entry, other.receipt);
        parts.tar()
    };
    let all = |checkpoint| stand(&checkpoint, &[(0, NOON), (1, NOON + 2), (2, NOON + 1)]);
    let resized = muster_seal::checkpoint::Checkpoint { size: 6, ..town.checkpoint(5) };
    vec![
        ("entry-about-something-else", "entry.json is not about a seal", of_document),
        (
            "proof-too-short",
            "entry.tlog-proof: the proof has 0 hashes, not 1",
            but(&good, |p| p.receipt.hashes.clear()),
        ),
        (
            "proof-too-long",
            "entry.tlog-proof: the proof has 2 hashes, not 1",
            but(&good, |p| p.receipt.hashes.push([7; 32])),
        ),
        (
            "proof-of-other-hashes",
            "entry.tlog-proof: the proof leads to another root",
            but(&good, |p| p.receipt.hashes[0][0] ^= 1),
        ),
        ("wrong-index", "entry.tlog-proof: the proof has 1 hashes, not 3", but(&good, |p| p.receipt.index = 3)),
        (
            "wrong-index-outside-the-log",
            "entry.tlog-proof: index 5 is outside a tree of size 5",
            but(&good, |p| p.receipt.index = 5),
        ),
        (
            "wrong-size",
            "entry.tlog-proof: the proof has 1 hashes, not 2",
            but(&good, |p| p.receipt.checkpoint = all(resized)),
        ),
        (
            "wrong-root",
            "entry.tlog-proof: the proof leads to another root",
            but(&good, |p| p.receipt.checkpoint = all(other_root(&town.checkpoint(5)))),
        ),
        (
            "beacon-proof-too-short",
            "beacon.consistency: the proof has 0 hashes, not 1: the beacon is no prefix of the checkpoint",
            but(&good, |p| p.beacon_proof.clear()),
        ),
        (
            "beacon-of-another-history",
            "beacon.consistency: the proof leads to another root: the beacon is no prefix of the checkpoint",
            sealed(|device, _| {
                let mut other = Town::default();
                other.fill_to(4);
                device.hold(14, &other.note(4, MORNING))
            })
            .tar(),
        ),
        (
            "beacon-proof-without-a-beacon",
            "beacon.consistency: malformed note: a proof without a beacon",
            sealed(|device, _| device.hold(14, "")).tar(),
        ),
        (
            "newest-proof-too-long",
            "newest.consistency: the proof has 4 hashes, not 3: the receipt's checkpoint is no prefix of the newest",
            but(&good, |p| p.newest_proof.push([7; 32])),
        ),
        (
            "newest-of-another-history",
            "newest.consistency: the proof leads to another root: the receipt's checkpoint is no prefix of the newest",
            but(&good, |p| {
                let mut other = Town::default();
                other.fill_to(1);
                let device = Device::enrol(&mut other, "d1", 11, "s1");
                other.fill_to(6);
                p.life = Parts::of(&other, &device, &p.session.clone(), 4, UNDER).life;
            }),
        ),
    ]
}

/// Who signed the checkpoints.
fn checkpoints() -> Vec<Case> {
    let good = honest();
    let (town, ..) = town(|device, beacon| device.hold(14, beacon));
    let newest = |cosigners: &'static [(usize, u64)]| {
        let note = stand(&town.checkpoint(6), cosigners);
        but(&good, |p| p.life.iter_mut().for_each(|(_, receipt)| receipt.checkpoint.clone_from(&note)))
    };
    let stranger = muster_seal::cosignature::cosign(&town.checkpoint(5).text(), "other.example/w", &key(40), NOON);
    let newest_stranger =
        muster_seal::cosignature::cosign(&town.checkpoint(6).text(), "other.example/w", &key(40), NOON);
    let wrong = muster_seal::cosignature::cosign(&town.checkpoint(6).text(), WITNESSES[0].1, &key(31), NOON);
    vec![
        (
            "quorum-not-met-for-the-seal",
            "entry.tlog-proof: quorum not met: 1 of the needed 2 cosigned (missing: university)",
            but(&good, |p| covered_by(p, &[(0, NOON), (1, NOON)])),
        ),
        (
            "quorum-not-met-in-a-group",
            "entry.tlog-proof: quorum not met: 1 of the needed 2 cosigned (missing: offices with 0 of 1, without audit and finance)",
            but(&good, |p| covered_by(p, &[(2, NOON)])),
        ),
        (
            "quorum-not-met-for-the-device",
            "device-000.tlog-proof: quorum not met: 0 of the needed 2 cosigned (missing: offices with 0 of 1, without audit and finance, university)",
            newest(&[]),
        ),
        (
            "quorum-not-met-for-the-beacon",
            "line 1: the beacon: quorum not met: 1 of the needed 2 cosigned (missing: university)",
            sealed(|device, beacon| {
                let short: String = beacon.split_inclusive('\n').filter(|l| !l.contains("university")).collect();
                device.hold(14, &short)
            })
            .tar(),
        ),
        (
            "checkpoint-not-signed-by-the-log",
            "entry.tlog-proof: no signature by muster.example/log",
            but(&good, |p| {
                let note = p.receipt.checkpoint.split_inclusive('\n');
                p.receipt.checkpoint = note.filter(|line| !line.contains("— muster.example/log")).collect();
            }),
        ),
        (
            "checkpoint-signature-wrong",
            "entry.tlog-proof: the signature by muster.example/log is wrong",
            but(&good, |p| {
                let other = stand(&town.checkpoint(6), &[]);
                let line = |note: &str| note.lines().find(|l| l.contains("— muster.example/log")).unwrap().to_owned();
                p.receipt.checkpoint = p.receipt.checkpoint.replace(&line(&p.receipt.checkpoint), &line(&other));
            }),
        ),
        (
            "witness-signature-wrong",
            "entry.tlog-proof: the signature by audit.example.gov.cn/w1 is wrong",
            but(&good, |p| p.receipt.checkpoint += &wrong),
        ),
        (
            "unknown-signature-line-over-the-seal",
            "entry.tlog-proof: a signature by \"other.example/w\" is by no key in your trust file: add the witness to `tlog_policy`, \
             whether or not your quorum needs it",
            but(&good, |p| p.receipt.checkpoint += &stranger),
        ),
        (
            "unknown-signature-line-over-the-newest",
            "device-000.tlog-proof: a signature by \"other.example/w\" is by no key in your trust file: add the witness to \
             `tlog_policy`, whether or not your quorum needs it",
            but(&good, |p| p.life.iter_mut().for_each(|(_, r)| r.checkpoint += &newest_stranger)),
        ),
        (
            "checkpoint-of-another-log",
            "entry.tlog-proof: the origin is \"other.example/log\", not \"muster.example/log\"",
            but(&good, |p| {
                p.receipt.checkpoint = p.receipt.checkpoint.replacen("muster.example/log", "other.example/log", 1)
            }),
        ),
        (
            "checkpoint-with-an-extension",
            "entry.tlog-proof: malformed checkpoint: extension lines",
            but(&good, |p| {
                let text = town.checkpoint(5).text() + "extension\n";
                p.receipt.checkpoint = muster_seal::note::sign(&text, crate::town::LOG, &crate::town::log_key());
            }),
        ),
    ]
}

/// Beacons and brackets.
fn times() -> Vec<Case> {
    let good = honest();
    let at_noon = |device: &mut Device, _: &str| {
        let (town, ..) = town(|device, beacon| device.hold(14, beacon));
        device.hold(14, &town.note(4, NOON + 60))
    };
    let late_beacon = sealed(|device, _| {
        let (town, ..) = town(|device, beacon| device.hold(14, beacon));
        device.hold(14, &town.note(5, MORNING))
    });
    vec![
        (
            "cosignature-older-than-the-beacon",
            "the bracket: the cosignature by audit over the covering checkpoint is older than its cosignature over the beacon \
             (1772416800 < 1772416860, seconds since 1970)",
            sealed(at_noon).tar(),
        ),
        (
            "beacon-newer-than-the-seal",
            "line 1: the beacon names 5 entries, and the seal is entry 4",
            but(&late_beacon, |p| p.beacon_proof.clear()),
        ),
        (
            "site-other-than-the-devices",
            "line 1: site \"s9\" is not the device's site \"s1\"",
            lines(|s| s.with(1, "\"site\":\"s1\"", "\"site\":\"s9\"")).tar(),
        ),
        (
            "enrolled-after-the-seal",
            "the device was enrolled at 5, after its seal at 4",
            but(&good, |p| {
                let mut late = Town::default();
                let mut device = Device::enrol(&mut Town::default(), "d1", 11, "s1");
                late.fill_to(4);
                let session = device.hold(14, &late.note(4, MORNING));
                late.add(&seal_leaf(&device, &session));
                let device = Device::enrol(&mut late, "d1", 11, "s1");
                *p = Parts::of(&late, &device, &session, 4, UNDER);
            }),
        ),
    ]
}

/// The device's life.
fn devices(story: &Story) -> Vec<Case> {
    let rotated = &story.rotated;
    let unsigned = {
        let mut town = Town::default();
        town.fill_to(1);
        let mut d1 = Device::enrol(&mut town, "d1", 11, "s1");
        // The new key signs in the old one's place.
        d1.life.push(town.add(&rotation("d1", 1, &key(21), &key(21))));
        town.fill_to(4);
        let session = d1.hold(14, &town.note(4, MORNING));
        town.add(&seal_leaf(&d1, &session));
        town.fill_to(6);
        Parts::of(&town, &d1, &session, 4, UNDER).tar()
    };
    let old_key = {
        let mut town = Town::default();
        let mut d1 = Device::enrol(&mut town, "d1", 11, "s1");
        d1.rotate(&mut town, 21);
        d1.key = key(11);
        town.fill_to(4);
        let session = d1.hold(14, &town.note(4, MORNING));
        town.add(&seal_leaf(&d1, &session));
        town.fill_to(6);
        Parts::of(&town, &d1, &session, 4, UNDER).tar()
    };
    let other_device = {
        let (mut town, ..) = town(|device, beacon| device.hold(14, beacon));
        let leaf = EnrolLeaf {
            device: "d2".into(),
            key: key(11).public().to_base64(),
            site: "s1".into(),
            institution: "i1".into(),
            sm2: None,
            at: String::new(),
        };
        let index = town.add(&Leaf::Enrol(leaf));
        let mut parts = honest();
        let note = town.note(7, EVENING);
        parts.life = vec![(town.leaves[index as usize].clone(), town.receipt(index, 7, &note))];
        parts.newest_proof = town.consistency(5, 7);
        parts.tar()
    };
    let words = {
        let (mut town, mut d1, session) = town(|device, beacon| device.hold(14, beacon));
        let reason = "said to be lost".into();
        d1.life.push(town.add(&Leaf::Revoke(RevokeLeaf {
            device: "d1".into(),
            counter: 1,
            reason,
            at: String::new(),
        })));
        Parts::of(&town, &d1, &session, 4, Under { newest: (7, EVENING), ..UNDER }).tar()
    };
    vec![
        (
            "revocation-in-free-words",
            "device-001.json: field \"reason\" must be an id: 1 to 64 letters, digits, hyphens, underscores or dots",
            words,
        ),
        (
            "revoked",
            "the device's life: the device was revoked after session 5 (leaf #13): session 6 does not count",
            story.revoked.tar(),
        ),
        (
            "replaced",
            "the device's life: the device was replaced after session 1 (leaf #15): session 2 does not count",
            story.replaced.tar(),
        ),
        ("not-enrolled", "the device's life: no leaf of the central log enrols the device", other_device),
        (
            "rotation-not-signed-by-the-old-key",
            "the device's life: leaf #2: the rotation is not signed by the old key",
            unsigned,
        ),
        ("sealed-by-the-key-before-the-rotation", "log.jsonl: seal: no signature by muster.example/d/d1/s/1", old_key),
        (
            "rotation-left-out",
            "log.jsonl: seal: no signature by muster.example/d/d1/s/5",
            but(rotated, |p| drop(p.life.remove(1))),
        ),
        ("device-leaves-reordered", "the device's life: leaf #8 is out of order", but(rotated, |p| p.life.swap(1, 2))),
        (
            "device-leaf-edited",
            "device-000.tlog-proof: the proof leads to another root",
            but(rotated, |p| {
                let leaf = String::from_utf8(p.life[0].0.clone()).unwrap();
                p.life[0].0 = leaf.replace("\"site\":\"s1\"", "\"site\":\"s2\"").into_bytes();
            }),
        ),
        (
            "device-leaves-under-two-checkpoints",
            "device-001.tlog-proof is under another checkpoint than device-000.tlog-proof",
            but(rotated, |p| {
                let lines: Vec<&str> = p.life[1].1.checkpoint.split_inclusive('\n').collect();
                p.life[1].1.checkpoint = lines[..lines.len() - 1].concat();
            }),
        ),
    ]
}

/// The contacts between two sessions.
fn contacts(story: &Story) -> Vec<Case> {
    let parts = &story.contacts;
    let edit = |from: &str, to: &str| {
        but(parts, |p| {
            let line = String::from_utf8(p.contacts[0].clone()).unwrap();
            assert!(line.contains(from), "{line}");
            p.contacts[0] = line.replace(from, to).into_bytes();
        })
    };
    vec![
        (
            "contacts-reordered",
            "contacts.jsonl: line 2: the session counter is 2, not 4: a session is missing or was replayed",
            but(parts, |p| p.contacts.swap(0, 1)),
        ),
        (
            "contact-edited",
            "contacts.jsonl: line 1: the signature by muster.example/d/d1/c/2 is wrong",
            edit("beacon 5", "beacon 4"),
        ),
        (
            "contact-of-another-device",
            "contacts.jsonl: line 1: of another device",
            edit("\"device\":\"d1\"", "\"device\":\"d2\""),
        ),
        (
            "last-contact-missing",
            "the device's chain: the session counter is 4, not 3: a session is missing or was replayed",
            but(parts, |p| drop(p.contacts.pop())),
        ),
        (
            "contact-by-another-key",
            "contacts.jsonl: line 1: no signature by muster.example/d/d1/c/2",
            but(parts, |p| {
                let prev = "ab".repeat(32);
                let contact =
                    muster_seal::chain::Contact { device: "d1".into(), counter: 2, prev, beacon: 4, root: [9; 32] };
                p.contacts[0] = contact_leaf("d1", 2, contact.sign(DOMAIN, &key(12))).line();
            }),
        ),
    ]
}

/// The assignment and the auditor's policy.
fn plans() -> Vec<Case> {
    let under = |document: String| {
        let hash = hex::encode(sha256(document.as_bytes()));
        let mut parts = lines(|s| s.with(1, &hex::encode(sha256(assignment("s1", policy()).as_bytes())), &hash));
        parts.assignment = document.into_bytes();
        parts.tar()
    };
    vec![
        (
            "assignment-other-than-the-one-sealed",
            "assignment.json is not the document that line 1 names by its hash",
            but(&honest(), |p| p.assignment = assignment("s1", Policy { daily_cap: 12, ..policy() }).into_bytes()),
        ),
        (
            "policy-not-trusted",
            "policy \"nm-2026-1\" is not in your trust file, or has other numbers there",
            under(assignment("s1", Policy { share_permille: 500, ..policy() })),
        ),
        (
            "policy-with-another-power-gap",
            "policy \"nm-2026-1\" is not in your trust file, or has other numbers there",
            under(assignment("s1", Policy { power_gap_s: 60, ..policy() })),
        ),
        (
            "sealed-time-that-does-not-exist",
            "log.jsonl: line 1: field \"wall\" must be a time that exists, with milliseconds and an offset, as 2026-03-02T08:00:00.000+08:00",
            lines(|s| s.with(1, "\"wall\":\"2026-03-02T", "\"wall\":\"2026-02-30T")).tar(),
        ),
        (
            "assignment-of-another-site",
            "log.jsonl: line 1: `open` says site \"s1\" and the assignment \"s2\"",
            under(assignment("s2", policy())),
        ),
    ]
}
