//! Leagues and banners of Inner Mongolia by their GB/T 2260 codes, each with the coordinates of its league's seat: a made-up
//! site lies somewhere about it.

/// A banner, county, city or district.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// GB/T 2260 code of six digits.
    pub code: u32,
    /// Latitude of the league's seat, millionths of a degree.
    pub lat_e6: i64,
    /// Longitude of the league's seat.
    pub lon_e6: i64,
}

/// League or city, latitude and longitude of its seat, and the last two digits of those below it.
type League = (u32, i64, i64, &'static [u32]);

const LEAGUES: [League; 12] = [
    (1501, 40_842_000, 111_749_000, &[2, 3, 4, 5, 21, 22, 23, 24, 25]),
    (1502, 40_657_000, 109_840_000, &[2, 3, 4, 5, 6, 7, 21, 22, 23]),
    (1503, 39_655_000, 106_794_000, &[2, 3, 4]),
    (1504, 42_258_000, 118_887_000, &[2, 3, 4, 21, 22, 23, 24, 25, 26, 28, 29, 30]),
    (1505, 43_653_000, 122_243_000, &[2, 21, 22, 23, 24, 25, 26, 81]),
    (1506, 39_608_000, 109_781_000, &[2, 3, 21, 22, 23, 24, 25, 26, 27]),
    (1507, 49_212_000, 119_766_000, &[2, 3, 21, 22, 23, 24, 25, 26, 27, 81, 82, 83, 84, 85]),
    (1508, 40_743_000, 107_388_000, &[2, 21, 22, 23, 24, 25, 26]),
    (1509, 40_994_000, 113_133_000, &[2, 21, 22, 23, 24, 25, 26, 27, 28, 29, 81]),
    (1522, 46_083_000, 122_038_000, &[1, 2, 21, 22, 23, 24]),
    (1525, 43_933_000, 116_048_000, &[1, 2, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31]),
    (1529, 38_852_000, 105_729_000, &[21, 22, 23]),
];

/// All of them, in the order of their codes.
pub fn all() -> Vec<Region> {
    let of = |(league, lat_e6, lon_e6, last): &League| {
        let (league, lat_e6, lon_e6) = (*league, *lat_e6, *lon_e6);
        last.iter().map(move |two| Region { code: league * 100 + two, lat_e6, lon_e6 }).collect::<Vec<_>>()
    };
    LEAGUES.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_banners_are_there_once_and_in_order() {
        let codes: Vec<u32> = all().iter().map(|r| r.code).collect();
        assert_eq!(codes.len(), 103);
        assert!(codes.windows(2).all(|w| w[0] < w[1]) && codes.contains(&150_422));
    }
}
