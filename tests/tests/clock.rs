//! Boards that don't know the time, and clocks that are set while people work: a real agent on a clock and a board of the
//! test's, a real broker, and a platform that lives by the right time.

#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

use jiff::{SignedDuration, Timestamp};
use parceld_tests::agent::AgentSetup;
use parceld_tests::certificates::{Authority, VALID};
use parceld_tests::fake_clock::FakeClock;
use parceld_tests::goods::{catalog, gtin, order, stock};
use parceld_tests::mosquitto::Mosquitto;
use parceld_tests::mqtt_client::MqttClient;
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::site::{Broker, PATIENCE, SITE, Site, assert_gapless};
use parceld_tests::timekeeper::Timekeeper;
use parceld_tests::wait;
use serde_json::Value;
use std::time::Duration;

const BENCH: usize = 0;

/// What times are right to: the test's clock goes by whole seconds.
const RIGHT_TO: SignedDuration = SignedDuration::from_secs(2);

/// The release, before which no time is reckoned.
const RELEASED: &str = "2026-01-01T00:00:00Z";

struct Floor {
    site: Site,
    clock: FakeClock,
    board: Timekeeper,
    /// What was scanned, with the right time of then.
    scanned: Vec<(String, Timestamp)>,
}

impl Floor {
    /// A board whose clock shows `time`, with orders `o-1` to `o-4` of two units; `None` where there can be none.
    fn at(time: &str) -> Option<Floor> {
        let (clock, board) = (FakeClock::at(time), Timekeeper::waiting()?);
        Some(Floor::on(clock, board))
    }

    fn on(clock: FakeClock, board: Timekeeper) -> Floor {
        let runner = [board.runner(), clock.runner()].concat();
        // A broker that comes back before the platform is told of events that nobody hears: they are sent again soon.
        let site = Site::with(Broker::mosquitto(), |setup| setup.through(runner).set("sync.receipt_timeout", "5s"));
        site.platform.put_catalog(SITE, &catalog("A"));
        site.platform.set_stock(SITE, &stock("A", 500));
        for n in 1..=4 {
            site.platform.put_order(SITE, &order(&format!("o-{n}"), "dhl", "2xA"));
        }
        site.until_answered();
        Floor { site, clock, board, scanned: Vec::new() }
    }

    /// Opens an order and packs all of it.
    #[track_caller]
    fn pack(&mut self, n: u32) {
        let order = format!("O-{n}");
        for code in [order.as_str(), &gtin('A'), &gtin('A')] {
            let answer = self.site.scan(BENCH, code);
            assert!(answer.beeps <= 1, "{code}: {answer:?}");
        }
        self.scanned.push((order.to_lowercase(), wait::wall_clock()));
    }

    /// Waits until the agent says this of its clock.
    #[track_caller]
    fn until_clock(&self, state: &str) {
        wait::until(&format!("a clock that is {state}"), PATIENCE, || {
            (self.site.agent.status()["clock"]["state"] == state).then_some(())
        });
    }

    /// Waits until the platform has been told so many corrections, and has everything.
    #[track_caller]
    fn until_corrected(&self, times: usize) -> Vec<Value> {
        wait::until("times that are corrected", PATIENCE, || {
            let events = self.site.events();
            (times <= of_kind(&events, "site.clock_corrected").len()).then_some(())
        });
        self.site.until_synced();
        self.site.events()
    }

    fn findings(&self) -> Vec<String> {
        let fault = |finding: &Value| finding["fault"].as_str().unwrap().to_owned();
        self.site.agent.findings().iter().map(fault).collect()
    }
}

fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    let kind = format!("parceld.{kind}.v1");
    events.iter().filter(|event| event["type"] == kind).collect()
}

fn time(event: &Value) -> Timestamp {
    event["time"].as_str().unwrap().parse().unwrap()
}

fn about<'a>(events: &'a [Value], order: &str) -> Vec<&'a Value> {
    let subject = format!("orders/{order}");
    events.iter().filter(|event| event["subject"] == subject).collect()
}

/// Ids in the order in which the platform has them.
fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["id"].to_string()).collect()
}

#[track_caller]
fn assert_in_order(events: &[Value]) {
    assert_gapless(events);
    for pair in events.windows(2) {
        assert!(time(&pair[0]) <= time(&pair[1]) + RIGHT_TO, "{} then {}", pair[0], pair[1]);
    }
}

/// When its last unit was packed, as the platform has it.
fn packed_at(events: &[Value], order: &str) -> Timestamp {
    let packed = about(events, order).into_iter().rfind(|event| event["type"] == "parceld.pack.completed.v1");
    time(packed.unwrap_or_else(|| panic!("{order} is not packed")))
}

#[test]
fn a_board_that_starts_in_1970_works_and_the_platform_gets_the_true_times() {
    let Some(mut floor) = Floor::at("1970-01-01T00:00:20[UTC]") else { return };
    floor.until_clock("behind");
    assert!(floor.findings().contains(&"clock_untrusted".to_owned()));
    floor.pack(1);
    floor.site.until_synced();
    let before = floor.site.events();
    let released: Timestamp = RELEASED.parse().unwrap();
    for event in &before {
        assert_eq!(event["clock"], "unsynced", "{event}");
        assert!(released <= time(event), "{event}");
        assert!(time(event) < released + Duration::from_secs(3_600), "{event}");
    }
    assert_in_order(&before);
    // Some of it is only sent when the time is known.
    floor.site.broker.kill9();
    floor.pack(2);
    floor.clock.set_right();
    wait::until("a clock that may be right", PATIENCE, || {
        (floor.site.agent.status()["clock"]["state"] != "behind").then_some(())
    });
    floor.pack(3);
    floor.board.hear();
    floor.until_clock("synchronized");
    floor.site.broker.restart();
    floor.pack(4);
    let events = floor.until_corrected(1);
    assert_in_order(&events);
    assert_eq!(ids(&events)[..before.len()], ids(&before), "the order is as it was");
    for event in &events {
        assert_ne!(event["clock"], "unsynced", "{event}");
    }
    for (order, at) in &floor.scanned {
        let off = packed_at(&events, order).duration_since(*at);
        assert!(off.abs() <= RIGHT_TO, "{order} is off by {off}");
        let updated: Timestamp =
            floor.site.platform.order(SITE, order).unwrap()["updated"].as_str().unwrap().parse().unwrap();
        assert!(updated.duration_since(*at).abs() <= RIGHT_TO, "{order} shows {updated}");
    }
    assert!(!floor.findings().iter().any(|fault| fault.starts_with("clock")));
    // Nobody goes without a letter because a clock was wrong.
    let expired = |notification: &&Value| notification["state"] == "expired";
    let notifications = floor.site.platform.notifications(SITE);
    assert_eq!(notifications.iter().filter(expired).count(), 0, "{notifications:?}");
}

#[test]
fn a_clock_that_is_set_while_people_work_changes_only_what_is_promised() {
    let Some(board) = Timekeeper::waiting() else { return };
    let clock = FakeClock::at(&format!("{}[UTC]", wait::wall_clock().strftime("%Y-%m-%dT%H:%M:%S")));
    board.hear();
    let mut floor = Floor::on(clock, board);
    let ear = MqttClient::connect(floor.site.broker.port(), "ear");
    ear.subscribe(&format!("parceld/v1/{SITE}/state/promise"));
    let until_said = |said: &str| {
        wait::until(&format!("a promise that is {said}"), PATIENCE, || {
            (ear.messages().last()?.json()["state"] == said).then_some(())
        });
    };
    floor.until_clock("synchronized");
    floor.pack(1);
    // The time server set it back: that is the time now.
    const HOURS: Duration = Duration::from_secs(2 * 3_600);
    const YEARS: Duration = Duration::from_secs(20 * 365 * 86_400);
    floor.clock.step_back(HOURS);
    floor.pack(2);
    floor.until_clock("synchronized");
    floor.clock.pass(HOURS);
    floor.until_clock("synchronized");
    // Nobody is right about twenty years, whoever says so.
    floor.clock.pass(YEARS);
    floor.until_clock("stepped");
    until_said("unknown");
    assert!(floor.findings().contains(&"clock_untrusted".to_owned()));
    assert_eq!(floor.site.agent.status()["broker"]["state"], "up");
    floor.pack(3);
    floor.site.until_synced();
    // Nor is another start of the agent in the same boot.
    floor.site.agent.restart();
    floor.site.agent.ready();
    floor.until_clock("stepped");
    floor.clock.step_back(YEARS);
    floor.until_clock("synchronized");
    floor.pack(4);
    let events = floor.until_corrected(1);
    until_said_or_closed(&ear);
    assert_gapless(&events);
    let in_years: Vec<&Value> = of_kind(&events, "pack.completed");
    assert_eq!(in_years.len(), 4);
    for (order, at) in &floor.scanned {
        let right = if order == "o-2" { *at - SignedDuration::try_from(HOURS).unwrap() } else { *at };
        let off = packed_at(&events, order).duration_since(right);
        assert!(off.abs() <= RIGHT_TO, "{order} is off by {off}");
    }
    for correction in of_kind(&events, "site.clock_corrected") {
        let offset_ms = correction["data"]["offset_ms"].as_i64().unwrap();
        assert!(offset_ms.abs() <= 2_000, "what was reckoned was right: {correction}");
    }
    for kind in ["promise.missed", "promise.will_miss", "site.day_closed"] {
        assert_eq!(of_kind(&events, kind).len(), 0, "{kind}");
    }
}

/// What can be promised is known again: late in the day there may be nothing.
#[track_caller]
fn until_said_or_closed(ear: &MqttClient) {
    wait::until("a promise that is known", PATIENCE, || {
        (ear.messages().last()?.json()["state"] != "unknown").then_some(())
    });
}

#[test]
fn a_clock_that_goes_back_without_a_time_server_is_doubted_and_work_goes_on() {
    let clock = FakeClock::at(&format!("{}[UTC]", wait::wall_clock().strftime("%Y-%m-%dT%H:%M:%S")));
    let Some(board) = Timekeeper::waiting() else { return };
    board.hear();
    let mut floor = Floor::on(clock, board);
    floor.pack(1);
    floor.board.boot(1);
    // In the same boot, without a word of the time server: it was heard, and is not needed again.
    floor.site.agent.restart();
    floor.site.agent.ready();
    if floor.site.agent.status()["clock"]["state"] == "synchronized" {
        eprintln!("skipped: this machine's kernel says that a time server keeps the clock, and so may set it back");
        return;
    }
    floor.until_clock("plausible");
    floor.clock.step_back(Duration::from_secs(2 * 3_600));
    floor.until_clock("stepped");
    floor.pack(2);
    floor.site.until_synced();
    let events = floor.site.events();
    let doubted = about(&events, "o-2").into_iter().rfind(|event| event["clock"] == "unsynced");
    assert!(doubted.is_some(), "a time that nobody believes is not called synced");
    assert_in_order(&events);
    floor.site.agent.restart();
    floor.site.agent.ready();
    floor.until_clock("stepped");
    floor.pack(3);
    floor.clock.set_right();
    floor.until_clock("plausible");
    let events = floor.until_corrected(1);
    assert_in_order(&events);
    for (order, at) in &floor.scanned {
        let off = packed_at(&events, order).duration_since(*at);
        assert!(off.abs() <= RIGHT_TO, "{order} is off by {off}");
    }
}

#[test]
fn starts_in_one_boot_are_set_right_together_and_another_boot_stays_as_it_was() {
    let Some(mut floor) = Floor::at("1970-01-01T00:00:20[UTC]") else { return };
    floor.pack(1);
    floor.board.boot(2);
    floor.site.agent.kill9();
    floor.site.agent.restart();
    floor.site.agent.ready();
    floor.pack(2);
    floor.site.agent.kill9();
    floor.site.agent.restart();
    floor.site.agent.ready();
    floor.pack(3);
    floor.site.until_synced();
    assert_in_order(&floor.site.events());
    floor.clock.set_right();
    floor.board.hear();
    let events = floor.until_corrected(1);
    for (order, at) in &floor.scanned[1..] {
        let off = packed_at(&events, order).duration_since(*at);
        assert!(off.abs() <= RIGHT_TO, "{order} is off by {off}");
    }
    for event in about(&events, "o-1") {
        assert_eq!(event["clock"], "unsynced", "nobody knows how long ago that boot was: {event}");
    }
    // A board that falls back goes on from what it knew.
    let known = events.iter().map(time).max().unwrap();
    let since_1970 = floor.clock.now().duration_since(Timestamp::UNIX_EPOCH);
    floor.clock.step_back(Duration::try_from(since_1970).unwrap());
    floor.board.boot(3);
    floor.site.agent.restart();
    floor.site.agent.ready();
    floor.until_clock("behind");
    floor.pack(4);
    floor.site.until_synced();
    let events = floor.site.events();
    assert_in_order(&events);
    assert!(known <= packed_at(&events, "o-4"));
}

#[test]
fn a_certificate_that_only_the_clock_finds_wrong_is_the_clocks_fault_and_heals_when_it_is_set() {
    /// Within this a fault is named, and gone after it was mended.
    const SHOWN_WITHIN: Duration = Duration::from_secs(5);
    let Some(board) = Timekeeper::waiting() else { return };
    let mut clock = FakeClock::at("1970-01-01T00:00:20[UTC]");
    let (mut broker, authority) = (Mosquitto::start(), Authority::new("the site's CA"));
    let file = |name: &str| broker.directory().join(name);
    authority.publish(&file("ca.pem"));
    authority.sign(&["localhost"], VALID, &file("server.pem"), &file("server.key"));
    authority.sign(&[SITE], VALID, &file("site.pem"), &file("site.key"));
    let shown = |name: &str| file(name).display().to_string();
    let settings = format!(
        "cafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\nallow_anonymous true",
        shown("ca.pem"),
        shown("server.pem"),
        shown("server.key")
    );
    let mut scanner = VirtualScanner::new();
    let mut agent = AgentSetup::new(SITE, &format!("mqtts://localhost:{}", broker.guarded_port()))
        .set("broker.ca_file", shown("ca.pem"))
        .set("broker.certificate_file", shown("site.pem"))
        .set("broker.key_file", shown("site.key"))
        .station("bench-1", "pack")
        .scanner("scanner-1", "bench-1", scanner.port())
        .through([board.runner(), clock.runner()].concat())
        .start();
    broker.guard(&settings);
    agent.ready();
    let found = wait::until("the clock's fault", SHOWN_WITHIN, || agent.finding("clock_blocks_broker"));
    assert_eq!(found["topic"], "clock");
    assert!(found["reason"].as_str().unwrap().contains("valid only from"), "{found}");
    assert!(scanner.scan("a code").recorded);
    let certificates = |finding: &&Value| finding["fault"].as_str().unwrap().contains("certificate");
    assert_eq!(agent.findings().iter().find(certificates), None);
    let check = agent.doctor("clock");
    assert_eq!(check["outcome"], "error", "{check}");
    assert!(check["found"].as_str().unwrap().contains("can't be right"), "{check}");
    // Long enough for the agent to wait half a minute between attempts.
    wait::until("several attempts", PATIENCE, || (4 <= agent.status()["broker"]["attempts"].as_u64()?).then_some(()));
    clock.set_right();
    board.hear();
    wait::until("the connection to the broker", SHOWN_WITHIN, || {
        // There is no platform.
        let others = ["no_subscriber", "receipts_never_came"];
        let is_named = |finding: &Value| !others.contains(&finding["fault"].as_str().unwrap());
        let is_up = agent.status()["broker"]["state"] == "up";
        (is_up && !agent.findings().iter().any(is_named)).then_some(())
    });
    assert!(scanner.scan("another code").recorded);
}
