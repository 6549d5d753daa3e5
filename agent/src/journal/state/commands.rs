//! Commands: carried out once and stored with their reply; what can't be used is put aside with its reason.

use super::State;
use crate::clock::Moment;
use crate::contract::command::{self, Body, Command, Status, Unreadable};
use crate::domain::command::{Change, Rejection, Slot};
use crate::domain::event::{Adjustment, Event, Kind};
use crate::domain::name::Sku;
use crate::domain::order::{Order, State as OrderState};
use crate::domain::stock::Stock;
use crate::journal::job::CommandOutcome;
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
            let outcome = self.answer(&command.id, &command.kind, Status::Expired, None, moment)?;
            return Ok(outcome);
        }
        let rewind = self.rewind_of(&command)?;
        let verdict = self.carry_out(command.body, moment)?;
        let outcome = match &verdict {
            Ok(()) => self.answer(&command.id, &command.kind, Status::Accepted, None, moment)?,
            Err(refusal) => {
                let reason = Some((refusal.reason, refusal.detail.as_str()));
                self.answer(&command.id, &command.kind, refusal.status, reason, moment)?
            }
        };
        Ok(CommandOutcome { rewind: rewind.filter(|_| verdict.is_ok()), ..outcome })
    }

    /// Puts aside a command that deciding failed on, so that the next is served.
    pub fn poisoned(&mut self, payload: &[u8], why: &str, moment: &Moment) -> Result<CommandOutcome, Error> {
        let (id, kind) = match command::parse(payload) {
            Ok(command) => (Some(command.id), command.kind),
            Err(unreadable) => (unreadable.id, unreadable.kind),
        };
        self.unreadable(&Unreadable { id, kind, reason: "failed", why: why.into() }, payload, moment)
    }

    fn unreadable(&mut self, message: &Unreadable, payload: &[u8], moment: &Moment) -> Result<CommandOutcome, Error> {
        if let Some(id) = &message.id
            && let Some(reply) = self.reply_to(id)?
        {
            return Ok(CommandOutcome { reply: Some(reply), rewind: None });
        }
        let id = message.id.as_deref().unwrap_or("none");
        tracing::warn!(id, kind = message.kind, reason = message.reason, why = %message.why, "a command can't be used");
        let kept = if message.reason == command::PERSONAL_DATA { &[] } else { payload };
        self.quarantine(message.reason, &message.why, kept, moment)?;
        match &message.id {
            Some(id) => {
                let reason = Some((message.reason, message.why.as_str()));
                self.answer(id, &message.kind, Status::Rejected, reason, moment)
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
        moment: &Moment,
    ) -> Result<CommandOutcome, Error> {
        let reply = command::reply(&self.config.rules.site, id, kind, status, reason, moment.wall);
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
                let before = slot.order().cloned();
                self.change(crate::domain::command::put(&slot, *terms, known), before.as_ref(), moment)
            }
            Body::OrderCancel { order, revision, cause, notify } => {
                let slot = self.slot(&order)?;
                let change = crate::domain::command::cancel(&slot, revision, &cause, notify);
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
            for (sku, delta) in reserved_change(before, order) {
                let stock = self.shelf.stock(&self.conn, &sku)?;
                let stock = Stock { reserved: stock.reserved + delta, ..stock };
                self.shelf.save_stock(&self.conn, &sku, stock)?;
            }
            let uptime_s = self.uptime_s(moment);
            self.shelf.save_order(&self.conn, order, uptime_s)?;
        }
        Ok(Ok(()))
    }

    /// `stock.set`: what was counted then, and every pick of this log since.
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
        let picked = self.picked_since(since)?;
        for (sku, counted) in items {
            let stock = self.shelf.stock(&self.conn, sku)?;
            let on_hand = counted - picked.get(sku).copied().unwrap_or_default();
            let delta = on_hand - stock.on_hand;
            let stock = Stock { on_hand, ..stock };
            self.shelf.save_stock(&self.conn, sku, stock)?;
            if delta != 0 {
                let event = Event::StockAdjusted { sku: sku.clone(), delta, stock, cause: Adjustment::Set };
                self.record(&event, None, moment)?;
            }
        }
        self.wrote = true;
        Ok(Ok(()))
    }

    fn picked_since(&self, place: Place) -> Result<BTreeMap<Sku, i64>, Error> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT data ->> 'sku', count(*) FROM events WHERE ?1 < place AND kind = ?2 GROUP BY 1")?;
        let rows = statement.query_map(params![place, Kind::ItemPicked.word()], |row| {
            Ok((Sku::from(row.get::<_, String>(0)?.as_str()), row.get(1)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
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
        let duplicate = matches!(rejection, Rejection::Duplicate { .. });
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
