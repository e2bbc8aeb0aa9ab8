//! Handlers, thin: read the request, call the step, write the answer.

pub mod assignment;
pub mod bundles;
pub mod claims;
pub mod conduct;
pub mod contact;
pub mod device;
pub mod dispositions;
pub mod enrol;
pub mod findings;
pub mod import;
pub mod log;
pub mod upload;
pub mod witness;
