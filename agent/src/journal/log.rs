//! The log: appended in places without gaps, read in the same order, never changed.
//!
//! A place counts over all epochs of this file; what the platform sees is the epoch's id and the sequence in it.

use super::Error;
use crate::clock::Moment;
use crate::contract;
use crate::domain::event::{Event, Kind};
use crate::domain::name::{OperatorId, StationId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::{NoContext, Uuid};

/// Where an event stands, for this file; 0 is before the first.
pub type Place = u64;

/// One life of the file: from its base on, sequence = place − base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    pub id: Uuid,
    pub base: Place,
}

impl Epoch {
    /// The sequence of `place` in this epoch.
    #[must_use]
    pub fn sequence(&self, place: Place) -> u64 {
        place.saturating_sub(self.base)
    }
}

/// An event as stored.
#[derive(Clone, Debug)]
pub struct Stored {
    pub place: Place,
    pub id: Uuid,
    pub at: Timestamp,
    pub synced: bool,
    pub kind: Kind,
    pub station: Option<String>,
    /// Who was signed in there.
    pub operator: Option<String>,
    pub subject: Option<String>,
    /// Its `data` on the wire.
    pub data: String,
}

/// Where an event happened, and who was signed in there.
#[derive(Clone, Copy, Debug, Default)]
pub struct By<'a> {
    pub station: Option<&'a StationId>,
    pub operator: Option<&'a OperatorId>,
}

/// Appends `event` at `place`; returns the id that it got.
pub fn append(
    conn: &Connection,
    place: Place,
    moment: &Moment,
    uptime_s: u64,
    by: By<'_>,
    event: &Event,
) -> Result<Uuid, Error> {
    let id = mint(moment.wall);
    conn.prepare_cached(
        "INSERT INTO events (place, id, at, uptime_s, synced, kind, station, operator, subject, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        place,
        id.as_bytes(),
        moment.wall.as_microsecond(),
        uptime_s,
        moment.trusted,
        event.kind().word(),
        by.station.map(|station| &**station),
        by.operator.map(|operator| &**operator),
        contract::event::subject(event),
        contract::event::encode(event)?,
    ])?;
    Ok(id)
}

/// The id of the event at `place`.
pub fn id_at(conn: &Connection, place: Place) -> Result<Option<Uuid>, Error> {
    let mut statement = conn.prepare_cached("SELECT id FROM events WHERE place = ?1")?;
    Ok(statement.query_row([place], |row| Ok(Uuid::from_bytes(row.get(0)?))).optional()?)
}

/// What [`stored`] reads, in its order.
pub const COLUMNS: &str = "place, id, at, synced, kind, station, operator, subject, data";

/// Up to `limit` events after `after`, in order.
pub fn read(conn: &Connection, after: Place, limit: usize) -> Result<Vec<Stored>, Error> {
    let mut statement = conn.prepare_cached(
        "SELECT place, id, at, synced, kind, station, operator, subject, data FROM events
         WHERE ?1 < place ORDER BY place LIMIT ?2",
    )?;
    // No file has larger places, and SQLite no larger numbers.
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let rows = statement.query_and_then(params![after, limit], stored)?;
    rows.collect()
}

/// The last `limit` events, newest first.
pub fn latest(conn: &Connection, limit: usize) -> Result<Vec<Stored>, Error> {
    let mut statement = conn.prepare_cached(
        "SELECT place, id, at, synced, kind, station, operator, subject, data FROM events ORDER BY place DESC LIMIT ?1",
    )?;
    let rows = statement.query_and_then([limit], stored)?;
    rows.collect()
}

/// The place of the newest event.
pub fn head(conn: &Connection) -> Result<Place, Error> {
    let head: Option<Place> = conn.query_row("SELECT max(place) FROM events", [], |row| row.get(0))?;
    Ok(head.unwrap_or_default())
}

/// The newest epoch.
pub fn epoch(conn: &Connection) -> Result<Option<Epoch>, Error> {
    Ok(epochs(conn)?.into_iter().next_back())
}

/// Every epoch of this file, oldest first.
pub fn epochs(conn: &Connection) -> Result<Vec<Epoch>, Error> {
    let mut statement = conn.prepare_cached("SELECT id, base FROM epochs ORDER BY base")?;
    let rows = statement.query_map([], |row| Ok(Epoch { id: Uuid::from_bytes(row.get(0)?), base: row.get(1)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// An id that sorts by time, of a time that is given: identity, never order.
#[must_use]
pub fn mint(at: Timestamp) -> Uuid {
    let seconds = u64::try_from(at.as_second()).unwrap_or_default();
    let nanos = u32::try_from(at.subsec_nanosecond()).unwrap_or_default();
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos))
}

/// An event of a row with [`COLUMNS`].
pub fn stored(row: &Row<'_>) -> Result<Stored, Error> {
    let word: String = row.get(4)?;
    let kind = Kind::named(&word).ok_or_else(|| Error::UnknownKind { kind: word.clone() })?;
    Ok(Stored {
        place: row.get(0)?,
        id: Uuid::from_bytes(row.get(1)?),
        at: Timestamp::from_microsecond(row.get(2)?).unwrap_or(Timestamp::UNIX_EPOCH),
        synced: row.get(3)?,
        kind,
        station: row.get(5)?,
        operator: row.get(6)?,
        subject: row.get(7)?,
        data: row.get(8)?,
    })
}
