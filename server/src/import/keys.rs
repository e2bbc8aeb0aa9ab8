//! Identities as they are kept: hashes under the server's person key. The plain text of a file is never stored.

use ring::hmac;
use rusqlite::Connection;

use crate::store::{StoreError, setting};

/// The server's person key.
pub(crate) struct Keys {
    person: hmac::Key,
}

impl Keys {
    /// From the store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn of(conn: &Connection) -> Result<Self, StoreError> {
        let key: Vec<u8> = setting(conn, "person_key")?.ok_or(StoreError::Corrupt("no person key"))?;
        Ok(Self { person: hmac::Key::new(hmac::HMAC_SHA256, &key) })
    }

    /// A citizen number's id, the same across classes and tables: `roster.person`.
    pub fn person(&self, number: &str) -> String {
        hex::encode(hmac::sign(&self.person, number.as_bytes()))
    }

    /// Any other identity: a telephone, an account, an address, a sign-in. One way of writing it gives one hash, and a citizen
    /// number gives that of its person, so that tables can be compared.
    pub fn identity(&self, text: &str) -> String {
        self.person(&plain(text))
    }

    /// The words of a reason, so that the same words are seen to be the same.
    pub fn words(&self, text: &str) -> String {
        hex::encode(hmac::sign(&self.person, format!("words/{}", text.trim()).as_bytes()))
    }
}

/// Without spaces and hyphens, in ASCII's own digits and letters, upper case; a mobile telephone of the mainland without its
/// country code.
fn plain(text: &str) -> String {
    let ascii = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        c => c,
    };
    let text: String = text.chars().map(ascii).filter(|c| !c.is_whitespace() && *c != '-').collect();
    let text = text.to_ascii_uppercase();
    let mobile = |rest: &&str| rest.len() == 11 && rest.starts_with('1') && rest.bytes().all(|b| b.is_ascii_digit());
    let country = ["+86", "0086", "86"].iter().find_map(|code| text.strip_prefix(code).filter(mobile));
    country.map_or_else(|| text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn one_identity_has_one_way_of_being_written() {
        for text in ["138 0013 8000", "+86 138-0013-8000", "0086１３８００１３８０００", "8613800138000"] {
            assert_eq!(plain(text), "13800138000", "{text}");
        }
        assert_eq!(plain("6222 0210 0111 4321 001"), "6222021001114321001");
        assert_eq!(plain("11010119900307001x"), "11010119900307001X");
        assert_eq!(plain("乌丹镇 一号"), "乌丹镇一号");
        // A landline with an area code, and a number that only begins alike, stay what they are.
        assert_eq!(plain("0476-8331234"), "04768331234");
        assert_eq!(plain("86222021001114321"), "86222021001114321");
    }
}
