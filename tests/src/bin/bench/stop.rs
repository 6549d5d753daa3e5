//! The end before the end: a signal asks for it, and every wait hears of it, so that all processes end in order.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use parceld_tests::wait::{self, Stopwatch};
use tokio::signal::unix::{SignalKind, signal};

/// Whether to end. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

/// Why a wait ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped")
    }
}

impl std::error::Error for Stopped {}

impl Stop {
    /// Asked for by Ctrl-C, SIGTERM, or a terminal that is closed.
    ///
    /// # Errors
    /// Where signals can't be waited for.
    pub fn at_signals() -> anyhow::Result<Stop> {
        let stop = Stop::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().context("no runtime")?;
        let (mut interrupt, mut terminate, mut hang_up) = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?)
        };
        let asked = stop.clone();
        let wait = async move {
            tokio::select! { _ = interrupt.recv() => {} _ = terminate.recv() => {} _ = hang_up.recv() => {} }
            asked.0.store(true, Ordering::Release);
        };
        thread::Builder::new().name("signals".into()).spawn(move || runtime.block_on(wait))?;
        Ok(stop)
    }

    /// # Errors
    /// Where the end is asked for.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.0.load(Ordering::Acquire) { Err(Stopped) } else { Ok(()) }
    }

    /// Waits for `pause`.
    ///
    /// # Errors
    /// Where the end is asked for, at once.
    pub fn pause(&self, pause: Duration) -> Result<(), Stopped> {
        let waiting = Stopwatch::start();
        while !waiting.left_of(pause).is_zero() {
            self.check()?;
            thread::park_timeout(waiting.left_of(pause).min(LOOK_EVERY));
        }
        Ok(())
    }

    /// Waits for `ready` to return a value.
    ///
    /// # Errors
    /// Where the end is asked for, or `limit` has passed.
    pub fn until<T>(&self, what: &str, limit: Duration, mut ready: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
        let waiting = Stopwatch::start();
        loop {
            if let Some(value) = ready() {
                return Ok(value);
            }
            self.check()?;
            anyhow::ensure!(waiting.elapsed() < limit, "waited {limit:.0?} in vain for {what}");
            wait::a_moment();
        }
    }
}

/// Rare enough to leave a processor that is being measured alone.
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_every_wait() {
        let stop = Stop::default();
        assert_eq!(stop.pause(Duration::from_millis(1)), Ok(()));
        assert!(stop.until("a value", wait::GENEROUS, || Some(())).is_ok());
        stop.0.store(true, Ordering::Release);
        assert_eq!(stop.pause(wait::GENEROUS), Err(Stopped));
        let ended = stop.until("a value", wait::GENEROUS, || None::<()>).unwrap_err();
        assert!(ended.is::<Stopped>());
    }
}
