//! Cells of the kinds that the newer files have: words from a list, ranges, and cells that may be empty.

use std::ops::RangeInclusive;

use super::cells::Row;

/// A word of a list: as the tables have it, and as an official writes it.
pub type Word = (&'static str, &'static str);

impl Row<'_> {
    /// A cell that may be empty, read by another reader where it is not.
    pub fn optional<T>(&mut self, column: &'static str, read: impl FnOnce(&mut Self, &'static str) -> T) -> Option<T> {
        (!self.maybe(column).is_empty()).then(|| read(self, column))
    }

    /// One of a list of words, in either language.
    pub fn word(&mut self, column: &'static str, words: &[Word]) -> &'static str {
        let text = self.text(column).to_lowercase();
        match words.iter().find(|(word, zh)| *word == text || *zh == text) {
            Some((word, _)) => word,
            None => {
                if !text.is_empty() {
                    let all: Vec<String> = words.iter().map(|(word, zh)| format!("{word} {zh}")).collect();
                    self.wrong(column, format!("none of {}", all.join(", ")));
                }
                ""
            }
        }
    }

    /// A whole number within a range.
    pub fn whole(&mut self, column: &'static str, range: &RangeInclusive<i64>) -> i64 {
        let text = self.text(column);
        match text.parse().ok().filter(|n| range.contains(n)) {
            Some(n) => n,
            None => {
                if !text.is_empty() {
                    self.wrong(column, format!("not a whole number from {} to {}", range.start(), range.end()));
                }
                0
            }
        }
    }

    /// Yes or no, said.
    pub fn truth(&mut self, column: &'static str) -> bool {
        !self.text(column).is_empty() && self.yes(column)
    }

    /// A few words that are shown: no line breaks, at most 200 characters.
    pub fn short(&mut self, column: &'static str) -> String {
        let text = self.text(column);
        if text.chars().count() > 200 || text.chars().any(char::is_control) {
            self.wrong(column, "more than 200 characters, or a line break");
        }
        text
    }
}
