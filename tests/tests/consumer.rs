//! A consumer that was written from the documents alone has every event once and in order, whatever happens to it.

use parceld_tests::agent::{Agent, AgentSetup};
use parceld_tests::goods::{gtin, order};
use parceld_tests::mosquitto::{Mosquitto, Options};
use parceld_tests::mqtt_client::{Message, MqttClient};
use parceld_tests::process::Process;
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::site::{PATIENCE, SITE};
use parceld_tests::tempdir::TempDir;
use parceld_tests::{validators, wait};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/consumer/consumer.py");

const EPOCH: &str = "01935d00-0000-7000-8000-000000000001";
const NEXT_EPOCH: &str = "01935d00-0000-7000-8000-000000000002";

/// The program, its database and what it says to `site`, seen by somebody else.
struct Consumer {
    process: Process,
    port: u16,
    dir: TempDir,
    listener: MqttClient,
}

impl Consumer {
    fn start(port: u16) -> Consumer {
        let dir = TempDir::new("consumer");
        let listener = MqttClient::connect(port, "listener");
        listener.subscribe(&format!("parceld/v1/{SITE}/receipts"));
        Consumer { process: run(port, &dir), port, dir, listener }
    }

    fn kill9(&mut self) {
        self.process.kill9();
    }

    fn restart(&mut self) {
        self.process = run(self.port, &self.dir);
    }

    /// Every event that it has stored, in the order in which it did.
    fn stored(&self) -> Vec<Value> {
        let file = self.dir.join("consumer.db");
        let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database");
        let mut rows = database.prepare("SELECT message FROM event ORDER BY rowid").expect("its table");
        let messages = rows.query_map([], |row| row.get::<_, String>(0)).expect("its rows");
        messages.map(|message| serde_json::from_str(&message.expect("a text")).expect("an event")).collect()
    }

    /// How often it has said so much of an epoch.
    fn receipts(&self, epoch: &str, sequence: u64) -> usize {
        let receipt = json!({ "epoch": epoch, "sequence": sequence });
        self.listener.messages().iter().filter(|message| message.json() == receipt).count()
    }

    /// Waits until it has said so much of an epoch so often.
    #[track_caller]
    fn until_receipt(&self, epoch: &str, sequence: u64, times: usize) {
        let what = format!("receipt {sequence} of {epoch}, {times} times: {}", self.process.log());
        wait::until(&what, PATIENCE, || (times <= self.receipts(epoch, sequence)).then_some(()));
    }
}

fn run(port: u16, dir: &TempDir) -> Process {
    let mut python = validators::debian_python("paho.mqtt.client", "python3-paho-mqtt");
    python.arg(PROGRAM).arg(port.to_string()).arg(dir.join("consumer.db"));
    Process::spawn("consumer", &mut python, &dir.join("log"))
}

fn event(id: u64, epoch: &str, sequence: u64) -> Value {
    json!({
        "specversion": "1.0", "id": format!("01935d00-0000-7000-9000-{id:012}"), "source": format!("/sites/{SITE}"),
        "type": "parceld.site.stopped.v1", "epoch": epoch, "sequence": sequence, "data": {},
    })
}

#[test]
fn gaps_duplicates_and_new_epochs_are_told_apart() {
    let broker = Mosquitto::start();
    let mut consumer = Consumer::start(broker.port());
    let site = MqttClient::connect(broker.port(), "site");
    let tell = |event: &Value| site.publish_json(&format!("parceld/v1/{SITE}/events/site"), event);
    let online = json!({ "state": "online", "epoch": EPOCH });
    site.publish_retained(&format!("parceld/v1/{SITE}/state/agent"), online.to_string().as_bytes());
    consumer.until_receipt(EPOCH, 0, 1);
    for unreadable in [&b"{"[..], b"[]", b"{\"epoch\":\"e\"}", b"{\"epoch\":1,\"id\":2,\"sequence\":1e400}", &[0xff]] {
        site.publish(&format!("parceld/v1/{SITE}/events/site"), unreadable);
    }

    tell(&event(1, EPOCH, 1));
    consumer.until_receipt(EPOCH, 1, 1);
    tell(&event(3, EPOCH, 3));
    consumer.until_receipt(EPOCH, 1, 2);
    tell(&event(4, EPOCH, 4));
    consumer.until_receipt(EPOCH, 1, 3);
    tell(&event(2, EPOCH, 2));
    consumer.until_receipt(EPOCH, 4, 1);
    tell(&event(2, EPOCH, 2));
    consumer.until_receipt(EPOCH, 4, 2);

    tell(&event(6, EPOCH, 6));
    consumer.until_receipt(EPOCH, 4, 3);
    consumer.kill9();
    tell(&event(5, EPOCH, 5));
    consumer.restart();
    consumer.until_receipt(EPOCH, 6, 1);

    for sequence in 7..=206 {
        tell(&event(sequence, EPOCH, sequence));
    }
    consumer.until_receipt(EPOCH, 206, 1);
    tell(&event(207, NEXT_EPOCH, 1));
    tell(&event(206, NEXT_EPOCH, 2));
    tell(&event(208, NEXT_EPOCH, 3));
    consumer.until_receipt(NEXT_EPOCH, 3, 1);

    let ids: Vec<Value> = consumer.stored().iter().map(|event| event["id"].clone()).collect();
    let expected: Vec<Value> = (1..=208).map(|id| event(id, EPOCH, id)["id"].clone()).collect();
    assert_eq!(ids, expected);

    let told = |what: &str| consumer.process.log().lines().filter(|line| line.starts_with(what)).count();
    tell(&event(999, EPOCH, 7));
    wait::until("a conflict to be told", PATIENCE, || (told("two events in one place") == 1).then_some(()));
    tell(&event(208, NEXT_EPOCH, 4));
    consumer.until_receipt(NEXT_EPOCH, 4, 1);
    assert_eq!(told("one event in two places"), 1);
    assert_eq!(consumer.stored().len(), 208);

    tell(&event(210, NEXT_EPOCH, 6));
    tell(&event(998, NEXT_EPOCH, 6));
    tell(&event(209, NEXT_EPOCH, 5));
    consumer.until_receipt(NEXT_EPOCH, 6, 1);
    assert_eq!(told("two events in one place"), 2);
    let last: Vec<Value> = consumer.stored().split_off(208).iter().map(|event| event["id"].clone()).collect();
    assert_eq!(last, [event(209, EPOCH, 0)["id"].clone(), event(210, EPOCH, 0)["id"].clone()]);
}

/// A site without any other platform.
struct Alone {
    broker: Mosquitto,
    agent: Agent,
    scanner: VirtualScanner,
    consumer: Consumer,
    shop: MqttClient,
}

impl Alone {
    fn start() -> Alone {
        let broker = Mosquitto::with(Options { max_queued_messages: Some(0), ..Options::default() });
        let consumer = Consumer::start(broker.port());
        let scanner = VirtualScanner::new();
        let mut agent = AgentSetup::new(SITE, &broker.url())
            .station("bench", "pack")
            .scanner("scanner", "bench", scanner.port())
            .carrier("dhl")
            .set("sync.receipt_timeout", "2s")
            .start();
        agent.ready();
        let shop = MqttClient::connect(broker.port(), "shop");
        shop.subscribe(&format!("parceld/v1/{SITE}/replies"));
        Alone { broker, agent, scanner, consumer, shop }
    }

    /// Has the site carry out a command.
    #[track_caller]
    fn command(&self, id: &str, kind: &str, data: &Value) {
        let command = json!({
            "specversion": "1.0", "id": id, "source": "/shop", "type": format!("parceld.{kind}.v1"), "data": data,
        });
        self.shop.publish_json(&format!("parceld/v1/{SITE}/commands"), &command);
        wait::until(&format!("a reply to {kind}"), PATIENCE, || {
            let replies = self.shop.messages();
            let reply = replies.iter().map(Message::json).find(|reply| reply["data"]["command"] == id)?;
            assert_eq!(reply["data"]["status"], "accepted", "{reply}");
            Some(())
        });
    }

    fn scan(&mut self, code: &str, times: usize) {
        for _ in 0..times {
            assert!(self.scanner.scan(code).recorded);
        }
    }

    /// A cursor of the site's log, and its head.
    fn log(&self, cursor: &str) -> (Value, Value) {
        let log = &self.agent.status()["log"];
        (log[cursor].clone(), log["head"].clone())
    }

    #[track_caller]
    fn until_at_head(&self, cursor: &str) {
        wait::until(&format!("{cursor} at the head"), PATIENCE, || {
            let (at, head) = self.log(cursor);
            (at == head).then_some(())
        });
    }

    /// What the site itself has recorded.
    fn recorded(&self) -> Vec<Value> {
        let output = self.agent.command(&["events", "--json", "--since", "0"]).output().expect("the program runs");
        let text = String::from_utf8(output.stdout).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
    }
}

#[test]
fn the_consumer_has_what_the_site_recorded() {
    let mut alone = Alone::start();
    let mut terms = order("o1", "dhl", "400xA");
    terms["revision"] = 1.into();
    alone.command("put", "order.put", &terms);
    alone.scan("O1", 1);
    alone.scan(&gtin('A'), 30);
    alone.until_at_head("received");

    // Its session waits at the broker, and goes with it.
    alone.consumer.kill9();
    alone.scan(&gtin('A'), 30);
    alone.until_at_head("sent");
    let (received, head) = alone.log("received");
    assert_ne!(received, head, "nobody has stored the last ones");
    alone.broker.kill9();
    alone.broker.restart();
    alone.scan(&gtin('A'), 30);
    alone.consumer.restart();
    alone.until_at_head("received");

    let epoch = alone.agent.status()["log"]["epoch"].clone();
    alone.command("again", "events.resend", &json!({ "epoch": epoch, "from": 1 }));
    alone.scan(&gtin('A'), 30);
    alone.consumer.kill9();
    alone.scan("no-such-code", 30);
    alone.consumer.restart();
    alone.until_at_head("received");

    let (stored, recorded) = (alone.consumer.stored(), alone.recorded());
    assert_eq!(stored.len(), recorded.len());
    for (stored, recorded) in stored.iter().zip(&recorded) {
        for field in ["id", "type", "epoch", "sequence", "time", "subject", "data"] {
            assert_eq!(stored[field], recorded[field], "{field} of {recorded}");
        }
    }
}
