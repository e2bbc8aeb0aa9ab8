//! What every handler can reach.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::ApiError;
use crate::store::Store;

/// The application's state; cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    /// The operational store.
    pub store: Store,
    /// The data directory.
    pub data_dir: PathBuf,
    /// The officials' password, where one is needed.
    pub password: Option<Arc<str>>,
    /// Held while a reconciliation runs, so that there is one at a time.
    pub reconciling: Arc<tokio::sync::Mutex<()>>,
}

impl AppState {
    /// The state over an opened store.
    pub fn new(store: Store, password: Option<String>) -> Self {
        let data_dir = store.dir().to_owned();
        Self { store, data_dir, password: password.map(Into::into), reconciling: Arc::default() }
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
