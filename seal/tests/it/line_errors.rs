//! Each way in which one line breaks the format: the rule, and the words that name it.

use muster_seal::central::Leaf;
use muster_seal::error::LineError;
use muster_seal::line::MAX_LINE;
use muster_seal::record::Record;

use crate::made::{Made, every_kind};

/// What parsing says of a line of the fixed log in which `from` became `to`.
fn said(line: usize, from: &str, to: &str) -> LineError {
    let made = Made::of(every_kind()).with(line, from, to);
    Record::parse(&made.lines[line - 1]).unwrap_err()
}

#[test]
fn each_rule_of_a_line_has_its_own_words() {
    let long = format!("\"agent\":\"{}", "a".repeat(MAX_LINE));
    for (line, from, to, want, words) in [
        (17, "\"agent\":\"", &long[..], LineError::TooLong { max: MAX_LINE }, "the line is longer than 16384 bytes"),
        (
            9,
            "\"seq\":8",
            "\"seq\":08",
            LineError::Syntax { what: "a number is not written in its shortest form", column: 125 },
            "a number is not written in its shortest form at byte 125",
        ),
        (
            9,
            "{\"boot\"",
            "{\"a\":1,\"boot\"",
            LineError::UnknownField { kind: "stranger".to_owned(), field: "a".to_owned() },
            "a stranger record has no field \"a\"",
        ),
        (5, "\"tap\":2,", "", LineError::MissingField { field: "tap" }, "field \"tap\" is missing"),
        (
            5,
            "\"level\":4",
            "\"level\":5",
            LineError::BadField { field: "level", want: "1 to 4" },
            "field \"level\" must be 1 to 4",
        ),
        (
            9,
            "\"kind\":\"stranger\"",
            "\"kind\":\"guest\"",
            LineError::UnknownKind { kind: "guest".to_owned() },
            "unknown kind \"guest\"",
        ),
    ] {
        let found = said(line, from, to);
        assert_eq!((found.to_string().as_str(), &found), (words, &want));
    }
    let mut line = Made::of(every_kind()).lines[8].clone();
    line[9] = 0xFF;
    let found = Record::parse(&line).unwrap_err();
    assert_eq!((found.to_string().as_str(), found), ("not UTF-8 at byte 9", LineError::Utf8 { column: 9 }));
    // The longest line there may be is one.
    let fits = Made::of(every_kind());
    let room = MAX_LINE - fits.lines[16].len();
    let fits = fits.with(17, "\"agent\":\"", &format!("\"agent\":\"{}", "a".repeat(room)));
    assert_eq!(fits.lines[16].len(), MAX_LINE);
    Record::parse(&fits.lines[16]).unwrap();
}

#[test]
fn fields_stay_in_their_range() {
    let id = "an id: 1 to 64 letters, digits, hyphens, underscores or dots";
    let hex = "lower-case hex digits of the right number";
    let wall = "a time that exists, with milliseconds and an offset, as 2026-03-02T08:00:00.000+08:00";
    let (x64, x65) = ("x".repeat(64), "x".repeat(65));
    for (line, field, from, to, want) in [
        (1, "v", "\"v\":1", "\"v\":2", "1, the format this version reads"),
        (1, "counter", "\"counter\":1", "\"counter\":0", "1 or more"),
        (1, "key", "\"key\":\"f", "\"key\":\"F", hex),
        (1, "prev", "\"prev\":\"", "\"prev\":\"0", hex),
        (1, "models", "{\"yunet-2023\":\"", "{\"a\":1,\"yunet-2023\":\"", "an object of texts"),
        (1, "readers", "\"readers\":{\"door\":\"sam-115200\"}", "\"readers\":[]", "an object"),
        (1, "device", "\"d1\"", "\".d1\"", id),
        (1, "site", "\"s1\"", "\"s 1\"", id),
        (1, "class", "\"c1\"", "\"\"", id),
        (1, "session", "\"2026-03-02-am\"", &format!("\"{x65}\""), id),
        (2, "way", "\"way\":\"in\"", "\"way\":\"spot\"", "in or out"),
        (2, "by", "\"by\":\"card\"", "\"by\":\"face\"", "card or pin"),
        (3, "wall", "T08", "t08", wall),
        (3, "wall", ".000+08:00", "+08:00", wall),
        (3, "wall", "+08:00", "Z", wall),
        (3, "wall", "+08:00", "+24:30", wall),
        (3, "wall", ":02.000", ":60.000", wall),
        (3, "wall", "2026-03-02T", "2026-02-30T", wall),
        (3, "boot", "\"boot\":\"0", "\"boot\":\"", hex),
        (3, "salt", "\"salt\":\"02020202020202020202020202020202\"", "\"salt\":\"\"", "hex digits"),
        (3, "up_ms", "\"up_ms\":2000", "\"up_ms\":-1", "a whole number of 0 or more"),
        (3, "up_ms", "\"up_ms\":2000", "\"up_ms\":\"2000\"", "a whole number"),
        (4, "outcome", "\"match\"", "\"maybe\"", "match, face, again, mismatch, poor, none, no-camera or declined"),
        (4, "group", "\"group\":0", "\"group\":-1", "a whole number of 0 or more"),
        (4, "other", "\"other\":\"t2\"", "\"other\":true", "text"),
        (5, "level", "\"level\":4", "\"level\":0", "1 to 4"),
        (5, "way", "\"way\":\"in\"", "\"way\":\"back\"", "in, out or spot"),
        (8, "level", "\"level\":1", "\"level\":2", "0 or 1"),
        (10, "part", "\"part\":\"camera\"", "\"part\":\"roof\"", "reader, camera, power or network"),
        (10, "state", "\"state\":\"down\"", "\"state\":\"off\"", "down or up"),
        (13, "call", "\"call\":1", "\"call\":0", "1 or more"),
        (13, "phase", "\"phase\":\"call\"", "\"phase\":\"late\"", "call, met or missed"),
        (21, "reason", "\"reason\":\"schedule\"", "\"reason\":\"bored\"", "schedule, operator or recovered"),
        (21, "kinds", "\"card\":4", "\"card\":-4", "an object of whole numbers"),
    ] {
        assert_eq!(said(line, from, to), LineError::BadField { field, want }, "{to}");
    }
    // At the edge of a range, and inside it.
    let good = |line: usize, from: &str, to: &str| {
        Record::parse(&Made::of(every_kind()).with(line, from, to).lines[line - 1]).unwrap();
    };
    good(1, "\"2026-03-02-am\"", &format!("\"{x64}\""));
    good(3, "\"up_ms\":2000", "\"up_ms\":9007199254740991");
    good(3, "+08:00", "-05:00");
    good(4, ",\"group\":0", "");
}

#[test]
fn a_step_must_be_there_and_any_field_may_not_be_more() {
    assert_eq!(said(12, "\"step_ms\":-1500,", ""), LineError::MissingField { field: "step_ms" });
    let made = Made::of(every_kind());
    for (i, line) in made.lines.iter().enumerate() {
        // "zz" comes after every field's name.
        let text = String::from_utf8(line.clone()).unwrap();
        let more = format!("{},\"zz\":0}}", text.strip_suffix('}').unwrap());
        let kind = Record::parse(line).unwrap().body.kind().to_owned();
        let want = LineError::UnknownField { kind, field: "zz".to_owned() };
        assert_eq!(Record::parse(more.as_bytes()), Err(want), "line {}", i + 1);
    }
}

#[test]
fn leaves_of_the_central_log_keep_to_the_same_rules() {
    let leaves: Vec<&str> = include_str!("../../vectors/central/leaves.jsonl").lines().collect();
    let said = |leaf: usize, from: &str, to: &str| {
        assert!(leaves[leaf].contains(from));
        Leaf::parse(leaves[leaf].replacen(from, to, 1).as_bytes()).unwrap_err()
    };
    assert_eq!(
        said(0, "\"site\":\"s1\"", "\"site\":\"\"").to_string().split(':').next(),
        Some("field \"site\" must be an id")
    );
    assert_eq!(said(1, ",\"what\":\"policy\"", ""), LineError::MissingField { field: "what" });
    assert_eq!(
        said(1, "\"sha256\":\"ab", "\"sha256\":\"AB").to_string(),
        "field \"sha256\" must be lower-case hex digits of the right number"
    );
    assert_eq!(said(2, "\"counter\":1", "\"counter\":0"), LineError::BadField { field: "counter", want: "1 or more" });
    assert_eq!(said(2, "\"kind\":\"seal\"", "\"kind\":\"steal\""), LineError::UnknownKind { kind: "steal".to_owned() });
    let want = LineError::UnknownField { kind: "revoke".to_owned(), field: "zz".to_owned() };
    assert_eq!(said(3, "}", ",\"zz\":0}"), want);
}
