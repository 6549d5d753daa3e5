//! The agent dies without a word, again and again, while staff go on scanning.

use parceld_tests::goods::{gtin, order};
use parceld_tests::scanner::{Answer, VirtualScanner};
use parceld_tests::site::{Broker, SITE, Site, assert_gapless};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

const KILLS: u32 = 20;
const LETTERS: [char; 3] = ['A', 'B', 'C'];
/// More units than are scanned while the agent dies as often as that.
const UNITS_EACH: u32 = 9_000;
/// How often staff look whether the agent has died.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// An agent that is back answers what it has read well within this.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

#[test]
fn every_green_is_in_the_platform_once_although_the_agent_is_killed_twenty_times() {
    let mut site = Site::start(Broker::mosquitto());
    let lines: Vec<String> = LETTERS.iter().map(|letter| format!("{UNITS_EACH}x{letter}")).collect();
    for id in ["o1", "o2"] {
        site.platform.put_order(SITE, &order(id, "dhl", &lines.join(" ")));
    }
    site.until_accepted(2);
    site.scan(0, "O1");
    site.scan(1, "O2");

    let (stop, scanned, lives) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(0));
    let (one, others) = site.scanners.split_at_mut(1);
    let counted = std::thread::scope(|both| {
        let staff = [&mut one[0], &mut others[0]].map(|scanner| both.spawn(|| work(scanner, &stop, &scanned, &lives)));
        for kill in 1..=KILLS {
            let before = scanned.load(Ordering::Relaxed);
            parceld_tests::wait::until("some scans between two kills", parceld_tests::site::PATIENCE, || {
                (before + 20 + kill <= scanned.load(Ordering::Relaxed)).then_some(())
            });
            site.agent.kill9();
            site.agent.restart();
            site.agent.ready();
            lives.fetch_add(1, Ordering::Relaxed);
        }
        stop.store(true, Ordering::Relaxed);
        staff.map(|staff| staff.join().expect("staff go home"))
    });

    site.agent.ready();
    site.until_synced();
    let events = site.events();
    assert_gapless(&events);
    let ids: BTreeSet<&str> = events.iter().filter_map(|event| event["id"].as_str()).collect();
    assert_eq!(ids.len(), events.len(), "every event once");
    for (order, units) in ["o1", "o2"].iter().zip(counted) {
        let picked =
            |event: &&Value| event["type"] == "parceld.pick.item_picked.v1" && event["data"]["order"]["id"] == *order;
        assert_eq!(events.iter().filter(picked).count() as u32, units, "units of {order}");
    }
    let recovered =
        |event: &&Value| event["type"] == "parceld.site.started.v1" && event["data"]["cause"] == "recovered";
    assert_eq!(events.iter().filter(recovered).count() as u32, KILLS);
}

/// Scans unit after unit; when the agent has died over one, the same one again. Returns how many units counted.
///
/// "Perhaps counted" is the answer to the second scan where the first had counted before the crash.
fn work(scanner: &mut VirtualScanner, stop: &AtomicBool, scanned: &AtomicU32, lives: &AtomicU32) -> u32 {
    const LOOK: u8 = 2;
    let mut units = 0;
    while !stop.load(Ordering::Relaxed) {
        let code = gtin(LETTERS[units as usize % LETTERS.len()]);
        let mut again = false;
        let answer = loop {
            let life = lives.load(Ordering::Relaxed);
            scanner.drain();
            scanner.send(&code);
            match answer_in_this_life(scanner, lives, life) {
                Some(answer) => break answer,
                None => again = true,
            }
        };
        assert!(answer.recorded);
        match answer.beeps {
            0 => {}
            LOOK if again => {}
            beeps => panic!("{beeps} beeps for unit {units}, again: {again}"),
        }
        units += 1;
        scanned.fetch_add(1, Ordering::Relaxed);
    }
    units
}

/// None where the agent died meanwhile, and its successor has not read the code either.
fn answer_in_this_life(scanner: &mut VirtualScanner, lives: &AtomicU32, life: u32) -> Option<Answer> {
    loop {
        if let Some(answer) = scanner.answer(LOOK_EVERY) {
            return Some(answer);
        }
        if lives.load(Ordering::Relaxed) != life {
            return scanner.answer(ANSWERED_WITHIN);
        }
    }
}
