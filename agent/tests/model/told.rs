//! What customers were told in a life, held against what happened in it.

use parceld::domain::event::Event;
use parceld::domain::name::OrderId;
use parceld::domain::notice::{Milestone, Notice};
use parceld::domain::order::{Delivery, OnShort, Order, Parcel, ParcelState, State};
use std::collections::BTreeMap;

/// No key is asked for twice and revisions have no gap; what is replaced was told of the same order before, and may be
/// replaced; every order that came, was cancelled, lies ready, left or was fetched has been told of.
pub fn notices(events: &[Event], orders: &[Order]) -> Result<(), String> {
    let mut told: BTreeMap<OrderId, Vec<&Notice>> = BTreeMap::new();
    for event in events {
        if let Event::NotificationRequested(notice) = event {
            let before = told.entry(notice.order.id.clone()).or_default();
            follows(notice, before)?;
            before.push(notice);
        }
    }
    let none = Vec::new();
    orders.iter().try_for_each(|order| whole(order, events, told.get(&order.terms.id).unwrap_or(&none)))
}

fn follows(notice: &Notice, before: &[&Notice]) -> Result<(), String> {
    let same = |known: &&&Notice| known.milestone == notice.milestone && number(known) == number(notice);
    let revision = before.iter().filter(same).count() + 1;
    let parcel = number(notice).map_or("-".to_owned(), |n| n.to_string());
    let (order, word) = (&notice.order.id, notice.milestone.word());
    let key = format!("sthlm-03/{order}/{parcel}/{word}/{revision}");
    if *notice.key != *key {
        return Err(format!("{key} should follow, not {}", notice.key));
    }
    for old in notice.replaces.iter().chain(&notice.also_replaces) {
        let Some(old) = before.iter().find(|known| known.key == *old) else {
            return Err(format!("{key} replaces {old}, which nobody asked for"));
        };
        let stays = matches!(
            old.milestone,
            Milestone::ShortShipped | Milestone::Cancelled | Milestone::ReturnReceived | Milestone::FeedbackInvited
        );
        if stays || notice.milestone.rank() < old.milestone.rank() {
            return Err(format!("{key} can't replace {}", old.key));
        }
    }
    Ok(())
}

fn number(notice: &Notice) -> Option<u32> {
    notice.parcel.map(|(n, _)| n)
}

fn whole(order: &Order, events: &[Event], told: &[&Notice]) -> Result<(), String> {
    let count = |milestone, parcel: Option<u32>| {
        told.iter().filter(|notice| notice.milestone == milestone && number(notice) == parcel).count()
    };
    let should = |met: bool, what: &str| match met {
        true => Ok(()),
        false => Err(format!("order {}: {what}, told were {:?}", order.terms.number, keys(told))),
    };
    let progress = &order.progress;
    should(count(Milestone::OrderAccepted, None) == 1, "accepted once")?;
    let cancelled = usize::from(progress.state == State::Cancelled);
    should(count(Milestone::Cancelled, None) == cancelled, "cancelled as often as it was")?;
    for parcel in &progress.parcels {
        let on_its_way = count(Milestone::HandedOver, Some(parcel.n));
        should(parcel.state != ParcelState::HandedOver || 0 < on_its_way, "a parcel has left")?;
    }
    let fetched = progress.parcels.iter().any(|parcel| parcel.state == ParcelState::Collected);
    should(count(Milestone::Collected, None) == usize::from(fetched), "collected once where it was")?;
    let is_own = |event: &&Event| event.order() == Some(&order.terms.id);
    let ends = events.iter().filter(is_own).any(|event| matches!(event, Event::PackCompleted { .. }));
    let here = progress.parcels.iter().any(|parcel| !parcel.state.is_gone());
    should(!ends || !here || 0 < count(Milestone::Packed, None), "packed")?;
    let placed = |parcel: &Parcel| parcel.state == ParcelState::Ready || parcel.state.is_gone();
    let packed = matches!(progress.state, State::Packed | State::PartlyDispatched);
    let ready = order.terms.delivery == Delivery::Pickup && packed && here && progress.parcels.iter().all(placed);
    should(!ready || 0 < count(Milestone::ReadyForPickup, None), "ready to be fetched")?;
    let short = progress.lines.iter().any(|done| 0 < done.short);
    let goes_on = order.terms.on_short == OnShort::ShipRest && progress.state != State::Cancelled && !progress.held;
    let asked_anew = events.iter().filter(is_own).any(|event| matches!(event, Event::OrderUpdated { .. }));
    should(!short || !goes_on || asked_anew || 0 < count(Milestone::ShortShipped, None), "short")
}

fn keys(told: &[&Notice]) -> Vec<String> {
    told.iter().map(|notice| notice.key.to_string()).collect()
}
