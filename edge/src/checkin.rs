//! One tap: from a card and what the camera saw to records, and to what the kiosk shows. Pure.

use std::collections::BTreeMap;

use muster_hours::assurance::{LIVE_PERMILLE, level};
use muster_seal::record::{Body, Card, Face, Instructor, Manual, Present, Record, Stranger, Way};
use muster_wire::assignment::{Assigned, Person, card_hash};

use crate::camera::{FaceOutcome, Sighting};

/// How alike two faces must be to be the same group within a session, cosine per mille.
const SAME_GROUP: i64 = 400;
/// How long a trainee who declines the face may wait for the instructor, in milliseconds of boot time.
pub const PIN_WAIT_MS: u64 = 30_000;

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

/// What the kiosk says of a tap: a key of the catalogue, and how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Checked in.
    In,
    /// Checked out.
    Out,
    /// Is here already.
    Already,
    /// The card was read; look at the camera.
    Look,
    /// Recorded with less assurance than the policy asks for: look at the camera and tap again.
    LookAgain,
    /// Declined the face: the instructor's card now.
    AskInstructor,
    /// Attested by card and instructor.
    ByInstructor,
    /// The instructor came.
    InstructorIn,
    /// The instructor went.
    InstructorOut,
    /// Not on the roster.
    Stranger,
    /// The card could not be read: put it down again.
    Unreadable,
    /// There is no session now.
    NoSession,
    /// It could not be written: the check-in does not count.
    NotSaved,
}

/// Who is in, since when, and how surely; rebuilt from the records after a restart.
#[derive(Debug, Clone, Default)]
pub struct Attendance {
    here: BTreeMap<String, Here>,
    teaching: BTreeMap<String, bool>,
    groups: Vec<Vec<f32>>,
    waiting: Option<(String, u64)>,
}

/// One trainee who is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Here {
    /// Boot time of the check-in, in milliseconds; 0 after a restart of the machine.
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
    /// When, in milliseconds of boot time.
    pub up_ms: u64,
}

/// Whose card has this number, by the class's keyed hashes.
pub fn whose(assigned: &Assigned, number: &str) -> Whose {
    let key = hex::decode(&assigned.card_key).unwrap_or_default();
    let card = card_hash(&key, number);
    match assigned.people.iter().find(|p| p.card == card) {
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
        match body {
            Body::Present(p) if p.way == Way::In => {
                let since_up_ms = self.here.get(&p.trainee).map_or(up_ms, |h| h.since_up_ms);
                self.here.insert(p.trainee.clone(), Here { since_up_ms, level: p.level });
            }
            Body::Present(p) if p.way == Way::Out => drop(self.here.remove(&p.trainee)),
            Body::Manual(m) if m.way == Way::In => {
                self.here.insert(m.trainee.clone(), Here { since_up_ms: up_ms, level: m.level });
            }
            Body::Manual(m) => drop(self.here.remove(&m.trainee)),
            Body::Instructor(i) => drop(self.teaching.insert(i.instructor.clone(), i.way == Way::In)),
            _ => {}
        }
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
    pub fn purpose(&self, trainee: &str, rules: Rules, now_up_ms: u64) -> Purpose {
        match self.here.get(trainee) {
            None => Purpose::Way(Way::In),
            // Came back to be seen better.
            Some(here) if here.level < rules.level && now_up_ms < here.since_up_ms + rules.min_stay_ms => {
                Purpose::Way(Way::In)
            }
            Some(here) if now_up_ms < here.since_up_ms + rules.min_stay_ms => Purpose::Repeat,
            Some(_) => Purpose::Way(Way::Out),
        }
    }

    /// The number of a face's group within this session, a new one if it is like none before.
    fn group(&mut self, embedding: &[f32]) -> u64 {
        let alike = |known: &Vec<f32>| crate::camera::cosine(known, embedding) >= SAME_GROUP;
        match self.groups.iter().position(alike) {
            Some(group) => group as u64,
            None => {
                self.groups.push(embedding.to_vec());
                self.groups.len() as u64 - 1
            }
        }
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
        let &Reading { reader, layout, seq, up_ms } = reading;
        let trainee = person.id.clone();
        let card = Body::Card(Card { reader: reader.to_owned(), trainee: trainee.clone(), layout: layout.to_owned() });
        let Purpose::Way(way) = purpose else { return (vec![card], Outcome::Already) };
        if person.declined {
            // Another way than the face: the card, and the instructor beside it.
            self.waiting = Some((trainee, up_ms));
            return (vec![card], Outcome::AskInstructor);
        }
        let face = seen.map(|seen| {
            let group = seen.embedding.as_deref().map(|e| self.group(e));
            face_of(seen, seq, &trainee, group)
        });
        let level = level(face.as_ref(), LIVE_PERMILLE);
        let present = Present { trainee, way, level, tap: seq, face: face.as_ref().map(|_| seq + 1) };
        let outcome = match way {
            _ if level < rules.level => Outcome::LookAgain,
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

    /// The records of an instructor's tap, and what the kiosk shows: it attests a trainee who is waiting, or the
    /// instructor comes or goes.
    pub fn instructor(&mut self, person: &Person, up_ms: u64) -> (Vec<Body>, Outcome) {
        if let Some((trainee, since)) = self.waiting.take()
            && up_ms < since + PIN_WAIT_MS
        {
            let way = if self.here.contains_key(&trainee) { Way::Out } else { Way::In };
            let manual = Manual { trainee, way, by: person.id.clone(), reason: "declined".to_owned(), level: 1 };
            return (vec![Body::Manual(manual)], Outcome::ByInstructor);
        }
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
mod tests {
    use super::*;

    const RULES: Rules = Rules { level: 2, min_stay_ms: 60_000 };

    fn person(id: &str, declined: bool) -> Person {
        let shown = "王*".to_owned();
        Person { id: id.into(), instructor: false, card: String::new(), shown, template: None, declined }
    }

    fn seen(outcome: FaceOutcome) -> Sighting {
        Sighting { outcome, ..Sighting::default() }
    }

    fn tap(all: &mut Attendance, who: &Person, outcome: FaceOutcome, up_ms: u64) -> (Vec<Body>, Outcome) {
        let purpose = all.purpose(&who.id, RULES, up_ms);
        let seen = seen(outcome);
        let (bodies, shown) = all.trainee(
            who,
            &Reading { reader: "door", layout: "resident", seq: 5, up_ms },
            purpose,
            Some(&seen),
            RULES,
        );
        bodies.iter().for_each(|b| all.apply(b, up_ms));
        (bodies, shown)
    }

    #[test]
    fn in_then_repeat_then_out() {
        let (mut all, who) = (Attendance::default(), person("t1", false));
        assert_eq!(tap(&mut all, &who, FaceOutcome::Face, 1_000).1, Outcome::In);
        assert_eq!(tap(&mut all, &who, FaceOutcome::Face, 30_000).1, Outcome::Already);
        assert_eq!(all.here().len(), 1);
        assert_eq!(tap(&mut all, &who, FaceOutcome::Face, 61_001).1, Outcome::Out);
        assert!(all.here().is_empty());
    }

    #[test]
    fn a_card_alone_is_recorded_as_that_and_may_be_bettered() {
        let (mut all, who) = (Attendance::default(), person("t1", false));
        let (bodies, shown) = tap(&mut all, &who, FaceOutcome::NoFace, 1_000);
        assert_eq!(shown, Outcome::LookAgain);
        assert!(
            matches!(&bodies[..], [Body::Card(_), Body::Face(f), Body::Present(p)] if f.outcome == "none" && p.level == 1 && p.face == Some(6))
        );
        assert_eq!(tap(&mut all, &who, FaceOutcome::Match, 4_000).1, Outcome::In);
        assert_eq!(all.here()["t1"].level, 3);
    }

    #[test]
    fn a_check_out_without_a_face_does_not_end_a_stay_that_was_sure() {
        let (mut all, who) = (Attendance::default(), person("t1", false));
        tap(&mut all, &who, FaceOutcome::Face, 1_000);
        let (bodies, shown) = tap(&mut all, &who, FaceOutcome::NoFace, 100_000);
        assert_eq!((bodies.len(), shown), (2, Outcome::LookAgain));
        assert_eq!(tap(&mut all, &who, FaceOutcome::Face, 104_000).1, Outcome::Out);
    }

    #[test]
    fn who_declines_the_face_is_attested_by_the_instructor() {
        let (mut all, who) = (Attendance::default(), person("t1", true));
        assert_eq!(tap(&mut all, &who, FaceOutcome::NoFace, 1_000).1, Outcome::AskInstructor);
        let teacher = Person { instructor: true, ..person("i1", false) };
        let (bodies, shown) = all.instructor(&teacher, 9_000);
        assert_eq!(shown, Outcome::ByInstructor);
        assert!(
            matches!(&bodies[..], [Body::Manual(m)] if m.trainee == "t1" && m.level == 1 && m.reason == "declined")
        );
        // Without anybody waiting the same tap is the instructor's own.
        assert_eq!(all.instructor(&teacher, 9_500).1, Outcome::InstructorIn);
    }

    #[test]
    fn a_restart_forgets_nobody() {
        let (mut all, who) = (Attendance::default(), person("t1", false));
        let (bodies, _) = tap(&mut all, &who, FaceOutcome::Face, 1_000);
        let stamp = muster_seal::record::Stamp { boot: "b".into(), up_ms: 1_000, ..Default::default() };
        let records: Vec<Record> = bodies
            .into_iter()
            .enumerate()
            .map(|(i, body)| Record { seq: i as u64, stamp: stamp.clone(), body })
            .collect();
        assert_eq!(Attendance::replay(&records, "b").here(), all.here());
        // After a reboot the stay is old enough to leave.
        let after = Attendance::replay(&records, "c");
        assert_eq!(after.purpose("t1", RULES, 70_000), Purpose::Way(Way::Out));
    }
}
