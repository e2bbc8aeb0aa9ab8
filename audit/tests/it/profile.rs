//! The bundles of `seal/vectors/bundles/profile/`: a deployment with `profile = "sm2-sm3"`. Under its own trust file the good
//! ones hold and each bad one is told its reason; under the plain trust file all of them hold, since Ed25519 is undisturbed.

use muster_seal::central::{Leaf, RotateSm2};
use muster_seal::key::Signer;
use muster_seal::second;

use crate::cases::Case;
use crate::town::{
    Device, EVENING, LOG, MORNING, NOON, Parts, Session, Town, Under, key, rotation, seal_leaf, sm2_key, stand_with,
    trust,
};

/// The seed of the log's SM2 key.
const LOG_SM2: u8 = 51;
/// And that of d1's.
const D1: u8 = 61;

/// The trust file of an auditor who asks for the profile.
pub fn profile_trust() -> String {
    let line = format!("profile = \"sm2-sm3\"\nlog_sm2 = \"{}\"\n", sm2_key(LOG_SM2).public().named(LOG));
    trust().replacen("tlog_policy", &(line + "tlog_policy"), 1)
}

/// Trust files with the profile that no verifier takes: the name, and the end of what is said.
pub fn profile_trusts() -> Vec<(&'static str, &'static str, String)> {
    let good = profile_trust();
    let key = sm2_key(LOG_SM2).public().named(LOG);
    let other = sm2_key(LOG_SM2).public().named("other.example/log");
    let line = format!("log_sm2 = \"{key}\"\n");
    vec![
        ("profile-without-a-key", "`profile` and `log_sm2` go together", good.replace(&line, "")),
        ("key-without-a-profile", "`profile` and `log_sm2` go together", good.replace("profile = \"sm2-sm3\"\n", "")),
        (
            "profile-that-there-is-not",
            "\"sm9\" is no second signature: there is \"sm2-sm3\"",
            good.replace("sm2-sm3\"", "sm9\""),
        ),
        ("sm2-key-of-another-log", "`log_sm2` is not the key of muster.example/log", good.replace(&key, &other)),
        (
            "sm2-key-id-of-another-key",
            "malformed key: the id is not that of name and key",
            good.replacen(&key.split('+').nth(1).unwrap().to_owned(), "00000000", 1),
        ),
    ]
}

fn founded(sm2: Option<u8>) -> Town {
    let mut town = Town::default();
    town.sm2 = sm2;
    town.fill_to(1);
    town
}

/// d1 with an SM2 key of this seed in the log, if any, and one session; `bend` may change the device before it seals.
fn one(enrolled: Option<u8>, bend: impl FnOnce(&mut Device)) -> (Town, Device, Session) {
    let mut town = founded(Some(LOG_SM2));
    let mut d1 = Device::enrol_with(&mut town, "d1", 11, enrolled, "s1");
    town.fill_to(4);
    bend(&mut d1);
    let session = d1.hold(14, &town.note(4, MORNING));
    town.add(&seal_leaf(&d1, &session));
    town.fill_to(6);
    (town, d1, session)
}

const UNDER: Under = Under { beacon: 4, covering: (5, NOON), newest: (6, EVENING) };

/// The same with the seal as `bend` makes it of the note and its name.
fn sealed(bend: impl FnOnce(&str, &str) -> String) -> Vec<u8> {
    let mut town = founded(Some(LOG_SM2));
    let mut d1 = Device::enrol_with(&mut town, "d1", 11, Some(D1), "s1");
    town.fill_to(4);
    let mut session = d1.hold(14, &town.note(4, MORNING));
    session.seal = bend(&session.seal, "muster.example/d/d1/s/1");
    town.add(&seal_leaf(&d1, &session));
    town.fill_to(6);
    Parts::of(&town, &d1, &session, 4, UNDER).tar()
}

/// A note without its last line.
fn ed25519_alone(note: &str) -> String {
    let at = note.trim_end().rfind('\n').unwrap();
    note[..=at].to_owned()
}

/// The rotation's leaf with SM2 keys of these seeds; `None` as old key where the device had none.
fn rotate(device: &mut Device, town: &mut Town, seed: u8, old: Option<u8>, new: u8) {
    let Leaf::Rotate(mut leaf) = rotation(&device.id, device.counter, &device.key, &key(seed)) else { unreachable!() };
    let sm2 = sm2_key(new).public().to_base64();
    leaf.sm2 = Some(RotateSm2 { key: sm2, by_old: None, by_new: String::new() });
    let text = String::from_utf8(leaf.message()).unwrap();
    let sign = |seed: u8| sm2_key(seed).sign(&text);
    if let Some(sm2) = &mut leaf.sm2 {
        (sm2.by_old, sm2.by_new) = (old.map(sign), sign(new));
    }
    use base64::{Engine, engine::general_purpose::STANDARD};
    leaf.by_old = STANDARD.encode(device.key.sign(text.as_bytes()));
    leaf.by_new = STANDARD.encode(key(seed).sign(text.as_bytes()));
    device.life.push(town.add(&Leaf::Rotate(leaf)));
    (device.key, device.sm2) = (key(seed), Some(new));
}

/// One session after a rotation; `signed_for` makes the leaf, `bend` changes the device that seals.
fn rotated(enrolled: Option<u8>, signed_for: Option<u8>, bend: impl FnOnce(&mut Device)) -> Vec<u8> {
    let mut town = founded(Some(LOG_SM2));
    let mut d1 = Device::enrol_with(&mut town, "d1", 11, enrolled, "s1");
    rotate(&mut d1, &mut town, 21, signed_for, D1 + 1);
    town.fill_to(4);
    bend(&mut d1);
    let session = d1.hold(14, &town.note(4, MORNING));
    town.add(&seal_leaf(&d1, &session));
    town.fill_to(6);
    Parts::of(&town, &d1, &session, 4, UNDER).tar()
}

/// A session after a contact, which is as `bend` leaves the device; then the SM2 key is back.
fn after_a_contact(bend: impl FnOnce(&mut Device)) -> Vec<u8> {
    let mut town = founded(Some(LOG_SM2));
    let mut d1 = Device::enrol_with(&mut town, "d1", 11, Some(D1), "s1");
    town.fill_to(4);
    bend(&mut d1);
    d1.contact(&mut town, 4);
    d1.sm2 = Some(D1);
    let contacts = std::mem::take(&mut d1.contacts);
    let session = d1.hold(14, &town.note(5, MORNING));
    town.add(&seal_leaf(&d1, &session));
    town.fill_to(7);
    let under = Under { beacon: 5, covering: (6, NOON), newest: (7, EVENING) };
    Parts::of(&town, &d1, &session, 5, under).with_contacts(&town, &contacts).tar()
}

/// The bundles that hold, each by itself.
pub fn profile_good() -> Vec<(String, Vec<u8>)> {
    let (town, d1, session) = one(Some(D1), |_| {});
    vec![
        ("d1-1".to_owned(), Parts::of(&town, &d1, &session, 4, UNDER).tar()),
        ("d1-1-after-a-rotation".to_owned(), rotated(Some(D1), Some(D1), |_| {})),
        ("d1-1-key-by-a-rotation".to_owned(), rotated(None, None, |_| {})),
        ("d1-2-after-a-contact".to_owned(), after_a_contact(|_| {})),
    ]
}

/// The bundles that do not: the name, what is said under the profile, and the file.
pub fn profile_bad() -> Vec<Case> {
    let parts = |enrolled, bend: &dyn Fn(&mut Device)| {
        let (town, d1, session) = one(enrolled, bend);
        Parts::of(&town, &d1, &session, 4, UNDER)
    };
    let but = |change: &dyn Fn(&mut Parts)| {
        let mut parts = parts(Some(D1), &|_| {});
        change(&mut parts);
        parts.tar()
    };
    let (town, ..) = one(Some(D1), |_| {});
    let stand =
        |size, sm2, time: u64| stand_with(&town.checkpoint(size), sm2, &[(0, time), (1, time + 2), (2, time + 1)]);
    let bent = |note: &str, of: &str| {
        // The SM2 line of another text in the place of this one's.
        let line = |note: &str| note.lines().find(|l| l.contains(&sm2_id(LOG, LOG_SM2))).unwrap().to_owned();
        note.replacen(&line(note), &line(of), 1)
    };
    vec![
        (
            "seal-line-missing",
            "seal.note: no SM2 line by muster.example/d/d1/s/1",
            sealed(|note, _| ed25519_alone(note)),
        ),
        (
            "seal-line-by-another-key",
            "seal.note: the second line by muster.example/d/d1/s/1 is by another key than its SM2 key",
            sealed(|note, name| sm2_key(99).under(ed25519_alone(note), name)),
        ),
        (
            "seal-line-by-another-device",
            "seal.note: no SM2 line by muster.example/d/d1/s/1",
            sealed(|note, _| sm2_key(62).under(ed25519_alone(note), "muster.example/d/d2/s/1")),
        ),
        (
            "seal-line-edited",
            "seal.note: the SM2 line by muster.example/d/d1/s/1 is wrong",
            sealed(|note, name| {
                let line = sm2_key(D1).under("another text\n\n".to_owned(), name);
                ed25519_alone(note) + line.strip_prefix("another text\n\n").unwrap()
            }),
        ),
        (
            "device-without-an-sm2-key",
            "seal.note: no leaf of the central log gives the device an SM2 key for counter 1",
            parts(None, &|_| {}).tar(),
        ),
        (
            "device-signs-by-a-key-that-is-not-in-the-log",
            "seal.note: no leaf of the central log gives the device an SM2 key for counter 1",
            parts(None, &|d1| d1.sm2 = Some(D1)).tar(),
        ),
        (
            "sealed-by-the-sm2-key-before-the-rotation",
            "seal.note: the second line by muster.example/d/d1/s/1 is by another key than its SM2 key",
            rotated(Some(D1), Some(D1), |d1| d1.sm2 = Some(D1)),
        ),
        (
            "rotation-not-signed-by-the-old-sm2-key",
            "the device's life: leaf #2: the rotation is not signed by the old SM2 key",
            rotated(Some(D1), Some(98), |_| {}),
        ),
        (
            "contact-line-missing",
            "contacts.jsonl: no SM2 line by muster.example/d/d1/c/1",
            after_a_contact(|d1| d1.sm2 = None),
        ),
        (
            "contact-line-by-another-key",
            "contacts.jsonl: the second line by muster.example/d/d1/c/1 is by another key than its SM2 key",
            after_a_contact(|d1| d1.sm2 = Some(97)),
        ),
        (
            "checkpoint-line-missing-over-the-seal",
            "entry.tlog-proof: no SM2 line by muster.example/log",
            but(&|p| p.receipt.checkpoint = stand(5, None, NOON)),
        ),
        (
            "checkpoint-line-missing-over-the-newest",
            "device-000.tlog-proof: no SM2 line by muster.example/log",
            but(&|p| p.life.iter_mut().for_each(|(_, r)| r.checkpoint = stand(6, None, EVENING))),
        ),
        (
            "checkpoint-line-edited",
            "entry.tlog-proof: the SM2 line by muster.example/log is wrong",
            but(&|p| p.receipt.checkpoint = bent(&p.receipt.checkpoint, &stand(6, Some(LOG_SM2), NOON))),
        ),
        (
            "checkpoint-line-by-another-key",
            "entry.tlog-proof: a signature by \"muster.example/log\" is by no key in your trust file: add the witness to \
             `tlog_policy`, whether or not your quorum needs it",
            but(&|p| p.receipt.checkpoint = stand(5, Some(96), NOON)),
        ),
    ]
}

/// How the base64 of a line by the SM2 key of a seed begins: five of its first characters are the key's id alone.
fn sm2_id(name: &str, seed: u8) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let id = sm2_key(seed).public().id(name);
    format!(" {}", &STANDARD.encode(id)[..5])
}

/// Bundles that no verifier takes, with the profile or without: what the leaves say is wrong by itself.
pub fn profile_never() -> Vec<Case> {
    let mut town = founded(Some(LOG_SM2));
    let mut d1 = Device::enrol_with(&mut town, "d1", 11, Some(D1), "s1");
    d1.rotate(&mut town, 21);
    town.fill_to(4);
    let session = d1.hold(14, &town.note(4, MORNING));
    town.add(&seal_leaf(&d1, &session));
    town.fill_to(6);
    let lost = Parts::of(&town, &d1, &session, 4, UNDER).tar();
    vec![
        (
            "rotation-drops-the-sm2-key",
            "the device's life: leaf #2: the rotation's SM2 key does not follow the one before it",
            lost,
        ),
        (
            "rotation-not-signed-by-any-old-sm2-key",
            "the device's life: leaf #2: the rotation's SM2 key does not follow the one before it",
            rotated(Some(D1), None, |_| {}),
        ),
        (
            "two-unknown-lines-over-the-seal",
            "entry.tlog-proof: a signature by \"muster.example/log\" is by no key in your trust file: add the witness to \
             `tlog_policy`, whether or not your quorum needs it",
            {
                let (town, d1, session) = one(Some(D1), |_| {});
                let mut parts = Parts::of(&town, &d1, &session, 4, UNDER);
                let note = second::under(parts.receipt.checkpoint.clone(), LOG, Some(&sm2_key(95)));
                parts.receipt.checkpoint = note;
                parts.tar()
            },
        ),
    ]
}
