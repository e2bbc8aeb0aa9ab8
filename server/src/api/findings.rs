//! `GET /api/v1/findings`, `POST /api/v1/reconcile`, and the API's own document.

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;

use crate::app::AppState;
use crate::clock;
use crate::error::ApiError;
use crate::openapi;
use crate::rules::run::{self, Finding, Report};
use crate::store::findings;

/// Which findings to give; what is not given does not restrict.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
pub struct Filter {
    /// A GB/T 2260 code, or the beginning of one.
    #[serde(default)]
    pub region: String,
    /// An institution.
    #[serde(default)]
    pub institution: String,
    /// A rule.
    #[serde(default)]
    pub rule: String,
    /// A class.
    #[serde(default)]
    pub class: String,
}

impl Filter {
    /// Does a finding pass?
    pub fn passes(&self, f: &Finding) -> bool {
        let is = |want: &str, have: &str| want.is_empty() || want == have;
        f.region.starts_with(&self.region)
            && is(&self.institution, &f.institution)
            && is(&self.rule, &f.rule)
            && is(&self.class, &f.class)
    }
}

/// The newest run's findings, the gravest first.
///
/// # Errors
/// [`ApiError`].
#[utoipa::path(get, path = "/api/v1/findings", tag = "bureau", params(Filter), responses((status = 200, body = Vec<Finding>)))]
pub async fn list(State(state): State<AppState>, Query(filter): Query<Filter>) -> Result<Json<Vec<Finding>>, ApiError> {
    let report = state.blocking(|store| Ok(store.read(findings::newest)?)).await?;
    let all = report.map(|r| r.findings).unwrap_or_default();
    Ok(Json(all.into_iter().filter(|f| filter.passes(f)).collect()))
}

/// Reconciles now, and gives the report. One at a time; a second caller waits.
///
/// # Errors
/// [`ApiError`]: `unavailable`; the run before stands.
#[utoipa::path(post, path = "/api/v1/reconcile", tag = "bureau", responses((status = 200, body = Report)))]
pub async fn reconcile(State(state): State<AppState>) -> Result<Json<Report>, ApiError> {
    let _one = state.reconciling.lock().await;
    let report = run::reconcile(&state.store, &state.data_dir, &clock::now()).await;
    Ok(Json(report.map_err(ApiError::internal)?))
}

/// The OpenAPI document.
pub async fn openapi() -> Json<serde_json::Value> {
    Json(openapi::document())
}
