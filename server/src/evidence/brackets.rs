//! Between which two times each log was made, by cosignatures: reckoned once for each final session under the policy in force,
//! and kept, since the signatures of a hundred thousand checkpoints are not checked again at every run.
//!
//! The order of sessions in the central log is that of the checkpoints that cover them, so one pass over both finds for
//! each session the first that the quorum stood for, and looks at no checkpoint and no beacon twice.

use std::collections::HashMap;

use muster_seal::bracket::Bracket;
use muster_seal::merkle::sha256;
use muster_seal::policy::{Policy, Witnessed};
use rusqlite::Connection;

use crate::central;
use crate::store::brackets::{self, Bracketed, Unbracketed};
use crate::store::{Store, StoreError};

/// Reckons what is missing: sessions without a bracket under this policy, or whose seal no quorum had stood for yet.
///
/// # Errors
/// [`StoreError`].
pub fn settle(store: &Store) -> Result<(), StoreError> {
    let (policy, text) = (central::witness::policy(store)?, central::witness::text(store)?);
    let name = text.map_or(String::new(), |text| hex::encode(sha256(text.as_bytes())));
    let pending = match policy {
        // Where nobody cosigns, nobody vouches for a time.
        None => Vec::new(),
        Some(_) => store.read(|conn| brackets::unbracketed(conn, &name))?,
    };
    let found = match &policy {
        Some(policy) if !pending.is_empty() => in_parallel(store, policy, &pending)?,
        _ => Vec::new(),
    };
    store.write(|tx| brackets::put(tx, &name, &found))
}

fn in_parallel(store: &Store, policy: &Policy, pending: &[Unbracketed]) -> Result<Vec<Bracketed>, StoreError> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let size = pending.len().div_ceil(workers);
    std::thread::scope(|scope| {
        let work = |piece: &'_ [Unbracketed]| store.read(|conn| reckon(conn, policy, piece));
        let threads: Vec<_> = pending.chunks(size).map(|piece| scope.spawn(move || work(piece))).collect();
        let mut all = Vec::with_capacity(pending.len());
        for thread in threads {
            all.extend(thread.join().unwrap_or(Err(StoreError::Corrupt("a worker died")))?);
        }
        Ok(all)
    })
}

/// The brackets of sessions that come in the order of the central log.
fn reckon(conn: &Connection, policy: &Policy, pending: &[Unbracketed]) -> Result<Vec<Bracketed>, StoreError> {
    let Some(first) = pending.first() else { return Ok(Vec::new()) };
    let mut get = conn.prepare("SELECT note FROM cosigned WHERE size >= ? ORDER BY size")?;
    let mut notes = get.query([first.log_index as i64 + 1])?;
    let mut covering: Option<Witnessed> = None;
    let mut beacons: HashMap<i64, Option<Witnessed>> = HashMap::new();
    let mut all = Vec::with_capacity(pending.len());
    for session in pending {
        while covering.as_ref().is_none_or(|c| c.checkpoint.size <= session.log_index) {
            covering = None;
            let Some(row) = notes.next()? else { break };
            covering = policy.check(row.get::<_, String>(0)?.as_bytes()).ok();
        }
        let beacon = match session.beacon {
            None => None,
            Some(id) => match beacons.get(&id) {
                Some(known) => known.as_ref(),
                None => {
                    let checked = policy.check(brackets::beacon(conn, id)?.as_bytes()).ok();
                    beacons.entry(id).or_insert(checked).as_ref()
                }
            },
        };
        let (not_before, not_after) = times(session, beacon, covering.as_ref());
        let ms = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000);
        all.push(Bracketed {
            device: session.device.clone(),
            counter: session.counter,
            covered: covering.as_ref().map(|c| c.checkpoint.size),
            not_before_ms: not_before.map(ms),
            not_after_ms: not_after.map(ms),
        });
    }
    Ok(all)
}

/// Not before and not after, in seconds.
fn times(
    session: &Unbracketed,
    beacon: Option<&Witnessed>,
    covering: Option<&Witnessed>,
) -> (Option<u64>, Option<u64>) {
    match covering {
        Some(covering) => match Bracket::between(beacon, covering) {
            Ok(bracket) => (bracket.after_s, bracket.before_s),
            // Witnesses whose clocks contradict each other vouch for nothing; the auditor refuses such a session.
            Err(error) => {
                tracing::warn!(device = %session.device, counter = session.counter, %error, "no bracket of a session");
                (None, None)
            }
        },
        None => (beacon.and_then(|b| b.cosignatures.iter().map(|(_, time)| *time).min()), None),
    }
}

#[cfg(test)]
mod tests;
