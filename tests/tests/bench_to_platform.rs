//! A scan at the bench reaches the platform: the whole way on ptys, against both brokers and both databases.

use parceld_tests::goods::{catalog, gtin, order, stock};
use parceld_tests::platform::Platform;
use parceld_tests::postgres::Postgres;
use parceld_tests::recorder::Recorder;
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::site::{Broker, SITE, Site, assert_gapless};
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn three_orders_reach_the_platform_through_mosquitto() {
    three_orders(Site::start(Broker::mosquitto()), "bench_to_platform-mosquitto");
}

#[test]
fn three_orders_reach_the_platform_through_the_embedded_broker() {
    three_orders(Site::start(Broker::embedded()), "bench_to_platform-embedded");
}

#[test]
fn three_orders_reach_a_platform_with_a_database_server() {
    let (server, broker) = (Postgres::start(), Broker::mosquitto());
    let platform = Platform::on(&server.database(), broker.port(), &[]);
    three_orders(Site::with_platform(broker, platform, |setup| setup), "bench_to_platform-server");
}

/// How an answer sounds: beeps after the acknowledgement.
const GOOD: u8 = 0;
const DONE: u8 = 1;
const LOOK: u8 = 2;
const STOP: u8 = 3;

fn three_orders(mut site: Site, recording: &str) {
    let recorder = Recorder::start(site.broker.port(), env!("CARGO_TARGET_TMPDIR"), recording);
    site.platform.put_catalog(SITE, &catalog("ABCD"));
    site.platform.set_stock(SITE, &stock("ABCD", 10));
    for (id, carrier, lines) in [("o1", "dhl", "2xA 1xB"), ("o2", "dhl", "1xC 1xA"), ("o3", "postnord", "1xB")] {
        site.platform.put_order(SITE, &order(id, carrier, lines));
    }
    site.until_accepted(3);

    let (one, others) = site.scanners.split_at_mut(1);
    std::thread::scope(|both| {
        both.spawn(|| {
            let (a, b, d) = (gtin('A'), gtin('B'), gtin('D'));
            play(&mut one[0], &[("O1", GOOD), (&a, GOOD), (&d, STOP), (&a, GOOD), ("no-such-code", LOOK), (&b, DONE)]);
        });
        both.spawn(|| {
            let (a, c) = (gtin('A'), gtin('C'));
            play(&mut others[0], &[("O2", GOOD), (&c, GOOD), (&c, STOP), (&a, DONE)]);
        });
    });
    let done = site.barcode("DONE");
    play(&mut site.scanners[0], &[(&done, GOOD), (&gtin('B'), DONE), (&done, LOOK), ("O1", LOOK)]);
    let hand_over = site.barcode("HANDOVER");
    let (dhl, postnord) = parcels_by_carrier(&site);
    load(&mut site.scanners[2], &dhl, &postnord, &hand_over);

    site.until_synced();
    let events = site.events();
    assert_gapless(&events);
    let ids: BTreeSet<&str> = events.iter().filter_map(|event| event["id"].as_str()).collect();
    assert_eq!(ids.len(), events.len(), "every event once");
    assert_eq!(site.orders("completed").len(), 3);
    let parcels = site.platform.parcels(SITE);
    assert_eq!(parcels.len(), 3);
    assert!(parcels.iter().all(|parcel| parcel["state"] == "handed_over"), "{parcels:?}");
    let dispatches = site.platform.dispatches(SITE);
    assert_eq!(dispatches.len(), 3);
    assert!(dispatches.iter().all(|dispatch| dispatch["state"] == "fulfilled"), "{dispatches:?}");
    let milestones = |milestone: &str| {
        let notices = site.platform.notifications(SITE);
        notices.iter().filter(|notice| notice["milestone"] == milestone).count()
    };
    assert_eq!((milestones("packed"), milestones("handed_over")), (3, 3));
    let refused = |reason: &str| {
        let refused =
            |event: &&Value| event["type"] == "parceld.site.scan_refused.v1" && event["data"]["reason"] == reason;
        events.iter().filter(refused).count()
    };
    assert_eq!(refused("not_on_order"), 1);
    assert_eq!(refused("line_complete"), 1);
    assert_eq!(refused("unknown_code"), 1);
    assert_eq!(refused("other_carrier"), 1);
    assert_eq!(refused("nothing_waits"), 1);
    assert_eq!(on_hand(&events, "SKU-A"), Some(7));
    let recorded = recorder.finish();
    assert_eq!(recorded["event.dispatch.requested"], 3, "{recorded:?}");
}

fn play(scanner: &mut VirtualScanner, script: &[(&str, u8)]) {
    for (code, beeps) in script {
        let answer = scanner.scan(code);
        assert!(answer.recorded, "{code}");
        assert_eq!(answer.beeps, *beeps, "{code}");
    }
}

/// The SSCCs of the sealed parcels: two for one carrier, one for the other.
fn parcels_by_carrier(site: &Site) -> (Vec<String>, Vec<String>) {
    site.until_synced();
    let dispatches = site.platform.dispatches(SITE);
    let of = |carrier: &str| -> Vec<String> {
        let of_it = dispatches.iter().filter(|dispatch| dispatch["data"]["carrier"] == carrier);
        of_it.filter_map(|dispatch| dispatch["sscc"].as_str().map(str::to_owned)).collect()
    };
    (of("dhl"), of("postnord"))
}

fn load(door: &mut VirtualScanner, dhl: &[String], postnord: &[String], hand_over: &str) {
    let label = |sscc: &str| format!("]C100{sscc}");
    play(
        door,
        &[
            (&label(&dhl[0]), GOOD),
            (&label(&postnord[0]), STOP),
            (&label(&dhl[0]), LOOK),
            (hand_over, STOP), // one more is sealed and not loaded
            (&label(&dhl[1]), GOOD),
            (hand_over, DONE),
            (&dhl[1], LOOK),
            (&postnord[0], GOOD),
            (hand_over, DONE),
        ],
    );
}

fn on_hand(events: &[Value], sku: &str) -> Option<i64> {
    let picks = events.iter().rev().filter(|event| event["type"] == "parceld.pick.item_picked.v1");
    picks.map(|event| &event["data"]).find(|data| data["sku"] == sku)?["stock"]["on_hand"].as_i64()
}
