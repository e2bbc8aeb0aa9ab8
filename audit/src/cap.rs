//! The daily cap over all the sessions given: what one trainee has on one day beyond it does not count.
//!
//! A trainee's id belongs to a class, so that an auditor cannot follow people from class to class: neither can the cap here.

use std::collections::HashSet;

use muster_hours::cap::{Hour, above_cap};
use muster_hours::count::Shape;

use crate::report::Facts;
use crate::verify::Held;

/// A session's lessons and who attested which: what the cap needs, four bytes a cell.
#[derive(Debug)]
pub struct Lessons {
    class: String,
    cap: u32,
    lessons: Vec<Lesson>,
    trainees: Vec<String>,
    /// Trainee and lesson, by place in the lists above.
    attested: Vec<(u16, u16)>,
}

#[derive(Debug)]
struct Lesson {
    name: String,
    /// Year, month and day where the lesson is held, as `20260302`.
    day: i64,
    start: i64,
}

impl Lessons {
    /// Of a session that holds.
    pub fn of(held: &Held) -> Self {
        let assignment = &held.plan.assignment;
        let lessons: Vec<Lesson> = assignment
            .lessons
            .iter()
            .zip(&held.plan.times)
            .map(|(lesson, (start, _))| Lesson { name: lesson.lesson.clone(), day: day(&lesson.start), start: *start })
            .collect();
        // The count gives one cell for each trainee and lesson, by trainee and then by lesson.
        let width = lessons.len().max(1);
        let attested = held.counted.cells.iter().enumerate().filter(|(_, cell)| cell.shape == Shape::Attested);
        let place = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let attested = attested.map(|(i, _)| (place(i / width), place(i % width))).collect();
        let (class, trainees) = (assignment.class.clone(), assignment.trainees.clone());
        Self { class, cap: assignment.policy.daily_cap, lessons, trainees, attested }
    }
}

/// A start was parsed as RFC 3339 when it became a plan, so its date stands in front.
fn day(start: &str) -> i64 {
    start.bytes().take(10).filter(u8::is_ascii_digit).fold(0, |n, digit| n * 10 + i64::from(digit - b'0'))
}

/// Holds the cap, as the server does.
pub fn hold(sessions: &mut [(&Lessons, &mut Facts)]) {
    // A class and an opaque id in it name a person here; neither has a slash. A name is kept once, its hours are many.
    let name = |class: &str, trainee: &str| format!("{class}/{trainee}");
    let people: HashSet<String> =
        sessions.iter().flat_map(|(s, _)| s.trainees.iter().map(|trainee| name(&s.class, trainee))).collect();
    let mut hours: Vec<Hour<'_>> = Vec::new();
    let mut places: Vec<(usize, u16, u16)> = Vec::new();
    for (at, (session, _)) in sessions.iter().enumerate() {
        let session: &Lessons = session;
        let names: Vec<String> = session.trainees.iter().map(|trainee| name(&session.class, trainee)).collect();
        for (trainee, lesson) in &session.attested {
            let when = &session.lessons[usize::from(*lesson)];
            let Some(person) = people.get(&names[usize::from(*trainee)]) else { continue };
            hours.push(Hour { person, day: when.day, start: when.start, lesson: &when.name, cap: session.cap });
            places.push((at, *trainee, *lesson));
        }
    }
    for ((at, trainee, lesson), _) in places.into_iter().zip(above_cap(&hours)).filter(|(_, above)| *above) {
        let (session, facts) = &mut sessions[at];
        facts.above_cap(&session.trainees[usize::from(trainee)], &session.lessons[usize::from(lesson)].name);
    }
}
