//! A run's tables as files, for engines that are not ours: what the rules see, no more and no less.

use std::collections::BTreeMap;
use std::path::Path;

use super::engine::Engine;
use super::run::ReconcileError;
use crate::evidence::build;
use crate::evidence::tables::{ALL, CLAIMED_CELLS};
use crate::store::StoreError;

/// Writes the tables into a folder that is made for it, and `tables.json`: the files of each. Evidence stays where it is, and is
/// named there.
///
/// # Errors
/// [`ReconcileError`]; also when the folder exists.
pub(super) async fn write(
    engine: &Engine,
    files: &BTreeMap<String, Vec<String>>,
    folder: &Path,
) -> Result<(), ReconcileError> {
    let io = |source| StoreError::Io { path: folder.to_owned(), source };
    std::fs::create_dir(folder).map_err(io)?;
    let folder = folder.canonicalize().map_err(io)?;
    let mut named = BTreeMap::new();
    for table in ALL {
        let kept = files.get(table.name).filter(|files| !files.is_empty() && table.name != CLAIMED_CELLS.name);
        if let Some(kept) = kept {
            named.insert(table.name, kept.clone());
            continue;
        }
        let mut of_table = Vec::new();
        for (n, batch) in engine.batches(table.name).await?.iter().enumerate() {
            let path = folder.join(format!("{}-{n}.parquet", table.name));
            std::fs::write(&path, build::parquet(batch)?).map_err(io)?;
            of_table.push(path.display().to_string());
        }
        named.insert(table.name, of_table);
    }
    let list = serde_json::to_string_pretty(&named).map_err(|e| io(e.into()))?;
    std::fs::write(folder.join("tables.json"), list).map_err(io)?;
    Ok(())
}
