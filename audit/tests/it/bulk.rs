//! Bundles by the thousand, to measure with: not a test of anything, so nobody runs it unasked.
//!
//! ```sh
//! MUSTER_BULK=/tmp/bulk cargo test -p muster-audit --test it -- --ignored bulk
//! muster-audit verify --trust seal/vectors/bundles/trust.toml /tmp/bulk
//! ```

use std::fs;
use std::path::PathBuf;

use crate::town::{Device, MORNING, Parts, Town, Under, seal_leaf};

/// A thousand devices with ten sessions each, of 60 records, in one central log.
#[test]
#[ignore = "writes ten thousand files"]
fn ten_thousand_bundles() {
    let Some(dir) = std::env::var_os("MUSTER_BULK").map(PathBuf::from) else {
        eprintln!("skipped: MUSTER_BULK names no folder");
        return;
    };
    fs::create_dir_all(&dir).unwrap();
    let mut town = Town::default();
    town.fill_to(4);
    let mut devices: Vec<Device> =
        (0..1000).map(|n| Device::enrol(&mut town, &format!("d{n:04}"), (n % 200) as u8 + 50, "s1")).collect();
    let mut held = Vec::new();
    for day in 0..10 {
        let size = town.size();
        let beacon = town.note(size, MORNING + day * 86_400);
        for device in &mut devices {
            let session = device.hold(60, &beacon);
            let index = town.add(&seal_leaf(device, &session));
            held.push((device.id.clone(), session, index, size, day));
        }
    }
    let end = (town.size(), MORNING + 11 * 86_400);
    for (n, (id, session, index, beacon, day)) in held.into_iter().enumerate() {
        let covering = (beacon + 1000, MORNING + day * 86_400 + 7200);
        let parts = Parts::of(&town, &devices[n % 1000], &session, index, Under { beacon, covering, newest: end });
        fs::write(dir.join(format!("{id}-{}.tar", session.counter)), parts.tar()).unwrap();
    }
}
