//! What is written on a card: four layouts of one 256-byte block, and the check digits that guard them.
//!
//! GA/T 490 for the resident card; the 2018 trial specification for the residence permit of Hong Kong, Macao and
//! Taiwan residents; the 2017 and 2023 layouts of the foreigner's permanent residence card. Text is UTF-16LE, fields
//! are padded with spaces, and the type character stands at byte 248 in all four.
//!
//! Only what attendance needs leaves this file. The photo, the address and the issuing authority are never copied.

use std::fmt;

use jiff::civil::Date;

use super::wipe;

/// Size of the text block in bytes.
pub const TEXT_LEN: usize = 256;

/// Which document was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// 居民身份证.
    Resident,
    /// 外国人永久居留身份证 as issued from 2017, type `I`.
    Foreigner2017,
    /// 外国人永久居留身份证 as issued from December 2023, type `Y`.
    Foreigner2023,
    /// 港澳台居民居住证, type `J`.
    Hmt,
}

impl Layout {
    /// The name used in records and configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resident => "resident",
            Self::Foreigner2017 => "foreigner-2017",
            Self::Foreigner2023 => "foreigner-2023",
            Self::Hmt => "hmt",
        }
    }
}

/// Sex as coded by GB/T 2261.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sex {
    /// Code 0.
    Unknown,
    /// Code 1.
    Male,
    /// Code 2.
    Female,
    /// Code 9, or a blank field.
    NotStated,
}

/// The end of a card's validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValidUntil {
    /// The last valid day.
    Date(Date),
    /// 长期, printed on cards of people who were 46 or older.
    LongTerm,
    /// The field is blank.
    NotStated,
}

/// Why a block that the module vouched for is still refused. Never carries content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// The inner lengths do not add up to the answer, or the text is not 256 bytes long.
    #[error("the card's answer has impossible inner lengths")]
    Lengths,
    /// A type character that no layout has. Guessing would shift one field into another.
    #[error("the card has an unknown document type")]
    UnknownType,
    /// The number cannot be read, or its check digit is wrong.
    #[error("the card number's check digit is wrong")]
    CheckDigit,
}

impl CardError {
    /// A short stable code for records and counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lengths => "card-lengths",
            Self::UnknownType => "card-type",
            Self::CheckDigit => "card-check-digit",
        }
    }
}

/// A card as read. Shows nothing of the person in `Debug` and wipes itself when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Card {
    layout: Layout,
    number: String,
    name: String,
    latin_name: String,
    sex: Sex,
    ethnicity: String,
    nationality: String,
    previous_number: String,
    valid_from: Option<Date>,
    valid_until: ValidUntil,
}

impl Card {
    /// Parses the data of a read answer, with or without a fingerprint: big-endian inner lengths, text, photo.
    ///
    /// # Errors
    /// [`CardError`]: lengths that do not add up, an unknown type, or a number that is none. Other fields that cannot be
    /// read are as if they were blank.
    pub fn from_answer(data: &[u8]) -> Result<Self, CardError> {
        let length = |at: usize| data.get(at..at + 2).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
        let (Some(text), Some(photo)) = (length(0), length(2)) else { return Err(CardError::Lengths) };
        let head = if 4 + text + photo == data.len() {
            4
        } else if length(4).is_some_and(|print| 6 + text + photo + print == data.len()) {
            6
        } else {
            return Err(CardError::Lengths);
        };
        Self::from_text(&data[head..head + text])
    }

    /// Parses the text block alone.
    ///
    /// # Errors
    /// As [`Card::from_answer`].
    pub fn from_text(block: &[u8]) -> Result<Self, CardError> {
        if block.len() != TEXT_LEN {
            return Err(CardError::Lengths);
        }
        let block = Block(block);
        match u16::from_le_bytes([block.0[248], block.0[249]]) {
            // Blank, or never written.
            0x0020 | 0x0000 => block.resident(Layout::Resident),
            0x004A => block.resident(Layout::Hmt),
            0x0049 => block.foreigner_2017(),
            0x0059 => block.foreigner_2023(),
            _ => Err(CardError::UnknownType),
        }
    }

    /// The number that identifies the person: 18 characters, or 15 on the 2017 foreigner's card. Upper case.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// Which document this is.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The Chinese name; the Latin one where the card has no Chinese name.
    pub fn name(&self) -> &str {
        if self.name.is_empty() { &self.latin_name } else { &self.name }
    }

    /// The name in Latin letters, on foreigners' cards.
    pub fn latin_name(&self) -> Option<&str> {
        some(&self.latin_name)
    }

    /// Sex as stated on the card.
    pub fn sex(&self) -> Sex {
        self.sex
    }

    /// Ethnicity as coded by GB/T 3304 (`01` to `56`, `97`, `98` and rarer); only resident cards have one.
    pub fn ethnicity_code(&self) -> Option<&str> {
        some(&self.ethnicity)
    }

    /// Nationality as three letters (GB/T 2659), on foreigners' cards.
    pub fn nationality(&self) -> Option<&str> {
        some(&self.nationality)
    }

    /// The 15-character number of the 2017 card that a 2023 card replaces. A roster may still hold that one.
    pub fn previous_number(&self) -> Option<&str> {
        some(&self.previous_number)
    }

    /// First valid day, unless blank.
    pub fn valid_from(&self) -> Option<Date> {
        self.valid_from
    }

    /// Last valid day.
    pub fn valid_until(&self) -> ValidUntil {
        self.valid_until
    }

    /// Whether the card is past its last day. Whether that matters is for the caller to say.
    pub fn is_expired(&self, today: Date) -> bool {
        matches!(self.valid_until, ValidUntil::Date(last) if today > last)
    }
}

impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Card {{ layout: {}, .. }}", self.layout.as_str())
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        for text in [
            &mut self.number,
            &mut self.name,
            &mut self.latin_name,
            &mut self.ethnicity,
            &mut self.nationality,
            &mut self.previous_number,
        ] {
            wipe(&mut std::mem::take(text).into_bytes());
        }
    }
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// The text block of one card; offsets and lengths below are in bytes, as the documents print them.
struct Block<'a>(&'a [u8]);

impl Block<'_> {
    fn resident(&self, layout: Layout) -> Result<Card, CardError> {
        // Bytes 32 to 35 carry no ethnicity on the permit of Hong Kong, Macao and Taiwan residents.
        let ethnicity = if layout == Layout::Resident { self.text(32, 4) } else { String::new() };
        let two_digits = ethnicity.len() == 2 && ethnicity.bytes().all(|b| b.is_ascii_digit());
        let ethnicity = if two_digits { ethnicity } else { String::new() };
        Ok(Card {
            layout,
            number: self.number18()?,
            name: self.text(0, 30),
            latin_name: String::new(),
            sex: self.sex(30),
            ethnicity,
            nationality: String::new(),
            previous_number: String::new(),
            valid_from: self.date(188),
            valid_until: self.valid_until(),
        })
    }

    fn foreigner_2017(&self) -> Result<Card, CardError> {
        let number = self.text(122, 30);
        if !is_number15(&number) {
            return Err(CardError::CheckDigit);
        }
        Ok(Card {
            layout: Layout::Foreigner2017,
            number,
            name: self.text(158, 30),
            latin_name: self.text(0, 120),
            sex: self.sex(120),
            ethnicity: String::new(),
            nationality: self.text(152, 6),
            previous_number: String::new(),
            valid_from: self.date(188),
            valid_until: self.valid_until(),
        })
    }

    fn foreigner_2023(&self) -> Result<Card, CardError> {
        let number = self.number18()?;
        let nationality = self.text(242, 6);
        let link = self.text(250, 6);
        // The name is cut after 35 characters wherever that falls: join first, trim after.
        let latin_name = trim(self.raw(52, 70) + &self.raw(220, 22));
        Ok(Card {
            layout: Layout::Foreigner2023,
            previous_number: number15_before(&number, &nationality, &link).unwrap_or_default(),
            number,
            name: self.text(0, 30),
            latin_name,
            sex: self.sex(30),
            ethnicity: String::new(),
            nationality,
            valid_from: self.date(188),
            valid_until: self.valid_until(),
        })
    }

    /// A field's characters; empty where they are none. What is not needed to know the person never refuses a card.
    fn raw(&self, at: usize, len: usize) -> String {
        let units = self.0[at..at + len].chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
        // NUL is a space that somebody forgot to write.
        char::decode_utf16(units.map(|u| if u == 0 { 0x20 } else { u }))
            .collect::<Result<String, _>>()
            .unwrap_or_default()
    }

    fn text(&self, at: usize, len: usize) -> String {
        trim(self.raw(at, len))
    }

    fn number18(&self) -> Result<String, CardError> {
        let number = self.text(122, 36).to_ascii_uppercase();
        if is_number18(&number) { Ok(number) } else { Err(CardError::CheckDigit) }
    }

    fn sex(&self, at: usize) -> Sex {
        match self.text(at, 2).as_str() {
            "0" => Sex::Unknown,
            "1" => Sex::Male,
            "2" => Sex::Female,
            _ => Sex::NotStated,
        }
    }

    fn date(&self, at: usize) -> Option<Date> {
        let text = self.text(at, 16);
        let digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| Date::strptime("%Y%m%d", &text).ok()).flatten()
    }

    fn valid_until(&self) -> ValidUntil {
        if self.text(204, 16) == "长期" {
            return ValidUntil::LongTerm;
        }
        self.date(204).map_or(ValidUntil::NotStated, ValidUntil::Date)
    }
}

fn trim(text: String) -> String {
    let kept = text.trim_matches(' ').to_owned();
    wipe(&mut text.into_bytes());
    kept
}

/// Whether an 18-character number is well formed: GB 11643, check digit by ISO 7064 MOD 11-2.
///
/// ```
/// use muster_edge::reader::sam::card::is_number18;
/// assert!(is_number18("11010519491231002X")); // GB 11643's own example
/// assert!(!is_number18("110105194912310021"));
/// ```
pub fn is_number18(number: &str) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let bytes = number.as_bytes();
    if bytes.len() != 18 || !bytes[..17].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum: u32 = bytes.iter().zip(WEIGHTS).map(|(b, w)| u32::from(b - b'0') * w).sum();
    bytes[17].to_ascii_uppercase() == b"10X98765432"[(sum % 11) as usize]
}

/// Whether a 15-character number of the 2017 foreigner's card is well formed: three letters, eleven digits and a
/// check digit by weights 7, 3, 1.
pub fn is_number15(number: &str) -> bool {
    let bytes = number.as_bytes();
    bytes.len() == 15
        && bytes[..3].iter().all(u8::is_ascii_uppercase)
        && bytes[3..].iter().all(u8::is_ascii_digit)
        && check15(&bytes[..14]) == bytes[14]
}

fn check15(first14: &[u8]) -> u8 {
    let value = |b: u8| u32::from(if b.is_ascii_digit() { b - b'0' } else { b - b'A' + 10 });
    let sum: u32 = first14.iter().zip([7, 3, 1].into_iter().cycle()).map(|(&b, w)| value(b) * w).sum();
    b'0' + (sum % 10) as u8
}

/// Rebuilds the 2017 number from a 2023 card: nationality, province, two link digits, birth date, the third link digit.
fn number15_before(number: &str, nationality: &str, link: &str) -> Option<String> {
    let letters = nationality.len() == 3 && nationality.bytes().all(|b| b.is_ascii_uppercase());
    let digits = link.len() == 3 && link.bytes().all(|b| b.is_ascii_digit());
    if !letters || !digits || !number.starts_with('9') {
        return None;
    }
    let mut old = format!("{nationality}{}{}{}{}", &number[1..3], &link[..2], &number[8..14], &link[2..]);
    old.push(char::from(check15(old.as_bytes())));
    Some(old)
}

#[cfg(test)]
#[path = "card_tests.rs"]
mod tests;
