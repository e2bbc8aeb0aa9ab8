//! The profile `sm2-sm3`: every note of a device and every checkpoint of the central log carries a second line, in SM2
//! (see `FORMAT.md`, "Profile sm2-sm3"). This module is there in every build, so that programs read the same leaves and
//! settings whether or not the cargo feature `sm2` is on; without it whatever needs the algorithm says
//! [`SecondError::NotBuilt`] and nothing is taken for verified.

use base64::{Engine, engine::general_purpose::STANDARD};
use thiserror::Error;

use crate::central::{Leaf, RotateSm2};
use crate::error::NoteError;
use crate::key::{PublicKey, Verifier, key_id, split_vkey};
use crate::note::Note;

/// What configurations and trust files call the profile.
pub const PROFILE: &str = "sm2-sm3";
/// The signature type: the byte for types without one of their own, and a name that no other type has.
pub const SM2_TYPE: &[u8] = b"\xffsm2-sm3/1";
/// Can this build sign and verify SM2?
pub const BUILT: bool = cfg!(feature = "sm2");

/// Why a second line, or a key for one, does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SecondError {
    /// The program lacks the algorithm.
    #[error("this program was built without SM2: build it with the cargo feature `sm2`")]
    NotBuilt,
    /// Another profile than the one that there is.
    #[error("{0:?} is no second signature: there is {PROFILE:?}")]
    Profile(String),
    /// The note itself, or a key.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The central log gives the device no SM2 key for this counter.
    #[error("no leaf of the central log gives the device an SM2 key for counter {counter}")]
    NoKey {
        /// The counter of the session or contact.
        counter: u64,
    },
    /// There is no second line.
    #[error("no SM2 line by {name}")]
    Missing {
        /// The name that signs.
        name: String,
    },
    /// There is a line under the name, by a key that is neither the Ed25519 nor the SM2 key.
    #[error("the second line by {name} is by another key than its SM2 key")]
    Foreign {
        /// The name that signs.
        name: String,
    },
    /// The line is there and its signature is wrong.
    #[error("the SM2 line by {name} is wrong")]
    Wrong {
        /// The name that signs.
        name: String,
    },
    /// A rotation is signed by the SM2 key before and by the new one.
    #[error("leaf #{index}: the rotation is not signed by the {by} SM2 key")]
    Rotation {
        /// Which leaf.
        index: u64,
        /// `old` or `new`.
        by: &'static str,
    },
}

/// Reads the name of a profile from a configuration or trust file.
///
/// # Errors
/// [`SecondError::Profile`] for another name, [`SecondError::NotBuilt`] where this program could not keep its promise.
pub fn profile(name: &str) -> Result<(), SecondError> {
    match name {
        PROFILE if BUILT => Ok(()),
        PROFILE => Err(SecondError::NotBuilt),
        other => Err(SecondError::Profile(other.to_owned())),
    }
}

/// An SM2 public key with no name yet: 65 bytes, `0x04` and the point's x and y. Whether the point is on the curve shows
/// when it verifies something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point([u8; 65]);

impl Point {
    /// Reads the 65 bytes from standard base64.
    ///
    /// # Errors
    /// [`NoteError::Key`] when it is not 65 bytes of canonical base64 that begin with `0x04`.
    pub fn from_base64(text: &str) -> Result<Self, NoteError> {
        Self::of(&STANDARD.decode(text).map_err(|_| NoteError::Key("not base64"))?)
    }

    fn of(raw: &[u8]) -> Result<Self, NoteError> {
        let raw: [u8; 65] = raw.try_into().map_err(|_| NoteError::Key("not an uncompressed point of 65 bytes"))?;
        if raw[0] != 4 {
            return Err(NoteError::Key("not an uncompressed point of 65 bytes"));
        }
        Ok(Self(raw))
    }

    /// The 65 bytes in standard base64.
    pub fn to_base64(self) -> String {
        STANDARD.encode(self.0)
    }

    /// Reads `<name>+<id in hex>+<base64 of type and key>`: the name and the key.
    ///
    /// # Errors
    /// [`NoteError::Key`]: the form, the id or the algorithm.
    pub fn parse(text: &str) -> Result<(String, Self), NoteError> {
        let (name, id, raw) = split_vkey(text)?;
        let point = Self::of(raw.strip_prefix(SM2_TYPE).ok_or(NoteError::Key("not an SM2 key"))?)?;
        if hex::encode(point.id(name)) != id {
            return Err(NoteError::Key("the id is not that of name and key"));
        }
        Ok((name.to_owned(), point))
    }

    /// The key under a name, as text.
    pub fn named(&self, name: &str) -> String {
        let raw = [SM2_TYPE, &self.0].concat();
        format!("{name}+{}+{}", hex::encode(self.id(name)), STANDARD.encode(raw))
    }

    /// The key's four-byte id under a name.
    pub fn id(&self, name: &str) -> [u8; 4] {
        key_id(name, SM2_TYPE, &self.0)
    }

    /// Does this key's signature, in base64 of DER, hold over a text?
    ///
    /// # Errors
    /// [`SecondError::NotBuilt`]; [`SecondError::Note`] when the point is not on the curve.
    pub fn signed(&self, text: &str, signature: &str) -> Result<bool, SecondError> {
        let bytes = STANDARD.decode(signature).unwrap_or_default();
        self.verifier("-").map(|key| key.verify(text.as_bytes(), &bytes))
    }

    #[cfg(feature = "sm2")]
    fn verifier(&self, name: &str) -> Result<crate::sm2::Sm2NamedKey, SecondError> {
        Ok(crate::sm2::Sm2NamedKey::parse(&self.named(name))?)
    }

    #[cfg(not(feature = "sm2"))]
    #[allow(clippy::unused_self, reason = "the same call as in a build with the algorithm")]
    fn verifier(&self, _name: &str) -> Result<crate::key::NamedKey, SecondError> {
        Err(SecondError::NotBuilt)
    }
}

/// Checks that a note carries a line by an SM2 key under a name, and that every such line holds. `key` is the Ed25519 key
/// of the same name, whose own line others check.
///
/// # Errors
/// [`SecondError`].
pub fn check(note: &[u8], name: &str, key: &PublicKey, second: &Point) -> Result<(), SecondError> {
    let verifier = second.verifier(name)?;
    let note = Note::parse(note)?;
    match note.verify(&verifier) {
        Ok(()) => Ok(()),
        Err(NoteError::NoKnownSignature { name }) => {
            let own = key.named(&name).id();
            let foreign = note.signatures().iter().any(|line| line.name == name && line.id != own);
            Err(if foreign { SecondError::Foreign { name } } else { SecondError::Missing { name } })
        }
        Err(NoteError::BadSignature { name }) => Err(SecondError::Wrong { name }),
        Err(other) => Err(other.into()),
    }
}

/// What all keys of a rotation sign where it gives an SM2 key, too.
pub fn rotate_message(device: &str, counter: u64, key: &str, sm2: &str) -> String {
    format!("muster-rotate/v2\n{device}\n{counter}\n{key}\n{sm2}\n")
}

/// The key that a rotation leaves a device with. Once a device has an SM2 key it always has one, and each is signed for by
/// the one before; the first that a device gets by a rotation has none before it. `None` for any other shape.
pub(crate) fn follow(before: Option<Point>, rotation: Option<&RotateSm2>) -> Option<Option<Point>> {
    match (before, rotation) {
        (None, None) => Some(None),
        (before, Some(next)) if before.is_some() == next.by_old.is_some() => {
            Point::from_base64(&next.key).ok().map(Some)
        }
        _ => None,
    }
}

/// Checks the SM2 signatures of the rotations among a device's leaves, which [`crate::life::Life::read`] took: their shape
/// is right, and their Ed25519 signatures hold.
///
/// # Errors
/// [`SecondError::Rotation`] with the leaf, or [`SecondError::NotBuilt`].
pub fn check_rotations<'a>(leaves: impl IntoIterator<Item = (u64, &'a Leaf)>) -> Result<(), SecondError> {
    let mut before = None;
    for (index, leaf) in leaves {
        match leaf {
            Leaf::Enrol(enrol) => before = enrol.sm2.as_deref().map(Point::from_base64).transpose()?,
            Leaf::Rotate(rotate) => {
                let Some(next) = &rotate.sm2 else { continue };
                let text = rotate_message(&rotate.device, rotate.counter, &rotate.key, &next.key);
                if let (Some(old), Some(by_old)) = (&before, &next.by_old)
                    && !old.signed(&text, by_old)?
                {
                    return Err(SecondError::Rotation { index, by: "old" });
                }
                let new = Point::from_base64(&next.key)?;
                if !new.signed(&text, &next.by_new)? {
                    return Err(SecondError::Rotation { index, by: "new" });
                }
                before = Some(new);
            }
            _ => {}
        }
    }
    Ok(())
}

/// What comes before the private number in a PKCS#8 document: version 0, id-ecPublicKey on the curve 1.2.156.10197.1.301,
/// and the head of an ECPrivateKey.
const PKCS8: [u8; 36] = [
    0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
    0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20,
];
/// And what comes between it and the point.
const PKCS8_POINT: [u8; 5] = [0xa1, 0x44, 0x03, 0x42, 0x00];

/// A key that makes second lines. Its `Debug` shows the public half alone.
pub struct SecondKey {
    #[cfg(feature = "sm2")]
    key: crate::sm2::Sm2Key,
    #[cfg(not(feature = "sm2"))]
    never: std::convert::Infallible,
    public: Point,
}

impl SecondKey {
    /// From a PKCS#8 document, as [`document`] and `openssl pkcs8 -topk8 -nocrypt -outform DER` write it.
    ///
    /// # Errors
    /// [`SecondError::Note`] when it is no SM2 key, or [`SecondError::NotBuilt`].
    #[cfg(feature = "sm2")]
    pub fn from_pkcs8(document: &[u8]) -> Result<Self, SecondError> {
        Self::of(crate::sm2::Sm2Key::from_pkcs8(document)?)
    }

    /// From a PKCS#8 document.
    ///
    /// # Errors
    /// [`SecondError::NotBuilt`].
    #[cfg(not(feature = "sm2"))]
    pub fn from_pkcs8(_document: &[u8]) -> Result<Self, SecondError> {
        Err(SecondError::NotBuilt)
    }

    #[cfg(feature = "sm2")]
    fn of(key: crate::sm2::Sm2Key) -> Result<Self, SecondError> {
        let (_, public) = Point::parse(&key.named("-").to_string())?;
        Ok(Self { key, public })
    }

    /// The public half.
    pub fn public(&self) -> Point {
        self.public
    }

    /// Signs a text: DER, in base64.
    pub fn sign(&self, text: &str) -> String {
        STANDARD.encode(self.line(text, "-").bytes)
    }

    /// Puts this key's line under a note that its owner just signed under the same name.
    pub fn under(&self, note: String, name: &str) -> String {
        // What is before the last empty line is the text; a note that was just made has one.
        let text = note.rfind("\n\n").map_or("", |at| &note[..=at]);
        let line = self.line(text, name).line();
        note + &line
    }

    #[cfg(feature = "sm2")]
    fn line(&self, text: &str, name: &str) -> crate::note::Signature {
        use crate::key::SignLine;
        self.key.sign_line(text, name)
    }

    #[cfg(not(feature = "sm2"))]
    fn line(&self, _text: &str, _name: &str) -> crate::note::Signature {
        match self.never {}
    }
}

impl std::fmt::Debug for SecondKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SecondKey").field(&self.public.to_base64()).finish()
    }
}

/// Puts the second line under a note where there is a key for one.
pub fn under(note: String, name: &str, key: Option<&SecondKey>) -> String {
    match key {
        Some(key) => key.under(note, name),
        None => note,
    }
}

/// The PKCS#8 document of a new key, from random numbers that the caller brings: nearly always the first will do.
///
/// # Errors
/// What `random` returns, or [`SecondError::NotBuilt`].
#[cfg(feature = "sm2")]
pub fn document<E: From<SecondError>>(random: impl Fn() -> Result<[u8; 32], E>) -> Result<Vec<u8>, E> {
    loop {
        let number = random()?;
        // One number in 2^32 is no private key.
        let Ok(key) = crate::sm2::Sm2Key::from_number(&number) else { continue };
        let public = SecondKey::of(key)?.public;
        return Ok([&PKCS8[..], &number, &PKCS8_POINT, &public.0].concat());
    }
}

/// The PKCS#8 document of a new key.
///
/// # Errors
/// [`SecondError::NotBuilt`].
#[cfg(not(feature = "sm2"))]
pub fn document<E: From<SecondError>>(_random: impl Fn() -> Result<[u8; 32], E>) -> Result<Vec<u8>, E> {
    let _ = (PKCS8, PKCS8_POINT);
    Err(SecondError::NotBuilt.into())
}

#[cfg(test)]
#[cfg(not(feature = "sm2"))]
mod tests {
    use super::*;
    use crate::key::{DeviceKey, Signer};

    #[test]
    fn without_the_algorithm_nothing_is_taken_for_verified() {
        assert_eq!(profile(PROFILE), Err(SecondError::NotBuilt));
        assert!(matches!(document::<SecondError>(|| Ok([1; 32])), Err(SecondError::NotBuilt)));
        assert!(matches!(SecondKey::from_pkcs8(&PKCS8), Err(SecondError::NotBuilt)));
        let (key, mut raw) = (DeviceKey::from_seed([1; 32]), [0; 65]);
        raw[0] = 4;
        let point = Point(raw);
        assert_eq!(point.signed("a\n", ""), Err(SecondError::NotBuilt));
        let note = crate::note::sign("a\n", "a", &key);
        assert_eq!(check(note.as_bytes(), "a", &key.public(), &point), Err(SecondError::NotBuilt));
    }
}
