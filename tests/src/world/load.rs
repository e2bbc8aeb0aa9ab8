//! Puts a world into a data directory of the server, by the server's own functions, a town in one transaction.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use muster_hours::policy::{PayMode, Policy};
use muster_seal::central::{EnrolLeaf, Leaf};
use muster_seal::key::{DeviceKey, Signer};
use muster_seal::merkle::sha256;
use muster_server::central;
use muster_server::import::{What, set_card_key, take};
use muster_server::ingest::bulk::Writer;
use muster_server::store::devices::{self, Code};
use muster_server::store::{Store, StoreError, checkpoints, put_setting, sessions, witness};
use rusqlite::Transaction;

use super::dossier::FILES;
use super::papers::Paper;
use super::plan::Town;
use super::rng::Rng;
use super::run::{Bureau, Came, Year};
use super::time::{DAY, midnight, rfc3339};

/// The made-up bureau's domain.
pub const DOMAIN: &str = "world.muster.example";

/// The policies of a world: by the hour, a lump sum, by card alone, and with the enrolled face.
pub fn policies() -> Vec<Policy> {
    let of =
        |version: &str, level, pay_mode| Policy { version: version.to_owned(), level, pay_mode, ..Policy::default() };
    vec![
        of("world-hour", 2, PayMode::PerHour),
        of("world-lump", 2, PayMode::Lump),
        of("world-card", 1, PayMode::PerHour),
        of("world-face", 3, PayMode::PerHour),
    ]
}

/// A policy as the bureau's file.
///
/// # Errors
/// When it cannot be written as TOML.
pub fn policy_file(policy: &Policy) -> Result<String> {
    Ok(toml::to_string(policy)?)
}

/// A data directory with the policies in force, its secrets made from the seed, so that the same world is the same bytes.
///
/// # Errors
/// When there is one already, or it cannot be written.
pub fn open(dir: &Path, seed: u64, first_day: i64) -> Result<(Store, Bureau)> {
    anyhow::ensure!(!dir.exists(), "{} is there already: choose another folder", dir.display());
    let store = Store::open(dir, Some(DOMAIN))?;
    let mut rng = Rng::of(seed, &[u64::MAX]);
    store.write(|tx| {
        put_setting(tx, "log_key", &pkcs8(rng.bytes()))?;
        put_setting(tx, "witness_seed", &rng.bytes::<32>())?;
        put_setting(tx, "person_key", &rng.bytes::<32>())
    })?;
    let policies = policies();
    for policy in &policies {
        let (file, now) = (policy_file(policy)?, rfc3339(midnight(first_day) - 60 * DAY));
        store.write(|tx| take(tx, What::Policy, "policy.toml", file.as_bytes(), &now))?;
    }
    central::settle(&store)?;
    let (log_key, beacon) =
        store.read(|conn| Ok::<_, StoreError>((checkpoints::verifier(conn)?, witness::newest(conn)?)))?;
    let bureau = Bureau::new(DOMAIN.to_owned(), log_key, beacon, policies)?;
    Ok((store, bureau))
}

/// An Ed25519 key as PKCS #8 version 2 (RFC 8410 and 5958), as `ring` writes it.
fn pkcs8(seed: [u8; 32]) -> Vec<u8> {
    const HEAD: [u8; 16] = [0x30, 0x51, 2, 1, 1, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let public = DeviceKey::from_seed(seed).public();
    [&HEAD[..], &seed, &[0x81, 0x21, 0], &public.0].concat()
}

/// Puts the files in that all towns share: whole tables, and what officials decided.
///
/// # Errors
/// What the server refused, with the file.
pub fn put_lists(store: &Store, import: &Path, at: &str) -> Result<()> {
    for (name, _) in FILES {
        let what = match name.strip_prefix("table-") {
            Some(table) => What::table(table),
            None => What::parse(name),
        };
        let what = what.with_context(|| format!("the server imports no {name}"))?;
        let bytes = fs::read(import.join(format!("{name}.csv")))?;
        // Nothing to say is no file: a rule that needs the table is not testable then.
        if bytes.iter().filter(|b| **b == b'\n').count() > 1 {
            store.write(|tx| take(tx, what, name, &bytes, at)).with_context(|| format!("{name}.csv"))?;
        }
    }
    Ok(central::settle(store)?)
}

/// Puts a town in; gives the central log's size after it.
///
/// # Errors
/// What the server refused.
pub fn put(store: &Store, town: &Town, year: &mut Year, before: &[Paper], claims: &[Paper]) -> Result<u64> {
    let came = std::mem::take(&mut year.came);
    store
        .write(|tx| -> Result<(), Refused> {
            for paper in before {
                file(tx, paper)?;
                if paper.what == What::Classes {
                    for class in &town.classes {
                        set_card_key(tx, &class.id, &class.card_key)?;
                    }
                }
            }
            let at = before.first().map_or(0, |paper| paper.at);
            for device in 0..town.devices.len() {
                enrol(tx, town, device, &rfc3339(at + DAY))?;
            }
            let mut writer = Writer::new(tx)?;
            for (at, came) in came {
                let received = rfc3339(at);
                match came {
                    Came::Session(ready) => writer.session(*ready, &received).map_err(|e| refused(&e))?,
                    Came::Contact(device, counter, note) => {
                        writer.contact(&device, counter, &note, &received).map_err(|e| refused(&e))?;
                    }
                    Came::Fork(device, counter, a, b) => {
                        let fork = sessions::Fork { first: &a, second: &b, after_end: false };
                        sessions::put_fork(tx, &device, counter, fork, &received)?
                    }
                }
            }
            for paper in claims {
                file(tx, paper)?;
            }
            Ok(())
        })
        .map_err(|refused| refused.0)
        .with_context(|| format!("town {}", town.index))?;
    central::settle(store)?;
    let head = store.read(checkpoints::head)?;
    Ok(head.map_or(0, |head| head.edge.size()))
}

/// Why a town was not taken.
struct Refused(anyhow::Error);

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self(error.into())
    }
}

fn refused(error: &muster_server::error::ApiError) -> Refused {
    Refused(anyhow!("{:?}: {}", error.0.kind, error.0.detail))
}

fn file(tx: &Transaction<'_>, paper: &Paper) -> Result<(), Refused> {
    let taken = take(tx, paper.what, &paper.name, paper.known().as_bytes(), &rfc3339(paper.at));
    taken.map(drop).map_err(|e| Refused(anyhow::Error::new(e)))
}

fn enrol(tx: &Transaction<'_>, town: &Town, device: usize, at: &str) -> Result<(), StoreError> {
    let device = &town.devices[device];
    let site = &town.sites[device.site];
    let key = device.key.public();
    let leaf = Leaf::Enrol(EnrolLeaf {
        sm2: None,
        device: device.id.clone(),
        key: key.to_base64(),
        site: site.id.clone(),
        institution: town.institutions[site.institution].id.clone(),
        at: at.to_owned(),
    });
    let index = checkpoints::append(tx, &[leaf.line()])?;
    // The code that it would have been given, used up.
    let hash = hex::encode(sha256(format!("code of {}", device.id).as_bytes()));
    let (site, name) = (site.id.clone(), "门口".to_owned());
    let code = Code { site, name, expires_ms: 0, replaces: None, used_by: None };
    devices::put_code(tx, &hash, &code)?;
    devices::enrol(tx, &device.id, key, &code, &hash, index, at)
}
