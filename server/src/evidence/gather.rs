//! A run's evidence in one file for each table. A part for each region and month is small, there are hundreds, and each rule would
//! open each of them; here their row groups are put one after the other as they are, without being read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::parquet::column::writer::ColumnCloseResult;
use datafusion::parquet::errors::Result as ParquetResult;
use datafusion::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::parquet::file::writer::SerializedFileWriter;

use super::build;
use super::place::Place;
use crate::store::StoreError;

/// Puts each table's files into one below `folder`, where the place is a folder; elsewhere, and where a table has one file, they
/// stay as they are. Gives the files of each table.
///
/// # Errors
/// [`StoreError::Io`].
pub fn gather(
    place: &Place,
    files: &BTreeMap<String, Vec<String>>,
    folder: &str,
) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
    let mut gathered = files.clone();
    let Some(root) = place.root() else { return Ok(gathered) };
    let folder = root.join(folder);
    std::fs::create_dir_all(&folder).map_err(|source| StoreError::Io { path: folder.clone(), source })?;
    let many: Vec<_> = gathered.iter_mut().filter(|(_, files)| files.len() > 1).collect();
    let tables: Vec<_> =
        many.iter().map(|(table, files)| (folder.join(format!("{table}.parquet")), (**files).clone())).collect();
    let next = AtomicUsize::new(0);
    let work = || -> Result<(), StoreError> {
        while let Some((to, files)) = tables.get(next.fetch_add(1, Ordering::Relaxed)) {
            concatenate(files, to)
                .map_err(|e| StoreError::Io { path: to.clone(), source: std::io::Error::other(e) })?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..build::workers()).map(|_| scope.spawn(work)).collect();
        let mine = work();
        let died = |_| StoreError::Corrupt("a worker died");
        others.into_iter().try_for_each(|other| other.join().map_err(died)?).and(mine)
    })?;
    for ((_, files), (to, _)) in many.into_iter().zip(&tables) {
        *files = vec![to.display().to_string()];
    }
    Ok(gathered)
}

fn concatenate(files: &[String], to: &Path) -> ParquetResult<()> {
    let open = |file: &String| -> ParquetResult<(File, ParquetMetaData)> {
        let file = File::open(file)?;
        let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
        let about = reader.parse_and_finish(&file)?;
        Ok((file, about))
    };
    let Some(first) = files.first() else { return Ok(()) };
    let (_, about) = open(first)?;
    // The schema as Arrow has it stands in the file's own metadata.
    let own = about.file_metadata().key_value_metadata().cloned();
    let properties = WriterProperties::builder().set_key_value_metadata(own).build();
    let schema = about.file_metadata().schema_descr().root_schema_ptr();
    let mut writer = SerializedFileWriter::new(BufWriter::new(File::create(to)?), schema, Arc::new(properties))?;
    for file in files {
        let (file, about) = open(file)?;
        for (i, group) in about.row_groups().iter().enumerate() {
            let mut out = writer.next_row_group()?;
            let columns = about.column_index().and_then(|index| index.get(i));
            let offsets = about.offset_index().and_then(|index| index.get(i));
            for (j, column) in group.columns().iter().enumerate() {
                out.append_column(
                    &file,
                    ColumnCloseResult {
                        bytes_written: u64::try_from(column.compressed_size()).unwrap_or(0),
                        rows_written: u64::try_from(group.num_rows()).unwrap_or(0),
                        metadata: column.clone(),
                        bloom_filter: None,
                        column_index: columns.and_then(|columns| columns.get(j).cloned()),
                        offset_index: offsets.and_then(|offsets| offsets.get(j).cloned()),
                    },
                )?;
            }
            out.close()?;
        }
    }
    writer.close().map(drop)
}

#[cfg(test)]
mod tests {
    use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReader;

    use super::*;
    use crate::evidence::tables::{CALENDAR, Row, Type, Val};

    fn row(n: i64) -> Row {
        let value = |(_, kind): &(&str, Type)| match kind {
            Type::Int => Val::Int(n),
            Type::Bool => (n % 2 == 0).into(),
            _ => n.to_string().as_str().into(),
        };
        CALENDAR.columns.iter().map(value).collect()
    }

    #[test]
    fn files_become_one_with_all_their_rows_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::at(dir.path().to_str().unwrap()).unwrap();
        let batches: Vec<_> =
            [0..3, 3..4, 4..9].map(|part| CALENDAR.batch(&part.map(row).collect::<Vec<_>>()).unwrap()).into();
        for (n, batch) in batches.iter().enumerate() {
            place.put(&format!("calendar/{n}.parquet"), build::parquet(batch).unwrap()).unwrap();
        }
        let of =
            |names: &[usize]| names.iter().map(|n| place.url(&format!("calendar/{n}.parquet"))).collect::<Vec<_>>();
        let files = BTreeMap::from([("calendar".to_owned(), of(&[0, 1, 2])), ("one".to_owned(), of(&[1]))]);
        let gathered = gather(&place, &files, "run/x").unwrap();
        assert_eq!(gathered["one"], files["one"]);
        let [whole] = gathered["calendar"].as_slice() else { panic!("{gathered:?}") };
        let read = ParquetRecordBatchReader::try_new(File::open(whole).unwrap(), 1024).unwrap();
        let read = read.collect::<Result<Vec<_>, _>>().unwrap();
        let schema = batches[0].schema();
        let concat = |of: &[_]| datafusion::arrow::compute::concat_batches(&schema, of).unwrap();
        assert_eq!(concat(&read), concat(&batches));
        // A file that is gone is an error that names what could not be made.
        let gone = BTreeMap::from([("calendar".to_owned(), of(&[0, 7]))]);
        assert!(gather(&place, &gone, "run/y").unwrap_err().to_string().contains("run/y/calendar.parquet"));
    }
}
