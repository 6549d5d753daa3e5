//! What a platform has made of a fleet, held against the sites' own logs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Site;
use super::fold::{Order, Picture};
use crate::http;
use crate::platform::Platform;

/// Everything of the site is there once, in its place, and means what the log says.
///
/// # Panics
/// Where something is not.
#[track_caller]
pub fn assert_believed(platform: &Platform, site: &Site) {
    let log = site.log.events();
    let name = &site.name;
    let told = platform.site(name).unwrap_or_else(|| panic!("the platform knows {name}"));
    assert_eq!(
        (&told["epoch"], &told["sequence"], &told["gaps"], &told["conflicts"], &told["commands"]["waiting"]),
        (&json!(site.log.epoch()), &json!(log.len()), &json!(0), &json!([]), &json!(0)),
        "{name}"
    );
    assert_same_log(&stored(platform, name), &log, name);
    assert_same_picture(platform, name, &Picture::of(&log));
}

/// Nothing came that could not be read.
///
/// # Panics
/// Where something did.
#[track_caller]
pub fn assert_no_quarantine(platform: &Platform) {
    let reply = http::get(&format!("{}/api/quarantine", platform.url())).expect("the platform answers").success();
    assert_eq!(reply.json(), json!([]));
}

#[track_caller]
fn stored(platform: &Platform, site: &str) -> Vec<Value> {
    let url = format!("{}/api/sites/{site}/events?all=1&limit=100000", platform.url());
    let mut events = match http::get(&url).expect("the platform answers").success().json() {
        Value::Array(events) => events,
        other => panic!("events of {site} are no list: {other}"),
    };
    for event in &mut events {
        // Said when the event is sent, and no part of it.
        let fields = event.as_object_mut().expect("an event has fields");
        let said = (fields.remove("head"), fields.remove("historical"));
        assert!(matches!(said, (Some(Value::Number(_)), Some(Value::Bool(_)))), "{said:?}");
    }
    events
}

#[track_caller]
fn assert_same_log(stored: &[Value], log: &[Value], site: &str) {
    for (stored, own) in stored.iter().zip(log) {
        assert_eq!(stored, own, "{site}");
    }
    assert_eq!(stored.len(), log.len(), "{site}: how many events");
}

#[track_caller]
fn assert_same_picture(platform: &Platform, site: &str, picture: &Picture) {
    assert_eq!(orders(platform, site), picture.orders, "{site}: orders");
    let states = |list: &[Value], id: &str| {
        list.iter().map(|row| (text(&row[id]), text(&row["state"]))).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(states(&platform.dispatches(site), "key"), picture.dispatches, "{site}: dispatches");
    assert_eq!(states(&platform.returns(site), "id"), picture.returns, "{site}: returns");
    let told =
        platform.stock(site).into_iter().map(|of| (text(&of["sku"]), of["on_hand"].as_i64().unwrap_or_default()));
    let told: BTreeMap<String, i64> = told.filter(|(sku, _)| picture.stock.contains_key(sku)).collect();
    assert_eq!(told, picture.stock, "{site}: stock");

    let notices = platform.notifications(site);
    assert_eq!(notices.len(), picture.notices.len(), "{site}: each key once");
    for told in notices {
        let key = text(&told["key"]);
        let notice = picture.notices.get(&key).unwrap_or_else(|| panic!("{site}: nobody asked for {key}"));
        // What is old may have been sent while it was news.
        let can_be = if notice.is_old() { ["replaced", "sent"] } else { ["to_send", "sent"] };
        assert!(can_be.iter().any(|state| told["state"] == *state), "{key}: {} for {notice:?}", told["state"]);
    }
}

#[track_caller]
fn orders(platform: &Platform, site: &str) -> BTreeMap<String, Order> {
    let mut parcels: BTreeMap<String, BTreeMap<u64, String>> = BTreeMap::new();
    for parcel in platform.parcels(site) {
        let n = parcel["n"].as_u64().expect("a parcel has a number");
        parcels.entry(text(&parcel["order"])).or_default().insert(n, text(&parcel["state"]));
    }
    let order = |told: Value| {
        let id = text(&told["id"]);
        let number = |value: &Value| value.as_i64().unwrap_or_else(|| panic!("{id}: a number, not {value}"));
        let lines = told["lines"].as_array().expect("an order has lines").iter().map(|line| {
            (text(&line["line"]), ["wanted", "picked", "packed", "short"].map(|field| number(&line[field])))
        });
        let order = Order {
            state: text(&told["state"]),
            held: told["held"].as_bool().unwrap_or_default(),
            lines: lines.collect(),
            parcels: parcels.get(&id).cloned().unwrap_or_default(),
        };
        (id, order)
    };
    platform.orders(site).into_iter().map(order).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}
