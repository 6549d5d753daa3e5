//! The platform without its threads and sockets: takes what arrived, says what is to be published.
//!
//! Everything that a call changes is one transaction: only after it returned may the messages be acknowledged. Memory
//! (cursors, outbox) is changed along the way, so after a failure it is thrown away and read from the file.

use crate::again;
use crate::clock::Now;
use crate::command::{Desk, Refusal, Request};
use crate::faults;
use crate::inbox::{Fate, Inbox, TakeError, Taken};
use crate::label;
use crate::outbox::Outbox;
use crate::receipts::{Receipt, Receipts};
use crate::topic::{Topic, Topics};
use crate::wire::{self, Agent, Presence, Reply, Unreadable};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::collections::VecDeque;
use std::sync::Arc;
use uuid::Uuid;

/// A message to publish, QoS 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    pub topic: String,
    pub retain: bool,
    pub content: &'static str,
    pub payload: String,
}

pub const CLOUDEVENT: &str = "application/cloudevents+json; charset=utf-8";
const JSON: &str = "application/json";

/// Replies kept for reading.
const REPLIES_MAX: i64 = 1_000;
/// Raw payloads that wait for a connection.
const RAW_MAX: usize = 1_000;

#[derive(Debug)]
pub struct Central {
    db: Connection,
    topics: Topics,
    memory: Memory,
    raw: VecDeque<Outgoing>,
    /// A transaction failed: memory may say what the file doesn't.
    stale: bool,
    /// Labels that sites ask for are made here.
    makes_labels: bool,
}

/// What the file also has, or what only matters until the next start.
#[derive(Debug, Default)]
struct Memory {
    inbox: Inbox,
    outbox: Outbox,
    receipts: Receipts,
}

impl Central {
    /// # Errors
    /// The storage's.
    pub fn new(db: Connection, topics: Topics, now: Now) -> rusqlite::Result<Self> {
        let memory = Memory::load(&db, now)?;
        Ok(Self { db, topics, memory, raw: VecDeque::new(), stale: false, makes_labels: false })
    }

    /// From here on every label that a site asks for is made and sent.
    #[must_use]
    pub fn making_labels(self) -> Self {
        Self { makes_labels: true, ..self }
    }

    /// Takes messages, all of them in one transaction. What can't be read is quarantined.
    ///
    /// # Errors
    /// The storage's: none of them is stored.
    pub fn take<'a>(&mut self, messages: impl Iterator<Item = (&'a str, &'a [u8])>, now: Now) -> rusqlite::Result<()> {
        let makes_labels = self.makes_labels;
        self.transact(now, |memory, topics, db| {
            for (topic, payload) in messages {
                match memory.message(topics, db, topic, payload, now) {
                    Ok(()) => {}
                    Err(TakeError::Storage(error)) => return Err(error),
                    Err(TakeError::Unreadable(why)) => {
                        faults::quarantine(db, topic, &why.to_string(), payload, now)?;
                    }
                }
            }
            if makes_labels { memory.make_labels(db, now) } else { Ok(()) }
        })
    }

    /// Takes what somebody asks for. Returns the ids of its commands.
    ///
    /// # Errors
    /// Why nothing of it has an effect.
    pub fn ask(&mut self, site: &str, request: Request, now: Now) -> Result<Vec<Uuid>, Refusal> {
        self.transact(now, |memory, _, db| {
            let site = match memory.inbox.site(db, site) {
                Ok(site) => site.id,
                Err(TakeError::Storage(error)) => return Err(error),
                Err(TakeError::Unreadable(why)) => return Ok(Err(Refusal::Invalid(why.to_string()))),
            };
            db.execute_batch("SAVEPOINT request")?;
            let mut desk = Desk::new(db, site, memory.outbox.len(site), now);
            match desk.take(request) {
                Ok(ids) => {
                    memory.enqueue(site, desk.written(), now);
                    Ok(Ok(ids))
                }
                Err(Refusal::Storage(error)) => Err(error),
                Err(refusal) => {
                    db.execute_batch("ROLLBACK TO request")?;
                    Ok(Err(refusal))
                }
            }
        })?
    }

    /// Publishes `payload` as it is, once.
    ///
    /// # Errors
    /// Too many wait already.
    pub fn raw(&mut self, site: &str, payload: String) -> Result<(), Refusal> {
        if RAW_MAX <= self.raw.len() {
            return Err(Refusal::TooMany);
        }
        let topic = self.topics.commands(site);
        self.raw.push_back(Outgoing { topic, retain: false, content: CLOUDEVENT, payload });
        Ok(())
    }

    /// A connection began: whoever has missed a receipt hears it again.
    pub fn connected(&mut self) {
        let Memory { inbox, receipts, .. } = &mut self.memory;
        for site in inbox.sites() {
            if let Some(epoch) = site.current {
                receipts.again(&site.name, epoch, site.applied(epoch).unwrap_or_default());
            }
        }
    }

    /// What is to be published now, up to `room`. It counts as published: what gets lost is repeated by its own rules.
    ///
    /// # Errors
    /// The storage's.
    pub fn due(&mut self, now: Now, room: usize) -> rusqlite::Result<Vec<Outgoing>> {
        if self.stale {
            return Ok(Vec::new());
        }
        let Memory { outbox, receipts, .. } = &mut self.memory;
        let mut out = Vec::new();
        for receipt in receipts.due(now.ms).into_iter().take(room) {
            let Receipt { site, epoch, sequence } = &receipt;
            let payload = serde_json::json!({ "epoch": epoch, "sequence": sequence }).to_string();
            out.push(Outgoing { topic: self.topics.receipts(site), retain: true, content: JSON, payload });
            receipts.told(&receipt, now.ms);
        }
        while out.len() < room
            && let Some(raw) = self.raw.pop_front()
        {
            out.push(raw);
        }
        for (site, command) in outbox.due(now.ms, room - out.len()) {
            let found = self
                .db
                .prepare_cached(
                    "SELECT name, payload FROM commands JOIN sites ON sites.id = site WHERE commands.id = ?1",
                )?
                .query_row([command], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
                .optional()?;
            if let Some((name, payload)) = found {
                let topic = self.topics.commands(&name);
                out.push(Outgoing { topic, retain: false, content: CLOUDEVENT, payload });
            }
            outbox.sent(site, command, now.ms);
        }
        Ok(out)
    }

    /// The next moment at which something is to be published.
    #[must_use]
    pub fn next_ms(&self) -> Option<u64> {
        if self.stale {
            return None;
        }
        let raw = self.raw.front().map(|_| 0);
        [self.memory.receipts.next_ms(), self.memory.outbox.next_ms(), raw].into_iter().flatten().min()
    }

    /// Leaves a file that needs nothing beside it.
    ///
    /// # Errors
    /// The storage's.
    pub fn close(self) -> rusqlite::Result<()> {
        self.db.close().map_err(|(_, error)| error)
    }

    fn transact<T>(
        &mut self,
        now: Now,
        change: impl FnOnce(&mut Memory, &Topics, &Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        if self.stale {
            self.memory = Memory::load(&self.db, now)?;
            self.stale = false;
            self.connected();
        }
        self.stale = true;
        let open = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
        let changed = change(&mut self.memory, &self.topics, &open)?;
        self.memory.inbox.flush(&open)?;
        open.commit()?;
        self.stale = false;
        Ok(changed)
    }
}

impl Memory {
    fn load(db: &Connection, now: Now) -> rusqlite::Result<Self> {
        let mut outbox = Outbox::default();
        let mut open = db.prepare("SELECT site, id FROM commands WHERE status IS NULL ORDER BY id")?;
        let mut rows = open.query([])?;
        while let Some(row) = rows.next()? {
            outbox.add(row.get(0)?, row.get(1)?, now.ms);
        }
        let inbox = Inbox::load(db)?;
        for site in inbox.sites() {
            if site.agent.as_ref().is_some_and(|agent| agent.state != Presence::Online) {
                outbox.away(site.id);
            }
        }
        Ok(Self { inbox, outbox, receipts: Receipts::default() })
    }

    fn enqueue(&mut self, site: i64, commands: Vec<i64>, now: Now) {
        commands.into_iter().for_each(|command| self.outbox.add(site, command, now.ms));
    }

    fn message(
        &mut self,
        topics: &Topics,
        db: &Connection,
        topic: &str,
        payload: &[u8],
        now: Now,
    ) -> Result<(), TakeError> {
        let place = topics.read(topic).ok_or_else(|| Unreadable::Topic(topic.to_owned()))?;
        // An empty retained message clears a topic: nobody says anything.
        if payload.is_empty() {
            return Ok(());
        }
        let text = wire::text(payload)?;
        match place {
            Topic::Event { site, group } => self.event(db, site, group, text, now),
            Topic::Agent { site } => self.agent(db, site, text, now),
            Topic::Reply { site } => self.reply(db, site, text, now),
        }
    }

    fn event(&mut self, db: &Connection, site: &str, group: &str, text: &str, now: Now) -> Result<(), TakeError> {
        let taken = self.inbox.take(db, site, group, text, now)?;
        let Taken { fate, site, site_id, epoch, applied, receipted, renewed } = taken;
        if renewed {
            self.receipts.only(&site, epoch);
            let mut desk = Desk::new(db, site_id, self.outbox.len(site_id), now);
            let told = again::tell(&mut desk, epoch);
            self.enqueue(site_id, desk.written(), now);
            match told {
                Ok(()) => tracing::info!(%site, %epoch, "a new epoch began: open orders and stock are put again"),
                Err(Refusal::Storage(error)) => return Err(error.into()),
                Err(refusal) => tracing::error!(%site, %refusal, "a new epoch began: not everything is put again"),
            }
        }
        if receipted {
            match fate {
                Fate::Applied | Fate::Repeated => self.receipts.stored(&site, epoch, applied, now.ms),
                Fate::Aside | Fate::Dropped | Fate::Duplicate => self.receipts.again(&site, epoch, applied),
                Fate::Conflict => {}
            }
        }
        Ok(())
    }

    /// Sends every label that is asked for, and not yet sent.
    fn make_labels(&mut self, db: &Connection, now: Now) -> rusqlite::Result<()> {
        let mut asked = db.prepare_cached(
            "SELECT site, order_id, n, number, sscc FROM parcels WHERE label = 'requested' AND sscc IS NOT NULL",
        )?;
        let asked = asked.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?;
        let asked: Vec<(i64, String, i64, String, String)> = asked.collect::<Result<_, _>>()?;
        for (site, order, n, number, sscc) in asked {
            let mut desk = Desk::new(db, site, self.outbox.len(site), now);
            let sent = desk.label(&order, n, label::make(&sscc, &number, n));
            self.enqueue(site, desk.written(), now);
            match sent {
                Ok(_) => {}
                Err(Refusal::Storage(error)) => return Err(error),
                Err(refusal) => tracing::error!(%order, parcel = n, %refusal, "a label was not sent"),
            }
        }
        Ok(())
    }

    fn agent(&mut self, db: &Connection, name: &str, text: &str, now: Now) -> Result<(), TakeError> {
        let agent: Agent = serde_json::from_str(text).map_err(Unreadable::from)?;
        let site = self.inbox.site(db, name)?;
        if site.agent.as_ref().is_some_and(|known| !agent.overrules(known)) {
            return Ok(());
        }
        db.prepare_cached("UPDATE sites SET agent = ?2 WHERE id = ?1")?.execute(params![site.id, text])?;
        let state = agent.state;
        // The retained message that every subscription brings is no news: a receipt for it would cost a resend.
        let news = site.agent.as_ref() != Some(&agent);
        let receipt = news.then(|| (agent.epoch, site.applied(agent.epoch).unwrap_or_default()));
        site.agent = Some(agent);
        let (id, name) = (site.id, Arc::clone(&site.name));
        if state != Presence::Online {
            self.outbox.away(id);
            return Ok(());
        }
        self.outbox.online(id, now.ms);
        if let Some((epoch, applied)) = receipt {
            self.receipts.again(&name, epoch, applied);
        }
        Ok(())
    }

    fn reply(&mut self, db: &Connection, name: &str, text: &str, now: Now) -> Result<(), TakeError> {
        let reply = Reply::read(text)?;
        let site = self.inbox.site(db, name)?.id;
        db.prepare_cached("INSERT INTO replies (site, payload) VALUES (?1, ?2)")?.execute(params![site, text])?;
        let newest = db.last_insert_rowid();
        db.prepare_cached("DELETE FROM replies WHERE id <= ?1")?.execute([newest - REPLIES_MAX])?;
        let command: Option<i64> = db
            .prepare_cached(
                "UPDATE commands SET status = ?3, reason = ?4, detail = ?5, answered = ?6, payload = ''
                 WHERE site = ?1 AND command = ?2 AND status IS NULL RETURNING id",
            )?
            .query_row(
                params![site, reply.command, reply.status, reply.reason, reply.detail, faults::stamp(now)],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(command) = command {
            self.outbox.answered(site, command, now.ms);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
