//! A class as a list of people and what they do: set up at the bureau, held at a site, claimed, and reconciled.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::bureau::Bureau;
use crate::card::Person;
use crate::site::Site;
use crate::video::Scene;

/// The stories' bureau.
pub const DOMAIN: &str = "muster.example";
/// The policy: a class hour lasts a few seconds, nothing else is compressed.
pub const POLICY: &str = "version = \"compressed-1\"\nclass_hour_s = 4\nshare_permille = 800\ndaily_cap = 8\nlevel = 2\n\
                          manual = true\npay_mode = \"per_hour\"\nrate_permille = 800\n";

/// What a trainee does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Comes, looks at the camera, stays, taps out.
    Attends,
    /// Never comes.
    Absent,
    /// Only the card comes, tapped with nobody in front of the camera.
    CardOnly,
}

/// A class.
#[derive(Debug, Clone)]
pub struct Class {
    /// Its id.
    pub id: String,
    /// Its name.
    pub title: String,
    /// Its site's id.
    pub site: String,
    /// Trainees and what they do.
    pub people: Vec<(Person, Part)>,
    /// How many lessons the session has, and how long each lasts.
    pub lessons: usize,
    /// Seconds.
    pub lesson_s: i64,
    /// Lessons of a session that was planned for yesterday and never held.
    pub never_held: usize,
    /// The instructor, where the roster has one.
    pub teacher: Option<Person>,
}

/// A time as a schedule has it.
pub fn rfc3339(ms: i64) -> String {
    let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_zoned_datetime(TimeZone::fixed(Offset::constant(8))).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

/// Now, in milliseconds since 1970-01-01T00:00Z.
pub fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

fn sleep_until(ms: i64) {
    let left = SignedDuration::from_millis(ms - now_ms());
    if let Ok(left) = Duration::try_from(left) {
        std::thread::sleep(left);
    }
}

/// A bureau in a folder, with one institution, the compressed policy and two sites.
///
/// # Errors
/// When it does not start or refuses what is imported.
pub fn bureau(dir: &Path) -> Result<Bureau> {
    std::fs::create_dir_all(dir)?;
    let bureau = Bureau::start(&dir.join("bureau"), DOMAIN)?;
    bureau
        .import("institutions", "institution,name,region\nhq,样本职业培训学校,150422\nxb,样本技能培训中心,150422\n")?;
    bureau.import(
        "sites",
        "site,institution,region,name,address\ns1,hq,150422,样本学校一楼教室,样本路 1 号\ns2,xb,150422,样本中心二楼教室,样本路 2 号\n",
    )?;
    bureau.import("policy", POLICY)?;
    Ok(bureau)
}

impl Class {
    /// A class of people who do these things, numbered from `first`.
    pub fn new(id: &str, site: &str, first: usize, parts: &[Part]) -> Self {
        let people = parts.iter().enumerate().map(|(i, part)| (Person::made_up(first + i), *part)).collect();
        let (id, site) = (id.to_owned(), site.to_owned());
        Self {
            title: format!("样本班 {id}"), id, site, people, lessons: 4, lesson_s: 3, never_held: 0, teacher: None
        }
    }

    /// How long it takes to check everybody in before the first lesson, generously, in milliseconds.
    fn lead_ms(&self) -> i64 {
        9_000 + 4_000 * self.people.len() as i64
    }

    /// Sets the class up at the bureau; gives when the first lesson starts.
    ///
    /// # Errors
    /// When the bureau refuses it.
    pub fn plan(&self, bureau: &Bureau) -> Result<i64> {
        let institution = if self.site == "s1" { "hq" } else { "xb" };
        let (id, site, title) = (&self.id, &self.site, &self.title);
        bureau.import(
            "classes",
            &format!("班期,机构代码,培训点,班名,职业,等级,政策\n{id},{institution},{site},{title},养老护理员,5,compressed-1\n"),
        )?;
        // A lesson starts at a whole second.
        let start = (now_ms() + self.lead_ms()).div_euclid(1_000) * 1_000;
        let mut schedule = String::from("class,session,lesson,start,end\n");
        let mut lesson = |session: &str, n: usize, at: i64| {
            let end = at + self.lesson_s * 1000;
            let _ = writeln!(schedule, "{id},{session},{session}-{},{},{}", n + 1, rfc3339(at), rfc3339(end));
        };
        for n in 0..self.lessons {
            lesson("am", n, start + n as i64 * self.lesson_s * 1000);
        }
        for n in 0..self.never_held {
            lesson("yesterday", n, start - 26 * 3600 * 1000 + n as i64 * self.lesson_s * 1000);
        }
        bureau.import("schedules", &schedule)?;
        let mut roster = String::from("班期,身份,姓名,公民身份号码,人员类别\n");
        for (person, _) in &self.people {
            let _ = writeln!(roster, "{id},学员,{},{},城镇登记失业", person.name, person.number);
        }
        if let Some(teacher) = &self.teacher {
            let _ = writeln!(roster, "{id},教师,{},{},", teacher.name, teacher.number);
        }
        bureau.import("rosters", &roster)?;
        Ok(start)
    }

    /// Everybody who comes checks in.
    ///
    /// # Errors
    /// When a check-in does not come out as it must.
    pub fn check_in(&self, site: &Site) -> Result<()> {
        site.wait_open()?;
        self.taps(site, "in")
    }

    /// Everybody who came checks out, once the lessons are over.
    ///
    /// # Errors
    /// When a check-out does not come out as it must.
    pub fn check_out(&self, site: &Site, start: i64) -> Result<()> {
        sleep_until(start + self.lessons as i64 * self.lesson_s * 1000 + 200);
        self.taps(site, "out")
    }

    fn taps(&self, site: &Site, good: &str) -> Result<()> {
        for (i, (person, part)) in self.people.iter().enumerate() {
            let (scene, want) = match part {
                Part::Absent => continue,
                Part::Attends => (Scene::Person(i), good),
                Part::CardOnly => (Scene::Empty, "look-again"),
            };
            site.show(scene)?;
            let got = site.tap(person)?;
            ensure!(
                got == want || site.camera.is_none(),
                "trainee {i} of {}: the kiosk said {got}, not {want}",
                self.id
            );
        }
        Ok(())
    }

    /// Holds the whole session and waits until the bureau has it.
    ///
    /// # Errors
    /// When anything does not come out as it must.
    pub fn hold(&self, site: &Site, start: i64) -> Result<()> {
        self.check_in(site)?;
        ensure!(now_ms() < start, "checking in took longer than planned: this machine is too busy for the story");
        self.check_out(site, start)?;
        site.close()?;
        site.wait_sent()
    }

    /// A claim file's rows for everybody: so many hours, 20 yuan each.
    pub fn claims(&self, hours: usize) -> String {
        let mut text = String::new();
        for (person, _) in &self.people {
            let _ = writeln!(text, "{},{},{},{hours},{}.00", self.id, person.number, person.name, 20 * hours);
        }
        text
    }
}

/// The head of a claim file.
pub const CLAIMS_HEAD: &str = "班期,公民身份号码,姓名,课时,金额\n";

/// A temporary folder for a story, which stays when it fails so that logs can be read.
pub fn folder(name: &str) -> Result<PathBuf> {
    let dir = std::env::temp_dir().join(format!("muster-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir)?;
    Ok(dir)
}
