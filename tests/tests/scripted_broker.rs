//! A broker that breaks the rules one at a time: sync goes on each time, in order, and forgets nothing.

use parceld_tests::agent::{Agent, AgentSetup};
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::scripted::{Behaviour, Log, OnConnect, OnPublish, Published, Scripted, Terms};
use parceld_tests::site::SITE;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, PubAckReason};
use serde_json::Value;

/// Events of one run: the start, and a refused scan for each code.
const SCANS: usize = 30;

/// Starts an agent at a broker that behaves badly on its first connection, scans, and expects everything in the end.
fn check(what: &str, terms: Terms, bad: impl Fn(&Published) -> OnPublish + Send + Clone + 'static) -> Log {
    check_with(what, move |connection| {
        let bad = bad.clone();
        match connection {
            1 => Behaviour::accepting(Terms::default()).publishes(move |publish| on_event(publish, &bad)),
            _ => Behaviour::accepting(terms),
        }
    })
}

fn on_event(publish: &Published, bad: &impl Fn(&Published) -> OnPublish) -> OnPublish {
    if publish.topic.contains("/events/") { bad(publish) } else { OnPublish::Ack }
}

fn check_with(what: &str, behaviour: impl FnMut(usize) -> Behaviour + Send + 'static) -> Log {
    let broker = Scripted::start(behaviour);
    let mut scanner = VirtualScanner::new();
    let mut agent = start(&broker, &scanner);
    agent.ready();
    for index in 0..SCANS {
        assert!(scanner.scan(&format!("code-{index}")).recorded);
    }
    let log = broker.until(what, |log| SCANS < sequences(log).len());
    let first = sequences(&log);
    assert!(first.iter().zip(1..).all(|(sequence, expected)| *sequence == expected), "{what}: {first:?}");
    log
}

fn start(broker: &Scripted, scanner: &VirtualScanner) -> Agent {
    AgentSetup::new(SITE, &broker.url())
        .station("bench-1", "pack")
        .scanner("scanner-1", "bench-1", scanner.port())
        .set("sync.forget", "puback")
        .set("sync.ack_timeout", "1s")
        .set("sync.window", 8)
        .start()
}

/// The sequences of the published events, each where it came first.
fn sequences(log: &Log) -> Vec<u64> {
    let mut seen = Vec::new();
    for publish in events(log) {
        let event: Value = serde_json::from_slice(&publish.payload).expect("an event is JSON");
        let sequence = event["sequence"].as_u64().expect("an event has its sequence");
        if !seen.contains(&sequence) {
            seen.push(sequence);
        }
    }
    seen
}

#[test]
fn goes_on_when_acknowledgements_are_withheld() {
    let log = check("withheld", Terms::default(), |_| OnPublish::Withhold);
    assert!(1 < log.connected.len(), "the connection is given up");
}

#[test]
fn goes_on_when_publishes_are_refused() {
    for reason in [PubAckReason::NotAuthorized, PubAckReason::QuotaExceeded] {
        let log = check("refused", Terms::default(), move |_| OnPublish::AckWith(reason));
        assert!(1 < log.connected.len());
    }
}

#[test]
fn goes_on_when_an_unknown_packet_is_acknowledged() {
    check("unknown packet", Terms::default(), |_| OnPublish::AckOther(4_711));
}

#[test]
fn goes_on_when_acknowledgements_come_twice_or_backwards() {
    check("twice", Terms::default(), |_| OnPublish::AckTwice);
    check("backwards", Terms::default(), |_| OnPublish::AckReversed(3));
}

#[test]
fn goes_on_whatever_the_broker_says_of_the_session() {
    for (first, then) in [(true, true), (true, false), (false, true)] {
        let terms = |session_present| Terms { session_present, ..Terms::default() };
        check_with("session", move |connection| match connection {
            1 => Behaviour::accepting(terms(first)).publishes(|publish| on_event(publish, &|_| OnPublish::Close)),
            _ => Behaviour::accepting(terms(then)),
        });
    }
}

#[test]
fn goes_on_when_the_broker_takes_fewer_at_once_than_before() {
    let few = Terms { receive_max: Some(1), ..Terms::default() };
    check("receive maximum", few, |_| OnPublish::Close);
}

#[test]
fn goes_on_after_refusals_silence_and_a_keep_alive_of_zero() {
    let log = check_with("connect", |connection| match connection {
        1 => Behaviour { on_connect: OnConnect::Refuse(ConnectReturnCode::ServerBusy), ..Behaviour::default() },
        2 => Behaviour { on_connect: OnConnect::Close, ..Behaviour::default() },
        3 => Behaviour::accepting(Terms { server_keep_alive_s: Some(0), ..Terms::default() }),
        _ => Behaviour::default(),
    });
    assert!(4 <= log.connected.len());
}

#[test]
fn a_retained_receipt_beyond_the_head_begins_a_new_epoch_before_any_event() {
    let before = Scripted::start(|_| Behaviour::default());
    let scanner = VirtualScanner::new();
    let mut agent = start(&before, &scanner);
    agent.ready();
    let log = before.until("the first event", |log| !sequences(log).is_empty());
    let epoch = epochs(&log)[0].clone();
    agent.stop();

    let after = Scripted::start(|_| Behaviour::default());
    let receipts = format!("parceld/v1/{SITE}/receipts");
    after.retain(&receipts, format!(r#"{{"epoch":"{epoch}","sequence":9000}}"#).as_bytes());
    agent.change(|setup| setup.set("broker.url", after.url().as_str()));
    agent.restart();
    agent.ready();
    let log = after.until("events of the new epoch", |log| 2 <= sequences(log).len());
    assert!(epochs(&log).iter().all(|other| *other != epoch), "nothing is sent in the old epoch");
    let started: Value = serde_json::from_slice(&events(&log)[0].payload).expect("an event is JSON");
    assert_eq!((&started["sequence"], &started["data"]["cause"]), (&1.into(), &"old_copy".into()));
    assert_eq!(started["data"]["follows"]["epoch"], epoch);
}

fn events(log: &Log) -> Vec<&Published> {
    log.published.iter().filter(|publish| publish.topic.contains("/events/")).collect()
}

fn epochs(log: &Log) -> Vec<String> {
    let epoch = |publish: &&Published| {
        let event: Value = serde_json::from_slice(&publish.payload).expect("an event is JSON");
        event["epoch"].as_str().expect("an event has its epoch").to_owned()
    };
    events(log).iter().map(epoch).collect()
}
