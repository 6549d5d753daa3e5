//! The storage is full in the middle of the work: green is only what is in the file, and red is nothing that is.

use parceld_tests::agent::Agent;
use parceld_tests::disk::SmallDisk;
use parceld_tests::goods::{gtin, order};
use parceld_tests::mqtt_client::MqttClient;
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::site::{Broker, PATIENCE, SITE, Site, assert_gapless};
use parceld_tests::{http, wait};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Room for the database and its log, and for some hundred scans.
const DISK_MEBIBYTES: u32 = 8;
/// More units than are scanned while the disk fills up and is freed again.
const UNITS: u32 = 10_000;
/// Scans of each kind that every scanner has to see.
const ENOUGH: usize = 20;

/// Answers that one scanner got so far.
#[derive(Default)]
struct Seen {
    green: AtomicUsize,
    red: AtomicUsize,
}

#[test]
fn nothing_is_green_that_is_not_in_the_file_and_nothing_red_that_is() {
    let Some(disk) = SmallDisk::mount(DISK_MEBIBYTES) else { return };
    let database = disk.path().join("parceld.db");
    let path = database.to_string_lossy().into_owned();
    let mut site =
        Site::with(Broker::mosquitto(), |setup| setup.set("storage.path", path).set("storage.low_space", "0MiB"));
    site.platform.put_order(SITE, &order("o1", "dhl", &format!("{UNITS}xA")));
    site.until_accepted(1);
    site.scan(0, "O1");

    let (stop, seen) = (AtomicBool::new(false), [Seen::default(), Seen::default()]);
    let until_each = |what: &str, count: fn(&Seen) -> &AtomicUsize| {
        let before = seen.each_ref().map(|seen| count(seen).load(Ordering::Relaxed));
        let has_enough = |(seen, before): (&Seen, usize)| before + ENOUGH <= count(seen).load(Ordering::Relaxed);
        wait::until(what, PATIENCE, || seen.iter().zip(before).all(has_enough).then_some(()));
    };
    let (agent, process) = (&site.agent, site.agent.process().pid());
    let (one, others) = site.scanners.split_at_mut(1);
    let (units, [saved, unsaved]) = thread::scope(|both| {
        let _shift = Shift(&stop);
        let picker = both.spawn(|| pick(&mut one[0], &stop, &seen[0]));
        let reader = both.spawn(|| read(&mut others[0], &stop, &seen[1]));
        until_each("green answers", |seen| &seen.green);
        disk.fill();
        until_each("red answers", |seen| &seen.red);
        let verdict = until_verdict(agent, "stopped");
        assert_eq!(verdict["findings"][0]["fault"], "disk_full", "{verdict}");
        let page = http::get(&agent.url()).expect("the page answers").success().body;
        assert!(page.contains(verdict["what"].as_str().expect("a verdict says what")), "{verdict} {page}");
        assert_eq!(http::get(&format!("{}/readyz", agent.url())).expect("the page answers").status, 503);
        disk.free();
        until_each("green answers after there is room again", |seen| &seen.green);
        stop.store(true, Ordering::Relaxed);
        (picker.join().expect("staff go home"), reader.join().expect("staff go home"))
    });

    let verdict = until_verdict(agent, "well");
    let page = http::get(&agent.url()).expect("the page answers").success().body;
    assert!(page.contains(verdict["what"].as_str().expect("a verdict says what")), "{verdict} {page}");
    assert_eq!(site.agent.process().pid(), process);
    let in_file = Events::of(&database);
    assert_eq!(in_file.units, units, "units that were green");
    assert_eq!(in_file.refused, saved, "codes that were answered as stored");
    assert!(in_file.refused.is_disjoint(&unsaved), "codes that were answered as not saved");
    site.until_synced();
    let events = site.events();
    assert_gapless(&events);
    assert_eq!(Events::told(&events), in_file, "the platform's and the file's");
}

/// Sends staff home also where the test has failed, or it would wait for them for ever.
struct Shift<'a>(&'a AtomicBool);

impl Drop for Shift<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Of commands that can't be stored some are held; the broker has the others, and gives them once there is room.
#[test]
fn more_commands_than_are_held_wait_at_the_broker_until_there_is_room() {
    const COMMANDS: usize = 40;
    /// As many as the agent lets the broker give it unacknowledged.
    const GIVEN: usize = 32;
    const LARGE: usize = 90 * 1024;
    let Some(disk) = SmallDisk::mount(DISK_MEBIBYTES) else { return };
    let path = disk.path().join("parceld.db").to_string_lossy().into_owned();
    let mut site =
        Site::with(Broker::mosquitto(), |setup| setup.set("storage.path", path).set("storage.low_space", "0MiB"));
    let shop = MqttClient::connect(site.broker.port(), "shop");
    let extension = "x".repeat(LARGE);
    disk.fill();
    wait::until("a scan that is not saved", PATIENCE, || (!site.scanners[1].scan("unknown").recorded).then_some(()));
    for index in 0..COMMANDS {
        let mut command = serde_json::json!({
            "specversion": "1.0", "id": format!("waits-{index}"), "source": "/shop", "extension": extension,
            "type": "parceld.order.put.v1", "data": order(&format!("o{index}"), "dhl", "1xA"),
        });
        command["data"]["revision"] = 1.into();
        shop.publish_json(&format!("parceld/v1/{SITE}/commands"), &command);
    }
    let said = |word: &str| site.agent.log().matches(word).count();
    wait::until("more refusals than are held", PATIENCE, || {
        (GIVEN <= said("a command could not be stored")).then_some(())
    });
    disk.free();
    site.until_accepted(COMMANDS);
    assert_eq!(said("connecting anew for the others"), 1);
    site.until_synced();
    let events = site.events();
    assert_gapless(&events);
    let accepted: Vec<&str> = events
        .iter()
        .filter(|event| event["type"] == "parceld.order.accepted.v1")
        .map(|event| event["subject"].as_str().expect("an order has its id"))
        .collect();
    let put: Vec<String> = (0..COMMANDS).map(|index| format!("orders/o{index}")).collect();
    assert_eq!(accepted, put, "each once, in the order in which they were put");
}

/// Room that is kept for cursors; small, since the disk is.
const BALLAST: &str = "1MiB";

#[test]
fn a_full_disk_forgets_no_receipt_and_sends_nothing_again() {
    let Some(disk) = SmallDisk::mount(DISK_MEBIBYTES) else { return };
    let database = disk.path().join("parceld.db");
    let path = database.to_string_lossy().into_owned();
    let mut site = Site::with(Broker::mosquitto(), |setup| {
        setup
            .set("storage.path", path)
            .set("storage.low_space", "0MiB")
            .set("storage.ballast", BALLAST)
            .set("sync.receipt_timeout", "5s")
    });
    site.platform.put_order(SITE, &order("o1", "dhl", &format!("{UNITS}xA")));
    site.until_accepted(1);
    site.scan(0, "O1");
    site.until_received();
    let heard = MqttClient::connect(site.broker.port(), "counts");
    heard.subscribe(&format!("parceld/v1/{SITE}/events/#"));
    // The platform is away, so that there is something unreceived when the disk gets full.
    site.platform.stop();

    let (stop, seen) = (AtomicBool::new(false), [Seen::default(), Seen::default()]);
    let until_each = |what: &str, count: fn(&Seen) -> &AtomicUsize| {
        let before = seen.each_ref().map(|seen| count(seen).load(Ordering::Relaxed));
        let has_enough = |(seen, before): (&Seen, usize)| before + ENOUGH <= count(seen).load(Ordering::Relaxed);
        wait::until(what, PATIENCE, || seen.iter().zip(before).all(has_enough).then_some(()));
    };
    let process = site.agent.process().pid();
    let (one, others) = site.scanners.split_at_mut(1);
    let (agent, platform) = (&site.agent, &mut site.platform);
    let (units, [saved, unsaved]) = thread::scope(|both| {
        let _shift = Shift(&stop);
        let picker = both.spawn(|| pick(&mut one[0], &stop, &seen[0]));
        let reader = both.spawn(|| read(&mut others[0], &stop, &seen[1]));
        until_each("green answers", |seen| &seen.green);
        disk.fill();
        until_each("red answers", |seen| &seen.red);

        let before = cursors(&database);
        let head = agent.status()["log"]["head"].as_u64().expect("a number");
        assert!(before.received < head, "something waits for its receipt: {before:?} of {head}");
        // Commands come while it is full, and so do receipts.
        platform.restart();
        platform.put_order(SITE, &order("o2", "dhl", "1xB"));
        wait::until("cursors in the file to move while it is full", PATIENCE, || {
            let now = cursors(&database);
            (now.received == head && now.sent == head).then_some(())
        });
        until_each("red answers all the while", |seen| &seen.red);
        let told = heard.messages().len() as u64;
        // Once each, and one probe of a window for each time that receipts stood still.
        assert!(told <= 4 * head, "{told} publishes for {head} events");
        let still = heard.messages().len();
        until_each("more red answers", |seen| &seen.red);
        assert_eq!(heard.messages().len(), still, "nothing is sent again that is received");
        assert_eq!(agent.status()["verdict"]["findings"][0]["fault"], "disk_full");

        disk.free();
        until_each("green answers after there is room again", |seen| &seen.green);
        stop.store(true, Ordering::Relaxed);
        (picker.join().expect("staff go home"), reader.join().expect("staff go home"))
    });

    until_verdict(&site.agent, "well");
    assert_eq!(site.agent.process().pid(), process);
    let ballast = fs::metadata(database.with_extension("db.ballast"));
    assert!(ballast.is_ok_and(|found| 0 < found.len()), "room is kept again");
    // The command that came while it was full, and was asked again.
    site.until_accepted(1);
    let in_file = Events::of(&database);
    assert_eq!((in_file.units, &in_file.refused), (units, &saved));
    assert!(in_file.refused.is_disjoint(&unsaved), "codes that were answered as not saved");
    site.until_synced();
    let events = site.events();
    assert_gapless(&events);
    assert_eq!(Events::told(&events), in_file, "the platform's and the file's");
}

#[derive(Debug)]
struct Cursors {
    sent: u64,
    received: u64,
}

/// As the file has them.
fn cursors(database: &Path) -> Cursors {
    let file = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the file opens");
    let cursor = |name: &str| {
        let row = file.query_row("SELECT value FROM slate WHERE name = ?1", [name], |row| row.get::<_, i64>(0));
        u64::try_from(row.unwrap_or_default()).expect("no cursor is negative")
    };
    Cursors { sent: cursor("sent"), received: cursor("received") }
}

/// Scans unit after unit of the open order; returns how many were green.
fn pick(scanner: &mut VirtualScanner, stop: &AtomicBool, seen: &Seen) -> usize {
    let code = gtin('A');
    while !stop.load(Ordering::Relaxed) {
        scan(scanner, &code, seen);
    }
    seen.green.load(Ordering::Relaxed)
}

/// Scans codes that nobody knows, each once; returns those that were stored, and those that were not.
fn read(scanner: &mut VirtualScanner, stop: &AtomicBool, seen: &Seen) -> [BTreeSet<String>; 2] {
    let (mut saved, mut unsaved) = (BTreeSet::new(), BTreeSet::new());
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let code = format!("nobody-knows-{number}");
        let codes = if scan(scanner, &code, seen) { &mut saved } else { &mut unsaved };
        codes.insert(code);
    }
    [saved, unsaved]
}

fn scan(scanner: &mut VirtualScanner, code: &str, seen: &Seen) -> bool {
    let answer = scanner.scan(code);
    let count = if answer.recorded { &seen.green } else { &seen.red };
    count.fetch_add(1, Ordering::Relaxed);
    answer.recorded
}

/// Waits until the agent says so of itself, and returns all that it says about it.
fn until_verdict(agent: &Agent, state: &str) -> Value {
    wait::until(&format!("the verdict {state}"), wait::GENEROUS, || {
        Some(agent.status()["verdict"].take()).filter(|verdict| verdict["state"] == state)
    })
}

/// What became of the scans.
#[derive(Debug, PartialEq, Eq)]
struct Events {
    units: usize,
    refused: BTreeSet<String>,
}

impl Events {
    /// As the file has them, read by somebody else.
    fn of(database: &Path) -> Events {
        let file = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE).expect("the file opens");
        let mut rows = file.prepare("SELECT kind, data ->> 'code' FROM events").expect("the file is whole");
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("the file is whole");
        Events::from_rows(rows.map(|row| row.expect("the file is whole")))
    }

    /// As the platform was told of them.
    fn told(events: &[Value]) -> Events {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let kind = |event: &Value| {
            let kind = event["type"].as_str().expect("an event has its type");
            kind.trim_start_matches("parceld.").trim_end_matches(".v1").to_owned()
        };
        Events::from_rows(events.iter().map(|event| (kind(event), text(&event["data"]["code"]))))
    }

    fn from_rows(rows: impl Iterator<Item = (String, Option<String>)>) -> Events {
        let mut events = Events { units: 0, refused: BTreeSet::new() };
        for (kind, code) in rows {
            match kind.as_str() {
                "pick.item_picked" => events.units += 1,
                "site.scan_refused" => {
                    let code = code.expect("a refused scan has its code");
                    assert!(events.refused.insert(code.clone()), "{code} stands twice");
                }
                _ => {}
            }
        }
        events
    }
}
