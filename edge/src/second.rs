//! The device's SM2 key, where the deployment has the profile `sm2-sm3`: `device.sm2.key` beside `device.key`, kept and
//! rotated in the same way, also as a systemd credential of that name. What the device was enrolled with decides whether it
//! signs a second line; the configuration asks for it at enrolment or rotation, and must agree with it afterwards.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use muster_seal::second::{self, Point, SecondKey};
use muster_wire::enrol::RotateRequest;
use ring::rand::{SecureRandom, SystemRandom};

use crate::identity::{self, Identity};
use crate::store::Store;

/// The fact that holds the key that was enrolled: the point in base64.
const FACT: &str = "sm2";
const FILE: &str = "device.sm2.key";
const NEXT: &str = "device.sm2.key.next";

/// The key that was enrolled; `None` where the device was enrolled without.
///
/// # Errors
/// When it is not here, cannot be read, others may read it, or this program was built without SM2.
pub fn look(store: &Store) -> Result<Option<Arc<SecondKey>>> {
    look_in(store, credential().as_deref())
}

fn credential() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(|dir| PathBuf::from(dir).join(FILE))
}

fn look_in(store: &Store, credential: Option<&Path>) -> Result<Option<Arc<SecondKey>>> {
    let Some(enrolled) = store.fact(FACT)?.filter(|text| !text.is_empty()) else { return Ok(None) };
    let enrolled = Point::from_base64(&enrolled).context("the enrolled SM2 key in the store is damaged")?;
    // systemd keeps others away from a credential in its own way.
    let sealed = credential.filter(|path| path.exists()).map(parse).transpose()?;
    let found = sealed.into_iter().chain(read(&store.dir().join(FILE))?).find(|key| key.public() == enrolled);
    match found {
        Some(key) => Ok(Some(Arc::new(key))),
        None => bail!("the SM2 key that was enrolled is not here: put the right {FILE} or its credential back"),
    }
}

/// The key to enrol with, made the first time, never overwritten; `None` where the configuration asks for none.
///
/// # Errors
/// When it cannot be read or made, or this program was built without SM2.
pub fn to_enrol(store: &Store, wanted: bool) -> Result<Option<SecondKey>> {
    if !wanted {
        return Ok(None);
    }
    let path = store.dir().join(FILE);
    if let Some(path) = credential().filter(|credential| credential.exists() && !path.exists()) {
        return parse(&path).map(Some);
    }
    if !path.exists() {
        let aside = store.dir().join(NEXT);
        make(&aside)?;
        identity::link_once(&aside, &path)?;
    }
    read(&path)
}

/// Notes the key that was enrolled.
///
/// # Errors
/// When the store cannot be written.
pub fn keep(store: &Store, key: Option<&SecondKey>) -> Result<()> {
    let text = key.map_or_else(String::new, |key| key.public().to_base64());
    Ok(store.set_fact(FACT, &text)?)
}

/// Checks that the configuration asks for what the device was enrolled with: a device that silently signed less than the
/// bureau demands would be found out only when its sessions are refused.
///
/// # Errors
/// When they differ, with what to do.
pub fn agrees(me: &Identity, wanted: bool) -> Result<()> {
    match (wanted, me.second.is_some()) {
        (true, false) => bail!(
            "second_signature asks for SM2 and this device has no SM2 key in the central log: run `muster-edge rotate` once"
        ),
        (false, true) => bail!(
            "this device was enrolled with an SM2 key: put `second_signature = {:?}` back into the configuration",
            second::PROFILE
        ),
        _ => Ok(()),
    }
}

/// Makes the key that is to follow, beside the one in use.
///
/// # Errors
/// When it cannot be written, or this program was built without SM2.
pub fn make_next(store: &Store) -> Result<SecondKey> {
    let path = store.dir().join(NEXT);
    make(&path)?;
    parse(&path)
}

/// Drops the key that was to follow, if there is one.
///
/// # Errors
/// When the folder cannot be written.
pub fn drop_next(store: &Store) -> Result<()> {
    match std::fs::remove_file(store.dir().join(NEXT)) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e.into()),
        _ => Ok(()),
    }
}

/// Puts the key that a noted rotation is about in the place of the one before; safe to repeat from any point.
///
/// # Errors
/// When the store or the folder cannot be written.
pub fn take_up(store: &Store, request: &RotateRequest) -> Result<()> {
    let Some(sm2) = &request.sm2 else { return Ok(()) };
    let new = Point::from_base64(&sm2.key).context("the noted rotation has no SM2 key")?;
    let (next, path) = (store.dir().join(NEXT), store.dir().join(FILE));
    if read(&next)?.is_some_and(|key| key.public() == new) {
        std::fs::rename(&next, &path)?;
        identity::sync_folder(store.dir())?;
    }
    if read(&path)?.is_some_and(|key| key.public() == new) {
        store.set_fact(FACT, &sm2.key)?;
    }
    Ok(())
}

fn make(path: &Path) -> Result<()> {
    let document = second::document(|| {
        let mut number = [0; 32];
        SystemRandom::new().fill(&mut number).ok().context("no random bytes to be had")?;
        anyhow::Ok(number)
    })?;
    identity::write_key(path, &document)
}

fn parse(path: &Path) -> Result<SecondKey> {
    let document = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    SecondKey::from_pkcs8(&document).with_context(|| path.display().to_string())
}

fn read(path: &Path) -> Result<Option<SecondKey>> {
    if !path.exists() {
        return Ok(None);
    }
    identity::check_private(path)?;
    parse(path).map(Some)
}

#[cfg(test)]
#[cfg(feature = "sm2")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use muster_wire::enrol::Sm2Rotation;

    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        (dir, store)
    }

    fn point(store: &Store) -> Option<Point> {
        look(store).unwrap().map(|key| key.public())
    }

    #[test]
    fn a_key_is_made_once_and_only_where_it_is_asked_for() {
        let (dir, store) = store();
        assert!(to_enrol(&store, false).unwrap().is_none() && !dir.path().join(FILE).exists());
        let made = to_enrol(&store, true).unwrap().unwrap();
        assert_eq!(to_enrol(&store, true).unwrap().unwrap().public(), made.public());
        assert!(!dir.path().join(NEXT).exists());
        assert_eq!(fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(look(&store).unwrap().is_none(), "made is not yet enrolled");
        keep(&store, Some(&made)).unwrap();
        assert_eq!(point(&store), Some(made.public()));
        fs::set_permissions(dir.path().join(FILE), fs::Permissions::from_mode(0o640)).unwrap();
        assert!(look(&store).unwrap_err().to_string().contains("chmod 600"));
    }

    #[test]
    fn of_a_credential_and_a_file_the_enrolled_one_is_right() {
        let (dir, store) = store();
        let credential = dir.path().join("credential");
        make(&credential).unwrap();
        let (sealed, plain) = (parse(&credential).unwrap(), to_enrol(&store, true).unwrap().unwrap());
        for key in [&sealed, &plain] {
            keep(&store, Some(key)).unwrap();
            assert_eq!(look_in(&store, Some(&credential)).unwrap().unwrap().public(), key.public());
        }
        keep(&store, Some(&sealed)).unwrap();
        assert!(look_in(&store, None).unwrap_err().to_string().contains("is not here"));
    }

    #[test]
    fn a_rotation_interrupted_at_any_point_leaves_the_noted_key() {
        for crash in 0..3 {
            let (dir, store) = store();
            let old = to_enrol(&store, true).unwrap().unwrap();
            keep(&store, Some(&old)).unwrap();
            let next = make_next(&store).unwrap();
            assert_eq!(point(&store), Some(old.public()));
            let sm2 = Sm2Rotation { key: next.public().to_base64(), by_old: None, by_new: String::new() };
            let (key, by_old, by_new) = (String::new(), String::new(), String::new());
            let request = RotateRequest { counter: 0, key, by_old, by_new, sm2: Some(sm2) };
            if crash >= 1 {
                fs::rename(dir.path().join(NEXT), dir.path().join(FILE)).unwrap();
            }
            if crash >= 2 {
                keep(&store, Some(&next)).unwrap();
            }
            for _ in 0..2 {
                take_up(&store, &request).unwrap();
                assert_eq!(point(&store), Some(next.public()), "crash point {crash}");
            }
        }
    }
}
