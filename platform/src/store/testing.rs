//! A new database for each test: in memory, or where `PARCELD_TEST_POSTGRES` says.

use super::{Db, Place, sqlite};
use parceld_tests::postgres::Postgres;
use std::process::Command;
use uuid::Uuid;

pub const VARIABLE: &str = "PARCELD_TEST_POSTGRES";

/// An empty one.
pub fn empty() -> Db {
    let Ok(url) = std::env::var(VARIABLE) else { return Db::Sqlite(sqlite::in_memory()) };
    let Place::Server { config, .. } = url.parse().unwrap() else { panic!("{VARIABLE}={url}: no server") };
    let schema = format!("test_{}", Uuid::now_v7().simple());
    let place = Place::Server { config, schema: Some(schema.clone()) };
    let Db::Postgres(server) = place.read().unwrap() else { unreachable!() };
    server.batch(&format!("CREATE SCHEMA {schema}")).unwrap();
    place.open().unwrap()
}

/// Rows of text.
#[track_caller]
pub fn texts(db: &Db, sql: &str) -> Vec<String> {
    db.rows(sql, &[], |row| row.get(0)).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

#[track_caller]
pub fn count(db: &Db, sql: &str) -> i64 {
    db.row(sql, &[], |row| row.get(0)).unwrap_or_else(|error| panic!("{sql}: {error}")).unwrap()
}

/// Plays all tests that use an [`empty`] database once more, on a server.
#[test]
fn the_same_tests_pass_on_postgresql() {
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let server = Postgres::start();
    let tests = std::env::current_exe().unwrap();
    let again = Command::new(tests).env(VARIABLE, server.database()).args(["--skip", "sqlite"]).output().unwrap();
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && said.contains("test central::tests::"), "{said}");
}

#[test]
fn both_databases_have_the_same_tables() {
    let server = Postgres::start();
    let Db::Postgres(theirs) = server.database().parse::<Place>().unwrap().open().unwrap() else { unreachable!() };
    let theirs = Db::Postgres(theirs);
    let columns = "SELECT CAST(table_name || '.' || column_name AS TEXT) FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name <> 'parceld_version'";
    let mut theirs = texts(&theirs, columns);
    theirs.sort();
    let ours = Db::Sqlite(sqlite::in_memory());
    let columns = "SELECT sqlite_schema.name || '.' || columns.name
        FROM sqlite_schema JOIN pragma_table_info(sqlite_schema.name) AS columns
        WHERE sqlite_schema.type IN ('table', 'view') AND sqlite_schema.name NOT LIKE 'sqlite_%'";
    let mut ours = texts(&ours, columns);
    ours.sort();
    assert_eq!(ours, theirs);
}
