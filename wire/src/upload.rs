//! A log's way up: bytes from an offset, then a seal, then a receipt.

use serde::{Deserialize, Serialize};

/// The most bytes of a log in one request.
pub const MAX_CHUNK: usize = 1024 * 1024;
/// The most bytes of a whole log: a class of fifty for ten hours with a face for every tap is below 1 MiB.
pub const MAX_LOG: u64 = 64 * 1024 * 1024;

/// Where a session stands at the server.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionState {
    /// How many bytes of the log the server holds on disk: the next `from`.
    pub bytes: u64,
    /// How many records the newest seal covers that the server has witnessed.
    pub sealed: u64,
    /// The receipt, a `tlog-proof`, once the final seal was accepted and a quorum of witnesses stands for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// The central log's leaf that the receipt is for, as it stands there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// The newest central checkpoint that a quorum stands for, a signed note: the next beacon.
    pub beacon: String,
}
