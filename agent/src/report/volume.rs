//! How much is logged: as configured, or more or less of it for a while, after which it goes back by itself.

use super::configured::Loudness;
use super::log::Level;
use crate::clock::Clock;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Nobody looks at a detail for longer, and a forgotten one would fill the log.
pub const RAISED_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Sets the level of what is logged.
type Apply = dyn Fn(Level) + Send + Sync;

/// The log's level. One per agent.
pub struct Volume {
    clock: Clock,
    apply: Box<Apply>,
    state: watch::Sender<State>,
    shown: watch::Sender<Loudness>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    configured: Level,
    /// The level, and until when since the agent's start.
    raised: Option<(Level, Duration)>,
}

impl fmt::Debug for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Volume").field(&*self.state.borrow()).finish()
    }
}

impl Volume {
    /// `apply` has what is logged begin at a level; it is at `configured` already.
    #[must_use]
    pub fn new(configured: Level, clock: Clock, apply: impl Fn(Level) + Send + Sync + 'static) -> Arc<Self> {
        let state = watch::Sender::new(State { configured, raised: None });
        let shown = watch::Sender::new(Loudness { configured, raised: None });
        Arc::new(Self { clock, apply: Box::new(apply), state, shown })
    }

    /// The level, now and whenever it changes.
    #[must_use]
    pub fn loudness(&self) -> watch::Receiver<Loudness> {
        self.shown.subscribe()
    }

    /// Another level is configured; what somebody has set for a while goes on.
    pub fn configure(&self, configured: Level) {
        self.change(|state| state.configured = configured);
    }

    /// Logs from `level` on for a while, [`RAISED_MAX`] at most.
    pub fn set_for(&self, level: Level, time: Duration) {
        let until = self.clock.now().since_start + time.min(RAISED_MAX);
        self.change(|state| state.raised = Some((level, until)));
    }

    /// Goes back to what is configured when the time has come; for ever.
    pub async fn keep_time(self: Arc<Self>) {
        let mut state = self.state.subscribe();
        loop {
            let raised = state.borrow_and_update().raised;
            match raised {
                None => _ = state.changed().await,
                Some((_, until)) => {
                    let left = until.saturating_sub(self.clock.now().since_start);
                    let is_over = tokio::time::timeout(left, state.changed()).await.is_err();
                    if is_over {
                        self.change(|state| state.raised = None);
                        tracing::info!(level = self.shown.borrow().level().word(), "the log is at its own level again");
                    }
                }
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut level = None;
        self.state.send_modify(|state| {
            change(state);
            let now = self.clock.now();
            let at =
                |until: Duration| now.wall.saturating_add(until.saturating_sub(now.since_start)).unwrap_or(now.wall);
            let raised = state.raised.map(|(level, until)| (level, at(until)));
            let loudness = Loudness { configured: state.configured, raised };
            self.shown.send_replace(loudness);
            level = Some(loudness.level());
        });
        if let Some(level) = level {
            (self.apply)(level);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[tokio::test]
    async fn goes_back_by_itself_and_to_what_is_configured_then() {
        let applied = Arc::new(Mutex::new(Vec::new()));
        let at = Arc::clone(&applied);
        let volume = Volume::new(Level::Info, Clock::start(), move |level| at.lock().unwrap().push(level));
        tokio::spawn(Arc::clone(&volume).keep_time());
        let mut loudness = volume.loudness();
        volume.set_for(Level::Debug, Duration::from_millis(50));
        assert_eq!(loudness.borrow_and_update().level(), Level::Debug);
        volume.configure(Level::Warn);
        assert_eq!(loudness.borrow_and_update().level(), Level::Debug, "what was set for a while goes on");
        loudness.wait_for(|loudness| loudness.raised.is_none()).await.unwrap();
        assert_eq!(volume.loudness().borrow().level(), Level::Warn);
        assert_eq!(*applied.lock().unwrap(), [Level::Debug, Level::Debug, Level::Warn]);
    }

    #[tokio::test]
    async fn no_time_is_longer_than_a_day() {
        let volume = Volume::new(Level::Info, Clock::start(), |_| {});
        volume.set_for(Level::Trace, Duration::MAX);
        let (level, until) = volume.loudness().borrow().raised.unwrap();
        assert_eq!(level, Level::Trace);
        let hours = until.duration_since(Clock::start().now().wall).as_hours();
        assert!((23..=24).contains(&hours), "{hours}");
    }
}
