//! The fields of a card: the 256-byte text block of GA/T 490 in its four layouts, UTF-16LE, padded with spaces.
//!
//! Only what attendance needs is kept. The photo and the fingerprint are never looked at.

use std::fmt;

use thiserror::Error;

use super::wipe;

/// Length of the text block in bytes.
pub const TEXT: usize = 256;

/// Which kind of card, by the type character at byte 248.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Resident identity card (居民身份证), a space.
    Resident,
    /// Foreigner's permanent residence card of 2017, `I`.
    Foreigner2017,
    /// Foreigner's permanent residence card of 2023, `Y`.
    Foreigner2023,
    /// Residence permit for Hong Kong, Macao and Taiwan residents, `J`.
    Hmt,
}

impl Layout {
    /// As records name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resident => "resident",
            Self::Foreigner2017 => "foreigner-2017",
            Self::Foreigner2023 => "foreigner-2023",
            Self::Hmt => "hmt",
        }
    }

    fn of(letter: u16) -> Option<Self> {
        // NUL is seen where a space should be.
        match u8::try_from(letter).ok()? {
            b' ' | 0 => Some(Self::Resident),
            b'I' => Some(Self::Foreigner2017),
            b'Y' => Some(Self::Foreigner2023),
            b'J' => Some(Self::Hmt),
            _ => None,
        }
    }

    /// Offset and length of the number, in bytes.
    fn number(self) -> (usize, usize) {
        if self == Self::Foreigner2017 { (122, 30) } else { (122, 36) }
    }

    /// Offsets of the dates between which the card is valid, 16 bytes each.
    fn dates(self) -> (usize, usize) {
        (188, 204)
    }

    /// Offset of the sex code, 2 bytes.
    fn sex(self) -> usize {
        match self {
            Self::Resident | Self::Foreigner2023 | Self::Hmt => 30,
            Self::Foreigner2017 => 120,
        }
    }
}

/// Why a text block is no card. Says nothing of what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CardError {
    /// The answer's inner lengths do not fit its length.
    #[error("the card's parts do not add up to the answer's length")]
    Parts,
    /// Not UTF-16.
    #[error("a field of the card is not UTF-16")]
    Encoding,
    /// A type character that no layout has: refused, not guessed.
    #[error("a kind of card that is not known")]
    Layout,
    /// The number has another form or a wrong check digit.
    #[error("the card's number is not valid")]
    Number,
    /// A date that does not exist.
    #[error("a date on the card does not exist")]
    Date,
}

/// A card that was read. Shows nothing of the person when printed, and wipes itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Card {
    layout: Layout,
    number: String,
    name: String,
    sex: char,
    valid_from: String,
    valid_to: String,
}

impl Card {
    /// Parses the data of a successful `30 01` or `30 10` answer: inner lengths, text, photo, fingerprint.
    ///
    /// # Errors
    /// [`CardError`].
    pub fn from_answer(data: &[u8]) -> Result<Self, CardError> {
        let length = |at: usize| data.get(at..at + 2).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
        let (Some(text), Some(photo)) = (length(0), length(2)) else { return Err(CardError::Parts) };
        // `30 10` has a third length, which may be 0.
        let start = match length(4) {
            _ if data.len() == 4 + text + photo => 4,
            Some(finger) if data.len() == 6 + text + photo + finger => 6,
            _ => return Err(CardError::Parts),
        };
        match data.get(start..start + text) {
            Some(block) if text == TEXT => Self::from_text(block),
            _ => Err(CardError::Parts),
        }
    }

    /// Parses a text block of [`TEXT`] bytes.
    ///
    /// # Errors
    /// [`CardError`].
    pub fn from_text(block: &[u8]) -> Result<Self, CardError> {
        if block.len() != TEXT {
            return Err(CardError::Parts);
        }
        let layout = Layout::of(u16::from_le_bytes([block[248], block[249]])).ok_or(CardError::Layout)?;
        let (at, length) = layout.number();
        let number = field(block, at, length)?;
        let good = match layout {
            Layout::Foreigner2017 => is_number_2017(&number),
            _ => check_digit(&number).is_some_and(|c| number.ends_with(c)),
        };
        if !good {
            return Err(CardError::Number);
        }
        let (from, to) = layout.dates();
        let (valid_from, valid_to) = (field(block, from, 16)?, field(block, to, 16)?);
        if !is_date(&valid_from) || !(is_date(&valid_to) || valid_to == "长期") {
            return Err(CardError::Date);
        }
        let name = match layout {
            Layout::Foreigner2017 => field(block, 0, 120)?,
            _ => field(block, 0, 30)?,
        };
        let sex = field(block, layout.sex(), 2)?.chars().next().unwrap_or('0');
        Ok(Self { layout, number, name, sex, valid_from, valid_to })
    }

    /// The citizen number (公民身份号码), or the number that stands for it: 18 characters, 15 on the card of 2017.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// Which kind of card.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The name as it stands on the card: Chinese, or English on the card of 2017.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The sex code of GB/T 2261.1: 0 unknown, 1 male, 2 female, 9 not stated.
    pub fn sex(&self) -> char {
        self.sex
    }

    /// Valid from, `YYYYMMDD`.
    pub fn valid_from(&self) -> &str {
        &self.valid_from
    }

    /// Valid to, `YYYYMMDD` or `长期`.
    pub fn valid_to(&self) -> &str {
        &self.valid_to
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        for text in [&mut self.number, &mut self.name] {
            let mut bytes = std::mem::take(text).into_bytes();
            wipe(&mut bytes);
        }
    }
}

impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Card").field("layout", &self.layout).finish_non_exhaustive()
    }
}

/// A field's text without its padding.
fn field(block: &[u8], at: usize, length: usize) -> Result<String, CardError> {
    let units: Vec<u16> = block[at..at + length].chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect();
    let text = String::from_utf16(&units).map_err(|_| CardError::Encoding)?;
    Ok(text.trim_end_matches([' ', '\0']).to_owned())
}

/// The check digit of the first 17 digits (GB 11643, ISO 7064 MOD 11-2); `None` when there are not 18 characters, or
/// one of the 17 is no digit.
pub fn check_digit(number: &str) -> Option<char> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    if number.len() != 18 {
        return None;
    }
    let mut sum = 0;
    for (c, weight) in number.chars().zip(WEIGHTS) {
        sum += c.to_digit(10)? * weight;
    }
    "10X98765432".chars().nth((sum % 11) as usize)
}

/// The number of a card of 2017: three letters, then digits; the last is a check digit by weights 7, 3, 1.
fn is_number_2017(number: &str) -> bool {
    const WEIGHTS: [u32; 3] = [7, 3, 1];
    let letters = number.bytes().take(3).all(|b| b.is_ascii_uppercase());
    if number.len() != 15 || !letters || !number.bytes().skip(3).all(|b| b.is_ascii_digit()) {
        return false;
    }
    // Letters count from A = 10, as base 36 has them.
    let sum: u32 = number.chars().take(14).enumerate().map(|(i, c)| c.to_digit(36).unwrap_or(0) * WEIGHTS[i % 3]).sum();
    number.chars().last().and_then(|c| c.to_digit(10)) == Some(sum % 10)
}

fn is_date(text: &str) -> bool {
    text.len() == 8 && jiff::civil::Date::strptime("%Y%m%d", text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(fields: &[(usize, usize, &str)]) -> Vec<u8> {
        let mut block: Vec<u8> = [0x20, 0].repeat(TEXT / 2);
        for (at, length, text) in fields {
            let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert!(bytes.len() <= *length);
            block[*at..*at + bytes.len()].copy_from_slice(&bytes);
        }
        block
    }

    fn resident(number: &str, to: &str) -> Vec<u8> {
        block(&[(0, 30, "张样本"), (30, 2, "1"), (32, 4, "01"), (36, 16, "19491231"), (122, 36, number), (188, 16, "20200101"), (204, 16, to)])
    }

    #[test]
    fn reads_the_published_specimen_numbers_in_each_layout() {
        let card = Card::from_text(&resident("11010519491231002X", "长期")).unwrap();
        assert_eq!((card.number(), card.layout(), card.valid_to()), ("11010519491231002X", Layout::Resident, "长期"));
        let dates = [(188, 16, "20230808"), (204, 16, "20330807")];
        let y = [(0, 30, "证件样本"), (30, 2, "2"), (122, 36, "931586198001010028"), (248, 2, "Y"), dates[0], dates[1]];
        assert_eq!(Card::from_text(&block(&y)).unwrap().layout(), Layout::Foreigner2023);
        let i = [(0, 120, "ZHENGJIAN,YANGBEN"), (120, 2, "2"), (122, 30, "PAK310080010103"), (152, 6, "PAK"), (248, 2, "I"), dates[0], dates[1]];
        let card = Card::from_text(&block(&i)).unwrap();
        // With the resident layout the nationality would be glued to the number.
        assert_eq!((card.number(), card.name(), card.sex()), ("PAK310080010103", "ZHENGJIAN,YANGBEN", '2'));
        let j = [(0, 30, "样本"), (122, 36, "810000199408230021"), (248, 2, "J"), dates[0], dates[1]];
        assert_eq!(Card::from_text(&block(&j)).unwrap().layout(), Layout::Hmt);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let bad = |change: fn(&mut Vec<u8>)| {
            let mut block = resident("11010519491231002X", "20400101");
            change(&mut block);
            Card::from_text(&block).unwrap_err()
        };
        assert_eq!(bad(|b| b[248] = b'Q'), CardError::Layout);
        assert_eq!(bad(|b| b[122] = b'2'), CardError::Number);
        assert_eq!(bad(|b| b[190] = b'x'), CardError::Date);
        assert_eq!(bad(|b| b[1] = 0xD8), CardError::Encoding);
        assert_eq!(bad(|b| drop(b.pop())), CardError::Parts);
    }

    #[test]
    fn shows_nothing_of_the_person() {
        let card = Card::from_text(&resident("11010519491231002X", "20400101")).unwrap();
        assert_eq!(format!("{card:?}"), "Card { layout: Resident, .. }");
    }
}
