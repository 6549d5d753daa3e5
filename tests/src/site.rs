//! A whole site in one place: a broker, the reference platform and an agent, and what tests ask of them.

use crate::agent::{Agent, AgentSetup};
use crate::embedded::DemoBroker;
use crate::mosquitto::{Mosquitto, Options};
use crate::platform::Platform;
use crate::scanner::{Answer, VirtualScanner};
use crate::secured::Secured;
use crate::wait::Stopwatch;
use crate::{http, net, wait};
use serde_json::Value;
use std::time::Duration;

/// The site's id everywhere in the tests.
pub const SITE: &str = "site-1";

/// Work that a busy machine may take this long for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The pause between two groups of beeps, in which nothing of an answer can be taken for its first group.
const SECOND_GROUP_AFTER: Duration = Duration::from_millis(350);

/// The stations of [`Site::whole_floor`] with their modes; a station's place is its scanner's.
pub const FLOOR: [(&str, &str); 6] = [
    ("picking", "pick"),
    ("bench", "pack"),
    ("door", "load"),
    ("desk", "return"),
    ("shelf", "count"),
    ("gate", "receive"),
];

/// A platform that makes carriers' labels.
pub const LABELS: &[&str] = &["--labels"];

/// The brokers that end-to-end tests run against.
#[derive(Debug)]
pub enum Broker {
    Embedded(DemoBroker),
    Mosquitto(Mosquitto),
    /// With the rules and settings that are shipped.
    Secured(Box<Secured>),
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
            Broker::Secured(secured) => secured.broker.port(),
        }
    }

    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Broker::Embedded(_) | Broker::Mosquitto(_) => format!("mqtt://127.0.0.1:{}", self.port()),
            Broker::Secured(secured) => secured.url(),
        }
    }

    /// SIGSTOP: connections stay open, and nothing moves on them.
    ///
    /// # Panics
    /// With the embedded broker, which nobody can stop.
    pub fn pause(&self) {
        self.as_mosquitto().pause();
    }

    /// Goes on after [`pause`](Broker::pause).
    ///
    /// # Panics
    /// With the embedded broker.
    pub fn resume(&self) {
        self.as_mosquitto().resume();
    }

    fn as_mosquitto(&self) -> &Mosquitto {
        match self {
            Broker::Mosquitto(broker) => broker,
            Broker::Secured(secured) => &secured.broker,
            Broker::Embedded(_) => panic!("only mosquitto is a process of its own that can stand still"),
        }
    }

    /// Gone without a word.
    pub fn kill9(&mut self) {
        match self {
            Broker::Embedded(broker) => broker.kill9(),
            Broker::Mosquitto(broker) => broker.kill9(),
            Broker::Secured(secured) => secured.broker.kill9(),
        }
    }

    /// Back on the same port, knowing nothing of before.
    pub fn restart(&mut self) {
        match self {
            Broker::Embedded(broker) => broker.restart(),
            Broker::Mosquitto(broker) => broker.restart(),
            Broker::Secured(secured) => secured.broker.restart(),
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
        let platform = Platform::start(broker.port());
        Site::with_platform(broker, platform, change)
    }

    /// The same at a broker that knows everybody by certificate, with the rules and settings that are shipped.
    #[must_use]
    pub fn secured(change: impl FnOnce(AgentSetup) -> AgentSetup) -> Site {
        let secured = Secured::start();
        let (platform, identify) = (secured.platform(), secured.identified(SITE));
        Site::with_platform(Broker::Secured(Box::new(secured)), platform, |setup| change(identify(setup)))
    }

    /// The same with a platform that is there already.
    #[must_use]
    pub fn with_platform(broker: Broker, platform: Platform, change: impl FnOnce(AgentSetup) -> AgentSetup) -> Site {
        let stations = [("bench-1", "pack"), ("bench-2", "pack"), ("door-1", "load")];
        Site::of(broker, platform, &stations, |setup| change(setup.carrier("dhl").carrier("postnord")))
    }

    /// A site with a station of every mode, a scanner each, in the order of [`FLOOR`]. Orders are picked, then packed.
    /// dhl wants no number of its own; postnord does, and the platform makes its labels.
    #[must_use]
    pub fn whole_floor(broker: Broker, change: impl FnOnce(AgentSetup) -> AgentSetup) -> Site {
        let platform = Platform::with(broker.port(), LABELS);
        Site::whole_floor_with(broker, platform, change)
    }

    /// The same with a platform that is there already; it was started with [`LABELS`].
    #[must_use]
    pub fn whole_floor_with(broker: Broker, platform: Platform, change: impl FnOnce(AgentSetup) -> AgentSetup) -> Site {
        let with_labels = |setup: AgentSetup| {
            // Nobody listens there: labels are as good as printed.
            let printer = format!(
                "[[printer]]\nid = \"zebra\"\nstation = \"bench\"\nhost = \"127.0.0.1\"\nport = {}",
                net::free_port()
            );
            let carrier = "[[carrier]]\nid = \"postnord\"\ngrace = \"0s\"\ntracking_required = true\ntracking_pattern = \"TN#################\"\n\
                           collections = [{ days = [\"mon-sun\"], at = \"23:59\", cut_off = \"0s\" }]";
            change(setup.set("floor.flow", "pick_then_pack").carrier("dhl").toml(carrier).toml(&printer))
        };
        Site::of(broker, platform, &FLOOR, with_labels)
    }

    /// `stations` with their modes, a scanner each; no carrier.
    fn of(
        broker: Broker,
        platform: Platform,
        stations: &[(&str, &str)],
        change: impl FnOnce(AgentSetup) -> AgentSetup,
    ) -> Site {
        let scanners: Vec<_> = stations.iter().map(|_| VirtualScanner::new()).collect();
        let mut setup = AgentSetup::new(SITE, &broker.url());
        for ((id, mode), (scanner, number)) in stations.iter().zip(scanners.iter().zip(1..)) {
            setup = setup.station(id, mode).scanner(&format!("scanner-{number}"), id, scanner.port());
        }
        let mut agent = change(setup).start();
        agent.ready();
        Site { agent, platform, broker, scanners }
    }

    /// Scans, and fails where the scan was not recorded.
    #[track_caller]
    pub fn scan(&mut self, scanner: usize, code: &str) -> Answer {
        let scanning = Stopwatch::start();
        let mut answer = self.scanners[scanner].scan(code);
        assert!(answer.recorded, "{code} was not saved");
        if 0 < answer.beeps
            && SECOND_GROUP_AFTER <= scanning.elapsed()
            && let Some(beeps) = self.first_group(scanner)
        {
            answer.beeps = beeps;
        }
        answer
    }

    /// Of the answer that this scanner was given last, by the agent's own account. A test that was kept from listening hears the
    /// groups behind the first together with it.
    fn first_group(&self, scanner: usize) -> Option<u8> {
        let (status, id) = (self.agent.status(), format!("scanner-{}", scanner + 1));
        let given = status["answers"].as_array()?.iter().find(|given| given["scanner"] == id)?;
        match given["signal"].as_str()? {
            "accepted" | "opened" | "silent" => Some(0),
            "completed" => Some(1),
            "already" | "unknown" => Some(2),
            "wrong" | "over" | "refused" => Some(3),
            _ => None,
        }
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
    let code = barcodes(agent)[verb].as_str().map(str::to_owned);
    code.unwrap_or_else(|| panic!("no barcode for {verb}"))
}

/// The agent's command barcodes: each word with its text.
///
/// # Panics
/// Where the agent has no key yet.
#[must_use]
pub fn barcodes(agent: &Agent) -> Value {
    let output = agent.command(&["barcodes", "--json"]).output().expect("the agent's program runs");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("no barcodes: {error}: {}", String::from_utf8_lossy(&output.stderr)))
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
