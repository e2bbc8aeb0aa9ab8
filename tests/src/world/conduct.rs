//! What people really do in a session, and what the institution will say of it. The truth is made here; the log comes after.

use super::people::CardState;
use super::plan::{Class, Fate, LESSONS, Seat, Town};
use super::rates::Rates;
use super::rng::Rng;
use super::time::MINUTE;

/// How a seat comes into the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coming {
    /// Not at all.
    Nothing,
    /// By its card; the face that the camera sees then, 0 for none.
    Card(u64),
    /// By the instructor's hand, for a reason.
    Hand(&'static str),
}

/// What one seat does in one session.
#[derive(Debug, Clone)]
pub struct Doing {
    /// Which seat, by index.
    pub seat: usize,
    /// From when to when the person really sat there, ms.
    pub sat: Option<(i64, i64)>,
    /// How the log hears of it.
    pub coming: Coming,
    /// When it comes to the reader, ms.
    pub arrive: i64,
    /// When it comes again to go; `None` when it does not.
    pub leave: Option<i64>,
    /// A picture that is shown again and again, by its hash.
    pub frame: Option<[u8; 32]>,
    /// Milliseconds from the card before to this one, where a hand holds both.
    pub gap: Option<i64>,
    /// Does it answer when it is called?
    pub answers: bool,
    /// Does the institution say that the person sat there?
    pub claimed: bool,
    /// Is that a lie, and which?
    pub fraud: Option<&'static str>,
    /// What may keep honest hours from being attested.
    pub cause: &'static str,
}

impl Doing {
    /// Did the person sit through enough of these minutes?
    pub fn sat_through(&self, start: i64, end: i64, share_permille: i64) -> bool {
        let covered = self.sat.map_or(0, |(from, to)| (to.min(end) - from.max(start)).max(0));
        covered * 1000 >= (end - start) * share_permille
    }
}

/// A session of a class, with what is needed to play it.
pub struct Scene<'a> {
    /// The town.
    pub town: &'a Town,
    /// The class.
    pub class: &'a Class,
    /// The session, by index.
    pub session: usize,
    /// Habits.
    pub habits: &'a Rates,
    /// Frauds.
    pub frauds: &'a Rates,
}

impl Scene<'_> {
    /// The seats on the roster at this session, by index.
    pub fn seats(&self) -> impl Iterator<Item = (usize, &Seat)> {
        let on = |(_, seat): &(usize, &Seat)| (seat.joins..seat.leaves).contains(&self.session);
        self.class.seats.iter().enumerate().filter(on)
    }

    /// What everybody does.
    pub fn doings(&self, rng: &mut Rng) -> Vec<Doing> {
        let mut all: Vec<Doing> = self.seats().map(|(i, seat)| self.doing(i, seat, rng)).collect();
        self.together(&mut all, rng);
        self.stacked(&mut all, rng);
        all
    }

    fn doing(&self, i: usize, seat: &Seat, rng: &mut Rng) -> Doing {
        let honest = self.honest(i, seat, rng);
        let doing = match seat.role {
            Some(role) => self.by_role(role, seat, honest, rng),
            None => honest,
        };
        let doing = if self.class.has("hours-padded") && rng.chance(self.frauds.get("hours-padded", "absent")) {
            self.away(doing, "hours-padded")
        } else {
            doing
        };
        self.by_scheme(doing, rng)
    }

    /// Who sits there, or is ill, or forgets.
    fn honest(&self, i: usize, seat: &Seat, rng: &mut Rng) -> Doing {
        let (session, h) = (&self.class.sessions[self.session], self.habits);
        let (start, end) = session.span();
        let person = &self.town.people[seat.person];
        let offset = |rng: &mut Rng| {
            let ms = rng.log_normal(h.get("late", "median_s"), h.get("late", "sigma")) * 1000.0;
            if rng.chance(h.get("late", "rate")) { ms.min(3_600_000.0) as i64 } else { 60_000 }
        };
        // Most come some minutes before it begins; the offset is what scatters.
        let late = session.late_min * MINUTE;
        let arrive = start - 6 * MINUTE + offset(rng) + late;
        let early = rng.chance(h.get("late", "early"));
        let go = if early { end - 2 * offset(rng) } else { end + offset(rng) / 4 };
        let forgets = if person.forgetful { "forgetful_rate" } else { "rate" };
        let forgot = rng.chance(h.get("forgets-check-out", forgets));
        let coming = match person.card {
            CardState::Dead => Coming::Hand("no-chip"),
            // Some tries, and then the instructor's hand.
            CardState::Worn if rng.chance(h.get("worn-cards", "fails").powi(2)) => Coming::Hand("no-chip"),
            _ => Coming::Card(person.face),
        };
        let cause = match () {
            () if forgot => "forgets-check-out",
            () if late > 0 => "whole-class-late",
            () if early => "early",
            () if arrive > start => "late",
            () => "",
        };
        let doing = Doing {
            seat: i,
            sat: Some((arrive, go)),
            coming,
            arrive,
            leave: (!forgot).then_some(go),
            frame: None,
            gap: None,
            answers: !rng.chance(h.get("misses-spot", "rate")),
            claimed: true,
            fraud: None,
            cause,
        };
        let ill = seat.ill.iter().any(|(from, to)| (*from..=*to).contains(&session.day));
        // Six sessions make a week of most classes.
        let swapped = rng.chance(h.get("swaps", "rate") / 6.0);
        match session.fate {
            Fate::Closed => Doing { claimed: false, ..self.not_here(doing, "weather") },
            Fate::Invented => self.away(doing, "lessons-invented"),
            Fate::Held if ill => Doing { claimed: false, ..self.not_here(doing, "ill") },
            // The hours were sat, in another class.
            Fate::Held if swapped => Doing { coming: Coming::Nothing, arrive, leave: None, cause: "swaps", ..doing },
            Fate::Held => doing,
        }
    }

    fn not_here(&self, doing: Doing, cause: &'static str) -> Doing {
        Doing { sat: None, coming: Coming::Nothing, leave: None, cause, ..doing }
    }

    /// Away, and claimed.
    fn away(&self, doing: Doing, fraud: &'static str) -> Doing {
        Doing { claimed: true, fraud: Some(fraud), ..self.not_here(doing, fraud) }
    }

    /// Away, and yet in the log: somebody else put the card down.
    fn proxy(&self, doing: Doing, face: u64, fraud: &'static str) -> Doing {
        let (start, end) = self.class.sessions[self.session].span();
        let coming = Coming::Card(face);
        let (arrive, leave) = (start - 5 * MINUTE, Some(end + MINUTE));
        Doing {
            sat: None,
            coming,
            arrive,
            leave,
            answers: false,
            claimed: true,
            fraud: Some(fraud),
            cause: fraud,
            ..doing
        }
    }

    fn by_role(&self, role: &'static str, seat: &Seat, honest: Doing, rng: &mut Rng) -> Doing {
        let k = self.session;
        if self.class.sessions[k].fate != Fate::Held {
            return honest;
        }
        let f = |key| self.frauds.get(role, key);
        let (start, end) = self.class.sessions[k].span();
        let own = self.town.people[seat.person].face;
        let comes = |share: f64, doing: Doing, rng: &mut Rng| {
            if rng.chance(share) { doing } else { self.away(doing, role) }
        };
        match role {
            "phantoms" | "overlapping-claims" => self.away(honest, role),
            "token-attendance" | "recruited-crowd" => comes(f("present"), honest, rng),
            "roster-swapped" => comes(0.3, honest, rng),
            "show-days-only" => {
                let shown = k == 0 || k + 1 == self.class.sessions.len() || self.class.inspected.contains(&k);
                comes(if shown { 1.0 } else { 0.0 }, honest, rng)
            }
            "ends-only" => {
                let arrive = honest.arrive.min(start + 2 * MINUTE);
                let sat = Some((arrive, arrive + 5 * MINUTE));
                let leave = Some(end + honest.arrive.rem_euclid(120_000));
                Doing { sat, arrive, leave, answers: false, claimed: true, fraud: Some(role), cause: role, ..honest }
            }
            "card-stack" | "stack-slow" => self.proxy(honest, 0, role),
            "two-places" => {
                let stranger = if self.class.level.is_multiple_of(2) { 0 } else { (1 << 41) + own };
                self.proxy(honest, stranger, role)
            }
            "one-face" => {
                let culprit = self.class.seats.iter().find(|s| s.role == Some(role)).map_or(own, |s| s.person as u64);
                if seat.person as u64 == culprit {
                    return honest;
                }
                self.proxy(honest, self.town.people[culprit as usize].face, role)
            }
            "photo" => {
                let mut picture = [0; 32];
                picture[..8].copy_from_slice(&own.to_le_bytes());
                let frame = Some(muster_seal::merkle::sha256(&picture));
                Doing { frame, ..self.proxy(honest, own, role) }
            }
            "substitute-sits" if k >= f("from_session") as usize && honest.sat.is_some() => {
                let coming = Coming::Card((1 << 40) + own);
                Doing { sat: None, coming, claimed: true, fraud: Some(role), cause: role, ..honest }
            }
            "by-hand" if rng.chance(0.6) => {
                let doing = self.proxy(honest, 0, role);
                Doing { coming: Coming::Hand("other"), ..doing }
            }
            "fork" if self.class.sessions[k].scheme == Some("fork") => self.proxy(honest, 0, role),
            _ => honest,
        }
    }

    /// What the institution does with the session as a whole.
    fn by_scheme(&self, doing: Doing, rng: &mut Rng) -> Doing {
        let session = &self.class.sessions[self.session];
        let (Some(scheme), Some((from, to))) = (session.scheme, doing.sat) else { return doing };
        let lie = |doing: Doing, sat: (i64, i64)| {
            let fraud = doing.fraud.or(Some(scheme));
            Doing { sat: Some(sat), claimed: true, fraud, cause: scheme, ..doing }
        };
        match scheme {
            "tails-claimed" => {
                let until = session.lesson((self.frauds.get(scheme, "sat") as usize).clamp(1, LESSONS) - 1).1;
                let go = until.min(to) + rng.range(0, 3 * MINUTE);
                Doing { leave: doing.leave.map(|_| go), ..lie(doing, (from, go)) }
            }
            // They sign, and go; nobody teaches.
            "ghost-instructor" | "device-carried" => lie(Doing { answers: true, ..doing }, (from, from + 10 * MINUTE)),
            "clock-turned" => {
                let later = self.frauds.get(scheme, "minutes") as i64 * MINUTE;
                lie(Doing { arrive: doing.arrive + later, ..doing }, (from + later, to.max(from + later)))
            }
            _ => doing,
        }
    }

    /// A bus or a dormitory: all at once, and some in the roster's order.
    fn together(&self, all: &mut [Doing], rng: &mut Rng) {
        let roll = self.class.has("roll-call");
        if !roll && !self.class.has("arrives-together") {
            return;
        }
        let session = &self.class.sessions[self.session];
        let bus = session.span().0 - 10 * MINUTE + rng.range(-3, 3) * MINUTE + session.late_min * MINUTE;
        for (n, doing) in all.iter_mut().enumerate() {
            let (Some((_, to)), None) = (doing.sat, doing.fraud) else { continue };
            if doing.cause == "late" || doing.coming == Coming::Nothing {
                continue; // missed it
            }
            let at = bus + if roll { n as i64 * 100 } else { rng.range(0, 90_000) };
            (doing.arrive, doing.sat) = (at, Some((at, to)));
        }
    }

    /// Cards that one hand puts down, one after the other, in the order in which they lie in the drawer.
    fn stacked(&self, all: &mut [Doing], rng: &mut Rng) {
        for fraud in ["card-stack", "stack-slow"] {
            let median = self.frauds.get(fraud, "gap_ms");
            let begin = rng.range(0, 2 * MINUTE);
            let stack = all.iter_mut().filter(|d| d.fraud == Some(fraud) && matches!(d.coming, Coming::Card(_)));
            for (n, doing) in stack.enumerate() {
                doing.arrive += begin + n as i64;
                doing.leave = doing.leave.map(|at| at + begin + n as i64);
                doing.gap = Some(rng.log_normal(median, 0.2).max(700.0) as i64);
            }
        }
    }
}
