//! `c2sp.org/tlog-cosignature` v1.0.1, the Ed25519 form: a witness says when it saw a checkpoint, and that nothing it
//! saw of that log before was taken back.
//!
//! ```text
//! signed message:  cosignature/v1 \n  time <seconds> \n  <the note's text>
//! signature line:  — <name> <base64 of 4-byte key id, 8-byte big-endian seconds, 64-byte signature>
//! ```

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::error::NoteError;
use crate::key::{ED25519_TYPE, PublicKey, Signer, key_id, split_vkey};
use crate::note::{Note, Signature, is_name};

/// The signature type byte of timestamped Ed25519 cosignatures (`signed-note`, "Signature types").
pub const COSIGNATURE_TYPE: u8 = 0x04;
/// The latest time a cosignature may bear, in seconds since 1970; the first is 1. The format has times up to 2^63 - 1, which not
/// every reader counts exactly, and no clock shows.
pub const MAX_TIME: u64 = crate::time::MAX_S;

/// A witness's public key under its name. It is no [`crate::key::Verifier`] on purpose: a cosignature never stands
/// where a log's signature must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    key: PublicKey,
}

impl WitnessKey {
    /// A key under a name, which must be one ([`is_name`]).
    pub fn new(name: &str, key: PublicKey) -> Self {
        debug_assert!(is_name(name));
        Self { name: name.to_owned(), key }
    }

    /// Reads `<name>+<id in hex>+<base64 of 0x04 and key>`.
    ///
    /// # Errors
    /// [`NoteError::Key`]: the form, the id or the algorithm; [`NoteError::LogKey`] where a log's key is offered.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let (name, id, raw) = split_vkey(text)?;
        let raw = match raw.split_first() {
            Some((&COSIGNATURE_TYPE, raw)) => raw,
            Some((&ED25519_TYPE, _)) => return Err(NoteError::LogKey { name: name.to_owned() }),
            _ => return Err(NoteError::Key("not an Ed25519 witness key")),
        };
        let key = Self::new(name, PublicKey(raw.try_into().map_err(|_| NoteError::Key("not 32 bytes"))?));
        if hex::encode(key.id()) != id {
            return Err(NoteError::Key("the id is not that of name and key"));
        }
        Ok(key)
    }

    /// The witness's name, as it stands in a signature line.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's four-byte id, as it stands in a signature line.
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, &[COSIGNATURE_TYPE], &self.key.0)
    }

    /// The key without its name.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// Is this signature line by this key, going by name and id? Whether it holds, [`verify`] says.
    pub fn made(&self, line: &Signature) -> bool {
        line.name == self.name && line.id == self.id()
    }

    /// The time that this key's line over `text` bears, where the line holds.
    fn time_of(&self, text: &str, line: &Signature) -> Option<u64> {
        let (time, signature) = line.bytes.split_first_chunk::<8>()?;
        let time_s = u64::from_be_bytes(*time);
        let holds = (1..=MAX_TIME).contains(&time_s) && self.key.verify(&message(text, time_s), signature);
        holds.then_some(time_s)
    }
}

impl std::fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let raw = [&[COSIGNATURE_TYPE], &self.key.0[..]].concat();
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), STANDARD.encode(raw))
    }
}

fn message(text: &str, time_s: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {time_s}\n{text}").into_bytes()
}

/// Cosigns a checkpoint's text (with its last newline) and gives the signature line to put under the note.
/// `time_s` is in seconds since 1970, from 1 to [`MAX_TIME`]: no verifier takes another.
pub fn cosign(checkpoint_text: &str, name: &str, key: &impl Signer, time_s: u64) -> String {
    debug_assert!(checkpoint_text.ends_with('\n') && is_name(name) && (1..=MAX_TIME).contains(&time_s));
    let mut bytes = time_s.to_be_bytes().to_vec();
    bytes.extend(key.sign(&message(checkpoint_text, time_s)));
    let id = key.public().witness(name).id();
    Signature { name: name.to_owned(), id, bytes }.line()
}

/// A witness's statement that holds: at that time it had seen no larger tree of this log, and none that contradicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// The witness's name.
    pub name: String,
    /// When, in seconds since 1970 by the witness's clock.
    pub time_s: u64,
}

/// Looks for this witness's line under a note; `None` when there is none. Where a witness cosigned one checkpoint
/// several times, all its lines must hold and the earliest counts.
///
/// # Errors
/// [`NoteError::BadSignature`] when its line is there and wrong: the signature, the length, or a time that is 0 or above [`MAX_TIME`].
pub fn verify(note: &Note, key: &WitnessKey) -> Result<Option<Cosignature>, NoteError> {
    let mut earliest: Option<u64> = None;
    for line in note.signatures().iter().filter(|line| key.made(line)) {
        let Some(time_s) = key.time_of(note.text(), line) else {
            return Err(NoteError::BadSignature { name: key.name.clone() });
        };
        earliest = Some(earliest.map_or(time_s, |before| before.min(time_s)));
    }
    Ok(earliest.map(|time_s| Cosignature { name: key.name.clone(), time_s }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Checkpoint;
    use crate::key::{DeviceKey, NamedKey};

    const LOG: &str = "muster.example/log";
    const WITNESS: &str = "audit.example/w";

    fn signed() -> (Checkpoint, String) {
        let checkpoint = Checkpoint { origin: LOG.into(), size: 7, root: [3; 32] };
        let note = checkpoint.sign(&DeviceKey::from_seed([1; 32]));
        (checkpoint, note)
    }

    fn witness() -> DeviceKey {
        DeviceKey::from_seed([2; 32])
    }

    fn look(note: &str, key: &WitnessKey) -> Result<Option<Cosignature>, NoteError> {
        verify(&Note::parse(note.as_bytes()).unwrap(), key)
    }

    #[test]
    fn a_cosignature_says_who_and_when_and_leaves_the_log_line_alone() {
        let (checkpoint, note) = signed();
        let key = witness().public().witness(WITNESS);
        assert_eq!(look(&note, &key), Ok(None));
        let cosigned = note.clone() + &cosign(&checkpoint.text(), WITNESS, &witness(), 1_700_000_000);
        let want = Cosignature { name: WITNESS.into(), time_s: 1_700_000_000 };
        assert_eq!(look(&cosigned, &key), Ok(Some(want)));
        let log = DeviceKey::from_seed([1; 32]).public().named(LOG);
        assert_eq!(Checkpoint::open(cosigned.as_bytes(), &log), Ok(checkpoint));
    }

    #[test]
    fn the_earliest_of_several_lines_counts_and_all_must_hold() {
        let (checkpoint, note) = signed();
        let key = witness().public().witness(WITNESS);
        let line = |time| cosign(&checkpoint.text(), WITNESS, &witness(), time);
        let two = note.clone() + &line(9) + &line(5);
        assert_eq!(look(&two, &key).unwrap().unwrap().time_s, 5);
        let other = Checkpoint { size: 8, ..checkpoint.clone() };
        let wrong = two + &cosign(&other.text(), WITNESS, &witness(), 5);
        assert_eq!(look(&wrong, &key), Err(NoteError::BadSignature { name: WITNESS.into() }));
    }

    #[test]
    fn a_line_that_is_there_and_wrong_is_no_missing_line() {
        let (checkpoint, note) = signed();
        let key = witness().public().witness(WITNESS);
        let bad = Err(NoteError::BadSignature { name: WITNESS.into() });
        let with = |bytes: Vec<u8>| note.clone() + &Signature { name: WITNESS.into(), id: key.id(), bytes }.line();
        let time = |t: u64, signed: u64| {
            [&t.to_be_bytes()[..], &witness().sign(&message(&checkpoint.text(), signed))].concat()
        };
        assert!(look(&with(time(5, 5)), &key).unwrap().is_some());
        assert_eq!(look(&with(time(6, 5)), &key), bad, "another time than was signed");
        assert_eq!(look(&with(time(5, 5)[..71].to_vec()), &key), bad, "too short");
        assert_eq!(look(&with([time(5, 5), vec![0]].concat()), &key), bad, "too long");
        assert_eq!(look(&with(vec![0; 7]), &key), bad, "no room for a time");
        assert!(look(&with(time(MAX_TIME, MAX_TIME)), &key).unwrap().is_some());
        assert_eq!(look(&with(time(MAX_TIME + 1, MAX_TIME + 1)), &key), bad, "a time after the year 9998");
        assert_eq!(look(&with(time(0, 0)), &key), bad, "no time at all");
    }

    #[test]
    fn neither_kind_of_key_verifies_the_other_kind_of_line() {
        // One secret key and one name in both roles: only the type byte keeps them apart.
        let key = DeviceKey::from_seed([1; 32]);
        let (as_log, as_witness) = (key.public().named(LOG), key.public().witness(LOG));
        let (checkpoint, plain) = signed();
        assert_eq!(look(&plain, &as_witness), Ok(None));
        let cosigned = format!("{}\n{}", checkpoint.text(), cosign(&checkpoint.text(), LOG, &key, 5));
        assert!(look(&cosigned, &as_witness).unwrap().is_some());
        let missing = Err(NoteError::NoKnownSignature { name: LOG.into() });
        assert_eq!(Checkpoint::open(cosigned.as_bytes(), &as_log), missing);
    }

    #[test]
    fn a_key_offered_in_the_wrong_role_is_told_so() {
        let key = witness().public();
        let (log, witness) = (key.named(WITNESS).to_string(), key.witness(WITNESS).to_string());
        assert_eq!(WitnessKey::parse(&witness), Ok(key.witness(WITNESS)));
        assert_eq!(WitnessKey::parse(&log), Err(NoteError::LogKey { name: WITNESS.into() }));
        assert_eq!(NamedKey::parse(&witness), Err(NoteError::WitnessKey { name: WITNESS.into() }));
        assert_eq!(
            NamedKey::parse(&witness).unwrap_err().to_string(),
            "the key of audit.example/w is a witness key (type 0x04): it cosigns checkpoints and cannot sign as a log"
        );
    }

    #[test]
    fn refuses_keys_that_are_none() {
        let good = witness().public().witness(WITNESS).to_string();
        let raw = [&[COSIGNATURE_TYPE], &witness().public().0[..31]].concat();
        let id = good.split('+').nth(1).unwrap();
        for (text, want) in [
            (good.replace('+', "-"), "not <name>+<id>+<key>"),
            (good.replace(WITNESS, "a b"), "the name is empty or has a space or a plus sign"),
            (good.replace(WITNESS, ""), "the name is empty or has a space or a plus sign"),
            (good.replace(WITNESS, "other"), "the id is not that of name and key"),
            (
                good.replace(id, &id.to_uppercase().replace(|c: char| c.is_ascii_digit(), "F")),
                "the id is not that of name and key",
            ),
            (format!("{good}="), "not base64"),
            (format!("{WITNESS}+{id}+{}", STANDARD.encode(&raw)), "not 32 bytes"),
            (format!("{WITNESS}+{id}+{}", STANDARD.encode([6; 33])), "not an Ed25519 witness key"),
            (format!("{WITNESS}+{id}+"), "not an Ed25519 witness key"),
        ] {
            assert_eq!(WitnessKey::parse(&text), Err(NoteError::Key(want)), "{text}");
        }
    }
}
