//! `POST /add-checkpoint`: this server as the `tlog-witness` of its devices' session logs.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use muster_seal::witness::MAX_REQUEST;

use super::device::Limited;
use crate::app::AppState;
use crate::clock;
use crate::error::ApiError;
use crate::ingest;

/// Cosigns a growing seal. Statuses and bodies are those of `c2sp.org/tlog-witness`.
///
/// # Errors
/// [`ApiError`] when the fault is ours, or the body is too large.
#[utoipa::path(post, path = "/add-checkpoint", tag = "device",
    request_body(content = String, content_type = "text/plain"),
    responses((status = 200, description = "signature lines"), (status = 403), (status = 404),
              (status = 409, description = "the size that was cosigned, as text/x.tlog.size"), (status = 422)))]
pub async fn add_checkpoint(
    State(state): State<AppState>,
    Limited(bytes): Limited<MAX_REQUEST>,
) -> Result<Response, ApiError> {
    let answer = state
        .blocking(move |store| {
            let now = clock::now_ms();
            Ok(ingest::add_checkpoint(store, &bytes, (now / 1000) as u64, &clock::rfc3339(now))?)
        })
        .await?;
    Ok(match answer {
        Ok(line) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], line).into_response(),
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, [(header::CONTENT_TYPE, refusal.content_type())], refusal.body()).into_response()
        }
    })
}
