//! Orders cancelled, held, released and expedited.

use super::*;

#[test]
fn a_cancelled_order_is_not_put_again() {
    let change = cancel(&Slot::Order(order("1: 2xA via dhl", "unit A")), 1, "customer", true).unwrap();
    let slot = Slot::Order(change.order.unwrap());
    assert_eq!(told(put(&slot, terms("1 r9: 2xA via dhl"), None)), "cancelled Cancelled");
    assert_eq!(told(cancel(&slot, 9, "customer", true)), "cancelled Cancelled");
}

#[test]
fn cancels_what_is_still_here() {
    for (work, revision, expected) in [
        ("", 1, "stale Stale { have: 2 }"),
        ("", 2, "order.cancelled notification.requested → cancelled | A 0/2 B 0/1"),
        ("unit A", 3, "order.cancelled notification.requested → cancelled | A 1/2 B 0/1 | withdrawn[1xA] | back 1xA"),
        ("pick A, hold", 2, "order.cancelled notification.requested → cancelled | A 0+1/2 B 0/1 | back 1xA"),
        (
            "unit A, seal, unit B",
            2,
            "dispatch.withdrawn order.cancelled notification.requested → cancelled | A 1/2 B 1/1 | withdrawn[1xA] | withdrawn[1xB] | back 1xA | back 1xB",
        ),
        (
            "unit A, unit A, unit B, finish, load 1",
            2,
            "dispatch.withdrawn order.cancelled notification.requested → cancelled | A 2/2 B 1/1 | loaded[2xA 1xB] | back 2xA | back 1xB",
        ),
        (
            "unit A, seal, gone 1, unit A, seal",
            2,
            "dispatch.withdrawn order.cancelled notification.requested → cancelled | A 2/2 B 0/1 | handed_over[1xA] | withdrawn[1xA] | back 1xA",
        ),
        ("unit A, unit A, unit B, finish, gone 1", 2, "handed_over HandedOver"),
        (
            "unit A, aside",
            2,
            "order.cancelled notification.requested → cancelled | A 1/2 B 0/1 | withdrawn[1xA] | back 1xA",
        ),
    ] {
        let slot = Slot::Order(order("1 r2: 2xA 1xB via dhl", work));
        assert_eq!(told(cancel(&slot, revision, "customer", true)), expected, "{work}");
    }
}

#[test]
fn what_goes_back_on_the_shelf_is_what_has_not_left() {
    for (work, partial, expected) in [
        ("unit A, unit B", false, vec![("A", 1), ("B", 1)]),
        ("unit A, seal, gone 1, unit A", true, vec![("A", 1)]),
        ("unit A, seal, gone 1", true, vec![]),
    ] {
        let change = cancel(&Slot::Order(order("1: 2xA 2xB via dhl", work)), 1, "rerouted", false).unwrap();
        let Some(Event::OrderCancelled { partial: was_partial, picked, notify, cause, .. }) = change.events.last()
        else {
            panic!("{work}: not cancelled");
        };
        let picked: Vec<_> = picked.iter().map(|(item, units)| (&*item.line, *units)).collect();
        assert_eq!((*was_partial, picked, *notify, &**cause), (partial, expected, false, "rerouted"), "{work}");
    }
}

#[test]
fn a_cancel_before_its_put_leaves_a_tombstone() {
    for (slot, revision, expected) in [
        (Slot::Empty, 2, " → nothing"),
        (Slot::Tombstone { revision: 2 }, 3, " → nothing"),
        (Slot::Tombstone { revision: 2 }, 2, "duplicate Duplicate { have: 2 }"),
        (Slot::Tombstone { revision: 2 }, 1, "duplicate Duplicate { have: 2 }"),
    ] {
        assert_eq!(told(cancel(&slot, revision, "customer", true)), expected);
    }
}

#[test]
fn holds_releases_and_expedites() {
    type Doing = fn(&Slot, u32) -> Result<Change, Rejection>;
    let all: [(&str, Doing); 3] =
        [("hold", |slot, revision| hold(slot, revision, "payment")), ("release", release), ("expedite", expedite)];
    for (_, doing) in all {
        for (slot, expected) in [
            (Slot::Empty, "unknown_order Unknown"),
            (Slot::Tombstone { revision: 2 }, "cancelled Cancelled"),
            (Slot::Order(order("1 r3: 1xA via dhl", "")), "stale Stale { have: 3 }"),
            (Slot::Order(order("1: 1xA via dhl", "aside")), "awaits_platform AwaitsPlatform"),
            (Slot::Order(order("1: 1xA via dhl", "unit A, finish, gone 1")), "handed_over HandedOver"),
        ] {
            assert_eq!(told(doing(&slot, 2)), expected);
        }
    }
    for (work, doing, expected) in [
        ("", "hold", "order.held → held | A 0/2"),
        ("unit A", "hold", "order.held → held | A 1/2 | open[1xA]"),
        ("hold", "hold", "order.held → held | A 0/2"),
        ("", "release", "done Done"),
        ("unit A, hold", "release", "order.released → packing | A 1/2 | open[1xA]"),
        ("unit A, seal, hold", "release", "order.released → packing | A 1/2 | sealed[1xA]"),
        ("", "expedite", "order.expedited → accepted | A 0/2"),
        ("hold", "expedite", "order.expedited → held | A 0/2"),
    ] {
        let doing_of = all.iter().find(|(name, _)| *name == doing).unwrap().1;
        let change = doing_of(&Slot::Order(order("1: 2xA via dhl", work)), 5);
        assert_eq!(told(change.clone()), expected, "{work} then {doing}");
        let revisions = change.iter().filter_map(|change| change.order.as_ref()).map(|order| order.terms.revision);
        assert!(revisions.into_iter().all(|revision| revision == 5), "{work} then {doing}");
    }
    assert_eq!(told(hold(&Slot::Order(order("1: 2xA via dhl", "hold")), 1, "payment")), "done Done");
    let expedited = expedite(&Slot::Order(order("1: 2xA via dhl", "")), 1).unwrap().order.unwrap();
    assert_eq!(told(expedite(&Slot::Order(expedited), 2)), "done Done");
}

#[test]
fn couriers_are_asked_for_after_a_release() {
    let slot = Slot::Order(order("1: 2xA via dhl", "unit A, seal, hold"));
    let rerouted = put(&slot, terms("1 r2: 2xA via ups"), None).unwrap();
    let slot = Slot::Order(rerouted.order.unwrap());
    let expected = "order.released dispatch.requested → packing | A 1/2 | sealed[1xA]";
    assert_eq!(told(release(&slot, 2)), expected);
}
