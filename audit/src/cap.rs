//! The daily cap over all the sessions given: what one trainee has on one day beyond it does not count.
//!
//! A trainee's id belongs to a class, so that an auditor cannot follow people from class to class: neither can the cap here.

use std::collections::HashMap;

use muster_hours::count::{Cell, Reason, Shape, hold_daily_cap};

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

/// Holds the cap. Where a day's sessions are under policies with different caps, the lowest one holds.
pub fn hold(sessions: &mut [(&Lessons, &mut Facts)]) {
    let mut people: HashMap<(&str, &str), u32> = HashMap::new();
    // Person, day, start, session, trainee there, lesson there.
    let mut all: Vec<(u32, i64, i64, usize, u16, u16)> = Vec::new();
    for (at, (session, _)) in sessions.iter().enumerate() {
        for (trainee, lesson) in &session.attested {
            let known = people.len() as u32;
            let who = (session.class.as_str(), session.trainees[usize::from(*trainee)].as_str());
            let person = *people.entry(who).or_insert(known);
            let when = &session.lessons[usize::from(*lesson)];
            all.push((person, when.day, when.start, at, *trainee, *lesson));
        }
    }
    all.sort_unstable();
    let mut over = Vec::new();
    for of_day in all.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let cap = of_day.iter().map(|cell| sessions[cell.3].0.cap).min().unwrap_or(u32::MAX);
        if of_day.len() <= cap as usize {
            continue;
        }
        let cell = |&(_, _, start, at, trainee, lesson): &(u32, i64, i64, usize, u16, u16)| Cell {
            trainee: sessions[at].0.trainees[usize::from(trainee)].clone(),
            lesson: sessions[at].0.lessons[usize::from(lesson)].name.clone(),
            start,
            end: start,
            covered_ms: 0,
            level: 0,
            manual: false,
            shape: Shape::Attested,
            reason: None,
            seqs: None,
        };
        let mut cells: Vec<Cell> = of_day.iter().map(cell).collect();
        hold_daily_cap(&mut cells.iter_mut().collect::<Vec<_>>(), cap, |_| of_day[0].1);
        let lost = of_day.iter().zip(cells).filter(|(_, cell)| cell.reason == Some(Reason::DailyCap));
        over.extend(lost.map(|(found, cell)| (found.3, cell)));
    }
    for (at, cell) in over {
        sessions[at].1.above_cap(&cell.trainee, &cell.lesson);
    }
}
