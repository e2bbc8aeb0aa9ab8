//! Assignments that cannot be, and logs that were not made under theirs: the rule, and the words that name it.

use muster_hours::count;
use muster_hours::error::{AssignmentError, CountError};
use muster_hours::policy::Policy;
use muster_hours::schedule::{Assignment, Plan, lesson_time, time_ms};
use muster_seal::record::{Body, Open, Stamp, Stranger, Way};
use muster_seal::session::{SessionLog, VerifiedLog};

use crate::log::{Act, Event, open, plan, sealed, verified};

/// What makes a good document a bad one.
type Bend<T> = fn(&mut T);

const LESSONS: [(i64, i64); 2] = [(0, 2_700_000), (3_000_000, 5_700_000)];

fn morning() -> Plan {
    plan(&LESSONS, &["t1".to_owned(), "t2".to_owned()], Policy::default())
}

#[test]
fn an_assignment_is_read_as_it_was_sent() {
    let plan = morning();
    let json = serde_json::to_vec(&plan.assignment).unwrap();
    assert_eq!(Assignment::parse(&json), Ok(plan));
    let text = String::from_utf8(json).unwrap();
    for (from, to) in [
        ("}", ""),
        ("{", "{\"more\":1,"),
        ("{", "{ "),
        ("{", "{\"class\":\"c1\","),
        ("\"class\":\"c1\",\"session\":\"am\"", "\"session\":\"am\",\"class\":\"c1\""),
        ("\"c1\"", "\"\\u00631\""),
        ("\"region\":\"150422\"", "\"region\":\"1504\\\\22\""),
        ("\"daily_cap\":8", "\"daily_cap\":8.0"),
        ("\"daily_cap\":8", "\"daily_cap\":8e0"),
        ("\"daily_cap\":8", "\"daily_cap\":4294967296"),
        ("\"rate_permille\":800", "\"rate_permille\":800,\"power_gap_s\":600"),
    ] {
        assert!(text.contains(from), "{from}");
        let said = Assignment::parse(text.replacen(from, to, 1).as_bytes()).unwrap_err();
        assert_eq!(said, AssignmentError::Form, "{to}");
    }
    assert_eq!(Assignment::parse(format!("{text}\n").as_bytes()), Err(AssignmentError::Form));
}

#[test]
fn an_instant_in_any_form_is_written_in_the_one_that_lessons_have() {
    for text in ["2026-03-02t08:00:00.000+08:00", "2026-03-02 08:00:00+08:00", "2026-03-02T00:00:00Z"] {
        let ms = time_ms(text).unwrap();
        assert_eq!(lesson_time(ms).as_deref(), Some("2026-03-02T08:00:00+08:00"), "{text}");
        assert_eq!(lesson_time(ms + 1), None);
    }
    assert_eq!(lesson_time(i64::MAX), None);
}

#[test]
fn assignments_that_cannot_be() {
    let bent = |bend: Bend<Assignment>| {
        let mut assignment = morning().assignment;
        bend(&mut assignment);
        assignment.plan().map(|_| ())
    };
    let text = |word: &str| word.to_owned();
    let policy = "the policy wants a share outside 1 to 1000 per mille or a level outside 1 to 4";
    let time = "lesson 2 has no possible time, ends before it starts, or overlaps the one before";
    let id = "\"a b\" is no id: 1 to 64 letters, digits, hyphens, underscores or dots";
    let cases: [(Bend<Assignment>, AssignmentError, &str); 13] = [
        (|a| a.trainees[1] = "a b".into(), AssignmentError::Id(text("a b")), id),
        (|a| a.site = "a b".into(), AssignmentError::Id(text("a b")), id),
        (|a| a.instructors[0] = "a b".into(), AssignmentError::Id(text("a b")), id),
        (|a| a.lessons[0].lesson = "a b".into(), AssignmentError::Id(text("a b")), id),
        (
            |a| a.trainees.push("t1".into()),
            AssignmentError::TraineeTwice(text("t1")),
            "trainee t1 stands on the roster twice",
        ),
        (
            |a| a.lessons[1].lesson = "1".into(),
            AssignmentError::LessonTwice(text("1")),
            "lesson 1 stands in the schedule twice",
        ),
        (|a| a.lessons[1].start = "2026-02-30T08:00:00+08:00".into(), AssignmentError::LessonTime(text("2")), time),
        (|a| a.lessons[1].start = a.lessons[1].end.clone(), AssignmentError::LessonTime(text("2")), time),
        (|a| a.lessons[1].start = a.lessons[0].start.clone(), AssignmentError::LessonTime(text("2")), time),
        (|a| a.policy.share_permille = 1001, AssignmentError::Policy, policy),
        (|a| a.policy.share_permille = 0, AssignmentError::Policy, policy),
        (|a| a.policy.level = 0, AssignmentError::Policy, policy),
        (|a| a.policy.level = 5, AssignmentError::Policy, policy),
    ];
    for (bend, want, words) in cases {
        let said = bent(bend).unwrap_err();
        assert_eq!((said.to_string().as_str(), &said), (words, &want));
    }
    // Lessons may follow each other without a break.
    assert_eq!(bent(|a| a.lessons[1].start = a.lessons[0].end.clone()), Ok(()));
}

/// A log of an `open` and a close, both at midnight as the wall clock there says it.
fn empty(open: Open, wall: &str) -> VerifiedLog {
    let stamp = Stamp { wall: wall.to_owned(), boot: "0".repeat(32), ..Stamp::default() };
    let mut log = SessionLog::default();
    log.append(stamp.clone(), Body::Open(Box::new(open))).unwrap();
    log.append(stamp.clone(), Body::Stranger(Stranger { reader: "door".to_owned() })).unwrap();
    log.append(stamp, Body::Close(log.closing("operator"))).unwrap();
    sealed(&log)
}

#[test]
fn logs_of_another_assignment() {
    let plan = morning();
    let wall = "2026-03-02T00:00:00.000+08:00";
    assert!(count(&empty(open(&plan), wall), &plan).is_ok());
    let cases: [(&str, Bend<Open>); 4] = [
        ("site", |o| o.site = "s2".into()),
        ("class", |o| o.class = "s2".into()),
        ("session", |o| o.session = "s2".into()),
        ("policy", |o| o.policy = "s2".into()),
    ];
    for (field, bend) in cases {
        let mut open = open(&plan);
        bend(&mut open);
        let said = count(&empty(open, wall), &plan).unwrap_err();
        let CountError::Mismatch { field: found, want, .. } = &said else { panic!("{said:?}") };
        assert_eq!(*found, field);
        assert_eq!(said.to_string(), format!("line 1: `open` says {field} \"s2\" and the assignment {want:?}"));
    }
}

#[test]
fn records_of_somebody_who_is_not_on_the_roster() {
    let plan = morning();
    let who = || "t9".to_owned();
    for (act, line) in
        [(Act::Present(who(), Way::In, 2), 2), (Act::Manual(who(), Way::In, 0), 2), (Act::Spot(who(), "missed"), 2)]
    {
        let log = verified(&plan, &[Event { at: 0, act }], 5_700_000);
        let said = count(&log, &plan).unwrap_err();
        assert_eq!(said.to_string(), format!("line {line}: trainee t9 is not on the roster"));
        assert_eq!(said, CountError::OffRoster { line, trainee: who() });
    }
}
