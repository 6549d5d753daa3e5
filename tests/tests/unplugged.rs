//! A scanner is unplugged and put back, again and again: noticed each time, nothing half read, nothing lost or leaked.

use parceld_tests::scanner::VirtualScanner;
use parceld_tests::site::{Broker, Site, assert_gapless};
use parceld_tests::wait::{self, Stopwatch};
use serde_json::Value;
use std::time::Duration;

const TIMES: usize = 10;
/// The scanner that is unplugged; the site's others stay.
const SCANNER: &str = "worn-cable";
/// For so long each time, nobody asks the unplugged agent for anything.
const LEFT_ALONE: Duration = Duration::from_millis(600);
/// Part of one processor that an agent may use while it looks for a scanner.
const CPU_MAX: f64 = 0.02;

#[test]
fn a_scanner_that_is_unplugged_ten_times_costs_nothing_but_the_scan_in_its_cable() {
    let mut scanner = VirtualScanner::new();
    // The longest idle gap: half a scan is still waiting for its other half when the cable is pulled.
    let setup = format!(
        "[[scanner]]\nid = {SCANNER:?}\nstation = \"bench-1\"\nport = {:?}\nidle_gap = \"5s\"\nbounce = \"0s\"",
        scanner.port()
    );
    let site = Site::with(Broker::mosquitto(), |config| config.toml(&setup));
    until_state(&site, "open");
    assert!(scanner.scan("before").recorded);
    site.until_synced();
    let descriptors = site.agent.process().descriptors();

    let (mut alone, mut cpu_s) = (Duration::ZERO, 0.0);
    for time in 1..=TIMES {
        scanner.line().write(format!("half-{time}-").as_bytes());
        scanner.unplug();
        until_state(&site, "lost");
        let (stopwatch, cpu_before_s) = (Stopwatch::start(), site.agent.process().cpu_seconds());
        wait::until("a while without a scanner", wait::GENEROUS, || (LEFT_ALONE <= stopwatch.elapsed()).then_some(()));
        cpu_s += site.agent.process().cpu_seconds() - cpu_before_s;
        alone += stopwatch.elapsed();
        scanner.replug();
        until_state(&site, "open");
        assert!(scanner.scan(&format!("whole-{time}")).recorded, "time {time}");
    }
    let used = cpu_s / alone.as_secs_f64();
    assert!(used < CPU_MAX, "{:.1} % of a processor over {alone:.1?}", 100.0 * used);
    // SQLite keeps the descriptor of a connection that was closed, here of the look through all tables, for the next one.
    wait::until("as many descriptors as before", wait::GENEROUS, || {
        let now = site.agent.process().descriptors();
        (now <= descriptors + 1).then_some(())
    });

    site.until_synced();
    let events = site.events();
    assert_gapless(&events);
    let codes = of_scanner(&events, "parceld.site.scan_refused.v1").filter_map(|data| data["code"].as_str());
    let whole: Vec<String> =
        ["before".to_owned()].into_iter().chain((1..=TIMES).map(|time| format!("whole-{time}"))).collect();
    assert_eq!(codes.collect::<Vec<_>>(), whole);
    assert_eq!(of_scanner(&events, "parceld.site.scanner_lost.v1").count(), TIMES);
    assert_eq!(of_scanner(&events, "parceld.site.scanner_back.v1").count(), TIMES);
    assert_eq!(status_of(&site)["reads"], 1 + TIMES, "half scans are no reads");
}

/// Waits until the agent says so of the scanner.
fn until_state(site: &Site, state: &str) {
    wait::until(&format!("the scanner to be {state}"), wait::GENEROUS, || {
        (status_of(site)["state"] == state).then_some(())
    });
}

fn status_of(site: &Site) -> Value {
    let status = site.agent.status();
    let scanners = status["scanners"].as_array().expect("the status has its scanners");
    scanners.iter().find(|scanner| scanner["id"] == SCANNER).expect("the scanner is in the configuration").clone()
}

/// The data of the events of one type that are about the scanner.
fn of_scanner<'a>(events: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["type"] == kind).map(|event| &event["data"]).filter(is_about_it)
}

fn is_about_it(data: &&Value) -> bool {
    data["scanner"] == SCANNER
}
