//! Commands as a platform may send them, and as nobody should.

use super::examples::COMMANDS;
use crate::contract::COMMAND_BYTES_MAX;
use crate::contract::command::{Body, parse};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A command whose `data` is the put of a good order with `patch` merged into it.
fn put(patch: Value) -> Value {
    let mut data = json!({
        "id": "o-1", "number": "1", "revision": 1, "delivery": "carrier", "carrier": "dhl",
        "lines": [{"line": "1", "sku": "A", "name": "Mug", "quantity": 2, "barcodes": ["7350053850019"]}],
        "notify": {"customer": "c-1", "channels": ["email"], "language": "sv"},
    });
    merge(&mut data, patch);
    command("parceld.order.put.v1", data)
}

fn command(kind: &str, data: Value) -> Value {
    let mut command = json!({"specversion": "1.0", "id": "cmd-1", "source": "/platform", "type": kind});
    command["data"] = data;
    command
}

/// JSON merge patch (RFC 7386).
fn merge(target: &mut Value, patch: Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (field, value) in patch {
                match value {
                    Value::Null => drop(target.remove(&field)),
                    value => merge(target.entry(field).or_insert(Value::Null), value),
                }
            }
        }
        (target, patch) => *target = patch,
    }
}

fn line(patch: Value) -> Value {
    let mut line = json!({"line": "1", "sku": "A", "name": "Mug", "quantity": 2});
    merge(&mut line, patch);
    put(json!({"lines": [line]}))
}

/// Whether `command` is read, and the reason if not.
fn told(payload: &[u8]) -> (&'static str, Option<String>) {
    match parse(payload) {
        Ok(command) => ("", Some(command.id)),
        Err(unreadable) => (unreadable.reason, unreadable.id),
    }
}

fn check(reason: &str, command: &Value) {
    let payload = command.to_string();
    let shown = &payload[..payload.len().min(400)];
    assert_eq!(told(payload.as_bytes()), (expected(reason), Some("cmd-1".to_owned())), "{shown}");
}

fn expected(reason: &str) -> &'static str {
    ["", "unreadable", "personal_data", "unknown_command", "too_large"]
        .into_iter()
        .find(|known| *known == reason)
        .unwrap()
}

#[test]
fn reads_what_an_order_needs() {
    for patch in [
        json!({}),
        json!({"carrier": null, "delivery": "pickup"}),
        json!({"notify": null}),
        json!({"promise": {"ship_by": "2026-11-22T16:30:00+01:00"}}),
        json!({"on_short": "hold"}),
        json!({"known": {"lines": [], "parcels": []}}),
    ] {
        check("", &put(patch));
    }
    let parsed = parse(put(json!({})).to_string().as_bytes()).unwrap();
    let Body::OrderPut { terms, known: None } = parsed.body else {
        panic!("not a put: {:?}", parsed.body);
    };
    assert_eq!(&*terms.lines[0].codes[0], "07350053850019", "a GTIN is compared in fourteen digits");
}

#[test]
fn drops_what_it_does_not_know() {
    let mut longer = put(json!({"gift": {"wrap": true}, "lines_total": 9}));
    merge(&mut longer, json!({"traceparent": "00-1-2-03", "subject": "orders/1"}));
    check("", &longer);
    check("", &line(json!({"bin": "A-12", "weight_g": 300, "capture": ["serial"]})));
}

#[test]
fn refuses_an_order_that_makes_no_sense() {
    for command in [
        put(json!({"id": null})),
        put(json!({"id": ""})),
        put(json!({"id": "x".repeat(65)})),
        put(json!({"number": "1\n2"})),
        put(json!({"revision": -1})),
        put(json!({"revision": 4_294_967_296_u64})),
        put(json!({"lines": []})),
        put(json!({"lines": vec![json!({"line": "1", "sku": "A", "name": "Mug", "quantity": 1}); 2]})),
        put(json!({"delivery": "drone"})),
        put(json!({"carrier": null})),
        put(json!({"promise": {"ship_by": "tomorrow"}})),
        put(json!({"on_short": "panic"})),
        line(json!({"quantity": 0})),
        line(json!({"quantity": 10_001})),
        line(json!({"quantity": 1.5})),
        line(json!({"quantity": "2"})),
        line(json!({"name": ""})),
        line(json!({"name": "x".repeat(201)})),
        line(json!({"sku": "A\u{0}"})),
        line(json!({"barcodes": [""]})),
        put(json!({"known": {"lines": [{"line": "1", "picked": 10_001, "packed": 0}]}})),
        put(json!({"known": {"parcels": [{"parcel": 0, "sscc": "073500530000000018", "contents": []}]}})),
        put(json!({"known": {"parcels": [{"parcel": 2, "sscc": "073500530000000018", "contents": []}]}})),
        put(json!({"known": {"parcels": [{"parcel": 1, "sscc": "73500530000000018", "contents": []}]}})),
        put(json!({"known": {"parcels": [
            {"parcel": 1, "sscc": "073500530000000018", "contents": [{"line": "1", "quantity": 4_000_000_000_u32}]},
        ]}})),
        command("parceld.order.put.v1", Value::Null),
        command("parceld.order.put.v1", json!([])),
    ] {
        check("unreadable", &command);
    }
    let many: Vec<_> =
        (0..501).map(|n| json!({"line": n.to_string(), "sku": "A", "name": "Mug", "quantity": 1})).collect();
    check("unreadable", &put(json!({"lines": many})));
}

#[test]
fn known_parcels_are_taken_in_the_order_of_their_numbers() {
    let parcel = |n: u32| json!({"parcel": n, "sscc": format!("{n:018}"), "contents": []});
    let command = put(json!({"known": {"parcels": [parcel(2), parcel(1)]}}));
    let Body::OrderPut { known: Some(known), .. } = parse(command.to_string().as_bytes()).unwrap().body else {
        panic!("nothing known");
    };
    assert_eq!(known.parcels.iter().map(|parcel| parcel.n).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn reads_and_refuses_the_other_commands() {
    for (reason, kind, data) in [
        ("", "order.cancel", json!({"id": "o-1", "revision": 1})),
        ("unreadable", "order.cancel", json!({"id": "o-1"})),
        ("unreadable", "order.cancel", json!({"id": "o-1", "revision": 1, "reason": ""})),
        ("", "catalog.put", json!({"products": []})),
        ("unreadable", "catalog.put", json!({"products": [{"sku": "A"}]})),
        ("unreadable", "catalog.put", json!({"products": [{"sku": "A", "name": "Mug", "barcodes": ["\t"]}]})),
        ("", "stock.set", json!({"items": [{"sku": "A", "quantity": 0}]})),
        ("unreadable", "stock.set", json!({"items": [{"sku": "A", "quantity": -1}]})),
        ("unreadable", "stock.set", json!({"items": [{"sku": "A", "quantity": 1_000_000_001}]})),
        ("unreadable", "stock.set", json!({"items": [{"sku": "A", "quantity": i64::MAX}]})),
        ("unreadable", "stock.set", json!({"items": [], "as_of": {"epoch": "x", "sequence": 1}})),
        ("unreadable", "stock.set", json!({"items": vec![json!({"sku": "A", "quantity": 1}); 2_001]})),
        ("unreadable", "events.resend", json!({"from": 1})),
        ("unknown_command", "order.teleport", json!({})),
    ] {
        check(reason, &command(&format!("parceld.{kind}.v1"), data));
    }
    check("unknown_command", &command("parceld.order.put.v2", json!({})));
    check("unknown_command", &command("", json!({})));
}

#[test]
fn refuses_personal_data_wherever_it_stands() {
    for field in [
        "email",
        "E-Mail",
        "e_mail",
        "phone",
        "phoneNumber",
        "street",
        "firstName",
        "first_name",
        "lastname",
        "address",
        "postalCode",
        "zip",
        "recipient",
        "name",
        "customerName",
        "mobile",
        "date_of_birth",
    ] {
        check("personal_data", &put(json!({ field: "x" })));
        check("personal_data", &put(json!({"notify": { field: "x" }})));
        check("personal_data", &put(json!({"gift": {"to": [{ field: "x" }]}})));
        check("personal_data", &command("parceld.order.teleport.v1", json!({"deep": {"down": { field: null }}})));
        if field != "name" {
            check("personal_data", &line(json!({ field: "x" })));
        }
    }
    check("personal_data", &line(json!({"for": {"name": "x"}})));
    check("personal_data", &command("parceld.catalog.put.v1", json!({"products": [], "name": "x"})));
}

#[test]
fn a_message_that_can_t_be_read_is_looked_through_for_personal_data() {
    for (reason, payload) in [
        ("personal_data", r#"{"specversion":"1.0","id":"cmd-1","data":{"email":"x"#),
        ("personal_data", r#"{"data":{"lines":[],"Phone_Number":"1"}}"#),
        ("personal_data", r#"{"specversion":"0.3","id":"cmd-1","type":"x","data":{"street":"x"}}"#),
        ("unreadable", r#"{"specversion":"1.0","id":"cmd-1","data":{"lines":"x"#),
    ] {
        assert_eq!(told(payload.as_bytes()).0, reason, "{payload}");
    }
}

#[test]
fn refuses_what_is_no_command() {
    let deep = format!("{}{}", "[".repeat(42_000), "]".repeat(42_000));
    let deep_data = format!(r#"{{"specversion":"1.0","id":"a","type":"b","data":{deep}}}"#);
    let huge = "x".repeat(COMMAND_BYTES_MAX + 1);
    for (reason, payload) in [
        ("unreadable", ""),
        ("unreadable", "null"),
        ("unreadable", "{}"),
        ("unreadable", "{\"specversion\":"),
        ("unreadable", "\u{feff}{}"),
        ("unreadable", r#"{"specversion":"1.0","type":"parceld.order.put.v1"}"#),
        ("unreadable", r#"{"specversion":"1.0","id":"","type":"parceld.order.put.v1"}"#),
        ("unreadable", r#"{"specversion":"1.0","id":7,"type":"parceld.order.put.v1"}"#),
        ("unreadable", &deep),
        ("unreadable", &deep_data),
        ("too_large", &huge),
    ] {
        assert_eq!(told(payload.as_bytes()), (reason, None), "{}", &payload[..payload.len().min(80)]);
    }
    assert_eq!(told(b"\xff\xfe{}").0, "unreadable");
    let mut other = put(json!({}));
    merge(&mut other, json!({"specversion": "0.3"}));
    check("unreadable", &other);
}

#[test]
fn a_message_as_large_as_allowed_is_read() {
    let mut command = put(json!({"padding": ""}));
    let room = COMMAND_BYTES_MAX - command.to_string().len();
    merge(&mut command, json!({"data": {"padding": "x".repeat(room)}}));
    assert_eq!(command.to_string().len(), COMMAND_BYTES_MAX);
    check("", &command);
}

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(payload in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&payload);
    }

    #[test]
    fn no_change_to_a_command_makes_reading_panic(
        which in 0..COMMANDS.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..6),
    ) {
        let mut payload = COMMANDS[which].1.as_bytes().to_vec();
        for (place, byte, kind) in changes {
            let place = place.index(payload.len());
            match kind {
                0 => payload[place] = byte,
                1 => payload.insert(place, byte),
                _ => drop(payload.remove(place)),
            }
        }
        let _ = parse(&payload);
    }
}
