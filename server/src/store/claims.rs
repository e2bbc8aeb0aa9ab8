//! Claims, and the documents that the bureau put into force.

use muster_hours::policy::Policy;
use rusqlite::Connection;

use super::StoreError;

/// All counting policies, by version.
///
/// # Errors
/// [`StoreError`].
pub fn policies(conn: &Connection) -> Result<Vec<Policy>, StoreError> {
    let mut get = conn.prepare("SELECT document FROM policy ORDER BY version")?;
    let texts: Vec<String> = get.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    texts.iter().map(|text| serde_json::from_str(text).map_err(|_| StoreError::Corrupt("a policy"))).collect()
}
