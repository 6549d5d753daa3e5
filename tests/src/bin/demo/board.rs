//! What the platform has received so far: where staff look.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::bail;
use parceld_tests::wait::Stopwatch;
use serde_json::Value;

use crate::stop::Stop;

/// An event as the platform shows it: the contract's envelope.
#[derive(Debug, Clone)]
pub struct Event {
    pub sequence: u64,
    /// `{group}.{type}`.
    pub kind: String,
    pub station: Option<String>,
    pub data: Value,
}

impl Event {
    /// The event in an envelope, or `None` where it is none.
    #[must_use]
    pub fn read(envelope: &Value) -> Option<Event> {
        Some(Event {
            sequence: envelope["sequence"].as_u64()?,
            kind: envelope["type"].as_str()?.strip_prefix("parceld.")?.strip_suffix(".v1")?.to_owned(),
            station: envelope["station"].as_str().map(str::to_owned),
            data: envelope["data"].clone(),
        })
    }

    /// The id of the order that it is about.
    #[must_use]
    pub fn order(&self) -> &str {
        self.data["order"]["id"].as_str().unwrap_or_default()
    }
}

/// Longer than an event takes from its scan to the platform, on any machine.
const ARRIVES_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The events, and who waits for one.
#[derive(Debug, Default)]
pub struct Board {
    events: Mutex<Vec<Event>>,
    changed: Condvar,
}

impl Board {
    pub fn add(&self, event: Event) {
        self.events().push(event);
        self.changed.notify_all();
    }

    /// What `look` finds, as soon as it finds something.
    ///
    /// # Errors
    /// Where that takes too long, or the end is asked for.
    pub fn find<T>(&self, what: &str, stop: &Stop, look: impl Fn(&[Event]) -> Option<T>) -> anyhow::Result<T> {
        let waiting = Stopwatch::start();
        loop {
            if let Some(found) = self.look(&look) {
                return Ok(found);
            }
            if ARRIVES_WITHIN < waiting.elapsed() {
                bail!("the platform didn't hear of {what} within {} s", ARRIVES_WITHIN.as_secs());
            }
            stop.pause(Duration::ZERO)?;
        }
    }

    /// As [`find`](Board::find), however long it takes.
    ///
    /// # Errors
    /// Where the end is asked for.
    pub fn wait_for<T>(&self, stop: &Stop, look: impl Fn(&[Event]) -> Option<T>) -> anyhow::Result<T> {
        loop {
            if let Some(found) = self.look(&look) {
                return Ok(found);
            }
            stop.pause(Duration::ZERO)?;
        }
    }

    /// Looks now, and if in vain once more when something has arrived or a moment has passed.
    fn look<T>(&self, look: &impl Fn(&[Event]) -> Option<T>) -> Option<T> {
        let events = self.events();
        if let Some(found) = look(&events) {
            return Some(found);
        }
        let waited = self.changed.wait_timeout(events, LOOK_EVERY);
        let (events, _) = waited.unwrap_or_else(PoisonError::into_inner);
        look(&events)
    }

    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_what_arrives() {
        let board = Board::default();
        board.add(
            Event::read(&json!({
                "type": "parceld.pack.started.v1",
                "sequence": 7,
                "station": "bench-1",
                "data": { "order": { "id": "10041", "number": "10041", "revision": 1 }, "units": 3 },
            }))
            .unwrap(),
        );
        let found = board.find("it", &Stop::default(), |events| events.iter().map(|event| event.sequence).max());
        assert_eq!(found.unwrap(), 7);
        let order = board.wait_for(&Stop::default(), |events| Some(events.first()?.order().to_owned()));
        assert_eq!(order.unwrap(), "10041");
        assert!(Event::read(&json!({ "type": "something.else", "sequence": 1 })).is_none());
    }
}
