//! Labels: printed, printed beforehand, the carrier's, and void ones.

use super::play::{Floor, check, check_with, play};
use parceld::domain::rules::Rules;

fn with_printer(rules: &mut Rules) {
    rules.printers = ["bench".into(), "pick".into(), "door".into()].into();
}

fn carrier_labels(rules: &mut Rules) {
    with_printer(rules);
    rules.carriers[0].tracking_required = true;
    rules.carriers[0].tracking_pattern = Some("JD####".into());
    rules.carriers[0].tracking_url = Some("https://track.example.com/{tracking}".into());
}

#[test]
fn a_label_is_printed_and_confirmed_by_scanning_it() {
    let floor = check_with(
        with_printer,
        "10042: 1xA via dhl",
        "0    10042   → opened 0/1
         500  REPRINT → accepted [-]
         1000 A       → completed 1/1 [unit FINISHED]
         2000 REPRINT → accepted [-]
         3000 p0      → accepted [pack.parcel_labelled]
         4000 p0      → already (finished)
         5000 p0@door → accepted [dispatch.parcel_loaded]
         6000 REPRINT@door → accepted [-]",
    );
    let printed = [
        "bench: ticket 10042",
        "bench: label 10042/1",
        "bench: label 10042/1",
        "door: manifest dhl@2026-11-22T16:30#1 1",
    ];
    assert_eq!(floor.printed(), printed);
}

#[test]
fn without_a_printer_a_label_is_asked_for() {
    check(
        "10042: 1xA via dhl",
        "0    10042   → opened 0/1
         1000 REPRINT → refused (no_printer)
         2000 A       → completed 1/1 ?label",
    );
}

fn reserve(floor: &mut Floor, count: u32) {
    let first = floor.reserve(count);
    assert_eq!(first, 0);
}

#[test]
fn a_label_that_was_printed_beforehand_closes_the_parcel_or_belongs_to_the_last_one() {
    let mut floor = Floor::new(|_| {});
    reserve(&mut floor, 5);
    floor.put("10042: 3xA via dhl");
    play(
        &mut floor,
        "0    p1    → refused (nothing_to_close)
         1000 p7    → unknown (unknown_code)
         2000 10042 → opened 0/3
         3000 A     → accepted 1/3
         4000 p1    → completed 1/3 [pack.parcel_sealed pack.parcel_labelled dispatch.requested]
         5000 p1    → already (finished)
         6000 A     → accepted 2/3
         7000 A     → completed 3/3 [unit FINISHED]
         8000 p2    → accepted [pack.parcel_labelled]
         9000 p3    → already (finished)
         10000 p5   → wrong (relabel)
         11000 p2@door → accepted [dispatch.parcel_loaded]
         12000 p1@door → accepted [dispatch.parcel_loaded]",
    );
    let sealed = floor.order("10042").progress.parcels[0].sscc.unwrap();
    assert_eq!(sealed.serial_under("7350053"), Some(1));
}

#[test]
fn a_label_that_may_be_on_either_of_two_parcels_is_asked_about() {
    let mut floor = Floor::new(|_| {});
    reserve(&mut floor, 5);
    floor.put("10042: 1xA via dhl");
    floor.put("10043: 2xB via dhl");
    play(
        &mut floor,
        "0    10042 → opened 0/1
         1000 A     → completed 1/1
         2000 10043 → opened 0/2
         3000 B     → accepted 1/2
         4000 p1    → refused (order_open 10043)
         5000 DONE  → accepted 1/2
         6000 p1    → accepted [pack.parcel_labelled]
         7000 10043 → opened 1/2
         8000 p2    → completed 1/2 [pack.parcel_sealed pack.parcel_labelled dispatch.requested]
         9000 B     → completed 2/2
         10000 p3   → accepted [pack.parcel_labelled]
         11000 p1@door → accepted [dispatch.parcel_loaded]",
    );
    assert_eq!(floor.last("dispatch.parcel_loaded")["order"]["number"], "10042");
}

#[test]
fn a_tracking_number_on_a_carrier_s_label_binds_too() {
    let floor = check_with(
        |rules| {
            rules.carriers[0].tracking_pattern = Some("JD####".into());
            rules.carriers[1].tracking_pattern = Some("PN####".into());
        },
        "10042: 1xA via dhl
         10043: 1xA via dhl",
        "0    10042  → opened 0/1
         1000 A      → completed 1/1
         2000 PN1234 → wrong (other_carrier)
         3000 JD1234 → accepted [pack.parcel_labelled]
         4000 JD1234 → already (finished)
         5000 10043  → opened 0/1
         6000 JD1234 → already (finished)
         7000 A      → completed 1/1
         8000 JD1234 → already (finished)
         9000 JD9999 → already (finished)
         10000 JD1234@door → accepted [dispatch.parcel_loaded]",
    );
    assert_eq!(floor.last("pack.parcel_labelled")["tracking"], "JD1234");
}

#[test]
fn the_carrier_s_label_is_asked_for_printed_and_never_leaves_without_it() {
    let floor = check_with(
        carrier_labels,
        "10042: 1xA via dhl",
        "0    10042   → opened 0/1
         1000 A       → completed 1/1 [unit FINISHED dispatch.label_requested]
         2000 p0@door → refused (no_label)
         label 10042/1 rev=1 tracking=JD1234 zpl=^XA^XZ
         label 10042/1 rev=1 tracking=JD1234 zpl=^XA^XZ → duplicate (duplicate)
         3000 JD1234  → accepted [pack.parcel_labelled]
         4000 JD1234@door → accepted [dispatch.parcel_loaded]
         5000 HANDOVER@door → completed 1/1",
    );
    assert_eq!(floor.printed(), ["bench: carrier's 10042/1 ^XA^XZ"]);
    let notice = floor.last("notification.requested");
    assert_eq!(
        (&notice["tracking"], &notice["tracking_url"]),
        (&"JD1234".into(), &"https://track.example.com/JD1234".into())
    );
    assert_eq!(floor.last("dispatch.handed_over")["tracking"], "JD1234");
}

#[test]
fn a_newer_label_makes_the_older_void() {
    check_with(
        carrier_labels,
        "10042: 1xA via dhl",
        "0    10042   → opened 0/1
         1000 A       → completed 1/1
         label 10042/1 rev=2 tracking=JD0001
         label 10042/1 rev=1 tracking=JD0009 → rejected (stale)
         2000 JD0001  → accepted [pack.parcel_labelled]
         3000 JD0001@door → accepted
         label 10042/1 rev=3 tracking=JD0002
         4000 HANDOVER@door → refused (take_out)
         5000 JD0001@door → wrong (relabel) [dispatch.parcel_unloaded]
         6000 JD0001@door → wrong (relabel)
         7000 JD0001  → wrong (relabel)
         8000 REPRINT → accepted [dispatch.label_requested]
         9000 JD0002@door → accepted [pack.parcel_labelled dispatch.parcel_loaded]
         label 10042/2 rev=1 → rejected (no_parcel)
         10000 HANDOVER@door → completed 1/1
         label 10042/1 rev=4 → rejected (handed_over)",
    );
}

#[test]
fn an_order_that_goes_another_way_needs_a_new_label() {
    check(
        "10042: 1xA via dhl",
        "0    10042 → opened 0/1
         1000 A     → completed 1/1
         2000 p0    → accepted [pack.parcel_labelled]
         3000 p0@door → accepted [dispatch.parcel_loaded]
         put 10042: 1xA via postnord
         4000 HANDOVER@door → refused (take_out)
         5000 p0@door → wrong (relabel) [dispatch.parcel_unloaded]
         6000 p0@door → wrong (relabel)
         7000 p0    → wrong (relabel)
         8000 p1    → accepted [pack.parcel_labelled]
         9000 p1@door-2 → accepted [dispatch.parcel_loaded]
         10000 HANDOVER@door-2 → completed 1/1 [dispatch.handed_over notification.requested order.completed]",
    );
}

#[test]
fn a_rerouted_parcel_changes_its_courier() {
    let floor = check(
        "10042: 1xA via dhl",
        "0    10042 → opened 0/1
         1000 A     → completed 1/1
         put 10042: 1xA via postnord",
    );
    let words: Vec<_> = floor.events().iter().map(|event| event.kind().word()).collect();
    let end = &words[words.len() - 4..];
    assert_eq!(end, ["dispatch.withdrawn", "order.updated", "dispatch.label_voided", "dispatch.requested"]);
    assert_eq!(floor.last("dispatch.requested")["carrier"], "postnord");
}

#[test]
fn a_sealed_parcel_weighs_what_is_in_it() {
    let floor = check(
        "10042: 2xA via dhl",
        "0    10042   → opened 0/2
         1000 A+w=510 → accepted 1/2
         2000 A+w=490 → completed 2/2",
    );
    assert_eq!(floor.last("pack.parcel_sealed")["weight_g"], 1_000);
}
