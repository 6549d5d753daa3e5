//! The end: asked for by a signal, or by whoever failed; everybody who waits hears of it at once.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

/// Whether to end. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    asked: Mutex<bool>,
    changed: Condvar,
}

/// Why a wait ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
            asked.request();
        };
        thread::Builder::new().name("signals".into()).spawn(move || runtime.block_on(wait))?;
        Ok(stop)
    }

    pub fn request(&self) {
        *self.asked() = true;
        self.0.changed.notify_all();
    }

    /// Waits for `pause`.
    ///
    /// # Errors
    /// Where the end is asked for, at once.
    pub fn pause(&self, pause: Duration) -> Result<(), Stopped> {
        let waited = self.0.changed.wait_timeout_while(self.asked(), pause, |asked| !*asked);
        let (asked, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *asked { Err(Stopped) } else { Ok(()) }
    }

    /// Waits for the end.
    pub fn wait(&self) {
        drop(self.0.changed.wait_while(self.asked(), |asked| !*asked));
    }

    /// Asks for the end when it is dropped, unless it is defused.
    #[must_use]
    pub fn fuse(&self) -> Fuse {
        Fuse(Some(self.clone()))
    }

    fn asked(&self) -> MutexGuard<'_, bool> {
        self.0.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub struct Fuse(Option<Stop>);

impl Fuse {
    pub fn defuse(mut self) {
        self.0 = None;
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        if let Some(stop) = &self.0 {
            stop.request();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_every_wait() {
        let stop = Stop::default();
        assert_eq!(stop.pause(Duration::ZERO), Ok(()));
        stop.fuse().defuse();
        assert_eq!(stop.pause(Duration::ZERO), Ok(()));
        let waiting = stop.clone();
        let waiting = thread::spawn(move || waiting.pause(Duration::from_secs(600)));
        drop(stop.fuse());
        assert_eq!(waiting.join().unwrap(), Err(Stopped));
        stop.wait();
    }
}
