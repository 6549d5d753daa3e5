//! What happened to an order, said plainly.

use super::Entry;
use crate::dossier::{Dossier, Letter, Told};
use crate::shop::Shop;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

/// All of it, in the order in which it happened.
#[must_use]
pub fn timeline(dossier: &Dossier, zone: &TimeZone) -> Vec<Entry> {
    let mut entries: Vec<Entry> = dossier.told.iter().filter_map(|told| event(told, zone)).collect();
    entries.extend(dossier.refused.iter().map(refused));
    for notification in &dossier.notifications {
        let fate = if notification.letters.is_empty() {
            state_of_notification(&notification.state).to_owned()
        } else {
            letters(&notification.letters, zone)
        };
        let parcel = notification.data["parcel"].as_i64().map(|n| format!(", parcel {n}")).unwrap_or_default();
        let what = format!("Customer to be told: {}{parcel}", words(&notification.milestone));
        entries.push(Entry { at: notification.at, kind: "letter", what, detail: fate });
    }
    for command in &dossier.commands {
        let what = format!("Asked of the site: {}", command_words(&command.kind));
        let answer = match (command.status.as_deref(), command.reason.as_deref()) {
            (None, _) => "no reply yet, it is repeated".to_owned(),
            (Some("accepted"), _) => "accepted".to_owned(),
            (Some(status), Some(reason)) => format!("{status}: {}", words(reason)),
            (Some(status), None) => status.to_owned(),
        };
        let later = command.answered.filter(|answered| answered.as_second() - command.created.as_second() > 60);
        let later = later.map(|at| format!(" at {}", clock(at, zone))).unwrap_or_default();
        let detail = command.detail.as_deref().map(|detail| format!(" ({detail})")).unwrap_or_default();
        entries.push(Entry { at: command.created, kind: "command", what, detail: format!("{answer}{later}{detail}") });
    }
    for choice in &dossier.choices {
        let what = match choice.choice.as_str() {
            "keep" => "Customer keeps the delayed order",
            "pick_up" => "Customer wants to fetch it instead",
            _ => "Customer wants to cancel what is delayed",
        };
        entries.push(Entry { at: choice.at, kind: "customer", what: what.into(), detail: String::new() });
    }
    for feedback in &dossier.feedback {
        let what = match feedback.arrived.as_str() {
            "good" => "Customer says: all good",
            "missing" => "Customer says: something is missing",
            "broken" => "Customer says: something is broken",
            _ => "Customer adds",
        };
        entries.push(Entry { at: feedback.at, kind: "customer", what: what.into(), detail: feedback.comment.clone() });
    }
    entries.sort_by_key(|entry| entry.at);
    entries
}

/// The order's state, for people.
#[must_use]
pub fn state(dossier: &Dossier) -> String {
    let state = match dossier.state.as_str() {
        "put" => "sent to the site, not answered yet",
        "accepted" => "waits to be picked",
        "picking" => "is being picked",
        "picked" => "picked, waits to be packed",
        "packing" => "is being packed",
        "packed" => "packed",
        "partly_dispatched" => "partly gone",
        "completed" if dossier.is_pickup() => "fetched",
        "completed" => "handed over",
        "cancelled" => "cancelled",
        other => other,
    };
    if dossier.held { format!("{state}, on hold") } else { state.to_owned() }
}

#[must_use]
pub fn delivery(dossier: &Dossier, shop: Option<&Shop>) -> String {
    match dossier.carrier() {
        _ if dossier.is_pickup() => "customer fetches it".into(),
        Some((id, name)) => {
            let service =
                dossier.agreed()["service"].as_str().map(|service| format!(", {service}")).unwrap_or_default();
            let carrier = shop.map_or(name.unwrap_or(id), |shop| shop.carrier(id, name));
            format!("{carrier}{service}")
        }
        None => "–".into(),
    }
}

/// `leaves by 26 November 16:30, delivered 26 November 18:00 to 26 November 20:00`
#[must_use]
pub fn promise(promise: &Value, zone: &TimeZone) -> String {
    let at = |field: &str| {
        let at: Timestamp = promise[field].as_str()?.parse().ok()?;
        Some(at.to_zoned(zone.clone()).strftime("%-d %B %H:%M").to_string())
    };
    let parts = [
        at("ship_by").map(|at| format!("leaves by {at}")),
        at("deliver_from").map(|at| format!("delivered from {at}")),
        at("deliver_by").map(|at| format!("delivered by {at}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "nothing".into() } else { parts.join(", ") }
}

fn event(told: &Told, zone: &TimeZone) -> Option<Entry> {
    let data = &told.data;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let parcel = || match (data["parcel"].as_i64(), data["of"].as_i64()) {
        (Some(n), Some(of)) => format!("Parcel {n} of {of}"),
        (Some(n), None) => format!("Parcel {n}"),
        _ => "Parcel".into(),
    };
    let tracking = || data["tracking"].as_str().map(|number| format!("tracking number {number}")).unwrap_or_default();
    let reason = || data["reason"].as_str().map(words).unwrap_or_default();
    let name = || text(&data["name"]);
    let (kind, what, detail) = match told.kind.as_str() {
        "order.accepted" => ("floor", "Site took the order".into(), String::new()),
        "order.updated" => ("floor", "Site took a change of the order".into(), String::new()),
        "order.held" => ("floor", "Put on hold".into(), reason()),
        "order.released" => ("floor", "No longer on hold".into(), String::new()),
        "order.expedited" => ("floor", "Goes before others".into(), String::new()),
        "order.cancelled" if data["partial"] == true => ("floor", "The rest was cancelled".into(), reason()),
        "order.cancelled" => ("floor", "Cancelled".into(), reason()),
        "order.collected" => ("floor", "Fetched by the customer".into(), String::new()),
        "order.completed" => ("floor", "Nothing left to do at the site".into(), String::new()),
        "pick.started" => ("floor", "Picking began".into(), String::new()),
        "pick.item_picked" => ("floor", format!("Picked {}", name()), of(data, "picked")),
        "pick.item_unpicked" => ("floor", format!("Took back {}", name()), of(data, "picked")),
        "pick.item_short" => ("floor", format!("Not there: {} × {}", name(), data["quantity"]), reason()),
        "pick.completed" => ("floor", "All is picked".into(), String::new()),
        "pack.started" => ("floor", "Packing began".into(), String::new()),
        "pack.item_packed" => ("floor", format!("Packed {}", name()), parcel().to_lowercase()),
        "pack.item_unpacked" => ("floor", format!("Took out {}", name()), parcel().to_lowercase()),
        "pack.parcel_sealed" => ("floor", format!("{} closed", parcel()), grams(data)),
        "pack.parcel_reopened" => ("floor", format!("{} opened again", parcel()), String::new()),
        "pack.parcel_labelled" => ("floor", format!("{} labelled", parcel()), tracking()),
        "pack.completed" => ("floor", "All is packed".into(), format!("parcels: {}", data["parcels"])),
        "dispatch.requested" => {
            ("courier", format!("{}: courier asked for", parcel()), collection(&data["collection"], zone))
        }
        "dispatch.withdrawn" => ("courier", "Courier no longer needed".into(), reason()),
        "dispatch.missed" => ("courier", "Missed its collection".into(), reason()),
        "dispatch.label_requested" => ("courier", format!("{}: label asked for", parcel()), String::new()),
        "dispatch.label_received" => ("courier", format!("{}: label came", parcel()), tracking()),
        "dispatch.label_voided" => ("courier", format!("{}: label no longer valid", parcel()), String::new()),
        "dispatch.parcel_ready" => {
            ("floor", format!("{} in its place for the customer", parcel()), text(&data["place"]))
        }
        "dispatch.parcel_loaded" => ("floor", format!("{} loaded", parcel()), text(&data["carrier"])),
        "dispatch.parcel_unloaded" => ("floor", format!("{} unloaded again", parcel()), String::new()),
        "dispatch.handed_over" => ("courier", format!("{} handed to the carrier", parcel()), tracking()),
        "dispatch.left_behind" => ("courier", format!("{} left behind", parcel()), String::new()),
        "promise.at_risk" => ("promise", "May be late".into(), delay(data, zone)),
        "promise.will_miss" => ("promise", "Will be late".into(), delay(data, zone)),
        "promise.missed" => ("promise", "Is late".into(), delay(data, zone)),
        "promise.recovered" => ("promise", "In time again".into(), String::new()),
        "promise.kept" if data["late"] == true => ("promise", "Left, but late".into(), String::new()),
        "promise.kept" => ("promise", "Promise kept".into(), String::new()),
        "return.authorized" => ("floor", "Return announced".into(), String::new()),
        "return.received" => ("floor", "Return arrived".into(), String::new()),
        "return.item_inspected" => ("floor", format!("Looked at {}", name()), words(&text(&data["condition"]))),
        "return.completed" => ("floor", "Return looked at".into(), text(&data["resolution"])),
        // They stand there with their letters.
        "notification.requested" => return None,
        other => ("floor", words(other), String::new()),
    };
    let place = told.station.as_deref().filter(|_| kind == "floor").map(|station| format!("at {station}"));
    let detail = [detail, place.unwrap_or_default()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    Some(Entry { at: told.at, kind, what, detail: detail.join(", ") })
}

/// What the bench saw, and what it waited for.
fn refused(told: &Told) -> Entry {
    let data = &told.data;
    let expected: Vec<&str> = data["expected"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let wanted = if expected.is_empty() { String::new() } else { format!("; expected {}", expected.join(", ")) };
    let reason = words(data["reason"].as_str().unwrap_or("unknown"));
    Entry {
        at: told.at,
        kind: "refused",
        what: format!("Scan refused: {}", data["code"].as_str().unwrap_or_default()),
        detail: format!("{reason}{wanted}"),
    }
}

/// Channels with the same fate are told together.
fn letters(letters: &[Letter], zone: &TimeZone) -> String {
    let mut fates: Vec<(String, Vec<&str>)> = Vec::new();
    for one in letters {
        let fate = fate(one, zone);
        let channel = match one.channel.as_str() {
            "email" => "e-mail",
            "sms" => "text message",
            "push" => "push message",
            other => other,
        };
        match fates.iter_mut().find(|(known, _)| *known == fate) {
            Some((_, channels)) => channels.push(channel),
            None => fates.push((fate, vec![channel])),
        }
    }
    let said: Vec<String> = fates.iter().map(|(fate, channels)| format!("{} {fate}", channels.join(", "))).collect();
    said.join("; ")
}

fn fate(letter: &Letter, zone: &TimeZone) -> String {
    let why = letter.why.as_deref().map(why).unwrap_or_default();
    match letter.state.as_str() {
        "sent" => format!("sent {}", clock(letter.at, zone)),
        "to_send" if 0 < letter.attempts => format!("not taken yet, tried {} times: {why}", letter.attempts),
        "to_send" => "waits".into(),
        "failed" => format!("FAILED: {why}"),
        "unsaid" => format!("not sent: {why}"),
        "replaced" => "replaced by newer news".into(),
        "expired" => "too late to be news".into(),
        other => other.into(),
    }
}

fn why(why: &str) -> String {
    match why {
        "no_customer" => "the address book doesn't have the customer".into(),
        "no_address" => "there is no address for it".into(),
        "unwanted" => "the customer doesn't want it".into(),
        "no_shop" => "no shop sells from this site".into(),
        other => other.to_owned(),
    }
}

fn state_of_notification(state: &str) -> &str {
    match state {
        "to_send" => "no channel allowed",
        "held" => "held until the site has told all that happened meanwhile",
        "replaced" => "replaced by newer news",
        "expired" => "too late to be news",
        other => other,
    }
}

fn command_words(kind: &str) -> String {
    match kind {
        "order.put" => "the order, or a change of it".into(),
        "order.cancel" => "cancel it".into(),
        "order.hold" => "hold it".into(),
        "order.release" => "go on with it".into(),
        "order.expedite" => "do it first".into(),
        "parcel.label" => "put this label on".into(),
        other => words(other),
    }
}

fn of(data: &Value, field: &str) -> String {
    match (data[field].as_i64(), data["wanted"].as_i64()) {
        (Some(n), Some(wanted)) => format!("{n} of {wanted}"),
        _ => String::new(),
    }
}

fn grams(data: &Value) -> String {
    data["weight_g"].as_i64().map(|grams| format!("{grams} g")).unwrap_or_default()
}

fn delay(data: &Value, zone: &TimeZone) -> String {
    let cause = data["cause"].as_str().map(words).unwrap_or_default();
    let revised = &data["revised"];
    let now = if revised.is_object() { format!("; now {}", promise(revised, zone)) } else { String::new() };
    format!("{cause}{now}")
}

fn collection(data: &Value, zone: &TimeZone) -> String {
    let at = data["at"].as_str().and_then(|at| at.parse().ok());
    at.map(|at: Timestamp| format!("for {}", clock(at, zone))).unwrap_or_default()
}

fn clock(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%-d %B %H:%M").to_string()
}

fn words(code: &str) -> String {
    code.replace(['_', '.'], " ")
}
