//! The bureau's pages: query, view, template. They work without a script; Chinese first, `?lang=en` for English.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use muster_wire::problem::Kind;
use serde::Deserialize;

use crate::api::findings::Filter;
use crate::app::AppState;
use crate::clock;
use crate::error::ApiError;
use crate::rules::run;
use crate::text::Lang;

pub mod claim;
pub mod format;
pub mod overview;
pub mod session;
pub mod timeline;

/// The routes.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(overview))
        .route("/classes/{class}", get(class))
        .route("/sessions/{device}/{counter}", get(one_session))
        .route("/reconcile", post(reconcile))
        .route("/assets/muster.css", get(css))
}

/// The language of a page: the address first, then the cookie, then Chinese.
#[derive(Debug, Default, Deserialize)]
pub struct Ask {
    #[serde(default)]
    lang: String,
}

impl Ask {
    fn lang(&self, headers: &HeaderMap) -> Lang {
        let cookie = headers.get(header::COOKIE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        match self.lang.as_str() {
            "en" => Lang::En,
            "zh" => Lang::Zh,
            _ if cookie.split("; ").any(|c| c == "lang=en") => Lang::En,
            _ => Lang::Zh,
        }
    }
}

/// A page's words in one language, for templates.
#[derive(Debug, Clone, Copy)]
pub struct Words(pub Lang);

impl Words {
    /// The text for a key.
    pub fn of(&self, key: &str) -> String {
        crate::text::text(self.0, key)
    }

    /// The text for a key of a section.
    pub fn in_(&self, section: &str, key: &str) -> String {
        crate::text::text(self.0, &format!("{section}.{key}"))
    }

    /// The language's code.
    pub fn code(&self) -> &'static str {
        self.0.code()
    }

    /// Is this Chinese?
    pub fn zh(&self) -> bool {
        self.0 == Lang::Zh
    }
}

fn page(template: &impl Template, lang: Lang) -> Result<Response, ApiError> {
    let html = template.render().map_err(ApiError::internal)?;
    let cookie = format!("lang={}; Path=/; SameSite=Strict; Max-Age=31536000", lang.code());
    Ok(([(header::SET_COOKIE, cookie)], Html(html)).into_response())
}

async fn overview(
    State(state): State<AppState>,
    Query(ask): Query<Ask>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let lang = ask.lang(&headers);
    let view = state.blocking(move |store| Ok(store.read(|conn| overview::view(conn, &filter, Words(lang)))?)).await?;
    page(&view, lang)
}

async fn class(
    State(state): State<AppState>,
    Path(class): Path<String>,
    Query(ask): Query<Ask>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let lang = ask.lang(&headers);
    let view = state.blocking(move |store| Ok(store.read(|conn| claim::view(conn, &class, Words(lang)))?)).await?;
    page(&view.ok_or_else(|| ApiError::new(Kind::NotFound, "no such class"))?, lang)
}

async fn one_session(
    State(state): State<AppState>,
    Path((device, counter)): Path<(String, u64)>,
    Query(ask): Query<Ask>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let lang = ask.lang(&headers);
    let view =
        state.blocking(move |store| Ok(store.read(|conn| session::view(conn, &device, counter, Words(lang)))?)).await?;
    page(&view.ok_or_else(|| ApiError::new(Kind::NotFound, "no such session"))?, lang)
}

async fn reconcile(State(state): State<AppState>) -> Result<Redirect, ApiError> {
    let _one = state.reconciling.lock().await;
    run::reconcile(&state.store, &state.data_dir, &clock::now()).await.map_err(ApiError::internal)?;
    Ok(Redirect::to("/"))
}

async fn css() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../assets/muster.css"))
}
