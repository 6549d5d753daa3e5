//! A disk of a few megabytes, which a test can fill.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::binaries;
use crate::tempdir::TempDir;

/// The filler grows by this much while it can, then by the smallest amount that a file system gives.
const CHUNK_BYTES: usize = 64 * 1024;
const BLOCK_BYTES: usize = 512;

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
        fs::remove_file(self.filler()).expect("the disk had been filled");
    }

    fn filler(&self) -> PathBuf {
        self.dir.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmount = |options: &[&str]| {
            let mut unmount = Command::new(binaries::system("umount", "mount"));
            unmount.args(options).arg(self.path()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        // Lazily where somebody still has a file on it: the last to close it takes it away.
        if !unmount(&[]) && !unmount(&["--lazy"]) {
            eprintln!("cannot unmount {}", self.path().display());
        }
    }
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
