//! Devices: their lives by the central log's leaves, signs of life, when logs were made, what is missing, what is twice.

use std::collections::BTreeMap;

use muster_hours::schedule::time_ms;
use muster_seal::checkpoint::Checkpoint;
use muster_seal::merkle::sha256;
use muster_seal::note::Note;
use rusqlite::Connection;

use super::super::tables::{BRACKETS, CONTACTS, Row};
use super::gaps::{Sign, gaps as between};
use super::{rows, within};
use crate::store::{StoreError, devices as store, sessions};

/// When a contact came: its leaf says.
const RECEIVED: &str = "json_extract(CAST(l.line AS TEXT), '$.received')";

/// Table `devices`, as the central log's leaves about them say.
pub fn devices(conn: &Connection) -> Result<Vec<Row>, StoreError> {
    let sql = "SELECT d.device, s.region, (SELECT count(*) FROM contact c WHERE c.device = d.device),
                      (SELECT count(*) FROM fork f WHERE f.device = d.device AND NOT f.after_end)
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

/// The condition that keeps the devices that have sessions of the classes of `?1`, or stand where these are held; all of them
/// where it is null.
fn of_classes(column: &str, only: Option<&str>) -> String {
    match only {
        Some(_) => format!(
            "{column} IN (SELECT device FROM session WHERE {}
                          UNION SELECT d.device FROM device d JOIN class k ON k.site = d.site WHERE {})",
            within("class", only),
            within("k.class", only)
        ),
        None => within("", None),
    }
}

/// Table `contacts`: contacts between sessions, and final logs when they came.
pub fn contacts(conn: &Connection, only: Option<&str>) -> Result<Vec<Row>, StoreError> {
    let sql = format!(
        "SELECT c.device, c.counter, {RECEIVED}, NULL, NULL FROM contact c JOIN leaf l ON l.idx = c.log_index WHERE {}
         UNION ALL SELECT device, counter, received, open_ms, close_ms FROM session WHERE final = 1 AND {} ORDER BY 1, 2",
        of_classes("c.device", only),
        of_classes("device", only)
    );
    rows(conn, &CONTACTS, &sql, [only])
}

/// Table `brackets`; [`crate::evidence::brackets::settle`] reckons the times beforehand.
pub fn brackets(conn: &Connection, only: Option<&str>) -> Result<Vec<Row>, StoreError> {
    let sql = format!(
        "SELECT s.device, s.counter, b.not_before_ms, b.not_after_ms, s.received, s.close_ms
         FROM session s LEFT JOIN bracket b ON b.device = s.device AND b.counter = s.counter
           AND b.policy = (SELECT CAST(value AS TEXT) FROM setting WHERE name = 'bracket_policy')
         WHERE s.final = 1 AND {} ORDER BY s.device, s.counter",
        within("s.class", only)
    );
    let mut get = conn.prepare_cached(&sql)?;
    let rows = get.query_map([only], |r| {
        let (received, close): (Option<String>, Option<i64>) = (r.get(4)?, r.get(5)?);
        let late_s =
            received.as_deref().and_then(time_ms).zip(close).map(|(received, close)| (received - close) / 1000);
        let (device, counter): (String, i64) = (r.get(0)?, r.get(1)?);
        let (not_before, not_after): (Option<i64>, Option<i64>) = (r.get(2)?, r.get(3)?);
        Ok(vec![device.into(), counter.into(), not_before.into(), not_after.into(), late_s.into()])
    })?;
    let rows: Vec<Row> = rows.collect::<Result<_, _>>()?;
    debug_assert!(rows.iter().all(|row| row.len() == BRACKETS.columns.len()));
    Ok(rows)
}

/// Table `gaps`, up to where a device has ended.
pub fn gaps(conn: &Connection, only: Option<&str>) -> Result<Vec<Row>, StoreError> {
    let mut signs: BTreeMap<String, Vec<Sign>> = BTreeMap::new();
    let sql = format!(
        "SELECT device, counter, received, open_ms, close_ms FROM session WHERE final = 1 AND {}
         UNION ALL SELECT c.device, c.counter, {RECEIVED}, NULL, NULL FROM contact c JOIN leaf l ON l.idx = c.log_index
         WHERE {}",
        of_classes("device", only),
        of_classes("c.device", only)
    );
    let mut get = conn.prepare_cached(&sql)?;
    let mut all = get.query([only])?;
    while let Some(r) = all.next()? {
        let (received, open, close): (Option<String>, Option<i64>, Option<i64>) = (r.get(2)?, r.get(3)?, r.get(4)?);
        let came = received.as_deref().and_then(time_ms);
        signs.entry(r.get(0)?).or_default().push(Sign { counter: r.get(1)?, came, log: open.zip(close) });
    }
    // Logs that are whole and wait for an earlier one. There are few.
    let sql =
        format!("SELECT device, counter, came_ms, log FROM session WHERE final = 0 AND {}", of_classes("device", only));
    let mut get = conn.prepare_cached(&sql)?;
    let mut all = get.query([only])?;
    while let Some(r) = all.next()? {
        let Some(ends) = sessions::ends(&r.get::<_, Vec<u8>>(3)?).filter(|ends| ends.closed) else { continue };
        let log = Some((ends.open_ms, ends.close_ms));
        signs.entry(r.get(0)?).or_default().push(Sign { counter: r.get(1)?, came: r.get(2)?, log });
    }
    let mut rows = Vec::new();
    for (device, mut signs) in signs {
        signs.sort_by_key(|sign| sign.counter);
        let missing = between(&signs);
        if missing.is_empty() {
            continue;
        }
        let end = store::device(conn, &device)?.and_then(|d| d.life.end().map(|end| end.counter as i64));
        for gap in missing.into_iter().filter(|gap| end.is_none_or(|end| gap.from <= end)) {
            rows.push(vec![
                device.as_str().into(),
                gap.from.into(),
                end.map_or(gap.to, |end| gap.to.min(end)).into(),
                gap.after.into(),
                gap.before.into(),
                gap.noticed.into(),
            ]);
        }
    }
    Ok(rows)
}

/// Table `forks`: the notes by their hashes, and how many records each covers. Those that came after the device had ended are by
/// whoever holds it, and accuse nobody here.
pub fn forks(conn: &Connection) -> Result<Vec<Row>, StoreError> {
    let mut get = conn.prepare(
        "SELECT device, counter, seal_a, seal_b, at FROM fork WHERE NOT after_end ORDER BY device, counter, rowid",
    )?;
    let rows = get.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?)))?;
    let rows: Vec<(String, i64, String, String, String)> = rows.collect::<Result<_, _>>()?;
    let size = |note: &str| Some(Checkpoint::parse(Note::parse(note.as_bytes()).ok()?.text()).ok()?.size);
    let fork = |(device, counter, a, b, at): (String, i64, String, String, String)| -> Row {
        let hash = |note: &str| hex::encode(sha256(note.as_bytes()));
        vec![
            device.into(),
            counter.into(),
            size(&a).into(),
            size(&b).into(),
            hash(&a).into(),
            hash(&b).into(),
            time_ms(&at).into(),
        ]
    };
    Ok(rows.into_iter().map(fork).collect())
}
