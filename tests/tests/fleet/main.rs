//! A fleet of simulated sites, and a platform whose instances and broker die at random: in the end every event is applied
//! once and in order, receipts say so, and customers are asked to be told what is to be told.
//!
//! `PARCELD_SEED=N` plays one seed again; what is printed at a failure says which.

mod chaos;
mod checks;

use chaos::{Part, Turn};
use parceld_tests::fleet::{Fleet, Plan};
use parceld_tests::goods;
use parceld_tests::mosquitto::{Mosquitto, Options};
use parceld_tests::platform::Platform;
use parceld_tests::random::{Random, SEED_VARIABLE, seed_or};
use parceld_tests::wait::{self, Stopwatch};
use std::thread;
use std::time::Duration;

/// Another seed is another fleet, and other things break.
const SEED: u64 = 20_261_126;
const SEEDS_OF_LONG: u64 = 10;

const SHORT: Size = Size { sites: 50, events_per_site: 80, length: Duration::from_secs(14) };
const LONG: Size = Size { sites: 50, events_per_site: 400, length: Duration::from_secs(60) };

/// After the last blow: a platform that is back has to hear every site out, each of which waits its time.
const HEALS_WITHIN: Duration = Duration::from_secs(90);

#[derive(Debug, Clone, Copy)]
struct Size {
    sites: usize,
    events_per_site: usize,
    length: Duration,
}

#[test]
fn whatever_dies_every_event_of_a_fleet_is_applied_once_and_in_order() {
    play(seed_or(SEED), SHORT);
}

#[test]
#[ignore = "long"]
fn whatever_dies_for_long_every_event_of_a_fleet_is_applied_once_and_in_order() {
    let first = seed_or(SEED);
    (first..first + SEEDS_OF_LONG).for_each(|seed| play(seed, LONG));
}

/// Says which seed it was, where it failed.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("to play this again: {SEED_VARIABLE}={}", self.0);
        }
    }
}

fn play(seed: u64, size: Size) {
    let _replay = Replay(seed);
    let mut world = World::start(seed, size);
    world.break_and_mend(seed, size);
    world.fleet.until_received(HEALS_WITHIN);
    wait::until("a reply to every command", HEALS_WITHIN, || {
        let answered = |name: &str| world.platform.site(name).is_some_and(|site| site["commands"]["waiting"] == 0);
        world.fleet.sites().iter().all(|site| answered(&site.name)).then_some(())
    });
    checks::assert_no_quarantine(&world.platform);
    for site in world.fleet.sites() {
        checks::assert_believed(&world.platform, site);
    }
    let told: usize = world.fleet.sites().iter().map(|site| site.log.answered().len()).sum();
    assert!(world.orders <= told, "{told} commands were answered, at least {} orders were sent", world.orders);
    println!("seed {seed}: {} events, {}", world.fleet.progress().0, world.counts());
}

struct World {
    // Dropped in this order: sites leave while the broker is there.
    fleet: Fleet,
    platform: Platform,
    broker: Mosquitto,
    orders: usize,
}

impl World {
    fn start(seed: u64, size: Size) -> World {
        let mut random = Random::stream(seed, u64::MAX);
        let broker = Mosquitto::with(Options {
            persistence: random.once_in(2),
            autosave_s: random.once_in(2).then_some(1),
            max_queued_messages: random.once_in(2).then_some(0),
        });
        let platform = Platform::start(broker.port());
        let steps = u32::try_from(size.events_per_site).unwrap_or(u32::MAX);
        let plan = Plan {
            seed,
            sites: size.sites,
            events_per_site: size.events_per_site,
            pace: size.length / steps,
            receipt_timeout: Duration::from_secs(1),
            historical_after: Duration::from_secs(2),
        };
        World { fleet: Fleet::start(broker.port(), plan), platform, broker, orders: 0 }
    }

    fn break_and_mend(&mut self, seed: u64, size: Size) {
        let clock = Stopwatch::start();
        for (at, turn) in chaos::plan(seed, size.length, &[Part::Platform(0), Part::Broker], size.sites) {
            wait::until("the time of the next turn", size.length, || (at <= clock.elapsed()).then_some(()));
            match turn {
                Turn::Breaks(Part::Platform(_)) => self.platform.kill9(),
                Turn::Stops(Part::Platform(_)) => self.platform.stop(),
                Turn::Returns(Part::Platform(_)) => self.platform.restart(),
                Turn::Breaks(Part::Broker) => self.broker.kill9(),
                Turn::Stops(Part::Broker) => self.broker.stop(),
                Turn::Returns(Part::Broker) => self.broker.restart(),
                Turn::Orders { site } => self.order(site),
            }
        }
    }

    /// Where no instance is there to be asked, nobody orders.
    fn order(&mut self, site: usize) {
        if !self.platform.is_running() {
            return;
        }
        let id = format!("told-{}", self.orders);
        self.platform.put_order(&self.fleet.sites()[site].name, &goods::order(&id, "dhl", "2xA 1xB"));
        self.orders += 1;
    }

    fn counts(&self) -> String {
        let sum = |field: &str| -> u64 {
            let sites = self.fleet.sites().iter().filter_map(|site| self.platform.site(&site.name)?[field].as_u64());
            sites.sum()
        };
        format!("{} duplicates, {} let go beyond gaps, {} orders sent", sum("duplicates"), sum("dropped"), self.orders)
    }
}
