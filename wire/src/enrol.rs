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
    /// Signature over [`proof_message`], or over [`proof_message_sm2`] where there is an SM2 key, too; in base64.
    pub proof: String,
    /// The SM2 key of a device whose deployment has the profile `sm2-sm3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sm2: Option<Sm2Enrolment>,
}

/// An SM2 key that is to be enrolled.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Sm2Enrolment {
    /// The 65 bytes of the point in base64.
    pub key: String,
    /// Signature by it over [`proof_message_sm2`], DER in base64.
    pub proof: String,
}

/// The SM2 half of a rotation. The signatures are over [`muster_seal::second::rotate_message`], DER in base64.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Sm2Rotation {
    /// The 65 bytes of the new point in base64.
    pub key: String,
    /// By the SM2 key before, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_old: Option<String>,
    /// By the new SM2 key.
    pub by_new: String,
}

/// What a device sends to sign with another key from a counter on. Both signatures are over
/// [`muster_seal::central::RotateLeaf::message`], in base64.
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
    /// The SM2 key that goes with it, where the deployment has the profile `sm2-sm3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sm2: Option<Sm2Rotation>,
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

/// What both keys of a device sign to show that it holds the two.
pub fn proof_message_sm2(code: &str, key: &str, sm2: &str) -> String {
    format!("muster-enrol/v2\n{code}\n{key}\n{sm2}\n")
}
