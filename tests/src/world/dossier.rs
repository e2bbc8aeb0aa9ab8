//! What stands in no log: licences, rooms, permits, visits, places, and what officials decided. Lines of the files that the
//! bureau imports as whole tables, and of `decisions.csv`.

use std::collections::{BTreeMap, BTreeSet};

use super::Spec;
use super::papers::row;
use super::plan::{SIZE_CAP, Town};
use super::rng::Rng;
use super::run::{Bureau, Year};
use super::time::{DAY, HOUR, MINUTE, day_of, midnight, rfc3339};
use super::town::OCCUPATIONS;

/// Stands for the central log's size in a line, until that is known.
pub const SIZE: &str = "{log_size}";

/// The files, with their columns.
pub const FILES: [(&str, &str); 13] = [
    ("decisions", "kind,subject,class,institution,official,unit,role,action,reason,opened,at,sign_in,second,log_size"),
    ("table-sites", "site,lat_e6,lon_e6,network"),
    ("table-rooms", "institution,site,room,seats"),
    ("table-licences", "institution,site,occupation,level,from,to"),
    ("table-permits", "what,class,trainee,lesson,to_class,site,from,to,granted,by"),
    ("table-inspections", "site,class,session,at,announced,inspector,headcount,upheld"),
    ("table-positions", "device,counter,metres"),
    ("table-registers", "person,what,category,holds,from,to,answered"),
    ("table-owners", "institution,kind,identity"),
    ("table-declared", "official,kind,identity"),
    ("table-duties", "official,institution,from,to"),
    ("table-hours_of_work", "unit,weekday,from_s,to_s"),
    ("table-programmes", "policy,size_cap,yearly_limit"),
];

/// Lines by file, and what registers said so far.
#[derive(Debug, Default)]
pub struct Dossier(pub BTreeMap<&'static str, Vec<String>>, BTreeSet<String>);

impl Dossier {
    fn add(&mut self, file: &'static str, cells: Vec<String>) {
        let (line, lines) = (cells.join(","), self.0.entry(file).or_default());
        // A register says the same of somebody in two classes; a file says it once.
        if file != "table-registers" || self.1.insert(line.clone()) {
            lines.push(line);
        }
    }

    /// What does not hang on a town.
    pub fn of_all(bureau: &Bureau) -> Self {
        let mut all = Self::default();
        for policy in &bureau.policies {
            all.add("table-programmes", row![policy.version, SIZE_CAP, 3]);
        }
        all
    }

    /// What stands of a town.
    pub fn of(spec: &Spec, town: &Town, year: &Year) -> Self {
        let mut all = Self::default();
        all.places(spec, town);
        all.permits(spec, town, year);
        all.visits(spec, town, year);
        all.decided(spec, town);
        all
    }

    fn places(&mut self, spec: &Spec, town: &Town) {
        let since = rfc3339(midnight(spec.first_day) - 400 * DAY);
        for site in &town.sites {
            let institution = &town.institutions[site.institution].id;
            let network = if site.pastoral { "pastoral" } else { "town" };
            self.add("table-sites", row![site.id, site.lat_e6, site.lon_e6, network]);
            for room in ["101", "302"] {
                self.add("table-rooms", row![institution, site.id, room, SIZE_CAP]);
            }
        }
        for (n, institution) in town.institutions.iter().enumerate() {
            for occupation in &institution.occupations {
                self.add("table-licences", row![institution.id, "", OCCUPATIONS[*occupation], "", since, ""]);
            }
            let owner = format!("样本业主 {:04}-{n}", town.index);
            self.add("table-owners", row![institution.id, "owner", owner]);
            self.add("table-duties", row![official(town, "review"), institution.id, since, ""]);
        }
        for who in ["review", "approve", "release", "inspect"] {
            self.add("table-declared", row![official(town, who), "self", format!("样本官员 {:04}-{who}", town.index)]);
        }
        for weekday in 1..=5 {
            self.add("table-hours_of_work", row![unit(town), weekday, 8 * 3600 + 1800, 18 * 3600]);
        }
    }

    fn permits(&mut self, spec: &Spec, town: &Town, year: &Year) {
        let mut rng = Rng::of(spec.seed, &[town.index, 5]);
        let by = official(town, "review");
        for (c, seat, k) in &year.swaps {
            let class = &town.classes[*c];
            let (from, to) = class.sessions[*k].span();
            let granted = if rng.chance(0.5) { from - DAY } else { from + DAY };
            let other = &town.classes[rng.below(town.classes.len())].id;
            let (trainee, from, to, granted) = (&class.seats[*seat].id, rfc3339(from), rfc3339(to), rfc3339(granted));
            self.add("table-permits", row!["swap", class.id, trainee, "", other, "", from, to, granted, by]);
        }
        let late = |what: &str, key: &str| spec.habits.get(what, key);
        for class in &town.classes {
            let site = &town.sites[town.devices[class.device].site].id;
            for session in &class.sessions {
                let (from, to) = session.span();
                let mut told = |all: &mut Self, what: &str, site: &str, p: f64| {
                    let granted = rfc3339(if rng.chance(p) { to + DAY } else { from - 3 * HOUR });
                    all.add(
                        "table-permits",
                        row![what, class.id, "", "", "", site, rfc3339(from), rfc3339(to), granted, by],
                    );
                };
                if session.teacher == 1 {
                    told(self, "substitute", "", late("substitute-teacher", "late"));
                }
                if session.moved_room {
                    told(self, "move", site, late("moved-room", "late"));
                }
                if session.moved.is_some() {
                    told(self, "hours", "", 0.0);
                }
            }
            let (first, last) = class.days();
            let (from, to) = (rfc3339(midnight(first)), rfc3339(midnight(last + 1)));
            let granted = rfc3339(midnight(first) - DAY);
            for seat in class.seats.iter().filter(|s| s.was.is_some()) {
                self.add("table-permits", row!["replacement", class.id, seat.id, "", "", "", from, to, granted, by]);
            }
            self.registers(spec, town, class, &mut rng);
        }
    }

    fn registers(&mut self, spec: &Spec, town: &Town, class: &super::plan::Class, rng: &mut Rng) {
        let opens = midnight(class.days().0);
        for seat in &class.seats {
            let person = &town.people[seat.person];
            let wrong = rng.chance(spec.habits.get("register-late", "rate"));
            let (from, answered) = (rfc3339(opens - 200 * DAY), rfc3339(opens - rng.range(1, 20) * DAY));
            let holds = if wrong { "no" } else { "yes" };
            self.add("table-registers", row![person.number, "category", person.category, holds, from, "", answered]);
        }
    }

    fn visits(&mut self, spec: &Spec, town: &Town, year: &Year) {
        let mut rng = Rng::of(spec.seed, &[town.index, 6]);
        for (c, k, at, headcount) in &year.visits {
            let class = &town.classes[*c];
            let site = &town.sites[town.devices[class.device].site].id;
            let announced = if rng.chance(0.3) { rfc3339(at - DAY) } else { String::new() };
            let upheld = if !class.frauds.is_empty() && rng.chance(0.5) { "yes" } else { "no" };
            let (session, at, by) = (&class.sessions[*k].id, rfc3339(*at), official(town, "inspect"));
            self.add("table-inspections", row![site, class.id, session, at, announced, by, headcount, upheld]);
        }
        for (device, counter, metres) in &year.positions {
            self.add("table-positions", row![town.devices[*device].id, counter, metres]);
        }
    }

    fn decided(&mut self, spec: &Spec, town: &Town) {
        for (n, class) in town.classes.iter().enumerate() {
            let mut rng = Rng::of(spec.seed, &[town.index, 7, n as u64]);
            let last = class.sessions.iter().map(|s| s.span().1).max().unwrap_or(0);
            let decided = midnight(day_of(last) + 21 + rng.range(0, 9)) + rng.range(9, 16) * HOUR;
            let institution = &town.institutions[class.institution].id;
            let mut decide =
                |all: &mut Self, kind: &str, who: &str, role: &str, action: &str, at: i64, more: (&str, &str)| {
                    let opened = rfc3339(at - rng.range(2, 40) * MINUTE);
                    let (official, sign_in) = (official(town, who), format!("key-{:04}-{who}", town.index));
                    let (at, reason) = (rfc3339(at), "");
                    all.add(
                        "decisions",
                        row![
                            kind,
                            class.id,
                            class.id,
                            institution,
                            official,
                            unit(town),
                            role,
                            action,
                            reason,
                            opened,
                            at,
                            sign_in,
                            more.0,
                            more.1,
                        ],
                    );
                };
            if let Some(at) = class.approved {
                decide(self, "class", "review", "approve", "approve", at, ("", ""));
            }
            if !class.paid {
                decide(self, "claim", "approve", "approve", "refuse", decided, ("", ""));
                continue;
            }
            decide(self, "claim", "approve", "approve", "approve", decided, ("", ""));
            let alone = class.conduct.contains(&"one-person-release");
            let second = if alone { String::new() } else { official(town, "approve") };
            let who = if alone { "approve" } else { "release" };
            decide(self, "release", who, "release", "release", decided + 2 * DAY, (&second, SIZE));
        }
    }
}

fn official(town: &Town, who: &str) -> String {
    format!("o{:04}-{who}", town.index)
}

fn unit(town: &Town) -> String {
    format!("{} 样本科", town.region.code)
}
