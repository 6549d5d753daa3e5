//! The events that the contract had at first: a released platform knows these messages byte for byte.

use crate::domain::carrier::Collection;
use crate::domain::code::Values;
use crate::domain::event::{Adjustment, Event, Item, Known, KnownParcel, Method, OrderRef, StartCause};
use crate::domain::notice::{Milestone, Notice};
use crate::domain::order::{Capture, Delivery, Done, Line, Notify, OnShort, Promise, Terms};
use crate::domain::signal::{Reason, Signal};
use crate::domain::sscc::Sscc;
use crate::domain::stock::Stock;
use jiff::Timestamp;
use std::sync::Arc;
use uuid::{Uuid, uuid};

pub const EPOCH: Uuid = uuid!("01935d00-0000-7000-8000-000000000001");
pub const SSCC: Sscc = Sscc(73_500_530_000_000_018);

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn order() -> OrderRef {
    OrderRef { id: "o-10042".into(), number: "10042".into(), revision: 1 }
}

pub fn item() -> Item {
    Item { line: "1".into(), sku: "MUG-BLUE".into(), name: "Mug, blue".into() }
}

fn collection() -> Collection {
    let (at, cut_off) = (at("2026-11-22T15:30:00Z"), at("2026-11-22T15:15:00Z"));
    Collection { id: "dhl@2026-11-22T16:30".into(), at, cut_off }
}

pub fn promise() -> Promise {
    Promise {
        ship_by: Some(at("2026-11-22T15:30:00Z")),
        deliver_from: Some(at("2026-11-23T08:00:00Z")),
        deliver_by: Some(at("2026-11-23T20:00:00Z")),
    }
}

pub fn terms(revision: u32, delivery: Delivery) -> Arc<Terms> {
    let line = |id: &str, sku: &str, name: &str, quantity, code: &str| Line {
        id: id.into(),
        sku: sku.into(),
        name: name.into(),
        quantity,
        codes: vec![code.into()],
        bin: None,
        weight_g: None,
        capture: Capture::default(),
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

pub fn by_carrier() -> Delivery {
    Delivery::Carrier { carrier: "dhl".into(), service: Some("express".into()) }
}

fn known() -> Known {
    let parcel = KnownParcel { n: 1, sscc: SSCC, handed_over: true, contents: vec![("1".into(), 2)] };
    Known { lines: vec![("1".into(), Done { picked: 2, packed: 2, short: 0 })], parcels: vec![parcel], packed: false }
}

pub fn notice(milestone: Milestone, parcel: Option<(u32, Option<u32>)>, replaces: Option<&str>) -> Notice {
    let number = parcel.map_or("-".to_owned(), |(n, _)| n.to_string());
    Notice {
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
        tracking: None,
        tracking_url: None,
        promise: promise(),
        reason: None,
        short: Vec::new(),
        delay: None,
        returned: None,
        expires_at: at("2026-11-23T14:03:11.482Z"),
        replaces: replaces.map(Into::into),
        also_replaces: Vec::new(),
    }
}

pub fn told(notice: Notice) -> Event {
    Event::NotificationRequested(Box::new(notice))
}

/// What the contract had at first. Their places in this list stand in their files.
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
        ("pack.started", Event::PackStarted { order: order(), units: 3, tote: None }),
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
        (
            "pack.item_packed",
            Event::ItemPacked {
                order: order(),
                item: item(),
                parcel: 1,
                packed: 1,
                wanted: 2,
                values: Values::default(),
            },
        ),
        (
            "pack.parcel_sealed",
            Event::ParcelSealed { order: order(), parcel: 1, sscc: SSCC, contents: vec![(item(), 2)], weight_g: None },
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
                tracking: None,
                manifest: manifest(),
                key: Some(key()),
            },
        ),
        ("notification.requested-packed", told(notice(Milestone::Packed, None, None))),
        (
            "notification.requested-handed_over",
            told(notice(Milestone::HandedOver, Some((1, Some(1))), Some("sthlm-03/o-10042/-/packed/1"))),
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
