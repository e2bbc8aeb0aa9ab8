//! `/api/v1/conduct/…`: what is found about officials, for the desk that looks at them, and what this desk decides.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Query, State};
use muster_wire::problem::Problem;

use super::dispositions::{Decide, Of};
use super::findings::{Filter, Part};
use super::{dispositions, findings};
use crate::app::AppState;
use crate::desk::Desk;
use crate::error::ApiError;
use crate::rules;
use crate::rules::run::Finding;
use crate::store::dispositions::Disposition;
use crate::store::pools::{self, Pool};

/// The newest run's findings about officials, part by part. They name a pattern and its records; no rule says that somebody is guilty.
///
/// # Errors
/// [`ApiError`]; 403 while the desk has no password.
#[utoipa::path(get, path = "/api/v1/conduct/findings", tag = "conduct", params(Filter, Part),
    responses((status = 200, body = Vec<Finding>), (status = 401), (status = 403)))]
pub async fn findings(
    State(state): State<AppState>,
    Query(filter): Query<Filter>,
    Query(part): Query<Part>,
) -> Result<Json<Vec<Finding>>, ApiError> {
    findings::of_desk(&state, Filter { desk: Desk::Conduct, ..filter }, part).await
}

/// The pools of officials that are too small to be compared with anybody: not testable, which is not the same as clean.
///
/// # Errors
/// [`ApiError`]; 403 while the desk has no password.
#[utoipa::path(get, path = "/api/v1/conduct/pools", tag = "conduct",
    responses((status = 200, body = Vec<Pool>), (status = 401), (status = 403)))]
pub async fn pools(State(state): State<AppState>) -> Result<Json<Vec<Pool>>, ApiError> {
    let small = |store: &crate::store::Store| {
        let least = rules::conduct(store.dir()).least;
        Ok(store.read(|conn| pools::too_small(conn, least))?)
    };
    Ok(Json(state.blocking(small).await?))
}

/// What this desk decided, oldest first.
///
/// # Errors
/// [`ApiError`]; 403 while the desk has no password.
#[utoipa::path(get, path = "/api/v1/conduct/dispositions", tag = "conduct", params(Of),
    responses((status = 200, body = Vec<Disposition>), (status = 401), (status = 403)))]
pub async fn decided(State(state): State<AppState>, Query(of): Query<Of>) -> Result<Json<Vec<Disposition>>, ApiError> {
    dispositions::of_desk(&state, of, Desk::Conduct).await
}

/// Decides on a finding about an official: signed into the central log, as every decision is.
///
/// # Errors
/// [`ApiError`]: `not-found`, `bad-request`; `unavailable` while no quorum stands; 403 while the desk has no password.
#[utoipa::path(post, path = "/api/v1/conduct/dispositions", tag = "conduct", request_body = Decide,
    responses((status = 200, body = Disposition), (status = 404, body = Problem), (status = 400, body = Problem),
              (status = 401), (status = 403)))]
pub async fn decide(
    State(state): State<AppState>,
    request: Result<Json<Decide>, JsonRejection>,
) -> Result<Json<Disposition>, ApiError> {
    dispositions::decide_at(&state, request, Desk::Conduct).await
}
