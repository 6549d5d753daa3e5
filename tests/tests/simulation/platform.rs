//! The platform as a checker: what the contract lets it believe of a site, and what must be true of it.
//!
//! It takes each event once and in order, by epoch and sequence, keeps aside what lies beyond a gap, and says so in
//! receipts: half a second after the last one it stored, soon after a gap or a duplicate, at once to a site that comes
//! online. Commands are repeated until their reply.

use super::broker::Message;
use parceld_tests::random::Random;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

pub const ROOT: &str = "parceld";
pub const SITE: &str = "sthlm-03";

const RECEIPT_AFTER: Duration = Duration::from_millis(500);
const REPEAT_EVERY: Duration = Duration::from_millis(200);
const COMMAND_EVERY: Duration = Duration::from_secs(8);

/// What it wants published.
#[derive(Debug)]
pub struct Said {
    pub topic: String,
    pub payload: String,
    pub retain: bool,
}

#[derive(Debug, Default)]
pub struct Platform {
    pub epochs: Vec<Epoch>,
    /// How often each event took effect.
    pub applied: HashMap<String, u32>,
    pub serials: HashMap<String, u32>,
    ssccs: BTreeSet<String>,
    pub faults: Vec<String>,
    pub commands: BTreeMap<String, Command>,
    pub orders: Vec<String>,
    /// The kinds of all events, as they took effect: two plays of one seed have the same.
    pub story: Vec<String>,
    pub duplicates: u64,
    /// The site has been put back to before what it had given out.
    pub has_lost_track: bool,
    wanted: u64,
}

#[derive(Debug)]
pub struct Epoch {
    pub id: String,
    pub ids: Vec<String>,
    pub aside: BTreeMap<u64, Value>,
    told: Option<(usize, Duration)>,
    news_since: Option<Duration>,
    again_from: Option<Duration>,
}

#[derive(Debug)]
pub struct Command {
    payload: String,
    next_at: Duration,
    /// None can come.
    has_no_reply: bool,
}

impl Platform {
    fn epoch(&mut self, id: &str) -> &mut Epoch {
        let at = self.epochs.iter().position(|epoch| epoch.id == id).unwrap_or_else(|| {
            let (ids, aside) = (Vec::new(), BTreeMap::new());
            self.epochs.push(Epoch { id: id.into(), ids, aside, told: None, news_since: None, again_from: None });
            self.epochs.len() - 1
        });
        &mut self.epochs[at]
    }

    pub fn take(&mut self, message: &Message, now: Duration) {
        let Ok(told) = serde_json::from_slice::<Value>(&message.payload) else {
            self.faults.push(format!("unreadable on {}", message.topic));
            return;
        };
        let topic = message.topic.strip_prefix(&format!("{ROOT}/{SITE}/")).unwrap_or_default();
        match topic {
            "state/agent" if told["state"] == "online" => {
                self.epoch(told["epoch"].as_str().unwrap_or_default()).again_from = Some(now);
                self.commands.values_mut().for_each(|command| command.next_at = command.next_at.min(now));
            }
            "replies" => {
                if let Some(id) = told["data"]["command"].as_str() {
                    self.commands.remove(id);
                }
            }
            _ if topic.starts_with("events/") => self.event(told, now),
            _ => {}
        }
    }

    fn event(&mut self, event: Value, now: Duration) {
        let id = event["epoch"].as_str().unwrap_or_default().to_owned();
        let sequence = event["sequence"].as_u64().unwrap_or_default();
        let epoch = self.epoch(&id);
        match usize::try_from(sequence).unwrap_or_default() {
            0 => self.faults.push(format!("no sequence: {event}")),
            known if known <= epoch.ids.len() => {
                epoch.again_from.get_or_insert(now);
                let stored = epoch.ids[known - 1].clone();
                self.duplicates += 1;
                if event["id"] != stored.as_str() {
                    self.faults.push(format!("epoch {id} sequence {sequence} was {stored} and is {}", event["id"]));
                }
            }
            next if next == epoch.ids.len() + 1 => {
                self.apply(&id, &event, now);
                while let Some(next) = self.next_aside(&id) {
                    self.apply(&id, &next, now);
                }
            }
            _ => {
                epoch.again_from.get_or_insert(now + REPEAT_EVERY);
                epoch.aside.insert(sequence, event);
            }
        }
    }

    fn next_aside(&mut self, id: &str) -> Option<Value> {
        let epoch = self.epoch(id);
        let next = epoch.ids.len() as u64 + 1;
        epoch.aside.remove(&next)
    }

    fn apply(&mut self, epoch: &str, event: &Value, now: Duration) {
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        let known = self.epoch(epoch);
        known.ids.push(id.clone());
        known.news_since.get_or_insert(now);
        let times = self.applied.entry(id.clone()).or_default();
        *times += 1;
        // Under a newer epoch it only fills its place.
        if 1 < *times {
            return;
        }
        let kind = event["type"].as_str().unwrap_or_default();
        let data = &event["data"];
        self.story.push(kind.to_owned());
        if kind == "parceld.pack.item_packed.v1"
            && let Some(serial) = data["serial"].as_str()
        {
            *self.serials.entry(serial.to_owned()).or_default() += 1;
        }
        if kind == "parceld.pack.parcel_sealed.v1"
            && let Some(sscc) = data["sscc"].as_str()
            && !self.ssccs.insert(sscc.to_owned())
            && !self.has_lost_track
        {
            self.faults.push(format!("SSCC {sscc} was given twice"));
        }
    }

    /// The next moment at which it may have something to say.
    pub fn due(&self) -> Option<Duration> {
        let receipts = self.epochs.iter().filter_map(Epoch::due);
        receipts.chain(self.commands.values().map(|command| command.next_at)).min()
    }

    pub fn turn(&mut self, now: Duration) -> Vec<Said> {
        let mut said = Vec::new();
        for epoch in self.epochs.iter_mut().filter(|epoch| epoch.due().is_some_and(|due| due <= now)) {
            let sequence = epoch.ids.len();
            epoch.told = Some((sequence, now));
            (epoch.news_since, epoch.again_from) = (None, None);
            let again = (!epoch.aside.is_empty()).then_some(now + 8 * REPEAT_EVERY);
            epoch.again_from = again;
            let payload = json!({"epoch": epoch.id, "sequence": sequence}).to_string();
            said.push(Said { topic: format!("{ROOT}/{SITE}/receipts"), payload, retain: true });
        }
        for command in self.commands.values_mut().filter(|command| command.next_at <= now) {
            command.next_at = now + COMMAND_EVERY;
            said.push(Said {
                topic: format!("{ROOT}/{SITE}/commands"),
                payload: command.payload.clone(),
                retain: false,
            });
        }
        self.commands.retain(|_, command| !command.has_no_reply);
        said
    }

    /// Wants something of the site: mostly another order packed.
    pub fn wants(&mut self, now: Duration, expires_at: &str, random: &mut Random) {
        self.wanted += 1;
        let id = format!("cmd-{}", self.wanted);
        let order = |number: &str, revision: u32, random: &mut Random| {
            let line = |n: usize, random: &mut Random| {
                let product = PRODUCTS[n];
                json!({"line": n.to_string(), "sku": format!("SKU-{n}"), "name": format!("Product {n}"),
                    "quantity": 1 + random.below(3), "barcodes": [product]})
            };
            let lines: Vec<Value> =
                random.shuffled(PRODUCTS.len())[..1 + random.below(2)].iter().map(|n| line(*n, random)).collect();
            json!({"id": format!("o-{number}"), "number": number, "revision": revision, "lines": lines,
                "delivery": "carrier", "carrier": "dhl", "notify": {"customer": "c-1", "channels": ["email"]}})
        };
        let old = |orders: &[String], random: &mut Random| orders[random.below(orders.len())].clone();
        let (kind, data) = match random.below(20) {
            0 if !self.orders.is_empty() => {
                let number = old(&self.orders, random);
                (
                    "order.cancel",
                    json!({"id": format!("o-{number}"), "revision": 9, "reason": "customer", "notify": true}),
                )
            }
            1 if !self.orders.is_empty() => {
                let number = old(&self.orders, random);
                let revision = 1 + random.below(4) as u32;
                ("order.put", order(&number, revision, random))
            }
            2 => ("stock.set", json!({"items": [{"sku": "SKU-0", "on_hand": random.below(100)}]})),
            3 => ("order.put", json!({"id": "o-x", "lines": "none"})),
            4 => ("site.report", json!({})),
            5 => ("robot.dance", json!({"how": "well"})),
            _ => {
                let number = (10_000 + self.wanted).to_string();
                self.orders.push(number.clone());
                ("order.put", order(&number, 1, random))
            }
        };
        let mut command = json!({"specversion": "1.0", "id": id, "source": "/platform",
            "type": format!("parceld.{kind}.v1"), "data": data});
        if random.once_in(15) {
            command["expirytime"] = expires_at.into();
        }
        let mut payload = command.to_string();
        let is_broken = random.once_in(25);
        if is_broken {
            payload.truncate(payload.len() / 2);
        }
        let copies = if random.once_in(6) { 3 } else { 1 };
        for copy in 0..copies {
            let next_at = now + Duration::from_millis(random.below(1 + copy * 400) as u64);
            let (key, has_no_reply) = match copy {
                0 => (id.clone(), is_broken),
                _ => (format!("{id} again {copy}"), true),
            };
            self.commands.insert(key, Command { payload: payload.clone(), next_at, has_no_reply });
        }
    }
}

impl Epoch {
    fn due(&self) -> Option<Duration> {
        let repeat = self.told.map_or(Duration::ZERO, |(_, at)| at + REPEAT_EVERY);
        let again = self.again_from.map(|from| from.max(repeat));
        let news = self.news_since.map(|since| since + RECEIPT_AFTER);
        again.into_iter().chain(news).min()
    }
}

/// GTINs of what is sold.
pub const PRODUCTS: [&str; 4] = ["04006381333931", "07350053850019", "00012345678905", "09780201379624"];
