//! Enrolment: a one-time code for a device id, with proof that the device holds the key.

use serde::{Deserialize, Serialize};

/// What a new device sends.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// The one-time code, as the bureau gave it.
    pub code: String,
    /// The device's raw Ed25519 public key in base64.
    pub key: String,
    /// Signature over [`proof_message`], in base64.
    pub proof: String,
}

/// What a device sends to sign with another key from a counter on. Both signatures are over
/// [`muster_seal::central::rotate_message`], in base64.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RotateRequest {
    /// The last session counter that the key before signs.
    pub counter: u64,
    /// The new raw Ed25519 public key in base64.
    pub key: String,
    /// By the key before.
    pub by_old: String,
    /// By the new key.
    pub by_new: String,
}

/// What it gets.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrolResponse {
    /// Its id.
    pub device: String,
    /// The bureau's domain: seals have the origin `<domain>/d/<device>/s/<counter>`.
    pub domain: String,
    /// The central log's verifier key, in the form of `signed-note`.
    pub log_key: String,
    /// Its site.
    pub site: String,
    /// Its institution.
    pub institution: String,
}

/// What a device signs to show that it holds the key it asks to enrol.
pub fn proof_message(code: &str, key: &str) -> Vec<u8> {
    format!("muster-enrol/v1\n{code}\n{key}\n").into_bytes()
}
