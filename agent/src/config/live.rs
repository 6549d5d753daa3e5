//! What differs between two configurations, and what of it the running agent can take.

use super::{Config, client_id_of, show};
use std::collections::BTreeMap;
use toml::Value;

/// The keys that count only after a restart. Every other one counts as soon as the configuration is read again.
///
/// The site's id and its database are what the agent is; its zone is in every day that was begun; its sockets are where
/// others have found it; the ballast is made, and the first backup timed, at a start.
pub const RESTART: [&str; 7] = [
    "site.id",
    "site.timezone",
    "storage.path",
    "storage.ballast",
    "storage.backup_every",
    "web.listen",
    "control.socket",
];

/// The keys that count at once, by their tables. A test holds both lists against the manual: whoever adds a key decides
/// here, and has it taken in `app/reload.rs`.
#[cfg(test)]
pub const LIVE: [(&str, &[&str]); 13] = [
    ("site", &["name", "language", "gs1_company_prefix"]),
    ("storage", &["backup_dir", "keep", "low_space"]),
    (
        "broker",
        &[
            "url",
            "client_id",
            "root",
            "keep_alive",
            "session_expiry",
            "username",
            "password_file",
            "ca_file",
            "crl_file",
            "certificate_file",
            "key_file",
        ],
    ),
    ("sync", &["window", "ahead", "forget", "ack_timeout", "receipt_timeout", "historical_after"]),
    ("web", &["allowed_hosts", "token_file"]),
    ("floor", &["flow", "operators", "idle_sign_out", "bins", "batch_size", "low_stock"]),
    ("promise", &["pace_floor", "pace_window", "at_risk_margin", "day_closes"]),
    ("notices", &["milestones", "expire_after", "feedback_after"]),
    ("station", &["id", "name", "mode", "screen"]),
    (
        "scanner",
        &[
            "id",
            "station",
            "driver",
            "model",
            "port",
            "baud",
            "data_bits",
            "parity",
            "stop_bits",
            "terminator",
            "idle_gap",
            "bounce",
            "feedback",
        ],
    ),
    ("printer", &["id", "station", "host", "port", "dpi", "label_width", "label_height"]),
    (
        "carrier",
        &[
            "id",
            "name",
            "services",
            "collections",
            "holidays",
            "grace",
            "tracking_required",
            "tracking_pattern",
            "tracking_url",
        ],
    ),
    ("log", &["level", "format"]),
];

/// The paths of the keys that differ, in order: `broker.url`, `scanner.hand.port`; of a table that one of them lacks, the
/// table's: `scanner.hand`.
#[must_use]
pub fn differences(old: &Config, new: &Config) -> Vec<String> {
    let (old, new) = (tables(old), tables(new));
    let mut paths = Vec::new();
    for table in old.keys().chain(new.keys().filter(|table| !old.contains_key(*table))) {
        match (old.get(table), new.get(table)) {
            (Some(old), Some(new)) => {
                let keys = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key)));
                let differ = keys.filter(|key| old.get(*key) != new.get(*key));
                paths.extend(differ.map(|key| format!("{table}.{key}")));
            }
            _ => paths.push(table.clone()),
        }
    }
    // The order of a list is what staff see.
    paths.sort();
    paths
}

type Table = BTreeMap<String, Option<Value>>;

fn tables(config: &Config) -> BTreeMap<String, Table> {
    let sections = show::sections(config).into_iter();
    let table = |section: show::Section| {
        let name = match &section.id {
            Some(id) => format!("{}.{id}", section.table),
            None => section.table.clone(),
        };
        (name, section.keys.into_iter().map(|key| (key.key, key.value)).collect())
    };
    sections.map(table).collect()
}

/// Whether a difference counts only after a restart.
#[must_use]
pub fn needs_restart(path: &str) -> bool {
    RESTART.contains(&path)
}

impl Config {
    /// This one with what counts only after a restart as it is in `running`.
    #[must_use]
    pub fn as_far_as_live(&self, running: &Self) -> Self {
        let mut live = self.clone();
        // What stands for it where nothing else is given stays as well.
        if self.site.name == self.site.id {
            live.site.name.clone_from(&running.site.name);
        }
        if self.broker.client_id == client_id_of(&self.site) {
            live.broker.client_id = client_id_of(&running.site);
        }
        live.site.id.clone_from(&running.site.id);
        live.site.timezone = running.site.timezone.clone();
        live.site.timezone_name.clone_from(&running.site.timezone_name);
        live.storage.path.clone_from(&running.storage.path);
        live.storage.ballast_bytes = running.storage.ballast_bytes;
        live.storage.backup_every = running.storage.backup_every;
        live.web.listen = running.web.listen;
        live.control.socket.clone_from(&running.control.socket);
        live
    }
}
