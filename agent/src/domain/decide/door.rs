//! The loading door: parcels onto their carrier's manifest, and the manifest to the courier.

use super::{Decision, Facts, Subject, Trail};
use crate::domain::code::{Scan, Verb};
use crate::domain::event::Event;
use crate::domain::manifest::Manifest;
use crate::domain::name::CarrierId;
use crate::domain::notice::{Milestone, notice};
use crate::domain::order::{Delivery, Order, Parcel, ParcelState, State};
use crate::domain::signal::{Answer, Reason, Signal};
use crate::domain::station::Work;

pub fn verb(facts: &Facts<'_>, verb: Verb) -> Decision {
    match verb {
        Verb::HandOver => hand_over(facts),
        Verb::Done | Verb::Seal | Verb::Cancel | Verb::Mode(_) => {
            Decision::refused(facts, Signal::Refused, Reason::OtherMode)
        }
    }
}

pub fn code(facts: &Facts<'_>, scan: &Scan) -> Decision {
    match &facts.subject {
        Subject::Parcel { order, n } => match order.parcel(*n) {
            Some(parcel) => load(facts, order, parcel).about(order),
            None => unknown(facts, scan),
        },
        Subject::Order(order) => Decision::refused(facts, Signal::Refused, Reason::OtherMode).about(order),
        Subject::Product { sku: Some(_), .. } => Decision::refused(facts, Signal::Refused, Reason::OtherMode),
        Subject::Product { sku: None, .. } | Subject::Nothing => unknown(facts, scan),
    }
}

fn unknown(facts: &Facts<'_>, scan: &Scan) -> Decision {
    Decision::nothing(facts, Answer::because(Signal::Unknown, Reason::UnknownCode).item(&scan.shown()))
}

fn load(facts: &Facts<'_>, order: &Order, parcel: &Parcel) -> Decision {
    let refused = |signal, reason| Decision::refused(facts, signal, reason);
    match (order.progress.state, parcel.state) {
        (State::Cancelled, ParcelState::Loaded) => return take_out(facts, order, parcel),
        (State::Cancelled, _) | (_, ParcelState::Withdrawn) => return refused(Signal::Refused, Reason::Cancelled),
        (State::AwaitsPlatform, _) => return refused(Signal::Refused, Reason::AwaitsPlatform),
        (_, ParcelState::Loaded | ParcelState::HandedOver) => return refused(Signal::Already, Reason::Finished),
        (_, ParcelState::Open) => return refused(Signal::Refused, Reason::Incomplete),
        (_, ParcelState::Sealed) => {}
    }
    let Delivery::Carrier { carrier, .. } = &order.terms.delivery else {
        return refused(Signal::Refused, Reason::NotForCarrier);
    };
    let mut manifest = match &facts.manifest {
        Some(manifest) if manifest.carrier != *carrier => {
            let mut decision = refused(Signal::Wrong, Reason::OtherCarrier);
            decision.answer.expected = vec![Box::from(&*manifest.carrier)];
            return decision;
        }
        Some(manifest) => manifest.clone(),
        None => {
            let collection = facts.rules.collection_for(order, facts.now, facts.clock_trusted);
            Manifest::open(carrier, collection, facts.manifests + 1)
        }
    };
    let Some(sscc) = parcel.sscc else {
        return refused(Signal::Refused, Reason::Incomplete);
    };
    manifest.loaded += 1;
    let mut trail = Trail::of(order);
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
    decision.manifest = Some(manifest);
    decision
}

/// A parcel whose order was cancelled after loading: scanning it takes it off the manifest.
fn take_out(facts: &Facts<'_>, order: &Order, parcel: &Parcel) -> Decision {
    let on_this = facts.manifest.as_ref().filter(|manifest| parcel.manifest.as_ref() == Some(&manifest.id));
    let (Some(manifest), Some(sscc)) = (on_this, parcel.sscc) else {
        return Decision::refused(facts, Signal::Refused, Reason::Cancelled);
    };
    let manifest = Manifest { loaded: manifest.loaded.saturating_sub(1), ..manifest.clone() };
    let mut trail = Trail::of(order);
    trail.push(Event::ParcelUnloaded {
        order: order.reference(),
        parcel: parcel.n,
        sscc,
        carrier: manifest.carrier.clone(),
        manifest: manifest.id.clone(),
        loaded: manifest.loaded,
    });
    let mut decision = trail.decision(facts, Answer::because(Signal::Refused, Reason::Cancelled));
    decision.manifest = Some(manifest);
    decision
}

/// `HANDOVER`: the courier has the parcels of this manifest.
fn hand_over(facts: &Facts<'_>) -> Decision {
    let (Some(manifest), Work::Manifest { hand_over_asked, .. }) = (&facts.manifest, &facts.station.work) else {
        return Decision::refused(facts, Signal::Refused, Reason::NothingToClose);
    };
    let on_it =
        |parcel: &&Parcel| parcel.state == ParcelState::Loaded && parcel.manifest.as_ref() == Some(&manifest.id);
    let cancelled = facts.loaded.iter().filter(|order| order.progress.state == State::Cancelled);
    if let Some(sscc) = cancelled.flat_map(|order| order.progress.parcels.iter().filter(on_it)).find_map(|p| p.sscc) {
        return Decision::refused(facts, Signal::Refused, Reason::TakeOut(sscc.to_string().into()));
    }
    if manifest.loaded == 0 {
        return Decision::refused(facts, Signal::Refused, Reason::NothingToClose);
    }
    if 0 < facts.left && !hand_over_asked {
        let mut decision = Decision::refused(facts, Signal::Refused, Reason::ParcelsLeft(facts.left));
        decision.station.work = Work::Manifest { id: manifest.id.clone(), hand_over_asked: true };
        return decision;
    }
    let answer = Answer::new(Signal::Completed).item(&manifest.carrier).progress(manifest.loaded, manifest.loaded);
    let mut decision = Decision::nothing(facts, answer);
    for order in &facts.loaded {
        let parcels: Vec<u32> = order.progress.parcels.iter().filter(on_it).map(|parcel| parcel.n).collect();
        let mut trail = Trail::of(order);
        for n in parcels {
            give(facts, &mut trail, manifest, n);
        }
        trail.complete_if_gone();
        decision.events.append(&mut trail.events);
        decision.orders.push(trail.order);
    }
    decision.station.work = Work::Idle;
    decision.manifest = Some(Manifest { closed: true, ..manifest.clone() });
    decision
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
        manifest: manifest.id.clone(),
        key: parcel.dispatch.clone(),
    };
    trail.push(event);
    if let Some(notice) = notice(&facts.rules.site, &trail.order, Milestone::HandedOver, Some(n), facts.now) {
        trail.push(Event::NotificationRequested(Box::new(notice)));
    }
}
