//! `GET /api/v1/claims`.

use axum::Json;
use axum::extract::State;

use crate::app::AppState;
use crate::error::ApiError;
use crate::rules::run::ClassResult;
use crate::store::findings;

/// What the newest run says of each class's claims; empty before the first.
///
/// # Errors
/// [`ApiError`].
#[utoipa::path(get, path = "/api/v1/claims", tag = "bureau", responses((status = 200, body = Vec<ClassResult>)))]
pub async fn list(State(state): State<AppState>) -> Result<Json<Vec<ClassResult>>, ApiError> {
    let classes = |conn: &rusqlite::Connection| match findings::newest_run(conn)? {
        Some(run) => findings::classes(conn, run.run),
        None => Ok(Vec::new()),
    };
    Ok(Json(state.blocking(move |store| Ok(store.read(classes)?)).await?))
}
