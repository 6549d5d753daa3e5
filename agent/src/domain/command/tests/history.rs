//! Commands and work in any order.

use super::*;

#[derive(Clone, Debug)]
enum Told {
    Work(&'static str),
    Put { text: usize, known: usize },
    Cancel,
    Hold,
    Release,
    Expedite,
    Label { n: u32, revision: u32 },
}

const WORK: [&str; 16] = [
    "unit A", "unit A", "unit B", "unit B", "pick A", "pick B", "pick C", "short A", "picked", "pack", "seal",
    "finish", "ready 1", "load 1", "gone 1", "gone 2",
];
const TEXTS: [&str; 6] = [
    "2xA 1xB via dhl",
    "1xA 1xB via dhl",
    "2xA 1xB via ups",
    "1xB 3xA via pickup",
    "1xB 1xC via dhl",
    "2xA via ups quiet",
];
const KNOWN: [&str; 4] = ["A 2 B 1", "A 1 / 1xA", "A 2 B 1 / 2xA / gone 1xB", "B 3 / 3xB"];

fn told_or_done() -> impl Strategy<Value = Told> {
    prop_oneof![
        12 => (0..WORK.len()).prop_map(|step| Told::Work(WORK[step])),
        1 => Just(Told::Work("aside")),
        3 => (0..TEXTS.len(), 0..2 * KNOWN.len()).prop_map(|(text, known)| Told::Put { text, known }),
        1 => Just(Told::Cancel),
        1 => Just(Told::Hold),
        2 => Just(Told::Release),
        1 => Just(Told::Expedite),
        2 => (0..3u32, 1..4u32).prop_map(|(n, revision)| Told::Label { n, revision }),
    ]
}

fn tell(slot: &Slot, order: &Order, told: &Told) -> Option<Result<Change, Rejection>> {
    let revision = order.terms.revision;
    Some(match told {
        Told::Work(_) => return None,
        Told::Put { text, known: of } => {
            let awaited = order.progress.state == State::AwaitsPlatform;
            let terms = terms(&format!("1 r{}: {}", revision + u32::from(!awaited), TEXTS[*text]));
            put(slot, terms, KNOWN.get(*of).map(|text| known(text, true)))
        }
        Told::Cancel => cancel(slot, revision, "customer", true),
        Told::Hold => hold(slot, revision, "payment"),
        Told::Release => release(slot, revision),
        Told::Expedite => expedite(slot, revision),
        Told::Label { n, revision } => label(slot, *n, Some("JD1"), *revision),
    })
}

proptest! {
    /// An order that was told so is not `cancelled` because its state machine refuses something else.
    #[test]
    fn whatever_is_told_an_order_the_reply_is_true(steps in proptest::collection::vec(told_or_done(), 0..60)) {
        let mut order = order("1: 2xA 1xB via dhl", "");
        for step in steps {
            let before = order.clone();
            let state = before.progress.state;
            if let Told::Work(work) = step {
                let mut after = before;
                if !(work == "aside" && state.is_closed()) && work_on(&mut after, work).is_ok() {
                    order = after;
                }
                continue;
            }
            match tell(&Slot::Order(before.clone()), &before, &step).unwrap() {
                Ok(change) => {
                    let mut played = before;
                    for event in &change.events {
                        played.apply(event).unwrap();
                    }
                    order = change.order.unwrap();
                    prop_assert_eq!(&played, &order, "{:?} played back", step);
                    let changed = matches!(step, Told::Put { .. } | Told::Release) && !order.progress.held;
                    let stuck = changed && order.progress.state == State::Picking && order.is_picked();
                    prop_assert!(!stuck, "{:?} left an order that nobody can finish: {:?}", step, order);
                }
                Err(Rejection::Cancelled) => {
                    let withdrawn = matches!(step, Told::Label { .. });
                    prop_assert!(state == State::Cancelled || withdrawn, "{:?}: {:?}", step, before);
                }
                Err(Rejection::HandedOver) => {
                    let gone = matches!(step, Told::Label { n, .. } if before.parcel(n).unwrap().state.is_gone());
                    prop_assert!(state == State::Completed || gone, "{:?}: {:?}", step, before);
                }
                Err(_) => {}
            }
        }
    }
}
