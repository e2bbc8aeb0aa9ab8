//! Counters that nothing came for. Pure.
//!
//! A counter is used by a contact or by a log that is whole: in the central log, or waiting for an earlier one. A log that
//! still grows has not come yet: it fills no gap, and shows none.

/// A sign that a device used a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sign {
    /// Which.
    pub counter: i64,
    /// When it came, ms by the server's clock.
    pub came: Option<i64>,
    /// First and last record of a log, ms; `None` for a contact.
    pub log: Option<(i64, i64)>,
}

/// Counters between two signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The first that is missing.
    pub from: i64,
    /// The last.
    pub to: i64,
    /// Last record of the session before, ms.
    pub after: Option<i64>,
    /// First record of the session after, ms.
    pub before: Option<i64>,
    /// When the sign after came, ms.
    pub noticed: Option<i64>,
}

/// The gaps of one device, whose signs come by counter. Counters begin at 1.
pub fn gaps(signs: &[Sign]) -> Vec<Gap> {
    let (mut next, mut after) = (1, None);
    let mut found = Vec::new();
    for (i, sign) in signs.iter().enumerate() {
        if sign.counter > next {
            let before = signs[i..].iter().find_map(|sign| sign.log).map(|log| log.0);
            found.push(Gap { from: next, to: sign.counter - 1, after, before, noticed: sign.came });
        }
        next = sign.counter + 1;
        after = sign.log.map(|log| log.1).or(after);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(counter: i64) -> Sign {
        Sign { counter, came: Some(counter * 100 + 50), log: Some((counter * 100, counter * 100 + 40)) }
    }

    fn contact(counter: i64) -> Sign {
        Sign { log: None, ..log(counter) }
    }

    #[test]
    fn a_gap_lies_between_the_sessions_around_it_and_is_noticed_by_whatever_comes_next() {
        assert_eq!(gaps(&[]), []);
        assert_eq!(gaps(&[log(1), contact(2), log(3)]), []);
        let signs = [log(1), contact(2), contact(5), log(6), log(8)];
        let first = Gap { from: 3, to: 4, after: Some(140), before: Some(600), noticed: Some(550) };
        let second = Gap { from: 7, to: 7, after: Some(640), before: Some(800), noticed: Some(850) };
        assert_eq!(gaps(&signs), [first, second]);
        // Nothing before, nothing but contacts after.
        let alone = Gap { from: 1, to: 2, after: None, before: None, noticed: Some(350) };
        assert_eq!(gaps(&[contact(3)]), [alone]);
    }
}
