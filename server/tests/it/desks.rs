//! Two desks over one store: what is found about officials is seen at one of them alone, and neither key opens the other's door.

use base64::{Engine, engine::general_purpose::STANDARD};
use muster_server::app::{AppState, Passwords};
use muster_server::router;
use muster_server::rules::run::{Finding, Report, Run};
use muster_server::store::{Store, findings};
use serde_json::{Value, json};
use tempfile::TempDir;

const CLAIMS: &str = "the claims desk's";
const CONDUCT: &str = "the conduct desk's";
const ABOUT_OFFICIAL: &str = "paid-over-finding/c1/o1";

fn finding(rule: &str, family: &str, about: &str, subject: &str) -> Finding {
    let words = json!({ "title": format!("title of {rule}"), "explanation": "e", "innocent": "i", "next": "n" });
    serde_json::from_value(json!({
        "finding": format!("{rule}/c1/{subject}"), "rule": rule, "grade": "certain", "family": family, "suspect": false,
        "class": "c1", "institution": "i1", "region": "150422", "trainee": "", "about": about, "subject": subject,
        "cells": 1, "at_risk_fen": 0, "exposure_fen": 700, "zh": words, "en": words, "basis": "b", "lessons": [],
        "proofs": [],
    }))
    .unwrap()
}

struct Served {
    url: String,
    _dir: TempDir,
    _runtime: tokio::runtime::Runtime,
}

fn serve(passwords: Passwords) -> Served {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Some("muster.example")).unwrap();
    store
        .write(|tx| {
            let sql = "INSERT INTO decision (kind, subject, official, unit, role, action, at_ms)
                       VALUES ('claim', 'c1', 'o1', 'the-only-office', 'review', 'approve', 1)";
            tx.execute(sql, [])?;
            Ok::<_, muster_server::store::StoreError>(())
        })
        .unwrap();
    let (official, class) = (
        finding("paid-over-finding", "conduct", "official", "o1"),
        finding("class-too-large", "paper", "institution", "i1"),
    );
    let untestable = [("reviewer-affinity".to_owned(), vec!["dispositions".to_owned()])].into();
    let run = Run { rules_sha256: "0".repeat(64), untestable, ..Run::default() };
    let report = Report { run, classes: Vec::new(), findings: vec![official, class], trainees: Vec::new() };
    findings::put(&store, report, &findings::Scope::Whole).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let bureau = router::bureau(AppState::new(store, passwords));
    runtime.spawn(async move { axum::serve(listener, bureau).await });
    Served { url, _dir: dir, _runtime: runtime }
}

fn both() -> Served {
    serve(Passwords { claims: Some(CLAIMS.into()), conduct: Some(CONDUCT.into()) })
}

impl Served {
    fn ask(&self, path: &str, password: &str, decide: Option<&str>) -> (u16, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let key = format!("Basic {}", STANDARD.encode(format!("somebody:{password}")));
        let url = format!("{}{path}", self.url);
        let answer = match decide {
            None => agent.get(url).header("authorization", key).call(),
            Some(finding) => agent.post(url).header("authorization", key).send_json(json!({
                "finding": finding, "decision": "investigate", "by": "o9", "reason": "the order of the papers",
            })),
        };
        let mut answer = answer.unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap_or_default())
    }

    fn get(&self, path: &str, password: &str) -> (u16, String) {
        self.ask(path, password, None)
    }
}

#[test]
fn neither_password_opens_the_other_desk() {
    let served = both();
    let claims =
        ["/", "/api/v1/claims", "/api/v1/findings", "/api/v1/dispositions", "/export/findings.csv", "/classes/c1"];
    let proof = format!("/conduct/proof?finding={ABOUT_OFFICIAL}");
    let conduct = [
        "/conduct",
        proof.as_str(),
        "/conduct/proof.tar",
        "/conduct/sessions/d1/1",
        "/conduct/bundles/d1-1.tar",
        "/conduct/export/findings.csv",
        "/conduct/export/pools.xlsx",
        "/api/v1/conduct/findings",
        "/api/v1/conduct/pools",
        "/api/v1/conduct/dispositions",
    ];
    for path in claims {
        assert_eq!(served.get(path, CONDUCT).0, 401, "{path}");
        assert_ne!(served.get(path, CLAIMS).0, 401, "{path}");
    }
    for path in conduct {
        assert_eq!(served.get(path, CLAIMS).0, 401, "{path}");
        assert_eq!(served.get(path, "").0, 401, "{path}");
        assert_ne!(served.get(path, CONDUCT).0, 401, "{path}");
    }
    assert_eq!(served.get("/assets/muster.css", "").0, 200);
}

#[test]
fn the_claims_desk_never_sees_what_is_found_about_officials() {
    let served = both();
    for path in ["/", "/api/v1/findings?desk=conduct", "/export/findings.csv?desk=conduct", "/?rule=paid-over-finding"]
    {
        let (status, text) = served.get(path, CLAIMS);
        assert_eq!(status, 200, "{path}");
        for word in [ABOUT_OFFICIAL, "title of paid-over-finding", "reviewer-affinity"] {
            assert!(!text.contains(word), "{path} says {word}");
        }
    }
    assert!(served.get("/api/v1/findings", CLAIMS).1.contains("class-too-large/c1/i1"));
    for path in ["/proof", "/proof.tar"] {
        assert_eq!(served.get(&format!("{path}?finding={ABOUT_OFFICIAL}"), CLAIMS).0, 404);
        assert_eq!(served.get(&format!("{path}?finding=class-too-large/c1/i1"), CLAIMS).0, 200);
    }
    assert_eq!(served.get("/export/pools.csv", CLAIMS).0, 404);
    // It does not learn by a decision whether there is such a finding, and sees none that was made.
    assert_eq!(served.ask("/api/v1/dispositions", CLAIMS, Some(ABOUT_OFFICIAL)).0, 404);
    assert_eq!(served.ask("/api/v1/conduct/dispositions", CONDUCT, Some(ABOUT_OFFICIAL)).0, 200);
    assert_eq!(served.get("/api/v1/dispositions", CLAIMS).1, "[]");
    assert_eq!(served.ask("/api/v1/conduct/dispositions", CONDUCT, Some("class-too-large/c1/i1")).0, 404);
}

#[test]
fn the_conduct_desk_has_its_page_its_api_and_its_files() {
    let served = both();
    let (status, page) = served.get("/conduct?lang=en", CONDUCT);
    assert_eq!(status, 200);
    for part in ["title of paid-over-finding", "judges nobody", "the-only-office", "rotate them", "reviewer-affinity"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("guilty") && !page.contains("class-too-large") && !page.contains("href=\"/classes/"));
    let (_, zh) = served.get("/conduct?lang=zh", CONDUCT);
    assert!(zh.contains("建议轮岗") && zh.contains("不作任何认定"));
    let found: Value = serde_json::from_str(&served.get("/api/v1/conduct/findings", CONDUCT).1).unwrap();
    assert_eq!((found[0]["finding"].as_str(), found[1].is_null()), (Some(ABOUT_OFFICIAL), true));
    let pools: Value = serde_json::from_str(&served.get("/api/v1/conduct/pools", CONDUCT).1).unwrap();
    assert_eq!((pools[0]["unit"].as_str(), pools[0]["rotate"].as_bool()), (Some("the-only-office"), Some(true)));
    let (_, csv) = served.get("/conduct/export/findings.csv", CONDUCT);
    assert!(csv.contains(ABOUT_OFFICIAL) && !csv.contains("class-too-large"));
    assert!(served.get("/conduct/export/pools.csv", CONDUCT).1.contains("the-only-office"));
    assert!(served.get("/conduct/export/findings.xlsx", CONDUCT).0 == 200);
    assert_eq!(served.get("/conduct/export/claims.csv", CONDUCT).0, 404);
    assert_eq!(served.get(&format!("/conduct/proof?finding={ABOUT_OFFICIAL}"), CONDUCT).0, 200);
}

#[test]
fn without_a_password_of_its_own_the_conduct_desk_is_closed() {
    let served = serve(Passwords { claims: None, conduct: None });
    assert_eq!(served.get("/", "").0, 200);
    for path in ["/conduct", "/api/v1/conduct/findings", "/conduct/export/findings.csv"] {
        let (status, says) = served.get(path, "anything at all");
        assert!(status == 403 && says.contains("conduct_password_file"), "{path}: {status} {says}");
    }
}

#[test]
fn a_reconciliation_is_begun_followed_and_waited_for() {
    let served = both();
    let post = |path: &str| {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
        let key = format!("Basic {}", STANDARD.encode(format!("somebody:{CLAIMS}")));
        let mut answer = agent.post(format!("{}{path}", served.url)).header("authorization", key).send_empty().unwrap();
        let at = answer.headers().get("location").map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        (answer.status().as_u16(), at, answer.body_mut().read_to_string().unwrap())
    };
    let status = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(status(&served.get("/api/v1/reconcile", CLAIMS).1)["job"], 0);
    assert_eq!(served.get("/api/v1/reconcile", CONDUCT).0, 401);
    let (code, at, first) = post("/api/v1/reconcile");
    assert_eq!((code, at.as_str(), status(&first)["running"].as_bool()), (202, "/api/v1/reconcile", Some(true)));
    // The page's button gives the job that runs, or the next; whoever waits gets the report, without what is about officials.
    let (code, at, _) = post("/reconcile");
    assert_eq!((code, at.as_str()), (303, "/reconcile"));
    let (code, _, report) = post("/api/v1/reconcile?wait=1");
    let report = status(&report);
    assert_eq!((code, report["findings"].as_array().unwrap().len()), (200, 0));
    assert!(report["run"]["run"].as_i64().unwrap() > 1 && !report.to_string().contains("reviewer-affinity"));
    let ended = status(&served.get("/api/v1/reconcile", CLAIMS).1);
    assert_eq!((ended["running"].as_bool(), ended["error"].is_null()), (Some(false), true));
    assert!(ended["started"].is_string() && ended["finished"].is_string());
}
