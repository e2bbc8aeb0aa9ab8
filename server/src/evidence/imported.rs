//! What the bureau imported, as evidence rows. Keyed ids alone: names stay in the store.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use muster_seal::checkpoint::Checkpoint;
use muster_seal::merkle::sha256;
use muster_seal::note::Note;

use super::tables::{ALL, Row, Val};
use crate::store::{StoreError, devices as store};

/// China has one time zone: a day starts at 16:00 UTC of the day before.
const DAY: &str = "(start_ms + 28800000) / 86400000";

fn query(conn: &Connection, sql: &str, bools: &[usize]) -> Result<Vec<Row>, StoreError> {
    let mut get = conn.prepare(sql)?;
    let width = get.column_count();
    let rows = get.query_map([], |row| {
        (0..width)
            .map(|i| {
                Ok(match row.get::<_, rusqlite::types::Value>(i)? {
                    rusqlite::types::Value::Integer(n) if bools.contains(&i) => Val::Bool(n != 0),
                    rusqlite::types::Value::Integer(n) => Val::Int(n),
                    rusqlite::types::Value::Text(text) => Val::Text(text),
                    _ => Val::Null,
                })
            })
            .collect()
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Every table that is not made from logs. (The rows of those that are not read yet are none.)
///
/// # Errors
/// [`StoreError`].
pub fn all(
    conn: &Connection,
    now: &str,
    only: Option<&BTreeSet<String>>,
) -> Result<BTreeMap<&'static str, Vec<Row>>, StoreError> {
    let _ = (now, only);
    let mut rows = BTreeMap::from([
        ("claims", claims(conn)?),
        ("roster", roster(conn)?),
        ("schedule", schedule(conn)?),
        ("calendar", calendar(conn)?),
        ("devices", devices(conn)?),
        ("forks", forks(conn)?),
    ]);
    for table in ALL {
        for row in rows.get_mut(table.name).into_iter().flatten() {
            row.resize(table.columns.len(), Val::Null);
        }
    }
    Ok(rows)
}

/// Table `claims`; what stands of each claim is written into it once the logs were asked.
///
/// # Errors
/// [`StoreError`].
pub fn claims(conn: &Connection) -> Result<Vec<Row>, StoreError> {
    let sql =
        "SELECT k.class, k.trainee, c.institution, s.region, k.hours, k.amount_fen, c.occupation, c.level, k.filed,
               k.file, json_extract(p.document, '$.level'), json_extract(p.document, '$.pay_mode'),
                json_extract(p.document, '$.rate_permille'), NULL, NULL, NULL
               FROM claim k JOIN class c USING (class) JOIN site s USING (site) JOIN policy p ON p.version = c.policy
               ORDER BY k.class, k.trainee";
    query(conn, sql, &[])
}

/// Table `roster`: trainees alone.
///
/// # Errors
/// [`StoreError`].
pub fn roster(conn: &Connection) -> Result<Vec<Row>, StoreError> {
    let sql = "SELECT class, id, person, category, declined, added_ms, removed_ms FROM roster WHERE instructor = 0
               ORDER BY class, id";
    query(conn, sql, &[4])
}

/// Table `schedule`.
///
/// # Errors
/// [`StoreError`].
pub fn schedule(conn: &Connection) -> Result<Vec<Row>, StoreError> {
    let sql = format!(
        "SELECT l.class, l.session, l.lesson, c.site, s.region, {DAY}, l.start_ms, l.end_ms
         FROM lesson l JOIN class c USING (class) JOIN site s USING (site) ORDER BY l.class, l.start_ms, l.lesson"
    );
    query(conn, &sql, &[])
}

/// Table `calendar`.
///
/// # Errors
/// [`StoreError`].
pub fn calendar(conn: &Connection) -> Result<Vec<Row>, StoreError> {
    let sql = "SELECT region, from_ms, to_ms, why IN ('closed', 'weather'), why IN ('power', 'network'), why
               FROM calendar ORDER BY region, from_ms, to_ms";
    query(conn, sql, &[3, 4])
}

/// Table `devices`, as the central log's leaves about them say.
///
/// # Errors
/// [`StoreError`].
pub fn devices(conn: &Connection) -> Result<Vec<Row>, StoreError> {
    let sql = "SELECT d.device, s.region, (SELECT count(*) FROM contact c WHERE c.device = d.device),
                      (SELECT count(*) FROM fork f WHERE f.device = d.device)
               FROM device d JOIN site s USING (site) ORDER BY d.device";
    let mut get = conn.prepare(sql)?;
    let rows = get.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?;
    let rows: Vec<(String, String, i64, i64)> = rows.collect::<Result<_, _>>()?;
    rows.into_iter()
        .map(|(id, region, contacts, forks)| {
            let life = store::device(conn, &id)?.ok_or(StoreError::Corrupt("a device without a life"))?.life;
            Ok(vec![
                id.into(),
                life.site.as_str().into(),
                life.institution.as_str().into(),
                region.into(),
                life.enrolled.into(),
                life.end().map(|end| end.counter).into(),
                contacts.into(),
                forks.into(),
            ])
        })
        .collect()
}

/// Table `forks`: the notes by their hashes, and how many records each covers.
///
/// # Errors
/// [`StoreError`].
pub fn forks(conn: &Connection) -> Result<Vec<Row>, StoreError> {
    let mut get =
        conn.prepare("SELECT device, counter, seal_a, seal_b, at FROM fork ORDER BY device, counter, rowid")?;
    let rows = get.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?)))?;
    let rows: Vec<(String, i64, String, String, String)> = rows.collect::<Result<_, _>>()?;
    let size = |note: &str| Some(Checkpoint::parse(Note::parse(note.as_bytes()).ok()?.text()).ok()?.size);
    let fork = |(device, counter, a, b, at): (String, i64, String, String, String)| -> Row {
        let hash = |note: &str| hex::encode(sha256(note.as_bytes()));
        let at = muster_hours::schedule::time_ms(&at);
        vec![
            device.into(),
            counter.into(),
            size(&a).into(),
            size(&b).into(),
            hash(&a).into(),
            hash(&b).into(),
            at.into(),
        ]
    };
    Ok(rows.into_iter().map(fork).collect())
}
