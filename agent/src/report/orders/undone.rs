//! Which events others took back. The log only grows: what was undone stays, and something that negates it follows.

use crate::domain::event::Kind;
use crate::journal::{Place, Stored};
use serde_json::Value;
use std::collections::HashMap;

/// What is taken back, by what, and what both name where they belong together.
const TAKEN_BACK: [(Kind, Kind, &[&str]); 9] = [
    (Kind::ItemPicked, Kind::ItemUnpicked, &["/line"]),
    (Kind::ItemPacked, Kind::ItemUnpacked, &["/line", "/parcel"]),
    (Kind::ItemShort, Kind::ItemShort, &["/line"]),
    (Kind::ItemInspected, Kind::ItemInspected, &["/return/id", "/code", "/condition"]),
    (Kind::ParcelSealed, Kind::ParcelReopened, &["/sscc"]),
    (Kind::LabelReceived, Kind::LabelVoided, &["/parcel"]),
    (Kind::ParcelLoaded, Kind::ParcelUnloaded, &["/sscc", "/manifest"]),
    (Kind::DispatchRequested, Kind::DispatchWithdrawn, &["/key"]),
    (Kind::HandedOver, Kind::LeftBehind, &["/sscc"]),
];

/// For each of an order's events, newest first, the place of the one that took it back: the nearest such one, each
/// taking back the last that still stood.
#[must_use]
pub fn undone(events: &[Stored]) -> Vec<Option<Place>> {
    let mut undone = vec![None; events.len()];
    let mut standing: HashMap<(Kind, String), Vec<usize>> = HashMap::new();
    for (index, event) in events.iter().enumerate().rev() {
        let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
        for (kind, by, names) in TAKEN_BACK {
            if kind != event.kind && by != event.kind {
                continue;
            }
            // Of one kind both ways: what is taken back is counted below zero.
            let negates = by == event.kind && (kind != by || data["quantity"].as_i64().is_some_and(|units| units < 0));
            let stack = standing.entry((kind, said(&data, names))).or_default();
            if !negates {
                stack.push(index);
            } else if let Some(last) = stack.pop() {
                undone[last] = Some(event.place);
            }
        }
    }
    undone
}

fn said(data: &Value, names: &[&str]) -> String {
    names.iter().map(|name| data.pointer(name).unwrap_or(&Value::Null).to_string()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Label;
    use serde_json::json;
    use uuid::Uuid;

    /// `told`: kind and data, oldest first; the places begin at 1.
    #[track_caller]
    fn check(what: &str, told: &[(&str, Value)], expected: &[(Place, Place)]) {
        let stored = |(place, (kind, data)): (Place, &(&str, Value))| Stored {
            place,
            id: Uuid::nil(),
            at: jiff::Timestamp::UNIX_EPOCH,
            label: Label::Synced,
            kind: Kind::named(kind).unwrap(),
            station: None,
            operator: None,
            subject: None,
            data: data.to_string(),
        };
        let mut events: Vec<Stored> = (1..).zip(told).map(stored).collect();
        events.reverse();
        let undone = undone(&events);
        let mut found: Vec<(Place, Place)> =
            events.iter().zip(undone).filter_map(|(event, by)| Some((event.place, by?))).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{what}");
    }

    #[test]
    fn finds_what_was_taken_back() {
        let picked = |line: &str| ("pick.item_picked", json!({"line": line}));
        let unpicked = |line: &str| ("pick.item_unpicked", json!({"line": line}));
        check("nothing", &[picked("1"), picked("1")], &[]);
        check("the last of a line", &[picked("1"), picked("1"), picked("2"), unpicked("1")], &[(2, 4)]);
        check(
            "one after the other",
            &[picked("1"), picked("1"), unpicked("1"), unpicked("1"), picked("1")],
            &[(1, 4), (2, 3)],
        );
        check("more than is known", &[unpicked("1"), picked("1")], &[]);
        let packed = |parcel: u32| ("pack.item_packed", json!({"line": "1", "parcel": parcel}));
        let unpacked = |parcel: u32| ("pack.item_unpacked", json!({"line": "1", "parcel": parcel}));
        check("of another parcel", &[packed(1), packed(2), unpacked(1)], &[(1, 3)]);
        let short = |quantity: i64| ("pick.item_short", json!({"line": "1", "quantity": quantity}));
        check("of one kind", &[short(2), short(-2), short(1)], &[(1, 2)]);
        let asked = |key: &str| ("dispatch.requested", json!({"key": key}));
        let withdrawn = |key: &str| ("dispatch.withdrawn", json!({"key": key}));
        check("a courier", &[asked("a"), asked("b"), withdrawn("a")], &[(1, 3)]);
    }

    #[test]
    fn damaged_data_is_taken_back_by_nothing() {
        check("no object", &[("pick.item_picked", json!(7)), ("order.accepted", json!(null))], &[]);
    }
}
