//! Schedules: a file is the whole of what is still to come of each class it names. What was held stays as it was held.

use muster_hours::schedule::time_ms;
use rusqlite::{OptionalExtension, Transaction, params};

use super::RowError;
use super::cells::{Row, Table};
use super::keys::Keys;
use super::rows::{Of, known, named};
use crate::store::StoreError;

/// A session is held once a device sealed a record of it.
const HELD: &str = "SELECT session FROM session WHERE class = ?1 AND session IS NOT NULL";

/// Marks what is still to come of the classes that a file names; the file says it anew, and [`after`] takes away the rest. A lesson whose time is over
/// and that nobody held stays, unless the file gives it another time: a schedule does not make it never planned.
///
/// # Errors
/// [`StoreError`].
pub(super) fn before(tx: &Transaction<'_>, table: &Table, now: &str) -> Result<(), StoreError> {
    let now_ms = time_ms(now).unwrap_or(0);
    let sql = format!("UPDATE lesson SET dropped = 1 WHERE class = ?1 AND start_ms > ?2 AND session NOT IN ({HELD})");
    let mut mark = tx.prepare(&sql)?;
    for class in named(table) {
        mark.execute(params![class, now_ms])?;
    }
    Ok(())
}

/// Takes away what the file did not say again.
///
/// # Errors
/// [`StoreError`].
pub(super) fn after(tx: &Transaction<'_>, table: &Table) -> Result<(), StoreError> {
    for class in named(table) {
        tx.execute("DELETE FROM lesson WHERE class = ? AND dropped = 1", [class])?;
    }
    Ok(())
}

/// One lesson. One that had another time before keeps when that was changed.
///
/// # Errors
/// [`StoreError`].
pub(super) fn lesson(
    tx: &Transaction<'_>,
    row: &mut Row<'_>,
    of: &Of<'_>,
    keys: &Keys,
) -> Result<Vec<String>, StoreError> {
    let (class, session, lesson) = (known(tx, row, "class")?, row.id("session"), row.id("lesson"));
    let ((start, start_ms), (end, end_ms)) = (row.time("start"), row.time("end"));
    let room = row.optional("room", Row::short);
    let person = row.optional("instructor", |row, column| keys.person(&row.id_number(column)));
    if !row.bad && end_ms <= start_ms {
        row.wrong("end", "the lesson ends before it starts");
    }
    if !row.bad && is_held(tx, row, &class, &lesson, (&session, start_ms, end_ms))? {
        return Ok(vec![class, lesson]);
    }
    if !row.bad {
        tx.execute(
            "INSERT INTO lesson (class, session, lesson, start, \"end\", start_ms, end_ms, room, person)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT DO UPDATE SET session = ?2, start = ?4, \"end\" = ?5, start_ms = ?6, end_ms = ?7, room = ?8, person = ?9,
               changed_ms = iif(start_ms = ?6 AND end_ms = ?7, changed_ms, ?10), dropped = 0",
            params![class, session, lesson, start, end, start_ms, end_ms, room, person, time_ms(of.now)],
        )?;
    }
    Ok(vec![class, lesson])
}

/// Is the lesson held, and just as the file says? Says what is wrong when the file would change what was held.
fn is_held(
    tx: &Transaction<'_>,
    row: &mut Row<'_>,
    class: &str,
    lesson: &str,
    as_filed: (&str, i64, i64),
) -> Result<bool, StoreError> {
    let held = |session: &str| -> Result<bool, StoreError> {
        Ok(tx.prepare_cached(&format!("{HELD} AND session = ?2"))?.exists([class, session])?)
    };
    let sql = "SELECT session, start_ms, end_ms FROM lesson WHERE class = ? AND lesson = ?";
    let found = tx
        .prepare_cached(sql)?
        .query_row([class, lesson], |r| Ok((r.get::<_, String>(0)?, r.get::<_, i64>(1)?, r.get::<_, i64>(2)?)));
    match found.optional()? {
        Some((session, start, end)) if held(&session)? => {
            if (session.as_str(), start, end) != as_filed {
                row.wrong("lesson", "its session was held already: leave the row as it was, or out of the file");
            }
            Ok(true)
        }
        _ if held(as_filed.0)? => {
            row.wrong("session", "the session was held already, without this lesson: give it to another session");
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Lessons of one class may not overlap, whichever file they came in.
///
/// # Errors
/// [`StoreError`].
pub(super) fn overlaps(tx: &Transaction<'_>, table: &Table, errors: &mut Vec<RowError>) -> Result<(), StoreError> {
    let mut get = tx.prepare(
        "SELECT a.lesson, b.lesson FROM lesson a JOIN lesson b
         ON a.class = ?1 AND a.class = b.class AND a.lesson < b.lesson AND a.start_ms < b.end_ms AND b.start_ms < a.end_ms",
    )?;
    for class in named(table) {
        let at = |lesson: &str| {
            let row = table.rows.iter().find(|(_, c)| {
                c.get("class").is_some_and(|c| c == class) && c.get("lesson").is_some_and(|l| l == lesson)
            });
            row.map(|(line, _)| *line)
        };
        let pairs = get.query_map([class], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        for pair in pairs {
            let (a, b) = pair?;
            let (lines, what) = match (at(&a), at(&b)) {
                (Some(a), Some(b)) => (a.max(b), format!("the lesson overlaps that of line {}", a.min(b))),
                (Some(line), None) | (None, Some(line)) => {
                    (line, "the lesson overlaps one that is planned already".to_owned())
                }
                (None, None) => continue,
            };
            errors.push(RowError { line: lines, column: "start", what });
        }
    }
    Ok(())
}
