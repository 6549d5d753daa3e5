//! Notifications that a site asks for: each once, and what a newer one replaces not at all.
//!
//! After an outage a site tells old news. What was asked for late is `held` until everything is applied that the site
//! had when it sent it: by then it is known what was replaced meanwhile. What expired is dropped, the rest is `to_send`,
//! and has a letter for each channel that the customer allows ([`crate::post`]). What was `sent` stays sent.

use super::{ApplyError, Desk, OrderRef, Text, read};
use crate::clock::Now;
use crate::faults;
use crate::post;
use crate::store::{Db, Error, Value, params};
use crate::wire::Envelope;
use jiff::Timestamp;
use serde::Deserialize;

#[derive(Deserialize)]
struct Requested<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    milestone: Text<'a>,
    rank: i64,
    #[serde(borrow)]
    order: OrderRef<'a>,
    #[serde(default)]
    parcel: Option<i64>,
    #[serde(default)]
    channels: Vec<String>,
    expires_at: Timestamp,
    #[serde(default, borrow)]
    replaces: Option<Text<'a>>,
    #[serde(default)]
    also_replaces: Vec<String>,
}

#[derive(Deserialize)]
struct Channels {
    #[serde(default)]
    channels: Vec<String>,
}

/// `notification.requested`
pub fn requested(desk: &Desk<'_>, event: &Envelope<'_>, epoch: i64, text: &str) -> Result<(), ApplyError> {
    let data: Requested<'_> = read(text)?;
    let OrderRef { id, number, .. } = &data.order;
    let (db, site) = (desk.db, desk.about.site);
    // By a clock that is wrong it lasts as long as by one that is right.
    let lasts = || desk.now.at.saturating_add(data.expires_at.duration_since(event.time)).unwrap_or(Timestamp::MAX);
    let expires_ms = if event.is_unsynced() { lasts() } else { data.expires_at }.as_millisecond();
    let late = event.historical && event.sequence < event.head;
    let state = match () {
        () if expires_ms <= desk.now.at.as_millisecond() => "expired",
        () if late => "held",
        () => "to_send",
    };
    let state = if state != "expired" && is_behind(desk, id, &data)? { "replaced" } else { state };
    let (epoch, head) = late.then_some((epoch, event.head)).unzip();
    let new = db.run(
        "INSERT INTO notifications (site, key, milestone, rank, order_id, number, parcel, replaces, state,
             expires_ms, requested, data, epoch, head)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) ON CONFLICT DO NOTHING",
        &params![
            site,
            data.key,
            data.milestone,
            data.rank,
            id,
            number,
            data.parcel,
            data.replaces,
            state,
            expires_ms,
            desk.time,
            text,
            epoch,
            head
        ],
    )?;
    if new == 0 {
        return Ok(());
    }
    tracing::info!(order = %id, key = %data.key, milestone = %data.milestone, state, "notification asked for");
    for replaced in data.replaces.as_deref().into_iter().chain(data.also_replaces.iter().map(String::as_str)) {
        replace(desk, id, replaced, &data.key)?;
    }
    if state == "to_send" {
        post::write(db, site, &data.key, &data.channels, &desk.time)?;
    }
    Ok(())
}

/// The steps of an order, each said before the next ones or not at all.
const STEPS: [&str; 5] = ["order_accepted", "packed", "ready_for_pickup", "handed_over", "collected"];

/// Whether it is a step of an order of which a later one was asked for.
fn is_behind(desk: &Desk<'_>, order: &str, data: &Requested<'_>) -> Result<bool, ApplyError> {
    if !STEPS.contains(&data.milestone.as_ref()) {
        return Ok(false);
    }
    let later = desk.db.rows(
        "SELECT milestone FROM notifications
         WHERE site = ?1 AND order_id = ?2 AND ?3 < rank AND state IN ('held', 'to_send', 'sent')",
        &params![desk.about.site, order, data.rank],
        |row| row.get::<String>(0),
    )?;
    Ok(later.iter().any(|milestone| STEPS.contains(&milestone.as_str())))
}

/// Whoever has not been told yet that an order is on its way, or late, is not told: it doesn't come. That it is cancelled
/// is news of its own, if anybody is to hear it.
pub fn cancelled(desk: &Desk<'_>, order: &OrderRef<'_>) -> Result<(), ApplyError> {
    let waiting = desk.db.rows(
        "SELECT key FROM notifications
         WHERE site = ?1 AND order_id = ?2 AND state IN ('held', 'to_send', 'sent')
             AND milestone IN ('order_accepted', 'packed', 'ready_for_pickup', 'delayed')
         ORDER BY requested, key",
        &params![desk.about.site, order.id],
        |row| row.get::<String>(0),
    )?;
    for key in waiting {
        replace(desk, &order.id, &key, "order.cancelled")?;
    }
    Ok(())
}

/// What was sent on one channel may wait on another: there it is not said any more.
fn replace(desk: &Desk<'_>, order: &str, key: &str, by: &str) -> Result<(), ApplyError> {
    let (db, site) = (desk.db, desk.about.site);
    let replaced = db.run(
        "UPDATE notifications SET state = 'replaced' WHERE site = ?1 AND key = ?2 AND state IN ('held', 'to_send')",
        &params![site, key],
    )?;
    if 0 < replaced {
        tracing::info!(order, key, by, state = "replaced", "notification dropped");
    }
    Ok(post::drop(db, site, key, "replaced", &desk.time)?)
}

/// Decides what was held of epochs that are now applied so far: each its site, its id, and up to where.
///
/// # Errors
/// The storage's.
pub fn release(db: &Db, moved: &[(i64, i64, i64)], now: Now) -> Result<(), Error> {
    let held = "SELECT key, order_id, expires_ms, data FROM notifications
         WHERE epoch = ?1 AND head <= ?2 AND state = 'held' ORDER BY requested, key";
    let asked: Vec<_> = moved.iter().map(|(_, epoch, applied)| [Value::Int(*epoch), Value::Int(*applied)]).collect();
    let asked: Vec<_> = asked.iter().map(|values| (held, values.as_slice())).collect();
    for ((site, ..), held) in moved.iter().zip(db.many_rows(&asked)?) {
        for row in held {
            let Channels { channels } = serde_json::from_str(row.text(3)?)?;
            release_one(db, *site, (row.text(0)?, row.text(1)?, row.get(2)?), &channels, now)?;
        }
    }
    Ok(())
}

/// What is held of a site's older epochs waits for what the newest one has.
///
/// # Errors
/// The storage's.
pub fn hold_on(db: &Db, site: i64, epoch: i64, head: i64) -> Result<(), Error> {
    db.write(
        "UPDATE notifications SET epoch = ?2, head = ?3
         WHERE state = 'held' AND epoch IN (SELECT id FROM epochs WHERE site = ?1 AND id <> ?2)",
        &params![site, epoch, head],
    )
}

fn release_one(
    db: &Db,
    site: i64,
    (key, order, expires_ms): (&str, &str, i64),
    channels: &[String],
    now: Now,
) -> Result<(), Error> {
    let state = if expires_ms <= now.at.as_millisecond() { "expired" } else { "to_send" };
    tracing::info!(order, key, state, "notification no longer held");
    db.write("UPDATE notifications SET state = ?3 WHERE site = ?1 AND key = ?2", &params![site, key, state])?;
    if state == "to_send" {
        post::write(db, site, key, channels, &faults::stamp(now))?;
    }
    Ok(())
}
