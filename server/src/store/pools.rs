//! Officials who do the same work in the same place: with how many colleagues each can be compared.

use rusqlite::{Connection, params};
use serde::Serialize;

use super::StoreError;

/// Officials of one office and role, or the inspectors of one institution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Pool {
    /// `decide`, or `inspect`.
    pub work: String,
    /// The office, as decisions name it; empty where they name none. For `inspect` the institution.
    pub unit: String,
    /// `review`, `approve`, `release` or `inspect`; empty where decisions name none.
    pub role: String,
    /// How many officials.
    pub officials: i64,
    /// What they decided or inspected, together.
    pub acts: i64,
    /// How many of them did too little to be compared.
    pub few: i64,
    /// Are there too few of them to be compared with each other? Then nothing can be said of any, and rotation is advised.
    pub rotate: bool,
}

/// The least that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Least {
    /// Officials in a pool.
    pub officials: i64,
    /// Decisions of one official.
    pub acts: i64,
}

/// The pools of which something cannot be tested: those of too few officials first.
///
/// # Errors
/// [`StoreError`].
pub fn too_small(conn: &Connection, least: Least) -> Result<Vec<Pool>, StoreError> {
    let mut get = conn.prepare_cached(
        "WITH act AS (
           SELECT 'decide' AS work, coalesce(unit, '') AS unit, coalesce(role, '') AS role, official FROM decision
           UNION ALL SELECT 'decide', '', '', by FROM disposition
           UNION ALL SELECT 'inspect', c.institution, 'inspect', json_extract(i.row, '$.inspector')
                     FROM imported i JOIN class c ON c.class = json_extract(i.row, '$.class')
                     WHERE i.name = 'inspections' AND json_extract(i.row, '$.inspector') IS NOT NULL
         ), own AS (SELECT work, unit, role, official, count(*) AS acts FROM act GROUP BY 1, 2, 3, 4)
         SELECT work, unit, role, count(*), sum(acts), sum(acts < ?2), count(*) < ?1 FROM own GROUP BY 1, 2, 3
         HAVING count(*) < ?1 OR sum(acts < ?2) > 0 ORDER BY 7 DESC, 1, 2, 3",
    )?;
    let rows = get.query_map(params![least.officials, least.acts], |r| {
        Ok(Pool {
            work: r.get(0)?,
            unit: r.get(1)?,
            role: r.get(2)?,
            officials: r.get(3)?,
            acts: r.get(4)?,
            few: r.get(5)?,
            rotate: r.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn a_pool_of_three_with_enough_decisions_is_testable_and_others_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Some("muster.example")).unwrap();
        let decide = |unit: Option<&str>, officials: &[(&str, i64)]| {
            store.write(|tx| {
                for (official, times) in officials {
                    for n in 0..*times {
                        tx.execute(
                            "INSERT INTO decision (kind, subject, official, unit, role, action, at_ms)
                             VALUES ('claim', ?, ?, ?, 'review', 'approve', ?)",
                            params![format!("s{n}"), official, unit, n],
                        )?;
                    }
                }
                Ok::<_, StoreError>(())
            })
        };
        decide(Some("u1"), &[("a", 3), ("b", 3), ("c", 4)]).unwrap();
        decide(Some("u2"), &[("d", 9), ("e", 9)]).unwrap();
        decide(None, &[("f", 3), ("g", 3), ("h", 2)]).unwrap();
        let of = |p: &Pool| (p.unit.clone(), p.officials, p.acts, p.few, p.rotate);
        let least = Least { officials: 3, acts: 3 };
        let found: Vec<_> = store.read(|conn| too_small(conn, least)).unwrap().iter().map(of).collect();
        assert_eq!(found, [("u2".to_owned(), 2, 18, 0, true), (String::new(), 3, 8, 1, false)]);
    }
}
