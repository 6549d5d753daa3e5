//! The file's shape: pragmas, migrations, and the refusal of what this version must not touch.

use super::Error;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

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

/// Opens the file for writing, makes or migrates its tables.
pub fn open_writer(path: &Path) -> Result<Connection, Error> {
    let have = rusqlite::version_number();
    if have < SQLITE_VERSION_MIN {
        return Err(Error::OldSqlite { have: rusqlite::version().to_owned() });
    }
    let conn = Connection::open(path).map_err(|why| Error::Open { path: path.into(), why })?;
    refuse_newer(&conn, path)?;
    conn.execute_batch(
        "PRAGMA busy_timeout = 5000;
         PRAGMA auto_vacuum = INCREMENTAL;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = 8388608;
         PRAGMA temp_store = MEMORY;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA foreign_keys = OFF;",
    )?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_CACHED_MAX);
    migrate(&conn, path)?;
    Ok(conn)
}

/// Opens the file for looking only.
pub fn open_reader(path: &Path) -> Result<Connection, Error> {
    if !path.exists() {
        return Err(Error::Absent { path: path.into() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(|why| Error::Open { path: path.into(), why })?;
    refuse_newer(&conn, path)?;
    conn.execute_batch("PRAGMA busy_timeout = 2000; PRAGMA query_only = ON; PRAGMA cache_size = -512;")?;
    Ok(conn)
}

const STATEMENTS_CACHED_MAX: usize = 64;

/// A file that is refused stays as it is, the log beside it too: closing it must not fold that in.
fn refuse_newer(conn: &Connection, path: &Path) -> Result<(), Error> {
    let opened = |why| Error::Open { path: path.into(), why };
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(opened)?;
    let found: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(opened)?;
    if VERSION < found {
        return Err(Error::NewerFile { path: path.into(), found, known: VERSION });
    }
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(opened)?;
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
fn migrate(conn: &Connection, path: &Path) -> Result<(), Error> {
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
