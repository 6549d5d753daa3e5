//! The site and what it needs: broker, platform, agent, scanners.

use std::path::PathBuf;

use anyhow::bail;
use jiff::Timestamp;
use parceld_tests::agent::{Agent, AgentSetup};
use parceld_tests::embedded::DemoBroker;
use parceld_tests::http;
use parceld_tests::platform::Platform;
use parceld_tests::printer::{Label, VirtualPrinter};
use parceld_tests::sink::smtp::{Mail, MailSink};
use parceld_tests::sink::webhook::{Post, WebhookSink};
use parceld_tests::wait::{self, Stopwatch};
use serde_json::Value;

use crate::LOOK_EVERY;
use crate::goods::{self, CARGO_BIKE, EXAMPLE_POST, ORDERS, RETURN};
use crate::scanner::Scanner;
use crate::stop::Stop;

pub const SITE: &str = "demo";

/// Collections all week and around the clock, so that orders leave in time whenever somebody looks.
const CARRIERS: &str = r#"
[[carrier]]
id = "cargo-bike"
name = "Cargo Bike"
services = ["same-day"]
collections = [
    { days = ["mon-sun"], at = "02:00", cut_off = "10m" },
    { days = ["mon-sun"], at = "04:00", cut_off = "10m" },
    { days = ["mon-sun"], at = "06:00", cut_off = "10m" },
    { days = ["mon-sun"], at = "08:00", cut_off = "10m" },
    { days = ["mon-sun"], at = "10:00", cut_off = "10m" },
    { days = ["mon-sun"], at = "12:00", cut_off = "10m" },
    { days = ["mon-sun"], at = "14:00", cut_off = "10m" },
    { days = ["mon-sun"], at = "16:00", cut_off = "10m" },
    { days = ["mon-sun"], at = "18:00", cut_off = "10m" },
    { days = ["mon-sun"], at = "20:00", cut_off = "10m" },
    { days = ["mon-sun"], at = "22:00", cut_off = "10m" },
    { days = ["mon-sun"], at = "23:59", cut_off = "0s" },
]

[[carrier]]
id = "example-post"
name = "Example Post"
services = ["home", "pickup-point"]
collections = [
    { days = ["mon-sun"], at = "00:30", cut_off = "15m" },
    { days = ["mon-sun"], at = "04:30", cut_off = "15m" },
    { days = ["mon-sun"], at = "08:30", cut_off = "15m" },
    { days = ["mon-sun"], at = "12:30", cut_off = "15m" },
    { days = ["mon-sun"], at = "16:30", cut_off = "15m" },
    { days = ["mon-sun"], at = "20:30", cut_off = "15m" },
    { days = ["mon-sun"], at = "23:59", cut_off = "0s" },
]
"#;

/// The last lines of the agent's log that are shown where something went wrong.
const LOG_LINES: usize = 30;

/// The stations with their modes; a station's place is its scanner's.
pub const STATIONS: [(&str, &str); 4] =
    [("bench-1", "pack"), ("bench-2", "pack"), ("door", "load"), ("desk", "return")];

/// The scanners of the stations: a Zebra in packets at the first bench. They outlive the site, so that none of them is
/// lost while it closes.
#[must_use]
pub fn scanners() -> [Scanner; 4] {
    [Scanner::in_packets(), Scanner::in_lines(), Scanner::in_lines(), Scanner::in_lines()]
}

/// A station's scanner, with the bounce time that people need: the harness's own scanners have none.
fn scanner(station: &str, scanner: &Scanner) -> String {
    let (driver, port) = (scanner.driver(), scanner.port());
    format!("[[scanner]]\nid = {station:?}\nstation = {station:?}\ndriver = {driver:?}\nport = {port:?}")
}

fn printer(station: &str, printer: &VirtualPrinter) -> String {
    let port = printer.port();
    format!("[[printer]]\nid = \"label-{station}\"\nstation = {station:?}\nhost = \"127.0.0.1\"\nport = {port}")
}

/// A running site. Dropping it kills its processes; [`close`](Site::close) lets them end in order.
pub struct Site {
    agent: Agent,
    platform: Platform,
    /// With the benches that they stand at.
    printers: [(&'static str, VirtualPrinter); 2],
    /// Where the platform's letters end.
    mails: MailSink,
    posts: WebhookSink,
    // Last, so that the others can say goodbye.
    _broker: DemoBroker,
}

impl Site {
    #[must_use]
    pub fn open(scanners: &[Scanner; 4]) -> Site {
        let broker = DemoBroker::start();
        let (mails, posts) = (MailSink::start(), WebhookSink::start());
        let (smtp, hook) = (mails.address(), posts.url());
        let senders = ["--smtp", &smtp, "--sms-webhook", &hook, "--push-webhook", &hook];
        let platform = Platform::with(broker.port(), &senders);
        let printers = ["bench-1", "bench-2"].map(|bench| (bench, VirtualPrinter::start()));
        let mut setup = AgentSetup::new(SITE, &broker.url())
            .set("site.name", "Demo site")
            .set("site.gs1_company_prefix", "735005385")
            .toml(CARRIERS);
        for ((station, mode), held) in STATIONS.iter().zip(scanners) {
            setup = setup.station(station, mode).toml(&scanner(station, held));
        }
        for (bench, device) in &printers {
            setup = setup.toml(&printer(bench, device));
        }
        let mut agent = setup.start();
        agent.ready();
        Site { agent, platform, printers, mails, posts, _broker: broker }
    }

    #[must_use]
    pub fn agent_url(&self) -> String {
        self.agent.url()
    }

    #[must_use]
    pub fn platform_url(&self) -> String {
        self.platform.url()
    }

    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.agent.config()
    }

    /// Puts catalog, stock, orders and a return at the platform, and waits until the site has taken all of them.
    ///
    /// # Errors
    /// Where it doesn't, or the end is asked for.
    pub fn put_orders(&self, stop: &Stop) -> anyhow::Result<()> {
        self.wait_until("the site to be online", stop, || self.is_online())?;
        self.platform.put_catalog(SITE, &goods::catalog());
        self.platform.set_stock(SITE, &goods::stock());
        let now = now();
        for order in &ORDERS {
            let (customer, address) = order.address();
            http::put(&format!("{}/api/customers/{customer}", self.platform_url()), &address)?;
            self.platform.put_order(SITE, &order.put(now));
        }
        self.platform.put_return(SITE, &RETURN.put());
        self.wait_until("the site to take the orders", stop, || {
            let answered = self.get("").is_some_and(|site| site["commands"]["waiting"] == 0);
            answered && self.orders_in(|state| state != "put") == ORDERS.len()
        })
    }

    /// Whether the platform shows every order as completed.
    #[must_use]
    pub fn all_completed(&self) -> bool {
        self.orders_in(|state| state == "completed") == ORDERS.len()
    }

    /// The events that the platform has received after sequence `since`, in their order; none while it doesn't answer.
    #[must_use]
    pub fn events(&self, since: u64) -> Vec<Value> {
        self.list(&format!("events?since={since}"))
    }

    /// The newest answer that the agent gave to a scanner, as its status tells it; `None` where it tells none.
    #[must_use]
    pub fn answer_to(&self, scanner: &str) -> Option<Value> {
        let reply = http::get(&format!("{}/api/v1/status", self.agent_url())).ok()?;
        let status: Value = serde_json::from_str(&reply.body).ok()?;
        let mut answers = status["answers"].as_array()?.iter();
        answers.find(|answer| answer["scanner"] == scanner).cloned()
    }

    /// The texts of this site's command barcodes, by their words.
    #[must_use]
    pub fn barcodes(&self) -> Value {
        parceld_tests::site::barcodes(&self.agent)
    }

    /// The labels that have come out, by bench.
    #[must_use]
    pub fn labels(&self) -> [(&'static str, Vec<Label>); 2] {
        self.printers.each_ref().map(|(bench, printer)| (*bench, printer.printed()))
    }

    /// What customers have been sent, mails before the others: to whom, and what it says first.
    #[must_use]
    pub fn letters(&self) -> [Vec<(String, String)>; 2] {
        let mail = |mail: &Mail| (mail.recipients.join(", "), mail.header("Subject").unwrap_or_default());
        let post = |post: &Post| {
            let message = post.json();
            let said = message["title"].as_str().or(message["text"].as_str()).unwrap_or_default();
            (message["to"].as_str().unwrap_or_default().to_owned(), said.to_owned())
        };
        [self.mails.mails().iter().map(mail).collect(), self.posts.posts().iter().map(post).collect()]
    }

    /// The page of an order, as its customer sees it.
    #[must_use]
    pub fn page_of(&self, order: &str) -> Option<String> {
        Some(self.get(&format!("orders/{order}"))?["page"].as_str()?.to_owned())
    }

    #[must_use]
    pub fn end_of_log(&self) -> String {
        let log = self.agent.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    /// Ends agent and platform in order, then the broker.
    pub fn close(mut self) {
        self.agent.stop();
        self.platform.stop();
    }

    fn wait_until(&self, what: &str, stop: &Stop, is_so: impl Fn() -> bool) -> anyhow::Result<()> {
        let waiting = Stopwatch::start();
        while !is_so() {
            if wait::GENEROUS < waiting.elapsed() {
                bail!("waited {} s in vain for {what}", wait::GENEROUS.as_secs());
            }
            stop.pause(LOOK_EVERY)?;
        }
        Ok(())
    }

    fn is_online(&self) -> bool {
        self.get("").is_some_and(|site| site["agent"]["state"] == "online")
    }

    fn orders_in(&self, wanted: impl Fn(&str) -> bool) -> usize {
        let orders = self.list("orders");
        orders.iter().filter(|order| order["state"].as_str().is_some_and(&wanted)).count()
    }

    fn list(&self, what: &str) -> Vec<Value> {
        self.get(what).and_then(|list| list.as_array().cloned()).unwrap_or_default()
    }

    /// Not the harness's way of asking, which panics when the platform ends.
    fn get(&self, what: &str) -> Option<Value> {
        let path = format!("/api/sites/{SITE}/{what}");
        let reply = http::get(&format!("{}{}", self.platform_url(), path.trim_end_matches('/'))).ok()?;
        serde_json::from_str(&reply.body).ok()
    }
}

/// The carriers that the door serves, in the order of their urgency.
pub const CARRIERS_IN_TURN: [(&str, &str); 2] = [(CARGO_BIKE, "Cargo Bike"), (EXAMPLE_POST, "Example Post")];

#[expect(clippy::disallowed_methods, reason = "the orders promise something for today")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const DAY_MIN: i64 = 24 * 60;

    /// A time of day, or a span, in minutes.
    fn minutes(value: &toml::Value) -> i64 {
        let text = value.as_str().unwrap();
        match text.split_once(':') {
            Some((hour, minute)) => 60 * hour.parse::<i64>().unwrap() + minute.parse::<i64>().unwrap(),
            None => text.trim_end_matches(['m', 's']).parse().unwrap(),
        }
    }

    #[test]
    fn whatever_the_hour_each_order_has_a_collection_in_time() {
        let config: toml::Table = CARRIERS.parse().unwrap();
        let carriers = config["carrier"].as_array().unwrap();
        let collections: BTreeMap<&str, &Vec<toml::Value>> = carriers
            .iter()
            .map(|carrier| (carrier["id"].as_str().unwrap(), carrier["collections"].as_array().unwrap()))
            .collect();
        for order in ORDERS {
            let Some((carrier, _)) = order.by else { continue };
            for now in 0..DAY_MIN {
                let is_in_time = |collection: &toml::Value| {
                    let (at, cut_off) = (minutes(&collection["at"]), minutes(&collection["cut_off"]));
                    let leaves_in = (at - now).rem_euclid(DAY_MIN);
                    cut_off < leaves_in && leaves_in <= order.ship_within_min
                };
                assert!(collections[carrier].iter().any(is_in_time), "order {} at minute {now}", order.id);
            }
        }
    }
}
