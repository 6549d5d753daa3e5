//! What is written to the log is what is read from it.

use super::examples::events;
use crate::contract::event::{decode, encode, subject};
use crate::domain::event::{Event, Kind};
use crate::domain::signal::{Reason, Signal};
use proptest::prelude::*;

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
        Reason::UnknownCode,
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
fn an_event_is_about_its_order() {
    for (name, event) in events() {
        let expected = event.order().map(|_| "orders/o-10042".to_owned());
        assert_eq!(subject(&event), expected, "{name}");
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
    ] {
        assert_eq!(decode(kind, data).unwrap_err().kind, kind.word());
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
    fn no_text_makes_decoding_panic(kind in 0..Kind::WORDS.len(), data in ".{0,60}") {
        let _ = decode(Kind::WORDS[kind].1, &data);
    }
}
