//! Commands of the platform: read, never trusted, and answered.

use super::order::{WireKnown, WireTerms, product_code, word};
use crate::domain::event::Known;
use crate::domain::name::{OrderId, ProductCode, Sku};
use crate::domain::order::Terms;
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
    pub why: String,
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

/// Fields that name or reach a person, as letters and digits alone: `firstName` and `first_name` are one. A command
/// with one of them anywhere is refused and not stored.
const PERSONAL: [&str; 27] = [
    "address",
    "addressline1",
    "addressline2",
    "birthdate",
    "city",
    "customername",
    "dateofbirth",
    "email",
    "emailaddress",
    "familyname",
    "firstname",
    "fullname",
    "givenname",
    "lastname",
    "mobile",
    "phone",
    "phonenumber",
    "postcode",
    "postalcode",
    "recipient",
    "recipientname",
    "street",
    "streetaddress",
    "surname",
    "telephone",
    "zip",
    "zipcode",
];

#[derive(Deserialize)]
struct Wire {
    specversion: String,
    id: String,
    r#type: String,
    #[serde(default)]
    expirytime: Option<Timestamp>,
    #[serde(default)]
    data: Value,
}

#[derive(Deserialize)]
struct Put {
    #[serde(flatten)]
    terms: WireTerms,
    #[serde(default)]
    known: Option<WireKnown>,
}

#[derive(Deserialize)]
struct Cancel {
    id: String,
    revision: u32,
    #[serde(default = "customer")]
    reason: String,
    #[serde(default = "yes")]
    notify: bool,
}

#[derive(Deserialize)]
struct Catalog {
    products: Vec<WireProduct>,
}

#[derive(Deserialize)]
struct WireProduct {
    sku: String,
    name: String,
    #[serde(default)]
    barcodes: Vec<String>,
}

#[derive(Deserialize)]
struct StockSet {
    items: Vec<StockItem>,
    #[serde(default)]
    as_of: Option<Place>,
}

#[derive(Deserialize)]
struct StockItem {
    sku: String,
    quantity: i64,
}

#[derive(Deserialize)]
struct Place {
    epoch: Uuid,
    sequence: u64,
}

#[derive(Deserialize)]
struct Resend {
    epoch: Uuid,
    from: u64,
}

fn customer() -> String {
    "customer".into()
}

fn yes() -> bool {
    true
}

/// Reads a command.
///
/// # Errors
/// What it lacks or has too much of; with its id where that could be read, so that the platform gets an answer.
pub fn parse(payload: &[u8]) -> Result<Command, Unreadable> {
    let lost = |reason, why: String| match hint_of_a_person(payload) {
        Some(field) => Unreadable { id: None, kind: String::new(), reason: PERSONAL_DATA, why: personal_why(field) },
        None => Unreadable { id: None, kind: String::new(), reason, why },
    };
    if super::COMMAND_BYTES_MAX < payload.len() {
        return Err(lost(
            "too_large",
            format!("{} bytes, at most {} are read", payload.len(), super::COMMAND_BYTES_MAX),
        ));
    }
    let wire: Wire = serde_json::from_slice(payload).map_err(|error| lost("unreadable", error.to_string()))?;
    let Wire { specversion, id, r#type: kind, expirytime, data } = wire;
    word("id", &id).map_err(|why| lost("unreadable", why))?;
    let kind: String = kind.chars().filter(|c| !c.is_control()).take(KIND_CHARACTERS_MAX).collect();
    let unreadable = |reason, why| Unreadable { id: Some(id.clone()), kind: kind.clone(), reason, why };
    if let Some(field) = personal(&data) {
        return Err(unreadable(PERSONAL_DATA, personal_why(&field)));
    }
    if specversion != "1.0" {
        return Err(unreadable("unreadable", format!("specversion {specversion:?}, only 1.0 is read")));
    }
    let body = match kind.as_str() {
        "parceld.order.put.v1" => order_put(data),
        "parceld.order.cancel.v1" => order_cancel(data),
        "parceld.catalog.put.v1" => catalog_put(data),
        "parceld.stock.set.v1" => stock_set(data),
        "parceld.events.resend.v1" => read(data).map(|Resend { epoch, from }| Body::EventsResend { epoch, from }),
        _ => return Err(unreadable("unknown_command", format!("type {kind:?} is not known to this version"))),
    };
    let body = body.map_err(|why| unreadable("unreadable", why))?;
    Ok(Command { id, kind, expires_at: expirytime, body })
}

/// The reply to a command, as published.
#[must_use]
pub fn reply(
    site: &str,
    command: &str,
    kind: &str,
    status: Status,
    reason: Option<(&str, &str)>,
    at: Timestamp,
) -> String {
    #[derive(Serialize)]
    struct Reply<'a> {
        specversion: &'a str,
        id: String,
        source: String,
        r#type: String,
        time: String,
        datacontenttype: &'a str,
        data: ReplyData<'a>,
    }
    #[derive(Serialize)]
    struct ReplyData<'a> {
        command: &'a str,
        command_type: &'a str,
        status: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<&'a str>,
    }
    let data = ReplyData {
        command,
        command_type: kind,
        status: status.word(),
        reason: reason.map(|(reason, _)| reason),
        detail: reason.map(|(_, detail)| detail),
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

const KIND_CHARACTERS_MAX: usize = 64;

/// The reason of a message that must not be kept.
pub const PERSONAL_DATA: &str = "personal_data";

fn personal_why(field: &str) -> String {
    format!("the field {field:?} is personal data, which no site stores")
}

fn read<T: for<'de> Deserialize<'de>>(data: Value) -> Result<T, String> {
    serde_json::from_value(data).map_err(|error| format!("data: {error}"))
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

fn catalog_put(data: Value) -> Result<Body, String> {
    let Catalog { products } = read(data)?;
    few("products", products.len())?;
    let product = |wire: WireProduct| {
        word("products.sku", &wire.sku)?;
        word("products.name", &wire.name)?;
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

/// The first field that names or reaches a person. A line's and a product's `name` is the goods'.
fn personal(data: &Value) -> Option<String> {
    let mut open = vec![(data, false)];
    while let Some((value, goods)) = open.pop() {
        match value {
            Value::Object(fields) => {
                for (field, value) in fields {
                    let plain = plain(field);
                    if PERSONAL.contains(&plain.as_str()) || (plain == "name" && !goods) {
                        return Some(field.clone());
                    }
                    open.push((value, matches!(plain.as_str(), "lines" | "products")));
                }
            }
            Value::Array(values) => open.extend(values.iter().map(|value| (value, goods))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    None
}

fn plain(field: &str) -> String {
    field.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// A field as [`personal`] looks for, in a message that can't be read: quoted text before a colon that is
/// such a field's name. A channel may be called `email`.
fn hint_of_a_person(payload: &[u8]) -> Option<&'static str> {
    let texts = || payload.split(|byte| *byte == b'"');
    let is_field =
        |(text, next): &(&[u8], &[u8])| text.len() <= FIELD_BYTES_MAX && next.trim_ascii_start().starts_with(b":");
    let fields = texts().zip(texts().skip(1)).filter(is_field);
    let mut names = fields.map(|(text, _)| plain(&String::from_utf8_lossy(text)));
    names.find_map(|name| PERSONAL.into_iter().find(|known| *known == name))
}

/// Longer than any name of a field that is looked for.
const FIELD_BYTES_MAX: usize = 32;
