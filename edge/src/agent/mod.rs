//! Joins the steps. One thread owns the session; whatever happens reaches it as an [`Event`], one at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Instant;

use anyhow::Result;
use muster_seal::key::DeviceKey;
use muster_seal::record::Body;

use crate::camera::{CameraEvent, CameraHandle, Sighting};
use crate::checkin::outcome::Outcome;
use crate::clock::Clock;
use crate::config::Config;
use crate::identity::Identity;
use crate::kiosk::view::Last;
use crate::kiosk::{Command, Kiosk};
use crate::reader::{ReaderEvent, sam};
use crate::session::{Hands, Kit, Session, fault};
use crate::store::Store;
use crate::store::assignment::Offer;
use crate::sync;
use crate::trust::{self, Known, Now};

mod hall;
mod show;
mod taps;

pub use taps::Tap;

/// All that can happen.
#[derive(Debug)]
pub enum Event {
    /// A reader saw something.
    Reader(ReaderEvent),
    /// The camera was lost or came back.
    Camera(CameraEvent),
    /// The camera has looked for a tap.
    Seen(Box<Tap>, Option<Sighting>),
    /// A round of the sync ended.
    Sync(sync::Report),
    /// Somebody pressed something on the kiosk.
    Command(Command),
    /// A second or so went by.
    Tick,
    /// The program is to end.
    Stop,
}

/// The agent.
pub struct Agent {
    config: Config,
    store: Store,
    key: DeviceKey,
    me: Option<Identity>,
    clock: Clock,
    kit: Kit,
    camera: Option<Arc<CameraHandle>>,
    session: Option<Session>,
    // After a write whose fate is not known, the disk says where the session stands.
    unsure: bool,
    // Why nothing may be recorded on this disk any more.
    stale: Option<String>,
    // What the bureau planned, as read from the store at that version of it.
    offers: (Option<i64>, Vec<Offer>),
    // Several classes may be held now: the first card decides.
    choosing: bool,
    // What is down, by part and name, with the reason.
    down: BTreeMap<(&'static str, String), String>,
    // Faults and clock steps that are not written yet.
    unwritten: Vec<Body>,
    clock_offset_ms: i64,
    bureau_offset_ms: Option<i64>,
    floor_ms: i64,
    report: Option<sync::Report>,
    forgot_up_ms: Option<u64>,
    last: Option<Last>,
    shown: u64,
    kiosk: Kiosk,
    events: Sender<Event>,
    wake: Sender<()>,
}

/// What the agent is started with.
pub struct Parts {
    /// The configuration.
    pub config: Config,
    /// Its store.
    pub store: Store,
    /// The device's key.
    pub key: DeviceKey,
    /// What enrolment gave; `None` before it.
    pub me: Option<Identity>,
    /// The clock.
    pub clock: Clock,
    /// What the device is made of.
    pub kit: Kit,
    /// The camera.
    pub camera: Option<Arc<CameraHandle>>,
    /// Where views are shown.
    pub kiosk: Kiosk,
    /// Where events come from, for work of the agent's own.
    pub events: Sender<Event>,
    /// Wakes the sync.
    pub wake: Sender<()>,
}

/// The latest time of which the bureau spoke, in milliseconds: no clock that shows an earlier one is right.
const BUREAU_MS: &str = "bureau_ms";
/// How often that is written down.
const NOTE_MS: i64 = 3_600_000;
/// How long a result stays on the screen.
pub const SHOWN_MS: u64 = 6_000;

impl Agent {
    /// An agent that takes up whatever was interrupted.
    ///
    /// # Errors
    /// When the store does not hold together: nothing may be recorded on top of that.
    pub fn start(parts: Parts) -> Result<Self> {
        let Parts { config, mut store, key, me, clock, kit, camera, kiosk, events, wake } = parts;
        let stale = store.stale()?;
        let session = match &me {
            Some(me) if stale.is_none() => Session::resume(&mut store, Hands { key: &key, me, clock: &clock })?,
            _ => None,
        };
        // Until a part has said that it works, it does not.
        let mut down: BTreeMap<_, _> =
            config.reader.iter().map(|r| (("reader", r.name.clone()), "starting".to_owned())).collect();
        if let Some(camera) = &config.camera {
            down.insert(("camera", camera.name.clone()), "starting".to_owned());
        }
        let noted = store.fact(BUREAU_MS)?.and_then(|ms| ms.parse().ok()).unwrap_or(0);
        Ok(Self {
            clock_offset_ms: clock.offset_ms()?,
            floor_ms: trust::built_ms().max(noted),
            config,
            store,
            key,
            me,
            clock,
            kit,
            camera,
            session,
            unsure: false,
            stale,
            offers: (None, Vec::new()),
            choosing: false,
            down,
            unwritten: Vec::new(),
            bureau_offset_ms: None,
            report: None,
            forgot_up_ms: None,
            last: None,
            shown: 0,
            kiosk,
            events,
            wake,
        })
    }

    /// Runs until it is told to stop.
    pub fn run(mut self, events: &Receiver<Event>) {
        self.show();
        while let Ok(event) = events.recv() {
            // Who waits for an answer must learn that there is none; a tick has nobody waiting.
            let is_awaited = matches!(
                event,
                Event::Reader(ReaderEvent::Card { .. }) | Event::Seen(..) | Event::Command(Command::Entry { .. })
            );
            if matches!(event, Event::Stop) {
                break;
            }
            if let Err(error) = self.handle(event) {
                tracing::error!(error = format!("{error:#}"), "an event could not be handled");
                self.doubt();
                if is_awaited {
                    self.say(Outcome::NotSaved, "");
                }
            }
            self.show();
        }
    }

    /// After an error: is the disk where the session believes it to be?
    fn doubt(&mut self) {
        if self.session.as_ref().is_none_or(|session| !session.agrees(&self.store).unwrap_or(false)) {
            self.session = None;
            self.unsure = true;
        }
    }

    fn handle(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Reader(event) => self.reader(event),
            Event::Camera(event) => self.camera_event(&event),
            Event::Seen(tap, seen) => self.seen(*tap, seen.as_ref()),
            Event::Sync(report) => self.reported(report),
            Event::Command(command) => self.command(command),
            Event::Tick => self.tick(),
            Event::Stop => Ok(()),
        }
    }

    fn reported(&mut self, report: sync::Report) -> Result<()> {
        self.bureau_offset_ms = report.offset_ms.or(self.bureau_offset_ms);
        if let Some(offset) = report.offset_ms {
            let now = self.clock.up_ms()? as i64 + offset;
            if now > self.floor_ms + NOTE_MS {
                self.floor_ms = now;
                self.store.set_fact(BUREAU_MS, &now.to_string())?;
            }
        }
        self.report = Some(report);
        self.stale = self.store.stale()?;
        if self.stale.is_some() && self.session.take().is_some() {
            tracing::error!("this disk may not go on: nothing is recorded any more");
        }
        Ok(())
    }

    fn reader(&mut self, event: ReaderEvent) -> Result<()> {
        match event {
            ReaderEvent::Up { reader, .. } => self.part("reader", &reader, None),
            ReaderEvent::Down { reader, reason } => self.part("reader", &reader, Some(reason.as_str())),
            ReaderEvent::ReadFailed { why, .. } => {
                use sam::exchange::ReadFailure::NotACard;
                self.say(if why == NotACard { Outcome::NotACard } else { Outcome::Unreadable }, "");
                Ok(())
            }
            ReaderEvent::Card { reader, card, .. } => self.card(&reader, &card),
        }
    }

    fn camera_event(&mut self, event: &CameraEvent) -> Result<()> {
        match event {
            CameraEvent::Up { camera } => self.part("camera", camera, None),
            CameraEvent::Down { camera, reason } => self.part("camera", camera, Some(reason.as_str())),
        }
    }

    fn part(&mut self, part: &'static str, name: &str, down: Option<&str>) -> Result<()> {
        let key = (part, name.to_owned());
        let before = match down {
            Some(reason) => self.down.insert(key, reason.to_owned()),
            None => self.down.remove(&key),
        };
        if before.as_deref() != down {
            self.unwritten.push(fault(part, name, down));
        }
        self.write_down()
    }

    /// Writes faults and clock steps; what cannot be written now is tried again at the next tick. Without a session they
    /// go nowhere: a session that opens begins with what is down.
    fn write_down(&mut self) -> Result<()> {
        if let (Some(session), false) = (&mut self.session, self.unwritten.is_empty()) {
            session.write(&mut self.store, &self.clock, self.unwritten.clone())?;
        } else if self.unsure {
            return Ok(());
        }
        self.unwritten.clear();
        Ok(())
    }

    /// The time, as well as it can be told.
    fn now(&self) -> Result<Now> {
        let session = self.session.as_ref();
        let known = Known {
            bureau: self.bureau_offset_ms,
            record: session.map(|s| s.began.0 - s.began.1 as i64),
            floor_ms: self.floor_ms.max(session.map_or(0, |s| s.floor_ms)),
        };
        Ok(trust::judge(self.clock.wall_ms(), self.clock.up_ms()?, known))
    }

    fn say(&mut self, outcome: Outcome, shown: &str) {
        self.say_also(outcome, shown, "");
    }

    fn say_also(&mut self, outcome: Outcome, shown: &str, also: &'static str) {
        self.shown += 1;
        let (n, shown, at) = (self.shown, shown.to_owned(), Instant::now());
        self.last = Some(Last { n, outcome, shown, also, age_ms: 0, at });
        self.show();
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
