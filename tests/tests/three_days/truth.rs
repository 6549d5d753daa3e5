//! What customers are told, held against what is true: by the contract's words alone, whoever sends it.

use parceld_tests::site::{SITE, Site};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What nothing newer makes old.
const SAID_ALWAYS: [&str; 3] = ["short_shipped", "cancelled", "return_received"];
/// Steps before the goods have left.
const BEFORE_LEAVING: [&str; 3] = ["order_accepted", "packed", "ready_for_pickup"];

/// An order as its site's events tell it.
#[derive(Debug, Default)]
struct Story {
    cancelled: bool,
    completed: bool,
    parcels: BTreeSet<u64>,
    gone: BTreeSet<u64>,
    /// The highest revision of each `order/parcel/milestone` that was asked for.
    newest: BTreeMap<String, u64>,
}

/// When customers are asked after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The site has just been heard again: what it asked for in time is going to be said.
    Back,
    /// Hours later. Nobody sends anything in this test: what was to be said may have expired.
    Later,
}

/// What was found, to be printed.
#[derive(Debug, Default)]
pub struct Found {
    pub said: usize,
    pub replaced: usize,
    pub expired: usize,
}

/// Nobody is told a step that is no longer true, and nothing that must be said is swallowed.
#[track_caller]
pub fn assert_told(site: &Site, when: When) -> Found {
    let events = site.events();
    let stories = stories(&events);
    let notices = site.platform.notifications(SITE);
    let asked: Vec<&Value> = of(&events, "notification.requested").collect();
    let keys: BTreeSet<&str> = notices.iter().filter_map(|notice| notice["key"].as_str()).collect();
    assert_eq!(keys.len(), notices.len(), "each key once");
    for data in &asked {
        assert!(keys.contains(data["key"].as_str().expect("a key")), "{data} was swallowed");
    }
    let mut found = Found::default();
    for notice in &notices {
        let state = notice["state"].as_str().expect("a state");
        let (key, milestone) = (text(notice, "key"), text(notice, "milestone"));
        match state {
            "replaced" => found.replaced += 1,
            "expired" => found.expired += 1,
            _ => {
                found.said += 1;
                assert_true(notice, &stories);
            }
        }
        let is_said = state != "replaced" && (state != "expired" || when == When::Later);
        assert!(is_said || !SAID_ALWAYS.contains(&milestone), "{key} is {state}");
    }
    assert_each_parcel_is_told(&stories, &notices);
    assert_bad_news_is_told(&events, &notices);
    found
}

/// A step that is going to be said, or was, is still so.
#[track_caller]
fn assert_true(notice: &Value, stories: &BTreeMap<String, Story>) {
    let (key, milestone) = (text(notice, "key"), text(notice, "milestone"));
    let story = stories.get(text(notice, "order")).unwrap_or_else(|| panic!("{key} is about an order"));
    let parcel = notice["parcel"].as_u64();
    if BEFORE_LEAVING.contains(&milestone) {
        assert!(!story.cancelled, "{key} of an order that is cancelled");
        assert!(story.gone.is_empty(), "{key} of an order that has left");
    }
    if milestone == "delayed" {
        assert!(!story.cancelled && !story.completed, "{key} of an order that waits for nothing");
    }
    if ["handed_over", "collected"].contains(&milestone) {
        assert!(parcel.map_or(!story.gone.is_empty(), |n| story.gone.contains(&n)), "{key} of a parcel that is here");
    }
    let (family, revision) = revision_of(key);
    if !SAID_ALWAYS.contains(&milestone) {
        assert_eq!(story.newest.get(family), Some(&revision), "{key} has a newer revision");
    }
}

/// A second parcel is news of its own; too late is late, not silent.
#[track_caller]
fn assert_each_parcel_is_told(stories: &BTreeMap<String, Story>, notices: &[Value]) {
    for (order, story) in stories {
        for n in &story.gone {
            let told = notices.iter().any(|notice| {
                notice["order"] == **order
                    && notice["milestone"] == "handed_over"
                    && notice["parcel"] == *n
                    && notice["state"] != "replaced"
            });
            assert!(told, "nobody hears that {order}/{n} has left");
        }
    }
}

/// A cancellation, a short and a return are asked for, each of its own.
#[track_caller]
fn assert_bad_news_is_told(events: &[Value], notices: &[Value]) {
    let is_told = |order: &str, milestone: &str, of: &dyn Fn(&Value) -> bool| {
        notices
            .iter()
            .any(|notice| notice["order"] == *order && notice["milestone"] == *milestone && of(&notice["data"]))
    };
    let any = |_: &Value| true;
    for event in events {
        let data = &event["data"];
        let Some(order) = data["order"]["id"].as_str() else { continue };
        let told = match kind(event) {
            "order.cancelled" if data["notify"] == true && data["reason"] != "rerouted" => {
                is_told(order, "cancelled", &any)
            }
            "pick.item_short" if 0 < data["quantity"].as_i64().unwrap_or_default() => {
                is_told(order, "short_shipped", &any) || is_told(order, "cancelled", &any)
            }
            "return.received" => {
                let of_it = |notice: &Value| notice["return"]["id"] == data["return"]["id"];
                is_told(order, "return_received", &of_it)
            }
            _ => true,
        };
        assert!(told, "nobody hears of {event}");
    }
}

/// At no moment are two couriers asked for one parcel, and none takes it twice.
#[track_caller]
pub fn assert_no_courier_twice(site: &Site) {
    let mut open: BTreeMap<(String, u64), String> = BTreeMap::new();
    let mut fulfilled: BTreeSet<String> = BTreeSet::new();
    for event in site.events() {
        let data = &event["data"];
        let parcel = || (text(&data["order"], "id").to_owned(), data["parcel"].as_u64().expect("a parcel"));
        match kind(&event) {
            "dispatch.requested" => {
                let key = text(data, "key").to_owned();
                assert!(!fulfilled.contains(&key), "{key} is asked for after it came");
                let other = open.insert(parcel(), key);
                assert_eq!(other, None, "asked for twice: {data}");
            }
            "dispatch.withdrawn" | "dispatch.missed" => {
                let withdrawn = open.remove(&parcel());
                assert_eq!(withdrawn.as_deref(), data["key"].as_str(), "{data}");
            }
            "dispatch.handed_over" => {
                let key = open.remove(&parcel());
                assert_eq!(key.as_deref(), data["key"].as_str(), "{data}");
                assert!(fulfilled.insert(key.unwrap_or_default()), "taken twice: {data}");
            }
            "dispatch.left_behind" => fulfilled.retain(|key| Some(key.as_str()) != data["key"].as_str()),
            _ => {}
        }
    }
    let mut live: BTreeMap<(String, u64), u32> = BTreeMap::new();
    for dispatch in site.platform.dispatches(SITE) {
        if ["open", "fulfilled"].contains(&text(&dispatch, "state")) {
            *live
                .entry((text(&dispatch, "order").to_owned(), dispatch["parcel"].as_u64().unwrap_or_default()))
                .or_default() += 1;
        }
    }
    let twice: Vec<_> = live.iter().filter(|(_, count)| 1 < **count).collect();
    assert!(twice.is_empty(), "booked twice: {twice:?}");
}

fn stories(events: &[Value]) -> BTreeMap<String, Story> {
    let mut stories: BTreeMap<String, Story> = BTreeMap::new();
    for event in events {
        let data = &event["data"];
        if kind(event) == "order.accepted" {
            stories.entry(text(data, "id").to_owned()).or_default();
        }
        let Some(order) = data["order"]["id"].as_str() else { continue };
        let story = stories.entry(order.to_owned()).or_default();
        let parcel = data["parcel"].as_u64();
        match (kind(event), parcel) {
            ("order.cancelled", _) => story.cancelled = true,
            ("order.completed", _) => story.completed = true,
            ("pack.parcel_sealed", Some(n)) => drop(story.parcels.insert(n)),
            ("dispatch.handed_over", Some(n)) => drop(story.gone.insert(n)),
            ("dispatch.left_behind", Some(n)) => drop(story.gone.remove(&n)),
            ("order.collected", _) => story.gone = story.parcels.clone(),
            ("notification.requested", _) => {
                let (family, revision) = revision_of(text(data, "key"));
                let newest = story.newest.entry(family.to_owned()).or_default();
                *newest = revision.max(*newest);
            }
            _ => {}
        }
    }
    stories
}

fn of<'a>(events: &'a [Value], wanted: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| kind(event) == wanted).map(|event| &event["data"])
}

fn kind(event: &Value) -> &str {
    let kind = event["type"].as_str().and_then(|kind| kind.strip_prefix("parceld.")?.strip_suffix(".v1"));
    kind.unwrap_or_else(|| panic!("a type of the contract: {event}"))
}

/// What a key is about, and which revision of it.
fn revision_of(key: &str) -> (&str, u64) {
    let (family, revision) = key.rsplit_once('/').unwrap_or_else(|| panic!("{key} ends with its revision"));
    (family, revision.parse().unwrap_or_else(|error| panic!("{key}: {error}")))
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}
