//! What happens at one site, by a seed: orders on their way from shelf to customer, and what goes wrong with some.
//!
//! A step is what one scan, or one command, records: events that get their places together. What they say is what an
//! agent would say; whether a platform believes it is for the test to see.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::random::Random;

/// Orders that are worked on at once.
const OPEN_MAX: usize = 4;
const PRODUCTS: [(&str, &str); 6] = [
    ("MUG-BLUE", "Mug, blue"),
    ("TEA-100", "Tee, grün — 100 g"),
    ("BOWL", "Bowl"),
    ("DRILL-18V", "Drill, 18 V"),
    ("YEAST-50", "Yeast, 50 g"),
    ("SPADE", "Spade"),
];
const CARRIERS: [&str; 2] = ["dhl", "postnord"];
const ON_HAND: i64 = 500;

/// Something that happened, before it has its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// `group.type`.
    pub kind: &'static str,
    pub subject: Option<String>,
    pub data: Value,
}

impl Fact {
    pub fn of(kind: &'static str, data: Value) -> Fact {
        Fact { kind, subject: None, data }
    }

    pub fn about(kind: &'static str, subject: &str, data: Value) -> Fact {
        Fact { kind, subject: Some(subject.to_owned()), data }
    }
}

#[derive(Debug)]
pub struct Life {
    site: String,
    number: usize,
    random: Random,
    started: bool,
    orders: Vec<Order>,
    begun: usize,
    /// Orders that left, some of whose goods will come back.
    gone: VecDeque<Order>,
    returns: usize,
    ssccs: u64,
    stock: BTreeMap<&'static str, i64>,
}

#[derive(Debug, Clone)]
struct Order {
    id: String,
    number: String,
    lines: Vec<Line>,
    pickup: bool,
    carrier: &'static str,
    notify: Option<Value>,
    promise: Value,
    stage: Stage,
    held: bool,
    parcels: Vec<Parcel>,
    /// The key of the newest milestone of the order as a whole that a later one replaces.
    told: Option<String>,
    /// How often the customer was told of a delay, and of something that doesn't come.
    delayed: usize,
    shorts: usize,
    at_risk: bool,
}

#[derive(Debug, Clone)]
struct Line {
    product: usize,
    wanted: i64,
    picked: i64,
    packed: i64,
}

#[derive(Debug, Clone)]
struct Parcel {
    sscc: String,
    contents: BTreeMap<usize, i64>,
    sealed: bool,
    step: Step,
    /// How often a courier was asked for.
    asked: usize,
}

/// Of a sealed parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Sealed,
    Labelled,
    Loaded,
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Accepted,
    Picking,
    Picked,
    Packing,
    Packed,
    Ready,
    Over,
}

/// A milestone, its rank, and how long anybody wants to hear of it.
struct Milestone(&'static str, u32, i64);

/// What the site `number` of a fleet is called; `c-` before it is its customer.
#[must_use]
pub fn site_name(number: usize) -> String {
    format!("site-{number:03}")
}

impl Life {
    /// The life of the site `number` in the fleet of `seed`.
    #[must_use]
    pub fn of(seed: u64, number: usize) -> Life {
        Life {
            site: site_name(number),
            number,
            random: Random::stream(seed, number as u64),
            started: false,
            orders: Vec::new(),
            begun: 0,
            gone: VecDeque::new(),
            returns: 0,
            ssccs: 0,
            stock: PRODUCTS.iter().map(|(sku, _)| (*sku, ON_HAND)).collect(),
        }
    }

    #[must_use]
    pub fn site(&self) -> &str {
        &self.site
    }

    /// What happens next. Never nothing.
    pub fn step(&mut self, now: Timestamp) -> Vec<Fact> {
        if !self.started {
            self.started = true;
            let started = json!({ "cause": "new", "follows": null, "version": "0.1.0", "boot": "7b8f6a3e-2f9d-4c07-9f0e-0d6d6f4b1c55" });
            return vec![Fact::of("site.started", started)];
        }
        if self.random.once_in(25) {
            let refused = json!({ "scanner": "s-1", "code": "07350053850026", "signal": "wrong", "reason": "not_on_order", "expected": [] });
            return vec![Fact::of("site.scan_refused", refused)];
        }
        if self.random.once_in(12)
            && let Some(order) = self.gone.pop_front()
        {
            return self.come_back(&order, now);
        }
        let begins = self.orders.is_empty() || (self.orders.len() < OPEN_MAX && self.random.once_in(6));
        if begins {
            return self.begin(now);
        }
        let at = self.random.below(self.orders.len());
        let mut order = self.orders.swap_remove(at);
        let facts = self.advance(&mut order, now);
        match order.stage {
            Stage::Over if self.random.once_in(4) && order.parcels.iter().any(|parcel| parcel.step == Step::Gone) => {
                self.gone.push_back(order);
            }
            Stage::Over => {}
            _ => self.orders.push(order),
        }
        facts
    }

    fn begin(&mut self, now: Timestamp) -> Vec<Fact> {
        self.begun += 1;
        let id = format!("o{}-{}", self.number, self.begun);
        let products = self.random.shuffled(PRODUCTS.len());
        let count = 1 + self.random.below(3);
        let lines = products.into_iter().take(count);
        let lines =
            lines.map(|product| Line { product, wanted: 1 + self.random.below(3) as i64, picked: 0, packed: 0 });
        let lines: Vec<Line> = lines.collect();
        let channels =
            self.random.one_of(&[&["email"][..], &["sms"], &["push", "email"], &["email", "sms"], &[]]).to_vec();
        let notify = (!channels.is_empty())
            .then(|| json!({ "customer": format!("c-{}", self.site), "channels": channels, "language": "en" }));
        let day = |hours: i64| format!("{:.0}", now + SignedDuration::from_hours(hours));
        let mut order = Order {
            number: id.to_uppercase(),
            id,
            lines,
            pickup: self.random.once_in(5),
            carrier: CARRIERS[self.random.below(CARRIERS.len())],
            notify,
            promise: json!({ "ship_by": day(8), "deliver_from": day(20), "deliver_by": day(32) }),
            stage: Stage::Accepted,
            held: false,
            parcels: Vec::new(),
            told: None,
            delayed: 0,
            shorts: 0,
            at_risk: false,
        };
        let mut facts = vec![order.fact("order.accepted", order.terms())];
        let said = order.say(&self.site, &Milestone("order_accepted", 10, 24), None, json!({}), now);
        facts.extend(said.inspect(|fact| order.told = key_of(fact)));
        self.orders.push(order);
        facts
    }

    fn advance(&mut self, order: &mut Order, now: Timestamp) -> Vec<Fact> {
        if order.held {
            order.held = false;
            return vec![order.fact("order.released", order.about())];
        }
        if self.random.once_in(40) {
            order.held = true;
            return vec![order.fact("order.held", order.with(json!({ "reason": "payment" })))];
        }
        let is_here = order.parcels.iter().all(|parcel| matches!(parcel.step, Step::Sealed | Step::Labelled));
        if is_here && self.random.once_in(60) {
            return self.cancel(order, now);
        }
        if is_here && !order.pickup && self.random.once_in(20) {
            return self.promise(order, now);
        }
        match order.stage {
            Stage::Accepted => {
                order.stage = Stage::Picking;
                let units: i64 = order.lines.iter().map(|line| line.wanted).sum();
                vec![order.fact("pick.started", order.with(json!({ "units": units })))]
            }
            Stage::Picking => self.pick(order, now),
            Stage::Picked => {
                order.stage = Stage::Packing;
                let units: i64 = order.lines.iter().map(|line| line.wanted).sum();
                vec![order.fact("pack.started", order.with(json!({ "units": units })))]
            }
            Stage::Packing => self.pack(order, now),
            Stage::Packed if order.pickup => {
                order.stage = Stage::Ready;
                let mut facts: Vec<Fact> = order
                    .parcels
                    .iter()
                    .zip(1..)
                    .map(|(parcel, n)| {
                        let ready =
                            json!({ "parcel": n, "of": order.parcels.len(), "sscc": parcel.sscc, "place": "C-1" });
                        order.fact("dispatch.parcel_ready", order.with(ready))
                    })
                    .collect();
                let said = order.say(&self.site, &Milestone("ready_for_pickup", 30, 72), None, json!({}), now);
                facts.extend(said.inspect(|fact| order.told = key_of(fact)));
                facts
            }
            Stage::Packed => self.leave(order, now),
            Stage::Ready => {
                order.stage = Stage::Over;
                let parcels = json!({ "parcels": order.parcels.len() });
                let mut facts = vec![order.fact("order.collected", order.with(parcels.clone()))];
                facts.extend(order.say(&self.site, &Milestone("collected", 40, 48), None, json!({}), now));
                facts.push(order.fact("order.completed", order.with(parcels)));
                facts
            }
            Stage::Over => unreachable!("an order that is over is worked on no more"),
        }
    }

    fn pick(&mut self, order: &mut Order, now: Timestamp) -> Vec<Fact> {
        let units_left: i64 = order.lines.iter().map(|line| line.wanted - line.picked).sum();
        let at =
            order.lines.iter().position(|line| line.picked < line.wanted).expect("an order at picking wants something");
        let (sku, name) = PRODUCTS[order.lines[at].product];
        let mut facts = Vec::new();
        let goes_without =
            1 < units_left + order.lines.iter().map(|line| line.picked).sum::<i64>() && self.random.once_in(30);
        let on_hand = self.stock.entry(sku).or_default();
        let line = &mut order.lines[at];
        if goes_without {
            line.wanted -= 1;
        } else {
            line.picked += 1;
            *on_hand -= 1;
        }
        let stock = json!({ "on_hand": *on_hand, "reserved": 0, "available": *on_hand });
        let mut item = json!({
            "line": (at + 1).to_string(), "sku": sku, "name": name, "picked": line.picked, "wanted": line.wanted, "stock": stock,
        });
        if goes_without {
            merge(&mut item, json!({ "quantity": 1, "reason": "other", "delta": 0 }));
            facts.push(order.fact("pick.item_short", order.with(item)));
            order.shorts += 1;
            let short = json!({ "short": [{ "name": name, "quantity": 1 }], "reason": "other" });
            facts.extend(order.say(&self.site, &Milestone("short_shipped", 22, 72), None, short, now));
        } else {
            merge(&mut item, json!({ "code": "07350053850019", "method": "scan" }));
            facts.push(order.fact("pick.item_picked", order.with(item)));
        }
        if order.lines.iter().all(|line| line.picked == line.wanted) {
            order.stage = Stage::Picked;
            let picked: i64 = order.lines.iter().map(|line| line.picked).sum();
            facts.push(order.fact("pick.completed", order.with(json!({ "picked": picked, "wanted": picked }))));
        }
        facts
    }

    fn pack(&mut self, order: &mut Order, now: Timestamp) -> Vec<Fact> {
        if order.parcels.last().is_none_or(|parcel| parcel.sealed) {
            self.ssccs += 1;
            let sscc = sscc(self.number, self.ssccs);
            order.parcels.push(Parcel { sscc, contents: BTreeMap::new(), sealed: false, step: Step::Sealed, asked: 0 });
        }
        let at = order.lines.iter().position(|line| line.packed < line.picked).expect("an order at packing has goods");
        let (sku, name) = PRODUCTS[order.lines[at].product];
        let n = order.parcels.len();
        order.lines[at].packed += 1;
        *order.parcels[n - 1].contents.entry(at).or_default() += 1;
        let line = &order.lines[at];
        let item = json!({
            "line": (at + 1).to_string(), "sku": sku, "name": name, "parcel": n, "packed": line.packed, "wanted": line.wanted,
        });
        let mut facts = vec![order.fact("pack.item_packed", order.with(item))];
        let done = order.lines.iter().all(|line| line.packed == line.picked);
        if !done && (3 <= n || !self.random.once_in(6)) {
            return facts;
        }
        order.parcels[n - 1].sealed = true;
        let parcel = &order.parcels[n - 1];
        let sealed = json!({ "parcel": n, "sscc": parcel.sscc, "contents": order.contents(parcel) });
        facts.push(order.fact("pack.parcel_sealed", order.with(sealed)));
        if !order.pickup {
            facts.push(order.ask(n, done));
        }
        if done {
            order.stage = Stage::Packed;
            facts.push(order.fact("pack.completed", order.with(json!({ "parcels": n }))));
            let said = order.say(&self.site, &Milestone("packed", 20, 24), None, json!({}), now);
            facts.extend(said.inspect(|fact| order.told = key_of(fact)));
        }
        facts
    }

    /// One parcel comes a step nearer to its carrier.
    fn leave(&mut self, order: &mut Order, now: Timestamp) -> Vec<Fact> {
        let at = order
            .parcels
            .iter()
            .position(|parcel| parcel.step != Step::Gone)
            .expect("a packed order has a parcel here");
        let (n, of) = (at + 1, order.parcels.len());
        let parcel = &order.parcels[at];
        let (sscc, manifest) = (parcel.sscc.clone(), format!("{}@today#1", order.carrier));
        match parcel.step {
            Step::Sealed => {
                order.parcels[at].step = Step::Labelled;
                vec![order.fact("pack.parcel_labelled", order.with(json!({ "parcel": n, "of": of, "sscc": sscc })))]
            }
            Step::Labelled if self.random.once_in(15) => {
                let missed = json!({ "key": order.key(n), "parcel": n, "sscc": sscc, "reason": "no_courier" });
                vec![order.fact("dispatch.missed", order.with(missed)), order.ask(n, true)]
            }
            Step::Labelled => {
                order.parcels[at].step = Step::Loaded;
                let loaded =
                    json!({ "parcel": n, "sscc": sscc, "carrier": order.carrier, "manifest": manifest, "loaded": 1 });
                vec![order.fact("dispatch.parcel_loaded", order.with(loaded))]
            }
            _ => {
                order.parcels[at].step = Step::Gone;
                let tracking = format!("JD{}", &sscc[4..]);
                let gone = json!({
                    "parcel": n, "of": of, "sscc": sscc, "carrier": order.carrier, "service": "express",
                    "tracking": tracking, "manifest": manifest, "key": order.key(n),
                });
                let mut facts = vec![order.fact("dispatch.handed_over", order.with(gone))];
                facts.extend(order.say(
                    &self.site,
                    &Milestone("handed_over", 40, 48),
                    Some(n),
                    json!({ "tracking": tracking }),
                    now,
                ));
                if n == of {
                    order.stage = Stage::Over;
                    facts.push(order.fact("order.completed", order.with(json!({ "parcels": of }))));
                    facts.push(
                        order.fact("promise.kept", order.with(json!({ "promise": order.promise, "late": false }))),
                    );
                }
                facts
            }
        }
    }

    fn cancel(&mut self, order: &mut Order, now: Timestamp) -> Vec<Fact> {
        order.stage = Stage::Over;
        let picked = order.lines.iter().zip(1..).filter(|(line, _)| 0 < line.picked);
        let picked: Vec<Value> = picked.map(|(line, n)| line.units(n, line.picked)).collect();
        let mut facts = Vec::new();
        for (parcel, n) in order.parcels.iter().zip(1..) {
            if parcel.sealed && 0 < parcel.asked {
                let withdrawn = json!({ "key": order.key(n), "parcel": n, "sscc": parcel.sscc, "reason": "customer" });
                facts.push(order.fact("dispatch.withdrawn", order.with(withdrawn)));
            }
        }
        let cancelled = json!({ "reason": "customer", "notify": true, "partial": false, "picked": picked });
        facts.push(order.fact("order.cancelled", order.with(cancelled)));
        facts.extend(order.say(
            &self.site,
            &Milestone("cancelled", 50, 72),
            None,
            json!({ "reason": "customer" }),
            now,
        ));
        facts
    }

    /// It is late, later, or not late after all.
    fn promise(&mut self, order: &mut Order, now: Timestamp) -> Vec<Fact> {
        let at = |hours: i64| format!("{:.0}", now + SignedDuration::from_hours(hours));
        let collection =
            |hours: i64| json!({ "id": format!("{}@{hours}", order.carrier), "at": at(hours), "cut_off": at(hours) });
        let revised = json!({ "collection": collection(26), "ship_by": at(26) });
        let work = json!({ "left": 3, "ahead": { "orders": 4, "items": 17 }, "pace": 42, "finish": at(3) });
        let mut event = json!({ "collection": collection(2), "promise": order.promise, "cause": "backlog", "revised": revised, "broken": true });
        if !order.at_risk {
            order.at_risk = true;
            merge(&mut event, work);
            return vec![order.fact("promise.at_risk", order.with(event))];
        }
        let restored = order.delayed % 2 == 1;
        let kind = if restored { "promise.recovered" } else { "promise.will_miss" };
        if !restored {
            merge(&mut event, work);
        }
        let delay = json!({
            "reason": "backlog",
            "delay": { "revised": revised, "first": order.delayed == 0, "restored": restored, "choices": ["keep", "pick_up", "cancel"] },
        });
        let mut facts = vec![order.fact(kind, order.with(event))];
        facts.extend(order.say(&self.site, &Milestone("delayed", 25, 72), None, delay, now));
        order.delayed += 1;
        facts
    }

    fn come_back(&mut self, order: &Order, now: Timestamp) -> Vec<Fact> {
        self.returns += 1;
        let id = format!("r{}-{}", self.number, self.returns);
        let (sku, name) = PRODUCTS[order.lines[0].product];
        let about = json!({ "return": { "id": id, "authorized": true }, "order": order.reference() });
        let fact = |kind: &'static str, more: Value| {
            let mut data = about.clone();
            merge(&mut data, more);
            Fact::about(kind, &format!("returns/{id}"), data)
        };
        let on_hand = self.stock.entry(sku).or_default();
        *on_hand += 1;
        let stock = json!({ "on_hand": *on_hand, "reserved": 0, "available": *on_hand });
        let item = json!({ "sku": sku, "name": name, "code": "07350053850019", "condition": "restock" });
        let mut inspected = item.clone();
        merge(&mut inspected, json!({ "quantity": 1, "stock": stock }));
        let announced = json!({
            "id": id, "order": order.reference(), "resolution": "refund",
            "lines": [{ "sku": sku, "name": name, "quantity": 1, "barcodes": ["07350053850019"] }],
        });
        let mut facts = vec![
            Fact::about("return.authorized", &format!("returns/{id}"), announced),
            fact("return.received", json!({})),
        ];
        let told = json!({ "return": { "id": id, "authorized": true, "resolution": "refund" } });
        facts.extend(order.say(&self.site, &Milestone("return_received", 50, 72), None, told, now));
        facts.push(fact("return.item_inspected", inspected));
        facts.push(fact("return.completed", json!({ "resolution": "refund", "items": [item], "outstanding": [] })));
        facts
    }
}

impl Order {
    fn fact(&self, kind: &'static str, data: Value) -> Fact {
        Fact::about(kind, &format!("orders/{}", self.id), data)
    }

    fn reference(&self) -> Value {
        json!({ "id": self.id, "number": self.number, "revision": 1 })
    }

    fn about(&self) -> Value {
        json!({ "order": self.reference() })
    }

    fn with(&self, more: Value) -> Value {
        let mut data = self.about();
        merge(&mut data, more);
        data
    }

    fn terms(&self) -> Value {
        let line = |(line, n): (&Line, usize)| {
            let mut units = line.units(n, line.wanted);
            units["barcodes"] = json!(["07350053850019"]);
            units
        };
        let lines: Vec<Value> = self.lines.iter().zip(1..).map(line).collect();
        let mut terms = json!({
            "id": self.id, "number": self.number, "revision": 1, "lines": lines,
            "delivery": if self.pickup { "pickup" } else { "carrier" }, "promise": self.promise, "on_short": "ship_rest",
        });
        if !self.pickup {
            merge(&mut terms, json!({ "carrier": self.carrier, "service": "express" }));
        }
        if let Some(notify) = &self.notify {
            terms["notify"] = notify.clone();
        }
        terms
    }

    fn contents(&self, parcel: &Parcel) -> Vec<Value> {
        parcel.contents.iter().map(|(line, units)| self.lines[*line].units(line + 1, *units)).collect()
    }

    /// A courier for the parcel `n`: asked for again it is another key.
    fn ask(&mut self, n: usize, last: bool) -> Fact {
        let parcel = &mut self.parcels[n - 1];
        parcel.asked += 1;
        let (sscc, revision) = (parcel.sscc.clone(), parcel.asked);
        let of = if last { json!(self.parcels.len()) } else { Value::Null };
        let requested = json!({
            "key": self.key(n), "parcel": n, "of": of, "final": last, "sscc": sscc, "carrier": self.carrier,
            "carrier_name": self.carrier, "service": "express", "revision": revision, "time_left_s": 5208,
        });
        self.fact("dispatch.requested", self.with(requested))
    }

    fn key(&self, n: usize) -> String {
        format!("{}/{n}/{}@today/{}", self.id, self.carrier, self.parcels[n - 1].asked)
    }

    /// What the customer is to be told, where they allow it.
    fn say(
        &self,
        site: &str,
        milestone: &Milestone,
        parcel: Option<usize>,
        more: Value,
        now: Timestamp,
    ) -> Option<Fact> {
        let Milestone(word, rank, hours) = milestone;
        let notify = self.notify.as_ref()?;
        let (revision, replaces) = match *word {
            "delayed" => {
                (self.delayed + 1, (0 < self.delayed).then(|| format!("{site}/{}/-/delayed/{}", self.id, self.delayed)))
            }
            "packed" | "ready_for_pickup" | "handed_over" | "collected" => (1, self.told.clone()),
            "short_shipped" => (self.shorts, None),
            _ => (1, None),
        };
        let about = parcel.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let items: Vec<Value> = self.lines.iter().zip(1..).map(|(line, n)| line.units(n, line.wanted)).collect();
        // Returns of one order are told one by one.
        let about = more["return"]["id"].as_str().map_or(about, str::to_owned);
        let mut data = json!({
            "key": format!("{site}/{}/{about}/{word}/{revision}", self.id), "milestone": word, "rank": rank,
            "order": self.reference(), "items": items, "promise": self.promise,
            "expires_at": format!("{:.3}", now + SignedDuration::from_hours(*hours)),
        });
        merge(&mut data, notify.clone());
        merge(&mut data, more);
        if let Some(n) = parcel {
            merge(&mut data, json!({ "parcel": n, "of": self.parcels.len() }));
        }
        if !self.pickup {
            merge(&mut data, json!({ "carrier": self.carrier, "service": "express" }));
        }
        if let Some(replaces) = replaces {
            data["replaces"] = replaces.into();
        }
        Some(self.fact("notification.requested", data))
    }
}

impl Line {
    fn units(&self, n: usize, quantity: i64) -> Value {
        let (sku, name) = PRODUCTS[self.product];
        json!({ "line": n.to_string(), "sku": sku, "name": name, "quantity": quantity })
    }
}

fn key_of(fact: &Fact) -> Option<String> {
    fact.data["key"].as_str().map(str::to_owned)
}

fn merge(into: &mut Value, more: Value) {
    let (Value::Object(into), Value::Object(more)) = (into, more) else { return };
    into.extend(more);
}

/// GS1's serial shipping container code, with its check digit: another one for each parcel of each site.
fn sscc(site: usize, serial: u64) -> String {
    let digits = format!("0731{site:05}{serial:08}");
    let sum: u32 = digits
        .bytes()
        .rev()
        .zip([3, 1].into_iter().cycle())
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn lives_hold_everything_that_a_platform_must_take() {
        let now = crate::wait::wall_clock();
        let mut lives: Vec<Life> = (0..8).map(|number| Life::of(11, number)).collect();
        let facts: Vec<Fact> =
            lives.iter_mut().flat_map(|life| (0..600).flat_map(|_| life.step(now)).collect::<Vec<_>>()).collect();
        let kinds: BTreeSet<&str> = facts.iter().map(|fact| fact.kind).collect();
        for kind in [
            "site.started",
            "site.scan_refused",
            "order.accepted",
            "order.held",
            "order.released",
            "order.cancelled",
            "order.collected",
            "order.completed",
            "pick.started",
            "pick.item_picked",
            "pick.item_short",
            "pick.completed",
            "pack.started",
            "pack.item_packed",
            "pack.parcel_sealed",
            "pack.parcel_labelled",
            "pack.completed",
            "dispatch.requested",
            "dispatch.withdrawn",
            "dispatch.missed",
            "dispatch.parcel_ready",
            "dispatch.parcel_loaded",
            "dispatch.handed_over",
            "promise.at_risk",
            "promise.will_miss",
            "promise.recovered",
            "promise.kept",
            "return.authorized",
            "return.received",
            "return.item_inspected",
            "return.completed",
        ] {
            assert!(kinds.contains(kind), "no {kind}");
        }
        let milestones: BTreeSet<&str> = facts.iter().filter_map(|fact| fact.data["milestone"].as_str()).collect();
        assert_eq!(
            milestones.into_iter().collect::<Vec<_>>(),
            [
                "cancelled",
                "collected",
                "delayed",
                "handed_over",
                "order_accepted",
                "packed",
                "ready_for_pickup",
                "return_received",
                "short_shipped"
            ]
        );
    }

    #[test]
    fn no_key_and_no_parcel_is_given_twice() {
        let now = crate::wait::wall_clock();
        let mut life = Life::of(11, 1);
        let facts: Vec<Fact> = (0..2_000).flat_map(|_| life.step(now)).collect();
        for (kind, field) in
            [("notification.requested", "key"), ("dispatch.requested", "key"), ("pack.parcel_sealed", "sscc")]
        {
            let all: Vec<&str> =
                facts.iter().filter(|fact| fact.kind == kind).filter_map(|fact| fact.data[field].as_str()).collect();
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{field} of {kind}");
        }
    }

    #[test]
    fn ssccs_have_their_check_digit() {
        assert_eq!(sscc(0, 0).len(), 18);
        let weighted: u32 = sscc(3, 77)
            .bytes()
            .zip([3, 1].into_iter().cycle())
            .map(|(digit, weight)| u32::from(digit - b'0') * weight)
            .sum();
        assert_eq!(weighted % 10, 0);
    }
}
