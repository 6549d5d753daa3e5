//! A station's screen as it hears its agent: scans, what happens without a scan, a restart, a storage that fails.

use parceld_tests::agent::Agent;
use parceld_tests::disk::SmallDisk;
use parceld_tests::goods::{catalog, gtin, order};
use parceld_tests::http;
use parceld_tests::site::{Broker, PATIENCE, SITE, Site};
use parceld_tests::wait::Stopwatch;
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// Room for the database and its log, and for some hundred scans.
const DISK_MEBIBYTES: u32 = 8;

/// The stream of one screen.
struct Screen {
    messages: Receiver<Message>,
}

/// What the stream said: `screen` or `beat`.
#[derive(Debug, Clone, Default)]
struct Message {
    event: String,
    number: u64,
    data: String,
}

impl Message {
    /// The value of an attribute of the fragment's root; empty where it has none.
    fn of(&self, attribute: &str) -> &str {
        let root = self.data.split_once('>').map_or("", |(root, _)| root);
        root.split_once(&format!("data-{attribute}=\"")).and_then(|(_, rest)| rest.split_once('"')).map_or("", |x| x.0)
    }
}

impl Screen {
    /// The stream ends with the agent, or with this value.
    fn open(agent: &Agent, station: &str) -> Screen {
        let address = agent.url().trim_start_matches("http://").to_owned();
        let mut connection = TcpStream::connect(&address).expect("the page listens");
        write!(connection, "GET /station/{station}/live HTTP/1.0\r\nHost: {address}\r\n\r\n").expect("it reads");
        let (sender, messages) = channel();
        thread::spawn(move || {
            let mut message = Message::default();
            for line in BufReader::new(connection).lines() {
                let Ok(line) = line else { return };
                match line.split_once(": ") {
                    Some(("event", event)) => event.clone_into(&mut message.event),
                    Some(("id", number)) => message.number = number.parse().expect("a number"),
                    Some(("data", data)) => message.data = format!("{}{data}\n", message.data),
                    _ if line.is_empty() && !message.event.is_empty() => {
                        // Whoever listened has heard enough.
                        let _ = sender.send(std::mem::take(&mut message));
                    }
                    _ => {}
                }
            }
        });
        Screen { messages }
    }

    /// The next message that says so.
    #[track_caller]
    fn until(&self, what: &str, is: impl Fn(&Message) -> bool) -> Message {
        let waited = Stopwatch::start();
        while waited.elapsed() < PATIENCE {
            match self.messages.recv_timeout(Duration::from_millis(100)) {
                Ok(message) if message.event == "screen" && is(&message) => return message,
                Ok(_) | Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => panic!("the stream ended before {what}"),
            }
        }
        panic!("the screen never showed {what}");
    }

    #[track_caller]
    fn until_state(&self, state: &str) -> Message {
        self.until(state, |message| message.of("state") == state)
    }

    /// Whether it ends.
    fn ends(&self) -> bool {
        loop {
            match self.messages.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(error) => return error == std::sync::mpsc::RecvTimeoutError::Disconnected,
            }
        }
    }
}

#[test]
fn a_screen_follows_every_scan_and_what_happens_without_one() {
    let mut site = Site::start(Broker::embedded());
    site.platform.put_catalog(SITE, &catalog("ABC"));
    site.platform.put_order(SITE, &order("o1", "dhl", "2xA 1xB"));
    site.platform.put_order(SITE, &order("o2", "dhl", "1xC"));
    site.until_accepted(2);
    let screen = Screen::open(&site.agent, "bench-1");
    let other = Screen::open(&site.agent, "bench-2");
    assert!(screen.until_state("idle").data.contains("O1"), "the queue is listed");
    other.until_state("idle");

    site.scan(0, "O1");
    let opened = screen.until_state("opened");
    assert_eq!((opened.number, opened.of("tone"), opened.of("settled")), (1, "opened", "pick"));
    site.scan(0, &gtin('A'));
    let accepted = screen.until_state("accepted");
    assert_eq!((accepted.number, accepted.of("tone")), (2, "accepted"));
    assert!(accepted.data.contains("1<span class=\"of\">of</span>3"), "{}", accepted.data);

    site.scan(0, &gtin('C'));
    let wrong = screen.until_state("wrong");
    assert_eq!((wrong.number, wrong.of("settled")), (3, ""), "it stands");
    assert!(wrong.data.contains("role=\"alert\"") && wrong.data.contains("Product A"), "{}", wrong.data);
    let page = http::get(&format!("{}/station/bench-1", site.agent.url())).expect("the page answers").success().body;
    assert!(page.contains("data-state=\"wrong\""), "still there after a reload: {page}");
    site.scan(0, "<b>4006381333932</b>");
    let unknown = screen.until_state("unknown");
    assert!(unknown.data.contains("&#60;b&#62;4006381333932&#60;/b&#62;"), "{}", unknown.data);
    site.scan(0, &gtin('A'));
    assert_eq!(screen.until_state("accepted").number, 5, "the right scan ends it");

    site.platform.hold(SITE, "o1", &json!({ "reason": "payment" }));
    let held = screen.until_state("refused");
    assert_eq!((held.number, held.of("tone")), (5, "refused"), "no scan did it");
    assert!(held.data.contains("O1 is on hold"), "{}", held.data);
    site.platform.release(SITE, "o1");
    screen.until_state("pick");
    site.platform.cancel(SITE, "o1", &json!({ "reason": "customer" }));
    let cancelled = screen.until_state("refused");
    assert!(cancelled.data.contains("O1 is cancelled") && cancelled.of("key") != held.of("key"), "{}", cancelled.data);

    let cancel = site.barcode("CANCEL");
    site.scan(0, &cancel);
    screen.until("rest", |message| message.of("state") == "idle" && message.data.contains("O2"));
    while let Ok(message) = other.messages.try_recv() {
        assert_eq!(message.number, 0, "the other bench did nothing: {message:?}");
    }
}

#[test]
fn a_station_says_that_its_scanner_is_gone_until_it_is_back() {
    let mut site = Site::start(Broker::embedded());
    let screen = Screen::open(&site.agent, "bench-1");
    let says = |message: &Message| message.data.contains("The scanner is gone");
    screen.until("nothing of it", |message| !says(message));
    site.scanners[0].unplug();
    screen.until("that it is gone", says);
    site.scanners[0].replug();
    screen.until("that it is back", |message| !says(message));
}

#[test]
fn a_restart_shows_what_counted_last_and_offline_is_a_strip() {
    let mut site = Site::start(Broker::embedded());
    site.platform.put_order(SITE, &order("o1", "dhl", "3xA"));
    site.until_accepted(1);
    site.scan(0, "O1");
    site.scan(0, &gtin('A'));
    let screen = Screen::open(&site.agent, "bench-1");
    screen.until("work", |message| message.of("net") == "up" && message.data.contains("Product A"));
    site.broker.kill9();
    let offline = screen.until("offline", |message| message.of("net") == "offline");
    assert!(offline.data.contains("Saved here, sends later: "), "{}", offline.data);

    site.agent.kill9();
    assert!(screen.ends(), "who looks knows at once");
    site.agent.restart();
    site.agent.ready();
    let screen = Screen::open(&site.agent, "bench-1");
    let back = screen.until_state("pick");
    assert_eq!((back.number, back.of("tone")), (0, ""));
    assert!(
        back.data.contains("Last counted") && back.data.contains("1<span class=\"of\">of</span>3"),
        "{}",
        back.data
    );
}

#[test]
fn a_storage_that_fails_stops_every_screen_until_it_is_healed() {
    let Some(disk) = SmallDisk::mount(DISK_MEBIBYTES) else { return };
    let database = disk.path().join("parceld.db").to_string_lossy().into_owned();
    let mut site = Site::with(Broker::embedded(), |setup| setup.set("storage.path", database));
    site.platform.put_order(SITE, &order("o1", "dhl", "99xA"));
    site.until_accepted(1);
    site.scan(0, "O1");
    site.scan(0, &gtin('A'));
    let (screen, other) = (Screen::open(&site.agent, "bench-1"), Screen::open(&site.agent, "bench-2"));
    screen.until("work", |message| message.data.contains("Product A"));

    disk.fill();
    while site.scanners[0].scan(&gtin('A')).recorded {}
    let stopped = screen.until_state("notsaved");
    assert_eq!(stopped.of("tone"), "notsaved");
    assert!(stopped.data.contains("Put the item down") && stopped.data.contains("Last saved"), "{}", stopped.data);
    other.until_state("notsaved");

    disk.free();
    let healed = screen.until("work", |message| message.of("state") != "notsaved");
    assert!(healed.data.contains("It saves again"), "{}", healed.data);
    assert_eq!(healed.of("tone"), "");
    other.until_state("idle");
    site.scan(0, &gtin('A'));
    screen.until_state("accepted");
}
