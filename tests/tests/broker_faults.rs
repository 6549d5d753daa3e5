//! The broker fails in every way that it knows; nothing is lost, and order is kept.

use parceld_tests::goods::{gtin, order};
use parceld_tests::mqtt_client::MqttClient;
use parceld_tests::recorder::Recorder;
use parceld_tests::site::{Broker, PATIENCE, SITE, Site, assert_gapless};
use parceld_tests::upstream::{SHOWN_WITHIN, Yardstick, received, scan_all, until_it_begins, until_shown, until_well};
use parceld_tests::wait;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

const LETTERS: [char; 4] = ['A', 'B', 'C', 'D'];

fn picks(events: &[Value]) -> Vec<&Value> {
    events.iter().filter(|event| event["type"] == "parceld.pick.item_picked.v1").collect()
}

fn record(broker: &Broker, name: &str) -> Recorder {
    Recorder::start(broker.port(), env!("CARGO_TARGET_TMPDIR"), name)
}

fn impatient(broker: Broker) -> Site {
    Site::with(broker, |setup| setup.set("sync.receipt_timeout", "3s"))
}

/// Puts one order with so many units of each of the four products and opens it at the first bench.
fn open_order(site: &mut Site, units_each: u32) {
    let lines: Vec<String> = LETTERS.iter().map(|letter| format!("{units_each}x{letter}")).collect();
    site.platform.put_order(SITE, &order("o1", "dhl", &lines.join(" ")));
    site.until_accepted(1);
    site.scan(0, "O1");
}

fn scan_units(site: &mut Site, count: usize) {
    for index in 0..count {
        site.scan(0, &gtin(LETTERS[index % LETTERS.len()]));
    }
}

#[test]
fn two_thousand_scans_without_a_broker_arrive_in_order_afterwards() {
    let broker = Broker::mosquitto();
    let recorder = record(&broker, "broker_faults-away");
    let mut site = impatient(broker);
    open_order(&mut site, 500);
    site.until_synced();
    site.broker.kill9();
    scan_units(&mut site, 2_000);
    wait::until("the agent says that its broker is away", PATIENCE, || {
        (site.agent.status()["verdict"]["state"] == "attention").then_some(())
    });
    site.broker.restart();
    site.until_synced();
    let events = site.events();
    assert_gapless(&events);
    let codes: Vec<&str> = picks(&events).iter().filter_map(|event| event["data"]["sku"].as_str()).collect();
    assert_eq!(codes.len(), 2_000);
    assert!(
        codes
            .iter()
            .zip(["SKU-A", "SKU-B", "SKU-C", "SKU-D"].iter().cycle())
            .all(|(picked, scanned)| picked == scanned)
    );
    recorder.finish();
}

#[test]
fn what_a_broker_acknowledged_and_lost_arrives_by_receipts() {
    let broker = Broker::mosquitto();
    let recorder = record(&broker, "broker_faults-lost");
    let mut site = impatient(broker);
    open_order(&mut site, 50);
    site.until_received();
    site.platform.process().pause();
    scan_units(&mut site, 40);
    wait::until("the broker has acknowledged everything", PATIENCE, || {
        let status = site.agent.status();
        (status["log"]["sent"] == status["log"]["head"]).then_some(())
    });
    site.broker.kill9();
    site.platform.process().resume();
    site.broker.restart();
    site.until_synced();
    let events = site.events();
    assert_gapless(&events);
    assert_eq!(picks(&events).len(), 40);
    recorder.finish();
}

#[test]
fn a_burst_of_commands_is_carried_out_and_answered() {
    const COMMANDS: usize = 1_500;
    let site = impatient(Broker::mosquitto());
    let shop = MqttClient::connect(site.broker.port(), "shop");
    shop.subscribe(&format!("parceld/v1/{SITE}/replies"));
    site.agent.process().pause();
    for index in 0..COMMANDS {
        let mut command = serde_json::json!({
            "specversion": "1.0", "id": format!("burst-{index}"), "source": "/shop",
            "type": "parceld.order.put.v1", "data": order(&format!("o{index}"), "dhl", "1xA 1xB"),
        });
        command["data"]["revision"] = 1.into();
        shop.publish_json(&format!("parceld/v1/{SITE}/commands"), &command);
    }
    site.agent.process().resume();
    wait::until("a reply to each command", PATIENCE, || {
        let replied: BTreeSet<String> =
            shop.messages().iter().map(|message| message.json()["id"].to_string()).collect();
        (COMMANDS <= replied.len()).then_some(())
    });
    assert!(!site.agent.log().contains("not connected"), "one connection is enough");
    site.until_accepted(COMMANDS);
}

/// mosquitto hands out all that it has queued at once, whatever the agent says that it can take.
#[test]
fn memory_stays_small_in_a_burst_of_large_commands() {
    const COMMANDS: usize = 1_500;
    const LARGE: usize = 32 * 1024;
    const MORE: u64 = 10_000_000;
    let site = impatient(Broker::mosquitto());
    let shop = MqttClient::connect(site.broker.port(), "shop");
    shop.subscribe(&format!("parceld/v1/{SITE}/replies"));
    let before = site.agent.process().memory().written;
    site.agent.process().pause();
    let extension = "x".repeat(LARGE);
    for index in 0..COMMANDS {
        let mut command = serde_json::json!({
            "specversion": "1.0", "id": format!("burst-{index}"), "source": "/shop", "extension": extension,
            "type": "parceld.order.put.v1", "data": order(&format!("o{index}"), "dhl", "1xA 1xB"),
        });
        command["data"]["revision"] = 1.into();
        shop.publish_json(&format!("parceld/v1/{SITE}/commands"), &command);
    }
    site.agent.process().resume();
    let mut most = before;
    wait::until("a reply to each command", PATIENCE, || {
        most = most.max(site.agent.process().memory().written);
        (COMMANDS <= shop.messages().len()).then_some(())
    });
    site.until_accepted(COMMANDS);
    println!("{COMMANDS} commands of {LARGE} bytes: {before} bytes of memory before, {most} at most");
    assert!(most <= before + MORE, "{before} bytes of memory before, {most} at most");
}

#[test]
fn orders_arrive_although_the_broker_died_with_them_in_its_queue() {
    let broker = Broker::mosquitto();
    let recorder = record(&broker, "broker_faults-queue");
    let mut site = impatient(broker);
    site.until_synced();
    site.agent.process().pause();
    for index in 0..20 {
        site.platform.put_order(SITE, &order(&format!("o{index}"), "dhl", "1xA"));
    }
    site.broker.kill9();
    site.agent.process().resume();
    site.broker.restart();
    site.until_accepted(20);
    site.until_synced();
    let events = site.events();
    assert_gapless(&events);
    let accepted = events.iter().filter(|event| event["type"] == "parceld.order.accepted.v1").count();
    assert_eq!(accepted, 20, "each once, however often its command came");
    recorder.finish();
}

#[test]
fn a_broker_that_stands_still_is_given_up_and_taken_back() {
    const ACK_TIMEOUT: Duration = Duration::from_secs(2);
    const SCANS: usize = 100;
    let mut site = Site::with(Broker::mosquitto(), |setup| setup.set("sync.ack_timeout", "2s"));
    let codes: Vec<String> = (0..SCANS).map(|number| format!("code-{number}")).collect();
    let scan_all = |site: &mut Site| scan_all(&mut site.scanners[0], codes.iter().map(String::as_str));
    let usual = Yardstick::of(scan_all(&mut site));
    site.until_received();
    let before = received(&site.agent);
    site.broker.pause();
    usual.assert_in_time(scan_all(&mut site));
    assert_eq!(until_shown(&site.agent, ACK_TIMEOUT), "broker_down");
    usual.assert_in_time(scan_all(&mut site));
    site.broker.resume();
    until_it_begins(&site.agent, before);
    until_well(&site.agent, SHOWN_WITHIN);
    site.until_synced();
    let events = site.events();
    assert_gapless(&events);
    let refused = events.iter().filter(|event| event["type"] == "parceld.site.scan_refused.v1").count();
    assert_eq!(refused, 3 * SCANS);
}
