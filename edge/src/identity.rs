//! Who this device is: its key at rest, and what enrolment gave it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result, bail};
use muster_seal::key::{DeviceKey, NamedKey, Signer};
use muster_wire::enrol::EnrolResponse;
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;

use crate::store::Store;

/// What enrolment gave.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The device's id.
    pub device: String,
    /// The bureau's domain.
    pub domain: String,
    /// The central log's key.
    pub log_key: NamedKey,
    /// The device's site.
    pub site: String,
}

/// Reads the device's key, making it the first time: PKCS#8, readable by its owner alone, never overwritten.
///
/// # Errors
/// When it cannot be read or made, or others may read it.
pub fn key(dir: &Path) -> Result<DeviceKey> {
    let path = dir.join("device.key");
    if !path.exists() {
        let document =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok().context("no random bytes to be had")?;
        let aside = dir.join("device.key.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.write_all(document.as_ref())?;
        file.sync_all()?;
        // A link does not replace: whoever was first keeps the key.
        match fs::hard_link(&aside, &path) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(e).context("cannot keep the device's key");
            }
            _ => {}
        }
        fs::remove_file(&aside)?;
        File::open(dir)?.sync_all()?;
    }
    let mode = fs::metadata(&path)?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!(
            "{}: others may read the device's key: run `chmod 600` on it, and ask the bureau for a new enrolment if the machine is shared",
            path.display()
        );
    }
    let document = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    DeviceKey::from_pkcs8(&document).with_context(|| format!("{} is damaged", path.display()))
}

/// What enrolment gave; `None` before it.
///
/// # Errors
/// When the store cannot be read, or belongs to another key.
pub fn load(store: &Store, key: &DeviceKey) -> Result<Option<Identity>> {
    let (Some(device), Some(domain), Some(log), Some(site), Some(id)) = (
        store.fact("device")?,
        store.fact("domain")?,
        store.fact("log_key")?,
        store.fact("site")?,
        store.fact("key_id")?,
    ) else {
        return Ok(None);
    };
    if id != key.public().id() {
        bail!("device.key is not the key that was enrolled: put the right one back, or enrol again in a new folder");
    }
    let log_key = NamedKey::parse(&log).context("the central log's key in the store is damaged")?;
    Ok(Some(Identity { device, domain, log_key, site }))
}

/// Keeps what enrolment gave.
///
/// # Errors
/// When the store cannot be written, or the answer is not what an enrolment gives.
pub fn keep(store: &Store, key: &DeviceKey, given: &EnrolResponse) -> Result<()> {
    NamedKey::parse(&given.log_key).context("the bureau sent no central log key")?;
    for (name, value) in [
        ("device", &given.device),
        ("domain", &given.domain),
        ("log_key", &given.log_key),
        ("site", &given.site),
        ("institution", &given.institution),
        ("key_id", &key.public().id()),
    ] {
        store.set_fact(name, value)?;
    }
    Ok(())
}
