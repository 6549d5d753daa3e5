//! One run: a flood, an outage that all sites share, and a broker that is killed under all of them.

use std::collections::BTreeSet;
use std::time::Duration;

use parceld_tests::fleet::{Fleet, Plan, checks};
use parceld_tests::mosquitto::{Mosquitto, Options};
use parceld_tests::mqtt_client::MqttClient;
use parceld_tests::platform::Platform;
use parceld_tests::postgres::{self, Postgres, Session};
use parceld_tests::wait::{self, Stopwatch};
use serde_json::Value;

use crate::arguments::Arguments;
use crate::figures::{Figures, Phase, Storm};
use crate::usage::{self, Usage};

const SEED: u64 = 20_261_126;

/// The agent's own for a broker that has just gone.
const BACK_OFF_MAX: Duration = Duration::from_secs(4);
/// The agent's own default.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(60);
const HISTORICAL_AFTER: Duration = Duration::from_secs(60);

/// A run that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(480);

/// How long the broker stays away before a storm: longer than the first, short waits of those who try.
const AWAY: Duration = Duration::from_secs(10);
/// Arrivals are counted in steps of this.
const STEP: Duration = Duration::from_millis(100);

struct World {
    // Dropped in this order: sites leave while the broker is there, and the platform while its database is.
    fleet: Fleet,
    platforms: Vec<Platform>,
    broker: Mosquitto,
    database: String,
    server: Postgres,
}

/// # Panics
/// Where something is lost, or has an effect twice: the figures would mean nothing.
pub fn run(arguments: &Arguments, instances: usize) -> Figures {
    let mut world = World::start(arguments, instances);
    eprintln!("{} sites, {instances} × platform: a flood", arguments.sites);
    let flood = world.phase(arguments.events_per_site);
    eprintln!("an outage, and what comes after it");
    let outage = world.outage(arguments.events_per_site);
    eprintln!("a broker that is killed");
    let storm = world.storm();
    world.fleet.until_received(PATIENCE);
    let statements = world.statements();
    eprintln!("everything is compared with the sites' logs");
    let duplicates = world.assert_believed();
    Figures { sites: arguments.sites, instances, flood, outage, storm, duplicates, statements }
}

impl World {
    fn start(arguments: &Arguments, instances: usize) -> World {
        let server =
            Postgres::with(postgres::Options { fsync: true, counts_statements: true, ..postgres::Options::default() });
        let database = server.database();
        let broker = Mosquitto::with(Options { max_queued_messages: Some(0), ..Options::default() });
        let platforms = (1..=instances).map(|number| match instances {
            1 => Platform::on(&database, broker.port(), &[]),
            _ => Platform::sharing(&database, broker.port(), &format!("platform-{number}")),
        });
        let platforms = platforms.collect();
        let plan = Plan {
            seed: SEED,
            sites: arguments.sites,
            events_per_site: 1,
            pace: Duration::ZERO,
            receipt_timeout: RECEIPT_TIMEOUT,
            historical_after: HISTORICAL_AFTER,
            back_off_max: BACK_OFF_MAX,
        };
        let fleet = Fleet::start(broker.port(), plan);
        fleet.until_received(PATIENCE);
        World { fleet, platforms, broker, database, server }
    }

    /// Every site has so much to say at once, and says it as fast as receipts let it.
    fn phase(&self, events_per_site: usize) -> Phase {
        self.fleet.go_on(events_per_site);
        self.fleet.until_done(PATIENCE);
        self.drained()
    }

    /// The same after all of it was recorded while nobody could hear it.
    fn outage(&mut self, events_per_site: usize) -> Phase {
        self.broker.stop();
        self.fleet.go_on(events_per_site);
        self.fleet.until_done(PATIENCE);
        self.broker.restart();
        self.drained()
    }

    fn drained(&self) -> Phase {
        let (before, (_, received)) = (self.usage(), self.fleet.progress());
        let clock = Stopwatch::start();
        self.fleet.until_received(PATIENCE);
        let took_s = clock.elapsed().as_secs_f64();
        let events = self.fleet.progress().1 - received;
        Phase::new(events, took_s, self.usage().since(before))
    }

    /// How many sites come online in which step of time after the broker is back.
    fn storm(&mut self) -> Storm {
        self.broker.kill9();
        let away = Stopwatch::start();
        wait::until("the broker to have been away", PATIENCE, || (AWAY <= away.elapsed()).then_some(()));
        self.broker.restart();
        let clock = Stopwatch::start();
        let listener = MqttClient::connect(self.broker.port(), "storm");
        listener.subscribe("parceld/v1/+/state/agent");
        let (mut online, mut read, mut steps) = (BTreeSet::new(), 0, Vec::new());
        wait::until("every site to be back", PATIENCE, || {
            let messages = listener.messages();
            for message in &messages[read..] {
                if message.json()["state"] == "online" {
                    online.insert(message.topic.clone());
                }
            }
            read = messages.len();
            let step = (clock.elapsed().as_millis() / STEP.as_millis()) as usize;
            steps.resize(step + 1, 0);
            steps[step] = online.len();
            (online.len() == self.fleet.sites().len()).then_some(())
        });
        Storm::of(&steps, STEP, clock.elapsed())
    }

    /// How many statements the database has run, per event that was stored.
    fn statements(&self) -> f64 {
        let session = Session::open(&self.database).expect("a connection");
        let [events, calls] = ["SELECT count(*) FROM events", postgres::STATEMENTS].map(|sql| session.integers(sql)[0]);
        calls as f64 / events as f64
    }

    /// I2 and I3: every event once in effect, in its place. Returns how many came more than once.
    fn assert_believed(&self) -> u64 {
        for (at, platform) in self.platforms.iter().enumerate() {
            checks::assert_no_quarantine(platform);
            for site in self.fleet.sites().iter().skip(at).step_by(self.platforms.len()) {
                checks::assert_believed(platform, site);
            }
        }
        let of = |name: &str| self.platforms[0].site(name).and_then(|site: Value| site["duplicates"].as_u64());
        self.fleet.sites().iter().filter_map(|site| of(&site.name)).sum()
    }

    fn usage(&self) -> Usage {
        Usage {
            broker_s: self.broker.process().cpu_seconds(),
            platform_s: self.platforms.iter().map(|platform| platform.process().cpu_seconds()).sum(),
            database_s: usage::with_children_s(self.server.process()),
            sites_s: usage::own_s(),
        }
    }
}
