//! From what a log counts and what people really did to what is true of a cell.

use std::collections::HashMap;

use muster_hours::count::{Counted, Reason, Shape};
use muster_hours::policy::PayMode;

use super::conduct::{Doing, Scene};
use super::plan::{LESSONS, Town};
use super::run::Bureau;
use super::truth::{Cells, State};

/// What a log says of each trainee and lesson.
pub(super) struct Logged<'a> {
    pub cells: HashMap<(&'a str, usize), (Shape, Option<Reason>)>,
    pub trouble: &'static str,
}

impl<'a> Logged<'a> {
    pub fn of(scene: &'a Scene<'a>, counted: &Counted, trouble: &'static str) -> Self {
        let ids: HashMap<&str, &str> = scene.seats().map(|(_, seat)| (seat.id.as_str(), seat.id.as_str())).collect();
        let cell = |(n, c): (usize, &muster_hours::count::Cell)| {
            Some(((*ids.get(c.trainee.as_str())?, n % LESSONS), (c.shape, c.reason)))
        };
        Self { cells: counted.cells.iter().enumerate().filter_map(cell).collect(), trouble }
    }
}

/// What is claimed in the end: of those who came onto the roster later, of those who left it, and of lump sums.
pub(super) fn settle(town: &Town, bureau: &Bureau, c: usize, cells: &mut Cells) {
    let class = &town.classes[c];
    let lump = bureau.policies[class.policy].pay_mode == PayMode::Lump;
    for (i, seat) in class.seats.iter().enumerate() {
        if seat.role == Some("roster-swapped") {
            for k in 0..seat.joins {
                for cell in cells.at(i, k) {
                    (cell.claimed, cell.state, cell.cause) = (true, State::Fabricated, "roster-swapped");
                }
            }
        }
        if let Some(old) = seat.was {
            for k in 0..seat.joins {
                let claimed = cells.at(old, k).iter().any(|cell| cell.claimed);
                for cell in cells.at(i, k).iter_mut().filter(|_| claimed) {
                    (cell.claimed, cell.state, cell.cause) = (true, State::Unproven, "id-corrected");
                }
            }
        }
    }
    for (i, seat) in class.seats.iter().enumerate() {
        let claimed = cells.seat(i).iter().filter(|cell| cell.claimed).count();
        let planned = class.sessions.len() * LESSONS;
        let rate = bureau.policies[class.policy].rate_permille as usize;
        let lies = seat.role.is_some() || cells.seat(i).iter().any(|cell| cell.state == State::Fabricated);
        if seat.leaves != usize::MAX || (lump && !lies && claimed * 1000 < rate * planned) {
            cells.unclaim(i);
        }
    }
}

impl Logged<'_> {
    /// Why honest hours do not count.
    pub fn cause(&self, doing: &Doing, cell: (&str, usize), wrong_clock: bool) -> &'static str {
        match self.cells.get(&cell).and_then(|(_, reason)| *reason) {
            Some(Reason::Unproven) if !self.trouble.is_empty() => self.trouble,
            Some(Reason::MissedSpot) => "misses-spot",
            _ if !doing.cause.is_empty() => doing.cause,
            _ if !self.trouble.is_empty() => self.trouble,
            _ if wrong_clock => "clock-wrong",
            Some(Reason::LowAssurance) => "look-changes",
            _ => "late",
        }
    }
}
