//! The policy's file: its lines, and every rule that a file can break.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{Log, MAX_ITEMS, MAX_POLICY, Node, Octets, Policy, Witness};
use crate::cosignature::WitnessKey;
use crate::error::NoteError;
use crate::key::{NamedKey, PublicKey};

/// A trust policy that breaks the format of `c2sp.org/tlog-policy`. `line` counts from 1, as editors do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// Longer than [`crate::policy::MAX_POLICY`].
    #[error("the policy is longer than {max} bytes")]
    TooLong {
        /// The limit in bytes.
        max: usize,
    },
    /// The last line has no newline.
    #[error("line {line}: no newline at its end: the file may have been cut")]
    Cut {
        /// The line.
        line: u64,
    },
    /// A control character other than tab and newline.
    #[error("line {line}: byte 0x{octet:02x} is not allowed: save the file as plain text with Unix line ends")]
    Octet {
        /// The line.
        line: u64,
        /// The byte.
        octet: u8,
    },
    /// The first word is none of the four.
    #[error("line {line}: {word:?} is none of `log`, `witness`, `group`, `quorum`")]
    Keyword {
        /// The line.
        line: u64,
        /// The word.
        word: String,
    },
    /// Too few or too many words.
    #[error("line {line}: not of the form `{want}`")]
    Form {
        /// The line.
        line: u64,
        /// The form.
        want: &'static str,
    },
    /// The key is none, or of the wrong kind.
    #[error("line {line}: {source}")]
    Key {
        /// The line.
        line: u64,
        /// Why.
        source: NoteError,
    },
    /// The same public key again, whatever its name.
    #[error("line {line}: the same public key is on line {first}")]
    SameKey {
        /// The line.
        line: u64,
        /// Where it came first.
        first: u64,
    },
    /// A witness or group has the name of another.
    #[error("line {line}: the name {name:?} is taken by line {first}")]
    SameName {
        /// The line.
        line: u64,
        /// The name.
        name: String,
        /// Where it came first.
        first: u64,
    },
    /// `none` as a name or as a member.
    #[error("line {line}: `none` stands after `quorum` alone: it names no witness, no group and no member")]
    Reserved {
        /// The line.
        line: u64,
    },
    /// A name that no line before defines.
    #[error("line {line}: no line before this one defines {name:?}")]
    Undefined {
        /// The line.
        line: u64,
        /// The name.
        name: String,
    },
    /// A name that is a member already, of this group or another.
    #[error("line {line}: {name:?} is a member already, on line {first}: each counts once")]
    MemberTwice {
        /// The line.
        line: u64,
        /// The name.
        name: String,
        /// Where it was first.
        first: u64,
    },
    /// A group that needs none of its members, or more than it has.
    #[error("line {line}: the threshold must be `all`, `any` or a number from 1 to {members}, the number of members")]
    Threshold {
        /// The line.
        line: u64,
        /// How many members the group has.
        members: usize,
    },
    /// A quorum line after another.
    #[error("line {line}: a second quorum; the first is on line {first}")]
    SecondQuorum {
        /// The line.
        line: u64,
        /// Where the first is.
        first: u64,
    },
    /// No quorum line.
    #[error("no `quorum` line: say who must cosign, or `quorum none`")]
    NoQuorum,
    /// More than are read.
    #[error("line {line}: more than {max} {what}")]
    TooMany {
        /// The line.
        line: u64,
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
    },
}

impl Policy {
    /// Parses a policy.
    ///
    /// # Errors
    /// [`PolicyError`] with the line at fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        if bytes.len() > MAX_POLICY {
            return Err(PolicyError::TooLong { max: MAX_POLICY });
        }
        let mut reader = Reader::default();
        for (i, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
            reader.line = i as u64 + 1;
            let text = line.strip_suffix(b"\n").ok_or(PolicyError::Cut { line: reader.line })?;
            reader.take(text)?;
        }
        let (_, quorum) = reader.quorum.ok_or(PolicyError::NoQuorum)?;
        Ok(Self { logs: reader.logs, witnesses: reader.witnesses, nodes: reader.nodes, quorum })
    }
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    line: u64,
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    nodes: Vec<(Octets, Node)>,
    groups: usize,
    // Where each thing that must not come twice came first. Logs and witnesses share their keys: a log that vouches for itself is
    // no witness.
    keys: BTreeMap<PublicKey, u64>,
    names: BTreeMap<Vec<u8>, (u64, usize)>,
    members: BTreeMap<usize, u64>,
    quorum: Option<(u64, Option<usize>)>,
}

impl Reader {
    fn take(&mut self, text: &[u8]) -> Result<(), PolicyError> {
        let line = self.line;
        if let Some(octet) = text.iter().find(|b| !matches!(b, b'\t' | 0x20..=0x7e | 0x80..=0xff)) {
            return Err(PolicyError::Octet { line, octet: *octet });
        }
        let words: Vec<&[u8]> = text.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", vkey, url @ ..] if url.len() < 2 => self.log(vkey, url.first()),
            [b"log", ..] => Err(PolicyError::Form { line, want: "log <vkey> [<url>]" }),
            [b"witness", name, vkey, url @ ..] if url.len() < 2 => self.witness(name, vkey, url.first()),
            [b"witness", ..] => Err(PolicyError::Form { line, want: "witness <name> <vkey> [<url>]" }),
            [b"group", name, need, members @ ..] if !members.is_empty() => self.group(name, need, members),
            [b"group", ..] => Err(PolicyError::Form { line, want: "group <name> all|any|<k> <member>..." }),
            [b"quorum", name] => self.quorum(name),
            [b"quorum", ..] => Err(PolicyError::Form { line, want: "quorum <name>" }),
            [word, ..] => Err(PolicyError::Keyword { line, word: lossy(word) }),
        }
    }

    fn log(&mut self, vkey: &[u8], url: Option<&&[u8]>) -> Result<(), PolicyError> {
        let line = self.line;
        let key = NamedKey::parse(text(vkey, line)?).map_err(|source| PolicyError::Key { line, source })?;
        if let Some(first) = self.keys.insert(key.key(), line) {
            return Err(PolicyError::SameKey { line, first });
        }
        self.logs.push(Log { key, url: url.map(|url| Octets(url.to_vec())) });
        self.limit(self.logs.len(), "logs")
    }

    fn witness(&mut self, name: &[u8], vkey: &[u8], url: Option<&&[u8]>) -> Result<(), PolicyError> {
        let line = self.line;
        let key = WitnessKey::parse(text(vkey, line)?).map_err(|source| PolicyError::Key { line, source })?;
        if let Some(first) = self.keys.insert(key.key(), line) {
            return Err(PolicyError::SameKey { line, first });
        }
        self.define(name, Node::Witness(self.witnesses.len()))?;
        let (name, url) = (Octets(name.to_vec()), url.map(|url| Octets(url.to_vec())));
        self.witnesses.push(Witness { name, key, url });
        self.limit(self.witnesses.len(), "witnesses")
    }

    fn group(&mut self, name: &[u8], need: &[u8], members: &[&[u8]]) -> Result<(), PolicyError> {
        let line = self.line;
        let mut nodes = Vec::new();
        for member in members {
            if *member == b"none" {
                return Err(PolicyError::Reserved { line });
            }
            let node = self.find(member)?;
            if let Some(first) = self.members.insert(node, line) {
                return Err(PolicyError::MemberTwice { line, name: lossy(member), first });
            }
            nodes.push(node);
        }
        let need = match need {
            b"all" => nodes.len(),
            b"any" => 1,
            digits => threshold(digits, nodes.len()).ok_or(PolicyError::Threshold { line, members: nodes.len() })?,
        };
        self.define(name, Node::Group { need, members: nodes })?;
        self.groups += 1;
        self.limit(self.groups, "groups")
    }

    fn quorum(&mut self, name: &[u8]) -> Result<(), PolicyError> {
        let line = self.line;
        if let Some((first, _)) = self.quorum {
            return Err(PolicyError::SecondQuorum { line, first });
        }
        let node = if name == b"none" { None } else { Some(self.find(name)?) };
        self.quorum = Some((line, node));
        Ok(())
    }

    fn find(&self, name: &[u8]) -> Result<usize, PolicyError> {
        match self.names.get(name) {
            Some((_, node)) => Ok(*node),
            None => Err(PolicyError::Undefined { line: self.line, name: lossy(name) }),
        }
    }

    fn define(&mut self, name: &[u8], node: Node) -> Result<(), PolicyError> {
        let line = self.line;
        if name == b"none" {
            return Err(PolicyError::Reserved { line });
        }
        if let Some((first, _)) = self.names.insert(name.to_vec(), (line, self.nodes.len())) {
            return Err(PolicyError::SameName { line, name: lossy(name), first });
        }
        self.nodes.push((Octets(name.to_vec()), node));
        Ok(())
    }

    fn limit(&self, count: usize, what: &'static str) -> Result<(), PolicyError> {
        if count > MAX_ITEMS {
            return Err(PolicyError::TooMany { line: self.line, what, max: MAX_ITEMS });
        }
        Ok(())
    }
}

/// `k` in its shortest decimal form, from 1 to the number of members.
fn threshold(digits: &[u8], members: usize) -> Option<usize> {
    let text = std::str::from_utf8(digits).ok()?;
    let k = text.parse::<usize>().ok().filter(|k| k.to_string() == text)?;
    (1..=members).contains(&k).then_some(k)
}

/// A key is the name of a note's signer, and notes are UTF-8.
fn text(vkey: &[u8], line: u64) -> Result<&str, PolicyError> {
    std::str::from_utf8(vkey).map_err(|_| PolicyError::Key { line, source: NoteError::Key("not UTF-8") })
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{DeviceKey, Signer};

    fn log(seed: u8) -> String {
        DeviceKey::from_seed([seed; 32]).public().named(&format!("log{seed}.example")).to_string()
    }

    fn witness(seed: u8) -> String {
        DeviceKey::from_seed([seed; 32]).public().witness(&format!("w{seed}.example")).to_string()
    }

    fn refused(text: &str) -> String {
        Policy::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn reads_every_kind_of_line_in_any_white_space() {
        let text = format!(
            "# 审计\n\n \t \n\t# indented\nlog {} https://log.example/\n  witness\tA  {} \nlog {}\nwitness B {} https://w.example/包\n\
             group G all A B\nquorum G\nwitness C {}\n",
            log(1),
            witness(2),
            log(3),
            witness(4),
            witness(5)
        );
        let policy = Policy::parse(text.as_bytes()).unwrap();
        assert_eq!(policy.logs().len(), 2);
        assert_eq!(policy.logs()[0].url, Some("https://log.example/".into()));
        assert_eq!(policy.logs()[1].url, None);
        let names: Vec<String> = policy.witnesses().iter().map(|w| w.name.to_string()).collect();
        assert_eq!(names, ["A", "B", "C"]);
        assert_eq!(policy.witnesses()[1].url.as_ref().unwrap().to_str(), Some("https://w.example/包"));
        assert_eq!(policy.witnesses()[0].key.name(), "w2.example");
    }

    #[test]
    fn names_are_bytes_and_need_not_be_text() {
        let mut text = b"witness \xff ".to_vec();
        text.extend(format!("{}\nwitness K {}\n", witness(1), witness(2)).bytes());
        let with = |end: &[u8]| Policy::parse(&[&text, end].concat());
        let policy = with(b"quorum \xff\n").unwrap();
        assert!(policy.quorum_met(|name| name.as_bytes() == b"\xff"));
        assert_eq!(policy.witnesses()[0].name.to_str(), None);
        // A Kelvin sign is no K.
        let kelvin = with("quorum \u{212a}\n".as_bytes()).unwrap_err();
        assert_eq!(kelvin, PolicyError::Undefined { line: 3, name: "\u{212a}".into() });
    }

    #[test]
    fn a_broken_file_is_refused_with_its_line_and_the_reason() {
        let (a, b, l) = (witness(1), witness(2), log(3));
        let two = format!("witness A {a}\nwitness B {b}\n");
        for (text, want) in [
            ("".into(), "no `quorum` line: say who must cosign, or `quorum none`"),
            ("quorum none".into(), "line 1: no newline at its end: the file may have been cut"),
            (
                "quorum none\r\n".into(),
                "line 1: byte 0x0d is not allowed: save the file as plain text with Unix line ends",
            ),
            (
                "# \x7f\nquorum none\n".into(),
                "line 1: byte 0x7f is not allowed: save the file as plain text with Unix line ends",
            ),
            ("Quorum none\n".into(), "line 1: \"Quorum\" is none of `log`, `witness`, `group`, `quorum`"),
            ("log\n".into(), "line 1: not of the form `log <vkey> [<url>]`"),
            (format!("log {l} u v\n"), "line 1: not of the form `log <vkey> [<url>]`"),
            ("witness A\n".into(), "line 1: not of the form `witness <name> <vkey> [<url>]`"),
            (format!("witness A {a} u v\n"), "line 1: not of the form `witness <name> <vkey> [<url>]`"),
            (format!("{two}group G any\n"), "line 3: not of the form `group <name> all|any|<k> <member>...`"),
            ("quorum\n".into(), "line 1: not of the form `quorum <name>`"),
            (format!("{two}quorum A B\n"), "line 3: not of the form `quorum <name>`"),
            ("log x\n".into(), "line 1: malformed key: not <name>+<id>+<key>"),
            (
                format!("\nlog {a}\n"),
                "line 2: the key of w1.example is a witness key (type 0x04): it cosigns checkpoints and cannot sign as a log",
            ),
            (
                format!("witness A {l}\n"),
                "line 1: the key of log3.example is a log key (type 0x01): it signs checkpoints and cannot cosign as a witness",
            ),
            (format!("{two}witness A {}\n", witness(4)), "line 3: the name \"A\" is taken by line 1"),
            (format!("{two}group A any B\n"), "line 3: the name \"A\" is taken by line 1"),
            (
                format!("witness none {a}\n"),
                "line 1: `none` stands after `quorum` alone: it names no witness, no group and no member",
            ),
            (
                format!("{two}group none any A\n"),
                "line 3: `none` stands after `quorum` alone: it names no witness, no group and no member",
            ),
            (
                format!("{two}group G any none\n"),
                "line 3: `none` stands after `quorum` alone: it names no witness, no group and no member",
            ),
            (format!("{two}group G any C\n"), "line 3: no line before this one defines \"C\""),
            (format!("{two}group G any G\n"), "line 3: no line before this one defines \"G\""),
            (format!("quorum A\n{two}"), "line 1: no line before this one defines \"A\""),
            (format!("{two}group G any A A\n"), "line 3: \"A\" is a member already, on line 3: each counts once"),
            (
                format!("{two}group G any A\ngroup H any B A\n"),
                "line 4: \"A\" is a member already, on line 3: each counts once",
            ),
            (
                format!("{two}group G 0 A B\n"),
                "line 3: the threshold must be `all`, `any` or a number from 1 to 2, the number of members",
            ),
            (
                format!("{two}group G 3 A B\n"),
                "line 3: the threshold must be `all`, `any` or a number from 1 to 2, the number of members",
            ),
            (
                format!("{two}group G 01 A B\n"),
                "line 3: the threshold must be `all`, `any` or a number from 1 to 2, the number of members",
            ),
            (
                format!("{two}group G +1 A B\n"),
                "line 3: the threshold must be `all`, `any` or a number from 1 to 2, the number of members",
            ),
            (format!("{two}quorum A\n\nquorum none\n"), "line 5: a second quorum; the first is on line 3"),
        ] {
            assert_eq!(refused(&text), want, "{text}");
        }
        assert_eq!(refused(&"#".repeat(MAX_POLICY + 1)), "the policy is longer than 65536 bytes");
    }

    #[test]
    fn the_same_key_under_another_name_is_the_same_log_or_witness() {
        let key = DeviceKey::from_seed([9; 32]).public();
        let logs = format!("log {}\nlog {}\nquorum none\n", key.named("a.example"), key.named("b.example"));
        assert_eq!(refused(&logs), "line 2: the same public key is on line 1");
        let both = format!("witness A {}\nwitness B {}\n", key.witness("a.example"), key.witness("b.example"));
        assert_eq!(refused(&both), "line 2: the same public key is on line 1");
        let own = format!("log {}\nwitness A {}\nquorum A\n", key.named("a.example"), key.witness("b.example"));
        assert_eq!(refused(&own), "line 2: the same public key is on line 1");
    }

    #[test]
    fn thirty_two_of_each_are_read_and_a_file_without_bound_is_not() {
        let with = |n: usize, what: &str| -> String {
            (0..n)
                .map(|i| {
                    let key = |of: u8| DeviceKey::from_seed([of + i as u8; 32]).public();
                    match what {
                        "log" => format!("log {}\n", key(0).named("l.example")),
                        "witness" => format!("witness W{i} {}\n", key(100).witness("w.example")),
                        _ => format!("group G{i} any W{i}\n"),
                    }
                })
                .collect()
        };
        let text = with(32, "log") + &with(32, "witness") + &with(32, "group") + "quorum G31\n";
        let policy = Policy::parse(text.as_bytes()).unwrap();
        assert_eq!((policy.logs().len(), policy.witnesses().len()), (32, 32));
        assert!(policy.quorum_met(|name| name == "W31") && !policy.quorum_met(|name| name == "W30"));
        assert_eq!(refused(&with(65, "log")), "line 65: more than 64 logs");
        assert_eq!(refused(&with(65, "witness")), "line 65: more than 64 witnesses");
        let chain: String = (0..65).map(|i| format!("group G{} any G{i}\n", i + 1)).collect();
        let text = with(1, "witness").replace("W0", "G0") + &chain;
        assert_eq!(refused(&text), "line 66: more than 64 groups");
    }
}
