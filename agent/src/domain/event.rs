//! Everything that can be recorded, in the past tense. Each event is self-contained: whoever reads it needs no other.

use super::carrier::Collection;
use super::name::{CarrierId, DispatchKey, LineId, ManifestId, OrderId, OrderNumber, ProductCode, ScannerId, Sku};
use super::notice::Notice;
use super::order::{Done, Order, Terms};
use super::signal::{Reason, Signal};
use super::sscc::Sscc;
use super::stock::Stock;
use std::sync::Arc;

/// One recorded fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    OrderAccepted {
        terms: Arc<Terms>,
    },
    /// `known` is what the platform told of work that an older copy of the database had forgotten.
    OrderUpdated {
        terms: Arc<Terms>,
        known: Option<Known>,
    },
    /// Quantities are what had been picked: goods to be put back. `partial`: some parcels had left already.
    OrderCancelled {
        order: OrderRef,
        cause: Box<str>,
        notify: bool,
        partial: bool,
        picked: Vec<(Item, u32)>,
    },
    OrderCompleted {
        order: OrderRef,
        parcels: u32,
    },
    PackStarted {
        order: OrderRef,
        units: u32,
    },
    /// One unit left the shelf; `stock` is after it.
    ItemPicked {
        order: OrderRef,
        item: Item,
        code: ProductCode,
        method: Method,
        picked: u32,
        wanted: u32,
        stock: Stock,
    },
    /// One unit is in a parcel.
    ItemPacked {
        order: OrderRef,
        item: Item,
        parcel: u32,
        packed: u32,
        wanted: u32,
    },
    ParcelSealed {
        order: OrderRef,
        parcel: u32,
        sscc: Sscc,
        contents: Vec<(Item, u32)>,
    },
    PackCompleted {
        order: OrderRef,
        parcels: u32,
    },
    /// The same-day dispatch trigger: one per parcel.
    DispatchRequested {
        order: OrderRef,
        key: DispatchKey,
        parcel: u32,
        /// How many parcels the order has, once that is certain.
        of: Option<u32>,
        sscc: Sscc,
        carrier: CarrierId,
        carrier_name: Box<str>,
        service: Option<Box<str>>,
        collection: Option<Collection>,
        time_left_s: Option<i64>,
        revision: u32,
    },
    DispatchWithdrawn {
        order: OrderRef,
        key: DispatchKey,
        parcel: u32,
        sscc: Sscc,
        cause: Box<str>,
    },
    ParcelLoaded {
        order: OrderRef,
        parcel: u32,
        sscc: Sscc,
        carrier: CarrierId,
        manifest: ManifestId,
        loaded: u32,
    },
    ParcelUnloaded {
        order: OrderRef,
        parcel: u32,
        sscc: Sscc,
        carrier: CarrierId,
        manifest: ManifestId,
        loaded: u32,
    },
    HandedOver {
        order: OrderRef,
        parcel: u32,
        of: Option<u32>,
        sscc: Sscc,
        carrier: CarrierId,
        service: Option<Box<str>>,
        manifest: ManifestId,
        key: Option<DispatchKey>,
    },
    /// The customer notification trigger.
    NotificationRequested(Box<Notice>),
    /// A change that no pick explains; `stock` is after it.
    StockAdjusted {
        sku: Sku,
        delta: i64,
        stock: Stock,
        cause: Adjustment,
    },
    StockLow {
        sku: Sku,
        name: Arc<str>,
        stock: Stock,
        threshold: i64,
    },
    SiteStarted {
        cause: StartCause,
        follows: Option<(Box<str>, u64)>,
        version: Box<str>,
        boot: Box<str>,
    },
    SiteStopped,
    /// A scan that counted for nothing, as the bench saw it.
    ScanRefused {
        scanner: ScannerId,
        code: Box<str>,
        signal: Signal,
        reason: Reason,
        order: Option<OrderNumber>,
        expected: Vec<Box<str>>,
    },
    ScannerLost {
        scanner: ScannerId,
        cause: Box<str>,
    },
    ScannerBack {
        scanner: ScannerId,
    },
}

/// The order that an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRef {
    pub id: OrderId,
    pub number: OrderNumber,
    pub revision: u32,
}

/// The line that an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub line: LineId,
    pub sku: Sku,
    pub name: Arc<str>,
}

/// How the item was identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Scan,
    /// Typed or sent by a person: the command line's `scan`.
    Manual,
}

/// Why stock changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adjustment {
    /// The platform set it.
    Set,
}

/// Why the agent, or this life of its database, began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartCause {
    /// A new database.
    New,
    /// The same database after an orderly stop.
    Restarted,
    /// The same database after a crash or a power cut.
    Recovered,
    /// The database turned out to be an older copy: a new epoch.
    OldCopy,
}

/// What the platform knows of an order's progress.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    pub lines: Vec<(LineId, Done)>,
    pub parcels: Vec<KnownParcel>,
    /// `pack.completed` had been received.
    pub packed: bool,
}

/// A sealed parcel that the platform knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownParcel {
    pub n: u32,
    pub sscc: Sscc,
    pub handed_over: bool,
    pub contents: Vec<(LineId, u32)>,
}

/// An event's type, without its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    OrderAccepted,
    OrderUpdated,
    OrderCancelled,
    OrderCompleted,
    PackStarted,
    ItemPicked,
    ItemPacked,
    ParcelSealed,
    PackCompleted,
    DispatchRequested,
    DispatchWithdrawn,
    ParcelLoaded,
    ParcelUnloaded,
    HandedOver,
    NotificationRequested,
    StockAdjusted,
    StockLow,
    SiteStarted,
    SiteStopped,
    ScanRefused,
    ScannerLost,
    ScannerBack,
}

impl Kind {
    /// Every kind with its name in the contract: `{group}.{type}`.
    pub const WORDS: [(&str, Self); 22] = [
        ("order.accepted", Self::OrderAccepted),
        ("order.updated", Self::OrderUpdated),
        ("order.cancelled", Self::OrderCancelled),
        ("order.completed", Self::OrderCompleted),
        ("pack.started", Self::PackStarted),
        ("pick.item_picked", Self::ItemPicked),
        ("pack.item_packed", Self::ItemPacked),
        ("pack.parcel_sealed", Self::ParcelSealed),
        ("pack.completed", Self::PackCompleted),
        ("dispatch.requested", Self::DispatchRequested),
        ("dispatch.withdrawn", Self::DispatchWithdrawn),
        ("dispatch.parcel_loaded", Self::ParcelLoaded),
        ("dispatch.parcel_unloaded", Self::ParcelUnloaded),
        ("dispatch.handed_over", Self::HandedOver),
        ("notification.requested", Self::NotificationRequested),
        ("stock.adjusted", Self::StockAdjusted),
        ("stock.low", Self::StockLow),
        ("site.started", Self::SiteStarted),
        ("site.stopped", Self::SiteStopped),
        ("site.scan_refused", Self::ScanRefused),
        ("site.scanner_lost", Self::ScannerLost),
        ("site.scanner_back", Self::ScannerBack),
    ];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].0
    }

    /// The kind that the contract calls `word`.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind)
    }

    /// The topic level that it is published under: the part before the dot.
    #[must_use]
    pub fn group(self) -> &'static str {
        let word = self.word();
        word.split_once('.').map_or(word, |(group, _)| group)
    }
}

impl Event {
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::OrderAccepted { .. } => Kind::OrderAccepted,
            Self::OrderUpdated { .. } => Kind::OrderUpdated,
            Self::OrderCancelled { .. } => Kind::OrderCancelled,
            Self::OrderCompleted { .. } => Kind::OrderCompleted,
            Self::PackStarted { .. } => Kind::PackStarted,
            Self::ItemPicked { .. } => Kind::ItemPicked,
            Self::ItemPacked { .. } => Kind::ItemPacked,
            Self::ParcelSealed { .. } => Kind::ParcelSealed,
            Self::PackCompleted { .. } => Kind::PackCompleted,
            Self::DispatchRequested { .. } => Kind::DispatchRequested,
            Self::DispatchWithdrawn { .. } => Kind::DispatchWithdrawn,
            Self::ParcelLoaded { .. } => Kind::ParcelLoaded,
            Self::ParcelUnloaded { .. } => Kind::ParcelUnloaded,
            Self::HandedOver { .. } => Kind::HandedOver,
            Self::NotificationRequested(_) => Kind::NotificationRequested,
            Self::StockAdjusted { .. } => Kind::StockAdjusted,
            Self::StockLow { .. } => Kind::StockLow,
            Self::SiteStarted { .. } => Kind::SiteStarted,
            Self::SiteStopped => Kind::SiteStopped,
            Self::ScanRefused { .. } => Kind::ScanRefused,
            Self::ScannerLost { .. } => Kind::ScannerLost,
            Self::ScannerBack { .. } => Kind::ScannerBack,
        }
    }

    /// The order that the event moves; a refused scan moves none.
    #[must_use]
    pub fn order(&self) -> Option<&OrderId> {
        match self {
            Self::OrderAccepted { terms } | Self::OrderUpdated { terms, .. } => Some(&terms.id),
            Self::OrderCancelled { order, .. }
            | Self::OrderCompleted { order, .. }
            | Self::PackStarted { order, .. }
            | Self::ItemPicked { order, .. }
            | Self::ItemPacked { order, .. }
            | Self::ParcelSealed { order, .. }
            | Self::PackCompleted { order, .. }
            | Self::DispatchRequested { order, .. }
            | Self::DispatchWithdrawn { order, .. }
            | Self::ParcelLoaded { order, .. }
            | Self::ParcelUnloaded { order, .. }
            | Self::HandedOver { order, .. } => Some(&order.id),
            Self::NotificationRequested(notice) => Some(&notice.order.id),
            Self::StockAdjusted { .. }
            | Self::StockLow { .. }
            | Self::SiteStarted { .. }
            | Self::SiteStopped
            | Self::ScanRefused { .. }
            | Self::ScannerLost { .. }
            | Self::ScannerBack { .. } => None,
        }
    }
}

impl Order {
    /// How events name this order.
    #[must_use]
    pub fn reference(&self) -> OrderRef {
        OrderRef { id: self.terms.id.clone(), number: self.terms.number.clone(), revision: self.terms.revision }
    }

    /// How events name one of its lines.
    #[must_use]
    pub fn item(&self, line: usize) -> Item {
        let line = &self.terms.lines[line];
        Item { line: line.id.clone(), sku: line.sku.clone(), name: Arc::clone(&line.name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_in_the_order_of_the_kinds() {
        for (index, (word, kind)) in Kind::WORDS.into_iter().enumerate() {
            assert_eq!(kind as usize, index, "{word}");
            assert_eq!(Kind::named(word), Some(kind));
        }
        for (index, (word, state)) in super::super::order::State::WORDS.into_iter().enumerate() {
            assert_eq!(state as usize, index, "{word}");
        }
        for (index, (word, state)) in super::super::order::ParcelState::WORDS.into_iter().enumerate() {
            assert_eq!(state as usize, index, "{word}");
        }
    }
}
