//! I6: the write-ahead log and the room for cursors, while somebody reads for long and while the disk is full.

#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

mod site;

use parceld::journal::{Job, Journal, ReceiptOutcome, Storage};
use rusqlite::Connection;
use site::*;
use std::fs;

fn retain(site: &Site) -> bool {
    let moment = at(site.now_ms);
    site.ask(|reply| Job::Retain { moment, reply })
}

fn held_bytes(journal: &Journal) -> u64 {
    journal.reader().unwrap().held_bytes().unwrap()
}

#[test]
fn retention_waits_while_a_reader_keeps_the_log_from_being_folded() {
    let folder = Folder::in_memory();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    let file = Connection::open(&path).unwrap();
    file.execute_batch("BEGIN; SELECT count(*) FROM events").unwrap();
    file.query_row("SELECT count(*) FROM events", [], |_| Ok(())).unwrap();
    let mut number = 0;
    while held_bytes(&site.journal) <= 9 * 1024 * 1024 {
        number += 1;
        assert_eq!(site.put(number, "2xA 2xB 2xC"), "accepted");
    }
    let (epoch, head) = (site.epoch(), site.head());
    assert_eq!(site.receipt(epoch, head, false), ReceiptOutcome::Advanced(head));
    site.now_ms += 2 * u64::try_from(KEEP.as_millis()).unwrap();
    site.put(number + 1, "1xA");
    let before = site.events().len();
    let held = held_bytes(&site.journal);
    for _ in 0..10 {
        assert!(!retain(&site), "it is not asked again at once");
    }
    assert_eq!(site.events().len(), before, "nothing is deleted");
    assert!(held_bytes(&site.journal) <= held + 64 * 1024, "and the log hardly grows");
    assert_eq!(site.put(number + 2, "1xA"), "accepted", "the site works on");

    file.execute_batch("COMMIT").unwrap();
    until("what is old is forgotten", || {
        retain(&site);
        site.events().len() < 10
    });
    assert!(held_bytes(&site.journal) < 1024 * 1024, "and the log is folded");
    site.stop_in_order();
}

#[test]
fn a_restart_on_a_full_disk_takes_no_scans_until_the_room_for_cursors_is_there_again() {
    let folder = Folder::new();
    let path = folder.file("j.db");
    let mut site = Site::start(&path);
    site.put(1, "9xA");
    site.stop_in_order();
    // As before the start: it was given up, and there is no room to make it.
    let ballast = folder.file("j.db.ballast");
    fs::write(&ballast, "").unwrap();
    let mut config = config(&path);
    config.ballast_bytes = u64::MAX / 4;
    let mut site = Site::start_with(config.clone());
    assert!(matches!(&*site.journal.storage().borrow(), Storage::Failing { .. }), "it shows before anybody scans");
    assert_eq!(site.scan("bench", "1"), "not_saved (storage)");
    let (epoch, head) = (site.epoch(), site.head());
    assert_eq!(site.receipt(epoch, head, false), ReceiptOutcome::Advanced(head), "cursors go on");
    site.stop_in_order();

    config.ballast_bytes = 1 << 20;
    let mut site = Site::start_with(config.clone());
    assert_eq!(*site.journal.storage().borrow(), Storage::Well);
    assert_eq!(site.scan("bench", "1"), "opened 0/9");
    site.stop_in_order();

    // One that never could be made protects nothing, and stops nobody.
    fs::remove_file(&ballast).unwrap();
    config.ballast_bytes = u64::MAX / 4;
    let mut site = Site::start_with(config);
    assert!(site.scan("bench", "A").starts_with("accepted"));
    site.stop_in_order();
}
