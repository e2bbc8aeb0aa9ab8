//! Reconciliation as a job: one at a time, whoever asks for it, with how far it has come.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::Notify;

use crate::clock;
use crate::rules::again::{self, Kept};
use crate::rules::reconcile::{self, How, Progress};
use crate::rules::run::ReconcileError;
use crate::store::Store;

/// A reconciliation that runs, or the last that did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Status {
    /// Its number since the server began; 0 while there was none.
    pub job: u64,
    /// Does it run?
    pub running: bool,
    /// What it is at: `begin`, `evidence` or `rules`; `end` once it has ended.
    pub step: String,
    /// How much of the step is done.
    pub done: usize,
    /// All of the step; 0 where that is not known.
    pub all: usize,
    /// When it began, by the server's clock.
    pub started: Option<String>,
    /// When it ended, well or not.
    pub finished: Option<String>,
    /// Why it failed; the results before it stand.
    pub error: Option<String>,
}

/// How much a reconciliation looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Everything.
    Whole,
    /// What has changed since the last run; everything where that cannot be told apart, and once a day.
    New,
}

/// The server's job. A run tells its progress to somebody who is always there, so this lives as long as the program.
#[derive(Clone, Copy)]
pub struct Job {
    shared: &'static Shared,
    progress: Progress,
}

#[derive(Debug, Default)]
struct Shared {
    status: Mutex<Status>,
    ended: Notify,
    kept: Kept,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.shared.fmt(f)
    }
}

impl Shared {
    /// Whatever a panic left behind is a status all the same.
    fn with<T>(&self, work: impl FnOnce(&mut Status) -> T) -> T {
        work(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn told(&self, step: &str, done: usize, all: usize) {
        self.with(|status| {
            step.clone_into(&mut status.step);
            (status.done, status.all) = (done, all);
        });
    }

    fn end(&self, error: Option<String>) {
        self.with(|status| {
            let (step, finished, started) = ("end".to_owned(), Some(clock::now()), status.started.take());
            *status = Status { job: status.job, step, started, finished, error, ..Status::default() };
        });
        self.ended.notify_waiters();
    }
}

impl Job {
    /// The job of a server, which there is once.
    pub fn of_program() -> Self {
        let shared: &'static Shared = Box::leak(Box::default());
        Self { shared, progress: Box::leak(Box::new(|step: &str, done, all| shared.told(step, done, all))) }
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        self.shared.with(|status| status.clone())
    }

    /// Begins a reconciliation, unless one runs already; gives the one that runs then. What is imported after it began is for
    /// the next. Must be called within a runtime.
    pub fn start(&self, store: &Store, data_dir: &Path, extent: Extent) -> Status {
        let Self { shared, progress } = *self;
        let (status, free) = shared.with(|status| {
            let free = !status.running;
            if free {
                let (job, step, started) = (status.job + 1, "begin".to_owned(), Some(clock::now()));
                *status = Status { job, running: true, step, started, ..Status::default() };
            }
            (status.clone(), free)
        });
        if free {
            let (store, dir) = (store.clone(), data_dir.to_owned());
            tokio::spawn(async move {
                let how = How { kept: shared.kept.clone(), ..How::default() };
                let work = async move {
                    let now = clock::now();
                    match extent {
                        Extent::Whole => reconcile::reconcile(&store, &dir, &now, progress, &how).await.map(drop),
                        Extent::New => again::reconcile(&store, &dir, &now, progress, &how).await.map(drop),
                    }
                };
                // In a task of its own, so that one that panics has ended, too.
                let error = match tokio::spawn(work).await {
                    Ok(Ok(())) => None,
                    Ok(Err(error)) => Some(error.to_string()),
                    Err(_) => Some(ReconcileError::Worker.to_string()),
                };
                if let Some(error) = &error {
                    tracing::error!(%error, "reconciliation failed; the results before it stand");
                }
                shared.end(error);
            });
        }
        status
    }

    /// Waits until a reconciliation has ended; gives how.
    pub async fn wait(&self, job: u64) -> Status {
        loop {
            // Asked for before the status is looked at, so that no end is missed.
            let ended = self.shared.ended.notified();
            let status = self.status();
            if status.job != job || !status.running {
                return status;
            }
            ended.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_runs_at_a_time_and_its_end_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Some("muster.example")).unwrap();
        // Over a damaged store it fails, and says so.
        store.write(|tx| Ok::<_, crate::store::StoreError>(tx.execute("DROP TABLE leaf", [])?)).unwrap();
        let job = Job::of_program();
        assert_eq!(job.status(), Status::default());
        let first = job.start(&store, dir.path(), Extent::Whole);
        assert_eq!((first.job, first.running, first.step.as_str()), (1, true, "begin"));
        // One that runs is not begun again.
        assert_eq!(job.start(&store, dir.path(), Extent::Whole).job, 1);
        let ended = job.wait(1).await;
        assert_eq!((ended.job, ended.running, ended.step.as_str()), (1, false, "end"));
        assert!(ended.started.is_some() && ended.finished.is_some());
        assert!(ended.error.unwrap().contains("database"));
        assert_eq!(job.start(&store, dir.path(), Extent::Whole).job, 2);
        assert!(job.wait(2).await.error.is_some());
    }
}
