//! One session's log: append, seal, verify.
//!
//! [`SessionLog`] is the writer's side in memory: whoever stores lines elsewhere keeps a [`Check`] and an
//! [`Edge`] beside them and uses [`seal_at`]. [`verify`] is the reader's side and the only maker of a [`VerifiedLog`].

use std::collections::BTreeMap;

use crate::checkpoint::Checkpoint;
use crate::error::{LogError, NoteError};
use crate::key::{PublicKey, Signer, Verifier};
use crate::merkle::{Edge, Hash, leaf_hash};
use crate::note::Note;
use crate::record::{Body, Close, Open, Record, Stamp};

/// The origin of a session's seal: `<bureau domain>/d/<device>/s/<counter>`.
pub fn origin(domain: &str, device: &str, counter: u64) -> String {
    format!("{domain}/d/{device}/s/{counter}")
}

/// What `close` counts, kept while records come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    kinds: BTreeMap<String, u64>,
    readers: BTreeMap<String, u64>,
    reasons: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts one record.
    pub fn add(&mut self, body: &Body) {
        add_one(&mut self.kinds, body.kind());
        let (map, key) = match body {
            Body::Card(card) => (&mut self.readers, &card.reader),
            Body::Stranger(stranger) => (&mut self.readers, &stranger.reader),
            Body::Manual(manual) => (&mut self.reasons, &manual.reason),
            _ => return,
        };
        add_one(map, key);
    }

    /// The `close` record's body for what was counted.
    pub fn close(&self, reason: &str) -> Close {
        let (kinds, readers, reasons) = (self.kinds.clone(), self.readers.clone(), self.reasons.clone());
        Close { reason: reason.to_owned(), kinds, readers, reasons }
    }
}

fn add_one(map: &mut BTreeMap<String, u64>, key: &str) {
    match map.get_mut(key) {
        Some(n) => *n += 1,
        None => drop(map.insert(key.to_owned(), 1)),
    }
}

/// Signs the checkpoint of a session's tree as it stands: the seal.
pub fn seal_at(origin: &str, edge: &Edge, key: &impl Signer) -> String {
    Checkpoint { origin: origin.to_owned(), size: edge.size(), root: edge.root() }.sign(key)
}

/// A log in memory, being written.
#[derive(Debug, Clone, Default)]
pub struct SessionLog {
    lines: Vec<Vec<u8>>,
    edge: Edge,
    check: Check,
}

impl SessionLog {
    /// Appends a record and gives its line.
    ///
    /// # Errors
    /// [`LogError`] when the record may not stand there; the log is unchanged then.
    pub fn append(&mut self, stamp: Stamp, body: Body) -> Result<&[u8], LogError> {
        let record = Record { seq: self.edge.size(), stamp, body };
        let line = self.check.admit(&record)?;
        self.edge.push(leaf_hash(&line));
        self.lines.push(line);
        Ok(self.lines.last().map_or(&[], Vec::as_slice))
    }

    /// The body that `close` must have now.
    pub fn closing(&self, reason: &str) -> Close {
        self.check.closing(reason)
    }

    /// The tree's right edge.
    pub fn edge(&self) -> &Edge {
        &self.edge
    }

    /// All lines, each with its newline.
    pub fn bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect()
    }

    /// Seals the log as it stands.
    pub fn seal(&self, origin: &str, key: &impl Signer) -> String {
        seal_at(origin, &self.edge, key)
    }
}

/// The rules that hold from record to record.
#[derive(Debug, Clone, Default)]
pub struct Check {
    next: u64,
    closed: bool,
    boot: String,
    up_ms: u64,
    tally: Tally,
    // What later records may point at: whose card and whose face stood at a seq.
    taps: BTreeMap<u64, String>,
    faces: BTreeMap<u64, (u64, String)>,
}

impl Check {
    /// Takes the next record.
    ///
    /// # Errors
    /// [`LogError`] with the line, when the record may not stand here; the check is unchanged then.
    pub fn next(&mut self, record: &Record) -> Result<(), LogError> {
        let line = self.next + 1;
        if record.seq != self.next {
            return Err(LogError::Seq { line, found: record.seq, want: self.next });
        }
        if self.closed {
            return Err(LogError::AfterClose { line });
        }
        if matches!(record.body, Body::Open(_)) != (self.next == 0) {
            return Err(LogError::Open { line });
        }
        if record.stamp.boot == self.boot && record.stamp.up_ms < self.up_ms {
            return Err(LogError::Backwards { line });
        }
        self.references(line, &record.body)?;
        match &record.body {
            Body::Close(close) => {
                self.counts(line, close)?;
                self.closed = true;
            }
            Body::Card(card) => {
                self.taps.insert(record.seq, card.trainee.clone());
            }
            Body::Face(face) => {
                self.faces.insert(record.seq, (face.tap, face.trainee.clone()));
            }
            _ => {}
        }
        self.tally.add(&record.body);
        self.boot.clone_from(&record.stamp.boot);
        self.up_ms = record.stamp.up_ms;
        self.next += 1;
        Ok(())
    }

    /// Takes the next record from a writer and gives its line, which parses: nothing is written that could not be read.
    ///
    /// # Errors
    /// [`LogError`], as [`Check::next`], and for a field outside its range; the check is unchanged then.
    pub fn admit(&mut self, record: &Record) -> Result<Vec<u8>, LogError> {
        let line = record.line();
        Record::parse(&line).map_err(|source| LogError::Line { line: self.next + 1, source })?;
        self.next(record)?;
        Ok(line)
    }

    /// The body that `close` must have now.
    pub fn closing(&self, reason: &str) -> Close {
        self.tally.close(reason)
    }

    /// Is the last record `close`?
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    fn references(&self, line: u64, body: &Body) -> Result<(), LogError> {
        let (tap, face, trainee) = match body {
            Body::Face(face) => (face.tap, None, &face.trainee),
            Body::Present(present) => (present.tap, present.face, &present.trainee),
            _ => return Ok(()),
        };
        if self.taps.get(&tap) != Some(trainee) {
            return Err(LogError::Reference { line, field: "tap", seq: tap, want: "card" });
        }
        match face {
            Some(seq) if self.faces.get(&seq).is_none_or(|(at, whose)| *at != tap || whose != trainee) => {
                Err(LogError::Reference { line, field: "face", seq, want: "face" })
            }
            _ => Ok(()),
        }
    }

    fn counts(&self, line: u64, close: &Close) -> Result<(), LogError> {
        let wrong = |field: &str| Err(LogError::Counts { line, field: field.to_owned() });
        match self.tally.close(&close.reason) {
            want if want.kinds != close.kinds => wrong("kinds"),
            want if want.readers != close.readers => wrong("readers"),
            want if want.reasons != close.reasons => wrong("reasons"),
            _ => Ok(()),
        }
    }
}

/// A log whose every line is well-formed and in order; no seal was looked at yet.
#[derive(Debug, Clone)]
pub struct ParsedLog {
    records: Vec<Record>,
    leaves: Vec<Hash>,
    edge: Edge,
    closed: bool,
}

impl ParsedLog {
    /// The records, in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The leaf hashes, in order.
    pub fn leaves(&self) -> &[Hash] {
        &self.leaves
    }

    /// Is the last record `close`?
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The first record's body.
    pub fn open(&self) -> &Open {
        match self.records.first().map(|r| &r.body) {
            Some(Body::Open(open)) => open,
            _ => unreachable!("`parse` lets no log through that does not begin with `open`"),
        }
    }

    /// Checks a seal that covers the whole of these lines, closed or not.
    ///
    /// # Errors
    /// [`LogError`]: the seal itself, its size or root, or who `open` says made the log.
    pub fn check_seal(&self, seal: &str, origin: &str, key: &PublicKey) -> Result<Checkpoint, LogError> {
        let name = key.named(origin);
        let checkpoint = Checkpoint::open(seal.as_bytes(), &name)?;
        // One more line may stand there: the device's second one, in an algorithm that not every reader knows.
        let note = Note::parse(seal.as_bytes())?;
        let strangers = note.signatures().iter().filter(|line| line.name != origin || line.id != name.id()).count();
        if strangers > 1 {
            return Err(NoteError::Strangers { name: origin.to_owned(), found: strangers }.into());
        }
        let found = self.edge.size();
        if checkpoint.size != found {
            return Err(LogError::Size { sealed: checkpoint.size, found });
        }
        if checkpoint.root != self.edge.root() {
            return Err(LogError::Root { found });
        }
        let open = self.open();
        if open.key != key.id() {
            return Err(LogError::Identity { field: "key", found: open.key.clone(), want: key.id() });
        }
        let tail = format!("/d/{}/s/{}", open.device, open.counter);
        if !origin.ends_with(&tail) {
            return Err(LogError::Identity { field: "device and counter", found: tail, want: origin.to_owned() });
        }
        Ok(checkpoint)
    }
}

/// Parses the lines of a log, closed or still growing.
///
/// # Errors
/// [`LogError`] with the line at fault.
pub fn parse(bytes: &[u8]) -> Result<ParsedLog, LogError> {
    if bytes.is_empty() {
        return Err(LogError::Empty);
    }
    let (mut check, mut edge) = (Check::default(), Edge::default());
    let (mut records, mut leaves) = (Vec::new(), Vec::new());
    for (i, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
        let number = i as u64 + 1;
        let line = line.strip_suffix(b"\n").ok_or(LogError::Cut { line: number })?;
        let record = Record::parse(line).map_err(|source| LogError::Line { line: number, source })?;
        check.next(&record)?;
        let hash = leaf_hash(line);
        edge.push(hash);
        leaves.push(hash);
        records.push(record);
    }
    Ok(ParsedLog { records, leaves, edge, closed: check.closed })
}

/// A closed log whose final seal holds. Made by [`verify`] alone.
#[derive(Debug, Clone)]
pub struct VerifiedLog {
    log: ParsedLog,
    seal: Checkpoint,
}

impl VerifiedLog {
    /// The records, in order.
    pub fn records(&self) -> &[Record] {
        &self.log.records
    }

    /// The leaf hashes, in order.
    pub fn leaves(&self) -> &[Hash] {
        &self.log.leaves
    }

    /// The first record's body.
    pub fn open(&self) -> &Open {
        self.log.open()
    }

    /// What the final seal says.
    pub fn seal(&self) -> &Checkpoint {
        &self.seal
    }
}

/// Verifies a closed log against its final seal, for the device whose key and origin the caller knows.
///
/// # Errors
/// [`LogError`], the first that holds: a line, the order, the missing close, the seal.
pub fn verify(bytes: &[u8], seal: &str, origin: &str, key: &PublicKey) -> Result<VerifiedLog, LogError> {
    let log = parse(bytes)?;
    if !log.closed {
        return Err(LogError::NotClosed { line: log.records.len() as u64 });
    }
    let seal = log.check_seal(seal, origin, key)?;
    Ok(VerifiedLog { log, seal })
}
