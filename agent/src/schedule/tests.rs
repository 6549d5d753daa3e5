//! The schedule on a real journal, and its days.

use super::day::day_end;
use super::*;
use crate::clock::{Judge, Reading};
use crate::domain::carrier::Carrier;
use crate::domain::code::{Again, Meaning, Scan, Verb};
use crate::domain::event::Method;
use crate::domain::notice::Milestone;
use crate::domain::signal::Answer;
use crate::domain::sscc::Sscc;
use crate::domain::station::Mode;
use crate::journal::{self, DAY_CLOSED, DAY_CLOSED_AT, Writing};
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;

/// A journal on a file of its own, and its schedule with a clock that the test sets.
struct Site {
    folder: PathBuf,
    journal: Journal,
    writing: Writing,
    planner: Planner,
    since_start: Duration,
    judge: Judge,
}

impl Site {
    fn start(name: &str, wall: &str) -> Self {
        Self::start_with(name, wall, |_| ())
    }

    fn start_with(name: &str, wall: &str, change: impl FnOnce(&mut Rules)) -> Self {
        let folder = std::env::temp_dir().join(format!("parceld-schedule-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let mut rules = Rules::of_nothing();
        let at = jiff::civil::time(16, 30, 0, 0);
        rules.carriers = vec![Carrier {
            id: "dhl".into(),
            name: "DHL".into(),
            collections: vec![crate::domain::carrier::Schedule {
                days: [true; 7],
                at,
                cut_off: Duration::from_secs(900),
            }],
            holidays: Vec::new(),
            grace: Duration::from_secs(1_200),
            tracking_required: false,
            tracking_pattern: None,
            tracking_url: None,
        }];
        change(&mut rules);
        let config = journal::Config {
            path: folder.join("j.db"),
            rules: rules.clone(),
            stations: [("door".into(), Mode::Load)].into(),
            bounce: Default::default(),
            repeating: Default::default(),
            printing: None,
            keep: Duration::from_secs(3_600),
            orders_cached: journal::ORDERS_CACHED,
            backups: None,
            ballast_bytes: 0,
            forget_on_puback: false,
            version: "0".into(),
            boot: "boot".into(),
        };
        let since_start = Duration::ZERO;
        let moment = Moment { wall: wall.parse().unwrap(), since_start, trusted: true };
        let (journal, writing) = journal::open(config, moment).unwrap();
        let (planner, _) = planner(rules, journal.clone(), Clock::start()).unwrap();
        Self { folder, journal, writing, planner, since_start, judge: Judge::default() }
    }

    /// A minute later, where the wall clock says `wall`.
    fn moment(&mut self, wall: &str) -> Moment {
        self.since_start += Duration::from_secs(60);
        let since_start = self.since_start;
        let shown = Reading { wall: wall.parse().unwrap(), since_boot: since_start };
        let (wall, trusted) = self.judge.judge(shown);
        Moment { wall, since_start, trusted }
    }

    /// A minute of the wall clock that says `wall`.
    fn tick(&mut self, wall: &str) {
        let moment = self.moment(wall);
        self.planner.turn(Woken::Tick, &moment).unwrap();
        self.settle();
    }

    fn settle(&self) {
        let (done, settled) = sync_channel(1);
        self.journal.submit(Job::Barrier { reply: Box::new(move |()| done.try_send(()).unwrap()) }).unwrap();
        settled.recv_timeout(Duration::from_secs(30)).unwrap();
    }

    fn put(&self, number: usize, ship_by: &str) {
        self.command(number, 1, ship_by, None);
    }

    /// An order that is packed already, by what the platform knows of it.
    fn put_packed(&self, number: usize, revision: u32, ship_by: &str) {
        let contents = serde_json::json!([{"line": "1", "quantity": 2}]);
        let sscc = Sscc::mint("7350053", number as u64).to_string();
        let known = serde_json::json!({
            "lines": [{"line": "1", "picked": 2, "packed": 2}],
            "parcels": [{"parcel": 1, "sscc": sscc, "contents": contents}],
            "packed": true,
        });
        self.command(number, revision, ship_by, Some(known));
    }

    /// Some that were packed leave with a courier.
    fn complete(&self, numbers: std::ops::RangeInclusive<usize>) {
        for number in numbers {
            self.put_packed(number, 1, "2026-11-26T17:00:00Z");
            self.scan(Meaning::Sscc(Sscc::mint("7350053", number as u64)));
        }
        self.scan(Meaning::Verb(Verb::named("HANDOVER").unwrap()));
        self.settle();
    }

    fn scan(&self, meaning: Meaning) {
        let moment = Moment { wall: SCANNED.parse().unwrap(), since_start: self.since_start, trusted: true };
        let (scanner, text) = ("door".into(), format!("{meaning:?}").into_bytes().into());
        let (at, since_start) = (moment.wall, moment.since_start);
        let scan = Scan { scanner, text, meaning, again: Again::No, at, since_start };
        let (told, answered) = sync_channel(1);
        let reply = Box::new(move |answer: Answer| told.try_send(answer).unwrap());
        self.journal.submit(Job::Scan { station: "door".into(), scan, method: Method::Scan, moment, reply }).unwrap();
        let answer = answered.recv_timeout(Duration::from_secs(30)).unwrap();
        assert!(answer.signal.counts(), "{answer:?}");
    }

    /// The agent is started anew.
    fn start_again(&mut self, feedback_after: Option<Duration>) {
        let mut rules = self.planner.rules.clone();
        rules.notices.feedback_after = feedback_after;
        self.planner = planner(rules, self.journal.clone(), Clock::start()).unwrap().0;
    }

    fn command(&self, number: usize, revision: u32, ship_by: &str, known: Option<serde_json::Value>) {
        let line = serde_json::json!({"line": "1", "sku": "A", "name": "A", "quantity": 2, "barcodes": ["A"]});
        let mut data = serde_json::json!({
            "id": format!("o-{number}"), "number": number.to_string(), "revision": revision, "lines": [line],
            "delivery": "carrier", "carrier": "dhl", "promise": {"ship_by": ship_by},
            "notify": {"customer": "c-1", "channels": ["email"]},
        });
        if let Some(known) = known {
            data["known"] = known;
        }
        let command = serde_json::json!({
            "specversion": "1.0", "id": format!("c-{number}-{revision}"), "source": "/p", "type": "parceld.order.put.v1",
            "data": data,
        });
        let wall = "2026-11-26T09:00:00Z".parse().unwrap();
        let moment = Moment { wall, since_start: self.since_start, trusted: true };
        let payload = command.to_string().into_bytes();
        self.journal.submit(Job::Command { payload, moment, reply: Box::new(|_| ()) }).unwrap();
    }

    fn kinds(&self, kind: Kind) -> usize {
        let stored = self.journal.reader().unwrap().events(0, 100_000).unwrap();
        stored.iter().filter(|stored| stored.kind == kind).count()
    }

    fn end(self) {
        self.writing.stop();
        let _ = std::fs::remove_dir_all(self.folder);
    }
}

#[test]
fn a_clock_that_jumps_by_years_tells_nobody_anything_and_closes_no_day() {
    let mut site = Site::start("jump", "2026-11-26T09:00:00Z");
    site.put(1, "2026-11-26T17:00:00Z");
    site.tick("2026-11-26T09:01:00Z");
    let before = site.planner.reader.marks().unwrap().day_closed;
    site.tick("2046-11-26T09:02:00Z");
    site.tick("2046-11-26T23:59:00Z");
    assert_eq!((site.kinds(Kind::PromiseMissed), site.kinds(Kind::DayClosed)), (0, 0));
    assert_eq!(site.planner.reader.marks().unwrap().day_closed, before);
    assert_eq!(site.planner.offers.borrow().as_ref().unwrap().door.word(), "unknown");
    site.since_start = Duration::from_secs(300);
    site.tick("2026-11-26T09:06:00Z");
    assert_eq!(site.planner.offers.borrow().as_ref().unwrap().door.word(), "open");
    site.end();
}

#[test]
fn days_go_on_after_one_that_was_closed_in_the_future() {
    let mut site = Site::start("future", "2026-11-26T09:00:00Z");
    let future: Timestamp = "2046-11-25T23:30:00Z".parse().unwrap();
    let marks = vec![(DAY_CLOSED_AT, future.as_microsecond()), (DAY_CLOSED, 1)];
    let moment = Moment { wall: "2026-11-26T09:00:00Z".parse().unwrap(), since_start: Duration::ZERO, trusted: true };
    site.journal.submit(Job::Duty { name: "day/2046-11-25".into(), event: None, marks, moment }).unwrap();
    site.settle();
    site.tick("2026-11-26T09:01:00Z");
    site.tick("2026-11-26T23:30:00Z");
    site.tick("2026-11-26T23:31:00Z");
    assert_eq!(site.kinds(Kind::DayClosed), 1);
    // Three days off, and one summary.
    site.tick("2026-11-29T23:45:00Z");
    site.tick("2026-11-29T23:46:00Z");
    assert_eq!(site.kinds(Kind::DayClosed), 2);
    site.end();
}

#[test]
fn a_day_that_ends_with_hundreds_of_open_orders_misses_each_once() {
    let mut site = Site::start("many", "2026-11-26T09:00:00Z");
    for number in 1..=300 {
        site.put(number, "2026-11-26T17:00:00Z");
    }
    site.settle();
    site.tick("2026-11-26T09:01:00Z");
    site.tick("2026-11-26T23:30:00Z");
    site.tick("2026-11-26T23:31:00Z");
    assert_eq!((site.kinds(Kind::PromiseMissed), site.kinds(Kind::DayClosed)), (300, 1));
    site.end();
}

#[test]
fn what_is_packed_is_missed_too_when_the_day_ends() {
    let mut site = Site::start("packed", "2026-11-26T09:00:00Z");
    for number in 1..=100 {
        site.put_packed(number, 1, "2026-11-26T17:00:00Z");
    }
    site.settle();
    site.tick("2026-11-26T09:01:00Z");
    site.tick("2026-11-26T23:30:00Z");
    site.tick("2026-11-26T23:31:00Z");
    assert_eq!((site.kinds(Kind::PromiseMissed), site.kinds(Kind::DayClosed)), (100, 1));
    site.end();
}

#[test]
fn an_order_that_is_packed_just_in_time_recovers_without_a_look_at_all_others() {
    let mut site = Site::start("touched", "2026-11-26T09:00:00Z");
    site.put(1, "2026-11-26T17:00:00Z");
    site.settle();
    for wall in ["2026-11-26T09:01:00Z", "2026-11-26T16:10:00Z", "2026-11-26T16:11:00Z", "2026-11-26T16:12:00Z"] {
        site.tick(wall);
    }
    assert_eq!(site.kinds(Kind::PromiseAtRisk) + site.kinds(Kind::PromiseWillMiss), 1);
    let swept_at = |site: &Site| site.planner.swept_by.as_ref().map(|swept_by| swept_by.at);
    let before = swept_at(&site);
    site.put_packed(1, 2, "2026-11-26T17:00:00Z");
    site.settle();
    site.tick("2026-11-26T16:13:00Z");
    assert_eq!((site.kinds(Kind::PromiseRecovered), swept_at(&site)), (1, before));
    site.end();
}

/// When all of that is scanned, and the customers' time begins.
const SCANNED: &str = "2026-11-26T09:00:00Z";
const AFTER: Duration = Duration::from_secs(48 * 3_600);

impl Site {
    /// One that asks customers how it was, two days after their orders have left; or will do so.
    fn that_invites(name: &str, feedback_after: Option<Duration>) -> Self {
        let mut site = Self::start_with(name, "2026-11-26T09:00:00Z", |rules| {
            rules.notices.asked.insert(Milestone::FeedbackInvited, Duration::from_secs(7 * 86_400));
            rules.notices.feedback_after = feedback_after;
        });
        site.tick("2026-11-26T09:01:00Z");
        site
    }

    fn invited(&self) -> usize {
        let stored = self.journal.reader().unwrap().events(0, 100_000).unwrap();
        stored.iter().filter(|stored| stored.data.contains("feedback_invited")).count()
    }
}

#[test]
fn customers_are_asked_once_so_long_after_their_orders_have_left() {
    let mut site = Site::that_invites("invites", Some(AFTER));
    site.complete(1..=40);
    site.tick("2026-11-26T09:02:00Z");
    site.tick("2026-11-28T08:59:00Z");
    assert_eq!(site.invited(), 0);
    site.start_again(Some(AFTER));
    for minute in 5..9 {
        site.tick(&format!("2026-11-28T09:0{minute}:00Z"));
    }
    assert_eq!(site.invited(), 40);
    site.start_again(Some(AFTER));
    site.tick("2026-11-28T09:10:00Z");
    site.tick("2026-11-28T09:11:00Z");
    assert_eq!(site.invited(), 40);
    site.end();
}

#[test]
fn nobody_is_asked_about_what_left_before_anybody_was_to_be_asked() {
    let mut site = Site::that_invites("not-yet", None);
    site.complete(1..=1);
    site.tick("2026-11-26T09:02:00Z");
    let moment = site.moment("2026-11-26T09:02:30Z");
    site.planner.keep_pace(&moment);
    site.settle();
    site.start_again(Some(AFTER));
    site.complete(2..=2);
    site.tick("2026-11-26T09:03:00Z");
    // Also where that was the first start that was to ask, and it has asked nobody.
    site.start_again(Some(AFTER));
    site.tick("2026-11-28T09:05:00Z");
    site.tick("2026-11-28T09:06:00Z");
    assert_eq!(site.invited(), 1);
    site.end();
}

#[test]
fn nobody_is_asked_about_what_left_while_an_older_version_ran() {
    let mut site = Site::that_invites("older", Some(AFTER));
    site.complete(1..=1);
    site.tick("2026-11-26T09:02:00Z");
    let file = Connection::open(site.journal.path()).unwrap();
    assert_eq!(file.execute("DELETE FROM slate WHERE name = 'invited'", []).unwrap(), 1);
    site.start_again(Some(AFTER));
    site.tick("2026-11-28T09:05:00Z");
    site.start_again(Some(AFTER));
    site.tick("2026-11-28T09:06:00Z");
    site.tick("2026-11-28T09:07:00Z");
    assert_eq!(site.invited(), 0);
    site.end();
}

#[test]
fn customers_who_could_not_be_asked_are_asked_when_that_can_be_saved() {
    let mut site = Site::that_invites("unsaved", Some(AFTER));
    site.complete(1..=2);
    site.tick("2026-11-26T09:02:00Z");
    let file = Connection::open(site.journal.path()).unwrap();
    file.execute_batch("CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT raise(FAIL, 'disk is full'); END")
        .unwrap();
    site.tick("2026-11-28T09:05:00Z");
    site.tick("2026-11-28T09:06:00Z");
    assert_eq!(site.invited(), 0);
    file.execute_batch("DROP TRIGGER full").unwrap();
    site.tick("2026-11-28T09:07:00Z");
    site.tick("2026-11-28T09:08:00Z");
    assert_eq!(site.invited(), 2);
    site.end();
}

#[test]
fn what_is_packed_is_looked_at_without_a_cause_after_an_hour() {
    let mut site = Site::start("hourly", "2026-11-26T09:00:00Z");
    let mut sweeps = BTreeSet::new();
    for minute in 0..150 {
        site.tick(&format!("2026-11-26T{:02}:{:02}:00Z", 9 + minute / 60, minute % 60));
        sweeps.extend(site.planner.swept_by.as_ref().map(|swept_by| swept_by.at));
    }
    // The first day of a site begins with the first tick, which is what packed orders are judged by too.
    assert!((3..=4).contains(&sweeps.len()), "{sweeps:?}");
    site.end();
}

/// What a look takes of memory at the most, after the first one.
fn review_bytes(orders: usize) -> u64 {
    let mut site = Site::start(&format!("memory-{orders}"), "2026-11-26T09:00:00Z");
    for number in 1..=orders {
        match number % 2 {
            0 => site.put(number, "2026-12-03T17:00:00Z"),
            _ => site.put_packed(number, 1, "2026-12-03T17:00:00Z"),
        }
    }
    site.settle();
    let first = allocation_counter::measure(|| site.tick("2026-11-26T09:01:00Z")).bytes_max;
    assert_eq!(site.planner.open_units as usize, orders / 2 * 2);
    let begun = Clock::start();
    let next = allocation_counter::measure(|| site.tick("2026-11-26T09:02:00Z")).bytes_max;
    let took = begun.now().since_start;
    site.planner.sweep_due = true;
    let begun = Clock::start();
    let swept = allocation_counter::measure(|| site.tick("2026-11-26T09:03:00Z")).bytes_max;
    let sweep_took = begun.now().since_start;
    println!(
        "{orders} orders, half of them packed: {first} bytes, {next}, {swept}; {took:?}, with a sweep {sweep_took:?}"
    );
    site.end();
    first.max(next).max(swept)
}

#[test]
fn a_look_takes_no_more_memory_where_more_orders_are_open() {
    let (few, many) = (review_bytes(2 * KEPT_MAX), review_bytes(6 * KEPT_MAX));
    assert!(many <= few + few / 4, "{few} bytes, {many} with three times as many orders");
}

/// `cargo test --profile bench-agent -p parceld --lib a_look_at_tens_of -- --ignored --nocapture`
#[test]
#[ignore = "long"]
fn a_look_at_tens_of_thousands_of_orders_takes_no_more_memory_either() {
    let (few, many) = (review_bytes(2 * KEPT_MAX), review_bytes(100_000));
    assert!(many <= few + few / 4, "{few} bytes, {many} with 100,000 orders");
}

#[test]
fn the_day_that_is_over_is_told_by_its_end() {
    let zone = jiff::tz::TimeZone::get("Europe/Stockholm").unwrap();
    let rows = [
        ((23, 30), "2026-11-26T22:29:59Z", "2026-11-25", "2026-11-25T22:30:00Z"),
        ((23, 30), "2026-11-26T22:30:00Z", "2026-11-26", "2026-11-26T22:30:00Z"),
        ((2, 0), "2026-11-27T00:59:59Z", "2026-11-25", "2026-11-26T01:00:00Z"),
        ((2, 0), "2026-11-27T01:00:00Z", "2026-11-26", "2026-11-27T01:00:00Z"),
        // 2:30 does not exist on this day, and 2:30 comes twice on that one.
        ((2, 30), "2026-03-29T01:29:59Z", "2026-03-27", "2026-03-28T01:30:00Z"),
        ((2, 30), "2026-03-29T01:30:00Z", "2026-03-28", "2026-03-29T01:30:00Z"),
        ((2, 30), "2026-10-25T00:30:00Z", "2026-10-24", "2026-10-25T00:30:00Z"),
    ];
    for ((hour, minute), now, date, end) in rows {
        let mut rules = Rules::of_nothing();
        rules.zone = zone.clone();
        rules.pledge.day_closes = jiff::civil::time(hour, minute, 0, 0);
        let found = day_end(&rules, now.parse().unwrap());
        assert_eq!(found, Some((date.parse().unwrap(), end.parse().unwrap())), "{now}");
    }
}
