//! Rows of a table while they are made: one builder a column, and a check that a row has all of them.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayBuilder, ArrayRef, BooleanBuilder, Int64Builder, RecordBatch, StringBuilder};
use datafusion::arrow::error::ArrowError;

use super::tables::{Table, Type};

enum Column {
    Int(Int64Builder),
    Text(StringBuilder),
    Bool(BooleanBuilder),
}

/// A table's rows, filled from left to right.
pub struct Sheet {
    table: &'static Table,
    columns: Vec<Column>,
    next: usize,
    wrong: bool,
}

impl Sheet {
    /// An empty one.
    pub fn new(table: &'static Table) -> Self {
        let column = |(_, kind): &(&str, Type)| match kind {
            Type::Int => Column::Int(Int64Builder::new()),
            Type::Text | Type::Key => Column::Text(StringBuilder::new()),
            Type::Bool => Column::Bool(BooleanBuilder::new()),
        };
        Self { table, columns: table.columns.iter().map(column).collect(), next: 0, wrong: false }
    }

    /// Its table.
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        match self.columns.first() {
            Some(Column::Int(b)) => b.len(),
            Some(Column::Text(b)) => b.len(),
            Some(Column::Bool(b)) => b.len(),
            None => 0,
        }
    }

    fn column(&mut self) -> Option<&mut Column> {
        let at = self.next;
        self.next = (at + 1) % self.columns.len().max(1);
        self.columns.get_mut(at)
    }

    /// The next value: a whole number or nothing.
    pub fn int(&mut self, value: impl Into<Option<i64>>) -> &mut Self {
        match self.column() {
            Some(Column::Int(b)) => b.append_option(value.into()),
            _ => self.wrong = true,
        }
        self
    }

    /// The next value: a whole number that is never negative.
    pub fn count(&mut self, value: u64) -> &mut Self {
        self.int(value as i64)
    }

    /// The next value: text or nothing.
    pub fn text<'a>(&mut self, value: impl Into<Option<&'a str>>) -> &mut Self {
        match self.column() {
            Some(Column::Text(b)) => b.append_option(value.into()),
            _ => self.wrong = true,
        }
        self
    }

    /// The next value: true, false or nothing.
    pub fn bool(&mut self, value: impl Into<Option<bool>>) -> &mut Self {
        match self.column() {
            Some(Column::Bool(b)) => b.append_option(value.into()),
            _ => self.wrong = true,
        }
        self
    }

    /// The rows as a batch; the sheet is empty then.
    ///
    /// # Errors
    /// [`ArrowError`] when a row lacks a column, or a value was not of its column's type.
    pub fn batch(&mut self) -> Result<RecordBatch, ArrowError> {
        if self.wrong || self.next != 0 {
            return Err(ArrowError::InvalidArgumentError(format!("a row of {} does not fit", self.table.name)));
        }
        let finish = |column: &mut Column| -> ArrayRef {
            match column {
                Column::Int(b) => Arc::new(b.finish()),
                Column::Text(b) => Arc::new(b.finish()),
                Column::Bool(b) => Arc::new(b.finish()),
            }
        };
        RecordBatch::try_new(self.table.schema(), self.columns.iter_mut().map(finish).collect())
    }
}
