//! Scans as scripts: `TIME_MS CODE → SIGNAL [PROGRESS] [(REASON)] [[EVENTS]]`.
//!
//! A code is a product's letter, an order's number, `p1` for the first parcel sealed, a verb, or anything else.
//! `CODE@STATION` is scanned elsewhere than at the bench. `unit` stands for a unit picked and packed; the event of a
//! refused scan stands for itself. `put`, `cancel`, `stock`, `restart` and `crash` are what happens between scans.

use super::*;
use crate::domain::carrier::{Carrier, Schedule};
use crate::domain::command::{self, Change, Slot};
use crate::domain::name::CarrierId;
use crate::domain::notice::Notice;
use crate::domain::order::{Delivery, ParcelState, Terms};
use crate::domain::replay::replay;
use crate::domain::sscc::Sscc;
use crate::domain::text::terms;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const PREFIX: &str = "7350053";
const MORNING: &str = "2026-11-23T08:00:00Z";

/// What the journal looks up, in memory.
struct Site {
    rules: Rules,
    orders: BTreeMap<String, Order>,
    tombstones: BTreeMap<String, u32>,
    stations: BTreeMap<String, Station>,
    scanners: BTreeMap<ScannerId, LastScan>,
    manifests: Vec<Manifest>,
    stock: BTreeMap<Sku, Stock>,
    serial: u64,
    log: Vec<Event>,
}

impl Site {
    fn new(orders: &str) -> Self {
        let every_day = |hour, minute| Schedule {
            days: [true; 7],
            at: Time::constant(hour, minute, 0, 0),
            cut_off: Duration::from_secs(900),
        };
        let carrier = |id: &str, name: &str, schedule| Carrier {
            id: id.into(),
            name: name.into(),
            collections: vec![schedule],
            holidays: Vec::new(),
        };
        let mut site = Self {
            rules: Rules {
                site: "sthlm-03".into(),
                zone: TimeZone::get("Europe/Stockholm").unwrap(),
                company_prefix: PREFIX.into(),
                carriers: vec![
                    carrier("dhl", "DHL", every_day(16, 30)),
                    carrier("postnord", "PostNord", every_day(17, 0)),
                ],
                low_stock: 2,
            },
            orders: BTreeMap::new(),
            tombstones: BTreeMap::new(),
            stations: BTreeMap::new(),
            scanners: BTreeMap::new(),
            manifests: Vec::new(),
            stock: BTreeMap::new(),
            serial: 1,
            log: Vec::new(),
        };
        for order in orders.lines().map(str::trim).filter(|line| !line.is_empty()) {
            site.put(order);
        }
        site
    }

    fn slot(&self, id: &str) -> Slot {
        match (self.orders.get(id), self.tombstones.get(id)) {
            (Some(order), _) => Slot::Order(order.clone()),
            (None, Some(revision)) => Slot::Tombstone { revision: *revision },
            (None, None) => Slot::Empty,
        }
    }

    fn put(&mut self, text: &str) {
        let terms = terms(text);
        let change = command::put(&self.slot(&terms.id), terms, None);
        self.change(change.unwrap());
    }

    fn cancel(&mut self, number: &str) {
        let id = format!("o-{number}");
        let change = command::cancel(&self.slot(&id), u32::MAX, "customer", true);
        self.change(change.unwrap());
    }

    fn change(&mut self, change: Change) {
        self.log.extend(change.events);
        if let Some(order) = change.order {
            self.orders.insert(order.terms.id.to_string(), order);
        }
    }

    fn scan(&mut self, at_ms: u64, code: &str) -> Decision {
        let (code, station) = code.split_once('@').unwrap_or((code, "bench"));
        let scan = self.read(at_ms, code, station);
        let mode = if station == "door" { Mode::Load } else { Mode::Pack };
        let station =
            self.stations.entry(station.to_owned()).or_insert_with(|| Station::idle(station.into(), mode)).clone();
        let last = self.scanners.get(&scan.scanner).cloned();
        let decision = decide(&self.facts(&station, last.as_ref(), &scan), &scan);
        self.keep(&scan, &decision);
        decision
    }

    fn read(&self, at_ms: u64, code: &str, station: &str) -> Scan {
        let parcel = code.strip_prefix('p').and_then(|serial| serial.parse().ok());
        let meaning = match (Verb::named(code), parcel) {
            (Some(verb), _) => Meaning::Verb(verb),
            (None, Some(serial)) => Meaning::Sscc(Sscc::mint(PREFIX, serial)),
            (None, None) if code == "FORGED" => Meaning::Forged,
            (None, None) if code.len() == 1 => Meaning::Product(code.into()),
            (None, None) => Meaning::Plain,
        };
        let since_start = Duration::from_millis(at_ms);
        let at = MORNING.parse::<Timestamp>().unwrap() + since_start;
        Scan { scanner: station.into(), text: code.as_bytes().into(), meaning, at, since_start }
    }

    fn facts<'a>(&'a self, station: &'a Station, last: Option<&'a LastScan>, scan: &Scan) -> Facts<'a> {
        let open = match &station.work {
            Work::Order(id) => self.orders.get(&**id).cloned(),
            Work::Idle | Work::Manifest { .. } => None,
        };
        let text = std::str::from_utf8(&scan.text).unwrap();
        let named = self.orders.values().find(|order| *order.terms.number == *text);
        let lines = self.orders.values().flat_map(|order| &order.terms.lines);
        let product = lines.clone().find(|line| line.codes.iter().any(|code| **code == *text));
        let subject = match (&scan.meaning, named, product) {
            (Meaning::Verb(_) | Meaning::Forged, ..) => Subject::Nothing,
            (Meaning::Sscc(sscc), ..) => self.parcel(*sscc),
            (_, Some(order), _) => Subject::Order(order.clone()),
            (_, None, Some(line)) => Subject::Product { sku: Some(line.sku.clone()), name: Some(line.name.clone()) },
            (_, None, None) => Subject::Product { sku: None, name: None },
        };
        let is_open = |order: &Order| self.stations.values().find(|s| s.work == Work::Order(order.terms.id.clone()));
        let elsewhere = match &subject {
            Subject::Order(order) => is_open(order).map(|other| other.id.clone()).filter(|other| *other != station.id),
            _ => None,
        };
        let waits = |order: &&Order| {
            matches!(order.progress.state, State::Accepted | State::Packing) && is_open(order).is_none()
        };
        let stock = match &subject {
            Subject::Product { sku: Some(sku), .. } => self.stock.get(sku).copied().unwrap_or_default(),
            _ => Stock::default(),
        };
        let manifest = self.manifest(station, &subject);
        let loaded = manifest.iter().flat_map(|manifest| {
            let on_it =
                |order: &&Order| order.progress.parcels.iter().any(|p| p.manifest.as_ref() == Some(&manifest.id));
            self.orders.values().filter(on_it).cloned()
        });
        let sealed = manifest.iter().flat_map(|manifest| {
            let same = |order: &&Order| carrier_of(order) == Some(&manifest.carrier);
            let parcels = self.orders.values().filter(same).flat_map(|order| &order.progress.parcels);
            parcels.filter(|parcel| parcel.state == ParcelState::Sealed)
        });
        Facts {
            rules: &self.rules,
            now: scan.at,
            clock_trusted: true,
            station,
            last,
            bounce: Duration::from_millis(150),
            method: Method::Scan,
            open,
            elsewhere,
            next: {
                let put_down = |order: &&Order| Some(&order.terms.id) == station.put_down.as_ref();
                let (last, first): (Vec<_>, Vec<_>) = self.orders.values().filter(waits).partition(put_down);
                first.into_iter().chain(last).next().cloned()
            },
            stock,
            sscc_serial: self.serial,
            manifests: self.manifests.len() as u32,
            loaded: loaded.collect(),
            left: sealed.count() as u32,
            manifest: manifest.clone(),
            subject,
        }
    }

    fn parcel(&self, sscc: Sscc) -> Subject {
        let found = self.orders.values().find_map(|order| {
            let parcel = order.progress.parcels.iter().find(|parcel| parcel.sscc == Some(sscc))?;
            Some(Subject::Parcel { order: order.clone(), n: parcel.n })
        });
        found.unwrap_or(Subject::Nothing)
    }

    fn manifest(&self, station: &Station, subject: &Subject) -> Option<Manifest> {
        let mut open = self.manifests.iter().filter(|manifest| !manifest.closed);
        match (&station.work, subject) {
            (Work::Manifest { id, .. }, _) => open.find(|manifest| manifest.id == *id).cloned(),
            (_, Subject::Parcel { order, .. }) => open.find(|m| carrier_of(order) == Some(&m.carrier)).cloned(),
            _ => None,
        }
    }

    fn keep(&mut self, scan: &Scan, decision: &Decision) {
        if decision.answer.signal == Signal::Silent {
            self.scanners.get_mut(&scan.scanner).unwrap().since_start = Some(scan.since_start);
            return;
        }
        self.log.extend(decision.events.iter().cloned());
        for order in &decision.orders {
            self.orders.insert(order.terms.id.to_string(), order.clone());
        }
        if let Some(manifest) = &decision.manifest {
            self.manifests.retain(|known| known.id != manifest.id);
            self.manifests.push(manifest.clone());
        }
        self.stock.extend(decision.stock.clone());
        self.serial += decision.sscc_used;
        self.stations.insert(decision.station.id.to_string(), decision.station.clone());
        let last = LastScan {
            text: scan.text.clone(),
            signal: decision.answer.signal,
            counted: decision.answer.signal.counts() && !decision.events.is_empty(),
            since_start: Some(scan.since_start),
            doubtful: false,
        };
        self.scanners.insert(scan.scanner.clone(), last);
    }

    fn start_again(&mut self, doubtful: bool) {
        for last in self.scanners.values_mut() {
            *last = LastScan { since_start: None, doubtful, ..last.clone() };
        }
    }
}

fn carrier_of(order: &Order) -> Option<&CarrierId> {
    match &order.terms.delivery {
        Delivery::Carrier { carrier, .. } => Some(carrier),
        Delivery::Pickup => None,
    }
}

/// An answer as scripts write it.
fn told(decision: &Decision) -> String {
    let mut text = decision.answer.signal.word().to_owned();
    if let Some((done, of)) = decision.answer.progress {
        text += &format!(" {done}/{of}");
    }
    if let Some(reason) = &decision.answer.reason {
        text += &match reason {
            Reason::OpenElsewhere(station) => format!(" (open_elsewhere {station})"),
            Reason::OrderOpen(number) => format!(" (order_open {number})"),
            Reason::ParcelsLeft(left) => format!(" (parcels_left {left})"),
            reason => format!(" ({})", reason.word()),
        };
    }
    let words: Vec<_> = decision.events.iter().map(|event| event.kind().word()).collect();
    let words = words.join(" ").replace("pick.item_picked pack.item_packed", "unit");
    let words = words.trim_end_matches("site.scan_refused").trim_end();
    if words.is_empty() { text } else { format!("{text} [{words}]") }
}

/// Plays `script` at a site with `orders`, and the log of it back.
fn check(orders: &str, script: &str) -> Site {
    let mut site = Site::new(orders);
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("put", order) => site.put(order),
            ("cancel", number) => site.cancel(number),
            ("stock", text) => {
                let (product, on_hand) = text.split_once(' ').unwrap();
                let stock = Stock { on_hand: on_hand.parse().unwrap(), reserved: 0 };
                site.stock.insert(format!("sku-{product}").as_str().into(), stock);
            }
            ("aside", number) => site.orders.get_mut(&format!("o-{number}")).unwrap().set_aside(),
            ("restart", _) => site.start_again(false),
            ("crash", _) => site.start_again(true),
            (at_ms, rest) => {
                let (code, expected) = rest.split_once('→').expect(line);
                let decision = site.scan(at_ms.parse().expect(line), code.trim());
                let expected = expected.split_whitespace().collect::<Vec<_>>().join(" ");
                assert_eq!(told(&decision), expected, "{line}");
                let refused = decision.events.iter().filter(|event| event.kind().word() == "site.scan_refused").count();
                assert_eq!(refused, usize::from(decision.answer.reason.is_some()), "{line}");
            }
        }
    }
    if !script.contains("aside") {
        let played: BTreeMap<_, _> =
            replay(&site.log).unwrap().into_iter().map(|(id, o)| (id.to_string(), o)).collect();
        assert_eq!(played, site.orders, "the log played back");
    }
    site
}

const FINISHED: &str = "pack.parcel_sealed pack.completed dispatch.requested notification.requested";

/// `check` with `FINISHED` for the four events that end an order at the bench.
fn check_finishing(orders: &str, script: &str) -> Site {
    check(orders, &script.replace("FINISHED", FINISHED))
}

#[test]
fn picks_and_packs_until_the_order_is_complete() {
    check_finishing(
        "10042: 2xA 1xB via dhl",
        "0     10042 → opened 0/3 [pack.started]
         1000  A     → accepted 1/3 [unit]
         1090  A     → silent
         1400  A     → accepted 2/3 [unit]
         3000  A     → over (line_complete)
         4000  B     → completed 3/3 [unit FINISHED]
         5000  10042 → already (finished)
         6000  p1    → already (finished)
         7000  B     → refused (no_order_open)",
    );
}

#[test]
fn tells_apart_wrong_unknown_and_refused_items() {
    check(
        "10042: 2xA via dhl
         10043: 1xC via dhl",
        "0     C      → refused (no_order_open)
         1000  nobody → unknown (unknown_code)
         2000  10042  → opened 0/2 [pack.started]
         3000  C      → wrong (not_on_order)
         4000  nobody → unknown (unknown_code)
         5000  FORGED → refused (check_failed)
         6000  p7     → unknown (unknown_code)
         7000  A      → accepted 1/2 [unit]",
    );
}

#[test]
fn says_what_would_have_been_right() {
    let mut site = Site::new("10042: 1xA 2xB via dhl\n10043: 1xC via dhl");
    site.scan(0, "10042");
    site.scan(1_000, "A");
    let wrong = site.scan(2_000, "C").answer;
    assert_eq!((wrong.order.as_deref(), wrong.item.as_deref()), (Some("10042"), Some("Product C")));
    assert_eq!(wrong.expected, vec!["Product B".into()]);
    let over = site.scan(3_000, "A").answer;
    assert_eq!((over.item.as_deref(), over.expected), (Some("Product A"), vec!["Product B".into()]));
    let unknown = site.scan(4_000, "no\u{1b}body").answer;
    assert_eq!(unknown.item.as_deref(), Some("no\u{fffd}body"));
}

#[test]
fn a_code_that_goes_on_and_on_is_one_unit() {
    check(
        "10042: 3xA via dhl",
        "0    10042 → opened 0/3 [pack.started]
         1000 A → accepted 1/3 [unit]
         1140 A → silent
         1280 A → silent
         1420 A → silent
         1569 A → silent
         1719 A → accepted 2/3 [unit]",
    );
}

#[test]
fn bounce_is_one_scanner_s_own() {
    check(
        "10042: 2xA via dhl
         10043: 2xA via dhl",
        "0    10042   → opened 0/2 [pack.started]
         0    10043@2 → opened 0/2 [pack.started]
         1000 A       → accepted 1/2 [unit]
         1010 A@2     → accepted 1/2 [unit]
         1020 A       → silent",
    );
}

#[test]
fn a_wrong_scan_bounces_too() {
    check(
        "10042: 1xA via dhl",
        "0    X → unknown (unknown_code)
         90   X → silent
         1000 X → unknown (unknown_code)",
    );
}

#[test]
fn done_opens_the_next_and_puts_down() {
    check(
        "10042: 1xA via dhl
         10043: 1xB via dhl",
        "0    DONE    → opened 0/1 [pack.started]
         1000 DONE@2  → opened 0/1 [pack.started]
         2000 DONE@3  → already (nothing_waits)
         3000 DONE    → accepted 0/1
         4000 DONE@3  → opened 0/1
         5000 10042   → refused (open_elsewhere 3)
         6000 10043   → refused (open_elsewhere 2)",
    );
}

#[test]
fn an_order_that_was_put_down_is_offered_after_all_others() {
    check_finishing(
        "10042: 1xA via dhl
         10043: 1xB via dhl",
        "0    DONE  → opened 0/1 [pack.started]
         1000 DONE  → accepted 0/1
         2000 DONE  → opened 0/1 [pack.started]
         3000 B     → completed 1/1 [unit FINISHED]
         4000 DONE  → opened 0/1
         5000 DONE  → accepted 0/1
         6000 DONE  → opened 0/1
         7000 A     → completed 1/1 [unit FINISHED]",
    );
}

#[test]
fn an_order_with_units_in_it_is_put_down_before_another_is_opened() {
    check(
        "10042: 2xA via dhl
         10043: 1xB via dhl",
        "0    10042 → opened 0/2 [pack.started]
         1000 10043 → opened 0/1 [pack.started]
         2000 10042 → opened 0/2
         3000 A     → accepted 1/2 [unit]
         4000 10043 → refused (order_open 10042)
         5000 10042 → opened 1/2
         6000 CANCEL → accepted
         7000 10043 → opened 0/1
         8000 B     → completed 1/1 [unit pack.parcel_sealed pack.completed dispatch.requested notification.requested]
         9000 10042 → opened 1/2",
    );
}

#[test]
fn seal_in_the_middle_makes_several_parcels() {
    let site = check_finishing(
        "10042: 2xA 1xB via dhl",
        "0    SEAL  → refused (no_order_open)
         500  10042 → opened 0/3 [pack.started]
         1000 SEAL  → refused (nothing_to_close)
         2000 A     → accepted 1/3 [unit]
         3000 SEAL  → completed 1/3 [pack.parcel_sealed dispatch.requested]
         4000 SEAL  → refused (nothing_to_close)
         5000 A     → accepted 2/3 [unit]
         6000 B     → completed 3/3 [unit FINISHED]",
    );
    let requested = site.log.iter().filter_map(|event| match event {
        Event::DispatchRequested { parcel, of, .. } => Some((*parcel, *of)),
        _ => None,
    });
    assert_eq!(requested.collect::<Vec<_>>(), [(1, None), (2, Some(2))]);
}

#[test]
fn what_is_sealed_is_what_was_put_in() {
    let site = check_finishing(
        "10042: 2xA 1xB via dhl",
        "0    10042 → opened 0/3 [pack.started]
         1000 A → accepted 1/3 [unit]
         2000 B → accepted 2/3 [unit]
         3000 A → completed 3/3 [unit FINISHED]",
    );
    let order = site.orders["o-10042"].reference();
    let found = site.log.iter().find_map(|event| match event {
        Event::ParcelSealed { order, parcel, sscc, contents } => Some((order, parcel, sscc.to_string(), contents)),
        _ => None,
    });
    let (sealed_order, parcel, sscc, contents) = found.unwrap();
    assert_eq!((sealed_order, *parcel, &*sscc), (&order, 1, "073500530000000018"));
    let contents: Vec<_> = contents.iter().map(|(item, units)| (&*item.sku, *units)).collect();
    assert_eq!(contents, [("sku-A", 2), ("sku-B", 1)]);
}

#[test]
fn the_courier_is_asked_for_with_a_key_and_the_collection() {
    let site = check_finishing(
        "10042: 1xA via dhl",
        "0    10042 → opened 0/1 [pack.started]
         1000 A → completed 1/1 [unit FINISHED]",
    );
    let Some(Event::DispatchRequested { key, of, carrier_name, collection, time_left_s, revision, .. }) =
        site.log.iter().find(|event| event.kind().word() == "dispatch.requested")
    else {
        panic!("no dispatch was requested");
    };
    assert_eq!(&**key, "o-10042/1/dhl@2026-11-23T16:30/1");
    assert_eq!((*of, &**carrier_name, *revision), (Some(1), "DHL", 1));
    assert_eq!(collection.as_ref().unwrap().at, "2026-11-23T15:30:00Z".parse().unwrap());
    assert_eq!(*time_left_s, Some(7 * 3_600 + 1_800 - 1));
}

#[test]
fn without_a_trusted_clock_the_courier_is_asked_for_without_a_collection() {
    let mut site = Site::new("10042: 1xA via dhl");
    site.scan(0, "10042");
    let scan = site.read(1_000, "A", "bench");
    let station = site.stations["bench"].clone();
    let decision = decide(&Facts { clock_trusted: false, ..site.facts(&station, None, &scan) }, &scan);
    let found = decision.events.iter().find_map(|event| match event {
        Event::DispatchRequested { key, collection, time_left_s, .. } => Some((&**key, collection, time_left_s)),
        _ => None,
    });
    assert_eq!(found, Some(("o-10042/1/-/1", &None, &None)));
}

fn notices(log: &[Event]) -> Vec<&Notice> {
    let notice = log.iter().filter_map(|event| match event {
        Event::NotificationRequested(notice) => Some(&**notice),
        _ => None,
    });
    notice.collect()
}

#[test]
fn the_customer_is_told_at_packed_and_at_hand_over() {
    let site = check_finishing(
        "10042: 1xA via dhl",
        "0    10042 → opened 0/1 [pack.started]
         1000 A → completed 1/1 [unit FINISHED]
         2000 p1@door → accepted [dispatch.parcel_loaded]
         3000 HANDOVER@door → completed 1/1 [dispatch.handed_over notification.requested order.completed]",
    );
    let notices = notices(&site.log);
    let rows: Vec<_> = notices.iter().map(|n| (&*n.key, n.parcel, n.replaces.as_deref())).collect();
    let packed = "sthlm-03/o-10042/-/packed/1";
    assert_eq!(rows, [(packed, None, None), ("sthlm-03/o-10042/1/handed_over/1", Some((1, Some(1))), Some(packed))]);
    assert_eq!(notices[1].items, vec![("Product A".into(), 1)]);
}

#[test]
fn nobody_is_told_who_allows_no_channel() {
    check(
        "10042: 1xA via dhl quiet",
        "0    10042 → opened 0/1 [pack.started]
         1000 A → completed 1/1 [unit pack.parcel_sealed pack.completed dispatch.requested]
         2000 p1@door → accepted [dispatch.parcel_loaded]
         3000 HANDOVER@door → completed 1/1 [dispatch.handed_over order.completed]",
    );
}

#[test]
fn a_pick_up_order_asks_for_no_courier() {
    check(
        "10042: 1xA via pickup",
        "0    10042 → opened 0/1 [pack.started]
         1000 A → completed 1/1 [unit pack.parcel_sealed pack.completed notification.requested]
         2000 p1@door → refused (not_for_carrier)",
    );
}

#[test]
fn refuses_what_was_cancelled_or_waits_for_the_platform() {
    check(
        "10042: 2xA via dhl
         10043: 1xB via dhl",
        "0    10042 → opened 0/2 [pack.started]
         1000 A     → accepted 1/2 [unit]
         cancel 10042
         2000 A     → refused (cancelled)
         3000 SEAL  → refused (cancelled)
         4000 DONE  → accepted 1/2
         5000 10042 → refused (cancelled)
         aside 10043
         6000 10043 → refused (awaits_platform)
         7000 DONE  → already (nothing_waits)",
    );
}

#[test]
fn a_smaller_order_is_finished_by_seal() {
    check_finishing(
        "10042: 2xA 1xB via dhl",
        "0    10042 → opened 0/3 [pack.started]
         1000 A     → accepted 1/3 [unit]
         put 10042 r2: 1xA via dhl
         2000 A     → over (line_complete)
         3000 SEAL  → completed 1/1 [FINISHED]",
    );
}

#[test]
fn an_order_that_ends_after_its_last_parcel_has_left_is_completed() {
    check(
        "10042: 1xA 1xB via dhl",
        "0    10042 → opened 0/2 [pack.started]
         1000 A     → accepted 1/2 [unit]
         2000 SEAL  → completed 1/2 [pack.parcel_sealed dispatch.requested]
         3000 p1@door → accepted [dispatch.parcel_loaded]
         4000 HANDOVER@door → completed 1/1 [dispatch.handed_over notification.requested]
         put 10042 r2: 1xA via dhl
         5000 SEAL  → completed 1/1 [pack.completed notification.requested order.completed]",
    );
}

#[test]
fn modes_change_what_scans_mean() {
    check(
        "10042: 1xA via dhl",
        "0     10042    → opened 0/1 [pack.started]
         1000  HANDOVER → refused (other_mode)
         2000  LOAD     → opened
         3000  A        → refused (other_mode)
         4000  10042    → refused (other_mode)
         5000  DONE     → refused (other_mode)
         6000  SEAL     → refused (other_mode)
         7000  HANDOVER → refused (nothing_to_close)
         8000  X        → unknown (unknown_code)
         9000  PACK     → opened
         10000 A        → refused (no_order_open)
         11000 PICK     → opened
         12000 10042    → opened 0/1",
    );
}

/// Three parcels: two with DHL, one with PostNord.
const THREE: &str = "10042: 1xA via dhl\n10043: 1xA via dhl\n10044: 1xA via postnord";
const PACKED: &str = "
    0    DONE → opened 0/1 [pack.started]
    1000 A    → completed 1/1 [unit FINISHED]
    2000 DONE → opened 0/1 [pack.started]
    3000 A    → completed 1/1 [unit FINISHED]
    4000 DONE → opened 0/1 [pack.started]
    5000 A    → completed 1/1 [unit FINISHED]\n";

#[test]
fn the_first_parcel_chooses_the_manifest() {
    let site = check_finishing(
        THREE,
        &format!(
            "{PACKED}
            6000  p1@door → accepted [dispatch.parcel_loaded]
            7000  p3@door → wrong (other_carrier)
            8000  p1@door → already (finished)
            9000  p2@door → accepted [dispatch.parcel_loaded]
            10000 HANDOVER@door → completed 2/2 [dispatch.handed_over notification.requested order.completed \
                  dispatch.handed_over notification.requested order.completed]
            11000 p1@door → already (finished)
            12000 p3@door → accepted [dispatch.parcel_loaded]"
        ),
    );
    let manifests: Vec<_> = site.manifests.iter().map(|m| (&*m.id, m.loaded, m.closed)).collect();
    assert_eq!(manifests, [("dhl@2026-11-23T16:30#1", 2, true), ("postnord@2026-11-23T17:00#2", 1, false)]);
}

#[test]
fn hand_over_asks_about_parcels_left_behind_once() {
    check_finishing(
        THREE,
        &format!(
            "{PACKED}
            6000  HANDOVER@door → refused (nothing_to_close)
            7000  p1@door → accepted [dispatch.parcel_loaded]
            8000  HANDOVER@door → refused (parcels_left 1)
            9000  HANDOVER@door → completed 1/1 [dispatch.handed_over notification.requested order.completed]
            10000 p2@door → accepted [dispatch.parcel_loaded]"
        ),
    );
}

#[test]
fn loading_one_more_asks_again() {
    check_finishing(
        &format!("{THREE}\n10045: 1xA via dhl"),
        &format!(
            "{PACKED}
            5500  DONE → opened 0/1 [pack.started]
            5900  A    → completed 1/1 [unit FINISHED]
            7000  p1@door → accepted [dispatch.parcel_loaded]
            8000  HANDOVER@door → refused (parcels_left 2)
            9000  p2@door → accepted [dispatch.parcel_loaded]
            10000 HANDOVER@door → refused (parcels_left 1)"
        ),
    );
}

#[test]
fn a_loaded_parcel_of_a_cancelled_order_comes_out_before_hand_over() {
    check_finishing(
        THREE,
        &format!(
            "{PACKED}
            6000  p1@door → accepted [dispatch.parcel_loaded]
            7000  p2@door → accepted [dispatch.parcel_loaded]
            cancel 10042
            8000  HANDOVER@door → refused (take_out)
            9000  p1@door → refused (cancelled) [dispatch.parcel_unloaded]
            10000 p1@door → refused (cancelled)
            11000 HANDOVER@door → completed 1/1 [dispatch.handed_over notification.requested order.completed]"
        ),
    );
}

#[test]
fn cancelled_and_unsealed_parcels_are_not_loaded() {
    check_finishing(
        "10042: 1xA via dhl",
        "0    10042 → opened 0/1 [pack.started]
         1000 A     → completed 1/1 [unit FINISHED]
         cancel 10042
         2000 p1@door → refused (cancelled)
         3000 p1      → refused (cancelled)",
    );
}

#[test]
fn a_scan_whose_answer_was_lost_counts_when_scanned_once_more() {
    for (lost, again) in [("crash", "already (perhaps_counted)"), ("restart", "accepted 2/4 [unit]")] {
        check(
            "10042: 4xA via dhl",
            &format!(
                "0     10042 → opened 0/4 [pack.started]
                 5000  A → accepted 1/4 [unit]
                 {lost}
                 10    A → {again}"
            ),
        );
    }
    check(
        "10042: 4xA 1xB via dhl",
        "0    10042 → opened 0/5 [pack.started]
         5000 A → accepted 1/5 [unit]
         crash
         10   A → already (perhaps_counted)
         90   A → silent
         500  A → accepted 2/5 [unit]
         700  A → accepted 3/5 [unit]
         crash
         10   B → accepted 4/5 [unit]
         400  A → completed 5/5 [unit pack.parcel_sealed pack.completed dispatch.requested notification.requested]",
    );
}

#[test]
fn a_scan_that_counted_for_nothing_is_not_asked_about() {
    check(
        "10042: 1xA via dhl",
        "0  10042 → opened 0/1 [pack.started]
         crash
         10 10042 → opened 0/1
         crash
         10 DONE  → accepted 0/1
         crash
         10 DONE  → opened 0/1",
    );
}

#[test]
fn low_stock_is_told_once() {
    check(
        "10042: 4xA via dhl",
        "stock A 4
         0    10042 → opened 0/4 [pack.started]
         1000 A → accepted 1/4 [unit]
         2000 A → accepted 2/4 [unit stock.low]
         3000 A → accepted 3/4 [unit]",
    );
}

#[test]
fn a_pick_takes_stock_off_even_where_none_is_known() {
    let mut site = Site::new("10042: 2xA via dhl");
    site.scan(0, "10042");
    let decision = site.scan(1_000, "A");
    assert_eq!(decision.stock, Some(("sku-A".into(), Stock { on_hand: -1, reserved: -1 })));
}

/// What may come at any time: scans at three stations, orders put again with other lines, cancels, crashes.
#[derive(Clone, Debug)]
enum Step {
    Scan { code: &'static str, station: &'static str },
    Put(&'static str),
    Cancel(&'static str),
    StartAgain { doubtful: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let bench =
        prop::sample::select(vec!["10042", "10043", "10044", "A", "A", "B", "B", "DONE", "SEAL", "CANCEL", "X"]);
    let door = prop::sample::select(vec!["p1", "p2", "p3", "p4", "p5", "HANDOVER", "HANDOVER", "CANCEL", "A", "10042"]);
    let put = prop::sample::select(vec![
        "10042: 1xA 1xB via dhl",
        "10042: 3xA via dhl",
        "10042: 1xB via dhl",
        "10043: 1xA via postnord quiet",
        "10043: 2xB via dhl",
        "10044: 1xA 1xB via pickup",
    ]);
    prop_oneof![
        20 => (bench, prop::sample::select(vec!["bench", "bench-2"])).prop_map(|(code, station)| Step::Scan { code, station }),
        8 => door.prop_map(|code| Step::Scan { code, station: "door" }),
        2 => put.prop_map(Step::Put),
        1 => prop::sample::select(vec!["10042", "10043", "10044"]).prop_map(Step::Cancel),
        1 => any::<bool>().prop_map(|doubtful| Step::StartAgain { doubtful }),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_is_decided_and_adds_up(steps in prop::collection::vec(step(), 0..120)) {
        let mut site = Site::new("10042: 2xA 1xB via dhl\n10043: 1xA via dhl\n10044: 1xB via pickup");
        for (step, n) in steps.into_iter().zip(1..) {
            match step {
                Step::Scan { code, station } => drop(site.scan(n * 1_000, &format!("{code}@{station}"))),
                Step::Put(text) => {
                    let put = Terms { revision: 1 + n as u32, ..terms(text) };
                    if let Ok(change) = command::put(&site.slot(&put.id), put.clone(), None) {
                        site.change(change);
                    }
                }
                Step::Cancel(number) => {
                    if let Ok(change) = command::cancel(&site.slot(&format!("o-{number}")), u32::MAX, "customer", true) {
                        site.change(change);
                    }
                }
                Step::StartAgain { doubtful } => site.start_again(doubtful),
            }
        }
        let played: BTreeMap<_, _> = replay(&site.log).unwrap().into_iter().map(|(id, o)| (id.to_string(), o)).collect();
        prop_assert_eq!(&played, &site.orders);
        let mut once = BTreeSet::new();
        for event in &site.log {
            let name = match event {
                Event::ParcelSealed { sscc, .. } => format!("sealed {sscc}"),
                Event::DispatchRequested { key, .. } => format!("requested {key}"),
                Event::DispatchWithdrawn { key, .. } => format!("withdrawn {key}"),
                Event::HandedOver { sscc, .. } => format!("handed over {sscc}"),
                Event::NotificationRequested(notice) => format!("told {}", notice.key),
                Event::OrderCompleted { order, .. } => format!("completed {}", order.id),
                Event::OrderCancelled { order, .. } => format!("cancelled {}", order.id),
                _ => continue,
            };
            prop_assert!(once.insert(name.clone()), "{} twice", name);
        }
        for manifest in &site.manifests {
            let parcels = site.orders.values().flat_map(|order| &order.progress.parcels);
            let on_it = parcels.filter(|parcel| parcel.manifest.as_ref() == Some(&manifest.id)).count();
            prop_assert_eq!(on_it, manifest.loaded as usize, "{}", &manifest.id);
        }
        let gone = |order: &&Order| order.is_gone() && order.progress.state != State::Cancelled;
        let ended = |order: &Order| order.progress.state != State::PartlyDispatched;
        prop_assert!(site.orders.values().filter(gone).all(ended), "gone and not completed");
    }
}
