use super::*;
use crate::dossier::{Command, Feedback, Line as Goods, Notification, Told};
use crate::letters::notice::Item;
use crate::shop;
use std::fmt::Write;

/// Thursday 26 November 2026, 14:03 in Stockholm.
const NOW: &str = "2026-11-26T13:03:00Z";

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// An event at a time of this day, in UTC.
fn told(time: &str, kind: &str, data: Value) -> Told {
    let at = moment(&format!("2026-11-26T{time}:00Z"));
    Told { at, kind: kind.into(), station: None, data }
}

fn terms() -> Value {
    json!({
        "id": "o-1", "number": "10042", "revision": 1, "delivery": "carrier", "carrier": "dhl", "service": "express",
        "lines": [{ "line": "1", "sku": "BOWL", "name": "Bowl, speckled", "quantity": 2, "barcodes": ["7350053850019"] }],
        "promise": { "ship_by": "2026-11-26T15:30:00Z", "deliver_from": "2026-11-26T17:00:00Z", "deliver_by": "2026-11-26T19:00:00Z" },
        "notify": { "customer": "c-7", "channels": ["email"], "language": "en" },
    })
}

/// Order 10042 in `state`, of two bowls and a jug in two parcels, each in one of `parcels`' states.
fn dossier(state: &str, parcels: &[&str]) -> Dossier {
    let packed = i64::from(!parcels.is_empty());
    let line = |sku: &str, name: &str, wanted| Goods {
        sku: sku.into(),
        name: name.into(),
        wanted,
        picked: wanted * packed,
        packed: wanted * packed,
        short: 0,
    };
    let contents =
        [("Bowl, speckled", 2), ("Jug, tall", 1)].map(|(name, quantity)| vec![Item { name: name.into(), quantity }]);
    let parcel = |(n, (state, contents)): (usize, (&&str, Vec<Item>))| Parcel {
        n: i64::try_from(n).unwrap() + 1,
        state: (*state).into(),
        tracking: Some(format!("FB {n}")),
        contents,
    };
    Dossier {
        site: "s".into(),
        id: "o-1".into(),
        number: "10042".into(),
        state: state.into(),
        terms: terms(),
        lines: vec![line("BOWL", "Bowl, speckled", 2), line("JUG", "Jug, tall", 1)],
        parcels: parcels.iter().zip(contents).enumerate().map(parcel).collect(),
        parcels_total: (!parcels.is_empty()).then_some(parcels.len() as i64),
        told: vec![told("11:10", "order.accepted", terms())],
        ..Dossier::default()
    }
}

fn late() -> Notification {
    let data = json!({
        "key": "k", "milestone": "delayed", "order": { "id": "o-1", "number": "10042" }, "reason": "not_packed",
        "promise": terms()["promise"],
        "delay": { "first": true, "choices": ["keep", "pick_up", "cancel"], "revised": {
            "collection": { "at": "2026-11-27T06:30:00Z" },
            "deliver_from": "2026-11-27T07:00:00Z", "deliver_by": "2026-11-27T09:00:00Z" } },
    });
    let at = moment("2026-11-26T12:30:00Z");
    Notification { key: "k".into(), milestone: "delayed".into(), state: "sent".into(), at, data, letters: vec![] }
}

fn chose(choice: &str, status: Option<&str>) -> Dossier {
    let at = moment("2026-11-26T12:40:00Z");
    let kind = if choice == "cancel" { "order.cancel" } else { "order.put" };
    let command = Command {
        kind: kind.into(),
        revision: Some(2),
        created: at,
        status: status.map(str::to_owned),
        reason: None,
        detail: None,
        answered: None,
    };
    Dossier {
        notifications: vec![late()],
        choices: vec![Choice { key: "k".into(), choice: choice.into(), at, revision: Some(2) }],
        commands: vec![command],
        ..dossier("packed", &["sealed", "sealed"])
    }
}

fn returned(state: &str, resolution: Option<&str>) -> Dossier {
    let one = Return {
        id: "R-1".into(),
        state: state.into(),
        wish: Some("exchange".into()),
        resolution: resolution.map(str::to_owned),
        found: 1,
        announced: 1,
    };
    Dossier { returns: vec![one], ..dossier("completed", &["handed_over", "handed_over"]) }
}

fn pickup(state: &str, parcels: &[&str]) -> Dossier {
    let mut terms = terms();
    terms["delivery"] = "pickup".into();
    let told = vec![told("11:10", "order.accepted", terms), told("12:26", "dispatch.parcel_ready", json!({}))];
    Dossier { told, ..dossier(state, parcels) }
}

/// What can be read on the page, part by part.
fn say(dossier: &Dossier) -> String {
    let shop = shop::built_in(shop::SERVED_AT).unwrap().remove(0);
    let view = view(dossier, &shop, shop.tongues.speak("en"), moment(NOW));
    let mut said = format!("{} | {}", view.title, view.lead.join(" "));
    for Line { label, text, old } in &view.when {
        let _ = write!(said, " | {label}: {text}{}", if *old { " (old)" } else { "" });
    }
    for choice in &view.choices {
        let _ = write!(said, " | [{}]", choice.name);
    }
    for part in view.chosen.iter().chain(&view.code) {
        let _ = write!(said, " | {part}");
    }
    said
}

#[test]
fn the_news_is_the_one_thing_to_know_first() {
    let accepted = || dossier("accepted", &[]);
    let handed = |n: usize| {
        let states: Vec<&str> = (0..2).map(|parcel| if parcel < n { "handed_over" } else { "sealed" }).collect();
        let mut order = dossier(if n == 2 { "completed" } else { "partly_dispatched" }, &states);
        order.told.push(told("12:28", "dispatch.handed_over", json!({ "parcel": 1 })));
        order
    };
    let short = {
        let mut order = accepted();
        order.lines[1].short = 1;
        order.told.push(told("12:00", "pick.item_short", json!({ "reason": "damaged" })));
        order
    };
    let promise = "With you: Today 18–20";
    let both = "Promised: Today 18–20 (old) | Now: Tomorrow 08–10";
    let rows = [
        (dossier("put", &[]), format!("We have your order | Thank you. We pick it soon. | {promise}")),
        (
            Dossier { held: true, ..accepted() },
            format!("We check your order | It waits for a check by us. You need not do anything. | {promise}"),
        ),
        (
            dossier("picking", &[]),
            format!("We are picking your order | Someone has it on the bench. Next it is packed. | {promise}"),
        ),
        (
            dossier("packed", &["labelled", "labelled"]),
            format!("Your order is packed | It stands on the shelf for dhl. | {promise}"),
        ),
        (
            handed(1),
            format!("On its way: 1 of 2 parcels | The rest is still with us. | {promise}"),
        ),
        (handed(2), format!("On its way to you | Dhl took all 2 parcels at 13:28. | {promise}")),
        (
            Dossier { notifications: vec![late()], ..accepted() },
            format!("Tomorrow, not today | We did not finish packing before dhl came. That is our fault, not yours. Your order leaves tomorrow at 07:30. | {both} | [keep] | [pick_up] | [cancel]"),
        ),
        (
            Dossier { notifications: vec![late()], ..handed(2) },
            format!("On its way to you | Dhl took all 2 parcels at 13:28. | {both}"),
        ),
        (
            short,
            format!("Part of your order does not come | What we had was damaged, and we do not send that. That is our fault, not yours. The rest goes on without it. | {promise}"),
        ),
        (
            dossier("cancelled", &[]),
            "Your order is cancelled | It does not come. What you have paid comes back within 14 days.".into(),
        ),
        (
            pickup("packed", &["ready", "ready"]),
            "Ready to fetch | We keep it until Thursday 3 December. Come to Lergatan 4, Monday to Saturday 10–20 (today until 20). Say your order number: | 10042".into(),
        ),
        (
            pickup("packed", &["ready", "sealed"]),
            "Ready to fetch: 1 of 2 parcels | We keep it until Thursday 3 December. Come to Lergatan 4, Monday to Saturday 10–20 (today until 20). Say your order number: | 10042".into(),
        ),
        (
            {
                let mut order = pickup("completed", &["collected", "collected"]);
                order.told.push(told("12:50", "order.collected", json!({})));
                order
            },
            "You have fetched your order | It was handed out at 13:50.".into(),
        ),
        (returned("put", None), "Your return is announced | Write R-1 on the parcel and send it. We write when it is here. | You chose: An exchange".into()),
        (returned("receiving", None), "Your return is here | We are looking at it. | You chose: An exchange".into()),
        (
            returned("completed", None),
            "We have looked at your return | We settle it now. | You chose: An exchange".into(),
        ),
        (
            returned("completed", Some("refund")),
            "Your money is on its way | We have looked at what you sent. Your money is back within 14 days.".into(),
        ),
    ];
    for (dossier, expected) in rows {
        assert_eq!(say(&dossier), expected);
    }
}

#[test]
fn a_choice_is_a_request_until_the_site_confirms_it() {
    let asked = |dossier: &Dossier| say(dossier).rsplit(" | ").next().unwrap().to_owned();
    let cancel = "You asked to cancel. We are asking the warehouse: nothing is cancelled yet.";
    assert_eq!(asked(&chose("cancel", None)), cancel);
    assert_eq!(asked(&chose("cancel", Some("accepted"))), cancel, "a reply is no event");
    assert!(!say(&chose("cancel", None)).contains("[cancel]"), "it is not offered again");
    let refused = chose("cancel", Some("rejected"));
    assert!(asked(&refused).starts_with("You asked to cancel, but it had already left us."));
    let pick_up = chose("pick_up", None);
    assert!(asked(&pick_up).ends_with("nothing has changed yet."));
    assert!(say(&pick_up).starts_with("Tomorrow, not today"), "{}", say(&pick_up));

    let mut confirmed = chose("pick_up", Some("accepted"));
    confirmed.told.push(told("12:45", "order.updated", fetched_instead(&confirmed.terms)));
    assert!(asked(&confirmed).starts_with("You fetch it yourself."), "{}", say(&confirmed));
    assert!(say(&confirmed).starts_with("Your order is packed"), "{}", say(&confirmed));
    assert_eq!(asked(&chose("keep", None)), "You keep the order. Thank you for waiting.");
}

#[test]
fn a_delay_is_seen_by_who_gets_no_messages() {
    let missed = json!({ "promise": terms()["promise"], "cause": "no_courier", "broken": true });
    let mut order = dossier("packed", &["labelled", "labelled"]);
    order.told.push(told("12:30", "promise.at_risk", missed.clone()));
    assert!(say(&order).starts_with("Your order is packed"), "a risk is no delay");
    order.told.push(told("12:31", "promise.missed", missed));
    assert!(say(&order).starts_with("Your order is delayed | Dhl did not come."), "{}", say(&order));
    order.told.push(told("12:32", "promise.recovered", json!({})));
    assert!(say(&order).starts_with("Your order is packed"));
}

/// `class label (sub) time`, the current one with a star.
#[track_caller]
fn check_steps(dossier: &Dossier, expected: &[&str]) {
    let shop = shop::built_in(shop::SERVED_AT).unwrap().remove(0);
    let view = view(dossier, &shop, shop.tongues.speak("en"), moment(NOW));
    let said: Vec<String> = view
        .steps
        .iter()
        .map(|Step { class, current, label, sub, time }| {
            let sub = if sub.is_empty() { String::new() } else { format!(" ({sub})") };
            format!("{class}{} {label}{sub} {time}", if *current { "*" } else { "" }).trim_end().to_owned()
        })
        .collect();
    assert_eq!(said, expected);
}

#[test]
fn steps_say_how_far_it_is() {
    let mut picking = dossier("picking", &[]);
    picking.lines[0].picked = 2;
    picking.told.push(told("13:02", "pick.started", json!({})));
    check_steps(
        &picking,
        &[
            "past Ordered 12:10",
            "now* Being picked (2 of 3 items) 14:02",
            "next Packed",
            "next Taken by dhl",
            "next With you (today 18–20)",
        ],
    );
    check_steps(
        &Dossier { notifications: vec![late()], ..dossier("packed", &["labelled", "labelled"]) },
        &[
            "past Ordered 12:10",
            "past Picked",
            "past Packed (2 parcels)",
            "late* Taken by dhl (later than promised)",
            "next With you (tomorrow 08–10)",
        ],
    );
    check_steps(
        &dossier("partly_dispatched", &["handed_over", "labelled"]),
        &[
            "past Ordered 12:10",
            "past Picked",
            "past Packed (2 parcels)",
            "now* Taken by dhl (1 of 2 parcels)",
            "next With you (today 18–20)",
        ],
    );
    check_steps(
        &dossier("completed", &["handed_over", "handed_over"]),
        &[
            "past Ordered 12:10",
            "past Picked",
            "past Packed (2 parcels)",
            "past Taken by dhl",
            "now* With you (today 18–20)",
        ],
    );
    check_steps(
        &pickup("packed", &["ready", "ready"]),
        &["past Ordered 12:10", "past Picked", "past Packed (2 parcels)", "past Ready to fetch 13:26", "now* Fetched"],
    );
    check_steps(
        &returned("receiving", None),
        &["past Announced", "past Received by us", "now* Looked at", "next Settled"],
    );
    check_steps(
        &returned("completed", Some("refund")),
        &["past Announced", "past Received by us", "past Looked at", "past Settled"],
    );
    check_steps(&dossier("cancelled", &[]), &["past Ordered 12:10", "past Cancelled"]);
}

#[test]
fn a_tracking_number_shows_once_the_carrier_has_the_parcel() {
    let shop = shop::built_in(shop::SERVED_AT).unwrap().remove(0);
    let words = shop.tongues.speak("en");
    let mut order = dossier("partly_dispatched", &["handed_over", "labelled"]);
    let data = json!({ "parcel": 1, "tracking_url": "javascript:alert(1)" });
    let at = moment(NOW);
    let notification = Notification {
        key: "h".into(),
        milestone: "handed_over".into(),
        state: "sent".into(),
        at,
        data,
        letters: vec![],
    };
    order.notifications.push(notification);
    let parcels = view(&order, &shop, words, at).parcels;
    assert_eq!(parcels[0].tracking, Some(("FB 0".into(), None)), "what a browser would run is no page");
    assert_eq!(parcels[1].tracking, None);
    order.notifications[0].data["tracking_url"] = "https://fb.example/1".into();
    assert_eq!(view(&order, &shop, words, at).parcels[0].url(), "https://fb.example/1");
}

#[test]
fn how_it_arrived_is_asked_when_it_may_have_arrived() {
    let shop = shop::built_in(shop::SERVED_AT).unwrap().remove(0);
    let words = shop.tongues.speak("sv");
    let ask = |order: &Dossier, at: &str| view(order, &shop, words, moment(at)).feedback;
    let (before, after) = (NOW, "2026-11-26T19:00:00Z");
    let mut order = dossier("completed", &["handed_over", "handed_over"]);
    assert_eq!(ask(&order, before), Ask::No);
    assert_eq!(ask(&order, after), Ask::Yes);
    assert_eq!(ask(&dossier("partly_dispatched", &["handed_over", "sealed"]), after), Ask::No);
    assert_eq!(ask(&pickup("completed", &["collected", "collected"]), before), Ask::Yes);
    order.notifications.push(Notification { milestone: "feedback_invited".into(), ..late() });
    assert_eq!(ask(&order, before), Ask::Yes);
    let said = |comment: &str| Feedback { at: moment(before), arrived: "good".into(), comment: comment.into() };
    order.feedback.push(said(""));
    assert_eq!(ask(&order, before), Ask::Given);
    order.feedback.push(said("Tack!"));
    assert_eq!(ask(&order, before), Ask::Commented);
}

#[test]
fn only_what_has_left_can_come_back() {
    let shop = shop::built_in(shop::SERVED_AT).unwrap().remove(0);
    let words = shop.tongues.speak("sv");
    let returnable = |order: &Dossier| view(order, &shop, words, moment(NOW)).returnable.len();
    assert_eq!(returnable(&dossier("packed", &["labelled", "labelled"])), 0);
    assert_eq!(returnable(&dossier("completed", &["handed_over", "handed_over"])), 2);
    assert_eq!(returnable(&returned("put", None)), 0, "it is announced");
}
