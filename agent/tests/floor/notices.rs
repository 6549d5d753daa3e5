//! What customers are told, and what a newer notice makes old.

use super::play::{Floor, check, check_with, order, play};
use parceld::domain::notice::Milestone;
use parceld::domain::rules::Rules;
use serde_json::{Value, json};

/// Each key that was asked for, without site and order, and what it replaces.
fn told(floor: &Floor) -> Vec<String> {
    let short = |key: &Value| key.as_str().unwrap().splitn(3, '/').last().unwrap().to_owned();
    let one = |notice: &Value| {
        let also = notice["also_replaces"].as_array().into_iter().flatten();
        let old: Vec<_> = notice.get("replaces").into_iter().chain(also).map(short).collect();
        [vec![short(&notice["key"])], old].concat().join(" < ")
    };
    floor.all("notification.requested").iter().map(one).collect()
}

#[test]
fn the_customer_hears_of_each_step_and_the_newer_replaces_the_older() {
    let floor = check(
        "10042: 2xA via dhl",
        "0    10042 → opened 0/2
         1000 A     → accepted 1/2
         2000 SEAL  → completed 1/2 [pack.parcel_sealed dispatch.requested]
         3000 A     → completed 2/2 [unit FINISHED]
         4000 p0@door → accepted
         5000 p1@door → accepted
         restart
         6000 HANDOVER@door → completed 2/2 [dispatch.handed_over notification.requested dispatch.handed_over \
             notification.requested order.completed]",
    );
    let expected = [
        "-/order_accepted/1",
        "-/packed/1 < -/order_accepted/1",
        "1/handed_over/1 < -/packed/1",
        "2/handed_over/1 < -/packed/1",
    ];
    assert_eq!(told(&floor), expected);
    assert_eq!(floor.last("notification.requested")["items"][0]["name"], "Product A");
}

#[test]
fn whoever_allows_no_channel_hears_nothing() {
    let floor = check(
        "10042: 2xA via dhl quiet",
        "0    10042 → opened 0/2 [pack.started]
         1000 A     → accepted 1/2
         2000 SHORT → opened
         3000 A     → opened
         4000 R-OTHER → completed 1/1 [pick.item_short pack.parcel_sealed pack.completed dispatch.requested]
         cancel 10042",
    );
    assert_eq!(told(&floor), Vec::<String>::new());
}

#[test]
fn a_milestone_that_the_site_leaves_out_is_neither_told_nor_replaced() {
    let floor = check_with(
        |rules| rules.notices.asked.retain(|milestone, _| *milestone != Milestone::Packed),
        "10042: 1xA via dhl",
        "0    10042 → opened 0/1
         1000 A     → completed 1/1 [unit pack.parcel_sealed pack.completed dispatch.requested]
         2000 p0@door → accepted
         3000 HANDOVER@door → completed 1/1",
    );
    assert_eq!(told(&floor), ["-/order_accepted/1", "1/handed_over/1 < -/order_accepted/1"]);
}

#[test]
fn packed_again_is_told_again_only_with_other_units() {
    let floor = check(
        "10042: 2xA via dhl",
        "0    10042 → opened 0/2
         1000 A     → accepted 1/2
         2000 A     → completed 2/2 [unit FINISHED]
         3000 UNDO  → accepted 1/2
         4000 A     → completed 2/2 [unit pack.parcel_sealed pack.completed dispatch.requested]
         5000 UNDO  → accepted 1/2
         6000 SHORT → opened
         7000 A     → opened
         8000 R-DAMAGED → completed 1/1 [pick.item_short notification.requested FINISHED]",
    );
    let expected =
        ["-/order_accepted/1", "-/packed/1 < -/order_accepted/1", "-/short_shipped/1", "-/packed/2 < -/packed/1"];
    assert_eq!(told(&floor), expected);
}

#[test]
fn what_does_not_come_is_told_at_once_and_told_again_when_it_turns_up() {
    let floor = check(
        "10042: 2xA 1xB via dhl",
        "0    10042 → opened 0/3
         1000 A     → accepted 1/3
         2000 SHORT → opened
         3000 A     → opened
         4000 R-NOT-THERE → accepted 1/2 [pick.item_short notification.requested]
         restart
         5000 UNDO  → accepted 1/3 [pick.item_short notification.requested]
         6000 SHORT → opened
         7000 B     → opened
         8000 R-OTHER → accepted 1/2 [pick.item_short notification.requested]",
    );
    assert_eq!(told(&floor)[1..], ["-/short_shipped/1", "-/short_shipped/2", "-/short_shipped/3"]);
    let all = floor.all("notification.requested");
    let short: Vec<_> = all[1..].iter().map(|notice| (&notice["short"], notice.get("reason"))).collect();
    let (one_a, one_b) = (json!([{"name": "Product A", "quantity": 1}]), json!([{"name": "Product B", "quantity": 1}]));
    let (not_there, other) = (json!("not_there"), json!("other"));
    assert_eq!(short, [(&one_a, Some(&not_there)), (&json!([]), None), (&one_b, Some(&other))]);
}

#[test]
fn an_order_held_for_a_shortage_tells_of_it_when_it_goes_on() {
    let short = "0    10042 → opened 0/2
                 1000 SHORT → opened
                 2000 A     → opened
                 3000 R-OTHER → accepted [pick.item_short order.held]";
    let order = "10042: 1xA 1xB via dhl short=hold";
    let mut floor = check(order, short);
    assert_eq!(told(&floor), ["-/order_accepted/1"]);
    play(&mut floor, "release 10042");
    assert_eq!(told(&floor)[1..], ["-/short_shipped/1"]);
    let floor = check(order, &format!("{short}\n4000 UNDO → accepted 0/2 [order.released pick.item_short]"));
    assert_eq!(told(&floor), ["-/order_accepted/1"], "it was made good before anybody was told");
}

#[test]
fn a_cancellation_is_told_if_the_platform_wants_it_and_never_when_the_order_goes_elsewhere() {
    for (data, expected) in [
        (json!({"reason": "customer"}), vec!["-/order_accepted/1", "-/cancelled/1"]),
        (json!({"reason": "fraud", "notify": false}), vec!["-/order_accepted/1"]),
        (json!({"reason": "rerouted", "notify": true}), vec!["-/order_accepted/1"]),
    ] {
        let mut floor = check("10042: 1xA via dhl", "");
        let mut cancel = json!({"id": "o-10042", "revision": 2});
        cancel.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
        assert_eq!(floor.tell("order.cancel", cancel), "accepted", "{data}");
        assert_eq!(told(&floor), expected, "{data}");
    }
}

#[test]
fn an_order_that_ends_for_a_shortage_says_why() {
    let floor = check(
        "10042: 1xA via dhl",
        "0    10042 → opened 0/1
         1000 SHORT → opened
         2000 A     → opened
         3000 R-NOT-THERE → accepted [pick.item_short order.cancelled notification.requested]",
    );
    assert_eq!(told(&floor), ["-/order_accepted/1", "-/cancelled/1"]);
    let notice = floor.last("notification.requested");
    assert_eq!((&notice["reason"], &notice["items"][0]["quantity"]), (&"short".into(), &1.into()));
}

/// A carrier whose parcels can be followed, and needn't have their number when they leave.
fn tracked(rules: &mut Rules) {
    rules.carriers[0].tracking_url = Some("https://track.example.com/{tracking}".into());
}

const AWAY: &str = "0    10042 → opened 0/1
                    1000 A     → completed 1/1
                    2000 p0@door → accepted
                    3000 HANDOVER@door → completed 1/1 [dispatch.handed_over order.completed]";

#[test]
fn on_its_way_waits_for_the_number_and_is_said_anew_when_it_changes() {
    let mut floor = check_with(tracked, "10042: 1xA via dhl", AWAY);
    assert_eq!(told(&floor), ["-/order_accepted/1", "-/packed/1 < -/order_accepted/1"]);
    play(
        &mut floor,
        "restart
         label 10042/1 rev=1 → rejected (handed_over)
         label 10042/1 rev=1 tracking=T1
         label 10042/1 rev=1 tracking=T1 → duplicate (duplicate)
         label 10042/1 rev=2 tracking=T2 zpl=^XA^XZ
         label 10042/1 rev=1 tracking=T1 → rejected (stale)
         label 10042/1 rev=3 tracking=T2",
    );
    assert_eq!(told(&floor)[2..], ["1/handed_over/1 < -/packed/1", "1/handed_over/2 < 1/handed_over/1"]);
    let notice = floor.last("notification.requested");
    assert_eq!(notice["tracking_url"], "https://track.example.com/T2");
    assert_eq!(floor.printed(), Vec::<String>::new(), "no label for a parcel that is gone");
}

#[test]
fn a_number_that_was_there_in_time_is_told_at_hand_over() {
    let floor = check_with(
        tracked,
        "10042: 1xA via dhl",
        "0    10042 → opened 0/1
         1000 A     → completed 1/1
         label 10042/1 rev=1 tracking=T1
         2000 p0@door → accepted
         3000 HANDOVER@door → completed 1/1 [dispatch.handed_over notification.requested order.completed]",
    );
    assert_eq!(floor.last("notification.requested")["tracking"], "T1");
}

#[test]
fn a_parcel_left_behind_is_not_on_its_way_twice() {
    let floor = check(
        "10042: 1xA via dhl",
        "0    10042 → opened 0/1
         1000 A     → completed 1/1
         2000 p0@door → accepted
         3000 HANDOVER@door → completed 1/1 [dispatch.handed_over notification.requested order.completed]
         5000 p0@door → already (finished)
         6000 R-LEFT-BEHIND@door → accepted [dispatch.left_behind dispatch.requested]
         7000 p0@door → accepted
         8000 HANDOVER@door → completed 1/1 [dispatch.handed_over order.completed]",
    );
    assert_eq!(told(&floor)[2..], ["1/handed_over/1 < -/packed/1"]);
}

#[test]
fn a_return_is_told_of_by_its_own_code_its_order_s_and_its_parcel_s() {
    for (code, expected) in [("r-1", true), ("10042", true), ("p0", true), ("r-2", false)] {
        let mut floor =
            check("10042: 1xA via dhl", &AWAY.replace(" order.completed", " notification.requested order.completed"));
        play(
            &mut floor,
            &format!(
                "return r-1 of 10042: 1xA
                 return r-2 of 777: 1xA
                 4000 {code}@desk → opened 0/1
                 5000 CANCEL@desk → accepted
                 6000 {code}@desk → opened 0/1 [-]"
            ),
        );
        let told = told(&floor);
        assert_eq!(told[3..], vec!["-/return_received/1"; usize::from(expected)], "{code}");
        if expected {
            let notice = floor.last("notification.requested");
            assert_eq!(notice["return"], json!({"id": "r-1", "authorized": true, "resolution": "refund"}), "{code}");
            assert_eq!(notice["items"], json!([{"name": "Product A", "quantity": 1}]), "{code}");
        }
    }
}

#[test]
fn nothing_comes_back_unannounced_of_an_order_that_never_left() {
    let floor = check("10042: 1xA via dhl", "0 10042@desk → opened 0/0 [return.received]");
    assert_eq!(told(&floor), ["-/order_accepted/1"]);
}

#[test]
fn an_order_that_the_platform_knows_better_is_not_greeted_again() {
    let mut floor = Floor::new(|_| {});
    let mut known = order("10042: 1xA via dhl", 1);
    known["known"] = json!({
        "lines": [{"line": "A", "picked": 1, "packed": 1}],
        "parcels": [{"parcel": 1, "sscc": "073500530000000018", "contents": [{"line": "A", "quantity": 1}]}],
        "packed": true,
    });
    assert_eq!(floor.tell("order.put", known), "accepted");
    assert_eq!(told(&floor), Vec::<String>::new());
    play(
        &mut floor,
        "1000 p1@door → accepted
         2000 HANDOVER@door → completed 1/1",
    );
    assert_eq!(told(&floor), ["1/handed_over/1 < -/packed/1"]);
}

#[test]
fn an_order_whose_rest_is_short_is_ready_when_its_parcels_are_in_their_places() {
    let floor = check(
        "10042: 1xA 1xB via pickup",
        "0    10042   → opened 0/2
         1000 A       → accepted 1/2
         2000 SEAL    → completed 1/2
         3000 p0@door → opened
         4000 BIN:C1@door → accepted [pack.parcel_labelled dispatch.parcel_ready]
         5000 SHORT   → opened
         6000 B       → opened
         7000 R-NOT-THERE → completed 1/1 [pick.item_short notification.requested pack.completed \
             notification.requested notification.requested]
         8000 UNDO    → accepted 1/2
         9000 B       → completed 2/2",
    );
    let expected = [
        "-/order_accepted/1",
        "-/short_shipped/1",
        "-/packed/1 < -/order_accepted/1",
        "-/ready_for_pickup/1 < -/packed/1",
    ];
    assert_eq!(told(&floor)[..4], expected);
}

#[test]
fn an_order_that_shrank_to_what_is_in_its_places_is_ready_when_it_is_packed() {
    let floor = check(
        "10042: 1xA 1xB via pickup",
        "0    10042   → opened 0/2
         1000 A       → accepted 1/2
         2000 SEAL    → completed 1/2
         3000 p0@door → opened
         4000 BIN:C1@door → accepted
         put 10042: 1xA via pickup
         5000 SEAL    → completed 1/1 [pack.completed notification.requested notification.requested]",
    );
    assert_eq!(told(&floor)[1..], ["-/packed/1 < -/order_accepted/1", "-/ready_for_pickup/1 < -/packed/1"]);
}
