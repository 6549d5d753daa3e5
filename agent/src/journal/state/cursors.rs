//! Cursors: how far the broker and the platform are, and the new epoch of an older copy.

use super::{State, begin_epoch, moved};
use crate::clock::Moment;
use crate::contract::receipt::Receipt;
use crate::domain::event::{Event, StartCause};
use crate::journal::job::ReceiptOutcome;
use crate::journal::log::{self, Place};
use crate::journal::salvage::anew::SERIALS_JUMP;
use crate::journal::{Error, slate};

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
            return self.receipt_of_last_epoch(receipt, moment);
        }
        // It knows nothing of this epoch yet, which says nothing of the one before.
        if receipt.sequence == 0 && self.received < self.epoch.base {
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

    /// While something of the epoch before is unreceived, its receipts count, up to its end. One beyond that end tells
    /// that this file was behind when its own epoch began.
    fn receipt_of_last_epoch(&mut self, receipt: &Receipt, moment: &Moment) -> Result<ReceiptOutcome, Error> {
        let base = self.epoch.base;
        let last = log::epochs(&self.conn)?.into_iter().rev().find(|epoch| *epoch != self.epoch);
        let Some(last) = last.filter(|last| self.received < base && last.id == receipt.epoch) else {
            return Ok(ReceiptOutcome::OtherEpoch);
        };
        let place = last.base.saturating_add(receipt.sequence);
        let known: Place = slate::get(&self.conn, slate::KNOWN_BEFORE)?.unwrap_or(base);
        if known.max(base) < place {
            self.number_on()?;
            let uptime_s = self.uptime_s(moment);
            let set_aside = self.shelf.set_aside(&self.conn, uptime_s)?;
            self.wrote = true;
            tracing::warn!(
                orders = set_aside,
                "the platform has events of the last epoch that this database lacks: what was open waits for it"
            );
        }
        let place = place.min(base);
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

    fn number_on(&mut self) -> Result<(), Error> {
        self.shelf.use_serials(&self.conn, SERIALS_JUMP)?;
        self.shelf.use_returns(&self.conn, SERIALS_JUMP)
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
        moved::make_room(&self.conn, base, self.epoch)?;
        self.unsynced_from = slate::get(&self.conn, &slate::unsynced(self.boot))?;
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
        self.number_on()?;
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
