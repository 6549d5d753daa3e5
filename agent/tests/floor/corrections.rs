//! Corrections: UNDO, SHORT, REMOVE, TAKE, and what the platform changes in the middle.

use super::play::{check, check_two_steps, play};

#[test]
fn undo_negates_the_last_counted_scan_once() {
    let floor = check(
        "10042: 3xA via dhl",
        "stock A 10
         0    UNDO  → refused (nothing_to_undo)
         500  10042 → opened 0/3
         1000 UNDO  → refused (nothing_to_undo)
         2000 A     → accepted 1/3
         3000 A     → accepted 2/3
         4000 UNDO  → accepted 1/3 [pack.item_unpacked pick.item_unpicked]
         5000 UNDO  → refused (nothing_to_undo)
         6000 A     → accepted 2/3 [unit]
         restart
         7000 UNDO  → accepted 1/3 [pack.item_unpacked pick.item_unpicked]",
    );
    assert_eq!(floor.stock("A"), (9, 2));
}

#[test]
fn undo_of_the_last_unit_opens_the_parcel_again() {
    check(
        "10042: 1xA 1xB via dhl",
        "0    10042 → opened 0/2
         1000 A     → accepted 1/2
         2000 B     → completed 2/2 [unit FINISHED]
         3000 UNDO  → accepted 1/2 [dispatch.withdrawn pack.parcel_reopened pack.item_unpacked pick.item_unpicked]
         4000 p0    → wrong (relabel)
         5000 B     → completed 2/2 [unit pack.parcel_sealed pack.completed dispatch.requested]
         6000 p0@door → wrong (relabel)
         7000 p1@door → accepted [pack.parcel_labelled dispatch.parcel_loaded]
         8000 UNDO  → refused (nothing_to_undo)",
    );
}

#[test]
fn undo_of_seal_opens_the_parcel_again_and_leaves_the_units_in_it() {
    check(
        "10042: 2xA via dhl",
        "0    10042 → opened 0/2
         1000 A     → accepted 1/2
         2000 SEAL  → completed 1/2 [pack.parcel_sealed dispatch.requested]
         3000 UNDO  → accepted 1/2 [dispatch.withdrawn pack.parcel_reopened]
         4000 A     → completed 2/2 [unit FINISHED]",
    );
}

#[test]
fn undo_in_two_steps_takes_back_its_own_step() {
    check_two_steps(
        "10042: 1xA 1xB via dhl",
        "0    10042@pick → opened 0/2
         1000 A@pick     → accepted 1/2
         2000 B@pick     → completed 2/2 [pick.item_picked pick.completed]
         3000 UNDO@pick  → accepted 1/2 [pick.item_unpicked]
         4000 B@pick     → completed 2/2 [pick.item_picked pick.completed]
         5000 10042      → opened 0/2
         6000 UNDO@pick  → refused (open_elsewhere bench)
         7000 A          → accepted 1/2
         8000 UNDO       → accepted 0/2 [pack.item_unpacked]
         9000 A          → accepted 1/2
         10000 B         → completed 2/2
         11000 UNDO@pick → refused (nothing_to_undo)",
    );
}

#[test]
fn undo_is_never_a_hand_over() {
    check(
        "10042: 1xA via dhl",
        "0    10042 → opened 0/1
         1000 A     → completed 1/1
         2000 p0@door → accepted
         3000 UNDO  → refused (nothing_to_undo)
         4000 UNDO@door → accepted [dispatch.parcel_unloaded]
         5000 p0@door → accepted [dispatch.parcel_loaded]
         6000 HANDOVER@door → completed 1/1
         7000 UNDO@door → refused (nothing_to_undo)
         8000 UNDO  → refused (nothing_to_undo)",
    );
}

#[test]
fn short_closes_the_rest_of_the_line_and_the_order_ships_the_rest() {
    let floor = check(
        "10042: 3xA 1xB via dhl",
        "stock A 5
         0    SHORT       → refused (no_order_open)
         500  10042       → opened 0/4
         1000 A           → accepted 1/4
         2000 SHORT       → opened ?item [-]
         3000 X           → unknown (unknown_code) ?item
         4000 A           → opened ?cause [-]
         5000 B           → wrong (unfit) ?cause
         6000 R-NO-COURIER → wrong (unfit) ?cause
         7000 R-NOT-THERE → accepted 1/2 [pick.item_short stock.low notification.requested]
         8000 A           → over (line_complete)
         9000 B           → completed 2/2 [unit FINISHED]",
    );
    assert_eq!(floor.stock("A"), (0, 0), "nothing is there");
    let short = floor.last("pick.item_short");
    assert_eq!((&short["quantity"], &short["reason"], &short["delta"]), (&2.into(), &"not_there".into(), &(-4).into()));
}

#[test]
fn short_with_a_quantity_says_how_many_are_there() {
    let floor = check(
        "10042: 3xA 1xB via dhl",
        "stock A 10
         0    10042 → opened 0/4
         1000 SHORT → opened
         2000 A     → opened ?cause
         3000 Q-2   → opened 2/2 ?cause
         restart
         4000 R-NOT-THERE → accepted 0/1 [pick.item_short stock.low notification.requested]",
    );
    assert_eq!(floor.stock("A"), (2, 0));
}

#[test]
fn short_because_of_damage_takes_the_damaged_units_off() {
    let floor = check(
        "10042: 3xA 1xB via dhl",
        "stock A 10
         0    10042     → opened 0/4
         1000 A         → accepted 1/4
         2000 SHORT     → opened
         3000 A         → opened
         4000 R-DAMAGED → accepted 1/2 [pick.item_short notification.requested]",
    );
    assert_eq!(floor.stock("A"), (7, 0));
}

#[test]
fn short_for_another_reason_leaves_the_stock_alone() {
    let floor = check(
        "10042: 3xA 1xB via dhl",
        "stock A 10
         0    10042   → opened 0/4
         1000 SHORT   → opened
         2000 LINE:1  → opened ?cause
         3000 R-OTHER → accepted 0/1 [pick.item_short notification.requested]",
    );
    assert_eq!(floor.stock("A"), (10, 0));
}

#[test]
fn on_short_decides_whether_the_order_ships_waits_or_ends() {
    check(
        "1: 1xA 1xB via dhl
         2: 1xA 1xB via dhl short=hold
         3: 1xA 1xB via dhl short=cancel
         4: 1xA via dhl",
        "0     1           → opened 0/2
         1000  B           → accepted 1/2
         2000  SHORT       → opened
         3000  A           → opened
         4000  R-NOT-THERE → completed 1/1 [pick.item_short notification.requested FINISHED]
         5000  2           → opened 0/2
         6000  B           → accepted 1/2
         7000  SHORT       → opened
         8000  A           → opened
         9000  R-NOT-THERE → accepted [pick.item_short order.held]
         10000 2           → refused (on_hold)
         release 2
         11000 2           → opened 1/1
         12000 SEAL        → completed 1/1 [FINISHED]
         13000 3           → opened 0/2
         14000 B           → accepted 1/2
         15000 SHORT       → opened
         16000 A           → opened
         17000 R-OTHER     → accepted [pick.item_short order.cancelled notification.requested]
         18000 3           → refused (cancelled)
         19000 4           → opened 0/1
         20000 SHORT       → opened
         21000 A           → opened
         22000 R-OTHER     → accepted [pick.item_short order.cancelled notification.requested]",
    );
}

#[test]
fn undo_of_short_gives_the_units_back() {
    let floor = check(
        "10042: 2xA 1xB via dhl",
        "stock A 10
         0    10042       → opened 0/3
         1000 B           → accepted 1/3
         2000 SHORT       → opened
         3000 A           → opened
         4000 R-NOT-THERE → completed 1/1 [pick.item_short stock.low notification.requested FINISHED]
         5000 UNDO        → accepted 1/3 [dispatch.withdrawn pack.parcel_reopened pick.item_short \
             notification.requested]
         6000 A           → accepted 2/3 [unit]",
    );
    assert_eq!(floor.stock("A"), (9, 1));
}

#[test]
fn remove_takes_a_unit_back_and_the_line_reopens() {
    let floor = check(
        "10042: 2xA 1xB via dhl",
        "stock A 10
         0    REMOVE → refused (no_order_open)
         500  10042  → opened 0/3
         1000 REMOVE → opened ?item
         2000 A      → refused (nothing_to_undo) ?item
         3000 CANCEL → accepted
         4000 A      → accepted 1/3
         5000 A      → accepted 2/3
         6000 REMOVE → opened ?item
         7000 C      → unknown (unknown_code) ?item
         8000 A      → accepted 1/3 [pack.item_unpacked pick.item_unpicked]
         9000 A      → accepted 2/3 [unit]
         10000 REMOVE → opened
         11000 A     → accepted 1/3
         12000 R-DAMAGED → accepted [stock.adjusted]
         13000 R-DAMAGED → refused (other_mode)
         14000 A     → accepted 2/3 [unit]
         15000 REMOVE → opened
         16000 A     → accepted 1/3
         17000 UNDO  → accepted 2/3 [unit]
         18000 B     → completed 3/3 [unit FINISHED]",
    );
    assert_eq!(floor.stock("A"), (7, 0), "two packed, one damaged");
}

#[test]
fn take_takes_an_order_over_with_what_is_in_it() {
    check(
        "10042: 3xA via dhl",
        "catalog A
         0    10042   → opened 0/3
         1000 A       → accepted 1/3
         2000 10042@2 → refused (open_elsewhere bench)
         3000 TAKE@2  → opened ?order [-]
         4000 A@2     → wrong (unfit) ?order
         5000 10042@2 → opened 1/3 [-]
         6000 A       → refused (no_order_open)
         7000 UNDO    → refused (nothing_to_undo)
         8000 A@2     → accepted 2/3
         9000 UNDO@2  → accepted 1/3
         10000 TAKE   → opened
         11000 10042  → opened 1/3
         12000 A      → accepted 2/3",
    );
}

#[test]
fn a_hold_shows_at_once_and_refuses_the_next_scan() {
    check(
        "10042: 2xA via dhl",
        "0    10042 → opened 0/2
         1000 A     → accepted 1/2
         hold 10042
         hold 10042
         2000 A     → refused (on_hold)
         3000 SEAL  → refused (on_hold)
         4000 UNDO  → refused (on_hold)
         5000 DONE  → accepted 1/2
         6000 DONE  → already (nothing_waits)
         7000 10042 → refused (on_hold)
         restart
         8000 10042 → refused (on_hold)
         release 10042
         9000 DONE  → opened 1/2
         10000 A    → completed 2/2",
    );
}

#[test]
fn expedited_orders_come_first_then_the_next_collection_then_the_promise() {
    check(
        "1: 1xA via postnord by=2026-11-22T16:00:00Z
         2: 1xA via dhl by=2026-11-22T17:00:00Z
         3: 1xA via dhl by=2026-11-22T16:45:00Z
         4: 1xA via pickup
         5: 1xA via dhl by=2026-11-24T17:00:00Z
         6: 1xA via dhl",
        "expedite 5
         expedite 5 → duplicate (done)
         0    DONE@bench → opened 0/1
         500  A@bench    → completed 1/1
         1000 DONE@bench → opened 0/1
         1500 A@bench    → completed 1/1
         2000 DONE@bench → opened 0/1
         2500 A@bench    → completed 1/1
         3000 6          → opened 0/1
         3500 A          → completed 1/1
         4000 1          → opened 0/1
         4500 A          → completed 1/1
         5000 DONE       → opened 0/1
         5500 A          → completed 1/1
         6000 DONE       → already (nothing_waits)",
    );
}

#[test]
fn an_order_that_is_fetched_stands_where_a_collection_at_its_promise_would() {
    check(
        "1: 1xA via dhl
         2: 1xB via pickup by=2026-11-22T15:00:00Z
         3: 1xC via pickup",
        "0    DONE → opened 0/1
         500  B    → completed 1/1
         1000 DONE → opened 0/1
         1500 A    → completed 1/1
         2000 DONE → opened 0/1
         2500 C    → completed 1/1",
    );
}

#[test]
fn goods_that_an_order_no_longer_wants_come_out_before_it_is_closed() {
    let floor = check(
        "10042: 2xA 1xB via dhl",
        "stock A 10
         stock B 10
         0    10042 → opened 0/3
         1000 A     → accepted 1/3
         2000 B     → accepted 2/3
         put 10042: 2xA via dhl
         3000 A     → accepted 2/2 [unit]
         4000 SEAL  → refused (put_back Product B)
         5000 REMOVE → opened
         6000 B     → completed 2/2 [pick.item_unpicked FINISHED]",
    );
    assert_eq!((floor.stock("A"), floor.stock("B")), ((8, 0), (10, 0)));
}

#[test]
fn a_quantity_that_shrinks_below_what_is_picked_gives_goods_back() {
    let floor = check(
        "10042: 3xA 1xB via dhl",
        "stock A 10
         0    10042 → opened 0/4
         1000 A     → accepted 1/4
         2000 A     → accepted 2/4
         put 10042: 1xA 1xB via dhl
         3000 A     → over (line_complete)
         4000 B     → accepted 2/2 [unit]
         5000 REMOVE → opened
         6000 A     → completed 2/2 [pick.item_unpicked FINISHED]",
    );
    assert_eq!(floor.stock("A"), (9, 0));
}

#[test]
fn a_line_that_is_named_gives_back_what_is_not_wanted_before_what_is() {
    let floor = check(
        "10042: 2xA 1xB via dhl",
        "stock A 10
         0    10042  → opened 0/3
         1000 A      → accepted 1/3
         2000 A      → accepted 2/3
         put 10042: 1xA 1xB via dhl
         3000 REMOVE → opened
         4000 LINE:1 → accepted 1/2 [pick.item_unpicked]
         5000 REMOVE → opened
         6000 LINE:1 → accepted 0/2 [pack.item_unpacked pick.item_unpicked]
         7000 A      → accepted 1/2 [unit]
         8000 B      → completed 2/2 [unit FINISHED]",
    );
    assert_eq!(floor.stock("A"), (9, 0));
}

#[test]
fn a_line_that_stands_for_another_product_by_now_gives_nothing_back_of_the_former_one() {
    let mut floor = check(
        "10042: 2xA 1xB via dhl",
        "stock A 10
         0    10042 → opened 0/3
         1000 A     → accepted 1/3",
    );
    let mut renamed = super::play::order("10042: 2xA 1xB via dhl", 2);
    renamed["lines"][0]["sku"] = "sku-A-2026".into();
    assert_eq!(floor.tell("order.put", renamed), "accepted");
    play(
        &mut floor,
        "2000 REMOVE → opened
         3000 LINE:1 → refused (nothing_to_undo)
         4000 A      → accepted 0/3 [pick.item_unpicked]",
    );
    assert_eq!(floor.stock("A"), (10, 0));
}

#[test]
fn cancel_leaves_the_context_and_changes_nothing() {
    check(
        "10042: 2xA via dhl",
        "0    CANCEL → accepted [-]
         500  10042  → opened 0/2
         1000 A      → accepted 1/2
         2000 SHORT  → opened
         3000 CANCEL → accepted [-]
         4000 A      → completed 2/2",
    );
}

#[test]
fn a_retransmitted_frame_is_answered_again_and_counts_once() {
    check(
        "10042: 4xA via dhl",
        "0     10042  → opened 0/4
         1000  A      → accepted 1/4 [unit]
         1500  A!!    → accepted [-]
         3000  A!!    → accepted [-]
         9500  A!!    → accepted 2/4 [unit]
         10500 DONE   → accepted 2/4
         11000 DONE!! → accepted [-]",
    );
}

#[test]
fn a_frame_that_is_perhaps_the_last_one_again_is_asked_about() {
    check(
        "10042: 4xA via dhl",
        "0    10042 → opened 0/4
         1000 A     → accepted 1/4 [unit]
         1500 A!?   → already (perhaps_counted) [-]
         2500 A     → accepted 2/4 [unit]
         crash
         100  A!!   → already (perhaps_counted) [-]
         1100 A!!   → already [-]
         2000 A     → accepted 3/4 [unit]
         restart
         100  A!!   → already (perhaps_counted) [-]
         9000 A     → completed 4/4",
    );
}

#[test]
fn a_parcel_that_was_taken_apart_is_asked_for_anew() {
    let floor = check(
        "10042: 1xA via dhl",
        "0    10042 → opened 0/1
         1000 A     → completed 1/1
         2000 UNDO  → accepted 0/1
         restart
         3000 A     → completed 1/1",
    );
    let keys: Vec<_> = floor.all("dispatch.requested").iter().map(|data| data["key"].clone()).collect();
    assert_eq!(keys, ["o-10042/1/dhl@2026-11-22T16:30/1", "o-10042/1/dhl@2026-11-22T16:30/2"]);
}

#[test]
fn a_short_that_ends_an_order_reserves_nothing_more_of_it() {
    let floor = check(
        "10042: 1xA 2xA#2 1xB via dhl short=cancel",
        "0    10042   → opened 0/4
         1000 SHORT   → opened
         2000 A       → opened
         3000 R-OTHER → accepted [pick.item_short order.cancelled notification.requested]",
    );
    assert_eq!((floor.stock("A"), floor.stock("B")), ((0, 0), (0, 0)));
}

#[test]
fn undo_of_a_short_lifts_no_hold_of_the_platform() {
    check(
        "10042: 2xA 1xB via dhl",
        "0    10042       → opened 0/3
         1000 A           → accepted 1/3
         2000 SHORT       → opened
         3000 A           → opened
         4000 R-NOT-THERE → accepted 1/2
         hold 10042
         5000 UNDO        → refused (on_hold)
         release 10042
         6000 UNDO        → accepted 1/3",
    );
}

#[test]
fn undo_of_a_short_that_held_the_order_lifts_no_hold_of_the_platform() {
    for held_by_the_platform in ["hold 10042", "release 10042\nhold 10042", "hold 10042\nrestart"] {
        check(
            "10042: 1xA 1xB via dhl short=hold",
            &format!(
                "0    10042   → opened 0/2
                 1000 A       → accepted 1/2
                 2000 SHORT   → opened
                 3000 B       → opened
                 4000 R-OTHER → accepted [pick.item_short order.held]
                 {held_by_the_platform}
                 5000 UNDO    → refused (on_hold)
                 release 10042
                 6000 UNDO    → accepted 1/2 [pick.item_short notification.requested]
                 7000 B       → completed 2/2"
            ),
        );
    }
}

#[test]
fn take_is_for_what_the_station_works_on() {
    check(
        "10042: 2xA via dhl
         10043: 1xA via pickup",
        "return r-1 of 10042: 1xA
         0    10042     → opened 0/2
         1000 A         → accepted 1/2
         2000 SEAL      → completed 1/2
         3000 TAKE@2    → opened ?order
         4000 p0@2      → wrong (unfit) ?order
         5000 r-1@2     → wrong (unfit) ?order
         6000 TAKE@door → opened
         7000 10042@door → wrong (unfit) ?order
         8000 r-1@door  → wrong (unfit) ?order
         9000 p0@door   → wrong (unfit) ?order
         10000 10043@2  → opened 0/1
         11000 A@2      → completed 1/1
         12000 10043@door-2 → opened 0/1
         13000 10043@door → opened 0/1
         14000 HANDOVER@door-2 → refused (nothing_to_close)
         15000 HANDOVER@door → completed 1/1",
    );
}

#[test]
fn undo_of_a_short_that_held_the_order_asks_for_couriers_as_a_release_does() {
    let floor = check(
        "10042: 1xA 1xB via dhl short=hold",
        "0    10042   → opened 0/2
         1000 A       → accepted 1/2
         2000 SEAL    → completed 1/2 [pack.parcel_sealed dispatch.requested]
         3000 p0@door → accepted
         4000 HANDOVER@door → completed 1/1
         5000 SHORT   → opened
         6000 B       → opened
         7000 R-OTHER → accepted [pick.item_short order.held]
         8000 p0@door → already (finished)
         9000 R-LEFT-BEHIND@door → accepted [dispatch.left_behind]
         10000 UNDO   → accepted 1/2 [order.released dispatch.requested pick.item_short]",
    );
    assert_eq!(floor.last("dispatch.requested")["key"], "o-10042/1/dhl@2026-11-23T16:30/2");
}

#[test]
fn goods_go_back_to_the_stock_of_their_own_product() {
    let mut floor = check(
        "10042: 2xA 1xB via dhl",
        "stock A 10
         0    10042 → opened 0/3
         1000 A     → accepted 1/3
         2000 A     → accepted 2/3",
    );
    let mut renamed = super::play::order("10042: 2xA 1xB via dhl", 2);
    renamed["lines"][0]["sku"] = "sku-A-2026".into();
    assert_eq!(floor.tell("order.put", renamed), "accepted");
    play(
        &mut floor,
        "3000 REMOVE → opened
         4000 A      → accepted [pick.item_unpicked]
         5000 CANCEL → accepted
         6000 CANCEL → accepted
         7000 10042@desk → opened 0/1
         8000 A@desk → completed [pick.item_unpicked]",
    );
    assert_eq!(floor.stock("A"), (10, 0));
}
