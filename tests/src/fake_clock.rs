//! A wall clock that a test sets, for programs that are started through it (libfaketime).
//!
//! Only the wall clock: what waits, waits as long as ever. A program reads the file with the offset at each look at the
//! clock, so that days pass while it runs.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Zoned};

use crate::tempdir::TempDir;
use crate::wait;

#[derive(Debug)]
pub struct FakeClock {
    ahead: SignedDuration,
    dir: TempDir,
}

impl FakeClock {
    /// It goes on from `start`, as `2027-03-26T09:00[Europe/Stockholm]`.
    ///
    /// # Panics
    /// Where that is no point in time.
    #[must_use]
    pub fn at(start: &str) -> FakeClock {
        let start: Zoned = start.parse().unwrap_or_else(|error| panic!("{start}: {error}"));
        let ahead = start.timestamp().duration_since(wait::wall_clock());
        let clock = FakeClock { ahead, dir: TempDir::new("fake-clock") };
        clock.show();
        clock
    }

    /// So much time goes by at once.
    pub fn pass(&mut self, time: Duration) {
        self.ahead += SignedDuration::try_from(time).expect("a time that a test can mean");
        self.show();
    }

    /// The clock was wrong: it is so much earlier.
    pub fn step_back(&mut self, time: Duration) {
        self.ahead -= SignedDuration::try_from(time).expect("a time that a test can mean");
        self.show();
    }

    /// Somebody sets it right.
    pub fn set_right(&mut self) {
        self.ahead = SignedDuration::ZERO;
        self.show();
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        wait::wall_clock() + self.ahead
    }

    /// What a program is started through to live by this clock.
    #[must_use]
    pub fn runner(&self) -> Vec<String> {
        let library = library();
        let settings = [
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file().display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ];
        let settings = settings.iter().map(|(name, value)| format!("{name}={value}"));
        ["env".to_owned()].into_iter().chain(settings).collect()
    }

    fn file(&self) -> PathBuf {
        self.dir.join("offset")
    }

    /// In one step: who looks sees the old time or the new one.
    fn show(&self) {
        let new = self.dir.join("offset.new");
        fs::write(&new, format!("{:+}\n", self.ahead.as_secs())).expect("a directory of our own takes a file");
        fs::rename(&new, self.file()).expect("a file can be renamed");
    }
}

/// Debian has it beside the libraries of its architecture.
fn library() -> PathBuf {
    let architectures = fs::read_dir("/usr/lib").into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    architectures
        .map(|architecture| architecture.join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.is_file())
        .expect("libfaketime is missing: install it with `apt-get install faketime`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn date(clock: &FakeClock) -> String {
        let runner = clock.runner();
        let mut command = Command::new(&runner[0]);
        let output = command.args(&runner[1..]).args(["date", "-u", "+%Y-%m-%dT%H:%M"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[test]
    fn shows_the_time_that_was_set_and_lets_days_pass() {
        let mut clock = FakeClock::at("2027-03-26T09:00:30[Europe/Stockholm]");
        assert_eq!(date(&clock), "2027-03-26T08:00");
        clock.pass(Duration::from_secs(72 * 3600));
        assert_eq!(date(&clock), "2027-03-29T08:00");
    }
}
