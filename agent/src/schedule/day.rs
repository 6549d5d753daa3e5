//! What a day brings by the clock alone: couriers that are late, and its close.

use super::{Planner, has_caught_up};
use crate::clock::Moment;
use crate::domain::carrier::{Carrier, Collection};
use crate::domain::event::{CourierLate, DayClosed, Event};
use crate::domain::name::CollectionId;
use crate::domain::rules::Rules;
use crate::journal::{DAY_CLOSED, DAY_CLOSED_AT, Error, Job, Place};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

impl Planner {
    /// Tells of couriers that are late where something waits for them, each once.
    pub(super) fn notice_late_couriers(&self, moment: &Moment, day_closed: Option<Timestamp>) -> Result<(), Error> {
        // Before the first close nobody knows what this site has seen.
        let Some(from) = day_closed else { return Ok(()) };
        for carrier in &self.rules.carriers {
            let grace = SignedDuration::try_from(carrier.grace).unwrap_or(SignedDuration::MAX);
            let until = moment.wall.saturating_sub(grace).unwrap_or(Timestamp::MIN);
            let mut waiting = None;
            for collection in carrier.between(from, until, &self.rules.zone) {
                self.notice_late_courier(carrier, collection, moment, &mut waiting)?;
            }
        }
        Ok(())
    }

    fn notice_late_courier(
        &self,
        carrier: &Carrier,
        collection: Collection,
        moment: &Moment,
        waiting: &mut Option<BTreeMap<CollectionId, u32>>,
    ) -> Result<(), Error> {
        let name = format!("courier_late/{}", collection.id);
        if self.reader.ending(&collection.id)?.is_some() || self.reader.is_done(&name)? {
            return Ok(());
        }
        // Counted once for all collections of the carrier that nobody came for.
        let counted = match waiting.take() {
            Some(counted) => counted,
            None => self.reader.waiting_for(&carrier.id)?,
        };
        let waiting = waiting.insert(counted).get(&collection.id).copied().unwrap_or_default();
        let manifest = self.reader.open_manifest(&carrier.id)?.filter(|manifest| {
            0 < manifest.loaded && manifest.collection.as_ref().is_none_or(|of| of.id == collection.id)
        });
        let loaded = manifest.as_ref().map_or(0, |manifest| manifest.loaded);
        if waiting + loaded == 0 {
            return Ok(());
        }
        let event = Event::CourierLate(Box::new(CourierLate {
            carrier: carrier.id.clone(),
            name: carrier.name.clone(),
            collection,
            grace_s: carrier.grace.as_secs(),
            manifest: manifest.map(|manifest| manifest.id),
            loaded,
            waiting,
        }));
        self.hand_over(Job::Duty { name, event: Some(event), marks: Vec::new(), moment: *moment });
        Ok(())
    }

    /// Closes the day where it is over: what was not handed over is missed, and the platform gets a summary.
    pub(super) fn close_day(&mut self, moment: &Moment) -> Result<(), Error> {
        let Some((date, to)) = day_end(&self.rules, moment.wall) else { return Ok(()) };
        let Some((from, after)) = self.reader.marks()?.day_closed else {
            // The first day of this site ends with its next close.
            let after = self.reader.place_at(to)?;
            self.begin_day(to, after, moment);
            return Ok(());
        };
        if moment.wall < from {
            // Closed while the clock was ahead: the days go on from here.
            self.begin_day(to, after, moment);
            return Ok(());
        }
        if to <= from {
            return Ok(());
        }
        self.sweep_due = true;
        if !self.judge(moment, Some(to))? || !has_caught_up(&self.journal) {
            tracing::warn!("the journal is busy: the day is closed later");
            return Ok(());
        }
        let head = self.journal.head().borrow().place;
        let (manifests, counts) = self.reader.day(after, head)?;
        let event = Event::DayClosed(Box::new(DayClosed { date, from, to, manifests, counts }));
        let marks = vec![(DAY_CLOSED_AT, to.as_microsecond()), (DAY_CLOSED, head.cast_signed())];
        // Its mark moves with it: so the same day, from the same place, is closed once.
        let name = format!("day/{date}/{after}");
        self.hand_over(Job::Duty { name, event: Some(event), marks, moment: *moment });
        Ok(())
    }

    /// What comes after `after` belongs to the day that began at `to`.
    fn begin_day(&self, to: Timestamp, after: Place, moment: &Moment) {
        let marks = vec![(DAY_CLOSED_AT, to.as_microsecond()), (DAY_CLOSED, after.cast_signed())];
        let name = format!("day_begun/{to}/{after}");
        self.hand_over(Job::Duty { name, event: None, marks, moment: *moment });
    }
}

/// The last day that is over, and when it ended; one that closes in the small hours is the day before.
pub(super) fn day_end(rules: &Rules, now: Timestamp) -> Option<(Date, Timestamp)> {
    let closes = rules.pledge.day_closes;
    let today = now.to_zoned(rules.zone.clone()).date();
    let ended = [today, today.yesterday().ok()?].into_iter().find_map(|date| {
        let end = rules.zone.to_ambiguous_zoned(date.to_datetime(closes)).compatible().ok()?.timestamp();
        (end <= now).then_some((date, end))
    });
    ended.map(|(date, end)| (if closes.hour() < 12 { date.yesterday().unwrap_or(date) } else { date }, end))
}
