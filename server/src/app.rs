//! What every handler can reach.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::ApiError;
use crate::job::{Extent, Job, Status};
use crate::store::Store;

/// The application's state; cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    /// The operational store.
    pub store: Store,
    /// The data directory.
    pub data_dir: PathBuf,
    /// The officials' passwords.
    pub passwords: Passwords,
    /// Reconciliation, whoever asks for it.
    pub job: Job,
}

/// What each desk is opened with.
#[derive(Debug, Clone, Default)]
pub struct Passwords {
    /// The desk for claims; open to this machine alone where none is set.
    pub claims: Option<Arc<str>>,
    /// The desk for officials' conduct; closed where none is set.
    pub conduct: Option<Arc<str>>,
}

impl AppState {
    /// The state over an opened store.
    pub fn new(store: Store, passwords: Passwords) -> Self {
        let data_dir = store.dir().to_owned();
        Self { store, data_dir, passwords, job: Job::of_program() }
    }

    /// Begins a reconciliation; gives the one that runs then.
    pub fn reconcile(&self, extent: Extent) -> Status {
        self.job.start(&self.store, &self.data_dir, extent)
    }

    /// Runs blocking work on the store off the async threads.
    ///
    /// # Errors
    /// What the work returns; [`ApiError`] when it panicked.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || work(&store)).await.map_err(|_| ApiError::internal("a handler panicked"))?
    }
}
