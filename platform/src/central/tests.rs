mod asked;
mod instances;
mod letters;

use super::*;
use crate::store::testing::{empty, texts};
use jiff::Timestamp;
use serde_json::{Value, json};

/// A platform with one site that speaks, and a clock that stands still unless told.
struct World {
    central: Central,
    now: Now,
    epoch: u128,
    sequence: i64,
    /// What events say of their epoch's head, and that they are of before; none: they are new.
    head: Option<i64>,
}

impl World {
    fn new() -> Self {
        Self::on(empty())
    }

    fn on(db: Db) -> Self {
        let now = Now { ms: 0, at: "2026-11-22T14:00:00Z".parse().unwrap() };
        let central = Central::new(db, Topics::new("r"), now).unwrap();
        Self { central, now, epoch: 1, sequence: 0, head: None }
    }

    fn message(&mut self, topic: &str, payload: &str) {
        self.central.take(&[(topic, payload.as_bytes())], self.now).unwrap();
    }

    /// The site's next event.
    fn event(&mut self, kind: &str, data: Value) {
        self.about(None, kind, data);
    }

    /// The same about an order, as its subject says.
    fn event_of(&mut self, order: &str, kind: &str, data: Value) {
        self.about(Some(format!("orders/{order}")), kind, data);
    }

    #[expect(clippy::needless_pass_by_value, reason = "every caller writes it in place")]
    fn about(&mut self, subject: Option<String>, kind: &str, data: Value) {
        self.sequence += 1;
        let id = self.epoch << 64 | u128::from(self.sequence.unsigned_abs());
        let (group, _) = kind.split_once('.').unwrap();
        let event = json!({
            "specversion": "1.0", "id": Uuid::from_u128(id), "source": "/sites/s",
            "type": format!("parceld.{kind}.v1"), "time": "2026-11-22T14:00:00.000Z",
            "epoch": Uuid::from_u128(self.epoch), "sequence": self.sequence, "data": data, "subject": subject,
            "head": self.head.unwrap_or(self.sequence), "historical": self.head.is_some(),
        });
        // What no value can hold is written as its text.
        let text = event.to_string().replace(r#""HALF A PAIR""#, r#""\ud800""#);
        self.message(&format!("r/s/events/{group}"), &text);
    }

    fn begin_epoch(&mut self, epoch: u128) {
        (self.epoch, self.sequence) = (epoch, 0);
        self.event("site.started", json!({"cause": "old_copy", "follows": null, "version": "1", "boot": "b"}));
    }

    #[expect(clippy::needless_pass_by_value, reason = "every caller writes it in place")]
    fn ask(&mut self, request: Request) -> Result<Vec<Uuid>, Refusal> {
        self.central.ask("s", &request, self.now)
    }

    /// What is published now: commands as (type, data), receipts as (`receipt`, payload).
    fn published(&mut self) -> Vec<(String, Value)> {
        let out = self.central.due(self.now, 1_000).unwrap();
        let read = |out: Outgoing| {
            let payload: Value = serde_json::from_str(&out.payload).unwrap();
            match out.retain {
                true => ("receipt".to_owned(), payload),
                false => (payload["type"].as_str().unwrap().to_owned(), payload["data"].clone()),
            }
        };
        out.into_iter().map(read).collect()
    }

    fn commands(&mut self) -> Vec<(String, Value)> {
        self.published().into_iter().filter(|(kind, _)| kind != "receipt").collect()
    }

    fn receipts(&mut self) -> Vec<(Value, Value)> {
        let receipts = self.published().into_iter().filter(|(kind, _)| kind == "receipt");
        receipts.map(|(_, receipt)| (receipt["epoch"].clone(), receipt["sequence"].clone())).collect()
    }

    fn wait(&mut self, ms: u64) {
        self.now.ms += ms;
    }

    /// Rows as text, columns separated by spaces.
    fn rows(&self, sql: &str) -> Vec<String> {
        texts(&self.central.db, sql)
    }
}

fn order(id: &str) -> Value {
    json!({
        "id": id, "delivery": "carrier", "carrier": "postnord", "extra": {"kept": true},
        "lines": [
            {"line": "1", "sku": "A", "name": "Apple", "quantity": 2},
            {"line": "2", "sku": "B", "name": "Pear", "quantity": 1},
        ],
    })
}

fn named(id: &str) -> Value {
    json!({"id": id, "number": id, "revision": 1})
}

fn terms(id: &str) -> Value {
    let mut terms = order(id);
    (terms["number"], terms["revision"]) = (id.into(), 1.into());
    terms
}

/// One order from its put to the door, without its last event.
fn pack(world: &mut World, id: &str, sscc: &str) {
    world.event("order.accepted", terms(id));
    world.event("pack.started", json!({"order": named(id), "units": 3}));
    for (line, sku, n) in [("1", "A", 1), ("1", "A", 2), ("2", "B", 1)] {
        let stock = json!({"on_hand": 10 - n, "reserved": 0, "available": 10 - n});
        world.event(
            "pick.item_picked",
            json!({"order": named(id), "line": line, "sku": sku, "name": "x", "code": "c", "method": "scan",
                   "picked": n, "wanted": 2, "stock": stock}),
        );
        world.event(
            "pack.item_packed",
            json!({"order": named(id), "line": line, "sku": sku, "name": "x", "parcel": 1, "packed": n, "wanted": 2}),
        );
    }
    let contents = json!([{"line": "1", "sku": "A", "name": "Apple", "quantity": 2},
                          {"line": "2", "sku": "B", "name": "Pear", "quantity": 1}]);
    world.event("pack.parcel_sealed", json!({"order": named(id), "parcel": 1, "sscc": sscc, "contents": contents}));
    world.event(
        "dispatch.requested",
        json!({"order": named(id), "key": format!("{id}/1/c/1"), "parcel": 1, "of": 1, "final": true, "sscc": sscc,
               "carrier": "postnord", "carrier_name": "PostNord", "collection": null, "time_left_s": null,
               "revision": 1}),
    );
    world.event("pack.completed", json!({"order": named(id), "parcels": 1}));
    notify(world, id, "packed", 20, None);
}

fn notify(world: &mut World, id: &str, milestone: &str, rank: u32, replaces: Option<&str>) {
    world.event(
        "notification.requested",
        json!({"key": format!("{id}/{milestone}"), "milestone": milestone, "rank": rank, "order": named(id),
               "customer": "c-1", "channels": ["email"], "items": [], "promise": {},
               "expires_at": "2026-11-23T14:00:00Z", "replaces": replaces}),
    );
}

fn load(world: &mut World, id: &str, sscc: &str) {
    world.event(
        "dispatch.parcel_loaded",
        json!({"order": named(id), "parcel": 1, "sscc": sscc, "carrier": "postnord", "manifest": "m1", "loaded": 1}),
    );
}

const SSCC: &str = "373500538500000012";

#[test]
fn an_order_goes_from_its_put_to_the_door() {
    let mut world = World::new();
    let orders = "SELECT id || ' ' || state || ' ' || CASE WHEN parcels IS NULL THEN 0 ELSE 1 END FROM orders";
    let parcels = "SELECT order_id || '/' || n || ' ' || state FROM parcels ORDER BY order_id";
    let dispatches = "SELECT key || ' ' || state FROM dispatches ORDER BY key";
    let notifications = "SELECT key || ' ' || state FROM notifications ORDER BY requested, rank";
    world.begin_epoch(1);
    world.ask(Request::Put(vec![order("10")])).unwrap();
    assert_eq!(world.rows(orders), ["10 put 0"]);
    pack(&mut world, "10", SSCC);
    assert_eq!(world.rows(orders), ["10 packed 1"]);
    assert_eq!(
        world.rows("SELECT line || ' ' || picked || ' ' || packed FROM lines ORDER BY position"),
        ["1 2 2", "2 1 1"]
    );
    assert_eq!(world.rows("SELECT sku || ' ' || on_hand FROM stock ORDER BY sku"), ["A 8", "B 9"]);
    assert_eq!(world.rows(dispatches), ["10/1/c/1 open"]);
    assert_eq!(world.rows(notifications), ["10/packed to_send"]);
    load(&mut world, "10", SSCC);
    assert_eq!(world.rows(parcels), ["10/1 loaded"]);
    world.event(
        "dispatch.handed_over",
        json!({"order": named("10"), "parcel": 1, "of": 1, "sscc": SSCC, "carrier": "postnord", "manifest": "m1",
               "key": "10/1/c/1"}),
    );
    assert_eq!(world.rows(orders), ["10 partly_dispatched 1"]);
    notify(&mut world, "10", "handed_over", 40, Some("10/packed"));
    world.event("order.completed", json!({"order": named("10"), "parcels": 1}));
    assert_eq!(world.rows(orders), ["10 completed 1"]);
    assert_eq!(world.rows(parcels), ["10/1 handed_over"]);
    assert_eq!(world.rows(dispatches), ["10/1/c/1 fulfilled"]);
    assert_eq!(world.rows(notifications), ["10/packed replaced", "10/handed_over to_send"]);
    assert!(world.rows("SELECT reason FROM quarantine").is_empty());
}

#[test]
fn a_cancelled_order_withdraws_what_is_not_on_a_manifest() {
    let mut world = World::new();
    let parcels = "SELECT order_id || ' ' || state FROM parcels ORDER BY order_id";
    world.begin_epoch(1);
    pack(&mut world, "10", SSCC);
    pack(&mut world, "11", "373500538500000029");
    load(&mut world, "11", "373500538500000029");
    for id in ["10", "11"] {
        world.event(
            "dispatch.withdrawn",
            json!({"order": named(id), "key": format!("{id}/1/c/1"), "parcel": 1, "sscc": SSCC, "reason": "cancelled"}),
        );
        world.event(
            "order.cancelled",
            json!({"order": named(id), "reason": "customer", "notify": true, "partial": false, "picked": []}),
        );
    }
    assert_eq!(world.rows(parcels), ["10 withdrawn", "11 loaded"]);
    world.event(
        "dispatch.parcel_unloaded",
        json!({"order": named("11"), "parcel": 1, "sscc": SSCC, "carrier": "postnord", "manifest": "m1", "loaded": 0}),
    );
    assert_eq!(world.rows(parcels), ["10 withdrawn", "11 withdrawn"]);
    assert_eq!(world.rows("SELECT state FROM dispatches"), ["withdrawn", "withdrawn"]);
    assert_eq!(world.rows("SELECT state FROM orders"), ["cancelled", "cancelled"]);
}

#[test]
fn an_sscc_of_two_parcels_is_a_conflict() {
    let mut world = World::new();
    world.begin_epoch(1);
    pack(&mut world, "10", SSCC);
    pack(&mut world, "11", SSCC);
    let conflicts = world.rows("SELECT kind || ': ' || detail FROM conflicts");
    assert_eq!(conflicts.len(), 1);
    assert!(conflicts[0].contains("sscc_twice"), "{conflicts:?}");
    assert!(conflicts[0].ends_with("belongs to s, order 10, parcel 1"), "{conflicts:?}");
}

#[test]
fn data_that_cannot_be_read_never_stops_the_sequence() {
    let mut world = World::new();
    world.begin_epoch(1);
    world.event("pack.completed", json!({"order": "10"}));
    world.event("unheard.of", json!([1, 2]));
    pack(&mut world, "10", SSCC);
    world.message("r/s/events/pack", "{");
    world.message("r/s/elsewhere", "{}");
    world.message("r/s/events/pack", &"x".repeat(200_000));
    assert_eq!(world.rows("SELECT state FROM orders"), ["packed"]);
    let reasons = world.rows("SELECT reason FROM quarantine ORDER BY id");
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    world.wait(1_000);
    assert_eq!(world.receipts(), [(json!(Uuid::from_u128(1)), json!(world.sequence))]);
}

#[test]
fn data_that_nobody_can_show_holds_up_no_reply_and_no_event() {
    let mut world = World::new();
    world.begin_epoch(1);
    world.ask(Request::Put(vec![order("10")])).unwrap();
    let asked = world.central.due(world.now, 10).unwrap();
    let asked = asked.iter().find(|out| out.payload.contains("order.put")).unwrap();
    let command: Value = serde_json::from_str(&asked.payload).unwrap();
    world.event_of("10", "order.accepted", terms("10"));
    world.event_of("10", "order.note", json!({"text": "HALF A PAIR"}));
    world.event("site.scan_refused", json!({"order": "10", "code": "HALF A PAIR"}));
    assert_eq!(world.rows("SELECT count(*) || '' FROM events WHERE payload LIKE '%ud800%'"), ["2"]);
    let reply = json!({
        "specversion": "1.0", "id": Uuid::from_u128(1), "source": "/sites/s", "type": "parceld.command.reply.v1",
        "time": "2026-11-22T14:00:00Z",
        "data": {"command": command["id"], "type": command["type"], "status": "rejected", "reason": "finished"},
    });
    world.message("r/s/replies", &reply.to_string());
    world.event("stock.adjusted", json!({"sku": "C", "delta": 1, "on_hand": 5, "reserved": 0, "available": 5}));
    assert_eq!(world.rows("SELECT sku FROM stock WHERE sku = 'C'"), ["C"]);
    assert_eq!(world.rows("SELECT status FROM commands"), ["rejected"]);
    let told = crate::dossier::read(&world.central.db, "s", "10").unwrap().unwrap();
    assert_eq!(told.told.len(), 1, "what can be read is shown");
}

#[test]
fn what_was_held_of_an_epoch_that_has_ended_waits_for_the_newer_one() {
    let mut world = World::new();
    world.begin_epoch(1);
    world.event("order.accepted", terms("10"));
    world.head = Some(600);
    notify(&mut world, "10", "cancelled", 60, None);
    assert_eq!(world.rows("SELECT state FROM notifications"), ["held"]);
    world.head = Some(2);
    world.begin_epoch(2);
    assert_eq!(world.rows("SELECT state FROM notifications"), ["held"]);
    world.event("order.accepted", terms("10"));
    assert_eq!(world.rows("SELECT state FROM notifications"), ["to_send"]);
}

#[test]
fn an_earlier_step_is_not_told_after_a_later_one() {
    let mut world = World::new();
    world.begin_epoch(1);
    world.event("order.accepted", terms("10"));
    notify(&mut world, "10", "handed_over", 40, None);
    notify(&mut world, "10", "packed", 20, None);
    notify(&mut world, "10", "short_shipped", 15, None);
    let states = "SELECT milestone || ' ' || state FROM notifications ORDER BY rank";
    assert_eq!(world.rows(states), ["short_shipped to_send", "packed replaced", "handed_over to_send"]);
}

#[test]
fn a_newer_epoch_is_told_the_rest_where_something_is_too_large() {
    let mut world = World::new();
    world.begin_epoch(1);
    let product = |n: usize| json!({"sku": format!("S{n}"), "name": "x", "barcodes": [], "story": "x".repeat(300)});
    for from in [0, 200] {
        world.ask(Request::Catalog((from..from + 200).map(product).collect())).unwrap();
    }
    world.event("order.accepted", terms("10"));
    world.commands();
    world.begin_epoch(2);
    let told = world.commands();
    let products: usize = told.iter().filter_map(|(_, data)| data["products"].as_array()).map(Vec::len).sum();
    assert_eq!(products, 400);
    assert!(told.iter().any(|(kind, _)| kind == "parceld.order.put.v1"), "{told:?}");
}

#[test]
fn a_count_with_which_nobody_can_reckon_is_quarantined() {
    let mut world = World::new();
    world.begin_epoch(1);
    let lines = json!([{"line": "1", "sku": "TEA", "name": "Tea", "quantity": 2}]);
    world.event(
        "order.accepted",
        json!({"id": "10", "number": "10", "revision": 1, "lines": lines, "delivery": "pickup"}),
    );
    for wanted in [i64::MIN, i64::MAX, 1] {
        let order = json!({"id": "10", "number": "10", "revision": 1});
        let data = json!({
            "order": order, "line": "1", "sku": "TEA", "name": "Tea", "quantity": 1, "reason": "other", "picked": 0,
            "wanted": wanted, "stock": {"on_hand": 5, "reserved": 0, "available": 5},
        });
        world.event("pick.item_short", data);
    }
    let reasons = world.rows("SELECT reason FROM quarantine ORDER BY id");
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons.iter().all(|reason| reason.contains("no number of things")), "{reasons:?}");
    assert_eq!(world.rows("SELECT CAST(short AS TEXT) FROM lines"), ["1"]);
}

#[test]
fn what_a_database_cannot_store_never_stops_the_sequence() {
    let mut world = World::new();
    world.begin_epoch(1);
    let stock = |sku: &str| json!({"sku": sku, "delta": 1, "on_hand": 5, "reserved": 0, "available": 5});
    // Nothing that a server's index could hold, and nothing that it could make smaller.
    let key = |n: u128| Uuid::from_u128(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).simple().to_string();
    world.event("stock.adjusted", stock(&(1..300).map(key).collect::<String>()));
    world.event("stock.adjusted", stock("A\0B"));
    world.event("stock.adjusted", stock("C"));
    assert_eq!(world.rows("SELECT sku FROM stock WHERE sku = 'C'"), ["C"]);
    assert!(world.rows("SELECT reason FROM quarantine").len() <= 1);
    world.wait(1_000);
    assert_eq!(world.receipts(), [(json!(Uuid::from_u128(1)), json!(4))]);
}

#[test]
fn the_newest_promise_of_a_site_is_kept() {
    let mut world = World::new();
    let promise = "SELECT promise FROM sites";
    let state = |computed: &str, valid: &str| {
        let moment = |time: &str| format!("2026-11-22T{time}:00Z");
        json!({"state": "open", "computed_at": moment(computed), "valid_until": moment(valid), "more": 1}).to_string()
    };
    let first = state("13:59", "14:04");
    world.message("r/s/state/promise", &first);
    world.message("r/s/state/promise", &state("13:58", "14:03"));
    assert_eq!(world.rows(promise), [first], "an instance that lags changes nothing");
    world.now.at = "2026-11-22T14:05:00Z".parse().unwrap();
    let put_back = state("13:00", "13:05");
    world.message("r/s/state/promise", &put_back);
    assert_eq!(world.rows(promise), [put_back], "the site's clock was put back");
    world.message("r/s/state/promise", "");
    world.message("r/s/state/promise", "{}");
    assert_eq!(world.rows("SELECT topic FROM quarantine"), ["r/s/state/promise"]);
}

#[test]
fn a_newer_epoch_is_told_all_that_is_open() {
    let mut world = World::new();
    world.begin_epoch(1);
    let requests = [
        Request::Catalog(vec![json!({"sku": "A", "name": "Apple", "barcodes": ["1"]})]),
        Request::Put(["10", "11", "12", "13"].map(order).to_vec()),
    ];
    let sent: Vec<Uuid> = requests.into_iter().flat_map(|request| world.ask(request).unwrap()).collect();
    assert_eq!(world.commands().len(), 5);
    for id in sent {
        let reply = json!({"data": {"command": id, "command_type": "x", "status": "accepted"}});
        world.message("r/s/replies", &reply.to_string());
    }
    pack(&mut world, "10", SSCC);
    world.event("order.accepted", terms("11"));
    for id in ["12", "13"] {
        world.event("order.accepted", terms(id));
    }
    world.event(
        "order.cancelled",
        json!({"order": named("12"), "reason": "customer", "notify": true, "partial": false, "picked": []}),
    );
    world.event("order.completed", json!({"order": named("13"), "parcels": 0}));
    assert!(world.commands().is_empty());

    world.begin_epoch(2);
    let told = world.commands();
    let kinds: Vec<&str> = told.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "parceld.catalog.put.v1",
            "parceld.stock.set.v1",
            "parceld.order.put.v1",
            "parceld.order.put.v1",
            "parceld.order.cancel.v1"
        ]
    );
    let data: Vec<&Value> = told.iter().map(|(_, data)| data).collect();
    assert_eq!(data[0], &json!({"products": [{"sku": "A", "name": "Apple", "barcodes": ["1"]}]}));
    assert_eq!(
        data[1],
        &json!({"items": [{"sku": "A", "quantity": 8}, {"sku": "B", "quantity": 9}],
                "as_of": {"epoch": Uuid::from_u128(2), "sequence": 1}})
    );
    let mut put = terms("10");
    put["known"] = json!({
        "lines": [{"line": "1", "picked": 2, "packed": 2, "short": 0}, {"line": "2", "picked": 1, "packed": 1, "short": 0}],
        "parcels": [{"parcel": 1, "sscc": SSCC, "handed_over": false,
                     "contents": [{"line": "1", "quantity": 2}, {"line": "2", "quantity": 1}]}],
        "packed": true,
    });
    assert_eq!(data[2], &put);
    assert_eq!(data[3]["known"]["packed"], false);
    assert_eq!(data[4], &json!({"id": "12", "revision": 1, "reason": "rerouted", "notify": false}));

    world.event("order.updated", put);
    assert_eq!(world.rows("SELECT state FROM orders WHERE id = '10'"), ["packed"]);
    let progress = "SELECT line || ' ' || picked || ' ' || packed FROM lines WHERE order_id = '10' ORDER BY position";
    assert_eq!(world.rows(progress), ["1 2 2", "2 1 1"]);
}

#[test]
fn an_event_of_an_older_epoch_is_answered_under_that() {
    let mut world = World::new();
    let started = || json!({"cause": "new", "follows": null, "version": "1", "boot": "b"});
    world.event("site.started", started());
    world.event("site.stopped", json!({}));
    world.begin_epoch(2);
    world.wait(1_000);
    world.receipts();
    // A backup was put back that knows nothing of the second one: what it sends of the first came before, or is new.
    let first = json!(Uuid::from_u128(1));
    (world.epoch, world.sequence) = (1, 1);
    world.event("site.stopped", json!({}));
    world.wait(1_000);
    assert_eq!(world.receipts(), [(first.clone(), json!(2))]);
    world.event("site.stopped", json!({}));
    world.wait(1_000);
    assert_eq!(world.receipts(), [(first, json!(3))]);
}

#[test]
fn an_agent_that_comes_online_hears_receipt_and_commands_again() {
    let mut world = World::new();
    world.begin_epoch(1);
    world.ask(Request::Put(vec![order("10"), order("11")])).unwrap();
    world.wait(1_000);
    let first = world.published();
    assert_eq!(first.len(), 3);
    world.wait(1_000);
    assert!(world.published().is_empty());
    let state = |state: &str, session: u32| {
        json!({"state": state, "version": "1", "epoch": Uuid::from_u128(1), "head": 1, "session": session}).to_string()
    };
    world.message("r/s/state/agent", &state("lost", 1));
    world.wait(60_000);
    assert!(world.published().is_empty(), "nothing is repeated to an agent that is gone");
    world.message("r/s/state/agent", &state("online", 2));
    assert_eq!(world.published(), first);
    world.message("r/s/state/agent", &state("lost", 1));
    world.wait(5_000);
    assert_eq!(world.commands(), first[1..], "a late will is not believed");
}

#[test]
fn a_reply_ends_a_command_and_is_stored() {
    let mut world = World::new();
    let sent = world.ask(Request::Put(vec![order("10"), order("11")])).unwrap();
    let reply = json!({"data": {"command": sent[0], "command_type": "parceld.order.put.v1", "status": "rejected",
                                "reason": "stale", "detail": "revision 3 is stored, which is newer"}});
    world.message("r/s/replies", &reply.to_string());
    world.message("r/s/replies", &reply.to_string());
    assert_eq!(world.commands().len(), 1);
    let stored = "SELECT coalesce(status || ' ' || reason || ' ' || detail, 'waits') FROM commands ORDER BY id";
    assert_eq!(world.rows(stored), ["rejected stale revision 3 is stored, which is newer", "waits"]);
}

#[test]
fn what_is_unanswered_survives_a_restart() {
    let mut world = World::new();
    world.begin_epoch(1);
    world.ask(Request::Put(vec![order("10"), order("11")])).unwrap();
    let first = world.commands();
    let World { central, now, .. } = world;
    let mut central = Central::new(central.db, Topics::new("r"), now).unwrap();
    central.connected(now).unwrap();
    let mut world = World { central, now, epoch: 1, sequence: 1, head: None };
    assert_eq!(
        world.published().split_first().map(|(receipt, commands)| (receipt.1["sequence"].clone(), commands)),
        Some((json!(1), &first[..]))
    );
}

#[test]
fn revisions_count_up_and_a_bad_order_leaves_nothing_of_its_request() {
    let mut world = World::new();
    world.ask(Request::Put(vec![order("10"), order("10")])).unwrap();
    let revisions: Vec<Value> = world.commands().into_iter().map(|(_, data)| data["revision"].clone()).collect();
    assert_eq!(revisions, [1, 2]);
    let refusal = world.ask(Request::Put(vec![order("11"), json!({"id": "12"})])).unwrap_err();
    assert!(refusal.to_string().contains("missing field `lines`"), "{refusal}");
    assert_eq!(world.rows("SELECT id FROM orders"), ["10"]);
    assert!(world.commands().is_empty());
    let unknown = Request::Cancel { order: "77".into(), revision: None, reason: "customer".into(), notify: true };
    assert!(matches!(world.ask(unknown), Err(Refusal::UnknownOrder(_))));
}

#[test]
fn a_seed_is_planted_once() {
    let mut world = World::new();
    let text = json!({
        "catalog": {"products": [{"sku": "A", "name": "Apple"}]},
        "stock": {"items": [{"sku": "A", "quantity": 4}]},
        "orders": [order("10")],
    })
    .to_string();
    let seed = || Request::Seed(serde_json::from_str(&text).unwrap());
    assert_eq!(world.ask(seed()).unwrap().len(), 3);
    assert_eq!(world.ask(seed()).unwrap().len(), 0);
}

#[test]
fn what_failed_is_taken_when_it_comes_again() {
    let mut world = World::new();
    world.begin_epoch(1);
    world.event("site.stopped", json!({}));
    world.central.db.run("ALTER TABLE epochs RENAME TO gone", &[]).unwrap();
    let event = json!({
        "id": Uuid::from_u128(77), "source": "/sites/s", "type": "parceld.site.stopped.v1",
        "time": Timestamp::UNIX_EPOCH, "epoch": Uuid::from_u128(1), "sequence": 3, "data": {},
    })
    .to_string();
    let messages = [("r/s/events/site", event.as_bytes())];
    assert!(world.central.take(&messages, world.now).is_err());
    world.central.db.run("ALTER TABLE gone RENAME TO epochs", &[]).unwrap();
    world.wait(1_000);
    assert_eq!(world.receipts(), [(json!(Uuid::from_u128(1)), json!(2))], "nothing is said of what is not stored");
    world.central.take(&messages, world.now).unwrap();
    world.wait(1_000);
    assert_eq!(world.receipts(), [(json!(Uuid::from_u128(1)), json!(3))]);
}
