//! Listening to a scanner's line: its raw bytes, and what was made of them.
//!
//! While nobody listens the port's thread looks at a flag and does nothing more. While somebody does, it hands copies to
//! a bounded channel that it never waits for: a slow listener misses some, and is told how many.

use jiff::Timestamp;
use parceld_drivers::port::Tap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// As much as a listener may be behind: the longest code a scanner sends, byte by byte, some times over.
const BEHIND_MAX: usize = 256;

/// Where a scanner's line can be listened to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ear(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// None before the port is opened.
    tap: OnceLock<Tap>,
    heard: broadcast::Sender<Heard>,
    listeners: Mutex<usize>,
}

/// What happened on the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub at: Timestamp,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// As they came: several codes, or a part of one.
    Bytes(Arc<[u8]>),
    /// A code was made of what came.
    Read {
        symbology: Box<str>,
        payload: Arc<[u8]>,
    },
    /// So many bytes were no code, and why.
    Unreadable {
        reason: Box<str>,
        bytes: usize,
    },
    NotSetUp(Box<str>),
    /// After it was not.
    SetUp,
    Opened {
        discarded_bytes: usize,
    },
    Lost(Box<str>),
}

/// A listener; dropped, it listens no more.
#[derive(Debug)]
pub struct Listener {
    heard: broadcast::Receiver<Heard>,
    ear: Ear,
}

/// What a listener is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Heard(Heard),
    /// So much came faster than it was taken.
    Missed(u64),
}

impl Default for Ear {
    fn default() -> Self {
        let (heard, _) = broadcast::channel(BEHIND_MAX);
        Self(Arc::new(Inner { tap: OnceLock::new(), heard, listeners: Mutex::default() }))
    }
}

impl Ear {
    /// Listens from now on.
    #[must_use]
    pub fn listen(&self) -> Listener {
        let heard = self.0.heard.subscribe();
        self.count(|listeners| listeners + 1);
        Listener { heard, ear: self.clone() }
    }

    /// The port's tap, once there is one.
    pub(super) fn belongs_to(&self, tap: Tap) {
        let _ = self.0.tap.set(tap);
        self.count(|listeners| listeners);
    }

    /// `what` is made only where somebody listens.
    pub(super) fn hear(&self, at: Timestamp, what: impl FnOnce() -> What) {
        if self.0.tap.get().is_some_and(Tap::is_open) {
            // Nobody is left who wanted it.
            let _ = self.0.heard.send(Heard { at, what: what() });
        }
    }

    /// As if `bytes` had come over the line of a port.
    #[cfg(test)]
    pub fn hear_for_test(&self, bytes: &[u8]) {
        self.belongs_to(Tap::default());
        self.hear(Timestamp::UNIX_EPOCH, || What::Bytes(bytes.into()));
    }

    fn count(&self, change: impl FnOnce(usize) -> usize) {
        let mut listeners = self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        *listeners = change(*listeners);
        if let Some(tap) = self.0.tap.get() {
            tap.set(0 < *listeners);
        }
    }
}

impl Listener {
    /// The next thing; `None` once the scanner is gone for good.
    pub async fn next(&mut self) -> Option<Told> {
        match self.heard.recv().await {
            Ok(heard) => Some(Told::Heard(heard)),
            Err(RecvError::Lagged(missed)) => Some(Told::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ear.count(|listeners| listeners.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> What {
        What::Bytes(text.as_bytes().into())
    }

    #[test]
    fn nothing_is_made_while_nobody_listens() {
        let (ear, tap) = (Ear::default(), Tap::default());
        let never = || -> What { panic!("made for nobody") };
        ear.hear(Timestamp::UNIX_EPOCH, never);
        ear.belongs_to(tap.clone());
        ear.hear(Timestamp::UNIX_EPOCH, never);
        let (first, second) = (ear.listen(), ear.listen());
        assert!(tap.is_open());
        drop(first);
        assert!(tap.is_open(), "one still listens");
        drop(second);
        assert!(!tap.is_open());
        ear.hear(Timestamp::UNIX_EPOCH, never);
    }

    #[tokio::test]
    async fn a_listener_hears_all_in_order_and_one_that_is_slow_is_told_what_it_missed() {
        let (ear, tap) = (Ear::default(), Tap::default());
        let mut early = ear.listen();
        ear.belongs_to(tap);
        ear.hear(Timestamp::UNIX_EPOCH, || bytes("a"));
        ear.hear(Timestamp::UNIX_EPOCH, || bytes("b"));
        for text in ["a", "b"] {
            let expected = Heard { at: Timestamp::UNIX_EPOCH, what: bytes(text) };
            assert_eq!(early.next().await, Some(Told::Heard(expected)));
        }
        for _ in 0..BEHIND_MAX + 3 {
            ear.hear(Timestamp::UNIX_EPOCH, || bytes("c"));
        }
        assert_eq!(early.next().await, Some(Told::Missed(3)));
    }
}
