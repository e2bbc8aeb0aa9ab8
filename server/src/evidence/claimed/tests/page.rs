//! The blocks `claimed` of `hours/COUNTING.md`: what auditors read of these rules is what they do.
//!
//! A block has tables apart by empty lines: what is claimed (by one person), what was published, what logs say of each
//! lesson, and each claim's hours as they come out.

use super::super::*;

const PAGE: &str = include_str!("../../../../../hours/COUNTING.md");

/// Rows of a table, each with its line of the page.
type Rows<'a> = Vec<(usize, Vec<&'a str>)>;

/// The tables of each block.
fn blocks(page: &str) -> Vec<Vec<Rows<'_>>> {
    let mut blocks: Vec<Vec<Rows<'_>>> = Vec::new();
    let mut open = false;
    for (i, text) in page.lines().enumerate() {
        match text {
            "```claimed" => {
                open = true;
                blocks.push(vec![Rows::new()]);
            }
            text if text.starts_with("```") => open = false,
            "" if open => blocks.last_mut().unwrap().push(Rows::new()),
            text if open => {
                let table = blocks.last_mut().unwrap().last_mut().unwrap();
                table.push((i + 1, text.split('|').map(str::trim).collect()));
            }
            _ => {}
        }
    }
    blocks
}

/// `HH:MM` in milliseconds.
fn time(text: &str) -> i64 {
    let (hours, minutes) = text.split_once(':').unwrap();
    (hours.parse::<i64>().unwrap() * 60 + minutes.parse::<i64>().unwrap()) * 60_000
}

fn span(text: &str) -> (i64, i64) {
    let (from, to) = text.split_once('-').unwrap();
    (time(from), time(to))
}

/// What a block says was planned, claimed, published and logged.
fn facts(tables: &[Rows<'_>]) -> Facts {
    let mut facts = Facts::default();
    let rows = |head: [&str; 2]| {
        let table = tables.iter().find(|table| table[0].1[..2] == head);
        table.into_iter().flat_map(|table| &table[1..]).map(|(_, row)| row)
    };
    for row in rows(["class", "lesson"]).filter(|row| row[3] != "-") {
        let session = Session { device: row[0].to_owned(), counter: time(row[3]), open: time(row[3]) };
        facts.sessions.push(session);
    }
    facts.sessions.sort();
    facts.sessions.dedup();
    for claim in rows(["claim", "hours"]) {
        let of_class = || rows(["class", "lesson"]).filter(|row| row[0] == claim[0]);
        let planned = |row: &Vec<&str>| {
            let ((start, end), lesson) = (span(row[2]), row[1].to_owned());
            Planned { session: "am".to_owned(), lesson, region: "150422".to_owned(), day: 0, start, end }
        };
        let (hours, cap) = (claim[1].parse().unwrap(), claim[2].parse().unwrap());
        let asked = Asked { trainee: "t1".to_owned(), person: "p1".to_owned(), hours, cap };
        let mut class = Class::new(claim[0], of_class().map(planned).collect(), vec![asked]);
        for row in of_class().filter(|row| row[4] != "no log") {
            let column = class.lesson(row[1]).unwrap();
            let (shape, reason) = row[4].split_once(' ').unwrap_or((row[4], ""));
            let reason = OF_LOGS.into_iter().find(|known| *known == reason).unwrap_or("");
            let session = facts.sessions.iter().position(|s| s.device == row[0] && s.open == time(row[3]));
            let (shape, session) = (Shape::parse(shape).unwrap(), session.unwrap() as u32);
            class.held[column] = true;
            class.log(0, column, Logged { shape, reason, level: 2, manual: false, session, seqs: None });
        }
        facts.classes.push(class);
    }
    for row in rows(["shut", "time"]) {
        let ((from, to), why) = (span(row[1]), row[0].to_owned());
        facts.shut.push(Shut { region: "15".to_owned(), from, to, why });
    }
    facts
}

/// Claim, hour, lesson, shape and reason of each claimed hour.
fn hours(facts: &Facts) -> Vec<Vec<String>> {
    let marks = decide(facts);
    let of_class = |(class, marks): (&Class, &Marks)| {
        let order = order(marks);
        let hour = |n: usize| {
            let beyond = Mark { shape: Shape::Beyond, reason: "beyond-schedule" };
            let (lesson, mark) =
                order.get(n).map_or(("-", beyond), |column| (class.plan[*column].lesson.as_str(), marks[*column]));
            let reason = if mark.reason.is_empty() { "-" } else { mark.reason };
            [&class.class, &(n + 1).to_string(), lesson, mark.shape.as_str(), reason].map(str::to_owned).to_vec()
        };
        (0..class.asked[0].hours as usize).map(hour).collect::<Vec<_>>()
    };
    facts.classes.iter().zip(&marks).flat_map(of_class).collect()
}

#[test]
fn the_page_that_auditors_read_says_what_is_done() {
    let blocks = blocks(PAGE);
    assert!(!blocks.is_empty(), "hours/COUNTING.md has no example of what is claimed");
    for tables in blocks {
        let (head, want) = tables.last().unwrap().split_first().unwrap();
        assert_eq!(head.1, ["claim", "hour", "lesson", "shape", "reason"], "hours/COUNTING.md:{}", head.0);
        let is = hours(&facts(&tables));
        assert_eq!(is.len(), want.len(), "hours/COUNTING.md:{}", head.0);
        for ((line, want), is) in want.iter().zip(is) {
            assert_eq!(is, *want, "hours/COUNTING.md:{line}");
        }
    }
}
