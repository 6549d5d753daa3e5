//! Each family's driver against its scanner, on a real line: what is told is what is heard, and a line that fails loses
//! no scan and doubles none.

use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parceld_drivers::port::{self, Address, Answerer, Config, Event, LineSettings, Port, Repeat};
use parceld_drivers::scanner::{Driver, Feedback};
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::scanner::datalogic::VirtualDatalogic;
use parceld_tests::scanner::honeywell::VirtualHoneywell;
use parceld_tests::scanner::ssi::{Answer, Fault, Form, Reply, VirtualSsi};
use parceld_tests::scanner::told::Told;
use parceld_tests::wait;

const SIGNALS: [(Feedback, Told); 10] = [
    (Feedback::Accepted, Told::Accepted),
    (Feedback::Completed, Told::Completed),
    (Feedback::Opened, Told::Opened),
    (Feedback::Wrong, Told::Wrong),
    (Feedback::Over, Told::Over),
    (Feedback::Already, Told::Already),
    (Feedback::Unknown, Told::Unknown),
    (Feedback::Refused, Told::Refused),
    (Feedback::NotSaved, Told::NotSaved),
    (Feedback::Silent, Told::Silent),
];

/// Shorter than a scanner's own, so that a lost answer is not waited for long.
const RESPONSE_TIME_OUT: Duration = Duration::from_millis(500);

const CODE_128: u8 = 0x03;
const QR: u8 = 0x1c;
const SETTINGS: [u8; 3] = [0x9f, 0xee, 0x38];

/// Answers each code with the signal that it names, or accepts it.
struct Desk {
    _port: Port,
    events: Receiver<Event>,
}

impl Desk {
    fn open(family: &str, model: Option<&str>, path: &Path) -> Desk {
        let (sender, events) = mpsc::channel();
        let answerer: Arc<OnceLock<Answerer>> = Arc::default();
        let answers = Arc::clone(&answerer);
        let config = Config {
            name: family.to_owned(),
            address: Address::Serial { path: path.to_owned(), settings: LineSettings::default() },
            driver: Driver::named(family, model).expect("there is such a driver"),
            framing: Default::default(),
        };
        let port = port::spawn(config, move |event| {
            if let Event::Read(read) = &event {
                let code = String::from_utf8_lossy(&read.payload);
                let named = SIGNALS.iter().find(|(feedback, _)| format!("{feedback:?}") == code);
                let feedback = named.map_or(Feedback::Accepted, |(feedback, _)| *feedback);
                answers.wait().answer(feedback).expect("the line is open");
            }
            let _ = sender.send(event);
        })
        .expect("a thread can be started");
        let _ = answerer.set(port.answerer());
        Desk { _port: port, events }
    }

    #[track_caller]
    fn next(&self) -> String {
        match self.events.recv_timeout(wait::GENEROUS).expect("an event") {
            Event::Opened { .. } => "opened".to_owned(),
            Event::Read(read) => {
                let again = match read.repeat {
                    Repeat::No => "",
                    Repeat::Surely => " again",
                    Repeat::Perhaps => " perhaps again",
                };
                format!("{}{again}", String::from_utf8_lossy(&read.payload))
            }
            Event::Unreadable { reason, .. } => format!("{reason:?}"),
            other => format!("{other:?}"),
        }
    }

    /// All that has happened and nobody has asked for.
    fn rest(self) -> Vec<Event> {
        self.events.try_iter().collect()
    }
}

fn zebra() -> (VirtualSsi, Desk) {
    let mut scanner = VirtualSsi::new(RESPONSE_TIME_OUT);
    let desk = Desk::open("ssi", None, scanner.port());
    scanner.until_set_up(&SETTINGS);
    assert_eq!(desk.next(), "opened");
    (scanner, desk)
}

#[test]
fn a_line_tells_every_signal_by_rhythm() {
    let mut scanner = VirtualScanner::new();
    let desk = Desk::open("line", None, scanner.port());
    assert_eq!(desk.next(), "opened");
    for (feedback, told) in SIGNALS {
        // What was accepted makes no sound either: the light is on.
        let told = if told == Told::Silent { Told::Accepted } else { told };
        assert_eq!(scanner.hear(&format!("{feedback:?}")), told, "{feedback:?}");
    }
}

#[test]
fn a_honeywell_tells_every_signal_in_pitches() {
    let mut scanner = VirtualHoneywell::new();
    let desk = Desk::open("honeywell", None, scanner.port());
    assert_eq!(desk.next(), "opened");
    for (feedback, told) in SIGNALS {
        let green = matches!(told, Told::Accepted | Told::Completed | Told::Opened | Told::Silent);
        assert_eq!(scanner.scan(&format!("{feedback:?}")), (told, green), "{feedback:?}");
    }
}

#[test]
fn a_datalogic_tells_every_signal_in_pitches_and_lights() {
    for model in ["gryphon", "powerscan-96xx"] {
        let mut scanner = VirtualDatalogic::new();
        let desk = Desk::open("datalogic", Some(model), scanner.port());
        assert_eq!(desk.next(), "opened");
        for (feedback, told) in SIGNALS {
            let answer = scanner.scan(&format!("{feedback:?}"));
            let good = matches!(told, Told::Accepted | Told::Completed | Told::Opened);
            let bad = matches!(told, Told::Wrong | Told::Over | Told::Refused | Told::NotSaved);
            let second = if model == "gryphon" { good } else { bad };
            assert_eq!((answer.told, answer.green, answer.second), (told, good, second), "{model} {feedback:?}");
            assert_eq!(answer.recorded, told != Told::NotSaved, "{model} {feedback:?}");
        }
    }
}

#[test]
fn a_newland_is_read_and_told_nothing() {
    let mut scanner = VirtualScanner::new();
    let desk = Desk::open("newland", None, scanner.port());
    assert_eq!(desk.next(), "opened");
    scanner.send("Completed");
    assert_eq!(desk.next(), "Completed");
    assert_eq!(scanner.drain(), b"");
}

#[test]
fn a_zebra_tells_every_signal_in_pitches() {
    let (mut scanner, _desk) = zebra();
    assert_eq!(scanner.settings().iter().collect::<Vec<_>>(), [(&0x38, &0), (&0x9f, &1), (&0xee, &1)]);
    for (feedback, told) in SIGNALS {
        let answer = scanner.scan(CODE_128, &format!("{feedback:?}"));
        let reply = if told == Told::NotSaved { Reply::Refused(6) } else { Reply::Acknowledged };
        let expected = Answer { reply, told, sends: 1, after: answer.after, lights: Vec::new() };
        assert_eq!(answer, expected, "{feedback:?}");
    }
}

#[test]
fn a_zebra_with_a_known_light_shows_what_counted() {
    let mut scanner = VirtualSsi::new(RESPONSE_TIME_OUT);
    let _desk = Desk::open("ssi", Some("zebra-led"), scanner.port());
    scanner.until_set_up(&SETTINGS);
    assert_eq!(scanner.scan(CODE_128, "Completed").lights, [1]);
    assert!(scanner.scan(CODE_128, "Wrong").lights.is_empty());
}

#[test]
fn a_long_code_arrives_whole_in_either_form() {
    let (mut scanner, desk) = zebra();
    let long = "0123456789".repeat(70);
    for form in [Form::Continued(250), Form::Continued(7), Form::Segments] {
        let answer = scanner.scan_as(QR, &long, form, &[]);
        assert_eq!((answer.reply, answer.told), (Reply::Acknowledged, Told::Accepted), "{form:?}");
        assert_eq!(desk.next(), long, "{form:?}");
        let answer = scanner.scan_as(QR, &long, form, &[Fault::LoseAnswer]);
        assert_eq!((answer.reply, answer.sends), (Reply::Acknowledged, 2), "{form:?}");
        assert_eq!([desk.next(), desk.next()], [long.clone(), format!("{long} again")], "{form:?}");
    }
    assert_eq!(desk.rest(), []);
}

#[test]
fn a_line_that_fails_loses_no_scan_and_doubles_none() {
    let (mut scanner, desk) = zebra();
    let noise = b"\x00\xff\x55noise".to_vec();
    let rows: &[(&[Fault], u8, &[&str])] = &[
        (&[], 1, &["PARCEL-1"]),
        (&[Fault::Corrupt], 2, &["BadChecksum", "PARCEL-1 perhaps again"]),
        (&[Fault::LoseAnswer], 2, &["PARCEL-1", "PARCEL-1 again"]),
        (&[Fault::Half], 2, &["Unterminated", "PARCEL-1 perhaps again"]),
        (&[Fault::Noise(noise.clone())], 1, &["NotPacket", "PARCEL-1"]),
        (&[Fault::Noise(noise), Fault::Corrupt], 2, &["NotPacket", "PARCEL-1 perhaps again"]),
    ];
    for (faults, sends, expected) in rows {
        let answer = scanner.scan_as(CODE_128, "PARCEL-1", Form::Single, faults);
        assert_eq!((answer.reply, answer.sends), (Reply::Acknowledged, *sends), "{faults:?}");
        for event in *expected {
            assert_eq!(desk.next(), *event, "{faults:?}");
        }
    }
    assert_eq!(desk.rest(), []);
}

#[test]
fn a_zebra_that_refuses_a_setting_is_reported_and_read_all_the_same() {
    let mut scanner = VirtualSsi::new(RESPONSE_TIME_OUT);
    scanner.refuse(0x38);
    let desk = Desk::open("ssi", None, scanner.port());
    scanner.until_set_up(&SETTINGS[..2]);
    assert_eq!(scanner.scan(CODE_128, "Completed").told, Told::Completed);
    assert_eq!(desk.next(), "opened");
    let refused = "SetupFailed(Refused { setting: \"no beep before the answer\" })";
    let mut events = [desk.next(), desk.next()];
    events.sort();
    assert_eq!(events, ["Completed", refused]);
}
