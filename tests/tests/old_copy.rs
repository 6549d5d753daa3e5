//! An older copy of the database is put back: the site notices, and nothing is applied twice or forgotten.

use parceld_tests::goods::{catalog, gtin, order, stock};
use parceld_tests::mosquitto::{Mosquitto, Options};
use parceld_tests::site::{Broker, PATIENCE, SITE, Site, assert_gapless};
use parceld_tests::tempdir::TempDir;
use parceld_tests::wait;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

/// How an answer sounds: beeps after the acknowledgement.
const GOOD: u8 = 0;
const DONE: u8 = 1;
const LOOK: u8 = 2;
const STOP: u8 = 3;

const BENCH: usize = 0;
const DOOR: usize = 2;

const ON_HAND: i64 = 100;

/// Order, carrier, lines.
type Orders = &'static [(&'static str, &'static str, &'static str)];

/// A site whose database is copied and put back.
struct Copied {
    site: Site,
    orders: Orders,
    dir: TempDir,
}

impl Copied {
    fn start(broker: Broker, orders: Orders) -> Copied {
        let site = Site::start(broker);
        site.platform.put_catalog(SITE, &catalog("ABC"));
        site.platform.set_stock(SITE, &stock("ABC", ON_HAND));
        for (id, carrier, lines) in orders {
            site.platform.put_order(SITE, &order(id, carrier, lines));
        }
        site.until_accepted(orders.len());
        Copied { site, orders, dir: TempDir::new("copy") }
    }

    /// Copies the database as it is now.
    fn copy(&mut self) {
        self.site.until_synced();
        self.site.agent.stop();
        fs::copy(self.site.agent.database(), self.dir.join("copy.db")).expect("the database is a file");
        self.restart();
    }

    /// Puts the copy in the place of the database, and doesn't start the agent.
    fn put_back(&mut self) {
        self.site.until_synced();
        self.site.agent.stop();
        let database = self.site.agent.database();
        for beside in ["-wal", "-shm"] {
            let mut path = database.clone().into_os_string();
            path.push(beside);
            // Empty after an orderly stop.
            let _ = fs::remove_file(PathBuf::from(path));
        }
        fs::copy(self.dir.join("copy.db"), database).expect("the copy is a file");
    }

    fn restart(&mut self) {
        self.site.agent.restart();
        self.site.agent.ready();
    }

    /// Waits until the platform has seen a newer epoch than `old` and the site has heard everything about it.
    fn until_renewed(&self, old: &Value) {
        wait::until("a new epoch", PATIENCE, || {
            let epoch = &self.site.platform.site(SITE)?["epoch"];
            (epoch != old).then_some(())
        });
        self.site.until_synced();
        self.site.until_answered();
        self.site.until_synced();
    }

    fn epoch(&self) -> Value {
        self.site.platform.site(SITE).expect("the platform knows the site")["epoch"].clone()
    }

    fn play(&mut self, scanner: usize, script: &[(&str, u8)]) {
        for (code, beeps) in script {
            let code = match *code {
                "DONE" | "HANDOVER" => self.site.barcode(code),
                letter if letter.len() == 1 => gtin(letter.chars().next().expect("a letter")),
                code => code.to_owned(),
            };
            assert_eq!(self.site.scan(scanner, &code).beeps, *beeps, "{code}");
        }
    }

    /// The SSCC of the order's parcel, as the platform knows it.
    fn sscc(&self, order: &str) -> String {
        self.site.until_synced();
        let parcels = self.site.platform.parcels(SITE);
        let parcel = parcels.iter().find(|parcel| parcel["order"] == order).expect("the order has a parcel");
        parcel["sscc"].as_str().expect("a parcel has its SSCC").to_owned()
    }

    fn load(&mut self, order: &str, beeps: u8) {
        let sscc = self.sscc(order);
        self.play(DOOR, &[(&format!("]C100{sscc}"), beeps)]);
    }

    /// Every order completed once and nothing else done, over all lives of the database.
    fn assert_everything_once(&self, epochs: usize) {
        let Copied { site, orders, .. } = self;
        site.until_synced();
        let events = site.events();
        let lives: Vec<&[Value]> = events.chunk_by(|one, next| one["epoch"] == next["epoch"]).collect();
        assert_eq!(lives.len(), epochs);
        for life in &lives {
            assert_gapless(life);
        }
        for pair in lives.windows(2) {
            let started = &pair[1][0]["data"];
            assert_eq!((&started["cause"], &started["follows"]["epoch"]), (&"old_copy".into(), &pair[0][0]["epoch"]));
        }
        let ids: BTreeSet<&str> = events.iter().filter_map(|event| event["id"].as_str()).collect();
        assert_eq!(ids.len(), events.len(), "every event once");

        let done = |kind: &str| -> BTreeMap<&str, usize> {
            let kind = format!("parceld.{kind}.v1");
            let mut done = BTreeMap::new();
            for event in events.iter().filter(|event| event["type"] == kind) {
                *done.entry(event["data"]["order"]["id"].as_str().expect("an order's event names it")).or_default() +=
                    1;
            }
            done
        };
        let once: BTreeMap<&str, usize> = orders.iter().map(|(id, ..)| (*id, 1)).collect();
        for kind in
            ["pack.parcel_sealed", "pack.completed", "dispatch.requested", "dispatch.handed_over", "order.completed"]
        {
            assert_eq!(done(kind), once, "{kind}");
        }
        let picked: BTreeMap<&str, usize> = orders.iter().map(|(id, _, lines)| (*id, units(lines).count())).collect();
        assert_eq!(done("pick.item_picked"), picked);
        let sealed = events.iter().filter(|event| event["type"] == "parceld.pack.parcel_sealed.v1");
        let ssccs: BTreeSet<&str> = sealed.filter_map(|event| event["data"]["sscc"].as_str()).collect();
        assert_eq!(ssccs.len(), orders.len(), "no SSCC twice");

        assert_eq!(site.orders("completed").len(), orders.len());
        let states = |list: &[Value]| -> BTreeSet<(String, String)> {
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            list.iter().map(|one| (text(&one["order"]), text(&one["state"]))).collect()
        };
        let all = |state: &str| orders.iter().map(|(id, ..)| ((*id).to_owned(), state.to_owned())).collect();
        assert_eq!(states(&site.platform.parcels(SITE)), all("handed_over"));
        assert_eq!(states(&site.platform.dispatches(SITE)), all("fulfilled"));
        let file = Connection::open_with_flags(site.agent.database(), OpenFlags::SQLITE_OPEN_READ_WRITE);
        let file = file.expect("the file opens");
        for letter in ['A', 'B', 'C'] {
            let sold = orders.iter().flat_map(|(_, _, lines)| units(lines)).filter(|unit| *unit == letter).count();
            let (sku, left) = (format!("SKU-{letter}"), ON_HAND - sold as i64);
            let here = file.query_row("SELECT on_hand, reserved FROM stock WHERE sku = ?1", [&sku], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            });
            assert_eq!(here, Ok((left, 0)), "{sku} at the site");
            let there = site.platform.stock(SITE);
            let there = there.iter().find(|stock| stock["sku"] == sku).expect("the stock was set");
            assert_eq!(there["on_hand"], left, "{sku} on the platform");
        }
    }
}

/// The products of an order in words, each as often as it is wanted.
fn units(lines: &str) -> impl Iterator<Item = char> {
    lines.split_whitespace().flat_map(|line| {
        let (quantity, letter) = line.split_once('x').expect("a line is QUANTITYxLETTER");
        letter.chars().cycle().take(quantity.parse().expect("a line has a quantity"))
    })
}

#[test]
fn an_old_copy_begins_a_new_epoch_and_staff_finish_what_is_open() {
    let mut copied = Copied::start(
        Broker::mosquitto(),
        &[
            ("loaded-again", "dhl", "2xA"),
            ("packed-since", "dhl", "2xA 1xB"),
            ("sealed-since", "dhl", "1xB"),
            ("begun-since", "dhl", "2xB"),
            ("untouched", "dhl", "1xA 1xC"),
            ("gone-since", "postnord", "1xC"),
            ("all-since", "postnord", "1xA"),
        ],
    );
    copied.play(BENCH, &[("loaded-again", GOOD), ("A", GOOD), ("A", DONE)]);
    copied.play(BENCH, &[("gone-since", GOOD), ("C", DONE)]);
    copied.play(BENCH, &[("packed-since", GOOD), ("A", GOOD), ("DONE", GOOD)]);
    copied.load("gone-since", GOOD);
    copied.copy();

    copied.play(BENCH, &[("packed-since", GOOD), ("A", GOOD), ("B", DONE)]);
    copied.play(BENCH, &[("sealed-since", GOOD), ("B", DONE)]);
    copied.play(BENCH, &[("all-since", GOOD), ("A", DONE)]);
    copied.play(BENCH, &[("begun-since", GOOD), ("B", GOOD), ("DONE", GOOD)]);
    copied.load("all-since", GOOD);
    copied.play(DOOR, &[("HANDOVER", DONE)]);
    copied.load("loaded-again", GOOD);
    assert_eq!(copied.site.orders("completed").len(), 2);

    let epoch = copied.epoch();
    copied.put_back();
    copied.restart();
    copied.until_renewed(&epoch);

    copied.play(BENCH, &[("gone-since", STOP), ("all-since", STOP)]);
    copied.load("gone-since", STOP);
    copied.load("all-since", LOOK);
    copied.play(BENCH, &[("packed-since", LOOK), ("sealed-since", LOOK)]);
    copied.play(BENCH, &[("begun-since", GOOD), ("B", DONE), ("untouched", GOOD), ("A", GOOD), ("C", DONE)]);
    for order in ["loaded-again", "packed-since", "sealed-since", "begun-since", "untouched"] {
        copied.load(order, GOOD);
    }
    copied.play(DOOR, &[("HANDOVER", DONE)]);
    copied.assert_everything_once(2);
}

/// Scans on the old copy are recorded before anybody could tell that it is one.
fn scanned_before_it_knew(broker: Mosquitto, connect: impl FnOnce(&mut Copied)) {
    let orders: Orders = &[("half-done", "dhl", "4xA"), ("sealed-since", "dhl", "2xB")];
    let mut copied = Copied::start(Broker::Mosquitto(broker), orders);
    copied.play(BENCH, &[("half-done", GOOD), ("A", GOOD)]);
    copied.copy();
    copied.play(1, &[("sealed-since", GOOD), ("B", GOOD), ("B", DONE)]);

    let epoch = copied.epoch();
    copied.put_back();
    match &mut copied.site.broker {
        Broker::Mosquitto(mosquitto) => mosquitto.stop(),
        Broker::Embedded(_) | Broker::Secured(_) => unreachable!("it is a mosquitto"),
    }
    copied.restart();
    // More events than the platform has that the copy lacks: a receipt that it sends is not beyond the log's head.
    copied.play(BENCH, &[("A", GOOD), ("A", GOOD)]);
    for number in 0..20 {
        copied.play(BENCH, &[(&format!("nobody-knows-{number}"), LOOK)]);
    }
    connect(&mut copied);
    copied.until_renewed(&epoch);

    let events = copied.site.events();
    let unknown = events.iter().filter(|event| event["data"]["reason"] == "unknown_code");
    assert_eq!(unknown.clone().count(), 20);
    assert!(unknown.clone().all(|event| event["epoch"] != epoch), "scans of the copy belong to its own epoch");
    copied.play(BENCH, &[("half-done", GOOD), ("A", DONE)]);
    copied.load("half-done", GOOD);
    copied.load("sealed-since", GOOD);
    copied.play(DOOR, &[("HANDOVER", DONE)]);
    copied.assert_everything_once(2);
}

#[test]
fn scans_on_an_old_copy_that_could_not_know_arrive_in_the_new_epoch() {
    let broker = Mosquitto::with(Options { persistence: true, ..Options::default() });
    scanned_before_it_knew(broker, |copied| copied.site.broker.restart());
}

#[test]
fn scans_on_an_old_copy_arrive_although_the_broker_forgot_the_last_receipt_and_the_platform_is_late() {
    scanned_before_it_knew(Mosquitto::start(), |copied| {
        copied.site.platform.stop();
        copied.site.broker.restart();
        wait::until("the agent to be connected", PATIENCE, || {
            (copied.site.agent.status()["broker"]["state"] == "up").then_some(())
        });
        copied.site.platform.restart();
    });
}
