//! `c2sp.org/tlog-witness` v1.0.0, `add-checkpoint` without the HTTP: the request, the decision, the answer.
//!
//! ```text
//! old <size>
//! <base64 of a hash>          0 to 63 of these, the consistency proof from the old size to the checkpoint's
//! <empty line>
//! <the checkpoint, a signed note>
//! ```
//!
//! A witness reads [`Request::origin`], looks up the log's key and what it cosigned last, asks [`decide`], **persists
//! the new state before it answers** and compares and swaps it in that same step, then cosigns. A log reads the answer
//! with [`read_answer`] or, after a 409, [`read_size`].

use thiserror::Error;

use crate::checkpoint::Checkpoint;
use crate::cosignature::{self, Cosignature, WitnessKey};
use crate::error::{NoteError, ProofError};
use crate::key::Verifier;
use crate::merkle::{Hash, sha256, verify_consistency};
use crate::note::{MAX_NOTE, Note};
use crate::proof::{read_hashes, write_hashes};
use crate::second::SecondError;

/// The longest request of the format that this crate's notes allow, in bytes: the old size, 63 hashes, a note.
pub const MAX_REQUEST: usize = MAX_NOTE + 4096;
/// The content type of the answer to [`Refusal::Conflict`].
pub const SIZE_TYPE: &str = "text/x.tlog.size";
/// The path under a witness's submission prefix.
pub const PATH: &str = "add-checkpoint";

/// A request to cosign, in its form and no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The size of the tree that the log believes the witness cosigned last.
    pub old_size: u64,
    /// The proof from that tree to the checkpoint's.
    pub proof: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: String,
}

impl Request {
    /// The request's body.
    pub fn text(&self) -> String {
        format!("old {}\n{}\n{}", self.old_size, write_hashes(&self.proof), self.checkpoint)
    }

    /// Parses a body of at most `max` bytes. The checkpoint has the form of one; its signatures were not verified.
    ///
    /// # Errors
    /// [`Refusal::TooLong`], [`Refusal::Malformed`] or [`Refusal::Note`]; all are status 400.
    pub fn parse(bytes: &[u8], max: usize) -> Result<Self, Refusal> {
        let bad = Refusal::Malformed;
        if bytes.len() > max {
            return Err(Refusal::TooLong { max });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| bad("not UTF-8"))?;
        let rest = text.strip_prefix("old ").ok_or(bad("the first line is not `old <size>`"))?;
        let (old, rest) = rest.split_once('\n').ok_or(bad("the first line is not `old <size>`"))?;
        let old_size = number(old).ok_or(bad("the old size is no whole number in its shortest form"))?;
        let (proof, checkpoint) = match rest.strip_prefix('\n') {
            Some(checkpoint) => ("", checkpoint),
            // The newline of the last proof line stays with the proof.
            None => match rest.find("\n\n") {
                Some(at) => (&rest[..=at], &rest[at + 2..]),
                None => return Err(bad("no empty line before the checkpoint")),
            },
        };
        let proof = read_hashes(proof).map_err(Refusal::Note)?;
        let request = Self { old_size, proof, checkpoint: checkpoint.to_owned() };
        request.read().map_err(Refusal::Note)?;
        Ok(request)
    }

    /// The origin of the log that asks, still unverified: by it the witness finds the log's key.
    pub fn origin(&self) -> &str {
        self.checkpoint.split('\n').next().unwrap_or_default()
    }

    /// The text of the checkpoint: what a cosignature is made over.
    ///
    /// # Errors
    /// [`NoteError`] when the checkpoint is no note; after [`Request::parse`] it is one.
    pub fn signed_text(&self) -> Result<String, NoteError> {
        Ok(self.read()?.0.text().to_owned())
    }

    fn read(&self) -> Result<(Note, Checkpoint), NoteError> {
        let note = Note::parse(self.checkpoint.as_bytes())?;
        let checkpoint = Checkpoint::parse(note.text())?;
        Ok((note, checkpoint))
    }
}

/// A whole number in the one form these formats allow.
fn number(text: &str) -> Option<u64> {
    text.parse::<u64>().ok().filter(|n| n.to_string() == text)
}

/// Decides on a request, for the log whose key the witness holds. `known` is the newest checkpoint that the witness
/// cosigned for it, `None` where it never did. What comes back is the state to persist, compared and swapped against
/// `known` in one step, before any cosignature leaves.
///
/// # Errors
/// [`Refusal`], the first rule broken: the form, the log's signature, the sizes, the state, the root, the proof.
pub fn decide(request: &Request, known: Option<(u64, Hash)>, key: &impl Verifier) -> Result<Checkpoint, Refusal> {
    let (note, new) = request.read().map_err(Refusal::Note)?;
    if new.origin != key.name() {
        let want = key.name().to_owned();
        return Err(Refusal::Signature(NoteError::Origin { found: new.origin, want }));
    }
    note.verify(key).map_err(Refusal::Signature)?;
    let old = request.old_size;
    if old > new.size {
        return Err(Refusal::Shrinks { old, new: new.size });
    }
    let (known, root) = known.unwrap_or((0, sha256(b"")));
    if old != known {
        return Err(Refusal::Conflict { old, known });
    }
    if old == new.size && root != new.root {
        return Err(Refusal::Fork { size: old });
    }
    verify_consistency(old, &root, new.size, &new.root, &request.proof).map_err(Refusal::Proof)?;
    Ok(new)
}

/// Why a witness does not cosign. [`Refusal::status`], [`Refusal::content_type`] and [`Refusal::body`] are the answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// More bytes than the witness reads.
    #[error("the request is longer than {max} bytes")]
    TooLong {
        /// The limit in bytes.
        max: usize,
    },
    /// Not in the form of a request.
    #[error("malformed request: {0}")]
    Malformed(&'static str),
    /// The proof lines, or the checkpoint, are not in their form.
    #[error(transparent)]
    Note(NoteError),
    /// The old size is above the checkpoint's.
    #[error("the old size {old} is above the checkpoint's, {new}")]
    Shrinks {
        /// The old size.
        old: u64,
        /// The checkpoint's size.
        new: u64,
    },
    /// The witness knows no log of that origin.
    #[error("no log {origin:?} is known here")]
    UnknownOrigin {
        /// The checkpoint's origin.
        origin: String,
    },
    /// The log's key did not sign the checkpoint.
    #[error("not signed by the log: {0}")]
    Signature(NoteError),
    /// A witness of a deployment with a second signature misses that line.
    #[error("not signed by the log: {0}")]
    Second(SecondError),
    /// The old size is not that of the newest checkpoint this witness cosigned.
    #[error("the old size is {old}; the newest checkpoint cosigned here has size {known}")]
    Conflict {
        /// What the request says.
        old: u64,
        /// What the witness knows; 0 where it never cosigned.
        known: u64,
    },
    /// The same size with another root: a fork, provable with the two notes.
    #[error("a checkpoint of size {size} with another root was cosigned here: the log is forked")]
    Fork {
        /// The size of both.
        size: u64,
    },
    /// The consistency proof does not lead from the known tree to the new one.
    #[error("the consistency proof does not hold: {0}")]
    Proof(ProofError),
}

impl Refusal {
    /// The HTTP status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            Self::TooLong { .. } | Self::Malformed(_) | Self::Note(_) | Self::Shrinks { .. } => 400,
            Self::Signature(_) | Self::Second(_) => 403,
            Self::UnknownOrigin { .. } => 404,
            Self::Conflict { .. } | Self::Fork { .. } => 409,
            Self::Proof(_) => 422,
        }
    }

    /// The content type of the answer.
    pub fn content_type(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => SIZE_TYPE,
            _ => "text/plain; charset=utf-8",
        }
    }

    /// The body of the answer: the known size where the log may try again from it, the reason otherwise.
    pub fn body(&self) -> String {
        match self {
            Self::Conflict { known, .. } => format!("{known}\n"),
            other => format!("{other}\n"),
        }
    }
}

/// Reads a witness's answer to a log: finds its cosignature over that checkpoint, and gives it with the line to keep.
/// Lines by other keys are ignored.
///
/// # Errors
/// [`NoteError`]: no signature lines at all, none by this witness, or a wrong one.
pub fn read_answer(checkpoint: &str, body: &[u8], key: &WitnessKey) -> Result<(Cosignature, String), NoteError> {
    let asked = Note::parse(checkpoint.as_bytes())?;
    let body = std::str::from_utf8(body).map_err(|_| NoteError::Malformed("not UTF-8"))?;
    let answer = Note::parse(format!("{}\n{body}", asked.text()).as_bytes())?;
    // An answer with an empty line in it would have moved where the text ends.
    if answer.text() != asked.text() {
        return Err(NoteError::Malformed("an empty line among the signatures"));
    }
    let Some(cosignature) = cosignature::verify(&answer, key)? else {
        return Err(NoteError::NoKnownSignature { name: key.name().to_owned() });
    };
    let time = cosignature.time_s.to_be_bytes();
    let line = answer.signatures().iter().find(|line| key.made(line) && line.bytes.starts_with(&time));
    let line = line.ok_or_else(|| NoteError::NoKnownSignature { name: key.name().to_owned() })?.line();
    Ok((cosignature, line))
}

/// Reads the body of a 409 with [`SIZE_TYPE`]: the size to prove consistency from.
pub fn read_size(body: &[u8]) -> Option<u64> {
    number(std::str::from_utf8(body).ok()?.strip_suffix('\n')?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosignature::cosign;
    use crate::key::{DeviceKey, NamedKey, Signer};
    use crate::merkle::{consistency_proof, leaf_hash, node_of, root};

    const ORIGIN: &str = "muster.example/d/d1/s/7";

    fn log() -> DeviceKey {
        DeviceKey::from_seed([1; 32])
    }

    fn key() -> NamedKey {
        log().public().named(ORIGIN)
    }

    fn leaves(n: u64) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    fn state(n: u64) -> Option<(u64, Hash)> {
        Some((n, root(&leaves(n))))
    }

    fn checkpoint(n: u64) -> Checkpoint {
        Checkpoint { origin: ORIGIN.into(), size: n, root: root(&leaves(n)) }
    }

    fn request(old: u64, new: u64) -> Request {
        let proof = consistency_proof::<ProofError>(old.min(new), new, node_of(&leaves(new))).unwrap();
        Request { old_size: old, proof, checkpoint: checkpoint(new).sign(&log()) }
    }

    fn refused(request: &Request, known: Option<(u64, Hash)>) -> (u16, String) {
        let refusal = decide(request, known, &key()).unwrap_err();
        (refusal.status(), refusal.to_string())
    }

    #[test]
    fn a_request_comes_back_from_its_text() {
        for (old, new) in [(0, 1), (3, 7), (4, 8), (8, 8), (255, 257)] {
            let request = request(old, new);
            let read = Request::parse(request.text().as_bytes(), MAX_REQUEST).unwrap();
            assert_eq!(read, request);
            assert_eq!(read.origin(), ORIGIN);
            assert_eq!(read.signed_text(), Ok(checkpoint(new).text()));
        }
    }

    #[test]
    fn growth_is_cosigned_from_nothing_from_before_and_again() {
        for (old, known, new) in [(0, None, 0), (0, None, 5), (0, state(0), 5), (3, state(3), 7), (7, state(7), 7)] {
            assert_eq!(decide(&request(old, new), known, &key()), Ok(checkpoint(new)), "{old} {new}");
        }
    }

    #[test]
    fn each_refusal_has_its_status_and_its_words() {
        assert_eq!(refused(&request(8, 7), state(8)), (400, "the old size 8 is above the checkpoint's, 7".into()));
        let stale = "the old size is 3; the newest checkpoint cosigned here has size 5".into();
        assert_eq!(refused(&request(3, 7), state(5)), (409, stale));
        let never = "the old size is 3; the newest checkpoint cosigned here has size 0".into();
        assert_eq!(refused(&request(3, 7), None), (409, never));
        let rolled = "the old size is 4; the newest checkpoint cosigned here has size 7".into();
        assert_eq!(refused(&request(4, 5), state(7)), (409, rolled));

        let fork = "a checkpoint of size 7 with another root was cosigned here: the log is forked".into();
        assert_eq!(refused(&request(7, 7), Some((7, [9; 32]))), (409, fork));
        let other = "the consistency proof does not hold: the proof leads to another root".into();
        assert_eq!(refused(&request(3, 7), Some((3, [9; 32]))), (422, other));
        let mut long = request(7, 7);
        long.proof.push([0; 32]);
        let length = "the consistency proof does not hold: the proof has 1 hashes, not 0".into();
        assert_eq!(refused(&long, state(7)), (422, length));
        let mut from_nothing = request(0, 7);
        from_nothing.proof.push([0; 32]);
        assert_eq!(refused(&from_nothing, None).0, 422);

        let mut stranger = request(3, 7);
        stranger.checkpoint = checkpoint(7).sign(&DeviceKey::from_seed([2; 32]));
        let unsigned = format!("not signed by the log: no signature by {ORIGIN}");
        assert_eq!(refused(&stranger, state(3)), (403, unsigned));
        let mut changed = request(3, 7);
        changed.checkpoint = changed.checkpoint.replace("\n7\n", "\n8\n");
        let wrong = format!("not signed by the log: the signature by {ORIGIN} is wrong");
        assert_eq!(refused(&changed, state(3)), (403, wrong));
        // Who did not sign learns nothing about the log: 403 comes before every answer that has a size in it.
        assert_eq!(refused(&changed, state(9)).0, 403);
        let elsewhere = log().public().named("other.example");
        assert_eq!(decide(&request(3, 7), state(3), &elsewhere).unwrap_err().status(), 403);
        assert_eq!(Refusal::UnknownOrigin { origin: "x".into() }.status(), 404);
    }

    #[test]
    fn a_conflict_alone_answers_with_the_size() {
        let conflict = decide(&request(3, 7), state(5), &key()).unwrap_err();
        assert_eq!((conflict.body().as_str(), conflict.content_type()), ("5\n", "text/x.tlog.size"));
        assert_eq!(read_size(conflict.body().as_bytes()), Some(5));
        let fork = decide(&request(7, 7), Some((7, [9; 32])), &key()).unwrap_err();
        assert_eq!(fork.content_type(), "text/plain; charset=utf-8");
        assert_eq!(read_size(fork.body().as_bytes()), None);
        for bad in ["", "5", "05\n", "+5\n", "5\n\n", "18446744073709551616\n"] {
            assert_eq!(read_size(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn a_malformed_request_is_told_what_is_wrong() {
        let good = request(3, 7).text();
        let hash = good.split('\n').nth(1).unwrap().to_owned();
        let many = |n: usize| format!("old 3\n{}\n{}", format!("{hash}\n").repeat(n), checkpoint(7).sign(&log()));
        for (text, want) in [
            ("".into(), "malformed request: the first line is not `old <size>`"),
            ("old 3".into(), "malformed request: the first line is not `old <size>`"),
            (good.replacen("old ", "new ", 1), "malformed request: the first line is not `old <size>`"),
            (
                good.replacen("old 3", "old 03", 1),
                "malformed request: the old size is no whole number in its shortest form",
            ),
            (
                good.replacen("old 3", "old -3", 1),
                "malformed request: the old size is no whole number in its shortest form",
            ),
            (
                good.replacen("old 3", "old 18446744073709551616", 1),
                "malformed request: the old size is no whole number in its shortest form",
            ),
            ("old 3\nx".into(), "malformed request: no empty line before the checkpoint"),
            (good.replacen(&hash, &hash[..43], 1), "malformed note: a hash is not base64"),
            (good.replacen(&hash, "AAAA", 1), "malformed note: a hash is not 32 bytes"),
            (many(64), "malformed note: more than 63 hashes"),
            (good.trim_end().into(), "malformed note: no newline at the end"),
            (
                good.replacen("\n7\n", "\n07\n", 1),
                "malformed checkpoint: the size is no whole number in its shortest form",
            ),
        ] {
            let refusal = Request::parse(text.as_bytes(), MAX_REQUEST).unwrap_err();
            assert_eq!((refusal.status(), refusal.to_string().as_str()), (400, want), "{text}");
        }
        assert!(Request::parse(many(63).as_bytes(), MAX_REQUEST).is_ok());
        let long = Request::parse(good.as_bytes(), good.len() - 1).unwrap_err();
        assert_eq!((long.status(), long), (400, Refusal::TooLong { max: good.len() - 1 }));
        assert_eq!(Request::parse(b"old \xff\n", MAX_REQUEST), Err(Refusal::Malformed("not UTF-8")));
    }

    #[test]
    fn the_answer_is_the_witness_line_and_no_other() {
        let witness = DeviceKey::from_seed([3; 32]);
        let name = "audit.example/w";
        let trusted = witness.public().witness(name);
        let (asked, text) = (checkpoint(7).sign(&log()), checkpoint(7).text());
        let line = cosign(&text, name, &witness, 9);
        let stranger = cosign(&text, "x.example", &DeviceKey::from_seed([4; 32]), 8);
        let answer = format!("{stranger}{line}");
        let want = Cosignature { name: name.into(), time_s: 9 };
        assert_eq!(read_answer(&asked, answer.as_bytes(), &trusted), Ok((want, line.clone())));

        let missing = Err(NoteError::NoKnownSignature { name: name.into() });
        assert_eq!(read_answer(&asked, stranger.as_bytes(), &trusted), missing);
        let other = cosign(&checkpoint(8).text(), name, &witness, 9);
        let wrong = Err(NoteError::BadSignature { name: name.into() });
        assert_eq!(read_answer(&asked, other.as_bytes(), &trusted), wrong);
        let smuggled = format!("{stranger}\n{line}");
        let broken = Err(NoteError::Malformed("an empty line among the signatures"));
        assert_eq!(read_answer(&asked, smuggled.as_bytes(), &trusted), broken);
        assert!(read_answer(&asked, b"", &trusted).is_err());
    }
}
