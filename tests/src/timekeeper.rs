//! What a board tells of its clock, for programs that are started through it: whether a time server is waited for, whether
//! it was heard, and which boot this is. The kernel's own word stays what it is.
//!
//! The program sees the files of a directory of ours in a mount namespace of its own.

use std::fs;
use std::process::Command;

use crate::binaries;
use crate::tempdir::TempDir;

/// Where systemd-timesyncd is while it runs.
const TIMESYNC: &str = "run/systemd/timesync";

#[derive(Debug)]
pub struct Timekeeper {
    dir: TempDir,
}

impl Timekeeper {
    /// One that waits for a time server. `None`, and the reason printed, where this user may have no namespace.
    #[must_use]
    pub fn waiting() -> Option<Timekeeper> {
        let board = Timekeeper { dir: TempDir::new("timekeeper") };
        fs::create_dir_all(board.dir.join(TIMESYNC)).expect("a directory of our own takes another");
        board.boot(1);
        let runner = board.runner();
        let tried = Command::new(&runner[0]).args(&runner[1..]).arg("true").output().expect("unshare can be started");
        if !tried.status.success() {
            eprintln!("skipped: no namespace here: {}", String::from_utf8_lossy(&tried.stderr).trim());
            return None;
        }
        Some(board)
    }

    /// The time server was heard.
    pub fn hear(&self) {
        fs::write(self.dir.join(TIMESYNC).join("synchronized"), "").expect("a directory of our own takes a file");
    }

    /// The board starts for the `nth` time: no time server was heard. What runs on it is started anew by the test.
    pub fn boot(&self, nth: u32) {
        let _ = fs::remove_file(self.dir.join(TIMESYNC).join("synchronized"));
        let id = format!("00000000-0000-4000-8000-{nth:012}\n");
        fs::write(self.dir.join("boot_id"), id).expect("a directory of our own takes a file");
    }

    /// What a program is started through to live on this board.
    #[must_use]
    pub fn runner(&self) -> Vec<String> {
        let script = format!(
            "mount --bind {run} /run && mount --bind {boot} /proc/sys/kernel/random/boot_id && exec \"$@\"",
            run = self.dir.join("run").display(),
            boot = self.dir.join("boot_id").display()
        );
        let unshare = binaries::system("unshare", "util-linux").display().to_string();
        [unshare.as_str(), "--mount", "sh", "-c", &script, "sh"].map(str::to_owned).into()
    }
}
