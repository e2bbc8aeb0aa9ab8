//! Gathering: cosignatures over the central log by witnesses that the bureau does not run, by the protocol of
//! `tlog-witness`. Who they are and how many it takes stands in `DATA/witnesses.policy`, in the form of `tlog-policy`;
//! where there is no such file nobody is asked, and the log stands by its own signature alone.
//!
//! A witness never cosigns twice what cannot be one log. So a database that was rolled back and grew again is refused
//! here, before anybody is given a receipt under it.

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use muster_seal::merkle::consistency_proof;
use muster_seal::policy::{Policy, Witness};
use muster_seal::witness::{PATH, Request, read_answer, read_size};

use crate::store::witness::{self, Outside};
use crate::store::{Store, StoreError, checkpoints};
use crate::{clock, fault};

use super::sequencer;

/// The file's name in the data directory.
pub const FILE: &str = "witnesses.policy";
/// After a round without a quorum nobody is asked again for so long: callers are told at once instead.
const PAUSE: Duration = Duration::from_secs(2);

/// The policy in force; `None` where there is none.
///
/// # Errors
/// [`StoreError::Policy`] with the line, when the file is there and is no policy, or does not name this log.
pub fn policy(store: &Store) -> Result<Option<Policy>, StoreError> {
    let path = store.dir().join(FILE);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StoreError::Io { path, source }),
    };
    let bad = |what: String| StoreError::Policy { path: path.clone(), what };
    let policy = Policy::parse(&bytes).map_err(|e| bad(e.to_string()))?;
    let own = store.read(checkpoints::verifier)?;
    if !policy.logs().iter().any(|log| log.key == own) {
        return Err(bad(format!("it has no line for this log: add\nlog {own}")));
    }
    if let Some(lost) = policy.witnesses().iter().find(|w| w.url.as_ref().and_then(|u| u.to_str()).is_none()) {
        return Err(bad(format!("witness {} has no address: it cannot be asked", lost.name)));
    }
    Ok(Some(policy))
}

/// The policy's file as it stands, for an auditor's trust file: addresses are not secret and of no use to them.
///
/// # Errors
/// [`StoreError::Policy`], as [`policy`].
pub fn text(store: &Store) -> Result<Option<String>, StoreError> {
    let path = store.dir().join(FILE);
    policy(store)?
        .map(|_| std::fs::read_to_string(&path).map_err(|source| StoreError::Io { path: path.clone(), source }))
        .transpose()
}

/// Rounds go one at a time in this process; what is behind the lock is when the last one failed.
static ROUND: Mutex<Option<(PathBuf, Instant)>> = Mutex::new(None);

/// Publishes and makes a quorum stand for the first `need` entries. Whoever waited for another's round mostly finds it done:
/// so callers at the same time share one.
///
/// # Errors
/// [`StoreError::NoQuorum`], [`StoreError::Forked`], [`StoreError::Policy`], or the store's own.
pub fn settle(store: &Store, need: u64) -> Result<(), StoreError> {
    let policy = policy(store)?;
    let mut failed = ROUND.lock().unwrap_or_else(PoisonError::into_inner);
    // And one at a time among processes: a witness that was asked by a command meanwhile would seem to know too much.
    let _round = sequencer::lock(&store.dir().join("log"), ".round")?;
    if need == 0 {
        return Ok(());
    }
    let newest = store.read(witness::newest)?;
    let stands = |note: &str| policy.as_ref().is_none_or(|policy| policy.check(note.as_bytes()).is_ok());
    if !newest.is_empty() && super::size_of(&newest)? >= need && stands(&newest) {
        // What it speaks of is on disk where as much was shown before; otherwise the folder is made anew first.
        let shown = sequencer::on_disk(store, &store.dir().join("log"))?;
        if shown < super::size_of(&newest)? {
            sequencer::publish(store)?;
        }
        return sequencer::put_cosigned(store, &newest);
    }
    let Some(head) = sequencer::publish(store)? else { return Ok(()) };
    let (size, mut note) = (head.edge.size(), head.note);
    if let Some(policy) = policy {
        let wait = failed.as_ref().is_some_and(|(dir, at)| dir == store.dir() && at.elapsed() < PAUSE);
        let outcome = match wait {
            true => Err(StoreError::NoQuorum("asked a moment ago".to_owned())),
            false => round(store, &policy, &note, size),
        };
        match outcome {
            Ok(cosigned) => (note, *failed) = (cosigned, None),
            Err(error) => {
                if !wait {
                    *failed = Some((store.dir().to_owned(), Instant::now()));
                    store.write(|tx| checkpoints::set_published(tx, size))?;
                }
                return Err(error);
            }
        }
    }
    fault::before("cosigned")?;
    store.write(|tx| {
        checkpoints::set_published(tx, size)?;
        witness::put_cosigned(tx, size, &note)
    })?;
    fault::after("cosigned")?;
    sequencer::put_cosigned(store, &note)
}

/// Asks every witness once, all at the same time; gives the note with the lines of those that cosigned.
fn round(store: &Store, policy: &Policy, note: &str, size: u64) -> Result<String, StoreError> {
    let known = store.read(witness::outside)?;
    let before = |w: &Witness| known.iter().find(|k| w.name == *k.name.as_str()).cloned().unwrap_or_default();
    let answers: Vec<(Outside, Result<String, StoreError>)> = std::thread::scope(|scope| {
        let asked: Vec<_> = policy
            .witnesses()
            .iter()
            .map(|w| {
                let old = before(w);
                scope.spawn(move || ask(store, w, old.size, note, size))
            })
            .collect();
        asked.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let mut cosigned = note.to_owned();
    let mut forked = None;
    for (outside, answer) in answers {
        match answer {
            Ok(lines) => cosigned += &lines,
            Err(error @ StoreError::Forked { .. }) => forked = Some(error),
            Err(_) => {}
        }
        store.write(|tx| witness::put_outside(tx, &outside))?;
    }
    if let Some(error) = &forked {
        tracing::error!(%error, "a witness refuses the central log");
    }
    // One witness's word alone stops nobody where the others make the quorum; it stays noted for people to look at.
    match (policy.check(cosigned.as_bytes()), forked) {
        (Ok(_), _) => Ok(cosigned),
        (Err(_), Some(error)) => Err(error),
        (Err(error), None) => Err(StoreError::NoQuorum(error.to_string())),
    }
}

/// Asks one witness, and once more from the size that it says it knows. Gives what is to be noted of it, and its lines.
fn ask(store: &Store, w: &Witness, known: u64, note: &str, size: u64) -> (Outside, Result<String, StoreError>) {
    let mut outside = Outside { name: w.name.to_string(), size: known, at: clock::now(), trouble: String::new() };
    let forked = |what: String| StoreError::Forked { witness: w.name.to_string(), what };
    let mut old = known.min(size);
    for _ in 0..2 {
        let answer = store
            .read(|conn| consistency_proof(old, size, |l, i| checkpoints::node(conn, l, i)))
            .and_then(|proof| post(w, &Request { old_size: old, proof, checkpoint: note.to_owned() }));
        let (status, body) = match answer {
            Ok(answer) => answer,
            Err(error) => {
                outside.trouble = error.to_string();
                return (outside, Err(error));
            }
        };
        match status {
            200 => {
                return match read_answer(note, &body, &w.key) {
                    Ok((_, line)) => {
                        outside.size = size;
                        (outside, Ok(line))
                    }
                    Err(error) => {
                        outside.trouble = error.to_string();
                        (outside, Err(StoreError::NoQuorum(error.to_string())))
                    }
                };
            }
            409 => match read_size(&body) {
                Some(theirs) if theirs > size => {
                    let error = forked(format!("has cosigned {theirs} entries and this log has {size}"));
                    outside.trouble = error.to_string();
                    return (outside, Err(error));
                }
                Some(theirs) if theirs != old => old = theirs,
                _ => {
                    let error = forked(format!("has cosigned another log of {size} entries"));
                    outside.trouble = error.to_string();
                    return (outside, Err(error));
                }
            },
            422 => {
                let error =
                    forked(format!("finds that this log of {size} entries does not extend the {old} it cosigned"));
                outside.trouble = error.to_string();
                return (outside, Err(error));
            }
            _ => break,
        }
    }
    outside.trouble = format!("{} does not cosign", w.name);
    let error = StoreError::NoQuorum(outside.trouble.clone());
    (outside, Err(error))
}

fn post(w: &Witness, request: &Request) -> Result<(u16, Vec<u8>), StoreError> {
    static AGENT: OnceLock<ureq::Agent> = OnceLock::new();
    let agent = AGENT.get_or_init(|| {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(3)))
            .timeout_global(Some(Duration::from_secs(10)));
        config.build().into()
    });
    let silent = |e: &dyn std::fmt::Display| StoreError::NoQuorum(format!("{} does not answer: {e}", w.name));
    let url = w.url.as_ref().and_then(|u| u.to_str()).unwrap_or_default();
    let answer = agent.post(format!("{}/{PATH}", url.trim_end_matches('/'))).send(request.text().as_bytes());
    let mut answer = answer.map_err(|e| silent(&e))?;
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(64 * 1024).read_to_vec().map_err(|e| silent(&e))?;
    Ok((status, body))
}
