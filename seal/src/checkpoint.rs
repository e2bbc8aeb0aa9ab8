//! `c2sp.org/tlog-checkpoint` v1.0.0: origin, size and root of a log, as a signed note. A seal is one of these.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::error::NoteError;
use crate::key::{Signer, Verifier};
use crate::merkle::Hash;
use crate::note::{self, Note};

/// What a checkpoint says. It carries no extension lines; one that does is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    /// The tree's root.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Parses the text of a checkpoint.
    ///
    /// # Errors
    /// [`NoteError::Checkpoint`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let bad = NoteError::Checkpoint;
        let mut lines = text.strip_suffix('\n').ok_or(bad("no newline at the end"))?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(bad("fewer than three lines"));
        };
        if lines.next().is_some() {
            return Err(bad("extension lines"));
        }
        if origin.is_empty() {
            return Err(bad("no origin"));
        }
        let number = size.parse::<u64>().ok().filter(|n| n.to_string() == size);
        let size = number.ok_or(bad("the size is no whole number in its shortest form"))?;
        let root = STANDARD.decode(root).map_err(|_| bad("the root is not base64"))?;
        let root = root.try_into().map_err(|_| bad("the root is not 32 bytes"))?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// Signs the checkpoint with the key named as its origin.
    pub fn sign(&self, key: &impl Signer) -> String {
        note::sign(&self.text(), &self.origin, key)
    }

    /// Parses a signed checkpoint and checks the log's own signature: key name and origin must be the same.
    ///
    /// # Errors
    /// [`NoteError`]: form, origin or signature.
    pub fn open(note: &[u8], key: &impl Verifier) -> Result<Self, NoteError> {
        let note = Note::parse(note)?;
        let checkpoint = Self::parse(note.text())?;
        if checkpoint.origin != key.name() {
            return Err(NoteError::Origin { found: checkpoint.origin, want: key.name().to_owned() });
        }
        note.verify(key)?;
        Ok(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::DeviceKey;

    #[test]
    fn the_text_has_three_lines_in_one_form() {
        let checkpoint = Checkpoint { origin: "muster.example/log".into(), size: 20, root: [7; 32] };
        let good = checkpoint.text();
        assert_eq!(Checkpoint::parse(&good), Ok(checkpoint));
        for (text, want) in [
            (String::new(), "no newline at the end"),
            (good.trim_end().into(), "no newline at the end"),
            ("a\n1\n".into(), "fewer than three lines"),
            (format!("{good}x\n"), "extension lines"),
            (format!("{good}\n"), "extension lines"),
            (good.replace("muster.example/log", ""), "no origin"),
            (good.replace("20", "020"), "the size is no whole number in its shortest form"),
            (good.replace("20", "+20"), "the size is no whole number in its shortest form"),
            (good.replace("20", ""), "the size is no whole number in its shortest form"),
            (good.replace("20", "18446744073709551616"), "the size is no whole number in its shortest form"),
            (good.replace('=', ""), "the root is not base64"),
            (good.replace("c=", "d="), "the root is not base64"),
            ("a\n1\nAAAA\n".into(), "the root is not 32 bytes"),
        ] {
            assert_eq!(Checkpoint::parse(&text), Err(NoteError::Checkpoint(want)), "{text:?}");
        }
    }

    #[test]
    fn origin_and_key_name_are_one() {
        let key = DeviceKey::from_seed([1; 32]);
        let checkpoint = Checkpoint { origin: "a.example".into(), size: 0, root: [7; 32] };
        let other = Err(NoteError::Origin { found: "a.example".into(), want: "b.example".into() });
        assert_eq!(Checkpoint::open(checkpoint.sign(&key).as_bytes(), &key.public().named("b.example")), other);
        // Signed by the key named b.example, over a text that speaks for a.example.
        let posing = note::sign(&checkpoint.text(), "b.example", &key);
        assert_eq!(Checkpoint::open(posing.as_bytes(), &key.public().named("b.example")), other);
        let missing = Err(NoteError::NoKnownSignature { name: "a.example".into() });
        assert_eq!(Checkpoint::open(posing.as_bytes(), &key.public().named("a.example")), missing);
    }
}
