//! The claimed hours of one class, one by one: what each is, the records that say so, and what disproves it.
//!
//! A run keeps no cells, a province has tens of millions. They are decided anew from the evidence in force and what is imported
//! now, by the code that the run uses; what disproves them is what the newest run found.

use std::collections::{BTreeSet, HashMap};

use super::again::neighbours;
use super::reconcile::facts_of;
use super::{header::Grade, money};
use crate::evidence::claimed::{self, Class, Facts, Logged, Mark, Planned, Shape};
use crate::store::{Store, StoreError, findings};

/// The records that say what a cell is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Which device.
    pub device: String,
    /// Which session counter.
    pub counter: i64,
    /// First and last record; `None` where the log has none of that trainee then.
    pub seqs: Option<(u32, u32)>,
}

/// One trainee in one lesson, or an hour that no lesson has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Its number among the hours of the claim, from 1; `None` when it is not claimed.
    pub n: Option<i64>,
    /// Its place in [`Cells::plan`]; `None` beyond the schedule.
    pub column: Option<usize>,
    /// What it looks like.
    pub shape: Shape,
    /// Why it does not count; empty when it does.
    pub reason: &'static str,
    /// What says so; `None` where no log of the class has it.
    pub source: Option<Source>,
    /// The rules whose certain or strong findings say that it never was so, the first cause first.
    pub disproved: Vec<String>,
}

/// A claimed trainee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// By the roster's opaque id.
    pub trainee: String,
    /// One for each planned lesson in order of time, then those beyond the schedule.
    pub cells: Vec<Cell>,
}

/// The claimed hours of a class.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cells {
    /// The class's lessons in order of time.
    pub plan: Vec<Planned>,
    /// The claimed trainees, by id.
    pub people: Vec<Person>,
}

/// Decides the cells of a class; none when nothing is claimed for it.
///
/// # Errors
/// [`StoreError`].
pub fn of_class(store: &Store, class: &str) -> Result<Cells, StoreError> {
    let (classes, disproved) = store.read(|conn| {
        let (classes, _) = neighbours(conn, &BTreeSet::from([class.to_owned()]))?;
        let run = findings::newest_run(conn)?.map_or(0, |run| run.run);
        Ok::<_, StoreError>((classes, disproving(findings::suspecting(conn, run, class)?)))
    })?;
    // The other classes of its trainees decide, too: one person is in one place, and has one day.
    let facts = facts_of(store, &classes)?;
    let marks = claimed::decide(&facts);
    let mut all = facts.classes.iter().zip(&marks);
    Ok(all.find(|(c, _)| c.class == class).map(|(c, marks)| cells(&facts, c, marks, &disproved)).unwrap_or_default())
}

/// Rules by trainee and lesson, and by trainee and number where there is no lesson.
#[derive(Debug, Default)]
struct Disproved {
    lessons: HashMap<(String, String), Vec<String>>,
    beyond: HashMap<(String, i64), Vec<String>>,
}

fn disproving(mut found: Vec<findings::Suspecting>) -> Disproved {
    found.sort_by_key(|f| (f.grade != Grade::Certain, money::place(&f.rule), f.rule.clone()));
    let mut all = Disproved::default();
    for f in found {
        for hit in f.hits.into_iter().filter(|hit| hit.suspect && hit.cell > 0) {
            let rules = match hit.lesson.as_str() {
                "" => all.beyond.entry((hit.trainee, hit.cell)).or_default(),
                _ => all.lessons.entry((hit.trainee, hit.lesson)).or_default(),
            };
            if !rules.contains(&f.rule) {
                rules.push(f.rule.clone());
            }
        }
    }
    all
}

fn cells(facts: &Facts, class: &Class, marks: &[Mark], disproved: &Disproved) -> Cells {
    let people = class.asked.iter().enumerate().map(|(row, asked)| {
        let (mine, logged) = (class.row(marks, row), class.row(&class.logged, row));
        let mut numbers = vec![None; mine.len()];
        for (n, column) in (1..=asked.hours).zip(claimed::order(mine)) {
            numbers[column] = Some(n);
        }
        let planned = mine.iter().enumerate().map(|(i, mark)| {
            let rules = disproved.lessons.get(&(asked.trainee.clone(), class.plan[i].lesson.clone()));
            Cell {
                n: numbers[i],
                column: Some(i),
                shape: mark.shape,
                reason: mark.reason,
                source: logged[i].as_ref().and_then(|l| source(facts, l)),
                disproved: rules.filter(|_| numbers[i].is_some()).cloned().unwrap_or_default(),
            }
        });
        let beyond = (mine.len() as i64 + 1..=asked.hours).map(|n| Cell {
            n: Some(n),
            column: None,
            shape: Shape::Beyond,
            reason: "beyond-schedule",
            source: None,
            disproved: disproved.beyond.get(&(asked.trainee.clone(), n)).cloned().unwrap_or_default(),
        });
        Person { trainee: asked.trainee.clone(), cells: planned.chain(beyond).collect() }
    });
    Cells { people: people.collect(), plan: class.plan.clone() }
}

fn source(facts: &Facts, logged: &Logged) -> Option<Source> {
    let session = facts.sessions.get(logged.session as usize)?;
    Some(Source { device: session.device.clone(), counter: session.counter, seqs: logged.seqs })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::claimed::Asked;
    use crate::rules::engine::Hit;

    fn hit(lesson: &str, cell: i64, suspect: bool) -> Hit {
        Hit {
            class: "c".to_owned(),
            subject: "t".to_owned(),
            trainee: "t".to_owned(),
            cell,
            lesson: lesson.to_owned(),
            suspect,
            ..Hit::default()
        }
    }

    #[test]
    fn hours_are_claimed_best_first_and_the_first_cause_disproves_first() {
        let plan = ["a", "b", "c"].into_iter().zip(0..);
        let plan = plan.map(|(lesson, n)| Planned { lesson: lesson.to_owned(), start: n, ..Planned::default() });
        let asked = |hours| vec![Asked { trainee: "t".to_owned(), person: "p".to_owned(), hours, cap: 8 }];
        let mark = |shape, reason| Mark { shape, reason };
        let marks = [mark(Shape::Blank, "not-seen"), mark(Shape::Attested, ""), mark(Shape::NotHeld, "not-logged")];
        let found = |rule: &str, grade, hits| findings::Suspecting { rule: rule.to_owned(), grade, hits };
        let disproved = disproving(vec![
            found("card-no-face", Grade::Strong, vec![hit("b", 1, true), hit("c", 0, true)]),
            found("hours-over-attested", Grade::Certain, vec![hit("a", 2, true), hit("", 5, true), hit("b", 1, false)]),
            found("phantom-trainee", Grade::Certain, vec![hit("a", 2, true), hit("b", 1, true)]),
        ]);
        let two = cells(&Facts::default(), &Class::new("c", plan.clone().collect(), asked(2)), &marks, &disproved);
        let of = |c: &Cell| (c.n, c.disproved.join(" "));
        let seen: Vec<_> = two.people[0].cells.iter().map(of).collect();
        let both = "phantom-trainee hours-over-attested".to_owned();
        // What is not claimed is disproved by nothing.
        assert_eq!(
            seen,
            [(Some(2), both), (Some(1), "phantom-trainee card-no-face".to_owned()), (None, String::new())]
        );
        let five = cells(&Facts::default(), &Class::new("c", plan.collect(), asked(5)), &marks, &disproved);
        let last: Vec<_> = five.people[0].cells[3..].iter().map(|c| (c.n, c.column, c.disproved.len())).collect();
        assert_eq!(last, [(Some(4), None, 0), (Some(5), None, 1)]);
    }
}
