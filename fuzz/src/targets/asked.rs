//! What shops and customers ask the platform for, as the bodies of its API and forms: refused with a reason, or written
//! as commands that the agent's own reader can read.

use super::world::{SITE, World};
use crate::input::Input;
use parceld::contract::command;
use parceld_platform::command::{Lead, Refusal, Request, Seed};
use parceld_platform::counter::Ask;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let verb = input.byte();
    let Ok(body) = str::from_utf8(input.rest()) else { return };
    let Some(request) = request(verb, body) else { return };
    let mut world = World::new();
    let first = json!({
        "id": "o-1", "number": "1", "delivery": "carrier", "carrier": "dhl",
        "lines": [{"line": "1", "sku": "TEA", "name": "Tea", "quantity": 2}],
    });
    world.central.ask(SITE, &Request::Put(vec![first]), world.now).expect("a good order");
    world.published();
    match world.central.ask(SITE, &request, world.now) {
        Err(Refusal::Storage(error)) => panic!("the storage refuses: {error}"),
        Err(refusal) => assert!(!refusal.to_string().is_empty()),
        Ok(ids) => {
            let commands = world.published();
            for id in ids {
                let id = id.to_string();
                let sent = commands.iter().filter(|out| !out.retain).filter(|out| out.payload.contains(&id));
                assert!(sent.clone().count() <= 1, "a command is sent twice at once");
                sent.for_each(|out| is_readable(&id, out.payload.as_bytes()));
            }
        }
    }
}

/// The site may refuse what it asks for, but never has to leave the platform without an answer.
fn is_readable(id: &str, payload: &[u8]) {
    match command::parse(payload) {
        Ok(command) => assert_eq!(command.id, id, "a command is read as another"),
        Err(unreadable) => {
            assert!(unreadable.private || unreadable.id.as_deref() == Some(id), "no answer is possible: {unreadable}");
        }
    }
}

fn request(verb: u8, body: &str) -> Option<Request> {
    let value = || serde_json::from_str::<Value>(body).ok();
    let values = || match value()? {
        Value::Array(values) => Some(values),
        value => Some(vec![value]),
    };
    let order = || "o-1".to_owned();
    let counter = |ask| Request::Counter { order: order(), ask };
    Some(match verb % 13 {
        0 => Request::Put(values()?),
        1 => Request::Returns(values()?),
        2 => Request::Catalog(values()?),
        3 => Request::Stock { items: values()?, as_of: None },
        4 => Request::Label { order: order(), parcel: 1, label: serde_json::from_str(body).ok()? },
        5 => Request::Cancel { order: order(), revision: None, reason: body.to_owned(), notify: true },
        6 => Request::Lead { order: order(), revision: None, lead: Lead::Hold { reason: body.to_owned() } },
        7 => Request::Seed(serde_json::from_str::<Seed>(body).ok()?),
        8 => Request::Stock { items: Vec::new(), as_of: value() },
        9 => counter(Ask::Choose { choice: body.to_owned(), delay: Some(body.to_owned()) }),
        10 => {
            let fields: BTreeMap<String, i64> = serde_json::from_str(body).ok()?;
            counter(Ask::Return { items: fields.into_iter().collect(), wish: "refund".into() })
        }
        11 => {
            let (arrived, comment) = body.split_once('\n').unwrap_or((body, ""));
            counter(Ask::Feedback { arrived: arrived.to_owned(), comment: comment.to_owned() })
        }
        _ => {
            let (id, resolution) = body.split_once('\n').unwrap_or((body, "refund"));
            counter(Ask::Resolve { id: id.to_owned(), resolution: resolution.to_owned() })
        }
    })
}
