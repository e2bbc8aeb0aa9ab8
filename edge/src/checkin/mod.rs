//! One tap: from a card and what the camera saw to records, and to what the kiosk shows. Pure.

use std::collections::BTreeMap;

use muster_hours::assurance::{LIVE_PERMILLE, level};
use muster_seal::record::{Body, Card, Face, Instructor, Manual, Present, Record, Stranger, Way};
use muster_wire::assignment::{Assigned, Person, card_hash};

use crate::camera::{FaceOutcome, Sighting};

pub mod ask;
pub mod outcome;

use outcome::{Outcome, advice};

/// How alike two faces must be to be the same group within a session, cosine per mille.
const SAME_GROUP: i64 = 400;
/// Why an instructor may enter somebody by hand.
pub const REASONS: [&str; 3] = ["no-chip", "reader-down", "other"];

/// Whose card it was.
#[derive(Debug, Clone, PartialEq)]
pub enum Whose {
    /// A trainee's.
    Trainee(Person),
    /// An instructor's.
    Instructor(Person),
    /// Nobody's on the roster.
    Stranger,
}

/// What a tap is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Checks in, or out.
    Way(Way),
    /// Came again before the stay was long enough to leave: nothing is recorded but the card.
    Repeat,
}

/// Who is in, since when, and how surely; rebuilt from the records after a restart.
#[derive(Debug, Clone, Default)]
pub struct Attendance {
    here: BTreeMap<String, Here>,
    teaching: BTreeMap<String, bool>,
    // Faces by group. After a restart the faces are gone, and their numbers are not given again.
    groups: Vec<(u64, Vec<f32>)>,
    next_group: u64,
    used: bool,
}

/// One trainee who is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Here {
    /// Boot time of the check-in that this level stands on, in milliseconds; 0 after a restart of the machine.
    pub since_up_ms: u64,
    /// Assurance.
    pub level: u64,
}

/// What the policy and the configuration ask.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The level a check-in needs.
    pub level: u64,
    /// A second tap sooner than this is a repeat, in milliseconds.
    pub min_stay_ms: u64,
}

/// The reading of a card that a tap begins with.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The reader's name.
    pub reader: &'a str,
    /// The card's layout.
    pub layout: &'a str,
    /// The number that the first record of this tap will have.
    pub seq: u64,
}

/// Whose card this is, by the class's keyed hashes of its number, or of the one that it had before.
pub fn whose(assigned: &Assigned, number: &str, previous: Option<&str>) -> Whose {
    let key = hex::decode(&assigned.card_key).unwrap_or_default();
    let known = |number: &str| {
        let card = card_hash(&key, number);
        assigned.people.iter().find(|p| p.card == card)
    };
    match known(number).or_else(|| previous.and_then(known)) {
        Some(person) if person.instructor => Whose::Instructor(person.clone()),
        Some(person) => Whose::Trainee(person.clone()),
        None => Whose::Stranger,
    }
}

impl Attendance {
    /// As it stands after these records, which were made in this boot or an earlier one.
    pub fn replay(records: &[Record], boot: &str) -> Self {
        let mut all = Self::default();
        for record in records {
            let since_up_ms = if record.stamp.boot == boot { record.stamp.up_ms } else { 0 };
            all.apply(&record.body, since_up_ms);
        }
        all
    }

    /// Takes a record that was written.
    pub fn apply(&mut self, body: &Body, up_ms: u64) {
        self.used |= matches!(body, Body::Card(_) | Body::Manual(_) | Body::Instructor(_));
        match body {
            Body::Present(p) if p.way == Way::In => {
                // A better check-in starts the stay that counts; the same again does not.
                let before = self.here.get(&p.trainee).filter(|h| h.level >= p.level);
                let (since_up_ms, level) = before.map_or((up_ms, p.level), |h| (h.since_up_ms, h.level));
                self.here.insert(p.trainee.clone(), Here { since_up_ms, level });
            }
            Body::Present(p) if p.way == Way::Out => drop(self.here.remove(&p.trainee)),
            Body::Manual(m) if m.way == Way::In => {
                self.here.insert(m.trainee.clone(), Here { since_up_ms: up_ms, level: m.level });
            }
            Body::Manual(m) => drop(self.here.remove(&m.trainee)),
            Body::Instructor(i) => drop(self.teaching.insert(i.instructor.clone(), i.way == Way::In)),
            Body::Face(f) => self.next_group = self.next_group.max(f.group.map_or(0, |group| group + 1)),
            _ => {}
        }
    }

    /// Did anybody of the roster come at all?
    pub fn is_used(&self) -> bool {
        self.used
    }

    /// Who is in, by opaque id.
    pub fn here(&self) -> &BTreeMap<String, Here> {
        &self.here
    }

    /// Is an instructor in?
    pub fn taught(&self) -> bool {
        self.teaching.values().any(|t| *t)
    }

    /// What a tap of this trainee is for.
    pub fn purpose(&self, person: &Person, rules: Rules, now_up_ms: u64) -> Purpose {
        // Card and instructor are all that can be had of somebody who declines the face.
        let needed = if person.declined { 1 } else { rules.level };
        match self.here.get(&person.id) {
            // Never surely in, so never out: came to be seen, or to be seen better.
            None => Purpose::Way(Way::In),
            Some(here) if here.level < needed => Purpose::Way(Way::In),
            Some(here) if now_up_ms < here.since_up_ms + rules.min_stay_ms => Purpose::Repeat,
            Some(_) => Purpose::Way(Way::Out),
        }
    }

    /// The number of a face's group within this session, a new one if it is like none before.
    fn group(&mut self, embedding: &[f32]) -> u64 {
        let alike = |known: &&(u64, Vec<f32>)| crate::camera::cosine(&known.1, embedding) >= SAME_GROUP;
        if let Some((group, _)) = self.groups.iter().find(alike) {
            return *group;
        }
        let group = self.next_group;
        self.next_group += 1;
        self.groups.push((group, embedding.to_vec()));
        group
    }

    /// The records of a trainee's tap; and what the kiosk shows.
    pub fn trainee(
        &mut self,
        person: &Person,
        reading: &Reading<'_>,
        purpose: Purpose,
        seen: Option<&Sighting>,
        rules: Rules,
    ) -> (Vec<Body>, Outcome) {
        let &Reading { reader, layout, seq } = reading;
        let trainee = person.id.clone();
        let card = Body::Card(Card { reader: reader.to_owned(), trainee: trainee.clone(), layout: layout.to_owned() });
        let Purpose::Way(way) = purpose else { return (vec![card], Outcome::Already) };
        if person.declined {
            // Another way than the face: the card, and the instructor beside it.
            return (vec![card], Outcome::AskInstructor);
        }
        let face = seen.map(|seen| {
            let group = seen.embedding.as_deref().map(|e| self.group(e));
            face_of(seen, seq, &trainee, group)
        });
        let level = level(face.as_ref(), LIVE_PERMILLE);
        let present = Present { trainee, way, level, tap: seq, face: face.as_ref().map(|_| seq + 1) };
        let outcome = match way {
            _ if level < rules.level => advice(seen),
            Way::Out => Outcome::Out,
            _ => Outcome::In,
        };
        let mut bodies = vec![card];
        bodies.extend(face.map(Body::Face));
        // A check-out that is not sure enough does not end a stay that was: whoever it is may still be standing there.
        let was_sure = self.here.get(&person.id).is_some_and(|h| h.level >= rules.level);
        if !(way == Way::Out && level < rules.level && was_sure) {
            bodies.push(Body::Present(present));
        }
        (bodies, outcome)
    }

    /// The record of an instructor who attests a trainee who declines the face.
    pub fn vouch(by: &Person, trainee: &str, way: Way) -> (Vec<Body>, Outcome) {
        let (trainee, by) = (trainee.to_owned(), by.id.clone());
        let manual = Manual { trainee, way, by, reason: "declined".to_owned(), level: 1 };
        (vec![Body::Manual(manual)], Outcome::ByInstructor)
    }

    /// The record of a trainee whom an instructor enters by hand: in, or out where the trainee is in.
    pub fn manual(&self, by: &str, trainee: &str, reason: &str) -> (Vec<Body>, Outcome) {
        let inside = self.here.contains_key(trainee);
        let (way, outcome) = if inside { (Way::Out, Outcome::ManualOut) } else { (Way::In, Outcome::ManualIn) };
        let (trainee, by, reason) = (trainee.to_owned(), by.to_owned(), reason.to_owned());
        (vec![Body::Manual(Manual { trainee, way, by, reason, level: 0 })], outcome)
    }

    /// The record of an instructor's own tap, and what the kiosk shows.
    pub fn instructor(&self, person: &Person) -> (Vec<Body>, Outcome) {
        let inside = self.teaching.get(&person.id).copied().unwrap_or(false);
        let (way, outcome) = if inside { (Way::Out, Outcome::InstructorOut) } else { (Way::In, Outcome::InstructorIn) };
        let body = Instructor { instructor: person.id.clone(), way, by: "card".to_owned() };
        (vec![Body::Instructor(body)], outcome)
    }

    /// The record of a card that is nobody's here.
    pub fn stranger(reader: &str) -> (Vec<Body>, Outcome) {
        (vec![Body::Stranger(Stranger { reader: reader.to_owned() })], Outcome::Stranger)
    }
}

fn face_of(seen: &Sighting, tap: u64, trainee: &str, group: Option<u64>) -> Face {
    let outcome = match seen.outcome {
        FaceOutcome::Match => "match",
        FaceOutcome::Face => "face",
        FaceOutcome::Again => "again",
        FaceOutcome::Mismatch => "mismatch",
        FaceOutcome::Poor(_) => "poor",
        FaceOutcome::NoFace => "none",
        FaceOutcome::NoCamera => "no-camera",
    };
    let (other, other_score) = seen.other.clone().unzip();
    Face {
        tap,
        trainee: trainee.to_owned(),
        outcome: outcome.to_owned(),
        detector: seen.detector.to_owned(),
        frames: u64::from(seen.frames),
        quality: seen.quality.max(0) as u64,
        frame: seen.frame_sha256.map(hex::encode).unwrap_or_default(),
        score: seen.score,
        other: other.unwrap_or_default(),
        other_score,
        live: seen.live,
        group,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
