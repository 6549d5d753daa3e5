//! How much is written to the disk for a scan: what wears a memory card out. Counted by the kernel (`write_bytes` of
//! proc_pid_io(5)), with the log's folding into the file included.
//!
//! `cargo test -p parceld --test writes -- --nocapture` prints the figures.

#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

mod site;

use parceld::clock::Moment;
use parceld::domain::event::Method;
use parceld::journal::Job;
use site::*;
use std::fmt;
use std::path::Path;
use std::sync::mpsc;

/// Scans of each kind; more than once the number after which the log is folded.
const ALONE: u64 = 1_200;
const FLOOD: u64 = 12_000;
/// Units of an order: as on most of a shop's orders there are few.
const UNITS: u64 = 6;

/// Bytes that an event may cost whose scan is alone in its transaction, or among others: a page more in each is too much.
const ALONE_BYTES_MAX: u64 = 8_000;
const FLOOD_BYTES_MAX: u64 = 1_100;

fn written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap().trim().parse().unwrap()
}

/// In bytes.
struct Costs {
    alone: u64,
    alone_per_event: u64,
    flood: u64,
    flood_per_event: u64,
    idle: u64,
}

impl fmt::Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { alone, alone_per_event, flood, flood_per_event, idle } = self;
        write!(f, "alone {alone} per scan, {alone_per_event} per event; ")?;
        write!(f, "in a flood {flood} per scan, {flood_per_event} per event; idle {idle} in 3 s")
    }
}

/// Packs order after order. `page_bytes`: of a file that is made beforehand; none: as the agent makes it.
fn measure(page_bytes: Option<u32>) -> Costs {
    let folder = Folder::new();
    let path = folder.file("j.db");
    if let Some(bytes) = page_bytes {
        make(&path, bytes);
    }
    let mut site = Site::start(&path);
    let orders = (ALONE + FLOOD) / (UNITS + 1) + 2;
    for number in 1..=orders {
        assert_eq!(site.put(u32::try_from(number).unwrap(), "3xA 2xB 1xC"), "accepted");
    }
    let codes = (1..=orders).flat_map(|number| {
        std::iter::once(number.to_string()).chain(["A", "A", "A", "B", "B", "C"].map(str::to_owned))
    });
    let codes: Vec<String> = codes.collect();
    let (alone, flood) = codes.split_at(usize::try_from(ALONE).unwrap() / 7 * 7);
    let (head, before) = (site.head(), written());
    for code in alone {
        site.scan("bench", code);
    }
    let (middle, between) = (site.head(), written());
    let (sender, answers) = mpsc::channel();
    for code in flood {
        site.now_ms += 1_000;
        let moment: Moment = at(site.now_ms);
        let (scan, sender) = (read("bench", code, &moment), sender.clone());
        let reply = Box::new(move |answer| drop(sender.send(answer)));
        site.journal.submit(Job::Scan { station: "bench".into(), scan, method: Method::Scan, moment, reply }).unwrap();
    }
    flood.iter().for_each(|_| drop(answers.recv_timeout(PATIENCE).unwrap()));
    let (end, after) = (site.head(), written());
    let _ = mpsc::channel::<()>().1.recv_timeout(std::time::Duration::from_secs(3));
    let idle = written() - after;
    let (alone, flood) = (alone.len() as u64, flood.len() as u64);
    Costs {
        alone: (between - before) / alone,
        alone_per_event: (between - before) / (middle - head),
        flood: (after - between) / flood,
        flood_per_event: (after - between) / (end - middle),
        idle,
    }
}

fn make(path: &Path, page_bytes: u32) {
    let file = rusqlite::Connection::open(path).unwrap();
    file.execute_batch(&format!("PRAGMA page_size = {page_bytes}; PRAGMA auto_vacuum = INCREMENTAL; VACUUM")).unwrap();
}

#[test]
fn a_scan_costs_a_few_pages_and_nobody_who_waits_costs_anything() {
    if written() == 0 {
        let probe = Folder::new();
        std::fs::write(probe.file("probe"), vec![1; 1 << 16]).unwrap();
        if written() == 0 {
            eprintln!("skipped: the kernel counts no bytes for this directory: is it in memory?");
            return;
        }
    }
    let costs = measure(None);
    println!("as it is: {costs}");
    assert!(costs.alone_per_event <= ALONE_BYTES_MAX, "{costs}");
    assert!(costs.flood_per_event <= FLOOD_BYTES_MAX, "{costs}");
    assert_eq!(costs.idle, 0);
}

#[test]
#[ignore = "for whoever wants to compare: takes a while, and asserts nothing"]
fn what_other_sizes_of_pages_would_cost() {
    for bytes in [1_024, 2_048, 4_096, 8_192] {
        println!("pages of {bytes}: {}", measure(Some(bytes)));
    }
}
