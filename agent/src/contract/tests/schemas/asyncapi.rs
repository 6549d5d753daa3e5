//! `contract/v1/asyncapi.yaml`: the template beside this, with what there is a schema of. A new event or command stands in
//! its channel by itself; a new `state.…` gets a channel and an operation of its own.

use super::super::examples;
use super::{folder, hold_against, schemas};
use crate::contract::{COMMAND_BYTES_MAX, CONTENT_TYPE, MESSAGE_BYTES_MAX};
use crate::domain::event::Kind;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const TEMPLATE: &str = include_str!("asyncapi.yaml");

fn document() -> String {
    let schemas = schemas();
    let messages: Vec<&str> = schemas.keys().map(String::as_str).collect();
    let states: Vec<&str> = messages.iter().filter_map(|name| name.strip_prefix("state.")).collect();
    let groups: BTreeSet<&str> = Kind::WORDS.iter().map(|(_, kind)| kind.group()).collect();
    let mut document = TEMPLATE.to_owned();
    for (place, text) in [
        ("{groups}", groups.into_iter().collect::<Vec<_>>().join(", ")),
        ("{message_kib}", (MESSAGE_BYTES_MAX / 1024).to_string()),
        ("{command_kib}", (COMMAND_BYTES_MAX / 1024).to_string()),
        ("{state channels}\n", states.iter().map(|state| state_channel(state)).collect()),
        ("{state operations}\n", states.iter().map(|state| state_operation(state, &title(&schemas, state))).collect()),
        ("{channel event}\n", channel(&messages, "event.")),
        ("{channel command}\n", channel(&messages, "command.")),
        ("{channel reply}\n", channel(&messages, "reply")),
        ("{channel receipt}\n", channel(&messages, "receipt")),
        ("{messages}\n", schemas.iter().map(|(name, schema)| message(name, schema)).collect()),
    ] {
        assert!(document.contains(place), "the template has no {place}");
        document = document.replace(place, &text);
    }
    document
}

fn title(schemas: &BTreeMap<String, Value>, state: &str) -> String {
    schemas[&format!("state.{state}")]["title"].as_str().expect("a schema has a title").to_owned()
}

fn channel(messages: &[&str], prefix: &str) -> String {
    messages.iter().filter(|name| name.starts_with(prefix)).fold(String::new(), |mut text, name| {
        let _ = writeln!(text, "      {name}:\n        $ref: '#/components/messages/{name}'");
        text
    })
}

fn state_channel(state: &str) -> String {
    format!(
        "  state.{state}:
    address: parceld/v1/{{site}}/state/{state}
    title: State, {state}
    description: Retained; the newest one counts.
    parameters:
      site:
        $ref: '#/components/parameters/site'
    messages:
      state.{state}:
        $ref: '#/components/messages/state.{state}'
"
    )
}

fn state_operation(state: &str, title: &str) -> String {
    format!(
        "  sendState.{state}:
    action: send
    summary: {title}.
    channel:
      $ref: '#/channels/state.{state}'
    bindings:
      $ref: '#/components/operationBindings/retained'
"
    )
}

fn message(name: &str, schema: &Value) -> String {
    let is_event = ["event.", "command.", "reply"].iter().any(|prefix| name.starts_with(prefix));
    let content_type = if is_event { CONTENT_TYPE } else { "application/json" };
    let title = schema["title"].as_str().expect("a schema has a title");
    let mut text = format!(
        "    {name}:
      name: {name}
      title: {title}
      contentType: {content_type}
      payload:
        $ref: ./schemas/{name}.json
      examples:
"
    );
    let examples = examples_of(name);
    assert!(!examples.is_empty(), "{name} has no example");
    for example in examples {
        let _ = write!(
            text,
            "        - name: {example}\n          payload:\n            $ref: ./examples/{example}.json\n"
        );
    }
    text
}

/// Files of a message: its name, with what tells one example from another after a `-` or, of replies and states, a dot.
fn examples_of(name: &str) -> Vec<String> {
    let is_of = |example: &String| {
        let rest = example.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
    };
    examples::messages().into_keys().filter(is_of).collect()
}

#[test]
fn the_committed_document_is_what_the_types_say() {
    hold_against(&folder(), &BTreeMap::from([("asyncapi.yaml".to_owned(), document())]));
}
