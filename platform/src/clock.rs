//! The only file that reads time.

use jiff::Timestamp;
use std::time::Instant;

/// One moment, on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Since the start of the program; never steps. Everything that waits counts on this one.
    pub ms: u64,
    /// What a calendar says: a label on what is stored, and when a notification expires.
    pub at: Timestamp,
}

#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads time")]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads time")]
    pub fn now(&self) -> Now {
        let ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { ms, at: Timestamp::now() }
    }
}
