//! Decides what a command of the platform does: orders put, stopped and cancelled, labels and returns announced.

use super::dispatch::{self, Desk, Serials};
use super::event::{Event, Known, OrderRef};
use super::notice::{self, Milestone, Notice};
use super::order::{Order, Parcel, ParcelState, State, Terms};
use super::returns::{Return, ReturnState};
use super::rules::Flow;
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
    #[error(
        "it is packed: no line can ask for less than is in its closed parcels, and none can change once all are closed"
    )]
    Packed,
    #[error("it is so already")]
    Done,
    #[error("no such order is known here: put it first")]
    Unknown,
    #[error("the order came from an older copy of the database: put it again first")]
    AwaitsPlatform,
    #[error("the order has no closed parcel {n}")]
    NoParcel { n: u32 },
    #[error("the return has been completed")]
    ReturnCompleted,
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
            Self::Done => "done",
            Self::Unknown => "unknown_order",
            Self::AwaitsPlatform => "awaits_platform",
            Self::NoParcel { .. } => "no_parcel",
            Self::ReturnCompleted => "completed",
        }
    }
}

/// `order.put`: accepts a new order, or merges newer terms with what has been picked and packed.
///
/// # Errors
/// What forbids it.
pub fn put(
    slot: &Slot,
    terms: Terms,
    known: Option<Known>,
    desk: Desk<'_>,
    serials: &mut Serials<'_>,
) -> Result<Change, Rejection> {
    let terms = Arc::new(terms);
    match slot {
        Slot::Tombstone { revision } if terms.revision <= *revision => Err(Rejection::Cancelled),
        Slot::Empty | Slot::Tombstone { .. } => {
            let mut moves = Moves::of(&Order::accept(Arc::clone(&terms)));
            if !moves.order.can_take(&terms, known.as_ref()) {
                return Err(Rejection::Packed);
            }
            moves.events.push(Event::OrderAccepted { terms: Arc::clone(&terms) });
            // What is known of it has been told by whoever knows it.
            match known {
                Some(_) => moves.update(terms, known, desk),
                None => moves.tell(notice::step(desk.rules, &moves.order, Milestone::OrderAccepted, None, desk.now)),
            }
            Ok(moves.change())
        }
        Slot::Order(order) => merge(order, terms, known, desk, serials),
    }
}

fn merge(
    order: &Order,
    terms: Arc<Terms>,
    known: Option<Known>,
    desk: Desk<'_>,
    serials: &mut Serials<'_>,
) -> Result<Change, Rejection> {
    let have = order.terms.revision;
    let awaited = order.progress.state == State::AwaitsPlatform;
    match order.progress.state {
        State::Completed => return Err(Rejection::HandedOver),
        State::Cancelled => return Err(Rejection::Cancelled),
        _ => {}
    }
    if terms.revision < have {
        return Err(Rejection::Stale { have });
    }
    if terms.revision == have && !awaited {
        return Err(Rejection::Duplicate { have });
    }
    if !order.can_take(&terms, known.as_ref()) {
        return Err(Rejection::Packed);
    }
    let rerouted = !awaited && order.terms.delivery != terms.delivery;
    let closed = |parcel: &&Parcel| parcel.state.waits() || parcel.state == ParcelState::Loaded;
    let voided: Vec<u32> =
        order.progress.parcels.iter().filter(closed).filter(|_| rerouted).map(|parcel| parcel.n).collect();
    let mut moves = Moves::of(order);
    for n in &voided {
        moves.push_all(order.parcel(*n).and_then(|parcel| dispatch::withdraw(order, parcel, "rerouted")));
    }
    moves.update(terms, known, desk);
    let goes_on = moves.order.progress.state.is_at_work();
    for n in voided.into_iter().filter(|_| goes_on) {
        if let Some(sscc) = order.parcel(n).and_then(|parcel| parcel.sscc) {
            let (order, sscc_new) = (moves.order.reference(), serials.mint());
            moves.push(Event::LabelVoided { order, parcel: n, voided: sscc, sscc: sscc_new });
            if !moves.order.progress.held {
                moves.push_all(desk.request(&moves.order, n, None));
            }
        }
    }
    Ok(moves.change())
}

/// `order.cancel`: what has left stays gone, the rest is withdrawn; before its put it leaves a tombstone.
///
/// # Errors
/// What forbids it.
pub fn cancel(slot: &Slot, revision: u32, cause: &str, notify: bool, desk: Desk<'_>) -> Result<Change, Rejection> {
    let order = match slot {
        Slot::Tombstone { revision: have } if revision <= *have => return Err(Rejection::Duplicate { have: *have }),
        Slot::Empty | Slot::Tombstone { .. } => return Ok(Change { events: Vec::new(), order: None }),
        Slot::Order(order) => order,
    };
    let have = order.terms.revision;
    match order.progress.state {
        State::Completed => return Err(Rejection::HandedOver),
        State::Cancelled => return Err(Rejection::Cancelled),
        _ if revision < have => return Err(Rejection::Stale { have }),
        _ => {}
    }
    let mut moves = Moves::of(order);
    moves.push_all(cancelling(order, cause, notify, desk));
    Ok(moves.change())
}

/// The events by which an order is given up: couriers are sent away, the rest is withdrawn, and the customer is told if
/// the platform wants it.
#[must_use]
pub fn cancelling(order: &Order, cause: &str, notify: bool, desk: Desk<'_>) -> Vec<Event> {
    let here = |parcel: &&Parcel| parcel.state.waits() || parcel.state == ParcelState::Loaded;
    let parcels = order.progress.parcels.iter().filter(here);
    let mut events: Vec<Event> = parcels.filter_map(|parcel| dispatch::withdraw(order, parcel, cause)).collect();
    events.push(Event::OrderCancelled {
        order: order.reference(),
        cause: cause.into(),
        notify,
        partial: order.progress.parcels.iter().any(|parcel| parcel.state.is_gone()),
        picked: order.goods_here().into_iter().map(|(line, units)| (order.item(line), units)).collect(),
    });
    let told = notice::cancelled(desk.rules, order, cause, desk.now).filter(|_| notify);
    events.extend(told.map(|notice| Event::NotificationRequested(Box::new(notice))));
    events
}

/// `order.hold`: nobody works on it until it is released. An order that a short holds already is held by the platform
/// from then on.
///
/// # Errors
/// What forbids it.
pub fn hold(slot: &Slot, revision: u32, cause: &str) -> Result<Change, Rejection> {
    let order = at_work(slot, revision)?;
    if order.progress.held && revision == order.terms.revision {
        return Err(Rejection::Done);
    }
    let mut moves = Moves::of(order);
    let order = OrderRef { revision, ..order.reference() };
    moves.push(Event::OrderHeld { order, cause: cause.into() });
    Ok(moves.change())
}

/// `order.release`: it goes on where it was, and couriers are asked for what was packed before. Without units that it
/// was held for, its customer is told so.
///
/// # Errors
/// What forbids it.
pub fn release(slot: &Slot, revision: u32, desk: Desk<'_>) -> Result<Change, Rejection> {
    let order = at_work(slot, revision)?;
    if !order.progress.held {
        return Err(Rejection::Done);
    }
    let mut moves = Moves::of(order);
    moves.push(Event::OrderReleased { order: OrderRef { revision, ..order.reference() } });
    for parcel in order.progress.parcels.iter().filter(|parcel| parcel.state.waits()) {
        moves.push_all(desk.request(&moves.order, parcel.n, None));
    }
    moves.pick_again(desk);
    moves.end_picking();
    moves.tell(notice::short(desk.rules, &moves.order, None, desk.now));
    Ok(moves.change())
}

/// `order.expedite`: it comes before all others.
///
/// # Errors
/// What forbids it.
pub fn expedite(slot: &Slot, revision: u32) -> Result<Change, Rejection> {
    let order = at_work(slot, revision)?;
    if order.progress.expedited {
        return Err(Rejection::Done);
    }
    let mut moves = Moves::of(order);
    moves.push(Event::OrderExpedited { order: OrderRef { revision, ..order.reference() } });
    Ok(moves.change())
}

fn at_work(slot: &Slot, revision: u32) -> Result<&Order, Rejection> {
    let order = match slot {
        Slot::Tombstone { .. } => return Err(Rejection::Cancelled),
        Slot::Empty => return Err(Rejection::Unknown),
        Slot::Order(order) => order,
    };
    let have = order.terms.revision;
    match order.progress.state {
        State::Completed => Err(Rejection::HandedOver),
        State::Cancelled => Err(Rejection::Cancelled),
        State::AwaitsPlatform => Err(Rejection::AwaitsPlatform),
        _ if revision < have => Err(Rejection::Stale { have }),
        _ => Ok(order),
    }
}

/// `parcel.label`: the carrier's number for a parcel; a label before it is void. A parcel that its carrier has can still
/// get its number, or another one, and its customer is told.
///
/// # Errors
/// What forbids it.
pub fn label(slot: &Slot, n: u32, tracking: Option<&str>, revision: u32, desk: Desk<'_>) -> Result<Change, Rejection> {
    let order = match slot {
        Slot::Order(order) => order,
        Slot::Empty | Slot::Tombstone { .. } => return Err(Rejection::Unknown),
    };
    if order.progress.state == State::AwaitsPlatform {
        return Err(Rejection::AwaitsPlatform);
    }
    let parcel = order.parcel(n).ok_or(Rejection::NoParcel { n })?;
    let with_carrier = parcel.state == ParcelState::HandedOver && tracking.is_some();
    let sscc = match parcel.state {
        state if state.is_gone() && !with_carrier => return Err(Rejection::HandedOver),
        _ if with_carrier => parcel.sscc.ok_or(Rejection::NoParcel { n })?,
        _ if order.progress.state == State::Cancelled => return Err(Rejection::Cancelled),
        _ => parcel.sscc.ok_or(Rejection::NoParcel { n })?,
    };
    match parcel.label_revision {
        have if revision < have => return Err(Rejection::Stale { have }),
        have if revision == have => return Err(Rejection::Duplicate { have }),
        _ => {}
    }
    let mut moves = Moves::of(order);
    let (order, tracking) = (order.reference(), tracking.map(Into::into));
    moves.push(Event::LabelReceived { order, parcel: n, sscc, tracking, revision });
    if with_carrier {
        moves.tell(notice::step(desk.rules, &moves.order, Milestone::HandedOver, Some(n), desk.now));
    }
    Ok(moves.change())
}

/// `return.put`: announces a return, or changes what was announced.
///
/// # Errors
/// It has been completed.
pub fn authorize(known: Option<&Return>, terms: Return) -> Result<(Event, Return), Rejection> {
    let terms = Return { authorized: true, state: ReturnState::Authorized, found: Vec::new(), ..terms };
    let event = Event::ReturnAuthorized { terms: Box::new(terms.clone()) };
    let Some(known) = known else {
        return Ok((event, terms));
    };
    let mut known = known.clone();
    known.apply(&event).map_err(|_| Rejection::ReturnCompleted)?;
    Ok((event, known))
}

/// An order's events, each applied at once.
struct Moves {
    order: Order,
    events: Vec<Event>,
}

impl Moves {
    fn of(order: &Order) -> Self {
        Self { order: order.clone(), events: Vec::new() }
    }

    /// # Panics
    /// When the state machine refuses: then this file has decided what it must not.
    fn push(&mut self, event: Event) {
        if let Err(illegal) = self.order.apply(&event) {
            panic!("decided an illegal move: {illegal}");
        }
        self.events.push(event);
    }

    fn push_all(&mut self, events: impl IntoIterator<Item = Event>) {
        events.into_iter().for_each(|event| self.push(event));
    }

    fn tell(&mut self, notice: Option<Notice>) {
        self.push_all(notice.map(|notice| Event::NotificationRequested(Box::new(notice))));
    }

    /// Takes newer terms. An order of which the platform knows every parcel to be gone is completed with it, and one of
    /// which nothing can be had any more is cancelled.
    fn update(&mut self, terms: Arc<Terms>, known: Option<Known>, desk: Desk<'_>) {
        self.push(Event::OrderUpdated { terms, known });
        if self.order.units().1 == 0 {
            self.push_all(cancelling(&self.order.clone(), "short", true, desk));
        } else if self.order.progress.state == State::PartlyDispatched && self.order.is_gone() {
            let parcels = self.order.progress.parcels.len() as u32;
            self.push(Event::OrderCompleted { order: self.order.reference(), parcels });
        }
        self.pick_again(desk);
        self.end_picking();
    }

    /// Where one picks and another packs, an order that lacks something again goes back to whoever picks.
    fn pick_again(&mut self, desk: Desk<'_>) {
        let lacks = self.order.progress.state == State::Packing && !self.order.is_picked();
        if lacks && desk.rules.flow == Flow::PickThenPack && !self.order.progress.held {
            let (_, units) = self.order.units_picked();
            self.push(Event::PickStarted { order: self.order.reference(), units, tote: None });
        }
    }

    /// Nobody can scan what is no longer missing: picking that lacks nothing has ended.
    fn end_picking(&mut self) {
        if self.order.progress.state == State::Picking && self.order.is_picked() && !self.order.progress.held {
            let (picked, wanted) = self.order.units_picked();
            self.push(Event::PickCompleted { order: self.order.reference(), picked, wanted });
        }
    }

    fn change(self) -> Change {
        Change { events: self.events, order: Some(self.order) }
    }
}

#[cfg(test)]
mod tests;
