//! Commands: from the broker to the journal, and with their replies back. One is acknowledged only behind its reply, so that the
//! broker has whatever this agent has not answered.

use super::{Answered, Stage, Work};
use crate::contract::CONTENT_TYPE;
use crate::journal::{CommandOutcome, Job, NotSaved};
use crate::sync::Shared;
use crate::sync::client::{COMMANDS_BYTES_MAX, COMMANDS_IN_FLIGHT_MAX, Ended, Inbox, bytes};
use crate::sync::elsewhere::Named;
use crate::sync::ledger::Flight;
use rumqttc::v5::mqttbytes::v5::{Publish, PublishProperties};
use std::collections::VecDeque;
use std::ops::DerefMut;

/// What commands may take in memory before it is known whose they are: as much as a broker may give that keeps to how many.
const EARLY_BYTES_MAX: usize = COMMANDS_IN_FLIGHT_MAX as usize * COMMAND_PAYLOAD_BYTES_MAX;
/// No command is larger.
const COMMAND_PAYLOAD_BYTES_MAX: usize = 96 * 1024;
/// Replies without their acknowledgement at once.
const REPLIES_IN_FLIGHT_MAX: usize = 16;
/// What replies may take in memory that wait for those: some thousands.
const REPLIES_WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Those in hand that the journal hasn't.
#[derive(Default)]
pub(super) struct Commands {
    /// Came before it is known whether this agent serves the site.
    early: Vec<Publish>,
    /// The journal could not store them: asked again when it can, since the broker gives each only once per connection, and
    /// only so many before we acknowledge one.
    unsaved: Vec<Publish>,
    /// Their replies wait for earlier ones to arrive; without their data.
    done: VecDeque<(Box<Publish>, CommandOutcome)>,
    done_bytes: usize,
    /// Some were let go of that the broker has given us and that are not acknowledged: it gives them to the next connection.
    left_some: bool,
}

impl Commands {
    /// Whether some wait for the storage to be well.
    pub(super) fn wait_for_storage(&self) -> bool {
        !self.unsaved.is_empty()
    }
}

impl<S: DerefMut<Target = Shared>> Work<S> {
    /// One that the broker has given.
    pub(super) fn take_command(&mut self, inbox: &Inbox, publish: Publish) -> Result<(), Ended> {
        if publish.retain {
            inbox.is_done(bytes(&publish));
            tracing::warn!("a retained command is ignored: the platform repeats what it still wants");
            return self.acknowledge(&publish);
        }
        if self.serves() && !self.leaves {
            return self.command(publish);
        }
        inbox.is_done(bytes(&publish));
        if !self.leaves {
            self.commands.left_some |= !keep(&mut self.commands.early, EARLY_BYTES_MAX, publish);
        }
        Ok(())
    }

    /// Those that came before it was known that this agent serves the site.
    pub(super) fn carry_out_early(&mut self, inbox: &Inbox) -> Result<(), Ended> {
        let early = std::mem::take(&mut self.commands.early);
        self.carry_out(inbox, early)
    }

    /// Those that could not be stored.
    pub(super) fn carry_out_unsaved(&mut self, inbox: &Inbox) -> Result<(), Ended> {
        let unsaved = std::mem::take(&mut self.commands.unsaved);
        self.carry_out(inbox, unsaved)
    }

    fn carry_out(&mut self, inbox: &Inbox, kept: Vec<Publish>) -> Result<(), Ended> {
        for publish in kept {
            inbox.is_held(bytes(&publish));
            self.command(publish)?;
        }
        Ok(())
    }

    fn command(&mut self, publish: Publish) -> Result<(), Ended> {
        let (moment, answers) = (self.shared.clock.now(), self.answers.0.clone());
        let payload = publish.payload.to_vec();
        let publish = Box::new(publish);
        let reply = Box::new(move |outcome| drop(answers.send(Answered::Command(publish, outcome))));
        Ok(self.shared.journal.submit(Job::Command { payload, moment, reply })?)
    }

    /// The journal has answered.
    pub(super) fn carried_out(&mut self, mut publish: Box<Publish>, outcome: Result<CommandOutcome, NotSaved>) {
        match outcome {
            Ok(outcome) if self.commands.done_bytes < REPLIES_WAITING_BYTES_MAX => {
                keep_what_a_reply_needs(&mut publish);
                self.commands.done_bytes += waiting_bytes(&publish, &outcome);
                self.commands.done.push_back((publish, outcome));
            }
            // It has its reply in the file: whoever gives it once more hears that. What it asked to be sent again is sent now.
            Ok(outcome) => {
                self.go_back(&outcome);
                self.commands.left_some = true;
            }
            Err(NotSaved) => {
                tracing::warn!("a command could not be stored: it waits until the storage is well");
                self.commands.left_some |= !keep(&mut self.commands.unsaved, COMMANDS_BYTES_MAX, *publish);
            }
        }
    }

    fn go_back(&mut self, outcome: &CommandOutcome) {
        if let Some(place) = outcome.rewind {
            let now = self.now();
            self.shared.plan.asked_back(place, now);
        }
    }

    /// Whether the next connection may be made for what this one let go of.
    pub(super) fn may_fetch_what_it_left(&self) -> bool {
        self.commands.left_some
            && self.stage == Stage::Sending
            && self.commands.done.is_empty()
            && self.commands.unsaved.is_empty()
    }

    /// Only so many replies are under way at once: a burst of commands must not fill the client's queue.
    pub(super) fn reply_to_done(&mut self) -> Result<(), Ended> {
        while self.ledger.replies() < REPLIES_IN_FLIGHT_MAX
            && let Some((publish, outcome)) = self.commands.done.pop_front()
        {
            self.commands.done_bytes -= waiting_bytes(&publish, &outcome);
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
        let named = topic.map(|topic| (Named::of(&topic), topic));
        let (named, topic) = match named.filter(|(named, _)| self.shared.elsewhere.may_be_used(*named)) {
            Some((named, topic)) => (Some(named), topic),
            None => (None, self.shared.topics.replies()),
        };
        self.publish(topic, false, payload, properties, Flight::Reply(named))?;
        self.acknowledge(publish)
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

/// What a reply takes in memory while it waits.
fn waiting_bytes(publish: &Publish, outcome: &CommandOutcome) -> usize {
    bytes(publish) + outcome.reply.as_ref().map_or(0, String::len)
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

/// Whether a response topic that a command names can be published to: no wildcards, not the broker's own tree, and nothing that
/// some broker hangs up over.
fn is_publishable(topic: &str) -> bool {
    let plain = !topic.is_empty() && topic.len() <= RESPONSE_TOPIC_BYTES_MAX && !topic.starts_with('$');
    let is_odd = |character: char| matches!(character, '+' | '#') || character.is_control();
    plain && topic.matches('/').count() <= TOPIC_SLASHES_MAX && !topic.contains(is_odd)
}

/// As many as the contract has.
const TOPIC_SLASHES_MAX: usize = 7;

const RESPONSE_TOPIC_BYTES_MAX: usize = 256;
