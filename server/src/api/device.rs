//! Who is speaking: a device's signature over its request.

use axum::http::request::Parts;
use muster_seal::record::is_id;
use muster_wire::auth;
use muster_wire::problem::Kind;

use crate::app::AppState;
use crate::clock;
use crate::error::ApiError;
use crate::store::Store;
use crate::store::devices::{self, Device};

/// The device that signed this request, which must be the one that the path names.
///
/// # Errors
/// [`ApiError`] of kind `not-authentic`; it does not say which of the reasons holds.
pub async fn authentic(state: &AppState, parts: &Parts, body: &[u8], named: &str) -> Result<Device, ApiError> {
    let no = || ApiError::new(Kind::NotAuthentic, "unknown device, or its signature does not hold");
    let header = |name| parts.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned).ok_or_else(no);
    let (id, time, signature) = (header(auth::DEVICE)?, header(auth::TIME)?, header(auth::SIGNATURE)?);
    if id != named || !is_id(&id) {
        return Err(no());
    }
    let path = parts.uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let device =
        state.blocking(move |store| Ok(store.read(|conn| devices::device(conn, &id))?)).await?.ok_or_else(no)?;
    if !auth::verify(&device.key, &signature, &device.device, &time, parts.method.as_str(), &path, body) {
        return Err(no());
    }
    // A request that was recorded fetches no roster a week later. Told to the device alone, whose signature held.
    let now_ms = clock::now_ms();
    if time.parse::<i64>().ok().is_none_or(|time| (time - now_ms).abs() > MAX_AGE_MS) {
        return Err(ApiError::other_time(now_ms));
    }
    // A stolen terminal learns nothing more of anybody.
    if let Some(end) = device.life.end() {
        let what = format!("the device was ended at session {} (central log #{})", end.counter, end.index);
        return Err(ApiError::new(Kind::Revoked, what));
    }
    let id = device.device.clone();
    state.blocking(move |store| heard(store, &id, now_ms)).await?;
    Ok(device)
}

/// How old a request may be, or how far ahead of time.
const MAX_AGE_MS: i64 = 10 * 60 * 1000;
/// That a device was heard of is written at most so often: it is a hint for people, and each write waits for the disk.
const HEARD_MS: i64 = 60 * 1000;

fn heard(store: &Store, device: &str, now_ms: i64) -> Result<(), ApiError> {
    if store.read(|conn| devices::last_contact(conn, device))?.is_none_or(|last| now_ms - last > HEARD_MS) {
        store.write(|tx| devices::contact(tx, device, now_ms))?;
    }
    Ok(())
}
