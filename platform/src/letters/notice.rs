//! What a site asks to be said: the data of `notification.requested`, as far as letters need it.

use super::when::Promise;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

#[derive(Clone, Debug, Deserialize)]
pub struct Notice {
    pub key: String,
    pub milestone: String,
    pub order: OrderRef,
    #[serde(default)]
    pub parcel: Option<i64>,
    #[serde(default)]
    pub of: Option<i64>,
    #[serde(default)]
    pub customer: Option<String>,
    #[serde(default)]
    pub channels: Vec<String>,
    #[serde(default)]
    pub language: Option<String>,
    #[serde(default)]
    pub items: Vec<Item>,
    #[serde(default)]
    pub carrier: Option<String>,
    #[serde(default)]
    pub tracking: Option<String>,
    #[serde(default)]
    pub tracking_url: Option<String>,
    #[serde(default)]
    pub promise: Option<Promise>,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub short: Vec<Item>,
    #[serde(default)]
    pub delay: Option<Delay>,
    #[serde(default)]
    pub r#return: Option<Return>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct OrderRef {
    pub id: String,
    pub number: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Item {
    pub name: String,
    #[serde(default = "one")]
    pub quantity: i64,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Delay {
    #[serde(default)]
    pub revised: Option<Revised>,
    #[serde(default = "yes")]
    pub first: bool,
    #[serde(default)]
    pub restored: bool,
    #[serde(default)]
    pub choices: Vec<String>,
}

/// What is expected now.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Revised {
    #[serde(default)]
    pub collection: Option<Collection>,
    #[serde(flatten)]
    pub promise: Promise,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Collection {
    pub at: Timestamp,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Return {
    #[serde(default)]
    pub authorized: bool,
    #[serde(default)]
    pub resolution: Option<String>,
}

impl Notice {
    /// # Errors
    /// It is no notice.
    pub fn read(data: &str) -> Result<Self, serde_json::Error> {
        let mut data: Value = serde_json::from_str(data)?;
        show(&mut data);
        Self::deserialize(data)
    }
}

/// All text in it with what can't be seen made visible: a line break in a name must not end a mail's header, nor may a
/// letter that turns the direction of writing change what a customer reads.
pub fn show(data: &mut Value) {
    match data {
        Value::String(text) => {
            let hidden = |c: char| {
                c.is_control()
                    || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
            };
            if text.contains(hidden) {
                *text = text.replace(hidden, "\u{fffd}");
            }
        }
        Value::Array(values) => values.iter_mut().for_each(show),
        Value::Object(fields) => fields.values_mut().for_each(show),
        _ => {}
    }
}

fn one() -> i64 {
    1
}

fn yes() -> bool {
    true
}

impl Item {
    /// `Bowl × 2`, or `Bowl` alone.
    #[must_use]
    pub fn say(&self) -> String {
        if self.quantity == 1 { self.name.clone() } else { format!("{} × {}", self.name, self.quantity) }
    }
}
