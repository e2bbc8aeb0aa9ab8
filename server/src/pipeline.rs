//! Joins the steps that one request or command crosses: enrolment, revocation, the auditor's trust file.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use muster_seal::central::{DispositionLeaf, EnrolLeaf, Leaf, ReplaceLeaf, RevokeLeaf, RotateLeaf, RotateSm2};
use muster_seal::key::PublicKey;
use muster_seal::life::{Life, LifeError};
use muster_seal::merkle::sha256;
use muster_seal::record::is_id;
use muster_wire::enrol::{EnrolRequest, EnrolResponse, RotateRequest};
use muster_wire::problem::Kind;
use rusqlite::Transaction;

use crate::api::dispositions::Decide;
use crate::desk::Desk;
use crate::error::ApiError;
use crate::store::devices::{self, Code};
use crate::store::dispositions::{self, Disposition};
use crate::store::{Store, StoreError, checkpoints, claims, random, sessions, setting, witness};
use crate::{central, clock, second};

/// How long an enrolment code lives.
const CODE_LIFE_MS: i64 = 24 * 3600 * 1000;

/// For what an enrolment code is.
#[derive(Debug, Clone, Default)]
pub struct CodeFor {
    /// The site.
    pub site: String,
    /// What the device will be called there.
    pub name: String,
    /// The device whose place it takes, and the last counter of that one that counts: the last that was seen, unless given.
    pub replaces: Option<(String, Option<u64>)>,
}

/// Makes a one-time code: 80 random bits in base 32, in groups for reading aloud. Only its hash is kept.
///
/// # Errors
/// [`StoreError`]; [`StoreError::Sqlite`] when there is no such site, [`StoreError::Corrupt`] when there is no such device
/// to replace, [`StoreError::Ahead`] for a counter of it that was never seen.
pub fn enrol_code(store: &Store, for_: CodeFor) -> Result<String, StoreError> {
    // Crockford's alphabet: no letter that looks like a digit.
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bytes = random::<16>()?;
    let code: Vec<String> =
        bytes.chunks(4).map(|c| c.iter().map(|b| ALPHABET[usize::from(b % 32)] as char).collect()).collect();
    let text = code.join("-");
    let hash = hex::encode(sha256(text.as_bytes()));
    let CodeFor { site, name, replaces } = for_;
    store.write(|tx| {
        let replaces = match replaces {
            Some((old, counter)) => {
                devices::device(tx, &old)?.ok_or(StoreError::Corrupt("no device of that id to replace"))?;
                let counter = last_that_counts(tx, &old, counter)?;
                Some((old, counter))
            }
            None => None,
        };
        let code = Code { site, name, expires_ms: clock::now_ms() + CODE_LIFE_MS, replaces, used_by: None };
        devices::put_code(tx, &hash, &code)
    })?;
    Ok(text)
}

/// Enrols a device: the code is used up, the key goes into the central log.
///
/// # Errors
/// [`ApiError`]: a code that does not count, or no proof that the device holds the key.
pub fn enrol(store: &Store, request: &EnrolRequest) -> Result<EnrolResponse, ApiError> {
    let bad = |what: &str| ApiError::new(Kind::BadCode, what);
    let key = PublicKey::from_base64(&request.key).map_err(|e| ApiError::new(Kind::BadRequest, e.to_string()))?;
    let proof = STANDARD.decode(&request.proof).unwrap_or_default();
    let (message, sm2) = store.read(|conn| second::enrolment(conn, request))?;
    if !key.verify(&message, &proof) {
        return Err(ApiError::new(Kind::NotAuthentic, "the proof is not signed by the key that is to be enrolled"));
    }
    let hash = hex::encode(sha256(request.code.trim().to_ascii_uppercase().as_bytes()));
    let device = format!("d{}", &key.id()[..12]);
    let response = store.write(|tx| {
        let code = devices::code(tx, &hash)?.ok_or_else(|| bad("no such code: ask the bureau for one"))?;
        let institution: String =
            tx.query_row("SELECT institution FROM site WHERE site = ?", [&code.site], |row| row.get(0))?;
        match &code.used_by {
            // The answer was lost on its way: the same device asks again.
            Some(by) if *by == device => {
                let before = devices::device(tx, &device)?.and_then(|known| known.life.second(1));
                if before.map(|point| point.to_base64()) != sm2 {
                    return Err(bad("the code was used with another SM2 key: enrol again from an empty data folder"));
                }
            }
            Some(_) => return Err(bad("the code was used: ask the bureau for a new one")),
            None if clock::now_ms() > code.expires_ms => {
                return Err(bad("the code is too old: ask the bureau for a new one"));
            }
            // One key, one life: a terminal that moves, or comes back, makes itself a new key in a new data folder.
            None if devices::device(tx, &device)?.is_some() => {
                return Err(bad("this key was enrolled before: enrol again from an empty data folder"));
            }
            None => {
                let at = clock::now();
                let leaf = Leaf::Enrol(EnrolLeaf {
                    device: device.clone(),
                    key: key.to_base64(),
                    site: code.site.clone(),
                    institution: institution.clone(),
                    sm2,
                    at: at.clone(),
                });
                let index = checkpoints::append(tx, &[leaf.line()])?;
                devices::enrol(tx, &device, key, &code, &hash, index, &at)?;
                // Where the old one was ended meanwhile, at that counter or before, there is nothing left to end.
                let ended = |old: &str, counter| {
                    let end = devices::device(tx, old)?.and_then(|old| old.life.end());
                    Ok::<_, StoreError>(end.is_some_and(|end| end.counter <= counter))
                };
                if let Some((old, counter)) = code.replaces
                    && !ended(&old, counter)?
                {
                    let (device, reason) = (device.clone(), "replaced".to_owned());
                    let leaf = ReplaceLeaf { device: device.clone(), old: old.clone(), counter, reason, at };
                    let index = checkpoints::append(tx, &[Leaf::Replace(leaf).line()])?;
                    devices::put_leaf(tx, &device, index)?;
                    devices::put_leaf(tx, &old, index)?;
                    devices::device(tx, &old)?; // reads, or nothing of this is written
                    sessions::reset_evidence(tx, &old, counter)?;
                }
            }
        }
        let domain: String = setting(tx, "domain")?.ok_or(StoreError::Corrupt("no domain"))?;
        let log_key = checkpoints::verifier(tx)?.to_string();
        Ok::<_, ApiError>(EnrolResponse { device: device.clone(), domain, log_key, site: code.site, institution })
    })?;
    central::settle(store)?;
    Ok(response)
}

/// An end of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The last counter that counts.
    pub counter: u64,
    /// Index of the leaf that says so.
    pub index: u64,
    /// What it has not delivered yet, and may still.
    pub open: Vec<witness::Open>,
}

/// Ends a device after a counter, with a leaf: the last that this server saw, unless an earlier one is given. What the
/// device sealed up to there may still be delivered. Safe to repeat.
///
/// # Errors
/// [`StoreError`]; [`StoreError::Corrupt`] when there is no such device, [`StoreError::Ahead`] for a counter that was never
/// seen, [`StoreError::Life`] when it had ended before that.
pub fn revoke(store: &Store, device: &str, counter: Option<u64>, reason: &str) -> Result<Ended, StoreError> {
    let ended = store.write(|tx| {
        let known = devices::device(tx, device)?.ok_or(StoreError::Corrupt("no device of that id"))?;
        let counter = last_that_counts(tx, device, counter)?;
        let open = witness::open_until(tx, device, counter)?;
        // Asked again, since no quorum stood the first time: it is done, and wants witnesses alone.
        if let Some(end) = known.life.end().filter(|end| end.counter == counter) {
            return Ok(Ended { counter, index: end.index, open });
        }
        let (device, reason) = (device.to_owned(), reason.to_owned());
        let leaf = Leaf::Revoke(RevokeLeaf { device: device.clone(), counter, reason, at: clock::now() });
        let index = checkpoints::append(tx, &[leaf.line()])?;
        devices::put_leaf(tx, &device, index)?;
        devices::device(tx, &device)?;
        sessions::reset_evidence(tx, &device, counter)?;
        Ok::<_, StoreError>(Ended { counter, index, open })
    })?;
    central::settle(store)?;
    Ok(ended)
}

/// The counter that a device is to end at: not above the last that was seen of it. Whoever holds a terminal's key could fill
/// what lies above with classes that never met.
fn last_that_counts(tx: &Transaction<'_>, device: &str, asked: Option<u64>) -> Result<u64, StoreError> {
    let seen = witness::last_seen(tx, device)?;
    match asked {
        Some(counter) if counter > seen => Err(StoreError::Ahead { counter, seen }),
        Some(counter) => Ok(counter),
        // Where it ended before, it ends no later.
        None => {
            let end = devices::device(tx, device)?.and_then(|known| known.life.end());
            Ok(end.map_or(seen, |end| end.counter.min(seen)))
        }
    }
}

/// Rotates a device's key: signed by the key before and by the new one. Safe to repeat.
///
/// # Errors
/// [`ApiError`]: a signature that does not hold, a device that had ended, or counters that do not fit.
pub fn rotate(store: &Store, device: &str, request: &RotateRequest) -> Result<(), ApiError> {
    let no = || ApiError::new(Kind::NotAuthentic, "unknown device, or its signature does not hold");
    store.write(|tx| {
        let known = devices::device(tx, device)?.ok_or_else(no)?;
        if known.key.to_base64() == request.key {
            return Ok(()); // the answer was lost on its way
        }
        let last = witness::last_counter(tx, device)?;
        if request.counter < last {
            let what = format!("the device has used counter {last}: the new key begins after it");
            return Err(ApiError::new(Kind::BadRequest, what));
        }
        let leaf = RotateLeaf {
            device: device.to_owned(),
            counter: request.counter,
            key: request.key.clone(),
            by_old: request.by_old.clone(),
            by_new: request.by_new.clone(),
            sm2: request.sm2.clone().map(|s| RotateSm2 { key: s.key, by_old: s.by_old, by_new: s.by_new }),
            at: clock::now(),
        };
        second::rotation(tx, &known.life, &leaf)?;
        let leaf = Leaf::Rotate(leaf);
        let mut leaves: Vec<(u64, Leaf)> =
            devices::leaves(tx, device)?.into_iter().map(|(index, leaf, _)| (index, leaf)).collect();
        leaves.push((u64::MAX, leaf.clone()));
        let life = Life::read(device, leaves.iter().map(|(index, leaf)| (*index, leaf)));
        let life = life.map_err(|e| match e {
            LifeError::AfterEnd { .. } => ApiError::new(Kind::Revoked, "the device has ended"),
            _ => no(),
        })?;
        second::signed(&leaves)?;
        let index = checkpoints::append(tx, &[leaf.line()])?;
        devices::put_leaf(tx, device, index)?;
        Ok(devices::set_key(tx, device, life.key())?)
    })?;
    Ok(central::settle(store)?)
}

/// Decides on a finding: the reason is kept, and its salted hash goes into the central log with the decision. The same
/// decision again, by the same official and in the same words, is the one that stands.
///
/// # Errors
/// [`ApiError`]: no such finding, no such decision, or no reason.
pub fn decide(store: &Store, request: &Decide, desk: Desk) -> Result<Disposition, ApiError> {
    let bad = |what: &str| ApiError::new(Kind::BadRequest, what);
    if !["uphold", "dismiss", "investigate"].contains(&request.decision.as_str()) {
        return Err(bad("`decision` is uphold, dismiss or investigate"));
    }
    if !is_id(&request.by) {
        return Err(bad("`by` is the official's id: letters, digits, hyphens, underscores or dots; no name"));
    }
    if request.reason.trim().is_empty() || request.reason.len() > 4000 {
        return Err(bad("`reason` is missing or above 4,000 bytes: say why, for whoever looks at this in a year"));
    }
    let decided = store.write(|tx| {
        // What is another desk's is not there for this one.
        if !dispositions::finding_exists(tx, &request.finding, desk)? {
            return Err(ApiError::new(Kind::NotFound, "no run ever had a finding of this id"));
        }
        // Asked again, since no quorum stood the first time: the leaf is there, and wants witnesses alone.
        let newest = dispositions::list(tx, Some(&request.finding))?.pop();
        if let Some(kept) = newest.filter(|kept| kept.is(&request.decision, &request.by, &request.reason)) {
            return Ok(kept);
        }
        let salt = hex::encode(random::<16>()?);
        let leaf = DispositionLeaf {
            finding: request.finding.clone(),
            decision: request.decision.clone(),
            by: request.by.clone(),
            reason_sha256: hex::encode(sha256(format!("{salt}\n{}", request.reason).as_bytes())),
            at: clock::now(),
        };
        let at = leaf.at.clone();
        let log_index = checkpoints::append(tx, &[Leaf::Disposition(leaf).line()])?;
        let Decide { finding, decision, by, reason } = request.clone();
        let kept = Disposition { finding, decision, by, reason, salt, at, log_index };
        dispositions::put(tx, &kept)?;
        Ok(kept)
    })?;
    central::settle(store)?;
    Ok(decided)
}

/// What an auditor starts from: domain, log key, policies. They compare it with what the audit office holds.
///
/// # Errors
/// [`StoreError`].
pub fn trust(store: &Store) -> Result<String, StoreError> {
    let policy = central::witness::text(store)?;
    store.read(|conn| {
        let domain: String = setting(conn, "domain")?.ok_or(StoreError::Corrupt("no domain"))?;
        let mut out = format!(
            "# 审计方自己的密钥与政策：请经另一渠道核对后再使用。\n\
             # The auditor's own keys and policy: compare them by another channel before you rest on them.\n\
             domain = \"{domain}\"\nlog = \"{}\"\n",
            checkpoints::verifier(conn)?
        );
        if let Some(key) = crate::store::second::verifier(conn)? {
            let _ = write!(out, "profile = \"{}\"\nlog_sm2 = \"{key}\"\n", muster_seal::second::PROFILE);
        }
        if let Some(policy) = &policy {
            let _ = write!(out, "tlog_policy = '''\n{policy}'''\n");
        }
        for policy in claims::policies(conn)? {
            let text = toml::to_string(&policy).map_err(|_| StoreError::Corrupt("a policy"))?;
            let _ = write!(out, "\n[[policy]]\n{text}");
        }
        Ok(out)
    })
}
