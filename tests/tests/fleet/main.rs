//! A fleet of simulated sites, and a platform whose instances and broker die at random: in the end every event is applied
//! once and in order, receipts say so, and customers are asked to be told what is to be told.
//!
//! `PARCELD_SEED=N` plays one seed again; what is printed at a failure says which.

mod chaos;
mod told;

use chaos::{Part, Turn};
use parceld_tests::fleet::{Fleet, Plan, checks};
use parceld_tests::goods;
use parceld_tests::http;
use parceld_tests::mosquitto::{Mosquitto, Options};
use parceld_tests::platform::Platform;
use parceld_tests::postgres::{Postgres, Session};
use parceld_tests::random::{Random, SEED_VARIABLE, seed_or};
use parceld_tests::wait::{self, Stopwatch};
use std::thread;
use std::time::Duration;
use told::Sinks;

/// Another seed is another fleet, and other things break.
const SEED: u64 = 20_261_126;
const SEEDS_OF_LONG: u64 = 10;

const SHORT: Size = Size { sites: 50, events_per_site: 80, length: Duration::from_secs(14), waits: false };
const LONG: Size = Size { sites: 50, events_per_site: 400, length: Duration::from_secs(60), waits: true };
const SHORT_ALONE: Size = Size { sites: 20, events_per_site: 80, length: Duration::from_secs(8), waits: false };

/// After the last blow: a platform that is back has to hear every site out, each of which waits its time.
const HEALS_WITHIN: Duration = Duration::from_secs(90);

/// A letter that an instance had claimed when it died is another's after a minute; one that was refused thrice waits five
/// of them.
const LETTERS_WITHIN: Duration = Duration::from_secs(420);

#[derive(Debug, Clone, Copy)]
struct Size {
    sites: usize,
    events_per_site: usize,
    length: Duration,
    /// Letters that were refused go out after their own waits, which grow from ten seconds to minutes.
    waits: bool,
}

/// How many instances there are, and what they store in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One, with a file.
    Alone,
    /// Three, with a database on a server.
    Three,
}

#[test]
fn three_instances_apply_every_event_of_a_fleet_once_whatever_dies() {
    play(Kind::Three, seed_or(SEED), SHORT);
}

#[test]
fn one_instance_applies_every_event_of_a_fleet_once_whatever_dies() {
    play(Kind::Alone, seed_or(SEED), SHORT_ALONE);
}

#[test]
#[ignore = "long"]
fn three_instances_apply_every_event_of_a_fleet_once_whatever_dies_for_long() {
    let first = seed_or(SEED);
    (first..first + SEEDS_OF_LONG).for_each(|seed| play(Kind::Three, seed, LONG));
}

#[test]
#[ignore = "long"]
fn one_instance_applies_every_event_of_a_fleet_once_whatever_dies_for_long() {
    let first = seed_or(SEED);
    (first..first + SEEDS_OF_LONG).for_each(|seed| play(Kind::Alone, seed, LONG));
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

fn play(kind: Kind, seed: u64, size: Size) {
    let _replay = Replay(seed);
    let mut world = World::start(kind, seed, size);
    world.break_and_mend(seed, size);
    let clock = Stopwatch::start();
    world.fleet.until_received(HEALS_WITHIN);
    let received_ms = clock.elapsed().as_millis();
    wait::until("a reply to every command", HEALS_WITHIN, || {
        let answered = |name: &str| world.platforms[0].site(name).is_some_and(|site| site["commands"]["waiting"] == 0);
        world.fleet.sites().iter().all(|site| answered(&site.name)).then_some(())
    });
    // Each instance tells the same.
    for (at, platform) in world.platforms.iter().enumerate() {
        checks::assert_no_quarantine(platform);
        for site in world.fleet.sites().iter().skip(at).step_by(world.platforms.len()) {
            checks::assert_believed(platform, site);
        }
    }
    let answered: usize = world.fleet.sites().iter().map(|site| site.log.answered().len()).sum();
    assert!(world.orders <= answered, "{answered} commands were answered, at least {} orders were sent", world.orders);
    if let Some(sinks) = &world.sinks {
        let (platform, sites) = (&world.platforms[0], world.fleet.sites());
        if !size.waits {
            world.end_waits();
        }
        told::until_all_sent(platform, sites, LETTERS_WITHIN);
        let sent_ms = clock.elapsed().as_millis();
        println!(
            "received after {received_ms} ms, all sent after {sent_ms} ms: {:?}",
            told::assert_told(platform, sites, sinks)
        );
    }
    println!("{kind:?}, seed {seed}: {} events, {}", world.fleet.progress().0, world.counts());
}

struct World {
    // Dropped in this order: sites leave while the broker is there, and the platform while its database is.
    fleet: Fleet,
    platforms: Vec<Platform>,
    broker: Mosquitto,
    sinks: Option<Sinks>,
    server: Option<(Postgres, String)>,
    orders: usize,
}

impl World {
    fn start(kind: Kind, seed: u64, size: Size) -> World {
        let mut random = Random::stream(seed, u64::MAX);
        let broker = Mosquitto::with(Options {
            persistence: random.once_in(2),
            autosave_s: random.once_in(2).then_some(1),
            max_queued_messages: random.once_in(2).then_some(0),
        });
        let server = (kind == Kind::Three).then(|| {
            let server = Postgres::start();
            let database = server.database();
            (server, database)
        });
        let sinks = (kind == Kind::Three).then(Sinks::start);
        let platforms: Vec<Platform> = match (&server, &sinks) {
            (Some((_, url)), Some(sinks)) => {
                let instance = |n: usize| {
                    let client_id = format!("platform-{n}");
                    let letters = sinks.arguments();
                    let letters = letters.iter().map(String::as_str);
                    let arguments: Vec<&str> =
                        ["--share", "platform", "--client-id", &client_id].into_iter().chain(letters).collect();
                    Platform::on(url, broker.port(), &arguments)
                };
                (1..=3).map(instance).collect()
            }
            _ => vec![Platform::start(broker.port())],
        };
        let steps = u32::try_from(size.events_per_site).unwrap_or(u32::MAX);
        let plan = Plan {
            seed,
            sites: size.sites,
            events_per_site: size.events_per_site,
            pace: size.length / steps,
            receipt_timeout: Duration::from_secs(1),
            historical_after: Duration::from_secs(2),
            back_off_max: Duration::from_secs(1),
        };
        if sinks.is_some() {
            told::introduce(&platforms[0], size.sites);
        }
        let fleet = Fleet::start(broker.port(), plan);
        World { fleet, platforms, broker, sinks, server, orders: 0 }
    }

    fn break_and_mend(&mut self, seed: u64, size: Size) {
        let instances = (0..self.platforms.len()).map(Part::Platform);
        let parts: Vec<Part> = instances.chain([Part::Broker]).collect();
        let mut turns = chaos::plan(seed, size.length, &parts, self.server.is_some(), size.sites);
        turns.extend(chaos::moods(seed, size.length, Sinks::COUNT));
        turns.sort_by_key(|(at, _)| *at);
        let clock = Stopwatch::start();
        for (at, turn) in turns {
            wait::until("the time of the next turn", size.length, || (at <= clock.elapsed()).then_some(()));
            match turn {
                Turn::Breaks(Part::Platform(n)) => self.platforms[n].kill9(),
                Turn::Stops(Part::Platform(n)) => self.platforms[n].stop(),
                Turn::Returns(Part::Platform(n)) => self.platforms[n].restart(),
                Turn::Breaks(Part::Broker) => self.broker.kill9(),
                Turn::Stops(Part::Broker) => self.broker.stop(),
                Turn::Returns(Part::Broker) => self.broker.restart(),
                Turn::CutsDatabase => self.cut_database(),
                Turn::Sink(number, mood) => {
                    if let Some(sinks) = &self.sinks {
                        sinks.set(number, mood);
                    }
                }
                Turn::Orders { site } => self.order(site),
            }
        }
    }

    fn cut_database(&self) {
        let Some((_, url)) = &self.server else { return };
        Session::open(url).expect("a connection").batch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
    }

    /// What was refused is due. What an instance has claimed stays its own.
    fn end_waits(&self) {
        let Some((_, url)) = &self.server else { return };
        Session::open(url).expect("a connection").batch("UPDATE letters SET due_ms = 0 WHERE claimed_until_ms IS NULL");
    }

    /// Where no instance is there to take it, nobody orders.
    fn order(&mut self, site: usize) {
        let Some(platform) = self.platforms.iter().find(|platform| platform.is_running()) else { return };
        let order = goods::order(&format!("told-{}", self.orders), "dhl", "2xA 1xB");
        let url = format!("{}/api/sites/{}/orders", platform.url(), self.fleet.sites()[site].name);
        let taken = http::post(&url, &order).is_ok_and(|reply| reply.status == 202);
        self.orders += usize::from(taken);
    }

    fn counts(&self) -> String {
        let sum = |field: &str| -> u64 {
            let sites = self.fleet.sites().iter();
            sites.filter_map(|site| self.platforms[0].site(&site.name)?[field].as_u64()).sum()
        };
        let deadlocks = self.server.as_ref().map_or(0, |(_, url)| {
            let ended = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
            Session::open(url).expect("a connection").integers(ended)[0]
        });
        let (duplicates, dropped, orders) = (sum("duplicates"), sum("dropped"), self.orders);
        format!("{duplicates} duplicates, {dropped} let go beyond gaps, {orders} orders sent, {deadlocks} deadlocks")
    }
}
