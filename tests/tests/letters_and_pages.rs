//! What customers see: letters in two languages by three channels, and a page for every state of an order, looked at by
//! a browser. Pictures are in `target/tmp/screens`.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use jiff::{SignedDuration, Timestamp};
use parceld_tests::browser::{Browser, Look};
use parceld_tests::mosquitto::Mosquitto;
use parceld_tests::mqtt_client::{Message, MqttClient};
use parceld_tests::platform::Platform;
use parceld_tests::sink::Mood;
use parceld_tests::sink::smtp::{Mail, MailSink};
use parceld_tests::sink::webhook::{Post, WebhookSink};
use parceld_tests::tempdir::TempDir;
use parceld_tests::{http, wait};
use serde_json::{Value, json};

const SHOP: &str = r##"
[[shop]]
id = "lera"
name = "Lind & Lera"
logo = "logo.svg"
sites = ["s"]
zone = "ZONE"
language = "sv"
sender = "order@lera.example"
reply_to = "hej@lera.example"
pages = "https://lera.example"
words = "words"
[shop.light]
brand = "#5b2a86"
on_brand = "#ffffff"
brand_soft = "#f1eaf7"
[shop.dark]
brand = "#cbaaf0"
on_brand = "#23093d"
brand_soft = "#2c2138"
[shop.pickup]
place = "Lergatan 4"
keep_days = 7
[[shop.pickup.open]]
days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
from = "10:00"
to = "20:00"
[shop.carriers]
fb = "Fjärdbud"
"##;

const LOGO: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><circle cx="20" cy="20" r="19" fill="#ffffff"/><path d="M14 9v20h13" fill="none" stroke="#5b2a86" stroke-width="5"/></svg>"##;

#[expect(clippy::disallowed_methods, reason = "what a page calls today is today")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn minutes(minutes: i64) -> Timestamp {
    now() + SignedDuration::from_mins(minutes)
}

/// A full hour, so many hours from this one: shops promise by the clock.
fn hours(hours: i64) -> Timestamp {
    let seconds = now().as_second();
    Timestamp::from_second(seconds - seconds % 3_600 + hours * 3_600).expect("a moment of these years")
}

/// The zone of a place where it is between ten and eleven now: what letters call today and tomorrow doesn't depend on when a
/// test runs.
fn morning() -> String {
    let hour = now().as_second().div_euclid(3_600).rem_euclid(24);
    let ahead = (10 - hour + 12).rem_euclid(24) - 12;
    // These names count the hours behind.
    format!("Etc/GMT{:+}", -ahead)
}

/// A shop, a site that publishes by hand, and where its letters end.
struct Town {
    platform: Platform,
    site: MqttClient,
    sequence: i64,
    mail: MailSink,
    sms: WebhookSink,
    push: WebhookSink,
    _broker: Mosquitto,
    _shop: TempDir,
}

const EPOCH: &str = "01935d00-0000-7000-8000-000000000001";

impl Town {
    fn new() -> Town {
        let (broker, shop) = (Mosquitto::start(), TempDir::new("shop"));
        fs::write(shop.join("shops.toml"), SHOP.replace("ZONE", &morning())).expect("a file can be written");
        fs::write(shop.join("logo.svg"), LOGO).expect("a file can be written");
        fs::create_dir(shop.join("words")).expect("a folder can be made");
        let own = "[packed]\ntitle = 'Nu är den inslagen'\n";
        fs::write(shop.join("words/sv.toml"), own).expect("a file can be written");
        let (mail, sms, push) = (MailSink::start(), WebhookSink::start(), WebhookSink::start());
        let shops = shop.join("shops.toml").display().to_string();
        let platform = Platform::with(
            broker.port(),
            &["--shops", &shops, "--smtp", &mail.address(), "--sms-webhook", &sms.url(), "--push-webhook", &push.url()],
        );
        let site = MqttClient::connect(broker.port(), "site");
        site.subscribe("parceld/v1/s/commands");
        let mut town = Town { platform, site, sequence: 0, mail, sms, push, _broker: broker, _shop: shop };
        town.event("site.started", None, -600, json!({ "cause": "new", "follows": null, "version": "1", "boot": "b" }));
        town
    }

    /// An event about an order, so many minutes from now.
    #[expect(clippy::needless_pass_by_value, reason = "every caller writes it in place")]
    fn event(&mut self, kind: &str, order: Option<&str>, at: i64, data: Value) {
        self.sequence += 1;
        let group = kind.split('.').next().unwrap_or_default();
        let mut event = json!({
            "specversion": "1.0", "id": format!("01935d00-0000-7000-9000-{:012x}", self.sequence), "source": "/sites/s",
            "type": format!("parceld.{kind}.v1"), "time": minutes(at), "epoch": EPOCH, "sequence": self.sequence,
            "head": self.sequence, "clock": "synced", "station": "bench-1", "historical": false, "data": data,
        });
        if let Some(order) = order {
            event["subject"] = order.into();
        }
        self.site.publish_json(&format!("parceld/v1/s/events/{group}"), &event);
    }

    /// Waits until the platform has stored all that was published.
    #[track_caller]
    fn settle(&self) {
        wait::until("the events are stored", wait::GENEROUS, || {
            let site = self.platform.site("s")?;
            (site["sequence"] == self.sequence).then_some(())
        });
    }

    fn customer(&self, reference: &str, entry: &Value) {
        let url = format!("{}/api/customers/{reference}", self.platform.url());
        let _ = http::put(&url, entry).expect("the platform answers").success();
    }

    /// The token of an order's page.
    #[track_caller]
    fn token(&self, order: &str) -> String {
        let order = self.platform.order("s", order).expect("the order is known");
        order["page"].as_str().and_then(|page| page.rsplit('/').next()).expect("the order has a page").to_owned()
    }

    fn page(&self, order: &str, language: &str) -> String {
        format!("{}/t/{}?lang={language}", self.platform.url(), self.token(order))
    }

    fn read(&self, order: &str, language: &str) -> String {
        http::get(&self.page(order, language)).expect("the page answers").success().body
    }

    /// Commands that the site was sent, with this type and order.
    fn commands(&self, kind: &str, order: &str) -> Vec<Value> {
        let messages = self.site.messages();
        let commands = messages.iter().filter(|message| message.topic.ends_with("/commands")).map(Message::json);
        commands.filter(|one| one["type"] == format!("parceld.{kind}.v1") && one["data"]["id"] == order).collect()
    }
}

/// One order on its way through the site.
struct Order<'a> {
    town: &'a mut Town,
    id: String,
    number: String,
    terms: Value,
}

impl<'a> Order<'a> {
    /// Put by the shop and taken by the site: two bowls and a jug, promised for the next hours.
    fn taken(town: &'a mut Town, number: &str, delivery: &str, customer: &str) -> Order<'a> {
        let id = format!("o-{number}");
        let mut terms = json!({
            "id": id, "number": number, "revision": 1, "delivery": delivery,
            "lines": [
                { "line": "1", "sku": "BOWL", "name": "Skål, prickig", "quantity": 2, "barcodes": ["7350053850019"] },
                { "line": "2", "sku": "JUG", "name": "Kanna, hög", "quantity": 1 },
            ],
            "promise": { "ship_by": hours(1), "deliver_from": hours(2), "deliver_by": hours(4) },
            "notify": { "customer": customer, "channels": ["email", "sms", "push"], "language": "sv" },
        });
        if delivery == "carrier" {
            (terms["carrier"], terms["service"]) = ("fb".into(), "express".into());
        }
        town.platform.put_order("s", &terms);
        let mut order = Order { town, id, number: number.to_owned(), terms };
        order.event("order.accepted", -120, order.terms.clone());
        order
    }

    fn event(&mut self, kind: &str, at: i64, data: Value) {
        self.town.event(kind, Some(&format!("orders/{}", self.id)), at, data);
    }

    fn of(&self, more: Value) -> Value {
        let mut data = json!({ "order": { "id": self.id, "number": self.number, "revision": 1 } });
        if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
            data.extend(more);
        }
        data
    }

    fn does(&mut self, kind: &str, at: i64, more: Value) -> &mut Self {
        let data = self.of(more);
        self.event(kind, at, data);
        self
    }

    fn picks(&mut self, line: &str, picked: i64, wanted: i64, at: i64) -> &mut Self {
        let (sku, name) = if line == "1" { ("BOWL", "Skål, prickig") } else { ("JUG", "Kanna, hög") };
        self.does(
            "pick.item_picked",
            at,
            json!({ "line": line, "sku": sku, "name": name, "picked": picked, "wanted": wanted, "stock": { "on_hand": 9 } }),
        )
    }

    /// Picked and packed into `parcels` parcels.
    fn packs(&mut self, parcels: i64) -> &mut Self {
        self.does("pick.started", -50, json!({})).picks("1", 2, 2, -45).picks("2", 1, 1, -44);
        self.does("pick.completed", -44, json!({})).does("pack.started", -40, json!({}));
        for (line, sku, name, quantity) in [("1", "BOWL", "Skål, prickig", 2), ("2", "JUG", "Kanna, hög", 1)] {
            let parcel = if parcels == 1 || line == "1" { 1 } else { 2 };
            self.does(
                "pack.item_packed",
                -35,
                json!({ "line": line, "sku": sku, "name": name, "parcel": parcel, "packed": quantity, "wanted": quantity }),
            );
        }
        for parcel in 1..=parcels {
            let bowl = json!({ "line": "1", "sku": "BOWL", "name": "Skål, prickig", "quantity": 2 });
            let jug = json!({ "line": "2", "sku": "JUG", "name": "Kanna, hög", "quantity": 1 });
            let contents = match (parcels, parcel) {
                (1, _) => json!([bowl, jug]),
                (_, 1) => json!([bowl]),
                _ => json!([jug]),
            };
            let sscc = format!("07350053{:0>10}", format!("{}{parcel}", self.number));
            self.does("pack.parcel_sealed", -32, json!({ "parcel": parcel, "sscc": sscc, "contents": contents }));
            if self.terms["delivery"] == "carrier" {
                let tracking = format!("FB 2211 {} {parcel}", self.number);
                self.does("pack.parcel_labelled", -31, json!({ "parcel": parcel, "sscc": sscc, "tracking": tracking }));
            }
        }
        self.does("pack.completed", -30, json!({ "parcels": parcels }))
    }

    fn leaves(&mut self, parcels: std::ops::RangeInclusive<i64>, of: i64) -> &mut Self {
        for parcel in parcels {
            let tracking = format!("FB 2211 {} {parcel}", self.number);
            let url = format!("https://fjardbud.example/t/{parcel}");
            self.does(
                "dispatch.handed_over",
                -5,
                json!({ "parcel": parcel, "of": of, "carrier": "fb", "manifest": "fb#1", "tracking": tracking }),
            );
            self.asks(
                "handed_over",
                40,
                -4,
                json!({ "parcel": parcel, "of": of, "tracking": tracking, "tracking_url": url }),
            );
        }
        self
    }

    /// Has the customer told of a milestone.
    fn asks(&mut self, milestone: &str, rank: i64, at: i64, more: Value) -> &mut Self {
        let parcel = more["parcel"].as_i64().map_or("-".to_owned(), |n| n.to_string());
        let mut data = self.of(json!({
            "key": format!("s/{}/{parcel}/{milestone}/1", self.id), "milestone": milestone, "rank": rank,
            "customer": self.terms["notify"]["customer"], "channels": ["email", "sms", "push"], "language": "sv",
            "items": [{ "name": "Skål, prickig", "quantity": 2 }, { "name": "Kanna, hög", "quantity": 1 }],
            "promise": self.terms["promise"], "expires_at": minutes(24 * 60),
        }));
        if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
            data.extend(more);
        }
        if self.terms["delivery"] == "carrier" {
            data["carrier"] = "fb".into();
        }
        self.event("notification.requested", at, data);
        self
    }

    /// Too late for its collection: tomorrow instead.
    fn is_late(&mut self) -> &mut Self {
        let revised = json!({
            "collection": { "id": "fb@next", "at": hours(23) }, "ship_by": hours(23), "deliver_from": hours(24),
            "deliver_by": hours(26),
        });
        let missed =
            json!({ "promise": self.terms["promise"], "cause": "not_packed", "revised": revised, "broken": true });
        self.does("promise.missed", -20, missed);
        let delay =
            json!({ "first": true, "restored": false, "choices": ["keep", "pick_up", "cancel"], "revised": revised });
        self.asks("delayed", 25, -20, json!({ "reason": "not_packed", "delay": delay }))
    }
}

/// An order in every state that a customer can see, by its name.
fn every_state(town: &mut Town) -> Vec<(&'static str, String)> {
    let mut orders = Vec::new();
    let mut add = |name, order: &Order<'_>| orders.push((name, order.id.clone()));

    let mut order = Order::taken(town, "10041", "carrier", "c-none");
    order.does("pick.started", -3, json!({})).picks("1", 1, 2, -2).picks("1", 2, 2, -1);
    add("packing", &order);
    let mut order = Order::taken(town, "10042", "carrier", "c-none");
    order.packs(2).leaves(1..=2, 2).does("order.completed", -5, json!({}));
    add("onway", &order);
    let mut order = Order::taken(town, "10043", "carrier", "c-none");
    order.packs(2).leaves(1..=1, 2);
    add("partly", &order);
    let mut order = Order::taken(town, "10044", "carrier", "c-none");
    order.packs(2).is_late();
    add("delayed", &order);
    let mut order = Order::taken(town, "10045", "pickup", "c-none");
    order.packs(1).does("dispatch.parcel_ready", -20, json!({ "parcel": 1, "place": "H-3" }));
    add("ready", &order);
    let mut order = Order::taken(town, "10046", "pickup", "c-none");
    order.packs(1).does("dispatch.parcel_ready", -20, json!({ "parcel": 1, "place": "H-3" }));
    order.does("order.collected", -2, json!({})).does("order.completed", -2, json!({}));
    add("collected", &order);
    let mut order = Order::taken(town, "10047", "carrier", "c-none");
    order.does("order.cancelled", -10, json!({ "reason": "customer", "notify": true, "partial": false, "picked": [] }));
    add("cancelled", &order);
    let mut order = Order::taken(town, "10048", "carrier", "c-none");
    order.does("pick.started", -12, json!({})).picks("1", 2, 2, -11);
    let short = json!({
        "line": "2", "sku": "JUG", "name": "Kanna, hög", "quantity": 1, "reason": "not_there", "picked": 0, "wanted": 0,
        "stock": { "on_hand": 0 },
    });
    order.does("pick.item_short", -10, short);
    add("short", &order);
    let mut order = Order::taken(town, "10049", "carrier", "c-none");
    order.packs(1).leaves(1..=1, 1).does("order.completed", -5, json!({}));
    let about = json!({ "return": { "id": "R-2087", "authorized": true }, "resolution": "refund" });
    let announced = json!({
        "id": "R-2087", "order": { "id": order.id, "number": "10049" }, "resolution": "refund",
        "lines": [{ "sku": "JUG", "name": "Kanna, hög", "quantity": 1 }],
    });
    let received = order.of(about);
    order.town.event("return.authorized", Some("returns/R-2087"), -3, announced);
    order.town.event("return.received", Some("returns/R-2087"), -2, received);
    add("return", &order);
    town.settle();
    orders
}

/// Pages that are looked at at the same time.
const READERS: usize = 2;

/// What is read first, in English and in Swedish.
const NEWS: [(&str, [&str; 2]); 9] = [
    ("packing", ["We are picking your order", "Vi plockar din order"]),
    ("onway", ["On its way to you", "På väg till dig"]),
    ("partly", ["On its way: 1 of 2 parcels", "På väg: 1 av 2 paket"]),
    ("delayed", ["We did not finish packing before Fjärdbud came.", "Vi hann inte packa klart innan Fjärdbud kom."]),
    ("ready", ["Ready to fetch", "Klar att hämta"]),
    ("collected", ["You have fetched your order", "Du har hämtat din order"]),
    ("cancelled", ["Your order is cancelled", "Din order är avbeställd"]),
    ("short", ["Part of your order does not come", "En del av din order kommer inte"]),
    ("return", ["Your return is here", "Din retur är framme"]),
];

#[test]
fn every_state_of_an_order_can_be_read_on_its_page() {
    let mut town = Town::new();
    let orders = every_state(&mut town);
    assert!(orders.iter().map(|(name, _)| name).eq(NEWS.iter().map(|(name, _)| name)));
    let pages: Vec<(&str, [String; 2], [&str; 2])> = orders
        .iter()
        .zip(NEWS)
        .map(|((name, order), (_, news))| (*name, ["en", "sv"].map(|language| town.page(order, language)), news))
        .collect();
    let (own, browser) = (format!("{}/", town.platform.url()), Browser::start());
    thread::scope(|scope| {
        for half in pages.chunks(pages.len().div_ceil(READERS)) {
            let (own, browser) = (&own, &browser);
            scope.spawn(move || half.iter().for_each(|(name, urls, news)| look(browser, name, urls, *news, own)));
        }
    });
    let support = Look::sized(1280, 1800);
    browser.picture(&format!("{own}support/s/o-10044"), support, &screens().join("support.png"));
}

/// Reads a page in both languages, and takes its pictures.
fn look(browser: &Browser, name: &str, urls: &[String; 2], news: [&str; 2], own: &str) {
    let screens = screens();
    let phone = Look::sized(360, 1500);
    let desk = Look::sized(1280, 1400);
    for ((language, url), news) in ["en", "sv"].into_iter().zip(urls).zip(news) {
        let (dom, requests) = browser.visit(url);
        assert!(dom.contains(news), "{name} in {language} lacks {news:?}: {dom}");
        assert!(dom.contains(&format!("<html lang=\"{language}\"")), "{name}");
        assert_eq!(dom.contains("FB 2211"), ["onway", "partly", "return"].contains(&name), "{name}: tracking number");
        assert!(requests.iter().any(|request| request.ends_with("/brand.css")), "{name}: {requests:?}");
        let foreign: Vec<&String> = requests.iter().filter(|request| !request.starts_with(own)).collect();
        assert!(foreign.is_empty(), "{name} asks others for {foreign:?}");
        for (width, look) in [("360", phone), ("1280", desk)] {
            browser.picture(url, look, &screens.join(format!("{name}-{language}-{width}.png")));
        }
    }
    browser.picture(&urls[0], phone.dark(), &screens.join(format!("{name}-en-360-dark.png")));
}

fn screens() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screens");
    fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}

/// The mail, text message and push message about an order, once all three have come.
#[track_caller]
fn letters(town: &Town, number: &str) -> (Mail, Post, Post) {
    wait::until(&format!("letters about {number}"), wait::GENEROUS, || {
        let post = |sink: &WebhookSink| sink.posts().into_iter().find(|post| post.body.contains(number));
        let mail = town.mail.mails().into_iter().find(|mail| mail.text.contains(number));
        Some((mail?, post(&town.sms)?, post(&town.push)?))
    })
}

/// What each mail says first, in English and in Swedish, by the name of its pictures.
const MAILS: [(&str, [&str; 2]); 10] = [
    ("accepted", ["We have your order", "Vi har fått din order"]),
    ("packed", ["Your order is packed", "Nu är den inslagen"]),
    ("onway", ["On its way to you", "På väg till dig"]),
    ("ready", ["Ready to fetch", "Klar att hämta"]),
    ("collected", ["You have fetched your order", "Du har hämtat din order"]),
    ("short", ["Part of your order does not come", "En del av din order kommer inte"]),
    ("delayed", ["Tomorrow, not today", "I morgon, inte i dag"]),
    ("cancelled", ["Your order is cancelled", "Din order är avbeställd"]),
    ("returned", ["Your return is here", "Din retur är framme"]),
    ("feedback", ["How did it arrive?", "Hur kom den fram?"]),
];

/// Asks for every mail in one language, each about an order of its own; the numbers of the orders.
fn every_mail(town: &mut Town, language: &str, first: u32) -> Vec<String> {
    let mut numbers = Vec::new();
    for ((name, _), number) in MAILS.iter().zip(first..) {
        let delivery = if ["ready", "collected"].contains(name) { "pickup" } else { "carrier" };
        let mut order = Order::taken(town, &number.to_string(), delivery, "c-mail");
        let revised = json!({ "collection": { "id": "fb@next", "at": hours(23) }, "deliver_from": hours(24), "deliver_by": hours(26) });
        let (milestone, rank, more) = match *name {
            "accepted" => ("order_accepted", 10, json!({})),
            "packed" => ("packed", 20, json!({})),
            "onway" => ("handed_over", 40, json!({ "tracking": format!("FB 2211 {number} 1") })),
            "ready" => ("ready_for_pickup", 30, json!({})),
            "collected" => ("collected", 40, json!({})),
            "short" => {
                let short = json!([{ "name": "Kanna, hög", "quantity": 1 }]);
                ("short_shipped", 22, json!({ "reason": "not_there", "short": short }))
            }
            "delayed" => {
                let choices = json!(["keep", "pick_up", "cancel"]);
                let delay = json!({ "first": true, "restored": false, "choices": choices, "revised": revised });
                ("delayed", 25, json!({ "reason": "not_packed", "delay": delay }))
            }
            "cancelled" => ("cancelled", 50, json!({ "reason": "customer" })),
            "returned" => {
                let about = json!({ "id": "R-1", "authorized": true, "resolution": "refund" });
                ("return_received", 50, json!({ "return": about }))
            }
            _ => ("feedback_invited", 45, json!({})),
        };
        let mut more = more;
        more["language"] = language.into();
        order.asks(milestone, rank, -1, more);
        numbers.push(number.to_string());
    }
    numbers
}

/// The HTML of a mail, as its reader's program takes it out.
fn html(mail: &Mail) -> String {
    let (_, part) = mail.text.split_once("Content-Type: text/html").expect("a mail has a part in HTML");
    let (headers, body) = part.split_once("\n\n").expect("a part has a body");
    let body = body.split("\n--").next().unwrap_or_default();
    match headers.to_ascii_lowercase().contains("quoted-printable") {
        true => {
            let decoded = quoted_printable::decode(body, quoted_printable::ParseMode::Robust).expect("a body");
            String::from_utf8(decoded).expect("a body is UTF-8")
        }
        false => body.to_owned(),
    }
}

#[test]
fn every_mail_can_be_read_where_mails_are_read() {
    let mut town = Town::new();
    town.customer("c-mail", &json!({ "email": "anna@kund.example" }));
    let orders = [("en", every_mail(&mut town, "en", 31_000)), ("sv", every_mail(&mut town, "sv", 32_000))];
    town.settle();
    let (mails, browser) = (&town.mail, &Browser::start());
    thread::scope(|scope| {
        for (at, (language, numbers)) in orders.iter().enumerate() {
            scope.spawn(move || {
                let all = MAILS.iter().zip(numbers);
                all.for_each(|((name, news), number)| look_at_mail(browser, mails, name, language, number, news[at]));
            });
        }
    });
}

/// Reads the mail about an order as its customer does, and takes its pictures.
fn look_at_mail(browser: &Browser, mails: &MailSink, name: &str, language: &str, number: &str, news: &str) {
    let mail = wait::until(&format!("the mail about {number}"), wait::GENEROUS, || {
        let about = |mail: &Mail| mail.header("Subject").is_some_and(|subject| subject.contains(number));
        mails.mails().into_iter().find(about)
    });
    let screens = screens();
    let file = screens.join(format!("mail-{name}-{language}.html"));
    fs::write(&file, html(&mail)).expect("a file can be written");
    let url = format!("file://{}", file.display());
    let (dom, requests) = browser.visit(&url);
    assert!(dom.contains(news), "{name} in {language} lacks {news:?}: {dom}");
    assert!(requests.iter().all(|request| request.starts_with("file://")), "{name} loads {requests:?}");
    let phone = Look::sized(360, 1100);
    let desk = Look::sized(1280, 1000);
    for (width, look) in [("360", phone), ("1280", desk)] {
        browser.picture(&url, look, &screens.join(format!("mail-{name}-{language}-{width}.png")));
    }
    if language == "en" {
        browser.picture(&url, phone.dark(), &screens.join(format!("mail-{name}-en-360-dark.png")));
    }
}

#[test]
fn a_letter_goes_out_once_by_every_channel_and_again_until_it_is_taken() {
    let mut town = Town::new();
    town.customer("c-7", &json!({ "email": "anna@kund.example", "phone": "+46 70 000 00 00", "push": "token-1" }));
    town.sms.set(Mood::Fails);
    let mut order = Order::taken(&mut town, "20001", "carrier", "c-7");
    order.packs(1).leaves(1..=1, 1);
    wait::until("the message is refused", wait::GENEROUS, || {
        town.platform.letters("s").iter().any(|letter| letter["why"] == "answered 503").then_some(())
    });
    assert!(town.sms.posts().is_empty());
    // The wait after a first failure is 10 seconds.
    town.sms.set(Mood::Takes);
    let (mail, sms, push) = letters(&town, "20001");
    assert_eq!(mail.header("to").as_deref(), Some("anna@kund.example"));
    assert_eq!(mail.header("reply-to").as_deref(), Some("hej@lera.example"));
    assert!(mail.text.contains("FB 2211 20001 1"), "{mail:?}");
    let token = town.token("o-20001");
    for letter in [&mail.text.replace("=\n", ""), &sms.body, &push.body] {
        assert!(letter.contains(&format!("https://lera.example/t/{token}")), "{letter}");
    }
    let key = |post: &Post| post.idempotency_key().map(str::to_owned);
    assert_eq!(key(&sms).map(|key| key.len()), Some(32));
    assert_ne!(key(&sms), key(&push));
    assert!(mail.message_id().is_some_and(|id| id.ends_with("@lera.example>")), "{mail:?}");
    wait::until("all letters are marked as sent", wait::GENEROUS, || {
        let letters = town.platform.letters("s");
        (letters.len() == 3 && letters.iter().all(|letter| letter["state"] == "sent")).then_some(())
    });
    assert_eq!([town.mail.mails().len(), town.sms.posts().len(), town.push.posts().len()], [1, 1, 1]);
    for message in town.site.messages() {
        let text = message.text();
        assert!(!text.contains("kund.example") && !text.contains("token-1"), "the site was told of an address: {text}");
    }
}

#[test]
fn a_customer_chooses_and_is_told_what_the_site_made_of_it() {
    let mut town = Town::new();
    Order::taken(&mut town, "20002", "carrier", "c-7").packs(2).is_late();
    town.settle();
    let (form, order) = (format!("{}/t/{}", town.platform.url(), town.token("o-20002")), "o-20002");
    let submit = |what: &str, fields: &[(&str, &str)]| {
        http::submit(&format!("{form}/{what}?lang=en"), fields).expect("the platform answers").status
    };
    assert_eq!(submit("choice", &[("choice", "burn")]), 400);
    assert_eq!(submit("choice", &[("choice", "cancel")]), 303);
    assert_eq!(submit("choice", &[("choice", "cancel")]), 303, "a form that is sent again");
    assert_eq!(submit("choice", &[("choice", "pick_up")]), 409);
    let commands = wait::until("order.cancel", wait::GENEROUS, || {
        let commands = town.commands("order.cancel", order);
        (!commands.is_empty()).then_some(commands)
    });
    assert_eq!((&commands[0]["data"]["reason"], &commands[0]["data"]["notify"]), (&json!("customer"), &json!(true)));
    let page = town.read(order, "en");
    assert!(page.contains("nothing is cancelled yet") && !page.contains("Your order is cancelled"), "{page}");
    let cancelled = json!({
        "order": { "id": order, "number": "20002", "revision": 1 }, "reason": "customer", "notify": true,
        "partial": false, "picked": [],
    });
    town.event("order.cancelled", Some("orders/o-20002"), 0, cancelled);
    town.settle();
    assert!(town.read(order, "en").contains("Your order is cancelled"));
    let ids: Vec<Value> = town.commands("order.cancel", order).iter().map(|one| one["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "asked for once: {ids:?}");
}

#[test]
fn a_customer_fetches_instead_once_the_site_has_taken_the_change() {
    let mut town = Town::new();
    Order::taken(&mut town, "20003", "carrier", "c-7").packs(1).is_late();
    town.settle();
    let form = format!("{}/t/{}/choice", town.platform.url(), town.token("o-20003"));
    assert_eq!(http::submit(&form, &[("choice", "pick_up")]).expect("the platform answers").status, 303);
    let put = wait::until("order.put", wait::GENEROUS, || {
        town.commands("order.put", "o-20003").into_iter().find(|put| put["data"]["revision"] == 2)
    });
    assert_eq!((&put["data"]["delivery"], &put["data"]["carrier"]), (&json!("pickup"), &Value::Null));
    assert!(town.read("o-20003", "en").contains("nothing has changed yet"));
    town.event("order.updated", Some("orders/o-20003"), 0, put["data"].clone());
    town.settle();
    let page = town.read("o-20003", "en");
    assert!(page.contains("You fetch it yourself") && !page.contains("Fjärdbud"), "{page}");
}

#[test]
fn a_return_is_announced_looked_at_and_resolved_and_the_customer_hears_of_it() {
    let mut town = Town::new();
    town.customer("c-7", &json!({ "email": "anna@kund.example", "language": "en", "preferences": { "*": [], "return_resolved": ["email"] } }));
    let mut order = Order::taken(&mut town, "20004", "carrier", "c-7");
    order.packs(1).leaves(1..=1, 1).does("order.completed", -5, json!({})).asks("feedback_invited", 45, 0, json!({}));
    let refused = json!({
        "scanner": "s-1", "code": "7350053850026", "signal": "wrong", "reason": "not_on_order", "order": "20004",
        "expected": ["Skål, prickig"],
    });
    town.event("site.scan_refused", None, -46, refused);
    town.settle();
    let url = town.platform.url();
    let form = format!("{url}/t/{}", town.token("o-20004"));
    let submit = |what: &str, fields: &[(&str, &str)]| {
        http::submit(&format!("{form}/{what}"), fields).expect("the platform answers").status
    };
    assert_eq!(submit("feedback", &[("arrived", "broken")]), 303);
    assert_eq!(submit("feedback", &[("comment", "<b>Kannan</b> är i två delar")]), 303);
    assert_eq!(submit("return", &[("item-JUG", "2"), ("wish", "refund")]), 400, "one was sent");
    assert_eq!(submit("return", &[("item-JUG", "1"), ("item-BOWL", "0"), ("wish", "refund")]), 303);
    let put = wait::until("return.put", wait::GENEROUS, || town.commands("return.put", "R-20004-1").into_iter().next());
    assert_eq!((&put["data"]["lines"][0]["sku"], &put["data"]["resolution"]), (&json!("JUG"), &json!("refund")));
    assert!(town.read("o-20004", "en").contains("Write R-20004-1 on the parcel"));

    let resolve = format!("{url}/api/sites/s/returns/R-20004-1/resolve");
    let resolved =
        |resolution: &str| http::post(&resolve, &json!({ "resolution": resolution })).expect("an answer").status;
    assert_eq!(resolved("refund"), 409, "nobody has looked at it");
    let about = json!({
        "return": { "id": "R-20004-1", "authorized": true }, "order": { "id": "o-20004", "number": "20004", "revision": 1 },
        "resolution": "refund", "items": [], "outstanding": [],
    });
    town.event("return.received", Some("returns/R-20004-1"), 0, about.clone());
    town.event("return.completed", Some("returns/R-20004-1"), 0, about);
    town.settle();
    assert_eq!([resolved("refund"), resolved("refund"), resolved("voucher")], [202, 202, 409]);
    wait::until("a mail about the money", wait::GENEROUS, || {
        town.mail.mails().iter().any(|mail| mail.text.contains("Your money is on its way")).then_some(())
    });
    assert_eq!(town.mail.mails().len(), 1, "nothing else was wanted");
    assert!(town.read("o-20004", "en").contains("Your money is on its way"));
    let keys: Vec<Value> = town.platform.notifications("s").iter().map(|one| one["key"].clone()).collect();
    assert!(keys.contains(&json!("s/o-20004/-/return_resolved/1")), "{keys:?}");

    let support = http::get(&format!("{url}/support?number=20004")).expect("support answers").success().body;
    for part in [
        "Customer says: something is broken",
        "&#60;b&#62;Kannan",
        "Return arrived",
        "Scan refused: 7350053850026",
        "not on order; expected Skål, prickig",
        "the customer doesn",
        "e-mail sent",
    ] {
        assert!(support.contains(part), "support lacks {part:?}: {support}");
    }
}

#[test]
fn a_customer_who_wants_no_messages_hears_only_what_matters() {
    let mut town = Town::new();
    town.customer("c-7", &json!({ "email": "anna@kund.example" }));
    let mut order = Order::taken(&mut town, "20005", "carrier", "c-7");
    order.asks("order_accepted", 10, 0, json!({}));
    town.settle();
    let page = format!("{}/t/{}", town.platform.url(), town.token("o-20005"));
    let mails = |count: usize| {
        wait::until(&format!("{count} mails"), wait::GENEROUS, || (town.mail.mails().len() == count).then_some(()));
    };
    mails(1);
    assert_eq!(
        http::get(&format!("{page}/stop")).expect("an answer").status,
        200,
        "a link that is followed ends nothing"
    );
    assert!(!town.read("o-20005", "en").contains("You get no more messages"));
    assert_eq!(
        http::submit(&format!("{page}/stop"), &[("List-Unsubscribe", "One-Click")]).expect("an answer").status,
        204
    );
    assert!(town.read("o-20005", "en").contains("You get no more messages"));
    let id = "o-20005".to_owned();
    let mut order = Order {
        terms: json!({ "delivery": "carrier", "notify": { "customer": "c-7" } }),
        number: "20005".into(),
        id,
        town: &mut town,
    };
    order.packs(1).asks("packed", 20, 0, json!({})).is_late();
    let mails = |count: usize| {
        wait::until(&format!("{count} mails"), wait::GENEROUS, || {
            (order.town.mail.mails().len() == count).then_some(())
        });
    };
    mails(2);
    // A letter is there before its sender can say so.
    let fate = |milestone: &str| {
        let key = format!("s/o-20005/-/{milestone}/1");
        let letters = order.town.platform.letters("s");
        letters.iter().find(|one| one["key"] == key && one["channel"] == "email").map(|one| one["state"].clone())
    };
    wait::until("what is unwanted to go unsaid", wait::GENEROUS, || {
        ([fate("packed"), fate("delayed")] == [Some(json!("unsaid")), Some(json!("sent"))]).then_some(())
    });
}

#[test]
fn a_page_keeps_its_token_to_itself_and_takes_small_forms_from_itself_alone() {
    let mut town = Town::new();
    Order::taken(&mut town, "20006", "carrier", "c-7").packs(2).is_late();
    town.settle();
    let page = format!("{}/t/{}", town.platform.url(), town.token("o-20006"));
    let client: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).proxy(None).build().into();
    let shown = client.get(&page).call().expect("the page answers");
    let header = |name: &str| shown.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert_eq!(header("referrer-policy"), "same-origin");
    for part in ["default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(header("content-security-policy").contains(part), "{part}");
    }

    let own = town.platform.url();
    let choice = "delay=s%2Fo-20006%2F-%2Fdelayed%2F1&choice=keep".to_owned();
    let comment = format!("comment={}", "x".repeat(100_000));
    for (what, origin, form, status) in [
        ("choice", "http://evil.example", &choice, 403),
        ("choice", "null", &choice, 403),
        ("stop", "http://evil.example", &choice, 403),
        ("feedback", own.as_str(), &comment, 413),
        ("choice", own.as_str(), &choice, 303),
    ] {
        let sent = client
            .post(format!("{page}/{what}"))
            .header("Origin", origin)
            .content_type("application/x-www-form-urlencoded")
            .send(form);
        assert_eq!(sent.expect("the page answers").status().as_u16(), status, "{what} from {origin}");
    }
    assert_eq!(
        http::submit(&format!("{page}/choice"), &[("choice", "cancel"), ("delay", "older")]).expect("an answer").status,
        409
    );
    let broken = client.get(format!("{own}/t/%0D%0Ax/stop")).call().expect("the page answers");
    assert_eq!(broken.status().as_u16(), 303, "whatever stands for a token ends no header");
    assert_eq!(http::get(&format!("{own}/t/{}", "0".repeat(20))).expect("an answer").status, 404);
}
