//! The working half of a connection: takes in what was seen, decides with the plan, publishes, and tells the journal.

mod commands;
mod presence;
mod receipts;
mod sending;

use super::{Ended, Inbox, Seen, bytes};
use crate::contract::state::Presence;
use crate::domain::promise::offer::Offer;
use crate::journal::{CommandOutcome, Job, NotSaved, ReceiptOutcome, Storage};
use crate::sync::ledger::{Flight, Ledger};
use crate::sync::renewal::Look;
use crate::sync::status::{Link, Receipts};
use crate::sync::{Ask, Shared, Trouble, tls};
use commands::Commands;
use receipts::Heard;
use rumqttc::v5::AsyncClient;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Publish, PublishProperties, SubscribeReasonCode};
use std::ops::DerefMut;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

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

/// The working half of a connection. It borrows what outlives it, or has it until it ends.
pub struct Work<S> {
    shared: S,
    client: AsyncClient,
    session: u64,
    ledger: Ledger,
    stage: Stage,
    /// What was said last of what can be promised.
    promised: Option<Arc<Offer>>,
    commands: Commands,
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
            stage: Stage::Connecting,
            promised: None,
            commands: Commands::default(),
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

    /// What was under way to topics that commands have named, when the connection ended.
    pub fn note_what_was_lost(&mut self) {
        for flight in self.ledger.unacknowledged() {
            if let Flight::Reply(Some(named)) = flight {
                self.shared.elsewhere.lost(named);
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
        let waits = self.commands.wait_for_storage() || self.unsaved_receipt.is_some();
        if waits && *self.shared.journal.storage().borrow() == Storage::Well {
            if let Some(heard) = self.unsaved_receipt.take() {
                self.ask_what_it_means(heard)?;
            }
            self.carry_out_unsaved(inbox)?;
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
            Seen::Message(publish) if publish.topic == self.shared.topics.commands().as_bytes() => {
                self.take_command(inbox, publish)
            }
            Seen::Message(publish) => {
                inbox.is_done(bytes(&publish));
                self.take_receipt(&publish)
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
        self.carry_out_early(inbox)?;
        self.stage = Stage::Arriving;
        self.publish_state(Presence::Online)
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

    fn waits_for_storage(&self) -> bool {
        self.commands.wait_for_storage() || self.unsaved_receipt.is_some() || !self.shared.has_sent
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

/// The polling future ends the connection as soon as the broker is told, and this with it.
async fn until_hung_up() -> Ended {
    tokio::time::sleep(FAREWELL_TIMEOUT).await;
    Ended::Stopped
}
