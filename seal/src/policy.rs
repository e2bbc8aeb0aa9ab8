//! `c2sp.org/tlog-policy` (draft): which logs are believed, which witnesses count, and how many of them it takes.
//!
//! ```text
//! log <vkey> [<url>]
//! witness <name> <vkey> [<url>]
//! group <name> all|any|<k> <member>...
//! quorum <name>|none
//! ```
//!
//! [`Policy::parse`] reads the file, [`Policy::check`] says whether a checkpoint holds under it.

mod read;

use thiserror::Error;

use crate::checkpoint::Checkpoint;
use crate::cosignature::{self, WitnessKey};
use crate::error::NoteError;
use crate::key::{NamedKey, Verifier};
use crate::note::Note;

pub use read::PolicyError;

/// The longest policy read, in bytes.
pub const MAX_POLICY: usize = 64 * 1024;
/// The most logs, witnesses and groups, of each; the draft asks for 32.
pub const MAX_ITEMS: usize = 64;

/// Bytes of a policy that are text to people only: the draft compares names and addresses byte by byte.
/// `Display` shows them as UTF-8, with replacement characters where they are none.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Octets(Vec<u8>);

impl Octets {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text, where they are UTF-8.
    pub fn to_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl From<&str> for Octets {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl PartialEq<str> for Octets {
    fn eq(&self, text: &str) -> bool {
        self.0 == text.as_bytes()
    }
}

impl std::fmt::Display for Octets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl std::fmt::Debug for Octets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// A log that the policy believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Its key, named as its origin.
    pub key: NamedKey,
    /// Where it is, if the policy says.
    pub url: Option<Octets>,
}

/// A witness that the policy knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// What the policy calls it; the name in signature lines is its key's.
    pub name: Octets,
    /// Its key.
    pub key: WitnessKey,
    /// Where it takes checkpoints, if the policy says.
    pub url: Option<Octets>,
}

/// Something a quorum can be made of: a witness, or a group of what was named before it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Witness(usize),
    Group { need: usize, members: Vec<usize> },
}

/// A trust policy, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    // In the order of the file; groups point backwards only, so one pass decides them all.
    nodes: Vec<(Octets, Node)>,
    quorum: Option<usize>,
}

/// A checkpoint that holds under a policy: signed by one of its logs, and cosigned by its quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// Which witnesses cosigned, by the policy's names in its order, and when in seconds since 1970.
    pub cosignatures: Vec<(Octets, u64)>,
    /// The time by which enough of them had; `None` under `quorum none`, which asks nobody.
    pub quorum_at: Option<u64>,
}

/// A checkpoint that does not hold under a policy.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TrustError {
    /// The note, the checkpoint, or a signature by a key that the policy knows.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The checkpoint is of a log that the policy does not list.
    #[error("the policy lists no log {origin:?}")]
    UnknownLog {
        /// The checkpoint's origin.
        origin: String,
    },
    /// Too few witnesses.
    #[error("quorum not met: {have} of the needed {need} cosigned (missing: {missing})")]
    Quorum {
        /// How many members of the quorum stand.
        have: usize,
        /// How many must.
        need: usize,
        /// Who does not, in words.
        missing: String,
    },
}

impl Policy {
    /// The logs, in the order of the file.
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// The witnesses, in the order of the file.
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// Do these witnesses, by the policy's names, make the quorum?
    pub fn quorum_met(&self, cosigned: impl Fn(&Octets) -> bool) -> bool {
        self.quorum.is_none_or(|quorum| self.standing(cosigned)[quorum])
    }

    /// Opens a checkpoint of one of the policy's logs and verifies the line of every witness it knows; lines by others
    /// are ignored. Whether those that cosigned are enough, it does not ask.
    ///
    /// # Errors
    /// [`TrustError`]: the form, a log the policy does not know, the log's signature, or a known witness's wrong one.
    pub fn cosigned(&self, note: &[u8]) -> Result<(Checkpoint, Vec<(Octets, u64)>), TrustError> {
        let parsed = Note::parse(note)?;
        let checkpoint = Checkpoint::parse(parsed.text())?;
        let mut signed = false;
        let mut named = None;
        // A log whose key was changed has two lines in the file; one good signature is enough, a wrong one is too much.
        for log in self.logs.iter().filter(|log| log.key.name() == checkpoint.origin) {
            match parsed.verify(&log.key) {
                Ok(()) => signed = true,
                Err(missing @ NoteError::NoKnownSignature { .. }) => named = Some(missing),
                Err(wrong) => return Err(wrong.into()),
            }
        }
        match named {
            _ if signed => {}
            Some(missing) => return Err(missing.into()),
            None => return Err(TrustError::UnknownLog { origin: checkpoint.origin }),
        }
        Ok((checkpoint, self.cosignatures(&parsed)?))
    }

    /// Who of the policy's witnesses cosigned a note, and when, whatever log it is of.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`] when the line of one of them is wrong.
    pub fn cosignatures(&self, note: &Note) -> Result<Vec<(Octets, u64)>, NoteError> {
        let mut found = Vec::new();
        for witness in &self.witnesses {
            if let Some(cosignature) = cosignature::verify(note, &witness.key)? {
                found.push((witness.name.clone(), cosignature.time_s));
            }
        }
        Ok(found)
    }

    /// When the quorum was complete, from who cosigned when; `None` under `quorum none`.
    ///
    /// # Errors
    /// [`TrustError::Quorum`] with who is missing.
    pub fn quorum_at(&self, cosignatures: &[(Octets, u64)]) -> Result<Option<u64>, TrustError> {
        let Some(quorum) = self.quorum else { return Ok(None) };
        let by = |time: u64| move |name: &Octets| cosignatures.iter().any(|(who, when)| who == name && *when <= time);
        let mut times: Vec<u64> = cosignatures.iter().map(|(_, time)| *time).collect();
        times.sort_unstable();
        match times.into_iter().find(|time| self.quorum_met(by(*time))) {
            Some(time) => Ok(Some(time)),
            None => Err(self.shortfall(quorum, &self.standing(by(u64::MAX)))),
        }
    }

    /// Checks that a checkpoint is by one of the policy's logs and that its quorum cosigned it.
    ///
    /// # Errors
    /// [`TrustError`], as [`Policy::cosigned`] and [`Policy::quorum_at`].
    pub fn check(&self, note: &[u8]) -> Result<Witnessed, TrustError> {
        let (checkpoint, cosignatures) = self.cosigned(note)?;
        let quorum_at = self.quorum_at(&cosignatures)?;
        Ok(Witnessed { checkpoint, cosignatures, quorum_at })
    }

    /// For each node, whether it stands.
    fn standing(&self, cosigned: impl Fn(&Octets) -> bool) -> Vec<bool> {
        let mut stands: Vec<bool> = Vec::with_capacity(self.nodes.len());
        for (name, node) in &self.nodes {
            let holds = match node {
                Node::Witness(_) => cosigned(name),
                Node::Group { need, members } => members.iter().filter(|m| stands[**m]).count() >= *need,
            };
            stands.push(holds);
        }
        stands
    }

    fn shortfall(&self, quorum: usize, stands: &[bool]) -> TrustError {
        let (have, need) = self.tally(quorum, stands);
        let mut missing = Vec::new();
        match &self.nodes[quorum].1 {
            Node::Witness(_) => missing.push(self.nodes[quorum].0.to_string()),
            Node::Group { members, .. } => {
                missing.extend(members.iter().filter(|m| !stands[**m]).map(|m| self.describe(*m, stands)));
            }
        }
        TrustError::Quorum { have, need, missing: missing.join(", ") }
    }

    fn tally(&self, node: usize, stands: &[bool]) -> (usize, usize) {
        match &self.nodes[node].1 {
            Node::Witness(_) => (usize::from(stands[node]), 1),
            Node::Group { need, members } => (members.iter().filter(|m| stands[**m]).count(), *need),
        }
    }

    /// A node that does not stand, in words: its name, and for a group what it lacks. Groups nest at most as deep as
    /// there are groups, [`MAX_ITEMS`].
    fn describe(&self, node: usize, stands: &[bool]) -> String {
        let name = &self.nodes[node].0;
        match &self.nodes[node].1 {
            Node::Witness(_) => name.to_string(),
            Node::Group { members, .. } => {
                let (have, need) = self.tally(node, stands);
                let lacks: Vec<String> =
                    members.iter().filter(|m| !stands[**m]).map(|m| self.describe(*m, stands)).collect();
                format!("{name} with {have} of {need}, without {}", lacks.join(" and "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosignature::cosign;
    use crate::key::{DeviceKey, Signer};

    const ORIGIN: &str = "muster.example/log";

    fn key(seed: u8) -> DeviceKey {
        DeviceKey::from_seed([seed; 32])
    }

    /// A log with key 1, witnesses A to F with keys 10 to 15, and then `end`.
    fn policy(end: &str) -> Policy {
        let mut text = format!("log {}\n", key(1).public().named(ORIGIN));
        for (i, name) in ["A", "B", "C", "D", "E", "F"].into_iter().enumerate() {
            let seed = 10 + i as u8;
            text += &format!("witness {name} {}\n", key(seed).public().witness(&format!("{name}.example")));
        }
        Policy::parse((text + end).as_bytes()).unwrap()
    }

    /// A checkpoint by the log, cosigned by these at these times.
    fn note(cosigned: &[(&str, u64)]) -> String {
        let checkpoint = Checkpoint { origin: ORIGIN.into(), size: 5, root: [5; 32] };
        let mut note = checkpoint.sign(&key(1));
        for (name, time) in cosigned {
            let seed = 10 + name.as_bytes()[0] - b'A';
            note += &cosign(&checkpoint.text(), &format!("{name}.example"), &key(seed), *time);
        }
        note
    }

    const TWO_OFFICES: &str = "group X 2 A B C\ngroup Y any D E F\ngroup both all X Y\nquorum both\n";

    #[test]
    fn a_quorum_of_groups_stands_from_the_time_its_last_needed_member_cosigned() {
        let policy = policy(TWO_OFFICES);
        let witnessed =
            policy.check(note(&[("F", 70), ("C", 60), ("B", 50), ("E", 90), ("A", 55)]).as_bytes()).unwrap();
        assert_eq!(witnessed.checkpoint.size, 5);
        let found: Vec<(&str, u64)> =
            witnessed.cosignatures.iter().map(|(name, time)| (name.to_str().unwrap(), *time)).collect();
        assert_eq!(found, [("A", 55), ("B", 50), ("C", 60), ("E", 90), ("F", 70)]);
        assert_eq!(witnessed.quorum_at, Some(70));
    }

    #[test]
    fn a_quorum_that_is_not_met_says_who_is_missing() {
        let check =
            |end: &str, cosigned: &[(&str, u64)]| policy(end).check(note(cosigned).as_bytes()).unwrap_err().to_string();
        assert_eq!(check("quorum B\n", &[("A", 1)]), "quorum not met: 0 of the needed 1 cosigned (missing: B)");
        assert_eq!(
            check("group G 2 A B C\nquorum G\n", &[("B", 1)]),
            "quorum not met: 1 of the needed 2 cosigned (missing: A, C)"
        );
        assert_eq!(
            check(TWO_OFFICES, &[("B", 1), ("E", 1)]),
            "quorum not met: 1 of the needed 2 cosigned (missing: X with 1 of 2, without A and C)"
        );
    }

    #[test]
    fn quorum_none_asks_nobody_and_still_says_who_cosigned() {
        let witnessed = policy("quorum none\n").check(note(&[("A", 9)]).as_bytes()).unwrap();
        assert_eq!((witnessed.quorum_at, witnessed.cosignatures), (None, vec![("A".into(), 9)]));
        assert!(policy("quorum none\n").check(note(&[]).as_bytes()).unwrap().cosignatures.is_empty());
    }

    #[test]
    fn only_a_listed_log_that_signed_is_believed() {
        let policy = policy("quorum none\n");
        let other = Checkpoint { origin: "other.example".into(), size: 1, root: [1; 32] };
        assert_eq!(
            policy.check(other.sign(&key(1)).as_bytes()).unwrap_err().to_string(),
            "the policy lists no log \"other.example\""
        );
        let checkpoint = Checkpoint { origin: ORIGIN.into(), size: 5, root: [5; 32] };
        let stranger = policy.check(checkpoint.sign(&key(2)).as_bytes()).unwrap_err();
        assert_eq!(stranger, NoteError::NoKnownSignature { name: ORIGIN.into() }.into());
        let changed = policy.check(note(&[]).replace("\n5\n", "\n6\n").as_bytes()).unwrap_err();
        assert_eq!(changed, NoteError::BadSignature { name: ORIGIN.into() }.into());
        // A witness's key under the log's name, and its cosignature, are no log's signature.
        let posing = format!("{}\n{}", checkpoint.text(), cosign(&checkpoint.text(), ORIGIN, &key(1), 5));
        assert_eq!(policy.check(posing.as_bytes()).unwrap_err(), stranger.clone());
        // While a key is changed the policy lists both, and either signs.
        let new = key(2).public().named(ORIGIN);
        let text = format!("log {}\nlog {new}\nquorum none\n", key(1).public().named(ORIGIN));
        let both = Policy::parse(text.as_bytes()).unwrap();
        for seed in [1, 2] {
            assert_eq!(both.check(checkpoint.sign(&key(seed)).as_bytes()).unwrap().checkpoint, checkpoint);
        }
    }

    #[test]
    fn a_wrong_line_by_a_known_witness_sinks_the_note_and_an_unknown_line_does_not() {
        let policy = policy("quorum A\n");
        let wrong = note(&[("A", 1)]) + &cosign("other\n1\n\n", "B.example", &key(11), 1);
        assert_eq!(policy.check(wrong.as_bytes()), Err(NoteError::BadSignature { name: "B.example".into() }.into()));
        // The same bytes under a name that the policy does not know, and the right name with another key.
        let text = "other\n1\n\n";
        let unknown =
            note(&[("A", 1)]) + &cosign(text, "Z.example", &key(11), 1) + &cosign(text, "B.example", &key(99), 1);
        assert_eq!(policy.check(unknown.as_bytes()).unwrap().quorum_at, Some(1));
    }

    #[test]
    fn a_policy_without_logs_serves_who_knows_the_log_from_elsewhere() {
        let text = format!("witness A {}\nquorum A\n", key(10).public().witness("A.example"));
        let policy = Policy::parse(text.as_bytes()).unwrap();
        let note = note(&[("A", 3)]);
        assert!(matches!(policy.check(note.as_bytes()), Err(TrustError::UnknownLog { .. })));
        let found = policy.cosignatures(&Note::parse(note.as_bytes()).unwrap()).unwrap();
        assert_eq!(policy.quorum_at(&found), Ok(Some(3)));
    }
}
