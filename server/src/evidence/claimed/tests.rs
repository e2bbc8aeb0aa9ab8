mod page;

use super::*;
use crate::evidence::sheet::Sheet;
use crate::evidence::tables::CLAIMED_CELLS;
use datafusion::arrow::array::AsArray;

fn planned(lesson: &str, start: i64) -> Planned {
    let (lesson, region) = (lesson.to_owned(), "150422".to_owned());
    Planned { session: "am".into(), lesson, region, day: start / 1000, start, end: start + 10 }
}

fn logged(shape: Shape, session: u32) -> Logged {
    let reason = if shape == Shape::Attested { "" } else { "not-seen" };
    Logged { shape, reason, level: 2, manual: false, session, seqs: Some((1, 2)) }
}

/// A class of lessons that start then, with one claim.
fn class(facts: &mut Facts, name: &str, starts: &[i64], hours: i64, cap: u32) -> usize {
    let plan = starts.iter().map(|s| planned(&format!("l{s}"), *s)).collect();
    let asked = Asked { trainee: format!("t-{name}"), person: "p".into(), hours, cap };
    facts.classes.push(Class::new(name, plan, vec![asked]));
    facts.classes.len() - 1
}

/// All its lessons attested by one log, opened then.
fn attested(facts: &mut Facts, c: usize, open: i64) {
    let session = facts.sessions.len() as u32;
    facts.sessions.push(Session { device: "d".into(), counter: i64::from(session), open });
    let class = &mut facts.classes[c];
    class.held.fill(true);
    (0..class.plan.len()).for_each(|column| class.log(0, column, logged(Shape::Attested, session)));
}

/// Class, lesson, shape and reason of every row.
fn worth(facts: &Facts) -> Vec<String> {
    let marks = decide(facts);
    let mut to = Sheet::new(&CLAIMED_CELLS);
    facts.classes.iter().zip(&marks).for_each(|(class, marks)| sheet::rows(facts, class, marks, &mut to));
    let batch = to.batch().unwrap();
    let text = |name: &str, i: usize| {
        let column = batch.column_by_name(name).unwrap().as_string::<i32>();
        if datafusion::arrow::array::Array::is_null(column, i) { "-".to_owned() } else { column.value(i).to_owned() }
    };
    let row = |i| ["class", "lesson", "shape", "reason"].map(|name| text(name, i)).join(" ");
    (0..batch.num_rows()).map(row).collect()
}

#[test]
fn a_person_in_two_classes_at_once_counts_where_the_session_was_opened_first() {
    let mut facts = Facts::default();
    let (a, b) = (class(&mut facts, "a", &[105, 120], 2, 8), class(&mut facts, "b", &[100, 200], 2, 8));
    attested(&mut facts, a, 90);
    attested(&mut facts, b, 80);
    assert_eq!(worth(&facts), ["a l120 attested -", "a l105 tail overlap", "b l100 attested -", "b l200 attested -"]);
    let marks = decide(&facts);
    assert_eq!((standing(&marks[a]).attested, standing(&marks[b]).attested), (1, 2));
}

#[test]
fn the_daily_cap_holds_over_all_classes_of_a_day_and_within_one() {
    let mut facts = Facts::default();
    let (a, b) = (class(&mut facts, "a", &[100, 120], 2, 2), class(&mut facts, "b", &[140, 1_140], 2, 2));
    attested(&mut facts, a, 90);
    attested(&mut facts, b, 130);
    assert_eq!(
        worth(&facts),
        ["a l100 attested -", "a l120 attested -", "b l1140 attested -", "b l140 tail daily-cap"]
    );
    let mut facts = Facts::default();
    let a = class(&mut facts, "a", &[100, 120, 140], 3, 2);
    attested(&mut facts, a, 90);
    assert_eq!(worth(&facts), ["a l100 attested -", "a l120 attested -", "a l140 tail daily-cap"]);
}

#[test]
fn what_nobody_logged_is_not_held_and_what_is_above_the_schedule_is_beyond() {
    let mut facts = Facts::default();
    let c = class(&mut facts, "c", &[100, 120, 140], 5, 8);
    facts.classes[c].held[0] = true;
    facts.classes[c].met = vec![(110, 131)];
    let want = [
        "c l100 blank not-on-roster",
        "c l120 blank moved",
        "c l140 not-held not-logged",
        "c - beyond beyond-schedule",
        "c - beyond beyond-schedule",
    ];
    assert_eq!(worth(&facts), want);
    assert_eq!(standing(&decide(&facts)[c]), Standing { planned: 3, attested: 0, unproven: 0 });
}

#[test]
fn what_the_bureau_published_excuses_and_a_network_only_a_log_that_is_not_there() {
    let mut facts = Facts::default();
    let c = class(&mut facts, "c", &[100, 1_100], 2, 8);
    facts.classes[c].log(0, 0, logged(Shape::Blank, 0));
    let shut = |region: &str, why: &str| {
        let shut = Shut { region: region.into(), from: 0, to: 2_000, why: why.into() };
        worth(&Facts { shut: vec![shut], ..facts.clone() })
    };
    assert_eq!(shut("1504", "power"), ["c l100 unproven outage", "c l1100 unproven outage"]);
    assert_eq!(shut("150422", "weather"), ["c l100 unproven closed", "c l1100 unproven closed"]);
    assert_eq!(shut("15", "network"), ["c l1100 unproven outage", "c l100 blank not-seen"]);
    assert_eq!(shut("1505", "power"), ["c l100 blank not-seen", "c l1100 not-held not-logged"]);
}

#[test]
fn a_swap_excuses_one_trainee_and_a_move_a_lesson_that_nobody_logged() {
    let mut facts = Facts::default();
    let c = class(&mut facts, "c", &[100, 1_100], 2, 8);
    facts.classes[c].log(0, 0, logged(Shape::Blank, 0));
    let permit = |why, trainee: &str, lesson: &str| Permit {
        why,
        trainee: trainee.into(),
        lesson: lesson.into(),
        from: 0,
        to: 2_000,
    };
    let with = |permit| {
        let mut facts = facts.clone();
        facts.classes[c].permits = vec![permit];
        worth(&facts)
    };
    assert_eq!(with(permit("swapped", "t-c", "l100")), ["c l100 unproven swapped", "c l1100 not-held not-logged"]);
    assert_eq!(with(permit("swapped", "t-x", "")), ["c l100 blank not-seen", "c l1100 not-held not-logged"]);
    assert_eq!(with(permit("moved", "", "")), ["c l1100 unproven moved", "c l100 blank not-seen"]);
}

#[test]
fn of_two_logs_the_better_word_stands_and_of_two_alike_the_first() {
    let mut facts = Facts::default();
    let c = class(&mut facts, "c", &[100], 1, 8);
    let class = &mut facts.classes[c];
    class.log(0, 0, logged(Shape::Blank, 2));
    class.log(0, 0, logged(Shape::Blank, 1));
    assert_eq!(class.logged[0].unwrap().session, 1);
    class.log(0, 0, logged(Shape::Attested, 3));
    class.log(0, 0, logged(Shape::Blank, 0));
    assert_eq!(class.logged[0].unwrap().shape, Shape::Attested);
}
