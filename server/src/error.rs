//! Answers that are refusals: `application/problem+json`, Chinese first. Logged once, here, and only when the fault is ours.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use muster_wire::problem::{Kind, MEDIA_TYPE, Problem};

use crate::store::StoreError;
use crate::text::{Lang, text};

/// A refusal on its way to the caller.
#[derive(Debug)]
pub struct ApiError(pub Problem);

impl ApiError {
    /// A refusal of a kind, with what exactly is wrong.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let status = match kind {
            Kind::BadRequest | Kind::BadImport => StatusCode::BAD_REQUEST,
            Kind::BadCode | Kind::Revoked => StatusCode::FORBIDDEN,
            Kind::NotAuthentic => StatusCode::UNAUTHORIZED,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Offset | Kind::Fork => StatusCode::CONFLICT,
            Kind::BadLog => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        let key = format!(
            "problem.{}",
            serde_json::to_value(kind).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
        );
        Self(Problem {
            kind,
            status: status.as_u16(),
            title: text(Lang::Zh, &key),
            title_en: text(Lang::En, &key),
            detail: detail.into(),
            bytes: None,
            now_ms: None,
            kept: false,
        })
    }

    /// Go on from this byte.
    pub fn offset(bytes: u64) -> Self {
        let mut error = Self::new(Kind::Offset, format!("the server holds {bytes} bytes"));
        error.0.bytes = Some(bytes);
        error
    }

    /// The request was signed at another time than now.
    pub fn other_time(now_ms: i64) -> Self {
        let what = "the request's time is more than ten minutes off: sign it with the time in `now_ms`";
        let mut error = Self::new(Kind::NotAuthentic, what);
        error.0.now_ms = Some(now_ms);
        error
    }

    /// Our own fault; the caller learns no more than that.
    pub fn internal(why: impl std::fmt::Display) -> Self {
        tracing::error!(%why, "a request failed for a reason of our own");
        Self::new(Kind::Unavailable, "")
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            // Nothing is promised before a quorum stands; what was sent is kept, and asking again is all there is to do.
            StoreError::NoQuorum(why) => {
                let mut error = Self::new(Kind::Unavailable, why);
                error.0.kept = true;
                error
            }
            StoreError::Life(e) => Self::new(Kind::Revoked, e.to_string()),
            other => Self::internal(other),
        }
    }
}

impl From<rusqlite::Error> for ApiError {
    fn from(error: rusqlite::Error) -> Self {
        Self::internal(StoreError::from(error))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response()
    }
}
