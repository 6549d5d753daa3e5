//! Promises over a real agent's day: its wall clock is the test's, everything else is as it is.
//!
//! The carrier `fjard` collects on weekdays at 11:00 and 16:30, a quarter of an hour after its cut-off. 22 March 2027 is a
//! Monday. Every ten seconds the agent compares its clocks, so each step of the clock takes a while to be noticed.

#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

use jiff::{Timestamp, Zoned};
use parceld_tests::fake_clock::FakeClock;
use parceld_tests::goods::{catalog, gtin, order, stock};
use parceld_tests::mqtt_client::MqttClient;
use parceld_tests::site::{Broker, PATIENCE, SITE, Site};
use parceld_tests::wait;
use serde_json::Value;
use std::time::Duration;

const FJARD: &str = r#"
[[carrier]]
id = "fjard"
name = "Fjärdbud"
grace = "20m"
collections = [{ days = ["mon-fri"], at = "11:00", cut_off = "15m" }, { days = ["mon-fri"], at = "16:30", cut_off = "15m" }]
"#;

const BENCH: usize = 0;
const DOOR: usize = 2;

struct Day {
    site: Site,
    clock: FakeClock,
    ear: MqttClient,
}

impl Day {
    /// A day in Stockholm that has come to `time` (local, with its date).
    fn at(time: &str) -> Day {
        let clock = FakeClock::at(&format!("{time}[Europe/Stockholm]"));
        let runner = clock.runner();
        let site = Site::with(Broker::mosquitto(), |setup| setup.through(runner).toml(FJARD));
        let ear = MqttClient::connect(site.broker.port(), "ear");
        ear.subscribe(&format!("parceld/v1/{SITE}/state/promise"));
        site.platform.put_catalog(SITE, &catalog("A"));
        site.platform.set_stock(SITE, &stock("A", 500));
        site.until_answered();
        Day { site, clock, ear }
    }

    /// The clock goes on to `time`.
    fn goes_on_to(&mut self, now: &str, then: &str) {
        let time = |text: &str| format!("{text}[Europe/Stockholm]").parse::<Zoned>().unwrap().timestamp();
        let step = time(then).duration_since(time(now));
        self.clock.pass(Duration::try_from(step).unwrap());
    }

    fn put(&self, id: &str, words: &str, ship_by: Option<&str>) {
        let mut put = order(id, "fjard", words);
        if let Some(by) = ship_by {
            let by: Zoned = format!("{by}[Europe/Stockholm]").parse().unwrap();
            put["promise"] = serde_json::json!({ "ship_by": by.timestamp().to_string() });
        }
        self.site.platform.put_order(SITE, &put);
        self.site.until_answered();
    }

    fn pack(&mut self, id: &str, units: usize) {
        self.site.scan(BENCH, &id.to_uppercase());
        for _ in 0..units {
            self.site.scan(BENCH, &gtin('A'));
        }
        self.site.until_synced();
    }

    fn load(&mut self, id: &str) {
        let parcels = self.site.platform.order(SITE, id).unwrap()["parcels"].take();
        let sscc = parcels[0]["sscc"].as_str().unwrap().to_owned();
        self.site.scan(DOOR, &format!("]C100{sscc}"));
    }

    /// Events whose type begins with `prefix`, in order.
    fn events(&self, prefix: &str) -> Vec<Value> {
        let kind = format!("parceld.{prefix}");
        let events = self.site.events().into_iter();
        events.filter(|event| event["type"].as_str().unwrap().starts_with(&kind)).collect()
    }

    /// What was said of promises, each as `TURN CAUSE`, with ` broken` where it is.
    fn turns(&self) -> Vec<String> {
        let turn = |event: Value| {
            let kind = event["type"].as_str().unwrap().trim_start_matches("parceld.promise.").trim_end_matches(".v1");
            let cause = event["data"]["cause"].as_str().unwrap_or("-");
            let broken = if event["data"]["broken"] == true { " broken" } else { "" };
            format!("{kind} {cause}{broken}")
        };
        self.events("promise.").into_iter().map(turn).collect()
    }

    /// Waits until what was said of promises is `expected`.
    #[track_caller]
    fn until_turns(&self, expected: &[&str]) {
        wait::until(&format!("{expected:?}, after {:?}", self.turns()), PATIENCE, || {
            (self.turns() == expected).then_some(())
        });
    }

    /// Waits until what is said to be promised `is` so, and returns it.
    #[track_caller]
    fn until_offer(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        wait::until(what, PATIENCE, || {
            let said = self.ear.messages().last()?.json();
            is(&said).then_some(said)
        })
    }
}

fn fjard(offer: &Value) -> &Value {
    let carriers = offer["carriers"].as_array().into_iter().flatten();
    carriers.into_iter().find(|carrier| carrier["carrier"] == "fjard").unwrap_or(&Value::Null)
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn an_order_that_will_be_late_is_said_before_and_a_board_that_was_off_closes_the_day_once() {
    let mut day = Day::at("2027-03-22T15:00");
    day.put("o-1", "2xA", Some("2027-03-22T17:00"));
    day.goes_on_to("2027-03-22T15:00", "2027-03-22T16:05");
    day.until_turns(&["at_risk backlog broken"]);
    assert_eq!(day.events("notification.requested").len(), 1, "only that it was accepted");

    day.goes_on_to("2027-03-22T16:05", "2027-03-22T16:16");
    day.until_turns(&["at_risk backlog broken", "will_miss cut_off broken"]);
    let told = &day.events("notification.requested")[1]["data"];
    assert_eq!(told["milestone"], "delayed");
    assert_eq!(told["delay"]["first"], true);
    assert_eq!(told["delay"]["revised"]["collection"]["id"], "fjard@2027-03-23T11:00");

    assert!(day.site.agent.stop().is_some_and(|status| status.success()));
    day.goes_on_to("2027-03-22T16:16", "2027-03-23T08:00");
    day.site.agent.restart();
    day.site.agent.ready();
    let all = ["at_risk backlog broken", "will_miss cut_off broken", "missed not_packed broken"];
    day.until_turns(&all);
    let closed = wait::until("the day's close", PATIENCE, || day.events("site.day_closed").pop());
    assert_eq!(closed["data"]["date"], "2027-03-22");
    assert_eq!(closed["data"]["orders"]["accepted"], 1);
    assert_eq!(closed["data"]["orders"]["open"], 1);
    assert_eq!(closed["data"]["promises"]["missed"], 1);

    day.site.agent.kill9();
    day.site.agent.restart();
    day.site.agent.ready();
    day.pack("o-1", 2);
    day.load("o-1");
    let hand_over = day.site.barcode("HANDOVER");
    day.site.scan(DOOR, &hand_over);
    day.until_turns(&[all.as_slice(), &["kept -"]].concat());
    assert_eq!(day.events("promise.kept")[0]["data"]["late"], true);
    assert_eq!(day.events("site.day_closed").len(), 1);
    let told = day.events("notification.requested");
    let milestones: Vec<_> = told.iter().map(|notice| notice["data"]["milestone"].as_str().unwrap()).collect();
    assert_eq!(milestones, ["order_accepted", "delayed", "packed", "handed_over"], "one delay is told once");
}

#[test]
fn a_courier_that_does_not_come_is_reported_once_and_an_early_one_ends_what_can_be_promised() {
    let mut day = Day::at("2027-03-22T15:00");
    let offer = day.until_offer("an offer", |offer| offer["state"] == "open");
    assert_eq!(fjard(&offer)["collections"][0]["id"], "fjard@2027-03-22T16:30");
    assert!(time(&fjard(&offer)["same_day_until"]) < time(&fjard(&offer)["collections"][0]["closes_at"]));
    assert!(time(&offer["computed_at"]) < time(&offer["valid_until"]));

    day.put("o-1", "1xA", None);
    day.pack("o-1", 1);
    day.load("o-1");
    day.goes_on_to("2027-03-22T15:00", "2027-03-22T16:51");
    let late = wait::until("a late courier", PATIENCE, || day.events("site.courier_late").pop());
    assert_eq!(late["data"]["collection"]["id"], "fjard@2027-03-22T16:30");
    assert_eq!((&late["data"]["loaded"], &late["data"]["waiting"]), (&1.into(), &0.into()));
    day.goes_on_to("2027-03-22T16:51", "2027-03-22T16:55");
    let hand_over = day.site.barcode("HANDOVER");
    day.site.scan(DOOR, &hand_over);
    day.until_turns(&["kept -"]);

    day.goes_on_to("2027-03-22T16:55", "2027-03-23T15:00");
    day.until_offer("an offer for the next day", |offer| {
        fjard(offer)["collections"][0]["id"] == "fjard@2027-03-23T16:30" && !fjard(offer)["same_day_until"].is_null()
    });
    day.put("o-2", "1xA", None);
    day.pack("o-2", 1);
    day.load("o-2");
    day.site.scan(DOOR, &hand_over);
    let offer =
        day.until_offer("what is left after an early courier", |offer| fjard(offer)["same_day_until"].is_null());
    assert_eq!(fjard(&offer)["collections"][0]["id"], "fjard@2027-03-24T11:00");
    day.until_turns(&["kept -", "kept -"]);
    assert_eq!(day.events("site.courier_late").len(), 1);
}

#[test]
fn ticks_survive_a_clock_that_steps_both_ways() {
    let mut day = Day::at("2027-03-22T12:00");
    day.put("o-1", "1xA", Some("2027-03-22T17:00"));
    day.until_offer("an offer", |offer| offer["state"] == "open");
    if day.site.agent.status()["clock"]["state"] == "synchronized" {
        eprintln!("skipped: this machine's kernel says that a time server keeps the clock, and so may set it back");
        return;
    }
    day.clock.step_back(Duration::from_secs(2 * 3_600));
    day.until_offer("doubt about a clock that went back", |offer| offer["state"] == "unknown");
    day.clock.pass(Duration::from_secs(2 * 3_600));
    day.until_offer("an offer by the clock that is back", |offer| offer["state"] == "open");
    assert_eq!(day.turns(), Vec::<String>::new(), "nothing is late because of the clock");
    // Nothing but a tick finds this out.
    day.goes_on_to("2027-03-22T12:00", "2027-03-22T16:05");
    day.until_turns(&["at_risk backlog broken"]);
    day.pack("o-1", 1);
    day.load("o-1");
    let hand_over = day.site.barcode("HANDOVER");
    day.site.scan(DOOR, &hand_over);
    // Whether anybody looked between the last unit and the courier is chance.
    wait::until("a promise that is kept", PATIENCE, || (day.turns().last()? == "kept -").then_some(()));
}

#[test]
fn a_board_that_does_not_know_the_time_promises_nothing_and_calls_nothing_late() {
    let mut day = Day::at("1970-01-01T12:00");
    let offer = day.until_offer("what is said without a clock", |_| true);
    assert_eq!((&offer["state"], &offer["reason"]), (&"unknown".into(), &"clock_untrusted".into()));
    day.put("o-1", "1xA", Some("2027-03-22T17:00"));
    day.goes_on_to("1970-01-01T12:00", "2027-03-22T15:00");
    let offer = day.until_offer("an offer", |offer| offer["state"] == "open");
    assert_eq!(fjard(&offer)["collections"][0]["id"], "fjard@2027-03-22T16:30");
    assert_eq!(day.turns(), Vec::<String>::new());
    assert_eq!(day.events("site.day_closed").len(), 0, "no day has passed here");
}
