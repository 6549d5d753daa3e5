//! Everything that can be recorded, in the past tense. Each event is self-contained: whoever reads it needs no other.

use super::carrier::Collection;
use super::code::{Cause, Condition, Values};
use super::name::{
    BinId, CarrierId, DispatchKey, LineId, ManifestId, OperatorId, OrderId, OrderNumber, ProductCode, ScannerId, Sku,
    ToteId,
};
use super::notice::Notice;
use super::order::{Done, Order, Promise, Terms};
use super::promise::{Outlook, Turn};
use super::returns::{Return, ReturnRef, Returned};
use super::signal::{Reason, Signal};
use super::sscc::Sscc;
use super::stock::Stock;
use jiff::Timestamp;
use jiff::civil::Date;
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
    /// Nobody works on it until it is released.
    OrderHeld {
        order: OrderRef,
        cause: Box<str>,
    },
    OrderReleased {
        order: OrderRef,
    },
    /// It comes before all others now.
    OrderExpedited {
        order: OrderRef,
    },
    /// The customer has fetched it.
    OrderCollected {
        order: OrderRef,
        parcels: u32,
    },
    OrderCompleted {
        order: OrderRef,
        parcels: u32,
    },
    /// Picking begins, or goes on after a unit was taken out again.
    PickStarted {
        order: OrderRef,
        units: u32,
        tote: Option<ToteId>,
    },
    /// Every unit that is to be had is picked.
    PickCompleted {
        order: OrderRef,
        picked: u32,
        wanted: u32,
    },
    PackStarted {
        order: OrderRef,
        units: u32,
        tote: Option<ToteId>,
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
    /// One unit is no longer picked: undone or taken out, or (`put_back`) of goods that the order no longer wants.
    /// `stock` is after it; `restocked`: it is on the shelf again.
    ItemUnpicked {
        order: OrderRef,
        item: Item,
        picked: u32,
        wanted: u32,
        put_back: bool,
        restocked: bool,
        stock: Stock,
    },
    /// Units that this site can't deliver leave the order; a negative quantity gives them back. `delta` is what it
    /// changed on the shelf, `stock` is after it, `wanted` is what the line still asks for.
    ItemShort {
        order: OrderRef,
        item: Item,
        quantity: i64,
        cause: Cause,
        picked: u32,
        wanted: u32,
        delta: i64,
        stock: Stock,
    },
    /// One unit is in a parcel.
    ItemPacked {
        order: OrderRef,
        item: Item,
        parcel: u32,
        packed: u32,
        wanted: u32,
        values: Values,
    },
    /// One unit is out of its parcel again.
    ItemUnpacked {
        order: OrderRef,
        item: Item,
        parcel: u32,
        packed: u32,
        wanted: u32,
        values: Values,
    },
    /// `weight_g`: of its contents, where every item's is known.
    ParcelSealed {
        order: OrderRef,
        parcel: u32,
        sscc: Sscc,
        contents: Vec<(Item, u32)>,
        weight_g: Option<u64>,
    },
    /// Its label is void from here on.
    ParcelReopened {
        order: OrderRef,
        parcel: u32,
        sscc: Sscc,
    },
    /// The parcel carries its label: it was scanned. `sscc` is the parcel's from here on.
    ParcelLabelled {
        order: OrderRef,
        parcel: u32,
        of: Option<u32>,
        sscc: Sscc,
        tracking: Option<Box<str>>,
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
    /// The carrier's label is wanted at the station, for the first time or again.
    LabelRequested {
        order: OrderRef,
        parcel: u32,
        sscc: Sscc,
        carrier: CarrierId,
    },
    /// The carrier's label has come; one before it is void.
    LabelReceived {
        order: OrderRef,
        parcel: u32,
        sscc: Sscc,
        tracking: Option<Box<str>>,
        revision: u32,
    },
    /// The label is void: the order goes another way, or the parcel was packed anew. `sscc` is its number from here on.
    LabelVoided {
        order: OrderRef,
        parcel: u32,
        voided: Sscc,
        sscc: Sscc,
    },
    /// A pick-up order's parcel lies where its customer can have it.
    ParcelReady {
        order: OrderRef,
        parcel: u32,
        of: Option<u32>,
        sscc: Sscc,
        place: BinId,
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
        tracking: Option<Box<str>>,
        manifest: ManifestId,
        key: Option<DispatchKey>,
    },
    /// Found here after its courier had left: it had not been handed over after all.
    LeftBehind {
        order: OrderRef,
        parcel: u32,
        sscc: Sscc,
        carrier: CarrierId,
        manifest: ManifestId,
    },
    /// The collection that `key` asked for has gone without the parcel.
    DispatchMissed {
        order: OrderRef,
        key: DispatchKey,
        parcel: u32,
        sscc: Sscc,
        cause: Box<str>,
    },
    /// The customer notification trigger.
    NotificationRequested(Box<Notice>),
    ReturnAuthorized {
        terms: Box<Return>,
    },
    /// The box is here.
    ReturnReceived {
        about: ReturnRef,
    },
    /// One item of it, and how it is; `negates` takes the last such one back. `stock` is after an item that went on the
    /// shelf, or came off it again.
    ItemInspected {
        about: ReturnRef,
        item: Returned,
        condition: Condition,
        negates: bool,
        stock: Option<Stock>,
    },
    /// `outstanding`: announced, and not in the box.
    ReturnCompleted {
        about: ReturnRef,
        resolution: Option<Box<str>>,
        found: Vec<(Returned, Condition)>,
        outstanding: Vec<(Sku, Arc<str>, u32)>,
    },
    /// A change that no pick explains; `stock` is after it.
    StockAdjusted {
        sku: Sku,
        delta: i64,
        stock: Stock,
        cause: Adjustment,
    },
    /// `delta`: by how much the books were wrong; `stock` is after it.
    StockCounted {
        sku: Sku,
        name: Arc<str>,
        counted: u32,
        delta: i64,
        stock: Stock,
        bin: Option<BinId>,
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
    OperatorIn {
        operator: OperatorId,
    },
    OperatorOut {
        operator: OperatorId,
        cause: SignOut,
    },
    ScannerLost {
        scanner: ScannerId,
        cause: Box<str>,
    },
    ScannerBack {
        scanner: ScannerId,
    },
    /// How an order stands with what was promised has turned.
    PromiseTurned {
        turn: Turn,
        outlook: Box<Outlook>,
    },
    /// It left with the collection that it had to make; `late`: that one was later than promised at checkout.
    PromiseKept {
        order: OrderRef,
        collection: Option<Collection>,
        promise: Promise,
        late: bool,
    },
    /// A collection's time and grace are over, and nobody has handed over.
    CourierLate(Box<CourierLate>),
    DayClosed(Box<DayClosed>),
    /// The board has learned the time: what it stored in this boot from one sequence to another is to be shifted.
    ClockCorrected {
        boot: Box<str>,
        from: u64,
        to: u64,
        offset_ms: i64,
    },
    /// The database was damaged: what could be read goes on in a new epoch.
    StorageSalvaged {
        events: u64,
        lost: u64,
        cause: Box<str>,
    },
    /// A technician did something with the agent.
    ActionTaken {
        action: Box<str>,
        target: Option<Box<str>>,
        outcome: Box<str>,
        /// A session, `token`, `board` or `cli`; never a person.
        by: Option<Box<str>>,
    },
}

/// A courier that did not come, or came and nobody scanned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CourierLate {
    pub carrier: CarrierId,
    pub name: Box<str>,
    pub collection: Collection,
    pub grace_s: u64,
    /// What is loaded already.
    pub manifest: Option<ManifestId>,
    pub loaded: u32,
    /// Parcels that are closed, and on no manifest.
    pub waiting: u32,
}

/// What a day was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayClosed {
    /// Local.
    pub date: Date,
    /// From the last close, or the first event, to this one.
    pub from: Timestamp,
    pub to: Timestamp,
    pub manifests: Vec<ManifestSummary>,
    pub counts: DayCounts,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestSummary {
    pub id: ManifestId,
    pub carrier: CarrierId,
    pub collection: Option<Collection>,
    pub parcels: u32,
    pub closed: bool,
}

/// How often what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayCounts {
    pub orders_accepted: u64,
    pub orders_completed: u64,
    pub orders_cancelled: u64,
    /// Still to be done at the end.
    pub orders_open: u64,
    pub items_picked: u64,
    pub items_packed: u64,
    pub items_short: u64,
    pub parcels_sealed: u64,
    pub parcels_handed_over: u64,
    pub parcels_collected: u64,
    pub returns_received: u64,
    pub returns_completed: u64,
    pub promises_kept: u64,
    pub promises_missed: u64,
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
    /// Typed or sent by a person: the command line's `scan`, or a line named instead of its item.
    Manual,
}

/// Why stock changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adjustment {
    /// The platform set it.
    Set,
    /// Goods came in.
    Receipt,
    /// A unit turned out to be damaged.
    Damaged,
}

impl Adjustment {
    /// Every adjustment, with the word for it in interfaces.
    pub const WORDS: [(&str, Self); 3] = [("set", Self::Set), ("receipt", Self::Receipt), ("damaged", Self::Damaged)];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

/// Why nobody is signed in any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignOut {
    /// Somebody else signed in.
    Relieved,
    /// Nothing was scanned for too long.
    Idle,
}

impl SignOut {
    /// Every way out, with the word for it in interfaces.
    pub const WORDS: [(&str, Self); 2] = [("relieved", Self::Relieved), ("idle", Self::Idle)];

    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
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
    OrderHeld,
    OrderReleased,
    OrderExpedited,
    OrderCollected,
    PickStarted,
    PickCompleted,
    ItemUnpicked,
    ItemShort,
    ItemUnpacked,
    ParcelReopened,
    ParcelLabelled,
    LabelRequested,
    LabelReceived,
    LabelVoided,
    ParcelReady,
    LeftBehind,
    DispatchMissed,
    ReturnAuthorized,
    ReturnReceived,
    ItemInspected,
    ReturnCompleted,
    StockCounted,
    OperatorIn,
    OperatorOut,
    PromiseAtRisk,
    PromiseWillMiss,
    PromiseRecovered,
    PromiseMissed,
    PromiseKept,
    CourierLate,
    DayClosed,
    ClockCorrected,
    StorageSalvaged,
    ActionTaken,
}

impl Kind {
    /// Every kind with its name in the contract: `{group}.{type}`.
    pub const WORDS: [(&str, Self); 56] = [
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
        ("order.held", Self::OrderHeld),
        ("order.released", Self::OrderReleased),
        ("order.expedited", Self::OrderExpedited),
        ("order.collected", Self::OrderCollected),
        ("pick.started", Self::PickStarted),
        ("pick.completed", Self::PickCompleted),
        ("pick.item_unpicked", Self::ItemUnpicked),
        ("pick.item_short", Self::ItemShort),
        ("pack.item_unpacked", Self::ItemUnpacked),
        ("pack.parcel_reopened", Self::ParcelReopened),
        ("pack.parcel_labelled", Self::ParcelLabelled),
        ("dispatch.label_requested", Self::LabelRequested),
        ("dispatch.label_received", Self::LabelReceived),
        ("dispatch.label_voided", Self::LabelVoided),
        ("dispatch.parcel_ready", Self::ParcelReady),
        ("dispatch.left_behind", Self::LeftBehind),
        ("dispatch.missed", Self::DispatchMissed),
        ("return.authorized", Self::ReturnAuthorized),
        ("return.received", Self::ReturnReceived),
        ("return.item_inspected", Self::ItemInspected),
        ("return.completed", Self::ReturnCompleted),
        ("stock.counted", Self::StockCounted),
        ("site.operator_in", Self::OperatorIn),
        ("site.operator_out", Self::OperatorOut),
        ("promise.at_risk", Self::PromiseAtRisk),
        ("promise.will_miss", Self::PromiseWillMiss),
        ("promise.recovered", Self::PromiseRecovered),
        ("promise.missed", Self::PromiseMissed),
        ("promise.kept", Self::PromiseKept),
        ("site.courier_late", Self::CourierLate),
        ("site.day_closed", Self::DayClosed),
        ("site.clock_corrected", Self::ClockCorrected),
        ("site.storage_salvaged", Self::StorageSalvaged),
        ("site.action_taken", Self::ActionTaken),
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
            Self::OrderHeld { .. } => Kind::OrderHeld,
            Self::OrderReleased { .. } => Kind::OrderReleased,
            Self::OrderExpedited { .. } => Kind::OrderExpedited,
            Self::OrderCollected { .. } => Kind::OrderCollected,
            Self::PickStarted { .. } => Kind::PickStarted,
            Self::PickCompleted { .. } => Kind::PickCompleted,
            Self::ItemUnpicked { .. } => Kind::ItemUnpicked,
            Self::ItemShort { .. } => Kind::ItemShort,
            Self::ItemUnpacked { .. } => Kind::ItemUnpacked,
            Self::ParcelReopened { .. } => Kind::ParcelReopened,
            Self::ParcelLabelled { .. } => Kind::ParcelLabelled,
            Self::LabelRequested { .. } => Kind::LabelRequested,
            Self::LabelReceived { .. } => Kind::LabelReceived,
            Self::LabelVoided { .. } => Kind::LabelVoided,
            Self::ParcelReady { .. } => Kind::ParcelReady,
            Self::LeftBehind { .. } => Kind::LeftBehind,
            Self::DispatchMissed { .. } => Kind::DispatchMissed,
            Self::ReturnAuthorized { .. } => Kind::ReturnAuthorized,
            Self::ReturnReceived { .. } => Kind::ReturnReceived,
            Self::ItemInspected { .. } => Kind::ItemInspected,
            Self::ReturnCompleted { .. } => Kind::ReturnCompleted,
            Self::StockCounted { .. } => Kind::StockCounted,
            Self::OperatorIn { .. } => Kind::OperatorIn,
            Self::OperatorOut { .. } => Kind::OperatorOut,
            Self::PromiseTurned { turn: Turn::AtRisk, .. } => Kind::PromiseAtRisk,
            Self::PromiseTurned { turn: Turn::WillMiss, .. } => Kind::PromiseWillMiss,
            Self::PromiseTurned { turn: Turn::Recovered, .. } => Kind::PromiseRecovered,
            Self::PromiseTurned { turn: Turn::Missed, .. } => Kind::PromiseMissed,
            Self::PromiseKept { .. } => Kind::PromiseKept,
            Self::CourierLate(_) => Kind::CourierLate,
            Self::DayClosed(_) => Kind::DayClosed,
            Self::ClockCorrected { .. } => Kind::ClockCorrected,
            Self::StorageSalvaged { .. } => Kind::StorageSalvaged,
            Self::ActionTaken { .. } => Kind::ActionTaken,
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
            | Self::HandedOver { order, .. }
            | Self::OrderHeld { order, .. }
            | Self::OrderReleased { order, .. }
            | Self::OrderExpedited { order, .. }
            | Self::OrderCollected { order, .. }
            | Self::PickStarted { order, .. }
            | Self::PickCompleted { order, .. }
            | Self::ItemUnpicked { order, .. }
            | Self::ItemShort { order, .. }
            | Self::ItemUnpacked { order, .. }
            | Self::ParcelReopened { order, .. }
            | Self::ParcelLabelled { order, .. }
            | Self::LabelRequested { order, .. }
            | Self::LabelReceived { order, .. }
            | Self::LabelVoided { order, .. }
            | Self::ParcelReady { order, .. }
            | Self::LeftBehind { order, .. }
            | Self::DispatchMissed { order, .. }
            | Self::PromiseKept { order, .. } => Some(&order.id),
            Self::PromiseTurned { outlook, .. } => Some(&outlook.order.id),
            Self::NotificationRequested(notice) => Some(&notice.order.id),
            Self::StockAdjusted { .. }
            | Self::StockLow { .. }
            | Self::SiteStarted { .. }
            | Self::SiteStopped
            | Self::ScanRefused { .. }
            | Self::ScannerLost { .. }
            | Self::ScannerBack { .. }
            | Self::ReturnAuthorized { .. }
            | Self::ReturnReceived { .. }
            | Self::ItemInspected { .. }
            | Self::ReturnCompleted { .. }
            | Self::StockCounted { .. }
            | Self::OperatorIn { .. }
            | Self::OperatorOut { .. }
            | Self::CourierLate(_)
            | Self::DayClosed(_)
            | Self::ClockCorrected { .. }
            | Self::StorageSalvaged { .. }
            | Self::ActionTaken { .. } => None,
        }
    }
}

impl Event {
    /// How much the event changed what is on hand, and of which product: the stock ledger is what these add up to.
    #[must_use]
    pub fn stock_moved(&self) -> Option<(&Sku, i64)> {
        match self {
            Self::ItemPicked { item, .. } => Some((&item.sku, -1)),
            Self::ItemUnpicked { item, restocked, .. } => Some((&item.sku, i64::from(*restocked))),
            Self::ItemShort { item, delta, .. } => Some((&item.sku, *delta)),
            Self::ItemInspected { item, negates, stock: Some(_), .. } => {
                item.sku.as_ref().map(|sku| (sku, if *negates { -1 } else { 1 }))
            }
            Self::StockAdjusted { sku, delta, .. } | Self::StockCounted { sku, delta, .. } => Some((sku, *delta)),
            _ => None,
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
