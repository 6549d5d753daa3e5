//! Instances of the platform share a database and a subscription: any of them, and the database, may die at any moment.

use parceld_tests::goods::{gtin, order};
use parceld_tests::mqtt_client::MqttClient;
use parceld_tests::platform::Platform;
use parceld_tests::postgres::{Postgres, Session};
use parceld_tests::site::{Broker, PATIENCE, SITE, Site, assert_gapless};
use parceld_tests::wait::{self, Stopwatch};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

const LETTERS: [char; 4] = ['A', 'B', 'C', 'D'];

/// A site whose platform is the first of several instances.
struct Several {
    site: Site,
    others: Vec<Platform>,
    database: String,
    server: Postgres,
}

impl Several {
    fn start(instances: usize) -> Several {
        let (server, broker) = (Postgres::start(), Broker::mosquitto());
        let database = server.database();
        let instance = |number: usize| Platform::sharing(&database, broker.port(), &format!("platform-{number}"));
        let (platform, others) = (instance(0), (1..instances).map(instance).collect());
        let site = Site::with_platform(broker, platform, |setup| setup.set("sync.receipt_timeout", "3s"));
        Several { site, others, database, server }
    }

    /// Puts one order with so many units of each of the four products and opens it at the first bench.
    fn open_order(&mut self, units_each: usize) {
        let lines: Vec<String> = LETTERS.iter().map(|letter| format!("{units_each}x{letter}")).collect();
        self.site.platform.put_order(SITE, &order("o1", "dhl", &lines.join(" ")));
        self.site.until_accepted(1);
        self.site.scan(0, "O1");
    }

    fn scan_units(&mut self, from: usize, to: usize) {
        for index in from..to {
            self.site.scan(0, &gtin(LETTERS[index % LETTERS.len()]));
        }
    }

    /// Everything was applied once, in the order in which it was scanned, and the site knows.
    #[track_caller]
    fn check(&self, units: usize) {
        self.site.until_synced();
        self.site.until_received();
        let events = self.site.events();
        let head = assert_gapless(&events);
        let ids: BTreeSet<&str> = events.iter().filter_map(|event| event["id"].as_str()).collect();
        assert_eq!(ids.len(), events.len(), "every event once");
        let picked = |event: &&Value| event["type"] == "parceld.pick.item_picked.v1";
        let picked: Vec<&str> =
            events.iter().filter(picked).filter_map(|event| event["data"]["sku"].as_str()).collect();
        let scanned: Vec<String> = (0..units).map(|index| format!("SKU-{}", LETTERS[index % LETTERS.len()])).collect();
        assert_eq!(picked, scanned);
        let told = wait::until("what was put aside is taken", PATIENCE, || {
            self.site.platform.site(SITE).filter(|told| told["gaps"] == 0)
        });
        assert_eq!(told["conflicts"], Value::Array(Vec::new()));
        let of_order = self.site.platform.events_of(SITE, "o1");
        let about = events.iter().filter(|event| event["subject"] == "orders/o1").count();
        assert_eq!((of_order.len(), about), (about, about.max(units)), "an order can be followed by its id");
        self.until_receipt(head);
    }

    /// What a receipt that came late would have hidden: the broker keeps the newest.
    fn until_receipt(&self, head: u64) {
        let mut looks = 0;
        wait::until("the newest receipt at the broker", PATIENCE, || {
            looks += 1;
            let client = MqttClient::connect(self.site.broker.port(), &format!("reader-{looks}"));
            client.subscribe(&format!("parceld/v1/{SITE}/receipts"));
            client.until_messages(1);
            (client.messages()[0].json()["sequence"] == head).then_some(())
        });
    }
}

#[test]
fn every_event_is_applied_once_and_in_order_by_three_instances() {
    const UNITS: usize = 200;
    let mut several = Several::start(3);
    several.open_order(UNITS / LETTERS.len());
    several.scan_units(0, UNITS);
    several.check(UNITS);
    let taken = |platform: &Platform| platform.process().log().matches("event applied").count();
    let worked = several.others.iter().filter(|platform| 0 < taken(platform)).count();
    assert!(0 < worked, "the others have done something too");
}

#[test]
fn instances_that_are_killed_while_somebody_scans_lose_nothing() {
    const UNITS: usize = 400;
    let mut several = Several::start(3);
    several.open_order(UNITS / LETTERS.len());
    for (round, from) in (0..UNITS).step_by(50).enumerate() {
        several.others[round % 2].kill9();
        several.scan_units(from, from + 50);
        several.others[round % 2].restart();
    }
    several.check(UNITS);
}

#[test]
fn a_database_server_that_is_killed_loses_nothing() {
    const UNITS: usize = 120;
    let mut several = Several::start(2);
    several.open_order(UNITS / LETTERS.len());
    several.scan_units(0, 40);
    several.server.kill9();
    several.scan_units(40, 80);
    several.server.restart();
    several.scan_units(80, UNITS);
    several.check(UNITS);
}

#[test]
fn a_command_goes_out_once_however_many_instances_there_are() {
    let mut several = Several::start(3);
    let silent = MqttClient::connect(several.site.broker.port(), "nobody");
    silent.subscribe("parceld/v1/silent/commands");
    let waited = Stopwatch::start();
    several.others[0].put_order("silent", &order("o1", "dhl", "1xA"));
    silent.until_messages(2);
    assert!(Duration::from_millis(4_500) <= waited.elapsed(), "repeated after {:?}", waited.elapsed());
    several.others[0].kill9();
    silent.until_messages(3);
    assert!(Duration::from_secs(14) <= waited.elapsed(), "repeated again after {:?}", waited.elapsed());
    let sent = Session::open(&several.database).unwrap().integers("SELECT sent FROM commands WHERE order_id = 'o1'");
    assert_eq!((silent.messages().len(), sent), (3, vec![3]));

    several.others[1].put_order(SITE, &order("o2", "dhl", "1xA"));
    several.site.until_answered();
    several.site.until_accepted(1);
}
