//! What the platform knows of an order that this database has forgotten.

use super::*;

#[test]
fn takes_over_what_the_platform_knows_and_an_old_copy_does_not() {
    for (work, text, packed, expected) in [
        ("unit A, aside", "A 2", false, "packing | A 2/2 B 0/1 | open[2xA]"),
        ("unit A, aside", "A 1 B 1 / 1xA", false, "packing | A 1/2 B 1/1 | sealed[1xA] | open[1xB]"),
        ("unit A, aside", "A 2 B 1 / 2xA 1xB", true, "packed | A 2/2 B 1/1 | sealed[2xA 1xB]"),
        ("unit A, aside", "A 2 B 1", false, "packing | A 2/2 B 1/1 | open[2xA 1xB]"),
        (
            "unit A, seal, aside",
            "A 2 / 1xA / gone 1xA",
            false,
            "packing | A 2/2 B 0/1 | sealed[1xA] | handed_over[1xA]",
        ),
        ("aside", "A 2 B 1 / 2xA / gone 1xB", true, "partly_dispatched | A 2/2 B 1/1 | sealed[2xA] | handed_over[1xB]"),
        ("aside", "A 2 B 1 / gone 2xA 1xB", true, "completed | A 2/2 B 1/1 | handed_over[2xA 1xB]"),
        ("unit A, aside", "", false, "packing | A 1/2 B 0/1 | open[1xA]"),
        ("unit A, aside", "Z 4 / 4xZ", false, "packing | A 1/2 B 0/1 | sealed[] | open[1xA]"),
        ("aside", "A 3 / 1xA", false, "packing | A 2/2 B 0/1 | sealed[1xA] | open[1xA] | back 1xA"),
        ("aside", "A 1 / 1xA 0xB 1xA", false, "packing | A 2/2 B 0/1 | sealed[2xA]"),
    ] {
        let slot = Slot::Order(order("1: 2xA 1xB via dhl", work));
        let change = put(&slot, terms("1: 2xA 1xB via dhl"), Some(known(text, packed))).unwrap();
        assert_eq!(shown(&change.order.unwrap()), expected, "{work} then {text}");
    }
}

#[test]
fn what_is_known_to_be_closed_is_not_asked_for_less() {
    let slot = Slot::Order(order("1: 2xA 1xB via dhl", "aside"));
    for (slot, text, expected) in
        [(&slot, "A 3 / 3xA", "packed Packed"), (&Slot::Empty, "A 3 / 2xA / gone 1xA", "packed Packed")]
    {
        assert_eq!(told(put(slot, terms("1: 2xA 1xB via dhl"), Some(known(text, false)))), expected, "{text}");
    }
}

#[test]
fn the_parcels_of_an_old_copy_yield_to_those_that_the_platform_knows() {
    let slot = Slot::Order(order("1: 2xA 1xB via dhl", "unit A, unit A, seal, aside"));
    let mut theirs = known("A 1 / 1xA", false);
    theirs.parcels[0].sscc = Sscc(99);
    let change = put(&slot, terms("1 r2: 1xA 1xB via dhl"), Some(theirs)).unwrap();
    assert_eq!(shown(&change.order.unwrap()), "packing | A 1/1 B 0/1 | sealed[1xA] | back 1xA");
}

#[test]
fn an_order_at_work_here_is_known_better_here() {
    let slot = Slot::Order(order("1: 2xA 1xB via dhl", "unit A"));
    let change = put(&slot, terms("1 r2: 2xA 1xB via dhl"), Some(known("A 2 / 2xA", false)));
    assert_eq!(told(change), "order.updated → packing | A 1/2 B 0/1 | open[1xA]");
}

#[test]
fn an_order_that_an_old_copy_never_had_is_put_with_what_is_known() {
    for (text, packed, expected) in [
        ("A 1", false, "packing | A 1/2 | open[1xA]"),
        ("A 2 / 2xA", true, "packed | A 2/2 | sealed[2xA]"),
        ("A 2 / gone 2xA", true, "completed | A 2/2 | handed_over[2xA]"),
        ("", false, "accepted | A 0/2"),
    ] {
        let change = put(&Slot::Empty, terms("1: 2xA via dhl"), Some(known(text, packed))).unwrap();
        let order = change.order.unwrap();
        assert_eq!(shown(&order), expected, "{text}");
        let played = crate::domain::replay::replay(&change.events).unwrap();
        assert_eq!(played[&order.terms.id], order, "{text} played back");
    }
}
