//! Rounds: several orders at once, each in its tote.

use super::play::{check, check_two_steps, check_with};
use parceld::domain::rules::Flow;

#[test]
fn each_item_shows_its_tote_and_counts_when_that_tote_is_scanned() {
    check_two_steps(
        "10042: 1xA 1xB via dhl
         10043: 2xA via dhl
         10044: 1xC via dhl",
        "catalog B
         0     TOTE:t1@pick → opened ?order [-]
         1000  10042@pick   → opened 0/2 [pick.started]
         2000  10043@pick   → refused (wants_tote)
         3000  TOTE:t2@pick → opened ?order
         4000  10043@pick   → opened 0/2 [pick.started]
         5000  TOTE:t2@pick → already (finished)
         6000  TOTE:t3@pick → opened ?order
         7000  10042@pick   → already (finished)
         8000  DONE@pick    → opened 0/1 [pick.started]
         9000  A@pick       → opened ?tote [-]
         10000 TOTE:t2@pick → wrong (wrong_tote t1) ?tote
         11000 B@pick       → wrong (wrong_tote t1) ?tote
         12000 TOTE:t1@pick → accepted 1/2 [pick.item_picked]
         13000 A@pick       → opened ?tote
         restart
         14000 TOTE:t2@pick → accepted 1/2 [pick.item_picked]
         15000 A@pick       → opened ?tote
         16000 TOTE:t2@pick → completed 2/2 [pick.item_picked pick.completed]
         17000 A@pick       → over (line_complete)
         18000 D@pick       → unknown (unknown_code)
         19000 C@pick       → opened ?tote
         20000 CANCEL@pick  → accepted [-]
         21000 C@pick       → opened ?tote
         22000 TOTE:t3@pick → completed 1/1 [pick.item_picked pick.completed]
         23000 B@pick       → opened ?tote
         24000 TOTE:t1@pick → completed 2/2 [pick.item_picked pick.completed]
         25000 B@pick       → refused (no_order_open)
         26000 TOTE:t2      → opened 0/2 [pack.started]
         27000 A            → accepted 1/2 [pack.item_packed]
         28000 A            → completed 2/2 [pack.item_packed FINISHED]
         29000 TOTE:t9      → refused (empty_tote)",
    );
}

#[test]
fn a_round_has_as_many_orders_as_the_cart_has_totes() {
    check_with(
        |rules| {
            rules.flow = Flow::PickThenPack;
            rules.batch_size = 2;
        },
        "10042: 1xA via dhl
         10043: 1xA via dhl
         10044: 1xA via dhl",
        "catalog A
         0    TOTE:t1@pick → opened
         1000 DONE@pick    → opened 0/1
         2000 TOTE:t2@pick → opened
         3000 DONE@pick    → opened 0/1
         4000 TOTE:t3@pick → refused (round_full)
         5000 DONE@pick    → accepted [-]
         6000 A@pick       → refused (no_order_open)",
    );
}

#[test]
fn an_order_that_was_put_down_is_found_again_in_its_tote() {
    check_two_steps(
        "10042: 2xA via dhl
         10043: 1xB via dhl",
        "0    TOTE:t1@pick   → opened
         1000 10042@pick     → opened 0/2
         2000 A@pick         → opened ?tote
         3000 TOTE:t1@pick   → accepted 1/2
         4000 DONE@pick      → accepted
         5000 TOTE:t1@pick-2 → opened 1/2 [-]
         6000 TOTE:t2@pick   → opened ?order
         7000 TOTE:t1@pick   → refused (open_elsewhere pick-2)
         8000 A@pick-2       → completed 2/2
         9000 TOTE:t1@pick   → refused (tote_in_use 10042)
         10000 TOTE:t1       → opened 0/2 [pack.started]
         11000 A             → accepted 1/2
         12000 A             → completed 2/2 [pack.item_packed FINISHED]",
    );
}

#[test]
fn a_tote_is_free_as_soon_as_its_order_is_packed() {
    check_two_steps(
        "10042: 1xA via dhl
         10043: 1xB via dhl",
        "0    TOTE:t1@pick → opened
         1000 10042@pick   → opened 0/1
         2000 A@pick       → opened ?tote
         3000 TOTE:t1@pick → completed 1/1
         4000 TOTE:t1@pick → refused (tote_in_use 10042)
         5000 10042        → opened 0/1
         6000 A            → completed 1/1
         7000 TOTE:t1      → refused (empty_tote)
         8000 TOTE:t1@pick → opened ?order
         9000 10043@pick   → opened 0/1
         10000 TOTE:t1     → refused (not_picked)",
    );
}

#[test]
fn a_cart_of_parcels_is_picked_and_packed_at_once() {
    check(
        "10042: 1xA via dhl
         10043: 1xA via dhl",
        "0    TOTE:t1 → opened ?order
         1000 10042   → opened 0/1 [pack.started]
         2000 TOTE:t2 → opened ?order
         3000 10043   → opened 0/1 [pack.started]
         4000 A       → opened ?tote
         5000 TOTE:t1 → completed 1/1 [unit FINISHED]
         6000 A       → opened ?tote
         7000 TOTE:t2 → completed 1/1 [unit FINISHED]",
    );
}

#[test]
fn an_order_of_a_round_that_is_cancelled_takes_nobody_else_along() {
    check_two_steps(
        "10042: 1xA via dhl
         10043: 1xA via dhl",
        "0    TOTE:t1@pick → opened
         1000 10042@pick   → opened 0/1
         2000 TOTE:t2@pick → opened
         3000 10043@pick   → opened 0/1
         cancel 10042
         4000 A@pick       → opened ?tote
         5000 TOTE:t2@pick → completed 1/1",
    );
}

#[test]
fn a_tote_is_free_when_its_order_is_packed() {
    check_two_steps(
        "10042: 1xA via dhl
         10043: 1xA via dhl",
        "0    TOTE:t1@pick → opened
         1000 10042@pick   → opened 0/1
         2000 A@pick       → opened ?tote
         3000 TOTE:t1@pick → completed 1/1
         4000 TOTE:t1@pick → refused (tote_in_use 10042)
         5000 TOTE:t1      → opened 0/1
         6000 A            → completed 1/1
         7000 TOTE:t1      → refused (empty_tote)
         8000 TOTE:t1@pick → opened ?order
         9000 10043@pick   → opened 0/1",
    );
}

#[test]
fn a_line_that_is_named_is_taken_out_of_the_order_that_has_it_and_goes_to_its_own_stock() {
    let floor = check_two_steps(
        "1: 1xB via dhl
         2: 1xA 1xC via dhl",
        "stock A 10
         stock B 5
         0    TOTE:t1@pick → opened
         1000 1@pick       → opened 0/1
         2000 TOTE:t2@pick → opened
         3000 2@pick       → opened 0/2
         4000 A@pick       → opened ?tote
         5000 TOTE:t2@pick → accepted 1/2
         6000 REMOVE@pick  → opened
         7000 LINE:1@pick  → accepted 0/2 [pick.item_unpicked]",
    );
    assert_eq!((floor.stock("A"), floor.stock("B")), ((10, 1), (5, 1)));
}
