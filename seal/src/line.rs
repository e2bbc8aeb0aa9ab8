//! The bytes of one line: JSON written in the one way that this format allows, so that equal records are equal bytes.
//!
//! ```text
//! line   = object                       at most MAX_LINE bytes, no newline
//! object = "{" [ member *( "," member ) ] "}"      keys [A-Za-z0-9_.-], strictly ascending by byte
//! value  = object / array / string / integer / "true" / "false"
//! integer = "0" / [ "-" ] nonzero *digit           magnitude below 2^53
//! string: only `"` and `\` are escaped with a backslash, U+0000 to U+001F as \u00xx in lower case
//! ```
//!
//! Keys are field names, and in `open` and `close` also readers' names and reasons, which may be any id: hence the capitals.
//! No spaces, no `null`, no floats. A verifier never writes a line again: it hashes the bytes it was given.

use std::borrow::Cow;

use crate::error::LineError;

/// The longest line, in bytes without its newline. The longest honest one is an `open` with a beacon: about 4 KiB.
pub const MAX_LINE: usize = 16 * 1024;
/// Integers stay below this in magnitude, so that every JSON reader in the world reads the same number.
pub const MAX_INTEGER: i64 = 1 << 53;
/// Objects and arrays nest at most this deep.
const MAX_DEPTH: usize = 4;

/// A JSON value of the subset that lines use. Text is borrowed from the line where it stands there as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number below 2^53 in magnitude.
    Int(i64),
    /// Text.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Value<'a>>),
    /// An object.
    Object(Fields<'a>),
}

/// The members of an object, in the order of their keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Fields<'a> {
    /// Puts a member in its place; one of the same key is replaced.
    pub fn insert(&mut self, key: impl Into<Cow<'a, str>>, value: Value<'a>) {
        let key = key.into();
        match self.0.binary_search_by(|(k, _)| k.cmp(&key)) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (key, value)),
        }
    }

    /// Takes a member out.
    pub fn remove(&mut self, key: &str) -> Option<Value<'a>> {
        // Objects are small: most keys differ in length already, which is quicker to see than where to look.
        self.0.iter().position(|(k, _)| *k == key).map(|at| self.0.remove(at).1)
    }

    /// The keys, in order.
    pub fn into_keys(self) -> impl Iterator<Item = String> {
        self.0.into_iter().map(|(key, _)| key.into_owned())
    }
}

impl<'a> IntoIterator for Fields<'a> {
    type Item = (Cow<'a, str>, Value<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Parses one line.
///
/// # Errors
/// [`LineError`] for anything that is not the canonical form, with the byte where it goes wrong.
pub fn parse(line: &[u8]) -> Result<Fields<'_>, LineError> {
    if line.len() > MAX_LINE {
        return Err(LineError::TooLong { max: MAX_LINE });
    }
    let text = std::str::from_utf8(line).map_err(|e| LineError::Utf8 { column: e.valid_up_to() })?;
    let mut parser = Parser { text, at: 0 };
    let fields = match parser.value(0)? {
        Value::Object(fields) => fields,
        _ => return Err(LineError::Syntax { what: "the line is no object", column: 0 }),
    };
    if parser.at != text.len() {
        return Err(parser.wrong("bytes after the object"));
    }
    Ok(fields)
}

/// Writes the canonical line, without a newline.
pub fn write(fields: &Fields<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    write_object(fields, &mut out);
    out
}

fn write_object(fields: &Fields<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (i, (key, value)) in fields.0.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_text(key, out);
        out.push(b':');
        write_value(value, out);
    }
    out.push(b'}');
}

fn write_value(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
        Value::Int(n) => out.extend_from_slice(n.to_string().as_bytes()),
        Value::Text(text) => write_text(text, out),
        Value::Object(fields) => write_object(fields, out),
        Value::List(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_value(item, out);
            }
            out.push(b']');
        }
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(stop) = rest.iter().position(|b| needs_escape(*b)) {
        out.extend_from_slice(&rest[..stop]);
        match rest[stop] {
            quoted @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', quoted]),
            control => out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
        rest = &rest[stop + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// What never stands in a string as it is. All of it is ASCII, so that looking at bytes is looking at characters.
fn needs_escape(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < 0x20
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn wrong(&self, what: &'static str) -> LineError {
        LineError::Syntax { what, column: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8, what: &'static str) -> Result<(), LineError> {
        if self.peek() != Some(byte) {
            return Err(self.wrong(what));
        }
        self.at += 1;
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, LineError> {
        if depth > MAX_DEPTH {
            return Err(self.wrong("nested too deep"));
        }
        match self.peek() {
            Some(b'{') => Ok(Value::Object(self.object(depth)?)),
            Some(b'[') => Ok(Value::List(self.list(depth)?)),
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b'-' | b'0'..=b'9') => Ok(Value::Int(self.integer()?)),
            Some(b't') => self.word("true").map(|()| Value::Bool(true)),
            Some(b'f') => self.word("false").map(|()| Value::Bool(false)),
            Some(_) => Err(self.wrong("no value starts with this byte")),
            None => Err(self.wrong("the line ends where a value should be")),
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), LineError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.wrong("no value starts with this byte"));
        }
        self.at += word.len();
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<Fields<'a>, LineError> {
        self.eat(b'{', "an object starts with {")?;
        // A record has about a dozen fields.
        let mut fields: Vec<(Cow<'a, str>, Value<'a>)> = Vec::with_capacity(if depth == 0 { 16 } else { 0 });
        while self.peek() != Some(b'}') {
            if !fields.is_empty() {
                self.eat(b',', "a comma is missing")?;
            }
            let start = self.at;
            let key = self.string()?;
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
            if key.is_empty() || !key.bytes().all(plain) {
                return Err(LineError::Syntax { what: "a key has a character that keys do not have", column: start });
            }
            if fields.last().is_some_and(|(last, _)| *last >= key) {
                return Err(LineError::Syntax { what: "keys are not in ascending order", column: start });
            }
            self.eat(b':', "a colon is missing")?;
            let value = self.value(depth + 1)?;
            fields.push((key, value));
        }
        self.at += 1;
        Ok(Fields(fields))
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value<'a>>, LineError> {
        self.eat(b'[', "a list starts with [")?;
        let mut items = Vec::new();
        while self.peek() != Some(b']') {
            if !items.is_empty() {
                self.eat(b',', "a comma is missing")?;
            }
            items.push(self.value(depth + 1)?);
        }
        self.at += 1;
        Ok(items)
    }

    fn integer(&mut self) -> Result<i64, LineError> {
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        let digits = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        let text = &self.text[digits..self.at];
        let bad = |what| Err(LineError::Syntax { what, column: start });
        if text.is_empty() || (text.len() > 1 && text.starts_with('0')) || (negative && text == "0") {
            return bad("a number is not written in its shortest form");
        }
        if matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return bad("a number is not whole");
        }
        match text.parse::<i64>() {
            Ok(n) if n < MAX_INTEGER => Ok(if negative { -n } else { n }),
            _ => bad("a number is 2^53 or more"),
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, LineError> {
        self.eat(b'"', "a string starts with a quote")?;
        let mut out = Cow::Borrowed("");
        loop {
            let rest = &self.text[self.at..];
            let Some(stop) = rest.bytes().position(needs_escape) else {
                return Err(self.wrong("a string has no closing quote"));
            };
            // Adding to an empty borrowed text borrows again: nothing is copied unless something was escaped.
            out += &rest[..stop];
            self.at += stop;
            match rest.as_bytes()[stop] {
                b'"' => {
                    self.at += 1;
                    return Ok(out);
                }
                b'\\' => out.to_mut().push(self.escape()?),
                _ => return Err(self.wrong("a control character is not escaped")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, LineError> {
        let rest = &self.text.as_bytes()[self.at + 1..];
        let (c, len) = match rest.first() {
            Some(b'"') => ('"', 2),
            Some(b'\\') => ('\\', 2),
            Some(b'u') => {
                let code = rest.get(1..5).ok_or_else(|| self.wrong("an escape is cut short"))?;
                let lower = code.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                let text = std::str::from_utf8(code).unwrap_or_default();
                match u32::from_str_radix(text, 16).ok().filter(|n| lower && *n < 0x20).and_then(char::from_u32) {
                    Some(c) => (c, 6),
                    None => return Err(self.wrong("an escape that is not needed or not in lower case")),
                }
            }
            _ => return Err(self.wrong("an escape that is not needed")),
        };
        self.at += len;
        Ok(c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_every_second_way_to_write_a_value() {
        for (line, what) in [
            (r#"{"b":1,"a":2}"#, "keys are not in ascending order"),
            (r#"{"a":1,"a":2}"#, "keys are not in ascending order"),
            (r#"{"a": 1}"#, "no value starts with this byte"),
            (r#"{"a":1.0}"#, "a number is not whole"),
            (r#"{"a":01}"#, "a number is not written in its shortest form"),
            (r#"{"a":-0}"#, "a number is not written in its shortest form"),
            (r#"{"a":9007199254740992}"#, "a number is 2^53 or more"),
            (r#"{"a":null}"#, "no value starts with this byte"),
            (r#"{"a":"\/"}"#, "an escape that is not needed"),
            (r#"{"a":"\u0041"}"#, "an escape that is not needed or not in lower case"),
            (r#"{"a":"\u001F"}"#, "an escape that is not needed or not in lower case"),
            (r#"{"a":1,}"#, "a string starts with a quote"),
            (r#"{"a":1}x"#, "bytes after the object"),
            (r#"{"a b":1}"#, "a key has a character that keys do not have"),
            (r#"[1]"#, "the line is no object"),
            (r#"{"a":[[[[[1]]]]]}"#, "nested too deep"),
        ] {
            match parse(line.as_bytes()) {
                Err(LineError::Syntax { what: found, .. }) => assert_eq!(found, what, "{line}"),
                other => panic!("{line}: {other:?}"),
            }
        }
        assert_eq!(parse(b"{\"a\":\"\xff\"}"), Err(LineError::Utf8 { column: 6 }));
        assert_eq!(parse(&vec![b' '; MAX_LINE + 1]), Err(LineError::TooLong { max: MAX_LINE }));
    }

    #[test]
    fn writes_what_it_reads() {
        let line = "{\"a\":-1,\"b\":\"包\\\"\\\\\\u000a\",\"c\":[true,{\"d\":0}]}";
        assert_eq!(write(&parse(line.as_bytes()).unwrap()), line.as_bytes());
    }
}
