//! Numbers and times as officials read them.

/// Fen as yuan: `12,345.60`.
pub fn yuan(fen: i64) -> String {
    let (sign, fen) = if fen < 0 { ("-", -fen) } else { ("", fen) };
    let digits = (fen / 100).to_string();
    let mut grouped = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(c);
    }
    format!("{sign}{grouped}.{:02}", fen % 100)
}

/// A time in China: `2026-03-02 08:00:05`.
pub fn time(ms: i64) -> String {
    crate::clock::rfc3339(ms)[..19].replace('T', " ")
}

/// A day in China: `2026-03-02`.
pub fn date(ms: i64) -> String {
    crate::clock::rfc3339(ms)[..10].to_owned()
}

/// The same without its year: `03-02`.
pub fn short_date(ms: i64) -> String {
    crate::clock::rfc3339(ms)[5..10].to_owned()
}

/// The time of day in China: `08:00`, with seconds when asked.
pub fn clock(ms: i64, seconds: bool) -> String {
    crate::clock::rfc3339(ms)[11..if seconds { 19 } else { 16 }].to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn yuan_are_grouped() {
        assert_eq!(super::yuan(123_456_789), "1,234,567.89");
        assert_eq!(super::yuan(5), "0.05");
        assert_eq!(super::yuan(100_000), "1,000.00");
    }
}
