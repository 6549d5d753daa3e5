//! The flow in two steps: picked at one station, packed at another.

use super::play::{Floor, check, check_two_steps, check_with, play};
use parceld::domain::rules::Flow;

#[test]
fn an_order_is_picked_and_then_packed() {
    let floor = check_two_steps(
        "10042: 2xA 1xB via dhl",
        "stock A 10
         0    10042@bench → refused (not_picked)
         500  DONE        → already (nothing_waits)
         1000 DONE@pick   → opened 0/3 [pick.started]
         2000 A@pick      → accepted 1/3 [pick.item_picked]
         3000 C@pick      → unknown (unknown_code)
         4000 A@pick      → accepted 2/3 [pick.item_picked]
         5000 A@pick      → over (line_complete)
         6000 B@pick      → completed 3/3 [pick.item_picked pick.completed]
         7000 10042@pick  → already (finished)
         8000 DONE@pick   → already (nothing_waits)
         9000 DONE        → opened 0/3 [pack.started]
         10000 B          → accepted 1/3 [pack.item_packed]
         11000 B          → over (line_complete)
         12000 A          → accepted 2/3 [pack.item_packed]
         13000 A          → completed 3/3 [pack.item_packed FINISHED]",
    );
    assert_eq!(floor.stock("A"), (8, 0));
}

#[test]
fn an_order_that_was_put_down_half_picked_goes_on_elsewhere() {
    check_two_steps(
        "10042: 2xA via dhl",
        "0    10042@pick   → opened 0/2 [pick.started]
         1000 A@pick       → accepted 1/2 [pick.item_picked]
         2000 10042@pick-2 → refused (open_elsewhere pick)
         3000 DONE@pick    → accepted 1/2 [-]
         4000 10042@pick-2 → opened 1/2 [-]
         5000 A@pick-2     → completed 2/2 [pick.item_picked pick.completed]",
    );
}

#[test]
fn what_is_found_damaged_at_packing_is_picked_again() {
    let floor = check_two_steps(
        "10042: 2xA 1xB via dhl",
        "stock A 10
         0     10042@pick → opened 0/3
         1000  A@pick     → accepted 1/3
         2000  A@pick     → accepted 2/3
         3000  B@pick     → completed 3/3
         4000  10042      → opened 0/3 [pack.started]
         5000  A          → accepted 1/3 [pack.item_packed]
         6000  REMOVE     → opened ?item [-]
         7000  A          → accepted 0/3 [pack.item_unpacked pick.item_unpicked pick.started]
         8000  R-DAMAGED  → accepted [stock.adjusted]
         9000  R-DAMAGED  → refused (other_mode)
         10000 10042      → refused (not_picked)
         11000 DONE@pick  → opened 2/3 [-]
         12000 A@pick     → completed 3/3 [pick.item_picked pick.completed]
         13000 10042      → opened 0/3 [pack.started]
         14000 A          → accepted 1/3
         15000 A          → accepted 2/3
         16000 B          → completed 3/3 [pack.item_packed FINISHED]",
    );
    assert_eq!(floor.stock("A"), (7, 0), "two in the parcel, one damaged");
}

#[test]
fn what_can_t_be_found_at_packing_is_short() {
    let floor = check_two_steps(
        "10042: 2xA 1xB via dhl",
        "stock A 10
         0     10042@pick  → opened 0/3
         1000  A@pick      → accepted 1/3
         2000  A@pick      → accepted 2/3
         3000  B@pick      → completed 3/3
         4000  10042       → opened 0/3
         5000  A           → accepted 1/3
         6000  B           → accepted 2/3
         7000  SHORT       → opened ?item
         8000  A           → opened ?cause
         9000  R-NOT-THERE → completed 2/2 [pick.item_unpicked pick.item_short notification.requested FINISHED]",
    );
    assert_eq!(floor.stock("A"), (8, 0), "a unit lost between shelf and bench is on neither");
    assert_eq!(floor.last("pick.item_short")["delta"], 0);
}

#[test]
fn what_turns_up_after_all_is_on_the_shelf_until_it_is_picked_again() {
    let floor = check_two_steps(
        "10042: 1xA 1xB via dhl",
        "stock A 10
         0    10042@pick  → opened 0/2
         1000 A@pick      → accepted 1/2
         2000 B@pick      → completed 2/2
         3000 10042       → opened 0/2
         4000 B           → accepted 1/2
         5000 SHORT       → opened
         6000 A           → opened
         7000 R-NOT-THERE → completed 1/1
         8000 UNDO        → accepted
         9000 10042@pick  → opened 1/2
         10000 A@pick     → completed 2/2",
    );
    assert_eq!(floor.stock("A"), (9, 0), "one unit is in the order");
}

#[test]
fn a_flow_that_was_changed_goes_on_with_what_was_begun() {
    let mut floor = check_two_steps(
        "10042: 2xA via dhl
         10043: 1xB via dhl",
        "0    10042@pick → opened 0/2 [pick.started]
         1000 A@pick     → accepted 1/2
         2000 DONE@pick  → accepted 1/2
         3000 10043@pick → opened 0/1
         4000 B@pick     → completed 1/1 [pick.item_picked pick.completed]",
    );
    floor.change_rules(|rules| rules.flow = Flow::SingleStep);
    play(
        &mut floor,
        "0    10042 → opened 0/2 [pack.started]
         1000 A     → accepted 1/2 [pack.item_packed]
         2000 A     → completed 2/2 [unit FINISHED]
         3000 DONE  → opened 0/1 [pack.started]
         4000 B     → completed 1/1 [pack.item_packed FINISHED]",
    );
}

#[test]
fn a_flow_that_was_changed_under_an_open_order_goes_on() {
    let mut floor = check_two_steps("10042: 2xA via dhl", "0 10042@pick → opened 0/2\n1000 A@pick → accepted 1/2");
    floor.change_rules(|rules| rules.flow = Flow::SingleStep);
    play(
        &mut floor,
        "0    A@pick → accepted 1/2 [pack.started pack.item_packed]
         1000 A@pick → completed 2/2 [unit FINISHED]",
    );
    let mut floor = check("10042: 2xA via dhl", "0 10042@pick → opened 0/2\n1000 A@pick → accepted 1/2");
    floor.change_rules(|rules| rules.flow = Flow::PickThenPack);
    play(
        &mut floor,
        "0    A@pick → completed 2/2 [pick.started pick.item_picked pick.completed]
         1000 10042  → opened 1/2
         2000 A      → completed 2/2",
    );
}

#[test]
fn a_flow_that_was_changed_under_an_open_order_lets_its_last_line_be_short() {
    let mut floor = check("10042: 1xA 1xB via dhl", "0 10042@pick → opened 0/2\n1000 A@pick → accepted 1/2");
    floor.change_rules(|rules| rules.flow = Flow::PickThenPack);
    play(
        &mut floor,
        "0    SHORT@pick   → opened
         1000 B@pick       → opened
         2000 R-OTHER@pick → completed 1/1 [pick.started pick.item_short notification.requested pick.completed]
         3000 10042        → opened 1/1
         4000 SEAL         → completed 1/1 [FINISHED]",
    );
}

#[test]
fn a_flow_that_was_changed_under_an_open_order_lets_its_goods_go_back() {
    for (last, put_back) in [
        ("", "accepted 1/2 [pick.item_unpicked pick.started]"),
        ("3000 B@pick → accepted 2/2", "completed [pick.item_unpicked]"),
    ] {
        let mut floor = check(
            "10042: 2xA 1xB via dhl",
            &format!(
                "0    10042@pick → opened 0/3
                 1000 A@pick     → accepted 1/3
                 2000 A@pick     → accepted 2/3
                 put 10042: 1xA 1xB via dhl
                 {last}
                 4000 REMOVE@pick → opened"
            ),
        );
        floor.change_rules(|rules| rules.flow = Flow::PickThenPack);
        play(&mut floor, &format!("0 A@pick → {put_back}"));
    }
}

/// Picked in part, with a unit in the open parcel, and open where items are picked: then the flow is changed.
fn picked_again_before_the_flow_was_changed() -> Floor {
    let mut floor = check_two_steps(
        "10042: 1xA 1xB via dhl",
        "0    10042@pick → opened 0/2
         1000 A@pick     → accepted 1/2
         2000 B@pick     → completed 2/2
         3000 10042      → opened 0/2
         4000 A          → accepted 1/2
         5000 REMOVE     → opened
         6000 B          → accepted 1/2 [pick.item_unpicked pick.started]
         7000 10042@pick → opened 1/2",
    );
    floor.change_rules(|rules| rules.flow = Flow::SingleStep);
    floor
}

#[test]
fn a_flow_that_was_changed_under_an_open_order_lets_its_parcel_be_closed() {
    play(
        &mut picked_again_before_the_flow_was_changed(),
        "0    SEAL@pick → completed 1/2 [pack.started pack.parcel_sealed dispatch.requested]
         1000 B@pick    → completed 2/2",
    );
}

#[test]
fn a_flow_that_was_changed_under_an_open_order_lets_a_unit_be_taken_out() {
    play(
        &mut picked_again_before_the_flow_was_changed(),
        "0    REMOVE@pick → opened
         1000 A@pick      → accepted 0/2 [pack.started pack.item_unpacked pick.item_unpicked]
         2000 A@pick      → accepted 1/2
         3000 B@pick      → completed 2/2",
    );
}

#[test]
fn an_order_that_grew_while_it_was_packed_is_picked_again() {
    for (before, after) in [("", ""), ("hold 1", "release 1")] {
        check_two_steps(
            "1: 1xA via dhl",
            &format!(
                "0    1@pick    → opened 0/1
                 1000 A@pick    → completed 1/1
                 2000 1         → opened 0/1
                 {before}
                 put 1: 2xA via dhl
                 {after}
                 3000 A         → refused (not_picked)
                 4000 DONE      → accepted 0/2
                 5000 DONE@pick → opened 1/2
                 6000 A@pick    → completed 2/2
                 7000 DONE      → opened 0/2
                 8000 A         → accepted 1/2
                 9000 A         → completed 2/2 [pack.item_packed FINISHED]"
            ),
        );
    }
}

#[test]
fn an_order_that_grew_and_shrank_while_it_was_packed_is_packed_on() {
    check_two_steps(
        "1: 2xA via dhl",
        "0    1@pick → opened 0/2
         1000 A@pick → accepted 1/2
         2000 A@pick → completed 2/2
         3000 1      → opened 0/2
         4000 A      → accepted 1/2
         put 1: 3xA via dhl
         put 1: 2xA via dhl
         5000 REMOVE → opened
         6000 A      → accepted 0/2 [pack.started pack.item_unpacked pick.item_unpicked pick.started]",
    );
}

#[test]
fn with_bins_the_place_comes_before_the_item() {
    check_with(
        |rules| {
            rules.flow = Flow::PickThenPack;
            rules.bins = true;
        },
        "10042: 1xA@B1 1xB@B2 1xC via dhl",
        "0     BIN:B1@pick → refused (no_order_open)
         500   10042@pick  → opened 0/3 ?bin
         1000  A@pick      → wrong (wrong_bin B1) ?bin
         2000  BIN:B9@pick → wrong (wrong_bin B1) ?bin
         3000  BIN:B1@pick → opened ?item [-]
         4000  B@pick      → wrong (wrong_bin B2) ?bin
         5000  A@pick      → accepted 1/3 [pick.item_picked]
         6000  C@pick      → accepted 2/3 [pick.item_picked]
         7000  BIN:B2@pick → opened ?item
         restart
         8000  B@pick      → completed 3/3 [pick.item_picked pick.completed]
         9000  10042       → opened 0/3
         10000 A           → accepted 1/3 [pack.item_packed]",
    );
}

#[test]
fn of_two_lines_with_one_item_the_one_in_this_bin_is_picked() {
    let floor = check_with(
        |rules| rules.bins = true,
        "10042: 1xA@B1 1xB@B2 via dhl",
        "put 10043: 2xA@B1 1xC via dhl
         0    10042   → opened 0/2
         1000 BIN:B2  → opened
         2000 B       → accepted 1/2
         3000 BIN:B1  → opened
         4000 A       → completed 2/2",
    );
    drop(floor);
}

#[test]
fn a_closed_parcel_of_an_order_that_is_picked_again_goes_its_way() {
    for picked_again in ["", "8000 DONE@pick → opened 1/2\n8500 B@pick → completed 2/2"] {
        check_two_steps(
            "10042: 1xA 1xB via dhl",
            &format!(
                "0    10042@pick → opened 0/2
                 1000 A@pick     → accepted 1/2
                 2000 B@pick     → completed 2/2
                 3000 10042      → opened 0/2
                 4000 A          → accepted 1/2
                 5000 SEAL       → completed 1/2
                 6000 REMOVE     → opened
                 7000 B          → accepted 1/2 [pick.item_unpicked pick.started]
                 {picked_again}
                 hold 10042
                 release 10042
                 label 10042/1 rev=1
                 9000 p0         → accepted [pack.parcel_labelled]
                 put 10042: 1xA 1xB via postnord
                 10000 p0@door   → wrong (relabel)
                 11000 p1@door   → accepted [pack.parcel_labelled dispatch.parcel_loaded]
                 12000 HANDOVER@door → completed 1/1 [dispatch.handed_over notification.requested]
                 13000 p1@door   → already (finished)
                 14000 R-LEFT-BEHIND@door → accepted [dispatch.left_behind dispatch.requested]"
            ),
        );
    }
}

#[test]
fn a_parcel_is_not_opened_again_while_its_order_is_picked_again() {
    check_two_steps(
        "10042: 1xA 1xB via dhl",
        "0    10042@pick → opened 0/2
         1000 A@pick     → accepted 1/2
         2000 B@pick     → completed 2/2
         3000 10042      → opened 0/2
         4000 A          → accepted 1/2
         5000 SEAL       → completed 1/2
         6000 DONE       → accepted 1/2
         7000 10042@2    → opened 1/2
         8000 REMOVE@2   → opened
         9000 B@2        → accepted 1/2
         10000 UNDO      → refused (nothing_to_undo)
         11000 p0@door   → accepted",
    );
}

#[test]
fn what_was_packed_stays_packed_while_the_order_is_picked_again() {
    check_two_steps(
        "10042: 2xA 1xB via dhl",
        "0    10042@pick → opened 0/3
         1000 A@pick     → accepted 1/3
         2000 A@pick     → accepted 2/3
         3000 B@pick     → completed 3/3
         4000 10042      → opened 0/3
         5000 A          → accepted 1/3
         6000 DONE       → accepted 1/3
         7000 10042@2    → opened 1/3
         8000 SEAL@2     → completed 1/3
         9000 A@2        → accepted 2/3
         10000 DONE@2    → accepted 2/3
         11000 10042@3   → opened 2/3
         12000 REMOVE@3  → opened
         13000 B@3       → accepted 2/3 [pick.item_unpicked pick.started]
         14000 UNDO@2    → refused (nothing_to_undo)
         15000 UNDO      → refused (nothing_to_undo)",
    );
}

#[test]
fn a_line_that_is_picked_is_not_short_where_items_are_picked() {
    let floor = check_two_steps(
        "10042: 1xA 1xB via dhl",
        "stock A 10
         0    10042@pick  → opened 0/2
         1000 A@pick      → accepted 1/2
         2000 SHORT@pick  → opened
         3000 A@pick      → over (line_complete)
         4000 B@pick      → opened ?cause",
    );
    assert_eq!(floor.stock("A"), (9, 0));
}
