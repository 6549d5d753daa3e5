//! The platform's file: opening, migrating, refusing.
//!
//! One connection writes; readers have their own, which can't. A commit returns when the disk has it, and what is deleted
//! is overwritten.

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{path}: has version {found}, this program knows up to {known}: use the newer program")]
    Newer { path: PathBuf, found: usize, known: usize },
    #[error("{path}: {source}")]
    Storage { path: PathBuf, source: rusqlite::Error },
}

const MIGRATIONS: [&str; 2] = [include_str!("schema/1.sql"), include_str!("schema/2.sql")];

/// More than the platform's own statements, so that each is prepared once.
const STATEMENTS_CACHED: usize = 128;

/// Opens the file for its only writer, new or brought up to date.
///
/// # Errors
/// The file is newer than this program, or the storage refuses.
pub fn open(path: &Path) -> Result<Connection, OpenError> {
    let storage = |source| OpenError::Storage { path: path.to_owned(), source };
    let mut db = Connection::open(path).map_err(storage)?;
    prepare(&mut db)
        .map_err(storage)?
        .map_or(Ok(()), |found| Err(OpenError::Newer { path: path.to_owned(), found, known: MIGRATIONS.len() }))?;
    Ok(db)
}

/// Opens the file for reading only.
///
/// # Errors
/// The storage refuses.
pub fn read(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(Duration::from_secs(5))?;
    db.pragma_update(None, "query_only", true)?;
    Ok(db)
}

/// `Some(version)` if the file is too new.
fn prepare(db: &mut Connection) -> rusqlite::Result<Option<usize>> {
    db.busy_timeout(Duration::from_secs(5))?;
    db.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;
         PRAGMA journal_size_limit = 8388608; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
         PRAGMA secure_delete = ON;",
    )?;
    let migration = Transaction::new(db, TransactionBehavior::Immediate)?;
    let version: i64 = migration.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    let Some(missing) = MIGRATIONS.get(version..) else {
        return Ok(Some(version));
    };
    for sql in missing {
        migration.execute_batch(sql)?;
    }
    migration.pragma_update(None, "user_version", MIGRATIONS.len())?;
    migration.commit()?;
    Ok(None)
}

#[cfg(test)]
pub fn in_memory() -> Connection {
    let mut db = Connection::open_in_memory().unwrap();
    assert_eq!(prepare(&mut db).unwrap(), None);
    db
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_file_is_refused_and_left_alone() {
        let mut db = in_memory();
        db.pragma_update(None, "user_version", 99).unwrap();
        assert_eq!(prepare(&mut db).unwrap(), Some(99));
        let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, 99);
    }

    #[test]
    fn a_file_of_the_first_version_keeps_what_it_knows() {
        let mut db = Connection::open_in_memory().unwrap();
        db.execute_batch(MIGRATIONS[0]).unwrap();
        db.execute_batch(
            "PRAGMA user_version = 1; INSERT INTO sites (id, name) VALUES (1, 's');
             INSERT INTO orders (site, id, number, revision, state, packed, parcels, terms, updated)
                 VALUES (1, 'o', 'O', 2, 'packed', 1, 1, '{}', 't');
             INSERT INTO lines (site, order_id, line, position, sku, name, wanted, picked) VALUES (1, 'o', '1', 0, 'A', 'a', 3, 1);
             INSERT INTO parcels (site, order_id, n, number, sscc, state, contents, updated)
                 VALUES (1, 'o', 1, 'O', '123', 'sealed', '[]', 't');
             INSERT INTO stock (site, sku, on_hand, reserved, available) VALUES (1, 'A', 5, 0, 5);
             INSERT INTO commands (site, command, kind, payload, created, status)
                 VALUES (1, 'c1', 'order.put', '{}', 't', 'accepted'), (1, 'c2', 'order.put', '{}', 't', NULL);",
        )
        .unwrap();
        assert_eq!(prepare(&mut db).unwrap(), None);
        let text = |sql: &str| db.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(text("SELECT state || ' ' || parcels || ' ' || held FROM orders"), "packed 1 0");
        assert_eq!(text("SELECT sscc || ' ' || state || ' ' || label_revision FROM parcels"), "123 sealed 0");
        assert_eq!(text("SELECT sku || ' ' || on_hand || ' ' || reserved FROM shelf"), "A 5 2");
        assert_eq!(text("SELECT group_concat(payload, ';') FROM commands"), ";{}");
    }

    #[test]
    fn opening_twice_migrates_once() {
        let mut db = in_memory();
        assert_eq!(prepare(&mut db).unwrap(), None);
    }
}
