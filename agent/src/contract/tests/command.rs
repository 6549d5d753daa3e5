//! Commands as a platform may send them, and as nobody should.

use super::examples::COMMANDS;
use crate::contract::COMMAND_BYTES_MAX;
use crate::contract::command::{Body, parse};
use crate::domain::order::Done;
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
        json!({"known": {"lines": [{"line": "1", "picked": 1, "packed": 1, "short": 1}]}}),
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
fn reads_where_a_line_lies_what_it_weighs_and_what_is_recorded() {
    for patch in [
        json!({"bin": "A-12.3"}),
        json!({"weight_g": 0}),
        json!({"capture": {}}),
        json!({"capture": {"serial": true, "lot": true, "expiry": true, "pattern": "SN-####*"}}),
        json!({"capture": {"pattern": "?"}}),
    ] {
        check("", &line(patch));
    }
    for patch in [
        json!({"bin": ""}),
        json!({"bin": "A 12"}),
        json!({"bin": "x".repeat(33)}),
        json!({"bin": 12}),
        json!({"weight_g": -1}),
        json!({"weight_g": 4_294_967_296_u64}),
        json!({"weight_g": 0.5}),
        json!({"capture": ["serial"]}),
        json!({"capture": {"serial": "yes"}}),
        json!({"capture": {"pattern": ""}}),
        json!({"capture": {"pattern": "#".repeat(65)}}),
    ] {
        check("unreadable", &line(patch));
    }
    let full = json!({"bin": "A-12.3", "weight_g": 1850, "capture": {"serial": true, "pattern": "SN-####"}});
    let Body::OrderPut { terms, .. } = parse(line(full).to_string().as_bytes()).unwrap().body else {
        panic!("not a put");
    };
    let read = &terms.lines[0];
    assert_eq!((read.bin.as_deref(), read.weight_g), (Some("A-12.3"), Some(1_850)));
    assert!(read.capture.serial && !read.capture.lot && !read.capture.expiry);
    assert!(read.capture.pattern.as_ref().unwrap().fits("SN-0417"));
}

#[test]
fn known_units_that_are_short_are_taken() {
    let known = json!({"known": {"lines": [{"line": "1", "picked": 1, "packed": 0, "short": 1}]}});
    let Body::OrderPut { known: Some(known), .. } = parse(put(known).to_string().as_bytes()).unwrap().body else {
        panic!("nothing known");
    };
    assert_eq!(known.lines, [("1".into(), Done { picked: 1, packed: 0, short: 1 })]);
}

#[test]
fn drops_what_it_does_not_know() {
    let mut longer = put(json!({"gift": {"wrap": true}, "lines_total": 9}));
    merge(&mut longer, json!({"traceparent": "00-1-2-03", "subject": "orders/1"}));
    check("", &longer);
    check("", &line(json!({"colour": "blue", "capture": {"serial": true, "photo": true}})));
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
        put(json!({"known": {"lines": [{"line": "1", "picked": 0, "packed": 0, "short": 10_001}]}})),
        put(json!({"known": {"lines": [{"line": "1", "picked": 0, "packed": 0, "short": -1}]}})),
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

fn goods(quantity: u32) -> Value {
    json!({"sku": "A", "name": "Mug", "quantity": quantity, "barcodes": ["7350053850019"]})
}

#[test]
fn reads_and_refuses_the_other_commands() {
    for (reason, kind, data) in [
        ("", "order.cancel", json!({"id": "o-1", "revision": 1})),
        ("unreadable", "order.cancel", json!({"id": "o-1"})),
        ("unreadable", "order.cancel", json!({"id": "o-1", "revision": 1, "reason": ""})),
        ("", "catalog.put", json!({"products": []})),
        ("", "catalog.put", json!({"products": [{"sku": "A", "name": "x".repeat(200)}]})),
        ("unreadable", "catalog.put", json!({"products": [{"sku": "A", "name": "x".repeat(201)}]})),
        ("unreadable", "catalog.put", json!({"products": [{"sku": "A"}]})),
        ("unreadable", "catalog.put", json!({"products": [{"sku": "A", "name": "Mug", "barcodes": ["\t"]}]})),
        ("", "stock.set", json!({"items": [{"sku": "A", "quantity": 0}]})),
        ("unreadable", "stock.set", json!({"items": [{"sku": "A", "quantity": -1}]})),
        ("unreadable", "stock.set", json!({"items": [{"sku": "A", "quantity": 1_000_000_001}]})),
        ("unreadable", "stock.set", json!({"items": [{"sku": "A", "quantity": i64::MAX}]})),
        ("unreadable", "stock.set", json!({"items": [], "as_of": {"epoch": "x", "sequence": 1}})),
        ("unreadable", "stock.set", json!({"items": vec![json!({"sku": "A", "quantity": 1}); 2_001]})),
        ("unreadable", "events.resend", json!({"from": 1})),
        ("", "order.hold", json!({"id": "o-1", "revision": 1})),
        ("", "order.hold", json!({"id": "o-1", "revision": 1, "reason": "payment"})),
        ("unreadable", "order.hold", json!({"id": "o-1"})),
        ("unreadable", "order.hold", json!({"id": "", "revision": 1})),
        ("unreadable", "order.hold", json!({"id": "o-1", "revision": 1, "reason": ""})),
        ("unreadable", "order.hold", json!({"id": "o-1", "revision": 1, "reason": "x".repeat(65)})),
        ("", "order.release", json!({"id": "o-1", "revision": 1})),
        ("unreadable", "order.release", json!({"id": "o-1"})),
        ("unreadable", "order.release", json!({"id": "o\n1", "revision": 1})),
        ("", "order.expedite", json!({"id": "o-1", "revision": 1})),
        ("unreadable", "order.expedite", json!({"revision": 1})),
        ("unreadable", "order.expedite", json!({"id": "o-1", "revision": -1})),
        ("", "parcel.label", json!({"order": "o-1", "parcel": 1, "revision": 1})),
        ("", "parcel.label", json!({"order": "o-1", "parcel": 1, "revision": 1, "tracking": "JD1", "zpl": "^XA^XZ"})),
        ("unreadable", "parcel.label", json!({"order": "o-1", "parcel": 1})),
        ("unreadable", "parcel.label", json!({"order": "o-1", "parcel": 1, "revision": 0})),
        ("unreadable", "parcel.label", json!({"order": "o-1", "parcel": -1, "revision": 1})),
        ("unreadable", "parcel.label", json!({"order": "o-1", "parcel": 1, "revision": 1, "tracking": ""})),
        ("unreadable", "parcel.label", json!({"order": "o-1", "parcel": 1, "revision": 1, "tracking": "x".repeat(65)})),
        ("unreadable", "parcel.label", json!({"order": "o-1", "parcel": 1, "revision": 1, "zpl": ["^XA"]})),
        ("", "parcel.label", json!({"order": "o-1", "parcel": 1, "revision": 1, "zpl": "x".repeat(65_536)})),
        ("unreadable", "parcel.label", json!({"order": "o-1", "parcel": 1, "revision": 1, "zpl": "x".repeat(65_537)})),
        ("", "return.put", json!({"id": "r-1", "lines": []})),
        ("", "return.put", json!({"id": "r-1", "lines": [], "resolution": "voucher"})),
        ("", "return.put", json!({"id": "r-1", "order": {"id": "o-1", "number": "1"}, "lines": [goods(1)]})),
        ("unreadable", "return.put", json!({"lines": []})),
        ("unreadable", "return.put", json!({"id": "r-1"})),
        ("unreadable", "return.put", json!({"id": "r-1", "order": {"id": "o-1"}, "lines": []})),
        ("unreadable", "return.put", json!({"id": "r-1", "order": {"id": "", "number": "1"}, "lines": []})),
        ("unreadable", "return.put", json!({"id": "r-1", "lines": [], "resolution": ""})),
        ("unreadable", "return.put", json!({"id": "r-1", "lines": [goods(0)]})),
        ("unreadable", "return.put", json!({"id": "r-1", "lines": [goods(10_001)]})),
        ("", "return.put", json!({"id": "r-1", "lines": vec![goods(1); 500]})),
        ("unreadable", "return.put", json!({"id": "r-1", "lines": vec![goods(1); 501]})),
        ("", "site.report", json!({})),
        ("", "site.report", json!(null)),
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
    for (kind, data) in [
        ("order.hold", json!({"id": "o-1", "revision": 1, "phone": "1"})),
        ("order.release", json!({"id": "o-1", "revision": 1, "by": {"name": "x"}})),
        ("order.expedite", json!({"id": "o-1", "revision": 1, "customer_name": "x"})),
        ("parcel.label", json!({"order": "o-1", "parcel": 1, "revision": 1, "recipient": "x"})),
        ("parcel.label", json!({"order": "o-1", "parcel": 1, "revision": 1, "to": {"street": "x"}})),
        ("return.put", json!({"id": "r-1", "lines": [], "name": "x"})),
        ("return.put", json!({"id": "r-1", "lines": [], "order": {"id": "o-1", "number": "1", "email": "x"}})),
        ("return.put", json!({"id": "r-1", "lines": [{"sku": "A", "name": "Mug", "quantity": 1, "zip": "1"}]})),
    ] {
        check("personal_data", &command(&format!("parceld.{kind}.v1"), data));
    }
}

/// A carrier's label with a person's name on it, in a message that can't be carried out.
fn spoilt_labels() -> Vec<Vec<u8>> {
    let zpl = "^XA^FO40,40^FDAnna Svensson^FS^XZ";
    let label = |data: Value| command("parceld.parcel.label.v1", data).to_string().into_bytes();
    let good = label(json!({"order": "o-1", "parcel": 1, "revision": 1, "zpl": zpl}));
    let mut other_version = command("parceld.parcel.label.v1", json!({"zpl": zpl}));
    merge(&mut other_version, json!({"specversion": zpl}));
    let mut expires = command("parceld.parcel.label.v1", json!({"zpl": "Anna"}));
    merge(&mut expires, json!({"expirytime": zpl}));
    vec![
        label(json!(zpl)),
        label(json!({"order": "o-1", "parcel": zpl, "revision": 1})),
        label(json!({"order": "o-1", "parcel": 1, "revision": 0, "zpl": zpl})),
        label(json!({"order": "o-1", "parcel": 1, "revision": 1, "tracking": zpl.repeat(3)})),
        label(json!({"order": "o-1", "parcel": 1, "revision": 1, "zpl": {"first": zpl}})),
        label(json!({"order": "o-1", "parcel": 1, "revision": 1, "zpl": zpl.repeat(2_000)})),
        label(json!({"order": "o-1", "parcel": 1, "revision": 1, "zpl": zpl.repeat(4_000)})),
        label(json!({"label": "QW5uYSBTdmVuc3Nvbg=="})),
        command("parceld.parcel.label.v2", json!({"ZPL": zpl})).to_string().into_bytes(),
        command("parceld.order.hold.v1", json!({"id": "o-1", "revision": zpl})).to_string().into_bytes(),
        other_version.to_string().into_bytes(),
        expires.to_string().into_bytes(),
        good[..good.len() - 1].to_vec(),
        good[..good.len() - 12].to_vec(),
        [&good[..], b"\xff"].concat(),
    ]
}

#[test]
fn nothing_of_a_label_that_can_t_be_used_is_told_or_kept() {
    for payload in spoilt_labels() {
        let shown = String::from_utf8_lossy(&payload[..payload.len().min(200)]).into_owned();
        let unreadable = parse(&payload).map(|_| ()).expect_err(&shown);
        assert!(unreadable.private, "{shown}");
        assert!(!unreadable.why.contains("Anna"), "{shown}: {}", unreadable.why);
    }
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

    #[test]
    fn no_single_change_to_a_label_makes_it_be_kept(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let data = json!({"order": "o-1", "parcel": 1, "revision": 1, "zpl": "^XA^FDAnna^FS^XZ"});
        let mut payload = command("parceld.parcel.label.v1", data).to_string().into_bytes();
        let place = place.index(payload.len());
        payload[place] = byte;
        if let Err(unreadable) = parse(&payload) {
            prop_assert!(unreadable.private && !unreadable.why.contains("Anna"), "{:?}", unreadable);
        }
    }
}
