//! Times as they are written: one form to the byte, of a day that exists, in an offset that clocks have. No leap seconds: the
//! second is 59 at most.
//!
//! ```text
//! record   YYYY-MM-DDThh:mm:ss.mmm+hh:mm
//! lesson   YYYY-MM-DDThh:mm:ss+hh:mm
//! ```
//!
//! The year is 0001 to 9998, so that the instant has a year of four digits in every offset; the offset is -12:00 to +14:00,
//! and never `-00:00` or `Z`.

/// The latest time that a witness's cosignature may bear, in seconds since 1970: the last of the year 9998.
pub const MAX_S: u64 = 253_370_764_799;

/// Milliseconds since 1970-01-01T00:00Z of a record's time, `2026-03-02T08:00:00.000+08:00`; `None` when it is none.
pub fn record_ms(text: &str) -> Option<i64> {
    let (seconds, rest) = (text.get(..19)?, text.get(19..)?);
    let fraction = rest.strip_prefix('.')?.get(..3)?;
    Some(seconds_at(seconds, rest.get(4..)?)? * 1000 + digits(fraction.as_bytes())?)
}

/// Milliseconds since 1970-01-01T00:00Z of a lesson's time, `2026-03-02T08:00:00+08:00`; `None` when it is none.
pub fn lesson_ms(text: &str) -> Option<i64> {
    Some(seconds_at(text.get(..19)?, text.get(19..)?)? * 1000)
}

/// Seconds since 1970 of `YYYY-MM-DDThh:mm:ss` in `+hh:mm`.
fn seconds_at(local: &str, offset: &str) -> Option<i64> {
    let (b, o) = (local.as_bytes(), offset.as_bytes());
    let marks = [b[4], b[7], b[10], b[13], b[16]] == *b"--T::" && o.len() == 6 && o[3] == b':';
    if !marks {
        return None;
    }
    let (year, month, day) = (digits(&b[..4])?, digits(&b[5..7])?, digits(&b[8..10])?);
    let (hour, minute, second) = (digits(&b[11..13])?, digits(&b[14..16])?, digits(&b[17..])?);
    let east = digits(&o[1..3])? * 60 + digits(&o[4..])?;
    let east = match o[0] {
        b'+' if east <= 14 * 60 => east,
        b'-' if (1..=12 * 60).contains(&east) => -east,
        _ => return None,
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    let real = (1..=9998).contains(&year) && (1..=last).contains(&day) && hour < 24 && minute < 60 && second < 60;
    if !real || digits(&o[4..])? > 59 {
        return None;
    }
    Some((days(year, month, day) * 24 + hour) * 3600 + (minute - east) * 60 + second)
}

/// Days from 1970-01-01 in the Gregorian calendar, counted from March, so that a leap day is a year's last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468
}

/// A number of digits alone.
fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_counted_from_1970() {
        for (text, ms) in [
            ("1970-01-01T00:00:00+00:00", 0),
            ("1970-01-01T08:00:01+08:00", 1000),
            ("1969-12-31T12:00:00-12:00", 0),
            ("2000-02-29T23:59:59+00:00", 951_868_799_000),
            ("2026-03-02T08:00:00+08:00", 1_772_409_600_000),
            ("9998-12-31T23:59:59+00:00", MAX_S as i64 * 1000),
            ("0001-01-01T00:00:00+00:00", -62_135_596_800_000),
        ] {
            assert_eq!(lesson_ms(text), Some(ms), "{text}");
        }
        assert_eq!(record_ms("1970-01-01T00:00:00.001+00:00"), Some(1));
        assert_eq!(record_ms("1969-12-31T23:59:59.999+00:00"), Some(-1));
    }

    #[test]
    fn there_is_one_way_to_write_a_time() {
        for text in [
            "",
            "2026-03-02T08:00:00",
            "2026-03-02T08:00:00Z",
            "2026-03-02t08:00:00+08:00",
            "2026-03-02 08:00:00+08:00",
            "2026-03-02T08:00:00.000+08:00",
            "2026-03-02T08:00:00+0800",
            "2026-03-02T08:00:00+08:00[Asia/Shanghai]",
            "2026-03-02T08:00:00\u{2212}08:00",
            "2026-03-02T08:00:0\u{ff10}+08:00",
            "2026-02-30T08:00:00+08:00",
            "2025-02-29T08:00:00+08:00",
            "1900-02-29T08:00:00+08:00",
            "2026-13-01T08:00:00+08:00",
            "2026-00-01T08:00:00+08:00",
            "2026-03-00T08:00:00+08:00",
            "2026-03-02T24:00:00+08:00",
            "2026-03-02T08:60:00+08:00",
            "2026-03-02T08:00:60+08:00",
            "2026-03-02T08:00:00+99:99",
            "2026-03-02T08:00:00+24:30",
            "2026-03-02T08:00:00+14:01",
            "2026-03-02T08:00:00+07:60",
            "2026-03-02T08:00:00-12:01",
            "2026-03-02T08:00:00-00:00",
            "0000-03-02T08:00:00+08:00",
            "9999-03-02T08:00:00+08:00",
        ] {
            assert_eq!(lesson_ms(text), None, "{text}");
        }
        for text in ["2026-03-02T08:00:00+08:00", "2026-03-02T08:00:00.00+08:00", "2026-03-02T08:00:00.0000+08:00"] {
            assert_eq!(record_ms(text), None, "{text}");
        }
        for text in ["2026-03-02T08:00:00+14:00", "2026-03-02T08:00:00-12:00", "2026-03-02T08:00:00+05:45"] {
            assert!(lesson_ms(text).is_some(), "{text}");
        }
    }
}
