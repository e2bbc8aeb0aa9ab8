//! Files of this machine as a query engine reads them: at once, in the thread that asks. The library hands each read to a thread
//! of its own, and there are tens of thousands of small ones in a run: the going to and fro took longer than the reading, and what
//! each of those threads had kept of memory was several times what the rules need.

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// The machine's files by their absolute paths.
#[derive(Debug, Default)]
pub struct Direct {
    files: LocalFileSystem,
}

impl fmt::Display for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.fmt(f)
    }
}

fn failed(key: &Key, source: std::io::Error) -> Error {
    let path = key.to_string();
    match source.kind() {
        std::io::ErrorKind::NotFound => Error::NotFound { path, source: source.into() },
        _ => Error::Generic { store: "file", source: source.into() },
    }
}

impl Direct {
    fn open(&self, key: &Key) -> Result<File> {
        File::open(self.files.path_to_filesystem(key)?).map_err(|e| failed(key, e))
    }
}

fn read(file: &File, key: &Key, range: &Range<u64>) -> Result<Bytes> {
    let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0);
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, range.start).map_err(|e| failed(key, e))?;
    Ok(bytes.into())
}

#[async_trait]
impl ObjectStore for Direct {
    async fn get_opts(&self, key: &Key, options: GetOptions) -> Result<GetResult> {
        let file = self.open(key)?;
        let about = file.metadata().map_err(|e| failed(key, e))?;
        let modified = about.modified().map_err(|e| failed(key, e))?;
        let meta = ObjectMeta {
            location: key.clone(),
            last_modified: modified.into(),
            size: about.len(),
            e_tag: None,
            version: None,
        };
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            Some(range) => range.as_range(meta.size).map_err(|e| Error::Generic { store: "file", source: e.into() })?,
            None => 0..meta.size,
        };
        let bytes = if options.head { Bytes::new() } else { read(&file, key, &range)? };
        let payload = GetResultPayload::Stream(stream::once(async { Ok(bytes) }).boxed());
        Ok(GetResult { payload, meta, range, attributes: Default::default() })
    }

    async fn get_ranges(&self, key: &Key, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let file = self.open(key)?;
        ranges.iter().map(|range| read(&file, key, range)).collect()
    }

    async fn put_opts(&self, key: &Key, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.files.put_opts(key, payload, options).await
    }

    async fn put_multipart_opts(&self, key: &Key, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.files.put_multipart_opts(key, options).await
    }

    fn delete_stream(&self, keys: BoxStream<'static, Result<Key>>) -> BoxStream<'static, Result<Key>> {
        self.files.delete_stream(keys)
    }

    fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Key>) -> Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: CopyOptions) -> Result<()> {
        self.files.copy_opts(from, to, options).await
    }
}

/// As an engine takes it.
pub fn store() -> Arc<dyn ObjectStore> {
    Arc::new(Direct::default())
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;

    use super::*;

    #[tokio::test]
    async fn it_reads_what_the_library_reads_and_says_what_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.parquet");
        std::fs::write(&path, b"0123456789").unwrap();
        let key = Key::from_absolute_path(&path).unwrap();
        let (ours, theirs) = (store(), LocalFileSystem::new());
        assert_eq!(ours.get(&key).await.unwrap().bytes().await.unwrap(), &b"0123456789"[..]);
        assert_eq!(ours.get_range(&key, 2..5).await.unwrap(), theirs.get_range(&key, 2..5).await.unwrap());
        let ranges = [0..1, 8..10];
        assert_eq!(ours.get_ranges(&key, &ranges).await.unwrap(), theirs.get_ranges(&key, &ranges).await.unwrap());
        assert_eq!(ours.head(&key).await.unwrap().size, 10);
        assert!(ours.get_ranges(&key, &[0..1, 8..12]).await.is_err());
        let gone = Key::from_absolute_path(dir.path().join("b")).unwrap();
        assert!(matches!(ours.get(&gone).await, Err(Error::NotFound { .. })));
    }
}
