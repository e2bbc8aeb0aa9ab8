//! A CSV as a table of named columns: encoding, header, and the values that cells can hold.

use std::collections::BTreeMap;

use muster_hours::schedule::{lesson_time, time_ms};
use muster_seal::record::is_id;
use muster_seal::time::lesson_ms;

use super::RowError;

/// A column: its name, its Chinese name, and whether a file may lack it.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// As the documentation has it.
    pub name: &'static str,
    /// As an official writes it.
    pub zh: &'static str,
    /// May the file lack it?
    pub optional: bool,
}

/// A file, read: one map from column to cell for each row, with its line.
#[derive(Debug)]
pub struct Table {
    /// Line and cells.
    pub rows: Vec<(u64, BTreeMap<&'static str, String>)>,
}

/// The longest cell: nothing that belongs into these files is longer. A template of 512 floats is 2,732 characters.
const MAX_CELL: usize = 8192;

impl Table {
    /// Reads a file: UTF-8 with or without BOM, or GB 18030.
    ///
    /// # Errors
    /// All that is wrong with its form.
    pub fn read(bytes: &[u8], columns: &[Column]) -> Result<Self, Vec<RowError>> {
        let one = |line, column, what: &str| vec![RowError { line, column, what: what.to_owned() }];
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(e) => {
                let (text, _, wrong) = encoding_rs::GB18030.decode(bytes);
                if wrong {
                    let line = bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count() as u64 + 1;
                    return Err(one(line, "", "neither UTF-8 nor GB 18030: save the file as CSV UTF-8"));
                }
                text.into_owned()
            }
        };
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
        let header = reader.headers().map_err(|e| one(1, "", &csv_error(&e)))?.clone();
        let mut order = Vec::new();
        let mut errors = Vec::new();
        let mut wrong = |line, column, what: String| errors.push(RowError { line, column, what });
        for name in &header {
            match columns.iter().find(|c| c.name == name || c.zh == name) {
                Some(column) if order.contains(&Some(column.name)) => {
                    wrong(1, column.name, "the column stands there twice".to_owned())
                }
                Some(column) => order.push(Some(column.name)),
                None => {
                    let known: Vec<String> = columns.iter().map(|c| format!("{} {}", c.name, c.zh)).collect();
                    wrong(
                        1,
                        "",
                        format!("column {} is not known: this file has {}", order.len() + 1, known.join(", ")),
                    );
                    order.push(None);
                }
            }
        }
        for column in columns.iter().filter(|c| !c.optional && !order.contains(&Some(c.name))) {
            wrong(1, column.name, format!("the column {} {} is missing", column.name, column.zh));
        }
        let mut rows = Vec::new();
        for record in reader.records() {
            match record {
                Ok(record) => {
                    let line = record.position().map_or(0, csv::Position::line);
                    // Excel writes a row of commas for each row that was ever touched.
                    if record.iter().all(str::is_empty) {
                        continue;
                    }
                    if record.len() != header.len() {
                        let what = format!("the line has {} cells and the header {}", record.len(), header.len());
                        wrong(line, "", what);
                        continue;
                    }
                    let cells = order.iter().zip(&record).filter_map(|(name, cell)| Some(((*name)?, cell.to_owned())));
                    let cells: BTreeMap<_, _> = cells.collect();
                    if let Some((column, _)) = cells.iter().find(|(_, cell)| cell.len() > MAX_CELL) {
                        wrong(line, column, "the cell is too long".to_owned());
                    }
                    rows.push((line, cells));
                }
                Err(e) => wrong(e.position().map_or(0, csv::Position::line), "", csv_error(&e)),
            }
        }
        if errors.is_empty() { Ok(Self { rows }) } else { Err(errors) }
    }
}

/// What the reader says, without what stands in the file.
fn csv_error(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "not UTF-8".to_owned(),
        _ => "not CSV".to_owned(),
    }
}

/// One row's cells, and what was wrong with those that were asked for.
#[derive(Debug)]
pub struct Row<'a> {
    line: u64,
    cells: &'a BTreeMap<&'static str, String>,
    errors: &'a mut Vec<RowError>,
    /// Was anything wrong with this row?
    pub bad: bool,
}

impl<'a> Row<'a> {
    /// One row.
    pub fn new(line: u64, cells: &'a BTreeMap<&'static str, String>, errors: &'a mut Vec<RowError>) -> Self {
        Self { line, cells, errors, bad: false }
    }

    /// Says what is wrong.
    pub fn wrong(&mut self, column: &'static str, what: impl Into<String>) {
        self.bad = true;
        self.errors.push(RowError { line: self.line, column, what: what.into() });
    }

    /// Where the row stands.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Text, which may be empty.
    pub fn maybe(&self, column: &'static str) -> String {
        self.cells.get(column).cloned().unwrap_or_default()
    }

    /// Text that may not be empty.
    pub fn text(&mut self, column: &'static str) -> String {
        let text = self.maybe(column);
        if text.is_empty() {
            self.wrong(column, "the cell is empty");
        }
        text
    }

    /// An id.
    pub fn id(&mut self, column: &'static str) -> String {
        let text = self.text(column);
        if !text.is_empty() && !is_id(&text) {
            self.wrong(column, "not an id: 1 to 64 letters, digits, hyphens, underscores or dots");
        }
        text
    }

    /// A GB/T 2260 code: 2, 4 or 6 digits.
    pub fn region(&mut self, column: &'static str) -> String {
        let text = self.text(column);
        if !matches!(text.len(), 2 | 4 | 6) || !text.bytes().all(|b| b.is_ascii_digit()) {
            self.wrong(column, "not a GB/T 2260 code of 2, 4 or 6 digits");
        }
        text
    }

    /// Yes or no; empty is no.
    pub fn yes(&mut self, column: &'static str) -> bool {
        match self.maybe(column).to_lowercase().as_str() {
            "yes" | "y" | "1" | "true" | "是" => true,
            "" | "no" | "n" | "0" | "false" | "否" => false,
            _ => {
                self.wrong(column, "neither yes 是 nor no 否");
                false
            }
        }
    }

    /// A time: RFC 3339 with any offset; or as Excel shows it, `2026/3/2 8:00[:ss]` or `2026-03-02 08:00`, taken as +08:00.
    /// Gives it in the one form that assignments have, which has whole seconds, and in milliseconds. One in that form is kept as
    /// it is; another is rounded, as Excel's are off by a thousandth, and put at +08:00.
    pub fn time(&mut self, column: &'static str) -> (String, i64) {
        let text = self.text(column);
        let full = match local_time(&text) {
            Some((_, None)) => {
                self.wrong(
                    column,
                    "a day without a time of day: write 2026-03-02 08:00, or format the cells to show the time",
                );
                return (text, 0);
            }
            Some((day, Some(clock))) => format!("{day}T{clock}+08:00"),
            None => text.clone(),
        };
        if let Some(ms) = lesson_ms(&full) {
            return (full, ms);
        }
        let rounded = time_ms(&full).map(|ms| (ms + 500).div_euclid(1000) * 1000);
        match rounded.and_then(|ms| Some((lesson_time(ms)?, ms))) {
            Some(time) => time,
            None => {
                if !text.is_empty() {
                    self.wrong(column, "no time that exists: write 2026-03-02 08:00 or 2026-03-02T08:00:00+08:00");
                }
                (full, 0)
            }
        }
    }

    /// A whole number of 0 or more.
    pub fn number(&mut self, column: &'static str) -> u32 {
        let text = self.text(column);
        text.parse().unwrap_or_else(|_| {
            if !text.is_empty() {
                self.wrong(column, "not a whole number of 0 or more");
            }
            0
        })
    }

    /// Yuan with at most two decimals, as fen.
    pub fn fen(&mut self, column: &'static str) -> i64 {
        let text = self.text(column).replace(',', "");
        let text = text.trim_start_matches(['¥', '￥']);
        let (yuan, rest) = text.split_once('.').unwrap_or((text, ""));
        let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
        let value = (digits(yuan) && !yuan.is_empty() && yuan.len() <= 12 && digits(rest) && rest.len() <= 2)
            .then(|| format!("{yuan}{rest:0<2}").parse::<i64>().ok())
            .flatten();
        value.unwrap_or_else(|| {
            if !text.is_empty() {
                self.wrong(column, "no amount in yuan with at most two decimals");
            }
            0
        })
    }

    /// A citizen number with its check digit (GB 11643, ISO 7064 MOD 11-2), or the 15-character number of a foreigner's
    /// card of 2017.
    pub fn id_number(&mut self, column: &'static str) -> String {
        let text = self.text(column).to_ascii_uppercase();
        let good = match text.len() {
            18 => check_digit(&text) == text.chars().last(),
            15 => {
                text.bytes().take(3).all(|b| b.is_ascii_uppercase()) && text.bytes().skip(3).all(|b| b.is_ascii_digit())
            }
            _ => false,
        };
        if !good && !text.is_empty() {
            self.wrong(
                column,
                "no citizen number: 18 characters with a right check digit (is the cell formatted as text?)",
            );
        }
        text
    }
}

/// A day and time of day without an offset, written out in full; `None` when the text is something else. One-digit parts
/// are Excel's; whether the day exists is for the caller.
fn local_time(text: &str) -> Option<(String, Option<String>)> {
    let text = text.replace('/', "-");
    let (day, clock) = match text.split_once([' ', 'T']) {
        Some((day, clock)) => (day, Some(clock.trim())),
        None => (text.as_str(), None),
    };
    let digits = |part: &str, most: usize| {
        ((1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())).then(|| format!("{part:0>2}"))
    };
    let [year, month, date] = day.split('-').collect::<Vec<_>>()[..] else { return None };
    let day = format!("{}-{}-{}", digits(year, 4).filter(|y| y.len() == 4)?, digits(month, 2)?, digits(date, 2)?);
    let Some(clock) = clock else { return Some((day, None)) };
    let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(clock, rest)| (clock, Some(rest)));
    let fraction = match fraction {
        Some(rest) => format!(".{}", Some(rest).filter(|r| digits(r, 9).is_some())?),
        None => String::new(),
    };
    let parts: Option<Vec<String>> = clock.split(':').map(|part| digits(part, 2)).collect();
    let clock = match &parts?[..] {
        [hour, minute] if fraction.is_empty() => format!("{hour}:{minute}:00"),
        [hour, minute, second] => format!("{hour}:{minute}:{second}{fraction}"),
        _ => return None,
    };
    Some((day, Some(clock)))
}

/// The check digit of the first 17 digits.
fn check_digit(number: &str) -> Option<char> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let mut sum = 0;
    for (c, weight) in number.chars().zip(WEIGHTS) {
        sum += c.to_digit(10)? * weight;
    }
    "10X98765432".chars().nth((sum % 11) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, i64), String> {
        let cells = BTreeMap::from([("start", text.to_owned())]);
        let mut errors = Vec::new();
        let time = Row::new(2, &cells, &mut errors).time("start");
        match errors.pop() {
            None => Ok(time),
            Some(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn times_as_excel_shows_them_and_no_offset_is_rewritten() {
        let eight = 1_772_409_600_000;
        for text in
            ["2026/3/2 8:00", "2026-3-2 8:00:00", "2026/03/02 08:00", "2026-03-02T08:00:00", "2026-03-02 08:00:00.0"]
        {
            assert_eq!(read(text).map(|t| t.1), Ok(eight), "{text}");
        }
        assert_eq!(read("2026/3/2 8:05").unwrap().0, "2026-03-02T08:05:00+08:00");
        for (text, ms) in
            [("2026-03-02T08:00:00+09:00", eight - 3_600_000), ("2026-03-02T00:00:00-05:00", eight + 5 * 3_600_000)]
        {
            assert_eq!(read(text), Ok((text.to_owned(), ms)));
        }
        // What is no assignment's form is put into it, at whole seconds.
        for (text, want) in [
            ("2026-03-02T00:00:00Z", "2026-03-02T08:00:00+08:00"),
            ("2026-03-02t08:00:00.000+08:00", "2026-03-02T08:00:00+08:00"),
            ("2026-03-02T07:59:59.999+08:00", "2026-03-02T08:00:00+08:00"),
            ("2026-03-02 08:00:00.4", "2026-03-02T08:00:00+08:00"),
        ] {
            assert_eq!(read(text), Ok((want.to_owned(), eight)), "{text}");
        }
        for day in ["2026-03-02", "2026/3/2"] {
            assert!(read(day).unwrap_err().contains("a day without a time of day"), "{day}");
        }
        for text in [
            "2026-02-30 08:00",
            "2026/13/1 8:00",
            "2026-03-02 25:00",
            "26/3/2 8:00",
            "7:59",
            "2026-03-02 8",
            "2026-03-02 08:00:00 +08",
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains("no time that exists") && !said.contains(text), "{said}");
        }
    }

    #[test]
    fn rows_of_commas_are_nobody_s() {
        const A: Column = Column { name: "a", zh: "甲", optional: false };
        const B: Column = Column { name: "b", zh: "乙", optional: false };
        let table = Table::read(b"a,b\n1,2\n,\n , \n,,,,\n3,4\n,\n\n", &[A, B]).unwrap();
        assert_eq!(
            table.rows.iter().map(|(line, cells)| (*line, cells["b"].as_str())).collect::<Vec<_>>(),
            [(2, "2"), (6, "4")]
        );
        let said = Table::read(b"a,b\n1,2,3\n", &[A, B]).unwrap_err();
        assert_eq!(said[0].to_string(), "line 2: the line has 3 cells and the header 2");
    }
}
