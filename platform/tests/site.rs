//! The platform's binary, mosquitto, and a site that keeps to the contract: what holds when one of them dies.

#![expect(clippy::unwrap_used, reason = "the helpers of a test")]

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{Client, Event, MqttOptions};
use serde_json::{Value, json};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[expect(clippy::disallowed_methods, reason = "a deadline against a real process")]
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "waited too long for {what}");
        sleep(LOOK_EVERY);
    }
}

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    fn start(command: &mut Command, port: u16) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let process = Self(child);
        wait_for("a listening process", || TcpStream::connect(("127.0.0.1", port)).ok());
        process
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// SIGTERM. Returns the exit code.
    fn stop(&mut self) -> Option<i32> {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        wait_for("an orderly end", || self.0.try_wait().unwrap()).code()
    }
}

/// A folder, a broker's port and a platform's port that nobody else uses.
struct Place {
    folder: PathBuf,
    broker: u16,
    web: u16,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Place {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("parceld-platform-{}", Uuid::now_v7()));
        std::fs::create_dir(&folder).unwrap();
        Self { folder, broker: free_port(), web: free_port() }
    }

    fn mosquitto(&self) -> Process {
        let config = self.folder.join("mosquitto.conf");
        let text = format!("listener {} 127.0.0.1\nallow_anonymous true\nlog_type none\n", self.broker);
        std::fs::write(&config, text).unwrap();
        let installed = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto"];
        let program = installed.into_iter().find(|path| Path::new(path).exists()).unwrap_or("mosquitto");
        Process::start(Command::new(program).arg("-c").arg(config).stderr(Stdio::null()), self.broker)
    }

    fn platform(&self) -> Process {
        self.platform_with(&[])
    }

    fn platform_with(&self, arguments: &[&str]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parceld-platform"));
        command
            .args(["--broker", &format!("mqtt://127.0.0.1:{}", self.broker)])
            .args(["--listen", &format!("127.0.0.1:{}", self.web)])
            .arg("--database")
            .arg(self.folder.join("platform.db"))
            .args(arguments)
            .env("RUST_LOG", "warn");
        Process::start(&mut command, self.web)
    }

    fn text(&self, path: &str) -> String {
        let mut answer = ureq::get(format!("http://127.0.0.1:{}{path}", self.web)).call().unwrap();
        answer.body_mut().read_to_string().unwrap()
    }

    fn get(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(&format!("/api/sites{path}"))).unwrap()
    }

    fn post(&self, path: &str, body: &Value) -> u16 {
        let request = ureq::post(format!("http://127.0.0.1:{}/api/sites{path}", self.web));
        let request = request.config().http_status_as_error(false).build();
        request.send(body.to_string()).unwrap().status().as_u16()
    }

    /// Sequences of all stored events of the newest epoch.
    fn stored(&self) -> Vec<i64> {
        let events = self.get("/s/events?limit=100000");
        events.as_array().unwrap().iter().map(|event| event["sequence"].as_i64().unwrap()).collect()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A site as the platform sees one.
struct Site {
    client: Client,
    heard: Receiver<(String, String)>,
    epoch: Uuid,
    receipt: i64,
    commands: Vec<String>,
}

impl Site {
    fn new(place: &Place, epoch: u128) -> Self {
        let mut options = MqttOptions::new("site", "127.0.0.1", place.broker);
        options.set_keep_alive(Duration::from_secs(5)).set_outgoing_inflight_upper_limit(64);
        let (client, mut connection) = Client::new(options, 1_000);
        let (tell, heard): (Sender<(String, String)>, _) = channel();
        let again = client.clone();
        thread::spawn(move || {
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        again.subscribe("parceld/v1/s/receipts", QoS::AtLeastOnce).unwrap();
                        again.subscribe("parceld/v1/s/commands", QoS::AtLeastOnce).unwrap();
                    }
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
                        let text = String::from_utf8(publish.payload.to_vec()).unwrap();
                        if tell.send((topic, text)).is_err() {
                            return;
                        }
                    }
                    Ok(_) => {}
                    Err(_) => sleep(LOOK_EVERY),
                }
            }
        });
        Self { client, heard, epoch: Uuid::from_u128(epoch), receipt: 0, commands: Vec::new() }
    }

    fn say(&self, topic: &str, retain: bool, payload: &Value) {
        let topic = format!("parceld/v1/s/{topic}");
        self.client.publish(topic, QoS::AtLeastOnce, retain, payload.to_string()).unwrap();
    }

    fn online(&self, session: u64) {
        let state = json!({"state": "online", "version": "1", "epoch": self.epoch, "head": 0, "session": session});
        self.say("state/agent", true, &state);
    }

    fn event(&self, sequence: i64, kind: &str, data: &Value) {
        let id = Uuid::from_u128(self.epoch.as_u128() << 64 | u128::from(sequence.unsigned_abs()));
        let (group, _) = kind.split_once('.').unwrap();
        let event = json!({
            "specversion": "1.0", "id": id, "source": "/sites/s", "type": format!("parceld.{kind}.v1"),
            "time": "2026-11-22T14:03:11.482Z", "epoch": self.epoch, "sequence": sequence, "head": sequence,
            "clock": "synced", "historical": false, "data": data,
            "subject": data["order"]["id"].as_str().or(data["id"].as_str()).map(|order| format!("orders/{order}")),
        });
        self.say(&format!("events/{group}"), false, &event);
    }

    fn filler(&self, sequence: i64) {
        match sequence {
            1 => self.event(1, "site.started", &json!({"cause": "new", "follows": null, "version": "1", "boot": "b"})),
            _ => self.event(
                sequence,
                "stock.adjusted",
                &json!({"sku": "A", "delta": 1, "on_hand": sequence, "reserved": 0, "available": sequence,
                        "reason": "set"}),
            ),
        }
    }

    fn listen(&mut self) {
        while let Ok((topic, text)) = self.heard.try_recv() {
            if topic.ends_with("/commands") {
                self.commands.push(text);
                continue;
            }
            let receipt: Value = serde_json::from_str(&text).unwrap();
            if receipt["epoch"] == json!(self.epoch) {
                self.receipt = receipt["sequence"].as_i64().unwrap();
            }
        }
    }

    fn wait_for_receipt(&mut self, sequence: i64) {
        wait_for(&format!("the receipt for {sequence}"), || {
            self.listen();
            (self.receipt == sequence).then_some(())
        });
    }

    fn wait_for_commands(&mut self, count: usize) -> Vec<Value> {
        wait_for(&format!("{count} commands"), || {
            self.listen();
            (count <= self.commands.len()).then_some(())
        });
        self.commands.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }

    /// Returns its place among all commands.
    fn wait_for_command(&mut self, text: &str) -> usize {
        wait_for(text, || {
            self.listen();
            self.commands.iter().position(|command| command == text)
        })
    }

    fn reply(&self, command: &Value, status: &str) {
        self.say(
            "replies",
            false,
            &json!({"specversion": "1.0", "id": "r", "source": "/sites/s", "type": format!("parceld.command.{status}.v1"),
                    "data": {"command": command["id"], "command_type": command["type"], "status": status}}),
        );
    }
}

fn order(id: &str) -> Value {
    json!({"id": id, "number": format!("<b>{id}</b>"), "delivery": "carrier", "carrier": "postnord",
           "lines": [{"line": "1", "sku": "A", "name": "Apple", "quantity": 2}]})
}

#[test]
fn gaps_are_told_at_once_and_closed() {
    let place = Place::new();
    let (_broker, mut platform) = (place.mosquitto(), place.platform());
    let mut site = Site::new(&place, 1);
    site.online(1);
    wait_for("the platform's subscription", || (place.get("")[0]["agent"]["state"] == "online").then_some(()));
    site.filler(3);
    wait_for("a gap", || (place.get("")[0]["gaps"] == 1).then_some(()));
    site.filler(1);
    site.wait_for_receipt(1);
    site.filler(2);
    site.wait_for_receipt(3);
    site.filler(2);
    wait_for("a duplicate", || (place.get("/s")["duplicates"] == 1).then_some(()));
    let told = place.get("/s");
    assert_eq!((&told["sequence"], &told["gaps"], &told["agent"]["state"]), (&json!(3), &json!(0), &json!("online")));
    assert_eq!(place.stored(), [1, 2, 3]);
    assert_eq!(platform.stop(), Some(0));
}

#[test]
fn nothing_is_lost_when_platform_or_broker_are_killed() {
    const EVENTS: i64 = 6_000;
    const AHEAD: i64 = 300;
    let place = Place::new();
    let (mut broker, mut platform) = (Some(place.mosquitto()), Some(place.platform()));
    let mut site = Site::new(&place, 1);
    let (mut sent, mut idle, mut kills) = (0, 0, 0);
    wait_for("all events", || {
        site.listen();
        while sent < (site.receipt + AHEAD).min(EVENTS) {
            sent += 1;
            site.filler(sent);
            idle = 0;
        }
        if site.receipt < [1_000, 2_500, 4_000, i64::MAX][kills] {
            idle += 1;
        } else {
            if kills == 1 {
                broker.take().unwrap().kill();
                broker = Some(place.mosquitto());
            } else {
                platform.take().unwrap().kill();
                platform = Some(place.platform());
            }
            kills += 1;
        }
        // What a site does when receipts stand still: it goes back to the last one.
        if 50 < idle {
            (sent, idle) = (site.receipt, 0);
        }
        (site.receipt == EVENTS).then_some(())
    });
    assert_eq!(kills, 3);
    assert_eq!(place.stored(), (1..=EVENTS).collect::<Vec<_>>());
    let told = place.get("/s");
    assert_eq!((&told["conflicts"], &told["sequence"]), (&json!([]), &json!(EVENTS)));
    assert_eq!(place.get("/s/stock")[0]["on_hand"], EVENTS);
}

#[test]
fn a_command_is_repeated_until_its_reply_also_after_a_restart() {
    let place = Place::new();
    let _broker = place.mosquitto();
    let platform = place.platform();
    let mut site = Site::new(&place, 1);
    assert_eq!(place.post("/s/orders", &order("10")), 202);
    assert_eq!(place.post("/s/orders/10/cancel", &json!({"reason": "fraud", "notify": false})), 202);
    site.wait_for_commands(2);
    platform.kill();
    let _platform = place.platform();
    site.online(1);
    let commands = site.wait_for_commands(4);
    assert_eq!(site.commands[..2], site.commands[2..4], "the same bytes, in the same order");
    assert_eq!(commands[0]["data"]["revision"], 1);
    assert_eq!(commands[1]["data"], json!({"id": "10", "revision": 1, "reason": "fraud", "notify": false}));
    site.reply(&commands[0], "accepted");
    site.reply(&commands[1], "rejected");
    wait_for("both replies", || (place.get("/s")["commands"] == json!({"waiting": 0, "answered": 2})).then_some(()));
    let listed = place.get("/s/commands");
    assert_eq!((&listed[0]["status"], &listed[1]["status"]), (&json!("accepted"), &json!("rejected")));
    assert_eq!(place.post("/s/commands", &json!({"raw": 1})), 202);
    let before = site.wait_for_command(r#"{"raw":1}"#);
    site.online(2);
    wait_for("the new session", || (place.get("/s")["agent"]["session"] == 2).then_some(()));
    assert_eq!(place.post("/s/commands", &json!({"raw": 2})), 202);
    let after = site.wait_for_command(r#"{"raw":2}"#);
    assert_eq!(after, before + 1, "nothing that was answered is sent again");
}

#[test]
fn a_newer_epoch_gets_open_orders_with_what_is_known() {
    let place = Place::new();
    let seed = place.folder.join("orders.json");
    let text = json!({"stock": {"items": [{"sku": "A", "quantity": 9}]}, "orders": [order("10")]});
    std::fs::write(&seed, text.to_string()).unwrap();
    let seed = ["--site", "s", "--orders", seed.to_str().unwrap()];
    let _broker = place.mosquitto();
    let platform = place.platform_with(&seed);
    let mut site = Site::new(&place, 1);
    site.online(1);
    let commands = site.wait_for_commands(2);
    commands.iter().for_each(|command| site.reply(command, "accepted"));
    let mut terms = order("10");
    terms["revision"] = 1.into();
    let named = json!({"id": "10", "number": "<b>10</b>", "revision": 1});
    let stock = json!({"on_hand": 8, "reserved": 1, "available": 7});
    site.filler(1);
    site.event(2, "order.accepted", &terms);
    site.event(
        3,
        "pick.item_picked",
        &json!({"order": named, "line": "1", "sku": "A", "name": "Apple", "code": "1", "method": "scan", "picked": 1,
                "wanted": 2, "stock": stock}),
    );
    site.wait_for_receipt(3);
    wait_for("both replies", || (place.get("/s")["commands"]["waiting"] == 0).then_some(()));
    platform.kill();
    let _platform = place.platform_with(&seed);
    site.listen();
    let before = site.commands.len();
    (site.epoch, site.receipt) = (Uuid::from_u128(2), 0);
    site.filler(1);
    let commands = site.wait_for_commands(before + 2).split_off(before);
    assert_eq!(
        commands[0]["data"],
        json!({"items": [{"sku": "A", "quantity": 8}],
                                           "as_of": {"epoch": site.epoch, "sequence": 1}})
    );
    assert_eq!(
        commands[1]["data"]["known"],
        json!({"lines": [{"line": "1", "picked": 1, "packed": 0, "short": 0}],
                                                    "parcels": [], "packed": false})
    );
    site.wait_for_receipt(1);
    assert_eq!(place.get("/s/events?all=1").as_array().unwrap().len(), 4);
}

#[test]
fn a_checkout_hears_what_the_site_promises_while_it_can_be_relied_on() {
    let place = Place::new();
    let (_broker, _platform) = (place.mosquitto(), place.platform());
    let site = Site::new(&place, 1);
    site.online(1);
    wait_for("the site", || (place.get("")[0]["agent"]["state"] == "online").then_some(()));
    let told = || place.get("/s/promise");
    assert_eq!(told(), json!({"state": "unknown", "reason": "never_told", "same_day_until": null}));
    let promise = |until: &str| {
        json!({"state": "open", "same_day_until": "2026-11-26T15:00:00Z", "computed_at": "2020-11-26T12:00:00Z",
               "valid_until": until, "capacity_left": 31})
    };
    site.say("state/promise", true, &promise("2020-11-26T12:05:00Z"));
    wait_for("a promise that is old", || (told()["reason"] == "expired").then_some(()));
    let lasting = promise("2999-01-01T00:00:00Z");
    site.say("state/promise", true, &lasting);
    wait_for("a promise that holds", || (told() == lasting).then_some(()));
    let lost = json!({"state": "lost", "version": "1", "epoch": site.epoch, "head": 0, "session": 1});
    site.say("state/agent", true, &lost);
    wait_for("a site that is gone", || (told()["reason"] == "agent_lost").then_some(()));
}

#[test]
fn an_order_is_followed_by_its_id() {
    let place = Place::new();
    let (_broker, _platform) = (place.mosquitto(), place.platform());
    let mut site = Site::new(&place, 1);
    site.online(1);
    wait_for("the platform's subscription", || (place.get("")[0]["agent"]["state"] == "online").then_some(()));
    site.filler(1);
    let mut terms = order("10");
    terms["revision"] = 1.into();
    site.event(2, "order.accepted", &terms);
    site.filler(3);
    let named = json!({"id": "10", "number": "<b>10</b>", "revision": 1});
    site.event(4, "promise.will_miss", &json!({"order": named, "cause": "backlog", "broken": true}));
    site.wait_for_receipt(4);
    let kinds: Vec<Value> =
        place.get("/s/orders/10/events").as_array().unwrap().iter().map(|e| e["type"].clone()).collect();
    assert_eq!(kinds, ["parceld.order.accepted.v1", "parceld.promise.will_miss.v1"]);
    assert_eq!(place.get("/s/orders/11/events"), json!([]));
    let promise = &place.get("/s/orders/10")["promise"];
    assert_eq!(
        (&promise["state"], &promise["cause"], &promise["broken"]),
        (&json!("will_miss"), &json!("backlog"), &json!(true))
    );
    assert_eq!(place.get("/s/promises")[0]["order"], "10");
    assert_eq!(place.get("/s/orders?number=10"), json!([]));
    assert_eq!(place.get("/s/orders?number=%3Cb%3E10%3C/b%3E")[0]["id"], "10");
}

#[test]
fn the_page_shows_text_as_text_and_bad_requests_are_told_why() {
    let place = Place::new();
    let (_broker, _platform) = (place.mosquitto(), place.platform());
    assert_eq!(place.post("/s/orders", &json!([order("10"), order("11")])), 202);
    let page = place.text("/");
    assert!(page.contains("&#60;b&#62;10&#60;/b&#62;") || page.contains("&lt;b&gt;10&lt;/b&gt;"), "{page}");
    assert!(!page.contains("<b>10</b>"), "{page}");
    for path in ["tokens.css", "page.css", "live.js"] {
        assert!(!place.text(&format!("/assets/{path}")).is_empty(), "{path}");
    }
    let rows = [
        ("/s/orders", json!({"id": "12"}), 400),
        ("/S/orders", order("12"), 400),
        ("/s/orders/77/cancel", json!({}), 404),
        ("/s/orders/77/hold", json!({}), 404),
        ("/s/orders/10/elsewhere", json!({}), 404),
        ("/s/orders/10/parcels/1/label", json!({"tracking": "T"}), 404),
        ("/s/orders/10/hold", json!({"reason": "payment"}), 202),
        ("/s/orders/10/release", json!({}), 202),
        ("/s/orders/10/expedite", json!({"revision": 2}), 202),
        ("/s/returns", json!({"id": "r-1"}), 400),
        ("/s/returns", json!({"id": "r-1", "lines": []}), 202),
        ("/s/elsewhere", json!({}), 404),
        ("/s/resend", json!({"epoch": "x", "from": 1}), 400),
        ("/s/stock", json!({"items": [{"sku": "A", "quantity": -1}]}), 400),
    ];
    for (path, body, expected) in rows {
        assert_eq!(place.post(path, &body), expected, "{path} {body}");
    }
    let lists = [
        "orders",
        "parcels",
        "dispatches",
        "notifications",
        "returns",
        "stock",
        "refused",
        "scanners",
        "commands",
        "replies",
        "promises",
        "couriers",
        "days",
        "letters",
    ];
    for list in lists {
        assert!(place.get(&format!("/s/{list}")).is_array(), "{list}");
    }
    let orders = place.get("/s/orders");
    assert_eq!(orders.as_array().unwrap().len(), 2);
    assert_eq!(
        orders[1]["lines"][0],
        json!({"line": "1", "sku": "A", "name": "Apple", "wanted": 2, "picked": 0, "packed": 0, "short": 0})
    );
    let order = place.get("/s/orders/11");
    assert_eq!((&order["held"], &order["parcels"], &order["lines"]), (&json!(false), &json!([]), &orders[1]["lines"]));
    assert_eq!(place.get("/s/returns")[0]["state"], "put");
    let foreign = ureq::get(format!("http://127.0.0.1:{}/api/sites", place.web)).header("host", "evil.example").call();
    assert!(matches!(foreign, Err(ureq::Error::StatusCode(421))), "{foreign:?}");
}
