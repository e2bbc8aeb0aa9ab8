//! Claimed hours as cells: which class hours a claim asks to be paid, and what logs say of each. Pure.
//!
//! A claim says how many hours, not which. It gets the benefit: attested lessons first, then those that were logged
//! and did not count, then those that were never held, each in order of time. Hours beyond the schedule have no lesson at all.

use std::collections::BTreeMap;

use super::tables::{Row, Val};

/// A planned lesson: session, lesson, day, start, end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Which session.
    pub session: String,
    /// Which lesson.
    pub lesson: String,
    /// Days since 1970-01-01 in China.
    pub day: i64,
    /// Start, ms.
    pub start: i64,
    /// End, ms.
    pub end: i64,
}

/// What a log says of one trainee in one lesson.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// `attested`, `tail`, `blank` or `unproven`.
    pub shape: String,
    /// Why it does not count.
    pub reason: Option<String>,
    /// Assurance.
    pub level: i64,
    /// Where it stands.
    pub device: String,
    /// Where it stands.
    pub counter: i64,
    /// Where it stands.
    pub seqs: Option<(i64, i64)>,
}

/// Class hours that count on one day, at most.
pub type Cap = u32;

fn rank(cell: Option<&Logged>) -> u8 {
    match cell.map(|c| c.shape.as_str()) {
        Some("attested") => 0,
        Some("unproven") => 1,
        Some("tail") => 2,
        Some(_) => 3,
        None => 4,
    }
}

/// The better of two logs' words on one cell: two devices may have held one lesson.
pub fn better(a: Logged, b: Logged) -> Logged {
    if rank(Some(&b)) < rank(Some(&a)) { b } else { a }
}

/// The cells of one claim, as rows of `claimed_cells`.
pub fn cells(
    class: &str,
    trainee: &str,
    hours: i64,
    plan: &[Planned],
    logged: &BTreeMap<&str, Logged>,
    cap: Cap,
) -> Vec<Row> {
    let mut order: Vec<(&Planned, Option<Logged>)> =
        plan.iter().map(|p| (p, logged.get(p.lesson.as_str()).cloned())).collect();
    order.sort_by_key(|(p, _)| (p.start, p.lesson.clone()));
    let mut day: BTreeMap<i64, u32> = BTreeMap::new();
    for (planned, cell) in &mut order {
        if let Some(cell) = cell.as_mut().filter(|c| c.shape == "attested") {
            let used = day.entry(planned.day).or_default();
            *used += 1;
            if *used > cap {
                cell.shape = "tail".to_owned();
                cell.reason = Some("daily-cap".to_owned());
            }
        }
    }
    order.sort_by_key(|(_, cell)| rank(cell.as_ref()));
    (0..hours)
        .map(|n| {
            let (planned, cell) = order.get(n as usize).map_or((None, None), |(p, c)| (Some(*p), c.as_ref()));
            let (shape, reason) = match (planned, cell) {
                (None, _) => ("blank", Some("beyond-schedule".to_owned())),
                (Some(_), None) => ("blank", Some("not-logged".to_owned())),
                (Some(_), Some(cell)) => (cell.shape.as_str(), cell.reason.clone()),
            };
            vec![
                class.into(),
                trainee.into(),
                (n + 1).into(),
                hours.into(),
                planned.map(|p| p.lesson.as_str()).into(),
                planned.map(|p| p.session.as_str()).into(),
                planned.map(|p| p.day).into(),
                planned.map(|p| p.start).into(),
                planned.map(|p| p.end).into(),
                (planned.is_none() || cell.is_some()).into(),
                shape.into(),
                reason.into(),
                cell.map_or(Val::Null, |c| c.level.into()),
                cell.map(|c| c.device.as_str()).into(),
                cell.map(|c| c.counter).into(),
                cell.and_then(|c| c.seqs).map(|s| s.0).into(),
                cell.and_then(|c| c.seqs).map(|s| s.1).into(),
            ]
        })
        .collect()
}
