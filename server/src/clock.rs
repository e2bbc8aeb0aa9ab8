//! The only clock of the server.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// The time now, milliseconds since 1970-01-01T00:00Z.
pub fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// The time now as RFC 3339 with milliseconds and the offset of China (GB/T 7408: +08:00, no summer time).
pub fn now() -> String {
    rfc3339(now_ms())
}

/// A time as RFC 3339 with milliseconds and +08:00.
pub fn rfc3339(ms: i64) -> String {
    let zone = TimeZone::fixed(Offset::constant(8));
    let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned_datetime(zone);
    time.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}
