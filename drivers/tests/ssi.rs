//! A port with Zebra's SSI on a pty: what the scanner is told, and what it says.

mod harness;

use harness::{Folder, Scanner, Watched};
use parceld_drivers::scanner::{Family, Feedback};

const ACK: &[u8] = b"\x04\xd0\x04\x00\xff\x28";
const NAK_RESEND: &[u8] = b"\x05\xd1\x04\x00\x01\xff\x25";

/// The decoder's acknowledgement of a setting.
const DECODER_ACK: &[u8] = b"\x04\xd0\x00\x00\xff\x2c";

const SETTINGS: [&[u8]; 3] = [
    b"\x07\xc6\x04\x00\xff\x9f\x01\xfd\x90",
    b"\x07\xc6\x04\x00\xff\xee\x01\xfd\x41",
    b"\x07\xc6\x04\x00\xff\x38\x00\xfd\xf8",
];

const EAN_13: &[u8] = b"\x12\xf3\x00\x00\x0b5901234123457\xfc\x52";
const EAN_13_AGAIN: &[u8] = b"\x12\xf3\x00\x01\x0b5901234123457\xfc\x51";

fn set_up(folder: &Folder) -> (Scanner, Watched) {
    let mut scanner = Scanner::plug_in(&folder.link());
    let watched = Watched::family(Family::Ssi, &folder.link());
    assert_eq!(watched.next(), "opened, 0 discarded");
    for setting in SETTINGS {
        assert_eq!(scanner.hears(setting.len()), setting);
        scanner.sends(DECODER_ACK);
    }
    (scanner, watched)
}

#[test]
fn a_scan_is_acknowledged_by_its_answer() {
    let folder = Folder::new("ssi-scan");
    let (mut scanner, watched) = set_up(&folder);
    scanner.sends(EAN_13);
    assert_eq!(watched.next(), "Ean13 5901234123457");
    watched.port.answerer().answer(Feedback::Unknown).unwrap();
    let expected = [ACK, b"\x05\xe6\x04\x00\x05\xff\x0c", b"\x05\xe6\x04\x00\x00\xff\x11"].concat();
    assert_eq!(scanner.hears(expected.len()), expected);
    scanner.sends(&[DECODER_ACK, DECODER_ACK].concat());
    scanner.sends(EAN_13_AGAIN);
    assert_eq!(watched.next(), "Ean13 5901234123457, again");
    watched.port.answerer().answer(Feedback::Silent).unwrap();
    assert_eq!(scanner.hears(ACK.len()), ACK);
    assert!(watched.stop().is_empty());
}

#[test]
fn a_damaged_scan_is_asked_for_again() {
    let folder = Folder::new("ssi-damaged");
    let (mut scanner, watched) = set_up(&folder);
    let mut damaged = EAN_13.to_vec();
    damaged[9] ^= 0x01;
    scanner.sends(&damaged);
    assert_eq!(scanner.hears(NAK_RESEND.len()), NAK_RESEND);
    scanner.sends(EAN_13_AGAIN);
    assert_eq!(watched.next(), "BadChecksum 20");
    assert_eq!(watched.next(), "Ean13 5901234123457, perhaps again");
    assert!(watched.stop().is_empty());
}

#[test]
fn half_a_packet_is_given_up_after_a_gap() {
    let folder = Folder::new("ssi-half");
    let (mut scanner, watched) = set_up(&folder);
    scanner.sends(&EAN_13[..11]);
    assert_eq!(watched.next(), "Unterminated 11");
    scanner.sends(&[b"\xff\xff\x55", EAN_13].concat());
    assert_eq!(watched.next(), "NotPacket 3");
    assert_eq!(watched.next(), "Ean13 5901234123457");
    scanner.sends(&EAN_13[..11]);
    drop(scanner);
    // A hang-up may take unread bytes with it, so the half packet is counted or was never seen.
    assert_eq!(watched.next_but("Unterminated 11"), "lost");
    assert!(watched.stop().iter().all(|event| event == "open failed"));
}

#[test]
fn parts_are_acknowledged_at_once_and_the_whole_by_its_answer() {
    let folder = Folder::new("ssi-parts");
    let (mut scanner, watched) = set_up(&folder);
    scanner.sends(b"\x09\xf3\x00\x02\x1chttp\xfd\x26");
    assert_eq!(scanner.hears(ACK.len()), ACK);
    scanner.sends(b"\x09\xf3\x00\x00\x1chttp\xfd\x28");
    assert_eq!(watched.next(), "Qr httphttp");
    watched.port.answerer().answer(Feedback::Silent).unwrap();
    assert_eq!(scanner.hears(ACK.len()), ACK);
    assert!(watched.stop().is_empty());
}

#[test]
fn a_scanner_that_refuses_its_setup_or_says_nothing_is_reported_once() {
    let folder = Folder::new("ssi-refuses");
    let mut scanner = Scanner::plug_in(&folder.link());
    let watched = Watched::family(Family::Ssi, &folder.link());
    assert_eq!(watched.next(), "opened, 0 discarded");
    for setting in SETTINGS {
        assert_eq!(scanner.hears(setting.len()), setting);
        scanner.sends(b"\x05\xd1\x00\x00\x06\xff\x24");
    }
    assert_eq!(watched.next(), "the scanner refused the setting \"acknowledge every packet\"");
    scanner.sends(EAN_13);
    assert_eq!(watched.next(), "Ean13 5901234123457");

    watched.port.reopen();
    assert_eq!(watched.next(), "lost");
    assert_eq!(watched.next(), "opened, 0 discarded");
    assert_eq!(watched.next(), "the scanner did not answer when told \"acknowledge every packet\"");
    let again = b"\x07\xc6\x04\x01\xff\x9f\x01\xfd\x8f";
    assert_eq!(scanner.hears(27), [SETTINGS[0], again, again].concat());
    assert!(watched.stop().is_empty());
}
