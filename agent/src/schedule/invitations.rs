//! Whom to ask how it was: the customers of orders that were completed some time ago, each once.

use crate::clock::Moment;
use crate::domain::name::OrderId;
use crate::journal::{Job, Journal, Place};
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::Duration;

/// Invitations in one go.
const HANDED_MAX: usize = 32;

/// Completed orders on their way to the writer, in the order of the log.
#[derive(Debug)]
pub struct Invitations {
    /// Those whose customers will be asked, with when and where they were completed.
    waiting: VecDeque<(Timestamp, Place, OrderId)>,
    /// Up to which place completions are in `waiting`, were asked about, or never will be.
    seen: Place,
    /// Up to which place nobody will be asked any more, where the file does not know it yet.
    passed: Option<Place>,
    /// How many of the first the writer was handed, and where it says whether it has saved them.
    handed: Option<(usize, Receiver<bool>)>,
}

impl Invitations {
    /// `invited`: up to which place the file has been asked about. Nobody is asked about what was completed before anybody was
    /// to be asked: then it begins at `head`.
    pub fn of(invited: Option<Place>, head: Place, asks: bool) -> Self {
        let seen = invited.filter(|_| asks).unwrap_or(head);
        let passed = (invited != Some(seen)).then_some(seen);
        Self { waiting: VecDeque::new(), seen, passed, handed: None }
    }

    /// Up to which place completions are known.
    pub fn seen(&self) -> Place {
        self.seen
    }

    /// Takes note of an order's completion, unless it is known.
    pub fn completed(&mut self, at: Timestamp, place: Place, order: &OrderId) {
        if self.seen < place {
            self.waiting.push_back((at, place, order.clone()));
        }
    }

    /// All completions up to `head` are noted.
    pub fn has_seen(&mut self, head: Place) {
        self.seen = head;
    }

    /// Hands over who is due: the orders that were completed `after` ago; none: nobody is asked.
    pub fn hand_over(&mut self, after: Option<Duration>, journal: &Journal, moment: &Moment) {
        let Some(after) = after else { return self.pass() };
        if self.awaits_writer() {
            return;
        }
        let after = SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX);
        let mut completed = Vec::new();
        for (at, place, order) in self.waiting.iter_mut().take(HANDED_MAX) {
            // Completed while the clock was ahead: nobody waits for that time.
            *at = moment.wall.min(*at);
            if moment.wall.duration_since(*at) < after {
                break;
            }
            completed.push((*place, order.clone()));
        }
        if completed.is_empty() {
            return;
        }
        let (handed, (saved, is_saved)) = (completed.len(), sync_channel(1));
        let reply = Box::new(move |is_saved| {
            let _ = saved.try_send(is_saved);
        });
        if journal.try_submit(Job::Invite { completed, moment: *moment, reply }).is_ok() {
            self.handed = Some((handed, is_saved));
        }
    }

    /// Up to which place the file is to know that nobody will be asked any more.
    pub fn passed(&self) -> Option<Place> {
        self.passed
    }

    /// The writer will keep it.
    pub fn is_kept(&mut self) {
        self.passed = None;
    }

    /// Whether the writer has not answered. What it has not saved is handed over once more.
    fn awaits_writer(&mut self) -> bool {
        let Some((handed, is_saved)) = &self.handed else { return false };
        let is_saved = match is_saved.try_recv() {
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => false,
            Ok(is_saved) => is_saved,
        };
        if is_saved {
            self.waiting.drain(..*handed);
        }
        self.handed = None;
        false
    }

    fn pass(&mut self) {
        if !self.waiting.is_empty() {
            self.waiting.clear();
            self.passed = Some(self.seen);
        }
        self.handed = None;
    }
}
