//! The network between a site and its broker fails in every way that networks do: nothing is lost, order is kept, staff
//! notice nothing, whoever looks is told, and it heals by itself.
//!
//! Agent and broker are hosts of a network of the test's own, with a wire between them that the test breaks.

use parceld_tests::agent::Agent;
use parceld_tests::mosquitto::Mosquitto;
use parceld_tests::network::{self, HERE, Host, THERE_FOR_SURE, Way};
use parceld_tests::platform::Platform;
use parceld_tests::random::{Random, seed_or};
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::site::{SITE, assert_gapless};
use parceld_tests::upstream::{
    BEGINS_WITHIN, SHOWN_WITHIN, Yardstick, received, scan_all, until_it_begins, until_shown, until_well,
};
use parceld_tests::wait::{self, Stopwatch};
use parceld_tests::{agent::AgentSetup, http, net};
use serde_json::Value;
use std::time::Duration;

/// The shortest that there is: a dead link is noticed within twice as long.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
const ACK_TIMEOUT: Duration = Duration::from_secs(2);

/// Of scans during each fault.
const SCANS: usize = 100;

const BROKER: &str =
    "user root\nlog_dest stderr\nmax_queued_messages 0\nlistener {port} 0.0.0.0\nallow_anonymous true\n";

struct World {
    // Dropped in this order: the agent says good-bye while there is a wire to a broker.
    agent: Agent,
    scanner: VirtualScanner,
    platform: Platform,
    _broker: Mosquitto,
    host: Host,
    scanned: usize,
    usual: Yardstick,
}

impl World {
    fn start(change: impl FnOnce(AgentSetup) -> AgentSetup) -> Option<World> {
        let host = Host::start()?;
        let broker = Mosquitto::configured(BROKER, |_| {});
        let platform = Platform::start(broker.port());
        let mut scanner = VirtualScanner::new();
        let setup = AgentSetup::new(SITE, &format!("mqtt://{HERE}:{}", broker.port()))
            .station("bench", "pack")
            .scanner("hand", "bench", scanner.port())
            .set("web.listen", format!("{THERE_FOR_SURE}:{}", net::free_port()))
            .set("broker.keep_alive", format!("{}s", KEEP_ALIVE.as_secs()))
            .set("sync.ack_timeout", format!("{}s", ACK_TIMEOUT.as_secs()))
            .through(host.runner());
        let mut agent = change(setup).start();
        agent.ready();
        let usual = Yardstick::of(scan_all(&mut scanner, (0..SCANS).map(|_| "before")));
        let world = World { agent, scanner, platform, _broker: broker, host, scanned: 0, usual };
        world.until_received();
        Some(world)
    }

    /// Codes that nobody knows: an event for each, in order. How long each took.
    fn scan(&mut self, count: usize) -> Vec<Duration> {
        let codes: Vec<String> = (self.scanned..self.scanned + count).map(|number| format!("code-{number}")).collect();
        self.scanned += count;
        scan_all(&mut self.scanner, codes.iter().map(String::as_str))
    }

    #[track_caller]
    fn assert_in_time(&mut self, scans: usize) {
        let took = self.scan(scans);
        self.usual.assert_in_time(took);
    }

    /// Everything that the agent has recorded is covered by receipts.
    fn until_received(&self) {
        wait::until("receipts for everything", BEGINS_WITHIN, || {
            let log = &self.agent.status()["log"];
            (log["received"] == log["head"]).then_some(())
        });
    }

    /// I9, then I1 to I3: each scan's event is at the platform once and in its place.
    #[track_caller]
    fn heals(&mut self, before: u64) {
        until_it_begins(&self.agent, before);
        until_well(&self.agent, SHOWN_WITHIN);
        self.until_received();
        self.assert_in_order();
    }

    #[track_caller]
    fn assert_in_order(&self) {
        let url = format!("{}/api/sites/{SITE}/events?all=1&limit=100000", self.platform.url());
        let Value::Array(events) = http::get(&url).expect("the platform answers").success().json() else {
            panic!("events are a list");
        };
        assert_gapless(&events);
        let scanned =
            events.iter().filter_map(|event| event["data"]["code"].as_str()).filter(|code| code.starts_with("code-"));
        let expected = (0..self.scanned).map(|number| format!("code-{number}"));
        assert!(scanned.eq(expected), "the platform has every scan once, in order");
    }
}

#[test]
fn a_dead_link_is_noticed_although_nobody_scans() {
    if !network::alone("a_dead_link_is_noticed_although_nobody_scans") {
        return;
    }
    let Some(mut world) = World::start(|setup| setup) else { return };
    let before = received(&world.agent);
    world.host.swallow(Way::Both);
    let shown = Stopwatch::start();
    assert_eq!(until_shown(&world.agent, 2 * KEEP_ALIVE), "broker_down");
    println!("shown after {:?}", shown.elapsed());
    world.assert_in_time(SCANS);
    world.host.carry();
    world.heals(before);
}

#[test]
fn what_is_swallowed_under_way_arrives_afterwards() {
    if !network::alone("what_is_swallowed_under_way_arrives_afterwards") {
        return;
    }
    let Some(mut world) = World::start(|setup| setup) else { return };
    for way in [Way::Both, Way::Thither] {
        let before = received(&world.agent);
        world.host.swallow(way);
        world.assert_in_time(SCANS);
        assert_eq!(until_shown(&world.agent, ACK_TIMEOUT), "broker_down", "{way:?}");
        world.host.carry();
        world.heals(before);
    }
}

#[test]
fn a_cable_that_is_pulled_and_put_back() {
    if !network::alone("a_cable_that_is_pulled_and_put_back") {
        return;
    }
    let Some(mut world) = World::start(|setup| setup) else { return };
    let before = received(&world.agent);
    world.host.cut();
    world.assert_in_time(SCANS);
    until_shown(&world.agent, ACK_TIMEOUT);
    world.host.mend();
    world.heals(before);
}

#[test]
fn a_link_that_comes_and_goes() {
    if !network::alone("a_link_that_comes_and_goes") {
        return;
    }
    flap(seed_or(7), 12, Duration::from_millis(400));
}

#[test]
#[ignore = "long"]
fn a_link_that_comes_and_goes_for_minutes() {
    if !network::alone("a_link_that_comes_and_goes_for_minutes") {
        return;
    }
    flap(seed_or(7), 40, Duration::from_secs(6));
}

/// Up and away in turn, each for a random time; somebody scans throughout.
fn flap(seed: u64, turns: usize, longest: Duration) {
    let Some(mut world) = World::start(|setup| setup) else { return };
    let (before, mut random, mut took) = (received(&world.agent), Random::new(seed), Vec::new());
    for _ in 0..turns {
        match random.below(3) {
            0 => world.host.cut(),
            1 => world.host.swallow(Way::Both),
            _ => world.host.swallow(Way::Thither),
        }
        took.extend(world.scan_for(part_of(longest, &mut random)));
        world.host.mend();
        world.host.carry();
        took.extend(world.scan_for(part_of(longest, &mut random)));
    }
    world.usual.assert_in_time(took);
    world.heals(before);
    println!("seed {seed}: {} scans through {turns} outages", world.scanned);
}

fn part_of(longest: Duration, random: &mut Random) -> Duration {
    longest * u32::try_from(random.below(1_000)).unwrap_or_default() / 1_000
}

impl World {
    fn scan_for(&mut self, length: Duration) -> Vec<Duration> {
        let (clock, mut took) = (Stopwatch::start(), Vec::new());
        while clock.elapsed() < length {
            took.extend(self.scan(1));
        }
        took
    }
}

/// A modem of the old kind.
const SLOW_BITS_PER_S: u32 = 8_000;
/// An event and what goes with it are about 800 bytes: so many take a minute and a half.
const SLOW_SCANS: usize = 100;
const SLOW_WITHIN: Duration = Duration::from_secs(300);

#[test]
#[ignore = "long"]
fn a_link_of_8_kbit_per_second_carries_everything() {
    if !network::alone("a_link_of_8_kbit_per_second_carries_everything") {
        return;
    }
    let (connections, _) = carry_slowly(64).unwrap_or_default();
    // A ping waits behind a window that takes longer than it may: the connection is made anew, and goes on.
    assert!(connections <= 5, "{connections} more connections");
}

#[test]
#[ignore = "long"]
fn a_link_of_8_kbit_per_second_with_a_small_window_carries_everything_once() {
    if !network::alone("a_link_of_8_kbit_per_second_with_a_small_window_carries_everything_once") {
        return;
    }
    assert_eq!(carry_slowly(16).unwrap_or_default(), (0, 0));
}

/// How many connections it took beside the first, and how many events came again. All but the window is as it comes.
fn carry_slowly(window: i64) -> Option<(usize, u64)> {
    let as_it_comes = |setup: AgentSetup| {
        setup.set("broker.keep_alive", "30s").set("sync.ack_timeout", "15s").set("sync.window", window)
    };
    let mut world = World::start(as_it_comes)?;
    if !world.host.slow_down(SLOW_BITS_PER_S) {
        return None;
    }
    world.assert_in_time(SLOW_SCANS);
    let clock = Stopwatch::start();
    wait::until("everything to be received", SLOW_WITHIN, || {
        let log = &world.agent.status()["log"];
        (log["received"] == log["head"]).then_some(())
    });
    let log = world.agent.log();
    let ended: Vec<&str> =
        log.lines().filter_map(|line| line.split_once("not connected reason=")).map(|(_, why)| why).collect();
    let duplicates = world.platform.site(SITE).and_then(|site| site["duplicates"].as_u64());
    println!(
        "a window of {window}: {SLOW_SCANS} events after {:.1?}, {duplicates:?} came again, {ended:?}",
        clock.elapsed()
    );
    world.assert_in_order();
    Some((ended.len(), duplicates.expect("the platform counts them")))
}
