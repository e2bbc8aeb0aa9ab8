//! A device without an agent: it enrols, makes logs, bends them, and sends what it likes.

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use muster_hours::schedule::Assignment;
use muster_seal::key::{DeviceKey, Signer};
use muster_seal::merkle::sha256;
use muster_seal::record::{Body, Card, Open, Present, Stamp, Way};
use muster_seal::second::{self, SecondError, SecondKey};
use muster_seal::session::{SessionLog, origin};
use muster_wire::assignment::Assignments;
use muster_wire::auth;
use muster_wire::enrol::{EnrolRequest, EnrolResponse, Sm2Enrolment, proof_message, proof_message_sm2};

use crate::bureau::Bureau;

/// A device made by hand.
#[derive(Debug)]
pub struct Forger {
    /// Its key.
    pub key: DeviceKey,
    /// Its SM2 key, where it has one.
    pub second: Option<SecondKey>,
    /// What enrolment gave.
    pub me: EnrolResponse,
    server: String,
    agent: ureq::Agent,
}

/// A status and a body.
pub type Answer = (u16, serde_json::Value);

/// An SM2 key made from a seed.
///
/// # Errors
/// When this was built without SM2.
pub fn sm2_key(seed: u8) -> Result<SecondKey> {
    Ok(SecondKey::from_pkcs8(&second::document::<SecondError>(|| Ok([seed; 32]))?)?)
}

impl Forger {
    /// Enrols a key made from a seed at a site.
    ///
    /// # Errors
    /// When the bureau refuses.
    pub fn enrol(bureau: &Bureau, site: &str, seed: u8) -> Result<Self> {
        Self::enrol_with(bureau, seed, &["enrol-code", "--site", site])
    }

    /// Enrols a key made from a seed with the code that a command of the bureau gives.
    ///
    /// # Errors
    /// When the bureau refuses.
    pub fn enrol_with(bureau: &Bureau, seed: u8, command: &[&str]) -> Result<Self> {
        Self::enrol_keys(bureau, seed, None, command)
    }

    /// Enrols an SM2 key made from a seed beside it.
    ///
    /// # Errors
    /// When the bureau refuses.
    pub fn enrol_keys(bureau: &Bureau, seed: u8, sm2: Option<u8>, command: &[&str]) -> Result<Self> {
        let key = DeviceKey::from_seed([seed; 32]);
        let second = sm2.map(sm2_key).transpose()?;
        let code = bureau.cli(command)?.trim().to_owned();
        let public = key.public().to_base64();
        let sm2 = second.as_ref().map(|second| second.public().to_base64());
        let message = match &sm2 {
            Some(sm2) => proof_message_sm2(&code, &public, sm2).into_bytes(),
            None => proof_message(&code, &public),
        };
        let proof = STANDARD.encode(key.sign(&message));
        let text = String::from_utf8(message)?;
        let sm2 = sm2.zip(second.as_ref()).map(|(key, second)| Sm2Enrolment { key, proof: second.sign(&text) });
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = EnrolRequest { code, key: public, proof, sm2 };
        let mut answer = agent.post(format!("{}{}", bureau.devices, muster_wire::ENROL)).send_json(&request)?;
        let said = answer.body_mut().read_to_string()?;
        ensure!(answer.status() == 200, "{said}");
        let me = serde_json::from_str(&said)?;
        Ok(Self { key, second, me, server: bureau.devices.clone(), agent })
    }

    /// Sends a signed request.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn call(&self, method: &str, path: &str, body: &[u8]) -> Result<Answer> {
        self.call_as(&self.me.device, method, path, body)
    }

    /// Sends a request signed with this key under any device's name.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn call_as(&self, device: &str, method: &str, path: &str, body: &[u8]) -> Result<Answer> {
        let time = crate::story::now_ms().to_string();
        let signature = auth::sign(&self.key, device, &time, method, path, body);
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server))
            .header(auth::DEVICE, device)
            .header(auth::TIME, time)
            .header(auth::SIGNATURE, signature);
        let mut answer = if method == "GET" {
            self.agent.run(request.body(())?)?
        } else {
            self.agent.run(request.body(body.to_vec())?)?
        };
        let status = answer.status().as_u16();
        let text = answer.body_mut().read_to_string()?;
        Ok((status, serde_json::from_str(&text).unwrap_or(serde_json::Value::Null)))
    }

    /// Sends a body with no device's signature.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn plain(&self, path: &str, body: &[u8]) -> Result<(u16, String)> {
        let mut answer =
            self.agent.post(format!("{}{path}", self.server)).content_type("application/json").send(body)?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
    }

    /// What may be held at the site.
    ///
    /// # Errors
    /// When the bureau refuses.
    pub fn assignments(&self) -> Result<Assignments> {
        let (_, body) = self.call("GET", &muster_wire::assignments(&self.me.device), b"")?;
        Ok(serde_json::from_value(body)?)
    }

    /// A whole log under the first assignment: everybody comes with a card at the first lesson and goes after the last.
    /// The records' times are the schedule's.
    ///
    /// # Errors
    /// When there is no assignment.
    pub fn log(&self, counter: u64, prev: &str) -> Result<SessionLog> {
        let beacon = self.assignments()?.beacon;
        self.log_with(counter, prev, beacon)
    }

    /// The same for a first session that holds no beacon.
    ///
    /// # Errors
    /// When there is no assignment.
    pub fn log_without_beacon(&self, counter: u64) -> Result<SessionLog> {
        self.log_with(counter, "", String::new())
    }

    fn log_with(&self, counter: u64, prev: &str, beacon: String) -> Result<SessionLog> {
        let sent = self.assignments()?;
        let assigned = sent.sessions.first().context("no session is assigned")?;
        let plan = Assignment::parse(assigned.document.as_bytes())?;
        let a = &plan.assignment;
        let mut log = SessionLog::default();
        let mut up_ms = 1_000;
        let mut add = |log: &mut SessionLog, wall: i64, body: Body| -> Result<u64> {
            up_ms += 1;
            let salt = sha256(&[counter as u8, up_ms as u8, (up_ms >> 8) as u8])[..16].try_into()?;
            let stamp = Stamp { wall: crate::story::rfc3339(wall), boot: "0".repeat(32), up_ms, salt };
            log.append(stamp, body)?;
            Ok(log.edge().size() - 1)
        };
        let start = plan.times.first().context("no lessons")?.0;
        let open = Open {
            device: self.me.device.clone(),
            key: self.key.public().id(),
            counter,
            prev: prev.to_owned(),
            site: a.site.clone(),
            class: a.class.clone(),
            session: a.session.clone(),
            assignment: hex::encode(sha256(assigned.document.as_bytes())),
            agent: "forger/1".to_owned(),
            policy: a.policy.version.clone(),
            beacon,
            ..Open::default()
        };
        add(&mut log, start, Body::Open(Box::new(open)))?;
        for way in [Way::In, Way::Out] {
            for trainee in &a.trainees {
                let (trainee, reader) = (trainee.clone(), "door".to_owned());
                let card = Card { reader, trainee: trainee.clone(), layout: "resident".to_owned() };
                let tap = add(&mut log, start, Body::Card(card))?;
                add(&mut log, start, Body::Present(Present { trainee, way, level: 2, tap, face: None }))?;
            }
        }
        let close = Body::Close(log.closing("schedule"));
        add(&mut log, start, close)?;
        Ok(log)
    }

    /// The seal of a log under this device's origin.
    pub fn seal(&self, log: &SessionLog, counter: u64) -> String {
        let origin = origin(&self.me.domain, &self.me.device, counter);
        second::under(log.seal(&origin, &self.key), &origin, self.second.as_ref())
    }

    /// Sends a log's bytes and a seal; gives the answer to the seal, or to the bytes when they were refused.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn send(&self, counter: u64, log: &[u8], seal: &str) -> Result<Answer> {
        let answer = self.call("PUT", &muster_wire::log(&self.me.device, counter, 0), log)?;
        if answer.0 != 200 {
            return Ok(answer);
        }
        self.call("POST", &muster_wire::seal(&self.me.device, counter), seal.as_bytes())
    }
}
