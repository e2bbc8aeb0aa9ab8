//! What people do: cards put down, buttons pressed.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use muster_seal::record::Body;
use muster_wire::assignment::Person;

use super::{Agent, Event};
use crate::agenda::{self, Next};
use crate::camera::{CameraHandle, Look, Sighting};
use crate::checkin::ask::{Answer, Ask};
use crate::checkin::outcome::Outcome;
use crate::checkin::{Attendance, Purpose, REASONS, Reading, Rules, Whose, whose};
use crate::kiosk::Command;
use crate::reader::sam::card::Card;

/// A trainee's tap that waits for the camera.
#[derive(Debug)]
pub struct Tap {
    person: Person,
    reader: String,
    layout: &'static str,
    counter: u64,
    // What else is to be said of the card.
    also: &'static str,
}

impl Agent {
    pub(super) fn card(&mut self, reader: &str, card: &Card) -> Result<()> {
        if self.stale.is_some() {
            self.say(Outcome::Stale, "");
            return Ok(());
        }
        if self.session.is_none() {
            self.advance()?;
        }
        let known = |assigned: &_| whose(assigned, card.number(), card.previous_number());
        let here = |agent: &Self| agent.session.as_ref().map_or(Whose::Stranger, |s| known(&s.offer.assigned));
        let mut who = here(self);
        let mut elsewhere = false;
        if who == Whose::Stranger
            && let now = self.now()?
            && let Some(now_ms) = now.best_ms.filter(|_| now.may_open())
        {
            self.refresh()?;
            let due = self.due(now_ms);
            let rostered = |i: usize| known(&self.offers.1[i].assigned) != Whose::Stranger;
            elsewhere = due.iter().any(|i| rostered(*i));
            if let Next::Open(i) = agenda::on_card(&due, self.held(), now_ms, rostered) {
                self.open(i)?;
                who = here(self);
            }
        }
        let also = match self.now()?.best_ms.and_then(|ms| self.clock.day(ms)) {
            Some(today) if card.is_expired(today) => "expired",
            _ => "",
        };
        let Some(session) = &mut self.session else {
            self.say(if self.choosing { Outcome::Stranger } else { Outcome::NoSession }, "");
            return Ok(());
        };
        match who {
            Whose::Stranger => {
                let (bodies, outcome) = Attendance::stranger(reader);
                self.record(bodies, if elsewhere { Outcome::OtherClass } else { outcome }, "", "")
            }
            Whose::Instructor(person) => self.instructor(&person, also),
            Whose::Trainee(person) => {
                let (reader, layout) = (reader.to_owned(), card.layout().as_str());
                let tap = Tap { person, reader, layout, counter: session.counter(), also };
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

    fn instructor(&mut self, person: &Person, also: &'static str) -> Result<()> {
        let up_ms = self.clock.up_ms()?;
        let session = self.session.as_mut().context("no session")?;
        match session.desk.card(up_ms) {
            Answer::TooLate => {
                self.say(Outcome::TooLate, &person.shown);
                Ok(())
            }
            Answer::To(Ask::Declined { trainee, shown, way }) => {
                let (bodies, outcome) = Attendance::vouch(person, &trainee, way);
                self.record(bodies, outcome, &format!("{shown} ← {}", person.shown), also)
            }
            Answer::To(Ask::Close) => {
                // The card that ended the session stands in it.
                let (bodies, outcome) = session.attendance.instructor(person);
                self.record(bodies, outcome, &person.shown, also)?;
                self.close("operator")
            }
            Answer::To(Ask::Manual) => {
                session.desk.ask(Ask::Entry { by: person.id.clone() }, up_ms);
                self.say_also(Outcome::Choose, &person.shown, also);
                Ok(())
            }
            Answer::To(Ask::Entry { .. }) | Answer::Own => {
                let (bodies, outcome) = session.attendance.instructor(person);
                self.record(bodies, outcome, &person.shown, also)
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

    pub(super) fn seen(&mut self, tap: Tap, seen: Option<&Sighting>) -> Result<()> {
        let up_ms = self.clock.up_ms()?;
        let min_stay_ms = self.config.min_stay_s * 1000;
        // The session may have closed while the camera looked.
        let Some(session) = self.session.as_mut().filter(|s| s.counter() == tap.counter) else {
            self.say(Outcome::NoSession, "");
            return Ok(());
        };
        let rules = Rules { level: u64::from(session.offer.plan.assignment.policy.level), min_stay_ms };
        let purpose = session.attendance.purpose(&tap.person, rules, up_ms);
        let seen = seen.filter(|_| purpose != Purpose::Repeat);
        let reading = Reading { reader: &tap.reader, layout: tap.layout, seq: session.next_seq() };
        let (bodies, outcome) = session.attendance.trainee(&tap.person, &reading, purpose, seen, rules);
        self.record(bodies, outcome, &tap.person.shown, tap.also)?;
        if let (Outcome::AskInstructor, Purpose::Way(way), Some(session)) = (outcome, purpose, &mut self.session) {
            let (trainee, shown) = (tap.person.id, tap.person.shown);
            session.desk.ask(Ask::Declined { trainee, shown, way }, up_ms);
        }
        Ok(())
    }

    /// Writes, and only then says so.
    fn record(&mut self, bodies: Vec<Body>, outcome: Outcome, shown: &str, also: &'static str) -> Result<()> {
        let session = self.session.as_mut().context("no session")?;
        session.write(&mut self.store, &self.clock, bodies)?;
        self.say_also(outcome, shown, also);
        Ok(())
    }

    pub(super) fn command(&mut self, command: Command) -> Result<()> {
        let (now, up_ms) = (self.now()?.best_ms, self.clock.up_ms()?);
        let Some(session) = &mut self.session else { return Ok(()) };
        let taught = now.is_some_and(|now| now >= session.offer.span().1);
        match command {
            Command::Close if taught => self.close("operator"),
            Command::Close => {
                session.desk.ask(Ask::Close, up_ms);
                self.say(Outcome::AskClose, "");
                Ok(())
            }
            Command::Manual => {
                session.desk.ask(Ask::Manual, up_ms);
                self.say(Outcome::AskManual, "");
                Ok(())
            }
            Command::Entry { trainee, reason } => {
                let person = session.offer.assigned.people.iter().find(|p| p.id == trainee && !p.instructor).cloned();
                let Some(person) = person.filter(|_| REASONS.contains(&reason.as_str())) else { return Ok(()) };
                let Some(by) = session.desk.entry(up_ms) else {
                    self.say(Outcome::TooLate, &person.shown);
                    return Ok(());
                };
                let (bodies, outcome) = session.attendance.manual(&by, &person.id, &reason);
                self.record(bodies, outcome, &person.shown, "")
            }
        }
    }
}
