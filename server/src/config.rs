//! Configuration of `muster-server serve`: a TOML file whose every key has a default; the command line wins.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::app::Passwords;

/// What can be configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where everything is kept.
    pub data: PathBuf,
    /// The bureau's domain, the first part of every origin. Fixed when the data directory is made.
    pub domain: String,
    /// Where devices and log monitors connect.
    pub devices: SocketAddr,
    /// Where officials connect.
    pub bureau: SocketAddr,
    /// A file with the officials' password, for HTTP Basic; needed when `bureau` is not a loopback address.
    pub bureau_password_file: Option<PathBuf>,
    /// A file with the password of the desk that looks at officials' conduct; the desk is closed without one. It is the unit
    /// above's or the discipline body's, and not the bureau's own.
    pub conduct_password_file: Option<PathBuf>,
    /// How often to look for new logs and claims to reconcile, in seconds; 0 leaves it to the command and the button.
    pub reconcile_every_s: u64,
    /// `sm2-sm3` demands a second signature line in SM2 of every device and puts one under the log's own checkpoints;
    /// `none` turns it off again. Left out, the data directory keeps what it has, which at first is none.
    pub second_signature: Option<String>,
    /// Where evidence is kept: an address `s3://bucket/prefix`, a folder by its whole path, or `folder`, which is in the data
    /// directory. Left out, it stays where it is, which at first is the data directory.
    pub evidence: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("muster-data"),
            domain: crate::store::DEFAULT_DOMAIN.to_owned(),
            devices: SocketAddr::from(([127, 0, 0, 1], 8630)),
            bureau: SocketAddr::from(([127, 0, 0, 1], 8631)),
            bureau_password_file: None,
            conduct_password_file: None,
            reconcile_every_s: 0,
            second_signature: None,
            evidence: None,
        }
    }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or has an unknown key or a wrong value; names file and line.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not a configuration", path.display()))
    }

    /// The officials' passwords, as far as they are configured.
    ///
    /// # Errors
    /// When a file cannot be read or holds too little, when both desks would have one password, or when the pages would be open
    /// to a network without one.
    pub fn passwords(&self) -> Result<Passwords> {
        let of = |file: &Option<PathBuf>| file.as_deref().map(password).transpose();
        let passwords =
            Passwords { claims: of(&self.bureau_password_file)?, conduct: of(&self.conduct_password_file)? };
        match &passwords.claims {
            Some(_) if passwords.claims == passwords.conduct => bail!(
                "公职人员行为岗位的密码不得与业务岗位相同\n\
                 conduct_password_file and bureau_password_file must hold different passwords"
            ),
            Some(_) => Ok(passwords),
            None if self.bureau.ip().is_loopback() => Ok(passwords),
            None => bail!(
                "{} 不是本机地址：请设置 bureau_password_file，或改回 127.0.0.1\n\
                 {} is not a loopback address: set bureau_password_file, or go back to 127.0.0.1",
                self.bureau,
                self.bureau
            ),
        }
    }
}

fn password(path: &Path) -> Result<Arc<str>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let password = text.trim();
    if password.len() < 12 {
        bail!("{}: the password must have 12 characters or more", path.display());
    }
    Ok(password.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_not_opened_to_a_network_without_a_password() {
        let open = Config { bureau: SocketAddr::from(([0, 0, 0, 0], 8631)), ..Config::default() };
        assert!(open.passwords().unwrap_err().to_string().contains("not a loopback address"));
        assert_eq!(Config::default().passwords().unwrap().claims, None);
        assert!(toml::from_str::<Config>("devcies = \"127.0.0.1:1\"").is_err());
    }

    #[test]
    fn the_two_desks_have_two_passwords() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            Some(path)
        };
        let (one, other) = (file("one", "twelve letters\n"), file("other", "twelve others\n"));
        let of = |claims: &Option<PathBuf>, conduct: &Option<PathBuf>| {
            let (bureau_password_file, conduct_password_file) = (claims.clone(), conduct.clone());
            Config { bureau_password_file, conduct_password_file, ..Config::default() }.passwords()
        };
        assert!(of(&one, &one).unwrap_err().to_string().contains("different passwords"));
        assert!(of(&one, &file("short", "short")).is_err());
        assert_eq!(of(&one, &other).unwrap().conduct.as_deref(), Some("twelve others"));
        assert_eq!(of(&None, &other).unwrap().claims, None);
    }
}
