//! What the platform is asked to tell a customer: each thing once, the newer instead of the older.
//!
//! An order remembers what has been asked for ([`Told`]), by the events alone. The same is never asked for twice; what
//! has something new to say is a new revision. `replaces` names what a notice makes old, and only what was asked for:
//! a step of the way replaces the one before it, or what it said itself before; `delayed` is replaced by a later one, and
//! by the hand-over after which nothing is left here. Nothing replaces `short_shipped`, `cancelled`, `return_received`.

mod milestone;
mod told;

use super::carrier::Collection;
use super::code::Cause;
use super::event::OrderRef;
use super::name::{CarrierId, ReturnId};
use super::order::{Delivery, Order, Promise, State};
use super::returns::Return;
use super::rules::Rules;
use jiff::Timestamp;
use std::sync::Arc;

pub use milestone::Milestone;
pub use told::Told;

/// One request to notify, with all that a template needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Site, order, parcel, milestone and revision: the platform sends each once.
    pub key: Box<str>,
    pub milestone: Milestone,
    pub order: OrderRef,
    /// Number of the parcel and of all parcels, where it is about one.
    pub parcel: Option<(u32, Option<u32>)>,
    pub customer: Box<str>,
    pub channels: Vec<Box<str>>,
    pub language: Option<Box<str>>,
    /// Of a cancellation or a delay what it is about; of a return what was announced; else what comes.
    pub items: Vec<(Arc<str>, u32)>,
    pub carrier: Option<CarrierId>,
    pub service: Option<Box<str>>,
    /// The parcel's number with its carrier.
    pub tracking: Option<Box<str>>,
    pub tracking_url: Option<Box<str>>,
    pub promise: Promise,
    /// Why it was cancelled, is short or comes later.
    pub reason: Option<Box<str>>,
    /// All that doesn't come of the order, as it is now; of `short_shipped` only.
    pub short: Vec<(Arc<str>, u32)>,
    pub delay: Option<DelayNotice>,
    pub returned: Option<ReturnNotice>,
    pub expires_at: Timestamp,
    /// The key of the notice that this one makes old.
    pub replaces: Option<Box<str>>,
    /// Keys of others that it makes old.
    pub also_replaces: Vec<Box<str>>,
}

/// A promise that won't hold, or holds again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delay {
    /// What is expected now; none if nobody can tell.
    pub revised: Option<Revised>,
    /// Why, as the promise's event says it.
    pub cause: Box<str>,
    /// It holds again.
    pub restored: bool,
}

/// What can be kept instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revised {
    pub collection: Option<Collection>,
    pub promise: Promise,
}

/// What a customer is told of a delay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelayNotice {
    pub revised: Option<Revised>,
    pub first: bool,
    pub restored: bool,
    pub choices: Vec<Choice>,
}

/// What a customer can do about a delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Wait for it.
    Keep,
    /// Fetch it here.
    PickUp,
    Cancel,
}

impl Choice {
    /// Every choice, with the word for it in interfaces.
    pub const WORDS: [(&str, Self); 3] = [("keep", Self::Keep), ("pick_up", Self::PickUp), ("cancel", Self::Cancel)];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

/// The return that a notice is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnNotice {
    pub id: ReturnId,
    pub authorized: bool,
    /// What the customer chose.
    pub resolution: Option<Box<str>>,
}

/// A step of the order's way; `parcel` names the parcel that it is about, without one it is about the whole order.
///
/// None for a customer who allows no channel, for what has been told, and for what waits for the carrier's number.
#[must_use]
pub fn step(rules: &Rules, order: &Order, milestone: Milestone, parcel: Option<u32>, now: Timestamp) -> Option<Notice> {
    if milestone == Milestone::HandedOver && awaits_number(rules, order, parcel) {
        return None;
    }
    // Of an order that left while it was packed each parcel has been told of.
    if milestone == Milestone::Packed && order.is_gone() {
        return None;
    }
    let notice = draft(rules, order, milestone, parcel, now)?;
    let before = order.told(milestone, parcel);
    let delayed = order.told(Milestone::Delayed, None);
    let delayed = delayed.filter(|(at, _)| milestone.is_hand_over() && before.is_none_or(|(before, _)| before < *at));
    if before.is_some_and(|(_, before)| before.said == notice.said()) && delayed.is_none() {
        return None;
    }
    let revision = before.map_or(0, |(_, before)| before.revision) + 1;
    let step = order.step_before(milestone, parcel);
    let delay = delayed.filter(|_| has_left(order)).map(|(_, delayed)| delayed);
    let mut old = step.into_iter().chain(delay).map(|told| key_of(rules, order, told));
    Some(Notice {
        key: key(rules, order, parcel, milestone, revision),
        replaces: old.next(),
        also_replaces: old.collect(),
        ..notice
    })
}

/// The carrier gives parcels numbers, and this one's has not come: "on its way" is said with it.
fn awaits_number(rules: &Rules, order: &Order, parcel: Option<u32>) -> bool {
    let has_none = parcel.and_then(|n| order.parcel(n)).is_some_and(|parcel| parcel.tracking.is_none());
    has_none && rules.carrier_of(order).is_some_and(super::carrier::Carrier::gives_numbers)
}

/// Whether all of the order is with its carrier or customer.
fn has_left(order: &Order) -> bool {
    matches!(order.progress.state, State::PartlyDispatched | State::Completed) && order.is_gone()
}

/// Units that don't come, while the order goes on without them; and, with a shorter list, that they come after all.
///
/// None for what has been told, and for a shortage that was made good before anybody was told.
#[must_use]
pub fn short(rules: &Rules, order: &Order, cause: Option<Cause>, now: Timestamp) -> Option<Notice> {
    let lines = order.terms.lines.iter().zip(&order.progress.lines).filter(|(_, done)| 0 < done.short);
    let short: Vec<_> = lines.map(|(line, done)| (Arc::clone(&line.name), done.short)).collect();
    let before = order.told(Milestone::ShortShipped, None).map(|(_, before)| before);
    if short.is_empty() && before.is_none() {
        return None;
    }
    let notice = draft(rules, order, Milestone::ShortShipped, None, now)?;
    let notice = Notice { short, reason: cause.map(|cause| cause.word().into()), ..notice };
    if before.is_some_and(|before| before.said == notice.said()) {
        return None;
    }
    let revision = before.map_or(0, |before| before.revision) + 1;
    Some(Notice { key: key(rules, order, None, Milestone::ShortShipped, revision), ..notice })
}

/// The order, or what was left of it, doesn't come. Nobody is told of one that goes on at another site.
#[must_use]
pub fn cancelled(rules: &Rules, order: &Order, cause: &str, now: Timestamp) -> Option<Notice> {
    if cause == REROUTED {
        return None;
    }
    let notice = draft(rules, order, Milestone::Cancelled, None, now)?;
    let items = named(order, |line| order.terms.lines[line].quantity.saturating_sub(gone(order, line)));
    Some(Notice { items, reason: Some(cause.into()), ..notice })
}

/// The cause of a cancellation after which the order goes on elsewhere.
const REROUTED: &str = "rerouted";

/// What the customer sent back is here; `order` is what it belongs to, and says whom to tell. Of an order that never left
/// nothing comes back unannounced.
#[must_use]
pub fn return_received(rules: &Rules, order: &Order, known: &Return, now: Timestamp) -> Option<Notice> {
    let any_gone = order.progress.parcels.iter().any(|parcel| parcel.state.is_gone());
    (known.authorized || any_gone).then_some(())?;
    let notice = draft(rules, order, Milestone::ReturnReceived, None, now)?;
    let revision = order.told(Milestone::ReturnReceived, None).map_or(0, |(_, before)| before.revision) + 1;
    let returned =
        ReturnNotice { id: known.id.clone(), authorized: known.authorized, resolution: known.resolution.clone() };
    Some(Notice {
        key: key(rules, order, None, Milestone::ReturnReceived, revision),
        items: known.lines.iter().map(|line| (Arc::clone(&line.name), line.quantity)).collect(),
        returned: Some(returned),
        ..notice
    })
}

/// What the checkout promised won't hold, or holds again. It makes the delay that was told before it old.
#[must_use]
pub fn delayed(rules: &Rules, order: &Order, delay: Delay, now: Timestamp) -> Option<Notice> {
    let notice = draft(rules, order, Milestone::Delayed, None, now)?;
    let Delay { revised, cause, restored } = delay;
    let choices = if restored { Vec::new() } else { choices(order) };
    let before = order.told(Milestone::Delayed, None).map(|(_, before)| before);
    let revision = before.map_or(0, |before| before.revision) + 1;
    Some(Notice {
        key: key(rules, order, None, Milestone::Delayed, revision),
        items: left_here(order),
        reason: Some(cause),
        delay: Some(DelayNotice { revised, first: before.is_none(), restored, choices }),
        replaces: before.map(|before| key_of(rules, order, before)),
        ..notice
    })
}

/// Fetching is a choice only while the carrier has none of it; what has left altogether can't be cancelled.
fn choices(order: &Order) -> Vec<Choice> {
    let any_gone = order.progress.parcels.iter().any(|parcel| parcel.state.is_gone());
    let by_carrier = matches!(order.terms.delivery, Delivery::Carrier { .. });
    let pick_up = (by_carrier && !any_gone).then_some(Choice::PickUp);
    let cancel = (!has_left(order)).then_some(Choice::Cancel);
    [Some(Choice::Keep), pick_up, cancel].into_iter().flatten().collect()
}

/// What the customer thinks of it, once for an order.
#[must_use]
pub fn feedback(rules: &Rules, order: &Order, now: Timestamp) -> Option<Notice> {
    let asked = order.told(Milestone::FeedbackInvited, None).is_some();
    draft(rules, order, Milestone::FeedbackInvited, None, now).filter(|_| !asked)
}

/// The first notice of its kind, as far as the order alone says it; none where the customer or the site wants none.
fn draft(rules: &Rules, order: &Order, milestone: Milestone, parcel: Option<u32>, now: Timestamp) -> Option<Notice> {
    let expires_after = *rules.notices.asked.get(&milestone)?;
    let notify = &order.terms.notify;
    let customer = notify.customer.clone().filter(|_| !notify.channels.is_empty())?;
    let (carrier, service) = match &order.terms.delivery {
        Delivery::Carrier { carrier, service } => (Some(carrier.clone()), service.clone()),
        Delivery::Pickup => (None, None),
    };
    let about = parcel.and_then(|n| order.parcel(n));
    Some(Notice {
        key: key(rules, order, parcel, milestone, 1),
        milestone,
        order: order.reference(),
        parcel: parcel.map(|n| (n, order.parcels_total())),
        customer,
        channels: notify.channels.clone(),
        language: notify.language.clone(),
        items: contents(order, parcel),
        carrier,
        service,
        tracking_url: about.and_then(|parcel| rules.carrier_of(order)?.tracking_url(parcel.tracking.as_deref()?)),
        tracking: about.and_then(|parcel| parcel.tracking.clone()),
        promise: order.terms.promise.clone(),
        reason: None,
        short: Vec::new(),
        delay: None,
        returned: None,
        expires_at: now.saturating_add(expires_after).unwrap_or(Timestamp::MAX),
        replaces: None,
        also_replaces: Vec::new(),
    })
}

fn key(rules: &Rules, order: &Order, parcel: Option<u32>, milestone: Milestone, revision: u32) -> Box<str> {
    let parcel = parcel.map_or_else(|| "-".to_owned(), |n| n.to_string());
    format!("{}/{}/{parcel}/{}/{revision}", rules.site, order.terms.id, milestone.word()).into()
}

fn key_of(rules: &Rules, order: &Order, told: &Told) -> Box<str> {
    key(rules, order, told.parcel, told.milestone, told.revision)
}

/// The units in the parcel, or all that the order wants.
fn contents(order: &Order, parcel: Option<u32>) -> Vec<(Arc<str>, u32)> {
    match parcel.and_then(|n| order.parcel(n)) {
        Some(parcel) => order.contents(parcel).map(|(line, units)| (Arc::clone(&line.name), units)).collect(),
        None => named(order, |line| order.wanted(line)),
    }
}

/// The units that the order wants and that have not left.
fn left_here(order: &Order) -> Vec<(Arc<str>, u32)> {
    named(order, |line| order.wanted(line).saturating_sub(gone(order, line)))
}

fn gone(order: &Order, line: usize) -> u32 {
    let gone = order.progress.parcels.iter().filter(|parcel| parcel.state.is_gone());
    gone.map(|parcel| parcel.units_of(line)).sum()
}

fn named(order: &Order, units: impl Fn(usize) -> u32) -> Vec<(Arc<str>, u32)> {
    let lines = order.terms.lines.iter().enumerate().map(|(index, line)| (Arc::clone(&line.name), units(index)));
    lines.filter(|(_, units)| 0 < *units).collect()
}

#[cfg(test)]
mod tests;
