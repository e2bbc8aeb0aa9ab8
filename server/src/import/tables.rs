//! Whole tables: `import table NAME FILE.csv` takes the place of what an evidence table of [`Source::Import`] held.
//!
//! [`FILES`] says what each column's cells are; names, order and types are the table's own, and a test holds them together.

mod files;

use std::ops::RangeInclusive;

use rusqlite::{Transaction, params};
use serde_json::{Map, Value};

use super::cells::{Column, Row};
use super::keys::Keys;
use super::rows::exists;
use super::values::Word;
use crate::evidence::tables::{ALL, Source, Table};
use crate::store::StoreError;

pub use files::FILES;

use Cell::{Id, Identity, Known, Person, Text, Time, Whole, Words, Yes};

/// What the cells of a column are.
#[derive(Debug, Clone)]
pub enum Cell {
    /// An id; that there is such a thing is not asked: a register may know more than Muster does.
    Id,
    /// The id of something that must be there: the table that holds it.
    Known(&'static str),
    /// A few words.
    Text,
    /// One of these.
    Words(&'static [Word]),
    /// A time.
    Time,
    /// A whole number in this range.
    Whole(RangeInclusive<i64>),
    /// Yes or no.
    Yes,
    /// A citizen number, kept as the person's id.
    Person,
    /// Any other identity, kept as a hash.
    Identity,
}

/// A column of a file.
#[derive(Debug)]
pub struct Field {
    /// As an official writes it.
    pub zh: &'static str,
    /// What its cells are.
    pub cell: Cell,
    /// May a cell be empty, and the file lack the column?
    pub optional: bool,
}

/// A file for a table.
#[derive(Debug)]
pub struct File {
    /// The table's name.
    pub name: &'static str,
    /// So many columns from the first are a row's name: no two rows share it.
    pub unique: usize,
    /// One for each of the table's columns, in its order.
    pub fields: &'static [Field],
}

/// A table's file; `None` when the table is not filled by import, or there is none.
pub fn file(name: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.name == name)
}

impl File {
    /// The evidence table.
    pub fn table(&self) -> Option<&'static Table> {
        ALL.into_iter().find(|table| table.name == self.name && table.source == Source::Import)
    }

    /// Its columns with what their cells are.
    pub fn columns(&self) -> impl Iterator<Item = (&'static str, &'static Field)> {
        let names = self.table().map_or(&[][..], |table| table.columns);
        names.iter().map(|(name, _)| *name).zip(self.fields)
    }

    /// The columns as a reader of files wants them.
    pub fn header(&self) -> Vec<Column> {
        self.columns().map(|(name, field)| Column { name, zh: field.zh, optional: field.optional }).collect()
    }
}

/// Takes away what the table held.
///
/// # Errors
/// [`StoreError`].
pub(super) fn before(tx: &Transaction<'_>, file: &File) -> Result<(), StoreError> {
    tx.execute("DELETE FROM imported WHERE name = ?", [file.name])?;
    Ok(())
}

/// One row. Gives what no other row of the file may have.
///
/// # Errors
/// [`StoreError`].
pub(super) fn row(
    tx: &Transaction<'_>,
    row: &mut Row<'_>,
    file: &File,
    keys: &Keys,
) -> Result<Vec<String>, StoreError> {
    let mut values = Map::new();
    for (name, field) in file.columns() {
        if !field.optional || !row.maybe(name).is_empty() {
            values.insert(name.to_owned(), cell(tx, row, name, &field.cell, keys)?);
        }
    }
    for (from, to) in [("from", "to"), ("from_s", "to_s")] {
        if let (false, Some(from), Some(end)) = (row.bad, values.get(from), values.get(to))
            && end.as_i64() <= from.as_i64()
        {
            row.wrong(to, "ends before it begins");
        }
    }
    if values.get("what").is_some_and(|what| what == "category") && !values.contains_key("category") {
        row.wrong("category", "the cell is empty: say which category was asked about");
    }
    let of = |(name, _)| values.get(name).map(Value::to_string).unwrap_or_default();
    let key = file.columns().take(file.unique).map(of).collect();
    if !row.bad {
        let mut put = tx.prepare_cached("INSERT INTO imported (name, line, row) VALUES (?, ?, ?)")?;
        put.execute(params![file.name, row.line() as i64, Value::Object(values).to_string()])?;
    }
    Ok(key)
}

fn cell(
    tx: &Transaction<'_>,
    row: &mut Row<'_>,
    column: &'static str,
    cell: &Cell,
    keys: &Keys,
) -> Result<Value, StoreError> {
    Ok(match cell {
        Id => row.id(column).into(),
        Known(table) => {
            let id = row.id(column);
            if !row.bad && !exists(tx, table, &id)? {
                row.wrong(column, format!("there is no such {table}"));
            }
            id.into()
        }
        Text => row.short(column).into(),
        Words(words) => row.word(column, words).into(),
        Time => row.time(column).1.into(),
        Whole(range) => row.whole(column, range).into(),
        Yes => row.truth(column).into(),
        Person => keys.person(&row.id_number(column)).into(),
        Identity => keys.identity(&row.text(column)).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::tables::Type;

    #[test]
    fn every_import_table_has_a_file_that_says_what_the_analysts_document_says() {
        let text = include_str!("../../rules/TABLES.md");
        let tables: Vec<&Table> = ALL.into_iter().filter(|table| table.source == Source::Import).collect();
        assert_eq!(tables.len(), FILES.len());
        for table in tables {
            let file = file(table.name).unwrap_or_else(|| panic!("no file for {}", table.name));
            assert_eq!(file.fields.len(), table.columns.len(), "{}", table.name);
            let section = text.split(&format!("\n## {}\n", table.name)).nth(1).unwrap();
            for ((name, kind), field) in table.columns.iter().zip(file.fields) {
                let fits = match field.cell {
                    Id | Known(_) | Text | Words(_) => *kind == Type::Text,
                    Time | Whole(_) => *kind == Type::Int,
                    Yes => *kind == Type::Bool,
                    Person | Identity => *kind == Type::Key,
                };
                assert!(fits, "{}.{name}", table.name);
                let line = section.lines().find(|line| line.starts_with(&format!("| `{name}` |"))).unwrap();
                let meaning = line.trim_end_matches(" |").rsplit(" | ").next().unwrap();
                let is_time = meaning.contains(" ms");
                assert_eq!(is_time, matches!(field.cell, Time), "{}.{name}: {meaning}", table.name);
                if meaning.contains("null") {
                    assert!(field.optional, "{}.{name}: {meaning}", table.name);
                }
                if let Words(words) = field.cell {
                    assert!(words.iter().all(|(word, _)| meaning.contains(word)), "{}.{name}: {meaning}", table.name);
                }
            }
        }
    }
}
