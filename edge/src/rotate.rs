//! `muster-edge rotate`: another key from the next counter on, signed by both.

use anyhow::{Context, Result, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use muster_seal::central::rotate_message;
use muster_seal::key::{DeviceKey, Signer};
use muster_seal::second::{self, SecondKey};
use muster_wire::enrol::{RotateRequest, Sm2Rotation};

use crate::identity::{self, Identity, ROTATION};
use crate::second as sm2;
use crate::store::Store;
use crate::sync::{Client, SyncError};

/// What became of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotated {
    /// The bureau took it; the new key signs.
    Done,
    /// Whether the bureau took it is not known. The new key signs from now on, and the bureau is asked before all else.
    Pending,
}

/// Rotates the key of a device between two sessions. `key` is the one in use. With `second` the new key has an SM2 key
/// beside it, whether or not the one before had. Running it again takes up what was interrupted.
///
/// # Errors
/// While a session runs; when the bureau refuses; when the store or the folder cannot be written.
pub fn rotate(store: &Store, client: &Client, me: &Identity, key: &DeviceKey, second: bool) -> Result<Rotated> {
    store.check_between_sessions().context("only between sessions")?;
    if let Some(why) = store.stale()? {
        bail!("this disk may not go on ({why}): ask the bureau for a replacement code");
    }
    if let Some(text) = store.fact(ROTATION)?.filter(|text| !text.is_empty()) {
        let request: RotateRequest = serde_json::from_str(&text)?;
        client.rotate(&me.device, &request)?;
        store.set_fact(ROTATION, "")?;
        return Ok(Rotated::Done);
    }
    let next = identity::make_next(store)?;
    let with = if second { Some(sm2::make_next(store)?) } else { None };
    let with = with.as_ref().map(|new| (me.second.as_deref(), new));
    let request = request(&me.device, store.next_counter()?.0 - 1, key, &next, with);
    store.set_fact(ROTATION, &serde_json::to_string(&request)?)?;
    match client.rotate(&me.device, &request) {
        Ok(()) => {
            identity::take_up_rotation(store)?;
            store.set_fact(ROTATION, "")?;
            Ok(Rotated::Done)
        }
        Err(SyncError::Refused(problem)) => {
            identity::drop_next(store)?;
            Err(SyncError::Refused(problem).into())
        }
        Err(error) => {
            tracing::warn!(%error, "whether the bureau took the rotation is not known");
            Ok(Rotated::Pending)
        }
    }
}

fn request(
    device: &str,
    counter: u64,
    old: &DeviceKey,
    new: &DeviceKey,
    second: Option<(Option<&SecondKey>, &SecondKey)>,
) -> RotateRequest {
    let key = new.public().to_base64();
    let (message, sm2) = match second {
        None => (rotate_message(device, counter, &key), None),
        Some((old, new)) => {
            let sm2 = new.public().to_base64();
            let text = second::rotate_message(device, counter, &key, &sm2);
            let (by_old, by_new) = (old.map(|old| old.sign(&text)), new.sign(&text));
            (text.into_bytes(), Some(Sm2Rotation { key: sm2, by_old, by_new }))
        }
    };
    let sign = |key: &DeviceKey| STANDARD.encode(key.sign(&message));
    RotateRequest { counter, by_old: sign(old), by_new: sign(new), key, sm2 }
}
