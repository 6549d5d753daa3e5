//! One connection to the broker, over rumqttc: a fresh client each time, so that nothing of the last one is trusted.
//!
//! One future only polls the [`Wire`], another only works; they share [`Inbox`] and run on one thread. A poll is
//! never cancelled in between, except to throw the whole connection away. Order of a connection: look whether another agent
//! serves this site, subscribe, say `online`, wait for its acknowledgement (by then retained receipts are here), then send
//! events.

use super::renewal::Renewal;
use super::tls::{self, Heard};
use super::trouble::{Attempt, Trouble};
use super::way::{self, CONNECT_TIMEOUT};
use super::wire::Wire;
use super::{Config, Shared};
use crate::contract::MESSAGE_BYTES_MAX;
use crate::contract::state::{AgentState, Presence};
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    LastWill, LastWillProperties, Packet, PubAckReason, Publish, PublishProperties, SubscribeReasonCode,
};
use rumqttc::v5::{ConnectionError, Event, MqttOptions};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::Notify;
use work::Work;

pub mod line;
mod work;

/// Commands that the broker may have under way to us at once.
const COMMANDS_IN_FLIGHT_MAX: u16 = 32;
/// What commands may take in memory until the journal has answered them. Not every broker keeps to the number above: some hand
/// out all that they have at once.
const COMMANDS_BYTES_MAX: usize = 1024 * 1024;
/// What one takes beside its payload.
const COMMAND_BYTES: usize = 512;
/// Room for replies, what is said of us, and an acknowledgement of each message in hand, which the client has not taken yet.
const REQUESTS_BEYOND_WINDOW: usize = 3 * COMMANDS_IN_FLIGHT_MAX as usize + COMMANDS_BYTES_MAX / COMMAND_BYTES;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    #[error("the agent stops")]
    Stopped,
    #[error(transparent)]
    Trouble(#[from] Trouble),
    #[error("the journal can't be read: {0}")]
    Journal(#[from] crate::journal::Error),
}

impl From<Ended> for Trouble {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Trouble(trouble) => trouble,
            Ended::Stopped | Ended::Journal(_) => Self::Broken(ended.to_string()),
        }
    }
}

impl Ended {
    pub fn broken(why: &(impl std::fmt::Display + ?Sized)) -> Self {
        Self::Trouble(Trouble::Broken(why.to_string()))
    }
}

/// What the polling future has seen and the working one has not yet.
#[derive(Default)]
pub struct Inbox {
    seen: RefCell<VecDeque<Seen>>,
    wake: Notify,
    /// Of commands that are here or with the journal.
    commands_bytes: Cell<usize>,
    has_room: Notify,
}

enum Seen {
    Connected { receive_max: Option<u16> },
    Subscribed(Vec<SubscribeReasonCode>),
    Left(u16),
    Collision(u16),
    Acknowledged(u16, PubAckReason),
    Message(Publish),
}

/// Runs one connection until it ends.
pub async fn run(shared: &mut Shared, session: u64) -> Ended {
    let config = shared.config.clone();
    let options = match begin(shared, session) {
        Ok(options) => options,
        Err(trouble) => return trouble.into(),
    };
    let own = shared.tls().and_then(|tls| tls.own);
    let clock = shared.clock;
    let attempt = |is_accepted| {
        let (config, client_id) = (&config.broker, config.client_id.as_str());
        Attempt { config, client_id, is_accepted, own, now: clock.now().wall }
    };
    let trouble = |error, is_accepted| attempt(is_accepted).trouble(error);
    let (client, wire) = Wire::new(options, requests_max(&config));
    let inbox = Inbox::default();
    let ended = {
        let mut work = Work::new(&mut *shared, client, session);
        let ended = tokio::select! {
            ended = poll(wire, &inbox, config.keep_alive, trouble) => ended,
            ended = work.run(&inbox) => ended,
        };
        work.note_what_was_lost();
        ended
    };
    let trouble = match (ended, shared.tls()) {
        (Ended::Trouble(guess), Some(tls)) if guess.is_guessed() => {
            let (mut stop, pulse) = (shared.stop.clone(), shared.pulse.clone());
            let heard = tokio::select! {
                heard = tls::hear(tls, &config.broker) => Some(heard),
                () = pulse.keep_turning() => None,
                _ = stop.changed() => None,
            };
            let Some(heard) = heard else { return Ended::Stopped };
            match heard {
                Heard::Refusal(error) => attempt(false).untrusted(&error),
                Heard::Silence => guess,
                // It may only have gone.
                Heard::Nothing(_) => return guess.into(),
            }
        }
        (Ended::Trouble(trouble), _) => trouble,
        (ended, _) => return ended,
    };
    if shared.up_since.is_none() && trouble.is_about_us() { shared.refused(trouble) } else { trouble.into() }
}

/// Makes the options of a connection, from files as they are now.
fn begin(shared: &mut Shared, session: u64) -> Result<MqttOptions, Trouble> {
    shared.credentials = None;
    shared.renewal = Renewal::new(&shared.config.broker, shared.kept.as_ref(), shared.clock.now());
    let options = options(shared, session)?;
    shared.certificates_read();
    Ok(options)
}

/// What the client takes before it has sent any of it.
fn requests_max(config: &Config) -> usize {
    usize::from(config.window) + REQUESTS_BEYOND_WINDOW
}

/// Only polls: whatever must wait for something else happens in [`Work`].
async fn poll(
    mut wire: Wire,
    inbox: &Inbox,
    mut keep_alive: Duration,
    trouble: impl Fn(ConnectionError, bool) -> Trouble,
) -> Ended {
    let mut is_accepted = false;
    loop {
        inbox.until_there_is_room().await;
        let watchdog = keep_alive * 2 + CONNECT_TIMEOUT;
        let event = match tokio::time::timeout(watchdog, wire.poll()).await {
            Ok(Ok(event)) => event,
            Ok(Err(error)) => return trouble(error, is_accepted).into(),
            Err(_) => return Ended::broken(&format_args!("nothing moved for {} s", watchdog.as_secs())),
        };
        if let Event::Incoming(Packet::ConnAck(ack)) = &event {
            is_accepted = true;
            let asked_s = ack.properties.as_ref().and_then(|properties| properties.server_keep_alive);
            keep_alive = asked_s.map_or(keep_alive, |asked_s| Duration::from_secs(asked_s.into()));
        }
        match seen(event) {
            Ok(seen) => inbox.put(seen),
            Err(ended) => {
                if matches!(ended, Ended::Stopped) {
                    wire.close().await;
                }
                return ended;
            }
        }
    }
}

impl Inbox {
    fn put(&self, seen: Option<Seen>) {
        if let Some(seen) = seen {
            if let Seen::Message(publish) = &seen {
                self.is_held(bytes(publish));
            }
            self.seen.borrow_mut().push_back(seen);
            self.wake.notify_one();
        }
    }

    /// A message of so many [`bytes`] is in hand.
    fn is_held(&self, bytes: usize) {
        self.commands_bytes.set(self.commands_bytes.get() + bytes);
    }

    /// It is out of hand.
    fn is_done(&self, bytes: usize) {
        self.commands_bytes.set(self.commands_bytes.get().saturating_sub(bytes));
        self.has_room.notify_one();
    }

    /// While the journal has enough to do, the broker waits: nothing is read. It never waits for what would have to be read
    /// first, since the journal needs nobody's answer.
    async fn until_there_is_room(&self) {
        while COMMANDS_BYTES_MAX <= self.commands_bytes.get() {
            self.has_room.notified().await;
        }
    }
}

/// What a message takes in memory.
fn bytes(publish: &Publish) -> usize {
    let asked = publish.properties.as_ref();
    let topic = asked.and_then(|asked| asked.response_topic.as_ref()).map_or(0, String::len);
    let data = asked.and_then(|asked| asked.correlation_data.as_deref()).map_or(0, <[u8]>::len);
    publish.payload.len() + topic + data + COMMAND_BYTES
}

/// What of the client's events [`Work`] has to know, or why the connection ends with it.
fn seen(event: Event) -> Result<Option<Seen>, Ended> {
    Ok(Some(match event {
        Event::Incoming(Packet::ConnAck(ack)) => {
            let properties = ack.properties;
            if properties.as_ref().and_then(|properties| properties.server_keep_alive) == Some(0) {
                return Err(Ended::broken("the broker asks for a keep-alive of 0 s, which this client can't keep"));
            }
            Seen::Connected { receive_max: properties.and_then(|properties| properties.receive_max) }
        }
        Event::Incoming(Packet::SubAck(ack)) => Seen::Subscribed(ack.return_codes),
        Event::Incoming(Packet::PubAck(ack)) => Seen::Acknowledged(ack.pkid, ack.reason),
        Event::Incoming(Packet::Publish(publish)) => Seen::Message(without_extras(publish)?),
        Event::Outgoing(Outgoing::Publish(pkid)) => Seen::Left(pkid),
        Event::Outgoing(Outgoing::AwaitAck(pkid)) => Seen::Collision(pkid),
        Event::Outgoing(Outgoing::Disconnect) => return Err(Ended::Stopped),
        _ => return Ok(None),
    }))
}

/// Without what nobody here looks at, and a sender may fill as it likes.
fn without_extras(mut publish: Publish) -> Result<Publish, Ended> {
    if let Some(asked) = &mut publish.properties {
        if asked.topic_alias.is_some() {
            return Err(Ended::broken("the broker uses an alias for a topic, which it was not offered"));
        }
        let (response_topic, correlation_data) = (asked.response_topic.take(), asked.correlation_data.take());
        *asked = PublishProperties { response_topic, correlation_data, ..PublishProperties::default() };
    }
    Ok(publish)
}

fn options(shared: &mut Shared, session: u64) -> Result<MqttOptions, Trouble> {
    let config = &shared.config;
    let kept = shared.kept.as_ref().filter(|_| shared.renewal.goes_back()).map(|kept| &kept.credentials);
    let (mut options, credentials) = way::options(&config.broker, &config.client_id, kept, shared.clock)?;
    options
        .set_keep_alive(config.keep_alive)
        .set_clean_start(false)
        .set_session_expiry_interval(Some(u32::try_from(config.session_expiry.as_secs()).unwrap_or(u32::MAX)))
        .set_receive_maximum(Some(COMMANDS_IN_FLIGHT_MAX))
        .set_max_packet_size(Some(2 * MESSAGE_BYTES_MAX as u32))
        .set_outgoing_inflight_upper_limit(config.window.saturating_mul(4).saturating_add(2 * COMMANDS_IN_FLIGHT_MAX))
        .set_manual_acks(true);
    shared.credentials = Some(credentials);
    let lost = state(shared, session, Presence::Lost);
    let properties = LastWillProperties {
        delay_interval: None,
        payload_format_indicator: None,
        message_expiry_interval: None,
        content_type: Some("application/json".into()),
        response_topic: None,
        correlation_data: None,
        user_properties: Vec::new(),
    };
    let topic = shared.topics.state_agent();
    options.set_last_will(LastWill::new(topic, lost, QoS::AtLeastOnce, true, Some(properties)));
    Ok(options)
}

fn state(shared: &Shared, session: u64, state: Presence) -> String {
    let head = shared.journal.head().borrow().to_owned();
    let version = shared.config.version.as_str();
    let (epoch, origin, instance) = (head.epoch.id, Some(shared.origin), Some(shared.instance));
    AgentState { state, version, epoch, origin, instance, head: head.epoch.sequence(head.place), session }.render()
}
