//! Every notice that came after the first ones, and the first ones with what they can carry since.

use super::first::{at, notice, promise, told};
use crate::domain::carrier::Collection;
use crate::domain::event::Event;
use crate::domain::notice::{Choice, DelayNotice, Milestone, Notice, ReturnNotice, Revised};
use crate::domain::order::Promise;

const PACKED: &str = "sthlm-03/o-10042/-/packed/1";
const DELAYED: &str = "sthlm-03/o-10042/-/delayed/1";

pub fn events() -> Vec<(&'static str, Event)> {
    let accepted = notice(Milestone::OrderAccepted, None, None);
    let packed = notice(Milestone::Packed, None, Some("sthlm-03/o-10042/-/order_accepted/1"));
    let packed_again = Notice {
        key: "sthlm-03/o-10042/-/packed/2".into(),
        items: vec![("Mug, blue".into(), 1), ("Tee, grün — 100 g".into(), 1)],
        ..notice(Milestone::Packed, None, Some(PACKED))
    };
    let renumbered = Notice {
        key: "sthlm-03/o-10042/1/handed_over/2".into(),
        tracking: Some("JD014600001234567999".into()),
        tracking_url: Some("https://track.example.com/JD014600001234567999".into()),
        ..notice(Milestone::HandedOver, Some((1, Some(1))), Some("sthlm-03/o-10042/1/handed_over/1"))
    };
    let after_delay = Notice {
        also_replaces: vec![DELAYED.into()],
        ..notice(Milestone::HandedOver, Some((1, Some(1))), Some(PACKED))
    };
    let feedback = notice(Milestone::FeedbackInvited, None, None);
    [
        vec![
            ("notification.requested-order_accepted", told(accepted)),
            ("notification.requested-packed-after_accepted", told(packed)),
            ("notification.requested-packed-again", told(packed_again)),
            ("notification.requested-handed_over-new_number", told(renumbered)),
            ("notification.requested-handed_over-after_delay", told(after_delay)),
            ("notification.requested-feedback_invited", told(feedback)),
        ],
        delays(),
        apart(),
    ]
    .concat()
}

fn delays() -> Vec<(&'static str, Event)> {
    let (ship_by, deliver_by) = (at("2026-11-23T15:30:00Z"), at("2026-11-24T20:00:00Z"));
    let next = Collection { id: "dhl@2026-11-23T16:30".into(), at: ship_by, cut_off: at("2026-11-23T15:15:00Z") };
    let later = Promise { ship_by: Some(ship_by), deliver_from: None, deliver_by: Some(deliver_by) };
    let revised = Revised { collection: Some(next), promise: later };
    let choices = vec![Choice::Keep, Choice::PickUp, Choice::Cancel];
    let delay = |revised, first, choices| DelayNotice { revised, first, restored: false, choices };
    let held = Revised { collection: None, promise: promise() };
    let restored = DelayNotice { restored: true, ..delay(Some(held), false, Vec::new()) };
    let delayed = |revision: u32, cause: &str, delay, replaces| Notice {
        key: format!("sthlm-03/o-10042/-/delayed/{revision}").into(),
        reason: Some(cause.into()),
        delay: Some(delay),
        ..notice(Milestone::Delayed, None, replaces)
    };
    let first = delayed(1, "backlog", delay(Some(revised), true, choices.clone()), None);
    let again = delayed(2, "on_hold", delay(None, false, choices), Some(DELAYED));
    let restored = delayed(3, "backlog", restored, Some("sthlm-03/o-10042/-/delayed/2"));
    vec![
        ("notification.requested-delayed", told(first)),
        ("notification.requested-delayed-again", told(again)),
        ("notification.requested-delayed-restored", told(restored)),
    ]
}

/// What nothing replaces.
fn apart() -> Vec<(&'static str, Event)> {
    let short = Notice {
        items: vec![("Mug, blue".into(), 1), ("Tee, grün — 100 g".into(), 1)],
        reason: Some("not_there".into()),
        short: vec![("Mug, blue".into(), 1)],
        ..notice(Milestone::ShortShipped, None, None)
    };
    let made_good =
        Notice { key: "sthlm-03/o-10042/-/short_shipped/2".into(), ..notice(Milestone::ShortShipped, None, None) };
    let cancelled = Notice { reason: Some("customer".into()), ..notice(Milestone::Cancelled, None, None) };
    let returned = |authorized, resolution: Option<&str>| ReturnNotice {
        id: "r-501".into(),
        authorized,
        resolution: resolution.map(Into::into),
    };
    let received = Notice {
        items: vec![("Mug, blue".into(), 2)],
        returned: Some(returned(true, Some("refund"))),
        ..notice(Milestone::ReturnReceived, None, None)
    };
    let unannounced = Notice {
        key: "sthlm-03/o-10042/-/return_received/2".into(),
        items: Vec::new(),
        returned: Some(returned(false, None)),
        ..notice(Milestone::ReturnReceived, None, None)
    };
    vec![
        ("notification.requested-short_shipped", told(short)),
        ("notification.requested-short_shipped-made_good", told(made_good)),
        ("notification.requested-cancelled", told(cancelled)),
        ("notification.requested-return_received", told(received)),
        ("notification.requested-return_received-unannounced", told(unannounced)),
    ]
}
