//! The only part that reads time.
//!
//! Order, retry and bounce use the clock that never steps; the wall clock is only a label. What speaks for the wall clock
//! is gathered in `evidence`, and whether it is believed is decided in `standing`. While it isn't, times are reckoned
//! from the last one that was known: they never go back behind it.

mod evidence;
mod standing;

pub use standing::{Believed, Judge, Known, Mark, Reading, Standing, Step};

use evidence::Evidence;
use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// The wall clock is looked at for more than its time when it has moved by this against the one that never steps.
const STEP_NOTED_MIN: Duration = Duration::from_secs(1);

/// A point in time on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// What happens now is labelled with this, to the microsecond: the wall clock, or what is reckoned while that isn't
    /// to be believed.
    pub wall: Timestamp,
    /// Since the agent started; never steps.
    pub since_start: Duration,
    /// Whether the wall clock is believed.
    pub trusted: bool,
}

/// What the system's clocks show, believed or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    pub wall: Timestamp,
    pub since_start: Duration,
}

/// This run of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// The kernel's name for it; where it tells none, one of this start's own, which no other boot has.
    pub id: String,
    /// How long it had lasted when the agent started.
    pub at_start: Duration,
}

impl From<&str> for Boot {
    /// One that has just begun.
    fn from(id: &str) -> Self {
        Self { id: id.to_owned(), at_start: Duration::ZERO }
    }
}

/// The agent's clock. Cheap to copy: every module that needs time has one, and all of one start are the same.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Lasts as long as the process, which makes one.
    inner: &'static Inner,
}

#[derive(Debug)]
struct Inner {
    /// Since the boot.
    start: Duration,
    judge: Mutex<Judge>,
}

impl Clock {
    /// Starts counting, and knows nothing of earlier starts.
    #[must_use]
    pub fn start() -> Self {
        let judge = Mutex::new(Judge::default());
        let clock = Self { inner: Box::leak(Box::new(Inner { start: since_boot(), judge })) };
        clock.look();
        clock
    }

    /// Goes on from what the log knew last. A clock that shows less isn't believed.
    pub fn resume(self, known: Known) {
        self.judge().resume(known);
        self.look();
    }

    /// Reads both clocks.
    #[must_use]
    pub fn now(self) -> Moment {
        let mut judge = self.judge();
        self.take(&mut judge)
    }

    fn take(self, judge: &mut Judge) -> Moment {
        let reading = read();
        if STEP_NOTED_MIN <= judge.step_to(reading).unsigned_abs() {
            // Who set it may have been a time server.
            let evidence = Evidence::look(reading, judge.asks_rtc());
            judge.hear(evidence);
        }
        let (wall, trusted) = judge.judge(reading);
        Moment { wall, since_start: self.since_start(reading), trusted }
    }

    /// Asks the system anew what speaks for the wall clock: time servers are heard of in no other way.
    pub fn look(self) {
        let mut judge = self.judge();
        let reading = read();
        let evidence = Evidence::look(reading, judge.asks_rtc());
        judge.hear(evidence);
        judge.judge(reading);
    }

    /// Reads both clocks as they are: for whoever shows a wrong clock, or waits for what others do by it.
    #[must_use]
    pub fn shown(self) -> Shown {
        let reading = read();
        Shown { wall: reading.wall, since_start: self.since_start(reading) }
    }

    /// How far the wall clock is believed now.
    #[must_use]
    pub fn standing(self) -> Standing {
        let mut judge = self.judge();
        self.take(&mut judge);
        judge.standing()
    }

    /// This run of the system.
    #[must_use]
    pub fn boot(self) -> Boot {
        Boot { id: boot_id(), at_start: self.inner.start }
    }

    fn since_start(self, reading: Reading) -> Duration {
        reading.since_boot.saturating_sub(self.inner.start)
    }

    fn judge(self) -> MutexGuard<'static, Judge> {
        self.inner.judge.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is clock.rs")]
fn read() -> Reading {
    let wall = Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap_or(Timestamp::UNIX_EPOCH);
    Reading { wall, since_boot: since_boot() }
}

/// Goes on while the system sleeps, and over restarts of the agent.
fn since_boot() -> Duration {
    let passed = Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default();
    // As times are kept.
    passed - Duration::from_nanos(u64::from(passed.subsec_nanos() % 1_000))
}

fn boot_id() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    read.map_or_else(|_| Uuid::new_v4().to_string(), |id| id.trim().to_owned())
}
