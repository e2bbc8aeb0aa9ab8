//! The profile `sm2-sm3` at the bureau: whatever a device signs must carry a second line, by the SM2 key that the central log
//! gives it. One profile for a whole deployment; where it is off an SM2 line is a line by nobody, and is ignored.

use muster_seal::central::{Leaf, RotateLeaf};
use muster_seal::life::Life;
use muster_seal::second::{PROFILE, Point, SecondError, check_rotations, profile};
use muster_wire::enrol::{EnrolRequest, proof_message, proof_message_sm2};
use muster_wire::problem::Kind;
use rusqlite::Connection;

use crate::clock;
use crate::error::ApiError;
use crate::store::{Store, StoreError, second};

/// What a configuration says to turn the profile off again.
const NONE: &str = "none";

/// Brings the data directory to the profile that the configuration asks for; where it asks for none in words, the data
/// directory keeps its own. Fails where this program could not do what is asked.
///
/// # Errors
/// [`StoreError::Second`], or the store's own.
pub fn settle(store: &Store, asked: Option<&str>) -> Result<(), StoreError> {
    match asked {
        None => {}
        Some(NONE) => store.write(|tx| second::turn(tx, false, &clock::now()))?,
        Some(name) => {
            profile(name)?;
            store.write(|tx| second::turn(tx, true, &clock::now()))?;
        }
    }
    store.read(second::signer).map(drop)
}

/// The SM2 key that must have signed what has this counter; `None` where the profile is off.
///
/// # Errors
/// [`ApiError`]: the profile is on, and the device has no such key.
pub fn demanded(conn: &Connection, life: &Life, counter: u64) -> Result<Option<Point>, ApiError> {
    if !second::is_on(conn)? {
        return Ok(None);
    }
    life.second(counter).map(Some).ok_or_else(|| {
        let why = SecondError::NoKey { counter };
        let what = format!("{why}: set `second_signature = {PROFILE:?}` on it and run `muster-edge rotate`");
        ApiError::new(Kind::BadLog, what)
    })
}

/// What a device signs to be enrolled, and the SM2 key for its leaf: there where the profile is on, and only there.
///
/// # Errors
/// [`ApiError`]: one too many or too few, or no proof that the device holds it.
pub fn enrolment(conn: &Connection, request: &EnrolRequest) -> Result<(Vec<u8>, Option<String>), ApiError> {
    let bad = |what: String| ApiError::new(Kind::BadRequest, what);
    match (second::is_on(conn)?, &request.sm2) {
        (false, None) => Ok((proof_message(&request.code, &request.key), None)),
        (false, Some(_)) => Err(bad(UNWANTED.to_owned())),
        (true, None) => Err(bad(wanted())),
        (true, Some(sm2)) => {
            let point = Point::from_base64(&sm2.key).map_err(|e| bad(format!("the SM2 key: {e}")))?;
            let text = proof_message_sm2(&request.code, &request.key, &sm2.key);
            if !point.signed(&text, &sm2.proof).map_err(|e| bad(format!("the SM2 key: {e}")))? {
                let what = "the proof is not signed by the SM2 key that is to be enrolled";
                return Err(ApiError::new(Kind::NotAuthentic, what));
            }
            Ok((text.into_bytes(), Some(sm2.key.clone())))
        }
    }
}

/// Checks that a rotation has an SM2 key where the profile is on, and that no device gets its first one where it is off.
///
/// # Errors
/// [`ApiError`].
pub fn rotation(conn: &Connection, before: &Life, rotate: &RotateLeaf) -> Result<(), ApiError> {
    let bad = |what: String| Err(ApiError::new(Kind::BadRequest, what));
    match (second::is_on(conn)?, &rotate.sm2) {
        (true, None) => bad(wanted()),
        // A device that was enrolled while the profile was on keeps a key for it.
        (false, Some(_)) if before.second(u64::MAX).is_none() => bad(UNWANTED.to_owned()),
        _ => Ok(()),
    }
}

/// Checks the SM2 signatures of a device's rotations; `leaves` make a life.
///
/// # Errors
/// [`ApiError`] for one that does not hold.
pub fn signed(leaves: &[(u64, Leaf)]) -> Result<(), ApiError> {
    let all = leaves.iter().map(|(index, leaf)| (*index, leaf));
    check_rotations(all).map_err(|_| ApiError::new(Kind::NotAuthentic, "the rotation is not signed by the SM2 keys"))
}

const UNWANTED: &str = "this bureau has no second signature: take `second_signature` out of edge.toml";

fn wanted() -> String {
    format!("this bureau asks for a second signature: put `second_signature = {PROFILE:?}` into edge.toml")
}
