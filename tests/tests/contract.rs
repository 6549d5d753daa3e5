//! What is published of the contract, judged by validators that aren't ours, and by the agent's own reading of it.

use parceld::contract::command;
use parceld_tests::contract::{Contract, documents, folder};
use parceld_tests::tempdir::TempDir;
use parceld_tests::validators::{self, AsyncApi};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

/// The name of the schema that an example is of: the longest that its name begins with.
fn schema_of<'a>(contract: &'a Contract, example: &str) -> &'a str {
    let is_its =
        |name: &&str| example.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']));
    let schema = contract.names().filter(is_its).max_by_key(|name| name.len());
    schema.unwrap_or_else(|| panic!("{example} has no schema"))
}

#[test]
fn every_example_is_what_its_schema_says() {
    let contract = Contract::published();
    let examples = documents("examples");
    let of_schemas: Vec<(String, Value)> =
        examples.iter().map(|(name, document)| (schema_of(&contract, name).to_owned(), document.clone())).collect();
    let verdicts = validators::python(&of_schemas);
    for (((schema, document), verdict), name) in of_schemas.iter().zip(verdicts).zip(examples.keys()) {
        assert_eq!(verdict, Ok(()), "{name}, by Python");
        assert_eq!(contract.judge(schema, document), Ok(()), "{name}");
    }
    let shown: BTreeSet<&str> = of_schemas.iter().map(|(schema, _)| schema.as_str()).collect();
    assert_eq!(shown, contract.names().collect(), "an example of each schema");
}

/// An example, where in it, and what stands there instead: null takes the field out.
fn changed(example: &str, place: &str, value: &Value) -> Value {
    let mut document = documents("examples").remove(example).unwrap_or_else(|| panic!("no example {example}"));
    let (parent, field) = place.rsplit_once('/').expect("a place in a document");
    let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("{example} has no {parent}"));
    match parent {
        Value::Object(fields) if value.is_null() => {
            fields.remove(field).unwrap_or_else(|| panic!("{example} has no {place}"));
        }
        Value::Object(fields) => drop(fields.insert(field.to_owned(), value.clone())),
        _ => panic!("{parent} of {example} is no object"),
    }
    document
}

#[test]
fn broken_documents_are_refused() {
    let contract = Contract::published();
    let rows = [
        ("event.pick.item_picked", "/id", json!("7")),
        ("event.pick.item_picked", "/id", Value::Null),
        ("event.pick.item_picked", "/type", json!("parceld.pick.item_short.v1")),
        ("event.pick.item_picked", "/specversion", json!("0.3")),
        ("event.pick.item_picked", "/source", json!("sthlm-03")),
        ("event.pick.item_picked", "/dataschema", json!("urn:parceld:v1:pick.item_short")),
        ("event.pick.item_picked", "/epoch", json!("one")),
        ("event.pick.item_picked", "/sequence", json!(0)),
        ("event.pick.item_picked", "/sequence", json!("42")),
        ("event.pick.item_picked", "/historical", Value::Null),
        ("event.pick.item_picked", "/data", json!("none")),
        ("event.pick.item_picked", "/data", Value::Null),
        ("event.pick.item_picked", "/data/order/id", Value::Null),
        ("event.pick.item_picked", "/data/picked", json!(-1)),
        ("event.pick.item_picked", "/data/stock/available", json!(1.5)),
        ("event.pack.parcel_sealed", "/data/sscc", json!("1")),
        ("event.pack.parcel_sealed", "/data/contents", json!({})),
        ("event.dispatch.label_requested", "/data/carrier", Value::Null),
        ("event.dispatch.left_behind", "/data/manifest", Value::Null),
        ("event.dispatch.requested", "/data/of", Value::Null),
        ("event.site.scanner_lost", "/data/reason", Value::Null),
        ("event.order.accepted", "/data/lines", json!([])),
        ("event.order.accepted", "/data/delivery", json!("drone")),
        ("event.return.item_inspected-recorded", "/data/expiry", json!("soon")),
        ("command.order.put", "/id", json!("")),
        ("command.order.put", "/type", json!("parceld.order.putt.v1")),
        ("command.order.put", "/data/revision", json!("1")),
        ("command.order.put", "/data/number", json!("n".repeat(65))),
        ("command.order.put", "/data/lines", json!([{"line": "1", "sku": "A", "name": "A", "quantity": 0}])),
        ("command.parcel.label", "/data/revision", json!(0)),
        ("command.stock.set", "/data/items", json!([{"sku": "A", "quantity": -1}])),
        ("command.events.resend", "/data/epoch", json!("first")),
        ("receipt", "/sequence", json!(-1)),
        ("receipt", "/epoch", Value::Null),
        ("reply.accepted", "/data/status", Value::Null),
        ("state.agent.online", "/state", json!("asleep")),
        ("state.agent.online", "/session", Value::Null),
    ];
    let broken = rows
        .each_ref()
        .map(|(example, place, value)| (schema_of(&contract, example).to_owned(), changed(example, place, value)));
    let verdicts = validators::python(&broken);
    for (((schema, document), verdict), (example, place, value)) in broken.iter().zip(verdicts).zip(&rows) {
        assert!(verdict.is_err(), "{example} with {place} = {value} is good enough for Python");
        assert!(contract.judge(schema, document).is_err(), "{example} with {place} = {value} is good enough");
    }
}

#[test]
fn fields_to_come_are_allowed() {
    let contract = Contract::published();
    for (example, place) in [
        ("event.pick.item_picked", "/traceparent"),
        ("event.pick.item_picked", "/data/gift"),
        ("event.pick.item_picked", "/data/order/gift"),
        ("command.order.put", "/traceparent"),
        ("command.order.put", "/data/gift"),
        ("command.order.put", "/data/promise/gift"),
        ("reply.accepted", "/data/gift"),
        ("receipt", "/gift"),
        ("state.agent.online", "/gift"),
    ] {
        let document = changed(example, place, &json!({"wrap": true}));
        assert_eq!(contract.judge(schema_of(&contract, example), &document), Ok(()), "{example} with {place}");
    }
}

/// What the agent refuses as personal the schema refuses, and what it takes the schema allows.
#[test]
fn schemas_and_the_agent_agree_on_what_is_personal() {
    let contract = Contract::published();
    let examples = documents("examples");
    let commands: Vec<&str> = examples.keys().filter(|name| name.starts_with("command.")).map(String::as_str).collect();
    let mut documents = Vec::new();
    for example in &commands {
        for (field, value) in [
            ("email", json!("a@example.com")),
            ("Street-Address", json!("1 High Street")),
            ("first_name", json!(null)),
            ("ZIP", json!(1)),
            ("name", json!("Ada")),
            ("nåme", json!("")),
            ("addressline2", json!({})),
            ("address_line_3", json!("")),
            ("e mail", json!("")),
            ("emails", json!("")),
            ("names", json!([])),
            ("city\n", json!("")),
            ("deep", json!({"deeper": [{"deepest": [[{"Phone": ""}]]}]})),
            ("deep", json!({"deeper": [{"deepest": [[{"telephones": ""}]]}]})),
            ("products", json!([{"name": "Mug", "sku": "A"}])),
            ("products", json!([[{"name": "Mug"}]])),
            ("Pro-ducts", json!({"name": "Mug"})),
            ("products", json!([{"name": "Mug", "maker": {"name": "Ada"}}])),
            ("products", json!([{"recipient": "Ada"}])),
            ("deep", json!({"lines": [{"name": "Mug", "lines": [{"name": "Mug"}]}]})),
            ("deep", json!({"lines": [{"name": "Mug", "liner": [{"name": "Mug"}]}]})),
            ("gift", json!(["email", "name"])),
        ] {
            let mut document = examples[*example].clone();
            let fields = document["data"].as_object_mut().expect("a command has data");
            // What a field of the command itself may be is told by the other tests.
            if let Some(Value::Array(known)) = fields.get_mut(field) {
                known.push(json!({"name": "Mug", "sku": "A", "and": value}));
            } else {
                fields.insert(field.to_owned(), value);
            }
            documents.push((schema_of(&contract, example).to_owned(), document));
        }
    }
    let mut refused = 0;
    for ((schema, document), by_python) in documents.iter().zip(validators::python(&documents)) {
        let by_agent = command::parse(document.to_string().as_bytes());
        let by_schema = contract.judge(schema, document);
        let is_personal = by_agent.as_ref().is_err_and(|unreadable| unreadable.reason == "personal_data");
        assert_eq!(is_personal, by_agent.is_err(), "{document} is refused for something else");
        assert_eq!(by_schema.is_err(), is_personal, "{document}: {by_schema:?}");
        assert_eq!(by_python.is_err(), is_personal, "{document}: {by_python:?}");
        refused += usize::from(is_personal);
    }
    assert!(0 < refused && refused < documents.len(), "{refused} of {}", documents.len());
}

#[test]
fn the_asyncapi_document_is_one_by_its_own_parser() {
    let document = folder().join("asyncapi.yaml");
    let text = fs::read_to_string(&document).expect("the document is text");
    let dir = TempDir::new("asyncapi");
    for linked in ["schemas", "examples"] {
        symlink(fs::canonicalize(folder().join(linked)).unwrap(), dir.join(linked)).expect("a folder of our own");
    }
    let rows = [
        ("qos: 1\n        retain: false", "qos: 7\n        retain: false", "passing.mqtt.qos"),
        ("action: receive", "action: shout", "receiveCommands.action"),
        ("$ref: ./schemas/receipt.json", "$ref: ./schemas/nothing.json", "nothing.json"),
        ("$ref: '#/channels/replies'", "$ref: '#/channels/nowhere'", "'#/channels/nowhere' does not exist"),
        ("    parameters:\n      site:", "    parameters:\n      place:", "Missed: site"),
    ];
    let broken = rows.iter().enumerate().map(|(number, (good, bad, _))| {
        assert!(text.contains(good), "{good}");
        let broken = dir.join(format!("{number}.yaml"));
        fs::write(&broken, text.replacen(good, bad, 1)).expect("a folder of our own");
        broken
    });
    let documents: Vec<PathBuf> = [document].into_iter().chain(broken).collect();
    let read = AsyncApi::installed(env!("CARGO_TARGET_TMPDIR")).read(&documents);

    let [published, broken @ ..] = &read[..] else { panic!("nothing was read") };
    assert_eq!(published.faults, Vec::<String>::new());
    let schemas: BTreeSet<String> = Contract::published().names().map(str::to_owned).collect();
    assert_eq!(published.messages, schemas, "a message for each schema");
    for place in ["events/{group}", "commands", "replies", "receipts", "state/agent"] {
        let address = format!("parceld/v1/{{site}}/{place}");
        assert!(published.channels.contains(&address), "{address} in {:?}", published.channels);
    }
    assert_eq!(broken.len(), rows.len());
    for (read, (_, bad, fault)) in broken.iter().zip(rows) {
        assert!(read.faults.iter().any(|told| told.contains(fault)), "{bad}: {:?}", read.faults);
    }
}
