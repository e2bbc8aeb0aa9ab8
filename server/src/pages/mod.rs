//! The bureau's pages: query, view, template. They work without a script; Chinese first, `?lang=en` for English.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use crate::api::findings::Filter;
use crate::app::AppState;
use crate::central;
use crate::clock;
use crate::error::ApiError;
use crate::rules::{cells, reconcile};
use crate::store::Store;
use crate::text::Lang;

pub mod claim;
pub mod device;
pub mod drawn;
pub mod export;
pub mod format;
pub mod grid;
pub mod overview;
pub mod session;
pub mod timeline;

/// The routes.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(overview))
        .route("/classes/{class}", get(class))
        .route("/sessions/{device}/{counter}", get(one_session))
        .route("/devices/{device}", get(one_device))
        .route("/devices/{device}/forks/{fork}/{side}", get(fork_note))
        .route("/export/{file}", get(file))
        .route("/reconcile", post(reconcile))
        .route("/audit", get(audit_page))
        .route("/assets/muster.css", get(css))
        .route("/assets/icon.svg", get(icon))
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
}

fn missing(uri: &Uri, lang: Lang) -> Result<Response, ApiError> {
    let response = page(&Missing { w: Words(lang), here: other_language(uri, lang) }, lang)?;
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
    let view = state.blocking(move |store| Ok(store.read(|conn| overview::view(conn, asked, Words(lang)))?)).await?;
    page(&view, lang)
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
    uri: Uri,
    Path((device, counter)): Path<(String, String)>,
    Query(ask): Query<Ask>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let lang = ask.lang(&headers);
    let Some(counter) = counter.parse::<u64>().ok().filter(|n| i64::try_from(*n).is_ok()) else {
        return missing(&uri, lang);
    };
    let here = other_language(&uri, lang);
    let view = move |store: &Store| {
        let policy = central::witness::policy(store)?;
        Ok(store.read(|conn| session::view(conn, &device, counter, here, policy.as_ref(), Words(lang)))?)
    };
    let view = state.blocking(view).await?;
    view.map_or_else(|| missing(&uri, lang), |view| page(&view, lang))
}

/// The auditor's page: the file that also works from a USB stick, with the policy of its own that it carries.
async fn audit_page() -> impl IntoResponse {
    let policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
                  form-action 'none'; frame-ancestors 'none'";
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, policy)];
    (headers, include_str!("../../../audit/page/verify.html"))
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

/// One of the two notes of a fork, byte for byte, to give to somebody who does not trust this page.
async fn fork_note(
    State(state): State<AppState>,
    uri: Uri,
    Path((device, fork, side)): Path<(String, String, String)>,
    Query(ask): Query<Ask>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let name = format!("attachment; filename=\"fork-{fork}-{side}.txt\"");
    let note = move |conn: &rusqlite::Connection| device::note(conn, &device, &fork, &side);
    match state.blocking(move |store| Ok(store.read(note)?)).await? {
        Some(text) => {
            let kind = "text/plain; charset=utf-8".to_owned();
            Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], text).into_response())
        }
        None => missing(&uri, ask.lang(&headers)),
    }
}

async fn file(
    State(state): State<AppState>,
    uri: Uri,
    Path(file): Path<String>,
    Query(ask): Query<Ask>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let lang = ask.lang(&headers);
    let (name, kind) = file.rsplit_once('.').unwrap_or_default();
    let (Some(what), true) = (export::What::parse(name), ["csv", "xlsx"].contains(&kind)) else {
        return missing(&uri, lang);
    };
    let csv = kind == "csv";
    let bytes = state.blocking(move |store| {
        let sheet = store.read(|conn| export::sheet(conn, what, &filter, Words(lang)))?;
        if csv {
            export::csv(&sheet).map_err(ApiError::internal)
        } else {
            export::xlsx(&sheet).map_err(ApiError::internal)
        }
    });
    let kind = if csv {
        "text/csv; charset=utf-8"
    } else {
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    };
    let name = format!("attachment; filename=\"{file}\"");
    let headers = [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, bytes.await?).into_response())
}

async fn reconcile(State(state): State<AppState>) -> Result<Redirect, ApiError> {
    let _one = state.reconciling.lock().await;
    reconcile::reconcile(&state.store, &state.data_dir, &clock::now(), &reconcile::quiet)
        .await
        .map_err(ApiError::internal)?;
    Ok(Redirect::to("/"))
}

async fn css() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../assets/muster.css"))
}

async fn icon() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "image/svg+xml")], include_str!("../../assets/icon.svg"))
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
