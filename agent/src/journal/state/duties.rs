//! What the schedule asks for: orders judged again on what is true now, and work that is done once.

use super::State;
use crate::clock::Moment;
use crate::domain::dispatch::Desk;
use crate::domain::event::Event;
use crate::domain::manifest::Manifest;
use crate::domain::name::OrderId;
use crate::domain::notice;
use crate::domain::order::State as OrderState;
use crate::domain::promise::pace::{SLOT_S, Slot, slot_of};
use crate::domain::promise::{Case, Finding, judge};
use crate::journal::log::Place;
use crate::journal::shelf::Shelf;
use crate::journal::{Error, slate};
use rusqlite::params;

impl State {
    pub(super) fn desk(&self, moment: &Moment) -> Desk<'_> {
        Desk { rules: &self.config.rules, now: moment.wall, clock_trusted: moment.trusted, gone: &self.gone }
    }

    /// The collection of a manifest that is closed is over.
    pub(super) fn close_collection(&mut self, manifest: &Manifest) {
        if let Some(collection) = manifest.collection.as_ref().filter(|_| manifest.closed) {
            let gone = self.gone.entry(manifest.carrier.clone()).or_insert(collection.at);
            *gone = (*gone).max(collection.at);
        }
    }

    /// Judges each order on what it is now; what was found before may have passed.
    pub fn judge(&mut self, findings: &[Finding], moment: &Moment) -> Result<(), Error> {
        self.latest = self.latest.max(moment.since_start);
        if !moment.trusted {
            return Ok(());
        }
        for finding in findings {
            self.judge_one(finding, moment)?;
        }
        Ok(())
    }

    fn judge_one(&mut self, finding: &Finding, moment: &Moment) -> Result<(), Error> {
        let Some(order) = self.shelf.order_by_id(&self.conn, &finding.order)? else { return Ok(()) };
        let Some(key) = self.shelf.key_of(&finding.order) else { return Ok(()) };
        let before = Shelf::standing(&self.conn, key)?;
        let (forecast, ending) = (finding.forecast, finding.ending);
        let case = Case { order: &order, standing: before.as_ref(), forecast, ending };
        let verdict = judge(self.desk(moment), &case);
        let mut after = order.clone();
        for event in &verdict.events {
            if let Err(illegal) = after.apply(event) {
                tracing::error!(%illegal, "what follows from an order's promise does not fit the order");
                return Ok(());
            }
        }
        for event in &verdict.events {
            self.record(event, None, moment)?;
        }
        if after != order {
            let uptime_s = self.uptime_s(moment);
            self.shelf.save_order(&self.conn, &after, uptime_s)?;
        }
        if verdict.standing != before {
            Shelf::save_standing(&self.conn, key, verdict.standing.as_ref())?;
            self.wrote = true;
        }
        Ok(())
    }

    /// Records `event` and the marks, unless `name` was done before.
    pub fn duty(
        &mut self,
        name: &str,
        event: Option<&Event>,
        marks: &[(&str, i64)],
        moment: &Moment,
    ) -> Result<(), Error> {
        self.latest = self.latest.max(moment.since_start);
        let done = self
            .conn
            .prepare_cached("INSERT OR IGNORE INTO duties (name, uptime_s) VALUES (?1, ?2)")?
            .execute(params![name, self.uptime_s(moment)])?;
        if done == 0 {
            return Ok(());
        }
        self.wrote = true;
        if let Some(event) = event {
            self.record(event, None, moment)?;
        }
        for (name, value) in marks {
            slate::set(&self.conn, name, value)?;
        }
        Ok(())
    }

    /// Keeps what was packed in some slots, up to which place it was counted, and up to which nobody is asked any more.
    pub fn keep_pace(
        &mut self,
        slots: &[(i64, Slot)],
        counted: Place,
        passed: Option<Place>,
        moment: &Moment,
    ) -> Result<(), Error> {
        let window_s = self.config.rules.pledge.pace_window.as_secs().cast_signed();
        let oldest = slot_of(moment.wall) - window_s / SLOT_S;
        for (slot, Slot { units, work_s }) in slots {
            self.conn
                .prepare_cached("INSERT OR REPLACE INTO pace (slot, units, work_s) VALUES (?1, ?2, ?3)")?
                .execute(params![slot, units, work_s])?;
        }
        self.conn.prepare_cached("DELETE FROM pace WHERE slot < ?1")?.execute([oldest])?;
        slate::set(&self.conn, slate::COUNTED, &counted)?;
        if let Some(passed) = passed {
            let invited = slate::get(&self.conn, slate::INVITED)?;
            slate::set(&self.conn, slate::INVITED, &invited.map_or(passed, |invited: Place| invited.max(passed)))?;
        }
        self.wrote = true;
        Ok(())
    }

    /// Asks the customer of a completed order how it was; `place` is that of its completion.
    pub fn invite(&mut self, id: &OrderId, place: Place, moment: &Moment) -> Result<(), Error> {
        self.latest = self.latest.max(moment.since_start);
        if slate::get(&self.conn, slate::INVITED)?.is_some_and(|invited: Place| place <= invited) {
            return Ok(());
        }
        slate::set(&self.conn, slate::INVITED, &place)?;
        self.wrote = true;
        let order = self.shelf.order_by_id(&self.conn, id)?;
        let Some(order) = order.filter(|order| order.progress.state == OrderState::Completed) else { return Ok(()) };
        let Some(notice) = notice::feedback(&self.config.rules, &order, moment.wall) else { return Ok(()) };
        let event = Event::NotificationRequested(Box::new(notice));
        let mut after = order;
        if let Err(illegal) = after.apply(&event) {
            tracing::error!(%illegal, "an invitation does not fit its order");
            return Ok(());
        }
        self.record(&event, None, moment)?;
        let uptime_s = self.uptime_s(moment);
        self.shelf.save_order(&self.conn, &after, uptime_s)
    }
}
