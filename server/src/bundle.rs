//! The auditor's bundle of one session: everything that proves it, from the store, under the newest checkpoint.

use muster_seal::bundle::{self, Bundle};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::proof::write_hashes;
use muster_seal::record::Body;
use rusqlite::Connection;

use crate::central;
use crate::store::{StoreError, checkpoints, devices, sessions};

/// The file's name for a session.
pub fn file_name(device: &str, counter: u64) -> String {
    format!("{device}-{counter}.tar")
}

/// Makes the bundle of a final session; `None` when there is no such session.
///
/// # Errors
/// [`StoreError`].
pub fn make(conn: &Connection, device: &str, counter: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(stored) = sessions::session(conn, device, counter)?.filter(|s| s.is_final) else { return Ok(None) };
    let corrupt = |_| StoreError::Corrupt("a final session's log");
    let log = muster_seal::session::parse(&stored.log).map_err(corrupt)?;
    let Some(Body::Open(open)) = log.records().first().map(|r| &r.body) else {
        return Err(StoreError::Corrupt("a final session's log"));
    };
    let beacon = match open.beacon.as_str() {
        "" => Vec::new(),
        note => {
            let beacon = Checkpoint::open(note.as_bytes(), &checkpoints::verifier(conn)?);
            central::consistency(conn, beacon.map_err(|_| StoreError::Corrupt("a beacon"))?.size)?
        }
    };
    let enrolled = devices::device(conn, device)?.ok_or(StoreError::Corrupt("a session of no device"))?;
    let index = stored.log_index.ok_or(StoreError::Corrupt("a final session without a leaf"))?;
    let document = sessions::assignment(conn, &stored.assignment)?.ok_or(StoreError::Corrupt("a lost assignment"))?;
    let leaf = |index: u64| Ok::<_, StoreError>(checkpoints::leaves(conn, index, index + 1)?.concat());
    let mut bundle = Bundle::default();
    for (name, bytes) in [
        (bundle::ASSIGNMENT, document.into_bytes()),
        (bundle::BEACON_PROOF, write_hashes(&beacon).into_bytes()),
        (bundle::ENROL, leaf(enrolled.log_index)?),
        (bundle::ENROL_RECEIPT, central::receipt(conn, enrolled.log_index)?.text().into_bytes()),
        (bundle::ENTRY, leaf(index)?),
        (bundle::RECEIPT, central::receipt(conn, index)?.text().into_bytes()),
        (bundle::LOG, stored.log),
        (bundle::SEAL, stored.seal.into_bytes()),
    ] {
        bundle.put(name, bytes);
    }
    Ok(Some(bundle.write().map_err(|_| StoreError::Corrupt("a bundle"))?))
}
