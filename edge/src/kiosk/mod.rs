//! The kiosk page on loopback: routes, and the channel that views come through.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::mpsc::Sender;

use anyhow::{Context, Result};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::{Stream, StreamExt, wrappers::WatchStream};

use crate::agent::Event;

pub mod view;

use view::View;

/// What can be done on the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// End the session now; before its last lesson has ended, with an instructor's card.
    Close,
    /// Enter somebody by hand: an instructor's card comes next.
    Manual,
    /// Whom, after that card, and why.
    Entry {
        /// The trainee's opaque id.
        trainee: String,
        /// `no-chip`, `reader-down` or `other`.
        reason: String,
    },
}

/// Where the agent shows views.
#[derive(Debug, Clone)]
pub struct Kiosk {
    views: watch::Sender<View>,
}

impl Default for Kiosk {
    fn default() -> Self {
        Self { views: watch::Sender::new(View::default()) }
    }
}

impl Kiosk {
    /// Shows a view, if it is another than the one before.
    pub fn show(&self, view: View) {
        self.views.send_if_modified(|old| {
            let other = *old != view;
            *old = view;
            other
        });
    }

    /// What is shown now.
    pub fn shown(&self) -> View {
        self.views.borrow().clone().aged()
    }

    /// Serves the page in a thread of its own; gives the address once it listens.
    ///
    /// # Errors
    /// When the address is in use.
    pub fn serve(&self, at: SocketAddr, events: Sender<Event>) -> Result<SocketAddr> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime
            .block_on(TcpListener::bind(at))
            .with_context(|| format!("cannot listen on {at}: is another agent running?"))?;
        let at = listener.local_addr()?;
        let app = Router::new()
            .route("/", get(page))
            .route("/kiosk.css", get(css))
            .route("/kiosk.js", get(js))
            .route("/text.json", get(text))
            .route("/view.json", get(view))
            .route("/events", get(stream))
            .route("/close", post(close))
            .route("/manual", post(manual))
            .route("/entry", post(entry))
            .layer(middleware::from_fn_with_state(at.port(), guard))
            .with_state((self.clone(), events));
        std::thread::spawn(move || runtime.block_on(async { axum::serve(listener, app).await }));
        Ok(at)
    }
}

/// Is this a request of our own page? A page of another site may reach a loopback address by a name of its own.
fn is_ours(host: Option<&str>, origin: Option<&str>, port: u16) -> bool {
    let ours = |authority: &str| {
        let (name, found) = authority.rsplit_once(':').unwrap_or((authority, "80"));
        matches!(name, "127.0.0.1" | "localhost" | "[::1]") && found == port.to_string()
    };
    host.is_some_and(ours) && origin.is_none_or(|origin| origin.strip_prefix("http://").is_some_and(ours))
}

async fn guard(State(port): State<u16>, request: Request, next: Next) -> Response {
    if !asks_as_ours(request.headers(), port) {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

fn asks_as_ours(headers: &HeaderMap, port: u16) -> bool {
    let header = |name| headers.get(name).map(|v| v.to_str().unwrap_or("?"));
    is_ours(header(header::HOST), header(header::ORIGIN), port)
}

type Shared = State<(Kiosk, Sender<Event>)>;

async fn page() -> Response {
    let policy = "default-src 'self'; frame-ancestors 'none'";
    asset("text/html; charset=utf-8", include_str!("assets/kiosk.html"), policy)
}

async fn css() -> Response {
    asset("text/css; charset=utf-8", include_str!("assets/kiosk.css"), "default-src 'none'")
}

async fn js() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("assets/kiosk.js"), "default-src 'none'")
}

fn asset(kind: &'static str, body: &'static str, policy: &'static str) -> Response {
    let mut response = ([(header::CONTENT_TYPE, kind)], body).into_response();
    let headers = response.headers_mut();
    headers.insert("content-security-policy", HeaderValue::from_static(policy));
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

async fn text() -> Json<serde_json::Value> {
    Json(crate::text::all())
}

async fn view(State((kiosk, _)): Shared) -> Json<View> {
    Json(kiosk.shown())
}

async fn stream(State((kiosk, _)): Shared) -> Sse<impl Stream<Item = Result<SseEvent, Infallible>>> {
    let views = WatchStream::new(kiosk.views.subscribe());
    let events =
        views.map(|view| Ok(SseEvent::default().data(serde_json::to_string(&view.aged()).unwrap_or_default())));
    Sse::new(events).keep_alive(KeepAlive::default())
}

async fn close(State((_, events)): Shared, headers: HeaderMap) -> StatusCode {
    command(&headers, &events, Command::Close)
}

async fn manual(State((_, events)): Shared, headers: HeaderMap) -> StatusCode {
    command(&headers, &events, Command::Manual)
}

/// Whom an instructor enters by hand, and why.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    trainee: String,
    reason: String,
}

async fn entry(State((_, events)): Shared, headers: HeaderMap, Json(entry): Json<Entry>) -> StatusCode {
    command(&headers, &events, Command::Entry { trainee: entry.trainee, reason: entry.reason })
}

/// Only the page itself may ask: its script sends a header that another site's page cannot.
fn command(headers: &HeaderMap, events: &Sender<Event>, command: Command) -> StatusCode {
    if headers.get("muster-kiosk").is_none() {
        return StatusCode::FORBIDDEN;
    }
    match events.send(Event::Command(command)) {
        Ok(()) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_page_is_answered() {
        let ours = |host, origin| is_ours(host, origin, 8640);
        assert!(ours(Some("127.0.0.1:8640"), None));
        assert!(ours(Some("localhost:8640"), Some("http://localhost:8640")));
        assert!(ours(Some("[::1]:8640"), Some("http://[::1]:8640")));
        assert!(is_ours(Some("127.0.0.1"), None, 80));
        // Another site whose name leads to loopback, another port, another site's page.
        assert!(!ours(Some("evil.example:8640"), None));
        assert!(!ours(Some("127.0.0.1.evil.example:8640"), None));
        assert!(!ours(Some("127.0.0.1:9999"), None));
        assert!(!ours(Some("127.0.0.1:8640"), Some("http://evil.example")));
        assert!(!ours(Some("127.0.0.1:8640"), Some("null")));
        assert!(!ours(None, None));
    }
}
