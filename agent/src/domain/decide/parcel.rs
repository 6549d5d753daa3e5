//! Parcels at the bench: sealed, labelled, printed again, and opened again.

use super::bench::{begin, not_workable};
use super::{Decision, Facts, Label, Print, Trail, items, pickup};
use crate::domain::dispatch::{self, Serials};
use crate::domain::event::Event;
use crate::domain::notice::{self, Milestone};
use crate::domain::order::{Delivery, Order, ParcelState, State};
use crate::domain::signal::{Answer, Ask, Reason, Signal};
use crate::domain::station::{Counted, Step, Work};

/// `SEAL`: closes the open parcel; the next unit begins another one.
pub fn seal_by_verb(facts: &Facts<'_>) -> Decision {
    if facts.step() == Step::Pick {
        return Decision::other_mode(facts);
    }
    match &facts.open {
        Some(order) => seal(facts, order, None),
        None => Decision::refused(facts, Signal::Refused, Reason::NoOrderOpen),
    }
}

/// Closes the parcel that is open for `order`, under a label that was printed beforehand where there is one.
fn seal(facts: &Facts<'_>, order: &Order, label: Option<&Label>) -> Decision {
    if let Some(refused) = not_workable(facts, order) {
        return refused.about(order);
    }
    if let Some(goods) = order.progress.put_back.first() {
        let reason = Reason::PutBack(Box::from(&*goods.item.name));
        return Decision::refused(facts, Signal::Refused, reason).about(order);
    }
    let has_contents = order.open_parcel().is_some();
    let finished = order.is_filled() && (has_contents || !order.progress.parcels.is_empty());
    if !has_contents && !finished {
        return Decision::refused(facts, Signal::Refused, Reason::NothingToClose).about(order);
    }
    let mut trail = Trail::of(order);
    begin(&mut trail, facts.step(), None);
    let mut serials = facts.serials();
    let prints = match finished {
        true => finish(facts, &mut trail, &mut serials, label),
        false => close_open(facts, &mut trail, &mut serials, label),
    };
    let (done, of) = trail.order.units();
    let n = trail.order.progress.parcels.len() as u32;
    let answer = Answer::new(Signal::Completed).order(&order.terms.number).progress(done, of);
    let mut decision = trail.decision(facts, answer);
    decision.sscc_used = serials.used;
    decision.prints = prints;
    decision.station.last = Some(Counted::Sealed { order: order.terms.id.clone(), parcel: n });
    decision.station.sealed = Some((order.terms.id.clone(), n));
    decision.answer.ask = (label.is_none() && !facts.has_printer()).then_some(Ask::Label);
    if finished {
        decision.station.work = Work::Idle;
    }
    decision
}

/// The last parcel is closed, and with it the order.
pub fn finish(facts: &Facts<'_>, trail: &mut Trail, serials: &mut Serials<'_>, label: Option<&Label>) -> Vec<Print> {
    let sealed = trail.order.open_parcel().is_some();
    if sealed {
        push_sealed(trail, serials, label);
    }
    let n = trail.order.progress.parcels.len() as u32;
    trail.push(Event::PackCompleted { order: trail.order.reference(), parcels: n });
    trail.push_all(facts.desk().request(&trail.order, n, None));
    trail.tell(notice::step(facts.rules, &trail.order, Milestone::Packed, None, facts.now));
    if pickup::is_ready(&trail.order) {
        trail.tell(notice::step(facts.rules, &trail.order, Milestone::ReadyForPickup, None, facts.now));
    }
    let prints = if sealed && label.is_none() { ask_for_label(facts, trail, n) } else { Vec::new() };
    trail.complete_if_gone();
    prints
}

fn close_open(facts: &Facts<'_>, trail: &mut Trail, serials: &mut Serials<'_>, label: Option<&Label>) -> Vec<Print> {
    let n = push_sealed(trail, serials, label);
    trail.push_all(facts.desk().request(&trail.order, n, None));
    if label.is_none() { ask_for_label(facts, trail, n) } else { Vec::new() }
}

fn push_sealed(trail: &mut Trail, serials: &mut Serials<'_>, label: Option<&Label>) -> u32 {
    let n = trail.order.packing_into();
    let sscc = match label {
        Some(Label::Sscc(sscc)) => *sscc,
        Some(Label::Tracking { .. }) | None => serials.mint(),
    };
    let weight_g = trail.order.parcel(n).and_then(|parcel| trail.order.weight_g(parcel));
    trail.push(Event::ParcelSealed {
        order: trail.order.reference(),
        parcel: n,
        sscc,
        contents: items(&trail.order, n),
        weight_g,
    });
    if let Some(label) = label {
        push_labelled(trail, n, Some(label));
    }
    n
}

fn push_labelled(trail: &mut Trail, n: u32, label: Option<&Label>) {
    let Some(parcel) = trail.order.parcel(n) else { return };
    let Some(own) = parcel.sscc else { return };
    let (sscc, tracking) = match label {
        Some(Label::Sscc(sscc)) => (*sscc, parcel.tracking.clone()),
        Some(Label::Tracking { number, .. }) => (own, Some(number.clone())),
        None => (own, parcel.tracking.clone()),
    };
    let of = trail.order.parcels_total();
    trail.push(Event::ParcelLabelled { order: trail.order.reference(), parcel: n, of, sscc, tracking });
}

/// The carrier's own label is asked for from the platform; ours is printed at once.
fn ask_for_label(facts: &Facts<'_>, trail: &mut Trail, n: u32) -> Vec<Print> {
    if !facts.has_printer() {
        return Vec::new();
    }
    match request_label(facts, &trail.order, n) {
        Some(event) => {
            trail.push(event);
            Vec::new()
        }
        None => vec![Print::Label { order: trail.order.clone(), parcel: n }],
    }
}

fn request_label(facts: &Facts<'_>, order: &Order, n: u32) -> Option<Event> {
    let carrier = facts.rules.carrier_of(order).filter(|carrier| carrier.tracking_required)?;
    let sscc = order.parcel(n)?.sscc?;
    Some(Event::LabelRequested { order: order.reference(), parcel: n, sscc, carrier: carrier.id.clone() })
}

/// A label that was printed beforehand: it closes the open parcel, or belongs to the one that was closed last. Where that waits for
/// its own, nobody but whoever scans knows which of the two it is stuck on.
pub fn labelled_by(facts: &Facts<'_>, label: &Label) -> Decision {
    if let Some(open) = facts.open.as_ref().filter(|order| order.open_parcel().is_some()) {
        if last_awaits_label(facts) {
            let reason = Reason::OrderOpen(open.terms.number.clone());
            return Decision::refused(facts, Signal::Refused, reason).about(open);
        }
        if let Some(wrong) = other_carrier(facts, open, label) {
            return wrong;
        }
        return seal(facts, open, Some(label));
    }
    let last = facts.sealed.as_ref().zip(facts.station.sealed.as_ref().map(|(_, n)| *n));
    let Some((order, n)) = last else {
        return Decision::refused(facts, Signal::Refused, Reason::NothingToClose);
    };
    match order.parcel(n).map(|parcel| parcel.state) {
        Some(ParcelState::Sealed) => match other_carrier(facts, order, label) {
            Some(wrong) => wrong,
            None => confirm(facts, order, n, Some(label)),
        },
        Some(ParcelState::Labelled | ParcelState::Ready) => {
            Decision::refused(facts, Signal::Already, Reason::Finished).about(order)
        }
        _ => Decision::refused(facts, Signal::Refused, Reason::NothingToClose),
    }
}

/// Whether the parcel that was closed last here may get a label, and has none: a printer's is on its way by itself.
fn last_awaits_label(facts: &Facts<'_>) -> bool {
    let last = facts.sealed.as_ref().zip(facts.station.sealed.as_ref());
    let is_sealed = |(order, (_, n)): (&Order, &(_, u32))| {
        let may_leave =
            !order.progress.held && !matches!(order.progress.state, State::Cancelled | State::AwaitsPlatform);
        may_leave && order.parcel(*n).is_some_and(|parcel| parcel.state == ParcelState::Sealed)
    };
    !facts.has_printer() && last.is_some_and(is_sealed)
}

fn other_carrier(facts: &Facts<'_>, order: &Order, label: &Label) -> Option<Decision> {
    let Label::Tracking { carrier, .. } = label else { return None };
    match &order.terms.delivery {
        Delivery::Carrier { carrier: right, .. } if right != carrier => {
            let decision = Decision::refused(facts, Signal::Wrong, Reason::OtherCarrier).about(order);
            Some(decision.expecting([Box::from(&**right)]))
        }
        Delivery::Pickup => Some(Decision::refused(facts, Signal::Wrong, Reason::NotForCarrier).about(order)),
        Delivery::Carrier { .. } => None,
    }
}

fn confirm(facts: &Facts<'_>, order: &Order, n: u32, label: Option<&Label>) -> Decision {
    if order.progress.state == State::Cancelled {
        return Decision::refused(facts, Signal::Refused, Reason::Cancelled).about(order);
    }
    if order.progress.state == State::AwaitsPlatform {
        return Decision::refused(facts, Signal::Refused, Reason::AwaitsPlatform).about(order);
    }
    if order.progress.held {
        return Decision::refused(facts, Signal::Refused, Reason::OnHold).about(order);
    }
    let mut trail = Trail::of(order);
    push_labelled(&mut trail, n, label);
    let sscc = trail.order.parcel(n).and_then(|parcel| parcel.sscc).map(|sscc| sscc.to_string()).unwrap_or_default();
    let answer = Answer::new(Signal::Accepted).order(&order.terms.number).item(&sscc);
    let mut decision = trail.decision(facts, answer).keeping(facts);
    decision.station.sealed = Some((order.terms.id.clone(), n));
    decision
}

/// A parcel's label at the bench: what was printed for a closed parcel is on it now.
pub fn scanned(facts: &Facts<'_>, order: &Order, n: u32, void: bool) -> Decision {
    let state = order.parcel(n).map(|parcel| parcel.state);
    let decision = match state {
        Some(ParcelState::Withdrawn) => Decision::refused(facts, Signal::Refused, Reason::Cancelled),
        _ if void => {
            let mut decision = Decision::refused(facts, Signal::Wrong, Reason::Relabel);
            decision.station.sealed = Some((order.terms.id.clone(), n));
            decision
        }
        Some(ParcelState::Sealed) if order.progress.state != State::AwaitsPlatform => {
            return confirm(facts, order, n, None);
        }
        _ => {
            let mut decision = Decision::refused(facts, Signal::Already, Reason::Finished);
            decision.station.sealed = Some((order.terms.id.clone(), n));
            decision
        }
    };
    decision.about(order)
}

/// `REPRINT`: the ticket of the order that is being picked, else the label of the parcel that was closed last.
pub fn reprint(facts: &Facts<'_>) -> Decision {
    if !facts.has_printer() {
        return Decision::refused(facts, Signal::Refused, Reason::NoPrinter);
    }
    let accepted = |order: &Order| {
        let answer = Answer::new(Signal::Accepted).order(&order.terms.number);
        Decision::nothing(facts, answer)
    };
    let last = facts.sealed.as_ref().zip(facts.station.sealed.as_ref().map(|(_, n)| *n));
    let waits = |order: &Order, n: u32| order.parcel(n).is_some_and(|parcel| parcel.state.waits());
    match (&facts.open, last) {
        (Some(order), _) if facts.step() == Step::Pick || last.is_none() => {
            let mut decision = accepted(order);
            decision.prints.push(Print::Ticket { order: order.clone() });
            decision
        }
        (_, Some((order, n))) if waits(order, n) && !order.progress.held => {
            let mut trail = Trail::of(order);
            let prints = ask_for_label(facts, &mut trail, n);
            let mut decision = Decision { events: trail.events, ..accepted(order) };
            decision.prints = prints;
            decision
        }
        _ => Decision::refused(facts, Signal::Refused, Reason::NothingToClose),
    }
}

/// Opens a closed parcel again: its label is void, and its courier is not wanted.
pub fn reopen(trail: &mut Trail, n: u32) {
    let Some(parcel) = trail.order.parcel(n).cloned() else { return };
    let Some(sscc) = parcel.sscc else { return };
    trail.push_all(dispatch::withdraw(&trail.order, &parcel, "reopened"));
    trail.push(Event::ParcelReopened { order: trail.order.reference(), parcel: n, sscc });
}
