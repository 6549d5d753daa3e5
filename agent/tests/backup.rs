//! I7: scanning first, also while the database is copied.
//!
//! `cargo test -p parceld --test backup -- --nocapture` prints the figures.

#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

mod site;

use parceld::clock::Clock;
use parceld::journal::backup;
use site::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const EVENTS: u32 = 100_000;
const P99_MAX: Duration = Duration::from_millis(100);
/// As fast as one bench can scan, and faster.
const SCANS_BEFORE: usize = 200;

#[test]
fn scans_are_answered_in_time_while_a_backup_is_made() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    Site::start(&path).stop_in_order();
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch(&format!(
        "INSERT INTO events (place, id, at, uptime_s, synced, kind, data)
         WITH RECURSIVE n(n) AS (SELECT 3 UNION ALL SELECT n + 1 FROM n WHERE n < {EVENTS})
         SELECT n, randomblob(16), 0, 0, 1, 'site.stopped', json_object('x', hex(randomblob(150))) FROM n;"
    ))
    .unwrap();
    drop(file);
    let mut site = Site::start(&path);
    assert_eq!(site.put(1, "9000xA"), "accepted");
    assert_eq!(site.scan("bench", "1"), "opened 0/9000");
    let clock = Clock::start();
    let timed = |site: &mut Site| {
        let begun = clock.now().since_start;
        let answer = site.scan("bench", "A");
        assert!(answer.starts_with("accepted"), "{answer}");
        clock.now().since_start.saturating_sub(begun)
    };
    let alone: Vec<Duration> = (0..SCANS_BEFORE).map(|_| timed(&mut site)).collect();
    let done = AtomicBool::new(false);
    let (beside, took) = std::thread::scope(|both| {
        let copying = both.spawn(|| {
            let begun = clock.now().since_start;
            let made = backup::copy(&path, &folder.file("copy.db"));
            done.store(true, Ordering::Relaxed);
            made.unwrap();
            clock.now().since_start.saturating_sub(begun)
        });
        let mut beside = Vec::new();
        while !done.load(Ordering::Relaxed) {
            beside.push(timed(&mut site));
        }
        (beside, copying.join().unwrap())
    });
    println!("alone: {}", figures(&alone));
    println!("while {EVENTS} events are copied, in {took:?}: {}", figures(&beside));
    assert!(percentile(beside, 99) <= P99_MAX);
}

fn percentile(mut times: Vec<Duration>, percent: usize) -> Duration {
    times.sort_unstable();
    times[times.len() * percent / 100]
}

fn figures(times: &[Duration]) -> String {
    let [p50, p99] = [50, 99].map(|percent| percentile(times.to_vec(), percent));
    let most = times.iter().max().unwrap();
    format!("{} scans, p50 {p50:?}, p99 {p99:?}, longest {most:?}", times.len())
}
