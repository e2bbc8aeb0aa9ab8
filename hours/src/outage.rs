//! What was recorded as down, and how far that excuses what was not seen.

use std::collections::BTreeMap;

use muster_seal::record::{Body, Record};

/// A time during which something was recorded as down. Milliseconds since 1970-01-01T00:00Z.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// `reader`, `camera`, `power` or `network`.
    pub part: String,
    /// Which one.
    pub name: String,
    /// Why.
    pub reason: String,
    /// From.
    pub from: i64,
    /// To; the session's end where it did not come back.
    pub to: i64,
    /// `seq` of the record that says so.
    pub seq: u64,
}

/// What outages excuse. Milliseconds since 1970-01-01T00:00Z.
pub(crate) struct Excuses {
    /// When nobody could have come: no reader worked, or no agent ran. With the `seq` of the record that says so.
    pub dead: Vec<(i64, i64, u64)>,
    /// When nobody could have been seen.
    pub camera: Vec<(i64, i64)>,
    /// The record that says so, for each.
    pub camera_seqs: Vec<u64>,
}

impl Excuses {
    pub fn of(outages: &[Outage], readers: usize) -> Self {
        let of = |part: &'static str| outages.iter().filter(move |o| o.part == part);
        let mut by_reader: BTreeMap<&str, Vec<(i64, i64, u64)>> = BTreeMap::new();
        for o in of("reader") {
            by_reader.entry(&o.name).or_default().push((o.from, o.to, o.seq));
        }
        // As long as one reader works, a card can be read.
        let mut dead = Vec::new();
        if by_reader.len() >= readers {
            let all = by_reader.into_values().reduce(|a, b| {
                let both = a.iter().flat_map(|x| b.iter().map(|y| (x.0.max(y.0), x.1.min(y.1), x.2.max(y.2))));
                both.filter(|(from, to, _)| from < to).collect()
            });
            dead.extend(all.into_iter().flatten());
        }
        dead.extend(of("power").filter(|o| o.from < o.to).map(|o| (o.from, o.to, o.seq)));
        dead.sort_by_key(|o| o.2);
        let camera = of("camera").map(|o| (o.from, o.to)).collect();
        Self { dead, camera, camera_seqs: of("camera").map(|o| o.seq).collect() }
    }
}

/// What was down, and when.
///
/// A restart says that the agent was down before it, and nothing says since when: an agent that runs writes only when
/// something happens. So a restart covers the time just before it, never further back than the last record, and all power
/// gaps of a session together at most `power_gap_ms`. Else one pulled plug would excuse a whole empty morning.
pub(crate) fn outages(records: &[Record], times: &[i64], power_gap_ms: i64) -> Vec<Outage> {
    let end = times.last().copied().unwrap_or_default();
    let mut done = Vec::new();
    let mut open: BTreeMap<(String, String), Outage> = BTreeMap::new();
    for (i, record) in records.iter().enumerate() {
        let at = times[i];
        match &record.body {
            Body::Fault(f) => {
                let key = (f.part.clone(), f.name.clone());
                if f.state == "down" {
                    let (part, name, reason) = (f.part.clone(), f.name.clone(), f.reason.clone());
                    open.entry(key).or_insert(Outage { part, name, reason, from: at, to: end, seq: record.seq });
                } else if let Some(mut outage) = open.remove(&key) {
                    outage.to = at;
                    done.push(outage);
                }
            }
            Body::Restart(_) if i > 0 => done.push(Outage {
                part: "power".to_owned(),
                name: "agent".to_owned(),
                reason: "restart".to_owned(),
                from: times[i - 1],
                to: at,
                seq: record.seq,
            }),
            _ => {}
        }
    }
    done.extend(open.into_values());
    done.sort_by_key(|o| o.seq);
    let mut left = power_gap_ms;
    for gap in done.iter_mut().filter(|o| o.part == "power") {
        let length = (gap.to - gap.from).min(left);
        left -= length;
        match gap.reason.as_str() {
            "restart" => gap.from = gap.to - length,
            _ => gap.to = gap.from + length,
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reader_of_two_that_is_down_excuses_nothing() {
        let down = |name: &str, from, to, seq| Outage {
            part: "reader".to_owned(),
            name: name.to_owned(),
            reason: "lost".to_owned(),
            from,
            to,
            seq,
        };
        let one = [down("door", 0, 100, 1)];
        assert_eq!(Excuses::of(&one, 1).dead, [(0, 100, 1)]);
        assert_eq!(Excuses::of(&one, 2).dead, []);
        let both = [down("door", 0, 100, 1), down("hall", 50, 200, 2)];
        assert_eq!(Excuses::of(&both, 2).dead, [(50, 100, 2)]);
    }
}
