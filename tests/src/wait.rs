//! Waiting for a condition, and measuring how long something took: the only file here that sleeps or reads time.

use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Ample for anything that works at all, also on a loaded machine: tests that pass never wait for it.
pub const GENEROUS: Duration = Duration::from_secs(30);

const POLL_EVERY: Duration = Duration::from_millis(3);

/// Calls `ready` every few milliseconds until it returns a value.
///
/// # Panics
/// With `what` and the time waited, once `deadline` has passed without a value.
#[track_caller]
pub fn until<T>(what: &str, deadline: Duration, mut ready: impl FnMut() -> Option<T>) -> T {
    let waiting = Stopwatch::start();
    loop {
        // Asked before the call: a value that comes in the last moment still counts.
        let last_chance = deadline <= waiting.elapsed();
        if let Some(value) = ready() {
            return value;
        }
        assert!(!last_chance, "waited {:.1?} in vain for: {what}", waiting.elapsed());
        a_moment();
    }
}

/// Gives others a few milliseconds, in a loop that asks again.
pub fn a_moment() {
    thread::sleep(POLL_EVERY);
}

/// What stands on events of simulated sites, and in names of files that are made for a test.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "what agents write has a wall clock on it")]
pub fn wall_clock() -> Timestamp {
    Timestamp::now()
}

/// Time since a start.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the tests' own clock: what they measure is real time")]
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// What is left of `limit`; zero once it has passed.
    #[must_use]
    pub fn left_of(&self, limit: Duration) -> Duration {
        limit.saturating_sub(self.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_the_value_once_it_is_there() {
        let mut calls = 0;
        let value = until("the third call", GENEROUS, || {
            calls += 1;
            (3 <= calls).then_some(calls)
        });
        assert_eq!(value, 3);
    }

    #[test]
    #[should_panic(expected = "in vain for: a value that never comes")]
    fn says_what_was_awaited() {
        until("a value that never comes", Duration::from_millis(10), || None::<()>);
    }
}
