//! What is usual: for every rule that counts, how often the counted thing happens in comparable units, and how far each unit is
//! from that. The one place where statistics are done, in floats and in one process, so that rules compare whole numbers
//! and every engine gives the same rows.
//!
//! A unit is compared with those of its league, kind, season and size; where these are fewer than [`UNITS`], of the next wider
//! group. Its own institution is left out. Centre and spread are the median and the interquartile range / 1.349 of the rates, so
//! that up to a fifth of bad units does not move them; the counts are then taken as beta-binomial with that centre and spread.
//! Where nearly all rates are 0 and the median says nothing, the mean of the lower four fifths takes its place.
//!
//! Two gates: p ≤ 3e-5, and Benjamini-Hochberg q ≤ 0.01 within rule, league and month. (`rules.md`, section 13.)

use std::collections::{BTreeMap, HashMap};

use datafusion::error::DataFusionError;

use super::engine::{Count, Engine};
use crate::evidence::tables::{NULLS, Row, Val};

/// So many units make a cell.
pub const UNITS: usize = 200;
/// The first gate.
pub const P: f64 = 3e-5;
/// The second gate.
pub const Q: f64 = 0.01;

/// What the table says of one unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Null {
    /// What it is compared with.
    pub cell: String,
    /// Units in that cell, without its institution's.
    pub units: usize,
    /// Smallest number of hits with p ≤ [`P`]; `None` when no number has, or it cannot be told.
    pub limit: Option<i64>,
    /// The chance of so many hits or more in an honest unit.
    pub p: f64,
    /// Are there enough tries and units, and do the usual ones look as they should?
    pub testable: bool,
    /// Both gates.
    pub passes: bool,
}

/// Puts the table where rules find it. `counts` are what each rule counted.
///
/// # Errors
/// [`DataFusionError`].
pub fn put(engine: &Engine, counts: &[(String, Vec<Count>)]) -> Result<(), DataFusionError> {
    let mut rows: Vec<Row> = Vec::new();
    for (rule, counts) in counts {
        for (count, null) in counts.iter().zip(fit(counts)) {
            let score = if null.testable { (-1000.0 * null.p.log10()).floor() as i64 } else { 0 };
            rows.push(vec![
                rule.as_str().into(),
                count.unit.as_str().into(),
                null.cell.into(),
                (null.units as i64).into(),
                count.n.into(),
                count.k.into(),
                null.limit.into(),
                Val::Int(score.max(0)),
                null.testable.into(),
                null.passes.into(),
            ]);
        }
    }
    engine.replace(&NULLS, &rows)
}

/// From the narrowest group to all of them.
fn groups(count: &Count) -> [String; 5] {
    let league = count.region.get(..4).unwrap_or(&count.region);
    let province = count.region.get(..2).unwrap_or(&count.region);
    // Winter, spring, summer, autumn: days since 1970 in quarters of a year that begin in December.
    let season = (count.day + 31).rem_euclid(365) / 92;
    let size = match count.size {
        ..15 => "s",
        15..30 => "m",
        _ => "l",
    };
    let kind = &count.kind;
    [
        format!("{league}/{kind}/{season}/{size}"),
        format!("{league}/{kind}/{season}"),
        format!("{league}/{kind}"),
        format!("{province}/{kind}"),
        province.to_owned(),
    ]
}

/// What the units of a group are like.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Usual {
    units: usize,
    /// Beta's parameters.
    a: f64,
    b: f64,
}

/// A group's units, in order of their rates: each institution is left out of it by counting, not by looking at all others again.
struct Group {
    /// Indexes of units.
    order: Vec<usize>,
    /// Hits, and tries, of all units before each place.
    before: Vec<(i64, i64)>,
    /// The sum of 1 / tries.
    inverse: f64,
    /// Places of each institution's units.
    own: HashMap<String, Vec<usize>>,
    /// Do the usual units look like what is usual?
    good: bool,
}

impl Group {
    fn of(counts: &[Count], mut order: Vec<usize>) -> Self {
        order.sort_by(|a, b| {
            let (a, b) = (&counts[*a], &counts[*b]);
            (a.k * b.n).cmp(&(b.k * a.n)).then(a.n.cmp(&b.n))
        });
        let mut before = vec![(0, 0)];
        let mut own: HashMap<String, Vec<usize>> = HashMap::new();
        let (mut hits, mut tries, mut inverse) = (0, 0, 0.0);
        for (place, i) in order.iter().enumerate() {
            let count = &counts[*i];
            (hits, tries, inverse) = (hits + count.k, tries + count.n, inverse + 1.0 / count.n as f64);
            before.push((hits, tries));
            own.entry(count.institution.clone()).or_default().push(place);
        }
        let mut group = Self { order, before, inverse, own, good: false };
        let Usual { a, b, .. } = group.usual(counts, &[]);
        // Up to a fifth may be bad. Of the others about one in a hundred is past the hundredth; five in a hundred is no fit.
        let lower = &group.order[..group.order.len() * 4 / 5];
        let past = lower.iter().filter(|i| tail(counts[**i].n, counts[**i].k, a, b) <= 0.01).count();
        group.good = past * 20 <= lower.len();
        group
    }

    /// What is usual without the units at these places, which are in order.
    fn usual(&self, counts: &[Count], without: &[usize]) -> Usual {
        let units = self.order.len() - without.len();
        // Where the unit of a place among those that are left stands among all.
        let all = |place: usize| without.iter().fold(place, |at, gone| at + usize::from(*gone <= at));
        let at = |permille: usize| {
            let count = &counts[self.order[all((units - 1) * permille / 1000)]];
            count.k as f64 / count.n as f64
        };
        let end = if units * 4 / 5 == 0 { 0 } else { all(units * 4 / 5 - 1) + 1 };
        let (mut hits, mut tries) = self.before[end];
        let mut inverse = self.inverse;
        for gone in without {
            let count = &counts[self.order[*gone]];
            inverse -= 1.0 / count.n as f64;
            if *gone < end {
                (hits, tries) = (hits - count.k, tries - count.n);
            }
        }
        // A unit's number of tries, as it weighs on the spread of rates: the harmonic mean.
        let size = units as f64 / inverse;
        let (median, spread) = (at(500), (at(750) - at(250)) / 1.349);
        let mean = if median > 0.0 { median } else { (hits as f64 + 0.5) / (tries as f64 + 1.0) };
        let mean = mean.clamp(1e-6, 1.0 - 1e-6);
        // Var(rate) = m (1 − m) / n · (1 + (n − 1) ρ): what is wider than chance is the difference from class to class.
        // Never none: units differ by more than chance, also where the few that were seen do not.
        let chance = mean * (1.0 - mean) / size;
        let rho = ((spread * spread / chance - 1.0) / (size - 1.0).max(1.0)).clamp(0.005, 0.5);
        let (a, b) = (mean * (1.0 - rho) / rho, (1.0 - mean) * (1.0 - rho) / rho);
        Usual { units, a, b }
    }
}

/// What is usual for each unit, in their order.
pub fn fit(counts: &[Count]) -> Vec<Null> {
    let mut members: HashMap<String, Vec<usize>> = HashMap::new();
    for (i, count) in counts.iter().enumerate().filter(|(_, c)| c.n > 0) {
        for group in groups(count) {
            members.entry(group).or_default().push(i);
        }
    }
    members.retain(|_, of| of.len() > UNITS);
    let mut fitted: HashMap<String, Group> = HashMap::new();
    let mut known: HashMap<(String, &str), Option<Usual>> = HashMap::new();
    let mut nulls: Vec<Null> = Vec::with_capacity(counts.len());
    for count in counts {
        let mut null = Null { cell: String::new(), units: 0, limit: None, p: 1.0, testable: false, passes: false };
        for name in groups(count).into_iter().filter(|_| count.n > 0) {
            if let Some(of) = members.remove(&name) {
                fitted.insert(name.clone(), Group::of(counts, of));
            }
            let Some(group) = fitted.get(&name) else { continue };
            let usual = *known.entry((name.clone(), count.institution.as_str())).or_insert_with(|| {
                let own = group.own.get(&count.institution).map_or(&[][..], Vec::as_slice);
                (group.order.len() - own.len() >= UNITS).then(|| group.usual(counts, own))
            });
            if let Some(usual) = usual {
                (null.cell, null.units) = (name, usual.units);
                if group.good {
                    null.testable = true;
                    null.p = tail(count.n, count.k, usual.a, usual.b);
                    null.limit = limit(count.n, usual.a, usual.b);
                }
                break;
            }
        }
        nulls.push(null);
    }
    gate(counts, &mut nulls);
    nulls
}

/// ln of the beta function.
fn ln_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

/// The chance of `k` hits or more of `n`, beta-binomial.
pub fn tail(n: i64, k: i64, a: f64, b: f64) -> f64 {
    if k <= 0 {
        return 1.0;
    }
    if k > n {
        return 0.0;
    }
    let mean = n as f64 * a / (a + b);
    // From the side that has less of it, so that what is too small for a float is nothing and not all.
    if k as f64 > mean { side(n, k, a, b) } else { 1.0 - side(n, n - k + 1, b, a) }
}

/// The chance of `k` hits or more, where `k` is above what is expected: the first term by its logarithm, each further one from
/// the one before by the ratio of neighbours.
fn side(n: i64, k: i64, a: f64, b: f64) -> f64 {
    let (nf, kf) = (n as f64, k as f64);
    let ln_choose = libm::lgamma(nf + 1.0) - libm::lgamma(kf + 1.0) - libm::lgamma(nf - kf + 1.0);
    let mut term = (ln_choose + ln_beta(kf + a, nf - kf + b) - ln_beta(a, b)).exp();
    let (mut sum, mut x) = (term, kf);
    while x < nf {
        let ratio = (nf - x) / (x + 1.0) * ((x + a) / (nf - x - 1.0 + b));
        term *= ratio;
        sum += term;
        x += 1.0;
        // Where they fall, what is left is below the last digit soon.
        if ratio < 1.0 && term < sum * 1e-18 {
            break;
        }
    }
    sum.clamp(0.0, 1.0)
}

/// The smallest number of hits with a chance of [`P`] or less.
fn limit(n: i64, a: f64, b: f64) -> Option<i64> {
    let (mut low, mut high) = (1, n + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if tail(n, middle, a, b) <= P { high = middle } else { low = middle + 1 }
    }
    (low <= n).then_some(low)
}

/// Benjamini-Hochberg within league and month, and the first gate.
fn gate(counts: &[Count], nulls: &mut [Null]) {
    let mut together: BTreeMap<(&str, i64), Vec<usize>> = BTreeMap::new();
    for (i, count) in counts.iter().enumerate().filter(|(i, _)| nulls[*i].testable) {
        let league = count.region.get(..4).unwrap_or(&count.region);
        together.entry((league, count.day.div_euclid(30))).or_default().push(i);
    }
    for mut of in together.into_values() {
        of.sort_by(|a, b| nulls[*a].p.total_cmp(&nulls[*b].p));
        let all = of.len() as f64;
        let holds = |(rank, i): &(usize, usize)| nulls[*i].p <= Q * (*rank as f64 + 1.0) / all;
        let last = of.iter().copied().enumerate().filter(holds).map(|(rank, _)| rank).max();
        for i in of.iter().take(last.map_or(0, |rank| rank + 1)) {
            nulls[*i].passes = nulls[*i].p <= P;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(i: usize, n: i64, k: i64) -> Count {
        Count {
            unit: format!("c{i}"),
            institution: format!("i{}", i / 5),
            region: "150422".to_owned(),
            day: 20_000,
            kind: "day".to_owned(),
            size: 20,
            n,
            k,
        }
    }

    #[test]
    fn the_tail_is_a_chance_and_agrees_with_sums_by_hand() {
        // a = b = 1: every number of hits is as likely as any other.
        for k in 0..=10 {
            assert!((tail(10, k, 1.0, 1.0) - (11 - k) as f64 / 11.0).abs() < 1e-9, "{k}");
        }
        // Nearly binomial, n = 20, p = 0.05: P(X ≥ 4) = 0.01590 (tables).
        assert!((tail(20, 4, 0.05 * 1e7, 0.95 * 1e7) - 0.0159).abs() < 1e-4);
        // A hundred thousand tries and more are still a chance.
        assert!((0.0..1.0).contains(&tail(300_000, 2_000, 5.0, 995.0)));
    }

    #[test]
    fn one_unit_far_from_the_others_passes_and_a_fifth_of_bad_ones_does_not_move_what_is_usual() {
        // About one hit in twenty, more or less by unit.
        let honest = |i: usize| unit(i, 100, [2, 3, 4, 5, 5, 6, 7, 8][i % 8]);
        let mut counts: Vec<Count> = (0..400).map(honest).collect();
        counts.push(unit(1_000, 100, 60));
        let nulls = fit(&counts);
        assert!(nulls[400].passes && nulls[400].testable, "{:?}", nulls[400]);
        assert!(nulls[..400].iter().all(|n| !n.passes && n.testable));
        let limit = nulls[0].limit.unwrap();
        assert!((10..60).contains(&limit), "{limit}");
        // Eighty bad ones beside three hundred and twenty.
        let mixed: Vec<Count> = (0..400).map(|i| if i % 5 == 0 { unit(i, 100, 60) } else { honest(i) }).collect();
        let moved = fit(&mixed)[1].limit.unwrap();
        assert!(moved <= limit + 12, "{limit} to {moved}");
    }

    #[test]
    fn too_few_units_are_not_testable_and_wider_groups_are_asked_before_that() {
        let counts: Vec<Count> = (0..UNITS).map(|i| unit(i, 10, 1)).collect();
        assert!(fit(&counts).iter().all(|n| !n.testable && !n.passes && n.limit.is_none()));
        // The league has too few of a kind, the province enough of all.
        let mut counts: Vec<Count> = (0..300).map(|i| unit(i, 10, 1)).collect();
        counts.push(Count { region: "152501".to_owned(), kind: "evening".to_owned(), ..unit(900, 10, 10) });
        let null = &fit(&counts)[300];
        assert_eq!((null.cell.as_str(), null.units), ("15", 300));
        assert!(null.testable);
    }

    #[test]
    fn where_nearly_nobody_ever_has_a_hit_few_hits_are_many() {
        let mut counts: Vec<Count> = (0..400).map(|i| unit(i, 200, i64::from(i % 50 == 0))).collect();
        counts.push(unit(2_000, 200, 30));
        let nulls = fit(&counts);
        assert!(nulls[400].passes, "{:?}", nulls[400]);
        assert!(nulls[..400].iter().all(|n| !n.passes));
    }
}
