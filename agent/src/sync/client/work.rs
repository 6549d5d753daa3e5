//! The working half of a connection: takes in what was seen, decides with the plan, publishes, and tells the journal.

mod presence;

use super::{COMMANDS_BYTES_MAX, COMMANDS_IN_FLIGHT_MAX, Ended, Inbox, Seen, bytes};
use crate::contract::CONTENT_TYPE;
use crate::contract::envelope::Envelope;
use crate::contract::promise::PromiseState;
use crate::contract::receipt::Receipt;
use crate::contract::state::Presence;
use crate::domain::promise::offer::Offer;
use crate::journal::{CommandOutcome, Job, NotSaved, ReceiptOutcome, Storage};
use crate::sync::ledger::{Flight, Ledger};
use crate::sync::renewal::Look;
use crate::sync::status::{Denied, Link, Receipts};
use crate::sync::{Ask, Shared, Trouble, tls};
use rumqttc::v5::AsyncClient;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, PubAckReason, Publish, PublishProperties, SubscribeReasonCode};
use std::collections::VecDeque;
use std::ops::DerefMut;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often the journal is told how far sending is: a crash repeats what was acknowledged since.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// What commands may take in memory before it is known whose they are: as much as a broker may give that keeps to how many.
const EARLY_BYTES_MAX: usize = COMMANDS_IN_FLIGHT_MAX as usize * COMMAND_PAYLOAD_BYTES_MAX;
/// No command is larger.
const COMMAND_PAYLOAD_BYTES_MAX: usize = 96 * 1024;
/// Replies without their acknowledgement at once.
const REPLIES_IN_FLIGHT_MAX: usize = 16;
/// Replies that wait for those.
const REPLIES_WAITING_MAX: usize = 4_096;
/// How long a stopping agent waits for the broker to take its `offline`.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);

/// What has been answered.
enum Answered {
    Command(Box<Publish>, Result<CommandOutcome, NotSaved>),
    Receipt(Heard, Result<ReceiptOutcome, NotSaved>),
    /// Everything that earlier connections asked is done.
    Settled,
    /// Whether events of this file's own may be published.
    MayPublish(Result<(), NotSaved>),
    /// Not the journal: the broker, to a handshake with new files.
    Heard(tls::Heard),
}

/// A receipt; a retained one only says where the platform was, it is no repetition.
#[derive(Clone, Copy)]
struct Heard {
    receipt: Receipt,
    retained: bool,
    /// Sent since we said that we are here.
    fresh: bool,
    /// Heard before anything of this file's own was published since the start.
    at_start: bool,
}

/// The working half of a connection. It borrows what outlives it, or has it until it ends.
pub struct Work<S> {
    shared: S,
    client: AsyncClient,
    session: u64,
    ledger: Ledger,
    stage: Stage,
    /// What was said last of what can be promised.
    promised: Option<Arc<Offer>>,
    /// Commands that came before it is known whether this agent serves the site.
    early: Vec<Publish>,
    /// Commands that the journal could not store: asked again when it can, since the broker gives each only once per
    /// connection, and only so many before we acknowledge one.
    unsaved: Vec<Publish>,
    /// Commands whose replies wait for earlier ones to arrive, without their data.
    done: VecDeque<(Box<Publish>, CommandOutcome)>,
    /// Commands were let go of that the broker has given us and that are not acknowledged: it gives them to the next connection.
    left_some: bool,
    /// The connection is about to end: what still comes is for the next one, behind what was let go of.
    leaves: bool,
    answers: (mpsc::UnboundedSender<Answered>, mpsc::UnboundedReceiver<Answered>),
    /// Receipts that the journal has not answered yet, and the questions whether it has done those of earlier connections, and
    /// whether events may be published: these wait for them, since a receipt may begin a new epoch.
    receipts_asked: usize,
    /// A receipt from before the first event of this start that the journal could not take: it may say that the file is an
    /// older copy, and until that is known nothing is sent.
    unsaved_receipt: Option<Heard>,
    /// Whether the connection ends for new files.
    takes_new_files: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    /// Whether another agent serves this site: its state is asked for.
    Looking {
        since: Duration,
    },
    /// The broker has said nothing of another agent before it has acknowledged this.
    Subscribing {
        since: Duration,
    },
    /// `online` is published, its acknowledgement awaited.
    Arriving,
    Sending,
    /// `offline` is published, its acknowledgement awaited.
    Leaving,
    /// The broker is told that this is the end.
    HungUp,
}

impl<S: DerefMut<Target = Shared>> Work<S> {
    pub fn new(shared: S, client: AsyncClient, session: u64) -> Self {
        Self {
            shared,
            client,
            session,
            ledger: Ledger::default(),
            done: VecDeque::new(),
            stage: Stage::Connecting,
            promised: None,
            early: Vec::new(),
            unsaved: Vec::new(),
            left_some: false,
            leaves: false,
            answers: mpsc::unbounded_channel(),
            receipts_asked: 0,
            unsaved_receipt: None,
            takes_new_files: false,
        }
    }

    pub async fn run(&mut self, inbox: &Inbox) -> Ended {
        let mut head = self.shared.journal.head();
        let mut storage = self.shared.journal.storage();
        let mut stop = self.shared.stop.clone();
        let mut offer = self.shared.offer.clone();
        let pulse = self.shared.pulse.clone();
        loop {
            if let Err(ended) = self.step(inbox) {
                return ended;
            }
            pulse.turned();
            if self.stage == Stage::HungUp {
                return until_hung_up().await;
            }
            let now = self.now();
            if self.stage == Stage::Sending && self.shared.renewal.look_at().is_some_and(|at| at <= now) {
                self.look_at_files(false);
                self.report();
            }
            if self.takes_new_files {
                tracing::info!("files for the broker were replaced: connecting anew with them");
                let credentials = self.shared.credentials.clone();
                self.shared.kept = credentials.map(|credentials| self.shared.renewal.keep(credentials));
                self.shared.leaves_to_return = true;
                return self.leave(inbox).await;
            }
            if self.may_fetch_what_it_left() {
                tracing::info!("more commands came at once than are held: connecting anew for the others");
                self.shared.leaves_to_return = true;
                return self.leave(inbox).await;
            }
            let next = self.next_deadline();
            tokio::select! {
                biased;
                () = inbox.wake.notified() => {}
                Some(answered) = self.answers.1.recv() => {
                    if let Err(ended) = self.answered(inbox, answered) {
                        return ended;
                    }
                }
                changed = stop.changed(), if self.stage != Stage::Leaving => {
                    if changed.is_err() || *stop.borrow_and_update() {
                        return self.leave(inbox).await;
                    }
                }
                Some(ask) = self.shared.asked.recv(), if self.stage != Stage::Leaving => match ask {
                    Ask::Reconnect => {
                        tracing::info!("connecting anew");
                        self.shared.leaves_to_return = true;
                        return self.leave(inbox).await;
                    }
                    Ask::Claim => self.shared.claims = self.stage != Stage::Sending,
                    Ask::LookAtFiles => self.look_at_files(true),
                    Ask::Resend { after } => {
                        let now = self.now();
                        self.shared.plan.asked_back(after, now);
                    }
                },
                changed = head.changed() => {
                    if changed.is_err() {
                        return Ended::Journal(crate::journal::Error::Gone);
                    }
                }
                Ok(()) = offer.changed(), if self.stage == Stage::Sending => {}
                () = pulse.asked() => {}
                Ok(()) = storage.changed(), if self.waits_for_storage() => {}
                () = tokio::time::sleep(next.unwrap_or(Duration::MAX).saturating_sub(now)), if next.is_some() => {}
            }
        }
    }

    pub fn into_shared(self) -> S {
        self.shared
    }

    /// Takes in what was seen, then sends what may be sent.
    pub fn step(&mut self, inbox: &Inbox) -> Result<(), Ended> {
        loop {
            let Some(seen) = inbox.seen.borrow_mut().pop_front() else {
                break;
            };
            self.see(inbox, seen)?;
        }
        while let Ok(answered) = self.answers.1.try_recv() {
            self.answered(inbox, answered)?;
        }
        self.reply_to_done()?;
        let now = self.now();
        if self.acknowledgement_due_at().is_some_and(|at| at <= now) {
            let owed_s = self.shared.config.ack_timeout.as_secs();
            return Err(Ended::broken(&format_args!("no acknowledgement for {owed_s} s although one is owed")));
        }
        let waits = !self.unsaved.is_empty() || self.unsaved_receipt.is_some();
        if waits && *self.shared.journal.storage().borrow() == Storage::Well {
            if let Some(heard) = self.unsaved_receipt.take() {
                self.take_receipt(heard)?;
            }
            for publish in std::mem::take(&mut self.unsaved) {
                inbox.is_held(bytes(&publish));
                self.command(publish)?;
            }
        }
        if self.shared.follow_epoch()? && matches!(self.stage, Stage::Arriving | Stage::Sending) {
            self.publish_state(Presence::Online)?;
        }
        if self.stage == Stage::Sending {
            self.publish_promise()?;
            if self.shared.plan.tick(now) {
                tracing::warn!("receipts stand still: sending goes back to the last one");
            }
            self.send()?;
        }
        if self.tell_at().is_some_and(|at| at <= now) {
            self.tell();
        }
        self.report();
        Ok(())
    }

    fn see(&mut self, inbox: &Inbox, seen: Seen) -> Result<(), Ended> {
        match seen {
            Seen::Connected { receive_max } => self.connected(receive_max),
            Seen::Subscribed(codes) => self.subscribed(inbox, &codes),
            Seen::Left(pkid) => self.ledger.left(pkid).map_err(|stray| Ended::broken(&stray)),
            Seen::Collision(pkid) => {
                Err(Ended::broken(&format_args!("packet id {pkid} came again before its acknowledgement")))
            }
            Seen::Acknowledged(pkid, reason) => self.acknowledged(pkid, reason),
            Seen::Message(publish) if publish.topic == self.shared.topics.state_agent().as_bytes() => {
                inbox.is_done(bytes(&publish));
                self.heard_of_an_agent(&publish)
            }
            Seen::Message(publish) if publish.topic == self.shared.topics.commands().as_bytes() && !publish.retain => {
                if self.serves() && !self.leaves {
                    return self.command(publish);
                }
                inbox.is_done(bytes(&publish));
                if !self.leaves {
                    self.left_some |= !keep(&mut self.early, EARLY_BYTES_MAX, publish);
                }
                Ok(())
            }
            Seen::Message(publish) => {
                inbox.is_done(bytes(&publish));
                self.message(&publish)
            }
        }
    }

    fn connected(&mut self, receive_max: Option<u16>) -> Result<(), Ended> {
        let window = receive_max.unwrap_or(u16::MAX).min(self.shared.config.window).max(1);
        self.shared.plan.limit_window(usize::from(window));
        self.stage = Stage::Looking { since: self.now() };
        let answers = self.answers.0.clone();
        self.receipts_asked += 1;
        self.shared
            .journal
            .submit(Job::Barrier { reply: Box::new(move |()| drop(answers.send(Answered::Settled))) })?;
        // What waits for acknowledgements of ours would hold a state of QoS 1 up.
        let state = Filter::new(self.shared.topics.state_agent(), QoS::AtMostOnce);
        self.client.try_subscribe_many([state]).map_err(|error| Ended::broken(&error))
    }

    /// The second subscription is asked for when the first one is acknowledged: by the time that it is too, whatever stands in
    /// `state/agent` is here.
    fn subscribed(&mut self, inbox: &Inbox, codes: &[SubscribeReasonCode]) -> Result<(), Ended> {
        let topics = [self.shared.topics.receipts(), self.shared.topics.commands()];
        let denied = |code: &SubscribeReasonCode| !matches!(code, SubscribeReasonCode::Success(_));
        if let Stage::Looking { since } = self.stage {
            // Where the broker doesn't let us look, the doctor says so.
            self.stage = Stage::Subscribing { since };
            let filters = topics.map(|topic| Filter::new(topic, QoS::AtLeastOnce));
            return self.client.try_subscribe_many(filters).map_err(|error| Ended::broken(&error));
        }
        if self.stage == Stage::HungUp {
            return Ok(());
        }
        if let Some(index) = codes.iter().position(denied) {
            let topic = topics.get(index).cloned().unwrap_or_default();
            return Err(Trouble::SubscribeDenied { topic }.into());
        }
        for publish in std::mem::take(&mut self.early) {
            inbox.is_held(bytes(&publish));
            self.command(publish)?;
        }
        self.stage = Stage::Arriving;
        self.publish_state(Presence::Online)
    }

    /// Says what can be promised where it is news for this connection.
    fn publish_promise(&mut self) -> Result<(), Ended> {
        let offer = self.shared.offer.borrow().clone();
        let Some(offer) = offer.filter(|offer| self.promised.as_ref().is_none_or(|said| !Arc::ptr_eq(said, offer)))
        else {
            return Ok(());
        };
        let payload = PromiseState::from_domain(&offer).render();
        self.promised = Some(offer);
        let properties =
            PublishProperties { content_type: Some("application/json".into()), ..PublishProperties::default() };
        self.publish(self.shared.topics.state_promise(), true, payload, properties, Flight::Promise)
    }

    fn publish(
        &mut self,
        topic: String,
        retain: bool,
        payload: String,
        properties: PublishProperties,
        flight: Flight,
    ) -> Result<(), Ended> {
        self.client
            .try_publish_with_properties(topic, QoS::AtLeastOnce, retain, payload, properties)
            .map_err(|error| Ended::broken(&error))?;
        self.ledger.queued(flight, self.now());
        Ok(())
    }

    fn acknowledged(&mut self, pkid: u16, reason: PubAckReason) -> Result<(), Ended> {
        let flight = self.ledger.flight(pkid);
        match reason {
            PubAckReason::Success => self.allowed(flight),
            PubAckReason::NoMatchingSubscribers => {
                self.allowed(flight);
                if matches!(flight, Some(Flight::Event(_))) {
                    self.shared.plan.unheard();
                    self.shared.status.send_modify(|status| status.without_subscriber += 1);
                }
            }
            refused => {
                let reason = format!("{refused:?}");
                self.shared.status.send_modify(|status| {
                    status.refused += 1;
                    status.last_refusal = Some(reason.clone());
                });
                // Where a reply goes is the command's choice: it must not hold events up.
                if let Some(flight) = flight.filter(|flight| *flight != Flight::Reply) {
                    return Err(self.denied(flight, reason));
                }
                tracing::warn!(reason, "the broker refuses a reply: the platform will ask again");
            }
        }
        let now = self.now();
        let round_trip = self.ledger.age(pkid, now);
        // Whoever looks sees it; nobody is woken up by it.
        self.shared.status.send_if_modified(|status| {
            status.round_trip = round_trip.or(status.round_trip);
            false
        });
        let done = self.ledger.acknowledged(pkid, now).map_err(|stray| Ended::broken(&stray))?;
        for flight in done {
            match flight {
                Flight::Event(place) => self.shared.plan.acknowledged(place, now),
                Flight::State if self.stage == Stage::Arriving => self.arrived(),
                Flight::State | Flight::Promise | Flight::Reply => {}
            }
        }
        Ok(())
    }

    /// Connections come and go while a topic is denied; that it is stays known until the broker takes such a publish.
    fn denied(&mut self, flight: Flight, why: String) -> Ended {
        let topics = &self.shared.topics;
        let topic = match flight {
            Flight::Event(place) => match self.shared.reader.events(place.saturating_sub(1), 1) {
                Ok(events) => events.first().map(|event| topics.events(event.kind.group())).unwrap_or_default(),
                Err(error) => return error.into(),
            },
            Flight::State => topics.state_agent(),
            Flight::Promise => topics.state_promise(),
            Flight::Reply => topics.replies(),
        };
        let now = self.shared.clock.now().wall;
        self.shared.denied_flight = Some(flight);
        self.shared.status.send_modify(|status| {
            let since = status.denied.as_ref().map_or(now, |denied| denied.since);
            status.denied = Some(Denied { topic: topic.clone(), why: why.clone(), since });
        });
        Trouble::PublishDenied { topic, why }.into()
    }

    fn allowed(&mut self, flight: Option<Flight>) {
        let kind = |flight: Option<Flight>| flight.as_ref().map(std::mem::discriminant);
        if flight.is_some() && kind(flight) == kind(self.shared.denied_flight) {
            self.shared.denied_flight = None;
            self.shared.status.send_modify(|status| status.denied = None);
        }
    }

    /// Retained receipts came before this: whether the file is an old copy is known now.
    fn arrived(&mut self) {
        self.stage = Stage::Sending;
        let now = self.now();
        self.shared.up_since = Some(now);
        (self.shared.has_served, self.shared.claims) = (true, false);
        if !self.shared.renewal.goes_back() {
            self.shared.kept = None;
        }
        self.shared.plan.connected(now);
        self.shared.link(Link::Up);
        tracing::info!(broker = %self.shared.config.broker.address(), "connected");
    }

    /// When the journal is to be told how far sending is.
    fn tell_at(&self) -> Option<Duration> {
        let (told, at) = self.shared.told;
        (self.shared.plan.sent() != told).then_some(at + TELL_EVERY)
    }

    /// Tells the journal how far sending is, also when it went back.
    fn tell(&mut self) {
        let (place, moment) = (self.shared.plan.sent(), self.shared.clock.now());
        self.shared.told.1 = moment.since_start;
        if self.shared.journal.try_submit(Job::Sent { place, moment }).is_ok() {
            self.shared.told.0 = place;
        }
    }

    /// A receipt, or a command that nobody has just given.
    fn message(&mut self, publish: &Publish) -> Result<(), Ended> {
        self.acknowledge(publish)?;
        if publish.topic == self.shared.topics.commands().as_bytes() {
            tracing::warn!("a retained command is ignored: the platform repeats what it still wants");
            return Ok(());
        }
        match Receipt::parse(&publish.payload) {
            Ok(receipt) => {
                let at_start = !self.shared.has_sent;
                // What the broker kept for us, as the topic's last receipt or in our session, comes before our `online`.
                let fresh = !publish.retain && matches!(self.stage, Stage::Arriving | Stage::Sending);
                self.take_receipt(Heard { receipt, retained: publish.retain, fresh, at_start })
            }
            Err(why) => {
                tracing::warn!(why, "a receipt can't be read");
                Ok(())
            }
        }
    }

    fn take_receipt(&mut self, heard: Heard) -> Result<(), Ended> {
        let (moment, answers) = (self.shared.clock.now(), self.answers.0.clone());
        let Heard { receipt, at_start, .. } = heard;
        let reply = Box::new(move |outcome| drop(answers.send(Answered::Receipt(heard, outcome))));
        self.receipts_asked += 1;
        Ok(self.shared.journal.submit(Job::Receipt { receipt, at_start, moment, reply })?)
    }

    fn command(&mut self, publish: Publish) -> Result<(), Ended> {
        let (moment, answers) = (self.shared.clock.now(), self.answers.0.clone());
        let payload = publish.payload.to_vec();
        let publish = Box::new(publish);
        let reply = Box::new(move |outcome| drop(answers.send(Answered::Command(publish, outcome))));
        Ok(self.shared.journal.submit(Job::Command { payload, moment, reply })?)
    }

    fn acknowledge(&self, publish: &Publish) -> Result<(), Ended> {
        self.client.try_ack(publish).map_err(|error| Ended::broken(&error))
    }

    fn answered(&mut self, inbox: &Inbox, answered: Answered) -> Result<(), Ended> {
        match answered {
            Answered::Command(publish, outcome) => {
                inbox.is_done(bytes(&publish));
                self.carried_out(publish, outcome);
                Ok(())
            }
            Answered::Receipt(heard, outcome) => {
                self.receipts_asked -= 1;
                self.receipt(heard, outcome)
            }
            Answered::Settled => {
                self.receipts_asked -= 1;
                Ok(())
            }
            // Where it could not be noted it is asked again when the storage is well.
            Answered::MayPublish(noted) => {
                self.receipts_asked -= 1;
                self.shared.has_sent |= noted.is_ok();
                Ok(())
            }
            Answered::Heard(heard) => {
                let Shared { renewal, config, clock, .. } = &mut *self.shared;
                self.takes_new_files |= renewal.heard(heard, config, clock.now());
                Ok(())
            }
        }
    }

    fn carried_out(&mut self, mut publish: Box<Publish>, outcome: Result<CommandOutcome, NotSaved>) {
        match outcome {
            Ok(outcome) if self.done.len() < REPLIES_WAITING_MAX => {
                keep_what_a_reply_needs(&mut publish);
                self.done.push_back((publish, outcome));
            }
            // It has its reply in the file: whoever gives it once more hears that. What it asked to be sent again is sent now.
            Ok(outcome) => {
                self.go_back(&outcome);
                self.left_some = true;
            }
            Err(NotSaved) => {
                tracing::warn!("a command could not be stored: it waits until the storage is well");
                self.left_some |= !keep(&mut self.unsaved, COMMANDS_BYTES_MAX, *publish);
            }
        }
    }

    fn go_back(&mut self, outcome: &CommandOutcome) {
        if let Some(place) = outcome.rewind {
            let now = self.now();
            self.shared.plan.asked_back(place, now);
        }
    }

    fn may_fetch_what_it_left(&self) -> bool {
        self.left_some && self.stage == Stage::Sending && self.done.is_empty() && self.unsaved.is_empty()
    }

    /// Only so many replies are under way at once: a burst of commands must not fill the client's queue.
    fn reply_to_done(&mut self) -> Result<(), Ended> {
        while self.ledger.replies() < REPLIES_IN_FLIGHT_MAX
            && let Some((publish, outcome)) = self.done.pop_front()
        {
            self.reply(&publish, outcome)?;
        }
        Ok(())
    }

    /// The command is stored with its reply: now the broker may forget it, and the platform hears.
    fn reply(&mut self, publish: &Publish, outcome: CommandOutcome) -> Result<(), Ended> {
        self.go_back(&outcome);
        let Some(payload) = outcome.reply else {
            return self.acknowledge(publish);
        };
        let asked = publish.properties.as_ref();
        let properties = PublishProperties {
            content_type: Some(CONTENT_TYPE.into()),
            correlation_data: asked.and_then(|asked| asked.correlation_data.clone()),
            ..PublishProperties::default()
        };
        let topic = asked.and_then(|asked| asked.response_topic.clone()).filter(|topic| is_publishable(topic));
        let topic = topic.unwrap_or_else(|| self.shared.topics.replies());
        self.publish(topic, false, payload, properties, Flight::Reply)?;
        self.acknowledge(publish)
    }

    fn receipt(&mut self, heard: Heard, outcome: Result<ReceiptOutcome, NotSaved>) -> Result<(), Ended> {
        let Heard { receipt, retained, fresh, at_start } = heard;
        let moment = self.shared.clock.now();
        let now = moment.since_start;
        if fresh && outcome.is_ok() {
            self.shared.plan.platform_spoke();
        }
        match outcome {
            Ok(ReceiptOutcome::Advanced(place)) => {
                self.shared.plan.received(place, now);
                self.shared.receipt_seen(moment.wall, receipt.sequence);
            }
            Ok(ReceiptOutcome::Repeated(_)) => {
                if !retained {
                    self.shared.plan.repeated(now);
                }
                self.shared.receipt_seen(moment.wall, receipt.sequence);
            }
            Ok(ReceiptOutcome::NewEpoch) => tracing::info!("sending begins anew in a new epoch"),
            Ok(ReceiptOutcome::Beyond) => {
                tracing::error!(epoch = %receipt.epoch, sequence = receipt.sequence, "a receipt beyond the log's head is refused");
            }
            Ok(ReceiptOutcome::Older) => tracing::warn!(
                sequence = receipt.sequence,
                "a receipt says less than an earlier one: a platform that has lost events asks for them with events.resend"
            ),
            Ok(ReceiptOutcome::OtherEpoch) => {
                tracing::debug!(epoch = %receipt.epoch, sequence = receipt.sequence, "a receipt of another epoch is ignored");
            }
            Err(NotSaved) if at_start => {
                tracing::warn!("a receipt could not be taken: nothing is sent before it is");
                self.unsaved_receipt = Some(heard);
            }
            Err(NotSaved) => tracing::warn!("a receipt could not be taken: the next one counts"),
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), Ended> {
        if self.receipts_asked != 0 || self.unsaved_receipt.is_some() {
            return Ok(());
        }
        let head = *self.shared.journal.head().borrow();
        self.shared.plan.head_is(head.place);
        let Some((after, count)) = self.shared.plan.room() else {
            return Ok(());
        };
        if !self.shared.has_sent && self.shared.journal.unpublished_from() < after + count as u64 {
            let is_well = *self.shared.journal.storage().borrow() == Storage::Well;
            return if is_well { self.ask_to_publish() } else { Ok(()) };
        }
        let moment = self.shared.clock.now();
        for stored in self.shared.events(after, count)? {
            let Some(epoch) = self.shared.epoch_of(stored.place) else {
                return Err(Ended::broken(&format_args!("place {} belongs to no epoch", stored.place)));
            };
            let age = moment.wall.duration_since(stored.at);
            let envelope = Envelope {
                site: &self.shared.config.site,
                id: stored.id,
                kind: stored.kind,
                subject: stored.subject.as_deref(),
                time: stored.at,
                epoch: epoch.id,
                sequence: epoch.sequence(stored.place),
                head: self.shared.epoch_head(epoch, head.place),
                clock: stored.label.word(),
                station: stored.station.as_deref(),
                operator: stored.operator.as_deref(),
                historical: age.unsigned_abs() > self.shared.config.historical_after,
                data: &stored.data,
            };
            let payload = envelope.render().map_err(|error| Ended::broken(&error))?;
            let topic = self.shared.topics.events(stored.kind.group());
            let properties =
                PublishProperties { content_type: Some(CONTENT_TYPE.into()), ..PublishProperties::default() };
            self.publish(topic, false, payload, properties, Flight::Event(stored.place))?;
            self.shared.plan.handed(stored.place);
        }
        Ok(())
    }

    fn waits_for_storage(&self) -> bool {
        !self.unsaved.is_empty() || self.unsaved_receipt.is_some() || !self.shared.has_sent
    }

    /// From the first event of its own on the file can't be told from an older copy: the journal notes that before.
    fn ask_to_publish(&mut self) -> Result<(), Ended> {
        let answers = self.answers.0.clone();
        self.receipts_asked += 1;
        let reply = Box::new(move |noted| drop(answers.send(Answered::MayPublish(noted))));
        Ok(self.shared.journal.submit(Job::Publishing { reply })?)
    }

    /// Sends what is still to send, says `offline`, and disconnects without the will; each for a short while at most.
    async fn leave(&mut self, inbox: &Inbox) -> Ended {
        match self.stage {
            Stage::Arriving | Stage::Sending => {}
            Stage::Looking { .. } | Stage::Subscribing { .. } => return self.hang_up().await,
            Stage::Connecting | Stage::Leaving | Stage::HungUp => return Ended::Stopped,
        }
        self.leaves = true;
        let drained = async {
            while self.step(inbox).is_ok() && self.shared.plan.sent() < self.shared.journal.head().borrow().place {
                tokio::select! {
                    () = inbox.wake.notified() => {}
                    Some(answered) = self.answers.1.recv() => {
                        if self.answered(inbox, answered).is_err() {
                            break;
                        }
                    }
                }
            }
        };
        let _ = tokio::time::timeout(FAREWELL_TIMEOUT, drained).await;
        self.stage = Stage::Leaving;
        if self.publish_state(Presence::Offline).is_err() {
            return Ended::Stopped;
        }
        let taken = async {
            while self.step(inbox).is_ok() && !self.ledger.is_empty() {
                inbox.wake.notified().await;
            }
        };
        let _ = tokio::time::timeout(FAREWELL_TIMEOUT, taken).await;
        self.tell();
        self.hang_up().await
    }

    /// Disconnects without the will.
    async fn hang_up(&mut self) -> Ended {
        match self.say_good_bye() {
            Ok(()) => until_hung_up().await,
            Err(_) => Ended::Stopped,
        }
    }

    fn say_good_bye(&mut self) -> Result<(), Ended> {
        self.stage = Stage::HungUp;
        self.client.try_disconnect().map_err(|error| Ended::broken(&error))
    }

    /// Looks whether files of the connection were replaced by others that it can be made with.
    fn look_at_files(&mut self, is_asked: bool) {
        let Shared { renewal, config, clock, .. } = &mut *self.shared;
        match renewal.look(config, is_asked, *clock) {
            Look::Nothing => {}
            Look::Take => self.takes_new_files = true,
            Look::Try(tls) => {
                let (broker, answers) = (config.broker.clone(), self.answers.0.clone());
                tokio::spawn(async move { drop(answers.send(Answered::Heard(tls::hear(&tls, &broker).await))) });
            }
        }
    }

    fn now(&self) -> Duration {
        self.shared.clock.now().since_start
    }

    pub fn next_deadline(&self) -> Option<Duration> {
        let is_sending = self.stage == Stage::Sending;
        let receipts = self.shared.plan.overdue_at().filter(|_| is_sending);
        let files = self.shared.renewal.look_at().filter(|_| is_sending);
        [self.acknowledgement_due_at(), receipts, self.tell_at(), files].into_iter().flatten().min()
    }

    /// Until when the broker has to acknowledge something, if it owes anything.
    fn acknowledgement_due_at(&self) -> Option<Duration> {
        let subscription = match self.stage {
            Stage::Looking { since } | Stage::Subscribing { since } => Some(since),
            Stage::Connecting | Stage::Arriving | Stage::Sending | Stage::Leaving | Stage::HungUp => None,
        };
        let since = subscription.into_iter().chain(self.ledger.waiting_since()).min()?;
        Some(since + self.shared.config.ack_timeout)
    }

    fn report(&self) {
        let (in_flight, rewinds) = (self.ledger.len(), self.shared.plan.rewinds());
        let missing = self.shared.plan.are_receipts_missing();
        let moment = self.shared.clock.now();
        let (wall, unfit) = (moment.wall, self.shared.renewal.unfit(moment));
        self.shared.status.send_if_modified(|status| {
            let receipts = match &status.receipts {
                Receipts::Last { .. } if missing => Receipts::Missing { since: wall },
                other => other.clone(),
            };
            let changed = (status.in_flight, status.rewinds, &status.receipts, &status.unfit)
                != (in_flight, rewinds, &receipts, &unfit);
            (status.in_flight, status.rewinds, status.receipts, status.unfit) = (in_flight, rewinds, receipts, unfit);
            changed
        });
    }
}

/// Whether there is room for it; else the broker gives it to the next connection.
fn keep(kept: &mut Vec<Publish>, bytes_max: usize, publish: Publish) -> bool {
    let has_room = kept.iter().map(bytes).sum::<usize>() < bytes_max;
    if has_room {
        kept.push(publish);
    }
    has_room
}

/// The polling future ends the connection as soon as the broker is told, and this with it.
async fn until_hung_up() -> Ended {
    tokio::time::sleep(FAREWELL_TIMEOUT).await;
    Ended::Stopped
}

/// The rest is large, and lies in one piece with what came before and behind it.
fn keep_what_a_reply_needs(publish: &mut Publish) {
    publish.payload = Default::default();
    publish.topic = Default::default();
    if let Some(asked) = &mut publish.properties {
        *asked = PublishProperties {
            response_topic: asked.response_topic.take(),
            correlation_data: asked.correlation_data.take().map(|data| data.to_vec().into()),
            ..PublishProperties::default()
        };
    }
}

/// Whether a response topic that a command names can be published to: no wildcards, not the broker's own tree.
fn is_publishable(topic: &str) -> bool {
    let plain = !topic.is_empty() && topic.len() <= RESPONSE_TOPIC_BYTES_MAX && !topic.starts_with('$');
    plain && !topic.contains(['+', '#', '\0'])
}

const RESPONSE_TOPIC_BYTES_MAX: usize = 256;
