//! What a town has: institutions, sites, terminals and classes with their people and lessons, as they were planned and as
//! chance had it. What happens in a session is [`super::conduct`]'s.

use muster_seal::key::DeviceKey;
use muster_server::import::roster_id;

use super::people::Person;
use super::regions::Region;
use super::time::{HOUR, MINUTE, midnight};

/// Lessons of a session.
pub const LESSONS: usize = 4;
/// Trainees that the policies allow in a class.
pub const SIZE_CAP: usize = 50;

/// A town: what is made at once, and held in memory at once.
#[derive(Debug)]
pub struct Town {
    /// Its number.
    pub index: u64,
    /// Its banner.
    pub region: Region,
    /// Who trains.
    pub institutions: Vec<Institution>,
    /// Where.
    pub sites: Vec<Site>,
    /// With what.
    pub devices: Vec<Device>,
    /// All people; classes name them by index.
    pub people: Vec<Person>,
    /// The classes.
    pub classes: Vec<Class>,
    /// Days without class for the weather, and whether that was published the next morning only.
    pub closures: Vec<(i64, bool)>,
}

/// An institution.
#[derive(Debug)]
pub struct Institution {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its licensed occupations, by index.
    pub occupations: Vec<usize>,
    /// Its teachers, by person.
    pub teachers: Vec<usize>,
}

/// A site.
#[derive(Debug)]
pub struct Site {
    /// Its id.
    pub id: String,
    /// Whose, by index.
    pub institution: usize,
    /// Latitude, millionths of a degree.
    pub lat_e6: i64,
    /// Longitude.
    pub lon_e6: i64,
    /// Far from a network.
    pub pastoral: bool,
    /// The window is behind those who stand before the camera.
    pub backlit: bool,
    /// Where more people decline the face.
    pub village: bool,
    /// When there was no power.
    pub cuts: Vec<Cut>,
}

/// A power cut.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// From, ms.
    pub from: i64,
    /// To, ms.
    pub to: i64,
    /// Does the calendar have it?
    pub listed: bool,
    /// Is the terminal unheard of for days after it?
    pub hole: bool,
}

/// A terminal.
#[derive(Debug)]
pub struct Device {
    /// Its id, as the server derives it from the key.
    pub id: String,
    /// Its key.
    pub key: DeviceKey,
    /// Its site, by index.
    pub site: usize,
    /// How far its clock is ahead, ms.
    pub offset_ms: i64,
    /// Does its clock begin in an old year after a power cut?
    pub dead_battery: bool,
    /// Has it a liveness model?
    pub lively: bool,
    /// What was down, and when: part, from, to.
    pub down: Vec<(&'static str, i64, i64)>,
}

/// A class.
#[derive(Debug)]
pub struct Class {
    /// Its id.
    pub id: String,
    /// Whose, by index.
    pub institution: usize,
    /// On which terminal, by index.
    pub device: usize,
    /// When of the day.
    pub kind: Kind,
    /// Occupation, by index.
    pub occupation: usize,
    /// Skill level, 1 the highest.
    pub level: u8,
    /// Policy, by index.
    pub policy: usize,
    /// The key of its roster ids.
    pub card_key: [u8; 32],
    /// Everybody who is or was on the roster.
    pub seats: Vec<Seat>,
    /// Who teaches, and who steps in: by person, with the roster's ids.
    pub teachers: Vec<(usize, String)>,
    /// The sessions, in order.
    pub sessions: Vec<Session>,
    /// Honest habits of the class as a whole.
    pub habits: Vec<&'static str>,
    /// Frauds of the institution.
    pub frauds: Vec<&'static str>,
    /// What officials did wrong about it: no fault of the institution's.
    pub conduct: Vec<&'static str>,
    /// Was its claim released?
    pub paid: bool,
    /// When its opening was approved; `None` when it was not.
    pub approved: Option<i64>,
    /// Sessions that an inspector came to.
    pub inspected: Vec<usize>,
}

impl Class {
    /// Does this habit or fraud belong to it?
    pub fn has(&self, id: &str) -> bool {
        self.habits.contains(&id) || self.frauds.contains(&id)
    }

    /// Day of the first session, and of the last.
    pub fn days(&self) -> (i64, i64) {
        let days = || self.sessions.iter().map(|s| s.day);
        (days().min().unwrap_or(0), days().max().unwrap_or(0))
    }

    /// A name for the roster under the class's key.
    pub fn id_of(&self, instructor: bool, number: &str) -> String {
        roster_id(&self.card_key, instructor, number)
    }
}

/// When a class meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Mornings and afternoons of working days.
    Day,
    /// Evenings of working days.
    Evening,
    /// Mornings and afternoons, day after day.
    Boarding,
    /// Afternoons of working days.
    Practice,
}

impl Kind {
    /// As the bureau's files have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Evening => "evening",
            Self::Boarding => "boarding",
            Self::Practice => "practice",
        }
    }

    /// The parts of the day that it meets in.
    pub fn slots(self) -> &'static [usize] {
        match self {
            Self::Day | Self::Boarding => &[0, 1],
            Self::Evening => &[2],
            Self::Practice => &[1],
        }
    }
}

/// A place on a roster.
#[derive(Debug, Clone)]
pub struct Seat {
    /// Who, by index.
    pub person: usize,
    /// The roster's id.
    pub id: String,
    /// Is a face template enrolled?
    pub template: bool,
    /// First session that the roster has the seat in.
    pub joins: usize,
    /// First session that it has not.
    pub leaves: usize,
    /// The fraud that the seat takes part in.
    pub role: Option<&'static str>,
    /// The seat of the same person under a number that was wrong.
    pub was: Option<usize>,
    /// Days of illness: from, to.
    pub ill: Vec<(i64, i64)>,
    /// Who is paid, whose phone, who brought the person.
    pub payee: String,
    /// Phone.
    pub phone: String,
    /// Introducer; empty without one.
    pub introducer: String,
    /// Who enrolled.
    pub added_by: String,
}

/// What became of a planned session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Held, with a log.
    Held,
    /// Not held for the weather, and not made up.
    Closed,
    /// Never held, and claimed.
    Invented,
}

/// A session.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// On which day.
    pub day: i64,
    /// Morning, afternoon or evening.
    pub slot: usize,
    /// What became of it.
    pub fate: Fate,
    /// The day and part of the day that it was planned for first, and when the change was written down.
    pub moved: Option<(i64, usize, i64)>,
    /// What the institution does with it: a fraud that touches the session as a whole.
    pub scheme: Option<&'static str>,
    /// By how many minutes the whole class was late.
    pub late_min: i64,
    /// The teacher who was there: 0 the planned one, 1 who stepped in.
    pub teacher: usize,
    /// Was it in another room?
    pub moved_room: bool,
}

impl Session {
    /// Start and end of a lesson, ms.
    pub fn lesson(&self, n: usize) -> (i64, i64) {
        lesson(self.day, self.slot, n)
    }

    /// Start of the first lesson and end of the last.
    pub fn span(&self) -> (i64, i64) {
        (self.lesson(0).0, self.lesson(LESSONS - 1).1)
    }
}

/// Start and end of a lesson of a part of a day, ms.
pub fn lesson(day: i64, slot: usize, n: usize) -> (i64, i64) {
    let begins = [8 * HOUR + 30 * MINUTE, 14 * HOUR, 18 * HOUR][slot];
    let start = midnight(day) + begins + n as i64 * 55 * MINUTE;
    (start, start + 45 * MINUTE)
}

/// Is this a day that nobody in China has class on? The long holidays of 2025, and the first of each of them of any year.
pub fn holiday(day: i64) -> bool {
    let (year, month, date) = super::time::date(day);
    matches!((month, date), (1, 1) | (5, 1..=3) | (10, 1..=7))
        || matches!((year, month, date), (2025, 1, 28..=31) | (2025, 2, 1..=4) | (2025, 4, 4..=6) | (2025, 5, 31))
}
