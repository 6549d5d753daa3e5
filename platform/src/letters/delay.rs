//! A delay in words: what it is called, whose fault it is, and what the customer can do. Letters and pages say the same.

use super::notice::{Delay, Notice, Revised};
use super::when::{Promise, When};
use crate::shop::Shop;
use jiff::Timestamp;

/// Something that a customer may choose, the default first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// As the contract names it: `keep`, `pick_up`, `cancel`.
    pub name: &'static str,
    pub label: String,
    pub hint: String,
}

/// What a delay is called: by its days where they tell it.
#[must_use]
pub fn title(delay: &Delay, before: Option<&Promise>, pickup: bool, when: &When<'_>) -> String {
    let words = when.words;
    if delay.restored {
        return words.say("delayed.title_restored");
    }
    let now = delay.revised.as_ref().and_then(|revised| day(revised, pickup));
    let Some(now) = now.map(|now| when.day(now)) else {
        return words.say(if delay.first { "delayed.title_unknown" } else { "delayed.title_again_unknown" });
    };
    if arrives_as_promised(delay, before) {
        return words.say("delayed.title_arrives");
    }
    if !delay.first {
        return words.fill("delayed.title_again", &[("now", &now)]);
    }
    let before = before.and_then(|promise| last(promise, pickup)).map(|before| when.day(before));
    match before {
        Some(before) if before != now => words.fill("delayed.title", &[("now", &now), ("before", &before)]),
        _ => words.say("delayed.title_later"),
    }
}

/// It leaves later than it was to leave, and is with its customer when that was promised.
fn arrives_as_promised(delay: &Delay, before: Option<&Promise>) -> bool {
    let arrives = |promise: &Promise| promise.deliver_by;
    let now = delay.revised.as_ref().and_then(|revised| arrives(&revised.promise));
    now.is_some() && before.and_then(arrives) == now
}

/// Whose fault it is, and what happens next.
#[must_use]
pub fn lead(delay: &Delay, cause: Option<&str>, carrier: &str, when: &When<'_>) -> Vec<String> {
    let words = when.words;
    if delay.restored {
        return vec![words.say("delayed.restored")];
    }
    let key = format!("delay_cause.{}", cause.unwrap_or("other"));
    let key = if words.has(&key) { key.as_str() } else { "delay_cause.other" };
    let mut lead = vec![words.fill(key, &[("carrier", carrier)])];
    let collection = delay.revised.as_ref().and_then(|revised| revised.collection.as_ref());
    if let Some(collection) = collection {
        lead.push(words.fill("delayed.leaves", &[("at", &when.at(collection.at))]));
    } else if delay.revised.is_none() {
        lead.push(words.say("delayed.unknown"));
    }
    if !delay.first {
        lead.push(words.say("delayed.again"));
    }
    lead
}

/// What the site lets the customer choose.
#[must_use]
pub fn choices(delay: &Delay, shop: &Shop, pickup: bool, when: &When<'_>) -> Vec<Choice> {
    let words = when.words;
    let days = shop.refund_days.to_string();
    let allowed = |name: &str| !delay.restored && delay.choices.iter().any(|choice| choice == name);
    let mut choices = Vec::new();
    if allowed("keep") {
        let now = delay.revised.as_ref().and_then(|revised| day(revised, pickup)).map(|now| when.day(now));
        let label = match now {
            Some(now) => words.fill("delayed.keep", &[("now", &now)]),
            None => words.say("delayed.keep_unknown"),
        };
        let hint = words.say(if delay.first { "delayed.keep_hint" } else { "delayed.keep_hint_again" });
        choices.push(Choice { name: "keep", label, hint });
    }
    if let Some(place) = shop.pickup.as_ref().filter(|_| allowed("pick_up") && !pickup) {
        let hint = words.fill("delayed.pick_up_hint", &[("place", &place.place)]);
        choices.push(Choice { name: "pick_up", label: words.say("delayed.pick_up"), hint });
    }
    if allowed("cancel") {
        let hint = words.fill("delayed.cancel_hint", &[("days", &days)]);
        choices.push(Choice { name: "cancel", label: words.say("delayed.cancel"), hint });
    }
    choices
}

/// What holds now.
#[must_use]
pub fn expected(notice: &Notice) -> Option<Promise> {
    let delay = notice.delay.as_ref()?;
    let revised = delay.revised.as_ref().map(|revised| revised.promise);
    if delay.restored { revised.filter(|promise| *promise != Promise::default()).or(notice.promise) } else { revised }
}

/// Label, text and whether it is the old one: what was promised and what holds now.
#[must_use]
pub fn before_and_now(notice: &Notice, pickup: bool, when: &When<'_>) -> Vec<(String, String, bool)> {
    let said = |promise: Option<Promise>| promise.and_then(|promise| when.promise(&promise, pickup));
    let restored = notice.delay.as_ref().is_some_and(|delay| delay.restored);
    let (before, now) = (said(notice.promise), said(expected(notice)));
    let mut rows = Vec::new();
    match (before, now) {
        (_, Some((label, now))) if restored => rows.push((when.words.say(label), now, false)),
        (Some((_, before)), Some((label, now))) if before == now => rows.push((when.words.say(label), now, false)),
        (before, now) => {
            if let Some((_, before)) = before {
                rows.push((when.words.say("promise.promised"), before, true));
            }
            if let Some((_, now)) = now {
                rows.push((when.words.say("promise.now"), now, false));
            }
        }
    }
    rows
}

/// The day that a customer counts on.
fn last(promise: &Promise, pickup: bool) -> Option<Timestamp> {
    if pickup { promise.ship_by.or(promise.deliver_by) } else { promise.deliver_by.or(promise.ship_by) }
}

fn day(revised: &Revised, pickup: bool) -> Option<Timestamp> {
    last(&revised.promise, pickup).or(revised.collection.as_ref().map(|collection| collection.at))
}
