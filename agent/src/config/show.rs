//! The configuration said again: every key with its value, and where that comes from.
//!
//! What is shown can be read back and means the same, but for what may be a secret: that is hidden. The keys are those of
//! the manual, in its order.

use super::merge::Origin;
use super::{Carrier, Collection, Config, Loaded, Port, Printer, Scanner, Station, duration_text, size_text, values};
use jiff::civil;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write as _};
use std::path::Path;
use std::time::Duration;
use toml::Value;

/// Stands for what is not shown.
const HIDDEN: &str = "(hidden)";

/// A configuration to look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    pub sections: Vec<Section>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Its dotted name.
    pub table: String,
    /// Which one it is, of a list of tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub keys: Vec<Key>,
}

/// A key of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    pub key: String,
    /// `None`: not set, and nothing stands for it.
    pub value: Option<Value>,
    /// What stands there is not the value, which may be a secret.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    pub origin: Origin,
}

impl Section {
    fn new(table: &str, id: Option<&str>) -> Self {
        Self { table: table.to_owned(), id: id.map(str::to_owned), keys: Vec::new() }
    }

    fn key(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        self.maybe(key, Some(value))
    }

    fn maybe(&mut self, key: &str, value: Option<impl Into<Value>>) -> &mut Self {
        let value = value.map(Into::into);
        self.keys.push(Key { key: key.to_owned(), value, hidden: false, origin: Origin::Default });
        self
    }

    /// The path of one of its keys: `broker.url`, `scanner.hand.port`.
    #[must_use]
    pub fn path_of(&self, key: &str) -> String {
        match &self.id {
            Some(id) => format!("{}.{id}.{key}", self.table),
            None => format!("{}.{key}", self.table),
        }
    }
}

impl Shown {
    /// Everything but what may be a secret.
    #[must_use]
    pub fn of(loaded: &Loaded) -> Self {
        let mut sections = sections(&loaded.config);
        for section in &mut sections {
            for at in 0..section.keys.len() {
                let path = section.path_of(&section.keys[at].key);
                let key = &mut section.keys[at];
                key.origin = loaded.origins.of_key(&path);
                hide(&loaded.config, &path, key);
            }
        }
        Self { sections }
    }

    /// Without what is as it would be anyway.
    #[must_use]
    pub fn changed(mut self) -> Self {
        for section in &mut self.sections {
            section.keys.retain(|key| key.origin != Origin::Default);
        }
        self.sections.retain(|section| !section.keys.is_empty());
        self
    }
}

/// Some brokers take an access token as the user name, and a web address can hold a password.
fn hide(config: &Config, path: &str, key: &mut Key) {
    let is_secret = match path {
        "broker.username" => !config.is_user_public(),
        path if path.starts_with("carrier.") && path.ends_with(".tracking_url") => {
            key.value.as_ref().and_then(Value::as_str).is_some_and(holds_login)
        }
        _ => false,
    };
    if is_secret && key.value.is_some() {
        (key.value, key.hidden) = (Some(HIDDEN.into()), true);
    }
}

fn holds_login(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?', '#']).next();
    authority.is_some_and(|authority| authority.contains('@'))
}

/// As TOML.
impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, section) in self.sections.iter().enumerate() {
            let gap = if 0 < n { "\n" } else { "" };
            match section.id {
                Some(_) => writeln!(f, "{gap}[[{}]]", section.table)?,
                None => writeln!(f, "{gap}[{}]", section.table)?,
            }
            for Key { key, value, hidden, origin } in &section.keys {
                let hidden = if *hidden { ", hidden here" } else { "" };
                match value {
                    Some(value) => writeln!(f, "{key} = {value}  # {origin}{hidden}")?,
                    None => writeln!(f, "# {key} is not set")?,
                }
            }
        }
        Ok(())
    }
}

/// The configuration as a file of its own, with everything in it.
pub(super) fn whole(config: &Config) -> String {
    let mut text = String::new();
    for section in sections(config) {
        let header =
            if section.id.is_some() { format!("[[{}]]", section.table) } else { format!("[{}]", section.table) };
        let _ = writeln!(text, "{header}");
        for Key { key, value, .. } in section.keys {
            if let Some(value) = value {
                let _ = writeln!(text, "{key} = {value}");
            }
        }
    }
    text
}

/// Every key, nothing hidden and without its origin.
pub(super) fn sections(config: &Config) -> Vec<Section> {
    let mut all = singles(config);
    all.extend(config.stations.iter().map(station));
    all.extend(config.scanners.iter().map(scanner));
    all.extend(config.printers.iter().map(printer));
    all.extend(config.carriers.iter().map(carrier));
    let mut log = Section::new("log", None);
    log.key("level", config.log.level.as_str()).key("format", config.log.format.as_str());
    all.push(log);
    all
}

fn singles(config: &Config) -> Vec<Section> {
    let Config { site, storage, broker, sync, web, control, floor, promise, notices, .. } = config;
    let [
        mut on_site,
        mut stored,
        mut brokered,
        mut synced,
        mut paged,
        mut controlled,
        mut worked,
        mut promised,
        mut told,
    ] = ["site", "storage", "broker", "sync", "web", "control", "floor", "promise", "notices"]
        .map(|table| Section::new(table, None));
    on_site
        .key("id", site.id.as_str())
        .key("name", site.name.as_str())
        .key("timezone", site.timezone_name.as_str())
        .key("language", site.language.tag())
        .key("gs1_company_prefix", site.gs1_company_prefix.as_str());
    stored
        .key("path", path(&storage.path))
        .maybe("backup_dir", storage.backup_dir.as_deref().map(path))
        .key("keep", duration_text(storage.keep))
        .key("low_space", size_text(storage.low_space_bytes))
        .key("ballast", size_text(storage.ballast_bytes))
        .key("backup_every", duration_text(storage.backup_every));
    let scheme = if broker.tls.is_some() { "mqtts" } else { "mqtt" };
    let identity = broker.tls.as_ref().and_then(|tls| tls.identity.as_ref());
    brokered
        .key("url", format!("{scheme}://{}", broker.url))
        .key("client_id", broker.client_id.as_str())
        .key("root", broker.root.as_str())
        .key("keep_alive", duration_text(broker.keep_alive))
        .key("session_expiry", duration_text(broker.session_expiry))
        .maybe("username", broker.username.as_deref())
        .maybe("password_file", broker.password_file.as_deref().map(path))
        .maybe("ca_file", broker.tls.as_ref().map(|tls| path(&tls.ca_file)))
        .maybe("crl_file", broker.tls.as_ref().and_then(|tls| tls.crl_file.as_deref()).map(path))
        .maybe("certificate_file", identity.map(|identity| path(&identity.certificate_file)))
        .maybe("key_file", identity.map(|identity| path(&identity.key_file)));
    synced
        .key("window", i64::from(sync.window))
        .key("ahead", i64::from(sync.ahead))
        .key("forget", sync.forget.as_str())
        .key("ack_timeout", duration_text(sync.ack_timeout))
        .key("receipt_timeout", duration_text(sync.receipt_timeout))
        .key("historical_after", duration_text(sync.historical_after));
    paged
        .key("listen", web.listen.to_string())
        .key("allowed_hosts", web.allowed_hosts.clone())
        .maybe("token_file", web.token_file.as_deref().map(path));
    controlled.maybe("socket", control.socket.as_deref().map(path));
    worked
        .key("flow", floor.flow.as_str())
        .key("operators", floor.operators.as_str())
        .key("idle_sign_out", duration_text(floor.idle_sign_out))
        .key("bins", floor.bins)
        .key("batch_size", i64::from(floor.batch_size))
        .key("low_stock", i64::from(floor.low_stock));
    promised
        .key("pace_floor", i64::from(promise.pace_floor))
        .key("pace_window", duration_text(promise.pace_window))
        .key("at_risk_margin", duration_text(promise.at_risk_margin))
        .key("day_closes", time(promise.day_closes));
    told.key("milestones", notices.milestones.iter().map(|milestone| milestone.word()).collect::<Vec<_>>())
        .key("feedback_after", duration_text(notices.feedback_after));
    let mut expiring = Section::new("notices.expire_after", None);
    for (milestone, after) in &notices.expire_after {
        expiring.key(milestone.word(), duration_text(*after));
    }
    vec![on_site, stored, brokered, synced, paged, controlled, worked, promised, told, expiring]
}

fn station(station: &Station) -> Section {
    let mut section = Section::new("station", Some(&station.id));
    section
        .key("id", station.id.as_str())
        .key("name", station.name.as_str())
        .key("mode", station.mode.as_str())
        .key("screen", station.screen);
    section
}

fn scanner(scanner: &Scanner) -> Section {
    let mut section = Section::new("scanner", Some(&scanner.id));
    section
        .key("id", scanner.id.as_str())
        .key("station", scanner.station.as_str())
        .key("driver", scanner.driver.family().word())
        .key("model", scanner.driver.model())
        .key("port", scanner.port.to_string());
    // A network has no line.
    if let Port::Serial(_) = scanner.port {
        section
            .key("baud", i64::from(scanner.baud))
            .key("data_bits", number_of(&values::DATA_BITS, scanner.data_bits))
            .key("parity", scanner.parity.as_str())
            .key("stop_bits", number_of(&values::STOP_BITS, scanner.stop_bits));
    }
    section
        .key("terminator", scanner.terminator.as_str())
        .key("idle_gap", duration_text(scanner.idle_gap))
        .key("bounce", duration_text(scanner.bounce))
        .key("feedback", scanner.feedback);
    section
}

fn printer(printer: &Printer) -> Section {
    let mut section = Section::new("printer", Some(&printer.id));
    section
        .key("id", printer.id.as_str())
        .key("station", printer.station.as_str())
        .key("host", printer.host.as_str())
        .key("port", i64::from(printer.port))
        .key("dpi", i64::from(printer.media.dpi()))
        .key("label_width", i64::from(printer.media.width_mm()))
        .key("label_height", i64::from(printer.media.height_mm()));
    section
}

fn carrier(carrier: &Carrier) -> Section {
    let mut section = Section::new("carrier", Some(&carrier.id));
    section
        .key("id", carrier.id.as_str())
        .key("name", carrier.name.as_str())
        .key("services", carrier.services.clone())
        .key("collections", carrier.collections.iter().map(collection).collect::<Vec<Value>>())
        .key("holidays", carrier.holidays.iter().map(ToString::to_string).collect::<Vec<_>>())
        .key("grace", duration_text(carrier.grace))
        .key("tracking_required", carrier.tracking_required)
        .maybe("tracking_pattern", carrier.tracking_pattern.as_deref())
        .maybe("tracking_url", carrier.tracking_url.as_deref());
    section
}

fn collection(collection: &Collection) -> Value {
    let days = values::WEEKDAYS.into_iter().zip(collection.days).filter(|(_, is_one)| *is_one).map(|(day, _)| day);
    let keys = [
        ("days", Value::from(days.collect::<Vec<_>>())),
        ("at", time(collection.at).into()),
        ("cut_off", duration(collection.cut_off)),
    ];
    Value::Table(keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn duration(duration: Duration) -> Value {
    duration_text(duration).into()
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

fn time(time: civil::Time) -> String {
    time.strftime("%H:%M").to_string()
}

fn number_of<T: Copy + PartialEq>(known: &[(i64, T)], wanted: T) -> i64 {
    known.iter().find(|(_, value)| *value == wanted).map_or(0, |(number, _)| *number)
}
