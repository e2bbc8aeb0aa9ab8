//! What a device is told: classes at its site, their lessons, people and policy, as the bureau imported them.

use std::collections::BTreeMap;

use muster_hours::schedule::{Assignment, Lesson};
use muster_wire::assignment::{Assigned, Person};
use rusqlite::{Connection, params};

use super::StoreError;

/// How long after its last lesson a session may still be held, and how far ahead it is told, in milliseconds.
const PAST_MS: i64 = 12 * 3600 * 1000;
const AHEAD_MS: i64 = 14 * 24 * 3600 * 1000;

/// The sessions that may be held at a site now, soonest first.
///
/// # Errors
/// [`StoreError`].
pub fn assigned(conn: &Connection, site: &str, now_ms: i64) -> Result<Vec<Assigned>, StoreError> {
    let mut get = conn.prepare_cached(
        "SELECT l.class, l.session, min(l.start_ms) AS first FROM lesson l JOIN class c USING (class)
         WHERE c.site = ?1 GROUP BY l.class, l.session
         HAVING max(l.end_ms) > ?2 AND min(l.start_ms) < ?3 ORDER BY first, l.class, l.session",
    )?;
    let rows =
        get.query_map(params![site, now_ms - PAST_MS, now_ms + AHEAD_MS], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let sessions: Vec<(String, String)> = rows.collect::<Result<_, _>>()?;
    let mut people: BTreeMap<String, Vec<Person>> = BTreeMap::new();
    for (class, _) in &sessions {
        if !people.contains_key(class) {
            people.insert(class.clone(), roster(conn, class)?);
        }
    }
    sessions.iter().map(|(class, session)| one(conn, class, session, &people[class])).collect()
}

fn one(conn: &Connection, class: &str, session: &str, people: &[Person]) -> Result<Assigned, StoreError> {
    let sql = "SELECT s.region, c.institution, c.site, c.title, c.card_key, p.document
               FROM class c JOIN site s USING (site) JOIN policy p ON p.version = c.policy WHERE c.class = ?";
    let (region, institution, site, title, card_key, policy): (_, _, _, _, Vec<u8>, String) =
        conn.query_row(sql, [class], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?)))?;
    let policy = serde_json::from_str(&policy).map_err(|_| StoreError::Corrupt("a policy"))?;
    let mut get = conn.prepare_cached(
        "SELECT lesson, start, \"end\" FROM lesson WHERE class = ? AND session = ? ORDER BY start_ms, lesson",
    )?;
    let lessons = get
        .query_map([class, session], |r| Ok(Lesson { lesson: r.get(0)?, start: r.get(1)?, end: r.get(2)? }))?
        .collect::<Result<_, _>>()?;
    let ids = |instructor: bool| people.iter().filter(|p| p.instructor == instructor).map(|p| p.id.clone()).collect();
    let assignment = Assignment {
        region,
        institution,
        site,
        class: class.to_owned(),
        session: session.to_owned(),
        lessons,
        trainees: ids(false),
        instructors: ids(true),
        policy,
    };
    let document = serde_json::to_string(&assignment).map_err(|_| StoreError::Corrupt("an assignment"))?;
    Ok(Assigned { document, title, card_key: hex::encode(card_key), people: people.to_vec() })
}

fn roster(conn: &Connection, class: &str) -> Result<Vec<Person>, StoreError> {
    let mut get = conn.prepare_cached(
        "SELECT id, instructor, card, name, template, declined FROM roster
         WHERE class = ? AND removed_ms IS NULL ORDER BY id",
    )?;
    let rows = get.query_map([class], |row| {
        let (name, template): (String, Option<String>) = (row.get(3)?, row.get(4)?);
        Ok(Person {
            id: row.get(0)?,
            instructor: row.get(1)?,
            card: row.get(2)?,
            shown: shorten(&name),
            template: template.and_then(|text| serde_json::from_str(&text).ok()),
            declined: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A name as a kiosk shows it: the first character, then a star for each further one, three at most.
fn shorten(name: &str) -> String {
    let mut chars = name.chars();
    let first: String = chars.next().into_iter().collect();
    first + &"*".repeat(chars.count().min(3))
}
