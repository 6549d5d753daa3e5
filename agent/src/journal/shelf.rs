//! The projections: what the log adds up to, kept as rows in the same transaction as the events.
//!
//! Orders at work, stock, stations and scanners are also held in memory. What many scans of one transaction change there is
//! written once, by [`Shelf::write`] before its commit. After any failed transaction the whole shelf is thrown away and read
//! again: between transactions memory never knows more than the file.

use super::queue::{self, Rank};
use super::{Error, row, slate};
use crate::domain::decide::LastScan;
use crate::domain::dispatch::{Desk, Gone};
use crate::domain::manifest::Manifest;
use crate::domain::name::{CarrierId, OrderId, ProductCode, ScannerId, Sku, StationId, ToteId};
use crate::domain::order::{Delivery, Order, ParcelState, State};
use crate::domain::promise::Standing;
use crate::domain::returns::{Return, ReturnState};
use crate::domain::sscc::Sscc;
use crate::domain::station::Station;
use crate::domain::stock::Stock;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Rows and what of them is in memory.
#[derive(Debug, Default)]
pub struct Shelf {
    stations: HashMap<StationId, Station>,
    scanners: HashMap<ScannerId, LastScan>,
    /// Orders used lately, by key.
    orders: HashMap<i64, Order>,
    orders_max: usize,
    keys: HashMap<OrderId, i64>,
    stock: HashMap<Sku, Stock>,
    owed: Owed,
    /// Scanners whose answer got lost, which the file does not know yet: it is not worth a commit of its own.
    doubted: HashSet<ScannerId>,
    pub sscc_serial: u64,
    pub return_serial: u64,
}

/// What this transaction has changed in memory, and not in the file yet. All of it is in memory until it is written.
#[derive(Debug, Default)]
struct Owed {
    stations: HashSet<StationId>,
    scanners: HashSet<ScannerId>,
    /// Orders of which nothing has changed that statements look for.
    orders: HashSet<i64>,
    stock: HashSet<Sku>,
}

/// More orders than are open at a site at once, in 3 kB each; the cache begins anew beyond it.
pub const ORDERS_CACHED: usize = 256;
/// As many products as a small site has on its shelves.
const STOCK_CACHED_MAX: usize = 4_096;

impl Shelf {
    /// Reads what is always in memory. `doubtful`: the last process died, so its last answers may not have arrived;
    /// that stays so until each scanner is heard again.
    pub fn load(conn: &Connection, doubtful: bool) -> Result<Self, Error> {
        let mut shelf = Self {
            sscc_serial: slate::get(conn, slate::SSCC)?.unwrap_or_default(),
            return_serial: slate::get(conn, slate::RETURNS)?.unwrap_or_default(),
            orders_max: ORDERS_CACHED,
            ..Self::default()
        };
        for (id, text) in slate::all(conn, &slate::station(""))? {
            let id = StationId::from(id.as_str());
            shelf.stations.insert(id.clone(), row::read_station(id, &text)?);
        }
        for (id, text) in slate::all(conn, &slate::scanner(""))? {
            let text = if doubtful { row::doubted(&text)? } else { text };
            if doubtful {
                slate::set(conn, &slate::scanner(&id), &text)?;
            }
            shelf.scanners.insert(id.as_str().into(), row::read_scanner(&text)?);
        }
        Ok(shelf)
    }

    /// Keeps so many orders in memory.
    pub fn with_orders(self, orders_max: usize) -> Self {
        Self { orders_max, ..self }
    }

    /// The station's context, or `fallback` where it has none yet.
    pub fn station(&self, id: &StationId, fallback: &Station) -> Station {
        self.stations.get(id).unwrap_or(fallback).clone()
    }

    pub fn stations(&self) -> impl Iterator<Item = &Station> {
        self.stations.values()
    }

    pub fn save_station(&mut self, station: &Station) {
        if self.stations.get(&station.id) == Some(station) {
            return;
        }
        self.owed.stations.insert(station.id.clone());
        self.stations.insert(station.id.clone(), station.clone());
    }

    /// Writes what is owed to the file.
    pub fn write(&mut self, conn: &Connection) -> Result<(), Error> {
        for id in self.owed.stations.drain() {
            if let Some(station) = self.stations.get(&id) {
                slate::set(conn, &slate::station(&id), &row::station(station)?)?;
            }
        }
        for id in self.owed.scanners.drain() {
            if let Some(last) = self.scanners.get(&id) {
                slate::set(conn, &slate::scanner(&id), &row::scanner(last)?)?;
            }
        }
        self.write_orders(conn)?;
        self.write_stock(conn)
    }

    fn write_orders(&mut self, conn: &Connection) -> Result<(), Error> {
        for key in self.owed.orders.drain() {
            if let Some(order) = self.orders.get(&key) {
                conn.prepare_cached("UPDATE progress SET body = ?2 WHERE key = ?1")?
                    .execute(params![key, row::progress(&order.progress)?])?;
            }
        }
        Ok(())
    }

    fn write_stock(&mut self, conn: &Connection) -> Result<(), Error> {
        for sku in self.owed.stock.drain() {
            if let Some(stock) = self.stock.get(&sku) {
                conn.prepare_cached(
                    "INSERT INTO stock (sku, on_hand, reserved) VALUES (?1, ?2, ?3)
                     ON CONFLICT (sku) DO UPDATE SET on_hand = excluded.on_hand, reserved = excluded.reserved",
                )?
                .execute(params![&*sku, stock.on_hand, stock.reserved])?;
            }
        }
        Ok(())
    }

    /// The other station that has the order open.
    pub fn elsewhere(&self, order: &OrderId, here: &StationId) -> Option<Station> {
        self.other(here, |station| station.has_open(order))
    }

    /// The other station for which `is` holds.
    pub fn other(&self, here: &StationId, is: impl Fn(&Station) -> bool) -> Option<Station> {
        self.stations.values().find(|station| station.id != *here && is(station)).cloned()
    }

    /// What each scanner read last.
    pub fn scanners(&self) -> &HashMap<ScannerId, LastScan> {
        &self.scanners
    }

    /// Puts back what memory knows of the scanners beyond the file: when, and whether the answer arrived.
    pub fn remember_scanners(&mut self, scanners: HashMap<ScannerId, LastScan>) {
        self.doubted = scanners.iter().filter(|(_, last)| last.doubtful).map(|(id, _)| id.clone()).collect();
        self.scanners = scanners;
    }

    pub fn last_scan(&self, scanner: &ScannerId) -> Option<&LastScan> {
        self.scanners.get(scanner)
    }

    /// Remembers a scanner's frame; on disk only where a restart would have to know it: because it counted, or because
    /// the scanner may send it again.
    pub fn save_scan(&mut self, scanner: &ScannerId, last: LastScan, repeats: bool) {
        let counted_before = self.scanners.get(scanner).is_some_and(|before| before.counted);
        if last.counted || counted_before || repeats {
            self.owed.scanners.insert(scanner.clone());
        }
        self.scanners.insert(scanner.clone(), last);
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
            self.doubted.insert(scanner.clone());
        }
    }

    /// The next start has to know of answers that got lost: this transaction, which writes anyhow, takes them along.
    pub fn owe_doubts(&mut self) {
        self.owed.scanners.extend(self.doubted.drain());
    }

    pub fn order_by_id(&mut self, conn: &Connection, id: &OrderId) -> Result<Option<Order>, Error> {
        if let Some(order) = self.keys.get(id).and_then(|key| self.orders.get(key)) {
            return Ok(Some(order.clone()));
        }
        let mut statement = conn.prepare_cached("SELECT key FROM orders WHERE id = ?1")?;
        let key: Option<i64> = statement.query_row([&**id], |row| row.get(0)).optional()?;
        key.map_or(Ok(None), |key| self.order(conn, key))
    }

    /// The key of an order that was looked up.
    pub fn key_of(&self, id: &OrderId) -> Option<i64> {
        self.keys.get(id).copied()
    }

    /// How an order stands with its promise.
    pub fn standing(conn: &Connection, key: i64) -> Result<Option<Standing>, Error> {
        let mut statement = conn.prepare_cached("SELECT course, body FROM promises WHERE order_key = ?1")?;
        let found =
            statement.query_row([key], |row| Ok((row.get::<_, usize>(0)?, row.get::<_, String>(1)?))).optional()?;
        Ok(found.map(|(course, body)| row::read_standing(course, &body)).transpose()?)
    }

    pub fn save_standing(conn: &Connection, key: i64, standing: Option<&Standing>) -> Result<(), Error> {
        let Some(standing) = standing else {
            conn.prepare_cached("DELETE FROM promises WHERE order_key = ?1")?.execute([key])?;
            return Ok(());
        };
        let (course, body) = row::standing(standing)?;
        conn.prepare_cached(
            "INSERT INTO promises (order_key, course, body) VALUES (?1, ?2, ?3)
             ON CONFLICT (order_key) DO UPDATE SET course = excluded.course, body = excluded.body",
        )?
        .execute(params![key, course, body])?;
        Ok(())
    }

    /// For each carrier the time of the latest collection whose manifest is closed.
    pub fn gone(conn: &Connection) -> Result<Gone, Error> {
        // A collection's manifest is named by its carrier, day and time: the last name is the last time.
        let mut statement = conn.prepare_cached(
            "SELECT max(id), carrier, body FROM manifests WHERE closed = 1 AND instr(id, '@') GROUP BY carrier",
        )?;
        let mut rows = statement.query([])?;
        let mut gone = Gone::new();
        while let Some(row) = rows.next()? {
            let (id, carrier): (String, String) = (row.get(0)?, row.get(1)?);
            let manifest = row::read_manifest(&id, &carrier, true, &row.get::<_, String>(2)?)?;
            if let Some(collection) = manifest.collection {
                let known = gone.entry(manifest.carrier).or_insert(collection.at);
                *known = (*known).max(collection.at);
            }
        }
        Ok(gone)
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

    /// The order and the number of the parcel that a carrier's number stands or stood for.
    pub fn labelled(&mut self, conn: &Connection, code: &str) -> Result<Option<(Order, u32)>, Error> {
        let mut statement = conn.prepare_cached("SELECT order_key, n FROM labels WHERE code = ?1")?;
        let found = statement.query_row([code], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((key, n)) = found else {
            return Ok(None);
        };
        Ok(self.order(conn, key)?.map(|order| (order, n)))
    }

    /// The order that is gathered in a tote.
    pub fn in_tote(&mut self, conn: &Connection, tote: &ToteId) -> Result<Option<Order>, Error> {
        let mut statement = conn.prepare_cached("SELECT order_key FROM totes WHERE id = ?1")?;
        let key: Option<i64> = statement.query_row([&**tote], |row| row.get(0)).optional()?;
        let order = key.map_or(Ok(None), |key| self.order(conn, key))?;
        Ok(order.filter(|order| order.progress.tote.as_ref() == Some(tote)))
    }

    /// The most urgent order in one of `states` that no station has open; `last_of_all` only before none.
    pub fn most_urgent(
        &mut self,
        conn: &Connection,
        desk: Desk<'_>,
        states: &[State],
        last_of_all: Option<&OrderId>,
    ) -> Result<Option<Order>, Error> {
        let mut best: Option<Rank> = None;
        let is_open = |id: &OrderId| self.stations.values().any(|station| station.has_open(id));
        queue::each(conn, desk, states, last_of_all, is_open, |rank| {
            best = Some(best.map_or(rank, |best| best.min(rank)));
        })?;
        best.map_or(Ok(None), |best| self.order(conn, best.key()))
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
        self.remember(conn, key, &order)?;
        Ok(Some(order))
    }

    fn remember(&mut self, conn: &Connection, key: i64, order: &Order) -> Result<(), Error> {
        // One that is there already may be owed: what takes its place is to be written, and not what it was.
        if self.orders_max <= self.orders.len() && !self.orders.contains_key(&key) {
            self.forget_orders(conn)?;
        }
        self.keys.insert(order.terms.id.clone(), key);
        self.orders.insert(key, order.clone());
        Ok(())
    }

    /// Keeps the order as it is now: its terms where they are new, its progress and its parcels where they moved.
    ///
    /// Most scans only change the body, which is owed: naming an indexed column would touch the index's page too.
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
        let same_place = |before: &Order| {
            row::listed_state(&before.progress) == row::listed_state(&order.progress)
                && before.progress.expedited == order.progress.expedited
                && urgency(before) == urgency(order)
                && carrier(before) == carrier(order)
        };
        if before.as_ref().is_some_and(same_place) {
            self.owed.orders.insert(key);
        } else {
            self.owed.orders.remove(&key);
            let closed_s = order.progress.state.is_closed().then_some(uptime_s);
            conn.prepare_cached(
                "INSERT OR REPLACE INTO progress (key, state, urgency, closed_s, body, carrier, expedited)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                key,
                row::listed_state(&order.progress),
                urgency(order),
                closed_s,
                row::progress(&order.progress)?,
                carrier(order),
                order.progress.expedited
            ])?;
        }
        save_parcels(conn, key, before.as_ref(), order)?;
        save_labels(conn, key, before.as_ref(), order)?;
        save_serials(conn, before.as_ref(), order)?;
        if let Some(tote) = &order.progress.tote
            && before.as_ref().is_none_or(|before| before.progress.tote.as_ref() != Some(tote))
        {
            conn.prepare_cached("INSERT OR REPLACE INTO totes (id, order_key) VALUES (?1, ?2)")?
                .execute(params![&**tote, key])?;
        }
        self.remember(conn, key, order)
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
            let mut station = station;
            station.lay_down();
            station.last = None;
            self.save_station(&station);
        }
        conn.execute("UPDATE manifests SET closed = 2 WHERE closed = 0", [])?;
        self.write_stock(conn)?;
        conn.execute("UPDATE stock SET reserved = 0", [])?;
        self.stock.clear();
        Ok(keys.len() as u64)
    }

    /// Forgets the orders in memory, after rows were deleted: of these nothing is owed any more.
    pub fn forget_orders(&mut self, conn: &Connection) -> Result<(), Error> {
        self.write_orders(conn)?;
        self.orders.clear();
        self.keys.clear();
        Ok(())
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
        // What begins with `base#`: `$` is the character behind `#`.
        let mut statement =
            conn.prepare_cached("SELECT count(*) FROM manifests WHERE ?1 || '#' < id AND id < ?1 || '$'")?;
        Ok(statement.query_row([base], |row| row.get(0))?)
    }

    pub fn save_manifest(conn: &Connection, manifest: &Manifest, uptime_s: u64) -> Result<(), Error> {
        conn.prepare_cached("INSERT OR REPLACE INTO manifests (id, carrier, closed, body) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![&*manifest.id, &*manifest.carrier, manifest.closed, row::manifest(manifest, uptime_s)?])?;
        Ok(())
    }

    /// The orders that have parcels on manifests.
    pub fn loaded(&mut self, conn: &Connection) -> Result<Vec<Order>, Error> {
        let keys: Vec<i64> = conn
            .prepare_cached("SELECT DISTINCT order_key FROM parcels WHERE state = ?1 ORDER BY order_key")?
            .query_map([ParcelState::Loaded as i64], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        keys.into_iter().filter_map(|key| self.order(conn, key).transpose()).collect()
    }

    /// The orders of a manifest's carrier with closed parcels on no manifest that were to go with its collection, or with
    /// none. Those of other collections may be many, and none of them is looked at as an order.
    pub fn left_beside(&mut self, conn: &Connection, manifest: &Manifest) -> Result<Vec<Order>, Error> {
        let collection = manifest.collection.as_ref().map(|collection| &*collection.id);
        // A parcel has its place in the list by its number.
        let keys: Vec<i64> = conn
            .prepare_cached(
                "SELECT DISTINCT a.order_key FROM parcels a JOIN progress p ON p.key = a.order_key
                 WHERE a.carrier = ?1 AND a.state IN (?2, ?3)
                     AND (?4 IS NULL OR ifnull(p.body ->> ('$.p[' || (a.n - 1) || '].k'), ?4) = ?4)
                 ORDER BY a.order_key",
            )?
            .query_map(
                params![&*manifest.carrier, ParcelState::Sealed as i64, ParcelState::Labelled as i64, collection],
                |row| row.get(0),
            )?
            .collect::<Result<_, _>>()?;
        keys.into_iter().filter_map(|key| self.order(conn, key).transpose()).collect()
    }

    pub fn returned(conn: &Connection, id: &str) -> Result<Option<Return>, Error> {
        Self::return_where(conn, "SELECT state, terms, found FROM returns WHERE id = ?1", id)
    }

    /// The oldest return that is announced or being received for an order.
    pub fn returned_for(conn: &Connection, order: &OrderId) -> Result<Option<Return>, Error> {
        let query = "SELECT state, terms, found FROM returns WHERE order_id = ?1 AND state < 2 ORDER BY id LIMIT 1";
        Self::return_where(conn, query, order)
    }

    fn return_where(conn: &Connection, query: &str, key: &str) -> Result<Option<Return>, Error> {
        let mut statement = conn.prepare_cached(query)?;
        let found = statement
            .query_row([key], |row| Ok((row.get::<_, usize>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)))
            .optional()?;
        let read = found.map(|(state, terms, found)| row::read_returned(state, &terms, &found));
        Ok(read.transpose()?)
    }

    pub fn save_returned(conn: &Connection, known: &Return, uptime_s: u64) -> Result<(), Error> {
        let (terms, found) = row::returned(known)?;
        let order = known.order.as_ref().map(|order| &*order.id);
        let closed_s = (known.state == ReturnState::Completed).then_some(uptime_s);
        conn.prepare_cached(
            "INSERT OR REPLACE INTO returns (id, order_id, state, closed_s, terms, found)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![&*known.id, order, known.state as i64, closed_s, terms, found])?;
        Ok(())
    }

    /// Whether a parcel has this unit in it.
    pub fn has_serial(conn: &Connection, sku: &Sku, serial: &str) -> Result<bool, Error> {
        let mut statement = conn.prepare_cached("SELECT 1 FROM serials WHERE sku = ?1 AND serial = ?2")?;
        Ok(statement.exists(params![&**sku, serial])?)
    }

    /// The unit is back on the shelf.
    pub fn free_serial(conn: &Connection, sku: &Sku, serial: &str) -> Result<(), Error> {
        conn.prepare_cached("DELETE FROM serials WHERE sku = ?1 AND serial = ?2")?.execute(params![&**sku, serial])?;
        Ok(())
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
            self.write_stock(conn)?;
            self.stock.clear();
        }
        self.stock.insert(sku.clone(), stock);
        Ok(stock)
    }

    pub fn save_stock(&mut self, sku: &Sku, stock: Stock) {
        self.owed.stock.insert(sku.clone());
        self.stock.insert(sku.clone(), stock);
    }

    pub fn use_returns(&mut self, conn: &Connection, count: u64) -> Result<(), Error> {
        self.return_serial += count;
        slate::set(conn, slate::RETURNS, &self.return_serial)
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

/// In the column `state` of a number that no parcel has any more.
const VOID: i64 = -1;

fn save_parcels(conn: &Connection, key: i64, before: Option<&Order>, order: &Order) -> Result<(), Error> {
    let rerouted = before.is_some_and(|before| before.terms.delivery != order.terms.delivery);
    for was in before.into_iter().flat_map(|before| &before.progress.parcels) {
        let now = order.parcel(was.n).and_then(|parcel| parcel.sscc);
        if let Some(old) = was.sscc.filter(|old| now != Some(*old)) {
            conn.prepare_cached("UPDATE parcels SET state = ?2 WHERE sscc = ?1")?.execute(params![old.0, VOID])?;
        }
    }
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
        .execute(params![sscc.0, key, parcel.n, carrier(order), parcel.state as i64])?;
    }
    Ok(())
}

fn save_labels(conn: &Connection, key: i64, before: Option<&Order>, order: &Order) -> Result<(), Error> {
    for parcel in &order.progress.parcels {
        let was = before.and_then(|before| before.parcel(parcel.n)?.tracking.as_ref());
        let Some(tracking) = parcel.tracking.as_ref().filter(|tracking| was != Some(*tracking)) else {
            continue;
        };
        conn.prepare_cached("INSERT OR REPLACE INTO labels (code, order_key, n) VALUES (?1, ?2, ?3)")?
            .execute(params![&**tracking, key, parcel.n])?;
    }
    Ok(())
}

/// A unit's serial is taken while it is in a parcel of an order that was not withdrawn.
fn save_serials(conn: &Connection, before: Option<&Order>, order: &Order) -> Result<(), Error> {
    let serials = |order: &Order| -> BTreeSet<(Sku, Box<str>)> {
        order.serials().map(|(sku, serial)| (sku.clone(), serial.into())).collect()
    };
    let (before, after) = (before.map(serials).unwrap_or_default(), serials(order));
    for (sku, serial) in before.difference(&after) {
        Shelf::free_serial(conn, sku, serial)?;
    }
    for (sku, serial) in after.difference(&before) {
        conn.prepare_cached("INSERT OR IGNORE INTO serials (sku, serial) VALUES (?1, ?2)")?
            .execute(params![&**sku, &**serial])?;
    }
    Ok(())
}

fn carrier(order: &Order) -> Option<&str> {
    match &order.terms.delivery {
        Delivery::Carrier { carrier, .. } => Some(carrier),
        Delivery::Pickup => None,
    }
}

/// An order without a promise is less urgent than any with one.
fn urgency(order: &Order) -> i64 {
    order.terms.promise.ship_by.map_or(i64::MAX, jiff::Timestamp::as_microsecond)
}
