//! What the platform changes between two scans that belong together.

use super::play::{Floor, check, check_two_steps, order, play};
use serde_json::json;

#[test]
fn a_unit_that_waits_for_its_serial_does_not_count_on_hold() {
    check(
        "10042: 2xA:s via dhl",
        "0    10042 → opened 0/2
         1000 A     → opened ?serial
         hold 10042
         2000 S1    → refused (on_hold)
         release 10042
         3000 S1    → accepted 1/2 [unit]
         4000 A     → opened ?serial
         cancel 10042
         5000 S2    → refused (cancelled)",
    );
}

#[test]
fn a_unit_that_waits_for_its_tote_does_not_count_when_nobody_wants_it_any_more() {
    check_two_steps(
        "10042: 2xA 1xB via dhl
         10043: 1xC via dhl",
        "0    TOTE:t1@pick → opened
         1000 10042@pick   → opened 0/3
         2000 A@pick       → opened ?tote
         hold 10042
         3000 TOTE:t1@pick → refused (on_hold)
         release 10042
         4000 TOTE:t1@pick → accepted 1/3
         5000 A@pick       → opened ?tote
         put 10042: 1xA 1xB via dhl
         6000 TOTE:t1@pick → over (line_complete)
         7000 CANCEL@pick  → accepted
         8000 B@pick       → opened ?tote
         put 10042: 1xA 1xC via dhl
         9000 TOTE:t1@pick → already (finished)
         10000 C@pick      → opened ?tote
         cancel 10042
         11000 TOTE:t1@pick → refused (cancelled)",
    );
}

#[test]
fn a_short_is_not_closed_on_an_order_that_was_stopped_or_wants_no_more() {
    check(
        "10042: 2xA 1xB via dhl",
        "0    10042   → opened 0/3
         1000 A       → accepted 1/3
         2000 SHORT   → opened
         hold 10042
         3000 A       → refused (on_hold)
         release 10042
         4000 A       → opened ?cause
         hold 10042
         5000 R-OTHER → refused (on_hold)
         release 10042
         put 10042: 1xA 1xB via dhl
         6000 R-NOT-THERE → over (line_complete)
         7000 CANCEL  → accepted
         8000 SHORT   → opened
         cancel 10042
         9000 B       → refused (cancelled)",
    );
}

#[test]
fn nothing_is_taken_out_of_an_order_on_hold() {
    let floor = check(
        "10042: 3xA:s 1xB via dhl",
        "0    10042  → opened 0/4
         1000 A+s=S1 → accepted 1/4
         2000 A+s=S2 → accepted 2/4
         3000 REMOVE → opened ?item
         hold 10042
         4000 A      → refused (on_hold)
         release 10042
         5000 A      → opened ?serial
         hold 10042
         6000 S1     → refused (on_hold)
         release 10042
         7000 S1     → accepted 1/4",
    );
    assert_eq!(floor.stock("A"), (-1, 2));
}

#[test]
fn goods_that_come_out_on_hold_leave_the_order_open() {
    check(
        "10042: 1xA 1xB via dhl",
        "0    10042  → opened 0/2
         1000 A      → accepted 1/2
         2000 B      → completed 2/2
         3000 UNDO   → accepted 1/2
         4000 B      → completed 2/2
         5000 UNDO   → accepted 1/2
         put 10042: 1xB via dhl
         6000 B      → accepted 1/1
         7000 REMOVE → opened
         hold 10042
         8000 A      → completed [pick.item_unpicked]
         release 10042
         9000 SEAL   → completed 1/1 [FINISHED]",
    );
}

#[test]
fn an_order_of_which_nothing_can_be_had_any_more_is_cancelled() {
    check(
        "10042: 1xA 1xB via dhl",
        "0    10042   → opened 0/2
         1000 B       → accepted 1/2
         2000 SHORT   → opened
         3000 A       → opened
         put 10042: 1xA 2xB via dhl
         4000 R-OTHER → accepted 1/2
         put 10042: 1xA via dhl
         5000 REMOVE  → refused (cancelled)
         6000 SEAL    → refused (cancelled)",
    );
}

#[test]
fn a_parcel_that_is_found_while_its_order_is_on_hold_is_asked_for_at_its_release() {
    let floor = check(
        "10042: 1xA 1xB via dhl",
        "0    10042 → opened 0/2
         1000 A     → accepted 1/2
         2000 SEAL  → completed 1/2
         3000 p0@door → accepted
         4000 HANDOVER@door → completed 1/1
         hold 10042
         5000 p0@door → already (finished)
         6000 R-LEFT-BEHIND@door → accepted [dispatch.left_behind]
         release 10042
         7000 p0@door → accepted",
    );
    assert_eq!(floor.last("dispatch.requested")["key"], "o-10042/1/dhl@2026-11-23T16:30/2");
}

#[test]
fn a_short_ends_an_order_whose_other_parcels_the_platform_knows_to_be_gone() {
    let mut floor = Floor::new(|_| {});
    let mut known = order("10042: 1xA 1xB via dhl", 1);
    known["known"] = json!({
        "lines": [{"line": "A", "picked": 1, "packed": 1}],
        "parcels": [{"parcel": 1, "sscc": "073500530000000018", "handed_over": true,
            "contents": [{"line": "A", "quantity": 1}]}],
        "packed": false,
    });
    assert_eq!(floor.tell("order.put", known), "accepted");
    play(
        &mut floor,
        "0    10042   → opened 1/2
         1000 SHORT   → opened
         2000 B       → opened
         3000 R-OTHER → completed 1/1 [pick.item_short notification.requested pack.completed order.completed]",
    );
}
