//! A second signature line in China's national algorithms: SM2 with SM3 (GB/T 32918.2, GB/T 32905), for deployments
//! that GB/T 39786 binds. It stands beside the Ed25519 line and never instead of it; who does not know it ignores it.
//!
//! ```text
//! type:       0xff "sm2-sm3/1"
//! key:        65 bytes, the uncompressed point 0x04 x y
//! key id:     first four bytes of SHA-256(name 0x0A type key)
//! signature:  ASN.1 DER, SEQUENCE { r INTEGER, s INTEGER }, over the note's text, distinguishing id 1234567812345678
//! ```
//!
//! DER, because that is what `openssl pkeyutl -verify` and the machines of the certified vendors take as it stands.

use base64::{Engine, engine::general_purpose::STANDARD};
use sm2::dsa::signature::{Signer as _, Verifier as _};
use sm2::dsa::{Signature, SigningKey, VerifyingKey};
use sm2::elliptic_curve::sec1::ToSec1Point;
use sm2::pkcs8::DecodePrivateKey;
use sm2::{PublicKey, SecretKey};

use crate::error::NoteError;
use crate::key::{SignLine, Verifier, key_id, split_vkey};
use crate::note;

pub use crate::second::SM2_TYPE;

/// The signer's distinguishing identifier: the default of GB/T 32918.2, which all tools take.
pub const DISTINGUISHING_ID: &str = "1234567812345678";
/// What comes before the point in a SubjectPublicKeyInfo: id-ecPublicKey on the curve 1.2.156.10197.1.301.
const SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf,
    0x55, 0x01, 0x82, 0x2d, 0x03, 0x42, 0x00,
];

/// An SM2 public key under a name.
#[derive(Debug, Clone)]
pub struct Sm2NamedKey {
    name: String,
    point: [u8; 65],
    key: VerifyingKey,
}

impl PartialEq for Sm2NamedKey {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.point) == (&other.name, &other.point)
    }
}

impl Eq for Sm2NamedKey {}

impl Sm2NamedKey {
    /// Reads `<name>+<id in hex>+<base64 of type and key>`.
    ///
    /// # Errors
    /// [`NoteError::Key`]: the form, the id, the algorithm, or a point that is not on the curve.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let (name, id, raw) = split_vkey(text)?;
        let raw = raw.strip_prefix(SM2_TYPE).ok_or(NoteError::Key("not an SM2 key"))?;
        let point: [u8; 65] = raw.try_into().map_err(|_| NoteError::Key("not an uncompressed point of 65 bytes"))?;
        let key = PublicKey::from_sec1_bytes(&point).map_err(|_| NoteError::Key("not a point of the SM2 curve"))?;
        let named = Self::new(name, &key)?;
        if named.point != point {
            return Err(NoteError::Key("not an uncompressed point of 65 bytes"));
        }
        if hex::encode(named.id()) != id {
            return Err(NoteError::Key("the id is not that of name and key"));
        }
        Ok(named)
    }

    fn new(name: &str, key: &PublicKey) -> Result<Self, NoteError> {
        let bad = || NoteError::Key("not a point of the SM2 curve");
        let point = key.to_sec1_point(false).as_bytes().try_into().map_err(|_| bad())?;
        let key = VerifyingKey::new(DISTINGUISHING_ID, *key).map_err(|_| bad())?;
        Ok(Self { name: name.to_owned(), point, key })
    }

    /// The key as a SubjectPublicKeyInfo in DER: what `openssl pkey -pubin -inform DER` reads.
    pub fn spki(&self) -> Vec<u8> {
        [&SPKI[..], &self.point].concat()
    }
}

impl std::fmt::Display for Sm2NamedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let raw = [SM2_TYPE, &self.point].concat();
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), STANDARD.encode(raw))
    }
}

impl Verifier for Sm2NamedKey {
    fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> [u8; 4] {
        key_id(&self.name, SM2_TYPE, &self.point)
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        Signature::from_der(signature).is_ok_and(|signature| self.key.verify(text, &signature).is_ok())
    }
}

/// An SM2 key pair. It signs with nonces derived as RFC 6979 does, so it needs no randomness. Its `Debug` shows nothing
/// secret.
#[derive(Debug)]
pub struct Sm2Key {
    key: SigningKey,
    public: PublicKey,
}

impl Sm2Key {
    /// From the private number, big-endian.
    ///
    /// # Errors
    /// [`NoteError::Key`] when it is not between 1 and the curve's order less 2.
    pub fn from_number(number: &[u8; 32]) -> Result<Self, NoteError> {
        Self::new(SecretKey::from_slice(number).map_err(|_| NoteError::Key("not an SM2 private key"))?)
    }

    /// From a PKCS#8 document as `openssl pkcs8 -topk8 -nocrypt -outform DER` writes it.
    ///
    /// # Errors
    /// [`NoteError::Key`] when it is no SM2 key.
    pub fn from_pkcs8(document: &[u8]) -> Result<Self, NoteError> {
        let bad = |_| NoteError::Key("not an SM2 key in PKCS#8");
        Self::new(SecretKey::from_pkcs8_der(document).map_err(bad)?)
    }

    fn new(secret: SecretKey) -> Result<Self, NoteError> {
        let bad = |_| NoteError::Key("not an SM2 private key");
        let key = SigningKey::new(DISTINGUISHING_ID, &secret).map_err(bad)?;
        // The one number on the curve with which nothing can be signed is the order less 1.
        key.try_sign(b"").map_err(bad)?;
        Ok(Self { key, public: secret.public_key() })
    }

    /// The public half under a name.
    pub fn named(&self, name: &str) -> Sm2NamedKey {
        match Sm2NamedKey::new(name, &self.public) {
            Ok(named) => named,
            Err(_) => unreachable!("the public half of a key is a point of the curve"),
        }
    }
}

impl SignLine for Sm2Key {
    fn sign_line(&self, text: &str, name: &str) -> note::Signature {
        let bytes = match self.key.try_sign(text.as_bytes()) {
            Ok(signature) => signature.to_der().as_bytes().to_vec(),
            // It fails where r, s or r + k is 0: one text in 2^255, and nobody can look for it without the key.
            Err(_) => unreachable!("`new` refuses the one key that cannot sign"),
        };
        note::Signature { name: name.to_owned(), id: self.named(name).id(), bytes }
    }
}
