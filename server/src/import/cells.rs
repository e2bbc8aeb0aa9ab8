//! A CSV as a table of named columns: encoding, header, and the values that cells can hold.

use std::collections::BTreeMap;

use muster_hours::schedule::time_ms;
use muster_seal::record::is_id;

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
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
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
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("the line has {len} cells and the header {expected_len}")
        }
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

    /// A time: RFC 3339, or `2026-03-02 08:00[:ss]` taken as +08:00. Gives it as RFC 3339 and in milliseconds.
    pub fn time(&mut self, column: &'static str) -> (String, i64) {
        let text = self.text(column);
        let local = text.replace('/', "-").parse::<jiff::civil::DateTime>().ok();
        let full = match local {
            Some(time) if !text.contains('+') && !text.ends_with('Z') => {
                time.strftime("%Y-%m-%dT%H:%M:%S%.f+08:00").to_string()
            }
            _ => text.clone(),
        };
        match time_ms(&full) {
            Some(ms) => (full, ms),
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

/// The check digit of the first 17 digits.
fn check_digit(number: &str) -> Option<char> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let mut sum = 0;
    for (c, weight) in number.chars().zip(WEIGHTS) {
        sum += c.to_digit(10)? * weight;
    }
    "10X98765432".chars().nth((sum % 11) as usize)
}
