use super::*;
use crate::counter::Ask;
use crate::letters::Message;
use crate::letters::channels::{Channel, Customer};
use crate::senders::{Next, Office};
use crate::shop;

fn office() -> Office {
    let channels = vec![Channel::Email, Channel::Sms];
    Office { shops: shop::built_in(shop::SERVED_AT).unwrap().into(), channels, name: "one".into() }
}

/// An order that is delayed, with its customer in the address book.
fn delayed() -> World {
    let mut world = World::new();
    let order = json!({
        "id": "o", "number": "10042", "revision": 1, "delivery": "carrier", "carrier": "dhl",
        "lines": [{"line": "1", "sku": "A", "name": "Apple", "quantity": 2}],
        "promise": {"deliver_by": "2026-11-22T19:00:00Z"},
        "notify": {"customer": "c-7", "channels": ["email", "sms", "push"], "language": "sv"},
    });
    world.ask(Request::Put(vec![order.clone()])).unwrap();
    let customer: Customer = serde_json::from_str(r#"{"email": "a@b.example"}"#).unwrap();
    world.central.customer("c-7", Some(&customer), world.now).unwrap();
    world.event("site.started", json!({"cause": "new", "follows": null, "version": "1", "boot": "b"}));
    world.event("order.accepted", order);
    world.event(
        "notification.requested",
        json!({
            "key": "s/o/-/delayed/1", "milestone": "delayed", "rank": 25, "order": {"id": "o", "number": "10042"},
            "customer": "c-7", "channels": ["email", "sms", "push"], "language": "sv", "reason": "backlog",
            "promise": {"deliver_by": "2026-11-22T19:00:00Z"}, "expires_at": "2026-11-23T14:00:00Z",
            "delay": {"first": true, "choices": ["keep", "cancel"], "revised": {"deliver_by": "2026-11-23T19:00:00Z"}},
        }),
    );
    world
}

fn ask(world: &mut World, ask: Ask) -> String {
    let order = "o".to_owned();
    match world.ask(Request::Counter { order, ask }) {
        Ok(ids) => format!("{} commands", ids.len()),
        Err(refusal) => refusal.to_string(),
    }
}

#[test]
fn a_claimed_letter_is_written_for_its_channel_or_goes_unsaid() {
    let mut world = delayed();
    let (letters, _) = world.central.letters(&office(), Channel::Email, 9, world.now).unwrap();
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    let Message::Email { to, subject, text, .. } = &letter.message else { panic!("{letter:?}") };
    assert_eq!((to.as_str(), subject.as_str()), ("a@b.example", "I morgon, inte i dag (order 10042)"));
    let token = world.rows("SELECT token FROM pages").remove(0);
    assert_eq!(token.len(), 20);
    assert!(text.contains(&format!("http://127.0.0.1:8090/t/{token}")), "{text}");
    let (letters, _) = world.central.letters(&office(), Channel::Sms, 9, world.now).unwrap();
    assert!(letters.is_empty());

    let states = "SELECT channel || ' ' || state || ' ' || coalesce(why, '-') FROM letters ORDER BY channel";
    assert_eq!(world.rows(states), ["email to_send -", "push to_send -", "sms unsaid no_address"]);
    let again = Next::Again { wait_ms: 10_000, why: "busy".into() };
    world.central.letter_ended(letter.id, &again, world.now).unwrap();
    let (none, next_ms) = world.central.letters(&office(), Channel::Email, 9, world.now).unwrap();
    assert_eq!((none.len(), next_ms), (0, Some(10_000)));
    world.wait(10_000);
    let (letters, _) = world.central.letters(&office(), Channel::Email, 9, world.now).unwrap();
    assert_eq!((letters[0].attempt, &letters[0].once), (2, &letter.once), "the same letter again");
    world.central.letter_ended(letter.id, &Next::Sent, world.now).unwrap();
    assert_eq!(world.rows(states)[0], "email sent -");
}

#[test]
fn a_new_entry_leaves_it_to_the_customer_whether_messages_are_stopped() {
    let mut world = delayed();
    ask(&mut world, Ask::Stop(true));
    let entered = |world: &mut World, text: &str| {
        let customer: Customer = serde_json::from_str(text).unwrap();
        world.central.customer("c-7", Some(&customer), world.now).unwrap();
        let known = crate::dossier::customer(&world.central.db, "c-7").unwrap().unwrap();
        (known.email.unwrap_or_default(), known.stopped)
    };
    assert_eq!(entered(&mut world, r#"{"email": "b@b.example"}"#), ("b@b.example".into(), Some(true)));
    assert_eq!(entered(&mut world, r#"{"stopped": false}"#), (String::new(), Some(false)));
}

#[test]
fn words_that_are_no_channel_here_wait_for_nobody() {
    let mut world = World::new();
    world.event("site.started", json!({"cause": "new", "follows": null, "version": "1", "boot": "b"}));
    world.event("order.accepted", terms("10"));
    world.event(
        "notification.requested",
        json!({
            "key": "k", "milestone": "packed", "rank": 20, "order": named("10"), "customer": "c-7",
            "channels": ["whatsapp", "email"], "items": [], "promise": {}, "expires_at": "2026-11-23T14:00:00Z",
        }),
    );
    assert_eq!(world.rows("SELECT channel FROM letters"), ["email"]);
}

#[test]
fn what_is_replaced_is_said_on_no_other_channel_either() {
    let states = "SELECT key || ' ' || channel || ' ' || state FROM letters WHERE key <> 'new' ORDER BY channel";
    for (kind, data) in [
        (
            "notification.requested",
            json!({
                "key": "new", "milestone": "delayed", "rank": 25, "order": {"id": "o", "number": "10042"},
                "channels": ["email"], "expires_at": "2026-11-23T14:00:00Z", "replaces": "s/o/-/delayed/1",
            }),
        ),
        (
            "order.cancelled",
            json!({"order": {"id": "o", "number": "10042"}, "reason": "customer", "partial": false, "picked": []}),
        ),
    ] {
        let mut world = delayed();
        let (letters, _) = world.central.letters(&office(), Channel::Email, 9, world.now).unwrap();
        world.central.letter_ended(letters[0].id, &Next::Sent, world.now).unwrap();
        world.event(kind, data);
        let key = "s/o/-/delayed/1";
        let expected = ["email sent", "push replaced", "sms replaced"].map(|letter| format!("{key} {letter}"));
        assert_eq!(world.rows(states), expected, "{kind}");
        let state = format!("SELECT state FROM notifications WHERE key = '{key}'");
        assert_eq!(world.rows(&state), ["sent"], "{kind}");
    }
}

#[test]
fn what_nobody_sends_expires_with_what_is_sent() {
    let mut world = delayed();
    world.now.at = "2026-11-23T15:00:00Z".parse().unwrap();
    let (letters, _) = world.central.letters(&office(), Channel::Sms, 9, world.now).unwrap();
    assert!(letters.is_empty());
    let states = "SELECT channel || ' ' || state FROM letters ORDER BY channel";
    assert_eq!(world.rows(states), ["email expired", "push expired", "sms expired"]);
    assert_eq!(world.rows("SELECT state FROM notifications"), ["expired"]);

    // Of what was said in time only the rest expires, though nobody sends it.
    let mut world = delayed();
    for (channel, next) in [(Channel::Email, Next::Sent), (Channel::Sms, Next::Sent)] {
        for letter in world.central.letters(&office(), channel, 9, world.now).unwrap().0 {
            world.central.letter_ended(letter.id, &next, world.now).unwrap();
        }
    }
    world.now.at = "2026-11-23T15:00:00Z".parse().unwrap();
    world.central.letters(&office(), Channel::Email, 9, world.now).unwrap();
    assert_eq!(world.rows(states), ["email sent", "push expired", "sms unsaid"]);
    assert_eq!(world.rows("SELECT state FROM notifications"), ["sent"]);
}

#[test]
fn a_choice_comes_too_late_where_the_order_has_left_or_is_cancelled_or_is_delayed_anew() {
    let choose = |delay: Option<&str>| Ask::Choose { choice: "cancel".into(), delay: delay.map(str::to_owned) };
    let mut world = delayed();
    let anew = "the order is delayed anew since this page was shown: look at it again";
    assert_eq!(ask(&mut world, choose(Some("s/o/-/delayed/0"))), anew);
    assert_eq!(ask(&mut world, choose(Some("s/o/-/delayed/1"))), "1 commands");

    let mut world = delayed();
    let of = json!({"id": "o", "number": "10042"});
    world.event("order.cancelled", json!({"order": of, "reason": "customer", "partial": false, "picked": []}));
    assert_eq!(ask(&mut world, choose(None)), "the order is cancelled");

    let mut world = delayed();
    world.event("pack.parcel_sealed", json!({"order": of, "parcel": 1, "sscc": "1", "contents": []}));
    world.event(
        "dispatch.handed_over",
        json!({"order": of, "parcel": 1, "sscc": "1", "carrier": "dhl", "manifest": "m"}),
    );
    assert_eq!(ask(&mut world, choose(None)), "the order has left, or a part of it");
}

#[test]
fn what_a_customer_asked_for_is_answered_before_anything_else_is_chosen_at_a_newer_delay() {
    let mut world = delayed();
    let choose = |choice: &str| Ask::Choose { choice: choice.into(), delay: None };
    assert_eq!(ask(&mut world, choose("cancel")), "1 commands");
    world.now.at = "2026-11-22T14:05:00Z".parse().unwrap();
    world.event(
        "notification.requested",
        json!({
            "key": "s/o/-/delayed/2", "milestone": "delayed", "rank": 25, "order": {"id": "o", "number": "10042"},
            "channels": ["email"], "promise": {"deliver_by": "2026-11-22T19:00:00Z"},
            "expires_at": "2026-11-23T14:00:00Z", "replaces": "s/o/-/delayed/1",
            "delay": {"first": false, "choices": ["keep", "pick_up", "cancel"],
                      "revised": {"deliver_by": "2026-11-24T19:00:00Z"}},
        }),
    );
    assert_eq!(ask(&mut world, choose("pick_up")), "cancel was asked for already");
    let command = world.rows("SELECT command FROM commands WHERE kind = 'order.cancel'").remove(0);
    let reply = json!({"data": {"command": command, "command_type": "x", "status": "rejected", "reason": "stale"}});
    world.message("r/s/replies", &reply.to_string());
    assert_eq!(ask(&mut world, choose("pick_up")), "1 commands");
    assert_eq!(ask(&mut world, choose("pick_up")), "0 commands", "a form that is sent again");
}

#[test]
fn who_was_taken_out_of_the_address_book_comes_back_by_no_button() {
    let mut world = delayed();
    world.central.customer("c-7", None, world.now).unwrap();
    assert_eq!(ask(&mut world, Ask::Stop(false)), "0 commands");
    assert!(world.rows("SELECT data FROM customers").is_empty());
    let (letters, _) = world.central.letters(&office(), Channel::Email, 9, world.now).unwrap();
    assert!(letters.is_empty());
    assert_eq!(world.rows("SELECT why FROM letters WHERE channel = 'email'"), ["no_customer"]);
}

#[test]
fn a_choice_is_asked_of_the_site_once() {
    let mut world = delayed();
    assert_eq!(ask(&mut world, Ask::Choose { choice: "pick_up".into(), delay: None }), "\"pick_up\" can't be chosen");
    assert_eq!(ask(&mut world, Ask::Choose { choice: "keep".into(), delay: None }), "0 commands");
    assert_eq!(ask(&mut world, Ask::Choose { choice: "keep".into(), delay: None }), "0 commands");
    world.now.at = "2026-11-22T14:01:00Z".parse().unwrap();
    assert_eq!(ask(&mut world, Ask::Choose { choice: "cancel".into(), delay: None }), "1 commands");
    assert_eq!(ask(&mut world, Ask::Choose { choice: "cancel".into(), delay: None }), "0 commands");
    assert_eq!(ask(&mut world, Ask::Choose { choice: "keep".into(), delay: None }), "cancel was asked for already");
    assert_eq!(world.rows("SELECT choice FROM choices ORDER BY at"), ["keep", "cancel"]);
    assert_eq!(world.rows("SELECT kind FROM commands ORDER BY id"), ["order.put", "order.cancel"]);
}

#[test]
fn what_has_not_left_cannot_come_back_and_what_nobody_saw_is_not_resolved() {
    let mut world = delayed();
    let items = || vec![("A".to_owned(), 1)];
    let announce = || Ask::Return { items: items(), wish: "refund".into() };
    assert_eq!(ask(&mut world, announce()), "nothing of the order has left yet");
    world.event(
        "pack.item_packed",
        json!({"order": {"id": "o", "number": "10042"}, "line": "1", "sku": "A", "name": "Apple", "parcel": 1, "packed": 2}),
    );
    let of = json!({"order": {"id": "o", "number": "10042"}, "parcel": 1, "sscc": "1", "contents": []});
    world.event("pack.parcel_sealed", of);
    world.event(
        "dispatch.handed_over",
        json!({"order": {"id": "o", "number": "10042"}, "parcel": 1, "sscc": "1", "carrier": "dhl", "manifest": "m"}),
    );
    assert_eq!(ask(&mut world, announce()), "1 commands");
    assert_eq!(ask(&mut world, announce()), "a return of this order is announced already");
    let resolve = || Ask::Resolve { id: "R-10042-1".into(), resolution: "refund".into() };
    assert_eq!(ask(&mut world, resolve()), "return R-10042-1 is put: it has to be looked at first");
    let about = json!({
        "return": {"id": "R-10042-1", "authorized": true}, "order": {"id": "o", "number": "10042"}, "items": [],
        "outstanding": [],
    });
    world.event("return.received", about.clone());
    world.event("return.completed", about);
    assert_eq!(ask(&mut world, resolve()), "0 commands");
    assert_eq!(ask(&mut world, resolve()), "0 commands");
    let told = "SELECT key || ' ' || state FROM notifications WHERE milestone = 'return_resolved'";
    assert_eq!(world.rows(told), ["s/o/-/return_resolved/1 to_send"]);
}

#[test]
fn who_ends_messages_stays_in_the_address_book_until_the_shop_takes_the_entry_out() {
    let mut world = delayed();
    assert_eq!(ask(&mut world, Ask::Stop(true)), "0 commands");
    let entry = |world: &World| world.rows("SELECT data FROM customers");
    assert_eq!(entry(&world), [r#"{"email":"a@b.example","stopped":true}"#]);
    world.central.customer("c-7", None, world.now).unwrap();
    assert!(entry(&world).is_empty());
    let feedback = |comment: &str| Ask::Feedback { arrived: String::new(), comment: comment.into() };
    assert!(ask(&mut world, feedback("")).starts_with("good, missing or broken"));
    assert_eq!(ask(&mut world, feedback("Tack!")), "0 commands");
    assert!(ask(&mut world, feedback(&"x".repeat(1_001))).starts_with("good, missing or broken"));
}
