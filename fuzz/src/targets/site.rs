//! The platform's reader of what sites send, whom it doesn't trust: it never fails, and goes on behind anything.

use super::world::{SITE, World};
use serde_json::{Value, json};
use uuid::Uuid;

/// Messages in one input.
const MESSAGES_MAX: usize = 16;
const EPOCH: u128 = 0xfeed_0000_0000_7000_8000_0000_0000_0001;

pub fn run(bytes: &[u8]) {
    let mut world = World::new();
    for message in bytes.split(|byte| *byte == b'\n').take(MESSAGES_MAX) {
        world.take(&below(message), message);
    }
    world.published();
    let good = json!({
        "specversion": "1.0", "id": Uuid::from_u128(EPOCH + 1), "source": format!("/sites/{SITE}"),
        "type": "parceld.site.started.v1", "time": "2026-11-22T14:00:00Z", "epoch": Uuid::from_u128(EPOCH),
        "sequence": 1, "data": {"cause": "new", "follows": null, "version": "1", "boot": "b"},
    });
    world.take("events/site", good.to_string().as_bytes());
    let expected = json!({"epoch": Uuid::from_u128(EPOCH), "sequence": 1});
    let is_expected = |payload: &str| {
        serde_json::from_str::<Value>(payload)
            .is_ok_and(|receipt| receipt["epoch"] == expected["epoch"] && receipt["sequence"] == expected["sequence"])
    };
    let published = world.published();
    assert!(published.iter().any(|out| is_expected(&out.payload)), "a good event has no receipt: {published:?}");
}

/// Where a message belongs, by what it looks like.
fn below(message: &[u8]) -> String {
    let Ok(message) = serde_json::from_slice::<Value>(message) else { return "events/order".into() };
    let kind = message["type"].as_str().and_then(|kind| kind.strip_prefix("parceld.")).unwrap_or_default();
    match kind.split_once('.') {
        Some(("command", _)) => "replies".into(),
        Some((group, _)) if message.get("data").is_some() && message.get("sequence").is_some() => {
            format!("events/{group}")
        }
        _ if message.get("computed_at").is_some() => "state/promise".into(),
        _ if message.get("session").is_some() || message.get("state").is_some() => "state/agent".into(),
        _ if message.get("sequence").is_some() => "receipts".into(),
        _ => "replies".into(),
    }
}
