//! Databases of every version that there was: this build takes each over with all that is in it, wherever it is killed on
//! the way; one of a version to come it refuses, and leaves it as it is.
//!
//! `agent/tests/fixtures/schema_N.sql` was made by the program of that time, which lived a short life at a broker. For a new
//! version, with a program that was built before the next one:
//! `PARCELD=path/to/parceld cargo test -p parceld-tests --test upgrade -- --ignored make_a_fixture`

use parceld_tests::agent::{Agent, AgentSetup};
use parceld_tests::disk::SmallDisk;
use parceld_tests::goods::{catalog, gtin, order, stock};
use parceld_tests::mosquitto::Mosquitto;
use parceld_tests::mqtt_client::MqttClient;
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::site::SITE;
use parceld_tests::tempdir::TempDir;
use parceld_tests::{binaries, http, net, trace, wait};
use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Steps that were released, each with the digest of its text: files at sites were made with it, so it never changes.
const RELEASED: &[&str] = &[
    "72194e1ff32b8dcca9f5642fb88d4180b22874fd266fd3521e42ae25b094dc49",
    "b03244e233f413cf719f0de7c1c23a2b01ac23de33b793896adeae18849f79c1",
    "80331332960a22bfcd3a80c5b7242e6306ecf6af1b8456b9928e9dfce761d0e1",
    "8daf85dbf87bdac25f9403aa7853b1ee344b6b690f09197ce017225aac492bbc",
];

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../agent");

fn step(version: usize) -> PathBuf {
    Path::new(ROOT).join(format!("src/journal/schema_{version}.sql"))
}

fn fixture(version: usize) -> PathBuf {
    Path::new(ROOT).join(format!("tests/fixtures/schema_{version}.sql"))
}

/// Versions that there are.
fn versions() -> std::ops::RangeInclusive<usize> {
    1..=(1..).take_while(|version| step(*version).is_file()).count()
}

fn version_of(database: &Path) -> usize {
    let database = Connection::open(database).expect("it can be opened");
    database.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("it has a version")
}

/// A file as that version's program left it.
fn restore(version: usize, database: &Path) {
    let text = fs::read_to_string(fixture(version)).expect("the fixture is there");
    let connection = Connection::open(database).expect("a directory of our own takes a file");
    connection.execute_batch(&text).expect("the fixture is SQL");
    connection.execute_batch("PRAGMA journal_mode = WAL").expect("it can have a log");
    drop(connection);
    assert_eq!(version_of(database), version);
}

/// Each table's rows, each with its columns by name.
type Rows = BTreeMap<String, Vec<BTreeMap<String, Cell>>>;

fn rows(database: &Path) -> Rows {
    let connection = Connection::open(database).expect("it can be opened");
    let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut names = connection.prepare(names).expect("every database has a schema");
    let names: Vec<String> =
        names.query_map([], |row| row.get(0)).expect("tables").map(|name| name.expect("text")).collect();
    names.into_iter().map(|name| (name.clone(), rows_of(&connection, &name))).collect()
}

fn rows_of(connection: &Connection, table: &str) -> Vec<BTreeMap<String, Cell>> {
    let mut all = connection.prepare(&format!("SELECT * FROM {table}")).expect("the table is there");
    let columns: Vec<String> = all.column_names().map(str::to_owned).collect();
    let row = |row: &rusqlite::Row<'_>| {
        let cells = columns.iter().enumerate().map(|(index, column)| Ok((column.clone(), row.get(index)?)));
        cells.collect::<rusqlite::Result<_>>()
    };
    all.query_map([], row).expect("rows").map(|row| row.expect("a row")).collect()
}

/// Every row of before is there, with what stood in its columns; of tables in `besides` only as many.
#[track_caller]
fn assert_kept(before: &Rows, after: &Rows, besides: &[&str]) {
    for (table, rows) in before {
        let now = after.get(table).unwrap_or_else(|| panic!("{table} is gone"));
        assert!(rows.len() <= now.len(), "{table}: {} rows of {}", now.len(), rows.len());
        if besides.contains(&table.as_str()) {
            continue;
        }
        for row in rows {
            let is_it = |now: &&BTreeMap<String, Cell>| row.iter().all(|(column, cell)| now.get(column) == Some(cell));
            assert!(now.iter().any(|now| is_it(&now)), "{table}: gone or changed: {row:?}");
        }
    }
}

fn cell<'a>(rows: &'a Rows, table: &str, key: (&str, &str), column: &str) -> &'a Cell {
    let key_is = |row: &&BTreeMap<String, Cell>| row.get(key.0) == Some(&Cell::Text(key.1.to_owned()));
    let row = rows[table].iter().find(key_is).unwrap_or_else(|| panic!("{table} has no {key:?}"));
    row.get(column).unwrap_or_else(|| panic!("{table} has no {column}"))
}

fn number(cell: &Cell) -> i64 {
    match cell {
        Cell::Integer(number) => *number,
        Cell::Text(text) => text.parse().expect("a number"),
        other => panic!("{other:?} is no number"),
    }
}

/// Events in the file.
fn head(rows: &Rows) -> i64 {
    rows["events"].iter().map(|event| number(&event["place"])).max().expect("there are events")
}

fn setup(broker_url: &str, database: &Path) -> AgentSetup {
    AgentSetup::new(SITE, broker_url)
        .set("storage.path", database.display().to_string())
        .set("storage.low_space", "0MiB")
        .station("bench-1", "pack")
        .station("door-1", "load")
        .carrier("dhl")
}

/// Nobody answers there.
fn nowhere() -> String {
    format!("mqtt://127.0.0.1:{}", net::free_port())
}

#[test]
fn a_released_step_never_changes_and_has_a_fixture() {
    for version in versions() {
        let text = fs::read(step(version)).expect("the step is there");
        let digest: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
        let released = RELEASED.get(version - 1).unwrap_or_else(|| panic!("schema_{version}.sql is new: add {digest}"));
        assert_eq!(digest, *released, "schema_{version}.sql was released: add a step instead of changing it");
        assert!(fixture(version).is_file(), "no database of version {version}: see the head of this file");
    }
    assert_eq!(versions().count(), RELEASED.len(), "a released step is gone");
}

#[test]
fn every_version_is_taken_over_and_goes_on_where_it_was() {
    for version in versions() {
        let directory = TempDir::new("upgrade");
        let database = directory.join("parceld.db");
        restore(version, &database);
        let before = rows(&database);
        let (sent, received) = (cursor(&before, "sent"), cursor(&before, "received"));
        assert!(received < sent && sent <= head(&before), "version {version}: {received} {sent}");

        let broker = Mosquitto::start();
        let platform = MqttClient::connect(broker.port(), "platform");
        let receipts = format!("parceld/v1/{SITE}/receipts");
        platform.subscribe(&format!("parceld/v1/{SITE}/events/+"));
        platform.subscribe(&format!("parceld/v1/{SITE}/replies"));
        let mut scanner = VirtualScanner::new();
        let setup = setup(&broker.url(), &database).scanner("hand", "bench-1", scanner.port());
        let mut agent = setup.start();
        agent.ready();
        assert_eq!(version_of(&database), *versions().end(), "version {version}");
        wait::until("the connection", wait::GENEROUS, || (agent.status()["broker"]["state"] == "up").then_some(()));
        // Who has sent before waits for the receipt that answers it.
        let receipt = json!({ "epoch": epoch(&before), "sequence": received }).to_string();
        platform.publish_retained(&receipts, receipt.as_bytes());

        // The order that was open at the bench is open, with what had been picked.
        let answer = scanner.scan(&gtin('B'));
        assert!(answer.recorded && answer.beeps == 0, "version {version}: {answer:?}");
        let data = wait::until("the unit at the platform", wait::GENEROUS, || {
            let events = messages(&platform, "/events/");
            let is_it = |data: &Value| data["order"]["id"] == "o2" && data["line"] == "1" && data["picked"] == 3;
            events.into_iter().map(|mut event| event["data"].take()).find(is_it)
        });
        assert_eq!(data["wanted"], 3, "version {version}: {data}");
        let on_hand = number(cell(&before, "stock", ("sku", "SKU-B"), "on_hand"));
        assert_eq!(data["stock"]["on_hand"], on_hand - 1, "version {version}");

        // Sending goes on behind what was sent, and in one piece.
        let status = agent.status();
        let (epoch, last) = (status["log"]["epoch"].clone(), status["log"]["head"].as_i64().expect("a number"));
        let events = || messages(&platform, "/events/");
        wait::until("all that was not sent yet", wait::GENEROUS, || {
            events().iter().any(|event| event["sequence"] == last).then_some(())
        });
        let first = events().iter().filter_map(|event| event["sequence"].as_i64()).min();
        assert!(first.is_some_and(|first| received < first && first <= sent + 1), "version {version}: {first:?}");
        assert!(events().iter().all(|event| event["epoch"] == epoch), "version {version}: one epoch");

        // A command that was answered has no second effect.
        platform.publish_json(&format!("parceld/v1/{SITE}/commands"), &put("o1", "2xA"));
        let reply = wait::until("the reply", wait::GENEROUS, || messages(&platform, "/replies").pop());
        let known = cell(&before, "commands", ("id", &id("order.put", "o1")), "reply");
        let Cell::Text(known) = known else { panic!("{known:?}") };
        let known: Value = serde_json::from_str(known).expect("a reply is JSON");
        assert_eq!(reply["data"]["command"], known["data"]["command"], "version {version}");

        // A receipt covers old and new.
        let receipt = json!({ "epoch": epoch, "sequence": last });
        platform.publish_retained(&receipts, receipt.to_string().as_bytes());
        wait::until("the receipt to count", wait::GENEROUS, || {
            (last <= agent.status()["log"]["received"].as_i64()?).then_some(())
        });
        agent.stop();
        let after = rows(&database);
        // What scanning changes; all else of them is compared above.
        assert_kept(&before, &after, &["slate", "progress", "stock", "promises", "pace", "duties"]);
    }
}

/// The epoch of a file that has only one, as the contract says it.
fn epoch(rows: &Rows) -> String {
    let [epoch] = &rows["epochs"][..] else { panic!("{:?}", rows["epochs"]) };
    let Cell::Blob(id) = &epoch["id"] else { panic!("{epoch:?}") };
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn cursor(rows: &Rows, name: &str) -> i64 {
    number(cell(rows, "slate", ("name", name), "value"))
}

fn messages(client: &MqttClient, topic: &str) -> Vec<Value> {
    client
        .messages()
        .into_iter()
        .filter(|message| message.topic.contains(topic))
        .map(|message| message.json())
        .collect()
}

#[track_caller]
fn event(client: &MqttClient, kind: &str) -> Value {
    wait::until(kind, wait::GENEROUS, || messages(client, "/events/").into_iter().find(|event| event["type"] == kind))
}

/// Killed at each call that changes the file or its log, from the first one to the one behind the migration.
#[test]
fn a_migration_that_is_killed_anywhere_is_completed_by_the_next_start() {
    let oldest = *versions().start();
    let directory = TempDir::new("upgrade-killed");
    let (mut old, mut new) = (0, 0);
    for nth in 1.. {
        let database = directory.join(format!("{nth}.db"));
        restore(oldest, &database);
        let before = rows(&database);
        let beside = |suffix: &str| PathBuf::from(format!("{}{suffix}", database.display()));
        let (log, journal) = (beside("-wal"), beside("-journal"));
        let words = trace::killer(nth, &[&database, &log, &journal], &directory.join(format!("{nth}.trace")));
        let Some(words) = words else { return };
        let mut agent = setup(&nowhere(), &database).through(words).start();
        let was_killed = wait::until("the kill, or a start", wait::GENEROUS, || match agent.ended() {
            Some(_) => Some(true),
            None => {
                http::get(&format!("{}/readyz", agent.url())).is_ok_and(|reply| reply.status == 200).then_some(false)
            }
        });
        agent.kill9();
        assert!(was_killed, "call {nth} came behind the migration, and nothing was seen of it: {old} {new}");

        let copy = directory.join("copy.db");
        for (from, to) in [(&database, copy.clone()), (&log, PathBuf::from(format!("{}-wal", copy.display())))] {
            let _ = fs::remove_file(&to);
            if from.is_file() {
                fs::copy(from, &to).expect("a directory of our own takes a copy");
            }
        }
        let found = version_of(&copy);
        assert!(found == oldest || found == *versions().end(), "call {nth}: version {found}, between two");
        *(if found == oldest { &mut old } else { &mut new }) += 1;

        agent.change(|setup| setup.through(Vec::new()));
        agent.restart();
        agent.ready();
        agent.stop();
        assert_eq!(version_of(&database), *versions().end(), "call {nth}");
        assert_kept(&before, &rows(&database), &["slate", "promises", "pace", "duties"]);
        fs::remove_file(&database).expect("it is there");
        if 3 <= new {
            break;
        }
    }
    eprintln!("killed {old} times before the migration was there, {new} times behind it");
    assert!(10 <= old, "the migration was seen: {old}");
}

/// Between the new program's installation and its first start.
#[test]
fn commands_say_that_a_file_is_brought_over_when_the_agent_starts() {
    let directory = TempDir::new("upgrade-waiting");
    let (config, database) = (directory.join("parceld.toml"), directory.join("parceld.db"));
    let oldest = *versions().start();
    restore(oldest, &database);
    fs::write(&config, setup(&nowhere(), &database).text()).expect("a directory of our own takes a file");
    for verb in ["status", "events", "doctor"] {
        let mut command = Command::new(binaries::workspace("parceld"));
        let output = command.arg(verb).env("PARCELD_CONFIG", &config).output().expect("the program runs");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(&format!("of schema {oldest}, and this parceld reads")), "{verb}: {said}");
    }
    assert_eq!(version_of(&database), oldest);
}

#[test]
fn a_file_of_a_version_to_come_is_refused_and_left_as_it_is() {
    let newest = *versions().end();
    for has_log in [false, true] {
        let directory = TempDir::new("upgrade-refused");
        let database = directory.join("parceld.db");
        restore(newest, &database);
        let connection = Connection::open(&database).expect("it can be opened");
        connection.execute_batch(&format!("PRAGMA user_version = {}", newest + 1)).expect("it can be changed");
        let log = directory.join("parceld.db-wal");
        let texts = || (fs::read(&database).expect("it is there"), fs::read(&log).unwrap_or_default());
        if has_log {
            // As after a crash: what was written last lies in the log alone.
            let texts = texts();
            assert!(!texts.1.is_empty());
            drop(connection);
            fs::write(&database, texts.0).expect("ours");
            fs::write(&log, texts.1).expect("ours");
        } else {
            drop(connection);
        }
        let before = texts();
        let mut agent = setup(&nowhere(), &database).start();
        let ended = wait::until("the refusal", wait::GENEROUS, || agent.ended());
        assert_eq!(ended.code(), Some(2));
        let said = agent.log();
        for part in [
            format!("schema {}, this one knows {newest}", newest + 1),
            "install that version again, or restore a backup".to_owned(),
            database.display().to_string(),
        ] {
            assert!(said.contains(&part), "{part:?} is not in {said}");
        }
        for verb in [&["status"][..], &["events"], &["doctor"]] {
            let output = agent.command(verb).output().expect("the program runs");
            assert!(!output.status.success(), "{verb:?}");
        }
        assert!(texts() == before, "it was changed; its log: {has_log}");
    }
}

#[test]
fn a_migration_without_room_says_so_and_leaves_the_file_as_it_was() {
    let oldest = *versions().start();
    let Some(disk) = SmallDisk::mount(2) else { return };
    let database = disk.path().join("parceld.db");
    restore(oldest, &database);
    let before = rows(&database);
    disk.fill();
    let mut agent = setup(&nowhere(), &database).start();
    let ended = wait::until("the end", wait::GENEROUS, || agent.ended());
    assert_eq!(ended.code(), Some(2));
    let said = agent.log();
    assert!(said.contains(&database.display().to_string()) && said.contains("room on its disk"), "{said}");
    disk.free();
    assert_eq!(version_of(&database), oldest);
    assert_kept(&before, &rows(&database), &[]);
    agent.restart();
    agent.ready();
    agent.stop();
    assert_eq!(version_of(&database), *versions().end());
    assert_kept(&before, &rows(&database), &["slate", "promises", "pace", "duties"]);
}

/// A command with an id of its own for each thing, always the same.
fn command(kind: &str, about: &str, data: &Value) -> Value {
    json!({
        "specversion": "1.0", "id": id(kind, about), "source": "/platform", "type": format!("parceld.{kind}.v1"), "data": data,
    })
}

fn id(kind: &str, about: &str) -> String {
    format!("{kind}-{about}")
}

fn put(order_id: &str, words: &str) -> Value {
    let mut data = order(order_id, "dhl", words);
    data["revision"] = 1.into();
    command("order.put", order_id, &data)
}

/// Lives a short life with the program of that time, and writes what it left.
#[test]
#[ignore = "makes a fixture, with a program that PARCELD names"]
fn make_a_fixture() {
    let program = std::env::var("PARCELD").expect("PARCELD names a program");
    let directory = TempDir::new("fixture");
    let database = directory.join("parceld.db");
    let broker = Mosquitto::start();
    let platform = MqttClient::connect(broker.port(), "platform");
    platform.subscribe(&format!("parceld/v1/{SITE}/#"));
    let script = format!("shift; exec {program} \"$@\"");
    let runner = ["sh", "-c", &script, "parceld"].map(str::to_owned).to_vec();
    // What the first version didn't know would be an error.
    let setup = AgentSetup::new(SITE, &broker.url())
        .set("storage.path", database.display().to_string())
        .station("bench-1", "pack")
        .station("door-1", "load")
        .carrier("dhl")
        .through(runner);
    let mut agent: Agent = setup.start();
    event(&platform, "parceld.site.started.v1");

    let commands = format!("parceld/v1/{SITE}/commands");
    let cancel = |order: &str| {
        command("order.cancel", order, &json!({ "id": order, "revision": 2, "reason": "customer", "notify": true }))
    };
    let announced = json!({
        "id": "R1", "order": { "id": "o1", "number": "O1", "revision": 1 },
        "lines": [{ "sku": "SKU-A", "name": "Product A", "quantity": 1, "barcodes": [gtin('A')] }],
    });
    let mut with_serial = put("o5", "1xC");
    with_serial["data"]["lines"][0]["capture"] = json!({ "serial": true });
    let all = [
        command("catalog.put", "all", &catalog("ABC")),
        command("stock.set", "all", &stock("ABC", 100)),
        put("o1", "2xA"),
        put("o2", "3xB 1xC"),
        put("o3", "5xA"),
        put("o4", "1xC"),
        with_serial,
        cancel("o4"),
        // Before its put: it must not be revived by one.
        cancel("o9"),
        command("return.put", "R1", &announced),
    ];
    for command in &all {
        platform.publish_json(&commands, command);
    }
    platform.publish(&commands, b"{ this is no command");
    wait::until("replies to all", wait::GENEROUS, || {
        (all.len() <= messages(&platform, "/replies").len()).then_some(())
    });
    let scan = |station: &str, code: &str| {
        let output = Command::new(&program)
            .args(["scan", "--station", station, code])
            .env("PARCELD_CONFIG", agent.config())
            .output();
        println!("{code}: {}", String::from_utf8_lossy(&output.expect("the program runs").stdout).trim());
    };
    for code in ["O1", &gtin('A'), &gtin('A')] {
        scan("bench-1", code);
    }
    let label = json!({ "order": "o1", "parcel": 1, "tracking": "TN-1", "revision": 1 });
    platform.publish_json(&commands, &command("parcel.label", "o1", &label));
    wait::until("the label's reply", wait::GENEROUS, || {
        (all.len() < messages(&platform, "/replies").len()).then_some(())
    });
    // A version that knows no serials takes the third code for one that it doesn't know.
    for code in ["O5", &gtin('C'), "SN-1", "O2", &gtin('B'), "no such thing", &gtin('B')] {
        scan("bench-1", code);
    }
    let seen = || messages(&platform, "/events/");
    wait::until("both units", wait::GENEROUS, || {
        seen().iter().any(|event| event["data"]["order"]["id"] == "o2" && event["data"]["picked"] == 2).then_some(())
    });
    let last = seen().last().cloned().expect("there are events");
    let receipt = json!({ "epoch": last["epoch"], "sequence": last["sequence"].as_u64().expect("a number") - 4 });
    platform.publish_retained(&format!("parceld/v1/{SITE}/receipts"), receipt.to_string().as_bytes());
    wait::until("the receipt to count", wait::GENEROUS, || {
        let output = Command::new(&program).args(["status", "--json"]).env("PARCELD_CONFIG", agent.config()).output();
        let status: Value = serde_json::from_slice(&output.expect("the program runs").stdout).ok()?;
        (status["log"]["received"] == receipt["sequence"]).then_some(())
    });
    agent.stop();

    let version = version_of(&database);
    let dump = Command::new(binaries::system("sqlite3", "sqlite3")).arg(&database).arg(".dump").output();
    let dump = String::from_utf8(dump.expect("sqlite3 runs").stdout).expect("SQL is text");
    let text = format!("PRAGMA auto_vacuum = INCREMENTAL;\n{dump}PRAGMA user_version = {version};\n");
    fs::create_dir_all(fixture(version).parent().expect("it has a folder")).expect("the folder can be made");
    fs::write(fixture(version), text).expect("the fixture can be written");
    println!("{}", fixture(version).display());
}
