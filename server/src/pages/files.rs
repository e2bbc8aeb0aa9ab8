//! What the pages hand out as files: sheets, a finding's proof, the notes of a fork, the auditor's page, style and mark.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};

use super::sheets::{self, What};
use super::{Ask, Words, device, export, missing};
use crate::api::findings::Filter;
use crate::app::AppState;
use crate::central;
use crate::desk::Desk;
use crate::error::ApiError;
use crate::proof;
use crate::rules;
use crate::store::Store;

fn attached(kind: &str, name: &str, bytes: impl IntoResponse) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)], bytes).into_response()
}

/// One of the two notes of a fork, byte for byte, to give to somebody who does not trust this page.
pub async fn fork_note(
    State(state): State<AppState>,
    uri: Uri,
    Path((device, fork, side)): Path<(String, String, String)>,
    Query(ask): Query<Ask>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let name = format!("fork-{fork}-{side}.txt");
    let note = move |conn: &rusqlite::Connection| device::note(conn, &device, &fork, &side);
    match state.blocking(move |store| Ok(store.read(note)?)).await? {
        Some(text) => Ok(attached("text/plain; charset=utf-8", &name, text)),
        None => missing(&uri, ask.lang(&headers)),
    }
}

/// All that proves a finding.
pub async fn proof(
    State(state): State<AppState>,
    Extension(desk): Extension<Desk>,
    uri: Uri,
    Query(ask): Query<Ask>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (lang, part) = (ask.lang(&headers), ask.part.parse().unwrap_or(1));
    let made = state.blocking(move |store: &Store| {
        let policy = central::witness::policy(store)?;
        Ok(store.read(|conn| {
            let Some(proved) = proof::find(conn, &ask.finding, desk)? else { return Ok(None) };
            let bytes = proof::tar(conn, policy.as_ref(), &proved, part)?;
            Ok::<_, crate::store::StoreError>(bytes.map(|bytes| (proved.file_name(part), bytes)))
        })?)
    });
    match made.await? {
        Some((name, bytes)) => Ok(attached("application/x-tar", &name, bytes)),
        None => missing(&uri, lang),
    }
}

/// A sheet as CSV or XLSX.
pub async fn sheet(
    State(state): State<AppState>,
    Extension(desk): Extension<Desk>,
    uri: Uri,
    Path(file): Path<String>,
    Query(ask): Query<Ask>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let lang = ask.lang(&headers);
    let (name, ending) = file.rsplit_once('.').unwrap_or_default();
    let filter = Filter { desk, ..filter };
    let (Some(what), true) = (What::parse(name, &filter), ["csv", "xlsx"].contains(&ending)) else {
        return missing(&uri, lang);
    };
    let csv = ending == "csv";
    let bytes = state.blocking(move |store| {
        let w = Words(lang);
        let sheet = match what {
            What::Cells => sheets::cells(&rules::cells::of_class(store, &filter.class)?, &filter.class, w),
            What::Pools => {
                let least = rules::conduct(store.dir()).least;
                store.read(|conn| sheets::pools(conn, least, w))?
            }
            What::Classes => store.read(|conn| sheets::classes(conn, &filter, w))?,
            What::Claims => store.read(|conn| sheets::claims(conn, &filter, w))?,
            What::Findings => store.read(|conn| sheets::findings(conn, &filter, w))?,
        };
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
    Ok(attached(kind, &file, bytes.await?))
}

/// The auditor's page: the file that also works from a USB stick, with the policy of its own that it carries.
pub async fn audit_page() -> impl IntoResponse {
    let policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
                  form-action 'none'; frame-ancestors 'none'";
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, policy)];
    (headers, include_str!("../../../audit/page/verify.html"))
}

/// The style of all pages.
pub async fn css() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../assets/muster.css"))
}

/// The mark of the pages.
pub async fn icon() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "image/svg+xml")], include_str!("../../assets/icon.svg"))
}
