//! What has been handed to the MQTT client on this connection and awaits its acknowledgement.
//!
//! The client tells packet ids only afterwards, in the order in which it was given publishes; so publishes wait in
//! line until their id is known, and then until their id is acknowledged. Never outlives its connection.

use super::elsewhere::Named;
use std::collections::VecDeque;
use std::time::Duration;

/// What a publish was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flight {
    /// The event at this place.
    Event(u64),
    /// The agent's state, at the beginning or end of a connection.
    State,
    /// What can be promised.
    Promise,
    /// The reply to a command, to another topic than the site's own where one is named.
    Reply(Option<Named>),
}

#[derive(Debug)]
struct Entry {
    flight: Flight,
    queued_at: Duration,
    pkid: Option<u16>,
    done: bool,
}

impl Entry {
    fn waits_for(&self, pkid: u16) -> bool {
        self.pkid == Some(pkid) && !self.done
    }
}

/// The line of publishes, oldest first.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: VecDeque<Entry>,
    /// When the oldest unacknowledged publish began to be the oldest.
    waiting_since: Duration,
}

/// An acknowledgement or a packet id that belongs to nothing that was published here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("packet id {0} belongs to nothing that was published")]
pub struct Stray(pub u16);

impl Ledger {
    /// Publishes without their acknowledgement.
    #[must_use]
    pub fn len(&self) -> usize {
        self.unacknowledged().count()
    }

    /// Replies without their acknowledgement.
    #[must_use]
    pub fn replies(&self) -> usize {
        self.unacknowledged().filter(|flight| matches!(flight, Flight::Reply(_))).count()
    }

    /// What is not acknowledged, oldest first.
    pub fn unacknowledged(&self) -> impl Iterator<Item = Flight> {
        self.entries.iter().filter(|entry| !entry.done).map(|entry| entry.flight)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A publish was handed to the client.
    pub fn queued(&mut self, flight: Flight, now: Duration) {
        if self.entries.is_empty() {
            self.waiting_since = now;
        }
        self.entries.push_back(Entry { flight, queued_at: now, pkid: None, done: false });
    }

    /// The client has sent the oldest publish that had no id yet.
    ///
    /// # Errors
    /// No publish was waiting for an id.
    pub fn left(&mut self, pkid: u16) -> Result<(), Stray> {
        let next = self.entries.iter_mut().find(|entry| entry.pkid.is_none()).ok_or(Stray(pkid))?;
        next.pkid = Some(pkid);
        Ok(())
    }

    /// What was published under `pkid` and is not acknowledged yet.
    #[must_use]
    pub fn flight(&self, pkid: u16) -> Option<Flight> {
        self.entries.iter().find(|entry| entry.waits_for(pkid)).map(|entry| entry.flight)
    }

    /// How long ago what is not acknowledged yet under `pkid` was handed to the client.
    #[must_use]
    pub fn age(&self, pkid: u16, now: Duration) -> Option<Duration> {
        let entry = self.entries.iter().find(|entry| entry.waits_for(pkid))?;
        Some(now.saturating_sub(entry.queued_at))
    }

    /// The broker has acknowledged `pkid`. Everything that is now done from the oldest on, in order.
    ///
    /// # Errors
    /// Nothing unacknowledged has this id.
    pub fn acknowledged(&mut self, pkid: u16, now: Duration) -> Result<Vec<Flight>, Stray> {
        let entry = self.entries.iter_mut().find(|entry| entry.waits_for(pkid)).ok_or(Stray(pkid))?;
        entry.done = true;
        let mut done = Vec::new();
        while let Some(oldest) = self.entries.pop_front_if(|oldest| oldest.done) {
            self.waiting_since = now;
            done.push(oldest.flight);
        }
        Ok(done)
    }

    /// Since when the oldest publish waits for its acknowledgement: those of later ones don't make it younger.
    #[must_use]
    pub fn waiting_since(&self) -> Option<Duration> {
        (!self.entries.is_empty()).then_some(self.waiting_since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    fn of(places: impl IntoIterator<Item = u64>) -> Ledger {
        let mut ledger = Ledger::default();
        for place in places {
            ledger.queued(Flight::Event(place), NOW);
        }
        ledger
    }

    #[test]
    fn acknowledgements_count_from_the_oldest_on() {
        let mut ledger = of(1..=3);
        for pkid in 1..=3 {
            ledger.left(pkid).unwrap();
        }
        assert_eq!(ledger.acknowledged(2, NOW), Ok(vec![]));
        assert_eq!(ledger.len(), 2);
        assert_eq!(ledger.acknowledged(1, NOW), Ok(vec![Flight::Event(1), Flight::Event(2)]));
        assert_eq!(ledger.acknowledged(3, NOW), Ok(vec![Flight::Event(3)]));
        assert!(ledger.is_empty());
    }

    #[test]
    fn what_waits_longest_grows_older_although_later_ones_are_acknowledged() {
        let mut ledger = of(1..=3);
        for pkid in 1..=3 {
            ledger.left(pkid).unwrap();
        }
        let seconds = Duration::from_secs;
        ledger.acknowledged(2, seconds(1)).unwrap();
        assert_eq!(ledger.waiting_since(), Some(NOW));
        ledger.acknowledged(1, seconds(2)).unwrap();
        assert_eq!(ledger.waiting_since(), Some(seconds(2)));
        ledger.acknowledged(3, seconds(3)).unwrap();
        assert_eq!(ledger.waiting_since(), None);
    }

    #[test]
    fn knows_how_long_each_has_been_under_way() {
        let mut ledger = of(1..=1);
        ledger.queued(Flight::Event(2), Duration::from_millis(30));
        ledger.left(1).unwrap();
        ledger.left(2).unwrap();
        let now = Duration::from_millis(44);
        assert_eq!([1, 2, 3].map(|pkid| ledger.age(pkid, now)), [Some(now), Some(Duration::from_millis(14)), None]);
        ledger.acknowledged(1, now).unwrap();
        assert_eq!(ledger.age(1, now), None);
    }

    #[test]
    fn strays_are_told() {
        let mut ledger = of([1]);
        assert_eq!(ledger.acknowledged(1, NOW), Err(Stray(1)), "not sent yet");
        ledger.left(1).unwrap();
        assert_eq!(ledger.left(2), Err(Stray(2)));
        assert_eq!(ledger.acknowledged(9, NOW), Err(Stray(9)));
        ledger.acknowledged(1, NOW).unwrap();
        assert_eq!(ledger.acknowledged(1, NOW), Err(Stray(1)), "twice");
    }

    #[test]
    fn a_packet_id_may_come_again_once_it_is_acknowledged() {
        let mut ledger = of([1]);
        ledger.left(1).unwrap();
        ledger.acknowledged(1, NOW).unwrap();
        ledger.queued(Flight::Event(2), NOW);
        ledger.left(1).unwrap();
        assert_eq!(ledger.acknowledged(1, NOW), Ok(vec![Flight::Event(2)]));
    }
}
