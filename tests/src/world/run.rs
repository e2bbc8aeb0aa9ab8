//! A town's year: every terminal session by session, sealed and chained, judged as the server judges, and the truth beside it.

use anyhow::{Context, Result, anyhow};
use muster_hours::count::Shape;
use muster_hours::policy::Policy;
use muster_hours::schedule::{Assignment, Lesson};
use muster_seal::chain::{Contact, Link, seal_id};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::key::{NamedKey, Signer};
use muster_seal::merkle::{Hash, sha256};
use muster_seal::record::Open;
use muster_seal::session::origin;
use muster_server::evidence::sheet::Sheet;
use muster_server::ingest::admit::Facts;
use muster_server::ingest::bulk::{Ready, after, judge};

use super::Spec;
use super::conduct::{Coming, Doing, Scene};
use super::events;
use super::kiosk::{AGENT, READER};
use super::plan::{Fate, LESSONS, Town};
use super::reckon::{Logged, settle};
use super::rng::Rng;
use super::stage::play;
use super::time::{DAY, HOUR, MINUTE, day_of, midnight, to_the_second};
use super::truth::{Cells, Sheets, State, Truth, lesson_id};

/// The bureau that the logs are for.
pub struct Bureau {
    /// Its domain.
    pub domain: String,
    /// The central log's key.
    pub log_key: NamedKey,
    /// The checkpoint that all terminals hold.
    pub beacon: String,
    /// Its size and root.
    pub known: (u64, Hash),
    /// The policies, by index.
    pub policies: Vec<Policy>,
}

impl Bureau {
    /// One whose terminals hold this checkpoint.
    ///
    /// # Errors
    /// When it is none of this log.
    pub fn new(domain: String, log_key: NamedKey, beacon: String, policies: Vec<Policy>) -> Result<Self> {
        let opened = Checkpoint::open(beacon.as_bytes(), &log_key).context("the beacon")?;
        Ok(Self { domain, log_key, beacon, known: (opened.size, opened.root), policies })
    }
}

/// What came to the server.
pub enum Came {
    /// A log.
    Session(Box<Ready>),
    /// A contact: device, counter and note.
    Contact(String, u64, String),
    /// A second seal of a counter: device, counter, both.
    Fork(String, u64, String, String),
}

/// What a town's year left.
pub struct Year {
    /// What came, and when, in that order.
    pub came: Vec<(i64, Came)>,
    /// All records.
    pub events: Sheet,
    /// The truth as tables.
    pub sheets: Sheets,
    /// And as numbers.
    pub truth: Truth,
    /// Claimed cells, by class and seat.
    pub claimed: Vec<Vec<u32>>,
    /// Where terminals were: device by index, counter, metres.
    pub positions: Vec<(usize, u64, i64)>,
    /// Who swapped with permission: class, seat and session by index.
    pub swaps: Vec<(usize, usize, usize)>,
    /// Whom an inspector counted: class and session by index, when, how many.
    pub visits: Vec<(usize, usize, i64, usize)>,
}

/// A terminal's way through the year.
struct Walk<'a> {
    town: &'a Town,
    spec: &'a Spec,
    bureau: &'a Bureau,
    device: usize,
    link: Link,
    // Nothing comes before what the terminal sent earlier.
    received: i64,
    rng: Rng,
}

/// Plays the year.
///
/// # Errors
/// When a log does not hold: a bug here, or a format that moved.
pub fn year(spec: &Spec, bureau: &Bureau, town: &Town) -> Result<Year> {
    let mut year = Year {
        came: Vec::new(),
        events: Sheet::new(&events::EVENTS),
        sheets: Sheets::default(),
        truth: Truth::default(),
        claimed: Vec::new(),
        positions: Vec::new(),
        swaps: Vec::new(),
        visits: Vec::new(),
    };
    let mut cells: Vec<Cells> = town.classes.iter().map(Cells::of).collect();
    let mut seen: Vec<Vec<bool>> = town.classes.iter().map(|c| vec![false; c.seats.len()]).collect();
    for device in 0..town.devices.len() {
        let rng = Rng::of(spec.seed, &[town.index, 2, device as u64]);
        let mut walk = Walk { town, spec, bureau, device, link: Link::default(), received: 0, rng };
        let mut all: Vec<(i64, usize, usize)> = Vec::new();
        for (c, class) in town.classes.iter().enumerate().filter(|(_, c)| c.device == device) {
            all.extend(class.sessions.iter().enumerate().map(|(k, s)| (s.span().0, c, k)));
        }
        all.sort_unstable();
        let mut heard = all.first().map_or(0, |(at, ..)| day_of(*at));
        for (at, c, k) in all {
            while heard < day_of(at) {
                let often = if town.sites[town.devices[device].site].pastoral { 0.05 } else { 0.35 };
                if walk.rng.chance(often) {
                    let when = midnight(heard) + 22 * HOUR + walk.rng.range(0, HOUR);
                    walk.contact(when, &mut year)?;
                }
                heard += 1;
            }
            walk.session(c, k, &mut cells[c], &mut seen[c], &mut year)?;
        }
    }
    year.came.sort_by_key(|(at, _)| *at);
    for (c, class) in town.classes.iter().enumerate() {
        settle(town, bureau, c, &mut cells[c]);
        year.sheets.add(town, class, &mut cells[c], &seen[c], &mut year.truth);
        let claimed = |i| cells[c].seat(i).iter().filter(|cell| cell.claimed).count() as u32;
        year.claimed.push((0..class.seats.len()).map(claimed).collect());
    }
    Ok(year)
}

impl Walk<'_> {
    fn contact(&mut self, at: i64, year: &mut Year) -> Result<()> {
        let device = &self.town.devices[self.device];
        let counter = self.link.counter + 1;
        let (beacon, root) = self.bureau.known;
        let contact = Contact { device: device.id.clone(), counter, prev: self.link.seal.clone(), beacon, root };
        let note = contact.sign(&self.bureau.domain, &device.key);
        self.link = Link { counter, seal: seal_id(&note), beacon };
        self.receive(at + 5_000);
        year.came.push((self.received, Came::Contact(device.id.clone(), counter, note)));
        Ok(())
    }

    fn receive(&mut self, at: i64) {
        self.received = at.max(self.received + 1);
    }

    /// When a log comes that was closed then.
    fn comes(&mut self, closed: i64) {
        let site = &self.town.sites[self.town.devices[self.device].site];
        let h = &self.spec.habits;
        let mut at = closed + self.rng.range(20_000, 15 * MINUTE);
        if site.pastoral {
            let hours = self.rng.log_normal(h.get("pastoral-network", "median_h"), 0.8);
            at = closed + (hours.min(h.get("pastoral-network", "tail_h")) * HOUR as f64) as i64;
        }
        // After some cuts nobody hears of a terminal for days.
        if site.cuts.iter().any(|c| c.hole && closed > c.from && closed < c.from + 3 * DAY) {
            at += self.rng.range(2, 6) * DAY;
        }
        self.receive(at);
    }

    fn session(&mut self, c: usize, k: usize, cells: &mut Cells, seen: &mut [bool], year: &mut Year) -> Result<()> {
        let (town, class) = (self.town, &self.town.classes[c]);
        let session = &class.sessions[k];
        let scene = Scene { town, class, session: k, habits: &self.spec.habits, frauds: &self.spec.frauds };
        let mut rng = Rng::of(self.spec.seed, &[town.index, 3, c as u64, k as u64]);
        let doings = scene.doings(&mut rng);
        for doing in doings.iter().filter(|d| d.sat.is_some()) {
            seen[doing.seat] = true;
        }
        year.swaps.extend(doings.iter().filter(|d| d.cause == "swaps").map(|d| (c, d.seat, k)));
        if class.inspected.contains(&k) && session.fate == Fate::Held {
            let at = session.lesson(1).0 + 20 * MINUTE;
            let there =
                |d: &&Doing| d.coming != Coming::Nothing && d.sat.is_some_and(|(from, to)| (from..to).contains(&at));
            year.visits.push((c, k, at, doings.iter().filter(there).count()));
        }
        let logged = match session.fate {
            Fate::Held => self.held(&scene, &doings, rng, year)?,
            Fate::Invented => {
                // Alive, and yet nobody opened it.
                if self.rng.chance(0.8) {
                    self.contact(session.lesson(1).0, year)?;
                }
                None
            }
            Fate::Closed => None,
        };
        let share = i64::from(self.bureau.policies[class.policy].share_permille);
        let wrong_clock = town.devices[self.device].offset_ms.abs() > MINUTE;
        for doing in &doings {
            let id = class.seats[doing.seat].id.as_str();
            for (n, cell) in cells.at(doing.seat, k).iter_mut().enumerate() {
                let (start, end) = session.lesson(n);
                let found = logged.as_ref().and_then(|l| l.cells.get(&(id, n)));
                cell.logged = found.is_some_and(|(shape, _)| *shape == Shape::Attested);
                cell.claimed = doing.claimed;
                let lie = doing.fraud.filter(|_| !doing.sat_through(start, end, share));
                (cell.state, cell.cause) = match (cell.claimed, lie, cell.logged) {
                    (true, Some(fraud), _) => (State::Fabricated, fraud),
                    (_, _, true) => (State::Attested, ""),
                    // Without a log there was no power for it.
                    (true, None, false) => {
                        (State::Unproven, logged.as_ref().map_or("power-cut", |l| l.cause(doing, (id, n), wrong_clock)))
                    }
                    (false, _, false) => (State::Nothing, ""),
                };
            }
        }
        Ok(())
    }

    fn held<'s>(
        &mut self,
        scene: &'s Scene<'s>,
        doings: &[Doing],
        mut rng: Rng,
        year: &mut Year,
    ) -> Result<Option<Logged<'s>>> {
        let (town, class, bureau) = (self.town, scene.class, self.bureau);
        let device = &town.devices[self.device];
        let site = &town.sites[device.site];
        let session = &class.sessions[scene.session];
        let policy = &bureau.policies[class.policy];
        let assignment = self.assignment(scene);
        let document = serde_json::to_string(&assignment)?;
        let plan = assignment.plan()?;
        let counter = self.link.counter + 1;
        let open = Open {
            device: device.id.clone(),
            key: device.key.public().id(),
            counter,
            prev: self.link.seal.clone(),
            site: site.id.clone(),
            class: class.id.clone(),
            session: session.id.clone(),
            assignment: hex::encode(sha256(document.as_bytes())),
            agent: AGENT.to_owned(),
            policy: policy.version.clone(),
            readers: [(READER.to_owned(), "sam-usb".to_owned())].into(),
            camera: "uvc-1080p".to_owned(),
            beacon: bureau.beacon.clone(),
            ..Open::default()
        };
        let played = play(scene, doings, open, u64::from(policy.level), Rng::of(rng.word(), &[]))?;
        let Some(played) = played else { return Ok(None) };
        let origin = origin(&bureau.domain, &device.id, counter);
        let seal = played.log.seal(&origin, &device.key);
        let facts = Facts {
            second: None,
            origin: origin.clone(),
            key: device.key.public(),
            device: &device.id,
            site: &site.id,
            link: self.link.clone(),
            log_key: bureau.log_key.clone(),
        };
        let (institution, region) = (&town.institutions[class.institution].id, town.region.code.to_string());
        let of = events::Of {
            device: &device.id,
            counter,
            institution,
            site: &site.id,
            region: &region,
            class: &class.id,
            session: &session.id,
        };
        events::add(&mut year.events, &of, &played.written);
        year.truth.records += played.written.len() as u64;
        year.truth.sessions += 1;
        let (ready, counted) = judge(played.log.bytes(), seal.clone(), &facts, &plan, document)
            .map_err(|e| anyhow!("{} session {}: {e}", class.id, session.id))?;
        self.link = after(&ready);
        self.comes(played.closed);
        let metres = match (session.scheme, session.moved_room) {
            (Some("device-carried"), _) => scene.frauds.get("device-carried", "metres") as i64 + rng.range(-900, 900),
            (_, true) => rng.range(80, 450),
            _ => rng.range(0, 60),
        };
        year.positions.push((self.device, counter, metres));
        year.came.push((self.received, Came::Session(Box::new(ready))));
        if session.scheme == Some("fork") {
            // The disk of before was put back: the same counter, sealed over what it held then.
            let size = played.log.edge().size() / 2;
            let root = sha256(format!("{origin}/{size}").as_bytes());
            let other = Checkpoint { origin, size, root }.sign(&device.key);
            year.came.push((self.received + 1, Came::Fork(device.id.clone(), counter, seal, other)));
        }
        Ok(Some(Logged::of(scene, &counted, played.trouble)))
    }

    fn assignment(&self, scene: &Scene<'_>) -> Assignment {
        let (town, class) = (self.town, scene.class);
        let session = &class.sessions[scene.session];
        let lesson = |n: usize| {
            let (start, end) = session.lesson(n);
            Lesson { lesson: lesson_id(&session.id, n), start: to_the_second(start), end: to_the_second(end) }
        };
        let mut trainees: Vec<String> = scene.seats().map(|(_, seat)| seat.id.clone()).collect();
        trainees.sort_unstable();
        let mut instructors: Vec<String> = class.teachers.iter().map(|(_, id)| id.clone()).collect();
        instructors.sort_unstable();
        Assignment {
            region: town.region.code.to_string(),
            institution: town.institutions[class.institution].id.clone(),
            site: town.sites[town.devices[self.device].site].id.clone(),
            class: class.id.clone(),
            session: session.id.clone(),
            lessons: (0..LESSONS).map(lesson).collect(),
            trainees,
            instructors,
            policy: self.bureau.policies[class.policy].clone(),
        }
    }
}
