//! The agent dies without a word, again and again, while staff go on scanning: what was green is stored and told once, in
//! order, and the agent is soon back.
//!
//! A life ends while the agent still starts, or after some scans: a seed says which, and how long after. Staff scan only
//! while the agent has their lines open, and see at once when it dies over a scan: whether that one counts they don't
//! know, and scan it again, as people do.

use parceld_tests::goods::{gtin, order};
use parceld_tests::mqtt_client::MqttClient;
use parceld_tests::random::{Random, SEED_VARIABLE, seed_or};
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::site::{Broker, PATIENCE, SITE, Site, assert_gapless};
use parceld_tests::stored::Stored;
use parceld_tests::wait::{self, Stopwatch};
use rusqlite::Connection;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// Another seed kills at other moments.
const SEED: u64 = 20_261_126;

/// Sites that live side by side, and how often the agent of each is killed.
const SITES: u64 = 2;
const KILLS_EACH: usize = 100;
const KILLS_EACH_OF_LONG: usize = 1_000;

const LETTERS: [char; 6] = ['A', 'B', 'C', 'D', 'E', 'F'];
/// More units than are scanned while the agent dies as often as that.
const UNITS_EACH: u32 = 9_000;

/// One life in so many ends before it has begun.
const ONE_AT_START_IN: usize = 3;
/// The longest that staff can scan in a life.
const SHIFT_MS_MAX: usize = 25;
/// One of those lasts until the broker has something new.
const ONE_UNTIL_TOLD_IN: usize = 6;
/// A life in which they can is one with at least this: a scan of each, or the agent is killed for nothing.
const SCANS_MIN: u32 = 2;

/// How often staff look whether the agent has died.
const LOOK_EVERY: Duration = Duration::from_millis(5);

#[test]
fn every_green_is_stored_and_told_once_although_the_agent_is_killed_two_hundred_times() {
    on_all_sites(KILLS_EACH);
}

#[test]
#[ignore = "long"]
fn every_green_is_stored_and_told_once_although_the_agent_is_killed_two_thousand_times() {
    on_all_sites(KILLS_EACH_OF_LONG);
}

fn on_all_sites(kills: usize) {
    let seed = seed_or(SEED);
    eprintln!("{SEED_VARIABLE}={seed}");
    thread::scope(|scope| {
        let sites = (0..SITES).map(|site| scope.spawn(move || die(&mut Random::stream(seed, site), kills)));
        let sites: Vec<_> = sites.collect();
        sites.into_iter().for_each(|site| site.join().expect("a site comes through"));
    });
}

/// Which life staff can scan in; none while the agent is dead or starts.
#[derive(Debug, Default)]
struct Shift {
    life: AtomicU32,
    over: AtomicBool,
    scanned: AtomicU32,
}

impl Shift {
    fn life(&self) -> Option<u32> {
        Some(self.life.load(Ordering::Relaxed)).filter(|life| *life != 0)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Waits for a life to scan in, also where the shift is over: the last life is one.
    fn open(&self) -> u32 {
        wait::until("a life to scan in", PATIENCE, || self.life())
    }

    /// Waits for a life to scan in; none where the shift is over.
    fn begin(&self) -> Option<u32> {
        loop {
            match self.life() {
                _ if self.is_over() => return None,
                Some(life) => return Some(life),
                None => wait::a_moment(),
            }
        }
    }
}

/// Sends staff home also where the test has failed, or it would wait for them for ever.
struct End<'a>(&'a Shift);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

/// What staff were told.
#[derive(Debug, Default)]
struct Told {
    units: usize,
    green: BTreeSet<String>,
    /// The agent died over these.
    unknown: BTreeSet<String>,
}

fn die(random: &mut Random, kills: usize) {
    let mut site = Site::start(Broker::embedded());
    let heard = MqttClient::connect(site.broker.port(), "counts");
    heard.subscribe(&format!("parceld/v1/{SITE}/events/#"));
    let lines: Vec<String> = LETTERS.iter().map(|letter| format!("{UNITS_EACH}x{letter}")).collect();
    site.platform.put_order(SITE, &order("o1", "dhl", &lines.join(" ")));
    site.until_accepted(1);
    site.scan(0, "O1");

    let shift = Shift::default();
    let (mut at_start, mut slowest) = (0, Duration::ZERO);
    let mut usual = Duration::from_millis(200);
    let (one, others) = site.scanners.split_at_mut(1);
    let (database, agent) = (site.agent.database(), &mut site.agent);
    let told = thread::scope(|both| {
        let _end = End(&shift);
        let picker = both.spawn(|| pick(&mut one[0], &shift));
        let reader = both.spawn(|| read(&mut others[0], &shift));
        shift.life.store(1, Ordering::Relaxed);
        for life in 2.. {
            let before = shift.scanned.load(Ordering::Relaxed);
            if shift.life().is_some() {
                wait::until("scans in a life", PATIENCE, || {
                    (before + SCANS_MIN <= shift.scanned.load(Ordering::Relaxed)).then_some(())
                });
                if random.once_in(ONE_UNTIL_TOLD_IN) {
                    let told = heard.messages().len();
                    wait::until("something new at the broker", PATIENCE, || {
                        (told < heard.messages().len()).then_some(())
                    });
                }
                pass(Duration::from_millis(random.below(SHIFT_MS_MAX) as u64));
            }
            agent.kill9();
            shift.life.store(0, Ordering::Relaxed);
            let clock = Stopwatch::start();
            agent.restart();
            let is_last = life == kills + 1;
            if !is_last && random.once_in(ONE_AT_START_IN) {
                at_start += 1;
                pass(usual.mul_f64(random.below(100) as f64 / 100.0));
                continue;
            }
            agent.ready();
            usual = clock.elapsed();
            slowest = slowest.max(usual);
            shift.life.store(life as u32, Ordering::Relaxed);
            if is_last {
                break;
            }
        }
        shift.over.store(true, Ordering::Relaxed);
        [picker, reader].map(|staff| staff.join().expect("staff go home"))
    });

    site.until_synced();
    let events = site.events();
    assert_gapless(&events);
    let ids: BTreeSet<&str> = events.iter().filter_map(|event| event["id"].as_str()).collect();
    assert_eq!(ids.len(), events.len(), "the platform has applied every event once");
    assert_eq!(site.platform.site(SITE).expect("the platform knows the site")["conflicts"], Value::Array(Vec::new()));
    site.agent.stop();
    let stored = Stored::read(&database).expect("the database can be read");
    assert_eq!(stored.is_whole(), Ok(()));
    let [picked, read] = told;
    assert_eq!(stored.of("pick.item_picked").count(), picked.units, "units that were green");
    for code in &read.green {
        assert_eq!(stored.refused(code), 1, "{code} was green");
    }
    for code in &read.unknown {
        assert!(stored.refused(code) <= 1, "{code} was scanned once");
    }
    let applied: BTreeSet<&str> = ids;
    let missing = stored.events.iter().filter(|event| !applied.contains(event.id.as_str()));
    // What the orderly stop records comes after the platform was asked.
    assert!(missing.clone().all(|event| event.kind == "site.stopped"), "{:?}", missing.collect::<Vec<_>>());
    let told = heard.messages().len();
    assert!(events.len() <= told, "each was published");
    eprintln!(
        "{kills} kills, {at_start} of them at a start: {} units and {} codes green, {} unanswered; {} events published \
         {told} times; slowest start {slowest:.2?}",
        picked.units,
        read.green.len(),
        read.unknown.len() + picked.unknown.len(),
        events.len(),
    );
    assert!(kills / 4 <= picked.units && kills / 4 <= read.green.len(), "staff could work");
}

/// What counts as received goes by more than the broker's word, although broker and agent die with what the broker took.
#[test]
fn nothing_is_forgotten_that_only_the_broker_had() {
    assert_eq!(forgotten("receipt"), 0);
    let found_out = forgotten("puback");
    assert!(0 < found_out, "forgetting on the broker's acknowledgement is found out");
}

/// Scans that only the broker takes before it dies, and the agent with it. How many events the agent has forgotten in the
/// end that the platform never got.
fn forgotten(forget: &str) -> u64 {
    const SCANS: usize = 20;
    let mut site =
        Site::with(Broker::mosquitto(), |setup| setup.set("sync.forget", forget).set("sync.receipt_timeout", "3s"));
    site.platform.put_order(SITE, &order("o1", "dhl", &format!("{UNITS_EACH}xA {UNITS_EACH}xB")));
    site.until_accepted(1);
    site.scan(0, "O1");
    site.until_received();
    site.platform.process().pause();
    for unit in 0..SCANS {
        site.scan(0, &gtin(LETTERS[unit % 2]));
    }
    wait::until("the broker's word for everything in the file", PATIENCE, || {
        // The schedule may have something to say meanwhile.
        let head = site.agent.status()["log"]["head"].as_i64().expect("a number");
        (cursor(&site.agent.database(), "sent") == head).then_some(())
    });
    let connections = |site: &Site| match &site.broker {
        Broker::Mosquitto(broker) => broker.process().log().matches("as parceld-platform").count(),
        Broker::Embedded(_) | Broker::Secured(_) => unreachable!("this one's log tells who comes"),
    };
    let before = connections(&site);
    site.agent.kill9();
    site.broker.kill9();
    site.platform.process().resume();
    site.broker.restart();
    // What the agent publishes before would be acknowledged, and heard by nobody.
    wait::until("the platform to be back", PATIENCE, || (before < connections(&site)).then_some(()));
    site.agent.restart();
    site.agent.ready();
    site.scan(1, "nobody-knows-this");
    wait::until("everything at the platform, or the agent to believe that", PATIENCE, || {
        let (log, known) = (&site.agent.status()["log"], site.platform.site(SITE)?);
        let (head, received) = (log["head"].as_u64()?, log["received"].as_u64()?);
        let applied = known["sequence"].as_u64()?;
        let is_stuck = received == head && 0 < known["gaps"].as_u64()?;
        (applied == head || is_stuck).then(|| received.saturating_sub(applied))
    })
}

fn cursor(database: &Path, name: &str) -> i64 {
    let file = Connection::open(database).expect("the database can be opened");
    let row = file.query_row("SELECT value FROM slate WHERE name = ?1", [name], |row| row.get(0));
    row.unwrap_or_default()
}

/// What a site records in a month.
const EVENTS: i64 = 100_000;
/// Scans that lie in the write-ahead log when the agent dies.
const UNFOLDED: usize = 200;
const STARTS: usize = 5;
/// Of a processor, which a busy machine gives later: two seconds until the answer leave the rest to the disk.
const PROCESSOR_S_MAX: f64 = 1.0;

#[test]
fn an_agent_with_a_hundred_thousand_events_needs_a_second_to_be_back() {
    let mut site = Site::start(Broker::embedded());
    site.platform.put_order(SITE, &order("o1", "dhl", &format!("{UNITS_EACH}xA {UNITS_EACH}xB")));
    site.until_accepted(1);
    site.scan(0, "O1");
    site.agent.stop();
    site.broker.kill9();
    fill(&site.agent.database());
    site.agent.restart();
    site.agent.ready();
    let (mut took, mut worked_s) = (Vec::new(), Vec::new());
    for start in 0..STARTS {
        for unit in 0..UNFOLDED / if start == 0 { 1 } else { STARTS } {
            site.scan(0, &gtin(LETTERS[unit % 2]));
        }
        site.agent.kill9();
        let clock = Stopwatch::start();
        site.agent.restart();
        site.agent.ready();
        site.scan(1, &format!("after-crash-{start}"));
        took.push(clock.elapsed());
        worked_s.push(site.agent.process().cpu_seconds());
    }
    took.sort_unstable();
    worked_s.sort_unstable_by(f64::total_cmp);
    eprintln!("with {EVENTS} events stored, from start to first answer: {took:.2?}, processor: {worked_s:.2?} s");
    assert!(worked_s[STARTS / 2] <= PROCESSOR_S_MAX, "{worked_s:.2?}");
    site.agent.stop();
    let stored = Stored::read(&site.agent.database()).expect("the database can be read");
    assert_eq!(stored.is_whole(), Ok(()));
    assert!(EVENTS as usize <= stored.events.len());
}

/// Copies of the log's last unit, which the platform has received.
fn fill(database: &Path) {
    let file = Connection::open(database).expect("the database can be opened");
    let columns = "at, uptime_s, synced, kind, station, operator, subject, data, boot, since_boot_us";
    let filled = file.execute_batch(&format!(
        "BEGIN;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {EVENTS})
         INSERT INTO events (place, id, {columns})
             SELECT (SELECT max(place) FROM events) + i, randomblob(16), {columns} FROM n,
                 (SELECT {columns} FROM events WHERE kind = 'pack.started' ORDER BY place DESC LIMIT 1);
         UPDATE slate SET value = (SELECT max(place) FROM events) WHERE name IN ('sent', 'received');
         COMMIT;"
    ));
    filled.expect("the log takes more");
}

/// A time of which a seed says how long it is.
fn pass(time: Duration) {
    let clock = Stopwatch::start();
    while clock.elapsed() < time {
        wait::a_moment();
    }
}

/// Scans unit after unit; when the agent has died over one, the same one again.
///
/// "Perhaps counted" is the answer to the second scan where the first had counted before the crash.
fn pick(scanner: &mut VirtualScanner, shift: &Shift) -> Told {
    const LOOK: u8 = 2;
    let mut told = Told::default();
    'units: loop {
        let code = gtin(LETTERS[told.units % LETTERS.len()]);
        let mut again = false;
        let beeps = loop {
            let Some(life) = (if again { Some(shift.open()) } else { shift.begin() }) else { break 'units };
            match scan_in(scanner, shift, life, &code) {
                Some(beeps) => break beeps,
                None => {
                    told.unknown.insert(format!("unit {} in life {life}", told.units));
                    again = true;
                }
            }
        };
        match beeps {
            0 => {}
            LOOK if again => {}
            beeps => panic!("{beeps} beeps for unit {}, again: {again}", told.units),
        }
        told.units += 1;
    }
    told
}

/// Scans codes that nobody knows, each once.
fn read(scanner: &mut VirtualScanner, shift: &Shift) -> Told {
    let mut told = Told::default();
    for number in 0.. {
        let Some(life) = shift.begin() else { break };
        let code = format!("nobody-knows-{number}");
        let codes = match scan_in(scanner, shift, life, &code) {
            Some(_) => &mut told.green,
            None => &mut told.unknown,
        };
        codes.insert(code);
    }
    told
}

/// How often the answer beeped; none where the agent died over the scan.
fn scan_in(scanner: &mut VirtualScanner, shift: &Shift, life: u32, code: &str) -> Option<u8> {
    let waiting = Stopwatch::start();
    scanner.drain();
    scanner.send(code);
    loop {
        // Looked at before the line: what a dead agent has written is there by then.
        let is_dead = shift.life() != Some(life);
        if let Some(answer) = scanner.answer(LOOK_EVERY) {
            assert!(answer.recorded, "{code} was not saved");
            shift.scanned.fetch_add(1, Ordering::Relaxed);
            return Some(answer.beeps);
        }
        if is_dead {
            return None;
        }
        assert!(waiting.elapsed() < PATIENCE, "no answer to {code}");
    }
}
