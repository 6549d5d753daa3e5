//! What was promised, and whether it is kept: per order, per courier, per day.

use super::{ApplyError, Desk, OrderRef, Text, read};
use crate::store::params;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct OfPromise<'a> {
    #[serde(borrow)]
    order: OrderRef<'a>,
    #[serde(default, borrow)]
    collection: Option<&'a RawValue>,
    #[serde(default, borrow)]
    promise: Option<&'a RawValue>,
    #[serde(default, borrow)]
    cause: Option<Text<'a>>,
    #[serde(default, borrow)]
    revised: Option<&'a RawValue>,
    #[serde(default)]
    broken: bool,
    #[serde(default)]
    late: bool,
}

#[derive(Deserialize)]
struct Late<'a> {
    #[serde(borrow)]
    carrier: Text<'a>,
    #[serde(borrow)]
    collection: Collection<'a>,
}

#[derive(Deserialize)]
struct Collection<'a> {
    #[serde(borrow)]
    id: Text<'a>,
}

#[derive(Deserialize)]
struct Day<'a> {
    #[serde(borrow)]
    date: Text<'a>,
}

/// `promise.*`
pub fn keep(desk: &Desk<'_>, kind: &str, data: &str) -> Result<(), ApplyError> {
    let state = match kind {
        "at_risk" | "will_miss" | "missed" | "kept" => kind,
        "recovered" => "on_track",
        _ => return Ok(()),
    };
    let OfPromise { order, collection, promise, cause, revised, broken, late } = read(data)?;
    let text = |value: Option<&RawValue>| value.map(|value| value.get().to_owned());
    desk.run(
        "INSERT INTO promises (site, order_id, number, state, cause, broken, late, collection, promise, revised, data,
             updated)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (site, order_id) DO UPDATE SET number = excluded.number, state = excluded.state,
             cause = excluded.cause, broken = excluded.broken, late = excluded.late,
             collection = excluded.collection, promise = excluded.promise, revised = excluded.revised,
             data = excluded.data, updated = excluded.updated",
        &params![
            desk.about.site,
            order.id,
            order.number,
            state,
            cause,
            broken,
            late,
            text(collection),
            text(promise),
            text(revised),
            data,
            desk.time
        ],
    )
}

/// `site.courier_late`
pub fn courier_late(desk: &Desk<'_>, data: &str) -> Result<(), ApplyError> {
    let Late { carrier, collection } = read(data)?;
    desk.run(
        "INSERT INTO late_couriers (site, carrier, collection, since, data) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (site, carrier, collection) DO UPDATE SET data = excluded.data",
        &params![desk.about.site, carrier, collection.id, desk.time, data],
    )
}

/// The courier took a parcel.
pub fn courier_came(desk: &Desk<'_>, carrier: &str) -> Result<(), ApplyError> {
    desk.run("DELETE FROM late_couriers WHERE site = ?1 AND carrier = ?2", &params![desk.about.site, carrier])
}

/// `site.day_closed`
pub fn day_closed(desk: &Desk<'_>, data: &str) -> Result<(), ApplyError> {
    let Day { date } = read(data)?;
    desk.run(
        "INSERT INTO days (site, date, data) VALUES (?1, ?2, ?3)
         ON CONFLICT (site, date) DO UPDATE SET data = excluded.data",
        &params![desk.about.site, date, data],
    )
}
