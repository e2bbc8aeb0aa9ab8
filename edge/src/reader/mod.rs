//! Card readers: a thread for each keeps the port open, asks, and sends on what it saw.
//!
//! Bytes are apart from transport, and transport from supervision: [`sam`] knows no port, [`transport`] no card.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub mod profile;
pub mod sam;
pub mod transport;

use profile::ReaderProfile;
use sam::card::Card;
use sam::exchange::{Action, Exchange, Happening, ReadFailure};
use sam::frame::Deframer;
use transport::{Port, PortError};

/// What a reader saw.
#[derive(Debug)]
pub enum ReaderEvent {
    /// It works, for the first time or again; its module's number, where it told it.
    Up {
        /// Which reader.
        reader: String,
        /// The module's number in hex.
        sam_id: Option<String>,
    },
    /// It stopped working. Said once.
    Down {
        /// Which reader.
        reader: String,
        /// Why.
        reason: DownReason,
    },
    /// A card was put down.
    Card {
        /// Which reader.
        reader: String,
        /// The card.
        card: Box<Card>,
        /// When the last byte of its frame came.
        at: Instant,
    },
    /// A card could not be read.
    ReadFailed {
        /// Which reader.
        reader: String,
        /// Why.
        why: ReadFailure,
    },
}

/// Why a reader does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DownReason {
    /// There is no such port.
    NotFound,
    /// The port may not be opened.
    NoPermission,
    /// The cable was pulled.
    Unplugged,
    /// The module does not answer.
    Silent,
    /// The module says that it is broken.
    Fault,
}

impl DownReason {
    /// As records and the kiosk's catalogue name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::NoPermission => "no-permission",
            Self::Unplugged => "unplugged",
            Self::Silent => "silent",
            Self::Fault => "fault",
        }
    }
}

impl From<PortError> for DownReason {
    fn from(error: PortError) -> Self {
        match error {
            PortError::NotFound => Self::NotFound,
            PortError::NoPermission | PortError::Busy => Self::NoPermission,
            PortError::Unplugged => Self::Unplugged,
        }
    }
}

/// A reader's thread; it ends when this is dropped.
#[derive(Debug)]
pub struct ReaderHandle {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for ReaderHandle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The longest pause between two tries to open a port.
const REOPEN_MAX: Duration = Duration::from_secs(3);

/// Watches a reader until the handle is dropped. `out` gets a [`ReaderEvent`] made by `wrap`.
pub fn spawn<T: Send + 'static>(
    name: String,
    path: String,
    profile: ReaderProfile,
    out: Sender<T>,
    wrap: impl Fn(ReaderEvent) -> T + Send + 'static,
) -> ReaderHandle {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let thread = std::thread::spawn(move || {
        let mut watch = Watch { name, down: None, send: &|event| out.send(wrap(event)).is_ok() };
        let mut pause = Duration::from_millis(200);
        while !stopped.load(Ordering::Relaxed) {
            let ended = match Port::open(&path, profile.baud) {
                Ok(port) => {
                    pause = Duration::from_millis(200);
                    watch.serve(port, &profile, &stopped)
                }
                Err(e) => Some(e.into()),
            };
            let Some(reason) = ended else { return };
            watch.down(reason);
            std::thread::sleep(pause);
            pause = (pause * 2).min(REOPEN_MAX);
        }
    });
    ReaderHandle { stop, thread: Some(thread) }
}

struct Watch<'a> {
    name: String,
    down: Option<DownReason>,
    send: &'a dyn Fn(ReaderEvent) -> bool,
}

impl Watch<'_> {
    fn down(&mut self, reason: DownReason) {
        // A port that vanished after the cable was pulled is still the same outage.
        let same =
            self.down == Some(reason) || (self.down == Some(DownReason::Unplugged) && reason == DownReason::NotFound);
        if !same {
            self.down = Some(reason);
            (self.send)(ReaderEvent::Down { reader: self.name.clone(), reason });
        }
    }

    /// Serves an open port; gives why it ended, or `None` when nobody listens any more.
    fn serve(&mut self, mut port: Port, profile: &ReaderProfile, stopped: &AtomicBool) -> Option<DownReason> {
        let (start, mut exchange, mut deframer) = (Instant::now(), Exchange::new(profile.timing()), Deframer::new());
        let mut buffer = [0; 4096];
        while !stopped.load(Ordering::Relaxed) {
            let now = start.elapsed().as_millis() as u64;
            match exchange.action(now) {
                Action::Send(command) => {
                    if !deframer.is_partial() {
                        deframer.reset();
                    }
                    if let Err(e) = port.send(&command.encode()) {
                        return Some(e.into());
                    }
                }
                Action::Listen(until) => {
                    match port.receive(&mut buffer) {
                        Ok(n) => deframer.push(&buffer[..n]),
                        Err(e) => return Some(e.into()),
                    }
                    let at = Instant::now();
                    while let Some(frame) = deframer.next_frame() {
                        let now = start.elapsed().as_millis() as u64;
                        let happened = match frame {
                            Ok(frame) => exchange.answer(&frame, now),
                            Err(_) => {
                                exchange.broken(now);
                                None
                            }
                        };
                        if !self.tell(happened, at) {
                            return None;
                        }
                    }
                    let now = start.elapsed().as_millis() as u64;
                    if now >= until {
                        deframer.give_up();
                        let happened = exchange.timeout(now);
                        if !self.tell(happened, at) {
                            return None;
                        }
                    }
                }
            }
            sam::wipe(&mut buffer);
        }
        None
    }

    fn tell(&mut self, happened: Option<Happening>, at: Instant) -> bool {
        let reader = self.name.clone();
        match happened {
            None => true,
            Some(Happening::Up(sam_id)) => {
                self.down = None;
                (self.send)(ReaderEvent::Up { reader, sam_id })
            }
            Some(Happening::Card(card)) => (self.send)(ReaderEvent::Card { reader, card, at }),
            Some(Happening::ReadFailed(why)) => (self.send)(ReaderEvent::ReadFailed { reader, why }),
            Some(Happening::Silent) => {
                self.down(DownReason::Silent);
                true
            }
            Some(Happening::Faulty) => {
                self.down(DownReason::Fault);
                true
            }
        }
    }
}

/// Talks to a reader once, for `doctor`: the module's number.
///
/// # Errors
/// What is wrong, as `doctor`'s catalogue names it.
pub fn probe(path: &str, profile: &ReaderProfile) -> Result<String, &'static str> {
    let (tx, rx) = std::sync::mpsc::channel();
    // A port that cannot be opened is told better by the error itself.
    drop(Port::open(path, profile.baud).map_err(PortError::as_str)?);
    let _reader = spawn("probe".to_owned(), path.to_owned(), profile.clone(), tx, |event| event);
    match rx.recv_timeout(Duration::from_secs(5)) {
        Ok(ReaderEvent::Up { sam_id, .. }) => Ok(sam_id.unwrap_or_default()),
        Ok(ReaderEvent::Down { reason: DownReason::Fault, .. }) => Err("reader-fault"),
        _ => Err("reader-silent"),
    }
}
