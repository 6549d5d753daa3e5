//! An event's `data`: the same text in the log and on the wire.

use super::order::{self, WireKnown, WirePromise, WireTerms};
use crate::domain::carrier::Collection;
use crate::domain::event::{Adjustment, Event, Item, Kind, Method, OrderRef, StartCause};
use crate::domain::notice::{Milestone, Notice};
use crate::domain::signal::{Reason, Signal};
use crate::domain::stock::Stock;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

type Text<'a> = Cow<'a, str>;

/// Stored data that is not what its kind's contract says: the row is damaged or from a newer version.
#[derive(Debug, thiserror::Error)]
#[error("{kind} data can't be read: {why}")]
pub struct Unreadable {
    pub kind: &'static str,
    pub why: String,
}

#[derive(Serialize, Deserialize)]
struct WireOrder<'a> {
    id: Text<'a>,
    number: Text<'a>,
    revision: u32,
}

#[derive(Serialize, Deserialize)]
struct WireStock {
    on_hand: i64,
    reserved: i64,
    available: i64,
}

#[derive(Serialize, Deserialize)]
struct WireItem<'a> {
    line: Text<'a>,
    sku: Text<'a>,
    name: Text<'a>,
}

#[derive(Serialize, Deserialize)]
struct WireUnits<'a> {
    #[serde(flatten)]
    item: WireItem<'a>,
    quantity: u32,
}

#[derive(Serialize, Deserialize)]
struct Updated {
    #[serde(flatten)]
    terms: WireTerms,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    known: Option<WireKnown>,
}

#[derive(Serialize, Deserialize)]
struct Cancelled<'a> {
    order: WireOrder<'a>,
    reason: Text<'a>,
    notify: bool,
    partial: bool,
    /// What had been picked and is still here, to be put back.
    picked: Vec<WireUnits<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Parcels<'a> {
    order: WireOrder<'a>,
    parcels: u32,
}

#[derive(Serialize, Deserialize)]
struct Started<'a> {
    order: WireOrder<'a>,
    units: u32,
}

#[derive(Serialize, Deserialize)]
struct Picked<'a> {
    order: WireOrder<'a>,
    line: Text<'a>,
    sku: Text<'a>,
    name: Text<'a>,
    code: Text<'a>,
    method: Text<'a>,
    picked: u32,
    wanted: u32,
    stock: WireStock,
}

#[derive(Serialize, Deserialize)]
struct Packed<'a> {
    order: WireOrder<'a>,
    line: Text<'a>,
    sku: Text<'a>,
    name: Text<'a>,
    parcel: u32,
    packed: u32,
    wanted: u32,
}

#[derive(Serialize, Deserialize)]
struct Sealed<'a> {
    order: WireOrder<'a>,
    parcel: u32,
    sscc: Text<'a>,
    contents: Vec<WireUnits<'a>>,
}

#[derive(Serialize, Deserialize)]
struct WireCollection<'a> {
    id: Text<'a>,
    at: Timestamp,
    cut_off: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Requested<'a> {
    order: WireOrder<'a>,
    key: Text<'a>,
    parcel: u32,
    of: Option<u32>,
    /// Whether it is the order's last parcel.
    r#final: bool,
    sscc: Text<'a>,
    carrier: Text<'a>,
    carrier_name: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<Text<'a>>,
    collection: Option<WireCollection<'a>>,
    time_left_s: Option<i64>,
    revision: u32,
}

#[derive(Serialize, Deserialize)]
struct Withdrawn<'a> {
    order: WireOrder<'a>,
    key: Text<'a>,
    parcel: u32,
    sscc: Text<'a>,
    reason: Text<'a>,
}

#[derive(Serialize, Deserialize)]
struct Loaded<'a> {
    order: WireOrder<'a>,
    parcel: u32,
    sscc: Text<'a>,
    carrier: Text<'a>,
    manifest: Text<'a>,
    /// Parcels on the manifest after it.
    loaded: u32,
}

#[derive(Serialize, Deserialize)]
struct Gone<'a> {
    order: WireOrder<'a>,
    parcel: u32,
    of: Option<u32>,
    sscc: Text<'a>,
    carrier: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<Text<'a>>,
    manifest: Text<'a>,
    /// The dispatch that this fulfils.
    key: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
struct WireNotice<'a> {
    key: Text<'a>,
    milestone: Text<'a>,
    rank: u32,
    order: WireOrder<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parcel: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<u32>,
    customer: Text<'a>,
    channels: Vec<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language: Option<Text<'a>>,
    items: Vec<NoticeItem<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    carrier: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<Text<'a>>,
    promise: WirePromise,
    expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaces: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
struct NoticeItem<'a> {
    name: Text<'a>,
    quantity: u32,
}

#[derive(Serialize, Deserialize)]
struct Adjusted<'a> {
    sku: Text<'a>,
    delta: i64,
    #[serde(flatten)]
    stock: WireStock,
    reason: Text<'a>,
}

#[derive(Serialize, Deserialize)]
struct Low<'a> {
    sku: Text<'a>,
    name: Text<'a>,
    #[serde(flatten)]
    stock: WireStock,
    threshold: i64,
}

#[derive(Serialize, Deserialize)]
struct SiteStarted<'a> {
    cause: Text<'a>,
    follows: Option<Place<'a>>,
    version: Text<'a>,
    boot: Text<'a>,
}

#[derive(Serialize, Deserialize)]
struct Place<'a> {
    epoch: Text<'a>,
    sequence: u64,
}

#[derive(Serialize, Deserialize)]
struct Refused<'a> {
    scanner: Text<'a>,
    code: Text<'a>,
    signal: Text<'a>,
    reason: Text<'a>,
    /// The part of the reason that differs from time to time: a station, an order, a parcel, a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    expected: Vec<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Scanner<'a> {
    scanner: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Nothing {}

/// The event's `data` as a JSON object.
///
/// # Errors
/// Never for the types above; serde's signature has one.
pub fn encode(event: &Event) -> Result<String, serde_json::Error> {
    match event {
        Event::OrderAccepted { terms } => serde_json::to_string(&WireTerms::from_domain(terms)),
        Event::OrderUpdated { terms, known } => serde_json::to_string(&Updated {
            terms: WireTerms::from_domain(terms),
            known: known.as_ref().map(WireKnown::from_domain),
        }),
        Event::OrderCancelled { order, cause, notify, partial, picked } => serde_json::to_string(&Cancelled {
            order: order.into(),
            reason: cause.as_ref().into(),
            notify: *notify,
            partial: *partial,
            picked: units(picked),
        }),
        Event::OrderCompleted { order, parcels } | Event::PackCompleted { order, parcels } => {
            serde_json::to_string(&Parcels { order: order.into(), parcels: *parcels })
        }
        Event::PackStarted { order, units } => serde_json::to_string(&Started { order: order.into(), units: *units }),
        Event::ItemPicked { order, item, code, method, picked, wanted, stock } => serde_json::to_string(&Picked {
            order: order.into(),
            line: Cow::Borrowed(&item.line),
            sku: Cow::Borrowed(&item.sku),
            name: Cow::Borrowed(&item.name),
            code: Cow::Borrowed(code),
            method: method_word(*method).into(),
            picked: *picked,
            wanted: *wanted,
            stock: (*stock).into(),
        }),
        Event::ItemPacked { order, item, parcel, packed, wanted } => serde_json::to_string(&Packed {
            order: order.into(),
            line: Cow::Borrowed(&item.line),
            sku: Cow::Borrowed(&item.sku),
            name: Cow::Borrowed(&item.name),
            parcel: *parcel,
            packed: *packed,
            wanted: *wanted,
        }),
        Event::ParcelSealed { order, parcel, sscc, contents } => serde_json::to_string(&Sealed {
            order: order.into(),
            parcel: *parcel,
            sscc: sscc.to_string().into(),
            contents: units(contents),
        }),
        Event::DispatchRequested {
            order,
            key,
            parcel,
            of,
            sscc,
            carrier,
            carrier_name,
            service,
            collection,
            time_left_s,
            revision,
        } => serde_json::to_string(&Requested {
            order: order.into(),
            key: Cow::Borrowed(key),
            parcel: *parcel,
            of: *of,
            r#final: *of == Some(*parcel),
            sscc: sscc.to_string().into(),
            carrier: Cow::Borrowed(carrier),
            carrier_name: carrier_name.as_ref().into(),
            service: service.as_deref().map(Into::into),
            collection: collection.as_ref().map(Into::into),
            time_left_s: *time_left_s,
            revision: *revision,
        }),
        Event::DispatchWithdrawn { order, key, parcel, sscc, cause } => serde_json::to_string(&Withdrawn {
            order: order.into(),
            key: Cow::Borrowed(key),
            parcel: *parcel,
            sscc: sscc.to_string().into(),
            reason: cause.as_ref().into(),
        }),
        Event::ParcelLoaded { order, parcel, sscc, carrier, manifest, loaded }
        | Event::ParcelUnloaded { order, parcel, sscc, carrier, manifest, loaded } => serde_json::to_string(&Loaded {
            order: order.into(),
            parcel: *parcel,
            sscc: sscc.to_string().into(),
            carrier: Cow::Borrowed(carrier),
            manifest: Cow::Borrowed(manifest),
            loaded: *loaded,
        }),
        Event::HandedOver { order, parcel, of, sscc, carrier, service, manifest, key } => {
            serde_json::to_string(&Gone {
                order: order.into(),
                parcel: *parcel,
                of: *of,
                sscc: sscc.to_string().into(),
                carrier: Cow::Borrowed(carrier),
                service: service.as_deref().map(Into::into),
                manifest: Cow::Borrowed(manifest),
                key: key.as_deref().map(Into::into),
            })
        }
        Event::NotificationRequested(notice) => serde_json::to_string(&WireNotice::from(&**notice)),
        Event::StockAdjusted { sku, delta, stock, cause: Adjustment::Set } => serde_json::to_string(&Adjusted {
            sku: Cow::Borrowed(sku),
            delta: *delta,
            stock: (*stock).into(),
            reason: "set".into(),
        }),
        Event::StockLow { sku, name, stock, threshold } => serde_json::to_string(&Low {
            sku: Cow::Borrowed(sku),
            name: Cow::Borrowed(name),
            stock: (*stock).into(),
            threshold: *threshold,
        }),
        Event::SiteStarted { cause, follows, version, boot } => serde_json::to_string(&SiteStarted {
            cause: start_word(*cause).into(),
            follows: follows
                .as_ref()
                .map(|(epoch, sequence)| Place { epoch: epoch.as_ref().into(), sequence: *sequence }),
            version: version.as_ref().into(),
            boot: boot.as_ref().into(),
        }),
        Event::SiteStopped => serde_json::to_string(&Nothing {}),
        Event::ScanRefused { scanner, code, signal, reason, order, expected } => serde_json::to_string(&Refused {
            scanner: Cow::Borrowed(scanner),
            code: code.as_ref().into(),
            signal: signal.word().into(),
            reason: reason.word().into(),
            detail: detail(reason).map(Into::into),
            order: order.as_deref().map(Into::into),
            expected: expected.iter().map(|name| name.as_ref().into()).collect(),
        }),
        Event::ScannerLost { scanner, cause } => {
            serde_json::to_string(&Scanner { scanner: Cow::Borrowed(scanner), reason: Some(cause.as_ref().into()) })
        }
        Event::ScannerBack { scanner } => {
            serde_json::to_string(&Scanner { scanner: Cow::Borrowed(scanner), reason: None })
        }
    }
}

/// The event that [`encode`] made `data` of.
///
/// # Errors
/// The text is not what the contract says of this kind.
pub fn decode(kind: Kind, data: &str) -> Result<Event, Unreadable> {
    read(kind, data).map_err(|why| Unreadable { kind: kind.word(), why })
}

fn read(kind: Kind, data: &str) -> Result<Event, String> {
    Ok(match kind {
        Kind::OrderAccepted => Event::OrderAccepted { terms: Arc::new(json::<WireTerms>(data)?.into_domain()?) },
        Kind::OrderUpdated => {
            let Updated { terms, known } = json(data)?;
            let known = known.map(WireKnown::into_domain).transpose()?;
            Event::OrderUpdated { terms: Arc::new(terms.into_domain()?), known }
        }
        Kind::OrderCancelled => {
            let Cancelled { order, reason, notify, partial, picked } = json(data)?;
            let picked = picked.into_iter().map(Into::into).collect();
            Event::OrderCancelled { order: order.into(), cause: reason.into(), notify, partial, picked }
        }
        Kind::OrderCompleted => {
            let Parcels { order, parcels } = json(data)?;
            Event::OrderCompleted { order: order.into(), parcels }
        }
        Kind::PackCompleted => {
            let Parcels { order, parcels } = json(data)?;
            Event::PackCompleted { order: order.into(), parcels }
        }
        Kind::PackStarted => {
            let Started { order, units } = json(data)?;
            Event::PackStarted { order: order.into(), units }
        }
        Kind::ItemPicked => {
            let Picked { order, line, sku, name, code, method, picked, wanted, stock } = json(data)?;
            Event::ItemPicked {
                order: order.into(),
                item: WireItem { line, sku, name }.into(),
                code: code.as_ref().into(),
                method: if method == "manual" { Method::Manual } else { Method::Scan },
                picked,
                wanted,
                stock: stock.into(),
            }
        }
        Kind::ItemPacked => {
            let Packed { order, line, sku, name, parcel, packed, wanted } = json(data)?;
            Event::ItemPacked { order: order.into(), item: WireItem { line, sku, name }.into(), parcel, packed, wanted }
        }
        Kind::ParcelSealed => {
            let Sealed { order, parcel, sscc, contents } = json(data)?;
            let contents = contents.into_iter().map(Into::into).collect();
            Event::ParcelSealed { order: order.into(), parcel, sscc: order::sscc(&sscc)?, contents }
        }
        Kind::DispatchRequested => {
            let wire: Requested<'_> = json(data)?;
            Event::DispatchRequested {
                order: wire.order.into(),
                key: wire.key.as_ref().into(),
                parcel: wire.parcel,
                of: wire.of,
                sscc: order::sscc(&wire.sscc)?,
                carrier: wire.carrier.as_ref().into(),
                carrier_name: wire.carrier_name.into(),
                service: wire.service.map(Into::into),
                collection: wire.collection.map(Into::into),
                time_left_s: wire.time_left_s,
                revision: wire.revision,
            }
        }
        Kind::DispatchWithdrawn => {
            let Withdrawn { order, key, parcel, sscc, reason } = json(data)?;
            let (key, sscc) = (key.as_ref().into(), order::sscc(&sscc)?);
            Event::DispatchWithdrawn { order: order.into(), key, parcel, sscc, cause: reason.into() }
        }
        Kind::ParcelLoaded => {
            let Loaded { order, parcel, sscc, carrier, manifest, loaded } = json(data)?;
            let (carrier, manifest) = (carrier.as_ref().into(), manifest.as_ref().into());
            Event::ParcelLoaded { order: order.into(), parcel, sscc: order::sscc(&sscc)?, carrier, manifest, loaded }
        }
        Kind::ParcelUnloaded => {
            let Loaded { order, parcel, sscc, carrier, manifest, loaded } = json(data)?;
            let (carrier, manifest) = (carrier.as_ref().into(), manifest.as_ref().into());
            Event::ParcelUnloaded { order: order.into(), parcel, sscc: order::sscc(&sscc)?, carrier, manifest, loaded }
        }
        Kind::HandedOver => {
            let Gone { order, parcel, of, sscc, carrier, service, manifest, key } = json(data)?;
            Event::HandedOver {
                order: order.into(),
                parcel,
                of,
                sscc: order::sscc(&sscc)?,
                carrier: carrier.as_ref().into(),
                service: service.map(Into::into),
                manifest: manifest.as_ref().into(),
                key: key.map(|key| key.as_ref().into()),
            }
        }
        Kind::NotificationRequested => {
            Event::NotificationRequested(Box::new(json::<WireNotice<'_>>(data)?.into_domain()?))
        }
        Kind::StockAdjusted => {
            let Adjusted { sku, delta, stock, .. } = json(data)?;
            Event::StockAdjusted { sku: sku.as_ref().into(), delta, stock: stock.into(), cause: Adjustment::Set }
        }
        Kind::StockLow => {
            let Low { sku, name, stock, threshold } = json(data)?;
            Event::StockLow { sku: sku.as_ref().into(), name: name.into(), stock: stock.into(), threshold }
        }
        Kind::SiteStarted => {
            let SiteStarted { cause, follows, version, boot } = json(data)?;
            let known = STARTS.iter().find(|(word, _)| *word == cause);
            let cause = known.map(|(_, cause)| *cause).ok_or_else(|| format!("cause {cause:?} is not known"))?;
            let follows = follows.map(|place| (place.epoch.into(), place.sequence));
            Event::SiteStarted { cause, follows, version: version.into(), boot: boot.into() }
        }
        Kind::SiteStopped => Event::SiteStopped,
        Kind::ScanRefused => {
            let Refused { scanner, code, signal, reason, detail, order, expected } = json(data)?;
            Event::ScanRefused {
                scanner: scanner.as_ref().into(),
                code: code.into(),
                signal: signal_named(&signal)?,
                reason: reason_named(&reason, detail.as_deref())?,
                order: order.map(|order| order.as_ref().into()),
                expected: expected.into_iter().map(Into::into).collect(),
            }
        }
        Kind::ScannerLost => {
            let Scanner { scanner, reason } = json(data)?;
            Event::ScannerLost { scanner: scanner.as_ref().into(), cause: reason.unwrap_or_default().into() }
        }
        Kind::ScannerBack => {
            let Scanner { scanner, .. } = json(data)?;
            Event::ScannerBack { scanner: scanner.as_ref().into() }
        }
    })
}

/// What the event is about, as the envelope says it.
#[must_use]
pub fn subject(event: &Event) -> Option<String> {
    event.order().map(|order| format!("orders/{order}"))
}

fn json<'a, T: Deserialize<'a>>(data: &'a str) -> Result<T, String> {
    serde_json::from_str(data).map_err(|error| error.to_string())
}

fn units(contents: &[(Item, u32)]) -> Vec<WireUnits<'_>> {
    contents.iter().map(|(item, quantity)| WireUnits { item: item.into(), quantity: *quantity }).collect()
}

fn method_word(method: Method) -> &'static str {
    match method {
        Method::Scan => "scan",
        Method::Manual => "manual",
    }
}

const STARTS: [(&str, StartCause); 4] = [
    ("new", StartCause::New),
    ("restarted", StartCause::Restarted),
    ("recovered", StartCause::Recovered),
    ("old_copy", StartCause::OldCopy),
];

fn start_word(cause: StartCause) -> &'static str {
    STARTS[cause as usize].0
}

fn signal_named(word: &str) -> Result<Signal, String> {
    let found = Signal::ALL.into_iter().find(|signal| signal.word() == word);
    found.ok_or_else(|| format!("signal {word:?} is not known"))
}

fn detail(reason: &Reason) -> Option<String> {
    match reason {
        Reason::OpenElsewhere(station) => Some(station.to_string()),
        Reason::OrderOpen(number) => Some(number.to_string()),
        Reason::ParcelsLeft(left) => Some(left.to_string()),
        Reason::TakeOut(parcel) => Some(parcel.to_string()),
        _ => None,
    }
}

fn reason_named(word: &str, detail: Option<&str>) -> Result<Reason, String> {
    let detail = detail.unwrap_or_default();
    let reasons = [
        Reason::Cancelled,
        Reason::AwaitsPlatform,
        Reason::OpenElsewhere(detail.into()),
        Reason::NoOrderOpen,
        Reason::OrderOpen(detail.into()),
        Reason::NotOnOrder,
        Reason::LineComplete,
        Reason::Finished,
        Reason::PerhapsCounted,
        Reason::OtherCarrier,
        Reason::NotForCarrier,
        Reason::ParcelsLeft(detail.parse().unwrap_or_default()),
        Reason::TakeOut(detail.into()),
        Reason::NothingToClose,
        Reason::NothingWaits,
        Reason::Incomplete,
        Reason::CheckFailed,
        Reason::OtherMode,
        Reason::UnknownCode,
        Reason::Storage,
    ];
    let found = reasons.into_iter().find(|reason| reason.word() == word);
    found.ok_or_else(|| format!("reason {word:?} is not known"))
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
            items: notice
                .items
                .iter()
                .map(|(name, n)| NoticeItem { name: name.as_ref().into(), quantity: *n })
                .collect(),
            carrier: notice.carrier.as_deref().map(Into::into),
            service: notice.service.as_deref().map(Into::into),
            promise: WirePromise::from_domain(&notice.promise),
            expires_at: notice.expires_at,
            replaces: notice.replaces.as_deref().map(Into::into),
        }
    }
}

impl WireNotice<'_> {
    fn into_domain(self) -> Result<Notice, String> {
        let milestones = [Milestone::Packed, Milestone::HandedOver];
        let milestone = milestones.into_iter().find(|milestone| milestone.word() == self.milestone);
        Ok(Notice {
            key: self.key.into(),
            milestone: milestone.ok_or_else(|| format!("milestone {:?} is not known", self.milestone))?,
            order: self.order.into(),
            parcel: self.parcel.map(|n| (n, self.of)),
            customer: self.customer.into(),
            channels: self.channels.into_iter().map(Into::into).collect(),
            language: self.language.map(Into::into),
            items: self.items.into_iter().map(|item| (item.name.into(), item.quantity)).collect(),
            carrier: self.carrier.map(|carrier| carrier.as_ref().into()),
            service: self.service.map(Into::into),
            promise: self.promise.into_domain(),
            expires_at: self.expires_at,
            replaces: self.replaces.map(Into::into),
        })
    }
}
