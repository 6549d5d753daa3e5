//! Orders put and changed.

use super::*;

#[test]
fn puts_a_new_order() {
    let buried = Slot::Tombstone { revision: 3 };
    for (slot, text, expected) in [
        (Slot::Empty, "1: 2xA via dhl", "order.accepted notification.requested → accepted | A 0/2"),
        (buried.clone(), "1 r3: 2xA via dhl", "cancelled Cancelled"),
        (buried.clone(), "1 r2: 2xA via dhl", "cancelled Cancelled"),
        (buried, "1 r4: 2xA via dhl", "order.accepted notification.requested → accepted | A 0/2"),
    ] {
        assert_eq!(told(put(&slot, terms(text), None)), expected, "{text}");
    }
}

#[test]
fn merges_newer_terms_with_what_has_been_done() {
    let two = "1 r2: 2xA 1xB via dhl";
    let rerouted = "dispatch.withdrawn order.updated dispatch.label_voided";
    for (work, text, expected) in [
        ("", "1 r1: 9xA via dhl", "stale Stale { have: 2 }"),
        ("", "1 r2: 9xA via dhl", "duplicate Duplicate { have: 2 }"),
        ("", "1 r3: 3xA 1xC via ups", "order.updated → accepted | A 0/3 C 0/1"),
        ("unit A", "1 r3: 3xA 1xB via dhl", "order.updated → packing | A 1/3 B 0/1 | open[1xA]"),
        ("unit A, unit B", "1 r3: 1xB 2xA via dhl", "order.updated → packing | B 1/1 A 1/2 | open[1xA 1xB]"),
        ("unit B", "1 r3: 1xB via dhl", "order.updated → packing | B 1/1 | open[1xB]"),
        ("unit A", "1 r3: 2xA 1xB via ups", "order.updated → packing | A 1/2 B 0/1 | open[1xA]"),
        ("unit A, seal", "1 r3: 1xA 1xC via dhl", "order.updated → packing | A 1/1 C 0/1 | sealed[1xA]"),
        ("unit A, seal", "1 r3: 1xB via dhl", "packed Packed"),
        ("unit A, seal, unit A, seal", "1 r3: 1xA 1xB via dhl", "packed Packed"),
        ("unit A, unit A, unit B, finish", "1 r3: 1xA 1xB via dhl", "packed Packed"),
        (
            "unit A, unit A, unit B, finish",
            "1 r3: 2xA 1xB via dhl quiet",
            "order.updated → packed | A 2/2 B 1/1 | sealed[2xA 1xB]",
        ),
        ("unit A, unit A, unit B, finish, gone 1", "1 r3: 2xA 1xB via dhl", "handed_over HandedOver"),
        ("unit A, hold", "1 r3: 3xA 1xB via dhl", "order.updated → held | A 1/3 B 0/1 | open[1xA]"),
        ("unit A, aside", "1 r1: 2xA 1xB via dhl", "stale Stale { have: 2 }"),
        ("unit A, aside", "1 r2: 2xA 1xB via dhl", "order.updated → packing | A 1/2 B 0/1 | open[1xA]"),
        ("unit A, hold, aside", "1 r2: 2xA 1xB via dhl", "order.updated → packing | A 1/2 B 0/1 | open[1xA]"),
        ("aside", "1 r2: 2xA 1xB via dhl", "order.updated → accepted | A 0/2 B 0/1"),
    ] {
        let slot = Slot::Order(order(two, work));
        assert_eq!(told(put(&slot, terms(text), None)), expected, "{work} then {text}");
    }
    for (work, text, asked, expected) in [
        ("unit A, seal", "1 r3: 2xA 1xB via ups", " dispatch.requested", "packing | A 1/2 B 0/1 | sealed[1xA]"),
        ("unit A, seal", "1 r3: 2xA 1xB via pickup", "", "packing | A 1/2 B 0/1 | sealed[1xA]"),
        ("unit A, seal, hold", "1 r3: 2xA 1xB via ups", "", "held | A 1/2 B 0/1 | sealed[1xA]"),
        (
            "unit A, seal, load 1",
            "1 r3: 2xA 1xB via ups",
            " dispatch.requested",
            "packing | A 1/2 B 0/1 | void loaded[1xA]",
        ),
        (
            "unit A, unit A, unit B, finish",
            "1 r3: 2xA 1xB via ups",
            " dispatch.requested",
            "packed | A 2/2 B 1/1 | sealed[2xA 1xB]",
        ),
    ] {
        let slot = Slot::Order(order(two, work));
        assert_eq!(
            told(put(&slot, terms(text), None)),
            format!("{rerouted}{asked} → {expected}"),
            "{work} then {text}"
        );
    }
}

#[test]
fn units_that_nobody_wants_any_more_go_back_on_the_shelf() {
    for (work, text, expected) in [
        ("unit A, unit A", "1 r2: 1xA 1xB via dhl", "order.updated → packing | A 1/1 B 0/1 | open[1xA] | back 1xA"),
        ("unit A, unit B", "1 r2: 1xB via dhl", "order.updated → packing | B 1/1 | open[1xB] | back 1xA"),
        ("unit A", "1 r2: 1xB via dhl", "order.updated → packing | B 0/1 | back 1xA"),
        (
            "unit A, seal, unit A",
            "1 r2: 1xA 1xB via dhl",
            "order.updated → packing | A 1/1 B 0/1 | sealed[1xA] | back 1xA",
        ),
        ("pick A, pick A, pack", "1 r2: 1xA 1xB via dhl", "order.updated → packing | A 0+1/1 B 0/1 | back 1xA"),
        ("unit A, pick A", "1 r2: 1xA 1xB via dhl", "order.updated → packing | A 1/1 B 0/1 | open[1xA] | back 1xA"),
    ] {
        let slot = Slot::Order(order("1: 2xA 1xB via dhl", work));
        assert_eq!(told(put(&slot, terms(text), None)), expected, "{work} then {text}");
    }
}

#[test]
fn an_order_that_lacks_nothing_after_a_change_has_been_picked() {
    let picked = "pick A, pick B";
    for (work, text, expected) in [
        (picked, "1 r2: 1xA 1xB via dhl", "order.updated pick.completed → picked | A 0+1/1 B 0+1/1"),
        (picked, "1 r2: 1xB via dhl", "order.updated pick.completed → picked | B 0+1/1 | back 1xA"),
        ("pick A, pick B, hold", "1 r2: 1xA 1xB via dhl", "order.updated → held | A 0+1/1 B 0+1/1"),
        ("pick A, pick B, pick A, picked", "1 r2: 2xA 2xB via dhl", "order.updated → picking | A 0+2/2 B 0+1/2"),
    ] {
        let slot = Slot::Order(order("1: 2xA 1xB via dhl", work));
        assert_eq!(told(put(&slot, terms(text), None)), expected, "{work} then {text}");
    }
    let held =
        put(&Slot::Order(order("1: 2xA 1xB via dhl", "pick A, pick B, hold")), terms("1 r2: 1xA 1xB via dhl"), None);
    let slot = Slot::Order(held.unwrap().order.unwrap());
    assert_eq!(told(release(&slot, 2)), "order.released pick.completed → picked | A 0+1/1 B 0+1/1");
}

#[test]
fn an_order_of_which_nothing_can_be_had_is_cancelled() {
    let slot = Slot::Order(order("1: 1xA 1xB via dhl", "pick B, short A"));
    let expected = "order.updated order.cancelled notification.requested → cancelled | A 0/1-1 | back 1xB";
    let change = put(&slot, terms("1 r2: 1xA via dhl"), None);
    assert_eq!(told(change.clone()), expected);
    let Some(Event::OrderCancelled { cause, notify, .. }) = change.unwrap().events.get(1).cloned() else {
        panic!("not cancelled");
    };
    assert_eq!((&*cause, notify), ("short", true));
    let with_a_parcel_of_nothing = put(&Slot::Empty, terms("1: 1xA 1xB via dhl"), Some(known("B 1 / 4xZ", false)));
    let mut order = with_a_parcel_of_nothing.unwrap().order.unwrap();
    work_on(&mut order, "short A").unwrap();
    let expected =
        "order.updated order.cancelled notification.requested → cancelled | A 0/1-1 | withdrawn[] | back 1xB";
    assert_eq!(told(put(&Slot::Order(order), terms("1 r2: 1xA via ups"), None)), expected);
}

#[test]
fn a_line_may_name_another_product_until_a_parcel_with_it_is_closed() {
    let slot = |work| Slot::Order(order("1: 1xA 1xB via dhl", work));
    let mut other = terms("1 r2: 1xA 1xB via dhl");
    other.lines[0].sku = "sku-Z".into();
    for (work, expected) in [
        ("unit A", "order.updated → packing | A 0/1 B 0/1 | back 1xA"),
        ("unit B", "order.updated → packing | A 0/1 B 1/1 | open[1xB]"),
        ("unit A, seal", "packed Packed"),
    ] {
        assert_eq!(told(put(&slot(work), other.clone(), None)), expected, "{work}");
    }
}
