//! `site.clock_corrected`: what a site told by a wrong clock gets its true times.
//!
//! Events that were sent before the site knew say `unsynced`; they are set right where they are stored, and so is what was
//! derived from them. What was sent afterwards says `corrected`, and is right already.

use super::{ApplyError, Desk};
use crate::store::{Error, params};
use crate::wire::{CORRECTED, UNSYNCED};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Events that are read at once.
const PAGE: i64 = 500;

/// Where an event's time is kept beside it.
const DERIVED: [(&str, &str); 10] = [
    ("orders", "updated"),
    ("parcels", "updated"),
    ("dispatches", "requested"),
    ("notifications", "requested"),
    ("letters", "updated"),
    ("returns", "updated"),
    ("refused", "time"),
    ("scanners", "since"),
    ("promises", "updated"),
    ("late_couriers", "since"),
];

/// The place in this epoch, then where the event is stored. One that an older epoch told is stored there.
const EVENTS: [&str; 2] = [
    "SELECT sequence, epoch, sequence, payload FROM events
     WHERE site = ?1 AND epoch = ?2 AND ?3 < sequence AND sequence <= ?4 ORDER BY sequence LIMIT ?5",
    "SELECT repeats.sequence, events.epoch, events.sequence, payload
     FROM repeats JOIN events ON events.site = ?1 AND events.id = repeats.id
     WHERE repeats.epoch = ?2 AND ?3 < repeats.sequence AND repeats.sequence <= ?4 ORDER BY repeats.sequence LIMIT ?5",
];

#[derive(Deserialize)]
pub struct Corrected {
    from: i64,
    to: i64,
    offset_ms: i64,
}

pub fn correct(desk: &Desk<'_>, epoch: i64, data: &Corrected) -> Result<(), ApplyError> {
    let by = SignedDuration::from_millis(data.offset_ms);
    let mut shifted = BTreeMap::new();
    for events in EVENTS {
        correct_events(desk, events, epoch, data, by, &mut shifted)?;
    }
    if !by.is_zero() {
        for (table, column) in DERIVED {
            correct_derived(desk, table, column, by, &shifted)?;
        }
    }
    let Corrected { from, to, offset_ms } = data;
    tracing::info!(from, to, offset_ms, events = shifted.len(), "times of a site corrected");
    Ok(())
}

/// Sets right the events of the range that say so; `shifted` gets their times, old and new.
fn correct_events(
    desk: &Desk<'_>,
    events: &str,
    epoch: i64,
    data: &Corrected,
    by: SignedDuration,
    shifted: &mut BTreeMap<String, String>,
) -> Result<(), ApplyError> {
    let mut after = data.from.saturating_sub(1);
    loop {
        let rows = desk.db.rows(events, &params![desk.about.site, epoch, after, data.to, PAGE], |row| {
            Ok((row.get::<i64>(0)?, row.get::<i64>(1)?, row.get::<i64>(2)?, row.get::<String>(3)?))
        })?;
        let Some((last, ..)) = rows.last() else { return Ok(()) };
        after = *last;
        for (_, epoch, sequence, text) in rows {
            let mut event: Json = serde_json::from_str(&text)?;
            let time = event["time"].as_str().and_then(|time| time.parse::<Timestamp>().ok());
            let (true, Some(time)) = (event["clock"] == UNSYNCED, time) else { continue };
            let (old, new) = (shown(time), shown(time.saturating_add(by).unwrap_or(time)));
            event["time"] = new.as_str().into();
            event["clock"] = CORRECTED.into();
            desk.run(
                "UPDATE events SET payload = ?3 WHERE epoch = ?1 AND sequence = ?2",
                &params![epoch, sequence, event.to_string()],
            )?;
            shifted.insert(old, new);
        }
    }
}

/// The times of `column` that are those of events which were set right.
fn correct_derived(
    desk: &Desk<'_>,
    table: &str,
    column: &str,
    by: SignedDuration,
    shifted: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let (Some((first, _)), Some((last, _))) = (shifted.first_key_value(), shifted.last_key_value()) else {
        return Ok(());
    };
    // In an order in which no new time is taken for an old one that is still to be shifted.
    let order = if by.is_positive() { "DESC" } else { "ASC" };
    let times: Vec<String> = desk.db.rows(
        &format!(
            "SELECT DISTINCT {column} FROM {table} WHERE site = ?1 AND ?2 <= {column} AND {column} <= ?3
             ORDER BY {column} {order}"
        ),
        &params![desk.about.site, first, last],
        |row| row.get(0),
    )?;
    let update = format!("UPDATE {table} SET {column} = ?3 WHERE site = ?1 AND {column} = ?2");
    for old in times {
        if let Some(new) = shifted.get(&old) {
            desk.db.run(&update, &params![desk.about.site, old, new])?;
        }
    }
    Ok(())
}

/// As [`Desk`] keeps times.
fn shown(at: Timestamp) -> String {
    format!("{at:.3}")
}
