//! Claimed hours as cells: which class hours a claim asks to be paid, and what logs say of each. Pure.
//!
//! A claim says how many hours, not which. It gets the benefit: attested lessons first, then unproven ones, then those that
//! were logged and did not count, then those that were never held, each in order of time. Hours beyond the schedule
//! have no lesson at all.
//!
//! A person is in one place at a time and has one day: what is attested in two classes at once counts in the one whose
//! session was opened first, and the daily cap holds over all classes that are claimed for.
//!
//! A cell is a few bytes while it is decided: a province has tens of millions.

pub mod load;
mod persons;
pub mod sheet;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

/// What a cell looks like; the better ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// It counts.
    Attested,
    /// Something was down, or closed, or allowed.
    Unproven,
    /// The trainee was seen in that session.
    Tail,
    /// The class met, and the trainee was not seen.
    Blank,
    /// No log of the class has the lesson.
    NotHeld,
    /// More hours than the schedule has.
    Beyond,
}

impl Shape {
    /// All, in their order.
    pub const ALL: [Self; 6] = [Self::Attested, Self::Unproven, Self::Tail, Self::Blank, Self::NotHeld, Self::Beyond];

    /// As the table says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attested => "attested",
            Self::Unproven => "unproven",
            Self::Tail => "tail",
            Self::Blank => "blank",
            Self::NotHeld => "not-held",
            Self::Beyond => "beyond",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shape| shape.as_str() == text)
    }
}

/// Why a cell does not count, as the table says it; empty when it does.
pub type Reason = &'static str;

/// Reasons that a log gives.
const OF_LOGS: [Reason; 6] = ["not-seen", "too-short", "low-assurance", "missed-spot", "unproven", "daily-cap"];

/// A planned lesson.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Planned {
    /// Which session.
    pub session: String,
    /// Which lesson.
    pub lesson: String,
    /// Where, by region.
    pub region: String,
    /// Days since 1970-01-01 in China.
    pub day: i64,
    /// Start, ms.
    pub start: i64,
    /// End, ms.
    pub end: i64,
}

/// What a log says of one trainee in one lesson.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logged {
    /// What it looks like.
    pub shape: Shape,
    /// Why it does not count; empty when it does.
    pub reason: Reason,
    /// Assurance.
    pub level: u8,
    /// Carried by a manual entry.
    pub manual: bool,
    /// Its place in [`Facts::sessions`].
    pub session: u32,
    /// First and last record.
    pub seqs: Option<(u32, u32)>,
}

/// A session that was logged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Session {
    /// Which device.
    pub device: String,
    /// Which counter.
    pub counter: i64,
    /// When it was opened, ms.
    pub open: i64,
}

/// What is asked to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// For whom.
    pub trainee: String,
    /// The same person across classes.
    pub person: String,
    /// How many class hours.
    pub hours: i64,
    /// Class hours that count on one day, at most.
    pub cap: u32,
}

/// A time without class, power or network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shut {
    /// Where, by the beginning of a region's code.
    pub region: String,
    /// From, ms.
    pub from: i64,
    /// To, ms.
    pub to: i64,
    /// `closed`, `weather`, `power` or `network`.
    pub why: String,
}

/// A swap or a move that was allowed: for one trainee or for all, for one lesson or all in a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    /// `swapped` or `moved`.
    pub why: Reason,
    /// Whom; empty for all.
    pub trainee: String,
    /// Which lesson; empty for all.
    pub lesson: String,
    /// From, ms.
    pub from: i64,
    /// To, ms.
    pub to: i64,
}

/// A class that is claimed for.
#[derive(Debug, Clone, Default)]
pub struct Class {
    /// Its id.
    pub class: String,
    /// Its schedule, in order of time.
    pub plan: Vec<Planned>,
    /// What is claimed, in order of trainees.
    pub asked: Vec<Asked>,
    /// Of its lessons, those that any log has.
    pub held: Vec<bool>,
    /// When it met, by any device.
    pub met: Vec<(i64, i64)>,
    /// Swaps and moves.
    pub permits: Vec<Permit>,
    /// What logs say: a row for each of `asked`, a column for each of `plan`.
    pub logged: Vec<Option<Logged>>,
    lessons: HashMap<String, usize>,
}

/// What is known of all classes.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// By their ids.
    pub classes: Vec<Class>,
    /// By device and counter.
    pub sessions: Vec<Session>,
    /// What the bureau published.
    pub shut: Vec<Shut>,
}

/// What a cell comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// What it looks like.
    pub shape: Shape,
    /// Why it does not count; empty when it does.
    pub reason: Reason,
}

/// What logs say of a claimed trainee over the whole schedule, whatever was claimed of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Lessons planned.
    pub planned: i64,
    /// Of these, attested.
    pub attested: i64,
    /// Of these, unproven.
    pub unproven: i64,
}

/// The marks of one class: a row for each of [`Class::asked`], a column for each of [`Class::plan`].
pub type Marks = Vec<Mark>;

impl Class {
    /// A class with its schedule and claims, which are put in order.
    pub fn new(class: &str, mut plan: Vec<Planned>, mut asked: Vec<Asked>) -> Self {
        plan.sort_by(|a, b| (a.start, &a.lesson).cmp(&(b.start, &b.lesson)));
        asked.sort_by(|a, b| a.trainee.cmp(&b.trainee));
        let lessons = plan.iter().enumerate().map(|(i, p)| (p.lesson.clone(), i)).collect();
        let (held, logged) = (vec![false; plan.len()], vec![None; plan.len() * asked.len()]);
        Self { class: class.to_owned(), plan, asked, held, logged, lessons, ..Self::default() }
    }

    /// The column of a lesson.
    pub fn lesson(&self, lesson: &str) -> Option<usize> {
        self.lessons.get(lesson).copied()
    }

    /// The row of a trainee.
    pub fn trainee(&self, trainee: &str) -> Option<usize> {
        self.asked.binary_search_by(|a| a.trainee.as_str().cmp(trainee)).ok()
    }

    /// What a list with a column for each lesson has for one row.
    pub fn row<'a, T>(&self, all: &'a [T], row: usize) -> &'a [T] {
        &all[row * self.plan.len()..][..self.plan.len()]
    }

    /// Takes what one log says of a cell. Two devices may have held one lesson: the better word stands, and of two that are as
    /// good that of the session which comes first.
    pub fn log(&mut self, row: usize, column: usize, logged: Logged) {
        let at = row * self.plan.len() + column;
        let better = |old: &Logged| (logged.shape, logged.session) < (old.shape, old.session);
        if self.logged[at].as_ref().is_none_or(better) {
            self.logged[at] = Some(logged);
        }
    }

    /// What each cell comes to by this class alone.
    fn marks(&self, shut: &[Shut]) -> Marks {
        let columns: Vec<Column<'_>> = (0..self.plan.len()).map(|i| self.column(i, shut)).collect();
        let mut marks = Vec::with_capacity(self.logged.len());
        for (row, asked) in self.asked.iter().enumerate() {
            let permits: Vec<&Permit> =
                self.permits.iter().filter(|p| p.trainee.is_empty() || p.trainee == asked.trainee).collect();
            let logged = self.row(&self.logged, row);
            marks.extend(columns.iter().zip(logged).map(|(column, logged)| column.mark(logged.as_ref(), &permits)));
        }
        marks
    }

    fn column(&self, i: usize, shut: &[Shut]) -> Column<'_> {
        let planned = &self.plan[i];
        let during = |from: i64, to: i64| from < planned.end && to > planned.start;
        // The class met, and whom no log has was not on its roster then: joined late, or left.
        let absent = if self.held[i] {
            Mark { shape: Shape::Blank, reason: "not-on-roster" }
        } else if self.met.iter().any(|(open, close)| during(*open, *close)) {
            // It met at that time under another lesson: the schedule was changed afterwards.
            Mark { shape: Shape::Blank, reason: "moved" }
        } else {
            Mark { shape: Shape::NotHeld, reason: "not-logged" }
        };
        let (mut closed, mut network) = (None, None);
        for s in shut.iter().filter(|s| during(s.from, s.to) && planned.region.starts_with(&s.region)) {
            match s.why.as_str() {
                // A device needs no network to see who comes; only its log cannot come.
                "network" => network = network.or(Some("outage")),
                "power" => closed = closed.or(Some("outage")),
                _ => closed = closed.or(Some("closed")),
            }
        }
        Column { planned, absent, closed, network }
    }
}

/// What is known of a lesson, whoever it is about.
struct Column<'a> {
    planned: &'a Planned,
    absent: Mark,
    closed: Option<Reason>,
    network: Option<Reason>,
}

impl Column<'_> {
    fn mark(&self, logged: Option<&Logged>, permits: &[&Permit]) -> Mark {
        let mark = logged.map_or(self.absent, |l| Mark { shape: l.shape, reason: l.reason });
        if mark.shape <= Shape::Unproven {
            return mark;
        }
        let allowed = |p: &&&Permit| {
            let there = if p.lesson.is_empty() {
                p.from < self.planned.end && p.to > self.planned.start
            } else {
                p.lesson == self.planned.lesson
            };
            // Who came to the old room after a move was seen there; a move excuses only that nobody was.
            there && (p.why == "swapped" || mark.shape == Shape::NotHeld)
        };
        let network = self.network.filter(|_| mark.shape == Shape::NotHeld);
        match self.closed.or(network).or_else(|| permits.iter().find(allowed).map(|p| p.why)) {
            Some(reason) => Mark { shape: Shape::Unproven, reason },
            None => mark,
        }
    }
}

/// Decides what each cell of each class comes to.
pub fn decide(facts: &Facts) -> Vec<Marks> {
    let mut all: Vec<Marks> = facts.classes.iter().map(|class| class.marks(&facts.shut)).collect();
    persons::settle(facts, &mut all);
    all
}

/// The hours of a claim, in the order it gets them: the columns of its lessons, the better ones first. Hours beyond these
/// have no lesson.
pub fn order(marks: &[Mark]) -> Vec<usize> {
    let mut order = Vec::with_capacity(marks.len());
    for shape in Shape::ALL {
        order.extend(marks.iter().enumerate().filter(|(_, m)| m.shape == shape).map(|(i, _)| i));
    }
    order
}

/// What stands of a claim.
pub fn standing(marks: &[Mark]) -> Standing {
    let count = |shape| marks.iter().filter(|m| m.shape == shape).count() as i64;
    Standing { planned: marks.len() as i64, attested: count(Shape::Attested), unproven: count(Shape::Unproven) }
}
