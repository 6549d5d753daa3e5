//! The end of the process, which comes whatever hangs: parts are stopped one after the other, all of them within a
//! deadline. What was answered is on disk long before, so a part that is left behind loses nothing that was green.

use super::notify;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// For the whole stop: what each part may take by itself, added up, is less. The unit's `TimeoutStopSec` is more.
const DEADLINE: Duration = Duration::from_secs(20);

/// The exit code of a stop that left a part behind.
const LEFT_BEHIND: i32 = 3;

/// A stop under way.
#[derive(Debug)]
pub struct Stopping {
    at: Arc<Mutex<&'static str>>,
    done: SyncSender<()>,
}

impl Stopping {
    /// From here on the deadline counts.
    #[must_use]
    pub fn begin() -> Self {
        notify::stopping();
        Self::to_start_over()
    }

    /// The same where only this life of the agent ends: the service goes on.
    #[must_use]
    pub fn to_start_over() -> Self {
        let at = Arc::new(Mutex::new("pages and commands"));
        let (done, finished) = sync_channel(1);
        let waits_for = Arc::clone(&at);
        let guard = std::thread::Builder::new().name("stop".into()).spawn(move || {
            if finished.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Timeout) {
                let part = *waits_for.lock().unwrap_or_else(PoisonError::into_inner);
                let after_s = DEADLINE.as_secs();
                tracing::error!(part, after_s, "does not stop: the agent ends without it");
                notify::status(&format!("ended without {part}, which did not stop within {after_s} s"));
                std::process::exit(LEFT_BEHIND);
            }
        });
        if let Err(error) = guard {
            tracing::warn!(%error, "no thread that watches over the stop: the service manager has to");
        }
        Self { at, done }
    }

    /// Stops one part, which is named where it hangs.
    pub fn part<T>(&self, name: &'static str, stop: impl FnOnce() -> T) -> T {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = name;
        stop()
    }

    pub fn finish(self) {
        let _ = self.done.try_send(());
    }
}
