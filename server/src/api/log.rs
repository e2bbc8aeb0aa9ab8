//! The central log for mirrors and monitors: files under `/log/`, as `tlog-tiles` names them.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use muster_seal::tile::Tile;
use muster_wire::problem::Kind;

use crate::app::AppState;
use crate::error::ApiError;

/// `GET /log/{path}`: the checkpoint, a tile or an entry bundle.
///
/// # Errors
/// [`ApiError`]: `not-found`.
pub async fn file(State(state): State<AppState>, Path(path): Path<String>) -> Result<Response, ApiError> {
    // Only names that a log has reach the file system.
    let tile = Tile::parse(&path);
    if path != "checkpoint" && tile.is_none() {
        return Err(ApiError::new(Kind::NotFound, "neither checkpoint nor tile"));
    }
    let found = tokio::fs::read(state.data_dir.join("log").join(&path)).await;
    let bytes = found.map_err(|_| ApiError::new(Kind::NotFound, "the log is not that large"))?;
    let kind = if tile.is_some() { "application/octet-stream" } else { "text/plain; charset=utf-8" };
    let cache = if tile.is_some() { "public, max-age=31536000, immutable" } else { "no-cache" };
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache)], bytes).into_response())
}
