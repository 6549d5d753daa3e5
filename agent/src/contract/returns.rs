//! A return on the wire: the same in `return.put` and `return.authorized`.

use super::order::{product_code, word};
use crate::domain::event::OrderRef;
use crate::domain::returns::{Return, ReturnLine, ReturnState};
use serde::{Deserialize, Serialize};

/// A return as announced.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WireReturn {
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    id: String,
    /// Where the goods came from, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<WireOrder>,
    #[cfg_attr(test, schemars(length(max = 500)))]
    lines: Vec<WireLine>,
    /// What the customer chose: passed on as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    resolution: Option<String>,
}

/// An order, as returns name it.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WireOrder {
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    id: String,
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    number: String,
    #[serde(default)]
    revision: u32,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct WireLine {
    #[cfg_attr(test, schemars(length(min = 1, max = 64)))]
    sku: String,
    #[cfg_attr(test, schemars(length(min = 1, max = 200)))]
    name: String,
    /// Units.
    #[cfg_attr(test, schemars(range(min = 1, max = 10_000)))]
    quantity: u32,
    /// What counts as this item, beside what the catalog says of its SKU.
    #[serde(default)]
    #[cfg_attr(test, schemars(inner(length(min = 1, max = 64))))]
    barcodes: Vec<String>,
}

const LINES_MAX: usize = 500;
const UNITS_MAX: u32 = 10_000;

impl WireReturn {
    /// The return as announced, or what is wrong with it.
    pub fn into_domain(self) -> Result<Return, String> {
        word("id", &self.id)?;
        if LINES_MAX < self.lines.len() {
            return Err(format!("lines: at most {LINES_MAX}, not {}", self.lines.len()));
        }
        if let Some(resolution) = &self.resolution {
            word("resolution", resolution)?;
        }
        let order = |order: WireOrder| {
            word("order.id", &order.id)?;
            word("order.number", &order.number)?;
            Ok::<_, String>(OrderRef {
                id: order.id.as_str().into(),
                number: order.number.as_str().into(),
                revision: order.revision,
            })
        };
        Ok(Return {
            id: self.id.as_str().into(),
            order: self.order.map(order).transpose()?,
            authorized: true,
            lines: self.lines.into_iter().map(WireLine::into_domain).collect::<Result<_, _>>()?,
            resolution: self.resolution.map(Into::into),
            state: ReturnState::Authorized,
            found: Vec::new(),
        })
    }

    pub fn from_domain(terms: &Return) -> Self {
        let order = |order: &OrderRef| WireOrder {
            id: order.id.to_string(),
            number: order.number.to_string(),
            revision: order.revision,
        };
        Self {
            id: terms.id.to_string(),
            order: terms.order.as_ref().map(order),
            lines: terms.lines.iter().map(WireLine::from_domain).collect(),
            resolution: terms.resolution.as_deref().map(str::to_owned),
        }
    }
}

impl WireLine {
    fn into_domain(self) -> Result<ReturnLine, String> {
        word("lines.sku", &self.sku)?;
        super::order::name("lines.name", &self.name)?;
        if self.quantity == 0 || UNITS_MAX < self.quantity {
            return Err(format!("lines.quantity: 1 to {UNITS_MAX}, {} has {}", self.sku, self.quantity));
        }
        Ok(ReturnLine {
            sku: self.sku.as_str().into(),
            name: self.name.into(),
            quantity: self.quantity,
            codes: self.barcodes.iter().map(|text| product_code(text)).collect::<Result<_, _>>()?,
        })
    }

    fn from_domain(line: &ReturnLine) -> Self {
        Self {
            sku: line.sku.to_string(),
            name: line.name.as_ref().to_owned(),
            quantity: line.quantity,
            barcodes: line.codes.iter().map(ToString::to_string).collect(),
        }
    }
}
