//! The bureau's pages: query, view, template. They work without a script; Chinese first, `?lang=en` for English.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde::Deserialize;

use crate::api::findings::Filter;
use crate::app::AppState;
use crate::central;
use crate::desk::Desk;
use crate::error::ApiError;
use crate::job::{Extent, Status};
use crate::rules::{self, cells};
use crate::store::Store;
use crate::text::Lang;

pub mod claim;
pub mod conduct;
pub mod device;
pub mod drawn;
pub mod export;
pub mod files;
pub mod format;
pub mod grid;
pub mod overview;
pub mod proof;
pub mod session;
pub mod sheets;
pub mod timeline;

/// The pages of the desk for claims.
pub fn claims() -> Router<AppState> {
    Router::new()
        .route("/", get(overview))
        .route("/classes/{class}", get(class))
        .route("/proof", get(one_finding))
        .route("/proof.tar", get(files::proof))
        .route("/sessions/{device}/{counter}", get(one_session))
        .route("/devices/{device}", get(one_device))
        .route("/devices/{device}/forks/{fork}/{side}", get(files::fork_note))
        .route("/export/{file}", get(files::sheet))
        .route("/reconcile", get(progress).post(reconcile))
        .route("/audit", get(files::audit_page))
}

/// The pages of the desk for officials' conduct, and the records that its findings lead to.
pub fn conduct() -> Router<AppState> {
    Router::new()
        .route("/conduct", get(conduct_page))
        .route("/conduct/proof", get(one_finding))
        .route("/conduct/proof.tar", get(files::proof))
        .route("/conduct/sessions/{device}/{counter}", get(one_session))
        .route("/conduct/bundles/{name}", get(crate::api::bundles::bundle))
        .route("/conduct/export/{file}", get(files::sheet))
}

/// What says nothing of anybody, and needs no password.
pub fn assets() -> Router<AppState> {
    Router::new().route("/assets/muster.css", get(files::css)).route("/assets/icon.svg", get(files::icon))
}

/// The language of a page: the address first, then the cookie, then Chinese.
#[derive(Debug, Default, Deserialize)]
pub struct Ask {
    #[serde(default)]
    lang: String,
    #[serde(default)]
    page: String,
    /// Yuan, as a person types them.
    #[serde(default)]
    least: String,
    /// Which session of a class.
    #[serde(default)]
    session: String,
    /// Which finding.
    #[serde(default)]
    finding: String,
    /// Which file of a proof.
    #[serde(default)]
    part: String,
    /// A trainee, by opaque id.
    #[serde(default)]
    of: String,
    /// The first record to point at.
    #[serde(default)]
    from: String,
    /// The last.
    #[serde(default)]
    to: String,
}

impl Ask {
    /// Which page of findings, from 1; what is no number is the first.
    fn page(&self) -> u64 {
        self.page.parse().unwrap_or(1).max(1)
    }

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

/// This page's address in the other language, with all else that was asked.
fn other_language(uri: &Uri, lang: Lang) -> String {
    let kept = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("lang="));
    let other = if lang == Lang::Zh { "lang=en" } else { "lang=zh" };
    format!("{}?{}", uri.path(), kept.chain([other]).collect::<Vec<_>>().join("&"))
}

/// What is not there, as a page.
#[derive(Debug, Template)]
#[template(path = "missing.html")]
struct Missing {
    w: Words,
    here: String,
    home: &'static str,
}

fn missing(uri: &Uri, lang: Lang) -> Result<Response, ApiError> {
    let desk = if uri.path().starts_with("/conduct") { Desk::Conduct } else { Desk::Claims };
    let response = page(&Missing { w: Words(lang), here: other_language(uri, lang), home: desk.home() }, lang)?;
    Ok((StatusCode::NOT_FOUND, response).into_response())
}

fn page(template: &impl Template, lang: Lang) -> Result<Response, ApiError> {
    let html = template.render().map_err(ApiError::internal)?;
    let cookie = format!("lang={}; Path=/; SameSite=Strict; Max-Age=31536000", lang.code());
    Ok(([(header::SET_COOKIE, cookie)], Html(html)).into_response())
}

async fn overview(
    State(state): State<AppState>,
    uri: Uri,
    Query(ask): Query<Ask>,
    Query(mut filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let lang = ask.lang(&headers);
    if let Ok(yuan) = ask.least.trim().parse::<i64>() {
        filter.least_fen = yuan.saturating_mul(100);
    }
    let asked = overview::Asked { filter, page: ask.page(), here: other_language(&uri, lang) };
    let running = state.job.status().running;
    let view = move |store: &Store| {
        let conduct = rules::conduct(store.dir());
        Ok(store.read(|conn| overview::view(conn, asked, &conduct, running, Words(lang)))?)
    };
    page(&state.blocking(view).await?, lang)
}

async fn conduct_page(
    State(state): State<AppState>,
    uri: Uri,
    Query(ask): Query<Ask>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let lang = ask.lang(&headers);
    let asked = overview::Asked { filter, page: ask.page(), here: other_language(&uri, lang) };
    let view = move |store: &Store| {
        let known = rules::conduct(store.dir());
        Ok(store.read(|conn| conduct::view(conn, asked, &known, Words(lang)))?)
    };
    page(&state.blocking(view).await?, lang)
}

async fn one_finding(
    State(state): State<AppState>,
    Extension(desk): Extension<Desk>,
    uri: Uri,
    Query(ask): Query<Ask>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (lang, here) = (ask.lang(&headers), other_language(&uri, ask.lang(&headers)));
    let view = move |conn: &rusqlite::Connection| proof::view(conn, &ask.finding, desk, here, Words(lang));
    let view = state.blocking(move |store| Ok(store.read(view)?)).await?;
    view.map_or_else(|| missing(&uri, lang), |view| page(&view, lang))
}

async fn class(
    State(state): State<AppState>,
    uri: Uri,
    Path(class): Path<String>,
    Query(ask): Query<Ask>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let lang = ask.lang(&headers);
    let (here, page_of, session) = (other_language(&uri, lang), ask.page(), ask.session);
    let view = state.blocking(move |store| {
        // Evidence that is gone or broken is made again by the next run; what the logs say can be shown without it.
        let cells = cells::of_class(store, &class)
            .inspect_err(|why| tracing::warn!(%why, "the cells of a class could not be decided"))
            .ok();
        let asked = claim::Asked { class, page: page_of, session, here };
        Ok(store.read(|conn| claim::view(conn, asked, cells.as_ref(), Words(lang)))?)
    });
    let view = view.await?;
    view.map_or_else(|| missing(&uri, lang), |view| page(&view, lang))
}

async fn one_session(
    State(state): State<AppState>,
    Extension(desk): Extension<Desk>,
    uri: Uri,
    Path((device, counter)): Path<(String, String)>,
    Query(ask): Query<Ask>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let lang = ask.lang(&headers);
    let Some(counter) = counter.parse::<u64>().ok().filter(|n| i64::try_from(*n).is_ok()) else {
        return missing(&uri, lang);
    };
    let from = ask.from.parse().ok();
    let records = from.map(|from| (from, ask.to.parse().unwrap_or(from)));
    let pointed = session::Pointed { records, trainee: ask.of };
    let asked = session::Asked { device, counter, pointed, desk, here: other_language(&uri, lang) };
    let view = move |store: &Store| {
        let policy = central::witness::policy(store)?;
        Ok(store.read(|conn| session::view(conn, asked, policy.as_ref(), Words(lang)))?)
    };
    let view = state.blocking(view).await?;
    view.map_or_else(|| missing(&uri, lang), |view| page(&view, lang))
}

async fn one_device(
    State(state): State<AppState>,
    uri: Uri,
    Path(device): Path<String>,
    Query(ask): Query<Ask>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let lang = ask.lang(&headers);
    let here = other_language(&uri, lang);
    let view =
        state.blocking(move |store| Ok(store.read(|conn| device::view(conn, &device, here, Words(lang)))?)).await?;
    view.map_or_else(|| missing(&uri, lang), |view| page(&view, lang))
}

/// The button begins a reconciliation, and the page shows how far it has come.
async fn reconcile(State(state): State<AppState>) -> Redirect {
    state.reconcile(Extent::Whole);
    Redirect::to("/reconcile")
}

/// How far the reconciliation has come that runs, or why the last one failed.
#[derive(Debug, Template)]
#[template(path = "progress.html")]
struct Running {
    w: Words,
    here: String,
    status: Status,
    started: String,
}

async fn progress(
    State(state): State<AppState>,
    uri: Uri,
    Query(ask): Query<Ask>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (lang, status) = (ask.lang(&headers), state.job.status());
    if !status.running && status.error.is_none() {
        return Ok(Redirect::to("/").into_response());
    }
    let started = status.started.as_deref().unwrap_or_default().replace('T', " ").chars().take(19).collect();
    page(&Running { w: Words(lang), here: other_language(&uri, lang), status, started }, lang)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_link_keeps_what_was_asked() {
        let of = |uri: &str, lang| other_language(&uri.parse().unwrap(), lang);
        assert_eq!(of("/", Lang::Zh), "/?lang=en");
        assert_eq!(of("/?region=1504&lang=zh&page=3", Lang::Zh), "/?region=1504&page=3&lang=en");
        assert_eq!(of("/classes/c1?lang=en", Lang::En), "/classes/c1?lang=zh");
    }
}
