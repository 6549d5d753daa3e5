//! Commands as rows: what is stored, what is put or cancelled, and what becomes of it.

use super::*;
use crate::domain::event::KnownParcel;
use crate::domain::name::ProductCode;
use crate::domain::order::Done;
use crate::domain::sscc::Sscc;
use crate::domain::text::terms;

/// The order of `text` after `work`: `unit A`, `seal`, `finish`, `load`, `gone`, `aside`.
fn order(text: &str, work: &str) -> Order {
    let mut order = Order::accept(Arc::new(terms(text)));
    for step in work.split(',').map(str::trim).filter(|step| !step.is_empty()) {
        match step.split_once(' ') {
            Some(("unit", line)) => pack(&mut order, line),
            Some(("load", n)) => for_parcel(&mut order, n, ParcelState::Loaded),
            Some(("gone", n)) => for_parcel(&mut order, n, ParcelState::HandedOver),
            _ if step == "aside" => order.set_aside(),
            _ => close(&mut order, step),
        }
    }
    order
}

fn pack(order: &mut Order, line: &str) {
    let units = order.units().1;
    if order.progress.state == State::Accepted {
        order.apply(&Event::PackStarted { order: order.reference(), units }).unwrap();
    }
    let item = order.item(order.line_for(line, None).unwrap());
    let code: ProductCode = line.into();
    let (method, stock) = (crate::domain::event::Method::Scan, crate::domain::stock::Stock::default());
    let (picked, packed, wanted, parcel) = (1, 1, 1, order.packing_into());
    let reference = order.reference();
    let item_picked =
        Event::ItemPicked { order: reference.clone(), item: item.clone(), code, method, picked, wanted, stock };
    order.apply(&item_picked).unwrap();
    order.apply(&Event::ItemPacked { order: reference, item, parcel, packed, wanted }).unwrap();
}

fn close(order: &mut Order, step: &str) {
    let parcels = order.progress.parcels.len() as u32;
    if order.open_parcel().is_some() {
        let sscc = Sscc(u64::from(parcels));
        let sealed = Event::ParcelSealed { order: order.reference(), parcel: parcels, sscc, contents: Vec::new() };
        order.apply(&sealed).unwrap();
        let requested = Event::DispatchRequested {
            order: order.reference(),
            key: format!("key-{parcels}").as_str().into(),
            parcel: parcels,
            of: None,
            sscc,
            carrier: "dhl".into(),
            carrier_name: "DHL".into(),
            service: None,
            collection: None,
            time_left_s: None,
            revision: 1,
        };
        order.apply(&requested).unwrap();
    }
    if step == "finish" {
        order.apply(&Event::PackCompleted { order: order.reference(), parcels }).unwrap();
    }
}

fn for_parcel(order: &mut Order, n: &str, to: ParcelState) {
    let parcel: u32 = n.parse().unwrap();
    let sscc = order.parcel(parcel).unwrap().sscc.unwrap();
    let (carrier, manifest) = ("dhl".into(), "dhl#1".into());
    let loaded = Event::ParcelLoaded { order: order.reference(), parcel, sscc, carrier, manifest, loaded: 1 };
    order.apply(&loaded).unwrap();
    if to == ParcelState::HandedOver {
        let (carrier, manifest) = ("dhl".into(), "dhl#1".into());
        let gone = Event::HandedOver {
            order: order.reference(),
            parcel,
            of: None,
            sscc,
            carrier,
            service: None,
            manifest,
            key: None,
        };
        order.apply(&gone).unwrap();
    }
    if order.progress.state == State::PartlyDispatched && order.is_gone() {
        let parcels = order.progress.parcels.len() as u32;
        order.apply(&Event::OrderCompleted { order: order.reference(), parcels }).unwrap();
    }
}

/// The order as rows write it: state, `picked/wanted` of each line, and each parcel with what is in it.
fn shown(order: &Order) -> String {
    let lines = order.terms.lines.iter().zip(&order.progress.lines);
    let lines: Vec<_> = lines.map(|(line, done)| format!("{} {}/{}", &*line.id, done.packed, line.quantity)).collect();
    let parcels = order.progress.parcels.iter().map(|parcel| {
        let contents: Vec<_> = order.contents(parcel).map(|(line, units)| format!("{units}x{}", &*line.id)).collect();
        format!("{}[{}]", parcel.state.word(), contents.join(" "))
    });
    let parts = [vec![order.progress.state.word().to_owned(), lines.join(" ")], parcels.collect()].concat();
    parts.join(" | ")
}

fn told(change: Result<Change, Rejection>) -> String {
    match change {
        Err(rejection) => format!("{} {rejection:?}", rejection.word()),
        Ok(change) => {
            let events: Vec<_> = change.events.iter().map(|event| event.kind().word()).collect();
            format!("{} → {}", events.join(" "), change.order.as_ref().map_or("nothing".into(), shown))
        }
    }
}

#[test]
fn puts_a_new_order() {
    let buried = Slot::Tombstone { revision: 3 };
    for (slot, text, expected) in [
        (Slot::Empty, "1: 2xA via dhl", "order.accepted → accepted | A 0/2"),
        (buried.clone(), "1 r3: 2xA via dhl", "cancelled Cancelled"),
        (buried.clone(), "1 r2: 2xA via dhl", "cancelled Cancelled"),
        (buried, "1 r4: 2xA via dhl", "order.accepted → accepted | A 0/2"),
    ] {
        assert_eq!(told(put(&slot, terms(text), None)), expected, "{text}");
    }
}

#[test]
fn merges_newer_terms_with_what_has_been_done() {
    let two = "1 r2: 2xA 1xB via dhl";
    for (work, text, expected) in [
        ("", "1 r1: 9xA via dhl", "stale Stale { have: 2 }"),
        ("", "1 r2: 9xA via dhl", "duplicate Duplicate { have: 2 }"),
        ("", "1 r3: 3xA 1xC via ups", "order.updated → accepted | A 0/3 C 0/1"),
        ("unit A", "1 r3: 3xA 1xB via dhl", "order.updated → packing | A 1/3 B 0/1 | open[1xA]"),
        ("unit A, unit A", "1 r3: 1xA 1xB via dhl", "picked Picked"),
        ("unit A, unit B", "1 r3: 1xB 2xA via dhl", "order.updated → packing | B 1/1 A 1/2 | open[1xA 1xB]"),
        ("unit A, unit B", "1 r3: 1xB via dhl", "picked Picked"),
        ("unit A", "1 r3: 1xB via dhl", "picked Picked"),
        ("unit B", "1 r3: 1xB via dhl", "order.updated → packing | B 1/1 | open[1xB]"),
        ("unit A, seal", "1 r3: 1xA 1xC via dhl", "order.updated → packing | A 1/1 C 0/1 | sealed[1xA]"),
        ("unit A, seal", "1 r3: 2xA 1xB via ups", "packed Packed"),
        ("unit A", "1 r3: 2xA 1xB via ups", "order.updated → packing | A 1/2 B 0/1 | open[1xA]"),
        ("unit A, unit A, unit B, finish", "1 r3: 1xA 1xB via dhl", "packed Packed"),
        ("unit A, unit A, unit B, finish", "1 r3: 2xA 1xB via ups", "packed Packed"),
        (
            "unit A, unit A, unit B, finish",
            "1 r3: 2xA 1xB via dhl quiet",
            "order.updated → packed | A 2/2 B 1/1 | sealed[2xA 1xB]",
        ),
        ("unit A, unit A, unit B, finish, gone 1", "1 r3: 2xA 1xB via dhl", "handed_over HandedOver"),
        ("unit A, aside", "1 r1: 2xA 1xB via dhl", "stale Stale { have: 2 }"),
        ("unit A, aside", "1 r2: 2xA 1xB via dhl", "order.updated → packing | A 1/2 B 0/1 | open[1xA]"),
        ("aside", "1 r2: 2xA 1xB via dhl", "order.updated → accepted | A 0/2 B 0/1"),
    ] {
        let slot = Slot::Order(order(two, work));
        assert_eq!(told(put(&slot, terms(text), None)), expected, "{work} then {text}");
    }
}

#[test]
fn a_line_may_name_another_product_until_a_unit_of_it_is_picked() {
    let slot = |work| Slot::Order(order("1: 1xA 1xB via dhl", work));
    let mut other = terms("1 r2: 1xA 1xB via dhl");
    other.lines[0].sku = "sku-Z".into();
    assert_eq!(told(put(&slot("unit A"), other.clone(), None)), "picked Picked");
    assert_eq!(told(put(&slot("unit B"), other, None)), "order.updated → packing | A 0/1 B 1/1 | open[1xB]");
}

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
        ("", 2, "order.cancelled → cancelled | A 0/2 B 0/1"),
        ("unit A", 3, "order.cancelled → cancelled | A 1/2 B 0/1 | withdrawn[1xA]"),
        (
            "unit A, seal, unit B",
            2,
            "dispatch.withdrawn order.cancelled → cancelled | A 1/2 B 1/1 | withdrawn[1xA] | withdrawn[1xB]",
        ),
        (
            "unit A, unit A, unit B, finish, load 1",
            2,
            "dispatch.withdrawn order.cancelled → cancelled | A 2/2 B 1/1 | loaded[2xA 1xB]",
        ),
        (
            "unit A, seal, gone 1, unit A, seal",
            2,
            "dispatch.withdrawn order.cancelled → cancelled | A 2/2 B 0/1 | handed_over[1xA] | withdrawn[1xA]",
        ),
        ("unit A, unit A, unit B, finish, gone 1", 2, "handed_over HandedOver"),
        ("unit A, aside", 2, "order.cancelled → cancelled | A 1/2 B 0/1 | withdrawn[1xA]"),
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

/// `A 2 B 1 / 1xA / gone 1xA 1xB`: units done by line, then the parcels.
fn known(text: &str, packed: bool) -> Known {
    let mut parts = text.split('/').map(str::trim);
    let lines: Vec<_> = parts.next().unwrap().split_whitespace().collect();
    let lines = lines.chunks(2).map(|two| {
        let units = two[1].parse().unwrap();
        (two[0].into(), Done { picked: units, packed: units })
    });
    let parcels = parts.zip(1..).map(|(text, n)| {
        let contents = text.split_whitespace().filter_map(|part| part.split_once('x'));
        let contents = contents.map(|(units, line)| (line.into(), units.parse().unwrap())).collect();
        KnownParcel { n, sscc: Sscc(u64::from(n)), handed_over: text.starts_with("gone"), contents }
    });
    Known { lines: lines.collect(), parcels: parcels.collect(), packed }
}

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
    ] {
        let slot = Slot::Order(order("1: 2xA 1xB via dhl", work));
        let change = put(&slot, terms("1: 2xA 1xB via dhl"), Some(known(text, packed))).unwrap();
        assert_eq!(shown(&change.order.unwrap()), expected, "{work} then {text}");
    }
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
