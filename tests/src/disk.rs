//! A disk of a few megabytes, which a test can fill.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{major, minor};

use crate::binaries;
use crate::tempdir::TempDir;
use crate::wait;

/// The filler grows by this much while it can, then by the smallest amount that a file system gives.
const CHUNK_BYTES: usize = 64 * 1024;
const BLOCK_BYTES: usize = 512;

/// The field of a block device's `stat`, and what it counts in, whatever the device's own sectors are.
const SECTORS_WRITTEN: usize = 6;
const SECTOR_BYTES: u64 = 512;

/// Unmounted when dropped; what lies on it is in memory, and goes with it.
#[derive(Debug)]
pub struct SmallDisk {
    dir: TempDir,
}

impl SmallDisk {
    /// `None`, and the reason printed, where this user may not mount one.
    #[must_use]
    pub fn mount(mebibytes: u32) -> Option<SmallDisk> {
        let dir = TempDir::new("disk");
        let mut mount = Command::new(binaries::system("mount", "mount"));
        mount.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "parceld-test"]).arg(dir.path());
        let mounted = mount.output().expect("mount can be started");
        if !mounted.status.success() {
            eprintln!(
                "skipped: no file system can be mounted here: {}",
                String::from_utf8_lossy(&mounted.stderr).trim()
            );
            return None;
        }
        Some(SmallDisk { dir })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Fills what is left.
    ///
    /// # Panics
    /// Where it can't be written for any other reason than that it is full.
    pub fn fill(&self) {
        let mut filler = OpenOptions::new().create(true).append(true).open(self.filler()).expect("a file of our own");
        while grow(&mut filler, CHUNK_BYTES) || grow(&mut filler, BLOCK_BYTES) {}
    }

    /// Gives back what [`fill`](SmallDisk::fill) took.
    pub fn free(&self) {
        // A program that another test is just starting may still have it open, and what is removed would keep its room.
        File::create(self.filler()).and_then(|_| fs::remove_file(self.filler())).expect("the disk had been filled");
    }

    fn filler(&self) -> PathBuf {
        self.dir.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        unmount(self.path());
    }
}

/// A memory card that can wear out: the kernel then lets nobody write to it any more, whoever has files open.
#[derive(Debug)]
pub struct Card {
    dir: TempDir,
    image: TempDir,
}

impl Card {
    /// `None`, and the reason printed, where this user may not mount one.
    #[must_use]
    pub fn insert(mebibytes: u64) -> Option<Card> {
        let card = Card { dir: TempDir::new("card"), image: TempDir::new("card-image") };
        let image = File::create(card.image()).expect("a directory of our own takes a file");
        image.set_len(mebibytes * 1024 * 1024).expect("a sparse file takes no room");
        // Complete at once: else the kernel goes on writing to it for minutes.
        let complete = ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"];
        run("mkfs.ext4", "e2fsprogs", &complete, &card.image()).expect("a file system can be made in a file");
        match card.mount() {
            Ok(()) => Some(card),
            Err(error) => {
                eprintln!("skipped: no file system can be mounted here: {error}");
                None
            }
        }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// How many bytes it was given to write so far, the file system's own included; what waits in memory is written first.
    ///
    /// # Panics
    /// Where the kernel doesn't count them.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        run("sync", "coreutils", &["--file-system"], self.path()).expect("a file system of our own can be synced");
        let device = fs::metadata(self.path()).expect("it is mounted").dev();
        let counts = format!("/sys/dev/block/{}:{}/stat", major(device), minor(device));
        let counts = fs::read_to_string(counts).expect("the kernel counts what a device does");
        let sectors: Option<u64> =
            counts.split_whitespace().nth(SECTORS_WRITTEN).and_then(|sectors| sectors.parse().ok());
        sectors.expect("a number of sectors") * SECTOR_BYTES
    }

    /// As after errors of the card.
    pub fn wear_out(&self) {
        run("mount", "mount", &["-o", "remount,abort"], self.path()).expect("ext4 can be told that it has failed");
    }

    /// It takes nothing until what is returned is dropped: who writes or syncs waits in the kernel, and can't be killed.
    #[must_use]
    pub fn freeze(&self) -> Frozen<'_> {
        run("fsfreeze", "util-linux", &["--freeze"], self.path()).expect("ext4 can be frozen");
        Frozen { card: self }
    }

    /// A new card with all that is on this one, once nobody has a file on it: while anybody has, the system would give the old one
    /// once more.
    pub fn replace(&self) {
        wait::until("nobody to have a file on the card", wait::GENEROUS, || {
            is_unmounted(self.path(), &[]).then_some(())
        });
        // It says by its code that it has mended something.
        let _ = run("fsck.ext4", "e2fsprogs", &["-p"], &self.image());
        self.mount().expect("what was mounted before can be mounted again");
    }

    fn mount(&self) -> Result<(), String> {
        let image = self.image().display().to_string();
        run("mount", "mount", &["-o", "loop,errors=remount-ro", &image], self.path())
    }

    fn image(&self) -> PathBuf {
        self.image.join("ext4")
    }
}

/// A card that answers nothing.
#[derive(Debug)]
pub struct Frozen<'a> {
    card: &'a Card,
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        if let Err(error) = run("fsfreeze", "util-linux", &["--unfreeze"], self.card.path()) {
            eprintln!("cannot thaw {}: {error}", self.card.path().display());
        }
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        unmount(self.path());
    }
}

fn run(program: &str, package: &str, arguments: &[&str], last: &Path) -> Result<(), String> {
    let output = Command::new(binaries::system(program, package)).args(arguments).arg(last).output();
    let output = output.map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

fn unmount(path: &Path) {
    // Lazily where somebody still has a file on it: the last to close it takes it away.
    if !is_unmounted(path, &[]) && !is_unmounted(path, &["--lazy"]) {
        eprintln!("cannot unmount {}", path.display());
    }
}

fn is_unmounted(path: &Path, options: &[&str]) -> bool {
    let mut unmount = Command::new(binaries::system("umount", "mount"));
    unmount.args(options).arg(path).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Whether there was room for any of it.
fn grow(file: &mut File, bytes: usize) -> bool {
    match file.write(&vec![0; bytes]) {
        Ok(written) => 0 < written,
        Err(error) if error.kind() == ErrorKind::StorageFull => false,
        Err(error) => panic!("cannot fill the disk: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_wears_out_under_an_open_file_and_keeps_what_was_on_it() {
        let Some(card) = Card::insert(16) else { return };
        let path = card.path().join("file");
        let before = card.bytes_written();
        assert_eq!(card.bytes_written(), before, "nobody writes");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"kept").unwrap();
        file.sync_all().unwrap();
        assert!(before < card.bytes_written());
        card.wear_out();
        assert_eq!(file.write(b"lost").unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
        drop(file);
        card.replace();
        assert_eq!(fs::read(&path).unwrap(), b"kept");
        fs::write(&path, "more").unwrap();
    }

    #[test]
    fn a_frozen_card_takes_nothing_until_it_is_thawed() {
        let Some(card) = Card::insert(16) else { return };
        let path = card.path().join("file");
        fs::write(&path, "before").unwrap();
        let frozen = card.freeze();
        std::thread::scope(|both| {
            let writer = both.spawn(|| fs::write(&path, "after"));
            std::thread::yield_now();
            assert_eq!(fs::read(&path).unwrap(), b"before");
            assert!(!writer.is_finished());
            drop(frozen);
            writer.join().unwrap().unwrap();
        });
        assert_eq!(fs::read(&path).unwrap(), b"after");
    }

    #[test]
    fn is_full_until_it_is_freed_and_goes_when_dropped() {
        let Some(disk) = SmallDisk::mount(1) else { return };
        let file = disk.path().join("file");
        disk.fill();
        let error = fs::write(&file, "more").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        disk.free();
        fs::write(&file, "more").unwrap();
        let held = File::open(&file).unwrap();
        drop(disk);
        assert!(!file.exists());
        drop(held);
    }
}
