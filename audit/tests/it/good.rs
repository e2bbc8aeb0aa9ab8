//! The good bundles of `seal/vectors/bundles/good/`: they hold one by one and together.

use muster_seal::central::{Leaf, ReplaceLeaf, RevokeLeaf};
use muster_seal::checkpoint::Checkpoint;
use muster_seal::note::Signature;

use crate::town::{Device, EVENING, MORNING, NOON, Parts, Session, Town, Under, seal_leaf};

/// A year of one town in a day. What is bad in it, `cases` takes from here, too.
pub struct Story {
    /// The central log at the end of it all.
    pub town: Town,
    pub good: Vec<(String, Vec<u8>)>,
    /// d1's session 6, which the revocation after 5 takes back.
    pub revoked: Parts,
    /// d2's session 2, which the replacement after 1 takes back.
    pub replaced: Parts,
    /// d1's session 4, with the contacts 2 and 3 before it.
    pub contacts: Parts,
    /// d1's session 5, after the rotation.
    pub rotated: Parts,
    /// d1's session 1.
    pub first: Parts,
}

/// Seals a session into the central log, and gives the leaf's index.
fn take(town: &mut Town, device: &Device, session: &Session) -> u64 {
    town.add(&seal_leaf(device, session))
}

pub fn story() -> Story {
    let mut town = Town::default();
    town.fill_to(1);
    let mut d1 = Device::enrol(&mut town, "d1", 11, "s1");
    let mut d2 = Device::enrol(&mut town, "d2", 12, "s2");
    town.fill_to(4);
    let beacon = town.note(4, MORNING);
    let under = |beacon, covering, newest| Under { beacon, covering, newest };

    let s1 = d1.hold(16, &beacon);
    let i1 = take(&mut town, &d1, &s1);
    let after1 = (town.size(), NOON);
    d1.contact(&mut town, after1.0);
    d1.contact(&mut town, after1.0 + 1);
    let contacts = std::mem::take(&mut d1.contacts);
    let beacon4 = town.note(town.size(), NOON + 60);
    let beacon4_size = town.size();
    let s4 = d1.hold(15, &beacon4);
    let i4 = take(&mut town, &d1, &s4);
    let after4 = (town.size(), NOON + 7200);
    d1.rotate(&mut town, 21);
    let beacon5 = town.note(town.size(), NOON + 7300);
    let beacon5_size = town.size();
    let s5 = d1.hold(14, &beacon5);
    let i5 = take(&mut town, &d1, &s5);
    let after5 = (town.size(), EVENING);
    let s6 = d1.hold(14, &beacon5);
    let i6 = take(&mut town, &d1, &s6);
    let after6 = (town.size(), EVENING + 60);

    // Two sessions of d2; its disk was lost after the first, as it turned out.
    let s21 = d2.hold(14, &beacon);
    let i21 = take(&mut town, &d2, &s21);
    let after21 = (town.size(), EVENING + 120);
    let s22 = d2.hold(14, &beacon);
    let i22 = take(&mut town, &d2, &s22);
    let after22 = (town.size(), EVENING + 180);
    let revoke = RevokeLeaf { device: "d1".into(), counter: 5, reason: "lost".into(), at: String::new() };
    d1.life.push(town.add(&Leaf::Revoke(revoke)));
    let mut d3 = Device::enrol(&mut town, "d3", 13, "s2");
    let (device, old, reason) = ("d3".into(), "d2".into(), "disk".into());
    let replace = town.add(&Leaf::Replace(ReplaceLeaf { device, old, counter: 1, reason, at: String::new() }));
    d2.life.push(replace);
    d3.life.push(replace);
    // A device that saved a beacon for nine days, and one that never held any.
    let s3 = d3.hold(14, &beacon);
    let i3 = take(&mut town, &d3, &s3);
    let late = (town.size(), MORNING + 9 * 86_400);
    let mut d5 = Device::enrol(&mut town, "d5", 15, "s1");
    let s51 = d5.hold(14, "");
    let i51 = take(&mut town, &d5, &s51);
    let late5 = (town.size(), MORNING + 9 * 86_400);
    let end = (town.size(), MORNING + 10 * 86_400);

    let first = Parts::of(&town, &d1, &s1, i1, under(4, after1, end));
    let fourth = Parts::of(&town, &d1, &s4, i4, under(beacon4_size, after4, end)).with_contacts(&town, &contacts);
    let rotated = Parts::of(&town, &d1, &s5, i5, under(beacon5_size, after5, end));
    let mut good = vec![
        ("d1-1".to_owned(), first.tar()),
        ("d1-4-after-two-contacts".to_owned(), fourth.tar()),
        ("d1-5-after-a-rotation".to_owned(), rotated.tar()),
        ("d2-1-before-its-replacement".to_owned(), Parts::of(&town, &d2, &s21, i21, under(4, after21, end)).tar()),
        ("d3-1-saved-beacon-is-wide".to_owned(), Parts::of(&town, &d3, &s3, i3, under(4, late, end)).tar()),
        ("d5-1-no-beacon-is-wide".to_owned(), Parts::of(&town, &d5, &s51, i51, under(0, late5, end)).tar()),
    ];
    good.extend(sizes(&mut town));
    good.extend(odd(&mut town));
    Story {
        good,
        revoked: Parts::of(&town, &d1, &s6, i6, under(beacon5_size, after6, end)),
        replaced: Parts::of(&town, &d2, &s22, i22, under(4, after22, end)),
        contacts: fourth,
        rotated,
        first,
        town,
    }
}

/// One device's logs of 2, 3, 255, 256 and 257 records, where the central log has 65535 to 65537 entries.
fn sizes(town: &mut Town) -> Vec<(String, Vec<u8>)> {
    let mut d4 = Device::enrol(town, "d4", 14, "s4");
    town.fill_to(65_528);
    let mut done = Vec::new();
    for (n, records) in [2, 3, 255, 256, 257].into_iter().enumerate() {
        let size = town.size();
        let beacon = town.note(size, MORNING + 20 * 86_400 + n as u64 * 60);
        let session = d4.hold(records, &beacon);
        let index = town.add(&seal_leaf(&d4, &session));
        // The last three are covered at 65535, 65536 and 65537.
        if n == 1 {
            town.fill_to(65_532);
        } else if n == 2 {
            town.fill_to(65_535);
        }
        let covering = (town.size(), MORNING + 20 * 86_400 + n as u64 * 60 + 30);
        done.push((records, session, index, Under { beacon: size, covering, newest: covering }));
    }
    let end = (town.size(), MORNING + 21 * 86_400);
    let parts = done.into_iter().map(|(records, session, index, under)| {
        let under = Under { newest: end, ..under };
        (format!("d4-{}-of-{records}-records", session.counter), Parts::of(town, &d4, &session, index, under).tar())
    });
    parts.collect()
}

/// What holds although it looks odd: a seal that came after its device's revocation, with a counter that still counts; a seal with
/// one line of another make, under a beacon with lines by names that no space is in.
fn odd(town: &mut Town) -> Vec<(String, Vec<u8>)> {
    let day = |n: u64| MORNING + n * 86_400;
    let mut d6 = Device::enrol(town, "d6", 16, "s1");
    let mut d7 = Device::enrol(town, "d7", 17, "s1");
    let size = town.size();
    let beacon = town.note(size, day(22));
    let s6 = d6.hold(14, &beacon);
    let revoke = RevokeLeaf { device: "d6".into(), counter: 1, reason: "lost".into(), at: String::new() };
    d6.life.push(town.add(&Leaf::Revoke(revoke)));
    let i6 = town.add(&seal_leaf(&d6, &s6));
    let line = |name: &str| Signature { name: name.into(), id: [1, 2, 3, 4], bytes: vec![7; 72] }.line();
    let names = ["a\u{feff}b", "a\u{200b}b", "见证"].map(line).concat();
    let mut s7 = d7.hold(14, &(beacon + &names));
    s7.seal += &line("muster.example/d/d7/s/1");
    let i7 = town.add(&seal_leaf(&d7, &s7));
    let end = (town.size(), day(22) + 3600);
    let under = Under { beacon: size, covering: end, newest: end };
    vec![
        ("d6-1-received-after-its-revocation".to_owned(), Parts::of(town, &d6, &s6, i6, under).tar()),
        ("d7-1-with-lines-of-others".to_owned(), Parts::of(town, &d7, &s7, i7, under).tar()),
    ]
}

/// A checkpoint with another root: of a log that the bureau shows to somebody else.
pub fn other_root(checkpoint: &Checkpoint) -> Checkpoint {
    let mut root = checkpoint.root;
    root[0] ^= 1;
    Checkpoint { root, ..checkpoint.clone() }
}
