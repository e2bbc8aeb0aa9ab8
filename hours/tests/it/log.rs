//! From what happened in a room to the signed log of it. Times are milliseconds since midnight at the site.

use muster_hours::assurance::{LIVE_PERMILLE, level};
use muster_hours::policy::Policy;
use muster_hours::schedule::{Assignment, Lesson, Plan};
use muster_seal::key::{DeviceKey, Signer};
use muster_seal::record::{Body, Card, Clock, Face, Fault, Manual, Open, Present, Restart, Spot, Stamp, Way};
use muster_seal::session::{self, SessionLog, VerifiedLog};

/// Midnight of 2026-03-02 at the site, in milliseconds since 1970-01-01T00:00Z.
pub const MIDNIGHT: i64 = 1_772_380_800_000;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A card was read, the camera looked, and this is what it made of the trainee.
    Present(String, Way, u64),
    /// An instructor's entry, in or out, at level 0 or 1.
    Manual(String, Way, u64),
    /// A spot check: `call`, `met` or `missed`.
    Spot(String, &'static str),
    /// A part went down or came back.
    Fault(&'static str, &'static str),
    /// The agent started again; with `true` the machine did.
    Restart(bool),
    /// The wall clock was set forward by so much.
    Clock(i64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub at: i64,
    pub act: Act,
}

/// A morning under a policy: the lessons' starts and ends, and the roster.
pub fn plan(lessons: &[(i64, i64)], trainees: &[String], policy: Policy) -> Plan {
    let lessons = lessons.iter().enumerate().map(|(i, (start, end))| Lesson {
        lesson: (i + 1).to_string(),
        start: lesson_time(*start),
        end: lesson_time(*end),
    });
    assignment(lessons.collect(), trainees.to_vec(), policy).plan().unwrap()
}

/// A morning of the class that all tests are about.
pub fn assignment(lessons: Vec<Lesson>, trainees: Vec<String>, policy: Policy) -> Assignment {
    Assignment {
        region: "150422".to_owned(),
        institution: "i1".to_owned(),
        site: "s1".to_owned(),
        class: "c1".to_owned(),
        session: "am".to_owned(),
        lessons,
        trainees,
        instructors: vec!["teacher".to_owned()],
        policy,
    }
}

/// `open` under a plan.
pub fn open(plan: &Plan) -> Open {
    let a = &plan.assignment;
    Open {
        device: "d1".to_owned(),
        key: key().public().id(),
        counter: 1,
        site: a.site.clone(),
        class: a.class.clone(),
        session: a.session.clone(),
        policy: a.policy.version.clone(),
        ..Open::default()
    }
}

/// When a session is opened and closed, and how wrong the wall clock is when it opens.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub open: i64,
    pub close: i64,
    pub wrong_ms: i64,
}

/// The log of what happened, as a device that does nothing wrong writes it. `events` are in order of time.
pub fn verified(plan: &Plan, events: &[Event], close: i64) -> VerifiedLog {
    verified_from(plan, events, close, 0)
}

/// The same, on a device whose wall clock is wrong by so much when the session opens.
pub fn verified_from(plan: &Plan, events: &[Event], close: i64, wrong_ms: i64) -> VerifiedLog {
    let open = events.first().map_or(close, |e| e.at);
    written(plan, events, Span { open, close, wrong_ms }).0
}

/// The log of a session that was opened and closed then, and for each event the `seq` of its last record.
pub fn written(plan: &Plan, events: &[Event], span: Span) -> (VerifiedLog, Vec<u64>) {
    let mut device = Device { log: SessionLog::default(), boot: 1, booted: span.open - 5_000, step: span.wrong_ms };
    device.add(span.open, Body::Open(Box::new(open(plan))));
    let mut seqs = Vec::with_capacity(events.len());
    for event in events {
        device.happens(event);
        seqs.push(device.log.edge().size() - 1);
    }
    let end = Body::Close(device.log.closing("schedule"));
    device.add(span.close, end);
    (sealed(&device.log), seqs)
}

/// Seals a closed log and verifies it as the server does.
pub fn sealed(log: &SessionLog) -> VerifiedLog {
    let origin = session::origin("muster.example", "d1", 1);
    session::verify(&log.bytes(), &log.seal(&origin, &key()), &origin, &key().public()).unwrap()
}

fn key() -> DeviceKey {
    DeviceKey::from_seed([7; 32])
}

struct Device {
    log: SessionLog,
    boot: u32,
    booted: i64,
    step: i64,
}

impl Device {
    fn add(&mut self, at: i64, body: Body) -> u64 {
        let seq = self.log.edge().size();
        let (wall, boot) = (rfc3339(at + self.step), format!("{:032x}", self.boot));
        let stamp = Stamp { wall, boot, up_ms: (at - self.booted) as u64, salt: [seq as u8; 16] };
        self.log.append(stamp, body).unwrap();
        seq
    }

    fn happens(&mut self, event: &Event) {
        let at = event.at;
        match &event.act {
            Act::Present(trainee, way, sure) => {
                let (trainee, reader, layout) = (trainee.clone(), "door".to_owned(), "resident".to_owned());
                let tap = self.add(at, Body::Card(Card { reader, trainee: trainee.clone(), layout }));
                let outcome = if *sure > 2 { "match" } else { "face" }.to_owned();
                let live = (*sure > 3).then_some(LIVE_PERMILLE);
                let face = Face { tap, trainee: trainee.clone(), outcome, frames: 1, live, ..Face::default() };
                let face = Some(face).filter(|_| *sure > 1);
                assert_eq!(level(face.as_ref(), LIVE_PERMILLE), *sure);
                let face = face.map(|face| self.add(at, Body::Face(face)));
                self.add(at, Body::Present(Present { trainee, way: *way, level: *sure, tap, face }));
            }
            Act::Manual(trainee, way, level) => {
                let (trainee, by, reason) = (trainee.clone(), "teacher".to_owned(), "no-chip".to_owned());
                self.add(at, Body::Manual(Manual { trainee, way: *way, by, reason, level: *level }));
            }
            Act::Spot(trainee, phase) => {
                self.add(at, Body::Spot(Spot { call: 1, phase: (*phase).to_owned(), trainee: trainee.clone() }));
            }
            Act::Fault(part, state) => {
                let (part, state, reason) = ((*part).to_owned(), (*state).to_owned(), "lost".to_owned());
                self.add(at, Body::Fault(Fault { name: part.clone(), part, state, reason }));
            }
            Act::Restart(reboot) => {
                if *reboot {
                    (self.boot, self.booted) = (self.boot + 1, at - 5_000);
                }
                self.add(at, Body::Restart(Restart { agent: "again".to_owned() }));
            }
            Act::Clock(step_ms) => {
                self.step += step_ms;
                self.add(at, Body::Clock(Clock { step_ms: *step_ms }));
            }
        }
    }
}

/// [`rfc3339`] in the form of a lesson's times, which have whole seconds.
fn lesson_time(at: i64) -> String {
    assert_eq!(at % 1_000, 0);
    rfc3339(at).replace(".000", "")
}

/// A time of the day as records write it; a clock that was set may show another day.
pub fn rfc3339(at: i64) -> String {
    let east = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    let time = jiff::Timestamp::from_millisecond(MIDNIGHT + at).unwrap().to_zoned_datetime(east);
    time.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}
