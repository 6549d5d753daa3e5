//! Whether a loop turns: it counts its turns, and whoever watches over it may ask for one.
//!
//! A loop that has nothing to do sleeps and turns once when it is asked; one that hangs doesn't.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Notify;

/// One loop's pulse. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    turns: AtomicU64,
    is_at_work: AtomicBool,
    asked: Notify,
}

impl Pulse {
    /// The loop has something to do, and will have turned when it is done.
    pub fn begins(&self) {
        self.0.is_at_work.store(true, Ordering::Relaxed);
    }

    /// How often the loop had gone round when it began what it is doing; `None` where it waits for work.
    #[must_use]
    pub fn at_work(&self) -> Option<u64> {
        self.0.is_at_work.load(Ordering::Relaxed).then(|| self.turns())
    }

    /// The loop has gone round.
    pub fn turned(&self) {
        self.0.is_at_work.store(false, Ordering::Relaxed);
        self.0.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// How often the loop has gone round.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.0.turns.load(Ordering::Relaxed)
    }

    /// Asks for a turn; several questions are one.
    pub fn ask(&self) {
        self.0.asked.notify_one();
    }

    /// For a loop that waits for several things: returns when a turn is asked for.
    pub async fn asked(&self) {
        self.0.asked.notified().await;
    }

    /// For a loop that waits for something long: turns whenever it is asked to.
    pub async fn keep_turning(&self) {
        loop {
            self.asked().await;
            self.turned();
        }
    }
}
