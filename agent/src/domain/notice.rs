//! What the platform is asked to tell a customer: each milestone once, the newer instead of the older.

use super::event::OrderRef;
use super::name::{CarrierId, SiteId};
use super::order::{Delivery, Order, Promise};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// A step that customers are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Milestone {
    Packed,
    HandedOver,
}

impl Milestone {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Packed => "packed",
            Self::HandedOver => "handed_over",
        }
    }

    /// Later steps have higher ranks; a lower one is never told after a higher one.
    #[must_use]
    pub fn rank(self) -> u32 {
        match self {
            Self::Packed => 20,
            Self::HandedOver => 40,
        }
    }

    /// After this long nobody wants to hear it any more.
    fn expires_after(self) -> SignedDuration {
        match self {
            Self::Packed => SignedDuration::from_hours(24),
            Self::HandedOver => SignedDuration::from_hours(48),
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
    site: &SiteId,
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
    let items = match parcel.and_then(|n| order.parcel(n)) {
        Some(parcel) => order.contents(parcel).map(|(line, units)| (Arc::clone(&line.name), units)).collect(),
        None => order.terms.lines.iter().map(|line| (Arc::clone(&line.name), line.quantity)).collect(),
    };
    let key = |milestone: Milestone, parcel: Option<u32>| {
        let parcel = parcel.map_or_else(|| "-".to_owned(), |n| n.to_string());
        format!("{site}/{}/{parcel}/{}/1", order.terms.id, milestone.word()).into_boxed_str()
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
        promise: order.terms.promise.clone(),
        expires_at: now.saturating_add(milestone.expires_after()).unwrap_or(Timestamp::MAX),
        replaces: (milestone == Milestone::HandedOver).then(|| key(Milestone::Packed, None)),
    })
}
