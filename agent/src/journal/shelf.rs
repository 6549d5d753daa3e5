//! The projections: what the log adds up to, kept as rows in the same transaction as the events.
//!
//! Orders at work, stations and scanners are also held in memory, written through. After any failed transaction the
//! whole shelf is thrown away and read again: memory never knows more than the file.

use super::{Error, row, slate};
use crate::domain::code::Scan;
use crate::domain::decide::LastScan;
use crate::domain::manifest::Manifest;
use crate::domain::name::{CarrierId, OrderId, ProductCode, ScannerId, Sku, StationId};
use crate::domain::order::{Delivery, Order, ParcelState, State};
use crate::domain::sscc::Sscc;
use crate::domain::station::{Station, Work};
use crate::domain::stock::Stock;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Rows and what of them is in memory.
#[derive(Debug, Default)]
pub struct Shelf {
    stations: HashMap<StationId, Station>,
    scanners: HashMap<ScannerId, LastScan>,
    /// Orders used lately, by key.
    orders: HashMap<i64, Order>,
    keys: HashMap<OrderId, i64>,
    stock: HashMap<Sku, Stock>,
    pub sscc_serial: u64,
}

/// More orders than are open at a site at once; the cache begins anew beyond it.
const ORDERS_CACHED_MAX: usize = 512;
/// As many products as a small site has on its shelves.
const STOCK_CACHED_MAX: usize = 4_096;

impl Shelf {
    /// Reads what is always in memory. `doubtful`: the last process died, so its last answers may not have arrived.
    pub fn load(conn: &Connection, doubtful: bool) -> Result<Self, Error> {
        let mut shelf = Self { sscc_serial: slate::get(conn, slate::SSCC)?.unwrap_or_default(), ..Self::default() };
        for (id, text) in slate::all(conn, &slate::station(""))? {
            let id = StationId::from(id.as_str());
            shelf.stations.insert(id.clone(), row::read_station(id, &text)?);
        }
        for (id, text) in slate::all(conn, &slate::scanner(""))? {
            shelf.scanners.insert(id.as_str().into(), row::read_scanner(&text, doubtful)?);
        }
        Ok(shelf)
    }

    /// The station's context, or `fallback` where it has none yet.
    pub fn station(&self, id: &StationId, fallback: &Station) -> Station {
        self.stations.get(id).unwrap_or(fallback).clone()
    }

    pub fn stations(&self) -> impl Iterator<Item = &Station> {
        self.stations.values()
    }

    pub fn save_station(&mut self, conn: &Connection, station: &Station) -> Result<(), Error> {
        if self.stations.get(&station.id) == Some(station) {
            return Ok(());
        }
        slate::set(conn, &slate::station(&station.id), &row::station(station)?)?;
        self.stations.insert(station.id.clone(), station.clone());
        Ok(())
    }

    /// The other station that has the order open.
    pub fn elsewhere(&self, order: &OrderId, here: &StationId) -> Option<StationId> {
        let open = |station: &&Station| station.id != *here && station.work == Work::Order(order.clone());
        self.stations.values().find(open).map(|station| station.id.clone())
    }

    /// What each scanner read last.
    pub fn scanners(&self) -> &HashMap<ScannerId, LastScan> {
        &self.scanners
    }

    /// Puts back what memory knows of the scanners beyond the file: when, and whether the answer arrived.
    pub fn remember_scanners(&mut self, scanners: HashMap<ScannerId, LastScan>) {
        self.scanners = scanners;
    }

    pub fn last_scan(&self, scanner: &ScannerId) -> Option<&LastScan> {
        self.scanners.get(scanner)
    }

    /// Remembers a scanner's frame; on disk only where a restart would have to know it.
    pub fn save_scan(&mut self, conn: &Connection, scan: &Scan, last: LastScan) -> Result<(), Error> {
        let counted_before = self.scanners.get(&scan.scanner).is_some_and(|before| before.counted);
        if last.counted || counted_before {
            slate::set(conn, &slate::scanner(&scan.scanner), &row::scanner(scan, last.counted)?)?;
        }
        self.scanners.insert(scan.scanner.clone(), last);
        Ok(())
    }

    /// Prolongs the time in which the same code is bounce; memory only.
    pub fn touch_scan(&mut self, scanner: &ScannerId, since_start: Duration) {
        if let Some(last) = self.scanners.get_mut(scanner) {
            last.since_start = Some(since_start);
        }
    }

    /// The scanner's last answer could not be given: the same code again is asked about first.
    pub fn doubt(&mut self, scanner: &ScannerId) {
        if let Some(last) = self.scanners.get_mut(scanner) {
            last.doubtful = true;
        }
    }

    pub fn order_by_id(&mut self, conn: &Connection, id: &OrderId) -> Result<Option<Order>, Error> {
        if let Some(order) = self.keys.get(id).and_then(|key| self.orders.get(key)) {
            return Ok(Some(order.clone()));
        }
        let mut statement = conn.prepare_cached("SELECT key FROM orders WHERE id = ?1")?;
        let key: Option<i64> = statement.query_row([&**id], |row| row.get(0)).optional()?;
        key.map_or(Ok(None), |key| self.order(conn, key))
    }

    /// The order that `text` is the id or the number of; of several with one number the newest.
    pub fn order_named(&mut self, conn: &Connection, text: &str) -> Result<Option<Order>, Error> {
        let mut statement = conn.prepare_cached(
            "SELECT key FROM orders WHERE id = ?1 UNION SELECT key FROM orders WHERE number = ?1 ORDER BY key DESC",
        )?;
        let key: Option<i64> = statement.query_row([text], |row| row.get(0)).optional()?;
        key.map_or(Ok(None), |key| self.order(conn, key))
    }

    /// The order and the number of the parcel with this SSCC.
    pub fn parcel(&mut self, conn: &Connection, sscc: Sscc) -> Result<Option<(Order, u32)>, Error> {
        let mut statement = conn.prepare_cached("SELECT order_key, n FROM parcels WHERE sscc = ?1")?;
        let found = statement.query_row([sscc.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((key, n)) = found else {
            return Ok(None);
        };
        Ok(self.order(conn, key)?.map(|order| (order, n)))
    }

    /// The most urgent order that can be worked on and that no station has open; `last_of_all` only before none.
    pub fn most_urgent(&mut self, conn: &Connection, last_of_all: Option<&OrderId>) -> Result<Option<Order>, Error> {
        let mut statement = conn.prepare_cached(
            "SELECT o.key, o.id FROM progress p JOIN orders o USING (key)
             WHERE p.state IN (?1, ?2) ORDER BY p.urgency, p.key LIMIT ?3",
        )?;
        let more_than_open = self.stations.len() + 2;
        let rows = statement
            .query_map(params![State::Accepted as i64, State::Packing as i64, more_than_open], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })?;
        let candidates = rows.collect::<Result<Vec<_>, _>>()?;
        let is_open = |id: &str| self.stations.values().any(|station| station.work == Work::Order(id.into()));
        let mut free = candidates.into_iter().filter(|(_, id)| !is_open(id));
        let first = free.next();
        let put_down = first.as_ref().is_some_and(|(_, id)| last_of_all.is_some_and(|last| **last == **id));
        let chosen = if put_down { free.next().or(first) } else { first };
        chosen.map_or(Ok(None), |(key, _)| self.order(conn, key))
    }

    fn order(&mut self, conn: &Connection, key: i64) -> Result<Option<Order>, Error> {
        if let Some(order) = self.orders.get(&key) {
            return Ok(Some(order.clone()));
        }
        let mut statement = conn.prepare_cached(
            "SELECT o.terms, p.state, p.body FROM orders o JOIN progress p USING (key) WHERE key = ?1",
        )?;
        let found = statement
            .query_row([key], |row| Ok((row.get::<_, String>(0)?, row.get::<_, usize>(1)?, row.get::<_, String>(2)?)))
            .optional()?;
        let Some((terms, state, body)) = found else {
            return Ok(None);
        };
        let order = row::order(&terms, state, &body)?;
        self.remember(key, &order);
        Ok(Some(order))
    }

    fn remember(&mut self, key: i64, order: &Order) {
        if ORDERS_CACHED_MAX <= self.orders.len() {
            self.orders.clear();
            self.keys.clear();
        }
        self.keys.insert(order.terms.id.clone(), key);
        self.orders.insert(key, order.clone());
    }

    /// Writes the order as it is now: its terms where they are new, its progress and its parcels where they moved.
    ///
    /// Most scans only change the body: naming an indexed column would touch the index's page too.
    pub fn save_order(&mut self, conn: &Connection, order: &Order, uptime_s: u64) -> Result<(), Error> {
        let before = self.order_by_id(conn, &order.terms.id)?;
        let key = match self.keys.get(&order.terms.id) {
            Some(key) if before.is_some() => *key,
            _ => insert_order(conn, order)?,
        };
        if let Some(before) = &before
            && before.terms != order.terms
        {
            conn.prepare_cached("UPDATE orders SET number = ?2, terms = ?3 WHERE key = ?1")?.execute(params![
                key,
                &*order.terms.number,
                row::terms(&order.terms)?
            ])?;
        }
        let body = row::progress(&order.progress)?;
        let same_place =
            |before: &Order| before.progress.state == order.progress.state && urgency(before) == urgency(order);
        if before.as_ref().is_some_and(same_place) {
            conn.prepare_cached("UPDATE progress SET body = ?2 WHERE key = ?1")?.execute(params![key, body])?;
        } else {
            let closed_s = order.progress.state.is_closed().then_some(uptime_s);
            conn.prepare_cached(
                "INSERT OR REPLACE INTO progress (key, state, urgency, closed_s, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![key, order.progress.state as i64, urgency(order), closed_s, body])?;
        }
        save_parcels(conn, key, before.as_ref(), order)?;
        self.remember(key, order);
        Ok(())
    }

    /// After the file turned out to be an older copy: nothing open is worked on, and nothing reserved, until
    /// the platform puts it again.
    pub fn set_aside(&mut self, conn: &Connection, uptime_s: u64) -> Result<u64, Error> {
        let mut statement = conn.prepare_cached("SELECT key FROM progress WHERE state NOT IN (?1, ?2)")?;
        let closed = params![State::Completed as i64, State::Cancelled as i64];
        let keys = statement.query_map(closed, |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
        for key in &keys {
            if let Some(mut order) = self.order(conn, *key)? {
                order.set_aside();
                self.save_order(conn, &order, uptime_s)?;
            }
        }
        for station in self.stations.values().cloned().collect::<Vec<_>>() {
            self.save_station(conn, &Station { work: Work::Idle, ..station })?;
        }
        conn.execute("UPDATE manifests SET closed = 1", [])?;
        conn.execute("UPDATE stock SET reserved = 0", [])?;
        self.stock.clear();
        Ok(keys.len() as u64)
    }

    /// Forgets the orders in memory, after rows were deleted.
    pub fn forget_orders(&mut self) {
        self.orders.clear();
        self.keys.clear();
    }

    pub fn tombstone(conn: &Connection, id: &OrderId) -> Result<Option<u32>, Error> {
        let mut statement = conn.prepare_cached("SELECT revision FROM tombstones WHERE id = ?1")?;
        Ok(statement.query_row([&**id], |row| row.get(0)).optional()?)
    }

    pub fn bury(conn: &Connection, id: &OrderId, revision: u32, uptime_s: u64) -> Result<(), Error> {
        conn.prepare_cached("INSERT OR REPLACE INTO tombstones (id, revision, uptime_s) VALUES (?1, ?2, ?3)")?
            .execute(params![&**id, revision, uptime_s])?;
        Ok(())
    }

    /// The manifest with this id.
    pub fn manifest(conn: &Connection, id: &str) -> Result<Option<Manifest>, Error> {
        Self::manifest_where(conn, "SELECT id, carrier, closed, body FROM manifests WHERE id = ?1", id)
    }

    /// The open manifest of a carrier.
    pub fn open_manifest(conn: &Connection, carrier: &CarrierId) -> Result<Option<Manifest>, Error> {
        let query = "SELECT id, carrier, closed, body FROM manifests WHERE closed = 0 AND carrier = ?1";
        Self::manifest_where(conn, query, carrier)
    }

    fn manifest_where(conn: &Connection, query: &str, key: &str) -> Result<Option<Manifest>, Error> {
        let mut statement = conn.prepare_cached(query)?;
        let found = statement
            .query_row([key], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get::<_, String>(3)?))
            })
            .optional()?;
        let Some((id, carrier, closed, body)) = found else {
            return Ok(None);
        };
        Ok(Some(row::read_manifest(&id, &carrier, closed, &body)?))
    }

    /// How many manifests a collection, or a carrier without collections, has had.
    pub fn manifests(conn: &Connection, base: &str) -> Result<u32, Error> {
        let mut statement =
            conn.prepare_cached("SELECT count(*) FROM manifests WHERE substr(id, 1, 1 + length(?1)) = ?1 || '#'")?;
        Ok(statement.query_row([base], |row| row.get(0))?)
    }

    pub fn save_manifest(conn: &Connection, manifest: &Manifest) -> Result<(), Error> {
        conn.prepare_cached("INSERT OR REPLACE INTO manifests (id, carrier, closed, body) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![&*manifest.id, &*manifest.carrier, manifest.closed, row::manifest(manifest)?])?;
        Ok(())
    }

    /// The orders of a carrier that have parcels loaded.
    pub fn loaded(&mut self, conn: &Connection, carrier: &CarrierId) -> Result<Vec<Order>, Error> {
        let mut statement = conn.prepare_cached(
            "SELECT DISTINCT order_key FROM parcels WHERE carrier = ?1 AND state = ?2 ORDER BY order_key",
        )?;
        let keys = statement
            .query_map(params![&**carrier, ParcelState::Loaded as i64], |row| row.get(0))?
            .collect::<Result<Vec<i64>, _>>()?;
        let mut orders = Vec::with_capacity(keys.len());
        for key in keys {
            orders.extend(self.order(conn, key)?);
        }
        Ok(orders)
    }

    /// How many parcels of a carrier are sealed and on no manifest.
    pub fn left(conn: &Connection, carrier: &CarrierId) -> Result<u32, Error> {
        let mut statement = conn.prepare_cached("SELECT count(*) FROM parcels WHERE carrier = ?1 AND state = ?2")?;
        Ok(statement.query_row(params![&**carrier, ParcelState::Sealed as i64], |row| row.get(0))?)
    }

    /// The product that the catalog knows a code as.
    pub fn product(conn: &Connection, code: &str) -> Result<Option<(Sku, Arc<str>)>, Error> {
        let mut statement =
            conn.prepare_cached("SELECT sku, name FROM barcodes JOIN products USING (sku) WHERE code = ?1")?;
        let found =
            statement.query_row([code], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).optional()?;
        Ok(found.map(|(sku, name)| (sku.as_str().into(), name.into())))
    }

    pub fn save_product(conn: &Connection, sku: &Sku, name: &str, codes: &[ProductCode]) -> Result<(), Error> {
        conn.prepare_cached("INSERT OR REPLACE INTO products (sku, name) VALUES (?1, ?2)")?
            .execute(params![&**sku, name])?;
        conn.prepare_cached("DELETE FROM barcodes WHERE sku = ?1")?.execute([&**sku])?;
        for code in codes {
            conn.prepare_cached("INSERT OR REPLACE INTO barcodes (code, sku) VALUES (?1, ?2)")?
                .execute(params![&**code, &**sku])?;
        }
        Ok(())
    }

    pub fn stock(&mut self, conn: &Connection, sku: &Sku) -> Result<Stock, Error> {
        if let Some(stock) = self.stock.get(sku) {
            return Ok(*stock);
        }
        let mut statement = conn.prepare_cached("SELECT on_hand, reserved FROM stock WHERE sku = ?1")?;
        let read = |row: &rusqlite::Row<'_>| Ok(Stock { on_hand: row.get(0)?, reserved: row.get(1)? });
        let stock = statement.query_row([&**sku], read).optional()?.unwrap_or_default();
        if STOCK_CACHED_MAX <= self.stock.len() {
            self.stock.clear();
        }
        self.stock.insert(sku.clone(), stock);
        Ok(stock)
    }

    pub fn save_stock(&mut self, conn: &Connection, sku: &Sku, stock: Stock) -> Result<(), Error> {
        conn.prepare_cached(
            "INSERT INTO stock (sku, on_hand, reserved) VALUES (?1, ?2, ?3)
             ON CONFLICT (sku) DO UPDATE SET on_hand = excluded.on_hand, reserved = excluded.reserved",
        )?
        .execute(params![&**sku, stock.on_hand, stock.reserved])?;
        self.stock.insert(sku.clone(), stock);
        Ok(())
    }

    pub fn use_serials(&mut self, conn: &Connection, count: u64) -> Result<(), Error> {
        if 0 < count {
            self.sscc_serial += count;
            slate::set(conn, slate::SSCC, &self.sscc_serial)?;
        }
        Ok(())
    }
}

fn insert_order(conn: &Connection, order: &Order) -> Result<i64, Error> {
    conn.prepare_cached("INSERT INTO orders (id, number, terms) VALUES (?1, ?2, ?3)")?.execute(params![
        &*order.terms.id,
        &*order.terms.number,
        row::terms(&order.terms)?
    ])?;
    Ok(conn.last_insert_rowid())
}

fn save_parcels(conn: &Connection, key: i64, before: Option<&Order>, order: &Order) -> Result<(), Error> {
    let carrier = match &order.terms.delivery {
        Delivery::Carrier { carrier, .. } => Some(&**carrier),
        Delivery::Pickup => None,
    };
    let rerouted = before.is_some_and(|before| before.terms.delivery != order.terms.delivery);
    for parcel in &order.progress.parcels {
        let was = before.and_then(|before| before.parcel(parcel.n));
        let moved = was.is_none_or(|was| was.state != parcel.state || was.sscc != parcel.sscc) || rerouted;
        let Some(sscc) = parcel.sscc.filter(|_| moved) else {
            continue;
        };
        conn.prepare_cached(
            "INSERT INTO parcels (sscc, order_key, n, carrier, state) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (sscc) DO UPDATE SET order_key = excluded.order_key, n = excluded.n,
             carrier = excluded.carrier, state = excluded.state",
        )?
        .execute(params![sscc.0, key, parcel.n, carrier, parcel.state as i64])?;
    }
    Ok(())
}

/// An order without a promise is less urgent than any with one.
fn urgency(order: &Order) -> i64 {
    order.terms.promise.ship_by.map_or(i64::MAX, jiff::Timestamp::as_microsecond)
}
