//! Labels come out of the printer at the bench once each, and a bench never waits for one.

use jiff::Timestamp;
use parceld_tests::agent::AgentSetup;
use parceld_tests::goods::{catalog, gtin, order, stock};
use parceld_tests::http;
use parceld_tests::platform::Platform;
use parceld_tests::printer::{Label, Trouble, VirtualPrinter};
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::site::{Broker, LABELS, PATIENCE, SITE, Site};
use parceld_tests::wait;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const BENCH: usize = 0;
/// Without a printer.
const TABLE: usize = 1;
const DOOR: usize = 2;

/// How many beeps an answer has.
const GOOD: u8 = 0;
const DONE: u8 = 1;
const LOOK: u8 = 2;
const STOP: u8 = 3;

/// A bench with `printer`, a table without one and a door; postnord makes labels of its own, at the platform.
fn open(printer: &VirtualPrinter) -> Site {
    let broker = Broker::mosquitto();
    let platform = Platform::with(broker.port(), LABELS);
    let scanners: Vec<_> = (0..3).map(|_| VirtualScanner::new()).collect();
    let printer =
        format!("[[printer]]\nid = \"zebra\"\nstation = \"bench\"\nhost = \"127.0.0.1\"\nport = {}", printer.port());
    let postnord = "[[carrier]]\nid = \"postnord\"\ngrace = \"0s\"\ntracking_required = true\ntracking_pattern = \"TN#################\"\n\
                    collections = [{ days = [\"mon-sun\"], at = \"23:59\", cut_off = \"0s\" }]";
    let mut agent = AgentSetup::new(SITE, &broker.url())
        .set("log.level", "debug")
        .station("bench", "pack")
        .station("table", "pack")
        .station("door", "load")
        .scanner("scanner-1", "bench", scanners[BENCH].port())
        .scanner("scanner-2", "table", scanners[TABLE].port())
        .scanner("scanner-3", "door", scanners[DOOR].port())
        .carrier("dhl")
        .toml(postnord)
        .toml(&printer)
        .start();
    agent.ready();
    let site = Site { agent, platform, broker, scanners };
    site.platform.put_catalog(SITE, &catalog("A"));
    site.platform.set_stock(SITE, &stock("A", 50));
    site
}

fn put(site: &Site, ids: &[&str], carrier: &str) {
    for id in ids {
        site.platform.put_order(SITE, &order(id, carrier, "1xA"));
    }
    site.until_answered();
    site.until_synced();
}

/// A printer in trouble holds its labels for as long as the test wants: a bench that waited for one would get no answer here.
#[track_caller]
fn play(site: &mut Site, scanner: usize, script: &[(&str, u8)]) {
    for (code, beeps) in script {
        assert_eq!(site.scan(scanner, code).beeps, *beeps, "{code}");
    }
}

/// Opens an order of one unit and packs it.
#[track_caller]
fn pack(site: &mut Site, scanner: usize, id: &str) {
    play(site, scanner, &[(&id.to_uppercase(), GOOD), (&gtin('A'), DONE)]);
}

/// A field of an order's only parcel as the platform knows it.
fn parcel(site: &Site, id: &str, field: &str) -> String {
    wait::until(&format!("{field} of {id}'s parcel"), PATIENCE, || {
        site.platform.order(SITE, id)?["parcels"][0][field].as_str().map(str::to_owned)
    })
}

fn sscc_label(site: &Site, id: &str) -> String {
    format!("]C100{}", parcel(site, id, "sscc"))
}

fn barcodes(labels: &[Label]) -> Vec<Vec<String>> {
    labels.iter().map(Label::barcodes).collect()
}

#[test]
fn a_sealed_parcel_gets_one_label_and_reprint_makes_another() {
    let printer = VirtualPrinter::start();
    let mut site = open(&printer);
    put(&site, &["o1", "o2"], "dhl");
    let reprint = site.barcode("REPRINT");
    pack(&mut site, BENCH, "o1");
    pack(&mut site, BENCH, "o2");
    printer.until_printed(2);
    play(&mut site, BENCH, &[(&reprint, GOOD)]);
    let labels = printer.until_printed(3);
    let [first, second] = [sscc_label(&site, "o1"), sscc_label(&site, "o2")];
    play(&mut site, BENCH, &[(&first, GOOD), (&second, GOOD), (&second, LOOK)]);
    play(&mut site, DOOR, &[(&first, GOOD), (&second, GOOD)]);
    site.agent.stop();
    assert_eq!(barcodes(&printer.printed()), [[first], [second.clone()], [second]]);
    assert!(labels[0].texts().iter().any(|text| text == "O1"), "{labels:?}");
    assert_eq!(labels[1], labels[2]);
}

#[test]
fn a_carriers_label_is_printed_and_kept_nowhere() {
    const PERSON: &str = "Ann Addressee";
    let printer = VirtualPrinter::start();
    let mut site = open(&printer);
    put(&site, &["o1"], "postnord");
    pack(&mut site, BENCH, "o1");
    let labels = printer.until_printed(1);
    let tracking = parcel(&site, "o1", "tracking");
    assert_eq!(labels[0].barcodes(), [format!("]C0{tracking}")]);

    let zpl = format!("^XA^FO40,40^A0N,50,50^FD{PERSON}^FS^FO40,140^BCN,240,Y,N,N^FD>:{tracking}^FS^XZ");
    site.platform.label(SITE, "o1", 1, &json!({ "tracking": tracking, "zpl": zpl }));
    let labels = printer.until_printed(2);
    assert_eq!(labels[1].zpl(), zpl);
    play(&mut site, BENCH, &[(&tracking, GOOD)]);
    site.until_answered();
    site.until_synced();

    let dir = site.agent.database().parent().expect("a directory").to_owned();
    for running in [true, false] {
        if !running {
            site.agent.stop();
        }
        assert!(holds(&dir, &tracking), "the number is in the files");
        for secret in [PERSON, "^XA", "^BCN,240", "^FO40"] {
            assert!(!holds(&dir, secret), "{secret} is in a file; running: {running}");
        }
    }
    assert_eq!(printer.printed(), labels, "each once");
}

/// Whether a file of the agent's says `text`: its database with all that belongs to it, or its log.
fn holds(dir: &Path, text: &str) -> bool {
    let files = fs::read_dir(dir).expect("the agent's directory").filter_map(|entry| fs::read(entry.ok()?.path()).ok());
    files.into_iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[test]
fn a_bench_goes_on_without_paper_and_its_labels_come_out_later() {
    let printer = VirtualPrinter::start();
    let mut site = open(&printer);
    let troubles = [(Trouble::PaperOut, "out of labels"), (Trouble::HeadOpen, "open")];
    for (number, (trouble, reason)) in troubles.iter().enumerate() {
        let (one, two) = (format!("o{number}-1"), format!("o{number}-2"));
        put(&site, &[&one, &two], "dhl");
        let before = now(&site.agent.status());
        printer.set(&[*trouble]);
        pack(&mut site, BENCH, &one);
        until_told(&site, reason, before);
        pack(&mut site, BENCH, &two);
        assert_eq!(printer.printed().len(), 2 * number);
        printer.set(&[]);
        printer.until_printed(2 * (number + 1));
        until_well(&site);
    }
    site.agent.stop();
    site.agent.restart();
    site.agent.ready();
    let expected = ["o0-1", "o0-2", "o1-1", "o1-2"].map(|id| vec![sscc_label(&site, id)]);
    assert_eq!(barcodes(&printer.printed()), expected);
}

#[test]
fn a_bench_goes_on_beside_a_printer_that_is_off() {
    let mut printer = VirtualPrinter::switched_off();
    let mut site = open(&printer);
    put(&site, &["o1", "o2", "o3"], "dhl");
    let before = now(&site.agent.status());
    pack(&mut site, BENCH, "o1");
    until_told(&site, "can't be reached", before);
    pack(&mut site, BENCH, "o2");
    printer.switch_on();
    printer.until_printed(2);
    until_well(&site);
    let before = now(&site.agent.status());
    printer.switch_off();
    pack(&mut site, BENCH, "o3");
    until_told(&site, "can't be reached", before);
    printer.switch_on();
    printer.until_printed(3);
    let expected = ["o1", "o2", "o3"].map(|id| vec![sscc_label(&site, id)]);
    site.agent.stop();
    assert_eq!(barcodes(&printer.printed()), expected);
}

/// Waits until page, interface and command line say why no labels come, what to do, and since when: no longer than since `before`.
#[track_caller]
fn until_told(site: &Site, reason: &str, before: Timestamp) {
    let told = || {
        let status = site.agent.status();
        let finding =
            status["verdict"]["findings"].as_array()?.iter().find(|f| f["fault"] == "printer_faulty")?.clone();
        finding["reason"].as_str()?.contains(reason).then_some((status, finding))
    };
    // Page and command line are asked one after the other: what they are compared with has to stand meanwhile.
    let (status, finding, page, printed) = wait::until(&format!("{reason:?} everywhere"), wait::GENEROUS, || {
        let (status, finding) = told()?;
        let page = http::get(&format!("{}/", site.agent.url())).expect("the page answers").success().body;
        let output = site.agent.command(&["status"]).output().expect("the agent's program runs");
        let stands = told().is_some_and(|(_, still)| still == finding);
        stands.then(|| (status, finding, page.replace("&#39;", "'"), String::from_utf8(output.stdout).expect("text")))
    });
    let printer = &status["printers"][0];
    assert_eq!((&printer["id"], &printer["state"]), (&json!("zebra"), &json!("faulty")));
    assert!(printer["reason"].as_str().is_some_and(|told| told.contains(reason)), "{printer}");
    assert_eq!(status["verdict"]["state"], "attention", "packing goes on: {}", status["verdict"]);
    let since: Timestamp = text(&finding["since"]).parse().expect("a time");
    let now = now(&status);
    assert!((before..=now).contains(&since), "between {before} and {now}: {finding}");

    let steps = finding["todo"].as_array().expect("a list").iter().map(text);
    let said: Vec<&str> = [text(&finding["what"]), text(&finding["reason"])].into_iter().chain(steps).collect();
    assert!(3 <= said.len(), "what to do: {finding}");
    for words in said {
        assert!(page.contains(words), "{words:?} is not on the page");
        assert!(printed.contains(words), "{words:?} is not in {printed}");
    }
    assert!(page.contains(&format!("datetime=\"{}", &text(&finding["since"])[..19])), "since when: {finding}");
}

fn now(status: &Value) -> Timestamp {
    text(&status["now"]).parse().expect("a time")
}

#[track_caller]
fn until_well(site: &Site) {
    wait::until("a printer that is well", wait::GENEROUS, || {
        let status = site.agent.status();
        let findings = status["verdict"]["findings"].as_array()?;
        let told = findings.iter().any(|finding| finding["fault"] == "printer_faulty");
        (status["printers"][0]["state"] == "ready" && !told).then_some(())
    });
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn a_label_printed_beforehand_is_bound_by_scanning_it() {
    let printer = VirtualPrinter::start();
    let mut site = open(&printer);
    put(&site, &["o1", "o2"], "dhl");
    let output = site.agent.command(&["barcodes", "--parcels", "2", "--format", "json"]).output();
    let printed: Value = serde_json::from_slice(&output.expect("the agent's program runs").stdout).expect("JSON");
    let labels: Vec<&str> = printed.as_object().expect("names and texts").values().map(text).collect();
    let [one, two] = labels[..] else { panic!("not two labels: {printed}") };
    let [one, two] = [one, two].map(|label| format!("]C1{label}"));

    play(&mut site, TABLE, &[(&one, STOP)]);
    pack(&mut site, TABLE, "o1");
    assert_eq!(site.agent.status()["answers"][0]["ask"]["word"], "label");
    play(&mut site, TABLE, &[(&one, GOOD), (&two, LOOK)]);
    site.until_synced();
    assert_eq!(sscc_label(&site, "o1"), one);
    pack(&mut site, TABLE, "o2");
    play(&mut site, TABLE, &[(&two, GOOD)]);
    let hand_over = site.barcode("HANDOVER");
    play(&mut site, DOOR, &[(&two, GOOD), (&one, GOOD), (&hand_over, DONE)]);
    site.until_synced();
    let parcels = site.platform.parcels(SITE);
    assert!(parcels.iter().all(|parcel| parcel["state"] == "handed_over"), "{parcels:?}");
    assert_eq!(sscc_label(&site, "o2"), two);
    assert_eq!(printer.printed(), [], "nothing comes out at another station");
}
