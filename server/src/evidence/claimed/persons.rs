//! One person is in one place at a time, and has one day.

use std::collections::{BTreeMap, HashMap};

use muster_hours::cap::{Hour, above_cap};

use super::{Class, Facts, Mark, Marks, Shape};

/// A claimed hour: its class, row and column.
type At = (usize, usize, usize);

/// Settles what a person cannot have in two classes at once, and what is above the day's cap.
pub(super) fn settle(facts: &Facts, all: &mut [Marks]) {
    let mut claims: HashMap<&str, Vec<(usize, usize)>> = HashMap::new();
    for (c, class) in facts.classes.iter().enumerate() {
        let alone = tight(class);
        for (row, asked) in class.asked.iter().enumerate() {
            let of = claims.entry(&asked.person).or_default();
            of.push((c, row));
            // A schedule that overlaps itself, or has more lessons in a day than the cap, is settled like two classes.
            if alone.is_some_and(|most| most > asked.cap) {
                of.push((c, row));
            }
        }
    }
    for mut of in claims.into_values().filter(|of| of.len() > 1) {
        of.dedup();
        one(facts, all, &of);
    }
}

/// The most lessons of a class on one day; without end when two of its lessons overlap.
fn tight(class: &Class) -> Option<u32> {
    if class.plan.windows(2).any(|w| w[0].end > w[1].start) {
        return Some(u32::MAX);
    }
    class.plan.chunk_by(|a, b| a.day == b.day).map(|day| day.len() as u32).max()
}

fn one(facts: &Facts, all: &mut [Marks], of: &[(usize, usize)]) {
    let attested = |all: &[Marks]| -> Vec<At> {
        let of_claim = |(c, row): &(usize, usize)| {
            let marks = facts.classes[*c].row(&all[*c], *row);
            let mine = marks.iter().enumerate().filter(|(_, m)| m.shape == Shape::Attested);
            mine.map(|(column, _)| (*c, *row, column)).collect::<Vec<_>>()
        };
        of.iter().flat_map(of_claim).collect()
    };
    let mut order = attested(all);
    order.sort_by_key(|(c, row, column)| {
        let class = &facts.classes[*c];
        let session = class.row(&class.logged, *row)[*column].map(|l| l.session);
        let open = session.and_then(|s| facts.sessions.get(s as usize)).map_or(0, |s| s.open);
        (open, session, class.plan[*column].start, *c)
    });
    // What counts already does not overlap itself, so the last one that starts before this one's end tells.
    let mut taken: BTreeMap<i64, i64> = BTreeMap::new();
    for at in order {
        let planned = &facts.classes[at.0].plan[at.2];
        if taken.range(..planned.end).next_back().is_some_and(|(_, end)| *end > planned.start) {
            put(facts, all, at, Mark { shape: Shape::Tail, reason: "overlap" });
        } else {
            taken.insert(planned.start, planned.end);
        }
    }
    let order = attested(all);
    let hour = |(c, row, column): &At| {
        let (class, planned) = (&facts.classes[*c], &facts.classes[*c].plan[*column]);
        let asked = &class.asked[*row];
        Hour { person: &asked.person, day: planned.day, start: planned.start, lesson: &planned.lesson, cap: asked.cap }
    };
    let above = above_cap(&order.iter().map(hour).collect::<Vec<_>>());
    for (at, _) in order.into_iter().zip(above).filter(|(_, above)| *above) {
        put(facts, all, at, Mark { shape: Shape::Tail, reason: "daily-cap" });
    }
}

fn put(facts: &Facts, all: &mut [Marks], (c, row, column): At, mark: Mark) {
    all[c][row * facts.classes[c].plan.len() + column] = mark;
}
