//! The evidence: a session's log, its seal, the central log's proofs and the auditor's bundle.
//!
//! Everything here is a function from bytes to values or back. There is no I/O, no clock, no randomness and no async:
//! whoever calls brings the bytes, the time and the salt. Formats are those of the C2SP family, unchanged:
//! `signed-note` v1.0.0, `tlog-checkpoint` v1.0.0, `tlog-cosignature` v1.0.1, `tlog-tiles` v0.1.0, `tlog-witness` v1.0.0 and the
//! drafts `tlog-proof` and `tlog-policy`, over the tree of RFC 6962. `FORMAT.md` beside this crate has them byte by byte.
//! In scope are their Ed25519 forms; a signature line in another algorithm is ignored, as the formats ask. Out of
//! scope are checkpoint extension lines, which are refused, and the `extra` line of a receipt.
//!
//! A type stands for a fact. [`session::VerifiedLog`] is made by [`session::verify`] alone, from bytes and a seal that
//! hold; who has one need not ask again.
//!
//! ```
//! use muster_seal::{key::{DeviceKey, Signer}, record::{Body, Close, Open, Stamp}, session::{self, SessionLog}};
//!
//! let key = DeviceKey::from_seed([7; 32]);
//! let stamp = Stamp { wall: "2026-03-02T08:00:00.000+08:00".into(), boot: "0".repeat(32), up_ms: 5, salt: [1; 16] };
//! let open = Open { device: "d1".into(), key: key.public().id(), counter: 1, site: "s1".into(),
//!     class: "c1".into(), session: "1".into(), ..Open::default() };
//! let mut log = SessionLog::default();
//! log.append(stamp.clone(), Body::Open(Box::new(open)))?;
//! log.append(stamp, Body::Close(log.closing("operator")))?;
//! let origin = session::origin("muster.example", "d1", 1);
//! let seal = log.seal(&origin, &key);
//! let verified = session::verify(&log.bytes(), &seal, &origin, &key.public())?;
//! assert_eq!(verified.records().len(), 2);
//! # Ok::<(), muster_seal::error::LogError>(())
//! ```

pub mod bracket;
pub mod bundle;
pub mod central;
pub mod chain;
pub mod checkpoint;
pub mod cosignature;
pub mod error;
pub mod key;
pub mod life;
pub mod line;
pub mod merkle;
pub mod note;
pub mod policy;
pub mod proof;
pub mod record;
pub mod second;
pub mod session;
#[cfg(feature = "sm2")]
pub mod sm2;
pub mod tile;
pub mod time;
pub mod witness;
