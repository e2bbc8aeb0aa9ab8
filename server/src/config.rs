//! Configuration of `muster-server serve`: a TOML file whose every key has a default; the command line wins.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

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
    /// How often to look for new logs and claims to reconcile, in seconds; 0 leaves it to the command and the button.
    pub reconcile_every_s: u64,
    /// `sm2-sm3` demands a second signature line in SM2 of every device and puts one under the log's own checkpoints;
    /// `none` turns it off again. Left out, the data directory keeps what it has, which at first is none.
    pub second_signature: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("muster-data"),
            domain: crate::store::DEFAULT_DOMAIN.to_owned(),
            devices: SocketAddr::from(([127, 0, 0, 1], 8630)),
            bureau: SocketAddr::from(([127, 0, 0, 1], 8631)),
            bureau_password_file: None,
            reconcile_every_s: 0,
            second_signature: None,
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

    /// The officials' password, if one is configured.
    ///
    /// # Errors
    /// When the file cannot be read or is empty, or when the pages would be open to a network without one.
    pub fn password(&self) -> Result<Option<String>> {
        match &self.bureau_password_file {
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
                let password = text.trim().to_owned();
                if password.len() < 12 {
                    bail!("{}: the password must have 12 characters or more", path.display());
                }
                Ok(Some(password))
            }
            None if self.bureau.ip().is_loopback() => Ok(None),
            None => bail!(
                "{} 不是本机地址：请设置 bureau_password_file，或改回 127.0.0.1\n\
                 {} is not a loopback address: set bureau_password_file, or go back to 127.0.0.1",
                self.bureau,
                self.bureau
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_not_opened_to_a_network_without_a_password() {
        let open = Config { bureau: SocketAddr::from(([0, 0, 0, 0], 8631)), ..Config::default() };
        assert!(open.password().unwrap_err().to_string().contains("not a loopback address"));
        assert_eq!(Config::default().password().unwrap(), None);
        assert!(toml::from_str::<Config>("devcies = \"127.0.0.1:1\"").is_err());
    }
}
