//! The columns that a file may lack, and the document that names all of them.

use super::*;

#[test]
fn the_document_of_all_files_names_the_same_columns() {
    let text = include_str!("../../../../docs/imports.md");
    let named: Vec<&str> = text.lines().filter(|line| line.starts_with("| `")).collect();
    let files = What::ALL.into_iter().filter(|what| *what != What::Policy).map(|what| (what.as_str().to_owned(), what));
    let tables = tables::FILES.iter().map(|file| (format!("table {}", file.name), What::Table(file.name)));
    let mut columns = Vec::new();
    for (name, what) in files.chain(tables) {
        for column in rows::columns(what).iter() {
            let may = if column.optional { "可缺" } else { "" };
            columns.push(format!("| `{name}` | {} | `{}` | {may} |", column.zh, column.name));
        }
    }
    assert_eq!(named.len(), columns.len());
    for (named, column) in named.iter().zip(&columns) {
        assert!(named.starts_with(column.as_str()), "{named} is not {column}");
    }
}

#[test]
fn what_a_file_may_say_of_people_is_kept_as_hashes_that_can_be_compared() {
    let bureau = Bureau::new();
    let head = "class,name,id_number,added_by,phone,payee,introducer\n";
    let row = |class: &str, i: usize, rest: &str| format!("{class},x,{},{rest}\n", number(i));
    let file = format!(
        "{head}{}{}",
        row("c1", 0, &format!("o-7,138 0013 8000,6222-01,{}", number(1))),
        row("c1", 1, ",+86 13800138000,,")
    );
    bureau.take(What::Rosters, &file);
    let list = |column: &str| {
        bureau.list(&format!("SELECT coalesce({column}, '-') FROM roster ORDER BY added_by IS NULL, class, id"))
    };
    assert_eq!(list("added_by"), ["o-7", "-"]);
    let phones = list("phone");
    assert_eq!((phones[0].len(), phones[0] == phones[1]), (64, true));
    assert_eq!(list("payee")[1], "-");
    assert_eq!(list("introducer")[0], list("person")[1], "a citizen number is that person's id");
    // Nothing of it stands anywhere in the clear.
    let all = bureau.list("SELECT phone || payee || introducer || coalesce(template, '') FROM roster WHERE payee > ''");
    assert!(all.iter().all(|text| !text.contains("1380013") && !text.contains("6222")), "{all:?}");
    // Imported again without these columns, they are no longer said.
    bureau.take(What::Rosters, &format!("class,name,id_number\nc1,x,{}\n", number(0)));
    assert_eq!(list("phone").iter().filter(|phone| *phone != "-").count(), 1);
    let said = bureau.refused(What::Rosters, &format!("{head}{}", row("c1", 0, "王五,,,")));
    assert!(said.contains("line 2, added_by: not an id") && !said.contains("王五"), "{said}");
    let claims = format!("class,id_number,hours,amount,payee\nc1,{},4,80,6222 01\n", number(0));
    bureau.take(What::Rosters, &file);
    bureau.take(What::Claims, &claims);
    assert_eq!(bureau.list("SELECT payee FROM claim")[0], list("payee")[0]);
}

#[test]
fn a_schedule_says_room_and_instructor_and_keeps_when_a_lesson_was_moved() {
    let bureau = Bureau::new();
    let head = "班期,课次,课,开始,结束,教室,教师\n";
    let file = |l2: &str, day: &str| {
        format!(
            "{head}c1,1,l1,2026-03-12 08:00,2026-03-12 08:45,201,{}\nc1,1,{l2},2026-03-{day} 09:00,2026-03-{day} 09:45,,\n",
            teacher()
        )
    };
    let list = |column: &str| {
        bureau.list(&format!("SELECT lesson || ' ' || coalesce({column}, '-') FROM lesson ORDER BY lesson"))
    };
    bureau.take(What::Schedules, &file("l2", "12"));
    bureau.take(What::Rosters, &format!("class,role,name,id_number\nc1,instructor,t,{}\n", teacher()));
    assert_eq!(list("room"), ["l1 201", "l2 -"]);
    let person = bureau.list("SELECT person FROM roster WHERE instructor = 1")[0].clone();
    assert_eq!(list("person"), [format!("l1 {person}"), "l2 -".to_owned()]);
    assert_eq!(list("changed_ms"), ["l1 -", "l2 -"], "imported once");
    bureau.take(What::Schedules, &file("l2", "12"));
    assert_eq!(list("changed_ms"), ["l1 -", "l2 -"], "imported again as it was");
    bureau.take(What::Schedules, &file("l2", "13"));
    let now = muster_hours::schedule::time_ms(NOW).unwrap();
    assert_eq!(list("changed_ms"), ["l1 -".to_owned(), format!("l2 {now}")]);
    bureau.take(What::Schedules, &file("l2", "13"));
    assert_eq!(list("changed_ms")[1], format!("l2 {now}"), "when it was moved is not forgotten");
    bureau.take(What::Schedules, &file("l3", "13"));
    assert_eq!(list("changed_ms"), ["l1 -", "l3 -"]);
    let said = bureau.refused(What::Schedules, &file("l3", "13").replace(&teacher(), "15042219800101001X"));
    assert!(said.contains("line 2, instructor: no citizen number") && !said.contains("15042219"), "{said}");
}

#[test]
fn a_class_is_of_one_kind_or_of_none() {
    let bureau = Bureau::new();
    let class = |kind: &str| format!("class,institution,site,title,policy,kind\nc1,hq,s1,x,p1,{kind}\n");
    for (said, kept) in [("夜班", "evening"), ("boarding", "boarding"), ("", "-")] {
        bureau.take(What::Classes, &class(said));
        assert_eq!(bureau.list("SELECT coalesce(kind, '-') FROM class WHERE class = 'c1'"), [kept]);
    }
    let said = bureau.refused(What::Classes, &class("午夜班"));
    assert!(said.contains("line 2, kind: none of day 日班, evening 夜班") && !said.contains("午夜"), "{said}");
}
