//! A new database for each test: in memory, or where `PARCELD_TEST_POSTGRES` says.

use super::{Db, Error, Place, params, sqlite};
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

const ADD: &str = "INSERT INTO sites (id, name) VALUES (?1, ?2)";
const NAMES: &str = "SELECT name FROM sites ORDER BY id";

#[test]
fn what_nobody_waits_for_is_done_in_order_and_seen_by_what_is_asked_behind_it() {
    let mut db = empty();
    let names: Vec<String> = (0..200).map(|number| format!("s{number:03}")).collect();
    let seen = db.transact(|db| {
        for (name, id) in names.iter().zip(1_i64..) {
            db.write(ADD, &params![id, name])?;
        }
        db.write("UPDATE sites SET due_ms = id WHERE id <= ?1", &params![3_i64])?;
        let [due, all] =
            db.all_rows([("SELECT due_ms FROM sites WHERE due_ms = ?1", &params![2_i64]), (NAMES, &[])])?;
        Ok::<_, Error>((due.len(), all.len()))
    });
    assert_eq!(seen.unwrap(), (1, 200));
    assert_eq!(texts(&db, NAMES), names);
}

#[test]
fn what_nobody_waits_for_fails_with_its_transaction() {
    let mut db = empty();
    let twice = db.transact(|db| {
        db.write(ADD, &params![1_i64, "a"])?;
        db.write(ADD, &params![1_i64, "b"])
    });
    let said = twice.unwrap_err().to_string().to_lowercase();
    assert!(said.contains("unique"), "the statement's own error, not that nothing more is done: {said}");
    assert_eq!(texts(&db, NAMES), [""; 0]);
    let before_another = db.transact(|db| {
        db.write(ADD, &params![1_i64, "a"])?;
        db.write(ADD, &params![1_i64, "b"])?;
        db.row(NAMES, &[], |row| row.get::<String>(0))
    });
    assert!(before_another.unwrap_err().to_string().to_lowercase().contains("unique"));
    db.transact(|db| db.write(ADD, &params![2_i64, "c"])).unwrap();
    assert_eq!(texts(&db, NAMES), ["c"], "what was given up is not sent later");
}

#[test]
fn what_is_attempted_fails_alone_although_nobody_waits_for_it() {
    let mut db = empty();
    let done = db.transact(|db| {
        db.write(ADD, &params![1_i64, "a"])?;
        let attempt = db.attempt(|| {
            db.write(ADD, &params![2_i64, "b"])?;
            db.write(ADD, &params![1_i64, "c"])
        });
        assert!(attempt.is_err());
        db.attempt(|| db.write(ADD, &params![3_i64, "d"]))
    });
    done.unwrap();
    assert_eq!(texts(&db, NAMES), ["a", "d"]);
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

#[test]
fn both_databases_have_the_same_indexes() {
    let server = Postgres::start();
    let theirs = server.database().parse::<Place>().unwrap().open().unwrap();
    let theirs = texts(&theirs, INDEXES);
    let ours = Db::Sqlite(sqlite::in_memory());
    let indexes = "SELECT name FROM sqlite_schema WHERE type = 'index' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    assert_eq!(texts(&ours, indexes), theirs);
}

/// But those of keys, which have names of the server's own.
const INDEXES: &str = "SELECT CAST(indexname AS TEXT) FROM pg_indexes
    WHERE schemaname = 'public' AND indexname NOT LIKE '%!_pkey' ESCAPE '!' AND indexname NOT LIKE '%!_key' ESCAPE '!'
    ORDER BY 1";

#[test]
fn a_server_of_the_version_before_gets_what_is_missing() {
    let server = Postgres::start();
    let place: Place = server.database().parse().unwrap();
    let before = place.open().unwrap();
    let indexes = texts(&before, INDEXES);
    for older in [
        "DROP INDEX dispatches_of_parcel",
        "DROP INDEX notifications_of_order",
        "CREATE INDEX notifications_of_order ON notifications (site, order_id)",
        "INSERT INTO notifications (site, key, milestone, rank, order_id, number, state, expires_ms, requested, data)
             VALUES (1, 'k', 'packed', 20, 'o', 'O', 'to_send', 9, 't', '{}')",
        "UPDATE parceld_version SET version = 4",
    ] {
        before.run(older, &[]).unwrap();
    }
    drop(before);
    let after = place.open().unwrap();
    assert_eq!(texts(&after, INDEXES), indexes);
    assert_eq!(count(&after, "SELECT version FROM parceld_version"), 5);
    assert_eq!(texts(&after, "SELECT key FROM notifications WHERE site = 1 AND order_id = 'o'"), ["k"]);
}

#[test]
fn sqlite_finds_what_belongs_to_an_order_by_an_index() {
    let db = Db::Sqlite(sqlite::in_memory());
    for (sql, index) in [
        (
            "SELECT key FROM notifications WHERE site = 1 AND order_id = 'o' AND state = 'held' ORDER BY requested, key",
            "notifications_of_order",
        ),
        (
            "SELECT data FROM dispatches WHERE site = 1 AND order_id = 'o' ORDER BY requested, key",
            "dispatches_of_order",
        ),
        ("SELECT id FROM returns WHERE site = 1 AND order_id = 'o' ORDER BY updated, id", "returns_of_order"),
        (
            "UPDATE dispatches SET sscc = '' WHERE site = 1 AND key IN (SELECT key FROM dispatches
                 WHERE site = 1 AND order_id = 'o' AND parcel = 3 AND state = 'open')",
            "COVERING INDEX dispatches_of_parcel (site=? AND order_id=? AND state=? AND parcel=?)",
        ),
    ] {
        let plan = db.rows(&format!("EXPLAIN QUERY PLAN {sql}"), &[], |row| row.get::<String>(3)).unwrap();
        assert!(plan.iter().any(|step| step.contains(index)), "{sql}: {plan:?}");
    }
}
