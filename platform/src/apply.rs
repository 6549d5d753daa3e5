//! What an event changes: the platform's own picture of orders, parcels, dispatches, notifications and stock.
//!
//! Reads only what it needs of an event's data, and before it writes anything. A type that it does not know changes
//! nothing: v1 may gain types.

use crate::clock::Now;
use crate::faults::{self, About, Conflict};
use crate::terms::{self, Terms};
use crate::wire::Envelope;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("data: {0}")]
    Data(#[from] serde_json::Error),
    #[error(transparent)]
    Storage(#[from] rusqlite::Error),
}

type Text<'a> = Cow<'a, str>;

#[derive(Deserialize)]
struct Order<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    number: Text<'a>,
}

#[derive(Deserialize)]
struct OrderOnly<'a> {
    #[serde(borrow)]
    order: Order<'a>,
}

#[derive(Deserialize)]
struct Packed<'a> {
    #[serde(borrow)]
    order: Order<'a>,
    parcels: i64,
}

#[derive(Deserialize)]
struct ItemPicked<'a> {
    #[serde(borrow)]
    order: Order<'a>,
    #[serde(borrow)]
    line: Text<'a>,
    #[serde(borrow)]
    sku: Text<'a>,
    picked: i64,
    stock: Stock,
}

#[derive(Deserialize)]
struct ItemPacked<'a> {
    #[serde(borrow)]
    order: Order<'a>,
    #[serde(borrow)]
    line: Text<'a>,
    packed: i64,
}

#[derive(Deserialize)]
struct Stock {
    on_hand: i64,
    reserved: i64,
    available: i64,
}

#[derive(Deserialize)]
struct SkuStock<'a> {
    #[serde(borrow)]
    sku: Text<'a>,
    on_hand: i64,
    reserved: i64,
    available: i64,
}

#[derive(Deserialize)]
struct Sealed<'a> {
    #[serde(borrow)]
    order: Order<'a>,
    parcel: i64,
    #[serde(borrow)]
    sscc: Text<'a>,
    #[serde(borrow)]
    contents: &'a RawValue,
}

#[derive(Deserialize)]
struct Loaded<'a> {
    #[serde(borrow)]
    order: Order<'a>,
    parcel: i64,
    #[serde(borrow)]
    carrier: Text<'a>,
    #[serde(borrow)]
    manifest: Text<'a>,
    #[serde(default, borrow)]
    key: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Requested<'a> {
    #[serde(borrow)]
    order: Order<'a>,
    #[serde(borrow)]
    key: Text<'a>,
    parcel: i64,
    #[serde(borrow)]
    sscc: Text<'a>,
}

#[derive(Deserialize)]
struct Withdrawn<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(default, borrow)]
    reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Notification<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    milestone: Text<'a>,
    rank: i64,
    #[serde(borrow)]
    order: Order<'a>,
    #[serde(default)]
    parcel: Option<i64>,
    expires_at: Timestamp,
    #[serde(default, borrow)]
    replaces: Option<Text<'a>>,
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
    let desk = Desk { db, site: about.site, time: format!("{:.3}", event.time) };
    let data = event.data.get();
    match event.kind().unwrap_or_default() {
        "order.accepted" => desk.terms(&read(data)?, data, true)?,
        "order.updated" => desk.terms(&read(data)?, data, false)?,
        "order.completed" => desk.order_becomes(&read::<OrderOnly<'_>>(data)?.order.id, "completed")?,
        "order.cancelled" => desk.cancelled(&read::<OrderOnly<'_>>(data)?.order.id)?,
        "pick.item_picked" => desk.picked(&read(data)?)?,
        "pack.started" => desk.order_becomes(&read::<OrderOnly<'_>>(data)?.order.id, "packing")?,
        "pack.item_packed" => desk.item_packed(&read(data)?)?,
        "pack.parcel_sealed" => desk.sealed(&read(data)?, about, now)?,
        "pack.completed" => desk.packed(&read(data)?)?,
        "dispatch.requested" => desk.requested(&read(data)?, data)?,
        "dispatch.withdrawn" => desk.withdrawn(&read(data)?)?,
        "dispatch.parcel_loaded" => desk.loaded(&read(data)?, true)?,
        "dispatch.parcel_unloaded" => desk.loaded(&read(data)?, false)?,
        "dispatch.handed_over" => desk.handed_over(&read(data)?)?,
        "notification.requested" => desk.notification(&read(data)?, data)?,
        "stock.adjusted" | "stock.low" => desk.stock(&read(data)?)?,
        "site.scan_refused" => desk.refused(epoch, event.sequence, data)?,
        "site.scanner_lost" => desk.scanner(&read(data)?, "lost")?,
        "site.scanner_back" => desk.scanner(&read(data)?, "back")?,
        _ => {}
    }
    Ok(())
}

fn read<'a, T: Deserialize<'a>>(data: &'a str) -> Result<T, serde_json::Error> {
    serde_json::from_str(data)
}

/// One site's picture, at one event's time.
struct Desk<'a> {
    db: &'a Connection,
    site: i64,
    time: String,
}

impl Desk<'_> {
    fn run(&self, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<usize> {
        self.db.prepare_cached(sql)?.execute(values)
    }

    /// What was picked and packed stays: `known` in an update is this platform's own word come back.
    fn terms(&self, terms: &Terms, data: &str, accepted: bool) -> Result<(), ApplyError> {
        let text = terms::without_known(data)?;
        terms::store(self.db, self.site, terms, &text, "accepted", &self.time)?;
        if accepted {
            self.run(
                "UPDATE orders SET state = 'accepted' WHERE site = ?1 AND id = ?2 AND state IN ('put', 'cancelled')",
                params![self.site, terms.id],
            )?;
        } else {
            self.run(
                "UPDATE orders SET state = 'accepted' WHERE site = ?1 AND id = ?2 AND state = 'put'",
                params![self.site, terms.id],
            )?;
        }
        terms::store_lines(self.db, self.site, terms)?;
        Ok(())
    }

    fn order_becomes(&self, order: &str, state: &str) -> rusqlite::Result<()> {
        self.run(
            "UPDATE orders SET state = ?3, updated = ?4 WHERE site = ?1 AND id = ?2",
            params![self.site, order, state, self.time],
        )?;
        Ok(())
    }

    /// Parcels on a manifest stay loaded until they are scanned out of it.
    fn cancelled(&self, order: &str) -> rusqlite::Result<()> {
        self.order_becomes(order, "cancelled")?;
        self.run(
            "UPDATE parcels SET state = 'withdrawn', updated = ?3
             WHERE site = ?1 AND order_id = ?2 AND state = 'sealed'",
            params![self.site, order, self.time],
        )?;
        Ok(())
    }

    fn picked(&self, data: &ItemPicked<'_>) -> rusqlite::Result<()> {
        self.run(
            "UPDATE lines SET picked = ?4 WHERE site = ?1 AND order_id = ?2 AND line = ?3",
            params![self.site, data.order.id, data.line, data.picked],
        )?;
        self.has(&data.sku, data.stock.on_hand, data.stock.reserved, data.stock.available)
    }

    fn item_packed(&self, data: &ItemPacked<'_>) -> rusqlite::Result<()> {
        self.run(
            "UPDATE lines SET packed = ?4 WHERE site = ?1 AND order_id = ?2 AND line = ?3",
            params![self.site, data.order.id, data.line, data.packed],
        )?;
        Ok(())
    }

    fn sealed(&self, data: &Sealed<'_>, about: About, now: Now) -> rusqlite::Result<()> {
        let Order { id, number } = &data.order;
        let new = self.run(
            "INSERT INTO ssccs (sscc, site, order_id, n) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            params![data.sscc, self.site, id, data.parcel],
        )?;
        if new == 0 {
            let owner = self
                .db
                .prepare_cached(
                    "SELECT sites.name || ', order ' || order_id || ', parcel ' || n
                     FROM ssccs JOIN sites ON sites.id = site
                     WHERE sscc = ?1 AND NOT (site = ?2 AND order_id = ?3 AND n = ?4)",
                )?
                .query_row(params![data.sscc, self.site, id, data.parcel], |row| row.get::<_, String>(0))
                .optional()?;
            if let Some(owner) = owner {
                let detail = format!("SSCC {} of order {id}, parcel {} belongs to {owner}", data.sscc, data.parcel);
                faults::conflict(self.db, about, Conflict::SsccTwice, &detail, now)?;
            }
        }
        self.run(
            "INSERT INTO parcels (site, order_id, n, number, sscc, state, contents, updated)
             VALUES (?1, ?2, ?3, ?4, ?5, 'sealed', ?6, ?7)
             ON CONFLICT DO UPDATE SET number = excluded.number, sscc = excluded.sscc, state = 'sealed',
             carrier = NULL, manifest = NULL, contents = excluded.contents, updated = excluded.updated",
            params![self.site, id, data.parcel, number, data.sscc, data.contents.get(), self.time],
        )?;
        Ok(())
    }

    fn packed(&self, data: &Packed<'_>) -> rusqlite::Result<()> {
        self.run(
            "UPDATE orders SET packed = 1, parcels = ?3, updated = ?4, state = CASE
                 WHEN state IN ('cancelled', 'completed') THEN state
                 WHEN EXISTS (SELECT 1 FROM parcels WHERE site = ?1 AND order_id = ?2 AND state = 'handed_over')
                     THEN 'partly_dispatched'
                 ELSE 'packed' END
             WHERE site = ?1 AND id = ?2",
            params![self.site, data.order.id, data.parcels, self.time],
        )?;
        Ok(())
    }

    fn requested(&self, data: &Requested<'_>, text: &str) -> rusqlite::Result<()> {
        let Order { id, number } = &data.order;
        self.run(
            "INSERT INTO dispatches (site, key, order_id, number, parcel, sscc, state, requested, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'open', ?7, ?8) ON CONFLICT DO NOTHING",
            params![self.site, data.key, id, number, data.parcel, data.sscc, self.time, text],
        )?;
        Ok(())
    }

    fn withdrawn(&self, data: &Withdrawn<'_>) -> rusqlite::Result<()> {
        self.run(
            "UPDATE dispatches SET state = 'withdrawn', reason = ?3 WHERE site = ?1 AND key = ?2 AND state = 'open'",
            params![self.site, data.key, data.reason],
        )?;
        Ok(())
    }

    fn loaded(&self, data: &Loaded<'_>, on: bool) -> rusqlite::Result<()> {
        let manifest = on.then_some(&data.manifest);
        self.run(
            "UPDATE parcels SET carrier = ?4, manifest = ?5, updated = ?6, state = CASE
                 WHEN state = 'handed_over' THEN state
                 WHEN ?7 THEN 'loaded'
                 WHEN (SELECT state FROM orders WHERE site = ?1 AND id = ?2) = 'cancelled' THEN 'withdrawn'
                 ELSE 'sealed' END
             WHERE site = ?1 AND order_id = ?2 AND n = ?3",
            params![self.site, data.order.id, data.parcel, data.carrier, manifest, self.time, on],
        )?;
        Ok(())
    }

    fn handed_over(&self, data: &Loaded<'_>) -> rusqlite::Result<()> {
        self.run(
            "UPDATE parcels SET state = 'handed_over', carrier = ?4, manifest = ?5, updated = ?6
             WHERE site = ?1 AND order_id = ?2 AND n = ?3",
            params![self.site, data.order.id, data.parcel, data.carrier, data.manifest, self.time],
        )?;
        self.run(
            "UPDATE orders SET state = 'partly_dispatched', updated = ?3
             WHERE site = ?1 AND id = ?2 AND state = 'packed'",
            params![self.site, data.order.id, self.time],
        )?;
        match &data.key {
            Some(key) => self.run(
                "UPDATE dispatches SET state = 'fulfilled' WHERE site = ?1 AND key = ?2 AND state = 'open'",
                params![self.site, key],
            )?,
            // The site knows of the parcel only from here, since its database turned out to be an older copy.
            None => self.run(
                "UPDATE dispatches SET state = 'fulfilled'
                 WHERE site = ?1 AND order_id = ?2 AND parcel = ?3 AND state = 'open'",
                params![self.site, data.order.id, data.parcel],
            )?,
        };
        Ok(())
    }

    fn notification(&self, data: &Notification<'_>, text: &str) -> rusqlite::Result<()> {
        let Order { id, number } = &data.order;
        let expires_ms = data.expires_at.as_millisecond();
        let new = self.run(
            "INSERT INTO notifications (site, key, milestone, rank, order_id, number, parcel, replaces, state,
                 expires_ms, requested, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'to_send', ?9, ?10, ?11) ON CONFLICT DO NOTHING",
            params![
                self.site,
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
            ],
        )?;
        if let (1, Some(replaced)) = (new, &data.replaces) {
            self.run(
                "UPDATE notifications SET state = 'replaced' WHERE site = ?1 AND key = ?2 AND state = 'to_send'",
                params![self.site, replaced],
            )?;
        }
        Ok(())
    }

    fn stock(&self, data: &SkuStock<'_>) -> rusqlite::Result<()> {
        self.has(&data.sku, data.on_hand, data.reserved, data.available)
    }

    fn has(&self, sku: &str, on_hand: i64, reserved: i64, available: i64) -> rusqlite::Result<()> {
        self.run(
            "INSERT INTO stock (site, sku, on_hand, reserved, available) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET on_hand = excluded.on_hand, reserved = excluded.reserved,
             available = excluded.available",
            params![self.site, sku, on_hand, reserved, available],
        )?;
        Ok(())
    }

    fn refused(&self, epoch: i64, sequence: i64, text: &str) -> rusqlite::Result<()> {
        self.run(
            "INSERT OR REPLACE INTO refused (site, epoch, sequence, time, data) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![self.site, epoch, sequence, self.time, text],
        )?;
        Ok(())
    }

    fn scanner(&self, data: &Scanner<'_>, state: &str) -> rusqlite::Result<()> {
        self.run(
            "INSERT INTO scanners (site, scanner, state, reason, since) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET state = excluded.state, reason = excluded.reason, since = excluded.since",
            params![self.site, data.scanner, state, data.reason, self.time],
        )?;
        Ok(())
    }
}
