//! A new epoch in a file that isn't in use: after a salvage, and in a backup that is put back.
//!
//! The log that goes on ends with the last event that follows on what the platform has, in whatever epoch that is. What is
//! unreceived up to there is still sent under its old place, and each epoch waits until the platform has the one before;
//! the last event is sent again in any case, so that the platform says how far it is: beyond that end, the file is an older
//! copy. What lies behind a gap takes places of the new epoch, with its id: the platform knows by it what it has already.

use crate::clock::Moment;
use crate::domain::event::{Event, StartCause};
use crate::domain::sscc::Sscc;
use crate::journal::log::{self, By, Epoch, Place, When};
use crate::journal::state::times;
use crate::journal::{Config, Error, slate};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

/// How far numbers of parcels and returns jump: more than a file can be behind that was looked after.
pub const SERIALS_JUMP: u64 = 10_000;

/// More starts than there have been since a file was written that is behind.
const STARTS_JUMP: u64 = 10_000;

/// Numbers that are lost altogether begin where a site would be that used them up in a hundred years from then on.
const NUMBERED_SINCE: Timestamp = Timestamp::constant(1_577_836_800, 0); // 2020-01-01
const NUMBERED_FOR_S: u64 = 100 * 31_557_600;

/// Begins it. `told`: what is recorded right behind its beginning, given how many events are lost.
pub fn begin(
    conn: &Connection,
    config: &Config,
    moment: &Moment,
    told: Option<&dyn Fn(u64) -> Event>,
) -> Result<(), Error> {
    let first: Option<Place> = conn.query_row("SELECT min(place) FROM events", [], |row| row.get(0))?;
    let epochs = log::epochs(conn)?;
    let received: Option<Place> = slate::get(conn, slate::RECEIVED)?;
    // That an epoch has begun doesn't say that the ones before are received.
    let lowest = first.map_or(epochs.last().map_or(0, |epoch| epoch.base), |first| first - 1);
    let known = received.unwrap_or(lowest);
    let sent: Place = slate::get(conn, slate::SENT)?.unwrap_or_default();
    let lost = lost(conn, first, known.max(sent))?;

    let end = end_of(conn, known)?;
    let old = epochs.iter().rfind(|epoch| epoch.base < end || epoch.base <= known).copied();
    let last = match old {
        Some(epoch) => last_of(conn, epoch, end)?,
        None => None,
    };
    let base = last.unwrap_or(known);
    let received = match last {
        Some(last) => known.min(last - 1),
        None => base,
    };
    let own = if told.is_some() { 2 } else { 1 };
    move_on(conn, base, own)?;

    let uptime_s: Option<u64> = conn.query_row("SELECT max(uptime_s) FROM events", [], |row| row.get(0))?;
    let follows = old.filter(|_| last.is_some());
    let follows = follows.map(|epoch| (epoch.id.to_string().into_boxed_str(), epoch.sequence(base)));
    let started = Event::SiteStarted {
        cause: if first.is_some() || old.is_some() { StartCause::OldCopy } else { StartCause::New },
        follows,
        version: config.version.as_str().into(),
        boot: config.boot.id.as_str().into(),
    };
    let told = told.map(|told| told(lost));
    let when = When {
        wall: moment.wall,
        trusted: moment.trusted,
        uptime_s: uptime_s.unwrap_or_default(),
        boot: times::boot_key(conn, &config.boot.id)?,
        since_boot: config.boot.at_start.saturating_add(moment.since_start),
    };
    for (place, event) in (base + 1..).zip([Some(started), told].into_iter().flatten()) {
        log::append(conn, place, &when, By::default(), &event)?;
    }
    // Whatever of those follows on a gap goes on in the new one.
    conn.execute("DELETE FROM epochs WHERE ?1 <= base", [base])?;
    let id = log::mint(moment.wall);
    conn.execute("INSERT INTO epochs (id, base) VALUES (?1, ?2)", params![id.as_bytes(), base])?;
    slate::set(conn, slate::SENT, &received)?;
    slate::set(conn, slate::RECEIVED, &received)?;
    for (end, _) in slate::all_numbers(conn, slate::KNOWN_BEFORE)? {
        // What is received says no more, and what begins now has an end of its own.
        if end.parse().is_ok_and(|end: Place| end <= received || base <= end) {
            slate::clear(conn, &format!("{}{end}", slate::KNOWN_BEFORE))?;
        }
    }
    slate::set(conn, &slate::known_before(base), &known.max(base))?;
    slate::set(conn, slate::ANEW, &1)?;
    number_on(conn, config, moment)
}

/// Events that the file once had: places that are missing in between, and up to one that somebody has heard of.
fn lost(conn: &Connection, first: Option<Place>, heard_of: Place) -> Result<u64, Error> {
    let Some(first) = first else { return Ok(heard_of) };
    let (head, count): (Place, u64) =
        conn.query_row("SELECT max(place), count(*) FROM events", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((head.max(heard_of) + 1 - first).saturating_sub(count))
}

/// The last place that follows on `known` without a gap, in whatever epoch.
fn end_of(conn: &Connection, known: Place) -> Result<Place, Error> {
    let mut has = conn.prepare("SELECT 1 FROM events WHERE place = ?1")?;
    if !has.exists([known + 1])? {
        return Ok(known);
    }
    Ok(conn.query_row(
        "SELECT e.place FROM events e LEFT JOIN events n ON n.place = e.place + 1
         WHERE ?1 < e.place AND n.place IS NULL ORDER BY e.place LIMIT 1",
        [known],
        |row| row.get(0),
    )?)
}

/// The last event of `epoch` up to `end`.
fn last_of(conn: &Connection, epoch: Epoch, end: Place) -> Result<Option<Place>, Error> {
    let query = "SELECT max(place) FROM events WHERE ?1 < place AND place <= ?2";
    Ok(conn.query_row(query, [epoch.base, end], |row| row.get(0))?)
}

/// Gives what lies behind `base` places without gaps, `own` of which stay free; and marks of places follow.
fn move_on(conn: &Connection, base: Place, own: Place) -> Result<(), Error> {
    conn.execute_batch(
        "DROP TABLE IF EXISTS temp.moved; CREATE TEMP TABLE moved (old INTEGER PRIMARY KEY, new INTEGER)",
    )?;
    conn.execute(
        "INSERT INTO moved SELECT place, ?1 + ?2 + row_number() OVER (ORDER BY place) FROM events WHERE ?1 < place",
        [base, own],
    )?;
    conn.execute("UPDATE events SET place = -(SELECT new FROM moved WHERE old = place) WHERE ?1 < place", [base])?;
    conn.execute("UPDATE events SET place = -place WHERE place < 0", [])?;
    let moved = |place: Place| -> Result<Place, Error> {
        let query = "SELECT max(new) FROM moved WHERE old <= ?1";
        let moved: Option<Place> = conn.query_row(query, [place], |row| row.get(0))?;
        Ok(if place <= base { place } else { moved.unwrap_or(base) })
    };
    for mark in [slate::COUNTED, slate::INVITED, slate::DAY_CLOSED] {
        if let Some(place) = slate::get::<Place>(conn, mark)? {
            slate::set(conn, mark, &moved(place)?)?;
        }
    }
    for (boot, place) in slate::all_numbers(conn, slate::UNSYNCED)? {
        slate::set(conn, &format!("{}{boot}", slate::UNSYNCED), &moved(place)?)?;
    }
    let corrections: Vec<(Place, Place)> = {
        let mut statement = conn.prepare("SELECT first, last FROM corrections WHERE ?1 < last ORDER BY last DESC")?;
        let rows = statement.query_map([base], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    for (first, last) in corrections {
        let places = params![moved(first)?, moved(last)?, last];
        conn.execute("UPDATE OR IGNORE corrections SET first = ?1, last = ?2 WHERE last = ?3", places)?;
    }
    conn.execute_batch("DROP TABLE temp.moved")?;
    Ok(())
}

/// Lets every series of numbers go on far enough behind the last that may have been given out.
fn number_on(conn: &Connection, config: &Config, moment: &Moment) -> Result<(), Error> {
    let prefix = &*config.rules.company_prefix;
    let used = {
        let mut statement = conn.prepare(
            "SELECT sscc FROM parcels UNION ALL
             SELECT CAST(data ->> 'sscc' AS INTEGER) FROM events WHERE kind = 'pack.parcel_sealed'",
        )?;
        let numbers = statement.query_map([], |row| row.get::<_, Option<i64>>(0))?;
        let numbers =
            numbers.filter_map(|number| number.ok().flatten()).filter_map(|number| u64::try_from(number).ok());
        numbers.filter_map(|number| Sscc(number).serial_under(prefix)).max().map(|serial| serial + 1)
    };
    let kept: Option<u64> = slate::get(conn, slate::SSCC)?;
    let capacity = 10u64.pow(17 - u32::try_from(prefix.len()).unwrap_or_default().min(16));
    let elapsed = moment.wall.as_second().saturating_sub(NUMBERED_SINCE.as_second());
    let elapsed = u64::try_from(elapsed).unwrap_or_default().min(NUMBERED_FOR_S);
    let by_time = u64::try_from(u128::from(capacity) * u128::from(elapsed) / u128::from(NUMBERED_FOR_S));
    let sscc = used.max(kept).map_or(by_time.unwrap_or_default(), |next| next + SERIALS_JUMP);
    slate::set(conn, slate::SSCC, &sscc)?;

    let minutes = elapsed / 60;
    let returns: Option<u64> = slate::get(conn, slate::RETURNS)?;
    let any_return = conn.query_row("SELECT 1 FROM events LIMIT 1", [], |_| Ok(())).optional()?.is_some();
    let returns = match returns {
        Some(next) => next + SERIALS_JUMP,
        // The row is there from the first such return on.
        None if any_return && used.or(kept).is_some() => SERIALS_JUMP,
        None => minutes,
    };
    slate::set(conn, slate::RETURNS, &returns)?;
    // A connection's number may never be less than an earlier one's.
    let starts: Option<u64> = slate::get(conn, slate::STARTS)?;
    slate::set(conn, slate::STARTS, &starts.map_or(minutes, |starts| starts + STARTS_JUMP))
}
