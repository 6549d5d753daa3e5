//! A day's worth of everything at one site in two steps: at its end the platform's picture is the site's own.

use parceld_tests::goods::{bin, capturing, catalog, gtin, in_bins, on_short, order, pickup, return_of, stock};
use parceld_tests::http;
use parceld_tests::picture;
use parceld_tests::recorder::Recorder;
use parceld_tests::site::{Broker, FLOOR, PATIENCE, SITE, Site, assert_gapless, barcodes};
use parceld_tests::tempdir::TempDir;
use parceld_tests::wait;
use serde_json::{Value, json};
use std::fs;

/// A site and the words that its staff use.
struct Floor {
    site: Site,
    recorder: Recorder,
    barcodes: Value,
}

impl Floor {
    fn open(letters: &str, recording: &str) -> Floor {
        let broker = Broker::mosquitto();
        let recorder = Recorder::start(broker.port(), env!("CARGO_TARGET_TMPDIR"), recording);
        let site = Site::whole_floor(broker, |setup| setup.set("floor.bins", true).set("floor.low_stock", 1));
        site.platform.put_catalog(SITE, &catalog(letters));
        site.platform.set_stock(SITE, &stock(letters, 10));
        let barcodes = barcodes(&site.agent);
        Floor { site, recorder, barcodes }
    }

    fn put(&self, orders: &[Value]) {
        for order in orders {
            self.site.platform.put_order(SITE, &in_bins(order.clone()));
        }
        self.site.until_answered();
        self.site.until_synced();
    }

    /// `STATION CODE ANSWER`, a line each. A code is a command's word, `BIN:X`, a product's letter, `ORDER/PARCEL` for the
    /// number on a parcel, `TRACKING:ORDER/PARCEL` for its carrier's, or any other text. `pick X` is bin and item.
    #[track_caller]
    fn play(&mut self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [station, code, answer] = words[..] else { panic!("not three words: {line}") };
            let scanner = FLOOR.iter().position(|(id, _)| *id == station).expect("a station");
            let code = self.code(code);
            let beeps = ["good", "done", "look", "stop"].iter().position(|word| *word == answer).expect("an answer");
            assert_eq!(usize::from(self.site.scan(scanner, &code).beeps), beeps, "{line} ({code})");
        }
    }

    fn code(&self, word: &str) -> String {
        if let Some(code) = self.barcodes[word].as_str() {
            return code.to_owned();
        }
        if let Some(place) = word.strip_prefix("BIN:") {
            return format!("PD:BIN:{place}");
        }
        if let Some(parcel) = word.strip_prefix("TRACKING:") {
            return self.parcel(parcel, "tracking");
        }
        match word.chars().next() {
            Some(letter) if word.len() == 1 => gtin(letter),
            _ if word.contains('/') => format!("]C100{}", self.parcel(word, "sscc")),
            _ => word.to_owned(),
        }
    }

    /// The field of a parcel as the platform knows it, once it has heard of everything so far.
    fn parcel(&self, place: &str, field: &str) -> String {
        self.site.until_synced();
        let (order, n) = place.split_once('/').expect("ORDER/PARCEL");
        let n: u32 = n.parse().expect("a parcel has a number");
        wait::until(&format!("{field} of {place}"), PATIENCE, || {
            let parcels = self.site.platform.order(SITE, order)?["parcels"].take();
            let parcel = parcels.as_array()?.iter().find(|parcel| parcel["n"] == n)?;
            parcel[field].as_str().map(str::to_owned)
        })
    }

    /// Opens the order at the picking station and picks each letter in its bin; the last one finishes it.
    fn pick(&mut self, order: &str, letters: &str) {
        self.play(&format!("picking {order} good"));
        self.pick_on(letters);
    }

    fn pick_on(&mut self, letters: &str) {
        for (at, letter) in letters.chars().enumerate() {
            let answer = if at + 1 == letters.len() { "done" } else { "good" };
            self.play(&format!("picking BIN:{} good\npicking {letter} {answer}", bin(letter)));
        }
    }

    /// Opens the order at the bench and packs each letter; the last one closes its parcel.
    fn pack(&mut self, order: &str, letters: &str) {
        self.play(&format!("bench {order} good"));
        for (at, letter) in letters.chars().enumerate() {
            let answer = if at + 1 == letters.len() { "done" } else { "good" };
            self.play(&format!("bench {letter} {answer}"));
        }
    }

    /// Every event and every thing: the site's log is the platform's, and so are orders, returns and stock.
    #[track_caller]
    fn assert_same_picture(&self) {
        self.site.until_answered();
        self.site.until_synced();
        // A promise may be judged while they are read.
        wait::until("the same events here and there", wait::GENEROUS, || {
            (told(&self.site.events()) == told(&self.recorded())).then_some(())
        });
        self.assert_same_things(&[]);
    }

    /// Orders, returns and stock, but for some fields of parcels.
    #[track_caller]
    fn assert_same_things(&self, without: &[&str]) {
        let (here, there) =
            (picture::of_site(&self.site.agent.database()), picture::of_platform(&self.site.platform, SITE));
        for part in ["orders", "returns", "stock"] {
            let (here, there) = (here[part].as_object().expect("a part"), there[part].as_object().expect("a part"));
            for (id, here) in here {
                let there = there.get(id).map(|there| leave_out(there, without));
                assert_eq!(there, Some(leave_out(here, without)), "{part}: {id} on the platform and at the site");
            }
            assert_eq!(here.len(), there.len(), "{part}");
        }
        let told = self.site.platform.site(SITE).expect("the platform knows the site");
        assert_eq!((&told["conflicts"], &told["gaps"]), (&json!([]), &json!(0)));
    }

    /// What the agent's own log says.
    fn recorded(&self) -> Vec<Value> {
        let output =
            self.site.agent.command(&["events", "--json", "--since", "0"]).output().expect("the agent's program runs");
        let text = String::from_utf8(output.stdout).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
    }
}

/// A thing without some fields of its parcels.
fn leave_out(thing: &Value, fields: &[&str]) -> Value {
    let mut thing = thing.clone();
    for parcel in thing.get_mut("parcels").and_then(Value::as_array_mut).into_iter().flatten() {
        for field in fields {
            parcel[*field].take();
        }
    }
    thing
}

/// Of each event what both sides keep.
fn told(events: &[Value]) -> Vec<Value> {
    let fields = ["id", "sequence", "type", "time", "data"];
    events.iter().map(|event| fields.iter().map(|field| event[field].clone()).collect()).collect()
}

#[test]
fn a_whole_floor_looks_the_same_on_the_platform() {
    let mut floor = Floor::open("ABCDE", "whole_floor");
    floor.put(&[
        order("gone", "dhl", "2xA 1xB"),
        order("lacking", "dhl", "2xC 1xA"),
        order("undone", "dhl", "2xB"),
        order("tracked", "postnord", "1xD"),
        pickup(order("fetched", "-", "1xA")),
        order("held", "dhl", "1xA 1xB"),
        order("cancelled", "dhl", "1xB"),
        on_short(order("waits", "dhl", "1xC 1xE"), "hold"),
        capturing(order("recorded", "dhl", "1xE"), 'E', &["serial"]),
    ]);
    floor.site.platform.put_return(SITE, &return_of("r-1", Some("gone"), "2xA"));
    floor.assert_same_picture();

    floor.pick("GONE", "AAB");
    floor.pack("GONE", "AAB");
    floor.play("picking LACKING good");
    floor.play(&format!("picking BIN:{} good\npicking C good", bin('C')));
    floor.play("picking SHORT good\npicking C good\npicking R-NOT-THERE good");
    floor.pick_on("A");
    floor.pack("LACKING", "CA");
    floor.assert_same_picture();

    floor.play("picking UNDONE good");
    floor.play(&format!("picking BIN:{} good\npicking B good\npicking UNDO good", bin('B')));
    floor.pick_on("BB");
    floor.pack("UNDONE", "BB");
    floor.play("bench UNDO good\nbench B done\nbench undone/1 good");
    floor.assert_same_picture();

    floor.pick("TRACKED", "D");
    floor.pack("TRACKED", "D");
    floor.play("bench TRACKING:tracked/1 good");
    floor.pick("FETCHED", "A");
    floor.pack("FETCHED", "A");
    floor.play(
        "door fetched/1 good
         door BIN:C1 done
         door FETCHED good
         door HANDOVER done",
    );
    floor.assert_same_picture();

    floor.site.platform.expedite(SITE, "held");
    floor.site.platform.hold(SITE, "held", &json!({"reason": "payment"}));
    floor.site.until_answered();
    floor.play("picking HELD stop");
    floor.assert_same_picture();
    floor.site.platform.release(SITE, "held");
    floor.site.until_answered();
    floor.pick("HELD", "AB");
    floor.play("bench HELD good\nbench A good\nbench REMOVE good\nbench A good");

    floor.pick("CANCELLED", "B");
    floor.site.platform.cancel(SITE, "cancelled", &json!({"reason": "customer", "notify": false}));
    floor.site.until_answered();
    floor.assert_same_picture();
    floor.play("desk CANCELLED good\ndesk B done");
    floor.play("picking WAITS good\npicking SHORT good\npicking C good\npicking R-OTHER good");
    floor.pick("RECORDED", "E");
    floor.play("bench RECORDED good\nbench E good\nbench SN-1 done");
    floor.assert_same_picture();

    floor.play(
        "door gone/1 good
         door lacking/1 good
         door tracked/1 stop
         door HANDOVER stop
         door HANDOVER done
         door tracked/1 good",
    );
    floor.assert_same_picture();
    floor.play("door UNDO good\ndoor tracked/1 good");

    floor.play(
        "desk r-1 good
         desk A good
         desk C-RESTOCK good
         desk A good
         desk C-DISCARD good
         desk UNDO good
         desk DONE done
         desk B good
         desk C-INSPECT good",
    );
    floor.play("shelf D good\nshelf Q-7 good\nshelf DONE done\ngate B good\ngate Q-5 good\ngate DONE done");
    floor.assert_same_picture();

    let platform = &floor.site.platform;
    let state = |order: &str| platform.order(SITE, order).map(|order| order["state"].clone()).unwrap_or_default();
    let states = ["gone", "lacking", "fetched", "cancelled", "tracked", "held", "waits"].map(state);
    assert_eq!(states, ["completed", "completed", "completed", "cancelled", "packed", "picking", "picking"]);
    assert_eq!(platform.stock_of(SITE, "SKU-D").map(|stock| stock["on_hand"].clone()), Some(json!(7)));
    let tracked = floor.parcel("tracked/1", "tracking");
    assert!(tracked.starts_with("TN"), "{tracked}");
    assert_eq!(platform.returns(SITE).len(), 2);
    let page = http::get(&platform.url()).expect("the page answers").success().body;
    for shown in [tracked.as_str(), "r-1", "SKU-D", "collected", "held"] {
        assert!(page.contains(shown), "{shown} is not on the page");
    }
    let events = floor.site.events();
    assert_gapless(&events);
    let recorded = floor.recorder.finish();
    let judged: usize =
        recorded.iter().filter(|(schema, _)| schema.starts_with("event.")).map(|(_, count)| count).sum();
    assert!(events.len() <= judged, "{judged} of {} events were recorded", events.len());
}

#[test]
fn an_older_copy_is_told_holds_shorts_labels_and_returns() {
    let mut floor = Floor::open("ABCD", "whole_floor-older_copy");
    floor.put(&[
        order("begun", "dhl", "2xA"),
        order("lacking", "dhl", "1xA 2xC"),
        order("held", "dhl", "1xB"),
        order("released", "dhl", "1xB"),
        order("tracked", "postnord", "1xD"),
    ]);
    floor.site.platform.hold(SITE, "released", &json!({}));
    floor.site.until_answered();
    let dir = TempDir::new("copy");
    floor.site.until_synced();
    floor.site.agent.stop();
    fs::copy(floor.site.agent.database(), dir.join("copy.db")).expect("the database is a file");
    floor.site.agent.restart();
    floor.site.agent.ready();

    floor.play(&format!("picking BEGUN good\npicking BIN:{} good\npicking A good\npicking DONE good", bin('A')));
    floor.play("picking LACKING good\npicking SHORT good\npicking A good\npicking R-OTHER good");
    floor.play(&format!("picking BIN:{} good\npicking C good\npicking DONE good", bin('C')));
    floor.site.platform.hold(SITE, "held", &json!({}));
    floor.site.platform.expedite(SITE, "held");
    floor.site.platform.release(SITE, "released");
    floor.site.platform.put_return(SITE, &return_of("r-1", None, "1xA"));
    floor.pick("TRACKED", "D");
    floor.pack("TRACKED", "D");
    floor.play("bench TRACKING:tracked/1 good");
    floor.assert_same_picture();

    let epoch = floor.site.platform.site(SITE).expect("a site")["epoch"].clone();
    floor.site.agent.stop();
    fs::copy(dir.join("copy.db"), floor.site.agent.database()).expect("the copy is a file");
    floor.site.agent.restart();
    floor.site.agent.ready();
    wait::until("a new epoch", PATIENCE, || (floor.site.platform.site(SITE)?["epoch"] != epoch).then_some(()));
    floor.site.until_synced();
    floor.site.until_answered();
    floor.site.until_synced();
    // Which courier comes for a parcel is not in what a site is told.
    floor.assert_same_things(&["dispatch"]);

    floor.play("picking HELD stop");
    floor.pick("BEGUN", "A");
    floor.pick("LACKING", "C");
    floor.pick("RELEASED", "B");
    floor.play("bench tracked/1 good\ndoor tracked/1 good\ndoor HANDOVER done\ndesk r-1 good");
    floor.site.until_synced();
    floor.assert_same_things(&[]);
    let dispatches = floor.site.platform.dispatches(SITE);
    assert!(dispatches.iter().all(|dispatch| dispatch["state"] == "fulfilled"), "{dispatches:?}");
    floor.recorder.finish();
}
