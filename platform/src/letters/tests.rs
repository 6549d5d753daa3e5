//! Every letter in both languages, word by word, in `golden/`. `PARCELD_BLESS=1 cargo test` writes them anew: read the
//! difference as a customer would.

use super::*;
use crate::shop::{self, Shop};
use serde_json::json;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

/// Thursday 26 November 2026, 14:03 in Stockholm.
const NOW: &str = "2026-11-26T13:03:00Z";

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn example() -> Arc<Shop> {
    shop::built_in(shop::SERVED_AT).unwrap().remove(0)
}

/// A notice of order 10042 with two kinds of goods, promised for today 18–20.
#[expect(clippy::needless_pass_by_value, reason = "every caller writes it in place")]
fn notice(milestone: &str, more: serde_json::Value) -> Notice {
    let mut data = json!({
        "key": format!("sthlm-03/o-1/-/{milestone}/1"), "milestone": milestone, "order": { "id": "o-1", "number": "10042" },
        "customer": "c-77", "channels": ["email", "sms", "push"], "carrier": "fjardbud",
        "items": [{ "name": "Bowl, speckled", "quantity": 2 }, { "name": "Jug, tall" }],
        "promise": { "ship_by": "2026-11-26T15:30:00Z", "deliver_from": "2026-11-26T17:00:00Z",
                     "deliver_by": "2026-11-26T19:00:00Z" },
    });
    for (name, value) in more.as_object().unwrap() {
        data[name] = value.clone();
    }
    Notice::read(&data.to_string()).unwrap()
}

fn known() -> Known {
    let items = |name: &str, quantity| vec![Item { name: name.into(), quantity }];
    Known {
        at: moment("2026-11-26T15:28:00Z"),
        token: "7k2m9a3b4c5d6e7f8g9h".into(),
        carrier: Some("Fjärdbud".into()),
        collection: Some(moment("2026-11-26T15:30:00Z")),
        parcels: vec![
            Parcel { n: 1, items: items("Bowl, speckled", 2) },
            Parcel { n: 2, items: items("Jug, tall", 1) },
        ],
        ..Known::default()
    }
}

fn pickup() -> Known {
    Known { pickup: true, carrier: None, collection: None, ..known() }
}

fn cases() -> Vec<(&'static str, Notice, Known)> {
    let tomorrow = json!({
        "collection": { "id": "fjardbud@2026-11-27T07:30", "at": "2026-11-27T06:30:00Z" }, "ship_by": "2026-11-27T06:30:00Z",
        "deliver_from": "2026-11-27T07:00:00Z", "deliver_by": "2026-11-27T09:00:00Z",
    });
    let monday = json!({ "deliver_by": "2026-11-30T17:00:00Z" });
    let all = json!(["keep", "pick_up", "cancel"]);
    let delayed = |reason: &str, delay| notice("delayed", json!({ "reason": reason, "delay": delay }));
    let one = Known { parcels: known().parcels[..1].to_vec(), ..known() };
    let by_shop = json!({ "promise": { "ship_by": "2026-11-26T16:00:00Z" }, "carrier": null });
    vec![
        ("order accepted", notice("order_accepted", json!({})), Known { parcels: vec![], collection: None, ..known() }),
        ("packed", notice("packed", json!({})), known()),
        ("packed, no collection known", notice("packed", json!({})), Known { collection: None, ..one.clone() }),
        ("packed, to be fetched", notice("packed", by_shop.clone()), pickup()),
        ("ready for pickup", notice("ready_for_pickup", by_shop.clone()), pickup()),
        (
            "handed over, one parcel",
            notice(
                "handed_over",
                json!({ "parcel": 1, "of": 1, "tracking": "FB 2211 0042 1", "tracking_url": "https://fb.example/t?n=1&l=2" }),
            ),
            one.clone(),
        ),
        (
            "handed over, second of two, no tracking",
            notice("handed_over", json!({ "parcel": 2, "of": 2, "items": [{ "name": "Jug, tall" }] })),
            known(),
        ),
        ("collected", notice("collected", by_shop.clone()), pickup()),
        (
            "short, not found",
            notice(
                "short_shipped",
                json!({ "reason": "not_there", "short": [{ "name": "Jug, tall", "quantity": 1 }] }),
            ),
            one.clone(),
        ),
        (
            "short, damaged",
            notice(
                "short_shipped",
                json!({ "reason": "damaged", "short": [{ "name": "Bowl, speckled", "quantity": 2 }] }),
            ),
            one.clone(),
        ),
        ("cancelled by the customer", notice("cancelled", json!({ "reason": "customer" })), one.clone()),
        ("cancelled by us", notice("cancelled", json!({ "reason": "short" })), one.clone()),
        (
            "cancelled, partly gone",
            notice("cancelled", json!({ "reason": "customer" })),
            Known { partly_gone: true, ..known() },
        ),
        (
            "delayed, first",
            delayed("not_packed", json!({ "revised": tomorrow, "first": true, "choices": all })),
            known(),
        ),
        (
            "delayed, again",
            delayed("no_courier", json!({ "revised": monday, "first": false, "choices": all })),
            known(),
        ),
        ("delayed, no date", delayed("on_hold", json!({ "first": true, "choices": ["keep", "cancel"] })), one.clone()),
        ("delayed, no date, again", delayed("backlog", json!({ "first": false, "choices": ["keep"] })), one.clone()),
        (
            "delayed, same day",
            delayed(
                "slow_pace",
                json!({ "revised": { "deliver_from": "2026-11-26T19:00:00Z", "deliver_by": "2026-11-26T21:00:00Z" } }),
            ),
            one.clone(),
        ),
        (
            "delayed, arrives as promised",
            delayed(
                "accepted_late",
                json!({ "first": true, "choices": all, "revised": {
                    "collection": { "id": "fjard@2026-11-26T18:00", "at": "2026-11-26T17:00:00Z", "cut_off": "2026-11-26T16:45:00Z" },
                    "deliver_from": "2026-11-26T17:00:00Z", "deliver_by": "2026-11-26T19:00:00Z",
                } }),
            ),
            one.clone(),
        ),
        ("delayed, restored", delayed("backlog", json!({ "restored": true, "first": false })), one.clone()),
        (
            "return received",
            notice("return_received", json!({ "return": { "id": "R-1", "authorized": true, "resolution": "refund" } })),
            one.clone(),
        ),
        ("return received, unannounced", notice("return_received", json!({ "return": { "id": "R-1" } })), one.clone()),
        (
            "return resolved, refund",
            notice("return_resolved", json!({ "return": { "id": "R-1", "authorized": true, "resolution": "refund" } })),
            one.clone(),
        ),
        (
            "return resolved, exchange",
            notice(
                "return_resolved",
                json!({ "return": { "id": "R-1", "authorized": true, "resolution": "exchange" } }),
            ),
            one.clone(),
        ),
        ("feedback invited", notice("feedback_invited", json!({})), one.clone()),
        ("a milestone without words", notice("teleported", json!({})), one),
    ]
}

#[test]
fn letters_say_exactly_this() {
    let shop = example();
    for language in ["en", "sv"] {
        let words = shop.tongues.speak(language);
        let mut all = String::new();
        for (name, notice, known) in cases() {
            let letter = compose(&notice, &known, &shop, words, moment(NOW));
            let _ = writeln!(all, "######## {name}");
            for channel in Channel::ALL {
                match write(&letter, channel, "to", &shop, words) {
                    Message::Email { subject, text, .. } => {
                        let _ = writeln!(all, "Subject: {subject}\n\n{text}");
                    }
                    Message::Sms { text, .. } => {
                        let _ = writeln!(all, "SMS ({}): {text}\n", text.chars().count());
                    }
                    Message::Push { title, body, .. } => {
                        let _ = writeln!(all, "Push: {title} | {body}\n");
                    }
                }
            }
        }
        golden(&format!("{language}.txt"), &all);
    }
}

#[test]
fn the_html_of_a_letter_is_exactly_this() {
    let shop = example();
    let cases = cases();
    for (language, name) in [("en", "delayed, first"), ("sv", "handed over, one parcel")] {
        let (_, notice, known) = cases.iter().find(|(case, ..)| *case == name).unwrap();
        let words = shop.tongues.speak(language);
        let html = email::html(&compose(notice, known, &shop, words, moment(NOW)), &shop, words);
        golden(&format!("{language}.html"), &html);
    }
}

fn golden(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/letters/golden").join(name);
    if std::env::var_os("PARCELD_BLESS").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap();
    for (line, (is, should)) in text.lines().zip(expected.lines()).enumerate() {
        assert_eq!(is, should, "{name}, line {}", line + 1);
    }
    assert_eq!(text, expected, "{name}");
}

/// Names of goods, numbers and addresses come from outside.
#[test]
fn a_hostile_name_is_text_in_every_channel() {
    let shop = example();
    let words = shop.tongues.speak("en");
    let evil = "<script>alert(1)</script>\"'&\r\nBcc: x@y.example";
    let more = json!({
        "items": [{ "name": evil }], "parcel": 1, "of": 2, "tracking": evil, "tracking_url": "javascript:alert(1)",
        "order": { "id": "o-1", "number": evil },
    });
    let known = Known { carrier: None, ..known() };
    let letter = compose(&notice("handed_over", more), &known, &shop, words, moment(NOW));
    let Message::Email { html, subject, .. } = write(&letter, Channel::Email, "a@b.example", &shop, words) else {
        panic!("no mail")
    };
    assert!(!html.contains("<script"), "{html}");
    assert!(!html.contains("javascript:"), "{html}");
    assert!(html.contains("&#60;script&#62;"), "{html}");
    assert!(!subject.contains(['\r', '\n']), "{subject}");
}

#[test]
fn a_letter_loads_nothing_from_anywhere() {
    let shop = example();
    let words = shop.tongues.speak("sv");
    for (name, notice, known) in cases() {
        let html = email::html(&compose(&notice, &known, &shop, words, moment(NOW)), &shop, words);
        for loads in ["src=", "url(", "@import", "<link", "<img", "<script"] {
            assert!(!html.contains(loads), "{name} has {loads}");
        }
    }
}

#[test]
fn a_text_message_keeps_its_link_however_long_its_words_are() {
    let mut shop = (*example()).clone();
    shop.name = "Lind & Lera ".repeat(40);
    let words = shop.tongues.speak("sv");
    let letter = compose(&notice("packed", json!({})), &known(), &shop, words, moment(NOW));
    let Message::Sms { text, .. } = write(&letter, Channel::Sms, "1", &shop, words) else { panic!("no text message") };
    assert!(text.chars().count() <= 306 && text.ends_with("/t/7k2m9a3b4c5d6e7f8g9h"), "{text}");
}

#[test]
fn a_letter_is_the_same_one_by_its_key_and_channel() {
    let one = once("s/o/-/packed/1", Channel::Email);
    assert_eq!(one, once("s/o/-/packed/1", Channel::Email));
    assert_ne!(one, once("s/o/-/packed/1", Channel::Sms));
    assert_ne!(one, once("s/o/-/packed/2", Channel::Email));
    assert_eq!(one.len(), 32);
}
