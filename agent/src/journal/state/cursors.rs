//! Cursors: how far the broker and the platform are, and the new epoch of an older copy.

use super::{State, begin_epoch, moved};
use crate::clock::Moment;
use crate::contract::receipt::Receipt;
use crate::domain::event::{Event, StartCause};
use crate::journal::job::ReceiptOutcome;
use crate::journal::log::{self, Epoch, Place};
use crate::journal::salvage::anew::{self, SERIALS_JUMP};
use crate::journal::{Error, slate};
use std::cmp::Ordering;

impl State {
    /// The broker has everything up to `place`; up to `again_to` the platform gets it once more.
    pub fn sent(&mut self, place: Place, again_to: Option<Place>, moment: &Moment) {
        self.heard(moment);
        self.sent = place.min(self.head);
        self.again_to = again_to;
        if self.config.forget_on_puback {
            self.received = self.received.max(self.sent);
        }
    }

    /// Events of this file's own are about to be published: what the platform has of this epoch may be one of them from here
    /// on, also after a start.
    pub fn publishing(&mut self) -> Result<(), Error> {
        self.wrote |= slate::take::<Place>(&self.conn, slate::UNPUBLISHED_FROM)?.is_some();
        Ok(())
    }

    /// What the platform says of one of this file's epochs. It gets nothing of an epoch before its receipts cover the one
    /// before: one that tells of an event covers all that comes before it.
    pub fn receipt(&mut self, receipt: &Receipt, at_start: bool, moment: &Moment) -> Result<ReceiptOutcome, Error> {
        self.heard(moment);
        let Some((epoch, end)) = self.life(receipt)? else { return Ok(ReceiptOutcome::OtherEpoch) };
        // It knows nothing of this epoch yet, which says nothing of the one before.
        let knows_nothing = receipt.sequence == 0 && self.received < epoch.base;
        let is_over = end.is_some_and(|end| end <= self.received);
        if knows_nothing || is_over {
            return Ok(ReceiptOutcome::OtherEpoch);
        }
        let place = epoch.base.saturating_add(receipt.sequence);
        let place = match end {
            Some(end) => {
                if self.known_before(end)? < place {
                    self.wait_for_platform(moment)?;
                }
                place.min(end)
            }
            None if at_start && self.unpublished_from < place && epoch.base <= self.unpublished_from => {
                self.begin_epoch_of_old_copy(moment)?;
                return Ok(ReceiptOutcome::NewEpoch);
            }
            None if self.head < place => return Ok(ReceiptOutcome::Beyond),
            None => place,
        };
        Ok(match place.cmp(&self.received) {
            Ordering::Less => ReceiptOutcome::Older,
            Ordering::Equal => ReceiptOutcome::Repeated(place),
            Ordering::Greater => {
                self.received = place;
                if self.again_to.is_none() {
                    self.sent = self.sent.max(place);
                }
                ReceiptOutcome::Advanced(place)
            }
        })
    }

    /// The epoch that a receipt is about, and the end of one that isn't the newest; none where it isn't of this file.
    fn life(&self, receipt: &Receipt) -> Result<Option<(Epoch, Option<Place>)>, Error> {
        if receipt.epoch == self.epoch.id {
            return Ok(Some((self.epoch, None)));
        }
        let epochs = log::epochs(&self.conn)?;
        let pairs = epochs.iter().zip(epochs.iter().skip(1));
        Ok(pairs.filter(|(epoch, _)| epoch.id == receipt.epoch).map(|(epoch, next)| (*epoch, Some(next.base))).next())
    }

    /// Up to where the platform was known to have the epoch that ends at `end`, in places as if it had gone on.
    fn known_before(&self, end: Place) -> Result<Place, Error> {
        let known: Option<Place> = slate::get(&self.conn, &slate::known_before(end))?;
        Ok(known.unwrap_or(end).max(end))
    }

    /// The platform has more of an epoch than this file had when that ended: it was an older copy already.
    fn wait_for_platform(&mut self, moment: &Moment) -> Result<(), Error> {
        self.number_on(moment)?;
        let uptime_s = self.uptime_s(moment);
        let set_aside = self.shelf.set_aside(&self.conn, uptime_s)?;
        self.wrote = true;
        tracing::warn!(
            orders = set_aside,
            "the platform has events of an older epoch that this database lacks: what was open waits for it"
        );
        Ok(())
    }

    fn number_on(&mut self, moment: &Moment) -> Result<(), Error> {
        let known = log::known(&self.conn, &self.config.boot.id)?.and_then(|known| known.believed);
        let now = anew::at_least(moment, known.map(|mark| mark.at));
        let next = self.shelf.sscc_serial;
        let goes_on = anew::next_serial(&self.config.rules.company_prefix, Some(next), now);
        self.shelf.use_serials(&self.conn, goes_on.saturating_sub(next))?;
        self.shelf.use_returns(&self.conn, SERIALS_JUMP)
    }

    /// Before the cursors move.
    fn heard(&mut self, moment: &Moment) {
        self.latest = self.latest.max(moment.since_start);
        if !self.cursors_are_behind() {
            self.behind_since = self.latest;
        }
    }

    /// The platform has more of this epoch than the file had before it began to differ: what came after that is lost here,
    /// and what was recorded since, maybe in several lives, takes places in a new epoch.
    fn begin_epoch_of_old_copy(&mut self, moment: &Moment) -> Result<(), Error> {
        let base = self.unpublished_from;
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
        self.again_to = None;
        // With the epoch, and not some time after: a start that found them beyond its base would never send what lies between.
        slate::set(&self.conn, slate::SENT, &base)?;
        slate::set(&self.conn, slate::RECEIVED, &base)?;
        slate::clear(&self.conn, slate::AGAIN_TO)?;
        self.number_on(moment)?;
        let uptime_s = self.uptime_s(moment);
        let set_aside = self.shelf.set_aside(&self.conn, uptime_s)?;
        self.unpublished_from = newest;
        slate::clear(&self.conn, slate::UNPUBLISHED_FROM)?;
        tracing::warn!(
            orders = set_aside,
            "the platform has events that this database lacks: it is an older copy; a new epoch has begun"
        );
        Ok(())
    }
}
