//! Short frames of the protocol, and the properties of the deframer.

use proptest::prelude::*;

use super::*;

type Out = Vec<Result<(u8, Vec<u8>), FrameError>>;

fn drain(d: &mut Deframer) -> Out {
    std::iter::from_fn(|| d.next_frame()).map(|r| r.map(|f| (f.sw3(), f.data().to_vec()))).collect()
}

fn all(bytes: &[u8]) -> Out {
    let mut d = Deframer::new();
    d.push(bytes);
    drain(&mut d)
}

/// An answer, encoded here without the code under test.
fn answer(sw3: u8, data: &[u8]) -> Vec<u8> {
    let len = (data.len() + 4) as u16;
    let mut body = len.to_be_bytes().to_vec();
    body.extend([0, 0, sw3]);
    body.extend(data);
    let chk = body.iter().fold(0u8, |a, b| a ^ b);
    [&PREAMBLE[..], &body, &[chk]].concat()
}

fn unhex(s: &str) -> Vec<u8> {
    hex::decode(s.replace(' ', "")).unwrap()
}

#[test]
fn published_answers() {
    for (wire, sw3, data) in [
        ("AAAAAA9669 0004 000090 94", 0x90, 0),
        ("AAAAAA9669 0008 00009F 00000000 97", 0x9F, 4),
        ("AAAAAA9669 000C 000090 0000000000000000 9C", 0x90, 8),
        ("AAAAAA9669 0004 000080 84", 0x80, 0),
        ("AAAAAA9669 0004 000081 85", 0x81, 0),
        ("AAAAAA9669 0004 000041 45", 0x41, 0),
        ("AAAAAA9669 0004 000031 35", 0x31, 0),
        ("AAAAAA9669 0004 000032 36", 0x32, 0),
        ("AAAAAA9669 0004 000010 14", 0x10, 0),
    ] {
        assert_eq!(all(&unhex(wire)), vec![Ok((sw3, vec![0; data]))], "{wire}");
    }
}

#[test]
fn a_fourth_aa_resyncs() {
    let wire = [&[0xAA][..], &answer(0x90, &[1, 2, 3])].concat();
    assert_eq!(all(&wire), vec![Ok((0x90, vec![1, 2, 3]))]);
}

#[test]
fn impossible_lengths_are_refused_at_the_seventh_byte() {
    for (len, ok) in [(0u16, false), (3, false), (4, true), (0x090A, true), (0x090B, false), (0xFFFF, false)] {
        let wire = [&PREAMBLE[..], &len.to_be_bytes()].concat();
        let want: Out = if ok { vec![] } else { vec![Err(FrameError::Length { len })] };
        assert_eq!(all(&wire), want, "{len}");
    }
}

#[test]
fn the_largest_frame_fits() {
    let data: Vec<u8> = (0..MAX_LEN - 4).map(|i| i as u8).collect();
    assert_eq!(all(&answer(0x90, &data)), vec![Ok((0x90, data))]);
}

#[test]
fn a_bad_checksum_is_reported_and_the_next_frame_kept() {
    let mut bad = answer(0x90, &[7; 20]);
    *bad.last_mut().unwrap() ^= 1;
    let wire = [bad, answer(0x9F, &[0; 4])].concat();
    assert_eq!(all(&wire), vec![Err(FrameError::Checksum { len: 24 }), Ok((0x9F, vec![0; 4]))]);
}

#[test]
fn a_stray_zero_inside_costs_one_frame_only() {
    let mut bad = answer(0x90, &[0; 8]);
    bad.insert(12, 0);
    let wire = [bad, answer(0x80, &[])].concat();
    assert_eq!(all(&wire), vec![Err(FrameError::Checksum { len: 12 }), Ok((0x80, vec![]))]);
}

#[test]
fn giving_up_finds_what_a_damaged_length_had_swallowed() {
    let mut long = answer(0x90, &[]);
    long[5..7].copy_from_slice(&[0x05, 0x08]);
    let mut d = Deframer::new();
    d.push(&[long, answer(0x9F, &[0; 4])].concat());
    assert_eq!(drain(&mut d), vec![]);
    assert!(d.is_partial());
    d.give_up();
    assert_eq!(drain(&mut d), vec![Err(FrameError::Truncated { have: 26, want: 1295 }), Ok((0x9F, vec![0; 4]))]);
    assert!(!d.is_partial());
}

#[test]
fn consumed_bytes_are_wiped() {
    let mut d = Deframer::new();
    d.push(&answer(0x90, &[0x5A; 64]));
    assert!(d.buf.iter().all(|&b| b == 0));
}

#[test]
fn debug_shows_no_content() {
    let mut d = Deframer::new();
    d.push(&answer(0x90, b"SECRET"));
    let frame = d.next_frame().unwrap().unwrap();
    assert_eq!(format!("{frame:?}"), "Frame { sw: [00, 00, 90], data: 6 bytes }");
}

fn frames() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let data = prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..40),
        1 => prop::collection::vec(any::<u8>(), 1284..1300),
    ];
    prop::collection::vec((any::<u8>(), data), 1..6)
}

/// Bytes that love to look like a preamble.
fn tricky(max: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => Just(0xAA), 2 => Just(0x96), 2 => Just(0x69), 2 => 0u8..10, 1 => any::<u8>()];
    prop::collection::vec(byte, 0..max)
}

fn noise() -> impl Strategy<Value = Vec<u8>> {
    // A whole preamble in the noise announces a frame, which is another property.
    tricky(30).prop_filter("no whole preamble", |n| !n.windows(5).any(|w| w == PREAMBLE))
}

fn push_in_pieces(d: &mut Deframer, mut wire: &[u8], cuts: &[usize]) {
    for &cut in cuts.iter().cycle() {
        if wire.is_empty() {
            return;
        }
        let n = cut.clamp(1, wire.len());
        d.push(&wire[..n]);
        wire = &wire[n..];
    }
}

proptest! {
    #[test]
    fn any_chunking_with_noise_between_yields_the_good_frames(
        good in frames(),
        between in prop::collection::vec(noise(), 7),
        cuts in prop::collection::vec(1usize..700, 1..20),
    ) {
        let mut wire = between[6].clone();
        for (i, (sw3, data)) in good.iter().enumerate() {
            wire.extend(answer(*sw3, data));
            wire.extend(&between[i]);
        }
        let mut d = Deframer::new();
        push_in_pieces(&mut d, &wire, &cuts);
        let want: Out = good.into_iter().map(Ok).collect();
        prop_assert_eq!(drain(&mut d), want);
    }

    #[test]
    fn a_damaged_frame_costs_no_other(good in frames(), at in any::<prop::sample::Index>(), flip in 1u8..) {
        let mut wire = Vec::new();
        for (sw3, data) in &good {
            let mut bad = answer(*sw3, data);
            let i = 7 + at.index(bad.len() - 7);
            bad[i] ^= flip;
            wire.extend(bad);
            wire.extend(answer(*sw3, data));
        }
        let out = all(&wire);
        let errors = out.iter().filter(|r| r.is_err()).count();
        prop_assert_eq!(errors, good.len());
        let kept: Vec<_> = out.into_iter().filter_map(Result::ok).collect();
        prop_assert_eq!(kept, good);
    }

    #[test]
    fn pieces_never_change_the_outcome(
        parts in prop::collection::vec(prop_oneof![
            tricky(60),
            (any::<u8>(), tricky(20)).prop_map(|(s, d)| answer(s, &d)),
            (0u16..40).prop_map(|l| [&PREAMBLE[..], &l.to_be_bytes()].concat()),
        ], 0..12),
        cuts in prop::collection::vec(1usize..50, 1..20),
    ) {
        let wire = parts.concat();
        let (mut whole, mut pieces) = (Deframer::new(), Deframer::new());
        whole.push(&wire);
        push_in_pieces(&mut pieces, &wire, &cuts);
        whole.give_up();
        pieces.give_up();
        prop_assert_eq!(drain(&mut whole), drain(&mut pieces));
    }
}
