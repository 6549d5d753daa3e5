//! What the schedule reads: open work, the pace, and what a day was.

use super::log::Place;
use super::reader::Reader;
use super::row::{self, HELD};
use super::shelf::Shelf;
use super::{Error, slate};
use crate::domain::dispatch::Gone;
use crate::domain::event::{DayCounts, Kind, ManifestSummary};
use crate::domain::manifest::Manifest;
use crate::domain::name::{CarrierId, CollectionId, OrderId};
use crate::domain::order::{ParcelState, State};
use crate::domain::promise::pace::{Pace, Slot};
use crate::domain::promise::{Course, Ending, Work};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, params};
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
    /// Up to which place customers were asked how it was, or never will be; none before anybody was to be asked.
    pub invited: Option<Place>,
    /// When the last day was closed, and at which place; none before the first one.
    pub day_closed: Option<(Timestamp, Place)>,
}

/// A part of the work whose promises are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What is to be picked and packed, and what is on hold: time alone turns it.
    Unpacked,
    /// What is packed and here: only what happens turns it.
    Packed,
    /// Orders that are closed while their promise is not.
    Unsettled,
}

impl Part {
    /// What stands in the column `state` of its orders.
    fn states(self) -> &'static [usize] {
        const UNPACKED: [usize; 5] =
            [State::Accepted as usize, State::Picking as usize, State::Picked as usize, State::Packing as usize, HELD];
        match self {
            Self::Unpacked => &UNPACKED,
            Self::Packed => &[State::Packed as usize, State::PartlyDispatched as usize],
            Self::Unsettled => &[State::Completed as usize, State::Cancelled as usize],
        }
    }
}

/// Orders that are in memory at once, and are read in one transaction.
pub const WORK_PAGE: usize = 64;

/// The columns of [`WORK`] and what its next page begins behind.
macro_rules! work {
    () => {
        "SELECT o.terms, p.state, p.body, pr.course, pr.body, p.urgency, p.key
         FROM progress p JOIN orders o USING (key) LEFT JOIN promises pr ON pr.order_key = p.key"
    };
}

/// Of one state and the same urgency, behind a key. One statement for both would go through all of that urgency each time.
const WORK_TIED: &str =
    concat!(work!(), " WHERE p.state = ?1 AND p.urgency = ?2 AND ?3 < p.key ORDER BY p.key LIMIT ?4");
/// Of one state, less urgent.
const WORK_BEHIND: &str = concat!(work!(), " WHERE p.state = ?1 AND ?2 < p.urgency ORDER BY p.urgency, p.key LIMIT ?3");

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

fn text<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<&'a str> {
    Ok(row.get_ref(column)?.as_str()?)
}

/// Behind `?1`, by key.
fn unsettled() -> String {
    let closed = Part::Unsettled.states().iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    // The order of the joins is that of the keys: nothing is sorted.
    format!(
        "SELECT o.terms, p.state, p.body, pr.course, pr.body, p.urgency, p.key
         FROM promises pr CROSS JOIN progress p ON p.key = pr.order_key JOIN orders o ON o.key = p.key
         WHERE ?1 < pr.order_key AND +pr.course < {} AND p.state IN ({closed}) ORDER BY pr.order_key LIMIT ?2",
        Course::Over as usize
    )
}

/// Where a page of work ends.
#[derive(Clone, Copy)]
struct Last {
    urgency: i64,
    key: i64,
}

struct Page {
    /// None: nothing was found.
    last: Option<Last>,
}

/// How collections ended; many orders share one.
struct Endings<'a> {
    reader: &'a Reader,
    day_closed: Option<Timestamp>,
    known: BTreeMap<CollectionId, Option<Ending>>,
}

impl Endings<'_> {
    fn find(&mut self, work: &mut Work) -> Result<(), Error> {
        let Some(standing) = &work.standing else { return Ok(()) };
        let by_day = |at: Timestamp| self.day_closed.filter(|closed| at <= *closed).map(|_| Ending::DayClosed);
        let Some(collection) = &standing.target.collection else {
            work.ending = by_day(standing.target.at);
            return Ok(());
        };
        let ending = match self.known.get(&collection.id) {
            Some(known) => *known,
            None => {
                let ending = self.reader.ending(&collection.id)?;
                *self.known.entry(collection.id.clone()).or_insert(ending)
            }
        };
        work.ending = ending.or_else(|| by_day(collection.at));
        Ok(())
    }
}

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
            invited: slate::get(conn, slate::INVITED)?,
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

    /// The first `limit` events that are about an order after `after` up to `to`, in order.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn seen(&self, after: Place, to: Place, limit: usize) -> Result<Vec<Seen>, Error> {
        let mut statement = self.connection().prepare_cached(
            "SELECT place, at, kind, subject, synced FROM events
             WHERE ?1 < place AND place <= ?2 AND subject GLOB 'orders/*' ORDER BY place LIMIT ?3",
        )?;
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

    /// Shows all work of `part`, a page after the other, each of one moment. `day_closed`: collections up to then are over,
    /// handed over or not. What moves meanwhile may come twice or not at all.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn each_work(
        &self,
        part: Part,
        day_closed: Option<Timestamp>,
        mut show: impl FnMut(Vec<Work>),
    ) -> Result<(), Error> {
        let mut endings = Endings { reader: self, day_closed, known: BTreeMap::new() };
        let mut show = |mut work: Vec<Work>| {
            work.iter_mut().try_for_each(|work| endings.find(work))?;
            show(work);
            Ok::<_, Error>(())
        };
        if part == Part::Unsettled {
            let mut key = i64::MIN;
            while let Some(last) = self.page(&unsettled(), params![key, WORK_PAGE], &mut show)?.last {
                key = last.key;
            }
            return Ok(());
        }
        for state in part.states() {
            // No urgency is as small as that.
            let mut last = Last { urgency: i64::MIN, key: i64::MIN };
            loop {
                let tied = params![state, last.urgency, last.key, WORK_PAGE];
                let mut page = self.page(WORK_TIED, tied, &mut show)?;
                if page.last.is_none() {
                    page = self.page(WORK_BEHIND, params![state, last.urgency, WORK_PAGE], &mut show)?;
                }
                match page.last {
                    Some(found) => last = found,
                    None => break,
                }
            }
        }
        Ok(())
    }

    /// The work of one order that is packed, or closed and still to be judged: its promise is not over, or nobody has
    /// judged it yet and it `is_completed` since the last review. `day_closed` as above.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn packed_work(
        &self,
        id: &OrderId,
        is_completed: bool,
        day_closed: Option<Timestamp>,
    ) -> Result<Option<Work>, Error> {
        let list = |part: Part| part.states().iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let query = format!(
            "{} WHERE o.id = ?1 AND (p.state IN ({}) OR p.state IN ({}) AND ifnull(pr.course < {}, ?2))",
            work!(),
            list(Part::Packed),
            list(Part::Unsettled),
            Course::Over as usize
        );
        let mut endings = Endings { reader: self, day_closed, known: BTreeMap::new() };
        let mut found = None;
        self.page(&query, params![&**id, is_completed], &mut |work: Vec<Work>| {
            found = work.into_iter().next();
            found.as_mut().map_or(Ok(()), |work| endings.find(work))
        })?;
        Ok(found)
    }

    /// Shows what a query finds once it has ended, and says where that does.
    fn page<P: rusqlite::Params>(
        &self,
        query: &str,
        values: P,
        show: &mut impl FnMut(Vec<Work>) -> Result<(), Error>,
    ) -> Result<Page, Error> {
        let (mut work, mut last) = (Vec::new(), None);
        {
            let mut statement = self.connection().prepare_cached(query)?;
            let mut rows = statement.query(values)?;
            while let Some(row) = rows.next()? {
                let order = row::order(text(row, 0)?, row.get(1)?, text(row, 2)?)?;
                let course: Option<usize> = row.get(3)?;
                let standing = match course {
                    Some(course) => Some(row::read_standing(course, text(row, 4)?)?),
                    None => None,
                };
                last = Some(Last { urgency: row.get(5)?, key: row.get(6)? });
                work.push(Work { order, standing, ending: None });
            }
        }
        if !work.is_empty() {
            show(work)?;
        }
        Ok(Page { last })
    }

    /// How many manifests are closed.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn closed_manifests(&self) -> Result<u64, Error> {
        let mut statement = self.connection().prepare_cached("SELECT count(*) FROM manifests WHERE closed = 1")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    /// How many closed parcels of a carrier wait for each collection, on no manifest.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn waiting_for(&self, carrier: &CarrierId) -> Result<BTreeMap<CollectionId, u32>, Error> {
        let open = OPEN.map(|state| state.to_string()).join(",");
        // A parcel has its place in the list by its number, and no carrier collects what is ready for its customer.
        let mut statement = self.connection().prepare_cached(&format!(
            "SELECT p.body ->> ('$.p[' || (a.n - 1) || '].k') FROM parcels a JOIN progress p ON p.key = a.order_key
             WHERE a.carrier = ?1 AND a.state IN (?2, ?3) AND p.state IN ({open})"
        ))?;
        let mut rows =
            statement.query(params![&**carrier, ParcelState::Sealed as i64, ParcelState::Labelled as i64])?;
        let mut waiting: BTreeMap<CollectionId, u32> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let Some(collection) = row.get_ref(0)?.as_str_or_null().map_err(rusqlite::Error::from)? else { continue };
            match waiting.get_mut(collection) {
                Some(count) => *count += 1,
                None => drop(waiting.insert(collection.into(), 1)),
            }
        }
        Ok(waiting)
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
    pub fn open_manifest(&self, carrier: &CarrierId) -> Result<Option<Manifest>, Error> {
        Shelf::open_manifest(self.connection(), carrier)
    }

    /// What happened after `after` up to `to`, and what is open now.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn day(&self, after: Place, to: Place) -> Result<(Vec<ManifestSummary>, DayCounts), Error> {
        // Added up here: SQLite would sort all events of the day, and write them to a file for it.
        let mut statement = self.connection().prepare_cached(
            "SELECT kind, CASE kind WHEN 'pick.item_short' THEN data ->> 'quantity'
                WHEN 'order.collected' THEN data ->> 'parcels' END
             FROM events WHERE ?1 < place AND place <= ?2",
        )?;
        let mut by_kind: BTreeMap<&'static str, (u64, i64)> = BTreeMap::new();
        let mut rows = statement.query(params![after, to])?;
        while let Some(row) = rows.next()? {
            // Of another kind nothing is counted.
            let Some(kind) = Kind::named(text(row, 0)?) else { continue };
            let (count, sum) = by_kind.entry(kind.word()).or_default();
            *count += 1;
            *sum += row.get::<_, Option<i64>>(1)?.unwrap_or_default();
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
