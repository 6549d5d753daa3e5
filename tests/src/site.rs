//! A whole site in one place: a broker, the reference platform and an agent, and what tests ask of them.

use crate::agent::{Agent, AgentSetup};
use crate::embedded::DemoBroker;
use crate::mosquitto::{Mosquitto, Options};
use crate::platform::Platform;
use crate::scanner::{Answer, VirtualScanner};
use crate::{http, wait};
use serde_json::Value;
use std::time::Duration;

/// The site's id everywhere in the tests.
pub const SITE: &str = "site-1";

/// Work that a busy machine may take this long for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The brokers that end-to-end tests run against.
#[derive(Debug)]
pub enum Broker {
    Embedded(DemoBroker),
    Mosquitto(Mosquitto),
}

impl Broker {
    /// The embedded broker of the demonstration.
    #[must_use]
    pub fn embedded() -> Broker {
        Broker::Embedded(DemoBroker::start())
    }

    /// Debian's mosquitto, which keeps any number of messages for who is away.
    #[must_use]
    pub fn mosquitto() -> Broker {
        Broker::Mosquitto(Mosquitto::with(Options { max_queued_messages: Some(0), ..Options::default() }))
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Broker::Embedded(broker) => broker.port(),
            Broker::Mosquitto(broker) => broker.port(),
        }
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port())
    }

    /// Gone without a word.
    pub fn kill9(&mut self) {
        match self {
            Broker::Embedded(broker) => broker.kill9(),
            Broker::Mosquitto(broker) => broker.kill9(),
        }
    }

    /// Back on the same port, knowing nothing of before.
    pub fn restart(&mut self) {
        match self {
            Broker::Embedded(broker) => broker.restart(),
            Broker::Mosquitto(broker) => broker.restart(),
        }
    }
}

/// A site with scanners at its stations.
#[derive(Debug)]
pub struct Site {
    // Dropped in this order: the agent says good-bye to a broker that is still there.
    pub agent: Agent,
    pub platform: Platform,
    pub broker: Broker,
    pub scanners: Vec<VirtualScanner>,
}

impl Site {
    /// Two benches and a door, a scanner each, in this order; two carriers.
    #[must_use]
    pub fn start(broker: Broker) -> Site {
        Site::with(broker, |setup| setup)
    }

    /// The same with changes to the configuration.
    #[must_use]
    pub fn with(broker: Broker, change: impl FnOnce(AgentSetup) -> AgentSetup) -> Site {
        let scanners: Vec<_> = (0..3).map(|_| VirtualScanner::new()).collect();
        let setup = AgentSetup::new(SITE, &broker.url())
            .station("bench-1", "pack")
            .station("bench-2", "pack")
            .station("door-1", "load")
            .scanner("scanner-1", "bench-1", scanners[0].port())
            .scanner("scanner-2", "bench-2", scanners[1].port())
            .scanner("scanner-3", "door-1", scanners[2].port())
            .carrier("dhl")
            .carrier("postnord");
        let platform = Platform::start(broker.port());
        let mut agent = change(setup).start();
        agent.ready();
        Site { agent, platform, broker, scanners }
    }

    /// Scans, and fails where the scan was not recorded.
    #[track_caller]
    pub fn scan(&mut self, scanner: usize, code: &str) -> Answer {
        let answer = self.scanners[scanner].scan(code);
        assert!(answer.recorded, "{code} was not saved");
        answer
    }

    /// The text of the command barcode for `verb`.
    #[must_use]
    pub fn barcode(&self, verb: &str) -> String {
        barcode(&self.agent, verb)
    }

    /// Waits until the platform knows so many orders as accepted by the site.
    #[track_caller]
    pub fn until_accepted(&self, count: usize) {
        wait::until(&format!("{count} orders accepted"), PATIENCE, || {
            let accepted = self.orders("accepted").len();
            (count <= accepted).then_some(())
        });
    }

    /// The platform's orders in `state`.
    #[must_use]
    pub fn orders(&self, state: &str) -> Vec<Value> {
        self.platform.orders(SITE).into_iter().filter(|order| order["state"] == state).collect()
    }

    /// Waits until the platform has applied everything that the agent has recorded.
    #[track_caller]
    pub fn until_synced(&self) {
        wait::until("the platform has everything", PATIENCE, || {
            let (log, site) = (&self.agent.status()["log"], self.platform.site(SITE)?);
            (log["epoch"] == site["epoch"] && log["head"].as_u64()? <= site["sequence"].as_u64()?).then_some(())
        });
    }

    /// Waits until the site has replied to every command of the platform.
    #[track_caller]
    pub fn until_answered(&self) {
        wait::until("a reply to every command", PATIENCE, || {
            (self.platform.site(SITE)?["commands"]["waiting"] == 0).then_some(())
        });
    }

    /// Waits until the platform's receipts cover everything that the agent has recorded.
    #[track_caller]
    pub fn until_received(&self) {
        wait::until("receipts for everything", PATIENCE, || {
            let log = &self.agent.status()["log"];
            (log["received"] == log["head"]).then_some(())
        });
    }

    /// Every event that the platform has applied, of all epochs, in the order in which it did.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        loop {
            let url =
                format!("{}/api/sites/{SITE}/events?all=1&since={}&limit=1000", self.platform.url(), events.len());
            let page = http::get(&url).expect("the platform answers").json();
            let Value::Array(page) = page else {
                panic!("events are a list");
            };
            if page.is_empty() {
                return events;
            }
            events.extend(page);
        }
    }
}

/// The text of the agent's command barcode for `verb`.
///
/// # Panics
/// Where the agent knows no such verb.
#[must_use]
pub fn barcode(agent: &Agent, verb: &str) -> String {
    let output = agent.command(&["barcodes"]).output().expect("the agent's program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let code = text.lines().find_map(|line| line.strip_prefix(verb)?.strip_prefix(' ').map(str::trim));
    code.unwrap_or_else(|| panic!("no barcode for {verb}: {text} {}", String::from_utf8_lossy(&output.stderr)))
        .to_owned()
}

/// Asserts that the sequences of one epoch's events run from 1 without a gap, and returns how many there are.
#[track_caller]
pub fn assert_gapless(events: &[Value]) -> u64 {
    let mut next = 1;
    for event in events {
        assert_eq!(event["sequence"], next, "{event}");
        next += 1;
    }
    next - 1
}
