//! How long a lost line is left alone before it is opened again.

use std::time::Duration;

const PAUSE_MIN_MS: u64 = 100;

/// A link that returns is found within this, which leaves room for opening within two seconds.
const PAUSE_MAX_MS: u64 = 1_000;

/// A line that lasts this long has been good: the next loss starts from the shortest pause.
const GOOD_AFTER_MS: u64 = 5_000;

#[derive(Debug)]
pub(super) struct Backoff {
    pause_ms: u64,
}

impl Backoff {
    pub fn new() -> Self {
        Self { pause_ms: PAUSE_MIN_MS }
    }

    /// The pause before the next attempt. `lasted` is how long the line was open: zero when it couldn't be opened.
    pub fn next(&mut self, lasted: Duration) -> Duration {
        if Duration::from_millis(GOOD_AFTER_MS) <= lasted {
            self.pause_ms = PAUSE_MIN_MS;
        }
        let pause = Duration::from_millis(self.pause_ms);
        self.pause_ms = (2 * self.pause_ms).min(PAUSE_MAX_MS);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_the_line_has_been_good() {
        let rows = [(0, 100), (0, 200), (0, 400), (10, 800), (4_999, 1_000), (0, 1_000), (5_000, 100), (0, 200)];
        let mut backoff = Backoff::new();
        for (row, (lasted_ms, pause_ms)) in rows.into_iter().enumerate() {
            assert_eq!(backoff.next(Duration::from_millis(lasted_ms)), Duration::from_millis(pause_ms), "row {row}");
        }
    }
}
