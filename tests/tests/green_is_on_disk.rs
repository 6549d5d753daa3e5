//! A green light means "on disk": shown by what the running agent asks of the kernel, and in which order.

use parceld_tests::goods::{gtin, order};
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::site::{Broker, PATIENCE, SITE, Site};
use parceld_tests::tempdir::TempDir;
use parceld_tests::trace::{self, Call, Early};
use parceld_tests::wait;
use std::fs;
use std::path::PathBuf;
use std::thread;

/// Units of each of the two products on an order.
const UNITS_EACH: usize = 8;

#[test]
fn no_scan_is_answered_before_it_is_on_disk() {
    let dir = TempDir::new("trace");
    let file = dir.join("trace");
    let Some(tracer) = trace::tracer(&file) else { return };
    let mut site = Site::with(Broker::mosquitto(), |setup| setup.through(tracer));
    for id in ["o1", "o2"] {
        site.platform.put_order(SITE, &order(id, "dhl", &format!("{UNITS_EACH}xA {UNITS_EACH}xB")));
    }
    site.until_accepted(2);
    let (one, others) = site.scanners.split_at_mut(1);
    let alone = scan(&mut one[0], &packing("o1"));
    let together = thread::scope(|both| {
        let other = both.spawn(|| scan(&mut others[0], &packing("o2")));
        let unknown: Vec<String> = (0..2 * UNITS_EACH).map(|number| format!("nobody-knows-{number}")).collect();
        scan(&mut one[0], &unknown) + other.join().expect("staff go home")
    });

    let process = site.agent.process().pid();
    assert!(site.agent.stop().is_some_and(|status| status.success()));
    let trace = wait::until("the trace's end", PATIENCE, || {
        let trace = fs::read_to_string(&file).ok()?;
        let is_last = |line: &str| line.starts_with(&process.to_string()) && line.contains("+++ exited");
        trace.lines().any(is_last).then_some(trace)
    });
    let mut log = fs::canonicalize(site.agent.database()).expect("the database stays").into_os_string();
    log.push("-wal");
    let scanners: Vec<PathBuf> =
        site.scanners.iter().map(|scanner| fs::read_link(scanner.port()).expect("a link to a terminal")).collect();
    let (calls, log) = (trace::calls(&trace), PathBuf::from(log));
    assert_eq!(trace::answers_on_disk(&calls, &log, &scanners), Ok(alone + together));
    let unsynced: Vec<Call> = calls.into_iter().filter(|call| !call.name.ends_with("sync")).collect();
    let early = trace::answers_on_disk(&unsynced, &log, &scanners);
    assert!(matches!(early, Err(Early::Unsynced { .. })), "without its syncs the same trace is refused: {early:?}");
}

/// The codes that open the order and pack it, with some that nobody knows in between.
fn packing(order: &str) -> Vec<String> {
    let mut codes = vec![order.to_uppercase()];
    for letter in ['A', 'B'] {
        codes.extend((0..UNITS_EACH).map(|_| gtin(letter)));
        codes.push(format!("{order}-knows-no-{letter}"));
    }
    codes
}

/// Scans one after the other's answer. Returns how many there were.
fn scan(scanner: &mut VirtualScanner, codes: &[String]) -> usize {
    for code in codes {
        assert!(scanner.scan(code).recorded, "{code}");
    }
    codes.len()
}
