//! Whatever is wrong with what comes in, it is refused or put aside with its reason, and the next is served.

use parceld_tests::goods::{catalog, order};
use parceld_tests::mqtt_client::MqttClient;
use parceld_tests::site::{Broker, PATIENCE, SITE, Site, assert_gapless};
use parceld_tests::tempdir::TempDir;
use parceld_tests::{binaries, wait};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

// Configuration

/// The configuration's exit code for "could not start".
const FAILED: i32 = 2;

fn good(database: &Path) -> String {
    format!(
        "[site]
id = \"sthlm-03\"
timezone = \"Europe/Stockholm\"
gs1_company_prefix = \"7312345\"

[broker]
url = \"mqtt://127.0.0.1:1\"

[[station]]
id = \"bench-1\"

[storage]
path = {database:?}
"
    )
}

#[test]
fn a_bad_configuration_is_explained_before_anything_is_touched() {
    let dir = TempDir::new("config");
    let (file, database) = (dir.join("parceld.toml"), dir.join("parceld.db"));
    for (from, to, place, advice) in [
        ("[site]", "[site", "1:6", "= write [name], or [[name]] for a list"),
        ("timezone =", "time_zone =", "3:1", "= did you mean `timezone`?"),
        ("\"7312345\"", "7312345", "4:22", "= write it like this: gs1_company_prefix = \"7312345\""),
        ("[[station]]", "[station]", "9:1", "= write it as [[station]], in double brackets"),
        ("\"mqtt://127.0.0.1:1\"", "\"http://127.0.0.1:1\"", "7:7", "= write"),
    ] {
        fs::write(&file, good(&database).replacen(from, to, 1)).expect("a directory of our own takes a file");
        for said in refusals(&file) {
            assert!(said.starts_with(&format!("{}:{place}: ", file.display())), "{to}: {said}");
            assert!(said.contains(advice), "{to}: {said}");
        }
    }
    fs::remove_file(&file).expect("it was written");
    for said in refusals(&file) {
        assert!(said.starts_with(&format!("{}: there is no such file", file.display())), "{said}");
        assert!(said.contains("= write one") && said.contains("[site]\n"), "{said}");
    }
    assert!(!database.exists());
    fs::write(&file, good(&database)).expect("a directory of our own takes a file");
    assert!(parceld(&["check-config"], &file).status.success());
    assert!(!database.exists());
}

/// What `check-config` and `run` say about a file that both refuse.
fn refusals(file: &Path) -> [String; 2] {
    [&["check-config"][..], &["run", "--config"]].map(|arguments| {
        let Output { status, stdout, stderr } = parceld(arguments, file);
        let said = String::from_utf8(stderr).expect("a message is text");
        assert_eq!(status.code(), Some(FAILED), "{arguments:?}: {said}");
        assert!(stdout.is_empty(), "{arguments:?}");
        said
    })
}

fn parceld(arguments: &[&str], file: &Path) -> Output {
    let mut command = Command::new(binaries::workspace("parceld"));
    command.args(arguments).arg(file).output().expect("the agent's program runs")
}

// Commands

/// What becomes of a command.
enum Outcome {
    /// A reply with this status, and this reason unless it is empty.
    Reply(&'static str, &'static str),
    /// No reply, since whose it would be can't be read: put aside with this reason.
    PutAside(&'static str),
    /// It never reaches the agent.
    Dropped,
}

use Outcome::{Dropped, PutAside, Reply};

/// A name that must not be found anywhere afterwards.
const CANARY: &str = "Astrid-Canary-Andersson";

fn command(id: &str, kind: &str, data: &Value) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "/platform", "type": format!("parceld.{kind}.v1"),
        "time": "2026-11-22T14:03:11.482Z", "datacontenttype": "application/json", "data": data,
    })
}

fn put(id: &str, order_id: &str, revision: u32) -> Value {
    let mut order = order(order_id, "dhl", "1xA");
    order["revision"] = revision.into();
    command(id, "order.put", &order)
}

fn cancel(id: &str, order: &str, revision: u32) -> Value {
    command(id, "order.cancel", &json!({ "id": order, "revision": revision, "reason": "customer" }))
}

fn with(mut command: Value, pointer: &str, field: &str, value: impl Into<Value>) -> Value {
    command.pointer_mut(pointer).expect("the command has it")[field] = value.into();
    command
}

fn commands() -> Vec<(&'static str, Vec<u8>, Outcome)> {
    let text = |value: Value| value.to_string().into_bytes();
    let padded = |bytes: usize| text(with(put("padded", "padded", 1), "/data", "padding", "x".repeat(bytes)));
    let mut cut = text(put("cut", "cut", 1));
    cut.truncate(100);
    vec![
        ("cut", cut, PutAside("unreadable")),
        ("", b"\xff\xfe\0\x01 no text".to_vec(), PutAside("unreadable")),
        ("", b"[]".to_vec(), PutAside("unreadable")),
        ("", text(with(put("no-id", "o", 1), "", "id", Value::Null)), PutAside("unreadable")),
        ("", "[".repeat(50_000).into_bytes(), PutAside("unreadable")),
        ("padded", padded(200 * 1024), PutAside("too_large")),
        ("padded", padded(300 * 1024), Dropped),
        ("other", text(command("other", "order.juggle", &json!({}))), Reply("rejected", "unknown_command")),
        ("version", text(with(put("version", "o", 1), "", "specversion", "2.0")), Reply("rejected", "unreadable")),
        ("no-lines", text(with(put("no-lines", "o", 1), "/data", "lines", json!([]))), Reply("rejected", "unreadable")),
        ("minus", text(with(put("minus", "o", 1), "/data/lines/0", "quantity", -1)), Reply("rejected", "unreadable")),
        (
            "person",
            text(with(put("person", "o", 1), "/data", "customer_name", CANARY)),
            Reply("rejected", "personal_data"),
        ),
        ("late", text(with(put("late", "o", 1), "", "expirytime", "2026-01-01T00:00:00Z")), Reply("expired", "")),
        ("fifth", text(put("fifth", "changed", 5)), Reply("accepted", "")),
        ("fourth", text(put("fourth", "changed", 4)), Reply("rejected", "stale")),
        ("fifth-again", text(put("fifth-again", "changed", 5)), Reply("duplicate", "duplicate")),
        ("early-cancel", text(cancel("early-cancel", "cancelled", 3)), Reply("accepted", "")),
        ("late-put", text(put("late-put", "cancelled", 3)), Reply("rejected", "cancelled")),
        ("newer-put", text(put("newer-put", "cancelled", 4)), Reply("accepted", "")),
    ]
}

#[test]
fn a_bad_command_is_refused_or_put_aside_and_the_next_is_served() {
    let mut site = Site::start(Broker::mosquitto());
    let platform = MqttClient::connect(site.broker.port(), "another-platform");
    platform.subscribe(&format!("parceld/v1/{SITE}/replies"));
    let topic = format!("parceld/v1/{SITE}/commands");
    let replies_to = |id: &str| -> Vec<Value> {
        let replies = platform.messages().into_iter().map(|message| message.json());
        replies.filter(|reply| reply["data"]["command"] == id).collect()
    };

    let mut put_aside = Vec::new();
    for (number, (id, payload, outcome)) in commands().into_iter().enumerate() {
        let next = format!("good-{number}");
        platform.publish(&topic, &payload);
        platform.publish_json(&topic, &command(&next, "catalog.put", &catalog("A")));
        let served =
            wait::until(&format!("a reply to the command after {id:?}"), wait::GENEROUS, || replies_to(&next).pop());
        assert_eq!(served["data"]["status"], "accepted");
        let replies = replies_to(id);
        match outcome {
            Reply(status, reason) => {
                assert_eq!(replies.len(), 1, "{id}");
                let said = &replies[0]["data"];
                assert_eq!(
                    (&said["status"], said["reason"].as_str().unwrap_or_default()),
                    (&status.into(), reason),
                    "{id}"
                );
                let is_unusable = ["unknown_command", "unreadable", "personal_data"].contains(&reason);
                put_aside.extend(is_unusable.then_some(reason));
            }
            PutAside(reason) => {
                assert!(replies.is_empty(), "{id}: {replies:?}");
                put_aside.push(reason);
            }
            Dropped => assert!(replies.is_empty(), "{id}: {replies:?}"),
        }
    }

    let repeated = put("repeated", "once", 1);
    (0..3).for_each(|_| platform.publish_json(&topic, &repeated));
    let replies = wait::until("a reply to each repetition", wait::GENEROUS, || {
        Some(replies_to("repeated")).filter(|replies| 3 <= replies.len())
    });
    assert!(replies.iter().all(|reply| *reply == replies[0]), "{replies:?}");

    assert!(site.agent.ended().is_none());
    assert_eq!(site.scan(0, "ONCE").beeps, 0, "the order that was put thrice can be opened");
    assert_eq!(quarantine(&site), put_aside);
    assert_no_trace_of_a_person(&site);
    site.until_synced();
    let events = site.events();
    assert_gapless(&events);
    let accepted = events.iter().filter(|event| event["type"] == "parceld.order.accepted.v1");
    let accepted: Vec<&str> = accepted.filter_map(|event| event["data"]["id"].as_str()).collect();
    assert_eq!(accepted, ["changed", "cancelled", "once"]);
}

/// The reasons of all that was put aside, in its order.
fn quarantine(site: &Site) -> Vec<String> {
    let file = Connection::open_with_flags(site.agent.database(), OpenFlags::SQLITE_OPEN_READ_WRITE);
    let file = file.expect("the file opens");
    let mut rows = file.prepare("SELECT reason FROM quarantine ORDER BY key").expect("the file is whole");
    let reasons = rows.query_map([], |row| row.get(0)).expect("the file is whole");
    reasons.collect::<Result<_, _>>().expect("the file is whole")
}

fn assert_no_trace_of_a_person(site: &Site) {
    let directory = site.agent.database().parent().expect("a file lies in a directory").to_owned();
    for entry in fs::read_dir(directory).expect("the directory stays") {
        let path = entry.expect("the directory stays").path();
        // A socket is none.
        let Ok(bytes) = fs::read(&path) else { continue };
        assert!(!bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes()), "{}", path.display());
    }
}

// Scanners

/// Bytes that no barcode has, as a wrong baud rate, a broken cable and a lost terminator give them.
fn garbage() -> [(&'static str, Vec<u8>); 5] {
    [
        ("NULs", [vec![0; 500], b"\r".to_vec()].concat()),
        ("0xFF", [vec![0xff; 500], b"\r".to_vec()].concat()),
        ("a line that never ends", vec![b'7'; 100_000]),
        ("a line of NULs that never ends", vec![0; 10_000]),
        ("noise", [noise(4_000), b"\r".to_vec()].concat()),
    ]
}

/// Every byte but those that begin or end a code, in an order that is the same each time.
fn noise(count: usize) -> Vec<u8> {
    let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let bytes = std::iter::successors(Some(7), next).map(|state| state.to_be_bytes()[0]);
    bytes.filter(|byte| !b"\x02\x03\t\n\r".contains(byte)).take(count).collect()
}

#[test]
fn garbage_from_a_scanner_is_counted_and_the_next_code_is_answered() {
    let mut site = Site::start(Broker::mosquitto());
    let mut garbage_bytes = 0;
    for (what, bytes) in garbage() {
        garbage_bytes += bytes.iter().filter(|byte| **byte != b'\r').count();
        site.scanners[0].line().write(&bytes);
        wait::until(&format!("all of it to be counted: {what}"), PATIENCE, || {
            (garbage_bytes <= unreadable_bytes(&site)).then_some(())
        });
        assert_eq!(site.scanners[0].drain(), b"", "{what} is not answered");
        assert_eq!(site.scan(0, &format!("after {what}")).beeps, 2, "{what}");
    }
    assert_eq!(unreadable_bytes(&site), garbage_bytes);
    let status = site.agent.status();
    let scanner = &status["scanners"][0];
    assert_eq!(scanner["reads"], garbage().len());
    assert!(Some(garbage().len() as u64) <= scanner["unreadable"].as_u64(), "{scanner}");

    site.until_synced();
    let events = site.events();
    assert_gapless(&events);
    let refused = events.iter().filter(|event| event["type"] == "parceld.site.scan_refused.v1");
    let codes: Vec<&str> = refused.filter_map(|event| event["data"]["code"].as_str()).collect();
    assert_eq!(codes, garbage().map(|(what, _)| format!("after {what}")));
}

/// The agent's log has a line for each run of unreadable bytes: `… unreadable … (500 bytes)`.
fn unreadable_bytes(site: &Site) -> usize {
    let log = site.agent.log();
    let lines = log.lines().filter(|line| line.contains("unreadable"));
    let bytes = lines.filter_map(|line| line.rsplit_once('(')?.1.strip_suffix(" bytes)")?.parse::<usize>().ok());
    bytes.sum()
}
