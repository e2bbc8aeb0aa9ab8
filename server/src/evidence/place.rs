//! Where evidence files lie: a folder, or storage that speaks S3. Whole files in, whole files out.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::{Builder, Runtime};

use crate::central::sequencer::write_file;
use crate::store::StoreError;

/// A place for files.
#[derive(Debug, Clone)]
pub struct Place {
    store: Arc<dyn ObjectStore>,
    /// The folder, where it is one.
    root: PathBuf,
}

/// Storage is asked from threads that have no runtime of their own.
fn runtime() -> Result<&'static Runtime, StoreError> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().ok());
    made.as_ref().ok_or(StoreError::Corrupt("no runtime to be had for storage"))
}

impl Place {
    /// A folder; it is made where there is none.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn folder(root: &Path) -> Result<Self, StoreError> {
        let io = |source| StoreError::Io { path: root.to_owned(), source };
        std::fs::create_dir_all(root).map_err(io)?;
        let root = root.canonicalize().map_err(io)?;
        let store = LocalFileSystem::new_with_prefix(&root).map_err(|e| io(std::io::Error::other(e)))?;
        Ok(Self { store: Arc::new(store), root })
    }

    fn io(&self, key: &str) -> impl Fn(object_store::Error) -> StoreError + use<> {
        let path = self.root.join(key);
        move |e| StoreError::Io { path: path.clone(), source: std::io::Error::other(e) }
    }

    /// Puts a file: whole, or not at all.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        // The library renames into place, and does not wait for the disk: a part that the store names must be there after
        // the plug was pulled.
        write_file(&self.root.join(key), &bytes)
    }

    /// Puts a file that a run makes for itself and nobody reads after it: not waited for.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn put_unsynced(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        runtime()?.block_on(self.store.put(&Key::from(key), bytes.into())).map_err(self.io(key)).map(drop)
    }

    /// Removes files.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn delete_all(&self, keys: &[String]) -> Result<(), StoreError> {
        keys.iter().try_for_each(|key| self.delete(key))
    }

    /// A file's bytes.
    ///
    /// # Errors
    /// [`StoreError::Io`], also when it is not there.
    pub fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        let work = async { self.store.get(&Key::from(key)).await?.bytes().await };
        runtime()?.block_on(work).map_err(self.io(key))
    }

    /// How long a file is; `None` when it is not there.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn size(&self, key: &str) -> Result<Option<u64>, StoreError> {
        match runtime()?.block_on(self.store.head(&Key::from(key))) {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(self.io(key)(e)),
        }
    }

    /// Removes a file; one that is not there is removed already.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn delete(&self, key: &str) -> Result<(), StoreError> {
        match runtime()?.block_on(self.store.delete(&Key::from(key))) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(self.io(key)(e)),
        }
    }

    /// As a query engine is told of a file.
    pub fn url(&self, key: &str) -> String {
        self.root.join(key).display().to_string()
    }
}
