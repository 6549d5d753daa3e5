//! Events: what the agent has stored is written as it is read, and the platform, which shares no code with it, takes every
//! one of them.

use super::world::{SITE, World};
use crate::measure::within;
use jiff::{SignedDuration, Timestamp};
use parceld::contract::envelope::Envelope;
use parceld::contract::event;
use parceld::domain::event::Kind;
use parceld_platform::wire;
use serde_json::Value;
use uuid::Uuid;

const MEMORY_EACH: u64 = 256;
const EPOCH: Uuid = Uuid::from_u128(0x0193_5d00_0000_7000_8000_0000_0000_0001);

/// An event as it is published, of which the type and the data count.
pub fn run(bytes: &[u8]) {
    let Ok(message) = serde_json::from_slice::<Value>(bytes) else { return };
    let kind = message["type"].as_str().and_then(wire::kind).and_then(Kind::named);
    let Some(kind) = kind else { return };
    let data = message["data"].to_string();
    let Ok(read) = within(data.as_bytes(), MEMORY_EACH, 16_384, || event::decode(kind, &data)) else { return };
    assert_eq!(read.kind(), kind);
    let written = event::encode(&read).expect("every event can be written");
    let again = event::decode(kind, &written).unwrap_or_else(|why| panic!("{written}: {why}"));
    assert_eq!(again, read, "an event is read as another");
    assert_eq!(event::encode(&again).expect("every event can be written"), written, "two forms of the same");
    let later = event::shifted(kind, written.clone(), SignedDuration::from_hours(1));
    assert!(event::decode(kind, &later).is_ok(), "{later} is {written} an hour later, and none");
    is_taken(kind, event::subject(&read).as_deref(), &written);
}

fn is_taken(kind: Kind, subject: Option<&str>, data: &str) {
    let envelope = Envelope {
        site: SITE,
        id: Uuid::from_u128(7),
        kind,
        subject,
        time: Timestamp::UNIX_EPOCH,
        epoch: EPOCH,
        sequence: 1,
        head: 1,
        clock: "synced",
        station: None,
        operator: None,
        historical: false,
        data,
    };
    let published = envelope.render().expect("JSON");
    let read = wire::Envelope::read(&published).expect("the platform reads what the agent publishes");
    read.check(SITE, kind.group()).expect("an event belongs where it is published");
    assert_eq!((read.kind(), read.epoch, read.sequence), (Some(kind.word()), EPOCH, 1));
    let mut world = World::new();
    world.take(&format!("events/{}", kind.group()), published.as_bytes());
    assert_eq!(world.quarantine(), [""; 0], "the platform doesn't take {published}");
    assert!(world.published().iter().any(|out| out.retain), "an event has no receipt");
}
