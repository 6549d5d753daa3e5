//! What a station's screen reads: what is open there, what waits, and what was counted.
//!
//! Each question is answered from one snapshot, and by indexes: its cost grows with what is open, not with the log.

use super::log::Place;
use super::queue::{self, Rank};
use super::reader::Reader;
use super::shelf::Shelf;
use super::{Error, row, slate};
use crate::domain::decide::left_beside;
use crate::domain::dispatch::Desk;
use crate::domain::event::Kind;
use crate::domain::manifest::Manifest;
use crate::domain::name::{CarrierId, OrderId, StationId, ToteId};
use crate::domain::order::{Order, ParcelState};
use crate::domain::promise::Standing;
use crate::domain::returns::Return;
use crate::domain::sscc::Sscc;
use crate::domain::station::{Mode, Station, Work};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// A station with what is open there.
#[derive(Clone, Debug)]
pub struct Bench {
    pub station: Station,
    pub open: Open,
    /// How the open order stands with its promise.
    pub standing: Option<Standing>,
    /// The order of the parcel that was sealed here last.
    pub sealed: Option<Order>,
}

/// The aggregates of a station's work; what is gone from the file is gone from here. Tallies stand in the station itself.
#[derive(Clone, Debug)]
pub enum Open {
    Nothing,
    Order(Order),
    Round(Vec<(ToteId, Order)>),
    Manifest(Manifest, Left),
    Collect(Order),
    PutBack(Order),
    Return(Return),
}

/// Parcels that were to go with a manifest's collection and are not on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    pub count: usize,
    /// The first [`LEFT_NAMED_MAX`] of them.
    pub parcels: Vec<Sscc>,
}

/// Orders that wait at no station.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    pub count: usize,
    /// The most urgent ones, the first of them first.
    pub first: Vec<Waits>,
    /// How many must make each collection.
    pub by_due: BTreeMap<Timestamp, usize>,
}

/// One order that waits.
#[derive(Clone, Debug)]
pub struct Waits {
    pub order: Order,
    /// The collection that it must make, or when it must lie ready.
    pub due: Option<Timestamp>,
    pub standing: Option<Standing>,
}

/// What waits at the loading door.
#[derive(Clone, Debug, Default)]
pub struct Door {
    /// Closed parcels on no manifest, by carrier.
    pub waiting: Vec<(CarrierId, u32)>,
    pub open: Vec<Manifest>,
}

/// Something that counted, before this start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    pub at: Timestamp,
    pub what: String,
}

/// More than a screen names.
pub const LEFT_NAMED_MAX: usize = 5;

/// A door with more orders than this beside it counts no further.
const LEFT_ORDERS_MAX: i64 = 500;

/// So far back it is looked for what a station counted last: a station that did nothing for so long shows nothing.
const PAST_PLACES_MAX: Place = 2_000;

/// What a station counts, one unit each, and what takes it back.
const COUNTED: [(Kind, i64); 7] = [
    (Kind::ItemPacked, 1),
    (Kind::ItemUnpacked, -1),
    (Kind::ParcelLoaded, 1),
    (Kind::ParcelUnloaded, -1),
    (Kind::ItemInspected, 1),
    (Kind::StockCounted, 1),
    (Kind::StockAdjusted, 1),
];
/// The same where picking is a step of its own.
const PICKED: [(Kind, i64); 2] = [(Kind::ItemPicked, 1), (Kind::ItemUnpicked, -1)];

impl Reader {
    /// The station, in `mode` where the file does not know it yet.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn bench(&self, id: &StationId, mode: Mode) -> Result<Bench, Error> {
        let conn = self.connection();
        let _snapshot = conn.unchecked_transaction()?;
        let text: Option<String> = slate::get(conn, &slate::station(id))?;
        let station = match text {
            Some(text) => row::read_station(id.clone(), &text)?,
            None => Station::idle(id.clone(), mode),
        };
        let open = open(conn, &station)?;
        let standing = match &open {
            Open::Order(order) | Open::Collect(order) => standing(conn, &order.terms.id)?,
            Open::Round(totes) => match totes.first() {
                Some((_, order)) => standing(conn, &order.terms.id)?,
                None => None,
            },
            _ => None,
        };
        let sealed = station.sealed.as_ref().map_or(Ok(None), |(id, _)| order(conn, id))?;
        Ok(Bench { station, open, standing, sealed })
    }

    /// What waits for the work of `mode`, in the order in which `DONE` opens it; the first `limit` as they are.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn waiting(
        &self,
        desk: Desk<'_>,
        mode: Mode,
        put_down: Option<&OrderId>,
        limit: usize,
    ) -> Result<Waiting, Error> {
        if !mode.is_bench() {
            return Ok(Waiting::default());
        }
        let conn = self.connection();
        let _snapshot = conn.unchecked_transaction()?;
        let stations = stations(conn)?;
        let is_open = |id: &OrderId| stations.iter().any(|station| station.has_open(id));
        let mut ranks = Vec::new();
        let mut by_due = BTreeMap::new();
        queue::each(conn, desk, queue::states(desk.rules.step(mode)), put_down, is_open, |rank: Rank| {
            if let Some(due) = rank.due() {
                *by_due.entry(due).or_default() += 1;
            }
            ranks.push(rank);
        })?;
        let count = ranks.len();
        ranks.sort_unstable();
        let mut first = Vec::with_capacity(limit.min(count));
        for rank in ranks.into_iter().take(limit) {
            if let Some(order) = order_by_key(conn, rank.key())? {
                let standing = Shelf::standing(conn, rank.key())?;
                first.push(Waits { order, due: rank.due(), standing });
            }
        }
        Ok(Waiting { count, first, by_due })
    }

    /// What waits at the loading door.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn door(&self) -> Result<Door, Error> {
        let conn = self.connection();
        let _snapshot = conn.unchecked_transaction()?;
        let mut statement = conn.prepare_cached(
            "SELECT carrier, count(*) FROM parcels WHERE carrier IS NOT NULL AND state IN (?1, ?2)
             GROUP BY carrier ORDER BY carrier",
        )?;
        let states = params![ParcelState::Sealed as i64, ParcelState::Labelled as i64];
        let rows = statement
            .query_map(states, |row| Ok((CarrierId::from(row.get_ref(0)?.as_str()?), row.get::<_, u32>(1)?)))?;
        let waiting = rows.collect::<Result<Vec<_>, _>>()?;
        let mut statement = conn.prepare_cached("SELECT id FROM manifests WHERE closed = 0 ORDER BY id")?;
        let ids = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        let mut open = Vec::with_capacity(ids.len());
        for id in ids {
            open.extend(Shelf::manifest(conn, &id)?);
        }
        Ok(Door { waiting, open })
    }

    /// The last `limit` units and parcels that counted at a station up to `place`, newest first.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn counted_before(&self, station: &StationId, place: Place, limit: usize) -> Result<Vec<Past>, Error> {
        let kinds = "'pack.item_packed', 'pick.item_picked', 'dispatch.parcel_loaded', 'return.item_inspected'";
        // One scan that picks and packs is two events of one moment.
        let mut statement = self.connection().prepare_cached(&format!(
            "SELECT at, coalesce(data ->> 'name', data ->> 'sscc', '') FROM events
             WHERE ?2 - {PAST_PLACES_MAX} < place AND place <= ?2 AND station = ?1 AND kind IN ({kinds})
             GROUP BY at, 2 ORDER BY max(place) DESC LIMIT ?3"
        ))?;
        let rows = statement.query_map(params![&**station, place, limit], |row| {
            let at = Timestamp::from_microsecond(row.get(0)?).unwrap_or(Timestamp::UNIX_EPOCH);
            Ok(Past { at, what: row.get(1)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What counted at a station after `after` up to `to`: when, and how many units; taken back ones are negative.
    /// `picks`: picking is a step of its own.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn counted(
        &self,
        station: &StationId,
        picks: bool,
        after: Place,
        to: Place,
    ) -> Result<Vec<(Timestamp, i64)>, Error> {
        let kinds = COUNTED.iter().chain(PICKED.iter().filter(|_| picks));
        let sign: Vec<String> = kinds.map(|(kind, sign)| format!("WHEN '{}' THEN {sign}", kind.word())).collect();
        let mut statement = self.connection().prepare_cached(&format!(
            "SELECT at, CASE kind {} ELSE 0 END FROM events WHERE ?2 < place AND place <= ?3 AND station = ?1",
            sign.join(" ")
        ))?;
        let rows = statement.query_map(params![&**station, after, to], |row| {
            let at = Timestamp::from_microsecond(row.get(0)?).unwrap_or(Timestamp::UNIX_EPOCH);
            Ok((at, row.get::<_, i64>(1)?))
        })?;
        let counted = rows.collect::<Result<Vec<_>, _>>()?;
        Ok(counted.into_iter().filter(|(_, units)| *units != 0).collect())
    }

    /// The place of the last event before `at`, found by halves: exact while the clock did not step back.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn place_near(&self, at: Timestamp) -> Result<Place, Error> {
        let conn = self.connection();
        let ends: (Option<Place>, Option<Place>) =
            conn.query_row("SELECT min(place), max(place) FROM events", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (Some(mut low), Some(mut high)) = ends else { return Ok(0) };
        let mut statement = conn.prepare_cached("SELECT at FROM events WHERE place = ?1")?;
        high += 1;
        while low < high {
            let middle = low + (high - low) / 2;
            let then: Option<i64> = statement.query_row([middle], |row| row.get(0)).optional()?;
            match then {
                Some(then) if at.as_microsecond() <= then => high = middle,
                _ => low = middle + 1,
            }
        }
        Ok(low.saturating_sub(1))
    }
}

fn open(conn: &Connection, station: &Station) -> Result<Open, Error> {
    let of = |id: &OrderId, open: fn(Order) -> Open| Ok(order(conn, id)?.map_or(Open::Nothing, open));
    match &station.work {
        Work::Idle | Work::Tally(_) => Ok(Open::Nothing),
        Work::Order(id) => of(id, Open::Order),
        Work::Collect(id) => of(id, Open::Collect),
        Work::PutBack(id) => of(id, Open::PutBack),
        Work::Return(id) => Ok(Shelf::returned(conn, id)?.map_or(Open::Nothing, Open::Return)),
        Work::Manifest { id, .. } => match Shelf::manifest(conn, id)? {
            Some(manifest) => {
                let left = left(conn, &manifest)?;
                Ok(Open::Manifest(manifest, left))
            }
            None => Ok(Open::Nothing),
        },
        Work::Round(totes) => {
            let mut round = Vec::with_capacity(totes.len());
            for (tote, id) in totes {
                round.extend(order(conn, id)?.map(|order| (tote.clone(), order)));
            }
            Ok(Open::Round(round))
        }
    }
}

fn left(conn: &Connection, manifest: &Manifest) -> Result<Left, Error> {
    let mut statement = conn.prepare_cached(
        "SELECT DISTINCT order_key FROM parcels WHERE carrier = ?1 AND state IN (?2, ?3) ORDER BY order_key LIMIT ?4",
    )?;
    let of = params![&*manifest.carrier, ParcelState::Sealed as i64, ParcelState::Labelled as i64, LEFT_ORDERS_MAX];
    let keys = statement.query_map(of, |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()?;
    let mut left = Left::default();
    for key in keys {
        let Some(order) = order_by_key(conn, key)? else { continue };
        for sscc in left_beside(&order, manifest).filter_map(|parcel| parcel.sscc) {
            left.count += 1;
            if left.parcels.len() < LEFT_NAMED_MAX {
                left.parcels.push(sscc);
            }
        }
    }
    Ok(left)
}

fn stations(conn: &Connection) -> Result<Vec<Station>, Error> {
    let rows = slate::all(conn, &slate::station(""))?.into_iter();
    let read = |(id, text): (String, String)| row::read_station(StationId::from(id.as_str()), &text);
    Ok(rows.map(read).collect::<Result<_, _>>()?)
}

fn standing(conn: &Connection, id: &OrderId) -> Result<Option<Standing>, Error> {
    let mut statement = conn.prepare_cached("SELECT key FROM orders WHERE id = ?1")?;
    let key: Option<i64> = statement.query_row([&**id], |row| row.get(0)).optional()?;
    key.map_or(Ok(None), |key| Shelf::standing(conn, key))
}

fn order(conn: &Connection, id: &OrderId) -> Result<Option<Order>, Error> {
    order_where(conn, "o.id = ?1", [&**id])
}

fn order_by_key(conn: &Connection, key: i64) -> Result<Option<Order>, Error> {
    order_where(conn, "o.key = ?1", [key])
}

fn order_where(conn: &Connection, is: &str, value: impl rusqlite::Params) -> Result<Option<Order>, Error> {
    let query = format!("SELECT o.terms, p.state, p.body FROM orders o JOIN progress p USING (key) WHERE {is}");
    let mut statement = conn.prepare_cached(&query)?;
    let found = statement
        .query_row(value, |row| Ok((row.get::<_, String>(0)?, row.get::<_, usize>(1)?, row.get::<_, String>(2)?)))
        .optional()?;
    Ok(found.map(|(terms, state, body)| row::order(&terms, state, &body)).transpose()?)
}
