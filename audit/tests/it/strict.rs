//! Bad bundles that only somebody who signs can make: a device or a bureau that writes what two readers might take for two things.

use muster_seal::key::Signer;
use muster_seal::merkle::sha256;
use muster_seal::note::Signature;

use crate::cases::{Case, UNDER, but, honest, lines, sealed, town};
use crate::town::{NOON, Parts, Session, WITNESSES, assignment, key, policy, stand};

pub fn bad() -> Vec<Case> {
    [encodings(), names(), fields(), walls(), assignments(), lessons(), times(), lines_of_others()].concat()
}

/// One part of one line of the log, counted from 1, written in other bytes and sealed.
fn raw(line: usize, from: &str, to: &[u8]) -> Vec<u8> {
    let change = |mut session: Session| {
        let text = &session.lines[line - 1];
        let at = text.windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
        session.lines[line - 1] = [&text[..at], to, &text[at + from.len()..]].concat();
        session
    };
    lines(change).tar()
}

fn encodings() -> Vec<Case> {
    vec![
        ("sealed-record-not-utf-8", "log.jsonl: line 1: not UTF-8 at byte 800", raw(1, "uvc", b"\xff")),
        (
            "sealed-record-with-an-overlong-slash",
            "log.jsonl: line 1: not UTF-8 at byte 800",
            raw(1, "uvc", b"\xc0\xaf"),
        ),
        ("sealed-record-with-a-surrogate", "log.jsonl: line 1: not UTF-8 at byte 801", raw(1, "uvc", b"u\xed\xa0\x80")),
        ("sealed-record-above-unicode", "log.jsonl: line 1: not UTF-8 at byte 800", raw(1, "uvc", b"\xf4\x90\x80\x80")),
        ("sealed-record-with-half-a-letter", "log.jsonl: line 1: not UTF-8 at byte 800", raw(1, "uvc", b"\xe8\xaf")),
    ]
}

/// A beacon with one more line, which a note ignores where it is one.
fn names() -> Vec<Case> {
    let with = |name: &str| {
        let line = Signature { name: name.into(), id: [1, 2, 3, 4], bytes: vec![7; 64] }.line();
        sealed(|device, beacon| device.hold(14, &(beacon.to_owned() + &line))).tar()
    };
    let said = "line 1: the beacon: malformed note: a key name is empty or has a space or a plus sign";
    vec![
        ("key-name-with-a-no-break-space", said, with("a\u{a0}b")),
        ("key-name-with-an-ideographic-space", said, with("a\u{3000}b")),
        ("key-name-with-a-next-line", said, with("a\u{85}b")),
        ("key-name-with-an-ogham-space", said, with("a\u{1680}b")),
        ("key-name-with-a-thin-space", said, with("a\u{2009}b")),
        ("key-name-with-a-line-separator", said, with("a\u{2028}b")),
        ("key-name-with-a-tab", "line 1: the beacon: malformed note: a control character", with("a\tb")),
    ]
}

/// Fields that a reader which flattens objects could take for others.
fn fields() -> Vec<Case> {
    let one = |from: &str, to: &str| lines(|s| s.with(1, from, to)).tar();
    let entry = {
        let (mut town, d1, session) = town(|device, beacon| device.hold(14, beacon));
        let mut line = town.leaves[4].clone();
        line.push(b'\n');
        let mut leaves = town.leaves.clone();
        leaves[4] = line;
        town = crate::town::Town::of(leaves);
        Parts::of(&town, &d1, &session, 4, UNDER).tar()
    };
    vec![
        (
            "sealed-field-with-a-dot",
            "log.jsonl: line 1: a open record has no field \"readers.zz\"",
            one("\"salt\"", "\"readers.zz\":\"x\",\"salt\""),
        ),
        (
            "sealed-field-that-is-an-empty-list",
            "log.jsonl: line 1: a open record has no field \"reason\"",
            one("\"salt\"", "\"reason\":[],\"salt\""),
        ),
        (
            "sealed-map-in-a-map",
            "log.jsonl: line 1: field \"readers\" must be an object of texts",
            one("\"door\":\"sam-115200\"", "\"door\":{\"x\":\"sam-115200\"}"),
        ),
        (
            "sealed-two-words-in-one",
            "log.jsonl: line 2: field \"by\" must be card or pin",
            lines(|s| s.with(2, "\"by\":\"card\"", "\"by\":\"card,pin\"")).tar(),
        ),
        ("entry-with-a-line-end", "entry.json: bytes after the object at byte 313", entry),
    ]
}

fn walls() -> Vec<Case> {
    let said = "log.jsonl: line 7: field \"wall\" must be a time that exists, with milliseconds and an offset, as \
                2026-03-02T08:00:00.000+08:00";
    let with = |from: &str, to: &str| lines(|s| s.with(7, from, to)).tar();
    vec![
        ("sealed-wall-of-a-leap-second", said, with(":06.000", ":60.000")),
        ("sealed-wall-half-an-hour-after-24", said, with("+08:00", "+24:30")),
        ("sealed-wall-at-an-offset-of-99", said, with("+08:00", "+99:99")),
        ("sealed-wall-at-an-offset-of-no-clock", said, with("+08:00", "+14:01")),
        ("sealed-wall-at-minus-nothing", said, with("+08:00", "-00:00")),
        ("sealed-wall-of-the-year-0", said, with("2026-", "0000-")),
        ("sealed-wall-of-the-year-9999", said, with("2026-", "9999-")),
        ("sealed-wall-on-no-day", said, with("-03-02T", "-02-29T")),
    ]
}

/// A session under a document of these bytes.
fn under(document: Vec<u8>) -> Vec<u8> {
    let hash = hex::encode(sha256(&document));
    let mut parts = lines(|s| s.with(1, &hex::encode(sha256(assignment("s1", policy()).as_bytes())), &hash));
    parts.assignment = document;
    parts.tar()
}

/// The honest document with one part of it written differently.
fn bent(from: &str, to: &str) -> Vec<u8> {
    let document = assignment("s1", policy());
    assert!(document.contains(from), "{from}");
    under(document.replacen(from, to, 1).into_bytes())
}

fn assignments() -> Vec<Case> {
    let said = "assignment.json: the assignment is not written in the one form that assignments have";
    let honest = assignment("s1", policy());
    let latin = [&honest.as_bytes()[..11], b"\xff", &honest.as_bytes()[12..]].concat();
    vec![
        ("assignment-with-another-key", said, bent("{\"region\"", "{\"more\":1,\"region\"")),
        ("assignment-with-a-key-twice", said, bent("\"class\":\"c1\"", "\"class\":\"c2\",\"class\":\"c1\"")),
        (
            "assignment-in-another-order",
            said,
            bent("\"site\":\"s1\",\"class\":\"c1\"", "\"class\":\"c1\",\"site\":\"s1\""),
        ),
        ("assignment-with-an-escaped-key", said, bent("\"class\"", "\"cl\\u0061ss\"")),
        ("assignment-with-an-escaped-id", said, bent("\"c1\"", "\"\\u00631\"")),
        ("assignment-with-an-escaped-region", said, bent("\"150422\"", "\"15\\\\0422\"")),
        ("assignment-with-half-a-surrogate-pair", said, bent("\"150422\"", "\"\\ud800\"")),
        ("assignment-with-a-space", said, bent("\"class\":", "\"class\": ")),
        ("assignment-with-a-line-end", said, under(format!("{honest}\n").into_bytes())),
        ("assignment-with-a-point-in-a-number", said, bent("\"daily_cap\":8", "\"daily_cap\":8.0")),
        ("assignment-with-an-exponent", said, bent("\"daily_cap\":8", "\"daily_cap\":8e0")),
        ("assignment-with-a-leading-zero", said, bent("\"daily_cap\":8", "\"daily_cap\":08")),
        ("assignment-with-a-number-too-large", said, bent("\"daily_cap\":8", "\"daily_cap\":4294967304")),
        ("assignment-with-a-power-gap-to-leave-out", said, bent("800}", "800,\"power_gap_s\":600}")),
        ("assignment-not-utf-8", said, under(latin)),
        ("assignment-of-nothing", said, under(Vec::new())),
        (
            "assignment-with-a-trainee-twice",
            "assignment.json: trainee t1 stands on the roster twice",
            bent("\"t2\"", "\"t1\""),
        ),
        (
            "assignment-with-a-lesson-twice",
            "assignment.json: lesson l1 stands in the schedule twice",
            bent("\"l2\"", "\"l1\""),
        ),
        (
            "assignment-with-a-trainee-of-no-id",
            "assignment.json: \"t 3\" is no id: 1 to 64 letters, digits, hyphens, underscores or dots",
            bent("\"t3\"", "\"t 3\""),
        ),
        (
            "assignment-with-a-share-of-nothing",
            "assignment.json: the policy wants a share outside 1 to 1000 per mille or a level outside 1 to 4",
            bent("\"share_permille\":800", "\"share_permille\":0"),
        ),
    ]
}

/// Times of lessons. The first lesson is from 08:00 to 08:45, the second from 08:50.
fn lessons() -> Vec<Case> {
    let said = "assignment.json: lesson l1 has no possible time, ends before it starts, or overlaps the one before";
    let (start, end) = ("2026-03-02T08:00:00+08:00", "2026-03-02T08:45:00+08:00");
    let mut cases = vec![
        ("lesson-that-ends-as-it-starts", said, bent(end, start)),
        ("lesson-that-starts-after-its-end", said, bent(start, "2026-03-02T08:46:00+08:00")),
        (
            "lesson-over-the-one-before",
            "assignment.json: lesson l2 has no possible time, ends before it starts, or overlaps the one before",
            bent("2026-03-02T08:50:00+08:00", "2026-03-02T08:44:59+08:00"),
        ),
    ];
    for (name, written) in [
        ("lesson-at-an-offset-of-99", "2026-03-02T08:45:00+99:99"),
        ("lesson-half-an-hour-after-24", "2026-03-03T01:15:00+24:30"),
        ("lesson-at-an-offset-of-no-clock", "2026-03-02T14:46:00+14:01"),
        ("lesson-with-a-fraction", "2026-03-02T08:45:00.000+08:00"),
        ("lesson-with-a-small-t", "2026-03-02t08:45:00+08:00"),
        ("lesson-with-a-space", "2026-03-02 08:45:00+08:00"),
        ("lesson-in-a-named-zone", "2026-03-02T08:45:00+08:00[Asia/Shanghai]"),
        ("lesson-in-zulu-time", "2026-03-02T00:45:00Z"),
        ("lesson-in-a-leap-second", "2026-03-02T08:44:60+08:00"),
        ("lesson-at-24-hours", "2026-03-01T24:45:00+08:00"),
        ("lesson-on-no-day", "2026-02-30T08:45:00+08:00"),
        ("lesson-without-an-offset", "2026-03-02T08:45:00"),
        ("lesson-of-the-year-9999", "9999-03-02T08:45:00+08:00"),
    ] {
        cases.push((name, said, bent(end, written)));
    }
    cases
}

/// Cosignatures that hold, at times that no clock shows.
fn times() -> Vec<Case> {
    let (town, ..) = town(|device, beacon| device.hold(14, beacon));
    let at = |time: u64| {
        let (_, name, seed) = WITNESSES[0];
        let text = town.checkpoint(5).text();
        let signed = key(seed).sign(format!("cosignature/v1\ntime {time}\n{text}").as_bytes());
        let id = key(seed).public().witness(name).id();
        let line = Signature { name: name.into(), id, bytes: [&time.to_be_bytes()[..], &signed].concat() }.line();
        but(&honest(), |p| p.receipt.checkpoint = stand(&town.checkpoint(5), &[(1, NOON), (2, NOON)]) + &line)
    };
    let said = "entry.tlog-proof: the signature by audit.example.gov.cn/w1 is wrong";
    vec![
        ("cosignature-at-no-time", said, at(0)),
        ("cosignature-in-the-year-9999", said, at(253_370_764_800)),
        ("cosignature-at-2-to-the-53", said, at((1 << 53) + 1)),
        ("cosignature-at-2-to-the-63", said, at(1 << 63)),
    ]
}

/// A seal may have one more line, of another make; two are one too many.
fn lines_of_others() -> Vec<Case> {
    let with = |names: &'static [&'static str]| {
        sealed(|device, beacon| {
            let mut session = device.hold(14, beacon);
            for name in names {
                session.seal += &Signature { name: (*name).into(), id: [1, 2, 3, 4], bytes: vec![7; 64] }.line();
            }
            session
        })
        .tar()
    };
    let said = "log.jsonl: seal: 2 signature lines by other keys than muster.example/d/d1/s/1's: a seal may have one";
    vec![
        ("seal-with-two-lines-of-others", said, with(&["a.example", "b.example"])),
        ("seal-with-a-line-of-another-twice", said, with(&["muster.example/d/d1/s/1", "muster.example/d/d1/s/1"])),
    ]
}
