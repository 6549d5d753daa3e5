//! What is written to the log is what is read from it.

use super::examples::{events, item, notice, order};
use crate::contract::event::{decode, encode, subject};
use crate::domain::code::{Cause, Condition, Values};
use crate::domain::event::{Adjustment, Event, Kind, Method, SignOut};
use crate::domain::notice::Milestone;
use crate::domain::returns::{ReturnRef, Returned};
use crate::domain::signal::{Reason, Signal};
use crate::domain::stock::Stock;
use proptest::prelude::*;
use serde_json::Value;

#[test]
fn every_kind_has_an_example() {
    let examples: Vec<Kind> = events().iter().map(|(_, event)| event.kind()).collect();
    for (word, kind) in Kind::WORDS {
        assert!(examples.contains(&kind), "{word}");
    }
}

#[test]
fn every_event_comes_back_as_it_was() {
    for (name, event) in events() {
        let data = encode(&event).unwrap();
        assert_eq!(decode(event.kind(), &data).unwrap(), event, "{name}: {data}");
    }
}

#[test]
fn every_reason_and_signal_comes_back_as_it_was() {
    let reasons = [
        Reason::Cancelled,
        Reason::AwaitsPlatform,
        Reason::OpenElsewhere("bench-2".into()),
        Reason::NoOrderOpen,
        Reason::OrderOpen("10042".into()),
        Reason::NotOnOrder,
        Reason::LineComplete,
        Reason::Finished,
        Reason::PerhapsCounted,
        Reason::OtherCarrier,
        Reason::NotForCarrier,
        Reason::ParcelsLeft(3),
        Reason::TakeOut("073500530000000018".into()),
        Reason::NothingToClose,
        Reason::NothingWaits,
        Reason::Incomplete,
        Reason::CheckFailed,
        Reason::OtherMode,
        Reason::OnHold,
        Reason::NotSignedIn,
        Reason::NotPicked,
        Reason::WrongBin("A-12.3".into()),
        Reason::WrongTote("t-07".into()),
        Reason::ToteInUse("10042".into()),
        Reason::EmptyTote,
        Reason::RoundFull,
        Reason::WantsTote,
        Reason::Relabel,
        Reason::NoLabel,
        Reason::NoPrinter,
        Reason::NothingToUndo,
        Reason::SerialUsed,
        Reason::Expired,
        Reason::Unfit,
        Reason::OneByOne,
        Reason::PutBack("Mug, blue".into()),
        Reason::Unwritten,
        Reason::Full,
        Reason::NotReady,
        Reason::UnknownCode,
        Reason::NoStation,
        Reason::Storage,
    ];
    for (index, reason) in reasons.into_iter().enumerate() {
        let signal = Signal::ALL[index % Signal::ALL.len()];
        let (scanner, code, expected) = ("s-1".into(), "X".into(), Vec::new());
        let event = Event::ScanRefused { scanner, code, signal, reason, order: None, expected };
        assert_eq!(decode(Kind::ScanRefused, &encode(&event).unwrap()).unwrap(), event);
    }
}

#[test]
fn every_word_comes_back_as_it_was() {
    let stock = Stock { on_hand: -3, reserved: 0 };
    let back = |event: Event| assert_eq!(decode(event.kind(), &encode(&event).unwrap()).unwrap(), event);
    for (_, cause) in Cause::WORDS {
        let (order, item) = (order(), item());
        back(Event::ItemShort { order, item, quantity: 1, cause, picked: 0, wanted: 1, delta: 0, stock });
    }
    for (_, condition) in Condition::WORDS {
        let about = ReturnRef { id: "r-1".into(), order: None, authorized: false };
        let item = Returned { sku: None, name: "X".into(), code: "X".into(), values: Values::default() };
        back(Event::ItemInspected { about, item, condition, negates: false, stock: None });
    }
    for (_, cause) in Adjustment::WORDS {
        back(Event::StockAdjusted { sku: "A".into(), delta: i64::MIN, stock, cause });
    }
    for (_, cause) in SignOut::WORDS {
        back(Event::OperatorOut { operator: "op-7".into(), cause });
    }
    for (_, milestone) in Milestone::WORDS {
        back(Event::NotificationRequested(Box::new(notice(milestone, None, None))));
    }
    for method in [Method::Scan, Method::Manual] {
        let (order, item, code) = (order(), item(), "X".into());
        back(Event::ItemPicked { order, item, code, method, picked: 1, wanted: 1, stock });
    }
}

#[test]
fn an_event_is_about_its_order_or_its_return() {
    for (name, event) in events() {
        let returned = name.starts_with("return.").then(|| match &event {
            Event::ReturnAuthorized { terms } => format!("returns/{}", terms.id),
            Event::ReturnReceived { about }
            | Event::ItemInspected { about, .. }
            | Event::ReturnCompleted { about, .. } => format!("returns/{}", about.id),
            other => panic!("{name}: {other:?}"),
        });
        let expected = returned.or(event.order().map(|_| "orders/o-10042".to_owned()));
        assert_eq!(subject(&event), expected, "{name}");
    }
}

#[test]
fn negative_quantities_negate() {
    for (name, event) in events() {
        let data: Value = serde_json::from_str(&encode(&event).unwrap()).unwrap();
        let negates = match &event {
            Event::ItemShort { quantity, .. } => *quantity < 0,
            Event::ItemInspected { negates, .. } => *negates,
            _ => continue,
        };
        assert_eq!(data["quantity"].as_i64().unwrap() < 0, negates, "{name}");
    }
}

/// What a consumer adds up: the fields that the integrator's document names, and nothing of this code.
fn ledger(kind: &str, data: &Value) -> i64 {
    match kind {
        "pick.item_picked" => -1,
        "pick.item_unpicked" => i64::from(data["restocked"] == true),
        "pick.item_short" | "stock.adjusted" | "stock.counted" => data["delta"].as_i64().unwrap(),
        "return.item_inspected" if data.get("stock").is_some() => data["quantity"].as_i64().unwrap(),
        _ => 0,
    }
}

#[test]
fn the_stock_ledger_can_be_added_up_from_json_alone() {
    for (name, event) in events() {
        let data: Value = serde_json::from_str(&encode(&event).unwrap()).unwrap();
        let (sku, moved) = event.stock_moved().map_or((None, 0), |(sku, moved)| (Some(sku), moved));
        assert_eq!(ledger(event.kind().word(), &data), moved, "{name}");
        assert!(sku.is_none_or(|sku| data["sku"] == **sku), "{name}");
    }
}

#[test]
fn a_field_that_a_later_version_added_is_passed_over() {
    for (name, event) in events() {
        let data = encode(&event).unwrap();
        let rest = data.strip_prefix('{').unwrap();
        let comma = if rest == "}" { "" } else { "," };
        let longer = format!(r#"{{"added_later":{{"deep":[1,2]}}{comma}{rest}"#);
        assert_eq!(decode(event.kind(), &longer).unwrap(), event, "{name}");
    }
}

#[test]
fn damaged_data_is_told_apart_by_kind() {
    for (kind, data) in [
        (Kind::ParcelSealed, "{"),
        (Kind::ParcelSealed, "{}"),
        (Kind::SiteStarted, r#"{"cause":"magic","follows":null,"version":"1","boot":"b"}"#),
        (Kind::OrderAccepted, r#"{"id":"","number":"1","revision":1,"lines":[],"delivery":"pickup"}"#),
        (Kind::LeftBehind, r#"{"order":{"id":"1","number":"1","revision":1},"parcel":1,"sscc":"000000000000000018"}"#),
        (
            Kind::LabelRequested,
            r#"{"order":{"id":"1","number":"1","revision":1},"parcel":1,"sscc":"000000000000000018"}"#,
        ),
        (Kind::OperatorOut, r#"{"operator":"op-7"}"#),
        (Kind::OperatorOut, r#"{"operator":"op-7","reason":"bored"}"#),
    ] {
        assert_eq!(decode(kind, data).unwrap_err().kind, kind.word());
    }
}

/// A value of any kind that stands in events.
fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => any::<String>().prop_map(Value::from),
        2 => "[A-Za-z0-9._-]{1,20}".prop_map(Value::from),
        2 => any::<u32>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(Value::Array(Vec::new())),
    ]
}

fn collect<'a>(data: &'a mut Value, leaves: &mut Vec<&'a mut Value>) {
    match data {
        Value::Object(fields) => fields.values_mut().for_each(|value| collect(value, leaves)),
        Value::Array(values) => values.iter_mut().for_each(|value| collect(value, leaves)),
        leaf => leaves.push(leaf),
    }
}

proptest! {
    #[test]
    fn any_text_comes_back_as_it_was(code in any::<String>(), name in any::<String>(), units in any::<u32>()) {
        for (_, event) in events() {
            let event = match event {
                Event::ScanRefused { scanner, signal, reason, order, .. } => Event::ScanRefused {
                    scanner,
                    code: code.as_str().into(),
                    signal,
                    reason,
                    order,
                    expected: vec![name.as_str().into()],
                },
                Event::ItemPicked { order, mut item, method, wanted, stock, .. } => {
                    item.name = name.as_str().into();
                    Event::ItemPicked { order, item, code: code.as_str().into(), method, picked: units, wanted, stock }
                }
                Event::ScannerLost { scanner, .. } => Event::ScannerLost { scanner, cause: name.as_str().into() },
                other => other,
            };
            let data = encode(&event).unwrap();
            prop_assert!(!data.bytes().any(|byte| byte < 0x20), "a raw control byte: {data:?}");
            prop_assert_eq!(decode(event.kind(), &data).unwrap(), event);
        }
    }

    #[test]
    fn whatever_is_in_an_event_comes_back_as_it_was(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), leaf()), 1..6),
    ) {
        let events = events();
        let (name, event) = which.get(&events);
        let mut data: Value = serde_json::from_str(&encode(event).unwrap()).unwrap();
        for (at, value) in changes {
            let mut leaves = Vec::new();
            collect(&mut data, &mut leaves);
            if !leaves.is_empty() {
                let at = at.index(leaves.len());
                *leaves.swap_remove(at) = value;
            }
        }
        if let Ok(read) = decode(event.kind(), &data.to_string()) {
            let written = encode(&read).unwrap();
            prop_assert!(!written.bytes().any(|byte| byte < 0x20), "{}: a raw control byte: {:?}", name, written);
            prop_assert_eq!(decode(event.kind(), &written).unwrap(), read, "{}", name);
        }
    }

    #[test]
    fn no_text_makes_decoding_panic(kind in 0..Kind::WORDS.len(), data in ".{0,60}") {
        let _ = decode(Kind::WORDS[kind].1, &data);
    }
}
