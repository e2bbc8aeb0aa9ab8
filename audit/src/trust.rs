//! What the auditor trusts: the bureau's domain, the central log's key, the witnesses that must stand for it, the counting
//! policies. From a file of their own.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use muster_hours::policy::Policy;
use muster_seal::key::{NamedKey, Verifier};
use muster_seal::policy as tlog;
use muster_seal::second::Point;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    domain: String,
    log: String,
    profile: Option<String>,
    log_sm2: Option<String>,
    tlog_policy: Option<String>,
    policy: Vec<Policy>,
}

/// What the auditor trusts.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The bureau's domain: seals have origins under it.
    pub domain: String,
    /// The central log's key.
    pub log: NamedKey,
    /// The log's SM2 key where the file has `profile = "sm2-sm3"`: then second lines are demanded.
    pub second: Option<Point>,
    /// Which witnesses must stand for it, as a `tlog-policy`; nobody where the file asks for none.
    pub witnesses: tlog::Policy,
    /// The counting policies that the auditor holds.
    pub policies: Vec<Policy>,
}

impl Trust {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is not of this form, or its key is none.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is no trust file", path.display()))
    }

    /// Parses a file's text.
    ///
    /// # Errors
    /// As [`Trust::read`].
    pub fn parse(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text)?;
        let log = NamedKey::parse(&file.log).context("`log`")?;
        ensure!(log.name() == format!("{}/log", file.domain), "`log` is not the key of {}/log", file.domain);
        let second = crate::second::read(file.profile.as_deref(), file.log_sm2.as_deref(), &log)?;
        ensure!(!file.policy.is_empty(), "there is no [[policy]]: hours cannot be counted without one");
        let text = file.tlog_policy.unwrap_or_else(|| format!("log {log}\nquorum none\n"));
        let witnesses = tlog::Policy::parse(text.as_bytes());
        // Its errors say their source themselves.
        let witnesses = witnesses.map_err(|e| anyhow!("`tlog_policy`: {e}"))?;
        ensure!(
            matches!(witnesses.logs(), [one] if one.key == log),
            "`tlog_policy` must have one `log` line, and its key must be that of `log`"
        );
        Ok(Self { domain: file.domain, log, second, witnesses, policies: file.policy })
    }
}
