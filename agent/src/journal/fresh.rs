//! The newest events in memory, as they are in the file: whoever follows the log need not read back what was just written.
//!
//! Only what a commit has put on disk comes in here, in order and without gaps, and only what nothing changes any more: an
//! event whose time may still be corrected stands in the file alone. It knows the log's end or nothing; the file knows all.

use super::log::{Label, Place, Stored};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Of one commit there are fewer, with few exceptions; who is farther behind reads the file.
const EVENTS_MAX: usize = 512;
/// Of their data: a board's memory is small, and an order's terms may be long.
const BYTES_MAX: usize = 256 * 1024;

/// Where they are. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Fresh(Arc<Mutex<Tail>>);

#[derive(Debug, Default)]
struct Tail {
    events: VecDeque<Arc<Stored>>,
    bytes: usize,
}

impl Fresh {
    /// Takes in what has been committed, in the log's order.
    pub fn add(&self, events: impl Iterator<Item = Stored>) {
        let mut tail = self.tail();
        for event in events {
            tail.add(event);
        }
    }

    /// Knows nothing any more: after a failure only the file tells what the log's end is.
    pub fn clear(&self) {
        *self.tail() = Tail::default();
    }

    /// Up to `limit` events after `after`, in order; none where the first of them isn't here.
    #[must_use]
    pub fn after(&self, after: Place, limit: usize) -> Option<Vec<Arc<Stored>>> {
        let tail = self.tail();
        let first = tail.events.front()?.place;
        let skipped = usize::try_from((after + 1).checked_sub(first)?).ok()?;
        (skipped < tail.events.len()).then(|| tail.events.iter().skip(skipped).take(limit).cloned().collect())
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tail {
    fn add(&mut self, event: Stored) {
        let follows = self.events.back().is_none_or(|last| last.place + 1 == event.place);
        if !follows || event.label != Label::Synced {
            *self = Self::default();
        }
        if event.label != Label::Synced {
            return;
        }
        self.bytes += event.data.len();
        self.events.push_back(Arc::new(event));
        while EVENTS_MAX < self.events.len() || BYTES_MAX < self.bytes {
            let Some(oldest) = self.events.pop_front() else { return };
            self.bytes -= oldest.data.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Kind;
    use jiff::Timestamp;
    use uuid::Uuid;

    fn event(place: Place, label: Label, bytes: usize) -> Stored {
        Stored {
            place,
            id: Uuid::from_u128(place.into()),
            at: Timestamp::UNIX_EPOCH,
            label,
            kind: Kind::SiteStopped,
            station: None,
            operator: None,
            subject: None,
            data: "x".repeat(bytes),
        }
    }

    fn of(events: &[(Place, Label)]) -> Fresh {
        let fresh = Fresh::default();
        fresh.add(events.iter().map(|(place, label)| event(*place, *label, 1)));
        fresh
    }

    /// The places that are there after `after`.
    fn places(fresh: &Fresh, after: Place, limit: usize) -> Option<Vec<Place>> {
        fresh.after(after, limit).map(|events| events.iter().map(|event| event.place).collect())
    }

    #[test]
    fn gives_what_follows_a_place_or_nothing() {
        use Label::{Corrected, Synced, Unsynced};
        type Row = (&'static [(Place, Label)], Place, Option<Vec<Place>>);
        let rows: [Row; 10] = [
            (&[], 0, None),
            (&[(7, Synced), (8, Synced), (9, Synced)], 6, Some(vec![7, 8])),
            (&[(7, Synced), (8, Synced), (9, Synced)], 8, Some(vec![9])),
            // Nobody has anything behind the log's end, and only the file has what is before.
            (&[(7, Synced), (8, Synced)], 8, None),
            (&[(7, Synced), (8, Synced)], 20, None),
            (&[(7, Synced), (8, Synced)], 5, None),
            // A gap, and places that were given anew.
            (&[(7, Synced), (9, Synced)], 6, None),
            (&[(7, Synced), (9, Synced)], 8, Some(vec![9])),
            // What the file may come to tell otherwise.
            (&[(7, Synced), (8, Unsynced), (9, Synced)], 7, None),
            (&[(7, Synced), (8, Corrected)], 6, None),
        ];
        for (events, after, expected) in rows {
            assert_eq!(places(&of(events), after, 2), expected, "{events:?} after {after}");
        }
    }

    #[test]
    fn holds_no_more_than_it_may() {
        let fresh = Fresh::default();
        let many = EVENTS_MAX as Place + 10;
        fresh.add((1..=many).map(|place| event(place, Label::Synced, 1)));
        assert_eq!(places(&fresh, 9, 1), None);
        assert_eq!(fresh.after(10, usize::MAX).map(|events| events.len()), Some(EVENTS_MAX));
        fresh.add([event(many + 1, Label::Synced, BYTES_MAX)].into_iter());
        assert_eq!(places(&fresh, many - 1, 9), None);
        assert_eq!(places(&fresh, many, 9), Some(vec![many + 1]));
        fresh.add([event(many + 2, Label::Synced, BYTES_MAX + 1)].into_iter());
        assert_eq!(places(&fresh, many, 9), None);
        assert_eq!(fresh.tail().bytes, 0);
        fresh.add([event(many + 3, Label::Synced, 5)].into_iter());
        assert_eq!(places(&fresh, many + 2, 9), Some(vec![many + 3]));
        fresh.clear();
        assert_eq!(places(&fresh, many + 2, 9), None);
    }
}
