//! `c2sp.org/signed-note` v1.0.0: a text and signature lines under it.
//!
//! ```text
//! <text, ends with a newline>
//! <empty line>
//! — <name> <base64 of 4-byte key id and signature>
//! ```

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::error::NoteError;
use crate::key::{SignLine, Verifier};

/// The longest note read, in bytes. A checkpoint with dozens of cosignatures is below 8 KiB; the format wants 16 lines
/// read whatever their algorithm, and a post-quantum line of some other verifier's takes nearly 7 KiB.
pub const MAX_NOTE: usize = 128 * 1024;
/// The most signature lines read: a policy's 64 witnesses and as many that the policy does not know.
const MAX_SIGNATURES: usize = 128;

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

/// May this be a key's name: not empty, no Unicode space, no plus sign, nothing that no note may hold?
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c < ' ' || c == '+')
}

impl Note {
    /// Parses a note.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let bad = NoteError::Malformed;
        if bytes.len() > MAX_NOTE {
            return Err(bad("longer than 128 KiB"));
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
                return Err(bad("more than 128 signatures"));
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
pub fn sign(text: &str, name: &str, key: &impl SignLine) -> String {
    debug_assert!(text.ends_with('\n') && is_name(name));
    format!("{text}\n{}", key.sign_line(text, name).line())
}

/// Puts one more signature line under a note: another key's, or the same signer's in another algorithm. The lines
/// that are there stay as they are, and whoever does not know the new one ignores it.
///
/// # Errors
/// [`NoteError::Malformed`] when it is no note.
pub fn countersign(note: &str, name: &str, key: &impl SignLine) -> Result<String, NoteError> {
    debug_assert!(is_name(name));
    let parsed = Note::parse(note.as_bytes())?;
    Ok(format!("{note}{}", key.sign_line(parsed.text(), name).line()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{DeviceKey, Signer};

    const NAME: &str = "muster.example/log";

    fn key() -> DeviceKey {
        DeviceKey::from_seed([1; 32])
    }

    #[test]
    fn the_last_empty_line_ends_the_text() {
        for text in ["a\n", "\n", "a\n\n", "a\n\n\nb\n", "— not a signature\n\nb\n"] {
            let note = sign(text, NAME, &key());
            let parsed = Note::parse(note.as_bytes()).unwrap();
            assert_eq!(parsed.text(), text);
            parsed.verify(&key().public().named(NAME)).unwrap();
        }
    }

    #[test]
    fn what_is_no_note_is_told_why() {
        let good = sign("a\n", NAME, &key());
        let line = good.split_once("\n\n").unwrap().1;
        for (note, want) in [
            (String::new(), "no empty line before the signatures"),
            (line.to_owned(), "no empty line before the signatures"),
            ("a\n\n".into(), "no newline at the end"),
            ("a\n\n\n\n".into(), "no newline at the end"),
            ("a\n\n \n".into(), "a signature line does not start with an em dash"),
            (good.trim_end().into(), "no newline at the end"),
            (good.replace('a', "\t"), "a control character"),
            (good.replace('\n', "\r\n"), "a control character"),
            (good.replace('—', "-"), "a signature line does not start with an em dash"),
            (good.replace(NAME, "a+b"), "a key name is empty or has a space or a plus sign"),
            (good.replace(NAME, "a\u{3000}b"), "a key name is empty or has a space or a plus sign"),
            (good.replace(&format!("{NAME} "), " "), "a key name is empty or has a space or a plus sign"),
            (format!("a\n\n— {NAME}\n"), "a signature line has no second space"),
            (format!("a\n\n— {NAME} AAAAAA\n"), "a signature is not base64"),
            (format!("a\n\n— {NAME} AAAAAB==\n"), "a signature is not base64"),
            (format!("a\n\n— {NAME} AAAAAA==\n"), "a signature is shorter than five bytes"),
            (format!("a\n\n{}", line.repeat(129)), "more than 128 signatures"),
            (format!("{}\n\n{line}", "a".repeat(MAX_NOTE)), "longer than 128 KiB"),
        ] {
            assert_eq!(Note::parse(note.as_bytes()), Err(NoteError::Malformed(want)), "{note:?}");
        }
        assert_eq!(Note::parse(b"\xff\n\n\n"), Err(NoteError::Malformed("not UTF-8")));
        assert!(Note::parse(format!("a\n\n{}", line.repeat(128)).as_bytes()).is_ok());
    }

    #[test]
    fn a_second_line_leaves_the_first_as_it_was() {
        let other = DeviceKey::from_seed([2; 32]);
        let one = sign("a\n", NAME, &key());
        let two = countersign(&one, "other.example", &other).unwrap();
        assert!(two.starts_with(&one));
        let note = Note::parse(two.as_bytes()).unwrap();
        note.verify(&key().public().named(NAME)).unwrap();
        note.verify(&other.public().named("other.example")).unwrap();
        let stranger = DeviceKey::from_seed([3; 32]).public().named(NAME);
        assert_eq!(note.verify(&stranger), Err(NoteError::NoKnownSignature { name: NAME.into() }));
        assert!(countersign("a\n", NAME, &key()).is_err());
    }
}
