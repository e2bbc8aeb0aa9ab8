//! The leaves of the central log: what the bureau did, one canonical line each (see [`crate::line`]).

use crate::error::LineError;
use crate::record::{Taker, Writer};

/// One leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaf {
    /// A final seal was accepted.
    Seal(SealLeaf),
    /// A device was enrolled.
    Enrol(EnrolLeaf),
    /// A device's key counts no longer for sessions above a counter.
    Revoke(RevokeLeaf),
    /// A document is in force or was filed, known by its hash: a policy, a rule set, an import, a claim file.
    Document(DocumentLeaf),
}

/// A final seal was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealLeaf {
    /// Which device.
    pub device: String,
    /// Which session counter.
    pub counter: u64,
    /// The whole seal, a signed note.
    pub seal: String,
    /// When the server received it, RFC 3339 by the server's clock. The proof of time is the checkpoint, not this.
    pub received: String,
}

/// A device was enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolLeaf {
    /// Which device.
    pub device: String,
    /// Its raw Ed25519 key in base64.
    pub key: String,
    /// At which site.
    pub site: String,
    /// Of which institution.
    pub institution: String,
    /// When, by the server's clock.
    pub at: String,
}

/// A device's key counts no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeLeaf {
    /// Which device.
    pub device: String,
    /// The last session counter that still counts.
    pub counter: u64,
    /// Why, in the official's words.
    pub reason: String,
    /// When, by the server's clock.
    pub at: String,
}

/// A document known by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentLeaf {
    /// `policy`, `rules`, `assignment`, `institutions`, `sites`, `classes`, `schedules`, `rosters`, `templates` or `claims`.
    pub what: String,
    /// Its name or version.
    pub name: String,
    /// SHA-256 of its bytes in hex.
    pub sha256: String,
    /// When, by the server's clock.
    pub at: String,
}

impl Leaf {
    /// The leaf's bytes.
    pub fn line(&self) -> Vec<u8> {
        let mut out = Writer::default();
        match self {
            Self::Seal(s) => {
                out.text("kind", "seal").text("device", &s.device).int("counter", s.counter);
                out.text("seal", &s.seal).text("received", &s.received);
            }
            Self::Enrol(e) => {
                out.text("kind", "enrol").text("device", &e.device).text("key", &e.key).text("site", &e.site);
                out.text("institution", &e.institution).text("at", &e.at);
            }
            Self::Revoke(r) => {
                out.text("kind", "revoke").text("device", &r.device).int("counter", r.counter);
                out.text("reason", &r.reason).text("at", &r.at);
            }
            Self::Document(d) => {
                out.text("kind", "document").text("what", &d.what).text("name", &d.name);
                out.text("sha256", &d.sha256).text("at", &d.at);
            }
        }
        crate::line::write(&out.0)
    }

    /// Parses a leaf.
    ///
    /// # Errors
    /// [`LineError`].
    pub fn parse(line: &[u8]) -> Result<Self, LineError> {
        let mut f = Taker(crate::line::parse(line)?);
        let kind = f.text("kind")?;
        let leaf = match kind.as_str() {
            "seal" => Self::Seal(SealLeaf {
                device: f.id("device")?,
                counter: f.at_least("counter", 1)?,
                seal: f.text("seal")?,
                received: f.text("received")?,
            }),
            "enrol" => Self::Enrol(EnrolLeaf {
                device: f.id("device")?,
                key: f.text("key")?,
                site: f.id("site")?,
                institution: f.id("institution")?,
                at: f.text("at")?,
            }),
            "revoke" => Self::Revoke(RevokeLeaf {
                device: f.id("device")?,
                counter: f.int("counter")?,
                reason: f.text("reason")?,
                at: f.text("at")?,
            }),
            "document" => Self::Document(DocumentLeaf {
                what: f.id("what")?,
                name: f.text("name")?,
                sha256: f.hex("sha256", 64)?,
                at: f.text("at")?,
            }),
            _ => return Err(LineError::UnknownKind { kind }),
        };
        match f.0.into_keys().next() {
            Some(field) => Err(LineError::UnknownField { kind, field }),
            None => Ok(leaf),
        }
    }
}
