//! `GET /v1/devices/{device}/assignments`.

use axum::Json;
use axum::extract::{Path, Request, State};
use muster_seal::merkle::sha256;
use muster_wire::assignment::Assignments;
use muster_wire::problem::Problem;

use super::device::authentic;
use crate::app::AppState;
use crate::clock;
use crate::error::ApiError;
use crate::store::{rosters, sessions, witness};

/// What a device may hold now, and the newest central checkpoint. Every document that goes out is kept.
///
/// # Errors
/// [`ApiError`]: `not-authentic`.
#[utoipa::path(get, path = "/v1/devices/{device}/assignments", tag = "device", params(("device" = String, Path)),
    responses((status = 200, body = Assignments), (status = 401, body = Problem)))]
pub async fn assignments(
    State(state): State<AppState>,
    Path(named): Path<String>,
    request: Request,
) -> Result<Json<Assignments>, ApiError> {
    let device = authentic(&state, &request.into_parts().0, b"", &named).await?;
    let answer = state.blocking(move |store| {
        store.write(|tx| {
            let sessions = rosters::assigned(tx, &device.site, clock::now_ms())?;
            for session in &sessions {
                let hash = hex::encode(sha256(session.document.as_bytes()));
                sessions::put_assignment(tx, &hash, &session.document, &clock::now())?;
            }
            let counter = witness::last_counter(tx, &device.device)?;
            Ok(Assignments { sessions, beacon: witness::newest(tx)?, counter })
        })
    });
    Ok(Json(answer.await?))
}
