//! Orders that their customer fetches: into a place where they wait, and out again.

use super::{Decision, Facts, Trail};
use crate::domain::event::Event;
use crate::domain::name::BinId;
use crate::domain::notice::{self, Milestone};
use crate::domain::order::{Delivery, Order, Parcel, ParcelState, State};
use crate::domain::signal::{Answer, Ask, Reason, Signal};
use crate::domain::station::{Pending, Work};

/// A parcel for pick-up: its place is asked for.
pub fn parcel(facts: &Facts<'_>, order: &Order, parcel: &Parcel) -> Decision {
    if order.terms.delivery != Delivery::Pickup {
        return Decision::refused(facts, Signal::Refused, Reason::Incomplete);
    }
    let answer = Answer::new(Signal::Opened).order(&order.terms.number).ask(Ask::Place);
    let mut decision = Decision::nothing(facts, answer);
    if let Some(place) = &parcel.place {
        decision = decision.item(place);
    }
    decision.station.work = Work::Idle;
    decision.station.pending = Some(Pending::Place { order: order.terms.id.clone(), parcel: parcel.n });
    decision
}

/// The place of the parcel that was scanned before; with the last one the customer can come.
pub fn place(facts: &Facts<'_>, n: u32, place: &BinId) -> Option<Decision> {
    let order = facts.open.as_ref()?;
    let parcel = order.parcel(n)?;
    let sscc = parcel.sscc.filter(|_| parcel.state.waits())?;
    if order.progress.held {
        return Some(Decision::refused(facts, Signal::Refused, Reason::OnHold).about(order));
    }
    if order.terms.delivery != Delivery::Pickup {
        return Some(Decision::refused(facts, Signal::Wrong, Reason::Relabel).about(order));
    }
    order.progress.state.is_at_work().then_some(())?;
    let mut trail = Trail::of(order);
    if parcel.state == ParcelState::Sealed {
        let (of, tracking) = (order.parcels_total(), None);
        trail.push(Event::ParcelLabelled { order: order.reference(), parcel: n, of, sscc, tracking });
    }
    let of = order.parcels_total();
    trail.push(Event::ParcelReady { order: order.reference(), parcel: n, of, sscc, place: place.clone() });
    let packed = matches!(trail.order.progress.state, State::Packed | State::PartlyDispatched);
    let all = packed && is_ready(&trail.order) && !is_ready(order);
    if all {
        trail.tell(notice::step(facts.rules, &trail.order, Milestone::ReadyForPickup, None, facts.now));
    }
    let signal = if all { Signal::Completed } else { Signal::Accepted };
    let answer = Answer::new(signal).order(&order.terms.number).item(place);
    Some(trail.decision(facts, answer))
}

/// Whether its customer can have all that is left of what is packed: each parcel is in its place.
pub fn is_ready(order: &Order) -> bool {
    let placed = |parcel: &Parcel| parcel.state == ParcelState::Ready || parcel.state.is_gone();
    order.terms.delivery == Delivery::Pickup && !order.is_gone() && order.progress.parcels.iter().all(placed)
}

/// The customer is here: the order's parcels and their places.
pub fn fetch(facts: &Facts<'_>, order: &Order) -> Decision {
    let refused = |signal, reason| Decision::refused(facts, signal, reason).about(order);
    match order.progress.state {
        State::Cancelled => return refused(Signal::Refused, Reason::Cancelled),
        State::AwaitsPlatform => return refused(Signal::Refused, Reason::AwaitsPlatform),
        State::Completed => return refused(Signal::Already, Reason::Finished),
        _ if order.progress.held => return refused(Signal::Refused, Reason::OnHold),
        State::Packed | State::PartlyDispatched => {}
        _ => return refused(Signal::Refused, Reason::NotReady),
    }
    if let Some(station) = facts.elsewhere() {
        return refused(Signal::Refused, Reason::OpenElsewhere(station));
    }
    let waiting = order.progress.parcels.iter().filter(|parcel| parcel.state.waits());
    let name = |parcel: &Parcel| match (&parcel.place, parcel.sscc) {
        (Some(place), _) => Box::from(&**place),
        (None, Some(sscc)) => sscc.to_string().into(),
        (None, None) => Box::from(""),
    };
    let total = order.progress.parcels.len() as u32;
    let answer = Answer::new(Signal::Opened)
        .order(&order.terms.number)
        .progress(0, total)
        .ask(Ask::HandOver)
        .expected(waiting.map(name));
    let mut decision = Decision::nothing(facts, answer);
    decision.station.work = Work::Collect(order.terms.id.clone());
    decision
}

/// `HANDOVER` with the customer's order open: all of it is theirs.
pub fn collect(facts: &Facts<'_>, order: &Order) -> Decision {
    let refused = |reason| Decision::refused(facts, Signal::Refused, reason).about(order);
    match order.progress.state {
        State::Cancelled => return refused(Reason::Cancelled),
        State::AwaitsPlatform => return refused(Reason::AwaitsPlatform),
        _ if order.progress.held => return refused(Reason::OnHold),
        State::Packed | State::PartlyDispatched if order.terms.delivery == Delivery::Pickup => {}
        _ => return refused(Reason::NotReady),
    }
    let loaded = order.progress.parcels.iter().find(|parcel| parcel.state == ParcelState::Loaded);
    if let Some(sscc) = loaded.and_then(|parcel| parcel.sscc) {
        return refused(Reason::TakeOut(sscc.to_string().into()));
    }
    let parcels = order.progress.parcels.len() as u32;
    let mut trail = Trail::of(order);
    trail.push(Event::OrderCollected { order: order.reference(), parcels });
    trail.tell(notice::step(facts.rules, &trail.order, Milestone::Collected, None, facts.now));
    trail.complete_if_gone();
    let answer = Answer::new(Signal::Completed).order(&order.terms.number).progress(parcels, parcels);
    let mut decision = trail.decision(facts, answer);
    decision.station.lay_down();
    decision.station.last = None;
    decision
}
