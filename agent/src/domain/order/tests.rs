//! Whatever events come, an order moves legally or not at all.

use super::*;
use crate::domain::event::{Item, KnownParcel, Method, OrderRef};
use crate::domain::stock::Stock;
use crate::domain::text::terms;
use proptest::prelude::*;

const ORDER: &str = "1: 2xA 1xB via dhl";
const LATER: [&str; 4] =
    ["1 r2: 1xA 1xB via dhl", "1 r3: 3xA via dhl", "1 r4: 1xB 1xC via dhl", "1 r5: 2xA 1xB via pickup"];

fn reference(id: &str) -> OrderRef {
    OrderRef { id: id.into(), number: "1".into(), revision: 1 }
}

fn item(line: usize) -> Item {
    let letter = ["A", "B", "C", "D"][line];
    Item { line: letter.into(), sku: format!("sku-{letter}").as_str().into(), name: "A product".into() }
}

fn known() -> impl Strategy<Value = Option<Known>> {
    let contents = proptest::collection::vec((0..4usize, 0..4u32), 0..3);
    let parcels = proptest::collection::vec((any::<bool>(), contents.clone()), 0..3);
    let known = (contents, parcels, any::<bool>()).prop_map(|(lines, parcels, packed)| {
        let done = |(line, units)| (item(line).line, Done { picked: units, packed: units });
        let parcel = |((handed_over, contents), n): ((bool, Vec<(usize, u32)>), u32)| KnownParcel {
            n,
            sscc: Sscc(u64::from(n)),
            handed_over,
            contents: contents.into_iter().map(|(line, units)| (item(line).line, units)).collect(),
        };
        let parcels = parcels.into_iter().zip(1..).map(parcel).collect();
        Known { lines: lines.into_iter().map(done).collect(), parcels, packed }
    });
    proptest::option::of(known)
}

fn event() -> impl Strategy<Value = Event> {
    let order = || reference("o-1");
    let sscc = Sscc(7);
    prop_oneof![
        2 => Just(Event::PackStarted { order: order(), units: 3 }),
        8 => (0..4usize).prop_map(move |line| Event::ItemPicked {
            order: order(),
            item: item(line),
            code: "A".into(),
            method: Method::Scan,
            picked: 1,
            wanted: 1,
            stock: Stock::default(),
        }),
        8 => (0..4usize, 0..4u32).prop_map(move |(line, parcel)| Event::ItemPacked {
            order: order(),
            item: item(line),
            parcel,
            packed: 1,
            wanted: 1,
        }),
        6 => (0..4u32).prop_map(move |parcel| Event::ParcelSealed {
            order: order(),
            parcel,
            sscc: Sscc(u64::from(parcel)),
            contents: Vec::new(),
        }),
        3 => Just(Event::PackCompleted { order: order(), parcels: 1 }),
        3 => (0..4u32).prop_map(move |parcel| Event::DispatchRequested {
            order: order(),
            key: "key".into(),
            parcel,
            of: None,
            sscc,
            carrier: "dhl".into(),
            carrier_name: "DHL".into(),
            service: None,
            collection: None,
            time_left_s: None,
            revision: 1,
        }),
        1 => (0..4u32).prop_map(move |parcel| Event::DispatchWithdrawn {
            order: order(),
            key: "key".into(),
            parcel,
            sscc,
            cause: "customer".into(),
        }),
        4 => (0..4u32).prop_map(move |parcel| Event::ParcelLoaded {
            order: order(),
            parcel,
            sscc,
            carrier: "dhl".into(),
            manifest: "dhl#1".into(),
            loaded: 1,
        }),
        1 => (0..4u32).prop_map(move |parcel| Event::ParcelUnloaded {
            order: order(),
            parcel,
            sscc,
            carrier: "dhl".into(),
            manifest: "dhl#1".into(),
            loaded: 0,
        }),
        4 => (0..4u32).prop_map(move |parcel| Event::HandedOver {
            order: order(),
            parcel,
            of: None,
            sscc,
            carrier: "dhl".into(),
            service: None,
            manifest: "dhl#1".into(),
            key: None,
        }),
        3 => Just(Event::OrderCompleted { order: order(), parcels: 1 }),
        1 => Just(Event::OrderCancelled {
            order: order(),
            cause: "customer".into(),
            notify: true,
            partial: false,
            picked: Vec::new(),
        }),
        2 => (0..LATER.len(), known()).prop_map(|(later, known)| Event::OrderUpdated {
            terms: Arc::new(terms(LATER[later])),
            known,
        }),
        1 => Just(Event::PackStarted { order: reference("o-2"), units: 3 }),
        1 => Just(Event::SiteStopped),
    ]
}

fn assert_holds(order: &Order) {
    let Progress { state, lines, parcels } = &order.progress;
    assert_eq!(lines.len(), order.terms.lines.len());
    for (line, done) in lines.iter().enumerate() {
        assert!(done.packed <= done.picked, "packed beyond picked: {order:?}");
        assert!(order.boxed(line) == done.packed, "packed, but not in a parcel: {order:?}");
    }
    for (parcel, n) in parcels.iter().zip(1..) {
        assert_eq!(parcel.n, n, "parcels are numbered from 1");
        assert!(parcel.contents.iter().all(|(line, _)| *line < lines.len()), "contents of no line: {order:?}");
        let is_open = parcel.state == ParcelState::Open;
        assert!(
            !is_open || (n as usize == parcels.len() && !state.is_closed()),
            "an open parcel is the last: {order:?}"
        );
        let sealed = matches!(parcel.state, ParcelState::Sealed | ParcelState::Loaded | ParcelState::HandedOver);
        assert!(!sealed || parcel.sscc.is_some(), "sealed without an SSCC: {order:?}");
        assert_eq!(
            parcel.state == ParcelState::Withdrawn,
            parcel.state == ParcelState::Withdrawn && *state == State::Cancelled
        );
    }
    if matches!(state, State::Packed | State::PartlyDispatched | State::Completed) {
        assert!(order.is_filled() && order.open_parcel().is_none(), "packed, but not filled: {order:?}");
    }
    assert!(*state != State::Completed || order.is_gone(), "completed, but not gone: {order:?}");
    assert!(
        *state != State::Accepted || lines.iter().all(|done| done.picked == 0),
        "picked before it began: {order:?}"
    );
}

proptest! {
    #[test]
    fn every_event_moves_the_order_legally_or_not_at_all(
        events in proptest::collection::vec((event(), proptest::bool::weighted(0.02)), 0..60),
    ) {
        let mut order = Order::accept(Arc::new(terms(ORDER)));
        for (event, set_aside) in events {
            let before = order.clone();
            if set_aside && !order.progress.state.is_closed() {
                order.set_aside();
            }
            let between = order.clone();
            if order.apply(&event).is_err() {
                prop_assert_eq!(&order, &between, "a refused {:?} changed something", event);
            }
            if before.progress.state.is_closed() {
                prop_assert_eq!(order.progress.state, before.progress.state, "{:?} reopened a closed order", event);
            }
            assert_holds(&order);
        }
    }
}

#[test]
fn an_event_of_another_order_changes_nothing() {
    let mut order = Order::accept(Arc::new(terms(ORDER)));
    let before = order.clone();
    order.apply(&Event::PackStarted { order: reference("o-2"), units: 3 }).unwrap();
    assert_eq!(order, before);
}

#[test]
fn a_line_that_still_wants_units_comes_first() {
    let mut terms = terms("1: 1xA 2xB via dhl");
    terms.lines[1].codes = vec!["A".into()];
    let mut order = Order::accept(Arc::new(terms));
    assert_eq!(order.line_for("A", None), Some(0));
    order.progress.lines[0].picked = 1;
    assert_eq!(order.line_for("A", None), Some(1));
    order.progress.lines[1].picked = 2;
    assert_eq!(order.line_for("A", None), Some(0));
    assert_eq!(order.line_for("nobody", Some(&"sku-B".into())), Some(1));
    assert_eq!(order.line_for("nobody", None), None);
}
