//! The witness's two pages: `POST /add-checkpoint`, and `GET /` for people.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use muster_seal::cosignature::cosign;
use muster_seal::witness::{MAX_REQUEST, PATH, Refusal, Request};
use tokio::net::TcpListener;

use super::Witness;

const TEXT: &str = "text/plain; charset=utf-8";

pub fn serve(witness: Witness, at: SocketAddr) -> Result<()> {
    let witness = Arc::new(witness);
    let routes =
        Router::new().route("/", get(page)).route(&format!("/{PATH}"), post(add_checkpoint)).with_state(witness);
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(at).await.with_context(|| format!("cannot listen on {at}: is it in use?"))?;
        eprintln!("http://{}/", listener.local_addr()?);
        let end = async {
            // Without a signal handler the witness serves on: what it knows is on disk whenever it ends.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        Ok(axum::serve(listener, routes).with_graceful_shutdown(end).await?)
    })
}

async fn page(State(witness): State<Arc<Witness>>) -> Response {
    blocking(move || Ok(([(header::CONTENT_TYPE, TEXT)], witness.page()?).into_response())).await
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, body: Body) -> Response {
    let Ok(body) = to_bytes(body, MAX_REQUEST).await else {
        return refused(&Refusal::TooLong { max: MAX_REQUEST });
    };
    blocking(move || {
        let request = match Request::parse(&body, MAX_REQUEST) {
            Ok(request) => request,
            Err(refusal) => return Ok(refused(&refusal)),
        };
        match witness.store.take(&request)? {
            Err(refusal) => {
                eprintln!("{}: {} {refusal}", request.origin(), refusal.status());
                Ok(refused(&refusal))
            }
            Ok(checkpoint) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs();
                let line = cosign(&checkpoint.text(), &witness.name, &witness.key, now);
                eprintln!("{}: cosigned {}", checkpoint.origin, checkpoint.size);
                Ok(([(header::CONTENT_TYPE, TEXT)], line).into_response())
            }
        }
    })
    .await
}

/// Runs what waits for the disk off the threads that serve.
async fn blocking(work: impl FnOnce() -> Result<Response> + Send + 'static) -> Response {
    let result = tokio::task::spawn_blocking(work).await;
    let why = match result {
        Ok(Ok(response)) => return response,
        Ok(Err(error)) => format!("{error:#}"),
        Err(panic) => panic.to_string(),
    };
    // Nothing was cosigned. What is wrong is for this machine's owner, not for whoever asked.
    eprintln!("{why}");
    (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, TEXT)], "the witness could not keep it\n")
        .into_response()
}

fn refused(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    (status, [(header::CONTENT_TYPE, refusal.content_type())], refusal.body()).into_response()
}
