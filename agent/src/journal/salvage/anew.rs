//! A new epoch in a file that isn't in use: after a salvage, and in a backup that is put back.
//!
//! The log that goes on ends with the last event that follows on what the platform has, in whatever epoch that is. What is
//! unreceived up to there is still sent under its old place, and each epoch waits until the platform has the one before;
//! the last event is sent again in any case, so that the platform says how far it is: beyond that end, the file is an older
//! copy. What lies behind a gap takes places of the new epoch, with its id: the platform knows by it what it has already.

use super::files;
use crate::clock::Moment;
use crate::domain::event::{Event, StartCause};
use crate::domain::sscc::Sscc;
use crate::journal::log::{self, By, Epoch, Place, When};
use crate::journal::state::times;
use crate::journal::{Config, Error, backup, slate};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use std::fs;

/// How far numbers of parcels and returns jump at least: more than a file can be behind that was looked after.
pub const SERIALS_JUMP: u64 = 10_000;

/// More starts than there have been since a file was written that is behind.
const STARTS_JUMP: u64 = 10_000;

/// Numbers go on where a site would be at least that used them up in a hundred years from then on: those that were given out
/// for labels stand in no event, and nobody knows how old a copy is.
const NUMBERED_SINCE: Timestamp = Timestamp::constant(1_577_836_800, 0); // 2020-01-01
const NUMBERED_FOR_S: u64 = 100 * YEAR_S;
const YEAR_S: u64 = 31_557_600;

/// No clock that shows less is right: this was written then.
const WRITTEN: Timestamp = Timestamp::constant(1_795_651_200, 0); // 2026-11-26
/// A clock that nobody vouches for isn't believed to be further than twenty years on.
const BELIEVED_UNTIL: Timestamp = Timestamp::constant(1_795_651_200 + 20 * YEAR_S.cast_signed(), 0);

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
    let now = at_least(moment, known_times(conn, config)?);
    slate::set(conn, slate::SSCC, &next_serial(prefix, used.max(kept), now))?;

    let elapsed = numbered_for_s(now);
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

/// The serial that parcels go on with behind `next`, the first that is not known to have been given out, at the time `now`.
pub fn next_serial(prefix: &str, next: Option<u64>, now: Timestamp) -> u64 {
    let capacity = 10u64.pow(17 - u32::try_from(prefix.len()).unwrap_or_default().min(16));
    let by_time = u128::from(capacity) * u128::from(numbered_for_s(now)) / u128::from(NUMBERED_FOR_S);
    let by_time = u64::try_from(by_time).unwrap_or_default();
    next.map_or(by_time, |next| by_time.max(next.saturating_add(SERIALS_JUMP)))
}

/// The time that it is at least: the clock's where that is believed, and else the latest of what is known of other times
/// that can be right.
pub fn at_least(moment: &Moment, known: impl IntoIterator<Item = Timestamp>) -> Timestamp {
    let can_be = known.into_iter().chain([moment.wall]).filter(|at| (WRITTEN..=BELIEVED_UNTIL).contains(at));
    can_be.chain(moment.trusted.then_some(moment.wall)).fold(WRITTEN, Timestamp::max)
}

/// When the newest event happened whose time was believed, and when files of this site were written.
fn known_times(conn: &Connection, config: &Config) -> Result<Vec<Timestamp>, Error> {
    let believed: Option<i64> = conn.query_row("SELECT max(at) FROM events WHERE synced <> 0", [], |row| row.get(0))?;
    let backups = config.backups.iter().flat_map(|backups| backup::made(backups, &config.rules.site));
    let files = [config.path.clone()].into_iter().chain(files::quarantine(&config.path)).chain(backups);
    let written = files.filter_map(|file| Timestamp::try_from(fs::metadata(file).ok()?.modified().ok()?).ok());
    Ok(believed.and_then(|at| Timestamp::from_microsecond(at).ok()).into_iter().chain(written).collect())
}

fn numbered_for_s(now: Timestamp) -> u64 {
    let elapsed = now.as_second().saturating_sub(NUMBERED_SINCE.as_second());
    u64::try_from(elapsed).unwrap_or_default().min(NUMBERED_FOR_S)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_time_is_no_less_than_anything_that_can_be_believed_says() {
        for (what, wall, trusted, known, expected) in [
            (
                "a clock that is believed",
                "2027-03-01T00:00:00Z",
                true,
                &["2026-12-24T00:00:00Z"][..],
                "2027-03-01T00:00:00Z",
            ),
            (
                "one that isn't, of a board without a battery",
                "1970-01-01T00:01:00Z",
                false,
                &[],
                "2026-11-26T00:00:00Z",
            ),
            ("the same, and a file", "1970-01-01T00:01:00Z", false, &["2027-01-01T00:00:00Z"], "2027-01-01T00:00:00Z"),
            (
                "one that goes on from the last stop",
                "2027-02-01T00:00:00Z",
                false,
                &["2027-01-01T00:00:00Z"],
                "2027-02-01T00:00:00Z",
            ),
            (
                "files from no time",
                "2027-02-01T00:00:00Z",
                true,
                &["2099-01-01T00:00:00Z", "1970-01-01T00:00:00Z"],
                "2027-02-01T00:00:00Z",
            ),
            ("a clock from no time", "2099-02-01T00:00:00Z", false, &["2027-01-01T00:00:00Z"], "2027-01-01T00:00:00Z"),
        ] {
            let moment = Moment { since_start: Duration::ZERO, wall: at(wall), trusted };
            assert_eq!(at_least(&moment, known.iter().map(|text| at(text))), at(expected), "{what}");
        }
    }

    #[test]
    fn serials_go_on_behind_all_that_can_have_been_given_out() {
        let now = at("2030-01-01T00:00:00Z");
        for (prefix, next, expected) in [
            // A tenth of ten billion.
            ("7350053", None, 1_000_000_000_u64),
            ("7350053", Some(70), 1_000_000_000),
            ("7350053", Some(2_000_000_000), 2_000_010_000),
            ("123456789012", None, 10_000),
            ("123456789012", Some(70), 10_070),
        ] {
            let found = next_serial(prefix, next, now);
            assert!(expected.abs_diff(found) <= expected / 1_000, "{prefix} {next:?}: {found}");
        }
    }
}
