//! What is true: of each cell, trainee and class.

use muster_server::evidence::sheet::Sheet;
use muster_server::evidence::tables::Type::{Bool, Int, Text};
use muster_server::evidence::tables::{Source, Table};

use super::plan::{Class, LESSONS, Town};

/// A trainee × a lesson that counts, or is claimed.
pub static CELLS: Table = Table {
    name: "cells",
    source: Source::Derived,
    columns: &[
        ("class", Text),
        ("trainee", Text),
        ("session", Text),
        ("lesson", Text),
        ("truth", Text),
        ("cause", Text),
        ("claimed", Bool),
        ("logged", Bool),
    ],
};

/// A trainee in a class.
pub static TRAINEES: Table = Table {
    name: "trainees",
    source: Source::Derived,
    columns: &[
        ("class", Text),
        ("trainee", Text),
        ("phantom", Bool),
        ("frauds", Text),
        ("habits", Text),
        ("claimed", Int),
        ("attested", Int),
        ("unproven", Int),
        ("fabricated", Int),
    ],
};

/// A class.
pub static CLASSES: Table = Table {
    name: "classes",
    source: Source::Derived,
    columns: &[
        ("class", Text),
        ("institution", Text),
        ("region", Text),
        ("kind", Text),
        ("honest", Bool),
        ("habits", Text),
        ("frauds", Text),
        ("conduct", Text),
        ("trainees", Int),
        ("sessions", Int),
        ("claimed", Int),
        ("fabricated", Int),
    ],
};

/// What a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Neither counted nor claimed.
    Nothing,
    /// Sat, and counted.
    Attested,
    /// Claimed in good faith, and not counted.
    Unproven,
    /// Claimed, and not sat.
    Fabricated,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Attested => "attested",
            Self::Unproven => "unproven",
            Self::Fabricated => "fabricated",
        }
    }
}

/// One cell.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    /// What it is.
    pub state: State,
    /// Why.
    pub cause: &'static str,
    /// Is it claimed?
    pub claimed: bool,
    /// Does the log count it?
    pub logged: bool,
}

impl Cell {
    const NOTHING: Self = Self { state: State::Nothing, cause: "", claimed: false, logged: false };
}

/// All cells of a class: by seat, session and lesson.
#[derive(Debug)]
pub struct Cells {
    all: Vec<Cell>,
    sessions: usize,
}

impl Cells {
    /// None yet.
    pub fn of(class: &Class) -> Self {
        let sessions = class.sessions.len();
        Self { all: vec![Cell::NOTHING; class.seats.len() * sessions * LESSONS], sessions }
    }

    /// The cells of a seat in a session.
    pub fn at(&mut self, seat: usize, session: usize) -> &mut [Cell] {
        let from = (seat * self.sessions + session) * LESSONS;
        &mut self.all[from..from + LESSONS]
    }

    /// All cells of a seat.
    pub fn seat(&mut self, seat: usize) -> &mut [Cell] {
        let width = self.sessions * LESSONS;
        &mut self.all[seat * width..(seat + 1) * width]
    }

    /// Takes what is claimed of a seat back.
    pub fn unclaim(&mut self, seat: usize) {
        for cell in self.seat(seat) {
            cell.claimed = false;
            if cell.state != State::Attested {
                *cell = Cell::NOTHING;
            }
        }
    }
}

/// What a world holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Truth {
    /// Records in all logs.
    pub records: u64,
    /// Session logs.
    pub sessions: u64,
    /// Classes.
    pub classes: u64,
    /// Classes with a fraud.
    pub bad_classes: u64,
    /// Trainees in classes.
    pub trainees: u64,
    /// Trainees who never came, and are claimed.
    pub phantoms: u64,
    /// Cells that were sat and count.
    pub attested: u64,
    /// Cells claimed in good faith that do not count.
    pub unproven: u64,
    /// Cells claimed that nobody sat.
    pub fabricated: u64,
}

impl Truth {
    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.sessions += other.sessions;
        self.classes += other.classes;
        self.bad_classes += other.bad_classes;
        self.trainees += other.trainees;
        self.phantoms += other.phantoms;
        self.attested += other.attested;
        self.unproven += other.unproven;
        self.fabricated += other.fabricated;
    }
}

/// The three tables.
pub struct Sheets {
    /// [`CELLS`].
    pub cells: Sheet,
    /// [`TRAINEES`].
    pub trainees: Sheet,
    /// [`CLASSES`].
    pub classes: Sheet,
}

impl Default for Sheets {
    fn default() -> Self {
        Self { cells: Sheet::new(&CELLS), trainees: Sheet::new(&TRAINEES), classes: Sheet::new(&CLASSES) }
    }
}

impl Sheets {
    /// Adds a class.
    pub fn add(&mut self, town: &Town, class: &Class, cells: &mut Cells, seen: &[bool], truth: &mut Truth) {
        let (mut claimed, mut fabricated) = (0, 0);
        for (i, seat) in class.seats.iter().enumerate() {
            let count = |cells: &mut Cells, state| cells.seat(i).iter().filter(|c| c.state == state).count() as u64;
            let [attested, unproven, made_up] =
                [State::Attested, State::Unproven, State::Fabricated].map(|s| count(cells, s));
            let asked = cells.seat(i).iter().filter(|c| c.claimed).count() as u64;
            let phantom = !seen[i] && made_up > 0;
            for (n, cell) in cells.seat(i).iter().enumerate().filter(|(_, c)| c.state != State::Nothing) {
                let (session, lesson) = (n / LESSONS, n % LESSONS);
                let row = self.cells.text(&*class.id).text(&*seat.id).text(&*class.sessions[session].id);
                row.text(&*lesson_id(&class.sessions[session].id, lesson)).text(cell.state.as_str());
                row.text(Some(cell.cause).filter(|c| !c.is_empty())).bool(cell.claimed).bool(cell.logged);
            }
            let person = &town.people[seat.person];
            let mut habits = Vec::new();
            habits.extend(person.declines.then_some("declines-face"));
            habits.extend(person.forgetful.then_some("forgets-check-out"));
            habits.extend(person.twin.map(|_| "twins"));
            habits.extend((person.drift > 0).then_some("look-changes"));
            habits.extend(match person.card {
                super::people::CardState::Good => None,
                super::people::CardState::Worn => Some("worn-cards"),
                super::people::CardState::Dead => Some("no-chip"),
            });
            habits.extend(seat.was.map(|_| "id-corrected"));
            let row = self.trainees.text(&*class.id).text(&*seat.id).bool(phantom).text(seat.role);
            row.text(&*habits.join(",")).count(asked).count(attested).count(unproven).count(made_up);
            truth.trainees += 1;
            truth.phantoms += u64::from(phantom);
            truth.attested += attested;
            truth.unproven += unproven;
            truth.fabricated += made_up;
            claimed += asked;
            fabricated += made_up;
        }
        truth.classes += 1;
        truth.bad_classes += u64::from(!class.frauds.is_empty());
        let row = self.classes.text(&*class.id).text(&*town.institutions[class.institution].id);
        row.text(&*town.region.code.to_string()).text(class.kind.as_str()).bool(class.frauds.is_empty());
        row.text(&*class.habits.join(",")).text(&*class.frauds.join(",")).text(&*class.conduct.join(","));
        row.count(class.seats.len() as u64);
        row.count(class.sessions.len() as u64).count(claimed).count(fabricated);
    }
}

/// A lesson's id.
pub fn lesson_id(session: &str, n: usize) -> String {
    format!("{session}-{}", n + 1)
}
