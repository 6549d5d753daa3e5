//! The only part that reads time.
//!
//! Order, retry and bounce use the clock that never steps; the wall clock is only a label. What speaks for the wall clock
//! is gathered in `evidence`, and whether it is believed is decided in `standing`. While it isn't, times are reckoned
//! from the last one that was known: they never go back behind it.

mod evidence;
mod standing;

pub use evidence::Evidence;
pub use standing::{Believed, Judge, Known, Mark, Reading, Standing, Step};

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
    source: Source,
    /// Since the boot.
    start: Duration,
    judge: Mutex<Judge>,
}

/// Where time comes from.
#[derive(Debug)]
enum Source {
    System,
    /// Whoever plays time says what both clocks show, and what speaks for the wall clock.
    Played {
        boot: String,
        shown: Mutex<(Reading, Evidence)>,
    },
}

impl Source {
    fn read(&self) -> Reading {
        match self {
            Self::System => read(),
            Self::Played { shown, .. } => lock(shown).0,
        }
    }

    fn evidence(&self, reading: Reading, asks_rtc: bool) -> Evidence {
        match self {
            Self::System => Evidence::look(reading, asks_rtc),
            Self::Played { shown, .. } => lock(shown).1,
        }
    }

    fn boot_id(&self) -> String {
        match self {
            Self::System => boot_id(),
            Self::Played { boot, .. } => boot.clone(),
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Clock {
    /// Starts counting, and knows nothing of earlier starts.
    #[must_use]
    pub fn start() -> Self {
        Self::of(Source::System, since_boot())
    }

    /// A clock that shows what it is told: for simulations. `boot` names the run of the system.
    #[must_use]
    pub fn played(boot: &str, reading: Reading, evidence: Evidence) -> Self {
        let shown = Mutex::new((reading, evidence));
        Self::of(Source::Played { boot: boot.to_owned(), shown }, reading.since_boot)
    }

    /// From here on a played clock shows this; to the system's it is nothing.
    pub fn show(self, reading: Reading, evidence: Evidence) {
        if let Source::Played { shown, .. } = &self.inner.source {
            *lock(shown) = (reading, evidence);
        }
    }

    fn of(source: Source, start: Duration) -> Self {
        let judge = Mutex::new(Judge::default());
        let clock = Self { inner: Box::leak(Box::new(Inner { source, start, judge })) };
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
        let reading = self.inner.source.read();
        if STEP_NOTED_MIN <= judge.step_to(reading).unsigned_abs() {
            // Who set it may have been a time server.
            let evidence = self.inner.source.evidence(reading, judge.asks_rtc());
            judge.hear(evidence);
        }
        let (wall, trusted) = judge.judge(reading);
        Moment { wall, since_start: self.since_start(reading), trusted }
    }

    /// Asks the system anew what speaks for the wall clock: time servers are heard of in no other way.
    pub fn look(self) {
        let mut judge = self.judge();
        let reading = self.inner.source.read();
        let evidence = self.inner.source.evidence(reading, judge.asks_rtc());
        judge.hear(evidence);
        judge.judge(reading);
    }

    /// Reads both clocks as they are: for whoever shows a wrong clock, or waits for what others do by it.
    #[must_use]
    pub fn shown(self) -> Shown {
        let reading = self.inner.source.read();
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
        Boot { id: self.inner.source.boot_id(), at_start: self.inner.start }
    }

    fn since_start(self, reading: Reading) -> Duration {
        reading.since_boot.saturating_sub(self.inner.start)
    }

    fn judge(self) -> MutexGuard<'static, Judge> {
        lock(&self.inner.judge)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is clock.rs")]
fn read() -> Reading {
    let wall = Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap_or(Timestamp::UNIX_EPOCH);
    Reading { wall, since_boot: since_boot() }
}

/// How long `work` takes: for whoever asks for no moment.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = since_boot();
    let done = work();
    (done, since_boot().saturating_sub(began))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_played_clock_shows_what_it_is_told_and_is_judged_like_any_other() {
        let at = |wall: &str, since_boot_s| Reading {
            wall: wall.parse().unwrap(),
            since_boot: Duration::from_secs(since_boot_s),
        };
        let clock = Clock::played("boot-7", at("2026-11-26T10:00:00Z", 100), Evidence::Synchronized);
        assert_eq!(clock.boot(), Boot { id: "boot-7".into(), at_start: Duration::from_secs(100) });
        clock.show(at("2026-11-26T10:00:05Z", 105), Evidence::Synchronized);
        let now = clock.now();
        assert_eq!((now.since_start, now.trusted), (Duration::from_secs(5), true));
        clock.show(at("1970-01-01T00:00:00Z", 110), Evidence::Awaited);
        let reckoned = Moment {
            wall: "2026-11-26T10:00:10Z".parse().unwrap(),
            since_start: Duration::from_secs(10),
            trusted: false,
        };
        assert_eq!(clock.now(), reckoned);
        assert_eq!(clock.shown().wall, Timestamp::UNIX_EPOCH);
    }
}
