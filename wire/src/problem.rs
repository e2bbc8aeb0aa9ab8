//! Refusals that both ends know by name, as `application/problem+json` (RFC 9457).

use serde::{Deserialize, Serialize};

/// The media type.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A refusal.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Its name, for programs: see [`Kind`].
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The HTTP status.
    pub status: u16,
    /// What to tell a person, in Chinese.
    pub title: String,
    /// What to tell a person, in English.
    pub title_en: String,
    /// What exactly is wrong: file, line, field, and what to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// With [`Kind::Offset`], the byte to go on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// With [`Kind::NotAuthentic`] for a request whose time is off: the bureau's time, ms since 1970-01-01T00:00Z. A device
    /// whose clock is wrong signs again with this; its records keep its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now_ms: Option<i64>,
    /// With [`Kind::Unavailable`]: what was sent is on the bureau's disk, and a quorum of witnesses alone is missing. What
    /// follows may be sent meanwhile; the receipt is asked for again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
}

/// The names of refusals.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The request is not of the right form.
    BadRequest,
    /// The enrolment code is unknown, used or too old.
    BadCode,
    /// The device is unknown, or its signature is wrong.
    NotAuthentic,
    /// The device was revoked.
    Revoked,
    /// There is no such thing.
    NotFound,
    /// The server holds another number of bytes: go on from there. Not a fault.
    Offset,
    /// What was sent is not the log that was sent before.
    Fork,
    /// The log, its seal or its chain does not hold; sending it again will not help.
    BadLog,
    /// Too large.
    TooLarge,
    /// The file does not hold; nothing of it was taken.
    BadImport,
    /// The server cannot now; try again later.
    Unavailable,
}

impl Kind {
    /// Does it take a person to mend this? All else may be mended while the device waits, so it asks again.
    pub fn is_final(self) -> bool {
        matches!(self, Self::BadLog | Self::Fork | Self::Revoked)
    }
}
