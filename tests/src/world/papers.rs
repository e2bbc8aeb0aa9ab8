//! What the bureau imports of a town: its files, in the order in which they came.

use muster_hours::policy::PayMode;
use muster_server::import::What;
use muster_server::import::rows::columns;

use super::plan::{Class, LESSONS, Town, lesson};
use super::rng::Rng;
use super::run::{Bureau, Year};
use super::time::{DAY, HOUR, midnight, rfc3339};
use super::town::OCCUPATIONS;
use super::truth::lesson_id;

/// A file.
pub struct Paper {
    /// What it is.
    pub what: What,
    /// Its name.
    pub name: String,
    /// When it came, ms.
    pub at: i64,
    header: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Paper {
    fn new(what: What, name: String, at: i64, header: &'static [&'static str]) -> Self {
        Self { what, name, at, header, rows: Vec::new() }
    }

    /// The whole file.
    pub fn csv(&self) -> String {
        self.of(&vec![true; self.header.len()])
    }

    /// The columns of it that the server knows.
    pub fn known(&self) -> String {
        let known = columns(self.what);
        let keep: Vec<bool> = self.header.iter().map(|name| known.iter().any(|c| c.name == *name)).collect();
        self.of(&keep)
    }

    fn of(&self, keep: &[bool]) -> String {
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let kept: Vec<&str> = cells.zip(keep).filter(|(_, keep)| **keep).map(|(cell, _)| cell).collect();
            kept.join(",") + "\n"
        };
        let mut out = line(&mut self.header.iter().copied());
        for row in &self.rows {
            out += &line(&mut row.iter().map(String::as_str));
        }
        out
    }

    /// Has it any rows?
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

macro_rules! row {
    ($($cell:expr),* $(,)?) => { vec![$($cell.to_string()),*] };
}
pub(super) use row;

const SCHEDULES: &[&str] = &["class", "session", "lesson", "start", "end", "room", "instructor"];

/// Files that come before the first session: institutions, sites, calendar, classes, schedules, rosters.
pub fn before(town: &Town, bureau: &Bureau) -> Vec<Paper> {
    let mut papers = places(town);
    let name = |kind: &str| format!("{kind}-{:04}.csv", town.index);
    let first = town.classes.iter().map(|c| c.days().0).min().unwrap_or(0);
    let at = midnight(first) - 15 * DAY;
    let header = &["class", "institution", "site", "title", "occupation", "level", "policy", "kind"];
    let mut classes = Paper::new(What::Classes, name("classes"), at, header);
    let mut schedules = Paper::new(What::Schedules, name("schedules"), at, SCHEDULES);
    let (mut changed, mut rosters) = (Vec::new(), Vec::new());
    for class in &town.classes {
        let occupation = OCCUPATIONS[class.occupation];
        classes.rows.push(row![
            class.id,
            town.institutions[class.institution].id,
            town.sites[town.devices[class.device].site].id,
            format!("{occupation}样本班"),
            occupation,
            class.level,
            bureau.policies[class.policy].version,
            class.kind.as_str(),
        ]);
        changed.extend(schedule(town, class, &mut schedules));
        rosters.extend(roster(town, class));
    }
    papers.extend([classes, schedules]);
    papers.extend(changed);
    papers.extend(rosters);
    papers
}

fn places(town: &Town) -> Vec<Paper> {
    let at = midnight(town.classes.iter().map(|c| c.days().0).min().unwrap_or(0)) - 20 * DAY;
    let name = |kind: &str| format!("{kind}-{:04}.csv", town.index);
    let region = town.region.code;
    let header = &["institution", "name", "region"];
    let mut institutions = Paper::new(What::Institutions, name("institutions"), at, header);
    institutions.rows.extend(town.institutions.iter().map(|q| row![q.id, q.name, region]));
    let header = &["site", "institution", "region", "name", "address"];
    let mut sites = Paper::new(What::Sites, name("sites"), at, header);
    sites.rows.extend(town.sites.iter().map(|s| {
        row![s.id, town.institutions[s.institution].id, region, format!("样本培训点 {}", s.id), "样本路 1 号"]
    }));
    let mut calendar = Paper::new(What::Calendar, name("calendar"), at, &["region", "from", "to", "why"]);
    calendar.rows.extend(
        town.closures
            .iter()
            .map(|(day, _)| row![region, rfc3339(midnight(*day)), rfc3339(midnight(day + 1)), "weather"]),
    );
    for cut in town.sites.iter().flat_map(|s| &s.cuts).filter(|c| c.listed) {
        calendar.rows.push(row![region, rfc3339(cut.from), rfc3339(cut.to), "power"]);
    }
    vec![institutions, sites, calendar]
}

/// The lessons as they were planned first; and one file for each time that some were moved, with all that was still to come
/// then: a file is the whole of that.
fn schedule(town: &Town, class: &Class, all: &mut Paper) -> Vec<Paper> {
    let teacher = &town.people[class.teachers[0].0].number;
    let as_of = |then: i64, to: &mut Paper| {
        for session in &class.sessions {
            let (day, slot) = match session.moved {
                Some((day, slot, written)) if written > then => (day, slot),
                _ => (session.day, session.slot),
            };
            let just = session.moved.is_some_and(|(.., written)| written == then);
            let room = if session.moved_room { "302" } else { "101" };
            for n in (0..LESSONS).filter(|n| just || lesson(day, slot, *n).0 > then) {
                let ((start, end), id) = (lesson(day, slot, n), &session.id);
                to.rows.push(row![class.id, id, lesson_id(id, n), rfc3339(start), rfc3339(end), room, teacher]);
            }
        }
    };
    as_of(i64::MIN, all);
    let mut changes: Vec<i64> = class.sessions.iter().filter_map(|s| s.moved.map(|m| m.2)).collect();
    changes.sort_unstable();
    changes.dedup();
    let paper = |(n, written): (usize, &i64)| {
        let name = format!("schedules-{}-{}.csv", class.id, n + 1);
        let mut paper = Paper::new(What::Schedules, name, *written, SCHEDULES);
        as_of(*written, &mut paper);
        paper
    };
    changes.iter().enumerate().map(paper).collect()
}

/// The roster at the opening, and as it was changed later.
fn roster(town: &Town, class: &Class) -> Vec<Paper> {
    const HEADER: &[&str] = &[
        "class",
        "role",
        "name",
        "id_number",
        "category",
        "declined_face",
        "added_by",
        "phone",
        "payee",
        "introducer",
    ];
    let mut changes: Vec<usize> = class.seats.iter().map(|s| s.joins).collect();
    changes.sort_unstable();
    changes.dedup();
    let opens = class.sessions.iter().map(|s| s.span().0).min().unwrap_or(0);
    let paper = |(n, k): (usize, &usize)| {
        // A change is written down in the evening of the session before.
        let at = if *k == 0 { opens - 8 * DAY } else { class.sessions[k - 1].span().1 + 6 * HOUR };
        let mut paper = Paper::new(What::Rosters, format!("rosters-{}-{n}.csv", class.id), at, HEADER);
        for seat in class.seats.iter().filter(|s| (s.joins..s.leaves).contains(k)) {
            let p = &town.people[seat.person];
            let declined = if p.declines { "yes" } else { "no" };
            paper.rows.push(row![
                class.id,
                "trainee",
                p.name,
                p.number,
                p.category,
                declined,
                seat.added_by,
                seat.phone,
                seat.payee,
                seat.introducer,
            ]);
        }
        for (person, _) in class.teachers.iter().filter(|_| *k == 0) {
            let p = &town.people[*person];
            paper.rows.push(row![class.id, "instructor", p.name, p.number, "", "no", "", "", "", ""]);
        }
        paper
    };
    changes.iter().enumerate().map(paper).collect()
}

/// Claims, one file a class.
pub fn claims(town: &Town, bureau: &Bureau, year: &Year, seed: u64) -> Vec<Paper> {
    let mut rng = Rng::of(seed, &[town.index, 4]);
    let claims = town.classes.iter().zip(&year.claimed).map(|(class, claimed)| {
        let last = class.sessions.iter().map(|s| s.span().1).max().unwrap_or(0);
        let at = midnight(super::time::day_of(last) + rng.range(3, 20)) + rng.range(9, 17) * HOUR;
        let header = &["class", "id_number", "name", "hours", "amount", "payee"];
        let mut paper = Paper::new(What::Claims, format!("claims-{}.csv", class.id), at, header);
        for (seat, hours) in class.seats.iter().zip(claimed).filter(|(_, hours)| **hours > 0) {
            let amount = match bureau.policies[class.policy].pay_mode {
                PayMode::PerHour => format!("{}.00", hours * 25),
                PayMode::Lump => "1800.00".to_owned(),
            };
            let p = &town.people[seat.person];
            paper.rows.push(row![class.id, p.number, p.name, hours, amount, seat.payee]);
        }
        paper
    });
    claims.filter(|paper| !paper.is_empty()).collect()
}
