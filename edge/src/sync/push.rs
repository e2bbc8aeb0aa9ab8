//! One round: what waits goes up in the order of its counters, then the bureau is asked what may be held.

use std::time::{Duration, Instant};

use muster_seal::central::Leaf;
use muster_seal::checkpoint::Checkpoint;
use muster_seal::error::ProofError;
use muster_seal::merkle::{consistency_proof, node_of};
use muster_seal::proof::Receipt;
use muster_seal::witness;
use muster_wire::enrol::RotateRequest;
use muster_wire::problem::Kind;
use muster_wire::upload::{MAX_CHUNK, SessionState};

use super::SyncError;
use super::client::{Client, Witnessed};
use crate::identity::{Identity, ROTATION};
use crate::store::Store;
use crate::store::assignment::Taken;
use crate::store::outbox::{Unsent, Waiting};

/// When what was refused is tried again: soon at first, and then more and more slowly.
#[derive(Debug)]
pub struct Patience {
    shortest: Duration,
    longest: Duration,
    waiting: Option<(u64, Instant, Duration)>,
}

impl Patience {
    /// Waits between these two.
    pub fn new(shortest: Duration, longest: Duration) -> Self {
        Self { shortest: shortest.min(longest), longest, waiting: None }
    }

    /// May this counter be tried now? `refused` is what the store says: where it was cleared, somebody asked for a try.
    pub fn may_try(&self, counter: u64, refused: bool, now: Instant) -> bool {
        !refused || self.waiting.is_none_or(|(which, at, _)| which != counter || now >= at)
    }

    /// It was refused; a refusal that a person must mend is not worth many tries.
    pub fn refused(&mut self, counter: u64, is_final: bool, now: Instant) {
        let pause = match self.waiting {
            _ if is_final => self.longest,
            Some((which, _, pause)) if which == counter => (pause * 2).min(self.longest),
            _ => self.shortest,
        };
        self.waiting = Some((counter, now + pause, pause));
    }
}

impl Client {
    /// One round. Logs go first: what was attested is worth more than news.
    ///
    /// # Errors
    /// [`SyncError`]; what was done stays done.
    pub fn round(&self, me: &Identity, store: &mut Store, patience: &mut Patience) -> Result<Taken, SyncError> {
        if let Some(pending) = store.fact(ROTATION)?.filter(|text| !text.is_empty()) {
            let request: RotateRequest =
                serde_json::from_str(&pending).map_err(|e| SyncError::Answer(e.to_string()))?;
            self.rotate(&me.device, &request)?;
            store.set_fact(ROTATION, "")?;
        }
        let pushed = match store.stale()? {
            None => self.push(me, store, patience),
            Some(_) => Ok(()),
        };
        if let Err(SyncError::Offline(why)) = pushed {
            return Err(SyncError::Offline(why));
        }
        let sent = self.assignments(me)?;
        let (next, _) = store.next_counter()?;
        match store.stale()?.as_deref() {
            // The bureau has seen what this disk has not: another disk went on from here.
            None | Some(BEHIND) if sent.counter >= next => store.put_stale(Some(BEHIND))?,
            Some(BEHIND) => store.put_stale(None)?,
            _ => {}
        }
        let taken = store.put_assignments(&sent, Some(&me.log_key))?;
        pushed.map(|()| taken)
    }

    fn push(&self, me: &Identity, store: &Store, patience: &mut Patience) -> Result<(), SyncError> {
        let mut unavailable = Ok(());
        for item in store.outbox()? {
            let (counter, refused) = (item.counter(), item.refused.is_some());
            // Nothing overtakes what is refused: the chain is taken in order.
            if !patience.may_try(counter, refused, Instant::now()) {
                return unavailable;
            }
            let done = match &item.what {
                Waiting::Session(session) => self.push_session(me, store, session),
                Waiting::Contact(counter, note) => self.push_contact(me, store, *counter, note),
            };
            match done {
                Ok(done) => {
                    if refused {
                        store.put_refused(counter, None)?;
                    }
                    if !done {
                        return unavailable;
                    }
                }
                // The bureau holds it, and lacks a quorum for the receipt: what follows has its place behind it. A session
                // that runs is witnessed meanwhile, for which no quorum is needed.
                Err(error @ SyncError::Unavailable { kept: true, .. }) => unavailable = unavailable.and(Err(error)),
                Err(error) => {
                    if let Some((why, is_final)) = error.refusal() {
                        tracing::error!(counter, why, "the bureau does not take this");
                        store.put_refused(counter, Some(&why))?;
                        patience.refused(counter, is_final, Instant::now());
                    }
                    match &error {
                        SyncError::Copy => store.put_stale(Some(COPY))?,
                        error if error.is_fork() => store.put_stale(Some(FORK))?,
                        _ => {}
                    }
                    return Err(error);
                }
            }
        }
        unavailable
    }

    fn push_contact(&self, me: &Identity, store: &Store, counter: u64, note: &str) -> Result<bool, SyncError> {
        let path = muster_wire::contact(&me.device, counter);
        let state: SessionState = self.call(me, "POST", &path, note.as_bytes())?;
        store.put_accepted(counter)?;
        self.heard(me, store, &state)
    }

    /// Brings one session as far as it goes; says whether what comes after it may follow.
    fn push_session(&self, me: &Identity, store: &Store, session: &Unsent) -> Result<bool, SyncError> {
        let mut log: Vec<u8> = Vec::new();
        for line in store.lines(session.counter)?.into_iter().take(session.sealed as usize) {
            log.extend_from_slice(&line);
            log.push(b'\n');
        }
        self.push_bytes(me, store, session, &log, session.sent)?;
        if !session.is_final {
            if session.witnessed < session.sealed {
                self.witness(store, session, log.len() as u64)?;
            }
            return Ok(false);
        }
        let path = muster_wire::seal(&me.device, session.counter);
        let seal = || self.call::<SessionState>(me, "POST", &path, session.seal.as_bytes());
        let state = match seal() {
            // The bureau may hold less than it said: it is asked, and sent the rest once.
            Err(SyncError::Refused(p)) if matches!(p.kind, Kind::BadLog | Kind::Offset) => {
                let held = self.state(me, session.counter)?.bytes;
                if held >= log.len() as u64 {
                    return Err(SyncError::Refused(p));
                }
                self.push_bytes(me, store, session, &log, held)?;
                seal()?
            }
            other => other?,
        };
        store.put_progress(session.counter, log.len() as u64, session.sealed)?;
        let Some(receipt) = &state.receipt else { return Ok(false) };
        check_receipt(me, session, receipt, state.entry.as_deref())?;
        store.put_receipt(session.counter, receipt)?;
        self.heard(me, store, &state)
    }

    fn push_bytes(
        &self,
        me: &Identity,
        store: &Store,
        session: &Unsent,
        log: &[u8],
        from: u64,
    ) -> Result<(), SyncError> {
        let mut from = (from as usize).min(log.len());
        while from < log.len() {
            let end = log.len().min(from + MAX_CHUNK);
            let path = muster_wire::log(&me.device, session.counter, from as u64);
            from = match self.call::<SessionState>(me, "PUT", &path, &log[from..end]) {
                Ok(_) => end,
                Err(SyncError::Refused(p)) if p.kind == Kind::Offset && p.bytes.is_some_and(|b| b < from as u64) => {
                    p.bytes.unwrap_or(0) as usize
                }
                Err(e) => return Err(e),
            };
            store.put_progress(session.counter, from as u64, session.witnessed)?;
        }
        Ok(())
    }

    /// Has a growing seal witnessed, with the proof that it extends what was witnessed before.
    fn witness(&self, store: &Store, session: &Unsent, sent: u64) -> Result<(), SyncError> {
        let hashes = store.hashes(session.counter, session.sealed)?;
        let ask = |old: u64| {
            let proof = consistency_proof::<ProofError>(old, session.sealed, node_of(&hashes));
            let proof = proof.map_err(|e| SyncError::Answer(e.to_string()))?;
            let request = witness::Request { old_size: old, proof, checkpoint: session.seal.clone() };
            self.add_checkpoint(&request)
        };
        let answer = match ask(session.witnessed)? {
            Witnessed::From(size) if size > session.sealed => return Err(SyncError::Copy),
            Witnessed::From(size) => ask(size)?,
            other => other,
        };
        match answer {
            Witnessed::Taken => Ok(store.put_progress(session.counter, sent, session.sealed)?),
            Witnessed::Fork => Err(SyncError::Fork(session.counter)),
            Witnessed::From(_) => Err(SyncError::Answer("the bureau does not stand by the size it named".to_owned())),
        }
    }

    fn heard(&self, me: &Identity, store: &Store, state: &SessionState) -> Result<bool, SyncError> {
        store.put_heard(jiff::Timestamp::now().as_millisecond())?;
        store.put_beacon(&state.beacon, &me.log_key)?;
        Ok(true)
    }
}

/// The bureau holds counters that this disk never used: it is an old copy of another that went on. Lifted when the bureau
/// says otherwise, since then it was the bureau that had an old copy.
const BEHIND: &str = "behind";
/// The bureau witnessed more of a session than this disk holds.
const COPY: &str = "copy";
/// The bureau holds two seals of this device that do not extend each other.
const FORK: &str = "fork";

/// The receipt must be for the leaf that the bureau shows, and that leaf for exactly this seal of this device.
fn check_receipt(me: &Identity, session: &Unsent, receipt: &str, entry: Option<&str>) -> Result<Checkpoint, SyncError> {
    let bad = || SyncError::Receipt(session.counter);
    let entry = entry.ok_or_else(bad)?.as_bytes();
    match Leaf::parse(entry) {
        Ok(Leaf::Seal(leaf))
            if leaf.device == me.device && leaf.counter == session.counter && leaf.seal == session.seal => {}
        _ => return Err(bad()),
    }
    let receipt = Receipt::parse(receipt.as_bytes()).map_err(|_| bad())?;
    receipt.verify(entry, &me.log_key).map_err(|_| bad())
}

#[cfg(test)]
#[path = "push_tests.rs"]
mod tests;
