//! Events read from the file before they may be sent: with a full window there is room for one at a time, and reading so
//! would take a transaction for each.
//!
//! What follows is what comes next in the log, or nothing. An event whose time may still be corrected is never kept.

use crate::journal::{Error, Label, Place, Stored};
use std::collections::VecDeque;
use std::sync::Arc;

/// Read at once at least: as many as are usually in flight.
const EVENTS_READ_MIN: usize = 64;

/// What has been read, and not been taken.
#[derive(Debug, Default)]
pub struct Ahead(VecDeque<Arc<Stored>>);

impl Ahead {
    /// Up to `limit` events after `after`, in order. `read` gets as many from the file as it is told, where they are not here.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn take(
        &mut self,
        after: Place,
        limit: usize,
        read: impl FnOnce(usize) -> Result<Vec<Stored>, Error>,
    ) -> Result<Vec<Arc<Stored>>, Error> {
        if self.0.front().is_none_or(|first| first.place != after + 1) {
            self.0 = read(limit.max(EVENTS_READ_MIN))?.into_iter().map(Arc::new).collect();
        }
        let taken = self.0.drain(..limit.min(self.0.len())).collect();
        let kept = self.0.iter().take_while(|event| event.label == Label::Synced).count();
        self.0.truncate(kept);
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Kind;
    use jiff::Timestamp;
    use uuid::Uuid;

    /// The log's places from 1 on; `unsynced` is one whose time may be corrected.
    fn log(head: Place, unsynced: Place, after: Place, count: usize) -> Vec<Stored> {
        let event = |place| Stored {
            place,
            id: Uuid::from_u128(place.into()),
            at: Timestamp::UNIX_EPOCH,
            label: if place == unsynced { Label::Unsynced } else { Label::Synced },
            kind: Kind::SiteStopped,
            station: None,
            operator: None,
            subject: None,
            data: String::new(),
        };
        (after + 1..=head).take(count).map(event).collect()
    }

    #[test]
    fn reads_many_and_gives_them_in_order() {
        let (mut ahead, mut reads) = (Ahead::default(), Vec::new());
        let mut take = |after, limit| {
            let events = ahead.take(after, limit, |count| {
                reads.push((after, count));
                Ok(log(200, 130, after, count))
            });
            events.unwrap().iter().map(|event| event.place).collect::<Vec<_>>()
        };
        assert_eq!(take(0, 2), [1, 2]);
        for after in 2..63 {
            assert_eq!(take(after, 1), [after + 1]);
        }
        assert_eq!(take(63, 3), [64], "what has been read comes first");
        assert_eq!(take(64, 100).len(), 100);
        // Sending goes back.
        assert_eq!(take(10, 2), [11, 12]);
        assert_eq!(take(12, 2), [13, 14]);
        // One that may change is read when it is sent.
        assert_eq!(take(100, 1), [101]);
        assert_eq!(take(101, 100).len(), 28);
        assert_eq!(take(129, 2), [130, 131]);
        assert_eq!(take(131, 1), [132]);
        assert!(take(200, 1).is_empty());
        assert_eq!(reads, [(0, 64), (64, 100), (10, 64), (100, 64), (129, 64), (200, 64)]);
    }
}
