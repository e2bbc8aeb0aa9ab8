//! Many small parts to one: a log that came today was written by itself, and is read with the others of its region and month
//! tomorrow. Rows are moved, never made again; what comes out is, byte for byte, what [`super::rebuild`] would write.

use std::collections::BTreeMap;

use datafusion::arrow::array::{RecordBatch, UInt64Array};
use datafusion::arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, take_record_batch};
use datafusion::arrow::error::ArrowError;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::build::{name, put, sweep};
use super::place::Place;
use super::session::TABLES;
use super::tables::Table;
use crate::store::parts::{self, Part};
use crate::store::{Store, StoreError};

/// So many parts of one region and month are read one by one; more are made one.
pub const FEW: usize = 8;

/// Makes one part of all of a region and month wherever there are more than so many. Gives how many regions and months
/// were touched.
///
/// # Errors
/// [`StoreError`].
pub fn compact(store: &Store, few: usize) -> Result<usize, StoreError> {
    let place = Place::of(store)?;
    let mut together: BTreeMap<(String, String), Vec<Part>> = BTreeMap::new();
    for part in store.read(parts::all)? {
        together.entry((part.region.clone(), part.month.clone())).or_default().push(part);
    }
    let many: Vec<Vec<Part>> = together.into_values().filter(|parts| parts.len() > few).collect();
    for old in &many {
        one(store, &place, old)?;
    }
    Ok(many.len())
}

fn one(store: &Store, place: &Place, old: &[Part]) -> Result<(), StoreError> {
    let Some(first) = old.first() else { return Ok(()) };
    let sessions = store.read(|conn| parts::sessions(conn, old))?;
    let mut new = Part {
        part: name(&sessions),
        region: first.region.clone(),
        month: first.month.clone(),
        sessions: sessions.len() as u64,
        tables: BTreeMap::new(),
    };
    for table in TABLES {
        let mut batches = Vec::new();
        for part in old.iter().filter(|part| part.tables.contains_key(table.name)) {
            batches.extend(read(place, &part.key(table.name), &[])?);
        }
        if !batches.is_empty() {
            let batch = ordered(table, &batches).map_err(|_| StoreError::Corrupt("evidence of another shape"))?;
            put(place, &mut new, table.name, &batch)?;
        }
    }
    let gone = store.write(|tx| {
        parts::put(tx, &new, &sessions)?;
        parts::drop_empty(tx)
    })?;
    sweep(place, &gone)
}

/// The rows of one file; of the named columns alone, or of all when none is named.
pub(crate) fn read(place: &Place, key: &str, columns: &[&str]) -> Result<Vec<RecordBatch>, StoreError> {
    let bytes = place.get(key)?;
    let rows = || -> Result<Vec<RecordBatch>, ArrowError> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)?.with_batch_size(8192);
        let all = reader.parquet_schema();
        let mask = if columns.is_empty() {
            ProjectionMask::all()
        } else {
            ProjectionMask::columns(all, columns.iter().copied())
        };
        reader.with_projection(mask).build()?.collect()
    };
    rows().map_err(|_| StoreError::Corrupt("an evidence file that is no Parquet"))
}

/// Rows in the order of their sessions, and within one as its log made them.
fn ordered(table: &Table, batches: &[RecordBatch]) -> Result<RecordBatch, ArrowError> {
    let all = concat_batches(&table.schema(), batches)?;
    let mut by: Vec<SortColumn> =
        all.columns()[..4].iter().map(|c| SortColumn { values: c.clone(), options: None }).collect();
    let places = UInt64Array::from_iter_values(0..all.num_rows() as u64);
    by.push(SortColumn { values: std::sync::Arc::new(places), options: None });
    take_record_batch(&all, &lexsort_to_indices(&by, None)?)
}
