//! Who works at a station, and what is recorded of each unit.

use super::play::{check, check_with};

#[test]
fn where_staff_must_sign_in_nothing_counts_without_a_badge() {
    let floor = check_with(
        |rules| rules.operators_required = true,
        "10042: 2xA via dhl",
        "0    10042   → refused (not_signed_in)
         1000 DONE    → refused (not_signed_in)
         2000 FORGED  → refused (check_failed)
         3000 OP:op-7 → opened [site.operator_in]
         4000 OP:op-7 → already (finished)
         5000 10042   → opened 0/2
         6000 A       → accepted 1/2
         7000 OP:op-8 → opened [site.operator_out site.operator_in]
         restart
         8000 A       → completed 2/2",
    );
    assert_eq!(floor.operators("pick.item_picked"), ["op-7", "op-8"]);
    assert_eq!(floor.last("site.operator_out")["reason"], "relieved");
}

#[test]
fn whoever_scans_nothing_for_long_is_signed_out() {
    let floor = check_with(
        |rules| rules.operators_required = true,
        "10042: 3xA via dhl",
        "0       OP:op-7 → opened
         1000    10042   → opened 0/3
         1100000 A       → accepted 1/3
         2200000 A       → accepted 2/3
         3500000 A       → refused (not_signed_in) [site.operator_out]
         3501000 OP:op-7 → opened
         3502000 A       → completed 3/3",
    );
    assert_eq!(floor.last("site.operator_out")["reason"], "idle");
    let mut floor = floor;
    floor.sign_out_idle(9_000_000);
    assert_eq!(floor.operators("site.operator_out").len(), 2);
}

#[test]
fn a_unit_counts_when_all_that_is_recorded_of_it_is_known() {
    let floor = check(
        "10042: 2xA:s,l,e 1xB via dhl",
        "0     10042      → opened 0/3
         1000  A          → opened ?serial [-]
         2000  B          → wrong (unfit) ?serial
         3000  SN-1       → opened ?lot [-]
         4000  LOT7       → opened ?expiry
         5000  soon       → wrong (unfit) ?expiry
         6000  2026-11-21 → wrong (expired) ?expiry
         7000  2027-01-31 → accepted 1/3 [unit]
         8000  A+s=SN-1+l=L+e=2027-01-31 → already (serial_used)
         9000  A+s=SN-2+l=L+e=2027-01-31 → accepted 2/3 [unit]
         10000 B          → completed 3/3",
    );
    let packed = floor.last_where("pack.item_packed", |data| data["sku"] == "sku-A");
    assert_eq!(
        (&packed["serial"], &packed["lot"], &packed["expiry"]),
        (&"SN-2".into(), &"L".into(), &"2027-01-31".into())
    );
}

#[test]
fn a_serial_is_what_its_pattern_says() {
    check(
        "10042: 1xA:s,p=SN-### via dhl",
        "0    10042  → opened 0/1
         1000 A      → opened ?serial
         2000 SN-12  → wrong (unfit) ?serial
         3000 SN-123 → completed 1/1",
    );
}

#[test]
fn cancel_drops_a_unit_that_waits_for_its_serial() {
    check(
        "10042: 1xA:s via dhl",
        "0    10042  → opened 0/1
         1000 A      → opened ?serial
         2000 CANCEL → accepted
         restart
         3000 A      → opened ?serial
         restart
         4000 S1     → completed 1/1",
    );
}

#[test]
fn a_serial_can_be_packed_again_after_it_came_out_or_was_cancelled() {
    check(
        "1: 1xA:s 1xB via dhl
         2: 1xA:s via dhl
         3: 1xA:s via dhl",
        "0     1      → opened 0/2
         1000  A+s=S1 → accepted 1/2
         2000  2@2    → opened 0/1
         3000  A+s=S1@2 → already (serial_used)
         4000  UNDO   → accepted 0/2
         5000  A+s=S1@2 → completed 1/1
         6000  A+s=S1 → already (serial_used)
         cancel 2
         7000  A+s=S1 → accepted 1/2",
    );
}

#[test]
fn of_several_serials_the_one_that_comes_out_is_scanned() {
    check(
        "1: 3xA:s via dhl",
        "0    1      → opened 0/3
         1000 A+s=S1 → accepted 1/3
         2000 A+s=S2 → accepted 2/3
         3000 REMOVE → opened ?item
         4000 A      → opened ?serial
         5000 S9     → wrong (unfit) ?serial
         6000 S1     → accepted 1/3 [pack.item_unpacked pick.item_unpicked]
         7000 A+s=S1 → accepted 2/3
         8000 REMOVE → opened
         9000 A+s=S2 → accepted 1/3",
    );
}

#[test]
fn what_has_expired_is_never_packed() {
    check(
        "1: 1xA via dhl",
        "0    1              → opened 0/1
         1000 A+e=2026-11-21 → refused (expired)
         2000 A+e=2026-11-22 → completed 1/1",
    );
}

#[test]
fn a_case_counts_as_many_units_as_it_says() {
    let floor = check(
        "1: 6xA 2xB:s via dhl",
        "stock A 10
         0    1     → opened 0/8
         1000 A+u=7 → over (line_complete)
         2000 A+u=5 → accepted 5/8 [unit unit unit unit unit]
         3000 A+u=2 → over (line_complete)
         4000 UNDO  → accepted 0/8
         5000 A+u=6 → accepted 6/8
         6000 B+u=2 → refused (one_by_one)",
    );
    assert_eq!(floor.stock("A"), (4, 0));
}

#[test]
fn a_line_named_by_hand_is_recorded_as_that() {
    let floor = check(
        "1: 1xA 1xB via dhl",
        "0    LINE:1 → unknown (unknown_code)
         500  1      → opened 0/2
         1000 LINE:3 → wrong (not_on_order)
         2000 LINE:2 → accepted 1/2 [unit]
         3000 LINE:2 → over (line_complete)
         4000 A      → completed 2/2",
    );
    assert_eq!(floor.last_where("pick.item_picked", |data| data["sku"] == "sku-B")["method"], "manual");
    assert_eq!(floor.last("pick.item_picked")["method"], "scan");
}
