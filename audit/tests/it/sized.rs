//! A log that got its witnesses late: from 6 entries on they must stand for it, before nobody was asked. In
//! `seal/vectors/bundles/sized/`, under a trust file of its own.

use muster_audit::trust::Trust;
use muster_audit::verify::verify;

use crate::cases::{but, town};
use crate::town::{EVENING, Parts, Under, stand, trust};

/// The trust file: the witnesses of the other one, from 6 entries on.
pub fn sized_trust() -> String {
    let text = trust().replacen("# The auditor's trust file for these bundles.", "# Witnesses came late.", 1);
    let (head, rest) = text.split_once("tlog_policy = ").unwrap();
    let (policy, counting) = rest.split_once("\n\n").unwrap();
    format!("{head}\n[[witnesses]]\nfrom_size = 6\ntlog_policy = {policy}\n\n{counting}")
}

/// A name, what the verifier says (nothing where it holds), and the file.
pub fn sized() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let (town, d1, session) = town(|device, _| {
        let mut before = crate::town::Town::default();
        before.fill_to(1);
        crate::town::Device::enrol(&mut before, "d1", 11, "s1");
        before.fill_to(4);
        device.hold(14, &stand(&before.checkpoint(4), &[]))
    });
    let parts = |covering, newest: (u64, u64)| {
        let under = Under { beacon: 4, covering: (covering, EVENING), newest };
        let mut parts = Parts::of(&town, &d1, &session, 4, under);
        if covering < 6 {
            parts.receipt.checkpoint = stand(&town.checkpoint(covering), &[]);
        }
        parts
    };
    let old = {
        let mut parts = parts(5, (5, EVENING));
        let note = stand(&town.checkpoint(5), &[]);
        parts.life.iter_mut().for_each(|(_, receipt)| receipt.checkpoint.clone_from(&note));
        parts.tar()
    };
    let bare = |size| stand(&town.checkpoint(size), &[]);
    let unmet = "quorum not met: 0 of the needed 2 cosigned (missing: offices with 0 of 1, without audit and finance, university)";
    let seal: &'static str = Box::leak(format!("entry.tlog-proof: {unmet}").into_boxed_str());
    let device: &'static str = Box::leak(format!("device-000.tlog-proof: {unmet}").into_boxed_str());
    vec![
        ("good-beacon-of-before", "", parts(6, (6, EVENING)).tar()),
        ("good-seal-of-before", "", parts(5, (6, EVENING)).tar()),
        (
            "bad-newest-of-before",
            "device-000.tlog-proof: the newest checkpoint has 5 entries, and your trust file asks for witnesses from 6 on: ask for \
             a newer bundle",
            old,
        ),
        ("bad-quorum-not-met-for-the-seal", seal, but(&parts(6, (6, EVENING)), |p| p.receipt.checkpoint = bare(6))),
        (
            "bad-quorum-not-met-for-the-device",
            device,
            but(&parts(6, (6, EVENING)), |p| p.life.iter_mut().for_each(|(_, r)| r.checkpoint = bare(6))),
        ),
    ]
}

#[test]
fn the_policy_goes_by_the_size_of_the_checkpoint() {
    let trust = Trust::parse(&sized_trust()).unwrap();
    assert_eq!((trust.witnesses(5).witnesses().len(), trust.witnesses(6).witnesses().len()), (0, 3));
    assert_eq!(trust.last_from(), 6);
    for (name, want, tar) in sized() {
        let said = verify(&tar, &trust).map(|held| held.bracket.before_s.is_none());
        match said {
            // Nobody vouches for the time of a checkpoint that nobody had to stand for.
            Ok(open) => assert_eq!((want, open), ("", name == "good-seal-of-before"), "{name}"),
            Err(said) => assert_eq!(said.to_string(), want, "{name}"),
        }
    }
}
