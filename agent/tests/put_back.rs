//! Backups in the place of the database: whatever waits beside it, whatever goes wrong, and whoever does it.

#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

mod site;

use parceld::clock::Moment;
use parceld::journal::salvage::restore::{Restored, Unfit, restore};
use parceld::journal::{self, Job, salvage};
use site::*;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A database and an older backup of it, with an event less; nobody runs.
struct Stopped {
    folder: Folder,
    path: PathBuf,
    backup: PathBuf,
}

impl Stopped {
    fn new() -> Self {
        let folder = Folder::new();
        let (path, backup) = (folder.file("j.db"), folder.file("backup.db"));
        let mut site = Site::start(&path);
        site.put(1, "2xA");
        journal::backup::copy(&path, &backup).unwrap();
        site.put(2, "2xA");
        site.stop_in_order();
        Self { folder, path, backup }
    }

    fn restore(&self) -> Result<Restored, Unfit> {
        restore(&config(&self.path), &self.backup, &at(0))
    }

    fn beside(&self, end: &str) -> PathBuf {
        PathBuf::from(format!("{}{end}", self.path.display()))
    }

    /// Of the database's file, as `chattr` takes it. Whether that can be done here.
    fn change_attribute(&self, attribute: &str) -> bool {
        let changed = Command::new("chattr").arg(attribute).arg(&self.path).output();
        changed.is_ok_and(|changed| changed.status.success())
    }

    /// The orders that the database has.
    fn orders(path: &Path) -> usize {
        journal::Reader::open(path).unwrap().orders(10).unwrap().len()
    }
}

#[test]
fn what_waited_for_the_old_file_does_not_undo_a_restore() {
    let stopped = Stopped::new();
    salvage::suspect(&stopped.path, "noise").unwrap();
    stopped.restore().unwrap();
    let site = Site::start(&stopped.path);
    assert_eq!(Stopped::orders(&stopped.path), 1, "the backup is there");
    assert!(salvage::quarantine(&stopped.path).is_empty(), "and nobody has salvaged it");
    site.stop_in_order();

    // A salvage was cut off when its new file was whole, but not in its place yet.
    let stopped = Stopped::new();
    fs::copy(&stopped.path, stopped.beside(".salvaged")).unwrap();
    let restored = stopped.restore().unwrap();
    let kept = restored.kept.unwrap();
    assert_eq!(salvage::quarantine(&stopped.path).len(), 1, "that is finished first");
    assert_eq!(Stopped::orders(&kept), 2, "so that what it had saved is kept");
    let site = Site::start(&stopped.path);
    assert_eq!(Stopped::orders(&stopped.path), 1, "the backup is there");
    site.stop_in_order();
}

#[test]
fn a_backup_that_could_not_take_its_place_is_said_to_wait_and_takes_it_at_the_next_start() {
    let stopped = Stopped::new();
    if !stopped.change_attribute("+i") {
        return eprintln!("skipped: no file can be made immutable here");
    }
    let refused = stopped.restore();
    assert!(stopped.change_attribute("-i"));
    let error = refused.unwrap_err();
    assert!(error.is_put_back(), "{error}");
    assert!(error.to_string().contains("the next start of the agent goes on with that"), "{error}");
    assert_eq!(Stopped::orders(&stopped.path), 2, "the database is there as it was");
    let site = Site::start(&stopped.path);
    assert_eq!(Stopped::orders(&stopped.path), 1, "the backup is there");
    site.stop_in_order();
}

#[test]
fn what_is_refused_leaves_nothing_that_is_put_back_later() {
    let stopped = Stopped::new();
    fs::write(&stopped.backup, "noise").unwrap();
    let error = stopped.restore().unwrap_err();
    assert!(!error.is_put_back(), "{error}");
    let site = Site::start(&stopped.path);
    assert_eq!(Stopped::orders(&stopped.path), 2, "the database is as it was");
    site.stop_in_order();
}

#[test]
fn the_file_is_the_old_ones_owner_s() {
    let stopped = Stopped::new();
    let id = |path: &Path| fs::metadata(path).map(|found| (found.uid(), found.gid())).unwrap();
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if is_root {
        for file in [&stopped.path, &stopped.beside(".lock")] {
            std::os::unix::fs::chown(file, Some(12_345), Some(12_346)).unwrap();
        }
        fs::remove_file(stopped.beside(".lock")).unwrap();
    }
    let owner = id(&stopped.path);
    fs::set_permissions(&stopped.backup, fs::Permissions::from_mode(0o600)).unwrap();
    stopped.restore().unwrap();
    assert_eq!((id(&stopped.path), id(&stopped.beside(".lock"))), (owner, owner));
    assert_eq!(fs::metadata(&stopped.path).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(stopped.folder.0.exists());
}

#[test]
fn no_serial_is_given_out_twice_however_old_the_backup_is_and_whatever_the_clock_shows() {
    for (what, moment) in [
        ("a clock that is believed", at(0)),
        ("a board that knows no time", Moment { wall: jiff::Timestamp::UNIX_EPOCH, trusted: false, ..at(0) }),
    ] {
        let stopped = Stopped::new();
        let site = Site::start(&stopped.path);
        let mut given = Vec::new();
        for _ in 0..30 {
            // Labels are printed beforehand: no event says so.
            let first = site.ask(|reply| Job::ReserveSerials { count: 1_000, reply }).unwrap();
            given.push(first..first + 1_000);
        }
        site.stop_in_order();
        // Nothing but the backup knows how far numbers were.
        fs::remove_file(&stopped.path).unwrap();
        let _ = fs::remove_file(stopped.beside("-wal"));
        restore(&config(&stopped.path), &stopped.backup, &moment).unwrap();
        let site = Site::start(&stopped.path);
        let next = site.ask(|reply| Job::ReserveSerials { count: 1, reply }).unwrap();
        assert!(given.iter().all(|given| given.end <= next), "{what}: {next} was given out before");
        site.stop_in_order();
    }
}
