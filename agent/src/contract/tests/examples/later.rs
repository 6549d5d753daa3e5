//! The events that came after the first ones, and the first ones with what they can carry since.

use super::first::{SSCC, by_carrier, item, notice, order, terms, told};
use crate::domain::code::{Cause, Condition, Values};
use crate::domain::event::{Adjustment, Event, Item, Known, KnownParcel, SignOut};
use crate::domain::notice::{Milestone, Notice};
use crate::domain::order::{Capture, Done, Line, Terms};
use crate::domain::returns::{Return, ReturnLine, ReturnRef, ReturnState, Returned};
use crate::domain::signal::{Reason, Signal};
use crate::domain::sscc::Sscc;
use crate::domain::stock::Stock;
use std::sync::Arc;

const NEXT_SSCC: Sscc = Sscc(73_500_530_000_000_025);
const TRACKING: &str = "JD014600001234567890";
const STOCK: Stock = Stock { on_hand: 11, reserved: 4 };
const CARRIER: &str = "dhl";
const MANIFEST: &str = "dhl@2026-11-22T16:30#1";
const KEY: &str = "o-10042/1/dhl@2026-11-22T16:30/1";

pub fn events() -> Vec<(&'static str, Event)> {
    [orders(), picking(), packing(), dispatch(), notices(), returns(), site()].concat()
}

fn recorded_line() -> Line {
    Line {
        id: "1".into(),
        sku: "DRILL-18V".into(),
        name: "Drill, 18 V".into(),
        quantity: 3,
        codes: vec!["07350053850033".into()],
        bin: Some("A-12.3".into()),
        weight_g: Some(1_850),
        capture: Capture { serial: true, lot: true, expiry: true, pattern: Some("SN-####*".into()) },
    }
}

fn values() -> Values {
    Values {
        serial: Some("SN-00417".into()),
        lot: Some("L7".into()),
        expiry: Some(jiff::civil::date(2027, 1, 31)),
        weight_g: Some(1_850),
    }
}

fn orders() -> Vec<(&'static str, Event)> {
    let recorded = |revision| Terms { lines: vec![recorded_line()], ..(*terms(revision, by_carrier())).clone() };
    let parcel = KnownParcel { n: 1, sscc: SSCC, handed_over: false, contents: vec![("1".into(), 2)] };
    let known = Known {
        lines: vec![("1".into(), Done { picked: 2, packed: 2, short: 1 })],
        parcels: vec![parcel],
        packed: true,
    };
    vec![
        ("order.accepted-recorded", Event::OrderAccepted { terms: Arc::new(recorded(1)) }),
        ("order.updated-known-short", Event::OrderUpdated { terms: Arc::new(recorded(2)), known: Some(known) }),
        ("order.held", Event::OrderHeld { order: order(), cause: "payment".into() }),
        ("order.released", Event::OrderReleased { order: order() }),
        ("order.expedited", Event::OrderExpedited { order: order() }),
        ("order.collected", Event::OrderCollected { order: order(), parcels: 2 }),
    ]
}

fn picking() -> Vec<(&'static str, Event)> {
    let unpicked = |picked, put_back| Event::ItemUnpicked {
        order: order(),
        item: item(),
        picked,
        wanted: 2,
        put_back,
        restocked: !put_back,
        stock: STOCK,
    };
    let short = |quantity, cause, wanted, delta| Event::ItemShort {
        order: order(),
        item: item(),
        quantity,
        cause,
        picked: 1,
        wanted,
        delta,
        stock: STOCK,
    };
    vec![
        ("pick.started", Event::PickStarted { order: order(), units: 3, tote: None }),
        ("pick.started-tote", Event::PickStarted { order: order(), units: 3, tote: Some("t-07".into()) }),
        ("pick.completed", Event::PickCompleted { order: order(), picked: 3, wanted: 3 }),
        ("pick.item_unpicked", unpicked(0, false)),
        ("pick.item_unpicked-put_back", unpicked(1, true)),
        ("pick.item_short", short(1, Cause::NotThere, 1, -4)),
        ("pick.item_short-given_back", short(-1, Cause::Other, 2, 4)),
    ]
}

fn packing() -> Vec<(&'static str, Event)> {
    let item = || Item { line: "1".into(), sku: "DRILL-18V".into(), name: "Drill, 18 V".into() };
    let unpacked =
        Event::ItemUnpacked { order: order(), item: item(), parcel: 1, packed: 0, wanted: 1, values: values() };
    let labelled = |sscc, tracking: Option<&str>, of| Event::ParcelLabelled {
        order: order(),
        parcel: 1,
        of,
        sscc,
        tracking: tracking.map(Into::into),
    };
    vec![
        ("pack.started-tote", Event::PackStarted { order: order(), units: 3, tote: Some("t-07".into()) }),
        (
            "pack.item_packed-recorded",
            Event::ItemPacked { order: order(), item: item(), parcel: 1, packed: 1, wanted: 1, values: values() },
        ),
        ("pack.item_unpacked", unpacked),
        (
            "pack.parcel_sealed-weighed",
            Event::ParcelSealed {
                order: order(),
                parcel: 1,
                sscc: SSCC,
                contents: vec![(item(), 1)],
                weight_g: Some(1_850),
            },
        ),
        ("pack.parcel_reopened", Event::ParcelReopened { order: order(), parcel: 1, sscc: SSCC }),
        ("pack.parcel_labelled", labelled(SSCC, None, Some(1))),
        ("pack.parcel_labelled-preprinted", labelled(NEXT_SSCC, None, None)),
        ("pack.parcel_labelled-tracking", labelled(SSCC, Some(TRACKING), Some(1))),
    ]
}

fn dispatch() -> Vec<(&'static str, Event)> {
    let (carrier, manifest) = (|| CARRIER.into(), || MANIFEST.into());
    vec![
        (
            "dispatch.label_requested",
            Event::LabelRequested { order: order(), parcel: 1, sscc: SSCC, carrier: carrier() },
        ),
        (
            "dispatch.label_received",
            Event::LabelReceived {
                order: order(),
                parcel: 1,
                sscc: SSCC,
                tracking: Some(TRACKING.into()),
                revision: 1,
            },
        ),
        ("dispatch.label_voided", Event::LabelVoided { order: order(), parcel: 1, voided: SSCC, sscc: NEXT_SSCC }),
        (
            "dispatch.parcel_ready",
            Event::ParcelReady { order: order(), parcel: 1, of: Some(1), sscc: SSCC, place: "C-1".into() },
        ),
        (
            "dispatch.handed_over-tracking",
            Event::HandedOver {
                order: order(),
                parcel: 1,
                of: Some(1),
                sscc: SSCC,
                carrier: carrier(),
                service: Some("express".into()),
                tracking: Some(TRACKING.into()),
                manifest: manifest(),
                key: Some(KEY.into()),
            },
        ),
        (
            "dispatch.left_behind",
            Event::LeftBehind { order: order(), parcel: 1, sscc: SSCC, carrier: carrier(), manifest: manifest() },
        ),
        (
            "dispatch.missed",
            Event::DispatchMissed {
                order: order(),
                key: KEY.into(),
                parcel: 1,
                sscc: SSCC,
                cause: Cause::NoCourier.word().into(),
            },
        ),
    ]
}

fn notices() -> Vec<(&'static str, Event)> {
    let tracked = Notice {
        tracking: Some(TRACKING.into()),
        tracking_url: Some(format!("https://track.example.com/{TRACKING}").into()),
        ..notice(Milestone::HandedOver, Some((1, Some(1))), Some("sthlm-03/o-10042/-/packed/1"))
    };
    let fetched = |milestone, replaces| Notice { carrier: None, service: None, ..notice(milestone, None, replaces) };
    let ready = fetched(Milestone::ReadyForPickup, Some("sthlm-03/o-10042/-/packed/1"));
    let collected = fetched(Milestone::Collected, Some("sthlm-03/o-10042/-/ready_for_pickup/1"));
    vec![
        ("notification.requested-handed_over-tracking", told(tracked)),
        ("notification.requested-ready_for_pickup", told(ready)),
        ("notification.requested-collected", told(collected)),
    ]
}

fn returns() -> Vec<(&'static str, Event)> {
    let about = || ReturnRef { id: "r-501".into(), order: Some(order()), authorized: true };
    let unannounced = || ReturnRef { id: "sthlm-03-r1".into(), order: None, authorized: false };
    let mug = || Returned {
        sku: Some("MUG-BLUE".into()),
        name: "Mug, blue".into(),
        code: "07350053850019".into(),
        values: Values::default(),
    };
    let drill = || Returned {
        sku: Some("DRILL-18V".into()),
        name: "Drill, 18 V".into(),
        code: "07350053850033".into(),
        values: values(),
    };
    let foreign =
        Returned { sku: None, name: "04006381333931".into(), code: "04006381333931".into(), values: Values::default() };
    let inspected =
        |about, item, condition, negates, stock| Event::ItemInspected { about, item, condition, negates, stock };
    let line = ReturnLine {
        sku: "MUG-BLUE".into(),
        name: "Mug, blue".into(),
        quantity: 2,
        codes: vec!["07350053850019".into()],
    };
    let announced = Return {
        id: "r-501".into(),
        order: Some(order()),
        authorized: true,
        lines: vec![line],
        resolution: Some("refund".into()),
        state: ReturnState::Authorized,
        found: Vec::new(),
    };
    vec![
        ("return.authorized", Event::ReturnAuthorized { terms: Box::new(announced) }),
        ("return.received", Event::ReturnReceived { about: about() }),
        ("return.received-unannounced", Event::ReturnReceived { about: unannounced() }),
        ("return.item_inspected", inspected(about(), mug(), Condition::Restock, false, Some(STOCK))),
        ("return.item_inspected-negated", inspected(about(), mug(), Condition::Restock, true, Some(STOCK))),
        ("return.item_inspected-recorded", inspected(about(), drill(), Condition::Inspect, false, None)),
        ("return.item_inspected-foreign", inspected(unannounced(), foreign, Condition::Discard, false, None)),
        (
            "return.completed",
            Event::ReturnCompleted {
                about: about(),
                resolution: Some("refund".into()),
                found: vec![(mug(), Condition::Restock), (drill(), Condition::Inspect)],
                outstanding: vec![("MUG-BLUE".into(), "Mug, blue".into(), 1)],
            },
        ),
    ]
}

fn site() -> Vec<(&'static str, Event)> {
    let adjusted = |delta, cause| Event::StockAdjusted { sku: "MUG-BLUE".into(), delta, stock: STOCK, cause };
    let counted = Event::StockCounted {
        sku: "MUG-BLUE".into(),
        name: "Mug, blue".into(),
        counted: 11,
        delta: -2,
        stock: STOCK,
        bin: Some("A-12.3".into()),
    };
    vec![
        ("stock.adjusted-receipt", adjusted(24, Adjustment::Receipt)),
        ("stock.adjusted-damaged", adjusted(-1, Adjustment::Damaged)),
        ("stock.counted", counted),
        (
            "site.scan_refused-wrong_bin",
            Event::ScanRefused {
                scanner: "s-1".into(),
                code: "07350053850019".into(),
                signal: Signal::Wrong,
                reason: Reason::WrongBin("A-12.3".into()),
                order: Some("10042".into()),
                expected: vec!["A-12.3".into()],
            },
        ),
        ("site.operator_in", Event::OperatorIn { operator: "op-7".into() }),
        ("site.operator_out", Event::OperatorOut { operator: "op-7".into(), cause: SignOut::Idle }),
    ]
}
