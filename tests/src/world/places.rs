//! Makes the places of a town: institutions, sites with their power cuts, terminals with what breaks of them.

use muster_seal::key::{DeviceKey, Signer};

use super::plan::{Cut, Device, Institution, Site};
use super::rng::Rng;
use super::time::{HOUR, MINUTE, date, midnight};
use super::town::{Making, OCCUPATIONS};

/// Days without class for the weather.
pub(super) fn weather(m: &mut Making<'_>) {
    let (rate, late) = (m.habit("weather", "rate"), m.habit("weather", "late"));
    for day in m.spec.first_day..m.spec.first_day + 366 {
        let (_, month, _) = date(day);
        if matches!(month, 11 | 12 | 1..=4) && m.rng.chance(rate) {
            let late = m.rng.chance(late);
            m.town.closures.push((day, late));
        }
    }
}

/// An institution with its sites and terminals.
pub(super) fn institution(m: &mut Making<'_>) {
    let (index, town) = (m.town.institutions.len(), m.town.index);
    let mut occupations: Vec<usize> = (0..OCCUPATIONS.len()).collect();
    m.rng.shuffle(&mut occupations);
    occupations.truncate(4);
    let teachers = (0..3).map(|_| m.person(false)).collect();
    let name = format!("样本培训机构 {town:04}-{index}");
    m.town.institutions.push(Institution { id: format!("q{town:04}-{index}"), name, occupations, teachers });
    for n in 0..1 + m.rng.below(2) {
        let site = m.town.sites.len();
        let (pastoral, backlit) = (m.habit("pastoral-network", "rate"), m.habit("look-changes", "backlit"));
        let villages = m.habit("declines-face", "villages");
        let spread = |rng: &mut Rng| rng.range(-250_000, 250_000);
        let cuts = cuts(m);
        let rng = &mut m.rng;
        m.town.sites.push(Site {
            id: format!("s{town:04}-{index}{n}"),
            institution: index,
            lat_e6: m.town.region.lat_e6 + spread(rng),
            lon_e6: m.town.region.lon_e6 + spread(rng),
            pastoral: rng.chance(pastoral),
            backlit: rng.chance(backlit),
            village: rng.chance(villages),
            cuts,
        });
        device(m, site);
    }
}

fn cuts(m: &mut Making<'_>) -> Vec<Cut> {
    let (rate, listed, hole) =
        (m.habit("power-cut", "rate"), m.habit("power-cut", "listed"), m.habit("power-cut", "hole"));
    let days = m.spec.first_day..m.spec.first_day + 366;
    let cut = |day: i64| {
        let from = midnight(day) + m.rng.range(8 * 60, 20 * 60) * MINUTE;
        let to = from + m.rng.range(20, 150) * MINUTE;
        m.rng.chance(rate).then(|| Cut { from, to, listed: m.rng.chance(listed), hole: m.rng.chance(hole) })
    };
    days.filter_map(cut).collect()
}

fn device(m: &mut Making<'_>, site: usize) {
    let key = DeviceKey::from_seed(m.rng.bytes());
    let id = format!("d{}", &key.public().id()[..12]);
    let (camera, reader) = (m.habit("camera-outage", "rate"), m.habit("reader-outage", "rate"));
    let (wrong, battery) = (m.habit("clock-wrong", "rate"), m.habit("clock-wrong", "dead_battery"));
    let most = (m.habit("clock-wrong", "minutes") * MINUTE as f64) as i64;
    let rng = &mut m.rng;
    let mut down = Vec::new();
    for day in m.spec.first_day..m.spec.first_day + 366 {
        for (part, rate) in [("camera", camera), ("reader", reader)] {
            if rng.chance(rate) {
                let from = midnight(day) + if rng.chance(0.5) { 7 * HOUR } else { 13 * HOUR };
                down.push((part, from, from + 6 * HOUR));
            }
        }
    }
    let offset_ms = if rng.chance(wrong) { rng.range(-most, most) } else { rng.range(-800, 800) };
    let (dead_battery, lively) = (rng.chance(battery), rng.chance(0.6));
    m.town.devices.push(Device { id, key, site, offset_ms, dead_battery, lively, down });
}
