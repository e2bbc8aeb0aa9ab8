//! A terminal as the edge agent is one: from who stands before it to the records it writes, in its order: card, face, what
//! that makes of the trainee; and what it writes of itself. The truth goes in, and only what a terminal can know comes out.

use anyhow::{Context, Result};
use muster_hours::assurance::{LIVE_PERMILLE, level};
use muster_seal::record::{
    Body, Card, Clock, Face, Fault, Instructor, Manual, Open, Present, Restart, Spot, Stamp, Stranger, Way,
};
use muster_seal::session::SessionLog;

use super::plan::{Class, Town};
use super::rng::Rng;
use super::time::rfc3339;

/// The agent's version, as records name it.
pub const AGENT: &str = "muster-edge/0.1.0";
/// The only reader's name.
pub const READER: &str = "door";
/// A second tap sooner than this is a repeat.
const MIN_STAY: i64 = 60_000;
/// From how many per mille on two faces are the same person's, and may be; as the recogniser of the manifest has them.
const SAME: i64 = 400;
const MAYBE: i64 = 300;

/// Wall clock, boot time and body of each record.
pub type Written = Vec<(i64, u64, Body)>;

/// Who or what stands before the camera.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown {
    /// The face, 0 for none.
    pub face: u64,
    /// A picture that is shown, by its hash.
    pub frame: Option<[u8; 32]>,
}

/// A terminal with a session open.
pub struct Kiosk<'a> {
    town: &'a Town,
    class: &'a Class,
    rng: Rng,
    log: SessionLog,
    /// What was written, for [`super::events`].
    pub written: Written,
    /// How far the wall clock is ahead of the truth.
    offset: i64,
    boot: String,
    booted: i64,
    last: i64,
    /// Is the camera dark?
    pub dark: bool,
    backlit: bool,
    lively: bool,
    needed: u64,
    // Since when who is in, and how surely; by seat.
    here: Vec<Option<(i64, u64)>>,
    groups: Vec<u64>,
    calls: u64,
}

impl<'a> Kiosk<'a> {
    /// Opens a session at a moment.
    ///
    /// # Errors
    /// When a record may not stand where it was put, here and in all that follows.
    pub fn open(town: &'a Town, class: &'a Class, needed: u64, at: i64, open: Open, mut rng: Rng) -> Result<Self> {
        let device = &town.devices[class.device];
        let boot = hex::encode(rng.bytes::<16>());
        let booted = at - rng.range(60_000, 4_000_000);
        let mut kiosk = Self {
            town,
            class,
            log: SessionLog::default(),
            written: Vec::new(),
            offset: device.offset_ms,
            boot,
            booted,
            last: at,
            dark: false,
            backlit: town.sites[device.site].backlit,
            lively: device.lively,
            needed,
            here: vec![None; class.seats.len()],
            groups: Vec::new(),
            calls: 0,
            rng,
        };
        kiosk.write(at, Body::Open(Box::new(open)))?;
        Ok(kiosk)
    }

    fn write(&mut self, at: i64, body: Body) -> Result<u64> {
        self.last = self.last.max(at);
        let up_ms = (self.last - self.booted).max(0) as u64;
        let wall = self.last + self.offset;
        let stamp = Stamp { wall: rfc3339(wall), boot: self.boot.clone(), up_ms, salt: self.rng.bytes() };
        let seq = self.log.edge().size();
        self.log.append(stamp, body.clone()).context("a record that may not stand there")?;
        self.written.push((wall, up_ms, body));
        Ok(seq)
    }

    /// Is this seat in?
    pub fn is_in(&self, seat: usize) -> bool {
        self.here[seat].is_some()
    }

    fn trainee(&self, seat: usize) -> String {
        self.class.seats[seat].id.clone()
    }

    /// A trainee's card, and who the camera sees. Was that sure enough?
    pub fn tap(&mut self, at: i64, seat: usize, shown: Shown, teacher: usize) -> Result<bool> {
        let declines = self.town.people[self.class.seats[seat].person].declines;
        let needed = if declines { 1 } else { self.needed };
        let way = match self.here[seat] {
            None => Way::In,
            Some((_, level)) if level < needed => Way::In,
            Some((since, _)) if at < since + MIN_STAY => {
                self.card(at, seat)?;
                return Ok(true);
            }
            Some(_) => Way::Out,
        };
        let tap = self.card(at, seat)?;
        if declines {
            let wait = self.rng.range(3_000, 12_000);
            self.manual(at + wait, seat, way, teacher, "declined", 1)?;
            return Ok(true);
        }
        let face = self.look(seat, shown, tap);
        let level = level(Some(&face), LIVE_PERMILLE);
        let seq = self.write(at + 1, Body::Face(face))?;
        let was_sure = self.here[seat].is_some_and(|(_, level)| level >= needed);
        if !(way == Way::Out && level < needed && was_sure) {
            let trainee = self.trainee(seat);
            self.write(at + 1, Body::Present(Present { trainee, way, level, tap, face: Some(seq) }))?;
            self.stand(at, seat, way, level);
        }
        Ok(level >= needed)
    }

    fn stand(&mut self, at: i64, seat: usize, way: Way, level: u64) {
        self.here[seat] = match (way, self.here[seat]) {
            (Way::Out, _) => None,
            (_, Some(before)) if before.1 >= level => Some(before),
            _ => Some((at, level)),
        };
    }

    fn card(&mut self, at: i64, seat: usize) -> Result<u64> {
        let (reader, layout) = (READER.to_owned(), "resident".to_owned());
        let trainee = self.trainee(seat);
        self.write(at, Body::Card(Card { reader, trainee, layout }))
    }

    /// The instructor enters a trainee by hand: in, or out where the trainee is in.
    pub fn hand(&mut self, at: i64, seat: usize, teacher: usize, reason: &str) -> Result<()> {
        let way = if self.is_in(seat) { Way::Out } else { Way::In };
        self.manual(at, seat, way, teacher, reason, 0)
    }

    fn manual(&mut self, at: i64, seat: usize, way: Way, teacher: usize, reason: &str, level: u64) -> Result<()> {
        let (trainee, by) = (self.trainee(seat), self.class.teachers[teacher].1.clone());
        self.write(at, Body::Manual(Manual { trainee, way, by, reason: reason.to_owned(), level }))?;
        self.here[seat] = (way == Way::In).then_some((at, level));
        Ok(())
    }

    /// Calls trainees who are in; gives the number of the call.
    pub fn call(&mut self, at: i64, seats: &[usize]) -> Result<u64> {
        self.calls += 1;
        for seat in seats {
            self.spot(at, *seat, self.calls, "call")?;
        }
        Ok(self.calls)
    }

    /// A trainee answers a call, by card and face; or does not.
    pub fn answer(&mut self, at: i64, seat: usize, shown: Shown, call: u64, answers: bool) -> Result<()> {
        if answers {
            let tap = self.card(at, seat)?;
            let face = self.look(seat, shown, tap);
            let level = level(Some(&face), LIVE_PERMILLE);
            let seq = self.write(at + 1, Body::Face(face))?;
            if level >= self.needed {
                let trainee = self.trainee(seat);
                self.write(at + 1, Body::Present(Present { trainee, way: Way::Spot, level, tap, face: Some(seq) }))?;
                return self.spot(at + 1, seat, call, "met");
            }
        }
        self.spot(at + 1, seat, call, "missed")
    }

    fn spot(&mut self, at: i64, seat: usize, call: u64, phase: &str) -> Result<()> {
        let trainee = self.trainee(seat);
        self.write(at, Body::Spot(Spot { call, phase: phase.to_owned(), trainee }))?;
        Ok(())
    }

    /// An instructor comes or goes.
    pub fn teacher(&mut self, at: i64, teacher: usize, way: Way) -> Result<()> {
        let instructor = self.class.teachers[teacher].1.clone();
        self.write(at, Body::Instructor(Instructor { instructor, way, by: "card".to_owned() }))?;
        Ok(())
    }

    /// A card of nobody here.
    pub fn stranger(&mut self, at: i64) -> Result<()> {
        self.write(at, Body::Stranger(Stranger { reader: READER.to_owned() }))?;
        Ok(())
    }

    /// A part is lost, for a reason, or comes back.
    pub fn fault(&mut self, at: i64, part: &str, down: Option<&str>) -> Result<()> {
        let (state, reason) = down.map_or(("up", "back"), |reason| ("down", reason));
        let name = if part == "reader" { READER } else { "webcam" };
        self.dark = if part == "camera" { down.is_some() } else { self.dark };
        let [part, name, state, reason] = [part, name, state, reason].map(str::to_owned);
        self.write(at, Body::Fault(Fault { part, name, state, reason }))?;
        Ok(())
    }

    /// The machine boots again; its clock is `offset` ahead of the truth then.
    pub fn restart(&mut self, at: i64, offset: i64) -> Result<()> {
        self.boot = hex::encode(self.rng.bytes::<16>());
        self.booted = at - self.rng.range(20_000, 60_000);
        self.offset = offset;
        self.write(at, Body::Restart(Restart { agent: AGENT.to_owned() }))?;
        Ok(())
    }

    /// The wall clock is set so far ahead of the truth.
    pub fn set_clock(&mut self, at: i64, offset: i64) -> Result<()> {
        let step_ms = offset - self.offset;
        self.offset = offset;
        self.write(at, Body::Clock(Clock { step_ms }))?;
        Ok(())
    }

    /// When the last record was made.
    pub fn last(&self) -> i64 {
        self.last
    }

    /// Closes the session: the log, and what was written.
    pub fn close(mut self, at: i64, reason: &str) -> Result<(SessionLog, Written)> {
        let close = Body::Close(self.log.closing(reason));
        self.write(at, close)?;
        Ok((self.log, self.written))
    }

    fn group(&mut self, face: u64) -> u64 {
        let known = self.groups.iter().position(|g| *g == face);
        known.unwrap_or_else(|| {
            self.groups.push(face);
            self.groups.len() - 1
        }) as u64
    }

    /// The camera's verdict.
    fn look(&mut self, seat: usize, shown: Shown, tap: u64) -> Face {
        let base = Face { tap, trainee: self.trainee(seat), detector: "yunet-2023mar".to_owned(), ..Face::default() };
        if self.dark {
            return Face { outcome: "no-camera".to_owned(), detector: "none".to_owned(), ..base };
        }
        let frame = hex::encode(shown.frame.unwrap_or_else(|| self.rng.bytes()));
        let base = Face { frames: self.rng.range(3, 8) as u64, frame, ..base };
        if shown.face == 0 {
            return Face { outcome: "none".to_owned(), ..base };
        }
        let poor = if self.backlit { 0.15 } else { 0.02 };
        if shown.frame.is_none() && self.rng.chance(poor) {
            return Face { outcome: "poor".to_owned(), quality: self.rng.range(80, 390) as u64, ..base };
        }
        let score = self.class.seats[seat].template.then(|| self.likeness(seat, shown.face));
        let (other, other_score) = self.nearest(seat, shown.face);
        let outcome = match score {
            None => "face",
            Some(score) if score >= SAME => "match",
            Some(score) if score >= MAYBE => "again",
            Some(_) => "mismatch",
        };
        let (mean, spread) = if shown.frame.is_some() { (480.0, 160.0) } else { (968.0, 18.0) };
        let live = self.lively.then(|| self.rng.normal(mean, spread).clamp(0.0, 1000.0) as i64);
        let quality = self.rng.normal(860.0, 50.0).clamp(400.0, 1000.0) as u64;
        let group = Some(self.group(shown.face));
        Face { outcome: outcome.to_owned(), quality, score, other, other_score, live, group, ..base }
    }

    /// Cosine of a face to a seat's template, per mille.
    fn likeness(&mut self, seat: usize, face: u64) -> i64 {
        let person = &self.town.people[self.class.seats[seat].person];
        let (mean, spread) = match () {
            () if person.face == face => (640.0 - person.drift as f64, 45.0),
            () if person.twin == Some(face) => (520.0, 45.0),
            () => (130.0, 60.0),
        };
        self.rng.normal(mean, spread).clamp(-1000.0, 1000.0) as i64
    }

    /// Whom else on the roster a face is most like.
    fn nearest(&mut self, seat: usize, face: u64) -> (String, Option<i64>) {
        let seats = &self.class.seats;
        let alike = seats.iter().position(|s| {
            let person = &self.town.people[s.person];
            s.template && s.person != seats[seat].person && (person.face == face || person.twin == Some(face))
        });
        if let Some(other) = alike {
            let score = self.likeness(other, face);
            return (seats[other].id.clone(), Some(score));
        }
        let other = self.rng.below(seats.len());
        if !seats[other].template || seats[other].person == seats[seat].person {
            return (String::new(), None);
        }
        (seats[other].id.clone(), Some(self.rng.normal(215.0, 40.0).clamp(0.0, 299.0) as i64))
    }
}
