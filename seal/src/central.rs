//! The leaves of the central log: what the bureau did, one canonical line each (see [`crate::line`]).

use crate::error::LineError;
use crate::record::{Taker, Writer};
use crate::second;

/// One leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaf {
    /// A final seal was accepted.
    Seal(SealLeaf),
    /// A device was enrolled.
    Enrol(EnrolLeaf),
    /// A device's key counts no longer for sessions above a counter.
    Revoke(RevokeLeaf),
    /// A device signs with another key from a counter on.
    Rotate(RotateLeaf),
    /// A device takes the place of one whose disk was lost, which ends at a counter.
    Replace(ReplaceLeaf),
    /// A device was heard of between two sessions: see [`crate::chain::Contact`].
    Contact(ContactLeaf),
    /// A document is in force or was filed, known by its hash: a policy, a rule set, an import, a claim file.
    Document(DocumentLeaf),
    /// What an official decided on a finding.
    Disposition(DispositionLeaf),
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
    /// Its SM2 key, the 65 bytes of the point in base64, where the deployment has the profile `sm2-sm3`.
    pub sm2: Option<String>,
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
    /// Why, as an id: `lost`, `stolen`, `misused`… The official's words stay in the bureau's store: this log is public.
    pub reason: String,
    /// When, by the server's clock.
    pub at: String,
}

/// A device signs with another key from a counter on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotateLeaf {
    /// Which device.
    pub device: String,
    /// The last session counter that the key before signs.
    pub counter: u64,
    /// The new raw Ed25519 key in base64.
    pub key: String,
    /// Signature by the key before over [`RotateLeaf::message`], in base64.
    pub by_old: String,
    /// Signature by the new key over the same, in base64.
    pub by_new: String,
    /// The SM2 key that goes with the new one, where the device has the profile `sm2-sm3`.
    pub sm2: Option<RotateSm2>,
    /// When, by the server's clock.
    pub at: String,
}

/// The SM2 half of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotateSm2 {
    /// The new key, the 65 bytes of the point in base64.
    pub key: String,
    /// Signature by the SM2 key before over [`RotateLeaf::message`], DER in base64; where there was none, none.
    pub by_old: Option<String>,
    /// Signature by the new SM2 key over the same.
    pub by_new: String,
}

impl RotateLeaf {
    /// What all keys of this rotation sign.
    pub fn message(&self) -> Vec<u8> {
        match &self.sm2 {
            Some(sm2) => second::rotate_message(&self.device, self.counter, &self.key, &sm2.key).into_bytes(),
            None => rotate_message(&self.device, self.counter, &self.key),
        }
    }
}

/// What both keys of a rotation sign where it gives an Ed25519 key alone.
pub fn rotate_message(device: &str, counter: u64, key: &str) -> Vec<u8> {
    format!("muster-rotate/v1\n{device}\n{counter}\n{key}\n").into_bytes()
}

/// A device takes the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplaceLeaf {
    /// The new device, enrolled just before.
    pub device: String,
    /// The device that ends.
    pub old: String,
    /// The last session counter of the old one that still counts.
    pub counter: u64,
    /// Why, as an id: `lost`, `stolen`, `misused`… The official's words stay in the bureau's store: this log is public.
    pub reason: String,
    /// When, by the server's clock.
    pub at: String,
}

/// A device was heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactLeaf {
    /// Which device.
    pub device: String,
    /// Which counter it used up.
    pub counter: u64,
    /// The whole contact, a signed note.
    pub note: String,
    /// When the server received it, by its clock.
    pub received: String,
}

/// What an official decided. Names and words stay in the bureau's store; the leaf binds them by a salted hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DispositionLeaf {
    /// The finding's id: `<rule>/<class>/<trainee or ->`.
    pub finding: String,
    /// `uphold`, `dismiss` or `investigate`.
    pub decision: String,
    /// Who decided, by the bureau's opaque id for the official.
    pub by: String,
    /// SHA-256, in hex, of the salted reason as the store keeps it.
    pub reason_sha256: String,
    /// When, by the server's clock.
    pub at: String,
}

/// A document known by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentLeaf {
    /// `policy`, `rules`, `witnesses`, `signatures`, `assignment`, `institutions`, `sites`, `classes`, `schedules`, `rosters`, `templates`,
    /// `claims`, `calendar`, `decisions` or `table`.
    pub what: String,
    /// Its name or version; of a table its name, of other imports nothing.
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
                if let Some(sm2) = &e.sm2 {
                    out.text("sm2", sm2);
                }
            }
            Self::Revoke(r) => {
                out.text("kind", "revoke").text("device", &r.device).int("counter", r.counter);
                out.text("reason", &r.reason).text("at", &r.at);
            }
            Self::Rotate(r) => {
                out.text("kind", "rotate").text("device", &r.device).int("counter", r.counter).text("key", &r.key);
                out.text("by_old", &r.by_old).text("by_new", &r.by_new).text("at", &r.at);
                if let Some(sm2) = &r.sm2 {
                    out.text("sm2", &sm2.key).text("sm2_by_new", &sm2.by_new);
                    if let Some(by_old) = &sm2.by_old {
                        out.text("sm2_by_old", by_old);
                    }
                }
            }
            Self::Replace(r) => {
                out.text("kind", "replace").text("device", &r.device).text("old", &r.old).int("counter", r.counter);
                out.text("reason", &r.reason).text("at", &r.at);
            }
            Self::Contact(c) => {
                out.text("kind", "contact").text("device", &c.device).int("counter", c.counter);
                out.text("note", &c.note).text("received", &c.received);
            }
            Self::Disposition(d) => {
                out.text("kind", "disposition").text("finding", &d.finding).text("decision", &d.decision);
                out.text("by", &d.by).text("reason_sha256", &d.reason_sha256).text("at", &d.at);
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
                sm2: f.text_if_there("sm2")?,
                at: f.text("at")?,
            }),
            "revoke" => Self::Revoke(RevokeLeaf {
                device: f.id("device")?,
                counter: f.int("counter")?,
                reason: f.id("reason")?,
                at: f.text("at")?,
            }),
            "rotate" => Self::Rotate(RotateLeaf {
                device: f.id("device")?,
                counter: f.int("counter")?,
                key: f.text("key")?,
                by_old: f.text("by_old")?,
                by_new: f.text("by_new")?,
                sm2: match f.text_if_there("sm2")? {
                    Some(key) => {
                        Some(RotateSm2 { key, by_old: f.text_if_there("sm2_by_old")?, by_new: f.text("sm2_by_new")? })
                    }
                    None => None,
                },
                at: f.text("at")?,
            }),
            "replace" => Self::Replace(ReplaceLeaf {
                device: f.id("device")?,
                old: f.id("old")?,
                counter: f.int("counter")?,
                reason: f.id("reason")?,
                at: f.text("at")?,
            }),
            "contact" => Self::Contact(ContactLeaf {
                device: f.id("device")?,
                counter: f.at_least("counter", 1)?,
                note: f.text("note")?,
                received: f.text("received")?,
            }),
            "disposition" => Self::Disposition(DispositionLeaf {
                finding: f.text("finding")?,
                decision: f.one_of(
                    "decision",
                    &["uphold", "dismiss", "investigate"],
                    "uphold, dismiss or investigate",
                )?,
                by: f.id("by")?,
                reason_sha256: f.hex("reason_sha256", 64)?,
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
