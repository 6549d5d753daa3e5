//! Stories.

use super::*;

use serde_json::json;

fn knows_d(floor: &mut Floor) {
    let product = json!({"sku": "D", "name": "Item D", "barcodes": ["D"]});
    floor.site.tell("catalog.put", json!({"products": [product]}));
}

#[test]
fn a_bench_says_what_is_next_and_what_was_wrong() {
    let mut floor = Floor::new(|_| {});
    floor.put(1, "2xA@A-03-2 1xB@B-01-4");
    floor.put(2, "1xC");
    knows_d(&mut floor);
    floor.check(
        "bench: look = idle | Scan DONE | - | starts 1. Or scan a ticket, a tote. | 2: 1 (3 items), 2 (1 item)
         bench: DONE = opened | Opened | #1 | 3 items, DHL collects in 8:29 | 2x Pick, then scan each: Item A @ A-03-2
         bench: +2s = pick | Scan next | 0 of 3 | - | 2x Pick, then scan each: Item A @ A-03-2
         bench: A = accepted | Counted | 1 of 3 | Item A | 1x Pick, then scan each: Item A @ A-03-2
         bench: +2s = pick | Scan next | 1 of 3 | - | 1x Pick, then scan each: Item A @ A-03-2
         bench: D = wrong | Wrong item | Item D | is not on order 1. Put it back. | 1x Scan this instead: Item A @ A-03-2
         bench: +2s = wrong | Wrong item | Item D | is not on order 1. Put it back. | 1x Scan this instead: Item A @ A-03-2
         bench: XYZ = unknown | Unknown code | [XYZ] | Nothing was counted. | 1x Try its other barcode. None? Scan the ticket’s line for: Item A @ A-03-2
         bench: A = accepted | Counted | 2 of 3 | Item A | 1x Pick, then scan each: Item B @ B-01-4
         bench: A = over | One too many | Item A | Order 1 has all it needs. Put this one back. | 1x Scan next: Item B @ B-01-4
         bench: UNDO = accepted | Taken back | 1 of 3 | Item A | 1x Pick, then scan each: Item A @ A-03-2
         bench: touch line:1 = accepted | Counted | 2 of 3 | Item A | 1x Pick, then scan each: Item B @ B-01-4
         bench: SHORT = opened | What is missing? | - | Scan the item, or touch it here. | line:2
         bench: touch line:2 = opened | Why is it missing? | Item B | Scan the reason, or touch it here. | cause:not_there, cause:damaged, cause:other
         bench: touch cause:not_there = completed | 1 done | 2 of 2 | - | Stick a label on the parcel, scan it: Parcel 1 of 1
         bench: +2s = ask | Stick a label on the parcel, scan it | - | Parcel 1 of 1 | DONE starts: Order 2 @ 8:29
         bench: DONE = opened | Opened | #2 | 1 item, DHL collects in 8:29 | 1x Pick, then scan each: Item C
         bench: 1 = already | Already done | Order 1 | Done before. Same scan again? | 1x Not counted. Scan the next: Item C
         bench: 2 = opened | Opened | #2 | 1 item, DHL collects in 8:29 | 1x Pick, then scan each: Item C
         bench: CANCEL = accepted | Left | - | - | DONE starts: Order 2 @ 8:29
         bench: LOAD = opened | Opened | Load | Scan a parcel | 1x Not loaded yet: DHL
         bench: +2s = idle | Scan a parcel | - | The first one opens its carrier’s list. | 1x Not loaded yet: DHL
         bench: PACK = opened | Opened | Pack | Scan DONE | -",
    );
}

#[test]
fn an_order_that_wants_no_more_than_is_packed_says_how_it_is_closed() {
    // In the second case all of it is in a parcel that is closed.
    for (codes, lines, units) in [(&["1", "A", "A"][..], "2xA", 2), (&["1", "A", "SEAL"], "1xA", 1)] {
        let mut floor = Floor::new(|_| {});
        floor.put(1, "2xA 1xB");
        codes.iter().for_each(|code| floor.scan("bench", code));
        floor.put_with(1, lines, |order| order["revision"] = 2.into());
        floor.check(&format!(
            "bench: +2s = pick | Scan next | {units} of {units} | - | All is packed. SEAL closes it: 1"
        ));
        let acts = floor.screen("bench", Language::ENGLISH).acts;
        assert!(acts.iter().any(|act| act.touch == Touch::Verb(Verb::Seal)), "{lines}");
        floor.scan("bench", "SEAL");
        let written = written(&floor.screen("bench", Language::ENGLISH).stage);
        assert!(written.starts_with(&format!("completed | 1 done | {units} of {units}")), "{written}");
    }
}

#[test]
fn a_round_says_which_tote() {
    let mut floor = Floor::new(two_steps);
    floor.put(1, "2xA@A-1");
    floor.put(2, "1xA@A-1 1xB@B-1");
    floor.check(
        "pick: look = idle | Scan DONE | - | starts 1. Or scan a ticket, a tote. | 2: 1 (2 items), 2 (2 items)
         pick: PD:TOTE:A = opened | Order for tote A? | - | Scan its order, or DONE for the most urgent one. | 2: 1 (2 items), 2 (2 items)
         pick: 1 = opened | Opened | #1 | A | A 0/2
         pick: PD:TOTE:T-12 = opened | Order for tote T-12? | - | Scan its order, or DONE for the most urgent one. | 1: 2 (2 items)
         pick: 2 = opened | Opened | #2 | T-12 | A 0/2, 12 0/2
         pick: +2s = pick | Scan next | Item A | A-1 · 0 of 4 | A 0/2, 12 0/2
         pick: A = opened | (A) Put it in tote A | Item A | then scan the tote | *A 0/2, 12 0/2
         pick: PD:TOTE:T-12 = wrong | Wrong tote | Item A | Put it in tote A, then scan that tote. | (A) then scan the tote: Put it in tote A
         pick: PD:TOTE:A = accepted | Counted | 1 of 2 | Item A | A 1/2, 12 0/2
         pick: +2s = pick | Scan next | Item A | A-1 · 1 of 4 | A 1/2, 12 0/2
         pick: SHORT = opened | What is missing? | - | Scan the item, or touch it here. | -
         bench: look = idle | Nothing waits | - | Orders show here when they are picked. | -",
    );
}

#[test]
fn a_door_says_how_many_of_how_many() {
    let mut floor = Floor::new(|_| {});
    floor.put(1, "1xA");
    floor.put(2, "1xB");
    floor.check(
        "bench: 1
         bench: A
         bench: 2
         bench: B = completed | 2 done | 1 of 1 | - | Stick a label on the parcel, scan it: Parcel 1 of 2
         bench: +2s = ask | Stick a label on the parcel, scan it | - | Parcel 1 of 2 | -
         door: look = idle | Scan a parcel | - | The first one opens its carrier’s list. | 2x Not loaded yet: DHL",
    );
    let parcels = site::ssccs(&floor.site.events());
    floor.scan("door", &parcels[0]);
    floor.check(
        "door: look = accepted | Counted | 1 of 2 | 073500530000000001 | 1x Not loaded yet: 073500530000000018
         door: +2s = pick | Scan next parcel | 1 of 2 | DHL 16:30 | 1x Not loaded yet: 073500530000000018
         door: HANDOVER = refused | Not allowed | 1 not loaded | Load them. HANDOVER again leaves them here. | 1x Not loaded yet: 073500530000000018",
    );
    floor.scan("door", &parcels[0]);
    floor.check("door: look = already | Already done | Order 1 | Done before. Same scan again? | 1x Not loaded yet: 073500530000000018");
    floor.scan("door", &parcels[1]);
    floor.check(
        "door: look = accepted | Counted | 2 of 2 | 073500530000000018 | All is loaded. When the courier has it: Scan HANDOVER
         door: +2s = pick | Scan next parcel | 2 of 2 | DHL 16:30 | All is loaded. When the courier has it: Scan HANDOVER
         door: UNDO = accepted | Taken back | 073500530000000018 | - | 1x Not loaded yet: 073500530000000018",
    );
    floor.scan("door", &parcels[1]);
    floor.site.now_ms += 9 * 3_600_000;
    floor.check(
        "door: look = taken | Has DHL been here? | - | 2 parcels loaded for 16:30. Nobody has said. | handover, cause:no_courier
         door: touch handover = completed | DHL has it | #2 | - | -
         door: +2s = idle | Scan a parcel | - | Nothing is packed for a courier. | -",
    );
}

#[test]
fn a_desk_asks_how_the_item_is() {
    let mut floor = Floor::new(|_| {});
    knows_d(&mut floor);
    floor.check(
        "desk: look = idle | Scan the return | - | Its number, the order, the parcel. None? Scan the item. | -
         desk: D = opened | How is it? | Item D | Scan the condition, or touch it here. | condition:restock, condition:inspect, condition:discard, condition:missing
         desk: touch condition:restock = accepted | Counted | #1 | Item D | DONE completes it: Go on, or DONE
         desk: +2s = pick | Scan next item | #1 | sthlm-03-r0 | DONE completes it: Go on, or DONE
         desk: D
         desk: XYZ = wrong | Not that code | [XYZ] | That is not what was asked for. | condition:restock, condition:inspect, condition:discard, condition:missing
         desk: CANCEL = accepted | Left | - | - | DONE completes it: Go on, or DONE
         desk: DONE = completed | Done | sthlm-03-r0 | - | -
         shelf: look = idle | Scan what is there | - | The place first, then each item. Q-barcodes say how many. | -
         shelf: D = accepted | Counted | #1 | Item D | DONE writes it: 1 item
         shelf: PD:Q-12 = accepted | Counted | #12 | Item D | DONE writes it: 12 items
         shelf: +2s = pick | Scan what is there | #12 | Item D | DONE writes it: 12 items
         shelf: RECEIVE = refused | Not allowed | Not written yet | DONE writes it, CANCEL drops it. | DONE writes it: 12 items
         shelf: DONE = completed | Done | #12 | - | -",
    );
}

#[test]
fn a_cancel_in_the_middle_stops_the_screen_by_itself() {
    let mut floor = Floor::new(|_| {});
    floor.put(1, "2xA");
    floor.put(2, "1xB");
    floor.check(
        "bench: 1
         bench: A = accepted | Counted | 1 of 2 | Item A | 1x Pick, then scan each: Item A",
    );
    let before = floor.screen("bench", Language::ENGLISH);
    floor.site.tell("order.hold", json!({"id": "o-1", "revision": 1, "reason": "payment"}));
    floor.check("bench: look = refused | Not allowed | 1 is on hold | Held by the shop. Put it on the hold shelf, then scan DONE. | Go on with: Order 2 @ 8:29");
    let held = floor.screen("bench", Language::ENGLISH);
    assert_ne!(held.key, before.key, "it sounds");
    assert_eq!(held.number, before.number, "no scan did it");
    floor.site.tell("order.release", json!({"id": "o-1", "revision": 1, "reason": "payment"}));
    floor.check("bench: +2s = pick | Scan next | 1 of 2 | - | 1x Pick, then scan each: Item A");
    assert_eq!(floor.screen("bench", Language::ENGLISH).key, before.key, "and is silent again");
    floor.site.tell("order.cancel", json!({"id": "o-1", "revision": 1, "reason": "customer", "notify": false}));
    floor.check(
        "bench: look = refused | Not allowed | 1 is cancelled | Put its goods on the put-back shelf, then scan DONE. | Go on with: Order 2 @ 8:29
         bench: A = refused | Not allowed | 1 is cancelled | Put its goods on the put-back shelf, then scan DONE. | Go on with: Order 2 @ 8:29
         bench: DONE = accepted | Put down | 1 of 2 | - | -
         bench: +2s = idle | Scan DONE | - | starts 2. Or scan a ticket, a tote. | 1: 2 (1 item)
         desk: 1 = opened | Opened | #1 | - | 1x Put it on its shelf, then scan it: Item A
         desk: A = completed | 1 done | Item A | - | -",
    );
}

#[test]
fn after_a_restart_the_screen_says_what_counted_last() {
    let mut floor = Floor::new(|_| {});
    floor.put(1, "2xA 1xB");
    floor.check("bench: 1\nbench: A");
    let mut floor = floor.restart();
    floor.check(
        "bench: look = pick | Scan next | 1 of 3 | Last counted 08:00: Item A | 1x Pick, then scan each: Item A",
    );
    let screen = floor.screen("bench", Language::ENGLISH);
    assert_eq!(screen.number, 0);
    assert_eq!(screen.rail.last.iter().map(|line| line.name.as_str()).collect::<Vec<_>>(), ["Item A"]);
    floor.check("bench: A = already | Counted before? | [A] | Look in the box. Not in it: scan once more, it counts then. | 1x Not counted. Scan the next: Item A");
}

#[test]
fn a_station_whose_scanners_are_gone_says_so_in_every_language() {
    let mut floor = Floor::new(|_| {});
    for language in Language::all() {
        floor.is_deaf = false;
        assert_eq!(floor.screen("bench", language).top.deaf, None);
        floor.is_deaf = true;
        let said = floor.screen("bench", language).top.deaf;
        assert!(said.is_some_and(|said| !said.is_empty()), "{language:?}");
    }
}

#[test]
fn a_storage_that_fails_takes_the_whole_screen() {
    let mut floor = Floor::new(|_| {});
    floor.put(1, "2xA");
    floor.check("bench: 1\nbench: A");
    floor.storage = Storage::Failing { error: "database or disk is full".into() };
    floor.storage_since = at(floor.site.now_ms).wall;
    floor.check(
        "bench: look = notsaved | Stop. Not saved. | Put the item down | Scans after 08:00:02 do not count. It goes on by itself when it can save again. | Last saved 08:00:02: 1 of 2: Item A @ Storage is full
         door: look = notsaved | Stop. Not saved. | Put the item down | Scans after 08:00:02 do not count. It goes on by itself when it can save again. | No scan has counted since the start:  @ Storage is full",
    );
    floor.storage = Storage::Well;
    floor.storage_since = at(floor.site.now_ms + 1_000).wall;
    floor.check("bench: +2s = pick | Scan next | 1 of 2 | - | 1x Pick, then scan each: Item A");
}

#[test]
fn values_are_asked_for_and_a_date_can_be_touched() {
    let mut floor = Floor::new(|_| {});
    let capture = json!({"serial": true, "lot": true, "expiry": true});
    floor.put_with(1, "1xA", |order| order["lines"][0]["capture"] = capture);
    floor.check(
        "bench: 1
         bench: A = opened | Scan the serial | Item A | It is recorded for this unit. | -
         bench: S1 = opened | Scan the lot | Item A | It is recorded for this unit. | -
         bench: L1 = opened | Scan the expiry | Item A | Or set the date here. | 2026-12-22
         bench: touch expiry:2025-01-01 = wrong | Expired | Item A | Put it aside. Take one with a later date. | 2026-12-22
         bench: touch expiry:2027-03-01 = completed | 1 done | 1 of 1 | - | Stick a label on the parcel, scan it: Parcel 1 of 1",
    );
}

#[test]
fn nothing_counts_before_a_badge_where_one_is_wanted() {
    let mut floor = Floor::new(|config| config.rules.operators_required = true);
    floor.put(1, "1xA");
    floor.check(
        "bench: look = badge | Scan your badge | - | Nobody is signed in. Nothing counts before that. | -
         bench: 1 = refused | Not allowed | Nobody is signed in | Nothing counts. Scan your badge, then this again. | -
         bench: PD:OP:op-7 = opened | Opened | op-7 | Scan DONE | -
         bench: +2s = idle | Scan DONE | - | starts 1. Or scan a ticket, a tote. | 1: 1 (1 item)",
    );
    assert_eq!(floor.screen("bench", Language::ENGLISH).top.operator.as_deref(), Some("op-7"));
}

#[test]
fn places_come_first_where_they_are_scanned() {
    let mut floor = Floor::new(|config| config.rules.bins = true);
    floor.put(1, "1xA@A-1 1xB@B-2");
    floor.check(
        "bench: 1 = opened | Opened | #1 | 2 items, DHL collects in 8:29 | 1x Go there, scan the place, then each: Item A @ A-1
         bench: B = wrong | Wrong place | Item B | Go to B-2, scan that place, then the item. | Scan this place first: B-2
         bench: PD:BIN:B-2 = opened | Opened | B-2 | Order 1 | 1x Pick, then scan each: Item B @ B-2
         bench: B = accepted | Counted | 1 of 2 | Item B | 1x Go there, scan the place, then each: Item A @ A-1
         bench: PD:BIN:B-2 = wrong | Wrong place | Order 1 | Go to A-1, scan that place, then the item. | Scan this place first: A-1",
    );
}

#[test]
fn what_is_taken_out_and_taken_over_is_asked_for() {
    let mut floor = Floor::new(|config| {
        config.stations.insert("bench-2".into(), Mode::Pack);
    });
    floor.put(1, "2xA 1xB");
    floor.check(
        "bench: 1
         bench: A
         bench: REMOVE = opened | Take what out? | - | Scan the item, or touch it here. | line:1
         bench: touch line:1 = accepted | Taken out | 0 of 3 | Item A | 2x Pick, then scan each: Item A
         bench: SEAL = refused | Not allowed | Nothing to close | Nothing has been packed, loaded or counted here yet. | 2x Go on with: Item A
         bench: A
         bench: SEAL = completed | Parcel sealed | 1 of 3 | - | Stick a label on the parcel, scan it: Parcel 1 of 1
         bench-2: 1 = refused | Not allowed | 1 is open at bench | Go on there, or scan TAKE and then it. | -
         bench-2: TAKE = opened | Take over what? | - | Scan the order, parcel or return that is open elsewhere. | -
         bench-2: 1 = opened | Opened | #1 | 3 items, DHL collects in 8:29 | 1x Pick, then scan each: Item A
         bench: look = idle | Nothing waits | - | New orders show here by themselves. | -",
    );
}

#[test]
fn goods_to_be_put_back_can_be_touched_where_their_line_has_nothing_else() {
    let mut floor = Floor::new(|_| {});
    floor.put(1, "2xA 1xB");
    floor.check(
        "bench: 1
         bench: A
         bench: A",
    );
    floor.put_with(1, "1xA 1xB", |order| order["revision"] = 2.into());
    floor.check(
        "bench: UNDO
         bench: REMOVE = opened | Take what out? | - | Scan the item, or touch it here. | line:1
         bench: touch line:1 = accepted | Taken out | 0 of 2 | Item A | 1x Pick, then scan each: Item A",
    );
}

#[test]
fn offline_is_a_strip_and_nothing_else() {
    let mut floor = Floor::new(|_| {});
    floor.put(1, "2xA");
    floor.check("bench: 1\nbench: A");
    let online = floor.screen("bench", Language::ENGLISH);
    floor.net = Net::Down(37);
    let offline = floor.screen("bench", Language::ENGLISH);
    assert_eq!(offline.top.offline.as_deref(), Some("Saved here, sends later: 37"));
    assert_eq!(Screen { top: online.top.clone(), ..offline }, online);
}

#[test]
fn the_queue_is_in_the_order_in_which_it_is_opened() {
    let mut floor = Floor::new(|_| {});
    let by = |at: &'static str| move |order: &mut serde_json::Value| order["promise"] = json!({"ship_by": at});
    floor.put_with(1, "1xA", by("2026-11-24T18:00:00Z"));
    floor.put_with(2, "1xA", by("2026-11-22T18:00:00Z"));
    floor.put_with(3, "1xA", by("2026-11-23T18:00:00Z"));
    floor.put_with(4, "1xA", |order| order["notify"] = json!({}));
    floor.put_with(5, "1xA", by("2026-11-24T17:00:00Z"));
    floor.site.tell("order.expedite", json!({"id": "o-5", "revision": 1}));
    let listed = match floor.screen("bench", Language::ENGLISH).stage.below {
        Below::Queue { rows, .. } => rows.into_iter().map(|row| row.number).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let mut opened = Vec::new();
    for _ in 0..listed.len() {
        floor.scan("bench", "DONE");
        opened.extend(floor.status.answers[0].answer.order.as_ref().map(ToString::to_string));
        floor.scan("bench", "A");
    }
    assert_eq!(listed, opened);
}

/// What nobody can read from 3 m is not said: every text of every story is short enough, in every language.
#[test]
fn says_the_same_in_every_language() {
    let mut floor = Floor::new(|_| {});
    floor.put(1, "2xA 1xB");
    for code in ["", "DONE", "A", "XYZ", "SHORT", "CANCEL", "SEAL", "UNDO", "LOAD", "RETURN", "COUNT"] {
        if !code.is_empty() {
            floor.scan("bench", code);
        }
        let english = floor.screen("bench", Language::ENGLISH);
        for language in Language::all() {
            let screen = floor.screen("bench", language);
            let (one, other) = (&english.stage, &screen.stage);
            assert_eq!((one.state, &one.mark, one.pips), (other.state, &other.mark, other.pips), "{code} {language:?}");
            assert_eq!(one.what.is_some(), other.what.is_some(), "{code} {language:?}");
            assert_eq!(english.key, screen.key);
            let touches = |screen: &Screen| screen.acts.iter().map(|act| act.touch.to_string()).collect::<Vec<_>>();
            assert_eq!(touches(&english), touches(&screen));
        }
    }
}
