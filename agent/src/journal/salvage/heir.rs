//! What a file doesn't say, and another of the same site does: of a damaged one its newest backup, of a backup the file
//! whose place it takes.

use crate::journal::{Error, backup, slate};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params};
use std::path::Path;

/// What a site must not lose with its file: the key on its printed barcodes, the token, and series of numbers.
const KEPT: [&str; 5] = [slate::SITE_KEY, slate::TOKEN, slate::SSCC, slate::RETURNS, slate::STARTS];

/// Fills in from the backups of `site` that can be read, the newest first: what is there stays, but for numbers that are
/// lower. A name may come from a clock that was wrong, so that one of the others has higher ones.
pub fn fill_in(conn: &Connection, backups: &Path, site: &str) -> Result<(), Error> {
    let made = backup::made(backups, site);
    made.iter().rev().filter_map(|copy| open(copy)).try_for_each(|backup| inherit(conn, &backup))
}

/// The same from one file, if it can be read.
pub fn fill_in_from(conn: &Connection, file: &Path) -> Result<(), Error> {
    open(file).map_or(Ok(()), |other| inherit(conn, &other))
}

fn inherit(conn: &Connection, other: &Connection) -> Result<(), Error> {
    for name in KEPT {
        let Ok(there) = other.query_row("SELECT value FROM slate WHERE name = ?1", [name], |row| row.get(0)) else {
            continue;
        };
        let here: Option<Value> = slate::get(conn, name)?;
        let kept = match (here, there) {
            (Some(Value::Integer(here)), Value::Integer(there)) => Value::Integer(here.max(there)),
            (Some(here), _) => here,
            (None, there) => there,
        };
        slate::set(conn, name, &kept)?;
    }
    let known: u64 = conn.query_row("SELECT count(*) FROM epochs", [], |row| row.get(0))?;
    if known == 0 {
        let mut epochs = other.prepare("SELECT id, base FROM epochs")?;
        let mut rows = epochs.query([])?;
        while let Some(row) = rows.next()? {
            let (id, base): (Value, Value) = (row.get(0)?, row.get(1)?);
            conn.execute("INSERT OR IGNORE INTO epochs (id, base) VALUES (?1, ?2)", params![id, base])?;
        }
    }
    Ok(())
}

fn open(file: &Path) -> Option<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(file, flags).ok()?;
    let is_ours = conn.query_row("SELECT 1 FROM slate WHERE name = ?1", [slate::SITE_KEY], |_| Ok(()));
    is_ours.is_ok().then_some(conn)
}
