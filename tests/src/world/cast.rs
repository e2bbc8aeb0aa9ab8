//! Who plays what in a class: which habits and frauds it has, who sits in it, and what each takes part in.

use std::collections::BTreeSet;

use super::plan::{Class, Fate, Seat};
use super::time::{DAY, HOUR, midnight};
use super::town::{Making, seat, size};

/// Frauds that need an earlier class.
pub(super) const PAIRED: [&str; 3] = ["two-places", "overlapping-claims", "same-level-twice"];
/// Frauds that a part of the roster takes part in, seat by seat.
const SEATED: [&str; 14] = [
    "phantoms",
    "token-attendance",
    "show-days-only",
    "ends-only",
    "card-stack",
    "stack-slow",
    "one-face",
    "photo",
    "substitute-sits",
    "by-hand",
    "roster-swapped",
    "recruited-crowd",
    "fork",
    "hours-padded",
];
/// Frauds of whole sessions.
const SCHEMED: [&str; 6] =
    ["lessons-invented", "tails-claimed", "ghost-instructor", "clock-turned", "fork", "device-carried"];
/// Frauds of papers alone: everybody sat there.
const PAPER: [&str; 3] = ["without-approval", "outside-licence", "over-size"];

/// All frauds that an institution can commit with a class.
pub fn all() -> Vec<&'static str> {
    let mut all = [&SEATED[..], &SCHEMED[..], &PAIRED[..], &PAPER[..]].concat();
    all.sort_unstable();
    all.dedup();
    all
}

/// The frauds of a class: mostly none, two at most.
pub(super) fn frauds(m: &mut Making<'_>) -> Vec<&'static str> {
    let mut found: Vec<&'static str> = Vec::new();
    for id in all() {
        let rate = m.fraud(id, "classes");
        if m.rng.chance(rate) {
            found.push(id);
        }
    }
    m.rng.shuffle(&mut found);
    found.truncate(2);
    found.sort_unstable();
    found
}

/// The habits that a class has as a whole.
pub(super) fn habits(m: &mut Making<'_>) -> Vec<&'static str> {
    let mut found = Vec::new();
    for id in ["flu", "village-sign-up", "no-template"] {
        let rate = m.habit(id, "rate");
        if m.rng.chance(rate) {
            found.push(id);
        }
    }
    let (together, roll) = (m.habit("arrives-together", "rate"), m.habit("arrives-together", "roll_call"));
    if m.rng.chance(together) {
        found.push(if m.rng.chance(roll) { "roll-call" } else { "arrives-together" });
    }
    found
}

/// The earlier class that a fraud of two classes is about.
pub(super) fn pair(m: &mut Making<'_>, frauds: &[&'static str]) -> Option<usize> {
    if !frauds.iter().any(|f| PAIRED.contains(f)) {
        return None;
    }
    // One that is not itself bad, so that what is true of a class can be told.
    let good: Vec<usize> = (0..m.town.classes.len()).filter(|i| m.town.classes[*i].frauds.is_empty()).collect();
    (!good.is_empty()).then(|| *m.rng.pick(&good))
}

/// Fills the roster.
pub(super) fn seats(m: &mut Making<'_>, class: &mut Class, pair: Option<usize>) {
    let site = m.town.devices[class.device].site;
    let village = m.town.sites[site].village;
    let (first, last) = class.days();
    let wanted = size(m, class);
    let (twins, one_class) = (m.habit("twins", "rate"), m.habit("twins", "one_class"));
    let mut people: Vec<usize> = Vec::new();
    if let Some(other) = pair {
        let share = m.fraud(paired(class), "share");
        let many = ((wanted as f64 * share) as usize).max(3);
        people.extend(
            m.town.classes[other]
                .seats
                .iter()
                .filter(|s| s.was.is_none() && s.leaves == usize::MAX)
                .map(|s| s.person)
                .take(many),
        );
    }
    let linked = people.len();
    while people.len() < wanted {
        if m.rng.chance(0.12) {
            // Somebody who was in another class, of another occupation, at another time.
            let other = m.rng.below(m.town.people.len());
            let apart =
                m.town.people[other].classes.iter().all(|c| (c.1 < first || c.0 > last) && c.2 != class.occupation);
            if apart && !m.town.people[other].classes.is_empty() && !people.contains(&other) {
                people.push(other);
                continue;
            }
        }
        let person = m.person(village);
        people.push(person);
        if m.rng.chance(twins / 2.0) {
            let twin = m.person(village);
            m.town.people[person].twin = Some(m.town.people[twin].face);
            m.town.people[twin].twin = Some(m.town.people[person].face);
            if m.rng.chance(one_class) && people.len() < wanted {
                people.push(twin);
            }
        }
    }
    for person in people {
        let seat = seat(m, class, person);
        class.seats.push(seat);
        m.town.people[person].classes.push((first, last, class.occupation, class.level));
    }
    for seat in class.seats.iter_mut().take(linked) {
        seat.role = Some(if class.frauds.contains(&"two-places") {
            "two-places"
        } else if class.frauds.contains(&"overlapping-claims") {
            "overlapping-claims"
        } else {
            "same-level-twice"
        });
    }
    class.seats.sort_by(|a, b| a.id.cmp(&b.id));
    illness(m, class);
    families(m, class);
    roles(m, class);
    changes(m, class);
    for _ in 0..2 {
        let person = teacher(m, class);
        class.teachers.push((person, class.id_of(true, &m.town.people[person].number)));
    }
}

/// A teacher of the institution who has no other class on the days of this one; a new one where all have.
fn teacher(m: &mut Making<'_>, class: &Class) -> usize {
    let days = |class: &Class| class.sessions.iter().map(|s| s.day).collect::<BTreeSet<i64>>();
    let taken = days(class);
    let others: Vec<&Class> = m.town.classes.iter().filter(|c| !days(c).is_disjoint(&taken)).collect();
    let busy =
        |person: &usize| others.iter().copied().chain([class]).any(|c| c.teachers.iter().any(|t| t.0 == *person));
    if let Some(free) = m.town.institutions[class.institution].teachers.iter().find(|p| !busy(p)) {
        return *free;
    }
    let person = m.person(false);
    m.town.institutions[class.institution].teachers.push(person);
    person
}

fn paired(class: &Class) -> &'static str {
    PAIRED.into_iter().find(|f| class.frauds.contains(f)).unwrap_or(PAIRED[0])
}

fn illness(m: &mut Making<'_>, class: &mut Class) {
    let (first, last) = class.days();
    // A spell takes three days on average.
    let (rate, flu) = (m.habit("ill", "rate") / 3.0, m.habit("flu", "share"));
    let week = m.rng.range(first, last);
    let wave = class.has("flu");
    for seat in &mut class.seats {
        let mut day = first;
        while day <= last {
            let spell = m.rng.range(1, 5);
            if m.rng.chance(rate) {
                seat.ill.push((day, day + spell - 1));
                day += spell;
            }
            day += 1;
        }
        if wave && m.rng.chance(flu) {
            let from = week + m.rng.range(0, 4);
            seat.ill.push((from, from + m.rng.range(2, 4)));
        }
    }
}

fn families(m: &mut Making<'_>, class: &mut Class) {
    let rate = m.habit("family-phone", "rate");
    for i in 1..class.seats.len() {
        if m.rng.chance(rate) {
            let other = class.seats[i - 1].clone();
            (class.seats[i].phone, class.seats[i].payee) = (other.phone, other.payee);
        }
    }
    if class.has("recruited-crowd") {
        let who = format!("6299{:012}", m.rng.below(1_000_000_000));
        for seat in class.seats.iter_mut().filter(|_| m.rng.chance(0.7)) {
            (seat.introducer, seat.payee) = (format!("199{}", &who[8..]), who.clone());
        }
    }
}

/// Gives seats their parts.
fn roles(m: &mut Making<'_>, class: &mut Class) {
    for fraud in class.frauds.clone() {
        if !SEATED.contains(&fraud) || matches!(fraud, "hours-padded" | "roster-swapped") {
            continue;
        }
        let share = m.fraud(fraud, if fraud == "fork" { "roster" } else { "share" });
        let many = ((class.seats.len() as f64 * share).round() as usize).max(least(fraud));
        // People sit beside those they know, and their cards lie in one drawer: seats of one part are neighbours.
        let start = m.rng.below(class.seats.len());
        let order: Vec<usize> = (0..class.seats.len()).map(|i| (start + i) % class.seats.len()).collect();
        let free = order.into_iter().filter(|i| {
            let person = &m.town.people[class.seats[*i].person];
            class.seats[*i].role.is_none() && !person.declines
        });
        for i in free.take(many).collect::<Vec<_>>() {
            class.seats[i].role = Some(fraud);
        }
    }
}

/// How few make it that fraud.
fn least(fraud: &str) -> usize {
    match fraud {
        "show-days-only" | "card-stack" | "stack-slow" => 6,
        "one-face" | "ends-only" | "recruited-crowd" => 5,
        "substitute-sits" => 1,
        _ => 2,
    }
}

/// Who comes onto the roster later, and under which other number.
fn changes(m: &mut Making<'_>, class: &mut Class) {
    let corrected = m.habit("id-corrected", "rate");
    for i in 0..class.seats.len() {
        if class.seats[i].role.is_none() && m.rng.chance(corrected) {
            let new = m.person(false);
            let old = m.town.people[class.seats[i].person].clone();
            let number = std::mem::take(&mut m.town.people[new].number);
            m.town.people[new] = super::people::Person { number, ..old };
            let joins = m.rng.range(1, 3) as usize;
            class.seats[i].leaves = joins;
            let id = class.id_of(false, &m.town.people[new].number);
            let seat = Seat { person: new, id, joins, leaves: usize::MAX, was: Some(i), ..class.seats[i].clone() };
            class.seats.push(seat);
        }
    }
    if class.has("roster-swapped") {
        let share = m.fraud("roster-swapped", "share");
        let many = ((class.seats.len() as f64 * share) as usize).max(4);
        let leaving: Vec<usize> = (0..class.seats.len())
            .filter(|i| {
                class.seats[*i].role.is_none() && class.seats[*i].leaves == usize::MAX && class.seats[*i].was.is_none()
            })
            .take(many)
            .collect();
        for i in leaving {
            class.seats[i].leaves = 4;
            let person = m.person(false);
            let new = seat(m, class, person);
            let role = Some("roster-swapped");
            class.seats.push(Seat { joins: 4, role, ill: class.seats[i].ill.clone(), ..new });
        }
    }
}

/// Gives sessions their part, and the class its papers.
pub(super) fn schemes(m: &mut Making<'_>, class: &mut Class) {
    for fraud in class.frauds.clone() {
        if !SCHEMED.contains(&fraud) {
            continue;
        }
        let share = m.fraud(fraud, "share");
        let many = ((class.sessions.len() as f64 * share).round() as usize).max(if fraud == "fork" { 1 } else { 3 });
        let mut open: Vec<usize> = (1..class.sessions.len())
            .filter(|i| class.sessions[*i].fate == Fate::Held && class.sessions[*i].scheme.is_none())
            .collect();
        m.rng.shuffle(&mut open);
        for i in open.into_iter().take(many) {
            class.sessions[i].scheme = Some(fraud);
            if fraud == "lessons-invented" {
                class.sessions[i].fate = Fate::Invented;
            }
        }
    }
    let (first, last) = class.days();
    let before = midnight(first) - m.rng.range(3, 12) * DAY + m.rng.range(9, 16) * HOUR;
    class.approved = Some(before);
    if class.has("without-approval") {
        let late = m.fraud("without-approval", "late");
        class.approved = m.rng.chance(late).then(|| midnight(last) - 2 * DAY + 10 * HOUR);
    }
    let (over, alone) = (m.fraud("paid-over-finding", "classes"), m.fraud("one-person-release", "classes"));
    let bad = !class.frauds.is_empty();
    class.paid = m.rng.chance(if bad { over } else { 0.9 });
    if class.paid {
        class.conduct.extend(bad.then_some("paid-over-finding"));
        class.conduct.extend(m.rng.chance(alone).then_some("one-person-release"));
    }
    // The notice asks for a visit to six class runs in ten.
    if m.rng.chance(0.65) {
        class.inspected = vec![m.rng.below(class.sessions.len())];
    }
}
