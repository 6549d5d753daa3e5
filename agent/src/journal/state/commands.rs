//! Commands: carried out once and stored with their reply; what can't be used is put aside with its reason.

use super::State;
use crate::clock::Moment;
use crate::contract::command::{self, Body, Command, Status, Unreadable};
use crate::contract::report::SiteReport;
use crate::domain::command::{self as deciding, Change, Rejection, Slot};
use crate::domain::dispatch::{Desk, Serials};
use crate::domain::event::{Adjustment, Event};
use crate::domain::name::Sku;
use crate::domain::order::{Order, State as OrderState};
use crate::domain::returns::Return;
use crate::domain::stock::Stock;
use crate::journal::job::{CommandOutcome, PrintJob, PrintWhat};
use crate::journal::log::{self, Place};
use crate::journal::shelf::Shelf;
use crate::journal::{Error, QUARANTINE_ROWS_MAX};
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeMap;
use uuid::Uuid;

impl State {
    pub fn command(&mut self, payload: &[u8], moment: &Moment) -> Result<CommandOutcome, Error> {
        self.latest = self.latest.max(moment.since_start);
        let command = match command::parse(payload) {
            Ok(command) => command,
            Err(unreadable) => return self.unreadable(&unreadable, payload, moment),
        };
        if let Some(reply) = self.reply_to(&command.id)? {
            return Ok(CommandOutcome { reply: Some(reply), rewind: self.rewind_of(&command)? });
        }
        if moment.trusted && command.expires_at.is_some_and(|at| at < moment.wall) {
            let outcome = self.answer(&command.id, &command.kind, Status::Expired, None, None, moment)?;
            return Ok(outcome);
        }
        let rewind = self.rewind_of(&command)?;
        let report = matches!(command.body, Body::SiteReport).then(|| self.report()).transpose()?;
        let verdict = self.carry_out(command.body, moment)?;
        let outcome = match &verdict {
            Ok(()) => self.answer(&command.id, &command.kind, Status::Accepted, None, report.as_ref(), moment)?,
            Err(refusal) => {
                let reason = Some((refusal.reason, refusal.detail.as_str()));
                self.answer(&command.id, &command.kind, refusal.status, reason, None, moment)?
            }
        };
        Ok(CommandOutcome { rewind: rewind.filter(|_| verdict.is_ok()), ..outcome })
    }

    /// Puts aside a command that deciding failed on, so that the next is served.
    pub fn poisoned(&mut self, payload: &[u8], why: &str, moment: &Moment) -> Result<CommandOutcome, Error> {
        let (id, kind, private) = match command::parse(payload) {
            Ok(command) => {
                let private = command::is_private(&command.kind, payload);
                (Some(command.id), command.kind, private)
            }
            Err(unreadable) => (unreadable.id, unreadable.kind, unreadable.private),
        };
        self.unreadable(&Unreadable { id, kind, reason: "failed", why: why.into(), private }, payload, moment)
    }

    fn unreadable(&mut self, message: &Unreadable, payload: &[u8], moment: &Moment) -> Result<CommandOutcome, Error> {
        if let Some(id) = &message.id
            && let Some(reply) = self.reply_to(id)?
        {
            return Ok(CommandOutcome { reply: Some(reply), rewind: None });
        }
        let id = message.id.as_deref().unwrap_or("none");
        tracing::warn!(id, kind = message.kind, reason = message.reason, why = %message.why, "a command can't be used");
        let kept = if message.private { &[] } else { payload };
        self.quarantine(message.reason, &message.why, kept, moment)?;
        match &message.id {
            Some(id) => {
                let reason = Some((message.reason, message.why.as_str()));
                self.answer(id, &message.kind, Status::Rejected, reason, None, moment)
            }
            None => Ok(CommandOutcome { reply: None, rewind: None }),
        }
    }

    fn quarantine(&mut self, reason: &str, why: &str, payload: &[u8], moment: &Moment) -> Result<(), Error> {
        let payload = &payload[..payload.len().min(crate::contract::COMMAND_BYTES_MAX)];
        let known: Option<i64> = self
            .conn
            .prepare_cached(
                "SELECT key FROM quarantine WHERE length(payload) = length(?2) AND reason = ?1 AND payload = ?2",
            )?
            .query_row(params![reason, payload], |row| row.get(0))
            .optional()?;
        if known.is_some() && !payload.is_empty() {
            return Ok(());
        }
        self.conn
            .prepare_cached("INSERT INTO quarantine (at, uptime_s, reason, why, payload) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![moment.wall.as_microsecond(), self.uptime_s(moment), reason, why, payload])?;
        self.conn
            .prepare_cached("DELETE FROM quarantine WHERE key <= ?1")?
            .execute([self.conn.last_insert_rowid() - QUARANTINE_ROWS_MAX])?;
        self.wrote = true;
        Ok(())
    }

    fn reply_to(&self, id: &str) -> Result<Option<String>, Error> {
        let mut statement = self.conn.prepare_cached("SELECT reply FROM commands WHERE id = ?1")?;
        Ok(statement.query_row([id], |row| row.get(0)).optional()?)
    }

    fn answer(
        &mut self,
        id: &str,
        kind: &str,
        status: Status,
        reason: Option<(&str, &str)>,
        report: Option<&SiteReport>,
        moment: &Moment,
    ) -> Result<CommandOutcome, Error> {
        let reply = command::reply(&self.config.rules.site, id, kind, status, reason, report, moment.wall);
        self.conn
            .prepare_cached("INSERT INTO commands (id, uptime_s, reply) VALUES (?1, ?2, ?3)")?
            .execute(params![id, self.uptime_s(moment), reply])?;
        self.wrote = true;
        Ok(CommandOutcome { reply: Some(reply), rewind: None })
    }

    fn carry_out(&mut self, body: Body, moment: &Moment) -> Result<Result<(), Refusal>, Error> {
        match body {
            Body::OrderPut { terms, known } => {
                let slot = self.slot(&terms.id)?;
                let rules = &self.config.rules;
                let desk = Desk { rules, now: moment.wall, clock_trusted: moment.trusted, gone: &self.gone };
                let mut serials = Serials::from(&rules.company_prefix, self.shelf.sscc_serial);
                let change = deciding::put(&slot, *terms, known, desk, &mut serials);
                let used = if change.is_ok() { serials.used } else { 0 };
                self.shelf.use_serials(&self.conn, used)?;
                self.change(change, slot.order(), moment)
            }
            Body::OrderHold { order, revision, cause } => {
                let slot = self.slot(&order)?;
                self.change(deciding::hold(&slot, revision, &cause), slot.order(), moment)
            }
            Body::OrderRelease { order, revision } => {
                let slot = self.slot(&order)?;
                let desk = self.desk(moment);
                self.change(deciding::release(&slot, revision, desk), slot.order(), moment)
            }
            Body::OrderExpedite { order, revision } => {
                let slot = self.slot(&order)?;
                self.change(deciding::expedite(&slot, revision), slot.order(), moment)
            }
            Body::ParcelLabel { order, parcel, tracking, revision, zpl } => {
                let slot = self.slot(&order)?;
                let desk = self.desk(moment);
                let change = deciding::label(&slot, parcel, tracking.as_deref(), revision, desk);
                // Nobody can put a label on what its carrier has.
                let here = slot.order().filter(|order| order.parcel(parcel).is_some_and(|p| !p.state.is_gone()));
                if let (Ok(_), Some(zpl), Some(known)) = (&change, zpl, here) {
                    let station = self.label_wanted_at(&order, parcel);
                    let what = PrintWhat::Carriers { order: known.terms.number.clone(), parcel, zpl };
                    self.prints.push(PrintJob { station, what });
                }
                self.change(change, slot.order(), moment)
            }
            Body::ReturnPut { terms } => self.announce(*terms, moment),
            Body::OrderCancel { order, revision, cause, notify } => {
                let slot = self.slot(&order)?;
                let desk = self.desk(moment);
                let change = deciding::cancel(&slot, revision, &cause, notify, desk);
                if matches!(&change, Ok(Change { order: None, .. })) {
                    Shelf::bury(&self.conn, &order, revision, self.uptime_s(moment))?;
                }
                self.change(change, slot.order(), moment)
            }
            Body::CatalogPut { products } => {
                for product in products {
                    Shelf::save_product(&self.conn, &product.sku, &product.name, &product.codes)?;
                }
                Ok(Ok(()))
            }
            Body::StockSet { items, as_of } => self.set_stock(&items, as_of, moment),
            // Its reply is all that it asks for.
            Body::SiteReport => Ok(Ok(())),
            Body::EventsResend { epoch, from } => Ok(self.resend_from(epoch, from)?.map(|_| ())),
        }
    }

    fn slot(&mut self, id: &crate::domain::name::OrderId) -> Result<Slot, Error> {
        if let Some(order) = self.shelf.order_by_id(&self.conn, id)? {
            return Ok(Slot::Order(order));
        }
        Ok(Shelf::tombstone(&self.conn, id)?.map_or(Slot::Empty, |revision| Slot::Tombstone { revision }))
    }

    fn change(
        &mut self,
        change: Result<Change, Rejection>,
        before: Option<&Order>,
        moment: &Moment,
    ) -> Result<Result<(), Refusal>, Error> {
        let change = match change {
            Ok(change) => change,
            Err(rejection) => return Ok(Err(rejection.into())),
        };
        for event in &change.events {
            self.record(event, None, moment)?;
        }
        if let Some(order) = &change.order {
            self.save_reservations(before, order, &[])?;
            let uptime_s = self.uptime_s(moment);
            self.shelf.save_order(&self.conn, order, uptime_s)?;
        }
        Ok(Ok(()))
    }

    /// What the order reserves less, or more; products whose new stock is `decided` have that already.
    pub(super) fn save_reservations(
        &mut self,
        before: Option<&Order>,
        order: &Order,
        decided: &[(Sku, Stock)],
    ) -> Result<(), Error> {
        for (sku, delta) in reserved_change(before, order) {
            if decided.iter().all(|(known, _)| *known != sku) {
                let stock = self.shelf.stock(&self.conn, &sku)?.reserved_more(delta);
                self.shelf.save_stock(&sku, stock);
            }
        }
        Ok(())
    }

    /// `return.put`: a return that is to come.
    fn announce(&mut self, terms: Return, moment: &Moment) -> Result<Result<(), Refusal>, Error> {
        let known = Shelf::returned(&self.conn, &terms.id)?;
        match deciding::authorize(known.as_ref(), terms) {
            Ok((event, known)) => {
                self.record(&event, None, moment)?;
                Shelf::save_returned(&self.conn, &known, self.uptime_s(moment))?;
                Ok(Ok(()))
            }
            Err(rejection) => Ok(Err(rejection.into())),
        }
    }

    /// `stock.set`: what was counted then, and every movement of this log since.
    fn set_stock(
        &mut self,
        items: &[(Sku, i64)],
        as_of: Option<(Uuid, u64)>,
        moment: &Moment,
    ) -> Result<Result<(), Refusal>, Error> {
        let since = match as_of {
            None => self.head,
            Some((epoch, sequence)) => match self.place_of(epoch, sequence)? {
                Some(place) => place,
                None => return Ok(Err(Refusal::not_kept(sequence))),
            },
        };
        let moved = self.moved_since(since)?;
        for (sku, counted) in items {
            let stock = self.shelf.stock(&self.conn, sku)?;
            let on_hand = counted + moved.get(sku).copied().unwrap_or_default();
            let delta = on_hand - stock.on_hand;
            let stock = Stock { on_hand, ..stock };
            self.shelf.save_stock(sku, stock);
            if delta != 0 {
                let event = Event::StockAdjusted { sku: sku.clone(), delta, stock, cause: Adjustment::Set };
                self.record(&event, None, moment)?;
            }
        }
        self.wrote = true;
        Ok(Ok(()))
    }

    /// What has been added to each product's stock since, and taken from it: the ledger, without what the platform set.
    fn moved_since(&self, place: Place) -> Result<BTreeMap<Sku, i64>, Error> {
        let mut statement = self.conn.prepare_cached(
            "SELECT data ->> 'sku', sum(CASE kind
                WHEN 'pick.item_picked' THEN -1
                WHEN 'pick.item_unpicked' THEN data ->> 'restocked'
                WHEN 'return.item_inspected' THEN iif(data ->> 'stock' IS NULL, 0, data ->> 'quantity')
                ELSE data ->> 'delta' END)
             FROM events WHERE ?1 < place AND kind IN ('pick.item_picked', 'pick.item_unpicked', 'pick.item_short',
                'return.item_inspected', 'stock.counted', 'stock.adjusted')
                AND NOT (kind = 'stock.adjusted' AND data ->> 'reason' = 'set')
             GROUP BY 1",
        )?;
        let mut moved = BTreeMap::new();
        let mut rows = statement.query([place])?;
        while let Some(row) = rows.next()? {
            if let Some(sku) = row.get::<_, Option<String>>(0)? {
                moved.insert(Sku::from(sku.as_str()), row.get(1)?);
            }
        }
        Ok(moved)
    }

    /// The place of a sequence of any epoch of this file, if every event after it is still kept.
    fn place_of(&self, epoch: Uuid, sequence: u64) -> Result<Option<Place>, Error> {
        let epochs = log::epochs(&self.conn)?;
        let Some(index) = epochs.iter().position(|known| known.id == epoch) else {
            return Ok(None);
        };
        let place = epochs[index].base.saturating_add(sequence);
        let end = epochs.get(index + 1).map_or(self.head, |next| next.base);
        let first: Option<Place> = self.conn.query_row("SELECT min(place) FROM events", [], |row| row.get(0))?;
        let kept = first.is_none_or(|first| first <= place.saturating_add(1));
        Ok(Some(place).filter(|place| kept && *place <= end))
    }

    fn resend_from(&self, epoch: Uuid, from: u64) -> Result<Result<Place, Refusal>, Error> {
        let place = self.place_of(epoch, from.saturating_sub(1))?;
        Ok(place.ok_or_else(|| Refusal::not_kept(from)))
    }

    fn rewind_of(&self, command: &Command) -> Result<Option<Place>, Error> {
        match command.body {
            Body::EventsResend { epoch, from } => Ok(self.resend_from(epoch, from)?.ok()),
            _ => Ok(None),
        }
    }
}

/// Why a command was not carried out, in the contract's words.
struct Refusal {
    status: Status,
    reason: &'static str,
    detail: String,
}

impl Refusal {
    fn not_kept(sequence: u64) -> Self {
        let detail = format!("sequence {sequence} of that epoch is not kept here");
        Self { status: Status::Rejected, reason: "not_kept", detail }
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        let duplicate = matches!(rejection, Rejection::Duplicate { .. } | Rejection::Done);
        let status = if duplicate { Status::Duplicate } else { Status::Rejected };
        Self { status, reason: rejection.word(), detail: rejection.to_string() }
    }
}

/// By how much each product's reservation changes with its order. One that awaits the platform holds none: it may long
/// be gone.
fn reserved_change(before: Option<&Order>, after: &Order) -> BTreeMap<Sku, i64> {
    let mut change = BTreeMap::new();
    for (order, sign) in before.into_iter().map(|order| (order, -1)).chain([(after, 1)]) {
        let state = order.progress.state;
        if state.is_closed() || state == OrderState::AwaitsPlatform {
            continue;
        }
        for (index, line) in order.terms.lines.iter().enumerate() {
            *change.entry(line.sku.clone()).or_insert(0) += sign * i64::from(order.missing(index));
        }
    }
    change.retain(|_, delta| *delta != 0);
    change
}
