//! What the platform is asked to tell a customer: each milestone once, the newer instead of the older.

use super::event::OrderRef;
use super::name::CarrierId;
use super::order::{Delivery, Order, Promise};
use super::rules::Rules;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// A step that customers are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Milestone {
    Packed,
    /// A pick-up order lies where its customer can have it.
    ReadyForPickup,
    HandedOver,
    Collected,
}

impl Milestone {
    /// Every milestone, with the word for it in interfaces.
    pub const WORDS: [(&str, Self); 4] = [
        ("packed", Self::Packed),
        ("ready_for_pickup", Self::ReadyForPickup),
        ("handed_over", Self::HandedOver),
        ("collected", Self::Collected),
    ];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].0
    }

    /// Later steps have higher ranks; a lower one is never told after a higher one.
    #[must_use]
    pub fn rank(self) -> u32 {
        match self {
            Self::Packed => 20,
            Self::ReadyForPickup => 30,
            Self::HandedOver | Self::Collected => 40,
        }
    }

    /// After this long nobody wants to hear it any more.
    fn expires_after(self) -> SignedDuration {
        match self {
            Self::Packed => SignedDuration::from_hours(24),
            Self::HandedOver | Self::Collected => SignedDuration::from_hours(48),
            Self::ReadyForPickup => SignedDuration::from_hours(72),
        }
    }

    /// The step before it, of which nobody wants to hear any more.
    fn replaces(self) -> Option<Self> {
        match self {
            Self::Packed => None,
            Self::ReadyForPickup | Self::HandedOver => Some(Self::Packed),
            Self::Collected => Some(Self::ReadyForPickup),
        }
    }
}

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
    pub items: Vec<(Arc<str>, u32)>,
    pub carrier: Option<CarrierId>,
    pub service: Option<Box<str>>,
    /// The parcel's number with its carrier.
    pub tracking: Option<Box<str>>,
    pub tracking_url: Option<Box<str>>,
    pub promise: Promise,
    pub expires_at: Timestamp,
    /// The key of the notice that this one makes old.
    pub replaces: Option<Box<str>>,
}

/// The notice of `milestone`, or none for a customer who allows no channel.
///
/// `parcel` names the parcel that it is about; without one it is about the whole order.
#[must_use]
pub fn notice(
    rules: &Rules,
    order: &Order,
    milestone: Milestone,
    parcel: Option<u32>,
    now: Timestamp,
) -> Option<Notice> {
    let notify = &order.terms.notify;
    let customer = notify.customer.clone().filter(|_| !notify.channels.is_empty())?;
    let (carrier, service) = match &order.terms.delivery {
        Delivery::Carrier { carrier, service } => (Some(carrier.clone()), service.clone()),
        Delivery::Pickup => (None, None),
    };
    let about = parcel.and_then(|n| order.parcel(n));
    let items = match about {
        Some(parcel) => order.contents(parcel).map(|(line, units)| (Arc::clone(&line.name), units)).collect(),
        None => {
            let wanted = (0..order.terms.lines.len()).map(|line| (line, order.wanted(line)));
            let some = wanted.filter(|(_, units)| 0 < *units);
            some.map(|(line, units)| (Arc::clone(&order.terms.lines[line].name), units)).collect()
        }
    };
    let key = |milestone: Milestone, parcel: Option<u32>| {
        let parcel = parcel.map_or_else(|| "-".to_owned(), |n| n.to_string());
        format!("{}/{}/{parcel}/{}/1", rules.site, order.terms.id, milestone.word()).into_boxed_str()
    };
    Some(Notice {
        key: key(milestone, parcel),
        milestone,
        order: order.reference(),
        parcel: parcel.map(|n| (n, order.parcels_total())),
        customer,
        channels: notify.channels.clone(),
        language: notify.language.clone(),
        items,
        carrier,
        service,
        tracking_url: about.and_then(|parcel| rules.carrier_of(order)?.tracking_url(parcel.tracking.as_deref()?)),
        tracking: about.and_then(|parcel| parcel.tracking.clone()),
        promise: order.terms.promise.clone(),
        expires_at: now.saturating_add(milestone.expires_after()).unwrap_or(Timestamp::MAX),
        replaces: milestone.replaces().map(|earlier| key(earlier, None)),
    })
}
