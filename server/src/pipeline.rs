//! Joins the steps that one request or command crosses: enrolment, revocation, the auditor's trust file.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use muster_seal::central::{EnrolLeaf, Leaf, RevokeLeaf};
use muster_seal::key::PublicKey;
use muster_seal::merkle::sha256;
use muster_wire::enrol::{EnrolRequest, EnrolResponse, proof_message};
use muster_wire::problem::Kind;

use crate::central::sequencer;
use crate::clock;
use crate::error::ApiError;
use crate::store::devices::{self, Device};
use crate::store::{Store, StoreError, checkpoints, claims, random, setting};

/// How long an enrolment code lives.
const CODE_LIFE_MS: i64 = 24 * 3600 * 1000;

/// Makes a one-time code for a site: 80 random bits in base 32, in groups for reading aloud. Only its hash is kept.
///
/// # Errors
/// [`StoreError`]; [`StoreError::Sqlite`] when there is no such site.
pub fn enrol_code(store: &Store, site: &str) -> Result<String, StoreError> {
    // Crockford's alphabet: no letter that looks like a digit.
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bytes = random::<16>()?;
    let code: Vec<String> =
        bytes.chunks(4).map(|c| c.iter().map(|b| ALPHABET[usize::from(b % 32)] as char).collect()).collect();
    let code = code.join("-");
    let hash = hex::encode(sha256(code.as_bytes()));
    store.write(|tx| devices::put_code(tx, &hash, site, clock::now_ms() + CODE_LIFE_MS))?;
    Ok(code)
}

/// Enrols a device: the code is used up, the key goes into the central log.
///
/// # Errors
/// [`ApiError`]: a code that does not count, or no proof that the device holds the key.
pub fn enrol(store: &Store, request: &EnrolRequest) -> Result<EnrolResponse, ApiError> {
    let bad = |what: &str| ApiError::new(Kind::BadCode, what);
    let key = PublicKey::from_base64(&request.key).map_err(|e| ApiError::new(Kind::BadRequest, e.to_string()))?;
    let proof = STANDARD.decode(&request.proof).unwrap_or_default();
    if !key.verify(&proof_message(&request.code, &request.key), &proof) {
        return Err(ApiError::new(Kind::NotAuthentic, "the proof is not signed by the key that is to be enrolled"));
    }
    let hash = hex::encode(sha256(request.code.trim().to_ascii_uppercase().as_bytes()));
    let device = format!("d{}", &key.id()[..12]);
    let response = store.write(|tx| {
        let (site, expires, used) =
            devices::code(tx, &hash)?.ok_or_else(|| bad("no such code: ask the bureau for one"))?;
        let institution: String =
            tx.query_row("SELECT institution FROM site WHERE site = ?", [&site], |row| row.get(0))?;
        match used {
            // The answer was lost on its way: the same device asks again.
            Some(by) if by == device => {}
            Some(_) => return Err(bad("the code was used: ask the bureau for a new one")),
            None if clock::now_ms() > expires => return Err(bad("the code is too old: ask the bureau for a new one")),
            None => {
                let at = clock::now();
                let leaf = Leaf::Enrol(EnrolLeaf {
                    device: device.clone(),
                    key: key.to_base64(),
                    site: site.clone(),
                    institution: institution.clone(),
                    at: at.clone(),
                });
                let log_index = checkpoints::append(tx, &[leaf.line()])?;
                let enrolled = Device { device: device.clone(), key, site: site.clone(), log_index, revoked_at: None };
                devices::enrol(tx, &enrolled, &at, &hash)?;
            }
        }
        let domain: String = setting(tx, "domain")?.ok_or(StoreError::Corrupt("no domain"))?;
        let log_key = checkpoints::verifier(tx)?.to_string();
        Ok(EnrolResponse { device: device.clone(), domain, log_key, site, institution })
    })?;
    sequencer::publish(store)?;
    Ok(response)
}

/// Ends a device after a counter, with a leaf.
///
/// # Errors
/// [`StoreError`]; [`StoreError::Corrupt`] when there is no such device.
pub fn revoke(store: &Store, device: &str, counter: u64, reason: &str) -> Result<u64, StoreError> {
    let index = store.write(|tx| {
        devices::device(tx, device)?.ok_or(StoreError::Corrupt("no device of that id"))?;
        devices::revoke(tx, device, counter)?;
        let (device, reason) = (device.to_owned(), reason.to_owned());
        checkpoints::append(tx, &[Leaf::Revoke(RevokeLeaf { device, counter, reason, at: clock::now() }).line()])
    })?;
    sequencer::publish(store)?;
    Ok(index)
}

/// What an auditor starts from: domain, log key, policies. They compare it with what the audit office holds.
///
/// # Errors
/// [`StoreError`].
pub fn trust(store: &Store) -> Result<String, StoreError> {
    store.read(|conn| {
        let domain: String = setting(conn, "domain")?.ok_or(StoreError::Corrupt("no domain"))?;
        let mut out = format!(
            "# 审计方自己的密钥与政策：请经另一渠道核对后再使用。\n\
             # The auditor's own keys and policy: compare them by another channel before you rest on them.\n\
             domain = \"{domain}\"\nlog = \"{}\"\n",
            checkpoints::verifier(conn)?
        );
        for policy in claims::policies(conn)? {
            let text = toml::to_string(&policy).map_err(|_| StoreError::Corrupt("a policy"))?;
            let _ = write!(out, "\n[[policy]]\n{text}");
        }
        Ok(out)
    })
}
