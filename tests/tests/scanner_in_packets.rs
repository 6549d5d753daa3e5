//! A Zebra in packets at a bench of the whole agent: each scan is acknowledged when it is on disk and counted once,
//! whatever the disk, the broker and the line do.

use parceld_tests::goods::{catalog, gtin, order, stock};
use parceld_tests::scanner::ssi::{Fault, Form, Reply, VirtualSsi};
use parceld_tests::scanner::told::Told;
use parceld_tests::site::{Broker, SITE, Site, assert_gapless};
use parceld_tests::tempdir::TempDir;
use parceld_tests::trace;
use serde_json::Value;
use std::time::Duration;

const CODE_128: u8 = 0x03;
const EAN_13: u8 = 0x0b;
const QR: u8 = 0x1c;
const SETTINGS: [u8; 3] = [0x9f, 0xee, 0x38];

/// As Zebra's scanners have it.
const RESPONSE_TIME_OUT: Duration = Duration::from_secs(2);

/// More than two segments of a packet each.
const LINK_CHARACTERS: usize = 600;

/// A Zebra at the first bench.
struct Bench {
    site: Site,
    zebra: VirtualSsi,
}

impl Bench {
    /// The site has accepted `orders`, and the scanner isn't there yet.
    fn begin(orders: &[Value]) -> Bench {
        // A broker that comes back has forgotten what it had: whatever the platform lacks is soon sent again.
        let site = Site::with(Broker::mosquitto(), |setup| setup.set("sync.receipt_timeout", "5s"));
        site.platform.put_catalog(SITE, &catalog("ABC"));
        site.platform.set_stock(SITE, &stock("ABC", 20));
        for order in orders {
            site.platform.put_order(SITE, order);
        }
        site.until_accepted(orders.len());
        Bench { site, zebra: VirtualSsi::new(RESPONSE_TIME_OUT) }
    }

    /// The agent is started again through `runner`, with the scanner.
    fn go_on(&mut self, runner: Vec<String>) {
        let port = self.zebra.port().to_owned();
        self.site.agent.stop();
        self.site.agent.change(|setup| setup.through(runner).scanner_of("ssi", "zebra", "bench-1", port));
        self.site.agent.restart();
        self.site.agent.ready();
        self.zebra.until_set_up(&SETTINGS);
    }

    /// What the agent's file says, with no need of a broker.
    fn recorded(&self) -> Vec<Value> {
        let output =
            self.site.agent.command(&["events", "--json", "--since", "0"]).output().expect("the agent's program runs");
        let text = String::from_utf8(output.stdout).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
    }

    /// Units of each product that were counted, here and on the platform: `A 3, B 2`.
    #[track_caller]
    fn assert_counted(&self, expected: &str) {
        assert_eq!(picked(&self.recorded()), expected, "in the agent's file");
        self.site.until_synced();
        let events = self.site.events();
        assert_gapless(&events);
        assert_eq!(picked(&events), expected, "on the platform");
    }
}

fn picked(events: &[Value]) -> String {
    let of = |letter: char| {
        let sku = format!("SKU-{letter}");
        let is_pick = |event: &&Value| event["type"] == "parceld.pick.item_picked.v1" && event["data"]["sku"] == *sku;
        events.iter().filter(is_pick).count()
    };
    let counts = ['A', 'B', 'C'].map(|letter| (letter, of(letter))).into_iter().filter(|(_, count)| 0 < *count);
    counts.map(|(letter, count)| format!("{letter} {count}")).collect::<Vec<_>>().join(", ")
}

fn refused(events: &[Value], reason: &str) -> usize {
    let is_refused =
        |event: &&Value| event["type"] == "parceld.site.scan_refused.v1" && event["data"]["reason"] == reason;
    events.iter().filter(is_refused).count()
}

/// An order's number, or a product's letter.
fn code(word: &str) -> (u8, String) {
    match word.chars().next() {
        Some(letter) if word.len() == 1 => (EAN_13, gtin(letter)),
        _ => (CODE_128, word.to_owned()),
    }
}

#[test]
fn a_slow_disk_without_a_broker_is_waited_for_and_every_scan_sent_once() {
    const DELAY: Duration = Duration::from_millis(600);
    let dir = TempDir::new("trace");
    let Some(slow) = trace::slow_disk(DELAY, &dir.join("trace")) else { return };
    let mut bench = Bench::begin(&[order("o1", "dhl", "3xA 2xB"), order("o2", "dhl", "1xC")]);
    bench.site.broker.kill9();
    bench.go_on(slow);
    for (word, told) in [
        ("O1", Told::Opened),
        ("A", Told::Accepted),
        ("A", Told::Accepted),
        ("B", Told::Accepted),
        ("C", Told::Wrong),
        ("A", Told::Accepted),
        ("B", Told::Completed),
        ("O2", Told::Opened),
        ("C", Told::Completed),
    ] {
        let (code_type, text) = code(word);
        let answer = bench.zebra.scan(code_type, &text);
        assert_eq!((answer.reply, answer.sends, answer.told), (Reply::Acknowledged, 1, told), "{word}");
        assert!(DELAY <= answer.after, "{word} was acknowledged after {:?}", answer.after);
    }
    assert_eq!(picked(&bench.recorded()), "A 3, B 2, C 1");
    bench.site.broker.restart();
    bench.assert_counted("A 3, B 2, C 1");
}

#[test]
fn a_disk_slower_than_the_scanners_patience_counts_what_comes_again_once() {
    let delay = RESPONSE_TIME_OUT + Duration::from_millis(600);
    let dir = TempDir::new("trace");
    let Some(slow) = trace::slow_disk(delay, &dir.join("trace")) else { return };
    let mut bench = Bench::begin(&[order("o1", "dhl", "2xA 1xB")]);
    bench.site.broker.kill9();
    bench.go_on(slow);
    for (word, told) in [
        ("O1", Told::Opened),
        ("A", Told::Accepted),
        // Whether the scanner has heard the late answer is not known: the same code is asked for once more.
        ("A", Told::Already),
        ("A", Told::Accepted),
        ("B", Told::Completed),
    ] {
        let (code_type, text) = code(word);
        let answer = bench.zebra.scan(code_type, &text);
        assert_eq!((answer.reply, answer.told), (Reply::Acknowledged, told), "{word}");
        // Before the first one the start itself may be writing, which takes as long.
        let sends = if word == "O1" { 2..=3 } else { 2..=2 };
        assert!(sends.contains(&answer.sends), "{word}: sent {} times", answer.sends);
    }
    bench.site.broker.restart();
    bench.assert_counted("A 2, B 1");
}

#[test]
fn an_order_picked_over_a_bad_line_has_the_units_that_were_scanned() {
    let mut bench = Bench::begin(&[order("o1", "dhl", "9xA 7xB 3xC")]);
    bench.go_on(Vec::new());
    let noise = || b"\x00\xff\x55noise".to_vec();
    let link = |letter: char| {
        let link = format!("https://example.com/01/0{}?x=", gtin(letter));
        format!("{link:x<LINK_CHARACTERS$}")
    };
    let one = Form::Single;
    let parts = Form::Continued(7);
    let [again, already, done] = [Told::Accepted, Told::Already, Told::Completed];
    let rows: &[(char, Form, &[Fault], u8, Told)] = &[
        ('A', one, &[], 1, Told::Accepted),
        ('A', one, &[], 1, Told::Accepted),
        ('B', one, &[Fault::Corrupt], 2, Told::Accepted), // nobody has scanned it before
        ('A', one, &[Fault::LoseAnswer], 2, again),
        ('A', one, &[], 1, Told::Accepted),
        ('A', one, &[Fault::Corrupt], 2, already), // as if its answer had been lost
        ('A', one, &[], 1, Told::Accepted),
        ('B', one, &[Fault::LoseAnswer, Fault::NoiseThen(noise())], 2, already), // counted, and can't be told apart
        ('B', one, &[Fault::Noise(noise())], 1, Told::Accepted),
        ('C', parts, &[], 1, Told::Accepted),
        ('C', parts, &[Fault::LoseAnswer], 2, again),
        ('A', parts, &[Fault::Corrupt], 2, Told::Accepted),
        ('A', one, &[Fault::Half], 2, already),
        ('B', Form::Segments, &[], 1, Told::Accepted),
        ('B', Form::Segments, &[Fault::LoseAnswer], 2, again),
        ('A', Form::Segments, &[Fault::Corrupt], 2, Told::Accepted),
        ('B', Form::Continued(200), &[Fault::Noise(noise()), Fault::LoseAnswer], 2, again),
        ('A', one, &[Fault::Noise(noise()), Fault::Corrupt], 2, Told::Accepted),
        ('C', Form::Continued(200), &[], 1, Told::Accepted),
        ('B', one, &[Fault::LoseAnswer], 2, again),
        ('A', one, &[], 1, done),
    ];
    let (code_type, text) = code("O1");
    assert_eq!(bench.zebra.scan(code_type, &text).told, Told::Opened);
    for (number, (letter, form, faults, sends, told)) in rows.iter().enumerate() {
        let is_long = matches!(form, Form::Segments | Form::Continued(200));
        let (code_type, text) = if is_long { (QR, link(*letter)) } else { (EAN_13, gtin(*letter)) };
        let answer = bench.zebra.scan_as(code_type, &text, *form, faults);
        let expected = (Reply::Acknowledged, *sends, *told);
        assert_eq!((answer.reply, answer.sends, answer.told), expected, "row {number}: {letter} {form:?} {faults:?}");
    }
    bench.assert_counted("A 9, B 7, C 3");
    assert_eq!(refused(&bench.site.events(), "perhaps_counted"), 3, "each that can't be told apart");
    assert_eq!(bench.site.orders("packed").len(), 1);
}
