//! Decides what a command of the platform does: orders put and cancelled.

use super::event::{Event, Item, Known};
use super::order::{Order, ParcelState, State, Terms};
use std::sync::Arc;

/// What is stored under an order's id.
#[derive(Clone, Debug)]
pub enum Slot {
    Empty,
    /// Cancelled at this revision before it was ever put.
    Tombstone {
        revision: u32,
    },
    Order(Order),
}

impl Slot {
    /// The order, where there is one.
    #[must_use]
    pub fn order(&self) -> Option<&Order> {
        match self {
            Self::Order(order) => Some(order),
            Self::Empty | Self::Tombstone { .. } => None,
        }
    }
}

/// What an accepted command changes.
#[derive(Clone, Debug)]
pub struct Change {
    pub events: Vec<Event>,
    /// The order after it; none for a tombstone.
    pub order: Option<Order>,
}

/// Why a command has no effect. The platform is told; nothing is stored but the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("revision {have} is stored, which is newer")]
    Stale { have: u32 },
    #[error("revision {have} has been applied already")]
    Duplicate { have: u32 },
    #[error("every parcel has been handed over")]
    HandedOver,
    #[error("the order was cancelled")]
    Cancelled,
    #[error("it is packed: neither its lines nor its delivery can change any more")]
    Packed,
    #[error("a line would want fewer units than have been picked for it: cancel the order, or put it with those units")]
    Picked,
}

impl Rejection {
    /// The reason's word in the contract.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Stale { .. } => "stale",
            Self::Duplicate { .. } => "duplicate",
            Self::HandedOver => "handed_over",
            Self::Cancelled => "cancelled",
            Self::Packed => "packed",
            Self::Picked => "picked",
        }
    }
}

/// `order.put`: accepts a new order, or merges newer terms with what has been picked and packed.
pub fn put(slot: &Slot, terms: Terms, known: Option<Known>) -> Result<Change, Rejection> {
    let terms = Arc::new(terms);
    match slot {
        Slot::Tombstone { revision } if terms.revision <= *revision => Err(Rejection::Cancelled),
        Slot::Empty | Slot::Tombstone { .. } => {
            let mut order = Order::accept(Arc::clone(&terms));
            let mut events = vec![Event::OrderAccepted { terms: Arc::clone(&terms) }];
            if known.is_some() {
                update(&mut order, terms, known, &mut events)?;
            }
            Ok(Change { events, order: Some(order) })
        }
        Slot::Order(order) => merge(order, terms, known),
    }
}

fn merge(order: &Order, terms: Arc<Terms>, known: Option<Known>) -> Result<Change, Rejection> {
    let have = order.terms.revision;
    let awaited = order.progress.state == State::AwaitsPlatform;
    match order.progress.state {
        State::Completed => return Err(Rejection::HandedOver),
        State::Cancelled => return Err(Rejection::Cancelled),
        State::Accepted | State::Packing | State::Packed | State::PartlyDispatched | State::AwaitsPlatform => {}
    }
    if terms.revision < have {
        return Err(Rejection::Stale { have });
    }
    if terms.revision == have && !awaited {
        return Err(Rejection::Duplicate { have });
    }
    let packed = matches!(order.progress.state, State::Packed | State::PartlyDispatched);
    let sealed = order.progress.parcels.iter().any(|parcel| parcel.state != ParcelState::Open);
    if (packed && !order.terms.same_goods(&terms)) || (sealed && !awaited && order.terms.delivery != terms.delivery) {
        return Err(Rejection::Packed);
    }
    if !order.keeps_what_is_picked(&terms) {
        return Err(Rejection::Picked);
    }
    let (mut order, mut events) = (order.clone(), Vec::new());
    update(&mut order, terms, known, &mut events)?;
    Ok(Change { events, order: Some(order) })
}

/// Takes newer terms; an order of which the platform knows every parcel to be gone is completed with it.
fn update(
    order: &mut Order,
    terms: Arc<Terms>,
    known: Option<Known>,
    events: &mut Vec<Event>,
) -> Result<(), Rejection> {
    let updated = Event::OrderUpdated { terms, known };
    order.apply(&updated).map_err(|_| Rejection::Cancelled)?;
    events.push(updated);
    if order.progress.state == State::PartlyDispatched && order.is_gone() {
        let parcels = order.progress.parcels.len() as u32;
        let completed = Event::OrderCompleted { order: order.reference(), parcels };
        order.apply(&completed).map_err(|_| Rejection::Cancelled)?;
        events.push(completed);
    }
    Ok(())
}

/// `order.cancel`: what has left stays gone, the rest is withdrawn; before its put it leaves a tombstone.
pub fn cancel(slot: &Slot, revision: u32, cause: &str, notify: bool) -> Result<Change, Rejection> {
    let order = match slot {
        Slot::Empty => return Ok(Change { events: Vec::new(), order: None }),
        Slot::Tombstone { revision: have } if revision <= *have => return Err(Rejection::Duplicate { have: *have }),
        Slot::Tombstone { .. } => return Ok(Change { events: Vec::new(), order: None }),
        Slot::Order(order) => order,
    };
    let have = order.terms.revision;
    match order.progress.state {
        State::Completed => return Err(Rejection::HandedOver),
        State::Cancelled => return Err(Rejection::Cancelled),
        _ if revision < have => return Err(Rejection::Stale { have }),
        _ => {}
    }
    let mut order = order.clone();
    let mut events = Vec::new();
    for parcel in &order.progress.parcels {
        if let (Some(key), Some(sscc)) = (&parcel.dispatch, parcel.sscc)
            && matches!(parcel.state, ParcelState::Sealed | ParcelState::Loaded)
        {
            let (key, parcel, cause) = (key.clone(), parcel.n, cause.into());
            events.push(Event::DispatchWithdrawn { order: order.reference(), key, parcel, sscc, cause });
        }
    }
    let gone = |parcel: &super::order::Parcel| parcel.state == ParcelState::HandedOver;
    let partial = order.progress.parcels.iter().any(gone);
    events.push(Event::OrderCancelled {
        order: order.reference(),
        cause: cause.into(),
        notify,
        partial,
        picked: here(&order),
    });
    for event in &events {
        order.apply(event).map_err(|_| Rejection::Cancelled)?;
    }
    Ok(Change { events, order: Some(order) })
}

/// What was picked and has not left: goods that go back on the shelf.
fn here(order: &Order) -> Vec<(Item, u32)> {
    let gone = |line: usize| -> u32 {
        let parcels = order.progress.parcels.iter().filter(|parcel| parcel.state == ParcelState::HandedOver);
        parcels.flat_map(|parcel| &parcel.contents).filter(|(index, _)| *index == line).map(|(_, units)| units).sum()
    };
    (0..order.terms.lines.len())
        .map(|line| (order.item(line), order.progress.lines[line].picked.saturating_sub(gone(line))))
        .filter(|(_, units)| 0 < *units)
        .collect()
}

#[cfg(test)]
mod tests;
