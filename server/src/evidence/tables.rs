//! The tables' columns, and rows as plain values. `server/rules/TABLES.md` says the same to an analyst; a test compares.
//!
//! Whole numbers, text and truth values alone: no floats, so that every engine gives the same rows. Times are
//! milliseconds since 1970-01-01T00:00Z, money is fen, scores are per mille.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;

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

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A whole number.
    Int,
    /// Text.
    Text,
    /// True or false.
    Bool,
}

/// A table: its name and columns. Every column may hold nothing.
#[derive(Debug)]
pub struct Table {
    /// Its name in SQL.
    pub name: &'static str,
    /// Its columns.
    pub columns: &'static [(&'static str, Type)],
    /// Is it Parquet made from logs? Then it has `region` and `month` by its folders, too.
    pub from_logs: bool,
}

use Type::{Bool, Int, Text};

/// Trainee × lesson of a session that was logged.
pub static LESSONS: Table = Table {
    name: "lessons",
    from_logs: true,
    columns: &[
        ("class", Text),
        ("session", Text),
        ("device", Text),
        ("counter", Int),
        ("trainee", Text),
        ("lesson", Text),
        ("start", Int),
        ("end", Int),
        ("covered_s", Int),
        ("attested", Bool),
        ("assurance", Int),
        ("manual", Bool),
        ("shape", Text),
        ("reason", Text),
        ("seq_from", Int),
        ("seq_to", Int),
    ],
};

/// An interval during which a trainee was there, at any assurance.
pub static PRESENCE: Table = Table {
    name: "presence",
    from_logs: true,
    columns: &[
        ("class", Text),
        ("session", Text),
        ("device", Text),
        ("counter", Int),
        ("trainee", Text),
        ("from", Int),
        ("to", Int),
        ("closed_by", Text),
        ("assurance", Int),
        ("manual", Bool),
        ("seq_from", Int),
        ("seq_to", Int),
        ("spots_due", Int),
        ("spots_met", Int),
    ],
};

/// A card read.
pub static TAPS: Table = Table {
    name: "taps",
    from_logs: true,
    columns: &[
        ("class", Text),
        ("session", Text),
        ("device", Text),
        ("counter", Int),
        ("seq", Int),
        ("at", Int),
        ("up_ms", Int),
        ("reader", Text),
        ("trainee", Text),
        ("purpose", Text),
        ("level", Int),
    ],
};

/// A face check.
pub static FACES: Table = Table {
    name: "faces",
    from_logs: true,
    columns: &[
        ("class", Text),
        ("session", Text),
        ("device", Text),
        ("counter", Int),
        ("seq", Int),
        ("tap_seq", Int),
        ("trainee", Text),
        ("outcome", Text),
        ("score", Int),
        ("other_trainee", Text),
        ("other_score", Int),
        ("live", Int),
        ("quality", Int),
        ("frame_hash", Text),
        ("face_group", Int),
        ("declined", Bool),
    ],
};

/// A log.
pub static SESSIONS: Table = Table {
    name: "sessions",
    from_logs: true,
    columns: &[
        ("class", Text),
        ("session", Text),
        ("device", Text),
        ("counter", Int),
        ("site", Text),
        ("institution", Text),
        ("open", Int),
        ("close", Int),
        ("received", Int),
        ("clock_step_s", Int),
        ("clock_rebased_s", Int),
        ("restarts", Int),
        ("fault_reader_s", Int),
        ("fault_camera_s", Int),
        ("manual_n", Int),
        ("stranger_n", Int),
        ("closed", Text),
        ("log_index", Int),
        ("has_camera", Bool),
    ],
};

/// A trainee × class that is asked to be paid.
pub static CLAIMS: Table = Table {
    name: "claims",
    from_logs: false,
    columns: &[
        ("class", Text),
        ("trainee", Text),
        ("institution", Text),
        ("region", Text),
        ("hours", Int),
        ("amount", Int),
        ("occupation", Text),
        ("level", Text),
        ("filed", Text),
        ("file_hash", Text),
        ("policy_level", Int),
        ("pay_mode", Text),
        ("rate_permille", Int),
        ("planned", Int),
        ("attested", Int),
        ("unproven", Int),
    ],
};

/// One class hour that is asked to be paid, and what logs say of it.
pub static CLAIMED_CELLS: Table = Table {
    name: "claimed_cells",
    from_logs: false,
    columns: &[
        ("class", Text),
        ("trainee", Text),
        ("cell", Int),
        ("hours", Int),
        ("lesson", Text),
        ("session", Text),
        ("day", Int),
        ("start", Int),
        ("end", Int),
        ("logged", Bool),
        ("shape", Text),
        ("reason", Text),
        ("level", Int),
        ("device", Text),
        ("counter", Int),
        ("seq_from", Int),
        ("seq_to", Int),
    ],
};

/// A trainee in a class.
pub static ROSTER: Table = Table {
    name: "roster",
    from_logs: false,
    columns: &[
        ("class", Text),
        ("trainee", Text),
        ("person", Text),
        ("category", Text),
        ("declined_face", Bool),
        ("added", Int),
        ("removed", Int),
    ],
};

/// A planned lesson.
pub static SCHEDULE: Table = Table {
    name: "schedule",
    from_logs: false,
    columns: &[
        ("class", Text),
        ("session", Text),
        ("lesson", Text),
        ("site", Text),
        ("region", Text),
        ("day", Int),
        ("start", Int),
        ("end", Int),
    ],
};

/// Days and hours on which a region had no class, no power or no network.
pub static CALENDAR: Table = Table {
    name: "calendar",
    from_logs: false,
    columns: &[("region", Text), ("from", Int), ("to", Int), ("closed", Bool), ("outage", Bool), ("why", Text)],
};

/// A device.
pub static DEVICES: Table = Table {
    name: "devices",
    from_logs: false,
    columns: &[
        ("device", Text),
        ("site", Text),
        ("institution", Text),
        ("region", Text),
        ("enrolled", Int),
        ("ended", Int),
        ("contacts", Int),
        ("forks", Int),
    ],
};

/// Two notes that one device signed with one counter, and that cannot both be of one history.
pub static FORKS: Table = Table {
    name: "forks",
    from_logs: false,
    columns: &[
        ("device", Text),
        ("counter", Int),
        ("size_a", Int),
        ("size_b", Int),
        ("seal_a", Text),
        ("seal_b", Text),
        ("at", Int),
    ],
};

/// All tables.
pub static ALL: [&Table; 12] = [
    &LESSONS,
    &PRESENCE,
    &TAPS,
    &FACES,
    &SESSIONS,
    &CLAIMS,
    &CLAIMED_CELLS,
    &ROSTER,
    &SCHEDULE,
    &CALENDAR,
    &DEVICES,
    &FORKS,
];

impl Table {
    /// Its schema.
    pub fn schema(&self) -> SchemaRef {
        let fields = self.columns.iter().map(|(name, kind)| {
            let kind = match kind {
                Int => DataType::Int64,
                Text => DataType::Utf8,
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
                Text => Arc::new(
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
            let section = text[at..].split("\n## ").next().unwrap();
            let named: Vec<&str> =
                section.lines().filter_map(|l| l.strip_prefix("| `")?.split_once('`').map(|(name, _)| name)).collect();
            let columns: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
            assert_eq!(named, columns, "{}", table.name);
        }
    }
}
