//! What the schedule reads: open work, the pace, and what a day was.

use super::log::Place;
use super::reader::Reader;
use super::row::{self, HELD};
use super::shelf::Shelf;
use super::{Error, slate};
use crate::domain::dispatch::Gone;
use crate::domain::event::{DayCounts, Kind, ManifestSummary};
use crate::domain::manifest::Manifest;
use crate::domain::name::OrderId;
use crate::domain::order::{ParcelState, State};
use crate::domain::promise::pace::{Pace, Slot};
use crate::domain::promise::{Course, Ending, Work};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeMap;

/// An event that the schedule cares about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub place: Place,
    pub at: Timestamp,
    /// Whether the clock was believed then.
    pub trusted: bool,
    pub kind: Kind,
    pub order: Option<OrderId>,
}

/// Where the schedule stands, as the file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Up to which place units have been counted; none before the schedule's first work on this file.
    pub counted: Option<Place>,
    /// The place of the last completion whose customer was asked how it was.
    pub invited: Place,
    /// When the last day was closed, and at which place; none before the first one.
    pub day_closed: Option<(Timestamp, Place)>,
}

/// Orders in these states are open work, or wait for the platform to release them.
const OPEN: [usize; 7] = [
    State::Accepted as usize,
    State::Picking as usize,
    State::Picked as usize,
    State::Packing as usize,
    State::Packed as usize,
    State::PartlyDispatched as usize,
    HELD,
];

const WORK: &str = "SELECT o.terms, p.state, p.body, pr.course, pr.body
     FROM progress p JOIN orders o USING (key) LEFT JOIN promises pr ON pr.order_key = p.key";

impl Reader {
    /// # Errors
    /// The file can't be read.
    pub fn marks(&self) -> Result<Marks, Error> {
        let conn = self.connection();
        let at: Option<i64> = slate::get(conn, slate::DAY_CLOSED_AT)?;
        let place: Option<Place> = slate::get(conn, slate::DAY_CLOSED)?;
        let at = at.and_then(|at| Timestamp::from_microsecond(at).ok());
        Ok(Marks {
            counted: slate::get(conn, slate::COUNTED)?,
            invited: slate::get(conn, slate::INVITED)?.unwrap_or_default(),
            day_closed: at.zip(place),
        })
    }

    /// The place of the last event before `at`, by the clock of then; reads the whole log.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn place_at(&self, at: Timestamp) -> Result<Place, Error> {
        let query = "SELECT coalesce(max(place), 0) FROM events WHERE at <= ?1";
        Ok(self.connection().query_row(query, [at.as_microsecond()], |row| row.get(0))?)
    }

    /// The first `limit` events of these kinds after `after` up to `to`, in order.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn seen(&self, after: Place, to: Place, kinds: &[Kind], limit: usize) -> Result<Vec<Seen>, Error> {
        let kinds: Vec<String> = kinds.iter().map(|kind| format!("'{}'", kind.word())).collect();
        let query = format!(
            "SELECT place, at, kind, subject, synced FROM events WHERE ?1 < place AND place <= ?2 AND kind IN ({})
             ORDER BY place LIMIT ?3",
            kinds.join(",")
        );
        let mut statement = self.connection().prepare_cached(&query)?;
        let mut rows = statement.query(params![after, to, limit])?;
        let mut seen = Vec::new();
        while let Some(row) = rows.next()? {
            let word: String = row.get(2)?;
            let kind = Kind::named(&word).ok_or(Error::UnknownKind { kind: word })?;
            let subject: Option<String> = row.get(3)?;
            let order = subject.as_deref().and_then(|subject| subject.strip_prefix("orders/")).map(OrderId::from);
            let at = Timestamp::from_microsecond(row.get(1)?).unwrap_or(Timestamp::UNIX_EPOCH);
            seen.push(Seen { place: row.get(0)?, at, trusted: row.get(4)?, kind, order });
        }
        Ok(seen)
    }

    /// All work whose promise is to be judged: open orders, orders that are closed while their promise is not, and
    /// `others`. `day_closed`: collections up to then are over, handed over or not.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn work(&self, others: &[OrderId], day_closed: Option<Timestamp>) -> Result<Vec<Work>, Error> {
        let open = OPEN.map(|state| state.to_string()).join(",");
        let closed = format!("{},{}", State::Completed as usize, State::Cancelled as usize);
        let mut work = Vec::new();
        self.collect_work(&format!("{WORK} WHERE p.state IN ({open})"), [], &mut work)?;
        let unsettled = format!(
            "{WORK} WHERE p.key IN (SELECT order_key FROM promises WHERE course < {}) AND p.state IN ({closed})",
            Course::Over as usize
        );
        self.collect_work(&unsettled, [], &mut work)?;
        let known = work.len();
        for id in others {
            if work[..known].iter().all(|work| work.order.terms.id != *id) {
                self.collect_work(&format!("{WORK} WHERE o.id = ?1"), [&**id], &mut work)?;
            }
        }
        let mut endings = BTreeMap::new();
        for work in &mut work {
            let Some(standing) = &work.standing else { continue };
            let Some(collection) = &standing.target.collection else {
                work.ending = day_closed.filter(|closed| standing.target.at <= *closed).map(|_| Ending::DayClosed);
                continue;
            };
            let ending = match endings.get(&collection.id) {
                Some(known) => *known,
                None => {
                    let ending = self.ending(&collection.id)?;
                    *endings.entry(collection.id.clone()).or_insert(ending)
                }
            };
            let by_day = || day_closed.filter(|closed| collection.at <= *closed).map(|_| Ending::DayClosed);
            work.ending = ending.or_else(by_day);
        }
        Ok(work)
    }

    fn collect_work<P: rusqlite::Params>(&self, query: &str, values: P, work: &mut Vec<Work>) -> Result<(), Error> {
        let mut statement = self.connection().prepare_cached(query)?;
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            let order = row::order(&row.get::<_, String>(0)?, row.get(1)?, &row.get::<_, String>(2)?)?;
            let course: Option<usize> = row.get(3)?;
            let standing = match course {
                Some(course) => Some(row::read_standing(course, &row.get::<_, String>(4)?)?),
                None => None,
            };
            work.push(Work { order, standing, ending: None });
        }
        Ok(())
    }

    /// How a collection ended, if a manifest of it is closed.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn ending(&self, collection: &str) -> Result<Option<Ending>, Error> {
        let mut statement = self.connection().prepare_cached(
            "SELECT body FROM manifests WHERE ?1 || '#' < id AND id < ?1 || '$' AND closed = 1 ORDER BY id DESC LIMIT 1",
        )?;
        let body: Option<String> = statement.query_row([collection], |row| row.get(0)).optional()?;
        let Some(body) = body else { return Ok(None) };
        let loaded = row::read_manifest(collection, "", true, &body)?.loaded;
        Ok(Some(if loaded == 0 { Ending::NoCourier } else { Ending::HandedOver }))
    }

    /// The couriers that came early.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn gone(&self) -> Result<Gone, Error> {
        Shelf::gone(self.connection())
    }

    /// What was measured of the pace.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn pace(&self) -> Result<Pace, Error> {
        let mut statement = self.connection().prepare_cached("SELECT slot, units, work_s FROM pace")?;
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, Slot { units: row.get(1)?, work_s: row.get(2)? }));
        Ok(Pace { slots: statement.query_map([], read)?.collect::<Result<_, _>>()? })
    }

    /// Whether scheduled work was done.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn is_done(&self, duty: &str) -> Result<bool, Error> {
        Ok(self.connection().prepare_cached("SELECT 1 FROM duties WHERE name = ?1")?.exists([duty])?)
    }

    /// The open manifest of a carrier.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn open_manifest(&self, carrier: &crate::domain::name::CarrierId) -> Result<Option<Manifest>, Error> {
        Shelf::open_manifest(self.connection(), carrier)
    }

    /// Closed parcels of a carrier that are on no manifest.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn waiting_parcels(&self, carrier: &str) -> Result<u32, Error> {
        let mut statement = self
            .connection()
            .prepare_cached("SELECT count(*) FROM parcels WHERE carrier = ?1 AND state IN (?2, ?3)")?;
        let states = params![carrier, ParcelState::Sealed as i64, ParcelState::Labelled as i64];
        Ok(statement.query_row(states, |row| row.get(0))?)
    }

    /// What happened after `after` up to `to`, and what is open now.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn day(&self, after: Place, to: Place) -> Result<(Vec<ManifestSummary>, DayCounts), Error> {
        let mut statement = self.connection().prepare_cached(
            "SELECT kind, count(*), sum(CASE kind WHEN 'pick.item_short' THEN data ->> 'quantity'
                WHEN 'order.collected' THEN data ->> 'parcels' END)
             FROM events WHERE ?1 < place AND place <= ?2 GROUP BY kind",
        )?;
        let mut by_kind: BTreeMap<String, (u64, i64)> = BTreeMap::new();
        let mut rows = statement.query(params![after, to])?;
        while let Some(row) = rows.next()? {
            by_kind.insert(row.get(0)?, (row.get(1)?, row.get::<_, Option<i64>>(2)?.unwrap_or_default()));
        }
        let count = |kind: Kind| by_kind.get(kind.word()).map_or(0, |(count, _)| *count);
        let sum = |kind: Kind| by_kind.get(kind.word()).map_or(0, |(_, sum)| u64::try_from(*sum).unwrap_or_default());
        let less = |kind: Kind, negated: Kind| count(kind).saturating_sub(count(negated));
        let open = OPEN.map(|state| state.to_string()).join(",");
        let open: u64 = self.connection().query_row(
            &format!("SELECT count(*) FROM progress WHERE state IN ({open})"),
            [],
            |row| row.get(0),
        )?;
        let counts = DayCounts {
            orders_accepted: count(Kind::OrderAccepted),
            orders_completed: count(Kind::OrderCompleted),
            orders_cancelled: count(Kind::OrderCancelled),
            orders_open: open,
            items_picked: less(Kind::ItemPicked, Kind::ItemUnpicked),
            items_packed: less(Kind::ItemPacked, Kind::ItemUnpacked),
            items_short: sum(Kind::ItemShort),
            parcels_sealed: less(Kind::ParcelSealed, Kind::ParcelReopened),
            parcels_handed_over: less(Kind::HandedOver, Kind::LeftBehind),
            parcels_collected: sum(Kind::OrderCollected),
            returns_received: count(Kind::ReturnReceived),
            returns_completed: count(Kind::ReturnCompleted),
            promises_kept: count(Kind::PromiseKept),
            promises_missed: count(Kind::PromiseMissed),
        };
        Ok((self.manifests_between(after, to)?, counts))
    }

    /// What was handed over, by its manifest, and what lies on open ones.
    fn manifests_between(&self, after: Place, to: Place) -> Result<Vec<ManifestSummary>, Error> {
        let conn = self.connection();
        let mut statement = conn.prepare_cached(
            "SELECT data ->> 'manifest', sum(iif(kind = 'dispatch.handed_over', 1, -1)) FROM events
             WHERE ?1 < place AND place <= ?2 AND kind IN ('dispatch.handed_over', 'dispatch.left_behind')
             GROUP BY 1 ORDER BY min(place)",
        )?;
        let gone: Vec<(String, i64)> =
            statement.query_map(params![after, to], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        let summary = |manifest: Manifest, parcels: u32| ManifestSummary {
            id: manifest.id,
            carrier: manifest.carrier,
            collection: manifest.collection,
            parcels,
            closed: manifest.closed,
        };
        let mut summaries = Vec::with_capacity(gone.len());
        for (id, parcels) in gone {
            if let Some(manifest) = Shelf::manifest(conn, &id)? {
                summaries.push(summary(manifest, u32::try_from(parcels).unwrap_or_default()));
            }
        }
        let mut open = conn.prepare_cached("SELECT id FROM manifests WHERE closed = 0 ORDER BY id")?;
        let open: Vec<String> = open.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for id in open {
            if let Some(manifest) = Shelf::manifest(conn, &id)?.filter(|manifest| 0 < manifest.loaded) {
                let loaded = manifest.loaded;
                summaries.push(summary(manifest, loaded));
            }
        }
        Ok(summaries)
    }
}
