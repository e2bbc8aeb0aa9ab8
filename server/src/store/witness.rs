//! Witnesses' tables: what this server cosigned of its devices' logs, what outside witnesses cosigned of the central log,
//! and the contacts that devices signed between two sessions.

use muster_seal::chain::{Link, seal_id};
use muster_seal::key::{DeviceKey, Signer};
use muster_seal::merkle::Hash;
use muster_seal::policy::Policy;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{StoreError, setting};

/// The key with which this server cosigns its devices' logs.
///
/// # Errors
/// [`StoreError`].
pub fn signer(conn: &Connection) -> Result<DeviceKey, StoreError> {
    let seed: Vec<u8> = setting(conn, "witness_seed")?.ok_or(StoreError::Corrupt("no witness key"))?;
    Ok(DeviceKey::from_seed(seed.try_into().map_err(|_| StoreError::Corrupt("the witness key"))?))
}

/// The name under which it does.
///
/// # Errors
/// [`StoreError`].
pub fn name(conn: &Connection) -> Result<String, StoreError> {
    let domain: String = setting(conn, "domain")?.ok_or(StoreError::Corrupt("no domain"))?;
    Ok(format!("{domain}/witness"))
}

/// Its verifier key, in the form of `tlog-cosignature`.
///
/// # Errors
/// [`StoreError`].
pub fn verifier(conn: &Connection) -> Result<muster_seal::cosignature::WitnessKey, StoreError> {
    Ok(muster_seal::cosignature::WitnessKey::new(&name(conn)?, signer(conn)?.public()))
}

/// The newest checkpoint of a session log that this server cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// As the device signed it.
    pub note: String,
}

/// What was witnessed of a log.
///
/// # Errors
/// [`StoreError`].
pub fn witnessed(conn: &Connection, origin: &str) -> Result<Option<Witnessed>, StoreError> {
    let mut get = conn.prepare_cached("SELECT size, root, note FROM witnessed WHERE origin = ?")?;
    let row = get
        .query_row([origin], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, Vec<u8>>(1)?, row.get(2)?)))
        .optional()?;
    row.map(|(size, root, note)| {
        let root = root.try_into().map_err(|_| StoreError::Corrupt("a witnessed root"))?;
        Ok(Witnessed { size, root, note })
    })
    .transpose()
}

/// Swaps what was witnessed of a log.
///
/// # Errors
/// [`StoreError`].
pub fn put_witnessed(tx: &Transaction<'_>, origin: &str, new: &Witnessed) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO witnessed VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET size = ?2, root = ?3, note = ?4",
    )?
    .execute(params![origin, new.size as i64, &new.root[..], new.note])?;
    Ok(())
}

/// The first checkpoint of at least `size` entries that a quorum stood for.
///
/// # Errors
/// [`StoreError`].
pub fn cosigned_from(conn: &Connection, size: u64) -> Result<Option<String>, StoreError> {
    let mut get = conn.prepare_cached("SELECT note FROM cosigned WHERE size >= ? ORDER BY size LIMIT 1")?;
    Ok(get.query_row([size as i64], |row| row.get(0)).optional()?)
}

/// The newest checkpoint that a quorum stood for; empty before the first.
///
/// # Errors
/// [`StoreError`].
pub fn newest(conn: &Connection) -> Result<String, StoreError> {
    let mut get = conn.prepare_cached("SELECT note FROM cosigned ORDER BY size DESC LIMIT 1")?;
    Ok(get.query_row([], |row| row.get(0)).optional()?.unwrap_or_default())
}

/// Its size; 0 before the first.
///
/// # Errors
/// [`StoreError`].
pub fn newest_size(conn: &Connection) -> Result<u64, StoreError> {
    Ok(conn.query_row("SELECT coalesce(max(size), 0) FROM cosigned", [], |row| row.get::<_, i64>(0))? as u64)
}

/// Keeps a checkpoint that a quorum stands for.
///
/// # Errors
/// [`StoreError`].
pub fn put_cosigned(tx: &Transaction<'_>, size: u64, note: &str) -> Result<(), StoreError> {
    tx.execute("INSERT INTO cosigned VALUES (?1, ?2) ON CONFLICT DO UPDATE SET note = ?2", params![size as i64, note])?;
    Ok(())
}

/// How far an outside witness has come, by what it said last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outside {
    /// Its name in the policy.
    pub name: String,
    /// The size it cosigned last.
    pub size: u64,
    /// When it was asked last, by this server's clock.
    pub at: String,
    /// What was wrong then; empty when nothing was.
    pub trouble: String,
}

/// The outside witnesses that were asked so far.
///
/// # Errors
/// [`StoreError`].
pub fn outside(conn: &Connection) -> Result<Vec<Outside>, StoreError> {
    let mut get = conn.prepare_cached("SELECT name, size, at, trouble FROM witness ORDER BY name")?;
    let rows = get.query_map([], |row| {
        Ok(Outside { name: row.get(0)?, size: row.get::<_, i64>(1)? as u64, at: row.get(2)?, trouble: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Notes what an outside witness said.
///
/// # Errors
/// [`StoreError`].
pub fn put_outside(tx: &Transaction<'_>, outside: &Outside) -> Result<(), StoreError> {
    let Outside { name, size, at, trouble } = outside;
    tx.execute(
        "INSERT INTO witness VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET size = ?2, at = ?3, trouble = ?4",
        params![name, *size as i64, at, trouble],
    )?;
    Ok(())
}

/// A device's contact, as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The counter that it used up.
    pub counter: u64,
    /// The signed note.
    pub note: String,
    /// Its leaf's index.
    pub log_index: u64,
}

/// A device's contacts above one counter and below another, in order.
///
/// # Errors
/// [`StoreError`].
pub fn contacts(conn: &Connection, device: &str, above: u64, below: u64) -> Result<Vec<Kept>, StoreError> {
    let sql = "SELECT counter, note, log_index FROM contact WHERE device = ? AND counter > ? AND counter < ?
               ORDER BY counter";
    let mut get = conn.prepare_cached(sql)?;
    let rows = get.query_map(params![device, above as i64, below as i64], |row| {
        Ok(Kept { counter: row.get::<_, i64>(0)? as u64, note: row.get(1)?, log_index: row.get::<_, i64>(2)? as u64 })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The last counter of a device that this server knows to be used up: by a final session or a contact.
///
/// # Errors
/// [`StoreError`].
pub fn last_counter(conn: &Connection, device: &str) -> Result<u64, StoreError> {
    Ok(link_before(conn, device, u64::MAX >> 1)?.counter)
}

/// The last counter of a device that this server ever saw a seal or a contact of, growing seals too; 0 before the first.
///
/// # Errors
/// [`StoreError`].
pub fn last_seen(conn: &Connection, device: &str) -> Result<u64, StoreError> {
    let domain: String = setting(conn, "domain")?.ok_or(StoreError::Corrupt("no domain"))?;
    let sql = "SELECT coalesce(max(n), 0) FROM (
                 SELECT max(counter) AS n FROM session WHERE device = ?1 AND sealed > 0
                 UNION ALL SELECT max(counter) FROM contact WHERE device = ?1
                 UNION ALL SELECT max(CAST(substr(origin, length(?2) + 1) AS INTEGER)) FROM witnessed
                           WHERE substr(origin, 1, length(?2)) = ?2)";
    let origins = format!("{domain}/d/{device}/s/");
    Ok(conn.query_row(sql, params![device, origins], |row| row.get::<_, i64>(0))? as u64)
}

/// A counter that a device has used, as far as this server saw, and that has not arrived in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// Which counter.
    pub counter: u64,
    /// How many records a growing seal was witnessed over; 0 when nothing of it was ever seen.
    pub records: u64,
}

/// What a device may still deliver, up to a counter.
///
/// # Errors
/// [`StoreError`].
pub fn open_until(conn: &Connection, device: &str, last: u64) -> Result<Vec<Open>, StoreError> {
    let domain: String = setting(conn, "domain")?.ok_or(StoreError::Corrupt("no domain"))?;
    let mut open = Vec::new();
    for counter in link_before(conn, device, last.saturating_add(1))?.counter + 1..=last {
        let seen = witnessed(conn, &muster_seal::session::origin(&domain, device, counter))?;
        open.push(Open { counter, records: seen.map_or(0, |seen| seen.size) });
    }
    Ok(open)
}

/// The first checkpoint of at least `size` entries that a policy's quorum stands for; where there is no policy, or the log
/// is older than it, the first that was shown.
///
/// # Errors
/// [`StoreError`].
pub fn cosigned_under(conn: &Connection, size: u64, policy: Option<&Policy>) -> Result<Option<String>, StoreError> {
    let Some(policy) = policy else { return cosigned_from(conn, size) };
    let mut get = conn.prepare_cached("SELECT note FROM cosigned WHERE size >= ? ORDER BY size")?;
    let mut rows = get.query([size as i64])?;
    while let Some(row) = rows.next()? {
        let note: String = row.get(0)?;
        if policy.check(note.as_bytes()).is_ok() {
            return Ok(Some(note));
        }
    }
    Ok(None)
}

/// The counter of a device's last final session before another; 0 before the first.
///
/// # Errors
/// [`StoreError`].
pub fn last_session_before(conn: &Connection, device: &str, counter: u64) -> Result<u64, StoreError> {
    let sql = "SELECT coalesce(max(counter), 0) FROM session WHERE device = ? AND counter < ? AND final = 1";
    Ok(conn.query_row(sql, params![device, counter as i64], |row| row.get::<_, i64>(0))? as u64)
}

/// A device's contact at a counter.
///
/// # Errors
/// [`StoreError`].
pub fn contact(conn: &Connection, device: &str, counter: u64) -> Result<Option<Kept>, StoreError> {
    let kept = contacts(conn, device, counter.saturating_sub(1), counter.saturating_add(1))?;
    Ok(kept.into_iter().next())
}

/// Keeps a contact.
///
/// # Errors
/// [`StoreError`].
pub fn put_contact(
    tx: &Transaction<'_>,
    device: &str,
    counter: u64,
    note: &str,
    beacon_size: u64,
    log_index: u64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO contact VALUES (?, ?, ?, ?, ?)";
    tx.execute(sql, params![device, counter as i64, note, beacon_size as i64, log_index as i64])?;
    Ok(())
}

/// Where a device's chain stands before a counter: what its last final session or contact left.
///
/// # Errors
/// [`StoreError`].
pub fn link_before(conn: &Connection, device: &str, counter: u64) -> Result<Link, StoreError> {
    let sql =
        "SELECT counter, seal, coalesce(beacon_size, 0) FROM session WHERE device = ?1 AND counter < ?2 AND final = 1
               UNION ALL SELECT counter, note, beacon_size FROM contact WHERE device = ?1 AND counter < ?2
               ORDER BY 1 DESC LIMIT 1";
    let row = conn.prepare_cached(sql)?.query_row(params![device, counter as i64], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
    });
    Ok(row.optional()?.map_or_else(Link::default, |(counter, seal, beacon)| Link {
        counter: counter as u64,
        seal: seal_id(&seal),
        beacon: beacon as u64,
    }))
}
