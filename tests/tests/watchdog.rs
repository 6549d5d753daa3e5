//! What the service manager hears: that the agent is ready, how it is, and that it moves, only while it does.

use parceld_tests::disk::Card;
use parceld_tests::http::Reply;
use parceld_tests::service_manager::{Message, ServiceManager};
use parceld_tests::site::{Broker, Site};
use parceld_tests::wait::Stopwatch;
use parceld_tests::{http, wait};
use std::time::Duration;

/// So that looks are a second apart.
const WATCHDOG: Duration = Duration::from_secs(2);
/// Longer than the service manager would have waited.
const LOOKS: usize = 4;

/// Within this every fault is shown, and gone when it is mended.
const SHOWN_WITHIN: Duration = Duration::from_secs(5);

/// Whether scans are saved, as the agent says from memory: its report reads the database, and would wait with the disk.
fn readiness(site: &Site) -> Reply {
    http::get(&format!("{}/readyz", site.agent.url())).expect("the agent answers whatever the disk does")
}

#[track_caller]
fn until_ready(site: &Site) {
    wait::until("the agent to be well again", SHOWN_WITHIN, || (readiness(site).status == 200).then_some(()));
}

/// The journal, three scanners, sync, the schedule and the runtime.
fn site_on(card: &Card, manager: &ServiceManager) -> Site {
    let database = card.path().join("parceld.db").to_string_lossy().into_owned();
    Site::with(Broker::mosquitto(), |setup| setup.set("storage.path", database).through(manager.runner(WATCHDOG)))
}

fn hangs(message: &Message) -> bool {
    message.status().is_some_and(|status| status.starts_with("hangs:"))
}

#[test]
fn a_blocked_disk_stops_the_watchdog_until_it_answers_again() {
    let Some(card) = Card::insert(32) else { return };
    let manager = ServiceManager::start();
    let mut site = site_on(&card, &manager);

    // Idle, each part is asked and turns.
    let heard = manager.until("READY=1", |message| message.says("READY=1"));
    assert!(!heard.iter().any(Message::is_alive), "nothing is alive before it is ready: {heard:?}");
    for _ in 0..LOOKS {
        let heard = manager.until("a sign of life", Message::is_alive);
        assert!(!heard.iter().any(hangs), "idle is not hanging: {heard:?}");
    }

    let frozen = card.freeze();
    site.scanners[0].send("A-CODE-THAT-MUST-BE-SAVED");
    manager.until("the disk to be noticed", hangs);
    for _ in 0..LOOKS {
        let heard = manager.until("the next look", |message| message.status().is_some());
        assert!(!heard.iter().any(Message::is_alive), "it does not move: {heard:?}");
        let status = heard.last().and_then(Message::status).unwrap_or_default();
        assert!(status.starts_with("hangs: the journal for "), "{status}");
    }
    assert_eq!(readiness(&site).status, 503);
    let log = site.agent.log();
    assert!(log.contains("part=\"the journal\"") && log.contains("hangs"), "the log names the part: {log}");

    drop(frozen);
    let heard = manager.until("a sign of life", Message::is_alive);
    let how = heard.last().and_then(Message::status).unwrap_or_default();
    assert!(how.starts_with("scans are saved; 3 of 3 scanners open; "), "{how}");
    let answer =
        site.scanners[0].answer(wait::GENEROUS).expect("what was scanned while the disk was blocked is answered");
    assert!(answer.recorded);
    until_ready(&site);
}

#[test]
fn a_disk_that_does_not_answer_is_said_within_seconds_and_is_well_again_when_it_does() {
    let Some(card) = Card::insert(32) else { return };
    let manager = ServiceManager::start();
    let mut site = site_on(&card, &manager);
    for _ in 0..2 {
        let frozen = card.freeze();
        site.scanners[0].send("A-CODE-THAT-MUST-BE-SAVED");
        wait::until("the disk to be named", SHOWN_WITHIN, || {
            let Reply { status, body, .. } = readiness(&site);
            (status == 503 && body.contains("scans are not saved: the disk does not answer")).then_some(())
        });
        drop(frozen);
        let answer = site.scanners[0].answer(wait::GENEROUS).expect("an answer");
        assert!(answer.recorded);
        until_ready(&site);
    }
}

#[test]
fn the_report_comes_in_time_although_the_disk_does_not_answer() {
    let Some(card) = Card::insert(32) else { return };
    let manager = ServiceManager::start();
    let mut site = site_on(&card, &manager);
    site.scan(0, "NOBODY-KNOWS-THIS");
    let known = site.agent.status()["log"]["head"].clone();
    let frozen = card.freeze();
    site.scanners[0].send("A-CODE-THAT-MUST-BE-SAVED");
    wait::until("the report to name the disk", SHOWN_WITHIN, || {
        let report = site.agent.status();
        (report["storage"]["error"] == "the disk does not answer").then_some(())
    });
    for path in ["/api/v1/status", "/metrics", "/healthz?verbose", "/", "/api/v1/status"] {
        let begun = Stopwatch::start();
        let Reply { status, body, .. } =
            http::get(&format!("{}{path}", site.agent.url())).expect("the agent answers whatever the disk does");
        assert!(begun.elapsed() < SHOWN_WITHIN, "{path} took {:?}", begun.elapsed());
        assert!(status == 200 || (status == 503 && path.starts_with("/healthz")), "{path}: {status}");
        assert!(!body.is_empty(), "{path}");
    }
    assert_eq!(site.agent.status()["log"]["head"], known, "with what is known");
    drop(frozen);
    assert!(site.scanners[0].answer(wait::GENEROUS).expect("an answer").recorded);
    until_ready(&site);
    wait::until("the report to read the database again", SHOWN_WITHIN, || {
        let report = site.agent.status();
        let mut findings = report["verdict"]["findings"].as_array()?.iter();
        let reads = !findings.any(|finding| finding["fault"] == "database_unreadable");
        (reads && report["storage"]["state"] == "well").then_some(())
    });
}

#[test]
fn a_scanner_that_is_gone_a_broker_that_hangs_and_a_busy_floor_are_no_reason_to_restart() {
    let Some(card) = Card::insert(32) else { return };
    let manager = ServiceManager::start();
    let mut site = site_on(&card, &manager);
    manager.until("READY=1", |message| message.says("READY=1"));
    site.scanners[1].unplug();
    site.broker.pause();
    let mut signs = 0;
    while signs < 2 * LOOKS {
        site.scan(0, "NOBODY-KNOWS-THIS");
        if let Some(message) = manager.next(Duration::ZERO) {
            assert!(!hangs(&message), "{message:?}");
            signs += usize::from(message.is_alive());
        }
    }
    site.broker.resume();
}

#[test]
fn a_stop_is_announced() {
    let Some(card) = Card::insert(32) else { return };
    let manager = ServiceManager::start();
    let mut site = site_on(&card, &manager);
    manager.until("READY=1", |message| message.says("READY=1"));
    let ended = site.agent.stop().expect("it ran");
    assert!(ended.success(), "{ended}");
    let heard = manager.until("STOPPING=1", |message| message.says("STOPPING=1"));
    assert!(!heard.iter().any(hangs), "{heard:?}");
}
