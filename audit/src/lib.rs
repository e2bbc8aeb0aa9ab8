//! Verifies exported session bundles offline, trusting neither site nor bureau: keys and policy are the auditor's own.

pub mod batch;
pub mod cap;
pub mod diff;
pub mod mirror;
pub mod report;
pub mod second;
pub mod summary;
pub mod text;
pub mod trust;
pub mod verify;
#[cfg(feature = "witness")]
pub mod witness;
