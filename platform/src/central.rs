//! The platform without its threads and sockets: takes what arrived, says what is to be published.
//!
//! Everything that a call changes is stored in its transaction: only after it returned may the messages be acknowledged.
//! Nothing of a site is known between transactions but when to look at it again, so that several instances can work on
//! one database: each may die at any moment, and what it had not acknowledged comes to another.

mod arrived;

use crate::answered;
use crate::clock::Now;
use crate::command::{Desk, Refusal, Request};
use crate::counter;
use crate::faults;
use crate::inbox::{Finished, Inbox, TakeError};
use crate::label;
use crate::letters::channels::{Channel, Customer};
use crate::letters::draft::{self, Draft};
use crate::outbox::{self, Claimed};
use crate::post;
use crate::receipts::{self, Answer, Due, Receipts};
use crate::senders::{Next, Office};
use crate::store::{Db, Error, params};
use crate::topic::{Topic, Topics};
use crate::wire::{self, Agent, Presence, PromiseState, ReceiptHeard, Reply, Unreadable};
use arrived::Arrived;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
/// Another instance works at a site, and will have finished by then.
const BUSY_MS: u64 = 20;
/// Among instances the database is looked at this often for what another has left.
const LOOK_MS: u64 = 1_000;

#[derive(Debug)]
pub struct Central {
    db: Db,
    topics: Topics,
    /// What the platform's own clock is ahead of this program's.
    ahead_ms: i64,
    receipts: Receipts,
    raw: VecDeque<Outgoing>,
    /// When to look at sites for which something was put aside.
    unsettled: BTreeMap<Arc<str>, u64>,
    /// When the first command is due; as far as is known here.
    commands_due_ms: Option<u64>,
    /// When to look for what other instances have left; never if there are none.
    look_due_ms: Option<u64>,
    /// Labels that sites ask for are made here.
    makes_labels: bool,
    /// Channels on which letters may have been claimed by a commit whose answer got lost.
    unheard_of: BTreeSet<Channel>,
}

impl Central {
    /// Alone with its database: whatever is unanswered is due.
    ///
    /// # Errors
    /// The storage's.
    pub fn new(db: Db, topics: Topics, now: Now) -> Result<Self, Error> {
        let mut central = Self {
            db,
            topics,
            ahead_ms: 0,
            receipts: Receipts::default(),
            raw: VecDeque::new(),
            unsettled: BTreeMap::new(),
            commands_due_ms: None,
            look_due_ms: None,
            makes_labels: false,
            unheard_of: BTreeSet::new(),
        };
        central.look(now)?;
        Ok(central)
    }

    /// One of several instances that share what sites send: nothing that another has published is due yet.
    #[must_use]
    pub fn sharing(mut self) -> Self {
        self.receipts.share();
        self.look_due_ms = Some(0);
        self
    }

    /// Letters that the instance `name` had claimed when it ended need not wait until that is over.
    ///
    /// # Errors
    /// The storage's.
    pub fn starting_again(mut self, name: &str) -> Result<Self, Error> {
        self.db.transact(|db| post::give_back(db, name))?;
        Ok(self)
    }

    /// From here on every label that a site asks for is made and sent.
    ///
    /// # Errors
    /// The storage's.
    pub fn making_labels(mut self) -> Result<Self, Error> {
        let asked = "SELECT DISTINCT name FROM parcels JOIN sites ON sites.id = site WHERE label = 'requested'";
        let asked: Vec<Arc<str>> = self.db.rows(asked, &[], |row| row.get(0))?;
        self.unsettled.extend(asked.into_iter().map(|site| (site, 0)));
        self.makes_labels = true;
        Ok(self)
    }

    /// Takes messages. What can't be read is quarantined.
    ///
    /// # Errors
    /// The storage's: none of them may be acknowledged.
    pub fn take(&mut self, messages: &[(&str, &[u8])], now: Now) -> Result<(), Error> {
        let (mut events, mut others) = (Vec::new(), Vec::new());
        for (topic, payload) in messages {
            let place = self.topics.read(topic);
            match place {
                // An empty retained message clears a topic: nobody says anything.
                Some(_) if payload.is_empty() => {}
                Some(Topic::Receipt { site }) => self.receipt_heard(site, payload),
                Some(Topic::Event { .. }) => events.push((*topic, place, *payload)),
                _ => others.push((*topic, place, *payload)),
            }
        }
        if !events.is_empty() {
            self.take_events(&events, now)?;
        }
        if !others.is_empty() {
            self.take_others(&others, now)?;
        }
        Ok(())
    }

    /// Takes what somebody asks for. Returns the ids of its commands.
    ///
    /// # Errors
    /// Why nothing of it has an effect.
    pub fn ask(&mut self, site: &str, request: &Request, now: Now) -> Result<Vec<Uuid>, Refusal> {
        let now_ms = self.own_ms(now);
        let (ids, finished) = self.db.transact(|db| {
            let mut inbox = Inbox::new(db, now, now_ms);
            let id = match inbox.wait_for(site) {
                Ok(site) => site.id,
                Err(TakeError::Storage(error)) => return Err(Refusal::Storage(error)),
                Err(TakeError::Unreadable(why)) => return Err(Refusal::Invalid(why.to_string())),
            };
            let ids = Desk::new(db, id, now, now_ms).take(request.clone())?;
            Ok((ids, inbox.finish()?))
        })?;
        self.finished(finished, now);
        self.commands_due_ms = Some(now.ms);
        Ok(ids)
    }

    /// Letters of a channel that are to be sent now, up to `letters_max`, and when the next one is due. Nobody else gets
    /// them for a while. To be asked for when the channel's sender has none in hand.
    ///
    /// # Errors
    /// The storage's.
    pub fn letters(
        &mut self,
        office: &Office,
        channel: Channel,
        letters_max: usize,
        now: Now,
    ) -> Result<(Vec<Draft>, Option<u64>), Error> {
        let now_ms = self.own_ms(now);
        // What nobody sends is told by nobody, and is over all the same.
        let unsent = Channel::ALL.into_iter().filter(|other| !office.channels.contains(other));
        for channel in unsent.chain([channel]) {
            for over in post::over(&self.db, channel.word(), now, now_ms)? {
                self.db.transact(|db| post::end(db, &over, now))?;
            }
        }
        let unheard_of = self.unheard_of.remove(&channel);
        let claimed = self.db.transact(|db| {
            if unheard_of {
                post::give_back_channel(db, &office.name, channel.word())?;
            }
            let mut drafts = Vec::new();
            for letter in post::claim(db, channel.word(), &office.name, now, now_ms, letters_max)? {
                let post::Letter { id, attempts, .. } = letter;
                match draft::draft(db, office, &letter, channel, now.at)? {
                    Ok((once, message)) => drafts.push(Draft { id, attempt: i64::from(attempts) + 1, once, message }),
                    Err(why) => post::unsaid(db, id, why, now)?,
                }
            }
            Ok::<_, Error>((drafts, post::next_ms(db, channel.word())?))
        });
        if claimed.is_err() {
            self.unheard_of.insert(channel);
        }
        let (drafts, next_ms) = claimed?;
        Ok((drafts, next_ms.map(|next_ms| self.program_ms(next_ms))))
    }

    /// What became of a letter.
    ///
    /// # Errors
    /// The storage's.
    pub fn letter_ended(&mut self, id: i64, next: &Next, now: Now) -> Result<(), Error> {
        let now_ms = self.own_ms(now);
        self.db.transact(|db| match next {
            Next::Sent => post::sent(db, id, now),
            Next::Again { wait_ms, why } => post::failed(db, id, why, Some(now_ms.saturating_add(*wait_ms)), now),
            Next::Failed { why } => post::failed(db, id, why, None, now),
        })
    }

    /// Enters a customer into the address book, or takes the entry out.
    ///
    /// # Errors
    /// The storage's.
    pub fn customer(&mut self, reference: &str, customer: Option<&Customer>, now: Now) -> Result<(), Error> {
        self.db.transact(|db| match customer {
            Some(customer) => counter::enter(db, reference, customer, now),
            None => counter::forget(db, reference),
        })
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

    /// A connection began: whoever has missed a receipt hears it again, and where no other instance may have published
    /// them, what agents have missed of commands.
    ///
    /// # Errors
    /// The storage's.
    pub fn connected(&mut self, now: Now) -> Result<(), Error> {
        let newest = "SELECT name, epoch FROM epochs JOIN sites ON sites.id = site WHERE began IS NOT NULL
            ORDER BY name, began DESC";
        let read = |db: &Db| db.rows(newest, &[], |row| Ok((row.get::<Arc<str>>(0)?, row.get::<Uuid>(1)?)));
        let newest = self.db.snapshot(read)?;
        let mut last = None;
        for (site, epoch) in newest {
            if last.as_ref() != Some(&site) {
                self.receipts.again(&site, epoch, now.ms);
                last = Some(site);
            }
        }
        if self.look_due_ms.is_some() {
            return Ok(());
        }
        let now_ms = self.own_ms(now);
        self.db.transact(|db| {
            let sites = db.rows("SELECT id, agent FROM sites ORDER BY name", &[], |row| {
                Ok((row.get::<i64>(0)?, row.get::<Option<String>>(1)?))
            })?;
            for (site, agent) in sites {
                let agent = agent.and_then(|text| serde_json::from_str::<Agent>(&text).ok());
                if agent.is_none_or(|agent| agent.state == Presence::Online) {
                    outbox::repeat(db, site, now_ms)?;
                }
            }
            Ok::<_, Error>(())
        })?;
        self.commands_due_ms = Some(now.ms);
        Ok(())
    }

    /// Takes what was put aside, and looks for what other instances have left.
    ///
    /// # Errors
    /// The storage's.
    pub fn tend(&mut self, now: Now) -> Result<(), Error> {
        if self.look_due_ms.is_some_and(|due_ms| due_ms <= now.ms) {
            self.look(now)?;
            self.look_due_ms = Some(now.ms + LOOK_MS);
        }
        let due = self.unsettled.iter().filter(|(_, due_ms)| **due_ms <= now.ms).map(|(site, _)| Arc::clone(site));
        for site in due.collect::<Vec<_>>() {
            let settle = |inbox: &mut Inbox<'_>| inbox.settle(&site);
            if self.within(now, settle)? {
                self.unsettled.remove(&site);
            } else {
                self.unsettled.insert(site, now.ms + BUSY_MS);
            }
        }
        Ok(())
    }

    /// What is to be published now, up to `room`. It counts as published: what gets lost is repeated by its own rules.
    ///
    /// # Errors
    /// The storage's.
    pub fn due(&mut self, now: Now, room: usize) -> Result<Vec<Outgoing>, Error> {
        let mut out = self.due_receipts(now, room)?;
        while out.len() < room
            && let Some(raw) = self.raw.pop_front()
        {
            out.push(raw);
        }
        let room = room - out.len();
        if 0 < room && self.commands_due_ms.is_some_and(|due_ms| due_ms <= now.ms) {
            let now_ms = self.own_ms(now);
            let (claimed, next_ms) =
                self.db.transact(|db| Ok::<_, Error>((outbox::claim(db, now_ms, room)?, outbox::next_ms(db)?)))?;
            self.commands_due_ms = next_ms.map(|next_ms| self.program_ms(next_ms));
            for Claimed { site, payload } in claimed {
                out.push(Outgoing { topic: self.topics.commands(&site), retain: false, content: CLOUDEVENT, payload });
            }
        }
        Ok(out)
    }

    /// The next moment at which something is to be done, or published if there is a connection.
    #[must_use]
    pub fn next_ms(&self, connected: bool) -> Option<u64> {
        let raw = self.raw.front().map(|_| 0);
        let publish = [self.receipts.next_ms(), self.commands_due_ms, raw].into_iter().flatten().filter(|_| connected);
        publish.chain(self.unsettled.values().copied()).chain(self.look_due_ms).min()
    }

    /// Whether other instances change the database too.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.look_due_ms.is_some()
    }

    /// Leaves a file that needs nothing beside it.
    ///
    /// # Errors
    /// The storage's.
    pub fn close(self) -> Result<(), Error> {
        self.db.close()
    }

    /// A moment on the platform's own clock, which all instances have in common.
    fn own_ms(&self, now: Now) -> i64 {
        i64::try_from(now.ms).unwrap_or(i64::MAX).saturating_add(self.ahead_ms)
    }

    fn program_ms(&self, own_ms: i64) -> u64 {
        u64::try_from(own_ms.saturating_sub(self.ahead_ms)).unwrap_or_default()
    }

    /// Reads what has to be known at start, and what another instance may have changed since.
    fn look(&mut self, now: Now) -> Result<(), Error> {
        let left =
            "SELECT DISTINCT name FROM aside JOIN epochs ON epochs.id = aside.epoch JOIN sites ON sites.id = site
            WHERE sequence <= applied + 1";
        // As one look, which connects anew where the server was away.
        let (clock_ms, left, next_ms) = self.db.snapshot(|db| {
            let left = db.rows(left, &[], |row| row.get::<Arc<str>>(0))?;
            Ok::<_, Error>((db.clock_ms(now.at)?, left, outbox::next_ms(db)?))
        })?;
        self.ahead_ms = clock_ms - i64::try_from(now.ms).unwrap_or(i64::MAX);
        for site in left {
            self.unsettled.entry(site).or_insert(now.ms);
        }
        self.commands_due_ms = next_ms.map(|next_ms| self.program_ms(next_ms));
        Ok(())
    }

    /// All instances go from site to site in the order of their names, and through a site's events in their sequence:
    /// whoever waits for another holds nothing that the other still has to come to.
    fn take_events(&mut self, events: &[(&str, Option<Topic<'_>>, &[u8])], now: Now) -> Result<(), Error> {
        let mut arrived: Vec<_> = events.iter().filter_map(Arrived::read).collect();
        arrived::sort(&mut arrived);
        let mut sites: Vec<&str> = arrived.iter().filter(|event| event.read.is_ok()).map(|event| event.site).collect();
        sites.dedup();
        self.within(now, |inbox| {
            inbox.meet(&sites)?;
            for Arrived { topic, site, group, payload, read } in &arrived {
                let taken = match read {
                    Ok((text, event)) => inbox.take(site, group, event, text).map(|_| ()),
                    Err(why) => inbox.unreadable(topic, why, payload).map_err(TakeError::from),
                };
                inbox.readable(taken, topic, payload)?;
            }
            Ok(())
        })
    }

    /// States and replies: few, and each may wait for another instance to finish with its site.
    fn take_others(&mut self, others: &[(&str, Option<Topic<'_>>, &[u8])], now: Now) -> Result<(), Error> {
        let mut sites: Vec<&str> = others.iter().filter_map(|(_, place, _)| place.map(Topic::site)).collect();
        sites.sort_unstable();
        sites.dedup();
        let mut presences = Vec::new();
        self.within(now, |inbox| {
            presences.clear();
            inbox.wait_for_all(&sites)?;
            for site in &sites {
                match inbox.wait_for(site) {
                    Err(TakeError::Storage(error)) => return Err(error.into()),
                    Ok(_) | Err(TakeError::Unreadable(_)) => {}
                }
            }
            for (topic, place, payload) in others {
                let taken = match (wire::text(payload), place) {
                    (Err(why), _) => Err(why.into()),
                    (Ok(text), Some(Topic::Agent { site })) => inbox.agent(site, text).map(|news| {
                        presences.extend(news);
                    }),
                    (Ok(text), Some(Topic::Promise { site })) => inbox.promise(site, text),
                    (Ok(text), Some(Topic::Reply { site })) => inbox.reply(site, text),
                    (Ok(_), _) => Err(Unreadable::Topic((*topic).to_owned()).into()),
                };
                inbox.readable(taken, topic, payload)?;
            }
            Ok(())
        })?;
        for (site, epoch) in presences {
            self.receipts.again(&site, epoch, now.ms);
        }
        self.commands_due_ms = Some(now.ms);
        Ok(())
    }

    /// One transaction of the inbox; once more with care if something in it can't be stored.
    fn within<T>(
        &mut self,
        now: Now,
        mut work: impl FnMut(&mut Inbox<'_>) -> Result<T, TakeError>,
    ) -> Result<T, Error> {
        let (now_ms, makes_labels) = (self.own_ms(now), self.makes_labels);
        let mut careful = false;
        loop {
            let done = self.db.transact(|db| {
                let mut inbox = Inbox::new(db, now, now_ms).careful(careful);
                let done = work(&mut inbox)?;
                if makes_labels {
                    inbox.make_labels()?;
                }
                Ok((done, inbox.finish()?))
            });
            match done {
                Ok((done, finished)) => {
                    self.finished(finished, now);
                    return Ok(done);
                }
                Err(TakeError::Storage(error)) if error.is_data() && !careful => careful = true,
                Err(TakeError::Storage(error)) => return Err(error),
                // Whatever is unreadable was quarantined within.
                Err(TakeError::Unreadable(why)) => return Err(Error::Refused(why.to_string())),
            }
        }
    }

    /// What is stored now, is to be told.
    fn finished(&mut self, finished: Finished, now: Now) {
        let Finished { heard, left, wrote } = finished;
        for heard in heard {
            if heard.renewed {
                self.receipts.only(&heard.site, heard.epoch);
            }
            if heard.moved {
                self.receipts.stored(&heard.site, heard.epoch, heard.applied, now.ms);
            }
            if heard.gap {
                self.receipts.gap(&heard.site, heard.epoch, heard.applied, now.ms);
            }
            if heard.again {
                self.receipts.again(&heard.site, heard.epoch, now.ms);
            }
        }
        for site in left {
            self.unsettled.insert(site, now.ms);
        }
        if wrote {
            self.commands_due_ms = Some(now.ms);
        }
    }

    fn receipt_heard(&mut self, site: &str, payload: &[u8]) {
        match serde_json::from_slice(payload) {
            Ok(ReceiptHeard { epoch, sequence }) => self.receipts.heard(site, epoch, sequence),
            Err(error) => tracing::warn!(site, %error, "a receipt that is none of ours"),
        }
    }

    fn due_receipts(&mut self, now: Now, room: usize) -> Result<Vec<Outgoing>, Error> {
        let due: Vec<Due> = self.receipts.due(now.ms).into_iter().take(room).collect();
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let now_ms = self.own_ms(now);
        let answers: Vec<Answer> = self.db.transact(|db| receipts::claim(db, &due, now_ms))?;
        let mut out = Vec::new();
        for (due, answer) in due.iter().zip(answers) {
            self.receipts.answered(due, answer, now.ms);
            if let Answer::Say(sequence) = answer {
                let payload = serde_json::json!({ "epoch": due.epoch, "sequence": sequence }).to_string();
                out.push(Outgoing { topic: self.topics.receipts(&due.site), retain: true, content: JSON, payload });
            }
        }
        Ok(out)
    }
}

/// What sites send beside events. Their rows are locked.
impl Inbox<'_> {
    /// Quarantines what is unreadable.
    fn readable(&self, taken: Result<(), TakeError>, topic: &str, payload: &[u8]) -> Result<(), TakeError> {
        let Err(TakeError::Unreadable(why)) = taken else { return taken };
        Ok(self.unreadable(topic, &why, payload)?)
    }

    fn unreadable(&self, topic: &str, why: &Unreadable, payload: &[u8]) -> Result<(), Error> {
        faults::quarantine(self.db(), topic, &why.to_string(), payload, self.now())
    }

    /// The site and epoch that came online, if that is news: a receipt for what isn't would cost a resend.
    fn agent(&mut self, name: &str, text: &str) -> Result<Option<(Arc<str>, Uuid)>, TakeError> {
        let agent: Agent = serde_json::from_str(text).map_err(Unreadable::from)?;
        let (db, now_ms) = (self.db(), self.now_ms());
        let site = self.wait_for(name)?;
        if site.agent.as_ref().is_some_and(|known| *known == agent || !agent.overrules(known)) {
            return Ok(None);
        }
        db.run("UPDATE sites SET agent = ?2 WHERE id = ?1", &params![site.id, text])?;
        let epoch = agent.epoch;
        let online = agent.state == Presence::Online;
        site.agent = Some(agent);
        if !online {
            return Ok(None);
        }
        outbox::repeat(db, site.id, now_ms)?;
        Ok(Some((Arc::clone(&site.name), epoch)))
    }

    fn promise(&mut self, name: &str, text: &str) -> Result<(), TakeError> {
        let promise: PromiseState = serde_json::from_str(text).map_err(Unreadable::from)?;
        let (db, now) = (self.db(), self.now());
        let site = self.wait_for(name)?.id;
        let known: Option<Option<String>> =
            db.row("SELECT promise FROM sites WHERE id = ?1", &params![site], |row| row.get(0))?;
        let known = known.flatten().and_then(|text| serde_json::from_str::<PromiseState>(&text).ok());
        if known.is_none_or(|known| promise.overrules(&known, now.at)) {
            db.run("UPDATE sites SET promise = ?2 WHERE id = ?1", &params![site, text])?;
        }
        Ok(())
    }

    fn reply(&mut self, name: &str, text: &str) -> Result<(), TakeError> {
        let reply = Reply::read(text)?;
        let (db, now, now_ms) = (self.db(), self.now(), self.now_ms());
        let site = self.wait_for(name)?.id;
        let newest: Option<i64> =
            db.row("INSERT INTO replies (site, payload) VALUES (?1, ?2) RETURNING id", &params![site, text], |row| {
                row.get(0)
            })?;
        faults::trim(db, "replies", newest.unwrap_or_default() - REPLIES_MAX)?;
        let answers = db.run(
            "UPDATE commands SET status = ?3, reason = ?4, detail = ?5, answered = ?6, payload = ''
             WHERE site = ?1 AND command = ?2 AND status IS NULL",
            &params![site, reply.command, reply.status, reply.reason, reply.detail, faults::stamp(now)],
        )?;
        if 0 < answers {
            answered::take(db, site, &reply.command, &faults::stamp(now))?;
            outbox::wake(db, site, now_ms)?;
        }
        Ok(())
    }

    /// Sends every label that is asked for, and not yet sent, of the sites that are ours.
    fn make_labels(&mut self) -> Result<(), Error> {
        let (db, now, now_ms) = (self.db(), self.now(), self.now_ms());
        let mut wrote = false;
        for site in self.mine() {
            let asked = db.rows(
                "SELECT order_id, n, number, sscc FROM parcels
                 WHERE site = ?1 AND label = 'requested' AND sscc IS NOT NULL",
                &params![site.id],
                |row| {
                    let (order, n): (String, i64) = (row.get(0)?, row.get(1)?);
                    Ok((order, n, row.get::<String>(2)?, row.get::<String>(3)?))
                },
            )?;
            for (order, n, number, sscc) in asked {
                let mut desk = Desk::new(db, site.id, now, now_ms);
                match desk.label(&order, n, label::make(&sscc, &number, n)) {
                    Ok(_) => wrote = true,
                    Err(Refusal::Storage(error)) => return Err(error),
                    Err(refusal) => tracing::error!(%order, parcel = n, %refusal, "a label was not sent"),
                }
            }
        }
        self.wrote(wrote);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
