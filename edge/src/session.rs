//! A session's life on the device: open, write, seal, close, and all of that again after the plug was pulled.

use anyhow::{Context, Result};
use muster_seal::key::{DeviceKey, Signer};
use muster_seal::merkle::sha256;
use muster_seal::record::{Body, Fault, Open, Record, Restart, Stamp};
use muster_seal::session::{origin, seal_at};

use crate::checkin::Attendance;
use crate::clock::Clock;
use crate::identity::Identity;
use crate::store::Store;
use crate::store::assignment::Offer;
use crate::store::log::Running;

/// The agent's version, as records name it.
pub const AGENT: &str = concat!("muster-edge/", env!("CARGO_PKG_VERSION"));

/// A session that runs.
#[derive(Debug)]
pub struct Session {
    /// What it is held under.
    pub offer: Offer,
    /// Who is in.
    pub attendance: Attendance,
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
    /// Opens a session and seals its first record, so that one that is thrown away leaves a trace.
    ///
    /// # Errors
    /// When it could not be written; nothing was opened then.
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
        let (running, _) = store.begin(hands.clock.stamp()?, open, &assigned)?;
        let mut session = Self { offer, attendance: Attendance::default(), running, sealed_up_ms: 0 };
        session.seal(store, hands)?;
        tracing::info!(counter, "session opened");
        Ok(session)
    }

    /// Takes up the session that a crash interrupted, with a record that says so; `None` when there is none.
    ///
    /// # Errors
    /// When the store does not hold together, or cannot be written.
    pub fn resume(store: &mut Store, hands: Hands<'_>) -> Result<Option<Self>> {
        let Some((running, assigned, records)) = store.unfinished()? else { return Ok(None) };
        let counter = running.counter;
        let offer = serde_json::from_str(&assigned).ok().and_then(Offer::read);
        let offer = offer.context("the session that was interrupted has lost its assignment")?;
        let stamp = hands.clock.stamp()?;
        let attendance = Attendance::replay(&records, &stamp.boot);
        let mut session = Self { offer, attendance, running, sealed_up_ms: 0 };
        if session.is_closed(&records) {
            session.seal(store, hands)?;
            return Ok(None);
        }
        let stamp = Stamp { up_ms: stamp.up_ms.max(last_up_ms(&records, &stamp.boot)), ..stamp };
        session.write_at(store, vec![(stamp, Body::Restart(Restart { agent: AGENT.to_owned() }))])?;
        session.seal(store, hands)?;
        tracing::warn!(counter, records = records.len(), "session resumed after a restart");
        Ok(Some(session))
    }

    fn is_closed(&self, records: &[Record]) -> bool {
        records.last().is_some_and(|r| matches!(r.body, Body::Close(_)))
    }

    /// Its counter.
    pub fn counter(&self) -> u64 {
        self.running.counter
    }

    /// The number that the next record will have.
    pub fn next_seq(&self) -> u64 {
        self.running.size()
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
        let size = self.running.size();
        if size == self.running.sealed {
            return Ok(false);
        }
        let origin = origin(&hands.me.domain, &hands.me.device, self.running.counter);
        store.put_seal(self.running.counter, &seal_at(&origin, self.running.edge(), hands.key), size)?;
        self.running.sealed = size;
        Ok(true)
    }

    /// Is it time for a seal?
    ///
    /// # Errors
    /// When the clock cannot be read.
    pub fn seal_is_due(&self, clock: &Clock, every_s: u64) -> Result<bool> {
        Ok(clock.up_ms()? >= self.sealed_up_ms + every_s * 1000 && self.running.size() > self.running.sealed)
    }

    /// Closes and seals.
    ///
    /// # Errors
    /// When it could not be written; the session goes on then.
    pub fn close(&mut self, store: &mut Store, hands: Hands<'_>, reason: &str) -> Result<()> {
        let close = self.running.closing(reason);
        self.write(store, hands.clock, vec![close])?;
        match self.seal(store, hands) {
            Ok(_) => tracing::info!(counter = self.counter(), reason, "session closed and sealed"),
            // The close is on disk: the seal is made when the agent starts again.
            Err(e) => tracing::error!(error = %e, "the final seal could not be kept; it will be at the next start"),
        }
        Ok(())
    }
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
