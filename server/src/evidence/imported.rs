//! What the bureau imported, as evidence rows. Keyed ids alone: names stay in the store.

use rusqlite::Connection;

use super::tables::{Row, Val};
use crate::store::StoreError;

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

/// Table `claims`.
///
/// # Errors
/// [`StoreError`].
pub fn claims(conn: &Connection) -> Result<Vec<Row>, StoreError> {
    let sql =
        "SELECT k.class, k.trainee, c.institution, s.region, k.hours, k.amount_fen, c.occupation, c.level, k.filed,
               k.file, json_extract(p.document, '$.level')
               FROM claim k JOIN class c USING (class) JOIN site s USING (site) JOIN policy p ON p.version = c.policy
               ORDER BY k.class, k.trainee";
    query(conn, sql, &[])
}

/// Table `roster`: trainees alone.
///
/// # Errors
/// [`StoreError`].
pub fn roster(conn: &Connection) -> Result<Vec<Row>, StoreError> {
    let sql = "SELECT class, id, person, category, declined FROM roster WHERE instructor = 0 ORDER BY class, id";
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
