//! Makes rows that were read one by one into a state that can be worked on.
//!
//! A row that can't be understood goes, and so does what belongs to an order that is gone. An open order is as the log
//! says where the log has all of it; one that only the log has, and not all of it, waits for the platform.

use super::table::Table;
use crate::contract;
use crate::domain::event::{Event, Kind};
use crate::domain::name::OrderId;
use crate::domain::order::{Order, State};
use crate::domain::replay::replay;
use crate::domain::station::{Station, Work};
use crate::journal::log::Place;
use crate::journal::shelf::Shelf;
use crate::journal::{Error, SITE_KEY_BYTES, row, slate};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params};
use std::collections::BTreeMap;

/// Orders that are looked at in the log; a site has fewer open at once.
const ORDERS_MAX: usize = 20_000;
/// Those whose events are in memory at once; more need another look through the log.
const ORDERS_AT_ONCE: usize = 2_000;

/// A digest.
const TOKEN_BYTES: usize = 32;

/// Tables whose rows name an order by its key.
const OF_ORDERS: [&str; 4] = ["parcels", "labels", "totes", "promises"];

/// What was done about rows that don't fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    pub dropped: u64,
    /// Orders that were made from the log.
    pub replayed: u64,
    /// Orders that wait for the platform.
    pub set_aside: u64,
}

/// Does it all; the log must be as it was read, with its gaps.
pub fn settle(conn: &Connection, tables: &[Table]) -> Result<Settled, Error> {
    let mut settled = Settled { dropped: clean(conn, tables)?, ..Settled::default() };
    replay_orders(conn, &mut settled)?;
    lay_down(conn)?;
    Ok(settled)
}

/// Rows of a table that are to be understood: the key comes first, and how they are deleted.
struct Sift {
    table: &'static str,
    rows: &'static str,
    delete: &'static str,
    is_good: fn(&Row<'_>) -> Result<bool, Error>,
}

const SIFTS: [Sift; 5] = [
    Sift {
        table: "slate",
        rows: "SELECT name, value FROM slate",
        delete: "DELETE FROM slate WHERE name = ?1",
        is_good: |row| Ok(is_understood(&row.get::<_, String>(0)?, row.get_ref(1)?)),
    },
    Sift {
        table: "manifests",
        rows: "SELECT id, carrier, closed, body FROM manifests",
        delete: "DELETE FROM manifests WHERE id = ?1",
        is_good: |row| {
            let (id, carrier): (String, String) = (row.get(0)?, row.get(1)?);
            Ok(row::read_manifest(&id, &carrier, row.get::<_, i64>(2)? == 1, &row.get::<_, String>(3)?).is_ok())
        },
    },
    Sift {
        table: "returns",
        rows: "SELECT id, state, terms, found FROM returns",
        delete: "DELETE FROM returns WHERE id = ?1",
        is_good: |row| Ok(row::read_returned(row.get(1)?, &row.get::<_, String>(2)?, &row.get::<_, String>(3)?).is_ok()),
    },
    Sift {
        table: "promises",
        rows: "SELECT order_key, course, body FROM promises",
        delete: "DELETE FROM promises WHERE order_key = ?1",
        is_good: |row| Ok(row::read_standing(row.get(1)?, &row.get::<_, String>(2)?).is_ok()),
    },
    Sift {
        table: "progress",
        rows: "SELECT p.key, o.terms, p.state, p.body FROM progress p LEFT JOIN orders o USING (key)",
        delete: "DELETE FROM progress WHERE key = ?1",
        is_good: |row| Ok(row::order(&row.get::<_, String>(1)?, row.get(2)?, &row.get::<_, String>(3)?).is_ok()),
    },
];

/// Rows of one table that are deleted in one go: with all of them damaged, memory holds no more.
const DROPPED_AT_ONCE: usize = 10_000;

/// Deletes what can't be read; returns how many rows.
fn clean(conn: &Connection, tables: &[Table]) -> Result<u64, Error> {
    let mut dropped = 0;
    for sift in SIFTS {
        loop {
            let bad = bad_rows(conn, &sift, DROPPED_AT_ONCE)?;
            for key in &bad {
                dropped += conn.execute(sift.delete, [key])? as u64;
            }
            if bad.len() < DROPPED_AT_ONCE {
                break;
            }
        }
    }
    conn.execute("DELETE FROM orders WHERE key NOT IN (SELECT key FROM progress)", [])?;
    for table in OF_ORDERS.iter().filter(|name| tables.iter().any(|table| table.name == **name)) {
        conn.execute(&format!("DELETE FROM {table} WHERE order_key NOT IN (SELECT key FROM orders)"), [])?;
    }
    Ok(dropped)
}

/// The keys of up to `limit` rows that can't be understood.
fn bad_rows(conn: &Connection, sift: &Sift, limit: usize) -> Result<Vec<Value>, Error> {
    let mut statement = conn.prepare(sift.rows)?;
    let mut rows = statement.query([])?;
    let mut bad = Vec::new();
    while bad.len() < limit
        && let Some(row) = rows.next()?
    {
        if !(sift.is_good)(row).unwrap_or(false) {
            bad.push(row.get(0)?);
        }
    }
    Ok(bad)
}

/// The table of a row that would be deleted, if there is one.
pub fn not_understood(conn: &Connection) -> Result<Option<&'static str>, Error> {
    for sift in SIFTS {
        if !bad_rows(conn, &sift, 1)?.is_empty() {
            return Ok(Some(sift.table));
        }
    }
    Ok(None)
}

/// Whether a line of the slate is what its name says.
fn is_understood(name: &str, value: rusqlite::types::ValueRef<'_>) -> bool {
    use rusqlite::types::ValueRef;
    match (name.split_once('/'), value) {
        (Some(("station", id)), ValueRef::Text(text)) => {
            str::from_utf8(text).is_ok_and(|text| row::read_station(id.into(), text).is_ok())
        }
        (Some(("scanner", _)), ValueRef::Text(text)) => {
            str::from_utf8(text).is_ok_and(|text| row::read_scanner(text).is_ok())
        }
        (Some(("configured", _)), ValueRef::Text(text)) => str::from_utf8(text).is_ok(),
        (Some(("unsynced" | "vouched" | "known_before", _)), ValueRef::Integer(number)) => 0 <= number,
        (Some(_), _) => false,
        (None, ValueRef::Text(text)) => name == slate::SITE && str::from_utf8(text).is_ok(),
        (None, ValueRef::Integer(number)) => {
            0 <= number && ![slate::SITE, slate::SITE_KEY, slate::TOKEN].contains(&name)
        }
        (None, ValueRef::Blob(bytes)) => match name {
            slate::SITE_KEY => bytes.len() == SITE_KEY_BYTES,
            slate::TOKEN => bytes.len() == TOKEN_BYTES,
            _ => false,
        },
        (None, _) => false,
    }
}

/// What the log tells of one order.
struct Told {
    /// Where it was accepted.
    from: Place,
    events: Vec<Event>,
    readable: bool,
}

impl Told {
    /// Whether some of its work was done in another life, and is known from the platform alone.
    fn is_from_elsewhere(&self) -> bool {
        self.events.iter().any(|event| matches!(event, Event::OrderUpdated { known: Some(_), .. }))
    }
}

fn replay_orders(conn: &Connection, settled: &mut Settled) -> Result<(), Error> {
    let wanted = format!(
        "SELECT DISTINCT e.subject FROM events e
         LEFT JOIN orders o ON 'orders/' || o.id = e.subject LEFT JOIN progress p USING (key)
         WHERE e.kind = 'order.accepted' AND p.closed_s IS NULL LIMIT {ORDERS_MAX}"
    );
    let subjects: Vec<String> = {
        let mut statement = conn.prepare(&wanted)?;
        let subjects = statement.query_map([], |row| row.get(0))?;
        subjects.collect::<Result<_, _>>()?
    };
    let gap = last_gap(conn)?;
    subjects.chunks(ORDERS_AT_ONCE).try_for_each(|subjects| replay_some(conn, subjects, gap, settled))
}

/// The same for a few. `gap`: the last place that is missing.
fn replay_some(conn: &Connection, subjects: &[String], gap: Place, settled: &mut Settled) -> Result<(), Error> {
    let nothing = || Told { from: 0, events: Vec::new(), readable: true };
    let mut told: BTreeMap<String, Told> = subjects.iter().map(|subject| (subject.clone(), nothing())).collect();
    {
        let mut statement =
            conn.prepare("SELECT place, kind, subject, data FROM events WHERE subject LIKE 'orders/%' ORDER BY place")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let Some(told) = told.get_mut(row.get_ref(2)?.as_str().unwrap_or_default()) else { continue };
            let Some(kind) = Kind::named(row.get_ref(1)?.as_str().unwrap_or_default()) else { continue };
            match contract::event::decode(kind, row.get_ref(3)?.as_str().unwrap_or_default()) {
                Ok(event) => {
                    if matches!(event, Event::OrderAccepted { .. }) {
                        told.from = row.get(0)?;
                    }
                    told.events.push(event);
                }
                Err(_) => told.readable = false,
            }
        }
    }
    let mut shelf = Shelf::load(conn, false)?;
    let uptime_s: u64 = conn.query_row("SELECT coalesce(max(uptime_s), 0) FROM events", [], |row| row.get(0))?;
    for (subject, told) in told {
        let id = OrderId::from(subject.trim_start_matches("orders/"));
        let stored = shelf.order_by_id(conn, &id)?;
        let is_whole = told.readable && gap < told.from;
        let Ok(mut orders) = replay(&told.events) else { continue };
        let Some(mut order) = orders.remove(&id) else { continue };
        match stored {
            // That an order waits for the platform stands in no event, nor that it waited when the platform told of it.
            Some(stored) if stored.progress.state == State::AwaitsPlatform || told.is_from_elsewhere() => continue,
            Some(stored) if !is_whole || same_work(&stored, &order) => continue,
            Some(_) => settled.replayed += 1,
            None if order.progress.state.is_closed() => settled.replayed += 1,
            None if is_whole && !told.is_from_elsewhere() => settled.replayed += 1,
            None => {
                order.set_aside();
                settled.set_aside += 1;
            }
        }
        shelf.save_order(conn, &order, uptime_s)?;
    }
    shelf.write(conn)
}

/// Whether both are at the same point of the work; what customers were told may be counted otherwise.
fn same_work(one: &Order, other: &Order) -> bool {
    let work = |order: &Order| {
        let parcels: Vec<_> = order.progress.parcels.iter().map(|parcel| (parcel.sscc, parcel.state)).collect();
        (order.progress.state, order.progress.held, order.progress.lines.clone(), parcels, order.terms.revision)
    };
    work(one) == work(other)
}

/// The last place that is missing, up to what the cursors have heard of; 0 where the log is whole.
fn last_gap(conn: &Connection) -> Result<Place, Error> {
    let inner: Option<Place> = conn.query_row(
        "SELECT max(e.place) - 1 FROM events e LEFT JOIN events b ON b.place = e.place - 1
         WHERE b.place IS NULL AND (SELECT min(place) FROM events) < e.place",
        [],
        |row| row.get(0),
    )?;
    let head = crate::journal::log::head(conn)?;
    let heard_of: Place = slate::get(conn, slate::RECEIVED)?.max(slate::get(conn, slate::SENT)?).unwrap_or_default();
    Ok(if head < heard_of { heard_of } else { inner.unwrap_or_default() })
}

/// A station whose order, return or manifest is gone has nothing open.
fn lay_down(conn: &Connection) -> Result<(), Error> {
    let mut shelf = Shelf::load(conn, false)?;
    let has = |query: &str, id: &str| conn.prepare_cached(query).and_then(|mut rows| rows.exists(params![id]));
    let order = "SELECT 1 FROM orders WHERE id = ?1";
    for station in shelf.stations().cloned().collect::<Vec<Station>>() {
        let is_there = match &station.work {
            Work::Idle | Work::Tally(_) => true,
            Work::Order(id) | Work::Collect(id) | Work::PutBack(id) => has(order, id)?,
            Work::Round(totes) => {
                totes.iter().map(|(_, id)| has(order, id)).try_fold(true, |all, has| has.map(|has| all && has))?
            }
            Work::Manifest { id, .. } => has("SELECT 1 FROM manifests WHERE id = ?1", id)?,
            Work::Return(id) => has("SELECT 1 FROM returns WHERE id = ?1", id)?,
        };
        let lost = |id: &OrderId| has(order, id).map(|has| !has);
        let pending_lost = match station.pending.as_ref().and_then(|pending| pending.order()) {
            Some(id) => lost(id)?,
            None => false,
        };
        let last_lost = match station.last.as_ref().and_then(|last| last.order()) {
            Some(id) => lost(id)?,
            None => false,
        };
        let mut kept = station;
        if !is_there || pending_lost {
            kept.lay_down();
        }
        if last_lost {
            kept.last = None;
        }
        shelf.save_station(&kept);
    }
    shelf.write(conn)
}
