//! The two constructed blocks and the makers' specimens; no real person's card.

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::reader::sam::frame::Deframer;

const RESIDENT: &str = "\
    205F37682C672000200020002000200020002000200020002000200020003100300031003100390034003900310032003300\
    31001753AC4E025E1D6733963A5337682C67EF8D3100F7532000200020002000200020002000200020002000200020002000\
    2000200020002000200020002000200020002000200031003100300031003000350031003900340039003100320033003100\
    300030003200580037682C67025E6C51895B405C200020002000200020002000200020002000320030003200300030003100\
    300031007F951F67200020002000200020002000200020002000200020002000200020002000200020002000200020002000\
    200020002000";
const FOREIGNER_2017: &str = "\
    5A00480045004E0047004A00490041004E002C00590041004E004700420045004E0020002000200020002000200020002000\
    2000200020002000200020002000200020002000200020002000200020002000200020002000200020002000200020002000\
    20002000200020002000200020002000200020003200500041004B0033003100300030003800300030003100300031003000\
    3300500041004B00C18BF64E37682C6720002000200020002000200020002000200020002000320030003200330030003800\
    3000380032003000330033003000380030003700310039003800300030003100300031003000310031003500300030004900\
    200020002000";

/// The whole frame of a read answer with an empty photo, as the protocol page builds it.
fn frame(block_hex: &str) -> Vec<u8> {
    let mut body = vec![0x05, 0x08, 0, 0, 0x90, 0x01, 0x00, 0x04, 0x00];
    body.extend(hex::decode(block_hex).unwrap());
    body.extend([0; 1024]);
    let chk = body.iter().fold(0u8, |a, b| a ^ b);
    [&[0xAA, 0xAA, 0xAA, 0x96, 0x69][..], &body, &[chk]].concat()
}

fn read(wire: &[u8]) -> Result<Card, CardError> {
    let mut d = Deframer::new();
    d.push(wire);
    Card::from_answer(d.next_frame().unwrap().unwrap().data())
}

/// Writes fields of a block: (offset, length, text), everything else spaces.
fn block(fields: &[(usize, usize, &str)]) -> Vec<u8> {
    let mut out = [0x20, 0x00].repeat(128);
    for &(at, len, text) in fields {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(bytes.len() <= len, "{text}");
        out[at..at + bytes.len()].copy_from_slice(&bytes);
    }
    out
}

fn foreigner_2023(part1: &str, part2: &str) -> Vec<u8> {
    block(&[
        (0, 30, "证件样本"),
        (30, 2, "2"),
        (32, 4, "00"),
        (36, 16, "19800101"),
        (52, 70, part1),
        (122, 36, "931586198001010028"),
        (188, 16, "20230808"),
        (204, 16, "20330807"),
        (220, 22, part2),
        (242, 6, "PAK"),
        (248, 2, "Y"),
        (250, 6, "000"),
    ])
}

fn hmt(number: &str) -> Vec<u8> {
    block(&[
        (0, 30, "证件样本"),
        (30, 2, "1"),
        (36, 16, "19940823"),
        (122, 36, number),
        (188, 16, "20180901"),
        (204, 16, "20230831"),
        (220, 18, "H12345678"),
        (238, 4, "01"),
        (248, 2, "J"),
    ])
}

#[test]
fn constructed_frames_are_the_published_ones() {
    for (hex_block, chk, sha) in [
        (RESIDENT, 0x0B, "9604a9191e737a8313bc7171452e8afab9da03b48894bb3838e0d7199e3697c3"),
        (FOREIGNER_2017, 0x01, "9a84b2ab3efe32b522626b6fa940867e765a1d527e669bb5a89d2b0018c981cc"),
    ] {
        let wire = frame(hex_block);
        assert_eq!((wire.len(), *wire.last().unwrap()), (1295, chk));
        assert_eq!(hex::encode(ring::digest::digest(&ring::digest::SHA256, &wire)), sha);
    }
}

#[test]
fn resident() {
    let card = read(&frame(RESIDENT)).unwrap();
    assert_eq!(card.layout().as_str(), "resident");
    assert_eq!(card.number(), "11010519491231002X");
    assert_eq!(card.name(), "张样本");
    assert_eq!(card.sex(), Sex::Male);
    assert_eq!(card.ethnicity_code(), Some("01"));
    assert_eq!(card.valid_from(), Some(date(2020, 1, 1)));
    assert_eq!(card.valid_until(), ValidUntil::LongTerm);
    assert!(!card.is_expired(date(2999, 1, 1)));
    assert_eq!((card.latin_name(), card.nationality(), card.previous_number()), (None, None, None));
}

#[test]
fn foreigner_2017_is_not_read_as_a_resident_card() {
    let card = read(&frame(FOREIGNER_2017)).unwrap();
    assert_eq!(card.layout().as_str(), "foreigner-2017");
    // With the resident layout this would be PAK310080010103PAK.
    assert_eq!(card.number(), "PAK310080010103");
    assert_eq!(card.nationality(), Some("PAK"));
    assert_eq!((card.name(), card.latin_name()), ("证件样本", Some("ZHENGJIAN,YANGBEN")));
    assert_eq!((card.sex(), card.ethnicity_code()), (Sex::Female, None));
    assert_eq!(card.valid_until(), ValidUntil::Date(date(2033, 8, 7)));
    assert!(!card.is_expired(date(2033, 8, 7)));
    assert!(card.is_expired(date(2033, 8, 8)));
}

#[test]
fn foreigner_2023_knows_the_number_before() {
    let card = Card::from_text(&foreigner_2023("ZHENGJIAN, YANGBEN", "")).unwrap();
    assert_eq!(card.layout().as_str(), "foreigner-2023");
    assert_eq!(card.number(), "931586198001010028");
    assert_eq!(card.previous_number(), Some("PAK310080010103"));
    assert_eq!(card.latin_name(), Some("ZHENGJIAN, YANGBEN"));
    assert_eq!(card.valid_from(), Some(date(2023, 8, 8)));
}

#[test]
fn a_latin_name_keeps_the_space_where_it_was_cut() {
    let card = Card::from_text(&foreigner_2023("ZHENGJIAN, YANGBEN ZHENG JIAN YANG ", "BEN")).unwrap();
    assert_eq!(card.latin_name(), Some("ZHENGJIAN, YANGBEN ZHENG JIAN YANG BEN"));
}

#[test]
fn hong_kong_macao_taiwan() {
    for number in ["810000199408230021", "830000199201300022"] {
        let card = Card::from_text(&hmt(number)).unwrap();
        assert_eq!((card.layout().as_str(), card.number(), card.ethnicity_code()), ("hmt", number, None));
    }
}

#[test]
fn nul_is_a_space_and_a_small_x_is_an_x() {
    let mut text = hex::decode(RESIDENT).unwrap();
    text.iter_mut().skip(220).for_each(|b| *b = 0);
    text[122 + 34] = b'x';
    let card = Card::from_text(&text).unwrap();
    assert_eq!((card.layout(), card.number()), (Layout::Resident, "11010519491231002X"));
}

#[test]
fn what_cannot_be_is_refused() {
    let good = hex::decode(RESIDENT).unwrap();
    let with = |at: usize, unit: u16| {
        let mut text = good.clone();
        text[at..at + 2].copy_from_slice(&unit.to_le_bytes());
        Card::from_text(&text)
    };
    assert_eq!(with(248, u16::from(b'K')), Err(CardError::UnknownType));
    assert_eq!(with(248, u16::from(b'i')), Err(CardError::UnknownType));
    assert_eq!(with(122, u16::from(b'2')), Err(CardError::CheckDigit));
    assert_eq!(with(122, u16::from(b' ')), Err(CardError::CheckDigit));
    assert_eq!(Card::from_text(&good[1..]), Err(CardError::Lengths));
}

#[test]
fn a_field_that_attendance_can_do_without_refuses_no_card() {
    let good = hex::decode(RESIDENT).unwrap();
    let with = |at: usize, unit: u16| {
        let mut text = good.clone();
        text[at..at + 2].copy_from_slice(&unit.to_le_bytes());
        let card = Card::from_text(&text).unwrap();
        assert_eq!(card.number(), "11010519491231002X");
        card
    };
    assert_eq!(with(30, u16::from(b'3')).sex(), Sex::NotStated);
    assert_eq!(with(0, 0xD800).name(), "");
    assert_eq!(with(32, u16::from(b'x')).ethnicity_code(), None);
    assert_eq!(with(196, u16::from(b'9')).valid_from(), None);
    assert_eq!(with(204, u16::from(b'2')).valid_until(), ValidUntil::NotStated);
}

#[test]
fn inner_lengths_decide_with_and_without_fingerprint() {
    let text = hex::decode(RESIDENT).unwrap();
    for print in [0usize, 512, 1024] {
        let mut data = vec![1, 0, 4, 0];
        data.extend((print as u16).to_be_bytes());
        data.extend(&text);
        data.resize(6 + 256 + 1024 + print, 0x5A);
        assert_eq!(Card::from_answer(&data).unwrap().number(), "11010519491231002X");
        data.pop();
        assert_eq!(Card::from_answer(&data), Err(CardError::Lengths));
    }
    for short in 0..8 {
        assert_eq!(Card::from_answer(&vec![0; short]).unwrap_err(), CardError::Lengths);
    }
}

#[test]
fn specimen_check_digits() {
    for good in [
        "11010519491231002X",
        "440524188001010014",
        "911398199012310021",
        "931586198001010028",
        "810000199408230021",
        "830000199201300022",
        "11010519491231002x",
    ] {
        assert!(is_number18(good), "{good}");
    }
    for bad in ["110105194912310021", "11010519491231002", "1101051949123100X2", "", "１1010519491231002X"] {
        assert!(!is_number18(bad), "{bad}");
    }
    assert!(is_number15("PAK310080010103"));
    for bad in ["PAK310080010104", "PA3310080010103", "pak310080010103", "PAK31008001010"] {
        assert!(!is_number15(bad), "{bad}");
    }
}

#[test]
fn debug_and_errors_show_nothing_of_the_person() {
    let card = read(&frame(RESIDENT)).unwrap();
    assert_eq!(format!("{card:?}"), "Card { layout: resident, .. }");
    assert_eq!(format!("{card:#?}"), "Card { layout: resident, .. }");
}

proptest! {
    #[test]
    fn any_answer_is_parsed_or_refused(mut data in prop::collection::vec(any::<u8>(), 0..2400), lengths: bool) {
        if lengths && data.len() > 260 {
            data[0..2].copy_from_slice(&[1, 0]);
            let photo = (data.len() - 260) as u16;
            data[2..4].copy_from_slice(&photo.to_be_bytes());
        }
        let _ = Card::from_answer(&data);
    }

    #[test]
    fn one_wrong_digit_is_always_noticed(at in 0usize..17, by in 1u8..10) {
        let mut number = *b"11010519491231002X";
        number[at] = b'0' + (number[at] - b'0' + by) % 10;
        prop_assert!(!is_number18(std::str::from_utf8(&number).unwrap()));
    }
}
