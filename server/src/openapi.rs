//! The OpenAPI document, made from the handlers themselves.

use utoipa::OpenApi;

use crate::api;
use crate::rules::run::{ClassResult, Finding, Report};

#[derive(OpenApi)]
#[openapi(
    info(title = "Muster 真学时", description = "Devices speak to the first listener, officials to the second."),
    paths(
        api::enrol::enrol,
        api::assignment::assignments,
        api::upload::state,
        api::upload::log,
        api::upload::seal,
        api::contact::contact,
        api::contact::rotate,
        api::witness::add_checkpoint,
        api::import::file,
        api::import::table,
        api::claims::list,
        api::findings::list,
        api::findings::reconcile,
        api::findings::progress,
        api::dispositions::list,
        api::dispositions::decide,
        api::bundles::bundle,
        api::conduct::findings,
        api::conduct::pools,
        api::conduct::decided,
        api::conduct::decide,
    ),
    components(schemas(Report, ClassResult, Finding))
)]
struct Document;

/// The document.
pub fn document() -> serde_json::Value {
    serde_json::to_value(Document::openapi()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_route_of_the_api_is_documented() {
        let router = include_str!("router.rs");
        let document = super::document();
        let routes = router.lines().filter_map(|l| l.trim().strip_prefix(".route(\"")?.split_once('"').map(|(p, _)| p));
        let mut seen = 0;
        for route in routes.filter(|r| r.starts_with("/v1") || r.starts_with("/api/v1") || r.starts_with("/bundles")) {
            assert!(document["paths"][route].is_object(), "{route} is not in the OpenAPI document");
            seen += 1;
        }
        assert!(seen >= 9);
    }
}
