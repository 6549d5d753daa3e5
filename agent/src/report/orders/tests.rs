use super::*;
use crate::domain::event::{Event, OrderRef};
use crate::domain::sscc::Sscc;
use crate::journal::orders::Which;
use crate::report::tests::Running;
use serde_json::json;

fn numbers(page: &OrdersPage) -> Vec<&str> {
    page.orders.iter().map(|order| order.number.as_str()).collect()
}

async fn running() -> Running {
    let running = Running::new();
    for (number, ship_by) in [(10_042, "2030-01-02T16:00:00Z"), (10_043, "2030-01-01T16:00:00Z"), (10_100, "none")] {
        running.put_order(number, ship_by).await;
    }
    running
}

/// A parcel of order 10042, sealed and opened again.
async fn seal_and_reopen(running: &Running) {
    let order = OrderRef { id: "o-10042".into(), number: "10042".into(), revision: 1 };
    let sscc = Sscc::mint("7312345", 1);
    let sealed = Event::ParcelSealed { order: order.clone(), parcel: 1, sscc, contents: Vec::new(), weight_g: None };
    running.record(sealed).await;
    running.record(Event::ParcelReopened { order, parcel: 1, sscc }).await;
}

#[tokio::test]
async fn orders_come_by_urgency_and_in_pages() {
    let running = running().await;
    let page = running.gatherer.orders(&Which::Open, 0, 2).unwrap();
    assert_eq!((numbers(&page), page.next), (vec!["10043", "10042"], Some(2)));
    let page = running.gatherer.orders(&Which::Open, 2, 2).unwrap();
    assert_eq!((numbers(&page), page.next), (vec!["10100"], None));
    running.tell("order.expedite", json!({"id": "o-10100", "revision": 1})).await;
    let page = running.gatherer.orders(&Which::Open, 0, 9).unwrap();
    assert_eq!(numbers(&page), ["10100", "10043", "10042"]);
    assert_eq!(numbers(&running.gatherer.orders(&Which::Closed, 0, 9).unwrap()), [""; 0]);
    running.tell("order.cancel", json!({"id": "o-10100", "revision": 1})).await;
    assert_eq!(numbers(&running.gatherer.orders(&Which::Closed, 0, 9).unwrap()), ["10100"]);
}

#[tokio::test]
async fn orders_are_found_by_what_is_written_on_them() {
    let running = running().await;
    for (text, found) in [
        ("10042", &["10042"][..]),
        ("o-10042", &["10042"]),
        ("1004", &["10043", "10042"]),
        ("1", &["10100", "10043", "10042"]),
        ("%", &[]),
        ("1004_", &[]),
        ("' OR 1=1 --", &[]),
        ("0042", &[]),
    ] {
        let page = running.gatherer.orders(&Which::Named(text.to_owned()), 0, 9).unwrap();
        assert_eq!(numbers(&page), found, "{text}");
    }
}

#[tokio::test]
async fn an_order_tells_its_lines_and_its_history() {
    let running = running().await;
    seal_and_reopen(&running).await;
    let order = running.gatherer.order("10042").unwrap().unwrap();
    assert_eq!((order.order.state.as_str(), order.order.packed), ("accepted", Progress { done: 0, of: 2 }));
    assert_eq!((order.lines[0].name.as_str(), order.lines[0].quantity), ("Tea <b>", 2));
    let history = running.gatherer.history("o-10042", "10042", None).unwrap();
    let kinds: Vec<&str> = history.events.iter().map(|event| event.kind.word()).collect();
    assert_eq!(kinds, ["pack.parcel_reopened", "pack.parcel_sealed", "order.accepted"]);
    assert_eq!(history.undone, [None, Some(history.events[0].place), None]);
    assert_eq!(history.older, None, "its beginning was seen");
    assert_eq!(running.gatherer.order("7").unwrap(), None);
}

#[tokio::test]
async fn a_history_is_looked_at_on_from_where_it_ended() {
    let running = running().await;
    for _ in 0..3 {
        seal_and_reopen(&running).await;
    }
    let all = running.gatherer.history("o-10042", "10042", None).unwrap();
    let middle = all.events[2].place;
    let rest = running.gatherer.history("o-10042", "10042", Some(middle)).unwrap();
    let places = |events: &[Stored]| events.iter().map(|event| event.place).collect::<Vec<_>>();
    assert_eq!(places(&rest.events), places(&all.events[3..]));
}

#[tokio::test]
async fn a_machine_gets_envelopes_and_what_took_them_back() {
    let running = running().await;
    seal_and_reopen(&running).await;
    let history = running.gatherer.history("o-10042", "10042", None).unwrap();
    let told = OrderTold::new(running.gatherer.order("10042").unwrap(), &history).unwrap();
    let told = serde_json::to_value(&told).unwrap();
    assert_eq!(told["order"]["lines"][0]["quantity"], 2);
    assert_eq!(told["events"][1]["event"]["type"], "parceld.pack.parcel_sealed.v1");
    assert_eq!(told["events"][1]["undone_by"], told["events"][0]["place"]);
    assert_eq!(told["before"], serde_json::Value::Null);
}
