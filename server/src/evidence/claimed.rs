//! Claimed hours as cells: which class hours a claim asks to be paid, and what logs say of each. Pure.
//!
//! A claim says how many hours, not which. It gets the benefit: attested lessons first, then unproven ones, then those that
//! were logged and did not count, then those that were never held, each in order of time. Hours beyond the schedule
//! have no lesson at all.
//!
//! A person is in one place at a time and has one day: what is attested in two classes at once counts in the one whose
//! session was opened first, and the daily cap holds over all classes that are claimed for.

use std::collections::{BTreeMap, BTreeSet};

use muster_hours::cap::{Hour, above_cap};
use muster_hours::count::Reason;

use super::tables::{Row, Val};

/// A planned lesson.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// `attested`, `tail`, `blank` or `unproven`.
    pub shape: String,
    /// Why it does not count.
    pub reason: Option<String>,
    /// Assurance.
    pub level: i64,
    /// Where it stands.
    pub device: String,
    /// Where it stands.
    pub counter: i64,
    /// Where it stands.
    pub seqs: Option<(i64, i64)>,
    /// When its session was opened, ms.
    pub open: i64,
}

/// What is asked to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Which class.
    pub class: String,
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

/// What is known of the classes.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The schedule of each class.
    pub plans: BTreeMap<String, Vec<Planned>>,
    /// What logs say of a class's trainee, by lesson.
    pub logged: BTreeMap<(String, String), BTreeMap<String, Logged>>,
    /// Lessons of a class that any log of it has.
    pub held: BTreeSet<(String, String)>,
    /// When each class met, by any device.
    pub met: BTreeMap<String, Vec<(i64, i64)>>,
    /// What the bureau published.
    pub shut: Vec<Shut>,
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

struct Cell<'a> {
    planned: &'a Planned,
    logged: Option<&'a Logged>,
    shape: &'a str,
    reason: Option<&'a str>,
}

fn rank(shape: &str) -> u8 {
    match shape {
        "attested" => 0,
        "unproven" => 1,
        "tail" => 2,
        "blank" => 3,
        _ => 4,
    }
}

/// The better of two logs' words on one cell: two devices may have held one lesson.
pub fn better(a: Logged, b: Logged) -> Logged {
    if rank(&b.shape) < rank(&a.shape) { b } else { a }
}

impl Facts {
    fn cells<'a>(&'a self, asked: &Asked) -> Vec<Cell<'a>> {
        let key = (asked.class.clone(), asked.trainee.clone());
        let logged = self.logged.get(&key);
        let mut plan: Vec<&Planned> = self.plans.get(&asked.class).into_iter().flatten().collect();
        plan.sort_by_key(|p| (p.start, p.lesson.as_str()));
        let cell = |planned: &'a Planned| {
            let logged = logged.and_then(|all| all.get(&planned.lesson));
            let met = self
                .met
                .get(&asked.class)
                .is_some_and(|met| met.iter().any(|(open, close)| *open < planned.end && *close > planned.start));
            let (shape, reason) = match logged {
                Some(logged) => (logged.shape.as_str(), logged.reason.as_deref()),
                // The class met, and this trainee was not on its roster then: joined late, or left.
                None if self.held.contains(&(asked.class.clone(), planned.lesson.clone())) => {
                    ("blank", Some("not-on-roster"))
                }
                // It met at that time under another lesson: the schedule was changed afterwards.
                None if met => ("blank", Some("moved")),
                None => ("not-held", Some("not-logged")),
            };
            let shut = self.shut.iter().find(|s| {
                let there = planned.region.starts_with(&s.region) && s.from < planned.end && s.to > planned.start;
                // A device needs no network to see who comes; only its log cannot come.
                there && (s.why != "network" || shape == "not-held")
            });
            let (shape, reason) = match shut {
                Some(shut) if rank(shape) > 1 => (
                    "unproven",
                    Some(if matches!(shut.why.as_str(), "power" | "network") { "outage" } else { "closed" }),
                ),
                _ => (shape, reason),
            };
            Cell { planned, logged, shape, reason }
        };
        plan.into_iter().map(cell).collect()
    }
}

/// The cells of all claims, as rows of `claimed_cells`, and what stands of each claim.
pub fn cells(asked: &[Asked], facts: &Facts) -> (Vec<Row>, Vec<Standing>) {
    let mut all: Vec<Vec<Cell<'_>>> = asked.iter().map(|asked| facts.cells(asked)).collect();
    once(asked, &mut all);
    cap(asked, &mut all);
    let mut rows = Vec::new();
    let mut standing = Vec::new();
    for (asked, cells) in asked.iter().zip(&mut all) {
        let count = |shape: &str| cells.iter().filter(|c| c.shape == shape).count() as i64;
        standing.push(Standing {
            planned: cells.len() as i64,
            attested: count("attested"),
            unproven: count("unproven"),
        });
        cells.sort_by_key(|cell| rank(cell.shape));
        rows.extend((0..asked.hours).map(|n| row(asked, n, cells.get(n as usize))));
    }
    (rows, standing)
}

fn attested<'a>(all: &'a [Vec<Cell<'_>>]) -> impl Iterator<Item = (usize, usize)> + use<'a> {
    let of = |(i, cells): (usize, &'a Vec<Cell<'_>>)| {
        cells.iter().enumerate().filter(|(_, c)| c.shape == "attested").map(move |(n, _)| (i, n)).collect::<Vec<_>>()
    };
    all.iter().enumerate().flat_map(of)
}

/// One person is in one place at a time.
fn once(asked: &[Asked], all: &mut [Vec<Cell<'_>>]) {
    let mut order: Vec<(usize, usize)> = attested(all).collect();
    order.sort_by_key(|(i, n)| {
        let cell = &all[*i][*n];
        let device = cell.logged.map_or(("", 0), |l| (l.device.as_str(), l.counter));
        (cell.logged.map_or(0, |l| l.open), device, cell.planned.start, *i)
    });
    // What counts already does not overlap itself, so the last one that starts before this one's end tells.
    let mut taken: BTreeMap<&str, BTreeMap<i64, i64>> = BTreeMap::new();
    for (i, n) in order {
        let planned = all[i][n].planned;
        let taken = taken.entry(&asked[i].person).or_default();
        if taken.range(..planned.end).next_back().is_some_and(|(_, end)| *end > planned.start) {
            (all[i][n].shape, all[i][n].reason) = ("tail", Some("overlap"));
        } else {
            taken.insert(planned.start, planned.end);
        }
    }
}

/// One person has one day.
fn cap(asked: &[Asked], all: &mut [Vec<Cell<'_>>]) {
    let order: Vec<(usize, usize)> = attested(all).collect();
    let hour = |(i, n): &(usize, usize)| {
        let (asked, planned) = (&asked[*i], all[*i][*n].planned);
        Hour { person: &asked.person, day: planned.day, start: planned.start, lesson: &planned.lesson, cap: asked.cap }
    };
    let above = above_cap(&order.iter().map(hour).collect::<Vec<_>>());
    for ((i, n), above) in order.into_iter().zip(above) {
        if above {
            (all[i][n].shape, all[i][n].reason) = ("tail", Some(Reason::DailyCap.as_str()));
        }
    }
}

fn row(asked: &Asked, n: i64, cell: Option<&Cell<'_>>) -> Row {
    let (planned, logged) = (cell.map(|c| c.planned), cell.and_then(|c| c.logged));
    let (shape, reason) = cell.map_or(("beyond", Some("beyond-schedule")), |c| (c.shape, c.reason));
    let met = cell.is_some_and(|c| c.logged.is_some() || matches!(c.reason, Some("not-on-roster" | "moved")));
    vec![
        asked.class.as_str().into(),
        asked.trainee.as_str().into(),
        (n + 1).into(),
        asked.hours.into(),
        planned.map(|p| p.lesson.as_str()).into(),
        planned.map(|p| p.session.as_str()).into(),
        planned.map(|p| p.day).into(),
        planned.map(|p| p.start).into(),
        planned.map(|p| p.end).into(),
        met.into(),
        shape.into(),
        reason.into(),
        logged.map_or(Val::Null, |c| c.level.into()),
        logged.map(|c| c.device.as_str()).into(),
        logged.map(|c| c.counter).into(),
        logged.and_then(|c| c.seqs).map(|s| s.0).into(),
        logged.and_then(|c| c.seqs).map(|s| s.1).into(),
        asked.person.as_str().into(),
        Val::Null,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(class: &str, hours: i64, cap: u32) -> Asked {
        Asked { class: class.into(), trainee: format!("t-{class}"), person: "p".into(), hours, cap }
    }

    fn planned(lesson: &str, start: i64) -> Planned {
        let (lesson, region) = (lesson.to_owned(), "150422".to_owned());
        Planned { session: "am".into(), lesson, region, day: start / 1000, start, end: start + 10 }
    }

    fn logged(shape: &str, open: i64) -> Logged {
        let reason = (shape != "attested").then(|| "not-seen".to_owned());
        Logged { shape: shape.into(), reason, level: 2, device: "d".into(), counter: 1, seqs: Some((1, 2)), open }
    }

    fn worth(rows: &[Row]) -> Vec<String> {
        let text = |v: &Val| if let Val::Text(t) = v { t.clone() } else { "-".to_owned() };
        rows.iter().map(|r| format!("{} {} {} {}", text(&r[0]), text(&r[4]), text(&r[10]), text(&r[11]))).collect()
    }

    /// A class with one attested log for each of its lessons.
    fn class(facts: &mut Facts, class: &str, starts: &[i64], open: i64) {
        let plan: Vec<Planned> = starts.iter().map(|s| planned(&format!("l{s}"), *s)).collect();
        let of = plan.iter().map(|p| (p.lesson.clone(), logged("attested", open))).collect();
        facts.logged.insert((class.to_owned(), format!("t-{class}")), of);
        facts.held.extend(plan.iter().map(|p| (class.to_owned(), p.lesson.clone())));
        facts.plans.insert(class.to_owned(), plan);
    }

    #[test]
    fn a_person_in_two_classes_at_once_counts_where_the_session_was_opened_first() {
        let mut facts = Facts::default();
        class(&mut facts, "a", &[105, 120], 90);
        class(&mut facts, "b", &[100, 200], 80);
        let (rows, standing) = cells(&[asked("a", 2, 8), asked("b", 2, 8)], &facts);
        assert_eq!(
            worth(&rows),
            ["a l120 attested -", "a l105 tail overlap", "b l100 attested -", "b l200 attested -"]
        );
        assert_eq!((standing[0].attested, standing[1].attested), (1, 2));
    }

    #[test]
    fn the_daily_cap_holds_over_all_classes_of_a_day() {
        let mut facts = Facts::default();
        class(&mut facts, "a", &[100, 120], 90);
        class(&mut facts, "b", &[140, 1_140], 130);
        let (rows, _) = cells(&[asked("a", 2, 2), asked("b", 2, 2)], &facts);
        assert_eq!(
            worth(&rows),
            ["a l100 attested -", "a l120 attested -", "b l1140 attested -", "b l140 tail daily-cap"]
        );
    }

    #[test]
    fn what_nobody_logged_is_not_held_and_what_is_above_the_schedule_is_beyond() {
        let mut facts = Facts::default();
        facts.plans.insert("c".into(), vec![planned("l1", 100), planned("l2", 120), planned("l3", 140)]);
        facts.held.insert(("c".into(), "l1".into()));
        facts.met.insert("c".into(), vec![(110, 131)]);
        let (rows, standing) = cells(&[asked("c", 5, 8)], &facts);
        let want = [
            "c l1 blank not-on-roster",
            "c l2 blank moved",
            "c l3 not-held not-logged",
            "c - beyond beyond-schedule",
            "c - beyond beyond-schedule",
        ];
        assert_eq!(worth(&rows), want);
        assert_eq!(standing, [Standing { planned: 3, attested: 0, unproven: 0 }]);
        assert_eq!(rows.iter().map(|r| r[9] == Val::Bool(true)).collect::<Vec<_>>(), [true, true, false, false, false]);
    }

    #[test]
    fn what_the_bureau_published_excuses_and_a_network_only_a_log_that_is_not_there() {
        let mut facts = Facts::default();
        facts.plans.insert("c".into(), vec![planned("l1", 100), planned("l2", 1_100)]);
        facts.logged.insert(("c".into(), "t-c".into()), BTreeMap::from([("l1".into(), logged("blank", 90))]));
        let shut = |region: &str, why: &str| {
            let shut = Shut { region: region.into(), from: 0, to: 2_000, why: why.into() };
            let (rows, _) = cells(&[asked("c", 2, 8)], &Facts { shut: vec![shut], ..facts.clone() });
            worth(&rows)
        };
        assert_eq!(shut("1504", "power"), ["c l1 unproven outage", "c l2 unproven outage"]);
        assert_eq!(shut("150422", "weather"), ["c l1 unproven closed", "c l2 unproven closed"]);
        assert_eq!(shut("15", "network"), ["c l2 unproven outage", "c l1 blank not-seen"]);
        assert_eq!(shut("1505", "power"), ["c l1 blank not-seen", "c l2 not-held not-logged"]);
    }
}
