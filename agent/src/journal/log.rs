//! The log: appended in places without gaps, read in the same order, never changed.
//!
//! A place counts over all epochs of this file; what the platform sees is the epoch's id and the sequence in it.

use super::{Error, slate};
use crate::clock::{Known, Mark};
use crate::contract;
use crate::domain::event::{Event, Kind};
use crate::domain::name::{OperatorId, StationId};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::time::Duration;
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub place: Place,
    pub id: Uuid,
    /// As far as it is known now: the label that it was stored with, shifted where that was corrected.
    pub at: Timestamp,
    pub label: Label,
    pub kind: Kind,
    pub station: Option<String>,
    /// Who was signed in there.
    pub operator: Option<String>,
    pub subject: Option<String>,
    /// Its `data` on the wire.
    pub data: String,
}

/// What the time of an event is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// The clock was believed.
    Synced,
    /// It wasn't: the time is reckoned, or shown by a clock that nobody vouched for.
    Unsynced,
    /// It wasn't, and when it was the time was shifted.
    Corrected,
}

impl Label {
    /// The contract's word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Unsynced => "unsynced",
            Self::Corrected => "corrected",
        }
    }
}

/// When an event happened, by every clock.
#[derive(Clone, Copy, Debug)]
pub struct When {
    pub wall: Timestamp,
    pub trusted: bool,
    /// The site's running time.
    pub uptime_s: u64,
    /// The boot's key in this file, and how long it had lasted.
    pub boot: i64,
    pub since_boot: Duration,
}

/// Where an event happened, and who was signed in there.
#[derive(Clone, Copy, Debug, Default)]
pub struct By<'a> {
    pub station: Option<&'a StationId>,
    pub operator: Option<&'a OperatorId>,
}

/// Appends `event` at `place`; returns it as [`read`] does from here on, until its time is corrected.
pub fn append(conn: &Connection, place: Place, when: &When, by: By<'_>, event: &Event) -> Result<Stored, Error> {
    let (id, at) = (mint(when.wall), when.wall.as_microsecond());
    let (kind, subject, data) = (event.kind(), contract::event::subject(event), contract::event::encode(event)?);
    conn.prepare_cached(
        "INSERT INTO events (place, id, at, uptime_s, synced, kind, station, operator, subject, data, boot, since_boot_us)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        place,
        id.as_bytes(),
        at,
        when.uptime_s,
        when.trusted,
        kind.word(),
        by.station.map(|station| &**station),
        by.operator.map(|operator| &**operator),
        subject,
        data,
        when.boot,
        microseconds(when.since_boot),
    ])?;
    Ok(Stored {
        place,
        id,
        at: Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH),
        label: if when.trusted { Label::Synced } else { Label::Unsynced },
        kind,
        station: by.station.map(ToString::to_string),
        operator: by.operator.map(ToString::to_string),
        subject,
        data,
    })
}

/// The id of the event at `place`.
pub fn id_at(conn: &Connection, place: Place) -> Result<Option<Uuid>, Error> {
    let mut statement = conn.prepare_cached("SELECT id FROM events WHERE place = ?1")?;
    Ok(statement.query_row([place], |row| Ok(Uuid::from_bytes(row.get(0)?))).optional()?)
}

/// As SQLite has them.
pub fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// What [`stored`] reads, in its order; the last is the shift of a time that was corrected.
macro_rules! columns {
    () => {
        "place, id, at, synced, kind, station, operator, subject, data, CASE synced WHEN 0 THEN
             (SELECT offset_ms FROM corrections WHERE place <= last AND first <= place ORDER BY last LIMIT 1) END"
    };
}
/// The same for queries that are put together.
pub const COLUMNS: &str = columns!();

/// Up to `limit` events after `after`, in order.
pub fn read(conn: &Connection, after: Place, limit: usize) -> Result<Vec<Stored>, Error> {
    const AFTER: &str = concat!("SELECT ", columns!(), " FROM events WHERE ?1 < place ORDER BY place LIMIT ?2");
    let mut statement = conn.prepare_cached(AFTER)?;
    // No file has larger places, and SQLite no larger numbers.
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let rows = statement.query_and_then(params![after, limit], stored)?;
    rows.collect()
}

/// The last `limit` events, newest first.
pub fn latest(conn: &Connection, limit: usize) -> Result<Vec<Stored>, Error> {
    const LATEST: &str = concat!("SELECT ", columns!(), " FROM events ORDER BY place DESC LIMIT ?1");
    let mut statement = conn.prepare_cached(LATEST)?;
    let rows = statement.query_and_then([limit], stored)?;
    rows.collect()
}

/// The place of the newest event.
pub fn head(conn: &Connection) -> Result<Place, Error> {
    let head: Option<Place> = conn.query_row("SELECT max(place) FROM events", [], |row| row.get(0))?;
    Ok(head.unwrap_or_default())
}

/// Events that are gone through, newest first, for one of which the clock was believed: two seconds on a slow card. A site
/// whose clock was not believed for longer knows of none.
const BELIEVED_WITHIN: u64 = 50_000;

/// What the log says of the time, seen from `boot`.
pub fn known(conn: &Connection, boot: &str) -> Result<Option<Known>, Error> {
    let has_boots: bool =
        conn.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'boots')", [], |row| row.get(0))?;
    // A file of an older version, before it is migrated.
    let since_boot = match has_boots {
        true => "(SELECT since_boot_us FROM boots WHERE key = events.boot AND id = ?1)",
        false => "nullif(?1, ?1)",
    };
    let newest_of = |which: &str| {
        let query = format!("SELECT at, {since_boot} FROM events WHERE {which} ORDER BY place DESC LIMIT 1");
        let mark = conn.query_row(&query, [boot], |row| {
            let since_boot_us: Option<u64> = row.get(1)?;
            Ok(Mark {
                at: Timestamp::from_microsecond(row.get(0)?).unwrap_or(Timestamp::UNIX_EPOCH),
                since_boot: since_boot_us.map(Duration::from_micros),
            })
        });
        mark.optional()
    };
    let Some(newest) = newest_of("true")? else { return Ok(None) };
    let near = format!("(SELECT max(place) FROM events) - {BELIEVED_WITHIN} < place");
    let believed = newest_of(&format!("{near} AND synced <> 0"))?;
    let is_vouched = "SELECT EXISTS (SELECT 1 FROM boots JOIN slate ON name = ?2 || key WHERE id = ?1)";
    let vouched = has_boots && conn.query_row(is_vouched, [boot, slate::VOUCHED], |row| row.get(0))?;
    Ok(Some(Known { newest, believed, vouched }))
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
    let at = Timestamp::from_microsecond(row.get(2)?).unwrap_or(Timestamp::UNIX_EPOCH);
    let shift: Option<i64> = row.get(9)?;
    let label = match (row.get(3)?, shift) {
        (true, _) => Label::Synced,
        (false, None) => Label::Unsynced,
        (false, Some(_)) => Label::Corrected,
    };
    let shift = SignedDuration::from_millis(shift.unwrap_or_default());
    Ok(Stored {
        place: row.get(0)?,
        id: Uuid::from_bytes(row.get(1)?),
        at: at.saturating_add(shift).unwrap_or(at),
        label,
        kind,
        station: row.get(5)?,
        operator: row.get(6)?,
        subject: row.get(7)?,
        data: contract::event::shifted(kind, row.get(8)?, shift),
    })
}
