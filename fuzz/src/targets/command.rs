//! The platform's commands: refused with an answer, nothing private repeated, and an order is recorded as it was put.

use crate::measure::within;
use jiff::Timestamp;
use parceld::contract::command::{Body, Status, parse, reply};
use parceld::contract::{MESSAGE_BYTES_MAX, event};
use parceld::domain::event::Event;
use parceld_platform::wire::Reply;
use serde_json::Value;
use std::sync::Arc;

/// A value in JSON's tree takes some 100 bytes for the two that it can have; read as a command it stands there again.
const MEMORY_EACH: u64 = 256;
/// Shorter texts are words that stand in the reasons themselves.
const TELLING_BYTES_MIN: usize = 12;

pub fn run(bytes: &[u8]) {
    let (id, kind, reason) = match within(bytes, MEMORY_EACH, 16_384, || parse(bytes)) {
        Ok(command) => {
            check_body(command.body);
            assert!(!is_personal(bytes), "personal data is taken");
            (Some(command.id), command.kind, None)
        }
        Err(unreadable) => {
            if unreadable.private {
                repeats_nothing(bytes, &unreadable.why);
            }
            assert!(unreadable.kind.chars().count() <= 64, "a kind of any length");
            (unreadable.id, unreadable.kind, Some((unreadable.reason, unreadable.why)))
        }
    };
    if let Some(id) = id {
        assert!((1..=64).contains(&id.chars().count()), "an id of {} bytes", id.len());
        let said = reason.as_ref().map(|(reason, why)| (*reason, why.as_str()));
        let written = reply("s", &id, &kind, Status::Rejected, said, None, Timestamp::UNIX_EPOCH);
        let read = Reply::read(&written).expect("the platform reads what the agent answers");
        assert_eq!((&*read.command, &*read.status), (id.as_str(), "rejected"));
        assert_eq!(read.reason.as_deref(), said.map(|(reason, _)| reason));
        assert!(written.len() <= MESSAGE_BYTES_MAX, "an answer of {} bytes", written.len());
    }
}

fn check_body(body: Body) {
    let event = match body {
        Body::OrderPut { terms, known: None } => Event::OrderAccepted { terms: Arc::new(*terms) },
        Body::OrderPut { terms, known } => Event::OrderUpdated { terms: Arc::new(*terms), known },
        Body::ReturnPut { terms } => Event::ReturnAuthorized { terms },
        Body::CatalogPut { products } => return assert!(products.len() <= 2_000),
        Body::StockSet { items, .. } => {
            return assert!(items.len() <= 2_000 && items.iter().all(|(_, count)| (0..=1_000_000_000).contains(count)));
        }
        _ => return,
    };
    let written = event::encode(&event).expect("every event can be written");
    assert!(written.len() <= MESSAGE_BYTES_MAX, "an event of {} bytes", written.len());
    let read = event::decode(event.kind(), &written).unwrap_or_else(|why| panic!("{written}: {why}"));
    assert_eq!(read, event, "an order is recorded as another");
}

/// A reader of its own for the plainest case: the field `email`, `address` or `phone`, below `data`.
fn is_personal(bytes: &[u8]) -> bool {
    fn has(value: &Value) -> bool {
        match value {
            Value::Object(fields) => {
                fields.iter().any(|(name, value)| ["email", "address", "phone"].contains(&name.as_str()) || has(value))
            }
            Value::Array(values) => values.iter().any(has),
            _ => false,
        }
    }
    serde_json::from_slice::<Value>(bytes).is_ok_and(|message| has(&message["data"]))
}

fn repeats_nothing(bytes: &[u8], why: &str) {
    fn check(value: &Value, repeats: &dyn Fn(&str) -> bool) {
        match value {
            Value::String(text) => assert!(!repeats(text), "{text:?} is repeated"),
            Value::Object(fields) => fields.values().for_each(|value| check(value, repeats)),
            Value::Array(values) => values.iter().for_each(|value| check(value, repeats)),
            _ => {}
        }
    }
    if let Ok(message) = serde_json::from_slice::<Value>(bytes) {
        let repeats =
            |text: &str| TELLING_BYTES_MIN <= text.len() && why.contains(text) && !is_said_without(bytes, text);
        check(&message["data"], &repeats);
    }
}

/// A text may stand in the reasons' own words, or be the type's too: those are the same where the data has as many other letters in
/// its place.
fn is_said_without(bytes: &[u8], text: &str) -> bool {
    fn put(value: &mut Value, text: &str, other: &str) {
        match value {
            Value::String(said) => *said = said.replace(text, other),
            Value::Object(fields) => fields.values_mut().for_each(|value| put(value, text, other)),
            Value::Array(values) => values.iter_mut().for_each(|value| put(value, text, other)),
            _ => {}
        }
    }
    let Ok(mut message) = serde_json::from_slice::<Value>(bytes) else { return false };
    put(&mut message["data"], text, &"x".repeat(text.len()));
    let without = message.to_string();
    parse(without.as_bytes()).is_err_and(|unreadable| unreadable.why.contains(text))
}
