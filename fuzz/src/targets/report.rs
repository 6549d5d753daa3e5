//! What the agent says of itself, with anything in its texts and numbers: the platform reads the same.

use crate::input::Input;
use jiff::Timestamp;
use parceld::contract::command::{Status, reply};
use parceld::contract::report::{OpenManifest, SiteReport, StationReport};
use parceld::contract::state::{AgentState, Presence, StateHeard};
use parceld_platform::wire::{self, Agent, Reply};
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

const VERSION_CHARS_MAX: usize = 64;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut number = || u64::from(input.pair()) << (input.byte() & 0x2f);
    let (head, sent, received, session) = (number(), number(), number(), number());
    let epoch = Uuid::from_u128(u128::from(number()));
    let (state, read_as) = [
        (Presence::Online, wire::Presence::Online),
        (Presence::Offline, wire::Presence::Offline),
        (Presence::Lost, wire::Presence::Lost),
    ][usize::from(input.byte()) % 3];
    let text = String::from_utf8_lossy(input.rest());
    let words: Vec<&str> = text.split('\n').collect();
    let word = |n: usize| words.get(n).copied().unwrap_or_default();

    let origin = (head % 2 == 0).then_some(epoch);
    let instance = (session % 2 == 0).then_some(epoch);
    // One of ours is short.
    let version: String = word(0).chars().take(VERSION_CHARS_MAX).collect();
    let written = AgentState { state, version: &version, epoch, origin, instance, head, session }.render();
    let heard = StateHeard::parse(written.as_bytes()).expect("another agent reads it");
    assert_eq!((heard.state, heard.epoch, heard.session), (state, epoch, session));
    assert_eq!((heard.origin, heard.instance), (origin, instance));
    let agent: Agent = serde_json::from_str(&written).expect("the platform reads the agent's state");
    assert_eq!(agent, Agent { state: read_as, epoch, session });

    let report = SiteReport {
        version: word(0).into(),
        epoch,
        head,
        sent,
        received,
        orders: BTreeMap::from([(word(1).to_owned(), head)]),
        manifests: vec![OpenManifest { manifest: word(2).into(), carrier: word(3).into(), loaded: 7 }],
        returns: BTreeMap::from([(word(1).to_owned(), sent)]),
        stations: vec![StationReport { station: word(4).into(), mode: "pick", work: "idle", open: received }],
    };
    let (command, reason, detail) = (word(5), word(6), word(7));
    let written =
        reply("s", command, word(8), Status::Duplicate, Some((reason, detail)), Some(&report), Timestamp::UNIX_EPOCH);
    let read = Reply::read(&written).expect("the platform reads a reply");
    assert_eq!((&*read.command, &*read.status), (command, "duplicate"));
    assert_eq!((read.reason.as_deref(), read.detail.as_deref()), (Some(reason), Some(detail)));
    let whole: Value = serde_json::from_str(&written).expect("JSON");
    assert_eq!(whole["data"]["report"]["stations"][0]["station"], word(4));
    assert_eq!(whole["data"]["report"]["head"], head);
}
