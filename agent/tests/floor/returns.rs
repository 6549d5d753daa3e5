//! Goods that come back.

use super::play::check;

#[test]
fn a_return_is_received_inspected_and_completed() {
    let floor = check(
        "10042: 2xA 1xB via dhl",
        "catalog A B C
         stock A 5
         return r-1 of 10042: 2xA 1xB
         0    A@desk         → opened ?condition
         500  CANCEL@desk    → accepted
         800  CANCEL@desk    → accepted
         1000 r-1@desk       → opened 0/3 ?item [return.received notification.requested]
         2000 A@desk         → opened ?condition [-]
         3000 B@desk         → wrong (unfit) ?condition
         4000 DONE@desk      → wrong (unfit) ?condition
         5000 C-RESTOCK@desk → accepted 1/3 [return.item_inspected]
         restart
         6000 LINE:1@desk    → opened ?condition
         7000 C-MISSING@desk → accepted 1/3 [return.item_inspected]
         8000 C@desk         → opened ?condition
         9000 C-DISCARD@desk → accepted 2/3
         10000 UNDO@desk     → accepted 1/3 [return.item_inspected]
         11000 nobody@desk   → unknown (unknown_code)
         12000 DONE@desk     → completed 1/3 [return.completed]
         13000 r-1@desk      → already (finished)",
    );
    assert_eq!(floor.stock("A").0, 6);
    let done = floor.last("return.completed");
    assert_eq!(done["resolution"], "refund");
    assert_eq!(done["outstanding"][0]["sku"], "sku-B");
    assert_eq!(done["items"].as_array().unwrap().len(), 2);
    assert_eq!(floor.last("return.received")["return"]["authorized"], true);
}

#[test]
fn what_nobody_announced_is_taken_all_the_same() {
    let floor = check(
        "10042: 1xA via dhl",
        "catalog A B
         0    10042          → opened 0/1
         1000 A              → completed 1/1
         2000 p0@door        → accepted
         3000 HANDOVER@door  → completed 1/1
         4000 p0@desk        → opened 0/0 ?item [return.received notification.requested]
         5000 A@desk         → opened ?condition
         6000 C-INSPECT@desk → accepted 1/0
         7000 DONE@desk      → completed 1/0 [return.completed]
         8000 B@desk         → opened ?condition [return.received]
         9000 C-RESTOCK@desk → accepted 1/0
         10000 DONE@desk     → completed 1/0
         11000 DONE@desk     → refused (nothing_to_close)
         12000 HANDOVER@desk → refused (other_mode)",
    );
    assert_eq!(floor.stock("B"), (1, 0));
    let completed = floor.last("return.completed");
    assert_eq!(
        (&completed["return"]["authorized"], &completed["return"]["id"]),
        (&false.into(), &"sthlm-03-r1".into())
    );
    assert!(completed.get("order").is_none());
}

#[test]
fn the_order_or_its_parcel_finds_the_return_that_was_announced_for_it() {
    check(
        "10042: 1xA via dhl",
        "return r-1 of 10042: 1xA
         0    10042@desk → opened 0/1 [return.received notification.requested]
         1000 DONE@desk  → completed 0/1
         2000 10042@desk → opened 0/0 [return.received]",
    );
}

#[test]
fn a_serial_that_came_back_on_the_shelf_can_be_packed_again() {
    check(
        "1: 1xA:s via dhl
         2: 1xA:s via dhl",
        "catalog A
         0    1      → opened 0/1
         1000 A+s=S1 → completed 1/1
         2000 p0@door → accepted
         3000 HANDOVER@door → completed 1/1
         4000 2      → opened 0/1
         5000 A+s=S1 → already (serial_used)
         6000 p0@desk → opened 0/0
         7000 A+s=S1@desk → opened
         8000 C-RESTOCK@desk → accepted 1/0
         9000 A+s=S1 → completed 1/1",
    );
}

#[test]
fn goods_of_a_cancelled_order_are_scanned_back_one_by_one() {
    let floor = check(
        "10042: 2xA 1xB via dhl",
        "stock A 10
         0    10042 → opened 0/3
         1000 A     → accepted 1/3
         2000 A     → accepted 2/3
         3000 B     → completed 3/3
         cancel 10042
         4000 10042@desk → opened 0/3 ?item [-]
         5000 A@desk     → accepted [pick.item_unpicked]
         6000 C@desk     → unknown (unknown_code)
         7000 DONE@desk  → accepted
         8000 p0@desk    → opened 0/2
         9000 A@desk     → accepted [pick.item_unpicked]
         10000 R-DAMAGED@desk → accepted [stock.adjusted]
         11000 A@desk    → wrong (not_on_order)
         12000 B@desk    → completed [pick.item_unpicked]
         13000 10042@desk → opened 0/0 [return.received]",
    );
    assert_eq!(floor.stock("A"), (9, 0));
}

#[test]
fn goods_without_a_readable_code_are_put_back_by_their_line() {
    let floor = check(
        "10042: 1xA 2xB via dhl",
        "stock A 10
         stock B 10
         0    10042 → opened 0/3
         1000 A     → accepted 1/3
         2000 B     → accepted 2/3
         3000 B     → completed 3/3
         cancel 10042
         4000 10042@desk  → opened 0/3
         5000 LINE:2@desk → accepted [pick.item_unpicked]
         6000 LINE:1@desk → accepted [pick.item_unpicked]
         7000 LINE:1@desk → wrong (not_on_order)
         8000 LINE:9@desk → wrong (not_on_order)
         9000 LINE:2@desk → completed [pick.item_unpicked]",
    );
    assert_eq!((floor.stock("A"), floor.stock("B")), ((10, 0), (10, 0)));
}

#[test]
fn a_return_open_at_one_desk_is_taken_over_by_another() {
    check(
        "10042: 1xA via dhl",
        "catalog A
         return r-1: 1xA
         0    r-1@desk   → opened 0/1
         1000 RETURN@2   → opened
         2000 r-1@2      → refused (open_elsewhere desk)
         3000 TAKE@2     → opened ?order
         4000 r-1@2      → opened 0/1
         5000 A@desk     → opened ?condition [return.received]
         6000 CANCEL@desk → accepted
         7000 A@2        → opened ?condition [-]
         8000 C-RESTOCK@2 → accepted 1/1",
    );
}

#[test]
fn an_order_finds_its_own_return_whatever_is_open_here() {
    check(
        "10042: 1xA via dhl
         10043: 1xA via dhl",
        "return r-1 of 10042: 1xA
         return r-2 of 10043: 2xA
         0    10042@desk → opened 0/1 [return.received notification.requested]
         1000 A@desk     → opened ?condition
         2000 C-RESTOCK@desk → accepted 1/1
         3000 10043@desk → opened 0/2 [return.received notification.requested]
         4000 UNDO@desk  → accepted 0/1 [return.item_inspected]
         5000 10042@desk → opened 0/1 [-]",
    );
}
