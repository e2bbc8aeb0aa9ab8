//! People who do not exist: numbers with right check digits, born in 1900, of whom no register has any.

use super::regions::Region;
use crate::card::check_digit;

const SURNAMES: [&str; 12] = ["包", "白", "王", "李", "张", "刘", "陈", "杨", "赵", "吴", "韩", "云"];
const GIVEN: [&str; 10] = ["样甲", "样乙", "样丙", "样丁", "样戊", "样己", "样庚", "样辛", "样壬", "样癸"];

/// The notice's six categories.
pub const CATEGORIES: [&str; 6] =
    ["防止返贫监测对象", "毕业年度高校毕业生", "应届初高中未升学", "农村牧区转移就业", "城镇登记失业", "就业困难"];

/// How a card behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardState {
    /// As it should.
    Good,
    /// Some reads fail.
    Worn,
    /// No chip, or a dead one.
    Dead,
}

/// A person.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// The citizen number.
    pub number: String,
    /// The name.
    pub name: String,
    /// The face: another number is another face.
    pub face: u64,
    /// The face of the twin, where there is one.
    pub twin: Option<u64>,
    /// The card.
    pub card: CardState,
    /// Declines the face.
    pub declines: bool,
    /// Often forgets to check out.
    pub forgetful: bool,
    /// How far the own template is from the face of today, cosine per mille.
    pub drift: i64,
    /// Category.
    pub category: &'static str,
    /// Phone number.
    pub phone: String,
    /// Account.
    pub payee: String,
    /// Days, occupation and level of the classes so far: (first, last, occupation, level).
    pub classes: Vec<(i64, i64, usize, u8)>,
}

/// The number of the n-th person of the world: everybody of a region in turn, so that no two are alike.
///
/// # Panics
/// Above 336,000 people of a region, which no world has.
pub fn number(regions: &[Region], n: u64) -> String {
    let (region, k) = (regions[n as usize % regions.len()], n / regions.len() as u64);
    let (date, serial) = (k / 1000, k % 1000);
    assert!(date < 336, "more people than there are numbers of nobody");
    let digits = format!("{}1900{:02}{:02}{serial:03}", region.code, date / 28 + 1, date % 28 + 1);
    format!("{digits}{}", check_digit(&digits))
}

/// The name of the n-th person.
pub fn name(n: u64) -> String {
    format!("{}{}", SURNAMES[n as usize % 12], GIVEN[n as usize / 12 % 10])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_valid_and_nobody_has_another_s() {
        let regions = super::super::regions::all();
        let numbers: std::collections::BTreeSet<String> = (0..50_000).map(|n| number(&regions, n)).collect();
        assert_eq!(numbers.len(), 50_000);
        assert!(numbers.iter().all(|n| n.len() == 18 && check_digit(&n[..17]) == n.chars().last().unwrap()));
    }
}
