//! Keys: who signs and who verifies, behind traits, and Ed25519 (RFC 8032) by `ring`.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::cosignature::{COSIGNATURE_TYPE, WitnessKey};
use crate::error::NoteError;
use crate::merkle::sha256;
use crate::note::Signature;

/// The signature type byte of plain Ed25519 notes (`signed-note`, "Signature types").
pub const ED25519_TYPE: u8 = 0x01;

/// Signs notes under some name.
pub trait Signer {
    /// The public half.
    fn public(&self) -> PublicKey;
    /// Signs the bytes.
    fn sign(&self, message: &[u8]) -> Vec<u8>;
}

/// Makes signature lines, in whatever algorithm. Every [`Signer`] does, as plain Ed25519.
pub trait SignLine {
    /// The line over a note's text under a name.
    fn sign_line(&self, text: &str, name: &str) -> Signature;
}

impl<S: Signer> SignLine for S {
    fn sign_line(&self, text: &str, name: &str) -> Signature {
        let id = self.public().named(name).id();
        Signature { name: name.to_owned(), id, bytes: self.sign(text.as_bytes()) }
    }
}

/// Verifies notes signed under one name.
pub trait Verifier {
    /// The key's name, as it stands in a signature line.
    fn name(&self) -> &str;
    /// The key's four-byte id, as it stands in a signature line.
    fn id(&self) -> [u8; 4];
    /// Does the signature hold over the note's text?
    fn verify(&self, text: &[u8], signature: &[u8]) -> bool;
}

/// An Ed25519 public key with no name yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// SHA-256 of the raw key in lower-case hex: how records and leaves name a key.
    pub fn id(&self) -> String {
        hex::encode(sha256(&self.0))
    }

    /// The raw key in standard base64.
    pub fn to_base64(self) -> String {
        STANDARD.encode(self.0)
    }

    /// Reads the raw key from standard base64.
    ///
    /// # Errors
    /// [`NoteError::Key`] when it is not 32 bytes of canonical base64.
    pub fn from_base64(text: &str) -> Result<Self, NoteError> {
        let raw = STANDARD.decode(text).map_err(|_| NoteError::Key("not base64"))?;
        Ok(Self(raw.try_into().map_err(|_| NoteError::Key("not 32 bytes"))?))
    }

    /// Does this key's signature over the message hold?
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }

    /// This key under a name.
    pub fn named(self, name: &str) -> NamedKey {
        NamedKey { name: name.to_owned(), key: self }
    }

    /// This key as a witness's, which cosigns and does not sign.
    pub fn witness(self, name: &str) -> WitnessKey {
        WitnessKey::new(name, self)
    }
}

/// The key's four-byte id: the start of `SHA-256(name || 0x0A || kind || key)`, `signed-note`, "Signatures".
/// `kind` is the signature type byte and whatever identifier follows it.
pub(crate) fn key_id(name: &str, kind: &[u8], key: &[u8]) -> [u8; 4] {
    let hash = sha256(&[name.as_bytes(), b"\n", kind, key].concat());
    [hash[0], hash[1], hash[2], hash[3]]
}

/// Takes `<name>+<id in hex>+<base64 of type and key>` apart: the name, the id as written, the type and key.
///
/// # Errors
/// [`NoteError::Key`].
pub(crate) fn split_vkey(text: &str) -> Result<(&str, &str, Vec<u8>), NoteError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteError::Key("not <name>+<id>+<key>"));
    };
    if !crate::note::is_name(name) {
        return Err(NoteError::Key("the name is empty or has a space or a plus sign"));
    }
    let raw = STANDARD.decode(key).map_err(|_| NoteError::Key("not base64"))?;
    Ok((name, id, raw))
}

/// An Ed25519 public key under a name: what `signed-note` calls a verifier key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedKey {
    name: String,
    key: PublicKey,
}

impl NamedKey {
    /// Reads `<name>+<id in hex>+<base64 of type byte and key>`.
    ///
    /// # Errors
    /// [`NoteError::Key`]: the form, the id or the algorithm; [`NoteError::WitnessKey`] where a witness's key is offered.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let (name, id, raw) = split_vkey(text)?;
        let raw = match raw.split_first() {
            Some((&ED25519_TYPE, raw)) => raw,
            Some((&COSIGNATURE_TYPE, _)) => return Err(NoteError::WitnessKey { name: name.to_owned() }),
            _ => return Err(NoteError::Key("not an Ed25519 key")),
        };
        let key = PublicKey(raw.try_into().map_err(|_| NoteError::Key("not 32 bytes"))?);
        let named = key.named(name);
        if hex::encode(named.id()) != id {
            return Err(NoteError::Key("the id is not that of name and key"));
        }
        Ok(named)
    }

    /// The key without its name.
    pub fn key(&self) -> PublicKey {
        self.key
    }
}

impl std::fmt::Display for NamedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let raw = [&[ED25519_TYPE], &self.key.0[..]].concat();
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), STANDARD.encode(raw))
    }
}

impl Verifier for NamedKey {
    fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> [u8; 4] {
        key_id(&self.name, &[ED25519_TYPE], &self.key.0)
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        self.key.verify(text, signature)
    }
}

/// An Ed25519 key pair. Its `Debug` shows the public half alone.
pub struct DeviceKey {
    pair: Ed25519KeyPair,
}

impl DeviceKey {
    /// From a 32-byte seed (RFC 8032, section 5.1.5).
    pub fn from_seed(seed: [u8; 32]) -> Self {
        match Ed25519KeyPair::from_seed_unchecked(&seed) {
            Ok(pair) => Self { pair },
            // ring refuses a seed for its length alone, and the type fixes that.
            Err(_) => unreachable!("a seed of 32 bytes is always a key"),
        }
    }

    /// From a PKCS#8 document as `ring` and `openssl genpkey` write it.
    ///
    /// # Errors
    /// [`NoteError::Key`] when it is no Ed25519 key.
    pub fn from_pkcs8(document: &[u8]) -> Result<Self, NoteError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(document);
        Ok(Self { pair: pair.map_err(|_| NoteError::Key("not an Ed25519 key in PKCS#8"))? })
    }
}

impl Signer for DeviceKey {
    fn public(&self) -> PublicKey {
        let mut raw = [0; 32];
        raw.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey(raw)
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl std::fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("DeviceKey").field(&self.public().id()).finish()
    }
}
