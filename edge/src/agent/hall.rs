//! What goes by the clock: opening, closing and sealing sessions, contacts between them, forgetting.

use anyhow::Result;
use muster_seal::record::{Body, Clock as ClockRecord};

use super::{Agent, SHOWN_MS};
use crate::agenda::{self, Held, Next};
use crate::clock::STEP_MS;
use crate::session::{Hands, Session, fault};
use crate::trust::Now;

/// How often what names people is looked through for what is over, in milliseconds.
const FORGET_EVERY_MS: u64 = 3_600_000;
/// A clock further than this from the last time that is certain is not believed when it comes to erasing. Milliseconds.
const BELIEVED_MS: i64 = 31 * 24 * 3_600_000;
/// Without news of the central log a contact says little: it is made this many times more rarely.
const QUIET: i64 = 24;

/// Is it time to be heard of? Not more often than `every_ms`, and with nothing new in the beacon much more rarely.
fn contact_is_due(heard_ms: i64, now_ms: i64, every_ms: i64, grew: bool) -> bool {
    now_ms - heard_ms >= if grew { every_ms } else { every_ms.saturating_mul(QUIET) }
}

impl Agent {
    pub(super) fn tick(&mut self) -> Result<()> {
        let up_ms = self.clock.up_ms()?;
        if let Some(event) = self.camera.as_ref().and_then(|camera| camera.check()) {
            self.camera_event(&event)?;
        }
        let is_over = |last: &crate::kiosk::view::Last| last.at.elapsed().as_millis() as u64 >= SHOWN_MS;
        if self.last.as_ref().is_some_and(|last| !last.outcome.waits() && is_over(last)) {
            self.last = None;
        }
        if self.stale.is_some() {
            return Ok(());
        }
        if self.unsure {
            self.take_up()?;
        }
        self.note_step()?;
        if self.session.as_mut().is_some_and(|session| session.desk.tick(up_ms)) {
            self.last = self.last.take().filter(|last| !last.outcome.waits());
        }
        self.advance()?;
        if let (Some(session), Some(me)) = (&mut self.session, &self.me)
            && session.seal_is_due(&self.clock, self.config.seal_every_s)?
        {
            session.seal(&self.store, Hands { key: &self.key, me, clock: &self.clock })?;
            let _ = self.wake.send(());
        }
        self.contact()?;
        if self.forgot_up_ms.is_none_or(|at| up_ms >= at + FORGET_EVERY_MS) {
            self.forgot_up_ms = Some(up_ms);
            self.forget()?;
        }
        Ok(())
    }

    /// Takes up from the disk what an error left in doubt.
    fn take_up(&mut self) -> Result<()> {
        if let Some(me) = &self.me {
            self.session = Session::resume(&mut self.store, Hands { key: &self.key, me, clock: &self.clock })?;
        }
        self.unsure = false;
        Ok(())
    }

    fn note_step(&mut self) -> Result<()> {
        let offset = self.clock.offset_ms()?;
        let step_ms = offset - self.clock_offset_ms;
        if step_ms.abs() > STEP_MS {
            self.clock_offset_ms = offset;
            self.unwritten.push(Body::Clock(ClockRecord { step_ms }));
        }
        self.write_down()
    }

    /// Closes what is over, and opens what is due.
    pub(super) fn advance(&mut self) -> Result<()> {
        let now = self.now()?;
        if self.is_over(now)? {
            self.close("schedule")?;
        }
        self.refresh()?;
        self.choosing = false;
        let Some(now_ms) = now.best_ms.filter(|_| now.may_open()) else { return Ok(()) };
        let due = self.due(now_ms);
        match agenda::on_tick(&self.offers.1, &due, self.held(), now_ms) {
            Next::Stay => {}
            Next::Open(i) => self.open(i)?,
            Next::Choose => self.choosing = true,
        }
        Ok(())
    }

    fn is_over(&self, now: Now) -> Result<bool> {
        let Some(session) = &self.session else { return Ok(false) };
        let (before_ms, after_ms) = (self.config.open_before_s as i64 * 1000, self.config.close_after_s as i64 * 1000);
        let end = session.offer.span().1 + after_ms;
        // A machine that comes back with a clock past the end may have lost its clock: the bureau's word ends the class,
        // or the next one, or the time it may take at most.
        let is_believed = self.bureau_offset_ms.is_some() || session.began.0 < end;
        Ok((is_believed && now.best_ms.is_some_and(|now| now >= end))
            || session.is_over_by_boot_time(self.clock.up_ms()?, before_ms, after_ms))
    }

    /// Reads what the bureau planned again, where the store has changed since.
    pub(super) fn refresh(&mut self) -> Result<()> {
        let version = self.store.version()?;
        if self.offers.0 != Some(version) {
            self.offers = (Some(version), self.store.offers()?);
        }
        Ok(())
    }

    /// The offers that may be held now, by index.
    pub(super) fn due(&self, now_ms: i64) -> Vec<usize> {
        let Some(me) = self.me.as_ref().filter(|_| self.stale.is_none()) else { return Vec::new() };
        let (before_ms, after_ms) = (self.config.open_before_s as i64 * 1000, self.config.close_after_s as i64 * 1000);
        agenda::due(&self.offers.1, &me.site, now_ms, before_ms, after_ms, |offer| {
            let a = &offer.plan.assignment;
            // A store that cannot be read opens nothing.
            self.store.was_held(&a.class, &a.session).unwrap_or(true)
        })
    }

    /// The session that runs, for the agenda.
    pub(super) fn held(&self) -> Option<Held> {
        self.session.as_ref().map(|s| Held { last_ms: s.offer.span().1, used: s.attendance.is_used() })
    }

    /// Opens an offer, after closing what runs.
    pub(super) fn open(&mut self, i: usize) -> Result<()> {
        let Some(offer) = self.offers.1.get(i).cloned() else { return Ok(()) };
        if let Some(session) = &self.session {
            if !session.attendance.is_used() {
                self.store.put_unused(session.counter())?;
            }
            self.close("schedule")?;
        }
        let Some(me) = &self.me else { return Ok(()) };
        if let Some(camera) = &self.camera {
            self.kit.models = camera.model_hashes();
        }
        let beacon = self.store.beacon()?;
        let hands = Hands { key: &self.key, me, clock: &self.clock };
        self.session = Some(Session::open(&mut self.store, hands, offer, &self.kit, beacon)?);
        self.unwritten = self.down.iter().map(|((part, name), reason)| fault(part, name, Some(reason))).collect();
        (self.last, self.choosing) = (None, false);
        let _ = self.wake.send(());
        self.write_down()
    }

    pub(super) fn close(&mut self, reason: &str) -> Result<()> {
        let (Some(session), Some(me)) = (&mut self.session, &self.me) else { return Ok(()) };
        session.close(&mut self.store, Hands { key: &self.key, me, clock: &self.clock }, reason)?;
        (self.session, self.last) = (None, None);
        self.forget()?;
        let _ = self.wake.send(());
        Ok(())
    }

    fn forget(&mut self) -> Result<()> {
        let now = self.now()?;
        let Some(now_ms) = now.best_ms.filter(|_| now.wrong_ms.is_none()) else { return Ok(()) };
        if self.bureau_offset_ms.is_some() || now_ms < self.floor_ms + BELIEVED_MS {
            self.store.forget(now_ms)?;
            self.offers.0 = None;
        }
        Ok(())
    }

    /// Between two sessions, and with all sent: lets the bureau hear of this device.
    fn contact(&mut self) -> Result<()> {
        let is_online = self.report.as_ref().is_some_and(|r| r.online && r.trouble.is_empty());
        let Some(me) = self.me.as_ref().filter(|_| is_online && self.session.is_none() && !self.unsure) else {
            return Ok(());
        };
        let now_ms = self.clock.wall_ms();
        let Some(heard_ms) = self.store.heard_ms()?.filter(|heard| *heard <= now_ms) else {
            return Ok(self.store.put_heard(now_ms)?);
        };
        let every_ms = self.config.contact_every_s as i64 * 1000;
        // What costs a query is asked last: this runs at every tick.
        if !contact_is_due(heard_ms, now_ms, every_ms, true) || !self.store.outbox()?.is_empty() {
            return Ok(());
        }
        let grew = self.store.held_beacon(me)?.map_or(0, |b| b.size) > self.store.named_beacon(me)?;
        if contact_is_due(heard_ms, now_ms, every_ms, grew)
            && let Some(counter) = self.store.put_contact(me, &self.key)?
        {
            tracing::info!(counter, "contact");
            let _ = self.wake.send(());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_made_for_news_and_otherwise_rarely() {
        let due = |since: i64, grew| contact_is_due(1_000, 1_000 + since, 100, grew);
        assert_eq!((due(99, true), due(100, true)), (false, true));
        assert_eq!((due(100, false), due(2_399, false), due(2_400, false)), (false, false, true));
    }
}
