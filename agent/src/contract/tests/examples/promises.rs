//! What is said about promises and days.

use super::first::{at, order, promise};
use crate::domain::carrier::Collection;
use crate::domain::event::{CourierLate, DayClosed, DayCounts, Event, ManifestSummary};
use crate::domain::notice::Revised;
use crate::domain::order::Promise;
use crate::domain::promise::offer::{CarrierOffer, Door, Offer};
use crate::domain::promise::{Outlook, Queue, Trouble, Turn};

pub fn collection(id: &str, at_time: &str, cut_off: &str) -> Collection {
    Collection { id: id.into(), at: at(at_time), cut_off: at(cut_off) }
}

fn today() -> Collection {
    collection("dhl@2026-11-22T16:30", "2026-11-22T15:30:00Z", "2026-11-22T15:15:00Z")
}

fn tomorrow() -> Collection {
    collection("dhl@2026-11-23T11:00", "2026-11-23T10:00:00Z", "2026-11-23T09:45:00Z")
}

fn later() -> Revised {
    let promise = Promise {
        ship_by: Some(at("2026-11-23T10:00:00Z")),
        deliver_from: Some(at("2026-11-24T08:00:00Z")),
        deliver_by: Some(at("2026-11-24T20:00:00Z")),
    };
    Revised { collection: Some(tomorrow()), promise }
}

fn turned(turn: Turn, outlook: Outlook) -> Event {
    Event::PromiseTurned { turn, outlook: Box::new(outlook) }
}

pub fn events() -> Vec<(&'static str, Event)> {
    let outlook = |trouble| Outlook {
        order: order(),
        collection: Some(today()),
        promise: promise(),
        trouble,
        finish: None,
        queue: None,
        revised: Some(later()),
        broken: true,
    };
    let queue = Queue { units_left: 3, orders_ahead: 4, units_ahead: 17, pace: 42 };
    let at_risk = Outlook { finish: Some(at("2026-11-22T15:09:00Z")), queue: Some(queue), ..outlook(Trouble::Backlog) };
    let recovered = Outlook {
        revised: Some(Revised { collection: Some(today()), promise: promise() }),
        broken: false,
        ..outlook(Trouble::Backlog)
    };
    let fetched = Outlook { collection: None, revised: None, ..outlook(Trouble::CutOff) };
    let late = CourierLate {
        carrier: "dhl".into(),
        name: "DHL".into(),
        collection: today(),
        grace_s: 1_200,
        manifest: Some("dhl@2026-11-22T16:30#1".into()),
        loaded: 3,
        waiting: 1,
    };
    vec![
        ("promise.at_risk", turned(Turn::AtRisk, at_risk)),
        ("promise.will_miss", turned(Turn::WillMiss, Outlook { queue: Some(queue), ..outlook(Trouble::CutOff) })),
        ("promise.will_miss-pickup", turned(Turn::WillMiss, fetched)),
        ("promise.recovered", turned(Turn::Recovered, recovered)),
        ("promise.missed", turned(Turn::Missed, outlook(Trouble::NotPacked))),
        (
            "promise.missed-accepted_late",
            turned(Turn::Missed, Outlook { collection: None, ..outlook(Trouble::AcceptedLate) }),
        ),
        (
            "promise.kept",
            Event::PromiseKept { order: order(), collection: Some(today()), promise: promise(), late: false },
        ),
        ("site.courier_late", Event::CourierLate(Box::new(late))),
        ("site.day_closed", Event::DayClosed(Box::new(day()))),
        (
            "site.clock_corrected",
            Event::ClockCorrected { boot: "b8f1c7d2".into(), from: 12, to: 40, offset_ms: 1_792_000_123 },
        ),
        (
            "site.storage_salvaged",
            Event::StorageSalvaged { events: 1_200, lost: 3, cause: "a page can't be read".into() },
        ),
        (
            "site.action_taken",
            Event::ActionTaken {
                action: "reopen_scanner".into(),
                target: Some("bench-1-hand".into()),
                outcome: "done".into(),
                by: None,
            },
        ),
    ]
}

fn day() -> DayClosed {
    let manifest = |id: &str, collection: Option<Collection>, parcels, closed| ManifestSummary {
        id: id.into(),
        carrier: "dhl".into(),
        collection,
        parcels,
        closed,
    };
    DayClosed {
        date: jiff::civil::date(2026, 11, 22),
        from: at("2026-11-21T22:30:00Z"),
        to: at("2026-11-22T22:30:00Z"),
        manifests: vec![manifest("dhl@2026-11-22T16:30#1", Some(today()), 12, true), manifest("dhl#7", None, 1, false)],
        counts: DayCounts {
            orders_accepted: 40,
            orders_completed: 38,
            orders_cancelled: 1,
            orders_open: 1,
            items_picked: 121,
            items_packed: 120,
            items_short: 2,
            parcels_sealed: 50,
            parcels_handed_over: 48,
            parcels_collected: 2,
            returns_received: 3,
            returns_completed: 3,
            promises_kept: 38,
            promises_missed: 1,
        },
    }
}

/// What can be promised, by the name of its example.
pub fn offers() -> Vec<(&'static str, Offer)> {
    let now = at("2026-11-22T13:00:00Z");
    let until = Some(at("2026-11-22T14:57:00Z"));
    let carrier = CarrierOffer {
        carrier: "dhl".into(),
        name: "DHL".into(),
        same_day_until: until,
        collections: vec![today(), tomorrow()],
    };
    let open = Offer {
        door: Door::Open,
        computed_at: now,
        same_day_until: until,
        carriers: vec![carrier],
        open_orders: 12,
        open_units: 40,
        per_hour: 42,
        measured: true,
        measured_min: 600,
        capacity_left: 51,
    };
    let closed = |carrier: &CarrierOffer| CarrierOffer {
        same_day_until: None,
        collections: vec![tomorrow()],
        ..carrier.clone()
    };
    let carriers = open.carriers.iter().map(closed).collect();
    let shut = Offer { door: Door::Closed, same_day_until: None, carriers, capacity_left: 0, ..open.clone() };
    vec![("open", open), ("closed", shut), ("unknown", Offer::unknown(now))]
}
