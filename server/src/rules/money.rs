//! From findings to a claim's money at risk: each claimed hour once, in whole fen. Pure, and linear in the hours.
//!
//! An hour goes to the first cause that holds; certain causes come before strong ones, so that the two sums are what is taken
//! away and what is only held.
//! Later causes are shown with nothing. What weak findings point at is exposure, beside the money at risk and never
//! in it; what rests on unproven hours is a third sum.

use super::header::Grade;

/// In which order causes take hours: class not payable, person not payable, claimed twice, lesson not held, history void, person
/// disproved. A rule that is not named disproves as well, and comes next, by its id; then [`LAST`]. (`rules.md`, section 12.1.)
const ORDER: [&str; 13] = [
    "claim-without-approval",
    "outside-licence",
    "same-level-twice",
    "yearly-limit",
    "category-not-eligible",
    "class-too-large",
    "overlapping-claims",
    "two-places",
    "daily-cap",
    "lesson-never-held",
    "device-fork",
    "log-hole",
    "phantom-trainee",
];
/// What merely lacks hours comes after what disproves them.
const LAST: [&str; 2] = ["hours-over-attested", "token-attendance"];

/// The place of a rule among the causes.
pub(super) fn place(rule: &str) -> usize {
    let last = LAST.iter().position(|r| *r == rule).map(|i| ORDER.len() + 1 + i);
    ORDER.iter().position(|r| *r == rule).or(last).unwrap_or(ORDER.len())
}

/// What hour `cell` (from 1) of `hours` is worth: the whole amount, cut so that the parts sum to it exactly.
pub fn share(amount: i64, hours: i64, cell: i64) -> i64 {
    if hours <= 0 || !(1..=hours).contains(&cell) {
        return 0;
    }
    let until = |n: i64| (i128::from(amount) * i128::from(n) / i128::from(hours)) as i64;
    until(cell) - until(cell - 1)
}

/// What a claimed hour is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stands {
    /// Attested.
    Attested,
    /// Unproven: it stands as long as nobody disproves it.
    Unproven,
    /// Neither.
    #[default]
    No,
}

/// A lump sum's condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lump {
    /// The attendance rate that it needs, per mille.
    pub rate: i64,
    /// Planned lessons.
    pub planned: i64,
    /// Of these, attested, claimed or not.
    pub attested: i64,
    /// Of these, unproven, claimed or not.
    pub unproven: i64,
}

impl Lump {
    /// Does the sum fall when so many lessons stand?
    fn falls(&self, standing: i64) -> bool {
        standing * 1000 < self.rate * self.planned
    }
}

/// A claim, for this purpose: its place in the caller's list is its name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claim {
    /// Fen.
    pub amount: i64,
    /// What each claimed hour is.
    pub cells: Vec<Stands>,
    /// Is it a lump sum?
    pub lump: Option<Lump>,
}

/// A finding, for this purpose: its place in the caller's list is its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The rule.
    pub rule: String,
    /// How sure.
    pub grade: Grade,
    /// The claimed hours it points at: the claim's place, and the hour's number from 1.
    pub cells: Vec<(usize, i64)>,
}

/// What each cause takes, and what each weak one points at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allotted {
    /// Fen at risk, one for each cause.
    pub at_risk: Vec<i64>,
    /// Fen of exposure, one for each cause.
    pub exposure: Vec<i64>,
    /// Fen at risk, one for each claim.
    pub of_claim: Vec<i64>,
    /// Fen that rest on unproven hours and are not at risk, one for each claim.
    pub unproven: Vec<i64>,
}

/// Gives each claimed hour to the first cause that holds.
pub fn allot(claims: &[Claim], causes: &[Cause]) -> Allotted {
    let mut order: Vec<usize> = (0..causes.len()).collect();
    // What a certain finding takes is taken; a strong one holds what is left.
    order.sort_by_key(|i| (causes[*i].grade != Grade::Certain, place(&causes[*i].rule), &causes[*i].rule, *i));
    let mut owners: Vec<Vec<Option<usize>>> = claims.iter().map(|c| vec![None; c.cells.len()]).collect();
    let mut out = Allotted {
        at_risk: vec![0; causes.len()],
        exposure: vec![0; causes.len()],
        of_claim: vec![0; claims.len()],
        unproven: vec![0; claims.len()],
    };
    for i in order {
        for (claim, cell) in &causes[i].cells {
            let Some(owner) = owners.get_mut(*claim).and_then(|o| o.get_mut(usize::try_from(cell - 1).ok()?)) else {
                continue;
            };
            let hours = claims[*claim].cells.len() as i64;
            if causes[i].grade == Grade::Weak {
                out.exposure[i] += share(claims[*claim].amount, hours, *cell);
            } else if owner.is_none() {
                *owner = Some(i);
            }
        }
    }
    for (n, (claim, owners)) in claims.iter().zip(&owners).enumerate() {
        for (owner, fen) in parts(claim, owners, causes) {
            out.at_risk[owner] += fen;
            out.of_claim[n] += fen;
        }
        out.unproven[n] = unproven(claim, owners, out.of_claim[n]);
    }
    out
}

/// What a claim's hours take, by cause.
fn parts(claim: &Claim, owners: &[Option<usize>], causes: &[Cause]) -> Vec<(usize, i64)> {
    let hours = claim.cells.len() as i64;
    let taken = owners.iter().enumerate().filter_map(|(n, owner)| Some((n, (*owner)?)));
    let Some(lump) = claim.lump else {
        return taken.map(|(n, owner)| (owner, share(claim.amount, hours, n as i64 + 1))).collect();
    };
    // A lump sum is whole or falls whole: by what is certain, or else only by what is strong as well. It is then spread
    // over the hours that make it fall.
    let of = |grade: Grade| taken.clone().filter(move |(_, owner)| causes[*owner].grade == grade);
    let stands = |(n, _): &(usize, usize)| claim.cells[*n] != Stands::No;
    let standing = lump.attested + lump.unproven;
    let without_certain = standing - of(Grade::Certain).filter(stands).count() as i64;
    let without_any = standing - taken.clone().filter(stands).count() as i64;
    let certain: Vec<usize> = of(Grade::Certain).map(|(_, owner)| owner).collect();
    let carriers = match () {
        () if lump.falls(without_certain) && !certain.is_empty() => certain,
        () if lump.falls(without_any) => of(Grade::Strong).map(|(_, owner)| owner).collect(),
        () => Vec::new(),
    };
    let count = carriers.len() as i64;
    carriers.into_iter().zip(1..).map(|(owner, k)| (owner, share(claim.amount, count, k))).collect()
}

/// What of a claim rests on hours that are unproven, and that nobody disproved.
fn unproven(claim: &Claim, owners: &[Option<usize>], at_risk: i64) -> i64 {
    let hours = claim.cells.len() as i64;
    match claim.lump {
        None => {
            let mine = claim.cells.iter().zip(owners).zip(1..);
            let mine = mine.filter(|((cell, owner), _)| **cell == Stands::Unproven && owner.is_none());
            mine.map(|(_, n)| share(claim.amount, hours, n)).sum()
        }
        Some(lump) if lump.unproven > 0 && lump.falls(lump.attested) => claim.amount - at_risk,
        Some(_) => 0,
    }
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

    fn cause(rule: &str, grade: Grade, cells: impl IntoIterator<Item = i64>) -> Cause {
        Cause { rule: rule.to_owned(), grade, cells: cells.into_iter().map(|n| (0, n)).collect() }
    }

    #[test]
    fn a_lump_sum_falls_by_what_stands_of_the_schedule_and_whole_to_the_fen() {
        let lump = |attested, unproven| Some(Lump { rate: 800, planned: 40, attested, unproven });
        let at = |amount, attested, unproven, causes: &[Cause]| {
            let claim = Claim { amount, cells: vec![Stands::Attested; 7], lump: lump(attested, unproven) };
            allot(&[claim], causes)
        };
        // Seven of forty hours are claimed, all attested, and thirty-one were attested in all: one under the rate.
        let all = [cause("token-attendance", Grade::Certain, 1..=7)];
        assert_eq!(at(100_003, 31, 0, &all).at_risk, [100_003]);
        // What disproves hours brings it under the rate as well, and exactly the rate is enough.
        let disproved = [cause("device-fork", Grade::Certain, 1..=7)];
        assert_eq!(at(100_003, 38, 0, &disproved).at_risk, [100_003]);
        assert_eq!(at(100_003, 39, 0, &disproved).at_risk, [0]);
        // A sum smaller than the hours it is spread over is not lost in rounding.
        assert_eq!(at(3, 0, 0, &all).at_risk, [3]);
        // What is unproven stands, and is said to be what the sum rests on.
        let rests = at(100_003, 30, 2, &[]);
        assert_eq!((rests.of_claim[0], rests.unproven[0]), (0, 100_003));
        // Strong findings that bring it under the rate hold it; certain ones that do not are then worth nothing.
        let both = [cause("hours-over-attested", Grade::Certain, [1]), cause("card-no-face", Grade::Strong, [2, 3])];
        assert_eq!(at(100_003, 34, 0, &both).at_risk, [0, 100_003]);
        assert_eq!(at(100_003, 35, 0, &both).at_risk, [0, 0]);
    }

    #[test]
    fn unproven_hours_are_a_sum_of_their_own() {
        let cells = vec![Stands::Attested, Stands::Unproven, Stands::Unproven, Stands::No];
        let claim = Claim { amount: 401, cells, lump: None };
        let out = allot(&[claim], &[cause("hours-over-attested", Grade::Certain, [4]), cause("x", Grade::Strong, [3])]);
        assert_eq!((out.at_risk, out.of_claim, out.unproven), (vec![101, 100], vec![201], vec![100]));
    }

    #[test]
    fn a_hundred_thousand_hours_are_allotted_in_one_go() {
        // With a step that looks through all hours for each hour this would take hours, too.
        let claims: Vec<Claim> = (0..50)
            .map(|n| Claim {
                amount: 1_000_003,
                cells: vec![Stands::No; 2_000],
                lump: (n % 2 == 0).then_some(Lump { rate: 800, planned: 2_000, attested: 0, unproven: 0 }),
            })
            .collect();
        let causes: Vec<Cause> = (0..50)
            .map(|n| Cause {
                rule: "hours-over-attested".to_owned(),
                grade: Grade::Certain,
                cells: (1..=2_000).map(|cell| (n, cell)).collect(),
            })
            .collect();
        assert_eq!(allot(&claims, &causes).at_risk, vec![1_000_003; 50]);
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
            let cells: Vec<Stands> =
                (0..hours).map(|_| [Stands::Attested, Stands::Unproven, Stands::No][next(3) as usize]).collect();
            let count = |what| cells.iter().filter(|c| **c == what).count() as i64;
            let (attested, unproven) = (count(Stands::Attested), count(Stands::Unproven));
            let lump = (round % 2 == 0).then_some(Lump { rate: 800, planned: hours, attested, unproven });
            let claim = Claim { amount, cells: cells.clone(), lump };
            let causes: Vec<Cause> = (0..next(6))
                .map(|_| {
                    let grade = [Grade::Weak, Grade::Strong, Grade::Certain][next(3) as usize];
                    let rule = ORDER[next(6) as usize];
                    let cells: Vec<i64> = (1..=hours).filter(|_| next(2) == 0).collect();
                    cause(rule, grade, cells)
                })
                .collect();
            let out = allot(&[claim], &causes);
            let sum: i64 = out.at_risk.iter().sum();
            assert!((0..=amount).contains(&(sum + out.unproven[0])), "{sum} of {amount}");
            assert_eq!(out.of_claim, [sum]);
            let mut hit: Vec<i64> =
                causes.iter().filter(|c| c.grade != Grade::Weak).flat_map(|c| c.cells.iter().map(|c| c.1)).collect();
            hit.sort_unstable();
            hit.dedup();
            let want: i64 = match lump {
                None => hit.iter().map(|n| share(amount, hours, *n)).sum(),
                Some(lump) => {
                    let lost = hit.iter().filter(|n| cells[**n as usize - 1] != Stands::No).count() as i64;
                    let falls = lump.falls(attested + unproven - lost) && !hit.is_empty();
                    if falls { amount } else { 0 }
                }
            };
            assert_eq!(sum, want, "{causes:?}");
        }
    }
}
