//! Carriers' labels for parcels.

use super::*;

#[test]
fn a_carrier_s_label_is_for_a_closed_parcel() {
    let (one, two) = ("unit A, seal", "unit A, unit A, finish");
    for (work, n, revision, expected) in [
        (one, 1, 1, "dispatch.label_received → packing | A 1/2 | sealed[1xA]"),
        (two, 1, 7, "dispatch.label_received → packed | A 2/2 | sealed[2xA]"),
        ("unit A, unit A, finish, load 1", 1, 1, "dispatch.label_received → packed | A 2/2 | void loaded[2xA]"),
        ("unit A, seal, hold", 1, 1, "dispatch.label_received → held | A 1/2 | sealed[1xA]"),
        (one, 0, 1, "no_parcel NoParcel { n: 0 }"),
        (one, 2, 1, "no_parcel NoParcel { n: 2 }"),
        ("unit A", 1, 1, "no_parcel NoParcel { n: 1 }"),
        (
            "unit A, unit A, finish, gone 1",
            1,
            1,
            "dispatch.label_received notification.requested → completed | A 2/2 | handed_over[2xA]",
        ),
        ("unit A, seal, aside", 1, 1, "awaits_platform AwaitsPlatform"),
    ] {
        let slot = Slot::Order(order("1: 2xA via dhl", work));
        assert_eq!(told(label(&slot, n, Some("JD1"), revision)), expected, "{work}");
    }
    for slot in [Slot::Empty, Slot::Tombstone { revision: 1 }] {
        assert_eq!(told(label(&slot, 1, None, 1)), "unknown_order Unknown");
    }
    for work in [one, "unit A, unit A, finish, load 1"] {
        let cancelled = cancel(&Slot::Order(order("1: 2xA via dhl", work)), 1, "customer", true).unwrap();
        assert_eq!(told(label(&Slot::Order(cancelled.order.unwrap()), 1, None, 1)), "cancelled Cancelled", "{work}");
    }
}

#[test]
fn a_newer_label_takes_the_place_of_the_older() {
    let first = label(&Slot::Order(order("1: 1xA via dhl", "unit A, finish")), 1, Some("JD1"), 3).unwrap();
    let first = first.order.unwrap();
    let slot = Slot::Order(first.clone());
    assert_eq!(first.progress.parcels[0].tracking.as_deref(), Some("JD1"));
    assert_eq!(told(label(&slot, 1, Some("JD2"), 2)), "stale Stale { have: 3 }");
    assert_eq!(told(label(&slot, 1, Some("JD1"), 3)), "duplicate Duplicate { have: 3 }");
    let second = label(&slot, 1, None, 4).unwrap().order.unwrap();
    assert_eq!(second.progress.parcels[0].tracking, None, "the carrier has no number");
}

#[test]
fn a_label_can_come_while_the_rest_is_picked_again() {
    let mut order = order("1: 2xA via dhl", "unit A, seal");
    order.apply(&Event::PickStarted { order: order.reference(), units: 2, tote: None }).unwrap();
    let expected = "dispatch.label_received → picking | A 1/2 | sealed[1xA]";
    assert_eq!(told(label(&Slot::Order(order.clone()), 1, Some("JD1"), 1)), expected);
    let rerouted =
        "dispatch.withdrawn order.updated dispatch.label_voided dispatch.requested → picking | A 1/2 | sealed[1xA]";
    assert_eq!(told(put(&Slot::Order(order), terms("1 r2: 2xA via ups"), None)), rerouted);
}

#[test]
fn a_parcel_that_has_left_can_get_a_number_and_nothing_else() {
    let gone = Slot::Order(order("1: 1xA via dhl", "unit A, finish, gone 1"));
    assert_eq!(told(label(&gone, 1, None, 1)), "handed_over HandedOver");
    let numbered = Slot::Order(label(&gone, 1, Some("JD1"), 1).unwrap().order.unwrap());
    assert_eq!(told(label(&numbered, 1, Some("JD1"), 1)), "duplicate Duplicate { have: 1 }");
    let same = "dispatch.label_received → completed | A 1/1 | handed_over[1xA]";
    assert_eq!(told(label(&numbered, 1, Some("JD1"), 2)), same, "nothing new to tell");
    let change = label(&numbered, 1, Some("JD2"), 2).unwrap();
    let Some(Event::NotificationRequested(notice)) = change.events.last() else { panic!("nobody is told") };
    assert_eq!((&*notice.key, notice.tracking.as_deref()), ("sthlm-03/o-1/1/handed_over/2", Some("JD2")));
    let part = order("1: 2xA via dhl", "unit A, seal, gone 1, unit A");
    let cancelled = cancel(&Slot::Order(part), 1, "customer", true).unwrap().order.unwrap();
    let label = told(label(&Slot::Order(cancelled), 1, Some("JD1"), 1));
    assert!(label.starts_with("dispatch.label_received notification.requested → cancelled"), "{label}");
}
