//! Bytes on the wire: how a request is written and how answers are cut out of a stream.
//!
//! GA/T 467-2019, chapter 7.
//!
//! ```text
//! request   AA AA AA 96 69 | LenHi LenLo | CMD PARA [data]      | CHK
//! answer    AA AA AA 96 69 | LenHi LenLo | SW1 SW2 SW3 [data]   | CHK
//! ```
//!
//! `Len` counts everything after itself, `CHK` included. `CHK` is the XOR of every byte after the preamble, the two
//! length bytes included, so the XOR over length, body and `CHK` is zero.
//!
//! The deframer keeps one invariant: between calls it holds less than one largest legal frame, and what it holds
//! begins with a whole or partial preamble. A length from the wire is checked before anything is sized by it.

use std::collections::VecDeque;
use std::fmt;

use super::wipe;

/// Every frame begins with these five bytes.
pub const PREAMBLE: [u8; 5] = [0xAA, 0xAA, 0xAA, 0x96, 0x69];

/// The largest legal `Len`: text, photo and 1024 bytes of fingerprint (`09 0A`).
pub const MAX_LEN: usize = 0x090A;

/// The smallest legal `Len` of an answer: three status bytes and the checksum.
pub const MIN_LEN: usize = 4;

const HEAD: usize = PREAMBLE.len() + 2;
const MAX_FRAME: usize = HEAD + MAX_LEN;

/// Writes one request.
///
/// # Panics
/// If `data` would need a `Len` above [`MAX_LEN`]; requests carry at most a byte or two.
pub fn encode(cmd: u8, para: u8, data: &[u8]) -> Vec<u8> {
    let len = data.len() + 3;
    assert!(len <= MAX_LEN, "request data too long");
    let mut out = Vec::with_capacity(HEAD + len);
    out.extend_from_slice(&PREAMBLE);
    out.extend_from_slice(&[(len >> 8) as u8, len as u8, cmd, para]);
    out.extend_from_slice(data);
    let chk = xor(&out[PREAMBLE.len()..]);
    out.push(chk);
    out
}

fn xor(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |a, b| a ^ b)
}

/// One answer whose checksum is right. May hold a whole card, so it shows nothing and wipes itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    sw: [u8; 3],
    data: Vec<u8>,
}

impl Frame {
    /// The card's own two status bytes; normally zero, worth logging when a step fails, never worth deciding on.
    pub fn sw12(&self) -> [u8; 2] {
        [self.sw[0], self.sw[1]]
    }

    /// The module's status byte.
    pub fn sw3(&self) -> u8 {
        self.sw[2]
    }

    /// What follows the status bytes.
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame {{ sw: {:02X?}, data: {} bytes }}", self.sw, self.data.len())
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        wipe(&mut self.data);
    }
}

/// Why bytes that looked like a frame are none. Carries lengths only, never content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// `Len` is outside [`MIN_LEN`]..=[`MAX_LEN`].
    #[error("frame length {len} is not possible")]
    Length {
        /// The length as sent.
        len: u16,
    },
    /// The checksum does not match.
    #[error("frame of length {len} has a wrong checksum")]
    Checksum {
        /// The length as sent.
        len: u16,
    },
    /// The rest of the frame never came; see [`Deframer::give_up`].
    #[error("frame stopped after {have} of {want} bytes")]
    Truncated {
        /// Bytes that had arrived, preamble included.
        have: usize,
        /// Bytes that were announced, preamble included; 0 if the length itself was missing.
        want: usize,
    },
}

/// Cuts answers out of a byte stream that may start anywhere, carry noise and arrive in any pieces.
pub struct Deframer {
    buf: Box<[u8; MAX_FRAME]>,
    len: usize,
    ready: VecDeque<Result<Frame, FrameError>>,
}

impl Default for Deframer {
    fn default() -> Self {
        Self::new()
    }
}

impl Deframer {
    /// An empty deframer.
    pub fn new() -> Self {
        Self { buf: Box::new([0; MAX_FRAME]), len: 0, ready: VecDeque::new() }
    }

    /// Takes bytes as they arrived. Never fails: what is wrong comes out of [`Deframer::next_frame`] as an error.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let take = bytes.len().min(MAX_FRAME - self.len);
            self.buf[self.len..self.len + take].copy_from_slice(&bytes[..take]);
            self.len += take;
            bytes = &bytes[take..];
            self.scan();
        }
    }

    /// The next frame or error in order of arrival.
    pub fn next_frame(&mut self) -> Option<Result<Frame, FrameError>> {
        self.ready.pop_front()
    }

    /// Whether a frame has begun and not ended.
    pub fn is_partial(&self) -> bool {
        self.len >= PREAMBLE.len()
    }

    /// Stops waiting for the rest of a frame that has begun, and looks for frames inside what it had swallowed.
    ///
    /// For a caller who knows that the line has gone quiet. Does nothing when no frame has begun.
    pub fn give_up(&mut self) {
        while self.is_partial() {
            let want = if self.len >= HEAD { HEAD + self.announced() } else { 0 };
            self.ready.push_back(Err(FrameError::Truncated { have: self.len, want }));
            self.skip(1);
            self.scan();
        }
        self.skip(self.len);
    }

    /// Forgets everything: bytes, frames and errors.
    pub fn reset(&mut self) {
        self.skip(self.len);
        self.ready.clear();
    }

    fn announced(&self) -> usize {
        usize::from(u16::from_be_bytes([self.buf[5], self.buf[6]]))
    }

    fn scan(&mut self) {
        loop {
            let junk = junk_before_preamble(&self.buf[..self.len]);
            self.skip(junk);
            if self.len < HEAD {
                return;
            }
            let len = self.announced();
            if !(MIN_LEN..=MAX_LEN).contains(&len) {
                self.ready.push_back(Err(FrameError::Length { len: len as u16 }));
                self.skip(1);
                continue;
            }
            let end = HEAD + len;
            if self.len < end {
                return;
            }
            if xor(&self.buf[PREAMBLE.len()..end]) == 0 {
                let body = &self.buf[HEAD..end - 1];
                let frame = Frame { sw: [body[0], body[1], body[2]], data: body[3..].to_vec() };
                self.ready.push_back(Ok(frame));
                self.skip(end);
            } else {
                // The length may be what was damaged, so only the first byte is given up: the next good frame may
                // begin anywhere after it.
                self.ready.push_back(Err(FrameError::Checksum { len: len as u16 }));
                self.skip(1);
            }
        }
    }

    fn skip(&mut self, n: usize) {
        self.buf.copy_within(n..self.len, 0);
        let kept = self.len - n;
        wipe(&mut self.buf[kept..self.len]);
        self.len = kept;
    }
}

impl Drop for Deframer {
    fn drop(&mut self) {
        wipe(&mut self.buf[..]);
    }
}

impl fmt::Debug for Deframer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deframer {{ held: {} bytes, ready: {} }}", self.len, self.ready.len())
    }
}

/// How many leading bytes cannot begin a frame. What is left begins with a whole preamble or is a prefix of one.
fn junk_before_preamble(bytes: &[u8]) -> usize {
    (0..bytes.len())
        .find(|&at| {
            let rest = &bytes[at..];
            let n = rest.len().min(PREAMBLE.len());
            rest[..n] == PREAMBLE[..n]
        })
        .unwrap_or(bytes.len())
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
