//! Joins the steps. One thread owns the session; whatever happens reaches it as an [`Event`], one at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use anyhow::{Context, Result};
use muster_seal::key::DeviceKey;
use muster_seal::record::{Body, Clock as ClockRecord};
use muster_wire::assignment::Person;

use crate::camera::{CameraEvent, CameraHandle, Look, Sighting};
use crate::checkin::{Attendance, Outcome, Purpose, Reading, Rules, Whose, whose};
use crate::clock::{Clock, STEP_MS};
use crate::config::Config;
use crate::identity::Identity;
use crate::kiosk::view::{Hardware, Last, Phase, Seat, View};
use crate::kiosk::{Command, Kiosk};
use crate::reader::ReaderEvent;
use crate::session::{Hands, Kit, Session, fault};
use crate::store::Store;
use crate::sync;

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

/// A trainee's tap that waits for the camera.
#[derive(Debug)]
pub struct Tap {
    person: Person,
    reader: String,
    layout: &'static str,
    counter: u64,
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
    // What is down, by part and name, with the reason.
    down: BTreeMap<(&'static str, String), String>,
    clock_offset_ms: i64,
    online: Option<bool>,
    trouble: String,
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

impl Agent {
    /// An agent that takes up whatever was interrupted.
    ///
    /// # Errors
    /// When the store does not hold together: nothing may be recorded on top of that.
    pub fn start(parts: Parts) -> Result<Self> {
        let Parts { config, mut store, key, me, clock, kit, camera, kiosk, events, wake } = parts;
        let session = match &me {
            Some(me) => Session::resume(&mut store, Hands { key: &key, me, clock: &clock })?,
            None => None,
        };
        // Until a part has said that it works, it does not.
        let mut down: BTreeMap<_, _> =
            config.reader.iter().map(|r| (("reader", r.name.clone()), "starting".to_owned())).collect();
        if let Some(camera) = &config.camera {
            down.insert(("camera", camera.name.clone()), "starting".to_owned());
        }
        let clock_offset_ms = clock.offset_ms()?;
        let (trouble, last, online, shown) = (String::new(), None, None, 0);
        Ok(Self {
            config,
            store,
            key,
            me,
            clock,
            kit,
            camera,
            session,
            down,
            clock_offset_ms,
            online,
            trouble,
            last,
            shown,
            kiosk,
            events,
            wake,
        })
    }

    /// Runs until it is told to stop.
    pub fn run(mut self, events: &Receiver<Event>) {
        self.show();
        while let Ok(event) = events.recv() {
            if matches!(event, Event::Stop) {
                break;
            }
            if let Err(error) = self.handle(event) {
                tracing::error!(error = format!("{error:#}"), "an event could not be handled");
                self.say(Outcome::NotSaved, "");
            }
            self.show();
        }
    }

    fn handle(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Reader(event) => self.reader(event),
            Event::Camera(CameraEvent::Up { camera }) => self.part("camera", &camera, None),
            Event::Camera(CameraEvent::Down { camera, reason }) => self.part("camera", &camera, Some(reason.as_str())),
            Event::Seen(tap, seen) => self.seen(*tap, seen.as_ref()),
            Event::Sync(report) => {
                (self.online, self.trouble) = (Some(report.online), report.trouble);
                Ok(())
            }
            Event::Command(command) => self.command(command),
            Event::Tick => self.tick(),
            Event::Stop => Ok(()),
        }
    }

    fn reader(&mut self, event: ReaderEvent) -> Result<()> {
        match event {
            ReaderEvent::Up { reader, .. } => self.part("reader", &reader, None),
            ReaderEvent::Down { reader, reason } => self.part("reader", &reader, Some(reason.as_str())),
            ReaderEvent::ReadFailed { .. } => {
                self.say(Outcome::Unreadable, "");
                Ok(())
            }
            ReaderEvent::Card { reader, card, .. } => {
                let (number, layout) = (card.number().to_owned(), card.layout().as_str());
                drop(card);
                self.card(&reader, layout, &number)
            }
        }
    }

    fn card(&mut self, reader: &str, layout: &'static str, number: &str) -> Result<()> {
        self.open_if_due()?;
        let Some(session) = &mut self.session else {
            self.say(Outcome::NoSession, "");
            return Ok(());
        };
        match whose(&session.offer.assigned, number) {
            Whose::Stranger => {
                let (bodies, outcome) = Attendance::stranger(reader);
                self.record(bodies, outcome, "")
            }
            Whose::Instructor(person) => {
                let (bodies, outcome) = session.attendance.instructor(&person, self.clock.up_ms()?);
                self.record(bodies, outcome, &person.shown)
            }
            Whose::Trainee(person) => {
                let tap = Tap { person, reader: reader.to_owned(), layout, counter: session.counter() };
                match self.camera.clone().filter(|_| !tap.person.declined) {
                    None => self.seen(tap, None),
                    Some(camera) => {
                        self.say(Outcome::Look, &tap.person.shown);
                        self.look(camera, tap);
                        Ok(())
                    }
                }
            }
        }
    }

    /// Looks in a thread of its own, so that another reader is not kept waiting.
    fn look(&self, camera: Arc<CameraHandle>, tap: Tap) {
        // Similarities across models mean nothing: a template of another recogniser is as good as none.
        let models = camera.model_hashes();
        let template = |p: &Person| {
            let fits = p.template.as_ref().filter(|t| models.values().any(|hash| *hash == t.model));
            fits.map(|t| t.values.clone())
        };
        let people = self.session.as_ref().map_or(&[][..], |s| &s.offer.assigned.people);
        let others = people.iter().filter(|p| p.id != tap.person.id && !p.instructor);
        let look = Look {
            own: template(&tap.person),
            others: others.filter_map(|p| Some((p.id.clone(), template(p)?))).collect(),
        };
        let back = Duration::from_millis(self.config.look_back_ms);
        let wait = Duration::from_millis(self.config.look_wait_ms);
        let events = self.events.clone();
        std::thread::spawn(move || {
            let seen = camera.look(&look, back, wait);
            let _ = events.send(Event::Seen(Box::new(tap), Some(seen)));
        });
    }

    fn seen(&mut self, tap: Tap, seen: Option<&Sighting>) -> Result<()> {
        let up_ms = self.clock.up_ms()?;
        let min_stay_ms = self.config.min_stay_s * 1000;
        // The session may have closed while the camera looked.
        let Some(session) = self.session.as_mut().filter(|s| s.counter() == tap.counter) else {
            self.say(Outcome::NoSession, "");
            return Ok(());
        };
        let rules = Rules { level: u64::from(session.offer.plan.assignment.policy.level), min_stay_ms };
        let purpose = session.attendance.purpose(&tap.person.id, rules, up_ms);
        let seen = seen.filter(|_| purpose != Purpose::Repeat);
        let reading = Reading { reader: &tap.reader, layout: tap.layout, seq: session.next_seq(), up_ms };
        let (bodies, outcome) = session.attendance.trainee(&tap.person, &reading, purpose, seen, rules);
        self.record(bodies, outcome, &tap.person.shown)
    }

    /// Writes, and only then says so.
    fn record(&mut self, bodies: Vec<Body>, outcome: Outcome, shown: &str) -> Result<()> {
        let session = self.session.as_mut().context("no session")?;
        session.write(&mut self.store, &self.clock, bodies)?;
        self.say(outcome, shown);
        Ok(())
    }

    fn part(&mut self, part: &'static str, name: &str, down: Option<&str>) -> Result<()> {
        let key = (part, name.to_owned());
        let before = match down {
            Some(reason) => self.down.insert(key, reason.to_owned()),
            None => self.down.remove(&key),
        };
        if let Some(session) = &mut self.session
            && before.as_deref() != down
            && (down.is_some() || before.is_some())
        {
            session.write(&mut self.store, &self.clock, vec![fault(part, name, down)])?;
        }
        Ok(())
    }

    fn command(&mut self, command: Command) -> Result<()> {
        match command {
            Command::Close => self.close("operator"),
        }
    }

    fn tick(&mut self) -> Result<()> {
        let offset = self.clock.offset_ms()?;
        let step_ms = offset - self.clock_offset_ms;
        if step_ms.abs() > STEP_MS {
            self.clock_offset_ms = offset;
            if let Some(session) = &mut self.session {
                session.write(&mut self.store, &self.clock, vec![Body::Clock(ClockRecord { step_ms })])?;
            }
        }
        let now = self.clock.wall_ms();
        if let Some(session) = &self.session {
            let (_, last) = session.offer.span();
            if now >= last + self.config.close_after_s as i64 * 1000 {
                return self.close("schedule");
            }
        }
        self.open_if_due()?;
        if let (Some(session), Some(me)) = (&mut self.session, &self.me)
            && session.seal_is_due(&self.clock, self.config.seal_every_s)?
        {
            session.seal(&self.store, Hands { key: &self.key, me, clock: &self.clock })?;
            let _ = self.wake.send(());
        }
        Ok(())
    }

    fn open_if_due(&mut self) -> Result<()> {
        let Some(me) = &self.me else { return Ok(()) };
        if self.session.is_some() {
            return Ok(());
        }
        let now = self.clock.wall_ms();
        for offer in self.store.offers()? {
            let (first, last) = offer.span();
            let open = first - self.config.open_before_s as i64 * 1000..last + self.config.close_after_s as i64 * 1000;
            let a = &offer.plan.assignment;
            if !open.contains(&now) || a.site != me.site || self.store.was_held(&a.class, &a.session)? {
                continue;
            }
            if let Some(camera) = &self.camera {
                self.kit.models = camera.model_hashes();
            }
            let beacon = self.store.beacon()?;
            let hands = Hands { key: &self.key, me, clock: &self.clock };
            let mut session = Session::open(&mut self.store, hands, offer, &self.kit, beacon)?;
            let faults = self.down.iter().map(|((part, name), reason)| fault(part, name, Some(reason)));
            let faults: Vec<Body> = faults.collect();
            if !faults.is_empty() {
                session.write(&mut self.store, &self.clock, faults)?;
            }
            self.session = Some(session);
            self.last = None;
            let _ = self.wake.send(());
            break;
        }
        Ok(())
    }

    fn close(&mut self, reason: &str) -> Result<()> {
        let (Some(session), Some(me)) = (&mut self.session, &self.me) else { return Ok(()) };
        session.close(&mut self.store, Hands { key: &self.key, me, clock: &self.clock }, reason)?;
        self.session = None;
        self.last = None;
        self.store.forget(self.clock.wall_ms())?;
        let _ = self.wake.send(());
        Ok(())
    }

    fn say(&mut self, outcome: Outcome, shown: &str) {
        self.shown += 1;
        self.last = Some(Last { n: self.shown, outcome, shown: shown.to_owned() });
        self.show();
    }

    fn show(&self) {
        let (unsent, refused) = self.store.backlog().unwrap_or_default();
        let hardware = |part: &'static str, name: &str| Hardware {
            part,
            name: name.to_owned(),
            down: self.down.get(&(part, name.to_owned())).cloned().unwrap_or_default(),
        };
        let mut view = View {
            enrolled: self.me.is_some(),
            last: self.last.clone(),
            online: self.online,
            unsent,
            refused,
            trouble: self.trouble.clone(),
            hardware: self.config.reader.iter().map(|r| hardware("reader", &r.name)).collect(),
            assurance: self.camera.as_ref().map_or("card", |c| c.capability().as_str()).to_owned(),
            ..View::default()
        };
        view.hardware.extend(self.config.camera.iter().map(|c| hardware("camera", &c.name)));
        if let Some(session) = &self.session {
            let a = &session.offer.plan.assignment;
            let here = session.attendance.here();
            view.phase = Phase::Running;
            view.title = session.offer.assigned.title.clone();
            view.class = a.class.clone();
            view.session = a.session.clone();
            view.counter = session.counter();
            view.taught = session.attendance.taught();
            view.needed = u64::from(a.policy.level);
            view.lessons = session.offer.plan.times.clone();
            let trainees = session.offer.assigned.people.iter().filter(|p| !p.instructor);
            view.seats = trainees
                .map(|p| Seat { id: p.id.clone(), shown: p.shown.clone(), level: here.get(&p.id).map(|h| h.level) })
                .collect();
        }
        self.kiosk.show(view);
    }
}
