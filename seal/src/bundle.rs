//! The audit bundle: one uncompressed `ustar` with everything a verifier needs about one session, and nothing it must trust.
//!
//! There is one way to write a bundle, down to the byte: fixed order, mode 0644, no owner, no time. Reading refuses any
//! other, so no byte of the file is without meaning. (POSIX.1-1988 `ustar`; `tar -xf` opens it.)

use std::collections::BTreeMap;

use crate::error::BundleError;

/// The session's log, one record a line.
pub const LOG: &str = "log.jsonl";
/// The session's final seal.
pub const SEAL: &str = "seal.note";
/// The assignment that the session was held under, as the server sent it to the device.
pub const ASSIGNMENT: &str = "assignment.json";
/// The central log's leaf about the seal.
pub const ENTRY: &str = "entry.json";
/// The receipt for that leaf.
pub const RECEIPT: &str = "entry.tlog-proof";
/// The central log's leaf about the device.
pub const ENROL: &str = "enrol.json";
/// The receipt for that leaf, under the same checkpoint as [`RECEIPT`].
pub const ENROL_RECEIPT: &str = "enrol.tlog-proof";
/// That the beacon in `open` is a prefix of the receipt's checkpoint; empty where there is no beacon.
pub const BEACON_PROOF: &str = "beacon.consistency";

/// All parts, in their order in the file.
pub const PARTS: [&str; 8] = [ASSIGNMENT, BEACON_PROOF, ENROL, ENROL_RECEIPT, ENTRY, RECEIPT, LOG, SEAL];

/// A bundle's parts by name; parsed, not verified.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bundle {
    parts: BTreeMap<&'static str, Vec<u8>>,
}

impl Bundle {
    /// Puts a part; `None` when no bundle has a part of that name.
    pub fn put(&mut self, name: &str, bytes: Vec<u8>) -> Option<()> {
        let name = PARTS.into_iter().find(|part| *part == name)?;
        self.parts.insert(name, bytes);
        Some(())
    }

    /// A part's bytes.
    ///
    /// # Errors
    /// [`BundleError::Missing`].
    pub fn part(&self, name: &'static str) -> Result<&[u8], BundleError> {
        self.parts.get(name).map(Vec::as_slice).ok_or(BundleError::Missing(name))
    }

    /// Writes the file.
    ///
    /// # Errors
    /// [`BundleError::Missing`] when a part is.
    pub fn write(&self) -> Result<Vec<u8>, BundleError> {
        let mut out = Vec::new();
        for name in PARTS {
            let bytes = self.part(name)?;
            out.extend_from_slice(&header(name, bytes.len() as u64));
            out.extend_from_slice(bytes);
            out.resize(out.len().next_multiple_of(BLOCK), 0);
        }
        out.resize(out.len() + 2 * BLOCK, 0);
        Ok(out)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`BundleError`] for anything that [`Bundle::write`] would not have written.
    pub fn read(bytes: &[u8]) -> Result<Self, BundleError> {
        let mut bundle = Self::default();
        let mut at = 0;
        for name in PARTS {
            let bad = |what| BundleError::Tar { offset: at, what };
            let head = bytes.get(at..at + BLOCK).ok_or(bad("the file is cut short"))?;
            let found = head.split(|b| *b == 0).next().unwrap_or_default();
            if found != name.as_bytes() {
                let known = PARTS.iter().any(|part| part.as_bytes() == found);
                let found = String::from_utf8_lossy(found).into_owned();
                return Err(if known || found.is_empty() {
                    BundleError::Missing(name)
                } else {
                    BundleError::Unknown(found)
                });
            }
            let digits = std::str::from_utf8(&head[124..135]).ok().and_then(|t| u64::from_str_radix(t, 8).ok());
            let size = digits.ok_or(bad("a size is not octal"))?;
            if head != header(name, size) {
                return Err(bad("the header is not written as bundles write it"));
            }
            let start = at + BLOCK;
            let end = usize::try_from(size).ok().and_then(|size| start.checked_add(size));
            let end = end.filter(|end| *end <= bytes.len()).ok_or(bad("the file is cut short"))?;
            at = end.next_multiple_of(BLOCK);
            let pad = bytes.get(end..at).ok_or(BundleError::Tar { offset: end, what: "the file is cut short" })?;
            if pad.iter().any(|b| *b != 0) {
                return Err(BundleError::Tar { offset: end, what: "bytes between two parts" });
            }
            bundle.parts.insert(name, bytes[start..end].to_vec());
        }
        if bytes[at..] == [0; 2 * BLOCK] {
            Ok(bundle)
        } else {
            Err(BundleError::Tar { offset: at, what: "bytes after the last part" })
        }
    }
}

const BLOCK: usize = 512;

fn header(name: &str, size: u64) -> [u8; BLOCK] {
    let mut head = [0; BLOCK];
    let mut put = |at: usize, text: &[u8]| head[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = head.iter().map(|b| u32::from(*b)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    head
}
