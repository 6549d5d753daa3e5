//! SIGTERM: no scan is taken in any more, what was scanned is decided and answered, and the process ends in time whatever
//! hangs.

use parceld_tests::disk::Card;
use parceld_tests::goods::{gtin, order};
use parceld_tests::service_manager::{Message, ServiceManager};
use parceld_tests::site::{Broker, PATIENCE, SITE, Site};
use parceld_tests::wait::{self, Stopwatch};
use serde_json::Value;
use std::net::TcpListener;
use std::time::Duration;

/// The agent's own, for the whole stop; the unit's `TimeoutStopSec` is 30 s.
const DEADLINE: Duration = Duration::from_secs(20);
/// The agent's exit code where it left a part behind.
const LEFT_BEHIND: i32 = 3;
/// Longer than any test lasts: nobody is watched here.
const WATCHDOG: Duration = Duration::from_secs(3_600);
/// What lies in the journal's queue while the disk is blocked.
const CODES: u64 = 20;

fn is_stopping(message: &Message) -> bool {
    message.says("STOPPING=1")
}

fn takes_nothing_in(message: &Message) -> bool {
    message.status().is_some_and(|status| status.starts_with("stopping: no scan is taken in"))
}

fn events(site: &Site) -> Vec<Value> {
    let output = site.agent.command(&["events", "--json", "--since", "0"]).output().expect("the agent's program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(|line| serde_json::from_str(line).expect("a line is an event")).collect()
}

#[test]
fn a_broker_and_a_printer_that_hang_hold_no_stop_up() {
    // It takes connections, and says nothing on them.
    let printer = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = printer.local_addr().expect("it is bound").port();
    let mut site = Site::with(Broker::mosquitto(), |setup| {
        setup.toml(&format!("[[printer]]\nid = \"zebra\"\nstation = \"bench-1\"\nhost = \"127.0.0.1\"\nport = {port}"))
    });
    site.platform.put_order(SITE, &order("o1", "dhl", "1xA"));
    site.until_accepted(1);
    site.scan(0, "O1");
    site.scan(0, &gtin('A'));
    let (_line, _) = printer.accept().expect("the label's way");
    site.broker.pause();
    site.scan(1, "NOBODY-KNOWS-THIS");

    let stopping = Stopwatch::start();
    let ended = site.agent.stop().expect("it ran");
    let took = stopping.elapsed();
    println!("stopped after {} ms", took.as_millis());
    site.broker.resume();
    assert!(ended.success(), "{ended}: {}", site.agent.log());
    assert!(took < DEADLINE, "{took:?}");
    assert_eq!(events(&site).last().expect("a log")["type"], "parceld.site.stopped.v1");
}

#[test]
fn what_was_scanned_before_the_stop_is_decided_and_answered() {
    let Some(card) = Card::insert(32) else { return };
    let manager = ServiceManager::start();
    let database = card.path().join("parceld.db").to_string_lossy().into_owned();
    let mut site =
        Site::with(Broker::mosquitto(), |setup| setup.set("storage.path", database).through(manager.runner(WATCHDOG)));
    let frozen = card.freeze();
    for code in 0..CODES {
        site.scanners[0].send(&format!("NOBODY-KNOWS-{code}"));
    }
    wait::until("all codes to be read", PATIENCE, || {
        (site.agent.status()["scanners"][0]["reads"] == CODES).then_some(())
    });
    site.agent.process().begin_to_terminate();
    manager.until("the scanners' rest", takes_nothing_in);
    // Nobody reads this one.
    site.scanners[1].send("TOO-LATE");
    drop(frozen);

    for code in 0..CODES {
        let answer = site.scanners[0].answer(wait::GENEROUS).unwrap_or_else(|| panic!("no answer to {code}"));
        assert!(answer.recorded, "{code}");
    }
    let ended = wait::until("the end", wait::GENEROUS, || site.agent.ended());
    assert!(ended.success(), "{ended}: {}", site.agent.log());
    let events = events(&site);
    let codes: Vec<&str> = events.iter().filter_map(|event| event["data"]["code"].as_str()).collect();
    let sent: Vec<String> = (0..CODES).map(|code| format!("NOBODY-KNOWS-{code}")).collect();
    assert_eq!(codes, sent, "each once, in order, and none that came too late");
    assert_eq!(events.last().expect("a log")["type"], "parceld.site.stopped.v1");
    assert_eq!(site.scanners[1].answer(Duration::ZERO), None, "what is not taken in is not answered");
}

#[test]
fn a_disk_that_never_answers_is_left_behind_and_nothing_was_green() {
    let Some(card) = Card::insert(32) else { return };
    let manager = ServiceManager::start();
    let database = card.path().join("parceld.db").to_string_lossy().into_owned();
    let mut site =
        Site::with(Broker::mosquitto(), |setup| setup.set("storage.path", database).through(manager.runner(WATCHDOG)));
    let frozen = card.freeze();
    site.scanners[0].send("NOBODY-KNOWS-THIS");
    site.agent.process().begin_to_terminate();
    manager.until("the stop", is_stopping);
    let stopping = Stopwatch::start();
    manager.until("the end", |message| message.status().is_some_and(|status| status.starts_with("ended without ")));
    let took = stopping.elapsed();
    assert!(took < DEADLINE + Duration::from_secs(5), "{took:?}");
    assert_eq!(site.scanners[0].answer(Duration::ZERO), None, "what is not on disk is not green");

    // No process goes while the kernel holds one of its threads.
    drop(frozen);
    let ended = wait::until("the end", wait::GENEROUS, || site.agent.ended());
    assert_eq!(ended.code(), Some(LEFT_BEHIND), "{}", site.agent.log());
    assert!(site.agent.log().contains("does not stop"), "{}", site.agent.log());
    site.agent.restart();
    site.agent.ready();
    assert!(site.scanners[0].scan("NOBODY-KNOWS-THIS").recorded);
}
