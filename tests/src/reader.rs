//! A simulated SAM module: it speaks the protocol of GA/T 467 on a real pseudo-terminal, written from the protocol's
//! description and not from the agent's code.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::card::Person;
use crate::pty::Pty;

/// What goes wrong with the next reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The card is gone before the read is done: status 41.
    PulledMidRead,
    /// One answer to read has a wrong checksum.
    BadChecksum,
    /// Noise before the answer, with the beginning of a preamble in it.
    Noise,
    /// The answer comes in pieces of so many bytes.
    Split(usize),
    /// The answer to find comes twice in one piece: a late one and the one asked for.
    Merged,
    /// The module thinks for so long before it answers.
    Slow(Duration),
    /// Read is answered with this status.
    Status(u8),
    /// No answer at all.
    Silent,
}

#[derive(Debug, Default)]
struct State {
    card: Option<Person>,
    selected: bool,
    found: bool,
    // So many reads are done, and how many are to go wrong.
    faults: Vec<Fault>,
    reads: u64,
    nothings: u64,
    read_since_placed: bool,
    hides_read_card: bool,
}

/// A module on a pseudo-terminal.
#[derive(Debug)]
pub struct SimReader {
    link: PathBuf,
    state: Arc<Mutex<State>>,
    run: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl SimReader {
    /// Plugs a module in at a path.
    ///
    /// # Errors
    /// When the system gives no pseudo-terminal.
    pub fn start(link: &Path) -> io::Result<Self> {
        let mut reader = Self { link: link.to_owned(), state: Arc::default(), run: None };
        reader.plug()?;
        Ok(reader)
    }

    /// Puts the cable back.
    ///
    /// # Errors
    /// When the system gives no pseudo-terminal.
    pub fn plug(&mut self) -> io::Result<()> {
        let (pty, state, stop) = (Pty::plug(&self.link)?, self.state.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let _ = serve(&pty, &state, &stopped);
        });
        self.run = Some((stop, thread));
        Ok(())
    }

    /// Pulls the cable.
    pub fn unplug(&mut self) {
        if let Some((stop, thread)) = self.run.take() {
            stop.store(true, Ordering::Relaxed);
            let _ = thread.join();
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Puts a card down.
    pub fn place(&self, person: &Person) {
        self.with(|s| {
            s.card = Some(person.clone());
            (s.found, s.selected, s.read_since_placed) = (false, false, false);
        });
    }

    /// Lifts the card.
    pub fn lift(&self) {
        self.with(|s| s.card = None);
    }

    /// Lets the next things go wrong, in this order.
    pub fn fail(&self, faults: &[Fault]) {
        self.with(|s| s.faults = faults.to_vec());
    }

    /// Shall find answer "no card" for a card that was read and still lies there? Readers differ.
    pub fn hide_read_card(&self, hides: bool) {
        self.with(|s| s.hides_read_card = hides);
    }

    /// How many times find was answered with "no card".
    pub fn nothings(&self) -> u64 {
        self.with(|s| s.nothings)
    }

    /// How many cards were read.
    pub fn reads(&self) -> u64 {
        self.with(|s| s.reads)
    }
}

impl Drop for SimReader {
    fn drop(&mut self) {
        self.unplug();
    }
}

fn serve(pty: &Pty, state: &Mutex<State>, stop: &AtomicBool) -> io::Result<()> {
    let mut master = &pty.master;
    let (mut inbox, mut buffer) = (Vec::new(), [0; 256]);
    while !stop.load(Ordering::Relaxed) {
        let mut ready = [PollFd::new(pty.master.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ready, PollTimeout::from(20u8))? == 0 {
            continue;
        }
        let n = master.read(&mut buffer)?;
        inbox.extend_from_slice(&buffer[..n]);
        while let Some((cmd, para)) = request(&mut inbox) {
            answer(&mut master, state, cmd, para)?;
        }
    }
    Ok(())
}

/// Cuts one request out of what came.
fn request(inbox: &mut Vec<u8>) -> Option<(u8, u8)> {
    let at = inbox.windows(5).position(|w| w == [0xAA, 0xAA, 0xAA, 0x96, 0x69])?;
    inbox.drain(..at);
    let length = usize::from(u16::from_be_bytes([*inbox.get(5)?, *inbox.get(6)?]));
    if inbox.len() < 7 + length {
        return None;
    }
    let frame: Vec<u8> = inbox.drain(..7 + length).collect();
    let sum = frame[5..].iter().fold(0, |sum, b| sum ^ b);
    (length >= 3 && sum == 0).then(|| (frame[7], frame[8]))
}

fn frame(sw3: u8, data: &[u8]) -> Vec<u8> {
    let length = (data.len() + 4) as u16;
    let mut out = vec![0xAA, 0xAA, 0xAA, 0x96, 0x69];
    out.extend(length.to_be_bytes());
    out.extend([0, 0, sw3]);
    out.extend(data);
    out.push(out[5..].iter().fold(0, |sum, b| sum ^ b));
    out
}

fn answer(out: &mut impl Write, state: &Mutex<State>, cmd: u8, para: u8) -> io::Result<()> {
    let (bytes, fault) = {
        let mut s = state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let s = &mut *s;
        let first = s.faults.first().cloned();
        // Faults of one kind strike at read, others at find; none at an empty reader's polling.
        let strikes = |f: &Fault| match f {
            Fault::Silent | Fault::Slow(_) => s.card.is_some() || *f == Fault::Silent,
            Fault::Merged => (cmd, para) == (0x20, 0x01) && s.card.is_some(),
            _ => (cmd, para) == (0x30, 0x01),
        };
        let fault = first.filter(strikes);
        if fault.is_some() {
            s.faults.remove(0);
        }
        let bytes = match (cmd, para) {
            (0x10 | 0x11, 0xFF) => frame(0x90, &[]),
            (0x12, 0xFF) => frame(0x90, &[5, 0, 1, 0, 0x1B, 0xA5, 0x34, 1, 7, 0, 0, 0, 9, 0, 0, 0]),
            (0x20, 0x01) => {
                s.found = s.card.is_some() && !(s.hides_read_card && s.read_since_placed);
                s.nothings += u64::from(!s.found);
                if s.found { frame(0x9F, &[0; 4]) } else { frame(0x80, &[]) }
            }
            (0x20, 0x02) => {
                s.selected = s.found && s.card.is_some();
                if s.selected { frame(0x90, &[0; 8]) } else { frame(0x81, &[]) }
            }
            (0x30, 0x01) => match (&fault, &s.card) {
                (Some(Fault::PulledMidRead), _) => {
                    (s.card, s.selected) = (None, false);
                    frame(0x41, &[])
                }
                (Some(Fault::Status(status)), _) => frame(*status, &[]),
                (_, Some(person)) if s.selected => {
                    (s.found, s.selected, s.read_since_placed) = (false, false, true);
                    s.reads += 1;
                    frame(0x90, &person.answer())
                }
                _ => frame(0x41, &[]),
            },
            _ => frame(0x21, &[]),
        };
        (bytes, fault)
    };
    match fault {
        Some(Fault::Silent) => Ok(()),
        Some(Fault::BadChecksum) => {
            let mut bytes = bytes;
            if let Some(last) = bytes.last_mut() {
                *last ^= 0x55;
            }
            // The card can be read again: it is still selected for the module.
            if let Ok(mut s) = state.lock() {
                (s.found, s.selected, s.read_since_placed) = (true, true, false);
            }
            out.write_all(&bytes)
        }
        Some(Fault::Noise) => {
            out.write_all(&[0x00, 0xAA, 0xAA, 0xFF, 0xAA])?;
            out.write_all(&bytes)
        }
        Some(Fault::Merged) => out.write_all(&[bytes.clone(), bytes].concat()),
        Some(Fault::Slow(pause)) => {
            std::thread::sleep(pause);
            out.write_all(&bytes)
        }
        Some(Fault::Split(size)) => bytes.chunks(size).try_for_each(|piece| {
            std::thread::sleep(Duration::from_millis(2));
            out.write_all(piece)
        }),
        _ => out.write_all(&bytes),
    }
}
