//! Who is speaking: a device's signature over its request.

use axum::http::request::Parts;
use muster_seal::record::is_id;
use muster_wire::auth;
use muster_wire::problem::Kind;

use crate::app::AppState;
use crate::clock;
use crate::error::ApiError;
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
    // A stolen terminal learns nothing more of anybody.
    if let Some(end) = device.life.end() {
        let what = format!("the device was ended at session {} (central log #{})", end.counter, end.index);
        return Err(ApiError::new(Kind::Revoked, what));
    }
    let id = device.device.clone();
    state.blocking(move |store| Ok(store.write(|tx| devices::contact(tx, &id, clock::now_ms()))?)).await?;
    Ok(device)
}
