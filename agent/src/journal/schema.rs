//! The file's shape: pragmas, migrations, and the refusal of what this version must not touch.

use super::Error;
use crate::pulse::Pulse;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::ffi::c_int;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// Each entry takes the file one version further; entries are never edited, only added.
const MIGRATIONS: [&str; 4] = [
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
];

/// The version that this build writes.
pub const VERSION: i64 = MIGRATIONS.len() as i64;

/// SQLite before this can corrupt a WAL database when two connections reset the log at once.
pub const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// Of files that are made from now on. A scan alone touches a page of each of a few tables, whatever little it changes
/// there: half as large ones cost two thirds of the bytes, and an order's terms still fit on one.
pub const PAGE_BYTES: usize = 2_048;

/// What the writer keeps of the file: its tables' upper pages and the ends that it writes to are a hundred pages; what an
/// order needs beyond is in the kernel's memory.
const WRITER_CACHE_KIB: u32 = 1_024;
/// A commit with more changed pages than these writes some of them twice: of a full batch it has a third.
const DIRTY_PAGES_MAX: u32 = 1_024;
/// What each of the connections keeps that only look, of which there are four: none reads the same page again for long.
const READER_CACHE_KIB: u32 = 256;

/// How long whoever writes waits for others: there are none, but for somebody who looks into the file by hand.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens the file for writing, makes or migrates its tables.
pub fn open_writer(path: &Path) -> Result<Connection, Error> {
    open_writer_at_start(path, &Pulse::default())
}

/// The same, where a migration may take long: `pulse` turns with it, and what it has to sort doesn't go into memory.
pub fn open_writer_at_start(path: &Path, pulse: &Pulse) -> Result<Connection, Error> {
    let have = rusqlite::version_number();
    if have < SQLITE_VERSION_MIN {
        return Err(Error::OldSqlite { have: rusqlite::version().to_owned() });
    }
    let mut conn = Connection::open(path).map_err(|why| Error::Open { path: path.into(), why })?;
    keep_log(&conn)?;
    plan_once(&conn)?;
    refuse_newer(&conn, path)?;
    conn.execute_batch(&format!("PRAGMA page_size = {PAGE_BYTES}"))?;
    conn.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    need_log(&conn, path)?;
    conn.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = 8388608;
         PRAGMA temp_store = FILE;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA foreign_keys = OFF;",
    )?;
    conn.execute_batch(&format!("PRAGMA cache_size = -{WRITER_CACHE_KIB}; PRAGMA cache_spill = {DIRTY_PAGES_MAX}"))?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_CACHED_MAX);
    turn(&mut conn, Some(pulse))?;
    migrate(&conn, path)?;
    turn(&mut conn, None)?;
    conn.execute_batch("PRAGMA temp_store = MEMORY")?;
    Ok(conn)
}

/// Has `pulse` turn while statements run; `None`: no longer.
pub fn turn(conn: &mut Connection, pulse: Option<&Pulse>) -> Result<(), Error> {
    let turned = pulse.cloned().map(|pulse| {
        move || {
            pulse.turned();
            false
        }
    });
    Ok(conn.progress_handler(STEPS_FOR_A_TURN, turned)?)
}

/// Steps of SQLite's machine: some milliseconds.
const STEPS_FOR_A_TURN: c_int = 100_000;

/// Has the file keep a write-ahead log: without one a commit ends with the removal of a file, which `FULL` doesn't force to
/// disk. SQLite says a reader that is in the way by the mode alone; and what keeps it from writing the new mode down, a full
/// disk, only after it has said the mode.
fn need_log(conn: &Connection, path: &Path) -> Result<(), Error> {
    let mut statement = conn.prepare("PRAGMA journal_mode = WAL")?;
    let said: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    match said.last() {
        Some(mode) if mode == "wal" => Ok(()),
        mode => Err(Error::NoLog { path: path.into(), mode: mode.cloned().unwrap_or_default() }),
    }
}

/// Makes a file with the tables of `version`, to be filled by nobody else: it is neither synced nor journaled.
pub fn make(path: &Path, version: i64) -> Result<Connection, Error> {
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o640)
        .open(path)
        .map_err(|why| Error::Salvage { path: path.into(), why })?;
    let conn = Connection::open(path).map_err(|why| Error::Open { path: path.into(), why })?;
    conn.execute_batch(&format!("PRAGMA page_size = {PAGE_BYTES}"))?;
    conn.execute_batch(
        "PRAGMA auto_vacuum = INCREMENTAL;
         PRAGMA journal_mode = OFF;
         PRAGMA synchronous = OFF;
         PRAGMA temp_store = FILE;
         PRAGMA trusted_schema = OFF;
         PRAGMA locking_mode = EXCLUSIVE;",
    )?;
    for step in MIGRATIONS.iter().take(usize::try_from(version).unwrap_or(MIGRATIONS.len())) {
        conn.execute_batch(step)?;
    }
    conn.execute_batch(&format!("PRAGMA user_version = {version}"))?;
    Ok(conn)
}

/// Opens the file for looking only.
pub fn open_reader(path: &Path) -> Result<Connection, Error> {
    if !path.exists() {
        return Err(Error::Absent { path: path.into() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(|why| Error::Open { path: path.into(), why })?;
    keep_log(&conn)?;
    plan_once(&conn)?;
    refuse_newer(&conn, path)?;
    conn.execute_batch("PRAGMA busy_timeout = 2000; PRAGMA query_only = ON")?;
    conn.execute_batch(&format!("PRAGMA cache_size = -{READER_CACHE_KIB}"))?;
    Ok(conn)
}

/// Closing leaves the write-ahead log as it is. A file that is refused stays as it is, and of one that is damaged, or whose
/// agent has died, the log is part of what can be saved: only an orderly stop folds it in, and leaves an empty one.
fn keep_log(conn: &Connection) -> Result<(), Error> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(())
}

/// Has a statement planned when it is prepared, whatever it is asked with. Else SQLite plans some of them again each time they
/// are used: for values that might make another plan better, and the cache of statements takes them away after each use.
fn plan_once(conn: &Connection) -> Result<(), Error> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

const STATEMENTS_CACHED_MAX: usize = 64;

fn refuse_newer(conn: &Connection, path: &Path) -> Result<(), Error> {
    let opened = |why| Error::Open { path: path.into(), why };
    let found: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(opened)?;
    if VERSION < found {
        return Err(Error::NewerFile { path: path.into(), found, known: VERSION });
    }
    Ok(())
}

/// Only the agent itself brings a file to its version: until it has, nobody else can read it.
pub fn refuse_older(conn: &Connection, path: &Path) -> Result<(), Error> {
    let found: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found < VERSION {
        return Err(Error::OlderFile { path: path.into(), found, known: VERSION });
    }
    Ok(())
}

/// All steps are one transaction: a file is of the version that it was, or of this one, wherever it ends.
pub fn migrate(conn: &Connection, path: &Path) -> Result<(), Error> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let from: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let steps = MIGRATIONS.get(usize::try_from(from).unwrap_or(usize::MAX)..).unwrap_or_default();
    if steps.is_empty() {
        return Ok(conn.execute_batch("COMMIT")?);
    }
    let migrated = || {
        steps.iter().try_for_each(|step| conn.execute_batch(step))?;
        conn.execute_batch(&format!("PRAGMA user_version = {VERSION}; COMMIT"))
    };
    migrated().map_err(|why| Error::Migration { path: path.into(), from, to: VERSION, why })?;
    if 0 < from {
        tracing::info!(database = %path.display(), from, to = VERSION, "the database was brought to this version");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::StatementStatus;

    #[test]
    fn a_statement_is_planned_once_whatever_it_is_asked_with() {
        let conn = Connection::open_in_memory().unwrap();
        MIGRATIONS.iter().for_each(|step| conn.execute_batch(step).unwrap());
        let planned_again = || {
            let named =
                "SELECT key FROM orders WHERE id = ?1 UNION SELECT key FROM orders WHERE number = ?1 ORDER BY key DESC";
            let plans = (0..3).map(|text| {
                let mut statement = conn.prepare_cached(named).unwrap();
                assert!(!statement.exists([text.to_string()]).unwrap());
                statement.reset_status(StatementStatus::RePrepare)
            });
            plans.sum::<i32>()
        };
        assert_ne!(planned_again(), 0, "without it");
        conn.flush_prepared_statement_cache();
        plan_once(&conn).unwrap();
        assert_eq!(planned_again(), 0);
    }
}
