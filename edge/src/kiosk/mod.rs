//! The kiosk page on loopback: routes, and the channel that views come through.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::mpsc::Sender;

use anyhow::{Context, Result};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
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

/// What can be pressed on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// End the session now.
    Close,
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
            .with_state((self.clone(), events));
        std::thread::spawn(move || runtime.block_on(async { axum::serve(listener, app).await }));
        Ok(at)
    }
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
    Json(kiosk.views.borrow().clone())
}

async fn stream(State((kiosk, _)): Shared) -> Sse<impl Stream<Item = Result<SseEvent, Infallible>>> {
    let views = WatchStream::new(kiosk.views.subscribe());
    let events = views.map(|view| Ok(SseEvent::default().data(serde_json::to_string(&view).unwrap_or_default())));
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// Ends the session. Only the page itself may ask: its script sends a header that another site's page cannot.
async fn close(State((_, events)): Shared, headers: HeaderMap) -> StatusCode {
    if headers.get("muster-kiosk").is_none() {
        return StatusCode::FORBIDDEN;
    }
    match events.send(Event::Command(Command::Close)) {
        Ok(()) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
