//! Every type of event, as scripts: what a site says, and how its order looks afterwards.

use super::*;
use crate::post;
use crate::store::Row;
use crate::store::testing::{empty, texts};
use serde_json::{Value, json};
use uuid::Uuid;

/// Products are letters: the line, the SKU and the name of `A` are `A`. `A2` are two units of it.
struct Play {
    db: Db,
    sequence: i64,
    now: Now,
}

impl Play {
    fn new() -> Self {
        let db = empty();
        db.run("INSERT INTO sites (id, name) VALUES (1, 's')", &[]).unwrap();
        Self { db, sequence: 0, now: Now { ms: 0, at: "2026-11-22T14:00:00Z".parse().unwrap() } }
    }

    fn apply(&mut self, kind: &str, data: &Value) {
        self.apply_late(kind, data, 0);
    }

    /// Sent late, when the log's head was `head`; 0 means in time.
    fn apply_late(&mut self, kind: &str, data: &Value, head: i64) {
        self.sequence += 1;
        let text = json!({
            "id": Uuid::from_u128(1), "source": "/sites/s", "type": format!("parceld.{kind}.v1"),
            "time": "2026-11-22T14:00:00Z", "epoch": Uuid::from_u128(1), "sequence": self.sequence, "data": data,
            "head": head, "historical": 0 < head,
        })
        .to_string();
        let event = Envelope::read(&text).unwrap();
        let about = About { site: 1, epoch: event.epoch, sequence: self.sequence, id: event.id };
        apply(&self.db, &event, 1, about, self.now).unwrap_or_else(|error| panic!("{kind} {data}: {error}"));
    }

    /// Each line: an event in words, and after an arrow how its order looks then.
    #[track_caller]
    fn play(&mut self, script: &str) -> &mut Self {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (event, expected) = line.split_once(" → ").map_or((line, None), |(event, e)| (event, Some(e.trim())));
            let mut words = event.split_whitespace();
            let kind = words.next().unwrap();
            let (id, data) = data(kind, words);
            self.apply(kind, &data);
            if let Some(expected) = expected {
                assert_eq!(self.order(&id), expected, "{line}");
            }
        }
        self
    }

    fn order(&self, id: &str) -> String {
        let order = rows::read(&self.db, 1, id).unwrap().unwrap();
        let mut text = order.state.word().to_owned();
        for (flag, word) in [(order.held, " held"), (order.expedited, " first")] {
            text.push_str(if flag { word } else { "" });
        }
        for line in &order.lines {
            text.push_str(&format!(" {} {}/{}/{}", line.line, line.picked, line.packed, line.short));
        }
        for parcel in &order.parcels {
            text.push_str(&format!(
                " | {} {}{}",
                parcel.n,
                parcel.state.word(),
                if parcel.void { " void" } else { "" }
            ));
            let said = [&parcel.sscc, &parcel.tracking, &parcel.manifest, &parcel.place, &parcel.label];
            said.into_iter().flatten().for_each(|word| text.push_str(&format!(" {word}")));
            text.push_str(&units(&parcel.contents));
        }
        if !order.put_back.is_empty() {
            text.push_str(&format!(" | back{}", units(&order.put_back)));
        }
        text
    }

    #[track_caller]
    fn says(&self, sql: &str, expected: &[&str]) -> &Self {
        assert_eq!(texts(&self.db, sql), expected, "{sql}");
        self
    }

    #[track_caller]
    fn has_stock(&self, expected: &[&str]) -> &Self {
        self.says("SELECT sku || ' ' || on_hand || ' ' || reserved FROM shelf WHERE site = 1 ORDER BY sku", expected)
    }

    #[track_caller]
    fn has_dispatches(&self, expected: &[&str]) -> &Self {
        self.says("SELECT key || ' ' || sscc || ' ' || state FROM dispatches ORDER BY key", expected)
    }

    /// Id, state, whether it was announced, how much was found, how much is outstanding, and its order.
    #[track_caller]
    fn has_returns(&self, expected: &[&str]) -> &Self {
        let returns =
            "SELECT id, state, authorized, found, outstanding, coalesce(order_id, '-') FROM returns ORDER BY id";
        let length = |row: &Row, column| serde_json::from_str::<Vec<Value>>(row.text(column).unwrap()).unwrap().len();
        let found = self.db.rows(returns, &[], |row| {
            let (id, state, order) = (row.text(0)?, row.text(1)?, row.text(5)?);
            let authorized: i64 = row.get(2)?;
            Ok(format!("{id} {state} {authorized} {} {} {order}", length(row, 3), length(row, 4)))
        });
        assert_eq!(found.unwrap(), expected);
        self
    }

    #[track_caller]
    fn has_conflicts(&self, expected: &[&str]) -> &Self {
        self.says("SELECT detail FROM conflicts ORDER BY id", expected)
    }
}

fn units(units: &[picture::Units]) -> String {
    units.iter().map(|units| format!(" {}{}", units.line, units.quantity)).collect()
}

/// An event's data from words: a product, or `field=value`. `lines`, `contents`, `picked`, `known` are units.
fn data<'a>(kind: &str, words: impl Iterator<Item = &'a str>) -> (String, Value) {
    let mut id = "1".to_owned();
    let mut data = json!({});
    for word in words {
        let Some((field, value)) = word.split_once('=') else {
            (data["line"], data["sku"], data["name"]) = (word.into(), word.into(), word.into());
            continue;
        };
        let number = value.parse::<i64>().ok();
        match field {
            "order" => value.clone_into(&mut id),
            "lines" | "contents" => data[field] = many(value),
            "picked" if number.is_none() => data[field] = many(value),
            "known" => data["known"] = known(value),
            "on_hand" => data["stock"] = json!({ "on_hand": number, "reserved": 0, "available": number }),
            "put_back" => data[field] = (value == "true").into(),
            _ => data[field] = number.map_or_else(|| value.into(), Into::into),
        }
    }
    match kind {
        "order.accepted" | "order.updated" => {
            (data["id"], data["number"], data["delivery"]) = (id.as_str().into(), id.as_str().into(), "pickup".into());
            data["revision"] = data.get("revision").cloned().unwrap_or(1.into());
        }
        _ => {
            let revision = data.get("order_revision").cloned().unwrap_or(1.into());
            data["order"] = json!({ "id": id, "number": id, "revision": revision });
        }
    }
    (id, data)
}

fn many(text: &str) -> Value {
    let one = |word: &str| {
        let (letter, quantity) = word.split_at(1);
        json!({ "line": letter, "sku": letter, "name": letter, "quantity": quantity.parse::<i64>().unwrap() })
    };
    text.split(',').filter(|word| !word.is_empty()).map(one).collect()
}

/// `A2/1/0;S1:A2;packed`: lines with picked, packed and short; closed parcels from 1; whether all of it is packed.
fn known(text: &str) -> Value {
    let mut known = json!({ "lines": [], "parcels": [], "packed": false });
    for word in text.split(';') {
        if word == "packed" {
            known["packed"] = true.into();
        } else if let Some((sscc, contents)) = word.split_once(':') {
            let parcels = known["parcels"].as_array_mut().unwrap();
            let n = parcels.len() + 1;
            parcels.push(json!({ "parcel": n, "sscc": sscc, "handed_over": false, "contents": many(contents) }));
        } else {
            let counts: Vec<i64> = word[1..].split('/').map(|count| count.parse().unwrap()).collect();
            known["lines"]
                .as_array_mut()
                .unwrap()
                .push(json!({ "line": &word[..1], "picked": counts[0], "packed": counts[1], "short": counts[2] }));
        }
    }
    known
}

#[track_caller]
fn check(script: &str) -> Play {
    let mut play = Play::new();
    play.play(script);
    play
}

/// An order in two steps, as far as its only parcel.
const PACKED: &str = "
    order.accepted lines=A2,B1 → accepted A 0/0/0 B 0/0/0
    pick.started units=3 tote=t1 → picking A 0/0/0 B 0/0/0
    pick.item_picked A picked=1 wanted=2 on_hand=9 → picking A 1/0/0 B 0/0/0
    pick.item_picked A picked=2 wanted=2 on_hand=8 → picking A 2/0/0 B 0/0/0
    pick.item_picked B picked=1 wanted=1 on_hand=4 → picking A 2/0/0 B 1/0/0
    pick.completed picked=3 wanted=3 → picked A 2/0/0 B 1/0/0
    pack.started units=3 → packing A 2/0/0 B 1/0/0
    pack.item_packed A parcel=1 packed=1 wanted=2 → packing A 2/1/0 B 1/0/0 | 1 open A1
    pack.item_packed B parcel=1 packed=1 wanted=1 → packing A 2/1/0 B 1/1/0 | 1 open A1 B1
    pack.item_packed A parcel=1 packed=2 wanted=2 → packing A 2/2/0 B 1/1/0 | 1 open A2 B1
    pack.parcel_sealed parcel=1 sscc=S1 contents=A2,B1 weight_g=700 → packing A 2/2/0 B 1/1/0 | 1 sealed S1 A2 B1
    pack.completed parcels=1 → packed A 2/2/0 B 1/1/0 | 1 sealed S1 A2 B1
    dispatch.requested key=K1 parcel=1 sscc=S1";

#[test]
fn an_order_is_picked_packed_loaded_and_handed_over() {
    let mut play = check(PACKED);
    play.has_stock(&["A 8 0", "B 4 0"]).has_dispatches(&["K1 S1 open"]);
    play.play(
        "pack.parcel_labelled parcel=1 of=1 sscc=S1 → packed A 2/2/0 B 1/1/0 | 1 labelled S1 A2 B1
         dispatch.parcel_loaded parcel=1 sscc=S1 carrier=dhl manifest=M1 loaded=1 \
             → packed A 2/2/0 B 1/1/0 | 1 loaded S1 M1 A2 B1
         dispatch.parcel_unloaded parcel=1 sscc=S1 carrier=dhl manifest=M1 loaded=0 \
             → packed A 2/2/0 B 1/1/0 | 1 labelled S1 A2 B1
         dispatch.parcel_loaded parcel=1 sscc=S1 carrier=dhl manifest=M2 loaded=1 \
             → packed A 2/2/0 B 1/1/0 | 1 loaded S1 M2 A2 B1
         dispatch.handed_over parcel=1 of=1 sscc=S1 carrier=dhl tracking=T1 manifest=M2 key=K1 \
             → partly_dispatched A 2/2/0 B 1/1/0 | 1 handed_over S1 T1 M2 A2 B1
         order.completed parcels=1 → completed A 2/2/0 B 1/1/0 | 1 handed_over S1 T1 M2 A2 B1",
    );
    play.has_dispatches(&["K1 S1 fulfilled"]).has_conflicts(&[]);
}

#[test]
fn what_is_reserved_follows_from_the_orders() {
    let mut play = check("order.accepted lines=A3");
    play.apply("stock.adjusted", &json!({"sku": "A", "delta": 10, "on_hand": 10, "reserved": 0, "available": 10}));
    play.has_stock(&["A 10 3"]);
    play.play("order.accepted order=2 lines=A1,B2");
    play.has_stock(&["A 10 4", "B 0 2"]);
    play.play("pick.item_picked A picked=1 wanted=3 on_hand=9").has_stock(&["A 9 3", "B 0 2"]);
    play.play("pick.item_short A quantity=1 picked=1 wanted=2 on_hand=1 delta=-8").has_stock(&["A 1 2", "B 0 2"]);
    play.play("order.cancelled order=2 picked=,").has_stock(&["A 1 1"]);
    play.apply("stock.counted", &json!({"sku": "A", "name": "A", "counted": 5, "delta": 4, "on_hand": 5}));
    play.has_stock(&["A 5 1"]);
    play.apply("stock.low", &json!({"sku": "A", "name": "A", "on_hand": 5, "threshold": 9}));
    play.has_stock(&["A 5 1"]);
}

#[test]
fn holds_releases_and_haste_are_told_apart_from_the_state() {
    check(
        "order.accepted lines=A1 → accepted A 0/0/0
         pack.started units=1 → packing A 0/0/0
         order.held reason=payment order_revision=4 → packing held A 0/0/0
         order.expedited order_revision=5 → packing held first A 0/0/0
         order.released order_revision=6 → packing first A 0/0/0
         order.held reason=short → packing held first A 0/0/0
         order.cancelled picked=, → cancelled first A 0/0/0",
    )
    .says("SELECT CAST(revision AS TEXT) FROM orders", &["6"]);
}

#[test]
fn units_come_out_again() {
    let mut play = check(PACKED);
    play.play(
        "dispatch.withdrawn key=K1 parcel=1 sscc=S1 reason=reopened
         pack.parcel_reopened parcel=1 sscc=S1 → packing A 2/2/0 B 1/1/0 | 1 open A2 B1
         pack.item_unpacked A parcel=1 packed=1 wanted=2 → packing A 2/1/0 B 1/1/0 | 1 open A1 B1
         pick.item_unpicked A picked=1 wanted=2 put_back=false on_hand=9 → packing A 1/1/0 B 1/1/0 | 1 open A1 B1
         pick.started units=3 → picking A 1/1/0 B 1/1/0 | 1 open A1 B1
         pack.item_unpacked B parcel=1 packed=0 wanted=1 → picking A 1/1/0 B 1/0/0 | 1 open A1
         pack.item_unpacked A parcel=1 packed=0 wanted=2 → picking A 1/0/0 B 1/0/0",
    );
    play.has_stock(&["A 9 1", "B 4 0"]).has_dispatches(&["K1 S1 withdrawn"]);
    play.says("SELECT CAST(coalesce(parcels, 0) AS TEXT) FROM orders", &["0"]);
    play.play(
        "pick.item_picked A picked=2 wanted=2 on_hand=8
         pick.completed picked=3 wanted=3 → picked A 2/0/0 B 1/0/0
         pick.item_unpicked A picked=1 wanted=2 put_back=false on_hand=9 → picking A 1/0/0 B 1/0/0",
    );
}

#[test]
fn what_is_short_leaves_the_order_and_can_come_back() {
    check(
        "order.accepted lines=A2,B1
         pick.started units=3
         pick.item_picked A picked=1 wanted=2 on_hand=3
         pick.item_short A quantity=1 picked=1 wanted=1 on_hand=0 → picking A 1/0/1 B 0/0/0
         pick.item_picked B picked=1 wanted=1 on_hand=4
         pick.completed picked=2 wanted=2 → picked A 1/0/1 B 1/0/0
         pick.item_short A quantity=-1 picked=1 wanted=2 on_hand=3 → picking A 1/0/0 B 1/0/0",
    )
    .has_stock(&["A 3 1", "B 4 0"]);
}

#[test]
fn goods_of_a_cancelled_order_are_put_back_one_by_one() {
    let mut play = check(PACKED);
    play.play(
        "order.cancelled picked=A2,B1 → cancelled A 2/2/0 B 1/1/0 | 1 withdrawn S1 A2 B1 | back A2 B1
         pick.item_unpicked A picked=2 wanted=2 put_back=true on_hand=9 \
             → cancelled A 2/2/0 B 1/1/0 | 1 withdrawn S1 A2 B1 | back A1 B1
         pick.item_unpicked A picked=2 wanted=2 put_back=true on_hand=10
         pick.item_unpicked B picked=1 wanted=1 put_back=true on_hand=5 \
             → cancelled A 2/2/0 B 1/1/0 | 1 withdrawn S1 A2 B1",
    );
    play.has_stock(&["A 10 0", "B 5 0"]);
}

#[test]
fn a_loaded_parcel_of_a_cancelled_order_is_withdrawn_when_it_comes_down() {
    check(PACKED).play(
        "dispatch.parcel_loaded parcel=1 sscc=S1 carrier=dhl manifest=M1 loaded=1
         order.cancelled picked=A2,B1 → cancelled A 2/2/0 B 1/1/0 | 1 loaded S1 M1 A2 B1 | back A2 B1
         dispatch.parcel_unloaded parcel=1 sscc=S1 carrier=dhl manifest=M1 loaded=0 \
             → cancelled A 2/2/0 B 1/1/0 | 1 withdrawn S1 A2 B1 | back A2 B1",
    );
}

#[test]
fn a_parcel_that_was_left_behind_waits_again() {
    let mut play = check(PACKED);
    play.play(
        "dispatch.parcel_loaded parcel=1 sscc=S1 carrier=dhl manifest=M1 loaded=1
         dispatch.handed_over parcel=1 of=1 sscc=S1 carrier=dhl manifest=M1 key=K1
         order.completed parcels=1
         dispatch.left_behind parcel=1 sscc=S1 carrier=dhl manifest=M1 \
             → packed A 2/2/0 B 1/1/0 | 1 labelled S1 A2 B1
         dispatch.requested key=K2 parcel=1 sscc=S1
         dispatch.missed key=K2 parcel=1 sscc=S1 reason=no_courier
         dispatch.requested key=K3 parcel=1 sscc=S1",
    );
    play.has_dispatches(&["K1 S1 missed", "K2 S1 missed", "K3 S1 open"]);
}

#[test]
fn a_parcel_changes_its_number_with_its_label() {
    let mut play = check(PACKED);
    play.play(
        "pack.parcel_labelled parcel=1 of=1 sscc=S2 tracking=T1 → packed A 2/2/0 B 1/1/0 | 1 labelled S2 T1 A2 B1
         pack.parcel_labelled parcel=1 of=1 sscc=S2 → packed A 2/2/0 B 1/1/0 | 1 labelled S2 T1 A2 B1",
    );
    play.has_dispatches(&["K1 S2 open"]);
    play.play(
        "dispatch.label_voided parcel=1 voided=S2 sscc=S3 → packed A 2/2/0 B 1/1/0 | 1 sealed S3 A2 B1
         pack.parcel_reopened parcel=1 sscc=S3 → packing A 2/2/0 B 1/1/0 | 1 open A2 B1
         pack.parcel_sealed parcel=1 sscc=S4 contents=A2,B1 → packing A 2/2/0 B 1/1/0 | 1 sealed S4 A2 B1
         pack.completed parcels=1",
    );
    play.has_conflicts(&[]);
    let told = "of order 2, parcel 1 belongs to s, order 1, parcel 1";
    play.play(
        "order.accepted order=2 lines=A1
         pack.item_packed A order=2 parcel=1 packed=1
         pack.parcel_sealed order=2 parcel=1 sscc=S1 contents=A1
         pack.parcel_labelled order=2 parcel=1 of=1 sscc=S4
         dispatch.label_voided order=2 parcel=1 voided=S4 sscc=S2",
    );
    play.has_conflicts(&[&format!("SSCC S1 {told}"), &format!("SSCC S4 {told}"), &format!("SSCC S2 {told}")]);
}

#[test]
fn a_carriers_label_is_asked_for_and_makes_the_older_void() {
    check(PACKED).play(
        "dispatch.label_requested parcel=1 sscc=S1 carrier=dhl \
             → packed A 2/2/0 B 1/1/0 | 1 sealed S1 requested A2 B1
         dispatch.label_received parcel=1 sscc=S1 tracking=T1 revision=1 \
             → packed A 2/2/0 B 1/1/0 | 1 sealed S1 T1 A2 B1
         pack.parcel_labelled parcel=1 of=1 sscc=S1 tracking=T1
         dispatch.label_received parcel=1 sscc=S1 tracking=T2 revision=2 \
             → packed A 2/2/0 B 1/1/0 | 1 sealed S1 T2 A2 B1
         pack.parcel_labelled parcel=1 of=1 sscc=S1 tracking=T2
         dispatch.parcel_loaded parcel=1 sscc=S1 carrier=dhl manifest=M1 loaded=1
         dispatch.label_received parcel=1 sscc=S1 revision=3 → packed A 2/2/0 B 1/1/0 | 1 loaded void S1 M1 A2 B1
         dispatch.parcel_unloaded parcel=1 sscc=S1 carrier=dhl manifest=M1 loaded=0 \
             → packed A 2/2/0 B 1/1/0 | 1 sealed S1 A2 B1",
    );
}

#[test]
fn a_pick_up_order_waits_in_its_place_and_is_collected() {
    check(PACKED).play(
        "pack.parcel_labelled parcel=1 of=1 sscc=S1
         dispatch.parcel_ready parcel=1 of=1 sscc=S1 place=C1 → packed A 2/2/0 B 1/1/0 | 1 ready S1 C1 A2 B1
         order.collected parcels=1 → partly_dispatched A 2/2/0 B 1/1/0 | 1 collected S1 C1 A2 B1
         order.completed parcels=1 → completed A 2/2/0 B 1/1/0 | 1 collected S1 C1 A2 B1",
    );
}

#[test]
fn packing_goes_on_after_a_parcel_has_left() {
    check(
        "order.accepted lines=A2
         pack.started units=2
         pick.item_picked A picked=1 wanted=2 on_hand=1
         pack.item_packed A parcel=1 packed=1 wanted=2
         pack.parcel_sealed parcel=1 sscc=S1 contents=A1
         dispatch.parcel_loaded parcel=1 sscc=S1 carrier=dhl manifest=M1 loaded=1
         dispatch.handed_over parcel=1 of= sscc=S1 carrier=dhl manifest=M1 → packing A 1/1/0 | 1 handed_over S1 M1 A1
         pick.item_picked A picked=2 wanted=2 on_hand=0
         pack.item_packed A parcel=2 packed=2 wanted=2 → packing A 2/2/0 | 1 handed_over S1 M1 A1 | 2 open A1
         pack.parcel_sealed parcel=2 sscc=S2 contents=A1
         pack.completed parcels=2 → partly_dispatched A 2/2/0 | 1 handed_over S1 M1 A1 | 2 sealed S2 A1",
    );
}

#[test]
fn new_terms_keep_what_was_done_and_say_what_is_to_be_put_back() {
    check(
        "order.accepted lines=A3,B1,C1
         pack.started units=5
         pick.item_picked A picked=3 wanted=3 on_hand=7
         pack.item_packed A parcel=1 packed=1 wanted=3
         pack.item_packed A parcel=1 packed=2 wanted=3
         pick.item_picked B picked=1 wanted=1 on_hand=4
         pack.item_packed B parcel=1 packed=1 wanted=1 → packing A 3/2/0 B 1/1/0 C 0/0/0 | 1 open A2 B1
         order.updated revision=2 lines=C1,A1 → packing C 0/0/0 A 1/1/0 | 1 open A1 | back A2 B1
         pick.item_unpicked B picked=0 wanted=0 put_back=true on_hand=5 → packing C 0/0/0 A 1/1/0 | 1 open A1 | back A2
         order.updated revision=3 lines=C1 → packing C 0/0/0 | back A3
         order.updated revision=3 lines=C2",
    )
    .says("SELECT CAST(revision AS TEXT) FROM orders", &["3"]);
    check(
        "order.accepted lines=A2
         pick.started units=2
         pick.item_picked A picked=1 wanted=2 on_hand=1
         pick.item_short A quantity=1 picked=1 wanted=1 on_hand=1
         pick.completed picked=1 wanted=1 → picked A 1/0/1
         order.updated revision=2 lines=A1 → picked A 1/0/0
         order.updated revision=3 lines=A2 → picking A 1/0/0",
    );
}

#[test]
fn an_older_copy_goes_on_from_what_it_is_told() {
    let progress = "
         order.accepted lines=A3,B1
         pack.started units=4
         pick.item_picked A picked=3 wanted=3 on_hand=7
         pack.item_packed A parcel=1 packed=2 wanted=3
         pack.parcel_sealed parcel=1 sscc=S1 contents=A2
         pack.item_packed A parcel=2 packed=3 wanted=3
         pick.item_short B quantity=1 picked=0 wanted=0 on_hand=0
         dispatch.parcel_loaded parcel=1 sscc=S1 carrier=dhl manifest=M1 loaded=1 \
             → packing A 3/3/0 B 0/0/1 | 1 loaded S1 M1 A2 | 2 open A1";
    check(progress).play(
        "site.started cause=restarted → packing A 3/3/0 B 0/0/1 | 1 loaded S1 M1 A2 | 2 open A1
         site.started cause=old_copy → packing A 3/3/0 B 0/0/1 | 1 labelled S1 A2 | 2 open A1
         pick.item_picked A picked=1 wanted=3 on_hand=9
         order.updated lines=A3,B1 known=A3/3/0;B0/0/1;S1:A2 → packing A 3/3/0 B 0/0/1 | 1 labelled S1 A2 | 2 open A1",
    );
    check(progress).play(
        "site.started cause=new → packing A 3/3/0 B 0/0/1 | 1 sealed S1 A2 | 2 open A1
         order.accepted lines=A3,B1
         order.updated lines=A3,B1 known=A3/3/0;B0/0/1;S1:A2 → packing A 3/3/0 B 0/0/1 | 1 sealed S1 A2 | 2 open A1",
    );
    check(PACKED).play(
        "order.held reason=x
         order.accepted lines=A2,B1 → packed A 2/2/0 B 1/1/0 | 1 sealed S1 A2 B1
         order.updated lines=A2,B1 known=A2/2/0;B1/1/0;S1:A2,B1;packed → packed A 2/2/0 B 1/1/0 | 1 sealed S1 A2 B1",
    );
}

#[test]
fn a_courier_that_a_site_has_forgotten_is_sent_away_with_its_parcel() {
    let mut play = check(PACKED);
    play.play("dispatch.requested key=K2 parcel=1 sscc=S1");
    play.has_dispatches(&["K1 S1 withdrawn", "K2 S1 open"]);
    play.play("pack.parcel_reopened parcel=1 sscc=S1");
    play.has_dispatches(&["K1 S1 withdrawn", "K2 S1 withdrawn"]);
    play.play("dispatch.requested key=K2 parcel=1 sscc=S2");
    play.has_dispatches(&["K1 S1 withdrawn", "K2 S2 open"]);
    play.play("dispatch.label_voided parcel=1 voided=S2 sscc=S3");
    play.has_dispatches(&["K1 S1 withdrawn", "K2 S2 withdrawn"]);
    play.play("dispatch.requested key=K3 parcel=1 sscc=S3\norder.cancelled picked=A2,B1");
    play.has_dispatches(&["K1 S1 withdrawn", "K2 S2 withdrawn", "K3 S3 withdrawn"]);
}

#[test]
fn a_customer_whose_order_is_cancelled_is_told_no_step_that_waits() {
    let mut play = check(PACKED);
    let mut request = |order: &str, milestone: &str, rank: i64| {
        let data = json!({
            "key": format!("{order}/{milestone}"), "milestone": milestone, "rank": rank,
            "order": {"id": order, "number": order}, "expires_at": "2026-11-23T14:00:00Z",
        });
        play.apply("notification.requested", &data);
    };
    for (milestone, rank) in [("packed", 20), ("short_shipped", 22), ("delayed", 25), ("handed_over", 40)] {
        request("1", milestone, rank);
    }
    request("2", "packed", 20);
    play.play("order.cancelled picked=A2,B1");
    play.says(
        "SELECT key || ' ' || state FROM notifications ORDER BY order_id, rank",
        &[
            "1/packed replaced",
            "1/short_shipped to_send",
            "1/delayed replaced",
            "1/handed_over to_send",
            "2/packed to_send",
        ],
    );
}

#[test]
fn a_cancelled_order_that_is_accepted_again_begins_anew() {
    check(PACKED).play(
        "order.cancelled picked=A2,B1
         order.accepted revision=2 lines=A1 → accepted A 0/0/0",
    );
}

#[test]
fn a_return_is_announced_received_inspected_and_completed() {
    let mut play = Play::new();
    let order = json!({"id": "1", "number": "1", "revision": 1});
    let lines = json!([{"sku": "A", "name": "A", "quantity": 2, "barcodes": []}]);
    let about = json!({"return": {"id": "r", "authorized": true}, "order": order});
    let item = |condition: &str, quantity: i64, on_hand: Option<i64>| {
        let mut data = about.clone();
        (data["sku"], data["name"], data["code"]) = ("A".into(), "A".into(), "1".into());
        (data["condition"], data["quantity"], data["serial"]) = (condition.into(), quantity.into(), "S".into());
        if let Some(on_hand) = on_hand {
            data["stock"] = json!({"on_hand": on_hand, "reserved": 0, "available": on_hand});
        }
        data
    };
    play.apply("return.authorized", &json!({"id": "r", "order": order, "lines": lines, "resolution": "refund"}));
    play.has_returns(&["r authorized 1 0 0 1"]);
    play.apply("return.received", &about);
    play.apply("return.item_inspected", &item("restock", 1, Some(6)));
    play.apply("return.item_inspected", &item("discard", 1, None));
    play.has_returns(&["r receiving 1 2 0 1"]).has_stock(&["A 6 0"]);
    play.apply("return.authorized", &json!({"id": "r", "order": order, "lines": lines, "resolution": "voucher"}));
    play.apply("return.item_inspected", &item("restock", -1, Some(5)));
    play.has_returns(&["r receiving 1 1 0 1"]).has_stock(&["A 5 0"]);
    let found = texts(&play.db, "SELECT found FROM returns");
    assert!(found[0].contains("discard") && !found[0].contains("restock"), "{found:?}");
    let mut done = about.clone();
    done["resolution"] = "voucher".into();
    done["items"] = json!([{"sku": "A", "name": "A", "code": "1", "condition": "discard", "serial": "S"}]);
    done["outstanding"] = json!([{"sku": "A", "name": "A", "quantity": 1}]);
    play.apply("return.completed", &done);
    play.has_returns(&["r completed 1 1 1 1"]);
    assert!(texts(&play.db, "SELECT terms FROM returns")[0].contains(r#""resolution":"voucher""#));

    let nobody = json!({"return": {"id": "s-r1", "authorized": false}});
    play.apply("return.received", &nobody);
    let mut found = nobody.clone();
    (found["name"], found["code"], found["condition"], found["quantity"]) =
        ("?".into(), "9".into(), "inspect".into(), 1.into());
    play.apply("return.item_inspected", &found);
    play.has_returns(&["r completed 1 1 1 1", "s-r1 receiving 0 1 0 -"]);
}

#[test]
fn what_says_nothing_about_the_picture_changes_nothing() {
    let mut play = check(PACKED);
    let before = play.order("1");
    for kind in ["site.operator_in", "site.operator_out", "site.stopped", "pick.unheard_of", "unheard.of"] {
        play.apply(kind, &json!({"operator": "op-7", "reason": "idle"}));
    }
    play.play("pack.completed order=unknown parcels=1");
    play.play("dispatch.parcel_ready parcel=9 sscc=S9 place=C1");
    assert_eq!(play.order("1"), before);
    play.says("SELECT id FROM orders", &["1"]);
}

/// Each line: `late KEY`, `new KEY` (what is replaced after a `<`), `release SEQUENCE`, or `sent KEY`, and after an arrow all
/// notifications, each with its state and the states of its letters.
#[track_caller]
fn notify(script: &str) {
    let mut play = Play::new();
    for line in script.lines().map(str::trim) {
        let (step, expected) = line.split_once(" → ").unwrap();
        let words: Vec<&str> = step.split_whitespace().collect();
        let key = words[1];
        match words[0] {
            "release" => release(&play.db, &[(1, 1, key.parse().unwrap())], play.now).unwrap(),
            "sent" => {
                let id = "SELECT id FROM letters WHERE key = ?1";
                let id = play.db.row(id, &params![key], |row| row.get(0)).unwrap().unwrap();
                post::sent(&play.db, id, play.now).unwrap();
            }
            "midnight" => play.now.at = "2026-11-23T00:00:00Z".parse().unwrap(),
            kind => {
                let mut data = json!({
                    "key": key, "milestone": "packed", "rank": 20, "order": {"id": "1", "number": "1"},
                    "channels": ["sms"], "expires_at": "2026-11-23T00:00:00Z",
                });
                if let Some((_, replaced)) = step.split_once(" < ") {
                    let mut replaced = replaced.split_whitespace();
                    data["replaces"] = replaced.next().into();
                    data["also_replaces"] = replaced.collect();
                }
                play.apply_late("notification.requested", &data, if kind == "late" { 10 } else { 0 });
            }
        }
        let told = "SELECT notifications.key || ' ' || notifications.state || coalesce('/' || letters.state, '')
            FROM notifications LEFT JOIN letters ON letters.key = notifications.key ORDER BY notifications.key";
        assert_eq!(texts(&play.db, told).join(", "), expected, "{line}");
    }
}

#[test]
fn late_notifications_are_held_until_the_site_has_told_all_it_had() {
    notify(
        "late a → a held
         late b → a held, b held
         late c < a → a replaced, b held, c held
         new d → a replaced, b held, c held, d to_send/to_send
         release 9 → a replaced, b held, c held, d to_send/to_send
         release 10 → a replaced, b to_send/to_send, c to_send/to_send, d to_send/to_send
         release 11 → a replaced, b to_send/to_send, c to_send/to_send, d to_send/to_send",
    );
}

#[test]
fn what_expires_while_it_is_held_is_dropped() {
    notify(
        "late a → a held
         midnight - → a held
         release 10 → a expired
         new b → a expired, b expired",
    );
}

#[test]
fn a_newer_notification_replaces_what_is_not_sent() {
    notify(
        "new a → a to_send/to_send
         new b → a to_send/to_send, b to_send/to_send
         sent a → a sent/sent, b to_send/to_send
         new c < a b → a sent/sent, b replaced/replaced, c to_send/to_send
         new c < c → a sent/sent, b replaced/replaced, c to_send/to_send",
    );
}

#[test]
fn a_promise_goes_from_risk_to_its_end() {
    let mut play = Play::new();
    let promises = "SELECT state || ' ' || coalesce(cause, '-') || ' ' || broken || ' ' || late FROM promises";
    let order = json!({"id": "1", "number": "1", "revision": 1});
    let data = |cause: &str, broken: bool| json!({"order": order, "cause": cause, "broken": broken, "left": 3});
    let rows = [
        ("promise.at_risk", data("backlog", false), "at_risk backlog 0 0"),
        ("promise.will_miss", data("slow_pace", true), "will_miss slow_pace 1 0"),
        ("promise.recovered", data("slow_pace", false), "on_track slow_pace 0 0"),
        ("promise.unheard_of", data("x", true), "on_track slow_pace 0 0"),
        ("promise.missed", data("no_courier", true), "missed no_courier 1 0"),
        ("promise.kept", json!({"order": order, "late": true}), "kept - 0 1"),
    ];
    for (kind, data, expected) in rows {
        play.apply(kind, &data);
        play.says(promises, &[expected]);
    }
}

#[test]
fn a_late_courier_is_waited_for_until_it_takes_a_parcel() {
    let mut play = Play::new();
    let late = "SELECT carrier || ' ' || collection FROM late_couriers";
    let data = json!({"carrier": "dhl", "collection": {"id": "dhl@1"}, "loaded": 3, "waiting": 1});
    play.apply("site.courier_late", &data);
    play.apply("site.courier_late", &data);
    play.says(late, &["dhl dhl@1"]);
    let gone = json!({"order": {"id": "1", "number": "1"}, "parcel": 1, "carrier": "dhl", "manifest": "dhl@1#1"});
    play.apply("dispatch.handed_over", &gone);
    play.says(late, &[]);
    play.apply("site.day_closed", &json!({"date": "2026-11-26", "orders": {"accepted": 40}}));
    play.says("SELECT date FROM days", &["2026-11-26"]);
}

#[test]
fn a_clock_that_was_wrong_is_set_right_in_all_that_was_told_by_it() {
    let mut play = Play::new();
    let told = |play: &mut Play, time: &str, clock: &str, kind: &str, data: Value| {
        play.sequence += 1;
        let text = json!({
            "id": Uuid::from_u128(play.sequence as u128), "source": "/sites/s", "type": format!("parceld.{kind}.v1"),
            "time": time, "clock": clock, "epoch": Uuid::from_u128(1), "sequence": play.sequence, "data": data,
        })
        .to_string();
        let event = Envelope::read(&text).unwrap();
        let (epoch, sequence) = (1i64, play.sequence);
        play.db
            .run(
                "INSERT INTO events (epoch, sequence, site, id, payload) VALUES (?1, ?2, 1, ?3, ?4)",
                &params![epoch, sequence, event.id, text],
            )
            .unwrap();
        let about = About { site: 1, epoch: event.epoch, sequence, id: event.id };
        apply(&play.db, &event, epoch, about, play.now).unwrap();
    };
    let lost = |scanner: &str| json!({"scanner": scanner, "reason": "unplugged"});
    told(&mut play, "2026-01-01T00:00:01.000Z", "unsynced", "site.scanner_lost", lost("a"));
    told(&mut play, "2026-01-01T00:00:02.000Z", "unsynced", "site.scanner_lost", lost("b"));
    told(&mut play, "2026-11-22T14:00:01.000Z", "corrected", "site.scanner_lost", lost("c"));
    told(&mut play, "2026-11-22T14:00:05.000Z", "synced", "site.scanner_lost", lost("d"));
    // Beside the range.
    told(&mut play, "2026-01-01T00:00:03.000Z", "unsynced", "site.scanner_lost", lost("e"));
    let offset_ms = 28_130_399_000i64; // 325 days, 13 h, 59 min and 59 s
    let correction = json!({"boot": "b", "from": 1, "to": 4, "offset_ms": offset_ms});
    for _ in 0..2 {
        told(&mut play, "2026-11-22T14:00:06.000Z", "synced", "site.clock_corrected", correction.clone());
        assert_eq!(
            texts(&play.db, "SELECT scanner || ' ' || since FROM scanners ORDER BY scanner"),
            [
                "a 2026-11-22T14:00:00.000Z",
                "b 2026-11-22T14:00:01.000Z",
                "c 2026-11-22T14:00:01.000Z",
                "d 2026-11-22T14:00:05.000Z",
                "e 2026-01-01T00:00:03.000Z",
            ]
        );
        let clocks = texts(&play.db, "SELECT payload FROM events WHERE sequence <= 5 ORDER BY sequence");
        let clocks: Vec<String> = clocks
            .iter()
            .map(|text| {
                let event: Value = serde_json::from_str(text).unwrap();
                format!("{} {}", event["time"].as_str().unwrap(), event["clock"].as_str().unwrap())
            })
            .collect();
        assert_eq!(
            clocks,
            [
                "2026-11-22T14:00:00.000Z corrected",
                "2026-11-22T14:00:01.000Z corrected",
                "2026-11-22T14:00:01.000Z corrected",
                "2026-11-22T14:00:05.000Z synced",
                "2026-01-01T00:00:03.000Z unsynced",
            ]
        );
    }
}

#[test]
fn what_expires_by_a_wrong_clock_lasts_as_long_as_by_a_right_one() {
    for (clock, expires_at, expected) in [
        ("unsynced", "2026-01-03T00:00:00Z", "to_send 1795528800000"),
        ("unsynced", "2025-12-31T00:00:00Z", "expired 1795269600000"),
        ("synced", "2026-01-03T00:00:00Z", "expired 1767398400000"),
        ("corrected", "2026-11-24T14:00:00Z", "to_send 1795528800000"),
    ] {
        let play = Play::new();
        let text = json!({
            "id": Uuid::from_u128(1), "source": "/sites/s", "type": "parceld.notification.requested.v1", "clock": clock,
            "time": "2026-01-01T00:00:00Z", "epoch": Uuid::from_u128(1), "sequence": 1, "data": {
                "key": "k", "milestone": "packed", "rank": 1, "order": {"id": "o", "number": "1"}, "channels": [],
                "expires_at": expires_at,
            },
        })
        .to_string();
        let event = Envelope::read(&text).unwrap();
        let about = About { site: 1, epoch: event.epoch, sequence: 1, id: event.id };
        apply(&play.db, &event, 1, about, play.now).unwrap();
        assert_eq!(texts(&play.db, "SELECT state || ' ' || expires_ms FROM notifications"), [expected], "{clock}");
    }
}
