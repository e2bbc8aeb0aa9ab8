//! `GET /api/v1/findings`, `/api/v1/reconcile`, and the API's own document.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use muster_wire::problem::Kind;
use serde::Deserialize;

use crate::app::AppState;
use crate::desk::Desk;
use crate::error::ApiError;
use crate::job::{Extent, Status};
use crate::openapi;
use crate::rules;
use crate::rules::run::{Finding, Report};
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
    /// `red`, `amber` or `green`: the band of the class.
    #[serde(default)]
    pub band: String,
    /// Money at risk or exposure of at least so many fen.
    #[serde(default)]
    pub least_fen: i64,
    /// In which order.
    #[serde(default)]
    pub sort: Sort,
    /// Whose findings: said by the address and its password, never by the caller.
    #[serde(skip)]
    #[param(ignore)]
    pub desk: Desk,
}

/// In which order to give.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// The gravest first.
    #[default]
    Weight,
    /// Most money first.
    Money,
    /// By region.
    Region,
    /// By institution.
    Institution,
    /// By rule.
    Rule,
}

impl Sort {
    /// All, in the order they are offered in.
    pub const ALL: [Self; 5] = [Self::Weight, Self::Money, Self::Region, Self::Institution, Self::Rule];

    /// As an address says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::Money => "money",
            Self::Region => "region",
            Self::Institution => "institution",
            Self::Rule => "rule",
        }
    }
}

/// Which part of a long list to give.
#[derive(Debug, Clone, Copy, Default, Deserialize, utoipa::IntoParams)]
pub struct Part {
    /// How many at most; 1000 unless said, and never more.
    pub limit: Option<u64>,
    /// After how many.
    #[serde(default)]
    pub offset: u64,
}

/// How many findings one answer holds at most.
const MOST: u64 = 1_000;

/// The newest run's findings, the gravest first, part by part.
///
/// # Errors
/// [`ApiError`].
#[utoipa::path(get, path = "/api/v1/findings", tag = "bureau", params(Filter, Part), responses((status = 200, body = Vec<Finding>)))]
pub async fn list(
    State(state): State<AppState>,
    Query(filter): Query<Filter>,
    Query(part): Query<Part>,
) -> Result<Json<Vec<Finding>>, ApiError> {
    of_desk(&state, filter, part).await
}

/// The findings of the filter's desk.
pub(super) async fn of_desk(state: &AppState, filter: Filter, part: Part) -> Result<Json<Vec<Finding>>, ApiError> {
    let limit = part.limit.unwrap_or(MOST).min(MOST);
    let page = move |conn: &rusqlite::Connection| match findings::newest_run(conn)? {
        Some(run) => findings::page(conn, run.run, &filter, limit, part.offset),
        None => Ok(Vec::new()),
    };
    Ok(Json(state.blocking(|store| Ok(store.read(page)?)).await?))
}

/// How a reconciliation is asked for.
#[derive(Debug, Clone, Copy, Default, Deserialize, utoipa::IntoParams)]
pub struct Wait {
    /// `1` waits until it has ended, and gives the report.
    #[serde(default)]
    pub wait: u8,
    /// `1` looks at what has changed since the last run, where that can be told apart.
    #[serde(default)]
    pub new: u8,
}

/// Begins a reconciliation, and says how it stands; `GET` says it again. One at a time: while one runs it is that one.
///
/// # Errors
/// [`ApiError`]: `unavailable` when it was waited for and failed; the run before stands.
#[utoipa::path(post, path = "/api/v1/reconcile", tag = "bureau", params(Wait),
    responses((status = 202, description = "begun, or running already", body = Status),
              (status = 200, description = "with `wait=1`: the report", body = Report)))]
pub async fn reconcile(State(state): State<AppState>, Query(asked): Query<Wait>) -> Result<Response, ApiError> {
    let begun = state.reconcile(if asked.new == 0 { Extent::Whole } else { Extent::New });
    if asked.wait == 0 {
        let at = [(header::LOCATION, "/api/v1/reconcile")];
        return Ok((StatusCode::ACCEPTED, at, Json(begun)).into_response());
    }
    if let Some(error) = state.job.wait(begun.job).await.error {
        return Err(ApiError::new(Kind::Unavailable, error));
    }
    let report = state.blocking(|store| {
        let about_officials = rules::conduct(store.dir()).titles;
        let mut report = store.read(findings::newest)?;
        if let Some(report) = &mut report {
            // What is about officials is another desk's.
            report.findings.retain(|f| Desk::of_family(&f.family).claims());
            report.run.untestable.retain(|rule, _| !about_officials.contains_key(rule));
        }
        Ok(report)
    });
    Ok(Json(report.await?).into_response())
}

/// How the reconciliation stands that runs, or the last that did.
#[utoipa::path(get, path = "/api/v1/reconcile", tag = "bureau", responses((status = 200, body = Status)))]
pub async fn progress(State(state): State<AppState>) -> Json<Status> {
    Json(state.job.status())
}

/// The OpenAPI document.
pub async fn openapi() -> Json<serde_json::Value> {
    Json(openapi::document())
}
