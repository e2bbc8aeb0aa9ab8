//! Every route, grouped by who calls it.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use base64::{Engine, engine::general_purpose::STANDARD};
use muster_seal::merkle::sha256;

use crate::api;
use crate::app::AppState;
use crate::desk::Desk;
use crate::pages;
use crate::text::{Lang, text};

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
        .layer(middleware::from_fn(patience))
        .with_state(state)
}

/// Who calls: officials, with a browser or a program. Each desk has its own door, and the key to one does not open the other.
pub fn bureau(state: AppState) -> Router {
    let door = |desk| middleware::from_fn_with_state((state.clone(), desk), enter);
    Router::new()
        .merge(claims().route_layer(door(Desk::Claims)))
        .merge(conduct().route_layer(door(Desk::Conduct)))
        .merge(pages::assets())
        .layer(middleware::from_fn_with_state(state.clone(), guard))
        .with_state(state)
}

/// The desk for claims.
fn claims() -> Router<AppState> {
    Router::new()
        .route("/api/v1/import/{what}", post(api::import::file))
        .route("/api/v1/import/table/{name}", post(api::import::table))
        .route("/api/v1/claims", get(api::claims::list))
        .route("/api/v1/findings", get(api::findings::list))
        .route("/api/v1/reconcile", get(api::findings::progress).post(api::findings::reconcile))
        .route("/api/v1/dispositions", get(api::dispositions::list).post(api::dispositions::decide))
        .route("/api/openapi.json", get(api::findings::openapi))
        .route("/bundles/{name}", get(api::bundles::bundle))
        .merge(pages::claims())
}

/// The desk for officials' conduct.
fn conduct() -> Router<AppState> {
    Router::new()
        .route("/api/v1/conduct/findings", get(api::conduct::findings))
        .route("/api/v1/conduct/pools", get(api::conduct::pools))
        .route("/api/v1/conduct/dispositions", get(api::conduct::decided).post(api::conduct::decide))
        .merge(pages::conduct())
}

/// The password of a desk. The one for conduct is closed until whoever is responsible for it has set one.
async fn enter(State((state, desk)): State<(AppState, Desk)>, mut request: Request, next: Next) -> Response {
    let (password, realm) = match desk {
        Desk::Claims => (state.passwords.claims, "Muster"),
        Desk::Conduct => (state.passwords.conduct, "Muster conduct"),
    };
    match password {
        Some(password) if !holds(&request, &password) => {
            let ask = format!("Basic realm=\"{realm}\", charset=\"UTF-8\"");
            return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, ask)]).into_response();
        }
        None if desk == Desk::Conduct => {
            let closed = [Lang::Zh, Lang::En].map(|lang| text(lang, "conduct.closed")).join("\n");
            return (StatusCode::FORBIDDEN, closed + "\n").into_response();
        }
        _ => {}
    }
    request.extensions_mut().insert(desk);
    next.run(request).await
}

/// Does the request carry this password, under whatever name?
fn holds(request: &Request, password: &str) -> bool {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let given = given.and_then(|v| v.strip_prefix("Basic ")).and_then(|v| STANDARD.decode(v).ok()).unwrap_or_default();
    let given = given.splitn(2, |b| *b == b':').nth(1).unwrap_or_default();
    // Hashes are compared, so that the time it takes tells nothing of the password.
    sha256(given) == sha256(password.as_bytes())
}

/// Was this sent by a page of another site in an official's browser? A browser names the page's origin whenever it sends
/// something, and older ways to ask hold over plain HTTP too.
fn foreign(request: &Request) -> bool {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return false;
    }
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok());
    let host = header("host").unwrap_or_default();
    let same = |origin: &str| origin.split_once("://").is_some_and(|(_, rest)| rest == host);
    header("origin").is_some_and(|origin| !same(origin))
        || matches!(header("sec-fetch-site"), Some("cross-site" | "same-site"))
}

/// A page of another site that was made to resolve to this machine reads nothing: without a password only loopback names
/// are answered to.
fn known_host(request: &Request) -> bool {
    let host = request.headers().get("host").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

/// How long one request may take, its body included.
const PATIENCE: Duration = Duration::from_secs(120);

async fn patience(request: Request, next: Next) -> Response {
    match tokio::time::timeout(PATIENCE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}

/// What a browser should refuse to do with our pages. A page of another site may not make an official's browser post here.
async fn guard(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if state.passwords.claims.is_none() && !known_host(&request) {
        return StatusCode::MISDIRECTED_REQUEST.into_response();
    }
    if foreign(&request) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn request(method: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().method(method).uri("/reconcile");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn another_sites_page_may_not_post_and_another_name_may_not_read() {
        let host = ("host", "10.1.2.3:8631");
        assert!(foreign(&request("POST", &[host, ("origin", "http://evil.example")])));
        assert!(foreign(&request("POST", &[host, ("sec-fetch-site", "cross-site")])));
        assert!(foreign(&request("POST", &[host, ("origin", "null")])));
        assert!(!foreign(&request("POST", &[host, ("origin", "http://10.1.2.3:8631")])));
        assert!(!foreign(&request("POST", &[host])));
        assert!(!foreign(&request("GET", &[host, ("origin", "http://evil.example")])));
        assert!(known_host(&request("GET", &[("host", "127.0.0.1:8631")])));
        assert!(known_host(&request("GET", &[("host", "[::1]:8631")])));
        assert!(!known_host(&request("GET", &[("host", "evil.example")])));
    }
}
