//! From findings to a claim's money at risk: each claimed hour once, in whole fen. Pure.
//!
//! An hour goes to the first cause that holds: lesson not held, person disproved, hours not attested. Later causes are
//! shown with nothing. What weak findings point at is exposure, beside the money at risk and never in it.

use std::collections::BTreeMap;

use super::header::Grade;

/// In which order causes take hours; a rule that is not named comes after these, by its id.
const ORDER: [&str; 4] = ["lesson-never-held", "phantom-trainee", "card-no-face", "hours-over-attested"];

/// What hour `cell` (from 1) of `hours` is worth: the whole amount, cut so that the parts sum to it exactly.
pub fn share(amount: i64, hours: i64, cell: i64) -> i64 {
    if hours <= 0 || !(1..=hours).contains(&cell) {
        return 0;
    }
    let until = |n: i64| (i128::from(amount) * i128::from(n) / i128::from(hours)) as i64;
    until(cell) - until(cell - 1)
}

/// A claim, for this purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Fen.
    pub amount: i64,
    /// Class hours.
    pub hours: i64,
    /// Does the programme pay a lump sum, and at which attendance rate (per mille)?
    pub lump_rate: Option<i64>,
    /// Planned class hours.
    pub planned: i64,
    /// Of the claimed hours, those that are attested or unproven.
    pub standing: i64,
}

/// A finding, for this purpose: its place in the caller's list is its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The rule.
    pub rule: String,
    /// How sure.
    pub grade: Grade,
    /// The claimed hours it points at: class, trainee, cell.
    pub cells: Vec<(String, String, i64)>,
}

/// What each cause takes, and what each weak one points at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allotted {
    /// Fen at risk, one for each cause.
    pub at_risk: Vec<i64>,
    /// Fen of exposure, one for each cause.
    pub exposure: Vec<i64>,
}

/// Is anything of this claim lost when its hours that do not stand are cut? A lump sum is whole as long as the rate holds.
fn loses(claim: &Claim) -> bool {
    claim.lump_rate.is_none_or(|rate| claim.standing * 1000 < rate * claim.planned)
}

fn worth(claim: &Claim, cell: i64, cut: i64) -> i64 {
    match claim.lump_rate {
        None => share(claim.amount, claim.hours, cell),
        // The whole sum falls, spread over the hours that make it fall.
        Some(_) if loses(claim) && cut > 0 => claim.amount / cut,
        Some(_) => 0,
    }
}

/// Gives each claimed hour to the first cause that holds.
pub fn allot(claims: &BTreeMap<(String, String), Claim>, causes: &[Cause]) -> Allotted {
    let place = |rule: &str| ORDER.iter().position(|r| *r == rule).unwrap_or(ORDER.len());
    let mut order: Vec<usize> = (0..causes.len()).collect();
    order.sort_by_key(|i| (place(&causes[*i].rule), &causes[*i].rule, *i));
    let mut taken: BTreeMap<&(String, String, i64), usize> = BTreeMap::new();
    let mut out = Allotted { at_risk: vec![0; causes.len()], exposure: vec![0; causes.len()] };
    let mut cut: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for i in order {
        let cause = &causes[i];
        for cell in &cause.cells {
            let key = (cell.0.clone(), cell.1.clone());
            if cause.grade == Grade::Weak {
                let claim = claims.get(&key);
                out.exposure[i] += claim.map_or(0, |claim| share(claim.amount, claim.hours, cell.2));
            } else if !taken.contains_key(cell) {
                taken.insert(cell, i);
                cut.entry(key).or_default().push(i);
            }
        }
    }
    for (cell, i) in &taken {
        let key = (cell.0.clone(), cell.1.clone());
        let Some(claim) = claims.get(&key) else { continue };
        let owners = &cut[&key];
        let mut fen = worth(claim, cell.2, owners.len() as i64);
        // The rest of a lump sum's division goes with its first hour, so that the parts sum to the whole.
        let first = taken.keys().find(|c| c.0 == cell.0 && c.1 == cell.1);
        if claim.lump_rate.is_some() && fen > 0 && first == Some(cell) {
            fen += claim.amount - fen * owners.len() as i64;
        }
        out.at_risk[*i] += fen;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_sum_to_the_amount() {
        for (amount, hours) in [(100, 3), (1, 7), (0, 4), (999_999_999_999, 97), (80_000, 80)] {
            let sum: i64 = (1..=hours).map(|n| share(amount, hours, n)).sum();
            assert_eq!(sum, amount, "{amount} over {hours}");
        }
    }

    #[test]
    fn money_at_risk_is_at_most_the_amount_and_each_hour_counts_once() {
        // A small generator of our own: the law must hold for every mix of causes.
        let mut state = 42_u64;
        let mut next = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        for round in 0..2_000 {
            let (amount, hours) = (next(1_000_000) as i64, next(40) as i64 + 1);
            let standing = next(hours as u64 + 1) as i64;
            let lump_rate = (round % 2 == 0).then_some(800);
            let key = ("c".to_owned(), "t".to_owned());
            let claim = Claim { amount, hours, lump_rate, planned: hours, standing };
            let claims = BTreeMap::from([(key.clone(), claim)]);
            let causes: Vec<Cause> = (0..next(6))
                .map(|_| {
                    let rule = ORDER[next(4) as usize].to_owned();
                    let grade = [Grade::Weak, Grade::Strong, Grade::Certain][next(3) as usize];
                    let cells = (1..=hours).filter(|_| next(2) == 0).map(|n| ("c".to_owned(), "t".to_owned(), n));
                    Cause { rule, grade, cells: cells.collect() }
                })
                .collect();
            let out = allot(&claims, &causes);
            let sum: i64 = out.at_risk.iter().sum();
            assert!((0..=amount).contains(&sum), "{sum} of {amount}");
            let mut cells: Vec<i64> =
                causes.iter().filter(|c| c.grade != Grade::Weak).flat_map(|c| c.cells.iter().map(|c| c.2)).collect();
            cells.sort_unstable();
            cells.dedup();
            let want: i64 = match lump_rate {
                None => cells.iter().map(|n| share(amount, hours, *n)).sum(),
                Some(rate) if standing * 1000 < rate * hours && !cells.is_empty() => {
                    if amount / (cells.len() as i64) > 0 { amount } else { sum }
                }
                Some(_) => 0,
            };
            assert_eq!(sum, want);
        }
    }
}
