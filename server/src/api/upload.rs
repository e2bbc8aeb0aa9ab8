//! One session's way up: `GET`, `PUT …/log` and `POST …/seal` under `/v1/devices/{device}/sessions/{counter}`.

use axum::Json;
use axum::extract::{Query, State};
use muster_seal::note::MAX_NOTE;
use muster_wire::problem::Problem;
use muster_wire::upload::{MAX_CHUNK, SessionState};
use serde::Deserialize;

use super::device::Delivery;
use crate::app::AppState;
use crate::clock;
use crate::error::ApiError;
use crate::ingest;

/// Where to put the bytes.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct From {
    /// The offset of the first byte sent.
    pub from: u64,
}

/// Where a session stands.
///
/// # Errors
/// [`ApiError`]: `not-authentic`.
#[utoipa::path(get, path = "/v1/devices/{device}/sessions/{counter}", tag = "device",
    params(("device" = String, Path), ("counter" = u64, Path)),
    responses((status = 200, body = SessionState), (status = 401, body = Problem)))]
pub async fn state(
    State(state): State<AppState>,
    Delivery { device, counter, .. }: Delivery<0>,
) -> Result<Json<SessionState>, ApiError> {
    Ok(Json(state.blocking(move |store| ingest::state(store, &device.device, counter)).await?))
}

/// More bytes of a log.
///
/// # Errors
/// [`ApiError`]: `offset`, `fork`, `too-large`, `bad-log`, `not-authentic`.
#[utoipa::path(put, path = "/v1/devices/{device}/sessions/{counter}/log", tag = "device",
    params(("device" = String, Path), ("counter" = u64, Path), From),
    request_body(content = Vec<u8>, content_type = "application/jsonl"),
    responses((status = 200, body = SessionState), (status = 409, body = Problem), (status = 413, body = Problem)))]
pub async fn log(
    State(state): State<AppState>,
    Query(from): Query<From>,
    Delivery { device, counter, bytes }: Delivery<MAX_CHUNK>,
) -> Result<Json<SessionState>, ApiError> {
    let taken =
        state.blocking(move |store| ingest::take_bytes(store, &device, counter, from.from, &bytes, clock::now_ms()));
    Ok(Json(taken.await?))
}

/// A seal over what was sent; for the final one the answer holds the receipt.
///
/// # Errors
/// [`ApiError`]: `bad-log`, `fork`, `revoked`, `offset`, `not-authentic`.
#[utoipa::path(post, path = "/v1/devices/{device}/sessions/{counter}/seal", tag = "device",
    params(("device" = String, Path), ("counter" = u64, Path)),
    request_body(content = String, content_type = "text/plain"),
    responses((status = 200, body = SessionState), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn seal(State(state): State<AppState>, sent: Delivery<MAX_NOTE>) -> Result<Json<SessionState>, ApiError> {
    let seal = sent.text("seal")?;
    let taken = state.blocking(move |store| ingest::take_seal(store, &sent.device, sent.counter, &seal, &clock::now()));
    Ok(Json(taken.await?))
}
