//! Several files as one: what counts more is laid over what counts less.
//!
//! Keys override keys, whole values replace whole values. In the lists of tables the `id` says which table is meant: keys
//! of one that is there override its keys, and a new one is added. Nothing can be taken away.

use super::error::Faults;
use super::sources::{Name, Sources};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// The lists whose tables are known by their `id`.
const LISTS: [&str; 4] = ["station", "scanner", "printer", "carrier"];

/// `tree` with every place `by` bytes further on; the root stays where roots are.
pub(super) fn shifted(tree: DeTable<'_>, by: usize) -> DeTable<'_> {
    tree.into_iter().map(|(key, value)| (moved(key, by), shifted_value(value, by))).collect()
}

fn moved<T>(spanned: Spanned<T>, by: usize) -> Spanned<T> {
    let Range { start, end } = spanned.span();
    Spanned::new(start + by..end + by, spanned.into_inner())
}

fn shifted_value(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let value = moved(value, by);
    let at = value.span();
    let inner = match value.into_inner() {
        DeValue::Table(table) => DeValue::Table(shifted(table, by)),
        DeValue::Array(elements) => {
            DeValue::Array(elements.into_iter().map(|element| shifted_value(element, by)).collect())
        }
        plain => plain,
    };
    Spanned::new(at, inner)
}

/// Lays `over` over `under`.
pub(super) fn lay_over<'i>(under: &mut DeTable<'i>, over: DeTable<'i>, faults: &mut Faults) {
    for (key, value) in over {
        let is_list = LISTS.contains(&key.get_ref().as_ref());
        match (under.get_mut(&key), value) {
            (Some(below), value) if is_list && below.get_ref().is_array() && value.get_ref().is_array() => {
                if let (DeValue::Array(below), DeValue::Array(above)) = (below.get_mut(), value.into_inner()) {
                    lay_list_over(below, above, faults);
                }
            }
            (Some(below), value) if below.get_ref().is_table() && value.get_ref().is_table() => {
                lay_table_over(below, value, faults);
            }
            (_, value) => replace(under, key, value),
        }
    }
}

/// The key stands where its value does.
fn replace<'i>(table: &mut DeTable<'i>, key: Spanned<toml::de::DeString<'i>>, value: Spanned<DeValue<'i>>) {
    table.remove(&key);
    table.insert(key, value);
}

fn lay_table_over<'i>(below: &mut Spanned<DeValue<'i>>, above: Spanned<DeValue<'i>>, faults: &mut Faults) {
    // What is missing in it was perhaps misspelled in the other file.
    if faults.is_wounded(&above.span()) {
        faults.wound(below.span());
    }
    if let (DeValue::Table(below), DeValue::Table(above)) = (below.get_mut(), above.into_inner()) {
        for (key, value) in above {
            match below.get_mut(&key) {
                Some(inner) if inner.get_ref().is_table() && value.get_ref().is_table() => {
                    lay_table_over(inner, value, faults);
                }
                _ => replace(below, key, value),
            }
        }
    }
}

/// A second table with the same id in one file is another one, and told as such.
fn lay_list_over<'i>(below: &mut DeArray<'i>, above: DeArray<'i>, faults: &mut Faults) {
    let mut free: Vec<bool> = vec![true; below.len()];
    for mut table in above {
        let id = id_of(table.get_ref()).map(str::to_owned);
        let same = |known: &Spanned<DeValue<'i>>| id.is_some() && id_of(known.get_ref()) == id.as_deref();
        match below.iter().zip(&free).position(|(known, is_free)| *is_free && same(known)) {
            Some(index) => {
                free[index] = false;
                // It is known by the place that has named it first.
                if let DeValue::Table(keys) = table.get_mut() {
                    let id = keys.keys().find(|key| key.get_ref() == "id").cloned();
                    id.and_then(|id| keys.remove(&id));
                }
                if let Some(known) = below.get_mut(index) {
                    lay_table_over(known, table, faults);
                }
            }
            None => {
                below.push(table);
                free.push(false);
            }
        }
    }
}

fn id_of<'v>(table: &'v DeValue<'_>) -> Option<&'v str> {
    table.as_table()?.iter().find(|(key, _)| key.get_ref() == "id").and_then(|(_, id)| id.get_ref().as_str())
}

/// Where a key's value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Origin {
    #[default]
    Default,
    File {
        path: String,
        line: usize,
    },
    /// The environment or the command line.
    Given {
        by: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Given { by } => f.write_str(by),
        }
    }
}

/// The origin of every key that is written somewhere, by its path: `broker.url`, `scanner.hand.port`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(BTreeMap<String, Origin>);

impl Origins {
    pub(super) fn of(tree: &DeTable<'_>, sources: &Sources) -> Self {
        let mut origins = BTreeMap::new();
        note(tree, "", sources, &mut origins);
        Self(origins)
    }

    /// The same, but for those of `keys`, which are as in `old`.
    #[must_use]
    pub fn with_old(mut self, old: &Self, keys: &[String]) -> Self {
        for key in keys {
            match old.0.get(key) {
                Some(origin) => _ = self.0.insert(key.clone(), origin.clone()),
                None => _ = self.0.remove(key),
            }
        }
        self
    }

    #[must_use]
    pub fn of_key(&self, path: &str) -> Origin {
        self.0.get(path).cloned().unwrap_or_default()
    }
}

fn note(table: &DeTable<'_>, above: &str, sources: &Sources, origins: &mut BTreeMap<String, Origin>) {
    for (key, value) in table {
        let path = match above {
            "" => key.get_ref().to_string(),
            above => format!("{above}.{}", key.get_ref()),
        };
        match value.get_ref() {
            DeValue::Table(inner) => note(inner, &path, sources, origins),
            DeValue::Array(elements) if above.is_empty() => {
                let tables = elements
                    .iter()
                    .filter_map(|element| Some((id_of(element.get_ref())?, element.get_ref().as_table()?)));
                tables.for_each(|(id, table)| note(table, &format!("{path}.{id}"), sources, origins));
            }
            _ => {
                if let Some((name, line)) = sources.line_of(key.span().start) {
                    origins.insert(path, origin(name, line));
                }
            }
        }
    }
}

fn origin(name: &Name, line: usize) -> Origin {
    match name {
        Name::File(path) => Origin::File { path: path.display().to_string(), line },
        Name::Given(by) => Origin::Given { by: by.to_string() },
    }
}
