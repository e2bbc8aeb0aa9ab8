//! Made-up people with cards that a reader would give: numbers with valid check digits, of nobody.

/// A person who does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name on the card.
    pub name: String,
    /// The citizen number.
    pub number: String,
}

const SURNAMES: [&str; 10] = ["包", "白", "王", "李", "张", "刘", "陈", "杨", "赵", "吴"];
const GIVEN: [&str; 12] =
    ["样甲", "样乙", "样丙", "样丁", "样戊", "样己", "样庚", "样辛", "样壬", "样癸", "样子", "样丑"];

/// The check digit of 17 digits: GB 11643, ISO 7064 MOD 11-2.
pub fn check_digit(digits: &str) -> char {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = digits.chars().zip(WEIGHTS).map(|(c, w)| c.to_digit(10).unwrap_or(0) * w).sum();
    "10X98765432".chars().nth((sum % 11) as usize).unwrap_or('0')
}

impl Person {
    /// The n-th person. Everybody lives in 150422 and was born on a day that no register begins with: 1900.
    pub fn made_up(n: usize) -> Self {
        let digits = format!("150422190001{:02}{:03}", n % 28 + 1, n % 1000);
        let number = format!("{digits}{}", check_digit(&digits));
        Self { name: format!("{}{}", SURNAMES[n % 10], GIVEN[n / 10 % 12]), number }
    }

    /// The 256-byte text block of a resident card, GA/T 490: UTF-16LE, fields padded with spaces.
    pub fn text_block(&self) -> Vec<u8> {
        let mut block: Vec<u8> = [0x20, 0].repeat(128);
        let mut put = |at: usize, text: &str| {
            for (i, unit) in text.encode_utf16().enumerate() {
                block[at + 2 * i..at + 2 * i + 2].copy_from_slice(&unit.to_le_bytes());
            }
        };
        put(0, &self.name);
        put(30, "1");
        put(32, "01");
        put(36, &self.number[6..14]);
        put(52, "样本地址");
        put(122, &self.number);
        put(158, "样本公安局");
        put(188, "20200101");
        put(204, "长期");
        block
    }

    /// The data of a `30 01` answer: two lengths, text, and a photo of zeros.
    pub fn answer(&self) -> Vec<u8> {
        let mut data = vec![1, 0, 4, 0];
        data.extend(self.text_block());
        data.extend([0; 1024]);
        data
    }
}
