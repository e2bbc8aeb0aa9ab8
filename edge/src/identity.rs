//! Who this device is: its key at rest, and what enrolment gave it.
//!
//! The key is `device.key` in the data folder, or the systemd credential of that name. Where both are there, the right one
//! is the one whose id was enrolled. A rotation writes the new key aside as `device.key.next`, notes in the store what it
//! asks of the bureau, and only then asks; [`key`] takes up what was interrupted: from that note on the new key signs,
//! and the note is sent before anything else until the bureau has taken it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use muster_seal::key::{DeviceKey, NamedKey, PublicKey, Signer};
use muster_seal::second::SecondKey;
use muster_wire::enrol::{EnrolResponse, RotateRequest};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;

use crate::second;
use crate::store::Store;

/// The fact that holds a rotation which the bureau has not answered: JSON of a [`RotateRequest`].
pub const ROTATION: &str = "rotation";
const FILE: &str = "device.key";
const NEXT: &str = "device.key.next";

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
    /// The SM2 key it was enrolled with, which puts a second line under whatever it seals: see [`load_to_sign`].
    pub second: Option<Arc<SecondKey>>,
}

/// The device's key, made the first time: PKCS#8, readable by its owner alone, never overwritten. A rotation that was
/// interrupted is taken up.
///
/// # Errors
/// When it cannot be read or made, others may read it, or it is not the one that was enrolled.
pub fn key(store: &Store) -> Result<DeviceKey> {
    take_up_rotation(store)?;
    if let Some(key) = look(store)? {
        return Ok(key);
    }
    let (aside, path) = (store.dir().join(NEXT), store.dir().join(FILE));
    make(&aside)?;
    link_once(&aside, &path)?;
    read(&path)?.context("the device's key is gone again")
}

/// Gives a key that was written aside its name, unless there is one of that name.
pub(crate) fn link_once(aside: &Path, path: &Path) -> Result<()> {
    // A link does not replace: whoever was first keeps the key.
    match fs::hard_link(aside, path) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(e).context("cannot keep the device's key");
        }
        _ => {}
    }
    fs::remove_file(aside)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// The device's key where there is one; nothing is made or changed.
///
/// # Errors
/// As [`key`].
pub fn look(store: &Store) -> Result<Option<DeviceKey>> {
    let credential = std::env::var_os("CREDENTIALS_DIRECTORY").map(|dir| PathBuf::from(dir).join(FILE));
    choose(store, credential.as_deref())
}

fn choose(store: &Store, credential: Option<&Path>) -> Result<Option<DeviceKey>> {
    let file = read(&store.dir().join(FILE))?;
    let sealed = match credential.filter(|path| path.exists()) {
        // systemd keeps others away from it in its own way.
        Some(path) => Some(parse(path)?),
        None => None,
    };
    let enrolled = store.fact("key_id")?;
    let is_right = |key: &DeviceKey| enrolled.as_ref().is_none_or(|id| *id == key.public().id());
    let found = [sealed, file].into_iter().flatten().collect::<Vec<_>>();
    if enrolled.is_some() && !found.iter().any(is_right) {
        bail!(
            "the key that was enrolled is not here: it may be a credential of the service, or put the right device.key back, \
             or enrol again in a new folder"
        );
    }
    Ok(found.into_iter().find(is_right))
}

/// Makes a key and writes it.
fn make(path: &Path) -> Result<()> {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok().context("no random bytes to be had")?;
    write_key(path, document.as_ref())
}

/// Writes a key so that its owner alone can read it, and that it is there after the plug is pulled.
pub(crate) fn write_key(path: &Path, document: &[u8]) -> Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(document)?;
    file.sync_all()?;
    if let Some(dir) = path.parent() {
        sync_folder(dir)?;
    }
    Ok(())
}

pub(crate) fn sync_folder(dir: &Path) -> Result<()> {
    Ok(File::open(dir)?.sync_all()?)
}

fn parse(path: &Path) -> Result<DeviceKey> {
    let document = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    DeviceKey::from_pkcs8(&document).with_context(|| format!("{} is damaged", path.display()))
}

fn read(path: &Path) -> Result<Option<DeviceKey>> {
    if !path.exists() {
        return Ok(None);
    }
    check_private(path)?;
    parse(path).map(Some)
}

/// Checks that others cannot read a key.
pub(crate) fn check_private(path: &Path) -> Result<()> {
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!(
            "{}: others may read the device's key: run `chmod 600` on it, and ask the bureau for a new enrolment if the machine is shared",
            path.display()
        );
    }
    Ok(())
}

/// Makes the key that is to follow, beside the one in use.
///
/// # Errors
/// When it cannot be written.
pub fn make_next(store: &Store) -> Result<DeviceKey> {
    let path = store.dir().join(NEXT);
    make(&path)?;
    parse(&path)
}

/// Drops the key that was to follow: the bureau did not want it.
///
/// # Errors
/// When the store or the folder cannot be written.
pub fn drop_next(store: &Store) -> Result<()> {
    store.set_fact(ROTATION, "")?;
    fs::remove_file(store.dir().join(NEXT))?;
    second::drop_next(store)?;
    sync_folder(store.dir())
}

/// Puts the key that a noted rotation is about in the place of the one before; safe to repeat from any point.
///
/// # Errors
/// When the store or the folder cannot be written.
pub fn take_up_rotation(store: &Store) -> Result<()> {
    let Some(text) = store.fact(ROTATION)?.filter(|text| !text.is_empty()) else { return Ok(()) };
    let request: RotateRequest = serde_json::from_str(&text).context("the noted rotation cannot be read")?;
    let new = PublicKey::from_base64(&request.key).ok().context("the noted rotation has no key")?;
    let (next, path) = (store.dir().join(NEXT), store.dir().join(FILE));
    if read(&next)?.is_some_and(|key| key.public() == new) {
        fs::rename(&next, &path)?;
        sync_folder(store.dir())?;
    }
    if read(&path)?.is_some_and(|key| key.public() == new) {
        store.set_fact("key_id", &new.id())?;
    }
    second::take_up(store, &request)?;
    Ok(())
}

/// What enrolment gave, with the SM2 key of a device that has one: who seals needs it. `None` before enrolment.
///
/// # Errors
/// As [`load`], and as [`second::look`].
pub fn load_to_sign(store: &Store) -> Result<Option<Identity>> {
    let Some(me) = load(store)? else { return Ok(None) };
    Ok(Some(Identity { second: second::look(store)?, ..me }))
}

/// What enrolment gave, but for the SM2 key; `None` before it.
///
/// # Errors
/// When the store cannot be read.
pub fn load(store: &Store) -> Result<Option<Identity>> {
    let (Some(device), Some(domain), Some(log), Some(site)) =
        (store.fact("device")?, store.fact("domain")?, store.fact("log_key")?, store.fact("site")?)
    else {
        return Ok(None);
    };
    let log_key = NamedKey::parse(&log).context("the central log's key in the store is damaged")?;
    Ok(Some(Identity { device, domain, log_key, site, second: None }))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        (dir, store)
    }

    #[test]
    fn a_key_is_made_once_and_looking_makes_none() {
        let (dir, store) = store();
        assert!(look(&store).unwrap().is_none() && !dir.path().join(FILE).exists());
        let made = key(&store).unwrap().public();
        assert_eq!(key(&store).unwrap().public(), made);
        fs::set_permissions(dir.path().join(FILE), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(key(&store).unwrap_err().to_string().contains("chmod 600"));
    }

    #[test]
    fn of_a_credential_and_a_file_the_enrolled_one_is_right() {
        let (dir, store) = store();
        let credential = dir.path().join("credential");
        make(&credential).unwrap();
        let sealed = parse(&credential).unwrap().public();
        let plain = key(&store).unwrap().public();
        let chosen = || choose(&store, Some(&credential)).map(|key| key.map(|key| key.public()));
        assert_eq!(chosen().unwrap(), Some(sealed));
        store.set_fact("key_id", &plain.id()).unwrap();
        assert_eq!(chosen().unwrap(), Some(plain));
        store.set_fact("key_id", &sealed.id()).unwrap();
        assert_eq!(chosen().unwrap(), Some(sealed));
        store.set_fact("key_id", "another").unwrap();
        assert!(key(&store).is_err(), "no new key takes the place of one that was enrolled");
        assert!(chosen().unwrap_err().to_string().contains("the key that was enrolled is not here"));
    }

    #[test]
    fn a_rotation_interrupted_at_any_point_leaves_one_key_that_is_the_enrolled_one() {
        let note = |key: &DeviceKey| {
            let key = key.public().to_base64();
            let request = RotateRequest { counter: 0, key, by_old: String::new(), by_new: String::new(), sm2: None };
            serde_json::to_string(&request).unwrap()
        };
        for crash in 0..4 {
            let (dir, store) = store();
            let old = key(&store).unwrap();
            store.set_fact("key_id", &old.public().id()).unwrap();
            let next = make_next(&store).unwrap();
            // The new key alone is nothing yet: nobody was asked.
            let mut want = old.public();
            if crash >= 1 {
                store.set_fact(ROTATION, &note(&next)).unwrap();
                want = next.public();
            }
            if crash >= 2 {
                fs::rename(dir.path().join(NEXT), dir.path().join(FILE)).unwrap();
            }
            if crash >= 3 {
                store.set_fact("key_id", &next.public().id()).unwrap();
            }
            for _ in 0..2 {
                assert_eq!(key(&store).unwrap().public(), want, "crash point {crash}");
            }
        }
    }
}
