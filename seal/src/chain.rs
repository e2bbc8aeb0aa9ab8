//! One device over time. Every session, and every contact between two sessions, uses up a counter, names what came before
//! it by its hash, and signs the newest central checkpoint that the device holds: its beacon. Counters leave no gap and
//! beacons never go backwards, so a session made up later can reach back to the last contact at most.
//!
//! ```text
//! <domain>/d/<device>/c/<counter>      a contact: the text of a signed note under that name
//! prev <SHA-256 in hex of the seal or contact before, or ->
//! beacon <size> <root in base64>
//! ```

use base64::{Engine, engine::general_purpose::STANDARD};
use thiserror::Error;

use crate::error::NoteError;
use crate::key::{PublicKey, Signer};
use crate::merkle::{Hash, sha256};
use crate::note::{self, Note};
use crate::record::Open;

/// Where a device's chain stands after a session or contact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Link {
    /// The last counter used; 0 before the first.
    pub counter: u64,
    /// SHA-256 in hex of the last final seal or contact; empty before the first.
    pub seal: String,
    /// The size of the central log that the last beacon names; 0 without one.
    pub beacon: u64,
}

/// What does not follow what came before it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChainError {
    /// Counters are used once each, in order.
    #[error("the session counter is {found}, not {want}: a session is missing or was replayed")]
    Counter {
        /// What was found.
        found: u64,
        /// What it must be.
        want: u64,
    },
    /// `prev` is not the hash of the seal before.
    #[error("`prev` does not name the seal of session {counter}")]
    Previous {
        /// The counter of the one before.
        counter: u64,
    },
    /// The beacon is older than the one before.
    #[error("the beacon names a central log of {found} entries; the session before named one of {before}")]
    Beacon {
        /// This one's.
        found: u64,
        /// The one before.
        before: u64,
    },
}

/// SHA-256 of a whole signed note in hex: how what comes next names a seal or a contact.
pub fn seal_id(seal: &str) -> String {
    hex::encode(sha256(seal.as_bytes()))
}

impl Link {
    /// Checks that a session follows; `beacon` is the size that its beacon names, 0 without one.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn check(&self, open: &Open, beacon: u64) -> Result<(), ChainError> {
        self.follows(open.counter, &open.prev, beacon)
    }

    /// Checks that a contact follows, and gives where the chain stands after it.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn after(&self, contact: &Contact, note: &str) -> Result<Self, ChainError> {
        self.follows(contact.counter, &contact.prev, contact.beacon)?;
        Ok(Self { counter: contact.counter, seal: seal_id(note), beacon: contact.beacon })
    }

    fn follows(&self, counter: u64, prev: &str, beacon: u64) -> Result<(), ChainError> {
        if counter != self.counter + 1 {
            return Err(ChainError::Counter { found: counter, want: self.counter + 1 });
        }
        if prev != self.seal {
            return Err(ChainError::Previous { counter: self.counter });
        }
        if beacon < self.beacon {
            return Err(ChainError::Beacon { found: beacon, before: self.beacon });
        }
        Ok(())
    }
}

/// A device was heard of, with nothing to report: it signs the beacon it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Which device.
    pub device: String,
    /// The counter that it uses up.
    pub counter: u64,
    /// SHA-256, in hex, of the seal or contact before; empty at counter 1.
    pub prev: String,
    /// The size of the central log that the beacon names.
    pub beacon: u64,
    /// And its root.
    pub root: Hash,
}

impl Contact {
    /// The key name of a contact's note, which is its first line, too.
    pub fn origin(domain: &str, device: &str, counter: u64) -> String {
        format!("{domain}/d/{device}/c/{counter}")
    }

    /// Signs the contact.
    pub fn sign(&self, domain: &str, key: &impl Signer) -> String {
        let origin = Self::origin(domain, &self.device, self.counter);
        let prev = if self.prev.is_empty() { "-" } else { &self.prev };
        let text = format!("{origin}\nprev {prev}\nbeacon {} {}\n", self.beacon, STANDARD.encode(self.root));
        note::sign(&text, &origin, key)
    }

    /// Opens a contact of a device at a counter, which the caller knows.
    ///
    /// # Errors
    /// [`NoteError`]: form, name or signature.
    pub fn open(bytes: &[u8], domain: &str, device: &str, counter: u64, key: &PublicKey) -> Result<Self, NoteError> {
        let bad = NoteError::Contact;
        let note = Note::parse(bytes)?;
        let origin = Self::origin(domain, device, counter);
        let lines: Vec<&str> = note.text().lines().collect();
        let [found, prev, beacon] = lines[..] else { return Err(bad("not three lines")) };
        if found != origin {
            return Err(NoteError::Origin { found: found.to_owned(), want: origin });
        }
        note.verify(&key.named(&origin))?;
        let prev = match prev.strip_prefix("prev ").ok_or(bad("no prev line"))? {
            "-" => String::new(),
            hex if hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) => hex.to_owned(),
            _ => return Err(bad("prev is no SHA-256 in hex")),
        };
        let (size, root) =
            beacon.strip_prefix("beacon ").and_then(|rest| rest.split_once(' ')).ok_or(bad("no beacon line"))?;
        let size = size.parse::<u64>().ok().filter(|n| n.to_string() == size);
        let root = STANDARD.decode(root).ok().and_then(|root| root.try_into().ok());
        Ok(Self {
            device: device.to_owned(),
            counter,
            prev,
            beacon: size.ok_or(bad("the beacon's size is no whole number in its shortest form"))?,
            root: root.ok_or(bad("the beacon's root is not 32 bytes of base64"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::DeviceKey;

    #[test]
    fn a_contact_carries_the_chain_from_one_session_to_the_next() {
        let key = DeviceKey::from_seed([3; 32]);
        let contact = |counter, prev: &str, beacon| Contact {
            device: "d1".into(),
            counter,
            prev: prev.into(),
            beacon,
            root: [9; 32],
        };
        let first = contact(1, "", 4);
        let note = first.sign("muster.example", &key);
        let open = |note: &str, counter| Contact::open(note.as_bytes(), "muster.example", "d1", counter, &key.public());
        assert_eq!(open(&note, 1), Ok(first.clone()));
        assert!(matches!(open(&note, 2), Err(NoteError::Origin { .. })));
        assert!(matches!(open(&note.replace("beacon 4", "beacon 5"), 1), Err(NoteError::BadSignature { .. })));
        let link = Link::default().after(&first, &note).unwrap();
        assert_eq!((link.counter, link.beacon), (1, 4));
        let second = contact(2, &link.seal, 3);
        assert_eq!(link.after(&second, ""), Err(ChainError::Beacon { found: 3, before: 4 }));
        assert_eq!(link.after(&contact(2, "", 5), ""), Err(ChainError::Previous { counter: 1 }));
        assert_eq!(link.after(&contact(3, &link.seal, 5), ""), Err(ChainError::Counter { found: 3, want: 2 }));
        let open = Open { counter: 2, prev: link.seal.clone(), ..Open::default() };
        assert_eq!(link.check(&open, 4), Ok(()));
        assert_eq!(link.check(&open, 3), Err(ChainError::Beacon { found: 3, before: 4 }));
    }
}
