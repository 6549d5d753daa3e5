//! The loading door: manifests, couriers that come, come late or not at all, and customers who fetch.

use super::play::check;

/// Three parcels: two with DHL, one with PostNord.
const THREE: &str = "10042: 1xA via dhl\n10043: 1xA via dhl\n10044: 1xA via postnord";
const PACKED: &str = "
    0    DONE → opened 0/1 [pack.started]
    1000 A    → completed 1/1 [unit FINISHED]
    2000 DONE → opened 0/1 [pack.started]
    3000 A    → completed 1/1 [unit FINISHED]
    4000 DONE → opened 0/1 [pack.started]
    5000 A    → completed 1/1 [unit FINISHED]\n";

#[test]
fn the_first_parcel_chooses_the_manifest() {
    let site = check(
        THREE,
        &format!(
            "{PACKED}
            6000  p0@door → accepted [pack.parcel_labelled dispatch.parcel_loaded]
            7000  p2@door → wrong (other_carrier)
            8000  p0@door → already (finished)
            9000  p1@door → accepted [pack.parcel_labelled dispatch.parcel_loaded]
            10000 HANDOVER@door → completed 2/2 [dispatch.handed_over notification.requested order.completed \
                  dispatch.handed_over notification.requested order.completed]
            11000 p0@door → already (finished)
            12000 p2@door → accepted [pack.parcel_labelled dispatch.parcel_loaded]"
        ),
    );
    let manifests: Vec<_> = site.all("dispatch.parcel_loaded").iter().map(|data| data["manifest"].clone()).collect();
    assert_eq!(manifests, ["dhl@2026-11-22T16:30#1", "dhl@2026-11-22T16:30#1", "postnord@2026-11-22T17:00#1"]);
}

/// It is 16:42, then 17:10: the courier of 16:30 has not come.
#[test]
fn a_courier_that_comes_late_comes_for_its_own_collection() {
    for late_ms in [31_320_000, 33_000_000] {
        let site = check(
            THREE,
            &format!(
                "{PACKED}
                {late_ms} p0@door → accepted [pack.parcel_labelled dispatch.parcel_loaded]"
            ),
        );
        assert_eq!(site.last("dispatch.parcel_loaded")["manifest"], "dhl@2026-11-22T16:30#1");
    }
}

#[test]
fn hand_over_asks_about_parcels_left_behind_once() {
    check(
        THREE,
        &format!(
            "{PACKED}
            6000  HANDOVER@door → refused (nothing_to_close)
            7000  p0@door → accepted [pack.parcel_labelled dispatch.parcel_loaded]
            8000  HANDOVER@door → refused (parcels_left 1)
            9000  HANDOVER@door → completed 1/1
            10000 p1@door → accepted [pack.parcel_labelled dispatch.parcel_loaded]"
        ),
    );
}

#[test]
fn loading_one_more_asks_again() {
    check(
        &format!("{THREE}\n10045: 1xA via dhl"),
        &format!(
            "{PACKED}
            5500  DONE → opened 0/1 [pack.started]
            5900  A    → completed 1/1 [unit FINISHED]
            7000  p0@door → accepted [pack.parcel_labelled dispatch.parcel_loaded]
            8000  HANDOVER@door → refused (parcels_left 2)
            9000  p1@door → accepted [pack.parcel_labelled dispatch.parcel_loaded]
            10000 HANDOVER@door → refused (parcels_left 1)"
        ),
    );
}

#[test]
fn a_loaded_parcel_of_a_cancelled_order_comes_out_before_hand_over() {
    check(
        THREE,
        &format!(
            "{PACKED}
            6000  p0@door → accepted [pack.parcel_labelled dispatch.parcel_loaded]
            7000  p1@door → accepted [pack.parcel_labelled dispatch.parcel_loaded]
            cancel 10042
            8000  HANDOVER@door → refused (take_out)
            9000  p0@door → refused (cancelled) [dispatch.parcel_unloaded]
            10000 p0@door → refused (cancelled)
            11000 HANDOVER@door → completed 1/1 [dispatch.handed_over notification.requested order.completed]"
        ),
    );
}

#[test]
fn cancelled_and_unsealed_parcels_are_not_loaded() {
    check(
        "10042: 1xA via dhl",
        "0    10042 → opened 0/1 [pack.started]
         1000 A     → completed 1/1 [unit FINISHED]
         cancel 10042
         2000 p0@door → refused (cancelled)
         3000 p0      → refused (cancelled)",
    );
}

#[test]
fn an_order_that_ends_after_its_last_parcel_has_left_is_completed() {
    check(
        "10042: 1xA 1xB via dhl",
        "0    10042 → opened 0/2 [pack.started]
         1000 A     → accepted 1/2 [unit]
         2000 SEAL  → completed 1/2 [pack.parcel_sealed dispatch.requested]
         3000 p0@door → accepted [pack.parcel_labelled dispatch.parcel_loaded]
         4000 HANDOVER@door → completed 1/1 [dispatch.handed_over notification.requested]
         put 10042: 1xA via dhl
         5000 SEAL  → completed 1/1 [pack.completed order.completed]",
    );
}

#[test]
fn what_was_left_is_asked_for_again_with_the_next_collection() {
    let floor = check(
        THREE,
        &format!(
            "{PACKED}
            6000 p0@door → accepted
            7000 HANDOVER@door → refused (parcels_left 1) ?handover
            8000 HANDOVER@door → completed 1/1 [dispatch.handed_over notification.requested order.completed \
                 dispatch.missed dispatch.requested]"
        ),
    );
    assert_eq!(floor.last("dispatch.missed")["key"], "o-10043/1/dhl@2026-11-22T16:30/1");
    assert_eq!(floor.last("dispatch.requested")["key"], "o-10043/1/dhl@2026-11-23T16:30/2");
}

#[test]
fn nobody_came_and_everything_is_asked_for_again() {
    let floor = check(
        THREE,
        &format!(
            "{PACKED}
            5500 R-NO-COURIER@door → refused (nothing_to_close)
            6000 p0@door → accepted
            7000 R-NO-COURIER@door → accepted [dispatch.parcel_unloaded dispatch.missed dispatch.requested \
                 dispatch.missed dispatch.requested]
            8000 HANDOVER@door → refused (nothing_to_close)
            9000 p0@door → accepted [dispatch.parcel_loaded]"
        ),
    );
    assert_eq!(floor.last("dispatch.missed")["reason"], "no_courier");
}

#[test]
fn a_parcel_found_after_the_courier_left_goes_with_the_next() {
    check(
        "10042: 1xA via dhl",
        "0    10042 → opened 0/1
         1000 A     → completed 1/1
         2000 p0@door → accepted
         3000 HANDOVER@door → completed 1/1
         4000 R-LEFT-BEHIND@door → refused (other_mode)
         5000 p0@door → already (finished)
         6000 R-LEFT-BEHIND@door → accepted [dispatch.left_behind dispatch.requested]
         7000 p0@door → accepted [dispatch.parcel_loaded]
         8000 HANDOVER@door → completed 1/1 [dispatch.handed_over order.completed]",
    );
}

#[test]
fn a_held_order_s_parcel_comes_out_before_hand_over() {
    check(
        THREE,
        &format!(
            "{PACKED}
            6000  p0@door → accepted
            7000  p1@door → accepted
            hold 10042
            8000  HANDOVER@door → refused (take_out)
            9000  p0@door → refused (on_hold) [dispatch.parcel_unloaded]
            10000 p0@door → refused (on_hold)
            11000 HANDOVER@door → completed 1/1
            release 10042
            12000 p0@door → accepted"
        ),
    );
}

#[test]
fn two_doors_load_one_courier_and_take_the_list_over() {
    check(
        THREE,
        &format!(
            "{PACKED}
            6000  p0@door   → accepted
            7000  TAKE@door-2 → opened ?order
            8000  p1@door-2 → opened 1/1 [-]
            9000  p1@door-2 → accepted
            10000 UNDO@door → refused (nothing_to_undo)
            11000 HANDOVER@door → refused (nothing_to_close)
            12000 HANDOVER@door-2 → completed 2/2"
        ),
    );
}

#[test]
fn a_pick_up_order_waits_in_its_place_until_its_customer_comes() {
    let floor = check(
        "10042: 2xA via pickup",
        "0    10042 → opened 0/2
         1000 A     → accepted 1/2
         2000 SEAL  → completed 1/2 [pack.parcel_sealed]
         3000 10042@door → refused (not_ready)
         4000 A     → completed 2/2 [unit pack.parcel_sealed pack.completed notification.requested]
         5000 p0@door → opened ?place [-]
         6000 BIN:C1@door → accepted [pack.parcel_labelled dispatch.parcel_ready]
         7000 p1@door → opened ?place
         restart
         8000 BIN:C1@door → completed [pack.parcel_labelled dispatch.parcel_ready notification.requested]
         9000 HANDOVER@door → refused (nothing_to_close)
         10000 10042@door → opened 0/2 ?handover [-]
         11000 HANDOVER@door → completed 2/2 [order.collected notification.requested order.completed]
         12000 10042@door → already (finished)
         13000 p0@door → already (finished)",
    );
    let notices: Vec<_> =
        floor.all("notification.requested").iter().map(|n| n["milestone"].as_str().unwrap().to_owned()).collect();
    assert_eq!(notices, ["order_accepted", "packed", "ready_for_pickup", "collected"]);
    assert_eq!(floor.last("notification.requested")["replaces"], "sthlm-03/o-10042/-/ready_for_pickup/1");
}

#[test]
fn a_cancelled_pick_up_order_is_not_given_out() {
    check(
        "10042: 1xA via pickup",
        "0    10042 → opened 0/1
         1000 A     → completed 1/1
         2000 p0@door → opened
         3000 BIN:C1@door → completed
         4000 10042@door → opened 0/1
         cancel 10042
         5000 HANDOVER@door → refused (cancelled)
         6000 p0@door → refused (cancelled)",
    );
}

#[test]
fn a_parcel_comes_off_again_wherever_its_order_is_and_whatever_the_door_does() {
    check(
        "10042: 2xA via dhl",
        "0    10042 → opened 0/2
         1000 A     → accepted 1/2
         2000 SEAL  → completed 1/2
         3000 p0@door → accepted
         4000 UNDO@door → accepted [dispatch.parcel_unloaded]
         5000 p0@door → accepted
         6000 CANCEL@door → accepted
         7000 UNDO@door → accepted [dispatch.parcel_unloaded]",
    );
}

#[test]
fn the_label_of_a_parcel_that_was_taken_apart_is_void() {
    check(
        "10042: 1xA via dhl",
        "0    10042 → opened 0/1
         1000 A     → completed 1/1
         2000 UNDO  → accepted 0/1
         3000 p0@door → wrong (relabel)
         4000 p0    → wrong (relabel)",
    );
}

#[test]
fn a_return_that_is_taken_over_leaves_the_list_at_the_door() {
    check(
        "10042: 1xA via dhl",
        "0    10042 → opened 0/1
         1000 A     → completed 1/1
         2000 p0@door   → accepted
         3000 TAKE@desk → opened
         4000 p0@desk   → opened 0/0 [return.received]
         5000 HANDOVER@door → completed 1/1",
    );
}

#[test]
fn take_is_for_the_list_that_the_parcel_stands_on() {
    check(
        "10042: 1xA via dhl
         10043: 1xA via postnord",
        "0    10042 → opened 0/1
         1000 A     → completed 1/1
         2000 10043 → opened 0/1
         3000 A     → completed 1/1
         4000 p0@door   → accepted
         5000 p1@door-2 → accepted
         put 10042: 1xA via postnord
         6000 LOAD@desk → opened
         7000 TAKE@desk → opened
         8000 p0@desk   → opened 1/1
         9000 HANDOVER@door → refused (nothing_to_close)
         10000 HANDOVER@door-2 → completed 1/1",
    );
}

#[test]
fn take_that_waits_does_not_hinder_a_hand_over() {
    check(
        "10042: 1xA via dhl",
        "0    10042 → opened 0/1
         1000 A     → completed 1/1
         2000 p0@door   → accepted
         3000 TAKE@door → opened
         4000 HANDOVER@door → completed 1/1",
    );
}

#[test]
fn a_parcel_that_was_taken_apart_waits_for_no_courier() {
    check(
        "10042: 1xA via dhl
         10043: 1xA via dhl",
        "0    10042 → opened 0/1
         1000 A     → completed 1/1
         2000 UNDO  → accepted 0/1
         put 10042: 1xA via pickup
         3000 A     → completed 1/1
         4000 10043 → opened 0/1
         5000 A     → completed 1/1
         6000 p1@door-2 → opened ?place
         7000 BIN:C1@door-2 → completed
         8000 p2@door → accepted
         9000 HANDOVER@door → completed 1/1",
    );
}

#[test]
fn a_parcel_is_found_while_a_customer_waits() {
    check(
        "10042: 1xA via dhl
         10043: 1xA via pickup",
        "0    10042 → opened 0/1
         1000 A     → completed 1/1
         2000 10043 → opened 0/1
         3000 A     → completed 1/1
         4000 p0@door → accepted
         5000 HANDOVER@door → completed 1/1
         6000 10043@door → opened 0/1
         7000 p0@door → already (finished)
         8000 R-LEFT-BEHIND@door → accepted [dispatch.left_behind dispatch.requested]
         9000 HANDOVER@door → completed 1/1 [order.collected notification.requested order.completed]",
    );
}
