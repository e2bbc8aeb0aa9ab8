//! Verifies exported session bundles offline, trusting neither site nor bureau: keys and policy are the auditor's own.

pub mod report;
pub mod text;
pub mod trust;
pub mod verify;
