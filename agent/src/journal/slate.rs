//! The one page that is rewritten all the time: cursors, serials, stations, scanners.

use super::Error;
use super::log::Place;
use rusqlite::types::{FromSql, ToSql};
use rusqlite::{Connection, OptionalExtension, params};

/// Highest place that the broker has acknowledged.
pub const SENT: &str = "sent";
/// Highest place that the platform's receipts cover.
pub const RECEIVED: &str = "received";
/// Up to which place the platform is sent events once more, because it asked for them; none where it isn't.
pub const AGAIN_TO: &str = "again_to";
/// Up to which place the platform was known to have the epoch that ends at a place, when a newer one began there in a file
/// that was salvaged or put back.
pub const KNOWN_BEFORE: &str = "known_before/";

/// Of the epoch that ends at `end`.
pub fn known_before(end: Place) -> String {
    format!("{KNOWN_BEFORE}{end}")
}
/// Set in a file that was made by an exchange, until somebody has run on it: it needs no log.
pub const ANEW: &str = "anew";
/// The head at the first start since which nothing of this file's own was published: where it diverges from what the platform
/// has, if it is an older copy.
pub const UNPUBLISHED_FROM: &str = "unpublished_from";
/// The serial that the next SSCC gets.
pub const SSCC: &str = "sscc";
/// The number that the next return gets which nobody announced.
pub const RETURNS: &str = "returns";
/// Up to which place units have been counted for the pace.
pub const COUNTED: &str = "counted";
/// Up to which place customers of completed orders were asked how it was, or never will be.
pub const INVITED: &str = "invited";
/// When the last day was closed: microseconds, and the place of its summary's last event.
pub const DAY_CLOSED_AT: &str = "day_closed_at";
pub const DAY_CLOSED: &str = "day_closed";
/// How often the agent has started on this file.
pub const STARTS: &str = "starts";
/// The key that command barcodes are checked with.
pub const SITE_KEY: &str = "site_key";
/// SHA-256 of the token that opens the page's actions.
pub const TOKEN: &str = "token";

/// The place of the first event in this boot whose time waits to be corrected; none where there is none.
pub const UNSYNCED: &str = "unsynced/";

/// Of the boot with this key.
pub fn unsynced(boot: i64) -> String {
    format!("{UNSYNCED}{boot}")
}

/// Set once a time server has vouched for the clock in this boot.
pub const VOUCHED: &str = "vouched/";

/// Of the boot with this key.
pub fn vouched(boot: i64) -> String {
    format!("{VOUCHED}{boot}")
}

/// Whose file it is.
pub const SITE: &str = "site";

/// Names that stand alone, and beginnings of those of which there are many.
const NAMES: [&str; 14] = [
    SENT,
    RECEIVED,
    ANEW,
    UNPUBLISHED_FROM,
    SSCC,
    RETURNS,
    COUNTED,
    INVITED,
    DAY_CLOSED_AT,
    DAY_CLOSED,
    STARTS,
    SITE_KEY,
    TOKEN,
    SITE,
];
const BEGINNINGS: [&str; 6] = ["station/", "scanner/", "configured/", UNSYNCED, VOUCHED, KNOWN_BEFORE];

/// Whether anything here writes a line of that name.
pub fn is_known(name: &str) -> bool {
    NAMES.contains(&name) || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

pub fn station(id: &str) -> String {
    format!("station/{id}")
}

pub fn scanner(id: &str) -> String {
    format!("scanner/{id}")
}

pub fn get<T: FromSql>(conn: &Connection, name: &str) -> Result<Option<T>, Error> {
    let mut statement = conn.prepare_cached("SELECT value FROM slate WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
}

/// What stands under a name, which stands there no more.
pub fn take<T: FromSql>(conn: &Connection, name: &str) -> Result<Option<T>, Error> {
    let taken = get(conn, name)?;
    if taken.is_some() {
        conn.prepare_cached("DELETE FROM slate WHERE name = ?1")?.execute([name])?;
    }
    Ok(taken)
}

pub fn set(conn: &Connection, name: &str, value: &dyn ToSql) -> Result<(), Error> {
    conn.prepare_cached(
        "INSERT INTO slate (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )?
    .execute(params![name, value])?;
    Ok(())
}

pub fn clear(conn: &Connection, name: &str) -> Result<(), Error> {
    conn.prepare_cached("DELETE FROM slate WHERE name = ?1")?.execute([name])?;
    Ok(())
}

/// Every name that begins with `prefix`, without it, and its number.
pub fn all_numbers(conn: &Connection, prefix: &str) -> Result<Vec<(String, u64)>, Error> {
    let mut statement =
        conn.prepare("SELECT substr(name, 1 + length(?1)), value FROM slate WHERE name LIKE ?1 || '%'")?;
    let rows = statement.query_map([prefix], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Every name that begins with `prefix`, without it, and its text.
pub fn all(conn: &Connection, prefix: &str) -> Result<Vec<(String, String)>, Error> {
    let mut statement =
        conn.prepare_cached("SELECT substr(name, 1 + length(?1)), value FROM slate WHERE name LIKE ?1 || '%'")?;
    let rows = statement.query_map([prefix], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
