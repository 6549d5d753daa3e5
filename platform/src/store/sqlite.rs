//! The platform in one file: opening, migrating, refusing.
//!
//! A commit returns when the disk has it, and what is deleted is overwritten. One connection writes; readers can't.

use super::{Error, OpenError, Row, VERSION, Value};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql, Transaction, TransactionBehavior};
use std::path::Path;
use std::time::Duration;

const MIGRATIONS: [&str; VERSION] = [
    include_str!("../schema/sqlite/1.sql"),
    include_str!("../schema/sqlite/2.sql"),
    include_str!("../schema/sqlite/3.sql"),
    include_str!("../schema/sqlite/4.sql"),
    include_str!("../schema/sqlite/5.sql"),
];

/// More than the platform's own statements, so that each is prepared once.
const STATEMENTS_CACHED: usize = 192;
const BUSY_MAX: Duration = Duration::from_secs(5);

/// Opens the file for its only writer, new or brought up to date.
pub fn open(path: &Path) -> Result<Connection, OpenError> {
    let mut db = Connection::open(path).map_err(|error| OpenError::storage(path.display(), error))?;
    match prepare(&mut db) {
        Ok(None) => Ok(db),
        Ok(Some(found)) => Err(OpenError::newer(path.display(), found)),
        Err(error) => Err(OpenError::storage(path.display(), error)),
    }
}

/// Opens the file for reading only.
pub fn read(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(BUSY_MAX)?;
    db.pragma_update(None, "query_only", true)?;
    Ok(db)
}

/// `Some(version)` if the file is too new.
pub fn prepare(db: &mut Connection) -> rusqlite::Result<Option<usize>> {
    db.busy_timeout(BUSY_MAX)?;
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

pub fn run(db: &Connection, sql: &str, values: &[Value<'_>]) -> Result<u64, Error> {
    let mut statement = db.prepare_cached(lockless(sql))?;
    let changed = statement.execute(rusqlite::params_from_iter(values))?;
    Ok(changed as u64)
}

pub fn query(
    db: &Connection,
    sql: &str,
    values: &[Value<'_>],
    each: &mut dyn FnMut(Row) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut statement = db.prepare_cached(lockless(sql))?;
    let columns = statement.column_count();
    let mut rows = statement.query(rusqlite::params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        let cells: Result<Vec<_>, _> = (0..columns).map(|column| row.get_ref(column).map(cell)).collect();
        each(Row(cells?))?;
    }
    Ok(())
}

/// There is one writer, so nothing need be locked beside it. The clause ends its statement.
fn lockless(sql: &str) -> &str {
    sql.rfind("FOR UPDATE").map_or(sql, |at| &sql[..at])
}

fn cell(value: ValueRef<'_>) -> Value<'static> {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        // The schema has no column for such numbers.
        ValueRef::Real(number) => Value::Text(number.to_string().into()),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned().into()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_owned().into()),
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
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
             INSERT INTO epochs (id, site, epoch, applied, began) VALUES (7, 1, zeroblob(16), 1, 1);
             INSERT INTO events (epoch, sequence, site, id, payload)
                 VALUES (7, 1, 1, zeroblob(16), '{\"subject\": \"orders/o\", \"data\": {}}');
             INSERT INTO notifications (site, key, milestone, rank, order_id, number, state, expires_ms, requested, data)
                 VALUES (1, 'k', 'packed', 20, 'o', 'O', 'to_send', 9, 't', '{\"channels\": [\"sms\"]}'),
                     (1, 'l', 'packed', 20, 'o', 'O', 'replaced', 9, 't', '{\"channels\": [\"sms\"]}');
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
        assert_eq!(text("SELECT subject || ' ' || sequence FROM events WHERE site = 1"), "orders/o 1");
        assert_eq!(text("SELECT due_ms || ' ' || name FROM sites"), "0 s", "what is unanswered is due");
        assert_eq!(text("SELECT key || ' ' || channel || ' ' || state FROM letters"), "k sms to_send");
    }

    #[test]
    fn opening_twice_migrates_once() {
        let mut db = in_memory();
        assert_eq!(prepare(&mut db).unwrap(), None);
    }
}
