//! The tables' columns, and rows as plain values. `server/rules/TABLES.md` says the same to an analyst; a test compares.
//!
//! Whole numbers, text and truth values alone: no floats, so that every engine gives the same rows. Times are
//! milliseconds since 1970-01-01T00:00Z, money is fen, scores are per mille.

mod derived;
mod import;
mod logs;
mod store;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;

use Type::{Bool, Int, Key, Text};

pub use derived::*;
pub use import::*;
pub use logs::*;
pub use store::*;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Val {
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
    /// True or false.
    Bool(bool),
    /// Nothing.
    Null,
}

impl From<i64> for Val {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl From<u64> for Val {
    fn from(n: u64) -> Self {
        Self::Int(n as i64)
    }
}

impl From<bool> for Val {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<&str> for Val {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Val {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Self>> From<Option<T>> for Val {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row: one value for each column, in order.
pub type Row = Vec<Val>;

/// A row's text at a place; empty when there is none.
pub fn text(row: &Row, i: usize) -> &str {
    if let Some(Val::Text(text)) = row.get(i) { text } else { "" }
}

/// A row's whole number at a place; 0 when there is none.
pub fn int(row: &Row, i: usize) -> i64 {
    if let Some(Val::Int(n)) = row.get(i) { *n } else { 0 }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A whole number.
    Int,
    /// Text.
    Text,
    /// Text: in an imported file an identity, in the table its hash under the server's key.
    Key,
    /// True or false.
    Bool,
}

/// Where a table's rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Verified logs: Parquet, with `region` and `month` by its folders, too.
    Logs,
    /// The store: imports of their own kind, the central log, decisions.
    Store,
    /// Imports of the table as it is.
    Import,
    /// Each run.
    Derived,
}

/// A table: its name and columns. Every column may hold nothing.
#[derive(Debug)]
pub struct Table {
    /// Its name in SQL.
    pub name: &'static str,
    /// Its columns.
    pub columns: &'static [(&'static str, Type)],
    /// Where its rows come from.
    pub source: Source,
}

/// All tables.
pub static ALL: [&Table; 39] = [
    &LESSONS,
    &PRESENCE,
    &TAPS,
    &FACES,
    &MANUALS,
    &INSTRUCTORS,
    &FAULTS,
    &CLOCKS,
    &SESSIONS,
    &CLASSES,
    &CLAIMS,
    &ROSTER,
    &TEACHERS,
    &SCHEDULE,
    &CALENDAR,
    &DEVICES,
    &CONTACTS,
    &BRACKETS,
    &GAPS,
    &FORKS,
    &RUN,
    &DISPOSITIONS,
    &FOUND,
    &PROGRAMMES,
    &SITES,
    &ROOMS,
    &LICENCES,
    &PAYMENTS,
    &REGISTERS,
    &PERMITS,
    &INSPECTIONS,
    &POSITIONS,
    &OWNERS,
    &DECLARED,
    &DUTIES,
    &HOURS_OF_WORK,
    &CLAIMED_CELLS,
    &JOURNEYS,
    &NULLS,
];

impl Table {
    /// Its schema.
    pub fn schema(&self) -> SchemaRef {
        let fields = self.columns.iter().map(|(name, kind)| {
            let kind = match kind {
                Int => DataType::Int64,
                Text | Key => DataType::Utf8,
                Bool => DataType::Boolean,
            };
            Field::new(*name, kind, true)
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Rows as a record batch. A value of another type than its column's counts as nothing.
    ///
    /// # Errors
    /// [`ArrowError`] when the rows do not have the table's width.
    pub fn batch(&self, rows: &[Row]) -> Result<RecordBatch, ArrowError> {
        if rows.iter().any(|row| row.len() != self.columns.len()) {
            return Err(ArrowError::InvalidArgumentError(format!("a row of {} has another width", self.name)));
        }
        let columns = self.columns.iter().enumerate().map(|(i, (_, kind))| -> ArrayRef {
            let column = rows.iter().map(|row| &row[i]);
            match kind {
                Int => {
                    Arc::new(column.map(|v| if let Val::Int(n) = v { Some(*n) } else { None }).collect::<Int64Array>())
                }
                Bool => Arc::new(
                    column.map(|v| if let Val::Bool(b) = v { Some(*b) } else { None }).collect::<BooleanArray>(),
                ),
                Text | Key => Arc::new(
                    column.map(|v| if let Val::Text(t) = v { Some(t.as_str()) } else { None }).collect::<StringArray>(),
                ),
            }
        });
        RecordBatch::try_new(self.schema(), columns.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_analysts_document_names_the_same_columns() {
        let text = include_str!("../../rules/TABLES.md");
        for table in ALL {
            let heading = format!("\n## {}\n", table.name);
            let at = text.find(&heading).unwrap_or_else(|| panic!("{} is not documented", table.name)) + heading.len();
            let section = text[at..].split("\n## ").next().and_then(|s| s.split("\n# ").next()).unwrap();
            let named: Vec<&str> =
                section.lines().filter_map(|l| l.strip_prefix("| `")?.split_once('`').map(|(name, _)| name)).collect();
            let columns: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
            assert_eq!(named, columns, "{}", table.name);
        }
    }
}
