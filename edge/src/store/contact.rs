//! Contacts: kept before they are sent, sent as they are until they are accepted. And what says that this disk is old.

use muster_seal::chain::Contact;
use muster_seal::checkpoint::Checkpoint;
use muster_seal::key::DeviceKey;
use muster_seal::second;
use rusqlite::params;

use super::log::{all_sealed, next_link};
use super::{Store, StoreError};
use crate::identity::Identity;

/// The name of the fact that says this disk is an old copy, and why.
const STALE: &str = "stale";
/// When the bureau last heard of this device, by this device's clock, in milliseconds.
const HEARD: &str = "heard_ms";

impl Store {
    /// Signs a contact over the beacon that the device holds, and keeps it. Gives its counter; `None` without a beacon.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Unfinished`] while a session has no final seal.
    pub fn put_contact(&mut self, me: &Identity, key: &DeviceKey) -> Result<Option<u64>, StoreError> {
        let Some(beacon) = self.held_beacon(me)? else { return Ok(None) };
        let tx = self.conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        all_sealed(&tx)?;
        let (counter, prev) = next_link(&tx)?;
        let device = me.device.clone();
        let contact = Contact { device, counter, prev, beacon: beacon.size, root: beacon.root };
        let origin = Contact::origin(&me.domain, &me.device, counter);
        let note = second::under(contact.sign(&me.domain, key), &origin, me.second.as_deref());
        tx.execute("INSERT INTO contact (counter, note) VALUES (?, ?)", params![counter as i64, note])?;
        tx.commit()?;
        Ok(Some(counter))
    }

    /// Notes that the bureau took a contact.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_accepted(&self, counter: u64) -> Result<(), StoreError> {
        let sql = "UPDATE contact SET accepted = 1, refused = NULL WHERE counter = ?";
        self.conn.execute(sql, [counter as i64])?;
        Ok(())
    }

    /// The checkpoint that the beacon is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn held_beacon(&self, me: &Identity) -> Result<Option<Checkpoint>, StoreError> {
        Ok(Checkpoint::open(self.beacon()?.as_bytes(), &me.log_key).ok())
    }

    /// The size of the central log that the last session or contact named: a newer beacon says more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn named_beacon(&self, me: &Identity) -> Result<u64, StoreError> {
        let (next, _) = self.next_counter()?;
        let counter = (next - 1) as i64;
        let contact = self.conn.query_row("SELECT note FROM contact WHERE counter = ?", [counter], |r| r.get(0));
        if let Ok(note) = contact {
            let note: String = note;
            let size = note.lines().nth(2).and_then(|l| l.strip_prefix("beacon ")?.split(' ').next()?.parse().ok());
            return Ok(size.unwrap_or(0));
        }
        let sql = "SELECT line FROM line WHERE counter = ? AND seq = 0";
        let Ok(line) = self.conn.query_row(sql, [counter], |r| r.get::<_, Vec<u8>>(0)) else { return Ok(0) };
        let beacon = muster_seal::record::Record::parse(&line).ok().and_then(|record| match record.body {
            muster_seal::record::Body::Open(open) => Checkpoint::open(open.beacon.as_bytes(), &me.log_key).ok(),
            _ => None,
        });
        Ok(beacon.map_or(0, |beacon| beacon.size))
    }

    /// When the bureau last heard of this device; `None` before the first time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn heard_ms(&self) -> Result<Option<i64>, StoreError> {
        Ok(self.fact(HEARD)?.and_then(|ms| ms.parse().ok()))
    }

    /// Notes when the bureau heard of this device.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_heard(&self, now_ms: i64) -> Result<(), StoreError> {
        self.set_fact(HEARD, &now_ms.to_string())
    }

    /// Why this disk must not go on: it is an old copy, or its log is forked. `None` when it may.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn stale(&self) -> Result<Option<String>, StoreError> {
        Ok(self.fact(STALE)?.filter(|why| !why.is_empty()))
    }

    /// Notes that this disk must not go on, or that it may again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_stale(&self, why: Option<&str>) -> Result<(), StoreError> {
        self.set_fact(STALE, why.unwrap_or_default())
    }
}
