//! Makes a town: chance, by the rates of its habits and frauds.

use std::collections::BTreeSet;

use super::Spec;
use super::cast;
use super::people::{CATEGORIES, CardState, Person, name, number};
use super::places::{institution, weather};
use super::plan::{Class, Fate, Kind, SIZE_CAP, Seat, Session, Town, holiday, lesson};
use super::regions;
use super::rng::Rng;
use super::time::{DAY, HOUR, midnight, weekday};

/// Occupations, as claims name them.
pub const OCCUPATIONS: [&str; 12] = [
    "家畜饲养员",
    "中式烹调师",
    "电工",
    "焊工",
    "养老护理员",
    "保育师",
    "美容师",
    "农机修理工",
    "电子商务师",
    "叉车司机",
    "中式面点师",
    "家政服务员",
];
/// Numbers of people that a town may use: more than it ever does.
const PEOPLE: u64 = 20_000;
/// How many days of the year classes begin on.
const BEGIN: i64 = 300;

/// A town while it is made.
pub(super) struct Making<'a> {
    pub spec: &'a Spec,
    pub rng: Rng,
    pub town: Town,
    // Parts of days that a terminal is taken for.
    pub taken: BTreeSet<(usize, i64, usize)>,
    regions: Vec<regions::Region>,
    next: u64,
}

impl Making<'_> {
    /// A rate or parameter of a habit.
    pub fn habit(&self, id: &str, key: &str) -> f64 {
        self.spec.habits.get(id, key)
    }

    /// Of a fraud.
    pub fn fraud(&self, id: &str, key: &str) -> f64 {
        self.spec.frauds.get(id, key)
    }

    /// Somebody new.
    pub fn person(&mut self, village: bool) -> usize {
        let n = self.town.index * PEOPLE + self.next;
        self.next += 1;
        let declines = if village { "village_rate" } else { "rate" };
        let (declines, forgetful) =
            (self.habit("declines-face", declines), self.habit("forgets-check-out", "forgetful"));
        let (dead, worn) = (self.habit("no-chip", "rate"), self.habit("worn-cards", "rate"));
        let (changed, old) = (self.habit("look-changes", "rate"), self.habit("look-changes", "old_photo"));
        let rng = &mut self.rng;
        let card = match rng.unit() {
            u if u < dead => CardState::Dead,
            u if u < dead + worn => CardState::Worn,
            _ => CardState::Good,
        };
        let drift = if rng.chance(changed) { 190 } else { 0 } + if rng.chance(old) { 110 } else { 0 };
        self.town.people.push(Person {
            number: number(&self.regions, n),
            name: name(n),
            face: n + 1,
            twin: None,
            card,
            declines: rng.chance(declines),
            forgetful: rng.chance(forgetful),
            drift,
            category: CATEGORIES[rng.below(6)],
            phone: format!("190{n:08}"),
            payee: format!("6200{n:012}"),
            classes: Vec::new(),
        });
        self.town.people.len() - 1
    }
}

/// Makes the town of a number with so many classes.
pub fn make(spec: &Spec, index: u64, classes: usize) -> Town {
    let regions = regions::all();
    let region = regions[index as usize % regions.len()];
    let town = Town {
        index,
        region,
        institutions: Vec::new(),
        sites: Vec::new(),
        devices: Vec::new(),
        people: Vec::new(),
        classes: Vec::new(),
        closures: Vec::new(),
    };
    let rng = Rng::of(spec.seed, &[index, 1]);
    let mut making = Making { spec, rng, town, taken: BTreeSet::new(), regions, next: 0 };
    weather(&mut making);
    let institutions = classes.div_ceil(5).clamp(2, 4);
    for _ in 0..institutions {
        institution(&mut making);
    }
    for n in 0..classes {
        let class = class(&mut making, n);
        making.town.classes.push(class);
    }
    making.town
}

fn class(m: &mut Making<'_>, n: usize) -> Class {
    let frauds = cast::frauds(m);
    let habits = cast::habits(m);
    // A fraud of two classes takes an earlier class of another institution with it.
    let pair = cast::pair(m, &frauds);
    let frauds: Vec<&'static str> =
        frauds.into_iter().filter(|f| !cast::PAIRED.contains(f) || pair.is_some()).collect();
    let device = match pair.filter(|_| !frauds.contains(&"same-level-twice")) {
        Some(other) => {
            let theirs = m.town.classes[other].institution;
            let free = |d: &usize| m.town.sites[m.town.devices[*d].site].institution != theirs;
            let all: Vec<usize> = (0..m.town.devices.len()).filter(free).collect();
            *m.rng.pick(&all)
        }
        None => m.rng.below(m.town.devices.len()),
    };
    let institution = m.town.sites[m.town.devices[device].site].institution;
    let mut kind = match m.rng.below(10) {
        0..=4 => Kind::Day,
        5..=6 => Kind::Evening,
        7..=8 => Kind::Boarding,
        _ => Kind::Practice,
    };
    let mut start = m.spec.first_day + m.rng.range(0, BEGIN);
    let mut occupation = *m.rng.pick(&m.town.institutions[institution].occupations);
    let mut level = m.rng.range(3, 5) as u8;
    if let Some(other) = pair {
        let other = &m.town.classes[other];
        if frauds.contains(&"same-level-twice") {
            (occupation, level, start) = (other.occupation, other.level, other.days().1 + 3);
        } else {
            (kind, start) = (other.kind, other.days().0);
        }
    }
    if frauds.contains(&"outside-licence") {
        let licensed = &m.town.institutions[institution].occupations;
        let others: Vec<usize> = (0..OCCUPATIONS.len()).filter(|o| !licensed.contains(o)).collect();
        occupation = *m.rng.pick(&others);
    }
    let count = m.rng.range(10, 40).min(m.rng.range(10, 40)) as usize;
    let sessions = sessions(m, device, kind, start, count);
    let id = format!("c{:04}-{n:02}", m.town.index);
    let card_key = m.rng.bytes();
    let policy = match [0, 0, 0, 1, 1, 2, 3, 3][m.rng.below(8)] {
        // A policy that asks for the enrolled face is for classes that enrolled them.
        3 if habits.contains(&"no-template") => 0,
        policy => policy,
    };
    let mut class = Class {
        id,
        institution,
        device,
        kind,
        occupation,
        level,
        policy,
        card_key,
        seats: Vec::new(),
        teachers: Vec::new(),
        sessions,
        habits,
        frauds,
        conduct: Vec::new(),
        paid: false,
        approved: None,
        inspected: Vec::new(),
    };
    cast::seats(m, &mut class, pair);
    cast::schemes(m, &mut class);
    class
}

/// How many trainees a class begins with.
pub(super) fn size(m: &mut Making<'_>, class: &Class) -> usize {
    if class.has("over-size") {
        return SIZE_CAP + m.fraud("over-size", "above") as usize;
    }
    m.rng.range(10, 50).min(m.rng.range(10, 50)).max(if class.frauds.is_empty() { 10 } else { 16 }) as usize
}

fn sessions(m: &mut Making<'_>, device: usize, kind: Kind, start: i64, count: usize) -> Vec<Session> {
    let (made_up, moved_room) = (m.habit("weather", "made_up"), m.habit("moved-room", "rate"));
    let (late, substitute) = (m.habit("whole-class-late", "rate"), m.habit("substitute-teacher", "rate"));
    let (from, to) = (m.habit("whole-class-late", "from_min") as i64, m.habit("whole-class-late", "to_min") as i64);
    let mut sessions: Vec<Session> = Vec::new();
    let mut day = start;
    while sessions.len() < count {
        let meets = kind == Kind::Boarding || weekday(day) <= if kind == Kind::Day { 6 } else { 5 };
        let late_min = if m.rng.chance(late) { m.rng.range(from, to) } else { 0 };
        for slot in kind.slots().iter().copied().filter(|_| meets && !holiday(day)) {
            if sessions.len() < count && m.taken.insert((device, day, slot)) {
                let teacher = usize::from(m.rng.chance(substitute));
                sessions.push(Session {
                    id: format!("{}", sessions.len() + 1),
                    day,
                    slot,
                    fate: Fate::Held,
                    moved: None,
                    scheme: None,
                    late_min: if slot == kind.slots()[0] { late_min } else { 0 },
                    teacher,
                    moved_room: m.rng.chance(moved_room),
                });
            }
        }
        day += 1;
    }
    for session in &mut sessions {
        let Some((_, late)) = m.town.closures.iter().find(|(day, _)| *day == session.day).copied() else { continue };
        session.fate = Fate::Closed;
        if !m.rng.chance(made_up) {
            continue;
        }
        // The next Sunday or evening that nobody has the terminal.
        let free = (session.day + 1..).flat_map(|d| [(d, 1), (d, 2)]).find(|(d, slot)| {
            (weekday(*d) == 7 || *slot == 2)
                && !holiday(*d)
                && !m.town.closures.iter().any(|(c, _)| c == d)
                && !m.taken.contains(&(device, *d, *slot))
        });
        let Some((new_day, slot)) = free else { continue };
        m.taken.insert((device, new_day, slot));
        let planned = lesson(session.day, session.slot, 0).0;
        let written = if late { midnight(session.day) + DAY + 8 * HOUR } else { planned - 2 * HOUR };
        session.moved = Some((session.day, session.slot, written));
        (session.day, session.slot, session.fate) = (new_day, slot, Fate::Held);
    }
    sessions
}

/// A seat of a person in a class, as an honest roster has it.
pub(super) fn seat(m: &mut Making<'_>, class: &Class, person: usize) -> Seat {
    let p = &m.town.people[person];
    let (id, payee, phone) = (class.id_of(false, &p.number), p.payee.clone(), p.phone.clone());
    let added_by = match class.has("village-sign-up") {
        true => format!("x{:04}-town", m.town.index),
        false => m.town.institutions[class.institution].id.clone(),
    };
    let template = !p.declines && !class.has("no-template") && (m.rng.chance(0.97) || class.policy == 3);
    Seat {
        person,
        id,
        template,
        joins: 0,
        leaves: usize::MAX,
        role: None,
        was: None,
        ill: Vec::new(),
        payee,
        phone,
        introducer: String::new(),
        added_by,
    }
}
