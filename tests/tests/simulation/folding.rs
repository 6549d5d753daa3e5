//! A log of which a part is folded while somebody reads, and a disk that fails as the rest is forced to it.

use super::Folder;
use super::life::config;
use super::world::{base, ids, integrity, open};
use parceld::clock::{Clock, Evidence, Reading};
use parceld::domain::event::Event;
use parceld::journal::{self, Idle, Job, Journal};
use parceld::pulse::Pulse;
use parceld_faultfs::{Cut, Disk, Faults};
use std::path::Path;
use std::time::Duration;

/// What forces something to disk while one event is recorded: the commit; folding, which forces the log first; and the file, once
/// all of the log is in it.
const COMMITTED: u64 = 1;
const PARTLY_FOLDED: u64 = 2;

/// More than a log holds that is as long as it gets.
const RECORDS_MAX: usize = 4_000;

struct Site<'p> {
    disk: Disk,
    path: &'p Path,
    clock: Clock,
    journal: Journal,
    idle: Idle,
}

impl<'p> Site<'p> {
    fn start(disk: Disk, path: &'p Path) -> Self {
        let reading = Reading { wall: base(), since_boot: Duration::ZERO };
        let clock = Clock::played("boot", reading, Evidence::Synchronized);
        let (journal, idle) = journal::prepare(config(path, "boot", false), clock.now(), &Pulse::default()).unwrap();
        Self { disk, path, clock, journal, idle }
    }

    /// Records an event, and says how often something was forced to disk meanwhile. Only the last of three such times may fail.
    fn record(&mut self) -> u64 {
        let before = self.disk.counts().1;
        let event = Event::ScannerLost { scanner: "bench-1".into(), cause: "unplugged ".repeat(200).as_str().into() };
        self.journal.try_submit(Job::Record { event, station: None, moment: self.clock.now() }).unwrap();
        while self.idle.step() {}
        self.disk.counts().1 - before
    }

    fn record_until(&mut self, mut is_it: impl FnMut(&mut Self) -> bool) {
        assert!((0..RECORDS_MAX).any(|_| is_it(self)), "in vain");
    }

    fn epoch(&self) -> String {
        self.journal.head().borrow().epoch.id.to_string()
    }
}

#[test]
fn what_could_not_be_forced_behind_a_part_stays_in_the_log() {
    let folder = Folder::new();
    let path = folder.0.join("parceld.db");
    let mut site = Site::start(Disk::mount(&folder.0), &path);
    for _ in 0..100 {
        site.record();
    }
    let reader = open(&path).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let seen: u64 = reader.query_row("SELECT max(place) FROM events", [], |row| row.get(0)).unwrap();
    assert!(100 < seen);
    site.record_until(|site| site.record() == PARTLY_FOLDED);
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);

    site.record_until(|site| {
        site.disk.set(Faults { sync_fails_in: Some(PARTLY_FOLDED), ..Faults::default() });
        let forced = site.record();
        site.disk.set(Faults::default());
        PARTLY_FOLDED < forced
    });
    assert!(site.journal.damage().awaits_salvage(), "nobody was told");
    for _ in 0..100 {
        assert_eq!(site.record(), COMMITTED, "nothing is folded, or begins anew");
    }

    let (epoch, stored) = (site.epoch(), ids(site.path).unwrap());
    let Site { disk, path, journal, idle, .. } = site;
    disk.die();
    drop((journal, idle));
    disk.back_after(Cut::Nothing, || 0).unwrap();
    let site = Site::start(disk, path);
    assert_eq!((site.epoch(), integrity(site.path).unwrap().as_str()), (epoch, "ok"));
    assert!(stored.is_subset(&ids(site.path).unwrap()), "something is gone");
}
