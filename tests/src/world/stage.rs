//! Plays a session: what people do, and what breaks meanwhile, in the order in which it comes to the terminal.

use anyhow::Result;
use muster_seal::record::{Open, Way};
use muster_seal::session::SessionLog;

use super::conduct::{Coming, Doing, Scene};
use super::kiosk::{Kiosk, Shown, Written};
use super::plan::{Cut, LESSONS};
use super::rng::Rng;
use super::time::MINUTE;

/// How often a session has a call, and whom it calls.
const CALLS: f64 = 0.9;
const CALLED: f64 = 0.3;
/// How often somebody tries a card that is on no roster here.
const STRANGERS: f64 = 0.25;

/// A session that was played.
pub struct Played {
    /// Its log.
    pub log: SessionLog,
    /// What was written into it.
    pub written: Written,
    /// When it was closed in truth, ms.
    pub closed: i64,
    /// What was down in it.
    pub trouble: &'static str,
}

#[derive(Debug, Clone)]
enum Act {
    /// Comes, or goes when `true`.
    Tap(usize, bool),
    Teacher(Way),
    Stranger,
    Call,
    Down(&'static str),
    Up(&'static str),
    Restart,
    TurnClock(i64),
    Reboot,
}

/// What breaks during a session.
struct Trouble {
    down: Vec<(&'static str, i64, i64)>,
    cut: Option<Cut>,
}

impl Trouble {
    fn of(scene: &Scene<'_>, from: i64, to: i64) -> Self {
        let device = &scene.town.devices[scene.class.device];
        let cuts = &scene.town.sites[device.site].cuts;
        let hits = |a: i64, b: i64| a < to && b > from;
        let clip = |d: &(&'static str, i64, i64)| (d.0, d.1.max(from + 30_000), d.2.min(to - 30_000));
        Self {
            down: device.down.iter().filter(|d| hits(d.1, d.2)).map(clip).collect(),
            cut: cuts.iter().find(|c| hits(c.from, c.to)).copied(),
        }
    }

    fn is_down(&self, part: &str, at: i64) -> bool {
        self.down.iter().any(|(p, from, to)| *p == part && (*from..*to).contains(&at))
    }

    fn name(&self) -> &'static str {
        match (self.cut, self.down.first()) {
            (Some(_), _) => "power-cut",
            (None, Some(("camera", ..))) => "camera-outage",
            (None, Some(_)) => "reader-outage",
            (None, None) => "",
        }
    }
}

/// Plays a session; `None` where there was no power for it.
///
/// # Errors
/// When a record may not stand where it was put.
pub fn play(scene: &Scene<'_>, doings: &[Doing], open: Open, needed: u64, mut rng: Rng) -> Result<Option<Played>> {
    let session = &scene.class.sessions[scene.session];
    let (start, end) = session.span();
    let turned =
        (session.scheme == Some("clock-turned")).then(|| scene.frauds.get("clock-turned", "minutes") as i64 * MINUTE);
    let mut opens = start - 25 * MINUTE + turned.map_or(0, |by| by + 10 * MINUTE);
    let mut closes = end + 15 * MINUTE;
    let mut trouble = Trouble::of(scene, opens, closes);
    if let Some(cut) = trouble.cut {
        if cut.from <= opens + MINUTE {
            if cut.to > start + 2 * 60 * MINUTE {
                return Ok(None);
            }
            opens = cut.to + 2 * MINUTE;
            trouble.down.retain(|d| d.2 > opens);
            trouble.down.iter_mut().for_each(|d| d.1 = d.1.max(opens + 30_000));
        }
        closes = closes.max(cut.to + 5 * MINUTE);
    }
    let cut = trouble.cut.filter(|c| c.from > opens);
    let mut acts: Vec<(i64, Act)> = Vec::new();
    let mut add = |at: i64, act: Act| acts.push((at, act));
    for (n, doing) in doings.iter().enumerate().filter(|(_, d)| d.coming != Coming::Nothing) {
        add(doing.arrive, Act::Tap(n, false));
        if let Some(leave) = doing.leave {
            add(leave.max(doing.arrive + 2 * MINUTE), Act::Tap(n, true));
        }
    }
    if session.scheme != Some("ghost-instructor") {
        let comes = turned.map_or(start - 8 * MINUTE, |by| start + by - 10 * MINUTE);
        add(comes + rng.range(-3, 3) * MINUTE, Act::Teacher(Way::In));
        if rng.chance(0.97) {
            add(end + rng.range(60_000, 200_000), Act::Teacher(Way::Out));
        }
    }
    if rng.chance(STRANGERS) {
        add(start - rng.range(0, 9) * MINUTE, Act::Stranger);
    }
    if rng.chance(CALLS) {
        let (from, to) = session.lesson(1 + rng.below(LESSONS - 1));
        add(rng.range(from + 5 * MINUTE, to - 10 * MINUTE), Act::Call);
    }
    for (part, from, to) in &trouble.down {
        add(*from, Act::Down(part));
        add((*to).max(from + 1000), Act::Up(part));
    }
    if let Some(cut) = cut {
        add(cut.to + MINUTE, Act::Restart);
    }
    if let Some(by) = turned {
        add(opens + MINUTE, Act::TurnClock(-by));
        add(end - MINUTE, Act::Reboot);
    }
    acts.sort_by_key(|(at, _)| *at);
    let kiosk = Kiosk::open(scene.town, scene.class, needed, opens, open, Rng::of(rng.word(), &[]))?;
    let mut stage = Stage { scene, doings, trouble: &trouble, cut, kiosk, rng, free: opens };
    for (at, act) in acts {
        stage.act(at.max(opens + 1000), act)?;
    }
    let at = closes.max(stage.kiosk.last() + MINUTE);
    let gone = cut.is_some_and(|c| c.to > end + 10 * MINUTE);
    let (log, written) = stage.kiosk.close(at, if gone { "recovered" } else { "schedule" })?;
    Ok(Some(Played { log, written, closed: at, trouble: trouble.name() }))
}

struct Stage<'a> {
    scene: &'a Scene<'a>,
    doings: &'a [Doing],
    trouble: &'a Trouble,
    cut: Option<Cut>,
    kiosk: Kiosk<'a>,
    rng: Rng,
    // When the reader has done with the card before.
    free: i64,
}

impl Stage<'_> {
    fn act(&mut self, at: i64, act: Act) -> Result<()> {
        let teacher = self.scene.class.sessions[self.scene.session].teacher;
        let offset = self.scene.town.devices[self.scene.class.device].offset_ms;
        let without_power = self.cut.is_some_and(|c| (c.from..c.to + 2 * MINUTE).contains(&at));
        match act {
            Act::Restart => self.restart(at, offset),
            // Without power nobody taps: who comes then does so after it, and who goes is gone.
            Act::Tap(n, false) if without_power => {
                let later = self.cut.map_or(at, |c| c.to) + 2 * MINUTE + self.rng.range(0, 120_000);
                self.tap(later, n, teacher)
            }
            _ if without_power => Ok(()),
            Act::Tap(n, _) => self.tap(at, n, teacher),
            Act::Teacher(way) => self.kiosk.teacher(at, teacher, way),
            Act::Stranger => self.kiosk.stranger(at),
            Act::Call => self.call(at),
            Act::Down(part) => {
                let reason = if part == "reader" { "silent" } else { "lost" };
                self.kiosk.fault(at, part, Some(reason))
            }
            Act::Up(part) => self.kiosk.fault(at, part, None),
            Act::TurnClock(by) => self.kiosk.set_clock(at, offset + by),
            Act::Reboot => self.kiosk.restart(at, offset),
        }
    }

    fn restart(&mut self, at: i64, offset: i64) -> Result<()> {
        let device = &self.scene.town.devices[self.scene.class.device];
        if !device.dead_battery {
            return self.kiosk.restart(at, offset);
        }
        // The clock begins in 2020, and learns the time when the network is there.
        let old = super::time::midnight(super::time::day(2020, 1, 1)) - at;
        self.kiosk.restart(at, old)?;
        self.kiosk.set_clock(at + 45_000, offset)
    }

    /// How long one at the reader keeps the next waiting: to walk up, look and tap; without a camera there is no look.
    fn pace(&mut self) -> i64 {
        let (median, least) = if self.kiosk.dark { (2_500.0, 1_500.0) } else { (5_500.0, 2_800.0) };
        self.rng.log_normal(median, 0.35).max(least) as i64
    }

    fn shown(&self, doing: &Doing) -> Shown {
        match doing.coming {
            Coming::Card(face) => Shown { face, frame: doing.frame },
            _ => Shown { face: self.scene.town.people[self.scene.class.seats[doing.seat].person].face, frame: None },
        }
    }

    fn tap(&mut self, at: i64, n: usize, teacher: usize) -> Result<()> {
        let doing = &self.doings[n];
        let at = at.max(self.free);
        if let Coming::Hand(reason) = doing.coming {
            self.free = at + self.rng.range(6_000, 15_000);
            return self.kiosk.hand(at, doing.seat, teacher, reason);
        }
        if self.trouble.is_down("reader", at) {
            self.free = at + self.rng.range(6_000, 15_000);
            return self.kiosk.hand(at, doing.seat, teacher, "reader-down");
        }
        let worn =
            self.scene.town.people[self.scene.class.seats[doing.seat].person].card != super::people::CardState::Good;
        let at = if worn { at + self.rng.range(4_000, 20_000) } else { at };
        let mut sure = self.kiosk.tap(at, doing.seat, self.shown(doing), teacher)?;
        self.free = at + doing.gap.unwrap_or_else(|| self.pace());
        let stands_there = doing.gap.is_none() && self.shown(doing).face != 0;
        for _ in 0..2 {
            if sure || !stands_there || self.kiosk.dark {
                break;
            }
            let again = self.free;
            sure = self.kiosk.tap(again, doing.seat, self.shown(doing), teacher)?;
            self.free = again + self.pace();
        }
        Ok(())
    }

    fn call(&mut self, at: i64) -> Result<()> {
        if self.kiosk.dark || self.trouble.is_down("reader", at) {
            return Ok(());
        }
        let at = at.max(self.free);
        let class = self.scene.class;
        let reachable = |d: &&Doing| {
            self.kiosk.is_in(d.seat)
                && matches!(d.coming, Coming::Card(_))
                && !self.scene.town.people[class.seats[d.seat].person].declines
        };
        let there: Vec<&Doing> = self.doings.iter().filter(reachable).collect();
        let mut called: Vec<&Doing> = there.into_iter().filter(|_| self.rng.chance(CALLED)).collect();
        if called.is_empty() {
            return Ok(());
        }
        let seats: Vec<usize> = called.iter().map(|d| d.seat).collect();
        let call = self.kiosk.call(at, &seats)?;
        self.rng.shuffle(&mut called);
        called.sort_by_key(|d| !self.is_there(d, at));
        let mut next = at + self.rng.range(15_000, 60_000);
        for doing in called {
            let answers = self.is_there(doing, at);
            let when = if answers { next } else { next.max(at + 8 * MINUTE) };
            self.kiosk.answer(when, doing.seat, self.shown(doing), call, answers)?;
            next = when + if answers { self.rng.range(4_000, 12_000) } else { 10 };
        }
        self.free = self.free.max(next);
        Ok(())
    }

    /// Is somebody there to answer, with that card?
    fn is_there(&self, doing: &Doing, at: i64) -> bool {
        let substitute = doing.fraud == Some("substitute-sits");
        doing.answers && (substitute || doing.sat.is_some_and(|(from, to)| (from..to).contains(&at)))
    }
}
