//! A session's life on the device: open, write, seal, close, and all of that again after the plug was pulled.

use anyhow::{Context, Result};
use muster_hours::schedule::time_ms;
use muster_seal::key::{DeviceKey, Signer};
use muster_seal::merkle::{Edge, sha256};
use muster_seal::record::{Body, Fault, Open, Record, Restart, Stamp};
use muster_seal::second;
use muster_seal::session::{origin, seal_at};

use crate::checkin::Attendance;
use crate::checkin::ask::Desk;
use crate::clock::Clock;
use crate::identity::Identity;
use crate::store::Store;
use crate::store::assignment::Offer;
use crate::store::log::{Running, Unfinished};

/// The agent's version, as records name it.
pub const AGENT: &str = concat!("muster-edge/", env!("CARGO_PKG_VERSION"));

/// A session that runs.
#[derive(Debug)]
pub struct Session {
    /// What it is held under.
    pub offer: Offer,
    /// Who is in.
    pub attendance: Attendance,
    /// What the instructor is asked for.
    pub desk: Desk,
    /// Wall and boot time of its first record in this boot, in milliseconds.
    pub began: (i64, u64),
    /// The wall clock of the last record of an earlier boot, in milliseconds; 0 without one.
    pub floor_ms: i64,
    running: Running,
    sealed_up_ms: u64,
}

/// Whose session it is, and with what it is written.
#[derive(Debug, Clone, Copy)]
pub struct Hands<'a> {
    /// The device's key.
    pub key: &'a DeviceKey,
    /// What enrolment gave.
    pub me: &'a Identity,
    /// The clock.
    pub clock: &'a Clock,
}

impl Hands<'_> {
    fn sealer(&self, counter: u64) -> impl Fn(&Edge) -> String {
        let origin = origin(&self.me.domain, &self.me.device, counter);
        move |edge| second::under(seal_at(&origin, edge, self.key), &origin, self.me.second.as_deref())
    }
}

/// What a device is made of, for leaf 0.
#[derive(Debug, Clone, Default)]
pub struct Kit {
    /// Reader profiles by reader name.
    pub readers: std::collections::BTreeMap<String, String>,
    /// The camera's profile; empty without one.
    pub camera: String,
    /// Face models by id, with the hash of each file.
    pub models: std::collections::BTreeMap<String, String>,
}

impl Session {
    /// Opens a session with the seal over its first record, so that one that is thrown away leaves a trace.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn open(store: &mut Store, hands: Hands<'_>, offer: Offer, kit: &Kit, beacon: String) -> Result<Self> {
        let (counter, prev) = store.next_counter()?;
        let a = &offer.plan.assignment;
        let open = Body::Open(Box::new(Open {
            device: hands.me.device.clone(),
            key: hands.key.public().id(),
            counter,
            prev,
            site: a.site.clone(),
            class: a.class.clone(),
            session: a.session.clone(),
            assignment: hex::encode(sha256(offer.assigned.document.as_bytes())),
            agent: AGENT.to_owned(),
            policy: a.policy.version.clone(),
            models: kit.models.clone(),
            readers: kit.readers.clone(),
            camera: kit.camera.clone(),
            beacon,
        }));
        let assigned = serde_json::to_string(&offer.assigned).context("an assignment")?;
        let stamp = hands.clock.stamp()?;
        let began = (time_ms(&stamp.wall).unwrap_or(0), stamp.up_ms);
        let (running, _) = store.begin(stamp, open, &assigned, &hands.sealer(counter))?;
        tracing::info!(counter, "session opened");
        let (attendance, desk) = (Attendance::default(), Desk::default());
        Ok(Self { offer, attendance, desk, began, floor_ms: 0, running, sealed_up_ms: hands.clock.up_ms()? })
    }

    /// Takes up the session that a crash interrupted, with a record that says so; `None` when there is none. What was
    /// begun before it is finished first, in order: each seal names the one before.
    ///
    /// # Errors
    /// When the store does not hold together, or cannot be written.
    pub fn resume(store: &mut Store, hands: Hands<'_>) -> Result<Option<Self>> {
        let mut all = store.unfinished()?;
        let newest = all.pop();
        for older in all {
            finish(store, hands, older)?;
        }
        let Some(found) = newest else { return Ok(None) };
        let is_closed = found.records.last().is_some_and(|r| matches!(r.body, Body::Close(_)));
        let offer = serde_json::from_str(&found.assigned).ok().and_then(Offer::read);
        let Some(offer) = offer.filter(|_| !is_closed) else {
            finish(store, hands, found)?;
            return Ok(None);
        };
        let Unfinished { running, records, .. } = found;
        let counter = running.counter;
        let stamp = hands.clock.stamp()?;
        let stamp = Stamp { up_ms: stamp.up_ms.max(last_up_ms(&records, &stamp.boot)), ..stamp };
        let wall = |stamp: &Stamp| time_ms(&stamp.wall).unwrap_or(0);
        let (before, here): (Vec<&Record>, Vec<&Record>) = records.iter().partition(|r| r.stamp.boot != stamp.boot);
        let first = here.first().map_or(&stamp, |r| &r.stamp);
        let mut session = Self {
            offer,
            attendance: Attendance::replay(&records, &stamp.boot),
            desk: Desk::default(),
            began: (wall(first), first.up_ms),
            floor_ms: before.last().map_or(0, |r| wall(&r.stamp)),
            running,
            sealed_up_ms: 0,
        };
        session.write_at(store, vec![(stamp, Body::Restart(Restart { agent: AGENT.to_owned() }))])?;
        session.seal(store, hands)?;
        tracing::warn!(counter, records = records.len(), "session resumed after a restart");
        Ok(Some(session))
    }

    /// Its counter.
    pub fn counter(&self) -> u64 {
        self.running.counter
    }

    /// The number that the next record will have.
    pub fn next_seq(&self) -> u64 {
        self.running.size()
    }

    /// Does the disk hold what this believes?
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn agrees(&self, store: &Store) -> Result<bool> {
        Ok(store.agrees(&self.running)?)
    }

    /// Is the planned time over by boot time alone? The longest that a session may run whatever the wall clock does:
    /// from its first record in this boot the whole of its plan, and the time before and after it.
    pub fn is_over_by_boot_time(&self, up_ms: u64, before_ms: i64, after_ms: i64) -> bool {
        let (first, last) = self.offer.span();
        up_ms as i64 >= self.began.1 as i64 + before_ms + (last - first) + after_ms
    }

    /// Writes records: on disk, or not at all, when this returns.
    ///
    /// # Errors
    /// When they could not be written; the session is as it was.
    pub fn write(&mut self, store: &mut Store, clock: &Clock, bodies: Vec<Body>) -> Result<()> {
        let stamped = bodies.into_iter().map(|body| Ok((clock.stamp()?, body))).collect::<Result<Vec<_>>>()?;
        self.write_at(store, stamped)
    }

    fn write_at(&mut self, store: &mut Store, stamped: Vec<(Stamp, Body)>) -> Result<()> {
        for record in store.append(&mut self.running, stamped)? {
            self.attendance.apply(&record.body, record.stamp.up_ms);
        }
        Ok(())
    }

    /// Seals the log as it stands, if it grew since the last seal.
    ///
    /// # Errors
    /// When the seal could not be kept.
    pub fn seal(&mut self, store: &Store, hands: Hands<'_>) -> Result<bool> {
        self.sealed_up_ms = hands.clock.up_ms()?;
        if self.running.size() == self.running.sealed {
            return Ok(false);
        }
        let sealer = hands.sealer(self.running.counter);
        store.put_seal(&mut self.running, &sealer)?;
        Ok(true)
    }

    /// Is it time for a seal?
    ///
    /// # Errors
    /// When the clock cannot be read.
    pub fn seal_is_due(&self, clock: &Clock, every_s: u64) -> Result<bool> {
        Ok(clock.up_ms()? >= self.sealed_up_ms + every_s * 1000 && self.running.size() > self.running.sealed)
    }

    /// Closes and seals, in one step.
    ///
    /// # Errors
    /// When it could not be written; the session goes on then.
    pub fn close(&mut self, store: &mut Store, hands: Hands<'_>, reason: &str) -> Result<()> {
        close(store, hands, &mut self.running, hands.clock.stamp()?, reason)
    }
}

fn close(store: &mut Store, hands: Hands<'_>, running: &mut Running, stamp: Stamp, reason: &str) -> Result<()> {
    let body = running.closing(reason);
    let sealer = hands.sealer(running.counter);
    store.append_sealed(running, vec![(stamp, body)], &sealer)?;
    tracing::info!(counter = running.counter, reason, "session closed and sealed");
    Ok(())
}

/// Brings a session that cannot go on to its final seal: closed if it was not, sealed if it was.
fn finish(store: &mut Store, hands: Hands<'_>, found: Unfinished) -> Result<()> {
    let Unfinished { mut running, records, .. } = found;
    if records.last().is_some_and(|r| matches!(r.body, Body::Close(_))) {
        let sealer = hands.sealer(running.counter);
        return Ok(store.put_seal(&mut running, &sealer)?);
    }
    let stamp = hands.clock.stamp()?;
    let stamp = Stamp { up_ms: stamp.up_ms.max(last_up_ms(&records, &stamp.boot)), ..stamp };
    close(store, hands, &mut running, stamp, "recovered")
}

fn last_up_ms(records: &[Record], boot: &str) -> u64 {
    records.iter().rev().find(|r| r.stamp.boot == boot).map_or(0, |r| r.stamp.up_ms)
}

/// A fault record's body.
pub fn fault(part: &str, name: &str, down: Option<&str>) -> Body {
    let (state, reason) = down.map_or(("up", "back"), |reason| ("down", reason));
    Body::Fault(Fault {
        part: part.to_owned(),
        name: name.to_owned(),
        state: state.to_owned(),
        reason: reason.to_owned(),
    })
}

#[cfg(test)]
#[path = "session_tests.rs"]
pub(crate) mod tests;
