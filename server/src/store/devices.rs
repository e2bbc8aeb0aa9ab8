//! Devices and their enrolment codes.

use muster_seal::key::PublicKey;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::StoreError;

/// An enrolled device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub device: String,
    /// Its key.
    pub key: PublicKey,
    /// Its site.
    pub site: String,
    /// The enrol leaf's index.
    pub log_index: u64,
    /// The last counter that counts, once revoked.
    pub revoked_at: Option<u64>,
}

/// A device by its id.
///
/// # Errors
/// [`StoreError`].
pub fn device(conn: &Connection, id: &str) -> Result<Option<Device>, StoreError> {
    let row = conn
        .query_row(
            "SELECT device, key, site, log_index, revoked_at_counter FROM device WHERE device = ?",
            [id],
            |row| {
                let device = (
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get(2)?,
                    row.get::<_, i64>(3)?,
                    row.get::<_, Option<i64>>(4)?,
                );
                Ok(device)
            },
        )
        .optional()?;
    row.map(|(device, key, site, log_index, revoked)| {
        let key = PublicKey::from_base64(&key).map_err(|_| StoreError::Corrupt("a device's key"))?;
        Ok(Device { device, key, site, log_index: log_index as u64, revoked_at: revoked.map(|n| n as u64) })
    })
    .transpose()
}

/// Keeps an enrolment code's hash.
///
/// # Errors
/// [`StoreError`], also when there is no such site.
pub fn put_code(tx: &Transaction<'_>, code_sha256: &str, site: &str, expires_ms: i64) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO enrol_code (code_sha256, site, expires_ms) VALUES (?, ?, ?)",
        params![code_sha256, site, expires_ms],
    )?;
    Ok(())
}

/// A code as it stands: its site, when it ends, and who used it.
pub type Code = (String, i64, Option<String>);

/// An enrolment code by its hash.
///
/// # Errors
/// [`StoreError`].
pub fn code(conn: &Connection, code_sha256: &str) -> Result<Option<Code>, StoreError> {
    let sql = "SELECT site, expires_ms, used_by FROM enrol_code WHERE code_sha256 = ?";
    Ok(conn.query_row(sql, [code_sha256], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?)
}

/// Enrols a device with a code.
///
/// # Errors
/// [`StoreError`].
pub fn enrol(tx: &Transaction<'_>, device: &Device, at: &str, code_sha256: &str) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO device (device, key, site, enrolled, log_index) VALUES (?, ?, ?, ?, ?)",
        params![device.device, device.key.to_base64(), device.site, at, device.log_index as i64],
    )?;
    tx.execute("UPDATE enrol_code SET used_by = ? WHERE code_sha256 = ?", params![device.device, code_sha256])?;
    Ok(())
}

/// Ends a device: its sessions above `counter` count no longer.
///
/// # Errors
/// [`StoreError`].
pub fn revoke(tx: &Transaction<'_>, device: &str, counter: u64) -> Result<(), StoreError> {
    tx.execute("UPDATE device SET revoked_at_counter = ? WHERE device = ?", params![counter as i64, device])?;
    Ok(())
}

/// Notes that a device was heard of.
///
/// # Errors
/// [`StoreError`].
pub fn contact(tx: &Transaction<'_>, device: &str, at_ms: i64) -> Result<(), StoreError> {
    tx.execute("UPDATE device SET last_contact_ms = ? WHERE device = ?", params![at_ms, device])?;
    Ok(())
}
