//! The loading door: parcels onto their carrier's manifest, and the manifest to the courier.

use super::{Decision, Facts, Print, Subject, Trail, pickup};
use crate::domain::code::{Cause, Meaning, Scan, Verb};
use crate::domain::dispatch;
use crate::domain::event::Event;
use crate::domain::manifest::Manifest;
use crate::domain::name::CarrierId;
use crate::domain::notice::{self, Milestone};
use crate::domain::order::{Delivery, Order, Parcel, ParcelState, State};
use crate::domain::signal::{Answer, Ask, Reason, Signal};
use crate::domain::station::{Counted, Pending, Work};

pub fn scan(facts: &Facts<'_>, scan: &Scan) -> Decision {
    match &scan.meaning {
        Meaning::Verb(Verb::HandOver) => hand_over(facts),
        Meaning::Verb(Verb::Reprint) => reprint(facts),
        Meaning::Verb(Verb::Take) => super::bench::take(facts),
        Meaning::Cause(Cause::NoCourier) => no_courier(facts),
        Meaning::Verb(_) | Meaning::Cause(_) | Meaning::Condition(_) | Meaning::Quantity(_) => {
            Decision::other_mode(facts)
        }
        _ => by_subject(facts, scan),
    }
}

fn by_subject(facts: &Facts<'_>, scan: &Scan) -> Decision {
    match &facts.subject {
        Subject::Parcel { order, n, void } => match order.parcel(*n) {
            Some(parcel) => load(facts, order, parcel, *void).about(order),
            // The parcel was taken apart.
            None => Decision::refused(facts, Signal::Wrong, Reason::Relabel).about(order),
        },
        Subject::Order(order) if order.terms.delivery == Delivery::Pickup => pickup::fetch(facts, order),
        Subject::Order(order) => Decision::other_mode(facts).about(order),
        Subject::Product { sku: Some(_), .. } | Subject::Return(_) | Subject::Tote { .. } => {
            Decision::other_mode(facts)
        }
        Subject::Label(_) => Decision::refused(facts, Signal::Unknown, Reason::UnknownCode).item(&scan.shown()),
        Subject::Product { sku: None, .. } | Subject::Nothing => match scan.meaning {
            Meaning::Bin(_) | Meaning::Line(_) => Decision::other_mode(facts),
            _ => Decision::unknown(facts, scan),
        },
    }
}

fn load(facts: &Facts<'_>, order: &Order, parcel: &Parcel, void: bool) -> Decision {
    let refused = |signal, reason| Decision::refused(facts, signal, reason);
    let unwanted = match order.progress.state {
        State::Cancelled => Some(Reason::Cancelled),
        _ if order.progress.held => Some(Reason::OnHold),
        _ => None,
    };
    match (order.progress.state, parcel.state, unwanted) {
        (_, ParcelState::Loaded, Some(reason)) => return take_out(facts, order, parcel, Signal::Refused, reason),
        (_, ParcelState::Loaded, None) if parcel.void => {
            return take_out(facts, order, parcel, Signal::Wrong, Reason::Relabel);
        }
        (_, ParcelState::HandedOver, _) => return found(facts, order, parcel),
        (_, ParcelState::Collected, _) => return refused(Signal::Already, Reason::Finished),
        (_, ParcelState::Withdrawn, _) => return refused(Signal::Refused, Reason::Cancelled),
        (_, _, Some(reason)) => return refused(Signal::Refused, reason),
        (State::AwaitsPlatform, ..) => return refused(Signal::Refused, Reason::AwaitsPlatform),
        _ if void => return refused(Signal::Wrong, Reason::Relabel),
        (_, ParcelState::Loaded, None) => return refused(Signal::Already, Reason::Finished),
        (_, ParcelState::Open, None) => return refused(Signal::Refused, Reason::Incomplete),
        (_, ParcelState::Sealed | ParcelState::Labelled | ParcelState::Ready, None) => {}
    }
    let (Delivery::Carrier { carrier, .. }, Some(sscc)) = (&order.terms.delivery, parcel.sscc) else {
        return pickup::parcel(facts, order, parcel);
    };
    if parcel.tracking.is_none() && facts.rules.carrier_of(order).is_some_and(|carrier| carrier.tracking_required) {
        return refused(Signal::Refused, Reason::NoLabel);
    }
    let mut manifest = match &facts.manifest {
        Some(manifest) if manifest.carrier != *carrier => {
            return refused(Signal::Wrong, Reason::OtherCarrier).expecting([Box::from(&*manifest.carrier)]);
        }
        Some(manifest) => manifest.clone(),
        None => {
            let collection = facts.desk().collection_at_the_door(order, parcel);
            Manifest::open(carrier, collection, facts.manifests + 1)
        }
    };
    manifest.loaded += 1;
    let mut trail = Trail::of(order);
    if parcel.state == ParcelState::Sealed {
        // Whoever scans the label at the door has seen that it is on the parcel.
        let (of, tracking) = (order.parcels_total(), parcel.tracking.clone());
        trail.push(Event::ParcelLabelled { order: order.reference(), parcel: parcel.n, of, sscc, tracking });
    }
    trail.push(Event::ParcelLoaded {
        order: order.reference(),
        parcel: parcel.n,
        sscc,
        carrier: carrier.clone(),
        manifest: manifest.id.clone(),
        loaded: manifest.loaded,
    });
    let answer = Answer::new(Signal::Accepted).item(&sscc.to_string());
    let mut decision = trail.decision(facts, answer);
    decision.station.work = Work::Manifest { id: manifest.id.clone(), hand_over_asked: false };
    decision.station.last = Some(Counted::Loaded { order: order.terms.id.clone(), parcel: parcel.n });
    decision.manifest = Some(manifest);
    decision
}

/// A parcel that left before, or so it was said.
fn found(facts: &Facts<'_>, order: &Order, parcel: &Parcel) -> Decision {
    let mut decision = Decision::refused(facts, Signal::Already, Reason::Finished);
    decision.station.pending = Some(Pending::Found { order: order.terms.id.clone(), parcel: parcel.n });
    decision
}

/// `R-LEFT-BEHIND` behind such a parcel: it is here, and goes with the next collection.
pub fn left_behind(facts: &Facts<'_>, n: u32) -> Option<Decision> {
    let order = facts.open.as_ref()?;
    let parcel = order.parcel(n).filter(|parcel| parcel.state == ParcelState::HandedOver)?;
    let (Delivery::Carrier { carrier, .. }, Some(sscc), Some(manifest)) =
        (&order.terms.delivery, parcel.sscc, parcel.manifest.clone())
    else {
        return None;
    };
    let mut trail = Trail::of(order);
    let (reference, carrier) = (order.reference(), carrier.clone());
    trail.push(Event::LeftBehind { order: reference, parcel: n, sscc, carrier, manifest });
    if trail.order.progress.state.is_at_work() && !trail.order.progress.held {
        trail.push_all(facts.desk().request(&trail.order, n, None));
    }
    let answer = Answer::new(Signal::Accepted).order(&order.terms.number).item(&sscc.to_string());
    Some(trail.decision(facts, answer))
}

/// A parcel that must not leave, or not like this: scanning it takes it off the manifest.
fn take_out(facts: &Facts<'_>, order: &Order, parcel: &Parcel, signal: Signal, reason: Reason) -> Decision {
    match off_manifest(facts, order, parcel) {
        Some((trail, manifest)) => {
            let mut decision = trail.decision(facts, Answer::because(signal, reason));
            decision.manifest = Some(manifest);
            decision
        }
        None => Decision::refused(facts, signal, reason),
    }
}

fn off_manifest(facts: &Facts<'_>, order: &Order, parcel: &Parcel) -> Option<(Trail, Manifest)> {
    let manifest = facts.manifest.as_ref().filter(|manifest| parcel.manifest.as_ref() == Some(&manifest.id))?;
    let sscc = parcel.sscc?;
    let manifest = Manifest { loaded: manifest.loaded.saturating_sub(1), ..manifest.clone() };
    let mut trail = Trail::of(order);
    trail.push(unloaded(order, parcel.n, sscc, &manifest));
    Some((trail, manifest))
}

fn unloaded(order: &Order, parcel: u32, sscc: crate::domain::sscc::Sscc, manifest: &Manifest) -> Event {
    Event::ParcelUnloaded {
        order: order.reference(),
        parcel,
        sscc,
        carrier: manifest.carrier.clone(),
        manifest: manifest.id.clone(),
        loaded: manifest.loaded,
    }
}

/// `UNDO` at the door: the parcel that was loaded last comes off again.
pub fn unload(facts: &Facts<'_>, order: &Order, n: u32) -> Option<Decision> {
    let parcel = order.parcel(n).filter(|parcel| parcel.state == ParcelState::Loaded)?;
    let (trail, manifest) = off_manifest(facts, order, parcel)?;
    let item = parcel.sscc.map(|sscc| sscc.to_string()).unwrap_or_default();
    let mut decision = trail.decision(facts, Answer::new(Signal::Accepted).item(&item));
    decision.manifest = Some(manifest);
    Some(decision)
}

/// `TAKE` and a parcel: the carrier's open manifest is worked on here.
pub fn take_manifest(facts: &Facts<'_>) -> Option<Decision> {
    let manifest = facts.manifest.as_ref()?;
    let answer = Answer::new(Signal::Opened).item(&manifest.carrier).progress(manifest.loaded, manifest.loaded);
    let mut decision = Decision::nothing(facts, answer);
    decision.station.work = Work::Manifest { id: manifest.id.clone(), hand_over_asked: false };
    Some(decision)
}

fn is_on(manifest: &Manifest) -> impl Fn(&&Parcel) -> bool + '_ {
    |parcel| parcel.state == ParcelState::Loaded && parcel.manifest.as_ref() == Some(&manifest.id)
}

/// The parcels of an order that were to go with this manifest's collection and are not on it.
pub fn left<'a>(order: &'a Order, manifest: &'a Manifest) -> impl Iterator<Item = &'a Parcel> {
    let collection = manifest.collection.as_ref().map(|collection| &collection.id);
    let waits = !order.progress.held && order.progress.state.is_at_work();
    let parcels = order.progress.parcels.iter().filter(move |parcel| waits && parcel.state.waits());
    parcels.filter(move |parcel| {
        collection.is_none() || parcel.collection.is_none() || parcel.collection.as_ref() == collection
    })
}

/// `HANDOVER`: the courier has the parcels of this manifest, or the customer those of the order.
fn hand_over(facts: &Facts<'_>) -> Decision {
    if let (Work::Collect(_), Some(order)) = (&facts.station.work, &facts.open) {
        return pickup::collect(facts, order);
    }
    let (Some(manifest), Work::Manifest { hand_over_asked, .. }) = (&facts.manifest, &facts.station.work) else {
        return Decision::refused(facts, Signal::Refused, Reason::NothingToClose);
    };
    let on_it = is_on(manifest);
    let stuck = facts.loaded.iter().find_map(|order| {
        let unwanted = order.progress.state == State::Cancelled || order.progress.held;
        order.progress.parcels.iter().filter(&on_it).find(|parcel| unwanted || parcel.void)?.sscc
    });
    if let Some(sscc) = stuck {
        return Decision::refused(facts, Signal::Refused, Reason::TakeOut(sscc.to_string().into()));
    }
    if manifest.loaded == 0 {
        return Decision::refused(facts, Signal::Refused, Reason::NothingToClose);
    }
    let missing: Vec<_> = facts.left.iter().flat_map(|order| left(order, manifest)).collect();
    if !missing.is_empty() && !hand_over_asked {
        let mut decision = Decision::refused(facts, Signal::Refused, Reason::ParcelsLeft(missing.len() as u32));
        let names = missing.iter().filter_map(|parcel| parcel.sscc).map(|sscc| sscc.to_string().into());
        decision = decision.expecting(names).asking(Ask::HandOver);
        decision.station.work = Work::Manifest { id: manifest.id.clone(), hand_over_asked: true };
        return decision;
    }
    let answer = Answer::new(Signal::Completed).item(&manifest.carrier).progress(manifest.loaded, manifest.loaded);
    let mut decision = Decision::nothing(facts, answer);
    for order in orders_of(facts) {
        let parcels: Vec<u32> = order.progress.parcels.iter().filter(&on_it).map(|parcel| parcel.n).collect();
        let mut trail = Trail::of(order);
        for n in parcels {
            give(facts, &mut trail, manifest, n);
        }
        miss(facts, &mut trail, manifest, "left");
        trail.complete_if_gone();
        decision.take(trail);
    }
    decision.station.lay_down();
    decision.station.last = None;
    decision.manifest = Some(Manifest { closed: true, ..manifest.clone() });
    decision
}

/// The orders with parcels on the manifest or left beside it, each once.
fn orders_of<'a>(facts: &'a Facts<'_>) -> impl Iterator<Item = &'a Order> {
    let is_loaded = |order: &&Order| facts.loaded.iter().any(|loaded| loaded.terms.id == order.terms.id);
    facts.loaded.iter().chain(facts.left.iter().filter(move |order| !is_loaded(order)))
}

fn give(facts: &Facts<'_>, trail: &mut Trail, manifest: &Manifest, n: u32) {
    let order = &trail.order;
    let (carrier, service) = match &order.terms.delivery {
        Delivery::Carrier { carrier, service } => (carrier.clone(), service.clone()),
        Delivery::Pickup => (CarrierId::clone(&manifest.carrier), None),
    };
    let Some((parcel, sscc)) = order.parcel(n).and_then(|parcel| Some((parcel, parcel.sscc?))) else {
        return;
    };
    let event = Event::HandedOver {
        order: order.reference(),
        parcel: n,
        of: order.parcels_total(),
        sscc,
        carrier,
        service,
        tracking: parcel.tracking.clone(),
        manifest: manifest.id.clone(),
        key: parcel.dispatch.clone(),
    };
    trail.push(event);
    trail.tell(notice::step(facts.rules, &trail.order, Milestone::HandedOver, Some(n), facts.now));
}

/// What was to go with this collection and did not is asked for again, with the one after it.
fn miss(facts: &Facts<'_>, trail: &mut Trail, manifest: &Manifest, cause: &str) {
    let after = manifest.collection.as_ref().map(|collection| collection.at);
    let parcels: Vec<Parcel> =
        left(&trail.order, manifest).filter(|parcel| parcel.dispatch.is_some()).cloned().collect();
    for parcel in parcels {
        trail.push_all(dispatch::missed(&trail.order, &parcel, cause));
        trail.push_all(facts.desk().request(&trail.order, parcel.n, after));
    }
}

/// `R-NO-COURIER`: nobody came; everything comes off the manifest and is asked for again.
fn no_courier(facts: &Facts<'_>) -> Decision {
    let (Some(manifest), Work::Manifest { .. }) = (&facts.manifest, &facts.station.work) else {
        return Decision::refused(facts, Signal::Refused, Reason::NothingToClose);
    };
    let mut manifest = manifest.clone();
    let answer = Answer::new(Signal::Accepted).item(&manifest.carrier);
    let mut decision = Decision::nothing(facts, answer);
    for order in orders_of(facts) {
        let parcels: Vec<_> = order.progress.parcels.iter().filter(is_on(&manifest)).cloned().collect();
        let mut trail = Trail::of(order);
        for parcel in parcels {
            let Some(sscc) = parcel.sscc else { continue };
            manifest.loaded = manifest.loaded.saturating_sub(1);
            trail.push(unloaded(order, parcel.n, sscc, &manifest));
        }
        miss(facts, &mut trail, &manifest, Cause::NoCourier.word());
        decision.take(trail);
    }
    decision.station.lay_down();
    decision.station.last = None;
    decision.manifest = Some(Manifest { closed: true, ..manifest });
    decision
}

fn reprint(facts: &Facts<'_>) -> Decision {
    if !facts.has_printer() {
        return Decision::refused(facts, Signal::Refused, Reason::NoPrinter);
    }
    let (Some(manifest), Work::Manifest { .. }) = (&facts.manifest, &facts.station.work) else {
        return Decision::refused(facts, Signal::Refused, Reason::NothingToClose);
    };
    let mut decision = Decision::nothing(facts, Answer::new(Signal::Accepted).item(&manifest.carrier));
    decision.prints.push(Print::Manifest { manifest: manifest.clone(), orders: facts.loaded.clone() });
    decision
}
