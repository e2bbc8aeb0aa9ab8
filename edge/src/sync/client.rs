//! Requests to the bureau and what its answers mean. Each answer's `Date` is kept beside boot time.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use muster_seal::key::{DeviceKey, Signer};
use muster_seal::second::SecondKey;
use muster_seal::witness;
use muster_wire::assignment::Assignments;
use muster_wire::auth;
use muster_wire::enrol::{EnrolRequest, EnrolResponse, RotateRequest, Sm2Enrolment, proof_message, proof_message_sm2};
use muster_wire::problem::{Kind, Problem};
use muster_wire::upload::SessionState;
use serde::de::DeserializeOwned;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};

use super::SyncError;
use crate::clock::up_ms;
use crate::identity::Identity;

type Answer = Result<ureq::http::Response<ureq::Body>, ureq::Error>;

/// No answer has come yet.
const UNHEARD: i64 = i64::MIN;
/// The largest answer that is read: a roster with templates, many times over.
const MAX_ANSWER: u64 = 64 * 1024 * 1024;

/// What the bureau, as a witness, says of a growing seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Witnessed {
    /// It took it.
    Taken,
    /// It knows a seal of this size, and asks for the way from there.
    From(u64),
    /// The seal does not extend what it knows.
    Fork,
}

/// Talks to the bureau for one device.
pub struct Client {
    agent: ureq::Agent,
    server: String,
    key: DeviceKey,
    // The bureau's time minus boot time, by its newest answer.
    offset_ms: AtomicI64,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("server", &self.server).finish_non_exhaustive()
    }
}

/// The certificates of a file, to trust instead of the public ones.
fn roots(file: &Path) -> Result<RootCerts> {
    let pem = std::fs::read(file).with_context(|| format!("cannot read ca_file {}", file.display()))?;
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    for item in ureq::tls::parse_pem(&pem) {
        if let PemItem::Certificate(c) = item.with_context(|| format!("{} is no PEM file", file.display()))? {
            certificates.push(c);
        }
    }
    ensure!(!certificates.is_empty(), "{} holds no certificate", file.display());
    Ok(RootCerts::Specific(Arc::new(certificates)))
}

impl Client {
    /// A client of the bureau at an address, which trusts the certificates of `ca_file` where there is one.
    ///
    /// # Errors
    /// When the file holds no certificates.
    pub fn new(server: &str, key: DeviceKey, ca_file: Option<&Path>) -> Result<Self> {
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_global(Some(Duration::from_secs(30)));
        if let Some(file) = ca_file {
            config = config.tls_config(TlsConfig::builder().root_certs(roots(file)?).build());
        }
        let server = server.trim_end_matches('/').to_owned();
        Ok(Self { agent: config.build().into(), server, key, offset_ms: AtomicI64::new(UNHEARD) })
    }

    /// The bureau's time minus boot time in milliseconds, by its newest answer; `None` before the first.
    pub fn offset_ms(&self) -> Option<i64> {
        Some(self.offset_ms.load(Ordering::Relaxed)).filter(|offset| *offset != UNHEARD)
    }

    /// Asks to be enrolled with a one-time code, with an SM2 key beside the key where there is one.
    ///
    /// # Errors
    /// [`SyncError`].
    pub fn enrol(&self, code: &str, second: Option<&SecondKey>) -> Result<EnrolResponse, SyncError> {
        let key = self.key.public().to_base64();
        let (message, sm2) = match second {
            None => (proof_message(code, &key), None),
            Some(second) => {
                let sm2 = second.public().to_base64();
                let message = proof_message_sm2(code, &key, &sm2);
                let proof = second.sign(&message);
                (message.into_bytes(), Some(Sm2Enrolment { key: sm2, proof }))
            }
        };
        let proof = STANDARD.encode(self.key.sign(&message));
        let request = EnrolRequest { code: code.to_owned(), key, proof, sm2 };
        json(&self.post(muster_wire::ENROL, "application/json", &encode(&request)?)?)
    }

    /// Asks to sign with another key from a counter on. Safe to repeat.
    ///
    /// # Errors
    /// [`SyncError`].
    pub fn rotate(&self, device: &str, request: &RotateRequest) -> Result<(), SyncError> {
        self.post(&muster_wire::rotate(device), "application/json", &encode(request)?).map(drop)
    }

    /// What may be held, and how far the bureau knows this device.
    ///
    /// # Errors
    /// [`SyncError`].
    pub fn assignments(&self, me: &Identity) -> Result<Assignments, SyncError> {
        self.call(me, "GET", &muster_wire::assignments(&me.device), b"")
    }

    /// One request that the device signs. Where this machine's clock is wrong the bureau says so, and the request is signed
    /// again with the bureau's time; the records keep the machine's own.
    ///
    /// # Errors
    /// [`SyncError`].
    pub(super) fn call<T: DeserializeOwned>(
        &self,
        me: &Identity,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Result<T, SyncError> {
        match self.signed(me, method, path, body) {
            Err(SyncError::Refused(problem)) if problem.now_ms.is_some() => json(&self.signed(me, method, path, body)?),
            answer => json(&answer?),
        }
    }

    fn signed(&self, me: &Identity, method: &str, path: &str, body: &[u8]) -> Result<Vec<u8>, SyncError> {
        let bureaus = self.offset_ms().zip(up_ms().ok()).map(|(offset, up)| offset + up as i64);
        let time = bureaus.unwrap_or_else(|| jiff::Timestamp::now().as_millisecond()).to_string();
        let signature = auth::sign(&self.key, &me.device, &time, method, path, body);
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server))
            .header(auth::DEVICE, &me.device)
            .header(auth::TIME, time)
            .header(auth::SIGNATURE, signature);
        let bad = |e: ureq::http::Error| SyncError::Answer(e.to_string());
        let answer = if method == "GET" {
            self.agent.run(request.body(()).map_err(bad)?)
        } else {
            self.agent.run(request.body(body.to_vec()).map_err(bad)?)
        };
        self.good(answer)
    }

    /// Where a session stands at the bureau.
    ///
    /// # Errors
    /// [`SyncError`].
    pub(super) fn state(&self, me: &Identity, counter: u64) -> Result<SessionState, SyncError> {
        self.call(me, "GET", &muster_wire::session(&me.device, counter), b"")
    }

    /// Asks the bureau to witness a growing seal.
    ///
    /// # Errors
    /// [`SyncError`].
    pub(super) fn add_checkpoint(&self, request: &witness::Request) -> Result<Witnessed, SyncError> {
        let sent = self
            .agent
            .post(format!("{}/{}", self.server, witness::PATH))
            .content_type("text/plain; charset=utf-8")
            .send(request.text());
        let (status, kind, body) = self.read(sent)?;
        match status {
            200 => Ok(Witnessed::Taken),
            409 if kind.starts_with(witness::SIZE_TYPE) => witness::read_size(&body)
                .map(Witnessed::From)
                .ok_or_else(|| SyncError::Answer("a conflict without its size".to_owned())),
            409 | 422 => Ok(Witnessed::Fork),
            400 | 403 | 404 => {
                let says = String::from_utf8_lossy(&body);
                Err(SyncError::Answer(format!("the seal is not witnessed ({status}): {}", says.trim())))
            }
            _ => Err(SyncError::Offline(format!("status {status}"))),
        }
    }

    fn post(&self, path: &str, kind: &str, body: &[u8]) -> Result<Vec<u8>, SyncError> {
        self.good(self.agent.post(format!("{}{path}", self.server)).content_type(kind).send(body))
    }

    /// An answer's body; a refusal is an error.
    fn good(&self, answer: Answer) -> Result<Vec<u8>, SyncError> {
        let (status, _, body) = self.read(answer)?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) if problem.kind == Kind::Unavailable => {
                Err(SyncError::Unavailable { detail: problem.detail, kept: problem.kept })
            }
            Ok(problem) => Err(SyncError::Refused(Box::new(problem))),
            // A proxy or a portal answers: as good as no answer.
            Err(_) => Err(SyncError::Offline(format!("status {status}"))),
        }
    }

    /// Status, media type and body.
    fn read(&self, answer: Answer) -> Result<(u16, String, Vec<u8>), SyncError> {
        let offline = |e: ureq::Error| SyncError::Offline(e.to_string());
        let mut answer = answer.map_err(offline)?;
        let header = |name| answer.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if let (Some(date), Ok(up)) = (date_ms(header("date")), up_ms()) {
            self.offset_ms.store(date - up as i64, Ordering::Relaxed);
        }
        let (status, kind) = (answer.status().as_u16(), header("content-type").to_owned());
        let body = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().map_err(offline)?;
        Ok((status, kind, body))
    }
}

/// The time in a `Date` header, in milliseconds since 1970-01-01T00:00Z.
pub fn date_ms(header: &str) -> Option<i64> {
    Some(jiff::fmt::rfc2822::parse(header).ok()?.timestamp().as_millisecond())
}

fn encode(value: &impl serde::Serialize) -> Result<Vec<u8>, SyncError> {
    serde_json::to_vec(value).map_err(|e| SyncError::Answer(e.to_string()))
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, SyncError> {
    serde_json::from_slice(body).map_err(|e| SyncError::Answer(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_header_is_a_time() {
        assert_eq!(date_ms("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(date_ms("yesterday"), None);
    }

    #[test]
    fn a_ca_file_must_hold_a_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        let client = || Client::new("https://x", DeviceKey::from_seed([1; 32]), Some(&file));
        assert!(format!("{:#}", client().unwrap_err()).contains("cannot read ca_file"));
        std::fs::write(&file, "nothing").unwrap();
        assert!(client().unwrap_err().to_string().contains("holds no certificate"));
    }
}
