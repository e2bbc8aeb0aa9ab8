//! Two check-ins of one person that follow each other, in different classes: table `journeys`.

use std::collections::HashMap;

use datafusion::error::DataFusionError;

use super::tables::{JOURNEYS, Row, Val};
use crate::rules::engine::Engine;

/// But for the distance. Only who is on the roster of two classes can have gone from one to the other.
const SQL: &str = r#"
WITH several AS MATERIALIZED (
  SELECT r.class, r.trainee, r.person FROM roster r
  JOIN (SELECT person FROM roster GROUP BY person HAVING COUNT(DISTINCT class) > 1) m ON m.person = r.person),
come AS (
  SELECT r.person, t.class, t.trainee, s.site, t.device, t.counter, t.seq, t."at" AS moment, t.level,
         s.clock_step_s + s.clock_rebased_s AS slack
  FROM taps t JOIN several r ON r.class = t.class AND r.trainee = t.trainee
  JOIN sessions s ON s.device = t.device AND s.counter = t.counter
  WHERE t.purpose = 'in'),
pairs AS (
  SELECT person, LAG(class) OVER w AS class_a, LAG(trainee) OVER w AS trainee_a, LAG(site) OVER w AS site_a,
         LAG(device) OVER w AS device_a, LAG(counter) OVER w AS counter_a, LAG(seq) OVER w AS seq_a,
         LAG(moment) OVER w AS at_a, class AS class_b, trainee AS trainee_b, site AS site_b, device AS device_b,
         counter AS counter_b, seq AS seq_b, moment AS at_b, level AS level_b, slack + LAG(slack) OVER w AS slack_s
  FROM come WINDOW w AS (PARTITION BY person ORDER BY moment, device, counter, seq))
SELECT * FROM pairs WHERE class_a IS NOT NULL AND class_a <> class_b"#;

/// Puts the table where rules find it.
///
/// # Errors
/// [`DataFusionError`].
pub async fn put(engine: &Engine) -> Result<(), DataFusionError> {
    let columns: Vec<&str> = JOURNEYS.columns.iter().map(|(name, _)| *name).collect();
    let without: Vec<&str> = columns.iter().copied().filter(|name| *name != "metres").collect();
    let places = engine.query("SELECT site, lat_e6, lon_e6 FROM sites", &["site", "lat_e6", "lon_e6"]).await?;
    let places: HashMap<String, (i64, i64)> = places
        .into_iter()
        .filter_map(|row| match <[Val; 3]>::try_from(row) {
            Ok([Val::Text(site), Val::Int(lat), Val::Int(lon)]) => Some((site, (lat, lon))),
            _ => None,
        })
        .collect();
    let mut rows = engine.query(SQL, &without).await?;
    let (site_a, site_b, metres) = (3, 10, columns.iter().position(|name| *name == "metres").unwrap_or(columns.len()));
    for row in &mut rows {
        let at = |row: &Row, i: usize| match row.get(i) {
            Some(Val::Text(site)) => places.get(site).copied(),
            _ => None,
        };
        let far = at(row, site_a).zip(at(row, site_b)).map(|(a, b)| distance(a, b));
        row.insert(metres, far.into());
    }
    rows.sort_by_key(|row| format!("{row:?}"));
    engine.replace(&JOURNEYS, &rows)
}

/// Whole metres between two places in millionths of a degree, on a sphere of the Earth's mean radius (6,371,009 m): the
/// haversine formula. Within 0.6 % of the ellipsoid.
pub fn distance(a: (i64, i64), b: (i64, i64)) -> i64 {
    let radians = |e6: i64| (e6 as f64 / 1e6).to_radians();
    let (lat_a, lat_b) = (radians(a.0), radians(b.0));
    let half = |d: f64| (d / 2.0).sin().powi(2);
    let h = half(lat_b - lat_a) + lat_a.cos() * lat_b.cos() * half(radians(b.1 - a.1));
    (2.0 * 6_371_009.0 * h.sqrt().min(1.0).asin()).round() as i64
}

#[cfg(test)]
mod tests {
    #[test]
    fn chifeng_to_hohhot_is_as_far_as_the_map_says() {
        // 42.258 N 118.887 E to 40.842 N 111.749 E: about 612 km as the crow flies.
        let metres = super::distance((42_258_000, 118_887_000), (40_842_000, 111_749_000));
        assert!((605_000..620_000).contains(&metres), "{metres}");
        assert_eq!(super::distance((42_258_000, 118_887_000), (42_258_000, 118_887_000)), 0);
    }
}
