//! What the platform asks of a site: holds, labels, returns, and what a newer epoch is told.

use super::*;
use crate::command::{Label, Lead};

#[test]
fn a_newer_epoch_is_told_holds_labels_shorts_and_returns_too() {
    let mut world = World::new();
    world.begin_epoch(1);
    for (id, sscc) in [("10", SSCC), ("11", "373500538500000029")] {
        pack(&mut world, id, sscc);
        let label = json!({"order": named(id), "parcel": 1, "sscc": sscc, "tracking": "T1", "revision": 3});
        world.event("dispatch.label_received", label);
    }
    world.event("order.held", json!({"order": {"id": "11", "number": "11", "revision": 7}, "reason": "payment"}));
    world.event("order.expedited", json!({"order": named("11")}));
    world.event("order.accepted", terms("12"));
    let short = json!({"order": named("12"), "line": "1", "sku": "A", "name": "x", "quantity": 1, "reason": "other",
                       "picked": 0, "wanted": 1, "delta": 0, "stock": {"on_hand": 7, "reserved": 1, "available": 6}});
    world.event("pick.item_short", short);
    let mut announced = json!({"id": "r-1", "order": {"id": "9", "number": "9", "revision": 2}, "resolution": "refund",
                               "lines": [{"sku": "A", "name": "Apple", "quantity": 1, "barcodes": []}]});
    world.event("return.authorized", announced.clone());
    announced["id"] = "r-2".into();
    world.event("return.authorized", announced.clone());
    let about = json!({"return": {"id": "r-2", "authorized": true}, "items": [], "outstanding": []});
    world.event("return.completed", about);

    world.ask(Request::Lead { order: "12".into(), revision: None, lead: Lead::Release }).unwrap();
    world.commands();

    world.begin_epoch(2);
    let told = world.commands();
    let kinds: Vec<String> = told[1..].iter().map(|(kind, data)| format!("{kind} {}", data["revision"])).collect();
    assert_eq!(
        kinds,
        [
            "parceld.order.put.v1 1",
            "parceld.parcel.label.v1 3",
            "parceld.order.put.v1 7",
            "parceld.order.hold.v1 7",
            "parceld.order.expedite.v1 7",
            "parceld.parcel.label.v1 3",
            "parceld.order.put.v1 1",
            "parceld.order.release.v1 1",
            "parceld.return.put.v1 null",
        ]
    );
    assert_eq!(told[2].1, json!({"order": "10", "parcel": 1, "tracking": "T1", "revision": 3}));
    assert_eq!(told[7].1["known"]["lines"][0], json!({"line": "1", "picked": 0, "packed": 0, "short": 1}));
    announced["id"] = "r-1".into();
    assert_eq!(told[9].1, announced);
}

#[test]
fn what_a_person_asks_of_an_order_becomes_a_command_with_its_revision() {
    let mut world = World::new();
    world.begin_epoch(1);
    pack(&mut world, "10", SSCC);
    world.event("order.expedited", json!({"order": {"id": "10", "number": "10", "revision": 4}}));
    let lead = |order: &str, lead| Request::Lead { order: order.into(), revision: None, lead };
    world.ask(lead("10", Lead::Hold { reason: "payment".into() })).unwrap();
    world.ask(lead("10", Lead::Release)).unwrap();
    world.ask(lead("10", Lead::Expedite)).unwrap();
    let unknown = world.ask(lead("77", Lead::Release));
    assert!(matches!(unknown, Err(Refusal::UnknownOrder(_))), "{unknown:?}");
    let told = world.commands();
    let named = json!({"id": "10", "revision": 4});
    let mut hold = named.clone();
    hold["reason"] = "payment".into();
    assert_eq!(
        told,
        [
            ("parceld.order.hold.v1".to_owned(), hold),
            ("parceld.order.release.v1".to_owned(), named.clone()),
            ("parceld.order.expedite.v1".to_owned(), named),
        ]
    );
}

#[test]
fn a_put_that_a_site_refuses_leaves_the_order_as_it_was() {
    let mut world = World::new();
    world.begin_epoch(1);
    let put = |world: &mut World, name: &str| {
        let mut order = order("10");
        order["lines"][0]["name"] = name.into();
        world.ask(Request::Put(vec![order])).unwrap().remove(0)
    };
    let reply = |world: &mut World, command: Uuid, status: &str| {
        let reply = json!({"data": {"command": command, "command_type": "x", "status": status, "reason": "packed"}});
        world.message("r/s/replies", &reply.to_string());
    };
    let is = |world: &World| {
        let order = world.rows("SELECT CAST(revision AS TEXT) || terms FROM orders").remove(0);
        let (revision, terms) = order.split_at(1);
        let terms: Value = serde_json::from_str(terms).unwrap();
        format!("{revision} {}", terms["lines"][0]["name"].as_str().unwrap())
    };
    let [first, second, third] = ["one", "two", "three"].map(|name| put(&mut world, name));
    assert_eq!(is(&world), "3 three");
    reply(&mut world, third, "rejected");
    assert_eq!(is(&world), "2 two", "the last without an answer");
    assert_eq!(world.rows("SELECT name FROM lines ORDER BY position"), ["two", "Pear"]);
    reply(&mut world, first, "accepted");
    let mut taken = terms("10");
    taken["lines"][0]["name"] = "one".into();
    world.event_of("10", "order.accepted", taken);
    assert_eq!(is(&world), "2 two");
    reply(&mut world, second, "expired");
    assert_eq!(is(&world), "1 one", "what the site took");
    let fourth = put(&mut world, "four");
    assert_eq!(is(&world), "4 four", "a revision is used once");
    let lead = Request::Lead { order: "10".into(), revision: None, lead: Lead::Expedite };
    let expedite = world.ask(lead).unwrap().remove(0);
    reply(&mut world, fourth, "rejected");
    assert_eq!(is(&world), "1 one");
    reply(&mut world, expedite, "accepted");
    assert_eq!(is(&world), "4 one", "what is accepted leaves its revision behind");
}

#[test]
fn an_order_that_a_site_refuses_altogether_stays_as_it_was_put() {
    let mut world = World::new();
    world.begin_epoch(1);
    let put = world.ask(Request::Put(vec![order("10")])).unwrap().remove(0);
    let reply = json!({"data": {"command": put, "command_type": "x", "status": "rejected", "reason": "stale"}});
    world.message("r/s/replies", &reply.to_string());
    assert_eq!(world.rows("SELECT state || ' ' || CAST(revision AS TEXT) FROM orders"), ["put 1"]);
}

#[test]
fn a_carriers_label_is_kept_until_its_reply_and_no_longer() {
    let mut world = World::new();
    world.begin_epoch(1);
    pack(&mut world, "10", SSCC);
    let label = |parcel| {
        let label = Label { tracking: Some("T1".into()), zpl: Some("^XA-Ada-^XZ".into()), revision: None };
        Request::Label { order: "10".into(), parcel, label }
    };
    assert!(matches!(world.ask(label(2)), Err(Refusal::UnknownParcel(..))));
    let sent = [world.ask(label(1)).unwrap(), world.ask(label(1)).unwrap()].concat();
    let told = world.commands();
    let expected = json!({"order": "10", "parcel": 1, "tracking": "T1", "zpl": "^XA-Ada-^XZ", "revision": 1});
    assert_eq!(told[0], ("parceld.parcel.label.v1".to_owned(), expected));
    assert_eq!(told[1].1["revision"], 2, "a newer label makes the older void");
    let with_name = "SELECT command FROM commands WHERE payload LIKE '%Ada%'";
    assert_eq!(world.rows(with_name).len(), 2);
    for id in sent {
        let reply = json!({"data": {"command": id, "command_type": "x", "status": "accepted"}});
        world.message("r/s/replies", &reply.to_string());
    }
    assert!(world.rows(with_name).is_empty());
    let received = json!({"order": named("10"), "parcel": 1, "sscc": SSCC, "tracking": "T1", "revision": 2});
    world.event("dispatch.label_received", received);
    assert_eq!(world.rows("SELECT tracking || ' ' || label_revision FROM parcels"), ["T1 2"]);
}

#[test]
fn labels_that_a_site_asks_for_are_made_once_for_each_time_it_asks() {
    let mut world = World::new();
    world.central = world.central.making_labels().unwrap();
    world.begin_epoch(1);
    pack(&mut world, "10", SSCC);
    assert!(world.commands().is_empty());
    let asked = json!({"order": named("10"), "parcel": 1, "sscc": SSCC, "carrier": "postnord"});
    world.event("dispatch.label_requested", asked.clone());
    world.event("site.stopped", json!({}));
    let told = world.commands();
    assert_eq!(told.len(), 1);
    let data = &told[0].1;
    assert_eq!((&data["tracking"], &data["revision"]), (&"TN37350053850000001".into(), &1.into()));
    assert!(data["zpl"].as_str().unwrap().contains("^FDTN37350053850000001^FS"), "{data}");
    assert_eq!(world.rows("SELECT label FROM parcels"), ["sent"]);
    world.event("dispatch.label_requested", asked);
    assert_eq!(world.commands()[0].1["revision"], 2);
}

#[test]
fn a_return_is_announced_without_what_it_may_not_say() {
    let mut world = World::new();
    let line = json!({"sku": "A", "name": "Apple", "quantity": 1});
    let announced = json!({"id": "r-1", "lines": [line], "email": "ada@example.com"});
    world.ask(Request::Returns(vec![announced])).unwrap();
    let lines = json!([{"sku": "A", "name": "Apple", "quantity": 1, "barcodes": []}]);
    assert_eq!(world.commands(), [("parceld.return.put.v1".to_owned(), json!({"id": "r-1", "lines": lines}))]);
    assert_eq!(world.rows("SELECT id || ' ' || state FROM returns"), ["r-1 put"]);
    assert!(world.rows("SELECT terms FROM returns WHERE terms LIKE '%ada%'").is_empty());
    let bad = json!({"id": "r-2", "lines": [{"sku": "A", "name": "Apple", "quantity": 0}]});
    assert!(matches!(world.ask(Request::Returns(vec![bad])), Err(Refusal::Invalid(_))));
}
