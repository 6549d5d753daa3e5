//! What the figures were measured on.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::thread;

use parceld_tests::tempdir::TempDir;
use parceld_tests::wait::Stopwatch;
use serde::Serialize;

use crate::stats::{percentile, shown};

const SYNCS: usize = 500;

/// As long as a scan's line in a floor's file.
const SYNCED_LINE: &[u8] = b"4006381000659\r\n";

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Machine {
    pub cores: usize,
    pub processor: String,
    pub kernel: String,
    /// Of the directory for temporary files.
    pub filesystem: String,
    /// One appended line and its fdatasync.
    pub sync_p50_ms: f64,
    pub sync_p99_ms: f64,
}

impl Machine {
    /// # Errors
    /// Where no file can be written.
    pub fn look() -> io::Result<Machine> {
        let syncs = syncs_ms()?;
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Ok(Machine {
            cores: thread::available_parallelism().map_or(1, usize::from),
            processor: processor(&text("/proc/cpuinfo")),
            kernel: text("/proc/sys/kernel/osrelease").trim().to_owned(),
            filesystem: filesystem(&text("/proc/mounts"), &std::env::temp_dir()),
            sync_p50_ms: percentile(&syncs, 50.0).unwrap_or_default(),
            sync_p99_ms: percentile(&syncs, 99.0).unwrap_or_default(),
        })
    }

    /// Whether nothing written here ever reaches a disk.
    pub fn writes_to_memory(&self) -> bool {
        matches!(self.filesystem.as_str(), "tmpfs" | "ramfs")
    }

    pub fn sentence(&self) -> String {
        format!(
            "{} × {}, Linux {}, {}: an appended line is on disk after {} ms (p50) and {} ms (p99)",
            self.cores,
            self.processor,
            self.kernel,
            self.filesystem,
            shown(self.sync_p50_ms),
            shown(self.sync_p99_ms),
        )
    }
}

fn syncs_ms() -> io::Result<Vec<f64>> {
    let dir = TempDir::new("sync");
    let mut file = File::create(dir.join("file"))?;
    let mut sync = || {
        let watch = Stopwatch::start();
        file.write_all(SYNCED_LINE)?;
        file.sync_data()?;
        Ok(watch.elapsed().as_secs_f64() * 1e3)
    };
    (0..SYNCS).map(|_| sync()).collect()
}

fn processor(cpuinfo: &str) -> String {
    let named = |label: &str| cpuinfo.lines().find_map(|line| line.strip_prefix(label)?.split_once(": "));
    let name = named("model name").or_else(|| named("Model")).map(|(_, name)| name.trim());
    name.unwrap_or(std::env::consts::ARCH).to_owned()
}

/// Of the mount point that holds `path`: the longest that it begins with, the last one of several.
fn filesystem(mounts: &str, path: &Path) -> String {
    let mut best = ("", "an unknown file system");
    for mount in mounts.lines() {
        let mut fields = mount.split(' ').skip(1);
        let (Some(point), Some(kind)) = (fields.next(), fields.next()) else { continue };
        if path.starts_with(point) && best.0.len() <= point.len() {
            best = (point, kind);
        }
    }
    best.1.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_file_system_of_a_path() {
        let mounts =
            "none / overlay rw 0 0\n/dev/sda1 / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\nx /tmp/deep xfs rw 0 0\n";
        for (path, kind) in [("/var", "ext4"), ("/tmp/a", "tmpfs"), ("/tmp/deep/b", "xfs"), ("/tmpfile", "ext4")] {
            assert_eq!(filesystem(mounts, Path::new(path)), kind, "{path}");
        }
        assert_eq!(filesystem("", Path::new("/tmp")), "an unknown file system");
    }

    #[test]
    fn names_the_processor() {
        assert_eq!(processor("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n"), "Some CPU @ 2 GHz");
        assert_eq!(processor("processor\t: 0\nModel\t\t: Raspberry Pi 4\n"), "Raspberry Pi 4");
    }
}
