//! The daily cap: how many class hours of one person count on one day, over all classes.

use std::collections::BTreeMap;

/// One attested class hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hour<'a> {
    /// Whose, the same across classes.
    pub person: &'a str,
    /// On which day of the place.
    pub day: i64,
    /// When it starts; the earliest count.
    pub start: i64,
    /// Which lesson, to order those that start at once.
    pub lesson: &'a str,
    /// The cap of the policy that it is counted by.
    pub cap: u32,
}

/// Which of these hours are above the cap: the latest of a person's day. In the order they were given in, which decides
/// nothing but between hours that are alike in all.
pub fn above_cap(hours: &[Hour<'_>]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..hours.len()).collect();
    order.sort_by_key(|i| (hours[*i].start, hours[*i].lesson, hours[*i].cap, *i));
    let mut used: BTreeMap<(&str, i64), u32> = BTreeMap::new();
    let mut above = vec![false; hours.len()];
    for i in order {
        let hour = &hours[i];
        let used = used.entry((hour.person, hour.day)).or_default();
        above[i] = *used >= hour.cap;
        // An hour that does not count takes nothing from one that another policy would still let count.
        *used += u32::from(!above[i]);
    }
    above
}
