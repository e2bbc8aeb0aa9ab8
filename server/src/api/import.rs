//! `POST /api/v1/import/{what}` and `/api/v1/import/table/{name}`: a file as the body.

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use muster_wire::problem::{Kind, Problem};

use crate::app::AppState;
use crate::clock;
use crate::error::ApiError;
use crate::import::{ImportError, Taken, What, import};

/// The largest file: a claim file of a whole region is below 16 MiB.
const MAX_FILE: usize = 32 * 1024 * 1024;

impl From<ImportError> for ApiError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Rows { .. } => Self::new(Kind::BadImport, error.to_string()),
            ImportError::Store(error) => error.into(),
        }
    }
}

/// Imports a file, all or nothing.
///
/// # Errors
/// [`ApiError`]: `bad-import` with line and column of each error.
#[utoipa::path(post, path = "/api/v1/import/{what}", tag = "bureau", params(("what" = String, Path)),
    request_body(content = Vec<u8>, content_type = "text/csv"),
    responses((status = 200, description = "rows, log_index, again"), (status = 400, body = Problem)))]
pub async fn file(
    State(state): State<AppState>,
    Path(what): Path<String>,
    request: Request,
) -> Result<Json<Taken>, ApiError> {
    let what = What::parse(&what).ok_or_else(|| ApiError::new(Kind::NotFound, "nothing of this name is imported"))?;
    take(&state, what, format!("{}.csv", what.as_str()), request).await
}

/// Imports a whole evidence table, all or nothing: what it held before is gone.
///
/// # Errors
/// [`ApiError`]: `bad-import` with line and column of each error; `not-found` when no such table is filled by import.
#[utoipa::path(post, path = "/api/v1/import/table/{name}", tag = "bureau", params(("name" = String, Path)),
    request_body(content = Vec<u8>, content_type = "text/csv"),
    responses((status = 200, description = "rows, log_index, again"), (status = 400, body = Problem)))]
pub async fn table(
    State(state): State<AppState>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<Taken>, ApiError> {
    let what = What::table(&name).ok_or_else(|| ApiError::new(Kind::NotFound, "no such table is filled by import"))?;
    take(&state, what, format!("{name}.csv"), request).await
}

async fn take(state: &AppState, what: What, name: String, request: Request) -> Result<Json<Taken>, ApiError> {
    let bytes = to_bytes(request.into_body(), MAX_FILE).await;
    let bytes = bytes.map_err(|_| ApiError::new(Kind::TooLarge, format!("at most {MAX_FILE} bytes")))?;
    Ok(Json(state.blocking(move |store| Ok(import(store, what, &name, &bytes, &clock::now())?)).await?))
}
