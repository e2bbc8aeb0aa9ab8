//! The way up: reads the store, never the session's memory. Resumable, idempotent, patient.
//!
//! One round fetches assignments and the newest beacon, then brings each unsent session as far as it goes: bytes from the
//! offset that the bureau holds, the newest seal over them, and for the final seal the receipt, which is verified before it
//! is kept. A refusal that repeating cannot mend is kept for a person to see; everything else is tried again.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use muster_seal::key::{DeviceKey, Signer};
use muster_seal::proof::Receipt;
use muster_wire::assignment::Assignments;
use muster_wire::auth;
use muster_wire::enrol::{EnrolRequest, EnrolResponse, proof_message};
use muster_wire::problem::{Kind, Problem};
use muster_wire::upload::{MAX_CHUNK, SessionState};
use thiserror::Error;

use crate::identity::Identity;
use crate::store::outbox::Unsent;
use crate::store::{Store, StoreError};

/// Why a round ended early.
#[derive(Debug, Error)]
pub enum SyncError {
    /// No answer: offline, or the bureau is down. Not worth a word each time.
    #[error("the bureau does not answer: {0}")]
    Offline(String),
    /// The bureau refused.
    #[error("{} {}: {}", .0.title, .0.title_en, .0.detail)]
    Refused(Box<Problem>),
    /// An answer that is none of this protocol's.
    #[error("the bureau's answer cannot be understood: {0}")]
    Answer(String),
    /// A receipt that does not verify under the key that was enrolled.
    #[error("the bureau's receipt for session {0} does not hold")]
    Receipt(u64),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Talks to the bureau for one device.
pub struct Client {
    agent: ureq::Agent,
    server: String,
    key: DeviceKey,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the bureau at an address.
    pub fn new(server: &str, key: DeviceKey) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Self { agent: config.into(), server: server.trim_end_matches('/').to_owned(), key }
    }

    /// Asks to be enrolled with a one-time code.
    ///
    /// # Errors
    /// [`SyncError`].
    pub fn enrol(&self, code: &str) -> Result<EnrolResponse, SyncError> {
        let key = self.key.public().to_base64();
        let proof = STANDARD.encode(self.key.sign(&proof_message(code, &key)));
        let request = EnrolRequest { code: code.to_owned(), key, proof };
        let body = serde_json::to_vec(&request).map_err(|e| SyncError::Answer(e.to_string()))?;
        let sent = self
            .agent
            .post(format!("{}{}", self.server, muster_wire::ENROL))
            .content_type("application/json")
            .send(&body);
        read(sent)
    }

    fn call<T: serde::de::DeserializeOwned>(
        &self,
        me: &Identity,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Result<T, SyncError> {
        let time = jiff::Timestamp::now().as_millisecond().to_string();
        let signature = auth::sign(&self.key, &me.device, &time, method, path, body);
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server))
            .header(auth::DEVICE, &me.device)
            .header(auth::TIME, time)
            .header(auth::SIGNATURE, signature);
        if method == "GET" {
            let request = request.body(()).map_err(|e| SyncError::Answer(e.to_string()))?;
            read(self.agent.run(request))
        } else {
            let request = request.body(body.to_vec()).map_err(|e| SyncError::Answer(e.to_string()))?;
            read(self.agent.run(request))
        }
    }

    /// One round.
    ///
    /// # Errors
    /// [`SyncError`]; what was done stays done.
    pub fn round(&self, me: &Identity, store: &mut Store) -> Result<(), SyncError> {
        let sent: Assignments = self.call(me, "GET", &muster_wire::assignments(&me.device), b"")?;
        store.put_assignments(&sent, Some(&me.log_key))?;
        for session in store.unsent()? {
            match self.push(me, store, &session) {
                Err(SyncError::Refused(problem)) if problem.kind.is_final() => {
                    // Later sessions hang on this one by the chain: they wait too.
                    tracing::error!(counter = session.counter, kind = ?problem.kind, "the bureau will not take a session");
                    store.put_refused(
                        session.counter,
                        &format!("{} {}: {}", problem.title, problem.title_en, problem.detail),
                    )?;
                    return Err(SyncError::Refused(problem));
                }
                done => done?,
            }
        }
        Ok(())
    }

    fn push(&self, me: &Identity, store: &Store, session: &Unsent) -> Result<(), SyncError> {
        let counter = session.counter;
        let mut log: Vec<u8> = Vec::new();
        for line in store.lines(counter)?.into_iter().take(session.sealed as usize) {
            log.extend_from_slice(&line);
            log.push(b'\n');
        }
        if session.sealed == 0 {
            return Ok(());
        }
        let mut from = session.sent as usize;
        while from < log.len() {
            let end = log.len().min(from + MAX_CHUNK);
            let path = muster_wire::log(&me.device, counter, from as u64);
            from = match self.call::<SessionState>(me, "PUT", &path, &log[from..end]) {
                Ok(_) => end,
                Err(SyncError::Refused(p)) if p.kind == Kind::Offset && p.bytes.is_some_and(|b| b < from as u64) => {
                    p.bytes.unwrap_or(0) as usize
                }
                Err(e) => return Err(e),
            };
            store.put_progress(counter, from as u64, session.witnessed)?;
        }
        if session.witnessed >= session.sealed && !session.is_final {
            return Ok(());
        }
        let path = muster_wire::seal(&me.device, counter);
        let state: SessionState = match self.call(me, "POST", &path, session.seal.as_bytes()) {
            // The bureau lost what it had not witnessed: begin again.
            Err(SyncError::Refused(p)) if p.kind == Kind::Offset => {
                return Ok(store.put_progress(counter, p.bytes.unwrap_or(0), 0)?);
            }
            other => other?,
        };
        store.put_progress(counter, from as u64, session.sealed)?;
        if let Some(receipt) = state.receipt.filter(|_| session.is_final) {
            self.check_receipt(me, session, &receipt)?;
            store.put_receipt(counter, &receipt)?;
        }
        Ok(store.put_beacon(&state.beacon, &me.log_key)?)
    }

    /// The receipt's leaf holds the time of receipt, which only the bureau knows: so the proof is checked for its form and
    /// its signature here, and in full by the auditor, whose bundle has the leaf.
    fn check_receipt(&self, me: &Identity, session: &Unsent, receipt: &str) -> Result<(), SyncError> {
        let bad = || SyncError::Receipt(session.counter);
        let receipt = Receipt::parse(receipt.as_bytes()).map_err(|_| bad())?;
        muster_seal::checkpoint::Checkpoint::open(receipt.checkpoint.as_bytes(), &me.log_key).map_err(|_| bad())?;
        Ok(())
    }
}

fn read<T: serde::de::DeserializeOwned>(
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<T, SyncError> {
    let mut answer = answer.map_err(|e| SyncError::Offline(e.to_string()))?;
    let status = answer.status();
    let body = answer.body_mut().with_config().limit(64 * 1024 * 1024).read_to_vec();
    let body = body.map_err(|e| SyncError::Offline(e.to_string()))?;
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|e| SyncError::Answer(e.to_string()));
    }
    match serde_json::from_slice(&body) {
        Ok(problem) => Err(SyncError::Refused(problem)),
        // A proxy or a portal answers: as good as no answer.
        Err(_) => Err(SyncError::Offline(format!("status {status}"))),
    }
}

/// What the sync thread tells the agent after each round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Did the bureau answer?
    pub online: bool,
    /// What is wrong, for a person; empty when nothing is.
    pub trouble: String,
}

/// Runs rounds until the other end of `wake` is gone. `wake` makes the next round start at once.
pub fn run(
    client: &Client,
    me: &Identity,
    mut store: Store,
    every: Duration,
    longest: Duration,
    wake: &Receiver<()>,
    report: &Sender<Report>,
) {
    let shortest = Duration::from_secs(1).min(longest);
    let mut pause = shortest;
    loop {
        let (online, trouble) = match client.round(me, &mut store) {
            Ok(()) => (true, String::new()),
            Err(SyncError::Offline(_)) => (false, String::new()),
            Err(e) => (true, e.to_string()),
        };
        let good = online && trouble.is_empty();
        let wait = if good { every } else { jitter(pause) };
        pause = if good { shortest } else { (pause * 2).min(longest) };
        if report.send(Report { online, trouble }).is_err() {
            return;
        }
        match wake.recv_timeout(wait) {
            Err(RecvTimeoutError::Disconnected) => return,
            // While offline a wake does not shorten the pause: a storm of taps must not become a storm of calls.
            Ok(()) if !good => std::thread::sleep(shortest),
            _ => while wake.try_recv().is_ok() {},
        }
    }
}

/// Between half and the whole of a pause, so that a hundred sites do not come back in one second.
fn jitter(pause: Duration) -> Duration {
    use ring::rand::{SecureRandom, SystemRandom};
    let mut byte = [128];
    let _ = SystemRandom::new().fill(&mut byte);
    pause / 2 + pause * u32::from(byte[0]) / 512
}
