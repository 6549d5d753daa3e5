//! The file as serde sees it: which tables there are and which keys each has. Meaning is given by `check`.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use toml::Spanned;

/// A key's value and where it stands.
pub type Item<T> = Option<Spanned<T>>;

pub type List<T> = Item<Vec<Spanned<T>>>;

/// A table, and only a table: a derived struct would also be read from an array, by position.
#[derive(Default)]
pub struct Table<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TableVisitor(PhantomData))
    }
}

struct TableVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for TableVisitor<T> {
    type Value = Table<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Table)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub site: Item<Table<Site>>,
    pub storage: Item<Table<Storage>>,
    pub broker: Item<Table<Broker>>,
    pub sync: Item<Table<Sync>>,
    pub web: Item<Table<Web>>,
    pub control: Item<Table<Control>>,
    pub floor: Item<Table<Floor>>,
    pub promise: Item<Table<Promise>>,
    pub notices: Item<Table<Notices>>,
    pub station: List<Table<Station>>,
    pub scanner: List<Table<Scanner>>,
    pub printer: List<Table<Printer>>,
    pub carrier: List<Table<Carrier>>,
    pub log: Item<Table<Log>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    pub id: Item<String>,
    pub name: Item<String>,
    pub timezone: Item<String>,
    pub language: Item<String>,
    pub gs1_company_prefix: Item<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    pub path: Item<String>,
    pub backup_dir: Item<String>,
    pub keep: Item<String>,
    pub low_space: Item<String>,
    pub ballast: Item<String>,
    pub backup_every: Item<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broker {
    pub url: Item<String>,
    pub client_id: Item<String>,
    pub root: Item<String>,
    pub keep_alive: Item<String>,
    pub session_expiry: Item<String>,
    pub username: Item<String>,
    pub password_file: Item<String>,
    pub ca_file: Item<String>,
    pub crl_file: Item<String>,
    pub certificate_file: Item<String>,
    pub key_file: Item<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sync {
    pub window: Item<i64>,
    pub ahead: Item<i64>,
    pub forget: Item<String>,
    pub ack_timeout: Item<String>,
    pub receipt_timeout: Item<String>,
    pub historical_after: Item<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Web {
    pub listen: Item<String>,
    pub allowed_hosts: List<String>,
    pub token_file: Item<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    pub socket: Item<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    pub flow: Item<String>,
    pub operators: Item<String>,
    pub idle_sign_out: Item<String>,
    pub bins: Item<bool>,
    pub batch_size: Item<i64>,
    pub low_stock: Item<i64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    pub pace_floor: Item<i64>,
    pub pace_window: Item<String>,
    pub at_risk_margin: Item<String>,
    pub day_closes: Item<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notices {
    pub milestones: List<String>,
    pub expire_after: Item<Table<ExpireAfter>>,
    pub feedback_after: Item<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpireAfter {
    pub order_accepted: Item<String>,
    pub packed: Item<String>,
    pub ready_for_pickup: Item<String>,
    pub handed_over: Item<String>,
    pub collected: Item<String>,
    pub short_shipped: Item<String>,
    pub delayed: Item<String>,
    pub cancelled: Item<String>,
    pub return_received: Item<String>,
    pub feedback_invited: Item<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Station {
    pub id: Item<String>,
    pub name: Item<String>,
    pub mode: Item<String>,
    pub screen: Item<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Printer {
    pub id: Item<String>,
    pub station: Item<String>,
    pub host: Item<String>,
    pub port: Item<i64>,
    pub dpi: Item<i64>,
    pub label_width: Item<i64>,
    pub label_height: Item<i64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scanner {
    pub id: Item<String>,
    pub station: Item<String>,
    pub driver: Item<String>,
    pub model: Item<String>,
    pub port: Item<String>,
    pub baud: Item<i64>,
    pub data_bits: Item<i64>,
    pub parity: Item<String>,
    pub stop_bits: Item<i64>,
    pub terminator: Item<String>,
    pub idle_gap: Item<String>,
    pub bounce: Item<String>,
    pub feedback: Item<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carrier {
    pub id: Item<String>,
    pub name: Item<String>,
    pub services: List<String>,
    pub collections: List<Table<Collection>>,
    pub holidays: List<String>,
    pub grace: Item<String>,
    pub tracking_required: Item<bool>,
    pub tracking_pattern: Item<String>,
    pub tracking_url: Item<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collection {
    pub days: List<String>,
    pub at: Item<String>,
    pub cut_off: Item<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub level: Item<String>,
    pub format: Item<String>,
}
