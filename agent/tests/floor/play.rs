//! Plays a script on a site, and holds what the site says against its own log.

use super::site::{Folder, Site, at, command, config, status};
use parceld::clock::Moment;
use parceld::contract;
use parceld::domain::code::{Again, Meaning, Reading, Scan, Values};
use parceld::domain::event::{Event, Method};
use parceld::domain::name::Sku;
use parceld::domain::order::Order;
use parceld::domain::replay::replay;
use parceld::domain::rules::{Flow, Rules};
use parceld::domain::signal::{Answer, Reason, Signal};
use parceld::domain::sscc::Sscc;
use parceld::domain::station::Mode;
use parceld::domain::stock::Stock;
use parceld::journal::{self, Job, PrintJob, PrintWhat, salvage};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

pub const PREFIX: &str = "7350053";
const FINISHED: &str = "pack.parcel_sealed pack.completed dispatch.requested notification.requested";

/// A site at work.
pub struct Floor {
    _folder: Folder,
    config: journal::Config,
    site: Option<Site>,
    printed: Receiver<PrintJob>,
    now_ms: u64,
    trusted: bool,
    commands: u64,
    revisions: BTreeMap<String, u32>,
}

impl Floor {
    pub fn new(change: impl FnOnce(&mut Rules)) -> Self {
        let folder = Folder::in_memory();
        let (printing, printed) = sync_channel(100);
        let mut config = config(&folder.file("floor.db"));
        let stations = [
            ("bench", Mode::Pack),
            ("2", Mode::Pack),
            ("3", Mode::Pack),
            ("pick", Mode::Pick),
            ("pick-2", Mode::Pick),
            ("door", Mode::Load),
            ("door-2", Mode::Load),
            ("desk", Mode::Return),
            ("shelf", Mode::Count),
            ("gate", Mode::Receive),
        ];
        config.stations = stations.into_iter().map(|(id, mode)| (id.into(), mode)).collect();
        let bounce = Duration::from_millis(150);
        config.bounce = stations.into_iter().map(|(id, _)| (id.into(), bounce)).collect();
        config.repeating = stations.into_iter().map(|(id, _)| id.into()).collect();
        let mut postnord = config.rules.carriers[0].clone();
        postnord.id = "postnord".into();
        postnord.name = "PostNord".into();
        postnord.collections[0].at = jiff::civil::Time::constant(17, 0, 0, 0);
        config.rules.carriers.push(postnord);
        config.rules.low_stock = 2;
        config.printing = Some(printing);
        change(&mut config.rules);
        let site = Site::start_with(config.clone());
        Self {
            _folder: folder,
            config,
            site: Some(site),
            printed,
            now_ms: 0,
            trusted: true,
            commands: 0,
            revisions: BTreeMap::new(),
        }
    }

    fn site(&self) -> &Site {
        self.site.as_ref().unwrap()
    }

    pub fn events(&self) -> Vec<Event> {
        let stored = self.site().events();
        stored.iter().map(|stored| contract::event::decode(stored.kind, &stored.data).unwrap()).collect()
    }

    /// The last event of this kind, as JSON.
    pub fn last(&self, kind: &str) -> Value {
        let stored = self.site().events();
        let found = stored.iter().rev().find(|stored| stored.kind.word() == kind);
        serde_json::from_str(&found.unwrap_or_else(|| panic!("no {kind}")).data).unwrap()
    }

    /// Every order, and the stock of every product that has one.
    pub fn orders_and_stock(&self) -> (Vec<Order>, BTreeMap<Sku, Stock>) {
        self.site().settle();
        let reader = self.site().journal.reader().unwrap();
        (reader.orders(10_000).unwrap(), reader.stock().unwrap())
    }

    pub fn order(&self, number: &str) -> Order {
        self.site().settle();
        self.site().journal.reader().unwrap().order(number).unwrap().unwrap()
    }

    /// The last event of this kind for which `is` holds, as JSON.
    pub fn last_where(&self, kind: &str, is: impl Fn(&Value) -> bool) -> Value {
        self.all(kind).into_iter().rfind(is).unwrap_or_else(|| panic!("no such {kind}"))
    }

    /// Every event of this kind, as JSON.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        let stored = self.site().events();
        let of_kind = stored.iter().filter(|stored| stored.kind.word() == kind);
        of_kind.map(|stored| serde_json::from_str(&stored.data).unwrap()).collect()
    }

    /// Who was signed in at each event of this kind.
    pub fn operators(&self, kind: &str) -> Vec<String> {
        let stored = self.site().events();
        let of_kind = stored.iter().filter(|stored| stored.kind.word() == kind);
        of_kind.map(|stored| stored.operator.clone().unwrap_or_default()).collect()
    }

    pub fn sign_out_idle(&mut self, at_ms: u64) {
        self.now_ms = at_ms;
        self.site().journal.submit(Job::SignOutIdle { moment: at(at_ms) }).unwrap();
        self.site().settle();
    }

    /// Gives out numbers for labels; the first.
    pub fn reserve(&mut self, count: u32) -> u64 {
        self.site().ask(|reply| Job::ReserveSerials { count, reply }).unwrap()
    }

    pub fn wait(&mut self, ms: u64) {
        self.now_ms += ms;
    }

    /// From here on nobody knows what time it is.
    pub fn distrust_clock(&mut self) {
        self.trusted = false;
    }

    pub fn change_rules(&mut self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.config.rules);
        self.start_again(true);
    }

    /// Where the log stands now, as `stock.set` names it.
    pub fn place(&self) -> Value {
        let (epoch, head) = (self.site().epoch(), self.site().head());
        json!({"epoch": epoch.id, "sequence": epoch.sequence(head)})
    }

    pub fn set_stock_as_of(&mut self, letter: &str, quantity: i64, as_of: &Value) {
        let items = json!([{"sku": format!("sku-{letter}"), "quantity": quantity}]);
        assert_eq!(self.tell("stock.set", json!({"items": items, "as_of": as_of})), "accepted");
    }

    /// On hand and reserved of a product's letter.
    pub fn stock(&self, letter: &str) -> (i64, i64) {
        self.site().settle();
        let stock = self.site().journal.reader().unwrap().stock().unwrap();
        stock.get(format!("sku-{letter}").as_str()).map(|stock| (stock.on_hand, stock.reserved)).unwrap_or_default()
    }

    /// What the printers got since the last time, in short.
    pub fn printed(&self) -> Vec<String> {
        self.site().settle();
        let shown = |job: PrintJob| {
            let station = job.station.as_deref().unwrap_or("anywhere").to_owned();
            let what = match job.what {
                PrintWhat::Ours(print) => match *print {
                    journal_print::Label { order, parcel } => format!("label {}/{parcel}", order.terms.number),
                    journal_print::Ticket { order } => format!("ticket {}", order.terms.number),
                    journal_print::Manifest { manifest, orders } => {
                        format!("manifest {} {}", manifest.id, orders.len())
                    }
                },
                PrintWhat::Carriers { order, parcel, zpl } => format!("carrier's {order}/{parcel} {zpl}"),
            };
            format!("{station}: {what}")
        };
        self.printed.try_iter().map(shown).collect()
    }

    /// Scans, and answers in the script's words, with the events that it led to.
    pub fn scan(&mut self, code: &str) -> (Answer, Vec<&'static str>) {
        let (code, station) = code.split_once('@').unwrap_or((code, "bench"));
        let moment = Moment { trusted: self.trusted, ..at(self.now_ms) };
        let (code, again) = match (code.strip_suffix("!!"), code.strip_suffix("!?")) {
            (Some(code), _) => (code, Again::Surely),
            (None, Some(code)) => (code, Again::Perhaps),
            (None, None) => (code, Again::No),
        };
        let (text, meaning) = meant(code);
        let scan = Scan {
            scanner: station.into(),
            text: text.as_bytes().into(),
            meaning,
            again,
            at: moment.wall,
            since_start: moment.since_start,
        };
        let before = self.site().head();
        let station = station.into();
        let method = Method::Scan;
        let answer = self.site().ask(|reply| Job::Scan { station, scan, method, moment, reply });
        self.site().settle();
        let events = self.site().journal.reader().unwrap().events(before, 1_000).unwrap();
        (answer, events.iter().map(|stored| stored.kind.word()).collect())
    }

    /// Sends a command of the platform; the reply's status and reason.
    pub fn tell(&mut self, kind: &str, data: Value) -> String {
        self.commands += 1;
        let id = format!("cmd-{}", self.commands);
        let payload = command(&id, kind, data);
        let moment = at(self.now_ms);
        let outcome = self.site().ask(|reply| Job::Command { payload, moment, reply });
        status(&outcome.unwrap())
    }

    pub fn start_again(&mut self, orderly: bool) {
        let site = self.site.take().unwrap();
        if orderly {
            site.stop_in_order();
        } else {
            site.stop_without_a_word();
        }
        // Whatever was done here is nothing that anybody takes for damage.
        let path = &self.config.path;
        let _ = std::fs::remove_file(format!("{}.unfounded", path.display()));
        salvage::suspect(path, "nothing").unwrap();
        self.site = Some(Site::start_with(self.config.clone()));
        assert_eq!((salvage::quarantine(path).len(), salvage::unfounded(path).len()), (0, 1));
        self.now_ms = 0;
    }

    fn revision(&mut self, number: &str) -> u32 {
        let revision = self.revisions.entry(number.to_owned()).or_default();
        *revision += 1;
        *revision
    }

    /// `put 10042: 2xA 1xB via dhl`, as `order.put` has it.
    pub fn put(&mut self, text: &str) -> String {
        let number = text.split([':', ' ']).next().unwrap().to_owned();
        let revision = self.revision(&number);
        self.tell("order.put", order(text, revision))
    }

    /// One line that is no scan.
    fn between(&mut self, line: &str) {
        match line {
            "restart" | "crash" => return self.start_again(line == "restart"),
            _ => {}
        }
        if let Some(scanner) = line.strip_prefix("unanswered") {
            let scanner = if scanner.is_empty() { "bench" } else { scanner.trim() }.into();
            self.site().journal.submit(Job::Unanswered { scanner }).unwrap();
            return;
        }
        let (line, expected) =
            line.split_once('→').map_or((line, "accepted"), |(line, expected)| (line.trim(), expected.trim()));
        assert_eq!(self.command(line), expected, "{line}");
    }

    /// What the platform commands, in the script's words; the reply's status and reason.
    pub fn command(&mut self, line: &str) -> String {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let number = rest.split_whitespace().next().unwrap_or_default().to_owned();
        let id = format!("o-{number}");
        match verb {
            "put" => self.put(rest),
            "cancel" | "hold" | "release" | "expedite" => {
                let revision = self.revision(&number);
                self.tell(&format!("order.{verb}"), json!({"id": id, "revision": revision}))
            }
            "label" => self.label(rest),
            "return" => self.tell("return.put", return_of(rest)),
            "stock" => {
                let (letter, quantity) = rest.split_once(' ').unwrap();
                let quantity: i64 = quantity.parse().unwrap();
                self.tell("stock.set", json!({"items": [{"sku": format!("sku-{letter}"), "quantity": quantity}]}))
            }
            "catalog" => {
                let product = |letter: &str| json!({"sku": format!("sku-{letter}"), "name": format!("Product {letter}"), "barcodes": [letter]});
                let products: Vec<Value> = rest.split_whitespace().map(product).collect();
                self.tell("catalog.put", json!({ "products": products }))
            }
            _ => panic!("neither a time nor a word that scripts know: {line}"),
        }
    }

    /// `label 10042/1 rev=1 [tracking=T1] [zpl=^XA^XZ]`
    fn label(&mut self, text: &str) -> String {
        let mut words = text.split_whitespace();
        let (number, parcel) = words.next().unwrap().split_once('/').unwrap();
        let mut data = json!({"order": format!("o-{number}"), "parcel": parcel.parse::<u32>().unwrap()});
        for word in words {
            match word.split_once('=').unwrap() {
                ("rev", revision) => data["revision"] = revision.parse::<u32>().unwrap().into(),
                (field, text) => data[field] = text.into(),
            }
        }
        self.tell("parcel.label", data)
    }

    /// What the file says now, held against its log.
    pub fn assert_consistent(&self) {
        let (orders, stock) = self.orders_and_stock();
        let events = self.events();
        let orders: BTreeMap<_, _> = orders.into_iter().map(|order| (order.terms.id.clone(), order)).collect();
        assert_eq!(replay(&events).unwrap(), orders, "the log played back");
        let mut ledger: BTreeMap<Sku, i64> = BTreeMap::new();
        for (sku, delta) in events.iter().filter_map(Event::stock_moved) {
            *ledger.entry(sku.clone()).or_default() += delta;
        }
        for (sku, stock) in &stock {
            assert_eq!(ledger.get(sku).copied().unwrap_or_default(), stock.on_hand, "the ledger of {sku}");
            let wants = |order: &Order| -> i64 {
                let open = !order.progress.state.is_closed();
                let lines = (0..order.terms.lines.len()).filter(|line| open && order.terms.lines[*line].sku == *sku);
                lines.map(|line| i64::from(order.missing(line))).sum()
            };
            assert_eq!(orders.values().map(wants).sum::<i64>(), stock.reserved, "what is reserved of {sku}");
        }
        assert!(ledger.keys().all(|sku| stock.contains_key(sku)), "a product without a row: {ledger:?}");
    }
}

use parceld::domain::decide::Print as journal_print;

/// The text and the meaning of a code as scripts write it.
pub fn meant(code: &str) -> (String, Meaning) {
    let word = Meaning::commanded(code).or_else(|| Meaning::located(code));
    let parcel = code.strip_prefix('p').and_then(|serial| serial.parse().ok());
    let (letter, values) = code.split_once('+').unwrap_or((code, ""));
    let meaning = match (word, parcel) {
        (Some(word), _) => word,
        (None, Some(serial)) => Meaning::Sscc(Sscc::mint(PREFIX, serial)),
        (None, None) if code == "FORGED" => Meaning::Forged,
        (None, None) if letter.len() == 1 => Meaning::Product(reading(letter, values)),
        (None, None) => Meaning::Plain,
    };
    (code.to_owned(), meaning)
}

fn reading(letter: &str, text: &str) -> Reading {
    let mut values = Values::default();
    let mut units = 1;
    for part in text.split('+').filter(|part| !part.is_empty()) {
        match part.split_once('=').unwrap() {
            ("s", serial) => values.serial = Some(serial.into()),
            ("l", lot) => values.lot = Some(lot.into()),
            ("e", date) => values.expiry = Some(date.parse().unwrap()),
            ("w", grams) => values.weight_g = Some(grams.parse().unwrap()),
            ("u", count) => units = count.parse().unwrap(),
            other => panic!("{other:?}"),
        }
    }
    Reading { units, values, ..Reading::from(letter) }
}

/// `10042: 2xA 1xB@B1 via dhl|pickup [quiet] [short=hold|cancel] [by=TIME]`; a line's part behind `:` is what is
/// recorded of it: `1xA:s` a serial, `l` a lot, `e` an expiry, `p=MASK` the values' pattern. `1xA#2` is a line of
/// another id than its letter.
pub fn order(text: &str, revision: u32) -> Value {
    let (number, rest) = text.split_once(": ").expect("a colon after the number");
    let (lines, delivery) = rest.split_once(" via ").expect("`via` before the carrier");
    let mut words = delivery.split_whitespace();
    let carrier = words.next().unwrap();
    let mut order = json!({
        "id": format!("o-{number}"), "number": number, "revision": revision,
        "lines": lines.split_whitespace().map(line).collect::<Vec<Value>>(),
        "delivery": if carrier == "pickup" { "pickup" } else { "carrier" },
        "notify": {"customer": "c-1", "channels": ["email"]},
    });
    if carrier != "pickup" {
        order["carrier"] = carrier.into();
    }
    for word in words {
        match word.split_once('=') {
            None if word == "quiet" => order["notify"]["channels"] = json!([]),
            Some(("short", how)) => order["on_short"] = how.into(),
            Some(("by", time)) => order["promise"] = json!({ "ship_by": time }),
            _ => panic!("{word}"),
        }
    }
    order
}

fn line(text: &str) -> Value {
    let (text, capture) = text.split_once(':').unwrap_or((text, ""));
    let (text, bin) = text.split_once('@').map_or((text, None), |(text, bin)| (text, Some(bin)));
    let (text, id) = text.split_once('#').map_or((text, None), |(text, id)| (text, Some(id)));
    let (quantity, letter) = text.split_once('x').expect("`2xA`");
    let quantity: u32 = quantity.parse().expect("a quantity");
    let mut line = json!({
        "line": id.unwrap_or(letter), "sku": format!("sku-{letter}"), "name": format!("Product {letter}"),
        "quantity": quantity, "barcodes": [letter],
    });
    if let Some(bin) = bin {
        line["bin"] = bin.into();
    }
    for what in capture.split(',').filter(|what| !what.is_empty()) {
        match what {
            "s" => line["capture"]["serial"] = true.into(),
            "l" => line["capture"]["lot"] = true.into(),
            "e" => line["capture"]["expiry"] = true.into(),
            _ => line["capture"]["pattern"] = what.strip_prefix("p=").unwrap().into(),
        }
    }
    line
}

/// `r-1 of 10042: 1xA 2xB`
fn return_of(text: &str) -> Value {
    let (head, lines) = text.split_once(": ").unwrap();
    let (id, number) = head.split_once(" of ").map_or((head, None), |(id, number)| (id, Some(number)));
    let line = |text: &str| {
        let mut line = line(text);
        line.as_object_mut().unwrap().remove("line");
        line
    };
    let mut data =
        json!({"id": id, "lines": lines.split_whitespace().map(line).collect::<Vec<Value>>(), "resolution": "refund"});
    if let Some(number) = number {
        data["order"] = json!({"id": format!("o-{number}"), "number": number, "revision": 1});
    }
    data
}

/// An answer as scripts write it.
pub fn told(answer: &Answer) -> String {
    let mut text = answer.signal.word().to_owned();
    if let Some((done, of)) = answer.progress {
        text += &format!(" {done}/{of}");
    }
    if let Some(reason) = &answer.reason {
        text += &match reason {
            Reason::OpenElsewhere(station) => format!(" (open_elsewhere {station})"),
            Reason::OrderOpen(number) => format!(" (order_open {number})"),
            Reason::ParcelsLeft(left) => format!(" (parcels_left {left})"),
            Reason::WrongBin(bin) => format!(" (wrong_bin {bin})"),
            Reason::WrongTote(tote) => format!(" (wrong_tote {tote})"),
            Reason::ToteInUse(number) => format!(" (tote_in_use {number})"),
            Reason::PutBack(item) => format!(" (put_back {item})"),
            reason => format!(" ({})", reason.word()),
        };
    }
    if let Some(ask) = &answer.ask {
        text += &format!(" ?{}", ask.word());
    }
    text
}

fn shown(events: &[&str]) -> String {
    let words: Vec<&str> = events.iter().copied().filter(|word| *word != "site.scan_refused").collect();
    if words.is_empty() { "-".into() } else { words.join(" ").replace("pick.item_picked pack.item_packed", "unit") }
}

/// Plays `script` at a site with `orders`, and holds the result against the log.
pub fn check(orders: &str, script: &str) -> Floor {
    check_with(|_| {}, orders, script)
}

/// The same at a site whose rules are changed first.
pub fn check_with(change: impl FnOnce(&mut Rules), orders: &str, script: &str) -> Floor {
    let mut floor = Floor::new(change);
    for order in orders.lines().map(str::trim).filter(|line| !line.is_empty()) {
        assert_eq!(floor.put(order), "accepted", "{order}");
    }
    play(&mut floor, script);
    floor
}

/// The same at a site that picks first and packs then.
pub fn check_two_steps(orders: &str, script: &str) -> Floor {
    check_with(|rules| rules.flow = Flow::PickThenPack, orders, script)
}

/// Goes on with a script.
pub fn play(floor: &mut Floor, script: &str) {
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let Some((time, rest)) = line.split_once(' ').filter(|(time, _)| time.parse::<u64>().is_ok()) else {
            floor.between(line);
            continue;
        };
        floor.now_ms = time.parse().unwrap();
        let (code, expected) = rest.split_once('→').expect(line);
        let (expected, events) =
            expected.split_once('[').map_or((expected, None), |(e, w)| (e, Some(w.trim_end_matches(']'))));
        let (answer, happened) = floor.scan(code.trim());
        // What is asked for next is looked at where a script says so.
        let without_ask = Answer { ask: None, ..answer.clone() };
        let told = if expected.contains('?') { told(&answer) } else { told(&without_ask) };
        assert_eq!(told, expected.split_whitespace().collect::<Vec<_>>().join(" "), "{line}");
        if let Some(events) = events {
            let events = events.replace("FINISHED", FINISHED);
            assert_eq!(shown(&happened), events.split_whitespace().collect::<Vec<_>>().join(" "), "{line}");
        }
        let refused = happened.iter().filter(|word| **word == "site.scan_refused").count();
        assert_eq!(refused, usize::from(answer.reason.is_some()), "{line}");
        assert!(answer.signal != Signal::NotSaved, "{line}");
    }
    floor.assert_consistent();
}
