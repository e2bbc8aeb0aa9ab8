//! A switch with which tests fail one durable step before or after it persisted. Compiled out of release builds.
//!
//! `MUSTER_FAULT=<point>:<before|after>:<n>[:abort]` fails the `n`th time (from 1) that a point is passed: with an error, or
//! with `abort` by ending the process at once, as a pulled plug does.

use crate::store::StoreError;

/// The durable steps, in the order in which a final seal passes them.
pub const POINTS: [&str; 4] = ["commit", "tiles", "checkpoint", "cosigned"];

#[cfg(debug_assertions)]
mod switch {
    use std::collections::BTreeMap;
    use std::sync::{Mutex, OnceLock};

    struct Asked {
        key: String,
        n: u32,
        abort: bool,
    }

    fn asked() -> Option<&'static Asked> {
        static ASKED: OnceLock<Option<Asked>> = OnceLock::new();
        let read = || {
            let text = std::env::var("MUSTER_FAULT").ok()?;
            let mut parts = text.split(':');
            let key = format!("{}:{}", parts.next()?, parts.next()?);
            Some(Asked { key, n: parts.next()?.parse().ok()?, abort: parts.next() == Some("abort") })
        };
        ASKED.get_or_init(read).as_ref()
    }

    pub(super) fn hit(point: &'static str, when: &str) -> bool {
        let Some(asked) = asked() else { return false };
        static PASSED: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());
        let key = format!("{point}:{when}");
        if key != asked.key {
            return false;
        }
        let mut passed = PASSED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let n = passed.entry(key).or_default();
        *n += 1;
        if *n == asked.n && asked.abort {
            std::process::abort();
        }
        *n == asked.n
    }
}

#[cfg(not(debug_assertions))]
mod switch {
    pub(super) fn hit(_point: &'static str, _when: &str) -> bool {
        false
    }
}

/// Before a step persists.
///
/// # Errors
/// [`StoreError::Asked`] when a test asked for it.
pub fn before(point: &'static str) -> Result<(), StoreError> {
    if switch::hit(point, "before") { Err(StoreError::Asked(point)) } else { Ok(()) }
}

/// After a step persisted.
///
/// # Errors
/// [`StoreError::Asked`] when a test asked for it.
pub fn after(point: &'static str) -> Result<(), StoreError> {
    if switch::hit(point, "after") { Err(StoreError::Asked(point)) } else { Ok(()) }
}
