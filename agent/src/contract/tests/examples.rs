//! One message of each kind, as published.
//!
//! The files under `contract/v1/examples` are the contract. Do not change an example of a released version: a
//! difference here means that the platforms out there would be told something else. `PARCELD_BLESS=1` writes the files
//! that aren't there yet; one that is there is never written over.

mod commands;
mod first;
mod later;
mod notices;
mod promises;

use crate::contract::command::{self, Status};
use crate::contract::envelope::Envelope;
use crate::contract::event::{encode, subject};
use crate::contract::promise::PromiseState;
use crate::contract::receipt::Receipt;
use crate::contract::state::{AgentState, Presence};
use crate::contract::topic::Topics;
use crate::domain::event::{Event, Kind};
use first::{EPOCH, at};
use std::collections::BTreeMap;
use std::path::PathBuf;
use uuid::Uuid;

pub use commands::COMMANDS;
pub use first::{item, notice, order};

/// An example of every kind of event; of some kinds several.
pub fn events() -> Vec<(&'static str, Event)> {
    [first::events(), later::events(), notices::events(), promises::events()].concat()
}

/// The platform's receipt.
const RECEIPT: &str = r#"{"epoch":"01935d00-0000-7000-8000-000000000001","sequence":1204}"#;

/// The places that stand in the examples of notices, apart from those of the lists before them.
const NOTICES_FROM: u64 = 1_001;
/// And in those of promises and days.
const PROMISES_FROM: u64 = 1_101;

fn published(sequence: u64, event: &Event, station: Option<&str>, operator: Option<&str>) -> String {
    let data = encode(event).unwrap();
    let subject = subject(event);
    let envelope = Envelope {
        site: "sthlm-03",
        id: Uuid::from_u128(EPOCH.as_u128() + u128::from(sequence)),
        kind: event.kind(),
        subject: subject.as_deref(),
        time: at("2026-11-22T14:03:11.482731Z"),
        epoch: EPOCH,
        sequence,
        head: 1_204,
        clock: "synced",
        station,
        operator,
        historical: false,
        data: &data,
    };
    envelope.render().unwrap()
}

/// Whether a command of the platform causes it, and no scan.
fn comes_by_command(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::OrderAccepted
            | Kind::OrderUpdated
            | Kind::OrderHeld
            | Kind::OrderReleased
            | Kind::OrderExpedited
            | Kind::LabelReceived
            | Kind::LabelVoided
            | Kind::ReturnAuthorized
    )
}

/// Every message of the contract, by the name of its file.
pub fn messages() -> BTreeMap<String, String> {
    let mut messages = BTreeMap::new();
    let first = first::events();
    for ((name, event), sequence) in first.iter().zip(1..) {
        let station = subject(event).map(|_| "bench-1");
        messages.insert(format!("event.{name}"), published(sequence, event, station, None));
    }
    for ((name, event), sequence) in later::events().iter().zip(first.len() as u64 + 1..) {
        let (station, operator) =
            if comes_by_command(event.kind()) { (None, None) } else { (Some("bench-1"), Some("op-7")) };
        messages.insert(format!("event.{name}"), published(sequence, event, station, operator));
    }
    for ((name, event), sequence) in notices::events().iter().zip(NOTICES_FROM..) {
        messages.insert(format!("event.{name}"), published(sequence, event, Some("bench-1"), Some("op-7")));
    }
    for ((name, event), sequence) in promises::events().iter().zip(PROMISES_FROM..) {
        messages.insert(format!("event.{name}"), published(sequence, event, None, None));
    }
    for (name, offer) in promises::offers() {
        messages.insert(format!("state.promise.{name}"), PromiseState::from_domain(&offer).render());
    }
    for (name, command) in COMMANDS {
        messages.insert(format!("command.{name}"), command.to_owned());
    }
    for (status, reason) in [
        (Status::Accepted, None),
        (Status::Rejected, Some(("stale", "revision 2 is stored, which is newer"))),
        (Status::Duplicate, Some(("duplicate", "revision 1 has been applied already"))),
        (Status::Expired, None),
    ] {
        let now = at("2026-11-22T14:03:11.482731Z");
        let reply = command::reply("sthlm-03", "cmd-1", "parceld.order.put.v1", status, reason, None, now);
        messages.insert(format!("reply.{}", status.word()), reply);
    }
    messages.insert("reply.accepted-report".to_owned(), commands::report_reply());
    for (name, state) in [("online", Presence::Online), ("offline", Presence::Offline), ("lost", Presence::Lost)] {
        let state =
            AgentState { state, version: "0.1.0", epoch: EPOCH, origin: None, instance: None, head: 1_204, session: 9 };
        messages.insert(format!("state.agent.{name}"), state.render());
        let known = AgentState { origin: Some(Uuid::from_u128(1)), instance: Some(Uuid::from_u128(2)), ..state };
        messages.insert(format!("state.agent.{name}-known"), known.render());
    }
    messages.insert("receipt".to_owned(), RECEIPT.to_owned());
    messages
}

#[test]
fn messages_are_what_the_contract_shows() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../contract/v1/examples");
    let bless = std::env::var_os("PARCELD_BLESS").is_some();
    let messages = messages();
    for (name, message) in &messages {
        let path = folder.join(format!("{name}.json"));
        if bless && !path.exists() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, message).unwrap();
        }
        let frozen = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(*message, frozen, "{name}");
    }
    let files = std::fs::read_dir(&folder).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    for name in names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)) {
        assert!(messages.contains_key(&name), "{name}.json: no message of this name is published");
    }
}

#[test]
fn every_example_of_a_command_is_read() {
    for (name, payload) in COMMANDS {
        let command = command::parse(payload.as_bytes()).unwrap_or_else(|unreadable| panic!("{name}: {unreadable}"));
        assert!(command.kind.starts_with("parceld."), "{name}");
    }
}

#[test]
fn a_receipt_is_read_and_anything_else_is_not() {
    assert_eq!(Receipt::parse(RECEIPT.as_bytes()), Ok(Receipt { epoch: EPOCH, sequence: 1_204 }));
    for payload in [
        "",
        "{}",
        "null",
        r#"{"epoch":"x","sequence":1}"#,
        r#"{"epoch":"01935d00-0000-7000-8000-000000000001","sequence":-1}"#,
    ] {
        assert!(Receipt::parse(payload.as_bytes()).is_err(), "{payload}");
    }
}

#[test]
fn what_is_wrong_with_a_receipt_is_said_in_a_few_words_however_long_it_is() {
    let long = "\u{7f}".repeat(1_000);
    for (payload, why) in [
        (format!("\"{long}\""), "no object"),
        (format!(r#"{{"epoch":"{long}","sequence":1}}"#), "epoch: no UUID"),
        (format!(r#"{{"epoch":"{EPOCH}","sequence":"{long}"}}"#), "sequence: no whole number from 0 on"),
        (format!(r#"{{"epoch":"{EPOCH}","sequence":1e3}}"#), "sequence: no whole number from 0 on"),
        (format!(r#"{{"epoch":"{EPOCH}"}}"#), "missing field `sequence` at line 1 column 48"),
    ] {
        assert_eq!(Receipt::parse(payload.as_bytes()), Err(why.into()));
    }
}

#[test]
fn each_message_has_its_topic() {
    let topics = Topics::new("parceld/v1", "sthlm-03");
    for (topic, expected) in [
        (topics.events("pack"), "parceld/v1/sthlm-03/events/pack"),
        (topics.events(Kind::ItemInspected.group()), "parceld/v1/sthlm-03/events/return"),
        (topics.state_agent(), "parceld/v1/sthlm-03/state/agent"),
        (topics.state_promise(), "parceld/v1/sthlm-03/state/promise"),
        (topics.receipts(), "parceld/v1/sthlm-03/receipts"),
        (topics.commands(), "parceld/v1/sthlm-03/commands"),
        (topics.replies(), "parceld/v1/sthlm-03/replies"),
    ] {
        assert_eq!(topic, expected);
    }
}
