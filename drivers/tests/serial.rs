//! A port on a pty: what a scanner does to it, and what it says of that.

mod harness;

use std::path::PathBuf;
use std::sync::mpsc;

use harness::{DEADLINE, Folder, Scanner, Watched};
use parceld_drivers::port::{self, Address, Config, LineSettings, NotSent};
use parceld_drivers::scanner::{Driver, Feedback};

#[test]
fn scans_are_read_however_they_are_cut() {
    let folder = Folder::new("cut");
    let mut scanner = Scanner::plug_in(&folder.link());
    let watched = Watched::serial(&folder.link());
    assert_eq!(watched.next(), "opened, 0 discarded");
    for chunk in ["4006", "381333931\r", "\n]C110AB\x1d21C\r\nABC", "\r"] {
        scanner.sends(chunk.as_bytes());
    }
    assert_eq!(watched.next(), "Unidentified 4006381333931");
    assert_eq!(watched.next(), "Gs1128 10AB\\x1d21C");
    assert_eq!(watched.next(), "Unidentified ABC");
    assert!(watched.stop().is_empty());
}

#[test]
fn answers_reach_the_scanner() {
    let folder = Folder::new("answers");
    let mut scanner = Scanner::plug_in(&folder.link());
    let watched = Watched::serial(&folder.link());
    let answerer = watched.port.answerer();
    assert_eq!(watched.next(), "opened, 0 discarded");
    answerer.send(b"\x06\x07\x07").unwrap();
    assert_eq!(scanner.hears(3), b"\x06\x07\x07");
    assert!(watched.stop().is_empty());
    assert_eq!(answerer.send(b"\x06"), Err(NotSent::Lost));
}

#[test]
fn an_answer_with_a_rhythm_is_sent_to_its_end() {
    let folder = Folder::new("rhythm");
    let mut scanner = Scanner::plug_in(&folder.link());
    let watched = Watched::serial(&folder.link());
    let answerer = watched.port.answerer();
    assert_eq!(watched.next(), "opened, 0 discarded");
    answerer.answer(Feedback::Over).unwrap();
    assert_eq!(scanner.hears(4), b"\x06\x07\x07\x07");
    assert_eq!(scanner.hears(1), b"\x07");
    assert!(watched.stop().is_empty());
    assert_eq!(answerer.answer(Feedback::Accepted), Err(NotSent::Lost));
}

#[test]
fn a_port_at_rest_reads_nothing_more_and_answers_to_the_end() {
    let folder = Folder::new("rest");
    let mut scanner = Scanner::plug_in(&folder.link());
    let watched = Watched::serial(&folder.link());
    let answerer = watched.port.answerer();
    assert_eq!(watched.next(), "opened, 0 discarded");
    scanner.sends(b"4006381333931\r");
    assert_eq!(watched.next(), "Unidentified 4006381333931");
    watched.port.rest();
    assert!(watched.port.rests_within(DEADLINE));
    scanner.sends(b"ABC\r");
    answerer.answer(Feedback::Over).unwrap();
    assert!(watched.stop().is_empty(), "nothing was read, and nothing lost");
    assert_eq!(scanner.hears(5), b"\x06\x07\x07\x07\x07");
}

#[test]
fn a_port_without_a_scanner_rests_at_once() {
    let folder = Folder::new("rest-absent");
    let watched = Watched::serial(&folder.link());
    assert_eq!(watched.next(), "open failed");
    watched.port.rest();
    assert!(watched.port.rests_within(DEADLINE));
    let _scanner = Scanner::plug_in(&folder.link());
    assert!(watched.stop().is_empty(), "it opens nothing more");
}

#[test]
fn a_port_turns_when_it_is_asked_to_with_a_scanner_or_without() {
    for is_there in [true, false] {
        let folder = Folder::new("turns");
        let _scanner = is_there.then(|| Scanner::plug_in(&folder.link()));
        let watched = Watched::serial(&folder.link());
        watched.next();
        let pulse = watched.port.pulse();
        for _ in 0..3 {
            let before = pulse.turns();
            pulse.ask();
            harness::until(|| before < pulse.turns());
        }
        assert!(watched.stop().is_empty());
    }
}

#[test]
fn a_newer_answer_takes_the_place_of_what_is_left() {
    let folder = Folder::new("newer");
    let mut scanner = Scanner::plug_in(&folder.link());
    let watched = Watched::serial(&folder.link());
    let answerer = watched.port.answerer();
    assert_eq!(watched.next(), "opened, 0 discarded");
    answerer.answer(Feedback::Refused).unwrap();
    answerer.answer(Feedback::Unknown).unwrap();
    answerer.answer(Feedback::Opened).unwrap();
    assert_eq!(scanner.hears(10), b"\x06\x07\x07\x07\x06\x07\x07\x06\x07\x07");
    assert!(watched.stop().is_empty());
}

#[test]
fn a_line_that_takes_nothing_never_blocks_an_answer() {
    let folder = Folder::new("full");
    let _scanner = Scanner::plug_in(&folder.link());
    let watched = Watched::serial(&folder.link());
    assert_eq!(watched.next(), "opened, 0 discarded");
    let answerer = watched.port.answerer();
    let refused = (0..1_000_000).find_map(|_| answerer.send(&[0x07; 16]).err());
    assert_eq!(refused, Some(NotSent::LineFull));
    assert!(watched.stop().is_empty());
}

#[test]
fn half_a_scan_is_never_a_read() {
    let folder = Folder::new("half");
    let mut scanner = Scanner::plug_in(&folder.link());
    let watched = Watched::serial(&folder.link());
    assert_eq!(watched.next(), "opened, 0 discarded");
    scanner.sends(b"40063");
    assert_eq!(watched.next(), "Unterminated 5");
    scanner.sends(b"4006381333931\r");
    assert_eq!(watched.next(), "Unidentified 4006381333931");
    scanner.sends(b"A\r40063");
    assert_eq!(watched.next(), "Unidentified A");
    drop(scanner);
    // A hang-up may take unread bytes with it, so the half scan is counted or was never seen.
    assert_eq!(watched.next_but("Unterminated 5"), "lost");

    let mut scanner = Scanner::plug_in(&folder.link());
    assert_eq!(watched.next_but("open failed"), "opened, 0 discarded");
    scanner.sends(b"B\r");
    assert_eq!(watched.next(), "Unidentified B");
    assert!(watched.stop().is_empty());
}

#[test]
fn what_was_sent_before_the_port_was_open_is_discarded_and_counted() {
    let rows: [(&[u8], &[u8], &str); 2] =
        [(b"old\rolder\r\n", b"new\r", "Unidentified new"), (b"old\r40063", b"81\r", "Stale 2")];
    for (row, (before, after, expected)) in rows.into_iter().enumerate() {
        let folder = Folder::new(&format!("stale-{row}"));
        let mut scanner = Scanner::plug_in(&folder.link());
        scanner.sends(before);
        let watched = Watched::serial(&folder.link());
        assert_eq!(watched.next(), format!("opened, {} discarded", before.len()));
        scanner.sends(after);
        assert_eq!(watched.next(), expected);
        scanner.sends(b"next\r");
        assert_eq!(watched.next(), "Unidentified next");
        assert!(watched.stop().is_empty());
    }
}

#[test]
fn a_missing_scanner_is_reported_once_and_found_when_it_comes() {
    let folder = Folder::new("missing");
    let watched = Watched::serial(&folder.link());
    assert_eq!(watched.next(), "open failed");
    assert_eq!(watched.port.answerer().send(b"\x06"), Err(NotSent::Lost));
    let mut scanner = Scanner::plug_in(&folder.link());
    assert_eq!(watched.next_but("open failed"), "opened, 0 discarded");
    scanner.sends(b"A\r");
    assert_eq!(watched.next(), "Unidentified A");
    assert!(watched.stop().is_empty());
}

#[test]
fn a_port_is_exclusive() {
    let folder = Folder::new("exclusive");
    let _scanner = Scanner::plug_in(&folder.link());
    let first = Watched::serial(&folder.link());
    assert_eq!(first.next(), "opened, 0 discarded");
    let second = Watched::serial(&folder.link());
    assert_eq!(second.next(), "open failed");
    assert!(first.stop().is_empty());
    assert_eq!(second.next(), "opened, 0 discarded");
    assert!(second.stop().is_empty());
}

#[test]
fn a_port_is_opened_anew_on_request() {
    let folder = Folder::new("anew");
    let mut scanner = Scanner::plug_in(&folder.link());
    let watched = Watched::serial(&folder.link());
    assert_eq!(watched.next(), "opened, 0 discarded");
    watched.port.reopen();
    assert_eq!(watched.next(), "lost");
    assert_eq!(watched.next(), "opened, 0 discarded");
    scanner.sends(b"A\r");
    assert_eq!(watched.next(), "Unidentified A");
    assert!(watched.stop().is_empty());
}

#[test]
fn a_panic_in_the_sink_ends_the_port_and_tells() {
    let folder = Folder::new("panic");
    let _scanner = Scanner::plug_in(&folder.link());
    let config = Config {
        name: "panics".to_owned(),
        address: Address::Serial { path: folder.link(), settings: LineSettings::default() },
        driver: Driver::default(),
        framing: Default::default(),
    };
    let (alive, ended) = mpsc::channel::<()>();
    let port = port::spawn(config, move |_| {
        let _alive = &alive;
        panic!("on purpose");
    })
    .unwrap();
    assert!(ended.recv().is_err());
    while port.is_alive() {
        std::thread::yield_now();
    }
    assert_eq!(port.answerer().send(b"\x06"), Err(NotSent::Lost));
    port.stop();
}

#[test]
fn a_path_that_is_no_serial_device_is_an_event() {
    for path in ["/dev/null", "/", "/dev/serial/by-id/none"] {
        let watched = Watched::spawn(Address::Serial { path: PathBuf::from(path), settings: LineSettings::default() });
        assert_eq!(watched.next(), "open failed", "{path}");
        assert!(watched.stop().is_empty(), "{path}");
    }
}
