//! Whether a file that is thought to be damaged is: a disk that gave no answer once, or a plug that came loose, is no
//! damage, and a file that is whole stays in its place.
//!
//! All of it is read, by SQLite and as the agent and a salvage read it: what passes here, a salvage could not make better.

use super::is_damage;
use super::settle::not_understood;
use super::table::Table;
use crate::journal::shelf::Shelf;
use crate::journal::{Error, log, schema};
use crate::pulse::Pulse;
use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode};
use std::path::Path;

/// What is damaged in the file; `None`: nothing that can be found. Turns `pulse`.
///
/// # Errors
/// It can't be opened, or is a newer version's.
pub fn examine(database: &Path, pulse: &Pulse) -> Result<Option<String>, Error> {
    let mut found = read(database, pulse);
    if found.as_ref().is_err_and(is_of_disk) {
        tracing::warn!("the disk has not given all of the database: it is asked once more");
        found = read(database, pulse);
    }
    match found {
        Err(error) if is_damage(&error) => Ok(Some(error.to_string())),
        found => found,
    }
}

fn is_of_disk(error: &Error) -> bool {
    matches!(error, Error::Sqlite(error) | Error::Open { why: error, .. }
        if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure))
}

fn read(database: &Path, pulse: &Pulse) -> Result<Option<String>, Error> {
    let mut conn = schema::open_reader(database)?;
    schema::turn(&mut conn, Some(pulse))?;
    let said: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if said != "ok" {
        return Ok(Some(said));
    }
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version < schema::VERSION {
        // Its rows are as that version had them, and are read when they are brought to this one.
        return Ok(None);
    }
    for table in Table::all(&conn)? {
        if let Some(row) = odd_row(&conn, &table, pulse)? {
            return Ok(Some(format!("row {row} of {} can't be one", table.name)));
        }
    }
    if let Some(table) = not_understood(&conn)? {
        return Ok(Some(format!("a row of {table} can't be read")));
    }
    log::epochs(&conn)?;
    Shelf::load(&conn, false)?;
    Shelf::gone(&conn)?;
    Ok(None)
}

/// The number of the first row that a salvage would not take over, counted from 1.
fn odd_row(conn: &Connection, table: &Table, pulse: &Pulse) -> Result<Option<u64>, Error> {
    let mut statement = conn.prepare(&table.select())?;
    let mut rows = statement.query([])?;
    let mut values: Vec<Value> = Vec::with_capacity(table.columns.len());
    let mut number = 0;
    while let Some(row) = rows.next()? {
        pulse.turned();
        number += 1;
        values.clear();
        for column in 0..table.columns.len() {
            values.push(row.get(column)?);
        }
        if !table.is_row(&values) {
            return Ok(Some(number));
        }
    }
    Ok(None)
}
