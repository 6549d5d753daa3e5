//! The bench where one scan picks and packs.

use super::play::{Floor, check};
use serde_json::Value;

#[test]
fn picks_and_packs_until_the_order_is_complete() {
    check(
        "10042: 2xA 1xB via dhl",
        "0     10042 → opened 0/3 [pack.started]
         1000  A     → accepted 1/3 [unit]
         1090  A     → silent
         1400  A     → accepted 2/3 [unit]
         3000  A     → over (line_complete)
         4000  B     → completed 3/3 [unit FINISHED]
         5000  10042 → already (finished)
         6000  p0    → accepted [pack.parcel_labelled]
         6500  p0    → already (finished)
         catalog B
         7000  B     → refused (no_order_open)",
    );
}

#[test]
fn tells_apart_wrong_unknown_and_refused_items() {
    check(
        "10042: 2xA via dhl
         10043: 1xC via dhl",
        "catalog C
         0     C      → refused (no_order_open)
         1000  nobody → unknown (unknown_code)
         2000  10042  → opened 0/2 [pack.started]
         3000  C      → wrong (not_on_order)
         4000  nobody → unknown (unknown_code)
         5000  FORGED → refused (check_failed)
         6000  p6     → unknown (unknown_code)
         7000  A      → accepted 1/2 [unit]",
    );
}

#[test]
fn a_code_that_goes_on_and_on_is_one_unit() {
    check(
        "10042: 3xA via dhl",
        "0    10042 → opened 0/3 [pack.started]
         1000 A → accepted 1/3 [unit]
         1140 A → silent
         1280 A → silent
         1420 A → silent
         1569 A → silent
         1719 A → accepted 2/3 [unit]",
    );
}

#[test]
fn bounce_is_one_scanner_s_own() {
    check(
        "10042: 2xA via dhl
         10043: 2xA via dhl",
        "0    10042   → opened 0/2 [pack.started]
         0    10043@2 → opened 0/2 [pack.started]
         1000 A       → accepted 1/2 [unit]
         1010 A@2     → accepted 1/2 [unit]
         1020 A       → silent",
    );
}

#[test]
fn a_wrong_scan_bounces_too() {
    check(
        "10042: 1xA via dhl",
        "0    X → unknown (unknown_code)
         90   X → silent
         1000 X → unknown (unknown_code)",
    );
}

#[test]
fn done_opens_the_next_and_puts_down() {
    check(
        "10042: 1xA via dhl
         10043: 1xB via dhl",
        "0    DONE    → opened 0/1 [pack.started]
         1000 DONE@2  → opened 0/1 [pack.started]
         2000 DONE@3  → already (nothing_waits)
         3000 DONE    → accepted 0/1
         4000 DONE@3  → opened 0/1
         5000 10042   → refused (open_elsewhere 3)
         6000 10043   → refused (open_elsewhere 2)",
    );
}

#[test]
fn an_order_that_was_put_down_is_offered_after_all_others() {
    check(
        "10042: 1xA via dhl
         10043: 1xB via dhl",
        "0    DONE  → opened 0/1 [pack.started]
         1000 DONE  → accepted 0/1
         2000 DONE  → opened 0/1 [pack.started]
         3000 B     → completed 1/1 [unit FINISHED]
         4000 DONE  → opened 0/1
         5000 DONE  → accepted 0/1
         6000 DONE  → opened 0/1
         7000 A     → completed 1/1 [unit FINISHED]",
    );
}

#[test]
fn an_order_with_units_in_it_is_put_down_before_another_is_opened() {
    check(
        "10042: 2xA via dhl
         10043: 1xB via dhl",
        "0    10042 → opened 0/2 [pack.started]
         1000 10043 → opened 0/1 [pack.started]
         2000 10042 → opened 0/2
         3000 A     → accepted 1/2 [unit]
         4000 10043 → refused (order_open 10042)
         5000 10042 → opened 1/2
         6000 CANCEL → accepted
         7000 10043 → opened 0/1
         8000 B     → completed 1/1 [unit pack.parcel_sealed pack.completed dispatch.requested notification.requested]
         9000 10042 → opened 1/2",
    );
}

#[test]
fn seal_in_the_middle_makes_several_parcels() {
    let site = check(
        "10042: 2xA 1xB via dhl",
        "0    SEAL  → refused (no_order_open)
         500  10042 → opened 0/3 [pack.started]
         1000 SEAL  → refused (nothing_to_close)
         2000 A     → accepted 1/3 [unit]
         3000 SEAL  → completed 1/3 [pack.parcel_sealed dispatch.requested]
         4000 SEAL  → refused (nothing_to_close)
         5000 A     → accepted 2/3 [unit]
         6000 B     → completed 3/3 [unit FINISHED]",
    );
    let requested = site.all("dispatch.requested").into_iter();
    let requested: Vec<(Value, Value)> = requested.map(|data| (data["parcel"].clone(), data["of"].clone())).collect();
    assert_eq!(requested, [(1.into(), Value::Null), (2.into(), 2.into())]);
}

#[test]
fn nobody_is_told_who_allows_no_channel() {
    check(
        "10042: 1xA via dhl quiet",
        "0    10042 → opened 0/1 [pack.started]
         1000 A → completed 1/1 [unit pack.parcel_sealed pack.completed dispatch.requested]
         2000 p0@door → accepted [pack.parcel_labelled dispatch.parcel_loaded]
         3000 HANDOVER@door → completed 1/1 [dispatch.handed_over order.completed]",
    );
}

#[test]
fn refuses_what_was_cancelled() {
    check(
        "10042: 2xA via dhl
         10043: 1xB via dhl",
        "0    10042 → opened 0/2 [pack.started]
         1000 A     → accepted 1/2 [unit]
         cancel 10042
         2000 A     → refused (cancelled)
         3000 SEAL  → refused (cancelled)
         4000 DONE  → accepted 1/2
         5000 10042 → refused (cancelled)
         cancel 10043
         7000 DONE  → already (nothing_waits)",
    );
}

#[test]
fn a_smaller_order_is_finished_by_seal() {
    check(
        "10042: 2xA 1xB via dhl",
        "0    10042 → opened 0/3 [pack.started]
         1000 A     → accepted 1/3 [unit]
         put 10042: 1xA via dhl
         2000 A     → over (line_complete)
         3000 SEAL  → completed 1/1 [FINISHED]",
    );
}

#[test]
fn modes_change_what_scans_mean() {
    check(
        "10042: 1xA via dhl",
        "catalog A
         0     10042    → opened 0/1 [pack.started]
         1000  HANDOVER → refused (other_mode)
         2000  LOAD     → opened
         3000  A        → refused (other_mode)
         4000  10042    → refused (other_mode)
         5000  DONE     → refused (other_mode)
         6000  SEAL     → refused (other_mode)
         7000  HANDOVER → refused (nothing_to_close)
         8000  X        → unknown (unknown_code)
         9000  PACK     → opened
         10000 A        → refused (no_order_open)
         11000 PICK     → opened
         12000 10042    → opened 0/1",
    );
}

#[test]
fn a_scan_whose_answer_was_lost_counts_when_scanned_once_more() {
    for (lost, again) in [("crash", "already (perhaps_counted)"), ("restart", "accepted 2/4 [unit]")] {
        check(
            "10042: 4xA via dhl",
            &format!(
                "0     10042 → opened 0/4 [pack.started]
                 5000  A → accepted 1/4 [unit]
                 {lost}
                 10    A → {again}"
            ),
        );
    }
    check(
        "10042: 4xA 1xB via dhl",
        "0    10042 → opened 0/5 [pack.started]
         5000 A → accepted 1/5 [unit]
         crash
         10   A → already (perhaps_counted)
         90   A → silent
         500  A → accepted 2/5 [unit]
         700  A → accepted 3/5 [unit]
         crash
         10   B → accepted 4/5 [unit]
         400  A → completed 5/5 [unit pack.parcel_sealed pack.completed dispatch.requested notification.requested]",
    );
}

#[test]
fn a_scan_that_counted_for_nothing_is_not_asked_about() {
    check(
        "10042: 1xA via dhl",
        "0  10042 → opened 0/1 [pack.started]
         crash
         10 10042 → opened 0/1
         crash
         10 DONE  → accepted 0/1
         crash
         10 DONE  → opened 0/1",
    );
}

#[test]
fn low_stock_is_told_once() {
    check(
        "10042: 4xA via dhl",
        "stock A 4
         0    10042 → opened 0/4 [pack.started]
         1000 A → accepted 1/4 [unit]
         2000 A → accepted 2/4 [unit stock.low]
         3000 A → accepted 3/4 [unit]",
    );
}

#[test]
fn says_what_would_have_been_right() {
    let mut floor = check("10042: 1xA 2xB via dhl", "catalog C\n0 10042 → opened 0/3\n1000 A → accepted 1/3");
    let (wrong, _) = floor.scan("C");
    assert_eq!((wrong.order.as_deref(), wrong.item.as_deref()), (Some("10042"), Some("Product C")));
    assert_eq!(wrong.expected, vec!["Product B".into()]);
    floor.wait(1_000);
    let (over, _) = floor.scan("A");
    assert_eq!((over.item.as_deref(), over.expected), (Some("Product A"), vec!["Product B".into()]));
    let (unknown, _) = floor.scan("no\u{1b}body");
    assert_eq!(unknown.item.as_deref(), Some("no\u{fffd}body"));
}

#[test]
fn what_is_sealed_is_what_was_put_in() {
    let floor = check(
        "10042: 2xA 1xB via dhl",
        "0    10042 → opened 0/3
         1000 A → accepted 1/3
         2000 B → accepted 2/3
         3000 A → completed 3/3",
    );
    let sealed = floor.last("pack.parcel_sealed");
    assert_eq!((&sealed["parcel"], &sealed["sscc"]), (&1.into(), &"073500530000000001".into()));
    let contents: Vec<_> = sealed["contents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["sku"].clone(), item["quantity"].clone()))
        .collect();
    assert_eq!(contents, [("sku-A".into(), 2.into()), ("sku-B".into(), 1.into())]);
}

#[test]
fn the_courier_is_asked_for_with_a_key_and_the_collection() {
    let floor = check("10042: 1xA via dhl", "0 10042 → opened 0/1\n1000 A → completed 1/1");
    let requested = floor.last("dispatch.requested");
    assert_eq!(requested["key"], "o-10042/1/dhl@2026-11-22T16:30/1");
    assert_eq!(
        (&requested["of"], &requested["final"], &requested["carrier_name"]),
        (&1.into(), &true.into(), &"DHL".into())
    );
    assert_eq!(requested["collection"]["at"], "2026-11-22T16:30:00Z");
    assert_eq!(requested["time_left_s"], 8 * 3_600 + 1_800 - 1);
}

#[test]
fn without_a_trusted_clock_the_courier_is_asked_for_without_a_collection() {
    let mut floor = Floor::new(|_| {});
    floor.put("10042: 1xA via dhl");
    floor.distrust_clock();
    super::play::play(&mut floor, "0 10042 → opened 0/1\n1000 A+e=2020-01-01 → completed 1/1");
    let requested = floor.last("dispatch.requested");
    assert_eq!((&requested["key"], &requested["collection"]), (&"o-10042/1/-/1".into(), &Value::Null));
}

#[test]
fn a_pick_takes_stock_off_even_where_none_is_known() {
    let floor = check("10042: 2xA via dhl", "0 10042 → opened 0/2\n1000 A → accepted 1/2");
    assert_eq!(floor.stock("A"), (-1, 1));
}

#[test]
fn a_code_that_is_on_the_order_is_that_item_whatever_else_it_may_be() {
    check(
        "A: 1xB via dhl
         10042: 1xA via dhl",
        "0    10042 → opened 0/1
         1000 A     → completed 1/1
         2000 A     → opened 0/1",
    );
}

#[test]
fn an_orderly_restart_does_not_tell_whether_an_answer_before_the_crash_was_heard() {
    check(
        "10042: 3xA via dhl",
        "0    10042 → opened 0/3
         5000 A → accepted 1/3
         crash
         restart
         10   A → already (perhaps_counted)
         restart
         10   A → accepted 2/3",
    );
}
