//! `hours/COUNTING.md` against the code: every example of the page is written as a real log, counted, and compared cell by cell.
//!
//! The page explains its own form to its readers; what a block may hold is in [`example`] and [`write`].

mod example;
mod page;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use muster_hours::assurance::{LIVE_PERMILLE, level};
use muster_hours::cap::{Hour, above_cap};
use muster_hours::count::{Cell, Counted, Reason, Shape};
use muster_hours::policy::Policy;
use muster_seal::record::Face;

use crate::log::{MIDNIGHT, rfc3339};
use example::{Example, number, set};
use page::{Block, PAGE, Table, Wrong, blocks, rules, wrong};

/// A row as the code says it, by its columns.
type Said = BTreeMap<&'static str, String>;

/// Where the page and the code differ; empty where they agree.
fn check(page: &str) -> Vec<Wrong> {
    let blocks = blocks(page);
    let mut wrongs: Vec<Wrong> =
        blocks.iter().flat_map(|block| check_block(block).unwrap_or_else(|e| vec![e])).collect();
    if !blocks.iter().any(|block| block.kind == "counting") {
        wrongs.push(Wrong { line: 1, why: "there is no example on this page".to_owned() });
    }
    // Each rule has its number and its example.
    let rules = rules(page);
    let ends = rules.iter().skip(1).map(|(line, _)| *line).chain([usize::MAX]);
    for (i, ((line, n), end)) in rules.iter().zip(ends).enumerate() {
        if *n != i + 1 {
            wrongs.push(Wrong { line: *line, why: format!("this is rule {}", i + 1) });
        }
        if !blocks.iter().any(|block| (*line..end).contains(&block.line)) {
            wrongs.push(Wrong { line: *line, why: format!("rule {n} has no example") });
        }
    }
    wrongs
}

fn check_block(block: &Block<'_>) -> Result<Vec<Wrong>, Wrong> {
    match block.kind {
        "counting" => check_example(&Example::read(block)?),
        "policy" => check_policy(block),
        "levels" => check_levels(&Table::read(&block.lines)?),
        "cap" => check_cap(&Table::read(&block.lines)?),
        "reasons" => check_reasons(&Table::read(&block.lines)?),
        // Held by the server's own test, which knows what is claimed.
        "claimed" => Ok(Vec::new()),
        other => wrong(block.line, format!("a block of kind {other:?} is checked by nothing")),
    }
}

fn check_example(example: &Example<'_>) -> Result<Vec<Wrong>, Wrong> {
    let log = write::write(&example.plan, &example.records)?;
    let counted = muster_hours::count(&log, &example.plan);
    let mut counted = match (counted, example.refused) {
        (Ok(counted), None) => counted,
        (Err(e), Some((_, why))) if e.to_string() == why => return Ok(Vec::new()),
        (Err(e), refused) => return wrong(refused.map_or(example.line, |(line, _)| line), e.to_string()),
        (Ok(_), Some((line, _))) => return wrong(line, "this log is counted"),
    };
    crate::cases::hold_daily_cap(&mut counted.cells, example.plan.assignment.policy.daily_cap);
    let mut wrongs = Vec::new();
    for row in example.records.rows.iter().filter(|row| row.has("counted at")) {
        let seq: usize = number(row.line, row.get("seq"))?;
        let at = clock(counted.times[seq]);
        if row.get("counted at") != at {
            wrongs.push(Wrong { line: row.line, why: format!("this record is counted at {at}") });
        }
    }
    for (what, table, said) in [
        ("cells", &example.cells, cells(&counted)),
        ("stays", &example.stays, stays(&counted)),
        ("outages", &example.down, outages(&counted)),
    ] {
        wrongs.extend(table.iter().flat_map(|table| table.differs(what, &said)));
    }
    Ok(wrongs)
}

/// `HH:MM:SS` of the day that examples are on, with milliseconds where there are any; another day in front where it is one.
fn clock(ms: i64) -> String {
    let text = rfc3339(ms - MIDNIGHT);
    let (day, clock) = (&text[..10], text[11..23].trim_end_matches(".000"));
    if day == "2026-03-02" { clock.to_owned() } else { format!("{day} {clock}") }
}

/// Records as a cell names them: the first and the last, or the one.
fn span(seqs: Option<(u64, u64)>) -> String {
    match seqs {
        None => "-".to_owned(),
        Some((from, to)) if from == to => from.to_string(),
        Some((from, to)) => format!("{from}-{to}"),
    }
}

fn sure(level: u8, manual: bool) -> String {
    match (level, manual) {
        (0, false) => "-".to_owned(),
        (level, false) => level.to_string(),
        (level, true) => format!("{level} by hand"),
    }
}

fn cells(counted: &Counted) -> Vec<Said> {
    let seconds =
        |ms: i64| if ms % 1000 == 0 { format!("{} s", ms / 1000) } else { format!("{}.{:03} s", ms / 1000, ms % 1000) };
    let said = |c: &Cell| {
        BTreeMap::from([
            ("who", c.trainee.clone()),
            ("lesson", c.lesson.clone()),
            ("covered", seconds(c.covered_ms)),
            ("shape", c.shape.as_str().to_owned()),
            ("reason", c.reason.map_or("-", |reason| reason.as_str()).to_owned()),
            ("level", sure(c.level, c.manual)),
            ("records", span(c.seqs)),
        ])
    };
    counted.cells.iter().map(said).collect()
}

fn stays(counted: &Counted) -> Vec<Said> {
    let said = |p: &muster_hours::presence::Interval| {
        BTreeMap::from([
            ("who", p.trainee.clone()),
            ("from", clock(p.from)),
            ("to", clock(p.to)),
            ("ends by", p.closed_by.as_str().to_owned()),
            ("level", sure(p.level, p.manual)),
            ("records", span(Some((p.seq_from, p.seq_to)))),
        ])
    };
    counted.presence.iter().map(said).collect()
}

fn outages(counted: &Counted) -> Vec<Said> {
    let said = |o: &muster_hours::count::Outage| {
        let down = if o.part == o.name { o.part.clone() } else { format!("{} {}", o.part, o.name) };
        BTreeMap::from([("down", down), ("from", clock(o.from)), ("to", clock(o.to)), ("record", o.seq.to_string())])
    };
    counted.outages.iter().map(said).collect()
}

/// What examples mean by the usual policy: one thing a line, and what it means behind it.
fn check_policy(block: &Block<'_>) -> Result<Vec<Wrong>, Wrong> {
    let usual = Policy::default();
    let mut none =
        Policy { share_permille: 1, level: 1, manual: !usual.manual, daily_cap: 0, power_gap_s: 0, ..usual.clone() };
    for (line, text) in &block.lines {
        let mut words = text.split_whitespace();
        let (name, value) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        set(&mut none, *line, name, value)?;
        let mut same = usual.clone();
        set(&mut same, *line, name, value)?;
        if same != usual {
            return wrong(*line, format!("the usual policy has another {name}: {usual:?}"));
        }
    }
    if none == usual { Ok(Vec::new()) } else { wrong(block.line, format!("the usual policy is {usual:?}")) }
}

fn check_levels(table: &Table<'_>) -> Result<Vec<Wrong>, Wrong> {
    let mut wrongs = Vec::new();
    for row in &table.rows {
        let live = match row.get("liveness") {
            "-" => None,
            number if number.starts_with("below ") => Some(LIVE_PERMILLE - 1),
            _ => Some(LIVE_PERMILLE),
        };
        let bound = row.get("liveness").trim_start_matches("below ").trim_end_matches(" or more");
        if bound != "-" && number::<i64>(row.line, bound)? != LIVE_PERMILLE {
            wrongs.push(Wrong { line: row.line, why: format!("the bound is {LIVE_PERMILLE}") });
        }
        for outcome in row.get("face record").split(", ") {
            let face = Face { outcome: outcome.to_owned(), live, ..Face::default() };
            let is = level(Some(&face).filter(|_| outcome != "-"), LIVE_PERMILLE);
            if is.to_string() != row.get("level") {
                wrongs.push(Wrong { line: row.line, why: format!("{outcome} is of level {is}") });
            }
        }
    }
    Ok(wrongs)
}

fn check_cap(table: &Table<'_>) -> Result<Vec<Wrong>, Wrong> {
    let mut hours = Vec::new();
    for row in &table.rows {
        let minutes = row.get("starts").replace(':', "");
        hours.push(Hour {
            person: row.get("person"),
            day: number(row.line, &row.get("day").replace('-', ""))?,
            start: number(row.line, minutes.trim_start_matches('0'))?,
            lesson: row.get("lesson"),
            cap: number(row.line, row.get("cap"))?,
        });
    }
    let above = above_cap(&hours);
    let wrongs =
        table.rows.iter().zip(above).filter(|(row, above)| row.get("counts") != if *above { "no" } else { "yes" });
    let wrongs = wrongs.map(|(row, above)| Wrong {
        line: row.line,
        why: format!("this hour is {} the cap", if above { "above" } else { "within" }),
    });
    Ok(wrongs.collect())
}

/// Every shape and reason that the code here gives stands in the table, as auditors are told it in Chinese.
fn check_reasons(table: &Table<'_>) -> Result<Vec<Wrong>, Wrong> {
    use Reason::{DailyCap, LowAssurance, MissedSpot, NotSeen, TooShort, Unproven};
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let words = |program: &str| -> toml::Table {
        let file = format!("{folder}/{program}/text/zh.toml");
        std::fs::read_to_string(file).unwrap().parse::<toml::Table>().unwrap()
    };
    let (audit, server) = (words("audit"), words("server"));
    let mut all = BTreeSet::from([(Shape::Attested.as_str(), "-", "a log")]);
    for reason in [Unproven, NotSeen, LowAssurance, MissedSpot, TooShort, DailyCap] {
        let shape = match reason {
            NotSeen => Shape::Blank,
            Unproven => Shape::Unproven,
            _ => Shape::Tail,
        };
        let by = if reason == DailyCap { "the cap" } else { "a log" };
        all.insert((shape.as_str(), reason.as_str(), by));
    }
    let mut wrongs = Vec::new();
    for row in &table.rows {
        let (shape, reason, by) = (row.get("shape"), row.get("reason"), row.get("said by"));
        let catalogue = if by == "the bureau" { &server } else { &audit };
        if by != "the bureau" && !all.remove(&(shape, reason, by)) {
            wrongs.push(Wrong { line: row.line, why: "the count gives no such shape with this reason".to_owned() });
        }
        let chinese = catalogue["reason"].get(reason).and_then(toml::Value::as_str).unwrap_or("-");
        if row.get("中文") != chinese {
            wrongs.push(Wrong { line: row.line, why: format!("the catalogue has {chinese:?}") });
        }
    }
    if !all.is_empty() {
        wrongs.push(Wrong { line: table.line, why: format!("the table lacks {all:?}") });
    }
    Ok(wrongs)
}

#[test]
fn the_page_and_the_code_agree() {
    let wrongs: Vec<String> = check(PAGE).iter().map(Wrong::to_string).collect();
    assert!(wrongs.is_empty(), "\n{}", wrongs.join("\n"));
}

#[test]
fn a_number_that_is_altered_is_found_in_its_line() {
    let mut altered = 0;
    for block in blocks(PAGE).iter().filter(|block| block.kind == "counting") {
        let example = Example::read(block).unwrap();
        let tables = [&example.cells, &example.stays, &example.down];
        let lines: BTreeSet<usize> = tables.into_iter().flatten().flat_map(|t| t.rows.iter().map(|r| r.line)).collect();
        for (i, (line, text)) in block.lines.iter().enumerate().filter(|(_, (line, _))| lines.contains(line)) {
            // Every digit behind the names, one up.
            let after = text.find('|').unwrap();
            for (at, digit) in text.char_indices().filter(|(at, c)| *at > after && c.is_ascii_digit()) {
                let up = char::from_digit((digit.to_digit(10).unwrap() + 1) % 10, 10).unwrap();
                let mut other = (*text).to_owned();
                other.replace_range(at..=at, &up.to_string());
                let mut block = block.clone();
                block.lines[i].1 = &other;
                let wrongs = check_block(&block).unwrap_or_else(|e| vec![e]);
                assert!(wrongs.iter().any(|wrong| wrong.line == *line), "{line}: {other}: {wrongs:?}");
                altered += 1;
            }
        }
    }
    assert!(altered > 100, "{altered}");
}

#[test]
fn a_page_that_shows_nothing_holds_nothing() {
    let why = |page: &str| check(page).iter().map(Wrong::to_string).collect::<Vec<_>>();
    assert_eq!(why("# Counting\n"), ["hours/COUNTING.md:1: there is no example on this page"]);
    let bare = why("**1. A rule.**\n\n**3. Another.**\n```counting\n```\n");
    let want = [
        "hours/COUNTING.md:4: an example without records",
        "hours/COUNTING.md:1: rule 1 has no example",
        "hours/COUNTING.md:3: this is rule 2",
    ];
    assert_eq!(bare, want);
}
