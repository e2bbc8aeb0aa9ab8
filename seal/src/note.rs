//! `c2sp.org/signed-note` v1.0.0: a text and signature lines under it.
//!
//! ```text
//! <text, ends with a newline>
//! <empty line>
//! — <name> <base64 of 4-byte key id and signature>
//! ```

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::error::NoteError;
use crate::key::{Signer, Verifier};

/// The longest note read, in bytes: a checkpoint with dozens of cosignatures is below 8 KiB.
pub const MAX_NOTE: usize = 64 * 1024;
/// The most signature lines read.
const MAX_SIGNATURES: usize = 64;

/// A note that was parsed; its signatures were not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The key's name.
    pub name: String,
    /// The key's id.
    pub id: [u8; 4],
    /// The signature's bytes.
    pub bytes: Vec<u8>,
}

/// May this be a key's name: not empty, no Unicode space, no plus sign?
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

impl Note {
    /// Parses a note.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let bad = NoteError::Malformed;
        if bytes.len() > MAX_NOTE {
            return Err(bad("longer than 64 KiB"));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| bad("not UTF-8"))?;
        if note.chars().any(|c| c < ' ' && c != '\n') {
            return Err(bad("a control character"));
        }
        let at = note.rfind("\n\n").ok_or(bad("no empty line before the signatures"))?;
        let (text, lines) = (&note[..=at], &note[at + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(bad("no newline at the end"))?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            signatures.push(Signature::parse(line)?);
            if signatures.len() > MAX_SIGNATURES {
                return Err(bad("more than 64 signatures"));
            }
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The signed text, with its last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, unverified.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Checks the lines that are by this key; lines by others are ignored, as the format asks.
    ///
    /// # Errors
    /// [`NoteError::NoKnownSignature`] when there is none, [`NoteError::BadSignature`] when one is wrong.
    pub fn verify(&self, key: &impl Verifier) -> Result<(), NoteError> {
        let name = || key.name().to_owned();
        let mut found = false;
        for line in self.signatures.iter().filter(|s| s.name == key.name() && s.id == key.id()) {
            if !key.verify(self.text.as_bytes(), &line.bytes) {
                return Err(NoteError::BadSignature { name: name() });
            }
            found = true;
        }
        if found { Ok(()) } else { Err(NoteError::NoKnownSignature { name: name() }) }
    }
}

impl Signature {
    fn parse(line: &str) -> Result<Self, NoteError> {
        let bad = NoteError::Malformed;
        let line = line.strip_prefix("\u{2014} ").ok_or(bad("a signature line does not start with an em dash"))?;
        let (name, rest) = line.split_once(' ').ok_or(bad("a signature line has no second space"))?;
        if !is_name(name) {
            return Err(bad("a key name is empty or has a space or a plus sign"));
        }
        let raw = STANDARD.decode(rest).map_err(|_| bad("a signature is not base64"))?;
        match raw.split_first_chunk::<4>() {
            Some((id, bytes)) if !bytes.is_empty() => {
                Ok(Self { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
            }
            _ => Err(bad("a signature is shorter than five bytes")),
        }
    }

    /// The line as it stands in a note, with its newline.
    pub fn line(&self) -> String {
        let raw = [&self.id[..], &self.bytes[..]].concat();
        format!("\u{2014} {} {}\n", self.name, STANDARD.encode(raw))
    }
}

/// Signs a text, which must end with a newline, under a name.
pub fn sign(text: &str, name: &str, key: &impl Signer) -> String {
    debug_assert!(text.ends_with('\n') && is_name(name));
    let id = key.public().named(name).id();
    let signature = Signature { name: name.to_owned(), id, bytes: key.sign(text.as_bytes()) };
    format!("{text}\n{}", signature.line())
}
