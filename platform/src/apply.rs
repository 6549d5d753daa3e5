//! What an event changes: the platform's own picture of orders, parcels, dispatches, notifications, returns and stock.
//!
//! Reads only what it needs of an event's data, and before it writes anything. A type that it does not know changes
//! nothing: v1 may gain types.

mod leave;
mod picture;
mod returns;
mod rows;
mod work;

pub use picture::Line;

use crate::clock::Now;
use crate::faults::About;
use crate::wire::Envelope;
use jiff::Timestamp;
use picture::{Order, ParcelState};
use rusqlite::{Connection, params};
use serde::Deserialize;
use std::borrow::Cow;

#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("data: {0}")]
    Data(#[from] serde_json::Error),
    #[error(transparent)]
    Storage(#[from] rusqlite::Error),
}

type Text<'a> = Cow<'a, str>;

/// The order that an event is about.
#[derive(Deserialize)]
struct OrderRef<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    number: Text<'a>,
    #[serde(default)]
    revision: u32,
}

#[derive(Deserialize)]
struct OfOrder<'a> {
    #[serde(borrow)]
    order: OrderRef<'a>,
}

#[derive(Deserialize)]
struct SkuStock<'a> {
    #[serde(borrow)]
    sku: Text<'a>,
    on_hand: i64,
}

#[derive(Deserialize)]
struct Notification<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    milestone: Text<'a>,
    rank: i64,
    #[serde(borrow)]
    order: OrderRef<'a>,
    #[serde(default)]
    parcel: Option<i64>,
    expires_at: Timestamp,
    #[serde(default, borrow)]
    replaces: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Started<'a> {
    #[serde(borrow)]
    cause: Text<'a>,
}

#[derive(Deserialize)]
struct Scanner<'a> {
    #[serde(borrow)]
    scanner: Text<'a>,
    #[serde(default, borrow)]
    reason: Option<Text<'a>>,
}

/// Applies one event within the open transaction.
///
/// # Errors
/// Its data is not what its type says (nothing was written), or the storage's.
pub fn apply(db: &Connection, event: &Envelope<'_>, epoch: i64, about: About, now: Now) -> Result<(), ApplyError> {
    let desk = Desk { db, about, now, time: format!("{:.3}", event.time) };
    let data = event.data.get();
    match event.kind().unwrap_or_default().split_once('.').unwrap_or_default() {
        ("order", kind) => work::lead(&desk, kind, data),
        ("pick", kind) => work::pick(&desk, kind, data),
        ("pack", kind) => work::pack(&desk, kind, data),
        ("dispatch", kind) => leave::leave(&desk, kind, data),
        ("return", kind) => returns::come_back(&desk, kind, data),
        ("notification", "requested") => desk.notification(&read(data)?, data),
        ("stock", "adjusted" | "counted" | "low") => {
            let SkuStock { sku, on_hand } = read(data)?;
            desk.has(&sku, on_hand)
        }
        ("site", "started") => desk.started(&read(data)?),
        ("site", "scan_refused") => desk.refused(epoch, event.sequence, data),
        ("site", "scanner_lost") => desk.scanner(&read(data)?, "lost"),
        ("site", "scanner_back") => desk.scanner(&read(data)?, "back"),
        // Who worked is in the events, and nowhere else.
        ("site", "operator_in" | "operator_out" | "stopped") => Ok(()),
        _ => Ok(()),
    }
}

fn read<'a, T: Deserialize<'a>>(data: &'a str) -> Result<T, serde_json::Error> {
    serde_json::from_str(data)
}

/// One site's picture, at one event's time.
struct Desk<'a> {
    db: &'a Connection,
    about: About,
    now: Now,
    time: String,
}

impl Desk<'_> {
    fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), ApplyError> {
        self.db.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    /// Moves an order on; one that is not known here stays unknown.
    fn order(&self, order: &OrderRef<'_>, change: impl FnOnce(&mut Order)) -> Result<(), ApplyError> {
        self.change(&order.id, change)
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Order)) -> Result<(), ApplyError> {
        let Some(before) = rows::read(self.db, self.about.site, id)? else { return Ok(()) };
        let mut after = before.clone();
        change(&mut after);
        rows::write(self.db, self.about.site, id, &before, &after, &self.time)?;
        Ok(())
    }

    fn notification(&self, data: &Notification<'_>, text: &str) -> Result<(), ApplyError> {
        let OrderRef { id, number, .. } = &data.order;
        let expires_ms = data.expires_at.as_millisecond();
        let new = self
            .db
            .prepare_cached(
                "INSERT INTO notifications (site, key, milestone, rank, order_id, number, parcel, replaces, state,
                     expires_ms, requested, data)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'to_send', ?9, ?10, ?11) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                self.about.site,
                data.key,
                data.milestone,
                data.rank,
                id,
                number,
                data.parcel,
                data.replaces,
                expires_ms,
                self.time,
                text
            ])?;
        if let (1, Some(replaced)) = (new, &data.replaces) {
            self.run(
                "UPDATE notifications SET state = 'replaced' WHERE site = ?1 AND key = ?2 AND state = 'to_send'",
                params![self.about.site, replaced],
            )?;
        }
        Ok(())
    }

    /// What is on hand; what is reserved follows from the orders.
    fn has(&self, sku: &str, on_hand: i64) -> Result<(), ApplyError> {
        self.run(
            "INSERT INTO stock (site, sku, on_hand) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET on_hand = excluded.on_hand",
            params![self.about.site, sku, on_hand],
        )
    }

    /// A database that is new, or an older copy, knows of no manifest; a new one knows of no label either.
    fn started(&self, data: &Started<'_>) -> Result<(), ApplyError> {
        let (from, to) = match data.cause.as_ref() {
            "old_copy" => (r#"["loaded"]"#, ParcelState::Labelled),
            "new" => (r#"["loaded", "labelled", "ready"]"#, ParcelState::Sealed),
            _ => return Ok(()),
        };
        self.run(
            "UPDATE parcels SET state = ?2, carrier = NULL, manifest = NULL, void = 0, updated = ?3,
                 place = iif(?2 = 'sealed', NULL, place)
             WHERE site = ?1 AND state IN (SELECT value FROM json_each(?4))
                 AND order_id IN (SELECT id FROM orders WHERE site = ?1 AND state NOT IN ('completed', 'cancelled'))",
            params![self.about.site, to.word(), self.time, from],
        )
    }

    fn refused(&self, epoch: i64, sequence: i64, text: &str) -> Result<(), ApplyError> {
        self.run(
            "INSERT OR REPLACE INTO refused (site, epoch, sequence, time, data) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![self.about.site, epoch, sequence, self.time, text],
        )
    }

    fn scanner(&self, data: &Scanner<'_>, state: &str) -> Result<(), ApplyError> {
        self.run(
            "INSERT INTO scanners (site, scanner, state, reason, since) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET state = excluded.state, reason = excluded.reason, since = excluded.since",
            params![self.about.site, data.scanner, state, data.reason, self.time],
        )
    }
}

#[cfg(test)]
mod tests;
