//! Where evidence files lie: a folder, or storage that speaks S3. Whole files in, whole files out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::runtime::{Builder, Runtime};
use tokio_stream::StreamExt;

use crate::central::sequencer::write_file;
use crate::store::{Store, StoreError, setting};

/// The setting that says where; a data directory that has none keeps evidence in itself.
pub const SETTING: &str = "evidence";
/// How the data directory itself is asked for.
pub const FOLDER: &str = "folder";

/// A place for files.
#[derive(Debug, Clone)]
pub struct Place {
    store: Arc<dyn ObjectStore>,
    root: Root,
}

/// What comes before a file's key.
#[derive(Debug, Clone)]
enum Root {
    Folder(PathBuf),
    /// Both may be followed by a key at once.
    Bucket {
        bucket: String,
        prefix: String,
    },
}

/// Storage is asked from threads that have no runtime of their own.
fn runtime() -> Result<&'static Runtime, StoreError> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().ok());
    made.as_ref().ok_or(StoreError::Corrupt("no runtime to be had for storage"))
}

impl Place {
    /// Where a store's evidence lies.
    ///
    /// # Errors
    /// [`StoreError`], also when this program cannot reach such a place.
    pub fn of(store: &Store) -> Result<Self, StoreError> {
        match store.read(|conn| setting::<String>(conn, SETTING))?.as_deref() {
            None | Some(FOLDER) => Self::folder(&store.dir().join("evidence")),
            Some(other) => Self::at(other),
        }
    }

    /// A place that is not the data directory: another folder, by its whole path, or a [bucket](Self::bucket).
    ///
    /// # Errors
    /// [`StoreError`], also when this program cannot reach such a place.
    pub fn at(place: &str) -> Result<Self, StoreError> {
        if place.starts_with('/') { Self::folder(Path::new(place)) } else { Self::bucket(place) }
    }

    /// A folder; it is made where there is none.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn folder(root: &Path) -> Result<Self, StoreError> {
        let io = |source| StoreError::Io { path: root.to_owned(), source };
        std::fs::create_dir_all(root).map_err(io)?;
        let root = root.canonicalize().map_err(io)?;
        let store = LocalFileSystem::new_with_prefix(&root).map_err(|e| io(std::io::Error::other(e)))?;
        Ok(Self { store: Arc::new(store), root: Root::Folder(root) })
    }

    /// A bucket, or a part of one: `s3://bucket/prefix`. Keys and endpoint are those of the environment: `AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT`, `AWS_ALLOW_HTTP`.
    ///
    /// # Errors
    /// [`StoreError::Place`]: no such address, or a program that was built without S3.
    pub fn bucket(url: &str) -> Result<Self, StoreError> {
        let rest = url.strip_prefix("s3://").unwrap_or_default();
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            let what = format!(
                "{url}: 请写 s3://桶/前缀、绝对路径或 {FOLDER} / write s3://bucket/prefix, a whole path, or {FOLDER}"
            );
            return Err(StoreError::Place(what));
        }
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self { store: s3(bucket)?, root: Root::Bucket { bucket: bucket.to_owned(), prefix } })
    }

    /// Tells a query engine of the storage, so that it can read [`Self::url`].
    ///
    /// # Errors
    /// [`DataFusionError`]: the bucket's name is none.
    pub fn register(&self, runtime: &RuntimeEnv) -> Result<(), DataFusionError> {
        if let Root::Bucket { bucket, .. } = &self.root {
            let url = ObjectStoreUrl::parse(format!("s3://{bucket}"))?;
            runtime.register_object_store(url.as_ref(), Arc::clone(&self.store));
        }
        Ok(())
    }

    /// The folder, where it is one.
    pub fn root(&self) -> Option<&Path> {
        match &self.root {
            Root::Folder(root) => Some(root),
            Root::Bucket { .. } => None,
        }
    }

    /// As the storage knows a file.
    fn key(&self, key: &str) -> Key {
        match &self.root {
            Root::Folder(_) => Key::from(key),
            Root::Bucket { prefix, .. } => Key::from(format!("{prefix}{key}")),
        }
    }

    fn io(&self, key: &str) -> impl Fn(object_store::Error) -> StoreError + use<> {
        let path = PathBuf::from(self.url(key));
        move |e| StoreError::Io { path: path.clone(), source: std::io::Error::other(e) }
    }

    /// Puts a file: whole, or not at all.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        match &self.root {
            // The library renames into place, and does not wait for the disk: a part that the store names must be there after
            // the plug was pulled.
            Root::Folder(root) => write_file(&root.join(key), &bytes),
            Root::Bucket { .. } => self.put_unsynced(key, bytes),
        }
    }

    /// Puts a file that a run makes for itself and nobody reads after it: not waited for.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn put_unsynced(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        runtime()?.block_on(self.store.put(&self.key(key), bytes.into())).map_err(self.io(key)).map(drop)
    }

    /// A file's bytes.
    ///
    /// # Errors
    /// [`StoreError::Io`], also when it is not there.
    pub fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        let work = async { self.store.get(&self.key(key)).await?.bytes().await };
        runtime()?.block_on(work).map_err(self.io(key))
    }

    /// All files below a folder's name, or all there are.
    fn list(&self, folder: &str) -> Result<Vec<ObjectMeta>, StoreError> {
        let below = Some(self.key(folder)).filter(|key| !key.as_ref().is_empty());
        let work = async { self.store.list(below.as_ref()).collect::<Result<Vec<_>, _>>().await };
        runtime()?.block_on(work).map_err(self.io(folder))
    }

    /// How long each file is, by key: asked for all at once, because storage that is far away answers few questions a second.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn sizes(&self) -> Result<HashMap<String, u64>, StoreError> {
        let before = self.key("").as_ref().len();
        let key = |at: &Key| at.as_ref().get(before..).unwrap_or_default().trim_start_matches('/').to_owned();
        Ok(self.list("")?.into_iter().map(|file| (key(&file.location), file.size)).collect())
    }

    /// Removes a file; one that is not there is removed already.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn delete(&self, key: &str) -> Result<(), StoreError> {
        match runtime()?.block_on(self.store.delete(&self.key(key))) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(self.io(key)(e)),
        }
    }

    /// Removes all files below a folder's name.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn clear(&self, folder: &str) -> Result<(), StoreError> {
        if let Root::Folder(root) = &self.root {
            let path = root.join(folder);
            return match std::fs::remove_dir_all(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(StoreError::Io { path, source }),
                _ => Ok(()),
            };
        }
        let files = self.list(folder)?;
        let work = async {
            for file in &files {
                self.store.delete(&file.location).await?;
            }
            Ok(())
        };
        runtime()?.block_on(work).map_err(self.io(folder))
    }

    /// As a query engine is told of a file.
    pub fn url(&self, key: &str) -> String {
        match &self.root {
            Root::Folder(root) => root.join(key).display().to_string(),
            Root::Bucket { bucket, prefix } => format!("s3://{bucket}/{prefix}{key}"),
        }
    }
}

#[cfg(feature = "cluster")]
fn s3(bucket: &str) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let made = object_store::aws::AmazonS3Builder::from_env().with_bucket_name(bucket).build();
    Ok(Arc::new(made.map_err(|e| StoreError::Place(e.to_string()))?))
}

#[cfg(not(feature = "cluster"))]
fn s3(_bucket: &str) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let what =
        "此程序未含 S3：请用 `make cluster` 构建 / this program was built without S3: build it with `make cluster`";
    Err(StoreError::Place(what.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_tells_what_it_holds_and_forgets_what_is_below_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::at(dir.path().join("evidence").to_str().unwrap()).unwrap();
        place.put("taps/region=1/month=2026-03/a.parquet", vec![1; 3]).unwrap();
        place.put_unsynced("run/x/b.parquet", vec![1; 4]).unwrap();
        let sizes = |pairs: &[(&str, u64)]| pairs.iter().map(|(key, size)| ((*key).to_owned(), *size)).collect();
        let both = sizes(&[("taps/region=1/month=2026-03/a.parquet", 3), ("run/x/b.parquet", 4)]);
        assert_eq!(place.sizes().unwrap(), both);
        place.clear("run").unwrap();
        place.clear("run").unwrap();
        assert_eq!(place.sizes().unwrap(), sizes(&[("taps/region=1/month=2026-03/a.parquet", 3)]));
        assert_eq!(place.get("taps/region=1/month=2026-03/a.parquet").unwrap().len(), 3);
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for place in ["evidence", "s3://", "s3:///prefix", "http://bucket/prefix"] {
            let said = Place::at(place).unwrap_err().to_string();
            assert!(said.contains("s3://bucket/prefix"), "{said}");
        }
        if !cfg!(feature = "cluster") {
            let said = Place::at("s3://bucket/prefix").unwrap_err().to_string();
            assert!(said.contains("`make cluster`"), "{said}");
        }
    }
}
