//! An order's terms on the wire: the same in `order.put`, `order.accepted` and `order.updated`.

use crate::domain::event::{Known, KnownParcel};
use crate::domain::name::{LineId, ProductCode};
use crate::domain::order::{Capture, Delivery, Done, Line, Notify, OnShort, Promise, Terms};
use crate::domain::sscc::Sscc;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What an order asks for.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireTerms {
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    id: String,
    /// What people and labels call it.
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    number: String,
    /// Grows with each change: an older one never overrules a newer one.
    revision: u32,
    #[cfg_attr(test, schemars(length(min = 1, max = 500)))]
    lines: Vec<WireLine>,
    delivery: WireDelivery,
    /// Who takes it, where `delivery` is `carrier`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    carrier: Option<String>,
    /// The carrier's, as passed on to dispatch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    /// As shown at checkout.
    #[serde(default)]
    promise: WirePromise,
    #[serde(default)]
    notify: WireNotify,
    /// What happens with the rest where units can't be had.
    #[serde(default)]
    on_short: WireOnShort,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WireLine {
    /// Its id within the order.
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    line: String,
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    sku: String,
    /// The goods', for people.
    #[cfg_attr(test, schemars(length(min = 1, max = 200)))]
    name: String,
    /// Units.
    #[cfg_attr(test, schemars(range(min = 1, max = 10_000)))]
    quantity: u32,
    /// What counts as this item, beside what the catalog says of its SKU.
    #[serde(default)]
    #[cfg_attr(test, schemars(inner(length(min = 1, max = 64))))]
    barcodes: Vec<String>,
    /// The place where it lies, as on its barcode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9A-Za-z._-]{1,32}$")))]
    bin: Option<String>,
    /// Of one unit, in grams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weight_g: Option<u32>,
    #[serde(default, skip_serializing_if = "WireCapture::is_empty")]
    capture: WireCapture,
}

/// What is to be recorded of each unit.
#[derive(Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WireCapture {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    serial: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    lot: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    expiry: bool,
    /// `#` a digit, `@` a letter, `?` any character, `*` any number of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum WireDelivery {
    #[default]
    Carrier,
    Pickup,
}

#[derive(Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WirePromise {
    /// When it must have left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ship_by: Option<Timestamp>,
    /// From when on it may arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deliver_from: Option<Timestamp>,
    /// When it must have arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deliver_by: Option<Timestamp>,
}

/// Whom to tell of the order's progress, and how.
#[derive(Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WireNotify {
    /// An opaque reference, never a name or an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    customer: Option<String>,
    /// Those that the customer allows; none means that nobody is told.
    #[serde(default)]
    channels: Vec<String>,
    /// Passed on as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language: Option<String>,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum WireOnShort {
    #[default]
    ShipRest,
    Hold,
    Cancel,
}

/// What the platform knows of an order's progress.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireKnown {
    #[serde(default)]
    lines: Vec<WireKnownLine>,
    /// The closed ones, numbered from 1.
    #[serde(default)]
    parcels: Vec<WireKnownParcel>,
    /// All units are in closed parcels.
    #[serde(default)]
    packed: bool,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WireKnownLine {
    line: String,
    picked: u32,
    packed: u32,
    /// Units that can't be had.
    #[serde(default, skip_serializing_if = "is_zero")]
    short: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WireKnownParcel {
    #[cfg_attr(test, schemars(range(min = 1, max = 1_000)))]
    parcel: u32,
    /// Eighteen digits, the last a check digit.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9]{18}$")))]
    sscc: String,
    #[serde(default)]
    handed_over: bool,
    contents: Vec<WireUnits>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WireUnits {
    line: String,
    quantity: u32,
}

/// Longest ids, numbers, SKUs and codes; longest names for people.
const WORD_CHARACTERS_MAX: usize = 64;
const NAME_CHARACTERS_MAX: usize = 200;
const LINES_MAX: usize = 500;
const UNITS_MAX: u32 = 10_000;
const PARCELS_MAX: u32 = 1_000;

impl WireTerms {
    /// The terms, or what is wrong with them.
    pub fn into_domain(self) -> Result<Terms, String> {
        word("id", &self.id)?;
        word("number", &self.number)?;
        if self.lines.is_empty() || LINES_MAX < self.lines.len() {
            return Err(format!("lines: an order has 1 to {LINES_MAX} lines, this one has {}", self.lines.len()));
        }
        let lines: Vec<Line> = self.lines.into_iter().map(WireLine::into_domain).collect::<Result<_, _>>()?;
        for (index, line) in lines.iter().enumerate() {
            if lines[..index].iter().any(|earlier| earlier.id == line.id) {
                return Err(format!("lines: line id {} stands twice", line.id));
            }
        }
        let delivery = match (self.delivery, self.carrier) {
            (WireDelivery::Pickup, _) => Delivery::Pickup,
            (WireDelivery::Carrier, Some(carrier)) => {
                word("carrier", &carrier)?;
                Delivery::Carrier { carrier: carrier.as_str().into(), service: self.service.map(Into::into) }
            }
            (WireDelivery::Carrier, None) => return Err("carrier: missing for delivery \"carrier\"".into()),
        };
        Ok(Terms {
            id: self.id.as_str().into(),
            number: self.number.as_str().into(),
            revision: self.revision,
            lines,
            delivery,
            promise: self.promise.into_domain(),
            notify: Notify {
                customer: self.notify.customer.map(Into::into),
                channels: self.notify.channels.into_iter().map(Into::into).collect(),
                language: self.notify.language.map(Into::into),
            },
            on_short: match self.on_short {
                WireOnShort::ShipRest => OnShort::ShipRest,
                WireOnShort::Hold => OnShort::Hold,
                WireOnShort::Cancel => OnShort::Cancel,
            },
        })
    }

    pub fn from_domain(terms: &Terms) -> Self {
        let (delivery, carrier, service) = match &terms.delivery {
            Delivery::Carrier { carrier, service } => {
                (WireDelivery::Carrier, Some(carrier.to_string()), service.as_deref().map(str::to_owned))
            }
            Delivery::Pickup => (WireDelivery::Pickup, None, None),
        };
        Self {
            id: terms.id.to_string(),
            number: terms.number.to_string(),
            revision: terms.revision,
            lines: terms.lines.iter().map(WireLine::from_domain).collect(),
            delivery,
            carrier,
            service,
            promise: WirePromise::from_domain(&terms.promise),
            notify: WireNotify {
                customer: terms.notify.customer.as_deref().map(str::to_owned),
                channels: terms.notify.channels.iter().map(|channel| channel.clone().into()).collect(),
                language: terms.notify.language.as_deref().map(str::to_owned),
            },
            on_short: match terms.on_short {
                OnShort::ShipRest => WireOnShort::ShipRest,
                OnShort::Hold => WireOnShort::Hold,
                OnShort::Cancel => WireOnShort::Cancel,
            },
        }
    }
}

impl WireLine {
    fn into_domain(self) -> Result<Line, String> {
        word("lines.line", &self.line)?;
        word("lines.sku", &self.sku)?;
        name("lines.name", &self.name)?;
        if self.quantity == 0 || UNITS_MAX < self.quantity {
            return Err(format!("lines.quantity: 1 to {UNITS_MAX}, line {} has {}", self.line, self.quantity));
        }
        Ok(Line {
            id: self.line.as_str().into(),
            sku: self.sku.as_str().into(),
            name: self.name.into(),
            quantity: self.quantity,
            codes: self.barcodes.iter().map(|text| product_code(text)).collect::<Result<_, _>>()?,
            bin: self.bin.map(|bin| place("lines.bin", &bin).map(|()| bin.as_str().into())).transpose()?,
            weight_g: self.weight_g,
            capture: self.capture.into_domain()?,
        })
    }

    fn from_domain(line: &Line) -> Self {
        Self {
            line: line.id.to_string(),
            sku: line.sku.to_string(),
            name: line.name.as_ref().to_owned(),
            quantity: line.quantity,
            barcodes: line.codes.iter().map(ToString::to_string).collect(),
            bin: line.bin.as_deref().map(str::to_owned),
            weight_g: line.weight_g,
            capture: WireCapture::from_domain(&line.capture),
        }
    }
}

impl WireCapture {
    fn is_empty(&self) -> bool {
        !self.serial && !self.lot && !self.expiry && self.pattern.is_none()
    }

    fn into_domain(self) -> Result<Capture, String> {
        if let Some(pattern) = &self.pattern {
            word("lines.capture.pattern", pattern)?;
        }
        let pattern = self.pattern.as_deref().map(Into::into);
        Ok(Capture { serial: self.serial, lot: self.lot, expiry: self.expiry, pattern })
    }

    fn from_domain(capture: &Capture) -> Self {
        let pattern = capture.pattern.as_ref().map(ToString::to_string);
        Self { serial: capture.serial, lot: capture.lot, expiry: capture.expiry, pattern }
    }
}

impl WirePromise {
    pub fn into_domain(self) -> Promise {
        Promise { ship_by: self.ship_by, deliver_from: self.deliver_from, deliver_by: self.deliver_by }
    }

    pub fn from_domain(promise: &Promise) -> Self {
        Self { ship_by: promise.ship_by, deliver_from: promise.deliver_from, deliver_by: promise.deliver_by }
    }
}

impl WireKnown {
    pub fn into_domain(self) -> Result<Known, String> {
        let line = |known: WireKnownLine| {
            let done = Done { picked: known.picked.max(known.packed), packed: known.packed, short: known.short };
            few_units("known.lines", done.picked.max(done.short)).map(|()| (known.line.as_str().into(), done))
        };
        let mut parcels =
            self.parcels.into_iter().map(WireKnownParcel::into_domain).collect::<Result<Vec<KnownParcel>, _>>()?;
        parcels.sort_by_key(|parcel| parcel.n);
        if parcels.iter().zip(1..).any(|(parcel, n)| parcel.n != n) {
            return Err("known.parcels: they are numbered from 1, each number once".into());
        }
        Ok(Known { lines: self.lines.into_iter().map(line).collect::<Result<_, _>>()?, parcels, packed: self.packed })
    }

    pub fn from_domain(known: &Known) -> Self {
        let line = |(line, done): &(LineId, Done)| WireKnownLine {
            line: line.to_string(),
            picked: done.picked,
            packed: done.packed,
            short: done.short,
        };
        let parcel = |parcel: &KnownParcel| WireKnownParcel {
            parcel: parcel.n,
            sscc: parcel.sscc.to_string(),
            handed_over: parcel.handed_over,
            contents: parcel
                .contents
                .iter()
                .map(|(line, quantity)| WireUnits { line: line.to_string(), quantity: *quantity })
                .collect(),
        };
        Self {
            lines: known.lines.iter().map(line).collect(),
            parcels: known.parcels.iter().map(parcel).collect(),
            packed: known.packed,
        }
    }
}

impl WireKnownParcel {
    fn into_domain(self) -> Result<KnownParcel, String> {
        if self.parcel == 0 || PARCELS_MAX < self.parcel {
            return Err(format!("known.parcels.parcel: 1 to {PARCELS_MAX}"));
        }
        Ok(KnownParcel {
            n: self.parcel,
            sscc: sscc(&self.sscc)?,
            handed_over: self.handed_over,
            contents: self.contents.into_iter().map(WireUnits::into_domain).collect::<Result<_, _>>()?,
        })
    }
}

impl WireUnits {
    fn into_domain(self) -> Result<(LineId, u32), String> {
        few_units("known.parcels.contents", self.quantity).map(|()| (self.line.as_str().into(), self.quantity))
    }
}

fn few_units(field: &str, units: u32) -> Result<(), String> {
    (units <= UNITS_MAX).then_some(()).ok_or_else(|| format!("{field}: at most {UNITS_MAX} units, not {units}"))
}

/// An SSCC of eighteen digits; its check digit was made where it was minted.
pub fn sscc(text: &str) -> Result<Sscc, String> {
    let digits = text.len() == 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number.map(Sscc).ok_or_else(|| format!("sscc: eighteen digits, not {text:?}"))
}

/// A barcode in the form that it is compared in.
pub fn product_code(text: &str) -> Result<ProductCode, String> {
    word("barcodes", text)?;
    Ok(match text.parse::<parceld_drivers::gs1::Gtin>() {
        Ok(gtin) => gtin.to_string().as_str().into(),
        Err(_) => text.into(),
    })
}

/// Checks a name for people: not empty, not too long.
pub fn name(field: &str, text: &str) -> Result<(), String> {
    let long = text.is_empty() || NAME_CHARACTERS_MAX < text.chars().count();
    (!long).then_some(()).ok_or_else(|| format!("{field}: 1 to {NAME_CHARACTERS_MAX} characters"))
}

/// Checks the id of a place, as it stands on its barcode.
fn place(field: &str, text: &str) -> Result<(), String> {
    let fits = crate::domain::code::is_label(text);
    fits.then_some(()).ok_or_else(|| format!("{field}: 1 to 32 of A-Z, a-z, 0-9, '.', '_' and '-', not {text:?}"))
}

/// Checks a short text: not empty, not long, no control characters.
pub fn word(field: &str, text: &str) -> Result<(), String> {
    if text.is_empty() || WORD_CHARACTERS_MAX < text.chars().count() || text.chars().any(char::is_control) {
        return Err(format!("{field}: 1 to {WORD_CHARACTERS_MAX} characters, none of them a control character"));
    }
    Ok(())
}
