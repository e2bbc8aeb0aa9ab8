//! What the auditor trusts: the bureau's domain, the central log's key, the witnesses that must stand for it, the counting
//! policies. From a file of their own.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use muster_hours::policy::Policy;
use muster_seal::checkpoint::Checkpoint;
use muster_seal::error::NoteError;
use muster_seal::key::{NamedKey, Verifier};
use muster_seal::note::Note;
use muster_seal::policy::{self as tlog, TrustError, Witnessed};
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
    #[serde(default)]
    witnesses: Vec<Since>,
    policy: Vec<Policy>,
}

/// Who must stand for the central log from a size on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Since {
    from_size: u64,
    tlog_policy: String,
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
    /// From which size on which witnesses must stand for it, as a `tlog-policy`; nobody where the file asks for none. Sizes
    /// ascend, and the first is 0.
    witnesses: Vec<(u64, tlog::Policy)>,
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
        let first = file.tlog_policy.unwrap_or_else(|| format!("log {log}\nquorum none\n"));
        let mut witnesses = vec![(0, policy(&first, &log)?)];
        for since in file.witnesses {
            let last = witnesses.last().map_or(0, |(size, _)| *size);
            ensure!(
                (last + 1..=MAX_SIZE).contains(&since.from_size),
                "[[witnesses]]: `from_size` must ascend, from 1 on"
            );
            witnesses.push((since.from_size, policy(&since.tlog_policy, &log)?));
        }
        Ok(Self { domain: file.domain, log, second, witnesses, policies: file.policy })
    }

    /// Who must stand for the central log at a size.
    pub fn witnesses(&self, size: u64) -> &tlog::Policy {
        let at = self.witnesses.partition_point(|(from, _)| *from <= size);
        &self.witnesses[at.saturating_sub(1)].1
    }

    /// The size from which the last policy is asked for. The newest checkpoint of a bundle is at least that large: what is smaller
    /// was perhaps asked for less, and is proved by what is larger.
    pub fn last_from(&self) -> u64 {
        self.witnesses.last().map_or(0, |(from, _)| *from)
    }

    fn witnesses_of(&self, note: &[u8]) -> Result<&tlog::Policy, TrustError> {
        match Checkpoint::parse(Note::parse(note)?.text())?.size {
            size @ ..=MAX_SIZE => Ok(self.witnesses(size)),
            _ => Err(NoteError::Checkpoint("the size is 2^53 or more").into()),
        }
    }

    /// Checks a checkpoint of the central log under the policy of its size.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn check(&self, note: &[u8]) -> Result<Witnessed, TrustError> {
        self.witnesses_of(note)?.check(note)
    }

    /// Opens a checkpoint of the central log, whether or not its quorum stands for it: [`tlog::Policy::cosigned`].
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn cosigned(&self, note: &[u8]) -> Result<(Checkpoint, Vec<(tlog::Octets, u64)>), TrustError> {
        self.witnesses_of(note)?.cosigned(note)
    }
}

/// The largest central log that is read: every verifier counts exactly up to here, whatever its numbers are made of.
pub const MAX_SIZE: u64 = (1 << 53) - 1;

fn policy(text: &str, log: &NamedKey) -> Result<tlog::Policy> {
    // Its errors say their source themselves.
    let policy = tlog::Policy::parse(text.as_bytes()).map_err(|e| anyhow!("`tlog_policy`: {e}"))?;
    ensure!(
        matches!(policy.logs(), [one] if one.key == *log),
        "`tlog_policy` must have one `log` line, and its key must be that of `log`"
    );
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use muster_seal::key::{DeviceKey, Signer};

    use super::*;

    #[test]
    fn a_log_larger_than_every_verifier_counts_is_not_read() {
        let key = DeviceKey::from_seed([1; 32]);
        let log = key.public().named("muster.example/log");
        let counting = toml::to_string(&Policy::default()).unwrap();
        let text = format!("domain = \"muster.example\"\nlog = \"{log}\"\n[[policy]]\n{counting}");
        let trust = Trust::parse(&text).unwrap();
        let check = |size| {
            let note = Checkpoint { origin: log.name().into(), size, root: [1; 32] }.sign(&key);
            trust.check(note.as_bytes()).map(|held| held.checkpoint.size).map_err(|e| e.to_string())
        };
        assert_eq!(check(MAX_SIZE), Ok(MAX_SIZE));
        assert_eq!(check(MAX_SIZE + 1), Err("malformed checkpoint: the size is 2^53 or more".to_owned()));
    }
}
