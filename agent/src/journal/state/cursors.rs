//! Cursors: how far the broker and the platform are, and the new epoch of an older copy.

use super::{State, begin_epoch};
use crate::clock::Moment;
use crate::contract::receipt::Receipt;
use crate::domain::event::{Event, StartCause};
use crate::journal::Error;
use crate::journal::job::ReceiptOutcome;
use crate::journal::log::Place;

/// How far the numbers of parcels and returns jump when a file turns out to be an old copy: more parcels than such a copy is behind.
const SSCC_JUMP: u64 = 10_000;

impl State {
    /// The broker has everything up to `place`.
    pub fn sent(&mut self, place: Place, moment: &Moment) {
        self.heard(moment);
        self.sent = place.min(self.head);
        if self.config.forget_on_puback {
            self.received = self.received.max(self.sent);
        }
    }

    pub fn receipt(&mut self, receipt: &Receipt, at_start: bool, moment: &Moment) -> Result<ReceiptOutcome, Error> {
        self.heard(moment);
        if receipt.epoch != self.epoch.id {
            return Ok(ReceiptOutcome::OtherEpoch);
        }
        let place = self.epoch.base.saturating_add(receipt.sequence);
        if at_start && self.head_at_start < place && self.epoch.base <= self.head_at_start {
            self.begin_epoch_of_old_copy(moment)?;
            return Ok(ReceiptOutcome::NewEpoch);
        }
        if self.head < place {
            return Ok(ReceiptOutcome::Beyond);
        }
        if place < self.received {
            return Ok(ReceiptOutcome::Older);
        }
        if place == self.received {
            return Ok(ReceiptOutcome::Repeated(place));
        }
        self.received = place;
        self.sent = self.sent.max(place);
        Ok(ReceiptOutcome::Advanced(place))
    }

    /// Before the cursors move.
    fn heard(&mut self, moment: &Moment) {
        self.latest = self.latest.max(moment.since_start);
        if !self.cursors_are_behind() {
            self.behind_since = self.latest;
        }
    }

    /// The platform has more of this epoch than the file had at its start: what came after it is lost here, and what
    /// was recorded since takes places in a new epoch.
    fn begin_epoch_of_old_copy(&mut self, moment: &Moment) -> Result<(), Error> {
        let base = self.head_at_start;
        let follows = (self.epoch.id.to_string().into_boxed_str(), self.epoch.sequence(base));
        self.conn.execute("UPDATE events SET place = -(place + 1) WHERE ?1 < place", [base])?;
        self.conn.execute("UPDATE events SET place = -place WHERE place < 0", [])?;
        let newest = self.head + 1;
        let started = Event::SiteStarted {
            cause: StartCause::OldCopy,
            follows: Some(follows),
            version: self.config.version.as_str().into(),
            boot: self.config.boot.id.as_str().into(),
        };
        self.epoch = begin_epoch(&self.conn, base, *moment)?;
        self.head = base;
        self.record(&started, None, moment)?;
        self.head = newest;
        self.sent = base;
        self.received = base;
        self.shelf.use_serials(&self.conn, SSCC_JUMP)?;
        self.shelf.use_returns(&self.conn, SSCC_JUMP)?;
        let uptime_s = self.uptime_s(moment);
        let set_aside = self.shelf.set_aside(&self.conn, uptime_s)?;
        self.head_at_start = newest;
        tracing::warn!(
            orders = set_aside,
            "the platform has events that this database lacks: it is an older copy; a new epoch has begun"
        );
        Ok(())
    }
}
