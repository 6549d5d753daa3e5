//! Counting and receiving.

use super::play::{Floor, check, order, play};

#[test]
fn a_count_is_written_by_done_with_its_difference() {
    let floor = check(
        "",
        "catalog A B
         stock A 10
         stock B 5
         0    DONE@shelf   → refused (nothing_to_close)
         500  BIN:B1@shelf → opened ?item
         1000 A@shelf      → accepted 1/1 [-]
         2000 Q-8@shelf    → accepted 8/8 [-]
         3000 B@shelf      → accepted 1/1
         4000 B@shelf      → accepted 2/2
         5000 B@shelf      → accepted 3/3
         6000 UNDO@shelf   → accepted 2/2
         7000 X@shelf      → unknown (unknown_code)
         restart
         8000 DONE@shelf   → completed 10/10 [stock.counted stock.counted stock.low]",
    );
    assert_eq!((floor.stock("A"), floor.stock("B")), ((8, 0), (2, 0)));
    let counted = floor.last_where("stock.counted", |data| data["sku"] == "sku-A");
    assert_eq!((&counted["counted"], &counted["delta"], &counted["bin"]), (&8.into(), &(-2).into(), &"B1".into()));
}

#[test]
fn a_product_can_be_counted_while_it_is_picked() {
    let floor = check(
        "10042: 2xA via dhl",
        "catalog A
         stock A 10
         0    10042      → opened 0/2
         1000 A          → accepted 1/2
         2000 A@shelf    → accepted 1/1
         3000 Q-9@shelf  → accepted 9/9
         4000 A          → completed 2/2
         5000 DONE@shelf → completed 9/9 [stock.counted]",
    );
    assert_eq!(floor.stock("A"), (8, 0), "what was picked behind the count stays picked");
}

#[test]
fn a_unit_whose_first_packet_was_lost_is_counted_when_it_comes_again() {
    let floor = check(
        "",
        "catalog A
         0     A@gate    → accepted 1/1
         10000 A!!@gate  → accepted 2/2
         11000 DONE@gate → completed 2/2",
    );
    assert_eq!(floor.stock("A"), (2, 0));
}

#[test]
fn cancel_drops_an_unwritten_count() {
    let floor = check(
        "",
        "catalog A
         stock A 10
         0    A@shelf      → accepted 1/1
         1000 PACK@shelf   → refused (unwritten)
         2000 CANCEL@shelf → accepted
         3000 DONE@shelf   → refused (nothing_to_close)
         4000 A@shelf      → accepted 1/1
         5000 Q-0@shelf    → accepted 0/0
         6000 DONE@shelf   → completed 0/0 [stock.counted stock.low]",
    );
    assert_eq!(floor.stock("A"), (0, 0));
}

#[test]
fn a_receipt_adds_to_the_stock() {
    let floor = check(
        "",
        "catalog A B
         stock A 10
         0    A@gate     → accepted 1/1
         1000 Q-24@gate  → accepted 24/24
         2000 A+u=6@gate → accepted 30/30
         3000 B@gate     → accepted 1/1
         4000 DONE@gate  → completed 31/31 [stock.adjusted stock.adjusted]
         5000 HANDOVER@gate → refused (other_mode)
         6000 Q-5@gate   → refused (unfit)",
    );
    assert_eq!((floor.stock("A"), floor.stock("B")), ((40, 0), (1, 0)));
    assert_eq!(floor.last("stock.adjusted")["reason"], "receipt");
}

#[test]
fn stock_set_as_of_a_place_keeps_every_movement_since() {
    let mut floor = check(
        "10042: 3xA via dhl",
        "catalog A
         stock A 10
         0    10042     → opened 0/3
         1000 A         → accepted 1/3",
    );
    let as_of = floor.place();
    super::play::play(
        &mut floor,
        "2000 A          → accepted 2/3
         3000 UNDO       → accepted 1/3
         4000 A          → accepted 2/3
         5000 A@gate     → accepted 1/1
         6000 Q-5@gate   → accepted 5/5
         7000 DONE@gate  → completed 5/5
         8000 SHORT      → opened
         9000 A          → opened
         10000 R-DAMAGED → completed 2/2",
    );
    floor.set_stock_as_of("A", 20, &as_of);
    assert_eq!(floor.stock("A"), (20 - 1 + 5 - 1, 0));
    floor.assert_consistent();
}

#[test]
fn a_count_whose_answer_was_lost_counts_when_scanned_once_more() {
    check(
        "",
        "catalog A
         0    A@gate → accepted 1/1
         crash
         100  A@gate → already (perhaps_counted)
         1000 A@gate → accepted 2/2
         2000 DONE@gate → completed 2/2",
    );
}

#[test]
fn two_products_with_one_barcode_are_each_taken_from_their_own_stock() {
    let mut floor = Floor::new(|_| {});
    let mut alike = order("10042: 1xM 1xG via dhl", 1);
    alike["lines"][1]["barcodes"] = ["M"].into();
    assert_eq!(floor.tell("order.put", alike), "accepted");
    play(
        &mut floor,
        "stock M 10
         stock G 5
         0    10042  → opened 0/2
         1000 M      → accepted 1/2 [unit]
         2000 M      → completed 2/2 [unit FINISHED]",
    );
    assert_eq!((floor.stock("M"), floor.stock("G")), ((9, 0), (4, 0)));
}
