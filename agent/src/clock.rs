//! The only file that reads time.
//!
//! Order, retry and bounce use the clock that never steps; the wall clock is only a label, and may be untrusted.

use jiff::Timestamp;
use std::time::{Duration, Instant};

/// No board can be right about a wall clock before this: the year of the release.
const EARLIEST_TRUSTED_S: i64 = 1_767_225_600; // 2026-01-01T00:00:00Z

/// A point in time on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock, to the microsecond.
    pub wall: Timestamp,
    /// Since the agent started; never steps.
    pub since_start: Duration,
    /// Whether the wall clock can be right.
    pub trusted: bool,
}

/// The agent's clock. Cheap to copy: every module that needs time has one.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts counting.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is clock.rs")]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Reads both clocks.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is clock.rs")]
    pub fn now(&self) -> Moment {
        let wall = Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap_or(Timestamp::UNIX_EPOCH);
        Moment { wall, since_start: self.start.elapsed(), trusted: EARLIEST_TRUSTED_S <= wall.as_second() }
    }
}

/// The kernel's id of this boot, or `unknown` where it tells none.
#[must_use]
pub fn boot_id() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    read.map_or_else(|_| "unknown".to_owned(), |id| id.trim().to_owned())
}
