//! The contract as it is published: what a message on the broker must look like, by `contract/v1/schemas` alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::{Draft, Validator};
use serde_json::Value;

/// A default of the agent and the platform.
pub const ROOT: &str = "parceld/v1";

/// Faults of one document that are told.
const FAULTS_MAX: usize = 5;

/// `contract/v1` of this workspace.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../contract/v1")).to_owned()
}

/// The files of a folder of the contract, by their names without `.json`.
///
/// # Panics
/// Where they can't be read, or aren't JSON.
#[must_use]
pub fn documents(of: &str) -> BTreeMap<String, Value> {
    let files = fs::read_dir(folder().join(of)).expect("the contract's folder is there");
    let document = |path: PathBuf| {
        let name = path.file_stem()?.to_str()?.to_owned();
        let text = fs::read_to_string(&path).expect("a document is text");
        Some((name, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))))
    };
    files.filter_map(|file| document(file.expect("it can be listed").path())).collect()
}

/// The published schemas, ready to judge.
pub struct Contract {
    schemas: BTreeMap<String, Validator>,
}

impl Contract {
    /// # Panics
    /// Where a schema isn't one.
    #[must_use]
    pub fn published() -> Contract {
        let schemas = documents("schemas").into_iter().map(|(name, schema)| {
            jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{name} is no schema: {error}"));
            let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
            let schema = options.build(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, schema)
        });
        Contract { schemas: schemas.collect() }
    }

    /// The names of all schemas.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.schemas.keys().map(String::as_str)
    }

    /// # Errors
    /// What the schema of that name says against the document, or that there is none.
    pub fn judge(&self, schema: &str, document: &Value) -> Result<(), String> {
        let known = self.schemas.get(schema).ok_or_else(|| format!("there is no schema {schema}"))?;
        let faults = known.iter_errors(document).take(FAULTS_MAX);
        let faults: Vec<_> = faults.map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
    }
}

/// Which schema a message has: by its topic, and by its type where the topic has several.
///
/// # Errors
/// Why it is no message of the contract.
pub fn schema_of(topic: &str, message: &Value) -> Result<String, String> {
    let place = topic.strip_prefix(ROOT).and_then(|rest| rest.strip_prefix('/')).and_then(|rest| rest.split_once('/'));
    let (_, place) = place.ok_or("the topic is not under the root")?;
    let kind = || {
        let kind = message["type"].as_str().and_then(|kind| kind.strip_prefix("parceld.")?.strip_suffix(".v1"));
        kind.ok_or_else(|| format!("the type {} is none of this contract", message["type"]))
    };
    match place.split_once('/') {
        Some(("events", group)) => {
            let kind = kind()?;
            let is_there = kind.split_once('.').is_some_and(|(first, _)| first == group);
            is_there.then(|| format!("event.{kind}")).ok_or_else(|| format!("{kind} is no event of {group}"))
        }
        Some(("state", what)) => Ok(format!("state.{what}")),
        None if place == "commands" => Ok(format!("command.{}", kind()?)),
        None if place == "replies" => Ok("reply".to_owned()),
        None if place == "receipts" => Ok("receipt".to_owned()),
        _ => Err(format!("the topic {place} is none of this contract")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_message_has_the_schema_of_its_topic_and_type() {
        let message = |kind: &str| json!({ "type": kind });
        for (topic, kind, schema) in [
            ("parceld/v1/s/events/pick", "parceld.pick.item_picked.v1", Ok("event.pick.item_picked")),
            ("parceld/v1/s/commands", "parceld.order.put.v1", Ok("command.order.put")),
            ("parceld/v1/s/replies", "parceld.command.accepted.v1", Ok("reply")),
            ("parceld/v1/s/receipts", "", Ok("receipt")),
            ("parceld/v1/s/state/agent", "", Ok("state.agent")),
            ("parceld/v1/s/events/pack", "parceld.pick.item_picked.v1", Err("pick.item_picked is no event of pack")),
            ("parceld/v1/s/events/pick", "pick", Err("the type \"pick\" is none of this contract")),
            ("parceld/v1/s/else", "", Err("the topic else is none of this contract")),
            ("else/v1/s/commands", "", Err("the topic is not under the root")),
        ] {
            assert_eq!(
                schema_of(topic, &message(kind)).as_deref(),
                schema.map_err(str::to_owned).as_deref(),
                "{topic}"
            );
        }
    }

    #[test]
    fn what_has_no_schema_is_refused() {
        let contract = Contract::published();
        let verdict = contract.judge("event.site.tea_break", &json!({}));
        assert_eq!(verdict, Err("there is no schema event.site.tea_break".to_owned()));
    }
}
