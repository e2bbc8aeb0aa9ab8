//! Classes, with their claims, people and lessons, and the calendar.

use rusqlite::Connection;

use super::super::tables::{CALENDAR, CLAIMS, CLASSES, ROSTER, Row, SCHEDULE, TEACHERS};
use super::{rows, within};
use crate::store::StoreError;

/// The day in China of a time: it has one time zone, whose days start at 16:00 UTC of the day before.
fn day(ms: &str) -> String {
    format!("({ms} + 28800000) / 86400000")
}

/// Table `classes`. What a programme allows is looked up by the version of the class's policy.
pub fn classes(conn: &Connection, only: Option<&str>) -> Result<Vec<Row>, StoreError> {
    let sql = format!(
        "WITH programme AS (SELECT json_extract(row, '$.policy') AS version, json_extract(row, '$.size_cap') AS size_cap,
                                   json_extract(row, '$.yearly_limit') AS yearly_limit
                            FROM imported WHERE name = 'programmes'),
              plan AS (SELECT class, count(DISTINCT session) AS sessions, count(*) AS lessons, min(start_ms) AS opens,
                              max(end_ms) AS ends, max(start_ms) AS newest FROM lesson GROUP BY class),
              people AS (SELECT class, count(*) AS trainees FROM roster WHERE instructor = 0 AND removed_ms IS NULL
                         GROUP BY class)
         SELECT c.class, c.institution, c.site, s.region, nullif(c.occupation, ''), nullif(c.level, ''), c.kind,
                json_extract(p.document, '$.level'), json_extract(p.document, '$.daily_cap'),
                json_extract(p.document, '$.pay_mode'), json_extract(p.document, '$.rate_permille'), g.size_cap,
                g.yearly_limit, coalesce(n.trainees, 0), coalesce(l.sessions, 0), coalesce(l.lessons, 0), l.opens, l.ends,
                {}, {}
         FROM class c JOIN site s USING (site) JOIN policy p ON p.version = c.policy
         LEFT JOIN programme g ON g.version = c.policy LEFT JOIN plan l USING (class) LEFT JOIN people n USING (class)
         WHERE {} ORDER BY c.class",
        day("l.opens"),
        day("l.newest"),
        within("c.class", only)
    );
    rows(conn, &CLASSES, &sql, [only])
}

/// Table `claims`; what stands of each claim is written into it once the logs were asked.
pub fn claims(conn: &Connection, only: Option<&str>) -> Result<Vec<Row>, StoreError> {
    let sql = format!(
        "SELECT k.class, k.trainee, c.institution, s.region, k.hours, k.amount_fen, nullif(c.occupation, ''),
                nullif(c.level, ''), k.filed, k.filed, k.file, json_extract(p.document, '$.level'),
                json_extract(p.document, '$.pay_mode'), json_extract(p.document, '$.rate_permille'), k.payee,
                NULL, NULL, NULL
         FROM claim k JOIN class c USING (class) JOIN site s USING (site) JOIN policy p ON p.version = c.policy
         WHERE {} ORDER BY k.class, k.trainee",
        within("k.class", only)
    );
    rows(conn, &CLAIMS, &sql, [only])
}

/// Table `roster`: trainees alone.
pub fn roster(conn: &Connection, only: Option<&str>) -> Result<Vec<Row>, StoreError> {
    let sql = format!(
        "SELECT class, id, person, category, declined, added_ms, removed_ms, added_by, phone, payee, introducer
         FROM roster WHERE instructor = 0 AND {} ORDER BY class, id",
        within("class", only)
    );
    rows(conn, &ROSTER, &sql, [only])
}

/// Table `teachers`: who is or was on a roster to teach, since what was held before is theirs.
pub fn teachers(conn: &Connection, only: Option<&str>) -> Result<Vec<Row>, StoreError> {
    let of = within("class", only);
    let sql = format!("SELECT class, id, person FROM roster WHERE instructor = 1 AND {of} ORDER BY class, id");
    rows(conn, &TEACHERS, &sql, [only])
}

/// Table `schedule`.
pub fn schedule(conn: &Connection, only: Option<&str>) -> Result<Vec<Row>, StoreError> {
    let sql = format!(
        "SELECT l.class, l.session, l.lesson, c.site, s.region, {}, l.start_ms, l.end_ms, l.room, l.person, l.changed_ms
         FROM lesson l JOIN class c USING (class) JOIN site s USING (site)
         WHERE {} ORDER BY l.class, l.start_ms, l.lesson",
        day("l.start_ms"),
        within("l.class", only)
    );
    rows(conn, &SCHEDULE, &sql, [only])
}

/// Table `calendar`.
pub fn calendar(conn: &Connection) -> Result<Vec<Row>, StoreError> {
    let sql = "SELECT region, from_ms, to_ms, why IN ('closed', 'weather'), why IN ('power', 'network'), why
               FROM calendar ORDER BY region, from_ms, to_ms";
    rows(conn, &CALENDAR, sql, [])
}
