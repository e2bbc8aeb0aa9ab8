//! `POST /v1/enrol`.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use muster_wire::enrol::{EnrolRequest, EnrolResponse};
use muster_wire::problem::{Kind, Problem};

use crate::app::AppState;
use crate::error::ApiError;
use crate::pipeline;

/// A one-time code for a device id.
///
/// # Errors
/// [`ApiError`]: `bad-code`, `not-authentic`, `bad-request`.
#[utoipa::path(post, path = "/v1/enrol", tag = "device", request_body = EnrolRequest,
    responses((status = 200, body = EnrolResponse), (status = 403, body = Problem), (status = 401, body = Problem)))]
pub async fn enrol(
    State(state): State<AppState>,
    request: Result<Json<EnrolRequest>, JsonRejection>,
) -> Result<Json<EnrolResponse>, ApiError> {
    let Json(request) = request.map_err(|e| ApiError::new(Kind::BadRequest, e.body_text()))?;
    Ok(Json(state.blocking(move |store| pipeline::enrol(store, &request)).await?))
}
