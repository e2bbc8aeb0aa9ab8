//! Every way in which evidence can be broken, one variant for each rule, so that a test names the exact reason.

use thiserror::Error;

/// A record line that breaks the format. `column` is a byte offset from 0 in the line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LineError {
    /// Longer than [`crate::line::MAX_LINE`].
    #[error("the line is longer than {max} bytes")]
    TooLong {
        /// The limit in bytes.
        max: usize,
    },
    /// Not UTF-8.
    #[error("not UTF-8 at byte {column}")]
    Utf8 {
        /// Where.
        column: usize,
    },
    /// Not the one canonical way to write this value.
    #[error("{what} at byte {column}")]
    Syntax {
        /// What was found or missing.
        what: &'static str,
        /// Where.
        column: usize,
    },
    /// A field the kind does not have.
    #[error("a {kind} record has no field {field:?}")]
    UnknownField {
        /// The record's kind.
        kind: String,
        /// The field.
        field: String,
    },
    /// A field the kind must have.
    #[error("field {field:?} is missing")]
    MissingField {
        /// The field.
        field: &'static str,
    },
    /// A field of the wrong type or outside its range.
    #[error("field {field:?} must be {want}")]
    BadField {
        /// The field.
        field: &'static str,
        /// What it must be.
        want: &'static str,
    },
    /// A `kind` this version does not know.
    #[error("unknown kind {kind:?}")]
    UnknownKind {
        /// What was found.
        kind: String,
    },
}

/// A signed note, checkpoint, proof or tile path that breaks its format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoteError {
    /// Not in the form of `c2sp.org/signed-note`.
    #[error("malformed note: {0}")]
    Malformed(&'static str),
    /// No signature line is by the key asked for.
    #[error("no signature by {name}")]
    NoKnownSignature {
        /// The key's name.
        name: String,
    },
    /// The key's line is there and its signature is wrong.
    #[error("the signature by {name} is wrong")]
    BadSignature {
        /// The key's name.
        name: String,
    },
    /// Under a seal, more than one line by nobody known.
    #[error("{found} signature lines by other keys than {name}'s: a seal may have one")]
    Strangers {
        /// The key's name.
        name: String,
        /// How many there are.
        found: usize,
    },
    /// Not in the form of `c2sp.org/tlog-checkpoint`.
    #[error("malformed checkpoint: {0}")]
    Checkpoint(&'static str),
    /// Not in the form of a device's contact.
    #[error("malformed contact: {0}")]
    Contact(&'static str),
    /// The note is of another log or device.
    #[error("the origin is {found:?}, not {want:?}")]
    Origin {
        /// What the checkpoint says.
        found: String,
        /// What it must say.
        want: String,
    },
    /// Not a verifier or signer key.
    #[error("malformed key: {0}")]
    Key(&'static str),
    /// A witness's key where one that signs notes is needed.
    #[error("the key of {name} is a witness key (type 0x04): it cosigns checkpoints and cannot sign as a log")]
    WitnessKey {
        /// The key's name.
        name: String,
    },
    /// A key that signs notes where a witness's is needed.
    #[error("the key of {name} is a log key (type 0x01): it signs checkpoints and cannot cosign as a witness")]
    LogKey {
        /// The key's name.
        name: String,
    },
}

/// A Merkle proof that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProofError {
    /// The index is not in a tree of that size.
    #[error("index {index} is outside a tree of size {size}")]
    Index {
        /// The leaf's index.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// The older tree is larger than the newer one.
    #[error("a tree of size {old} is no prefix of one of size {new}")]
    Shrinks {
        /// The older size.
        old: u64,
        /// The newer size.
        new: u64,
    },
    /// Too few or too many hashes.
    #[error("the proof has {found} hashes, not {want}")]
    Length {
        /// How many there are.
        found: usize,
        /// How many there must be.
        want: usize,
    },
    /// The hashes do not lead to the root.
    #[error("the proof leads to another root")]
    Root,
}

/// A session log, or its seal, that does not hold. `line` counts from 1, as editors do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LogError {
    /// No records at all.
    #[error("the log is empty")]
    Empty,
    /// The last line has no newline: the file was cut.
    #[error("line {line} is cut short: it has no newline")]
    Cut {
        /// The line.
        line: u64,
    },
    /// One line breaks the format.
    #[error("line {line}: {source}")]
    Line {
        /// The line.
        line: u64,
        /// How.
        source: LineError,
    },
    /// `seq` does not count up by one from 0.
    #[error("line {line}: seq is {found}, not {want}: a record is missing, doubled or out of order")]
    Seq {
        /// The line.
        line: u64,
        /// What the record says.
        found: u64,
        /// What it must say.
        want: u64,
    },
    /// The first record is no `open`, or a later one is.
    #[error("line {line}: `open` is the first record of a log and of no other place")]
    Open {
        /// The line.
        line: u64,
    },
    /// A record after `close`.
    #[error("line {line}: a record after `close`")]
    AfterClose {
        /// The line.
        line: u64,
    },
    /// The last record is no `close`.
    #[error("line {line}: the log does not end with `close`")]
    NotClosed {
        /// The last line.
        line: u64,
    },
    /// `up_ms` went backwards within one boot.
    #[error("line {line}: up_ms goes backwards within one boot")]
    Backwards {
        /// The line.
        line: u64,
    },
    /// `close` counts something else than the log holds.
    #[error("line {line}: `close` counts {field} wrongly")]
    Counts {
        /// The line.
        line: u64,
        /// Which count.
        field: String,
    },
    /// A record points at a record that is not an earlier one of the right kind.
    #[error("line {line}: {field} points at seq {seq}, which is no earlier {want} record of the same trainee")]
    Reference {
        /// The line.
        line: u64,
        /// Which field.
        field: &'static str,
        /// Where it points.
        seq: u64,
        /// What should be there.
        want: &'static str,
    },
    /// The seal is no good note or checkpoint.
    #[error("seal: {0}")]
    Seal(#[from] NoteError),
    /// The seal covers another number of records.
    #[error("the seal covers {sealed} records and the log has {found}")]
    Size {
        /// What the seal says.
        sealed: u64,
        /// What the log has.
        found: u64,
    },
    /// The seal's root is another: some line was changed. Which one, no hash can say.
    #[error("the records do not hash to the sealed root: lines 1 to {found} are not what was sealed")]
    Root {
        /// How many lines there are.
        found: u64,
    },
    /// `open` names another device, counter or key than the seal's.
    #[error("line 1: `open` says {field} {found:?} and the seal {want:?}")]
    Identity {
        /// Which field.
        field: &'static str,
        /// What `open` says.
        found: String,
        /// What the seal says.
        want: String,
    },
}

/// A bundle that cannot be read. What it proves is another question.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BundleError {
    /// Not the one canonical tar that Muster writes.
    #[error("byte {offset}: {what}")]
    Tar {
        /// Where in the file.
        offset: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A part that must be there is not.
    #[error("{0} is missing")]
    Missing(String),
    /// A device has one leaf at least, its enrolment, and 999 at most.
    #[error("{0} leaves about the device's life: a bundle has 1 to 999")]
    Life(usize),
    /// A part that must not be there is.
    #[error("{0:?} does not belong in a bundle")]
    Unknown(String),
}
