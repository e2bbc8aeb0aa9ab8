//! `GET /bundles/{device}-{counter}.tar`.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use muster_wire::problem::Kind;

use crate::app::AppState;
use crate::bundle;
use crate::error::ApiError;

/// The auditor's bundle of one session.
///
/// # Errors
/// [`ApiError`]: `not-found`.
#[utoipa::path(get, path = "/bundles/{name}", tag = "bureau", params(("name" = String, Path)),
    responses((status = 200, content_type = "application/x-tar", body = Vec<u8>), (status = 404, body = muster_wire::problem::Problem)))]
pub async fn bundle(State(state): State<AppState>, Path(name): Path<String>) -> Result<Response, ApiError> {
    let none = || ApiError::new(Kind::NotFound, "no sealed session of this device and counter");
    let (device, counter) = name.strip_suffix(".tar").and_then(|n| n.rsplit_once('-')).ok_or_else(none)?;
    let (device, counter) = (device.to_owned(), counter.parse().map_err(|_| none())?);
    let made = state
        .blocking(move |store| {
            let policy = crate::central::witness::policy(store)?;
            Ok(store.read(|conn| bundle::make(conn, policy.as_ref(), &device, counter))?)
        })
        .await?;
    let bytes = made.ok_or_else(none)?;
    let disposition = format!("attachment; filename=\"{name}\"");
    Ok(([(header::CONTENT_TYPE, "application/x-tar".to_owned()), (header::CONTENT_DISPOSITION, disposition)], bytes)
        .into_response())
}
