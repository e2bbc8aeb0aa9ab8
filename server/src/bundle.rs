//! The auditor's bundle of one session: everything that proves it, from the store, under checkpoints that a quorum stands for.

use muster_seal::bundle::{self, Bundle};
use muster_seal::policy::Policy;
use muster_seal::proof::write_hashes;
use rusqlite::Connection;

use crate::central;
use crate::store::{StoreError, checkpoints, devices, sessions, witness};

/// The file's name for a session.
pub fn file_name(device: &str, counter: u64) -> String {
    format!("{device}-{counter}.tar")
}

/// Makes the bundle of a final session; `None` when there is no such session.
///
/// # Errors
/// [`StoreError`]; [`StoreError::NoQuorum`] while no quorum stands for its seal.
pub fn make(
    conn: &Connection,
    policy: Option<&Policy>,
    device: &str,
    counter: u64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(stored) = sessions::session(conn, device, counter)?.filter(|s| s.is_final) else { return Ok(None) };
    let corrupt = |_| StoreError::Corrupt("a final session's log");
    let log = muster_seal::session::parse(&stored.log).map_err(corrupt)?;
    let index = stored.log_index.ok_or(StoreError::Corrupt("a final session without a leaf"))?;
    let waiting = || StoreError::NoQuorum(format!("the seal of {device}/{counter} waits for its witnesses"));
    // The first checkpoint that covers the seal says the most about when; the newest says what became of the device.
    let covering = witness::cosigned_under(conn, index + 1, policy)?.ok_or_else(waiting)?;
    let newest = witness::newest(conn)?;
    let beacon = match log.open().beacon.as_str() {
        "" => Vec::new(),
        note => central::consistency(conn, central::size_of(note)?, &covering)?,
    };
    let after = central::consistency(conn, central::size_of(&covering)?, &newest)?;
    let before = witness::last_session_before(conn, device, counter)?;
    let contacts: Vec<u8> = witness::contacts(conn, device, before, counter)?
        .into_iter()
        .map(|kept| Ok::<_, StoreError>([leaf(conn, kept.log_index)?, b"\n".to_vec()].concat()))
        .collect::<Result<Vec<_>, _>>()?
        .concat();
    let document = sessions::assignment(conn, &stored.assignment)?.ok_or(StoreError::Corrupt("a lost assignment"))?;
    let mut bundle = Bundle::default();
    for (name, bytes) in [
        (bundle::ASSIGNMENT, document.into_bytes()),
        (bundle::BEACON_PROOF, write_hashes(&beacon).into_bytes()),
        (bundle::CONTACTS, contacts),
        (bundle::ENTRY, leaf(conn, index)?),
        (bundle::RECEIPT, central::receipt(conn, index, covering)?.text().into_bytes()),
        (bundle::LOG, stored.log),
        (bundle::NEWEST_PROOF, write_hashes(&after).into_bytes()),
        (bundle::SEAL, stored.seal.into_bytes()),
    ] {
        bundle.put(name, bytes);
    }
    for (index, _, line) in devices::leaves(conn, device)? {
        // What is newer than the newest checkpoint that a quorum stands for is proved by nobody yet.
        if index < central::size_of(&newest)? {
            bundle.push_life(line, central::receipt(conn, index, newest.clone())?.text().into_bytes());
        }
    }
    Ok(Some(bundle.write().map_err(|_| StoreError::Corrupt("a bundle"))?))
}

fn leaf(conn: &Connection, index: u64) -> Result<Vec<u8>, StoreError> {
    Ok(checkpoints::leaves(conn, index, index + 1)?.concat())
}
