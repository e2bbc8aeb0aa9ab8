//! How a request is signed: the device's key over method, path with query, body hash and time. Seals bind the evidence
//! itself; this binds who may fetch a roster and who may fill the server's disk.

use base64::{Engine, engine::general_purpose::STANDARD};
use muster_seal::key::{PublicKey, Signer};
use muster_seal::merkle::sha256;

/// The header with the device's id.
pub const DEVICE: &str = "muster-device";
/// The header with the device's time, milliseconds since 1970-01-01T00:00Z.
pub const TIME: &str = "muster-time";
/// The header with the signature, in base64.
pub const SIGNATURE: &str = "muster-signature";

fn message(device: &str, time: &str, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    format!("muster-request/v1\n{device}\n{time}\n{method}\n{path}\n{}\n", hex::encode(sha256(body))).into_bytes()
}

/// Signs a request; `path` is with its query. What comes back goes into [`SIGNATURE`].
pub fn sign(key: &impl Signer, device: &str, time: &str, method: &str, path: &str, body: &[u8]) -> String {
    STANDARD.encode(key.sign(&message(device, time, method, path, body)))
}

/// Does the signature hold?
pub fn verify(
    key: &PublicKey,
    signature: &str,
    device: &str,
    time: &str,
    method: &str,
    path: &str,
    body: &[u8],
) -> bool {
    let signature = STANDARD.decode(signature);
    signature.is_ok_and(|signature| key.verify(&message(device, time, method, path, body), &signature))
}
