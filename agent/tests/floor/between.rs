//! What the platform or another station changes between two scans that belong together.

use super::play::{check, check_two_steps};

#[test]
fn a_unit_that_waits_for_its_serial_does_not_count_on_hold_or_cancelled() {
    check(
        "1: 1xA:s 1xB via dhl
         2: 1xA:s via dhl",
        "0     1      → opened 0/2
         1000  A      → opened ?serial
         hold 1
         2000  SN-1   → refused (on_hold)
         release 1
         3000  SN-1   → accepted 1/2
         4000  CANCEL → accepted
         6000  2@2    → opened 0/1
         7000  A@2    → opened ?serial
         cancel 2
         8000  SN-2@2 → refused (cancelled)",
    );
}

#[test]
fn what_is_to_be_short_or_taken_out_waits_for_the_release() {
    check(
        "1: 2xA:s 1xB via dhl",
        "0     1        → opened 0/3
         1000  A+s=S1   → accepted 1/3
         1500  A+s=S2   → accepted 2/3
         2000  SHORT    → opened ?item
         3000  B        → opened ?cause
         hold 1
         4000  R-OTHER  → refused (on_hold)
         release 1
         5000  CANCEL   → accepted
         6000  REMOVE   → opened ?item
         7000  A        → opened ?serial
         hold 1
         8000  S1       → refused (on_hold)
         cancel 1
         9000  S1       → refused (cancelled)",
    );
}

#[test]
fn a_line_that_nothing_is_missing_of_is_not_short() {
    check_two_steps(
        "1: 1xA 1xB via dhl",
        "0    1@pick       → opened 0/2
         1000 A@pick       → accepted 1/2
         2000 SHORT@pick   → opened
         3000 A@pick       → over (line_complete)
         4000 B@pick       → opened ?cause
         5000 R-OTHER@pick → completed 1/1 [pick.item_short notification.requested pick.completed]",
    );
}

#[test]
fn parcels_leave_while_the_rest_is_picked_again() {
    check_two_steps(
        "1: 1xA 2xB via dhl",
        "0     1@pick  → opened 0/3
         1000  A@pick  → accepted 1/3
         2000  B@pick  → accepted 2/3
         3000  B@pick  → completed 3/3
         4000  1       → opened 0/3
         5000  A       → accepted 1/3
         6000  SEAL    → completed 1/3
         7000  B       → accepted 2/3
         8000  REMOVE  → opened
         9000  B       → accepted 1/3 [pack.item_unpacked pick.item_unpicked pick.started]
         10000 p0      → accepted [pack.parcel_labelled]
         11000 p0@door → accepted [dispatch.parcel_loaded]
         label 1/1 rev=1 tracking=T1
         12000 p0@door → wrong (relabel) [dispatch.parcel_unloaded]
         13000 T1@door → accepted [pack.parcel_labelled dispatch.parcel_loaded]
         14000 HANDOVER@door → completed 1/1 [dispatch.handed_over notification.requested]
         15000 1@pick  → opened 2/3
         16000 B@pick  → completed 3/3",
    );
}

#[test]
fn what_was_packed_before_the_order_was_picked_again_is_not_undone() {
    check_two_steps(
        "1: 2xA via dhl",
        "0     1@pick    → opened 0/2
         1000  A@pick    → accepted 1/2
         2000  A@pick    → completed 2/2
         3000  1         → opened 0/2
         4000  A         → accepted 1/2
         5000  DONE      → accepted 1/2
         put 1: 3xA via dhl
         6000  1@pick    → opened 2/3 [-]
         7000  DONE@pick → accepted 2/3
         8000  UNDO      → refused (nothing_to_undo)",
    );
}

#[test]
fn a_short_of_an_order_that_was_finished_elsewhere_is_not_undone() {
    check_two_steps(
        "1: 1xA 1xB via dhl",
        "0     1@pick  → opened 0/2
         1000  A@pick  → accepted 1/2
         2000  B@pick  → completed 2/2
         3000  1       → opened 0/2
         4000  SHORT   → opened
         5000  A       → opened
         6000  R-OTHER → accepted 0/1
         7000  DONE    → accepted 0/1
         8000  1@2     → opened 0/1
         9000  B@2     → completed 1/1
         10000 UNDO    → refused (nothing_to_undo)",
    );
}

#[test]
fn a_parcel_found_while_its_order_is_on_hold_waits_for_the_release() {
    check(
        "1: 2xA via dhl",
        "0    1             → opened 0/2
         1000 A             → accepted 1/2
         2000 SEAL          → completed 1/2
         3000 p0@door       → accepted
         4000 HANDOVER@door → completed 1/1
         hold 1
         5000 p0@door       → already (finished)
         6000 R-LEFT-BEHIND@door → accepted [dispatch.left_behind]
         7000 p0@door       → refused (on_hold)
         release 1
         8000 p0@door       → accepted",
    );
}

#[test]
fn a_parcel_that_goes_by_carrier_after_all_gets_no_place() {
    check(
        "1: 1xA via pickup",
        "0    1            → opened 0/1
         1000 A            → completed 1/1
         2000 p0@door      → opened ?place
         put 1: 1xA via dhl
         3000 BIN:C1@door  → wrong (relabel)
         3900 BIN:C1@door  → wrong (relabel)
         4000 p0@door      → wrong (relabel)
         5000 p1@door      → accepted [pack.parcel_labelled dispatch.parcel_loaded]",
    );
}

#[test]
fn a_parcel_on_a_manifest_is_not_given_to_the_customer_who_fetches_it_after_all() {
    check(
        "1: 1xA via dhl",
        "0    1               → opened 0/1
         1000 A               → completed 1/1
         2000 p0@door         → accepted
         put 1: 1xA via pickup
         3000 1@door-2        → opened 0/1
         4000 HANDOVER@door-2 → refused (take_out)
         5000 p0@door         → wrong (relabel) [dispatch.parcel_unloaded]
         6000 HANDOVER@door-2 → completed 1/1 [order.collected notification.requested order.completed]",
    );
}

#[test]
fn an_order_that_shrinks_to_what_has_been_picked_goes_on_to_packing() {
    check_two_steps(
        "1: 2xA 1xB via dhl",
        "0    1@pick    → opened 0/3
         1000 A@pick    → accepted 1/3
         2000 B@pick    → accepted 2/3
         put 1: 1xA 1xB via dhl
         3000 A@pick    → already (finished)
         4000 DONE@pick → accepted 2/2
         5000 1         → opened 0/2
         6000 A         → accepted 1/2
         7000 B         → completed 2/2",
    );
}

#[test]
fn an_order_whose_last_line_can_t_be_had_is_cancelled() {
    let floor = check(
        "1: 1xA 1xB via dhl",
        "stock B 5
         0    1       → opened 0/2
         1000 SHORT   → opened
         2000 A       → opened
         3000 R-OTHER → accepted 0/1
         4000 B       → completed 1/1
         5000 UNDO    → accepted 0/1
         put 1: 1xA via dhl
         6000 B       → refused (cancelled)",
    );
    assert_eq!(floor.last("order.cancelled")["reason"], "short");
    assert_eq!(floor.stock("B"), (5, 0));
}
