//! The tables in `hours/tests/cases`: what happened, and what each cell is worth and why.
//!
//! A file has `lessons`, `trainees` and `[[case]]`s. A case says in `what` which rule it is about, sets what it needs of the
//! policy, and lists `events`:
//!
//! ```text
//! HH:MM:SS in|out|spot TRAINEE LEVEL            card, face and presence
//! HH:MM:SS manual-in|manual-out TRAINEE LEVEL   an instructor's entry
//! HH:MM:SS call|met|missed TRAINEE              a spot check
//! HH:MM:SS down|up PART                         reader, camera, power or network
//! HH:MM:SS restart | reboot                     the agent starts again; the machine does
//! HH:MM:SS clock SECONDS                        the wall clock is set forward
//! ```
//!
//! Then come the expected `cells`, `TRAINEE LESSON attested LEVEL [manual]` or `TRAINEE LESSON SHAPE REASON`, and
//! `presence`, `TRAINEE FROM-TO ENDED-BY LEVEL [manual]`. A trainee's cells that are not listed must all be the last one listed.

use std::collections::BTreeSet;
use std::path::Path;

use muster_hours::cap::{Hour, above_cap};
use muster_hours::count::{Cell, Counted, Reason, Shape};
use muster_hours::policy::Policy;
use muster_seal::record::Way;
use serde::Deserialize;

use crate::log::{Act, Event, MIDNIGHT, plan, verified_from};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    lessons: Vec<String>,
    trainees: Vec<String>,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    what: String,
    share_permille: Option<u32>,
    daily_cap: Option<u32>,
    level: Option<u8>,
    manual: Option<bool>,
    /// How far the clock is wrong when the session opens, in seconds.
    #[serde(default)]
    wrong_s: i64,
    power_gap_s: Option<u32>,
    /// When the session closes; after the last lesson unless said.
    #[serde(default = "noon")]
    close: String,
    events: Vec<String>,
    cells: Vec<String>,
    presence: Option<Vec<String>>,
}

fn noon() -> String {
    "12:00:00".to_owned()
}

#[test]
fn each_case_is_worth_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let (mut seen, mut wrong) = (BTreeSet::new(), Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let file: File =
            toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap_or_else(|e| panic!("{name}: {e}"));
        for case in &file.case {
            let counted = count(&file, case);
            let (cells, wanted) = (counted.cells.iter().map(cell).collect::<Vec<_>>(), wanted(&file, case));
            if cells != wanted {
                wrong.push(format!("{name}: {}\n  is   {cells:?}\n  want {wanted:?}", case.what));
            }
            let (spans, wanted) = (spans(&counted), case.presence.as_ref());
            if wanted.is_some_and(|wanted| *wanted != spans) {
                wrong.push(format!("{name}: {}\n  is   {spans:?}\n  want {wanted:?}", case.what));
            }
            seen.extend(counted.cells.iter().map(|c| c.reason.map_or("attested", |r| r.as_str())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Every worth that a cell can have is met somewhere.
    let all = ["attested", "daily-cap", "low-assurance", "missed-spot", "not-seen", "too-short", "unproven"];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), all);
}

fn count(file: &File, case: &Case) -> Counted {
    let lessons: Vec<(i64, i64)> =
        file.lessons.iter().map(|l| l.split_once('-').map(|(a, b)| (time(a), time(b))).unwrap()).collect();
    let d = Policy::default();
    let policy = Policy {
        share_permille: case.share_permille.unwrap_or(d.share_permille),
        daily_cap: case.daily_cap.unwrap_or(d.daily_cap),
        level: case.level.unwrap_or(d.level),
        manual: case.manual.unwrap_or(d.manual),
        power_gap_s: case.power_gap_s.unwrap_or(d.power_gap_s),
        ..d
    };
    let plan = plan(&lessons, &file.trainees, policy);
    let events: Vec<Event> = case.events.iter().map(|line| event(line)).collect();
    let mut counted =
        muster_hours::count(&verified_from(&plan, &events, time(&case.close), case.wrong_s * 1_000), &plan).unwrap();
    let cap = plan.assignment.policy.daily_cap;
    hold_daily_cap(&mut counted.cells, cap);
    counted
}

/// Holds the daily cap, with one day for all cells.
pub fn hold_daily_cap(cells: &mut [Cell], cap: u32) {
    let hour = |c: &Cell| (c.trainee.clone(), c.start, c.lesson.clone());
    let attested: Vec<usize> = (0..cells.len()).filter(|i| cells[*i].shape == Shape::Attested).collect();
    let hours: Vec<_> = attested.iter().map(|i| hour(&cells[*i])).collect();
    let hours = hours.iter().map(|(person, start, lesson)| Hour { person, day: 0, start: *start, lesson, cap });
    for (i, above) in attested.into_iter().zip(above_cap(&hours.collect::<Vec<_>>())) {
        if above {
            (cells[i].shape, cells[i].reason) = (Shape::Tail, Some(Reason::DailyCap));
        }
    }
}

/// The cells that a case expects, all of them.
fn wanted(file: &File, case: &Case) -> Vec<String> {
    let mut all = Vec::new();
    for trainee in &file.trainees {
        let mut worth = "";
        for lesson in 1..=file.lessons.len() {
            let name = format!("{trainee} {lesson} ");
            worth = case.cells.iter().find_map(|c| c.strip_prefix(&name)).unwrap_or(worth);
            all.push(name + worth);
        }
    }
    all
}

fn event(line: &str) -> Event {
    let words: Vec<&str> = line.split(' ').collect();
    let level = || words[3].parse().unwrap();
    let who = || words[2].to_owned();
    let act = match words[1] {
        "in" => Act::Present(who(), Way::In, level()),
        "out" => Act::Present(who(), Way::Out, level()),
        "spot" => Act::Present(who(), Way::Spot, level()),
        "manual-in" => Act::Manual(who(), Way::In, level()),
        "manual-out" => Act::Manual(who(), Way::Out, level()),
        phase @ ("call" | "met" | "missed") => {
            Act::Spot(who(), ["call", "met", "missed"].into_iter().find(|p| *p == phase).unwrap())
        }
        state @ ("down" | "up") => {
            let part = ["reader", "camera", "power", "network"].into_iter().find(|p| *p == words[2]).unwrap();
            Act::Fault(part, if state == "up" { "up" } else { "down" })
        }
        "restart" => Act::Restart(false),
        "reboot" => Act::Restart(true),
        "clock" => Act::Clock(words[2].parse::<i64>().unwrap() * 1_000),
        _ => panic!("{line}"),
    };
    Event { at: time(words[0]), act }
}

/// `HH:MM:SS` or `HH:MM:SS.mmm` as milliseconds since midnight.
fn time(text: &str) -> i64 {
    let number = |part: &str| part.parse::<i64>().unwrap();
    let (clock, ms) = text.split_once('.').unwrap_or((text, "0"));
    let parts: Vec<i64> = clock.split(':').map(number).collect();
    let [h, m, s] = parts[..] else { panic!("{text}") };
    ((h * 60 + m) * 60 + s) * 1_000 + number(ms)
}

fn cell(c: &Cell) -> String {
    let worth = match c.reason {
        None => format!("{}{}", c.level, if c.manual { " manual" } else { "" }),
        Some(reason) => reason.as_str().to_owned(),
    };
    format!("{} {} {} {worth}", c.trainee, c.lesson, c.shape.as_str())
}

fn spans(counted: &Counted) -> Vec<String> {
    let clock = |at: i64| crate::log::rfc3339(at - MIDNIGHT)[11..19].to_owned();
    let manual = |m| if m { " manual" } else { "" };
    let line = |p: &muster_hours::presence::Interval| {
        format!(
            "{} {}-{} {} {}{}",
            p.trainee,
            clock(p.from),
            clock(p.to),
            p.closed_by.as_str(),
            p.level,
            manual(p.manual)
        )
    };
    counted.presence.iter().map(line).collect()
}
