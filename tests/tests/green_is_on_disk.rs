//! A green light means "on disk": shown by what the running agent asks of the kernel, and in which order.

use parceld_tests::goods::{gtin, order};
use parceld_tests::scanner::VirtualScanner;
use parceld_tests::site::{Broker, PATIENCE, SITE, Site};
use parceld_tests::tempdir::TempDir;
use parceld_tests::{trace, wait};
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
    let scanned = pack(&mut site.scanners[0], "o1") + {
        // And with two scanners whose scans may share a commit.
        let (one, others) = site.scanners.split_at_mut(1);
        thread::scope(|both| {
            let more = both.spawn(|| (0..UNITS_EACH).map(|_| refused(&mut one[0])).sum::<usize>());
            pack(&mut others[0], "o2") + more.join().expect("staff go home")
        })
    };

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
    let answers = trace::answers_on_disk(&trace::calls(&trace), &PathBuf::from(log), &scanners);
    assert_eq!(answers, Ok(scanned));
}

/// Opens the order and packs it, with a wrong scan and an unknown code in between. Returns how many codes were scanned.
fn pack(scanner: &mut VirtualScanner, order: &str) -> usize {
    let mut codes = vec![order.to_uppercase()];
    for letter in ['A', 'B'] {
        codes.extend((0..UNITS_EACH).map(|_| gtin(letter)));
        codes.push(format!("{order}-has-no-{letter}"));
    }
    for code in &codes {
        assert!(scanner.scan(code).recorded, "{code}");
    }
    codes.len()
}

fn refused(scanner: &mut VirtualScanner) -> usize {
    assert!(scanner.scan("nobody-knows-this").recorded);
    1
}
