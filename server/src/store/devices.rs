//! Devices and their enrolment codes.

use muster_seal::central::Leaf;
use muster_seal::key::PublicKey;
use muster_seal::life::Life;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::StoreError;

/// An enrolled device, as the central log's leaves about it say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub device: String,
    /// The key that it signs with now.
    pub key: PublicKey,
    /// Its site.
    pub site: String,
    /// Its keys by counter, and whether it ended.
    pub life: Life,
}

/// A device by its id.
///
/// # Errors
/// [`StoreError`].
pub fn device(conn: &Connection, id: &str) -> Result<Option<Device>, StoreError> {
    let mut get = conn.prepare_cached("SELECT site FROM device WHERE device = ?")?;
    let Some(site) = get.query_row([id], |row| row.get(0)).optional()? else { return Ok(None) };
    let leaves = leaves(conn, id)?;
    let life = Life::read(id, leaves.iter().map(|(index, leaf, _)| (*index, leaf)))?;
    Ok(Some(Device { device: id.to_owned(), key: life.key(), site, life }))
}

/// The leaves about a device's life, in order: index, leaf, and its bytes.
///
/// # Errors
/// [`StoreError`].
pub fn leaves(conn: &Connection, device: &str) -> Result<Vec<(u64, Leaf, Vec<u8>)>, StoreError> {
    let sql = "SELECT d.log_index, l.line FROM device_leaf d JOIN leaf l ON l.idx = d.log_index
               WHERE d.device = ? ORDER BY d.log_index";
    let mut get = conn.prepare_cached(sql)?;
    let rows = get.query_map([device], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, Vec<u8>>(1)?)))?;
    rows.map(|row| {
        let (index, line) = row?;
        let leaf = Leaf::parse(&line).map_err(|_| StoreError::Corrupt("a leaf about a device"))?;
        Ok((index, leaf, line))
    })
    .collect()
}

/// Notes that a leaf is about a device's life.
///
/// # Errors
/// [`StoreError`].
pub fn put_leaf(tx: &Transaction<'_>, device: &str, log_index: u64) -> Result<(), StoreError> {
    tx.execute("INSERT INTO device_leaf VALUES (?, ?)", params![device, log_index as i64])?;
    Ok(())
}

/// An enrolment code as the bureau made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// For which site.
    pub site: String,
    /// What the device is called there.
    pub name: String,
    /// When it ends, in milliseconds since 1970-01-01T00:00Z.
    pub expires_ms: i64,
    /// The device whose place the new one takes, and the last counter of that one that counts.
    pub replaces: Option<(String, u64)>,
    /// The device that used it.
    pub used_by: Option<String>,
}

/// Keeps an enrolment code by its hash.
///
/// # Errors
/// [`StoreError`], also when there is no such site.
pub fn put_code(tx: &Transaction<'_>, code_sha256: &str, code: &Code) -> Result<(), StoreError> {
    let (old, counter) = code.replaces.clone().unzip();
    tx.execute(
        "INSERT INTO enrol_code (code_sha256, site, name, expires_ms, replaces, replaces_counter)
         VALUES (?, ?, ?, ?, ?, ?)",
        params![code_sha256, code.site, code.name, code.expires_ms, old, counter.map(|n| n as i64)],
    )?;
    Ok(())
}

/// An enrolment code by its hash.
///
/// # Errors
/// [`StoreError`].
pub fn code(conn: &Connection, code_sha256: &str) -> Result<Option<Code>, StoreError> {
    let sql =
        "SELECT site, name, expires_ms, replaces, replaces_counter, used_by FROM enrol_code WHERE code_sha256 = ?";
    let code = conn.query_row(sql, [code_sha256], |row| {
        let (old, counter): (Option<String>, Option<i64>) = (row.get(3)?, row.get(4)?);
        Ok(Code {
            site: row.get(0)?,
            name: row.get(1)?,
            expires_ms: row.get(2)?,
            replaces: old.zip(counter.map(|n| n as u64)),
            used_by: row.get(5)?,
        })
    });
    Ok(code.optional()?)
}

/// Enrols a device with a code; its leaf is at `log_index`.
///
/// # Errors
/// [`StoreError`].
pub fn enrol(
    tx: &Transaction<'_>,
    device: &str,
    key: PublicKey,
    code: &Code,
    code_sha256: &str,
    log_index: u64,
    at: &str,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO device (device, key, site, name, enrolled, log_index) VALUES (?, ?, ?, ?, ?, ?)",
        params![device, key.to_base64(), code.site, code.name, at, log_index as i64],
    )?;
    put_leaf(tx, device, log_index)?;
    tx.execute("UPDATE enrol_code SET used_by = ? WHERE code_sha256 = ?", params![device, code_sha256])?;
    Ok(())
}

/// Notes the key that a device signs with from now on.
///
/// # Errors
/// [`StoreError`], also when another device has it.
pub fn set_key(tx: &Transaction<'_>, device: &str, key: PublicKey) -> Result<(), StoreError> {
    tx.execute("UPDATE device SET key = ? WHERE device = ?", params![key.to_base64(), device])?;
    Ok(())
}

/// When a device was heard of last, in milliseconds since 1970-01-01T00:00Z.
///
/// # Errors
/// [`StoreError`].
pub fn last_contact(conn: &Connection, device: &str) -> Result<Option<i64>, StoreError> {
    let mut get = conn.prepare_cached("SELECT last_contact_ms FROM device WHERE device = ?")?;
    Ok(get.query_row([device], |row| row.get(0)).optional()?.flatten())
}

/// Notes that a device was heard of.
///
/// # Errors
/// [`StoreError`].
pub fn contact(tx: &Transaction<'_>, device: &str, at_ms: i64) -> Result<(), StoreError> {
    tx.execute("UPDATE device SET last_contact_ms = ? WHERE device = ?", params![at_ms, device])?;
    Ok(())
}
