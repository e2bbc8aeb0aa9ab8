//! Between two sessions: `POST /v1/devices/{device}/contacts/{counter}` and `POST /v1/devices/{device}/rotate`.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use muster_seal::note::MAX_NOTE;
use muster_wire::enrol::RotateRequest;
use muster_wire::problem::{Kind, Problem};
use muster_wire::upload::SessionState;

use super::device::{Delivery, counted};
use crate::app::AppState;
use crate::clock;
use crate::error::ApiError;
use crate::{ingest, pipeline};

/// A device was heard of: it signs the beacon it holds, and uses up a counter.
///
/// # Errors
/// [`ApiError`]: `bad-log`, `fork`, `revoked`, `not-authentic`; `unavailable` while no quorum stands.
#[utoipa::path(post, path = "/v1/devices/{device}/contacts/{counter}", tag = "device",
    params(("device" = String, Path), ("counter" = u64, Path)),
    request_body(content = String, content_type = "text/plain"),
    responses((status = 200, body = SessionState), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn contact(State(state): State<AppState>, sent: Delivery<MAX_NOTE>) -> Result<Json<SessionState>, ApiError> {
    let note = sent.text("contact")?;
    let taken = state.blocking(move |store| {
        ingest::take_contact(store, &sent.device, sent.counter, &note, &clock::now())?;
        ingest::state(store, &sent.device.device, sent.counter)
    });
    Ok(Json(taken.await?))
}

/// Another key from a counter on. Both keys sign the request itself, so it carries no headers of a device.
///
/// # Errors
/// [`ApiError`]: `not-authentic`, `revoked`, `bad-request`; `unavailable` while no quorum stands.
#[utoipa::path(post, path = "/v1/devices/{device}/rotate", tag = "device", params(("device" = String, Path)),
    request_body = RotateRequest,
    responses((status = 204), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub async fn rotate(
    State(state): State<AppState>,
    Path(device): Path<String>,
    request: Result<Json<RotateRequest>, JsonRejection>,
) -> Result<axum::http::StatusCode, ApiError> {
    let Json(request) = request.map_err(|e| ApiError::new(Kind::BadRequest, e.body_text()))?;
    counted(request.counter.saturating_add(1))?;
    state.blocking(move |store| pipeline::rotate(store, &device, &request)).await?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}
