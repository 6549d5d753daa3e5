//! Conversations on a fake timeline: what the decoder sends, and all that comes of it.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const SETTINGS: &[Setting] =
    &[Setting { name: "one", parameter: 0xee, value: 1 }, Setting { name: "two", parameter: 0x38, value: 0 }];

const AGAIN: u8 = 0x01;
const MORE: u8 = 0x02;

const ACK: &[u8] = b"\x04\xd0\x00\x00\xff\x2c";

fn decoder(opcode: u8, status: u8, data: &[u8]) -> Vec<u8> {
    from(0, opcode, status, data)
}

fn from(source: u8, opcode: u8, status: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(4 + data.len()).unwrap(), opcode, source, status];
    bytes.extend(data);
    let sum: u32 = bytes.iter().map(|&byte| u32::from(byte)).sum();
    bytes.extend(&(0x1_0000 - sum).to_be_bytes()[2..]);
    bytes
}

fn decoded(status: u8, code_type: u8, text: &str) -> Vec<u8> {
    decoder(opcode::DECODE_DATA, status, &[&[code_type], text.as_bytes()].concat())
}

fn damaged(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[6] ^= 0x04;
    bytes
}

/// Three segments as the public tests of another program have them: 500 times Z, read from a QR code.
fn segments() -> [Vec<u8>; 3] {
    let first = [b"\x00\xf3\x00\x00\x01\xf7\x1c\x01\x01\xf4", &[b'Z'; 241][..]].concat();
    let [second, third] = [(1, 250), (2, 9)].map(|(number, length)| [&[number], &vec![b'Z'; length][..]].concat());
    let bytes = [from(2, 0x73, 0, &first), decoder(opcode::MULTIPACKET_SEGMENT, 0, &second), decoder(0x73, 0, &third)];
    let checksums = [&bytes[0][255..], &bytes[1][255..], &bytes[2][14..]];
    assert_eq!(checksums, [b"\xa6\xd5", b"\xa6\xa9", b"\xfc\x53"]);
    bytes
}

/// What comes of a decoder's bytes, each at its time in milliseconds, and of the silence after them until `end_ms`.
fn talk(settings: &'static [Setting], pieces: &[(u64, &[u8])], end_ms: u64) -> Vec<String> {
    let mut link = SsiLink::new(settings);
    let mut seen = Vec::new();
    link.opened(Duration::ZERO, &mut |output| seen.push(format!("0 {}", shown(&output))));
    for (at_ms, bytes) in pieces.iter().copied().chain([(end_ms, &b""[..])]) {
        let at = Duration::from_millis(at_ms);
        while let Some(due) = link.due().filter(|due| *due <= at) {
            link.tick(due, &mut |output| seen.push(format!("{} {}", due.as_millis(), shown(&output))));
        }
        if !bytes.is_empty() {
            link.push(bytes, at, &mut |output| seen.push(format!("{at_ms} {}", shown(&output))));
        }
    }
    seen
}

fn shown(output: &Output<'_>) -> String {
    match output {
        Output::Read(read) => {
            let again = match read.repeat {
                Repeat::No => "",
                Repeat::Surely => " again",
                Repeat::Perhaps => " perhaps again",
            };
            let payload = read.payload.escape_ascii().to_string();
            let length = payload.len();
            let payload = if length < 40 { payload } else { format!("{length} characters") };
            format!("{:?} {payload}{again}", read.symbology)
        }
        Output::Unreadable { reason, bytes } => format!("[{reason:?}:{bytes}]"),
        Output::SetupFailed(failure) => failure.to_string(),
        Output::SetUp => "set up".to_owned(),
        Output::Send([_, opcode, 0x04, status, data @ .., _, _]) => match (*opcode, data) {
            (opcode::CMD_ACK, []) => "ack".to_owned(),
            (opcode::CMD_NAK, [why]) => format!("nak {why}"),
            (opcode::MULTIPACKET_ACK, []) => "segment ack".to_owned(),
            (opcode::PARAM_SEND, [0xff, parameter, value]) => format!("tell {parameter:02x}={value} {status}"),
            other => panic!("{other:02x?}"),
        },
        Output::Send(bytes) => panic!("{bytes:02x?}"),
    }
}

#[track_caller]
fn check(pieces: &[(u64, &[u8])], expected: &[&str]) {
    assert_eq!(talk(&[], pieces, 20_000), expected);
}

#[test]
fn a_scan_is_a_read_and_is_left_to_be_answered() {
    check(&[(5, &decoded(0, 0x0b, "5901234123457"))], &["5 Ean13 5901234123457"]);
    check(&[(5, &decoded(0, 0x0f, "10AB\x1d21C"))], &["5 Gs1128 10AB\\x1d21C"]);
    check(&[(5, &decoded(0, 0x03, "]C110AB"))], &["5 Gs1128 10AB"]);
    check(&[(5, &decoded(0, 0x1c, "A\0\x1b[2J"))], &["5 Qr A\\x00\\x1b[2J"]);
}

#[test]
fn a_scan_that_was_not_answered_comes_again_and_says_so() {
    let pieces =
        [(0, &decoded(0, 0x03, "A")[..]), (2_000, &decoded(AGAIN, 0x03, "A")), (2_500, &decoded(0, 0x03, "A"))];
    check(&pieces, &["0 Code128 A", "2000 Code128 A again", "2500 Code128 A"]);
}

#[test]
fn what_is_no_scan_is_answered_at_once() {
    check(&[(0, &decoded(0, 0x01, "NR"))], &["0 [NoRead:2]", "0 ack"]);
    check(&[(0, &decoded(0, 0x03, "NR"))], &["0 Code128 NR"]);
    check(&[(0, &decoded(0, 0x03, ""))], &["0 [Empty:0]", "0 nak 6"]);
    check(&[(0, &decoded(0, 0x03, "]C1"))], &["0 [Empty:3]", "0 nak 6"]);
    check(&[(0, &decoder(opcode::DECODE_DATA, 0, b""))], &["0 [Empty:0]", "0 nak 6"]);
    check(&[(0, &decoder(opcode::EVENT, 0, &[0x4b]))], &["0 ack"]);
    check(&[(0, &decoder(opcode::PARAM_SEND, 0, &[0xff]))], &["0 nak 2"]);
    check(&[(0, &decoder(0xb1, 0, &[1, 2, 3]))], &["0 nak 2"]);
    for consumed in [opcode::CMD_ACK, opcode::CMD_NAK, opcode::REPLY_REVISION, opcode::CAPABILITIES_REPLY] {
        check(&[(0, &decoder(consumed, 0, &[2]))], &[]);
    }
}

#[test]
fn a_damaged_packet_is_asked_for_again_once() {
    let (good, bad) = (decoded(0, 0x03, "PARCEL-1"), damaged(decoded(0, 0x03, "PARCEL-1")));
    check(&[(0, &bad), (300, &good)], &["0 nak 1", "200 [BadChecksum:15]", "300 Code128 PARCEL-1"]);
    check(&[(0, &bad), (50, &good)], &["0 nak 1", "50 [BadChecksum:15]", "50 Code128 PARCEL-1"]);
    let noise = [&bad[..], &bad, &bad, &good].concat();
    check(&[(0, &noise)], &["0 nak 1", "0 [BadChecksum:45]", "0 Code128 PARCEL-1"]);
    check(&[(0, &good[..9]), (10, &good[9..])], &["10 Code128 PARCEL-1"]);
    check(
        &[(0, &good[..9]), (2_000, &decoded(AGAIN, 0x03, "PARCEL-1"))],
        &["200 [Unterminated:9]", "2000 Code128 PARCEL-1 perhaps again"],
    );
}

#[test]
fn continued_frames_become_one_read() {
    let (first, second, last) = (decoded(MORE, 0x1c, "http"), decoded(MORE, 0x1c, "http"), decoded(0, 0x1c, "s"));
    check(&[(0, &first), (10, &last)], &["0 ack", "10 Qr https"]);
    check(&[(0, &first), (10, &second), (20, &last)], &["0 ack", "10 ack", "20 Qr httphttps"]);

    // An acknowledgement was lost: of a part, of the whole, of both.
    let (part_again, last_again) = (decoded(MORE | AGAIN, 0x1c, "http"), decoded(AGAIN, 0x1c, "s"));
    check(&[(0, &first), (2_000, &part_again), (2_010, &last)], &["0 ack", "2000 ack", "2010 Qr https"]);
    check(&[(0, &first), (10, &last), (2_010, &last_again)], &["0 ack", "10 Qr https", "2010 Qr https again"]);
    check(&[(0, &part_again), (10, &last_again)], &["0 ack", "10 Qr https perhaps again"]);

    // A read of its own is not the end of an older one.
    check(
        &[(0, &first), (10, &last), (500, &decoded(0, 0x1c, "B")), (2_500, &last_again)],
        &["0 ack", "10 Qr https", "500 Qr B", "2500 Qr s again"],
    );
}

#[test]
fn a_message_that_is_not_finished_is_given_up() {
    let first = decoded(MORE, 0x1c, "http");
    check(&[(0, &first)], &["0 ack", "3000 [Unterminated:4]"]);
    check(&[(0, &first), (3_500, &decoded(0, 0x1c, "B"))], &["0 ack", "3000 [Unterminated:4]", "3500 Qr B"]);
    check(&[(0, &first), (10, &decoded(0, 0x03, "B"))], &["0 ack", "10 [Unterminated:4]", "10 Code128 B"]);
    let [segment, ..] = segments();
    check(
        &[(0, &first), (10, &segment)],
        &["0 ack", "10 [Unterminated:4]", "10 segment ack", "3010 [Unterminated:241]"],
    );
    check(&[(0, &segment), (10, &decoded(0, 0x03, "B"))], &["0 segment ack", "10 [Unterminated:241]", "10 Code128 B"]);
}

#[test]
fn segments_become_one_read() {
    let [first, second, third] = &segments();
    let whole = ["0 segment ack", "10 segment ack", "20 Qr 500 characters"];
    check(&[(0, first), (10, second), (20, third)], &whole);
    let expected = ["0 segment ack", "10 segment ack", "2010 segment ack", "2020 Qr 500 characters"];
    check(&[(0, first), (10, second), (2_010, second), (2_020, third)], &expected);
    let expected = [&whole[..], &["2020 Qr 500 characters again"]].concat();
    check(&[(0, first), (10, second), (20, third), (2_020, third)], &expected);
    let expected = [&whole[..], &["500 segment ack", "510 segment ack", "520 Qr 500 characters"]].concat();
    check(&[(0, first), (10, second), (20, third), (500, first), (510, second), (520, third)], &expected);

    // One is missing, all but the last are, one is short, one is none.
    check(&[(0, first), (10, third)], &["0 segment ack", "10 [Unterminated:241]", "10 nak 2"]);
    check(&[(0, third)], &["0 nak 2"]);
    let short = decoder(opcode::MULTIPACKET_SEGMENT, 0, b"\x01ZZ");
    check(&[(0, first), (10, &short)], &["0 segment ack", "10 [Unterminated:243]", "10 nak 6"]);
    check(&[(0, &decoder(opcode::MULTIPACKET_SEGMENT, 0, b""))], &["0 nak 2"]);
    let endless = decoder(opcode::MULTIPACKET_SEGMENT, 0, b"\x00\xf3\x00\x00\xff\xff\x1c\x01\xff\xff");
    check(&[(0, &endless)], &["0 [TooLong:0]", "0 nak 6"]);
}

#[test]
fn a_message_longer_than_any_barcode_is_denied() {
    let text = "7".repeat(250);
    let part = decoded(MORE, 0x1c, &text);
    let mut pieces: Vec<(u64, &[u8])> = (0..40).map(|index| (index, &part[..])).collect();
    let last = decoded(0, 0x1c, "7");
    pieces.push((50, &last));
    let seen = talk(&[], &pieces, 20_000);
    assert_eq!(seen.len(), 42);
    assert_eq!(seen[40..], ["50 [TooLong:10001]", "50 nak 6"]);
}

#[track_caller]
fn check_setup(pieces: &[(u64, &[u8])], expected: &[&str]) {
    assert_eq!(talk(SETTINGS, pieces, 30_000), expected);
}

#[test]
fn settings_are_told_one_by_one() {
    check_setup(&[(30, ACK), (60, ACK)], &["0 tell ee=1 0", "30 tell 38=0 0"]);
    let scan = decoded(0, 0x03, "A");
    check_setup(&[(10, &scan), (30, ACK), (60, ACK)], &["0 tell ee=1 0", "10 Code128 A", "30 tell 38=0 0"]);
}

#[test]
fn a_setting_that_was_not_heard_is_told_twice_more() {
    check_setup(&[(2_030, ACK), (2_060, ACK)], &["0 tell ee=1 0", "2000 tell ee=1 1", "2030 tell 38=0 0"]);
    let resend = decoder(opcode::CMD_NAK, 0, &[1]);
    check_setup(&[(10, &resend), (30, ACK), (60, ACK)], &["0 tell ee=1 0", "10 tell ee=1 1", "30 tell 38=0 0"]);
    check_setup(
        &[],
        &["0 tell ee=1 0", "2000 tell ee=1 1", "4000 tell ee=1 1", "6000 the scanner did not answer when told \"one\""],
    );
}

#[test]
fn a_refused_setting_is_reported_once_and_the_others_are_told() {
    let denied = decoder(opcode::CMD_NAK, 0, &[6]);
    check_setup(
        &[(10, &denied), (20, &denied)],
        &["0 tell ee=1 0", "10 the scanner refused the setting \"one\"", "10 tell 38=0 0"],
    );
}

#[test]
fn a_scanner_that_was_switched_off_is_told_again() {
    let text = b"4006381333931\r";
    check_setup(
        &[(10, ACK), (20, ACK), (9_000, text), (12_000, text), (12_500, ACK), (12_510, ACK)],
        &[
            "0 tell ee=1 0",
            "10 tell 38=0 0",
            "9200 [NotPacket:14]",
            "12200 [NotPacket:14]",
            "12200 tell ee=1 0",
            "12500 tell 38=0 0",
        ],
    );
    check_setup(
        &[(11_000, &decoded(0, 0x03, "A")), (11_100, ACK), (11_200, ACK)],
        &[
            "0 tell ee=1 0",
            "2000 tell ee=1 1",
            "4000 tell ee=1 1",
            "6000 the scanner did not answer when told \"one\"",
            "11000 tell ee=1 0",
            "11000 Code128 A",
            "11100 tell 38=0 0",
            "11200 set up",
        ],
    );
}

#[test]
fn a_lost_line_leaves_nothing_behind() {
    let mut link = SsiLink::new(SETTINGS);
    let mut seen = Vec::new();
    let mut out = |output: Output<'_>| seen.push(shown(&output));
    link.opened(Duration::ZERO, &mut out);
    link.push(&decoded(MORE, 0x1c, "http"), Duration::ZERO, &mut out);
    link.push(&decoded(0, 0x1c, "B")[..3], Duration::ZERO, &mut out);
    link.abandon(&mut out);
    assert_eq!(link.due(), None);
    assert_eq!(seen, ["tell ee=1 0", "ack", "[Unterminated:3]", "[Unterminated:4]"]);
}

/// What decoders send, whole and damaged, and what they never would.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let opcode = prop_oneof![
        4 => Just(opcode::DECODE_DATA),
        3 => Just(opcode::MULTIPACKET_SEGMENT),
        2 => Just(opcode::CMD_ACK),
        2 => Just(opcode::CMD_NAK),
        1 => any::<u8>(),
    ];
    let data = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..=251),
        (0..4_u8).prop_map(|number| [&[number], &[b'Z'; 250][..]].concat()),
        (any::<u16>()).prop_map(|length| {
            let [high, low] = length.to_be_bytes();
            [&[0, 0xf3, 0, 0, high, low, 0x1c, 1, high, low], &[b'Z'; 241][..]].concat()
        }),
    ];
    let whole = (opcode, 0..4_u8, data).prop_map(|(opcode, status, data)| decoder(opcode, status, &data));
    let noise = proptest::collection::vec(any::<u8>(), 0..300);
    proptest::collection::vec(prop_oneof![3 => whole, 1 => noise], 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn anything_may_be_heard(pieces in proptest::collection::vec((any_bytes(), 0..4_000_u64), 0..5)) {
        let mut at_ms = 0;
        let mut link = SsiLink::new(SETTINGS);
        for (bytes, pause_ms) in &pieces {
            at_ms += pause_ms;
            let at = Duration::from_millis(at_ms);
            let mut out = |output: Output<'_>| {
                if let Output::Read(read) = output {
                    assert!(!read.payload.is_empty() && read.frame.len() <= 8192);
                }
            };
            link.tick(at, &mut out);
            link.push(bytes, at, &mut out);
        }
    }

    #[test]
    fn chunking_changes_nothing(bytes in any_bytes(), cut in any::<proptest::sample::Index>()) {
        let cut = cut.index(bytes.len() + 1);
        let whole = talk(SETTINGS, &[(0, &bytes)], 20_000);
        let cut = talk(SETTINGS, &[(0, &bytes[..cut]), (0, &bytes[cut..])], 20_000);
        prop_assert_eq!(whole, cut);
    }
}
