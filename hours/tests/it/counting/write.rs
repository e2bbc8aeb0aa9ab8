//! The records of an example as a real log: every line by the writer that devices use, sealed and verified.

use muster_hours::assurance::{LIVE_PERMILLE, level};
use muster_hours::schedule::Plan;
use muster_seal::record::{
    Body, Card, Clock, Face, Fault, Instructor, Manual, Open, Present, Restart, Spot, Stamp, Stranger, Way,
};
use muster_seal::session::{SessionLog, VerifiedLog};

use super::example::number;
use super::page::{Row, Table, Wrong, wrong};

/// What is written so far, and what the next records point at.
struct Writer {
    log: SessionLog,
    tap: u64,
    face: Option<u64>,
    seen: Option<Face>,
}

/// Writes the log. The `card` and `face` records before a `present` may be left out: they are written for it, and `seq` goes on
/// behind them.
pub fn write(plan: &Plan, records: &Table<'_>) -> Result<VerifiedLog, Wrong> {
    let mut writer = Writer { log: SessionLog::default(), tap: 0, face: None, seen: None };
    for row in &records.rows {
        let stamp = stamp(row)?;
        let seq: u64 = number(row.line, row.get("seq"))?;
        if row.get("kind") == "present" && writer.size() < seq {
            writer.card_and_face(row, &stamp)?;
        }
        if writer.size() != seq {
            return wrong(row.line, format!("this record has seq {}", writer.size()));
        }
        let body = writer.body(plan, row)?;
        writer.add(row.line, &stamp, body)?;
    }
    Ok(crate::log::sealed(&writer.log))
}

/// When a row says that its record was made: by the wall clock, and in which boot. A table that shows no boot has one alone, which
/// began at midnight.
fn stamp(row: &Row<'_>) -> Result<Stamp, Wrong> {
    let wall = row.get("wall");
    let (day, clock) = wall.split_once(' ').unwrap_or(("2026-03-02", wall));
    let (boot, up) = if row.has("boot") { (row.get("boot"), row.get("up")) } else { ("A", clock) };
    let fraction = if clock.contains('.') { "" } else { ".000" };
    let salt = [number::<u8>(row.line, row.get("seq"))?; 16];
    let Some(boot) = boot.chars().next().and_then(|boot| boot.to_digit(16)) else {
        return wrong(row.line, "a boot is called A to F");
    };
    let up_ms = time(row.line, up)?;
    Ok(Stamp { wall: format!("{day}T{clock}{fraction}+08:00"), boot: format!("{boot:032x}"), up_ms, salt })
}

/// `h:mm:ss` or `h:mm:ss.mmm` in milliseconds.
fn time(line: usize, text: &str) -> Result<u64, Wrong> {
    let (clock, ms) = text.split_once('.').unwrap_or((text, "0"));
    let mut sum = 0;
    for part in clock.split(':') {
        sum = sum * 60 + number::<u64>(line, part)?;
    }
    Ok(sum * 1000 + number::<u64>(line, ms)?)
}

impl Writer {
    fn size(&self) -> u64 {
        self.log.edge().size()
    }

    fn add(&mut self, line: usize, stamp: &Stamp, body: Body) -> Result<(), Wrong> {
        let salt = [self.size() as u8; 16];
        self.log.append(Stamp { salt, ..stamp.clone() }, body).map(|_| ()).or_else(|e| wrong(line, e.to_string()))
    }

    /// The card, and for a level above 1 the face, that a `present` of its level has before it.
    fn card_and_face(&mut self, row: &Row<'_>, stamp: &Stamp) -> Result<(), Wrong> {
        let (trainee, says) = (row.get("who").to_owned(), row.get("says"));
        let sure = said_level(row.line, says)?;
        self.tap = self.size();
        let card = Card { reader: "door".to_owned(), trainee: trainee.clone(), layout: "resident".to_owned() };
        self.add(row.line, stamp, Body::Card(card))?;
        let outcome = if sure > 2 { "match" } else { "face" }.to_owned();
        let live = (sure > 3).then_some(LIVE_PERMILLE);
        (self.face, self.seen) = (None, None);
        if sure > 1 {
            let face = Face { tap: self.tap, trainee, outcome, frames: 1, live, ..Face::default() };
            self.take_face(row.line, stamp, face)?;
        }
        Ok(())
    }

    fn take_face(&mut self, line: usize, stamp: &Stamp, face: Face) -> Result<(), Wrong> {
        (self.face, self.seen) = (Some(self.size()), Some(face.clone()));
        self.add(line, stamp, Body::Face(face))
    }

    fn body(&mut self, plan: &Plan, row: &Row<'_>) -> Result<Body, Wrong> {
        let (who, says) = (row.get("who").to_owned(), row.get("says"));
        let first = says.split(", ").next().unwrap_or_default();
        Ok(match row.get("kind") {
            "open" => Body::Open(Box::new(open(plan, says))),
            "card" => {
                (self.tap, self.face, self.seen) = (self.size(), None, None);
                Body::Card(Card { reader: "door".to_owned(), trainee: who, layout: "resident".to_owned() })
            }
            "face" => {
                let live = says.split_once(", live ").map(|(_, live)| number(row.line, live)).transpose()?;
                let outcome = first.to_owned();
                let face = Face { tap: self.tap, trainee: who, outcome, frames: 1, live, ..Face::default() };
                (self.face, self.seen) = (Some(self.size()), Some(face.clone()));
                Body::Face(face)
            }
            "present" => {
                let sure = said_level(row.line, says)?;
                let by_face = level(self.seen.as_ref(), LIVE_PERMILLE);
                if by_face != sure {
                    return wrong(row.line, format!("by its card and face this is of level {by_face}"));
                }
                let way = way(row.line, first)?;
                Body::Present(Present { trainee: who, way, level: sure, tap: self.tap, face: self.face })
            }
            "manual" => {
                let sure = if says.contains(", level ") { said_level(row.line, says)? } else { 0 };
                let (by, reason, way) = ("teacher".to_owned(), "no-chip".to_owned(), way(row.line, first)?);
                Body::Manual(Manual { trainee: who, way, by, reason, level: sure })
            }
            "spot" => Body::Spot(Spot { call: 1, phase: says.to_owned(), trainee: who }),
            "instructor" => {
                Body::Instructor(Instructor { instructor: who, way: way(row.line, first)?, by: "card".to_owned() })
            }
            "stranger" => Body::Stranger(Stranger { reader: "door".to_owned() }),
            "clock" => {
                let step = says.strip_suffix(" s").unwrap_or(says).trim_start_matches('+');
                Body::Clock(Clock { step_ms: number::<i64>(row.line, step)? * 1000 })
            }
            "fault" => {
                let (part, name) = who.split_once(' ').unwrap_or((&who, &who));
                let (part, name, state) = (part.to_owned(), name.to_owned(), says.to_owned());
                Body::Fault(Fault { part, name, state, reason: "lost".to_owned() })
            }
            "restart" => Body::Restart(Restart { agent: "again".to_owned() }),
            "close" => Body::Close(self.log.closing("schedule")),
            other => return wrong(row.line, format!("there is no record of kind {other:?}")),
        })
    }
}

fn open(plan: &Plan, says: &str) -> Open {
    let readers = says.strip_prefix("readers ").into_iter().flat_map(|names| names.split(", "));
    let readers = readers.map(|name| (name.to_owned(), "profile".to_owned())).collect();
    Open { readers, ..crate::log::open(plan) }
}

fn said_level(line: usize, says: &str) -> Result<u64, Wrong> {
    match says.split_once("level ") {
        Some((_, level)) => number(line, level),
        None => wrong(line, "no level is said"),
    }
}

fn way(line: usize, text: &str) -> Result<Way, Wrong> {
    match text {
        "in" => Ok(Way::In),
        "out" => Ok(Way::Out),
        "spot" => Ok(Way::Spot),
        _ => wrong(line, format!("{text:?} is no way: in, out or spot")),
    }
}
