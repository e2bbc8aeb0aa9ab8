//! Taps told as stories, each against the records it makes.

use super::*;

const RULES: Rules = Rules { level: 2, min_stay_ms: 60_000 };

fn person(id: &str, declined: bool) -> Person {
    let shown = "王*".to_owned();
    Person { id: id.into(), instructor: false, card: String::new(), shown, template: None, declined }
}

fn seen(outcome: FaceOutcome) -> Sighting {
    Sighting { outcome, ..Sighting::default() }
}

fn tap(all: &mut Attendance, who: &Person, outcome: FaceOutcome, up_ms: u64) -> (Vec<Body>, Outcome) {
    let purpose = all.purpose(who, RULES, up_ms);
    let seen = seen(outcome);
    let (bodies, shown) =
        all.trainee(who, &Reading { reader: "door", layout: "resident", seq: 5 }, purpose, Some(&seen), RULES);
    bodies.iter().for_each(|b| all.apply(b, up_ms));
    (bodies, shown)
}

#[test]
fn in_then_repeat_then_out() {
    let (mut all, who) = (Attendance::default(), person("t1", false));
    assert_eq!(tap(&mut all, &who, FaceOutcome::Face, 1_000).1, Outcome::In);
    assert_eq!(tap(&mut all, &who, FaceOutcome::Face, 30_000).1, Outcome::Already);
    assert_eq!(all.here().len(), 1);
    assert_eq!(tap(&mut all, &who, FaceOutcome::Face, 61_001).1, Outcome::Out);
    assert!(all.here().is_empty());
}

#[test]
fn a_card_alone_is_recorded_as_that_and_may_be_bettered() {
    let (mut all, who) = (Attendance::default(), person("t1", false));
    let (bodies, shown) = tap(&mut all, &who, FaceOutcome::NoFace, 1_000);
    assert_eq!(shown, Outcome::LookAgain);
    assert!(
        matches!(&bodies[..], [Body::Card(_), Body::Face(f), Body::Present(p)] if f.outcome == "none" && p.level == 1 && p.face == Some(6))
    );
    assert_eq!(tap(&mut all, &who, FaceOutcome::Match, 4_000).1, Outcome::In);
    assert_eq!(all.here()["t1"].level, 3);
}

#[test]
fn a_check_out_without_a_face_does_not_end_a_stay_that_was_sure() {
    let (mut all, who) = (Attendance::default(), person("t1", false));
    tap(&mut all, &who, FaceOutcome::Face, 1_000);
    let (bodies, shown) = tap(&mut all, &who, FaceOutcome::NoFace, 100_000);
    assert_eq!((bodies.len(), shown), (2, Outcome::LookAgain));
    assert_eq!(tap(&mut all, &who, FaceOutcome::Face, 104_000).1, Outcome::Out);
}

#[test]
fn who_declines_the_face_is_attested_by_the_instructor() {
    let (mut all, who) = (Attendance::default(), person("t1", true));
    assert_eq!(tap(&mut all, &who, FaceOutcome::NoFace, 1_000).1, Outcome::AskInstructor);
    let teacher = Person { instructor: true, ..person("i1", false) };
    let (bodies, shown) = Attendance::vouch(&teacher, "t1", Way::In);
    assert_eq!(shown, Outcome::ByInstructor);
    assert!(matches!(&bodies[..], [Body::Manual(m)] if m.trainee == "t1" && m.level == 1 && m.reason == "declined"));
    bodies.iter().for_each(|b| all.apply(b, 9_000));
    // Here already is here already, for this trainee too; and later it is the way out.
    assert_eq!(tap(&mut all, &who, FaceOutcome::NoFace, 20_000).1, Outcome::Already);
    assert_eq!(all.purpose(&who, RULES, 69_000), Purpose::Way(Way::Out));
    assert_eq!(all.instructor(&teacher).1, Outcome::InstructorIn);
}

#[test]
fn below_the_level_every_tap_is_a_check_in_and_the_stay_counts_from_the_good_one() {
    let (mut all, who) = (Attendance::default(), person("t1", false));
    tap(&mut all, &who, FaceOutcome::NoFace, 1_000);
    // Long after the shortest stay: still not a way out, since nobody was surely in.
    let (bodies, shown) = tap(&mut all, &who, FaceOutcome::NoFace, 100_000);
    assert!(matches!(bodies.last(), Some(Body::Present(p)) if p.way == Way::In));
    assert_eq!(shown, Outcome::LookAgain);
    assert_eq!(tap(&mut all, &who, FaceOutcome::Face, 200_000).1, Outcome::In);
    assert_eq!(tap(&mut all, &who, FaceOutcome::Face, 201_000).1, Outcome::Already);
    assert_eq!(tap(&mut all, &who, FaceOutcome::Face, 260_001).1, Outcome::Out);
}

#[test]
fn who_has_no_readable_chip_is_entered_by_hand_in_and_out() {
    let mut all = Attendance::default();
    for (want, way) in [(Outcome::ManualIn, Way::In), (Outcome::ManualOut, Way::Out)] {
        let (bodies, shown) = all.manual("i1", "t1", "no-chip");
        assert_eq!(shown, want);
        assert!(matches!(&bodies[..], [Body::Manual(m)] if m.way == way && m.level == 0 && m.reason == "no-chip"));
        bodies.iter().for_each(|b| all.apply(b, 1_000));
    }
    assert!(all.is_used() && all.here().is_empty());
}

#[test]
fn face_groups_go_on_after_a_restart() {
    let who = person("t1", false);
    let mut all = Attendance::default();
    let tap = |all: &mut Attendance, embedding: [f32; 2], seq| {
        let seen = Sighting { embedding: Some(embedding.to_vec()), ..seen(FaceOutcome::Face) };
        let reading = Reading { reader: "door", layout: "resident", seq };
        let (bodies, _) = all.trainee(&who, &reading, Purpose::Way(Way::In), Some(&seen), RULES);
        let group = bodies.iter().find_map(|b| if let Body::Face(f) = b { f.group } else { None });
        (bodies, group)
    };
    let (mut bodies, first) = tap(&mut all, [1.0, 0.0], 0);
    let (more, second) = tap(&mut all, [0.0, 1.0], 3);
    bodies.extend(more);
    assert_eq!((first, second), (Some(0), Some(1)));
    let record = |body| Record { seq: 0, stamp: muster_seal::record::Stamp::default(), body };
    let mut again = Attendance::replay(&bodies.into_iter().map(record).collect::<Vec<_>>(), "");
    assert_eq!(tap(&mut again, [1.0, 0.0], 6).1, Some(2));
}

#[test]
fn a_card_is_known_by_the_number_that_it_had_before() {
    let old = "PAK310080010111";
    let key = "00ff";
    let on = |number| Person { card: card_hash(&hex::decode(key).unwrap(), number), ..person("t1", false) };
    let roster = |number| Assigned {
        document: String::new(),
        title: String::new(),
        card_key: key.into(),
        people: vec![on(number)],
    };
    assert!(matches!(whose(&roster(old), "931586198001010028", Some(old)), Whose::Trainee(_)));
    assert!(matches!(whose(&roster("931586198001010028"), "931586198001010028", Some(old)), Whose::Trainee(_)));
    assert_eq!(whose(&roster("x"), "931586198001010028", Some(old)), Whose::Stranger);
}

#[test]
fn a_restart_forgets_nobody() {
    let (mut all, who) = (Attendance::default(), person("t1", false));
    let (bodies, _) = tap(&mut all, &who, FaceOutcome::Face, 1_000);
    let stamp = muster_seal::record::Stamp { boot: "b".into(), up_ms: 1_000, ..Default::default() };
    let records: Vec<Record> =
        bodies.into_iter().enumerate().map(|(i, body)| Record { seq: i as u64, stamp: stamp.clone(), body }).collect();
    assert_eq!(Attendance::replay(&records, "b").here(), all.here());
    // After a reboot the stay is old enough to leave.
    let after = Attendance::replay(&records, "c");
    assert_eq!(after.purpose(&who, RULES, 70_000), Purpose::Way(Way::Out));
}
