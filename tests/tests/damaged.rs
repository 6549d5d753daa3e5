//! The database is damaged: the site scans on, the platform gets everything that can be read, once, and people are told.

use parceld_tests::goods::{catalog, gtin, order, stock};
use parceld_tests::random::{self, Random};
use parceld_tests::site::{Broker, PATIENCE, SITE, Site, assert_gapless};
use parceld_tests::tempdir::TempDir;
use parceld_tests::{http, trace, wait};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const BENCH: usize = 0;
const OTHER_BENCH: usize = 1;
const PAGE: u64 = 2_048;
const UNITS: usize = 4;
const ORDERS: usize = 12;

/// Beeps after the acknowledgement: of a scan that counted, and of one that is asked about.
const COUNTED: [u8; 2] = [0, 1];
const LOOK: u8 = 2;

/// An agent that is there answers well within this.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// Nobody scans one thing more often.
const SCANS_MAX: u32 = 10;

struct Floor {
    site: Site,
    /// Units that were green, by their order.
    green: BTreeMap<String, usize>,
}

impl Floor {
    fn start() -> Floor {
        let site = Site::start(Broker::mosquitto());
        site.platform.put_catalog(SITE, &catalog("AB"));
        site.platform.set_stock(SITE, &stock("AB", 1_000));
        for number in 1..=ORDERS {
            site.platform.put_order(SITE, &order(&format!("o{number}"), "dhl", &format!("{UNITS}xA")));
        }
        site.until_accepted(ORDERS);
        Floor { site, green: BTreeMap::new() }
    }

    /// Scans so many units into an order, which is open or is opened.
    fn pack(&mut self, scanner: usize, number: usize, units: usize, is_open: bool) {
        let id = format!("o{number}");
        if !is_open {
            self.count(scanner, &id);
        }
        for _ in 0..units {
            self.count(scanner, &gtin('A'));
            *self.green.entry(id.clone()).or_default() += 1;
        }
    }

    /// Scans as staff do: again where there is no answer, since the agent starts over, and where it asks whether the one
    /// before had counted.
    fn count(&mut self, scanner: usize, code: &str) {
        let scanner = &mut self.site.scanners[scanner];
        for _ in 0..SCANS_MAX {
            scanner.drain();
            scanner.send(code);
            match scanner.answer(ANSWERED_WITHIN) {
                Some(answer) if answer.beeps == LOOK => {}
                Some(answer) => {
                    assert!(answer.recorded && COUNTED.contains(&answer.beeps), "{code}: {} beeps", answer.beeps);
                    return;
                }
                None => {}
            }
        }
        panic!("{code} does not count");
    }

    fn epoch(&self) -> Value {
        self.site.agent.status()["log"]["epoch"].clone()
    }

    /// Waits until all is at the platform, and checks that it is there once, with nothing that was green missing.
    fn settle(&self, epochs: usize) -> Vec<Value> {
        let Floor { site, green } = self;
        site.until_synced();
        site.until_answered();
        site.until_synced();
        let events = site.events();
        let lives: Vec<&[Value]> = events.chunk_by(|one, next| one["epoch"] == next["epoch"]).collect();
        assert_eq!(lives.len(), epochs, "epochs");
        lives.iter().for_each(|life| _ = assert_gapless(life));
        let ids: BTreeSet<&str> = events.iter().filter_map(|event| event["id"].as_str()).collect();
        assert_eq!(ids.len(), events.len(), "every event once");
        let picked = of_type(&events, "pick.item_picked").fold(BTreeMap::new(), |mut picked, event| {
            let id = event["data"]["order"]["id"].as_str().expect("an order's event names it").to_owned();
            *picked.entry(id).or_insert(0) += 1;
            picked
        });
        assert_eq!(&picked, green, "units by order");
        let sealed = of_type(&events, "pack.parcel_sealed").filter_map(|event| event["data"]["sscc"].as_str());
        let sealed: Vec<&str> = sealed.collect();
        assert_eq!(sealed.len(), sealed.iter().collect::<BTreeSet<_>>().len(), "no SSCC twice");
        let known = site.platform.site(SITE).expect("the platform knows the site");
        assert_eq!(known["conflicts"], Value::Array(Vec::new()));
        events
    }

    /// The page, status and metrics say so, until the damaged file is taken away.
    fn check_told(&self, events: &[Value]) {
        let agent = &self.site.agent;
        let salvaged: Vec<_> = of_type(events, "site.storage_salvaged").collect();
        assert_eq!(salvaged.len(), 1, "{salvaged:?}");
        assert!(salvaged[0]["data"]["cause"].as_str().is_some_and(|cause| !cause.is_empty()));
        let kept = quarantine(&agent.database());
        assert_eq!(kept.len(), 1, "{kept:?}");
        assert!(agent.finding("database_salvaged").is_some(), "{:?}", agent.findings());
        let page = http::get(&agent.url()).expect("the page answers").success().body;
        assert!(page.contains("has been salvaged"), "the page says it");
        let metrics = http::get(&format!("{}/metrics", agent.url())).expect("the page answers").success().body;
        assert!(metrics.contains("parceld_storage_damaged_files 1"), "metrics say it");
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{end}", kept[0].display()));
        }
        wait::until("the message to end", PATIENCE, || (agent.status()["storage"]["damaged"].is_null()).then_some(()));
    }
}

fn of_type<'a>(events: &'a [Value], kind: &str) -> impl Iterator<Item = &'a Value> {
    let kind = format!("parceld.{kind}.v1");
    events.iter().filter(move |event| event["type"] == kind)
}

/// Damaged databases that are kept beside this one.
fn quarantine(database: &Path) -> Vec<PathBuf> {
    let directory = fs::read_dir(database.parent().expect("a file has a directory")).expect("it can be listed");
    let names = directory.map(|entry| entry.expect("it can be listed").path());
    let is_kept =
        |path: &PathBuf| path.to_string_lossy().contains(".damaged-") && path.to_string_lossy().ends_with('Z');
    names.filter(is_kept).collect()
}

/// Overwrites pages with noise.
fn hurt(file: &Path, pages: impl IntoIterator<Item = u64>, random: &mut Random) {
    let file = OpenOptions::new().write(true).open(file).expect("the database is a file");
    for page in pages {
        let noise: Vec<u8> = (0..PAGE).map(|_| random.below(256) as u8).collect();
        file.write_all_at(&noise, (page - 1) * PAGE).expect("it can be written");
    }
}

/// All that leads to rows: the header, the account of pages, and the roots.
const HEAD: std::ops::RangeInclusive<u64> = 1..=2;

#[test]
fn a_file_that_cannot_be_opened_any_more_is_salvaged_at_the_start() {
    let mut floor = Floor::start();
    floor.pack(BENCH, 1, UNITS, false);
    floor.pack(BENCH, 2, 2, false);
    floor.site.until_received();
    floor.site.broker.kill9();
    for number in 3..7 {
        floor.pack(OTHER_BENCH, number, UNITS, false);
    }
    let epoch = floor.epoch();
    // An orderly stop leaves everything in the file, and nothing in its log.
    floor.site.agent.stop();
    let database = floor.site.agent.database();
    hurt(&database, HEAD, &mut Random::new(random::seed_or(7)));
    floor.site.agent.restart();

    // At once, and without the platform.
    floor.site.agent.ready();
    floor.pack(OTHER_BENCH, 7, UNITS, false);
    assert_ne!(floor.epoch(), epoch);
    floor.site.broker.restart();
    let events = floor.settle(2);
    floor.check_told(&events);
    floor.pack(BENCH, 2, 2, true);
    floor.settle(2);
    assert_eq!(floor.site.orders("packed").len(), 7);
}

#[test]
fn damage_that_shows_while_staff_scan_is_salvaged_without_a_new_process() {
    let mut floor = Floor::start();
    floor.pack(BENCH, 1, UNITS, false);
    floor.site.until_received();
    let (epoch, process) = (floor.epoch(), floor.site.agent.process().pid());
    // An orderly stop leaves everything in the file.
    floor.site.agent.stop();
    floor.site.agent.restart();
    floor.site.agent.ready();
    let (process, before) = (floor.site.agent.process().pid(), process);
    assert_ne!(process, before);
    // A table that nobody reads while scans go on.
    hurt(&floor.site.agent.database(), [root_of(&floor.site.agent.database(), "quarantine")], &mut Random::new(3));
    let mut number = 2;
    wait::until("a new epoch", PATIENCE, || {
        if number < ORDERS {
            floor.pack(BENCH, number, UNITS, false);
            number += 1;
        }
        (floor.epoch() != epoch).then_some(())
    });
    floor.pack(BENCH, ORDERS, UNITS, false);
    assert_eq!(floor.site.agent.process().pid(), process);
    let events = floor.settle(2);
    floor.check_told(&events);
}

/// Salvages within an hour after which one more is of no use.
const OFTEN: usize = 3;

#[test]
fn damage_that_comes_too_often_is_left_and_people_are_told() {
    let mut floor = Floor::start();
    floor.pack(BENCH, 1, UNITS, false);
    // An orderly stop leaves everything in the file.
    floor.site.agent.stop();
    floor.site.agent.restart();
    floor.site.agent.ready();
    let (epoch, database) = (floor.epoch(), floor.site.agent.database());
    let kept: Vec<PathBuf> = (0..OFTEN)
        .map(|nth| {
            let time = wait::wall_clock().strftime("%Y%m%dT%H%M%S");
            PathBuf::from(format!("{}.damaged-{time}{nth:06}Z", database.display()))
        })
        .collect();
    kept.iter().for_each(|kept| fs::write(kept, "").expect("the directory can be written to"));
    hurt(&database, [root_of(&database, "quarantine")], &mut Random::new(5));
    let left = wait::until("the page to say it", PATIENCE, || floor.site.agent.finding("database_left"));
    assert!(left["since"].is_string(), "{left}");
    floor.pack(BENCH, 2, UNITS, false);
    assert_eq!(floor.epoch(), epoch, "nothing is salvaged");
    kept.iter().for_each(|kept| fs::remove_file(kept).expect("it is there"));
    floor.site.agent.stop();
    floor.site.agent.restart();
    wait::until("it to be salvaged", PATIENCE, || {
        of_type(&floor.site.events(), "site.storage_salvaged").next().map(|_| ())
    });
    floor.pack(BENCH, 3, UNITS, false);
    let events = floor.settle(2);
    assert!(floor.site.agent.finding("database_left").is_none());
    floor.check_told(&events);
}

fn root_of(database: &Path, table: &str) -> u64 {
    let copy = database.with_extension("looked-at");
    fs::copy(database, &copy).expect("the database is a file");
    let file = rusqlite::Connection::open(&copy).expect("it opens");
    let root =
        file.query_row("SELECT rootpage FROM sqlite_schema WHERE name = ?1", [table], |row| row.get::<_, i64>(0));
    drop(file);
    fs::remove_file(copy).expect("it is ours");
    u64::try_from(root.expect("there is such a table")).expect("a page's number")
}

/// Codes that nobody knows: they stand in their refusal, and nowhere else.
const RED: [&str; 2] = ["never-saved-1", "never-saved-2"];

#[test]
fn what_a_failing_disk_refused_is_nowhere_once_the_disk_is_well() {
    let mut floor = Floor::start();
    let (database, process) = (floor.site.agent.database(), floor.site.agent.process().pid());
    let log = PathBuf::from(format!("{}-wal", database.display()));
    floor.pack(BENCH, 1, 1, false);
    let Some(failing) = trace::fail_syncs(process, &log) else { return };
    let before = log_header(&log);
    for code in RED {
        let scanner = &mut floor.site.scanners[BENCH];
        scanner.send(code);
        let answer = scanner.answer(PATIENCE).expect("an agent whose disk fails says so");
        assert!(!answer.recorded, "{code}: nothing is saved while nothing can be synced");
    }
    failing.end();
    floor.site.scanners[BENCH].drain();
    wait::until("the log to begin anew", PATIENCE, || (log_header(&log) != before).then_some(()));
    assert!(!RED.iter().any(|code| holds(&log, code)), "nothing of it is left");
    floor.pack(BENCH, 1, 1, true);
    let epoch = floor.epoch();
    floor.site.agent.kill9();
    floor.site.agent.restart();
    floor.site.agent.ready();
    assert_eq!(floor.epoch(), epoch, "nothing was damaged");
    assert!(quarantine(&database).is_empty());
    let events = floor.settle(1);
    let refused = of_type(&events, "site.scan_refused").map(|event| event["data"].to_string());
    assert!(!refused.into_iter().any(|data| RED.iter().any(|code| data.contains(code))), "what was red stays so");
}

/// What tells one round of the log from the next; nothing where it is empty.
fn log_header(log: &Path) -> Vec<u8> {
    let bytes = fs::read(log).expect("an agent has a log");
    bytes.get(..32).unwrap_or_default().to_vec()
}

fn holds(file: &Path, text: &str) -> bool {
    let bytes = fs::read(file).unwrap_or_default();
    bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
}

/// Reads of each of an agent's threads that the disk gives no answer to, once: of the header, and of rows.
const FAILED_READS: [u32; 3] = [2, 6, 12];

#[test]
fn a_read_that_fails_once_is_no_damage() {
    let mut floor = Floor::start();
    let database = floor.site.agent.database();
    let dir = TempDir::new("failed-read");
    floor.pack(BENCH, 1, UNITS, false);
    for nth in FAILED_READS {
        floor.site.agent.stop();
        // As if the last time was long ago.
        let _ = fs::remove_file(format!("{}.unfounded", database.display()));
        let trace = dir.join(nth.to_string());
        let Some(words) = trace::failed_read(nth, &database, &trace) else { return };
        floor.site.agent.change(|setup| setup.through(words));
        floor.site.agent.restart();
        wait::until("a read to fail", PATIENCE, || holds(&trace, "EIO").then_some(()));
        floor.site.agent.ready();
        assert!(quarantine(&database).is_empty(), "read {nth}");
    }
    floor.site.agent.stop();
    floor.site.agent.change(|setup| setup.through(Vec::new()));
    floor.site.agent.restart();
    floor.site.agent.ready();
    floor.pack(BENCH, 2, UNITS, false);
    floor.settle(1);
    assert!(quarantine(&database).is_empty());
}
