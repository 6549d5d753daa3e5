//! One message of each kind, as published.
//!
//! The files under `contract/v1/examples` are the contract. Do not change an example of a released version: a
//! difference here means that the platforms out there would be told something else. `PARCELD_BLESS=1` writes the files
//! of a version that is not released yet.

use crate::contract::command::{self, Status};
use crate::contract::envelope::Envelope;
use crate::contract::event::{encode, subject};
use crate::contract::receipt::Receipt;
use crate::contract::state::{AgentState, Presence};
use crate::contract::topic::Topics;
use crate::domain::carrier::Collection;
use crate::domain::event::{Adjustment, Event, Item, Known, KnownParcel, Method, OrderRef, StartCause};
use crate::domain::notice::{Milestone, Notice};
use crate::domain::order::{Delivery, Done, Line, Notify, OnShort, Promise, Terms};
use crate::domain::signal::{Reason, Signal};
use crate::domain::sscc::Sscc;
use crate::domain::stock::Stock;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use uuid::{Uuid, uuid};

const EPOCH: Uuid = uuid!("01935d00-0000-7000-8000-000000000001");
const SSCC: Sscc = Sscc(73_500_530_000_000_018);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn order() -> OrderRef {
    OrderRef { id: "o-10042".into(), number: "10042".into(), revision: 1 }
}

fn item() -> Item {
    Item { line: "1".into(), sku: "MUG-BLUE".into(), name: "Mug, blue".into() }
}

fn collection() -> Collection {
    let (at, cut_off) = (at("2026-11-22T15:30:00Z"), at("2026-11-22T15:15:00Z"));
    Collection { id: "dhl@2026-11-22T16:30".into(), at, cut_off }
}

fn promise() -> Promise {
    Promise {
        ship_by: Some(at("2026-11-22T15:30:00Z")),
        deliver_from: Some(at("2026-11-23T08:00:00Z")),
        deliver_by: Some(at("2026-11-23T20:00:00Z")),
    }
}

fn terms(revision: u32, delivery: Delivery) -> Arc<Terms> {
    let line = |id: &str, sku: &str, name: &str, quantity, code: &str| Line {
        id: id.into(),
        sku: sku.into(),
        name: name.into(),
        quantity,
        codes: vec![code.into()],
    };
    Arc::new(Terms {
        id: "o-10042".into(),
        number: "10042".into(),
        revision,
        lines: vec![
            line("1", "MUG-BLUE", "Mug, blue", 2, "07350053850019"),
            line("2", "TEA-100", "Tee, grün — 100 g", 1, "TEA-100"),
        ],
        delivery,
        promise: promise(),
        notify: Notify {
            customer: Some("c-77".into()),
            channels: vec!["email".into(), "sms".into()],
            language: Some("sv".into()),
        },
        on_short: OnShort::ShipRest,
    })
}

fn by_carrier() -> Delivery {
    Delivery::Carrier { carrier: "dhl".into(), service: Some("express".into()) }
}

fn known() -> Known {
    let parcel = KnownParcel { n: 1, sscc: SSCC, handed_over: true, contents: vec![("1".into(), 2)] };
    Known { lines: vec![("1".into(), Done { picked: 2, packed: 2 })], parcels: vec![parcel], packed: false }
}

fn notice(milestone: Milestone, parcel: Option<(u32, Option<u32>)>, replaces: Option<&str>) -> Event {
    let number = parcel.map_or("-".to_owned(), |(n, _)| n.to_string());
    Event::NotificationRequested(Box::new(Notice {
        key: format!("sthlm-03/o-10042/{number}/{}/1", milestone.word()).into(),
        milestone,
        order: order(),
        parcel,
        customer: "c-77".into(),
        channels: vec!["email".into(), "sms".into()],
        language: Some("sv".into()),
        items: vec![("Mug, blue".into(), 2), ("Tee, grün — 100 g".into(), 1)],
        carrier: Some("dhl".into()),
        service: Some("express".into()),
        promise: promise(),
        expires_at: at("2026-11-23T14:03:11.482Z"),
        replaces: replaces.map(Into::into),
    }))
}

/// An example of every kind of event; of some kinds several.
pub fn events() -> Vec<(&'static str, Event)> {
    let stock = Stock { on_hand: 11, reserved: 4 };
    let (carrier, manifest) = (|| "dhl".into(), || "dhl@2026-11-22T16:30#1".into());
    let key = || "o-10042/1/dhl@2026-11-22T16:30/1".into();
    let requested = |of, collection: Option<Collection>| Event::DispatchRequested {
        order: order(),
        key: key(),
        parcel: 1,
        of,
        sscc: SSCC,
        carrier: carrier(),
        carrier_name: "DHL Express".into(),
        service: Some("express".into()),
        time_left_s: collection.as_ref().map(|_| 5_208),
        collection,
        revision: 1,
    };
    let started = |cause, follows| Event::SiteStarted {
        cause,
        follows,
        version: "0.1.0".into(),
        boot: "7b8f6a3e-2f9d-4c07-9f0e-0d6d6f4b1c55".into(),
    };
    vec![
        ("order.accepted", Event::OrderAccepted { terms: terms(1, by_carrier()) }),
        ("order.accepted-pickup", Event::OrderAccepted { terms: terms(1, Delivery::Pickup) }),
        ("order.updated", Event::OrderUpdated { terms: terms(2, by_carrier()), known: None }),
        ("order.updated-known", Event::OrderUpdated { terms: terms(2, by_carrier()), known: Some(known()) }),
        (
            "order.cancelled",
            Event::OrderCancelled {
                order: order(),
                cause: "customer".into(),
                notify: true,
                partial: false,
                picked: vec![(item(), 1)],
            },
        ),
        ("order.completed", Event::OrderCompleted { order: order(), parcels: 1 }),
        ("pack.started", Event::PackStarted { order: order(), units: 3 }),
        (
            "pick.item_picked",
            Event::ItemPicked {
                order: order(),
                item: item(),
                code: "07350053850019".into(),
                method: Method::Scan,
                picked: 1,
                wanted: 2,
                stock,
            },
        ),
        ("pack.item_packed", Event::ItemPacked { order: order(), item: item(), parcel: 1, packed: 1, wanted: 2 }),
        (
            "pack.parcel_sealed",
            Event::ParcelSealed { order: order(), parcel: 1, sscc: SSCC, contents: vec![(item(), 2)] },
        ),
        ("pack.completed", Event::PackCompleted { order: order(), parcels: 1 }),
        ("dispatch.requested", requested(Some(1), Some(collection()))),
        ("dispatch.requested-not-final", requested(None, None)),
        (
            "dispatch.withdrawn",
            Event::DispatchWithdrawn { order: order(), key: key(), parcel: 1, sscc: SSCC, cause: "customer".into() },
        ),
        (
            "dispatch.parcel_loaded",
            Event::ParcelLoaded {
                order: order(),
                parcel: 1,
                sscc: SSCC,
                carrier: carrier(),
                manifest: manifest(),
                loaded: 7,
            },
        ),
        (
            "dispatch.parcel_unloaded",
            Event::ParcelUnloaded {
                order: order(),
                parcel: 1,
                sscc: SSCC,
                carrier: carrier(),
                manifest: manifest(),
                loaded: 6,
            },
        ),
        (
            "dispatch.handed_over",
            Event::HandedOver {
                order: order(),
                parcel: 1,
                of: Some(1),
                sscc: SSCC,
                carrier: carrier(),
                service: Some("express".into()),
                manifest: manifest(),
                key: Some(key()),
            },
        ),
        ("notification.requested-packed", notice(Milestone::Packed, None, None)),
        (
            "notification.requested-handed_over",
            notice(Milestone::HandedOver, Some((1, Some(1))), Some("sthlm-03/o-10042/-/packed/1")),
        ),
        ("stock.adjusted", Event::StockAdjusted { sku: "MUG-BLUE".into(), delta: -3, stock, cause: Adjustment::Set }),
        ("stock.low", Event::StockLow { sku: "MUG-BLUE".into(), name: "Mug, blue".into(), stock, threshold: 11 }),
        ("site.started", started(StartCause::New, None)),
        ("site.started-restarted", started(StartCause::Restarted, None)),
        ("site.started-recovered", started(StartCause::Recovered, None)),
        ("site.started-old_copy", started(StartCause::OldCopy, Some((EPOCH.to_string().into(), 1_204)))),
        ("site.stopped", Event::SiteStopped),
        (
            "site.scan_refused",
            Event::ScanRefused {
                scanner: "s-1".into(),
                code: "07350053850026".into(),
                signal: Signal::Wrong,
                reason: Reason::NotOnOrder,
                order: Some("10042".into()),
                expected: vec!["Mug, blue".into()],
            },
        ),
        (
            "site.scan_refused-open_elsewhere",
            Event::ScanRefused {
                scanner: "s-1".into(),
                code: "10042".into(),
                signal: Signal::Refused,
                reason: Reason::OpenElsewhere("bench-2".into()),
                order: Some("10042".into()),
                expected: Vec::new(),
            },
        ),
        ("site.scanner_lost", Event::ScannerLost { scanner: "s-1".into(), cause: "unplugged".into() }),
        ("site.scanner_back", Event::ScannerBack { scanner: "s-1".into() }),
    ]
}

/// A command of every kind, as a platform sends it.
pub const COMMANDS: [(&str, &str); 7] = [
    (
        "order.put",
        r#"{"specversion":"1.0","id":"cmd-1","source":"/platform","type":"parceld.order.put.v1","time":"2026-11-22T13:00:00Z","datacontenttype":"application/json","data":{"id":"o-10042","number":"10042","revision":1,"lines":[{"line":"1","sku":"MUG-BLUE","name":"Mug, blue","quantity":2,"barcodes":["7350053850019"]},{"line":"2","sku":"TEA-100","name":"Tee, grün — 100 g","quantity":1,"barcodes":["TEA-100"]}],"delivery":"carrier","carrier":"dhl","service":"express","promise":{"ship_by":"2026-11-22T15:30:00Z","deliver_from":"2026-11-23T08:00:00Z","deliver_by":"2026-11-23T20:00:00Z"},"notify":{"customer":"c-77","channels":["email","sms"],"language":"sv"},"on_short":"ship_rest"}}"#,
    ),
    (
        "order.put-known",
        r#"{"specversion":"1.0","id":"cmd-2","source":"/platform","type":"parceld.order.put.v1","data":{"id":"o-10042","number":"10042","revision":1,"lines":[{"line":"1","sku":"MUG-BLUE","name":"Mug, blue","quantity":2}],"delivery":"carrier","carrier":"dhl","known":{"lines":[{"line":"1","picked":2,"packed":2}],"parcels":[{"parcel":1,"sscc":"073500530000000018","handed_over":true,"contents":[{"line":"1","quantity":2}]}],"packed":true}}}"#,
    ),
    (
        "order.put-pickup",
        r#"{"specversion":"1.0","id":"cmd-3","source":"/platform","type":"parceld.order.put.v1","data":{"id":"o-10043","number":"10043","revision":1,"lines":[{"line":"1","sku":"MUG-BLUE","name":"Mug, blue","quantity":1}],"delivery":"pickup"}}"#,
    ),
    (
        "order.cancel",
        r#"{"specversion":"1.0","id":"cmd-4","source":"/platform","type":"parceld.order.cancel.v1","data":{"id":"o-10042","revision":1,"reason":"customer","notify":true}}"#,
    ),
    (
        "catalog.put",
        r#"{"specversion":"1.0","id":"cmd-5","source":"/platform","type":"parceld.catalog.put.v1","data":{"products":[{"sku":"MUG-BLUE","name":"Mug, blue","barcodes":["7350053850019"]}]}}"#,
    ),
    (
        "stock.set",
        r#"{"specversion":"1.0","id":"cmd-6","source":"/platform","type":"parceld.stock.set.v1","expirytime":"2026-11-23T13:00:00Z","data":{"items":[{"sku":"MUG-BLUE","quantity":12}],"as_of":{"epoch":"01935d00-0000-7000-8000-000000000001","sequence":1204}}}"#,
    ),
    (
        "events.resend",
        r#"{"specversion":"1.0","id":"cmd-7","source":"/platform","type":"parceld.events.resend.v1","data":{"epoch":"01935d00-0000-7000-8000-000000000001","from":1100}}"#,
    ),
];

/// The platform's receipt.
const RECEIPT: &str = r#"{"epoch":"01935d00-0000-7000-8000-000000000001","sequence":1204}"#;

fn published(sequence: u64, event: &Event) -> String {
    let data = encode(event).unwrap();
    let subject = subject(event);
    let envelope = Envelope {
        site: "sthlm-03",
        id: Uuid::from_u128(EPOCH.as_u128() + u128::from(sequence)),
        kind: event.kind(),
        subject: subject.as_deref(),
        time: at("2026-11-22T14:03:11.482731Z"),
        epoch: EPOCH,
        sequence,
        head: 1_204,
        clock: "synced",
        station: subject.is_some().then_some("bench-1"),
        historical: false,
        data: &data,
    };
    envelope.render().unwrap()
}

/// Every message of the contract, by the name of its file.
fn messages() -> BTreeMap<String, String> {
    let mut messages = BTreeMap::new();
    for ((name, event), sequence) in events().iter().zip(1..) {
        messages.insert(format!("event.{name}"), published(sequence, event));
    }
    for (name, command) in COMMANDS {
        messages.insert(format!("command.{name}"), command.to_owned());
    }
    for (status, reason) in [
        (Status::Accepted, None),
        (Status::Rejected, Some(("stale", "revision 2 is stored, which is newer"))),
        (Status::Duplicate, Some(("duplicate", "revision 1 has been applied already"))),
        (Status::Expired, None),
    ] {
        let now = at("2026-11-22T14:03:11.482731Z");
        let reply = command::reply("sthlm-03", "cmd-1", "parceld.order.put.v1", status, reason, now);
        messages.insert(format!("reply.{}", status.word()), reply);
    }
    for (name, state) in [("online", Presence::Online), ("offline", Presence::Offline), ("lost", Presence::Lost)] {
        let state = AgentState { state, version: "0.1.0", epoch: EPOCH, head: 1_204, session: 9 };
        messages.insert(format!("state.agent.{name}"), state.render());
    }
    messages.insert("receipt".to_owned(), RECEIPT.to_owned());
    messages
}

#[test]
fn messages_are_what_the_contract_shows() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../contract/v1/examples");
    let bless = std::env::var_os("PARCELD_BLESS").is_some();
    let messages = messages();
    for (name, message) in &messages {
        let path = folder.join(format!("{name}.json"));
        if bless {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, message).unwrap();
        }
        let frozen = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(*message, frozen, "{name}");
    }
    let files = std::fs::read_dir(&folder).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    for name in names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)) {
        assert!(messages.contains_key(&name), "{name}.json: no message of this name is published");
    }
}

#[test]
fn every_example_of_a_command_is_read() {
    for (name, payload) in COMMANDS {
        let command = command::parse(payload.as_bytes()).unwrap_or_else(|unreadable| panic!("{name}: {unreadable}"));
        assert!(command.kind.starts_with("parceld."), "{name}");
    }
}

#[test]
fn a_receipt_is_read_and_anything_else_is_not() {
    assert_eq!(Receipt::parse(RECEIPT.as_bytes()), Ok(Receipt { epoch: EPOCH, sequence: 1_204 }));
    for payload in [
        "",
        "{}",
        "null",
        r#"{"epoch":"x","sequence":1}"#,
        r#"{"epoch":"01935d00-0000-7000-8000-000000000001","sequence":-1}"#,
    ] {
        assert!(Receipt::parse(payload.as_bytes()).is_err(), "{payload}");
    }
}

#[test]
fn each_message_has_its_topic() {
    let topics = Topics::new("parceld/v1", "sthlm-03");
    for (topic, expected) in [
        (topics.events("pack"), "parceld/v1/sthlm-03/events/pack"),
        (topics.state_agent(), "parceld/v1/sthlm-03/state/agent"),
        (topics.receipts(), "parceld/v1/sthlm-03/receipts"),
        (topics.commands(), "parceld/v1/sthlm-03/commands"),
        (topics.replies(), "parceld/v1/sthlm-03/replies"),
    ] {
        assert_eq!(topic, expected);
    }
}
