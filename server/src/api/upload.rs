//! One session's way up: `GET`, `PUT …/log` and `POST …/seal` under `/v1/devices/{device}/sessions/{counter}`.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, Request, State};
use muster_seal::note::MAX_NOTE;
use muster_wire::problem::{Kind, Problem};
use muster_wire::upload::{MAX_CHUNK, SessionState};
use serde::Deserialize;

use super::device::authentic;
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

/// Reads a body that is no longer than `limit`, and not one byte more than that.
pub(super) async fn body(body: Body, limit: usize) -> Result<axum::body::Bytes, ApiError> {
    to_bytes(body, limit)
        .await
        .map_err(|_| ApiError::new(Kind::TooLarge, format!("at most {limit} bytes in one request")))
}

/// A counter as records can hold it: 1 or more, below 2^53.
pub(super) fn counted(counter: u64) -> Result<u64, ApiError> {
    match counter {
        1..=0x1F_FFFF_FFFF_FFFF => Ok(counter),
        _ => Err(ApiError::new(Kind::BadRequest, "a session counter is 1 or more, and below 2^53")),
    }
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
    Path((named, counter)): Path<(String, u64)>,
    request: Request,
) -> Result<Json<SessionState>, ApiError> {
    let counter = counted(counter)?;
    let device = authentic(&state, &request.into_parts().0, b"", &named).await?;
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
    Path((named, counter)): Path<(String, u64)>,
    Query(from): Query<From>,
    request: Request,
) -> Result<Json<SessionState>, ApiError> {
    let counter = counted(counter)?;
    let (parts, content) = request.into_parts();
    let bytes = body(content, MAX_CHUNK).await?;
    let device = authentic(&state, &parts, &bytes, &named).await?;
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
pub async fn seal(
    State(state): State<AppState>,
    Path((named, counter)): Path<(String, u64)>,
    request: Request,
) -> Result<Json<SessionState>, ApiError> {
    let counter = counted(counter)?;
    let (parts, content) = request.into_parts();
    let bytes = body(content, MAX_NOTE).await?;
    let device = authentic(&state, &parts, &bytes, &named).await?;
    let seal = String::from_utf8(bytes.to_vec()).map_err(|_| ApiError::new(Kind::BadLog, "the seal is not UTF-8"))?;
    let taken = state.blocking(move |store| ingest::take_seal(store, &device, counter, &seal, &clock::now()));
    Ok(Json(taken.await?))
}
