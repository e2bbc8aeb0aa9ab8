//! Whatever is done to a sealed log, its seal or a bundle is refused, or is another document; nothing is bent silently.

use muster_seal::bundle::{Bundle, PARTS};
use muster_seal::error::LogError;
use muster_seal::session;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::made::{Made, every_kind, logs, verify};

/// Changes at one place; never none.
#[derive(Debug, Clone)]
enum Bend {
    /// One byte becomes another.
    Edit(Index, u8),
    /// A byte goes.
    Lose(Index),
    /// A byte comes.
    Gain(Index, u8),
    Drop(Index),
    Double(Index),
    Swap(Index, Index),
    /// Some line of the log, again, anywhere but behind itself.
    Insert(Index, Index),
    Truncate(Index),
    Append(Vec<u8>),
}

fn bend() -> impl Strategy<Value = Bend> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), 1..=255u8).prop_map(|(i, by)| Bend::Edit(i, by)),
        1 => at().prop_map(Bend::Lose),
        1 => (at(), any::<u8>()).prop_map(|(i, b)| Bend::Gain(i, b)),
        1 => at().prop_map(Bend::Drop),
        1 => at().prop_map(Bend::Double),
        1 => (at(), at()).prop_map(|(i, j)| Bend::Swap(i, j)),
        1 => (at(), at()).prop_map(|(i, j)| Bend::Insert(i, j)),
        1 => at().prop_map(Bend::Truncate),
        1 => prop::collection::vec(any::<u8>(), 1..40).prop_map(Bend::Append),
    ]
}

impl Bend {
    /// The bent file, and whether what was done to it is an affair of whole lines.
    fn apply(&self, made: &Made) -> (Vec<u8>, bool) {
        let (mut lines, mut bytes) = (made.clone(), made.bytes());
        let n = lines.lines.len();
        let whole =
            !matches!(self, Self::Edit(..) | Self::Lose(_) | Self::Gain(..) | Self::Truncate(_) | Self::Append(_));
        match self {
            Self::Edit(i, by) => {
                let i = i.index(bytes.len());
                bytes[i] ^= by;
            }
            Self::Lose(i) => drop(bytes.remove(i.index(bytes.len()))),
            Self::Gain(i, byte) => bytes.insert(i.index(bytes.len() + 1), *byte),
            Self::Truncate(i) => bytes.truncate(i.index(bytes.len())),
            Self::Append(more) => bytes.extend_from_slice(more),
            Self::Drop(i) => drop(lines.lines.remove(i.index(n))),
            Self::Double(i) => lines.lines.insert(i.index(n), lines.lines[i.index(n)].clone()),
            Self::Swap(i, j) => {
                let i = i.index(n);
                lines.lines.swap(i, (i + 1 + j.index(n - 1)) % n);
            }
            Self::Insert(i, j) => lines.lines.insert(j.index(n + 1), lines.lines[i.index(n)].clone()),
        }
        (if whole { lines.bytes() } else { bytes }, whole)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_bent_log_is_refused(made in logs(), bends in prop::collection::vec(bend(), 8)) {
        let good = made.verify();
        prop_assert!(good.is_ok(), "{:?}", good.err());
        for bend in bends {
            let (bytes, whole) = bend.apply(&made);
            let said = verify(&bytes, &made.seal);
            prop_assert!(said.is_err(), "{bend:?}");
            if whole {
                // The order of lines is held by the records themselves: no key, not even the device's own, seals it away.
                let lines = bytes.split_inclusive(|b| *b == b'\n').map(|l| l[..l.len() - 1].to_vec()).collect();
                let again = Made { lines, seal: String::new() }.sealed_again();
                prop_assert_eq!(again.verify().err(), said.err(), "{:?}", bend);
            }
        }
    }

    #[test]
    fn a_seal_is_for_one_log(a in logs(), b in logs()) {
        prop_assume!(a.bytes() != b.bytes());
        let said = verify(&a.bytes(), &b.seal).err();
        let named = matches!(said, Some(LogError::Root { .. } | LogError::Size { .. }));
        prop_assert!(named, "{said:?}");
    }

    #[test]
    fn parsing_never_panics_and_only_lines_that_end_are_lines(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(session::parse(&bytes).is_err());
        prop_assert!(Bundle::read(&bytes).is_err());
    }
}

#[test]
fn every_bit_of_a_seal_counts() {
    let made = Made::of(every_kind());
    for at in 0..made.seal.len() {
        for bit in 0..8 {
            let mut seal = made.seal.clone().into_bytes();
            seal[at] ^= 1 << bit;
            // A seal is text; what is not even that never reaches the parser as a seal.
            let Ok(seal) = String::from_utf8(seal) else { continue };
            let said = verify(&made.bytes(), &seal).err();
            assert!(matches!(said, Some(LogError::Seal(_))), "byte {at} bit {bit}: {said:?}");
        }
    }
    // What the format allows is a further line by somebody else: another algorithm, a witness.
    let more = format!("{}\u{2014} witness.example AAAAAAAA\n", made.seal);
    verify(&made.bytes(), &more).unwrap();
}

#[test]
fn every_byte_of_a_bundle_counts() {
    let mut bundle = Bundle::default();
    for (i, part) in PARTS.into_iter().enumerate() {
        // Sizes around a block, and an empty part, as a bundle without a beacon has.
        let size = [0, 1, 511, 512, 513, 40, 700, 1024][i];
        bundle.put(part, vec![b'a' + i as u8; size]).unwrap();
    }
    bundle.push_life(vec![b'l'; 300], vec![b'r'; 600]);
    bundle.push_life(vec![b'm'; 1], Vec::new());
    let bytes = bundle.write().unwrap();
    assert_eq!(Bundle::read(&bytes), Ok(bundle.clone()));
    let mut content = 0;
    for at in 0..bytes.len() {
        for bit in [0, at % 7 + 1] {
            let mut bent = bytes.clone();
            bent[at] ^= 1 << bit;
            let Ok(other) = Bundle::read(&bent) else { continue };
            assert_ne!(other, bundle, "byte {at} may be changed and nobody sees it");
            assert_eq!(other.write().unwrap(), bent, "byte {at}");
            content += 1;
        }
        assert!(Bundle::read(&bytes[..at]).is_err(), "cut at {at}");
    }
    // Exactly the bytes of the parts themselves may differ, and then the part does.
    let parts: usize = PARTS.into_iter().map(|part| bundle.part(part).unwrap().len()).sum();
    let life: usize = bundle.life().map(|(leaf, receipt)| leaf.len() + receipt.len()).sum();
    assert_eq!(content, 2 * (parts + life));
    for more in [1, 512, 1024] {
        Bundle::read(&[&bytes[..], &vec![0; more]].concat()).unwrap_err();
    }
}
