//! The audit bundle: one uncompressed `ustar` with everything a verifier needs about one session, and nothing it must trust.
//!
//! There is one way to write a bundle, down to the byte: fixed order, mode 0644, no owner, no time. Reading refuses any
//! other, so no byte of the file is without meaning. (POSIX.1-1988 `ustar`; `tar -xf` opens it.)

use std::collections::BTreeMap;

use crate::error::BundleError;

/// The assignment that the session was held under, as the server sent it to the device.
pub const ASSIGNMENT: &str = "assignment.json";
/// That the beacon in `open` is a prefix of [`RECEIPT`]'s checkpoint; empty where there is no beacon.
pub const BEACON_PROOF: &str = "beacon.consistency";
/// The central log's leaves about the device's contacts since the session before, one a line; mostly empty.
pub const CONTACTS: &str = "contacts.jsonl";
/// The central log's leaf about the seal.
pub const ENTRY: &str = "entry.json";
/// The receipt for that leaf, under the first cosigned checkpoint that covers it: the session was sealed before that.
pub const RECEIPT: &str = "entry.tlog-proof";
/// The session's log, one record a line.
pub const LOG: &str = "log.jsonl";
/// That [`RECEIPT`]'s checkpoint is a prefix of the newest one, which the device's life is proved under.
pub const NEWEST_PROOF: &str = "newest.consistency";
/// The session's final seal.
pub const SEAL: &str = "seal.note";

/// The parts that stand in every bundle once, in their order in the file. After [`CONTACTS`] come the device's leaves,
/// [`life`] and [`life_receipt`] in turn, as many as there are.
pub const PARTS: [&str; 8] = [ASSIGNMENT, BEACON_PROOF, CONTACTS, ENTRY, RECEIPT, LOG, NEWEST_PROOF, SEAL];
/// The most leaves about a device's life in one bundle.
pub const MAX_LIFE: usize = 999;

/// The part with the `n`th leaf about the device's life, from 0.
pub fn life(n: usize) -> String {
    format!("device-{n:03}.json")
}

/// The receipt for that leaf, under the newest cosigned checkpoint: the same for all of them.
pub fn life_receipt(n: usize) -> String {
    format!("device-{n:03}.tlog-proof")
}

/// A bundle's parts; parsed, not verified.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bundle {
    parts: BTreeMap<&'static str, Vec<u8>>,
    life: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Bundle {
    /// Puts one of [`PARTS`]; `None` when no bundle has a part of that name.
    pub fn put(&mut self, name: &str, bytes: Vec<u8>) -> Option<()> {
        let name = PARTS.into_iter().find(|part| *part == name)?;
        self.parts.insert(name, bytes);
        Some(())
    }

    /// Adds a leaf about the device's life, in the central log's order, and its receipt.
    pub fn push_life(&mut self, leaf: Vec<u8>, receipt: Vec<u8>) {
        self.life.push((leaf, receipt));
    }

    /// A part's bytes.
    ///
    /// # Errors
    /// [`BundleError::Missing`].
    pub fn part(&self, name: &'static str) -> Result<&[u8], BundleError> {
        self.parts.get(name).map(Vec::as_slice).ok_or_else(|| BundleError::Missing(name.to_owned()))
    }

    /// The leaves about the device's life with their receipts, in order.
    pub fn life(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.life.iter().map(|(leaf, receipt)| (leaf.as_slice(), receipt.as_slice()))
    }

    /// Writes the file.
    ///
    /// # Errors
    /// [`BundleError::Missing`] when a part is, [`BundleError::Life`] when the device has no leaf or too many.
    pub fn write(&self) -> Result<Vec<u8>, BundleError> {
        if !(1..=MAX_LIFE).contains(&self.life.len()) {
            return Err(BundleError::Life(self.life.len()));
        }
        let mut out = Archive::default();
        for name in PARTS {
            out.put(name, self.part(name)?);
            if name == CONTACTS {
                for (n, (leaf, receipt)) in self.life.iter().enumerate() {
                    out.put(&life(n), leaf);
                    out.put(&life_receipt(n), receipt);
                }
            }
        }
        Ok(out.end())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`BundleError`] for anything that [`Bundle::write`] would not have written.
    pub fn read(bytes: &[u8]) -> Result<Self, BundleError> {
        let mut bundle = Self::default();
        let mut tar = Tar { bytes, at: 0 };
        for name in PARTS {
            bundle.parts.insert(name, tar.part(name)?.to_vec());
            if name == CONTACTS {
                for n in 0..MAX_LIFE {
                    if n > 0 && tar.next_name() != life(n).as_bytes() {
                        break;
                    }
                    bundle.life.push((tar.part(&life(n))?.to_vec(), tar.part(&life_receipt(n))?.to_vec()));
                }
            }
        }
        if bytes[tar.at..] == [0; 2 * BLOCK] {
            Ok(bundle)
        } else {
            Err(BundleError::Tar { offset: tar.at, what: "bytes after the last part" })
        }
    }
}

/// An uncompressed `ustar` as bundles are written, of whatever parts.
#[derive(Debug, Clone, Default)]
pub struct Archive(Vec<u8>);

impl Archive {
    /// Adds a file; of a name above 100 bytes, which is all that the header holds, the rest is cut off.
    pub fn put(&mut self, name: &str, bytes: &[u8]) {
        let name = &name.as_bytes()[..name.len().min(100)];
        self.0.extend_from_slice(&header(name, bytes.len() as u64));
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(BLOCK), 0);
    }

    /// The whole file.
    pub fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 2 * BLOCK, 0);
        self.0
    }
}

struct Tar<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Tar<'a> {
    /// The name in the header that comes next; empty where none does.
    fn next_name(&self) -> &'a [u8] {
        let head = self.bytes.get(self.at..self.at + BLOCK).unwrap_or_default();
        head.split(|b| *b == 0).next().unwrap_or_default()
    }

    /// The part that must come next.
    fn part(&mut self, name: &str) -> Result<&'a [u8], BundleError> {
        let at = self.at;
        let bad = |what| BundleError::Tar { offset: at, what };
        let head = self.bytes.get(at..at + BLOCK).ok_or(bad("the file is cut short"))?;
        let found = self.next_name();
        if found != name.as_bytes() {
            let known = PARTS.iter().any(|part| part.as_bytes() == found) || found.starts_with(b"device-");
            return Err(if known || found.is_empty() {
                BundleError::Missing(name.to_owned())
            } else {
                BundleError::Unknown(String::from_utf8_lossy(found).into_owned())
            });
        }
        let digits = std::str::from_utf8(&head[124..135]).ok().and_then(|t| u64::from_str_radix(t, 8).ok());
        let size = digits.ok_or(bad("a size is not octal"))?;
        if head != header(name.as_bytes(), size) {
            return Err(bad("the header is not written as bundles write it"));
        }
        let start = at + BLOCK;
        let end = usize::try_from(size).ok().and_then(|size| start.checked_add(size));
        let end = end.filter(|end| *end <= self.bytes.len()).ok_or(bad("the file is cut short"))?;
        self.at = end.next_multiple_of(BLOCK);
        let pad =
            self.bytes.get(end..self.at).ok_or(BundleError::Tar { offset: end, what: "the file is cut short" })?;
        if pad.iter().any(|b| *b != 0) {
            return Err(BundleError::Tar { offset: end, what: "bytes between two parts" });
        }
        Ok(&self.bytes[start..end])
    }
}

const BLOCK: usize = 512;

fn header(name: &[u8], size: u64) -> [u8; BLOCK] {
    let mut head = [0; BLOCK];
    let mut put = |at: usize, text: &[u8]| head[at..at + text.len()].copy_from_slice(text);
    put(0, name);
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
