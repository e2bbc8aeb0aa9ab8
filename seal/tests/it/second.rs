//! The profile `sm2-sm3`: the second line beside the first, and the keys for it over a device's life.

use muster_seal::central::{EnrolLeaf, Leaf, RotateLeaf, RotateSm2};
use muster_seal::key::{DeviceKey, Signer};
use muster_seal::life::{Life, LifeError};
use muster_seal::note;
use muster_seal::second::{Point, SecondError, SecondKey, check, check_rotations, document, profile};

const NAME: &str = "muster.example/d/d1/s/1";

fn key(seed: u8) -> DeviceKey {
    DeviceKey::from_seed([seed; 32])
}

fn sm2(seed: u8) -> SecondKey {
    SecondKey::from_pkcs8(&document::<SecondError>(|| Ok([seed; 32])).unwrap()).unwrap()
}

#[test]
fn a_second_line_is_demanded_by_its_key() {
    let note = note::sign("a\n", NAME, &key(1));
    let ask = |note: &str| check(note.as_bytes(), NAME, &key(1).public(), &sm2(2).public());
    let name = || NAME.to_owned();
    assert_eq!(ask(&note), Err(SecondError::Missing { name: name() }));
    let both = sm2(2).under(note.clone(), NAME);
    assert_eq!(ask(&both), Ok(()));
    assert!(both.starts_with(&note));
    assert_eq!(ask(&sm2(3).under(note.clone(), NAME)), Err(SecondError::Foreign { name: name() }));
    assert_eq!(ask(&sm2(2).under(note.clone(), "other")), Err(SecondError::Missing { name: name() }));
    assert_eq!(ask(&both.replacen("a\n", "b\n", 1)), Err(SecondError::Wrong { name: name() }));
    // One right line does not excuse a wrong one.
    let other = note::sign("b\n", NAME, &key(1));
    let line = sm2(2).under(other.clone(), NAME).replacen(&other, "", 1);
    assert_eq!(ask(&(both + &line)), Err(SecondError::Wrong { name: name() }));
}

#[test]
fn keys_in_text_come_back_and_others_are_refused() {
    let point = sm2(2).public();
    assert_eq!(Point::from_base64(&point.to_base64()), Ok(point));
    assert_eq!(Point::parse(&point.named("a")), Ok(("a".to_owned(), point)));
    assert!(Point::parse(&point.named("a").replacen('a', "b", 1)).is_err());
    assert!(Point::parse(&key(1).public().named("a").to_string()).is_err());
    assert!(Point::from_base64(&key(1).public().to_base64()).is_err());
    assert_eq!(profile("sm2-sm3"), Ok(()));
    assert!(profile("sm2").unwrap_err().to_string().contains("there is \"sm2-sm3\""));
    // A number that is no private key is passed over.
    let calls = std::cell::Cell::new(0u8);
    let made = document::<SecondError>(|| {
        calls.set(calls.get() + 1);
        Ok([if calls.get() == 1 { 0xff } else { 2 }; 32])
    });
    assert_eq!(SecondKey::from_pkcs8(&made.unwrap()).unwrap().public(), point);
}

fn enrol(sm2: Option<&SecondKey>) -> Leaf {
    let (device, site, institution) = ("d1".into(), "s1".into(), "i1".into());
    let sm2 = sm2.map(|key| key.public().to_base64());
    Leaf::Enrol(EnrolLeaf { device, key: key(1).public().to_base64(), site, institution, sm2, at: String::new() })
}

fn rotate(old: Option<&SecondKey>, new: Option<&SecondKey>) -> RotateLeaf {
    let mut leaf = RotateLeaf {
        device: "d1".into(),
        counter: 4,
        key: key(2).public().to_base64(),
        by_old: String::new(),
        by_new: String::new(),
        sm2: None,
        at: String::new(),
    };
    if let Some(new) = new {
        leaf.sm2 = Some(RotateSm2 { key: new.public().to_base64(), by_old: None, by_new: String::new() });
        let text = String::from_utf8(leaf.message()).unwrap();
        let by_old = old.map(|old| old.sign(&text));
        leaf.sm2 = Some(RotateSm2 { key: new.public().to_base64(), by_old, by_new: new.sign(&text) });
    }
    use base64::{Engine, engine::general_purpose::STANDARD};
    (leaf.by_old, leaf.by_new) =
        (STANDARD.encode(key(1).sign(&leaf.message())), STANDARD.encode(key(2).sign(&leaf.message())));
    leaf
}

fn read(leaves: &[Leaf]) -> Result<Life, LifeError> {
    for leaf in leaves {
        assert_eq!(Leaf::parse(&leaf.line()).as_ref(), Ok(leaf));
    }
    Life::read("d1", leaves.iter().enumerate().map(|(i, leaf)| (i as u64, leaf)))
}

fn rotations(leaves: &[Leaf]) -> Result<(), SecondError> {
    check_rotations(leaves.iter().enumerate().map(|(i, leaf)| (i as u64, leaf)))
}

#[test]
fn the_keys_of_a_device_follow_each_other_by_counter() {
    let (a, b) = (sm2(1), sm2(2));
    let leaves = [enrol(Some(&a)), Leaf::Rotate(rotate(Some(&a), Some(&b)))];
    let life = read(&leaves).unwrap();
    assert_eq!(
        (life.second(1), life.second(4), life.second(5)),
        (Some(a.public()), Some(a.public()), Some(b.public()))
    );
    assert_eq!(rotations(&leaves), Ok(()));
    // A device that had none gets one by a rotation, and keeps none by another.
    let first = [enrol(None), Leaf::Rotate(rotate(None, Some(&b)))];
    assert_eq!((read(&first).unwrap().second(4), read(&first).unwrap().second(5)), (None, Some(b.public())));
    assert_eq!(rotations(&first), Ok(()));
    assert_eq!(read(&[enrol(None), Leaf::Rotate(rotate(None, None))]).unwrap().second(9), None);
}

#[test]
fn a_key_does_not_come_or_go_unsigned() {
    let (a, b, thief) = (sm2(1), sm2(2), sm2(3));
    let order = Err(LifeError::SecondOrder { index: 1 });
    assert_eq!(read(&[enrol(Some(&a)), Leaf::Rotate(rotate(None, None))]), order, "lost");
    assert_eq!(read(&[enrol(Some(&a)), Leaf::Rotate(rotate(None, Some(&b)))]), order, "not by the old one");
    assert_eq!(read(&[enrol(None), Leaf::Rotate(rotate(Some(&a), Some(&b)))]), order, "by one that never was");
    let stolen = [enrol(Some(&a)), Leaf::Rotate(rotate(Some(&thief), Some(&b)))];
    assert!(read(&stolen).is_ok());
    assert_eq!(rotations(&stolen), Err(SecondError::Rotation { index: 1, by: "old" }));
    let mut unheld = rotate(Some(&a), Some(&b));
    if let Some(sm2) = &mut unheld.sm2 {
        sm2.by_new = sm2.by_old.clone().unwrap();
    }
    assert_eq!(rotations(&[enrol(Some(&a)), Leaf::Rotate(unheld)]), Err(SecondError::Rotation { index: 1, by: "new" }));
    // The Ed25519 keys sign for the SM2 key, too.
    let mut swapped = rotate(Some(&a), Some(&b));
    if let Some(sm2) = &mut swapped.sm2 {
        sm2.key = thief.public().to_base64();
    }
    let said = read(&[enrol(Some(&a)), Leaf::Rotate(swapped)]);
    assert_eq!(said, Err(LifeError::Rotation { index: 1, by: "old" }));
    let none = Leaf::Enrol(EnrolLeaf {
        sm2: Some("AAAA".into()),
        ..match enrol(None) {
            Leaf::Enrol(e) => e,
            _ => unreachable!(),
        }
    });
    assert_eq!(read(&[none]), Err(LifeError::Second { index: 0 }));
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a file for openssl, in a folder of the test's own")]
fn openssl_reads_the_key_that_is_written() {
    if !crate::sm2::has_sm2() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let made = document::<SecondError>(|| Ok([9; 32])).unwrap();
    std::fs::write(dir.path().join("key.der"), made).unwrap();
    let args = ["pkey", "-inform", "DER", "-in", "key.der", "-check", "-pubout", "-outform", "DER"];
    let out = std::process::Command::new("openssl").current_dir(dir.path()).args(args).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let point = muster_seal::sm2::Sm2NamedKey::parse(&sm2(9).public().named(NAME)).unwrap();
    assert!(out.stdout.ends_with(&point.spki()), "the same public half");
}
