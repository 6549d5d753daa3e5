//! What an event changes: the platform's own picture of orders, parcels, dispatches, notifications, returns and stock.
//!
//! Reads only what it needs of an event's data, and before it writes anything. A type that it does not know changes
//! nothing: v1 may gain types.

mod leave;
mod notify;
mod picture;
mod promise;
mod returns;
mod rows;
mod times;
mod work;

pub use notify::{hold_on, release};
pub use picture::Line;

use crate::clock::Now;
use crate::faults::About;
use crate::store::{Db, Error, Value, params};
use crate::wire::Envelope;
use picture::{Order, ParcelState};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;

#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("data: {0}")]
    Data(#[from] serde_json::Error),
    #[error(transparent)]
    Storage(#[from] Error),
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
    #[serde(deserialize_with = "count")]
    on_hand: i64,
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

/// A number of units or parcels. Sites are not trusted: one with which nobody could reckon is none.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let count = i64::deserialize(deserializer)?;
    if (-COUNT_MAX..=COUNT_MAX).contains(&count) {
        return Ok(count);
    }
    Err(D::Error::custom(format!("{count} is no number of things, {COUNT_MAX} the most")))
}

/// As many of the largest as a message can hold can be added.
const COUNT_MAX: i64 = 1_000_000_000_000;

/// Applies one event within the open transaction.
///
/// # Errors
/// Its data is not what its type says (nothing was written), or the storage's.
pub fn apply(db: &Db, event: &Envelope<'_>, epoch: i64, about: About, now: Now) -> Result<(), ApplyError> {
    let desk = Desk { db, about, now, time: format!("{:.3}", event.time) };
    let data = event.data.get();
    match event.kind().unwrap_or_default().split_once('.').unwrap_or_default() {
        ("order", kind) => work::lead(&desk, kind, data),
        ("pick", kind) => work::pick(&desk, kind, data),
        ("pack", kind) => work::pack(&desk, kind, data),
        ("dispatch", kind) => leave::leave(&desk, kind, data),
        ("return", kind) => returns::come_back(&desk, kind, data),
        ("notification", "requested") => notify::requested(&desk, event, epoch, data),
        ("promise", kind) => promise::keep(&desk, kind, data),
        ("stock", "adjusted" | "counted" | "low") => {
            let SkuStock { sku, on_hand } = read(data)?;
            desk.has(&sku, on_hand)
        }
        ("site", "started") => desk.started(&read(data)?),
        ("site", "scan_refused") => desk.refused(epoch, event.sequence, data),
        ("site", "scanner_lost") => desk.scanner(&read(data)?, "lost"),
        ("site", "scanner_back") => desk.scanner(&read(data)?, "back"),
        ("site", "clock_corrected") => times::correct(&desk, epoch, &read(data)?),
        ("site", "courier_late") => promise::courier_late(&desk, data),
        ("site", "day_closed") => promise::day_closed(&desk, data),
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
    db: &'a Db,
    about: About,
    now: Now,
    time: String,
}

impl Desk<'_> {
    fn run(&self, sql: &str, values: &[Value<'_>]) -> Result<(), ApplyError> {
        Ok(self.db.write(sql, values)?)
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

    /// What is on hand; what is reserved follows from the orders.
    fn has(&self, sku: &str, on_hand: i64) -> Result<(), ApplyError> {
        self.run(
            "INSERT INTO stock (site, sku, on_hand) VALUES (?1, ?2, ?3)
             ON CONFLICT (site, sku) DO UPDATE SET on_hand = excluded.on_hand",
            &params![self.about.site, sku, on_hand],
        )
    }

    /// A database that is new, or an older copy, knows of no manifest; a new one knows of no label either.
    fn started(&self, data: &Started<'_>) -> Result<(), ApplyError> {
        let (from, to): (&[&str], _) = match data.cause.as_ref() {
            "old_copy" => (&["loaded"], ParcelState::Labelled),
            "new" => (&["loaded", "labelled", "ready"], ParcelState::Sealed),
            _ => return Ok(()),
        };
        for state in from {
            self.run(
                "UPDATE parcels SET state = ?2, carrier = NULL, manifest = NULL, void = 0, updated = ?3,
                     place = CASE WHEN ?4 = 1 THEN place ELSE NULL END
                 WHERE site = ?1 AND state = ?5 AND order_id IN
                     (SELECT id FROM orders WHERE site = ?1 AND state NOT IN ('completed', 'cancelled'))",
                &params![self.about.site, to.word(), self.time, to != ParcelState::Sealed, state],
            )?;
        }
        Ok(())
    }

    fn refused(&self, epoch: i64, sequence: i64, text: &str) -> Result<(), ApplyError> {
        self.run(
            "INSERT INTO refused (site, epoch, sequence, time, data) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            &params![self.about.site, epoch, sequence, self.time, text],
        )
    }

    fn scanner(&self, data: &Scanner<'_>, state: &str) -> Result<(), ApplyError> {
        self.run(
            "INSERT INTO scanners (site, scanner, state, reason, since) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (site, scanner) DO UPDATE SET state = excluded.state, reason = excluded.reason, since = excluded.since",
            &params![self.about.site, data.scanner, state, data.reason, self.time],
        )
    }
}

#[cfg(test)]
mod tests;
