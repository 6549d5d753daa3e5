//! Whatever events come, an order moves legally or not at all.

use super::*;
use crate::domain::code::Cause;
use crate::domain::event::{Event, Item, Known, KnownParcel, Method, OrderRef};
use crate::domain::stock::Stock;
use crate::domain::text::terms;
use proptest::prelude::*;

const ORDER: &str = "1: 2xA 1xB via dhl";
const LATER: [&str; 5] = [
    "1 r2: 1xA 1xB via dhl",
    "1 r3: 3xA via dhl",
    "1 r4: 1xB 1xC via dhl",
    "1 r5: 2xA 1xB via pickup",
    "1 r6: 1xB 2xA 2xD via pickup",
];

fn reference(id: &str) -> OrderRef {
    OrderRef { id: id.into(), number: "1".into(), revision: 1 }
}

fn item(line: usize) -> Item {
    let letter = ["A", "B", "C", "D"][line];
    Item { line: letter.into(), sku: format!("sku-{letter}").as_str().into(), name: "A product".into() }
}

fn known() -> impl Strategy<Value = Known> {
    let lines = proptest::collection::vec((0..4usize, 0..4u32, 0..4u32, 0..3u32), 0..3);
    let contents = proptest::collection::vec((0..4usize, 0..4u32), 0..3);
    let parcels = proptest::collection::vec((any::<bool>(), contents), 0..3);
    (lines, parcels, any::<bool>()).prop_map(|(lines, parcels, packed)| {
        let done = |(line, picked, packed, short)| (item(line).line, Done { picked, packed, short });
        let parcel = |((handed_over, contents), n): ((bool, Vec<(usize, u32)>), u32)| KnownParcel {
            n,
            sscc: Sscc(u64::from(n)),
            handed_over,
            contents: contents.into_iter().map(|(line, units)| (item(line).line, units)).collect(),
        };
        let parcels = parcels.into_iter().zip(1..).map(parcel).collect();
        Known { lines: lines.into_iter().map(done).collect(), parcels, packed }
    })
}

fn values() -> impl Strategy<Value = Values> {
    let serial = |n: u32| Values { serial: Some(format!("S{n}").into()), ..Values::default() };
    prop_oneof![2 => Just(Values::default()), 1 => (0..2u32).prop_map(serial)]
}

/// Work on units, parcels 1 to 3 and four lines, of which the order has some.
fn work() -> impl Strategy<Value = Event> {
    let order = || reference("o-1");
    let stock = Stock::default();
    let tote = || proptest::option::of(Just("t-1".into()));
    prop_oneof![
        2 => tote().prop_map(move |tote| Event::PickStarted { order: order(), units: 3, tote }),
        2 => Just(Event::PickCompleted { order: order(), picked: 3, wanted: 3 }),
        4 => tote().prop_map(move |tote| Event::PackStarted { order: order(), units: 3, tote }),
        12 => (0..4usize).prop_map(move |line| Event::ItemPicked {
            order: order(),
            item: item(line),
            code: "A".into(),
            method: Method::Scan,
            picked: 1,
            wanted: 1,
            stock,
        }),
        4 => (0..4usize, any::<bool>()).prop_map(move |(line, put_back)| Event::ItemUnpicked {
            order: order(),
            item: item(line),
            picked: 0,
            wanted: 1,
            put_back,
            restocked: true,
            stock,
        }),
        2 => (0..4usize, -2..3i64).prop_map(move |(line, quantity)| Event::ItemShort {
            order: order(),
            item: item(line),
            quantity,
            cause: Cause::Other,
            picked: 0,
            wanted: 1,
            delta: 0,
            stock,
        }),
        12 => (0..4usize, 1..4u32, values()).prop_map(move |(line, parcel, values)| Event::ItemPacked {
            order: order(),
            item: item(line),
            parcel,
            packed: 1,
            wanted: 1,
            values,
        }),
        4 => (0..4usize, 1..4u32, values()).prop_map(move |(line, parcel, values)| Event::ItemUnpacked {
            order: order(),
            item: item(line),
            parcel,
            packed: 0,
            wanted: 1,
            values,
        }),
        8 => (1..4u32).prop_map(move |parcel| Event::ParcelSealed {
            order: order(),
            parcel,
            sscc: Sscc(u64::from(parcel)),
            contents: Vec::new(),
            weight_g: None,
        }),
        2 => (1..4u32).prop_map(move |parcel| Event::ParcelReopened { order: order(), parcel, sscc: Sscc(7) }),
        4 => (1..4u32, 7..9u64, any::<bool>()).prop_map(move |(parcel, sscc, tracked)| Event::ParcelLabelled {
            order: order(),
            parcel,
            of: None,
            sscc: Sscc(sscc),
            tracking: tracked.then(|| "T1".into()),
        }),
        6 => Just(Event::PackCompleted { order: order(), parcels: 1 }),
    ]
}

fn dispatch() -> impl Strategy<Value = Event> {
    let order = || reference("o-1");
    let sscc = Sscc(7);
    prop_oneof![
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
        2 => (1..4u32).prop_map(move |parcel| Event::DispatchWithdrawn {
            order: order(),
            key: "key".into(),
            parcel,
            sscc,
            cause: "customer".into(),
        }),
        1 => (1..4u32).prop_map(move |parcel| Event::DispatchMissed {
            order: order(),
            key: "key".into(),
            parcel,
            sscc,
            cause: "left".into(),
        }),
        1 => (1..4u32).prop_map(move |parcel| Event::LabelRequested {
            order: order(),
            parcel,
            sscc,
            carrier: "dhl".into(),
        }),
        2 => (1..4u32, 0..4u32, any::<bool>()).prop_map(move |(parcel, revision, tracked)| Event::LabelReceived {
            order: order(),
            parcel,
            sscc,
            tracking: tracked.then(|| "T2".into()),
            revision,
        }),
        2 => (1..4u32).prop_map(move |parcel| Event::LabelVoided {
            order: order(),
            parcel,
            voided: sscc,
            sscc: Sscc(9),
        }),
        3 => (1..4u32).prop_map(move |parcel| Event::ParcelReady {
            order: order(),
            parcel,
            of: None,
            sscc,
            place: "C-1".into(),
        }),
        6 => (1..4u32).prop_map(move |parcel| Event::ParcelLoaded {
            order: order(),
            parcel,
            sscc,
            carrier: "dhl".into(),
            manifest: "dhl#1".into(),
            loaded: 1,
        }),
        2 => (1..4u32).prop_map(move |parcel| Event::ParcelUnloaded {
            order: order(),
            parcel,
            sscc,
            carrier: "dhl".into(),
            manifest: "dhl#1".into(),
            loaded: 0,
        }),
        6 => (1..4u32).prop_map(move |parcel| Event::HandedOver {
            order: order(),
            parcel,
            of: None,
            sscc,
            carrier: "dhl".into(),
            service: None,
            tracking: None,
            manifest: "dhl#1".into(),
            key: None,
        }),
        2 => (1..4u32).prop_map(move |parcel| Event::LeftBehind {
            order: order(),
            parcel,
            sscc,
            carrier: "dhl".into(),
            manifest: "dhl#1".into(),
        }),
    ]
}

fn lead() -> impl Strategy<Value = Event> {
    let order = |revision| OrderRef { revision, ..reference("o-1") };
    prop_oneof![
        2 => (1..8u32).prop_map(move |revision| Event::OrderHeld { order: order(revision), cause: "payment".into() }),
        6 => (1..8u32).prop_map(move |revision| Event::OrderReleased { order: order(revision) }),
        1 => (1..8u32).prop_map(move |revision| Event::OrderExpedited { order: order(revision) }),
        2 => Just(Event::OrderCollected { order: order(1), parcels: 1 }),
        4 => Just(Event::OrderCompleted { order: order(1), parcels: 1 }),
        1 => Just(Event::OrderCancelled {
            order: order(1),
            cause: "customer".into(),
            notify: true,
            partial: false,
            picked: Vec::new(),
        }),
        3 => (0..LATER.len(), proptest::option::of(known())).prop_map(|(later, known)| Event::OrderUpdated {
            terms: Arc::new(terms(LATER[later])),
            known,
        }),
        1 => Just(Event::PackStarted { order: reference("o-2"), units: 3, tote: None }),
        1 => Just(Event::SiteStopped),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![6 => work(), 4 => dispatch(), 1 => lead()]
}

fn assert_holds(order: &Order) {
    let Progress { state, held, lines, parcels, put_back, .. } = &order.progress;
    assert_eq!(lines.len(), order.terms.lines.len());
    for (line, done) in lines.iter().enumerate() {
        let quantity = order.terms.lines[line].quantity;
        assert!(done.packed <= done.picked, "packed beyond picked: {order:?}");
        assert!(done.picked + done.short <= quantity, "more than the order asks for: {order:?}");
        assert_eq!(order.boxed(line), done.packed, "packed, but not in a parcel: {order:?}");
    }
    for (parcel, n) in parcels.iter().zip(1..) {
        assert_eq!(parcel.n, n, "parcels are numbered from 1");
        assert_parcel(order, parcel);
    }
    for goods in put_back {
        let same = |other: &&PutBack| (&other.item.line, &other.item.sku) == (&goods.item.line, &goods.item.sku);
        assert!(0 < goods.units, "nothing to put back: {order:?}");
        assert_eq!(put_back.iter().filter(same).count(), 1, "to be put back twice: {order:?}");
    }
    assert!(!held || !state.is_closed(), "held and closed: {order:?}");
    let any_gone = parcels.iter().any(|parcel| parcel.state.is_gone());
    match state {
        State::Accepted => {
            assert!(
                lines.iter().all(|done| done.picked == 0) && parcels.is_empty(),
                "begun before it began: {order:?}"
            );
        }
        State::Picked => assert!(order.is_picked(), "picked, and something is missing: {order:?}"),
        State::Packed => assert!(!any_gone && !parcels.is_empty(), "gone and not dispatched: {order:?}"),
        State::PartlyDispatched => assert!(any_gone, "dispatched and nothing gone: {order:?}"),
        State::Completed => assert!(order.is_gone(), "completed, but not gone: {order:?}"),
        State::Picking | State::Packing | State::Cancelled | State::AwaitsPlatform => {}
    }
    if matches!(state, State::Packed | State::PartlyDispatched | State::Completed) {
        assert!(order.is_filled() && order.open_parcel().is_none(), "packed, but not filled: {order:?}");
    }
}

fn assert_parcel(order: &Order, parcel: &Parcel) {
    let state = order.progress.state;
    let lines = order.progress.lines.len();
    for (line, units) in &parcel.contents {
        assert!(*line < lines && 0 < *units, "nothing of a line, or of no line: {order:?}");
        assert_eq!(parcel.contents.iter().filter(|(of, _)| of == line).count(), 1, "a line twice: {order:?}");
    }
    for (line, values) in &parcel.recorded {
        let recorded = parcel.recorded.iter().filter(|(of, _)| of == line).count();
        assert!(recorded <= parcel.units_of(*line) as usize, "recorded of units that are not there: {order:?}");
        assert_ne!(*values, Values::default(), "nothing recorded: {order:?}");
    }
    match parcel.state {
        ParcelState::Open => {
            assert!(parcel.n as usize == order.progress.parcels.len(), "an open parcel is the last: {order:?}");
            assert!(!parcel.contents.is_empty() && !state.is_closed(), "an open parcel is at work: {order:?}");
            let bare = parcel.sscc.is_none() && parcel.tracking.is_none() && parcel.place.is_none();
            assert!(bare && parcel.dispatch.is_none(), "an open parcel goes nowhere: {order:?}");
        }
        ParcelState::Withdrawn => assert_eq!(state, State::Cancelled, "withdrawn without its order: {order:?}"),
        ParcelState::Loaded => assert_ne!(state, State::AwaitsPlatform, "on a manifest of another life: {order:?}"),
        ParcelState::Ready => {
            let fetched = order.terms.delivery == Delivery::Pickup;
            assert!(fetched && parcel.place.is_some(), "ready nowhere, or for nobody: {order:?}");
        }
        ParcelState::Sealed | ParcelState::Labelled | ParcelState::HandedOver | ParcelState::Collected => {}
    }
    let closed = !matches!(parcel.state, ParcelState::Open | ParcelState::Withdrawn);
    assert!(!closed || parcel.sscc.is_some(), "closed without an SSCC: {order:?}");
    assert!(!parcel.state.waits() || state != State::Cancelled, "a cancelled order's parcel waits: {order:?}");
    let loaded = parcel.state == ParcelState::Loaded;
    assert!(!parcel.void || loaded, "a void label that nobody takes out: {order:?}");
    let listed = parcel.manifest.is_some();
    assert!(listed || !loaded, "loaded onto nothing: {order:?}");
    assert!(!listed || loaded || parcel.state == ParcelState::HandedOver, "on a manifest and here: {order:?}");
}

/// What nobody may do for an order on hold.
fn is_work_of_hands(event: &Event) -> bool {
    match event {
        Event::ItemUnpicked { put_back, .. } => !put_back,
        Event::ItemPicked { .. }
        | Event::ItemShort { .. }
        | Event::ItemPacked { .. }
        | Event::ItemUnpacked { .. }
        | Event::ParcelSealed { .. }
        | Event::ParcelReopened { .. }
        | Event::ParcelLabelled { .. }
        | Event::ParcelReady { .. }
        | Event::ParcelLoaded { .. }
        | Event::HandedOver { .. }
        | Event::DispatchRequested { .. }
        | Event::OrderCollected { .. } => true,
        _ => false,
    }
}

/// Units that scans brought to the order and that are still accounted for: on its lines or to be put back; of one that
/// was cancelled, gone or to be put back.
fn accounted(order: &Order) -> u32 {
    let put_back: u32 = order.progress.put_back.iter().map(|goods| goods.units).sum();
    let gone = order.progress.parcels.iter().filter(|parcel| parcel.state.is_gone());
    let gone: u32 = gone.flat_map(|parcel| &parcel.contents).map(|(_, units)| units).sum();
    match order.progress.state {
        State::Cancelled => put_back + gone,
        _ => put_back + order.units_picked().0,
    }
}

/// Applies `event` and looks at everything that must hold then; whether it was allowed.
fn apply(order: &mut Order, event: &Event, units: &mut u32) -> bool {
    let before = order.clone();
    if order.apply(event).is_err() {
        assert_eq!(*order, before, "a refused {event:?} changed something");
        return false;
    }
    assert_holds(order);
    let of_another = event.order().is_none_or(|id| *id != order.terms.id);
    if of_another {
        assert_eq!(*order, before, "{event:?} is of another order");
        return true;
    }
    let held = before.progress.held && order.progress.held;
    assert!(!held || !is_work_of_hands(event), "{event:?} on hold: {order:?}");
    if before.progress.state.is_closed() {
        let back = matches!(event, Event::LeftBehind { .. });
        assert!(back || order.progress.state == before.progress.state, "{event:?} reopened a closed order");
    }
    match event {
        Event::ItemPicked { .. } => *units += 1,
        Event::ItemUnpicked { .. } => *units -= 1,
        Event::OrderUpdated { known: Some(_), .. } => *units = accounted(order),
        _ => {}
    }
    assert_eq!(*units, accounted(order), "{event:?} lost or made up units: {before:?} → {order:?}");
    true
}

proptest! {
    #[test]
    fn every_event_moves_the_order_legally_or_not_at_all(
        events in proptest::collection::vec((event(), proptest::bool::weighted(0.01)), 0..100),
    ) {
        let (mut order, mut units) = (Order::accept(Arc::new(terms(ORDER))), 0);
        for (event, set_aside) in events {
            if set_aside && !order.progress.state.is_closed() {
                order.set_aside();
                assert_holds(&order);
            }
            apply(&mut order, &event, &mut units);
        }
    }

    /// Of several events the first that is allowed: orders come far.
    #[test]
    fn every_walk_of_allowed_events_holds(
        steps in proptest::collection::vec((proptest::collection::vec(event(), 8), proptest::bool::weighted(0.02)), 0..40),
    ) {
        let (mut order, mut units) = (Order::accept(Arc::new(terms(ORDER))), 0);
        for (events, set_aside) in steps {
            if set_aside && !order.progress.state.is_closed() {
                order.set_aside();
                assert_holds(&order);
            }
            let _ = events.iter().any(|event| apply(&mut order, event, &mut units));
        }
    }
}

#[test]
fn an_event_of_another_order_changes_nothing() {
    let mut order = Order::accept(Arc::new(terms(ORDER)));
    let before = order.clone();
    order.apply(&Event::PackStarted { order: reference("o-2"), units: 3, tote: None }).unwrap();
    assert_eq!(order, before);
}

#[test]
fn a_line_that_still_wants_units_comes_first() {
    let mut terms = terms("1: 1xA 2xB via dhl");
    terms.lines[1].codes = vec!["A".into()];
    let mut order = Order::accept(Arc::new(terms));
    let first =
        |order: &Order, code: &str, sku: Option<&Sku>| order.line_for(code, sku, |line| 0 < order.missing(line));
    assert_eq!(first(&order, "A", None), Some(0));
    order.progress.lines[0].picked = 1;
    assert_eq!(first(&order, "A", None), Some(1));
    order.progress.lines[1].picked = 2;
    assert_eq!(first(&order, "A", None), Some(0));
    assert_eq!(first(&order, "nobody", Some(&"sku-B".into())), Some(1));
    assert_eq!(first(&order, "nobody", None), None);
}
