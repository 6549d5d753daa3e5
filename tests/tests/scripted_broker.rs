//! A broker that breaks the rules one at a time: sync goes on each time, in order, and forgets nothing.

use bytes::BytesMut;
use parceld_tests::agent::{Agent, AgentSetup};
use parceld_tests::disk::SmallDisk;
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::scripted::{
    Behaviour, Delivered, End, Log, OnConnect, OnPublish, OnSubscribe, Published, Scripted, Terms,
};
use parceld_tests::site::SITE;
use parceld_tests::upstream::{SHOWN_WITHIN, scan_all, until_shown, until_well};
use parceld_tests::{http, wait};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectReturnCode, DisconnectReasonCode, Packet, PubAckReason, Publish, PublishProperties,
};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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
    setup(broker, scanner).set("sync.forget", "puback").start()
}

fn setup(broker: &Scripted, scanner: &VirtualScanner) -> AgentSetup {
    AgentSetup::new(SITE, &broker.url())
        .station("bench-1", "pack")
        .scanner("scanner-1", "bench-1", scanner.port())
        .set("sync.ack_timeout", "1s")
        .set("sync.window", 8)
}

/// Delivers a command that is refused with a reply.
fn ask(broker: &Scripted, id: usize) -> Delivered {
    broker.deliver(&format!("parceld/v1/{SITE}/commands"), command(id).as_bytes())
}

fn command(id: usize) -> String {
    let command = json!({
        "specversion": "1.0", "id": format!("command-{id}"), "source": "/platform", "type": "parceld.order.juggle.v1",
        "data": {},
    });
    command.to_string()
}

fn receipt(broker: &Scripted, epoch: &str, sequence: u64) -> Delivered {
    let receipt = json!({"epoch": epoch, "sequence": sequence});
    broker.deliver(&format!("parceld/v1/{SITE}/receipts"), receipt.to_string().as_bytes())
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

/// Whoever looks is told while it lasts, and all of it arrives, in order, once it is over.
#[test]
fn a_broker_that_never_acknowledges_is_shown_until_it_does() {
    for bad in [OnPublish::Withhold, OnPublish::AckOther(4_711), OnPublish::Close] {
        let heals = Arc::new(AtomicBool::new(false));
        let healed = Arc::clone(&heals);
        let broker = Scripted::start(move |_| {
            let healed = Arc::clone(&healed);
            let now = move |_: &Published| if healed.load(Ordering::Acquire) { OnPublish::Ack } else { bad };
            Behaviour::default().publishes(move |publish| on_event(publish, &now))
        });
        let mut scanner = VirtualScanner::new();
        let mut agent = start(&broker, &scanner);
        agent.ready();
        let codes: Vec<String> = (0..SCANS).map(|index| format!("code-{index}")).collect();
        scan_all(&mut scanner, codes.iter().map(String::as_str));
        assert_eq!(until_shown(&agent, Duration::from_secs(1)), "broker_down", "{bad:?}");
        heals.store(true, Ordering::Release);
        let log = broker.until("every event", |log| SCANS < sequences(log).len());
        until_well(&agent, SHOWN_WITHIN);
        assert!(sequences(&log).iter().zip(1..).all(|(sequence, expected)| *sequence == expected), "{bad:?}");
    }
}

#[test]
fn goes_on_when_a_subscription_is_never_confirmed() {
    let log = check_with("subscription", |connection| match connection {
        1 => Behaviour { on_subscribe: OnSubscribe::Withhold, ..Behaviour::default() },
        _ => Behaviour::default(),
    });
    assert_eq!(log.connected.len(), 2);
}

#[test]
fn a_reply_that_nobody_may_have_or_hears_holds_no_event_up() {
    for reason in [PubAckReason::NotAuthorized, PubAckReason::NoMatchingSubscribers] {
        let broker = Scripted::start(move |_| {
            Behaviour::default().publishes(move |publish| {
                if publish.topic.contains("/replies") { OnPublish::AckWith(reason) } else { OnPublish::Ack }
            })
        });
        let mut scanner = VirtualScanner::new();
        let mut agent = setup(&broker, &scanner).start();
        agent.ready();
        let log = broker.until("the first event", |log| !sequences(log).is_empty());
        receipt(&broker, &epochs(&log)[0], 1);
        let asked = ask(&broker, 1);
        broker.until("the reply", |log| log.published.iter().any(|publish| publish.topic.contains("/replies")));
        broker.until("the acknowledgement", |log| log.acknowledged.contains(&asked));
        for index in 0..SCANS {
            assert!(scanner.scan(&format!("code-{index}")).recorded);
        }
        let log = broker.until("every event", |log| SCANS < sequences(log).len());
        assert_eq!(log.connected.len(), 1, "{reason:?}");
    }
}

/// Where a command wants its reply.
const ELSEWHERE: &str = "elsewhere/replies";

#[test]
fn a_reply_that_may_not_go_where_it_is_wanted_comes_where_replies_go() {
    for bad in [OnPublish::AckWith(PubAckReason::NotAuthorized), OnPublish::Close] {
        let broker = Scripted::start(move |_| {
            Behaviour::default().publishes(move |publish| if publish.topic == ELSEWHERE { bad } else { OnPublish::Ack })
        });
        let mut scanner = VirtualScanner::new();
        let mut agent = start(&broker, &scanner);
        agent.ready();
        broker.until("the first event", |log| !sequences(log).is_empty());
        let properties = PublishProperties { response_topic: Some(ELSEWHERE.into()), ..PublishProperties::default() };
        // The platform asks again while it hears nothing, and a broker gives what was not acknowledged once more.
        wait::until("the reply", wait::GENEROUS, || {
            let before = tried(&broker);
            broker.deliver_with(&format!("parceld/v1/{SITE}/commands"), command(1).as_bytes(), &properties);
            wait::until("an attempt", wait::GENEROUS, || (before < tried(&broker)).then_some(()));
            let log = broker.log();
            log.published
                .iter()
                .any(|publish| publish.topic.ends_with("/replies") && publish.topic != ELSEWHERE)
                .then_some(())
        });
        assert!(scanner.scan("code").recorded);
        broker.until("the event", |log| sequences(log).len() == 2);
    }
}

/// Replies that were published, wherever.
fn tried(broker: &Scripted) -> usize {
    broker.log().published.iter().filter(|publish| publish.topic.ends_with("/replies")).count()
}

/// As where the answer to a receipt is lost with its connection: the journal is further than whoever sends knows.
#[test]
fn what_the_journal_knows_to_be_received_counts_although_sync_has_not_heard_of_it() {
    let broker = Scripted::start(|_| Behaviour::default());
    let mut scanner = VirtualScanner::new();
    let mut agent = setup(&broker, &scanner).set("sync.forget", "puback").set("sync.ahead", 8).start();
    agent.ready();
    for index in 0..SCANS {
        assert!(scanner.scan(&format!("code-{index}")).recorded);
    }
    let all = SCANS as u64 + 1;
    let log = broker.until("every event", |log| sequences(log).contains(&all));
    wait::until("the journal to know", wait::GENEROUS, || (agent.status()["log"]["received"] == all).then_some(()));
    let text = fs::read_to_string(agent.config()).expect("an agent has a configuration");
    fs::write(agent.config(), text.replace("puback", "receipt")).expect("it can be written to");
    assert!(agent.command(&["reload"]).output().expect("the agent's program runs").status.success());
    broker.until("another connection", |log| is_here(log, 2));
    // To the journal it is nothing new.
    receipt(&broker, &epochs(&log)[0], all);
    assert!(scanner.scan("one more").recorded);
    broker.until("what comes next", |log| sequences(log).contains(&(all + 1)));
}

#[test]
fn events_that_were_asked_for_again_come_also_after_a_start() {
    let holds = Arc::new(AtomicBool::new(false));
    let held = Arc::clone(&holds);
    let broker = Scripted::start(move |connection| {
        let held = Arc::clone(&held);
        let now = move |_: &Published| match connection {
            1 if held.load(Ordering::Acquire) => OnPublish::Withhold,
            _ => OnPublish::Ack,
        };
        Behaviour::default().publishes(move |publish| on_event(publish, &now))
    });
    let mut scanner = VirtualScanner::new();
    let mut agent = setup(&broker, &scanner).set("sync.ack_timeout", "60s").start();
    agent.ready();
    let log = broker.until("the first event", |log| !sequences(log).is_empty());
    let epoch = epochs(&log)[0].clone();
    receipt(&broker, &epoch, 1);
    for index in 0..SCANS {
        assert!(scanner.scan(&format!("code-{index}")).recorded);
    }
    let all = SCANS as u64 + 1;
    broker.until("every event", |log| sequences(log).contains(&all));
    let asked = receipt(&broker, &epoch, all);
    broker.until("the receipt to be taken", |log| log.acknowledged.contains(&asked));
    holds.store(true, Ordering::Release);
    let again = json!({
        "specversion": "1.0", "id": "again", "source": "/platform", "type": "parceld.events.resend.v1",
        "data": {"epoch": epoch, "from": 1},
    });
    broker.deliver(&format!("parceld/v1/{SITE}/commands"), again.to_string().as_bytes());
    let file = Connection::open(agent.database()).expect("the database is there");
    wait::until("it to be in the file", wait::GENEROUS, || {
        file.query_row("SELECT value FROM slate WHERE name = 'again_to'", [], |row| row.get::<_, u64>(0)).ok()
    });
    drop(file);
    agent.kill9();
    agent.restart();
    agent.ready();
    broker.until("the agent", |log| is_here(log, 2));
    receipt(&broker, &epoch, all);
    broker.until("all of it again", |log| {
        let later: Vec<u64> = log
            .published
            .iter()
            .filter(|publish| 1 < publish.connection && publish.topic.contains("/events/"))
            .filter_map(|publish| serde_json::from_slice::<Value>(&publish.payload).ok()?["sequence"].as_u64())
            .collect();
        (1..=all).all(|sequence| later.contains(&sequence))
    });
}

#[test]
fn an_alias_that_nobody_offered_ends_the_connection_and_not_the_agent() {
    // A publish without a topic, by an alias that stands for none; and one that makes such an alias.
    let unknown = [0x30, 6, 0, 0, 3, 0x23, 0, 5];
    let made = [&[0x30, 8][..], &[0, 1, b'a', 3, 0x23, 0, 5, b'x']].concat();
    for bytes in [&unknown[..], &made] {
        let broker = Scripted::start(|_| Behaviour::default());
        let mut scanner = VirtualScanner::new();
        let mut agent = start(&broker, &scanner);
        agent.ready();
        broker.until("the first event", |log| !sequences(log).is_empty());
        let process = agent.process().pid();
        broker.write(bytes);
        broker.until("another connection", |log| 1 < log.connected.len());
        assert!(scanner.scan("code").recorded);
        broker.until("the event", |log| sequences(log).len() == 2);
        assert_eq!(agent.process().pid(), process, "{bytes:?}");
    }
}

/// More than are in flight at once.
const BURST: u16 = 1_000;

#[test]
fn more_messages_at_once_than_may_wait_are_all_acknowledged() {
    let broker = Scripted::start(|_| Behaviour::default());
    let scanner = VirtualScanner::new();
    let mut agent = start(&broker, &scanner);
    agent.ready();
    let log = broker.until("the first event", |log| !sequences(log).is_empty());
    let payload = format!(r#"{{"epoch":"{}","sequence":1}}"#, epochs(&log)[0]);
    let mut burst = BytesMut::new();
    for pkid in 1..=BURST {
        let topic = format!("parceld/v1/{SITE}/receipts");
        let publish = Publish { pkid, ..Publish::new(topic, QoS::AtLeastOnce, payload.clone(), None) };
        Packet::Publish(publish).write(&mut burst, None).expect("it can be written");
    }
    broker.write(&burst);
    let log = broker.until("every acknowledgement", |log| usize::from(BURST) <= log.acknowledged.len());
    assert_eq!(log.connected.len(), 1);
}

#[test]
fn commands_that_could_not_be_stored_are_stored_once_there_is_room() {
    let Some(disk) = SmallDisk::mount(8) else { return };
    let broker = Scripted::start(|_| Behaviour::default());
    let scanner = VirtualScanner::new();
    let database = disk.path().join("parceld.db").to_string_lossy().into_owned();
    let mut agent = setup(&broker, &scanner).set("storage.path", database).start();
    agent.ready();
    disk.fill();
    let mut asked = Vec::new();
    let ready = format!("{}/readyz", agent.url());
    wait::until("a full disk to be noticed", wait::GENEROUS, || {
        asked.push(ask(&broker, asked.len()));
        http::get(&ready).is_ok_and(|reply| reply.status == 503).then_some(())
    });
    disk.free();
    let log = broker.until("every acknowledgement", |log| asked.iter().all(|one| log.acknowledged.contains(one)));
    assert_eq!(log.connected.len(), 1);
}

#[test]
fn an_agent_that_stops_before_its_arrival_is_confirmed_says_goodbye() {
    let broker = Scripted::start(|_| Behaviour::default().always(OnPublish::Withhold));
    let scanner = VirtualScanner::new();
    let mut agent = setup(&broker, &scanner).start();
    agent.ready();
    broker.until("online", |log| !log.published.is_empty());
    agent.stop();
    let log = broker.until("the end", |log| log.ended.len() == log.connected.len());
    let goodbye = End::Disconnect(DisconnectReasonCode::NormalDisconnection);
    assert_eq!(log.ended.last().map(|ended| &ended.how), Some(&goodbye));
    let last: Value = serde_json::from_slice(&log.published.last().expect("online").payload).expect("a state is JSON");
    assert_eq!(last["state"], "offline");
}

#[test]
fn a_new_epoch_is_followed_although_the_connection_ended_before_it_was_known() {
    let before = Scripted::start(|_| Behaviour::default());
    let scanner = VirtualScanner::new();
    let mut agent = setup(&before, &scanner).start();
    agent.ready();
    let epoch = epochs(&before.until("the first event", |log| !sequences(log).is_empty()))[0].clone();
    agent.stop();

    let after = Scripted::start(|_| Behaviour::default());
    agent.change(|setup| setup.set("broker.url", after.url().as_str()));
    agent.restart();
    agent.ready();
    after.until("the agent", |log| is_here(log, 1));
    let slow_disk = Connection::open(agent.database()).expect("the database is there");
    slow_disk.execute_batch("BEGIN IMMEDIATE").expect("nobody writes");
    let beyond = receipt(&after, &epoch, 9_000);
    after.until("the receipt to be taken", |log| log.acknowledged.contains(&beyond));
    after.hang_up();
    after.until("the agent again", |log| is_here(log, 2));
    slow_disk.execute_batch("ROLLBACK").expect("a transaction is open");
    receipt(&after, &epoch, 9_000);

    let is_new = |publish: &&Published| publish.payload.windows(8).any(|text| text == b"old_copy");
    let log = after.until("the new epoch", |log| events(log).iter().any(is_new));
    let started = events(&log).into_iter().find(is_new).expect("it is there");
    let started: Value = serde_json::from_slice(&started.payload).expect("an event is JSON");
    assert_eq!(started["sequence"], 1);
    assert_ne!(started["epoch"], epoch.as_str());
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

/// Whether the agent has said on this connection that it is there.
fn is_here(log: &Log, connection: usize) -> bool {
    let online = |publish: &Published| publish.connection == connection && publish.topic.contains("/state/");
    log.published.iter().any(online)
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
