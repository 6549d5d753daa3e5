//! The JSON Schema of every message, made from the types that write and read it.
//!
//! The files under `contract/v1/schemas` are what this says: `PARCELD_BLESS=1` writes them, and without it a difference is
//! a failure. What goes up allows fields that aren't known, since v1 gains optional ones. What comes down allows them
//! too, but for personal data, wherever it stands.

mod asyncapi;
mod data;
mod personal;
mod tidy;

use crate::contract::command::{Reply, Wire as CommandEnvelope};
use crate::contract::envelope::Wire as EventEnvelope;
use crate::contract::promise::PromiseState;
use crate::contract::receipt::Receipt;
use crate::contract::state::AgentState;
use crate::contract::{VERSION, command};
use crate::domain::event::Kind;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// `contract/v1`.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../contract").join(VERSION)
}

/// Every schema, by the name of its file: what of it, and which.
pub fn schemas() -> BTreeMap<String, Value> {
    let events = Kind::WORDS.into_iter().map(|(word, kind)| (format!("event.{word}"), event(kind)));
    let commands = data::COMMANDS.into_iter().map(|name| (format!("command.{name}"), command(name)));
    let others = [
        ("reply", upward::<Reply<'_>>("A site's reply to a command")),
        ("state.agent", upward::<AgentState<'_>>("Whether a site's agent is there")),
        ("state.promise", upward::<PromiseState<'_>>("What a site can still promise")),
        ("receipt", downward::<Receipt>("What a platform has stored of a site's events")),
    ];
    events.chain(commands).chain(others.map(|(name, schema)| (name.to_owned(), schema))).collect()
}

fn event(kind: Kind) -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut envelope = EventEnvelope::json_schema(&mut generator).to_value();
    let word = kind.word();
    let properties = &mut envelope["properties"];
    narrow(properties, "specversion", json!({ "const": "1.0" }));
    narrow(properties, "source", json!({ "pattern": SOURCE }));
    narrow(properties, "type", json!({ "const": format!("parceld.{word}.{VERSION}") }));
    narrow(properties, "datacontenttype", json!({ "const": "application/json" }));
    narrow(properties, "dataschema", json!({ "const": format!("urn:parceld:{VERSION}:{word}") }));
    narrow(properties, "sequence", json!({ "minimum": 1 }));
    properties["data"] = data::of_event(kind, &mut generator).to_value();
    let mut schema = document(&format!("Event {word}"), envelope, &mut generator);
    tidy::absent_is_not_null(&mut schema);
    tidy::for_readers(schema)
}

fn command(name: &str) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut envelope = CommandEnvelope::json_schema(&mut generator).to_value();
    let properties = &mut envelope["properties"];
    narrow(properties, "specversion", json!({ "const": "1.0" }));
    narrow(properties, "type", json!({ "const": format!("parceld.{name}.{VERSION}") }));
    properties["source"] = json!({ "type": "string", "minLength": 1, "description": "Who sends it, for people." });
    properties["data"] = json!({
        "allOf": [data::of_command(name, &mut generator).to_value(), { "$ref": "#/$defs/Impersonal" }],
    });
    envelope["required"] = json!(["specversion", "id", "source", "type", "data"]);
    let mut schema = document(&format!("Command {name}"), envelope, &mut generator);
    let definitions = schema["$defs"].as_object_mut().expect("a command's data is defined");
    definitions.extend(personal::definitions());
    tidy::for_readers(schema)
}

fn upward<T: JsonSchema>(title: &str) -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let schema = T::json_schema(&mut generator).to_value();
    let mut schema = document(title, schema, &mut generator);
    tidy::absent_is_not_null(&mut schema);
    tidy::for_readers(schema)
}

fn downward<T: JsonSchema>(title: &str) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let schema = T::json_schema(&mut generator).to_value();
    tidy::for_readers(document(title, schema, &mut generator))
}

const SOURCE: &str = "^/sites/[a-z0-9_-]{1,32}$";

fn narrow(properties: &mut Value, name: &str, by: Value) {
    let property = properties[name].as_object_mut().unwrap_or_else(|| panic!("the envelope has no {name}"));
    let Value::Object(by) = by else { panic!("{name} is narrowed by keywords") };
    property.extend(by);
}

fn document(title: &str, schema: Value, generator: &mut SchemaGenerator) -> Value {
    let Value::Object(mut document) = schema else { panic!("{title} is an object") };
    document.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    document.insert("title".to_owned(), json!(title));
    let definitions: Map<String, Value> = generator.take_definitions(true);
    if !definitions.is_empty() {
        document.insert("$defs".to_owned(), Value::Object(definitions));
    }
    Value::Object(document)
}

/// Compares what is generated with the files of a folder, or writes them; nothing else may lie there.
fn hold_against(folder: &Path, files: &BTreeMap<String, String>) {
    let bless = std::env::var_os("PARCELD_BLESS").is_some();
    if bless {
        std::fs::create_dir_all(folder).unwrap();
    }
    for (name, text) in files {
        let path = folder.join(name);
        if bless {
            std::fs::write(&path, text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(*text == committed, "{name} is not what the types say: cargo xtask contract");
    }
}

fn text(schema: &Value) -> String {
    serde_json::to_string_pretty(schema).unwrap() + "\n"
}

#[test]
fn the_committed_schemas_are_what_the_types_say() {
    let folder = folder().join("schemas");
    let schemas = schemas();
    let files = schemas.iter().map(|(name, schema)| (format!("{name}.json"), text(schema))).collect();
    hold_against(&folder, &files);
    for file in std::fs::read_dir(&folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(files.contains_key(&name), "{name}: no message has this schema");
    }
}

#[test]
fn every_command_that_is_read_has_a_schema() {
    for (name, payload) in super::examples::COMMANDS {
        let command = command::parse(payload.as_bytes()).unwrap();
        let schema = data::name_of(&command.body);
        assert!(name.starts_with(schema), "{name} is read as {schema}");
        assert!(data::COMMANDS.contains(&schema), "{schema}");
        assert_eq!(command.kind, format!("parceld.{schema}.{VERSION}"));
    }
}

#[test]
fn schemas_refer_only_to_what_they_define() {
    fn references(schema: &Value, found: &mut Vec<String>) {
        match schema {
            Value::Object(keywords) => {
                found.extend(keywords.get("$ref").and_then(Value::as_str).map(str::to_owned));
                keywords.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    for (name, schema) in schemas() {
        let mut found = Vec::new();
        references(&schema, &mut found);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{name}: {reference}"));
            assert!(schema.pointer(pointer).is_some(), "{name}: {reference} leads nowhere");
        }
    }
}

/// A definition of `T` in a document.
fn defined<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}
