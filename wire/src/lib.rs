//! What the edge agent and the central service say to each other: types, paths, and how a request is signed. Nothing else.
//!
//! One session's way to the bureau, all of it safe to repeat:
//!
//! ```text
//! POST /v1/enrol                               a one-time code for a device id
//! GET  /v1/devices/D/assignments               sessions planned here, their people, the newest central checkpoint
//! GET  /v1/devices/D/sessions/C                how many bytes of log C the server holds, and the receipt if there is one
//! PUT  /v1/devices/D/sessions/C/log?from=N     more bytes of the log, from byte N on
//! POST /v1/devices/D/sessions/C/seal           a seal over what was sent; the final one is answered with a receipt
//! POST /v1/devices/D/contacts/C                heard of between two sessions: the device signs its beacon
//! POST /v1/devices/D/rotate                    another key from a counter on, signed by both
//! POST /add-checkpoint                         a growing seal, for the bureau to witness (`tlog-witness`)
//! ```
//!
//! All but enrolment, rotation and `add-checkpoint`, which carry signatures of their own, have the headers of [`auth`].

pub mod assignment;
pub mod auth;
pub mod enrol;
pub mod problem;
pub mod upload;

/// Where a device is enrolled.
pub const ENROL: &str = "/v1/enrol";

/// The path of a device's assignments.
pub fn assignments(device: &str) -> String {
    format!("/v1/devices/{device}/assignments")
}

/// The path of one session.
pub fn session(device: &str, counter: u64) -> String {
    format!("/v1/devices/{device}/sessions/{counter}")
}

/// The path and query to send log bytes to.
pub fn log(device: &str, counter: u64, from: u64) -> String {
    format!("{}/log?from={from}", session(device, counter))
}

/// The path to send a seal to.
pub fn seal(device: &str, counter: u64) -> String {
    format!("{}/seal", session(device, counter))
}

/// The path to send a contact to.
pub fn contact(device: &str, counter: u64) -> String {
    format!("/v1/devices/{device}/contacts/{counter}")
}

/// The path to send a rotation to.
pub fn rotate(device: &str) -> String {
    format!("/v1/devices/{device}/rotate")
}
