//! Every route, grouped by who calls it.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use base64::{Engine, engine::general_purpose::STANDARD};
use muster_seal::merkle::sha256;

use crate::api;
use crate::app::AppState;
use crate::pages;

/// Who calls: devices, mirrors and monitors.
pub fn devices(state: AppState) -> Router {
    Router::new()
        .route("/v1/enrol", post(api::enrol::enrol))
        .route("/v1/devices/{device}/assignments", get(api::assignment::assignments))
        .route("/v1/devices/{device}/sessions/{counter}", get(api::upload::state))
        .route("/v1/devices/{device}/sessions/{counter}/log", put(api::upload::log))
        .route("/v1/devices/{device}/sessions/{counter}/seal", post(api::upload::seal))
        .route("/v1/devices/{device}/contacts/{counter}", post(api::contact::contact))
        .route("/v1/devices/{device}/rotate", post(api::contact::rotate))
        .route("/add-checkpoint", post(api::witness::add_checkpoint))
        .route("/log/{*path}", get(api::log::file))
        .with_state(state)
}

/// Who calls: officials, with a browser or a program.
pub fn bureau(state: AppState) -> Router {
    Router::new()
        .route("/api/v1/import/{what}", post(api::import::file))
        .route("/api/v1/claims", get(api::claims::list))
        .route("/api/v1/findings", get(api::findings::list))
        .route("/api/v1/reconcile", post(api::findings::reconcile))
        .route("/api/openapi.json", get(api::findings::openapi))
        .route("/bundles/{name}", get(api::bundles::bundle))
        .merge(pages::routes())
        .layer(middleware::from_fn_with_state(state.clone(), guard))
        .with_state(state)
}

/// The officials' password where one is set, and what a browser should refuse to do with our pages. A page of another
/// site may not make an official's browser post here.
async fn guard(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if let Some(password) = &state.password {
        let given = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let given =
            given.and_then(|v| v.strip_prefix("Basic ")).and_then(|v| STANDARD.decode(v).ok()).unwrap_or_default();
        let given = given.splitn(2, |b| *b == b':').nth(1).unwrap_or_default();
        // Hashes are compared, so that the time it takes tells nothing of the password.
        if sha256(given) != sha256(password.as_bytes()) {
            let ask = [(header::WWW_AUTHENTICATE, "Basic realm=\"Muster\", charset=\"UTF-8\"")];
            return (StatusCode::UNAUTHORIZED, ask).into_response();
        }
    }
    let site = request.headers().get("sec-fetch-site").and_then(|v| v.to_str().ok());
    if request.method() == axum::http::Method::POST && matches!(site, Some("cross-site" | "same-site")) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            "content-security-policy",
            "default-src 'self'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'",
        ),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
