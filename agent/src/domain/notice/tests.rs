//! What is asked for, as stories: what happens to an order, and the notice that follows with what it makes old.

use super::*;
use crate::domain::carrier::Carrier;
use crate::domain::event::Event;
use crate::domain::order::{Done, Parcel, ParcelState};
use crate::domain::returns::ReturnLine;
use crate::domain::text::terms;

fn rules() -> Rules {
    let carrier = |id: &str, url: Option<&str>| Carrier {
        grace: Default::default(),
        id: id.into(),
        name: id.into(),
        collections: Vec::new(),
        holidays: Vec::new(),
        tracking_required: false,
        tracking_pattern: None,
        tracking_url: url.map(Into::into),
    };
    let carriers = vec![carrier("dhl", None), carrier("tracked", Some("https://track.example.com/{tracking}"))];
    Rules { site: "s".into(), carriers, ..Rules::of_nothing() }
}

fn now() -> Timestamp {
    "2026-11-26T08:00:00Z".parse().unwrap()
}

/// Does to the order what a word says, and asks for what follows from it.
fn happens(rules: &Rules, order: &mut Order, words: &str) -> Option<Notice> {
    let words: Vec<&str> = words.split_whitespace().collect();
    let n = || words[1].parse().unwrap();
    let parcels = |order: &Order| order.progress.parcels.len() as u32;
    match words[0] {
        "accepted" => step(rules, order, Milestone::OrderAccepted, None, now()),
        // `seal 2xA`: one more parcel.
        "seal" => {
            let (units, line) = words[1].split_once('x').unwrap();
            let (units, line) = (units.parse().unwrap(), order.line(&line.into()).unwrap());
            let contents = vec![(line, units)];
            let parcel = Parcel { contents, state: ParcelState::Sealed, ..Parcel::open(parcels(order) + 1) };
            order.progress.parcels.push(parcel);
            None
        }
        "packed" => {
            order.progress.state = State::Packed;
            step(rules, order, Milestone::Packed, None, now())
        }
        "ready" => {
            order.progress.parcels.iter_mut().for_each(|parcel| parcel.state = ParcelState::Ready);
            step(rules, order, Milestone::ReadyForPickup, None, now())
        }
        "collected" => {
            order.progress.parcels.iter_mut().for_each(|parcel| parcel.state = ParcelState::Collected);
            order.progress.state = State::Completed;
            step(rules, order, Milestone::Collected, None, now())
        }
        "gone" => {
            order.progress.parcels[n() as usize - 1].state = ParcelState::HandedOver;
            if order.progress.state != State::Accepted {
                order.progress.state = State::PartlyDispatched;
            }
            step(rules, order, Milestone::HandedOver, Some(n()), now())
        }
        "number" => {
            order.progress.parcels[n() as usize - 1].tracking = Some(words[2].into());
            step(rules, order, Milestone::HandedOver, Some(n()), now())
        }
        "left" => {
            order.progress.parcels[n() as usize - 1].state = ParcelState::Labelled;
            order.progress.state = State::Packed;
            None
        }
        // `short A 1`: so many units of it in all.
        "short" => {
            let line = order.line(&words[1].into()).unwrap();
            order.progress.lines[line] = Done { short: words[2].parse().unwrap(), ..Done::default() };
            short(rules, order, Some(Cause::NotThere), now())
        }
        "delayed" | "restored" => {
            let restored = words[0] == "restored";
            delayed(rules, order, Delay { revised: None, cause: "backlog".into(), restored }, now())
        }
        "cancelled" => cancelled(rules, order, words[1], now()),
        "returned" => {
            let lines = vec![ReturnLine { sku: "A".into(), name: "A".into(), quantity: 1, codes: Vec::new() }];
            let authorized = !words[1].starts_with('u');
            let known = Return { lines, authorized, ..Return::unannounced(words[1].into(), Some(order.reference())) };
            return_received(rules, order, &known, now())
        }
        "feedback" => feedback(rules, order, now()),
        other => panic!("what is {other:?}?"),
    }
}

/// `-/packed/2` of the key `s/o-1/-/packed/2`.
fn short_key(key: &str) -> &str {
    key.strip_prefix("s/o-1/").unwrap_or_else(|| panic!("{key}"))
}

fn told(notice: Option<&Notice>) -> String {
    let Some(notice) = notice else { return "nothing".into() };
    let old: Vec<_> = notice.replaces.iter().chain(&notice.also_replaces).map(|key| short_key(key)).collect();
    match old.is_empty() {
        true => short_key(&notice.key).to_owned(),
        false => format!("{} instead of {}", short_key(&notice.key), old.join(" and ")),
    }
}

/// Each line is what happens and what the customer is to be told then.
fn check_by(rules: &Rules, order: &str, story: &str) {
    let mut order = Order::accept(Arc::new(terms(order)));
    for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (words, expected) = line.split_once('→').unwrap();
        let notice = happens(rules, &mut order, words);
        assert_eq!(told(notice.as_ref()), expected.trim(), "{line}\n{story}");
        if let Some(notice) = notice {
            order.apply(&Event::NotificationRequested(Box::new(notice))).unwrap();
        }
    }
}

fn check(order: &str, story: &str) {
    check_by(&rules(), order, story);
}

#[test]
fn each_step_replaces_the_one_before_it() {
    check(
        "1: 2xA via dhl",
        "accepted     → -/order_accepted/1
         seal 1xA     → nothing
         seal 1xA     → nothing
         packed       → -/packed/1 instead of -/order_accepted/1
         gone 1       → 1/handed_over/1 instead of -/packed/1
         gone 2       → 2/handed_over/1 instead of -/packed/1
         feedback     → -/feedback_invited/1
         feedback     → nothing",
    );
    check(
        "1: 1xA via pickup",
        "accepted     → -/order_accepted/1
         seal 1xA     → nothing
         packed       → -/packed/1 instead of -/order_accepted/1
         ready        → -/ready_for_pickup/1 instead of -/packed/1
         collected    → -/collected/1 instead of -/ready_for_pickup/1",
    );
}

#[test]
fn only_what_was_asked_for_is_replaced() {
    let mut rules = rules();
    rules.notices.asked.remove(&Milestone::Packed);
    let story = "accepted → -/order_accepted/1
                 seal 1xA → nothing
                 packed   → nothing
                 gone 1   → 1/handed_over/1 instead of -/order_accepted/1";
    check_by(&rules, "1: 1xA via dhl", story);
    rules.notices.asked.remove(&Milestone::OrderAccepted);
    let story = "accepted → nothing
                 seal 1xA → nothing
                 gone 1   → 1/handed_over/1";
    check_by(&rules, "1: 1xA via dhl", story);
}

#[test]
fn a_customer_who_allows_no_channel_hears_nothing() {
    check(
        "1: 1xA via dhl quiet",
        "accepted           → nothing
         short A 1          → nothing
         seal 1xA           → nothing
         packed             → nothing
         delayed 1          → nothing
         gone 1             → nothing
         feedback           → nothing
         returned r-1       → nothing
         cancelled customer → nothing",
    );
}

#[test]
fn packed_is_said_again_only_with_something_new() {
    check(
        "1: 2xA 1xB via dhl",
        "seal 2xA   → nothing
         packed     → -/packed/1
         packed     → nothing
         short B 1  → -/short_shipped/1
         packed     → -/packed/2 instead of -/packed/1
         gone 1     → 1/handed_over/1 instead of -/packed/2",
    );
}

#[test]
fn packed_is_not_said_of_an_order_that_has_left() {
    check(
        "1: 1xA via dhl",
        "accepted   → -/order_accepted/1
         seal 1xA   → nothing
         gone 1     → 1/handed_over/1 instead of -/order_accepted/1
         packed     → nothing",
    );
}

#[test]
fn on_its_way_waits_for_the_number_and_a_changed_one_is_news() {
    check(
        "1: 2xA via tracked",
        "seal 1xA    → nothing
         seal 1xA    → nothing
         packed      → -/packed/1
         gone 1      → nothing
         number 1 X1 → 1/handed_over/1 instead of -/packed/1
         number 1 X1 → nothing
         number 1 X2 → 1/handed_over/2 instead of 1/handed_over/1
         number 2 X3 → 2/handed_over/1 instead of -/packed/1",
    );
}

#[test]
fn a_delay_is_replaced_by_a_later_one_a_restored_date_and_the_last_hand_over() {
    check(
        "1: 2xA via dhl",
        "seal 1xA   → nothing
         seal 1xA   → nothing
         delayed 1  → -/delayed/1
         packed     → -/packed/1
         delayed 2  → -/delayed/2 instead of -/delayed/1
         restored 3 → -/delayed/3 instead of -/delayed/2
         delayed 4  → -/delayed/4 instead of -/delayed/3
         gone 1     → 1/handed_over/1 instead of -/packed/1
         gone 2     → 2/handed_over/1 instead of -/packed/1 and -/delayed/4",
    );
    check(
        "1: 1xA via pickup",
        "delayed 1  → -/delayed/1
         seal 1xA   → nothing
         ready      → -/ready_for_pickup/1
         collected  → -/collected/1 instead of -/ready_for_pickup/1 and -/delayed/1",
    );
}

#[test]
fn a_parcel_that_was_left_behind_is_on_its_way_again_only_after_a_delay_was_told() {
    check(
        "1: 1xA via dhl",
        "seal 1xA   → nothing
         packed     → -/packed/1
         gone 1     → 1/handed_over/1 instead of -/packed/1
         left 1     → nothing
         gone 1     → nothing
         left 1     → nothing
         delayed 1  → -/delayed/1
         gone 1     → 1/handed_over/2 instead of 1/handed_over/1 and -/delayed/1
         left 1     → nothing
         gone 1     → nothing",
    );
}

#[test]
fn what_is_short_is_never_replaced_and_is_said_anew_when_it_changes() {
    check(
        "1: 3xA 2xB via dhl",
        "short A 1  → -/short_shipped/1
         short A 1  → nothing
         short B 2  → -/short_shipped/2
         short B 0  → -/short_shipped/3
         short A 0  → -/short_shipped/4
         seal 3xA   → nothing
         packed     → -/packed/1",
    );
    check("1: 3xA via dhl", "short A 0  → nothing");
}

#[test]
fn a_shortage_names_all_that_does_not_come() {
    let mut order = Order::accept(Arc::new(terms("1: 3xA 2xB via dhl")));
    happens(&rules(), &mut order, "short A 1");
    let notice = happens(&rules(), &mut order, "short B 2").unwrap();
    assert_eq!(notice.short, [("Product A".into(), 1), ("Product B".into(), 2)]);
    assert_eq!(notice.items, [("Product A".into(), 2)]);
    assert_eq!(notice.reason.as_deref(), Some(Cause::NotThere.word()));
}

#[test]
fn a_cancellation_and_each_return_stand_for_themselves() {
    check(
        "1: 1xA via dhl",
        "accepted           → -/order_accepted/1
         cancelled rerouted → nothing
         cancelled fraud    → -/cancelled/1
         returned u-1       → nothing
         returned r-1       → -/return_received/1
         returned r-2       → -/return_received/2",
    );
}

#[test]
fn a_cancellation_is_about_what_has_not_left() {
    let mut order = Order::accept(Arc::new(terms("1: 3xA 1xB via dhl")));
    happens(&rules(), &mut order, "seal 2xA");
    happens(&rules(), &mut order, "gone 1");
    let notice = happens(&rules(), &mut order, "cancelled customer").unwrap();
    assert_eq!(notice.items, [("Product A".into(), 1), ("Product B".into(), 1)]);
}

#[test]
fn a_delay_offers_what_can_still_be_done() {
    for (order, before, word, expected) in [
        ("1: 2xA via dhl", "", "delayed 1", "keep pick_up cancel"),
        ("1: 2xA via pickup", "", "delayed 1", "keep cancel"),
        ("1: 2xA via dhl", "seal 1xA,seal 1xA,packed,gone 1", "delayed 1", "keep cancel"),
        ("1: 1xA via dhl", "seal 1xA,packed,gone 1", "delayed 1", "keep"),
        ("1: 2xA via dhl", "", "restored 2", ""),
    ] {
        let mut order = Order::accept(Arc::new(terms(order)));
        for word in before.split(',').filter(|word| !word.is_empty()) {
            happens(&rules(), &mut order, word);
        }
        let notice = happens(&rules(), &mut order, word).unwrap();
        let words: Vec<_> = notice.delay.unwrap().choices.iter().map(|choice| choice.word()).collect();
        assert_eq!(words.join(" "), expected, "{before} {word}");
    }
}

#[test]
fn an_order_that_was_known_before_has_been_told_of_what_had_happened() {
    let mut order = Order::accept(Arc::new(terms("1: 1xA via dhl")));
    happens(&rules(), &mut order, "seal 1xA");
    order.progress.state = State::Packed;
    order.presume_told();
    assert_eq!(told(happens(&rules(), &mut order, "packed").as_ref()), "nothing");
    let gone = happens(&rules(), &mut order, "gone 1");
    assert_eq!(told(gone.as_ref()), "1/handed_over/1 instead of -/packed/1");
}

#[test]
fn words_stand_in_the_order_of_the_milestones() {
    for (index, (word, milestone)) in Milestone::WORDS.into_iter().enumerate() {
        assert_eq!(milestone as usize, index, "{word}");
    }
    for (index, (word, choice)) in Choice::WORDS.into_iter().enumerate() {
        assert_eq!(choice as usize, index, "{word}");
    }
}
