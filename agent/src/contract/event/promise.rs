//! The shapes of what is said about promises and days, and how they come from the domain's and go back.

use super::super::order::WirePromise;
use super::wire::{Text, WireCollection, WireOrder, WireRevised};
use crate::domain::event::{CourierLate, DayClosed, DayCounts, Event, ManifestSummary};
use crate::domain::notice::Revised;
use crate::domain::promise::{Outlook, Queue, Trouble, Turn};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// `promise.at_risk`, `promise.will_miss`, `promise.recovered` and `promise.missed`.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireOutlook<'a> {
    pub order: WireOrder<'a>,
    /// The collection that the order has to make; absent for one that its customer fetches, and for one that came when
    /// those that keep its promise were over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<WireCollection<'a>>,
    /// As shown at checkout.
    pub promise: WirePromise,
    /// Why: `backlog`, `slow_pace`, `on_hold`, `cut_off`, `accepted_late`, `left_behind`, `no_courier`, `not_packed`,
    /// `not_loaded`, `day_closed`.
    pub cause: Text<'a>,
    /// When its last unit is expected to be packed; absent if nobody can tell, or all is packed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<Timestamp>,
    /// Units of the order that are still to be packed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<u32>,
    /// The work that comes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<Ahead>,
    /// Units per hour, now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<u32>,
    /// What is expected now, and in `recovered` what holds again; absent if nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revised: Option<WireRevised<'a>>,
    /// Whether what the checkout promised breaks with it.
    pub broken: bool,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Ahead {
    pub orders: u32,
    /// Units.
    pub items: u32,
}

/// `promise.kept`.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Kept<'a> {
    pub order: WireOrder<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<WireCollection<'a>>,
    pub promise: WirePromise,
    /// It left with a later collection than the checkout promised.
    pub late: bool,
}

/// `site.courier_late`.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireCourierLate<'a> {
    pub carrier: Text<'a>,
    pub carrier_name: Text<'a>,
    pub collection: WireCollection<'a>,
    /// How long after the collection's time nobody had wondered.
    pub grace_s: u64,
    /// The manifest that is being loaded, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Text<'a>>,
    /// Parcels on it.
    pub loaded: u32,
    /// Closed parcels of the carrier that are on no manifest.
    pub waiting: u32,
}

/// `site.day_closed`.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireDay<'a> {
    /// In the site's zone.
    pub date: Date,
    /// What is counted happened between the last close, or the first event, and this one.
    pub from: Timestamp,
    pub to: Timestamp,
    pub manifests: Vec<WireManifest<'a>>,
    pub orders: WireOrders,
    pub items: WireItems,
    pub parcels: WireParcels,
    pub returns: WireReturns,
    pub promises: WirePromises,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireManifest<'a> {
    pub manifest: Text<'a>,
    pub carrier: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<WireCollection<'a>>,
    pub parcels: u32,
    /// Whether it was handed over, or given up because nobody came (then without parcels).
    pub closed: bool,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireOrders {
    pub accepted: u64,
    pub completed: u64,
    pub cancelled: u64,
    /// Still to be done at the close.
    pub open: u64,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireItems {
    pub picked: u64,
    pub packed: u64,
    pub short: u64,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireParcels {
    pub sealed: u64,
    pub handed_over: u64,
    pub collected: u64,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireReturns {
    pub received: u64,
    pub completed: u64,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WirePromises {
    pub kept: u64,
    pub missed: u64,
}

/// `site.clock_corrected`: the stored times of a range of sequences are to be shifted.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClockCorrected<'a> {
    pub boot: Text<'a>,
    /// First and last sequence, both of this epoch.
    pub from: u64,
    pub to: u64,
    pub offset_ms: i64,
}

/// `site.storage_salvaged`.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StorageSalvaged<'a> {
    /// Events that could be read and go on.
    pub events: u64,
    pub lost: u64,
    pub cause: Text<'a>,
}

/// `site.action_taken`.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ActionTaken<'a> {
    pub action: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Text<'a>>,
    pub outcome: Text<'a>,
    /// Who had it done: a session of the page, `token`, `board` or `cli`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Text<'a>>,
}

impl<'a> From<&'a Outlook> for WireOutlook<'a> {
    fn from(outlook: &'a Outlook) -> Self {
        let queue = outlook.queue;
        Self {
            order: (&outlook.order).into(),
            collection: outlook.collection.as_ref().map(Into::into),
            promise: WirePromise::from_domain(&outlook.promise),
            cause: outlook.trouble.word().into(),
            finish: outlook.finish,
            left: queue.map(|queue| queue.units_left),
            ahead: queue.map(|queue| Ahead { orders: queue.orders_ahead, items: queue.units_ahead }),
            pace: queue.map(|queue| queue.pace),
            revised: outlook.revised.as_ref().map(Into::into),
            broken: outlook.broken,
        }
    }
}

impl WireOutlook<'_> {
    pub fn into_event(self, turn: Turn) -> Result<Event, String> {
        let queue = match (self.left, self.ahead, self.pace) {
            (Some(units_left), Some(ahead), Some(pace)) => {
                Some(Queue { units_left, orders_ahead: ahead.orders, units_ahead: ahead.items, pace })
            }
            _ => None,
        };
        let outlook = Outlook {
            order: self.order.into(),
            collection: self.collection.map(Into::into),
            promise: self.promise.into_domain(),
            trouble: Trouble::named(&self.cause).ok_or_else(|| format!("cause {:?} is not known", self.cause))?,
            finish: self.finish,
            queue,
            revised: self.revised.map(Revised::from),
            broken: self.broken,
        };
        Ok(Event::PromiseTurned { turn, outlook: Box::new(outlook) })
    }
}

impl<'a> From<&'a CourierLate> for WireCourierLate<'a> {
    fn from(late: &'a CourierLate) -> Self {
        Self {
            carrier: Text::Borrowed(&late.carrier),
            carrier_name: late.name.as_ref().into(),
            collection: (&late.collection).into(),
            grace_s: late.grace_s,
            manifest: late.manifest.as_deref().map(Into::into),
            loaded: late.loaded,
            waiting: late.waiting,
        }
    }
}

impl From<WireCourierLate<'_>> for CourierLate {
    fn from(wire: WireCourierLate<'_>) -> Self {
        Self {
            carrier: wire.carrier.as_ref().into(),
            name: wire.carrier_name.into(),
            collection: wire.collection.into(),
            grace_s: wire.grace_s,
            manifest: wire.manifest.map(|manifest| manifest.as_ref().into()),
            loaded: wire.loaded,
            waiting: wire.waiting,
        }
    }
}

impl<'a> From<&'a DayClosed> for WireDay<'a> {
    fn from(day: &'a DayClosed) -> Self {
        let manifest = |manifest: &'a ManifestSummary| WireManifest {
            manifest: Text::Borrowed(&manifest.id),
            carrier: Text::Borrowed(&manifest.carrier),
            collection: manifest.collection.as_ref().map(Into::into),
            parcels: manifest.parcels,
            closed: manifest.closed,
        };
        let counts = &day.counts;
        Self {
            date: day.date,
            from: day.from,
            to: day.to,
            manifests: day.manifests.iter().map(manifest).collect(),
            orders: WireOrders {
                accepted: counts.orders_accepted,
                completed: counts.orders_completed,
                cancelled: counts.orders_cancelled,
                open: counts.orders_open,
            },
            items: WireItems { picked: counts.items_picked, packed: counts.items_packed, short: counts.items_short },
            parcels: WireParcels {
                sealed: counts.parcels_sealed,
                handed_over: counts.parcels_handed_over,
                collected: counts.parcels_collected,
            },
            returns: WireReturns { received: counts.returns_received, completed: counts.returns_completed },
            promises: WirePromises { kept: counts.promises_kept, missed: counts.promises_missed },
        }
    }
}

impl From<WireDay<'_>> for DayClosed {
    fn from(wire: WireDay<'_>) -> Self {
        let manifest = |wire: WireManifest<'_>| ManifestSummary {
            id: wire.manifest.as_ref().into(),
            carrier: wire.carrier.as_ref().into(),
            collection: wire.collection.map(Into::into),
            parcels: wire.parcels,
            closed: wire.closed,
        };
        Self {
            date: wire.date,
            from: wire.from,
            to: wire.to,
            manifests: wire.manifests.into_iter().map(manifest).collect(),
            counts: DayCounts {
                orders_accepted: wire.orders.accepted,
                orders_completed: wire.orders.completed,
                orders_cancelled: wire.orders.cancelled,
                orders_open: wire.orders.open,
                items_picked: wire.items.picked,
                items_packed: wire.items.packed,
                items_short: wire.items.short,
                parcels_sealed: wire.parcels.sealed,
                parcels_handed_over: wire.parcels.handed_over,
                parcels_collected: wire.parcels.collected,
                returns_received: wire.returns.received,
                returns_completed: wire.returns.completed,
                promises_kept: wire.promises.kept,
                promises_missed: wire.promises.missed,
            },
        }
    }
}
