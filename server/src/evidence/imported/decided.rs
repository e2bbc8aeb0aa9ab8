//! The run, what runs before it found, and what officials decided.

use rusqlite::{Connection, params};

use super::super::tables::{DISPOSITIONS, FOUND, RUN, Row, Val};
use super::{rows, within};
use crate::import::keys::Keys;
use crate::store::{StoreError, dispositions as store};

/// Table `run`.
pub fn run(conn: &Connection, now: &str) -> Result<Vec<Row>, StoreError> {
    rows(conn, &RUN, "SELECT ?1, coalesce((SELECT size FROM checkpoint), 0)", [now])
}

/// Table `dispositions`: decisions on findings in Muster itself, and those that were imported. The reason is a hash under the
/// person key in both, so that the same words are seen to be the same.
pub fn dispositions(conn: &Connection) -> Result<Vec<Row>, StoreError> {
    let keys = Keys::of(conn)?;
    let mut about =
        conn.prepare("SELECT class, institution FROM finding WHERE finding = ? ORDER BY since DESC LIMIT 1")?;
    let mut all = Vec::new();
    for d in store::list(conn, None)? {
        let mut found = about.query_map([&d.finding], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (class, institution): (String, String) = found.next().transpose()?.unwrap_or_default();
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        all.push(vec![
            "finding".into(),
            d.finding.into(),
            some(class).into(),
            some(institution).into(),
            d.by.into(),
            Val::Null,
            Val::Null,
            d.decision.into(),
            keys.words(&d.reason).into(),
            Val::Null,
            muster_hours::schedule::time_ms(&d.at).into(),
            Val::Null,
            Val::Null,
            Val::Null,
            d.log_index.into(),
        ]);
    }
    let sql =
        "SELECT kind, subject, class, institution, official, unit, role, action, reason, opened_ms, at_ms, sign_in,
                      second, log_size, NULL
               FROM decision ORDER BY at_ms, kind, subject, official, action";
    all.extend(rows(conn, &DISPOSITIONS, sql, [])?);
    Ok(all)
}

/// Table `found`: each finding that a run before had, as the newest of these had it. `since` is the first run of the unbroken
/// series that ends there: a finding that went away and came back began anew.
pub fn found(conn: &Connection, only: Option<&str>) -> Result<Vec<Row>, StoreError> {
    // A row that begins with the run in which the one before it ended goes on with it.
    let sql = format!(
        "WITH linked AS (SELECT finding, since, until, lag(until) OVER (PARTITION BY finding ORDER BY since) AS before
                         FROM finding WHERE {}),
              island AS (SELECT finding, since, sum(before IS NULL OR before <> since)
                                OVER (PARTITION BY finding ORDER BY since) AS island FROM linked),
              series AS (SELECT finding, island, min(since) AS first, max(since) AS last FROM island GROUP BY 1, 2),
              newest AS (SELECT finding, first, max(last) AS last FROM series GROUP BY finding)
         SELECT f.finding, f.rule, json_extract(f.document, '$.grade'), f.suspect,
                nullif(f.class, ''), nullif(f.institution, ''), nullif(f.region, ''), f.subject, f.fen,
                a.log_size, a.at, gone.log_size
         FROM newest JOIN finding f ON f.finding = newest.finding AND f.since = newest.last
         JOIN run a ON a.run = newest.first LEFT JOIN run gone ON gone.run = f.until
         ORDER BY f.finding",
        within("class", only)
    );
    rows(conn, &FOUND, &sql, params![only])
}
