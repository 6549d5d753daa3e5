//! A site that was cut off for long comes back with all that it has recorded: memory stays what it was, whoever scans
//! meanwhile waits for nothing, and order is kept.
//!
//! A real agent and mosquitto; the platform is a subscriber that only checks places and gives receipts. Events are made as
//! they always are, by scanners that send as fast as they are answered. `PARCELD_BIN_DIR` names a released build's
//! directory: of a debug build, which is many times as slow and larger, memory is only held against itself.

use parceld_tests::agent::{Agent, AgentSetup};
use parceld_tests::binaries;
use parceld_tests::mosquitto::{Mosquitto, Options};
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::site::SITE;
use parceld_tests::upstream::{Yardstick, scan_all};
use parceld_tests::wait::{self, Stopwatch};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{Client, Connection, Event, MqttOptions};
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// So many scanners fill the log at once.
const SCANNERS: usize = 8;
/// Codes that a scanner sends before it waits for their answers.
const IN_FLIGHT: usize = 64;

/// What a released build may have, in bytes.
const MEMORY_MAX: u64 = 16_000_000;
/// What draining may add to what the agent had written to before: pages of its program come when they are first needed.
const MEMORY_MORE: u64 = 4_000_000;

const RECEIPT_EVERY: u64 = 100;
const RECEIPT_AFTER: Duration = Duration::from_millis(500);

/// By hand, when everything is recorded and nothing is sent.
const SCANS_BEFORE: usize = 200;

/// Of a whole million, on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(3_000);

#[test]
#[ignore = "long"]
fn a_million_events_that_waited_arrive_in_order_while_people_scan() {
    drain(1_000_000);
}

#[test]
fn thousands_of_events_that_waited_arrive_in_order_while_people_scan() {
    drain(10_000);
}

fn drain(events: u64) {
    let mut broker = Mosquitto::with(Options { max_queued_messages: Some(0), ..Options::default() });
    broker.stop();
    let mut scanners: Vec<VirtualScanner> = (0..=SCANNERS).map(|_| VirtualScanner::new()).collect();
    let mut setup = AgentSetup::new(SITE, &broker.url()).station("bench", "pack");
    for (number, scanner) in scanners.iter().enumerate() {
        setup = setup.scanner(&format!("scanner-{number}"), "bench", scanner.port());
    }
    binaries::forget(&binaries::workspace("parceld"));
    let mut agent = setup.start();
    agent.ready();
    let mut hand = scanners.pop().expect("one more than fill the log");

    let clock = Stopwatch::start();
    fill(&scanners, events as usize);
    let usual = Yardstick::of(scan_all(&mut hand, (0..SCANS_BEFORE).map(|_| "before")));
    let head = head(&agent);
    assert!(events <= head, "{head} events are recorded");
    println!("{head} events recorded in {:.1?}", clock.elapsed());
    let before = agent.process().memory();

    broker.restart();
    let platform = Subscriber::start(broker.port());
    let clock = Stopwatch::start();
    let (mut most, mut took_each, mut scanned) = (before, Vec::new(), 0);
    wait::until("everything that waited to arrive", PATIENCE, || {
        let codes: Vec<String> = (scanned..scanned + 20).map(|number| format!("meanwhile-{number}")).collect();
        scanned += codes.len();
        took_each.extend(scan_all(&mut hand, codes.iter().map(String::as_str)));
        most = most.max(agent.process().memory());
        (head <= platform.last()).then_some(())
    });
    let took = clock.elapsed();
    let all = self::head(&agent);
    wait::until("what was scanned meanwhile", wait::GENEROUS, || {
        let log = &agent.status()["log"];
        (log["received"] == all && platform.last() == all).then_some(())
    });
    let after = agent.process().memory();
    let p99 = usual.assert_in_time(took_each);
    let [before_mb, most_mb, after_mb] = [before, most, after].map(|memory| memory.all() as f64 / 1e6);
    let written_mb = most.written as f64 / 1e6;
    println!(
        "drained in {took:.1?}, {:.0} events per s, {} came again; memory {before_mb:.1} MB before, {most_mb:.1} at most \
         ({written_mb:.1} of it written to), {after_mb:.1} after; {scanned} scans meanwhile, answered within {p99:.1?} (p99)",
        head as f64 / took.as_secs_f64(),
        platform.repeated(),
    );
    assert_eq!(platform.wrong(), None, "each came in its place");
    let (before, most, all) = (before.written, most.written, most.all());
    assert!(most <= before + MEMORY_MORE, "what it has written to grew from {before} to {most} bytes");
    let is_debug = binaries::workspace("parceld").parent().is_some_and(|directory| directory.ends_with("debug"));
    assert!(is_debug || all <= MEMORY_MAX, "{all} bytes of memory");
}

fn head(agent: &Agent) -> u64 {
    agent.status()["log"]["head"].as_u64().expect("a log has a head")
}

/// An event for each code, since nobody knows them.
fn fill(scanners: &[VirtualScanner], count: usize) {
    thread::scope(|all| {
        for (scanner, which) in scanners.iter().zip(0..) {
            all.spawn(move || {
                let mut numbers = (which..count).step_by(scanners.len()).peekable();
                while numbers.peek().is_some() {
                    let codes: Vec<String> =
                        numbers.by_ref().take(IN_FLIGHT).map(|number| format!("waits-{number}\r\n")).collect();
                    scanner.line().write(codes.concat().as_bytes());
                    let mut answered = 0;
                    while answered < codes.len() {
                        let bytes = scanner.line().read(wait::GENEROUS);
                        assert!(!bytes.is_empty(), "no answer");
                        assert!(!bytes.contains(&NAK), "a scan was not saved");
                        answered += bytes.iter().filter(|byte| **byte == ACK).count();
                    }
                }
            });
        }
    });
}

const ACK: u8 = 0x06;
const NAK: u8 = 0x15;

/// Takes every event, checks its place, and gives receipts as the contract asks for.
struct Subscriber {
    seen: Arc<Seen>,
    client: Client,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    /// Everything up to here came, in order.
    last: AtomicU64,
    repeated: AtomicU64,
    epoch: Mutex<String>,
    /// The first event that came too early, and what should have come.
    wrong: Mutex<Option<(u64, u64)>>,
    ends: AtomicBool,
}

impl Subscriber {
    fn start(port: u16) -> Subscriber {
        let seen = Arc::new(Seen::default());
        let mut options = MqttOptions::new("platform", "127.0.0.1", port);
        options.set_keep_alive(Duration::from_secs(30)).set_max_packet_size(Some(256 * 1024));
        let (client, connection) = Client::new(options, 1_000);
        client.subscribe(format!("parceld/v1/{SITE}/events/#"), QoS::AtLeastOnce).expect("the client takes it");
        let (hearing, telling, to_tell) = (Arc::clone(&seen), Arc::clone(&seen), client.clone());
        let threads =
            vec![thread::spawn(move || hearing.hear(connection)), thread::spawn(move || telling.tell(&to_tell))];
        Subscriber { seen, client, threads }
    }

    fn last(&self) -> u64 {
        self.seen.last.load(Ordering::Acquire)
    }

    fn repeated(&self) -> u64 {
        self.seen.repeated.load(Ordering::Acquire)
    }

    fn wrong(&self) -> Option<(u64, u64)> {
        *lock(&self.seen.wrong)
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.seen.ends.store(true, Ordering::Release);
        let _ = self.client.disconnect();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Seen {
    fn hear(&self, mut connection: Connection) {
        for event in connection.iter() {
            match event {
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    let event: Place = serde_json::from_slice(&publish.payload).expect("an event is JSON");
                    *lock(&self.epoch) = event.epoch;
                    self.take(event.sequence);
                }
                Ok(_) => {}
                Err(_) if self.ends.load(Ordering::Acquire) => return,
                Err(error) => panic!("the subscriber lost its broker: {error}"),
            }
        }
    }

    fn tell(&self, client: &Client) {
        let (mut told, mut told_at) = (0, Stopwatch::start());
        while !self.ends.load(Ordering::Acquire) {
            let last = self.last.load(Ordering::Acquire);
            if told + RECEIPT_EVERY <= last || (told < last && RECEIPT_AFTER <= told_at.elapsed()) {
                let receipt = json!({ "epoch": *lock(&self.epoch), "sequence": last }).to_string();
                let topic = format!("parceld/v1/{SITE}/receipts");
                client.publish(topic, QoS::AtLeastOnce, true, receipt).expect("the client takes it");
                (told, told_at) = (last, Stopwatch::start());
            }
            wait::a_moment();
        }
    }

    fn take(&self, sequence: u64) {
        let next = self.last.load(Ordering::Acquire) + 1;
        if sequence == next {
            self.last.store(sequence, Ordering::Release);
        } else if sequence < next {
            self.repeated.fetch_add(1, Ordering::AcqRel);
        } else {
            lock(&self.wrong).get_or_insert((sequence, next));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(serde::Deserialize)]
struct Place {
    epoch: String,
    sequence: u64,
}
