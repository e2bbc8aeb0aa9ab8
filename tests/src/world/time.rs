//! China's calendar: one zone, eight hours ahead. Milliseconds since 1970-01-01T00:00Z and days since 1970-01-01.

/// A minute in milliseconds.
pub const MINUTE: i64 = 60_000;
/// An hour.
pub const HOUR: i64 = 60 * MINUTE;
/// A day.
pub const DAY: i64 = 24 * HOUR;
const ZONE: i64 = 8 * HOUR;

/// The first millisecond of a day in China.
pub fn midnight(day: i64) -> i64 {
    day * DAY - ZONE
}

/// The day in China of a moment.
pub fn day_of(ms: i64) -> i64 {
    (ms + ZONE).div_euclid(DAY)
}

/// 1 Monday to 7 Sunday.
pub fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7) + 1
}

/// Days since 1970-01-01 of a date; by Howard Hinnant's `days_from_civil`.
pub fn day(year: i64, month: i64, date: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + date - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and date of a day.
pub fn date(day: i64) -> (i64, i64, i64) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z - era * 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let mp = (5 * of_year + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, of_year - (153 * mp + 2) / 5 + 1)
}

/// RFC 3339 with milliseconds and China's offset, as records have it.
pub fn rfc3339(ms: i64) -> String {
    let day = day_of(ms);
    let (y, m, d) = date(day);
    let rest = ms - midnight(day);
    let two = |n: i64| [b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8];
    let mut out = *b"0000-00-00T00:00:00.000+08:00";
    out[..2].copy_from_slice(&two(y / 100));
    out[2..4].copy_from_slice(&two(y % 100));
    for (at, n) in [(5, m), (8, d), (11, rest / HOUR), (14, rest / MINUTE % 60), (17, rest / 1000 % 60)] {
        out[at..at + 2].copy_from_slice(&two(n));
    }
    out[20] = b'0' + (rest / 100 % 10) as u8;
    out[21..23].copy_from_slice(&two(rest % 100));
    String::from_utf8_lossy(&out).into_owned()
}

/// As an assignment says it: whole seconds.
pub fn to_the_second(ms: i64) -> String {
    let text = rfc3339(ms);
    format!("{}+08:00", &text[..19])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_those_of_the_calendar() {
        for ms in [0, 1_772_409_600_123, 1_709_164_799_999, 1_709_164_800_000, -86_400_001, 4_102_444_800_000] {
            let text = rfc3339(ms);
            let back: jiff::Timestamp = text.parse().unwrap();
            assert_eq!(back.as_millisecond(), ms, "{text}");
            let (y, m, d) = date(day_of(ms));
            assert_eq!(day(y, m, d), day_of(ms));
        }
        assert_eq!((weekday(0), weekday(day(2025, 3, 3)), weekday(day(2025, 3, 9))), (4, 1, 7));
        assert_eq!(midnight(day(2026, 3, 2)) + 8 * HOUR, 1_772_409_600_000);
    }
}
