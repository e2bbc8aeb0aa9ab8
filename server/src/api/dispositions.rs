//! `GET` and `POST /api/v1/dispositions`: what officials decided on findings.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Query, State};
use muster_wire::problem::{Kind, Problem};
use serde::Deserialize;

use crate::app::AppState;
use crate::desk::Desk;
use crate::error::ApiError;
use crate::pipeline;
use crate::store::dispositions::{self, Disposition};

/// A decision on its way in.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// The finding's id.
    pub finding: String,
    /// `uphold`, `dismiss` or `investigate`.
    pub decision: String,
    /// Who decides, by the bureau's opaque id for the official.
    pub by: String,
    /// Why; stays in the bureau's store.
    pub reason: String,
}

/// Which decisions to give.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
pub struct Of {
    /// On this finding alone.
    pub finding: Option<String>,
}

/// The decisions, oldest first.
///
/// # Errors
/// [`ApiError`].
#[utoipa::path(get, path = "/api/v1/dispositions", tag = "bureau", params(Of), responses((status = 200, body = Vec<Disposition>)))]
pub async fn list(State(state): State<AppState>, Query(of): Query<Of>) -> Result<Json<Vec<Disposition>>, ApiError> {
    of_desk(&state, of, Desk::Claims).await
}

/// The decisions of a desk.
pub(super) async fn of_desk(state: &AppState, of: Of, desk: Desk) -> Result<Json<Vec<Disposition>>, ApiError> {
    let all = move |conn: &rusqlite::Connection| dispositions::of_desk(conn, of.finding.as_deref(), desk);
    Ok(Json(state.blocking(move |store| Ok(store.read(all)?)).await?))
}

/// Decides on a finding: signed into the central log, where another office holds the trace.
///
/// # Errors
/// [`ApiError`]: `not-found`, `bad-request`; `unavailable` while no quorum stands, though the decision is kept.
#[utoipa::path(post, path = "/api/v1/dispositions", tag = "bureau", request_body = Decide,
    responses((status = 200, body = Disposition), (status = 404, body = Problem), (status = 400, body = Problem)))]
pub async fn decide(
    State(state): State<AppState>,
    request: Result<Json<Decide>, JsonRejection>,
) -> Result<Json<Disposition>, ApiError> {
    decide_at(&state, request, Desk::Claims).await
}

/// Decides at a desk, which must be the finding's.
pub(super) async fn decide_at(
    state: &AppState,
    request: Result<Json<Decide>, JsonRejection>,
    desk: Desk,
) -> Result<Json<Disposition>, ApiError> {
    let Json(request) = request.map_err(|e| ApiError::new(Kind::BadRequest, e.body_text()))?;
    Ok(Json(state.blocking(move |store| pipeline::decide(store, &request, desk)).await?))
}
