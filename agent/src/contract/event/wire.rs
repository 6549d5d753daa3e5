//! The shapes of events' `data`, and how they come from the domain's and go back.

use super::super::order::{WireKnown, WirePromise, WireTerms};
use crate::domain::carrier::Collection;
use crate::domain::code::Values;
use crate::domain::event::{Item, OrderRef};
use crate::domain::notice::{Choice, DelayNotice, Milestone, Notice, ReturnNotice, Revised};
use crate::domain::returns::{ReturnRef, Returned};
use crate::domain::stock::Stock;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

pub type Text<'a> = Cow<'a, str>;

/// An order, as events name it.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireOrder<'a> {
    pub id: Text<'a>,
    /// What people call it.
    pub number: Text<'a>,
    pub revision: u32,
}

/// What there is of a product after the event.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireStock {
    /// Here, whoever it is for. Below zero where a count was wrong.
    pub on_hand: i64,
    /// Of it, what open orders still want picked.
    pub reserved: i64,
    /// `on_hand` less `reserved`.
    pub available: i64,
}

/// Goods of an order's line.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireItem<'a> {
    pub line: Text<'a>,
    pub sku: Text<'a>,
    pub name: Text<'a>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireUnits<'a> {
    #[serde(flatten)]
    pub item: WireItem<'a>,
    pub quantity: u32,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Updated {
    #[serde(flatten)]
    pub terms: WireTerms,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<WireKnown>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Cancelled<'a> {
    pub order: WireOrder<'a>,
    pub reason: Text<'a>,
    /// Whether the customer is to be told.
    pub notify: bool,
    /// Some of its parcels had left.
    pub partial: bool,
    /// What had been picked and is still here, to be put back.
    pub picked: Vec<WireUnits<'a>>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Parcels<'a> {
    pub order: WireOrder<'a>,
    /// How many the order has.
    pub parcels: u32,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Started<'a> {
    pub order: WireOrder<'a>,
    /// What the order asks for in all.
    pub units: u32,
    /// What it was picked into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tote: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Picked<'a> {
    pub order: WireOrder<'a>,
    pub line: Text<'a>,
    pub sku: Text<'a>,
    pub name: Text<'a>,
    /// As scanned, in the form that is compared.
    pub code: Text<'a>,
    /// `scan`, or `manual` where a person named the line.
    pub method: Text<'a>,
    /// Units of the line, after it.
    pub picked: u32,
    pub wanted: u32,
    pub stock: WireStock,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Packed<'a> {
    pub order: WireOrder<'a>,
    pub line: Text<'a>,
    pub sku: Text<'a>,
    pub name: Text<'a>,
    /// Its number in the order.
    pub parcel: u32,
    /// Units of the line, after it.
    pub packed: u32,
    pub wanted: u32,
    #[serde(flatten)]
    pub values: WireValues<'a>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Sealed<'a> {
    pub order: WireOrder<'a>,
    pub parcel: u32,
    /// Eighteen digits, the last a check digit.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9]{18}$")))]
    pub sscc: Text<'a>,
    pub contents: Vec<WireUnits<'a>>,
    /// In grams, where every item's is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_g: Option<u64>,
}

/// When a carrier comes.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireCollection<'a> {
    pub id: Text<'a>,
    pub at: Timestamp,
    /// Until when a parcel may be announced for it.
    pub cut_off: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Requested<'a> {
    pub order: WireOrder<'a>,
    /// Book each key once.
    pub key: Text<'a>,
    /// Its number in the order.
    pub parcel: u32,
    /// Parcels of the order; null while it is being packed.
    pub of: Option<u32>,
    /// Whether it is the order's last parcel.
    pub r#final: bool,
    /// Eighteen digits, the last a check digit.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9]{18}$")))]
    pub sscc: Text<'a>,
    pub carrier: Text<'a>,
    pub carrier_name: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Text<'a>>,
    /// The one that it must make; null where none is known.
    pub collection: Option<WireCollection<'a>>,
    /// Seconds until that collection's cut-off.
    pub time_left_s: Option<i64>,
    /// Grows with each collection that the parcel is asked for.
    pub revision: u32,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Withdrawn<'a> {
    pub order: WireOrder<'a>,
    /// Of the `dispatch.requested` that ends.
    pub key: Text<'a>,
    pub parcel: u32,
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9]{18}$")))]
    pub sscc: Text<'a>,
    pub reason: Text<'a>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Loaded<'a> {
    pub order: WireOrder<'a>,
    pub parcel: u32,
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9]{18}$")))]
    pub sscc: Text<'a>,
    pub carrier: Text<'a>,
    pub manifest: Text<'a>,
    /// Parcels on the manifest after it.
    pub loaded: u32,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Gone<'a> {
    pub order: WireOrder<'a>,
    pub parcel: u32,
    /// Parcels of the order; null while it is being packed.
    pub of: Option<u32>,
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9]{18}$")))]
    pub sscc: Text<'a>,
    pub carrier: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Text<'a>>,
    /// The carrier's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Text<'a>>,
    pub manifest: Text<'a>,
    /// The dispatch that this fulfils.
    pub key: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireNotice<'a> {
    /// Send each key once.
    pub key: Text<'a>,
    pub milestone: Text<'a>,
    /// Never a lower one after a higher one.
    pub rank: u32,
    pub order: WireOrder<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parcel: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
    pub customer: Text<'a>,
    pub channels: Vec<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Text<'a>>,
    pub items: Vec<NoticeItem<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_url: Option<Text<'a>>,
    pub promise: WirePromise,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text<'a>>,
    /// Of `short_shipped`: everything that doesn't come; empty when all of it comes after all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short: Option<Vec<NoticeItem<'a>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<WireDelay<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#return: Option<NoticeReturn<'a>>,
    pub expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Text<'a>>,
    /// Keys of others that it makes old, where they are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_replaces: Vec<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NoticeItem<'a> {
    pub name: Text<'a>,
    pub quantity: u32,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireDelay<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revised: Option<WireRevised<'a>>,
    /// Whether the customer hears of a delay of this order for the first time.
    pub first: bool,
    /// Whether what was promised holds again.
    pub restored: bool,
    /// What the customer can do about it: `keep`, `pick_up`, `cancel`.
    pub choices: Vec<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireRevised<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<WireCollection<'a>>,
    #[serde(flatten)]
    pub promise: WirePromise,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NoticeReturn<'a> {
    pub id: Text<'a>,
    pub authorized: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Adjusted<'a> {
    pub sku: Text<'a>,
    /// What it changed on hand.
    pub delta: i64,
    #[serde(flatten)]
    pub stock: WireStock,
    pub reason: Text<'a>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Low<'a> {
    pub sku: Text<'a>,
    pub name: Text<'a>,
    #[serde(flatten)]
    pub stock: WireStock,
    /// `on_hand` at or below it is low.
    pub threshold: i64,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SiteStarted<'a> {
    /// `new`, `restarted`, `recovered` after a crash, or `old_copy`.
    pub cause: Text<'a>,
    /// Up to where the older epoch counts; null where there is none.
    pub follows: Option<Place<'a>>,
    pub version: Text<'a>,
    /// Names this run of the board.
    pub boot: Text<'a>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Place<'a> {
    #[cfg_attr(test, schemars(with = "uuid::Uuid"))]
    pub epoch: Text<'a>,
    pub sequence: u64,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Refused<'a> {
    pub scanner: Text<'a>,
    /// As scanned.
    pub code: Text<'a>,
    /// What the bench heard: `wrong`, `over`, `already`, `unknown` or `refused`.
    pub signal: Text<'a>,
    /// A word for support. New ones may come.
    pub reason: Text<'a>,
    /// The part of the reason that differs from time to time: a station, an order, a parcel, a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Text<'a>>,
    /// Its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Text<'a>>,
    /// Names of what was wanted instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Scanner<'a> {
    pub scanner: Text<'a>,
    /// Of a loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Nothing {}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Held<'a> {
    pub order: WireOrder<'a>,
    pub reason: Text<'a>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OfOrder<'a> {
    pub order: WireOrder<'a>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PickCompleted<'a> {
    pub order: WireOrder<'a>,
    /// Units of the order.
    pub picked: u32,
    pub wanted: u32,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Unpicked<'a> {
    pub order: WireOrder<'a>,
    pub line: Text<'a>,
    pub sku: Text<'a>,
    pub name: Text<'a>,
    /// Units of the line, after it.
    pub picked: u32,
    pub wanted: u32,
    /// Of goods that the order no longer wants.
    pub put_back: bool,
    /// On the shelf again.
    pub restocked: bool,
    pub stock: WireStock,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Short<'a> {
    pub order: WireOrder<'a>,
    pub line: Text<'a>,
    pub sku: Text<'a>,
    pub name: Text<'a>,
    /// Below zero: given back to the order.
    pub quantity: i64,
    /// `not_there`, `damaged` or `other`.
    pub reason: Text<'a>,
    /// Units of the line, after it.
    pub picked: u32,
    /// What the line still asks for.
    pub wanted: u32,
    /// By how much it changed what is on hand.
    pub delta: i64,
    pub stock: WireStock,
}

/// What was recorded of a unit.
#[derive(Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireValues<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<jiff::civil::Date>,
    /// In grams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_g: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ParcelOf<'a> {
    pub order: WireOrder<'a>,
    pub parcel: u32,
    /// Eighteen digits, the last a check digit.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9]{18}$")))]
    pub sscc: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Labelled<'a> {
    pub order: WireOrder<'a>,
    pub parcel: u32,
    /// Parcels of the order; null while it is being packed.
    pub of: Option<u32>,
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9]{18}$")))]
    pub sscc: Text<'a>,
    /// The carrier's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LabelReceived<'a> {
    pub order: WireOrder<'a>,
    pub parcel: u32,
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9]{18}$")))]
    pub sscc: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<Text<'a>>,
    /// Of the parcel's label.
    pub revision: u32,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LabelVoided<'a> {
    pub order: WireOrder<'a>,
    pub parcel: u32,
    /// The number that no longer counts.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9]{18}$")))]
    pub voided: Text<'a>,
    /// The parcel's number from here on.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9]{18}$")))]
    pub sscc: Text<'a>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Ready<'a> {
    pub order: WireOrder<'a>,
    pub parcel: u32,
    pub of: Option<u32>,
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9]{18}$")))]
    pub sscc: Text<'a>,
    /// Where it waits for its customer.
    pub place: Text<'a>,
}

/// A return, as events name it.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireReturnRef<'a> {
    pub id: Text<'a>,
    /// It had been announced.
    pub authorized: bool,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OfReturn<'a> {
    pub r#return: WireReturnRef<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<WireOrder<'a>>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Inspected<'a> {
    #[serde(flatten)]
    pub about: OfReturn<'a>,
    #[serde(flatten)]
    pub item: WireReturned<'a>,
    /// `restock`, `inspect`, `discard` or `missing`.
    pub condition: Text<'a>,
    /// 1, or -1 where the last such item is taken back.
    pub quantity: i64,
    /// Where it went on the shelf, or came off it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<WireStock>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireReturned<'a> {
    /// Absent: a product that the site does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Text<'a>>,
    pub name: Text<'a>,
    /// As scanned.
    pub code: Text<'a>,
    #[serde(flatten)]
    pub values: WireValues<'a>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FoundItem<'a> {
    #[serde(flatten)]
    pub item: WireReturned<'a>,
    /// `restock`, `inspect`, `discard` or `missing`.
    pub condition: Text<'a>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Outstanding<'a> {
    pub sku: Text<'a>,
    pub name: Text<'a>,
    pub quantity: u32,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ReturnDone<'a> {
    #[serde(flatten)]
    pub about: OfReturn<'a>,
    /// What the customer chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Text<'a>>,
    pub items: Vec<FoundItem<'a>>,
    /// Announced, and not in the box.
    pub outstanding: Vec<Outstanding<'a>>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Counted<'a> {
    pub sku: Text<'a>,
    pub name: Text<'a>,
    /// What is there.
    pub counted: u32,
    /// By how much the books were wrong.
    pub delta: i64,
    #[serde(flatten)]
    pub stock: WireStock,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bin: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Operator<'a> {
    /// The id on the badge.
    pub operator: Text<'a>,
    /// Of an out: `relieved` or `idle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text<'a>>,
}

impl<'a> From<&'a OrderRef> for WireOrder<'a> {
    fn from(order: &'a OrderRef) -> Self {
        Self { id: Cow::Borrowed(&order.id), number: Cow::Borrowed(&order.number), revision: order.revision }
    }
}

impl From<WireOrder<'_>> for OrderRef {
    fn from(wire: WireOrder<'_>) -> Self {
        Self { id: wire.id.as_ref().into(), number: wire.number.as_ref().into(), revision: wire.revision }
    }
}

impl<'a> From<&'a Item> for WireItem<'a> {
    fn from(item: &'a Item) -> Self {
        Self { line: Cow::Borrowed(&item.line), sku: Cow::Borrowed(&item.sku), name: Cow::Borrowed(&item.name) }
    }
}

impl From<WireItem<'_>> for Item {
    fn from(wire: WireItem<'_>) -> Self {
        Self { line: wire.line.as_ref().into(), sku: wire.sku.as_ref().into(), name: wire.name.into() }
    }
}

impl From<WireUnits<'_>> for (Item, u32) {
    fn from(wire: WireUnits<'_>) -> Self {
        (wire.item.into(), wire.quantity)
    }
}

impl From<Stock> for WireStock {
    fn from(stock: Stock) -> Self {
        Self { on_hand: stock.on_hand, reserved: stock.reserved, available: stock.available() }
    }
}

impl From<WireStock> for Stock {
    fn from(wire: WireStock) -> Self {
        Self { on_hand: wire.on_hand, reserved: wire.reserved }
    }
}

impl<'a> From<&'a Collection> for WireCollection<'a> {
    fn from(collection: &'a Collection) -> Self {
        Self { id: Cow::Borrowed(&collection.id), at: collection.at, cut_off: collection.cut_off }
    }
}

impl From<WireCollection<'_>> for Collection {
    fn from(wire: WireCollection<'_>) -> Self {
        Self { id: wire.id.as_ref().into(), at: wire.at, cut_off: wire.cut_off }
    }
}

impl<'a> From<&'a Notice> for WireNotice<'a> {
    fn from(notice: &'a Notice) -> Self {
        let about_short = notice.milestone == Milestone::ShortShipped;
        Self {
            key: notice.key.as_ref().into(),
            milestone: notice.milestone.word().into(),
            rank: notice.milestone.rank(),
            order: (&notice.order).into(),
            parcel: notice.parcel.map(|(n, _)| n),
            of: notice.parcel.and_then(|(_, of)| of),
            customer: notice.customer.as_ref().into(),
            channels: notice.channels.iter().map(|channel| channel.as_ref().into()).collect(),
            language: notice.language.as_deref().map(Into::into),
            items: NoticeItem::all(&notice.items),
            carrier: notice.carrier.as_deref().map(Into::into),
            service: notice.service.as_deref().map(Into::into),
            tracking: notice.tracking.as_deref().map(Into::into),
            tracking_url: notice.tracking_url.as_deref().map(Into::into),
            promise: WirePromise::from_domain(&notice.promise),
            reason: notice.reason.as_deref().map(Into::into),
            short: about_short.then(|| NoticeItem::all(&notice.short)),
            delay: notice.delay.as_ref().map(Into::into),
            r#return: notice.returned.as_ref().map(Into::into),
            expires_at: notice.expires_at,
            replaces: notice.replaces.as_deref().map(Into::into),
            also_replaces: notice.also_replaces.iter().map(|key| key.as_ref().into()).collect(),
        }
    }
}

impl WireNotice<'_> {
    pub fn into_domain(self) -> Result<Notice, String> {
        let known = Milestone::WORDS.iter().find(|(word, _)| *word == self.milestone);
        let milestone = known.map(|(_, milestone)| *milestone);
        let named =
            |items: Vec<NoticeItem<'_>>| items.into_iter().map(|item| (item.name.into(), item.quantity)).collect();
        Ok(Notice {
            key: self.key.into(),
            milestone: milestone.ok_or_else(|| format!("milestone {:?} is not known", self.milestone))?,
            order: self.order.into(),
            parcel: self.parcel.map(|n| (n, self.of)),
            customer: self.customer.into(),
            channels: self.channels.into_iter().map(Into::into).collect(),
            language: self.language.map(Into::into),
            items: named(self.items),
            carrier: self.carrier.map(|carrier| carrier.as_ref().into()),
            service: self.service.map(Into::into),
            tracking: self.tracking.map(Into::into),
            tracking_url: self.tracking_url.map(Into::into),
            promise: self.promise.into_domain(),
            reason: self.reason.map(Into::into),
            short: self.short.map(named).unwrap_or_default(),
            delay: self.delay.map(WireDelay::into_domain).transpose()?,
            returned: self.r#return.map(Into::into),
            expires_at: self.expires_at,
            replaces: self.replaces.map(Into::into),
            also_replaces: self.also_replaces.into_iter().map(Into::into).collect(),
        })
    }
}

impl<'a> NoticeItem<'a> {
    fn all(items: &'a [(Arc<str>, u32)]) -> Vec<Self> {
        items.iter().map(|(name, quantity)| Self { name: name.as_ref().into(), quantity: *quantity }).collect()
    }
}

impl<'a> From<&'a Revised> for WireRevised<'a> {
    fn from(revised: &'a Revised) -> Self {
        let promise = WirePromise::from_domain(&revised.promise);
        Self { collection: revised.collection.as_ref().map(Into::into), promise }
    }
}

impl From<WireRevised<'_>> for Revised {
    fn from(wire: WireRevised<'_>) -> Self {
        Self { collection: wire.collection.map(Into::into), promise: wire.promise.into_domain() }
    }
}

impl<'a> From<&'a DelayNotice> for WireDelay<'a> {
    fn from(delay: &'a DelayNotice) -> Self {
        Self {
            revised: delay.revised.as_ref().map(Into::into),
            first: delay.first,
            restored: delay.restored,
            choices: delay.choices.iter().map(|choice| choice.word().into()).collect(),
        }
    }
}

impl WireDelay<'_> {
    fn into_domain(self) -> Result<DelayNotice, String> {
        let choice = |word: &Text<'_>| {
            let known = Choice::WORDS.iter().find(|(known, _)| known == word);
            known.map(|(_, choice)| *choice).ok_or_else(|| format!("choice {word:?} is not known"))
        };
        Ok(DelayNotice {
            revised: self.revised.map(Into::into),
            first: self.first,
            restored: self.restored,
            choices: self.choices.iter().map(choice).collect::<Result<_, _>>()?,
        })
    }
}

impl<'a> From<&'a ReturnNotice> for NoticeReturn<'a> {
    fn from(returned: &'a ReturnNotice) -> Self {
        Self {
            id: Cow::Borrowed(&returned.id),
            authorized: returned.authorized,
            resolution: returned.resolution.as_deref().map(Into::into),
        }
    }
}

impl From<NoticeReturn<'_>> for ReturnNotice {
    fn from(wire: NoticeReturn<'_>) -> Self {
        Self { id: wire.id.as_ref().into(), authorized: wire.authorized, resolution: wire.resolution.map(Into::into) }
    }
}

impl<'a> From<&'a Values> for WireValues<'a> {
    fn from(values: &'a Values) -> Self {
        Self {
            serial: values.serial.as_deref().map(Into::into),
            lot: values.lot.as_deref().map(Into::into),
            expiry: values.expiry,
            weight_g: values.weight_g,
        }
    }
}

impl From<WireValues<'_>> for Values {
    fn from(wire: WireValues<'_>) -> Self {
        Self {
            serial: wire.serial.map(Into::into),
            lot: wire.lot.map(Into::into),
            expiry: wire.expiry,
            weight_g: wire.weight_g,
        }
    }
}

impl<'a> From<&'a ReturnRef> for OfReturn<'a> {
    fn from(about: &'a ReturnRef) -> Self {
        let r#return = WireReturnRef { id: Cow::Borrowed(&about.id), authorized: about.authorized };
        Self { r#return, order: about.order.as_ref().map(Into::into) }
    }
}

impl From<OfReturn<'_>> for ReturnRef {
    fn from(wire: OfReturn<'_>) -> Self {
        Self {
            id: wire.r#return.id.as_ref().into(),
            order: wire.order.map(Into::into),
            authorized: wire.r#return.authorized,
        }
    }
}

impl<'a> From<&'a Returned> for WireReturned<'a> {
    fn from(item: &'a Returned) -> Self {
        Self {
            sku: item.sku.as_deref().map(Into::into),
            name: item.name.as_ref().into(),
            code: Cow::Borrowed(&item.code),
            values: (&item.values).into(),
        }
    }
}

impl From<WireReturned<'_>> for Returned {
    fn from(wire: WireReturned<'_>) -> Self {
        Self {
            sku: wire.sku.map(|sku| sku.as_ref().into()),
            name: wire.name.into(),
            code: wire.code.as_ref().into(),
            values: wire.values.into(),
        }
    }
}

pub fn units(contents: &[(Item, u32)]) -> Vec<WireUnits<'_>> {
    contents.iter().map(|(item, quantity)| WireUnits { item: item.into(), quantity: *quantity }).collect()
}
