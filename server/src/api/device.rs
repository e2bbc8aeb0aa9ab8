//! Who is speaking: a device's signature over its request, and what a device that has ended may still do.

use axum::RequestPartsExt;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Path, Request};
use axum::http::request::Parts;
use muster_seal::record::is_id;
use muster_wire::auth;
use muster_wire::problem::Kind;

use crate::app::AppState;
use crate::clock;
use crate::error::ApiError;
use crate::store::Store;
use crate::store::devices::{self, Device};

/// A body of at most `MAX` bytes, of which not one more is read.
#[derive(Debug)]
pub struct Limited<const MAX: usize>(pub Bytes);

impl<S: Send + Sync, const MAX: usize> FromRequest<S> for Limited<MAX> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        limited(request.into_body(), MAX).await.map(Self)
    }
}

async fn limited(body: Body, max: usize) -> Result<Bytes, ApiError> {
    let bytes = to_bytes(body, max).await;
    bytes.map_err(|_| ApiError::new(Kind::TooLarge, format!("at most {max} bytes in one request")))
}

/// What a device says under one of its counters, `…/{device}/…/{counter}`: signed as a request by that device, in at most
/// `MAX` bytes. A device that has ended is heard up to the last counter that counts: what it sealed before is worth as much
/// as ever, and can be brought by nobody else.
#[derive(Debug)]
pub struct Delivery<const MAX: usize> {
    /// The device.
    pub device: Device,
    /// The counter, 1 or more and below 2^53.
    pub counter: u64,
    /// The body.
    pub bytes: Bytes,
}

impl<const MAX: usize> Delivery<MAX> {
    /// The body as text; `what` names it in the refusal.
    ///
    /// # Errors
    /// [`ApiError`] of kind `bad-log`.
    pub fn text(&self, what: &str) -> Result<String, ApiError> {
        String::from_utf8(self.bytes.to_vec())
            .map_err(|_| ApiError::new(Kind::BadLog, format!("the {what} is not UTF-8")))
    }
}

impl<const MAX: usize> FromRequest<AppState> for Delivery<MAX> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let path = parts.extract::<Path<(String, u64)>>().await;
        let Path((named, counter)) = path.map_err(|e| ApiError::new(Kind::BadRequest, e.body_text()))?;
        let counter = counted(counter)?;
        let bytes = limited(body, MAX).await?;
        let device = signed(state, &parts, &bytes, &named, Some(counter)).await?;
        Ok(Self { device, counter, bytes })
    }
}

/// A counter as records can hold it: 1 or more, below 2^53.
pub(super) fn counted(counter: u64) -> Result<u64, ApiError> {
    match counter {
        1..=0x1F_FFFF_FFFF_FFFF => Ok(counter),
        _ => Err(ApiError::new(Kind::BadRequest, "a session counter is 1 or more, and below 2^53")),
    }
}

/// The device that signed this request, which must be the one that the path names, and must not have ended.
///
/// # Errors
/// [`ApiError`] of kind `not-authentic`, which does not say which of the reasons holds; `revoked`.
pub async fn authentic(state: &AppState, parts: &Parts, body: &[u8], named: &str) -> Result<Device, ApiError> {
    signed(state, parts, body, named, None).await
}

async fn signed(
    state: &AppState,
    parts: &Parts,
    body: &[u8],
    named: &str,
    counter: Option<u64>,
) -> Result<Device, ApiError> {
    let no = || ApiError::new(Kind::NotAuthentic, "unknown device, or its signature does not hold");
    let header = |name| parts.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned).ok_or_else(no);
    let (id, time, signature) = (header(auth::DEVICE)?, header(auth::TIME)?, header(auth::SIGNATURE)?);
    if id != named || !is_id(&id) {
        return Err(no());
    }
    let path = parts.uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let device =
        state.blocking(move |store| Ok(store.read(|conn| devices::device(conn, &id))?)).await?.ok_or_else(no)?;
    // An ended device may have been rotated by whoever took it: what the key before sealed may come under that key.
    let before = counter.filter(|_| device.life.end().is_some()).map(|counter| device.life.signer(counter));
    let holds = |key| auth::verify(key, &signature, &device.device, &time, parts.method.as_str(), &path, body);
    if ![Some(device.key), before].iter().flatten().any(holds) {
        return Err(no());
    }
    // A request that was recorded fetches no roster a week later. Told to the device alone, whose signature held.
    let now_ms = clock::now_ms();
    if time.parse::<i64>().ok().is_none_or(|time| (time - now_ms).abs() > MAX_AGE_MS) {
        return Err(ApiError::other_time(now_ms));
    }
    may(&device, counter)?;
    let id = device.device.clone();
    state.blocking(move |store| heard(store, &id, now_ms)).await?;
    Ok(device)
}

/// A device that has ended delivers up to its end and no further. A stolen terminal learns nothing more of anybody.
fn may(device: &Device, counter: Option<u64>) -> Result<(), ApiError> {
    match (device.life.end(), counter) {
        (None, _) => Ok(()),
        (Some(_), Some(counter)) => {
            let key = device.life.key_at(counter);
            key.map(drop).map_err(|e| ApiError::new(Kind::Revoked, e.to_string()))
        }
        (Some(end), None) => {
            let what = format!("the device was ended at session {} (central log #{})", end.counter, end.index);
            Err(ApiError::new(Kind::Revoked, what))
        }
    }
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
