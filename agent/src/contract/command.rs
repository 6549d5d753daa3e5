//! Commands of the platform: read, never trusted, and answered.

pub(in crate::contract) mod personal;

use super::object::Object;
use super::order::{WireKnown, WireTerms, name, product_code, word};
use super::report::SiteReport;
use super::returns::WireReturn;
use crate::domain::event::Known;
use crate::domain::name::{OrderId, ProductCode, Sku};
use crate::domain::order::Terms;
use crate::domain::returns::Return;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use uuid::Uuid;

/// A command that could be read.
#[derive(Debug)]
pub struct Command {
    /// The platform's id of it: the same id is the same command.
    pub id: String,
    /// As sent, for people.
    pub kind: String,
    pub expires_at: Option<Timestamp>,
    pub body: Body,
}

/// What it asks for.
#[derive(Debug)]
pub enum Body {
    OrderPut { terms: Box<Terms>, known: Option<Known> },
    OrderCancel { order: OrderId, revision: u32, cause: String, notify: bool },
    CatalogPut { products: Vec<Product> },
    StockSet { items: Vec<(Sku, i64)>, as_of: Option<(Uuid, u64)> },
    EventsResend { epoch: Uuid, from: u64 },
    OrderHold { order: OrderId, revision: u32, cause: String },
    OrderRelease { order: OrderId, revision: u32 },
    OrderExpedite { order: OrderId, revision: u32 },
    ParcelLabel { order: OrderId, parcel: u32, tracking: Option<String>, revision: u32, zpl: Option<String> },
    ReturnPut { terms: Box<Return> },
    SiteReport,
}

/// A product of the catalog.
#[derive(Debug)]
pub struct Product {
    pub sku: Sku,
    pub name: Arc<str>,
    pub codes: Vec<ProductCode>,
}

/// A message that is no command, with as much of it as could be read.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Unreadable {
    /// With an id the platform can be told.
    pub id: Option<String>,
    pub kind: String,
    pub reason: &'static str,
    /// Repeats nothing of a message that is private.
    pub why: String,
    /// It names a person, or may do so: nothing of it is kept.
    pub private: bool,
}

/// What the platform is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Accepted,
    Rejected,
    /// What it asks for had been done already.
    Duplicate,
    Expired,
}

impl Status {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Duplicate => "duplicate",
            Self::Expired => "expired",
        }
    }
}

/// The most items in one command.
const ITEMS_MAX: usize = 2_000;

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::contract) struct Wire {
    specversion: String,
    /// Names the command: the same id is the same command, and gets the same reply.
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    id: String,
    r#type: String,
    /// After it the command has no effect.
    #[serde(default)]
    expirytime: Option<Timestamp>,
    #[serde(default)]
    data: Value,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::contract) struct Put {
    #[serde(flatten)]
    terms: WireTerms,
    /// What the platform knows of its progress, for a site that has forgotten it.
    #[serde(default)]
    known: Option<WireKnown>,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::contract) struct Cancel {
    /// The order's.
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    id: String,
    revision: u32,
    /// A word; nobody is told of `rerouted`.
    #[serde(default = "customer")]
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    reason: String,
    /// Whether the customer is to be told.
    #[serde(default = "yes")]
    notify: bool,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::contract) struct Hold {
    /// The order's.
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    id: String,
    revision: u32,
    #[serde(default = "unspecified")]
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    reason: String,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::contract) struct OfOrder {
    /// The order's.
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    id: String,
    revision: u32,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::contract) struct Label {
    /// The order's id.
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    order: String,
    parcel: u32,
    /// The carrier's number.
    #[serde(default)]
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    tracking: Option<String>,
    /// Of this parcel's label: from 1, growing.
    #[cfg_attr(test, schemars(range(min = 1)))]
    revision: u32,
    /// The carrier's label for the printer: never stored.
    #[serde(default)]
    zpl: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::contract) struct Catalog {
    /// Each replaces what was known of its SKU.
    #[cfg_attr(test, schemars(length(max = 2_000)))]
    products: Vec<WireProduct>,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::contract) struct WireProduct {
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    sku: String,
    #[cfg_attr(test, schemars(length(min = 1, max = 200)))]
    name: String,
    #[serde(default)]
    #[cfg_attr(test, schemars(inner(length(min = 1, max = 64))))]
    barcodes: Vec<String>,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::contract) struct StockSet {
    #[cfg_attr(test, schemars(length(max = 2_000)))]
    items: Vec<StockItem>,
    /// The last event that the quantities include: what moved since is applied on top.
    #[serde(default)]
    as_of: Option<Place>,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct StockItem {
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    sku: String,
    /// On hand.
    #[cfg_attr(test, schemars(range(min = 0, max = 1_000_000_000)))]
    quantity: i64,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Place {
    epoch: Uuid,
    sequence: u64,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::contract) struct Resend {
    epoch: Uuid,
    /// The first sequence to be sent again.
    from: u64,
}

fn customer() -> String {
    "customer".into()
}

fn unspecified() -> String {
    "unspecified".into()
}

fn yes() -> bool {
    true
}

/// Reads a command.
///
/// # Errors
/// What it lacks or has too much of; with its id where that could be read, so that the platform gets an answer.
pub fn parse(payload: &[u8]) -> Result<Command, Unreadable> {
    let lost = |reason, why: String| match personal::hint(payload) {
        Some(field) => {
            Unreadable { id: None, kind: String::new(), reason: PERSONAL_DATA, why: personal_why(field), private: true }
        }
        None => Unreadable { id: None, kind: String::new(), reason, why, private: personal::may_hold_a_label(payload) },
    };
    if super::COMMAND_BYTES_MAX < payload.len() {
        return Err(lost(
            "too_large",
            format!("{} bytes, at most {} are read", payload.len(), super::COMMAND_BYTES_MAX),
        ));
    }
    let wire: Wire = serde_json::from_slice(payload).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        let private = personal::may_hold_a_label(payload);
        lost("unreadable", if private { format!("no command, from {place} on") } else { error.to_string() })
    })?;
    let Wire { specversion, id, r#type: kind, expirytime, data } = wire;
    word("id", &id).map_err(|why| lost("unreadable", why))?;
    let kind: String = kind.chars().filter(|c| !c.is_control()).take(KIND_CHARACTERS_MAX).collect();
    let unreadable = |reason, why| {
        let private = reason == PERSONAL_DATA || is_private(&kind, payload);
        Unreadable { id: Some(id.clone()), kind: kind.clone(), reason, why, private }
    };
    if let Some(field) = personal::field(&data) {
        return Err(unreadable(PERSONAL_DATA, personal_why(&field)));
    }
    if specversion != "1.0" {
        return Err(unreadable("unreadable", "specversion: only 1.0 is read".into()));
    }
    let body = match kind.as_str() {
        "parceld.order.put.v1" => order_put(data),
        "parceld.order.cancel.v1" => order_cancel(data),
        "parceld.catalog.put.v1" => catalog_put(data),
        "parceld.stock.set.v1" => stock_set(data),
        "parceld.events.resend.v1" => read(data).map(|Resend { epoch, from }| Body::EventsResend { epoch, from }),
        "parceld.order.hold.v1" => order_hold(data),
        "parceld.order.release.v1" => of_order(data).map(|(order, revision)| Body::OrderRelease { order, revision }),
        "parceld.order.expedite.v1" => of_order(data).map(|(order, revision)| Body::OrderExpedite { order, revision }),
        PARCEL_LABEL => parcel_label(data),
        "parceld.return.put.v1" => return_put(data),
        "parceld.site.report.v1" => Ok(Body::SiteReport),
        _ => return Err(unreadable("unknown_command", format!("type {kind:?} is not known to this version"))),
    };
    let body = body.map_err(|why| {
        let told = kind == PARCEL_LABEL || !is_private(&kind, payload);
        unreadable("unreadable", if told { why } else { "data: not as this command has it".into() })
    })?;
    Ok(Command { id, kind, expires_at: expirytime, body })
}

/// Whether nothing of a command of this kind may be kept: a carrier's label names whom it goes to.
#[must_use]
pub fn is_private(kind: &str, payload: &[u8]) -> bool {
    kind == PARCEL_LABEL || personal::may_hold_a_label(payload)
}

/// The answer to one command.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::contract) struct Reply<'a> {
    specversion: &'a str,
    /// The command's `id`, and `/reply`.
    id: String,
    /// `/sites/` and the site's id.
    source: String,
    r#type: String,
    /// When it was decided, by the site's clock.
    #[cfg_attr(test, schemars(with = "Timestamp"))]
    time: String,
    datacontenttype: &'a str,
    data: ReplyData<'a>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ReplyData<'a> {
    /// The command's `id`.
    command: &'a str,
    /// The command's `type`.
    command_type: &'a str,
    /// `accepted`, `rejected`, `duplicate` (it is so already) or `expired`.
    status: &'a str,
    /// A word for programs, where it was not accepted. New ones may come.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// The reason for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    /// What `site.report` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<&'a SiteReport>,
}

/// The reply to a command, as published; `report` is what `site.report` asked for.
#[must_use]
pub fn reply(
    site: &str,
    command: &str,
    kind: &str,
    status: Status,
    reason: Option<(&str, &str)>,
    report: Option<&SiteReport>,
    at: Timestamp,
) -> String {
    let data = ReplyData {
        command,
        command_type: kind,
        status: status.word(),
        reason: reason.map(|(reason, _)| reason),
        detail: reason.map(|(_, detail)| detail),
        report,
    };
    serde_json::json!(Reply {
        specversion: "1.0",
        id: format!("{command}/reply"),
        source: super::envelope::source(site),
        r#type: format!("parceld.command.{}.{}", status.word(), super::VERSION),
        time: format!("{at:.3}"),
        datacontenttype: "application/json",
        data,
    })
    .to_string()
}

const PARCEL_LABEL: &str = "parceld.parcel.label.v1";
const KIND_CHARACTERS_MAX: usize = 64;

/// The reason of a message that must not be kept.
const PERSONAL_DATA: &str = "personal_data";

fn personal_why(field: &str) -> String {
    format!("the field {field:?} is personal data, which no site stores")
}

fn read<T: for<'de> Deserialize<'de>>(data: Value) -> Result<T, String> {
    serde_json::from_value(data).map(|Object(data)| data).map_err(|error| format!("data: {error}"))
}

fn order_put(data: Value) -> Result<Body, String> {
    let Put { terms, known } = read(data)?;
    let known = known.map(WireKnown::into_domain).transpose()?;
    Ok(Body::OrderPut { terms: Box::new(terms.into_domain()?), known })
}

fn order_cancel(data: Value) -> Result<Body, String> {
    let Cancel { id, revision, reason, notify } = read(data)?;
    word("id", &id)?;
    word("reason", &reason)?;
    Ok(Body::OrderCancel { order: id.as_str().into(), revision, cause: reason, notify })
}

fn order_hold(data: Value) -> Result<Body, String> {
    let Hold { id, revision, reason } = read(data)?;
    word("id", &id)?;
    word("reason", &reason)?;
    Ok(Body::OrderHold { order: id.as_str().into(), revision, cause: reason })
}

fn of_order(data: Value) -> Result<(OrderId, u32), String> {
    let OfOrder { id, revision } = read(data)?;
    word("id", &id)?;
    Ok((id.as_str().into(), revision))
}

fn parcel_label(data: Value) -> Result<Body, String> {
    // What serde says of a wrong value repeats the value.
    let label: Label = serde_json::from_value(data)
        .map_err(|_| "data: texts order, tracking and zpl, whole numbers parcel and revision".to_owned())?;
    let Label { order, parcel, tracking, revision, zpl } = label;
    word("order", &order)?;
    if let Some(tracking) = &tracking {
        word("tracking", tracking)?;
    }
    if revision == 0 {
        return Err("revision: from 1".into());
    }
    if zpl.as_ref().is_some_and(|zpl| ZPL_BYTES_MAX < zpl.len()) {
        return Err(format!("zpl: at most {ZPL_BYTES_MAX} bytes"));
    }
    Ok(Body::ParcelLabel { order: order.as_str().into(), parcel, tracking, revision, zpl })
}

/// A label with a logo has a few kilobytes; all that wait to be printed are held in memory.
const ZPL_BYTES_MAX: usize = 64 * 1024;

fn return_put(data: Value) -> Result<Body, String> {
    let terms: WireReturn = read(data)?;
    Ok(Body::ReturnPut { terms: Box::new(terms.into_domain()?) })
}

fn catalog_put(data: Value) -> Result<Body, String> {
    let Catalog { products } = read(data)?;
    few("products", products.len())?;
    let product = |wire: WireProduct| {
        word("products.sku", &wire.sku)?;
        name("products.name", &wire.name)?;
        let codes = wire.barcodes.iter().map(|text| product_code(text)).collect::<Result<_, _>>()?;
        Ok(Product { sku: wire.sku.as_str().into(), name: wire.name.into(), codes })
    };
    Ok(Body::CatalogPut { products: products.into_iter().map(product).collect::<Result<_, String>>()? })
}

fn stock_set(data: Value) -> Result<Body, String> {
    let StockSet { items, as_of } = read(data)?;
    few("items", items.len())?;
    let item = |wire: StockItem| {
        word("items.sku", &wire.sku)?;
        let possible = (0..=STOCK_MAX).contains(&wire.quantity);
        let sku = Sku::from(wire.sku.as_str());
        possible.then_some((sku, wire.quantity)).ok_or_else(|| format!("items.quantity: 0 to {STOCK_MAX}"))
    };
    let items = items.into_iter().map(item).collect::<Result<_, String>>()?;
    Ok(Body::StockSet { items, as_of: as_of.map(|place| (place.epoch, place.sequence)) })
}

const STOCK_MAX: i64 = 1_000_000_000;

fn few(field: &str, count: usize) -> Result<(), String> {
    (count <= ITEMS_MAX).then_some(()).ok_or_else(|| format!("{field}: at most {ITEMS_MAX} at once, not {count}"))
}
