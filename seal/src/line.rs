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

use std::collections::BTreeMap;

use crate::error::LineError;

/// The longest line, in bytes without its newline. The longest honest one is an `open` with a beacon: about 4 KiB.
pub const MAX_LINE: usize = 16 * 1024;
/// Integers stay below this in magnitude, so that every JSON reader in the world reads the same number.
pub const MAX_INTEGER: i64 = 1 << 53;
/// Objects and arrays nest at most this deep.
const MAX_DEPTH: usize = 4;

/// A JSON value of the subset that lines use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number below 2^53 in magnitude.
    Int(i64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// An object; the map keeps its keys in byte order.
    Object(Fields),
}

/// The members of an object.
pub type Fields = BTreeMap<String, Value>;

/// Parses one line.
///
/// # Errors
/// [`LineError`] for anything that is not the canonical form, with the byte where it goes wrong.
pub fn parse(line: &[u8]) -> Result<Fields, LineError> {
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
pub fn write(fields: &Fields) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write_object(fields, &mut out);
    out
}

fn write_object(fields: &Fields, out: &mut Vec<u8>) {
    out.push(b'{');
    for (i, (key, value)) in fields.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_text(key, out);
        out.push(b':');
        write_value(value, out);
    }
    out.push(b'}');
}

fn write_value(value: &Value, out: &mut Vec<u8>) {
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
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            c if (c as u32) < 0x20 => out.extend_from_slice(format!("\\u{:04x}", c as u32).as_bytes()),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
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

    fn value(&mut self, depth: usize) -> Result<Value, LineError> {
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

    fn object(&mut self, depth: usize) -> Result<Fields, LineError> {
        self.eat(b'{', "an object starts with {")?;
        let mut fields = Fields::new();
        let mut last: Option<String> = None;
        while self.peek() != Some(b'}') {
            if last.is_some() {
                self.eat(b',', "a comma is missing")?;
            }
            let start = self.at;
            let key = self.string()?;
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
            if key.is_empty() || !key.bytes().all(plain) {
                return Err(LineError::Syntax { what: "a key has a character that keys do not have", column: start });
            }
            if last.as_ref().is_some_and(|last| *last >= key) {
                return Err(LineError::Syntax { what: "keys are not in ascending order", column: start });
            }
            self.eat(b':', "a colon is missing")?;
            let value = self.value(depth + 1)?;
            last = Some(key.clone());
            fields.insert(key, value);
        }
        self.at += 1;
        Ok(fields)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value>, LineError> {
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

    fn string(&mut self) -> Result<String, LineError> {
        self.eat(b'"', "a string starts with a quote")?;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(stop) = rest.bytes().position(|b| b == b'"' || b == b'\\' || b < 0x20) else {
                return Err(self.wrong("a string has no closing quote"));
            };
            out.push_str(&rest[..stop]);
            self.at += stop;
            match rest.as_bytes()[stop] {
                b'"' => {
                    self.at += 1;
                    return Ok(out);
                }
                b'\\' => out.push(self.escape()?),
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
