//! The profile `sm2-sm3` of this deployment, and the key with which the central log signs its second line.

use muster_seal::central::{DocumentLeaf, Leaf};
use muster_seal::merkle::sha256;
use muster_seal::second::{self, PROFILE, SecondKey};
use rusqlite::{Connection, Transaction};

use super::{StoreError, checkpoints, put_setting, random, setting};

/// Which profile is on; empty where none is.
const NAME: &str = "second_signature";
/// The log's SM2 key, PKCS#8. It stays when the profile is turned off: what it signed is still to be verified.
const KEY: &str = "log_key_sm2";

/// Does this deployment have the profile?
///
/// # Errors
/// [`StoreError`].
pub fn is_on(conn: &Connection) -> Result<bool, StoreError> {
    Ok(setting::<String>(conn, NAME)?.is_some_and(|name| !name.is_empty()))
}

/// The key for the central log's second line; `None` where the profile is off.
///
/// # Errors
/// [`StoreError::Second`] where it is on and this program was built without SM2.
pub fn signer(conn: &Connection) -> Result<Option<SecondKey>, StoreError> {
    if !is_on(conn)? {
        return Ok(None);
    }
    let document: Vec<u8> = setting(conn, KEY)?.ok_or(StoreError::Corrupt("no SM2 log key"))?;
    Ok(Some(SecondKey::from_pkcs8(&document)?))
}

/// The key for the central log's second line, as text under the log's name; `None` where the profile is off.
///
/// # Errors
/// As [`signer`].
pub fn verifier(conn: &Connection) -> Result<Option<String>, StoreError> {
    let origin = checkpoints::origin(conn)?;
    Ok(signer(conn)?.map(|key| key.public().named(&origin)))
}

/// Turns the profile on or off, with a leaf that says so: it names the key by the hash of its text, and is the first leaf
/// under checkpoints with a second line, or without. Nothing where it is so already.
///
/// # Errors
/// [`StoreError`], also where it cannot be turned on for want of SM2 in this program.
pub fn turn(tx: &Transaction<'_>, on: bool, at: &str) -> Result<(), StoreError> {
    if is_on(tx)? == on {
        return Ok(());
    }
    if on && setting::<Vec<u8>>(tx, KEY)?.is_none() {
        put_setting(tx, KEY, &second::document(random::<32>)?)?;
    }
    let name = if on { PROFILE } else { "" };
    put_setting(tx, NAME, name.as_bytes())?;
    let key = verifier(tx)?.unwrap_or_default();
    let (what, name, sha256) = ("signatures".to_owned(), name.to_owned(), hex::encode(sha256(key.as_bytes())));
    let leaf = DocumentLeaf { what, name, sha256, at: at.to_owned() };
    checkpoints::append(tx, &[Leaf::Document(leaf).line()]).map(drop)
}
